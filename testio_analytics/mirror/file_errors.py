"""What went wrong with the database file: one message for each cause, with what to do about that one."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

from testio_analytics.errors import StoreError

LITTLE_ROOM = 64 * 1024
"""Free bytes below which a failed write is put down to the full disk: SQLite cannot always tell."""

_FULL_ERRNO = {errno.ENOSPC, errno.EDQUOT}
_DENIED_ERRNO = {errno.EACCES, errno.EPERM, errno.EROFS}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}

ANOTHER = "Name another file with --db or TESTIO_DB_PATH."


def file_error(path: Path, error: sqlite3.Error | OSError) -> StoreError:
    """Return the error that says what is wrong with the database file, and what to do."""
    return StoreError(f"{_cause(path, error)} ({error})")


def _cause(path: Path, error: sqlite3.Error | OSError) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF  # the rest is detail
    number = error.errno if isinstance(error, OSError) else None
    if path.is_dir():
        return f"{path} is a folder, not a database file. {ANOTHER}"
    if not path.parent.is_dir():
        return f"The folder of {path} cannot be made or used: something on the way there is no folder. {ANOTHER}"
    if code == sqlite3.SQLITE_FULL or number in _FULL_ERRNO or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return (
            f"There is no space left to write {path}: free some and sync again. Every product stored so far is whole."
        )
    if code in _LOCKED:
        return f"Another program holds {path} locked: close it (a database browser, a backup) and try again."
    if code in _DENIED or number in _DENIED_ERRNO or (code == sqlite3.SQLITE_CANTOPEN and path.exists()):
        return f"{path} or its folder may not be read and written by this user: give the right to it. {ANOTHER}"
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} cannot be used as a database: it holds something else, or its beginning is damaged; it was left as it is. {ANOTHER}"
    if code == sqlite3.SQLITE_CORRUPT:
        return (
            f"{path} is damaged. Keep it: put a backup in its place, or move it away and sync again. A new sync brings what "
            "the API still has; when things were first seen, what was removed, and past runs are in the old file alone"
        )
    if code == sqlite3.SQLITE_IOERR:
        return f"The drive of {path} failed to read or write: see whether it is there and sound, then sync again."
    return f"The database {path} could not be used."


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < LITTLE_ROOM
    except OSError:
        return False
