"""How old and how complete the mirror is, per product and stream, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.config import resolve_db_path
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.diff import REMOVAL
from testio_analytics.mirror.schema import ACCOUNT, ON_REQUEST, STREAMS
from testio_analytics.reports.doubts import LONGEST_PLACE, doubts, sentences, words, wrong_clocks
from testio_analytics.reports.registry import documented
from testio_analytics.text import age_words, counted, instant_words, listed, short

OLD_AFTER_DAYS = 7
"""Age of the last complete read after which a sync is advised."""

STATES = ("complete", "older", "incomplete", "never read")
"""Older is what is complete, but was last read before the report date."""

OF_READS = ("never read", "incomplete", "older than the report", "unread tests")
SAID = ("older than the report", "before the data", "wrong clock", "no date", "unknown status")
"""Kinds of doubts: those about the reads that the ledger holds, and those that are said besides its gaps."""

WHOLE_ACCOUNT = "(whole account)"


@documented
def completeness(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the ledger, one row per product and stream, also for streams that were never read.

    The first row is the account's list of products (`product_id` 0). Order: account first, then products by name and
    id, inside a product the streams in reading order.
    """
    return _ledger(mirror, mirror.instant(as_of))


def _ledger(mirror: Mirror, instant: pd.Timestamp) -> pd.DataFrame:
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
    pairs = {(ACCOUNT, "products"), *((key, stream) for key in current for stream in STREAMS)}
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


@dataclass(frozen=True, eq=False)
class Status:
    """The state of a database.

    Attributes:
        db: its path.
        table: one row per product and stream, as `completeness` returns it.
        rejected: the rejected rows that still come (columns of ``rejected_rows``).
        is_complete: whether nothing is missing anywhere.
        last_run: number, start, end and outcome of the last run, whatever became of it; None where there is none.
        messages: what to say, the most important first, ending with what to do.
    """

    db: Path
    table: pd.DataFrame
    rejected: pd.DataFrame
    is_complete: bool
    last_run: dict[str, Any] | None
    messages: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the status as the plain object that ``--json`` prints."""
        import json

        return {
            "db": str(self.db),
            "is_complete": self.is_complete,
            "last_run": self.last_run,
            "streams": json.loads(self.table.to_json(orient="records", date_format="iso")),
            "messages": list(self.messages),
        }

    def __repr__(self) -> str:
        return "\n".join(self.messages)


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
    gaps = (*_gap_messages(table), *_status_messages(mirror))
    return HealthSummary(_health_sentence(table, len(products), instant), facts, gaps)


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


def status(db: str | Path | None = None, *, now: datetime | None = None) -> Status:
    """Return how old and how complete the database is, and what to do next.

    Args:
        db: path of the database; default as in `config`.
        now: the time that ages are measured to; the clock of the machine by default, because here, unlike in a
            report, the question is how old the data are for the person who asks.

    Raises:
        StoreError: the database is missing or cannot be used.
    """
    path = resolve_db_path(db)
    mirror = load_mirror(path)
    now = now or datetime.now(UTC)
    table = _ledger(mirror, mirror.instant(now))
    run = None if mirror.sync_runs.empty else mirror.sync_runs.iloc[-1]
    last_run = (
        None if run is None else {name: _plain(run[name]) for name in ("id", "started_at", "finished_at", "outcome")}
    )
    rejected = mirror.rejected_rows[mirror.rejected_rows["closed_at"].isna()]
    messages = (
        *_run_messages(run),
        *_gap_messages(table),
        *_status_messages(mirror),
        *_age_messages(table, mirror.active("products")),
        *_advice(mirror, table, run),
    )
    return Status(path, table, rejected, not doubts(mirror), last_run, messages)


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value.item() if hasattr(value, "item") else value


def _run_messages(run: Any) -> list[str]:
    if run is None:
        return ["Nothing was synced into this database yet."]
    ended = "" if pd.isna(run["finished_at"]) else f", ended {instant_words(run['finished_at'])}"
    line = f"Last run: {run['id']}, {run['outcome']}, begun {instant_words(run['started_at'])}{ended}."
    return [line, *([f"It failed: {run['error']}"] if run["outcome"] == "failed" and run["error"] else [])]


def _gap_messages(table: pd.DataFrame) -> list[str]:
    open_gaps = table[table["gap"].notna()]
    never = table[table["state"] == "never read"]
    messages = [f"{row['product']}, {row['stream']}: {row['gap']}" for _, row in open_gaps.iterrows()]
    if len(never):
        names = ", ".join(f"{row['product']} ({row['stream']})" for _, row in never.iterrows())
        messages.append(f"Never read: {names}.")
    return messages


def _status_messages(mirror: Mirror) -> list[str]:
    said = sentences([*wrong_clocks(mirror), *(one for one in doubts(mirror) if one.kind in SAID)])
    return [f"{sentence}." for sentence in said]


def _age_messages(table: pd.DataFrame, products: pd.DataFrame) -> list[str]:
    ages = table["age_days"].dropna()
    if ages.empty:
        return []
    oldest = int(ages.max())
    return [f"{counted(len(products), 'product')}; the oldest complete read was {age_words(oldest)}."]


def _advice(mirror: Mirror, table: pd.DataFrame, run: Any) -> list[str]:
    if run is None:
        return ["Next: put the token into TESTIO_CUSTOMER_API_TOKEN and run `testio-analytics sync`."]
    if run["outcome"] == "running":
        return ["A sync is running, or was killed; the next sync finds out and goes on from there."]
    if any(place.startswith(REMOVAL) for one in doubts(mirror) for place in one.places):
        return ["Next: if those rows are really gone at the source, run `testio-analytics sync --full`."]
    if {*table["state"][~table["is_complete"].astype(bool)]} == {"older"}:
        return ["Next: run `testio-analytics sync` for everything: not all was read by the last sync."]
    if not table["is_complete"].all():
        return [
            "Next: run `testio-analytics sync` again; gaps that stay are the server's, report them with the reason above."
        ]
    if table["age_days"].max() >= OLD_AFTER_DAYS:
        return ["Next: run `testio-analytics sync`, the data are getting old."]
    if doubts(mirror):
        return ["Everything was read, but not all of it is understood (see above). Next: `testio-analytics report`."]
    return ["Complete. Next: `testio-analytics report`."]
