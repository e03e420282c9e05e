"""Search by words in the texts of a table: by the index that the file keeps, or in the rows of an earlier state."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import pandas as pd
from sqlite_utils import Database

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.snapshot import Source, rows_of, snapshot
from testio_analytics.mirror.schema import FULL_TEXT, TOKENIZER

_PARTS = re.compile(r'"([^"]+)"|(\S+)')


def found_ids(db: Source, table: str, words: str) -> list[int]:
    """Return the ids of the rows of a table whose texts hold all of the words, those that fit best first.

    Case and accents do not matter, a word may be the beginning of a longer one, and words in double quotes stand
    together. Nothing else in the words means anything. Rows that were removed are in.

    Raises:
        UnknownValueError: there is no word in it, or no such table to search.
        StoreError: the database cannot be used.
    """
    statement = _statement(table)
    with snapshot(db) as fetch:
        return [int(key) for (key,) in rows_of(fetch, statement, {"query": query(words)})]


def found_in(rows: pd.DataFrame, table: str, words: str) -> list[int]:
    """Return the same of rows that are loaded already, like those of an earlier state: ids, those that fit best first."""
    names = ["id", *FULL_TEXT[table]]
    values: list[Any] = rows[names].astype(object).where(rows[names].notna(), None).to_dict("records")
    with closing(sqlite3.connect(":memory:")) as connection:
        db = Database(connection)
        db.table(table).insert_all(values, pk="id", columns=dict.fromkeys(FULL_TEXT[table], str) | {"id": int})
        db.table(table).enable_fts(FULL_TEXT[table], tokenize=TOKENIZER)
        return [int(key) for (key,) in db.execute(_statement(table), {"query": query(words)}).fetchall()]


def query(words: str) -> str:
    """Return the words as a query that cannot be misread: each quoted, each the beginning of a word.

    Raises:
        UnknownValueError: there is no letter or digit in it.
    """
    parts = [phrase or word for phrase, word in _PARTS.findall(words.replace("\x00", " "))]
    quoted = ['"{}"*'.format(part.replace('"', '""')) for part in parts if any(map(str.isalnum, part))]
    if not quoted:
        raise UnknownValueError("--search", words, ["words of a title or a description"])
    return " ".join(quoted)


def _statement(table: str) -> str:
    if table not in FULL_TEXT:
        raise UnknownValueError("The table to search", table, FULL_TEXT)
    return f"SELECT rowid FROM {table}_fts WHERE {table}_fts MATCH :query ORDER BY rank, rowid"  # noqa: S608  our own names


def ranked(frame: pd.DataFrame, column: str, ids: list[int]) -> pd.DataFrame:
    """Return the rows of a frame whose id is among these, in their order."""
    places: dict[Any, int] = {key: place for place, key in enumerate(ids)}
    found = frame[frame[column].isin(ids)]
    order = found[column].map(places).sort_values(kind="stable").index
    return found.loc[order].reset_index(drop=True)
