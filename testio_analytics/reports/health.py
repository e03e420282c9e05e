"""How old and how complete the mirror is, and what to do next."""

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
from testio_analytics.reports.completeness import active, completeness, report_instant
from testio_analytics.text import age_words, counted, instant_words, listed

OLD_AFTER_DAYS = 7
"""Age of the last complete read after which a sync is advised."""


@dataclass(frozen=True, eq=False)
class Status:
    """The state of a database.

    Attributes:
        db: its path.
        table: one row per product and stream, as `completeness` returns it.
        rejected: the rejected rows that still come (columns of ``rejected_rows``).
        is_complete: whether nothing is missing anywhere.
        last_run: number, start, end and outcome of the last run, whatever became of it; None where there is none.
        messages: what to tell, the most important first, ending with what to do.
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
    """Return how fresh and complete the mirror is at the instant of the reports.

    Raises:
        UnknownValueError: `as_of` is no instant.
    """
    instant = report_instant(mirror, as_of)
    table = completeness(mirror, as_of=instant)
    products = active(mirror.products)
    facts = {
        "As of": instant if len(mirror.stream_states) else None,
        "Last sync": None if mirror.run_id is None else f"run {mirror.run_id}",
        "All complete as of": "not yet" if not table["is_complete"].all() else table["last_complete"].min(),
        "Rejected rows": int(table["rejected"].sum()),
    }
    return HealthSummary(_health_sentence(table, len(products), instant), facts, tuple(_gap_messages(table)))


def _health_sentence(table: pd.DataFrame, products: int, instant: pd.Timestamp) -> str:
    if (table["state"] == "never read").all():
        return "Nothing has been read yet: no sync has stored anything in this database."
    complete, total = int(table["is_complete"].sum()), len(table)
    when = f"as of {instant_words(instant)}"
    if complete == total:
        return f"{counted(products, 'product')}, all completely read, {when}."
    holes = table[~table["is_complete"]]
    named = listed([f"{row['stream']} of {row['product']}" for _, row in holes.iterrows()])
    verb = "is" if total - complete == 1 else "are"
    return f"{complete:,} of {total:,} streams of {counted(products, 'product')} are completely read {when}; {total - complete:,} {verb} not: {named}."


def status(db: str | Path | None = None, *, now: datetime | None = None) -> Status:
    """Return how old and how complete the database is, and what to do next.

    Args:
        db: path of the database; default as in `config`.
        now: the instant that ages are measured to; the clock of the machine by default, because here, unlike in a
            report, the question is how old the data are for the person who asks.

    Raises:
        StoreError: the database is missing or cannot be used.
    """
    path = resolve_db_path(db)
    mirror = load_mirror(path)
    now = now or datetime.now(UTC)
    table = completeness(mirror, as_of=now)
    is_complete = bool(table["is_complete"].all())
    run = None if mirror.sync_runs.empty else mirror.sync_runs.iloc[-1]
    last_run = (
        None if run is None else {name: _plain(run[name]) for name in ("id", "started_at", "finished_at", "outcome")}
    )
    rejected = mirror.rejected_rows[mirror.rejected_rows["closed_at"].isna()]
    messages = (
        *_run_messages(run),
        *_gap_messages(table),
        *_age_messages(table, active(mirror.products)),
        *_advice(table, run),
    )
    return Status(path, table, rejected, is_complete, last_run, messages)


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
    open_gaps = table[table["gaps"] > 0]
    never = table[table["state"] == "never read"]
    messages = [f"{row['product']}, {row['stream']}: {row['gap']}" for _, row in open_gaps.iterrows()]
    if len(never):
        names = ", ".join(f"{row['product']} ({row['stream']})" for _, row in never.iterrows())
        messages.append(f"Never read: {names}.")
    return messages


def _age_messages(table: pd.DataFrame, products: pd.DataFrame) -> list[str]:
    ages = table["age_days"].dropna()
    if ages.empty:
        return []
    oldest = int(ages.max())
    return [f"{counted(len(products), 'product')}; the oldest complete read was {age_words(oldest)}."]


def _advice(table: pd.DataFrame, run: Any) -> list[str]:
    if run is None:
        return ["Next: put the token into TESTIO_CUSTOMER_API_TOKEN and run `testio-analytics sync`."]
    if run["outcome"] == "running":
        return ["A sync is running, or was killed; the next sync finds out and goes on from there."]
    if table["gap"].str.contains("--full", regex=False).any():
        return ["Next: if those rows are really gone at the source, run `testio-analytics sync --full`."]
    if not table["is_complete"].all():
        return [
            "Next: run `testio-analytics sync` again; gaps that stay are the server's, report them with the reason above."
        ]
    if table["age_days"].max() >= OLD_AFTER_DAYS:
        return ["Next: run `testio-analytics sync`, the data are getting old."]
    return ["Complete. Next: `testio-analytics report`."]
