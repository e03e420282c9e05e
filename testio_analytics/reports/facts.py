"""What several reports need, each computed once per mirror and instant: tests, scope, features, bugs and results.

Every function here returns a frame of its own to change; the figures behind it are kept as long as the mirror is.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from testio_analytics.api.vocabulary import EXECUTED, NEITHER, PLANNED, STORY_STATUSES
from testio_analytics.frames.instants import EARLIEST, LONGEST_AHEAD, AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.text import label

Group = Literal["executed", "planned", "neither", "unknown"]
LAPSED_AFTER = 30
"""After how many days a test that was to be over by then, and was not even begun, is no plan any more."""
Bucket = Literal["active_accepted", "auto_accepted", "accepted_unclear", "rejected", "open", "other"]

NO_STATUS = "(no status)"

BUCKETS: tuple[Bucket, ...] = ("active_accepted", "auto_accepted", "accepted_unclear", "rejected", "open", "other")
NO_VALUE = "(not said)"
PLACES = ("feature", "removed feature", "not in the catalogue", "not attributable")
LOCATED_COLUMNS = (
    *("bug_id", "product_id", "test_id", "test_feature_id", "feature_id", "where", "title", "severity", "status"),
    *("bucket", "is_valid", "may_be_valid", "is_known", "not_said", "group", "at", "is_running", "reported_at"),
)
RUN_COLUMNS = (
    *("test_feature_id", "user_story_id", "test_id", "feature_id", "title", "api_status", "status", "is_by_bug"),
    *("tested_by", "bugs_found"),
)
KEPT_INSTANTS = 2
"""How many results of a function are kept for a mirror: a report looks at its own instant and at one before it."""

Options = ParamSpec("Options")
Result = TypeVar("Result")


def once(function: Callable[Concatenate[Mirror, Options], Result]) -> Callable[Concatenate[Mirror, Options], Result]:
    """Return the function with its last results kept per mirror; a frame is handed out as a copy without cost.

    An option ``as_of`` is turned into the instant that it means.
    """
    kept: WeakKeyDictionary[Mirror, dict[Any, Any]] = WeakKeyDictionary()
    parameters = signature(function).parameters.values()
    defaults = {
        one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY and one.default is not one.empty
    }

    @wraps(function)
    def found(mirror: Mirror, *args: Options.args, **options: Options.kwargs) -> Result:
        options = {**defaults, **options}  # type: ignore[assignment]  # the same figures, asked for in two ways
        if "as_of" in options:
            options["as_of"] = mirror.instant(options["as_of"])  # type: ignore[arg-type]
        results, key = kept.setdefault(mirror, {}), (args, frozenset(options.items()))
        if key not in results:
            results[key] = function(mirror, *args, **options)
            if len(results) > KEPT_INSTANTS:
                results.pop(next(iter(results)))
        # Copy on write: the caller's changes never reach what is kept.
        return copy(results[key]) if isinstance(results[key], pd.DataFrame) else results[key]  # type: ignore[no-any-return]

    return found  # type: ignore[return-value]  # the name of the first parameter is lost to the type


def labels(names: pd.Series[str], kind: str, keys: pd.Series[int]) -> pd.Series[str]:
    """Return each name on one line, or kind and id ("Feature 81001") where there is none."""
    named = [label(name, kind, key) for name, key in zip(names.tolist(), keys.tolist(), strict=True)]
    return pd.Series(named, index=names.index, dtype="str")


def looked_up(keys: pd.Series[Any], values: pd.Series[Any]) -> pd.Series[Any]:
    """Return the value that stands under each key in the index of `values`, nothing where none does."""
    return pd.Series(values.reindex(pd.Index(keys)).array, index=keys.index)


def distinct(rows: pd.DataFrame, what: str, by: str | list[str]) -> pd.Series[Any]:
    """Return how many distinct values of a column there are in each group, as a series by group."""
    names = [by] if isinstance(by, str) else by
    pairs = rows[[*names, what]].dropna(subset=[what]).drop_duplicates()
    return pairs.groupby(by, observed=True).size().astype("Int64")


# -- tests ----------------------------------------------------------------------------------------------------------


def status_group(status: str | None) -> Group:
    """Return what a test of this status counts as: see the definitions of executed, planned and cancelled tests."""
    if status in EXECUTED:
        return "executed"
    if status in PLANNED:
        return "planned"
    return "neither" if status in NEITHER else "unknown"


@once
def dated_tests(mirror: Mirror, *, as_of: AsOf = None, lapsed_after: float = LAPSED_AFTER) -> pd.DataFrame:
    """Return the tests that are not removed, each with what it counts as and the instant it belongs to, by id.

    A planned test whose end, else start, lies more than `lapsed_after` days before `as_of` has lapsed: it plans nothing.

    Columns: test_id, product_id, test (title), status, start_at, end_at (both empty where they are not possible), group
    ("executed", "planned", "lapsed", "neither", "unknown", or "later" for a test that had not ended, or not begun, by
    `as_of`), is_running (and counted as such), at (end, else start; of a test still running, at most `as_of`; empty where
    neither is known), is_dated (whether `at` can be relied on).
    """
    instant = mirror.instant(as_of)
    tests = mirror.active("tests")
    start, end = possible(mirror, tests["start_at"]), possible(mirror, tests["end_at"])
    at = end.fillna(start)
    groups = {status: status_group(status) for status in tests["status"].dropna().unique()}
    group = tests["status"].map(groups).astype("str").fillna("unknown")
    # A start in the future of the report means that then it was not running yet, whatever it does now.
    is_running = (tests["status"] == "running") & ~(start > instant)
    is_later = (group == "executed") & (at > instant) & ~is_running
    # What a test of unknown status does now says nothing of a day before it was to begin.
    is_later |= (group == "unknown") & (start > instant) & is_past(mirror, instant)
    has_lapsed = (group == "planned") & (at < instant - checked_days("lapsed_after", lapsed_after))
    return pd.DataFrame(
        {
            "test_id": tests["id"],
            "product_id": tests["product_id"],
            "test": labels(tests["title"], "Test", tests["id"]),
            "status": tests["status"].fillna(NO_STATUS),
            "start_at": start,
            "end_at": end,
            "group": group.mask(is_later, "later").mask(has_lapsed, "lapsed"),
            "is_running": is_running,
            "at": at.where(~is_running | ~(at > instant), instant),
            "is_dated": at.notna() & (end.notna() | tests["end_at"].isna()),
        }
    ).reset_index(drop=True)


def possible(mirror: Mirror, times: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    """Return times of the API, empty where they are a mistake: before `EARLIEST`, or `LONGEST_AHEAD` ahead."""
    latest = max((instant for instant in (mirror.as_of, mirror.runs.as_of) if instant is not None), default=EARLIEST)
    return times.where((times >= EARLIEST) & (times - LONGEST_AHEAD <= latest))


def is_past(mirror: Mirror, instant: pd.Timestamp) -> bool:
    """Return whether the report date is before the last sync: what is stored may be later than the report."""
    return mirror.runs.as_of is not None and instant < mirror.runs.as_of


@once
def unread_tests(mirror: Mirror, stream: str) -> frozenset[int]:
    """Return the ids of the active tests whose bugs, results or executions (`stream`) are not fully synced.

    Read is a test whose last try of this stream read all of it, in the status that the test still has: what was read
    of a test that was only planned says nothing of what it found when it ran. Tests that are not stored at all are not
    among them: those are a gap of the stream ``tests``.
    """
    reads = mirror.test_reads
    reads = reads[(reads["stream"] == stream) & reads["is_complete"]]
    then = dict(zip(reads["test_id"].tolist(), reads["status"].fillna("").tolist(), strict=True))
    tests = mirror.active("tests")
    now = zip(tests["id"].tolist(), tests["status"].fillna("").tolist(), strict=True)
    return frozenset(key for key, status in now if then.get(key) != status)


@once
def feature_scope(mirror: Mirror, *, as_of: AsOf = None, lapsed_after: float = LAPSED_AFTER) -> pd.DataFrame:
    """Return which test has which feature in scope, one row per pair, by feature, instant and test.

    A feature that a test names twice counts once, by the higher test-feature id. Test features without a catalogue
    feature are left out: `unlinked_test_features` lists them.

    Columns: feature_id, test_feature_id, and those of `dated_tests` without product_id.
    """
    copies = mirror.active("test_features").dropna(subset=["feature_id"])
    copies = copies.sort_values("id").drop_duplicates(["test_id", "feature_id"], keep="last")
    copies = copies[["feature_id", "test_id", "id"]].rename(columns={"id": "test_feature_id"})
    tests = dated_tests(mirror, as_of=as_of, lapsed_after=lapsed_after).drop(columns="product_id")
    pairs = copies.merge(tests, on="test_id", how="inner", validate="many_to_one")
    return pairs.sort_values(["feature_id", "at", "test_id"], na_position="first", ignore_index=True)


@once
def silent_tests(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the tests that may have covered features which they do not name: columns of `dated_tests`, by id.

    They were executed, or perhaps executed, and their features are null or absent, or one of their test features names
    no catalogue feature. Any feature of their product may be meant. A scripted test-case run (``testing_type`` null) is
    not among them: it names its features elsewhere (see `test_case_runs`).
    """
    tests = dated_tests(mirror, as_of=as_of)
    copies = mirror.active("test_features")
    nameless = copies[copies["feature_id"].isna()]["test_id"]
    said = mirror.active("tests")
    silent = {*said[is_unsaid(said, "features")]["id"].tolist(), *nameless.tolist()} - _scripted(mirror)
    return tests[tests["group"].isin(["executed", "unknown"]) & tests["test_id"].isin([*silent])]


