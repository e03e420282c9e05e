"""Run a coroutine from a script or from a notebook, several together, and a function beside a running one."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run the coroutine to its end and return its result, in a script as well as in a notebook cell.

    A notebook's loop is already running. Only then is it patched, by nest-asyncio2, so that a plain call can wait in
    it; the patched ``asyncio.run`` also stops at once when the notebook's stop button is pressed.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio2

    nest_asyncio2.apply()
    return asyncio.run(coroutine)


async def run_in_thread(function: Callable[[], Result]) -> Result:
    """Run a function in a thread of its own, and wait for its end even when the wait is cancelled.

    Requests go on meanwhile. What it does is never left half done by whoever stops waiting.
    """
    done = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


async def gather(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run coroutines together and return their results in order; when one fails, the others are stopped first.

    A stop from outside always comes out as a stop. `asyncio.TaskGroup` would raise the error of a request that breaks
    off because of the stop instead, and that error would be taken for one of the server's.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    if not tasks:
        return []
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failed = [task for task in tasks if task in ended and not task.cancelled() and task.exception()]
    return [task.result() for task in failed or tasks]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the garbage collector for one pure call that makes many objects; nothing may be awaited meanwhile.

    Rows are many, live on, and hold no cycles: each look at all of them finds nothing, and takes a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
