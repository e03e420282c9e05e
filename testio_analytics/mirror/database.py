"""The mirror's file: open it for writing and for reading, lock it, and bring it to another schema version."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.mirror import migrations
from testio_analytics.mirror.file_errors import file_error

BUSY_SECONDS = 10
"""How long a statement waits for another process that holds the file."""


LOCK_SECONDS = 0.2
"""How long a sync waits for the lock: `status` holds it for a moment, to see whether anybody has it."""

OPENING = threading.Lock()
"""Held while a file is being opened here, or is open in the other copy of SQLite that reads by columns."""


def read_only_address(path: Path) -> str:
    """Return the address of an existing file for SQLite, through which nothing can be written."""
    # as_uri quotes what a query string would misread, such as "?" and "#".
    return f"{path.absolute().as_uri()}?mode=ro"


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open an existing file so that nothing can be written through the connection."""
    return _opened(read_only_address(path), uri=True)


def connect_to_note(path: Path) -> sqlite3.Connection:
    """Open an existing file for a short note, with links enforced; a sync may be writing to it meanwhile."""
    connection = _opened(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    connection.execute("pragma foreign_keys = on")
    return connection


def _opened(address: str | Path, **options: Any) -> sqlite3.Connection:
    with OPENING:
        connection: sqlite3.Connection = sqlite3.connect(address, timeout=BUSY_SECONDS, **options)
    return connection


@contextmanager
def open_store(path: Path) -> Iterator[Database]:
    """Open the database for writing, creating it or bringing it to the current schema where needed.

    Raises:
        StoreError: the file cannot be opened, is damaged, or is no database of this package.
        SchemaVersionError: it was written by a newer version of this package.
    """
    db = _connect(path)
    try:
        version = migrations.version_of(db)
        if version > migrations.HEAD:
            migrations.check_version(version, path=path)
        if version == 0 and db.table_names():
            raise errors.StoreError(
                f"{path} holds tables of something else; nothing was changed. Name another file with --db."
            )
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = normal")
        db.execute("pragma secure_delete = on")  # what is cut out of a row must not stay in the free space of the file
        if 0 < version < migrations.HEAD:
            migrations.back_up(path)
        if version < migrations.HEAD:
            migrations.migrate(db)
        yield db
    except sqlite3.IntegrityError:
        raise  # a fault of ours, not of the file: it must be seen whole
    except sqlite3.DatabaseError as error:
        raise file_error(path, error) from error
    finally:
        db.close()


def _connect(path: Path) -> Database:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written to by a thread of its own, one at a time, so that the requests go on meanwhile.
        connection = _opened(path, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise file_error(path, error) from error
    try:
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma user_version").fetchone()  # the first read: is it a database at all?
    except sqlite3.Error as error:
        connection.close()
        raise file_error(path, error) from error
    return Database(connection)


@contextmanager
def open_beside(path: Path) -> Iterator[Database]:
    """Open the database a second time, for reading while something is written."""
    with closing(connect_read_only(path)) as connection:
        yield Database(connection)


@contextmanager
def open_copy(path: Path) -> Iterator[Database]:
    """Open a copy in memory of the database, empty where there is none: for comparing without writing."""
    db = Database(sqlite3.connect(":memory:", check_same_thread=False))
    try:
        if path.is_file():
            with closing(connect_read_only(path)) as source:
                source.backup(db.conn)
        migrations.migrate(db)
        yield db
    except sqlite3.Error as error:
        raise file_error(path, error) from error
    finally:
        db.close()


def copy_state(path: Path, copy: Path) -> None:
    """Write one state of an existing database into a new file that only this user can read, whatever is written meanwhile.

    Raises:
        StoreError: it cannot be read, or the copy cannot be written.
    """
    try:
        copy.touch(mode=0o600, exist_ok=False)
        with closing(connect_read_only(path)) as source, closing(_opened(copy)) as target:
            source.backup(target)
            target.execute("pragma journal_mode = delete")  # one file, which needs no others beside it
    except (OSError, sqlite3.Error) as error:
        raise errors.StoreError(
            f"{path} could not be copied to read one state of it: {error}. Is there free space in {copy.parent.parent}? "
            "The variable TMPDIR names another folder."
        ) from error


@contextmanager
def open_for_migration(path: Path) -> Iterator[Database]:
    """Open an existing database as it is, whatever its schema version.

    Raises:
        DatabaseMissingError: there is no such file.
    """
    if not path.is_file():
        raise errors.DatabaseMissingError(f"There is no database at {path}. `testio-analytics sync` makes one.")
    db = _connect(path)
    try:
        yield db
    finally:
        db.close()


def migrate_file(path: Path, to: int | None = None) -> list[str]:
    """Bring a database to a schema version after a backup (the newest by default) and return what to say.

    Raises:
        DatabaseMissingError: there is no such file.
        LockedError: a sync is writing to it.
        UnknownValueError: there is no such version.
        SchemaVersionError: the file is newer than this package.
    """
    with open_for_migration(path) as db:
        version, to = migrations.version_of(db), migrations.HEAD if to is None else to
        if version > migrations.HEAD:
            migrations.check_version(version, path=path)
        if to not in {0, *migrations.VERSIONS}:
            raise errors.UnknownValueError("The schema version", to, [0, *migrations.VERSIONS])
        done = []
        if to != version:
            with writing(path):
                copy = migrations.back_up(path)
                done = [*migrations.migrate(db, to), f"the file as it was: {copy}"]
        return [*done, *_versions(path, to)]


def _versions(path: Path, version: int) -> list[str]:
    lines = [f"{path} has schema version {version}; this package needs {migrations.HEAD}."]
    for number, text in migrations.VERSIONS.items():
        lines.append(f"  {number}  {'in the file' if number <= version else 'not there  '}  {text}")
    return lines


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the right to write to the database. The system lets go of it when the process dies, however it dies.

    Raises:
        LockedError: another process holds it; the message names it and says since when.
        StoreError: the folder cannot be written to, or the file has several names.
    """
    _refuse_hard_links(path)
    lock = FileLock(_lock_path(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_SECONDS)
    except OSError as error:
        if isinstance(error, Timeout):
            raise errors.LockedError(
                f"Another sync is writing to {path}{_owner(path)}. Wait until it is done, or stop it; nothing was changed."
            ) from None
        raise file_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _lock_path(path: Path) -> Path:
    # Beside the file itself: whatever name leads there, one lock guards it.
    return Path(f"{os.path.realpath(path)}.lock")


def _refuse_hard_links(path: Path) -> None:
    """Refuse a file with a second name of the same rank: SQLite has a journal per name, so two of them destroy it."""
    names = path.stat().st_nlink if path.is_file() else 1
    if names > 1:
        raise errors.StoreError(
            f"{path} has {names} names (hard links), and written to under two of them it would be destroyed; nothing was "
            "changed. Remove the other names, or put a copy or a symbolic link in their place."
        )


def is_being_written(path: Path) -> bool:
    """Return whether a process holds the right to write to the database now."""
    lock_path = _lock_path(path)
    if not lock_path.exists():
        return False
    lock = FileLock(lock_path)
    try:
        lock.acquire(timeout=0)
    except OSError:  # a timeout among them; where it may not be asked, nothing is said to be wrong
        return True
    lock.release()
    return False


def _owner(path: Path) -> str:
    """Say which run holds the lock, as far as its ledger row is written yet."""
    try:
        connection = connect_read_only(path)
    except sqlite3.Error:
        return ""
    try:
        found = connection.execute(
            "select id, owner, started_at from sync_runs where outcome = 'running' order by id desc limit 1"
        ).fetchone()
    except sqlite3.Error:
        return ""  # the other process has not made its tables yet
    finally:
        connection.close()
    return f" (run {found[0]}, {found[1]}, since {found[2]})" if found else ""
