"""One loader per table, and `load_mirror` for all of them as of one instant.

Rows are ordered by their key. Which dtypes the columns have stands in `query`; what they hold, in the schema, from where
each loader's docstring has it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from inspect import cleandoc

import pandas as pd

from testio_analytics.frames.entries import entries, entries_frame, single_entries
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.frames.names import name_column, named_by, with_names
from testio_analytics.frames.past import state_after
from testio_analytics.frames.query import (
    LAST_CONFIRMED,
    UNREAD,
    UNREAD_BY_REPORTS,
    ProductFilter,
    known_products,
    load_table,
    mirror_condition,
    read_table,
)
from testio_analytics.frames.runs import READ_OUTCOMES, load_runs
from testio_analytics.frames.snapshot import Fetch, Source, rows_of, snapshot
from testio_analytics.mirror.packed import PARTS
from testio_analytics.mirror.schema import ALL_TABLES, TABLES, Table

WHOLE = ("products", "features")
"""Tables that are looked up in the whole account, whichever products are asked for."""

SAYS_AUTO_ACCEPTED = (
    "SELECT EXISTS (SELECT 1 FROM bugs WHERE status = 'accepted' AND auto_accepted IS NOT NULL AND removed_at IS NULL)"
)


def load_products(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the products, one row each, by id."""
    return load_table(db, "products", product_id=product_id, include_removed=include_removed, names=names)


