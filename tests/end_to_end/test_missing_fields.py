"""Fields that the API leaves out: no rate, no 0, no "ok" and no "untested" is made of them, and the doubt counts them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from serving import command, serving
from small_account import locked_test, small_account
from syncing import sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.faults import Faults, parse_faults
from testio_analytics.reports.doubts import doubts


def _mirror(account: Account, db: Path, *faults: str, **options: Any) -> ta.Mirror:
    sync_account(account, db, faults=parse_faults(faults))
    return ta.load_mirror(db, **options)


def _row(frame: pd.DataFrame, **values: Any) -> dict[str, Any]:
    for name, value in values.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return {str(name): value for name, value in frame.iloc[0].items()}


def _said(mirror: ta.Mirror) -> dict[tuple[str, int | None], int]:
    return {(one.source, one.product_id): one.count for one in doubts(mirror)}


def test_the_command_says_what_a_server_leaves_out(tmp_path: Path) -> None:
    """Over a real port: everything is read, and `show` and `status` end with 3 and count what was not said."""
    with serving(small_account(), Faults(missing_fields=frozenset({"bugs.auto_accepted"}))) as address:
        synced = command("sync", "--db", "m.db", address=address, cwd=tmp_path)
    shown = command("show", "triage", "--db", "m.db", "--format", "csv", cwd=tmp_path)
    status = command("status", "--db", "m.db", "--json", cwd=tmp_path)

    assert (synced.returncode, shown.returncode, status.returncode) == (0, 3, 3)
    assert "3 accepted bugs of Product 1 do not say whether a person or the timer accepted them" in shown.stderr
    assert any("3 accepted bugs of Product 2" in said for said in json.loads(status.stdout)["messages"])
    for row in csv.DictReader(io.StringIO(shown.stdout)):
        assert (row["total"], row["accepted_unclear"], row["auto_accepted"]) == ("3", "3", "0")
        assert row["auto_acceptance"] == row["active_acceptance"] == ""
        assert (row["auto_acceptance_band"], row["rejection_band"]) == ("unknown", "ok")


def test_accepted_by_nobody_knows_whom_for_some(tmp_path: Path) -> None:
    """Both rates are ranges, and a band is named where the whole range lies in it; null among others is by a person."""
    account = small_account(tests=4)
    accepted = [cycle.bugs[0].payload for cycle in account.product(1).cycles]
    accepted[0]["auto_accepted"], accepted[1]["auto_accepted"] = True, None
    del accepted[2]["auto_accepted"]
    mirror = _mirror(account, tmp_path / "m.db")
    row = _row(ta.triage(mirror), product_id=1)

    assert (row["active_accepted"], row["auto_accepted"], row["accepted_unclear"]) == (2, 1, 1)
    assert (row["auto_acceptance"], row["auto_acceptance_highest"]) == (0.25, 0.5)
    assert (row["active_acceptance"], row["active_acceptance_highest"]) == (0.5, 0.75)
    assert (row["auto_acceptance_band"], row["active_acceptance_band"], row["rejection_band"]) == (
        "unknown",
        "ok",
        "ok",
    )
    assert _said(mirror) == {("bugs.auto_accepted", 1): 1}
    assert _row(ta.triage(mirror), product_id=2)["is_complete"]
    assert "25–50 %" in ta.table("triage", mirror).html.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("every", [1, 20])
def test_bugs_without_status(tmp_path: Path, every: int) -> None:
    """Every rate is a range, or unknown where all are silent; such a bug is in the total, and perhaps valid."""
    mirror = _mirror(small_account(tests=4), tmp_path / "m.db", "missing-field=bugs.status", f"missing-every={every}")
    silent = 4 if every == 1 else 2
    row, bugs = _row(ta.triage(mirror), product_id=1), _row(ta.bugs_by_product(mirror), product_id=1)

    assert (row["total"], row["other"]) == (4, silent)
    assert (bugs["bugs"], bugs["bugs_highest"]) == (4 - silent, 4)
    if silent == 4:
        assert all(pd.isna(row[rate]) for rate in ("rejection", "review", "auto_acceptance", "overall_acceptance"))
    else:
        assert (row["rejection"], row["rejection_highest"]) == (0, 0.5)
    assert row["rejection_band"] == "unknown" and not row["is_complete"]
    assert _said(mirror) == {("bugs.status", 1): silent, ("bugs.status", 2): silent}


@pytest.mark.parametrize(
    "faults",
    [
        ("missing-field=tests.features",),
        ("null-field=tests.features",),
        ("missing-field=tests.features.feature_id",),
        ("null-field=tests.features.feature_id",),
    ],
)
def test_executed_tests_that_do_not_say_what_they_cover(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """No feature is untested, nothing is covered for sure, and everything may be."""
    mirror = _mirror(small_account(), tmp_path / "m.db", *faults)
    total = _row(ta.coverage_total(mirror))

    assert {*ta.feature_catalog(mirror)["state"].astype(str)} == {"unknown"}
    assert (total["unknown"], total["ever_covered_highest"], total["never_executed_highest"]) == (8, 8, 8)
    assert pd.isna(total["ever_covered"]) and pd.isna(total["ever_share"]) and not total["is_complete"]
    assert {*ta.feature_results(mirror)["result"].astype(str)} == {"unknown"}
    assert {*ta.story_coverage(mirror)["state"].astype(str)} == {"unknown"}
    assert _said(mirror)["tests.features", 1] == _said(mirror)["tests.features", 2] == 3
    assert "3 executed tests of this product do not say" in ta.feature_catalog(mirror)["reason"].iloc[0]
    assert ta.coverage_over_time(mirror).iloc[-1]["covered_highest"] == 8


def test_only_what_no_other_test_covers_is_unknown(tmp_path: Path) -> None:
    """An empty list says that the test covered none; a planned test is not asked; a scripted run is only a doubt."""
    account = small_account()
    account.cycle(1001).payload["features"] = None
    mirror = _mirror(account, tmp_path / "null.db")
    states = ta.feature_catalog(mirror).set_index("feature_id")["state"].astype(str)
    assert states[[101, 102, 103, 104]].tolist() == ["unknown", "unknown", "tested", "tested"]
    assert states[[201, 202]].tolist() == ["untested", "tested"]
    assert _said(mirror) == {("tests.features", 1): 1}  # the bug itself says its feature

    account.cycle(1001).payload.update(features=[], status="locked")
    account.cycle(1001).bugs.clear()
    mirror = _mirror(account, tmp_path / "none.db")
    assert _row(ta.feature_catalog(mirror), feature_id=101)["state"] == "untested" and _said(mirror) == {}

    account.cycle(1001).payload.update(features=None, status="waiting")
    assert _said(_mirror(account, tmp_path / "planned.db")) == {}

    account.cycle(1001).payload.update(features=None, status="locked", testing_type=None)
    mirror = _mirror(account, tmp_path / "scripted.db")
    assert _row(ta.feature_catalog(mirror), feature_id=101)["state"] == "untested"
    assert _said(mirror) == {("tests.test_cases", 1): 1}
    assert not _row(ta.coverage_by_product(mirror), product_id=1)["is_complete"]


def test_bugs_that_name_no_feature(tmp_path: Path) -> None:
    """The features of their test's scope have ranges, and no clean result; others keep their figures."""
    account = small_account()
    cycle = account.cycle(1001)
    cycle.bugs[0].payload["test_feature"] = cycle.bugs[0].test_feature_id = None
    mirror = _mirror(account, tmp_path / "m.db")
    touched, other = (_row(ta.bugs_per_feature(mirror), feature_id=key) for key in (102, 103))

    assert (touched["bugs"], touched["bugs_highest"], touched["is_complete"]) == (0, 1, False)
    assert (other["bugs"], other["bugs_highest"], other["is_complete"]) == (1, 1, True)
    result = _row(ta.feature_results(mirror), feature_id=102)
    assert result["result"] == "unknown" and pd.isna(result["bugs"]) and not result["is_complete"]
    assert _said(mirror) == {("bugs.test_feature", 1): 1}
    evidence = _row(ta.evidence_by_product(mirror), product_id=1)
    assert (evidence["exercised"], evidence["exercised_highest"]) == (2, 3)


