"""Where rows are made of payloads: in this process, and in a second one as soon as there is much to do.

Python computes on one processor only, and making the rows of thousands of bugs takes longer than reading them does:
such a sync would wait for itself and not for the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, ParamSpec, Self, TypeVar

from testio_analytics.concurrency import gc_paused, run_in_thread

log = logging.getLogger("testio_analytics.mirror.worker")

P = ParamSpec("P")
Result = TypeVar("Result")

INLINE_CALLS = 10
"""Calls after which a second process is worth its start (a fifth of a second): a small account never needs it."""

_PIPE_ERRORS = (OSError, EOFError, ValueError, pickle.UnpicklingError)
"""What reading and writing raise when the second process ends, or its pipes are closed meanwhile (ValueError)."""


class RowWorker:
    """Calls pure functions of this package; use it in ``async with``, and call it with the function and its arguments.

    The result is the same wherever it is computed. Should the second process not start, or end, whatever the reason,
    the calls are made in this one.
    """

    def __init__(self) -> None:
        self._calls = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._start: asyncio.Task[None] | None = None
        # A frozen program is no interpreter: started again, it would be the program again.
        self._is_inline = os.cpu_count() == 1 or not sys.executable or hasattr(sys, "frozen")
        self._turn = asyncio.Lock()

    async def __call__(self, function: Callable[P, Result], /, *args: P.args, **kwargs: P.kwargs) -> Result:
        """Return what the function returns for these arguments."""
        self._calls += 1
        if self._calls > INLINE_CALLS and not self._is_inline and self._start is None:
            self._start = asyncio.create_task(run_in_thread(lambda: self._begin(function)))
        if self._is_inline or self._start is None or not self._start.done():
            return _run_inline(function, *args, **kwargs)
        job = pickle.dumps((function, args, kwargs))  # at once: the payloads need not wait in memory
        async with self._turn:
            try:
                result: Result = await run_in_thread(lambda: self._run_in_worker(job))
            except _PIPE_ERRORS as error:
                self._give_up(error)
                return _run_inline(function, *args, **kwargs)
            return result

    def _begin(self, function: Callable[..., Any]) -> None:
        """Start the second process, and wait until it has imported what the function needs."""
        try:
            self._process = _started()
            self._run_in_worker(pickle.dumps((_imported, (function,), {})))
        except _PIPE_ERRORS as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if not self._is_inline:
            log.warning("The second process of the sync ended (%r). The sync goes on without it, more slowly.", error)
        self._is_inline = True

    def _run_in_worker(self, job: bytes) -> Any:
        if self._process is None or self._process.stdin is None or self._process.stdout is None:
            raise EOFError("it was not started")
        self._process.stdin.write(job)
        self._process.stdin.flush()
        return pickle.load(self._process.stdout)  # noqa: S301  # from our own child, by a pipe that only we hold

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_inline = True
        self._end()  # also when it is still starting, so that nobody waits for it
        if self._start is not None:
            await asyncio.wait([self._start])
            self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()  # it holds nothing that could be lost
            self._process.communicate()


def _run_inline(function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    with gc_paused():
        return function(*args, **kwargs)


def _started() -> subprocess.Popen[bytes]:
    # Not by `concurrent.futures`: it runs a script that has no main guard a second time, or forks a process with
    # threads. In a session of its own, so that Ctrl-C reaches the sync alone; when that is killed, the end of its input
    # ends the second process as well.
    code = f"import sys; sys.path[:] = {sys.path!r}; from testio_analytics.mirror.worker import serve; serve()"
    return subprocess.Popen(  # noqa: S603  # this very interpreter
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _imported(_: Callable[..., Any]) -> None:
    """Do nothing: whoever reads the call has imported the function by then."""


def serve(jobs: BinaryIO | None = None, results: BinaryIO | None = None) -> None:
    """Answer calls, one after the other, until there are no more; what the second process does.

    A call that fails ends it: the first process makes that call again and sees the error itself.
    """
    jobs, results = jobs or sys.stdin.buffer, results or sys.stdout.buffer
    with gc_paused():
        while True:
            try:
                function, args, kwargs = pickle.load(jobs)  # noqa: S301  # from the process that started this one
            except EOFError:
                return
            pickle.dump(function(*args, **kwargs), results)
            results.flush()
