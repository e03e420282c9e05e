"""A report as a table in one call: captions, labels and formats are those that it declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pandas as pd

from testio_analytics.display.blocks import Block, definition_list, one_sentence, typeset
from testio_analytics.display.html_table import html_table
from testio_analytics.display.links import SEPARATOR, tracker_addresses
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.asked import scope_note
from testio_analytics.reports.columns import COLUMNS, DEFAULTS, KINDS, Column, filled
from testio_analytics.reports.registry import PAGE_TABLES, REPORTS, Report, View, options_of
from testio_analytics.reports.since import SinceLast, since_last

SETTINGS = {
    "stale_after": "Stale after",
    "window": "Recent tests: those of the last",
    "matures_after": "Results of a test are final after",
    "half_age": "Age reaches half of its weight after",
    "lapsed_after": "A scheduled test lapses after its end by",
}
"""The thresholds of reports, as people read them."""


TRACKER_KEY = "external_idx"

SINCE = "since_last_report"
"""A column that says in a word what is new of a row; it stands small below its name."""


@dataclass(frozen=True)
class Since(Block):
    """What changed since the last report, as a line below the answer; a table marks what is new of its rows."""

    last: SinceLast


def since_last_report(mirror: Mirror, *, as_of: AsOf = None, report: str) -> Since:
    """Return what changed since the last report of what a page is about; it says so where there was no earlier report.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        report: what the page is about, one of `since.HEADLINES`.

    Raises:
        UnknownValueError: no page is about that report, or `as_of` is no date, time or run.
    """
    last = since_last(mirror, as_of=as_of, report=report)
    text = one_sentence(last.sentence)
    return Since(f'<p class="since">{typeset(text)}</p>', text, last)


def table(
    name: str,
    source: Mirror | pd.DataFrame,
    *,
    caption: str = "",
    more: Sequence[str] = (),
    since: Since | None = None,
    **options: Any,
) -> Block:
    """Return a report as an HTML table, as the report declares it; below it stands the CSV of its rows.

    Args:
        name: of a report, or one of `registry.PAGE_TABLES`.
        source: the report's rows, or the mirror to make the report from.
        caption: what the table shows, where that is not what the report declares.
        more: columns of these rows to show besides those that are declared.
        since: what changed since the last report; rows that are new since have a word for it below their name.
        **options: options of the report, like ``as_of``; labels name the thresholds that are among them.

    Raises:
        UnknownValueError: there is no such report or option.
        ReportError: the rows lack a column.
    """
    view, known = _view(name, source), list(DEFAULTS)
    if isinstance(view, Report):
        known += list(signature(view.function).parameters)[1:]  # the first one is the mirror
    if unknown := [option for option in options if option not in known]:
        raise UnknownValueError(f"The option of {name}", unknown[0], known)
    frame = _rows(name, source, options)
    marks = None if since is None else since.last.marks(name, frame)
    marked = [] if marks is None else [SINCE]
    frame = frame if marks is None else frame.assign(**{SINCE: marks})
    thresholds = {option: value for option, value in options.items() if option in DEFAULTS}
    shown = [view.column(column) for column in view.page or [column.name for column in view.columns]]
    shown += [COLUMNS[column] for column in more]
    listed = [column.name for column in view.columns if column.name in frame.columns]
    return html_table(
        frame[[*listed, *(column for column in more if column not in listed), *marked]],
        caption=caption or view.caption,
        labels={column.name: filled(column.label, **thresholds) for column in shown},
        row_header=view.row_header or None,
        under=(*marked, *view.under),
        shares=[column.name for column in shown if column.kind == "share"],
        unknown=[column.name for column in shown if column.reads_unknown],
        moments=[column.name for column in shown if column.unit == "minute"],
        intervals=_intervals(shown, frame),
        highest={column.name: column.highest for column in shown if column.highest in frame.columns},
        words={column.name: column.words for column in shown if column.words},
        about=_about([*_under(view), *shown], frame),
        choices=_choices([*_under(view), *shown]),
        lists=[column.name for column in _under(view) if column.is_list],
        addresses={
            column.name: tracker_addresses(_keys(frame, column)) for column in shown if column.name == TRACKER_KEY
        },
        lowest_first=[column.name for column in shown if column.lowest_first],
        download=f"{name}.csv",
    )


def _under(view: View) -> list[Column]:
    return [view.column(name) for name in view.under]


def _about(seen: Sequence[Column], frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the columns of names whose ids are at hand."""
    pairs = {column.name: column.about for column in seen if column.about}
    return {name: pair for name, pair in pairs.items() if all(part in KINDS or part in frame.columns for part in pair)}


def _keys(frame: pd.DataFrame, column: Column) -> list[str]:
    """Return the keys that a column holds; each of a list is one of its own."""
    values = frame[column.name].dropna().unique().tolist()
    return [key for value in values for key in value.split(SEPARATOR)] if column.is_list else values


def _choices(seen: Sequence[Column]) -> list[str]:
    """Return the columns by whose values a reader may filter: product, section and all states, as far as they stand on the page."""
    names = ("product", "section", "sections")
    return [column.name for column in seen if column.name in names or column.kind == "state"]


def _view(name: str, source: Mirror | pd.DataFrame) -> View:
    views: dict[str, View] = {**REPORTS, **(PAGE_TABLES if isinstance(source, pd.DataFrame) else {})}
    if name not in views:
        raise UnknownValueError("The report", name, views)
    return views[name]


def _rows(name: str, source: Mirror | pd.DataFrame, options: dict[str, Any]) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    function = REPORTS[name].function
    return function(source, **options_of(function, **options))


def _intervals(shown: Sequence[Column], frame: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the shares whose interval stands below them: those with bounds that have no column of their own."""
    names = {column.name for column in shown}
    pairs = {column.name: column.bounds for column in shown if column.kind == "share" and column.bounds}
    return {name: pair for name, pair in pairs.items() if {*pair} <= {*frame.columns} and names.isdisjoint(pair)}


def sources(mirror: Mirror, *, as_of: AsOf = None) -> Block:
    """Return where the data come from: what of each data set is stored, and when it was last read completely."""
    caption = "Where the data come from: every data set of every product at its last read."
    return table("completeness", mirror, as_of=as_of, caption=caption)


def settings(mirror: Mirror, *, as_of: AsOf = None, **thresholds: float) -> Block:
    """Return what a report was made with: its date, its thresholds in days, and its products.

    Raises:
        UnknownValueError: there is no such threshold.
    """
    if unknown := [name for name in thresholds if name not in SETTINGS]:
        raise UnknownValueError("The threshold", unknown[0], SETTINGS)
    products = scope_note(mirror) or "all"
    if mirror.product_ids is not None:
        products = ", ".join(map(str, mirror.product_ids))
    items: dict[str, Any] = {"Report date": mirror.instant(as_of)}
    items |= {SETTINGS[name]: f"{days:g} days" for name, days in thresholds.items()}
    return definition_list(items | {"Products": products}, summary="Settings of this report")
