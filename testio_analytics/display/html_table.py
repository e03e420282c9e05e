"""A frame as an HTML table, complete without any script: captions, scopes, sortable values, and its CSV.

The markup carries classes and no styles; `pages/templates` holds the look.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pandas as pd

from testio_analytics.display.blocks import Block, one_sentence
from testio_analytics.display.cells import STATES, checked_frame, heading, is_missing, kind_of
from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text
from testio_analytics.display.html_cells import SHOWN_TEXT, Layout, cell, is_state
from testio_analytics.display.packed import packed
from testio_analytics.errors import ReportError
from testio_analytics.reports.columns import KINDS, STATE_WORDS
from testio_analytics.text import for_html, one_line, short

FEW_COLUMNS = 3
"""A table with no more columns than this stays a table on a phone; a wider one becomes cards."""

LONG = 100
"""A table of more rows than this, all of which are in its CSV, shows its first rows and packs the others."""

FIRST_ROWS = 50


@dataclass(frozen=True)
class _Columns:
    """The rows column by column: the distinct cells of each, and which of them each row has."""

    cells: Mapping[str, Sequence[str]]
    rows: Mapping[str, Sequence[int]]

    def row(self, number: int) -> str:
        return "".join(self.cells[name][places[number]] for name, places in self.rows.items())


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
    about: Mapping[str, tuple[str, str]] | None = None,
    choices: Sequence[str] = (),
    lists: Collection[str] = (),
    lowest_first: Collection[str] = (),
    addresses: Mapping[str, Mapping[str, str]] | None = None,
    download: str | None = None,
) -> Block:
    """Return the frame as an HTML table, complete in itself; a page's script adds sorting and filtering.

    Numbers stand right, dates read "8 Dec 2025" (the exact time is in ``<time>``), truth values "yes" and "no", a
    missing value is a dash. Columns named ``state`` or ending in ``_state`` show shape and word. Rows keep their order.
    Of more than `LONG` rows with a download the first `FIRST_ROWS` are shown, and that is said; the block holds all of
    them compressed, for a page's script, and once more as its CSV.

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
        about: columns that hold names, each with the kind of what is named (one of `columns.KINDS`, or the column that
            says which) and the column with its id.
        choices: columns of few values, such as a product or a state, by each of which a page's script can filter.
        lists: those of them whose values are several names, joined by commas.
        lowest_first: columns of numbers that a page's script sorts from the lowest first, as it sorts text.
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
        *(column for pair in (about or {}).values() for column in pair if column not in KINDS),
        *([row_header] if row_header else []),
    ]
    frame = checked_frame(frame, named)
    kinds = {name: kind_of(frame[name]) for name in frame.columns}
    shown, first = _headings(frame, labels, row_header, under)
    layout = Layout(
        headings=shown,
        kinds=kinds,
        row_header=first,
        under=under,
        shares=shares,
        unknown=unknown,
        moments=moments,
        intervals=intervals,
        words=words or {},
        highest=highest or {},
        about=about or {},
        ranks=_ranks(frame),
        addresses=addresses or {},
        lowest_first=lowest_first,
    )
    html = _block(frame, layout, one_sentence(caption), _choices(frame, choices, lists, layout), download)
    return Block(html, f"{one_sentence(caption)} [{len(frame):,} {'row' if len(frame) == 1 else 'rows'}]")


def _block(
    frame: pd.DataFrame, layout: Layout, caption: str, choices: Mapping[str, _Choice], download: str | None
) -> str:
    columns, chosen = _columns(frame, layout), _chosen(len(frame), choices)
    is_long = len(frame) > LONG and download is not None
    shown = range(FIRST_ROWS if is_long else len(frame))
    rows = "".join(f"<tr{_data('choice', chosen[number])}>{columns.row(number)}</tr>" for number in shown)
    few = len(layout.headings) <= FEW_COLUMNS
    table = (
        f'<table class="{"few" if few else "many"}"{_offered(choices)}{_sorted_by(layout)}>'
        f"<caption>{for_html(caption)}</caption>"
        f"<thead><tr>{_head(layout)}</tr></thead><tbody>{rows or _no_rows(layout)}</tbody></table>"
    )
    region = f'<div class="scroll" role="region" aria-label="{for_html(caption)}" tabindex="0">{table}</div>'
    rest = f'<p class="rest">The first {FIRST_ROWS} of {len(frame):,} rows; all of them are in the CSV.</p>'
    link = _download(frame, download, is_long) if download else ""
    name = _data("name", download.partition(".")[0] if download else "")
    data = _data("rows", _packed(columns, chosen) if is_long else "")
    return f'<div class="table"{name}{data}>{region}{rest if is_long else ""}{link}</div>'


