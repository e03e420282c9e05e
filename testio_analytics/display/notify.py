"""One message about what changed since the last one, never the same change twice.

Before a message is sent it is remembered as being sent, and afterwards as sent. So of a process that died in between
nobody knows whether its message arrived: it is not sent again, and the next message names it, with the command that
shows what it said. Nothing is told twice, and nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from testio_analytics import errors
from testio_analytics.config import resolve_db_path, resolve_notify_url
from testio_analytics.display.delivery import Service, Waits, deliver, open_service
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.file_errors import file_error
from testio_analytics.mirror.reported import forget, mark_sent, remember, reported
from testio_analytics.reports.changes import earlier_state, what_changed
from testio_analytics.reports.message import Message, message
from testio_analytics.reports.status import Status, status_of

LOCK_SECONDS = 600.0
"""How long a notify waits for another one: as long as that may try to send."""

FAILED = "failed"
"""What is remembered of a message that said that the last sync failed."""


STATUS_COMMAND = "testio-analytics status"

Told = Sequence[Mapping[str, Any]]
"""Rows of the table ``reported``, oldest first."""


@dataclass(frozen=True)
class Notified:
    """What became of a notify.

    Attributes:
        said: what it did, as a sentence.
        unclear: earlier messages of which nobody knows whether they arrived, a sentence each.
        status: the state that the message speaks of.
    """

    said: str
    unclear: tuple[str, ...]
    status: Status


def notify(
    db: str | Path | None = None,
    *,
    to: str | None = None,
    product_ids: Sequence[int] | None = None,
    waits: Waits | None = None,
) -> Notified:
    """Send what changed since the last message about these products, if anything did; the first one says the state.

    Args:
        db: path of the database; default as in `config`.
        to: the address, as apprise writes it; default as in `config`.
        product_ids: only these products; all by default.
        waits: between two tries.

    Raises:
        ConfigError: there is no address, none that apprise knows, or no apprise.
        StoreError: the database is missing, cannot be used, or cannot remember that a message was sent.
        NotSentError: the message was not sent; the next notify says what it would have said.
        PerhapsSentError: nobody knows whether it arrived; the next notify names it.
    """
    service = open_service(resolve_notify_url(to))
    path = resolve_db_path(db)
    with _alone(path):
        return _Notify(path, service, None if product_ids is None else sorted(set(product_ids)), waits).go()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let only one notify at a time look at what was told and tell more; the system frees the lock of a dead process.

    Raises:
        LockedError: another one takes too long.
        StoreError: the folder cannot be written to.
    """
    if not path.is_file():
        load_mirror(path)  # says what every reading command says, before a file is made beside it
    lock = FileLock(f"{path.resolve()}.notify.lock")
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise errors.LockedError(
            f"Another notify is still sending a message about {path}. Wait until it is done; nothing was sent."
        ) from None
    except OSError as error:
        raise file_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class _Notify:
    """One call of `notify`, while no other one is under way."""

    path: Path
    service: Service
    products: list[int] | None
    waits: Waits | None

    def go(self) -> Notified:
        """Do it."""
        mirror = load_mirror(self.path, product_id=self.products)
        status = status_of(mirror, self.path)
        told = [row for row in reported(self.path) if row["kind"] == "notify" and _products(row) == self.products]
        runs = [None, *(row["run_id"] for row in told)]
        pairs = zip(runs, told, strict=False)
        unclear = {row["id"]: _unclear_words(run, row["run_id"]) for run, row in pairs if row["state"] == "sending"}
        found = self._message(mirror, status, told, tuple(unclear.values()))
        if found is None:
            return Notified(_nothing_words(told), (), status)
        self._send(found, mirror, status, list(unclear))
        return Notified(f"Sent to {self.service.name}: {found.subject}", tuple(unclear.values()), status)

    def _message(self, mirror: Mirror, status: Status, told: Told, unclear: tuple[str, ...]) -> Message | None:
        """Return what is to be told; None where that is nothing."""
        if not told:
            return None if status.last_run is None else message(status, None, command=STATUS_COMMAND)
        last = told[-1]
        changed, command = None, STATUS_COMMAND
        if mirror.run_id is not None and mirror.run_id != last["run_id"]:
            before = _state_of(mirror, last["run_id"])
            if before is None:  # its history was dropped: the state now is all that can be told
                return message(status, None, unclear=unclear, command=STATUS_COMMAND)
            changed, command = what_changed(before, mirror), _changes_command(last["run_id"], mirror.run_id)
        if changed is not None and not changed.is_empty:
            return message(status, changed, unclear=unclear, command=command)
        is_news = status.has_failed != (last["fingerprint"] == FAILED)
        return message(status, None, unclear=unclear, command=STATUS_COMMAND) if is_news or unclear else None

    def _send(self, found: Message, mirror: Mirror, status: Status, named: list[int]) -> None:
        """Send a message between two notes of it; `named` are earlier ones that it tells of."""
        assert status.last_run is not None  # noqa: S101  else there is nothing to tell
        key = remember(
            self.path,
            kind="notify",
            run_id=mirror.run_id or status.last_run["id"],
            products=self.products,
            state="sending",
            fingerprint=FAILED if status.has_failed else None,
        )
        if key is None:
            raise errors.StoreError(
                f"{self.path} may not be written to. Nothing was sent: it could not be remembered, and would be sent again."
            )
        try:
            deliver(self.service, found, waits=self.waits)
        except errors.PerhapsSentError:
            raise
        except errors.NotSentError:
            forget(self.path, key)
            raise
        for one in (*named, key):
            mark_sent(self.path, one)


def _products(row: Mapping[str, Any]) -> list[int] | None:
    return None if row["products"] is None else sorted(json.loads(row["products"]))


def _state_of(mirror: Mirror, run: int) -> Mirror | None:
    try:
        return earlier_state(mirror, run)
    except (errors.ReportError, errors.UnknownValueError):
        return None


def _unclear_words(before: int | None, run: int) -> str:
    command = STATUS_COMMAND if before is None else _changes_command(before, run)
    return f"A message about run {run} may or may not have arrived; `{command}` shows what it was about."


def _changes_command(before: int, after: int) -> str:
    return f"testio-analytics changes --from {before} --to {after}"


def _nothing_words(told: Told) -> str:
    if not told:
        return "Nothing was synced into this database yet, so nothing was sent."
    return f"Nothing changed since the last message, which was about run {told[-1]['run_id']}: nothing was sent."
