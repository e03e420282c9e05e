"""What a set of pages is about, in titles, headings and names of files; and what else a report can be made as."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest

from browser import browser_path
from small_account import small_account
from syncing import NOW, sync_account
from testio_analytics.errors import ReportError
from testio_analytics.pages.build import make_pages
from testio_analytics.pages.subject import Subject

AT = pd.Timestamp("2026-06-30T06:00", tz="UTC")


@pytest.mark.parametrize(
    ("names", "slug", "words"),
    [
        (("Island Hopper",), "island-hopper", "Island Hopper"),
        (("Île d\u2019Yeu & Söhne",), "ile-dyeu-sohne", "Île d\u2019Yeu & Söhne"),
        (("\u6e2f",), "product-1", "\u6e2f"),
        (("../../etc/passwd",), "etc-passwd", "../../etc/passwd"),
        (("A", "B"), "a-b", "A and B"),
        (("A", "B", "C"), "3-products", "A, B and C"),
        (("x" * 200,), "x" * 40, "x" * 59 + "…"),
    ],
)
def test_products_name_titles_and_files(names: tuple[str, ...], slug: str, words: str) -> None:
    """File names hold plain letters only, whatever a product is called."""
    found = Subject(tuple(range(1, len(names) + 1)), names, AT)
    assert (found.slug, found.words, found.file("00_overview")) == (slug, words, f"00_overview-{slug}.html")
    assert found.title("Overview") == f"Overview · {words} · 30 Jun 2026"


def test_the_whole_account_has_plain_names() -> None:
    """Whoever has linked to these pages finds them."""
    found = Subject(None, (), AT)
    assert (found.file("00_overview"), found.title("Overview")) == ("00_overview.html", "Overview · 30 Jun 2026")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small account, synced."""
    path = tmp_path_factory.mktemp("subject") / "small.db"
    sync_account(small_account(), path, now=NOW)
    return path


@pytest.mark.slow
def test_each_product_has_a_folder_and_an_index_leads_there(db: Path, tmp_path: Path) -> None:
    """With the same zip file each time; every link leads to a file."""
    made = make_pages(db, tmp_path / "out", notebooks=["00_overview"], by_product=True, as_zip=True)
    names = [path.relative_to(tmp_path / "out").as_posix() for path in made]
    folders = [name for name in names if name.endswith(".html") and "/" in name]
    assert folders and names[-2:] == ["index.html", f"report-{NOW:%Y-%m-%d}.zip"]
    links = re.findall(r'href="([^"#]+)"', (tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert links == folders
    page = (tmp_path / "out" / folders[0]).read_text(encoding="utf-8")
    assert re.search(r"<h1[^>]*>Overview <small>[^<]+</small></h1>", page)
    with ZipFile(made[-1]) as archive:
        assert archive.namelist() == names[:-1]
    first = made[-1].read_bytes()
    assert make_pages(db, tmp_path / "out", notebooks=["00_overview"], by_product=True, as_zip=True) == made
    assert made[-1].read_bytes() == first


@pytest.mark.slow
def test_a_zip_file_of_others_is_not_replaced(db: Path, tmp_path: Path) -> None:
    """It may be work; nothing is made at all."""
    other = tmp_path / f"report-{NOW:%Y-%m-%d}.zip"
    other.write_bytes(b"mine")
    with pytest.raises(ReportError, match="not made by this command"):
        make_pages(db, tmp_path, notebooks=["00_overview"], as_zip=True)
    assert (other.read_bytes(), [*tmp_path.iterdir()]) == (b"mine", [other])


@pytest.mark.browser
def test_a_page_is_printed_by_the_installed_browser(db: Path, tmp_path: Path) -> None:
    """A PDF beside the page, in whatever folder."""
    browser_path()  # without one: skipped, or failed where CI is set
    made = make_pages(db, tmp_path / "with space", notebooks=["00_overview"], pdf=True)
    assert [path.name for path in made] == ["00_overview.html", "00_overview.pdf"]
    assert made[1].read_bytes().startswith(b"%PDF-")


def test_without_a_browser_nothing_is_begun(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to do."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ReportError, match="leave --pdf out"):
        make_pages(db, tmp_path / "out", pdf=True)
    assert not (tmp_path / "out").exists()
