"""Every report, declared once: its question, its columns, the streams it rests on, and how it is shown.

Nothing heavy is imported before a report is made, so that listing the reports is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import cleandoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from testio_analytics.errors import UnknownValueError, UnusedOptionError
from testio_analytics.reports.columns import columns, filled
from testio_analytics.reports.crosstabs import CROSSTABS
from testio_analytics.reports.declaration import BUG_FIELDS as BUG_FIELDS
from testio_analytics.reports.declaration import (
    BUGS,
    CHANGED,
    COVERAGE,
    NEXT,
    READ_STREAMS,
    STORIES,
    TRIAGE,
    TRUST,
)
from testio_analytics.reports.declaration import FIELDS as FIELDS
from testio_analytics.reports.declaration import FORM_FIELD as FORM_FIELD
from testio_analytics.reports.declaration import LINK_FIELDS as LINK_FIELDS
from testio_analytics.reports.declaration import ON_BUGS_OF_FEATURES as _BUGS_OF_FEATURES
from testio_analytics.reports.declaration import ON_COVERAGE as _COVERAGE
from testio_analytics.reports.declaration import ON_MONTHS as _MONTHS
from testio_analytics.reports.declaration import QUESTIONS as QUESTIONS
from testio_analytics.reports.declaration import SCOPE_FIELDS as SCOPE_FIELDS
from testio_analytics.reports.declaration import STATUSES as STATUSES
from testio_analytics.reports.declaration import Report as Report
from testio_analytics.reports.declaration import View as View
from testio_analytics.reports.declaration import names as _names

if TYPE_CHECKING:
    import pandas as pd

    from testio_analytics.frames.mirror import Mirror
    from testio_analytics.reports.doubt_words import Doubt
    from testio_analytics.reports.impact import ImpactSource

Made = TypeVar("Made", bound="Callable[..., pd.DataFrame]")

_CATALOGUE = columns(
    "product_id product feature_id feature sections stories has_description has_howtofind state reason executed_tests"
    " executed_tests_in_window planned_tests last_tested_at last_test_id last_test days_since_tested first_seen"
    " changed_since_tested changed_words last_confirmed"
)
_STATES = "untested planned stale unknown tested"
_COVERED = columns(
    f"active_features {_STATES} never_executed never_executed_highest ever_covered ever_covered_highest ever_share"
    " recent_covered recent_covered_highest recent_share changed_since_tested changed_since_tested_highest"
    " is_complete gap",
    changed_since_tested={
        "label": "Changed since tested",
        "kind": "count",
        "meaning": "Features whose newest executed test was given another title, description or directions: the fewest.",
        "highest": "changed_since_tested_highest",
    },
)
_BUCKETS = "active_accepted auto_accepted accepted_unclear rejected open other"
_HIGH_AND_LOW: Mapping[str, Mapping[str, Any]] = {
    name: {"label": name.capitalize(), "kind": "count", "meaning": f"Valid bugs of severity {name}."}
    for name in ("high", "low")
}
_SEVERITIES = "critical high low visual content suggestion custom severity_other"
_STORY_COUNTS = columns(
    "stories failed blocked passed in_scope_not_run never_in_scope unknown old_version failed_by_bug covered"
    " covered_highest share share_highest passed_share is_complete gap",
    unknown={"meaning": "Stories whose newest result is unknown."},
    covered={"meaning": "Stories with a passed or failed result that no missing test can change: the fewest."},
    covered_highest={"meaning": "Those, and the stories of which a missing test may say otherwise."},
    share={"label": "With a result", "meaning": "covered / stories."},
)
_STORY_STATES = "stories failed blocked passed in_scope_not_run never_in_scope unknown share passed_share"
_RATES = "active_acceptance auto_acceptance overall_acceptance rejection review"
_TRIAGE = columns(
    f"total {_BUCKETS} immature"
    " active_acceptance active_acceptance_highest active_acceptance_low active_acceptance_high active_acceptance_band"
    " auto_acceptance auto_acceptance_highest auto_acceptance_low auto_acceptance_high auto_acceptance_band"
    " overall_acceptance overall_acceptance_highest overall_acceptance_low overall_acceptance_high"
    " rejection rejection_highest rejection_low rejection_high rejection_band review review_highest review_low review_high review_band"
    " verdict is_provisional is_complete gap"
)
_TRIAGE_PAGE = f"total {_BUCKETS} active_acceptance auto_acceptance rejection review is_provisional"
_TRENDS = columns(
    "start label is_partial tests bugs critical bugs_per_test features_covered first_covered ever_covered"
    " active_features is_provisional is_complete gap",
    ever_covered={"label": "Covered so far", "meaning": "Features active then that were covered so far."},
    active_features={"meaning": "Features active at its end; before the history began, those with which it begins."},
    bugs={"label": "Valid bugs"},
)
_TRENDS_PAGE = (
    "label tests bugs critical bugs_per_test features_covered first_covered ever_covered is_partial is_provisional"
)
_CHANGES = columns(
    "what kind product_id product id name before after cause change change_highest beyond_interval note is_complete gap",
    what={
        "label": "What",
        "meaning": "What changed: a feature, story, test, bug, section or product, a figure, or what could be read of a "
        "data set.",
    },
    id={"label": "Id", "meaning": "Id of what changed; empty for figures and data sets."},
)


_ALL: tuple[Report, ...] = (
    # -- coverage
    Report(
        name="untested_features",
        title="The features that need a test, or have unknown status.",
        question=COVERAGE,
        grain="One row per active feature that is not tested, by state, product and the longest untested first.",
        streams=_COVERAGE,
        columns=_CATALOGUE,
        terminal=_names("state feature product reason sections executed_tests stories"),
        caption="Features that need a test, or have unknown status.",
        page=_names(
            "feature state reason last_tested_at executed_tests executed_tests_in_window planned_tests stories"
            " changed_since_tested changed_words first_seen"
        ),
        under=("product", "sections"),
        searched="feature_id",
    ),
    Report(
        name="feature_catalog",
        title="Every active feature: how well it is described, and when it was tested.",
        question=COVERAGE,
        grain="One row per active feature, by product, title and id.",
        streams=_COVERAGE,
        columns=_CATALOGUE,
        terminal=_names("product feature state last_tested_at executed_tests sections stories"),
        caption="The catalogue, by product and feature.",
        page=_names(
            "feature state last_tested_at executed_tests executed_tests_in_window planned_tests stories"
            " has_description has_howtofind changed_since_tested changed_words first_seen"
        ),
        under=("product", "sections"),
        searched="feature_id",
    ),
    Report(
        name="features",
        title="Every active feature, short; `--search` finds some by words of title or description.",
        question=COVERAGE,
        grain="One row per active feature, by product, title and id.",
        streams=_COVERAGE,
        columns=columns("feature_id feature product_id product sections state last_tested_at executed_tests stories"),
        terminal=_names("feature_id feature state product sections last_tested_at"),
        caption="The features, by product and title.",
        page=_names("feature state last_tested_at executed_tests stories"),
        row_header="feature",
        under=("product", "sections"),
        searched="feature_id",
    ),
    Report(
        name="coverage_total",
        title="How much of the whole catalogue is covered.",
        question=COVERAGE,
        grain="One row; each feature counts once.",
        streams=_COVERAGE,
        columns=(*columns("product"), *_COVERED),
        terminal=_names("product active_features untested stale tested ever_share planned unknown"),
        caption="Active features of the account, by state.",
        page=_names(f"product active_features {_STATES} ever_share recent_share changed_since_tested gap"),
    ),
    Report(
        name="coverage_by_product",
        title="How much of each product's catalogue is covered.",
        question=COVERAGE,
        grain="One row per active product, by name and id.",
        streams=_COVERAGE,
        columns=(*columns("product_id product"), *_COVERED),
        terminal=_names("product active_features untested stale tested ever_share recent_share planned unknown"),
        caption="Active features of each product, by state.",
        page=_names(f"product active_features {_STATES} ever_share recent_share changed_since_tested gap"),
    ),
    Report(
        name="coverage_by_section",
        title="How much of each section's catalogue is covered; a feature of two sections counts in both.",
        question=COVERAGE,
        grain="One row per section, by product, section name and id.",
        streams=_COVERAGE,
        columns=(*columns("product_id product section_id section"), *_COVERED),
        terminal=_names(
            "product section active_features untested stale tested ever_share recent_share planned unknown"
        ),
        caption="Active features of each section, by state.",
        page=_names(f"section active_features {_STATES} ever_share recent_share"),
        under=("product",),
    ),
    Report(
        name="coverage_over_time",
        title="How many of the features active then a recent test had covered, month by month.",
        question=COVERAGE,
        grain="One row per month end and one for the report date, oldest first.",
        streams=_COVERAGE,
        columns=columns(
            "until is_partial active_features covered covered_highest share",
            active_features={"meaning": "Features active then; before the history began, those with which it begins."},
            covered={"meaning": "In scope of an executed test of the {stale_after} days before: the fewest."},
            covered_highest={"meaning": "Those, and the features that a gap may hide."},
            share={"meaning": "covered / active_features."},
        ),
        caption="Coverage of the features active at the end of each month.",
    ),
    # -- bugs
    Report(
        name="bugs",
        title="Every bug; `--search` finds some by words of the title.",
        question=BUGS,
        grain="One row per bug, rejected ones included, those reported last first.",
        streams=(*_BUGS_OF_FEATURES, "bugs.auto_accepted"),
        columns=columns(
            "bug_id bug product_id product severity status bucket is_known fixed devices external_idx reported_at exported_at"
            " test_id test feature_id feature is_complete gap"
        ),
        terminal=_names("bug_id bug severity bucket product external_idx"),
        caption="The bugs, the newest first.",
        page=_names("bug severity bucket devices external_idx fixed reported_at"),
        row_header="bug",
        under=("product", "test"),
        searched="bug_id",
    ),
    Report(
        name="bugs_per_feature",
        title="Bugs of each active feature for the tests that covered it.",
        question=BUGS,
        grain="One row per active feature, the most adjusted bugs per test first.",
        streams=(*_BUGS_OF_FEATURES, "bugs.auto_accepted"),
        columns=columns(
            f"product_id product feature_id feature sections rank tests tests_read bugs bugs_highest known {_BUCKETS}"
            f" {_SEVERITIES} bugs_per_test raw_low raw_high shrunk shrunk_low shrunk_high"
            " prior_mean is_pooled signal is_complete gap",
            **_HIGH_AND_LOW,
            tests={"meaning": "Distinct executed tests that cover the feature."},
        ),
        terminal=_names("rank feature product bugs tests bugs_per_test critical shrunk shrunk_low shrunk_high signal"),
        caption="Tested features by adjusted bugs per test, the most first. Bugs are distinct valid ones (not rejected).",
        page=_names(
            "rank feature tests bugs critical high low known rejected open bugs_per_test shrunk shrunk_low shrunk_high"
            " signal"
        ),
        row_header="feature",
        under=("product", "sections"),
    ),
    Report(
        name="bugs_by_product",
        title="Bugs of each product by triage outcome, severity and what they are linked to.",
        question=BUGS,
        grain="One row per active product, by name and id.",
        # Not on the catalogue: what a bug is linked to is empty where that is not fully synced.
        streams=("tests", "bugs", "tests.features", *BUG_FIELDS, "bugs.auto_accepted", *LINK_FIELDS),
        columns=columns(
            f"product_id product total {_BUCKETS} bugs bugs_highest {_SEVERITIES} known to_feature to_removed_feature"
            " not_in_catalogue not_attributable is_complete gap",
            **_HIGH_AND_LOW,
        ),
        terminal=_names("product total bugs critical high low known rejected not_attributable"),
        caption="Bugs of each product, by triage outcome and by what they are linked to.",
        page=_names(f"product total {_BUCKETS} to_feature to_removed_feature not_in_catalogue not_attributable"),
    ),
    Report(
        name="bugs_total",
        title="The valid bugs of all products, by severity.",
        question=BUGS,
        grain="One row.",
        streams=("tests", "bugs", "tests.features", *BUG_FIELDS, *LINK_FIELDS),
        columns=columns(
            "product bugs bugs_highest critical_bugs high low visual content suggestion custom severity_other known"
            " is_complete gap",
            critical_bugs={"label": "Critical", "meaning": "Valid bugs of severity critical."},
            **_HIGH_AND_LOW,
        ),
        terminal=_names("product bugs critical_bugs high low known visual content suggestion custom severity_other"),
        caption="Valid bugs of all products, by severity.",
    ),
    Report(
        name="bugs_by_device",
        title="Valid bugs by operating system, or another part of the device.",
        question=BUGS,
        grain="One row per product and value, the most bugs first; a bug seen on two values counts in both.",
        streams=("tests", "bugs", "bugs.status", "bugs.severity"),
        columns=columns(
            "product_id product value bugs critical split_bugs product_bugs is_complete gap",
            value={
                "label": "System or device",
                "meaning": 'Operating system, or the part of the device that was asked for; "(no device named)" for bugs without.',
            },
        ),
        terminal=_names("product value bugs critical split_bugs product_bugs"),
        caption="Valid bugs by operating system.",
        page=_names("value bugs critical split_bugs product_bugs"),
        under=("product",),
    ),
    Report(
        name="custom_reports",
        title="The customer's own forms for reports: how many bugs were reported on each, and what it asks.",
        question=BUGS,
        grain="One row per product and form, by product, form and id.",
        streams=("tests", "bugs", FORM_FIELD),
        columns=columns(
            "product_id product custom_report_id form bugs keys is_complete gap",
            bugs={"meaning": "Active bugs that were reported on it, of whatever outcome.", "highest": ""},
        ),
        terminal=_names("product form bugs keys"),
        caption="The customer's own forms. What bugs say on one: custom_report in Python.",
        page=_names("form bugs keys custom_report_id"),
        under=("product",),
    ),
    # -- stories and results
    Report(
        name="feature_results",
        title="What the newest executed test of each active feature found.",
        question=STORIES,
        grain="One row per active feature, by product, title and id.",
        streams=(*_BUGS_OF_FEATURES, "results"),
        columns=columns(
            "product_id product feature_id feature sections result worst_severity bugs open_bugs critical_bugs"
            " stories_failed stories_blocked stories_passed stories_not_run failed_by_bug test_id test at api_status"
            " differs is_complete gap",
            bugs={"meaning": "Distinct valid bugs of the feature in that test."},
        ),
        terminal=_names("feature result bugs at product worst_severity api_status differs"),
        caption="Features with an executed test, by what the newest one found.",
        page=_names(
            "feature result worst_severity bugs stories_passed stories_failed stories_blocked stories_not_run at"
            " api_status differs"
        ),
        under=("product", "sections"),
    ),
    Report(
        name="evidence_by_product",
        title="How many features were shown to be exercised, per product.",
        question=STORIES,
        grain="One row per active product, by name and id.",
        streams=(*_BUGS_OF_FEATURES, "results"),
        columns=columns(
            "product_id product active_features in_scope exercised exercised_highest share share_highest is_complete gap",
            share={"label": "Exercised", "meaning": "exercised / active_features."},
        ),
        terminal=_names("product active_features in_scope exercised share"),
        caption="Features that were shown to be exercised: at least one executed story or one bug.",
        page=_names("product active_features in_scope exercised share gap"),
    ),
    Report(
        name="evidence_total",
        title="How many features of all products were shown to be exercised.",
        question=STORIES,
        grain="One row; each feature counts once.",
        streams=(*_BUGS_OF_FEATURES, "results"),
        columns=columns(
            "product active_features in_scope exercised exercised_highest share share_highest is_complete gap",
            share={"label": "Exercised", "meaning": "exercised / active_features."},
        ),
        terminal=_names("product active_features in_scope exercised share"),
        caption="Features that were shown to be exercised: at least one executed story or one bug.",
    ),
    Report(
        name="story_coverage",
        title="Every active user story with its newest result.",
        question=STORIES,
        grain="One row per active story, by product, state, feature and story.",
        streams=(*_COVERAGE, "results"),
        columns=columns(
            "product_id product feature_id feature story_id story state may_differ test_id test at tested_by is_by_bug"
            " is_old_version changed_words is_complete gap",
            state={"meaning": "The newest result of the story; see the definitions of stories."},
        ),
        terminal=_names("state story feature at product is_old_version"),
        caption="Active stories by product, the highest priority first.",
        page=_names("story state at changed_words"),
        under=("product", "feature"),
    ),
    *(
        Report(
            name=f"story_coverage_by_{grain}",
            title=f"Results of the stories of each {grain}{more}.",
            question=STORIES,
            grain=f"One row per {'active product' if grain == 'product' else f'{grain} with stories'}, by {order}.",
            streams=(*_COVERAGE, "results"),
            columns=(*columns(keys), *_STORY_COUNTS),
            terminal=_names(terminal),
            caption=f"Active stories of each {grain}, by state.{note}",
            page=_names(f"{grain} {_STORY_STATES}"),
            under=() if grain == "product" else ("product",),
        )
        for grain, more, order, keys, terminal, note in (
            (
                "product",
                "",
                "name and id",
                "product_id product",
                "product stories failed blocked passed in_scope_not_run never_in_scope unknown covered share",
                "",
            ),
            (
                "section",
                "; a story of two sections counts in both",
                "product and section",
                "product_id product section_id section",
                "product section stories failed passed never_in_scope covered share",
                " The stories of a feature in two sections count in both.",
            ),
            (
                "feature",
                "",
                "product and feature",
                "product_id product feature_id feature",
                "product feature stories failed passed never_in_scope covered share",
                "",
            ),
        )
    ),
    Report(
        name="story_coverage_total",
        title="Results of all stories.",
        question=STORIES,
        grain="One row.",
        streams=(*_COVERAGE, "results"),
        columns=(*columns("product"), *_STORY_COUNTS),
        terminal=_names(f"product {_STORY_STATES}"),
        caption="Active stories of all products, by state.",
    ),
    # -- triage and trends
    *(
        Report(
            name=name,
            title=title,
            question=TRIAGE,
            grain=grain,
            streams=("tests", "bugs", "bugs.status", "bugs.auto_accepted", *more),
            columns=(*columns(keys), *_TRIAGE),
            terminal=_names(
                f"{shown} total open active_acceptance auto_acceptance rejection {verdict} review overall_acceptance is_provisional"
            ),
            caption=caption,
            page=_names(f"{shown} {_TRIAGE_PAGE}"),
            under=under,
        )
        for name, title, grain, keys, shown, verdict, caption, under, more in (
            (
                "triage",
                "Triage outcomes and rates of each product.",
                "One row per active product, by name.",
                "product_id product",
                "product",
                "verdict",
                "Triage outcomes of each product. Below its name: how its rates stand against the bands.",
                ("verdict",),
                (),
            ),
            (
                "triage_by_month",
                "Triage outcomes and rates of each month's tests, all products together.",
                "One row per month, oldest first.",
                "month",
                "month",
                "verdict",
                "Triage outcomes of each month.",
                (),
                _MONTHS,
            ),
            (
                "triage_by_product_and_month",
                "Triage outcomes and rates of each product and month.",
                "One row per product and month, by product, then oldest first.",
                "product_id product month",
                "product month",
                "",
                "Triage outcomes of each product and month.",
                (),
                _MONTHS,
            ),
            (
                "triage_total",
                "Triage outcomes and rates of all bugs.",
                "One row.",
                "product",
                "product",
                "verdict",
                "Triage outcomes of all bugs.",
                (),
                (),
            ),
        )
    ),
    Report(
        name="portfolio",
        title="The account in one row; with --all-accounts, all of them and their sums.",
        question=TRIAGE,
        grain="One row; of several accounts one row each, and their sums below.",
        streams=(*_COVERAGE, "bugs", "results", *BUG_FIELDS, "bugs.auto_accepted", *LINK_FIELDS),
        columns=columns(
            "active_features never_executed never_executed_highest recent_covered recent_covered_highest recent_share"
            " recent_share_highest recent_share_before recent_share_change tests tests_read bugs bugs_highest"
            " bugs_per_test auto_acceptance_bugs auto_acceptance_bugs_highest auto_acceptance_of auto_acceptance"
            " auto_acceptance_highest auto_acceptance_low auto_acceptance_high auto_acceptance_band review_bugs"
            " review_bugs_highest review_of review review_highest review_low review_high review_band stories covered"
            " covered_highest story_share story_share_highest report_date is_complete gap",
            never_executed={"highest": "never_executed_highest"},
            recent_share={"highest": "recent_share_highest"},
            bugs={"label": "Valid bugs"},
            tests={"meaning": "Executed tests."},
            bugs_per_test={"meaning": "Valid bugs per executed test whose bugs were read."},
            covered={"meaning": "Stories with a passed or failed result: the fewest."},
        ),
        terminal=_names(
            "active_features never_executed recent_share recent_share_change bugs_per_test auto_acceptance review"
            " story_share report_date tests bugs"
        ),
        caption="Accounts side by side.",
        page=_names(
            "active_features never_executed recent_share recent_share_change tests bugs bugs_per_test auto_acceptance"
            " auto_acceptance_band review review_band story_share report_date gap"
        ),
    ),
    Report(
        name="trends",
        title="Tests, bugs and coverage by month, all products together.",
        question=TRIAGE,
        grain="One row per month, oldest first; months without tests are in.",
        streams=(*_COVERAGE, "bugs", "bugs.status", "bugs.severity", "bugs.test"),
        columns=_TRENDS,
        terminal=_names("label is_partial tests bugs critical bugs_per_test ever_covered is_provisional"),
        caption="Tests, bugs and coverage by month.",
        page=_names(_TRENDS_PAGE),
    ),
    Report(
        name="trends_by_week",
        title="Tests, bugs and coverage by ISO week, all products together.",
        question=TRIAGE,
        grain="One row per week, oldest first; weeks without tests are in.",
        streams=(*_COVERAGE, "bugs", "bugs.status", "bugs.severity", "bugs.test"),
        columns=_TRENDS,
        terminal=_names("label is_partial tests bugs critical bugs_per_test ever_covered"),
        caption="Tests, bugs and coverage by week.",
        page=_names(_TRENDS_PAGE),
    ),
    Report(
        name="trends_by_product",
        title="Tests, bugs and coverage of each product by month.",
        question=TRIAGE,
        grain="One row per active product and month, by product, then oldest first.",
        streams=(*_COVERAGE, "bugs", "bugs.status", "bugs.severity", "bugs.test"),
        columns=(*columns("product_id product"), *_TRENDS),
        terminal=_names("product label tests bugs critical bugs_per_test ever_covered"),
        caption="Tests, bugs and coverage of each product by month.",
        page=_names(_TRENDS_PAGE),
        under=("product",),
    ),
    *CROSSTABS,
    # -- the next tests
    Report(
        name="next_tests",
        title="The active features by the bugs that a test of them would find now, with the parts of that figure.",
        question=NEXT,
        grain="One row per active feature, the most expected bugs first.",
        streams=(*_BUGS_OF_FEATURES, "results"),
        columns=columns(
            "rank alike product_id product feature_id feature sections expected_weighted expected_bugs expected_low expected_high"
            " part_product part_section part_words part_stories part_own part_age part_changed part_failures severity_weight"
            " own_impact why tie planned_test proposed_test is_complete gap"
        ),
        terminal=_names("rank feature product expected_weighted why alike expected_bugs expected_low expected_high"),
        caption="Features by the bugs that a test of them would find now. Parts are bugs, and add up to the expected bugs.",
        page=_names(
            "rank feature why expected_weighted expected_bugs part_product part_section part_words part_stories part_own part_age"
            " part_changed part_failures severity_weight alike"
        ),
        row_header="feature",
        under=("product", "sections"),
    ),
    Report(
        name="packed_tests",
        title="The three tests to order first, each of features of one product.",
        question=NEXT,
        grain="One row per feature of a proposed test, by test and rank.",
        streams=(*_BUGS_OF_FEATURES, "results"),
        columns=columns(
            "proposed_test product_id product feature_id feature sections rank expected_weighted test_expected test_gain why"
            " is_complete gap"
        ),
        terminal=_names("proposed_test feature product rank why sections expected_weighted test_expected test_gain"),
        caption="Proposed tests.",
        page=_names("feature proposed_test rank expected_weighted why test_expected test_gain"),
        under=("product", "sections"),
    ),
    Report(
        name="lapsed_tests",
        title="The scheduled tests that should have ended and were not begun.",
        question=NEXT,
        grain="One row per lapsed test, the one that should have ended last first.",
        streams=("features", "tests"),
        columns=columns("product_id product test_id test status start_at end_at days_overdue features is_complete gap"),
        terminal=_names("product test status end_at days_overdue features"),
        caption="Scheduled tests that should have ended and were not begun. They count as scheduled no more.",
        page=_names("test status end_at days_overdue features"),
        under=("product",),
    ),
    # -- changes
    Report(
        name="changes",
        title="What changed since the last report, and how each headline figure moved.",
        question=CHANGED,
        grain="One row per change, the most important kinds first; figures, and what could be read, stand last.",
        streams=(*_BUGS_OF_FEATURES, "bugs.auto_accepted", "results"),
        columns=_CHANGES,
        terminal=_names("what kind product name after"),
        caption="What changed, the most important kinds first.",
        page=_names("name what kind before after cause note"),
        row_header="name",
        under=("product",),
    ),
    # -- trust
    Report(
        name="products",
        title="The products of the account: what each has, and whether all of it was read.",
        question=TRUST,
        grain="One row per active product, by name and id.",
        streams=_COVERAGE,
        columns=columns(
            "product_id product type is_sectioned sections features tests last_tested_at is_complete gap",
            sections={"kind": "count", "meaning": "Active sections that the customer made."},
            features={"meaning": "Active features."},
            tests={"meaning": "Distinct executed tests of the product."},
        ),
        terminal=_names("product_id product features tests last_tested_at is_complete type is_sectioned sections"),
        caption="The products of the account.",
        page=_names("product type is_sectioned sections features tests last_tested_at gap"),
    ),
    Report(
        name="completeness",
        title="What of each data set is stored, what is missing, and how old it is.",
        question=TRUST,
        grain="One row per product and data set, the list of products first, then by product.",
        streams=(*READ_STREAMS, "executions"),
        columns=columns(
            "product_id product stream state expected stored missing rejected gaps gap last_read last_complete"
            " is_complete age_days",
            state={"meaning": '"complete", "older" (last read before the report date), "incomplete" or "never read".'},
            rejected={
                "label": "Rejected records",
                "meaning": "Records that came and were not stored, each with a reason.",
            },
        ),
        terminal=_names("product stream state gap missing last_complete stored expected rejected"),
        caption="Every data set of every product at its last read.",
        page=_names("product stream state expected stored missing rejected last_complete gap"),
    ),
    Report(
        name="removed_features",
        title="The features that were removed from the catalogue.",
        question=TRUST,
        grain="One row per removed feature, the last removed first.",
        streams=_COVERAGE,
        columns=columns("product_id product feature_id feature removed_at first_seen executed_tests last_tested_at"),
        caption="Features that were removed from the catalogue.",
        page=_names("feature removed_at last_tested_at executed_tests"),
        under=("product",),
    ),
    Report(
        name="unlinked_stories",
        title="The active user stories that could not be linked to a feature.",
        question=TRUST,
        grain="One row per such story, by product and id.",
        streams=("features",),
        columns=columns("product_id product story_id story feature_link"),
        caption="Stories that could not be linked to a feature.",
        page=_names("story feature_link"),
        under=("product",),
    ),
    Report(
        name="unlinked_test_features",
        title="The entries of tests that are not linked to an active feature.",
        question=TRUST,
        grain="One row per such entry, the newest test first.",
        streams=("features", "tests"),
        columns=columns(
            "test_feature_id product_id product test_id test at feature_id title reason test_features",
            reason={"kind": "state", "label": "Reason", "meaning": "Why it is not linked."},
        ),
        caption="Test features that are not linked to an active feature.",
        page=_names("title test at reason"),
        under=("product",),
    ),
    Report(
        name="unknown_statuses",
        title="The statuses of tests that no definition knows.",
        question=TRUST,
        grain="One row per product and status, by status.",
        streams=("tests",),
        columns=columns(
            "status product_id product tests examples", tests={"meaning": "Distinct tests of that status."}
        ),
        caption="Tests of unknown status; they count as neither executed nor scheduled.",
        page=_names("status product tests examples"),
    ),
    Report(
        name="unattributed_bugs",
        title="The bugs that are not linked to an active feature.",
        question=TRUST,
        grain="One row per such bug, the newest test first.",
        streams=("features", "tests", "bugs"),
        columns=columns("bug_id product_id product test_id at bug severity bucket feature_id where"),
        caption="Bugs not linked to an active feature.",
        page=_names("bug severity bucket at where"),
        under=("product",),
    ),
    Report(
        name="unknown_bug_values",
        title="The severities and statuses of bugs that no definition knows.",
        question=TRUST,
        grain="One row per product and value, by what, value and product.",
        streams=("tests", "bugs"),
        columns=columns(
            "what value product_id product bugs examples",
            value={"meaning": "The severity or status, as it came."},
            bugs={"meaning": "Bugs with that value."},
        ),
        caption="Severities and statuses of bugs that are not known.",
        page=_names("what value product bugs examples"),
    ),
    Report(
        name="unknown_story_statuses",
        title="The results of stories that no definition knows.",
        question=TRUST,
        grain="One row per product and status.",
        streams=("tests", "results"),
        columns=columns(
            "status product_id product stories tests",
            stories={"meaning": "Distinct stories with that result."},
            tests={"meaning": "Distinct tests with that result."},
        ),
        caption="Results of stories that are not known.",
        page=_names("status product stories tests"),
    ),
)

REPORTS: Mapping[str, Report] = {report.name: report for report in _ALL}
"""Every report by its name, which is also its name in Python."""

_OF_THE_FEATURE = ("product_id", "product", "feature_id", "feature", "sections", "is_complete", "gap")


PAGE_TABLES: Mapping[str, View] = {
    "features_to_test": View(
        columns(
            "examples active_features state why rank expected_weighted feature_id product_id product sections",
            examples={
                "label": "Features",
                "meaning": "Up to three of their titles.",
                "about": ("feature", "feature_id"),
            },
            active_features={"label": "How many", "meaning": "Active features that nothing tells apart."},
            rank={"label": "Rank"},
        ),
        "The highest ranks that no scheduled test covers; features that nothing tells apart share a row.",
        page=_names("rank examples active_features state why expected_weighted"),
        row_header="examples",
        under=("product", "sections"),
    ),
    "changed_figures": View(
        _CHANGES,
        "Headline figures, those that changed first.",
        page=_names("name before after change beyond_interval note gap"),
    ),
    "changed_reads": View(
        _CHANGES,
        "Data sets that became readable, or are not known any more.",
        page=_names("name kind before after note"),
        under=("product",),
    ),
    "sync_runs": View(
        columns("id started_at finished_at outcome mode requests error"), "The last ten runs, newest first."
    ),
    "rejected_rows": View(
        columns(
            "table row_id product_id reason first_seen",
            product_id={"label": "Product", "about": ("product", "product_id")},
            reason={"label": "Reason"},
        ),
        "Rejected records that still come.",
    ),
    "backtest": View(
        columns("top counted ranking cycles bugs found low high lead lead_low lead_high", bugs={"kind": "rate"}),
        "Share of a month's bugs that the first features of each list had, with 95 % intervals.",
        page=_names("top counted ranking cycles bugs found lead lead_low lead_high"),
    ),
    # -- one thing, whole
    "about_feature": View(
        columns(
            "feature_id feature product_id product sections state reason result worst_severity last_tested_at last_test_id"
            " last_test days_since_tested executed_tests executed_tests_in_window planned_tests stories"
            " changed_since_tested changed_words description howtofind first_seen last_confirmed removed_at"
        ),
        "The feature.",
        page=_names(
            "product_id product sections state reason result worst_severity last_tested_at last_test_id last_test executed_tests"
            " executed_tests_in_window planned_tests changed_since_tested changed_words description howtofind first_seen"
            " last_confirmed removed_at"
        ),
    ),
    "about_product": View(
        columns("product_id product type description first_seen last_confirmed removed_at"),
        "The product.",
        page=_names("product type description first_seen last_confirmed removed_at"),
    ),
    "about_test": View(
        columns(
            "test_id test product_id product section_id section status group start_at end_at testing_type review_status"
            " environment_title report_language first_seen last_confirmed removed_at",
            group={"label": "Counts as"},
        ),
        "The test.",
        page=_names(
            "product_id product section status group start_at end_at testing_type review_status environment_title report_language"
            " first_seen last_confirmed removed_at"
        ),
    ),
    "about_scope": View(
        columns(
            "feature_id feature scope result worst_severity bugs stories_failed stories_passed api_status differs",
            feature={"meaning": "Title of the feature as the test lists it."},
            result={"meaning": "What this test found in the feature; empty where it was not executed."},
            bugs={"meaning": "Distinct valid bugs of the feature in this test.", "highest": ""},
        ),
        "What was in scope of it, with our word for what it found and the API's.",
        page=_names("feature scope result bugs stories_failed stories_passed api_status differs"),
        terminal=_names("feature_id feature result bugs api_status differs"),
    ),
    "about_bug": View(
        columns(
            "bug_id bug product_id product severity status bucket is_known fixed external_idx devices reported_at exported_at"
            " test_id test feature_id feature feature_how language first_seen last_confirmed removed_at"
        ),
        "The bug.",
        page=_names(
            "bug product severity status bucket is_known fixed external_idx reported_at exported_at test_id test feature_id"
            " feature feature_how language first_seen last_confirmed removed_at"
        ),
    ),
    "about_devices": View(
        columns("category vendor device operating_system os_version browsers"),
        "The devices on which it was seen.",
        page=_names("device category vendor operating_system os_version browsers"),
        terminal=_names("device operating_system os_version browsers"),
    ),
    "about_answers": View(columns("question answer"), "What it answers on the customer's own form."),
    "about_rates": View(
        tuple(
            column.with_changes(label="Rank by bugs per test") if column.name == "rank" else column
            for column in REPORTS["bugs_per_feature"].columns
            if column.name not in _OF_THE_FEATURE
        ),
        "Bugs of the feature for its tests, beside the product's.",
        page=_names(
            "bugs open known rejected tests tests_read bugs_per_test shrunk prior_mean signal rank critical high low"
        ),
    ),
    "about_risk": View(
        tuple(column for column in REPORTS["next_tests"].columns if column.name not in _OF_THE_FEATURE),
        "Its place among the features to test next.",
        page=_names(
            "rank alike why tie planned_test proposed_test expected_weighted expected_bugs part_product part_section part_words"
            " part_stories part_own part_age part_changed part_failures severity_weight own_impact"
        ),
    ),
    "about_tests": View(
        columns(
            "test_id test at start_at end_at status group scope bugs api_status",
            bugs={
                "meaning": "Distinct valid bugs of it in that test; empty where its bugs were not read.",
                "highest": "",
            },
        ),
        "Its tests, the newest first.",
        page=_names("test at status group scope bugs api_status"),
        terminal=_names("test_id at test group bugs api_status"),
    ),
    "about_bugs": View(
        columns(
            "bug_id bug severity status bucket is_known fixed devices external_idx reported_at exported_at test_id test"
            " feature_id feature"
        ),
        "Its bugs, the newest first.",
        page=_names("bug severity bucket devices external_idx fixed reported_at"),
        row_header="bug",
        under=("test",),
        terminal=_names("bug_id bug severity bucket external_idx fixed"),
    ),
    "about_stories": View(
        columns("story_id story state test_id test at tested_by is_by_bug is_old_version changed_words"),
        "Its stories with their newest results.",
        page=_names("story state at test tested_by is_by_bug changed_words"),
        terminal=_names("story state at"),
    ),
    "about_runs": View(
        columns("story_id story test_id test at status is_by_bug tested_by"),
        "The results of its stories over time, the newest first.",
        page=_names("story status at test tested_by is_by_bug"),
        terminal=_names("at story status tested_by"),
    ),
    "about_history": View(
        columns(
            "at what before after",
            at={"label": "Seen", "meaning": "The end of the sync run that saw it."},
            what={"label": "What", "meaning": "What changed."},
        ),
        "What syncs saw change of it, the newest first.",
        row_header="what",
    ),
}
"""What pages show besides reports."""


def column_names(report: str) -> list[str]:
    """Return the names of the columns of a report, in order."""
    return [column.name for column in REPORTS[report].columns]


def documented(function: Made) -> Made:
    """Return the function of a report, which looks at the mirror as of its report date, with its columns documented.

    What puts a figure in doubt depends on the date: `doubts` takes it from the mirror. The frame carries it along.
    """
    report = REPORTS[function.__name__]
    if function.__doc__:  # there is none under -OO
        function.__doc__ = f"{cleandoc(function.__doc__)}\n\n{_columns_text(report)}"

    @wraps(function)
    def made(mirror: Mirror, **options: Any) -> pd.DataFrame:
        from testio_analytics.reports.doubts import doubts_of, stating

        state = mirror.at(options.get("as_of"))
        frame = function(state, **options)
        # That of changes is about two states, both of which it knows.
        return frame if report.name == "changes" else stating(frame, doubts_of(state, report.name))

    return cast("Made", made)


def _columns_text(report: Report) -> str:
    """Return what a docstring says of a report's frame: its rows, its columns, and where its doubts are."""
    width = max(len(column.name) for column in report.columns)
    lines = [
        f"    {one.name:{width}}  {filled(one.label)} ({one.kind}): {filled(one.meaning)}" for one in report.columns
    ]
    doubts = "``attrs['doubts']`` of the frame says in sentences what puts its figures in doubt."
    return "\n".join([f"Rows: {report.grain}", "", "Columns (name, label, kind, meaning):", *lines, "", doubts])


