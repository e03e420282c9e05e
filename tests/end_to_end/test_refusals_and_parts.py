"""What a refusal may mean and what it may not, and what a sync of parts of an account says of the rest."""

from __future__ import annotations

import errno
import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from wcwidth import width as columns_wide

import strategies
from serving import command, serving
from small_account import feature_payload, locked_test, small_account
from syncing import NOW, query, sync_account
from testio_analytics.cli import cli
from testio_analytics.demo.account.model import Account, Feature
from testio_analytics.demo.server.faults import Faults
from testio_analytics.display.report_tables import settings
from testio_analytics.errors import ApiError, StoreError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror import database
from testio_analytics.mirror.database import writing
from testio_analytics.mirror.file_errors import file_error
from testio_analytics.mirror.sync import SyncResult
from testio_analytics.reports.health import health_summary
from testio_analytics.reports.status import status as read_status

OUTSIDE = (290, 291)
"""Features of product 2 that are in none of its sections."""

WHOLE_LIST = "/products/2/features"


@pytest.fixture(name="account")
def _account() -> Account:
    account = small_account(tests=1)
    account.product(2).features.extend(Feature(feature_payload(key), []) for key in OUTSIDE)
    return account


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Path:
    return tmp_path / "mirror.db"


def synced(account: Account, db: Path, *product_ids: int, full: bool = False, **faults: Any) -> SyncResult:
    """Sync in this process, without the bugs and results."""
    streams, wanted = ["features", "tests"], product_ids or None
    return sync_account(account, db, faults=Faults(**faults), product_ids=wanted, streams=streams, full=full).result


def active(db: Path, table: str, product_id: int) -> set[int]:
    """Return the ids of the rows of a product that are not marked as removed."""
    rows = query(db, f"select id from {table} where product_id = ? and removed_at is null", [product_id])
    return {row[0] for row in rows}


def places(result: SyncResult) -> list[tuple[int | None, str]]:
    """Return whose the gaps are, and where."""
    return [(gap.product_id, gap.where) for gap in result.gaps]


def _sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("in SQLite's words")
    error.sqlite_errorcode = code
    return error


# -- a refusal where there was an answer ------------------------------------------------------------------------------


def test_a_list_that_answered_before_and_is_refused_is_a_gap_for_the_operator(account: Account, db: Path) -> None:
    """Exit 3, the features outside sections stay, `status` names the place; the next sound sync is complete again."""
    with serving(account) as address:
        first = command("sync", "--db", str(db), address=address)
    with serving(account, Faults(refusals={WHOLE_LIST: 403})) as address:
        refused = command("sync", "--db", str(db), "--json", address=address)
    status = call(db, "status")

    assert (first.returncode, refused.returncode, status.exit_code) == (0, 3, 3), first.stderr + refused.stderr
    assert [gap["where"] for gap in json.loads(refused.stdout)["gaps"]] == ["features in no section"]
    assert "features in no section" in status.stderr
    assert {*OUTSIDE} <= active(db, "features", 2)
    assert synced(account, db).outcome == "complete"


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
def test_no_refusal_removes_what_was_listed_before(account: Account, db: Path, status: int) -> None:
    """Whatever the status, and also where nothing but the stored rows shows that the list was answered."""
    assert synced(account, db).outcome == "complete"
    assert places(synced(account, db, refusals={WHOLE_LIST: status})) == [(2, "features in no section")]
    with closing(sqlite3.connect(db)) as connection:  # the file as an older version of this package left it
        connection.execute("delete from endpoint_findings")
        connection.commit()
    result = synced(account, db, refusals={WHOLE_LIST: status})

    assert result.outcome == "incomplete"
    assert {*OUTSIDE} <= active(db, "features", 2)
    assert query(db, "select is_complete from stream_states where product_id = 2 and stream = 'features'") == [(0,)]


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        ({"refusals": {WHOLE_LIST: 422}}, "complete"),
        ({"product_features": "legacy"}, "complete"),
        ({"product_features": "legacy-500"}, "complete"),
        ({"refusals": {WHOLE_LIST: 400}}, "incomplete"),
        ({"refusals": {WHOLE_LIST: 403}}, "incomplete"),
        ({"refusals": {WHOLE_LIST: 404}}, "incomplete"),
        ({"refusals": {WHOLE_LIST: 500}}, "incomplete"),
    ],
)
def test_only_the_known_answers_say_that_there_is_no_such_list(
    account: Account, db: Path, faults: dict[str, Any], outcome: str
) -> None:
    """On a first read. What was found then is remembered, so that another refusal later is no alarm."""
    assert synced(account, db, **faults).outcome == outcome
    found = query(db, "select is_offered, run_id from endpoint_findings where endpoint = 'features outside sections'")
    assert found == ([(0, 1)] if outcome == "complete" else [])
    if outcome == "complete":
        assert synced(account, db, **faults, refusals={WHOLE_LIST: 403} | faults.pop("refusals", {})).gaps == ()


