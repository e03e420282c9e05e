"""Mirrors of the demo account for a whole run of the tests, each made by whichever of its processes needs it first."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from waiting import PATIENCE

FOLDER_VARIABLE = "TESTS_SHARED_FOLDER"
NOT_OURS = ("demo.db.before-my-changes", "notes.txt")
"""Files in the demo's output folder that it must leave alone."""
SAID = "said.json"


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


def demo_command() -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return the folder that `testio-analytics demo` wrote, as people run it, and what it said; to be read only.

    The folder held the database of an earlier demo, and the files `NOT_OURS`.
    """
    folder = _made_once("command", _run_demo)
    said = json.loads((folder / SAID).read_text(encoding="utf-8"))
    return folder / "testio-demo", subprocess.CompletedProcess(["demo"], **said)


def demo_pages() -> Path:
    """Return the folder with all pages of the demo account; to be read only."""
    return demo_command()[0]


def _run_demo(folder: Path) -> None:
    output = folder / "testio-demo"
    output.mkdir(parents=True)
    shutil.copy(demo_mirror(), output / "demo.db")
    for name in NOT_OURS:
        (output / name).write_text("mine")
    command = [sys.executable, "-m", "testio_analytics", "demo"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    said = {"returncode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    (folder / SAID).write_text(json.dumps(said), encoding="utf-8")


def _made_once(name: str, make: Callable[[Path], object]) -> Path:
    folder = Path(os.environ[FOLDER_VARIABLE])
    path = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not path.exists():
            unfinished = folder / f"unfinished-{name}"
            make(unfinished)
            unfinished.rename(path)
    return path
