"""The streams read test by test: bugs, results and executions, from the server into the database."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.exceptions import HTTPException

from syncing import NOW, Synced, mirror_digest, query, sync_account
from testio_analytics.api.client import Client
from testio_analytics.api.paging import PagedList
from testio_analytics.api.vocabulary import WITHOUT_RESULTS
from testio_analytics.concurrency import run
from testio_analytics.demo.account.build import PLANTED_SECRETS
from testio_analytics.demo.account.model import Account, Cycle
from testio_analytics.demo.generate import generate_account
from testio_analytics.demo.server import responses
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.metrics import with_metrics
from testio_analytics.mirror import ledger
from testio_analytics.mirror.streams.results import read_executions
from testio_analytics.mirror.streams.tests import Known

PRODUCT = 80_000


@pytest.fixture(name="account")
def _account() -> Account:
    return generate_account(seed=3, products=1, features=10, tests=20, bugs=120)


def _asked(synced: Synced) -> list[int]:
    """Return the tests whose bugs were asked for."""
    queries = [text for text in synced.log.queries if "/bugs?" in text]
    return [int(test) for text in queries for test in re.split("%2C|,", text.partition("filter_test_cycle_ids=")[2])]


def _read(account: Account, db: Path, streams: tuple[str, ...] = ("tests", "bugs"), **options: Any) -> Synced:
    return sync_account(account, db, streams=streams, **options)


def _cycle(account: Account, status: str) -> Cycle:
    """Return a test that has bugs, put into that status."""
    cycle = next(cycle for cycle in account.products[0].cycles if len(cycle.bugs) > 2)
    cycle.payload["status"] = status
    return cycle


def test_every_bug_of_the_demo_account_is_stored_with_its_test(pristine: Account, faultless_db_path: Path) -> None:
    """Odd ones included; severities and statuses stay as they came."""
    stored = dict(query(faultless_db_path, "select id, test_id from bugs"))
    severities = dict(query(faultless_db_path, "select id, severity from bugs"))
    statuses = dict(query(faultless_db_path, "select id, status from bugs"))
    for product in pristine.products:
        for cycle in product.cycles:
            for bug in cycle.bugs:
                key = bug.payload["id"]
                assert severities[key] == bug.payload["severity"] and statuses[key] == bug.payload.get("status")
                if bug.payload["test"]:
                    assert stored.pop(key) == cycle.payload["id"]
                else:
                    stored.pop(key)
    assert stored == {}


def test_what_can_no_longer_change_is_read_once(account: Account, tmp_path: Path) -> None:
    """An archived test is not asked for again; a mutable one is; one that turns archived is read once more."""
    db, cycle = tmp_path / "m.db", _cycle(account, "locked")
    key = cycle.payload["id"]
    every = {cycle.payload["id"] for cycle in account.products[0].cycles}
    assert {*_asked(_read(account, db))} == every
    before = mirror_digest(db)
    assert _asked(_read(account, db, now=NOW + timedelta(days=1))) == [key]
    assert mirror_digest(db) == before
    cycle.payload["status"] = "archived"
    assert _asked(_read(account, db)) == [key]
    assert _asked(_read(account, db)) == []
    assert {*_asked(_read(account, db, full=True))} == every


def test_a_bug_that_is_gone_is_marked_and_revived(account: Account, tmp_path: Path) -> None:
    """Only of tests that were read; its devices go with it."""
    db, cycle = tmp_path / "m.db", _cycle(account, "locked")
    _read(account, db)
    gone = cycle.bugs.pop(0)
    result = _read(account, db).result
    removed = "select id from bugs where removed_at is not null"
    assert query(db, removed) == [(gone.payload["id"],)] and result.streams["bugs"].removed == 1
    devices = "select count(*) from bug_devices where bug_id = ? and removed_at is null"
    assert query(db, devices, [gone.payload["id"]]) == [(0,)]
    cycle.bugs.insert(0, gone)
    assert _read(account, db).result.streams["bugs"].updated == 1
    assert query(db, removed) == []


def test_a_removed_test_takes_its_bugs_and_is_read_anew_when_back(account: Account, tmp_path: Path) -> None:
    """Nothing of a test outlives it, and nothing of it is taken for read when it comes back."""
    db, cycle = tmp_path / "m.db", _cycle(account, "archived")
    key = cycle.payload["id"]
    _read(account, db)
    account.drop_test(key)
    _read(account, db)
    assert query(db, "select count(*) from bugs where test_id = ? and removed_at is null", [key]) == [(0,)]
    assert query(db, "select count(*) from test_reads where test_id = ?", [key]) == [(0,)]
    account.products[0].cycles.append(cycle)
    assert _asked(_read(account, db)) == [key]
    active = "select count(*) from bugs where test_id = ? and removed_at is null"
    assert query(db, active, [key]) == [(len(cycle.bugs),)]


def test_too_many_ids_are_halved(account: Account, tmp_path: Path) -> None:
    """524 for more than two ids: every bug arrives all the same."""
    result = _read(account, tmp_path / "m.db", faults=Faults(bug_ids_limit=2)).result
    assert result.outcome == "complete"
    expected = sum(len(cycle.bugs) for cycle in account.products[0].cycles)
    assert query(tmp_path / "m.db", "select count(*) from bugs") == [(expected,)]


def test_a_test_whose_bugs_cannot_be_served_is_one_gap(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name; the others are stored, nothing is removed, and it is read as soon as that works."""
    db, cycle = tmp_path / "m.db", _cycle(account, "archived")
    key, original = cycle.payload["id"], responses.bugs

    def broken(whole: Account, **filters: Any) -> Any:
        if str(key) in (filters["test_ids"] or "").split(","):
            raise HTTPException(500)
        return original(whole, **filters)

    with monkeypatch.context() as patch:
        patch.setattr(responses, "bugs", broken)
        result = _read(account, db).result
    assert [(gap.stream, gap.where) for gap in result.gaps] == [("bugs", f"bugs of test {key}")]
    others = sum(len(other.bugs) for other in account.products[0].cycles if other is not cycle)
    assert query(db, "select count(*) from bugs") == [(others,)]
    assert query(db, "select is_complete from test_reads where test_id = ?", [key]) == [(0,)]
    again = _read(account, db)
    assert _asked(again) == [key] and again.result.outcome == "complete"
    assert query(db, "select count(*) from sync_gaps where closed_at is null") == [(0,)]


