"""Tables for the terminal."""

from __future__ import annotations

import unicodedata
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import width as columns_wide

from testio_analytics.display.terminal import fitted, text_table
from testio_analytics.errors import ReportError
from testio_analytics.text import one_line

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


def features(titles: list[Any]) -> pd.DataFrame:
    """Return a small report with these titles."""
    count = len(titles)
    return pd.DataFrame(
        {
            "feature_id": pd.array(range(81000, 81000 + count), dtype="Int64"),
            "feature": pd.Series(titles, dtype=object),
            "tests": pd.array([1709] * count, dtype="Int64"),
            "share": pd.array([0.26] * count, dtype="Float64"),
            "last": pd.Series([pd.Timestamp("2025-12-08", tz="UTC")] * count, dtype="datetime64[us, UTC]"),
        }
    )


def test_a_table_reads_like_this() -> None:
    """Names, a rule, rows, a count; numbers right, ids and text left, a gap as a dash."""
    frame = features(["Gift vouchers", None])
    frame.loc[1, ["tests", "share", "last"]] = pd.NA

    assert text_table(frame, width=80, shares=["share"], unknown=["tests"]).splitlines() == [
        "feature_id  feature          tests  share  last",
        "──────────  ─────────────  ───────  ─────  ──────────",
        "81000       Gift vouchers    1,709   26 %  2025-12-08",
        "81001       –              unknown      –  –",
        "(2 rows)",
    ]


def test_times_of_day_are_shown_where_there_are_any() -> None:
    """A column of days reads as days, one with a time of day to the minute, in UTC."""
    said = pd.Series(["2026-06-30T08:05:00+02:00", None, "2026-06-30T00:00:00Z"])
    times = pd.to_datetime(said, utc=True, format="ISO8601")

    lines = text_table(pd.DataFrame({"read": times})).splitlines()
    assert [line.strip() for line in lines[2:5]] == ["2026-06-30 06:05", "–", "2026-06-30 00:00"]


@given(st.lists(ANY_TEXT, max_size=4), st.integers(55, 120))
def test_no_line_is_wider_than_the_terminal(titles: list[str], width: int) -> None:
    """Whatever the titles hold, each row is one line that fits, and nothing in it acts."""
    table = text_table(features(titles), width=width)
    lines = table.split("\n")

    assert len(lines) == len(titles) + 3
    assert all(columns_wide(line) <= width for line in lines)
    assert not [c for c in table if unicodedata.category(c) in {"Cc", "Cs"} and c != "\n"]
    for line in lines[2:-1]:
        assert line.endswith("1,709   0.26  2025-12-08")


@given(ANY_TEXT.filter(lambda text: "\n" not in text), st.integers(1, 30))
def test_a_cut_text_fits_and_says_so(text: str, width: int) -> None:
    """Wide characters count twice, combining ones not at all."""
    text = one_line(text)
    short = fitted(text, width)

    assert columns_wide(short) <= width
    assert short == text if columns_wide(text) <= width else short.endswith("…")


def test_wide_characters_keep_the_columns_aligned() -> None:
    """Chinese and emoji take two columns each, and the number after them still stands right."""
    lines = text_table(features(["船票", "🚢 deck", "plain"]), width=80).split("\n")

    assert len({columns_wide(line) for line in lines[2:5]}) == 1


def test_terminal_escapes_are_shown_and_not_obeyed() -> None:
    """A title cannot recolour, retitle or clear the terminal, nor break its line."""
    table = text_table(features(["\x1b]0;owned\x07\x1b[2J\nsecond \x9b31m line"]))

    assert "␛]0;owned␇␛[2J second \ufffd31m line" in table
    assert table.count("\n") == 3


def test_what_cannot_fit_becomes_one_block_per_row() -> None:
    """No column is dropped: with no room for all of them, each value stands on its own line."""
    table = text_table(features(["Gift vouchers", "Seat map"]), width=30)

    assert table.splitlines()[:7] == [
        "feature_id  81000",
        "feature     Gift vouchers",
        "tests       1,709",
        "share       0.26",
        "last        2025-12-08",
        "",
        "feature_id  81001",
    ]
    assert all(len(line) <= 30 for line in table.splitlines())


def test_a_pipe_gets_every_character() -> None:
    """Without a width nothing is cut."""
    assert "x" * 5000 in text_table(features(["x" * 5000]), width=None)


def test_nothing_to_list_is_said() -> None:
    """An empty frame shows its columns and that there are no rows."""
    assert text_table(features([]), width=80).splitlines()[0].split() == [
        "feature_id",
        "feature",
        "tests",
        "share",
        "last",
    ]
    assert text_table(features([]), width=20).endswith("(no rows)")
    assert text_table(pd.DataFrame()) == "(no columns)"


def test_a_column_that_is_not_there_is_named() -> None:
    """A slip in `shares` is an error, not a plain number."""
    with pytest.raises(ReportError, match="no column shar;"):
        text_table(features([]), shares=["shar"])


def test_a_huge_title_is_cut() -> None:
    """Titles of 100,000 characters fit the width like all others."""
    frame = features(["שלום 🚢" * 15_000] * 20)

    assert max(len(line) for line in text_table(frame, width=100).splitlines()) <= 100


def test_equal_ends_of_a_range_read_as_one_value() -> None:
    """Also where they only read the same, with the unit behind them."""
    shares = pd.Series([1 / 3, 0.25], dtype="Float64")
    lines = text_table(
        pd.DataFrame({"share": shares}), shares=["share"], highest={"share": pd.Series([1 / 3, 0.5], dtype="Float64")}
    )
    assert [line.strip() for line in lines.splitlines()[2:4]] == ["33 %", "25–50 %"]


def test_equally_wide_columns_are_cut_alike() -> None:
    """None is cut to the bone while another keeps all its width."""
    frame = pd.DataFrame({"a": ["x" * 30], "b": ["y" * 30], "c": ["z" * 30]})
    widths = [columns_wide(part) for part in text_table(frame, width=64).splitlines()[1].split("  ")]
    assert max(widths) - min(widths) <= 1 and sum(widths) == 60
