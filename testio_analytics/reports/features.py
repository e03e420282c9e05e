"""The feature catalogue, judged: which features an executed test had in scope, which not lately, and which never.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.completeness import active, product_names, report_instant, stream_doubts
from testio_analytics.reports.executed import feature_scope
from testio_analytics.reports.reasons import reason_of
from testio_analytics.text import label

STATES = ("untested", "planned", "stale", "unknown", "tested")
"""The states in order of alarm."""

CATALOG_COLUMNS = (
    "product_id",
    "product",
    "feature_id",
    "feature",
    "sections",
    "stories",
    "has_description",
    "has_howtofind",
    "state",
    "reason",
    "executed_tests",
    "executed_tests_in_window",
    "planned_tests",
    "last_tested_at",
    "last_test_id",
    "last_test",
    "days_since_tested",
    "first_seen",
    "changed_since_tested",
    "last_confirmed",
)


_TOLD_OF_FEATURES = ("state", "last_tested_at", "last_test", "days_since_tested", "is_running")
_TOLD_OF_TESTS = ("group", "test_id", "test", "status", "start_at")
_NEWEST = {
    "test_id": "last_test_id",
    "test": "last_test",
    "at": "last_tested_at",
    "is_running": "is_running",
    "title": "tested_title",
    "description": "tested_description",
    "howtofind": "tested_howtofind",
}


# -- one row per feature --------------------------------------------------------------------------------------------


def feature_catalog(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> pd.DataFrame:
    """Return the active features, one row each, by product name, title and id.

    Columns:
        product_id, product, feature_id, feature: a missing name or title is replaced by kind and id.
        sections: names of the feature's sections, by name, joined with ", "; empty where it has none.
        stories: active user stories; empty where there are none but the catalogue is not completely read.
        has_description, has_howtofind: whether there is such a text.
        state, reason: see the definitions of the states; the reason is a sentence without full stop.
        executed_tests, executed_tests_in_window, planned_tests: distinct tests, ever and in the last `window` days.
        last_tested_at, last_test_id, last_test, days_since_tested: of the newest executed test. A test still running
            counts up to `as_of`. Days are whole ones. Empty when never tested, or at an unknown date.
        first_seen: when a sync first met the feature.
        changed_since_tested: whether title, description or directions differ from those that the newest executed test
            was given; empty when never tested.
        last_confirmed: last complete read of the product's features.

    Args:
        mirror: what was read.
        as_of: the instant to judge at; default: that of the last sync.
        stale_after: after how many days a test is too old to count as recent; exactly that many still counts.
        window: the number of days before `as_of` for `executed_tests_in_window`.

    Raises:
        UnknownValueError: `as_of` is no instant, or a number of days is not above 0.
    """
    return features_with_state(mirror, as_of, stale_after, window)[list(CATALOG_COLUMNS)]


def untested_features(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> pd.DataFrame:
    """Return the features that need a test or cannot be judged: the rows of `feature_catalog` that are not "tested".

    Order: state (untested, planned, stale, unknown), then product, then the longest untested first, then title and id.
    """
    catalog = feature_catalog(mirror, as_of=as_of, stale_after=stale_after, window=window)
    rows = catalog[catalog["state"] != "tested"]
    order = ["state", "product", "product_id", "last_tested_at", "feature", "feature_id"]
    return rows.sort_values(order, na_position="first", ignore_index=True)


def feature_states(facts: pd.DataFrame, *, as_of: pd.Timestamp, stale_after: float = 180) -> pd.Series[Any]:
    """Return the state of each feature as an ordered category, the first of these that holds.

    `facts` has one row per feature: executed_tests, planned_tests, last_tested_at, and may_be_covered (whether its
    product's tests are not completely read, or a test of unknown status has it in scope).
    """
    oldest = as_of - checked_days("stale_after", stale_after)
    rules = {
        "tested": facts["last_tested_at"] >= oldest,
        "stale": facts["executed_tests"] > 0,
        "unknown": facts["may_be_covered"],
        "planned": facts["planned_tests"] > 0,
    }
    conditions = [rule.to_numpy(dtype=bool) for rule in rules.values()]
    states = np.select(conditions, list(rules), default="untested")
    return pd.Series(pd.Categorical(states, categories=list(STATES), ordered=True), index=facts.index)


def features_with_state(mirror: Mirror, as_of: AsOf, stale_after: float, window: float) -> pd.DataFrame:
    """Return the catalogue with one more column that the counts need.

    It is may_be_recent: whether the feature is not `tested` only because of a gap, or of a status that is not known.
    """
    instant = report_instant(mirror, as_of)
    oldest = instant - checked_days("stale_after", stale_after)
    scope = feature_scope(mirror, as_of=instant)
    facts = described_features(mirror).join(_tested(scope, instant, window), on="feature_id", validate="one_to_one")
    for name in ("executed_tests", "executed_tests_in_window", "planned_tests"):
        facts[name] = facts[name].fillna(0).astype("Int64")
    facts["days_since_tested"] = (instant - facts["last_tested_at"]).dt.days.astype("Int64")
    facts["changed_since_tested"] = _changed(facts)
    gap = facts["product_id"].map(stream_doubts(mirror, "tests")).astype("str")
    unknown_status = scope[scope["group"] == "unknown"]
    facts["may_be_covered"] = gap.notna() | facts["feature_id"].isin(unknown_status["feature_id"])
    facts["state"] = feature_states(facts, as_of=instant, stale_after=stale_after)
    maybe_recent = unknown_status[~(unknown_status["at"] < oldest)]["feature_id"]
    may_be = gap.notna() | facts["feature_id"].isin(maybe_recent)
    facts["may_be_recent"] = may_be & (facts["state"] != "tested")
    facts["reason"] = _reasons(facts, scope, gap, instant, stale_after)
    return facts


def described_features(mirror: Mirror) -> pd.DataFrame:
    """Return the active features in the order of the catalogue.

    Columns: those of the table, with feature_id for id, and product, feature (a title for each), has_description,
    has_howtofind, sections (names), stories (active ones).
    """
    names = product_names(mirror)
    products = {int(key) for key in active(mirror.products)["id"]}
    features = active(mirror.features)
    features = features[features["product_id"].isin(products)].rename(columns={"id": "feature_id"})
    titles = zip(features["title"], features["feature_id"], strict=True)
    described = features.assign(
        product=pd.Series([names[int(key)] for key in features["product_id"]], index=features.index, dtype="str"),
        feature=pd.Series([label(*_kind(row)) for row in titles], index=features.index, dtype="str"),
        has_description=_is_filled(features["description"]),
        has_howtofind=_is_filled(features["howtofind"]),
        sections=features["feature_id"].map(_section_names(mirror)).astype("str"),
        stories=_story_counts(mirror, features),
    )
    return described.sort_values(["product", "product_id", "feature", "feature_id"], ignore_index=True)


def _kind(row: tuple[object, object]) -> tuple[object, str, object]:
    return row[0], "Feature", row[1]


def _is_filled(texts: pd.Series[str]) -> pd.Series[Any]:
    return (texts.fillna("").str.strip() != "").astype("boolean")


def memberships(mirror: Mirror) -> pd.DataFrame:
    """Return which active feature belongs to which active section, one row per pair, by section name and id.

    Columns: feature_id, section_id, section (name).
    """
    sections = active(mirror.sections)
    titles = [label(name, "Section", key) for name, key in zip(sections["name"], sections["id"], strict=True)]
    named = pd.DataFrame({"section_id": sections["id"], "section": pd.Series(titles, sections.index, dtype="str")})
    pairs = active(mirror.feature_sections)[["feature_id", "section_id"]]
    found = pairs.merge(named, on="section_id", how="inner", validate="many_to_one")
    return found.sort_values(["section", "section_id", "feature_id"], ignore_index=True)


def _section_names(mirror: Mirror) -> pd.Series[str]:
    return memberships(mirror).groupby("feature_id")["section"].agg(", ".join)


def _story_counts(mirror: Mirror, features: pd.DataFrame) -> pd.Series[Any]:
    stories = active(mirror.user_stories).dropna(subset=["feature_id"])
    counts = stories.groupby("feature_id")["id"].nunique()
    found = features["feature_id"].map(counts).astype("Int64")
    # None found in a catalogue that is not completely read is not the same as none.
    is_doubtful = features["product_id"].isin([*stream_doubts(mirror, "features")])
    return found.where(found.notna() | is_doubtful, 0)


def _tested(scope: pd.DataFrame, instant: pd.Timestamp, window: float) -> pd.DataFrame:
    """Return what tests say of each feature in scope of any: counts, the newest executed test and its snapshot."""
    executed = scope[scope["group"] == "executed"]
    recent = executed[executed["at"] >= instant - checked_days("window", window)]
    # The scope is ordered by instant and test, so the last row is the newest test.
    newest = executed.drop_duplicates("feature_id", keep="last").set_index("feature_id")
    newest = newest[[*_NEWEST]].rename(columns=_NEWEST)
    counts = {
        "executed_tests": executed.groupby("feature_id")["test_id"].nunique(),
        "executed_tests_in_window": recent.groupby("feature_id")["test_id"].nunique(),
        "planned_tests": scope[scope["group"] == "planned"].groupby("feature_id")["test_id"].nunique(),
    }
    return pd.DataFrame(counts).join(newest, how="outer")


def _changed(facts: pd.DataFrame) -> pd.Series[Any]:
    differs = pd.Series(False, index=facts.index, dtype="boolean")
    for name in ("title", "description", "howtofind"):
        differs |= facts[name].fillna("") != facts[f"tested_{name}"].fillna("")
    return differs.mask(facts["last_test_id"].isna())


def _reasons(
    facts: pd.DataFrame, scope: pd.DataFrame, gap: pd.Series[str], instant: pd.Timestamp, stale_after: float
) -> pd.Series[str]:
    others: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for test in _records(scope[scope["group"] != "executed"], ["feature_id", *_TOLD_OF_TESTS]):
        others[test["feature_id"]].append(test)
    reasons = [
        reason_of(fact, others[fact["feature_id"]], gap=doubt, as_of=instant, stale_after=stale_after)
        for fact, doubt in zip(_records(facts, ["feature_id", *_TOLD_OF_FEATURES]), gap.fillna(""), strict=True)
    ]
    return pd.Series(reasons, index=facts.index, dtype="str")


def _records(frame: pd.DataFrame, columns: list[str]) -> Iterator[dict[str, Any]]:
    for values in zip(*(frame[column].tolist() for column in columns), strict=True):
        yield dict(zip(columns, values, strict=True))


# -- what the current numbers leave out ----------------------------------------------------------------------


def removed_features(mirror: Mirror) -> pd.DataFrame:
    """Return the features that left the catalogue, the last removed first, then by id.

    Columns: product_id, product, feature_id, feature, removed_at, first_seen, executed_tests (ever, by `as_of` of the
    mirror), last_tested_at.
    """
    gone = mirror.features[mirror.features["removed_at"].notna()].rename(columns={"id": "feature_id"})
    titles = zip(gone["title"], gone["feature_id"], strict=True)
    names = product_names(mirror)
    found = gone.assign(
        product=pd.Series([names[int(key)] for key in gone["product_id"]], index=gone.index, dtype="str"),
        feature=pd.Series([label(*_kind(row)) for row in titles], index=gone.index, dtype="str"),
    )
    scope = feature_scope(mirror)
    executed = scope[scope["group"] == "executed"].groupby("feature_id")
    found["executed_tests"] = found["feature_id"].map(executed["test_id"].nunique()).fillna(0).astype("Int64")
    found["last_tested_at"] = executed["at"].max().reindex(found["feature_id"]).array
    columns = ["product_id", "product", "feature_id", "feature", "removed_at", "first_seen"]
    found = found.sort_values(["removed_at", "feature_id"], ascending=[False, True], ignore_index=True)
    return found[[*columns, "executed_tests", "last_tested_at"]]


def unlinked_stories(mirror: Mirror) -> pd.DataFrame:
    """Return the active user stories whose feature could not be told, by product and id.

    Columns: product_id, product, story_id, story (the whole sentence, else the title), feature_link (why).
    """
    stories = active(mirror.user_stories)
    stories = stories[stories["feature_id"].isna()].sort_values(["product_id", "id"], ignore_index=True)
    names = product_names(mirror)
    return pd.DataFrame(
        {
            "product_id": stories["product_id"],
            "product": pd.Series([names[int(key)] for key in stories["product_id"]], dtype="str"),
            "story_id": stories["id"],
            "story": stories["path"].fillna(stories["title"]),
            "feature_link": stories["feature_link"],
        }
    )
