"""Lists that are cut off, repeated, moved or miscounted by the server: whole in the mirror, or a gap, and never a removal.

Each case is served by the demo's server, whose switches anybody can use; one of each kind over a real port.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from serving import command, serving
from small_account import locked_test, small_account
from syncing import NOW, query, sync_account
from testio_analytics.demo.account.model import Account, Bug
from testio_analytics.demo.server import responses
from testio_analytics.demo.server.faults import Faults
from testio_analytics.mirror.streams.gaps import MOST_ASKED

ACTIVE_TESTS = "select id from tests where removed_at is null order by id"
REMOVED = "select 'test', id from tests where removed_at is not null union select 'bug', id from bugs where removed_at is not null"


def _tests(account: Account) -> list[int]:
    return sorted(cycle.payload["id"] for product in account.products for cycle in product.cycles)


def _stored(db: Path) -> list[int]:
    return [test_id for (test_id,) in query(db, ACTIVE_TESTS)]


def _one_product(tests: int, **changes: Any) -> Account:
    account = small_account(tests=tests)
    account.products[1:] = []
    for cycle in account.products[0].cycles:
        cycle.payload |= changes
    return account


def _wheres(result: Any) -> list[tuple[str, str]]:
    return [(gap.stream, gap.where) for gap in result.gaps]


# -- the end of a list -----------------------------------------------------------------------------------------------


def test_smaller_pages_than_asked_for_over_a_real_port(tmp_path: Path) -> None:
    """20 rows where 25 are asked for: all 120 tests, exit 0."""
    account, db = _one_product(120), tmp_path / "m.db"
    with serving(account, Faults(page_limit=20)) as address:
        ended = command("sync", "--db", str(db), "--json", address=address)
    assert (ended.returncode, json.loads(ended.stdout)["outcome"]) == (0, "complete"), ended.stderr
    assert _stored(db) == _tests(account)


def test_cache_that_ignores_the_query_over_a_real_port(tmp_path: Path) -> None:
    """Page 1 for ever: what came is stored, and exit 3 says that the end was not found."""
    account, db = _one_product(120), tmp_path / "m.db"
    with serving(account, Faults(is_cached=True)) as address:
        ended = command("sync", "--db", str(db), "--json", address=address)
    gaps = json.loads(ended.stdout)["gaps"]
    assert ended.returncode == 3 and len(_stored(db)) == 25
    assert any(gap["stream"] == "tests" and "page 2" in gap["reason"] and "25 rows" in gap["reason"] for gap in gaps)


def test_row_hidden_after_paging_is_not_the_end(tmp_path: Path) -> None:
    """Page 2 holds 24 of 25: every visible test is there, and the empty place is a gap."""
    account, db = _one_product(120), tmp_path / "m.db"
    result = sync_account(account, db, faults=Faults(hidden_tests=frozenset({1030}))).result
    assert _stored(db) == [test for test in _tests(account) if test != 1030]
    assert _wheres(result) == [("tests", "hidden rows of the test list")] and "1 place" in result.gaps[0].reason
    assert query(db, "select rows_expected, rows_stored from stream_states where stream = 'tests'") == [(120, 119)]


def test_hidden_rows_that_fill_a_small_page_are_not_the_end(tmp_path: Path) -> None:
    """No page with more than two rows, and one of them empty in the middle: every visible test is there, and a gap."""
    account, db = _one_product(9), tmp_path / "m.db"
    result = sync_account(account, db, faults=Faults(page_limit=2, hidden_tests=frozenset({1003, 1004}))).result
    assert _stored(db) == [test for test in _tests(account) if test not in (1003, 1004)]
    assert result.outcome == "incomplete" and "the list without pages 7" in result.gaps[0].reason


def test_row_that_becomes_hidden_removes_nothing(tmp_path: Path) -> None:
    """On a mirror that holds 260 tests: the one that does not come still answers by its id, which is a gap that names it."""
    account, db = _one_product(260), tmp_path / "m.db"
    sync_account(account, db)
    result = sync_account(account, db, faults=Faults(hidden_tests=frozenset({1190}))).result
    named = next(gap for gap in result.gaps if gap.where == "tests that no longer come")
    assert "1190" in named.reason and {gap.stream for gap in result.gaps} == {"tests"}
    assert _stored(db) == _tests(account) and query(db, REMOVED) == []


def test_rows_that_only_one_reading_brought_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the fourth page asked for on, the server shows no more than 20 of 60: the others still answer, all of them."""
    account, db, asked = _one_product(60), tmp_path / "m.db", []
    original = responses.test_page

    def shrinking(*words: Any, **options: Any) -> list[Any]:
        asked.append(words)
        return [row for row in original(*words, **options) if len(asked) < 5 or row.payload["id"] <= 1020]

    monkeypatch.setattr(responses, "test_page", shrinking)
    result = sync_account(account, db, streams=("tests",), concurrency=1).result
    assert ("tests", "tests of an earlier reading that no longer come") in _wheres(result)
    assert _stored(db) == _tests(account)


