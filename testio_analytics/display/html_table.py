"""A frame as an HTML table, complete without any script: captions, scopes, sortable values, and its CSV.

The markup carries classes and no styles; `pages/templates` holds the look.
"""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import pandas as pd

from testio_analytics.display.blocks import KEPT_TEXT, Block, one_sentence, state_chip, typeset
from testio_analytics.display.cells import (
    STATES,
    UNKNOWN,
    Kind,
    cell_words,
    checked_frame,
    heading,
    in_utc,
    is_id,
    is_missing,
    kind_of,
    range_words,
    rounded,
)
from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text
from testio_analytics.display.links import link_html
from testio_analytics.errors import ReportError
from testio_analytics.reports.columns import STATE_WORDS
from testio_analytics.text import for_html, instant_words, interval_words, one_line, short

SHOWN_TEXT = 160
"""A long text shows its first 160 characters and opens to 2,000; the whole of it is in the CSV."""

FEW_COLUMNS = 3
"""A table with no more columns than this stays a table on a phone; a wider one becomes cards."""


@dataclass(frozen=True)
class _Layout:
    """What a table shows: its columns with their headings and kinds, and how single columns are read."""

    headings: Mapping[str, str]
    kinds: Mapping[str, Kind]
    row_header: str
    under: Sequence[str]
    shares: Collection[str]
    unknown: Collection[str]
    moments: Collection[str]
    intervals: Mapping[str, tuple[str, str]]
    words: Mapping[str, Mapping[str, str]]
    highest: Mapping[str, str]
    choices: Mapping[str, Mapping[str, int]]
    addresses: Mapping[str, Mapping[str, str]]

    def is_number(self, name: str) -> bool:
        return self.kinds[name] == "number" and not is_id(name)

    def says(self, value: object, name: str) -> str:
        value = self.words.get(name, {}).get(value, value) if isinstance(value, str) else value
        return cell_words(value, name, shares=self.shares, unknown=self.unknown)


def html_table(
    frame: pd.DataFrame,
    *,
    caption: str,
    labels: Mapping[str, str] | None = None,
    row_header: str | None = None,
    under: Sequence[str] = (),
    shares: Collection[str] = (),
    unknown: Collection[str] = (),
    moments: Collection[str] = (),
    intervals: Mapping[str, tuple[str, str]] | None = None,
    words: Mapping[str, Mapping[str, str]] | None = None,
    highest: Mapping[str, str] | None = None,
    choices: Sequence[str] = (),
    addresses: Mapping[str, Mapping[str, str]] | None = None,
    download: str | None = None,
) -> Block:
    """Return the frame as an HTML table, complete in itself; a page's script adds sorting and filtering.

    Numbers stand right, dates read "8 Dec 2025" (the exact time is in ``<time>``), truth values "yes" and "no", a
    missing value is a dash. Columns named ``state`` or ending in ``_state`` show shape and word. Rows keep their order.

    Args:
        frame: the rows; a named index becomes columns.
        caption: what the table shows, in a sentence.
        labels: the columns to show, in this order, with their headings; all of them when not given.
        row_header: the column that names the row; the first one shown when not given.
        under: columns whose values stand small below the row's name, joined by "·".
        shares: columns of fractions, shown as whole per cent.
        unknown: columns in which a missing value means that nobody knows, and reads "unknown".
        moments: columns of times of which the time of day matters, such as the start of a run; it is shown in UTC.
        intervals: shares whose interval stands small below them, each with the columns of its bounds.
        words: columns whose values read as other words, each with the words by value.
        highest: columns that hold the least of a range, each with the column of the most.
        choices: columns of few values, such as a product or a state, by each of which a page's script can filter.
        addresses: columns whose values are links, each with the address by value.
        download: name of a CSV file with all columns of the frame, offered below the table.

    Raises:
        ReportError: a named column does not exist, a share lies outside 0 to 1, or the file name is no plain name.
    """
    intervals = intervals or {}
    shares = {*shares, *intervals}
    bounds = [bound for pair in intervals.values() for bound in pair]
    named = [
        *(labels or ()),
        *(words or ()),
        *(highest or {}).values(),
        *under,
        *shares,
        *bounds,
        *unknown,
        *moments,
        *choices,
        *([row_header] if row_header else []),
    ]
    frame = checked_frame(frame, named)
    ranks = _ranks(frame)
    layout = _layout(frame, labels, row_header, under, shares, unknown, moments, intervals, words or {}, highest or {})
    layout = replace(layout, choices=_choices(frame, choices, layout, ranks), addresses=addresses or {})
    rows = "".join(_row(dict(zip(frame.columns, row, strict=True)), layout, ranks) for row in _tuples(frame))
    title = for_html(one_sentence(caption))
    table = (
        f'<table class="{"few" if len(layout.headings) <= FEW_COLUMNS else "many"}"{_offered(layout)}><caption>{title}</caption>'
        f"<thead><tr>{_head(layout)}</tr></thead><tbody>{rows or _no_rows(layout)}</tbody></table>"
    )
    link = _download(frame, download) if download else ""
    region = f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">{table}</div>'
    html = f'<div class="table">{region}{link}</div>'
    return Block(html, f"{one_sentence(caption)} [{len(frame):,} {'row' if len(frame) == 1 else 'rows'}]")


