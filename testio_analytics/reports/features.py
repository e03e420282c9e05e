"""The feature catalogue with states: which features were tested, which not recently, and which never.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubt_words import words
from testio_analytics.reports.doubts import doubts, missing_of, products_in_doubt
from testio_analytics.reports.facts import (
    LAPSED_AFTER,
    described_features,
    distinct,
    feature_scope,
    looked_up,
    once,
    silent_tests,
)
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.reports.texts import changed_words, differ
from testio_analytics.text import age_words, counted, day_words, instant_words, short

STATES = ("untested", "planned", "stale", "unknown", "tested")
"""The states, the one that needs attention most first."""

CATALOG_COLUMNS = column_names("feature_catalog")
TEXTS = {"title": "title", "description": "description", "howtofind": "directions"}
"""The texts of a feature that a test is given a copy of, with their names for people."""

_COUNTS = ("executed_tests", "executed_tests_in_window", "planned_tests")
_IN_REASONS = ("state", "last_tested_at", "last_test", "days_since_tested", "is_running")
_TESTS_IN_REASONS = ("group", "test_id", "test", "status", "start_at", "at")
_NEWEST = {
    "test_id": "last_test_id",
    "test": "last_test",
    "at": "last_tested_at",
    "is_running": "is_running",
    "test_feature_id": "test_feature_id",
}


@documented
def feature_catalog(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    stale_after: float = 180,
    window: float = 180,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the active features, one row each, by product name, title and id.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        stale_after: after how many days a test is too old to count as recent; exactly that many still counts.
        window: the number of days before `as_of` for `executed_tests_in_window`.
        lapsed_after: after how many days past its end a scheduled test that was not begun plans nothing any more.

    Raises:
        UnknownValueError: `as_of` is no date or time, or a number of days is not above 0.
    """
    found = _with_words(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    return found[CATALOG_COLUMNS]


@documented
def untested_features(
    mirror: Mirror,
    *,
    as_of: AsOf = None,
    stale_after: float = 180,
    window: float = 180,
    lapsed_after: float = LAPSED_AFTER,
) -> pd.DataFrame:
    """Return the features that need a test or have unknown status: the rows of `feature_catalog` that are not "tested".

    Order: state (untested, planned, stale, unknown), then product, then the longest untested first, then title and id.
    """
    catalog = feature_catalog(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    rows = catalog[catalog["state"] != "tested"]
    order = ["state", "product", "product_id", "last_tested_at", "feature", "feature_id"]
    return rows.sort_values(order, na_position="first", ignore_index=True)


def feature_states(facts: pd.DataFrame, *, as_of: pd.Timestamp, stale_after: float = 180) -> pd.Series[Any]:
    """Return the state of each feature as an ordered category, the first of these that holds.

    `facts` has one row per feature: executed_tests, planned_tests, last_tested_at, and may_be_covered (whether its
    product's tests are not fully synced or do not say what they cover, or a test of unknown status has it in scope).
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


@once
def features_with_state(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float, window: float, lapsed_after: float = LAPSED_AFTER
) -> pd.DataFrame:
    """Return the catalogue without changed_words, and with more columns that counts and words need.

    They are may_be_recent (whether the feature is not `tested` only because of a gap, or of a status or date that is not
    known), may_be_changed (whether changed_since_tested may be another for such a reason), and test_feature_id (that of
    the newest executed test).
    """
    instant = mirror.instant(as_of)
    scope = feature_scope(mirror, as_of=instant, lapsed_after=lapsed_after)
    facts = _with_texts(mirror, described_features(mirror))
    facts = facts.join(_tested(scope, instant, window), on="feature_id", validate="one_to_one")
    facts[list(_COUNTS)] = facts[list(_COUNTS)].fillna(0).astype("Int64")
    facts["days_since_tested"] = (instant - facts["last_tested_at"]).dt.days.astype("Int64")
    now, then = facts[[*TEXTS]], _texts_then(mirror, facts)
    differs = pd.concat([differ(now[text], then[text]) for text in TEXTS], axis=1).any(axis=1)
    facts["changed_since_tested"] = differs.astype("boolean").mask(facts["last_test_id"].isna())
    has_gap = facts["product_id"].isin([*products_in_doubt(mirror, "tests")])
    unknown, silent = scope[scope["group"] == "unknown"], silent_tests(mirror, as_of=instant)
    facts["may_be_covered"] = (
        has_gap | facts["feature_id"].isin(unknown["feature_id"]) | facts["product_id"].isin(silent["product_id"])
    )
    facts["state"] = feature_states(facts, as_of=instant, stale_after=stale_after)
    oldest = instant - checked_days("stale_after", stale_after)
    undated = scope[(scope["group"] == "executed") & ~scope["is_dated"]]
    may_be = has_gap | facts["feature_id"].isin(unknown[~(unknown["at"] < oldest)]["feature_id"])
    may_be |= facts["feature_id"].isin(undated["feature_id"])
    may_be |= facts["product_id"].isin(silent[~(silent["at"] < oldest)]["product_id"])
    facts["may_be_recent"] = may_be & (facts["state"] != "tested")
    facts["may_be_changed"] = has_gap | _has_newer(facts, unknown, silent, instant)
    facts["may_be_changed"] |= (facts["executed_tests"] > 1) & facts["feature_id"].isin(undated["feature_id"])
    old_text = facts["product_id"].isin([*products_in_doubt(mirror, "features")])
    facts["may_be_changed"] |= (facts["executed_tests"] > 0) & old_text
    facts["reason"] = _reasons(mirror, facts, scope, instant, stale_after)
    more = ["may_be_recent", "may_be_changed", "test_feature_id"]
    return facts[[*(name for name in CATALOG_COLUMNS if name != "changed_words"), *more]]


@once
def _with_words(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float, window: float, lapsed_after: float
) -> pd.DataFrame:
    """Add the words that differ since the newest executed test: those of each text after its name, None without any."""
    found = features_with_state(mirror, as_of=as_of, stale_after=stale_after, window=window, lapsed_after=lapsed_after)
    rows = found[found["changed_since_tested"].fillna(False).astype(bool)]
    now = mirror.features.set_index("id")[[*TEXTS]].reindex(pd.Index(rows["feature_id"]))
    then = _texts_then(mirror, rows)
    said = [
        "; ".join(
            f"{name}: {words}"
            for name, *pair in zip(TEXTS.values(), old, new, strict=True)
            if (words := changed_words(*pair))
        )
        for old, new in zip(_tuples(then), _tuples(now), strict=True)
    ]
    return found.assign(changed_words=pd.Series(said, index=rows.index, dtype="str").reindex(found.index))


def _with_texts(mirror: Mirror, described: pd.DataFrame) -> pd.DataFrame:
    """Add the texts of the features, whether there are any, how many stories, and when they were seen."""
    features = mirror.features[["id", *TEXTS, "first_seen", "last_confirmed"]].rename(columns={"id": "feature_id"})
    found = described.merge(features, on="feature_id", how="left", validate="one_to_one")
    for name in ("description", "howtofind"):
        found[f"has_{name}"] = (found[name].fillna("").str.strip() != "").astype("boolean")
    stories = mirror.active("user_stories").dropna(subset=["feature_id"])
    counts = looked_up(found["feature_id"], distinct(stories, "id", "feature_id"))
    # None found in a catalogue that is not fully synced is not the same as none.
    in_doubt = found["product_id"].isin([*products_in_doubt(mirror, "features")])
    return found.assign(stories=counts.where(counts.notna() | in_doubt, 0).astype("Int64"))


def _tested(scope: pd.DataFrame, instant: pd.Timestamp, window: float) -> pd.DataFrame:
    """Return what tests say of each feature in scope of any: counts, and the newest executed test."""
    executed = scope[scope["group"] == "executed"]
    recent = executed[executed["at"] >= instant - checked_days("window", window)]
    # The scope is ordered by instant and test, so the last row is the newest test.
    newest = executed.drop_duplicates("feature_id", keep="last").set_index("feature_id")
    counts = {
        "executed_tests": distinct(executed, "test_id", "feature_id"),
        "executed_tests_in_window": distinct(recent, "test_id", "feature_id"),
        "planned_tests": distinct(scope[scope["group"] == "planned"], "test_id", "feature_id"),
    }
    return pd.DataFrame(counts).join(newest[[*_NEWEST]].rename(columns=_NEWEST), how="outer")


def _texts_then(mirror: Mirror, facts: pd.DataFrame) -> pd.DataFrame:
    """Return the texts that the newest executed test of each feature was given, empty when never tested."""
    copies = mirror.test_features.set_index("id")[[*TEXTS]]
    return copies.reindex(pd.Index(facts["test_feature_id"])).set_axis(facts.index)


def _tuples(texts: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    return zip(*(texts[text].tolist() for text in TEXTS), strict=True)


def _has_newer(
    facts: pd.DataFrame, unknown: pd.DataFrame, silent: pd.DataFrame, instant: pd.Timestamp
) -> pd.Series[bool]:
    """Return for which features a test that may cover them may be newer than the newest known one."""
    # A test at an unknown instant may be the newest.
    of_feature = unknown["at"].fillna(instant).groupby(unknown["feature_id"]).max()
    of_product = silent["at"].fillna(instant).groupby(silent["product_id"]).max()
    hidden = [looked_up(facts["feature_id"], of_feature), looked_up(facts["product_id"], of_product)]
    newer = [at.notna() & ~(facts["last_tested_at"] > at).fillna(False) for at in hidden]
    return newer[0] | newer[1]


# -- why a feature has its state ------------------------------------------------------------------------------------


def _reasons(
    mirror: Mirror, facts: pd.DataFrame, scope: pd.DataFrame, instant: pd.Timestamp, stale_after: float
) -> pd.Series[str]:
    others: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for test in _records(scope[scope["group"] != "executed"], ["feature_id", *_TESTS_IN_REASONS]):
        others[test["feature_id"]].append(test)
    missing = defaultdict[int | None, list[str]](list)
    for key, one in missing_of(mirror, "tests").items():
        missing[key].append(words(one, "this product" if one.product_id == key else None))
    for one in doubts(mirror, ("tests.features",)):
        if one.kind == "missing field":
            missing[one.product_id].append(words(one, "this product"))
    rows = zip(facts["product_id"].tolist(), _records(facts, ["feature_id", *_IN_REASONS]), strict=True)
    reasons = [
        _reason(fact, others[fact["feature_id"]], "; ".join(missing.get(product, ())), instant, stale_after)
        for product, fact in rows
    ]
    return pd.Series(reasons, index=facts.index, dtype="str")


def _records(frame: pd.DataFrame, columns: list[str]) -> Iterator[dict[str, Any]]:
    for values in zip(*(frame[column].tolist() for column in columns), strict=True):
        yield dict(zip(columns, values, strict=True))


def _reason(
    fact: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    gap: str,
    instant: pd.Timestamp,
    stale_after: float,
) -> str:
    """Return why a feature has its state, as a sentence without full stop.

    `others` are the tests that have it in scope and are not executed, in the order of `feature_scope`; `gap` says what of
    its product's tests could not be read, and is empty when nothing is missing.
    """
    match fact["state"]:
        case "tested":
            return _why_tested(fact)
        case "stale":
            return _why_stale(fact, gap, stale_after)
        case "unknown":
            return _why_unknown(_of(others, "unknown"), gap)
        case "planned":
            return _why_planned(_of(others, "planned"), instant)
        case _:
            return _why_untested(_of(others, "later"), _of(others, "lapsed"), instant)


def _of(tests: Sequence[Mapping[str, Any]], group: str) -> list[Mapping[str, Any]]:
    return [test for test in tests if test["group"] == group]


def _why_tested(fact: Mapping[str, Any]) -> str:
    if fact["is_running"]:
        return f"Being tested now in {_quoted(fact['last_test'])}"
    return f"Last tested {age_words(fact['days_since_tested'])}"


def _why_stale(fact: Mapping[str, Any], gap: str, stale_after: float) -> str:
    if pd.isna(fact["last_tested_at"]):
        text = f"Tested in {_quoted(fact['last_test'])}, at an unknown date"
    elif fact["days_since_tested"] <= stale_after:  # by hours only
        text = f"Last tested more than {counted(fact['days_since_tested'], 'day')} ago"
    else:
        text = f"Last tested {age_words(fact['days_since_tested'])}"
    return f"{text}; newer tests may be missing" if gap else text


def _why_unknown(tests: Sequence[Mapping[str, Any]], gap: str) -> str:
    if tests:
        test = tests[-1]
        return f"In scope of {_quoted(test['test'])}, whose status “{short(test['status'])}” is not known"
    return gap


def _why_planned(planned: Sequence[Mapping[str, Any]], as_of: pd.Timestamp) -> str:
    upcoming = [test for test in planned if test["start_at"] > as_of]  # never true of a missing start
    test = min(upcoming, key=lambda test: (test["start_at"], test["test_id"])) if upcoming else planned[-1]
    when = f"starts {day_words(test['start_at'])}" if upcoming else f"not started (status {test['status']})"
    more = f", and of {counted(len(planned) - 1, 'more scheduled test')}" if len(planned) > 1 else ""
    return f"In scope of {_quoted(test['test'])}, {when}{more}"


def _why_untested(later: Sequence[Mapping[str, Any]], lapsed: Sequence[Mapping[str, Any]], as_of: pd.Timestamp) -> str:
    if later:
        return f"In scope of {_quoted(later[-1]['test'])}, which had not ended by {instant_words(as_of)}"
    if lapsed:
        test = lapsed[-1]
        return f"Never tested; the scheduled test {_quoted(test['test'])} of {day_words(test['at'])} lapsed"
    return "Never tested"


def _quoted(title: str) -> str:
    return f"“{short(title)}”"
