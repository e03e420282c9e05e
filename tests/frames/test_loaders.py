"""The loaders: dtypes, filters, and what they refuse to read."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from pandas.testing import assert_frame_equal
from sqlite_utils import Database

from strategies import (
    NOW,
    Account,
    a_third,
    accounts,
    ago,
    opened,
    with_findings,
)
from testio_analytics.errors import DatabaseMissingError, SchemaVersionError, StoreError, UnknownValueError
from testio_analytics.frames import loaders, query, snapshot
from testio_analytics.frames.dtypes import CATEGORIES
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.frames.query import UNREAD_BY_REPORTS
from testio_analytics.mirror import migrations
from testio_analytics.mirror.schema import ALL_TABLES, TABLES

LOADERS: dict[str, Callable[..., pd.DataFrame]] = {name: getattr(loaders, f"load_{name}") for name in TABLES}


def harbour() -> Account:
    """Return a sectioned product with a shared feature, a plain one, and a removed one."""
    account = Account().product(1, "Harbour", is_sectioned=1).product(2, "Ferry").product(3, "Gone", removed_at=ago(1))
    for section, product, is_default in [(10, 1, 0), (11, 1, 0), (12, 1, 1), (20, 2, 1)]:
        account.add("sections", id=section, product_id=product, name=f"Section {section}", is_default=is_default)
    account.feature(1).feature(2).feature(3, removed_at=ago(2)).feature(4, 2)
    for feature, section, removed in [(1, 10, None), (1, 11, None), (2, 10, ago(1)), (2, 11, None), (3, 10, ago(2))]:
        keys = {"feature_id": feature, "section_id": section, "product_id": 1}
        account.add("feature_sections", **keys, removed_at=removed)
    account.add("user_stories", id=7, product_id=1, feature_id=1, feature_link="id")
    account.test(1, "archived", ago(3), section_id=10).test(
        2, "locked", "2026-06-01T10:00:00.123456+00:00", section_id=77
    )
    account.test(3, "archived", product_id=2).covers(1, 1).covers(3, 4, product_id=2)
    return account.synced(1, 2).gap(1, "tests").gap(None, "products").gap(2, "tests", closed_at=ago())


def write(account: Account, path: Path) -> Path:
    """Write the account to a file."""
    with closing(sqlite3.connect(path)) as connection:
        account.write(connection)
    return path


def write_ahead(account: Account, path: Path) -> Path:
    """Write the account to a file with a write-ahead log, as a sync does."""
    write(account, path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    return path


@pytest.mark.parametrize("name", TABLES)
def test_empty_and_filled_tables_have_the_same_columns_and_dtypes(name: str) -> None:
    """The columns of the specification without the payload, in their order, whatever is in the table."""
    with (
        opened(Account()) as empty,
        opened(with_findings(harbour().add("rejected_rows", id=1, stream="tests", table="tests"))) as filled,
    ):
        nothing, something = LOADERS[name](empty), LOADERS[name](filled)

    assert_frame_equal(nothing, something.iloc[:0], check_index_type=False)
    expected = [column for column in TABLES[name].column_names if column != "raw_data"]
    assert list(nothing.columns) == expected + (["last_confirmed"] if TABLES[name].is_mirrored else [])
    assert not something.empty


@pytest.mark.parametrize("spec", ALL_TABLES, ids=lambda spec: spec.name)
def test_dtypes_follow_the_specification(spec: Any) -> None:
    """Each kind has its one dtype; closed sets are categories."""
    dtypes = {
        "integer": "Int64",
        "boolean": "boolean",
        "number": "Float64",
        "time": "datetime64[us, UTC]",
        "text": "str",
        "json": "str",
    }
    with opened(Account()) as connection:
        found = LOADERS[spec.name](connection)
    for column in spec.columns:
        if column.name in found and (spec.name, column.name) not in CATEGORIES:
            assert str(found[column.name].dtype) == dtypes[column.kind], column.name
    for table, name in CATEGORIES:
        if table == spec.name:
            assert found[name].dtype == "category"


def test_times_with_and_without_fractions_are_all_read() -> None:
    """None of them becomes NaT."""
    with opened(harbour()) as connection:
        ends = loaders.load_tests(connection)["end_at"].tolist()

    assert ends[:2] == [pd.Timestamp(ago(3)), pd.Timestamp("2026-06-01T10:00:00.123456+00:00")]
    assert ends[2] is pd.NaT


def test_removed_rows_are_left_out_unless_asked_for() -> None:
    """Current rows by default, history on request."""
    with opened(harbour()) as connection:
        assert loaders.load_features(connection)["id"].tolist() == [1, 2, 4]
        assert loaders.load_features(connection, include_removed=True)["id"].tolist() == [1, 2, 3, 4]
        assert loaders.load_products(connection)["id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "options", "ids"),
    [
        ("features", {"product_id": 1}, [1, 2]),
        ("features", {"product_id": [2, 1]}, [1, 2, 4]),
        ("features", {"section_id": 10}, [1]),  # feature 2 left that section
        ("features", {"section_id": 11}, [1, 2]),
        ("features", {"section_id": 10, "include_removed": True}, [1, 3]),
        ("features", {"section_id": 12}, []),  # the default section of a sectioned product holds what it was given
        ("features", {"section_id": 20}, [4]),  # that of a plain product holds all
        ("features", {"section_id": 11, "product_id": 2}, []),
        ("user_stories", {"section_id": 10}, [7]),
        ("user_stories", {"section_id": 20}, []),
        ("tests", {"section_id": 10}, [1]),
        ("tests", {"section_id": 77}, [2]),  # a section that was deleted before the first sync
        ("tests", {"section_id": 20}, [3]),
        ("sync_gaps", {"product_id": 2}, [2]),  # the gap of the account concerns every product
        ("sync_gaps", {"product_id": 2, "include_closed": True}, [2, 3]),
    ],
)
def test_filters_give_the_rows_asked_for(name: str, options: dict[str, Any], ids: list[int]) -> None:
    """By product, by section, with and without history."""
    with opened(harbour()) as connection:
        assert LOADERS[name](connection, **options)["id"].tolist() == ids


def test_feature_sections_are_filtered_by_section() -> None:
    """One row per pair, by feature and section."""
    with opened(harbour()) as connection:
        found = loaders.load_feature_sections(connection, section_id=11)

    assert found[["feature_id", "section_id"]].values.tolist() == [[1, 11], [2, 11]]


@pytest.mark.parametrize("value", [99, "1", 1.5, True, [1, 99], [], ()])
def test_an_unknown_product_is_refused_with_the_list_of_products(value: Any) -> None:
    """Neither nothing nor everything is returned for a slip of the pen."""
    with opened(harbour()) as connection, pytest.raises(UnknownValueError, match=r"1 \(Harbour\), 2 \(Ferry\)"):
        loaders.load_features(connection, product_id=value)


def test_a_name_in_place_of_an_id_is_one_value() -> None:
    """It is named whole, not letter by letter, beside the ids that belong to the names."""
    with (
        opened(harbour()) as connection,
        pytest.raises(UnknownValueError, match=r"product_id is 'Harbour'; .* 1 \(Harbour\)"),
    ):
        load_mirror(connection, product_id="Harbour")  # type: ignore[arg-type]


def test_an_unknown_section_is_refused_with_the_list_of_sections() -> None:
    """The sections there are stand in the message."""
    with opened(harbour()) as connection, pytest.raises(UnknownValueError, match=r"10 \(Section 10\)"):
        loaders.load_features(connection, section_id=1)


def test_last_confirmed_is_the_last_complete_read_of_the_products_stream() -> None:
    """By product; never read is empty; the list of products confirms the products."""
    account = Account().product(1).product(2).feature(1).feature(2, 2).synced(1, streams=("features",))
    with opened(account) as connection:
        features, products = loaders.load_features(connection), loaders.load_products(connection)

    assert features["last_confirmed"].tolist() == [pd.Timestamp(NOW), pd.NaT]
    assert products["last_confirmed"].tolist() == [pd.Timestamp(NOW)] * 2


def test_path_connection_and_database_give_the_same(tmp_path: Path) -> None:
    """Whatever is handed in, and it stays open and usable when it was open."""
    path = write(harbour(), tmp_path / "a?b #1%.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        given = [loaders.load_tests(source) for source in (path, str(path), connection, Database(connection))]
        assert connection.execute("SELECT count(*) FROM tests").fetchone()[0] == 3
    for other in given[1:]:
        assert_frame_equal(given[0], other)


def test_the_configured_database_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, TESTIO_DB_PATH is read."""
    monkeypatch.setenv("TESTIO_DB_PATH", str(write(harbour(), tmp_path / "x.db")))

    assert len(loaders.load_products()) == 2


