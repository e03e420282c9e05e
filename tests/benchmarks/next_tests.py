"""Does the list of what to test next find more than simple lists do? Asked of generated accounts of known rates.

Run: python tests/benchmarks/next_tests.py [--accounts N] [--tests N] [--features N] [--shape NAME]…

Each account is drawn anew, on the level of what tests found (no server, no database), by rules that have nothing in common
with the demo's generator. Lists cover the whole catalogue. A list's share is that of the bugs which a test of every feature
would find now that lie on its first features; the interval is that of the mean over accounts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from testio_analytics.reports.expected_bugs import Expected, Known, expected_bugs
from testio_analytics.reports.shrinkage import points

Numbers = npt.NDArray[np.floating[Any]]

SHAPES: dict[str, set[str]] = {
    "section": {"section"},
    "flat": set(),
    "words": {"words"},
    "drift": {"drift"},
    "severity": {"section", "severity"},
    "section+drift": {"section", "drift"},
    "section+words+severity": {"section", "words", "severity"},
    "words+drift": {"words", "drift"},
    "changed+failed": {"changed", "failed"},
    "everything": {"section", "words", "drift", "severity", "changed", "failed"},
}
SEVERITIES = np.array([5.0, 3.0, 1.0])
VOCABULARY = 14
HALF_AGE = 90.0
NEXT_CYCLES = 20


@dataclass(eq=False)
class Drawn:
    """An account as it was drawn: what is known of it, and the bugs of the next cycles by feature (plain, by severity)."""

    known: Known
    last: Numbers
    next_bugs: Numbers
    next_weight: Numbers


def drawn(shape: set[str], rng: np.random.Generator, tests: int = 40, features: int = 60, sections: int = 8) -> Drawn:
    """Return one account whose rates follow what `shape` names."""
    section = rng.integers(0, min(sections, max(features // 4, 1)), features)
    words = np.array([rng.choice(VOCABULARY, 3, replace=False) for _ in range(features)])
    stories = rng.poisson(2, features)
    log_rate = rng.normal(0, 1.0, 99)[section] if "section" in shape else np.zeros(features)
    if "words" in shape:
        log_rate = log_rate + (rng.random(VOCABULARY) < 0.3)[words].any(axis=1) * rng.choice([-1.5, 1.5])
    own = 0.6 if shape & {"section", "words"} else 1.0
    rate = 0.5 * np.exp(log_rate + rng.normal(0, own, features))
    rate *= 0.5 / rate.mean()
    severe = rng.beta(0.6, 1.2, 99)[section] if "severity" in shape else np.full(features, 0.3)
    last, changed, failed = np.full(features, -np.inf), np.zeros(features), np.zeros(features)
    rows: list[tuple[Numbers, ...]] = []
    now = 0.0
    pool = rng.permutation(features)[: max(int(features * 0.8), 1)]  # a fifth of the catalogue is never tested
    for test in range(tests):
        now += rng.exponential(400 / tests)
        changed = np.maximum(changed, rng.random(features) < 0.3 / tests * 4)
        home = rng.integers(0, section.max() + 1)
        near = pool[(section[pool] == home) | (rng.random(len(pool)) < 0.15)]
        chosen = rng.permutation(near if len(near) >= 3 else pool)[:6]
        found, weight = _found(shape, rng, rate, severe, now - last, changed, failed, yields=True)
        effects = np.column_stack([_aged(now - last), changed * np.isfinite(last), failed])
        rows.append((chosen, np.full(len(chosen), test), effects[chosen], found[chosen], weight[chosen]))
        last[chosen], changed[chosen] = now, 0
        failed[chosen] = rng.random(len(chosen)) < 0.25
    now += rng.exponential(400 / tests)
    effects = np.column_stack([_aged(now - last), changed * np.isfinite(last), failed])
    known = Known(
        np.zeros(features, dtype=np.int64),
        {"section": _dense(section), "words": word_groups(words), "stories": _dense(np.minimum(stories, 4))},
        effects,
        np.concatenate([row[0] for row in rows]),
        np.concatenate([row[1] for row in rows]).astype(np.int64),
        np.vstack([row[2] for row in rows]),
        np.concatenate([row[3] for row in rows]),
        np.concatenate([row[4] for row in rows]),
    )
    after = [_found(shape, rng, rate, severe, now - last, changed, failed, yields=True) for _ in range(NEXT_CYCLES)]
    return Drawn(known, now - last, np.array([row[0] for row in after]), np.array([row[1] for row in after]))


def _aged(days: Numbers) -> Numbers:
    return np.asarray(1 - 0.5 ** (days / HALF_AGE))


def _found(
    shape: set[str],
    rng: np.random.Generator,
    rate: Numbers,
    severe: Numbers,
    age: Numbers,
    changed: Numbers,
    failed: Numbers,
    yields: bool,
) -> tuple[Numbers, Numbers]:
    """Return what one test of each feature would find, plain and by severity."""
    mean = rate * rng.gamma(4, 1 / 4)
    if "drift" in shape:  # what a test found is mended; bugs come back with time
        mean = mean * (0.15 + 1.7 * np.minimum(age, 240) / 240)
    if "changed" in shape:
        mean = mean * (1 + 1.5 * changed)
    if "failed" in shape:
        mean = mean * (1 + 1.5 * failed)
    bugs = rng.poisson(mean).astype(float)
    critical = rng.binomial(bugs.astype(int), severe)
    low = rng.binomial((bugs - critical).astype(int), 0.7)
    weight = 5.0 * critical + 1.0 * low + 3.0 * (bugs - critical - low)
    return bugs, weight


def _dense(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.unique(values, return_inverse=True)[1].ravel().astype(np.int64)


def word_groups(words: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the group of each feature by the most frequent of its words that less than half of the features have."""
    counts = np.bincount(words.ravel())
    usable = np.where(counts[words] <= len(words) / 2, counts[words], 0)
    return _dense(words[np.arange(len(words)), usable.argmax(axis=1)])


