"""Doubt is one thing everywhere: rows, totals, answers, exports and exit codes say the same of every kind of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import testio_analytics as ta
from strategies import Account, ago, opened
from testio_analytics.cli import cli
from testio_analytics.display import files
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import coverage_total
from testio_analytics.reports.doubt_words import Doubt, words
from testio_analytics.reports.doubts import doubts, doubts_of
from testio_analytics.reports.registry import REPORTS, STATUSES, options_of

OF_BUGS = ("triage", "triage_total", "bugs_by_product", "bugs_total")
SOUND, DOUBTED = 1, 2
"""Two products with the same content; only the second is ever in doubt."""


def _account(*, states: tuple[str, ...] = ("products", "features", "tests", "bugs", "results")) -> Account:
    """Return two products with a feature, a story, a test, a bug and a result each, everything read but those states."""
    account = Account().product(SOUND, "Harbour").product(DOUBTED, "Lighthouse").synced(SOUND)
    for product in (SOUND, DOUBTED):
        account.feature(product, product).test(product, "archived", ago(20), product_id=product)
        account.covers(product, product, product_id=product)
        account.test(10 + product, "waiting", ago(90), product_id=product)
        account.add("user_stories", id=product, product_id=product, feature_id=product, feature_link="id")
        bug = {"id": product, "product_id": product, "test_id": product, "severity": "low", "status": "accepted"}
        account.add("bugs", **bug, auto_accepted=0, feature_id=product, feature_link="bug")
        result = {"test_feature_id": product, "user_story_id": product, "test_id": product, "product_id": product}
        account.add("test_user_stories", **result, execution_status="passed", tested_by_count=1, bugs_found=0)
        for stream in ("bugs", "results"):
            account.add("test_reads", test_id=product, stream=stream, product_id=product, is_complete=1, run_id=1)
    return account.synced(DOUBTED, streams=states)


def _without_read(stream: str) -> Account:
    account = _account()
    account.rows["test_reads"] = [
        row for row in account.rows["test_reads"] if (row["test_id"], row["stream"]) != (DOUBTED, stream)
    ]
    return account


def _unknown_status() -> Account:
    account = _account().test(7, "paused", ago(5), product_id=DOUBTED)
    for stream in ("bugs", "results"):
        account.add("test_reads", test_id=7, stream=stream, product_id=DOUBTED, is_complete=1, run_id=1)
    return account.covers(7, DOUBTED, product_id=DOUBTED)


def _lacking(table: str, **values: object) -> Account:
    """Return the account with a row of the doubted product that lacks something: another one where an id is given."""
    account = _account()
    row = next(row for row in account.rows[table] if row["product_id"] == DOUBTED)
    if "not_said" in values and table == "bugs":
        values["auto_accepted" if values["not_said"] == "auto_accepted" else "known"] = None
    if "id" not in values:
        row.update(values)
        return account
    account.rows[table].append(row | values)
    for stream in ("bugs", "results"):
        account.add("test_reads", test_id=values["id"], stream=stream, product_id=DOUBTED, is_complete=1, run_id=1)
    return account


def _older() -> Account:
    """Return the same with one more run, which read all but the tests of one product."""
    account = _account().run(finished_at=ago(-1))
    for row in account.rows["stream_states"]:
        row["last_complete_run_id"] = 1 if (row["product_id"], row["stream"]) == (DOUBTED, "tests") else 2
    return account


def _undated() -> Account:
    account = _account().test(8, "archived", "0001-01-01T00:00:00+00:00", product_id=DOUBTED)
    for stream in ("bugs", "results"):
        account.add("test_reads", test_id=8, stream=stream, product_id=DOUBTED, is_complete=1, run_id=1)
    return account.covers(8, DOUBTED, product_id=DOUBTED)


KINDS: dict[str, tuple[str, Callable[[], Account]]] = {
    "gap in the list of products": ("account", lambda: _account().gap(None, "products", "page 2")),
    "gap in the details of a product": ("products", lambda: _account().gap(DOUBTED, "products", "sections")),
    "gap in features": ("features", lambda: _account().gap(DOUBTED, "features", "section 5")),
    "gap in tests": ("tests", lambda: _account().gap(DOUBTED, "tests", "page 5")),
    "gap in bugs": ("bugs", lambda: _account().gap(DOUBTED, "bugs", "bugs of test 2")),
    "gap in results": ("results", lambda: _account().gap(DOUBTED, "results", "results of test 2")),
    "tests never read": ("tests", lambda: _account(states=("products", "features", "bugs", "results"))),
    "features never read": ("features", lambda: _account(states=("products", "tests", "bugs", "results"))),
    "bugs of a test not read": ("bugs", lambda: _without_read("bugs")),
    "results of a test not read": ("results", lambda: _without_read("results")),
    "tests last read before the report date": ("tests", _older),
    "a test without date": ("tests", _undated),
    "unknown status": (STATUSES, _unknown_status),
    "tests that do not say their features": ("tests.features", lambda: _lacking("tests", not_said="features", id=3)),
    "test-case runs": ("tests.test_cases", lambda: _lacking("tests", testing_type=None, id=3)),
    "bugs without status": ("bugs.status", lambda: _lacking("bugs", status=None)),
    "bugs accepted by nobody knows whom": ("bugs.auto_accepted", lambda: _lacking("bugs", not_said="auto_accepted")),
    "bugs without severity": ("bugs.severity", lambda: _lacking("bugs", severity=None)),
    "bugs that may be known": ("bugs.known", lambda: _lacking("bugs", not_said="known")),
    "bugs without feature": ("bugs.test_feature", lambda: _lacking("bugs", feature_id=None)),
}
"""Each kind of doubt: the stream that it is of, and an account that has exactly this one."""

ROWS_OF_THEIR_OWN = {
    "bugs": "a bug that names no feature says nothing of one that names its own",
    "changes": "it has no rows without an earlier state",
    "compare_periods": "a row rests on what its figure does; the days of a period are never in doubt",
    "compare_periods_by_product": "the same",
    "completeness": "its rows are streams",
    "custom_reports": "it has no rows without a form",
    "feature_results": "a row rests on the product's tests, and on the bugs and results of its own",
}


@cache
def _mirror_in(kind: str) -> Mirror:
    return _mirror(KINDS[kind][1]())


def _mirror(account: Account) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection)


def _touches(stream: str, report: str) -> bool:
    """Say by hand whom a doubt touches: what rests on bugs or results rests on the tests as well."""
    return stream in ("account", "products") or stream in REPORTS[report].streams


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_has_one_doubt_and_a_sentence_for_it(kind: str) -> None:
    """The accounts of this module hold what they say, and the sentence names the owner."""
    stream = KINDS[kind][0]
    (doubt,) = doubts(_mirror_in(kind))

    assert doubt.source == ("products" if stream == "account" else stream)
    assert ("the account" if stream == "account" else "Lighthouse") in words(doubt)
    assert words(doubt, "this product").count("this product") == 1


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_totals_and_the_report_agree(kind: str, report: str) -> None:
    """A report in doubt says so of itself and of the rows of that product; the other product stays complete."""
    stream = KINDS[kind][0]
    mirror, touched = _mirror_in(kind), _touches(stream, report)
    assert bool(doubts_of(mirror, report)) == touched
    frame = REPORTS[report].function(mirror)
    if "is_complete" not in frame or report in ROWS_OF_THEIR_OWN:
        return
    assert (frame["is_complete"] == frame["gap"].isna()).all() and len(frame)
    if "product_id" not in frame:  # all products together
        assert (~frame["is_complete"]).all() == (~frame["is_complete"]).any() == touched
        return
    # What is missing of the list of products is missing of no product that is there.
    in_doubt = frame["product_id"] == DOUBTED
    assert frame[~in_doubt]["is_complete"].all()
    assert (~frame[in_doubt]["is_complete"]).all() == (touched and stream != "account")


@pytest.mark.parametrize("kind", KINDS)
def test_status_show_export_and_answers_agree(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code, what is said on standard error, the file beside an export and the sentences are one fact."""
    stream, account = KINDS[kind]
    with opened(account()) as connection:
        connection.execute("VACUUM INTO ?", [str(tmp_path / "one.db")])
        mirror = load_mirror(connection)
    runner, db = CliRunner(), str(tmp_path / "one.db")
    said = words(doubts(mirror)[0])

    assert runner.invoke(cli, ["status", "--db", db]).exit_code == 3
    for report in ("coverage_total", "triage_total", "bugs_by_product", "story_coverage"):
        shown = runner.invoke(cli, ["show", report, "--db", db, "--format", "json"])
        touched = _touches(stream, report)
        assert (shown.exit_code, said in shown.stderr) == ((3, True) if touched else (0, False)), report
    # The files of the reports themselves take long to write and are not asked here.
    monkeypatch.setattr(files, "_frames", lambda *_: iter([(("reports", "coverage_total"), coverage_total(mirror))]))
    assert runner.invoke(cli, ["export", "--db", db, "--output", str(tmp_path / "out")]).exit_code == 3
    assert json.loads((tmp_path / "out" / "about.json").read_text())["in_doubt"] == [f"{said}."]
    answers = {
        "coverage_total": ta.coverage_summary(mirror).doubts,
        "bugs_per_feature": ta.bugs_answer(mirror).doubts,
        "story_coverage": ta.stories_answer(mirror).doubts,
        "triage_total": ta.triage_answer(mirror).doubts,
        "next_tests": ta.plan_answer(mirror).doubts,
    }
    assert {name: bool(found) for name, found in answers.items()} == {name: _touches(stream, name) for name in answers}
    assert ta.overview(mirror).doubts == (said,)


