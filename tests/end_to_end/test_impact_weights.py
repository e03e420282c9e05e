"""``show next_tests --impact`` on a synced file, as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from serving import command
from small_account import feature_payload, small_account
from syncing import sync_account
from testio_analytics.demo.account.model import Feature

pytestmark = pytest.mark.slow
BIG = 2**62 + 1


def test_unknown_ids_are_named_and_a_file_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    """Ids above 2^53 are told apart; weights that count for nothing are named; an unclosed quote swallows no row."""
    account, db, weights = small_account(), tmp_path / "m.db", tmp_path / "weights.csv"
    account.product(1).features.append(
        Feature(feature_payload(BIG) | {"user_stories": []}, account.product(1).section_ids)
    )
    sync_account(account, db)
    told = "".join(f"{key},0.25,Ole,\n" for key in (BIG, BIG - 1, 101, 7, 8, 9))
    show = ("show", "next_tests", "--db", str(db), "--impact", str(weights), "--format", "json")

    weights.write_text(f"feature_id,impact,owner,note\n{told}")
    done = command(*show, "--product", "1")
    assert done.returncode == 0, done.stderr
    own = {row["feature_id"]: row["own_impact"] for row in json.loads(done.stdout) if row["own_impact"] is not None}
    assert own == {BIG: 0.25, 101: 0.25}
    assert (
        "4 of 6 impact weights from weights.csv are of no active feature and count for nothing: 7, 8, 9 and 1 more."
        in done.stderr
    )

    weights.write_text(f'feature_id,impact,owner,note\n101,0.5,"Ole,\n{told}')
    done = command(*show)
    assert (done.returncode, done.stdout) == (1, "")
    assert "weights.csv, line 2: no row can be read from here on" in done.stderr
    assert "Traceback" not in done.stderr
