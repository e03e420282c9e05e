"""The explore page in a real browser, with the network off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

import testio_analytics as ta
from browser import PHONE, WIDE, Visit, outside_the_loop, pdf_text, started_browser, visited
from small_account import feature_payload, small_account
from syncing import NOW, sync_account
from testio_analytics.frames.mirror import Mirror
from testio_analytics.pages.explore import explore_data, explore_page
from testio_analytics.reports.explore import explored

pytestmark = pytest.mark.browser

READY = "form.finder:not([hidden])"
HOSTILE = [
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit=1'>",
    "<!--<script>",
    "line\u2028and\u2029end",
    "\u202eevil\x00\x1b[31m",
    "שלום עולם 12 (3)",
    "x" * 5_000,
    '" onmouseover="window.hit=1',
    "$title ${data} {{ page }}",
]
GO = """
(address) => new Promise((resolve) => {
  addEventListener("hashchange", () => resolve(null), { once: true });
  location.hash = address;
})
"""
WALK = """
async (addresses) => {
  const found = {};
  document.getElementById("view").hidden = true; // what is not laid out is quick
  for (const address of addresses) {
    await new Promise((resolve) => {
      addEventListener("hashchange", resolve, { once: true });
      location.hash = address;
    });
    const view = document.getElementById("view");
    const lost = [...view.querySelectorAll("a")].filter((link) => !link.getAttribute("href").startsWith("#"));
    found[address] = [document.title, view.querySelector("h1").textContent, view.querySelector(".statement").textContent, lost.length];
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def browser(demo_frames: Mirror) -> Iterator[Browser]:
    """Give one browser for all tests of this file; the demo account is synced before its loop runs."""
    with started_browser() as started:
        yield started


def written(folder: Path, mirror: Mirror) -> Path:
    """Write the page of an account, beside two others in its navigation."""
    siblings = [("00_overview.html", "Overview"), ("explore.html", "Explore")]
    path = folder / "explore.html"
    path.write_text(
        explore_page(
            explore_data(explored(mirror)),
            file="explore.html",
            title="Explore",
            siblings=siblings,
            facts=["testio_analytics 1"],
        ),
        "utf-8",
    )
    return path


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, demo_frames: Mirror) -> Path:
    """Return the page of the demo account."""
    return written(tmp_path_factory.mktemp("explore"), demo_frames)


@pytest.fixture
def visit(browser: Browser, page_file: Path) -> Iterator[Visit]:
    """Open it in a wide window."""
    with visited(browser, page_file, viewport=WIDE) as visit:
        visit.page.wait_for_selector(READY)
        yield visit


def statement(page: Page) -> str:
    """Return the answer that the view begins with."""
    return page.inner_text("#view .statement")


def test_everything_has_an_address(visit: Visit, demo_frames: Mirror) -> None:
    """Each product, section, feature, test and bug opens under its name, says something, and links to addresses only."""
    names = {"product": "name", "section": "name", "feature": "title", "test": "title", "bug": "title"}
    asked = {
        f"{kind}-{key}": title
        for kind, column in names.items()
        for key, title in getattr(demo_frames, f"{kind}s").set_index("id")[column].items()
    }
    found = visit.page.evaluate(WALK, [*asked])

    assert len(found) == len(asked) > 3_000
    for address, (title, heading, said, lost) in found.items():
        if isinstance(asked[address], str) and asked[address].isascii():
            assert heading.split()[:5] == asked[address].split()[:5], address
        assert title.startswith(address.partition("-")[0].capitalize() + ": "), address
        assert said.strip().endswith("."), address
        assert "undefined" not in said and "null" not in said and "NaN" not in said, (address, said)
        assert not lost, address
    assert visit.complaints == [] and visit.requests == []


def test_a_feature_says_what_the_reports_say(visit: Visit, demo_frames: Mirror) -> None:
    """State with its reason, figures, doubts, and all its bugs, tests and stories stand in its view."""
    row = ta.bugs_per_feature(demo_frames).sort_values("bugs", ascending=False).iloc[0]
    key = int(row["feature_id"])
    catalogue = ta.feature_catalog(demo_frames).set_index("feature_id").loc[key]
    stories = ta.story_coverage(demo_frames)
    ranking = ta.next_tests(demo_frames).set_index("feature_id")
    visit.page.evaluate(GO, f"feature-{key}")
    text = visit.page.inner_text("#view")

    assert statement(visit.page).startswith(str(catalogue["reason"]))
    assert f"Executed tests\n{catalogue['executed_tests']}" in text
    assert f"{row['bugs']}" in text.partition("Valid bugs\n")[2].splitlines()[0]
    assert f"Bugs per test, adjusted\n{row['shrunk']:.2f}" in text
    assert f"{row['shrunk_low']:.2f}–{row['shrunk_high']:.2f}" in text
    assert f"{ranking['rank'][key]} of {len(ranking)}" in text
    counts = {
        caption.split()[1].rstrip(",:"): int(caption.split()[0])
        for caption in visit.page.locator("caption").all_inner_texts()
        if caption[0].isdigit()
    }
    assert counts["bugs"] == (demo_frames.bugs["feature_id"] == key).sum()
    assert counts.get("stories", 0) == (stories["feature_id"] == key).sum()
    assert visit.page.locator("a[href^='#bug-']").count() >= min(25, counts["bugs"])


def test_words_ids_and_keys_are_found(visit: Visit, demo_frames: Mirror) -> None:
    """Typing shows what has all the words, also while a word is typed; Enter, back and the address work."""
    bug = demo_frames.bugs.dropna(subset=["external_idx", "title"]).iloc[0]
    page = visit.page
    shown = expect(page.locator("#view .statement"))  # the view follows the address, a moment after the letter
    page.locator("#words").press_sequentially("seat pick")
    shown.to_contain_text("with “seat pick”")
    assert page.evaluate("location.hash") == "#search=seat%20pick"
    assert page.locator("a[href^='#feature-']", has_text="Seat picker").count()
    assert page.evaluate("document.activeElement.id") == "words"
    page.go_back()  # one step, however many letters
    page.wait_for_function("location.hash === ''")
    for asked in (bug["external_idx"], str(bug["id"]), f'"{bug["title"]}"'):
        page.fill("#words", asked)
        shown.to_contain_text(f"“{asked}”")
        assert page.locator(f"a[href='#bug-{bug['id']}']").count() == 1, asked
    page.fill("#words", "nothing has such words")
    shown.to_contain_text(re.compile("^Nothing has"))
    page.fill("#words", "%")
    shown.to_contain_text(re.compile("^Type words"))


def test_the_address_leads_back_and_forward(visit: Visit) -> None:
    """Title, heading and focus follow the address; going back finds the place where one was."""
    page = visit.page
    page.evaluate(GO, "product-18559")
    page.locator("a[href^='#feature-']").nth(10).scroll_into_view_if_needed()
    page.mouse.wheel(0, 600)
    page.wait_for_function("history.state && history.state.top > 300")
    top, title = page.evaluate("[scrollY, document.title]")
    page.locator("main a[href^='#test-']").first.click()
    page.wait_for_function("document.title.startsWith('Test: ')")
    assert page.evaluate("[document.activeElement.tagName, scrollY]") == ["H1", 0]
    page.go_back()
    page.wait_for_function("document.title.startsWith('Product: ')")
    assert page.title() == title
    page.wait_for_function("top => Math.abs(scrollY - top) < 5", arg=top)
    page.go_forward()
    page.wait_for_function("document.title.startsWith('Test: ')")


@pytest.mark.parametrize(
    "address", ["feature-1", "story-5", "bug-", "%E0%A4%A", "__proto__-1", "constructor-1", "feature-0310053"]
)
def test_an_unknown_address_is_told(visit: Visit, address: str) -> None:
    """It is named, and the way on is shown."""
    visit.page.evaluate(GO, address)

    assert "Nothing here has the address" in statement(visit.page)
    assert visit.page.is_visible("#words")
    assert visit.complaints == []


def test_a_long_list_shows_its_beginning_and_then_all(visit: Visit, demo_frames: Mirror) -> None:
    """The number of all is said; by keyboard, the button shows the rest and leads to the first new row."""
    count = (demo_frames.bugs["product_id"] == 18559).sum()
    visit.page.evaluate(GO, "product-18559")
    block = visit.page.locator("div.table", has_text=f"{count:,} bugs")
    assert block.locator("tbody tr").count() == 25
    block.locator("p.more button").focus()
    visit.page.keyboard.press("Enter")

    assert block.locator("tbody tr").count() == count
    assert visit.page.evaluate("document.activeElement.getAttribute('href')").startswith("#bug-")


def test_a_list_sorts_by_its_heads(visit: Visit) -> None:
    """A click sorts, figures from the most; the third one restores the order; all rows take part, also those not shown."""
    visit.page.evaluate(GO, "product-18559")
    head = visit.page.locator("div.table", has_text="features, those that need a test first").locator(
        "th", has_text="Valid bugs"
    )
    column = "(head) => [...head.closest('table').tBodies[0].rows].map((row) => row.cells[head.cellIndex].textContent)"
    before = head.evaluate(column)
    head.locator("button").click()
    falling = [int(text.partition("–")[0]) for text in head.evaluate(column)]
    head.locator("button").click()
    head.locator("button").click()

    assert falling == sorted(falling, reverse=True) and falling[0] > 10
    assert head.evaluate(column) == before


VIEWS = [
    "",
    "product-18559",
    "section-19013",
    "feature-310053",
    "test-700680",
    "bug-2901190",
    "search=seat",
    "feature-1",
]


@pytest.mark.parametrize(
    "options", [{"viewport": WIDE}, {"viewport": PHONE, "color_scheme": "dark"}], ids=["wide", "phone"]
)
def test_axe_finds_nothing(browser: Browser, page_file: Path, options: dict[str, Any]) -> None:
    """Contrast, names, landmarks, tables and headings are in order in each view, and none is wider than the window."""
    with visited(browser, page_file, **options) as visit:
        visit.page.wait_for_selector(READY)
        for address in VIEWS if options["viewport"] == WIDE else VIEWS[1:5]:
            if address:
                visit.page.evaluate(GO, address)
            found = Axe().run(visit.page).response["violations"]
            assert [(rule["id"], [node["html"] for node in rule["nodes"]][:3]) for rule in found] == [], address
            assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_hostile_titles_stay_text(browser: Browser, tmp_path: Path) -> None:
    """Markup, line separators, marks of direction and giant words are shown as text in every view, and run nowhere."""
    account = small_account()
    product = account.products[0]
    product.payload["name"] = HOSTILE[0]
    for number, title in enumerate(HOSTILE):
        account.add_feature(
            1, {"id": 9_000 + number, "title": title, "description": f"<p>{title}</p>", "user_stories": []}
        )
        product.cycles[0].bugs[0].payload["title"] = title
    product.cycles[0].payload["title"] = product.cycles[0].payload["test_title"] = HOSTILE[1]
    outside_the_loop(sync_account, account, tmp_path / "mirror.db")
    with visited(browser, written(tmp_path, ta.load_mirror(tmp_path / "mirror.db")), viewport=WIDE) as visit:
        visit.page.wait_for_selector(READY)
        for address in (
            "product-1",
            "test-1001",
            "bug-10010",
            "search=hit",
            *(f"feature-{9_000 + number}" for number in range(len(HOSTILE))),
        ):
            visit.page.evaluate(GO, address)
        visit.page.evaluate(GO, "feature-9005")
        assert visit.page.locator("h1 bdi").inner_text() == HOSTILE[5]
        visit.page.evaluate(GO, "feature-9004")
        assert "\u202e" not in visit.page.inner_text("#view")
        visit.page.evaluate(GO, "product-1")
        assert visit.page.inner_text("h1") == HOSTILE[0]
        visit.page.fill("#words", HOSTILE[0])
        expect(visit.page.locator("th a[href='#product-1']")).to_have_text(HOSTILE[0])
        visit.page.evaluate(GO, f"search={HOSTILE[1]}")
        assert visit.page.evaluate("[window.hit === undefined, document.scripts.length, document.images.length]") == [
            True,
            2,
            0,
        ]
        assert visit.requests == [] and visit.complaints == []


def test_what_is_new_since_the_last_report_has_a_word(browser: Browser, tmp_path: Path) -> None:
    """The answer is followed by what changed, and the word stands beside the name, in lists and in the view itself."""
    account = small_account()
    outside_the_loop(sync_account, account, tmp_path / "mirror.db")
    account.add_feature(1, feature_payload(190))
    outside_the_loop(sync_account, account, tmp_path / "mirror.db", now=NOW + timedelta(days=1))
    with visited(browser, written(tmp_path, ta.load_mirror(tmp_path / "mirror.db")), viewport=WIDE) as visit:
        visit.page.wait_for_selector(READY)
        said = visit.page.locator(".statement + .since")
        expect(said).to_have_text("1 feature added since 30 June 2026, 06:00 UTC.")
        visit.page.evaluate(GO, "product-1")
        marked = visit.page.locator("th:has(small)")
        expect(marked).to_have_count(1)
        expect(marked).to_have_text("Feature 190 new")
        visit.page.evaluate(GO, "feature-190")
        expect(visit.page.locator(".facts")).to_contain_text("Since the last report new")


def test_what_is_not_known_is_called_unknown(browser: Browser, tmp_path: Path) -> None:
    """Where only the catalogue was read, no figure is 0 and no list is called empty."""
    outside_the_loop(sync_account, small_account(), tmp_path / "mirror.db", streams=["features"])
    with visited(browser, written(tmp_path, ta.load_mirror(tmp_path / "mirror.db")), viewport=WIDE) as visit:
        visit.page.wait_for_selector(READY)
        visit.page.evaluate(GO, "feature-101")
        text = visit.page.inner_text("#view")
        assert "Valid bugs\nunknown" in text
        assert "No bug is known; whether there is one is unknown." in text
        assert "No test with it in scope is known; whether there is one is unknown." in text
        assert "were never" in visit.page.inner_text(".notice")
        visit.page.evaluate(GO, "product-1")
        assert "Valid bugs\nunknown" in visit.page.inner_text("#view")


def test_without_script_it_says_what_to_do(browser: Browser, page_file: Path) -> None:
    """The reason, the way out, and the pages that are complete without it."""
    with visited(browser, page_file, java_script_enabled=False) as visit:
        assert "needs its script" in visit.page.inner_text("main")
        assert visit.page.locator("main a[href='00_overview.html']").count() == 1
        assert not visit.page.is_visible("#words")


def test_a_damaged_file_says_so(browser: Browser, page_file: Path, tmp_path: Path) -> None:
    """Data that were cut on their way are no empty account."""
    html = page_file.read_text(encoding="utf-8")
    place = html.index('id="data">') + 50_000
    damaged = tmp_path / "explore.html"
    damaged.write_text(html[:place] + html[html.index("</script>", place) :], encoding="utf-8")
    with visited(browser, damaged) as visit:
        visit.page.wait_for_selector("#view .statement")
        assert "Its data are damaged" in statement(visit.page)


def test_a_view_prints(visit: Visit, tmp_path: Path) -> None:
    """On paper stand the answer and the lists, without what can only be clicked."""
    visit.page.evaluate(GO, "feature-310053")
    answer = statement(visit.page).partition(".")[0]
    visit.page.pdf(path=tmp_path / "view.pdf", format="A4")
    text = " ".join(pdf_text(tmp_path / "view.pdf").split())

    assert answer in text
    assert "Find" not in text.split()
    assert "Show all" not in text
