"""Feature coverage in counts: how much of the catalogue an executed test had in scope, ever and lately.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import BY_TEST
from testio_analytics.reports.completeness import (
    MISSING_TESTS,
    account_doubt,
    active,
    never_synced_products,
    product_names,
    stream_doubts,
    unread_tests,
)
from testio_analytics.reports.executed import dated_tests
from testio_analytics.reports.features import STATES, features_with_state, memberships
from testio_analytics.reports.reasons import doubt_words
from testio_analytics.reports.shares import wilson
from testio_analytics.text import counted, label

NO_SECTION = "(no section)"
ALL_PRODUCTS = "All products"
_COUNTED = (*STATES, "may_be_recent")


def coverage_by_product(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> pd.DataFrame:
    """Return how much of each active product's catalogue is covered, one row per product, by name and id.

    Columns:
        product_id, product.
        active_features, and one count per state: untested, planned, stale, unknown, tested. They add up. Empty for a
            product of whose features nothing was ever read.
        never_executed, never_executed_highest: untested and planned together, and with the unknown ones.
        ever_covered, ever_covered_highest: tested and stale together, and with the unknown ones.
        ever_share, ever_low, ever_high: ever_covered / active_features with its 95 % Wilson interval.
        recent_covered, recent_covered_highest: tested, and with those unknown or stale only because of a gap.
        recent_share, recent_low, recent_high: recent_covered / active_features, likewise.
        is_complete: whether the product's features and tests are completely read.
        gap: what is missing, in words; empty when nothing is.

    Counts without "highest" are the least they can be. Where every feature of a row is unknown, its counts (but those
    per state) and shares are empty: nothing is known, which is not 0.
    """
    judged = features_with_state(mirror, as_of, stale_after, window)
    products = active(mirror.products)
    names = product_names(mirror)
    base = pd.DataFrame({"product_id": products["id"]})
    base["product"] = pd.Series([names[int(key)] for key in products["id"]], index=products.index, dtype="str")
    found = base.merge(_counts(judged, ["product_id"]), on="product_id", how="left", validate="one_to_one")
    found = with_gaps(_measured(_zero_where_read(mirror, found)), product_gaps(mirror))
    return found.sort_values(["product", "product_id"], ignore_index=True)


def coverage_by_section(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> pd.DataFrame:
    """Return how much of each section's catalogue is covered, one row per section, by product, section name and id.

    A feature that belongs to two sections counts in both, so the rows of a product may add up to more than its
    features. Features without section stand under "(no section)" with an empty id. The implicit default section has a
    row only where it has features.

    Columns: product_id, product, section_id, section, then those of `coverage_by_product`. A gap is known by product
    only: it puts every section of its product in doubt.
    """
    judged = features_with_state(mirror, as_of, stale_after, window)
    spread = judged.merge(memberships(mirror), on="feature_id", how="left", validate="one_to_many")
    counts = _counts(spread, ["product_id", "section_id"])
    found = _section_rows(mirror).merge(counts, on=["product_id", "section_id"], how="outer", validate="one_to_one")
    names = product_names(mirror)
    found["section"] = found["section"].fillna(NO_SECTION)
    found.insert(1, "product", pd.Series([names[int(key)] for key in found["product_id"]], dtype="str"))
    is_listed = (found["is_default"] == False).fillna(False) | found["untested"].notna()  # noqa: E712
    found = found[is_listed].drop(columns="is_default")
    found = with_gaps(_measured(_zero_where_read(mirror, found)), product_gaps(mirror))
    return found.sort_values(["product", "product_id", "section", "section_id"], ignore_index=True)


def coverage_total(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, window: float = 180
) -> pd.DataFrame:
    """Return how much of the whole catalogue is covered, in one row; each feature counts once.

    Columns: product ("All products"), then those of `coverage_by_product` without product_id. Here is_complete and gap
    are about all products, and about the account's list of products, too.
    """
    judged = features_with_state(mirror, as_of, stale_after, window)
    sums = _flags(judged)[list(_COUNTED)].sum().astype("Int64")
    found = pd.DataFrame({"product": pd.Series([ALL_PRODUCTS], dtype="str")})
    found = _measured(found.assign(**{name: sums[[name]].array for name in _COUNTED}))
    gaps = account_gaps(mirror)
    found["is_complete"] = pd.Series([not gaps], dtype="boolean")
    found["gap"] = pd.Series(["; ".join(gaps) or None], dtype="str")
    return found


def account_gaps(mirror: Mirror, streams: Sequence[str] = ("features", "tests")) -> list[str]:
    """Return a sentence without full stop for everything that puts figures from these streams in doubt, by product."""
    doubt = account_doubt(mirror)
    found = [doubt_words(doubt, "products", "the account")] if doubt and mirror.product_ids is None else []
    names = product_names(mirror)
    rows = [
        (names.get(product, label(None, "Product", product)), product, stream, text)
        for stream in streams
        for product, text in stream_doubts(mirror, stream).items()
        if not (stream in BY_TEST and text.startswith(MISSING_TESTS) and "tests" in streams)  # said once is enough
    ]
    told = [(name, product, stream, doubt_words(text, stream, name)) for name, product, stream, text in rows]
    for stream in (stream for stream in streams if stream in BY_TEST):
        for product, count in _unread_counts(mirror, stream).items():
            if product not in stream_doubts(mirror, stream):
                name = names.get(product, label(None, "Product", product))
                words = f"The {stream} of {counted(count, 'executed test')} of {name} were not read"
                told.append((name, product, stream, words))
    return found + [sentence for *_, sentence in sorted(told)]


def _counts(judged: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return how many features of each group are in each state; rows without section are a group of their own."""
    sums = _flags(judged).groupby(list(by), dropna=False, observed=True)[list(_COUNTED)].sum()
    return sums.astype("Int64").reset_index()


