"""What holds for every test: no settings of the person who runs them, and versions in the report header."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from shared_demo import demo_mirror, faultless_mirror, share_folder
from testio_analytics.demo.account.build import demo_account
from testio_analytics.demo.account.model import Account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror import worker

# A slow example is no failure: the machine may be busy. Every run takes the same few examples; for new ones, and more,
# run the tests with HYPOTHESIS_PROFILE=nightly.
_patient = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", _patient, derandomize=True, max_examples=24)
settings.register_profile("nightly", _patient, max_examples=400)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

share_folder()

# The tests keep every processor busy as it is: only those of the second process start one with a sync.
worker.INLINE_CALLS = sys.maxsize

# A shell starts background jobs with Ctrl-C ignored, nohup ignores the end of the terminal, and whoever ignores a signal
# hands that down to its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
def demo_db_path() -> Path:
    """Return the mirror of the demo account, synced once for all tests that only read it."""
    return demo_mirror()


@pytest.fixture(scope="session")
def faultless_db_path() -> Path:
    """Return the demo account as a server without faults gives it, synced once for all tests that only read it."""
    return faultless_mirror()


@pytest.fixture(scope="session")
def demo_frames(demo_db_path: Path) -> Mirror:
    """Return the demo account's tables, loaded once for all tests that only read them."""
    return load_mirror(demo_db_path)


@pytest.fixture(scope="session")
def pristine() -> Account:
    """Return the demo account, built once; who changes it takes a copy."""
    return demo_account()


@pytest.fixture
def demo_db(demo_db_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the mirror of the demo account, and have it found as the default database."""
    monkeypatch.setenv("TESTIO_DB_PATH", str(demo_db_path))
    return demo_db_path
