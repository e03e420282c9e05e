"""Everything about each product, section, feature, test and bug of an account, as tables that refer to each other.

The figures are those of the reports: each report's columns stand behind its short name, like ``bugs_shrunk`` for
`bugs_per_feature`. Nothing is counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.answers import coverage_summary
from testio_analytics.reports.bugs import bugs_by_product, bugs_per_feature
from testio_analytics.reports.coverage import coverage_by_product, coverage_by_section
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts, row_sentences
from testio_analytics.reports.facts import (
    dated_tests,
    feature_scope,
    labels,
    located_bugs,
    looked_up,
    memberships,
    silent_tests,
    story_results,
    unread_tests,
)
from testio_analytics.reports.features import TEXTS, feature_catalog
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.results import feature_results
from testio_analytics.reports.since import KEYS, SinceLast, since_last
from testio_analytics.reports.stories import story_coverage, story_coverage_by_product
from testio_analytics.reports.texts import differ
from testio_analytics.reports.triage import triage

ACTIVE, REMOVED, ELSEWHERE, UNLISTED = "active", "removed", "of another product", "not in the catalogue"
"""What a row is: in the source at the last complete read; no longer; outside of the products asked for; only referred to."""

MARKED = {f"{what}s": what for what in ("product", "section", "feature", "test", "bug")} | {"stories": "story"}
"""The tables of which rows can be new, and what their rows are."""

NAMES = ("product", "feature", "sections", "section", "test", "is_complete")
"""Columns of reports that say again what the tables themselves say."""


@dataclass(frozen=True, eq=False)
class Explored:
    """All there is to look at, as of one instant.

    Attributes:
        as_of: the report date.
        run_id: number of the last run that stored something; None when there is none.
        sentence: the answer of the coverage report for all of it.
        since: what changed since the last report, as a sentence.
        doubts: what puts figures in doubt, a sentence each.
        tables: products, sections, memberships, features, tests, scope, stories, runs, bugs, devices and answers (on
            the customer's own forms), each with an index of its own. Ids lead from one to the other; an id may lead nowhere.
            The column `since` says in a word what is new of a row since the last report.
    """

    as_of: pd.Timestamp
    run_id: int | None
    sentence: str
    since: str
    doubts: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame]


def explored(mirror: Mirror, *, as_of: AsOf = None, impact: ImpactSource = None) -> Explored:
    """Return everything about each product, section, feature, test and bug.

    Raises:
        UnknownValueError: `as_of` is no date or time, or there is no such run.
        ReportError: the impact weights cannot be read.
    """
    mirror, instant = mirror.at(as_of), mirror.instant(as_of)
    features = _features(mirror, instant, impact)
    tables = {
        "sections": _sections(mirror, instant),
        "memberships": _memberships(mirror),
        "features": features,
        "tests": _tests(mirror, instant),
        "scope": _scope(mirror, instant, features),
        "stories": story_coverage(mirror, as_of=instant).drop(columns=["product", "feature", "test", "is_complete"]),
        "runs": _runs(mirror),
        "bugs": _bugs(mirror, instant),
    }
    tables["devices"] = _devices(mirror, tables["bugs"])
    tables["answers"] = _answers(mirror, tables["bugs"])
    tables = {"products": _products(mirror, instant, tables), **tables}
    last = since_last(mirror, report="overview")
    tables = {name: _marked(table, MARKED[name], last) if name in MARKED else table for name, table in tables.items()}
    summary = coverage_summary(mirror, as_of=instant)
    return Explored(instant, mirror.run_id, summary.sentence, last.sentence, sentences(doubts(mirror)), tables)


def _marked(rows: pd.DataFrame, what: str, last: SinceLast) -> pd.DataFrame:
    return rows.assign(since=last.marks_of(what, rows[[*KEYS[what]]]))


def _with(rows: pd.DataFrame, key: str, **reports: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of reports that have one row per key, each behind the report's short name and "_"."""
    for name, report in reports.items():
        others = [column for column in report.columns if column != key and column not in (*NAMES, "product_id")]
        shown = report[[key, *others]].rename(columns={column: f"{name}_{column}" for column in others})
        rows = rows.merge(shown, on=key, how="left", validate="one_to_one")
    return rows


def _standing(removed_at: pd.Series[pd.Timestamp]) -> pd.Series[str]:
    return removed_at.isna().map({True: ACTIVE, False: REMOVED}).astype("str")


def _also(rows: pd.DataFrame, key: str, keys: list[int], standing: str) -> pd.DataFrame:
    """Add a row for each key that something refers to and that has none."""
    known = {*rows[key].tolist()}
    missing = pd.array(sorted({one for one in keys if one not in known}), dtype="Int64")
    return pd.concat([rows, pd.DataFrame({key: missing, "standing": standing})], ignore_index=True)


# -- products and sections ------------------------------------------------------------------------------------------


def _products(mirror: Mirror, instant: pd.Timestamp, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    found = mirror.products[["id", "type", "description", "is_sectioned", "removed_at"]]
    found = found.rename(columns={"id": "product_id"}).assign(standing=_standing(mirror.products["removed_at"]))
    named = [key for table in tables.values() if "product_id" in table for key in table["product_id"].dropna().tolist()]
    found = _also(found, "product_id", named, ELSEWHERE)
    found.insert(1, "product", mirror.named(found["product_id"]))
    return _with(
        found.assign(doubts=_doubts(mirror, found)),
        "product_id",
        coverage=coverage_by_product(mirror, as_of=instant),
        bugs=bugs_by_product(mirror, as_of=instant),
        triage=triage(mirror, as_of=instant),
        stories=story_coverage_by_product(mirror, as_of=instant),
        rates=bugs_per_feature(mirror, as_of=instant)[["product_id", "prior_mean"]]
        .dropna()
        .drop_duplicates("product_id"),
    ).sort_values(["standing", "product", "product_id"], ignore_index=True)


def _doubts(mirror: Mirror, rows: pd.DataFrame) -> pd.Series[tuple[str, ...]]:  # type: ignore[type-var]
    return pd.Series(row_sentences(rows, doubts(mirror)), index=rows.index, dtype="object")


def _sections(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    names = {"id": "section_id", "name": "section"}
    found = mirror.sections[["id", "product_id", "name", "is_default", "removed_at"]].rename(columns=names)
    found["section"] = labels(found["section"], "Section", found["section_id"])
    found["standing"] = _standing(found["removed_at"])
    # The one section of a product without sections holds all its features.
    whole = found[found["is_default"] & found["product_id"].isin(_plain_products(mirror))][["section_id", "product_id"]]
    of_product = whole.merge(coverage_by_product(mirror, as_of=instant), on="product_id", validate="many_to_one")
    coverage = coverage_by_section(mirror, as_of=instant).dropna(subset=["section_id"])
    coverage = coverage[~coverage["section_id"].isin(whole["section_id"])]
    both = pd.concat([coverage, of_product[[name for name in coverage.columns if name in of_product]]])
    found = _with(found, "section_id", coverage=both)
    return found.sort_values(["product_id", "section", "section_id"], ignore_index=True)


def _plain_products(mirror: Mirror) -> list[int]:
    products = mirror.active("products")
    return products[~products["is_sectioned"].astype(bool)]["id"].tolist()


def _memberships(mirror: Mirror) -> pd.DataFrame:
    """Return which active feature is in which active section; those of a product without sections are in its one."""
    sections, features = mirror.active("sections"), mirror.active("features")
    sections = sections[sections["is_default"] & sections["product_id"].isin(_plain_products(mirror))]
    pairs = features[["id", "product_id"]].merge(sections[["id", "product_id"]], on="product_id", suffixes=("_f", "_s"))
    plain = pairs.rename(columns={"id_f": "feature_id", "id_s": "section_id"})[["feature_id", "section_id"]]
    return pd.concat([memberships(mirror)[["feature_id", "section_id"]], plain]).drop_duplicates(ignore_index=True)


# -- features -------------------------------------------------------------------------------------------------------


def _features(mirror: Mirror, instant: pd.Timestamp, impact: ImpactSource) -> pd.DataFrame:
    columns = ["id", "product_id", "title", "description", "howtofind", "removed_at"]
    found = mirror.features[columns].rename(columns={"id": "feature_id", "title": "feature"})
    found["standing"] = _standing(found["removed_at"])
    referred = [mirror.test_features["feature_id"], mirror.bugs["feature_id"]]
    known = {*mirror.catalogue["id"].tolist()}
    keys = {key for column in referred for key in column.dropna().tolist()}
    found = _also(found, "feature_id", [key for key in keys if key in known], ELSEWHERE)
    found = _also(found, "feature_id", [*keys], UNLISTED)
    owners = looked_up(found["feature_id"], mirror.catalogue.set_index("id")["product_id"])
    found["product_id"] = found["product_id"].fillna(owners)
    copies = mirror.test_features.drop_duplicates("feature_id", keep="last").set_index("feature_id")["title"]
    titles = found["feature"].where(found["standing"].isin([ACTIVE, REMOVED]), looked_up(found["feature_id"], copies))
    found["feature"] = labels(titles, "Feature", found["feature_id"])
    found["doubts"] = _doubts(mirror, found.assign(product_id=found["product_id"].where(found["standing"] == ACTIVE)))
    catalogue = feature_catalog(mirror, as_of=instant)
    found = _with(
        found,
        "feature_id",
        catalogue=catalogue,
        bugs=bugs_per_feature(mirror, as_of=instant),
        results=feature_results(mirror, as_of=instant),
        next=next_tests(mirror, as_of=instant, impact=impact),
        then=_texts_then(mirror, catalogue, instant),
    )
    order = ["catalogue_state", "feature", "feature_id"]
    return found.sort_values(order, na_position="last", ignore_index=True)


def _texts_then(mirror: Mirror, catalogue: pd.DataFrame, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the texts that the newest executed test of each changed feature was given."""
    changed = catalogue[catalogue["changed_since_tested"].fillna(False).astype(bool)]
    scope = feature_scope(mirror, as_of=instant)[["feature_id", "test_id", "test_feature_id"]]
    pairs = changed[["feature_id", "last_test_id"]].rename(columns={"last_test_id": "test_id"})
    pairs = pairs.merge(scope, on=["feature_id", "test_id"], validate="one_to_one")
    copies = mirror.test_features[["id", *TEXTS]].rename(columns={"id": "test_feature_id"})
    return pairs.merge(copies, on="test_feature_id", validate="one_to_one")[["feature_id", *TEXTS]]


# -- tests, and what they had in scope ------------------------------------------------------------------------------


def _tests(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the tests, the newest first; of removed ones no more than what they were."""
    more = ["id", "product_id", "section_id", "title", "removed_at", "review_status", "testing_type"]
    more += ["environment_title", "report_language", "demo"]
    found = mirror.tests[more].rename(columns={"id": "test_id", "title": "test"})
    found["test"] = labels(found["test"], "Test", found["test_id"])
    found["standing"] = _standing(found["removed_at"])
    dated = dated_tests(mirror, as_of=instant).drop(columns=["product_id", "test"])
    found = found.merge(dated, on="test_id", how="left", validate="one_to_one")
    for stream in ("bugs", "results"):
        found[f"{stream}_read"] = ~found["test_id"].isin(unread_tests(mirror, stream))
    found["is_silent"] = found["test_id"].isin(silent_tests(mirror, as_of=instant)["test_id"])
    return found.sort_values(["at", "test_id"], ascending=False, na_position="last", ignore_index=True)


def _scope(mirror: Mirror, instant: pd.Timestamp, features: pd.DataFrame) -> pd.DataFrame:
    """Return which test has which feature in scope, the newest test first; copies that lead to no feature as well.

    `title` is the feature's name in the test where it is another one now; `differs` says whether any text is.
    """
    pairs = feature_scope(mirror, as_of=instant)[["test_id", "feature_id", "test_feature_id", "at"]]
    flags = ["enable_default", "enable_content", "enable_visual"]
    copies = mirror.active("test_features").rename(columns={"id": "test_feature_id"})
    stray = copies[copies["feature_id"].isna()][["test_id", "feature_id", "test_feature_id"]]
    found = pd.concat([pairs.sort_values(["at", "test_id"], ascending=False, na_position="last"), stray])
    found = found.merge(copies[["test_feature_id", *TEXTS, *flags]], on="test_feature_id", validate="one_to_one")
    now = features.set_index("feature_id")[["standing", "feature", *(text for text in TEXTS if text != "title")]]
    now = now.rename(columns={"feature": "title"}).reindex(pd.Index(found["feature_id"])).set_axis(found.index)
    differs = pd.concat([differ(now[text], found[text]) for text in TEXTS], axis=1).any(axis=1)
    is_known = now["standing"].isin([ACTIVE, REMOVED]).to_numpy(dtype=bool)
    found["differs"] = differs.astype("boolean").where(is_known)
    found["title"] = found["title"].where(~is_known | (found["title"] != now["title"]))
    return found[["test_id", "feature_id", "title", "differs", *flags]].reset_index(drop=True)


def _runs(mirror: Mirror) -> pd.DataFrame:
    """Return what came of each story in each test; `title` where the story is not in the catalogue any more."""
    found = story_results(mirror).rename(columns={"user_story_id": "story_id"})
    known = mirror.active("user_stories")["id"]
    found["title"] = found["title"].where(~found["story_id"].isin(known))
    return found[["story_id", "test_id", "feature_id", "title", "status", "api_status", "is_by_bug", "tested_by"]]


# -- bugs -----------------------------------------------------------------------------------------------------------


def _bugs(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the bugs, the newest first; of removed ones no more than what they were."""
    more = ["bug_id", "auto_accepted", "known", "fixed", "language", "exported_at", "external_idx", "removed_at"]
    table = mirror.bugs.rename(columns={"id": "bug_id"})
    found = located_bugs(mirror, as_of=instant).merge(table[more], on="bug_id", how="left", validate="one_to_one")
    gone = table[table["removed_at"].notna()]
    found = pd.concat([found, gone[[*more, "product_id", "test_id", "feature_id", "title"]]], ignore_index=True)
    found["title"] = labels(found["title"], "Bug", found["bug_id"])
    found["standing"] = _standing(found["removed_at"])
    order = ["reported_at", "at", "bug_id"]
    return found.drop(columns=["test_feature_id", "not_said"]).sort_values(order, ascending=False, ignore_index=True)


def _devices(mirror: Mirror, bugs: pd.DataFrame) -> pd.DataFrame:
    parts = ["category", "vendor", "operating_system", "os_version", "device", "browsers"]
    found = mirror.active("bug_devices")[["bug_id", "position", *parts]]
    found = found[found["bug_id"].isin(bugs["bug_id"])].sort_values(["bug_id", "position"], ignore_index=True)
    return found.drop(columns="position")


def _answers(mirror: Mirror, bugs: pd.DataFrame) -> pd.DataFrame:
    """Return what bugs say on the customer's own forms, one row per answer."""
    forms = mirror.active("bug_custom_reports")[["bug_id", "title"]].rename(columns={"title": "form"})
    found = mirror.active("custom_report_values").sort_values(["bug_id", "position"])
    found = found.assign(question=found["name"].fillna(found["key"]))[["bug_id", "question", "value"]]
    found = found.merge(forms, on="bug_id", how="left", validate="many_to_one")
    return found[found["bug_id"].isin(bugs["bug_id"])].reset_index(drop=True)