def _data(name: str, value: str) -> str:
    return f' data-{name}="{for_html(value)}"' if value else ""


def _headings(
    frame: pd.DataFrame, labels: Mapping[str, str] | None, row_header: str | None, under: Sequence[str]
) -> tuple[dict[str, str], str]:
    """Return the columns to show with their headings, and which of them names the row."""
    shown = dict(labels) if labels else {name: heading(name) for name in frame.columns if name not in under}
    if not shown:
        raise ReportError("A table needs at least one column to show.")
    first = row_header or next(iter(shown))
    if first not in shown:
        raise ReportError(f"The row header {first!r} is not among the columns shown: {', '.join(shown)}.")
    return shown, first


# -- rows -----------------------------------------------------------------------------------------------------------


def _columns(frame: pd.DataFrame, layout: Layout) -> _Columns:
    """Return the cells; those that read the same columns with the same values are made once."""
    cells: dict[str, list[str]] = {}
    rows: dict[str, list[int]] = {}
    for name in layout.headings:
        read = layout.read_by(name)
        keys, places = _distinct([_hashable(frame[column]) for column in read])
        values = [frame[column].tolist() for column in read]
        made = [cell(name, {c: v[row] for c, v in zip(read, values, strict=True)}, layout) for row in keys]
        cells[name], rows[name] = made, places
    return _Columns(cells, rows)


def _distinct(values: Sequence[Sequence[Any]]) -> tuple[list[int], list[int]]:
    """Return the rows in which a combination of values stands first, and the place of each row's own among them."""
    firsts: list[int] = []
    known: dict[tuple[Any, ...], int] = {}
    places: list[int] = []
    for row, key in enumerate(zip(*values, strict=True)):
        place = known.setdefault(key, len(firsts))
        if place == len(firsts):
            firsts.append(row)
        places.append(place)
    return firsts, places


def _hashable(column: pd.Series[Any]) -> Sequence[Any]:
    """Return the values, so that those which read differently are not equal: in plain objects 1 and True are."""
    values = column.tolist()
    return values if column.dtype != "object" else [(type(value), str(value)) for value in values]


def _packed(columns: _Columns, chosen: Sequence[str]) -> str:
    """Return all rows for a page's script: the distinct cells of each column, and which of them each row has."""
    _, chosen_places = _distinct([chosen])
    whole = {
        "columns": [[columns.cells[name], _places(places)] for name, places in columns.rows.items()],
        "chosen": [list(dict.fromkeys(chosen)), _places(chosen_places)],
        "count": len(chosen),
    }
    return packed(json.dumps(whole, ensure_ascii=False, separators=(",", ":")))


def _places(places: Sequence[int]) -> Sequence[int] | None:
    """Return the places; None where every row has a cell of its own."""
    return (
        None if len(places) > 0 and places[-1] == len(places) - 1 and list(places) == [*range(len(places))] else places
    )


def _ranks(frame: pd.DataFrame) -> dict[str, dict[Any, int]]:
    """Return the place of each value in the columns that have an order of their own."""
    ranks: dict[str, dict[Any, int]] = {}
    for name in frame.columns:
        dtype = frame[name].dtype
        if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
            ranks[name] = {value: place for place, value in enumerate(dtype.categories)}
        elif is_state(name):
            ranks[name] = {state: place for place, state in enumerate(STATES)}
    return ranks


