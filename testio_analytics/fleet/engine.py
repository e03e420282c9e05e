"""The same reports over many accounts: one function does an account, and runners call it, here or in other processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from testio_analytics.accounts import Account
from testio_analytics.errors import TestioError, UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.columns import DTYPES, Column
from testio_analytics.reports.registry import Report, options_of, report_of

Engine = Literal["loop", "pool"]

ACCOUNT = Column("account", "Account", "text", "Name of the account in accounts.toml.")
OUTCOME_COLUMNS = ("account", "report", "outcome", "reason")
OUTCOMES = ("complete", "in doubt", "failed")

ARROW: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("id", "count", "days"), pa.int64()),
    **dict.fromkeys(("share", "rate"), pa.float64()),
    **dict.fromkeys(("text", "state"), pa.string()),
    "time": pa.timestamp("us", tz="UTC"),
    "flag": pa.bool_(),
}
"""The Arrow type of each kind of column, so that an empty table of one account fits a full one of another."""


class Made(NamedTuple):
    """What became of one report of one account: its rows, None where it failed, and why or what puts it in doubt."""

    account: str
    report: str
    rows: pa.Table | None
    outcome: str
    reason: str | None


@dataclass(frozen=True, eq=False)
class Fleet:
    """Reports of many accounts.

    Attributes:
        reports: by name; the rows of all accounts that could be read, `account` in front, in the order of the accounts.
        outcome: one row per account and report. Columns: account, report, outcome ("complete", "in doubt" or "failed"),
            reason (what puts it in doubt, or why there are no rows).
    """

    reports: Mapping[str, pd.DataFrame]
    outcome: pd.DataFrame


def run(
    reports: str | Sequence[str], accounts: Iterable[Account], *, engine: Engine = "loop", as_of: AsOf = None
) -> Fleet:
    """Make the same reports of many accounts, each from its own file.

    An account that fails is a row of the outcome: it costs no other one its rows.

    Args:
        reports: names of reports, or of one.
        accounts: as `read_accounts` returns them.
        engine: "loop", one after the other in this process; "pool", in as many processes as there are processors.
        as_of: the report date; default: that of each account's last sync.

    Raises:
        UnknownValueError: there is no such report or engine.
    """
    names = [report_of(name).name for name in ([reports] if isinstance(reports, str) else reports)]
    if engine not in RUNNERS:
        raise UnknownValueError("The engine", engine, RUNNERS)
    parts = RUNNERS[engine](partial(account_reports, reports=names, as_of=as_of), [*accounts])
    made = [one for of_account in parts for one in of_account]
    found = {name: _together(report_of(name), [one.rows for one in made if one.report == name]) for name in names}
    rows = [(one.account, one.report, one.outcome, one.reason) for one in made]
    outcome = pd.DataFrame(rows, columns=list(OUTCOME_COLUMNS)).astype(
        {"account": "str", "report": "str", "reason": "str"}
    )
    outcome["outcome"] = pd.Categorical(outcome["outcome"], categories=list(OUTCOMES))
    return Fleet(found, outcome)


def account_reports(account: Account, *, reports: Sequence[str], as_of: AsOf = None) -> list[Made]:
    """Return these reports of one account. Whatever goes wrong with it is an outcome; nothing is raised."""
    try:
        mirror = load_mirror(account.db)
    except (TestioError, OSError) as error:
        return [Made(account.name, name, None, "failed", str(error)) for name in reports]
    found = []
    for name in reports:
        function = report_of(name).function
        try:
            rows = function(mirror, **options_of(function, as_of=as_of))
        except Exception as error:  # noqa: BLE001  a fault with one account is told as its outcome
            reason = str(error) if isinstance(error, TestioError) else f"{type(error).__name__}: {error}"
            found.append(Made(account.name, name, None, "failed", reason))
            continue
        doubts = "; ".join(rows.attrs.get("doubts", ())) or None
        table = to_arrow(rows, report_of(name), account.name)
        found.append(Made(account.name, name, table, "in doubt" if doubts else "complete", doubts))
    return found


def account_columns(report: Report) -> tuple[Column, ...]:
    """Return the columns of a report over accounts: those of the report, `account` in front."""
    return (ACCOUNT, *report.columns)


def arrow_schema(report: Report) -> pa.Schema:
    """Return the schema of a report over accounts, from its declared columns."""
    return pa.schema([(column.name, ARROW[column.kind]) for column in account_columns(report)])


def to_arrow(rows: pd.DataFrame, report: Report, account: str) -> pa.Table:
    """Return the rows of one account with its declared schema."""
    text = {column.name: "str" for column in report.columns if column.kind == "state"}
    frame = rows[[column.name for column in report.columns]].astype(text)
    frame.insert(0, "account", pd.Series(account, index=frame.index, dtype="str"))
    frame.attrs = {}
    return pa.Table.from_pandas(frame, schema=arrow_schema(report), preserve_index=False).replace_schema_metadata()


def from_arrow(table: pa.Table, report: Report) -> pd.DataFrame:
    """Return rows of accounts with the dtypes of their kinds; a state's words are those that are there, sorted."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame.astype({column.name: DTYPES[column.kind] for column in account_columns(report)})


_NULLABLE: dict[pa.DataType, Any] = {
    pa.int64(): pd.Int64Dtype(),
    pa.float64(): pd.Float64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
}


def _together(report: Report, tables: Sequence[pa.Table | None]) -> pd.DataFrame:
    whole = [table for table in tables if table is not None]
    return from_arrow(pa.concat_tables(whole) if whole else arrow_schema(report).empty_table(), report)


Work = Callable[[Account], list[Made]]


def _loop(work: Work, accounts: Sequence[Account]) -> list[list[Made]]:
    return [work(account) for account in accounts]


def _pool(work: Work, accounts: Sequence[Account]) -> list[list[Made]]:
    # The largest files first, so that no process is left alone with one at the end; the answer is in the order asked for.
    by_size = sorted(
        accounts, key=lambda account: account.db.stat().st_size if account.db.is_file() else 0, reverse=True
    )
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        done = dict(zip((account.name for account in by_size), pool.map(work, by_size), strict=True))
    return [done[account.name] for account in accounts]


RUNNERS: Mapping[str, Callable[[Work, Sequence[Account]], list[list[Made]]]] = {"loop": _loop, "pool": _pool}
"""How the accounts are worked through, by the name of the engine."""