def test_list_that_moves_while_it_is_read(tmp_path: Path) -> None:
    """Tests slide from pages not yet read to ones already read: none is lost; where that never ends, exit 3 says so."""
    for every in (2, 3, 4, 5, 9):
        account, db = _one_product(120), tmp_path / f"{every}.db"
        result = sync_account(account, db, faults=Faults(moving_every=every), streams=("tests",)).result
        assert _stored(db) == _tests(account)
        assert result.outcome == "complete" or "twice" in result.gaps[0].reason
        assert every != 2 or result.outcome == "incomplete"


# -- what an answer says of its own length ---------------------------------------------------------------------------


def test_bugs_that_are_cut_off_come_in_smaller_batches(tmp_path: Path) -> None:
    """15 tests have 15 bugs and 4 come: fewer tests at once bring all of them."""
    account, db = _one_product(40), tmp_path / "m.db"
    result = sync_account(account, db, faults=Faults(bugs_limit=4)).result
    assert (result.outcome, query(db, "select count(*) from bugs")) == ("complete", [(40,)])


def test_bugs_of_one_test_that_are_cut_off_are_a_gap_over_a_real_port(tmp_path: Path) -> None:
    """40 counted, 25 listed: exit 3, both numbers, and the 25 are stored."""
    account, db = _one_product(3), tmp_path / "m.db"
    cycle = account.products[0].cycles[0]
    payload = cycle.bugs[0].payload
    cycle.bugs += [Bug(payload | {"id": 90_000 + number}, cycle.bugs[0].test_feature_id) for number in range(39)]
    with serving(account, Faults(bugs_limit=25)) as address:
        ended = command("sync", "--db", str(db), "--json", address=address)
    (gap,) = json.loads(ended.stdout)["gaps"]
    assert (ended.returncode, gap["stream"], gap["where"]) == (3, "bugs", f"bugs of test {cycle.payload['id']}")
    assert "counts 40 and listed 25" in gap["reason"]
    assert query(db, "select count(*) from bugs") == [(27,)]


def test_every_list_is_held_against_its_own_count(tmp_path: Path) -> None:
    """Products, features and bugs: where the count says more, it is a gap with both numbers; nothing is removed."""
    account, db = small_account(), tmp_path / "m.db"
    sync_account(account, db)
    account.drop_feature(101)
    result = sync_account(account, db, faults=Faults(miscount=15)).result
    assert {gap.stream for gap in result.gaps} == {"products", "features", "bugs"}
    assert "counts 17 and listed 2" in next(gap.reason for gap in result.gaps if gap.stream == "products")
    assert query(db, "select count(*) from features where removed_at is not null") == [(0,)]
    assert sync_account(account, db).result.outcome == "complete"


