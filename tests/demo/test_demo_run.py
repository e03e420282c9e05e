"""The main job from end to end: sync, notebooks, pages; discreet, and honest about gaps."""

from __future__ import annotations

import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

from shared_demo import NOT_OURS, demo_command
from syncing import TOKEN, mirror_digest, query, sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.account.planted import PLANTED_SECRETS
from testio_analytics.demo.server.faults import Faults
from testio_analytics.pages.build import make_pages, page_names
from testio_analytics.pages.notebooks import notebook_paths

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", name="made")
def _made() -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Return what `testio-analytics demo` made and said, run once as people do."""
    return demo_command()


def test_demo_makes_a_page_of_every_notebook(made: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Exit code 0, the answer and every page on standard output, every page on disk, the explore page among them."""
    folder, done = made

    assert done.returncode == 0, done.stderr
    assert "active features" in done.stdout.splitlines()[0]
    pages = sorted(path.stem for path in folder.glob("*.html"))
    assert pages == sorted(page_names())
    assert all(f"{name}.html" in done.stdout for name in pages)


def test_the_demo_replaces_what_an_earlier_one_made_and_nothing_else(
    made: tuple[Path, subprocess.CompletedProcess[str]], demo_db_path: Path
) -> None:
    """The database is a new one with the same content; files beside it, and their names, are as they were."""
    folder, _ = made

    assert mirror_digest(folder / "demo.db") == mirror_digest(demo_db_path)
    assert query(folder / "demo.db", "select owner from sync_runs") != query(
        demo_db_path, "select owner from sync_runs"
    )
    assert [(folder / name).read_text() for name in NOT_OURS] == ["mine", "mine"]
    assert {path.name for path in folder.iterdir() if path.suffix != ".html"} - {"demo.db.lock"} == {
        "demo.db",
        *NOT_OURS,
    }


def test_nothing_secret_is_in_anything_the_demo_made(
    made: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Database, pages, standard output and error hold none of the planted secrets; nor do the committed notebooks."""
    folder, done = made
    files = [*folder.iterdir(), *notebook_paths().values()]
    content = b"".join(path.read_bytes() for path in files) + (done.stdout + done.stderr).encode()

    assert len(content) > 1_000_000
    assert [name for name, secret in PLANTED_SECRETS.items() if secret.encode() in content] == []


def test_the_gap_is_named_on_every_page_that_it_touches(
    made: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """The test that cannot be read is named on each page of coverage and health."""
    for name in ("01_sync_and_health", "02_feature_catalog", "03_untested_features"):
        html = (made[0] / f"{name}.html").read_text()
        assert "Skerry Go" in html
        assert "row 13 of the test list" in html


def test_a_failed_section_is_named_on_the_page(pristine: Account, tmp_path: Path) -> None:
    """A section that could not be read puts the number of features in doubt, by name."""
    account = Account(pristine.now, [pristine.product(18559)])
    db = tmp_path / "mirror.db"
    sync_account(account, db, faults=Faults(failing_sections=frozenset({25618})))
    page = make_pages(db, tmp_path / "pages", notebooks=["03_untested_features"])[0].read_text()

    assert "section 25618" in page
    assert "not certain" in page
    assert TOKEN not in page


def test_hostile_titles_stay_texts_on_the_page(pristine: Account, tmp_path: Path) -> None:
    """Markup, formulas, NUL, right-to-left marks and a giant title reach the page as text, and its CSV without formulas."""
    account = Account(pristine.now, [pristine.product(24959)]).copy()
    for number, title in enumerate(
        ("<script>window.hacked=1</script>", "=cmd|'/c calc'!A1", "\u202eevil \x00 \U0001f680", "y" * 100_000)
    ):
        account.add_feature(24959, {"id": 90_000 + number, "title": title, "user_stories": []})
    db = tmp_path / "mirror.db"
    sync_account(account, db)
    page = make_pages(db, tmp_path / "pages", notebooks=["03_untested_features"])[0].read_text()

    assert "<script>window" not in page
    assert "&lt;script&gt;window.hacked" in page
    assert "\n24959,Photo Pass,90001,'=cmd" in unquote(unescape(page))  # in the CSV behind the download link
    assert "\x00" not in page


def test_pages_of_an_empty_account_say_so(pristine: Account, tmp_path: Path) -> None:
    """An account without products still gives pages, and the answer is a sentence."""
    db = tmp_path / "mirror.db"
    sync_account(Account(pristine.now, []), db)
    pages = make_pages(db, tmp_path / "pages")

    assert "There are no active features" in (tmp_path / "pages" / "03_untested_features.html").read_text()
    assert len(pages) == len(page_names())


def test_pages_without_a_features_stream_do_not_call_anything_tested(pristine: Account, tmp_path: Path) -> None:
    """Where only features were read, every feature is unknown, because no test was looked at."""
    account = Account(pristine.now, [pristine.product(21362)])
    db = tmp_path / "mirror.db"
    sync_account(account, db, streams=["features"])
    page = make_pages(db, tmp_path / "pages", notebooks=["03_untested_features"])[0].read_text()

    assert "The status of all 28 active features is unknown" in page
