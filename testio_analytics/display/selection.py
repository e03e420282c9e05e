"""Which rows and columns of a report somebody asks for, and in which order; pure: a frame in, a frame out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from testio_analytics.errors import UnknownValueError, UnusedOptionError
from testio_analytics.reports.registry import REPORTS, Report
from testio_analytics.text import counted

STATE = "state"


@dataclass(frozen=True)
class Selection:
    """What is asked for: `columns` and `states` (all where empty), most rows, and a column to sort by, "-" for the highest first."""

    columns: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    sort: str | None = None
    limit: int | None = None


def check(report: Report, asked: Selection) -> None:
    """Refuse what the report does not have, before it is made.

    Raises:
        UnknownValueError: it has no such column.
        UnusedOptionError: it has no states.
    """
    names = [column.name for column in report.columns]
    for option, wanted in (("--columns", asked.columns), ("--sort", _sort_name(asked))):
        for name in wanted:
            if name not in names:
                raise UnknownValueError(option, name, names)
    if asked.states and STATE not in names:
        users = [name for name, one in REPORTS.items() if any(column.name == STATE for column in one.columns)]
        raise UnusedOptionError(report.name, STATE, users, [name for name in REPORTS if name not in users])


def columns_in(words: str | None) -> tuple[str, ...]:
    """Return the names in a list with commas, each once."""
    return tuple(dict.fromkeys(name for part in (words or "").split(",") if (name := part.strip())))


def selected(frame: pd.DataFrame, report: Report, asked: Selection) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows that are asked for, with all columns, and what is said of those left out, a sentence each.

    Rows without a value in the column to sort by stand last; equal ones stay in the report's own order.

    Raises:
        UnknownValueError: there is no such state.
    """
    notes = []
    if asked.states:
        of_state = frame[frame[STATE].isin(_states(frame, report, asked.states))]
        notes.append(_left_out(len(frame) - len(of_state), "of another state"))
        frame = of_state
    if asked.sort is not None:
        (name,) = _sort_name(asked)
        frame = frame.sort_values(
            name, ascending=not asked.sort.startswith("-"), na_position="last", kind="stable", key=_sort_key
        )
    if asked.limit is not None:
        notes.append(_left_out(len(frame) - asked.limit, f"by --limit {asked.limit}"))
        frame = frame.head(asked.limit)
    return frame.reset_index(drop=True), tuple(note for note in notes if note)


def _sort_name(asked: Selection) -> tuple[str, ...]:
    return () if asked.sort is None else (asked.sort.removeprefix("-"),)


def _sort_key(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return what is compared: texts without case, states in the order of their list."""
    return values.str.casefold() if pd.api.types.is_string_dtype(values.dtype) else values


def _left_out(rows: int, why: str) -> str:
    return f"{counted(rows, 'row')} left out {why}." if rows > 0 else ""


def _states(frame: pd.DataFrame, report: Report, asked: Sequence[str]) -> list[str]:
    """Return the states as the frame writes them; people may ask for them as they read them."""
    column, values = report.column(STATE), frame[STATE]
    known = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else sorted(values.dropna().unique())
    read_as = {column.words.get(str(state), str(state)): str(state) for state in known}
    by_word = {word.casefold(): state for word, state in [*read_as.items(), *((str(one), str(one)) for one in known)]}
    for word in asked:
        if word.strip().casefold() not in by_word:
            raise UnknownValueError("--state", word, [*read_as])
    return [by_word[word.strip().casefold()] for word in asked]
