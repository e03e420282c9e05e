"""What a report declares: its question, its columns, the streams it rests on, and how it is shown.

`registry` says which reports there are, and `crosstabs` declares some of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from testio_analytics.reports.columns import Column

if TYPE_CHECKING:
    import pandas as pd

READ_STREAMS = ("features", "tests", "bugs", "results")
STATUSES = "statuses"
"""Stands among the streams of a report that asks which tests count as executed: a status may be an unknown word."""

SCOPE_FIELDS = ("tests.features", "tests.test_cases")
BUG_FIELDS = ("bugs.status", "bugs.severity", "bugs.known")
LINK_FIELDS = ("bugs.test_feature", "bugs.test")
FIELDS = (*SCOPE_FIELDS, *BUG_FIELDS, "bugs.auto_accepted", *LINK_FIELDS)
"""Fields that the API may leave out of some rows; they stand among the streams of the reports that rest on them.
``tests.test_cases`` are the features that a scripted test-case run names elsewhere."""
FORM_FIELD = "bugs.report"
"""The same for the answers of bugs on the customer's own forms, on which no figure rests."""

ON_COVERAGE = ("features", "tests", STATUSES, *SCOPE_FIELDS)
ON_MONTHS = ("bugs.test",)
ON_BUGS_OF_FEATURES = (*ON_COVERAGE, "bugs", *BUG_FIELDS, *LINK_FIELDS)

COVERAGE = "Which features were never tested, or not recently?"
BUGS = "Where are the bugs?"
STORIES = "Did the stories pass?"
TRIAGE = "Are bugs triaged in time, and what changes over time?"
NEXT = "What should the next test cover?"
CHANGED = "What changed since the last report?"
TRUST = "Can I trust the figures: how fresh, how complete, and what is left out?"
QUESTIONS = (COVERAGE, BUGS, STORIES, TRIAGE, NEXT, CHANGED, TRUST)


@dataclass(frozen=True)
class View:
    """A frame as people see it.

    Attributes:
        columns: all columns of the frame, in order.
        caption: what a page's table shows, in a sentence.
        page: names of the columns on a page; all of them when empty.
        row_header: the column that names the row on a page; the first one shown when empty.
        under: columns whose values stand small below the row's name.
        terminal: names of the columns that a terminal shows, the most important first: where they do not fit, the last
            are left out. All of them when empty.
    """

    columns: tuple[Column, ...]
    caption: str
    page: tuple[str, ...] = ()
    row_header: str = ""
    under: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, kw_only=True)
class Report(View):
    """One report.

    Attributes:
        name: its name, in the terminal, in Python and as a file.
        title: what it shows, in one sentence.
        question: the question that it helps to answer, one of `QUESTIONS`.
        grain: what one row is, and the order of the rows.
        streams: the streams that its figures rest on.
        searched: the column with the ids of what its rows are about, where these can be searched by words; its table is
            the plural.
    """

    name: str
    title: str
    question: str
    grain: str
    streams: tuple[str, ...]
    searched: str = ""

    @property
    def function(self) -> Callable[..., pd.DataFrame]:
        """The public function that makes it."""
        function: Callable[..., pd.DataFrame] = getattr(import_module("testio_analytics"), self.name)
        return function


def names(text: str) -> tuple[str, ...]:
    """Return the names in a text, separated by blanks."""
    return tuple(text.split())
