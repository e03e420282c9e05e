"""What puts figures in doubt: one kind of data, one rule for whom it touches, one function for the words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST, ON_REQUEST, STREAMS
from testio_analytics.reports.asked import asked_for, owes_account
from testio_analytics.reports.facts import NO_STATUS, dated_tests, once, unread_tests
from testio_analytics.reports.registry import REPORTS, STATUSES
from testio_analytics.text import counted, label, listed, short

Kind = Literal["never read", "incomplete", "unread tests", "unknown status", "unknown results"]

ORDER = (*STREAMS, *ON_REQUEST, STATUSES)
LONGEST_PLACE = 100
NOT_OWED = ("products", *ON_REQUEST)
"""Streams of a product that need not have been read: its details come with the list, single runs where asked for."""


@dataclass(frozen=True)
class Doubt:
    """Something that puts figures in doubt.

    Attributes:
        stream: where it is: a stream, or `STATUSES`.
        kind: "never read"; "incomplete" (the last read had gaps, or rejected records); "unread tests" (executed
            tests whose bugs or results were not read); "unknown status" (tests that may or may not count
            as executed); "unknown results" (stories whose result is missing or no known word).
        product_id, product: whose; None and "the account" for the account's list of products.
        count: gaps, tests or stories.
        places: the places that could not be read, like "page 5"; the titles of tests.
        value: the unknown status; "" where it is missing.
        features: the features that it is about; None where it may be about any of the product.
        since: the last complete read of that stream; None where there was none.
        was_asked: whether a run was ever asked for it; what was not is missing all the same, but is no fault.
    """

    stream: str
    kind: Kind
    product_id: int | None
    product: str
    count: int = 0
    places: tuple[str, ...] = ()
    value: str = ""
    features: frozenset[int] | None = None
    since: pd.Timestamp | None = None
    was_asked: bool = True


def doubts(mirror: Mirror, streams: Collection[str] = ORDER) -> tuple[Doubt, ...]:
    """Return everything that puts figures in doubt which rest on these streams, by product and stream.

    What is missing of the products themselves touches everything. Bugs and results are read test by test: what rests on
    them rests on the tests as well.
    """
    rests_on = {"products", *streams, *(("tests",) if {*streams} & {*BY_TEST} else ())}
    return tuple(doubt for doubt in _all_doubts(mirror) if doubt.stream in rests_on)


def doubts_of(mirror: Mirror, report: str) -> tuple[Doubt, ...]:
    """Return everything that puts the figures of a report in doubt."""
    return doubts(mirror, REPORTS[report].streams)


def words(doubt: Doubt, owner: str | None = None) -> str:
    """Return a doubt as a sentence without full stop, like "The tests of Harbour were not fully synced (page 5)"."""
    whose = short(doubt.product if owner is None else owner)
    what = "details" if doubt.stream == "products" and doubt.product_id is not None else doubt.stream
    match doubt.kind:
        case "never read":
            return f"The {what} of {whose} were never {'read' if doubt.was_asked else 'asked for'}"
        case "incomplete":
            return f"The {what} of {whose} were not fully synced{_places(doubt.places)}"
        case "unread tests":
            return f"The {doubt.stream} of {counted(doubt.count, 'executed test')} of {whose} were not read"
        case "unknown status":
            named = f" ({short('; '.join(doubt.places))})" if doubt.places else ""
            value = f"the status “{short(doubt.value)}”, which is not known" if doubt.value else "an unknown status"
            return f"{counted(doubt.count, 'test')} of {whose}{named} {'has' if doubt.count == 1 else 'have'} {value}"
        case "unknown results":
            return f"The result of {counted(doubt.count, 'story', 'stories')} of {whose} is missing or not a known word"


def sentences(found: Collection[Doubt]) -> tuple[str, ...]:
    """Return doubts in words, a sentence without full stop each."""
    return tuple(map(words, found))


def _places(places: tuple[str, ...]) -> str:
    """Return places in brackets; what stands in brackets after one follows a comma instead."""
    named = [short(re.sub(r" \((.*)\)$", r", \1", place), LONGEST_PLACE) for place in places]
    return f" ({listed(named)})" if named else ""


# -- whom they touch ------------------------------------------------------------------------------------------------


def with_row_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows that have a product_id: what touches that product.

    Where the rows have a feature_id, what is known to be about some features touches those alone.
    """
    of_product, of_feature = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
    for doubt in doubts_of(mirror, report):
        if doubt.product_id is None:
            continue
        if doubt.features is None or "feature_id" not in rows:
            of_product[doubt.product_id].append(words(doubt, "this product"))
            continue
        for feature_id in doubt.features:
            of_feature[feature_id].append(words(doubt, "this product"))
    features = rows["feature_id"].tolist() if "feature_id" in rows else [None] * len(rows)
    pairs = zip(rows["product_id"].tolist(), features, strict=True)
    texts = ["; ".join([*of_product.get(one, ()), *of_feature.get(other, ())]) or None for one, other in pairs]
    return with_gap(rows, pd.Series(texts, index=rows.index, dtype="str"))