def test_a_rejected_bug_makes_its_test_due_again(account: Account, tmp_path: Path) -> None:
    """Until it can be stored; its neighbours are there at once."""
    db, cycle = tmp_path / "m.db", _cycle(account, "archived")
    good, cycle.bugs[0].payload["id"] = cycle.bugs[0].payload["id"], None
    result = _read(account, db).result
    assert result.outcome == "incomplete" and result.streams["bugs"].rejected == 1
    cycle.bugs[0].payload["id"] = good
    again = _read(account, db)
    assert _asked(again) == [cycle.payload["id"]] and again.result.outcome == "complete"
    assert query(db, "select count(*) from rejected_rows where closed_at is null") == [(0,)]


def test_bugs_of_tests_that_were_never_read_are_a_gap(account: Account, tmp_path: Path) -> None:
    """No test known is not no test there."""
    result = _read(account, tmp_path / "m.db", streams=("bugs",)).result
    assert result.outcome == "incomplete"
    assert [(gap.stream, gap.where) for gap in result.gaps] == [("bugs", "bugs of all tests")]


def test_more_than_half_of_the_bugs_are_not_removed_at_once(account: Account, tmp_path: Path) -> None:
    """Held back as a gap until --full confirms it; the tests stay due."""
    db = tmp_path / "m.db"
    for cycle in account.products[0].cycles:
        cycle.payload["status"] = "locked"
    _read(account, db)
    for cycle in account.products[0].cycles[:15]:
        cycle.bugs.clear()
    assert _read(account, db).result.outcome == "incomplete"
    assert query(db, "select count(*) from bugs where removed_at is not null") == [(0,)]
    for cycle in account.products[0].cycles:
        cycle.payload["status"] = "archived"
    assert _read(account, db, full=True).result.outcome == "complete"
    left = sum(len(cycle.bugs) for cycle in account.products[0].cycles)
    assert query(db, "select count(*) from bugs where removed_at is null") == [(left,)]


