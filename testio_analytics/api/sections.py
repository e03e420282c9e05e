"""Whether a product is divided into sections, and which ones are to be read.

The rule was validated on live products: a product is sectioned when it lists at least one section of its own, or
at least two together with the default one. A single default entry belongs to a plain product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard


def has_sections(product: Mapping[str, Any]) -> bool:
    """Return whether the product is sectioned: ``sections`` is not empty or ``sections_with_default`` has two or more.

    Missing, null and malformed lists count as empty.
    """
    return len(_entries(product, "sections")) > 0 or len(_entries(product, "sections_with_default")) > 1


def get_section_ids(product: Mapping[str, Any]) -> list[int]:
    """Return the ids of the sections to read, in the order of the payload; empty for a product without sections.

    They come from ``sections``, or from ``sections_with_default`` where that is empty. Entries without a usable id
    are passed over, so that a sectioned product may have none.
    """
    if not has_sections(product):
        return []
    return _ids(_entries(product, "sections") or _entries(product, "sections_with_default"))


def get_known_section_ids(product: Mapping[str, Any]) -> list[int]:
    """Return every section id that the payload names, the default section included.

    What remains to be asked when a product that looks plain turns out to be sectioned after all.
    """
    ids = _ids([*_entries(product, "sections"), *_entries(product, "sections_with_default")])
    default = as_id(product.get("default_section_id"))
    return ids if default is None or default in ids else [*ids, default]


def has_nameless_sections(product: Mapping[str, Any]) -> bool:
    """Return whether a section that should be read has no usable id, so that nobody can ask for it."""
    entries = _entries(product, "sections") or _entries(product, "sections_with_default")
    return has_sections(product) and any(
        not isinstance(entry, Mapping) or as_id(entry.get("id")) is None for entry in entries
    )


def section_names(product: Mapping[str, Any]) -> dict[int, str]:
    """Return the names of the sections by id, as far as they are text."""
    entries = [*_entries(product, "sections_with_default"), *_entries(product, "sections")]
    named = ((as_id(entry.get("id")), entry.get("name")) for entry in entries if isinstance(entry, Mapping))
    return {key: name for key, name in named if key is not None and isinstance(name, str)}


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


def _entries(product: Mapping[str, Any], key: str) -> list[Any]:
    value = product.get(key)
    return value if isinstance(value, list) else []


def _ids(entries: list[Any]) -> list[int]:
    ids = [as_id(entry.get("id")) for entry in entries if isinstance(entry, Mapping)]
    return list(dict.fromkeys(found for found in ids if found is not None))
