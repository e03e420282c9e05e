"""The definitions that the figures follow, as texts with their thresholds, and the bands of the triage rates."""

from __future__ import annotations

from collections.abc import Mapping

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import checked_days
from testio_analytics.reports.columns import COLUMNS
from testio_analytics.reports.triage import BANDS

DEFINITIONS: Mapping[str, Mapping[str, str]] = {
    "coverage": {
        "Active feature": "A feature that was in the catalogue of its product at the last complete read.",
        "Executed test": (
            "A test of status running, locked, archived or completed that had ended by the report date, or that"
            " was still running then. It belongs to the time of its end; one without an end, to that of its "
            "start."
        ),
        "Scheduled test": (
            "A test of status initialized, customer_finalized or waiting. It is not executed: it has tested nothing "
            "yet. In frames and files it is called planned."
        ),
        "Lapsed test": (
            "A scheduled test whose end, else start, lies more than {lapsed_after} days before the report date. It "
            "counts as scheduled no more, and is listed apart."
        ),
        "Test without date": (
            "An executed test whose end is a mistake (before the year 2000, or more than ten years ahead), or that "
            "has neither end nor start. It is listed by name, and what it covers may be recent or not."
        ),
        "Cancelled test": "A test of status cancelled. It counts as neither executed nor scheduled.",
        "Unknown status": (
            "Any other status. Such a test is listed by name and counts as neither, and a feature that no "
            "executed test covers but such a test has in scope is unknown, so that the figures become ranges."
        ),
        "Covered": (
            "A test covers a feature when it has the feature in scope. In scope is not the same as exercised: "
            "nobody may have looked."
        ),
        "Tested": "An executed test of the last {stale_after} days covers the feature.",
        "Stale": "Executed tests cover it, all of them older than {stale_after} days, or of unknown date.",
        "Unknown": (
            "No executed test is known to cover it, but one may: the product's tests are not fully synced, "
            "were last read before the report date, one of them does not say which features it covers, or a test of "
            "unknown status has it in scope."
        ),
        "Scheduled, not yet tested": "Only scheduled tests cover it.",
        "Untested": "No executed and no scheduled test covers it, and the product's tests are fully synced.",
        "Covered, all time": "Features tested or stale, out of all active features.",
        "Covered recently": "Features tested in the last {stale_after} days, out of all active features.",
        "Changed since tested": (
            "Title, description or directions are not those that the newest executed test was given. White space, "
            "invisible characters, an HTML entity for its character, another composition of the same accents, the case of "
            "tags, the order and quotes of their attributes, and a credential that was cut out are no change. Anything "
            "else is: a letter or its case, punctuation, the order of sentences, an emoji, a tag or the value of an "
            "attribute."
        ),
        "At most": (
            "Where a gap could change a count, the highest possible count stands beside it. A share of all features has "
            "no interval: it estimates nothing beyond them."
        ),
    },
    "bugs": {
        "Accepted manually": "A bug of status accepted that a person accepted.",
        "Auto-accepted": "A bug of status accepted that was accepted automatically, because nobody triaged it in time.",
        "Accepted, not said by whom": (
            "A bug of status accepted that does not say whether a person or the timer accepted it. Rates that depend on "
            "it are ranges, or unknown where no bug of the account says it."
        ),
        "Rejected bug": "A bug of status rejected.",
        "Open bug": "A bug of status forwarded: handed to the customer, and not triaged yet.",
        "Other bug": "A bug of any other status, or of none. It counts in every total and in no rate's numerator.",
        "Valid bug": (
            "A bug that was not rejected; one without status may be one, and counts in the highest figure only. Those "
            "that the customer knew before are valid, and counted separately, too."
        ),
        "Bug of a feature": (
            "By the test feature that the bug names, and its feature in that test's list; else as the bug "
            "itself says; else as the results of the test say. A bug that is linked to no feature is not "
            "attributable, and counted separately."
        ),
        "Bugs per test": (
            "Distinct valid bugs of a feature divided by the distinct executed tests that cover it. It is no "
            "density: the API has no size to divide by."
        ),
        "Adjusted bugs per test": (
            "Bugs per test drawn towards the product's average, the more so the fewer tests there are "
            "(gamma-Poisson, prior by moments; the average itself where fewer than five features were tested or"
            " they differ by no more than chance). Rankings use it."
        ),
        "Interval of bugs per test": (
            "What the next tests of the feature would find on average lies in it with 95 % probability. It allows for "
            "features that differ, for tests that differ in what they find (measured over the product), and for single "
            "features far from the others; it is wide where there are few tests."
        ),
    },
    "results": {
        "Issues": "At least one bug on the feature that was not rejected and not known before.",
        "Failed": "Else, a story failed.",
        "Blocked": "Else, a story is blocked.",
        "Known bugs": "Else, there are valid bugs, all of which the customer knew before.",
        "Passed": "Else, at least one story passed, and there is no valid bug.",
        "No findings": "In scope of an executed test, no story executed, no bug: not a pass.",
        "None": "Not covered by an executed test.",
        "Exercised": (
            "Features with at least one executed story or one bug, out of all active features. The stronger "
            "claim: in scope only says that somebody was asked to look."
        ),
    },
    "stories": {
        "Result of a story": (
            "Failed when a run failed, else blocked when one is blocked, else passed when one passed. Where the"
            " single runs were not read it is the API's word, but for a story that nobody ran and a bug names: "
            "the API calls it failed, and it has no result. Where somebody ran it and a bug names it, failed "
            "may be inferred from the bug alone: such stories are marked."
        ),
        "Story passed": (
            "The newest executed test with a result of the story says passed. Inside one test failed comes "
            "before blocked, and blocked before passed."
        ),
        "Story failed": (
            "It says failed: a tester's run failed. Where single runs were not read, failed may be inferred "
            "from a linked bug alone; such stories are counted separately as well."
        ),
        "Story blocked": "It says blocked. Blocked is not coverage.",
        "In scope, not run": "Its feature was in scope of an executed test, and nobody ran the story.",
        "Never in scope": "No executed test had its feature in scope.",
        "Unknown story": (
            "A test that may have run it was not read, a test of unknown status has its feature in scope, or "
            "its result is missing or of an unknown status."
        ),
        "Story changed since": (
            "Its sentence is not the one that the test of its newest result was given, by the same rule as for features."
        ),
        "Story coverage": (
            "Stories with a passed or failed result, out of all active stories. Where a test that was not read may hold a "
            "newer result, the story counts in the highest figure only."
        ),
    },
    "triage": {
        "Active acceptance": "Manually accepted bugs out of all bugs.",
        "Auto-acceptance": "Auto-accepted bugs out of all accepted bugs.",
        "Overall acceptance": "All accepted bugs out of all bugs.",
        "Rejection": "Rejected bugs out of all bugs.",
        "Review": "Bugs triaged manually (accepted or rejected by a person), out of all bugs.",
        "Interval of a rate": (
            "95 % Wilson score interval with the test as the unit: the bugs of one test resemble each other, so that they "
            "count as fewer bugs than they are, the more so the more their tests differ."
        ),
        "Recent test": (
            "A test that ended less than {matures_after} days before the report date, or is still running, also "
            "past its planned end. Its bugs can still be accepted automatically, and figures with them are provisional."
        ),
    },
    "planning": {
        "Expected bugs": (
            "The valid bugs that a test of the feature would find now. The rate starts from that of all products, and "
            "moves to the product's, its group's and the feature's own by the amount of evidence (hierarchical "
            "gamma-Poisson). Where a group of features (by section, by a word of the title, by the number of stories), time since "
            "the last test, changed texts or failed stories matter, past tests of the other features show it, and they "
            "count by how surely they do; without evidence they count for nearly nothing."
        ),
        "Expected, by severity": (
            "The same bugs by their severity (critical 5, high 3, low and others 1, custom 0), times your own weight where there is one. "
            "Nothing else stands in for what a bug costs."
        ),
        "Parts": (
            "Bugs that add up to the expected bugs exactly: the product's rate, what its section, a word of its title and its "
            "number of stories add, what its own tests add, and what time (half of its effect after {half_age} days, all of it for the never tested), "
            "changed texts and failed stories add. Times the severity and your own weight, that is the figure of the list."
        ),
        "Section of a feature": (
            "A feature of several sections counts for the one with most features; of equally large ones, the first by id."
        ),
        "Interval of expected bugs": (
            "Of what the next test finds in the feature, not of the rate: it holds about 95 % of the outcomes. Bugs "
            "are whole, and so are its ends."
        ),
        "Nothing tells apart": (
            "Features of a product with the same figure in two digits, and as many bugs in as many tests. Their order goes "
            "over sections in turn."
        ),
        "Scheduled features": (
            "They count as if tested a moment ago: without what time, changed texts and failures add. No test is proposed for them."
        ),
    },
    "changes": {
        "Change": (
            "A difference between what was known at two times, told by ids. What lies between the two, and was undone again, "
            "is not seen. All that a new product holds, and the stories of a new feature, are part of that one change; of a "
            "new product that was asked for, every row is listed."
        ),
        "Last report": (
            "What people were told of last, by pages or by a message, before the last sync; else what the sync before knew."
        ),
        "By time, by event": (
            "By time: the earlier state alone would have become this by the later date, such as a feature whose test became "
            "too old. By event: somebody did something. A removed or cancelled test is an event, too."
        ),
        "Newly untested, stale, scheduled, tested": (
            "A feature that was known in both states and is in another one now. A new feature is a feature added."
        ),
        "Ordered, started, ended, cancelled, lapsed": (
            "The last of these that happened to a test. Another status that means the same is no change."
        ),
        "Triaged, reopened": (
            "A bug that was accepted or rejected, or whose outcome is another one; and one that has no outcome any more."
        ),
        "Became readable": (
            "What is known now and may have been there before: its data set was not fully synced then. It counts as no change."
        ),
        "Not known any more": "What was known, and could not be read this time, or is in doubt now. It is not gone.",
        "More than chance": (
            "The 95 % interval of the difference of two rates (Newcombe's, from the intervals of both) leaves out 0. Many "
            "bugs are in both rates, so that it says no rather too often. Counts have no interval: they are all there is."
        ),
    },
    "data": {
        "Report date": (
            "The end of the last sync that stored something, by its number, unless another date is asked for. It is "
            "never the clock of the machine, so the same database gives the same report. A product that was last "
            "read before that date is in doubt from then on. A sync whose clock other syncs contradict has no date: "
            "its number tells when it was."
        ),
        "Past report date": (
            "What was known then: the state after the last sync before it, rebuilt from the history. Before the first sync "
            "whose history is kept, tests that ended later and bugs that were reported later are left out; the catalogue, "
            "the triage outcomes of bugs and the results of stories are those of later, which the data gaps say. Before the "
            "oldest executed test and the first sync nothing is known."
        ),
        "Complete": (
            "Every record that the API holds was read and stored, at the last read of this data set of this "
            "product. A rejected record is as much a gap as a page that could not be read."
        ),
    },
}
"""The meaning of each term, by subject, in the order in which they are printed; braces name a threshold in days."""


