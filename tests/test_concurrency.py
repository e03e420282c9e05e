"""One function that waits: in a script, in a running loop, many times over."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from collections.abc import Coroutine
from typing import Any

import pytest

from testio_analytics import errors
from testio_analytics.concurrency import gather, run
from waiting import PATIENCE


async def _answer(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def test_plain_call_gives_the_result() -> None:
    """In a script it is `asyncio.run`, and can be used again."""
    assert [run(_answer(number)) for number in range(3)] == [0, 1, 2]


def test_error_comes_out_as_it_is() -> None:
    """The coroutine's own error, not one of the machinery."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(fail())


def _script(text: str) -> subprocess.CompletedProcess[str]:
    # A process of its own: the patch of a running loop stays for the life of a process.
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(text)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_call_inside_a_running_loop_gives_the_result() -> None:
    """As in a notebook cell, where the loop is running already: nested, repeated, with errors, and beside other tasks."""
    done = _script(
        """
        import asyncio
        from testio_analytics.concurrency import run

        async def answer(value):
            await asyncio.sleep(0.01)
            return value

        async def fail():
            await asyncio.sleep(0)
            raise KeyError("mine")

        async def cell():
            other = asyncio.create_task(answer("other"))
            found = [run(answer(1)), run(answer(2))]
            try:
                run(fail())
            except KeyError as error:
                found.append(error.args[0])
            return [*found, await other]

        print(asyncio.run(cell()))
        """
    )
    assert (done.stdout.strip(), done.stderr) == ("[1, 2, 'mine', 'other']", "")


def test_script_does_not_load_the_patch() -> None:
    """Only a running loop is patched; a plain script keeps the loop of the standard library."""
    done = _script(
        """
        import asyncio, sys
        from testio_analytics.concurrency import run
        plain = asyncio.run

        async def answer():
            return 1

        run(answer())
        print("nest_asyncio2" in sys.modules, asyncio.run is plain)
        """
    )
    assert (done.stdout.strip(), done.stderr) == ("False True", "")


def test_a_stop_is_not_forgotten_when_a_request_breaks_off_with_it() -> None:
    """What fails because everything stops is no gap: the one who stopped is told, through every level."""

    async def breaks_off() -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            raise errors.ConnectionFailedError("broken off") from None

    async def go(levels: int) -> str:
        work: Coroutine[Any, Any, Any] = breaks_off()
        for _ in range(levels):
            work = gather(work, asyncio.sleep(10))
        task = asyncio.create_task(work)
        await asyncio.sleep(0.01)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "stopped"
        except errors.ConnectionFailedError:
            return "a gap"
        return "done"

    assert [asyncio.run(go(levels)) for levels in (1, 2, 3)] == ["stopped"] * 3


def test_a_failure_of_a_group_leaves_no_stop_behind() -> None:
    """Whoever catches the error of a group goes on as if nothing had been: nothing is counted as a stop."""

    async def fails() -> None:
        await asyncio.sleep(0)
        raise errors.ServerError("broken")

    async def go() -> tuple[list[Any], int]:
        with pytest.raises(errors.ServerError):
            await gather(fails(), asyncio.sleep(10), fails())
        task = asyncio.current_task()
        assert task is not None
        return await gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)), task.cancelling()

    assert asyncio.run(go()) == ([1, 2], 0)
    assert asyncio.run(gather()) == []
