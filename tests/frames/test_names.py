"""Raw tables with the names of what their ids mean."""

from __future__ import annotations

from typing import Any

import pytest
from pandas.testing import assert_frame_equal

import testio_analytics as ta
from strategies import Account, ago, opened
from testio_analytics.frames.names import name_column, named_by
from testio_analytics.mirror.schema import ALL_TABLES, Table

NAMED = [table for table in ALL_TABLES if any(named_by(column) for column in table.columns)]


@pytest.mark.parametrize("table", NAMED, ids=lambda table: table.name)
def test_names_stand_beside_their_ids_and_change_nothing_else(table: Table, demo_db_path: Any) -> None:
    """In every table with ids: the same rows, columns and dtypes, and a name exactly where there is an id."""
    load = getattr(ta, f"load_{table.name}")
    plain, named = load(demo_db_path), load(demo_db_path, names=True)
    added = [(column.name, name_column(column)) for column in table.columns if named_by(column)]

    assert_frame_equal(named.drop(columns=[name for _, name in added]), plain)
    for key, name in added:
        assert [*named.columns].index(name) == [*named.columns].index(key) + 1
        assert named[name].dtype == "str"
        assert (named[name].isna() == named[key].isna()).all()
    assert {*plain.columns}.isdisjoint(name for _, name in added)


def test_names_are_those_of_the_source_or_kind_and_id() -> None:
    """A removed row keeps its name; one without a name, or that is not stored, is called by its kind and id."""
    big = 2**53 + 1
    account = Account().product(1, "Harbour\n pier").product(2, "").product(3, "Gone", removed_at=ago(1))
    account.feature(big, title="Quay").feature(big + 1, title="Berth", removed_at=ago(1))
    account.test(1, "archived", ago(3), title="Spring", section_id=77).covers(1, big).covers(1, big + 1).covers(1, 404)
    account.synced(1).gap(None, "products").gap(0, "products").gap(2, "tests")
    with opened(account) as connection:
        covered = ta.load_test_features(connection, names=True)
        tests = ta.load_tests(connection, names=True)
        gaps = ta.load_sync_gaps(connection, names=True)

    assert covered["feature"].tolist() == ["Quay", "Berth", "Feature 404"]
    assert covered["product"].unique().tolist() == ["Harbour pier"]
    assert covered["test"].unique().tolist() == ["Spring"]
    assert tests["section"].tolist() == ["Section 77"]
    assert gaps["product"].tolist()[1:] == ["(the account)", "Product 2"]
    assert gaps["product"].isna().tolist() == [True, False, False]
