"""The history of a file: what a killed sync leaves of it, and what is let go on request, over a real port."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from histories import EDITS, Past, assert_same, edit
from serving import command, serving
from small_account import small_account
from syncing import NOW, content, mirror_digest, query, sync_account
from testio_analytics.cli import cli
from testio_analytics.demo.account.model import Account
from testio_analytics.frames.history import load_history
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror import database
from testio_analytics.pages.build import make_pages

NOTEBOOKS = ["03_untested_features"]

MOMENTS = 8
"""So many moments of one sync, evenly spread over its statements, at which it is killed."""


def changed_account() -> Account:
    """Return an account in which something of every kind changed in each product since `small_account`."""
    past = Past(small_account(tests=6))
    for index in range(2):
        for kind in EDITS:
            if "product" not in kind and "back" not in kind:
                edit(past, kind, index)
    past.account.products[1].payload["name"] = "Named anew"
    return past.account


@contextmanager
def traced(said: list[str], dies_at: int | None) -> Iterator[None]:
    """Collect the statements of the connection that writes; kill this process, as a power cut would, before one of them."""
    opened = database.open_store

    @contextmanager
    def open_traced(path: Path) -> Iterator[Database]:
        with opened(path) as db:

            def statement(text: str) -> None:
                said.append(text)
                if len(said) == dies_at:
                    os.kill(os.getpid(), signal.SIGKILL)

            db.conn.set_trace_callback(statement)
            yield db

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "open_store", open_traced)
        yield


def sync_killed(account: Account, db: Path, dies_at: int) -> int:
    """Sync in a process of its own that dies before a statement, and return the signal that ended it."""
    child = os.fork()
    if child == 0:
        signal.alarm(300)  # whatever happens in there, it ends
        try:
            with traced([], dies_at):
                sync_account(account, db, now=NOW + timedelta(days=2))
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_history_and_tables_agree_wherever_a_sync_is_killed(tmp_path: Path) -> None:
    """Killed before any of its statements: every earlier state is as it was, and the next sync brings the rest."""
    before, whole, changed = tmp_path / "before.db", tmp_path / "whole.db", changed_account()
    then = dict[int, Mirror]()
    sync_account(small_account(tests=3), before, now=NOW)
    then[1] = load_mirror(before)
    sync_account(small_account(tests=6), before, now=NOW + timedelta(days=1))
    then[2] = load_mirror(before)
    shutil.copyfile(before, whole)
    said = list[str]()
    with traced(said, None):
        done = sync_account(changed, whole, now=NOW + timedelta(days=2)).result
    assert done.outcome == "complete" and all(done.streams[stream].removed for stream in ("features", "tests", "bugs"))
    assert len(query(whole, "select 1 from row_changes where run_id = 3")) > 10

    for moment in range(MOMENTS):
        db = tmp_path / f"{moment}.db"
        shutil.copyfile(before, db)
        dies_at = 1 + moment * (len(said) - 1) // max(1, MOMENTS - 1)
        assert sync_killed(changed, db, dies_at) == signal.SIGKILL
        left = load_mirror(db)
        states = {**then, int(left.sync_runs["id"].max()): left}
        for run, mirror in states.items():
            assert_same(load_mirror(db, as_of=run), mirror)
        sync_account(changed, db, now=NOW + timedelta(days=3))
        assert content(db) == content(whole)
        for run, mirror in states.items():
            assert_same(load_mirror(db, as_of=run), mirror)


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
    assert "how they were before was not recorded" in call(*show, "1", code=3)
    assert "how they were before" not in call(*show, "4")
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
    call("migrate", "--db", path, "--to", "5")
    assert not query(db, "select 1 from sqlite_master where name = 'row_changes'")
    call("migrate", "--db", path)
    call("migrate", "--db", path, "--to", "5")
    assert mirror_digest(db) == rows
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
    """After ten further syncs of an account that changed each time, in names, features, tests, bugs and stories."""
    db, past = tmp_path / "testio.db", Past(small_account(tests=3))
    sync_account(past.account, db, now=NOW)
    (then,) = make_pages(db, tmp_path / "then", notebooks=NOTEBOOKS)
    for run in range(2, 12):
        for kind in EDITS:
            if "product" not in kind or kind == "rename product":
                edit(past, kind, run)
        sync_account(past.account, db, now=NOW + timedelta(days=run))
    (again,) = make_pages(db, tmp_path / "again", notebooks=NOTEBOOKS, as_of=1)
    (now,) = make_pages(db, tmp_path / "now", notebooks=NOTEBOOKS)

    assert again.read_bytes() == then.read_bytes()
    assert now.read_bytes() != then.read_bytes()