def test_features_that_an_older_api_cannot_list_are_kept_until_full(account: Account, db: Path) -> None:
    """A plain product gets sections, at an API that lists features by section only: the others are not gone."""
    product = account.product(2)
    payload, product.is_sectioned = product.payload, False
    product.payload = payload | {"sections": [], "sections_with_default": payload["sections_with_default"][:1]}
    synced(account, db, product_features="legacy")
    product.payload, product.is_sectioned = payload, True

    assert places(synced(account, db, product_features="legacy")) == [(2, "removal of features in no section")]
    assert {*OUTSIDE} <= active(db, "features", 2)
    assert synced(account, db, product_features="legacy", full=True).outcome == "complete"
    assert not {*OUTSIDE} & active(db, "features", 2)


@pytest.mark.parametrize("product_id", [1, 2])
def test_stories_that_lose_their_ids_stay_as_they_are(account: Account, db: Path, product_id: int) -> None:
    """The server ignores `includes[]` from now on: no story loses its feature, and the gap says why."""
    stories = "select id, feature_id, feature_link, removed_at from user_stories where product_id = ? order by id"
    synced(account, db)
    before = query(db, stories, [product_id])
    result = synced(account, db, product_features="legacy")

    assert (product_id, "user stories of the features") in places(result)
    assert query(db, stories, [product_id]) == before


def test_stories_that_features_no_longer_name_are_not_gone(account: Account, db: Path) -> None:
    """A feature list without the field says nothing of stories; on a first read, their own list is asked instead."""
    nameless = account.copy()
    for feature in nameless.product(1).features:
        del feature.payload["user_stories"]
    first = synced(nameless, db, 1)
    assert (first.outcome, len(active(db, "user_stories", 1))) == ("complete", 0)  # the simulator has none either
    synced(account, db, 1)
    assert places(synced(nameless, db, 1)) == [(1, "user stories of the features")]
    assert len(active(db, "user_stories", 1)) == 4


@pytest.mark.parametrize(("status", "is_gone"), [(404, True), (403, False), (500, False)])
def test_only_404_says_that_a_test_is_gone(account: Account, db: Path, status: int, is_gone: bool) -> None:
    """A test that leaves its list and may not be read any more is kept, until a sync with --full confirms it."""
    account.product(1).cycles.extend(locked_test(1, number) for number in (2, 3, 4))
    synced(account, db, 1)
    del account.product(1).cycles[0]
    result = synced(account, db, 1, refusals={"/exploratory_tests/1001": status})

    assert (1001 not in active(db, "tests", 1), result.outcome) == (is_gone, "complete" if is_gone else "incomplete")
    if status == 403:
        assert synced(account, db, 1, full=True, refusals={"/exploratory_tests/1001": 403}).outcome == "complete"


# -- products asked for by id -----------------------------------------------------------------------------------------


def test_a_product_that_does_not_exist_costs_no_other(account: Account, db: Path) -> None:
    """Exit 3: product 1 is read, 99 is a gap of its own, which ends when nobody asks for 99 any more."""
    with serving(account) as address:
        done = command("sync", "--db", str(db), "--product", "1", "--product", "99", "--json", address=address)
        named = call(db, "status")
        again = command("sync", "--db", str(db), "--product", "1", address=address)

    assert (done.returncode, named.exit_code, again.returncode) == (3, 3, 0), done.stderr
    (gap,) = json.loads(done.stdout)["gaps"]
    assert (gap["product_id"], gap["reason"][:25]) == (99, "there is no such product,")
    assert len(active(db, "features", 1)) == 4
    assert "Product 99" in named.stderr
    assert query(db, "select count(*) from sync_gaps where closed_at is null") == [(0,)]
    assert query(db, "select distinct product_id from stream_states") == [(1,)]


def test_nothing_but_unknown_products_is_a_failure(account: Account, db: Path) -> None:
    """Where nothing could be read, the run failed."""
    with pytest.raises(ApiError, match="products/98"):
        synced(account, db, 98, 99)


