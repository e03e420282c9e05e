"""Executed notebooks as pages: one self-contained HTML file each, that asks nothing of anybody."""

from __future__ import annotations

import os
import shutil
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

from testio_analytics.config import TOKEN_VARIABLE, environment
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.instants import as_instant
from testio_analytics.pages.execution import run_notebook, run_notebooks
from testio_analytics.pages.notebooks import copy_notebooks, notebook_paths, tags, with_cells

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES = Path(__file__).resolve().parent / "templates"
NOTEBOOK_ONLY_TAG = "notebook-only"
"""Cells with this tag are for who works in the notebook, and do not stand on its page."""

SHORTEST_SECRET = 8
"""A token shorter than this (the demo server's is "demo") is a word that may stand on a page."""


# -- one page -------------------------------------------------------------------------------------------------------


def html_page(
    notebook: NotebookNode,
    *,
    title: str,
    name: str = "",
    siblings: Sequence[tuple[str, str]] = (),
    facts: Sequence[str] = (),
) -> str:
    """Return the executed notebook as one HTML file, without code.

    Its content security policy allows nothing from anywhere, and only this page's own style and script, by their
    fingerprints. The same notebook gives the same text.

    Args:
        notebook: with its outputs.
        title: the document's title.
        name: the page's own file name, as it stands among `siblings`.
        siblings: file name and title of each page that lies beside it, for the navigation.
        facts: what the footer says: versions, sync run, notebook.

    Raises:
        ReportError: an output is an error, or a picture without a text for those who cannot see it.
    """
    style, script = _asset("page.css"), _asset("page.js")
    page = {
        "title": title,
        "name": name,
        "siblings": list(siblings),
        "facts": list(facts),
        "style": style,
        "script": script,
        "policy": _policy(style, script),
    }
    return _exported(notebook, page)


def _exported(notebook: NotebookNode, page: Mapping[str, Any]) -> str:
    from nbconvert import exporters

    from testio_analytics.pages.sanitize import Prose, output_html, prose_html

    prose = Prose(pages=[name for name, _ in page["siblings"]])
    filters = {
        "output_html": output_html,
        "prose_html": partial(prose_html, renderer=prose),
        "highlight_code": _no_code,  # the template that ours extends wants one, for what ours never shows
    }
    exporter = cast("Any", exporters).HTMLExporter(
        template_name="testio_page",
        extra_template_basedirs=[str(TEMPLATES)],
        filters=filters,
    )
    shown = with_cells(notebook, [cell for cell in notebook.cells if NOTEBOOK_ONLY_TAG not in tags(cell)])
    # HTMLExporter itself would parse the whole page once more, to invent texts for pictures and to add what only
    # the lab's own templates use.
    html, _ = exporters.TemplateExporter.from_notebook_node(exporter, shown, {"page": page})
    return str(html)


def _no_code(source: str, **_: object) -> str:
    return ""


def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_fingerprint(style)}'",
            f"script-src '{_fingerprint(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _fingerprint(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def page_title(notebook: NotebookNode, name: str) -> str:
    """Return the title of the notebook: the heading that opens its first Markdown cell.

    Raises:
        ReportError: it does not begin with a heading.
    """
    from testio_analytics.pages.sanitize import title_of

    first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    title = title_of(first)
    if not title:
        raise ReportError(f"The notebook {name} must begin with a Markdown cell that opens with a heading: # Title")
    return title


# -- all pages ------------------------------------------------------------------------------------------------------


def make_pages(
    db: Path,
    output: Path,
    *,
    product_ids: Sequence[int] | None = None,
    as_of: str | None = None,
    impact: Path | None = None,
    notebooks: Sequence[str] | None = None,
) -> list[Path]:
    """Run the notebooks on this database and write their pages into the folder; return the pages.

    All pages are made beside the folder, and moved into it only when every one of them succeeded: a failed run
    leaves what was there. The same database gives the same bytes.

    Args:
        db: the database file.
        output: the folder for the pages, made if need be.
        product_ids: only these products; all when not given.
        as_of: the report date; that of the last sync when not given.
        impact: a file with impact weights, see `read_impact`; the notebooks that rank features use it.
        notebooks: names of the notebooks to run; all that ship when not given.

    Raises:
        UnknownValueError: there is no such product or notebook, or `as_of` is no date.
        StoreError: the database cannot be used.
        ReportError: a notebook failed, or its page would show what no page may show.
    """
    from testio_analytics.frames import loaders
    from testio_analytics.reports.impact import read_impact

    paths = _chosen(notebooks)
    products = None if product_ids is None else [int(product_id) for product_id in product_ids]
    if as_of is not None:
        as_instant(as_of)
    read_impact(impact)  # a wrong weight is reported before anything runs
    loaders.load_products(db, product_id=products)
    origin = _origin(db)
    database = Path(db).expanduser().resolve()
    parameters: dict[str, Any] = {"db": str(database), "product_id": products, "as_of": as_of}
    if impact is not None:
        parameters["impact"] = str(Path(impact).expanduser().resolve())
    executed = dict(zip(paths, run_notebooks(list(paths.values()), parameters=parameters), strict=True))
    pages = _pages(executed, origin)
    for name, html in pages.items():
        _check_discretion(name, html, database)
    return _published(pages, Path(output).expanduser())


def _chosen(names: Sequence[str] | None) -> dict[str, Path]:
    known = notebook_paths()
    for name in names or ():
        if name not in known:
            raise UnknownValueError("The notebook", name, known)
    return {name: path for name, path in known.items() if names is None or name in names}


def _origin(db: Path) -> list[str]:
    """Return the versions and the sync run behind the numbers, for the footer."""
    from testio_analytics.frames import loaders
    from testio_analytics.mirror.migrations import HEAD

    last = loaders.last_finished(loaders.load_sync_runs(db))
    run = "no sync run yet" if last is None else f"sync run {last['id']}"
    return [f"testio_analytics {_package_version()}", f"schema {HEAD}", run]


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


def _check_discretion(name: str, html: str, database: Path) -> None:
    """Refuse a page that shows the token or where the database lies; the message repeats neither."""
    token = environment().get(TOKEN_VARIABLE, "").strip()
    secrets = {"the API token": token if len(token) >= SHORTEST_SECRET else "", "a local path": str(database)}
    for what, text in secrets.items():
        if text and (text in html or escape(text) in html):
            raise ReportError(f"The page {name} would show {what}. No page was written; mend the notebook.")


def _published(pages: Mapping[str, str], output: Path) -> list[Path]:
    """Write the pages beside the folder, then move them in, one by one, each at once."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=f".{output.name}-", dir=output.parent))
        try:
            for name, html in pages.items():
                (staging / name).write_text(html, encoding="utf-8", newline="\n")
            output.mkdir(exist_ok=True)
            for name in pages:
                os.replace(staging / name, output / name)  # noqa: PTH105  the promise is in the name
        finally:
            shutil.rmtree(staging)
    except OSError as error:
        raise ReportError(f"The pages could not be written to {output}: {error}.") from error
    return [output / name for name in pages]


__all__ = ["copy_notebooks", "html_page", "make_pages", "notebook_paths", "page_title", "run_notebook"]
