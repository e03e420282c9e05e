"""The cells of an HTML table: how one value, and what stands beside it, becomes markup."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from testio_analytics.display.blocks import KEPT_TEXT, state_chip, typeset
from testio_analytics.display.cells import (
    UNKNOWN,
    Kind,
    cell_words,
    in_utc,
    is_id,
    is_missing,
    range_words,
    rounded,
)
from testio_analytics.display.links import linked
from testio_analytics.reports.columns import KINDS
from testio_analytics.text import clean, for_html, instant_words, interval_words, one_line, short

SHOWN_TEXT = 160
"""A long text shows its first 160 characters and opens to 2,000; the whole of it is in the CSV."""


@dataclass(frozen=True)
class Layout:
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
    about: Mapping[str, tuple[str, str]]
    addresses: Mapping[str, Mapping[str, str]]
    ranks: Mapping[str, Mapping[Any, int]]
    lowest_first: Collection[str]

    def is_number(self, name: str) -> bool:
        """Return whether the column holds numbers that count or measure something."""
        return self.kinds[name] == "number" and not is_id(name)

    def says(self, value: object, name: str) -> str:
        """Return what a cell of the column says of that value."""
        value = self.words.get(name, {}).get(value, value) if isinstance(value, str) else value
        return cell_words(value, name, shares=self.shares, unknown=self.unknown)

    def read_by(self, name: str) -> list[str]:
        """Return the columns from which the cell of that column is made."""
        beside = self.under if name == self.row_header else ()
        read = [name, *self.intervals.get(name, ()), *beside]
        read += [self.highest[name]] if name in self.highest else []
        read += [column for named in (name, *beside) for column in self._address_columns(named)]
        return list(dict.fromkeys(read))

    def _address_columns(self, name: str) -> Iterator[str]:
        kind, key = self.about.get(name, ("", ""))
        yield from (column for column in (kind, key) if column and column not in KINDS)

    def address(self, name: str, values: Mapping[str, Any]) -> str:
        """Return the address of what the column names, like feature-310353; empty where that is not known."""
        kind, key = self.about.get(name, ("", ""))
        kind = kind if kind in KINDS or not kind else values[kind]
        number = values[key] if key else None
        is_id = isinstance(number, numbers.Integral) and int(number) > 0  # 0 stands for the whole account
        return f"{kind}-{number}" if kind in KINDS and is_id else ""


def is_state(name: str) -> bool:
    """Return whether a column of this name holds states, which are shown as shape and word."""
    return name == "state" or name.endswith("_state")


def cell(name: str, values: Mapping[str, Any], layout: Layout) -> str:
    """Return the cell of that column in a row of these values; the one that names the row is its header."""
    value, rank = values[name], layout.ranks.get(name, {})
    missing = is_missing(value)
    classes = [*(["num"] if layout.is_number(name) else []), *(["missing"] if missing else [])]
    attributes = _class(classes) + ("" if missing else _sort_attribute(value, layout.kinds[name], rank))
    if name in layout.highest and not missing:
        said = (layout.says(values[end], name) for end in (name, layout.highest[name]))
        shown = for_html(range_words(*said)) + _interval(name, values, layout)
    else:
        shown = _cell_html(name, values, layout) + _interval(name, values, layout)
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


def _cell_html(name: str, values: Mapping[str, Any], layout: Layout) -> str:
    value, address = values[name], layout.address(name, values)
    if is_missing(value):
        said = layout.says(value, name)
        return state_chip(said) if said == UNKNOWN else said
    if is_state(name):
        return state_chip(str(value))
    said = layout.says(value, name)
    addresses = layout.addresses.get(name, {})
    if isinstance(value, str) and (links := linked(value, addresses, lambda key: short(clean(key), SHOWN_TEXT))):
        return links
    if isinstance(value, datetime):
        moment = in_utc(value)
        said = f"{said}, {moment:%H:%M} UTC" if name in layout.moments else said
        return f'<time datetime="{moment.isoformat()}" title="{instant_words(moment)}">{said}</time>'
    return _long_text(said, address) if layout.kinds[name] == "text" else _named(for_html(said), address)


def _interval(name: str, values: Mapping[str, Any], layout: Layout) -> str:
    bounds = [values[bound] for bound in layout.intervals.get(name, ())]
    if not bounds or any(is_missing(bound) for bound in bounds):
        return ""
    low, high = (float(bound) for bound in bounds)
    return f" <small>{typeset(interval_words(low, high))}</small>"


def _long_text(text: str, address: str) -> str:
    if len(text) <= SHOWN_TEXT:
        return _named(_isolated(text), address)
    size = f" <small>({len(text):,} characters)</small>" if len(text) > KEPT_TEXT else ""
    opening, whole = _isolated(short(text, SHOWN_TEXT)), _isolated(short(text, KEPT_TEXT))
    return f'<details class="long"><summary>{opening}</summary><p>{_named(whole, address)}{size}</p></details>'


def _isolated(text: str) -> str:
    """Return the text so that a right-to-left word does not turn its neighbours around; plain ASCII never does."""
    return for_html(text) if text.isascii() else f"<bdi>{for_html(text)}</bdi>"


def _named(html: str, address: str) -> str:
    """Return a name so that a page can make a link of it, where it has an address."""
    return f'<span data-about="{address}">{html}</span>' if address else html


def _under(values: Mapping[str, Any], layout: Layout) -> str:
    present = [name for name in layout.under if not is_missing(values[name])]
    words = {name: _isolated(short(layout.says(values[name], name), SHOWN_TEXT)) for name in present}
    said = [_named(html, layout.address(name, values)) for name, html in words.items()]
    return f"<br><small>{' · '.join(said)}</small>" if said else ""