def test_tests_are_held_against_a_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of tests has no count today; should it get one, it counts."""
    account, db = _one_product(30), tmp_path / "m.db"
    monkeypatch.setattr(
        "testio_analytics.api.client.count_in", lambda answer: 31 if "exploratory_tests" in answer else None
    )
    result = sync_account(account, db).result
    assert _wheres(result) == [("tests", "number of tests")] and "counts 31 and listed 30" in result.gaps[0].reason
    assert query(db, "select rows_expected from stream_states where stream = 'tests'") == [(31,)]


def test_answer_with_bugs_of_other_tests_is_no_answer(tmp_path: Path) -> None:
    """A cache gives the bugs of the first batch to each: the tests of the others have not "no bugs"."""
    account, db = _one_product(25), tmp_path / "m.db"
    result = sync_account(account, db, faults=Faults(is_cached=True), concurrency=1).result
    silent = [gap for gap in result.gaps if gap.stream == "bugs"]
    assert len(silent) == 10 and all("answered with bugs of test" in gap.reason for gap in silent)


def test_bugs_that_only_results_name_are_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is cut off and does not count itself contradicts the results of the same test."""
    account, db, original = _one_product(3), tmp_path / "m.db", responses.bugs

    def cut_off(whole: Account, **filters: Any) -> list[Bug]:
        return original(whole, **filters)[:2] if filters else original(whole)

    with monkeypatch.context() as patch:
        patch.setattr(responses, "bugs", cut_off)
        result = sync_account(account, db).result
    assert result.outcome == "complete"  # asked for alone, each test gets its own
    assert query(db, "select count(*) from bugs") == [(3,)]
    twin = account.products[0].cycles[0].bugs[0]
    account.products[0].cycles[0].bugs += [Bug(twin.payload | {"id": 5 + n}, twin.test_feature_id) for n in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(responses, "bugs", cut_off)
        result = sync_account(account, db).result
    assert _wheres(result) == [("bugs", "bugs of test 1001")] and "results name bugs" in result.gaps[0].reason


def test_results_without_the_features_of_the_list_are_a_gap(tmp_path: Path) -> None:
    """The list names a feature of each test, the detail none: not known is not "nothing tested"."""
    account, db = _one_product(2), tmp_path / "m.db"
    result = sync_account(account, db, faults=Faults(has_bare_details=True)).result
    assert [gap.where for gap in result.gaps] == ["results of test 1001", "results of test 1002"]
    assert sync_account(account, db).result.outcome == "complete"


def test_executions_of_tests_without_results_are_a_gap(tmp_path: Path) -> None:
    """Which stories they had is not known: asked for nothing is not "no runs"."""
    account, db = _one_product(2), tmp_path / "m.db"
    result = sync_account(account, db, streams=("tests", "executions")).result
    assert _wheres(result) == [("executions", "executions of 2 tests without results")]
    assert sync_account(account, db, streams=("tests", "results", "executions")).result.outcome == "complete"


# -- gone, or only not there -----------------------------------------------------------------------------------------


def test_one_test_that_still_answers_keeps_all(tmp_path: Path) -> None:
    """One is deleted, one is hidden: none is marked until the list is whole."""
    account, db = _one_product(30), tmp_path / "m.db"
    sync_account(account, db)
    account.drop_test(1003)
    result = sync_account(account, db, faults=Faults(hidden_tests=frozenset({1007}))).result
    assert any("1 of 2 tests" in gap.reason and "(1007)" in gap.reason for gap in result.gaps)
    assert query(db, "select id from tests where removed_at is not null") == []
    assert sync_account(account, db).result.outcome == "complete"
    assert query(db, REMOVED) == [("bug", 10030), ("test", 1003)]


def test_many_deleted_tests_wait_for_full(tmp_path: Path) -> None:
    """A normal sync asks for so many by their ids; --full for all of them."""
    account, db = _one_product(140), tmp_path / "m.db"
    sync_account(account, db, streams=("tests",))
    for test_id in range(1001, 1002 + MOST_ASKED):
        account.drop_test(test_id)
    result = sync_account(account, db, streams=("tests",)).result
    assert _wheres(result) == [("tests", "removal of tests")] and query(db, REMOVED) == []
    full = sync_account(account, db, streams=("tests",), full=True)
    assert (full.result.outcome, full.result.streams["tests"].removed) == ("complete", MOST_ASKED + 1)
    assert sum("/exploratory_tests/1" in path for path in full.log.paths) == MOST_ASKED + 1


def test_bug_that_does_not_come_is_asked_for_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers: a gap names it. It does not: it is gone."""
    account, db, original = _one_product(3), tmp_path / "m.db", responses.bugs
    sync_account(account, db)

    def hiding(whole: Account, **filters: Any) -> list[Bug]:
        rows = original(whole, **filters)
        return [bug for bug in rows if bug.payload["id"] != 10010] if filters else rows

    with monkeypatch.context() as patch:
        patch.setattr(responses, "bugs", hiding)
        result = sync_account(account, db).result
    assert _wheres(result) == [("bugs", "bugs of test 1001"), ("bugs", "bugs that no longer come")]
    assert all("10010" in gap.reason for gap in result.gaps)
    account.products[0].cycles[0].bugs.clear()
    assert sync_account(account, db).result.outcome == "complete"
    assert query(db, REMOVED) == [("bug", 10010)]


def test_product_that_does_not_come_is_asked_for_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers: nothing of it is marked as removed."""
    account, db = small_account(), tmp_path / "m.db"
    sync_account(account, db)
    with monkeypatch.context() as patch:
        patch.setattr(responses, "products", lambda whole, _: [whole.products[0].payload])
        result = sync_account(account, db).result
    assert _wheres(result) == [("products", "product 2, which is stored but no longer listed")]
    assert query(db, "select count(*) from products where removed_at is not null") == [(0,)]
    account.products[1:] = []
    assert sync_account(account, db).result.outcome == "complete"
    assert query(db, "select id from products where removed_at is not null") == [(2,)]


def test_bug_that_names_no_test_belongs_to_that_of_its_test_feature(tmp_path: Path) -> None:
    """Also where another batch was asked for it; and it stays when only other tests are read again."""
    account, db = _one_product(20), tmp_path / "m.db"
    first, last = account.products[0].cycles[0], account.products[0].cycles[-1]
    last.bugs[0].payload["test"] = None
    first.bugs += last.bugs  # the server's own record says another test
    last.bugs = []
    first.payload["status"] = "archived"
    for _ in range(2):
        assert sync_account(account, db).result.outcome == "complete"
        assert query(db, "select test_id from bugs where id = 10200 and removed_at is null") == [(1020,)]


def test_bug_that_names_nothing_is_removed_by_the_next_read(tmp_path: Path) -> None:
    """Although its test is archived and not read again; before that, it is asked for by its id."""
    account, db = _one_product(3, status="archived"), tmp_path / "m.db"
    cycle = account.products[0].cycles[0]
    cycle.bugs[0].payload |= {"test": None, "test_feature": None}
    sync_account(account, db)
    there = sync_account(account, db)
    assert (there.result.outcome, there.log.paths["/bugs/10010"]) == ("complete", 1)
    cycle.bugs.clear()
    assert sync_account(account, db).result.outcome == "complete"
    assert query(db, REMOVED) == [("bug", 10010)]


# -- no false alarm, and what certainty costs ------------------------------------------------------------------------


@pytest.mark.parametrize("tests", [0, 1, 25, 50])
def test_unusual_and_sound_accounts_are_complete(tmp_path: Path, tests: int) -> None:
    """A full last page, a product without tests, planned tests without features or an end, a deleted test."""
    account, db = _one_product(tests), tmp_path / "m.db"
    assert sync_account(account, db).result.outcome == "complete"
    planned = locked_test(1, 900, status="initialized", end_at=None, start_at=None)
    planned.payload["features"] = []
    planned.bugs.clear()
    account.products[0].cycles.append(planned)
    assert sync_account(account, db).result.outcome == "complete"
    account.drop_test(1900)
    later = sync_account(account, db, now=NOW + timedelta(days=1), full=tests < 2).result
    assert (later.outcome, _stored(db)) == ("complete", _tests(account))


@pytest.mark.parametrize("tests", [3, 24, 149])
def test_staging_below_its_limit_is_complete(tmp_path: Path, tests: int) -> None:
    """The unpaged host is known by its signature."""
    account, db = _one_product(tests), tmp_path / "m.db"
    for _ in range(2):
        result = sync_account(account, db, faults=Faults(staging=True), streams=("tests",)).result
        assert (result.outcome, _stored(db)) == ("complete", _tests(account))


def test_what_cannot_have_changed_is_not_asked_for_again(tmp_path: Path) -> None:
    """Requests, exactly: lists twice at first and once later, results only where somebody may have tested."""
    account, db = _one_product(60), tmp_path / "m.db"
    statuses = ("initialized", "customer_finalized", "waiting", "running", "locked", "archived", "cancelled")
    for number, cycle in enumerate(account.products[0].cycles):
        cycle.payload["status"] = statuses[number % len(statuses)]
    asked = []
    for _ in range(3):
        log = sync_account(account, db).log
        details = sum(path.startswith("/exploratory_tests/") for path in log.paths)
        asked.append((log.paths["/products/1/exploratory_tests"], details, log.paths["/bugs"], log.total))
    running = sum(cycle.payload["status"] in {"running", "locked"} for cycle in account.products[0].cycles)
    ended = sum(cycle.payload["status"] == "archived" for cycle in account.products[0].cycles)
    assert asked == [(8, running + ended, 4, 14 + running + ended), *[(4, running, 3, 9 + running)] * 2]
