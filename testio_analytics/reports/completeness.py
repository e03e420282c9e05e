"""The completeness ledger as a report: what of each stream is stored, what is missing, and how old it is.

Every other report asks here which figures are in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf, as_instant
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST, ON_REQUEST, STREAMS
from testio_analytics.text import label, listed, short

NEVER_READ = "never read"
NOT_COMPLETE = "the last read was not complete"
MISSING_TESTS = "tests: "
STATES = ("complete", "incomplete", NEVER_READ)
WHOLE_ACCOUNT = "(whole account)"
LONGEST_PLACE = 100


def report_instant(mirror: Mirror, as_of: AsOf = None) -> pd.Timestamp:
    """Return the instant that a report is about: `as_of`, else the mirror's own, else (nothing ever read) 1970.

    Raises:
        UnknownValueError: `as_of` is no instant.
    """
    if as_of is not None:
        return as_instant(as_of)
    # Where nothing was ever read there are no rows to judge, and any instant does.
    return mirror.as_of if mirror.as_of is not None else pd.Timestamp(0, tz="UTC").as_unit("us")


def active(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the source still had at its last complete read."""
    return frame[frame["removed_at"].isna()]


def product_names(mirror: Mirror) -> dict[int, str]:
    """Return the names of all products by id, removed ones included."""
    rows = zip(mirror.products["id"], mirror.products["name"], strict=True)
    return {int(key): label(name, "Product", key) for key, name in rows}


def stream_doubts(mirror: Mirror, stream: str) -> dict[int, str]:
    """Return the products whose stream is not completely read, each with what is missing of it.

    What is missing is `NEVER_READ`, `NOT_COMPLETE`, or the places that could not be read, like "page 5". A gap of the
    whole account puts every product in doubt. A gap of a product that is not stored itself is listed as well.
    """
    gaps = _open(mirror.sync_gaps)
    gaps = gaps[gaps["stream"] == stream]
    of_account = gaps[gaps["product_id"].isna()]["where"].tolist()
    complete = _completeness(mirror, stream)
    products = {int(key) for key in active(mirror.products)["id"]}
    gone = {*product_names(mirror)} - products
    doubts = {}
    for product in sorted(products | {int(key) for key in gaps["product_id"].dropna()} - gone):
        where = [*gaps[gaps["product_id"] == product]["where"].tolist(), *of_account]
        if product not in complete:
            doubts[product] = _places(where) or NEVER_READ
        elif where or not complete[product]:
            doubts[product] = _places(where) or NOT_COMPLETE
    if stream not in BY_TEST:
        return doubts
    # Whose test is missing, its bugs and results are missing, too.
    return {key: f"{MISSING_TESTS}{text}" for key, text in stream_doubts(mirror, "tests").items()} | doubts


def _places(where: Sequence[str]) -> str:
    """Return places in words; what stands in brackets after one follows a comma, since sentences bracket the whole."""
    return listed([short(re.sub(r" \((.*)\)$", r", \1", text), LONGEST_PLACE) for text in where])


def _open(ledger: pd.DataFrame) -> pd.DataFrame:
    return ledger[ledger["closed_at"].isna()]


def _completeness(mirror: Mirror, stream: str) -> Mapping[int, bool]:
    states = mirror.stream_states[mirror.stream_states["stream"] == stream]
    return {int(key): bool(value) for key, value in zip(states["product_id"], states["is_complete"], strict=True)}


def never_synced_products(mirror: Mirror, stream: str) -> set[int]:
    """Return the ids of the active products of which nothing is known in this stream: never a complete read, no row."""
    states = mirror.stream_states[mirror.stream_states["stream"] == stream]
    is_known = states["last_complete_at"].notna() | (states["rows_stored"] > 0)
    return {int(key) for key in active(mirror.products)["id"]} - {*states[is_known]["product_id"]}


def unread_tests(mirror: Mirror, stream: str) -> set[int]:
    """Return the ids of the active tests whose bugs, results or executions (`stream`) are not completely read.

    Read is a test whose last try of this stream read all of it, in the status that the test still has: what was read
    of a test that was only planned says nothing of what it found when it ran. Tests that are not stored at all are not
    among them: those are a gap of the stream ``tests``.
    """
    reads = mirror.test_reads
    reads = reads[(reads["stream"] == stream) & reads["is_complete"]]
    then = {int(key): status for key, status in zip(reads["test_id"], reads["status"].fillna(""), strict=True)}
    tests = active(mirror.tests)
    now = zip(tests["id"], tests["status"].fillna(""), strict=True)
    return {int(key) for key, status in now if then.get(int(key)) != status}


