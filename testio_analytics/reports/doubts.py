"""What puts figures in doubt: one rule for which reports, products and rows a doubt touches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST
from testio_analytics.reports.asked import owes_account
from testio_analytics.reports.doubt_sources import ORDER, all_doubts, list_doubts, read_states
from testio_analytics.reports.doubt_words import Doubt, sentences
from testio_analytics.reports.facts import (
    once,
)
from testio_analytics.reports.registry import REPORTS

DOUBTS = "doubts"
"""Under this name a report's frame carries, in ``attrs``, what puts its figures in doubt: a list of sentences."""


def doubts(mirror: Mirror, streams: Collection[str] = ORDER) -> tuple[Doubt, ...]:
    """Return everything that puts figures in doubt which rest on these streams, by product and stream.

    What is missing of the products themselves touches everything. Bugs and results are read test by test: what rests on
    them rests on the tests as well.
    """
    rests_on = {"products", *streams, *(("tests",) if {*streams} & {*BY_TEST} else ())}
    return tuple(doubt for doubt in all_doubts(mirror) if doubt.source in rests_on)


def doubts_of(mirror: Mirror, report: str) -> tuple[Doubt, ...]:
    """Return everything that puts the figures of a report in doubt."""
    return doubts(mirror, REPORTS[report].streams)


def stating(frame: pd.DataFrame, found: Collection[Doubt]) -> pd.DataFrame:
    """Return the frame with what puts it in doubt in its ``attrs``: plain sentences, which any file format can keep."""
    frame.attrs = {DOUBTS: [f"{sentence}." for sentence in sentences(found)]}
    return frame


def lists_products(mirror: Mirror) -> bool:
    """Return whether all products that the account had were known, whichever were asked for."""
    of_account = any(one.product_id is None for one in doubts(mirror, ("products",)))
    return owes_account(mirror) and not of_account and not any(list_doubts(mirror))


def known_later(before: Mirror, after: Mirror) -> tuple[Doubt, ...]:
    """Return the products of a state that may have been there at an earlier one without being known, a doubt each."""
    if lists_products(before):
        return ()
    rows, names = after.active("products"), after.product_names
    found = sorted({*rows["id"].tolist()} - {*before.products["id"].tolist()})
    return tuple(
        Doubt("products", "never read", key, names[key], was_asked=False, stated_of=before.as_of) for key in found
    )


def doubts_about(
    mirror: Mirror, product_id: int, feature_id: int | None = None, *, reports: Collection[str]
) -> tuple[Doubt, ...]:
    """Return what puts the row of a product, or of a feature of it, in doubt in any of these reports, as `row_gaps` does."""
    found = doubts(mirror, {stream for report in reports for stream in REPORTS[report].streams})
    return tuple(one for one in found if _touches(one, product_id, feature_id))


def _touches(doubt: Doubt, product_id: int, feature_id: int | None) -> bool:
    if doubt.product_id is not None and doubt.features is not None and feature_id is not None:
        return feature_id in doubt.features
    return product_id == doubt.product_id or product_id in doubt.others


def with_row_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows that have a product_id: what touches that product.

    Where the rows have a feature_id, what is known to be about some features touches those alone.
    """
    return with_gap(rows, row_gaps(rows, doubts_of(mirror, report)))


def row_gaps(rows: pd.DataFrame, found: Collection[Doubt]) -> pd.Series[str]:
    """Return which of the doubts touch each row, in words; empty where none does. See `with_row_doubts`."""
    texts = ["; ".join(said) or None for said in row_sentences(rows, found)]
    return pd.Series(texts, index=rows.index, dtype="str")


def row_sentences(rows: pd.DataFrame, found: Collection[Doubt]) -> list[tuple[str, ...]]:
    """Return which of the doubts touch each row, a sentence without full stop each. See `with_row_doubts`."""
    of_product, of_feature, of_others = (defaultdict[int, list[Doubt]](list) for _ in range(3))
    for doubt in found:
        if doubt.product_id is None:
            continue
        if doubt.features is None or "feature_id" not in rows:
            of_product[doubt.product_id].append(doubt)
            for other in doubt.others:
                of_others[other].append(doubt)
            continue
        for feature_id in doubt.features:
            of_feature[feature_id].append(doubt)
    said = {key: sentences(of, "this product") for key, of in of_product.items()}
    more = {key: sentences(of, "this product") for key, of in of_feature.items()}
    beyond = {key: sentences(of) for key, of in of_others.items()}
    features = rows["feature_id"].tolist() if "feature_id" in rows else [None] * len(rows)
    pairs = zip(rows["product_id"].tolist(), features, strict=True)
    return [(*said.get(one, ()), *more.get(key, ()), *beyond.get(one, ())) for one, key in pairs]


def with_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows of all products together: what touches any of them."""
    text = "; ".join(sentences(doubts_of(mirror, report))) or None
    return with_gap(rows, pd.Series(text, index=rows.index, dtype="str"))


def with_gap(rows: pd.DataFrame, gap: pd.Series[str]) -> pd.DataFrame:
    """Add the columns is_complete and gap, from the doubts in words; empty where there is none."""
    return rows.assign(is_complete=gap.isna().astype("boolean"), gap=gap)


def missing_of(mirror: Mirror, stream: str) -> dict[int, Doubt]:
    """Return by product why rows of a stream may be missing: not fully synced, or last read before the report date.

    What is missing of a product's tests, bugs or results may be about another product: that is so as soon as a stored
    test of it looks at a feature of the other. A test that does and is missing itself, where none is stored that does,
    is the one case in which the other product does not know of it.
    """
    kinds = ("never read", "incomplete", "older than the report")
    found = [one for one in doubts(mirror, (stream,)) if one.stream == stream and one.kind in kinds]
    of_others = {other: one for one in found for other in one.others}
    return of_others | {one.product_id: one for one in found if one.product_id is not None}


def products_in_doubt(mirror: Mirror, *streams: str) -> frozenset[int]:
    """Return the products of which rows of one of these streams may be missing."""
    return frozenset(key for stream in streams for key in missing_of(mirror, stream))


def never_synced_products(mirror: Mirror, stream: str) -> frozenset[int]:
    """Return the ids of the active products of which nothing is known in this stream: never a complete read, no row."""
    products, known = _known_products(mirror)
    return products - known.get(stream, frozenset())


@once
def _known_products(mirror: Mirror) -> tuple[frozenset[int], dict[str, frozenset[int]]]:
    """Return the ids of the active products, and by stream those of which something is known."""
    states = mirror.stream_states
    states = states[states["last_complete_at"].notna() | (states["rows_stored"] > 0)]
    known = {str(stream): frozenset(rows.tolist()) for stream, rows in states.groupby("stream")["product_id"]}
    return frozenset(mirror.active("products")["id"].tolist()), known


def nothing_read(mirror: Mirror, stream: str) -> bool:
    """Return whether nothing is known of a stream in the whole account: a total of it would be made of nothing.

    An account whose list of products was read and is empty has none, and that is known.
    """
    products = mirror.active("products")
    if products.empty:
        known = read_states(mirror).get((ACCOUNT, "products"))
        return known is None or (known.until is None and not known.is_complete)
    return len(never_synced_products(mirror, stream)) == len(products)
