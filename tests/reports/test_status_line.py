"""The state in one line: what failed, what is missing, what was never tested."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from small_account import small_account
from syncing import sync_account
from testio_analytics.demo.server.faults import parse_faults
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.database import open_store
from testio_analytics.reports.status import status
from testio_analytics.reports.status_line import LONGEST_LINE


def test_a_complete_account_says_what_was_never_tested(db_path: Path) -> None:
    """Two of eight features, and as of when that is known."""
    sync_account(small_account(), db_path)
    assert status(db_path).line == "2 of 8 features never tested; complete as of 30 June 2026, 06:00 UTC"


def test_what_is_missing_comes_first(demo_db_path: Path) -> None:
    """A gap, then the figure as the range that it is."""
    found = status(demo_db_path)
    assert found.line.startswith("Incomplete: 1 gap and 6 doubts; 111 to 116 of 446 features never tested")
    assert found.as_dict()["line"] == found.line


@pytest.mark.parametrize(
    ("outcome", "error", "expected"),
    [
        (
            "failed",
            "The API refused the token (401).\nCopy " + "x" * 90,
            "The last sync failed: The API refused the token",
        ),
        ("running", None, "The last sync was killed: begun on"),
        ("interrupted", None, "The last sync was interrupted: begun on"),
    ],
)
def test_a_failure_comes_before_everything(db_path: Path, outcome: str, error: str | None, expected: str) -> None:
    """In one line that fits, whatever the error says."""
    sync_account(small_account(), db_path)
    with open_store(db_path) as db:
        db.conn.execute("update sync_runs set outcome = ?, error = ?", [outcome, error])
        db.conn.commit()
    line = status(db_path).line
    assert line.startswith(expected)
    assert len(line) <= LONGEST_LINE and "\n" not in line


def test_an_empty_file_and_a_limit(db_path: Path) -> None:
    """Nothing was synced yet; a limit that does not hold is said where nothing else is wrong."""
    with open_store(db_path):
        pass
    assert status(db_path).line == "Nothing was synced into this database yet"
    sync_account(small_account(), db_path)
    line = status(db_path, max_age="24h", now=datetime(2026, 7, 9, tzinfo=UTC)).line
    assert line.startswith("Older than 24h: ")


def test_a_part_of_an_account_says_so(db_path: Path) -> None:
    """The figure is of one product."""
    from testio_analytics.reports.status import status_of

    sync_account(small_account(), db_path, faults=parse_faults([]))
    assert "of 4 features of 1 product never" in status_of(load_mirror(db_path, product_id=1), db_path).line
