"""Sentences, lists and states as HTML blocks, for notebooks and for the pages made from them.

Every value is escaped, and the same input gives the same text: no ids, no clock, no chance. The markup carries
classes and no styles, because a page's content security policy forbids styles in attributes; `templates` holds the
look. Without any stylesheet, as in a notebook, the blocks are plain tables, lists and sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, TypeAlias

from testio_analytics.display.cells import (
    LOOKS,
    MARKS,
    NO_BREAK_SPACE,
    UNKNOWN,
    in_utc,
    is_missing,
    share_words,
    value_words,
)
from testio_analytics.display.plots.style import SOFT, STATE_COLOURS
from testio_analytics.errors import ReportError
from testio_analytics.reports.columns import STATE_WORDS
from testio_analytics.text import EN_DASH, for_html, instant_words, one_line, short

OUR_BLOCK = {"testio_analytics": "block"}
"""Metadata by which our own markup is known when a page is made."""

SHOWN_NAME = 60
KEPT_TEXT = 2_000

BAR_HEIGHT = 40

CLAUSE_NUMBERS = re.compile(r"(?:^|^At least |(?<=; ))\d[\d,]*(?: of \d[\d,]*)?(?![\d,]| ?%)|\b\d[\d,]* of \d[\d,]*\b")

BEFORE_PER_CENT = re.compile(r"(?<=\d) %")
WITHIN_RANGE = re.compile(rf"(?<=\d){EN_DASH}(?=\d)")
WORD_JOINER = "\N{WORD JOINER}"

Pairs: TypeAlias = Mapping[str, Any] | Iterable[tuple[str, Any]]


@dataclass(frozen=True)
class Block:
    """A piece of a report: HTML for a notebook or page, and a line of text for everything else."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        """Return both forms, and the metadata by which a page knows the block as ours."""
        return {"text/html": self.html, "text/plain": self.text}, {"text/html": dict(OUR_BLOCK)}

    def __repr__(self) -> str:
        return self.text


# -- sentences and lists --------------------------------------------------------------------------------------------


def verdict(sentence: str) -> Block:
    """Return the answer of a report as its most prominent sentence.

    "k of n" and the numbers that open the sentence or a part of it after a semicolon are emphasised.
    """
    return _emphasised(sentence, "verdict")


def statement(sentence: str) -> Block:
    """Return the answer of one part of a report: like a verdict, and less prominent."""
    return _emphasised(sentence, "statement")


def _emphasised(sentence: str, kind: str) -> Block:
    text = one_sentence(sentence)
    parts, last = [], 0
    for found in CLAUSE_NUMBERS.finditer(text):
        parts += [typeset(text[last : found.start()]), f"<strong>{typeset(found.group())}</strong>"]
        last = found.end()
    return Block(f'<p class="{kind}">{"".join(parts)}{typeset(text[last:])}</p>', text)


def facts(items: Mapping[str, Any]) -> Block:
    """Return a short list of facts, such as the date of the report and the last sync; a missing one is "unknown"."""
    said = {_name(label): _fact_words(value) for label, value in items.items()}
    lines = "".join(f"<li>{for_html(label)} <strong>{typeset(value)}</strong></li>" for label, value in said.items())
    return Block(f'<ul class="facts">{lines}</ul>', " · ".join(f"{label}: {value}" for label, value in said.items()))


def _fact_words(value: object) -> str:
    if is_missing(value):
        return UNKNOWN
    return instant_words(in_utc(value)) if isinstance(value, datetime) else one_sentence(value_words(value))


def figures(items: Mapping[str, tuple[Any, Sequence[str]]]) -> Block:
    """Return the few figures that matter most, large: each a name, the figure and short lines that belong to it.

    A missing figure is "unknown".
    """
    said = {_name(label): (_fact_words(value), [*map(one_sentence, notes)]) for label, (value, notes) in items.items()}
    tiles = "".join(
        f"<li><span>{for_html(label)}</span> <strong>{typeset(value)}</strong>"
        f"{''.join(f'<br><small>{typeset(note)}</small>' for note in notes)}</li>"
        for label, (value, notes) in said.items()
    )
    texts = [
        f"{label}: {value}" + (f" ({'; '.join(notes)})" if notes else "") for label, (value, notes) in said.items()
    ]
    return Block(f'<ul class="figures">{tiles}</ul>', " · ".join(texts))


def notice(text: str | Sequence[str], *, lead: str = "") -> Block:
    """Return a box for what the reader must know, such as a gap; several texts become a list.

    `lead` opens it in bold. With nothing to say the block is empty, so that a notebook can show it in any case.
    """
    texts = [one_sentence(part) for part in ([text] if isinstance(text, str) else text)]
    texts = [part for part in texts if part]
    if not texts:
        return Block("", "")
    lead = one_sentence(lead)
    opening = f"<strong>{typeset(lead)}</strong> " if lead else ""
    body = f"<p>{opening}{typeset(texts[0])}</p>" if len(texts) == 1 else _listed(opening, texts)
    return Block(f'<div class="notice" role="note">{body}</div>', " ".join([lead, *texts]).strip())


def _listed(opening: str, texts: Sequence[str]) -> str:
    head = f"<p>{opening.strip()}</p>" if opening else ""
    return f"{head}<ul>{''.join(f'<li>{typeset(text)}</li>' for text in texts)}</ul>"


def definition_list(pairs: Pairs, *, summary: str = "Definitions", is_open: bool = False) -> Block:
    """Return terms and their meanings, folded away under `summary` unless `is_open`."""
    items = [(_name(str(term)), _fact_words(meaning)) for term, meaning in _pairs(pairs)]
    body = "".join(f"<dt>{for_html(term)}</dt><dd>{typeset(meaning)}</dd>" for term, meaning in items)
    head = f"<summary>{for_html(one_sentence(summary))}</summary>"
    html = f'<details class="definitions"{" open" if is_open else ""}>{head}<dl>{body}</dl></details>'
    return Block(html, f"{one_sentence(summary)}: {', '.join(term for term, _ in items)}")


def _pairs(pairs: Pairs) -> Iterable[tuple[str, Any]]:
    return pairs.items() if isinstance(pairs, Mapping) else pairs


# -- states ---------------------------------------------------------------------------------------------------------


def state_bar(counts: Mapping[str, int], *, caption: str, noun: str = "features") -> Block:
    """Return how a whole divides into states: one bar, and below it each state with its count and share.

    The parts keep the order of `counts`; the states of `cells.STATES` have their own colour and shape.

    Raises:
        ReportError: a count is missing or negative.
    """
    wrong = {state: count for state, count in counts.items() if is_missing(count) or count < 0}
    if wrong:
        raise ReportError(f"A bar of states needs counts from 0 up; it was given {wrong}.")
    total = sum(counts.values())
    said = ", ".join(f"{value_words(count)} {_state_name(state)}" for state, count in counts.items())
    text = one_line(f"{value_words(total)} {noun}: {said}")
    keys = "".join(_key(state, count, total) for state, count in counts.items())
    html = (
        f'<figure class="states"><figcaption>{for_html(one_sentence(caption))}</figcaption>'
        f'{_bar(counts, total, text)}<ul class="key">{keys}</ul></figure>'
    )
    return Block(html, text)


def _bar(counts: Mapping[str, int], total: int, text: str) -> str:
    if not total:
        return ""
    starts = accumulate(counts.values(), initial=0)
    states = zip(counts.items(), starts, strict=False)  # one start more than there are states: the end
    parts = "".join(_bar_part(state, start, count, total) for (state, count), start in states)
    size = f'width="100%" height="{BAR_HEIGHT}"'
    return f'<svg class="bar" {size} role="img" aria-label="{for_html(text)}">{parts}</svg>'


def _bar_part(state: str, start: int, count: int, total: int) -> str:
    if not count:
        return ""
    place = f'x="{100 * start / total:.3f}%" y="0" width="{100 * count / total:.3f}%" height="{BAR_HEIGHT}"'
    colour = STATE_COLOURS.get(state, SOFT)
    return f'<rect class="{_state_class("fill", state)}" {place} fill="{colour}"></rect>'


def _key(state: str, count: int, total: int) -> str:
    share = f" <small>{share_words(count / total)}</small>" if total else ""
    return f"<li>{state_chip(state)} <strong>{value_words(count)}</strong>{share}</li>"


def state_chip(state: str) -> str:
    """Return a state as shape and word, like "scheduled" for planned; a word that is no state has no shape."""
    look = LOOKS.get(state)
    mark = f'<span class="mark" aria-hidden="true">{MARKS[look]}</span> ' if look else ""
    return f'<span class="{_state_class("state", state)}">{mark}{for_html(_state_name(state))}</span>'


def _state_name(state: str) -> str:
    return _name(STATE_WORDS.get(state, state))


def _state_class(prefix: str, state: str) -> str:
    return f"{prefix} {prefix}-{LOOKS[state]}" if state in LOOKS else prefix


# -- text as HTML ---------------------------------------------------------------------------------------------------


def one_sentence(text: str) -> str:
    """Return the text on one line and not longer than what a page keeps."""
    return short(one_line(text), KEPT_TEXT)


def _name(text: str) -> str:
    return short(one_line(text), SHOWN_NAME)


def typeset(sentence: str) -> str:
    """Return a sentence escaped, with its per cent signs and ranges kept from breaking over a line end."""
    together = BEFORE_PER_CENT.sub(f"{NO_BREAK_SPACE}%", sentence)
    return for_html(WITHIN_RANGE.sub(EN_DASH + WORD_JOINER, together))
