"""The reports that set one thing beside another, declared: one period beside another."""

from __future__ import annotations

from testio_analytics.reports.columns import columns
from testio_analytics.reports.declaration import ON_COVERAGE, TRIAGE, Report, names

_PERIODS = columns(
    "figure period against after before difference change change_highest change_low change_high beyond now"
    " now_highest now_low now_high now_k now_n then then_highest then_low then_high then_k then_n is_provisional note"
    " is_complete gap",
    after={"label": "Period", "meaning": "What it was in the period, in words; of a share: out of how many."},
    before={"label": "Against", "meaning": "What it was in the other period, in words."},
    change={
        "meaning": "By how much it differs: the least that it can be, a share as a fraction.",
        "bounds": ("change_low", "change_high"),
    },
    is_provisional={"meaning": "Whether a test of either ended less than {matures_after} days before the report date."},
)
_ON_PERIODS = (*ON_COVERAGE, "bugs", "bugs.status", "bugs.severity", "bugs.auto_accepted", "bugs.test")
_SHOWN = "figure after before difference beyond note"

CROSSTABS: tuple[Report, ...] = (
    Report(
        name="compare_periods",
        title="One period beside another (Q2 against Q1): tests, bugs, triage and coverage, all products together.",
        question=TRIAGE,
        grain="One row per figure: the days first, then tests and bugs, triage, and coverage.",
        streams=_ON_PERIODS,
        columns=_PERIODS,
        terminal=names(_SHOWN),
        caption="One period beside another.",
        page=names(_SHOWN),
        row_header="figure",
    ),
    Report(
        name="compare_periods_by_product",
        title="One period beside another (Q2 against Q1), of each product.",
        question=TRIAGE,
        grain="One row per active product and figure, by product, then in the order of the figures.",
        streams=_ON_PERIODS,
        columns=(*columns("product_id product"), *_PERIODS),
        terminal=names("product figure after before beyond difference note"),
        caption="One period beside another, of each product.",
        page=names(_SHOWN),
        row_header="figure",
        under=("product",),
    ),
)
"""In the order in which they are listed."""
