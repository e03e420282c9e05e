"""One state of a database for everything that a run of the notebooks reads, whatever a sync writes meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from testio_analytics.display.folders import work_folder
from testio_analytics.frames.snapshot import snapshot
from testio_analytics.mirror.database import copy_state


@dataclass(frozen=True)
class State:
    """A private copy of a database, which nothing changes, and the file that it was made from."""

    copy: Path
    origin: Path


@contextmanager
def one_state(db: Path | State) -> Iterator[State]:
    """Give a copy of the database as it is now, for the length of the block; a state that is one already stays it.

    Raises:
        StoreError: the database is missing, or of another schema version, or cannot be copied.
    """
    if isinstance(db, State):
        yield db
        return
    origin = Path(db).expanduser().resolve()
    with snapshot(origin):
        pass  # what is wrong with the file is told under its own name
    with work_folder(Path(gettempdir())) as folder:
        copy = folder / origin.name
        copy_state(origin, copy)
        yield State(copy, origin)
