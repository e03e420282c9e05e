"""The state of a database for whoever runs the sync: what is wrong, how old the data are, and what to do next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from testio_analytics.config import resolve_db_path
from testio_analytics.frames.instants import as_instant
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.database import is_being_written
from testio_analytics.mirror.diff import REMOVAL
from testio_analytics.mirror.schema import ON_REQUEST, OUTSIDE_SECTIONS
from testio_analytics.reports.age_limit import AgeLimit, judged
from testio_analytics.reports.asked import asked_for, scope_note
from testio_analytics.reports.doubts import doubts
from testio_analytics.reports.health import gap_messages, ledger
from testio_analytics.reports.status_line import status_line
from testio_analytics.text import age_words, counted, instant_words, length_of_time

OLD_AFTER_DAYS = 7
"""Age of the last complete read after which a sync is advised."""

RUN_FIELDS = ("id", "started_at", "finished_at", "outcome", "error")


@dataclass(frozen=True, eq=False)
class Status:
    """The state of a database.

    Attributes:
        db: its path.
        line: all of it in one line, fit for the subject of a mail.
        table: one row per product and stream, as `completeness` returns it.
        rejected: the rejected rows that still come (columns of ``rejected_rows``).
        is_complete: whether nothing is missing of what was asked for.
        last_run: number, start, end, outcome and error of the last run, whatever became of it; None where there is none.
        has_failed: whether the last run did not come to its end.
        problems: what is wrong, the most important first.
        notes: what else there is to know.
        advice: what to do next.
        limit: what became of the limit for the age, where one was set.
    """

    db: Path
    line: str
    table: pd.DataFrame
    rejected: pd.DataFrame
    is_complete: bool
    last_run: dict[str, Any] | None
    has_failed: bool
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    advice: str
    limit: AgeLimit | None = None

    @property
    def messages(self) -> tuple[str, ...]:
        """What to say, the most important first, ending with what to do."""
        return (*self.problems, *self.notes, self.advice)

    @property
    def exit_code(self) -> int:
        """Return how the command ends: 3 where something is missing or unknown, 4 where the limit does not hold, else 0."""
        is_unknown = self.limit is not None and self.limit.holds is None
        if not self.is_complete or self.has_failed or is_unknown:
            return 3
        return 4 if self.limit is not None and not self.limit.holds else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the status as the plain object that ``--json`` prints."""
        limit = self.limit and {
            "limit": self.limit.asked,
            "holds": self.limit.holds,
            "oldest_complete_read": _plain(self.limit.oldest),
        }
        return {
            "line": self.line,
            "db": str(self.db),
            "is_complete": self.is_complete,
            "has_failed": self.has_failed,
            "max_age": limit,
            "last_run": self.last_run,
            "streams": json.loads(self.table.to_json(orient="records", date_format="iso")),
            "messages": list(self.messages),
        }

    def __repr__(self) -> str:
        return "\n".join((self.line, *self.messages))


def status(db: str | Path | None = None, *, max_age: str | None = None, now: datetime | None = None) -> Status:
    """Return how old and how complete the database is, and what to do next.

    Args:
        db: path of the database; default as in `config`.
        max_age: how old the oldest complete read may be, like "90m", "24h" or "7d".
        now: the time that ages are measured to; the clock of the machine by default, because here, unlike in a
            report, the question is how old the data are for the person who asks.

    Raises:
        StoreError: the database is missing or cannot be used.
        UnknownValueError: `max_age` is no length of time.
    """
    if max_age is not None:
        length_of_time(max_age)  # a usage error is one even without a database
    path = resolve_db_path(db)
    return status_of(load_mirror(path), path, max_age=max_age, now=now)


def status_of(mirror: Mirror, path: Path, *, max_age: str | None = None, now: datetime | None = None) -> Status:
    """Return the status of a mirror that was read from `path`, as `status` does; of the products asked for alone."""
    longest = None if max_age is None else length_of_time(max_age)
    now = now or datetime.now(UTC)
    table = ledger(mirror, as_instant(now))
    run = None if mirror.sync_runs.empty else mirror.sync_runs.sort_values("id").iloc[-1]
    failure = _run_failure(run, path)
    owed = table[_is_owed(table, mirror)]
    limit = None if longest is None or max_age is None else judged(owed, max_age, longest, now)
    found = doubts(mirror)
    is_complete = not any(one.was_asked for one in found)
    messages = gap_messages(table, mirror)
    problems = [*failure, *messages, *([limit.reason] if limit and limit.reason else [])]
    notes = [*_run_notes(run, failure), *_age_notes(owed, mirror), *_scope_notes(mirror)]
    if is_complete:  # what was never asked for is worth knowing, and nothing is wrong
        notes, problems = [*notes, *messages], [one for one in problems if one not in messages]
    return Status(
        db=path,
        line=status_line(mirror, run, has_failed=bool(failure), limit=limit.reason if limit else ""),
        table=table,
        rejected=mirror.rejected_rows[mirror.rejected_rows["closed_at"].isna()],
        is_complete=is_complete,
        last_run=None if run is None else {name: _plain(run[name]) for name in RUN_FIELDS},
        has_failed=bool(failure),
        problems=tuple(problems),
        notes=tuple(notes),
        advice=_advice(mirror, owed, run, failure, limit),
        limit=limit,
    )


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value.item() if hasattr(value, "item") else value


