"""What became of features, tests and stories: their states, told from what only time and what only a read changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from testio_analytics.api.vocabulary import EXECUTED
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.change_kinds import Change, state_words
from testio_analytics.reports.change_sides import Sides
from testio_analytics.reports.facts import NO_STATUS, dated_tests, status_group, unread_tests
from testio_analytics.reports.features import features_with_state
from testio_analytics.reports.stories import story_coverage
from testio_analytics.text import counted, label

FEATURE_KINDS = {
    "untested": "newly untested",
    "planned": "newly scheduled",
    "stale": "newly stale",
    "tested": "newly tested",
}
STORY_KINDS = {"failed": "failed", "blocked": "blocked", "passed": "passed"}
STAGE_KINDS = {
    "planned": "ordered",
    "running": "started",
    "ended": "ended",
    "neither": "cancelled",
    "lapsed": "lapsed",
}
"""What happened to a test that has come to this stage."""


def state_changes(sides: Sides) -> Iterator[Change]:
    """Yield the features, tests and stories that are in another state."""
    yield from _features(sides)
    yield from _tests(sides)
    yield from _stories(sides)


def _by_id(rows: Any, key: str) -> dict[int, dict[str, Any]]:
    return {row[key]: row for row in rows.to_dict("records")}


# -- features -------------------------------------------------------------------------------------------------------


def _states(mirror: Mirror) -> dict[int, dict[str, Any]]:
    names = ["feature_id", "product_id", "feature", "state", "last_test_id", "last_test", "reason"]
    return _by_id(features_with_state(mirror, stale_after=180, window=180)[names], "feature_id")


def _features(sides: Sides) -> Iterator[Change]:
    """Yield the features that are in another state; new ones are told by the catalogue."""
    then, aged, now = (_states(mirror) for mirror in (sides.before, sides.aged, sides.after))
    unclear = Counter[tuple[int, str, str]]()
    for key, row in now.items():
        if key not in then or row["product_id"] not in sides.products or row["state"] == then[key]["state"]:
            continue
        before, after = then[key]["state"], row["state"]
        is_readable = after in ("tested", "stale") and not sides.is_new_test(int(row["last_test_id"]))
        if "unknown" in (before, after) or is_readable:
            unclear[row["product_id"], before, after] += 1
            continue
        cause = "time" if aged[key]["state"] == after else "event"
        words = state_words(before), state_words(after)
        yield Change(
            "feature", FEATURE_KINDS[after], row["product_id"], key, row["feature"], *words, cause, note=row["reason"]
        )
    _note_unclear(sides, unclear, "feature", "features", state_words)


def _note_unclear(
    sides: Sides, unclear: Mapping[tuple[int, str, str], int], one: str, many: str, in_words: Any, stream: str = "tests"
) -> None:
    for (product_id, before, after), count in sorted(unclear.items()):
        where = sides.unknown_now if after == "unknown" else sides.now_known
        words = f"{counted(count, one, many)} {'was' if count == 1 else 'were'} {in_words(before)}"
        where[product_id, stream].append((0, f"{words} and {'is' if count == 1 else 'are'} {in_words(after)}"))


# -- tests ----------------------------------------------------------------------------------------------------------


def _stages(mirror: Mirror) -> dict[int, str]:
    """Return the stage of each test: planned, lapsed, running, ended, cancelled or unknown."""
    tests = dated_tests(mirror)
    pairs = zip(tests["test_id"].tolist(), tests["status"].tolist(), tests["group"].tolist(), strict=True)
    return {key: _stage(status, group) for key, status, group in pairs}


def _stage(status: str, group: str) -> str:
    if status in EXECUTED:
        return "running" if status == "running" else "ended"
    return "lapsed" if group == "lapsed" else status_group(status)


def _tests(sides: Sides) -> Iterator[Change]:
    """Yield the tests that were ordered, started, ended, cancelled, lapsed, removed or revived.

    A test is told by the last of these that happened. Another status of the same stage is no change.
    """
    found = sides.compared("tests", "tests")
    then, aged, now = (_stages(mirror) for mirror in (sides.before, sides.aged, sides.after))
    for kind, rows in (("added", found.added), ("back", found.back), ("removed", found.removed)):
        for row in rows[["id", "product_id", "title", "status"]].fillna({"status": NO_STATUS}).to_dict("records"):
            key, name = row["id"], label(row["title"], "Test", row["id"])
            if kind == "added" and now[key] != "unknown":
                note = "" if now[key] == "planned" else "ordered in the meantime"
                yield Change("test", STAGE_KINDS[now[key]], row["product_id"], key, name, "", row["status"], note=note)
            else:
                yield Change("test", _other(kind), row["product_id"], key, name, after=row["status"])
    names = ["id", "product_id_now", "title_now", "status_then", "status_now"]
    both = found.both[names].fillna({"status_then": NO_STATUS, "status_now": NO_STATUS})
    for row in both.to_dict("records"):
        key, product_id = row["id"], row["product_id_now"]
        if then[key] == now[key]:
            continue
        statuses = row["status_then"], row["status_now"]
        if "unknown" in (then[key], now[key]):
            where = sides.unknown_now if now[key] == "unknown" else sides.now_known
            name = label(row["title_now"], "Test", key)
            where[product_id, "tests"].append((0, f"the status of {name} was {statuses[0]} and is {statuses[1]}"))
            continue
        cause = "time" if aged[key] == now[key] else "event"
        name = label(row["title_now"], "Test", key)
        yield Change("test", STAGE_KINDS[now[key]], product_id, key, name, *statuses, cause)


def _other(kind: str) -> str:
    """Return how a test is told that is new, and whose status is no known word."""
    return "ordered" if kind == "added" else kind


# -- stories --------------------------------------------------------------------------------------------------------


def _stories(sides: Sides) -> Iterator[Change]:
    """Yield the stories that failed, are blocked, passed, or lost their result."""
    names = ["story_id", "product_id", "story", "state", "test_id", "test"]
    then, aged, now = (
        _by_id(story_coverage(mirror)[names], "story_id") for mirror in (sides.before, sides.aged, sides.after)
    )
    unread, unclear = _unread_results(sides.before), Counter[tuple[int, str, str]]()
    for key, row in now.items():
        if key not in then or row["product_id"] not in sides.products or row["state"] == then[key]["state"]:
            continue
        before, after = then[key]["state"], row["state"]
        if before not in STORY_KINDS and after not in STORY_KINDS and "unknown" not in (before, after):
            continue  # in scope or not, nobody ran it
        if "unknown" in (before, after) or (after in STORY_KINDS and not _is_news(sides, row["test_id"], unread)):
            unclear[row["product_id"], before, after] += 1
            continue
        cause = "time" if key in aged and aged[key]["state"] == after else "event"
        note = f"in {row['test']}" if after in STORY_KINDS else ""
        kind = STORY_KINDS.get(after, "without result")
        yield Change("story", kind, row["product_id"], key, row["story"], before, after, cause, note=note)
    _note_unclear(sides, unclear, "story", "stories", str, "results")


def _unread_results(mirror: Mirror) -> frozenset[int]:
    """Return the tests that had been executed and whose results were not read."""
    tests = dated_tests(mirror)
    executed = {*tests[tests["group"].isin(["executed", "unknown"])]["test_id"].tolist()}
    return unread_tests(mirror, "results") & executed


def _is_news(sides: Sides, test_id: int, unread: frozenset[int]) -> bool:
    return sides.is_new_test(test_id) and test_id not in unread