def test_other_fields(tmp_path: Path) -> None:
    """Severity, known and dates: each has its doubt; a null that the API documents as a value is none."""
    mirror = _mirror(small_account(), tmp_path / "severity.db", "missing-field=bugs.severity,bugs.known")
    assert _said(mirror)["bugs.severity", 1] == _said(mirror)["bugs.known", 1] == 3
    assert _row(ta.bugs_by_product(mirror), product_id=1)["severity_other"] == 3
    assert _said(_mirror(small_account(), tmp_path / "null.db", "null-field=bugs.known,bugs.devices")) == {}
    mirror = _mirror(small_account(), tmp_path / "dates.db", "missing-field=tests.start_at,tests.end_at")
    assert _said(mirror) == {("tests", 1): 3, ("tests", 2): 3}
    total = _row(ta.coverage_total(mirror))
    assert (total["stale"], total["recent_covered"], total["recent_covered_highest"]) == (6, 0, 6)


def test_a_product_asked_for_alone_knows_the_whole_account(tmp_path: Path) -> None:
    """What it looks at elsewhere is in the catalogue, under its own name; figures of others stay out, doubts do not."""
    account = small_account()
    foreign = locked_test(2, 9)
    foreign.payload["features"][0]["feature_id"] = foreign.bugs[0].payload["test_feature"]["feature_id"] = 101
    foreign.payload["features"].append({**foreign.payload["features"][0], "id": 5, "feature_id": 202})
    foreign.bugs[0].payload["severity"] = "cosmic"
    account.product(2).cycles.append(foreign)
    mirror = _mirror(account, tmp_path / "m.db", product_id=2)
    assert ta.unlinked_test_features(mirror).empty and ta.unattributed_bugs(mirror).empty
    assert _row(ta.bugs_by_product(mirror))["to_feature"] == 4
    one = ta.load_mirror(tmp_path / "m.db", product_id=1)
    assert ta.unknown_bug_values(one).empty and one.product_names[2] == "Product 2"
    assert _row(ta.feature_catalog(one), feature_id=101)["state"] == "tested"

    account.cycle(foreign.payload["id"]).payload["status"] = "paused"
    sync_account(account, tmp_path / "m.db", faults=Faults(poisoned_tests=frozenset({2002}), poisoned_detail=True))
    one = ta.load_mirror(tmp_path / "m.db", product_id=1)
    row = _row(ta.coverage_by_product(one))
    assert ta.unknown_statuses(one).empty and not row["is_complete"] and "Product 2" in row["gap"]
    assert _row(ta.feature_catalog(one), feature_id=101)["state"] == "unknown"
    assert _row(ta.feature_catalog(ta.load_mirror(tmp_path / "m.db")), feature_id=101)["state"] == "unknown"
