"""HTML tables: complete, escaped, and the same every time."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser import sample_frame, sample_table
from markup import ANY_TEXT, checked
from testio_analytics.display.blocks import Block
from testio_analytics.display.cells import STATES
from testio_analytics.display.csv_json import csv_text
from testio_analytics.display.html_cells import SHOWN_TEXT
from testio_analytics.display.html_table import FIRST_ROWS, LONG, html_table
from testio_analytics.display.packed import unpacked
from testio_analytics.errors import ReportError
from testio_analytics.text import clean


def table_of(frame: pd.DataFrame, **options: Any) -> Block:
    """Return the frame as a table with some caption."""
    return html_table(frame, caption=options.pop("caption", "Features."), **options)


def test_a_table_has_caption_scopes_and_a_row_for_each_row() -> None:
    """Head cells say what they head, columns stand in the order of the labels, numbers to the right."""
    found = checked(sample_table(sample_frame(20)))

    assert found.tags.count("caption") == 1
    assert found.values("scope").count("row") == 20
    assert found.values("scope").count("col") == 8
    heads = re.findall(r'<th scope="col"( class="num")?>([^<]*)</th>', sample_table(sample_frame(3)).html)
    assert [text for _, text in heads][:3] == ["Feature", "State", "Why"]
    assert [text for right, text in heads if right] == ["Tests", "Stories", "Stories run"]


def test_values_read_by_their_kind() -> None:
    """Days, shares, truth values and gaps are words; the instant and the number to sort by are beside them."""
    frame = pd.DataFrame(
        {
            "feature": ["Seat map"],
            "last": pd.to_datetime(["2025-12-08T14:30:00Z"]),
            "share": [0.256],
            "known": pd.array([True], dtype="boolean"),
            "tests": pd.array([1709], dtype="Int64"),
            "test_id": pd.array([1709], dtype="Int64"),
            "none": pd.array([None], dtype="Int64"),
            "bugs": pd.array([None], dtype="Int64"),
        }
    )
    html = table_of(frame, shares=["share"], unknown=["bugs"]).html

    assert '<time datetime="2025-12-08T14:30:00+00:00" title="8 December 2025, 14:30 UTC">8 Dec 2025</time>' in html
    assert '<td class="num" data-sort="0.256" data-label="Share">26\u00a0%</td>' in html
    assert '<td data-sort="1" data-label="Known">yes</td>' in html
    assert '<td class="num" data-sort="1709" data-label="Tests">1,709</td>' in html
    assert '<td data-sort="1709" data-label="Test id">1709</td>' in html
    assert '<td class="num missing" data-label="None">–</td>' in html
    assert '<td class="num missing" data-label="Bugs"><span class="state state-unknown">' in html


def test_a_share_stands_with_its_interval() -> None:
    """Small below it, the bounds from the columns that are named; none where there is no share."""
    frame = pd.DataFrame({"feature": ["a", "b"], "share": [0.25, None], "low": [0.1, None], "high": [0.5, None]})
    labels = {"feature": "Feature", "share": "Share"}
    html = table_of(frame, labels=labels, intervals={"share": ("low", "high")}).html

    assert (
        '<td class="num" data-sort="0.25" data-label="Share">25\u00a0% <small>10–\u206050\u00a0%</small></td>' in html
    )
    assert html.count("<small>") == 1
    with pytest.raises(ReportError, match="no column upper"):
        table_of(frame, labels=labels, intervals={"share": ("low", "upper")})


def test_a_moment_shows_its_time_of_day() -> None:
    """Where the hour matters, as for runs, it is shown, in UTC whatever the offset was."""
    frame = pd.DataFrame({"run": [1], "started": pd.to_datetime(["2026-06-30T08:05:00+02:00"])})

    assert ">30 Jun 2026, 06:05 UTC</time>" in table_of(frame, moments=["started"]).html
    assert ">30 Jun 2026</time>" in table_of(frame).html


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_shape_word_and_colour(state: str) -> None:
    """The word is text, the shape is hidden from screen readers, and it sorts by priority."""
    word = "scheduled" if state == "planned" else state
    html = table_of(pd.DataFrame({"feature": ["a"], "state": [state]})).html

    assert f'data-sort="{STATES.index(state)}"' in html
    assert re.search(
        rf'<span class="state state-{state}"><span class="mark" aria-hidden="true">.</span> {word}</span>', html
    )


def test_what_was_not_completely_read_looks_unknown() -> None:
    """The words of the ledger have a shape and a colour as well."""
    html = table_of(pd.DataFrame({"stream": ["a", "b"], "state": ["complete", "incomplete"]})).html

    assert '<span class="state state-tested"><span class="mark" aria-hidden="true">●</span> complete</span>' in html
    assert '<span class="state state-unknown"><span class="mark" aria-hidden="true">?</span> incomplete</span>' in html


def test_an_unheard_of_state_is_shown_as_it_is() -> None:
    """A word that is no state gets neither shape nor class made from it."""
    html = table_of(pd.DataFrame({"feature": ["a"], "state": ['odd" class="x']})).html

    assert '<span class="state">odd&quot; class=&quot;x</span>' in html


def test_details_stand_under_the_name_of_the_row() -> None:
    """Columns given as `under` are small text below the row's name and no columns of their own; gaps are left out."""
    frame = pd.DataFrame({"feature": ["Seat map"], "product": ["Ferry <App>"], "section": [None], "area": ["Kiosk"]})
    html = table_of(frame, under=["product", "section", "area"]).html

    assert '<th scope="row">Seat map<br><small>Ferry &lt;App&gt; · Kiosk</small></th>' in html
    assert html.count('scope="col"') == 1


