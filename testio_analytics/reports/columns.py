"""Every column of the reports, declared once: its name, its label for people, its kind, its unit and its meaning.

From the kind follow the dtype of the column, how a value reads in a terminal, on a page and in a workbook, and the
schema for other engines. `registry` says which report has which columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["id", "text", "state", "count", "days", "share", "rate", "time", "flag"]

DTYPES: Mapping[Kind, str] = {
    "id": "Int64",
    "text": "str",
    "state": "category",
    "count": "Int64",
    "days": "Int64",
    "share": "Float64",
    "rate": "Float64",
    "time": "datetime64[us, UTC]",
    "flag": "boolean",
}
"""The dtype of each kind. A state whose words are not a closed list (they come from the API) is plain ``str``."""

DEFAULTS: Mapping[str, float] = {
    "stale_after": 180,
    "window": 180,
    "matures_after": 10,
    "half_age": 90,
    "lapsed_after": 30,
}
"""The thresholds that labels and meanings may name in braces, with their defaults; all in days."""


KINDS = ("product", "section", "feature", "test", "bug")
"""The kinds of things that have a view of their own; with an id they are its address, like feature-310353."""


@dataclass(frozen=True)
class Column:
    """One column of a report.

    Attributes:
        name: its name in frames and files.
        label: its heading for people; may name a threshold, like ``{window}``.
        kind: what its values are.
        meaning: one or more sentences; may name a threshold.
        unit: what a rate or a count is measured in, where the label does not say it.
        bounds: the columns with the ends of its 95 % interval; none for most.
        highest: the column with the most that it can be, where the value is the least; none for most.
        none: whether a missing count means that there is none; otherwise it means that the count is unknown.
        words: what its values read as, for people, where that is not the value itself.
        about: what its values are the names of, or where these are shown: one of `KINDS`, or the column that says which,
            and the column with the id.
        is_list: whether its values are several names, joined by commas.
        lowest_first: whether the lowest number is what people look for first, as of a rank.
    """

    name: str
    label: str
    kind: Kind
    meaning: str
    unit: str = ""
    bounds: tuple[str, str] | None = None
    highest: str = ""
    none: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    about: tuple[str, str] | None = None
    is_list: bool = False
    lowest_first: bool = False

    @property
    def reads_unknown(self) -> bool:
        """Whether a missing value reads "unknown" and not as a dash."""
        return self.kind == "count" and not self.none

    def with_changes(self, **changes: Any) -> Column:
        """Return the column with other attributes, for a report in which the same name means something else."""
        return replace(self, **changes)


def _rate(name: str, label: str, meaning: str, *, has_band: bool = True) -> tuple[Column, ...]:
    """Return the columns of a triage rate: the share, the most that it can be, its interval, and its band."""
    low, high = f"{name}_low", f"{name}_high"
    most = Column(
        f"{name}_highest", f"{label}, at most", "share", f"The same, if all that is not said counts as {name}."
    )
    band = Column(
        f"{name}_band",
        f"{label}, band",
        "state",
        f'How {label.lower()} compares with its limits: "ok", "warning" or "critical"; "unknown" without bugs, and where '
        "the least and the most that it can be are in different bands.",
    )
    return (
        Column(name, label, "share", f"{meaning} The least that it can be.", bounds=(low, high), highest=most.name),
        most,
        *_interval(name, label.lower(), share=True),
        *((band,) if has_band else ()),
    )


def _interval(name: str, what: str, *, share: bool = False, stem: str | None = None) -> tuple[Column, Column]:
    """Return the two columns with the ends of a 95 % interval."""
    kind: Kind = "share" if share else "rate"
    prefix = f"{name}_" if stem is None else stem
    return (
        Column(f"{prefix}low", "95 % CI low", kind, f"Lower end of the 95 % interval of {what}."),
        Column(f"{prefix}high", "95 % CI high", kind, f"Upper end of the 95 % interval of {what}."),
    )


BUCKET_WORDS = {
    "active_accepted": "accepted manually",
    "auto_accepted": "auto-accepted",
    "accepted_unclear": "accepted, not said by whom",
    "rejected": "rejected",
    "open": "open",
    "other": "other",
}
"""The triage outcomes of bugs, as people read them."""

STATE_WORDS = {"planned": "scheduled"}
"""The states of features, as people read them, where that is another word."""

GROUP_WORDS = {"planned": "scheduled", "neither": "cancelled", "later": "not over by then"}
"""What tests count as, as people read it, where that is another word."""

LINK_WORDS = {
    "test_feature": "the list of the test",
    "bug": "the bug itself",
    "results": "the results of the test",
    "none": "nothing",
}
"""How it is known which feature a bug belongs to, as people read it."""

SIGNAL_WORDS = {"above": "higher", "below": "lower", "as expected": "as expected"}

_ALL: tuple[Column, ...] = (
    # -- what a row is about
    Column("product_id", "Product id", "id", "Id of the product; 0 stands for the whole account."),
    Column(
        "product",
        "Product",
        "text",
        "Name of the product; kind and id where it has no name.",
        about=("product", "product_id"),
    ),
    Column("type", "Type", "state", "Platform of the product (website, mobile app, …), as the API names it."),
    Column("is_sectioned", "In sections", "flag", "Whether the customer divided the product into sections."),
    Column("section_id", "Section id", "id", "Id of the section; empty for features without section."),
    Column(
        "section",
        "Section",
        "text",
        'Name of the section; "(no section)" for features without one.',
        about=("section", "section_id"),
    ),
    Column(
        "sections",
        "Sections",
        "text",
        "Names of the feature's sections, joined by commas; empty without.",
        is_list=True,
    ),
    Column("feature_id", "Feature id", "id", "Id of the feature; empty where none is known."),
    Column(
        "feature",
        "Feature",
        "text",
        "Title of the feature; kind and id where it has none.",
        about=("feature", "feature_id"),
    ),
    Column("story_id", "Story id", "id", "Id of the user story."),
    Column(
        "story",
        "Story",
        "text",
        "The sentence of the user story, else its title.",
        about=(
            "feature",
            "feature_id",
        ),  # a story has no view of its own; that of its feature shows it with its results
    ),
    Column("test_id", "Test id", "id", "Id of the test that the row speaks of; empty without."),
    Column("test", "Test", "text", "Title of that test; empty without.", about=("test", "test_id")),
    Column("test_feature_id", "Test feature id", "id", "Id of the feature's entry in the list of the test."),
    Column("bug_id", "Bug id", "id", "Id of the bug."),
    Column("bug", "Bug", "text", "Title of the bug.", about=("bug", "bug_id")),
    Column(
        "month",
        "Month",
        "text",
        "Month in UTC, like 2026-06, quarter, like 2026-Q2, or year; empty for tests without any date.",
    ),
    Column("start", "Start", "time", "When the month, week, quarter or year begins; weeks begin on Monday."),
    Column(
        "label", "Month", "text", "Month, like 2026-06, week, like 2026-W26 (ISO 8601), quarter, like 2026-Q2, or year."
    ),
    Column("until", "Until", "time", "The time that the row looks back from."),
    Column("is_partial", "Not over", "flag", "Whether the period is not over at the report date."),
    Column("at", "When", "time", "The end of that test, else its start."),
    Column("start_at", "Start", "time", "When that test was to begin."),
    Column("end_at", "End", "time", "When that test was to end."),
    Column(
        "days_overdue", "Days overdue", "days", "Whole days since then, or since its start without end.", unit="days"
    ),
    Column("features", "Features", "count", "Distinct active features that the test has in scope."),
    # -- the catalogue
    Column("stories", "Stories", "count", "Active user stories."),
    Column("has_description", "Description", "flag", "Whether the feature has a description."),
    Column("has_howtofind", "Directions", "flag", "Whether the feature has directions how to find it."),
    Column(
        "state",
        "State",
        "state",
        "Whether and when the feature was tested; see the definitions of the states.",
        words=STATE_WORDS,
    ),
    Column("reason", "Why", "text", "Why the feature has its state, in words."),
    Column("executed_tests", "Tests, all time", "count", "Distinct executed tests that cover the feature."),
    Column(
        "executed_tests_in_window",
        "Tests, last {window} days",
        "count",
        "Those of the {window} days before the report date.",
    ),
    Column("planned_tests", "Scheduled", "count", "Distinct scheduled tests that cover the feature."),
    Column(
        "last_tested_at", "Last tested", "time", "The newest executed test's end; empty when never tested, or undated."
    ),
    Column("last_test_id", "Last test id", "id", "Id of the newest executed test."),
    Column("last_test", "Last test", "text", "Title of the newest executed test.", about=("test", "last_test_id")),
    Column("days_since_tested", "Days since tested", "days", "Whole days since the newest executed test.", unit="days"),
    Column("first_seen", "First seen", "time", "When a sync first stored the row."),
    Column(
        "changed_since_tested",
        "Changed since",
        "flag",
        "Whether title, description or directions differ from those that the newest executed test was given; empty when never tested.",
    ),
    Column(
        "changed_words",
        "What changed",
        "text",
        "The words that differ from what that test was given, then and now, shortened; empty where nothing changed.",
    ),
    Column("last_confirmed", "Last confirmed", "time", "Last complete read of the product's features."),
    Column("removed_at", "Removed", "time", "When a complete read no longer found the feature."),
    Column("feature_link", "Reason", "state", "Why no feature is linked: the sentence fits several features, or none."),
    Column("title", "Name in the test", "text", "Title of the feature as the test lists it."),
    Column("test_features", "Unlinked in this test", "count", "How many such entries the test has."),
    # -- coverage in counts
    Column("active_features", "Features", "count", "Active features."),
    Column("untested", "Untested", "count", "Active features that are untested."),
    Column("planned", "Scheduled, not yet tested", "count", "Active features that only scheduled tests cover."),
    Column("stale", "Stale", "count", "Active features that are stale."),
    Column("unknown", "Unknown", "count", "Active features of unknown status."),
    Column("tested", "Tested", "count", "Active features tested in the last {stale_after} days."),
    Column(
        "never_executed", "Never tested", "count", "Untested and scheduled features: the fewest that were never tested."
    ),
    Column("never_executed_highest", "Never tested, at most", "count", "Those and the unknown ones."),
    Column(
        "ever_covered",
        "Covered, all time",
        "count",
        "Tested and stale features: the fewest that were covered at any time.",
    ),
    Column("ever_covered_highest", "Covered, all time, at most", "count", "Those and the unknown ones."),
    Column("ever_share", "Covered, all time", "share", "ever_covered / active_features."),
    Column(
        "recent_covered", "Covered, last {stale_after} days", "count", "Tested features: the fewest covered recently."
    ),
    Column(
        "recent_covered_highest",
        "Covered, last {stale_after} days, at most",
        "count",
        "Those, and the features that are unknown or stale only because of a gap.",
    ),
    Column("recent_share", "Covered, last {stale_after} days", "share", "recent_covered / active_features."),
    Column(
        "changed_since_tested_highest",
        "Changed since tested, at most",
        "count",
        "Those, and the features of which a gap may hide a newer test or text.",
    ),
    Column(
        "covered",
        "Covered",
        "count",
        "How many of them count as covered: the fewest.",
        highest="covered_highest",
    ),
    Column("covered_highest", "Covered, at most", "count", "Those and the unknown ones."),
    Column("share", "Share", "share", "covered as a share of all.", highest="share_highest"),
    Column("share_highest", "Share, at most", "share", "The same of the most that it can be."),
    # -- bugs
    Column("total", "All bugs", "count", "All active bugs, of whatever outcome; a bug belongs to its test."),
    Column(
        "bugs",
        "Bugs",
        "count",
        "Distinct valid bugs: those that were not rejected. The fewest: a bug that does not say its status may be.",
        highest="bugs_highest",
    ),
    Column(
        "bugs_highest",
        "Bugs, at most",
        "count",
        "Those, and the bugs that may be among them because they do not say their status or their feature; empty where "
        "not all tests were read.",
    ),
    Column("active_accepted", "Accepted manually", "count", "Bugs that a person accepted."),
    Column("auto_accepted", "Auto-accepted", "count", "Bugs that were accepted because nobody triaged them in time."),
    Column(
        "accepted_unclear",
        "Accepted, not said by whom",
        "count",
        "Accepted bugs of which nothing tells whether a person accepted them.",
    ),
    Column("rejected", "Rejected", "count", "Bugs that were rejected."),
    Column("open", "Open", "count", "Bugs that nobody has triaged yet."),
    Column("other", "Other", "count", "Bugs of any other status, or of none."),
    Column("critical", "Critical", "count", "Valid bugs of severity critical."),
    *(
        Column(name, name.capitalize(), "count", f"Valid bugs of severity {name}.")
        for name in ("visual", "content", "suggestion", "custom")
    ),
    Column("severity_other", "Other severity", "count", "Valid bugs of any other severity, or of none."),
    Column("known", "Known", "count", "Valid bugs that the customer knew before."),
    Column("to_feature", "To a feature", "count", "Bugs linked to an active feature."),
    Column("to_removed_feature", "To a removed feature", "count", "Bugs linked to a feature that was removed."),
    Column(
        "not_in_catalogue", "Not in the catalogue", "count", "Bugs linked to a feature that is not in the catalogue."
    ),
    Column("not_attributable", "Not attributable", "count", "Bugs that are linked to no feature."),
    Column(
        "rank",
        "Rank",
        "count",
        "Place, 1 is the highest; equal rows share the better one.",
        none=True,
        lowest_first=True,
    ),
    Column("tests", "Tests", "count", "Distinct executed tests."),
    Column("recent_share_highest", "Recently tested, at most", "share", "The same of the most that it can be."),
    Column("tests_read", "Tests with bugs read", "count", "Those of the tests whose bugs were read."),
    Column(
        "bugs_per_test",
        "Bugs per test",
        "rate",
        "Valid bugs per executed test, over the tests whose bugs were read; empty without such tests.",
        unit="bugs per test",
        bounds=("raw_low", "raw_high"),
    ),
    *_interval("raw", "bugs_per_test, from this feature alone"),
    Column(
        "shrunk",
        "Adjusted bugs per test",
        "rate",
        "Bugs per test drawn towards the product's average, the more so the fewer tests there are.",
        unit="bugs per test",
        bounds=("shrunk_low", "shrunk_high"),
    ),
    *_interval("shrunk", "the adjusted figure"),
    Column(
        "prior_mean",
        "Product average",
        "rate",
        "Bugs per test over the product's tested features.",
        unit="bugs per test",
    ),
    Column(
        "is_pooled", "Average only", "flag", "Whether all features of the product have the average as their figure."
    ),
    Column(
        "signal",
        "Against product average",
        "state",
        '"above" or "below" where the whole interval of the adjusted figure lies on that side of the product\'s average, '
        'else "as expected". Empty without figure, and where too few features were tested to compare.',
        words=SIGNAL_WORDS,
    ),
    Column("value", "Value", "text", "The value that is counted; in bugs_by_device that of the device."),
    Column(
        "split_bugs",
        "Bugs, shared out",
        "rate",
        "Valid bugs, where one seen on several values counts in equal parts; they add up to the bugs of the product.",
        unit="bugs",
    ),
    Column("product_bugs", "Bugs of the product", "count", "All valid bugs of the product."),
    Column("severity", "Severity", "state", "Severity of the bug, as it came."),
    Column("bucket", "Triage outcome", "state", "What the triage of the bug came to.", words=BUCKET_WORDS),
    Column("where", "Reason", "state", "Why the bug is linked to no active feature."),
    Column("custom_report_id", "Form id", "id", "Id of the form; empty where bugs do not name it."),
    Column("form", "Form", "text", 'Title of the form; "(no form)" for bugs of severity custom without one.'),
    Column("keys", "Questions", "text", "What the form asks: the labels of its keys, joined by commas."),
    Column("what", "What", "state", 'What is not known: "severity" or "status".'),
    Column("examples", "Examples", "text", "Up to three titles."),
    # -- results
    Column("result", "Result", "state", "What the newest executed test found; see the definitions."),
    Column("worst_severity", "Worst bug", "state", 'Highest severity of the bugs that make the result "issues".'),
    Column("open_bugs", "Open bugs", "count", "Those of the bugs that are open."),
    Column("critical_bugs", "Critical bugs", "count", "Those of the bugs that are critical."),
    Column("stories_failed", "Stories failed", "count", "Distinct stories that failed in that test."),
    Column("stories_blocked", "Stories blocked", "count", "Distinct stories that were blocked in that test."),
    Column("stories_passed", "Stories passed", "count", "Distinct stories that passed in that test."),
    Column("stories_not_run", "Stories not run", "count", "Distinct stories that nobody ran in that test."),
    Column(
        "failed_by_bug",
        "Failed, inferred from a linked bug",
        "count",
        "Those of the failed stories of which perhaps only a linked bug says so.",
    ),
    Column("api_status", "API status", "state", "The API's own word for the feature in that test, as it came."),
    Column("differs", "Differs from API", "flag", "Whether that is another word than ours means; empty where unknown."),
    Column("in_scope", "In scope, all time", "count", "Active features that any executed test had in scope."),
    Column(
        "exercised",
        "Exercised",
        "count",
        "Active features with an executed story or a bug: the fewest.",
        highest="exercised_highest",
    ),
    Column("exercised_highest", "Exercised, at most", "count", "Those, and the features where a gap could hide more."),
    Column("status", "Status", "state", "The status, as it came."),
    # -- stories
    Column("tested_by", "Testers", "count", "Distinct testers who ran the story in that test."),
    Column("is_by_bug", "Inferred from a linked bug", "flag", "Whether perhaps only a linked bug says failed."),
    Column("may_differ", "May be another", "flag", "Whether a test that was not fully read may hold a newer result."),
    Column("is_old_version", "Changed since", "flag", "Whether the story's text was another one in that test."),
    Column("failed", "Failed", "count", "Stories whose newest result is failed."),
    Column("blocked", "Blocked", "count", "Stories whose newest result is blocked."),
    Column("passed", "Passed", "count", "Stories whose newest result is passed."),
    Column("in_scope_not_run", "Not run", "count", "Stories whose feature was in scope, and that nobody ran."),
    Column("never_in_scope", "Never in scope", "count", "Stories whose feature no executed test had in scope."),
    Column("old_version", "Changed since", "count", "Covered stories whose text has changed since."),
    Column("passed_share", "Passed of those", "share", "passed / (passed + failed)."),
    # -- triage and trends
    *_rate("active_acceptance", "Active acceptance", "active_accepted / total."),
    *_rate("auto_acceptance", "Auto-acceptance", "auto_accepted / all accepted bugs."),
    *_rate("overall_acceptance", "Overall acceptance", "All accepted bugs / total.", has_band=False),
    *_rate("rejection", "Rejection", "rejected / total."),
    *_rate("review", "Review", "Triaged manually (active_accepted and rejected) / total."),
    Column("verdict", "Rates outside their bands", "text", 'Those rates, the critical ones first; "ok" without any.'),
    Column("immature", "Results not final", "count", "Bugs of tests that ended less than {matures_after} days ago."),
    Column(
        "is_provisional",
        "Provisional",
        "flag",
        "Whether a test ended less than {matures_after} days before the report date.",
    ),
    Column("features_covered", "Features covered", "count", "Distinct active features that these tests cover."),
    Column("first_covered", "For the first time", "count", "Those of them that no earlier test had covered."),
    # -- the next tests
    Column("alike", "Alike", "count", "Features of the product with the same figure, this one included."),
    Column(
        "expected_weighted",
        "Expected, by severity",
        "rate",
        "The bugs that a test of the feature would find now, each by its severity, times your own weight.",
    ),
    Column(
        "expected_bugs",
        "Expected bugs",
        "rate",
        "The valid bugs that a test of the feature would find now; with the interval of what the next test finds.",
        bounds=("expected_low", "expected_high"),
    ),
    *_interval("expected", "the bugs that the next test finds"),
    Column("part_product", "Product", "rate", "Part of the expected bugs: the product's bugs per test.", unit="bugs"),
    Column("part_section", "Section", "rate", "Part of the expected bugs: what its section adds.", unit="bugs"),
    Column("part_words", "Words", "rate", "Part of the expected bugs: what a word of the title adds.", unit="bugs"),
    Column("part_stories", "Stories", "rate", "Part of the expected bugs: what their number adds.", unit="bugs"),
    Column("part_own", "Own tests", "rate", "Part of the expected bugs: what its own tests add.", unit="bugs"),
    Column(
        "part_age",
        "Age",
        "rate",
        "Part of the expected bugs: what the time since its last test adds; half of it after {half_age} days.",
        unit="bugs",
    ),
    Column("part_changed", "Changed", "rate", "Part of the expected bugs: what changed texts add.", unit="bugs"),
    Column(
        "part_failures", "Failed", "rate", "Part of the expected bugs: what failed or blocked stories add.", unit="bugs"
    ),
    Column("severity_weight", "Severity", "rate", "The mean severity weight of the bugs expected."),
    Column("own_impact", "Own weight", "rate", "The weight that you gave; empty without.", unit="0 to 1"),
    Column("why", "Why", "text", "What is known of the feature, and what moves its figure, in words."),
    Column("tie", "Nothing tells apart", "text", "The group of features with equal evidence; empty for one alone."),
    Column(
        "planned_test", "Scheduled test", "text", "Title of a scheduled test that covers the feature; empty without."
    ),
    Column(
        "proposed_test",
        "Proposed test",
        "count",
        "Number of the proposed test that it is in.",
        none=True,
        lowest_first=True,
    ),
    Column(
        "test_expected",
        "Test finds, by severity",
        "rate",
        "The sum of the expected bugs by severity of the proposed test.",
    ),
    Column("test_gain", "More than next best", "rate", "What it finds more than the best test after it."),
    # -- completeness
    Column("stream", "Data set", "state", "The data set: products, features, tests, bugs or results."),
    Column("expected", "Expected", "count", "Records that the API holds, where that is known."),
    Column("stored", "Stored", "count", "Records that are stored."),
    Column("missing", "Missing", "count", "Expected less stored, never below 0; rejected records are missing, too."),
    Column("gaps", "Open gaps", "count", "Parts that could not be read."),
    Column("gap", "Data gaps", "text", "What is missing and why, in words; empty when nothing is."),
    Column("last_read", "Last read", "time", "The last read, complete or not."),
    Column("last_complete", "Last complete read", "time", "The last read that was complete."),
    Column("is_complete", "Complete", "flag", "Whether everything that the row rests on was read."),
    Column(
        "age_days", "Age in days", "days", "Whole days from the last complete read to the report date.", unit="days"
    ),
    # -- changes
    Column("kind", "Change", "state", "What became of it."),
    Column(
        "name",
        "Name",
        "text",
        "Title of what changed, else kind and id; the name of a figure or a data set.",
        about=("what", "id"),
    ),
    Column("before", "Before", "text", "What it was, in words; empty where there was nothing, or nothing to say."),
    Column("after", "After", "text", "What it is now, in words; empty where there is nothing to say."),
    Column(
        "change",
        "Difference",
        "rate",
        "Of a figure: by how much it changed, the least that it can be (a share as a fraction). Of a data set: how many of "
        "its rows became known, or are not known any more. Empty for all else, and where it is not known.",
        unit="of the figure",
        highest="change_highest",
    ),
    Column("change_highest", "Difference, at most", "rate", "The most that it can be.", unit="of the figure"),
    Column(
        "beyond_interval",
        "More than chance",
        "flag",
        "Of a rate: whether the 95 % interval of the difference leaves out 0. Empty for all else: a count of everything has "
        "no interval.",
    ),
    Column(
        "cause",
        "Cause",
        "state",
        'Why: "time" where the earlier state alone would have become this by the later date, else "event". Empty for '
        "data sets, and for figures of which both may be.",
    ),
    Column("note", "Note", "text", "What else there is to know; empty without."),
    # -- one period beside another
    Column("figure", "Figure", "text", "What is counted or measured."),
    Column("period", "Period", "text", "The month, quarter or year, like 2026-Q2."),
    Column("against", "Against", "text", "The one that it is compared with."),
    Column(
        "difference", "Difference", "text", "The period less the other one, in words; of shares in points of per cent."
    ),
    *(
        column
        for name, label, which in (("now", "Period", "the period"), ("then", "Against", "the other period"))
        for column in (
            Column(
                name,
                f"{label}, figure",
                "rate",
                f"The figure of {which}: the least that it can be.",
                unit="of the figure",
                bounds=(f"{name}_low", f"{name}_high"),
                highest=f"{name}_highest",
            ),
            Column(f"{name}_highest", f"{label}, at most", "rate", "The most that it can be.", unit="of the figure"),
            *_interval(name, f"the figure of {which}"),
            Column(
                f"{name}_k", f"{label}, counted", "count", "What a rate or a share counts; empty for counts.", none=True
            ),
            Column(f"{name}_n", f"{label}, out of", "count", "Out of how many; empty for counts.", none=True),
        )
    ),
    *_interval("change", "the difference"),
    Column(
        "beyond",
        "More than chance",
        "flag",
        "Of a rate: whether the 95 % interval of the difference leaves out 0 (the bugs of a test are no independent draws: the "
        "test is the unit). Empty for all else: a count of everything has no interval; and where results are not final.",
    ),
    # -- devices, and stories and bugs on their way
    Column(
        "bugs_asked",
        "Of tests that asked for it",
        "count",
        "Those of the bugs whose test's requirements name it; the others were seen on it all the same.",
    ),
    Column("product_tests", "Tests of the product", "count", "All executed tests of the product."),
    Column("stage", "Stage", "state", "How far the bug has come: reported, triaged, exported or fixed."),
    Column(
        "triaged_after",
        "Triaged after",
        "time",
        "The last read of its test at which it was not triaged; when it was reported, where there is none.",
    ),
    Column(
        "triaged_by",
        "Triaged by",
        "time",
        "The first read at which it was accepted or rejected; empty where it is not.",
    ),
    Column(
        "fixed_after",
        "Fixed after",
        "time",
        "The last read of its test at which it was not marked as fixed; when it was reported, where there is none.",
    ),
    Column("fixed_by", "Fixed by", "time", "The first read at which it was marked as fixed; empty where it is not."),
    Column(
        "days_to_triage",
        "Days to triage",
        "days",
        "Whole days from its report to triaged_after: the fewest.",
        unit="days",
        highest="days_to_triage_highest",
    ),
    Column("days_to_triage_highest", "Days to triage, at most", "days", "The same to triaged_by.", unit="days"),
    Column("days_to_export", "Days to export", "days", "Whole days from its report to its export.", unit="days"),
    Column(
        "days_to_fix",
        "Days to fix",
        "days",
        "Whole days from its report to fixed_after: the fewest.",
        unit="days",
        highest="days_to_fix_highest",
    ),
    Column("days_to_fix_highest", "Days to fix, at most", "days", "The same to fixed_by.", unit="days"),
    Column(
        "again",
        "Found again",
        "state",
        "How it is one that was found before: an earlier bug of the product has the same tracker key and was marked as fixed, "
        "or exported, before this one was reported; or the customer marked it as known before. Empty otherwise.",
    ),
    Column("again_bug_id", "Earlier bug id", "id", "Id of the earlier bug with that key; empty without."),
    Column(
        "again_bug", "Earlier bug", "text", "Title of the earlier bug with that key.", about=("bug", "again_bug_id")
    ),
    Column("is_newest", "Newest", "flag", "Whether the state of the story rests on this test; empty without test."),
    # -- what only pages show
    Column("id", "Run", "id", "Number of the sync run."),
    Column("started_at", "Started", "time", "When the run started.", unit="minute"),
    Column("finished_at", "Ended", "time", "When it ended.", unit="minute"),
    Column("outcome", "Outcome", "state", "How it ended."),
    Column("mode", "Mode", "state", "What was asked for."),
    Column("requests", "Requests", "count", "Requests sent."),
    Column("error", "Error", "text", "Why it failed; empty otherwise."),
    Column("table", "Table", "text", "The table that the record belongs to."),
    Column("row_id", "Id", "text", "Its id, as it came."),
    Column("top", "First", "count", "How many features of the list count."),
    Column("counted", "Bugs counted", "text", "Each as one, or by its severity."),
    Column("ranking", "List", "text", "How the features were ordered."),
    Column("cycles", "Past months", "count", "Past months that the lists were tried on."),
    Column("found", "Found", "share", "Share of their bugs that the list finds.", bounds=("low", "high")),
    *_interval("found", "found", share=True, stem=""),
    Column(
        "lead",
        "Lead of our list",
        "rate",
        "What our list finds more than this one, as a share of the bugs.",
        bounds=("lead_low", "lead_high"),
    ),
    *_interval("lead", "the lead"),
    # -- one thing, whole
    Column(
        "group",
        "Counts as",
        "state",
        "What the test counts as; see the definitions of executed, scheduled, lapsed and cancelled tests.",
        words=GROUP_WORDS,
    ),
    Column("scope", "Bugs in scope", "text", "Which kinds of bugs were in scope of it there; empty where not said."),
    Column("question", "Question", "text", "What the customer's own form asks."),
    Column("answer", "Answer", "text", "What the bug answers."),
    Column("testing_type", "Kind of test", "state", "Its kind, as the API names it; empty for test-case runs."),
    Column("review_status", "Review", "state", "Status of the team lead's review, as it came."),
    Column("environment_title", "Environment", "text", "Label of the test environment."),
    Column("report_language", "Report language", "state", "Language of its reports."),
    Column("language", "Language", "state", "Language of the report."),
    Column("feature_how", "Linked by", "state", "How it is known which feature it belongs to.", words=LINK_WORDS),
    Column("category", "Kind of device", "text", "Kind of device."),
    Column("vendor", "Maker", "text", "Maker of the device."),
    Column("device", "Device", "text", "Model of the device."),
    Column("operating_system", "System", "text", "Operating system."),
    Column("os_version", "Version", "text", "Version of the operating system."),
    Column("browsers", "Browsers", "text", "Browsers; empty where none is named."),
    Column("type", "Kind of product", "state", "Its platform, as the API names it."),
    Column("description", "Description", "text", "What it is, in the customer's words."),
    Column("howtofind", "Directions", "text", "How to find it."),
    Column("devices", "Devices", "text", "The devices on which it was seen; empty where none is named."),
    Column("external_idx", "Tracker key", "text", "Its key in the customer's tracker; empty where none is said."),
    Column("is_known", "Known before", "flag", "Whether the customer knew it before; empty where that is not said."),
    Column("fixed", "Fixed", "flag", "Whether it is marked as fixed; empty where that is not said."),
    Column("reported_at", "Reported", "time", "When the tester reported it."),
    # -- accounts side by side
    Column("recent_share_highest", "Recently tested, at most", "share", "The same of the most that it can be."),
    Column("tests_read", "Tests with bugs read", "count", "Executed tests whose bugs were read."),
    *(
        column
        for rate, label in (("auto_acceptance", "Auto-acceptance"), ("review", "Review"))
        for column in (
            Column(f"{rate}_bugs", f"{label}, bugs", "count", f"Bugs that count in {label.lower()}: the fewest."),
            Column(f"{rate}_bugs_highest", f"{label}, bugs at most", "count", "The most that count in it."),
            Column(f"{rate}_of", f"{label}, out of", "count", "The bugs that it is a share of."),
        )
    ),
    Column(
        "story_share",
        "Stories with a result",
        "share",
        "Stories with a passed or failed result as a share of all active stories.",
        highest="story_share_highest",
    ),
    Column("story_share_highest", "Stories with a result, at most", "share", "The same of the most that it can be."),
    Column("report_date", "As of", "time", "The report date: the time of the last sync."),
    Column(
        "recent_share_before",
        "Recently tested before",
        "share",
        "Recently tested features as a share of those active then, at the end of the last quarter that was over.",
    ),
    Column(
        "recent_share_change",
        "Change since the quarter",
        "rate",
        "recent_share less recent_share_before, in points: below 0, less is tested recently than then.",
        unit="percentage points",
    ),
    Column(
        "exported_at", "Exported", "time", "When it was exported to the customer's tracker; empty where it was not."
    ),
)

COLUMNS: Mapping[str, Column] = {column.name: column for column in _ALL}
"""Every column by its name, with its usual meaning."""


def columns(names: str, **changes: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return the columns of these names, separated by blanks; `changes` gives single ones other attributes."""
    return tuple(COLUMNS[name].with_changes(**changes.get(name, {})) for name in names.split())


def filled(text: str, **thresholds: float) -> str:
    """Return a label or meaning with the thresholds in braces filled in, the defaults where none is given."""
    return text.format_map({name: f"{value:g}" for name, value in {**DEFAULTS, **thresholds}.items()})
