"""Rows made here or in a second process: the same rows, whatever happens to that process, and none is left behind."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from syncing import mirror_digest, sync_account
from testio_analytics.concurrency import gc_paused
from testio_analytics.demo.account.model import Account
from testio_analytics.mirror import worker
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.worker import RowWorker, serve
from waiting import PATIENCE, wait_for

INLINE_CALLS = 10


@pytest.fixture(autouse=True)
def _as_people_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second process start after as many calls as it does outside the tests."""
    monkeypatch.setattr(worker, "INLINE_CALLS", INLINE_CALLS)


def where(_: int) -> int:
    """Return the process that computes this."""
    return os.getpid()


def fails_for(number: int, wrong: int) -> int:
    """Return the number, unless it is the wrong one."""
    if number == wrong:
        raise ValueError(f"{number} is wrong")
    return number


def killed_for(number: int, wrong: int) -> int:
    """Return the number; a second process dies of the wrong one."""
    if number == wrong and "serve()" in Path(f"/proc/{os.getpid()}/cmdline").read_text():
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _computed(work: Callable[[RowWorker], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        async with RowWorker() as compute:
            return await work(compute)

    return asyncio.run(go())


async def _until_in_worker(compute: RowWorker) -> int:
    """Call until a second process answers, and return which it is."""
    for number in range(2000):
        if (found := await compute(where, number)) != os.getpid():
            return found
        await asyncio.sleep(0.005)
    raise AssertionError("no second process ever answered")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_few_calls_are_made_here_and_many_elsewhere() -> None:
    """The second process is started when there is much to do, is one and the same, and ends with the worker."""

    async def work(compute: RowWorker) -> list[int]:
        few = [await compute(where, number) for number in range(INLINE_CALLS)]
        assert {*few} == {os.getpid()}
        other = await _until_in_worker(compute)
        assert {*await asyncio.gather(*(compute(where, number) for number in range(20)))} == {other}
        return [other]

    assert not _is_running(*_computed(work))


def test_rows_are_the_same_from_there() -> None:
    """Rows, rejections and unknown fields come as if they had been made here."""
    product = {"id": 5, "name": "Ferry", "sections": [{"id": 1, "name": "Web"}, {"id": None}], "strange": [1, {"a": 2}]}

    async def work(compute: RowWorker) -> Any:
        await _until_in_worker(compute)
        return await compute(product_rows, product)

    assert _computed(work) == product_rows(product)


def test_an_error_comes_out_as_it_is_wherever_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails there is made again here, so that its error is seen whole; the others are not lost."""

    async def work(compute: RowWorker) -> Any:
        await _until_in_worker(compute)
        calls = (compute(fails_for, number, 3) for number in range(6))
        return await asyncio.gather(*calls, return_exceptions=True)

    found = _computed(work)
    assert [*found[:3], *found[4:]] == [0, 1, 2, 4, 5]
    assert isinstance(found[3], ValueError)
    assert str(found[3]) == "3 is wrong"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc to know which process it is")
def test_a_second_process_that_dies_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Killed amid its work: every call is answered, and the loss is said once."""

    async def work(compute: RowWorker) -> Any:
        await _until_in_worker(compute)
        found = await asyncio.gather(*(compute(killed_for, number, 4) for number in range(10)))
        return found, await compute(where, 0)

    with caplog.at_level(logging.WARNING):
        assert _computed(work) == ([*range(10)], os.getpid())
    assert [record.message.split(" (")[0] for record in caplog.records] == ["The second process of the sync ended"]


def test_a_second_process_that_cannot_start_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """No interpreter where one is looked for, or something that ends at once: all is computed here."""
    for executable in (str(tmp_path / "gone"), "/bin/false", "/bin/echo"):
        monkeypatch.setattr(sys, "executable", executable)

        async def work(compute: RowWorker) -> Any:
            found = []
            for number in range(INLINE_CALLS + 20):
                found.append(await compute(where, number))
                await asyncio.sleep(0.01)
            return found

        assert {*_computed(work)} == {os.getpid()}
    assert len(caplog.records) == 3


@pytest.mark.parametrize("is_reading", [False, True])
def test_a_closed_pipe_costs_nothing(
    is_reading: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of a sync closes the pipes of a second process that is still starting, before a write or a read."""
    begin = worker._started

    def closed() -> subprocess.Popen[bytes]:
        process = begin()
        assert process.stdout is not None
        process.stdout.close()
        if not is_reading:
            process.kill()
            process.communicate()
        return process

    monkeypatch.setattr(worker, "_started", closed)

    async def work(compute: RowWorker) -> Any:
        found = [await compute(where, number) for number in range(INLINE_CALLS + 1)]
        assert compute._start is not None
        await compute._start
        return [*found, await compute(where, 0)]

    assert {*_computed(work)} == {os.getpid()}
    assert len(caplog.records) == 1


@pytest.mark.parametrize("calls", [1, INLINE_CALLS + 1])
def test_nothing_is_left_of_one_that_is_still_starting(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is done before the second process is ready does not wait for it, and does not leave it behind."""
    started: list[subprocess.Popen[bytes]] = []

    def slowly() -> subprocess.Popen[bytes]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
        return started[0]

    monkeypatch.setattr(worker, "_started", slowly)

    async def work(compute: RowWorker) -> Any:
        for number in range(calls):
            await compute(where, number)
        await asyncio.sleep(0.1)

    _computed(work)
    assert [process.poll() for process in started] == [-signal.SIGKILL] * (calls > INLINE_CALLS)


def test_it_ends_with_the_process_that_started_it() -> None:
    """Even when that is killed without a chance to tidy up; and a script without a main guard runs once only."""
    script = textwrap.dedent(
        """
        import asyncio, os, signal, sys
        from testio_analytics.mirror.worker import RowWorker
        from test_worker import _until_in_worker

        print("once", flush=True)

        async def go():
            async with RowWorker() as compute:
                print(await _until_in_worker(compute), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(go())
        """
    )
    command = [sys.executable, "-c", script]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # this file and its helpers
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=PATIENCE, check=False)
    once, pid = done.stdout.split()
    assert (once, done.returncode) == ("once", -signal.SIGKILL)
    wait_for(lambda: not _is_running(int(pid)), "the end of the second process")


def test_the_mirror_is_the_same_with_a_second_process_and_without(
    pristine: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column of every row of the largest product of the demo account."""
    account, digests = Account(pristine.now, [pristine.product(18559)]), []
    for inline_calls in (0, 10**9):
        monkeypatch.setattr(worker, "INLINE_CALLS", inline_calls)
        db = tmp_path / f"{inline_calls}.db"
        sync_account(account, db)
        digests.append(mirror_digest(db))
    assert digests[0] == digests[1]


def test_serving_answers_each_call_in_turn_and_ends_with_its_input() -> None:
    """What the second process does, call by call."""
    jobs, results = io.BytesIO(), io.BytesIO()
    for number in (3, 4):
        pickle.dump((divmod, (number, 2), {}), jobs)
    jobs.seek(0)
    serve(jobs, results)
    results.seek(0)
    assert [pickle.load(results), pickle.load(results)] == [(1, 1), (2, 0)]
    assert results.read() == b""


def test_the_collector_is_back_after_rows_were_made() -> None:
    """The garbage collector is off only while rows are made, whatever happens, and only if it was on."""
    with pytest.raises(RuntimeError, match="midway"), gc_paused():
        assert not gc.isenabled()
        raise RuntimeError("midway")
    assert gc.isenabled()

    gc.disable()
    try:
        with gc_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
