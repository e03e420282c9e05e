"""The answers in sentences: what was never tested, where the bugs are, whether the stories passed, what to test next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import bugs_by_product, bugs_per_feature
from testio_analytics.reports.coverage import coverage_total
from testio_analytics.reports.doubt_words import sentences, words
from testio_analytics.reports.doubts import doubts, doubts_of, missing_of, nothing_read
from testio_analytics.reports.facts import NO_STATUS, feature_scope
from testio_analytics.reports.features import STATES, features_with_state
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.shares import share
from testio_analytics.reports.stories import story_coverage_by_product
from testio_analytics.reports.triage import RATES, triage, triage_total
from testio_analytics.text import counted, instant_words, interval_words, listed, lowered, percent, percent_range, short


@dataclass(frozen=True)
class CoverageSummary:
    """The figures of the untested-features report, and its sentence.

    Attributes:
        as_of, stale_after, window: what the figures were computed with.
        products: active products.
        active_features: M, the population.
        untested, planned, stale, unknown, tested: features per state; they add up to M.
        never_executed: N, untested and planned together: the fewest that were never tested.
        never_executed_highest: N and the unknown ones: the most that may never have been tested.
        never_share: N of M; None when M is 0 or all are unknown.
        ever_covered, recent_covered: tested and stale, and tested: the fewest that are known to be covered.
        sentence: the answer, with how many features have unknown status and why.
        doubts: a sentence without full stop for everything that puts these figures in doubt; empty when nothing does.
        population_doubts: those of them that make M itself uncertain.
        oldest_read: the oldest last complete read of any product's features or tests; None where one never was.
        run_id, package_version, schema_version: where the data comes from.
    """

    as_of: pd.Timestamp
    stale_after: float
    window: float
    products: int
    active_features: int
    untested: int
    planned: int
    stale: int
    unknown: int
    tested: int
    never_executed: int
    never_executed_highest: int
    never_share: float | None
    ever_covered: int
    recent_covered: int
    sentence: str
    doubts: tuple[str, ...]
    population_doubts: tuple[str, ...]
    oldest_read: pd.Timestamp | None
    run_id: int | None
    package_version: str | None
    schema_version: int


def coverage_summary(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> CoverageSummary:
    """Return the figures of the account (or of the products that the mirror holds), and the answer in a sentence.

    Raises:
        UnknownValueError: `as_of` is no date or time, or a number of days is not above 0.
    """
    mirror, instant = mirror.at(as_of), mirror.instant(as_of)
    total = coverage_total(mirror, as_of=instant, stale_after=stale_after, window=window).iloc[0]
    # Of a catalogue that was never read, none is known: the sentence and the doubts say so.
    counts = _counts({name: 0 if pd.isna(total[name]) else int(total[name]) for name in ("active_features", *STATES)})
    never, population = counts["never_executed"], counts["active_features"]
    found = doubts_of(mirror, "coverage_total")
    of_population = sentences([one for one in found if one.stream in ("products", "features")])
    return CoverageSummary(
        as_of=instant,
        stale_after=stale_after,
        window=window,
        products=len(mirror.active("products")),
        **counts,
        never_share=share(never, population) if population > counts["unknown"] else None,
        sentence=_sentence(mirror, instant, counts, of_population, stale_after, window),
        doubts=sentences(found),
        population_doubts=of_population,
        oldest_read=_oldest_read(mirror),
        run_id=mirror.run_id,
        package_version=mirror.package_version,
        schema_version=mirror.schema_version,
    )


def _counts(by_state: dict[str, int]) -> dict[str, int]:
    never = by_state["untested"] + by_state["planned"]
    covered = by_state["tested"] + by_state["stale"]
    return by_state | {
        "never_executed": never,
        "never_executed_highest": never + by_state["unknown"],
        "ever_covered": covered,
        "recent_covered": by_state["tested"],
    }


def _sentence(
    mirror: Mirror,
    instant: pd.Timestamp,
    counts: dict[str, int],
    of_population: tuple[str, ...],
    stale_after: float,
    window: float,
) -> str:
    if mirror.products.empty and mirror.stream_states.empty:
        return "Nothing has been read yet: no sync has stored anything in this database."
    sentence = _never_words(counts, instant) if counts["active_features"] or not of_population else _NONE_KNOWN
    if counts["unknown"]:
        states = features_with_state(mirror, as_of=instant, stale_after=stale_after, window=window)
        sentence += f", because {_causes(mirror, instant, states[states['state'] == 'unknown'])}"
    sentence += "."
    if of_population:
        sentence += f" The number of active features itself is not certain: {lowered(listed(of_population))}."
    return sentence


_NONE_KNOWN = "No active feature is known"


def _never_words(counts: dict[str, int], instant: pd.Timestamp) -> str:
    never, population, unknown = counts["never_executed"], counts["active_features"], counts["unknown"]
    when = f"as of {instant_words(instant)}"
    if not population:
        return f"There are no active features {when}"
    if not never and not unknown:
        every = "The only active feature was" if population == 1 else f"All {population:,} active features were"
        return f"{every} tested at least once {when}"
    if unknown == population:
        every = "the only active feature" if population == 1 else f"all {population:,} active features"
        return f"The status of {every} is unknown {when}"
    verb = "was" if never == 1 else "were"
    known = f"{never:,} of {counted(population, 'active feature')} ({percent(never / population)}) {verb} never tested {when}"
    if counts["planned"]:
        known += f": {counts['untested']:,} untested and {counts['planned']:,} scheduled"
    more = f"; {unknown:,}{' more' if never else ''} {_has(unknown)} unknown status"
    return known + (more if unknown else "")


def _has(count: int) -> str:
    return "has" if count == 1 else "have"


def _causes(mirror: Mirror, instant: pd.Timestamp, unknown: pd.DataFrame) -> str:
    """Return why features have unknown status: gaps of their products' tests, and statuses that are not known."""
    owners = {*unknown["product_id"].tolist()}
    missing = dict.fromkeys([*missing_of(mirror, "tests").values(), *doubts(mirror, ("tests.features",))])
    missing = {one: None for one in missing if one.stream == "tests"}
    # The sentence names whose tests are missing; which of them are is said once, by the list of gaps.
    causes = [words(replace(one, places=())) for one in missing if owners & {one.product_id, *one.others}]
    scope = feature_scope(mirror, as_of=instant)
    tests = scope[(scope["group"] == "unknown") & scope["feature_id"].isin(unknown["feature_id"])]
    for status, rows in tests.groupby("status")["test_id"]:
        named = "no status" if status == NO_STATUS else f"the status “{short(str(status))}”, which is not known"
        causes.append(f"{counted(rows.nunique(), 'test')} {_has(rows.nunique())} {named}")
    return listed([lowered(cause) for cause in causes])


