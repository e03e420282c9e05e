"""The notebooks that ship with the package: where they are, how they are copied, and running them with parameters."""

from __future__ import annotations

import asyncio
import atexit
import json
import math
import os
import sys
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from testio_analytics.config import TOKEN_VARIABLE
from testio_analytics.errors import ReportError
from testio_analytics.text import one_line, short

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager
    from nbformat import NotebookNode

PACKAGE = Path(__file__).resolve().parents[1]

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"

CELL_SECONDS = 600
START_SECONDS = 120
LONGEST_MESSAGE = 300
LONGEST_SOCKET_PATH = 90
"""A path of more than about 100 characters is too long for a socket (sun_path in unix(7)), and some are added."""

Result = TypeVar("Result")


# -- where they are -------------------------------------------------------------------------------------------------


def notebook_paths() -> dict[str, Path]:
    """Return the notebooks by name (without ``.ipynb``), in reading order.

    They are taken from the installed package, else from the checkout that the package lies in.

    Raises:
        ReportError: there are none in either place.
    """
    for folder in (PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"):
        found = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
        if found:
            return found
    raise ReportError("The notebooks of this package are not where they belong. Install the package again.")


def copy_notebooks(target: Path, *, db: Path | None = None) -> list[Path]:
    """Copy the notebooks, without their outputs, into the folder, which is made if need be; return the copies.

    The outputs that ship belong to the demo account, and would look like the reader's own numbers. A kernel starts in
    the folder of its notebook, from where a path like ``data/testio.db`` leads nowhere: with `db`, each copy gets a
    cell that sets the whole path of that database.

    Raises:
        ReportError: one of the files is there already. Then nothing is copied.
    """
    copies = {path: target / path.name for path in notebook_paths().values()}
    taken = [copy.name for copy in copies.values() if copy.exists()]
    if taken:
        raise ReportError(
            f"{target} already has {', '.join(taken)}; nothing was copied, so that no work is lost. "
            "Name another folder, or move these files away."
        )
    target.mkdir(parents=True, exist_ok=True)
    for path, copy in copies.items():
        with copy.open("x", encoding="utf-8") as file:
            parameters = {} if db is None else {"db": str(db.absolute())}
            _nbformat().write(with_parameters(read_notebook(path), parameters, name=path.stem), file)
    return list(copies.values())


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook in that file.

    Raises:
        ReportError: there is no such file, or it is no notebook.
    """
    nbformat = _nbformat()
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError) as error:
        raise ReportError(f"{path} could not be read as a notebook: {short(one_line(str(error)), 200)}") from error
    return notebook


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of the notebook with no outputs and no counts."""
    return with_cells(notebook, [_cleared(cell) for cell in notebook.cells])


def with_cells(notebook: NotebookNode, cells: Sequence[Mapping[str, Any]]) -> NotebookNode:
    """Return a copy of the notebook that has these cells."""
    copy: NotebookNode = _nbformat().from_dict({**notebook, "cells": list(cells)})
    return copy


def _nbformat() -> Any:
    """Return the module, imported only when a notebook is at hand, and without types because it has none."""
    import nbformat

    return nbformat


def _cleared(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {**cell, "outputs": [], "execution_count": None} if cell["cell_type"] == "code" else dict(cell)


# -- parameters -----------------------------------------------------------------------------------------------------


def with_parameters(notebook: NotebookNode, parameters: Mapping[str, Any], *, name: str) -> NotebookNode:
    """Return a copy of the notebook with a cell after the one tagged ``parameters`` that sets these values.

    Raises:
        ReportError: no cell has the tag, or a value is not of the plain types of JSON.
    """
    notebook = without_outputs(notebook)
    if not parameters:
        return notebook
    place = next((i for i, cell in enumerate(notebook.cells) if PARAMETERS_TAG in tags(cell)), None)
    if place is None:
        raise ReportError(f"The notebook {name} takes no parameters: none of its cells has the tag {PARAMETERS_TAG!r}.")
    source = "\n".join(f"{key} = {literal(key, value)}" for key, value in parameters.items())
    cell = _nbformat().v4.new_code_cell(source, id=INJECTED_TAG, metadata={"tags": [INJECTED_TAG]})
    return with_cells(notebook, [*notebook.cells[: place + 1], cell, *notebook.cells[place + 1 :]])


def tags(cell: Mapping[str, Any]) -> list[str]:
    """Return the tags of a notebook's cell."""
    return list(cell["metadata"].get("tags", []))


def literal(name: str, value: object) -> str:
    """Return a plain value as Python source.

    Only exact types are taken: the ``repr`` of anything else need not be source, and could be other source than
    it looks like.

    Raises:
        ReportError: the name is no Python name, or the value is not of the plain types of JSON.
    """
    if not name.isidentifier():
        raise ReportError(f"A notebook's parameter needs a Python name; {name!r} is none.")
    if not _is_plain(value):
        raise ReportError(
            f"The parameter {name} must be None, text, a number, true or false, or a list or dictionary of these; "
            f"it is of type {type(value).__name__}."
        )
    return repr(value)


def _is_plain(value: object) -> bool:
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _is_plain(part) for key, part in value.items())
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in {type(None), bool, int, str}


# -- running --------------------------------------------------------------------------------------------------------


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
    return _apart(_run_all(prepared))


async def _run_all(notebooks: Mapping[Path, NotebookNode]) -> list[NotebookNode]:
    seats = asyncio.Semaphore(os.cpu_count() or 1)

    async def seated(path: Path, notebook: NotebookNode) -> NotebookNode:
        async with seats:
            return await _execute(path.stem, notebook)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(seated(path, notebook)) for path, notebook in notebooks.items()]
    except BaseExceptionGroup as failures:
        # One message for one failed run: the first; the others were stopped because of it.
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _execute(name: str, notebook: NotebookNode) -> NotebookNode:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    with TemporaryDirectory(prefix="testio-") as place:
        folder = Path(place)
        manager = _kernel_manager(folder)
        client = NotebookClient(
            notebook, km=manager, timeout=CELL_SECONDS, startup_timeout=START_SECONDS, shutdown_kernel="immediate"
        )
        (folder / "work").mkdir()
        log = folder / "kernel.log"
        try:
            with log.open("wb") as said:
                start: dict[str, Any] = {"cwd": str(folder / "work"), "env": _kernel_environment(folder)}
                await client.async_execute(cleanup_kc=True, stdout=said, stderr=said, **start)
        except (CellExecutionError, CellTimeoutError) as error:
            raise ReportError(_failure(name, notebook, error)) from None
        except (RuntimeError, OSError) as error:  # the kernel did not start, or died
            why = _last_line(f"{error}\n{log.read_text(errors='replace')}")
            raise ReportError(f"The notebook {name} could not be run, its kernel died: {why}") from error
        finally:
            # What fails or is stopped while the kernel starts is not cleaned up by the client.
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)
            if client.kc is not None:
                client.kc.stop_channels()
            atexit.unregister(client._cleanup_kernel)
    return notebook


def _kernel_manager(folder: Path) -> AsyncKernelManager:
    """Return a manager whose kernel is this very Python, whatever kernels the user has installed."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    kernel = folder / "kernels" / "report"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
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


def _kernel_environment(folder: Path) -> dict[str, str]:
    """Return the environment for a kernel: this one without the token, with this package importable."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    kept = {name: value for name, value in os.environ.items() if not (token and token in value)}
    kept.pop(TOKEN_VARIABLE, None)
    places = [str(PACKAGE.parent), kept.get("PYTHONPATH", "")]
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
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


def _apart(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run the coroutine in a thread of its own, and stop it when this one is interrupted.

    In the main thread the notebook client would take over the signals, and Ctrl-C would no longer stop the run; in
    a notebook, the loop of the main thread is already running.
    """
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = Future()

    async def stoppable() -> Result:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    with ThreadPoolExecutor(max_workers=1) as pool:
        outcome = pool.submit(asyncio.run, stoppable())
        try:
            return outcome.result()
        except KeyboardInterrupt:
            loop, task = started.result()
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
            raise
