"""Plots and sentences of bugs, stories, triage and plans: they say what they show, whatever there is to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes

import testio_analytics as ta
from generated import account_of
from strategies import Account, opened
from syncing import sync_account
from testio_analytics.display.plots import style
from testio_analytics.display.plots.pictures import picture
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror

PLOTS: dict[str, Callable[[Mirror], Axes]] = {
    "bugs": lambda mirror: ta.plot_bugs_per_feature(ta.bugs_per_feature(mirror)),
    "stories": lambda mirror: ta.plot_stories(ta.story_coverage_by_product(mirror)),
    "triage": lambda mirror: ta.plot_triage(ta.triage(mirror, by="month")),
    "trends": lambda mirror: ta.plot_trends(ta.trends(mirror)),
    "plan": lambda mirror: ta.plot_next_tests(ta.next_tests(mirror)),
    "backtest": lambda mirror: ta.plot_backtest(ta.backtest_summary(ta.backtest(mirror))),
}


_OF_BUGS = ("Valid bugs last month", "Bugs triaged manually")
_CHANGE = re.compile("[+\N{MINUS SIGN}]\\d+ (points )?(since the end of May|against April 2026)")


@pytest.fixture(scope="module", name="mirrors")
def _mirrors(tmp_path_factory: pytest.TempPathFactory, demo_frames: Mirror) -> dict[str, Mirror]:
    folder = tmp_path_factory.mktemp("plots")
    account = account_of("small")
    account.products[0].payload["name"] = "$<b>Boat</b>$ \U0001f6a2 " + "x" * 200
    sync_account(account, folder / "all.db")
    sync_account(account, folder / "unread.db", streams=["features", "tests"])
    with opened(Account()) as connection:
        nothing = load_mirror(connection)
    return {
        "nothing": nothing,
        "small": ta.load_mirror(folder / "all.db"),
        "unread": ta.load_mirror(folder / "unread.db"),
        "demo": demo_frames,
    }


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize("which", ["nothing", "small", "unread", "demo"])
def test_every_plot_draws_whatever_there_is_and_says_it(name: str, which: str, mirrors: dict[str, Mirror]) -> None:
    """Also nothing at all, and bugs that were never read; the same plot gives the same bytes."""
    first = picture(PLOTS[name](mirrors[which]))
    assert which != "small" or first == picture(PLOTS[name](mirrors[which]))
    assert len(first.alt) > 10
    assert first.narrow is not None
    for drawing in (first.wide, first.narrow):
        assert ElementTree.fromstring(drawing.svg).get("width") == str(drawing.width)
        assert len(drawing.svg) < 30_000


def test_texts_of_plots_are_those_of_the_frames(mirrors: dict[str, Mirror]) -> None:
    """The text for those who cannot see the plot holds its figures."""
    mirror = mirrors["demo"]
    top = ta.bugs_per_feature(mirror).iloc[0]
    text = style.alt_text(PLOTS["bugs"](mirror))
    assert (
        f"{top['feature']} ({top['product']}): {top['bugs']} bugs in {top['tests']} tests, {top['shrunk']:.2f}" in text
    )
    last = ta.trends(mirror).iloc[-1]
    assert f"{last['label']}: {last['bugs']} bugs in {last['tests']} tests" in style.alt_text(PLOTS["trends"](mirror))


@pytest.mark.parametrize("which", ["nothing", "small", "unread", "demo"])
def test_every_answer_is_a_sentence(which: str, mirrors: dict[str, Mirror]) -> None:
    """With a full stop, and without a figure where nothing is known."""
    mirror = mirrors[which]
    for answer in (ta.bugs_answer(mirror), ta.stories_answer(mirror), ta.triage_answer(mirror), ta.plan_answer(mirror)):
        assert answer.sentence.endswith(".") and "nan" not in answer.sentence.lower() and "<NA>" not in answer.sentence
    found = ta.overview(mirror)
    assert found.sentence.endswith(".") and len(found.figures) == 5 and len(found.next_features) <= 10
    if which == "unread":
        assert {found.figures[name].value for name in _OF_BUGS} == {"unknown"}
    if which == "demo":
        assert all(" of " in found.figures[name].value for name in found.figures if name != _OF_BUGS[0])
        assert all(_CHANGE.search(" ".join(figure.notes)) for figure in found.figures.values())


def test_the_answers_name_the_gap(mirrors: dict[str, Mirror]) -> None:
    """What could not be read stands beside every answer, once."""
    for answer in (ta.bugs_answer(mirrors["demo"]), ta.plan_answer(mirrors["demo"])):
        assert sum("The tests of Skerry Go were not fully synced" in doubt for doubt in answer.doubts) == 1
        assert len({*answer.doubts}) == len(answer.doubts)
