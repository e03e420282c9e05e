"""Which run a report speaks of, and as of when the reads of each run count.

Runs are ordered by their number, which no clock can change. All reads of a run count as of its end. A run whose clock
contradicts those of the other runs has no time that could be used: which runs these are is decided by the longest
series of runs whose ends follow each other; of two series of one length, the one that has the later runs counts.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from testio_analytics.api.vocabulary import EXECUTED
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import EARLIEST, as_instant, as_run, is_day
from testio_analytics.frames.snapshot import Fetch, rows_of

READ_OUTCOMES = ("complete", "incomplete")
"""The outcomes of a run that came to its end."""

_READS = """
    SELECT run, max(at) FROM (
        SELECT last_run_id AS run, last_read_at AS at FROM stream_states
        UNION ALL SELECT last_complete_run_id, last_complete_at FROM stream_states
    ) WHERE run IS NOT NULL AND at IS NOT NULL GROUP BY run
"""
_OLDEST_TEST = """
    SELECT min(coalesce(end_at, start_at)) FROM tests
    WHERE status IN (SELECT value FROM json_each(:executed)) AND coalesce(end_at, start_at) >= :earliest
"""


@dataclass(frozen=True)
class Runs:
    """The runs that stored something, or came to their end without finding anything to store.

    Attributes:
        last: the number of the last one; None where there is none.
        ends: when each of them ended, by number, in the order of their numbers; a run that was cut off ended with its
            last read. Without those of `wrong`.
        wrong: the ends that the other runs contradict, by number: a clock was wrong there.
        known_since: the end of the account's oldest executed test, or of the first of these runs; the earlier one.
        begun: when each run began, by number, whatever became of it.
        recorded: the first run after which the state can be rebuilt; None where there is none.
    """

    last: int | None
    ends: Mapping[int, pd.Timestamp]
    wrong: Mapping[int, pd.Timestamp]
    known_since: pd.Timestamp | None
    begun: Mapping[int, pd.Timestamp]
    recorded: int | None

    @property
    def as_of(self) -> pd.Timestamp | None:
        """When the last run ended whose clock is believed; None where there is none."""
        return self.ends[max(self.ends)] if self.ends else None

    def until(self, run: int) -> pd.Timestamp | None:
        """Return up to when what a run read is known; None where its clock was wrong, and no other run came before."""
        return self.ends[max(known)] if (known := [number for number in self.ends if number <= run]) else None

    def instant(self, as_of: datetime | date | str | int) -> pd.Timestamp | None:
        """Return the instant that `as_of` means; None for a run whose end is not known.

        Of a day on which a run ended nothing is known after that run: as of that day is as of the last of its runs.

        Raises:
            UnknownValueError: it is no date or time, or there is no such run.
        """
        if (run := as_run(as_of)) is not None:
            return self.until(self._known(run))
        instant = as_instant(as_of)
        if not is_day(as_of):
            return instant
        known = [end for run, end in self.ends.items() if self._can_be_seen(run) and end.date() == instant.date()]
        return known[-1] if known else instant

    def state_at(self, as_of: datetime | date | str | int) -> int | None:
        """Return the run after which the state was that of `as_of`; None for the newest state, and where none is kept.

        Raises:
            UnknownValueError: as for `instant`.
        """
        if (run := as_run(as_of)) is None:
            instant = self.instant(as_of)
            known = [number for number, end in self.ends.items() if instant is not None and end <= instant]
            if not known or instant is None:
                return None
            following = [number for number in (*self.ends, *self.wrong) if number > known[-1]]
            within = (number for number, begun in self.begun.items() if begun <= instant)
            run = max(number for number in (known[-1], *within) if number < min(following, default=number + 1))
        run = self._known(run)
        return run if run < max(self.begun) and self._can_be_seen(run) else None

    def _known(self, run: int) -> int:
        if run not in self.begun:
            raise UnknownValueError("The sync run", run, [str(number) for number in self.begun] or ["none yet"])
        return run

    def _can_be_seen(self, run: int) -> bool:
        return run == self.last or (self.recorded is not None and run >= self.recorded)


def load_runs(fetch: Fetch, runs: pd.DataFrame) -> Runs:
    """Return the runs that count; `runs` is the table ``sync_runs``. Whatever products are asked for, all reads count."""
    last_reads = {run: _instant(at) for run, at in rows_of(fetch, _READS)}
    finished = zip(runs["id"].tolist(), runs["outcome"], runs["finished_at"], strict=True)
    ends = {
        run: last_reads[run] if pd.isna(end) else end
        for run, outcome, end in sorted(finished, key=lambda row: row[0])
        if run in last_reads or (outcome in READ_OUTCOMES and not pd.isna(end))
    }
    series = _in_order(ends)
    believed = {run: end for run, end in ends.items() if run in series}
    wrong = {run: end for run, end in ends.items() if run not in series}
    tests = rows_of(fetch, _OLDEST_TEST, {"executed": json.dumps(sorted(EXECUTED)), "earliest": EARLIEST.isoformat()})
    known = [*believed.values(), *(_instant(at) for (at,) in tests if at is not None)]
    begun = {run: at for run, at in zip(runs["id"].tolist(), runs["started_at"], strict=True) if not pd.isna(at)}
    kept = runs[runs["has_history"].fillna(False)]["id"]
    recorded = int(kept.min()) if len(kept) else None
    return Runs(max(ends, default=None), believed, wrong, min(known, default=None), begun, recorded)


def _instant(text: str) -> pd.Timestamp:
    return pd.Timestamp(text).as_unit("us")


def _in_order(ends: Mapping[int, pd.Timestamp]) -> frozenset[int]:
    """Return the longest series of runs whose ends follow each other (found by patience sorting)."""
    # For each length of a series: the earliest end that one can have, and the runs of that series.
    earliest: list[pd.Timestamp] = []
    last: list[int] = []
    before: dict[int, int | None] = {}
    for run, end in ends.items():
        place = bisect_right(earliest, end)
        before[run] = last[place - 1] if place else None
        earliest[place : place + 1], last[place : place + 1] = [end], [run]
    series, run_before = set[int](), last[-1] if last else None
    while run_before is not None:
        series.add(run_before)
        run_before = before[run_before]
    return frozenset(series)
