"""What the account has: its products, features and bugs, as lists to look something up in.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.about import bug_rows
from testio_analytics.reports.doubts import never_synced_products, with_row_doubts
from testio_analytics.reports.facts import LAPSED_AFTER, dated_tests, located_bugs, looked_up, product_rows
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.registry import column_names, documented


@documented
def products(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the active products, one row each, by name and id. Counts are empty where nothing of the kind was ever read."""
    rows = product_rows(mirror)
    own, tests = mirror.active("products").set_index("id"), dated_tests(mirror, as_of=as_of)
    executed = tests[tests["group"] == "executed"]
    sections = mirror.active("sections")
    counted = {
        "sections": sections[~sections["is_default"]].groupby("product_id").size(),
        "features": mirror.active("features").groupby("product_id").size(),
        "tests": executed.groupby("product_id")["test_id"].nunique(),
    }
    rows["type"] = looked_up(rows["product_id"], own["type"])
    rows["is_sectioned"] = looked_up(rows["product_id"], own["is_sectioned"])
    for name, counts in counted.items():
        found = looked_up(rows["product_id"], counts).fillna(0).astype("Int64")
        rows[name] = (
            found.mask(rows["product_id"].isin(never_synced_products(mirror, name))) if name != "sections" else found
        )
    rows["last_tested_at"] = looked_up(rows["product_id"], executed.groupby("product_id")["at"].max())
    return with_row_doubts(rows, mirror, "products")[column_names("products")]


@documented
def features(
    mirror: Mirror, *, as_of: AsOf = None, stale_after: float = 180, lapsed_after: float = LAPSED_AFTER
) -> pd.DataFrame:
    """Return the active features with what is needed to find one, one row each, by product, title and id."""
    found = feature_catalog(mirror, as_of=as_of, stale_after=stale_after, lapsed_after=lapsed_after)
    return found[column_names("features")]


@documented
def bugs(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the bugs of active products, rejected ones included, one row each, those reported last first."""
    found = located_bugs(mirror, as_of=as_of)
    found = found[found["product_id"].isin(product_rows(mirror)["product_id"])]
    rows = bug_rows(mirror, found).merge(found[["bug_id", "product_id"]], on="bug_id", validate="one_to_one")
    rows["product"] = mirror.named(rows["product_id"])
    return with_row_doubts(rows, mirror, "bugs")[column_names("bugs")]
