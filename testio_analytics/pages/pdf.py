"""A page as PDF, printed by the browser that is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from testio_analytics.errors import ReportError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
LONGEST = 180
"""Seconds that one page may take."""


def browser() -> str:
    """Return the browser that prints.

    Raises:
        ReportError: none is installed.
    """
    for name in (*BROWSERS, *ELSEWHERE):
        if found := shutil.which(name):
            return found
    raise ReportError(
        "A PDF is printed by a browser, and none was found: install Chromium, Chrome or Edge, or leave --pdf out and "
        "print the pages yourself."
    )


def print_pages(pages: Sequence[Path]) -> list[Path]:
    """Print each page into a PDF beside it, and return the PDFs.

    Raises:
        ReportError: no browser is installed, or it could not print a page.
    """
    program = browser()
    return [_print(program, page) for page in pages]


def _print(program: str, page: Path) -> Path:
    pdf = page.with_suffix(".pdf")
    # The pages come from this package and ask nothing of anybody; a browser refuses its sandbox to the administrator.
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with TemporaryDirectory() as profile:
        call = [program, "--headless", "--disable-gpu", f"--user-data-dir={profile}", *sandbox]
        call += ["--no-pdf-header-footer", f"--print-to-pdf={pdf.resolve()}", page.resolve().as_uri()]
        try:
            done = subprocess.run(call, capture_output=True, timeout=LONGEST, check=False)  # noqa: S603  no shell, own arguments
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ReportError(f"The browser {program} did not print {page.name}: {error}.") from error
    if not pdf.is_file():
        raise ReportError(f"The browser {program} did not print {page.name}; it ended with code {done.returncode}.")
    return pdf
