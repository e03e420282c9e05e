"""Which runs people were told of, by a report or by a message: the table ``reported``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database

from testio_analytics.mirror.database import connect_read_only, connect_to_note
from testio_analytics.mirror.file_errors import file_error

Kind = Literal["report", "notify"]


def remember(
    path: Path,
    *,
    kind: Kind,
    run_id: int,
    products: Sequence[int] | None = None,
    state: Literal["sending", "sent"] = "sent",
    fingerprint: str | None = None,
    now: datetime | None = None,
) -> int | None:
    """Note that people are told of a run, and return the number of the note; None where the file cannot be written to.

    A sync may be under way: its transactions are short, and this one waits for its turn.
    """
    at = (now or datetime.now(UTC).replace(microsecond=0)).isoformat()
    asked = None if products is None else json.dumps([*products])
    try:
        with closing(connect_to_note(path)) as connection, connection:
            cursor = connection.execute(
                "insert into reported (run_id, kind, products, at, state, fingerprint) values (?, ?, ?, ?, ?, ?)",
                [run_id, kind, asked, at, state, fingerprint],
            )
            return cursor.lastrowid
    except sqlite3.OperationalError:
        return None


def mark_sent(path: Path, note: int) -> None:
    """Note that a message arrived.

    Raises:
        StoreError: the file cannot be written to.
    """
    _change(path, "update reported set state = 'sent' where id = ?", note)


def forget(path: Path, note: int) -> None:
    """Remove the note of a message that certainly did not arrive.

    Raises:
        StoreError: the file cannot be written to.
    """
    _change(path, "delete from reported where id = ?", note)


def _change(path: Path, statement: str, note: int) -> None:
    try:
        with closing(connect_to_note(path)) as connection, connection:
            connection.execute(statement, [note])
    except sqlite3.Error as error:
        raise file_error(path, error) from error


def reported(path: Path) -> list[dict[str, Any]]:
    """Return all notes, the oldest first, as dictionaries by column."""
    with _reading(path) as db:
        return list(db.query("select * from reported order by id"))


def last_reported(path: Path, *, before_run: int, products: Sequence[int] | None = None) -> int | None:
    """Return the newest run before this one that people were told of; None where there is none.

    A message that may not have arrived told nobody, and what was about other products says nothing of these (None: of
    the whole account).
    """
    runs = [
        note["run_id"]
        for note in reported(path)
        if note["run_id"] < before_run and note["state"] == "sent" and covers(note["products"], products)
    ]
    return max(runs, default=None)


def covers(noted: str | None, products: Sequence[int] | None) -> bool:
    """Return whether what was told of some products (as the table notes them) was about all of these; None: of the whole account."""
    return noted is None or (products is not None and {*products} <= {*json.loads(noted)})


@contextmanager
def _reading(path: Path) -> Iterator[Database]:
    try:
        with closing(connect_read_only(path)) as connection:
            yield Database(connection)
    except sqlite3.Error as error:
        raise file_error(path, error) from error
