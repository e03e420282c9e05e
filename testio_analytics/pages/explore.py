"""The page in which everything has an address: tables in, one self-contained HTML file out.

The tables travel inside the page, column by column, packed: repeated texts once, ids that lead to a row as the place of
that row, then compressed. The page's script unpacks them with what the browser has, and asks nothing of anybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from string import Template
from typing import Any

import pandas as pd

from testio_analytics.display.cells import LOOKS, MARKS, rounded
from testio_analytics.display.packed import packed
from testio_analytics.pages.page import asset, policy
from testio_analytics.reports.columns import BUCKET_WORDS, DEFAULTS, SIGNAL_WORDS, STATE_WORDS
from testio_analytics.reports.explore import Explored
from testio_analytics.reports.features import STATES
from testio_analytics.reports.next_words import PART_WORDS
from testio_analytics.text import clean, for_html, without_formatting

NAME = "explore"
TITLE = "Explore"
LARGEST_NUMBER = 2**53
"""A script keeps whole numbers exactly up to this one; a larger id travels as text."""

KEYS: Mapping[str, str] = {
    "products": "product_id",
    "sections": "section_id",
    "features": "feature_id",
    "tests": "test_id",
    "stories": "story_id",
    "bugs": "bug_id",
}
"""The column that names a row, for the tables to which others refer."""


PROSE = frozenset(f"{when}{name}" for when in ("", "then_") for name in ("description", "howtofind"))
"""Columns of texts that may be HTML; a page shows what people read of them."""


def explore_data(found: Explored) -> str:
    """Return the tables as JSON text, as the page carries it before it is compressed.

    An object of ``about``, ``words`` and ``tables``; a table has its number of rows and its columns, each either a list of values,
    or ``words`` with ``places`` (each value, or list of values, by its place among the words). What leads to another
    table is the place of the row there, or the id as text where there is none. Times are seconds since 1970.
    """
    places = {name: _places(found.tables[name][key]) for name, key in KEYS.items()}
    data = {
        "about": {
            "as_of": _seconds(found.as_of),
            "run": found.run_id,
            "window": DEFAULTS["window"],
            "sentence": clean(found.sentence),
            "since": clean(found.since),
            "doubts": [*map(clean, found.doubts)],
        },
        "words": {
            "states": STATE_WORDS,
            "order": STATES,
            "looks": LOOKS,
            "marks": MARKS,
            "outcomes": BUCKET_WORDS,
            "signals": SIGNAL_WORDS,
            "parts": PART_WORDS,
        },
        "tables": {name: _table(name, table, places) for name, table in found.tables.items()},
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def explore_page(
    data: str,
    *,
    file: str,
    title: str,
    siblings: Sequence[tuple[str, str]],
    facts: Sequence[str],
    subject: str = "",
) -> str:
    """Return the page that carries these data.

    Args:
        data: what `explore_data` gives.
        file: its own file name, as it stands among `siblings`.
        title: the document's title.
        siblings: file name and title of each page that lies beside it, itself included, for the navigation.
        facts: what the footer says: versions and sync run.
        subject: what of the account it is about, for its heading; empty for all.
    """
    style, script = asset("page.css") + asset("explore.css"), asset("explore.js")
    return Template(asset("explore.html")).substitute(
        policy=for_html(policy(style, script)),
        title=for_html(title),
        heading=for_html(f"{TITLE}: {subject}" if subject else TITLE),
        style=style,
        navigation="".join(_link(*sibling, sibling[0] == file) for sibling in siblings),
        pages="".join(_link(*sibling, False) for sibling in siblings if sibling[0] != file),
        facts=for_html(" · ".join(facts)),
        data=packed(data),
        script=script,
    )


def _link(file: str, title: str, is_current: bool) -> str:
    current = ' aria-current="page"' if is_current else ""
    return f'<li><a{current} href="{for_html(file)}">{for_html(title)}</a></li>'


# -- the data, column by column -------------------------------------------------------------------------------------


def _places(keys: pd.Series[int]) -> dict[int, int]:
    return {key: place for place, key in enumerate(keys.tolist())}


def _table(name: str, table: pd.DataFrame, places: Mapping[str, Mapping[int, int]]) -> dict[str, Any]:
    targets = {key: places[other] for other, key in KEYS.items() if other != name}
    columns = {}
    for column in table.columns:
        values = table[column]
        target = targets.get(column.removeprefix("results_").removeprefix("catalogue_last_"))
        columns[column] = _ids(values) if target is None and column == KEYS.get(name) else _column(values, target)
    return {"rows": len(table), "columns": columns}


def _column(values: pd.Series[Any], target: Mapping[int, int] | None) -> Any:
    if target is not None:
        return [None if pd.isna(key) else target.get(key, str(key)) for key in values.tolist()]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return [None if pd.isna(time) else _seconds(time) for time in values.tolist()]
    if pd.api.types.is_bool_dtype(values.dtype):
        return [None if pd.isna(flag) else int(flag) for flag in values.tolist()]
    if pd.api.types.is_integer_dtype(values.dtype):
        return _ids(values)
    if pd.api.types.is_float_dtype(values.dtype):
        return [None if pd.isna(number) else rounded(float(number)) for number in values.tolist()]
    return _texts(values, without_formatting if values.name in PROSE else clean)


def _ids(values: pd.Series[Any]) -> list[Any]:
    return [None if pd.isna(key) else key if abs(key) < LARGEST_NUMBER else str(key) for key in values.tolist()]


def _seconds(time: Any) -> int:
    return int(pd.Timestamp(time).timestamp())


def _texts(values: pd.Series[Any], readable: Callable[[str], str]) -> dict[str, Any]:
    """Return the distinct texts, made safe to read, and for each row the place of its text or texts among them."""
    words: dict[str, int] = {}

    def place(text: str) -> int:
        return words.setdefault(readable(text), len(words))

    found = [
        [place(text) for text in value]
        if isinstance(value, tuple)
        else place(value)
        if isinstance(value, str)
        else None
        for value in values.tolist()
    ]
    return {"words": [*words], "places": found}
