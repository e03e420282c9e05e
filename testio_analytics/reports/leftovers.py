"""What the figures leave out, listed: removed features, lapsed tests, what is linked to no feature, and values that no definition knows.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from testio_analytics.api.vocabulary import BUG_STATUSES, OLDER_BUG_KINDS, SEVERITIES, STORY_STATUSES
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubts import with_row_doubts
from testio_analytics.reports.facts import (
    LAPSED_AFTER,
    NO_VALUE,
    dated_tests,
    distinct,
    feature_scope,
    labels,
    located_bugs,
    looked_up,
)
from testio_analytics.reports.registry import column_names, documented

UNLINKED_COLUMNS = column_names("unlinked_test_features")
LAPSED_COLUMNS = column_names("lapsed_tests")


@documented
def removed_features(mirror: Mirror) -> pd.DataFrame:
    """Return the features that left the catalogue, the last removed first, then by id."""
    gone = mirror.features[mirror.features["removed_at"].notna()].rename(columns={"id": "feature_id"})
    scope = feature_scope(mirror)
    executed = scope[scope["group"] == "executed"]
    counts = looked_up(gone["feature_id"], distinct(executed, "test_id", "feature_id"))
    found = pd.DataFrame(
        {
            "product_id": gone["product_id"],
            "product": mirror.named(gone["product_id"]),
            "feature_id": gone["feature_id"],
            "feature": labels(gone["title"], "Feature", gone["feature_id"]),
            "removed_at": gone["removed_at"],
            "first_seen": gone["first_seen"],
            "executed_tests": counts.fillna(0).astype("Int64"),
            "last_tested_at": looked_up(gone["feature_id"], executed.groupby("feature_id")["at"].max()),
        }
    )
    return found.sort_values(["removed_at", "feature_id"], ascending=[False, True], ignore_index=True)


@documented
def unlinked_stories(mirror: Mirror) -> pd.DataFrame:
    """Return the active user stories that are not linked to a feature, by product and id."""
    stories = mirror.active("user_stories")
    stories = stories[stories["feature_id"].isna()].sort_values(["product_id", "id"], ignore_index=True)
    return pd.DataFrame(
        {
            "product_id": stories["product_id"],
            "product": mirror.named(stories["product_id"]),
            "story_id": stories["id"],
            "story": stories["path"].fillna(stories["title"]),
            "feature_link": stories["feature_link"],
        }
    )


@documented
def unlinked_test_features(mirror: Mirror) -> pd.DataFrame:
    """Return the test features that are not linked to an active feature, one row each, newest test first, then by id."""
    copies = mirror.own(mirror.active("test_features"))
    copies = copies.assign(reason=_link_reasons(mirror, copies["feature_id"]))
    copies = copies[copies["reason"] != ""][["id", "product_id", "test_id", "feature_id", "title", "reason"]]
    tests = dated_tests(mirror)[["test_id", "test", "at"]]
    found = copies.merge(tests, on="test_id", how="inner", validate="many_to_one")
    found = found.rename(columns={"id": "test_feature_id"})
    found["test_features"] = found.groupby("test_id")["test_feature_id"].transform("nunique").astype("Int64")
    found["product"] = mirror.named(found["product_id"])
    found = found.sort_values(["at", "test_feature_id"], ascending=[False, True], ignore_index=True)
    return found[UNLINKED_COLUMNS]


def _link_reasons(mirror: Mirror, feature_ids: pd.Series[Any]) -> pd.Series[str]:
    """Return why each is not linked to an active feature, "" where it is."""
    reason = pd.Series("not in the catalogue", index=feature_ids.index, dtype="str")
    listed = mirror.catalogue
    reason = reason.mask(feature_ids.isin(listed["id"]), "removed from the catalogue")
    reason = reason.mask(feature_ids.isin(listed["id"][listed["removed_at"].isna()]), "")
    return reason.mask(feature_ids.isna(), "names no feature")


@documented
def lapsed_tests(mirror: Mirror, *, as_of: AsOf = None, lapsed_after: float = LAPSED_AFTER) -> pd.DataFrame:
    """Return the scheduled tests that plan nothing any more, the one that should have ended last first, then by id.

    Raises:
        UnknownValueError: `as_of` is no date or time, or `lapsed_after` is not above 0.
    """
    tests = dated_tests(mirror, as_of=as_of, lapsed_after=lapsed_after)
    tests = tests[(tests["group"] == "lapsed") & tests["product_id"].isin(mirror.active("products")["id"])]
    scope = feature_scope(mirror, as_of=as_of, lapsed_after=lapsed_after)
    scope = scope[scope["feature_id"].isin(mirror.active("features")["id"])]
    counts = looked_up(tests["test_id"], distinct(scope, "feature_id", "test_id")).fillna(0)
    overdue = (mirror.instant(as_of) - tests["at"]).dt.days
    found = tests.assign(
        product=mirror.named(tests["product_id"]),
        features=counts.astype("Int64"),
        days_overdue=overdue.astype("Int64"),
    )
    found = found.sort_values(["at", "test_id"], ascending=[False, True], ignore_index=True)
    return with_row_doubts(found[LAPSED_COLUMNS[:-2]], mirror, "lapsed_tests")


@documented
def unknown_statuses(mirror: Mirror) -> pd.DataFrame:
    """Return the statuses that no definition knows, one row per product and status, by status and product."""
    tests = mirror.own(dated_tests(mirror))
    tests = tests[tests["group"] == "unknown"].sort_values("test_id")
    grouped = tests.groupby(["status", "product_id"], sort=True, dropna=False)
    found = grouped.agg(tests=("test_id", "nunique"), examples=("test", _examples)).reset_index()
    return _with_names(mirror, found, {"status": "str", "tests": "Int64", "examples": "str"})


@documented
def unattributed_bugs(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the bugs that are not linked to an active feature, one row each, the newest test first, then by id."""
    bugs = mirror.own(located_bugs(mirror, as_of=as_of))
    bugs = bugs[bugs["where"] != "feature"]
    found = bugs.assign(product=mirror.named(bugs["product_id"]), bug=labels(bugs["title"], "Bug", bugs["bug_id"]))
    found = found.sort_values(["at", "bug_id"], ascending=[False, True], ignore_index=True)
    columns = ["bug_id", "product_id", "product", "test_id", "at", "bug", "severity", "bucket", "feature_id", "where"]
    return found[columns].astype({"where": "str"})


