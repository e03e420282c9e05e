"""Where the figures of a page come from, as a block: folded away below them, each with its rows and its query."""

from __future__ import annotations

from urllib.parse import urlencode

from testio_analytics.display.blocks import Block, typeset
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.columns import STATE_WORDS
from testio_analytics.reports.explanations import Explanation, Rows, explanations
from testio_analytics.text import for_html

TITLE = "Where these figures come from"
NO_QUERY = "These figures are as of another time than the end of a sync, so that no query on the tables of the file gives them."


def why(page: str, mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, matures_after: float = 10) -> Block:
    """Return where the headline figures of a page come from: their meaning, the rows they count, and a query for each.

    The query runs on the mirror's file in ``sqlite3``, Datasette or any other program.

    Args:
        page: what the page is about, such as ``overview`` or ``untested_features``.
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        stale_after: as the page uses it, in days.
        matures_after: the same.

    Raises:
        UnknownValueError: there is no such page, or `as_of` is no date, time or run.
    """
    found = explanations(page, mirror, as_of=as_of, stale_after=stale_after, matures_after=matures_after)
    note = f"<p>{NO_QUERY}</p>" if any(one.query is None for one in found) else ""
    items = "".join(f"<dt>{for_html(one.figure)}</dt><dd>{_explained(one)}</dd>" for one in found)
    html = f'<details class="definitions why"><summary>{TITLE}</summary>{note}<dl>{items}</dl></details>'
    return Block(html, f"{TITLE}: {', '.join(one.figure for one in found)}")


def _explained(one: Explanation) -> str:
    meaning = f"{typeset(one.meaning)} " if one.meaning else ""
    rows = f"Rows: {', '.join(map(_rows, one.rows))}." if one.rows else ""
    query = ""
    if one.query is not None:
        query = f"<details><summary>Query</summary><pre><code>{for_html(one.query)}</code></pre></details>"
    return f"<p>{meaning}{rows}</p>{query}"


def _rows(rows: Rows) -> str:
    """Return what the rows are, so that a page can make a link of it to the list with its filters set."""
    filters = urlencode({name: STATE_WORDS.get(value, value) for name, value in rows.filters.items()})
    place = f"{rows.notebook}#{rows.table}{f'?{filters}' if filters else ''}"
    return f'<span data-rows="{for_html(place)}">{for_html(rows.words)}</span>'
