"""What a finished run changed and read, packed into one row: a fifth of the bytes of its single entries.

The entries of a run that is under way, or was killed, stand singly in ``row_changes`` and ``stream_reads``. When a run
ends, its entries become two texts of ``packed_runs`` in the transaction that says so.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from sqlite_utils import Database

from testio_analytics.mirror import schema

Entry = tuple[Any, ...]

PARTS: Mapping[str, schema.Table] = {"changes": schema.ROW_CHANGES, "reads": schema.STREAM_READS}
"""Which table holds the single entries of each column of ``packed_runs``."""


def entry_columns(part: str) -> tuple[str, ...]:
    """Return the columns of an entry: the run, and what is packed of it."""
    return tuple(name for name in PARTS[part].column_names if name != "id")


def packed(entries: Iterable[Any]) -> str:
    """Return the entries of one run as text."""
    text = json.dumps([*entries], ensure_ascii=False, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> list[list[Any]]:
    """Return the entries of one run, each a list of its values without the run."""
    entries: list[list[Any]] = json.loads(zlib.decompress(b64decode(text)))
    return entries


def merged(packed_runs: Iterable[Entry], single: Iterable[Entry]) -> list[Entry]:
    """Return all entries in the order of writing, of packed runs (run and text) and single ones, with the run in front."""
    found = [(run, *entry) for run, text in packed_runs for entry in unpacked(text)]
    return sorted([*found, *single], key=itemgetter(0))


def pack(db: Database, run_id: int) -> None:
    """Pack the entries of a run that ends. The caller holds a transaction."""
    texts = {}
    for part, table in PARTS.items():
        _, *names = entry_columns(part)
        select = f"select {_listed(names)} from {table.name} where run_id = ? order by id"
        entries = db.execute(select, [run_id]).fetchall()
        texts[part] = packed(entries) if entries else None
        db.execute(f"delete from {table.name} where run_id = ?", [run_id])
    if any(texts.values()):
        db.execute("insert into packed_runs (run_id, changes, reads) values (?, ?, ?)", [run_id, *texts.values()])


def unpack(db: Database, *, until: int) -> None:
    """Make single entries of the packed ones of the runs up to this one, all numbered in the order of writing.

    The caller holds a transaction.
    """
    for part, of_single in PARTS.items():
        table, names = of_single.name, entry_columns(part)
        runs = db.execute(f"select run_id, {part} from packed_runs where {part} is not null and run_id <= ?", [until])
        single = db.execute(f"select {_listed(names)} from {table} order by run_id, id").fetchall()
        entries = [(number, *entry) for number, entry in enumerate(merged(runs, single), start=1)]
        db.execute(f"delete from {table}")
        marks = ", ".join("?" for _ in (*names, "id"))
        db.conn.executemany(f"insert into {table} (id, {_listed(names)}) values ({marks})", entries)
    db.execute("delete from packed_runs where run_id <= ?", [until])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)
