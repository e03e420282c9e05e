"""The sync of many accounts, each into its own file; the failure of one costs no other."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from testio_analytics.accounts import Account, working_for
from testio_analytics.api.client import DEFAULT_CONCURRENCY, Client
from testio_analytics.api.pacing import Pacer
from testio_analytics.concurrency import gather
from testio_analytics.config import ApiSettings
from testio_analytics.errors import TestioError
from testio_analytics.mirror.account import Progress
from testio_analytics.mirror.file_errors import file_error
from testio_analytics.mirror.sync import SyncResult, sync_async

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Accounts that are read at once: each has a second process that makes its rows, and the requests are limited anyhow."""


@dataclass(frozen=True)
class AccountSync:
    """What became of the sync of one account.

    Attributes:
        account: its name.
        db: its file.
        result: what was done; None where the sync failed.
        error: why it failed; None where it did not.
    """

    account: str
    db: Path
    result: SyncResult | None = None
    error: str | None = None

    @property
    def outcome(self) -> str:
        """Return ``complete``, ``incomplete`` or ``failed``."""
        return "failed" if self.result is None else self.result.outcome

    def as_dict(self) -> dict[str, Any]:
        """Return it as the plain object that ``--json`` prints of an account."""
        if self.result is not None:
            return {"db": str(self.db), **self.result.as_dict()}
        nothing: dict[str, Any] = {"run_id": None, "outcome": "failed", "streams": {}, "gaps": [], "requests": 0}
        return {"db": str(self.db), **nothing, "seconds": 0.0, "error": self.error}


async def sync_accounts(
    accounts: Iterable[Account],
    *,
    streams: Sequence[str] | None = None,
    full: bool = False,
    dry_run: bool = False,
    keep_history: timedelta | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    progress: Progress | None = None,
) -> list[AccountSync]:
    """Mirror each account into its own file and return what became of it, in the order of `accounts`.

    Accounts of one host share its limit of requests: together they send no more at once than one account would.

    Args:
        accounts: as `read_accounts` returns them.
        streams: only these streams, of each account.
        full: as for `sync_async`, and so are the next two.
        dry_run: fetch and compare, write nothing.
        keep_history: delete the history of what is longer ago.
        concurrency: most requests at once to one host.
        progress: filled in with the sums of all accounts.
    """
    places, pacers = asyncio.Semaphore(AT_ONCE), dict[str, Pacer]()
    seen = progress or Progress()
    parts: list[Progress] = []

    async def sync_one(account: Account) -> AccountSync:
        part = Progress(lambda _: _show_sum(seen, parts))
        parts.append(part)
        async with places:
            try:
                with working_for(account):
                    settings = account.api()
                    pacer = pacers.setdefault(_host(settings), Pacer(concurrency))
                    async with Client(settings, concurrency=concurrency, pacer=pacer) as client:
                        result = await sync_async(
                            account.db,
                            streams=streams,
                            full=full,
                            dry_run=dry_run,
                            keep_history=keep_history,
                            client=client,
                            progress=part,
                        )
            except TestioError as error:
                return AccountSync(account.name, account.db, error=str(error))
            except (sqlite3.Error, OSError) as error:
                return AccountSync(account.name, account.db, error=str(file_error(account.db, error)))
            except Exception as error:  # a fault of this package with one account costs no other one its sync
                log.exception("The sync of the account %s broke off", account.name)
                return AccountSync(account.name, account.db, error=f"{type(error).__name__}: {error}")
        return AccountSync(account.name, account.db, result)

    return await gather(*(sync_one(account) for account in accounts))


def as_dict(syncs: Sequence[AccountSync], seconds: float) -> dict[str, Any]:
    """Return the syncs as the one object that ``--json`` prints."""
    outcomes = {one.outcome for one in syncs}
    return {
        "outcome": next(word for word in ("failed", "incomplete", "complete") if word in outcomes),
        "accounts": {one.account: one.as_dict() for one in syncs},
        "requests": sum(one.result.requests for one in syncs if one.result is not None),
        "seconds": round(seconds, 3),
    }


def _host(settings: ApiSettings) -> str:
    parts = urlsplit(settings.base_url)
    return f"{parts.hostname}:{parts.port or parts.scheme}"


def _show_sum(seen: Progress, parts: Sequence[Progress]) -> None:
    """Show how far all accounts together have come."""
    seen.products = sum(part.products for part in parts)
    seen.finished = sum(part.finished for part in parts)
    seen.requests = sum(part.requests for part in parts)
    seen.show(seen)