@once
def test_case_runs(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the executed scripted test-case runs that name no feature themselves: columns of `dated_tests`, by id."""
    tests = dated_tests(mirror, as_of=as_of)
    naming = mirror.active("test_features").dropna(subset=["feature_id"])["test_id"]
    scripted = _scripted(mirror) - {*naming.tolist()}
    return tests[(tests["group"] == "executed") & tests["test_id"].isin([*scripted])]


test_case_runs.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


def _scripted(mirror: Mirror) -> set[int]:
    tests = mirror.active("tests")
    return {*tests[tests["testing_type"].isna() & ~is_unsaid(tests, "testing_type")]["id"].tolist()}


@once
def looks_beyond(mirror: Mirror) -> dict[int, frozenset[int]]:
    """Return for each product the other products at whose features a stored test of it looks, where there are any."""
    pairs = mirror.active("test_features")[["product_id", "feature_id"]].drop_duplicates()
    owners = mirror.catalogue.set_index("id")["product_id"]
    pairs = pairs.assign(owner=looked_up(pairs["feature_id"], owners)).dropna()
    pairs = pairs[pairs["owner"] != pairs["product_id"]]
    return {int(str(key)): frozenset(rows.tolist()) for key, rows in pairs.groupby("product_id")["owner"]}


# -- features -------------------------------------------------------------------------------------------------------


@once
def memberships(mirror: Mirror) -> pd.DataFrame:
    """Return which active feature belongs to which active section, one row per pair, by section name and id.

    Columns: feature_id, section_id, section (name).
    """
    sections = mirror.active("sections")
    named = pd.DataFrame({"section_id": sections["id"], "section": labels(sections["name"], "Section", sections["id"])})
    pairs = mirror.active("feature_sections")[["feature_id", "section_id"]]
    found = pairs.merge(named, on="section_id", how="inner", validate="many_to_one")
    return found.sort_values(["section", "section_id", "feature_id"], ignore_index=True)


@once
def described_features(mirror: Mirror) -> pd.DataFrame:
    """Return the active features of active products in the order of the catalogue: by product, title and id.

    Columns: product_id, product, feature_id, feature (a title for each), sections (their names, joined with ", "; empty
    where it has none).
    """
    features = mirror.active("features")
    features = features[features["product_id"].isin(mirror.active("products")["id"])]
    features = features.rename(columns={"id": "feature_id"})
    sections = memberships(mirror).groupby("feature_id")["section"].agg(", ".join)
    described = pd.DataFrame(
        {
            "product_id": features["product_id"],
            "product": mirror.named(features["product_id"]),
            "feature_id": features["feature_id"],
            "feature": labels(features["title"], "Feature", features["feature_id"]),
            "sections": looked_up(features["feature_id"], sections).astype("str"),
        }
    )
    return described.sort_values(["product", "product_id", "feature", "feature_id"], ignore_index=True)


@once
def product_rows(mirror: Mirror) -> pd.DataFrame:
    """Return the active products, by name and id. Columns: product_id, product."""
    products = mirror.active("products")
    rows = pd.DataFrame({"product_id": products["id"], "product": mirror.named(products["id"])})
    return rows.sort_values(["product", "product_id"], ignore_index=True)


# -- bugs -----------------------------------------------------------------------------------------------------------


def bug_bucket(status: str | None, auto_accepted: bool | None) -> Bucket:
    """Return the bucket of a bug; each bug is in exactly one. See the definitions of accepted, rejected, open bugs.

    A null flag is that of an account that says it of other bugs; see `located_bugs` for those that do not say it.
    """
    if status == "accepted":
        return "auto_accepted" if auto_accepted is True else "active_accepted"
    if status == "rejected":
        return "rejected"
    return "open" if status == "forwarded" else "other"


@once
def located_bugs(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the active bugs, one row each, with the test and the feature that each belongs to, by id.

    Bugs of removed tests are left out, and those of tests that had not ended by the instant of the report; those that
    name no test are in, without group and instant. Of a past day, those that were reported later are left out as well.
    What became of a bug, and when, the API does not say: it is always what was known at the last sync.

    Columns: bug_id, product_id, test_id, test_feature_id, feature_id, where ("feature" when it leads to an active one,
    "removed feature", "not in the catalogue", "not attributable" when nothing names one), title, severity, status
    ("(not said)" where the API is silent), bucket ("accepted_unclear" where nothing tells whether a person or the timer
    accepted it), is_valid (not rejected, and the API says so), may_be_valid (not rejected), is_known, not_said (see the
    table), group (what its test counts as: "executed", "planned", "lapsed", "neither", "unknown"; empty without test),
    at (the instant of its test, at most that of the report), is_running (whether its test is), reported_at.
    """
    bugs, instant = mirror.active("bugs"), mirror.instant(as_of)
    tests = dated_tests(mirror, as_of=instant)[["test_id", "group", "at", "is_running"]]
    found = bugs.rename(columns={"id": "bug_id"}).merge(tests, on="test_id", how="left", validate="many_to_one")
    found["reported_at"] = possible(mirror, found["reported_at"])
    is_later = (found["group"] == "later") | (is_past(mirror, instant) & (_first_known(found) > instant))
    found = found[(found["test_id"].isna() | found["group"].notna()) & ~is_later].reset_index(drop=True)
    found["at"] = found["at"].where(~(found["at"] > instant), instant)
    found["is_running"] = found["is_running"].fillna(False).astype("boolean")
    found["where"] = _places(mirror, found["feature_id"])
    found["bucket"] = bug_buckets(mirror, found)
    found["severity"] = found["severity"].fillna(NO_VALUE)
    found["status"] = found["status"].fillna(NO_VALUE)
    found["may_be_valid"] = found["bucket"] != "rejected"
    found["is_valid"] = found["may_be_valid"] & (found["status"] != NO_VALUE)
    found["is_known"] = found["known"].fillna(False)
    flags = dict.fromkeys(("is_valid", "may_be_valid", "is_known"), "boolean")
    return found[list(LOCATED_COLUMNS)].astype({**flags, "group": "str"})


def is_unsaid(rows: pd.DataFrame, field: str) -> pd.Series[bool]:
    """Return which rows of a table do not say a field (see `payloads.CAN_BE_UNSAID`)."""
    distinct_texts = [text for text in rows["not_said"].dropna().unique() if field in text.split(",")]
    return rows["not_said"].isin(distinct_texts)


@once
def stray_bugs(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return which features a bug may belong to that names none, one row per pair. Columns: bug_id, test_id, feature_id.

    Only bugs that may be valid. One that names no test feature may belong to any feature in scope of its test. Where it
    names one that does not lead to a feature, or its test is silent about features, or it names no test: to any of the
    product.
    """
    bugs = located_bugs(mirror, as_of=as_of)
    bugs = bugs[(bugs["where"] == "not attributable") & bugs["may_be_valid"].astype(bool)]
    bugs = bugs[bugs["test_id"].isna() | bugs["group"].isin(["executed", "unknown"])]
    silent = pd.concat([silent_tests(mirror, as_of=as_of), test_case_runs(mirror, as_of=as_of)])["test_id"]
    of_scope = bugs["test_feature_id"].isna() & bugs["test_id"].notna() & ~bugs["test_id"].isin(silent)
    scope = feature_scope(mirror, as_of=as_of)[["test_id", "feature_id"]]
    features = mirror.active("features")[["product_id", "id"]].rename(columns={"id": "feature_id"})
    keys = bugs[["bug_id", "product_id", "test_id"]]
    everywhere = keys[~of_scope].merge(features, on="product_id")
    return pd.concat([keys.merge(scope, on="test_id"), everywhere]).drop(columns="product_id").drop_duplicates()


def _first_known(bugs: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """Return when each bug was reported, else the instant of its test."""
    return bugs["reported_at"].fillna(bugs["at"])


def _places(mirror: Mirror, feature_ids: pd.Series[Any]) -> pd.Series[Any]:
    places = np.select(
        [
            feature_ids.isna(),
            feature_ids.isin(mirror.catalogue["id"][mirror.catalogue["removed_at"].isna()]),
            feature_ids.isin(mirror.catalogue["id"]),
        ],
        ["not attributable", "feature", "removed feature"],
        default="not in the catalogue",
    )
    return pd.Series(pd.Categorical(places, categories=list(PLACES)), index=feature_ids.index)


def bug_buckets(mirror: Mirror, bugs: pd.DataFrame) -> pd.Series[Any]:
    """Return the bucket of each row of the table of bugs, asked once for each pair of status and flag that there is."""
    status, auto_accepted = bugs["status"], bugs["auto_accepted"]
    is_unclear = auto_accepted.isna() & (is_unsaid(bugs, "auto_accepted") | (not mirror.says_auto_accepted))
    statuses = {name: {flag: bug_bucket(name, flag) for flag in (False, True)} for name in status.dropna().unique()}
    by_hand, by_timer = (status.map({name: row[flag] for name, row in statuses.items()}) for flag in (False, True))
    found = (
        by_hand.mask(auto_accepted.fillna(False).astype(bool), by_timer).astype("str").fillna(bug_bucket(None, None))
    ).mask(is_unclear & (status == "accepted").fillna(False), "accepted_unclear")
    return pd.Series(pd.Categorical(found, categories=list(BUCKETS)), index=status.index)


# -- stories --------------------------------------------------------------------------------------------------------


def story_results(mirror: Mirror) -> pd.DataFrame:
    """Return what came of each user story in each test, one row per test feature and story, by their ids.

    The API calls a story failed when a run of it failed, and also when a bug names it, whoever ran it. Ours is the word
    of the runs: from the single runs where those of the test were read (stream ``executions``; failed comes before
    blocked, and blocked before passed), else from the API's word and its counts.

    Columns: test_feature_id, user_story_id, test_id, feature_id (by the test feature; empty where it names none), title
    (the sentence as it stood in the test), api_status (as it came), status ("failed", "blocked", "passed", "not_tested",
    else as it came), is_by_bug (whether "failed" may rest on a bug alone: one names the story, somebody ran it, and the
    single runs were not read), tested_by (distinct testers), bugs_found (as the API counts them).
    """
    names = {"execution_status": "api_status", "tested_by_count": "tested_by"}
    rows = mirror.active("test_user_stories").rename(columns=names)[["title", "api_status", "tested_by", "bugs_found"]]
    found = story_outcomes(mirror)
    return found.join(rows)[list(RUN_COLUMNS)].reset_index(drop=True)


@once
def story_outcomes(mirror: Mirror) -> pd.DataFrame:
    """Return the columns of `story_results` that are not in the table itself, in its order, with the table's index.

    Columns: test_feature_id, user_story_id, test_id, feature_id, status, is_by_bug.
    """
    rows = mirror.active("test_user_stories")
    features = mirror.active("test_features").set_index("id")["feature_id"]
    was_read = rows["test_id"].isin(_tests_with_runs(mirror)) & rows["user_story_version_id"].notna()
    named = (rows["execution_status"] == "failed") & (rows["bugs_found"] != 0).fillna(True)
    not_run = (named & (rows["tested_by_count"] == 0)).fillna(False)
    status = rows["execution_status"].mask(not_run, "not_tested")
    if was_read.any():
        status = status.mask(was_read, _word_of_runs(mirror, rows).fillna("not_tested"))
    found = pd.DataFrame(
        {
            "test_feature_id": rows["test_feature_id"],
            "user_story_id": rows["user_story_id"],
            "test_id": rows["test_id"],
            "feature_id": looked_up(rows["test_feature_id"], features),
            "status": status,
            "is_by_bug": (named & ~not_run & ~was_read).astype("boolean"),
        }
    )
    return found.sort_values(["test_feature_id", "user_story_id"])


def _tests_with_runs(mirror: Mirror) -> list[int]:
    """Return the tests whose single runs were read completely, and not before the results that say what can be run."""
    reads = mirror.test_reads[mirror.test_reads["is_complete"]]
    runs, results = (
        reads[reads["stream"] == stream].set_index("test_id")["run_id"] for stream in ("executions", "results")
    )
    both = pd.DataFrame({"runs": runs, "results": results}).dropna()
    return both.index[both["runs"] >= both["results"]].tolist()


def _word_of_runs(mirror: Mirror, rows: pd.DataFrame) -> pd.Series[str]:
    """Return the weightiest word of the single runs of each story in each test; nothing where none was run."""
    order = {status: place for place, status in enumerate(STORY_STATUSES[:3])}
    runs = mirror.active("executions")[["test_id", "user_story_version_id", "status"]]
    runs = runs[runs["status"].isin(order) & runs["test_id"].notna()]
    keys = ["test_id", "user_story_version_id"]
    runs = runs.assign(order=runs["status"].map(order)).sort_values("order").drop_duplicates(keys)
    found = rows[keys].merge(runs, on=keys, how="left", validate="many_to_one")
    return found["status"].set_axis(rows.index)
