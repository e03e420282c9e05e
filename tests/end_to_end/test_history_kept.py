"""The history of a file: what a killed sync leaves of it, and what is let go on request, over a real port."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from histories import EDITS, Past, assert_same, edit
from serving import command, serving
from small_account import small_account
from syncing import NOW, content, mirror_digest, query, sync_account
from testio_analytics.cli import cli
from testio_analytics.demo.account.model import Account
from testio_analytics.display.csv_json import csv_text
from testio_analytics.frames.history import load_history
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror import database, diff, ledger, schema, store
from testio_analytics.mirror.diff import ChangeSet, StreamRead
from testio_analytics.mirror.reported import remember
from testio_analytics.pages.build import make_pages
from testio_analytics.reports.registry import REPORTS

NOTEBOOKS = ["01_sync_and_health", "explore"]

MOMENTS = 200
"""So many moments at which the writing of one sync is killed: half of them before one of its statements, evenly spread,
the others within the writing of a byte of the write-ahead log, which is where a transaction is made to last."""


def changed_account() -> Account:
    """Return an account in which something of every kind changed in each product since `small_account`."""
    past = Past(small_account(tests=6))
    for index in range(2):
        for kind in EDITS:
            if "product" not in kind and "back" not in kind:
                edit(past, kind, index)
    past.account.products[1].payload["name"] = "Named anew"
    return past.account


Reads = list[tuple[int | None, list[StreamRead]]]
"""What a sync read, by transaction: the product, None for the account, and its streams."""


def reads_of_sync(account: Account, db: Path) -> Reads:
    """Sync, and return what was read."""
    found, save = Reads(), store.save

    def noted(db: Database, plans: Sequence[ChangeSet], **named: Any) -> None:
        found.append((plans[0].product_id, [plan.read for plan in plans]))
        save(db, plans, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "save", noted)
        done = sync_account(account, db, now=NOW + timedelta(days=2)).result
    assert done.outcome == "complete" and all(done.streams[stream].removed for stream in ("features", "tests", "bugs"))
    return found


def write_reads(db: Path, reads: Reads, statement: Callable[[str], None]) -> None:
    """Write what a sync read, as the sync does; `statement` is told of each statement."""
    now = NOW + timedelta(days=2)
    with database.open_store(db) as opened:
        opened.conn.set_trace_callback(statement)
        run = ledger.begin_run(opened, now=now, mode="normal", streams=schema.STREAMS, products=None, version="1")
        for product_id, streams in reads:
            plans = [diff.change_set(opened, read, product_id=product_id) for read in streams]
            store.save(opened, plans, run_id=run, now=now)
        store.let_go_of_unasked(opened, (), run_id=run, now=now)
        ledger.end_run(opened, run, now=now, outcome="complete", requests=0, counts={}, unknown_fields={})
        opened.conn.set_trace_callback(None)


def killed(db: Path, reads: Reads, *, at_statement: int = 0, at_byte: int = 0) -> int:
    """Write in a process that dies before a statement, or within a byte of a file, and return the signal that ended it."""
    child = os.fork()
    if child == 0:
        signal.alarm(300)  # whatever happens in there, it ends
        said = list[str]()

        def statement(text: str) -> None:
            said.append(text)
            if len(said) == at_statement:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            if at_byte:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (at_byte, at_byte))
            write_reads(db, reads, statement)
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def everything(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, but for the number of the process that wrote."""
    names = {name: [one for one in table.column_names if one != "owner"] for name, table in schema.TABLES.items()}
    return {name: query(db, f"select [{'], ['.join(of)}] from {name} order by 1, 2") for name, of in names.items()}