def test_a_deleted_product_is_marked_when_asked_for_by_id(account: Account, db: Path) -> None:
    """404 at its own address and not in the account's list: gone, with all that belongs to it."""
    synced(account, db)
    del account.products[1]
    result = synced(account, db, 2)

    assert (result.outcome, result.streams["products"].removed) == ("complete", 1)
    assert query(db, "select id from products where removed_at is null") == [(1,)]
    assert (active(db, "features", 2), active(db, "tests", 2)) == (set(), set())


@pytest.mark.parametrize(
    "refusals",
    [{"/products/2": 404}, {"/products/2": 403}, {"/products/2": 500}, {"/products/2": 404, "/products": 500}],
)
def test_no_refusal_alone_deletes_a_product(account: Account, db: Path, refusals: dict[str, int]) -> None:
    """Not 404 while the list names it or cannot be read, and never 403 or 500."""
    synced(account, db)
    result = synced(account, db, 1, 2, refusals=refusals)

    assert places(result) == [(2, "the product itself")]
    assert query(db, "select count(*) from products where removed_at is null") == [(2,)]


@pytest.mark.parametrize(
    ("is_deleted", "refusals", "left"),
    [(True, {}, 1), (False, {}, 2), (False, {"/products/2": 403}, 2), (False, {"/products/2": 500}, 2)],
)
def test_a_product_that_leaves_the_list_is_asked_for_first(
    account: Account, db: Path, is_deleted: bool, refusals: dict[str, int], left: int
) -> None:
    """The list alone removes nothing: its address must say 404. One that answers is read all the same."""
    synced(account, db)
    if is_deleted:
        del account.products[1]
    account.product(1).features[0].payload["title"] = "Renamed"
    result = synced(account, db, hidden_products=frozenset({2}), refusals=refusals)

    assert query(db, "select count(*) from products where removed_at is null") == [(left,)]
    assert result.outcome == ("complete" if is_deleted else "incomplete")
    assert len(active(db, "features", 2)) == (0 if is_deleted else 6)


# -- parts of an account ----------------------------------------------------------------------------------------------


def call(db: Path, *words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, [*words, "--db", str(db)])


def test_one_product_in_a_new_file_is_complete(account: Account, db: Path) -> None:
    """`status` and `show` end with 0; that the rest was never asked for is said once."""
    with serving(account) as address:
        done = command("sync", "--db", str(db), "--product", "1", address=address)
    status, total = call(db, "status"), call(db, "show", "coverage_total")
    own = call(db, "show", "coverage_total", "--product", "1")

    assert (done.returncode, status.exit_code, total.exit_code, own.exit_code) == (0, 0, 0, 0)
    note = "This covers 1 product only (Product 1): others were never asked for."
    assert note in status.stdout and status.stderr == ""
    assert total.stderr.count(note) == 1
    assert own.stderr == ""
    mirror = load_mirror(db)
    assert health_summary(mirror).sentence.endswith("other products were never asked for.")
    assert note in settings(mirror).html


def test_an_account_that_was_asked_for_and_not_read_is_a_gap(account: Account, db: Path) -> None:
    """The same file after a sync of the whole account that failed: now something is missing."""
    synced(account, db, 1)
    with pytest.raises(ApiError):
        synced(account, db, refusals={"/products": 500})
    total = call(db, "show", "coverage_total")

    assert (call(db, "status").exit_code, total.exit_code) == (3, 3)
    assert "The products of the account were never read." in total.stderr


def test_streams_that_were_never_asked_for_touch_what_rests_on_them(account: Account, db: Path) -> None:
    """Exit 3 and the advice to sync for those reports alone; after a whole sync nothing is left of it."""
    sync_account(account, db, streams=["features"])
    status, resting, other = (
        call(db, *words) for words in (["status"], ["show", "coverage_total"], ["show", "unlinked_stories"])
    )
    assert (status.exit_code, resting.exit_code, other.exit_code) == (0, 3, 0)
    assert "Never asked for: tests, bugs and results of Product 1 and Product 2." in status.stdout
    assert "The tests of Product 1 were never asked for." in resting.stderr
    assert "`testio-analytics sync`" in resting.stderr and "report them" not in resting.stderr + status.output
    sync_account(account, db)
    assert call(db, "show", "coverage_total").stderr == ""


# -- what the operator is told ----------------------------------------------------------------------------------------