def test_a_crash_while_writing_leaves_nothing_half(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: tests, bugs, results and ledger are all there, or none."""
    db = tmp_path / "m.db"
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "record", _crash)
        with pytest.raises(ZeroDivisionError):
            sync_account(account, db)
    for table in ("tests", "bugs", "bug_devices", "test_user_stories", "test_reads"):
        assert query(db, f"select count(*) from {table}") == [(0,)]
    assert sync_account(account, db).result.outcome == "complete"


def _crash(*_: object, **__: object) -> None:
    raise ZeroDivisionError


def test_results_are_those_of_the_server(pristine: Account, faultless_db_path: Path) -> None:
    """Status, testers and bugs of every test feature and story of the demo account, where a test can have results."""
    db = faultless_db_path
    features, stories = {}, {}
    cycles = (cycle for product in pristine.products for cycle in product.cycles)
    for cycle in (cycle for cycle in cycles if cycle.payload["status"] not in WITHOUT_RESULTS):
        for row in with_metrics(cycle).get("features") or []:
            features[row["id"]] = (row["execution_status"], row["tester_count"], row["bugs_found"])
            for story in row.get("user_stories") or []:
                stories[row["id"], story["id"]] = (story["execution_status"], story["tested_by_count"])
    columns = "test_feature_id, execution_status, tester_count, bugs_found"
    assert {row[0]: row[1:] for row in query(db, f"select {columns} from test_feature_results")} == features
    columns = "test_feature_id, user_story_id, execution_status, tested_by_count"
    assert {row[:2]: row[2:] for row in query(db, f"select {columns} from test_user_stories")} == stories


def test_a_bug_is_linked_when_its_results_come_later(pristine: Account, tmp_path: Path) -> None:
    """The test is asked for its bugs once more, although it can no longer change."""
    account, db = Account(pristine.now, [pristine.product(18559)]), tmp_path / "m.db"
    _read(account, db)
    linked = "select count(*) from bugs where feature_link = 'results'"
    assert query(db, linked) == [(0,)]
    _read(account, db, streams=("results",))
    _read(account, db, streams=("bugs",))
    assert query(db, linked) == [(2,)]


def test_plain_sentences_say_nothing_of_results(account: Account, tmp_path: Path) -> None:
    """An older API: one gap by product, no story called untested, and the tests stay due."""
    result = _read(
        account, tmp_path / "m.db", streams=("tests", "results"), faults=Faults(product_features="legacy")
    ).result
    assert [gap.where for gap in result.gaps] == ["results of user stories"]
    assert query(tmp_path / "m.db", "select count(*) from test_user_stories") == [(0,)]
    again = _read(account, tmp_path / "m.db", streams=("tests", "results")).result
    assert again.outcome == "complete"
    assert query(tmp_path / "m.db", "select count(*) from test_user_stories")[0][0] > 0


def test_executions_come_only_when_asked_for_and_all_of_them(account: Account, tmp_path: Path) -> None:
    """Counted against the API's own number, each with the story that was asked for."""
    db = tmp_path / "m.db"
    sync_account(account, db)
    assert query(db, "select count(*) from executions") == [(0,)]
    result = _read(account, db, streams=("executions",)).result
    assert result.outcome == "complete"
    expected = {run.payload["id"]: run.story_id for cycle in account.products[0].cycles for run in cycle.executions}
    assert dict(query(db, "select id, user_story_id from executions")) == expected
    assert _read(account, db, streams=("executions",)).result.requests == 1  # nothing can have changed


def test_executions_of_more_than_a_page(account: Account, tmp_path: Path) -> None:
    """Paging goes on to the end."""
    db = tmp_path / "m.db"
    cycle = next(cycle for cycle in account.products[0].cycles if cycle.executions)
    first = cycle.executions[0]
    for number in range(60):
        payload = {**first.payload, "id": 9_000_000 + number}
        cycle.executions.append(type(first)(payload, first.story_id, first.version_id))
    sync_account(account, db)
    assert _read(account, db, streams=("executions",)).result.outcome == "complete"
    assert query(db, "select count(*) from executions where id >= 9000000") == [(60,)]


def test_a_count_that_the_rows_do_not_reach_is_a_gap() -> None:
    """The API counts what it has, so that a row too few is noticed."""

    class Api:
        secrets = ()

        async def executions(self, version_id: int) -> PagedList:
            rows = ({"id": 1, "status": "passed", "executed_at": "2026-06-01T10:00:00Z"},)
            return PagedList(rows, total=2)

    known = Known(5, {1: "archived"}, {}, is_listed=True)
    versions = [{"test_id": 1, "user_story_id": 9, "user_story_version_id": 4}]
    read = run(read_executions(cast("Client", Api()), [1], known, versions))
    assert [gap.where for gap in read.gaps] == ["executions of story 9 in test 1"]
    assert "counts 2 and listed 1" in read.gaps[0].reason
    assert read.tests is not None and read.tests.unsound == {1}


def test_secrets_of_bugs_and_executions_reach_nothing(pristine: Account, tmp_path: Path) -> None:
    """Credentials, links and people are in no byte of the file, whichever streams are read alone."""
    account, db = Account(pristine.now, [pristine.product(18559)]).copy(), tmp_path / "m.db"
    product = account.product(18559)
    secrets = PLANTED_SECRETS.values()
    told = [c for c in product.cycles if any(secret in json.dumps([b.payload for b in c.bugs]) for secret in secrets)]
    run = [cycle for cycle in product.cycles if cycle.executions and cycle not in told[:3]]
    product.cycles[:] = [*told[:3], *run[-12:]]
    served = json.dumps([[cycle.payload, [bug.payload for bug in cycle.bugs]] for cycle in product.cycles])
    people = {bug.payload["author"]["name"] for cycle in product.cycles for bug in cycle.bugs if bug.payload["author"]}
    assert people and all(secret in served for secret in secrets)

    _read(account, db, streams=("tests", "bugs", "results", "executions"), product_ids=[18559])
    assert query(db, "select count(*) from executions")[0][0] > 100
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("m.db"))
    assert [text for text in (*secrets, *people) if text.encode() in content] == []
