"""Everything about one feature. Every figure is that of a report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.about import (
    About,
    Part,
    api_words,
    asked_id,
    bug_rows,
    bugs_where,
    history_part,
    in_scope,
    list_part,
    ranking_of,
    table_part,
    unread_note,
    valid_bugs,
)
from testio_analytics.reports.bugs import bugs_per_feature
from testio_analytics.reports.columns import STATE_WORDS
from testio_analytics.reports.doubt_words import Doubt
from testio_analytics.reports.doubts import doubts_about
from testio_analytics.reports.facts import (
    feature_scope,
    labels,
    looked_up,
    story_results,
    stray_bugs,
)
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.results import feature_results
from testio_analytics.reports.stories import story_coverage
from testio_analytics.text import counted, day_words, label, lowered, short

RESTS_ON = ("feature_catalog", "bugs_per_feature", "feature_results", "story_coverage", "next_tests")
"""The reports from which the figures are."""


def about_feature(mirror: Mirror, feature: int | str, *, as_of: AsOf = None, impact: ImpactSource = None) -> About:
    """Return everything about one feature, removed ones included.

    Args:
        mirror: what was read.
        feature: its id or title.
        as_of: the report date; default: that of the last sync.
        impact: weights of features, see `read_impact`.

    Raises:
        UnclearNameError: no feature, or more than one, has that id or title.
        UnknownValueError: `as_of` is no date or time.
    """
    mirror = mirror.at(as_of)
    key = asked_id(mirror, "feature", feature)
    row = mirror.features[mirror.features["id"] == key].iloc[0]
    product, title = int(row["product_id"]), label(row["title"], "Feature", key)
    gaps = doubts_about(mirror, product, key, reports=RESTS_ON)
    catalogued = _of(feature_catalog(mirror), key)
    scope, bugs = _of(feature_scope(mirror), key), bugs_where(mirror, "feature_id", key)
    parts = [_facts(mirror, row, title, catalogued, scope)]
    if len(catalogued):
        parts += [_rates(mirror, key), _risk(mirror, key, impact)]
    parts += [
        _tests(mirror, key, scope, bugs, gaps),
        _bugs(mirror, key, scope, bugs, gaps),
        *_stories(mirror, key, scope, gaps),
        history_part(mirror, "features", key, row["first_seen"]),
    ]
    sentence = _sentence(mirror, row, title, catalogued, gaps)
    return About("feature", key, title, sentence, mirror.instant(), tuple(parts), gaps)


def _of(rows: pd.DataFrame, key: int) -> pd.DataFrame:
    return rows[(rows["feature_id"] == key).fillna(False)]


def _sentence(
    mirror: Mirror, row: pd.Series[Any], title: str, catalogued: pd.DataFrame, gaps: Collection[Doubt]
) -> str:
    name, owner = f"“{short(title)}”", short(mirror.product_names[int(row["product_id"])])
    if catalogued.empty:
        gone = row["removed_at"]
        when = f" on {day_words(gone)}" if pd.notna(gone) else " with its product"
        return f"{name} was removed from the catalogue of {owner}{when}."
    fact = catalogued.iloc[0]
    state = STATE_WORDS.get(fact["state"], fact["state"])
    said = f"{name} of {owner} is {state}: {lowered(fact['reason'])}"
    return f"{said}. {_bug_sentence(_of(bugs_per_feature(mirror), int(row['id'])).iloc[0], gaps)}"


def _bug_sentence(figures: pd.Series[Any], gaps: Collection[Doubt]) -> str:
    if pd.isna(figures["bugs"]):
        return "Whether it has bugs is unknown: they were never read."
    bugs, highest = int(figures["bugs"]), figures["bugs_highest"]
    is_least = pd.isna(highest) or int(highest) != bugs or any(one.stream == "bugs" for one in gaps)
    if not bugs:
        return "No valid bug of it is known so far." if is_least else "It has no valid bug."
    is_open = f", {int(figures['open']):,} of them open" if figures["open"] else ""
    return f"It has {'at least ' if is_least else ''}{counted(bugs, 'valid bug')}{is_open}."


def _facts(mirror: Mirror, row: pd.Series[Any], title: str, catalogued: pd.DataFrame, scope: pd.DataFrame) -> Part:
    key = int(row["id"])
    texts = pd.DataFrame({name: [_text(row[name])] for name in ("description", "howtofind")}, dtype="str")
    texts = texts.assign(feature_id=key)
    if catalogued.empty:
        return list_part("about_feature", "State", _removed(mirror, row, title, scope).merge(texts, on="feature_id"))
    results = _of(feature_results(mirror), key)[["feature_id", "result", "worst_severity"]]
    found = catalogued.merge(texts, on="feature_id").merge(results, on="feature_id")
    if pd.isna(found["last_test_id"].iloc[0]):  # nothing to have changed since
        found = found.drop(columns=["changed_since_tested", "changed_words"])
    return list_part("about_feature", "State", found)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _removed(mirror: Mirror, row: pd.Series[Any], title: str, scope: pd.DataFrame) -> pd.DataFrame:
    """Return what there is to say of a feature that is not in the catalogue any more."""
    executed = scope[scope["group"] == "executed"]
    found = {
        "feature_id": row["id"],
        "feature": title,
        "product_id": row["product_id"],
        "product": mirror.product_names[int(row["product_id"])],
        "executed_tests": executed["test_id"].nunique(),
        "last_tested_at": executed["at"].max(),
        **{name: row[name] for name in ("first_seen", "last_confirmed", "removed_at")},
    }
    return pd.DataFrame({name: [value] for name, value in found.items()})


def _rates(mirror: Mirror, key: int) -> Part:
    return list_part("about_rates", "Bugs for its tests", _of(bugs_per_feature(mirror), key))


def _risk(mirror: Mirror, key: int, impact: ImpactSource) -> Part:
    ranking = ranking_of(mirror, impact)
    note = f"The rank is among {counted(len(ranking), 'active feature')}."
    return list_part("about_risk", "Place in what to test next", _of(ranking, key), notes=[note])


def _tests(mirror: Mirror, key: int, scope: pd.DataFrame, bugs: pd.DataFrame, gaps: Collection[Doubt]) -> Part:
    rows = scope.sort_values(["at", "test_id"], ascending=False, na_position="last")
    copies = mirror.test_features.set_index("id").reindex(pd.Index(rows["test_feature_id"]))
    rows = rows.assign(
        scope=in_scope(copies).set_axis(rows.index),
        bugs=valid_bugs(mirror, rows, bugs),
        api_status=api_words(mirror, rows["test_feature_id"]),
    )
    of_tests = [one for one in gaps if one.source in ("tests", "tests.features", "statuses", "products")]
    return table_part("about_tests", "Tests", rows, "test with it in scope", of_tests)


def _bugs(mirror: Mirror, key: int, scope: pd.DataFrame, bugs: pd.DataFrame, gaps: Collection[Doubt]) -> Part:
    of_bugs = [one for one in gaps if one.stream == "bugs"]
    part = table_part("about_bugs", "Bugs", bug_rows(mirror, bugs), "bug of it", of_bugs)
    stray = _of(stray_bugs(mirror), key)["bug_id"].nunique()
    perhaps = (
        (f"{counted(stray, 'more bug')} may be of it: {'it does' if stray == 1 else 'they do'} not say which feature.",)
        if stray
        else ()
    )
    notes = (*part.notes, *unread_note(mirror, scope["test_id"].tolist(), "bugs"), *perhaps)
    return Part(part.name, part.title, part.rows, notes)


def _stories(mirror: Mirror, key: int, scope: pd.DataFrame, gaps: Collection[Doubt]) -> tuple[Part, Part]:
    of_catalogue = [one for one in gaps if one.stream == "features"]
    stories = table_part(
        "about_stories", "Stories", _of(story_coverage(mirror), key), "active story of it", of_catalogue
    )
    runs = story_results(mirror)
    runs = runs[(runs["feature_id"] == key).fillna(False)].rename(columns={"user_story_id": "story_id"})
    tests = scope.set_index("test_id")
    runs = runs[runs["test_id"].isin(tests.index)]
    runs = runs.assign(
        story=labels(runs["title"], "Story", runs["story_id"]),
        test=looked_up(runs["test_id"], tests["test"]).astype("str"),
        at=looked_up(runs["test_id"], tests["at"]),
    )
    runs = runs.sort_values(["at", "test_id", "story_id"], ascending=[False, False, True], na_position="last")
    results = [one for one in gaps if one.stream in ("results", "tests")]
    part = table_part("about_runs", "Results of its stories over time", runs, "result of a story of it", results)
    notes = (*part.notes, *unread_note(mirror, scope["test_id"].tolist(), "results"))
    return stories, Part(part.name, part.title, part.rows, notes)
