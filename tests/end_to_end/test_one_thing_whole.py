"""All about one feature, product, test or bug in the terminal, from an account on a real port."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving import command, serving
from small_account import small_account
from testio_analytics.demo.server.faults import parse_faults

VARIABLES = {"TESTIO_TRACKER_URL": "https://jira.example/browse/{key}", "TESTIO_WEB_URL": "https://acme.test.io"}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the mirror of a small account, in which the results of one test could not be read and one bug was exported."""
    account, path = small_account(), tmp_path_factory.mktemp("mirror") / "mirror.db"
    account.product(1).cycles[0].bugs[0].payload |= {"external_idx": "ABC-1", "exported_at": "2026-06-29T10:00:00Z"}
    with serving(account, parse_faults(["refuse=403:/exploratory_tests/2001"])) as address:
        assert command("sync", "--db", str(path), address=address).returncode == 3
    return path


def test_each_kind_of_thing_is_shown_with_its_doubts(db: Path) -> None:
    """By id or title, as text within 80 columns or as one object of JSON; a doubt that touches it makes the code 3."""
    shown = command("show", "feature", "--feature", "feature 102", "--db", str(db), variables={"COLUMNS": "80"})
    assert shown.returncode == 0, shown.stderr
    assert "It has 1 valid bug." in " ".join(shown.stdout.split())
    assert "10010  " in shown.stdout

    for kind, key in (("product", "Product 2"), ("test", "2001"), ("feature", "202")):
        found = command("show", kind, f"--{kind}", key, "--format", "json", "--db", str(db))
        about = json.loads(found.stdout)
        assert found.returncode == 3, found.stderr
        assert (about["kind"], about["is_complete"]) == (kind, False)
        assert "results of Product 2 were not fully synced" in " ".join(about["doubts"])


def test_a_bug_leads_to_the_tracker(db: Path) -> None:
    """Its key stands with the address; a template that is none is refused before anything is printed."""
    found = command("show", "bug", "--bug", "10010", "--db", str(db), variables=VARIABLES)
    assert found.returncode == 0, found.stderr
    assert (
        "ABC-1  https://jira.example/browse/ABC-1" in found.stdout
        or "ABC-1 https://jira.example/browse/ABC-1" in found.stdout
    )
    assert "https://acme.test.io" in found.stdout
    wrong = command(
        "show", "bug", "--bug", "10010", "--db", str(db), variables={"TESTIO_TRACKER_URL": "javascript:{key}"}
    )
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "TESTIO_TRACKER_URL" in wrong.stderr


def test_what_is_not_one_thing_is_a_wrong_call(db: Path) -> None:
    """An unknown title suggests close ones, and an option of another kind is not ignored."""
    unknown = command("show", "feature", "--feature", "Featur 102", "--db", str(db))
    assert unknown.returncode == 2
    assert "102  Feature 102 (Product 1)" in unknown.stderr
    other = command("show", "feature", "--bug", "10010", "--feature", "102", "--db", str(db))
    assert other.returncode == 2
    assert "--bug is only used by" in other.stderr
