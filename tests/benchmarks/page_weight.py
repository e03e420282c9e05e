"""What each page weighs, how long it takes to open, and how long a filter takes, in the real browser.

The demo account's rows are copied with shifted ids, and the pages of their notebooks are made as `report` makes them. Run it by
hand::

    PYTHONPATH=tests/support python tests/benchmarks/page_weight.py [--copies 1 10 40] [--folder DIR]

With `--folder` databases and pages are kept there and used again. The exit code is 1 when a figure of up to ten copies is over its
limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from browser import started_browser
from copies import copy_rows
from testio_analytics.demo.run import sync_demo
from testio_analytics.pages import explore
from testio_analytics.pages.build import make_pages, page_names

MOST_MEGABYTES, MOST_SECONDS_TO_OPEN, MOST_MILLISECONDS = 3.0, 1.0, 100.0
JUDGED = 10
ROUNDS = 3
"""The best of three, and the seconds of the processor: what else the machine does at that moment is no property of the page."""

WORDS = ("a", "pay", "payment", '"the list"', "no such word", "")
OPENED = """
() => new Promise((resolve) => {
  const look = () => {
    const waiting = [...document.querySelectorAll("div.table[data-rows]")].some((block) => !block.querySelector(".tools"));
    if (waiting) setTimeout(look, 5);
    else requestAnimationFrame(() => setTimeout(resolve));
  };
  look();
})
"""
TYPED = """
(field, typed) => {
  field.value = typed;
  field.dispatchEvent(new Event("input"));
  return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
}
"""


@dataclass(frozen=True)
class Figures:
    """What was measured of one page: megabytes, seconds until it can be used, and milliseconds of its slowest filter.

    Seconds and milliseconds are those of the processor; `by_the_clock` are the seconds until it can be used.
    """

    megabytes: float
    seconds: float
    milliseconds: float
    by_the_clock: float

    @property
    def is_within(self) -> bool:
        """Whether no figure is over its limit."""
        return (
            self.megabytes <= MOST_MEGABYTES
            and self.seconds <= MOST_SECONDS_TO_OPEN
            and self.milliseconds <= MOST_MILLISECONDS
        )


def made(folder: Path, copies: int) -> list[Path]:
    """Return the pages of the notebooks for so many copies of the demo, made unless they are there."""
    demo, db, output = folder / "demo.db", folder / f"copies-{copies}.db", folder / f"pages-{copies}"
    if not demo.exists():
        sync_demo(demo)
    if not db.exists():
        copy_rows(demo, db, copies)
    if not output.exists():
        make_pages(db, output, notebooks=[name for name in page_names() if name != explore.NAME])
    return sorted(output.glob("*.html"))


def measured(browser: Browser, page: Path) -> Figures:
    """Open the page three times, filter each of its tables by some words, and return the best of each figure."""
    rounds = [_once(browser, page) for _ in range(ROUNDS)]
    return Figures(page.stat().st_size / 1e6, *(min(values) for values in zip(*rounds, strict=True)))


def _once(browser: Browser, page: Path) -> tuple[float, float, float]:
    context: Any = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    try:
        tab = context.new_page()
        browsing = measuring(context, tab)
        began = time.perf_counter()
        tab.goto(page.as_uri())
        tab.evaluate(OPENED)
        by_the_clock = time.perf_counter() - began
        opened, longest = busy_seconds(browsing), 0.0
        tab.wait_for_timeout(500)  # so that the page finishes what it prepares meanwhile
        for field in tab.locator("input[type=search]").all():
            for typed in WORDS:
                began = busy_seconds(browsing)
                field.evaluate(TYPED, typed)
                longest = max(longest, busy_seconds(browsing) - began)
        return opened, 1000 * longest, by_the_clock
    finally:
        context.close()


def measuring(context: Any, tab: Any) -> Any:
    """Return a session with the browser in which the processor's time of the page is counted."""
    browsing = context.new_cdp_session(tab)
    browsing.send("Performance.enable", {"timeDomain": "threadTicks"})
    return browsing


def busy_seconds(browsing: Any) -> float:
    """Return how long the page has kept its processor busy."""
    metrics = browsing.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def main(arguments: list[str]) -> int:
    """Print the figures of each page beside their limits."""
    parser = argparse.ArgumentParser(description="What pages weigh, and how long they take to open and to filter.")
    parser.add_argument("--copies", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args(arguments)
    is_within = True
    print(f"limits: {MOST_MEGABYTES} MB, {MOST_SECONDS_TO_OPEN} s to open, {MOST_MILLISECONDS:.0f} ms for a filter")
    with tempfile.TemporaryDirectory() as temporary, started_browser() as browser:
        for copies in options.copies:
            for page in made(options.folder or Path(temporary), copies):
                figures = measured(browser, page)
                is_within &= figures.is_within or copies > JUDGED
                print(
                    f"x{copies:<3} {page.name:28} {figures.megabytes:5.2f} MB  {figures.seconds:5.2f} s to open"
                    f" ({figures.by_the_clock:.2f} by the clock)"
                    f"  {figures.milliseconds:5.0f} ms for the slowest filter{'' if figures.is_within else '  (over)'}",
                    flush=True,
                )
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
