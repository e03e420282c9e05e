"""Schema versions: one chain, down as well as up, a backup before, and nothing half done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from strategies import (
    FILLERS,
    Account,
    with_findings,
)
from testio_analytics import errors
from testio_analytics.api.payloads import CAN_BE_UNSAID, not_said
from testio_analytics.mirror import database, migrations, schema
from testio_analytics.mirror.migrations import HEAD, VERSIONS, migrate, version_of
from testio_analytics.mirror.streams.tests import test_rows

TYPES = {"integer": "INTEGER", "boolean": "INTEGER", "text": "TEXT", "time": "TEXT", "json": "TEXT", "number": "FLOAT"}


@pytest.fixture(name="db")
def _db(db_path: Path) -> Iterator[Database]:
    with closing(Database(db_path)) as db:
        yield db


def _filled(name: str, **values: Any) -> dict[str, Any]:
    return {column.name: FILLERS[column.kind] for column in schema.TABLES[name].columns} | values


def _fill(db: Database) -> None:
    """Write an account with rows in every table."""
    account = Account().product(1).run(has_history=1).gap(1, "tests").gap(None, "products")
    account.add("sections", id=7, product_id=1, name="A")
    account.feature(81001).add("feature_sections", feature_id=81001, section_id=7, product_id=1)
    account.add("user_stories", id=5, product_id=1, feature_id=81001, feature_link="id", title="s\x01 \U0001f6a2")
    account.test(700, "locked").covers(700, 81001, None, 404).synced(1)
    account.rows["rejected_rows"] = [_filled("rejected_rows", table="tests", stream="tests", reason="id is missing")]
    with_findings(account)
    account.rows["tests"][0]["raw_data"] = '{"features": [], "testing_type": null, "requirements": []}'
    account.rows["bugs"][0]["raw_data"] = '{"auto_accepted": null, "known": null}'
    for spec in schema.ALL_TABLES:
        assert account.rows.get(spec.name), f"{spec.name} is empty"
        for row in account.rows[spec.name]:
            names = ", ".join(f'"{name}"' for name in row)
            db.execute(f"insert into {spec.name} ({names}) values ({', '.join('?' * len(row))})", list(row.values()))
    db.conn.commit()


def _tables(db: Database) -> list[str]:
    """Return the tables without the parts of the word indexes, which are made of the others."""
    parts = tuple(f"{name}_fts" for name in schema.FULL_TEXT)
    return [name for name in db.table_names() if not name.startswith(parts)]


def _content(db: Database) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(db.execute(f"select * from {name}").fetchall(), key=repr) for name in _tables(db)}


def _of_streams(name: str, rows: list[tuple[Any, ...]], version: int) -> list[tuple[Any, ...]]:
    """Leave out what the ledger says of streams whose tables the version does not have: nothing of them is stored."""
    names = schema.TABLES[name].column_names
    if "stream" not in names:
        return rows
    gone = {stream for stream, spec in schema.MAIN_TABLE.items() if spec.since > version}
    return [row for row in rows if row[names.index("stream")] not in gone]


def _of_columns(name: str, row: tuple[Any, ...], version: int) -> tuple[Any, ...]:
    """Leave out the columns that the version does not have; what they hold comes from the payload again."""
    columns = schema.TABLES[name].columns
    return tuple(value for column, value in zip(columns, row, strict=True) if column.since <= version)


def _first_reads(db: Database) -> list[tuple[Any, ...]]:
    """Return the reads with which a history begins: those that the states of the streams speak of."""
    complete = "select last_complete_run_id, product_id, last_complete_at, stream from stream_states order by 1, 2, 4"
    return sorted((number, *row, None) for number, row in enumerate(db.execute(complete).fetchall(), start=1))


def _schema(db: Database) -> list[tuple[Any, ...]]:
    return sorted(db.execute("select type, name, tbl_name, sql from sqlite_master").fetchall(), key=repr)


def test_versions_are_one_chain() -> None:
    """1, 2, 3 … without a hole, each with its purpose; every table and column comes with one of them."""
    assert list(VERSIONS) == list(range(1, HEAD + 1))
    assert all(VERSIONS.values())
    for spec in schema.ALL_TABLES:
        assert spec.since in VERSIONS
        assert all(column.since in VERSIONS for column in spec.columns)
        assert all(column.since <= spec.since or not column.required for column in spec.columns), (
            "rows are there already"
        )


def test_schema_is_what_the_specifications_say(db: Database) -> None:
    """Names, order, types, not null, keys, enforced links and indexes of each table, and no other table."""
    migrate(db)
    assert version_of(db) == HEAD
    assert set(_tables(db)) == set(schema.TABLES)
    assert {name for name in db.table_names() if name.endswith("_fts")} == {f"{name}_fts" for name in schema.FULL_TEXT}
    for spec in schema.ALL_TABLES:
        columns = db.execute(f"pragma table_info({spec.name})").fetchall()
        assert tuple(name for _, name, *_ in columns) == spec.column_names
        for (_, name, kind, not_null, _, key), column in zip(columns, spec.columns, strict=True):
            assert kind == TYPES[column.kind], (spec.name, name)
            assert bool(not_null) == (column.required and name not in spec.key), (spec.name, name)
            assert key == (spec.key.index(name) + 1 if name in spec.key else 0), (spec.name, name)
        links = {(row[3], row[2], row[4]) for row in db.execute(f"pragma foreign_key_list({spec.name})")}
        assert links == {(column.name, column.references, "id") for column in spec.columns if column.enforced}
        indexed = {
            tuple(row[2] for row in db.execute(f'pragma index_info("{index[1]}")'))
            for index in db.execute(f"pragma index_list({spec.name})").fetchall()
        }
        wanted = {(column.name,) for column in spec.columns if column.references and (column.name,) != spec.key}
        assert wanted | set(spec.indexes) <= indexed
    assert schema.TABLES["products"].columns[-1].name == "raw_data"


def test_enforced_links_are_enforced(db_path: Path) -> None:
    """A row whose parent is missing is refused by the file itself, where the specification says so."""
    with database.open_store(db_path) as db, pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        db.table("features").insert(_filled("features", id=1, product_id=99))


@pytest.mark.parametrize("to", range(HEAD))
def test_down_and_up_again_keeps_what_it_can(db: Database, to: int) -> None:
    """What the lower version has stays byte for byte, but for the ledger of streams that went; the schema comes back."""
    migrate(db)
    _fill(db)
    before, layout = _content(db), _schema(db)
    down = migrate(db, to)
    assert (version_of(db), len(down)) == (to, HEAD - to)
    kept = {name: _of_streams(name, rows, to) for name, rows in before.items() if schema.TABLES[name].since <= to}
    assert to == 0 or {name for name, rows in kept.items() if not rows} <= {"rejected_rows"}
    assert _content(db) == {name: [_of_columns(name, row, to) for row in rows] for name, rows in kept.items()}
    up = migrate(db)
    assert len(up) == HEAD - to
    assert _schema(db) == layout
    reads = {"stream_reads": _first_reads(db)} if to < schema.STREAM_READS.since else {}
    assert _content(db) == {name: kept.get(name, []) for name in before} | reads
    assert db.execute("pragma foreign_key_check").fetchall() == []
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert db.execute("pragma foreign_keys").fetchone() == (1,)


def test_there_and_back_is_told_line_by_line(db: Database) -> None:
    """Each step has a line; a version that is reached already has none."""
    assert migrate(db) == [f"up to {version}: {text}" for version, text in VERSIONS.items()]
    assert migrate(db) == []
    assert migrate(db, 0)[-1] == f"down to 0: without {VERSIONS[1]}"


@pytest.mark.parametrize("to", [-1, HEAD + 1, 99])
def test_version_that_does_not_exist_is_refused(db: Database, to: int) -> None:
    """Nothing is changed; the existing versions are named."""
    migrate(db)
    schema = _schema(db)
    with pytest.raises(errors.UnknownValueError, match="must be one of: 0, 1"):
        migrate(db, to)
    assert (_schema(db), version_of(db)) == (schema, HEAD)


def test_newer_file_is_refused_and_left_alone(db_path: Path) -> None:
    """By the store, by the migration and by the command's function, in both directions."""
    with closing(sqlite3.connect(db_path)) as connection:
        connection.execute(f"pragma user_version = {HEAD + 1}")
        connection.execute("create table products (id integer primary key, from_the_future text)")
        connection.commit()
    before = db_path.read_bytes()
    with pytest.raises(errors.SchemaVersionError, match="Upgrade the package"), database.open_store(db_path):
        pass
    for to in (None, 0, HEAD):
        with pytest.raises(errors.SchemaVersionError):
            database.migrate_file(db_path, to)
    with closing(Database(db_path)) as db, pytest.raises(errors.SchemaVersionError):
        migrate(db)
    with closing(sqlite3.connect(db_path)) as connection:
        assert connection.execute("select sql from sqlite_master").fetchall() == [
            ("CREATE TABLE products (id integer primary key, from_the_future text)",)
        ]
    assert len(db_path.read_bytes()) == len(before)
    assert [path.name for path in db_path.parent.iterdir() if "backup" in path.name] == []


