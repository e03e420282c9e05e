"""What past tests found in each feature, and how each feature stood then: what the expected bugs are learnt from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from testio_analytics.frames.instants import AsOf, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import SEVERITY_WEIGHTS
from testio_analytics.reports.expected_bugs import EFFECTS, Known
from testio_analytics.reports.facts import (
    feature_scope,
    located_bugs,
    memberships,
    once,
    story_outcomes,
    unread_tests,
)
from testio_analytics.reports.features import TEXTS
from testio_analytics.reports.texts import differ

Numbers = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

EXPOSURE_COLUMNS = (
    *("product_id", "test_id", "feature_id", "test_feature_id", "start", "at", "bugs", "weight", "failed"),
    *("days", "changed", "failed_before"),
)
DAY = 86_400_000_000  # times count microseconds
STORY_CLASSES = (1, 3, 6)
"""From how many stories on a feature belongs to the next class."""
_WORD = re.compile(r"[^\W\d_]{2,}")


@once
def exposures(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return what each executed test found in each of its features, one row per pair, by time, test and feature.

    Columns: product_id (the feature's, where it is known), test_id, feature_id, test_feature_id, start, at (start and end of the test; a start that
    is not known is its end), bugs (distinct valid ones), weight (the sum of their severity weights), failed (whether a
    story of the feature failed or was blocked in it), and of the test of the same feature before it: days (since then; empty
    where there was none), changed (whether the texts differ), failed_before. Tests without any date are left out, and
    those whose bugs were not read; as the test before, they count.
    """
    scope = feature_scope(mirror, as_of=as_of)
    scope = scope[(scope["group"] == "executed") & scope["at"].notna()]
    found = scope.merge(_bugs(mirror, as_of), on=["test_id", "feature_id"], how="left", validate="one_to_one")
    owners = mirror.catalogue.set_index("id")["product_id"]
    runs = story_outcomes(mirror)
    failed = runs[runs["status"].isin(["failed", "blocked"]) & ~runs["is_by_bug"].astype(bool)]["test_feature_id"]
    found = found.assign(
        product_id=owners.reindex(pd.Index(found["feature_id"])).array,
        start=found["start_at"].fillna(found["at"]).clip(upper=found["at"]),
        bugs=found["bugs"].fillna(0).astype("Int64"),
        weight=found["weight"].fillna(0).astype("Float64"),
        failed=found["test_feature_id"].isin(failed),
    ).sort_values(["at", "test_id", "feature_id"], ignore_index=True)
    before = found.groupby("feature_id")[["at", "test_feature_id", "failed"]].shift()
    found["days"] = ((found["at"] - before["at"]).dt.total_seconds() / 86_400).astype("Float64")
    found["changed"] = _changed(mirror, found["test_feature_id"], before["test_feature_id"])
    found["failed_before"] = before["failed"].fillna(False).astype(bool)
    found = found[~found["test_id"].isin(unread_tests(mirror, "bugs"))]
    return found[[*EXPOSURE_COLUMNS]].reset_index(drop=True)


def _bugs(mirror: Mirror, as_of: AsOf) -> pd.DataFrame:
    """Return the valid bugs of each test and feature, and the sum of their weights; without a known severity, the mean one."""
    bugs = located_bugs(mirror, as_of=as_of)
    bugs = bugs[bugs["is_valid"].astype(bool)].drop_duplicates(["test_id", "feature_id", "bug_id"])
    weights = bugs["severity"].map(dict(SEVERITY_WEIGHTS)).astype("Float64")
    weights = weights.fillna(weights.mean() if weights.notna().any() else 1.0)
    groups = bugs.assign(weight=weights).groupby(["test_id", "feature_id"])
    return groups.agg(bugs=("bug_id", "size"), weight=("weight", "sum")).reset_index()


def _changed(mirror: Mirror, now: pd.Series[Any], then: pd.Series[Any]) -> pd.Series[bool]:
    """Return whether the texts of two copies differ, row by row; not where there is no earlier one."""
    copies = mirror.test_features.set_index("id")[[*TEXTS]]
    changed = pd.Series(False, index=now.index)
    places = np.flatnonzero(then.notna().to_numpy())
    one, other = (copies.reindex(pd.Index(keys.iloc[places])).reset_index(drop=True) for keys in (now, then))
    for text in TEXTS:
        changed.iloc[places] |= differ(one[text], other[text]).to_numpy()
    return changed


