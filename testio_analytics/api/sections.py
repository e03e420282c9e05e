"""Whether a product is divided into sections, and which ones are to be read.

The rule was validated on live products: a product is sectioned when it lists at least one section of its own, or
at least two together with the default one. A single default entry belongs to a plain product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from testio_analytics.api.values import as_id, as_json, id_in, list_in


@dataclass(frozen=True)
class Sections:
    """The two section lists of a product; missing, null and malformed lists are empty.

    Attributes:
        own: the entries of ``sections``: those that the customer made.
        with_default: the entries of ``sections_with_default``.
        default_id: the usable id of the default section as the product says it, else None.
    """

    own: tuple[Any, ...]
    with_default: tuple[Any, ...]
    default_id: int | None

    @property
    def is_sectioned(self) -> bool:
        """Whether the product is sectioned: it has a section of its own, or two together with the default one."""
        return len(self.own) > 0 or len(self.with_default) > 1

    @property
    def to_read(self) -> tuple[Any, ...]:
        """The entries of the sections to read, in the order of the payload."""
        return (self.own or self.with_default) if self.is_sectioned else ()

    @property
    def ids(self) -> list[int]:
        """The usable ids of the sections to read; a sectioned product may have none."""
        return _ids(self.to_read)

    @property
    def known_ids(self) -> list[int]:
        """Every section id that the payload names, the default section included.

        What remains to be asked when a product that looks plain turns out to be sectioned after all.
        """
        return list(dict.fromkeys([*_ids((*self.own, *self.with_default)), *filter(None, [self.default_id])]))

    @property
    def has_nameless(self) -> bool:
        """Whether a section that should be read has no usable id, so that nobody can ask for it."""
        return any(id_in(entry) is None for entry in self.to_read)

    @property
    def names(self) -> dict[int, str]:
        """The names of the sections by id, as far as they are text."""
        named = ((id_in(entry), entry["name"]) for entry in (*self.with_default, *self.own) if _has_name(entry))
        return {key: name for key, name in named if key is not None}

    @property
    def entries(self) -> list[Any]:
        """The entries of both lists, the customer's own first; what the second list only repeats is left out."""
        known = {as_json(entry) for entry in self.own}  # not `in`: to Python, the ids 1, 1.0 and True are equal
        return [*self.own, *(entry for entry in self.with_default if as_json(entry) not in known)]

    @property
    def implicit_id(self) -> int | None:
        """The id of the default section: as the product says, else the only one that is not the customer's own."""
        others = [found for found in _ids(self.with_default) if found not in _ids(self.own)]
        return others[0] if self.default_id is None and len(others) == 1 else self.default_id


def sections_of(product: Mapping[str, Any]) -> Sections:
    """Return the section lists of a product's payload."""
    own, with_default = (tuple(list_in(product, key) or ()) for key in ("sections", "sections_with_default"))
    return Sections(own, with_default, as_id(product.get("default_section_id")))


def has_sections(product: Mapping[str, Any]) -> bool:
    """Return whether the product is sectioned: ``sections`` is not empty or ``sections_with_default`` has two or more.

    Missing, null and malformed lists count as empty.
    """
    return sections_of(product).is_sectioned


def get_section_ids(product: Mapping[str, Any]) -> list[int]:
    """Return the ids of the sections to read, in the order of the payload; empty for a product without sections.

    They come from ``sections``, or from ``sections_with_default`` where that is empty. Entries without a usable id
    are passed over, so that a sectioned product may have none.
    """
    return sections_of(product).ids


def _ids(entries: Iterable[Any]) -> list[int]:
    return list(dict.fromkeys(found for entry in entries if (found := id_in(entry)) is not None))


def _has_name(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
