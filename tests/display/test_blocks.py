"""HTML blocks: complete, escaped, and the same every time."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser import sample_frame, sample_table
from markup import ANY_TEXT, checked
from testio_analytics.display import blocks
from testio_analytics.display.blocks import Block
from testio_analytics.display.cells import STATES
from testio_analytics.errors import ReportError


def test_a_verdict_stresses_the_figures_that_answer() -> None:
    """Counts like "k of n" and numbers that open a clause are strong; dates, shares and intervals are not."""
    block = blocks.verdict(
        "29 of 112 features (26 %, 19–35 %) as of 30 June 2026: 23 untested and 6 scheduled; 4 more have unknown status."
    )

    assert re.findall("<strong>(.*?)</strong>", block.html) == ["29 of 112", "4"]
    assert unescape(re.sub("<.*?>|\u2060", "", block.html)).replace("\u00a0", " ") == block.text


def test_a_share_that_opens_the_sentence_is_not_stressed_as_a_count() -> None:
    """26 % is no number of features."""
    assert "<strong>" not in blocks.verdict("26 % of the features are untested.").html


@given(ANY_TEXT, ANY_TEXT)
def test_no_block_lets_markup_in(first: str, second: str) -> None:
    """Sentences, facts, notices, definitions and states hold text only, and read as one safe line."""
    shown = [
        blocks.verdict(first),
        blocks.facts({first: second, "n": 3, "none": None}),
        blocks.figures({first: (second, [first, second])}),
        blocks.notice(first, lead=second),
        blocks.notice([first, second], lead=first),
        blocks.definition_list([(first, second), (first, second)], summary=first),
        blocks.state_bar({first: 1, "tested": 2}, caption=second),
    ]
    for block in shown:
        checked(block)
        block.html.encode("utf-8")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", repr(block))


def test_figures_stand_large_with_what_belongs_to_them() -> None:
    """Name, figure and a line for each note; a missing figure is unknown."""
    block = blocks.figures({"Tested": ("3 of 4", ["75 %", "+1 since May"]), "Bugs": (None, [])})

    assert block.text == "Tested: 3 of 4 (75 %; +1 since May) · Bugs: unknown"
    assert checked(block).tags.count("li") == 2
    assert re.findall("<strong>(.*?)</strong>", block.html) == ["3 of 4", "unknown"]


def test_a_missing_fact_is_unknown() -> None:
    """No data is not nothing: it is said."""
    block = blocks.facts(
        {"As of": pd.Timestamp("2026-06-30T06:00:00Z"), "Last complete sync": pd.NaT, "Products": 1709}
    )

    assert block.text == "As of: 30 June 2026, 06:00 UTC · Last complete sync: unknown · Products: 1,709"


def test_a_notice_with_nothing_to_say_is_not_there() -> None:
    """An account without gaps shows no box."""
    assert blocks.notice("") == blocks.notice([]) == blocks.notice(["", " "], lead="Gaps.") == Block("", "")


def test_several_gaps_are_a_list() -> None:
    """Each gap has its own line."""
    html = blocks.notice(["Page 5.", "Section <9>."], lead="Incomplete.").html

    assert html.count("<li>") == 2
    assert "<li>Section &lt;9&gt;.</li>" in html


@given(st.dictionaries(st.sampled_from([*STATES, "odd"]), st.integers(0, 5000)))
def test_the_parts_of_a_bar_make_the_whole(counts: dict[str, int]) -> None:
    """Widths follow the counts, parts touch without overlap, and every state is in words with its count."""
    block = blocks.state_bar(counts, caption="By state")
    parts = re.findall(r'x="([\d.]+)%" y="0" width="([\d.]+)%"', block.html)
    total = sum(counts.values())

    assert len(parts) == sum(count > 0 for count in counts.values())
    end = 0.0
    for (start, width), count in zip(parts, [count for count in counts.values() if count], strict=True):
        assert float(start) == pytest.approx(end, abs=0.002)
        assert float(width) == pytest.approx(100 * count / total, abs=0.001)
        end = float(start) + float(width)
    for state, count in counts.items():
        assert f"{count:,} {'scheduled' if state == 'planned' else state}" in block.text
    assert block.html.count("<li>") == len(counts)


@pytest.mark.parametrize("count", [-1, None, pd.NA])
def test_a_bar_of_no_counts_is_refused(count: Any) -> None:
    """An unknown count must not be drawn as none."""
    with pytest.raises(ReportError, match="counts from 0 up"):
        blocks.state_bar({"tested": 3, "untested": count}, caption="By state")


def test_a_notebook_gets_both_forms_and_the_mark_of_ours() -> None:
    """IPython takes HTML and plain text from the bundle, and the metadata that pages trust."""
    from IPython.core.formatters import DisplayFormatter

    block = sample_table(sample_frame(3))
    data, metadata = DisplayFormatter().format(block)  # type: ignore[no-untyped-call]

    assert data == {"text/html": block.html, "text/plain": block.text}
    assert metadata == {"text/html": blocks.OUR_BLOCK}
    assert block._repr_html_() == block.html
    assert repr(block) == "Features that need a test, by priority. Tests counted since 1 January 2025. [3 rows]"