@documented
def unknown_bug_values(mirror: Mirror) -> pd.DataFrame:
    """Return the severities and statuses of bugs that no definition knows, one row per product and value.

    They are stored as they came, count in every total, and have no bucket (but "other") or column of their own. Order:
    what ("severity", "status"), value, product.
    """
    bugs = mirror.own(located_bugs(mirror))
    parts = []
    for what, known in (("severity", (*SEVERITIES, *OLDER_BUG_KINDS)), ("status", BUG_STATUSES)):
        unknown = bugs[~bugs[what].isin(known)]
        parts.append(unknown.assign(what=what, value=unknown[what]))
    found = pd.concat(parts).sort_values("bug_id")
    grouped = found.groupby(["what", "value", "product_id"], sort=True)
    rows = grouped.agg(bugs=("bug_id", "nunique"), examples=("title", _examples)).reset_index()
    return _with_names(mirror, rows, {"what": "str", "value": "str", "bugs": "Int64", "examples": "str"})


@documented
def unknown_story_statuses(mirror: Mirror) -> pd.DataFrame:
    """Return the results of stories that no definition knows, one row per product and status.

    They are stored as they came and count as no result.
    """
    rows = mirror.own(mirror.active("test_user_stories"))
    rows = rows.assign(status=rows["execution_status"].fillna(NO_VALUE))
    rows = rows[~rows["status"].isin(STORY_STATUSES)]
    grouped = rows.groupby(["status", "product_id"], sort=True)
    found = grouped.agg(stories=("user_story_id", "nunique"), tests=("test_id", "nunique")).reset_index()
    return _with_names(mirror, found, {"status": "str", "stories": "Int64", "tests": "Int64"})


def _examples(titles: Iterable[Any]) -> str:
    return "; ".join([title for title in titles if isinstance(title, str)][:3])


def _with_names(mirror: Mirror, rows: pd.DataFrame, dtypes: dict[str, str]) -> pd.DataFrame:
    """Put the name of the product behind its id."""
    rows = rows.astype({"product_id": "Int64", **dtypes})
    rows.insert([*rows].index("product_id") + 1, "product", mirror.named(rows["product_id"]))
    return rows