def spread(count: int, first: int, last: int) -> list[int]:
    """Return so many numbers, evenly spread from the first to the last."""
    return [first + place * (last - first) // (count - 1) for place in range(count)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_history_and_tables_agree_wherever_the_writing_is_killed(tmp_path: Path) -> None:
    """What is left is one of few states: in each, every earlier state is as it was, and the next sync brings the rest."""
    before, whole, db, changed = (*(tmp_path / f"{name}.db" for name in ("before", "whole", "left")), changed_account())
    then = dict[int, Mirror]()
    for run, tests in enumerate([3, 6], start=1):
        sync_account(small_account(tests=tests), before, now=NOW + timedelta(days=run - 1))
        then[run] = load_mirror(before)
    shutil.copyfile(before, whole)
    reads, said, sizes = reads_of_sync(changed, whole), list[str](), [0]
    wal = db.with_name("left.db-wal")

    def noted(text: str) -> None:
        said.append(text)
        sizes.append(wal.stat().st_size if wal.exists() else 0)

    shutil.copyfile(before, db)
    write_reads(db, reads, noted)
    assert content(db) == content(whole) and len(load_mirror(db).row_changes.query("run_id == 3")) > 10
    moments = [{"at_statement": number} for number in spread(MOMENTS // 2, 1, len(said))]
    # Less than the whole log, or nothing would be killed; another file than the log is longer only when it is written back.
    moments += [{"at_byte": size} for size in spread(MOMENTS - len(moments), 1, max(sizes) - 1)]

    states = list[tuple[dict[str, list[tuple[Any, ...]]], Path]]()
    for moment in moments:
        for path in tmp_path.glob("left.db*"):
            path.unlink()
        shutil.copyfile(before, db)
        assert killed(db, reads, **moment) == (signal.SIGKILL if "at_statement" in moment else signal.SIGXFSZ), moment
        left = everything(db)
        if all(left != known for known, _ in states):
            states.append((left, tmp_path / f"state {len(states)}.db"))
            shutil.copyfile(db, states[-1][1])
    assert len(reads) + 2 <= len(states) <= len(reads) + 4
    for _, state in states:
        left_over = load_mirror(state)
        earlier = {**then, int(left_over.sync_runs["id"].max()): left_over}
        for is_whole in (False, True):
            for run, mirror in earlier.items():
                assert_same(load_mirror(state, as_of=run), mirror)
            if not is_whole:
                sync_account(changed, state, now=NOW + timedelta(days=3))
                assert content(state) == content(whole)


def call(*words: str, code: int = 0) -> str:
    """Run a command in this process, check its exit code, and return what it said on standard error."""
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == code, done.output
    return done.stderr


def test_history_longer_ago_than_asked_is_let_go(tmp_path: Path) -> None:
    """`sync --keep-history 2y` says how many runs are gone; younger states are as they were, older ones are in doubt."""
    db, account, now = tmp_path / "testio.db", small_account(tests=3), datetime.now(UTC).replace(microsecond=0)
    then = dict[int, Mirror]()
    for run, years in enumerate([4, 3.5, 3, 1], start=1):
        account.product(1).payload["name"] = f"Named in run {run}"
        sync_account(account, db, now=now - timedelta(days=365 * years))
        then[run] = load_mirror(db)
    with serving(account) as address:
        done = command("sync", "--db", str(db), "--keep-history", "2y", address=address)
    show = ("show", "feature_catalog", "--db", str(db), "--format", "csv", "--as-of")

    assert done.returncode == 0
    assert "The state after 2 runs can no longer be rebuilt: longer ago than 2y." in done.stderr
    assert "how they were before was not recorded; the history begins with run 3" in call(*show, "1", code=3)
    assert "how they were before" not in call(*show, "4")
    changes = call("changes", "--db", str(db), "--from", "2", code=1)
    assert "The state after run 2 is not kept: the history begins with run 3." in changes
    assert "soon" in call("sync", "--db", str(db), "--keep-history", "soon", code=2)
    for run in (3, 4):
        for name in ("products", "features", "tests", "bugs", "stream_states", "sync_gaps"):
            assert getattr(load_mirror(db, as_of=run), name).equals(getattr(then[run], name))
    names = [load_mirror(db, as_of=run).product_names[1] for run in (1, 3, 4)]
    assert names == ["Named in run 4", "Named in run 3", "Named in run 4"]
    assert load_mirror(db).runs.recorded == 3


def test_upgrade_begins_the_history_and_loses_no_row(tmp_path: Path) -> None:
    """A filled file of the schema before, up, down and up again: rows stay, and no earlier state is made up."""
    db, account = tmp_path / "testio.db", small_account(tests=3)
    for run in (1, 2):
        account.product(1).payload["name"] = f"Named in run {run}"
        sync_account(account, db, now=NOW + timedelta(days=run))
    rows, path = mirror_digest(db), str(db)
    packed, states = load_history(db), [load_mirror(db, as_of=run) for run in (1, 2)]
    call("migrate", "--db", path, "--to", "7")
    assert query(db, "select distinct run_id from row_changes") == [(1,), (2,)]
    call("migrate", "--db", path)
    assert load_history(db).equals(packed)
    for run, state in enumerate(states, start=1):
        for name in ("products", "features", "stream_states", "test_reads", "row_changes", "stream_reads"):
            assert getattr(load_mirror(db, as_of=run), name).equals(getattr(state, name))
    call("migrate", "--db", path, "--to", "5")
    assert not query(db, "select 1 from sqlite_master where name = 'row_changes'")
    call("migrate", "--db", path)
    call("migrate", "--db", path, "--to", "5")
    earlier = mirror_digest(db)
    assert len(earlier) > 8 and earlier == {name: rows[name] for name in earlier}
    call("migrate", "--db", path)
    assert mirror_digest(db) == rows and load_history(db).empty

    begun = load_mirror(db)
    account.product(1).payload["name"] = "Named in run 3"
    account.product(2).features.pop()
    sync_account(account, db, now=NOW + timedelta(days=3))
    assert begun.runs.recorded == 2
    assert_same(load_mirror(db, as_of=2), begun)
    first = load_mirror(db, as_of=1)
    assert (first.product_names[1], first.as_of) == ("Named in run 3", begun.runs.until(1))
    show = ("show", "feature_catalog", "--db", path, "--format", "csv", "--as-of")
    assert "how they were before was not recorded" in call(*show, "1", code=3)
    assert "how they were before" not in call(*show, "2")
    assert {*load_history(db)["run_id"]} == {3}


def test_page_of_an_earlier_run_has_the_bytes_of_the_page_made_then(tmp_path: Path) -> None:
    """After ten further syncs of an account that changed each time, in names, features, tests, bugs and stories.

    That is shown of a page of a notebook, the page Explore and every report; the pages are made of these.
    """
    db, past = tmp_path / "testio.db", Past(small_account(tests=3))
    for run in range(1, 14):
        for kind in EDITS:
            if run > 1 and ("product" not in kind or kind == "rename product"):
                edit(past, kind, run)
        sync_account(past.account, db, now=NOW + timedelta(days=run))
        if run in (1, 5, 9):
            remember(db, kind="report", run_id=run)
        if run == 3:
            then, files = make_pages(db, tmp_path / "then", notebooks=NOTEBOOKS), _all_reports(load_mirror(db))
    again = make_pages(db, tmp_path / "again", notebooks=NOTEBOOKS, as_of=3)
    (now,) = make_pages(db, tmp_path / "now", notebooks=NOTEBOOKS[-1:])

    assert [page.read_bytes() for page in again] == [page.read_bytes() for page in then]
    assert now.read_bytes() != then[-1].read_bytes()
    assert _all_reports(load_mirror(db, as_of=3)) == _all_reports(load_mirror(db).at(3)) == files
    assert len(files) > 30 and files != _all_reports(load_mirror(db))


def _all_reports(mirror: Mirror) -> dict[str, str]:
    """Return every report as CSV."""
    return {name: csv_text(report.function(mirror)) for name, report in REPORTS.items()}
