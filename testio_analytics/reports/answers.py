"""The answers in sentences: where the bugs sit, whether the stories passed, how triage goes, what to test next."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import bugs_by_product, bugs_per_feature
from testio_analytics.reports.coverage import account_gaps
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.shares import wilson
from testio_analytics.reports.stories import story_coverage_by_product
from testio_analytics.reports.summary import unknown_status_tests
from testio_analytics.reports.triage import RATES, triage, triage_total
from testio_analytics.text import counted, interval_words, listed, percent


@dataclass(frozen=True)
class Answer:
    """An answer as a sentence, and what puts it in doubt, a sentence each."""

    sentence: str
    doubts: tuple[str, ...]


def bugs_answer(mirror: Mirror, *, as_of: AsOf = None) -> Answer:
    """Return which features have more bugs per test than their product's average, and whether that is a signal."""
    doubts = doubts_of(mirror, "features", "tests", "bugs")
    totals = bugs_by_product(mirror, as_of=as_of)
    if totals["bugs"].isna().all():
        return Answer("How many bugs there are is unknown: they were never read.", doubts)
    found = bugs_per_feature(mirror, as_of=as_of)
    tested = found[found["shrunk"].notna()]
    above = tested[tested["signal"] == "above"]
    bugs, valid = int(totals["total"].sum()), int(totals["bugs"].sum())
    unlinked = int(totals[["to_removed_feature", "not_in_catalogue", "not_attributable"]].sum().sum())
    if len(tested) and tested["signal"].isna().all():
        compared = (
            f"no product has enough tested features to say which of the {len(tested):,} has more bugs than others"
        )
    else:
        compared = (
            f"{counted(len(above), 'feature')} of {len(tested):,} tested {'has' if len(above) == 1 else 'have'} more bugs "
            "per test than chance explains"
        )
    least = "At least " if account_gaps(mirror, ("features", "tests", "bugs")) else ""
    sentence = f"{least}{counted(valid, 'valid bug')} of {bugs:,} reported; {compared}"
    if len(above):
        names = [f"{row['feature']} ({row['shrunk']:.1f})" for row in above.head(3).to_dict("records")]
        sentence += f", most of all {listed(names)}"
    sentence += (
        f"; {counted(unlinked, 'bug')} lead{'s' if unlinked == 1 else ''} to no active feature."
        if unlinked
        else "."
    )
    return Answer(sentence, doubts)


def stories_answer(mirror: Mirror, *, as_of: AsOf = None) -> Answer:
    """Return how many stories have a result, and how many of those passed."""
    doubts = doubts_of(mirror, "features", "tests", "results")
    rows = story_coverage_by_product(mirror, as_of=as_of)
    total = int(rows["stories"].fillna(0).sum())
    if not total:
        return Answer("No active user story is known." if doubts else "There are no active user stories.", doubts)
    sums = {
        name: int(rows[name].fillna(0).sum())
        for name in ("covered", "passed", "failed", "failed_by_bug", "blocked", "unknown")
    }
    if sums["unknown"] == total:
        return Answer(
            f"Whether any of {counted(total, 'story', 'stories')} passed is unknown: no result was read.", doubts
        )
    least = "at least " if sums["unknown"] else ""
    by_bug = f" ({sums['failed_by_bug']:,} of them perhaps by a bug alone)" if sums["failed_by_bug"] else ""
    sentence = (
        f"{least}{sums['covered']:,} of {total:,} active stories ({percent(sums['covered'] / total)}, 95 % interval "
        f"{interval_words(*wilson(sums['covered'], total))}) have a result: {sums['passed']:,} passed, {sums['failed']:,} failed{by_bug}; "
        f"{sums['blocked']:,} more {'is' if sums['blocked'] == 1 else 'are'} blocked"
    )
    sentence += f", and {sums['unknown']:,} cannot be told." if sums["unknown"] else "."
    return Answer(sentence[0].upper() + sentence[1:], doubts)


def triage_answer(mirror: Mirror, *, as_of: AsOf = None, matures_after: float = 10) -> Answer:
    """Return whether the customer keeps up with its bugs: the review rate, and the products outside the bands."""
    # Every bug counts here, whatever the status of its test.
    doubts = tuple(account_gaps(mirror, ("tests", "bugs")))
    total = triage_total(mirror, as_of=as_of, matures_after=matures_after).iloc[0]
    if pd.isna(total["total"]):
        return Answer("How triage goes is unknown: no bugs were ever read.", doubts)
    if not int(total["total"]):
        return Answer("There are no bugs to decide.", doubts)
    reviewed = int(total["active_accepted"]) + int(total["rejected"])
    read = "Of the bugs that were read, people" if doubts else "People"
    sentence = (
        f"{read} decided {reviewed:,} of {int(total['total']):,} bugs ({percent(float(total['review']))}, 95 % interval "
        f"{interval_words(float(total['review_low']), float(total['review_high']))}), the timer {int(total['auto_accepted']):,}; "
        f"{int(total['open']):,} {'is' if int(total['open']) == 1 else 'are'} open"
        + (f", and {int(total['other']):,} in another state" if int(total["other"]) else "")
    )
    rows = triage(mirror, as_of=as_of, matures_after=matures_after)
    bands = [name for name in RATES if f"{name}_band" in rows]
    critical = [
        f"{row['product']} ({listed([name.replace('_', ' ') for name in bands if row[f'{name}_band'] == 'critical'], most=9)})"
        for row in rows.to_dict("records")
        if any(row[f"{name}_band"] == "critical" for name in bands)
    ]
    sentence += f". In a critical band: {listed(critical)}." if critical else ". No product is in a critical band."
    if bool(total["is_provisional"]):
        sentence += f" {counted(int(total['immature']), 'bug')} may still change by timer."
    return Answer(sentence, doubts)


def plan_answer(mirror: Mirror, *, as_of: AsOf = None, impact: ImpactSource = None, k: int = 4) -> Answer:
    """Return what the next test should contain."""
    doubts = doubts_of(mirror, "features", "tests", "bugs", "results")
    ranking = next_tests(mirror, as_of=as_of, impact=impact, k=k)
    first = ranking[ranking["proposed_test"] == 1]
    if first.empty:
        return Answer("There is no feature to propose a test for.", doubts)
    planned = ranking[ranking["planned_test"].notna() & (ranking["rank"] < int(first.iloc[0]["rank"]))]
    top = first.iloc[0]
    sentence = (
        f"Order next, for {top['product']}: {listed([str(name) for name in first['feature']], most=k)}. "
        f"Highest of them is {top['feature']}, rank {int(top['rank'])} of {len(ranking):,}: {top['why']}."
    )
    if len(planned):
        names = listed([str(name) for name in planned["feature"]])
        sentence += f" Before it {'ranks' if len(planned) == 1 else 'rank'} {names}, planned already."
    return Answer(sentence, doubts)


def doubts_of(mirror: Mirror, *streams: str) -> tuple[str, ...]:
    """Return a sentence without full stop for everything that puts figures from these streams in doubt.

    Tests of a status that no definition knows count as neither executed nor planned, so they are among it as well.
    """
    unknown_status = unknown_status_tests(mirror) if "tests" in streams else []
    return (*account_gaps(mirror, streams), *unknown_status)
