"""Files into a folder, all of them or none: made in a hidden folder inside it, moved together, nothing left behind.

Inside it, because the folder may be a mounted volume or a web root: what lies beside it may not be writable, and a file
does not move from one volume to another at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from testio_analytics.errors import ReportError
from testio_analytics.text import listed

WORK_PREFIX = ".testio-work-"
LOCK = ".held"


@contextmanager
def made_in(target: Path) -> Iterator[Path]:
    """Give a hidden folder inside `target`, which is made if need be; it is gone when the block ends, however it ends.

    A target that was made for it goes as well where nothing came into it.

    Raises:
        ReportError: the folder cannot be written to, which is found before the block begins; or the block could not
            write its files.
    """
    missing = [folder for folder in (target, *target.parents) if not folder.exists()]
    with ExitStack() as stack:
        stack.callback(_remove_empty, missing)
        try:
            target.mkdir(parents=True, exist_ok=True)
            yield stack.enter_context(work_folder(target))
        except OSError as error:
            raise ReportError(f"{target} cannot be written to: {error}. What was there before is untouched.") from error


def _remove_empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()  # refused where something is in it


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """Give a folder that only this user can read; it is gone when the block ends, however it ends.

    It holds a lock that the system lets go of when the process dies: by that, the folders of killed processes are known, and
    the next one that works in the same place clears them away.
    """
    _clear_abandoned(parent)
    folder = Path(mkdtemp(prefix=WORK_PREFIX, dir=parent))
    try:
        with FileLock(folder / LOCK):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{WORK_PREFIX}*"):
        try:
            if _is_mine(folder) and (folder / LOCK).is_file():
                with FileLock(folder / LOCK, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # held by a living process (`filelock.Timeout` is one of these), or gone meanwhile


def _is_mine(folder: Path) -> bool:
    """Say whether this user made the folder: in a place for temporary files, others may have some of that name."""
    return os.name != "posix" or (not folder.is_symlink() and folder.stat().st_uid == os.getuid())


def check_ours(places: Iterable[Path], is_ours: Callable[[Path], bool], *, made_by: str) -> None:
    """Refuse to replace what this package did not make.

    Raises:
        ReportError: one of the places is taken by something else.
    """
    foreign = [place for place in places if os.path.lexists(place) and not is_ours(place)]
    if foreign:
        names = listed([place.name for place in foreign])
        raise ReportError(
            f"{foreign[0].parent} has {names}, not made by {made_by}; nothing was changed, so that no work is lost. "
            "Name another folder with --output, or move what is there away."
        )


def move_together(moves: Mapping[Path, Path]) -> list[Path]:
    """Move each file to its place, and return the places; when one cannot be moved, put back what was there before.

    Raises:
        ReportError: one could not be moved; the message says what is there now.
    """
    done: dict[Path, Path | None] = {}
    try:
        for number, (path, place) in enumerate(moves.items()):
            place.parent.mkdir(parents=True, exist_ok=True)
            done[place] = _kept(place, path.with_name(f"{number}.earlier"))
            os.replace(path, place)  # noqa: PTH105  the promise is in the name
    except OSError as error:
        stuck = _put_back(done)
        now = (
            f"{listed(stuck)} could not be put back, all else is as it was"
            if stuck
            else "All of it is as it was before"
        )
        raise ReportError(f"{place} could not be replaced: {error}. {now}.") from error
    except BaseException:
        _put_back(done)
        raise
    return list(moves.values())


def _kept(place: Path, earlier: Path) -> Path | None:
    """Return what stands in the place, kept under another name as well; None where nothing does."""
    if not os.path.lexists(place):
        return None
    try:
        os.link(place, earlier, follow_symlinks=False)
    except (OSError, NotImplementedError):  # not every volume has links
        shutil.copy2(place, earlier, follow_symlinks=False)
    return earlier


def _put_back(done: Mapping[Path, Path | None]) -> list[str]:
    """Undo moves, as far as the file system lets us; return the names of the files for which it does not."""
    stuck = []
    for place, earlier in done.items():
        try:
            if earlier is None:
                place.unlink(missing_ok=True)
                _remove_empty([place.parent])
            else:
                os.replace(earlier, place)  # noqa: PTH105
        except OSError:
            stuck.append(place.name)
    return stuck
