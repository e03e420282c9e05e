"""Under pytest the notebooks run on the demo account: its mirror is built once and found as the default database."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

FOLDER = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the mirror before the first kernel starts, and only when a notebook is among what was asked for."""
    if not any(item.path.suffix == ".ipynb" for item in session.items) or session.config.option.collectonly:
        return
    from testio_analytics.demo.run import sync_demo

    folder = tempfile.TemporaryDirectory(prefix="testio-demo-")
    session.config.stash[FOLDER] = folder
    path = Path(folder.name) / "demo.db"
    sync_demo(path)
    os.environ["TESTIO_DB_PATH"] = str(path)  # kernels inherit it


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the mirror away again."""
    if FOLDER in config.stash:
        config.stash[FOLDER].cleanup()