def test_choices_stand_in_their_order_and_each_row_names_its_own() -> None:
    """The words of the page, states by priority, other words by the alphabet, a missing one last; none where they part nothing."""
    frame = pd.DataFrame(
        {
            "feature": ["a", "b", "c", "d"],
            "state": ["stale", "planned", "untested", "stale"],
            "product": ['Zoo "x"', None, "arc", "arc"],
            "kind": ["same"] * 4,
        }
    )
    choices = ["product", "state", "kind", "feature"]
    found = checked(table_of(frame, labels={"feature": "Name", "state": "How"}, under=["product"], choices=choices))

    assert json.loads(found.values("data-choices")[0] or "") == [
        ["product", "Product", ["arc", 'Zoo "x"', "–"]],
        ["state", "How", ["untested", "scheduled", "stale"]],
    ]
    assert found.values("data-choice") == ["1 2", "2 1", "0 0", "0 2"]


def test_a_long_text_opens_and_is_bounded() -> None:
    """100,000 characters are shown as 160, kept as 2,000, and their number is said."""
    html = table_of(pd.DataFrame({"feature": ["x" * 100_000]})).html

    assert len(html) < 3_000
    assert f"<summary><bdi>{'x' * 159}…</bdi></summary>" in html
    assert "(100,000 characters)" in html


def test_right_to_left_text_is_isolated() -> None:
    """A Hebrew title stands in its own direction and leaves its neighbours alone; plain text needs no element."""
    html = table_of(pd.DataFrame({"feature": ["שלום", "plain"]})).html

    assert '<th scope="row"><bdi>שלום</bdi></th>' in html
    assert '<th scope="row">plain</th>' in html


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT), min_size=1, max_size=4), ANY_TEXT)
def test_no_text_becomes_markup(rows: list[tuple[str, str, str]], caption: str) -> None:
    """Whatever names, states and captions hold, the elements are ours, and the text is there as text."""
    frame = pd.DataFrame(rows, columns=["feature", "state", "product"], dtype=object)
    block = html_table(frame, caption=caption, labels={"feature": caption, "state": "State"}, under=["product"])
    found = checked(block)

    assert found.tags.count("tr") == len(rows) + 1
    block.html.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", block.html + block.text)
    text = "".join(found.texts)
    assert all(clean(name).strip() in text for name, *_ in rows if len(name) <= SHOWN_TEXT)


@given(st.lists(st.tuples(ANY_TEXT, st.one_of(st.none(), st.integers(-(10**12), 10**12))), max_size=4))
def test_the_download_holds_the_whole_frame(rows: list[tuple[str, int | None]]) -> None:
    """The link carries all columns, also those not shown, as CSV with a byte order mark."""
    frame = pd.DataFrame({"feature": [a for a, _ in rows], "tests": pd.array([b for _, b in rows], dtype="Int64")})
    found = checked(table_of(frame.astype({"feature": object}), labels={"feature": "Feature"}, download="list.csv"))

    assert found.values("download") == ["list.csv"]
    address = found.values("href")[0] or ""
    assert address.startswith("data:text/csv;charset=utf-8,%EF%BB%BF")
    lines = list(csv.reader(io.StringIO(unquote(address.partition(",")[2]).removeprefix("\ufeff"))))
    assert lines[0] == ["feature", "tests"]
    assert [line[1] for line in lines[1:]] == ["" if tests is None else str(tests) for _, tests in rows]


def test_a_table_without_rows_says_so() -> None:
    """There is a heading, and one line that there is nothing."""
    html = table_of(pd.DataFrame({"feature": pd.Series([], dtype="str"), "tests": pd.Series([], dtype="Int64")})).html

    assert '<tr class="empty"><td colspan="2">Nothing to list.</td></tr>' in html