def with_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows of all products together: what touches any of them."""
    text = "; ".join(sentences(doubts_of(mirror, report))) or None
    return with_gap(rows, pd.Series(text, index=rows.index, dtype="str"))


def with_gap(rows: pd.DataFrame, gap: pd.Series[str]) -> pd.DataFrame:
    """Add the columns is_complete and gap, from the doubts in words; empty where there is none."""
    return rows.assign(is_complete=gap.isna().astype("boolean"), gap=gap)


def products_in_doubt(mirror: Mirror, *streams: str) -> frozenset[int]:
    """Return the products of which one of these streams is not fully synced: rows may be missing there."""
    kinds = ("never read", "incomplete")
    found = (doubt for doubt in doubts(mirror, streams) if doubt.kind in kinds and doubt.stream != "products")
    return frozenset(doubt.product_id for doubt in found if doubt.product_id is not None)


@once
def never_synced_products(mirror: Mirror, stream: str) -> frozenset[int]:
    """Return the ids of the active products of which nothing is known in this stream: never a complete read, no row."""
    states = mirror.stream_states[mirror.stream_states["stream"] == stream]
    is_known = states["last_complete_at"].notna() | (states["rows_stored"] > 0)
    return frozenset(mirror.active("products")["id"].tolist()) - {*states[is_known]["product_id"].tolist()}


# -- where they come from -------------------------------------------------------------------------------------------


@once
def _all_doubts(mirror: Mirror) -> tuple[Doubt, ...]:
    found = [*_account_doubts(mirror), *_stream_doubts(mirror), *_unread(mirror), *_unknown_statuses(mirror)]
    return tuple(sorted(found, key=_place))


def _place(doubt: Doubt) -> tuple[bool, str, int, int, str]:
    """Return where a doubt stands among others: the account first, then products by name, inside one by stream."""
    of_product = doubt.product_id is not None
    return of_product, doubt.product, doubt.product_id or ACCOUNT, ORDER.index(doubt.stream), doubt.value


def _open_gaps(mirror: Mirror) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the places that could not be read, by product (0: the whole account) and stream."""
    gaps = mirror.sync_gaps[mirror.sync_gaps["closed_at"].isna()]
    keys = zip(gaps["product_id"].fillna(ACCOUNT).tolist(), gaps["stream"].tolist(), strict=True)
    found: dict[tuple[int, str], tuple[str, ...]] = {}
    for key, where in zip(keys, gaps["where"].tolist(), strict=True):
        found[key] = (*found.get(key, ()), where)
    return found


def _account_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say what is missing of the account's list of products; of no concern to whoever asked for some products."""
    if mirror.product_ids is not None or not owes_account(mirror):
        return
    states, places = _states(mirror), _open_gaps(mirror).get((ACCOUNT, "products"), ())
    known = states.get((ACCOUNT, "products"))
    if places or known is None or not known[0]:
        kind: Kind = "incomplete" if places or known is not None else "never read"
        yield Doubt("products", kind, None, "the account", len(places), places, since=known and known[1])


def _stream_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say which streams of which products are not fully synced; a gap of the whole account concerns each product.

    Gaps of products that are not stored themselves are said as well.
    """
    states, gaps, names = _states(mirror), _open_gaps(mirror), mirror.product_names
    current = {*mirror.active("products")["id"].tolist()}
    for stream in (*STREAMS, *ON_REQUEST):
        of_account = () if stream == "products" else gaps.get((ACCOUNT, stream), ())
        not_stored = {key for key, of in gaps if of == stream and key != ACCOUNT} - {*names}
        for product_id in sorted(current | not_stored):
            places, known = gaps.get((product_id, stream), ()) + of_account, states.get((product_id, stream))
            if not places and (stream in NOT_OWED if known is None else known[0]):
                continue
            kind: Kind = "never read" if not places and known is None else "incomplete"
            name = names.get(product_id) or label(None, "Product", product_id)
            was_asked = kind != "never read" or asked_for(mirror).covers(product_id, stream)
            since = known and known[1]
            yield Doubt(stream, kind, product_id, name, len(places), places, since=since, was_asked=was_asked)


def _states(mirror: Mirror) -> dict[tuple[int, str], tuple[bool, pd.Timestamp | None]]:
    """Return whether each stream of each product was complete at its last read, and when it last was."""
    states = mirror.stream_states
    at = [None if pd.isna(instant) else instant for instant in states["last_complete_at"]]
    keys = zip(states["product_id"].tolist(), states["stream"].tolist(), strict=True)
    return dict(zip(keys, zip(states["is_complete"].fillna(False).tolist(), at, strict=True), strict=True))


def _unread(mirror: Mirror) -> Iterator[Doubt]:
    """Say how many executed tests of each product were not read in a stream that is complete by its own account."""
    tests = dated_tests(mirror)
    tests = tests[(tests["group"] == "executed") & tests["product_id"].isin(mirror.active("products")["id"])]
    incomplete = {(doubt.product_id, doubt.stream) for doubt in _stream_doubts(mirror)}
    for stream in BY_TEST:
        if stream in ON_REQUEST:
            continue  # single runs are read only where they are asked for
        unread = tests[tests["test_id"].isin(unread_tests(mirror, stream))]
        for product_id, count in unread.groupby("product_id")["test_id"].nunique().items():
            key = int(str(product_id))
            if (key, stream) not in incomplete:
                yield Doubt(stream, "unread tests", key, mirror.product_names[key], int(count))


def _unknown_statuses(mirror: Mirror) -> Iterator[Doubt]:
    """Say which tests have a status that no definition knows: whether they were executed is not known."""
    tests = dated_tests(mirror)
    tests = tests[tests["group"] == "unknown"].sort_values("test_id")
    copies = mirror.active("test_features").dropna(subset=["feature_id"])
    for (status, product_id), rows in tests.groupby(["status", "product_id"]):
        key, titles = int(str(product_id)), tuple(rows["test"].head(3).tolist())
        name = mirror.product_names.get(key) or label(None, "Product", key)
        value = "" if status == NO_STATUS else str(status)
        scope = frozenset(copies[copies["test_id"].isin(rows["test_id"])]["feature_id"].tolist())
        yield Doubt(STATUSES, "unknown status", key, name, len(rows), titles, value, scope)