def test_older_file_is_told_how_to_be_mended() -> None:
    """Whoever only reads gets the command."""
    with pytest.raises(errors.SchemaVersionError, match=r"testio-analytics migrate --db x\.db"):
        migrations.check_version(HEAD - 1, path="x.db")
    migrations.check_version(HEAD, path="x.db")


@pytest.mark.parametrize("direction", ["up", "down"])
def test_failure_in_the_middle_leaves_the_file_as_it_was(
    db: Database, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk on the last step: schema, version, rows and enforcement are those of before."""
    migrate(db)
    _fill(db)
    if direction == "up":
        migrate(db, 1)
    before, schema, version = _content(db), _schema(db), version_of(db)
    step = {"up": "_bring", "down": "_take_away"}[direction]
    real = getattr(migrations, step)

    def fail(db: Database, number: int) -> None:
        real(db, number)
        if number in {1, HEAD} and not (direction == "down" and number == HEAD):
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(migrations, step, fail)
    with pytest.raises(errors.StoreError, match=r"disk is full.*Nothing was changed"):
        migrate(db, HEAD if direction == "up" else 0)
    assert (_content(db), _schema(db), version_of(db)) == (before, schema, version)
    assert db.execute("pragma foreign_keys").fetchone() == (1,)


def test_broken_links_stop_a_migration(db: Database) -> None:
    """A file whose links are broken already is not carried on as if it were sound."""
    migrate(db)
    _fill(db)
    migrate(db, 1)
    db.execute("pragma foreign_keys = off")
    db.execute("update features set product_id = 99")
    db.conn.commit()
    with pytest.raises(errors.StoreError, match="nothing was changed"):
        migrate(db)
    assert version_of(db) == 1


def test_database_of_somebody_else_is_not_taken_over(db: Database) -> None:
    """Tables under our names that are not ours: an error of ours, and nothing is changed."""
    db.execute("create table features (mine text)")
    schema = _schema(db)
    with pytest.raises(errors.StoreError, match="Nothing was changed"):
        migrate(db)
    assert (_schema(db), version_of(db)) == (schema, 0)


def test_backup_is_readable_and_beside(db: Database, db_path: Path) -> None:
    """It holds everything, also what is only in the write-ahead log; a second one does not replace it."""
    db.execute("pragma journal_mode = wal")
    migrate(db)
    _fill(db)
    first, second = migrations.back_up(db_path), migrations.back_up(db_path)
    assert first != second
    assert first.parent == db_path.parent
    with closing(Database(first)) as copy:
        assert copy.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert (_content(copy), version_of(copy)) == (_content(db), HEAD)


def test_command_migrates_after_a_backup(db: Database, db_path: Path) -> None:
    """Down and up by the function of the command; the file of before can be opened."""
    migrate(db)
    _fill(db)
    before = _content(db)
    lines = database.migrate_file(db_path, 1)
    assert lines[0].startswith(f"down to {HEAD - 1}")
    said = "the file as it was: "
    backup = Path(next(line.removeprefix(said) for line in lines if line.startswith(said)))
    with closing(Database(backup)) as copy:
        assert _content(copy) == before
    assert not any("backup" in line or "as it was" in line for line in database.migrate_file(db_path, 1))
    database.migrate_file(db_path)
    assert version_of(db) == HEAD
    with pytest.raises(errors.DatabaseMissingError):
        database.migrate_file(db_path.with_name("none.db"))


def test_store_brings_an_older_file_up_after_a_backup(db_path: Path) -> None:
    """Opening an old mirror keeps its rows and leaves a copy."""
    with closing(Database(db_path)) as db:
        migrate(db)
        _fill(db)
        migrate(db, 1)
        before = _content(db)
    with database.open_store(db_path) as db:
        assert version_of(db) == HEAD
        now = {name: rows for name, rows in _content(db).items() if rows or name in before}
        assert now.pop("stream_reads") == _first_reads(db), "the history begins"
        assert [row[:-1] for row in now.pop("sync_runs")] == before.pop("sync_runs")
        assert now == before
    assert len(list(db_path.parent.glob("*.backup*"))) == 1


def test_rows_that_were_there_before_say_what_they_do_not_say(db: Database) -> None:
    """The payloads that are stored are asked the same question as those to come."""
    payloads: dict[str, list[dict[str, Any]]] = {
        "tests": [
            {},
            {"features": None, "testing_type": None, "requirements": None},
            {"features": [], "testing_type": "coverage", "requirements": []},
        ],
        "bugs": [{}, {"auto_accepted": None, "known": None}, {"auto_accepted": True, "known": False}],
    }
    migrate(db, 4)
    db.table("products").insert(_filled("products", id=1))
    for table, found in payloads.items():
        for number, payload in enumerate(found, 1):
            row = _filled(table, id=number, product_id=1, raw_data=json.dumps(payload))
            del row["not_said"]
            db.table(table).insert(row)
    migrate(db)

    for table, found in payloads.items():
        stored = [row["not_said"] for row in db.query(f"select not_said from {table} order by id")]
        assert stored == [not_said(table, payload) for payload in found]
        assert stored == [",".join(CAN_BE_UNSAID[table]), "features,requirements" if table == "tests" else None, None]


def test_requirements_and_bugs_of_stories_are_made_of_the_payloads_that_are_there(db: Database) -> None:
    """The same rows as a sync makes of them; what is no list, and what is no requirement, makes none."""
    migrate(db, 8)
    db.table("products").insert(_filled("products", id=1))
    requirement = {
        "id": 3,
        "category": {"name": "Tablets"},
        "devices": [{"name": "Pad"}, {"name": "Pad 2"}],
        "gaming": True,
    }
    for number, found in enumerate(([requirement, 5, {"type": "category"}], None, {"id": 4}), 1):
        raw = {"id": number, "requirements": found}
        db.table("tests").insert(_filled("tests", id=number, product_id=1, removed_at=None, raw_data=json.dumps(raw)))
    result = json.dumps({"id": 5, "bug_ids": [9, "10", None, 9]})
    keys = {"test_feature_id": 7, "user_story_id": 5, "test_id": 1, "product_id": 1}
    db.table("test_user_stories").insert(_filled("test_user_stories", **keys, removed_at=None, raw_data=result))
    migrate(db)

    made = test_rows(1, [{"id": 1, "requirements": [requirement, 5, {"type": "category"}]}])
    names = [name for name in schema.TEST_REQUIREMENTS.column_names if name not in schema.BOOKKEEPING[1:]]
    stored = [{name: row[name] for name in names} for row in db.query("select * from test_requirements")]
    assert stored == [{name: row[name] for name in names} for row in made.of(schema.TEST_REQUIREMENTS)]
    assert [(row["position"], row["category"], row["devices"], row["gaming"]) for row in stored] == [
        (1, "Tablets", "Pad, Pad 2", 1),
        (3, None, None, None),
    ]
    assert [row["bug_id"] for row in db.query("select * from story_bugs order by bug_id")] == [9, 10]
    migrate(db, 8)
    assert not {"test_requirements", "story_bugs"} & {*db.table_names()}
