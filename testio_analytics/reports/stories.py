"""Did the stories pass? The newest result of each user story, and coverage counted in stories.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from testio_analytics.api.vocabulary import STORY_STATUSES
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import NO_SECTION
from testio_analytics.reports.doubts import products_in_doubt, with_row_doubts
from testio_analytics.reports.facts import (
    NO_VALUE,
    dated_tests,
    feature_scope,
    labels,
    looked_up,
    memberships,
    once,
    product_rows,
    silent_tests,
    story_outcomes,
    unread_tests,
)
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.shares import with_share
from testio_analytics.reports.texts import changed_words, differ

STATES = ("failed", "blocked", "passed", "in scope, not run", "never in scope", "unknown")
"""The states of a story; those that need attention come first."""

COUNT_COLUMNS = ("failed", "blocked", "passed", "in_scope_not_run", "never_in_scope", "unknown")
COVERED = ("covered", "covered_highest")
NO_FEATURE = "(no feature)"
STORY_COLUMNS = column_names("story_coverage")


@documented
@once
def story_coverage(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the active user stories with their newest result, one row each, by product, state, feature and story.

    A test of whose results nothing was read leaves the story unknown where it is newer than the newest known result.

    Raises:
        UnknownValueError: `as_of` is no date or time.
    """
    instant = mirror.instant(as_of)
    newest = _newest_results(mirror, instant)
    found = _stories(mirror).merge(newest, on="story_id", how="left", validate="one_to_one")
    no_results = found["status"].isna()
    found = found.join(_changes(found))
    found["is_by_bug"] = found["is_by_bug"].mask(no_results)
    found = found.drop(columns=["text", "title", "text_then"])
    found["state"] = _states(mirror, found, instant)
    found["may_differ"] = _may_differ(mirror, found, instant).astype("boolean")
    found = with_row_doubts(found, mirror, "story_coverage")
    order = ["product", "product_id", "state", "feature", "story_id"]
    return found.sort_values(order, ignore_index=True)[STORY_COLUMNS]


def _changes(found: pd.DataFrame) -> pd.DataFrame:
    """Return whether the text of each story was another one in its test, and the words that differ, None without any."""
    # The test keeps the sentence, or the title where it was not given the sentence.
    differs = (differ(found["text"], found["text_then"]) & differ(found["title"], found["text_then"])).astype("boolean")
    differs = differs.mask(found["text"].isna() | found["text_then"].isna() | found["status"].isna())
    rows = found[differs.fillna(False).astype(bool)]
    said = [changed_words(*pair) for pair in zip(rows["text_then"].tolist(), rows["text"].tolist(), strict=True)]
    words = pd.Series(said, index=rows.index, dtype="str").reindex(found.index)
    return pd.DataFrame({"is_old_version": differs, "changed_words": words})


def _states(mirror: Mirror, found: pd.DataFrame, instant: pd.Timestamp) -> pd.Series[str]:
    """Return the state of each story, the first that holds."""
    scope = feature_scope(mirror, as_of=instant)
    executed = scope[scope["group"] == "executed"]
    no_results = found["status"].isna()
    doubt = found["product_id"].isin(products_in_doubt(mirror, "tests"))
    doubt |= found["feature_id"].isin(scope[scope["group"] == "unknown"]["feature_id"])
    # A test that does not say what it covers says which stories it ran all the same, but not which it did not.
    silent = silent_tests(mirror, as_of=instant)
    never = ~found["feature_id"].isin(executed["feature_id"]) & found["was_listed"].isna()
    doubt |= never & found["product_id"].isin(silent["product_id"])
    # Nothing tells which tests had a story in scope whose feature is not known.
    doubt |= found["feature_id"].isna() & found["product_id"].isin(_products_with_unread_results(mirror, instant))
    is_odd = ~no_results & ~found["status"].isin(STORY_STATUSES[:3])
    rules = [
        (_may_be_newer(mirror, found, executed, instant) | is_odd | (doubt & no_results), "unknown"),
        (found["status"] == "failed", "failed"),
        (found["status"] == "blocked", "blocked"),
        (found["status"] == "passed", "passed"),
        (found["feature_id"].isin(executed["feature_id"]) | found["was_listed"].fillna(False), "in scope, not run"),
    ]
    states = np.select([rule.to_numpy(dtype=bool) for rule, _ in rules], [name for _, name in rules], "never in scope")
    return pd.Series(pd.Categorical(states, categories=list(STATES), ordered=True), index=found.index)


