"""Schema versions, up and down.

The specifications in `tables` say with which version each table and column came. A version is brought or taken away
by creating or dropping exactly those, so a chain of versions has one head by construction. The version of a file is
its ``PRAGMA user_version``; 0 is an empty file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.db import Table as DbTable

from testio_analytics import errors
from testio_analytics.api.payloads import CAN_BE_UNSAID
from testio_analytics.mirror import packed, schema
from testio_analytics.mirror.custom_reports import CONFIGURATIONS, REPORT, add_forms, add_report
from testio_analytics.mirror.file_errors import file_error
from testio_analytics.mirror.requirements import REQUIREMENTS, STORY_BUGS, add_requirements, add_story_bugs
from testio_analytics.mirror.rows import Rows

VERSIONS: dict[int, str] = {
    1: "products, sections, features, stories and the completeness ledger",
    2: "exploratory tests and their features",
    3: "bugs with their devices, results of features and stories, executions",
    4: "which lists the API offers for each product",
    5: "which fields the API did not say of tests and bugs",
    6: "the history of every row, and which runs people were told of",
    7: "the customer's own forms with what bugs answer on them, and search by words",
    8: "the history of a run packed into one row",
    9: "the devices that tests ask for, and the bugs of stories",
}
"""Every schema version and what it brought."""

HEAD = max(VERSIONS)

_SQLITE_TYPES = {"integer": int, "boolean": int, "text": str, "time": str, "json": str, "number": float}


def version_of(db: Database) -> int:
    """Return the schema version of a database."""
    return int(db.execute("pragma user_version").fetchone()[0])


def check_version(version: int, *, path: object) -> None:
    """Refuse a database of another schema version than this package's.

    Raises:
        SchemaVersionError: with the command that mends it.
    """
    if version > HEAD:
        raise errors.SchemaVersionError(
            f"The database {path} has schema version {version}; this package knows up to {HEAD}. Upgrade the package, "
            f"or, with the newer one, run: testio-analytics migrate --db {path} --to {HEAD}"
        )
    if version < HEAD:
        raise errors.SchemaVersionError(
            f"The database {path} has schema version {version}; this package needs {HEAD}. "
            f"Run: testio-analytics migrate --db {path}"
        )


def migrate(db: Database, to: int = HEAD) -> list[str]:
    """Bring the database to a schema version, up or down, in one transaction. Return what was done, a line each.

    Raises:
        UnknownValueError: there is no such version.
        SchemaVersionError: the file is newer than this package.
        StoreError: it cannot be done; nothing was changed.
    """
    if to not in {0, *VERSIONS}:
        raise errors.UnknownValueError("The schema version", to, [0, *VERSIONS])
    now = version_of(db)
    if now > HEAD:
        check_version(now, path="")
    done = []
    # Dropping and rebuilding a table must not cascade; the links are checked once at the end instead.
    db.execute("pragma foreign_keys = off")
    try:
        with db.atomic():
            for version in range(now + 1, to + 1):
                _bring(db, version)
                done.append(f"up to {version}: {VERSIONS[version]}")
            for version in range(now, to, -1):
                _take_away(db, version)
                done.append(f"down to {version - 1}: without {VERSIONS[version]}")
            db.execute(f"pragma user_version = {to:d}")
            if broken := db.execute("pragma foreign_key_check").fetchall():
                raise errors.StoreError(f"The migration to {to} would break {len(broken)} links; nothing was changed.")
    except sqlite3.Error as error:  # tables of somebody else under our names, a full disk
        path = Path(db.execute("pragma database_list").fetchone()[2] or "memory")
        raise errors.StoreError(
            f"The database cannot be brought from schema version {now} to {to}: {file_error(path, error)}. "
            "Nothing was changed."
        ) from error
    finally:
        db.execute("pragma foreign_keys = on")
    return done


def _bring(db: Database, version: int) -> None:
    for spec in schema.ALL_TABLES:
        columns = [column for column in spec.columns if max(column.since, spec.since) <= version]
        if spec.since == version:
            _create(db, spec, columns)
        for column in columns:
            if column.since == version > spec.since:
                _table(db, spec).add_column(column.name, _SQLITE_TYPES[column.kind])
                if column.name == schema.NOT_SAID:
                    _fill_not_said(db, spec)
                # New columns come last, and the payload is the last one.
                _table(db, spec).transform(column_order=[column.name for column in columns])

    if version == schema.ROW_CHANGES.since:
        _begin_history(db)
    if version == schema.CUSTOM_REPORTS.since:
        _fill_custom_reports(db)
    if version == schema.TEST_REQUIREMENTS.since:
        _fill_requirements(db)
        _fill_not_said(db, schema.TESTS)
        _fill_story_bugs(db)
    if version == schema.FULL_TEXT_SINCE:
        for name, columns_of in schema.FULL_TEXT.items():
            # A later version that rebuilds one of these tables must do this again: it drops the triggers.
            db.table(name).enable_fts(columns_of, tokenize=schema.TOKENIZER, create_triggers=True)


def _begin_history(db: Database) -> None:
    """Let the history begin with the state that the file has: what came before is not known, and is not made up."""
    db.execute("update sync_runs set has_history = 1 where id = (select max(id) from sync_runs)")
    db.execute(
        """
        insert into stream_reads (run_id, product_id, read_at, complete, incomplete)
        select last_complete_run_id, product_id, last_complete_at, stream, null from stream_states
        where last_complete_run_id is not null
        union all
        select last_run_id, product_id, last_read_at, null, stream from stream_states where not is_complete
        order by 1, 2, 4, 5
        """
    )


def _fill_custom_reports(db: Database) -> None:
    """Make the forms and answers of the payloads that are stored; answers that these do not hold stay unknown."""
    select = "select id, product_id, {more}, raw_data, first_seen, last_synced, removed_at from {table}"
    forms = select.format(more="end_at", table="tests") + " where removed_at is null and instr(raw_data, ?)"
    of_products: dict[int, list[dict[str, Any]]] = {}
    for test in db.query(forms, [f'"{CONFIGURATIONS}"']):
        of_products.setdefault(test["product_id"], []).append(test)
    for product_id, tests in of_products.items():
        rows = Rows()
        add_forms(rows, product_id, [(one["id"], one["end_at"] or "", json.loads(one["raw_data"])) for one in tests])
        seen = min(one["first_seen"] for one in tests), max(one["last_synced"] for one in tests)
        _insert(db, rows, *seen, None)
    reports = select.format(more="test_id", table="bugs") + f" where json_extract(raw_data, '$.{REPORT}') is not null"
    for bug in db.query(reports):
        rows, keys = Rows(), {"product_id": bug["product_id"], "test_id": bug["test_id"]}
        add_report(rows, json.loads(bug["raw_data"]), bug_id=bug["id"], **keys)
        _insert(db, rows, bug["first_seen"], bug["last_synced"], bug["removed_at"])


def _fill_requirements(db: Database) -> None:
    """Make the requirements of the tests whose payloads are stored."""
    select = "select id, product_id, raw_data, first_seen, last_synced, removed_at from tests"
    for test in db.query(f"{select} where json_type(raw_data, '$.{REQUIREMENTS}') = 'array'"):
        rows = Rows()
        add_requirements(rows, json.loads(test["raw_data"]), test_id=test["id"], product_id=test["product_id"])
        _insert(db, rows, test["first_seen"], test["last_synced"], test["removed_at"])


def _fill_story_bugs(db: Database) -> None:
    """Make the bugs of stories of the results whose payloads are stored."""
    select = "select test_feature_id, user_story_id, test_id, product_id, raw_data, first_seen, last_synced, removed_at"
    for result in db.query(f"{select} from test_user_stories where json_type(raw_data, '$.{STORY_BUGS}') = 'array'"):
        rows = Rows()
        keys = {name: result[name] for name in ("test_feature_id", "user_story_id", "test_id", "product_id")}
        add_story_bugs(rows, json.loads(result["raw_data"]), **keys)
        _insert(db, rows, result["first_seen"], result["last_synced"], result["removed_at"])


def _insert(db: Database, rows: Rows, first_seen: str, last_synced: str, removed_at: str | None) -> None:
    seen = {"first_seen": first_seen, "last_synced": last_synced, "removed_at": removed_at}
    for name, found in rows.by_table.items():
        db.table(name).insert_all([row | seen for row in found.values()])


def _fill_not_said(db: Database, spec: schema.Table) -> None:
    """Say of the rows that are there already what `payloads.not_said` says of those to come."""
    parts = []
    for name, needs_value in CAN_BE_UNSAID[spec.name].items():
        kind = f"json_type(raw_data, '$.{name}')"
        is_unsaid = f"ifnull({kind}, 'null') = 'null'" if needs_value else f"{kind} is null"
        parts.append(f"case when {is_unsaid} then ',{name}' else '' end")
    db.execute(f"update {spec.name} set {schema.NOT_SAID} = nullif(substr({' || '.join(parts)}, 2), '')")  # noqa: S608  our own names


def _take_away(db: Database, version: int) -> None:
    if version == schema.PACKED_RUNS.since:
        packed.unpack(db, until=db.execute("select ifnull(max(run_id), 0) from packed_runs").fetchone()[0])
    if version == schema.FULL_TEXT_SINCE:
        for name in schema.FULL_TEXT:
            db.table(name).disable_fts()
    gone = [spec for spec in schema.ALL_TABLES if spec.since == version]
    for stream, main in schema.MAIN_TABLE.items():
        if main not in gone:
            continue
        # What is dropped was never read, as far as the reports are concerned: "complete" would be a lie.
        for ledger in ("stream_states", "sync_gaps", "rejected_rows"):
            if version > schema.TABLES[ledger].since:
                db.execute(f"delete from {ledger} where stream = ?", [stream])  # noqa: S608  our own names
    for spec in reversed(schema.ALL_TABLES):
        if spec in gone:
            for ledger in ("row_changes", "rejected_rows"):
                if spec.is_mirrored and version > schema.TABLES[ledger].since:
                    db.execute(f"delete from {ledger} where [table] = ?", [spec.name])  # noqa: S608  our own names
            _table(db, spec).drop()
        elif dropped := {column.name for column in spec.columns if column.since == version > spec.since}:
            _table(db, spec).transform(drop=dropped)


def _create(db: Database, spec: schema.Table, columns: Iterable[schema.Column]) -> None:
    columns = list(columns)
    table = _table(db, spec)
    table.create(
        {column.name: _SQLITE_TYPES[column.kind] for column in columns},
        pk=spec.key if len(spec.key) > 1 else spec.key[0],
        not_null={column.name for column in columns if column.required and column.name not in spec.key},
        foreign_keys=[
            (column.name, column.references, "id") for column in columns if column.enforced and column.references
        ],
    )
    links = [(column.name,) for column in columns if column.references and (column.name,) != spec.key]
    for index in dict.fromkeys([*links, *spec.indexes]):
        table.create_index(index)


def _table(db: Database, spec: schema.Table) -> DbTable:
    table = db[spec.name]
    if not isinstance(table, DbTable):
        raise errors.StoreError(f"{spec.name} is a view in this database; it must be a table. Rename the view.")
    return table


def back_up(path: Path) -> Path:
    """Copy the database beside itself, consistently even while it is in use, and return the copy's path."""
    with closing(sqlite3.connect(path)) as source:
        version = source.execute("pragma user_version").fetchone()[0]
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        copy = path.with_name(f"{path.stem}.schema{version}.{stamp}.backup{path.suffix}")
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    return copy
