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

from testio_analytics.accounts import secrets
from testio_analytics.display.folders import check_ours, made_in, move_together
from testio_analytics.display.packed import unpacked
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.instants import as_instant, as_run
from testio_analytics.frames.loaders import last_run
from testio_analytics.frames.mirror import Mirror
from testio_analytics.frames.query import ProductFilter
from testio_analytics.frames.snapshot import snapshot
from testio_analytics.pages import explore
from testio_analytics.pages.archive import is_ours, write_zip
from testio_analytics.pages.execution import run_notebook, run_notebooks
from testio_analytics.pages.index import index_page
from testio_analytics.pages.notebooks import copy_notebooks, notebook_paths
from testio_analytics.pages.page import html_page, page_title
from testio_analytics.pages.pdf import browser, print_pages
from testio_analytics.pages.state import State, one_state
from testio_analytics.pages.subject import Subject, subject_of
from testio_analytics.reports.facts import product_rows

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
    by_product: bool = False,
    pdf: bool = False,
    as_zip: bool = False,
) -> list[Path]:
    """Run the notebooks on one state of this database and write their pages into the folder; return all that was made.

    Beside them stands the page "explore", in which every product, section, feature, test and bug has an address. Pages of
    some products have these in title, heading and file name.

    All pages are made in a hidden folder inside it, and moved together when every one of them succeeded: a failed run
    leaves what was there. The same database gives the same bytes (but for a PDF, into which a browser writes the time).

    Args:
        db: the database file, or a state of it.
        output: the folder for the pages, made if need be.
        product_ids: only these products; all when not given.
        as_of: the report date, or the number of a sync run; the last sync when not given.
        impact: a file with impact weights, see `read_impact`; the notebooks that rank features use it.
        notebooks: names of the pages to make: of notebooks, and "explore"; all that there are when not given.
        by_product: whether each product has a folder with pages of its own, and an index leads to them.
        pdf: whether the installed browser prints each page of a notebook into a PDF beside it.
        as_zip: whether all of it lies in one zip file as well.

    Raises:
        UnknownValueError: there is no such product or notebook, or `as_of` is no date.
        StoreError: the database cannot be used.
        ReportError: a notebook failed, its page would show what no page may show, the folder cannot be written to, or no
            browser is there to print.
    """
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.impact import read_impact

    names, output = _chosen(notebooks), Path(output).expanduser()
    if as_of is not None and as_run(as_of) is None:
        as_instant(as_of)
    read_impact(impact)  # a wrong weight is reported before anything runs
    if pdf:
        browser()
    with made_in(output) as folder, one_state(db) as state:
        with snapshot(state.copy) as fetch:
            run = last_run(fetch, as_of)
        mirror = load_mirror(state.copy, product_id=product_ids, as_of=as_of)
        whole = subject_of(mirror)
        sets = _by_product(mirror) if by_product else {"": whole}
        places = [Path(sub, one.file(name)) for sub, one in sets.items() for name in names]
        places += [Path("index.html")] if by_product else []
        bundle = output / f"report{f'-{whole.slug}' if whole.slug else ''}-{whole.as_of:%Y-%m-%d}.zip"
        _check_places([output / place for place in places], pdf=pdf, bundle=bundle if as_zip else None)
        pages = {
            str(Path(sub, file)): html
            for sub, one in sets.items()
            for file, html in _made(state, names, as_of, impact, run, one).items()
        }
        if by_product:
            pages["index.html"] = index_page(mirror, sets, facts=_origin(run))
        for name, html in pages.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(html, encoding="utf-8", newline="\n")
        made = [folder / name for name in pages]
        if pdf:
            made += print_pages([page for page in made if not page.name.startswith(explore.NAME)])
        moves = {path: output / path.relative_to(folder) for path in made}
        if as_zip:
            inside = {path.relative_to(folder).as_posix(): path for path in made}
            moves[write_zip(folder / bundle.name, inside, at=whole.as_of)] = bundle
        return move_together(moves)


def _by_product(mirror: Mirror) -> dict[str, Subject]:
    """Return what the pages of each product are about, by the name of its folder."""
    products = product_rows(mirror)
    pairs = zip(products["product_id"].tolist(), products["product"].tolist(), strict=True)
    found = [Subject((key,), (name,), mirror.instant()) for key, name in pairs]
    return {one.folder: one for one in found}


def page_names() -> list[str]:
    """Return the names of all pages: those of the notebooks that ship, and the one in which everything has an address."""
    return [*notebook_paths(), explore.NAME]


