"""Rows of the tables, made of payloads, and what could not become one.

Each row has every column of its table. A payload that cannot be a row is returned as a rejection with its reason;
nothing is dropped silently, and the payloads are left as they came.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from testio_analytics.api.payloads import CAN_BE_UNSAID, KNOWN_FIELDS, Payload, not_said, read
from testio_analytics.api.values import as_json, row_name, shown
from testio_analytics.mirror import schema

Row = dict[str, Any]
P = TypeVar("P", bound=Payload)


@dataclass(frozen=True)
class Rejection:
    """A payload that could not become a row: the table it was meant for, what is wrong, and the scrubbed payload."""

    table: str
    row_id: str | None
    reason: str
    raw_data: str

    @property
    def stream(self) -> str:
        """The stream that brings this table."""
        return schema.TABLES[self.table].stream or ""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of table, reason and payload: the same bad row has the same one on every read."""
        return _digest(f"{self.table}\n{self.reason}\n{self.raw_data}")


@dataclass
class Rows:
    """Rows by table and key, in the order in which they came, and the payloads that could not become rows.

    `credentials` are those that the payloads held; texts of the rows may still quote them (see `redaction`).
    """

    by_table: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: defaultdict(dict))
    rejections: list[Rejection] = field(default_factory=list)
    unknown: dict[tuple[str, tuple[Any, ...]], set[str]] = field(default_factory=dict)
    credentials: set[str] = field(default_factory=set, repr=False)

    def add(self, table: schema.Table, raw: Any, **values: Any) -> None:
        """Add one row; a second one with the same key changes nothing."""
        key = tuple(values[name] for name in table.key)
        if key in self.by_table[table.name]:
            return
        self.by_table[table.name][key] = _row(table, raw, values)
        known = KNOWN_FIELDS.get(table.name)
        if known is not None and not raw.keys() <= known:
            self.unknown[table.name, key] = raw.keys() - known

    def read(self, model: type[P], table: schema.Table, raw: Any, where: str = "") -> P | None:
        """Return the payload as the model; where that is impossible, note why (and `where` it stood) and return None."""
        found = read(model, raw)
        if not isinstance(found, tuple):
            return found
        self.reject(table, raw, where + "; ".join(map(str, found)))
        return None

    def entries(self, table: schema.Table, value: Any, name: str, *, row_id: str | None = None) -> list[Any]:
        """Return the list of payloads for a table, no entries for null; anything else is noted under the plural `name`."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.reject(table, value, f"{name} are not a list but {shown(value)}", row_id=row_id)
        return []

    def reject(self, table: schema.Table, raw: Any, reason: str, *, row_id: str | None = None) -> None:
        """Note that the payload cannot be a row of this table."""
        self.rejections.append(Rejection(table.name, row_id or row_name(raw), reason, as_json(raw)))

    def of(self, table: schema.Table) -> list[Row]:
        """Return the rows of one table."""
        return list(self.by_table[table.name].values())

    def extend(self, other: Rows) -> None:
        """Take over the rows and rejections of another read; rows that are there already stay."""
        for name, found in other.by_table.items():
            for key, row in found.items():
                self.by_table[name].setdefault(key, row)
        self.rejections.extend(other.rejections)
        self.unknown.update(other.unknown)
        self.credentials |= other.credentials


_PLAIN = frozenset({str, int, type(None)})


def _row(table: schema.Table, raw: Any, values: dict[str, Any]) -> Row:
    values["raw_data"] = as_json(raw)
    if table.name in CAN_BE_UNSAID:
        values[schema.NOT_SAID] = not_said(table.name, raw)
    if values.keys() != table.content_set:  # a fault of this package, never in the data
        raise TypeError(
            f"a row of {table.name} differs from its specification in {sorted(table.content_set ^ values.keys())}"
        )
    # Most values are texts, numbers and nulls: no call for those.
    content = [value if value.__class__ in _PLAIN else _stored(value) for value in table.content_of(values)]
    row = dict(zip(table.content_columns, content, strict=True))
    row["content_hash"] = content_hash(table, row)
    return row


def content_hash(table: schema.Table, row: Mapping[str, Any]) -> str:
    """Return the fingerprint of what the API said in this row (BLAKE2b, 128 bits, hexadecimal)."""
    return _digest(repr([*table.hashed_of(row)]))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _stored(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def unknown_fields(rows: Rows) -> Counter[str]:
    """Count the fields that the API's description does not know, as ``table.field``; they stay in ``raw_data``."""
    return Counter(f"{table}.{name}" for (table, _), names in rows.unknown.items() for name in names)
