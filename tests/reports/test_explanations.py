"""The query beside a figure returns that figure: a second computation of the definitions, on the file itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

import testio_analytics as ta
from shared_demo import demo_mirror
from strategies import Account, accounts_with_findings, ago, opened
from syncing import NOW, sync_account
from testio_analytics.demo.generate import generate_account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.explanations import FIGURES, explanations
from testio_analytics.reports.glossary import DEFINITIONS


def _figures(mirror: Mirror) -> dict[tuple[str, str], list[Any]]:
    """Return the figures by page and name, from the reports; None where they say that nobody knows."""
    total, triage = ta.coverage_total(mirror).iloc[0], ta.triage_total(mirror).iloc[0]
    catalog, stories = ta.feature_catalog(mirror), ta.story_coverage(mirror)
    of_stories, products = ta.story_coverage_by_product(mirror), ta.bugs_by_product(mirror)
    months = ta.trends(mirror)
    months = months[~months["is_partial"].astype(bool)]
    by_month = ta.triage_by_month(mirror).set_index("month")
    population = total["active_features"]
    story_states = stories["state"].value_counts()
    found: dict[tuple[str, str], list[Any]] = {
        ("overview", "Recently tested"): [total["recent_covered"], total["recent_covered_highest"], population],
        ("overview", "Never tested"): [total["never_executed"], total["never_executed_highest"], population],
        ("overview", "Stories with a result"): [
            of_stories[name].sum() for name in ("covered", "covered_highest", "stories")
        ],
        ("feature_catalog", "Active features"): [population],
        ("feature_catalog", "Tested at least once"): [total["ever_covered"]],
        ("feature_catalog", "User stories"): [catalog["stories"].sum()],
        ("feature_catalog", "With description and directions"): [
            (catalog["has_description"] & catalog["has_howtofind"]).sum(),
            len(catalog),
        ],
        ("untested_features", "Untested"): [total["untested"]],
        ("untested_features", "Scheduled"): [total["planned"]],
        ("untested_features", "Unknown"): [total["unknown"]],
        ("untested_features", "Not tested for 180 days"): [total["stale"]],
        ("untested_features", "Tested since"): [total["tested"]],
        ("bugs_per_feature", "Valid bugs"): [products["bugs"].sum(), products["total"].sum()],
        ("bugs_per_feature", "Features with a test"): [(catalog["executed_tests"] > 0).sum()],
        ("triage", "Bugs"): [triage["total"]],
        ("triage", "Triaged manually"): [triage["active_accepted"] + triage["rejected"]],
        ("triage", "Auto-accepted"): [triage["auto_accepted"]],
        ("triage", "Accepted, not said by whom"): [triage["accepted_unclear"]],
        ("triage", "Open"): [triage["open"]],
        ("triage", "May still change"): [triage["immature"]],
    }
    for state in ("failed", "blocked", "passed", "in scope, not run", "never in scope", "unknown"):
        found["story_coverage", state.capitalize()] = [story_states.get(state, 0)]
    if len(months):
        month = months.iloc[-1]
        found["overview", "Valid bugs last month"] = [month["bugs"]]
        if month["label"] in by_month.index:
            row = by_month.loc[month["label"]]
            most = None if pd.isna(row["review_highest"]) else round(row["review_highest"] * row["total"])
            least = row["active_accepted"] + row["rejected"] if most is not None else None
            found["overview", "Bugs triaged manually"] = [least, most, row["total"]]
    return found


def _check(mirror: Mirror, connection: sqlite3.Connection) -> None:
    figures = _figures(mirror)
    for page in FIGURES:
        for one in explanations(page, mirror):
            assert one.query is not None
            expected = figures.pop((page, one.figure), None)
            (returned,) = connection.execute(one.query).fetchall()
            for value, known in zip(returned, expected or [], strict=expected is not None):
                if known is not None and not pd.isna(
                    known
                ):  # of a figure that is unknown, the query counts what is there
                    assert (value or 0) == known, f"{page}, {one.figure}: {returned}, not {expected}\n{one.query}"
    assert not figures, "each of these figures has a query"


def _check_file(path: Path, **options: Any) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        _check(load_mirror(path, **options), connection)
    finally:
        connection.close()


@pytest.mark.parametrize("product_id", [None, 18559, [70340, 70415]])
def test_queries_return_the_figures_of_the_demo_account(product_id: Any) -> None:
    """With its gap, its unknown status, its silent tests and its odd bugs; also of single products."""
    _check_file(demo_mirror(), product_id=product_id)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_queries_return_the_figures_of_generated_accounts(tmp_path: Path, seed: int) -> None:
    """Of three other accounts, whole."""
    db = tmp_path / "generated.db"
    sync_account(generate_account(seed=seed, products=4, features=120, tests=60, bugs=300), db, now=NOW)
    _check_file(db)


@settings(max_examples=30, deadline=None)
@given(accounts_with_findings())
def test_queries_return_the_figures_of_random_accounts(account: Account) -> None:
    """Whatever is missing, removed, unread, undated or of an unknown word."""
    with opened(account) as connection:
        mirror = load_mirror(connection)
        if mirror.as_of is not None:
            _check(mirror, connection)


def test_there_is_no_query_for_a_time_between_two_syncs() -> None:
    """Each other says on which state of the file it gives the figure."""
    mirror = load_mirror(demo_mirror())
    for as_of in ("2026-03-01", "2027-01-01"):
        assert {one.query for one in explanations("overview", mirror, as_of=as_of)} == {None}
    for run in (1, 2):
        queries = [one.query or "" for one in explanations("overview", mirror, as_of=run)]
        assert all(query.startswith(f"-- On the file as it was after sync run {run}.\n") for query in queries)


def test_thresholds_and_definitions_are_those_of_the_page() -> None:
    """The number of days stands in name, meaning and query, and changes what is counted."""
    with opened(Account().product(1).feature(1).test(1, "archived", ago(100)).covers(1, 1).synced(1)) as connection:
        mirror = load_mirror(connection)
        found = {one.figure: one for one in explanations("untested_features", mirror, stale_after=90)}
        assert "older than 90 days" in found["Not tested for 90 days"].meaning
        counted: Callable[[str], Any] = lambda name: connection.execute(found[name].query or "").fetchone()  # noqa: E731
        assert (counted("Not tested for 90 days"), counted("Tested since")) == ((1,), (0,))


def test_every_declared_term_is_defined() -> None:
    """A figure without definition would be one whose meaning the reader has to guess."""
    known = {term for terms in DEFINITIONS.values() for term in terms}
    assert all(known.issuperset(one.terms) for of_page in FIGURES.values() for one in of_page)
