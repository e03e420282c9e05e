"""Everything about one test, and what puts a test or a bug of it in doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from testio_analytics.api.vocabulary import STORY_STATUSES
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import BY_TEST
from testio_analytics.reports.about import (
    About,
    Part,
    api_words,
    asked_id,
    bug_counts,
    bug_rows,
    bugs_where,
    history_part,
    in_scope,
    list_part,
    table_part,
)
from testio_analytics.reports.columns import GROUP_WORDS
from testio_analytics.reports.doubt_words import Doubt
from testio_analytics.reports.doubts import doubts
from testio_analytics.reports.facts import (
    NO_VALUE,
    dated_tests,
    is_unsaid,
    labels,
    silent_tests,
    story_results,
    stray_bugs,
    test_case_runs,
    unread_tests,
)
from testio_analytics.reports.registry import FIELDS, STATUSES
from testio_analytics.reports.results import results_in_test
from testio_analytics.text import counted, day_words, label, short

STREAMS = ("tests", STATUSES, *BY_TEST, *FIELDS)
OF_A_READ = ("older than the report", "before the data", "before the history", "wrong clock")
"""Kinds of doubt that are about a read as a whole, and so touch all that came with it."""

BugsThatLack = Callable[[pd.DataFrame], "pd.Series[bool]"]
LACKING: Mapping[str, BugsThatLack] = {
    "bugs.status": lambda bugs: bugs["status"] == NO_VALUE,
    "bugs.auto_accepted": lambda bugs: bugs["bucket"] == "accepted_unclear",
    "bugs.severity": lambda bugs: bugs["severity"] == NO_VALUE,
    "bugs.known": lambda bugs: is_unsaid(bugs, "known"),
    "bugs.test": lambda bugs: bugs["test_id"].isna(),
}


def about_test(mirror: Mirror, test: int | str, *, as_of: AsOf = None) -> About:
    """Return everything about one test, removed ones included.

    Raises:
        UnclearNameError: no test, or more than one, has that id or title.
        UnknownValueError: `as_of` is no date or time.
    """
    mirror = mirror.at(as_of)
    key = asked_id(mirror, "test", test)
    row = mirror.tests[mirror.tests["id"] == key].iloc[0]
    bugs = bugs_where(mirror, "test_id", key)
    gaps = doubts_of_test(mirror, int(row["product_id"]), key, bugs)
    dated = dated_tests(mirror)
    dated = dated[dated["test_id"] == key]
    title = label(row["title"], "Test", key)
    scope = _scope(mirror, key)
    parts = (
        list_part("about_test", "State", _facts(mirror, row, title, dated)),
        table_part("about_scope", "In scope", scope, "feature in scope of it", _of_streams(gaps, "tests")),
        _bugs(mirror, dated, bugs, gaps),
        _runs(mirror, key, dated, gaps),
        history_part(mirror, "tests", key, row["first_seen"]),
    )
    sentence = _sentence(mirror, row, title, dated, scope, bugs, gaps)
    return About("test", key, title, sentence, mirror.instant(), parts, gaps)


def doubts_of_test(
    mirror: Mirror, product_id: int, test_id: int | None, bugs: pd.DataFrame, streams: Collection[str] = STREAMS
) -> tuple[Doubt, ...]:
    """Return what puts one test, or these rows of `located_bugs` of it, in doubt; an `unread` one names only it."""
    return tuple(_touching(mirror, product_id, test_id, bugs, streams))


def _touching(
    mirror: Mirror, product_id: int, test_id: int | None, bugs: pd.DataFrame, streams: Collection[str]
) -> Iterator[Doubt]:
    dated = dated_tests(mirror)
    dated = dated[dated["test_id"] == test_id]
    was_run = dated["group"].isin(["executed", "unknown"]).any()
    for one in doubts(mirror, streams):
        if (
            one.product_id != product_id
            or one.stream == "features"
            or (one.stream == "products" and one.kind not in OF_A_READ)
        ):
            continue
        if one.kind in ("never read", "incomplete", "unread tests") and one.stream in BY_TEST:
            if was_run and test_id in unread_tests(mirror, one.stream):
                yield replace(one, count=1) if one.kind == "unread tests" else one
        elif one.kind in ("never read", "incomplete", *OF_A_READ):
            yield one
        elif one.kind == "unknown status":
            if (dated["group"] == "unknown").any():
                yield replace(one, count=1, places=tuple(dated["test"]))
        elif one.kind == "no date":
            if was_run and not dated["is_dated"].all():
                yield replace(one, count=1, places=tuple(dated["test"]))
        elif one.kind == "missing field" and (count := _lacking(mirror, one.value, test_id, bugs)):
            yield replace(one, count=count)


def _lacking(mirror: Mirror, field: str, test_id: int | None, bugs: pd.DataFrame) -> int:
    """Return how many of these bugs lack a field; whether the test does, for a field of tests."""
    match field:
        case "tests.features":
            return int((silent_tests(mirror)["test_id"] == test_id).any())
        case "tests.test_cases":
            return int((test_case_runs(mirror)["test_id"] == test_id).any())
        case "bugs.test_feature":
            return int(bugs["bug_id"].isin(stray_bugs(mirror)["bug_id"]).sum())
        case _:
            return int(LACKING[field](bugs).fillna(False).sum()) if field in LACKING else 0


def _of_streams(gaps: Collection[Doubt], *streams: str) -> list[Doubt]:
    return [one for one in gaps if one.stream in streams]


def _facts(mirror: Mirror, row: pd.Series[Any], title: str, dated: pd.DataFrame) -> pd.DataFrame:
    sections = mirror.sections.set_index("id")["name"]
    section = row["section_id"]
    found = {
        "test_id": row["id"],
        "test": title,
        "product_id": row["product_id"],
        "product": mirror.named(pd.Series([row["product_id"]])).iloc[0],
        "section_id": section,
        "section": None if pd.isna(section) else label(sections.get(section), "Section", section),
        "group": dated["group"].iloc[0] if len(dated) else None,
        "start_at": dated["start_at"].iloc[0] if len(dated) else row["start_at"],
        "end_at": dated["end_at"].iloc[0] if len(dated) else row["end_at"],
    }
    as_stored = ("status", "testing_type", "review_status", "environment_title", "report_language")
    found |= {name: row[name] for name in (*as_stored, "first_seen", "last_confirmed", "removed_at")}
    return pd.DataFrame({name: [value] for name, value in found.items()})


def _scope(mirror: Mirror, key: int) -> pd.DataFrame:
    """Return the features that the test lists, with our word for what it found in each and the API's."""
    copies = mirror.active("test_features")
    copies = copies[copies["test_id"] == key]
    found = pd.DataFrame(
        {
            "feature_id": copies["feature_id"],
            "feature": labels(copies["title"], "Feature", copies["feature_id"].fillna(copies["id"])),
            "scope": in_scope(copies),
            "api_status": api_words(mirror, copies["id"]),
        }
    )
    results = results_in_test(mirror, key)
    names = ["result", "worst_severity", "bugs", "stories_failed", "stories_passed", "differs"]
    found = found.join(results.set_index("feature_id")[names], on="feature_id")
    return found.sort_values(["feature", "feature_id"])