def load_sections(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the sections, the implicit default ones included, one row each, by id."""
    return load_table(db, "sections", product_id=product_id, include_removed=include_removed, names=names)


def load_features(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
    names: bool = False,
) -> pd.DataFrame:
    """Return the feature catalogue, one row per feature, by id.

    A feature that belongs to several sections comes once. The default section of a product without sections of its
    own holds all its features.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return load_table(
        db, "features", product_id=product_id, section_id=section_id, include_removed=include_removed, names=names
    )


def load_feature_sections(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
    names: bool = False,
) -> pd.DataFrame:
    """Return which features belong to which sections, one row per pair, by feature and section.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return load_table(
        db,
        "feature_sections",
        product_id=product_id,
        section_id=section_id,
        include_removed=include_removed,
        names=names,
    )


def load_user_stories(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
    names: bool = False,
) -> pd.DataFrame:
    """Return the user stories, one row each, by id; with `section_id`, those whose feature belongs to it.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return load_table(
        db, "user_stories", product_id=product_id, section_id=section_id, include_removed=include_removed, names=names
    )


def load_tests(
    db: Source = None,
    *,
    product_id: ProductFilter = None,
    section_id: int | None = None,
    include_removed: bool = False,
    names: bool = False,
) -> pd.DataFrame:
    """Return the exploratory tests, one row each, by id.

    The default section of a product without sections of its own holds its tests that name no section.

    Raises:
        UnknownValueError: there is no such product or section.
    """
    return load_table(
        db, "tests", product_id=product_id, section_id=section_id, include_removed=include_removed, names=names
    )


def load_test_features(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return what each test was to look at, one row per test feature, by id."""
    return load_table(db, "test_features", product_id=product_id, include_removed=include_removed, names=names)


def load_test_requirements(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the devices that each test asks for, one row per requirement, by test and place in its list."""
    return load_table(db, "test_requirements", product_id=product_id, include_removed=include_removed, names=names)


def load_bugs(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the bugs, one row each, by id. A bug on several devices comes once."""
    return load_table(db, "bugs", product_id=product_id, include_removed=include_removed, names=names)


def load_bug_devices(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the devices of the bugs, one row per bug and device, by bug and place in its list."""
    return load_table(db, "bug_devices", product_id=product_id, include_removed=include_removed, names=names)


def load_custom_reports(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the customer's own forms for reports, one row per form and product, by form.

    Each is as the test that ended last carries it.
    """
    return load_table(db, "custom_reports", product_id=product_id, include_removed=include_removed, names=names)


def load_bug_custom_reports(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return which bugs were reported on a form of the customer's own, one row per bug, by bug."""
    return load_table(db, "bug_custom_reports", product_id=product_id, include_removed=include_removed, names=names)


def load_custom_report_values(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return what bugs answer on the customer's own forms, one row per answer, by bug and place.

    `custom_report` has a column per question instead.
    """
    return load_table(db, "custom_report_values", product_id=product_id, include_removed=include_removed, names=names)


def load_test_feature_results(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return what the API says came of each feature of a test, one row per test feature, by id."""
    return load_table(db, "test_feature_results", product_id=product_id, include_removed=include_removed, names=names)


def load_test_user_stories(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return what came of each story in each test, one row per test feature and story, by their ids."""
    return load_table(db, "test_user_stories", product_id=product_id, include_removed=include_removed, names=names)


def load_story_bugs(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return which bugs the API names in the result of a story in a test, one row per bug, by test feature and story."""
    return load_table(db, "story_bugs", product_id=product_id, include_removed=include_removed, names=names)


def load_executions(
    db: Source = None, *, product_id: ProductFilter = None, include_removed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the single runs of stories, one row each, by id; empty unless their stream was asked for."""
    return load_table(db, "executions", product_id=product_id, include_removed=include_removed, names=names)


def load_sync_runs(db: Source = None) -> pd.DataFrame:
    """Return the runs of the sync, one row each, by number."""
    return load_table(db, "sync_runs")


def load_stream_states(db: Source = None, *, product_id: ProductFilter = None, names: bool = False) -> pd.DataFrame:
    """Return the state of each stream, one row per product and stream; product 0 stands for the whole account.

    Rows of the whole account stay in whatever product is asked for, since they concern each.
    """
    return load_table(db, "stream_states", product_id=product_id, names=names)


def load_sync_gaps(
    db: Source = None, *, product_id: ProductFilter = None, include_closed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return what could not be read and is still missing, one row per gap, by number.

    Rows of the whole account (without product) stay in whatever product is asked for, since they concern each.
    """
    return load_table(db, "sync_gaps", product_id=product_id, include_closed=include_closed, names=names)


def load_rejected_rows(
    db: Source = None, *, product_id: ProductFilter = None, include_closed: bool = False, names: bool = False
) -> pd.DataFrame:
    """Return the rows that still come and cannot be stored, one row each with its reason, by number.

    Rows of the whole account (without product) stay in whatever product is asked for, since they concern each.
    """
    return load_table(db, "rejected_rows", product_id=product_id, include_closed=include_closed, names=names)


def load_test_reads(db: Source = None, *, product_id: ProductFilter = None, names: bool = False) -> pd.DataFrame:
    """Return which tests had their bugs, results and executions read, one row per test and stream, by their names."""
    return load_table(db, "test_reads", product_id=product_id, names=names)


def load_endpoint_findings(db: Source = None, *, product_id: ProductFilter = None, names: bool = False) -> pd.DataFrame:
    """Return which lists the API was found to offer, one row per product and list, by their names."""
    return load_table(db, "endpoint_findings", product_id=product_id, names=names)


def load_row_changes(db: Source = None, *, product_id: ProductFilter = None, names: bool = False) -> pd.DataFrame:
    """Return what each run changed, one row per run, product and table; `load_history` has a row per changed value."""
    return _load_entries(db, "changes", product_id, names=names)


def load_stream_reads(db: Source = None, *, product_id: ProductFilter = None, names: bool = False) -> pd.DataFrame:
    """Return which streams each run read, one row per run and product, in the order of reading."""
    return _load_entries(db, "reads", product_id, names=names)


def _load_entries(db: Source, part: str, product_id: ProductFilter, *, names: bool) -> pd.DataFrame:
    with snapshot(db) as fetch:
        ids = known_products(fetch, product_id)
        rows = entries_frame(part, entries(fetch, part), ids)
        return with_names(fetch, PARTS[part], rows) if names else rows


def load_packed_runs(db: Source = None) -> pd.DataFrame:
    """Return the packed history, one row per run; `load_row_changes` and `load_stream_reads` have what is in it."""
    return load_table(db, "packed_runs")


def load_reported(db: Source = None) -> pd.DataFrame:
    """Return which runs people were told of, one row per report or message, the oldest first."""
    return load_table(db, "reported")


def load_mirror(db: Source = None, *, product_id: ProductFilter = None, as_of: AsOf = None) -> Mirror:
    """Return all tables, read in one transaction: they fit together even while a sync writes.

    With `product_id`, the tests of other products stay in as far as they look at a feature of these, so that a
    feature has the same state whichever products are asked for. With `as_of`, the tables are as they were after that
    run, or after the last run before that instant; where the history does not reach back so far, they are those of now.

    Raises:
        UnknownValueError: there is no such product or run, or `as_of` is no date or time.
    """
    return _load(db, as_of, lambda fetch: known_products(fetch, product_id))


def _load(db: Source, as_of: AsOf, products: Callable[[Fetch], tuple[int, ...] | None]) -> Mirror:
    with snapshot(db) as fetch:
        run = (
            None if as_of is None else load_runs(fetch, read_table(fetch, TABLES["sync_runs"], [], {})).state_at(as_of)
        )
        with nullcontext() if run is None else state_after(fetch, run):
            ids = products(fetch)
            # A product that is known now may not have been known then: of that time its rows are none.
            mirror = _read(fetch, ids, lambda earlier: _load(db, earlier, lambda _: ids), run is None)
    return mirror if as_of is None else mirror.moved_to(mirror.instant(as_of))


def _read(fetch: Fetch, ids: tuple[int, ...] | None, load_past: Callable[[int], Mirror], is_newest: bool) -> Mirror:
    frames = {
        table.name: read_table(fetch, table, *mirror_condition(table, ids), without=UNREAD_BY_REPORTS)
        for table in ALL_TABLES
        if table not in PARTS.values()
    }
    everything = frames if ids is None else {name: _whole(fetch, name) for name in WHOLE}
    runs = load_runs(fetch, frames["sync_runs"])
    versions = dict(zip(frames["sync_runs"]["id"].tolist(), frames["sync_runs"]["package_version"], strict=True))
    return Mirror(
        **frames,
        single_entries={part: single_entries(fetch, part) for part in PARTS},
        catalogue=everything["features"][["id", "product_id", "removed_at"]],
        account_products=everything["products"][["id", "name"]],
        says_auto_accepted=bool(rows_of(fetch, SAYS_AUTO_ACCEPTED)[0][0]),
        product_ids=ids,
        as_of=runs.as_of,
        runs=runs,
        run_id=runs.last,
        package_version=versions.get(runs.last),
        schema_version=int(rows_of(fetch, "PRAGMA user_version")[0][0]),
        load_past=load_past,
        is_newest=is_newest,
    )


def _whole(fetch: Fetch, name: str) -> pd.DataFrame:
    return read_table(fetch, TABLES[name], [], {}, without=UNREAD_BY_REPORTS)


def last_run(fetch: Fetch, as_of: AsOf = None) -> int | None:
    """Return the last run, by number, that came to its end, up to `as_of`; None when there is none.

    Raises:
        UnknownValueError: `as_of` is no date or time, or there is no such run.
    """
    runs = _whole(fetch, "sync_runs")
    state = None if as_of is None else load_runs(fetch, runs).state_at(as_of)
    finished = runs[runs["outcome"].isin(READ_OUTCOMES) & runs["finished_at"].notna()]["id"]
    finished = finished if state is None else finished[finished <= state]
    return None if finished.empty else int(finished.max())


def _columns_text(table: Table) -> str:
    """Return what a docstring says of a loader's frame: each column with its kind and meaning."""
    shown = [column for column in table.columns if column.name not in UNREAD]
    shown += [LAST_CONFIRMED] if table.is_mirrored else []
    width = max(len(column.name) for column in shown)
    lines = [f"    {column.name:{width}}  ({column.kind}) {column.doc}" for column in shown]
    named = [name_column(column) for column in table.columns if named_by(column)]
    more = f"\n\nWith ``names=True`` also, beside their ids: {', '.join(named)}." if named else ""
    return "\n".join(["Columns:", *lines]) + more


for _table in ALL_TABLES:
    _loader = globals()[f"load_{_table.name}"]
    if _loader.__doc__:  # there is none under -OO
        _loader.__doc__ = f"{cleandoc(_loader.__doc__)}\n\n{_columns_text(_table)}"