def _layout(
    frame: pd.DataFrame,
    labels: Mapping[str, str] | None,
    row_header: str | None,
    under: Sequence[str],
    shares: Collection[str],
    unknown: Collection[str],
    moments: Collection[str],
    intervals: Mapping[str, tuple[str, str]],
    words: Mapping[str, Mapping[str, str]],
    highest: Mapping[str, str],
) -> _Layout:
    shown = dict(labels) if labels else {name: heading(name) for name in frame.columns if name not in under}
    if not shown:
        raise ReportError("A table needs at least one column to show.")
    first = row_header or next(iter(shown))
    if first not in shown:
        raise ReportError(f"The row header {first!r} is not among the columns shown: {', '.join(shown)}.")
    kinds = {name: kind_of(frame[name]) for name in frame.columns}
    return _Layout(shown, kinds, first, under, shares, unknown, moments, intervals, words, highest, {}, {})


def _tuples(frame: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    return zip(*(frame[name].tolist() for name in frame.columns), strict=True)


def _ranks(frame: pd.DataFrame) -> dict[str, dict[Any, int]]:
    """Return the place of each value in the columns that have an order of their own."""
    ranks: dict[str, dict[Any, int]] = {}
    for name in frame.columns:
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
            ranks[name] = {value: place for place, value in enumerate(dtype.categories)}
        elif _is_state(name):
            ranks[name] = {state: place for place, state in enumerate(STATES)}
    return ranks


def _choices(
    frame: pd.DataFrame, names: Sequence[str], layout: _Layout, ranks: Mapping[str, Mapping[Any, int]]
) -> dict[str, dict[str, int]]:
    """Return the words among which a reader can choose, with their places, for the columns where that parts the rows."""
    found: dict[str, dict[str, int]] = {}
    for name in names:
        values = frame[name].drop_duplicates().tolist()
        order = ranks.get(name, {})
        values.sort(key=lambda value: (is_missing(value), order.get(value, len(order)), str(value).casefold()))
        said = dict.fromkeys(_choice_words(value, name, layout) for value in values)
        if 1 < len(said) < len(frame):
            found[name] = {words: place for place, words in enumerate(said)}
    return found


def _choice_words(value: Any, name: str, layout: _Layout) -> str:
    said = layout.says(value, name)
    return short(one_line(STATE_WORDS.get(said, said) if _is_state(name) else said), SHOWN_TEXT)


def _offered(layout: _Layout) -> str:
    """Return the choices as an attribute of the table: pairs of a heading and its words, in JSON."""
    if not layout.choices:
        return ""
    pairs = [[one_line(layout.headings.get(name) or heading(name)), [*words]] for name, words in layout.choices.items()]
    return f' data-choices="{for_html(json.dumps(pairs, ensure_ascii=False))}"'


def _chosen(values: Mapping[str, Any], layout: _Layout) -> str:
    """Return which of the choices are a row's, by their places."""
    places = [words[_choice_words(values[name], name, layout)] for name, words in layout.choices.items()]
    return f' data-choice="{" ".join(map(str, places))}"' if places else ""


def _is_state(name: str) -> bool:
    return name == "state" or name.endswith("_state")


def _head(layout: _Layout) -> str:
    def cell(name: str, label: str) -> str:
        return f'<th scope="col"{_class(["num"] if layout.is_number(name) else [])}>{for_html(one_line(label))}</th>'

    return "".join(cell(name, label) for name, label in layout.headings.items())


def _no_rows(layout: _Layout) -> str:
    return f'<tr class="empty"><td colspan="{len(layout.headings)}">Nothing to list.</td></tr>'


def _row(values: Mapping[str, Any], layout: _Layout, ranks: Mapping[str, Mapping[Any, int]]) -> str:
    cells = "".join(_cell(name, values, layout, ranks.get(name, {})) for name in layout.headings)
    return f"<tr{_chosen(values, layout)}>{cells}</tr>"


def _cell(name: str, values: Mapping[str, Any], layout: _Layout, rank: Mapping[Any, int]) -> str:
    value = values[name]
    missing = is_missing(value)
    classes = [*(["num"] if layout.is_number(name) else []), *(["missing"] if missing else [])]
    attributes = _class(classes) + ("" if missing else _sort_attribute(value, layout.kinds[name], rank))
    if name in layout.highest and not missing:
        said = (layout.says(values[end], name) for end in (name, layout.highest[name]))
        shown = for_html(range_words(*said)) + _interval(name, values, layout)
    else:
        shown = _cell_html(value, name, layout) + _interval(name, values, layout)
    if name == layout.row_header:
        return f'<th scope="row"{attributes}>{shown}{_under(values, layout)}</th>'
    return f'<td{attributes} data-label="{for_html(one_line(layout.headings[name]))}">{shown}</td>'


def _class(classes: Sequence[str]) -> str:
    return f' class="{" ".join(classes)}"' if classes else ""


def _sort_attribute(value: Any, kind: Kind, rank: Mapping[Any, int]) -> str:
    """Return what to sort by where it is not the text itself; always a number."""
    if value in rank if rank else False:
        return f' data-sort="{rank[value]}"'
    if kind == "time":
        return f' data-sort="{pd.Timestamp(value).timestamp():.0f}"'
    if kind not in {"number", "truth"}:
        return ""
    whole = isinstance(value, numbers.Integral)  # an id of more than 15 digits stays itself
    return f' data-sort="{int(value) if whole else format(rounded(float(value)), ".15g")}"'


def _cell_html(value: Any, name: str, layout: _Layout) -> str:
    if is_missing(value):
        said = layout.says(value, name)
        return state_chip(said) if said == UNKNOWN else said
    if _is_state(name):
        return state_chip(str(value))
    said = layout.says(value, name)
    if address := layout.addresses.get(name, {}).get(value):
        return link_html(short(said, SHOWN_TEXT), address)
    if isinstance(value, datetime):
        moment = in_utc(value)
        said = f"{said}, {moment:%H:%M} UTC" if name in layout.moments else said
        return f'<time datetime="{moment.isoformat()}" title="{instant_words(moment)}">{said}</time>'
    return _long_text(said) if layout.kinds[name] == "text" else for_html(said)


def _interval(name: str, values: Mapping[str, Any], layout: _Layout) -> str:
    bounds = [values[bound] for bound in layout.intervals.get(name, ())]
    if not bounds or any(is_missing(bound) for bound in bounds):
        return ""
    low, high = (float(bound) for bound in bounds)
    return f" <small>{typeset(interval_words(low, high))}</small>"


def _long_text(text: str) -> str:
    if len(text) <= SHOWN_TEXT:
        return _isolated(text)
    size = f" <small>({len(text):,} characters)</small>" if len(text) > KEPT_TEXT else ""
    opening, whole = _isolated(short(text, SHOWN_TEXT)), _isolated(short(text, KEPT_TEXT))
    return f'<details class="long"><summary>{opening}</summary><p>{whole}{size}</p></details>'


def _isolated(text: str) -> str:
    """Return the text so that a right-to-left word does not turn its neighbours around; plain ASCII never does."""
    return for_html(text) if text.isascii() else f"<bdi>{for_html(text)}</bdi>"


def _under(values: Mapping[str, Any], layout: _Layout) -> str:
    present = [name for name in layout.under if not is_missing(values[name])]
    said = [_isolated(short(layout.says(values[name], name), SHOWN_TEXT)) for name in present]
    return f"<br><small>{' · '.join(said)}</small>" if said else ""


def _download(frame: pd.DataFrame, name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise ReportError(f"A download needs a plain file name like untested_features.csv, not {name!r}.")
    # Per cent encoding, not base64: whoever searches a page for a secret finds it.
    data = quote(BYTE_ORDER_MARK + csv_text(frame), safe="!'()*,-./:;?@_~$")
    address = f"data:text/csv;charset=utf-8,{for_html(data)}"
    return f'<p class="download"><a download="{name}" href="{address}">Download CSV</a></p>'
