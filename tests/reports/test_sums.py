"""The sum of the parts is the total, in every breakdown, whatever the account holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import testio_analytics as ta
from strategies import Account, a_third, accounts_with_findings, opened
from testio_analytics.api.vocabulary import SEVERITIES
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import DEVICE_PARTS, OTHER_SEVERITY, PLACE_COLUMNS
from testio_analytics.reports.facts import BUCKETS
from testio_analytics.reports.stories import COUNT_COLUMNS
from testio_analytics.reports.trends import trends_by_product

SEVERITY_COLUMNS = (*SEVERITIES, OTHER_SEVERITY)


def _mirror(account: Account) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _known(rows: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the rows that have this figure; one that is unknown is no 0."""
    return [row for row in rows if not pd.isna(row[name])]


def _active_bugs(account: Account) -> list[dict[str, Any]]:
    """Return the bugs that are there, of tests that are there, as the rows say."""
    tests = {row["id"] for row in account.rows.get("tests", []) if row["removed_at"] is None}
    bugs = [row for row in account.rows.get("bugs", []) if row["removed_at"] is None]
    return [row for row in bugs if row["test_id"] is None or row["test_id"] in tests]


@a_third
@given(accounts_with_findings())
def test_bugs_of_products(account: Account) -> None:
    """Buckets, severities and places each add up, to the bugs that are stored; the lists beside have the same sums."""
    mirror = _mirror(account)
    stored = Counter(row["product_id"] for row in _active_bugs(account))
    astray = Counter(row["product_id"] for row in _records(ta.unattributed_bugs(mirror)))
    for row in _known(_records(ta.bugs_by_product(mirror)), "total"):
        assert row["total"] == stored[row["product_id"]]
        assert row["total"] == sum(row[name] for name in BUCKETS)
        assert row["bugs"] == sum(row[name] for name in SEVERITY_COLUMNS) <= row["total"] - row["rejected"]
        assert pd.isna(row["bugs_highest"]) or row["bugs_highest"] == row["total"] - row["rejected"]
        assert row["known"] <= row["bugs"]
        if row["to_feature"] is not None:  # the catalogue is fully synced
            assert row["total"] == sum(row[name] for name in PLACE_COLUMNS)
            assert astray[row["product_id"]] == row["total"] - row["to_feature"]


@a_third
@given(accounts_with_findings())
def test_bugs_of_features(account: Account) -> None:
    """Each feature's bugs add up, and all features together have no more than their product's bugs on features."""
    mirror = _mirror(account)
    products = {row["product_id"]: row for row in _known(_records(ta.bugs_by_product(mirror)), "total")}
    rows = _records(ta.bugs_per_feature(mirror))
    for row in _known(rows, "bugs"):
        assert row["bugs"] == sum(row[name] for name in SEVERITY_COLUMNS)
        assert row["bugs"] <= sum(row[name] for name in BUCKETS if name != "rejected")
        assert pd.isna(row["bugs_highest"]) or row["bugs"] <= row["bugs_highest"]
    for product_id, product in products.items():
        own = [row for row in rows if row["product_id"] == product_id]
        # A bug may name a feature of another product; executed tests are some of all.
        linked = [p["total"] if p["to_feature"] is None else p["to_feature"] for p in products.values()]
        assert sum(row["bugs"] + row["rejected"] for row in own) <= sum(linked)
        assert all(pd.isna(row["bugs"]) == pd.isna(product["total"]) for row in own)


@a_third
@given(accounts_with_findings(), st.sampled_from(DEVICE_PARTS))
def test_bugs_of_devices(account: Account, by: str) -> None:
    """Shared out evenly, the bugs of the devices are the distinct valid bugs of the product, whatever the device part."""
    mirror = _mirror(account)
    products = {row["product_id"]: row for row in _records(ta.bugs_by_product(mirror))}
    found = ta.bugs_by_device(mirror, by=by)
    for product_id, rows in found.groupby("product_id"):
        total = rows["product_bugs"].iloc[0]
        assert rows["split_bugs"].sum() == pytest.approx(float(total))
        assert rows["bugs"].max() <= total <= rows["bugs"].sum()
        assert not rows["value"].duplicated().any()
        if not pd.isna(products[int(str(product_id))]["bugs"]):
            assert total == products[int(str(product_id))]["bugs"]


