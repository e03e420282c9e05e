"""The answer in a sentence: how many features have no executed test, and what cannot be told."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.completeness import (
    NEVER_READ,
    NOT_COMPLETE,
    account_doubt,
    active,
    product_names,
    report_instant,
    stream_doubts,
)
from testio_analytics.reports.coverage import account_gaps, coverage_total
from testio_analytics.reports.executed import NO_STATUS, feature_scope, unknown_statuses
from testio_analytics.reports.features import STATES, features_with_state
from testio_analytics.reports.reasons import doubt_words
from testio_analytics.reports.shares import wilson
from testio_analytics.text import counted, instant_words, interval_words, label, listed, lowered, percent, short


@dataclass(frozen=True)
class CoverageSummary:
    """The figures of the untested-features report, and its sentence.

    Attributes:
        as_of, stale_after, window: what the figures were computed with.
        products: active products.
        active_features: M, the population.
        untested, planned, stale, unknown, tested: features per state; they add up to M.
        never_executed: N, untested and planned together: the least that have no executed test.
        never_executed_highest: N and the unknown ones: the most that may have none.
        never_share, never_low, never_high: N of M with its 95 % Wilson interval; None when M is 0 or all are unknown.
        ever_covered, recent_covered: tested and stale, and tested: the least that are known to be covered.
        sentence: the answer, with what cannot be told and why.
        gaps: a sentence without full stop for everything that could not be read; empty when all is complete.
        doubts: the gaps, and the statuses that no one knows: everything that puts these figures in doubt.
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
    never_low: float | None
    never_high: float | None
    ever_covered: int
    recent_covered: int
    sentence: str
    gaps: tuple[str, ...]
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
        UnknownValueError: `as_of` is no instant, or a number of days is not above 0.
    """
    instant = report_instant(mirror, as_of)
    total = coverage_total(mirror, as_of=instant, stale_after=stale_after, window=window).iloc[0]
    counts = _counts({name: int(total[name]) for name in ("active_features", *STATES)})
    never, population = counts["never_executed"], counts["active_features"]
    is_known = population > counts["unknown"]
    share = (never / population, *wilson(never, population)) if is_known else (None, None, None)
    doubts = tuple(_population_doubts(mirror))
    return CoverageSummary(
        as_of=instant,
        stale_after=stale_after,
        window=window,
        products=len(active(mirror.products)),
        **counts,
        never_share=share[0],
        never_low=share[1],
        never_high=share[2],
        sentence=_sentence(mirror, instant, counts, doubts, stale_after),
        gaps=tuple(account_gaps(mirror)),
        doubts=(*account_gaps(mirror), *unknown_status_tests(mirror)),
        population_doubts=doubts,
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
    mirror: Mirror, instant: pd.Timestamp, counts: dict[str, int], doubts: tuple[str, ...], stale_after: float
) -> str:
    if mirror.products.empty and mirror.stream_states.empty:
        return "Nothing has been read yet: no sync has stored anything in this database."
    sentence = _never_words(counts, instant)
    if counts["unknown"]:
        sentence += f", because {_causes(mirror, instant, stale_after)}"
    sentence += "."
    if doubts:
        sentence += f" The number of active features itself is not certain: {lowered(listed(doubts))}."
    return sentence


def _never_words(counts: dict[str, int], instant: pd.Timestamp) -> str:
    never, population = counts["never_executed"], counts["active_features"]
    when = f"as of {instant_words(instant)}"
    if not population:
        return f"There are no active features {when}"
    if never == 0 and not counts["unknown"]:
        every = "The only active feature has" if population == 1 else f"All {population:,} active features have"
        return f"{every} an executed test {when}"
    if counts["unknown"] == population:
        every = "the only active feature has" if population == 1 else f"any of the {population:,} active features have"
        return f"It cannot be told whether {every} an executed test {when}"
    share = f"{percent(never / population)}, 95 % interval {interval_words(*wilson(never, population))}"
    verb = "has" if never == 1 else "have"
    known = f"{never:,} of {counted(population, 'active feature')} ({share}) {verb} no executed test {when}"
    more = " more" if never else ""
    return known + (f"; {counts['unknown']:,}{more} cannot be told" if counts["unknown"] else "")


def _causes(mirror: Mirror, instant: pd.Timestamp, stale_after: float) -> str:
    """Return why features cannot be judged: the gaps of their products' tests, and the statuses that no one knows."""
    judged = features_with_state(mirror, instant, stale_after, stale_after)
    unknown = judged[judged["state"] == "unknown"]
    doubts, names = stream_doubts(mirror, "tests"), product_names(mirror)
    products = unknown["product_id"].drop_duplicates()
    # The sentence names whose tests are missing; which of them are is said once, by the gaps below it.
    brief = {key: NEVER_READ if text == NEVER_READ else NOT_COMPLETE for key, text in doubts.items()}
    causes = [doubt_words(brief[key], "tests", names[key]) for key in map(int, products) if key in brief]
    scope = feature_scope(mirror, as_of=instant)
    unknown_status = scope[(scope["group"] == "unknown") & scope["feature_id"].isin(unknown["feature_id"])]
    for status, tests in unknown_status.groupby("status")["test_id"]:
        named = "has no status" if status == NO_STATUS else f"has the status “{short(str(status))}”, which is not known"
        many = named.replace("has", "have", 1)
        causes.append(f"{counted(tests.nunique(), 'test')} {named if tests.nunique() == 1 else many}")
    return listed([lowered(cause) for cause in causes])


def unknown_status_tests(mirror: Mirror) -> list[str]:
    """Return a sentence without full stop for the tests of each product whose status no definition knows."""
    rows = unknown_statuses(mirror)
    return [
        f"{counted(int(tests), 'test')} of {short(product)}, {short(examples)}, {'has' if tests == 1 else 'have'} "
        + ("no status" if status == NO_STATUS else f"the status “{short(status)}”, which is not known")
        for tests, product, status, examples in zip(
            rows["tests"], rows["product"], rows["status"], rows["examples"], strict=True
        )
    ]


def _population_doubts(mirror: Mirror) -> list[str]:
    doubt = account_doubt(mirror)
    found = [doubt_words(doubt, "products", "the account")] if doubt and mirror.product_ids is None else []
    names = product_names(mirror)
    products = stream_doubts(mirror, "features").items()
    named = sorted((names.get(key, label(None, "Product", key)), key, text) for key, text in products)
    return found + [doubt_words(text, "features", name) for name, _, text in named]


def _oldest_read(mirror: Mirror) -> pd.Timestamp | None:
    """Return when the features and tests of all products were completely read, at least."""
    states = mirror.stream_states.set_index(["product_id", "stream"])["last_complete_at"]
    pairs = [(int(key), stream) for key in active(mirror.products)["id"] for stream in ("features", "tests")]
    instants = [states.get(pair, pd.NaT) for pair in pairs]
    return None if not instants or any(pd.isna(instant) for instant in instants) else min(instants)