def check_pages(output: Path, names: Sequence[str]) -> None:
    """Refuse to replace what is no page of ours.

    Raises:
        ReportError: a file or folder with the name of a page was made by somebody else.
    """
    _check_places([output / f"{name}.html" for name in names])


def _check_places(pages: Sequence[Path], *, pdf: bool = False, bundle: Path | None = None) -> None:
    check_ours(pages, _is_ours, made_by="this command")
    if pdf:  # the PDF of a page of ours is ours
        check_ours(
            [page.with_suffix(".pdf") for page in pages],
            lambda place: _is_ours(place.with_suffix(".html")),
            made_by="this command",
        )
    if bundle is not None:
        check_ours([bundle], is_ours, made_by="this command")


def _is_ours(place: Path) -> bool:
    try:
        return OURS.search(place.read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:  # a folder, or not for us to read
        return False


def _chosen(names: Sequence[str] | None) -> list[str]:
    known = page_names()
    for name in names or ():
        if name not in known:
            raise UnknownValueError("The notebook", name, known)
    return [name for name in known if names is None or name in names]


def _made(
    state: State, names: Sequence[str], as_of: str | int | None, impact: Path | None, run: int | None, subject: Subject
) -> dict[str, str]:
    """Run the notebooks and return the pages by file name; what they say of files names those of the user."""
    products = subject.product_ids
    parameters = {"db": str(state.copy), "product_id": products and [*products], "as_of": as_of}
    if impact is not None:
        parameters["impact"] = str(_copied(Path(impact).expanduser().resolve(), state.copy.parent / "impact"))
    paths = {name: path for name, path in notebook_paths().items() if name in names}
    try:
        executed = dict(zip(paths, run_notebooks(list(paths.values()), parameters=parameters), strict=True))
        titles = {name: page_title(notebook, name) for name, notebook in executed.items()}
        titles |= {explore.NAME: explore.TITLE} if explore.NAME in names else {}
        pages = {
            subject.file(name): _page(notebook, name, titles, subject, [*_origin(run), f"notebook {name}"])
            for name, notebook in executed.items()
        }
        if explore.NAME in names:
            file = subject.file(explore.NAME)
            pages[file] = explore.explore_page(
                _explore_data(parameters),
                file=file,
                title=subject.title(explore.TITLE),
                siblings=_siblings(titles, subject),
                facts=_origin(run),
                subject=subject.words,
            )
    except ReportError as error:
        raise ReportError(str(error).replace(str(state.copy), str(state.origin))) from error
    for name, html in pages.items():
        _check_discretion(name, html, [state.origin, state.copy.parent])
    return pages


def _siblings(titles: Mapping[str, str], subject: Subject) -> list[tuple[str, str]]:
    return [(subject.file(name), title) for name, title in titles.items()]


def _explore_data(parameters: Mapping[str, Any]) -> str:
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.explore import explored

    mirror = load_mirror(parameters["db"], product_id=parameters["product_id"], as_of=parameters["as_of"])
    return explore.explore_data(explored(mirror, impact=parameters.get("impact")))


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


def _page(notebook: NotebookNode, name: str, titles: Mapping[str, str], subject: Subject, facts: Sequence[str]) -> str:
    try:
        return html_page(
            notebook,
            title=subject.title(titles[name]),
            name=subject.file(name),
            siblings=_siblings(titles, subject),
            links={name: subject.file(name) for name in titles},
            subject=subject.words,
            facts=facts,
        )
    except ReportError as error:
        raise ReportError(f"The page of the notebook {name} could not be made. {error}") from error


def _check_discretion(name: str, html: str, places: Sequence[Path]) -> None:
    """Refuse a page that shows a token or where the database lies; the message repeats neither.

    What is packed into the page is looked through as well.
    """
    hidden = [("a token or another secret", secret) for secret in secrets() if len(secret) >= SHORTEST_SECRET]
    hidden += [("a local path", str(place)) for place in places]
    forms = {form: what for what, text in hidden for form in _written(text)}
    for part in (html, *unpacked(html)):
        for form, what in forms.items():
            if form in part:
                raise ReportError(f"The page {name} would show {what}. No page was written; mend {_source(name)}.")


def _written(text: str) -> set[str]:
    """Return the ways in which a page can hold the text: as it is, escaped, and either of them in JSON."""
    plain = {text, escape(text)}
    return plain | {json.dumps(form, ensure_ascii=False)[1:-1] for form in plain}


def _source(page: str) -> str:
    if page.startswith(explore.NAME):
        return "what Test IO holds: a title or text there has it"
    return "the notebook"


__all__ = ["copy_notebooks", "html_page", "make_pages", "notebook_paths", "page_title", "run_notebook"]