@a_third
@given(accounts_with_findings())
def test_triage(account: Account) -> None:
    """The five buckets are all bugs, in each product, month, both, and in all."""
    mirror = _mirror(account)
    (whole,) = _records(ta.triage_total(mirror))
    names = ("total", *BUCKETS, "immature")
    stored = len(_active_bugs(account))
    for by in ("product", "month", "product_month"):
        rows = _records(ta.triage(mirror, by=by))
        for row in _known(rows, "total"):
            assert row["total"] == sum(row[name] for name in BUCKETS)
            for rate in ("active_acceptance", "auto_acceptance", "overall_acceptance", "rejection", "review"):
                if not pd.isna(row[rate]):
                    assert 0 <= row[f"{rate}_low"] <= row[rate] <= row[f"{rate}_highest"] <= row[f"{rate}_high"] <= 1
        if not pd.isna(whole["total"]):
            for name in names:
                assert sum(row[name] for row in _known(rows, name)) == whole[name]
        if by != "product":
            assert sum(row["total"] for row in rows) == stored
    products = {row["product_id"]: row for row in _records(ta.triage(mirror))}
    for row in _known(_records(ta.bugs_by_product(mirror)), "total"):
        assert all(row[name] == products[row["product_id"]][name] for name in ("total", *BUCKETS))


@a_third
@given(accounts_with_findings())
def test_stories(account: Account) -> None:
    """The states are all stories, in each product, feature and section, and every active story is in one."""
    mirror = _mirror(account)
    stories = ta.story_coverage(mirror)
    here = {row["id"] for row in account.rows.get("products", []) if row["removed_at"] is None}
    active = [r for r in account.rows.get("user_stories", []) if r["removed_at"] is None and r["product_id"] in here]
    assert sorted(stories["story_id"]) == sorted(row["id"] for row in active)
    products = _records(ta.story_coverage_by_product(mirror))
    features = _records(ta.story_coverage_by_feature(mirror))
    sections = _records(ta.story_coverage_by_section(mirror))
    for row in [*_known(products, "stories"), *features, *sections]:
        assert row["stories"] == sum(row[name] for name in COUNT_COLUMNS)
        assert row["failed_by_bug"] <= row["failed"]
        if not pd.isna(row["covered"]):
            assert row["covered"] <= row["passed"] + row["failed"] <= row["covered_highest"] <= row["stories"]
    for product in _known(products, "stories"):
        for name in ("stories", *COUNT_COLUMNS, "old_version", "failed_by_bug"):
            parts = [row[name] for row in features if row["product_id"] == product["product_id"]]
            assert sum(parts) == product[name]
        # A feature in two sections counts in both.
        spread = sum(row["stories"] for row in sections if row["product_id"] == product["product_id"])
        assert spread >= product["stories"]


@a_third
@given(accounts_with_findings())
def test_trends(account: Account) -> None:
    """Months and weeks hold the same tests and bugs, those of all products together; nothing falls between two bins."""
    mirror = _mirror(account)
    sums = []
    for by in ("month", "week"):
        rows = ta.trends(mirror, by=by)
        parts = trends_by_product(mirror, by=by)
        assert not rows["start"].duplicated().any() and rows["start"].is_monotonic_increasing
        for name in ("tests", "bugs", "critical"):
            # Where one product's bugs were never read, its part is unknown, and the whole is the least there are.
            if not parts[name].isna().any() and not rows[name].isna().any():
                together = parts.groupby("start")[name].sum()
                assert (rows.set_index("start")[name] == together.reindex(rows["start"]).fillna(0)).all()
        so_far = rows["first_covered"].cumsum()
        # What was covered once leaves with the feature.
        is_steady = mirror.features["removed_at"].isna().all()
        assert (rows["ever_covered"] == so_far).all() if is_steady else (rows["ever_covered"] <= so_far).all()
        assert (rows["ever_covered"] <= rows["active_features"]).all()
        assert (rows["features_covered"] >= rows["first_covered"]).all()
        sums.append([rows[name].sum() for name in ("tests", "bugs", "critical", "first_covered")])
    assert sums[0] == sums[1]


@a_third
@given(accounts_with_findings())
def test_results_of_features(account: Account) -> None:
    """Each active feature has one result, and what it rests on is there: bugs for issues, none of it for none."""
    mirror = _mirror(account)
    rows = _records(ta.feature_results(mirror))
    features = ta.feature_catalog(mirror)
    assert sorted(row["feature_id"] for row in rows) == sorted(features["feature_id"])
    for row in rows:
        if not pd.isna(row["bugs"]):
            assert row["critical_bugs"] <= row["bugs"] and row["open_bugs"] <= row["bugs"]
        assert row["result"] != "none" or pd.isna(row["test_id"])
        assert row["result"] != "issues" or row["bugs"] > 0
    shares = {row["product_id"]: row for row in _records(ta.evidence_by_product(mirror))}
    counts = Counter(row["product_id"] for row in rows)
    for product_id, row in shares.items():
        if not pd.isna(row["active_features"]):
            assert row["active_features"] == counts[product_id]
            assert row["exercised_highest"] <= row["active_features"]
            assert pd.isna(row["exercised"]) or row["exercised"] <= row["exercised_highest"]