def test_rows_and_input_stay_as_they_are() -> None:
    """The order of rows is kept, the frame is not changed, and the second time gives the same text."""
    frame = sample_frame(30).sample(frac=1, random_state=1)
    before = frame.copy()
    first, second = sample_table(frame), sample_table(frame)

    pd.testing.assert_frame_equal(frame, before)
    assert first == second
    names = re.findall(r'<th scope="row"[^>]*>([^<]*)', first.html)
    assert names == list(frame["feature"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": {"titel": "Title"}}, "no column titel; it has: feature"),
        ({"row_header": "name"}, "no column name"),
        ({"under": ["product"]}, "no column product"),
        ({"shares": ["quota"]}, "no column quota"),
        ({"unknown": ["bugs"]}, "no column bugs"),
        ({"choices": ["product"]}, "no column product"),
        ({"download": "../up.csv"}, "plain file name"),
        ({"download": 'a" b.csv'}, "plain file name"),
        ({"under": ["feature"]}, "at least one column"),
    ],
)
def test_a_slip_in_an_option_is_an_error(options: dict[str, Any], message: str) -> None:
    """A column that is not there is named, together with those that are."""
    with pytest.raises(ReportError, match=re.escape(message)):
        table_of(pd.DataFrame({"feature": ["a"]}), **options)


def test_names_carry_what_they_name() -> None:
    """The name itself and those below it, each with the kind and id of its own; none where the id is missing or 0."""
    frame = pd.DataFrame(
        {
            "name": ["Pay <now>", "Login", "Figure", "x" * 200],
            "what": ["feature", "test", "figure", "bug"],
            "id": pd.array([2**53 + 1, 4, 5, 6], dtype="Int64"),
            "product": ["Shop", "Account", "None", None],
            "product_id": pd.array([1, 0, None, 8], dtype="Int64"),
        }
    )
    about = {"name": ("what", "id"), "product": ("product", "product_id")}
    html = table_of(frame, labels={"name": "Name"}, under=["product"], about=about).html

    assert (
        '<th scope="row"><span data-about="feature-9007199254740993">Pay &lt;now&gt;</span>'
        '<br><small><span data-about="product-1">Shop</span></small></th>'
    ) in html
    assert '<th scope="row"><span data-about="test-4">Login</span><br><small>Account</small></th>' in html
    assert '<th scope="row">Figure<br><small>None</small></th>' in html
    assert f'</summary><p><span data-about="bug-6">{"x" * 200}</span></p></details></th>' in html
    with pytest.raises(ReportError, match="no column test_id"):
        table_of(frame, about={"name": ("test", "test_id")})


def test_a_row_of_several_sections_has_each_as_its_choice() -> None:
    """Names joined by commas are offered one by one."""
    frame = pd.DataFrame({"feature": list("abcd"), "sections": ["Shop, App", "App", None, None]})
    found = checked(table_of(frame, under=["sections"], choices=["sections"], lists=["sections"]))

    assert json.loads(found.values("data-choices")[0] or "") == [["sections", "Sections", ["App", "Shop", "–"]]]
    assert found.values("data-choice") == ["0,1", "0", "2", "2"]


def long_frame(rows: int = LONG + 1) -> pd.DataFrame:
    """Return rows of which some are alike, with every kind of value."""
    frame = sample_frame(60)
    return pd.concat([frame] * (rows // 60 + 1), ignore_index=True)[:rows].assign(number=range(rows))


def test_a_long_table_packs_what_it_does_not_show() -> None:
    """Its first rows are there as they would be in a short one, the number left out is said, and all rows are packed, twice."""
    frame = long_frame()
    labels = {name: name for name in frame.columns}
    html = table_of(frame, labels=labels, choices=["state"], download="list.csv").html
    whole = table_of(frame, labels=labels, choices=["state"]).html
    rows, saved = unpacked(html)

    every = re.findall("<tr data-choice=.*?</tr>", whole)
    assert re.findall("<tr data-choice=.*?</tr>", html) == every[:FIRST_ROWS]
    assert f"The first {FIRST_ROWS} of {LONG + 1} rows; all of them are in the CSV." in html
    assert saved == "\ufeff" + csv_text(frame)
    assert 'download="list.csv.gz"' in html
    data = json.loads(rows)
    cells = [
        [kinds[places[row] if places else row] for kinds, places in data["columns"]] for row in range(data["count"])
    ]
    chosen, own = data["chosen"]
    assert [f'<tr data-choice="{chosen[own[row]]}">{"".join(cells[row])}</tr>' for row in range(len(cells))] == every
    assert len(table_of(frame.iloc[:LONG], download="list.csv").html) < 2 * len(whole)
    assert table_of(frame.iloc[:LONG], download="list.csv").html.count("<tr") == LONG + 1
    assert "data-rows" not in whole  # without a CSV nothing is left out


def test_what_only_looks_alike_stays_apart() -> None:
    """Equal values of another type read differently, and keep their own words."""
    html = table_of(pd.DataFrame({"a": pd.Series([1, True, 1.5, "1", None, [1]], dtype=object)})).html

    assert re.findall('<th scope="row"[^>]*>(.*?)</th>', html) == ["1", "yes", "1.50", "1", "–", "[1]"]
