"""Helpers for the tests of pages: a realistic sample page, and a browser that lets nothing out."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from testio_analytics.display import blocks
from testio_analytics.display.cells import STATES
from testio_analytics.display.html_table import html_table

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 400, "height": 800}


def outside_the_loop(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function that runs a loop of its own: in this thread the loop of the browser's driver is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args, **options).result()


# -- the browser ----------------------------------------------------------------------------------------------------


def browser_path() -> str:
    """Return the installed browser; without one skip the test, or fail it where CI is set."""
    return _tool(BROWSER_NAMES, "no chromium is installed (Debian: apt-get install chromium)")


def pdf_text(path: Path) -> str:
    """Return the text of a PDF, sheets parted by form feeds; without the tool skip or fail likewise."""
    tool = _tool(["pdftotext"], "no pdftotext is installed (Debian: apt-get install poppler-utils)")
    return subprocess.run([tool, "-layout", path, "-"], capture_output=True, text=True, check=True).stdout


def _tool(names: Iterable[str], reason: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """Start the browser without a window, and close it in any case."""
    path = browser_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """An open page, with what it asked for beyond itself and what it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visited(browser: Browser, path: Path, **options: Any) -> Iterator[Visit]:
    """Open the file with the network off; every request but the file itself is refused and written down."""
    context: BrowserContext = browser.new_context(offline=True, **options)
    try:
        visit = Visit(context.new_page())
        own = path.resolve().as_uri()

        def judge(route: Any) -> None:
            if route.request.url == own:
                route.continue_()
            else:
                visit.requests.append(route.request.url)
                route.abort()

        context.route("**/*", judge)
        visit.page.on("console", lambda message: visit.complaints.append(f"{message.type}: {message.text}"))
        visit.page.on("pageerror", lambda error: visit.complaints.append(f"error: {error}"))
        visit.page.goto(own)
        yield visit
    finally:
        context.close()


# -- the sample -----------------------------------------------------------------------------------------------------

AREAS = ["Shop", "App", "Back office", "Checkout", "Kiosk"]
NOUNS = [
    "vouchers",
    "seat map",
    "settings",
    "bookings",
    "invoices",
    "points",
    "search",
    "calendar",
    "refunds",
    "tickets",
]
KINDS = ["Gift", "Group", "Mobile", "Accessible", "Saved", "Printed"]
REASONS = {
    "untested": "Never tested",
    "planned": "In scope of “Autumn focused 2”, starts 3 Jul 2026",
    "stale": "Last tested 311 days ago",
    "unknown": "Page 5 of this product's tests could not be read",
}


def sample_frame(rows: int = 60) -> pd.DataFrame:
    """Return a report like that of the untested features, always the same."""
    dice = random.Random(7)
    states = sorted((dice.choice(STATES[:4]) for _ in range(rows)), key=STATES.index)
    tested = [pd.Timestamp("2025-01-05", tz="UTC") + pd.Timedelta(days=5 * row, hours=9) for row in range(rows)]
    is_tested = [state == "stale" for state in states]
    return pd.DataFrame(
        {
            "feature_id": pd.array([81000 + row for row in range(rows)], dtype="Int64"),
            "product": [dice.choice(["Harbour Booking", "Ferry App"]) for _ in range(rows)],
            "sections": [" · ".join(sorted(dice.sample(AREAS, dice.choice([1, 1, 2])))) for _ in range(rows)],
            "feature": [f"{KINDS[row % 6]} {NOUNS[row // 6 % 10]}" for row in range(rows)],
            "state": pd.Categorical(states, categories=list(STATES), ordered=True),
            "reason": [REASONS[state] for state in states],
            "last_tested_at": pd.Series([t if yes else pd.NaT for t, yes in zip(tested, is_tested, strict=True)]),
            "executed_tests": pd.array([dice.randint(1, 12) if yes else 0 for yes in is_tested], dtype="Int64"),
            "stories": pd.array([dice.choice([0, 2, 3, 4, 6, 12]) for _ in range(rows)], dtype="Int64"),
            "share_run": pd.array([dice.random() if yes else None for yes in is_tested], dtype="Float64"),
            "changed_since_tested": pd.array(
                [dice.choice([True, False]) if y else None for y in is_tested], dtype="boolean"
            ),
        }
    )


