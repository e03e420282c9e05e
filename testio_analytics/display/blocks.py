"""Report frames and the sentences around them as HTML blocks, for notebooks and for the pages made from them.

Every value is escaped, and the same input gives the same text: no ids, no clock, no chance. The markup carries
classes and no styles, because a page's content security policy forbids styles in attributes; `templates` holds the
look. Without any stylesheet, as in a notebook, the blocks are plain tables, lists and sentences.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import accumulate
from typing import Any, TypeAlias
from urllib.parse import quote

import pandas as pd

from testio_analytics.display.cells import (
    LOOKS,
    MARKS,
    NO_BREAK_SPACE,
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
    share_words,
    value_words,
)
from testio_analytics.display.csv_json import BYTE_ORDER_MARK, csv_text
from testio_analytics.errors import ReportError
from testio_analytics.text import EN_DASH, clean, instant_words, interval_words, one_line, short

OUR_BLOCK = {"testio_analytics": "block"}
"""Metadata that tells our own markup from other people's when a page is made."""

SHOWN_NAME = 60
SHOWN_TEXT = 160
KEPT_TEXT = 2_000
"""A long text shows its first 160 characters and opens to 2,000; the whole of it is in the CSV."""

FEW_COLUMNS = 3
"""A table with no more columns than this stays a table on a phone; a wider one becomes cards."""

BAR_HEIGHT = 40
BAR_COLOURS = {
    "untested": "#b3261e",
    "planned": "#0b5cad",
    "stale": "#8a5a00",
    "unknown": "#5b4b8a",
    "tested": "#00694b",
}
OTHER_COLOUR = "#57606a"

CLAUSE_NUMBERS = re.compile(r"(?:^|^At least |(?<=; ))\d[\d,]*(?: of \d[\d,]*)?(?![\d,]| ?%)|\b\d[\d,]* of \d[\d,]*\b")

BEFORE_PER_CENT = re.compile(r"(?<=\d) %")
WITHIN_RANGE = re.compile(rf"(?<=\d){EN_DASH}(?=\d)")
WORD_JOINER = "\N{WORD JOINER}"

Pairs: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]


