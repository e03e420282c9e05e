"""Plots on a page, in a real browser: in the page's colours by day, by night and on paper, and readable on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from matplotlib.image import imread
from playwright.sync_api import Browser, Page, expect

import testio_analytics as ta
from browser import PHONE, WIDE, notebook_of, started_browser, visited
from testio_analytics.display.plots.pictures import Picture
from testio_analytics.frames.mirror import Mirror
from testio_analytics.pages.page import html_page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LIGHT, DARK = (255, 255, 255), (13, 17, 23)
RED = {"light": (179, 38, 30), "dark": (255, 138, 128)}
"""The colour of what was never tested."""


@pytest.fixture(scope="module", name="plot")
def _plot(demo_frames: Mirror) -> Picture:
    return ta.picture(ta.plot_states(ta.coverage_by_product(demo_frames)))


@pytest.fixture(scope="module", name="page_file")
def _page_file(plot: Picture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plots") / "page.html"
    path.write_text(html_page(notebook_of("# States", output_of(plot)), title="States"), encoding="utf-8")
    return path


@pytest.fixture(scope="module", name="browser")
def _browser(page_file: Path) -> Iterator[Browser]:  # the account is synced before the browser's loop runs
    with started_browser() as browser:
        yield browser


def output_of(plot: Picture) -> Any:
    """Return what a notebook stores for a cell that ends with the picture."""
    data, metadata = plot._repr_mimebundle_()
    return nbformat.v4.new_output("execute_result", data=data, metadata=metadata)  # type: ignore[no-untyped-call]


def colours(page: Page) -> set[tuple[int, ...]]:
    """Return the colours of the picture as it is painted."""
    painted = imread(BytesIO(page.locator(".picture img").screenshot()), format="png")
    return {*map(tuple, np.unique((painted[:, :, :3] * 255).round().astype(int).reshape(-1, 3), axis=0).tolist())}


@pytest.mark.parametrize(
    ("media", "scheme", "ground", "red"),
    [
        ("screen", "light", LIGHT, RED["light"]),
        ("screen", "dark", DARK, RED["dark"]),
        ("print", "dark", LIGHT, RED["light"]),
    ],
)
def test_a_plot_follows_the_colours_of_the_page(
    media: Any, scheme: Any, ground: tuple[int, ...], red: tuple[int, ...], browser: Browser, page_file: Path
) -> None:
    """Its ground is that of the page, the bars have the colour of the state there; paper is always light."""
    with visited(browser, page_file, viewport=WIDE, color_scheme=scheme) as visit:
        visit.page.emulate_media(media=media)
        assert {ground, red} <= colours(visit.page)
        assert visit.requests == visit.complaints == []


def test_a_phone_shows_the_drawing_that_was_made_for_it(browser: Browser, page_file: Path, plot: Picture) -> None:
    """Its smallest letters are of 11 pixels as painted, nothing scrolls sideways, and it says the same."""
    assert plot.narrow is not None
    smallest = min(float(size) for size in re.findall(r'font-size="([\d.]+)"', plot.narrow.svg))
    with visited(browser, page_file, viewport=PHONE) as visit:
        image = visit.page.locator(".picture img")
        expect(image).to_have_attribute("alt", plot.alt)
        box = image.bounding_box()
        assert box is not None
        assert smallest * box["width"] / plot.narrow.width >= 11
        assert box["height"] / box["width"] == pytest.approx(plot.narrow.height / plot.narrow.width, rel=0.02)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