# -- choices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Choice:
    """One choice: its heading, the words that it offers, and for each row the places of those that are the row's."""

    heading: str
    words: Sequence[str]
    rows: Sequence[str]


def _choices(frame: pd.DataFrame, names: Sequence[str], lists: Collection[str], layout: Layout) -> dict[str, _Choice]:
    """Return the words among which a reader can choose, for the columns where that parts the rows."""
    found: dict[str, _Choice] = {}
    for name in names:
        firsts, places = _distinct([_hashable(frame[name])])
        values = frame[name].tolist()
        said = [_choice_words(values[row], name, layout, name in lists) for row in firsts]
        order = _word_order([values[row] for row in firsts], said, layout.ranks.get(name, {}))
        if 1 < len(order) < len(frame):
            own = [",".join(sorted({str(order[words]) for words in many})) for many in said]
            label = one_line(layout.headings.get(name) or heading(name))
            found[name] = _Choice(label, list(order), [own[place] for place in places])
    return found


def _choice_words(value: Any, name: str, layout: Layout, is_list: bool) -> list[str]:
    said = layout.says(value, name)
    parts = said.split(", ") if is_list else [STATE_WORDS.get(said, said) if is_state(name) else said]
    return [short(one_line(part), SHOWN_TEXT) for part in parts]


def _word_order(values: Sequence[Any], said: Sequence[Sequence[str]], ranks: Mapping[Any, int]) -> dict[str, int]:
    """Return the words with their places: in the order of the column, else by the alphabet, a missing value last."""
    keys: dict[str, tuple[bool, int, str]] = {}
    for value, many in zip(values, said, strict=True):
        missing = is_missing(value)
        for words in many:
            keys.setdefault(words, (missing, len(ranks) if missing else ranks.get(value, len(ranks)), words.casefold()))
    return {words: place for place, words in enumerate(sorted(keys, key=keys.__getitem__))}


def _offered(choices: Mapping[str, _Choice]) -> str:
    """Return the choices as an attribute of the table: a name, a heading and its words each, in JSON."""
    offered = [[name, choice.heading, choice.words] for name, choice in choices.items()]
    return _data("choices", json.dumps(offered, ensure_ascii=False) if offered else "")


def _chosen(count: int, choices: Mapping[str, _Choice]) -> list[str]:
    """Return for each row which of the words of each choice are its own."""
    return [" ".join(choice.rows[row] for choice in choices.values()) for row in range(count)]


# -- heads and the download -----------------------------------------------------------------------------------------


def _sorted_by(layout: Layout) -> str:
    """Return the names of the columns, and of each whether the highest is what a reader looks for first."""
    largest = {
        name: name not in layout.lowest_first and (layout.is_number(name) or layout.kinds[name] in ("time", "truth"))
        for name in layout.headings
    }
    return _data("columns", json.dumps([[name, int(first)] for name, first in largest.items()], ensure_ascii=False))


def _head(layout: Layout) -> str:
    def head(name: str, label: str) -> str:
        right = ' class="num"' if layout.is_number(name) else ""
        return f'<th scope="col"{right}>{for_html(one_line(label))}</th>'

    return "".join(head(name, label) for name, label in layout.headings.items())


def _no_rows(layout: Layout) -> str:
    return f'<tr class="empty"><td colspan="{len(layout.headings)}">Nothing to list.</td></tr>'


def _download(frame: pd.DataFrame, name: str, is_long: bool) -> str:
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise ReportError(f"A download needs a plain file name like untested_features.csv, not {name!r}.")
    text = BYTE_ORDER_MARK + csv_text(frame)
    if is_long:
        address = f"data:application/gzip;base64,{packed(text)}"
        return f'<p class="download"><a download="{name}.gz" href="{address}">Download all {len(frame):,} rows (CSV)</a></p>'
    # Per cent encoding, not base64: whoever searches a page for a secret finds it.
    data = quote(text, safe="!'()*,-./:;?@_~$")
    address = f"data:text/csv;charset=utf-8,{for_html(data)}"
    return f'<p class="download"><a download="{name}" href="{address}">Download CSV</a></p>'
