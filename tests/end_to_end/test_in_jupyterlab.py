"""A real JupyterLab in a real browser: reports are live there, in its theme, and nothing of that is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page

import testio_analytics as ta
from browser import notebook_of, started_browser
from lab_server import PATIENCE, opened_notebook, started_lab
from testio_analytics.display.blocks import Block
from testio_analytics.frames.mirror import Mirror

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CODE = [
    "import testio_analytics as ta\nmirror = ta.load_mirror()",
    'ta.table("story_coverage", mirror)',
    'ta.table("story_coverage_by_product", mirror)',
    "ta.picture(ta.plot_states(ta.coverage_by_product(mirror)))",
]
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module", name="lab")
def _lab(folder: Path, demo_db_path: Path) -> Iterator[str]:
    with started_lab(folder, demo_db_path) as address:
        yield address


@pytest.fixture(scope="module", name="browser")
def _browser(lab: str) -> Iterator[Browser]:  # the demo account is synced before the browser's loop runs
    with started_browser() as browser:
        yield browser


def write(notebook: nbformat.NotebookNode, path: Path) -> Path:
    """Write a notebook as somebody else would send it: nobody here trusts its outputs yet."""
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


def contrast(page: Page, selector: str) -> float:
    """Return the contrast (WCAG 2) of an element's text with the notebook behind it."""
    found: float = page.evaluate(
        """(selector) => {
          const lightness = (colour) => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
            const [r, g, b] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const behind = document.querySelector(".jp-Notebook");
          const pair = [getComputedStyle(document.querySelector(selector)).color, getComputedStyle(behind).backgroundColor];
          const [low, high] = pair.map(lightness).sort((a, b) => a - b);
          return (high + 0.05) / (low + 0.05);
        }""",
        selector,
    )
    return found


def test_a_table_that_was_run_sorts_and_filters_all_its_rows(
    lab: str, folder: Path, browser: Browser, demo_frames: Mirror
) -> None:
    """Each table by itself; without any request to elsewhere, and the file holds the plain table."""
    blank = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CODE])  # type: ignore[no-untyped-call]
    blank.metadata.kernelspec = KERNEL  # without, JupyterLab asks which one
    path = write(blank, folder / "work" / "live.ipynb")
    with opened_notebook(browser, lab, path.name) as (page, complaints):
        # Before there is a kernel, JupyterLab asks which one to take.
        kernel = "jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
        page.wait_for_function(f"{kernel}?.connectionStatus === 'connected'", timeout=PATIENCE)
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells') }")
        page.locator("div.table").nth(1).locator("thead th button").first.wait_for(timeout=PATIENCE)
        stories, products = page.locator("div.table").nth(0), page.locator("div.table").nth(1)
        count = len(ta.story_coverage(demo_frames))

        assert stories.locator("tbody tr:visible").count() == 50
        stories.get_by_role("button", name="Show 500 more").click()
        page.wait_for_function("document.querySelector('div.table tbody').rows.length === 550")

        stories.locator("select").first.select_option(label="Photo Pass")
        assert stories.locator(".shown").inner_text() == f"9 of {count:,} shown"
        assert stories.locator("tbody tr:visible").count() == 9

        head = products.locator("thead th", has_text="Failed")
        head.locator("button").click()  # of figures the highest comes first
        failed = [int(text) for text in products.locator("tbody tr td:nth-child(3)").all_inner_texts()]
        assert failed == sorted(failed, reverse=True)
        assert len(failed) == len(ta.story_coverage_by_product(demo_frames))

        name, small = stories.locator("tbody th:visible").first, stories.locator("tbody th:visible small").first
        assert name.evaluate("one => getComputedStyle(one).textAlign") == "left"
        assert small.bounding_box()["y"] > name.bounding_box()["y"] + 10  # type: ignore[index]

        plot = page.locator(".jp-RenderedSVG img")
        assert plot.get_attribute("alt") == ta.picture(ta.plot_states(ta.coverage_by_product(demo_frames))).alt
        assert plot.evaluate("one => getComputedStyle(one).colorScheme") == "light only"

        page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("!document.querySelector('.jp-mod-dirty')")
        assert complaints == []
    stored = json.loads(path.read_text())["cells"][2]["outputs"][0]["data"]["text/html"]
    assert "".join(stored) == ta.table("story_coverage_by_product", demo_frames).html


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_blocks_are_readable_in_each_theme_before_they_are_trusted(
    theme: str, lab: str, folder: Path, browser: Browser, demo_frames: Mirror
) -> None:
    """JupyterLab cuts what to sort by out of such an output: it looks the same, and a line says what to do."""
    summary = ta.coverage_summary(demo_frames)
    blocks: list[Block] = [
        ta.verdict(summary.sentence),
        ta.figures({"Tested": (summary.tested, ["of all", "since May"])}),
        ta.notice(summary.doubts, lead="Data gaps:"),
        ta.state_bar({"untested": 3, "stale": 2}, caption="States"),
        ta.table("untested_features", demo_frames),
    ]
    path = write(notebook_of(*blocks), folder / "work" / f"{theme.split()[1]}.ipynb")
    with opened_notebook(browser, lab, path.name) as (page, complaints):
        page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        is_light = json.dumps("Light" in theme)
        page.wait_for_selector(f"body[data-jp-theme-light={json.dumps(is_light)}]", state="attached")
        page.get_by_text("Run the notebook, or trust it").wait_for(timeout=PATIENCE)

        assert page.locator("div.table button, div.table input").count() == 0
        assert page.locator("tbody th").first.evaluate("one => getComputedStyle(one).textAlign") == "left"
        for part in (
            ".verdict",
            ".figures small",
            ".notice",
            ".key .state",
            "caption",
            "tbody th",
            "tbody small",
            "tbody td",
        ):
            assert contrast(page, f".testio {part}") >= 4.5, part
        notes = page.locator(".figures small")
        assert notes.nth(1).bounding_box()["y"] > notes.nth(0).bounding_box()["y"] + 10  # type: ignore[index]
        assert complaints == []
