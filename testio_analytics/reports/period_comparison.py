"""One period beside another: each figure of both, its change, and whether that is more than chance explains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts, row_gaps, with_gap
from testio_analytics.reports.facts import product_rows
from testio_analytics.reports.period_figures import (
    DAYS,
    FIGURES,
    OF_BUGS,
    OF_CATALOGUE,
    PER_TEST,
    Figure,
    Scope,
    bugs_of_tests,
    figures_of,
)
from testio_analytics.reports.periods import Period, before, last_quarter, period_of
from testio_analytics.reports.rate_intervals import difference_interval, overdispersion, poisson_interval
from testio_analytics.reports.registry import REPORTS, column_names, documented
from testio_analytics.text import day_words, instant_words, listed, signed

KINDS = {"text": "str", "id": "Int64", "count": "Int64", "rate": "Float64", "flag": "boolean"}
ENDS = {"": "least", "_highest": "most", "_low": "low", "_high": "high", "_k": "k", "_n": "n"}


@documented
def compare_periods(
    mirror: Mirror,
    *,
    period: str | None = None,
    against: str | None = None,
    as_of: AsOf = None,
    stale_after: float = 180,
    matures_after: float = 10,
) -> pd.DataFrame:
    """Return what one period was beside another, all products together, one row per figure, in the order of `FIGURES`.

    A test belongs to the period in which it ended, a bug to that of its test; what became of a bug is as known at the
    report date, not as it was at the end of the period. Rates speak of more than the bugs and tests that were counted,
    so they have an interval and their change may be chance; counts and coverage are all that there is, and have none.

    Args:
        mirror: what was read.
        period: a quarter like 2026-Q2, a month like 2026-06 or a year like 2026; default: the last quarter that is over.
        against: another one of the same kind; default: the one before it.
        as_of: the report date; default: that of the last sync.
        stale_after: after how many days a test is no longer recent.
        matures_after: after how many days the results of a test are final.

    Raises:
        UnknownValueError: one of them is no period, or had not begun by `as_of`, or they are not of one kind.
    """
    scope = Scope(mirror, None, as_of, stale_after, matures_after)
    frame = _frame([*_compared(scope, *_periods(mirror, period, against, as_of))], "compare_periods")
    texts = {name: "; ".join(sentences(doubts(mirror, streams))) or None for name, streams in FIGURES.items()}
    gaps = pd.Series([texts[name] for name in frame["figure"]], index=frame.index, dtype="str")
    return with_gap(frame, gaps)[column_names("compare_periods")]


@documented
def compare_periods_by_product(
    mirror: Mirror,
    *,
    period: str | None = None,
    against: str | None = None,
    as_of: AsOf = None,
    stale_after: float = 180,
    matures_after: float = 10,
) -> pd.DataFrame:
    """Return the same for each active product, by name and id, then in the order of the figures."""
    asked = _periods(mirror, period, against, as_of)
    rows = [
        {"product_id": key, "product": name, **row}
        for key, name in product_rows(mirror).itertuples(index=False)
        for row in _compared(Scope(mirror, int(key), as_of, stale_after, matures_after), *asked)
    ]
    frame = _frame(rows, "compare_periods_by_product")
    parts = [
        row_gaps(of_figure, doubts(mirror, FIGURES[str(name)]))
        for name, of_figure in frame.groupby("figure", observed=True)
    ]
    gaps = pd.concat(parts).reindex(frame.index) if parts else pd.Series(index=frame.index, dtype="str")
    return with_gap(frame, gaps)[column_names("compare_periods_by_product")]


def _periods(mirror: Mirror, period: str | None, against: str | None, as_of: AsOf) -> tuple[Period, Period]:
    instant = mirror.instant(as_of)
    now = last_quarter(instant) if period is None else period_of("period", period)
    then = before(now) if against is None else period_of("against", against)
    if then.kind != now.kind:
        raise UnknownValueError("against", against, [f"a {now.kind} like {before(now).name}, as period is {now.name}"])
    for what, one in (("period", now), ("against", then)):
        if one.start > instant:
            raise UnknownValueError(what, one.name, [f"a {one.kind} that had begun by {instant_words(instant)}"])
    return now, then


def _frame(rows: list[dict[str, Any]], report: str) -> pd.DataFrame:
    declared = [column for column in REPORTS[report].columns if column.name not in ("is_complete", "gap")]
    frame = pd.DataFrame(rows, columns=[column.name for column in declared])
    return frame.astype({column.name: KINDS[column.kind] for column in declared})


def _compared(scope: Scope, now: Period, then: Period) -> Iterator[dict[str, Any]]:
    """Yield a row per figure, without its doubts."""
    (of_now, now_can_change), (of_then, then_can_change) = (figures_of(scope, one) for one in (now, then))
    with_ends = _per_test_with_ends(of_now[PER_TEST], of_then[PER_TEST], scope, now, then)
    of_now[PER_TEST], of_then[PER_TEST] = with_ends
    not_final = [one.name for one, can_change in ((now, now_can_change), (then, then_can_change)) if can_change]
    for name in FIGURES:
        is_provisional = bool(not_final) and name in OF_BUGS
        change = _change(of_now[name], of_then[name])
        if is_provisional:
            change["beyond"] = None  # open bugs will be triaged: what the rates say of that is no chance
        yield {
            "figure": name,
            "period": now.name,
            "against": then.name,
            "after": _words(name, of_now[name], now),
            "before": _words(name, of_then[name], then),
            **{f"now{end}": getattr(of_now[name], part) for end, part in ENDS.items()},
            **{f"then{end}": getattr(of_then[name], part) for end, part in ENDS.items()},
            **change,
            "difference": _difference_words(of_now[name], change),
            "is_provisional": is_provisional,
            "note": _note(scope, name, change, (now, then), not_final) or None,
        }


def _per_test_with_ends(now: Figure, then: Figure, scope: Scope, *periods: Period) -> Iterator[Figure]:
    """Yield bugs per test of both periods with their intervals; without where there are too few tests to tell."""
    effect = overdispersion([bugs_of_tests(scope, period) for period in periods])
    for one in (now, then):
        if one.least is None or one.k is None or one.n is None or not np.isfinite(effect):
            yield one
        else:
            low, high = poisson_interval([one.k], [one.n], effect=effect)
            yield replace(one, low=float(low[0]), high=float(high[0]))


def _change(now: Figure, then: Figure) -> dict[str, Any]:
    """Return by how much a figure changed: the least and the most, the interval, and whether that leaves out 0."""
    found: dict[str, Any] = dict.fromkeys(("change", "change_highest", "change_low", "change_high", "beyond"))
    if now.least is None or now.most is None or then.least is None or then.most is None:
        return found
    found |= {"change": now.least - then.most, "change_highest": now.most - then.least}
    if now.low is None or now.high is None or then.low is None or then.high is None:
        return found
    low, high = difference_interval(
        (now.least, now.most, now.low, now.high), (then.least, then.most, then.low, then.high)
    )
    beyond = bool(comparable([low])[0] > 0 or comparable([high])[0] < 0)
    return found | {"change_low": low, "change_high": high, "beyond": beyond}


def _words(name: str, figure: Figure, period: Period) -> str:
    return f"{figure.words} ({period.name})" if name == DAYS else figure.words


def _difference_words(figure: Figure, change: dict[str, Any]) -> str | None:
    least, most = change["change"], change["change_highest"]
    if least is None:
        return None
    said = list(dict.fromkeys(_signed(figure, value) for value in (least, most)))
    return " to ".join(said) + _unit(figure)


def _signed(figure: Figure, value: float) -> str:
    if figure.is_share:
        return signed(value * 100, 1)
    return signed(value, 0 if figure.n is None else 2)


def _unit(figure: Figure) -> str:
    return " points" if figure.is_share else ""


def _note(scope: Scope, name: str, change: dict[str, Any], periods: tuple[Period, Period], not_final: list[str]) -> str:
    """Return what else there is to know of a figure: its interval, and what makes it less than it seems."""
    instant, runs = scope.mirror.instant(scope.as_of), scope.mirror.runs
    said = []
    if change["change_low"] is not None:
        figure = Figure(n=0, is_share=name != PER_TEST)
        ends = " to ".join(_signed(figure, change[end]) for end in ("change_low", "change_high"))
        said.append(f"95 % interval {ends}{_unit(figure)}")
    if name == DAYS:
        said += [f"{one.name} is not over" for one in periods if not one.is_over(instant)]
        said += [text for one in periods if (text := _unknown_words(one, runs.known_since))]
    if name in OF_BUGS and not_final:
        said.append(f"results of {listed(not_final)} not final")
    recorded = None if runs.recorded is None else runs.until(runs.recorded)
    early = [one.name for one in periods if recorded is not None and one.last(instant) < recorded]
    if name in OF_CATALOGUE and recorded is not None and early:
        said.append(f"catalogue of {listed(early)}: that of {day_words(recorded)}")
    return "; ".join(said)


def _unknown_words(period: Period, since: pd.Timestamp | None) -> str:
    """Say how much of a period lies before anything that is known: the oldest test, and the first sync."""
    if since is None or period.end <= since:
        return f"nothing is known of {period.name}"
    return f"nothing is known before {day_words(since)}" if period.start < since else ""
