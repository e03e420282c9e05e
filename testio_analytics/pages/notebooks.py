"""The notebooks that ship with the package: where they are, how they are copied, and how their parameters are set."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testio_analytics.display.folders import made_in, move_together
from testio_analytics.errors import ReportError
from testio_analytics.text import one_line, short

if TYPE_CHECKING:
    from nbformat import NotebookNode

PACKAGE = Path(__file__).resolve().parents[1]

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
NO_DATABASE = re.compile(r"^db = None *", re.MULTILINE)


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
    the folder of its notebook, from where a path like ``data/testio.db`` leads nowhere: with `db`, the parameters of
    each copy name the whole path of that database, where the reader would change it as well.

    Raises:
        ReportError: one of the files is there already, or takes no ``db``, or the folder cannot be written to. Then nothing
            is copied.
    """
    copies = {path: target / path.name for path in notebook_paths().values()}
    taken = [copy.name for copy in copies.values() if copy.exists()]
    if taken:
        raise ReportError(
            f"{target} already has {', '.join(taken)}; nothing was copied, so that no work is lost. "
            "Name another folder, or move these files away."
        )
    made = {copy: without_outputs(read_notebook(path)) for path, copy in copies.items()}
    if db is not None:
        made = {copy: _with_database(notebook, db.absolute(), name=copy.stem) for copy, notebook in made.items()}
    with made_in(target) as folder:
        for copy, notebook in made.items():
            _nbformat().write(notebook, folder / copy.name)
        return move_together({folder / copy.name: copy for copy in made})


def _with_database(notebook: NotebookNode, db: Path, *, name: str) -> NotebookNode:
    """Return a copy of the notebook in whose parameters cell the default of ``db`` is this path."""
    cells = [dict(cell) for cell in notebook.cells]
    for cell in cells:
        if PARAMETERS_TAG in tags(cell) and NO_DATABASE.search(cell["source"]):
            cell["source"] = NO_DATABASE.sub(lambda _: f"db = {literal('db', str(db))}  ", cell["source"], count=1)
            return with_cells(notebook, cells)
    raise ReportError(f"The notebook {name} has no parameter db = None, so that no database can be set in it.")


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
