"""Which lists the API offers for a product: what earlier runs found, and what a refusal means now.

The API of 2025 cannot list the features of a sectioned product that are in no section, and names stories by their
sentence only (testio-api 5.4 and 6.3). That a list is missing there is no gap; that it fails where it answered is one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlite_utils import Database

from testio_analytics import errors
from testio_analytics.mirror import ledger
from testio_analytics.mirror.diff import REMOVAL
from testio_analytics.mirror.schema import OUTSIDE_SECTIONS
from testio_analytics.mirror.streams.gaps import Gaps


@dataclass(frozen=True)
class Before:
    """What earlier runs found of one product.

    Attributes:
        offers: which lists the API has (True) or was found not to have (False).
        outside: the stored features that were in no section when they were last read.
    """

    offers: Mapping[str, bool] = field(default_factory=dict)
    outside: frozenset[int] = frozenset()


def found_before(db: Database, product_id: int, *, full: bool) -> Before:
    """Return what earlier runs found; with `full`, features that the API can no longer list may be gone."""
    select = """
        select id from features where product_id = ? and removed_at is null and id not in (
            select feature_id from feature_sections where product_id = ? and removed_at is null
        )
    """
    outside = () if full else (row["id"] for row in db.query(select, [product_id, product_id]))
    return Before(ledger.offers(db, product_id), frozenset(outside))


def is_missing_list(refusal: errors.ApiError, before: Before, listed: Collection[int], gaps: Gaps) -> bool:
    """Return whether a refusal means that the API cannot list features outside sections; note a gap where it need not.

    `listed` are the features that the sections listed. Where the list answered before, every refusal is a gap; where it
    was found not to be offered, none is. On the first read only the answers count by which the API is known to say so.
    """
    if before.offers.get(OUTSIDE_SECTIONS) is False:
        return True
    if before.offers.get(OUTSIDE_SECTIONS) or not _says_no_such_list(refusal):
        gaps.note_error("features in no section", refusal)
        return False
    if unlisted := before.outside - {*listed}:
        reason = (
            f"{len(unlisted)} stored features are in no section, and the API does not list those any more: {refusal}"
        )
        gaps.note(f"{REMOVAL}features in no section", f"{reason} They are kept until a sync with --full confirms it")
        return False
    return True


def _says_no_such_list(refusal: errors.ApiError) -> bool:
    """Return whether this is how the API of 2025 refuses: with 422, or a 500 that speaks of sections (testio-api 5.4)."""
    return refusal.status == 422 or (refusal.status == 500 and "section" in refusal.said.lower())
