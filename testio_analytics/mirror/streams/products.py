"""The products of an account with their sections: payloads in, rows out."""

from __future__ import annotations

from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.scrubbing import scrub
from testio_analytics.api.sections import Sections, sections_of
from testio_analytics.api.values import text_of
from testio_analytics.mirror import schema
from testio_analytics.mirror.rows import Rows


def product_rows(product: Any) -> Rows:
    """Return the rows of one product: ``products`` and ``sections``, the default section included."""
    rows = Rows()
    raw = scrub(product, rows.credentials)
    read = rows.read(payloads.Product, schema.PRODUCTS, raw)
    if read is not None:
        sections = sections_of(raw)
        values = read.model_dump() | {"default_section_id": sections.default_id}
        rows.add(schema.PRODUCTS, raw, **values, is_sectioned=sections.is_sectioned)
        _add_sections(rows, read.id, sections)
    return rows


def _add_sections(rows: Rows, product_id: int, sections: Sections) -> None:
    for entry in sections.entries:
        section = rows.read(payloads.Section, schema.SECTIONS, entry)
        if section is not None:
            _add_section(rows, product_id, entry, section, is_default=section.id == sections.implicit_id)
    if sections.default_id is not None:  # every product has one, listed or not
        default = payloads.Section(id=sections.default_id)
        _add_section(rows, product_id, {"id": default.id}, default, is_default=True)


def _add_section(rows: Rows, product_id: int, raw: Any, section: payloads.Section, *, is_default: bool) -> None:
    name = text_of(section.name)
    rows.add(schema.SECTIONS, raw, id=section.id, product_id=product_id, name=name, is_default=is_default)
