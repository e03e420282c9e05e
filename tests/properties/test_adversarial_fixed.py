"""Histories that once were read or judged wrongly, each with what is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_adversarial_source import _sync, edit

from adversary import Conduct, Event
from small_account import small_account
from syncing import NOW, query, sync_account
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.doubts import doubts_of
from truths import assert_true_or_in_doubt, placed


def test_a_wrong_count_never_agrees_with_a_cut_list(tmp_path: Path) -> None:
    """Four features, cut to three, counted as one less: the source's count differs from the rows that came."""
    account, db = small_account(tests=3), tmp_path / "mirror.db"

    assert _sync(account, Conduct(lie=("features", -1), cut=("features", 3)), db, NOW) == "incomplete"
    assert_true_or_in_doubt(db, [account], NOW)


def test_a_count_below_nothing_never_agrees_with_an_empty_list(tmp_path: Path) -> None:
    """Two products, of which none is listed, counted as three less: a source whose count says zero is simply empty."""
    conduct = Conduct(lie=("products", -3), cut=("products", 0))

    assert _sync(small_account(tests=3), conduct, tmp_path / "mirror.db", NOW) == "incomplete"


def test_bugs_of_a_removed_feature_and_of_one_never_seen_are_one_count() -> None:
    """A count that is unknown stays unknown, and rows without these columns stay as they are."""
    removed, never_seen = {"to_removed_feature": "2", "not_in_catalogue": "1"}, {"to_removed_feature": "0"}

    assert placed(removed) == placed(never_seen | {"not_in_catalogue": "3"}) == {"not_in_catalogue": "3"}
    assert placed(never_seen | {"not_in_catalogue": ""}) == {"not_in_catalogue": ""}
    assert placed({"bugs": "1"}) == {"bugs": "1"}


def test_a_row_hidden_from_the_first_page_does_not_end_the_list(tmp_path: Path) -> None:
    """Pages of one row, the first of them hidden: an empty page, while the list without pages has rows."""
    account, db = small_account(tests=3), tmp_path / "mirror.db"

    assert _sync(account, Conduct(hidden=frozenset({1001}), cap=1), db, NOW) == "incomplete"
    assert query(db, "select id from tests where product_id = 1 order by id") == [(1002,), (1003,)]
    assert "tests" in {doubt.stream for doubt in doubts_of(load_mirror(db), "feature_catalog")}


@pytest.mark.parametrize("known", [False, True])
def test_hidden_rows_that_fill_a_small_page_do_not_end_the_list(known: bool, tmp_path: Path) -> None:
    """Pages of two rows, the second of them hidden: an empty page, while the list without pages has rows; later too."""
    account, db = small_account(tests=7), tmp_path / "mirror.db"
    if known:
        sync_account(account, db)

    assert _sync(account, Conduct(hidden=frozenset({1003, 1004}), cap=2), db, NOW) == "incomplete"
    stored = [(key,) for key in range(1001, 1008) if known or key not in (1003, 1004)]
    assert query(db, "select id from tests where product_id = 1 and removed_at is null order by id") == stored
    assert "tests" in {doubt.stream for doubt in doubts_of(load_mirror(db), "feature_catalog")}


def test_no_bugs_of_a_test_that_was_deleted_meanwhile_are_a_gap(tmp_path: Path) -> None:
    """Listed, then deleted before its bugs are read: neither the state before nor the one after."""
    account, db = small_account(tests=50), tmp_path / "mirror.db"
    before = account.copy()

    assert _sync(account, Conduct(event=Event(23, "delete", 10)), db, NOW) == "incomplete"
    assert query(db, "select \"where\" from sync_gaps where stream = 'bugs'") == [("bugs of test 1011",)]
    assert_true_or_in_doubt(db, [before, account], NOW)


def test_a_test_is_added_once(tmp_path: Path) -> None:
    """An id that came twice would be a list that moves, and the truth itself in doubt."""
    account = small_account(tests=3)
    for _ in range(2):
        edit(account, "add test", 33)
        edit(account, "add feature", 33)

    sync_account(account, tmp_path / "mirror.db")
    assert not doubts_of(load_mirror(tmp_path / "mirror.db"), "feature_results")