def _may_differ(mirror: Mirror, found: pd.DataFrame, instant: pd.Timestamp) -> pd.Series[bool]:
    """Return for which stories a test that is missing, or of which something is, may hold another, newer result."""
    scope = feature_scope(mirror, as_of=instant)
    unknown = scope[scope["group"] == "unknown"]
    silent = silent_tests(mirror, as_of=instant)
    silent = silent[silent["test_id"].isin(unread_tests(mirror, "results")) | (silent["group"] == "unknown")]
    # A test at an unknown instant may be the newest.
    newest = unknown["at"].fillna(instant).groupby(unknown["feature_id"]).max()
    newest_silent = silent["at"].fillna(instant).groupby(silent["product_id"]).max()
    hidden = [looked_up(found["feature_id"], newest), looked_up(found["product_id"], newest_silent)]
    may_differ = (found["state"] == "unknown") | found["product_id"].isin(products_in_doubt(mirror, "tests"))
    for at in hidden:
        may_differ |= at.notna() & ~(found["at"] > at).fillna(False)
    without_feature = found["feature_id"].isna() & found["product_id"].isin(
        _products_with_unread_results(mirror, instant)
    )
    return may_differ | without_feature | (found["status"].notna() & found["at"].isna())


def _may_be_newer(
    mirror: Mirror, found: pd.DataFrame, executed: pd.DataFrame, instant: pd.Timestamp
) -> pd.Series[bool]:
    """Return for which stories a test whose results were not read may hold a newer result than the one known."""
    unread = executed[executed["test_id"].isin(unread_tests(mirror, "results"))]
    # An unread test at an unknown instant may be the newest.
    newest = unread["at"].fillna(instant).groupby(unread["feature_id"]).max()
    hidden = looked_up(found["feature_id"], newest)
    return hidden.notna() & ~(found["at"] > hidden).fillna(False)


