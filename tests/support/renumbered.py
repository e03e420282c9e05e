"""An account of the demo's server with other ids: the same account in all else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from testio_analytics.demo.account.model import Account

LONG_NUMBER = re.compile(r"\d{16,}")


def ids_of(account: Account) -> list[int]:
    """Return all ids that an account's payloads hold, ascending."""
    found: set[int] = set()

    def noted(number: int) -> int:
        found.add(number)
        return number

    _changed(account, noted)
    return sorted(found)


def renumbered(account: Account, ids: Mapping[int, int]) -> Account:
    """Return the account with every id replaced."""
    changed: Account = _changed(account, ids.__getitem__)
    return changed


def with_ids(text: str, ids: Mapping[int, int]) -> str:
    """Return a text with every number of sixteen or more digits replaced.

    Raises:
        KeyError: such a number is none of the ids.
    """
    return LONG_NUMBER.sub(lambda found: str(ids[int(found.group())]), text)


def _changed(value: Any, change: Callable[[int], int], name: object = "") -> Any:
    """Return the value with what stands under the name of an id changed, at any depth."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        return replace(value, **{part: _changed(inner, change, part) for part, inner in parts.items()})
    if isinstance(value, dict):
        return {key: _changed(inner, change, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_changed(inner, change, name) for inner in value]
    is_id = name == "id" or str(name).endswith(("_id", "_ids"))
    return change(value) if is_id and type(value) is int else value