def _is_owed(table: pd.DataFrame, mirror: Mirror) -> list[bool]:
    """Say of each row whether every sync owes it: it was asked for, and is not read only on request."""
    asked = asked_for(mirror)
    pairs = zip(table["product_id"].tolist(), table["stream"], strict=True)
    return [stream not in ON_REQUEST and asked.covers(product_id, stream) for product_id, stream in pairs]


def _run_failure(run: Any, path: Path) -> list[str]:
    """Say what became of the last run where it did not come to its end; nothing where it did, or is under way."""
    if run is None or run["outcome"] in {"complete", "incomplete"}:
        return []
    begun = f"run {run['id']}, begun on {instant_words(run['started_at'])},"
    if run["outcome"] == "running":
        return [] if is_being_written(path) else [f"The last sync was killed: {begun} has no end."]
    if run["outcome"] == "failed":
        return [f"The last sync failed: {begun} said: {run['error'] or 'nothing'}"]
    return [f"The last sync was {run['outcome']}: {begun} did not come to its end."]


def _run_notes(run: Any, failure: list[str]) -> list[str]:
    if run is None:
        return ["Nothing was synced into this database yet."]
    if failure:
        return []
    if run["outcome"] == "running":
        return [f"Run {run['id']} is writing to it since {instant_words(run['started_at'])}."]
    return [f"Last run: {run['id']}, {run['outcome']}, ended {instant_words(run['finished_at'])}."]


def _age_notes(owed: pd.DataFrame, mirror: Mirror) -> list[str]:
    ages = owed["age_days"].dropna()
    if ages.empty:
        return []
    products = counted(len(mirror.active("products")), "product")
    return [f"{products}; the oldest complete read was {age_words(int(ages.max()))}."]


def _scope_notes(mirror: Mirror) -> list[str]:
    note, findings = scope_note(mirror), mirror.endpoint_findings
    without = findings[(findings["endpoint"] == OUTSIDE_SECTIONS) & ~findings["is_offered"]]["product_id"].nunique()
    unlisted = f"The API lists the features of {counted(without, 'product')} by section only; what is in no section is not known."
    return [*([note] if note else []), *([unlisted] if without else [])]


def _advice(mirror: Mirror, owed: pd.DataFrame, run: Any, failure: list[str], limit: AgeLimit | None) -> str:
    if run is None:
        return "Next: put the token into TESTIO_CUSTOMER_API_TOKEN and run `testio-analytics sync`."
    if run["outcome"] == "running" and not failure:
        return "Next: wait until it is done, then ask again."
    if failure:
        first = "mend what it says and run" if run["outcome"] == "failed" else "run"
        return f"Next: {first} `testio-analytics sync`. Until then the reports show what was read before."
    if any(place.startswith(REMOVAL) for one in doubts(mirror) for place in one.places):
        return "Next: if those rows are really gone at the source, run `testio-analytics sync --full`."
    found = [one for one in doubts(mirror) if one.was_asked]
    if any(one.kind == "never read" for one in found):
        return "Next: run `testio-analytics sync`; it goes on where the last one ended."
    if any(one.kind == "incomplete" for one in found):
        return "Next: run `testio-analytics sync` again; gaps that stay are the server's, report them with the reason above."
    if any(one.kind == "older than the report" for one in found):
        return (
            "Next: run `testio-analytics sync` for everything: the last one did not read all that was asked for before."
        )
    if limit is not None and limit.reason:
        return "Next: find out why no sync was complete since then, and run `testio-analytics sync`."
    if owed["age_days"].max() >= OLD_AFTER_DAYS:
        return "Next: run `testio-analytics sync`, the data are getting old."
    if found:
        return "Everything was read, but not all of it is understood (see above). Next: `testio-analytics report`."
    if doubts(mirror):
        return "Complete as far as it was asked for. Next: `testio-analytics sync` for the rest, or `testio-analytics report`."
    return "Complete. Next: `testio-analytics report`."
