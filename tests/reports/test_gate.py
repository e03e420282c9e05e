"""Rules: how they are read, and how a figure, a range, a doubt and an earlier state decide on them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import testio_analytics as ta
from small_account import feature_payload, small_account
from syncing import NOW, sync_account
from testio_analytics.demo.account.model import Account, Feature
from testio_analytics.demo.server.faults import Faults, parse_faults
from testio_analytics.errors import UnknownValueError
from testio_analytics.reports.gate import OPERATORS, Rule, _of_value, judged, read_rule
from testio_analytics.reports.registry import REPORTS
from testio_analytics.reports.totals import TOTALS, countable, figure_columns, figure_of, members

PYTHONS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
NAMES = sorted({name for report in TOTALS for name in figure_columns(report)})


def synced(path: Path, *accounts: Account, faults: Sequence[Faults | None] = ()) -> ta.Mirror:
    """Return the mirror of accounts that were synced one after the other, a day apart."""
    path.unlink(missing_ok=True)
    for day, account in enumerate(accounts):
        fault = faults[day] if day < len(faults) else None
        sync_account(account, path, faults=fault, now=NOW + timedelta(days=day))
    return ta.load_mirror(path)


def verdict(mirror: ta.Mirror, rule: str, before: ta.Mirror | None = None, *, on_interval: bool = False) -> bool | None:
    """Return what became of one rule."""
    (found,) = ta.gate(mirror, [rule], before=before, on_interval=on_interval).verdicts
    assert found.rule == rule
    return found.holds


# -- reading --------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([(report, name) for report in TOTALS for name in sorted(figure_columns(report))]),
    st.sampled_from(sorted(OPERATORS)),
    st.integers(0, 100),
    st.booleans(),
    st.sampled_from(["", " ", "  "]),
)
def test_a_rule_means_what_it_says(figure: tuple[str, str], sign: str, limit: int, is_new: bool, gap: str) -> None:
    """Any figure, operator and limit, in any spacing; a share in per cent is the share itself."""
    report, name = figure
    is_share = figure_columns(report)[name].kind == "share"
    is_new = is_new and name in countable(report)
    text = f"{'new ' if is_new else ''}{report}.{name}{gap}{sign}{gap}{limit}{f'{gap}%' if is_share else ''}"
    rule = read_rule(text)

    assert (rule.report, rule.name, rule.sign, rule.subject) == (report, name, sign, "new" if is_new else "value")
    assert rule.limit == pytest.approx(limit / 100 if is_share else limit)


@given(st.text("untesdow grla_.<>=!% 0123456789-é\x1b\n", max_size=30))
def test_any_text_is_a_rule_or_is_refused_in_words(text: str) -> None:
    """Nothing else is raised, and what is refused says what would be accepted."""
    try:
        assert read_rule(text).name in NAMES
    except UnknownValueError as error:
        assert "must be one of" in str(error)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("recent_share", "a rule like"),
        ("recent_share => 0.5", "a rule like"),
        ("untested < = 3", "a rule like"),
        ("untested does grow", "a rule like"),
        ("coverage >= 0.5", "recent_share"),
        ("coverage_total.rejection < 1", "recent_share"),
        ("share >= 50 %", "story_coverage_total.share, evidence_total.share"),
        ("recent_share >= 60", "from 0 to 1"),
        ("recent_share >= 101 %", "from 0 to 1"),
        ("untested <= -1", "from 0 on"),
        ("untested <= 20 %", "no share"),
        ("new recent_share == 0", "critical_bugs"),
        ("verdict == 1", "rejection"),
        ("recent_covered_highest >= 1", "recent_covered"),
    ],
)
def test_a_rule_that_cannot_be_meant_says_what_can(rule: str, said: str) -> None:
    """A wrong name lists the right ones; a limit that the figure can never have is refused."""
    with pytest.raises(UnknownValueError, match="must be one of") as caught:
        read_rule(rule)
    assert said in str(caught.value)


def test_without_rules_nothing_is_passed(tmp_path: Path) -> None:
    """An empty list is a mistake, and so is a text that stands for its letters."""
    mirror = synced(tmp_path / "one.db", small_account(tests=1, features=1))
    nothing: list[str] = []
    for rules in (nothing, "untested == 0"):
        with pytest.raises(UnknownValueError, match="a list of rules"):
            ta.gate(mirror, rules)


# -- judging --------------------------------------------------------------------------------------------------------


@given(st.sampled_from(sorted(OPERATORS)), st.integers(0, 24), st.integers(0, 12), st.integers(0, 5))
def test_whole_numbers_are_judged_as_by_trying_each(sign: str, halves: int, low: int, width: int) -> None:
    """All numbers of the range on one side decide; otherwise nothing does."""
    answers = {PYTHONS[sign](number, halves / 2) for number in range(low, low + width + 1)}
    expected = answers.pop() if len(answers) == 1 else None

    assert judged(sign, halves / 2, (low, low + width), is_whole=True) == expected


@given(st.sampled_from(sorted(OPERATORS)), st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_shares_are_judged_by_their_ends(sign: str, limit: int, low: int, width: int) -> None:
    """The same for numbers with others between them: every tenth of a step is tried, and the limit itself."""
    ends = (low / 20, (low + width) / 20)
    tried = {low / 20 + step * width / 200 for step in range(11)} | (
        {limit / 20} if low <= limit <= low + width else set()
    )
    answers = {PYTHONS[sign](round(number, 9), round(limit / 20, 9)) for number in tried}
    expected = answers.pop() if len(answers) == 1 else None

    assert judged(sign, limit / 20, ends, is_whole=False) == expected


def test_the_order_of_sums_decides_nothing() -> None:
    """0.1 + 0.2 is 0.3."""
    assert judged("<=", 0.3, (0.1 + 0.2, 0.1 + 0.2), is_whole=False) is True


def test_a_complete_figure_is_judged_by_its_value(tmp_path: Path) -> None:
    """Six of eight features are tested, and each of six bugs was accepted by a person."""
    mirror = synced(tmp_path / "one.db", small_account())

    assert verdict(mirror, "recent_share >= 75 %") is True
    assert verdict(mirror, "recent_share > 0.75") is False
    assert verdict(mirror, "untested <= 2") is True
    assert verdict(mirror, "untested == 1") is False
    assert verdict(mirror, "bugs_total.bugs == 6") is True
    assert verdict(mirror, "passed_share >= 0.5") is None, "no story has a result"


def test_the_whole_interval_is_asked_for_on_request(tmp_path: Path) -> None:
    """No bug of six was rejected, but six bugs cannot show that few are; a count of all has no interval."""
    mirror = synced(tmp_path / "one.db", small_account())

    assert verdict(mirror, "rejection <= 20 %") is True
    assert verdict(mirror, "rejection <= 20 %", on_interval=True) is False
    assert verdict(mirror, "rejection <= 80 %", on_interval=True) is True
    assert verdict(mirror, "untested <= 2", on_interval=True) is True


def test_a_gap_is_judged_by_the_range_that_it_leaves(tmp_path: Path) -> None:
    """The tests of product 2 cannot be listed: three features of product 1 are tested, and four more may be."""
    gap = Faults(poisoned_tests=frozenset({2001}), poisoned_detail=True)
    mirror = synced(tmp_path / "gap.db", small_account(), faults=[gap])
    figure = figure_of(mirror, "coverage_total", "recent_covered")
    assert (figure.value, figure.highest, figure.doubts) == (5, 7, ())

    assert verdict(mirror, "recent_covered >= 5") is True
    assert verdict(mirror, "recent_covered >= 8") is False
    assert verdict(mirror, "recent_covered >= 6") is None
    assert verdict(mirror, "recent_share >= 50 %") is True
    assert verdict(mirror, "stale == 0") is None, "a figure without range"
    assert verdict(mirror, "critical_bugs == 0") is None, "the bugs of the hidden test"
    assert verdict(mirror, "bugs >= 1") is None, "no upper end"


def test_what_is_missing_of_the_catalogue_is_in_no_range(tmp_path: Path) -> None:
    """A section that cannot be read may hold any number of features: its share is unknown, however wide the limit."""
    mirror = synced(tmp_path / "gap.db", small_account(), faults=[Faults(failing_sections=frozenset({202}))])

    assert verdict(mirror, "recent_share >= 1 %") is None
    assert verdict(mirror, "untested <= 1000") is None


# -- changes --------------------------------------------------------------------------------------------------------


def grown() -> Account:
    """Return the small account with one more feature, one more critical bug, and one that is no longer valid."""
    account = small_account()
    account.products[0].features.append(Feature(feature_payload(105), [10]))
    account.products[0].cycles[0].bugs[0].payload["severity"] = "critical"
    return account


def test_changes_are_counted_from_the_earlier_state(tmp_path: Path) -> None:
    """One feature more is untested, and one bug became critical."""
    mirror = synced(tmp_path / "two.db", small_account(), grown())
    before = mirror.at(1)

    assert verdict(mirror, "untested does not grow", before) is False
    assert verdict(mirror, "untested does not fall", before) is True
    assert verdict(mirror, "recent_share does not fall", before) is False
    assert verdict(mirror, "tested does not grow", before) is True
    assert verdict(mirror, "new untested == 1", before) is True
    assert verdict(mirror, "new critical_bugs == 0", before) is False
    assert verdict(mirror, "new critical_bugs == 0") is None, "without an earlier state"


def test_one_that_came_and_one_that_went_is_one_new(tmp_path: Path) -> None:
    """The number of critical bugs is the same, and one of them is new all the same."""
    first, second = grown(), grown()
    second.products[0].cycles[0].bugs[0].payload["status"] = "rejected"
    second.products[1].cycles[0].bugs[0].payload["severity"] = "critical"
    mirror = synced(tmp_path / "two.db", first, second)

    assert verdict(mirror, "critical_bugs does not grow", mirror.at(1)) is True
    assert verdict(mirror, "new critical_bugs == 0", mirror.at(1)) is False


def test_what_became_readable_is_not_new(tmp_path: Path) -> None:
    """Under a gap before, a bug that appears may have been there; under a gap now, more may have come."""
    gap = Faults(poisoned_tests=frozenset({1001}), poisoned_detail=True)
    readable = synced(tmp_path / "before.db", grown(), grown(), faults=[gap])
    assert len(
        members(readable, "bugs_total", "critical_bugs") - members(readable.at(1), "bugs_total", "critical_bugs")
    )
    assert verdict(readable, "new critical_bugs == 0", readable.at(1)) is None
    assert verdict(readable, "new critical_bugs <= 1", readable.at(1)) is True

    other = Faults(poisoned_tests=frozenset({2003}), poisoned_detail=True)
    hidden = synced(tmp_path / "now.db", small_account(), grown(), faults=[None, other])
    assert verdict(hidden, "new critical_bugs == 0", hidden.at(1)) is False
    assert verdict(hidden, "new critical_bugs <= 1", hidden.at(1)) is None


def test_a_state_is_not_held_against_itself(tmp_path: Path) -> None:
    """Against itself nothing ever changes, so every rule on a change would hold."""
    mirror = synced(tmp_path / "one.db", small_account(tests=1, features=1))
    with pytest.raises(UnknownValueError, match="a run or date before"):
        ta.gate(mirror, ["untested does not grow"], before=mirror)


# -- totals ---------------------------------------------------------------------------------------------------------


def test_a_total_is_one_row_whose_counts_are_those_of_its_rows(tmp_path: Path, demo_db_path: Path) -> None:
    """Each report of one row is a total, and a count whose rows are known is their number, also on the demo account."""
    for mirror in (synced(tmp_path / "two.db", small_account(), grown()), ta.load_mirror(demo_db_path)):
        assert {name for name in REPORTS if name.endswith("_total")} == {*TOTALS}
        for report in TOTALS:
            assert len(REPORTS[report].function(mirror)) == 1
            for name in countable(report):
                assert len(members(mirror, report, name)) == figure_of(mirror, report, name).value, (report, name)


@pytest.mark.parametrize(
    ("total", "rows"),
    [
        ("story_coverage_total", "story_coverage_by_product"),
        ("evidence_total", "evidence_by_product"),
        ("coverage_total", "coverage_by_product"),
    ],
)
def test_shares_of_totals_are_made_of_sums(demo_db_path: Path, total: str, rows: str) -> None:
    """Counts add up, and a share is one sum out of another: never the mean of the shares of the products."""
    mirror = ta.load_mirror(demo_db_path)
    row, parts = REPORTS[total].function(mirror).iloc[0], REPORTS[rows].function(mirror)
    for column in (column.name for column in REPORTS[total].columns if column.kind == "count"):
        assert row[column] == parts[column].sum(), column
    part, whole, share = {
        "story_coverage_total": ("covered", "stories", "share"),
        "evidence_total": ("exercised", "active_features", "share"),
        "coverage_total": ("recent_covered", "active_features", "recent_share"),
    }[total]
    assert row[share] == pytest.approx(row[part] / row[whole])


FAULTS: dict[str, tuple[str, ...]] = {
    "a test that cannot be read": ("poisoned-test=2001", "poisoned-detail"),
    "the tests of a product": ("refuse=403:/products/2/exploratory_tests",),
    "the features of a product": ("refuse=403:/products/1/features",),
    "a section": ("failing-section=202",),
    "bugs without status": ("missing-field=bugs.status", "missing-every=20"),
    "bugs without severity": ("missing-field=bugs.severity", "missing-every=3"),
    "bugs that do not say who accepted them": ("missing-field=bugs.auto_accepted", "missing-every=20"),
    "bugs without test feature": ("missing-field=bugs.test_feature", "missing-every=20"),
    "bugs without known": ("missing-field=bugs.known",),
    "tests without status": ("missing-field=tests.status", "missing-every=2"),
    "tests without features": ("missing-field=tests.features", "missing-every=2"),
    "tests without end": ("missing-field=tests.end_at", "missing-every=2"),
    "refused bugs": ("refuse=403:/bugs",),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ta.Mirror:
    """Return the mirror without any gap."""
    return synced(tmp_path_factory.mktemp("whole") / "whole.db", grown())


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_no_gap_turns_an_answer_round(tmp_path: Path, whole: ta.Mirror, faults: tuple[str, ...]) -> None:
    """For every figure and limits around its true value: under a gap a rule says what it says without, or nothing."""
    gap = synced(tmp_path / "gap.db", grown(), faults=[parse_faults(faults)])
    wrong = []
    for report in TOTALS:
        for name, column in figure_columns(report).items():
            truth, known = (figure_of(mirror, report, name) for mirror in (whole, gap))
            if truth.value is None:
                continue
            step = 1 if column.kind == "count" else 0.05
            for limit in (truth.value - step, truth.value, truth.value + step):
                for sign in OPERATORS:
                    rule = Rule("", report, name, "value", sign, limit)
                    answers = [_of_value(figure, rule, on_interval=False).holds for figure in (truth, known)]
                    wrong += [] if answers[1] in (None, answers[0]) else [(report, name, sign, limit)]
    assert wrong == []
