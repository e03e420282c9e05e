"""All tables of one account together, as the reports take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from testio_analytics.frames.entries import entries_frame
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.runs import Runs
from testio_analytics.mirror.packed import Entry, merged
from testio_analytics.text import label

KEPT_INSTANTS = 2
"""How many other instants of a mirror are kept: a report looks at its own instant and at one before it."""


@dataclass(frozen=True, eq=False, repr=False)
class Mirror:
    """Everything the reports need, read as of one instant of the database.

    Rows that are gone from the source are included, with ``removed_at``; so are closed gaps and rejections.

    Attributes:
        products, sections, features, feature_sections, user_stories, tests, test_features, test_requirements, bugs,
        bug_devices,
        custom_reports, bug_custom_reports, custom_report_values, test_feature_results,
        test_user_stories, story_bugs, executions: mirrored tables.
        sync_runs, stream_states, sync_gaps, rejected_rows, test_reads, endpoint_findings: the completeness ledger.
        packed_runs, reported: the history of the runs that ended, and which runs people were told of.
        single_entries: the history of the others, by part (``changes``, ``reads``). `row_changes` and `stream_reads` are both.
        catalogue, account_products: all features and products of the account, whichever products were asked for, removed
            ones included (id, product_id, removed_at; id, name).
        says_auto_accepted: whether any accepted bug of the account says whether it was accepted by the timer.
        product_ids: the products asked for, None for all.
        as_of: the instant that the reports speak of: the end of the last run, by number, that stored something; None
            when nothing was read yet. Never the wall clock.
        runs: when each run ended, and whose clock was wrong.
        run_id: number of the last run that stored something, None when there is none.
        package_version: version of this package that carried it out, None when there is none.
        schema_version: schema version of the database.
        load_past: reads the same tables as they were after an earlier run.
        is_newest: whether the tables are those of the file, and not rebuilt as they were after an earlier run.
    """

    products: pd.DataFrame
    sections: pd.DataFrame
    features: pd.DataFrame
    feature_sections: pd.DataFrame
    user_stories: pd.DataFrame
    tests: pd.DataFrame
    test_features: pd.DataFrame
    test_requirements: pd.DataFrame
    bugs: pd.DataFrame
    bug_devices: pd.DataFrame
    custom_reports: pd.DataFrame
    bug_custom_reports: pd.DataFrame
    custom_report_values: pd.DataFrame
    test_feature_results: pd.DataFrame
    test_user_stories: pd.DataFrame
    story_bugs: pd.DataFrame
    executions: pd.DataFrame
    sync_runs: pd.DataFrame
    stream_states: pd.DataFrame
    sync_gaps: pd.DataFrame
    rejected_rows: pd.DataFrame
    test_reads: pd.DataFrame
    endpoint_findings: pd.DataFrame
    packed_runs: pd.DataFrame
    reported: pd.DataFrame
    single_entries: Mapping[str, list[Entry]]
    catalogue: pd.DataFrame
    account_products: pd.DataFrame
    says_auto_accepted: bool
    product_ids: tuple[int, ...] | None
    as_of: pd.Timestamp | None
    runs: Runs
    run_id: int | None
    package_version: str | None
    schema_version: int
    load_past: Callable[[int], Mirror]
    is_newest: bool

    @cached_property
    def row_changes(self) -> pd.DataFrame:
        """What each run changed, one row per run, product and table, in the order of writing."""
        return self._entries("changes")

    @cached_property
    def stream_reads(self) -> pd.DataFrame:
        """Which streams of a product each run read, in the order of reading."""
        return self._entries("reads")

    def _entries(self, part: str) -> pd.DataFrame:
        runs = self.packed_runs.dropna(subset=part)
        packed = zip(runs["run_id"].tolist(), runs[part], strict=True)
        return entries_frame(part, merged(packed, self.single_entries[part]), self.product_ids)

    def active(self, table: str) -> pd.DataFrame:
        """Return the rows of a mirrored table that the source still had at its last complete read."""
        rows: pd.DataFrame = getattr(self, table)
        return rows[rows["removed_at"].isna()]

    def own(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the products asked for: of others a mirror holds only what touches their features."""
        return rows if self.product_ids is None else rows[rows["product_id"].isin([*self.product_ids])]

    @cached_property
    def product_names(self) -> dict[int, str]:
        """The names of all products of the account by id, removed ones included; "Product 5" where there is no name."""
        rows = zip(self.account_products["id"].tolist(), self.account_products["name"].tolist(), strict=True)
        return {key: label(name, "Product", key) for key, name in rows}

    def named(self, product_ids: pd.Series[int]) -> pd.Series[str]:
        """Return the name of each product, "Product 5" for one that is not stored."""
        names = self.product_names
        found = [names.get(key) or label(None, "Product", key) for key in product_ids.tolist()]
        return pd.Series(found, index=product_ids.index, dtype="str")

    def instant(self, as_of: AsOf = None) -> pd.Timestamp:
        """Return the report date: `as_of`, else the mirror's own, else (nothing read yet) 1970.

        It is never the clock of the machine, so the same database gives the same report. A run means its end, and so
        does the day on which it ended.

        Raises:
            UnknownValueError: `as_of` is no date or time, or there is no such run.
        """
        found = None if as_of is None else self.runs.instant(as_of)
        if found is None:
            # Where nothing was read yet there are no rows to judge, and any instant does.
            return self.as_of if self.as_of is not None else pd.Timestamp(0, tz="UTC").as_unit("us")
        return found

    def at(self, as_of: AsOf = None) -> Mirror:
        """Return what was known as of a run or an instant, the same object each time.

        That is the state after that run, or after the last run before that instant, read from the file again. Where the
        history does not reach back so far, the tables stay and only the clock moves. The doubts say so.

        Raises:
            UnknownValueError: `as_of` is no date or time, or there is no such run.
            StoreError: the file cannot be read any more.
        """
        run = None if as_of is None else self.runs.state_at(as_of)
        if run is None:
            return self.moved_to(self.instant(as_of))
        if run not in self._states:
            if len(self._states) >= KEPT_INSTANTS:
                self._states.pop(next(iter(self._states)))
            self._states[run] = self.load_past(run)
        past = self._states[run]
        return past.moved_to(past.instant(as_of))

    def moved_to(self, instant: pd.Timestamp) -> Mirror:
        """Return the same tables with another instant to judge them by: the clock moves, what is known stays."""
        if self.as_of is None or instant == self.as_of:
            return self
        if instant not in self._views:
            if len(self._views) >= KEPT_INSTANTS:
                self._views.pop(next(iter(self._views)))
            self._views[instant] = replace(self, as_of=instant)
            self._views[instant].__dict__.update(_views=self._views, _states=self._states)
        return self._views[instant]

    @cached_property
    def _views(self) -> dict[pd.Timestamp, Mirror]:
        return {}

    @cached_property
    def _states(self) -> dict[int, Mirror]:
        return {}

    def __repr__(self) -> str:
        counts = (f"{len(getattr(self, name))} {name}" for name in ("products", "features", "tests", "bugs"))
        return f"<Mirror of {', '.join(counts)}, as of {self.as_of}>"
