"""Everything about one product. Every figure is that of a report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.about import (
    About,
    Part,
    asked_id,
    bugs_where,
    history_part,
    list_part,
    ranking_of,
    table_part,
    valid_bugs,
)
from testio_analytics.reports.bugs import bugs_by_product, bugs_per_feature
from testio_analytics.reports.coverage import coverage_by_product, coverage_by_section
from testio_analytics.reports.doubt_words import Doubt
from testio_analytics.reports.doubts import doubts_about
from testio_analytics.reports.facts import BUCKETS, dated_tests
from testio_analytics.reports.features import untested_features
from testio_analytics.reports.health import completeness
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.stories import story_coverage_by_product
from testio_analytics.reports.triage import triage
from testio_analytics.text import EN_DASH, counted, day_words, label, short

RESTS_ON = (
    "coverage_by_product",
    "bugs_by_product",
    "bugs_per_feature",
    "story_coverage_by_product",
    "triage",
    "next_tests",
)
"""The reports from which the figures are."""


def about_product(mirror: Mirror, product: int | str, *, as_of: AsOf = None, impact: ImpactSource = None) -> About:
    """Return everything about one product, removed ones included.

    Args:
        mirror: what was read.
        product: its id or name.
        as_of: the report date; default: that of the last sync.
        impact: weights of features, see `read_impact`.

    Raises:
        UnclearNameError: no product, or more than one, has that id or name.
        UnknownValueError: `as_of` is no date or time.
    """
    mirror = mirror.at(as_of)
    key = asked_id(mirror, "product", product)
    row = mirror.products[mirror.products["id"] == key].iloc[0]
    gaps = doubts_about(mirror, key, reports=RESTS_ON)
    title = label(row["name"], "Product", key)
    facts = pd.DataFrame(
        {
            **{name: [row[name]] for name in ("type", "description", "first_seen", "last_confirmed", "removed_at")},
            "product_id": [key],
            "product": [title],
        }
    )
    parts = [list_part("about_product", "Product", facts)]
    covered = _of(coverage_by_product(mirror), key)
    if len(covered):
        parts += [*_figures(mirror, key, covered), *_lists(mirror, key, gaps, impact)]
    parts += [
        _tests(mirror, key, gaps),
        table_part("completeness", "What was read", _of(completeness(mirror), key), "data set", gaps),
        history_part(mirror, "products", key, row["first_seen"]),
    ]
    return About("product", key, title, _sentence(title, row, covered), mirror.instant(), tuple(parts), gaps)


def _of(rows: pd.DataFrame, key: int) -> pd.DataFrame:
    return rows[(rows["product_id"] == key).fillna(False)]


def _figures(mirror: Mirror, key: int, covered: pd.DataFrame) -> list[Part]:
    reports = {
        "story_coverage_by_product": ("Stories", story_coverage_by_product(mirror)),
        "bugs_by_product": ("Bugs", bugs_by_product(mirror)),
        "triage": ("Triage of bugs", triage(mirror).drop(columns=["total", *BUCKETS])),
    }
    left_out = ["product", "gap"]
    found = [list_part("coverage_by_product", "Coverage", covered.drop(columns=left_out))]
    for name, (title, rows) in reports.items():
        own = _of(rows, key)
        if len(own):
            found.append(list_part(name, title, own.drop(columns=left_out)))
        else:
            found.append(Part(name, title, own, ("There is nothing of it.",)))
    return found


def _lists(mirror: Mirror, key: int, gaps: Collection[Doubt], impact: ImpactSource) -> list[Part]:
    worst = _of(bugs_per_feature(mirror), key)
    worst = worst[worst["rank"].notna() & (worst["bugs"] > 0).fillna(False)]
    ranking = ranking_of(mirror, impact)
    return [
        table_part("coverage_by_section", "Sections", _of(coverage_by_section(mirror), key), "section", gaps),
        table_part("next_tests", "What to test next", _of(ranking, key), "active feature", gaps),
        table_part(
            "untested_features",
            "Features that need a test",
            _of(untested_features(mirror), key),
            "feature that needs a test",
            gaps,
        ),
        table_part(
            "bugs_per_feature", "Features with the most bugs per test", worst, "tested feature with a valid bug", gaps
        ),
    ]


def _tests(mirror: Mirror, key: int, gaps: Collection[Doubt]) -> Part:
    rows = _of(dated_tests(mirror), key).sort_values(["at", "test_id"], ascending=False, na_position="last")
    bugs = valid_bugs(mirror, rows, bugs_where(mirror, "product_id", key))
    rows = rows.assign(
        bugs=bugs, scope=pd.Series(index=rows.index, dtype="str"), api_status=pd.Series(index=rows.index, dtype="str")
    )
    of_tests = [one for one in gaps if one.stream in ("tests", "statuses", "products")]
    return table_part("about_tests", "Tests", rows, "test", of_tests)


def _sentence(title: str, row: pd.Series[Any], covered: pd.DataFrame) -> str:
    if covered.empty:
        when = f" since {day_words(row['removed_at'])}" if pd.notna(row["removed_at"]) else ""
        return f"“{short(title)}” is not listed by the API any more{when}."
    figures = covered.iloc[0]
    if pd.isna(figures["active_features"]):
        return f"How much of “{short(title)}” is covered is unknown: its features were never read."
    features = counted(int(figures["active_features"]), "active feature")
    if pd.isna(figures["ever_covered"]):
        return f"“{short(title)}” has {features}; which of them were tested is unknown."
    ever = _range(figures["ever_covered"], figures["ever_covered_highest"])
    recent = _range(figures["recent_covered"], figures["recent_covered_highest"])
    return f"“{short(title)}” has {features}: {ever} were tested at any time, {recent} in the last 180 days."


def _range(least: Any, most: Any) -> str:
    return f"{int(least):,}" if int(least) == int(most) else f"{int(least):,}{EN_DASH}{int(most):,}"