def _runs(mirror: Mirror, key: int, dated: pd.DataFrame, gaps: Collection[Doubt]) -> Part:
    runs = story_results(mirror).rename(columns={"user_story_id": "story_id"})
    runs = runs[runs["test_id"] == key]
    test, at = (None, None) if dated.empty else (dated["test"].iloc[0], dated["at"].iloc[0])
    runs = runs.assign(
        story=labels(runs["title"], "Story", runs["story_id"]),
        test=pd.Series(test, index=runs.index),
        at=pd.Series(at, index=runs.index),
    )
    order = {status: place for place, status in enumerate(STORY_STATUSES)}
    runs = runs.assign(order=runs["status"].map(order)).sort_values(["order", "story", "story_id"], na_position="first")
    runs = runs.astype({"test": "str", "at": "datetime64[us, UTC]"})
    return table_part("about_runs", "Results of stories", runs, "result of a story", _of_streams(gaps, "results"))


def may_have_unread_bugs(mirror: Mirror, test: pd.Series[Any]) -> bool:
    """Return whether a row of `dated_tests` has bugs that were not read; one that is yet to begin has none to read."""
    return test["test_id"] in unread_tests(mirror, "bugs") and test["group"] not in ("planned", "lapsed")


def _bug_words(bugs: pd.DataFrame, *, is_read: bool) -> str:
    if bugs.empty:
        return "no bug" if is_read else "and no bug is known, but not all of its bugs were read"
    return bug_counts(bugs) if is_read else f"at least {bug_counts(bugs)}"


def _bugs(mirror: Mirror, dated: pd.DataFrame, bugs: pd.DataFrame, gaps: Collection[Doubt]) -> Part:
    part = table_part("about_bugs", "Bugs", bug_rows(mirror, bugs), "bug of it", _of_streams(gaps, "bugs"))
    if dated.empty or not may_have_unread_bugs(mirror, dated.iloc[0]):
        return part
    return replace(part, notes=("Not all of its bugs were read: there may be more.",))


def _sentence(
    mirror: Mirror,
    row: pd.Series[Any],
    title: str,
    dated: pd.DataFrame,
    scope: pd.DataFrame,
    bugs: pd.DataFrame,
    gaps: Collection[Doubt],
) -> str:
    name = f"“{short(title)}” of {short(mirror.named(pd.Series([row['product_id']])).iloc[0])}"
    if dated.empty:
        when = f" on {day_words(row['removed_at'])}" if pd.notna(row["removed_at"]) else ""
        return f"{name} is not listed by the API any more{when}."
    test = dated.iloc[0]
    group = GROUP_WORDS.get(test["group"], test["group"])
    when = f" of {day_words(test['at'])}" if pd.notna(test["at"]) else ", at an unknown date"
    counts = "counts as unknown" if group == "unknown" else f"counts as {group}"
    features = f"{counted(len(scope), 'feature')} in scope"
    said = _bug_words(bugs, is_read=not may_have_unread_bugs(mirror, test) and not _of_streams(gaps, "bugs"))
    return f"{name}{when} {counts} (status {short(str(test['status']))}): {features}, {said}."
