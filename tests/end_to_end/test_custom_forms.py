"""The customer's own forms: what testers answer on them is kept, typed, dated and doubted like everything else."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

import testio_analytics as ta
from serving import command, serving
from small_account import small_account
from syncing import sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.faults import parse_faults
from testio_analytics.errors import UnknownValueError
from testio_analytics.mirror import migrations
from testio_analytics.reports.doubts import doubts

PASSWORD = "Harbour-Gate-77!x"


def _answer(key: Any, value: Any, kind: Any = "text", **more: Any) -> dict[str, Any]:
    return {"key": key, "name": f"Question {key}", "type": kind, "value": value} | more


def _report(*answers: Any, form: Any = 12, title: Any = "Survey") -> dict[str, Any]:
    return {"title": title, "custom_report_configuration_id": form, "content": {"data": [*answers]}}


def _account(*reports: Any) -> Account:
    """Return an account whose first product's tests carry the form 12; their bugs are reported so, one after the other."""
    account = small_account(tests=max(3, len(reports)))
    keys = [{"value": "q1", "label": "Rating"}, {"value": "q2", "label": "Why"}]
    for cycle, report in zip(account.product(1).cycles, reports, strict=False):
        cycle.bugs[0].payload |= {"severity": "custom", "report": report}
        cycle.payload["features"][0]["custom_report_configurations"] = [{"id": 12, "title": "Survey", "keys": keys}]
    return account


def _stored(db: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement).fetchall()


def test_the_command_reads_shows_and_doubts_the_answers(tmp_path: Path) -> None:
    """Over a real port: the answers are stored; from a server that leaves them out they are unknown, which is said."""
    account = _account(_report(_answer("q1", "4", "number")), _report(_answer("q1", "5", "number")))
    for name, faults, code, answers in (("all", [], 0, 1), ("none", ["missing-field=bugs.report.content"], 3, None)):
        with serving(account, parse_faults(faults)) as address:
            assert command("sync", "--db", f"{name}.db", address=address, cwd=tmp_path).returncode == 0
        shown = command("show", "custom_reports", "--db", f"{name}.db", "--format", "csv", cwd=tmp_path)
        (row,) = csv.DictReader(io.StringIO(shown.stdout))
        assert (shown.returncode, row["form"], row["bugs"], row["keys"]) == (code, "Survey", "2", "Rating, Why")
        said = "2 filled-in forms of Product 1 came without their answers"
        assert (said in shown.stderr) == bool(faults)
        assert _stored(tmp_path / f"{name}.db", "select answers from bug_custom_reports") == [(answers,)] * 2


def test_one_frame_per_form(tmp_path: Path) -> None:
    """A column per question under its label, numbers where all are, text elsewhere; several answers stand together."""
    db = tmp_path / "m.db"
    first = _report(
        _answer("q2", "late", position=2), _answer("q1", "4", "number", position=1), _answer("q3", ["a", "b"])
    )
    second = _report(_answer("q1", 5, "number"), _answer("q2", "early"), _answer("q2", "again"), _answer("q3", None))
    third = _report(_answer("q4", "about ten", "number"), _answer("q5", {"a": 1}), {"value": "?"}, form=None)
    sync_account(_account(first, second, third, _report(_answer("q9", "x"), form=27, title="Check")), db)
    frame = ta.custom_report(ta.load_mirror(db), "survey")

    assert frame["bug_id"].tolist() == [10010, 10020, 10030]
    assert [*frame.columns[12:]] == ["Rating", "Why", "Question q4", "Question q5", "(unnamed)", "Question q3"]
    assert frame["Rating"].dtype == "Int64" and frame["Rating"].tolist()[:2] == [4, 5]
    assert frame["Why"].tolist()[:2] == ["late", "early; again"]
    assert (frame["Question q3"][0], frame["Question q4"][2], frame["Question q5"][2]) == (
        "a, b",
        "about ten",
        '{"a":1}',
    )
    assert frame["Question q3"].isna().tolist() == [False, True, True] and frame["answers"].tolist() == [3, 4, 3]
    assert ta.custom_report(ta.load_mirror(db), 12)["bug_id"].tolist() == [10010, 10020]
    assert ta.custom_report(ta.load_mirror(db), "Check")["Question q9"].tolist() == ["x"]
    assert ta.load_custom_report_values(db)["key"].tolist()[:2] == ["q1", "q2"]  # in the order that the API says
    with pytest.raises(UnknownValueError, match=r"27 \(Check\), 12 \(Survey\), 'Survey'"):
        ta.custom_report(ta.load_mirror(db), "nothing")