def test_without_any_doubt_everything_is_complete() -> None:
    """The accounts above are in doubt by their one fault alone."""
    mirror = _mirror(_account())

    assert doubts(mirror) == ()
    for report in REPORTS.values():
        frame = report.function(mirror, **options_of(report.function))
        assert "is_complete" not in frame or frame["is_complete"].all(), report.name


@pytest.mark.parametrize("as_of", ["2031-01-01", "2020-01-01"])
def test_every_report_is_in_doubt_where_its_date_is_outside_of_what_is_known(as_of: str) -> None:
    """After the last sync, and before the oldest test: whatever report is asked, its rows and its exit code say so."""
    mirror = _mirror(_account())
    for report in REPORTS.values():
        if not (options := options_of(report.function, as_of=as_of)):
            continue  # it is about what is stored
        frame = report.function(mirror, **options)
        assert doubts_of(mirror.at(as_of), report.name)
        assert "is_complete" not in frame or report.name in ROWS_OF_THEIR_OWN or not frame["is_complete"].any()


def test_an_unknown_status_touches_the_features_that_its_test_has_in_scope() -> None:
    """Other features of the product are not in doubt by it; its totals are."""
    mirror = _mirror(_unknown_status().feature(3, DOUBTED))
    frame = ta.bugs_per_feature(mirror).set_index("feature_id")["is_complete"]

    assert frame.to_dict() == {SOUND: True, DOUBTED: False, 3: True}
    assert not ta.coverage_by_product(mirror).set_index("product_id")["is_complete"][DOUBTED]


