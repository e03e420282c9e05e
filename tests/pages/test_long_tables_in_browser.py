"""Tables of many rows and columns in a real browser: filter, order and columns over all rows, kept in the address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser import PHONE, WIDE, notebook_of, sample_frame, started_browser, visited
from testio_analytics.display.blocks import Block
from testio_analytics.display.csv_json import csv_text
from testio_analytics.display.html_table import FIRST_ROWS, html_table
from testio_analytics.pages.build import html_page

pytestmark = pytest.mark.browser

ROWS = 1_200
LABELS = {
    "feature": "Feature",
    "state": "State",
    "reason": "Why",
    "last_tested_at": "Last tested",
    "executed_tests": "Tests",
    "changed_since_tested": "Changed since",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one browser for all tests of this file."""
    with started_browser() as started:
        yield started


def long_frame() -> pd.DataFrame:
    """Return rows each of which has a number of its own in its name; one name is hostile."""
    frame = pd.concat([sample_frame(60)] * (ROWS // 60), ignore_index=True)
    names = [f"{name} {row}" for row, name in enumerate(frame["feature"])]
    names[700] = '</script><img src=x onerror="window.hit=1"> “quoted”\u2028\u202e'
    return frame.assign(feature=names, feature_id=pd.array(range(1, ROWS + 1), dtype="Int64"))


def long_table(frame: pd.DataFrame, download: str = "list.csv") -> Block:
    """Return the rows as a report shows them."""
    return html_table(
        frame,
        caption=f"All of {download}.",
        labels=LABELS,
        under=["product", "sections"],
        about={"feature": ("feature", "feature_id")},
        choices=["product", "state"],
        download=download,
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with a long table, a short one of few rows, and one that is wider than any window."""
    frame = long_frame()
    wide = pd.DataFrame({f"a_rather_long_name_{n}": [f"value{n}" * 4] * 40 for n in range(14)})
    cells = [
        "# Lists\n\n## Long",
        long_table(frame),
        "## Short",
        long_table(frame[:20], "short.csv"),
        "## Wide",
        html_table(wide, caption="Wide.", download="wide.csv"),
    ]
    html = html_page(notebook_of(*cells), title="T", name="a.html", siblings=[("a.html", "A"), ("explore.html", "E")])
    path = tmp_path_factory.mktemp("long") / "a.html"
    path.write_text(html, encoding="utf-8")
    return path


def names(page: Page, table: str = "list") -> list[str]:
    """Return the names of the rows that stand in the page."""
    return page.locator(f"#{table} tbody th a").all_inner_texts()


def test_filter_and_order_reach_rows_that_are_not_in_the_page(browser: Browser, page_file: Path) -> None:
    """All rows are searched and sorted; how many are left is said; all of them can be shown; names lead to their views."""
    frame = long_frame()
    with visited(browser, page_file, viewport=WIDE) as visit:
        status = visit.page.locator("#list [role=status]")
        expect(status).to_have_text(f"1,200 of 1,200 rows, the first {FIRST_ROWS} of them shown")
        assert len(names(visit.page)) == FIRST_ROWS
        field = visit.page.locator("#list").get_by_role("searchbox")
        field.fill("1199")
        expect(status).to_have_text("1 of 1,200 shown")
        link = visit.page.locator("#list tbody th a").first
        assert (link.inner_text(), link.get_attribute("href")) == (frame["feature"][1199], "explore.html#feature-1200")
        field.fill("quoted")
        assert names(visit.page) == [frame["feature"][700].replace("\u202e", "").replace("\u2028", "")]
        field.fill("")
        visit.page.locator("#list").get_by_role("combobox", name="State").select_option(label="stale")
        stale = frame[frame["state"] == "stale"]
        expect(status).to_have_text(f"{len(stale)} of 1,200 rows, the first {FIRST_ROWS} of them shown")
        visit.page.locator("#list").get_by_role("button", name="Tests", exact=True).click()
        best = stale.sort_values("executed_tests", ascending=False, kind="stable")
        assert names(visit.page) == list(best["feature"][:FIRST_ROWS])
        visit.page.locator("#list").get_by_role("button", name=f"Show all {len(stale)} rows").click()
        expect(visit.page.locator("#list tbody tr")).to_have_count(len(stale))
        assert names(visit.page)[-1] == best["feature"].iloc[-1]
        assert visit.page.evaluate("window.hit") is None
        assert visit.complaints == [] and visit.requests == []


@pytest.mark.parametrize("has_script", [True, False])
def test_the_download_of_a_long_table_holds_all(
    browser: Browser, page_file: Path, tmp_path: Path, has_script: bool
) -> None:
    """With script it is a plain CSV, of all rows or of those that are left; without one it is the same, compressed."""
    import gzip

    frame = long_frame()
    options = {"java_script_enabled": has_script, "accept_downloads": True}
    with visited(browser, page_file, **options) as visit:
        if has_script:
            visit.page.locator("#list").get_by_role("searchbox").fill("gift")
        else:
            assert f"The first {FIRST_ROWS} of 1,200 rows; all of them are in the CSV." in visit.page.inner_text(
                "#list"
            )
        saved = {}
        for link in visit.page.locator("#list .download a:visible").all():
            with visit.page.expect_download() as coming:
                link.click()
            coming.value.save_as(tmp_path / "saved")
            saved[coming.value.suggested_filename] = (tmp_path / "saved").read_bytes()

    whole = b"\xef\xbb\xbf" + csv_text(frame).encode()
    left = b"\xef\xbb\xbf" + csv_text(frame[frame["feature"].str.startswith("Gift ")]).encode()
    if has_script:
        assert saved == {"list.csv": whole, "list-filtered.csv": left}
    else:
        assert {name: gzip.decompress(content) for name, content in saved.items()} == {"list.csv.gz": whole}


def test_what_is_set_is_kept_in_the_address(browser: Browser, page_file: Path) -> None:
    """Filter, choice, order and columns of several tables come back from a copied address, and on another one."""
    with visited(browser, page_file, viewport=WIDE) as visit:
        page = visit.page
        page.locator("#list").get_by_role("searchbox").fill('"gift vouchers" ü;&?')
        page.locator("#list").get_by_role("combobox", name="Product").select_option(label="Ferry App")
        page.locator("#short").get_by_role("button", name="Feature", exact=True).click()
        page.locator("#short summary", has_text="Columns").click()
        page.locator("#short").get_by_role("checkbox", name="Why").uncheck()
        page.locator("#list").get_by_role("searchbox").fill("gift vouchers")
        address = page.evaluate("location.hash")
        before = names(page), names(page, "short")

        assert address == (
            "#list?q=gift+vouchers&product=Ferry+App"
            ";short?sort=feature&columns=state%2Clast_tested_at%2Cexecuted_tests%2Cchanged_since_tested"
        )
        page.goto("about:blank")
        page.goto(page_file.as_uri() + address)
        expect(page.locator("#list [role=status]")).to_contain_text("of 1,200 shown")
        assert (names(page), names(page, "short")) == before
        assert page.locator("#short").get_by_role("columnheader", name="Why").count() == 0
        assert page.evaluate("location.hash") == address
        page.evaluate("location.hash = '#long'")
        assert names(page) == before[0]
        page.evaluate("location.hash = '#list?state=stale&product=Nobody'")
        expect(page.locator("#list [role=status]")).to_contain_text("Product “Nobody” is not among these rows")
        assert page.locator("#list").get_by_role("searchbox").input_value() == ""
        assert page.locator("#short").get_by_role("columnheader", name="Why").count() == 1


def test_heads_stay_in_sight_where_a_table_scrolls_sideways(browser: Browser, page_file: Path) -> None:
    """Down and to the right, the head and the name of the row are where they were; columns can be chosen by keyboard until it fits."""
    with visited(browser, page_file, viewport=WIDE) as visit:
        region = visit.page.locator("#wide .scroll")
        top = region.evaluate("r => { r.scrollTo(300, 400); return r.getBoundingClientRect().top; }")
        place = "e => [e.getBoundingClientRect().top, e.getBoundingClientRect().left]"

        assert region.evaluate("r => [r.scrollTop > 100, r.scrollLeft]") == [True, 300]
        assert visit.page.locator("#wide thead th").nth(2).evaluate(place)[0] == pytest.approx(top, abs=1)
        left = region.evaluate("r => r.getBoundingClientRect().left")
        assert visit.page.locator("#wide tbody th").nth(9).evaluate(place)[1] == pytest.approx(left, abs=1)
        assert visit.page.locator("#wide thead th").first.evaluate(place) == pytest.approx([top, left], abs=1)
        visit.page.locator("#wide summary").focus()
        visit.page.keyboard.press("Enter")
        for _ in range(9):
            visit.page.keyboard.press("Tab")
            visit.page.keyboard.press("Space")
        visit.page.keyboard.press("Escape")
        assert visit.page.locator("#wide details").get_attribute("open") is None
        assert region.evaluate("r => r.scrollWidth <= r.clientWidth")
        assert visit.page.locator("#wide thead th:visible").count() == 5


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["1280", "400"])
def test_axe_finds_nothing_after_sorting_filtering_and_choosing(
    browser: Browser, page_file: Path, viewport: dict[str, int]
) -> None:
    """With everything set and the list of columns open, and nothing makes the body scroll sideways."""
    address = page_file.as_uri() + "#list?q=gift&sort=-executed_tests&columns=state,executed_tests;short?state=stale"
    with visited(browser, page_file, viewport=viewport, bypass_csp=True) as visit:
        visit.page.goto("about:blank")
        visit.page.goto(address)
        expect(visit.page.locator("#list [role=status]")).to_contain_text("the first 50")
        visit.page.locator("#wide summary").click()
        found = Axe().run(visit.page).response["violations"]
        widths = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")

    assert [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in found] == []
    assert widths[0] <= widths[1]


def test_a_page_has_a_list_of_contents(browser: Browser, page_file: Path) -> None:
    """It leads to each part; on a phone it is folded away."""
    with visited(browser, page_file, viewport=WIDE) as visit:
        visit.page.get_by_role("link", name="Wide").click()
        assert visit.page.evaluate("location.hash") == "#wide-2"
        assert visit.page.locator("#wide-2").inner_text() == "Wide"
    with visited(browser, page_file, viewport=PHONE) as visit:
        assert not visit.page.get_by_role("link", name="Wide").is_visible()
