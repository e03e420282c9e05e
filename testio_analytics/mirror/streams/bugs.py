"""Read the bugs of one product, several tests at a time; a test that the server cannot serve costs only itself.

Read: Bugs to rows: each with its devices, and with the test and the catalogue feature that it belongs to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.sections import as_id
from testio_analytics.concurrency import gather
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import Gap, StreamRead, TestReads
from testio_analytics.mirror.rows import Row, Rows, Scope, content_hash
from testio_analytics.mirror.streams.due import Known
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, gap_of, unlisted_gap
from testio_analytics.mirror.worker import RowWorker


@dataclass
class BugRows:
    """Bugs of some tests as rows.

    `unsound` are the tests of which something came that could not be stored; `strangers` are the ids of tests that
    were not asked for and whose bugs came all the same.
    """

    rows: Rows = field(default_factory=Rows)
    unsound: set[int] = field(default_factory=set)
    strangers: set[int] = field(default_factory=set)

    def extend(self, other: BugRows) -> None:
        """Take over another batch."""
        self.rows.extend(other.rows)
        self.unsound |= other.unsound
        self.strangers |= other.strangers


def bug_rows(
    product_id: int, bugs: Iterable[Any], *, asked: Collection[int], scope: Scope, secrets: Collection[str] = ()
) -> BugRows:
    """Return ``bugs`` and ``bug_devices`` of the tests that were asked for.

    A bug that names no test belongs to the test of its test feature; where that is not known either it is kept
    without one. Bugs of other tests are left out: they come again when those are asked for.
    """
    found = BugRows()
    asked = {*asked}
    for raw in payloads.scrub(list(bugs), secrets=secrets):
        _add_bug(found, product_id, raw, asked, scope)
    return found


def _add_bug(found: BugRows, product_id: int, raw: Any, asked: set[int], scope: Scope) -> None:
    test_feature_id = _id_in(raw, "test_feature")
    test_id = _id_in(raw, "test")
    if test_id is None and test_feature_id is not None and test_feature_id in scope:
        test_id = scope[test_feature_id][0]
    if test_id is not None and test_id not in asked:
        found.strangers.add(test_id)
        return
    bug = payloads.read(payloads.Bug, raw)
    if isinstance(bug, str):
        found.rows.reject(schema.BUGS, raw, bug)
        found.unsound |= asked if test_id is None else {test_id}
        return
    feature_id, link = _feature_of(raw, test_id, test_feature_id, scope)
    values = bug.__dict__  # the fields in one dictionary, without the copies that model_dump makes
    found.rows.add(
        schema.BUGS,
        raw,
        **values,
        product_id=product_id,
        test_id=test_id,
        test_feature_id=test_feature_id,
        feature_id=feature_id,
        feature_link=link,
    )
    if not _add_devices(found.rows, product_id, test_id, bug.id, raw.get("devices")):
        found.unsound |= asked if test_id is None else {test_id}


def _feature_of(
    raw: Mapping[str, Any], test_id: int | None, test_feature_id: int | None, scope: Scope
) -> tuple[int | None, str]:
    """Resolve the catalogue feature (testio-api 8.5): by the test's own list first, then as the bug itself says.

    ``bug.feature.id`` is never used: it may be the id of a test feature.
    """
    owner, feature_id = scope.get(test_feature_id or 0, (None, None))
    if feature_id is not None and owner == test_id:
        return feature_id, "test_feature"
    named = raw.get("test_feature")
    if isinstance(named, Mapping):
        said = as_id(named.get("feature_id")) or _id_in(named, "feature")
        if said is not None:
            return said, "bug"
    return None, "none"


def _add_devices(rows: Rows, product_id: int, test_id: int | None, bug_id: int, devices: Any) -> bool:
    if devices is None:
        return True
    if not isinstance(devices, list):
        rows.reject(
            schema.BUG_DEVICES,
            devices,
            f"the devices of bug {bug_id} are not a list but {payloads.shown(devices)}",
            row_id=str(bug_id),
        )
        return False
    is_sound = True
    for position, raw in enumerate(devices, 1):
        if isinstance(raw, dict):
            keys = {"bug_id": bug_id, "position": position, "product_id": product_id, "test_id": test_id}
            rows.add(schema.BUG_DEVICES, raw, **keys, **device(raw))
        else:
            reason = f"device {position} of bug {bug_id} is not an object but {payloads.shown(raw)}"
            rows.reject(schema.BUG_DEVICES, raw, reason, row_id=str(bug_id))
            is_sound = False
    return is_sound


def device(raw: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the words of one device report: category, vendor, operating_system, os_version, device, browsers.

    An older description writes the key ``device`` as ``devices`` (testio-api 8.7).
    """
    return {
        "category": names(raw.get("category")),
        "vendor": names(raw.get("vendor")),
        "operating_system": names(raw.get("operating_system")),
        "os_version": names(raw.get("operating_system_version")),
        "device": names(raw.get("device", raw.get("devices"))),
        "browsers": names(raw.get("browsers")),
    }


