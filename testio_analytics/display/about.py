"""One thing of the account, whole: as an HTML block, as text for a terminal, and as one object of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import pandas as pd

from testio_analytics.config import resolve_web_addresses
from testio_analytics.display.blocks import KEPT_TEXT, Block, notice, one_sentence, state_chip, statement, typeset
from testio_analytics.display.cells import UNKNOWN, cell_words, is_missing, number_words, range_words
from testio_analytics.display.csv_json import csv_text, plain_value
from testio_analytics.display.links import link_html, tracker_addresses
from testio_analytics.display.report_tables import TRACKER_KEY, table
from testio_analytics.display.terminal import text_table
from testio_analytics.errors import UnusedOptionError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.about import About, Part, view_of
from testio_analytics.reports.about_bug import about_bug
from testio_analytics.reports.about_feature import about_feature
from testio_analytics.reports.about_product import about_product
from testio_analytics.reports.about_test import about_test
from testio_analytics.reports.columns import Column, filled
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.text import clean, counted, for_html, instant_words, interval_words, one_line, short

WIDTH = 80
MOST_ROWS = 20
"""Rows of a table in a terminal; how many more there are is said."""

MOST_ON_A_PAGE = 200
"""Rows of a table in a notebook."""

SEARCH_THERE = "look for its id or title there"
TERMINAL: Mapping[str, tuple[str, ...]] = {
    "coverage_by_section": ("section", "active_features", "untested", "stale", "tested", "recent_share"),
    "next_tests": ("rank", "feature_id", "feature", "why"),
    "untested_features": ("feature_id", "feature", "state", "reason"),
    "bugs_per_feature": ("feature_id", "feature", "tests", "bugs", "critical", "shrunk"),
    "completeness": ("stream", "state", "expected", "stored", "missing", "last_complete"),
}
"""Columns of reports that a terminal shows of one product: what it needs to go on from there, on one line a row."""

IN_LINES = ("about_feature", "about_product", "about_test", "about_bug")
"""Parts of one row that stand line by line on a page: they hold texts. The others are figures, beside each other."""

NOT_SAID = "not said"


@dataclass(frozen=True)
class Whole(Block):
    """One thing of the account as HTML and as text; `about` has all of it as data."""

    about: About

    def __repr__(self) -> str:
        return self.text


def feature(mirror: Mirror, feature: int | str, *, as_of: AsOf = None, impact: ImpactSource = None) -> Whole:
    """Return everything about one feature: see `about_feature`."""
    return whole(about_feature(mirror, feature, as_of=as_of, impact=impact))


def product(mirror: Mirror, product: int | str, *, as_of: AsOf = None, impact: ImpactSource = None) -> Whole:
    """Return everything about one product: see `about_product`."""
    return whole(about_product(mirror, product, as_of=as_of, impact=impact))


def test(mirror: Mirror, test: int | str, *, as_of: AsOf = None) -> Whole:
    """Return everything about one test: see `about_test`."""
    return whole(about_test(mirror, test, as_of=as_of))


test.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


def bug(mirror: Mirror, bug: int | str, *, as_of: AsOf = None) -> Whole:
    """Return everything about one bug: see `about_bug`."""
    return whole(about_bug(mirror, bug, as_of=as_of))


def about_of(mirror: Mirror, kind: str, asked: int | str, *, impact: ImpactSource = None) -> About:
    """Return everything about one thing of that kind.

    Raises:
        UnclearNameError: nothing, or more than one thing, has that id or title.
        UnusedOptionError: `impact` is given for a test or bug.
    """
    if kind == "feature":
        return about_feature(mirror, asked, impact=impact)
    if kind == "product":
        return about_product(mirror, asked, impact=impact)
    if impact is not None:
        raise UnusedOptionError(f"about one {kind}", "impact", ["feature", "product"], ["test", "bug"])
    return about_test(mirror, asked) if kind == "test" else about_bug(mirror, asked)


def whole(about: About) -> Whole:
    """Return the view of one thing."""
    return Whole(about_html(about), about_text(about, width=WIDTH), about)


def about_formatted(about: About, form: str, *, width: int | None) -> str:
    """Return the view as ``table`` (text), ``csv`` (the first part, one row) or ``json`` (all of it as one object)."""
    if form == "json":
        return json.dumps(as_dict(about), ensure_ascii=False, indent=2)
    return csv_text(about.parts[0].rows) if form == "csv" else about_text(about, width=width)


def as_dict(about: About) -> dict[str, Any]:
    """Return all of it as types of JSON: each part under its name, a list of rows or, where it has one, the row."""
    parts = {part.name.removeprefix("about_"): _plain(part) for part in about.parts}
    notes = {part.name.removeprefix("about_"): [*part.notes] for part in about.parts if part.notes}
    head = {"kind": about.kind, "id": about.id, "title": about.title, "sentence": about.sentence, "as_of": about.as_of}
    keys = {key for part in about.parts if TRACKER_KEY in part.rows for key in part.rows[TRACKER_KEY].dropna()}
    links = {"testio": _account_of(about), "tracker": tracker_addresses(keys)}
    shown = {name: value for name, value in links.items() if value}
    found = plain_value(
        {**head, "links": shown, "is_complete": not about.doubts, "doubts": [*about.gaps], **parts, "notes": notes}
    )
    return dict(found)


def _plain(part: Part) -> Any:
    rows = part.rows.to_dict("records")
    return rows[0] if part.is_list else rows


# -- one value ------------------------------------------------------------------------------------------------------


def _items(part: Part) -> Iterator[tuple[Column, str, Any]]:
    """Yield what a part of one row shows: the column, the value in words, and the value. What is not there is left out."""
    view, row = view_of(part.name), part.rows.iloc[0]
    for name in view.page or [column.name for column in view.columns]:
        column = view.column(name)
        if name in row.index and (words := _words(column, row)) is not None:
            yield column, words, row[name]


def _words(column: Column, row: pd.Series[Any]) -> str | None:
    """Return one value in words, with the range or interval that belongs to it; None where there is nothing to say."""
    value = row[column.name]
    if is_missing(value):
        return UNKNOWN if column.reads_unknown else NOT_SAID if column.kind == "flag" else None
    if column.kind == "text" or column.kind == "state":
        return clean(str(column.words.get(str(value), value)))
    shares = [column.name] if column.kind == "share" else []
    said = cell_words(value, column.name, shares=shares, unknown=[])
    if column.highest in row.index:
        most = row[column.highest]
        if is_missing(most):
            said = f"at least {said}"
        else:
            said = range_words(said, cell_words(most, column.name, shares=shares, unknown=[]))
    return said + _interval(column, row)


def _interval(column: Column, row: pd.Series[Any]) -> str:
    ends = [row[name] for name in column.bounds or () if name in row.index and not is_missing(row[name])]
    if len(ends) != 2:
        return ""
    low, high = map(float, ends)
    both = interval_words(low, high) if column.kind == "share" else f"{number_words(low)} to {number_words(high)}"
    return f" (95 % interval {both})"


# -- HTML -----------------------------------------------------------------------------------------------------------


def about_html(about: About) -> str:
    """Return the view as HTML: heading, sentence, what is in doubt, and the parts."""
    address = _account_of(about)
    place = f"<p>{link_html('Test IO', address)}: {SEARCH_THERE}</p>" if address else ""
    head = f"<h2>{for_html(about.kind.capitalize())} {about.id}</h2>{statement(about.sentence).html}{place}"
    doubts = notice(about.gaps, lead="Not certain:" if about.doubts else "").html
    return f'<div class="about">{head}{doubts}{"".join(map(_part_html, about.parts))}</div>'


def _account_of(about: About) -> str | None:
    """Return the address of the account, for what people look for there."""
    return resolve_web_addresses().testio if about.kind in ("test", "bug") else None


def _part_html(part: Part) -> str:
    heading = f"<h3>{for_html(part.title)}</h3>"
    notes = "".join(f"<p>{typeset(one_sentence(note))}</p>" for note in part.notes)
    if part.is_list:
        return heading + (_list_html(part) if part.name in IN_LINES else _figures_html(part)) + notes
    if left := len(part.rows) - MOST_ON_A_PAGE:
        notes += (
            f"<p>{counted(left, 'more row')}: `about.parts` of this object has them, and `show` with --format json.</p>"
            if left > 0
            else ""
        )
    return heading + notes + (table(part.name, part.rows.head(MOST_ON_A_PAGE)).html if len(part.rows) else "")


def _list_html(part: Part) -> str:
    rows = "".join(
        f'<tr><th scope="row">{for_html(filled(column.label))}</th><td>{_value_html(column, words, value)}</td></tr>'
        for column, words, value in _items(part)
    )
    name = for_html(view_of(part.name).caption)
    return f'<div class="table"><table class="few" aria-label="{name}"><tbody>{rows}</tbody></table></div>'


def _figures_html(part: Part) -> str:
    tiles = "".join(
        f"<li><span>{for_html(filled(column.label))}</span> <strong>{_value_html(column, words, value)}</strong></li>"
        for column, words, value in _items(part)
    )
    return f'<ul class="figures">{tiles}</ul>'


def _value_html(column: Column, words: str, value: Any) -> str:
    if column.name == TRACKER_KEY and (address := tracker_addresses([value]).get(value)):
        return link_html(words, address)
    if words == UNKNOWN or (column.kind == "state" and not column.words):
        return state_chip(words)
    if column.kind == "state":
        return state_chip(str(value)) if column.name == "state" else for_html(words)
    if column.kind == "time":
        return f'<time datetime="{value.isoformat()}" title="{instant_words(value)}">{words}</time>'
    if column.kind != "text":
        return typeset(words)
    lines = "<br>".join(f"<bdi>{for_html(line)}</bdi>" for line in short(words, KEPT_TEXT).splitlines())
    more = f" <small>({len(words):,} characters)</small>" if len(words) > KEPT_TEXT else ""
    return lines + more


# -- text -----------------------------------------------------------------------------------------------------------


def about_text(about: About, *, width: int | None = WIDTH) -> str:
    """Return the view as text. In a terminal of that width a long table ends with how many rows more there are."""
    lines = [*_wrapped(f"{about.kind.capitalize()} {about.id}: {about.sentence}", width)]
    if address := _account_of(about):
        lines += _wrapped(f"Test IO: {address} ({SEARCH_THERE})", width)
    if about.doubts:
        lines += ["", "Not certain:", *(line for gap in about.gaps for line in _wrapped(gap, width, "- ", "  "))]
    for part in about.parts:
        lines += ["", part.title, "─" * len(part.title), *_part_lines(part, width)]
    return "\n".join(lines)


def _part_lines(part: Part, width: int | None) -> Iterator[str]:
    if part.is_list:
        items = [(filled(column.label), _with_address(column, words, value)) for column, words, value in _items(part)]
        longest = max((len(label) for label, _ in items), default=0)
        for label, words in items:
            yield from _item_lines(label, longest, words, width)
    elif len(part.rows):
        shown = part.rows if width is None else part.rows.head(MOST_ROWS)
        yield _table_text(shown, part.name, width)
        yield _rows_words(len(part.rows), len(shown))
    for note in part.notes:
        yield from _wrapped(note, width)


def _with_address(column: Column, words: str, value: Any) -> str:
    address = tracker_addresses([value]).get(value) if column.name == TRACKER_KEY else None
    return f"{words}  {address}" if address else words


def _rows_words(rows: int, shown: int) -> str:
    if rows > shown:
        return f"({shown:,} of {rows:,} rows; --format json has all)"
    return f"({counted(rows, 'row')})"


def _item_lines(label: str, longest: int, words: str, width: int | None) -> Iterator[str]:
    """Yield a label and its value beside it; a value of several lines keeps them."""
    space = " " * (longest + 2)
    first = f"{label:<{longest}}  "
    for line in words.splitlines() or [""]:
        yield from _wrapped(line, width, first, space)
        first = space


def _wrapped(text: str, width: int | None, first: str = "", then: str = "") -> list[str]:
    text = one_line(text)
    if width is None:
        return [first + text]
    return wrap(text, max(width, WIDTH // 2), initial_indent=first, subsequent_indent=then, break_on_hyphens=False) or [
        first
    ]


def _table_text(rows: pd.DataFrame, name: str, width: int | None) -> str:
    """Return the columns for a terminal that say anything in any of the rows, under the labels that people read."""
    view = view_of(name)
    names = TERMINAL.get(name) or view.terminal or view.page or [column.name for column in view.columns]
    columns = [column for column in map(view.column, names) if column.reads_unknown or rows[column.name].notna().any()]
    labels = {column.name: filled(column.label) for column in columns}
    shown = pd.DataFrame({column.name: _cells(column, rows[column.name]) for column in columns})
    text = text_table(
        shown.rename(columns=labels),
        width=width,
        shares=[labels[column.name] for column in columns if column.kind == "share"],
        unknown=[labels[column.name] for column in columns if column.reads_unknown],
        highest={labels[column.name]: rows[column.highest] for column in columns if column.highest in rows},
    )
    return text.rpartition("\n")[0]  # without the number of rows: these may be the first ones only


def _cells(column: Column, values: pd.Series[Any]) -> pd.Series[Any]:
    if column.kind == "id":
        return values.astype("str")
    if column.kind == "time":
        return pd.Series(values.dt.normalize())
    if column.words:
        said = [value if is_missing(value) else column.words.get(value, value) for value in values.tolist()]
        return pd.Series(said, index=values.index, dtype="str")
    return values