def test_a_doubt_knows_since_when_the_stream_is_not_complete() -> None:
    """The last complete read, where there was one."""
    (doubt,) = doubts(_mirror(_account().gap(DOUBTED, "tests", "page 5")))

    assert doubt == Doubt("tests", "incomplete", DOUBTED, "Lighthouse", 1, ("page 5",), since=pd.Timestamp(ago()))


@pytest.mark.parametrize("status", [None, "on_hold"])
@pytest.mark.parametrize(("days", "is_doubted"), [(-5, True), (20, False)])
def test_bugs_of_a_test_of_unknown_status_that_ends_later_may_count_or_not(
    status: str | None, days: int, is_doubted: bool
) -> None:
    """Those of an executed test would count from its end on: no total of bugs is certain, until that day has come."""
    account = Account().product(SOUND).feature(1).test(1, status, ago(days)).covers(1, 1)
    bug = {"id": 1, "product_id": SOUND, "test_id": 1, "severity": "low", "status": "accepted", "auto_accepted": 0}
    account.add("bugs", **bug, feature_id=1, feature_link="bug")
    account.add("test_reads", test_id=1, stream="bugs", product_id=SOUND, is_complete=1, run_id=1, status=status)
    with opened(account.synced(SOUND)) as connection:
        mirror = load_mirror(connection)
        for report in OF_BUGS:
            assert bool(doubts_of(mirror, report)) is is_doubted, report