def known_now(features: pd.DataFrame, found: pd.DataFrame, groups: Mapping[str, Places], half_age: float) -> Known:
    """Return what the model needs of a catalogue and its past tests.

    Args:
        features: one row per feature: product_id, feature_id, days (since its last test, empty where there was none),
            changed, failed (since and in that test).
        found: rows of `exposures`; of features that are not in the catalogue they are left out.
        groups: what `groups_of` returns for these features.
        half_age: after how many days age has half of its effect.
    """
    place = pd.Index(features["feature_id"]).get_indexer(pd.Index(found["feature_id"]))
    found, place = found[place >= 0], place[place >= 0]
    columns = [found["days"], found["changed"], found["failed_before"]]
    return Known(
        _dense(features["product_id"].tolist()),
        groups,
        _effects([features["days"], features["changed"], features["failed"]], half_age),
        place.astype(np.int64),
        _dense(found["test_id"].tolist()),
        _effects(columns, half_age),
        found["bugs"].to_numpy(dtype=float),
        found["weight"].to_numpy(dtype=float),
    )


def _effects(columns: Sequence[pd.Series[Any]], half_age: float) -> Numbers:
    """Return age (1 for what was never tested), changed and failed as numbers from 0 to 1."""
    days, *flags = columns
    age = aged(days.to_numpy(dtype=float, na_value=np.inf), half_age)
    others = [flag.astype("boolean").fillna(False).to_numpy(dtype=float) for flag in flags]
    return np.column_stack([age, *others]).reshape(-1, len(EFFECTS))


def aged(days: Numbers, half_age: float) -> Numbers:
    """Return how much of its effect age has: none today, half after `half_age` days, all of it for the never tested."""
    half = checked_days("half_age", half_age).total_seconds() / 86_400
    return np.asarray(1.0 - 0.5 ** (np.maximum(days, 0.0) / half), dtype=float)


def groups_of(mirror: Mirror, features: pd.DataFrame) -> dict[str, Places]:
    """Return what may tell features of a product apart, by name of `expected_bugs.GROUPS`: the place of each one's group.

    A feature of several sections counts for the one with most features, of equally large ones for the first by id. Of the
    words of its title it is the one that most features of the product have, but no more than half of them. Stories count
    in classes: none, 1 or 2, 3 to 5, more.

    Args:
        mirror: what was read.
        features: one row per feature: product_id, feature_id, feature (its title), stories.
    """
    product = features["product_id"].tolist()
    stories = np.searchsorted(STORY_CLASSES, features["stories"].to_numpy(dtype=float, na_value=0), side="right")
    named = {
        "section": _largest_sections(mirror, features["feature_id"].tolist()),
        "words": _words(product, features["feature"].tolist()),
        "stories": stories.tolist(),
    }
    return {name: _dense([*zip(product, keys, strict=True)]) for name, keys in named.items()}


def _largest_sections(mirror: Mirror, features: Sequence[int]) -> list[int]:
    pairs = memberships(mirror)[["feature_id", "section_id"]]
    pairs = pairs[pairs["feature_id"].isin(features)]
    sizes = pairs.groupby("section_id")["feature_id"].transform("size")
    pairs = pairs.assign(size=-sizes).sort_values(["feature_id", "size", "section_id"]).drop_duplicates("feature_id")
    chosen = dict(zip(pairs["feature_id"].tolist(), pairs["section_id"].tolist(), strict=True))
    return [chosen.get(key, 0) for key in features]


def _words(products: Sequence[int], titles: Sequence[str]) -> list[str]:
    words = [[*dict.fromkeys(_WORD.findall(title.casefold()))] for title in titles]
    sizes = Counter(products)
    counts = Counter((product, word) for product, own in zip(products, words, strict=True) for word in own)

    def chosen(product: int, own: Sequence[str]) -> str:
        shared = [word for word in own if 1 < counts[product, word] <= sizes[product] / 2]
        return min(shared, key=lambda word: (-counts[product, word], word), default="")

    return [chosen(product, own) for product, own in zip(products, words, strict=True)]


def _dense(keys: Sequence[Any]) -> Places:
    """Return each key by the place at which it came first, from 0 on."""
    return np.asarray(pd.factorize(pd.Series([*keys], dtype="object"))[0], dtype=np.int64)
