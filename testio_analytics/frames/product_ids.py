"""Which products are meant: ids, or names as people write them."""

from __future__ import annotations

from collections.abc import Iterable

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.snapshot import Source, rows_of, snapshot

_PRODUCTS = "SELECT id, name, removed_at IS NULL FROM products ORDER BY id"


def product_ids(db: Source, asked: Iterable[str]) -> tuple[int, ...]:
    """Return the ids of the products that are named: by an id, or by the whole name, in any case.

    Digits are an id, which is returned whether or not there is such a product, and for which the database is not opened.
    Of several products of one name, those that are gone do not count.

    Raises:
        UnknownValueError: there is no product of this name, or several; the message lists them.
        StoreError: the database cannot be used.
    """
    asked = [*asked]
    if all(_is_id(name) for name in asked):
        return tuple(map(int, asked))
    with snapshot(db) as fetch:
        products = rows_of(fetch, _PRODUCTS)
    return tuple(int(name) if _is_id(name) else _named(name, products) for name in asked)


def _is_id(name: str) -> bool:
    return name.strip().isascii() and name.strip().isdigit()


def _named(asked: str, products: list[tuple[int, str | None, int]]) -> int:
    wanted = _folded(asked)
    found = [one for one in products if one[1] is not None and _folded(one[1]) == wanted]
    found = [one for one in found if one[2]] or found
    if len(found) == 1:
        return found[0][0]
    choices = [f"{key} ({name})" if name else str(key) for key, name, _ in found or products]
    raise UnknownValueError("--product", asked, choices or ["nothing yet: run `testio-analytics sync`"])


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