def _flags(judged: pd.DataFrame) -> pd.DataFrame:
    return judged.assign(**{state: judged["state"] == state for state in STATES})


def _zero_where_read(mirror: Mirror, found: pd.DataFrame) -> pd.DataFrame:
    """Fill the counts of products without features with 0, but leave them empty where nothing was ever read."""
    unread = found["product_id"].isin(never_synced_products(mirror, "features"))
    filled = found.copy()
    for name in _COUNTED:
        filled[name] = found[name].where(found[name].notna() | unread, 0)
    return filled


def _measured(found: pd.DataFrame) -> pd.DataFrame:
    """Add population, totals, shares and intervals to the counts per state."""
    maybe_recent = found["may_be_recent"]
    names = [name for name in found.columns if name not in _COUNTED]
    measured = found[names].assign(active_features=found[list(STATES)].sum(axis=1, skipna=False))
    measured = measured.join(found[list(STATES)])
    # Where not one feature could be judged, "0 covered" would be a number made of nothing.
    is_known = ~((measured["active_features"] > 0) & (found["unknown"] == measured["active_features"]))
    covered, never = found["tested"] + found["stale"], found["untested"] + found["planned"]
    measured["never_executed"] = never.where(is_known)
    measured["never_executed_highest"] = never + found["unknown"]
    measured["ever_covered"] = covered.where(is_known)
    measured["ever_covered_highest"] = covered + found["unknown"]
    measured = _with_share(measured, "ever")
    measured["recent_covered"] = found["tested"].where(is_known)
    measured["recent_covered_highest"] = found["tested"] + maybe_recent
    return _with_share(measured, "recent")


def _with_share(found: pd.DataFrame, kind: str) -> pd.DataFrame:
    parts, wholes = found[f"{kind}_covered"], found["active_features"]
    rows = [share(k, n) for k, n in zip(parts, wholes, strict=True)]
    shares = pd.DataFrame(rows, columns=["share", "low", "high"], index=found.index, dtype="Float64")
    return found.join(shares.add_prefix(f"{kind}_"))


def share(part: Any, whole: Any) -> tuple[float | None, float | None, float | None]:
    """Return part / whole with its 95 % Wilson interval; nothing where there is nothing to divide."""
    if pd.isna(part) or pd.isna(whole) or whole == 0:
        return None, None, None
    return int(part) / int(whole), *wilson(int(part), int(whole))


def product_gaps(mirror: Mirror, streams: Sequence[str] = ("features", "tests")) -> dict[int, str]:
    """Return the products of which something in these streams was not read, each with what, in words."""
    texts: dict[int, list[str]] = {}
    for stream in streams:
        for product, doubt in stream_doubts(mirror, stream).items():
            texts.setdefault(product, []).append(doubt_words(doubt, stream, "this product"))
    return {product: "; ".join(parts) for product, parts in texts.items()}


def reading_gaps(mirror: Mirror, *streams: str) -> dict[int, str]:
    """Return the same for streams that are read test by test, also where tests came after the last read of them."""
    gaps = product_gaps(mirror, streams)
    for stream in (stream for stream in streams if stream in BY_TEST):
        for product, count in _unread_counts(mirror, stream).items():
            words = f"The {stream} of {counted(count, 'executed test')} of this product were not read"
            gaps.setdefault(product, words)
    return gaps


def _unread_counts(mirror: Mirror, stream: str) -> dict[int, int]:
    """Return how many executed tests of each product of this mirror were not read in this stream, where there are any."""
    tests = dated_tests(mirror)
    tests = tests[(tests["group"] == "executed") & tests["test_id"].isin(unread_tests(mirror, stream))]
    tests = tests[tests["product_id"].isin(active(mirror.products)["id"])]
    return {int(str(key)): int(count) for key, count in tests.groupby("product_id")["test_id"].nunique().items()}


def with_gaps(found: pd.DataFrame, gaps: Mapping[int, str]) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows that have a product_id."""
    texts = found["product_id"].map(dict(gaps)).astype("str")
    return found.assign(is_complete=texts.isna().astype("boolean"), gap=texts)


def _section_rows(mirror: Mirror) -> pd.DataFrame:
    sections = active(mirror.sections)
    sections = sections[sections["product_id"].isin(active(mirror.products)["id"])]
    titles = [label(name, "Section", key) for name, key in zip(sections["name"], sections["id"], strict=True)]
    return pd.DataFrame(
        {
            "product_id": sections["product_id"],
            "section_id": sections["id"],
            "section": pd.Series(titles, index=sections.index, dtype="str"),
            "is_default": sections["is_default"],
        }
    )
