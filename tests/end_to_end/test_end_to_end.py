"""The command as people run it: real processes, a real port, a real file; and what a killed process leaves behind."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette

from serving import COMMAND, command, environment, serving
from syncing import TOKEN, content, query
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.server import running_server
from testio_analytics.mirror.schema import STREAMS
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow
PRODUCTS = (21362, 18559, 24959)


@pytest.fixture(scope="module", name="account")
def _account(pristine: Account) -> Account:
    account = Account(pristine.now, [pristine.product(key) for key in PRODUCTS]).copy()
    del account.product(18559).cycles[60:]
    return account


def test_sync_over_a_real_port(account: Account, tmp_path: Path) -> None:
    """`sync --json` prints one object and ends with 0; a second one finds nothing to write; `status` agrees."""
    db = tmp_path / "mirror.db"
    with serving(account) as address:
        first = command("sync", "--db", str(db), "--json", address=address)
        second = command("sync", "--db", str(db), "--json", address=address)

    assert first.returncode == second.returncode == 0, first.stderr
    said = json.loads(first.stdout)
    assert sorted(said) == ["gaps", "outcome", "requests", "run_id", "seconds", "streams"]
    assert said["outcome"] == "complete"
    assert said["streams"]["features"]["created"] == 28 + 297 + 9
    counts = json.loads(second.stdout)["streams"]["features"]
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (0, 0, 334)
    status = command("status", "--db", str(db), address="http://127.0.0.1:9/unused")
    # Everything was read; that some bugs of this account name no status is no gap of the sync, and is said.
    assert (status.returncode, "complete" in status.stdout) == (3, True), status.stdout + status.stderr
    assert "2 bugs of Skerry Lines Platform have no status." in status.stderr


def test_a_refusing_server_on_a_real_port(account: Account, tmp_path: Path) -> None:
    """With 500 above three requests at once, all features arrive and the exit code is 0."""
    db = tmp_path / "mirror.db"
    with serving(account, Faults(concurrent_limit=3, slow=0.01)) as address:
        done = command("sync", "--db", str(db), "--stream", "features", address=address)

    assert done.returncode == 0, done.stderr
    assert query(db, "select count(*) from features") == [(334,)]


def test_incomplete_is_exit_code_3_and_named_everywhere(account: Account, tmp_path: Path) -> None:
    """A section that fails for ever: exit 3, and the section named by sync, status and the ledger."""
    db = tmp_path / "mirror.db"
    with serving(account, Faults(failing_sections=frozenset({25618}))) as address:
        done = command("sync", "--db", str(db), "--stream", "features", address=address)
    status = command("status", "--db", str(db), address="http://127.0.0.1:9/unused")

    assert (done.returncode, status.returncode) == (3, 3)
    assert "25618" in done.stderr
    assert "25618" in status.stdout + status.stderr
    assert query(db, "select count(*) from features where product_id = 18559") == [(297,)]


def test_failures_are_exit_code_1_with_one_message(account: Account, tmp_path: Path) -> None:
    """Wrong token, no server, unreadable file: exit 1, one line of reason, no traceback, no token."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"this is no database" * 100)
    with serving(account) as address:
        wrong = command("sync", "--db", str(tmp_path / "a.db"), "--json", address=address, token="wrong-token-55")
        unreadable = command("sync", "--db", str(garbage), address=address)
    missing = command("status", "--db", str(tmp_path / "none.db"), address=address)

    for done in (wrong, unreadable, missing):
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("Error: ")
    assert json.loads(wrong.stdout)["outcome"] == "failed"
    assert "TESTIO_CUSTOMER_API_TOKEN" in wrong.stderr
    assert "wrong-token-55" not in wrong.stderr + wrong.stdout
    assert garbage.read_bytes() == b"this is no database" * 100


def test_no_server_is_exit_code_1(tmp_path: Path) -> None:
    """An address where nobody listens is told as such after the tries."""
    done = command("sync", "--db", str(tmp_path / "a.db"), address="http://127.0.0.1:9/customer/v2")

    assert done.returncode == 1
    assert "got no answer" in done.stderr


def test_wrong_calls_are_exit_code_2(tmp_path: Path) -> None:
    """What click refuses and what we refuse are both exit code 2."""
    for words in (
        ["sync", "--concurrency", "0"],
        ["sync", "--stream", "bugz"],
        ["nonsense"],
        ["show", "no_such_report"],
    ):
        done = command(*words, "--db", str(tmp_path / "a.db"), address="http://127.0.0.1:9/customer/v2")
        assert done.returncode == 2, words