def test_a_writer_neither_blocks_nor_is_seen_half(tmp_path: Path) -> None:
    """While a sync is inside its transaction, readers get the state before it."""
    path = write(harbour(), tmp_path / "x.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE products SET name = 'Half'")
        assert loaders.load_products(path)["name"].tolist() == ["Harbour", "Ferry"]
        writer.execute("COMMIT")
        assert loaders.load_products(path)["name"].tolist() == ["Half", "Half"]


DELETE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM test_features'); c.commit()"


@pytest.mark.parametrize("is_open", [False, True])
def test_the_mirror_is_one_instant_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    """A sync that commits between two tables of one read is not seen, whichever way the tables are read."""
    path = write_ahead(harbour(), tmp_path / "x.db")
    read = query.read_table

    def read_and_write(fetch: snapshot.Fetch, table: Any, *rest: Any, **more: Any) -> pd.DataFrame:
        if table.name == "features":
            subprocess.run([sys.executable, "-c", DELETE, str(path)], check=True)
        return read(fetch, table, *rest, **more)

    monkeypatch.setattr(loaders, "read_table", read_and_write)
    with closing(sqlite3.connect(path if is_open else ":memory:")) as connection:
        connection.execute("PRAGMA user_version")
        assert len(load_mirror(path).test_features) == 2
        assert load_mirror(path).test_features.empty


