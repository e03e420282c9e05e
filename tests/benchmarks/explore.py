"""What the explore page weighs, how long it takes to open, and how long a view takes, in the real browser.

Times are those of the processor, so that a busy machine tells the same. The demo account, a generated one of 50 products, 3,000 features, 2,200 tests and 28,000 bugs, and ten times the demo.
Run it by hand::

    PYTHONPATH=tests/support python tests/benchmarks/explore.py

The exit code is 1 when a figure of the first two is over its limit.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from page_weight import busy_seconds, measuring
from playwright.sync_api import Browser

from browser import started_browser
from copies import copy_rows
from syncing import sync_account
from testio_analytics.demo.generate import generate_account
from testio_analytics.demo.run import sync_demo
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.pages.explore import explore_data, explore_page
from testio_analytics.reports.explore import explored

MOST_MEGABYTES, MOST_SECONDS_TO_OPEN, MOST_MILLISECONDS = 4.0, 1.0, 100.0
VIEWS = 20
OPENED = """() => performance.getEntriesByName("opened")[0].startTime / 1000"""
MARK = """
new MutationObserver((_, observer) => {
  if (!document.querySelector("form.finder:not([hidden])")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => performance.mark("opened")));
}).observe(document, { subtree: true, childList: true, attributes: true });
"""
VIEW = """
(address) => new Promise((resolve) => {
  addEventListener("hashchange", () => requestAnimationFrame(() => setTimeout(resolve)), { once: true });
  location.hash = address;
})
"""


def accounts(folder: Path) -> Iterator[tuple[str, Path, bool]]:
    """Give the name of each account, its database, and whether its figures are held against the limits."""
    demo, large, ten = (folder / f"{name}.db" for name in ("demo", "large", "ten"))
    sync_demo(demo)
    yield "the demo", demo, True
    sync_account(generate_account(seed=1, products=50, features=3_000, tests=2_200, bugs=28_000), large)
    yield "50 products", large, True
    copy_rows(demo, ten, 10)
    yield "ten demos", ten, False


def made(db: Path, page: Path) -> float:
    """Write the page of a database and return how long that took, in seconds."""
    mirror = load_mirror(db)
    began = time.perf_counter()
    data = explore_data(explored(mirror))
    page.write_text(
        explore_page(
            data,
            file="explore.html",
            title="Explore",
            siblings=[("explore.html", "Explore")],
            facts=["testio_analytics"],
        ),
        encoding="utf-8",
    )
    return time.perf_counter() - began


def addresses(db: Path) -> list[str]:
    """Return addresses of all kinds: those with most to show first, then some by chance, and two searches."""
    mirror, dice = load_mirror(db), random.Random(1)
    found = []
    for kind, key, table in (
        ("product", "id", "products"),
        ("feature", "feature_id", "bugs"),
        ("test", "test_id", "bugs"),
    ):
        ids = getattr(mirror, table)[key].dropna()
        found.append(f"{kind}-{mirror.bugs['product_id'].mode()[0] if kind == 'product' else ids.mode()[0]}")
        found += [f"{kind}-{one}" for one in dice.sample(sorted({*ids.tolist()}), min(VIEWS, ids.nunique()))]
    found += [f"bug-{one}" for one in dice.sample(mirror.bugs["id"].tolist(), VIEWS)]
    return [*found, "search=the", "search=list%20form"]


def seconds_to_open(browser: Browser, page: Path) -> tuple[float, float]:
    """Return after how many seconds the page shows what it carries: those of the processor, and by the clock."""
    context: Any = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    context.add_init_script(MARK)
    tab = context.new_page()
    browsing = measuring(context, tab)
    tab.goto(page.as_uri())
    tab.wait_for_function("performance.getEntriesByName('opened').length")
    seconds = busy_seconds(browsing), float(tab.evaluate(OPENED))
    context.close()
    return seconds


def milliseconds(browser: Browser, page: Path, asked: list[str]) -> dict[str, float]:
    """Return for each address how long its view keeps the processor busy, up to the frame that shows it.

    The best of three rounds, and the time of the processor: what else the machine does is no property of the page.
    """
    context: Any = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    tab = context.new_page()
    browsing = measuring(context, tab)
    tab.goto(page.as_uri())
    tab.wait_for_selector("form.finder:not([hidden])")
    rounds: list[dict[str, float]] = [{}, {}, {}]
    for one in rounds:
        for address in asked:
            began = busy_seconds(browsing)
            tab.evaluate(VIEW, f"#{address}")
            one[address] = 1000 * (busy_seconds(browsing) - began)
    context.close()
    return {address: min(one[address] for one in rounds) for address in asked}


def main() -> int:
    """Measure, print each figure beside its limit, and return the exit code."""
    is_fine = True
    with tempfile.TemporaryDirectory() as name, started_browser() as browser:
        folder = Path(name)
        for account, db, is_held in accounts(folder):
            page = folder / f"{db.stem}.html"
            making = made(db, page)
            size = page.stat().st_size / 2**20
            opening, clock = map(min, zip(*(seconds_to_open(browser, page) for _ in range(3)), strict=True))
            times = milliseconds(browser, page, addresses(db))
            slowest = max(times, key=lambda address: times[address])
            middle = sorted(times.values())[len(times) // 2]
            print(
                f"{account}: made in {making:.1f} s; {size:.2f} MB (limit {MOST_MEGABYTES:.0f}); opens in {opening:.2f} s "
                f"(limit {MOST_SECONDS_TO_OPEN:.0f}; {clock:.2f} by the clock); a view takes {middle:.0f} ms, at most {times[slowest]:.0f} ms "
                f"({slowest}; limit {MOST_MILLISECONDS:.0f})"
            )
            fits = size < MOST_MEGABYTES and opening < MOST_SECONDS_TO_OPEN and times[slowest] < MOST_MILLISECONDS
            is_fine &= fits or not is_held
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