@documented
def story_coverage_by_product(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how the stories of each active product stand, one row per product, by name and id."""
    found = _counted(story_coverage(mirror, as_of=as_of), ["product_id"])
    rows = product_rows(mirror).merge(found, on="product_id", how="left", validate="one_to_one")
    read = ~rows["product_id"].isin(products_in_doubt(mirror, "features"))
    for name in ("stories", *COUNT_COLUMNS, "old_version", "failed_by_bug", *COVERED):
        rows[name] = rows[name].where(rows[name].notna() | ~read, 0)
    return _with_doubts(_measured(rows), mirror, "story_coverage_by_product")


@documented
def story_coverage_by_feature(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how the stories of each feature stand, one row per feature with stories, by product and feature."""
    stories = story_coverage(mirror, as_of=as_of)
    keys = ["product_id", "product", "feature_id", "feature"]
    found = _measured(_counted(stories, keys))
    found = found.sort_values(["product", "product_id", "feature", "feature_id"], ignore_index=True)
    return _with_doubts(found, mirror, "story_coverage_by_feature")


@documented
def story_coverage_by_section(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how the stories of each section stand, one row per section with stories, by product and section.

    The stories of a feature in two sections count in both, so that the rows of a product may add up to more than its
    stories. Those of features without section stand under "(no section)".
    """
    stories = story_coverage(mirror, as_of=as_of)
    spread = stories.merge(memberships(mirror), on="feature_id", how="left", validate="many_to_many")
    spread["section"] = spread["section"].fillna(NO_SECTION)
    found = _measured(_counted(spread, ["product_id", "product", "section_id", "section"]))
    found = found.sort_values(["product", "product_id", "section", "section_id"], ignore_index=True)
    return _with_doubts(found, mirror, "story_coverage_by_section")


def _with_doubts(found: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    return with_row_doubts(found, mirror, report)[column_names(report)]


def _products_with_unread_results(mirror: Mirror, instant: pd.Timestamp) -> set[int]:
    tests = dated_tests(mirror, as_of=instant)
    tests = tests[(tests["group"] == "executed") & tests["test_id"].isin(unread_tests(mirror, "results"))]
    return {*tests["product_id"].tolist()}


def _stories(mirror: Mirror) -> pd.DataFrame:
    stories = mirror.active("user_stories").rename(columns={"id": "story_id"})
    stories = stories[stories["product_id"].isin(mirror.active("products")["id"])]
    features = mirror.active("features")[["id", "title"]].rename(columns={"id": "feature_id", "title": "feature"})
    found = stories.merge(features, on="feature_id", how="left", validate="many_to_one")
    found["product"] = mirror.named(found["product_id"])
    found["text"] = found["path"].fillna(found["title"])
    found["story"] = labels(found["text"], "Story", found["story_id"])
    titles = labels(found["feature"], "Feature", found["feature_id"])
    found["feature"] = titles.where(found["feature_id"].notna(), NO_FEATURE)
    columns = ["product_id", "product", "feature_id", "feature", "story_id", "story", "text", "title"]
    return found[columns]


def _newest_results(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the newest result of each story in an executed test, and whether any executed test listed it at all.

    Columns: story_id, status (None where no test ran it), is_by_bug, test_id, test, at, tested_by, text_then, was_listed.
    """
    tests = dated_tests(mirror, as_of=instant)
    tests = tests[tests["group"] == "executed"].set_index("test_id")
    rows = story_outcomes(mirror).rename(columns={"user_story_id": "story_id"})
    rows = rows[rows["test_id"].isin(tests.index)][["story_id", "test_id", "status", "is_by_bug"]]
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    # An unknown word may mean anything, and so may none: both come first. Not tested is no result.
    rows["status"] = rows["status"].fillna(NO_VALUE)
    rows = rows.assign(at=looked_up(rows["test_id"], tests["at"]), order=rows["status"].map(order).fillna(-1))
    was_listed = rows[["story_id"]].drop_duplicates()
    rows = rows[rows["status"] != "not_tested"].sort_values(
        ["at", "test_id", "order", "is_by_bug"], ascending=[False, False, True, True], na_position="last"
    )
    rows = rows.drop_duplicates("story_id").drop(columns="order")
    texts = mirror.test_user_stories[["title", "tested_by_count"]]
    texts = texts.rename(columns={"title": "text_then", "tested_by_count": "tested_by"})
    rows = rows.join(texts).assign(test=looked_up(rows["test_id"], tests["test"]))
    found = was_listed.merge(rows, on="story_id", how="left", validate="one_to_one")
    return found.assign(was_listed=pd.Series(True, index=found.index, dtype="boolean"))


def _counted(stories: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    flags = {name: stories["state"] == state for name, state in zip(COUNT_COLUMNS, STATES, strict=True)}
    covered = flags["failed"] | flags["passed"]
    may_differ = stories["may_differ"].astype(bool)
    marked = stories[list(by)].assign(
        stories=True,
        **flags,
        covered=covered & ~may_differ,
        covered_highest=covered | may_differ,
        old_version=covered & stories["is_old_version"].fillna(False).astype(bool),
        failed_by_bug=flags["failed"] & stories["is_by_bug"].fillna(False).astype(bool),
    )
    names = ["stories", *COUNT_COLUMNS, "old_version", "failed_by_bug", *COVERED]
    return marked.groupby(list(by), dropna=False)[names].sum().astype("Int64").reset_index()


def _measured(found: pd.DataFrame) -> pd.DataFrame:
    # Where not one story could be judged, "0 covered" would be a number made of nothing.
    nothing = (found["stories"] > 0) & (found["covered"] == 0) & (found["covered_highest"] == found["stories"])
    found["covered"] = found["covered"].mask(nothing.fillna(False))
    found = with_share(found, "covered", "stories", "share")
    found = with_share(found, "covered_highest", "stories", "share_highest")
    with_result = found["passed"] + found["failed"]
    judged = found[["passed"]].assign(with_result=with_result.mask(with_result == 0))
    return found.join(with_share(judged, "passed", "with_result", "passed_share")["passed_share"])
