"""The store: what is written, what is not, what counts as gone, and what the ledger says of it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from hostile import JSON, SECRET
from testio_analytics import errors
from testio_analytics.api.credentials import Credentials
from testio_analytics.mirror import database, diff, ledger, migrations, schema, store
from testio_analytics.mirror.diff import ChangeSet, Counts, Gap, StreamRead
from testio_analytics.mirror.redaction import cut_rows
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams.features import feature_rows
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.streams.tests import test_rows
from waiting import PATIENCE

DAY = datetime(2026, 6, 1, 6, tzinfo=UTC)


class Mirror:
    """A database in memory and the reads that are stored in it, a day apart."""

    def __init__(self, path: Path | None = None) -> None:
        self.db = Database(path) if path else Database(memory=True)
        migrations.migrate(self.db)
        self.day = 0

    @property
    def now(self) -> datetime:
        """The time of the present run."""
        return DAY + timedelta(days=self.day)

    def save(self, *reads: StreamRead, product_id: int | None = 1, full: bool = False) -> ChangeSet:
        """Store reads in a run of their own, and return the last plan."""
        self.day += 1
        run_id = ledger.begin_run(
            self.db, now=self.now, mode="normal", streams=list(schema.STREAMS), products=None, version="1"
        )
        plans = [diff.change_set(self.db, read, product_id=product_id, full=full) for read in reads]
        store.save(self.db, plans, run_id=run_id, now=self.now)
        return plans[-1]

    def product(self, product_id: int = 1, **values: Any) -> ChangeSet:
        """Store one product."""
        sections = {"sections": [{"id": product_id * 10 + 7, "name": "A"}, {"id": product_id * 10 + 8, "name": "B"}]}
        product = {"id": product_id, "name": "Harbour", **sections, **values}
        return self.save(StreamRead("products", product_rows(product)), product_id=product_id)

    def features(
        self, features: Sequence[Any], *, product_id: int = 1, gaps: Sequence[Gap] = (), full: bool = False
    ) -> ChangeSet:
        """Store the features of a product."""
        rows = feature_rows(product_id, [(product_id * 10 + 7, features)])
        return self.save(
            StreamRead("features", rows, tuple(gaps), None if gaps else 0), product_id=product_id, full=full
        )

    def tests(self, tests: Sequence[Any], *, product_id: int = 1) -> ChangeSet:
        """Store the tests of a product."""
        return self.save(StreamRead("tests", test_rows(product_id, tests)), product_id=product_id)

    def all(self, table: str, columns: str = "*", where: str = "1") -> list[tuple[Any, ...]]:
        """Return rows of a table."""
        return self.db.execute(f'select {columns} from "{table}" where {where} order by 1').fetchall()

    def active(self) -> set[int]:
        """Return the ids of the features that are not removed."""
        return {row[0] for row in self.db.execute("select id from features where removed_at is null")}


@pytest.fixture(name="mirror")
def _mirror() -> Iterator[Mirror]:
    mirror = Mirror()
    mirror.product(1)
    mirror.product(2)
    with closing(mirror.db):
        yield mirror


def _features(*numbers: int, **values: Any) -> list[dict[str, Any]]:
    return [{"id": number, "title": f"Feature {number}", **values} for number in numbers]


A_GAP = Gap("features", "section 18 (B)", "GET … answered 500.", 4, 1)

# -- what is written -------------------------------------------------------------------------------------------------


def test_created_updated_and_unchanged_are_exact(mirror: Mirror) -> None:
    """New, changed and equal rows are told apart, whatever order they come in."""
    assert mirror.features(_features(1, 2, 3)).counts == Counts(created=3, total=3)
    again = [*_features(4), {"title": "renamed", "id": 2}, *_features(3, 1)]
    assert mirror.features(again).counts == Counts(created=1, updated=1, unchanged=2, total=4)
    assert mirror.all("features", "id, title, first_seen, last_synced") == [
        (1, "Feature 1", "2026-06-04T06:00:00+00:00", "2026-06-04T06:00:00+00:00"),
        (2, "renamed", "2026-06-04T06:00:00+00:00", "2026-06-05T06:00:00+00:00"),
        (3, "Feature 3", "2026-06-04T06:00:00+00:00", "2026-06-04T06:00:00+00:00"),
        (4, "Feature 4", "2026-06-05T06:00:00+00:00", "2026-06-05T06:00:00+00:00"),
    ]


def test_unchanged_rows_are_not_written(mirror: Mirror) -> None:
    """The second read of the same data sends no statement to a mirrored table: only the ledger is written."""
    story = {"id": 5, "path": "I sit"}
    mirror.features(_features(1, 2, user_stories=[]) + _features(3, user_stories=[story]))
    mirror.tests([{"id": 700, "features": [{"id": 1}]}])
    statements: list[str] = []
    mirror.db.conn.set_trace_callback(statements.append)
    mirror.product(1)
    mirror.features(_features(3, user_stories=[story]) + _features(2, 1, user_stories=[]))
    mirror.tests([{"features": [{"id": 1}], "id": 700}])
    mirror.db.conn.set_trace_callback(None)
    verbs = ("insert", "update", "delete", "replace", "create", "drop", "alter")
    writes = [text.lower() for text in statements if text.lower().lstrip().startswith(verbs)]
    assert writes, "the ledger is written"
    mirrored = [table.name for table in schema.ALL_TABLES if table.is_mirrored]
    ledger = ("sync_runs", "stream_states", "sync_gaps", "rejected_rows", "stream_reads")
    for text in writes:
        assert any(name in text.split("(")[0] for name in ledger), text
        assert not any(f"into [{name}]" in text or f'into "{name}"' in text for name in mirrored)


def test_dry_plan_writes_nothing(mirror: Mirror) -> None:
    """Planning compares only."""
    mirror.features(_features(1))
    before = mirror.db.conn.total_changes
    diff.change_set(mirror.db, StreamRead("features", feature_rows(1, [(17, _features(2))])), product_id=1)
    assert mirror.db.conn.total_changes == before


def test_all_of_a_save_is_stored_or_nothing(mirror: Mirror) -> None:
    """When the second of two plans breaks a rule of the file, the first leaves no trace either."""
    first = diff.change_set(mirror.db, StreamRead("features", feature_rows(1, [(17, _features(1))])), product_id=1)
    orphan = feature_rows(1, [(9999, _features(2))])  # a section that is not stored
    second = diff.change_set(mirror.db, StreamRead("features", orphan), product_id=1)
    mirror.db.execute("pragma foreign_keys = on")
    with pytest.raises(sqlite3.IntegrityError):
        store.save(mirror.db, [first, second], run_id=1, now=mirror.now)
    assert mirror.all("features") == []
    assert mirror.all("stream_states", "stream", "stream = 'features'") == []


# -- what is gone ----------------------------------------------------------------------------------------------------


def test_row_that_no_longer_comes_is_marked_after_a_complete_read(mirror: Mirror) -> None:
    """It stays, with the time at which it was missed; its membership as well."""
    mirror.features(_features(1, 2, 3))
    assert mirror.features(_features(1, 3)).counts == Counts(unchanged=2, removed=1, total=2)
    assert mirror.all("features", "id, removed_at", "removed_at is not null") == [(2, "2026-06-05T06:00:00+00:00")]
    assert mirror.all("feature_sections", "feature_id, removed_at is null") == [(1, 1), (2, 0), (3, 1)]


def test_removal_is_marked_once(mirror: Mirror) -> None:
    """The time of the first complete read without it stays; it is not counted again."""
    mirror.features(_features(1, 2, 3))
    mirror.features(_features(1, 3))
    assert mirror.features(_features(1, 3)).counts == Counts(unchanged=2, total=2)
    assert mirror.all("features", "removed_at", "id = 2") == [("2026-06-05T06:00:00+00:00",)]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("doubt", ["gap", "rejected row", "rejected story"])
def test_nothing_is_removed_while_anything_is_in_doubt(mirror: Mirror, doubt: str, full: bool) -> None:
    """What did not come may be in the part that could not be read, or be a rejected record."""
    mirror.features(_features(1, 2, 3))
    now = {
        "gap": (_features(1), [A_GAP]),
        "rejected row": ([*_features(1), {"id": None}], []),
        "rejected story": (_features(1, user_stories=[{"id": "x"}]), []),
    }[doubt]
    plan = mirror.features(now[0], gaps=now[1], full=full)
    assert (plan.counts.removed, plan.is_complete) == (0, False)
    assert mirror.active() == {1, 2, 3}


@pytest.mark.parametrize(("left", "removed"), [(3, 1), (2, 2), (1, 0), (0, 0)])
def test_landslide_is_held_back_until_full(mirror: Mirror, left: int, removed: int) -> None:
    """Half may go at once; more is a gap that names itself, until the user confirms it."""
    mirror.features(_features(1, 2, 3, 4))
    plan = mirror.features(_features(*range(1, left + 1)))
    assert plan.counts.removed == removed
    assert len(mirror.active()) == 4 - removed
    held = removed == 0
    assert plan.is_complete is not held
    assert any("--full" in gap.reason for gap in plan.gaps) is held
    plan = mirror.features(_features(*range(1, left + 1)), full=True)
    assert (plan.is_complete, mirror.active()) == (True, set(range(1, left + 1)))
    assert mirror.all("sync_gaps", "id", "closed_at is null") == []


def test_row_that_comes_back_is_revived_with_its_history(mirror: Mirror) -> None:
    """The same content is an update, because it was gone; when it was first seen stays."""
    mirror.features(_features(1, 2))
    mirror.features(_features(1))
    assert mirror.features(_features(1, 2)).counts == Counts(updated=1, unchanged=1, total=2)
    assert mirror.all("features", "first_seen, last_synced, removed_at", "id = 2") == [
        ("2026-06-04T06:00:00+00:00", "2026-06-06T06:00:00+00:00", None)
    ]


def test_product_that_goes_takes_its_rows_and_no_others(mirror: Mirror) -> None:
    """Everything of it is marked in the same moment; the other product stays; it can come back."""
    mirror.features(_features(1))
    mirror.features(_features(11), product_id=2)
    mirror.tests([{"id": 700, "features": [{"id": 1}]}])

    def account(*ids: int) -> ChangeSet:
        rows = Rows()
        for product_id in ids:
            rows.by_table["products"] |= product_rows({"id": product_id, "name": "Harbour"}).by_table["products"]
        return mirror.save(StreamRead("products", rows), product_id=None)

    assert account(2).counts.removed == 1
    gone = mirror.now.isoformat()
    for table, count in {"products": 1, "sections": 2, "features": 1, "feature_sections": 1, "tests": 1}.items():
        assert mirror.all(table, "removed_at", "removed_at is not null") == [(gone,)] * count, table
    assert mirror.active() == {11}
    mirror.product(1)
    mirror.features(_features(1))
    assert mirror.active() == {1, 11}


def test_empty_account_removes_nothing_without_full(mirror: Mirror) -> None:
    """An account without products is more likely a fault of the source."""
    assert not mirror.save(StreamRead("products", Rows()), product_id=None).is_complete
    assert mirror.all("products", "id", "removed_at is null") == [(1,), (2,)]


# -- one id, two products --------------------------------------------------------------------------------------------


def test_feature_of_two_products_stays_with_the_first_and_is_named(mirror: Mirror) -> None:
    """Neither silently replaces the other; the second is refused, by name, and its stream is not complete."""
    mirror.features(_features(1, 2))
    plan = mirror.features([{"id": 1, "title": "stolen"}, *_features(11)], product_id=2)
    assert plan.counts == Counts(created=1, rejected=1, total=1)
    assert not plan.is_complete
    assert mirror.all("features", "id, product_id, title", "id = 1") == [(1, 1, "Feature 1")]
    reasons = [reason for (reason,) in mirror.all("rejected_rows", "reason")]
    assert "features 1 is already stored for product 1, which still has it" in reasons


def test_feature_that_moved_is_taken_over_once_the_first_product_let_go(mirror: Mirror) -> None:
    """After it was removed there it belongs to the product that has it."""
    mirror.features(_features(1, 2))
    mirror.features(_features(2))
    assert mirror.features(_features(1), product_id=2).counts == Counts(updated=1, total=1)
    assert mirror.all("features", "product_id, removed_at", "id = 1") == [(2, None)]


# -- the ledger ------------------------------------------------------------------------------------------------------


def _state(mirror: Mirror, stream: str = "features") -> dict[str, Any]:
    (row,) = mirror.db.query("select * from stream_states where product_id = 1 and stream = ?", [stream])
    return row


def test_state_of_a_complete_read(mirror: Mirror) -> None:
    """Expected is stored; run and time are those of this read."""
    mirror.features(_features(1, 2, 3))
    run_id = mirror.all("sync_runs", "max(id), 0")[0][0]
    assert _state(mirror) == {
        "product_id": 1,
        "stream": "features",
        "is_complete": 1,
        "last_run_id": run_id,
        "last_read_at": mirror.now.isoformat(),
        "last_complete_run_id": run_id,
        "last_complete_at": mirror.now.isoformat(),
        "rows_expected": 3,
        "rows_stored": 3,
        "rows_rejected": 0,
    }


def test_state_of_an_incomplete_read_remembers_the_last_complete_one(mirror: Mirror) -> None:
    """Not complete, expected unknown, and since when."""
    mirror.features(_features(1, 2, 3))
    complete = _state(mirror)
    mirror.features(_features(1), gaps=[A_GAP])
    state = _state(mirror)
    assert (state["is_complete"], state["rows_expected"], state["rows_stored"]) == (0, None, 3)
    assert state["last_complete_at"] == complete["last_complete_at"] != state["last_read_at"]
    assert state["last_complete_run_id"] == complete["last_complete_run_id"] != state["last_run_id"]


def test_rejected_rows_are_expected(mirror: Mirror) -> None:
    """They came, so the source holds them; they are not stored."""
    mirror.features([*_features(1, 2), {"id": None}])
    state = _state(mirror)
    assert (state["rows_expected"], state["rows_stored"], state["rows_rejected"], state["is_complete"]) == (3, 2, 1, 0)


def test_first_read_with_a_gap_was_never_complete(mirror: Mirror) -> None:
    """There is no last complete read to point at."""
    mirror.features(_features(1), gaps=[A_GAP])
    assert (_state(mirror)["last_complete_at"], _state(mirror)["last_complete_run_id"]) == (None, None)


def test_gap_is_one_row_until_it_is_read(mirror: Mirror) -> None:
    """It keeps when it was opened, counts the attempts over all runs, and is closed by the first read that has it."""
    mirror.features(_features(1), gaps=[A_GAP])
    opened = mirror.now.isoformat()
    mirror.features(_features(1), gaps=[A_GAP])
    columns = '"where", attempts, opened_at, closed_at, last_run_id > run_id'
    assert mirror.all("sync_gaps", columns) == [("section 18 (B)", 8, opened, None, 1)]
    assert ledger.open_gaps(mirror.db) == [Gap("features", "section 18 (B)", A_GAP.reason, 8, 1)]
    mirror.features(_features(1))
    assert mirror.all("sync_gaps", columns) == [("section 18 (B)", 8, opened, mirror.now.isoformat(), 1)]
    assert ledger.open_gaps(mirror.db) == []
    mirror.features(_features(1), gaps=[A_GAP])
    assert len(mirror.all("sync_gaps")) == 2


def test_gap_of_another_stream_or_product_stays_open(mirror: Mirror) -> None:
    """A read closes what it read, and nothing else."""
    mirror.features(_features(1), gaps=[A_GAP])
    mirror.features(_features(11), product_id=2)
    mirror.tests([])
    mirror.product(1)
    assert ledger.open_gaps(mirror.db, [1]) == ledger.open_gaps(mirror.db) == [A_GAP]
    assert ledger.open_gaps(mirror.db, [2]) == []


def test_rejected_row_is_listed_once_over_many_runs(mirror: Mirror) -> None:
    """The same bad row is one line with its payload; another one is another; gone, it is closed."""
    bad = {"id": None, "title": "x", "password": "Hunter2!"}
    for _ in range(3):
        mirror.features([*_features(1), bad])
    assert mirror.all("rejected_rows", "reason, raw_data, closed_at") == [
        ("id is missing", '{"id":null,"title":"x"}', None)
    ]
    mirror.features([*_features(1), {"id": "abc"}])
    assert mirror.all("rejected_rows", "row_id, closed_at is null") == [(None, 0), ("abc", 1)]
    mirror.features(_features(1))
    assert mirror.all("rejected_rows", "id", "closed_at is null") == []
    assert mirror.all("sync_gaps", "id", "closed_at is null") == []


def test_rejected_row_stays_open_while_its_part_is_not_read(mirror: Mirror) -> None:
    """A read with a gap says nothing of what is behind the gap."""
    mirror.features([*_features(1), {"id": None}])
    mirror.features(_features(1), gaps=[A_GAP])
    assert mirror.all("rejected_rows", "closed_at") == [(None,)]


def test_run_is_written_at_its_start_and_completed_at_its_end(mirror: Mirror) -> None:
    """A run that died says so as soon as the next one begins."""
    died = ledger.begin_run(mirror.db, now=DAY, mode="full", streams=["products"], products=[1, 2], version="1")
    assert mirror.all("sync_runs", "outcome, mode, products, finished_at", f"id = {died}") == [
        ("running", "full", "[1, 2]", None)
    ]
    later = ledger.begin_run(mirror.db, now=DAY, mode="normal", streams=["products"], products=None, version="1")
    assert mirror.all("sync_runs", "outcome", f"id = {died}") == [("interrupted",)]
    counts = {"features": Counts(1, 2, 3, 4, 5, 6)}
    ledger.end_run(
        mirror.db, later, now=DAY, outcome="incomplete", requests=9, counts=counts, unknown_fields={"b": 1, "a": 2}
    )
    (row,) = mirror.db.query("select * from sync_runs where id = ?", [later])
    assert (row["outcome"], row["requests"], row["products"], row["error"]) == ("incomplete", 9, None, None)
    assert json.loads(row["counts"])["features"]["total"] == 6
    assert row["unknown_fields"] == '{"a": 2, "b": 1}'
    assert Counts(1, 0, 2) + Counts(removed=3, unchanged=1) == Counts(1, 0, 3, 3)


# -- any history -----------------------------------------------------------------------------------------------------

READS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(1, 8), st.sampled_from(["a", "b", None]), max_size=8),
        st.sampled_from(["ok", "ok", "ok", "gap", "bad row", "full"]),
    ),
    min_size=1,
    max_size=7,
)


@given(READS)
def test_any_history_ends_as_a_simple_model_says(reads: list[tuple[dict[int, str | None], str]]) -> None:
    """Active rows, titles and counts after any sequence of reads equal those of a dictionary kept beside it."""
    mirror = Mirror()
    mirror.product(1)
    active: dict[int, str | None] = {}
    ever: set[int] = set()
    for listing, kind in reads:
        rows: list[Any] = [{"id": number, "title": title} for number, title in listing.items()]
        plan = mirror.features(
            [*rows, *([{"id": None}] if kind == "bad row" else [])],
            gaps=[A_GAP] if kind == "gap" else [],
            full=kind == "full",
        )
        gone = active.keys() - listing.keys()
        certain = kind in {"ok", "full"} and (kind == "full" or len(gone) <= len(active) / 2)
        same = {number for number in listing if number in active and active[number] == listing[number]}
        assert plan.counts == Counts(
            created=len(listing.keys() - ever),
            updated=len((listing.keys() & ever) - same),
            unchanged=len(same),
            removed=len(gone) if certain else 0,
            rejected=int(kind == "bad row"),
            total=len(listing),
        )
        assert plan.is_complete is certain
        active = ({} if certain else active) | listing
        ever |= listing.keys()
        stored = dict(mirror.db.execute("select id, title from features where removed_at is null").fetchall())
        assert stored == active
        assert _state(mirror)["rows_stored"] == len(active)
    assert mirror.db.execute("pragma foreign_key_check").fetchall() == []
    mirror.db.close()


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"id": st.integers(1, 5)}, optional={"title": JSON, "user_stories": JSON}), JSON
        )
    )
)
def test_any_payload_can_be_stored_twice(features: list[Any]) -> None:
    """Whatever the API sends reaches the file without an error, holds no secret, and is unchanged the second time."""
    mirror = Mirror()
    mirror.product(1)
    mirror.db.execute("pragma foreign_keys = on")
    read = StreamRead("features", cut_rows(feature_rows(1, [(17, features)]), Credentials(tokens=[SECRET])))
    first = mirror.save(read).counts
    second = mirror.save(read).counts
    assert (second.created, second.updated, second.unchanged) == (0, 0, first.total)
    assert SECRET not in "\n".join(mirror.db.conn.iterdump())
    mirror.db.close()


# -- the file --------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from testio_analytics.mirror import database, ledger
path = Path(sys.argv[1])
with database.writing(path), database.open_store(path) as db:
    ledger.begin_run(db, now=datetime(2026, 6, 1, tzinfo=UTC), mode="normal", streams=[], products=None, version="1")
    print("held", flush=True)
    time.sleep(600)
"""