def test_two_syncs_at_once_do_not_mix(account: Account, tmp_path: Path) -> None:
    """While one sync runs, another is refused and told who holds the lock; the first one ends well."""
    db, answers = tmp_path / "mirror.db", threading.Event()
    app: Any = create_app(account, token=TOKEN)

    async def held_back(scope: Any, receive: Any, send: Any) -> None:
        while not answers.is_set():
            await asyncio.sleep(0.02)
        await app(scope, receive, send)

    with running_server(cast("Starlette", held_back)) as address:
        first = subprocess.Popen(
            [*COMMAND, "sync", "--db", str(db), "--product", "21362", "--stream", "features"],
            env=environment(address),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        wait_for(lambda: db.exists() and _runs(db) == 1, "the first run")
        second = command("sync", "--db", str(db), address=address)
        answers.set()
        first.communicate(timeout=PATIENCE)

    assert first.returncode == 0
    assert second.returncode == 1
    assert f"process {first.pid}" in second.stderr


def _runs(db: Path) -> int:
    try:
        return int(query(db, "select count(*) from sync_runs")[0][0])
    except Exception:  # noqa: BLE001  any error means not yet
        return 0


def test_interrupt_stops_at_once_and_keeps_what_was_finished(account: Account, tmp_path: Path) -> None:
    """Ctrl-C ends a sync that waits for an answer, and its run says that it was interrupted."""
    db = tmp_path / "mirror.db"
    with serving(account, Faults(slow=2 * PATIENCE)) as address:
        process = subprocess.Popen(
            [*COMMAND, "sync", "--db", str(db)], env=environment(address), stderr=subprocess.PIPE
        )
        wait_for(lambda: db.exists() and _runs(db) == 1, "the first run")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert query(db, "select outcome from sync_runs") == [("interrupted",)]


@dataclass
class Gate:
    """Stands before a server, counts its requests, and holds back those above `most`."""

    app: Any
    asked: int = 0
    most: float = math.inf

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request when its number is let through."""
        self.asked += scope["type"] == "http"
        number = self.asked
        while number > self.most:
            await asyncio.sleep(0.02)
        await self.app(scope, receive, send)

    def reset(self, most: float = math.inf) -> None:
        """Count from none again."""
        self.asked, self.most = 0, most


@contextmanager
def gated(account: Account) -> Iterator[tuple[Gate, str]]:
    """Serve the account on a real port, behind a gate."""
    gate = Gate(create_app(account, token=TOKEN))
    with running_server(cast("Starlette", gate)) as address:
        yield gate, address
        gate.reset()  # so that what is held back does not hold back the end of the server


def test_kill_at_many_moments_leaves_no_product_half_written(account: Account, tmp_path: Path) -> None:
    """Kill -9 during a first sync and during a second one that changes every feature.

    After each kill the file opens, is sound, and holds each product as it was or as it is now; the next sync
    completes it.
    """
    clean, db = tmp_path / "clean.db", tmp_path / "killed.db"
    changed = account.copy()
    for product in changed.products:
        for feature in product.features:
            feature.payload["title"] = f"{feature.payload['title']} (second edition)"
    for state, is_first in ((account, True), (changed, False)):
        with gated(state) as (gate, address):
            assert command("sync", "--db", str(clean), address=address).returncode == 0
            moments = [gate.asked * step // 6 for step in range(1, 6)]
            for moment in moments:
                if is_first:
                    for path in db.parent.glob(f"{db.name}*"):
                        path.unlink()
                _kill_after(moment, gate, db, address)
                _assert_sound(db, account)
            gate.reset()
            assert command("sync", "--db", str(db), address=address).returncode == 0
        assert content(db) == content(clean)


def _kill_after(requests: int, gate: Gate, db: Path, address: str) -> None:
    """Kill a sync as soon as it asks for more than so many answers, which it does not get."""
    gate.reset(requests)
    process = subprocess.Popen(
        [*COMMAND, "sync", "--db", str(db)],
        env=environment(address),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: gate.asked > requests, f"request {requests + 1}")
        assert process.poll() is None, "it ended before it was killed"
    finally:
        process.kill()
        process.wait()


def _assert_sound(db: Path, account: Account) -> None:
    assert query(db, "pragma integrity_check") == [("ok",)]
    assert query(db, "pragma foreign_key_check") == []
    if not query(db, "select 1 from sqlite_master where name = 'features'"):
        return
    for product in account.products:
        titles = query(db, "select title like '%(second edition)' from features where product_id = ?", [product.id])
        tests = query(db, "select count(*) from tests where product_id = ?", [product.id])
        states = query(db, "select stream from stream_states where product_id = ?", [product.id])
        if states:
            assert len(titles) == len({feature.payload["id"] for feature in product.features})
            assert tests == [(len(product.cycles),)]
            bugs = query(db, "select count(*) from bugs where product_id = ?", [product.id])
            assert bugs == [(sum(len(cycle.bugs) for cycle in product.cycles),)]
            assert len(states) == len(STREAMS)
        else:
            assert (titles, tests) == ([], [(0,)])
        assert len(set(titles)) <= 1, "a product holds features of two syncs"


def test_demo_server_command_serves_any_client(tmp_path: Path) -> None:
    """`demo-server` prints its address, takes its token, and another HTTP client can read it."""
    from urllib.request import Request, urlopen

    process = subprocess.Popen(
        [*COMMAND, "demo-server", "--port", "0", "--token", "abc"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        request = Request(f"{address}/products", headers={"Authorization": "Token abc"})
        with urlopen(request, timeout=PATIENCE) as answer:
            assert len(json.load(answer)["products"]) >= 8
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert address.endswith("/customer/v2")