def names(value: Any) -> str | None:
    """Return the name of an object, or the names of several joined with a comma; None where there is none."""
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(name for name in map(names, value) if name) or None
    return payloads.text_of(value.get("name") if isinstance(value, dict) else value)


def link_by_results(rows: Rows, named: Mapping[int, int | None]) -> None:
    """Give the bugs that name no feature the one whose results name the bug (testio-api 8.5, third way).

    `named` holds bug id → catalogue feature, None where two features claim the bug.
    """
    for key, row in rows.by_table[schema.BUGS.name].items():
        feature_id = named.get(row["id"])
        if row["feature_link"] == "none" and feature_id is not None:
            changed: Row = row | {"feature_id": feature_id, "feature_link": "results"}
            changed["content_hash"] = content_hash(schema.BUGS, changed)
            rows.by_table[schema.BUGS.name][key] = changed


def _id_in(raw: Any, key: str) -> int | None:
    value = raw.get(key) if isinstance(raw, Mapping) else None
    return as_id(value.get("id")) if isinstance(value, Mapping) else None


BATCH = 15
"""Tests asked for at once: more of them end in timeouts (testio-api 11.2)."""


async def read_bugs(api: Client, compute: RowWorker, product_id: int, due: Sequence[int], known: Known) -> StreamRead:
    """Read the bugs of the tests that are due; what fails is asked for in halves, down to the single test."""
    found, gaps, failed = BugRows(), list(unlisted_gap("bugs", product_id, known)), set[int]()

    async def batch(tests: Sequence[int]) -> None:
        try:
            bugs = await api.bugs(tests, is_last_try=len(tests) == 1)
        except GAP_ERRORS as error:
            if len(tests) == 1:
                failed.update(tests)
                gaps.append(gap_of("bugs", f"bugs of test {tests[0]}", error, product_id))
                return
            half = len(tests) // 2
            await batch(tests[:half])
            await batch(tests[half:])
            return
        found.extend(await compute(bug_rows, product_id, bugs, asked=tests, scope=known.scope, secrets=api.secrets))

    await gather(*(batch(due[start : start + BATCH]) for start in range(0, len(due), BATCH)))
    gaps.extend(_strangers(found.strangers - {*known.statuses}, product_id))
    statuses = {test_id: known.statuses[test_id] for test_id in due}
    # A bug without test can only be missed when every test was asked for.
    reads = TestReads(statuses, frozenset(failed | found.unsound), covers_all=len(due) == len(known.statuses))
    return StreamRead("bugs", found.rows, tuple(sorted(gaps, key=lambda gap: gap.where)), None if gaps else 0, reads)


def _strangers(tests: Iterable[int], product_id: int) -> Iterable[Gap]:
    """Name the tests whose bugs came although nobody knows those tests: their bugs are not stored."""
    for test_id in sorted(tests):
        reason = f"the API answered with bugs of test {test_id}, which it does not list; they are not stored"
        yield Gap("bugs", f"bugs of unlisted test {test_id}", reason, 0, product_id)
