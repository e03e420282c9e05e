"""Histories that the comparison of the adversarial source once judged wrongly, each with what is right."""

from __future__ import annotations

from pathlib import Path

from test_adversarial_source import _assert_true_or_in_doubt, _placed, _sync

from adversary import Conduct
from small_account import small_account
from syncing import NOW


def test_a_wrong_count_never_agrees_with_a_cut_list(tmp_path: Path) -> None:
    """Four features, cut to three, counted as one less: the source's count differs from the rows that came."""
    account, db = small_account(tests=3), tmp_path / "mirror.db"

    assert _sync(account, Conduct(lie=("features", -1), cut=("features", 3)), db, NOW) == "incomplete"
    _assert_true_or_in_doubt(db, [account], tmp_path, NOW)


def test_bugs_of_a_removed_feature_and_of_one_never_seen_are_one_count() -> None:
    """A count that is unknown stays unknown, and rows without these columns stay as they are."""
    removed, never_seen = {"to_removed_feature": "2", "not_in_catalogue": "1"}, {"to_removed_feature": "0"}

    assert _placed(removed) == _placed(never_seen | {"not_in_catalogue": "3"}) == {"not_in_catalogue": "3"}
    assert _placed(never_seen | {"not_in_catalogue": ""}) == {"not_in_catalogue": ""}
    assert _placed({"bugs": "1"}) == {"bugs": "1"}
