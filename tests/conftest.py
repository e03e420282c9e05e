"""What holds for every test: no settings of the person who runs them, and versions in the report header."""

from __future__ import annotations

import os
import signal
import sqlite3
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import settings

# Two cores are shared with others: a slow example is no failure, and the same examples come on every run.
settings.register_profile("here", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("here")

# A shell starts background jobs with Ctrl-C ignored, and whoever ignores it hands that down to its children.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Name the versions on which stored results depend."""
    names = ("sqlite-utils", "pandas", "httpx", "pydantic")
    return ", ".join([f"sqlite {sqlite3.sqlite_version}", *(f"{name} {version(name)}" for name in names)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the real API alone unless it was asked for by name."""
    if "live" in str(config.option.markexpr):
        return
    for item in items:
        if "live" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="asks the real API: needs -m live and TESTIO_CUSTOMER_API_TOKEN"))


@pytest.fixture(autouse=True)
def _no_settings_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Run each test without TESTIO variables and in an empty folder, so that no token and no database is found."""
    for name in [name for name in os.environ if name.startswith("TESTIO_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    """Return where a database may be made."""
    return tmp_path / "mirror.db"


@pytest.fixture(scope="session")
def demo_db_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the mirror of the demo account, synced once for all tests that only read it."""
    from testio_analytics.demo.run import sync_demo

    path = tmp_path_factory.mktemp("demo") / "demo.db"
    sync_demo(path)
    return path


@pytest.fixture
def demo_db(demo_db_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the mirror of the demo account, and have it found as the default database."""
    monkeypatch.setenv("TESTIO_DB_PATH", str(demo_db_path))
    return demo_db_path
