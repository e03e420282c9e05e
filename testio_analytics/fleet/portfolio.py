"""Accounts side by side: a row each, their sums, and where each stands among the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from testio_analytics.accounts import Account
from testio_analytics.fleet.engine import Engine, Fleet, run
from testio_analytics.frames.instants import AsOf
from testio_analytics.reports.portfolio import SUMS, with_shares
from testio_analytics.text import counted

ALL_ACCOUNTS = "All accounts"


def portfolio_of(
    accounts: Iterable[Account], *, anonymous: bool = False, engine: Engine = "loop", as_of: AsOf = None
) -> tuple[pd.DataFrame, Fleet]:
    """Return a row per account, the one with the lowest recently tested share first, and their sums in the last row.

    Shares of the sums come from summed counts. An account that could not be read has no row; the outcome of the
    second value names it, and the sums say that they are without it. Columns: account, then those of the report
    `portfolio`.

    Args:
        accounts: as `read_accounts` returns them.
        anonymous: call the accounts "Account 1" and so on, in the order of the table.
        engine: as for `run`.
        as_of: the report date; default: that of each account's last sync.
    """
    fleet = run("portfolio", accounts, engine=engine, as_of=as_of)
    rows = fleet.reports["portfolio"].sort_values(["recent_share", "account"], na_position="last", ignore_index=True)
    if anonymous:
        rows["account"] = [f"Account {place}" for place in range(1, len(rows) + 1)]
    return pd.concat([rows, _sums(rows, fleet)], ignore_index=True).astype(rows.dtypes.to_dict()), fleet


def _sums(rows: pd.DataFrame, fleet: Fleet) -> pd.DataFrame:
    """Return the sums of the accounts that were read, in one row, and say which are not in them or in doubt.

    Where an account's count can be anything up to its highest, the least is 0; one that is not known at all makes the
    sum unknown.
    """
    read = rows[rows["report_date"].notna()]
    counts = {name: [_sum(read, name)] for name in SUMS}
    found = with_shares(pd.DataFrame(counts).astype(dict.fromkeys(SUMS, "Int64")))
    without, doubted = len(fleet.outcome) - len(read), int((~read["is_complete"].astype(bool)).sum())
    said = [f"without {without} of {len(fleet.outcome)} accounts, which could not be read"] if without else []
    said += [f"{counted(doubted, 'account')} of {len(fleet.outcome)} in doubt, see there"] if doubted else []
    found = found.assign(
        account=ALL_ACCOUNTS,
        report_date=read["report_date"].min(),
        is_complete=pd.Series([not said], dtype="boolean"),
        gap=pd.Series(["; ".join(said) or None], dtype="str"),
    )
    return found.reindex(columns=rows.columns)


def _sum(rows: pd.DataFrame, name: str) -> Any:
    if rows.empty:
        return pd.NA
    values = rows[name]
    if f"{name}_highest" in rows:
        values = values.mask(values.isna() & rows[f"{name}_highest"].notna(), 0)
    return values.sum(skipna=False)