@pytest.mark.skipif(sys.platform == "win32", reason="locks belong to a handle there")
def test_a_connection_that_is_open_keeps_its_locks(tmp_path: Path) -> None:
    """Without them, another process would take away the write-ahead log that the connection still reads and writes."""
    path = write_ahead(harbour(), tmp_path / "x.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE products SET name = 'Quay'")
        connection.commit()
        assert set(load_mirror(path).products["name"]) == {"Quay"}
        subprocess.run([sys.executable, "-c", DELETE, str(path)], check=True)

        assert path.with_name("x.db-wal").exists()
        connection.execute("UPDATE products SET name = 'Pier'")
        connection.commit()
        assert connection.execute("SELECT count(*) FROM test_features").fetchone() == (0,)
    assert set(load_mirror(path).products["name"]) == {"Pier"}


@pytest.mark.parametrize("is_open", [False, True])
def test_nothing_is_written(tmp_path: Path, is_open: bool) -> None:
    """The connection is for reading only."""
    path = write(harbour(), tmp_path / "x.db")
    with closing(sqlite3.connect(path if is_open else ":memory:")) as connection:
        connection.execute("PRAGMA user_version")
        with pytest.raises(StoreError, match="readonly"), snapshot.snapshot(path) as fetch:
            fetch("DELETE FROM tests", {})


def test_a_missing_file_says_which_command_makes_one(tmp_path: Path) -> None:
    """No file is created by asking."""
    path = tmp_path / "none.db"
    with pytest.raises(DatabaseMissingError, match="testio-analytics sync"):
        loaders.load_tests(path)
    assert not path.exists()


