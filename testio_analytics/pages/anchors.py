"""Places within a page: an id for every heading and table, a list of contents, and links from names to their views."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html import unescape
from urllib.parse import quote

from testio_analytics.text import for_html

VIEWS = "explore"
"""The name of the page with a view of everything that has a name; it may lie beside the others."""

HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)
TABLE = re.compile(r'<div class="table" data-name="(\w[\w.-]*)"', re.ASCII)
NAME = re.compile(r'<span data-about="([a-z]+-\d+)">(.*?)</span>', re.DOTALL)
ROWS = re.compile(r'<span data-rows="(\w+)#([^"]*)">(.*?)</span>', re.DOTALL)
FEWEST_HEADINGS = 3


def with_anchors(body: str) -> str:
    """Return the body with an id at each heading and table; ids differ, and those of tables are their own names."""
    ids = _Ids()
    body = TABLE.sub(lambda found: f'<div id="{ids.free(found[1])}"{found[0].removeprefix("<div")}', body)
    return HEADING.sub(lambda found: f'<h{found[1]} id="{ids.free(_slug(found[2]))}">{found[2]}</h{found[1]}>', body)


def contents(body: str) -> str:
    """Return the list of contents of a body that has its anchors; nothing where there are few headings."""
    found = re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', body, re.DOTALL)
    if len(found) < FEWEST_HEADINGS:
        return ""
    items = "".join(f'<li><a href="#{place}">{for_html(_text(heading))}</a></li>' for place, heading in found)
    return (
        '<nav aria-label="On this page"><details class="contents" open><summary>On this page</summary>'
        f"<ul>{items}</ul></details></nav>"
    )


def linked(body: str, views: str) -> str:
    """Return the body with every name that has an address as a link to its view, in the page of that file name."""
    return NAME.sub(lambda found: f'<a href="{for_html(quote(views))}#{found[1]}">{found[2]}</a>', body)


def with_rows(body: str, pages: Mapping[str, str]) -> str:
    """Return the body with each mention of the rows of a table as a link to them, where the page of that notebook is made."""

    def link(found: re.Match[str]) -> str:
        page = pages.get(found[1])
        return f'<a href="{for_html(quote(page))}#{found[2]}">{found[3]}</a>' if page else found[3]

    return ROWS.sub(link, body)


class _Ids:
    """Hands out ids; the second of a kind gets a number."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def free(self, wanted: str) -> str:
        made = next(name for name in self._names(wanted) if name not in self.taken)
        self.taken.add(made)
        return made

    def _names(self, wanted: str) -> Iterator[str]:
        yield wanted
        number = 1
        while True:
            number += 1
            yield f"{wanted}-{number}"


def _slug(heading: str) -> str:
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", _text(heading)).casefold())
    return "-".join(words) or "part"


def _text(heading: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", heading)).split())