def sample_table(frame: pd.DataFrame) -> blocks.Block:
    """Return the sample report as a notebook would show it."""
    return html_table(
        frame,
        caption="Features that need a test, by priority. Tests counted since 1 January 2025.",
        labels={
            "feature": "Feature",
            "state": "State",
            "reason": "Why",
            "last_tested_at": "Last tested",
            "executed_tests": "Tests",
            "stories": "Stories",
            "share_run": "Stories run",
            "changed_since_tested": "Changed since",
        },
        under=["product", "sections"],
        choices=["product", "state"],
        shares=["share_run"],
        unknown=["share_run"],
        download="untested_features.csv",
    )


def sample_blocks(frame: pd.DataFrame) -> list[blocks.Block]:
    """Return the blocks that open the sample page."""
    return [
        blocks.verdict(
            "29 of 112 active features (26 %) were never tested as of 30 June 2026, 06:00 UTC: "
            "23 untested and 6 scheduled; 4 more have unknown status, because one page of tests of Ferry App could not be read."
        ),
        blocks.facts(
            {
                "As of": pd.Timestamp("2026-06-30T06:00:00Z"),
                "Last complete sync": "today",
                "Products": 3,
                "Not tested for more than": "180 days",
            }
        ),
        blocks.notice(
            "One page of tests of “Ferry App” could not be read (server error on 5 tries). Never tested is between "
            "29 and 33.",
            lead="4 features cannot be judged.",
        ),
        blocks.state_bar(
            {"untested": 29, "planned": 6, "stale": 14, "unknown": 4, "tested": 59},
            caption="Every active feature, by state",
        ),
    ]


def notebook_of(*cells: Any) -> nbformat.NotebookNode:
    """Return an executed notebook: text becomes Markdown, a block or output the output of a code cell."""
    made = [_cell(number, cell) for number, cell in enumerate(cells)]
    return nbformat.v4.new_notebook(cells=made)  # type: ignore[no-untyped-call,no-any-return]


def _cell(number: int, cell: Any) -> Any:
    if isinstance(cell, str):
        return nbformat.v4.new_markdown_cell(cell, id=f"cell-{number}")  # type: ignore[no-untyped-call]
    output = output_of(cell) if isinstance(cell, blocks.Block) else cell
    return nbformat.v4.new_code_cell("...", id=f"cell-{number}", outputs=[output])  # type: ignore[no-untyped-call]


def output_of(block: blocks.Block) -> Any:
    """Return what a notebook stores for a cell that ends with the block."""
    data, metadata = block._repr_mimebundle_()
    return nbformat.v4.new_output("execute_result", data=data, metadata=metadata)  # type: ignore[no-untyped-call]


def picture_output(alt: str | None) -> Any:
    """Return an output with a small plot, with or without a text for those who cannot see it."""
    import base64

    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.6), dpi=100)
    axes = figure.subplots()
    axes.barh(["Harbour Booking", "Ferry App", "Kiosk"], [0.74, 0.52, 0.31], color="#00694b")
    axes.set_xlabel("share of features ever tested")
    file = BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight", metadata={"Software": None})
    data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": alt or "a plot"}
    metadata = {} if alt is None else {"image/png": {"alt": alt}}
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)  # type: ignore[no-untyped-call]


def sample_notebook() -> nbformat.NotebookNode:
    """Return a realistic executed report."""
    frame = sample_frame()
    coverage = pd.DataFrame(
        {
            "product": ["Ferry App", "Harbour Booking", "Kiosk"],
            "features": [31, 53, 28],
            "ever_tested": [0.52, 0.74, 0.31],
        }
    )
    return notebook_of(
        "# Untested features",
        *sample_blocks(frame),
        "## Where the gaps are\n\nCoverage counts a feature as soon as **one executed test** has it in scope.",
        picture_output("Share of features ever tested: Harbour Booking 74 %, Ferry App 52 %, Kiosk 31 %."),
        html_table(coverage, caption="Coverage by product.", shares=["ever_tested"]),
        "## The list\n\nSort by a column's head; the third click restores this order.",
        sample_table(frame),
        "## How to read this",
        blocks.definition_list(
            {
                "Active feature": "In the catalogue at the last complete read.",
                "Executed test": "Running, locked, archived or completed. Scheduled tests have tested nothing.",
                "Stale": "The last executed test ended more than 180 days before the date of this report.",
                "In scope is not exercised": "A test with a feature in scope invites testers to it; it does not prove "
                "that anyone went.",
            },
            summary="Definitions",
            is_open=True,
        ),
        blocks.definition_list(
            {"Features": "112 expected, 112 stored, complete", "Tests": "386 stored, 1 page missing"},
            summary="Where the data comes from",
        ),
    )
