"""What a message says: its subject and its lines, the most important first, and how it is shortened."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from testio_analytics.reports.status import Status
from testio_analytics.text import counted, for_chat, short

LONGEST_LINE = 300
"""Characters of one line of a message; what is longer is cut, so that one title hides no other."""

MOST_PROBLEMS = 3
"""Problems that a message names before it says what changed; `status` names all."""


class Changed(Protocol):
    """What a message takes of the changes between two states."""

    @property
    def sentence(self) -> str:
        """All of it in one line."""

    @property
    def lines(self) -> tuple[str, ...]:
        """One change each, the most important first."""


@dataclass(frozen=True)
class Message:
    """A message, safe for every service: nothing in it calls people or hides where a link leads.

    Attributes:
        subject: one line.
        lines: the text, the most important first.
        command: the command that shows all of it.
    """

    subject: str
    lines: tuple[str, ...]
    command: str


def message(status: Status, changed: Changed | None, *, unclear: Sequence[str] = (), command: str) -> Message:
    """Return what is to be told.

    Args:
        status: the state now.
        changed: what changed since the last message; None where there is nothing to compare.
        unclear: what is to be said of earlier messages of which nobody knows whether they arrived.
        command: the command that shows all of it.
    """
    subject, line, news = status.line, list[str](), list[str]()
    if changed is not None and status.has_failed:
        news = [changed.sentence, *changed.lines]
    elif changed is not None:
        subject, line, news = changed.sentence.removesuffix("."), [status.line], [*changed.lines]
    lines = [*unclear, *line, *_problems(status), *news, *(status.notes if changed is None else ()), status.advice]
    return Message(for_chat(subject), tuple(short(for_chat(one), LONGEST_LINE) for one in lines), command)


def _problems(status: Status) -> list[str]:
    found = [*status.problems[:MOST_PROBLEMS]]
    if more := len(status.problems) - MOST_PROBLEMS:
        found += [f"And {counted(more, 'problem')} more: `testio-analytics status` names all."] if more > 0 else []
    return found


def body(message: Message, fits: Callable[[str], bool]) -> str:
    """Return as many first lines as fit, and how many were left out; `fits` says whether a text does."""
    whole = "\n".join(message.lines)
    if fits(whole):
        return whole
    counts = range(len(message.lines))
    # As many lines as fit: the texts grow with them, so that the first which does not fit can be searched for.
    kept = bisect_right(counts, False, key=lambda count: not fits(_shortened(message, count))) - 1
    return _shortened(message, max(kept, 0))


def _shortened(message: Message, kept: int) -> str:
    left_out = counted(len(message.lines) - kept, "more line")
    return "\n".join([*message.lines[:kept], f"… and {left_out}: `{message.command}` shows all."])
