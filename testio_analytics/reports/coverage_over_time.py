"""How coverage developed: today's catalogue, looked at from the end of each past month."""

from __future__ import annotations

import pandas as pd

from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.completeness import report_instant, stream_doubts
from testio_analytics.reports.executed import feature_scope
from testio_analytics.reports.features import features_with_state
from testio_analytics.reports.shares import wilson

MONTHS = 24


def coverage_over_time(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, months: int = MONTHS
) -> pd.DataFrame:
    """Return how many of today's active features an executed test had covered lately, month by month, oldest first.

    One row for each of the last `months` month ends, from the first on that the oldest executed test leaves
    `stale_after` days behind it, and one for `as_of` itself. Earlier months would look worse than they were only
    because nothing is known of the tests before. Features that were removed since, and tests that the API no longer
    lists, are not in it: it is the history of today's catalogue, not of the catalogue then.

    Columns: until (the instant looked from), is_partial (true for the last row, which is no month end), active_features
    (today's, in every row), covered (in scope of an executed test of the `stale_after` days before), covered_highest
    (and those that a gap may hide), share, low, high (covered / active_features with its 95 % Wilson interval).

    Raises:
        UnknownValueError: `as_of` is no instant, or a number of days is not above 0.
    """
    instant, span = report_instant(mirror, as_of), checked_days("stale_after", stale_after)
    judged = features_with_state(mirror, instant, stale_after, stale_after)
    scope = feature_scope(mirror, as_of=instant)
    scope = scope[scope["feature_id"].isin(judged["feature_id"])]
    executed, unknown_status = scope[scope["group"] == "executed"], scope[scope["group"] == "unknown"]
    # Whatever such a status means: a test with an end in the future may be going on now.
    unknown_status = unknown_status.assign(at=unknown_status["at"].mask(unknown_status["at"] > instant, instant))
    has_gap = judged["product_id"].isin([*stream_doubts(mirror, "tests")])
    doubtful = _ids(judged[has_gap]) | _ids(unknown_status[unknown_status["at"].isna()])
    first = executed["at"].min()
    rows: list[tuple[object, ...]] = []
    for until in _instants(instant, months):
        if until < instant and not first + span <= until:
            continue
        covered = _in_scope(executed, until, span)
        highest = covered | doubtful | _in_scope(unknown_status, until, span)
        rows.append(
            (until, until == instant, len(judged), len(covered), len(highest), *_share(len(covered), len(judged)))
        )
    return _frame(rows)


def _instants(instant: pd.Timestamp, months: int) -> list[pd.Timestamp]:
    this_month = pd.Timestamp(year=instant.year, month=instant.month, day=1, tz="UTC")
    ends = [this_month - pd.DateOffset(months=back) for back in range(months - 1, -1, -1)]
    return [*(end for end in ends if end < instant), instant]


def _in_scope(scope: pd.DataFrame, until: pd.Timestamp, span: pd.Timedelta) -> set[int]:
    at = scope["at"]
    return _ids(scope[(at <= until) & (at >= until - span)])


def _ids(features: pd.DataFrame) -> set[int]:
    return {int(key) for key in features["feature_id"]}


def _share(part: int, whole: int) -> tuple[float | None, float | None, float | None]:
    return (part / whole, *wilson(part, whole)) if whole else (None, None, None)


def _frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    names = ["until", "is_partial", "active_features", "covered", "covered_highest", "share", "low", "high"]
    dtypes = ["datetime64[us, UTC]", "boolean", "Int64", "Int64", "Int64", "Float64", "Float64", "Float64"]
    return pd.DataFrame(rows, columns=names).astype(dict(zip(names, dtypes, strict=True)))
