"""The pages in a real browser, with the network off."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import testio_analytics as ta
from browser import (
    PHONE,
    WIDE,
    notebook_of,
    pdf_text,
    picture_output,
    sample_blocks,
    sample_frame,
    sample_notebook,
    sample_table,
    started_browser,
    visited,
)
from testio_analytics.display import blocks
from testio_analytics.display.cells import STATES
from testio_analytics.display.csv_json import csv_text
from testio_analytics.display.html_table import html_table
from testio_analytics.frames.mirror import Mirror
from testio_analytics.pages.build import html_page
from testio_analytics.reports.columns import STATE_WORDS

HOSTILE = [
    "<script>window.hit = 1</script>",
    "</script><script>window.hit = 1</script>",
    "</style></title></td></table><img src=x onerror='window.hit=1'>",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1',
    "=cmd|' /C calc'!A0",
    "[x](javascript:window.hit=1) ![x](http://x.test/x.png)",
    "\u202eevil\x00\x1b[31m",
    "שלום עולם 12 (3)",
    "🚢 deck 👩\u200d🚀",
    "x" * 100_000,
    "word " * 20_000,
    "<svg/onload=window.hit=1><!--",
]
pytestmark = pytest.mark.browser

SIBLINGS = [("01_health.html", "Sync and health"), ("03_untested.html", "Untested features")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one browser for all tests of this file."""
    with started_browser() as started:
        yield started


def written(folder: Path, notebook: Any) -> Path:
    """Write the notebook's page as it is made in earnest."""
    facts = ["testio_analytics 0.1.0", "schema 2", "sync run 41", "notebook 03_untested"]
    html = html_page(notebook, title="Untested features", name="03_untested.html", siblings=SIBLINGS, facts=facts)
    path = folder / "03_untested.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the realistic sample page."""
    return written(tmp_path_factory.mktemp("pages"), sample_notebook())