@dataclass(frozen=True)
class Block:
    """A piece of a report: HTML for a notebook or page, and a line of text for everything else."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """Return both forms, and the metadata by which a page knows the block as ours."""
        return {"text/html": self.html, "text/plain": self.text}, {"text/html": dict(OUR_BLOCK)}

    def __repr__(self) -> str:
        return self.text


# -- sentences and lists --------------------------------------------------------------------------------------------


def verdict(sentence: str) -> Block:
    """Return the answer of a report as its most prominent sentence.

    "k of n" and the numbers that open the sentence or a part of it after a semicolon are emphasised.
    """
    return _emphasised(sentence, "verdict")


def statement(sentence: str) -> Block:
    """Return the answer of one part of a report: like a verdict, and less prominent."""
    return _emphasised(sentence, "statement")


def _emphasised(sentence: str, kind: str) -> Block:
    text = _sentence(sentence)
    parts, last = [], 0
    for found in CLAUSE_NUMBERS.finditer(text):
        parts += [_typeset(text[last : found.start()]), f"<strong>{_typeset(found.group())}</strong>"]
        last = found.end()
    return Block(f'<p class="{kind}">{"".join(parts)}{_typeset(text[last:])}</p>', text)


def facts(items: Mapping[str, Any]) -> Block:
    """Return a short list of facts, such as the date of the report and the last sync; a missing one is "unknown"."""
    said = {_name(label): _fact_words(value) for label, value in items.items()}
    lines = "".join(f"<li>{_escaped(label)} <strong>{_typeset(value)}</strong></li>" for label, value in said.items())
    return Block(f'<ul class="facts">{lines}</ul>', " · ".join(f"{label}: {value}" for label, value in said.items()))


def _fact_words(value: object) -> str:
    if is_missing(value):
        return UNKNOWN
    return instant_words(in_utc(value)) if isinstance(value, datetime) else _sentence(value_words(value))


def figures(items: Mapping[str, tuple[Any, Sequence[str]]]) -> Block:
    """Return the few figures that matter most, large: each a name, the figure and short lines that belong to it.

    A missing figure is "unknown".
    """
    said = {_name(label): (_fact_words(value), [*map(_sentence, notes)]) for label, (value, notes) in items.items()}
    tiles = "".join(
        f"<li><span>{_escaped(label)}</span> <strong>{_typeset(value)}</strong>"
        f"{''.join(f' <small>{_typeset(note)}</small>' for note in notes)}</li>"
        for label, (value, notes) in said.items()
    )
    texts = [
        f"{label}: {value}" + (f" ({'; '.join(notes)})" if notes else "") for label, (value, notes) in said.items()
    ]
    return Block(f'<ul class="figures">{tiles}</ul>', " · ".join(texts))


def notice(text: str | Sequence[str], *, lead: str = "") -> Block:
    """Return a box for what the reader must know, such as a gap; several texts become a list.

    `lead` opens it in bold. With nothing to say the block is empty, so that a notebook can show it in any case.
    """
    texts = [_sentence(part) for part in ([text] if isinstance(text, str) else text)]
    texts = [part for part in texts if part]
    if not texts:
        return Block("", "")
    lead = _sentence(lead)
    opening = f"<strong>{_typeset(lead)}</strong> " if lead else ""
    body = f"<p>{opening}{_typeset(texts[0])}</p>" if len(texts) == 1 else _listed(opening, texts)
    return Block(f'<div class="notice" role="note">{body}</div>', " ".join([lead, *texts]).strip())


def _listed(opening: str, texts: Sequence[str]) -> str:
    head = f"<p>{opening.strip()}</p>" if opening else ""
    return f"{head}<ul>{''.join(f'<li>{_typeset(text)}</li>' for text in texts)}</ul>"


def definition_list(pairs: Pairs, *, summary: str, is_open: bool = False) -> Block:
    """Return terms and their meanings, folded away under `summary` unless `is_open`."""
    items = [(_name(str(term)), _fact_words(meaning)) for term, meaning in _pairs(pairs)]
    body = "".join(f"<dt>{_escaped(term)}</dt><dd>{_typeset(meaning)}</dd>" for term, meaning in items)
    head = f"<summary>{_escaped(_sentence(summary))}</summary>"
    html = f'<details class="definitions"{" open" if is_open else ""}>{head}<dl>{body}</dl></details>'
    return Block(html, f"{_sentence(summary)}: {', '.join(term for term, _ in items)}")


def _pairs(pairs: Pairs) -> Iterable[tuple[str, Any]]:
    return pairs.items() if isinstance(pairs, Mapping) else pairs


# -- states ---------------------------------------------------------------------------------------------------------


def state_bar(counts: Mapping[str, int], *, caption: str, noun: str = "features") -> Block:
    """Return how a whole divides into states: one bar, and below it each state with its count and share.

    The parts keep the order of `counts`; the states of `formats.STATES` have their own colour and shape.

    Raises:
        ReportError: a count is missing or negative.
    """
    wrong = {state: count for state, count in counts.items() if is_missing(count) or count < 0}
    if wrong:
        raise ReportError(f"A bar of states needs counts from 0 up; it was given {wrong}.")
    total = sum(counts.values())
    said = ", ".join(f"{value_words(count)} {_name(state)}" for state, count in counts.items())
    text = one_line(f"{value_words(total)} {noun}: {said}")
    keys = "".join(_key(state, count, total) for state, count in counts.items())
    html = (
        f'<figure class="states"><figcaption>{_escaped(_sentence(caption))}</figcaption>'
        f'{_bar(counts, total, text)}<ul class="key">{keys}</ul></figure>'
    )
    return Block(html, text)


def _bar(counts: Mapping[str, int], total: int, text: str) -> str:
    if not total:
        return ""
    starts = accumulate(counts.values(), initial=0)
    states = zip(counts.items(), starts, strict=False)  # one start more than there are states: the end
    parts = "".join(_bar_part(state, start, count, total) for (state, count), start in states)
    size = f'width="100%" height="{BAR_HEIGHT}"'
    return f'<svg class="bar" {size} role="img" aria-label="{_escaped(text)}">{parts}</svg>'


def _bar_part(state: str, start: int, count: int, total: int) -> str:
    if not count:
        return ""
    place = f'x="{100 * start / total:.3f}%" y="0" width="{100 * count / total:.3f}%" height="{BAR_HEIGHT}"'
    colour = BAR_COLOURS.get(state, OTHER_COLOUR)
    return f'<rect class="{_state_class("fill", state)}" {place} fill="{colour}"></rect>'


def _key(state: str, count: int, total: int) -> str:
    share = f" <small>{share_words(count / total)}</small>" if total else ""
    return f"<li>{_chip(state)} <strong>{value_words(count)}</strong>{share}</li>"


def _chip(state: str) -> str:
    look = LOOKS.get(state)
    mark = f'<span class="mark" aria-hidden="true">{MARKS[look]}</span> ' if look else ""
    return f'<span class="{_state_class("state", state)}">{mark}{_escaped(_name(state))}</span>'


def _state_class(prefix: str, state: str) -> str:
    return f"{prefix} {prefix}-{LOOKS[state]}" if state in LOOKS else prefix


# -- tables ---------------------------------------------------------------------------------------------------------


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

    def is_number(self, name: str) -> bool:
        return self.kinds[name] == "number" and not is_id(name)

    def says(self, value: object, name: str) -> str:
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
    download: str | None = None,
) -> Block:
    """Return the frame as an HTML table, complete in itself; a page's script adds sorting and filtering.

    Numbers stand right, dates read "8 Dec 2025" (the exact instant is in ``<time>``), truth values "yes" and "no", a
    missing value is a dash. Columns named ``state`` or ending in ``_state`` show shape and word. Rows keep their order.

    Args:
        frame: the rows; a named index becomes columns.
        caption: what the table shows, in a sentence.
        labels: the columns to show, in this order, with their headings; all of them when not given.
        row_header: the column that names the row; the first one shown when not given.
        under: columns whose values stand small below the row's name, joined by "·".
        shares: columns of fractions, shown as whole per cent.
        unknown: columns in which a missing value means that nobody knows, and reads "unknown".
        moments: columns of instants of which the time of day matters, such as the start of a run; it is shown in UTC.
        intervals: shares whose interval stands small below them, each with the columns of its bounds.
        download: name of a CSV file with all columns of the frame, offered below the table.

    Raises:
        ReportError: a named column does not exist, a share lies outside 0 to 1, or the file name is no plain name.
    """
    intervals = intervals or {}
    shares = {*shares, *intervals}
    bounds = [bound for pair in intervals.values() for bound in pair]
    named = [*(labels or ()), *under, *shares, *bounds, *unknown, *moments, *([row_header] if row_header else [])]
    frame = checked_frame(frame, named)
    layout = _layout(frame, labels, row_header, under, shares, unknown, moments, intervals)
    ranks = _ranks(frame)
    rows = "".join(_row(dict(zip(frame.columns, row, strict=True)), layout, ranks) for row in _tuples(frame))
    title = _escaped(_sentence(caption))
    table = (
        f'<table class="{"few" if len(layout.headings) <= FEW_COLUMNS else "many"}"><caption>{title}</caption>'
        f"<thead><tr>{_head(layout)}</tr></thead><tbody>{rows or _no_rows(layout)}</tbody></table>"
    )
    link = _download(frame, download) if download else ""
    region = f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">{table}</div>'
    html = f'<div class="table">{region}{link}</div>'
    return Block(html, f"{_sentence(caption)} [{len(frame):,} {'row' if len(frame) == 1 else 'rows'}]")


def _layout(
    frame: pd.DataFrame,
    labels: Mapping[str, str] | None,
    row_header: str | None,
    under: Sequence[str],
    shares: Collection[str],
    unknown: Collection[str],
    moments: Collection[str],
    intervals: Mapping[str, tuple[str, str]],
) -> _Layout:
    shown = dict(labels) if labels else {name: heading(name) for name in frame.columns if name not in under}
    if not shown:
        raise ReportError("A table needs at least one column to show.")
    first = row_header or next(iter(shown))
    if first not in shown:
        raise ReportError(f"The row header {first!r} is not among the columns shown: {', '.join(shown)}.")
    kinds = {name: kind_of(frame[name]) for name in frame.columns}
    return _Layout(shown, kinds, first, under, shares, unknown, moments, intervals)


def _tuples(frame: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    return frame.itertuples(index=False, name=None)


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


def _is_state(name: str) -> bool:
    return name == "state" or name.endswith("_state")


def _head(layout: _Layout) -> str:
    def cell(name: str, label: str) -> str:
        return f'<th scope="col"{_class(["num"] if layout.is_number(name) else [])}>{_escaped(one_line(label))}</th>'

    return "".join(cell(name, label) for name, label in layout.headings.items())


def _no_rows(layout: _Layout) -> str:
    return f'<tr class="empty"><td colspan="{len(layout.headings)}">Nothing to list.</td></tr>'


def _row(values: Mapping[str, Any], layout: _Layout, ranks: Mapping[str, Mapping[Any, int]]) -> str:
    cells = "".join(_cell(name, values, layout, ranks.get(name, {})) for name in layout.headings)
    return f"<tr>{cells}</tr>"


def _cell(name: str, values: Mapping[str, Any], layout: _Layout, rank: Mapping[Any, int]) -> str:
    value = values[name]
    missing = is_missing(value)
    classes = [*(["num"] if layout.is_number(name) else []), *(["missing"] if missing else [])]
    attributes = _class(classes) + ("" if missing else _sort_attribute(value, layout.kinds[name], rank))
    shown = _cell_html(value, name, layout) + _interval(name, values, layout)
    if name == layout.row_header:
        return f'<th scope="row"{attributes}>{shown}{_under(values, layout)}</th>'
    return f'<td{attributes} data-label="{_escaped(one_line(layout.headings[name]))}">{shown}</td>'


def _class(classes: Sequence[str]) -> str:
    return f' class="{" ".join(classes)}"' if classes else ""


def _sort_attribute(value: Any, kind: Kind, rank: Mapping[Any, int]) -> str:
    """Return what to sort by where it is not the text itself; always a number."""
    if value in rank if rank else False:
        return f' data-sort="{rank[value]}"'
    if kind == "time":
        return f' data-sort="{pd.Timestamp(value).timestamp():.0f}"'
    return f' data-sort="{float(value):.12g}"' if kind in {"number", "truth"} else ""


def _cell_html(value: Any, name: str, layout: _Layout) -> str:
    if is_missing(value):
        said = layout.says(value, name)
        return _chip(said) if said == UNKNOWN else said
    if _is_state(name):
        return _chip(str(value))
    said = layout.says(value, name)
    if isinstance(value, datetime):
        moment = in_utc(value)
        said = f"{said}, {moment:%H:%M} UTC" if name in layout.moments else said
        return f'<time datetime="{moment.isoformat()}" title="{instant_words(moment)}">{said}</time>'
    return _long_text(said) if layout.kinds[name] == "text" else _escaped(said)


def _interval(name: str, values: Mapping[str, Any], layout: _Layout) -> str:
    bounds = [values[bound] for bound in layout.intervals.get(name, ())]
    if not bounds or any(is_missing(bound) for bound in bounds):
        return ""
    low, high = (float(bound) for bound in bounds)
    return f" <small>{_typeset(interval_words(low, high))}</small>"


def _long_text(text: str) -> str:
    if len(text) <= SHOWN_TEXT:
        return _isolated(text)
    size = f" <small>({len(text):,} characters)</small>" if len(text) > KEPT_TEXT else ""
    opening, whole = _isolated(short(text, SHOWN_TEXT)), _isolated(short(text, KEPT_TEXT))
    return f'<details class="long"><summary>{opening}</summary><p>{whole}{size}</p></details>'


def _isolated(text: str) -> str:
    """Return the text so that a right-to-left word does not turn its neighbours around; plain ASCII never does."""
    return _escaped(text) if text.isascii() else f"<bdi>{_escaped(text)}</bdi>"


def _under(values: Mapping[str, Any], layout: _Layout) -> str:
    present = [name for name in layout.under if not is_missing(values[name])]
    said = [_isolated(short(layout.says(values[name], name), SHOWN_TEXT)) for name in present]
    return f"<small>{' · '.join(said)}</small>" if said else ""


def _download(frame: pd.DataFrame, name: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
        raise ReportError(f"A download needs a plain file name like untested_features.csv, not {name!r}.")
    # Per cent encoding, not base64: whoever searches a page for a secret finds it.
    data = quote(BYTE_ORDER_MARK + csv_text(frame), safe="!'()*,-./:;?@_~$")
    address = f"data:text/csv;charset=utf-8,{_escaped(data)}"
    return f'<p class="download"><a download="{name}" href="{address}">Download CSV</a></p>'


def _sentence(text: str) -> str:
    return short(one_line(text), KEPT_TEXT)


def _name(text: str) -> str:
    return short(one_line(text), SHOWN_NAME)


def _typeset(sentence: str) -> str:
    """Return a sentence escaped, with its per cent signs and ranges kept from breaking over a line end."""
    together = BEFORE_PER_CENT.sub(f"{NO_BREAK_SPACE}%", sentence)
    return _escaped(WITHIN_RANGE.sub(EN_DASH + WORD_JOINER, together))


def _escaped(text: str) -> str:
    return escape(clean(text))
