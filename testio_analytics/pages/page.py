"""One executed notebook as a page: a self-contained HTML file, without code, that asks nothing of anybody."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from testio_analytics.errors import ReportError
from testio_analytics.pages.anchors import VIEWS, contents, linked, with_anchors, with_rows
from testio_analytics.pages.notebooks import tags, with_cells

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES = Path(__file__).resolve().parent / "templates"
NOTEBOOK_ONLY_TAG = "notebook-only"
"""Cells with this tag are for who works in the notebook, and do not stand on its page."""


def html_page(
    notebook: NotebookNode,
    *,
    title: str,
    name: str = "",
    siblings: Sequence[tuple[str, str]] = (),
    links: Mapping[str, str] | None = None,
    subject: str = "",
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
        links: file name of the page of each notebook, to which links to that notebook lead; by default, of the same name.
        subject: what of the account it is about, for its heading; empty for all.
        facts: what the footer says: versions, sync run, notebook.

    Raises:
        ReportError: an output is an error, or a picture without a text for those who cannot see it.
    """
    style, script = asset("page.css"), asset("page.js")
    links = links or {Path(file).stem: file for file, _ in siblings}
    page = {
        "title": title,
        "name": name,
        "siblings": list(siblings),
        "links": links,
        "views": links.get(VIEWS, ""),
        "subject": subject,
        "facts": list(facts),
        "style": style,
        "script": script,
        "policy": policy(style, script),
    }
    return _exported(notebook, page)


def _exported(notebook: NotebookNode, page: Mapping[str, Any]) -> str:
    from nbconvert import exporters

    from testio_analytics.pages.sanitize import Prose, output_html, prose_html

    prose = Prose(pages=page["links"], subject=page["subject"])
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
    return _anchored(str(html), page["views"], page["links"])


def _anchored(html: str, views: str, links: Mapping[str, str]) -> str:
    head, opening, rest = html.partition("<main>\n")
    body, closing, foot = rest.rpartition("</main>")
    body = with_rows(with_anchors(body), links)
    body = linked(body, views) if views else body
    return "".join([head, contents(body), opening, body, closing, foot])


def _no_code(source: str, **_: object) -> str:
    return ""


def asset(name: str) -> str:
    """Return the text of a style, script or template of the pages."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def policy(style: str, script: str) -> str:
    """Return the content security policy that allows this style and this script, and nothing from anywhere."""
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