@pytest.fixture(scope="module")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page whose every text wants to do harm."""
    count = len(HOSTILE)
    frame = pd.DataFrame(
        {
            "feature": pd.Series(HOSTILE, dtype=object),
            "product": pd.Series(HOSTILE[::-1], dtype=object),
            "state": pd.Series(HOSTILE, dtype=object),
            "reason": pd.Series(HOSTILE, dtype=object),
            "tests": pd.array(range(count), dtype="Int64"),
        }
    )
    shown = [blocks.verdict(text) for text in HOSTILE] + [blocks.notice(HOSTILE, lead=text) for text in HOSTILE[:3]]
    shown += [blocks.facts(dict(zip(HOSTILE, HOSTILE, strict=True)))]
    shown += [blocks.definition_list(zip(HOSTILE, HOSTILE, strict=True), summary=HOSTILE[0], is_open=True)]
    shown += [blocks.state_bar(dict.fromkeys(HOSTILE, 3), caption=HOSTILE[1])]
    shown += [html_table(frame, caption=HOSTILE[0], under=["product"], download="hostile.csv")]
    texts = [f"# {HOSTILE[0]}", *HOSTILE[1:]]
    return written(tmp_path_factory.mktemp("hostile"), notebook_of(*texts, *shown, picture_output(HOSTILE[2])))


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["1280", "400"])
@pytest.mark.parametrize("which", ["page_file", "hostile_file"])
def test_a_page_asks_for_nothing_and_complains_of_nothing(
    browser: Browser, request: pytest.FixtureRequest, which: str, viewport: Any
) -> None:
    """No request leaves, the console stays empty, no text acts, and nothing makes the body scroll sideways."""
    with visited(browser, request.getfixturevalue(which), viewport=viewport) as visit:
        visit.page.mouse.move(200, 200)
        visit.page.wait_for_timeout(300)
        widths = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")

        assert visit.requests == []
        assert visit.complaints == []
        assert visit.page.evaluate("window.hit") is None
        assert widths[0] <= widths[1]


def test_the_test_would_see_a_page_that_misbehaves(browser: Browser, tmp_path: Path) -> None:
    """A page with a remote picture and a style attribute is caught by the same means."""
    path = tmp_path / "bad.html"
    policy = "default-src 'none'; img-src http:"
    path.write_text(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><p style="color:red"><img src="http://x.test/x.png">'
    )
    with visited(browser, path) as visit:
        visit.page.wait_for_timeout(300)

        assert visit.requests == ["http://x.test/x.png"]
        assert any("Content Security Policy" in complaint for complaint in visit.complaints)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["1280", "400"])
@pytest.mark.parametrize("which", ["page_file", "hostile_file"])
def test_axe_finds_nothing(
    browser: Browser, request: pytest.FixtureRequest, which: str, viewport: Any, colours: Any
) -> None:
    """Contrast, names, landmarks, tables and headings are in order (axe-core, all its rules)."""
    options = {"viewport": viewport, "color_scheme": colours, "bypass_csp": True}
    with visited(browser, request.getfixturevalue(which), **options) as visit:
        found = Axe().run(visit.page).response["violations"]

    assert [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in found] == []


def shown_names(page: Any) -> list[str]:
    """Return the names of the rows of the long table that can be seen, from top to bottom."""
    names: list[str] = page.eval_on_selector_all(
        "table.many tbody tr", "rows => rows.filter(r => !r.hidden).map(r => r.cells[0].firstChild.textContent)"
    )
    return names


def test_columns_sort_by_value_and_back(browser: Browser, page_file: Path) -> None:
    """Days sort as days, the newest first, and states by priority, with gaps last in both directions; the third press restores the order."""
    frame = sample_frame()
    report_order = list(frame["feature"])
    dated = frame.dropna(subset="last_tested_at")
    gaps = list(frame[frame["last_tested_at"].isna()]["feature"])
    with visited(browser, page_file, viewport=WIDE) as visit:
        head = visit.page.locator("table.many th", has_text="Last tested")
        button = head.get_by_role("button")
        for order, names in (
            ("descending", [*dated.sort_values("last_tested_at", ascending=False, kind="stable")["feature"], *gaps]),
            ("ascending", [*dated.sort_values("last_tested_at", kind="stable")["feature"], *gaps]),
            (None, report_order),
        ):
            button.focus()
            visit.page.keyboard.press("Enter")
            assert head.get_attribute("aria-sort") == order
            assert shown_names(visit.page) == names

        visit.page.get_by_role("button", name="State", exact=True).click()
        said = visit.page.locator("table.many tbody td:nth-child(2) .state").all_inner_texts()
        words = [STATE_WORDS.get(state, state) for state in STATES]
        states = [text.split()[-1] for text in said]
        assert states == sorted(states, key=words.index)
        visit.page.get_by_role("button", name="Tests", exact=True).click()
        tests = visit.page.locator("table.many tbody td:nth-child(5)").all_inner_texts()
        assert [int(number) for number in tests] == sorted(frame["executed_tests"], reverse=True)
        assert visit.page.locator("th[aria-sort]").count() == 1


def test_the_filter_shows_rows_with_all_words_and_says_how_many(browser: Browser, page_file: Path) -> None:
    """Words may stand in any column, in any case; the count is announced, and an empty filter shows all."""
    frame = sample_frame()
    wanted = frame[(frame["state"] == "stale") & (frame["product"] == "Ferry App")]
    with visited(browser, page_file, viewport=WIDE) as visit:
        status = visit.page.get_by_role("status")
        field = visit.page.get_by_role("searchbox", name="Filter")
        assert status.inner_text() == "60 of 60 shown"

        field.fill("FERRY  last tested")
        assert status.inner_text() == f"{len(wanted)} of 60 shown"
        assert shown_names(visit.page) == list(wanted["feature"])
        assert 0 < len(wanted) < 60

        field.fill("no such word")
        assert status.inner_text() == "0 of 60 shown"
        field.fill("")
        assert shown_names(visit.page) == list(frame["feature"])


def filtered(page: Any, words: str) -> list[str]:
    """Type into the filter and return the names of the rows that are left."""
    page.get_by_role("searchbox", name="Filter").fill(words)
    return shown_names(page)


def test_the_filter_matches_whole_words_and_phrases(browser: Browser, tmp_path: Path) -> None:
    """No fragments: a word is found whole, in any cell, without accents; a phrase in order and within one cell."""
    names = [
        "Skerry Go", "Cargo of Skerry", "Go to Skerry", "Untested", "Tested", "Café", "e-mail", "mail e", "Order 1709", "東京駅"
    ]  # fmt: skip
    frame = pd.DataFrame({"name": names, "product": "Ferry App", "place": "Quay", "note": "calm", "more": "x"})
    table = html_table(frame, caption="All.", under=["product"])
    with visited(browser, written(tmp_path, notebook_of("# All", table)), viewport=WIDE) as visit:
        found = {
            words: filtered(visit.page, words)
            for words in (
                "skerry go", '"skerry go"', "“go to”", "tested", "cafe", "e-mail", "170", "1709", "京駅", "go ferry", '"go ferry"', "-"
            )
        }  # fmt: skip
        filtered(visit.page, "ske")
        said = visit.page.get_by_role("status").inner_text()

    assert found == {
        "skerry go": ["Skerry Go", "Go to Skerry"],
        '"skerry go"': ["Skerry Go"],
        "“go to”": ["Go to Skerry"],
        "tested": ["Tested"],
        "cafe": ["Café"],
        "e-mail": ["e-mail"],
        "170": ["Order 1709"],  # no row has this word: those in which one begins so
        "1709": ["Order 1709"],
        "京駅": ["東京駅"],
        "go ferry": ["Skerry Go", "Go to Skerry"],
        '"go ferry"': [],  # one stands in the name, the other in the product
        "-": names,
    }
    assert said == "3 of 10 shown, with words that begin so"


def test_product_and_state_have_choices_of_their_own(browser: Browser, demo_frames: Mirror, tmp_path: Path) -> None:
    """A list each, by its label, in the order of the states; with the words they narrow the rows further."""
    frame = ta.untested_features(demo_frames)
    path = written(tmp_path, notebook_of("# All", ta.table("untested_features", frame)))
    with visited(browser, path, viewport=WIDE) as visit:
        product = visit.page.get_by_role("combobox", name="Product", exact=True)
        state = visit.page.get_by_role("combobox", name="State", exact=True)
        assert state.locator("option").all_inner_texts() == ["all", "untested", "scheduled", "stale", "unknown"]
        assert product.locator("option").all_inner_texts() == ["all", *sorted({*frame["product"]})]

        state.select_option(label="stale")
        product.select_option(label="Skerry Go")
        wanted = frame[(frame["state"] == "stale") & (frame["product"] == "Skerry Go")]
        assert shown_names(visit.page) == list(wanted["feature"])
        assert 1 < len(wanted) < 8
        word = str(wanted["feature"].iloc[0]).split()[0]
        assert filtered(visit.page, word)[0] == wanted["feature"].iloc[0]
        product.select_option(label="all")
        state.select_option(label="all")
        assert filtered(visit.page, "skerry go") == list(frame[frame["product"] == "Skerry Go"]["feature"])


def test_the_download_says_what_it_saves(browser: Browser, tmp_path: Path) -> None:
    """While a filter is set, all rows and those shown are offered, each by its number; what is saved are those rows."""
    texts = [f'line {number}\n"quoted", {"odd" if number % 2 else "even"}' for number in range(9)]
    frame = pd.DataFrame({"feature": texts, "n": pd.array(range(9), dtype="Int64")})
    path = written(tmp_path, notebook_of("# All", html_table(frame, caption="All.", download="list.csv")))
    with visited(browser, path, viewport=WIDE, accept_downloads=True) as visit:
        visit.page.get_by_role("button", name="N", exact=True).dblclick()  # descending
        filtered(visit.page, "odd")
        saved = {}
        for name in ("Download the 4 shown", "Download all 9 rows"):
            with visit.page.expect_download() as coming:
                visit.page.get_by_role("link", name=name).click()
            coming.value.save_as(tmp_path / "saved.csv")
            saved[coming.value.suggested_filename] = (tmp_path / "saved.csv").read_bytes()
        filtered(visit.page, "nothing")
        assert visit.page.locator(".download a:visible").all_inner_texts() == ["Download all 9 rows"]
        filtered(visit.page, "")
        assert visit.page.locator(".download a:visible").all_inner_texts() == ["Download CSV"]

    odd = frame[frame["n"] % 2 == 1]
    assert saved == {
        "list-filtered.csv": b"\xef\xbb\xbf" + csv_text(odd).encode(),
        "list.csv": b"\xef\xbb\xbf" + csv_text(frame).encode(),
    }


def test_long_ids_sort_by_every_digit(browser: Browser, tmp_path: Path) -> None:
    """Above 2^53 a number of the browser is rounded to its neighbour; the order is the exact one all the same."""
    ids = [2**53 + 1, 2**53, 2**53 + 2, 5]
    frame = pd.DataFrame({"feature": [str(number) for number in ids], "feature_id": pd.array(ids, dtype="Int64")})
    with visited(browser, written(tmp_path, notebook_of("# All", html_table(frame, caption="All.")))) as visit:
        visit.page.get_by_role("button", name="Feature id").click()
        names = visit.page.locator("tbody th").all_inner_texts()

    assert names == [str(number) for number in sorted(ids)]


def test_the_widest_tables_fit_a_window_of_1300_pixels(browser: Browser, demo_frames: Mirror, tmp_path: Path) -> None:
    """They move closer together instead of hiding their last columns."""
    untested = ta.untested_features(demo_frames).assign(stories_failed=0, bugs=0, critical=0)
    tables = [
        ta.table("untested_features", untested, more=["stories_failed", "bugs", "critical"]),
        ta.table("next_tests", demo_frames),
    ]
    path = written(tmp_path, notebook_of("# All", *tables))
    with visited(browser, path, viewport={"width": 1300, "height": 900}) as visit:
        hidden = visit.page.eval_on_selector_all(".scroll", "all => all.map(r => r.scrollWidth - r.clientWidth)")

    assert hidden == [0, 0]


def test_a_picture_of_others_stays_readable_on_a_phone(browser: Browser, page_file: Path) -> None:
    """It is not shrunk to the screen but scrolls in its own region, by keyboard as well; on a wide screen it is shown whole."""
    measure = "r => [r.clientWidth < r.scrollWidth, r.querySelector('img').clientWidth >= 590, r.tabIndex]"
    with visited(browser, page_file, viewport=PHONE) as visit:
        assert visit.page.locator(".picture .scroll").evaluate(measure) == [True, True, 0]
    with visited(browser, page_file, viewport=WIDE) as visit:
        assert visit.page.locator(".picture .scroll").evaluate(measure) == [False, True, -1]


def test_a_phone_can_sort_its_cards(browser: Browser, page_file: Path) -> None:
    """Without a head row there is a list of orders instead."""
    frame = sample_frame()
    with visited(browser, page_file, viewport=PHONE) as visit:
        visit.page.get_by_label("Order").select_option(label="Tests, descending")

        best = frame.sort_values("executed_tests", ascending=False, kind="stable")
        assert shown_names(visit.page) == list(best["feature"])
        assert visit.page.locator("table.many thead").is_hidden()


def test_the_table_is_complete_without_script(browser: Browser, page_file: Path) -> None:
    """Rows, caption and download are in the file itself; controls that would do nothing are not."""
    with visited(browser, page_file, viewport=WIDE, java_script_enabled=False) as visit:
        assert visit.page.locator("table.many tbody tr").count() == 60
        assert visit.page.get_by_role("link", name="Download CSV").is_visible()
        assert visit.page.get_by_role("searchbox").count() == 0
        assert visit.page.locator("th button").count() == 0


@pytest.mark.parametrize("has_script", [True, False])
def test_the_download_is_the_frame(browser: Browser, page_file: Path, tmp_path: Path, has_script: bool) -> None:
    """The file has the right name, a byte order mark and all columns, with and without script."""
    with visited(browser, page_file, java_script_enabled=has_script, accept_downloads=True) as visit:
        with visit.page.expect_download() as coming:
            visit.page.get_by_role("link", name="Download CSV").click()
        coming.value.save_as(tmp_path / "list.csv")

        assert coming.value.suggested_filename == "untested_features.csv"
        assert visit.complaints == []
    assert (tmp_path / "list.csv").read_bytes() == b"\xef\xbb\xbf" + csv_text(sample_frame()).encode()


def test_a_large_download_arrives_whole(browser: Browser, tmp_path: Path) -> None:
    """More than the 2 MB that a browser follows in an address come through as well."""
    frame = pd.DataFrame({"feature": [f"Feature {n} äöü " + "x" * 300 for n in range(9_000)]})
    table = html_table(frame, caption="All.", download="all.csv")
    path = written(tmp_path, notebook_of("# All", table))
    with visited(browser, path, accept_downloads=True) as visit:
        with visit.page.expect_download() as coming:
            visit.page.get_by_role("link", name="Download all 9,000 rows (CSV)").click()
        coming.value.save_as(tmp_path / "all.csv")

    assert (tmp_path / "all.csv").read_bytes() == b"\xef\xbb\xbf" + csv_text(frame).encode()


def test_a_hostile_download_is_defused(browser: Browser, hostile_file: Path, tmp_path: Path) -> None:
    """Formulas in titles arrive as text."""
    with visited(browser, hostile_file, accept_downloads=True) as visit:
        with visit.page.expect_download() as coming:
            visit.page.get_by_role("link", name="Download CSV").click()
        coming.value.save_as(tmp_path / "list.csv")
    lines = list(csv.reader(io.StringIO((tmp_path / "list.csv").read_text(encoding="utf-8-sig"))))

    assert lines[5][0] == "'=cmd|' /C calc'!A0"
    assert max(len(line[0]) for line in lines) == 100_000


def test_a_right_to_left_title_leaves_its_row_in_order(browser: Browser, hostile_file: Path) -> None:
    """The columns beside it stand where the heads say, from left to right."""
    with visited(browser, hostile_file, viewport=WIDE) as visit:
        row = visit.page.locator("table.many tbody tr", has_text="שלום").first
        lefts = row.evaluate("row => [...row.cells].map(cell => cell.getBoundingClientRect().left)")
        heads = visit.page.eval_on_selector_all(
            "table.many thead th", "ths => ths.map(th => th.getBoundingClientRect().left)"
        )

    assert lefts == pytest.approx(heads, abs=1)
    assert lefts == sorted(lefts)


def test_printing_opens_what_is_folded_and_keeps_it_light(browser: Browser, page_file: Path, tmp_path: Path) -> None:
    """The PDF has all rows, the definitions, repeated heads, and no controls, also from a dark screen."""
    with visited(browser, page_file, viewport=WIDE, color_scheme="dark") as visit:
        visit.page.pdf(path=tmp_path / "page.pdf", format="A4")
        visit.page.emulate_media(media="print")
        background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        visit.page.emulate_media(media="screen")
        still_folded = visit.page.locator("details.definitions:not([open])").count()
    text = pdf_text(tmp_path / "page.pdf")

    assert background == "rgb(255, 255, 255)"
    assert still_folded == 1
    sheets = [sheet for sheet in text.split("\f") if re.search(" (untested|scheduled|stale|unknown) +[A-Z]", sheet)]
    assert len(sheets) >= 4
    assert all(re.search("Feature +State +Why +Last tested +Tests", sheet) for sheet in sheets)
    assert "386 stored, 1 page missing" in text
    assert all(word in text for word in ("Printed tickets", "In scope is not exercised", "sync run 41"))
    assert "Download CSV" not in text
    assert "60 of 60 shown" not in text


def test_a_filtered_print_says_that_it_is_filtered(browser: Browser, page_file: Path) -> None:
    """Who prints six rows of sixty must not pass them on as all."""
    with visited(browser, page_file, viewport=WIDE) as visit:
        visit.page.get_by_role("searchbox").fill("stale")
        visit.page.emulate_media(media="print")

        assert visit.page.get_by_role("status").is_visible()
        assert not visit.page.get_by_role("searchbox").is_visible()


def test_a_table_too_wide_scrolls_by_itself_and_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Only its own region scrolls, and that can be focused; a table that fits is no stop for the keyboard."""
    wide = pd.DataFrame({f"a_rather_long_name_{n}": [f"value{n}" * 4] for n in range(14)})
    shown = [*sample_blocks(sample_frame()), html_table(wide, caption="Wide."), sample_table(sample_frame(3))]
    with visited(browser, written(tmp_path, notebook_of("# T", *shown)), viewport=WIDE) as visit:
        regions = visit.page.eval_on_selector_all(
            ".scroll", "all => all.map(r => [r.scrollWidth > r.clientWidth, r.tabIndex])"
        )

        assert regions == [[True, 0], [False, -1]]
        assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
