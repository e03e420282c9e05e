"""Whether two texts are the same, and which words differ: a table of cases, and properties of all texts."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.api.credentials import REMOVED
from testio_analytics.reports import texts
from testio_analytics.reports.texts import LONGEST_QUOTE, changed_words, changes, differ, is_same

TABLE = Path(__file__).with_name("changed_texts.csv")
"""Text then, text now, whether that is a change, and its words; with ``\\n``, ``\\r``, ``\\t`` and ``\\uXXXX``."""


def _read(text: str) -> str:
    return re.sub(r"(?:\\u[0-9a-f]{4})+|\\[nrt]", lambda match: str(json.loads(f'"{match[0]}"')), text)


with TABLE.open(encoding="utf-8", newline="") as _file:
    CASES = [tuple(map(_read, row.values())) for row in csv.DictReader(_file)]


@pytest.mark.parametrize(("then", "now", "changed", "words"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_each_case_of_the_table(then: str, now: str, changed: str, words: str) -> None:
    """The verdict, both ways round, the words, and the same from two columns; none is missed and none is extra."""
    one, other = (None if text == "NULL" else text for text in (then, now))

    assert is_same(one, other) == is_same(other, one) == (changed == "no")
    assert changed_words(one, other) == words
    columns = (pd.Series([text], dtype="str") for text in (other, one))
    assert differ(*columns).tolist() == [changed == "yes"]


def test_the_table_has_cases_of_both_kinds_once() -> None:
    """A case that stands twice, or a table of one kind, would prove less than it seems to."""
    assert len({case[0] for case in CASES}) == len(CASES)
    assert {case[3] for case in CASES} == {"yes", "no"}


# -- properties -----------------------------------------------------------------------------------------------------

SPELLINGS: tuple[tuple[str, ...], ...] = (
    (" ", "  ", "\r\n", "\t", "\u00a0", " \u200b ", "&nbsp;"),
    ("<b class='x' id=y>", '<b id="y" class="x">', "<B ID=y\nCLASS=x >", "<b id='y' class=x/>"),
    ("</b>", "</B>", "</b >"),
    ("<br>", "<BR/>", "<br />"),
    ("&", "&amp;", "&#38;", "&#x26;"),
    ("é", "e\u0301", "&eacute;", "&#233;"),
    ("☎", "☎\ufe0f", "&#9742;"),
    ("seat", "s\u00adeat", "\ufeffseat"),
    ("map",),
    (".", " .", " . "),
    ("座",),
)
"""Ways to spell the same; a blank is no other spelling of itself beside nothing, so it stands between all others."""


@st.composite
def two_spellings(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a text in two spellings."""
    parts = draw(st.lists(st.sampled_from(SPELLINGS), max_size=12))
    return tuple("".join(draw(st.sampled_from((*part, part[0]))) + " " for part in parts) for _ in range(2))  # type: ignore[return-value]


@given(two_spellings())
def test_a_text_spelled_in_another_way_is_the_same(pair: tuple[str, str]) -> None:
    """Whatever is respelled, and however often."""
    assert is_same(*pair)
    assert changed_words(*pair) == ""


PIECES = [
    *(spelling for part in SPELLINGS for spelling in part),
    *"<>&;=\"'/-",
    "<p ",
    "&lt;",
    "&gt;",
    "&#6",
    "e",
    "\u0301",
]
any_text = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
cut_text = st.lists(st.sampled_from([*PIECES, REMOVED, " ", "map"]), max_size=10).map("".join)


@given(cut_text, cut_text)
def test_the_verdict_is_the_same_both_ways_round(one: str, other: str) -> None:
    """And a text is the same as itself."""
    assert is_same(one, other) == is_same(other, one)
    assert is_same(one, one)


@given(cut_text, cut_text)
def test_a_change_has_words_and_words_mean_a_change(one: str, other: str) -> None:
    """Nothing is flagged without words that differ."""
    assert bool(changed_words(one, other)) or is_same(one, other)
    assert not (changed_words(one, other) and is_same(one, other) and REMOVED not in one + other)


@given(any_text, any_text, any_text, any_text)
def test_what_is_equal_around_a_difference_never_changes_the_verdict(
    before: str, one: str, other: str, behind: str
) -> None:
    """Only a part of two texts is compared: the verdict is that of the whole of both."""
    pair = (before + one + behind, before + other + behind)
    assert is_same(*pair) == (texts._tokens(pair[0]) == texts._tokens(pair[1]))


@given(any_text, any_text)
def test_the_words_rebuild_what_differs(one: str, other: str) -> None:
    """Without the words of the changes both texts hold the same; nothing else differs, and nothing is lost."""
    found = changes(one, other)
    sides = []
    for text, side in ((one, 0), (other, 1)):
        kept = Counter(texts._tokens(text))
        for change in found:
            taken = Counter(texts._TOKEN.findall(change[side]))
            assert taken <= kept
            kept -= taken
        sides.append(kept)
    assert sides[0] == sides[1]


@pytest.mark.parametrize(
    "hostile",
    [
        lambda n: "a " * n,
        lambda n: "<a " * n,
        lambda n: '<a x="' * n,
        lambda n: "<a '\"" * n,
        lambda n: "&" * n,
        lambda n: "<p " + "x=1 " * n + ">",
        lambda n: f"{REMOVED} " * n,
    ],
)
def test_hostile_texts_take_little_and_are_shown_short(hostile: Callable[[int], str]) -> None:
    """A hundred thousand repetitions, of which one differs in the middle, or all do."""
    text = hostile(100_000)
    for other in (text[: len(text) // 2] + " zzz " + text[len(text) // 2 :], text.replace("a", "b").replace("&", "+")):
        assert len(changed_words(text, other)) < 6 * LONGEST_QUOTE
