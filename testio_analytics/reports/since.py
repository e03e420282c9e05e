"""What a page says of the last report: by how much its figure changed since, and which of its rows are new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT
from testio_analytics.reports.change_kinds import BECAME_READABLE, DATA_SET, FIGURE, NOT_KNOWN, counts_in_words
from testio_analytics.reports.changes import Changes, changes_since
from testio_analytics.text import counted, day_words, listed


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

ROWS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("untested_features", "feature_catalog", "bugs_per_feature", "feature_results", "next_tests"),
            *("packed_tests", "features_to_test", "removed_features"),
        ),
        "feature",
    ),
    **dict.fromkeys(("story_coverage", "unlinked_stories"), "story"),
    "unattributed_bugs": "bug",
    "lapsed_tests": "test",
    **dict.fromkeys(
        ("coverage_by_product", "bugs_by_product", "story_coverage_by_product", "evidence_by_product", "triage"),
        "product",
    ),
    **dict.fromkeys(("coverage_by_section", "story_coverage_by_section"), "section"),
    "completeness": DATA_SET,
}
"""What the rows of a report are, where that is something that changes are told of."""

KEYS: Mapping[str, tuple[str, ...]] = {
    **{what: (f"{what}_id",) for what in ("feature", "story", "bug", "test", "product", "section")},
    DATA_SET: ("product_id", "stream"),
}
"""The columns of a report that say which row is which."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "feature": {"added": "new", "back": "new again", "removed": "newly removed"}
    | {name: name for name in ("newly untested", "newly stale", "newly scheduled", "newly tested")},
    "story": {"added": "new", "back": "new again"}
    | {name: f"newly {name}" for name in ("failed", "blocked", "passed")},
    "bug": {"new critical": "new", "reported": "new", "back": "new again"},
    "test": {"ordered": "new", "lapsed": "newly lapsed"}
    | {name: f"newly {name}" for name in ("started", "ended", "cancelled")},
    **{what: {"added": "new", "back": "new again"} for what in ("product", "section")},
    DATA_SET: {NOT_KNOWN: NOT_KNOWN, BECAME_READABLE: "newly readable"},
}
"""The word that marks a row, by what changed of it."""

HELD = {"section": "sections", "feature": "features", "story": "user_stories", "test": "tests", "bug": "bugs"}
"""The table of what belongs to a product."""

GROUPED = "feature_ids"
"""A column with the ids of all features that share a row."""

Key: TypeAlias = tuple[int | str | None, ...]
"""The values of those columns."""


@dataclass(frozen=True)
class SinceLast:
    """What changed since the last report, for one page: a sentence, and the word of each new row by what it is and its key."""

    sentence: str
    words: Mapping[str, Mapping[Key, str]]

    def marks(self, report: str, rows: pd.DataFrame) -> pd.Series[str] | None:
        """Return the word of each row of a report, empty for most; None where none of its kind is new.

        A row of several features (`feature_ids`) says how many of them each word is about.
        """
        what = ROWS.get(report, "")
        if not self.words.get(what):
            return None
        if GROUPED not in rows:
            return self.marks_of(what, rows[[*KEYS[what]]])
        each = rows[GROUPED].explode().astype("Int64").to_frame()
        return self.marks_of(what, each).groupby(level=0).agg(_together).astype("str")

    def marks_of(self, what: str, keys: pd.DataFrame) -> pd.Series[str]:
        """Return the word of each row by its key, empty for most; `what` is one of `KEYS`."""
        words = self.words.get(what, {})
        values = [keys[name].astype("object").where(keys[name].notna(), None).tolist() for name in keys.columns]
        return pd.Series([words.get(key) for key in zip(*values, strict=True)], index=keys.index, dtype="str")


def _together(words: pd.Series[str]) -> str | None:
    """Return the word of a row, with how many it is about where the row is of several; None where none is."""
    counts = Counter(words.dropna().tolist())
    if len(words) == 1:
        return next(iter(counts), None)
    return listed([f"{count:,} {word}" for word, count in counts.items()]) or None


def since_last(mirror: Mirror, *, as_of: AsOf = None, report: str) -> SinceLast:
    """Return what changed of a page's subject since the last report.

    Raises:
        UnknownValueError: no page is about that report, or `as_of` is no date, time or run.
    """
    if report not in HEADLINES:
        raise UnknownValueError("The report", report, HEADLINES)
    found = changes_since(mirror, as_of=as_of)
    return SinceLast(_sentence(found, HEADLINES[report]), _words(found, mirror.at(as_of)))


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


def _words(found: Changes, mirror: Mirror) -> dict[str, dict[Key, str]]:
    """Return the word of each row that changed; what a new product holds, and the stories of a new feature, are new as well."""
    words: dict[str, dict[Key, str]] = {what: {} for what in WORDS}
    for change in found.found:
        word = WORDS.get(change.what, {}).get(change.kind)
        key: Key = (change.product_id or ACCOUNT, change.name) if change.what == DATA_SET else (change.id,)
        if word is not None and words[change.what].get(key) != "new":
            words[change.what][key] = word
    added = {what: [key for (key,), word in words[what].items() if word == "new"] for what in ("product", "feature")}
    for what, table in HELD.items():
        rows = mirror.active(table)
        is_new = rows["product_id"].isin(added["product"])
        if what == "story":
            is_new |= rows["feature_id"].isin(added["feature"])
        for row_id in rows[is_new]["id"].tolist():
            words[what].setdefault((row_id,), "new")
    return words