def test_forms_of_the_same_title_are_told_apart(tmp_path: Path) -> None:
    """A title that two forms share is no name: their ids are."""
    db = tmp_path / "m.db"
    sync_account(_account(_report(_answer("q1", "4")), _report(_answer("q1", "5"), form=13)), db)
    mirror = ta.load_mirror(db)
    with pytest.raises(UnknownValueError, match=r"12 \(Survey\), 13 \(Survey\)"):
        ta.custom_report(mirror, "Survey")
    assert [ta.custom_report(mirror, form)["bug_id"].tolist() for form in (12, 13)] == [[10010], [10020]]


@pytest.mark.parametrize(
    ("report", "reason", "answers"),
    [
        ("n/a", "the report of bug 10010: the row is not an object but text", None),
        ({"title": ["x"], "content": {"data": []}}, "the report of bug 10010: title is not text but a list", 0),
        ({"title": "Survey", "content": "x"}, "the answers of bug 10010 are not a list but text", None),
        ({"title": "Survey", "content": {"data": {}}}, "the answers of bug 10010 are not a list but an object", None),
        (_report("x", _answer("q1", "4")), "answer 1 of bug 10010: the row is not an object but text", 2),
        (_report(_answer(["q"], "4"), _answer("q1", "4")), "answer 1 of bug 10010: key is not text but a list", 2),
    ],
)
def test_a_malformed_part_costs_only_itself(tmp_path: Path, report: Any, reason: str, answers: int | None) -> None:
    """The bug is stored, and so is every sound answer; what is rejected is named, and the bugs are incomplete."""
    db = tmp_path / "m.db"
    result = sync_account(_account(report), db).result
    assert result.outcome == "incomplete" and len(ta.load_bugs(db)) == 6
    (rejected,) = ta.load_rejected_rows(db)["reason"].tolist()
    assert rejected.startswith(reason)
    assert _stored(db, "select answers from bug_custom_reports") == [(answers,)]
    sound = [part for part in report["content"]["data"] if part != "x" and part["key"] == "q1"] if answers else []
    assert len(ta.load_custom_report_values(db)) == len(sound)


def test_no_report_is_no_doubt(tmp_path: Path) -> None:
    """A null report and an empty one are whole; a custom bug without form is counted as such."""
    db = tmp_path / "m.db"
    assert sync_account(_account(None, _report()), db).result.outcome == "complete"
    mirror = ta.load_mirror(db)
    assert ta.custom_reports(mirror)[["form", "bugs", "is_complete"]].to_numpy().tolist() == [
        ["(no form)", 1, True],
        ["Survey", 1, True],
    ]
    assert not doubts(mirror)


def test_credentials_in_answers_are_cut(tmp_path: Path) -> None:
    """What a question for a password was answered, wherever else it is quoted; nothing of it is in the file."""
    db = tmp_path / "m.db"
    answers = [
        _answer("password", PASSWORD),
        _answer("q2", f"I used {PASSWORD}."),
        {"name": "User name", "value": "skipper"},
    ]
    account = _account(_report(*answers), _report(_answer("q2", f"{PASSWORD} again")))
    account.product(2).cycles[0].bugs[0].payload["title"] = f"Cannot sign in with {PASSWORD}"
    sync_account(account, db)
    values = ta.load_custom_report_values(db)["value"].tolist()
    assert values == ["[removed]", "I used [removed].", "[removed]", "[removed] again"]
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert PASSWORD.encode() not in held and b"77" not in _index_words(db) and b"skipper" not in held


