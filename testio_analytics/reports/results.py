"""What came of each feature: evidence first, words after.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from testio_analytics.api.vocabulary import SEVERITIES, STORY_STATUSES
from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import located_bugs
from testio_analytics.reports.completeness import (
    active,
    never_synced_products,
    product_names,
    report_instant,
    stream_doubts,
    unread_tests,
)
from testio_analytics.reports.coverage import product_gaps, reading_gaps, share, with_gaps
from testio_analytics.reports.executed import feature_scope
from testio_analytics.reports.features import described_features
from testio_analytics.text import counted

RESULTS = ("issues", "failed", "blocked", "known bugs", "passed", "no findings", "none", "unknown")
RUN_COLUMNS = (
    *("test_feature_id", "user_story_id", "test_id", "feature_id", "title", "api_status", "status", "is_by_bug"),
    *("tested_by", "bugs_found"),
)

_API_WORD = {
    "issues": "failed",
    "failed": "failed",
    "blocked": "blocked",
    "known bugs": "failed",
    "passed": "passed",
    "no findings": "not_tested",
}
STORY_COUNTS = ("stories_failed", "stories_blocked", "stories_passed", "stories_not_run")
RESULT_COLUMNS = (
    *("product_id", "product", "feature_id", "feature", "sections", "result", "worst_severity", "bugs", "open_bugs"),
    *(
        "critical_bugs",
        "stories_failed",
        "stories_blocked",
        "stories_passed",
        "stories_not_run",
        "failed_by_bug",
        "test_id",
        "test",
        "at",
    ),
    *("api_status", "differs", "is_complete", "gap"),
)


def story_results(mirror: Mirror) -> pd.DataFrame:
    """Return what came of each user story in each test, one row per test feature and story, by their ids.

    The API calls a story failed when a run of it failed, and also when a bug names it, whoever ran it. Ours is the word
    of the runs: from the single runs where those of the test were read (stream ``executions``; failed comes before
    blocked, and blocked before passed), else from the API's word and its counts.

    Columns: test_feature_id, user_story_id, test_id, feature_id (by the test feature; empty where it leads to none), title
    (the sentence as it stood in the test), api_status (as it came), status ("failed", "blocked", "passed", "not_tested",
    else as it came), is_by_bug (whether "failed" may rest on a bug alone: one names the story, somebody ran it, and the
    single runs were not read), tested_by (distinct testers), bugs_found (as the API counts them).

    Definitions:
        result of a story: Failed when a run failed, else blocked when one is blocked, else passed when one passed. Where
            the single runs were not read it is the API's word, but for a story that nobody ran and a bug names: the API
            calls it failed, and it has no result. Where somebody ran it and a bug names it, the bug may be all that
            failed: such stories are marked.
    """
    copies = active(mirror.test_features)[["id", "feature_id"]].rename(columns={"id": "test_feature_id"})
    rows = active(mirror.test_user_stories).drop(columns="feature_id")
    rows = rows.merge(copies, on="test_feature_id", how="left", validate="many_to_one")
    rows = rows.rename(columns={"execution_status": "api_status", "tested_by_count": "tested_by"})
    keys = ["test_id", "user_story_version_id"]
    rows = rows.merge(_words_of_runs(mirror), on=keys, how="left", validate="many_to_one")
    was_read = rows["test_id"].isin(_tests_with_runs(mirror)) & rows["user_story_version_id"].notna()
    named = (rows["api_status"] == "failed") & (rows["bugs_found"] != 0).fillna(True)
    unrun = (named & (rows["tested_by"] == 0)).fillna(False)
    rows["status"] = (
        rows["api_status"].mask(unrun, "not_tested").mask(was_read, rows["run_status"].fillna("not_tested"))
    )
    rows["is_by_bug"] = (named & ~unrun & ~was_read).astype("boolean")
    order = ["test_feature_id", "user_story_id"]
    return rows.sort_values(order, ignore_index=True)[list(RUN_COLUMNS)]


def _tests_with_runs(mirror: Mirror) -> set[int]:
    """Return the tests whose single runs were read completely, and not before the results that say what can be run."""
    reads = mirror.test_reads[mirror.test_reads["is_complete"]]
    runs, results = (
        reads[reads["stream"] == stream].set_index("test_id")["run_id"] for stream in ("executions", "results")
    )
    both = pd.DataFrame({"runs": runs, "results": results}).dropna()
    return {int(key) for key in both.index[both["runs"] >= both["results"]]}


def _words_of_runs(mirror: Mirror) -> pd.DataFrame:
    """Return the weightiest word of the single runs of each version of a story in a test; the others do not exist."""
    order = {status: place for place, status in enumerate(STORY_STATUSES[:3])}
    runs = active(mirror.executions)[["test_id", "user_story_version_id", "status"]].rename(
        columns={"status": "run_status"}
    )
    runs = runs[runs["run_status"].isin(order) & runs["test_id"].notna()]
    runs = runs.assign(order=runs["run_status"].map(order)).sort_values("order")
    return runs.drop_duplicates(["test_id", "user_story_version_id"]).drop(columns="order")


def feature_results(mirror: Mirror, *, as_of: AsOf = None, window: float | None = None) -> pd.DataFrame:
    """Return what came of each active feature in its newest executed test, one row each, by product, title and id.

    With `window`, what came of it in all executed tests of the last `window` days.

    Columns:
        product_id, product, feature_id, feature, sections: as in `feature_catalog`.
        result: see the definitions; "unknown" where nothing is known to cover the feature but an unread test may, and
            where unread bugs or results of its test, or stories whose result is not said or not known, could change it. Where tests are missing, it is the result of the
            newest one known, and `gap` says so.
        worst_severity: the gravest severity of the bugs that make the result "issues"; empty without.
        bugs, open_bugs, critical_bugs: distinct valid bugs of the feature in that test, and those of them that are open
            and critical. The least there are where bugs were not read.
        stories_failed, stories_blocked, stories_passed, stories_not_run: distinct stories by their result there, see
            `story_results`. Empty where results were not read.
        failed_by_bug: those of stories_failed that may have failed by a bug alone.
        test_id, test, at: the newest executed test; empty without.
        api_status: the API's own word for the feature in that test, as it came.
        differs: whether that is another word than ours means; empty where the API says nothing or ours is unknown.
        is_complete, gap: whether what this row rests on was read.

    Definitions:
        issues: At least one bug on the feature that was not rejected and not known before.
        failed: Else, a story failed.
        blocked: Else, a story is blocked.
        known bugs: Else, there are valid bugs, all of which the customer knew before.
        passed: Else, at least one story passed, and there is no valid bug.
        no findings: In scope of an executed test, no story executed, no bug: not a pass.
        none: Not covered by an executed test.

    Raises:
        UnknownValueError: `as_of` is no instant, or `window` is not above 0.
    """
    instant = report_instant(mirror, as_of)
    features = described_features(mirror)[["product_id", "product", "feature_id", "feature", "sections"]]
    everything = feature_scope(mirror, as_of=instant)
    scope = everything[everything["group"] == "executed"]
    newest = scope.drop_duplicates("feature_id", keep="last")[["feature_id", "test_id", "test", "at"]]
    if window is None:
        pairs = newest[["feature_id", "test_id"]]
    else:
        pairs = scope[scope["at"] >= instant - checked_days("window", window)][["feature_id", "test_id"]]
        newest = newest[newest["feature_id"].isin(pairs["feature_id"])]
    found = features.merge(newest, on="feature_id", how="left", validate="one_to_one")
    for part in (
        _bugs(mirror, pairs, instant),
        _stories(mirror, pairs),
        _unread(mirror, pairs),
        _words(mirror, newest),
    ):
        found = found.merge(part, on="feature_id", how="left", validate="one_to_one")
    return _judged(mirror, found, everything)


def evidence_by_product(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return how many features were shown to be exercised, one row per active product, by name and id.

    Columns: product_id, product, active_features, in_scope (ever in an executed test), exercised, exercised_highest (where
    a gap could hide more), share, low, high (exercised / active_features with its 95 % Wilson interval), is_complete, gap.

    Definitions:
        exercised: Features with at least one executed story or one bug, out of all active features. The stronger claim:
            in scope only says that somebody was asked to look.
    """
    instant = report_instant(mirror, as_of)
    features = described_features(mirror)[["product_id", "product", "feature_id"]]
    scope = feature_scope(mirror, as_of=instant)
    pairs = scope[scope["group"] == "executed"][["feature_id", "test_id"]]
    bugs = located_bugs(mirror, as_of=instant)
    bugs = bugs[bugs["group"] == "executed"]
    stories = _story_results(mirror, pairs)
    run = stories[stories["status"].isin(["failed", "blocked", "passed"])]
    unread = unread_tests(mirror, "bugs") | unread_tests(mirror, "results")
    doubt = product_gaps(mirror, ("bugs", "results"))
    features = features.assign(
        in_scope=features["feature_id"].isin(pairs["feature_id"]),
        exercised=features["feature_id"].isin(run["feature_id"]) | features["feature_id"].isin(bugs["feature_id"]),
    )
    maybe = features["feature_id"].isin(pairs[pairs["test_id"].isin(unread)]["feature_id"])
    maybe |= features["feature_id"].isin(scope[scope["group"] == "unknown"]["feature_id"])
    maybe |= features["feature_id"].isin(stories[~stories["status"].isin(STORY_STATUSES)]["feature_id"])
    features["maybe"] = ~features["exercised"] & (maybe | features["product_id"].isin([*doubt]))
    grouped = features.groupby("product_id")
    sums = grouped.agg(
        active_features=("feature_id", "nunique"),
        in_scope=("in_scope", "sum"),
        exercised=("exercised", "sum"),
        maybe=("maybe", "sum"),
    ).astype("Int64")
    products, names = active(mirror.products), product_names(mirror)
    found = pd.DataFrame({"product_id": products["id"]})
    found["product"] = pd.Series([names[int(key)] for key in products["id"]], index=found.index, dtype="str")
    found = found.merge(sums.reset_index(), on="product_id", how="left", validate="one_to_one")
    numbers = ["active_features", "in_scope", "exercised", "maybe"]
    is_known = ~found["product_id"].isin([*stream_doubts(mirror, "features")])
    for name in numbers:
        found[name] = found[name].where(found[name].notna() | ~is_known, 0).astype("Int64")
    found["in_scope"] = found["in_scope"].mask(found["product_id"].isin(never_synced_products(mirror, "tests")))
    nothing = (found["active_features"] > 0) & (found["maybe"] == found["active_features"])
    found["exercised_highest"] = found["exercised"] + found["maybe"]
    found["exercised"] = found["exercised"].mask(nothing.fillna(False))
    rows = [share(k, n) for k, n in zip(found["exercised"], found["active_features"], strict=True)]
    found = found.join(pd.DataFrame(rows, columns=["share", "low", "high"], index=found.index, dtype="Float64"))
    columns = [
        "product_id",
        "product",
        "active_features",
        "in_scope",
        "exercised",
        "exercised_highest",
        "share",
        "low",
        "high",
    ]
    found = found[columns].sort_values(["product", "product_id"], ignore_index=True)
    return with_gaps(found, reading_gaps(mirror, "features", "bugs", "results"))