def account_doubt(mirror: Mirror) -> str:
    """Return what is missing of the account's list of products; empty when nothing is."""
    gaps = _open(mirror.sync_gaps)
    where = gaps[(gaps["stream"] == "products") & gaps["product_id"].isna()]["where"].tolist()
    known = _completeness(mirror, "products")
    if where:
        return _places(where)
    if ACCOUNT not in known:
        return NEVER_READ
    return "" if known[ACCOUNT] else NOT_COMPLETE


def completeness(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the ledger, one row per product and stream, also for streams that were never read.

    The first row is the account's list of products (`product_id` 0). Order: account first, then products by name and
    id, inside a product the streams in reading order.

    Columns: product_id, product, stream, state ("complete", "incomplete", "never read"), expected (rows that the API
    holds, empty where it cannot be told), stored, missing (expected less stored, never below 0, empty where unknown;
    what was rejected is missing, too), rejected, gaps (open ones), gap (where and why, in words), last_read,
    last_complete, is_complete, age_days (whole days from the last complete read to `as_of`, empty when there was none).
    """
    instant = report_instant(mirror, as_of)
    rows = _expected_rows(mirror)
    states = mirror.stream_states.drop(columns=["last_run_id", "last_complete_run_id"])
    found = rows.merge(states, on=["product_id", "stream"], how="left", validate="one_to_one")
    found = found.merge(_gap_texts(mirror), on=["product_id", "stream"], how="left", validate="one_to_one")
    is_complete = found["is_complete"].fillna(False) & found["gaps"].isna()
    missing = (found["rows_expected"] - found["rows_stored"]).clip(lower=0)
    never = found["last_read_at"].isna()
    state = is_complete.map({True: "complete", False: "incomplete"}).mask(never, NEVER_READ)
    age = (instant - found["last_complete_at"]).dt.days.astype("Int64").clip(lower=0)
    return pd.DataFrame(
        {
            "product_id": found["product_id"],
            "product": found["product"],
            "stream": found["stream"],
            "state": pd.Categorical(state, categories=list(STATES)),
            "expected": found["rows_expected"],
            "stored": found["rows_stored"],
            "missing": missing,
            "rejected": found["rows_rejected"],
            "gaps": found["gaps"].fillna(0).astype("Int64"),
            "gap": found["gap"],
            "last_read": found["last_read_at"],
            "last_complete": found["last_complete_at"],
            "is_complete": is_complete.astype("boolean"),
            "age_days": age,
        }
    )


def _expected_rows(mirror: Mirror) -> pd.DataFrame:
    """Return every pair of product and stream that there should be, and those that only the ledger knows."""
    names = product_names(mirror)
    current = {int(key) for key in active(mirror.products)["id"]}
    gone = {*names} - current
    pairs = {(ACCOUNT, "products"), *((key, stream) for key in current for stream in STREAMS)}
    for ledger in (mirror.stream_states, _open(mirror.sync_gaps)):
        keys = ledger["product_id"].fillna(ACCOUNT).astype(int)
        pairs |= {pair for pair in zip(keys, ledger["stream"], strict=True) if pair[0] not in gone}
    titles = {ACCOUNT: WHOLE_ACCOUNT} | names
    titled = [(key, titles.get(key, label(None, "Product", key)), stream) for key, stream in pairs]
    titled.sort(key=lambda row: (row[0] != ACCOUNT, row[1], row[0], (STREAMS + ON_REQUEST).index(row[2])))
    frame = pd.DataFrame(titled, columns=["product_id", "product", "stream"])
    return frame.astype({"product_id": "Int64", "product": "str", "stream": "str"})


def _gap_texts(mirror: Mirror) -> pd.DataFrame:
    """Return the open gaps as one row per product and stream: how many, and where and why."""
    gaps = _open(mirror.sync_gaps)
    rows: dict[tuple[int, str], list[str]] = {}
    keys = gaps["product_id"].fillna(ACCOUNT).astype(int)
    for key, stream, where, reason in zip(keys, gaps["stream"], gaps["where"], gaps["reason"], strict=True):
        rows.setdefault((key, stream), []).append(f"{short(where, LONGEST_PLACE)}: {short(reason, 200)}")
    found: list[tuple[Any, ...]] = [(*pair, len(texts), "; ".join(texts)) for pair, texts in rows.items()]
    frame = pd.DataFrame(found, columns=["product_id", "stream", "gaps", "gap"])
    return frame.astype({"product_id": "Int64", "stream": "str", "gaps": "Int64", "gap": "str"})
