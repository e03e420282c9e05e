"""Where each headline figure of a page comes from: what it means, the rows that it counts, and the query that gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.glossary import definitions
from testio_analytics.reports.queries import query


@dataclass(frozen=True)
class Rows:
    """The rows that a figure counts: a table on the page of a notebook, as far as its filters show them.

    Attributes:
        words: what these rows are.
        notebook: name of the notebook.
        table: name of the report.
        filters: the columns by which a reader can choose, each with the choice.
    """

    words: str
    notebook: str
    table: str
    filters: Mapping[str, str]


@dataclass(frozen=True)
class Explanation:
    """Where one figure comes from.

    Attributes:
        figure: its name on the page.
        meaning: the definition of what is counted.
        rows: the rows that it counts.
        query: SQL that gives it on the file; None where no query on the tables does.
    """

    figure: str
    meaning: str
    rows: tuple[Rows, ...]
    query: str | None


@dataclass(frozen=True)
class _Declared:
    figure: str
    terms: tuple[str, ...]
    select: str
    parts: tuple[str, ...]
    rows: tuple[Rows, ...]


def _catalogue(words: str, state: str) -> Rows:
    return Rows(words, "02_feature_catalog", "feature_catalog", {"state": state})


def _untested(words: str, state: str) -> Rows:
    return Rows(words, "03_untested_features", "untested_features", {"state": state})


def _stories(state: str) -> Rows:
    return Rows(f"{state} stories", "05_story_coverage", "story_coverage", {"state": state})


def _counted(figure: str, terms: tuple[str, ...], what: str, part: str, condition: str, *rows: Rows) -> _Declared:
    return _Declared(figure, terms, f"SELECT count(*) AS {what} FROM {part} WHERE {condition}", (part,), rows)


_NEVER = (_untested("untested features", "untested"), _untested("scheduled features", "planned"))
_MONTHS = (Rows("triage by month", "06_triage_and_trends", "triage_by_month", {}),)
_TREND = (Rows("months", "06_triage_and_trends", "trends", {}),)
_TRIAGE = (Rows("triage by product", "06_triage_and_trends", "triage", {}),)
_IN_MONTH = "at >= '$month' AND at < '$next_month'"

FIGURES: Mapping[str, tuple[_Declared, ...]] = {
    "overview": (
        _Declared(
            "Recently tested",
            ("Tested", "Executed test"),
            "SELECT sum(state = 'tested') AS at_least, sum(state = 'tested' OR may_be_recent) AS at_most,\n"
            "  count(*) AS active_features\nFROM feature_state",
            ("feature_state",),
            (_catalogue("tested features", "tested"),),
        ),
        _Declared(
            "Never tested",
            ("Untested", "Scheduled, not yet tested"),
            "SELECT sum(state IN ('untested', 'planned')) AS at_least,\n"
            "  sum(state IN ('untested', 'planned', 'unknown')) AS at_most, count(*) AS active_features\n"
            "FROM feature_state",
            ("feature_state",),
            _NEVER,
        ),
        _Declared(
            "Stories with a result",
            ("Story coverage", "Result of a story"),
            "SELECT sum(state IN ('passed', 'failed') AND NOT may_differ) AS at_least,\n"
            "  sum(state IN ('passed', 'failed') OR may_differ) AS at_most, count(*) AS stories\nFROM judged_story",
            ("judged_story",),
            (_stories("passed"), _stories("failed")),
        ),
        _Declared(
            "Valid bugs last month",
            ("Valid bug",),
            f"SELECT count(*) AS bugs FROM bug\nWHERE counts_as = 'executed' AND status <> 'rejected' AND {_IN_MONTH}",
            ("bug",),
            _TREND,
        ),
        _Declared(
            "Bugs triaged manually",
            ("Review",),
            "SELECT sum(outcome IN ('active_accepted', 'rejected')) AS at_least,\n"
            "  sum(outcome IN ('active_accepted', 'rejected', 'accepted_unclear') OR status IS NULL) AS at_most,\n"
            f"  count(*) AS bugs\nFROM bug WHERE {_IN_MONTH}",
            ("bug",),
            _MONTHS,
        ),
    ),
    "feature_catalog": (
        _counted(
            "Active features",
            ("Active feature",),
            "active_features",
            "feature_state",
            "true",
            Rows("the catalogue", "02_feature_catalog", "feature_catalog", {}),
        ),
        _Declared(
            "Tested at least once",
            ("Covered, all time",),
            "SELECT sum(state IN ('tested', 'stale')) AS features FROM feature_state",
            ("feature_state",),
            (_catalogue("tested features", "tested"), _catalogue("stale features", "stale")),
        ),
        _Declared(
            "User stories",
            ("Active feature",),
            "SELECT count(*) AS stories FROM user_stories u JOIN feature_state f ON f.id = u.feature_id\n"
            "WHERE u.removed_at IS NULL",
            ("feature_state",),
            (Rows("all stories", "05_story_coverage", "story_coverage", {}),),
        ),
        _Declared(
            "With description and directions",
            (),
            "SELECT sum(trim(coalesce(description, '')) <> '' AND trim(coalesce(howtofind, '')) <> '') AS described,\n"
            "  count(*) AS active_features\nFROM features JOIN feature_state USING (id)",
            ("feature_state",),
            (Rows("the catalogue", "02_feature_catalog", "feature_catalog", {}),),
        ),
    ),
    "untested_features": (
        _counted("Untested", ("Untested",), "features", "feature_state", "state = 'untested'", _NEVER[0]),
        _counted(
            "Scheduled", ("Scheduled, not yet tested",), "features", "feature_state", "state = 'planned'", _NEVER[1]
        ),
        _counted(
            "Unknown",
            ("Unknown",),
            "features",
            "feature_state",
            "state = 'unknown'",
            _untested("features of unknown status", "unknown"),
        ),
        _counted(
            "Not tested for {stale_after} days",
            ("Stale",),
            "features",
            "feature_state",
            "state = 'stale'",
            _untested("stale features", "stale"),
        ),
        _counted(
            "Tested since",
            ("Tested",),
            "features",
            "feature_state",
            "state = 'tested'",
            _catalogue("tested features", "tested"),
        ),
    ),
    "bugs_per_feature": (
        _Declared(
            "Valid bugs",
            ("Valid bug",),
            "SELECT sum(status IS NOT NULL AND status <> 'rejected') AS valid_bugs, count(*) AS reported FROM bug",
            ("bug",),
            (Rows("bugs by product", "04_bugs_per_feature", "bugs_by_product", {}),),
        ),
        _Declared(
            "Features with a test",
            ("Covered", "Executed test"),
            "SELECT count(*) AS features FROM feature_state f JOIN covering c ON c.feature_id = f.id WHERE c.executed > 0",
            ("feature_state",),
            (Rows("bugs per feature", "04_bugs_per_feature", "bugs_per_feature", {}),),
        ),
    ),
    "story_coverage": tuple(
        _counted(figure, (term,), "stories", "story_state", f"state = '{state}'", _stories(state))
        for figure, term, state in (
            ("Failed", "Story failed", "failed"),
            ("Blocked", "Story blocked", "blocked"),
            ("Passed", "Story passed", "passed"),
            ("In scope, not run", "In scope, not run", "in scope, not run"),
            ("Never in scope", "Never in scope", "never in scope"),
            ("Unknown", "Unknown story", "unknown"),
        )
    ),
    "triage": (
        _counted("Bugs", (), "bugs", "bug", "true", *_TRIAGE),
        *(
            _counted(figure, (term,), "bugs", "bug", condition, *_TRIAGE)
            for figure, term, condition in (
                ("Triaged manually", "Review", "outcome IN ('active_accepted', 'rejected')"),
                ("Auto-accepted", "Auto-accepted", "outcome = 'auto_accepted'"),
                ("Accepted, not said by whom", "Accepted, not said by whom", "outcome = 'accepted_unclear'"),
                ("Open", "Open bug", "outcome = 'open'"),
                ("May still change", "Recent test", "is_running OR at > '$mature'"),
            )
        ),
    ),
}
"""The headline figures of each page."""


def explanations(
    page: str, mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, matures_after: float = 10
) -> tuple[Explanation, ...]:
    """Return where the headline figures of a page come from, in the order of the page.

    Args:
        page: one of `FIGURES`.
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        stale_after: as the page uses it, in days.
        matures_after: the same.

    Raises:
        UnknownValueError: there is no such page, or `as_of` is no date, time or run.
    """
    if page not in FIGURES:
        raise UnknownValueError("The page", page, FIGURES)
    mirror = mirror.at(as_of)
    meanings = dict(definitions(stale_after=stale_after, matures_after=matures_after))
    month = _month(mirror)
    return tuple(
        Explanation(
            one.figure.format(stale_after=f"{stale_after:g}"),
            " ".join(meanings[term] for term in one.terms),
            one.rows,
            query(mirror, one.select, one.parts, stale_after=stale_after, matures_after=matures_after, more=month),
        )
        for one in FIGURES[page]
    )


def _month(mirror: Mirror) -> dict[str, str]:
    """Return the first instant of the last whole month, and of the one after it."""
    # A plain date is the last microsecond of its day: the last day of a month ends it.
    now = mirror.instant() + pd.Timedelta(microseconds=1)
    after = pd.Timestamp(year=now.year, month=now.month, day=1, tz="UTC")
    return {"month": (after - pd.DateOffset(months=1)).isoformat(), "next_month": after.isoformat()}
