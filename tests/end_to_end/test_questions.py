"""Each ordinary question of ``questions.md`` is answered on all three ways: in a browser, in a notebook, in the terminal."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser

import testio_analytics as ta
from browser import started_browser
from shared_demo import demo_mirror, demo_pages
from testio_analytics.cli import cli
from testio_analytics.display.blocks import Block

MOST_CLICKS, MOST_LINES = 3, 2


@dataclass(frozen=True)
class Question:
    """A question, the way to its answer in each of the three places, and what stands where the way ends."""

    text: str
    clicks: tuple[str, ...]
    notebook: tuple[str, ...]
    terminal: str
    answer: tuple[str, ...]


def _questions() -> Iterator[Question]:
    for part in Path(__file__).with_name("questions.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        text, *lines = part.strip().splitlines()
        said = dict(line.removeprefix("- ").split(": ", 1) for line in lines if line.startswith("- "))
        clicks, answer = (tuple(said[name].split("; ")) for name in ("clicks", "answer"))
        yield Question(
            text, clicks, tuple(re.findall("`([^`]+)`", said["notebook"])), said["terminal"].strip("`"), answer
        )


QUESTIONS = [*_questions()]
each = pytest.mark.parametrize("question", QUESTIONS, ids=[question.text for question in QUESTIONS])


def _check(question: Question, said: str) -> None:
    plain = " ".join(said.split()).casefold()
    for part in question.answer:
        assert part.casefold() in plain, f"{question.text} {part!r} is not in: {plain[:2000]}"


@each
def test_a_notebook_answers_within_two_lines(question: Question) -> None:
    """What the last line shows holds the answer."""
    assert len(question.notebook) <= MOST_LINES
    names: dict[str, Any] = {"ta": ta, "mirror": ta.load_mirror(demo_mirror()), "db": demo_mirror()}
    *before, last = question.notebook
    for line in before:
        exec(line, names)
    shown = eval(last, names)
    _check(
        question, re.sub("<[^>]+>", " ", html.unescape(shown._repr_html_())) if isinstance(shown, Block) else str(shown)
    )


@each
def test_one_command_answers(question: Question) -> None:
    """Whatever gaps it names."""
    done = CliRunner().invoke(cli, shlex.split(question.terminal), env={"TESTIO_DB_PATH": str(demo_mirror())})
    assert done.exit_code in (0, 3), done.output
    _check(question, done.stdout)


@pytest.fixture(scope="module")
def pages() -> Path:
    """Return the folder of the demo's pages."""
    return demo_pages()


@pytest.fixture(scope="module")
def browser(pages: Path) -> Iterator[Browser]:
    """Return a browser; the pages are made before its loop runs."""
    with started_browser() as started:
        yield started


@pytest.mark.browser
@each
def test_three_clicks_from_the_overview_answer(question: Question, browser: Browser, pages: Path) -> None:
    """A click leads to what has that name, from whatever page it stands on."""
    assert len(question.clicks) <= MOST_CLICKS
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((pages / "00_overview.html").as_uri())
    for click in question.clicks:
        if click.startswith("type: "):
            page.get_by_role("searchbox").first.fill(click.removeprefix("type: "))
            page.keyboard.press("Enter")
        else:
            page.get_by_role("link", name=click, exact=True).first.click()
        page.wait_for_load_state()
    page.wait_for_function(
        "part => document.body.innerText.toLowerCase().includes(part)", arg=question.answer[0].casefold()
    )
    _check(question, page.locator("body").inner_text())
    page.close()