@pytest.mark.parametrize(("version", "advice"), [(0, "migrate"), (1, "migrate"), (99, "Upgrade the package")])
def test_another_schema_version_is_refused_with_the_way_out(tmp_path: Path, version: int, advice: str) -> None:
    """Older and newer files alike."""
    path = write(harbour(), tmp_path / "x.db")
    with closing(sqlite3.connect(path)) as connection:
        if version < migrations.HEAD:
            migrations.migrate(Database(connection), to=version)
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(SchemaVersionError, match=advice):
        loaders.load_products(path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The reason and the next step are in the message."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, " * 200)
    with pytest.raises(StoreError, match=r"Name another file with --db.*file is not a database"):
        loaders.load_products(path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    """A damaged file is no empty account."""
    path = write(Account(), tmp_path / "x.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE test_features")
    with pytest.raises(StoreError, match="no such table: test_features"):
        loaders.load_test_features(path)


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ("UPDATE tests SET end_at = 'soon' WHERE id = 1", "tests.end_at"),
        ("UPDATE tests SET demo = 7 WHERE id = 1", "tests.demo"),
        ("UPDATE tests SET environment_id = 'x' WHERE id = 1", "tests.environment_id"),
        ("UPDATE sync_runs SET outcome = 'great'", "sync_runs.outcome"),
    ],
)
def test_a_value_of_another_kind_is_refused_not_emptied(statement: str, column: str) -> None:
    """Made empty, it would be missing from every count without a word."""
    with opened(harbour()) as connection:
        connection.execute(statement)
        connection.commit()
        with pytest.raises(StoreError, match=column):
            load_mirror(connection)


# -- the mirror -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "as_of", "run_id"),
    [
        ([], None, None),
        ([("complete", ago(3))], ago(3), 1),
        ([("complete", ago(3)), ("incomplete", ago(2))], ago(2), 2),
        ([("complete", ago(3)), ("failed", ago(1)), ("interrupted", ago(1)), ("running", None)], ago(3), 1),
        ([("failed", ago(1))], None, None),
    ],
)
def test_as_of_is_the_end_of_the_last_run_that_read_what_it_could(
    runs: list[tuple[str, str | None]], as_of: str | None, run_id: int | None
) -> None:
    """Failed and unfinished runs do not count, and the clock of the machine never does."""
    account = Account().product(1)
    for outcome, finished_at in runs:
        account.run(outcome, finished_at=finished_at)
    with opened(account) as connection:
        mirror = load_mirror(connection)

    assert mirror.as_of == (None if as_of is None else pd.Timestamp(as_of))
    assert mirror.run_id == run_id
    assert mirror.schema_version == migrations.HEAD
    assert mirror.package_version == (None if run_id is None else "0.1.0")


def test_as_of_takes_in_what_an_interrupted_run_stored() -> None:
    """Else tests that ended since would seem to lie in the future."""
    account = Account().product(1).run("complete", finished_at=ago(9)).run("interrupted", finished_at=None)
    account.synced(1, last_run_id=2, last_read_at=ago(2), last_complete_run_id=2, last_complete_at=ago(2))
    with opened(account) as connection:
        assert load_mirror(connection).as_of == pd.Timestamp(ago(2))


def test_the_mirror_of_some_products_keeps_other_products_tests_of_their_features() -> None:
    """A feature has the same state whichever products are asked for."""
    account = harbour().covers(3, 1, product_id=2)
    with opened(account) as connection:
        mirror = load_mirror(connection, product_id=1)

    assert mirror.products["id"].tolist() == [1]
    assert mirror.tests["id"].tolist() == [1, 2, 3]
    assert mirror.test_features["feature_id"].tolist() == [1, 1]
    assert mirror.product_ids == (1,)
    assert "1 products" in repr(mirror)


@a_third
@given(accounts())
def test_every_stored_value_comes_back(account: Account) -> None:
    """Any account: the frames hold exactly what was written, removed rows included."""
    with opened(account) as connection:
        mirror = load_mirror(connection)
    for spec in ALL_TABLES:
        check_table(mirror, spec, account.rows.get(spec.name, []))


def check_table(mirror: Mirror, spec: Any, rows: list[dict[str, Any]]) -> None:
    """Compare one frame with the rows that were written."""
    found = getattr(mirror, spec.name)
    rows = sorted(rows, key=lambda row: tuple(row[name] for name in spec.key))
    assert len(found) == len(rows)
    for column in spec.columns:
        if column.name in UNREAD_BY_REPORTS:
            continue
        expected = [row[column.name] for row in rows]
        if column.kind == "time":
            expected = [None if value is None else pd.Timestamp(value) for value in expected]
        values = [None if pd.isna(value) else value for value in found[column.name]]
        assert values == expected, column.name
