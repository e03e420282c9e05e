"""What changed as Markdown, to paste into a chat or a ticket: every text of the API is shown, and acts nowhere."""

from __future__ import annotations

import re

from testio_analytics.reports.change_kinds import FIGURE, KINDS, Change, capitalised, described
from testio_analytics.reports.changes import Changes
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.text import one_line, short, signed

MOST_ROWS = 20
"""Changes that are named below each heading."""

LONGEST_TEXT = 200
PUNCTUATION = re.compile(r"([\\`*_\[\]|~$])")
ACTING = re.compile(r"@|#(?=\w)|(?<=:)/(?=/)|(?<=\bwww)\.|(?<=\bGH)-(?=\d)", re.IGNORECASE)
"""What makes a mention, a reference to a ticket, or a link of plain text."""

WORD_JOINER = "\N{WORD JOINER}"
OF_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def for_markdown(text: str) -> str:
    """Return the text, on one line, as a reader of GitHub or Slack sees it: no markup, mention, link or HTML of its own.

    Punctuation of Markdown gets a backslash, that of HTML its entity (Slack wants the same three), and an invisible joiner
    parts what would become a mention, a reference or a link.
    """
    text = short(one_line(text), LONGEST_TEXT)
    text = ACTING.sub(lambda found: f"{found.group()}{WORD_JOINER}", text)
    return PUNCTUATION.sub(r"\\\1", re.sub("[&<>]", lambda found: OF_HTML[found.group()], text))


def changes_markdown(changes: Changes, *, most: int = MOST_ROWS) -> str:
    """Return the changes below a heading for each kind with its count, the figures that changed as a table, and the gaps."""
    parts = [f"**{for_markdown(changes.sentence)}**"]
    for (what, kind), words in KINDS.items():
        rows = [change for change in changes.found if (change.what, change.kind) == (what, kind)]
        if not rows or kind == "unchanged":
            continue
        heading = f"### {capitalised(words.one if len(rows) == 1 else words.many)} ({len(rows):,})"
        body = _figures(rows) if what == FIGURE else _listed(changes, rows, most)
        parts.append("\n".join([heading, "", *body]))
    if gaps := [f"- {for_markdown(sentence)}." for sentence in sentences(changes.doubts)]:
        parts.append("\n".join(["### Data gaps", "", *_shortened(gaps, most)]))
    return "\n\n".join(parts)


def _listed(changes: Changes, rows: list[Change], most: int) -> list[str]:
    return _shortened([f"- {described(row, changes.product_of(row), for_markdown)}" for row in rows], most)


def _shortened(lines: list[str], most: int) -> list[str]:
    return [*lines[:most], f"- and {len(lines) - most:,} more"] if len(lines) > most else lines


def _figures(rows: list[Change]) -> list[str]:
    head = ["| Figure | Before | After | Difference | More than chance |", "| --- | --- | --- | --- | --- |"]
    return [*head, *("| " + " | ".join(_figure(row)) + " |" for row in rows)]


def _figure(row: Change) -> list[str]:
    chance = {None: "", True: "yes", False: "no"}[row.beyond_interval]
    return [*map(for_markdown, (row.name, row.before, row.after)), _difference(row), chance]


def _difference(row: Change) -> str:
    if row.change is None or row.change_highest is None:
        return "unknown"
    ends = dict.fromkeys((row.change, row.change_highest))
    if row.beyond_interval is None:
        return " to ".join(map(signed, ends))
    return " to ".join(signed(100 * end) for end in ends) + " points"