def test_lock_names_its_owner_and_dies_with_it(db_path: Path) -> None:
    """A second writer is told which process writes since when; a killed one leaves the way free."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(db_path)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            told = rf"run 1, process {holder.pid}, since 2026-06-01T"
            with pytest.raises(errors.LockedError, match=told), database.writing(db_path):
                pass
            with pytest.raises(errors.LockedError):
                database.migrate_file(db_path, 1)
        finally:
            os.kill(holder.pid, signal.SIGKILL)
        holder.wait(PATIENCE)
    with database.writing(db_path), database.open_store(db_path) as db:
        assert db.execute("select outcome from sync_runs").fetchall() == [("running",)]
        ledger.begin_run(db, now=DAY, mode="normal", streams=[], products=None, version="1")
        assert db.execute("select outcome from sync_runs where id = 1").fetchone() == ("interrupted",)


def test_lock_is_given_back_after_an_error(db_path: Path) -> None:
    """A run that fails does not lock out the next one."""
    for _ in range(2):
        with pytest.raises(KeyError), database.writing(db_path):
            raise KeyError


def test_readers_are_not_blocked_by_a_writer(db_path: Path) -> None:
    """While a transaction is open, a reader sees the state before it, at once."""
    with database.open_store(db_path) as db:
        run = _run(db)
        with db.atomic():
            db.execute("update sync_runs set outcome = 'complete'")
            with closing(sqlite3.connect(f"file:{db_path}?mode=ro", uri=True, timeout=0)) as reader:
                assert reader.execute("select outcome from sync_runs where id = ?", [run]).fetchone() == ("running",)
        with closing(sqlite3.connect(f"file:{db_path}?mode=ro", uri=True, timeout=0)) as reader:
            assert reader.execute("select outcome from sync_runs where id = ?", [run]).fetchone() == ("complete",)


def _run(db: Database) -> int:
    """Begin a run: the smallest row that can be written."""
    return ledger.begin_run(db, now=DAY, mode="normal", streams=[], products=None, version="1")


def test_file_that_is_no_database_is_refused_and_kept(db_path: Path) -> None:
    """A text file under that name is not overwritten."""
    db_path.write_text("Dear diary, " * 100)
    with pytest.raises(errors.StoreError, match="cannot be used as a database"), database.open_store(db_path):
        pass
    with pytest.raises(errors.StoreError), database.open_copy(db_path):
        pass
    assert db_path.read_text() == "Dear diary, " * 100


def test_folder_in_place_of_the_file_is_said(db_path: Path) -> None:
    """A path that names a folder."""
    db_path.mkdir()
    with pytest.raises(errors.StoreError), database.open_store(db_path):
        pass


def test_file_in_place_of_a_folder_is_said(db_path: Path) -> None:
    """A path that goes through a file."""
    db_path.write_text("")
    with (
        pytest.raises(errors.StoreError, match="no folder"),
        database.open_store(db_path / "x" / "t.db"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write everywhere")
def test_read_only_folder_is_said(tmp_path: Path) -> None:
    """A folder in which nothing may be made."""
    tmp_path.chmod(0o500)
    with pytest.raises(errors.StoreError, match="give the right"), database.open_store(tmp_path / "t.db"):
        pass


def test_copy_for_a_dry_run_leaves_the_file_alone(db_path: Path) -> None:
    """It has the rows of the file, takes changes, and the file stays as it is; no file is made where there is none."""
    with database.open_copy(db_path) as copy:
        assert copy.execute("select count(*) from features").fetchone() == (0,)
    assert not db_path.exists()
    with database.open_store(db_path) as db:
        _run(db)
    before = db_path.read_bytes()
    with database.open_copy(db_path) as copy:
        assert copy.execute("select count(*) from sync_runs").fetchone() == (1,)
        _run(copy)
    assert db_path.read_bytes() == before


def test_missing_folders_are_made(tmp_path: Path) -> None:
    """The default path lies in a folder that a new user does not have."""
    path = tmp_path / "a" / "b" / "t.db"
    with database.writing(path), database.open_store(path) as db:
        assert migrations.version_of(db) == migrations.HEAD
        assert db.execute("pragma journal_mode").fetchone() == ("wal",)
        assert db.execute("pragma foreign_keys").fetchone() == (1,)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A file with foreign tables is refused, and not a byte of it changes."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table invoices (id integer)")
    before = path.read_bytes()

    with pytest.raises(errors.StoreError, match="something else"), database.open_store(path):
        pass
    assert path.read_bytes() == before


def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    """A file whose pages are destroyed is a StoreError with advice, not a raw exception."""
    path = tmp_path / "damaged.db"
    with database.open_store(path):
        pass
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(bytes(content))

    with pytest.raises(errors.StoreError, match="sync again"), database.open_store(path) as db:
        db.execute("select count(*) from features").fetchall()


def test_a_folder_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    """A path below a file cannot be locked, and the message says what to name instead."""
    (tmp_path / "file").write_text("")

    with pytest.raises(errors.StoreError, match="--db"), database.writing(tmp_path / "file" / "mirror.db"):
        pass
