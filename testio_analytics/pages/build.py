"""All pages of a report: a database and notebooks in, one HTML file each in a folder, all of them or none."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testio_analytics.config import TOKEN_VARIABLE, environment
from testio_analytics.display.folders import check_ours, made_in, move_together
from testio_analytics.display.packed import unpacked
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.instants import as_instant, as_run
from testio_analytics.frames.loaders import last_run
from testio_analytics.frames.query import ProductFilter, known_products
from testio_analytics.frames.snapshot import snapshot
from testio_analytics.pages.execution import run_notebook, run_notebooks
from testio_analytics.pages.notebooks import copy_notebooks, notebook_paths
from testio_analytics.pages.page import html_page, page_title
from testio_analytics.pages.state import State, one_state

if TYPE_CHECKING:
    from nbformat import NotebookNode

SHORTEST_SECRET = 8
"""A token shorter than this (the demo server's is "demo") is a word that may stand on a page."""

OURS = re.compile(r"<footer>\s*<p>testio_analytics ")
"""How a page of ours is known: by its last line, which names this package, the sync run and the notebook."""


def make_pages(
    db: Path | State,
    output: Path,
    *,
    product_ids: ProductFilter = None,
    as_of: str | int | None = None,
    impact: Path | None = None,
    notebooks: Sequence[str] | None = None,
) -> list[Path]:
    """Run the notebooks on one state of this database and write their pages into the folder; return the pages.

    All pages are made in a hidden folder inside it, and moved together when every one of them succeeded: a failed run
    leaves what was there. The same database gives the same bytes.

    Args:
        db: the database file, or a state of it.
        output: the folder for the pages, made if need be.
        product_ids: only these products; all when not given.
        as_of: the report date, or the number of a sync run; the last sync when not given.
        impact: a file with impact weights, see `read_impact`; the notebooks that rank features use it.
        notebooks: names of the notebooks to run; all that ship when not given.

    Raises:
        UnknownValueError: there is no such product or notebook, or `as_of` is no date.
        StoreError: the database cannot be used.
        ReportError: a notebook failed, its page would show what no page may show, or the folder cannot be written to.
    """
    from testio_analytics.reports.impact import read_impact

    paths, output = _chosen(notebooks), Path(output).expanduser()
    if as_of is not None and as_run(as_of) is None:
        as_instant(as_of)
    read_impact(impact)  # a wrong weight is reported before anything runs
    with made_in(output) as folder, one_state(db) as state:
        check_pages(output, list(paths))
        with snapshot(state.copy) as fetch:
            products, run = known_products(fetch, product_ids), last_run(fetch, as_of)
        parameters = {"product_id": products if products is None else list(products), "as_of": as_of}
        pages = _made(state, paths, parameters, impact, run)
        for name, html in pages.items():
            (folder / name).write_text(html, encoding="utf-8", newline="\n")
        return move_together({folder / name: output / name for name in pages})


def check_pages(output: Path, names: Sequence[str]) -> None:
    """Refuse to replace what is no page of ours.

    Raises:
        ReportError: a file or folder with the name of a page was made by somebody else.
    """
    check_ours([output / f"{name}.html" for name in names], _is_ours, made_by="this command")


def _is_ours(place: Path) -> bool:
    try:
        return OURS.search(place.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:  # a folder, or not for us to read
        return False


def _chosen(names: Sequence[str] | None) -> dict[str, Path]:
    known = notebook_paths()
    for name in names or ():
        if name not in known:
            raise UnknownValueError("The notebook", name, known)
    return {name: path for name, path in known.items() if names is None or name in names}


def _made(
    state: State, paths: Mapping[str, Path], parameters: Mapping[str, Any], impact: Path | None, run: int | None
) -> dict[str, str]:
    """Run the notebooks and return their pages by file name; what they say of files names those of the user."""
    parameters = {"db": str(state.copy), **parameters}
    if impact is not None:
        parameters["impact"] = str(_copied(Path(impact).expanduser().resolve(), state.copy.parent / "impact"))
    try:
        executed = dict(zip(paths, run_notebooks(list(paths.values()), parameters=parameters), strict=True))
        pages = _pages(executed, _origin(run))
    except ReportError as error:
        raise ReportError(str(error).replace(str(state.copy), str(state.origin))) from error
    for name, html in pages.items():
        _check_discretion(name, html, [state.origin, state.copy.parent])
    return pages


def _copied(path: Path, folder: Path) -> Path:
    """Return a copy of the file, of the same name and date: notebooks that run one after the other read the same."""
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy2(path, folder / path.name))


def _origin(run: int | None) -> list[str]:
    """Return the versions and the sync run behind the numbers, for the footer."""
    from testio_analytics.mirror.migrations import HEAD

    said = "no sync run yet" if run is None else f"sync run {run}"
    return [f"testio_analytics {_package_version()}", f"schema {HEAD}", said]


def _package_version() -> str:
    try:
        return version("testio-analytics")
    except PackageNotFoundError:
        return "(not installed)"


def _pages(executed: Mapping[str, NotebookNode], origin: Sequence[str]) -> dict[str, str]:
    titles = {name: page_title(notebook, name) for name, notebook in executed.items()}
    siblings = [(f"{name}.html", title) for name, title in titles.items()]
    return {
        f"{name}.html": _page(notebook, name, titles[name], siblings, [*origin, f"notebook {name}"])
        for name, notebook in executed.items()
    }


def _page(
    notebook: NotebookNode, name: str, title: str, siblings: Sequence[tuple[str, str]], facts: Sequence[str]
) -> str:
    try:
        return html_page(notebook, title=title, name=f"{name}.html", siblings=siblings, facts=facts)
    except ReportError as error:
        raise ReportError(f"The page of the notebook {name} could not be made. {error}") from error


def _check_discretion(name: str, html: str, places: Sequence[Path]) -> None:
    """Refuse a page that shows the token or where the database lies; the message repeats neither.

    What is packed into the page is looked through as well.
    """
    token = environment().get(TOKEN_VARIABLE, "").strip()
    secrets = [("the API token", token if len(token) >= SHORTEST_SECRET else "")]
    secrets += [("a local path", str(place)) for place in places]
    forms = {form: what for what, text in secrets if text for form in _written(text)}
    for part in (html, *unpacked(html)):
        for form, what in forms.items():
            if form in part:
                raise ReportError(f"The page {name} would show {what}. No page was written; mend the notebook.")


def _written(text: str) -> set[str]:
    """Return the ways in which a page can hold the text: as it is, escaped, and either of them in JSON."""
    plain = {text, escape(text)}
    return plain | {json.dumps(form, ensure_ascii=False)[1:-1] for form in plain}


__all__ = ["copy_notebooks", "html_page", "make_pages", "notebook_paths", "page_title", "run_notebook"]
