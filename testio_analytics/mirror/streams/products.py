"""The products of an account with their sections: payloads in, rows out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.sections import as_id, has_sections
from testio_analytics.mirror import schema
from testio_analytics.mirror.rows import Rows, id_in


def product_rows(product: Any, *, secrets: Collection[str] = ()) -> Rows:
    """Return the rows of one product: ``products`` and ``sections``, the default section included."""
    rows, raw = Rows(), payloads.scrub(product, secrets=secrets)
    read = payloads.read(payloads.Product, raw)
    if isinstance(read, str):
        rows.reject(schema.PRODUCTS, raw, read)
        return rows
    default = as_id(read.default_section_id)
    rows.add(
        schema.PRODUCTS,
        raw,
        id=read.id,
        name=read.name,
        description=read.description,
        type=read.type,
        default_section_id=default,
        is_sectioned=has_sections(raw),
    )
    implicit = _implicit_section(raw, default)
    for entry in _section_entries(raw):
        section = payloads.read(payloads.Section, entry)
        if isinstance(section, str):
            rows.reject(schema.SECTIONS, entry, section)
        else:
            rows.add(
                schema.SECTIONS,
                entry,
                id=section.id,
                product_id=read.id,
                name=payloads.text_of(section.name),
                is_default=section.id == implicit,
            )
    if default is not None:  # every product has one, listed or not
        rows.add(schema.SECTIONS, {"id": default}, id=default, product_id=read.id, name=None, is_default=True)
    return rows


def _section_entries(product: Mapping[str, Any]) -> list[Any]:
    """Return the entries of both section lists, the customer's own first; the second list repeats them."""
    own, every = _list_in(product, "sections"), _list_in(product, "sections_with_default")
    known = {payloads.as_json(entry) for entry in own}  # not `in`: to Python, the ids 1, 1.0 and True are equal
    return own + [entry for entry in every if payloads.as_json(entry) not in known]


def _implicit_section(product: Mapping[str, Any], default: int | None) -> int | None:
    """Return the id of the default section: as the product says, else the only one that is not the customer's own."""
    if default is not None:
        return default
    own, every = (
        dict.fromkeys(id_in(entry) for entry in _list_in(product, key)) for key in ("sections", "sections_with_default")
    )
    others = [found for found in every if found is not None and found not in own]
    return others[0] if len(others) == 1 else None


def _list_in(product: Mapping[str, Any], key: str) -> list[Any]:
    value = product.get(key)
    return value if isinstance(value, list) else []