def _oldest_read(mirror: Mirror) -> pd.Timestamp | None:
    """Return since when the features and tests of all products are fully synced, at least."""
    states = mirror.stream_states.set_index(["product_id", "stream"])["last_complete_at"]
    pairs = [(int(key), stream) for key in mirror.active("products")["id"] for stream in ("features", "tests")]
    instants = [states.get(pair, pd.NaT) for pair in pairs]
    return None if not instants or any(pd.isna(instant) for instant in instants) else min(instants)


@dataclass(frozen=True)
class Answer:
    """An answer as a sentence, and what puts it in doubt, a sentence each."""

    sentence: str
    doubts: tuple[str, ...]


def bugs_answer(mirror: Mirror, *, as_of: AsOf = None) -> Answer:
    """Return which features have more bugs per test than their product's average, and whether that is more than chance."""
    mirror = mirror.at(as_of)
    doubts = sentences(doubts_of(mirror, "bugs_per_feature"))
    totals = bugs_by_product(mirror, as_of=as_of)
    if totals.empty and not doubts:  # no product at all, and that is known
        return Answer("There are no bugs.", doubts)
    if totals["bugs"].isna().all():
        return Answer("How many bugs there are is unknown: they were never read.", doubts)
    found = bugs_per_feature(mirror, as_of=as_of)
    tested = found[found["shrunk"].notna()]
    above = tested[tested["signal"] == "above"]
    bugs, valid = int(totals["total"].sum()), int(totals["bugs"].sum())
    places = totals[["to_removed_feature", "not_in_catalogue", "not_attributable"]]
    unlinked, not_less = int(places.sum().sum()), "at least " if places.isna().any(axis=None) else ""
    if len(tested) and tested["signal"].isna().all():
        compared = (
            f"no product has enough tested features to say which of the {len(tested):,} has more bugs than others"
        )
    else:
        compared = (
            f"{len(above):,} of {counted(len(tested), 'tested feature')} {_has(len(above))} more bugs per test than "
            "chance explains"
        )
    least = "At least " if doubts_of(mirror, "bugs_by_product") else ""
    sentence = f"{least}{counted(valid, 'valid bug')} of {bugs:,} reported; {compared}"
    if len(above):
        names = [f"{row['feature']} ({row['shrunk']:.1f})" for row in above.head(3).to_dict("records")]
        sentence += f", most of all {listed(names)}"
    sentence += (
        f"; {not_less}{counted(unlinked, 'bug')} {'is' if unlinked == 1 else 'are'} not linked to an active feature."
        if unlinked
        else "."
    )
    return Answer(sentence, doubts)