def test_status_is_red_after_a_failed_sync(account: Account, db: Path) -> None:
    """Also when everything was complete before: which run, when, why and what to do; green again after a good one."""
    with serving(account) as address:
        command("sync", "--db", str(db), address=address)
        command("sync", "--db", str(db), address=address, token="a-revoked-token-8")
        status = command("status", "--db", str(db))
        said = json.loads(call(db, "status", "--json").stdout)
        command("sync", "--db", str(db), address=address)

    assert status.returncode == 3
    assert re.match(r"The last sync failed: run 2, begun on \d.* UTC, said: The API refused the token", status.stderr)
    assert "Next: mend what it says" in status.stderr and "Complete" not in status.stdout + status.stderr
    assert (said["is_complete"], said["has_failed"], said["last_run"]["outcome"]) == (True, True, "failed")
    assert call(db, "status").exit_code == 0


def test_a_run_without_an_end_was_killed_or_is_under_way(account: Account, db: Path) -> None:
    """Whether a process holds the lock tells which."""
    synced(account, db)
    query(db, "select 1")
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("update sync_runs set outcome = 'running', finished_at = null")
        connection.commit()
    killed = call(db, "status")
    with writing(db):
        busy = call(db, "status")

    assert (killed.exit_code, busy.exit_code) == (3, 0)
    assert "was killed" in killed.stderr and "Next: run `testio-analytics sync`." in killed.stderr
    assert "is writing" in busy.stdout and "Next: wait" in busy.stdout


@pytest.mark.parametrize(
    ("limit", "later", "holds"),
    [
        ("90m", timedelta(minutes=90), True),
        ("90m", timedelta(minutes=91), False),
        ("24h", timedelta(hours=25), False),
        ("7d", timedelta(days=7), True),
        ("7d", timedelta(days=-1), None),  # read in the future, by one of two clocks
    ],
)
def test_the_age_limit_is_held_against_the_oldest_complete_read(
    account: Account, db: Path, limit: str, later: timedelta, holds: bool | None
) -> None:
    """Of all that was asked for: product 1 is read again in between, product 2 is not."""
    synced(account, db)
    sync_account(account, db, product_ids=[1], now=min(NOW, NOW + later))
    found = read_status(db, max_age=limit, now=NOW + later).limit

    assert found is not None and found.holds is holds
    assert bool(found.reason) == (holds is not True)


def test_the_graver_exit_code_wins(account: Account, db: Path) -> None:
    """4 for data that are too old, 3 where a sync failed as well, 2 for a limit that is none."""
    synced(account, db)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(
            "update stream_states set last_complete_at = '2020-01-01T00:00:00+00:00' where product_id = 2"
        )
        connection.execute(
            "update stream_states set last_complete_at = '2020-01-02T00:00:00+00:00' where product_id < 2"
        )
        connection.commit()
    old = call(db, "status", "--max-age", "24h")
    said = json.loads(call(db, "status", "--max-age", "24h", "--json").stdout)
    with pytest.raises(ApiError):
        synced(account, db, refusals={"/products": 404})

    assert (old.exit_code, call(db, "status", "--max-age", "24h").exit_code) == (4, 3)
    assert "Older than 24h: products of Product 2, last read completely on 1 January 2020" in old.stderr
    assert said["max_age"] == {"limit": "24h", "holds": False, "oldest_complete_read": "2020-01-01T00:00:00+00:00"}
    for nonsense in ("24", "0h", "-3d", "1x", "99999999d", "٣h"):
        assert call(db, "status", "--max-age", nonsense).exit_code == 2


