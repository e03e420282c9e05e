"""Read the features of one product, section by section where it has sections, with their stories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from testio_analytics import errors, payloads, rows
from testio_analytics.client import Client
from testio_analytics.computing import Computer
from testio_analytics.differences import Gap, StreamRead
from testio_analytics.reading import GAP_ERRORS, gap_of
from testio_analytics.rows import Listing
from testio_analytics.running import gather
from testio_analytics.sections import (
    get_known_section_ids,
    get_section_ids,
    has_nameless_sections,
    has_sections,
    section_names,
)


async def read_features(api: Client, compute: Computer, product: Any) -> tuple[StreamRead, Any]:
    """Read all features of one product with their sections and stories; what fails becomes a gap.

    Returns the read, and the product as it is now: it is read anew where it turns out to be sectioned after all.
    """
    product_id = int(product["id"])
    gaps: list[Gap] = []
    if has_sections(product):
        listings = await _section_listings(api, product, get_section_ids(product), gaps)
    else:
        product, listings = await _plain_listings(api, product, gaps)
    stories = await _story_lists(api, product_id, listings, gaps) if rows.needs_story_list(listings) else []
    found = await compute(rows.feature_rows, product_id, listings, stories, secrets=api.secrets)
    return StreamRead("features", found, tuple(gaps), None if gaps else 0), product


async def _plain_listings(api: Client, product: Any, gaps: list[Gap]) -> tuple[Any, list[Listing]]:
    product_id = int(product["id"])
    try:
        return product, [(None, await api.features(product_id))]
    except GAP_ERRORS as error:
        if not isinstance(error, errors.RequestRefusedError) or error.status != 422:
            gaps.append(gap_of("features", "all features", error, product_id))
            return product, []
    # 422 means sectioned after all: sections may have been switched on since the list of products was read.
    try:
        product = await api.product(product_id)
    except GAP_ERRORS as error:
        gaps.append(gap_of("features", "all features", error, product_id))
        return product, []
    if not has_sections(product):
        reason = "the API answered 422, as it does for sectioned products, but names no sections beside the default one"
        gaps.append(Gap("features", "features of unnamed sections", reason, 1, product_id))
    ids = get_section_ids(product) or get_known_section_ids(product)
    return product, await _section_listings(api, product, ids, gaps)


async def _section_listings(api: Client, product: Any, section_ids: Sequence[int], gaps: list[Gap]) -> list[Listing]:
    """Read each section, and the product as a whole for features that are in no section, where the API has that."""
    product_id = int(product["id"])

    async def section(section_id: int) -> Listing | None:
        try:
            return section_id, await api.features(product_id, section_id)
        except GAP_ERRORS as error:
            gaps.append(gap_of("features", _section_name(api, product, section_id), error, product_id))
            return None

    async def outside() -> Listing | None:
        try:
            return None, await api.features(product_id)
        except (errors.RequestRefusedError, errors.NotFoundError):
            return None  # the API of 2025 has no such list for a sectioned product
        except GAP_ERRORS as error:
            if getattr(error, "status", None) != 500:  # which was seen instead of 422
                gaps.append(gap_of("features", "features in no section", error, product_id))
            return None

    found = await gather(*(section(section_id) for section_id in section_ids), outside())
    listings = [listing for listing in found if listing is not None]
    if found[-1] is None and has_nameless_sections(product):
        reason = "a section without a usable id cannot be asked for its features, and the API lists them nowhere else"
        gaps.append(Gap("features", "features of sections without id", reason, 0, product_id))
    return sorted(listings, key=lambda listing: listing[0] is None)


def _section_name(api: Client, product: Any, section_id: int) -> str:
    name = section_names(product).get(section_id, "")
    name = payloads.clean_text(payloads.scrub_text(" ".join(name.split()), api.secrets))[:60]
    return f"section {section_id}" + (f" ({name})" if name else "")


async def _story_lists(api: Client, product_id: int, listings: Sequence[Listing], gaps: list[Gap]) -> list[Any]:
    """Read the story list of the product, or of each of its sections, where features name stories as plain text."""
    sections: list[int | None] = [section_id for section_id, _ in listings if section_id is not None]

    async def stories(section_id: int | None) -> list[Any]:
        try:
            return await api.user_stories(product_id, section_id)
        except GAP_ERRORS as error:
            where = "user stories" if section_id is None else f"user stories of section {section_id}"
            gaps.append(gap_of("features", where, error, product_id))
            return []

    return [story for found in await gather(*(stories(s) for s in sections or [None])) for story in found]
