"""Mirrors of the demo account for a whole run of the tests, each made by whichever of its processes needs it first."""

from __future__ import annotations

import atexit
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

FOLDER_VARIABLE = "TESTS_SHARED_FOLDER"


def share_folder() -> None:
    """Make the folder that all processes of this run share; those that pytest-xdist starts inherit its name."""
    if FOLDER_VARIABLE not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="testio-tests-")
        os.environ[FOLDER_VARIABLE] = folder.name
        atexit.register(folder.cleanup)


def demo_mirror() -> Path:
    """Return what `testio-analytics demo` syncs, its gap included; to be read only: who wants to write takes a copy."""
    from testio_analytics.demo.run import sync_demo

    return _made_once("demo.db", sync_demo)


def faultless_mirror() -> Path:
    """Return the demo account synced once from a server without faults; to be read only as well."""
    from syncing import sync_account
    from testio_analytics.demo.account.build import demo_account

    return _made_once("faultless.db", lambda path: sync_account(demo_account(), path))


def generated_mirror(shape: str) -> Path:
    """Return the generated account of that shape (`generated.SHAPES`), synced once; to be read only as well."""
    from generated import account_of
    from syncing import sync_account

    return _made_once(f"{shape}.db", lambda path: sync_account(account_of(shape), path))


def demo_pages() -> Path:
    """Return the folder with all pages of the demo account; to be read only."""
    from testio_analytics.pages.build import make_pages

    return _made_once("pages", lambda folder: make_pages(demo_mirror(), folder))


def _made_once(name: str, make: Callable[[Path], object]) -> Path:
    folder = Path(os.environ[FOLDER_VARIABLE])
    path = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not path.exists():
            unfinished = folder / f"unfinished-{name}"
            make(unfinished)
            unfinished.rename(path)
    return path