def stories_answer(mirror: Mirror, *, as_of: AsOf = None) -> Answer:
    """Return how many stories have a result, and how many of those passed."""
    mirror = mirror.at(as_of)
    doubts = sentences(doubts_of(mirror, "story_coverage"))
    rows = story_coverage_by_product(mirror, as_of=as_of)
    total = int(rows["stories"].fillna(0).sum())
    if not total:
        return Answer("No active user story is known." if doubts else "There are no active user stories.", doubts)
    sums = {
        name: int(rows[name].fillna(0).sum())
        for name in ("covered", "covered_highest", "passed", "failed", "failed_by_bug", "blocked", "unknown")
    }
    least, most = sums["covered"], sums["covered_highest"]
    if sums["unknown"] == total:
        return Answer(
            f"Whether any of {counted(total, 'story', 'stories')} passed is unknown: no result was read.", doubts
        )
    so_far = "" if least == most else "as far as read, "
    by_bug = f" ({sums['failed_by_bug']:,} inferred from a linked bug)" if sums["failed_by_bug"] else ""
    sentence = (
        f"{_share_words(least, most, total)} have a result: {so_far}{sums['passed']:,} passed, {sums['failed']:,} failed{by_bug}; "
        f"{sums['blocked']:,} more {'is' if sums['blocked'] == 1 else 'are'} blocked"
    )
    sentence += f", and {sums['unknown']:,} {_has(sums['unknown'])} unknown status." if sums["unknown"] else "."
    return Answer(sentence[0].upper() + sentence[1:], doubts)


def _rate_words(least: float | None, most: float | None) -> str:
    """Return a rate that lies between two ends, in words."""
    if least is None or most is None or pd.isna(least) or pd.isna(most):
        return "rate unknown"
    return percent_range(float(least), float(most))


def _share_words(least: int, most: int, total: int) -> str:
    """Return "k of n active stories" with the share; a range where that is all that is known."""
    if least == most:
        return f"{least:,} of {total:,} active stories ({percent(least / total)})"
    return f"{least:,} to {most:,} of {total:,} active stories ({percent_range(least / total, most / total)})"


def triage_answer(mirror: Mirror, *, as_of: AsOf = None, matures_after: float = 10) -> Answer:
    """Return whether bugs are triaged in time: the review rate, and the products outside the bands."""
    mirror = mirror.at(as_of)
    found = doubts_of(mirror, "triage_total")
    doubts, is_unread = sentences(found), any(one.kind != "missing field" for one in found)
    total = triage_total(mirror, as_of=as_of, matures_after=matures_after).iloc[0]
    if pd.isna(total["total"]):
        return Answer("The triage outcomes are unknown: bugs were never read.", doubts)
    if not int(total["total"]):
        return Answer("There are no bugs to triage.", doubts)
    reviewed = int(total["active_accepted"]) + int(total["rejected"])
    interval = (
        ""
        if pd.isna(total["review"])
        else f", 95 % interval {interval_words(total['review_low'], total['review_high'])}"
    )
    share = f"{_rate_words(total['review'], total['review_highest'])}{interval}"
    unclear = int(total["accepted_unclear"])
    sentence = (
        f"{'Of the bugs that were read, ' if is_unread else ''}{reviewed:,} of {counted(int(total['total']), 'bug')} ({share}) "
        f"{'was' if reviewed == 1 else 'were'} triaged manually and {int(total['auto_accepted']):,} auto-accepted; "
        + (f"{unclear:,} more {'was' if unclear == 1 else 'were'} accepted, not said by whom; " if unclear else "")
        + f"{int(total['open']):,} {'is' if int(total['open']) == 1 else 'are'} open"
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
        sentence += f" {counted(int(total['immature']), 'bug')} of recent tests may still change."
    return Answer(sentence, doubts)


def plan_answer(mirror: Mirror, *, as_of: AsOf = None, impact: ImpactSource = None, k: int = 4) -> Answer:
    """Return what the next test should contain."""
    mirror = mirror.at(as_of)
    doubts = sentences(doubts_of(mirror, "next_tests"))
    ranking = next_tests(mirror, as_of=as_of, impact=impact, k=k)
    first = ranking[ranking["proposed_test"] == 1]
    if first.empty:
        known = "No active feature is known to" if nothing_read(mirror, "features") else "There is no feature to"
        return Answer(f"{known} propose a test for.", doubts)
    planned = ranking[ranking["planned_test"].notna() & (ranking["rank"] < int(first.iloc[0]["rank"]))]
    top = first.iloc[0]
    sentence = f"Order next, for {top['product']}: {listed([str(name) for name in first['feature']], most=k)}."
    if pd.notna(top["expected_bugs"]):
        sentence += (
            f" Such a test would find about {float(first['expected_bugs'].sum()):.1f} bugs; most of all {top['feature']}, "
            f"rank {int(top['rank'])} of {len(ranking):,}: {top['why']}."
        )
    if pd.notna(top["tie"]):
        sentence += f" {top['tie']}."
    if len(planned):
        names = listed([str(name) for name in planned["feature"]])
        sentence += (
            f" {names} {'ranks higher and is' if len(planned) == 1 else 'rank higher and are'} already scheduled."
        )
    return Answer(sentence, doubts)
