"""What a manager reads first: the verdict, five figures with their change, and what to test next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.answers import coverage_summary
from testio_analytics.reports.coverage import coverage_over_time, coverage_total
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts
from testio_analytics.reports.facts import dated_tests
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.shares import share
from testio_analytics.reports.stories import story_coverage_by_product
from testio_analytics.reports.trends import trends
from testio_analytics.reports.triage import triage, triage_total
from testio_analytics.text import (
    EN_DASH,
    MONTHS,
    counted,
    interval_words,
    listed,
    percent_range,
    short,
    signed,
)

MOST_NAMED = 10
ALIKE = ["state", "rank", "product_id", "product", "why"]
UNKNOWN = "unknown"


class Figure(NamedTuple):
    """A figure as text, like "233 of 446", and what belongs to it, a line each: share, month, change."""

    value: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Overview:
    """What a manager reads first.

    Attributes:
        sentence: the verdict.
        figures: five figures by name. A change is given against the end of the last whole month, and for what belongs to
            that month against the one before, where enough is known of both.
        next_features: the first features of `next_tests` that no scheduled test covers, in its order. What nothing tells
            apart is one row: same rank, product, sections, state and reason; ten rows at most. Columns: state, rank,
            product_id, product, sections, why, active_features (how many), feature_id (empty for more than one), examples (titles).
        doubts: what could not be read, a sentence each.
    """

    sentence: str
    figures: dict[str, Figure]
    next_features: pd.DataFrame
    doubts: tuple[str, ...]


def overview(mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, impact: ImpactSource = None) -> Overview:
    """Return the verdict, five figures, the features that need a test, and what is in doubt.

    Raises:
        UnknownValueError: `as_of` is no date or time, or `stale_after` is not above 0.
        ReportError: the impact weights cannot be read.
    """
    mirror, instant = mirror.at(as_of), mirror.instant(as_of)
    ranking = next_tests(mirror, as_of=instant, impact=impact)
    states = feature_catalog(mirror, as_of=instant, stale_after=stale_after)[["feature_id", "state"]]
    ranking = ranking.merge(states, on="feature_id", how="left", validate="one_to_one")
    # What is scheduled will be tested without anybody doing anything.
    next_features = _grouped(ranking[ranking["planned_test"].isna()]).head(MOST_NAMED)
    then = _month_end(mirror, instant)
    figures = {
        "Recently tested": _recent(mirror, instant, stale_after),
        "Never tested": _never(mirror, instant, then, stale_after),
        "Stories with a result": _stories(mirror, instant, then),
        "Valid bugs last month": _bugs(mirror, instant),
        "Bugs triaged manually": _triaged(mirror, instant),
    }
    sentence = coverage_summary(mirror, as_of=instant, stale_after=stale_after).sentence
    return Overview(sentence, figures, next_features, sentences(doubts(mirror)))


def _grouped(features: pd.DataFrame) -> pd.DataFrame:
    """Return one row for the features that nothing tells apart, in the order of the first of them."""
    alike = features.groupby(ALIKE, sort=False, dropna=False, observed=True, as_index=False)
    rows = alike.agg(
        active_features=("feature", "size"),
        feature_id=("feature_id", "first"),
        expected_weighted=("expected_weighted", "first"),
        feature_ids=("feature_id", tuple),
        examples=("feature", lambda titles: listed([short(title) for title in titles])),
        sections=("sections", lambda names: listed([*dict.fromkeys(names.dropna())]) or None),
    )
    rows["feature_id"] = rows["feature_id"].mask(rows["active_features"] > 1)
    return rows.astype({"active_features": "Int64", "feature_id": "Int64", "examples": "str", "sections": "str"})


def _month_end(mirror: Mirror, instant: pd.Timestamp) -> pd.Timestamp | None:
    """Return when the last month ended that was over before the report date; None where no test was executed by then.

    On the first of a month at 00:00 that is not this instant: what changed within the month is to be said.
    """
    within = instant - pd.Timedelta(microseconds=1)
    end = pd.Timestamp(year=within.year, month=within.month, day=1, tz="UTC").as_unit("us")
    if end.year < 1970:  # nothing was read, or a report date at the very beginning
        return None
    tests = dated_tests(mirror, as_of=end)
    return end if ((tests["group"] == "executed") & tests["at"].notna()).any() else None


def _since(change: int, end: pd.Timestamp) -> str:
    return f"{signed(change)} since the end of {MONTHS[(end - pd.Timedelta(microseconds=1)).month - 1]}"


def _of(part: Any, whole: Any, highest: Any, *notes: str) -> Figure:
    """Return "k of n" with its share; a range where a gap could raise k."""
    lowest, most = share(part, whole), share(highest, whole)
    if lowest is None or most is None:
        return Figure(UNKNOWN)
    number = f"{int(part):,}" if int(highest) == int(part) else f"{int(part):,}{EN_DASH}{int(highest):,}"
    return Figure(f"{number} of {int(whole):,}", (percent_range(lowest, most), *(note for note in notes if note)))


def _recent(mirror: Mirror, instant: pd.Timestamp, stale_after: float) -> Figure:
    total = coverage_total(mirror, as_of=instant, stale_after=stale_after).iloc[0]
    past = coverage_over_time(mirror, as_of=instant, stale_after=stale_after)
    past = past[~past["is_partial"].astype(bool)]
    change = ""
    if len(past) and pd.notna(total["recent_covered"]):
        change = _since(int(total["recent_covered"]) - int(past.iloc[-1]["covered"]), past.iloc[-1]["until"])
    return _of(total["recent_covered"], total["active_features"], total["recent_covered_highest"], change)


def _never(mirror: Mirror, instant: pd.Timestamp, then: pd.Timestamp | None, stale_after: float) -> Figure:
    now = coverage_total(mirror, as_of=instant, stale_after=stale_after).iloc[0]
    change = ""
    if then is not None and pd.notna(now["never_executed"]):
        before = coverage_total(mirror.moved_to(then), stale_after=stale_after).iloc[0]["never_executed"]
        change = "" if pd.isna(before) else _since(int(now["never_executed"]) - int(before), then)
    is_planned = pd.notna(now["planned"]) and now["planned"] > 0
    both = f"{now['untested']:,} untested, {now['planned']:,} scheduled" if is_planned else ""
    return _of(now["never_executed"], now["active_features"], now["never_executed_highest"], both, change)


def _stories(mirror: Mirror, instant: pd.Timestamp, then: pd.Timestamp | None) -> Figure:
    rows = story_coverage_by_product(mirror, as_of=instant)
    if rows["covered"].isna().all():
        return Figure(UNKNOWN)
    change = ""
    if then is not None:
        before = story_coverage_by_product(mirror.moved_to(then))
        both = rows["covered"].notna() & before["covered"].notna()
        if both.any():
            change = _since(int(rows["covered"][both].sum() - before["covered"][both].sum()), then)
    return _of(rows["covered"].sum(), rows["stories"].sum(), rows["covered_highest"].sum(), change)


def _bugs(mirror: Mirror, instant: pd.Timestamp) -> Figure:
    whole = trends(mirror, as_of=instant)
    whole = whole[~whole["is_partial"].astype(bool)]
    if whole.empty or pd.isna(whole.iloc[-1]["bugs"]):
        return Figure(UNKNOWN)
    last = whole.iloc[-1]
    notes = [f"in {counted(int(last['tests']), 'test')} of {_month_words(str(last['label']))}"]
    if len(whole) > 1 and pd.notna(whole.iloc[-2]["bugs"]):
        notes.append(
            f"{signed(int(last['bugs']) - int(whole.iloc[-2]['bugs']))} against {_month_words(str(whole.iloc[-2]['label']))}"
        )
    notes += ["provisional"] if last["is_provisional"] else []
    return Figure(f"{'' if last['is_complete'] else 'at least '}{int(last['bugs']):,}", tuple(notes))


def _triaged(mirror: Mirror, instant: pd.Timestamp) -> Figure:
    total = triage_total(mirror, as_of=instant).iloc[0]
    if pd.isna(total["total"]):
        return Figure(UNKNOWN)
    whole = trends(mirror, as_of=instant)
    months = [str(label) for label in whole["label"][~whole["is_partial"].astype(bool)]][-2:]
    rows = triage(mirror, as_of=instant, by="month")
    known = {str(row["month"]): row for row in rows.to_dict("records")}
    if not months or (months[-1] not in known and not total["is_complete"]):
        return Figure(UNKNOWN)
    if months[-1] not in known:
        return Figure("no bugs", (f"of {_month_words(months[-1])}",))
    last, before = known[months[-1]], known.get(months[0])
    change = ""
    if pd.isna(last["review"]):
        return Figure(UNKNOWN)
    if len(months) > 1 and before is not None and _is_exact(last) and _is_exact(before):
        change = f"{signed(100 * (last['review'] - before['review']))} points against {_month_words(months[0])}"
    triaged = last["active_accepted"] + last["rejected"]
    read = "" if total["is_complete"] else ", as far as read"
    month = f"of {_month_words(months[-1])}{read}" + (", provisional" if last["is_provisional"] else "")
    figure = _of(triaged, last["total"], round(last["review_highest"] * last["total"]), month, change)
    if not figure.notes:
        return figure
    interval = f"95 % interval {interval_words(last['review_low'], last['review_high'])}"
    return Figure(figure.value, (f"{figure.notes[0]}, {interval}", *figure.notes[1:]))


def _is_exact(month: Mapping[Any, Any]) -> bool:
    """Say whether the rate of bugs triaged manually is one number, and no range."""
    return bool(pd.notna(month["review"]) and month["review"] == month["review_highest"])


def _month_words(label: str) -> str:
    year, _, month = label.partition("-")
    return f"{MONTHS[int(month) - 1]} {year}"
