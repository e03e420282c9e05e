"""What a read will change: rows compared with the stored ones, and what must not be concluded from them.

Nothing here writes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from sqlite_utils import Database

from testio_analytics.mirror import schema
from testio_analytics.mirror.rows import Rejection, Row, Rows

MOST_REMOVED = 0.5
"""The share of a product's rows that one sync may mark as removed; more is held back as a gap until ``--full``."""

REMOVAL = "removal of "
"""Begins the place of a gap that ``--full`` closes: rows that were held back."""


@dataclass(frozen=True)
class Counts:
    """What a read did to the rows of one stream. `total` counts the rows that came and could be stored."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    total: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


@dataclass(frozen=True)
class Gap:
    """Something that could not be read: where, why, and the requests spent on it."""

    stream: str
    where: str
    reason: str
    attempts: int = 0
    product_id: int | None = None


@dataclass(frozen=True)
class TestReads:
    """Which tests a stream was read for.

    `statuses` holds the tests that were asked for with their status; `unsound` those of which something is missing;
    `gone` those of which the API says that they do not exist.
    """

    __test__ = False

    statuses: Mapping[int, str | None]
    unsound: frozenset[int] = frozenset()
    gone: frozenset[int] = frozenset()


@dataclass(frozen=True)
class StreamRead:
    """What one read of one stream of one product brought.

    `rows` holds the tables of the stream; `gaps` what is missing from them; `missing` the number of rows known to
    be missing, None where that is unknown. Where only some tests were read, `tests` says which: the rows of all
    others stay as they are. `offers` says which lists the API was found to have (True) or not to have for the product.
    """

    stream: str
    rows: Rows
    gaps: tuple[Gap, ...] = ()
    missing: int | None = 0
    tests: TestReads | None = None
    offers: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """How the rows of one table differ from the stored ones: what to write, and the keys to mark as removed.

    `held_tests` are the tests whose read is not done unless all of this is carried out: those of removed rows, and of
    rows in conflict.
    """

    table: schema.Table
    write: tuple[Row, ...]
    removed: tuple[tuple[Any, ...], ...]
    counts: Counts
    conflicts: tuple[Rejection, ...] = ()
    held_tests: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ChangeSet:
    """What one read of one stream of one product will do to the database.

    `product_id` is None for the account. `counts` are those of the stream's main table. `unsettled` are the tests that
    must be read again although they may not change any more: something of theirs is missing, or was held back.
    """

    product_id: int | None
    read: StreamRead
    changes: tuple[Change, ...]
    rejections: tuple[Rejection, ...]
    gaps: tuple[Gap, ...]
    counts: Counts
    unsettled: frozenset[int] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the stream is missing."""
        return not self.gaps


def change_set(db: Database, read: StreamRead, *, product_id: int | None, full: bool = False) -> ChangeSet:
    """Decide what to write and what to mark as removed. Reads only.

    Rows are marked as removed only after a read without gaps and rejections, and not when more than half of a table's
    rows of the product would go at once: that is a gap until `full` confirms it.
    """
    stream_tables = [table for table in schema.ALL_TABLES if table.stream == read.stream]
    if product_id is None:  # the account lists products; everything else belongs to one of them
        stream_tables = [schema.PRODUCTS]
    found: list[tuple[Change, int]] = []
    for table in stream_tables:
        rows = _without_children(read.rows, [conflict for change, _ in found for conflict in change.conflicts])
        found.append(_compare(db, table, rows, product_id, read.tests))
    changes = [change for change, _ in found]
    rejections = [*read.rows.rejections, *(conflict for change in changes for conflict in change.conflicts)]
    gaps = [*read.gaps, *_rejection_gaps(read.stream, rejections, product_id)]
    if not gaps and not full:
        gaps = [
            _mass_removal(change, stored, product_id) for change, stored in found if _is_mass_removal(change, stored)
        ]
    unsettled = frozenset() if read.tests is None else read.tests.unsound
    if gaps:
        unsettled |= {test_id for change in changes for test_id in change.held_tests}
        changes = [replace(change, removed=()) for change in changes]
    own = next(change for change in changes if change.table is schema.MAIN_TABLE[read.stream])
    counts = replace(own.counts, removed=len(own.removed), rejected=len(rejections))
    return ChangeSet(product_id, read, tuple(changes), tuple(rejections), tuple(gaps), counts, unsettled)


def _without_children(rows: Rows, conflicts: Sequence[Rejection]) -> Rows:
    """Leave out what hangs on a row that belongs to another product: memberships and stories of its feature."""
    foreign = {(conflict.table, conflict.row_id) for conflict in conflicts}
    if not foreign:
        return rows
    kept = Rows()
    for name, found in rows.by_table.items():
        parents = [(c.name, c.references) for c in schema.TABLES[name].columns if c.enforced and c.references]
        kept.by_table[name] = {
            key: row
            for key, row in found.items()
            if not any((parent, str(row[column])) in foreign for column, parent in parents)
        }
    return kept


def _is_mass_removal(change: Change, stored: int) -> bool:
    return len(change.removed) > MOST_REMOVED * stored


