"""The state of many accounts: one row each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.accounts import Account
from testio_analytics.errors import DatabaseMissingError, TestioError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.status import Status, status_of

GRAVITY = (1, 3, 4, 0)
"""Exit codes, the gravest first."""


@dataclass(frozen=True, eq=False)
class AccountState:
    """What is known of one account.

    Attributes:
        account: its name.
        db: its file.
        status: the state of the file; None where it cannot be read.
        last_complete: when the last sync ended that could read everything; None where none could.
        gaps: what could not be read and still cannot; None where nothing was read yet.
        line: all of it in one line.
        next: what to do next, in a few words.
        exit_code: how `testio-analytics status` of this account ends.
    """

    account: str
    db: Path
    status: Status | None
    last_complete: pd.Timestamp | None
    gaps: int | None
    line: str
    next: str
    exit_code: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as the plain object that ``--json`` prints of an account."""
        if self.status is not None:
            return {**self.status.as_dict(), "gaps": self.gaps, "next": self.next}
        return {"line": self.line, "db": str(self.db), "is_complete": False, "gaps": None, "next": self.next}


def account_states(accounts: Iterable[Account], *, max_age: str | None = None) -> list[AccountState]:
    """Return the state of each account, in order; a file that cannot be read costs no other its state.

    Raises:
        UnknownValueError: `max_age` is no length of time.
    """
    return [_state(account, max_age) for account in accounts]


def account_table(states: Sequence[AccountState]) -> pd.DataFrame:
    """Return one row per account. Columns: account, file, last complete sync (UTC), gaps, next."""
    rows = [(state.account, str(state.db), state.last_complete, state.gaps, state.next) for state in states]
    frame = pd.DataFrame(rows, columns=["account", "file", "last complete sync", "gaps", "next"])
    times = pd.to_datetime(frame["last complete sync"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype({"gaps": "Int64"}).assign(**{"last complete sync": times})


def gravest(codes: Iterable[int]) -> int:
    """Return the gravest of exit codes."""
    found = {*codes}
    return next((code for code in GRAVITY if code in found), 0)


def _state(account: Account, max_age: str | None) -> AccountState:
    try:
        mirror = load_mirror(account.db)
    except TestioError as error:
        return _unreadable(account, error)
    found = status_of(mirror, account.db, max_age=max_age)
    runs = mirror.sync_runs
    complete = runs[runs["outcome"] == "complete"]["finished_at"].max()
    return AccountState(
        account=account.name,
        db=account.db,
        status=found,
        last_complete=None if pd.isna(complete) else complete,
        gaps=None if mirror.stream_states.empty else int(mirror.sync_gaps["closed_at"].isna().sum()),
        line=found.line,
        next=_next(account, "report" if found.is_complete and not found.has_failed else "status"),
        exit_code=found.exit_code,
    )


def _unreadable(account: Account, error: TestioError) -> AccountState:
    is_new = isinstance(error, DatabaseMissingError)
    return AccountState(
        account=account.name,
        db=account.db,
        status=None,
        last_complete=None,
        gaps=None,
        line="Never synced" if is_new else str(error),
        next=_next(account, "sync" if is_new else "status"),
        exit_code=1,
    )


def _next(account: Account, command: str) -> str:
    if account.has_token():
        return f"{command} --account {account.name}"
    return f"token into {account.token_env or 'the keychain'}"
