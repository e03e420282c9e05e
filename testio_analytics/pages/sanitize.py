"""Which parts of an executed notebook stand on a page: its prose and its richest outputs, as safe HTML.

Our own blocks pass as they are; they are known by metadata that only `render` writes. Everything else is cleaned to
plain markup without styles, scripts and remote pictures.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Mapping
from html import unescape
from typing import Any

import mistune
import nh3

from testio_analytics.display.blocks import OUR_BLOCK
from testio_analytics.errors import ReportError
from testio_analytics.text import clean, for_html, short

PROSE_TAGS = frozenset(
    "a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i kbd li ol p pre s small "
    "span strong sub summary sup table tbody td tfoot th thead time tr u ul".split()
)
PROSE_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
PROSE = nh3.Cleaner(
    tags=set(PROSE_TAGS),
    attributes=PROSE_ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    clean_content_tags={"script", "style"},
    link_rel=None,
)
TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SVG = "image/svg+xml"
PICTURES = ("image/png", "image/jpeg", SVG)
PHONE = "max-width: 34rem"
"""Where a page shows the drawing for a phone, if a picture has one."""

ONLY_FOR_PROGRAMS = ("application/vnd.jupyter.widget-view+json", "application/javascript")
LONGEST_LABEL = 80
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


class Prose(mistune.HTMLRenderer):
    """Renders the Markdown of one notebook: the first heading is the page's only ``h1``, raw HTML is shown as text.

    A link to another notebook leads to its page, where that is made as well.
    """

    def __init__(self, pages: Mapping[str, str] | None = None, subject: str = "") -> None:
        super().__init__(escape=True)
        self.pages = pages or {}
        self.subject = f" <small>{for_html(subject)}</small>" if subject else ""
        self.has_title = False

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """Return a heading; after the title, none is of the first level."""
        subject = "" if self.has_title else self.subject
        level = max(level, 2) if self.has_title else 1
        self.has_title = True
        return f"<h{level}>{text}{subject}</h{level}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Return a link; one to a notebook without a page stays plain text."""
        name, is_notebook, _ = url.partition(".ipynb")
        if not is_notebook:
            return super().link(text, url, title)
        page = self.pages.get(name)
        return super().link(text, page, title) if page else text


def prose_html(source: str, renderer: mistune.HTMLRenderer) -> str:
    """Return Markdown as cleaned HTML."""
    written = mistune.create_markdown(renderer=renderer, plugins=["table", "strikethrough"])(clean(source))
    return cleaned(str(written))


def title_of(source: str) -> str | None:
    """Return the text of the heading that opens the Markdown, or None when another thing opens it."""
    html = prose_html(source, Prose())
    found = re.match(r"\s*<h1>(.*?)</h1>", html, re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", found.group(1))).split()) if found else None


def cleaned(html: str) -> str:
    """Return the HTML with plain tags only: no styles, scripts, handlers, pictures or frames."""
    return PROSE.clean(clean(html))


def output_html(output: Mapping[str, Any]) -> str:
    """Return one output of a cell as HTML: the richest form that a page can show, or nothing.

    Raises:
        ReportError: the output is an error, or a picture that says nothing to who cannot see it.
    """
    kind = output["output_type"]
    if kind == "error":
        raise ReportError(f"A notebook with an error in it makes no page: {output['ename']}.")
    if kind == "stream":
        return _text_html(output["text"]) if output["name"] == "stdout" else ""
    return _data_html(output["data"], output.get("metadata", {}))


def _data_html(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    if any(kind in data for kind in ONLY_FOR_PROGRAMS):
        return ""
    if "text/html" in data:
        ours = metadata.get("text/html", {}) == OUR_BLOCK
        return str(data["text/html"]) if ours else _foreign_html(data["text/html"])
    if "text/markdown" in data:
        renderer = Prose()
        renderer.has_title = True
        return prose_html(data["text/markdown"], renderer)
    for kind in PICTURES:
        if kind in data:
            return _picture_html(kind, data[kind], metadata.get(kind, {}))
    return _text_html(data.get("text/plain", ""))


def _foreign_html(html: str) -> str:
    """Return somebody else's HTML cleaned, in a box that scrolls by itself."""
    return f'<div class="scroll other" role="region" aria-label="Output" tabindex="0">{cleaned(html)}</div>\n'


def _text_html(text: str) -> str:
    text = for_html(TERMINAL_COLOURS.sub("", text)).strip("\n")
    return f"<pre>{text}</pre>\n" if text else ""


def _picture_html(kind: str, data: str, metadata: Mapping[str, Any]) -> str:
    alt = metadata.get("alt")
    if not isinstance(alt, str) or not alt.strip():
        raise ReportError("A picture has no text for those who cannot see it; give it one (metadata: alt).")
    content = data.encode() if kind == SVG else base64.b64decode(data)
    image = f'<img src="{_address(kind, content)}" alt="{for_html(alt)}"{_picture_size(content, metadata)}>'
    if narrow := _narrow_html(metadata.get("narrow")):
        return f'<figure class="picture"><picture>{narrow}{image}</picture></figure>\n'
    # On a narrow screen it is wider than its region, which then scrolls, by keyboard as well.
    region = f'class="scroll" role="region" aria-label="Picture: {for_html(short(alt, LONGEST_LABEL))}" tabindex="0"'
    return f'<figure class="picture"><div {region}>{image}</div></figure>\n'


def _narrow_html(drawing: object) -> str:
    """Return the drawing for a phone as a source; a browser runs no script of an image, whatever it holds."""
    if not isinstance(drawing, Mapping) or not isinstance(drawing.get("svg"), str):
        return ""
    address = _address(SVG, drawing["svg"].encode())
    return f'<source media="({PHONE})" srcset="{address}"{_picture_size(b"", drawing)}>'


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _picture_size(content: bytes, metadata: Mapping[str, Any]) -> str:
    """Return width and height in pixels as attributes, so that the page does not jump while it is read in."""
    if all(isinstance(metadata.get(name), int) for name in ("width", "height")):
        width, height = metadata["width"], metadata["height"]
    elif content.startswith(PNG_HEAD) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
    else:
        return ""
    return f' width="{width}" height="{height}"'
