"""Which products a sync reads: the account's list, or those asked for; and what became of stored ones that do not come.

Nothing is concluded from a list alone, nor from one refusal: a product is gone when its own address says so (404) and
the list of the account does not name it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.api.values import id_in
from testio_analytics.concurrency import gather
from testio_analytics.mirror.diff import REMOVAL, Gap
from testio_analytics.mirror.streams.gaps import GAP_ERRORS

STREAM = "products"


@dataclass
class Selection:
    """The products to read.

    Attributes:
        payloads: their payloads.
        gone: stored products asked for by id that are gone.
        gaps: what could not be read: of a product where that was asked for by id, of the account's list otherwise.
    """

    payloads: list[Any] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


async def all_products(api: Client, db: Database, *, full: bool) -> Selection:
    """Return the products of the account's list, and those stored ones that it leaves out but that still answer.

    With `full`, a product that is neither listed nor allowed to be read is taken as gone.
    """
    listed = await api.products()
    found = Selection(list(listed))
    if words := listed.miscount:
        found.gaps.append(Gap(STREAM, "list of products", words, 1))
    left_out = sorted(_stored(db) - {id_in(payload) for payload in found.payloads})
    answers = await gather(*(_asked(api, product_id) for product_id in left_out))
    for product_id, answer in zip(left_out, answers, strict=True):
        place = f"product {product_id}, which is stored but no longer listed"
        if not isinstance(answer, errors.ApiError):
            found.payloads.append(answer)
            found.gaps.append(Gap(STREAM, place, "it answers at its own address, so the list is not whole", 1))
        elif answer.status != 404 and not (full and isinstance(answer, errors.NotFoundError)):
            found.gaps.append(Gap(STREAM, f"{REMOVAL}{place}", str(answer), answer.attempts))
    return found


async def products_by_id(api: Client, db: Database, product_ids: Sequence[int]) -> Selection:
    """Return the products asked for; one that cannot be read is a gap of its own and costs no other.

    Raises:
        ApiError: none of them could be read, or found to be gone.
    """
    wanted, found, stored = list(dict.fromkeys(product_ids)), Selection(), _stored(db)
    answers = dict(zip(wanted, await gather(*(_asked(api, product_id) for product_id in wanted)), strict=True))
    refused = {key: answer for key, answer in answers.items() if isinstance(answer, errors.ApiError)}
    found.payloads = [answer for key, answer in answers.items() if key not in refused]
    unknown = {key for key, error in refused.items() if error.status == 404 and key in stored}
    listed = await _listed(api) if unknown else None
    for product_id, error in refused.items():
        if product_id in unknown and listed is not None and product_id not in listed:
            found.gone.append(product_id)
        else:
            reason = _no_such_product(error, product_id, product_id in unknown and listed is not None)
            found.gaps.append(Gap(STREAM, "the product itself", reason, error.attempts, product_id))
    if refused and not (found.payloads or found.gone):
        raise next(iter(refused.values()))
    return found


def _no_such_product(error: errors.ApiError, product_id: int, is_listed: bool) -> str:
    if is_listed:
        return f"its own address answered 404, but the account's list names it; it is kept. GET /products/{product_id}"
    if isinstance(error, errors.NotFoundError):
        return f"there is no such product, or this token has no right to it: GET {error.path} answered {error.status}"
    return str(error)


async def _asked(api: Client, product_id: int) -> Any:
    """Return the product's payload, or the error that stands for it where it cannot be read."""
    try:
        payload = await api.product(product_id)
    except GAP_ERRORS as error:
        return error
    if id_in(payload) != product_id:
        reason = f"GET /products/{product_id} answered with another product, or with one that has no usable id."
        return errors.UnreadableAnswerError(reason, path=f"/products/{product_id}", status=200)
    return payload


async def _listed(api: Client) -> set[int] | None:
    """Return the ids that the account's list names; None where it cannot be read whole, or names one that has no id."""
    try:
        listed = await api.products()
    except GAP_ERRORS:
        return None
    ids = [id_in(payload) for payload in listed]
    return None if listed.miscount or None in ids else {product_id for product_id in ids if product_id is not None}


def _stored(db: Database) -> set[int]:
    return {row["id"] for row in db.query("select id from products where removed_at is null")}
