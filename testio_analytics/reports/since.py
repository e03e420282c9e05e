"""What a page says of the last report: by how much its figure changed since, and which of its rows are new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.change_kinds import FIGURE, counts_in_words
from testio_analytics.reports.changes import Changes, changes_since
from testio_analytics.text import counted, day_words


class Headline(NamedTuple):
    """The figure that a page is about: its name, what one and several of it are and do, and whose changes explain it."""

    figure: str
    one: str
    many: str
    does: str
    do: str
    whats: tuple[str, ...]


HEADLINES: Mapping[str, Headline | None] = {
    "overview": None,
    "completeness": None,
    "feature_catalog": Headline(
        "Active features", "feature", "features", "is active", "are active", ("feature", "section", "product")
    ),
    "untested_features": Headline(
        "Untested", "feature", "features", "is untested", "are untested", ("feature", "test", "product")
    ),
    "bugs_per_feature": Headline("Valid bugs", "bug", "bugs", "is valid", "are valid", ("bug",)),
    "story_coverage": Headline("Stories failed", "story", "stories", "has failed", "have failed", ("story",)),
    "triage": Headline("Open bugs", "bug", "bugs", "is open", "are open", ("bug",)),
    "next_tests": Headline(
        "Never tested", "feature", "features", "was never tested", "were never tested", ("feature", "test")
    ),
}
"""By the report that a page is about; where there is no single figure, all changes are counted."""

ROW_KEYS: Mapping[str, str] = {
    **dict.fromkeys(
        ("untested_features", "feature_catalog", "bugs_per_feature", "feature_results", "next_tests", "packed_tests"),
        "feature_id",
    ),
    "story_coverage": "story_id",
    "unattributed_bugs": "bug_id",
    "lapsed_tests": "test_id",
}
"""The reports whose rows are features, stories, bugs or tests, and the column that says which."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "feature": {"added": "new", "back": "new again"}
    | {name: name for name in ("newly untested", "newly stale", "newly scheduled", "newly tested")},
    "story": {"added": "new", "back": "new again"}
    | {name: f"newly {name}" for name in ("failed", "blocked", "passed")},
    "bug": {"new critical": "new", "reported": "new", "back": "new again"},
    "test": {"ordered": "new", "lapsed": "newly lapsed"},
}
"""The word that marks a row, by what changed of it."""


@dataclass(frozen=True)
class SinceLast:
    """What changed since the last report, for one page: a sentence, and the word of each new row by what it is and its id."""

    sentence: str
    words: Mapping[str, Mapping[int, str]]

    def words_of(self, report: str) -> Mapping[int, str]:
        """Return the words of the rows of a report, by the ids in its column of `ROW_KEYS`."""
        return self.words.get(ROW_KEYS.get(report, "").removesuffix("_id"), {})


def since_last(mirror: Mirror, *, as_of: AsOf = None, report: str) -> SinceLast:
    """Return what changed of a page's subject since the last report.

    Raises:
        UnknownValueError: no page is about that report, or `as_of` is no date, time or run.
    """
    if report not in HEADLINES:
        raise UnknownValueError("The report", report, HEADLINES)
    found = changes_since(mirror, as_of=as_of)
    return SinceLast(_sentence(found, HEADLINES[report]), _words(found))


def _sentence(found: Changes, headline: Headline | None) -> str:
    if headline is None or found.since is None:
        return found.sentence[0].upper() + found.sentence[1:]
    figure = next(one for one in found.found if one.what == FIGURE and one.name == headline.figure)
    counts = {key: count for key, count in found.counts.items() if key[0] in headline.whats}
    details, day = counts_in_words(counts), day_words(found.since)
    if figure.change is None or figure.change != figure.change_highest:
        unknown = (
            f"Because of data gaps, it is not known whether more or fewer {headline.many} {headline.do} than on {day}."
        )
        return f"{unknown} Since then: {details}." if details else unknown
    return _moved(round(figure.change), headline, day) + (f": {details}." if details else ".")


def _moved(change: int, headline: Headline, day: str) -> str:
    """Return by how much a figure changed, like "3 features more are untested than on 2 May 2026"."""
    if not change:
        return f"As many {headline.many} {headline.do} as on {day}"
    size = abs(change)
    more, does = "more" if change > 0 else "fewer", headline.does if size == 1 else headline.do
    return f"{counted(size, headline.one, headline.many)} {more} {does} than on {day}"


def _words(found: Changes) -> dict[str, dict[int, str]]:
    words: dict[str, dict[int, str]] = {what: {} for what in WORDS}
    for change in found.found:
        word = WORDS.get(change.what, {}).get(change.kind)
        if word is not None and change.id is not None and words[change.what].get(change.id) != "new":
            words[change.what][change.id] = word
    return words