def test_status_of_nine_products_is_one_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 lines of 80 columns, whatever the products are called; with a gap, that comes first, then its product."""
    names = [
        "Skerry Go",
        "x" * 300,
        "海" * 60,
        "\x1b[31mred\x1b[0m",
        "a\nb\r\nc",
        "\u202eevil",
        "👩\u200d👩\u200d👧 " * 20,
        None,
        "=1+1",
    ]
    nine = strategies.Account()
    for number, name in enumerate(names, 1):
        nine.product(number, name).synced(number, rows_stored=1_234_567)
    db = tmp_path / "nine.db"

    def shown() -> Result:
        db.unlink(missing_ok=True)
        with strategies.opened(nine) as connection:
            connection.execute("vacuum into ?", [str(db)])
        return call(db, "status")

    monkeypatch.setattr("testio_analytics.cli.terminal_width", lambda: 80)
    complete, gap = shown(), (nine.gap(3, "tests"), shown())[1]
    lines = complete.output.removeprefix(str(db)).splitlines()
    assert (complete.exit_code, gap.exit_code) == (0, 3)
    assert len(lines) <= 24 and max(map(columns_wide, lines)) <= 80, complete.output
    assert sum("1,234,567" in line for line in lines) == 9
    assert "\x1b" not in complete.output and "\u202e" not in complete.output
    assert gap.output.splitlines()[0].startswith("Incomplete: 1 gap")
    assert any(line.endswith("tests: page 5: server error (500)") for line in gap.output.splitlines()[:3])
    assert next(line for line in gap.stdout.splitlines() if "1,234,567" in line).startswith("海")


# -- what is wrong with the file --------------------------------------------------------------------------------------


def test_the_lock_goes_by_the_file_whatever_its_name(account: Account, db: Path) -> None:
    """A second sync through a symbolic link is refused while one writes; a file with two hard links is not written to."""
    link, twin = db.with_name("link.db"), db.with_name("twin.db")
    synced(account, db, 1)
    link.symlink_to(db)
    with writing(db), serving(account) as address:
        second = command("sync", "--db", str(link), address=address)
    assert second.returncode == 1 and "Another sync is writing to" in second.stderr
    assert synced(account, link, 1).run_id == 2
    assert sorted(path.name for path in db.parent.iterdir()) == ["link.db", "mirror.db", "mirror.db.lock"]

    twin.hardlink_to(db)
    before = db.read_bytes()
    for path in (db, twin):
        with pytest.raises(StoreError, match=r"2 names.*nothing was changed"):
            synced(account, path, 1)
    assert db.read_bytes() == before


def test_a_damaged_file_gets_true_advice_from_every_command(account: Account, db: Path) -> None:
    """Exit 1 with one message, which does not say that everything in the file comes from the API."""
    synced(account, db)
    content = db.read_bytes()
    db.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with serving(account) as address:
        failed = command("sync", "--db", str(db), address=address)

    assert failed.returncode == 1 and failed.stderr.startswith("Error: ")
    for said in (failed.stderr, call(db, "status").stderr):
        assert "is damaged" in said and "past runs are in the old file alone" in said
        assert "everything in it comes from the API" not in said


def test_a_full_disk_is_said_and_keeps_what_was_stored(
    account: Account, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that finds no space fails with that cause; the rows of before are there, and free space makes it go on."""
    synced(account, db)
    features, real = active(db, "features", 1), database._opened
    account.product(1).features.extend(
        Feature(feature_payload(key) | {"description": "x" * 100_000}, []) for key in range(1000, 1010)
    )

    def on_a_full_disk(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*args, **options)
        connection.execute("pragma max_page_count = 1")  # no more than there are now
        return connection

    with monkeypatch.context() as patch, pytest.raises(StoreError, match=r"no space left.*Every product stored"):
        patch.setattr(database, "_opened", on_a_full_disk)
        synced(account, db)
    assert active(db, "features", 1) == features
    assert "There is no space left" in call(db, "status").stderr
    assert synced(account, db).outcome == "complete"
    assert len(active(db, "features", 1)) == len(features) + 10


def test_a_locked_file_is_not_called_damaged(account: Account, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program holds it: close that one."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    synced(account, db)
    with closing(sqlite3.connect(db, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(StoreError, match="close it") as caught:
            synced(account, db)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("folder", "is a folder, not a database file. Name another file"),
        ("file/below/mirror.db", "something on the way there is no folder. Name another file"),
        ("text.db", "holds something else"),
    ],
)
def test_what_is_no_database_is_named(account: Account, tmp_path: Path, name: str, advice: str) -> None:
    """A folder, a path through a file, another file: each its message, and nothing is changed."""
    (tmp_path / "folder").mkdir()
    for other in ("file", "text.db"):
        (tmp_path / other).write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match=advice):
        synced(account, tmp_path / name, 1)
    assert (tmp_path / "text.db").read_text() == "Dear diary, " * 100


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space left"),
        (PermissionError(errno.EACCES, "Permission denied"), "give the right to it"),
        (OSError(errno.EROFS, "Read-only file system"), "give the right to it"),
        (_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), "give the right to it"),
        (_sqlite(sqlite3.SQLITE_IOERR_READ), "see whether it is there and sound"),
        (_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), "close it"),
        (sqlite3.DatabaseError("something new"), "could not be used"),
    ],
)
def test_each_cause_has_its_own_advice(tmp_path: Path, error: OSError | sqlite3.Error, advice: str) -> None:
    """What cannot be brought about on every machine; the system's own words stand behind."""
    said = str(file_error(tmp_path / "mirror.db", error))

    assert advice in said and str(error) in said
