"""How old and how complete the mirror is, per product and stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, ON_REQUEST, STREAMS
from testio_analytics.reports.asked import owes_account, scope_note
from testio_analytics.reports.doubt_sources import wrong_clocks
from testio_analytics.reports.doubt_words import LONGEST_PLACE, sentences, words
from testio_analytics.reports.doubts import doubts
from testio_analytics.reports.registry import documented
from testio_analytics.text import counted, instant_words, listed, short

IN_THE_TABLE = ("never read", "incomplete", "unread tests")
"""The kinds of doubt that the rows of the ledger show in words."""

OF_READS = (*IN_THE_TABLE, "older than the report")
"""The kinds of doubt that make a row of the ledger not complete."""

STATES = ("complete", "older", "incomplete", "never read")
"""Older is what is complete, but was last read before the report date."""

WHOLE_ACCOUNT = "(whole account)"


@documented
def completeness(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the ledger, one row per product and stream, also for streams that were never read.

    The first row is the account's list of products (`product_id` 0). Order: account first, then products by name and
    id, inside a product the streams in reading order.
    """
    return ledger(mirror, mirror.instant(as_of))


def ledger(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
    """Return the ledger as `completeness` does, with ages up to `instant`."""
    rows = _expected_rows(mirror)
    states = mirror.stream_states.drop(columns=["last_run_id", "last_complete_run_id"])
    found = rows.merge(states, on=["product_id", "stream"], how="left", validate="one_to_one")
    found = found.merge(_gap_texts(mirror), on=["product_id", "stream"], how="left", validate="one_to_one")
    doubted = {(one.product_id or ACCOUNT, one.stream): one.kind for one in doubts(mirror) if one.kind in OF_READS}
    pairs = zip(found["product_id"].tolist(), found["stream"].tolist(), strict=True)
    kinds = pd.Series([doubted.get(pair) for pair in pairs], index=found.index, dtype="str")
    is_complete = kinds.isna() & found["last_read_at"].notna()
    missing = (found["rows_expected"] - found["rows_stored"]).clip(lower=0)
    never = found["last_read_at"].isna()
    state = is_complete.map({True: "complete", False: "incomplete"})
    state = state.mask(kinds == "older than the report", "older").mask(never, "never read")
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
    current = {*mirror.active("products")["id"].tolist()}
    gone = {*mirror.product_names} - current
    pairs = {(key, stream) for key in current for stream in STREAMS}
    pairs |= {(ACCOUNT, "products")} if owes_account(mirror) else set()
    for ledger in (mirror.stream_states, _open(mirror.sync_gaps)):
        keys = ledger["product_id"].fillna(ACCOUNT).tolist()
        pairs |= {pair for pair in zip(keys, ledger["stream"].tolist(), strict=True) if pair[0] not in gone}
    frame = pd.DataFrame([*pairs], columns=["product_id", "stream"]).astype({"product_id": "Int64", "stream": "str"})
    is_account = frame["product_id"] == ACCOUNT
    frame.insert(1, "product", mirror.named(frame["product_id"]).mask(is_account, WHOLE_ACCOUNT))
    place = frame["stream"].map({stream: place for place, stream in enumerate(STREAMS + ON_REQUEST)})
    frame = frame.assign(first=~is_account, place=place).sort_values(["first", "product", "product_id", "place"])
    return frame[["product_id", "product", "stream"]].reset_index(drop=True)


def _gap_texts(mirror: Mirror) -> pd.DataFrame:
    """Return the open gaps as one row per product and stream: how many, and where and why.

    Tests whose bugs or results were not read are no gap of the last read, and said as well.
    """
    gaps = _open(mirror.sync_gaps)
    rows: dict[tuple[int, str], list[str]] = {}
    keys = gaps["product_id"].fillna(ACCOUNT).tolist()
    for key, stream, where, reason in zip(keys, gaps["stream"], gaps["where"], gaps["reason"], strict=True):
        rows.setdefault((key, stream), []).append(f"{short(where, LONGEST_PLACE)}: {short(reason, 200)}")
    found: list[tuple[Any, ...]] = [(*pair, len(texts), "; ".join(texts)) for pair, texts in rows.items()]
    for one in doubts(mirror):
        if one.kind == "unread tests":
            found.append((one.product_id, one.stream, 0, words(one, "this product")))
    frame = pd.DataFrame(found, columns=["product_id", "stream", "gaps", "gap"])
    return frame.astype({"product_id": "Int64", "stream": "str", "gaps": "Int64", "gap": "str"})


def _open(ledger: pd.DataFrame) -> pd.DataFrame:
    return ledger[ledger["closed_at"].isna()]


@dataclass(frozen=True)
class HealthSummary:
    """How far the figures can be trusted: a sentence, a few facts, and what is missing, a sentence each."""

    sentence: str
    facts: dict[str, Any]
    gaps: tuple[str, ...]


def health_summary(mirror: Mirror, *, as_of: AsOf = None) -> HealthSummary:
    """Return how fresh and complete the mirror is at the report date.

    Raises:
        UnknownValueError: `as_of` is no date or time.
    """
    mirror, instant = mirror.at(as_of), mirror.instant(as_of)
    table = completeness(mirror, as_of=instant)
    products = mirror.active("products")
    facts = {
        "Report date": instant if len(mirror.stream_states) else None,
        "Last sync": None if mirror.run_id is None else f"run {mirror.run_id}",
        "All complete as of": "not yet" if not table["is_complete"].all() else table["last_complete"].min(),
        "Rejected rows": int(table["rejected"].sum()),
    }
    sentence = _health_sentence(table, len(products), instant)
    if scope_note(mirror) is not None:
        sentence = f"{sentence.removesuffix('.')}; other products were never asked for."
    return HealthSummary(sentence, facts, tuple(gap_messages(table, mirror)))


def _health_sentence(table: pd.DataFrame, products: int, instant: pd.Timestamp) -> str:
    if (table["state"] == "never read").all():
        return "Nothing has been read yet: no sync has stored anything in this database."
    complete, total = int(table["is_complete"].sum()), len(table)
    when = f"as of {instant_words(instant)}"
    if complete == total:
        return f"{counted(products, 'product')}, all data sets fully synced, {when}."
    incomplete = table[~table["is_complete"]]
    named = listed([f"{row['stream']} of {row['product']}" for _, row in incomplete.iterrows()])
    verb = "is" if total - complete == 1 else "are"
    synced = f"{complete:,} of {total:,} data sets of {counted(products, 'product')} are fully synced {when}"
    return f"{synced}; {total - complete:,} {verb} not: {named}."


def gap_messages(table: pd.DataFrame, mirror: Mirror) -> list[str]:
    """Return what could not be read, a line for each product and stream, and everything else that is in doubt."""
    open_gaps = table[table["gap"].notna()]
    messages = [f"{row['product']}, {row['stream']}: {row['gap']}" for _, row in open_gaps.iterrows()]
    messages += _never_read(mirror)
    said = sentences([*wrong_clocks(mirror), *(one for one in doubts(mirror) if one.kind not in IN_THE_TABLE)])
    return messages + [f"{sentence}." for sentence in said]


def _never_read(mirror: Mirror) -> list[str]:
    """Say what was never read, products of which the same is missing together, and whether it was ever asked for."""
    missing: dict[tuple[bool, str], list[str]] = {}
    for one in doubts(mirror):
        if one.kind == "never read":
            missing.setdefault((one.was_asked, one.product), []).append(one.stream)
    owners: dict[tuple[bool, str], list[str]] = {}
    for (was_asked, product), streams in missing.items():
        owners.setdefault((was_asked, listed(streams, len(streams))), []).append(short(product))
    texts = {True: "Never read", False: "Never asked for"}
    return [f"{texts[was_asked]}: {what} of {listed(of)}." for (was_asked, what), of in owners.items()]


def product_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the ledger with one row per product: the rows stored per stream, the oldest complete read, what is missing.

    Products of which something is missing come first. Where nothing is, the column for it is left out.
    """
    rows = []
    for _, of_product in table[table["product_id"] != ACCOUNT].groupby("product_id", sort=False):
        stored = dict(zip(of_product["stream"], of_product["stored"], strict=True))
        missing = of_product.loc[~of_product["is_complete"], "stream"].tolist()
        rows.append(
            {"product": of_product["product"].iloc[0]}
            | {stream: stored.get(stream, pd.NA) for stream in (*STREAMS[1:], *ON_REQUEST)}
            | {"age": _age_words(of_product), "not complete": ", ".join(missing) or None}
        )
    columns = ["product", *STREAMS[1:], *ON_REQUEST, "age", "not complete"]
    frame = pd.DataFrame(rows, columns=columns)
    frame = frame.astype(dict.fromkeys((*STREAMS[1:], *ON_REQUEST), "Int64") | dict.fromkeys(["not complete"], "str"))
    frame = frame.sort_values("not complete", key=lambda texts: texts.isna(), kind="stable", ignore_index=True)
    empty = [name for name in ("not complete", *ON_REQUEST) if frame[name].isna().all()]
    return frame.drop(columns=empty)


def _age_words(of_product: pd.DataFrame) -> str:
    ages = of_product["age_days"].dropna()
    return "never read" if ages.empty else counted(int(ages.max()), "day")