def definitions(
    *subjects: str,
    stale_after: float = 180,
    matures_after: float = 10,
    half_age: float = 90,
    lapsed_after: float = 30,
) -> list[tuple[str, str]]:
    """Return each term of the reports with its meaning, the thresholds used filled in.

    Args:
        *subjects: ``coverage``, ``bugs``, ``results``, ``stories``, ``triage``, ``planning``, ``changes``,
            ``data``; all by default.
        stale_after: see `feature_catalog`.
        matures_after: see `triage`.
        half_age: see `next_tests`.
        lapsed_after: see `feature_catalog`.

    Raises:
        UnknownValueError: a threshold is not above 0, or there is no such subject.
    """
    values = {
        "stale_after": stale_after,
        "matures_after": matures_after,
        "half_age": half_age,
        "lapsed_after": lapsed_after,
    }
    shown = {name: f"{checked_days(name, value).total_seconds() / 86_400:g}" for name, value in values.items()}
    for subject in subjects:
        if subject not in DEFINITIONS:
            raise UnknownValueError("The subject", subject, DEFINITIONS)
    return [
        (term, meaning.format_map(shown))
        for subject, terms in DEFINITIONS.items()
        if not subjects or subject in subjects
        for term, meaning in terms.items()
    ]


def band_definitions(bands: Mapping[str, tuple[float, float]] = BANDS) -> list[tuple[str, str]]:
    """Return each triage rate that has bands, with its label, and from where on it is a warning and critical."""
    return [(COLUMNS[rate].label, _band_words(*bounds)) for rate, bounds in bands.items()]


def _band_words(warning: float, critical: float) -> str:
    if warning < critical:
        return f"warning from {warning:.0%}, critical from {critical:.0%}".replace("%", " %")
    return f"warning at {warning:.0%} or below, critical at {critical:.0%} or below".replace("%", " %")