# -- lists ----------------------------------------------------------------------------------------------------------


def simple_lists(account: Drawn) -> dict[str, Numbers]:
    """Return by which figure each simple list orders the features, the highest first."""
    known = account.known
    count = len(known.product)
    bugs: Numbers = np.bincount(known.feature, weights=known.bugs, minlength=count).astype(float)
    tests: Numbers = np.bincount(known.feature, minlength=count).astype(float)
    section = known.groups["section"]
    of_section = np.bincount(section, weights=bugs) / np.maximum(np.bincount(section, weights=tests), 1)
    mean, _, rate = points(bugs, tests)
    return {
        "most bugs first": bugs,
        "oldest first": account.last,
        "section mean": of_section[section],
        "formula of 0.1": _old_formula(account, np.where(tests > 0, rate, np.nan), mean, bugs),
    }


def _old_formula(account: Drawn, rate: Numbers, mean: float, bugs: Numbers) -> Numbers:
    """Return likelihood × impact with fixed weights, as the list was before; what is missing counts as 0.5."""
    known = account.known
    likely = (
        0.7 * np.nan_to_num(rate / (rate + mean), nan=0.5)
        + 0.1 * known.now[:, 0]
        + 0.1 * np.where(np.isinf(account.last), 0.5, known.now[:, 1])
        + 0.1 * np.where(np.isinf(account.last), 0.5, np.maximum(known.now[:, 2], bugs > 0))
    )
    weight = np.bincount(known.feature, weights=known.weight, minlength=len(bugs))
    severity = np.where(bugs > 0, (weight + 5 * weight.sum() / max(bugs.sum(), 1)) / (bugs + 5) / 5, 0.5)
    stories = known.groups["stories"].astype(float)
    return np.asarray(likely * (severity + stories / (stories + max(stories.mean(), 0.1))) / 2)


def share(score: Numbers, found: Numbers, k: int) -> float:
    """Return the share of the bugs that lie on the k features with the highest score; equal ones share evenly."""
    score = np.round(score, 9)
    border = np.sort(score)[::-1][k - 1]
    above, tied = score > border, score == border
    total = found.mean(axis=0)
    return float((total[above].sum() + total[tied].mean() * (k - above.sum())) / max(total.sum(), 1e-9))


def judged(account: Drawn, ours: Expected, tops: tuple[int, ...]) -> dict[tuple[str, int, str], float]:
    """Return the share of each list, by list, number of features, and whether bugs count by severity."""
    lists = {"ours": (ours.bugs, ours.weighted)} | {
        name: (score, score) for name, score in simple_lists(account).items()
    }
    lists["random"] = (np.zeros(len(ours.bugs)),) * 2
    lists["perfect"] = (account.next_bugs.mean(axis=0), account.next_weight.mean(axis=0))
    found = {"plain": account.next_bugs, "weighted": account.next_weight}
    return {
        (name, k, how): share(scores[0 if how == "plain" and name == "perfect" else 1], found[how], k)
        for name, scores in lists.items()
        for k in tops
        for how in found
    }


def held(account: Drawn, ours: Expected) -> float:
    """Return the share of the next counts that lie in their interval."""
    one = account.next_bugs[0]
    return float(((ours.low <= one) & (one <= ours.high)).mean())


def run(
    name: str, accounts: int, tests: int, features: int, model: Callable[[Known], Expected] = expected_bugs
) -> None:
    """Print what each list finds on accounts of one shape."""
    tops = (4, 12) if features >= 24 else (2, 4)
    results: list[dict[tuple[str, int, str], float]] = []
    inside: list[float] = []
    settings: list[dict[str, float]] = []
    began = time.process_time()
    for number in range(accounts):
        account = drawn(
            SHAPES[name], np.random.default_rng([number, tests, features, *map(ord, name)]), tests, features
        )
        ours = model(account.known)
        results.append(judged(account, ours, tops))
        inside.append(held(account, ours))
        settings.append(dict(ours.settings))
    mean_settings = {key: round(float(np.mean([row[key] for row in settings])), 2) for key in settings[0]}
    print(f"\n{name}: {accounts} accounts, {features} features, {tests} tests, {time.process_time() - began:.1f} s")
    print(f"  intervals hold {100 * np.mean(inside):.1f} %; settings {mean_settings}")
    for how in ("plain", "weighted"):
        for k in tops:
            line = []
            best = 0.0
            for kind in dict.fromkeys(key[0] for key in results[0]):
                values = np.array([row[kind, k, how] for row in results]) * 100
                line.append(f"{kind} {values.mean():.1f}")
                if kind in ("most bugs first", "oldest first", "section mean", "random"):
                    best = max(best, float(values.mean()))
            ours_all = np.array([row["ours", k, how] for row in results]) * 100
            most = np.array([row["most bugs first", k, how] for row in results]) * 100
            lead = ours_all - most
            error = 1.96 * lead.std(ddof=1) / np.sqrt(len(lead))
            print(
                f"  top {k:2d} {how:8s} | lead over most bugs {lead.mean():+.1f} ± {error:.1f}, over best simple"
                f" {ours_all.mean() - best:+.1f} | {', '.join(line)}"
            )


def main() -> None:
    """Read the arguments and print the results of each shape asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--tests", type=int, default=40)
    parser.add_argument("--features", type=int, default=60)
    parser.add_argument("--shape", action="append", choices=list(SHAPES))
    asked = parser.parse_args()
    for name in asked.shape or SHAPES:
        run(name, asked.accounts, asked.tests, asked.features)


if __name__ == "__main__":
    main()
