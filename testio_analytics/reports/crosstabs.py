"""The reports that set one thing beside another, declared: periods, kinds of test, devices, and stories and bugs on their way."""

from __future__ import annotations

from testio_analytics.reports.columns import columns
from testio_analytics.reports.declaration import BUGS, ON_COVERAGE, STATUSES, STORIES, TRIAGE, Report, names

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
        name="bugs_by_test_kind",
        title="Valid bugs and executed tests by kind of test, environment or language.",
        question=BUGS,
        grain="One row per product and value, the most bugs first; each bug counts in one row.",
        streams=("tests", "bugs", STATUSES, "bugs.status", "bugs.severity", "bugs.test"),
        columns=columns(
            "product_id product value tests tests_read bugs critical bugs_per_test raw_low raw_high is_complete gap",
            value={
                "label": "Kind of test",
                "meaning": 'Kind of the test, or what was asked for; "(not said)" where the API does not say it, "(test-case '
                'run)" for tests whose kind it never names, "(no test named)" for bugs without test.',
            },
            bugs={"highest": ""},
            raw_low={"meaning": "Lower end of the 95 % interval of bugs_per_test, with the test as the unit."},
            raw_high={"meaning": "Upper end of the 95 % interval of bugs_per_test, with the test as the unit."},
        ),
        terminal=names("product value tests bugs critical bugs_per_test raw_low raw_high"),
        caption="Valid bugs and executed tests by kind of test.",
        page=names("value tests bugs critical bugs_per_test raw_low raw_high"),
        under=("product",),
    ),
    Report(
        name="coverage_by_device",
        title="The devices that executed tests asked for, beside those on which bugs were seen.",
        question=BUGS,
        grain="One row per product and value, the most bugs first; a bug seen on two values counts in both, and so does a test.",
        streams=("tests", "bugs", STATUSES, "bugs.status", "bugs.severity"),
        columns=columns(
            "product_id product value tests bugs critical bugs_asked product_tests product_bugs is_complete gap",
            value={
                "label": "System or device",
                "meaning": 'Operating system, or the part of the device that was asked for; "(any)" for tests that leave it '
                'open, "(not said)" for tests of which the API does not say it, "(no device named)" for bugs without.',
            },
            tests={
                "label": "Tests that asked for it",
                "meaning": "Distinct executed tests whose requirements name it.",
            },
            bugs={"label": "Bugs seen on it", "highest": "", "meaning": "Distinct valid bugs that were seen on it."},
        ),
        terminal=names("product value tests bugs bugs_asked critical product_tests product_bugs"),
        caption="Operating systems that tests asked for, beside those on which valid bugs were seen.",
        page=names("value tests product_tests bugs bugs_asked critical product_bugs"),
        under=("product",),
    ),
    Report(
        name="bug_life",
        title="Every bug from reported to triaged to exported to fixed, and those that were found again.",
        question=BUGS,
        grain="One row per bug, rejected ones included, those reported last first.",
        streams=("tests", "bugs", "bugs.status"),
        columns=columns(
            "bug_id bug product_id product severity status bucket stage reported_at triaged_after triaged_by"
            " days_to_triage days_to_triage_highest exported_at external_idx days_to_export fixed_after fixed_by days_to_fix"
            " days_to_fix_highest again again_bug_id again_bug is_complete gap"
        ),
        terminal=names("bug_id bug stage days_to_triage days_to_fix again days_to_export external_idx"),
        caption="The bugs with the days from their report to triage, export and fix; a range where only two reads tell.",
        page=names("bug stage reported_at days_to_triage days_to_export days_to_fix again again_bug external_idx"),
        row_header="bug",
        under=("product",),
        searched="bug_id",
    ),
    Report(
        name="traceability",
        title="From each story to its tests, their results, the bugs and their tracker keys.",
        question=STORIES,
        grain="One row per story and executed test that listed it, by product, feature and story, the newest test first; a story "
        "without such a test has one row.",
        streams=(*ON_COVERAGE, "results", "bugs", "bugs.status"),
        columns=columns(
            "product_id product feature_id feature story_id story state test_id test at status is_newest tested_by bugs"
            " external_idx is_complete gap",
            state={"meaning": "The newest result of the story over all tests; see the definitions of stories."},
            status={"label": "Result", "meaning": "What came of it in that test: the weightiest word of several."},
            bugs={
                "highest": "",
                "none": True,
                "meaning": "Distinct valid bugs that the result of the story names in that test; the API's count where it names none.",
            },
            external_idx={
                "label": "Tracker keys",
                "meaning": "The keys of these bugs in the customer's tracker, joined by commas; empty without.",
                "is_list": True,
            },
        ),
        terminal=names("story state test status bugs external_idx"),
        caption="Stories with the tests that listed them, what came of it, the bugs and their keys.",
        page=names("story state test at status tested_by bugs external_idx"),
        row_header="story",
        under=("product", "feature"),
    ),
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
