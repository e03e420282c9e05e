"""What changed between any two states of randomly changing accounts, against a comparison of the raw rows.

The comparison here is written over dictionaries of the tables and the ledger, and shares nothing with the package but
the statuses of the API.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from adversary import Conduct, ErrorAt, Source
from small_account import feature_payload, locked_test, small_account
from syncing import NOW, TOKEN
from testio_analytics.api.client import Client, Waits
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.sync import sync_async
from testio_analytics.reports.change_kinds import Change
from testio_analytics.reports.change_sides import Sides
from testio_analytics.reports.changes import account_changes

EDITS = (
    *("add feature", "drop feature", "rename feature", "rewrite feature", "move feature", "add story", "reword story"),
    *("order test", "start test", "end test", "cancel test", "drop test", "add bug", "drop bug", "reject bug"),
    *("reopen bug", "worsen bug", "fix bug", "export bug", "drop product", "rename section"),
)
edits = st.lists(st.tuples(st.sampled_from(EDITS), st.integers(1, 2), st.integers(0, 7)), min_size=1, max_size=8)
refusals = st.sampled_from(
    [
        *("/products/1/features", "/sections/201/features", "/sections/202/features", "/products/1/exploratory_tests"),
        *("/products/2/exploratory_tests", "filter_test_cycle_ids=1001", "/products/2?"),
    ]
)
conducts = st.one_of(st.just(Conduct()), st.builds(lambda part: Conduct(errors=(ErrorAt(part, 500),)), refusals))


def edit(account: Account, kind: str, product_id: int, index: int) -> None:
    """Change one thing of a product, where there is such a thing."""
    found = [product for product in account.products if product.id == product_id]
    if not found:
        return
    product, features, cycles = found[0], found[0].features, found[0].cycles
    feature = features[index % len(features)] if features else None
    cycle = cycles[index % len(cycles)] if cycles else None
    bug = cycle.bugs[0].payload if cycle and cycle.bugs else None
    end = (NOW + timedelta(days=3 * index)).isoformat()
    match kind:
        case "add feature":
            known = {one.payload["id"] for one in features}
            if (key := 100 * product_id + 50 + index) not in known:
                account.add_feature(product_id, feature_payload(key))
        case "order test":
            if 1000 * product_id + 500 + index not in {one.payload["id"] for one in cycles}:
                cycles.append(locked_test(product_id, 500 + index, status="waiting", end_at=end))
                cycles[-1].bugs.clear()
        case "drop product" if index == 0 and product_id == 2:
            account.products.remove(product)
        case "rename section" if product.payload["sections"]:
            product.payload["sections"][0]["name"] = f"Part {index}"
            product.payload["sections_with_default"][1]["name"] = f"Part {index}"
        case "drop feature" if feature:
            features.remove(feature)
        case "rename feature" if feature:
            feature.payload["title"] = f"Title number {index}"
        case "rewrite feature" if feature:
            feature.payload["description"] = [None, f"Other words {index}"][index % 2]
        case "move feature" if feature and product_id == 2:
            feature.section_ids = [[201], [202], [201, 202]][index % 3]
        case "add story" if feature:
            key = 10 * feature.payload["id"] + 1 + index
            if key not in {one["id"] for one in feature.payload["user_stories"]}:
                story = {
                    "id": key,
                    "path": f"Story {key}",
                    "title": f"Story {key}",
                    "feature_id": feature.payload["id"],
                }
                feature.payload["user_stories"].append(story)
        case "reword story" if feature and feature.payload["user_stories"]:
            feature.payload["user_stories"][0]["path"] = f"Sentence {index}"
        case "start test" | "end test" | "cancel test" if cycle:
            cycle.payload["status"] = {"start test": "running", "end test": "locked"}.get(kind, "cancelled")
        case "drop test" if cycle:
            cycles.remove(cycle)
        case "drop bug" if cycle:
            cycle.bugs.clear()
        case "add bug" if cycle and not cycle.bugs:
            cycle.bugs.extend(locked_test(product_id, cycle.payload["id"] - 1000 * product_id).bugs)
        case "reject bug" | "reopen bug" if bug:
            bug["status"] = "rejected" if kind == "reject bug" else "forwarded"
        case "worsen bug" if bug:
            bug["severity"] = ["critical", "low"][index % 2]
        case "fix bug" if bug:
            bug["fixed"] = index % 3 > 0
        case "export bug" if bug:
            bug["exported_at"] = NOW.isoformat()


def sync_once(account: Account, conduct: Conduct, db: Path, number: int) -> None:
    """Sync, so many times ten days after the first sync."""

    async def go() -> None:
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=Source(account, conduct), waits=Waits(0, 0, 0)) as client:
            await sync_async(db, client=client, clock=lambda: NOW + timedelta(days=10 * number))

    run(go())


# -- the comparison of the raw rows ---------------------------------------------------------------------------------


class State:
    """All rows of one file, by table and id."""

    def __init__(self, path: Path, number: int) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            names = ("products", "sections", "features", "user_stories", "tests", "bugs")
            self.rows = {
                name: {row["id"]: dict(row) for row in connection.execute(f"select * from {name}")} for name in names
            }
            self.pairs = [dict(row) for row in connection.execute("select * from feature_sections")]
            self.states = {
                (row["product_id"], row["stream"]): row["is_complete"]
                for row in connection.execute("select * from stream_states")
            }
            gaps = connection.execute("select product_id, stream from sync_gaps where closed_at is null")
            self.gaps = {(row["product_id"], row["stream"]) for row in gaps}
            reads = connection.execute("select test_id, status from test_reads where stream = 'bugs' and is_complete")
            self.bugs_read = {row["test_id"]: row["status"] for row in reads}
        self.now = NOW + timedelta(days=10 * number)

    def active(self, table: str) -> dict[int, dict[str, Any]]:
        """Return the rows that are not removed."""
        return {key: row for key, row in self.rows[table].items() if row["removed_at"] is None}

    def is_whole(self, product_id: int, stream: str) -> bool:
        """Return whether the last read of a stream had no gap."""
        return bool(self.states.get((product_id, stream))) and (product_id, stream) not in self.gaps

    def sections(self, feature_id: int) -> set[int]:
        """Return the sections that a feature belongs to."""
        there = self.active("sections")
        return {
            pair["section_id"]
            for pair in self.pairs
            if pair["feature_id"] == feature_id and pair["removed_at"] is None and pair["section_id"] in there
        }

    def stage(self, test: dict[str, Any]) -> str:
        """Return what had happened to a test."""
        if test["status"] == "waiting":
            age = self.now.isoformat() > (_instant(test["end_at"]) + timedelta(days=30)).isoformat()
            return "lapsed" if age else "ordered"
        return {"running": "started", "locked": "ended", "cancelled": "cancelled"}[test["status"]]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def compared(before: State, after: State) -> tuple[dict[tuple[str, str], set[int]], Counter[tuple[int, str]]]:
    """Return the ids of what changed by kind, and how many rows merely became readable by product and stream."""
    found, readable = defaultdict[tuple[str, str], set[int]](set), Counter[tuple[int, str]]()
    both = before.active("products").keys() & after.active("products").keys()
    for what, key in _came_and_went(before.active("products"), after.active("products")):
        was_there = what == "added" and key in before.rows["products"]
        found["product", "back" if was_there else what].add(key)
    words = {"sections": "section", "features": "feature", "user_stories": "story", "tests": "test", "bugs": "bug"}
    streams = {"sections": "products", "user_stories": "features"}
    shared = {}
    for table, what in words.items():
        then, now = (
            {key: row for key, row in state.active(table).items() if row["product_id"] in both}
            for state in (before, after)
        )
        stream = streams.get(table, table)
        for kind, key in _came_and_went(then, now):
            row = (then | now)[key]
            if kind == "added" and key in before.rows[table]:
                found[what, "back"].add(key)
            elif kind == "removed":
                found[what, "removed"].add(key)
            elif _was_hidden(before, table, stream, row):
                readable[row["product_id"], stream] += 1
            elif what == "test":
                found[what, after.stage(row)].add(key)
            elif what == "bug":
                is_bad = row["severity"] == "critical" and row["status"] != "rejected"
                found[what, "new critical" if is_bad else "reported"].add(key)
            else:
                found[what, "added"].add(key)
        shared[table] = {key: (then[key], now[key]) for key in then.keys() & now.keys()}
    for kind in ("added", "back", "removed"):  # the stories of a feature that came or went are part of that
        stories = {**before.rows["user_stories"], **after.rows["user_stories"]}
        gone = {*found["feature", "added"], *found["feature", "back"], *found["feature", "removed"]}
        found["story", kind] = {key for key in found["story", kind] if stories[key]["feature_id"] not in gone}
    for what, kind, key in _differences(before, after, shared):
        found[what, kind].add(key)
    return {key: ids for key, ids in found.items() if ids}, readable


def _came_and_went(then: dict[int, Any], now: dict[int, Any]) -> list[tuple[str, int]]:
    return [("added", key) for key in now.keys() - then.keys()] + [("removed", key) for key in then.keys() - now.keys()]


def _was_hidden(before: State, table: str, stream: str, row: dict[str, Any]) -> bool:
    if table != "bugs":
        return not before.is_whole(row["product_id"], stream)
    test = before.active("tests").get(row["test_id"])
    if test is None:
        return not before.is_whole(row["product_id"], "tests")
    not_begun = test["status"] in ("waiting", "cancelled")
    return not not_begun and before.bugs_read.get(row["test_id"]) != test["status"]


def _differences(before: State, after: State, shared: dict[str, Any]) -> list[tuple[str, str, int]]:
    found = []
    for key, (then, now) in shared["sections"].items():
        found += [("section", "renamed", key)] if then["name"] != now["name"] else []
    for key, (then, now) in shared["features"].items():
        found += [("feature", "renamed", key)] if then["title"] != now["title"] else []
        texts = [(row["description"] or "", row["howtofind"] or "") for row in (then, now)]
        found += [("feature", "rewritten", key)] if texts[0] != texts[1] else []
        left, come = (one.sections(key) - other.sections(key) for one, other in ((before, after), (after, before)))
        if left or (come and before.is_whole(then["product_id"], "features")):
            found.append(("feature", "moved", key))
    for key, (then, now) in shared["user_stories"].items():
        found += [("story", "rewritten", key)] if then["path"] != now["path"] else []
    for key, (then, now) in shared["tests"].items():
        stages = before.stage(then), after.stage(now)
        found += [("test", stages[1], key)] if stages[0] != stages[1] else []
    for key, (then, now) in shared["bugs"].items():
        if then["status"] != now["status"]:
            found.append(("bug", "reopened" if now["status"] == "forwarded" else "triaged", key))
        found += [("bug", "severity changed", key)] if then["severity"] != now["severity"] else []
        says_fixed = any(bug["fixed"] is not None for bug in before.rows["bugs"].values())
        if bool(now["fixed"]) and not then["fixed"] and (then["fixed"] is not None or says_fixed):
            found.append(("bug", "fixed", key))
        found += [("bug", "not fixed", key)] if then["fixed"] and now["fixed"] == 0 else []
        found += [("bug", "exported", key)] if now["exported_at"] and not then["exported_at"] else []
    return found


OF_STATES = {"newly untested", "newly stale", "newly tested", "newly scheduled", "failed", "passed"}
"""Kinds that rest on the definitions of states, which their own tests hold."""


@settings(max_examples=settings().max_examples // 6)
@given(st.lists(st.tuples(edits, conducts), min_size=2, max_size=3))
def test_changes_are_those_of_the_raw_rows(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[list[tuple[str, int, int]], Conduct]]
) -> None:
    """Whatever happened, and whatever could not be read: added, removed, revived, renamed, moved and in another status."""
    account, folder = small_account(), tmp_path_factory.mktemp("changes")
    for number, (changes, conduct) in enumerate(history):
        for change in changes:
            edit(account, *change)
        sync_once(account, conduct, folder / "mirror.db", number)
        shutil.copy(folder / "mirror.db", folder / f"{number}.db")
    states = [State(folder / f"{number}.db", number) for number in range(len(history))]
    mirrors = [load_mirror(folder / f"{number}.db") for number in range(len(history))]
    pairs = {(number, number + 1) for number in range(len(history) - 1)} | {(0, len(history) - 1)}
    for earlier, later in sorted(pairs):
        note(f"{earlier} → {later}")
        expected, readable = compared(states[earlier], states[later])
        _assert_same(account_changes(Sides(mirrors[earlier], mirrors[later])), expected, readable)
        for key in expected:
            event(" ".join(key))
        event("became readable" if readable else "all was readable")


def _assert_same(
    found: list[Change], expected: dict[tuple[str, str], set[int]], readable: Counter[tuple[int, str]]
) -> None:
    rows = [(one.what, one.kind, one.id) for one in found if one.what != "data set" and one.kind not in OF_STATES]
    assert len(rows) == len({*rows})
    ids = defaultdict[tuple[str, str], set[int | None]](set)
    for what, kind, key in rows:
        ids[what, kind].add(key)
    assert ids == expected
    known = {(one.product_id, one.name): one.change for one in found if one.kind == "became readable" and one.change}
    assert known == readable