def _index_words(db: Path) -> bytes:
    """Return the words that the index of the bugs' titles holds, with all that its blocks remember."""
    return b" ".join(block for (block,) in _stored(db, "select block from bugs_fts_data"))


def test_a_changed_answer_is_history(tmp_path: Path) -> None:
    """The state of before can be rebuilt; an answer that is gone is marked, and the same read again changes nothing."""
    db, account = tmp_path / "m.db", _account(_report(_answer("q1", "4"), _answer("q2", "late")))
    sync_account(account, db)
    account.product(1).cycles[0].bugs[0].payload["report"] = _report(_answer("q1", "5"))
    sync_account(account, db)
    before = _stored(db, "select * from custom_report_values")
    assert ta.load_custom_report_values(db)["value"].tolist() == ["5"]
    assert ta.custom_report(ta.load_mirror(db, as_of=1), 12)["Rating"].tolist() == ["4"]
    told = ta.load_history(db, table="custom_report_values")[["row", "change", "field", "old", "new"]]
    assert [*map(tuple, told.iloc[2:].fillna("").to_numpy())] == [
        ("10010,1", "updated", "value", "4", "5"),
        ("10010,2", "removed", "", "", ""),
    ]
    sync_account(account, db)
    assert _stored(db, "select * from custom_report_values") == before


def test_a_file_of_the_version_before_claims_no_answers(tmp_path: Path) -> None:
    """It held no answers, so they are unknown until the next sync reads them, also of tests that do not change any more."""
    db = tmp_path / "m.db"
    account = _account(_report(_answer("q1", "4", "number")))
    account.product(1).cycles[0].payload["status"] = "archived"
    sync_account(account, db)
    with closing(Database(db)) as file:
        migrations.migrate(file, 6)
        file.execute("update bugs set raw_data = json_remove(raw_data, '$.report.content')")
        file.execute("update sync_runs set schema_version = 6")
        file.conn.commit()
        before = file.execute("select * from bugs").fetchall()
        migrations.migrate(file)
    mirror = ta.load_mirror(db)
    (row,) = ta.custom_reports(mirror).to_dict("records")
    assert (row["form"], row["bugs"], row["keys"], row["is_complete"]) == ("Survey", 1, "Rating, Why", False)
    assert "came without its answers, or was read by a version that did not keep them" in row["gap"]
    assert ta.custom_report(mirror, 12)[["answers", "Rating"]].isna().all(axis=None)
    assert not doubts(mirror, ("tests", "bugs"))  # no figure rests on the answers

    with closing(Database(db)) as file:
        migrations.migrate(file, 6)
        assert file.execute("select * from bugs").fetchall() == before
        migrations.migrate(file)
    sync_account(account, db)
    mirror = ta.load_mirror(db)
    assert ta.custom_report(mirror, 12)["Rating"].tolist() == [4] and not doubts(mirror)
    asked = [path for path in sync_account(account, db).log.queries if "bugs" in path]
    assert asked and not any("1001" in path for path in asked)  # read once


def test_down_and_up_brings_the_answers_back(tmp_path: Path) -> None:
    """They stand in the payload of the bug as well, so that nothing is lost and the next sync finds nothing to change."""
    db, account = tmp_path / "m.db", _account(_report(_answer("q1", "4"), _answer("q2", "late")))
    sync_account(account, db)
    tables = ("custom_reports", "bug_custom_reports", "custom_report_values")
    before = [_stored(db, f"select * from {name}") for name in tables]
    with closing(Database(db)) as file:
        migrations.migrate(file, 6)
        assert not {*tables, "bugs_fts"} & {*file.table_names()}
        migrations.migrate(file)
    assert [_stored(db, f"select * from {name}") for name in tables] == before
    assert all(before)
