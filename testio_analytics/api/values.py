"""Single values of answers: what is a usable id, text that a database can hold, JSON, and a wrong value described."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import orjson


def is_id(value: object) -> TypeGuard[int]:
    """Return whether the value is a usable id: a positive integer that a database key can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def as_id(value: object) -> int | None:
    """Return the usable id that the value is or spells in digits, else None.

    Sections and rows are read by the same rule: a section that is stored is also visited.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,19}\s*", value):
        value = int(value)
    return value if is_id(value) else None


def id_in(value: object) -> int | None:
    """Return the usable id of an object inside a payload; None where it is no object or has none."""
    return as_id(value.get("id")) if isinstance(value, Mapping) else None


def list_in(value: object, key: str) -> list[Any] | None:
    """Return the list that an object holds under a key; None where it holds none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) else None


COUNT_NAMES = ("record_count", "total_count", "total_records", "total_entries", "total")
COUNT_HOLDERS = ("meta", "pagination")


def count_in(answer: object) -> int | None:
    """Return the number of rows that an answer itself names, at its top or under `COUNT_HOLDERS`; None without one."""
    if not isinstance(answer, Mapping):
        return None
    holders = [found for name in COUNT_HOLDERS if isinstance(found := answer.get(name), Mapping)]
    counts = (holder.get(name) for holder in (*holders, answer) for name in COUNT_NAMES)
    return next((count for count in counts if type(count) is int and count >= 0), None)


class Listed(list[Any]):
    """The rows of one answer, with the number of all rows as the answer itself counts them, None where it does not."""

    def __init__(self, rows: Iterable[Any] = (), total: int | None = None) -> None:
        super().__init__(rows)
        self.total = total

    @property
    def miscount(self) -> str | None:
        """Return how a whole list differs from its own count, in words; None where it does not, or does not count."""
        ids = {row["id"] if is_id(row.get("id")) else as_json(row) for row in self if isinstance(row, Mapping)}
        if self.total is None or self.total in {len(self), len(ids)}:
            return None
        return f"the API counts {self.total} and listed {len(self)}"


def row_name(payload: object) -> str | None:
    """Return the id that a refused row carries, as text, however odd it is."""
    value = payload.get("id") if isinstance(payload, Mapping) else None
    return None if value is None else clean_text(str(value))[:80]


# Half a surrogate pair is legal in JSON but not in UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def as_json(payload: Any) -> str:
    """Return the payload as JSON text, the same text for the same content whatever the order of its keys."""
    try:
        return orjson.dumps(payload, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # integers beyond 64 bits and broken surrogates, which only the slower encoder takes
        return _SURROGATES.sub("\ufffd", _ENCODER.encode(payload))


def from_json(content: bytes) -> Any:
    """Return what the JSON text says.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested deeper than Python can follow.
    """
    try:
        return orjson.loads(content)
    except ValueError:  # other encodings, NaN and broken surrogates, which only the slower decoder takes
        return json.loads(content)


def clean_text(text: str) -> str:
    """Return the text as a database and a page can hold it: NUL and broken surrogates become U+FFFD."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def text_of(value: Any) -> str | None:
    """Return any value as text: itself when it is text, JSON otherwise, None for null."""
    if value is None or isinstance(value, str):
        return None if value is None else clean_text(value)
    return as_json(value)


def shown(value: Any) -> str:
    """Name a wrong value without quoting more of it than its kind and a short beginning."""
    kind = {bool: "a boolean", dict: "an object", list: "a list", str: "text", type(None): "null"}.get(
        type(value), "a number"
    )
    if isinstance(value, dict | list | type(None)):
        return kind
    return f"{kind} ({str(value)[:40]!r})" if isinstance(value, str) else f"{kind} ({str(value)[:40]})"


def names(value: Any) -> str | None:
    """Return the name of an object, or the names of several joined with a comma; None where there is none."""
    if value is None:
        return None
    if isinstance(value, list):
        return ", ".join(name for name in map(names, value) if name) or None
    return text_of(value.get("name") if isinstance(value, dict) else value)
