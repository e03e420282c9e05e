"""Run notebooks in fresh kernels: notebook files and parameters in, notebooks with their outputs out."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, TypeVar

from testio_analytics.accounts import secrets
from testio_analytics.config import environment
from testio_analytics.display.folders import work_folder
from testio_analytics.errors import ReportError
from testio_analytics.pages.notebooks import INJECTED_TAG, PACKAGE, read_notebook, tags, with_parameters
from testio_analytics.text import one_line, short

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager
    from nbformat import NotebookNode

CELL_SECONDS = 600
START_SECONDS = 120
LOOK_SECONDS = 0.2  # a wait without end is not interrupted by a signal on every system
LONGEST_MESSAGE = 300
LONGEST_SOCKET_PATH = 90
"""A path of more than about 100 characters is too long for a socket (sun_path in unix(7)), and some are added."""

Result = TypeVar("Result")


def run_notebook(path: Path, *, parameters: Mapping[str, Any]) -> NotebookNode:
    """Run one notebook with these parameters and return it with its outputs; the file is left as it is.

    Raises:
        ReportError: it cannot be read, takes no parameters, or one of its cells failed.
    """
    return run_notebooks([path], parameters=parameters)[0]


def run_notebooks(paths: Sequence[Path], *, parameters: Mapping[str, Any]) -> list[NotebookNode]:
    """Run notebooks that do not depend on each other, as many at once as there are processors.

    Each runs in a fresh kernel of this Python, in an empty folder of its own, without the API token and without the
    user's IPython configuration. The kernels are ended in any case. The first failure ends them all.

    Raises:
        ReportError: a notebook cannot be read, takes no parameters, or one of its cells failed.
    """
    prepared = {path: with_parameters(read_notebook(path), parameters, name=path.stem) for path in paths}
    return _run_in_own_thread(_run_all(prepared))


async def _run_all(notebooks: Mapping[Path, NotebookNode]) -> list[NotebookNode]:
    free_processors = asyncio.Semaphore(os.cpu_count() or 1)

    async def run_one(path: Path, notebook: NotebookNode) -> NotebookNode:
        async with free_processors:
            executed = await _execute(path.stem, notebook)
        advance()
        return executed

    try:
        with _bar(len(notebooks)) as advance:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run_one(path, notebook)) for path, notebook in notebooks.items()]
    except BaseExceptionGroup as failures:
        # One message for one failed run: the first; the others were stopped because of it.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], object]]:
    """Yield what moves a bar over the notebooks by one; there is a bar in a terminal only."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, desc="Pages", unit="page", leave=False) as bar:
        yield bar.update


async def _execute(name: str, notebook: NotebookNode) -> NotebookNode:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    with work_folder(Path(gettempdir())) as folder:
        try:
            await _run_in_kernel(notebook, folder)
        except (CellExecutionError, CellTimeoutError) as error:
            raise ReportError(_failure(name, notebook, error)) from None
        except (RuntimeError, OSError) as error:  # the kernel did not start, or died
            log = (folder / "kernel.log").read_text(errors="replace")
            why = _last_line(f"{error}\n{log}")
            raise ReportError(f"The notebook {name} could not be run, its kernel died: {why}") from error
    return notebook


async def _run_in_kernel(notebook: NotebookNode, folder: Path) -> None:
    """Run the notebook in a kernel whose files, folder and log lie in `folder`, and end the kernel in any case."""
    from nbclient import NotebookClient

    work = folder / "work"
    work.mkdir()
    manager = _kernel_manager(folder)
    client = NotebookClient(notebook, km=manager, timeout=CELL_SECONDS, startup_timeout=START_SECONDS)
    try:
        with (folder / "kernel.log").open("wb") as log:
            # Started here and not by `async_execute`, which leaves an exit handler behind when the start is stopped.
            variables = _kernel_environment(folder)
            await client.async_start_new_kernel(cwd=str(work), env=variables, stdout=log, stderr=log)
            await client.async_start_new_kernel_client()
            await client.async_execute()
    finally:
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)
        if client.kc is not None:
            client.kc.stop_channels()


def _kernel_manager(folder: Path) -> AsyncKernelManager:
    """Return a manager whose kernel is this very Python, whatever kernels the user has installed."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    kernel = folder / "kernels" / "report"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-c", _launcher(), "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "report", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    connection = folder / "k.json"
    # Sockets in the folder are out of reach for other users of the machine; a port on it would not be.
    has_sockets = os.name == "posix" and len(str(connection)) < LONGEST_SOCKET_PATH
    return AsyncKernelManager(
        kernel_name="report",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder / "kernels")]),
        connection_file=str(connection),
        transport="ipc" if has_sockets else "tcp",
    )


def _launcher() -> str:
    """Return the program of a kernel: it imports from where this process does, in the same order.

    The place of this package must not come first, as it would in PYTHONPATH: where it is installed, that is the folder
    of all packages, and an old copy of a module of the standard library there would be taken for the real one.
    """
    places = [place for place in sys.path if place]  # without the current folder, which is another one in the kernel
    if str(PACKAGE.parent) not in places:
        places.append(str(PACKAGE.parent))
    return f"import sys; sys.path[:] = {places!r}; import runpy; runpy.run_module('ipykernel_launcher', run_name='__main__')"


def _kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment for a kernel: all settings, the account's and those in ``.env`` too, and no secret."""
    hidden = secrets()
    kept = {name: value for name, value in environment().items() if not any(secret in value for secret in hidden)}
    return kept | {
        "PYTHONHASHSEED": "0",  # the same database gives the same page, byte for byte
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def _failure(name: str, notebook: NotebookNode, error: Exception) -> str:
    """Return which cell failed and how; the cell is counted as the reader of the notebook counts."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and INJECTED_TAG not in tags(cell)]
    for number, cell in enumerate(code, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                return f"The notebook {name} failed in code cell {number}: {output.ename}: {_last_line(output.evalue)}"
    return f"The notebook {name} failed: {_last_line(str(error))}"


def _last_line(text: str) -> str:
    lines = [one_line(line) for line in text.splitlines() if line.strip()]
    return short(lines[-1], LONGEST_MESSAGE) if lines else "(no message)"


def _run_in_own_thread(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run the coroutine in a thread of its own, and stop it when this one is interrupted.

    In the main thread the notebook client would take over the signals, and Ctrl-C would no longer stop the run; in
    a notebook, the loop of the main thread is already running.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def stoppable() -> Result:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    with ThreadPoolExecutor(max_workers=1) as pool:
        outcome = pool.submit(copy_context().run, asyncio.run, stoppable())  # with the account's settings
        try:
            while not outcome.done():
                wait([outcome], timeout=LOOK_SECONDS)
        except KeyboardInterrupt:
            loop, task = started.result()
            if task is not None:
                with suppress(RuntimeError):  # it has just ended
                    loop.call_soon_threadsafe(task.cancel)
            raise
        return outcome.result()