def report_of(name: str) -> Report:
    """Return the report of that name, which may be written with hyphens.

    Raises:
        UnknownValueError: there is no such report.
    """
    report = REPORTS.get(name.replace("-", "_"))
    if report is None:
        raise UnknownValueError("The report", name, REPORTS)
    return report


def report_list() -> str:
    """Return the reports as text: each question, and below it the names and titles of its reports."""
    width = max(map(len, REPORTS)) + 2
    return "\n\n".join(
        "\n".join([question, *(f"  {r.name:{width}}{r.title}" for r in _ALL if r.question == question)])
        for question in QUESTIONS
    )


def make(
    name: str,
    db: Path,
    *,
    product_id: int | Sequence[int] | None = None,
    as_of: str | int | None = None,
    impact: ImpactSource = None,
    stale_after: float | None = None,
    by: str | None = None,
    period: str | None = None,
    against: str | None = None,
    search: str | None = None,
) -> tuple[pd.DataFrame, tuple[Doubt, ...], str | None]:
    """Return one report of a database, everything that puts its figures in doubt, and which products it covers.

    The last is None where that goes without saying: all of the account, or those asked for.

    A name may be written with hyphens. With `search`, only the rows whose texts hold these words, the best first.

    Raises:
        UnknownValueError: there is no such report, product, date or run.
        UnusedOptionError: an option is given to a report that does not use it.
        StoreError: the database cannot be used.
    """
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.asked import scope_note
    from testio_analytics.reports.changes import doubts_of_changes
    from testio_analytics.reports.doubts import doubts_of

    report = report_of(name)
    chosen = {"impact": impact, "stale_after": stale_after, "by": by, "period": period, "against": against}
    chosen = {option: value for option, value in chosen.items() if value is not None}
    _check_used(report, search, chosen)
    mirror = load_mirror(db, product_id=product_id, as_of=as_of)
    frame = report.function(mirror, **options_of(report.function, as_of=as_of, **chosen))
    found = doubts_of_changes(mirror) if report.name == "changes" else doubts_of(mirror, report.name)
    if search is not None:
        frame = _searched(frame, report, search, mirror, db)
    return frame, found, scope_note(mirror)


def _searched(frame: pd.DataFrame, report: Report, words: str, mirror: Mirror, db: Path) -> pd.DataFrame:
    """Return the rows that the words find, those that fit best first; in an earlier state, by its texts."""
    from testio_analytics.frames.search import found_ids, found_in, ranked

    table = f"{report.searched.removesuffix('_id')}s"
    ids = found_ids(db, table, words) if mirror.is_newest else found_in(getattr(mirror, table), table, words)
    return ranked(frame, report.searched, ids)


def _check_used(report: Report, search: str | None, chosen: Mapping[str, object]) -> None:
    users = {
        option: [name for name, other in REPORTS.items() if option in signature(other.function).parameters]
        for option in chosen
    }
    if "by" in users:  # by month it has other columns, and is a report of its own
        users["by"].remove("triage")
    if search is not None:
        users["search"] = [name for name, other in REPORTS.items() if other.searched]
    for option, names in users.items():
        if report.name not in names:
            raise UnusedOptionError(report.name, option, names, [name for name in REPORTS if name not in names])


def options_of(function: Callable[..., pd.DataFrame], **options: Any) -> dict[str, Any]:
    """Return those of the options that the function of a report takes."""
    return {name: value for name, value in options.items() if name in signature(function).parameters}
