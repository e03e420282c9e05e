"""All tables of one account together, as the reports take them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Mirror:
    """Everything the reports need, read as of one instant of the database.

    Rows that are gone from the source are included, with ``removed_at``; so are closed gaps and rejections.

    Attributes:
        products, sections, features, feature_sections, user_stories, tests, test_features, bugs, bug_devices,
        test_feature_results, test_user_stories, executions: mirrored tables.
        sync_runs, stream_states, sync_gaps, rejected_rows, test_reads: the completeness ledger.
        product_ids: the products asked for, None for all.
        as_of: the default instant of the reports: when the last run that came to its end did so, or a later read
            by a run that was cut off; None when nothing was ever read. Never the wall clock.
        run_id: number of the last run that came to its end, None when there is none.
        package_version: version of this package that carried it out, None when there is none.
        schema_version: schema version of the database.
    """

    products: pd.DataFrame
    sections: pd.DataFrame
    features: pd.DataFrame
    feature_sections: pd.DataFrame
    user_stories: pd.DataFrame
    tests: pd.DataFrame
    test_features: pd.DataFrame
    bugs: pd.DataFrame
    bug_devices: pd.DataFrame
    test_feature_results: pd.DataFrame
    test_user_stories: pd.DataFrame
    executions: pd.DataFrame
    sync_runs: pd.DataFrame
    stream_states: pd.DataFrame
    sync_gaps: pd.DataFrame
    rejected_rows: pd.DataFrame
    test_reads: pd.DataFrame
    product_ids: tuple[int, ...] | None
    as_of: pd.Timestamp | None
    run_id: int | None
    package_version: str | None
    schema_version: int

    def __repr__(self) -> str:
        counts = (f"{len(getattr(self, name))} {name}" for name in ("products", "features", "tests", "bugs"))
        return f"<Mirror of {', '.join(counts)}, as of {self.as_of}>"
