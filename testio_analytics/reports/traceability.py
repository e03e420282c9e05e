"""From each user story to its tests, their results, the bugs and the keys of these in the customer's tracker."""

from __future__ import annotations

import pandas as pd

from testio_analytics.api.vocabulary import STORY_STATUSES
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubts import with_row_doubts
from testio_analytics.reports.facts import NO_VALUE, dated_tests, located_bugs, looked_up, story_outcomes
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.stories import story_coverage

KEYS = ["story_id", "test_id"]


@documented
def traceability(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return every active user story with every executed test that listed it, one row per pair.

    A story that no executed test listed has one row, without test. The bugs are those that the result of the story names
    in that test (the bugs of its feature there may be more).
    """
    stories = story_coverage(mirror, as_of=as_of).rename(columns={"test_id": "newest_test_id"})
    keep = ["product_id", "product", "feature_id", "feature", "story_id", "story", "state", "newest_test_id"]
    results = _results(mirror, as_of)
    found = stories[keep].merge(results, on="story_id", how="left", validate="one_to_many")
    found = found.merge(_bugs(mirror, as_of), on=KEYS, how="left", validate="many_to_one")
    # Where the API counts bugs and names none, its count is all that is known.
    found["bugs"] = found["bugs"].fillna(found["bugs_found"]).astype("Int64")
    found["external_idx"] = found["external_idx"].astype("str")
    is_newest = (found["test_id"] == found["newest_test_id"]).astype("boolean").fillna(False)
    found["is_newest"] = is_newest.mask(found["test_id"].isna())
    found = with_row_doubts(found, mirror, "traceability")
    order = ["product", "product_id", "feature", "feature_id", "story", "story_id", "at", "test_id"]
    ascending = [True] * 6 + [False] * 2
    found = found.sort_values(order, ascending=ascending, na_position="last", ignore_index=True)
    return found[column_names("traceability")]


def _results(mirror: Mirror, as_of: AsOf) -> pd.DataFrame:
    """Return what came of each story in each executed test, the weightiest word of several entries of one test.

    Columns: story_id, test_id, test, at, status, tested_by, bugs_found.
    """
    tests = dated_tests(mirror, as_of=as_of)
    tests = tests[tests["group"] == "executed"].set_index("test_id")
    counts = mirror.active("test_user_stories")[["tested_by_count", "bugs_found"]]
    rows = (
        story_outcomes(mirror)
        .join(counts)
        .rename(columns={"user_story_id": "story_id", "tested_by_count": "tested_by"})
    )
    rows = rows[rows["test_id"].isin(tests.index)]
    # An unknown word may mean anything, and so may none: both come first.
    weight = (
        rows["status"].fillna(NO_VALUE).map({status: place for place, status in enumerate(STORY_STATUSES)}).fillna(-1)
    )
    rows = rows.assign(weight=weight).sort_values([*KEYS, "weight", "test_feature_id"]).drop_duplicates(KEYS)
    for name in ("test", "at"):
        rows[name] = looked_up(rows["test_id"], tests[name])
    return rows[[*KEYS, "test", "at", "status", "tested_by", "bugs_found"]]


def _bugs(mirror: Mirror, as_of: AsOf) -> pd.DataFrame:
    """Return the valid bugs that the result of each story in each test names. Columns: story_id, test_id, bugs, external_idx.

    A result whose bugs are all rejected, or not stored, has 0.
    """
    named = (
        mirror.active("story_bugs").rename(columns={"user_story_id": "story_id"})[[*KEYS, "bug_id"]].drop_duplicates()
    )
    bugs = located_bugs(mirror, as_of=as_of)
    keys = mirror.active("bugs").set_index("id")["external_idx"]
    is_valid = named["bug_id"].isin(bugs["bug_id"][bugs["is_valid"].astype(bool)])
    named = named.assign(is_valid=is_valid, key=looked_up(named["bug_id"], keys).where(is_valid))
    groups = named.sort_values([*KEYS, "bug_id"]).groupby(KEYS)
    joined = groups["key"].agg(lambda values: ", ".join(dict.fromkeys(values.dropna())))
    counts = groups["is_valid"].sum().astype("Int64")
    return pd.DataFrame({"bugs": counts, "external_idx": joined.mask(joined == "")}).reset_index()
