"""How a product of the demo account is described before it is built: areas of features, and how it is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Fate = Literal["normal", "never", "planned", "stale", "poisoned", "retired"]

MARKS: dict[str, Fate] = {"!": "never", "?": "planned", "~": "stale", "^": "poisoned", "-": "retired"}


@dataclass(frozen=True)
class Area:
    """A group of features that are tested together.

    Attributes:
        titles: pairs of feature title and fate.
        role: who speaks in its stories.
        attention: how often it is picked for a test, relative to the other areas of its section.
        trouble: bugs per test and feature, relative to other areas.
        quiet_days: no test of it has ended within this many days.
        sections: ids of the sections that list it; empty for the first section of the product.
    """

    name: str
    role: str
    titles: tuple[tuple[str, Fate], ...]
    attention: float = 1.0
    trouble: float = 1.0
    quiet_days: int = 0
    sections: tuple[int, ...] = ()


def area(
    name: str,
    role: str,
    titles: str,
    *,
    attention: float = 1.0,
    trouble: float = 1.0,
    quiet_days: int = 0,
    sections: tuple[int, ...] = (),
) -> Area:
    """Return an area from titles separated by semicolons, each with at most one mark of `MARKS` behind it."""
    marked = tuple(_marked(title.strip()) for title in titles.split(";"))
    return Area(name, role, marked, attention, trouble, quiet_days, sections)


def _marked(title: str) -> tuple[str, Fate]:
    return (title[:-1], MARKS[title[-1]]) if title[-1] in MARKS else (title, "normal")


@dataclass(frozen=True)
class Blueprint:
    """One product before it is built.

    Attributes:
        payload: the product payload as the API answers it.
        sectioned: whether the server treats it as sectioned.
        section_ids: every section with an address, in order; the first is the usual home of an area.
        shared: (title, section id) pairs: sections that list a feature besides those of its area.
        stories: number of user stories that the features of its first section have together.
        other_stories: the same for all other features.
        tests: number of tests that have ended; `running`, `planned`, `drafts` and `cancelled` come on top.
        bugs: expected number of bugs.
        growth: 1 is a steady pace, above 1 the pace grows over the two years, below 1 it fades.
        test_ids: first and last id that its tests may take.
        timer: share of the decided bugs that the timer accepted because nobody looked.
        refused: share of the decided bugs that the customer rejected.
    """

    id: int
    payload: dict[str, Any]
    sectioned: bool
    section_ids: tuple[int, ...]
    areas: tuple[Area, ...] = ()
    shared: tuple[tuple[str, int], ...] = ()
    stories: int = 0
    other_stories: int = 0
    tests: int = 0
    running: int = 0
    planned: int = 0
    drafts: int = 0
    cancelled: int = 0
    bugs: float = 0.0
    growth: float = 1.0
    test_ids: tuple[int, int] = (1, 1)
    timer: float = 0.2
    refused: float = 0.17