def _mass_removal(change: Change, stored: int, product_id: int | None) -> Gap:
    reason = (
        f"{len(change.removed)} of {stored} stored rows no longer came; more than half at once may be a fault of the "
        "source, so none is marked as removed until a sync with --full confirms it"
    )
    return Gap(change.table.stream or "", f"{REMOVAL}{change.table.name}", reason, 0, product_id)


def _rejection_gaps(stream: str, rejections: Sequence[Rejection], product_id: int | None) -> list[Gap]:
    """Name the rejected records, one gap per table: they are missing as much as unread ones."""
    by_table: dict[str, list[Rejection]] = {}
    for rejection in rejections:
        by_table.setdefault(rejection.table, []).append(rejection)
    return [
        Gap(
            stream,
            f"rejected rows of {table}",
            f"{len(rejected)} rejected: {'; '.join(dict.fromkeys(item.reason for item in rejected[:3]))}"
            "; see the table rejected_rows",
            0,
            product_id,
        )
        for table, rejected in by_table.items()
    ]


def _compare(
    db: Database, table: schema.Table, rows: Rows, product_id: int | None, tests: TestReads | None = None
) -> tuple[Change, int]:
    """Compare rows with the stored ones of the product (of the account for None), and count those stored now.

    A row whose id is stored under another product that still has it is a conflict: the API says an id is unique, so
    neither of the two may silently replace the other. Where only some tests were read, only their rows can be gone.
    """
    incoming = rows.by_table[table.name]
    stored = _stored(db, table, incoming, product_id)
    differences = {key: _difference(row, stored.get(key)) for key, row in incoming.items()}
    number = Counter(differences.values())
    written = number["created"] + number["updated"]
    counts = Counts(number["created"], number["updated"], number["unchanged"], total=written + number["unchanged"])
    write = (
        row | {"first_seen": stored[key]["first_seen"] if key in stored else None}
        for key, row in incoming.items()
        if differences[key] in {"created", "updated"}
    )
    conflicts = [key for key, difference in differences.items() if difference == "conflict"]
    active = {
        key for key, known in stored.items() if known["removed_at"] is None and _is_of(table, key, known, product_id)
    }
    gone = sorted(key for key in active - incoming.keys() if _was_read(stored[key], tests))
    held = {incoming[key].get("test_id") for key in conflicts}
    if tests is not None:
        held |= {stored[key]["test_id"] for key in gone}
    rejections = (_conflict(table, incoming[key], stored[key]["product_id"]) for key in conflicts)
    change = Change(
        table,
        tuple(write),
        tuple(gone),
        counts,
        tuple(rejections),
        frozenset(test_id for test_id in held if test_id is not None),
    )
    return change, len(active)


def _difference(row: Row, known: Row | None) -> Literal["created", "updated", "unchanged", "conflict"]:
    if known is None:
        return "created"
    is_active = known["removed_at"] is None
    if is_active and known["product_id"] != row.get("product_id"):
        return "conflict"
    return "unchanged" if is_active and known["content_hash"] == row["content_hash"] else "updated"


def _was_read(known: Row, tests: TestReads | None) -> bool:
    """Return whether a row that did not come may be gone: one that belongs to no test always may."""
    return tests is None or known["test_id"] is None or known["test_id"] in tests.statuses


def _is_of(table: schema.Table, key: tuple[Any, ...], known: Row, product_id: int | None) -> bool:
    if product_id is None:
        return True
    return bool(key[0] == product_id if table is schema.PRODUCTS else known["product_id"] == product_id)


def _stored(
    db: Database, table: schema.Table, incoming: Mapping[tuple[Any, ...], Row], product_id: int | None
) -> dict[tuple[Any, ...], Row]:
    """Return the bookkeeping of the stored rows of the product, and of those stored elsewhere under an incoming key."""
    has_owner = "product_id" in table.column_names
    owner = "product_id" if has_owner else "null as product_id"
    test = ", test_id" if table.stream in schema.BY_TEST else ""
    select = f"select {', '.join(table.key)}, {owner}, content_hash, first_seen, removed_at{test} from {table.name}"
    if product_id is None:
        found = list(db.query(select))
    elif not has_owner:
        found = list(db.query(f"{select} where {table.key[0]} = ?", [product_id]))
    else:
        keys = json.dumps([key[0] for key in incoming])
        found = list(
            db.query(
                # Two lookups by index; one condition with "or" would walk through the whole table.
                f"{select} where product_id = ? union {select} where {table.key[0]} in (select value from json_each(?))",
                [product_id, keys],
            )
        )
    return {tuple(row[name] for name in table.key): row for row in found}


def _conflict(table: schema.Table, row: Row, owner: int) -> Rejection:
    name = " ".join(str(row[part]) for part in table.key)
    reason = f"{table.name} {name} is already stored for product {owner}, which still has it"
    return Rejection(table.name, name, reason, row["raw_data"])


@dataclass(frozen=True)
class Vanished:
    """The ids of rows that are stored and active and did not come this time, and how many are stored."""

    ids: tuple[int, ...]
    stored: int


def vanished(db: Database, read: StreamRead, *, product_id: int | None) -> Vanished:
    """Return which rows of the stream's main table did not come, although they could have."""
    change, stored = _compare(db, schema.MAIN_TABLE[read.stream], read.rows, product_id, read.tests)
    return Vanished(tuple(key[0] for key in change.removed), stored)