def _bugs(mirror: Mirror, pairs: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the bugs of each feature in its tests: valid ones, open and critical ones, those that are issues."""
    bugs = located_bugs(mirror, as_of=instant)
    bugs = bugs[bugs["is_valid"].astype(bool)].merge(pairs, on=["feature_id", "test_id"], how="inner")
    issues = bugs[~bugs["is_known"].astype(bool)]
    order = {name: place for place, name in enumerate(SEVERITIES)}
    ranked = issues.assign(order=issues["severity"].map(order).fillna(len(order))).sort_values(
        ["order", "severity", "bug_id"]
    )
    grouped = bugs.groupby("feature_id")
    parts = {
        "bugs": grouped["bug_id"].nunique(),
        "open_bugs": bugs[bugs["bucket"] == "open"].groupby("feature_id")["bug_id"].nunique(),
        "critical_bugs": bugs[bugs["severity"] == "critical"].groupby("feature_id")["bug_id"].nunique(),
        "issues": issues.groupby("feature_id")["bug_id"].nunique(),
    }
    found = pd.DataFrame(parts).fillna(0).astype("Int64")
    found["worst_severity"] = ranked.drop_duplicates("feature_id").set_index("feature_id")["severity"]
    return found.rename_axis("feature_id").reset_index().astype({"worst_severity": "str", "feature_id": "Int64"})


def _story_results(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the results of the stories of each feature in its tests, by the feature that the test feature leads to."""
    return story_results(mirror).merge(pairs, on=["feature_id", "test_id"], how="inner")


def _stories(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct stories of each feature by their weightiest result there, a failed run before a bug alone."""
    stories = _story_results(mirror, pairs)
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    stories = stories.assign(order=stories["status"].map(order))
    unclear = stories[stories["order"].isna()].groupby("feature_id")["user_story_id"].nunique()
    worst = (
        stories.dropna(subset=["order"])
        .sort_values(["order", "is_by_bug"])
        .drop_duplicates(["feature_id", "user_story_id"])
    )
    counts = pd.crosstab(worst["feature_id"], worst["status"].astype(str)).reindex(
        columns=list(STORY_STATUSES), fill_value=0
    )
    counts.columns = pd.Index(STORY_COUNTS)
    counts["failed_by_bug"] = worst.groupby("feature_id")["is_by_bug"].sum()
    counts = counts.join(unclear.rename("stories_unclear"), how="outer").fillna(0)
    return counts.astype("Int64").rename_axis("feature_id").reset_index().astype({"feature_id": "Int64"})


def _unread(mirror: Mirror, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return how many tests of each feature have unread bugs, and unread results."""
    parts = {
        f"unread_{stream}": pairs[pairs["test_id"].isin(unread_tests(mirror, stream))]
        .groupby("feature_id")["test_id"]
        .nunique()
        for stream in ("bugs", "results")
    }
    found = pd.DataFrame(parts).fillna(0).astype("Int64")
    return found.rename_axis("feature_id").reset_index().astype({"feature_id": "Int64"})


def _words(mirror: Mirror, newest: pd.DataFrame) -> pd.DataFrame:
    """Return the API's own word for each feature in its newest test; of two copies of a feature the weightier one."""
    copies = active(mirror.test_features)[["id", "feature_id"]].rename(columns={"id": "test_feature_id"})
    said = (
        active(mirror.test_feature_results).drop(columns="feature_id").merge(copies, on="test_feature_id", how="inner")
    )
    said = said.merge(newest[["feature_id", "test_id"]], on=["feature_id", "test_id"], how="inner")
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    said = said.assign(order=said["execution_status"].map(order).fillna(len(order))).sort_values(
        ["order", "test_feature_id"]
    )
    said = said.drop_duplicates("feature_id")[["feature_id", "execution_status"]]
    return said.rename(columns={"execution_status": "api_status"})


def _judged(mirror: Mirror, found: pd.DataFrame, scope: pd.DataFrame) -> pd.DataFrame:
    covered = found["test_id"].notna()
    bug_names, story_names = (
        ["bugs", "open_bugs", "critical_bugs", "issues"],
        [*STORY_COUNTS, "failed_by_bug", "stories_unclear"],
    )
    for name in (*bug_names, *story_names, "unread_bugs", "unread_results"):
        found[name] = found[name].fillna(0).astype("Int64")
    no_bugs, no_results = found["unread_bugs"] > 0, found["unread_results"] > 0
    # A missing test may cover what no other does. Where another does, its row says what is missing.
    odd = scope[scope["group"] == "unknown"]["feature_id"]
    is_odd = found["feature_id"].isin(odd)
    doubt = found["product_id"].isin([*stream_doubts(mirror, "tests")]) | is_odd
    rules = [
        (~covered & doubt, "unknown"),
        (~covered, "none"),
        (found["issues"] > 0, "issues"),
        (no_bugs, "unknown"),
        (found["stories_failed"] > 0, "failed"),
        (no_results | (found["stories_unclear"] > 0), "unknown"),
        (found["stories_blocked"] > 0, "blocked"),
        # Known bugs are no issues, but with them a story that passed is no pass.
        (found["bugs"] > 0, "known bugs"),
        (found["stories_passed"] > 0, "passed"),
    ]
    chosen = np.select([rule.to_numpy(dtype=bool) for rule, _ in rules], [name for _, name in rules], "no findings")
    found["result"] = pd.Categorical(chosen, categories=list(RESULTS), ordered=True)
    found["worst_severity"] = found["worst_severity"].where(found["result"] == "issues")
    found[bug_names] = found[bug_names].mask(~covered | (no_bugs & (found["bugs"] == 0)))
    found[story_names] = found[story_names].mask(~covered | no_results)
    means = found["result"].astype("str").map(_API_WORD)
    found["differs"] = (found["api_status"] != means).astype("boolean").mask(found["api_status"].isna() | means.isna())
    return _with_row_gaps(mirror, found, ~covered & is_odd)[list(RESULT_COLUMNS)]


def _with_row_gaps(mirror: Mirror, found: pd.DataFrame, is_odd: pd.Series[bool]) -> pd.DataFrame:
    of_tests = product_gaps(mirror, ("tests",))
    texts = []
    rows = zip(
        found["product_id"],
        found["unread_bugs"],
        found["unread_results"],
        found["stories_unclear"],
        is_odd,
        strict=True,
    )
    for product, bugs, results, unclear, odd in rows:
        parts = [of_tests[int(product)]] if int(product) in of_tests else []
        for stream, count in (("bugs", int(bugs)), ("results", int(results))):
            if count:
                parts.append(f"The {stream} of {counted(count, 'executed test')} of this feature were not read")
        if odd:
            parts.append("A test of unknown status has this feature in scope")
        if pd.notna(unclear) and unclear:
            parts.append(
                f"The result of {counted(int(unclear), 'story', 'stories')} is not said, or a word that is not known"
            )
        texts.append("; ".join(parts) or None)
    gap = pd.Series(texts, index=found.index, dtype="str")
    return found.assign(is_complete=gap.isna().astype("boolean"), gap=gap)


def unknown_story_statuses(mirror: Mirror) -> pd.DataFrame:
    """Return the results of stories that no definition knows, one row per product and status.

    They are stored as they came and count as no result. Columns: status, product_id, product, stories (distinct), tests.
    """
    rows = active(mirror.test_user_stories)
    rows = rows.assign(status=rows["execution_status"].fillna("(not said)"))
    rows = rows[~rows["status"].isin(STORY_STATUSES)]
    grouped = rows.groupby(["status", "product_id"], sort=True)
    found = grouped.agg(stories=("user_story_id", "nunique"), tests=("test_id", "nunique")).reset_index()
    found = found.astype({"status": "str", "product_id": "Int64", "stories": "Int64", "tests": "Int64"})
    names: dict[int, Any] = dict(product_names(mirror))
    found.insert(2, "product", pd.Series([names.get(int(key), "") for key in found["product_id"]], dtype="str"))
    return found
