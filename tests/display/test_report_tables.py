"""A report as a table in one call: what stands on the page is what the report declares."""

from __future__ import annotations

import json
import re
from html import escape, unescape
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from strategies import Account, opened
from testio_analytics.display.plots.style import STATE_COLOURS
from testio_analytics.display.terminal import formatted
from testio_analytics.errors import UnknownValueError
from testio_analytics.pages.page import TEMPLATES
from testio_analytics.reports.registry import REPORTS


def heads(html: str) -> list[str]:
    """Return the headings of a table."""
    return [unescape(text) for text in re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", html)]


@pytest.fixture(scope="module")
def empty() -> ta.Mirror:
    """Return the mirror of an empty database."""
    with opened(Account()) as connection:
        return ta.load_mirror(connection)


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_a_table(empty: ta.Mirror, name: str) -> None:
    """Caption, headings in their order and the name of the download come from the declaration."""
    report = REPORTS[name]
    html = ta.table(name, empty).html
    shown = report.page or [column.name for column in report.columns]

    assert f"<caption>{escape(report.caption)}</caption>" in html
    assert len(heads(html)) == len(shown)
    assert f'download="{name}.csv"' in html


def test_labels_name_the_thresholds_that_were_used(empty: ta.Mirror) -> None:
    """A heading never says 180 days of figures over another number of days."""
    products = ta.coverage_by_product(empty, stale_after=30)

    assert "Covered, last 30 days" in heads(ta.table("coverage_by_product", products, stale_after=30).html)
    assert "Covered, last 180 days" in heads(ta.table("coverage_by_product", empty).html)


def test_shares_stand_with_their_interval_and_values_in_words() -> None:
    """The bounds stand small below the share, unknown counts are named, and values read as words for people."""
    account = Account().product(1).feature(1).synced(1).test(1, "archived", "2026-06-01T00:00:00+00:00").covers(1, 1)
    with opened(account) as connection:
        mirror = ta.load_mirror(connection)
    html = ta.table("coverage_by_product", mirror).html
    assert re.search(r'data-sort="1" data-label="Covered, all time">100\u00a0%</td>', html)  # nothing is estimated
    account.add("bugs", id=1, product_id=1, test_id=1, status="rejected", feature_link="bug")
    account.add("test_reads", test_id=1, stream="bugs", product_id=1, is_complete=1, run_id=1)
    with opened(account) as connection:
        html = ta.table("triage", ta.load_mirror(connection)).html
    assert re.search(r'data-sort="1" data-label="Rejection">100\u00a0% <small>5', html)

    row = ta.bugs_per_feature(mirror).assign(signal="above", bugs=pd.array([None], dtype="Int64"))
    html = ta.table("bugs_per_feature", row).html
    assert ">higher<" in html
    shown = formatted(row, "table", report=REPORTS["bugs_per_feature"], width=None).text
    assert "higher" in shown and "above" not in shown
    assert re.search(r'<td class="num missing" data-label="Bugs"><span class="state state-unknown">', html)


def test_more_columns_follow_those_declared(empty: ta.Mirror) -> None:
    """Rows joined to those of another report show its columns with their usual headings."""
    rows = ta.removed_features(empty).assign(bugs=pd.Series(dtype="Int64"))

    assert heads(ta.table("removed_features", rows, more=["bugs"]).html)[-1] == "Bugs"


@pytest.mark.parametrize(("name", "options"), [("no_such", {}), ("triage", {"stale": 3}), ("sync_runs", {})])
def test_a_slip_is_named(empty: ta.Mirror, name: str, options: dict[str, Any]) -> None:
    """There is no such report or option, or it is no report that could be made."""
    with pytest.raises(UnknownValueError):
        ta.table(name, empty, **options)


def test_settings_say_what_a_report_was_made_with(empty: ta.Mirror) -> None:
    """The report date, thresholds in days, and the products."""
    html = ta.settings(empty, as_of="2026-06-30", stale_after=90).html

    assert "<dt>Report date</dt><dd>30 June 2026" in html
    assert "<dt>Stale after</dt><dd>90 days</dd>" in html
    assert "<dt>Products</dt><dd>all</dd>" in html
    with pytest.raises(UnknownValueError):
        ta.settings(empty, stale=90)


def test_ranks_sort_from_the_best_and_counts_from_the_most(empty: ta.Mirror) -> None:
    """A rank of 1 is what a reader looks for first."""
    found = re.search(r' data-columns="([^"]*)"', ta.table("next_tests", empty).html)
    assert found is not None
    highest_first = dict(json.loads(unescape(found[1])))

    assert (highest_first["rank"], highest_first["expected_weighted"], highest_first["feature"]) == (0, 1, 0)


def test_a_story_leads_to_the_feature_that_shows_it() -> None:
    """It has no view of its own; a story without a feature leads nowhere."""
    account = Account().product(1).synced(1).feature(7)
    for story, feature in ((3, 7), (4, None)):
        account.add(
            "user_stories",
            id=story,
            product_id=1,
            feature_id=feature,
            title="A story",
            feature_link="id" if feature else "none",
        )
    with opened(account) as connection:
        html = ta.table("story_coverage", ta.load_mirror(connection)).html

    found = re.findall(r'<th scope="row">(<span data-about="[^"]*">)?', html)
    assert sorted(found) == ["", '<span data-about="feature-7">']


@pytest.mark.parametrize(("state", "colour"), STATE_COLOURS.items())
def test_a_page_has_the_colours_of_the_plots(state: str, colour: str) -> None:
    """The stylesheet cannot take them from the palette, so it is held to it."""
    assert f"--{state}: {colour};" in (TEMPLATES / "page.css").read_text(encoding="utf-8")


def test_bands_are_those_of_the_report() -> None:
    """From where on a rate is a warning, in words."""
    bands = dict(ta.band_definitions())

    assert bands["Rejection"] == "warning from 20 %, critical from 35 %"
    assert bands["Review"] == "warning at 80 % or below, critical at 60 % or below"
