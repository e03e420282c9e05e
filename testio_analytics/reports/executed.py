"""Which tests count as executed, when, and which features they look at."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from testio_analytics.api.vocabulary import EXECUTED, NEITHER, PLANNED
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.completeness import active, product_names, report_instant
from testio_analytics.text import label

Group = Literal["executed", "planned", "neither", "unknown"]

NO_STATUS = "(no status)"
UNLINKED_COLUMNS = (
    "test_feature_id",
    "product_id",
    "product",
    "test_id",
    "test",
    "at",
    "feature_id",
    "title",
    "reason",
    "test_features",
)


def status_group(status: str | None) -> Group:
    """Return what a test of this status counts as.

    Definitions:
        executed test: A test of status running, locked, archived or completed that had ended by the instant of the
            report, or that was still running then. It belongs to the instant of its end; one without an end, to
            that of its start.
        planned test: A test of status initialized, customer_finalized or waiting. Planned is not executed: it has
            tested nothing yet.
        cancelled test: A test of status cancelled. It counts as neither executed nor planned.
        unknown status: Any other status. Such a test is listed by name and counts as neither, and a feature that no
            executed test covers but such a test has in scope is unknown, so that the figures become ranges.
    """
    if status in EXECUTED:
        return "executed"
    if status in PLANNED:
        return "planned"
    return "neither" if status in NEITHER else "unknown"


def dated_tests(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the tests that are not removed, each with what it counts as and the instant it belongs to, by id.

    Columns: test_id, product_id, test (title), status, start_at, end_at, group ("executed", "planned", "neither",
    "unknown", or "later" for a test that had not ended, or not begun, by `as_of`), is_running (and counted as such), at
    (end, else start; of a test still running, at most `as_of`; empty where neither is known).
    """
    instant = report_instant(mirror, as_of)
    tests = active(mirror.tests)
    at = tests["end_at"].fillna(tests["start_at"])
    group = _groups(tests["status"])
    # A start in the future of the report means that then it was not running yet, whatever it does now.
    is_running = (tests["status"] == "running") & ~(tests["start_at"] > instant)
    is_later = (group == "executed") & (at > instant) & ~is_running
    return pd.DataFrame(
        {
            "test_id": tests["id"],
            "product_id": tests["product_id"],
            "test": _titles(tests),
            "status": tests["status"].fillna(NO_STATUS),
            "start_at": tests["start_at"],
            "end_at": tests["end_at"],
            "group": group.mask(is_later, "later"),
            "is_running": is_running,
            "at": at.where(~is_running | ~(at > instant), instant),
        }
    ).reset_index(drop=True)


def _groups(statuses: pd.Series[str]) -> pd.Series[str]:
    groups = [status_group(status if isinstance(status, str) else None) for status in statuses]
    return pd.Series(groups, index=statuses.index, dtype="str")


def _titles(tests: pd.DataFrame) -> pd.Series[str]:
    named = [label(title, "Test", key) for title, key in zip(tests["title"], tests["id"], strict=True)]
    return pd.Series(named, index=tests.index, dtype="str")


def feature_scope(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return which test has which feature in scope, one row per pair, by feature, instant and test.

    A feature that a test names twice counts once; its snapshot is the one of the higher test-feature id. Test features
    without a catalogue feature are left out: `unlinked_test_features` lists them.

    Columns: feature_id, those of `dated_tests` without product_id, and title, description and howtofind as the test
    had them.

    Definitions:
        covered: A test covers a feature when it has the feature in scope. In scope is not the same as exercised: nobody
            may have looked.
    """
    copies = active(mirror.test_features).dropna(subset=["feature_id"])
    copies = copies.sort_values("id").drop_duplicates(["test_id", "feature_id"], keep="last")
    copies = copies[["feature_id", "test_id", "title", "description", "howtofind"]]
    tests = dated_tests(mirror, as_of=as_of).drop(columns="product_id")
    pairs = copies.merge(tests, on="test_id", how="inner", validate="many_to_one")
    return pairs.sort_values(["feature_id", "at", "test_id"], na_position="first", ignore_index=True)


def unknown_statuses(mirror: Mirror) -> pd.DataFrame:
    """Return the statuses that no definition knows, one row per product and status, by status and product.

    Columns: status, product_id, product, tests (distinct), examples (up to three titles).
    """
    tests = dated_tests(mirror)
    tests = tests[tests["group"] == "unknown"].sort_values("test_id")
    grouped = tests.groupby(["status", "product_id"], sort=True, dropna=False)
    found = grouped.agg(tests=("test_id", "nunique"), examples=("test", lambda titles: "; ".join(titles[:3])))
    found = found.reset_index().astype({"tests": "Int64", "examples": "str", "product_id": "Int64"})
    found.insert(2, "product", _named(found["product_id"], product_names(mirror)))
    return found


def unlinked_test_features(mirror: Mirror) -> pd.DataFrame:
    """Return the test features that lead to no active catalogue feature, one row each, newest test first, then by id.

    Columns: test_feature_id, product_id, product, test_id, test, at, feature_id, title, reason ("names no feature",
    "not in the catalogue", "removed from the catalogue"), test_features (how many unlinked ones the test has).
    """
    copies = active(mirror.test_features)
    reasons = copies["feature_id"].map(_link_reasons(mirror, copies)).astype("str")
    copies = copies.assign(reason=reasons.where(copies["feature_id"].notna(), "names no feature"))
    copies = copies[copies["reason"] != ""][["id", "product_id", "test_id", "feature_id", "title", "reason"]]
    tests = dated_tests(mirror)[["test_id", "test", "at"]]
    found = copies.merge(tests, on="test_id", how="inner", validate="many_to_one")
    found = found.rename(columns={"id": "test_feature_id"})
    found["test_features"] = found.groupby("test_id")["test_feature_id"].transform("nunique").astype("Int64")
    found["product"] = _named(found["product_id"], product_names(mirror))
    found = found.sort_values(["at", "test_feature_id"], ascending=[False, True], ignore_index=True)
    return found[list(UNLINKED_COLUMNS)]


def _link_reasons(mirror: Mirror, copies: pd.DataFrame) -> dict[object, str]:
    known = {*mirror.features["id"]}
    removed = {*mirror.features.loc[mirror.features["removed_at"].notna(), "id"]}
    return {
        key: "removed from the catalogue" if key in removed else "" if key in known else "not in the catalogue"
        for key in copies["feature_id"].dropna().unique()
    }


def _named(product_ids: pd.Series[int], names: dict[int, str]) -> pd.Series[str]:
    labels = [names.get(int(key), label(None, "Product", key)) for key in product_ids]
    return pd.Series(labels, index=product_ids.index, dtype="str")
