"""What is said of one feature, product, test or bug is what the reports say of it; a title means one thing or is refused."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from strategies import Account, ago, opened
from testio_analytics.errors import UnclearNameError
from testio_analytics.reports.about import About, Part
from testio_analytics.reports.about_bug import about_bug
from testio_analytics.reports.about_feature import about_feature
from testio_analytics.reports.about_product import about_product
from testio_analytics.reports.about_test import about_test
from testio_analytics.reports.facts import located_bugs


def part(about: About, name: str) -> Part:
    """Return the part of that name."""
    return next(one for one in about.parts if one.name == name)


def equal(part: Part, report: pd.DataFrame, key: str, value: int) -> bool:
    """Return whether all columns that a part of one row shares with a report have its values."""
    row, own = report[report[key] == value].iloc[0], part.rows.iloc[0]
    names = [name for name in own.index if name in row.index]
    return len(names) > 5 and own[names].astype(object).equals(row[names].astype(object))


def test_the_figures_of_features_are_those_of_the_reports(demo_frames: ta.Mirror) -> None:
    """Of every ninth feature: state, rates and risk; the bugs that are listed are as many as are counted, and the tests as well."""
    catalog, rates, plan = (report(demo_frames) for report in (ta.feature_catalog, ta.bugs_per_feature, ta.next_tests))
    executed = {*located_bugs(demo_frames).query("group == 'executed'")["bug_id"]}
    for key in catalog["feature_id"].tolist()[::9]:
        about = about_feature(demo_frames, key)
        figures = part(about, "about_rates")
        assert equal(part(about, "about_feature"), catalog, "feature_id", key)
        assert equal(figures, rates, "feature_id", key)
        assert equal(part(about, "about_risk"), plan, "feature_id", key)
        bugs = part(about, "about_bugs").rows
        valid = bugs[bugs["bug_id"].isin(executed) & (bugs["bucket"] != "rejected")]
        assert len(valid) == figures.rows["bugs"].iloc[0]
        assert bool(about.doubts) == (not plan.set_index("feature_id").loc[key, "is_complete"])
        tests = part(about, "about_tests").rows
        assert (tests["group"] == "executed").sum() == figures.rows["tests"].iloc[0]


def test_the_figures_of_every_product_are_those_of_the_reports(demo_frames: ta.Mirror) -> None:
    """Coverage, stories, bugs, triage and sections."""
    names = ("coverage_by_product", "story_coverage_by_product", "bugs_by_product")
    reports = {name: getattr(ta, name)(demo_frames) for name in names}
    sections = ta.coverage_by_section(demo_frames)
    for key in demo_frames.active("products")["id"].tolist():
        about = about_product(demo_frames, key)
        for name, report in reports.items():
            assert equal(part(about, name), report, "product_id", key)
        assert part(about, "coverage_by_section").rows.equals(
            sections[sections["product_id"] == key].reset_index(drop=True)
        )


def test_the_result_of_the_newest_test_is_that_of_the_report(demo_frames: ta.Mirror) -> None:
    """Where a test is the newest of a feature, its view has the word of `feature_results`."""
    results = ta.feature_results(demo_frames).dropna(subset=["test_id"])
    for key, rows in list(results.groupby("test_id"))[::20]:
        scope = part(about_test(demo_frames, int(str(key))), "about_scope").rows.set_index("feature_id")
        for row in rows.to_dict("records"):
            assert scope.loc[row["feature_id"], "result"] == row["result"]


def small() -> Account:
    """Return an account of two products; two features have one title, one is removed."""
    account = Account({}).product(1, "Harbour").product(2, "Fleet")
    account.feature(11, 1, "Address check").feature(12, 1, "Berth plan").feature(21, 2, "Address check")
    account.feature(13, 1, "Old pier", removed_at=ago(5))
    account.test(101, "locked", ago(10), title="Week 12").covers(101, 11)
    account.test(102, "locked", ago(5), title="Week 13").covers(102, 12)
    return account.synced(1, 2)


@pytest.fixture
def mirror() -> Any:
    """Return the mirror of that account."""
    with opened(small()) as connection:
        yield ta.load_mirror(connection)


def test_a_title_means_one_feature_or_is_refused_with_what_it_may_mean(mirror: ta.Mirror) -> None:
    """By id, by title whatever its case and blanks; two of one title are listed with id and product, a near one is named."""
    assert about_feature(mirror, "11").id == about_feature(mirror, 11).id == 11
    assert about_feature(mirror, " berth  PLAN ").id == 12
    with pytest.raises(
        UnclearNameError, match=r"(?s)more than one feature.*11  Address check \(Harbour\).*21 .*\(Fleet\)"
    ):
        about_feature(mirror, "address check")
    with pytest.raises(UnclearNameError, match=r"(?s)No feature .*'Birth plan'.*12  Berth plan \(Harbour\)"):
        about_feature(mirror, "Birth plan")
    with pytest.raises(UnclearNameError, match="No feature has the title or id 999"):
        about_feature(mirror, 999)


def test_a_removed_feature_is_shown_as_removed(mirror: ta.Mirror) -> None:
    """It has no state and no rank, and the sentence says since when it is gone."""
    about = about_feature(mirror, "Old pier")
    assert "was removed from the catalogue of Harbour on" in about.sentence
    assert "state" not in part(about, "about_feature").rows
    assert "about_risk" not in {one.name for one in about.parts}


@pytest.mark.parametrize("unread", [True, False])
def test_nothing_is_said_to_be_none_where_a_gap_could_hide_it(unread: bool) -> None:
    """A feature without a known bug has none only where the bugs of its tests were read."""
    account = small()
    if not unread:
        account = account.add(
            "test_reads", test_id=101, stream="bugs", run_id=1, read_at=ago(0), is_complete=1, status="locked"
        )
    with opened(account) as connection:
        mirror = ta.load_mirror(connection)
        feature, test = about_feature(mirror, 11), about_test(mirror, 101)
    notes = " ".join(part(feature, "about_bugs").notes)
    assert ("No bug of it is known" in notes and "“Week 12”" in notes) == unread
    assert ("no bug is known" in test.sentence) == unread
    assert any((one.kind, one.stream) == ("unread tests", "bugs") for one in test.doubts) == unread


def test_a_doubt_of_another_test_or_product_does_not_touch(mirror: ta.Mirror) -> None:
    """A gap in the tests of one product says nothing of a feature of another; an unread test nothing of another test."""
    account = small().gap(2, "tests", "page 5")
    with opened(account) as connection:
        mirror = ta.load_mirror(connection)
        assert any("page 5" in gap for gap in about_feature(mirror, 21).gaps)
        assert not any("page 5" in gap for gap in about_feature(mirror, 11).gaps)
        assert not any("page 5" in gap for gap in about_test(mirror, 101).gaps)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=cmd|'/c calc'!A1",
    "red \x1b[31m alert",
    "\u202eright to left\u2028line",
]


def test_hostile_titles_stay_text() -> None:
    """In HTML nothing of a title is markup, and in the terminal nothing of it is an escape."""
    text = " ".join(HOSTILE)
    account = Account({}).product(1, text).feature(11, 1, text, description=text)
    account.test(101, "locked", ago(10), title=text).covers(101, 11, title=text)
    with opened(account.synced(1)) as connection:
        mirror = ta.load_mirror(connection)
        for kind, key in (("feature", 11), ("product", 1), ("test", 101)):
            found = getattr(ta, kind)(mirror, key)
            assert "<script" not in found.html
            assert "<img" not in found.html
            assert "\x1b" not in found.text
            assert "\u202e" not in found.text


def test_a_bug_says_when_it_was_reported_exported_and_fixed(demo_frames: ta.Mirror) -> None:
    """All that is stored of it stands in its view, under the words of the report on triage."""
    bugs = demo_frames.active("bugs")
    row = bugs[bugs["external_idx"].notna() & bugs["fixed"].fillna(False)].iloc[0]
    about = about_bug(demo_frames, int(row["id"]))
    facts = part(about, "about_bug").rows.iloc[0]
    assert (facts["external_idx"], facts["reported_at"], facts["exported_at"]) == (
        row["external_idx"],
        row["reported_at"],
        row["exported_at"],
    )
    assert f"exported as {row['external_idx']}, marked as fixed." in about.sentence
