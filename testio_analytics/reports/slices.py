"""Bugs by what tests were like (kind, environment, language), and the devices that they asked for beside those with bugs."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bugs import DEVICE_PARTS, NO_DEVICE
from testio_analytics.reports.doubts import never_synced_products, with_row_doubts
from testio_analytics.reports.facts import (
    dated_tests,
    distinct,
    is_unsaid,
    located_bugs,
    looked_up,
    product_rows,
    unread_tests,
)
from testio_analytics.reports.rate_intervals import Numbers, overdispersion, poisson_interval
from testio_analytics.reports.registry import column_names, documented

By = Literal["testing_type", "environment", "language"]
NOT_SAID = "(not said)"
NO_TEST = "(no test named)"
TEST_CASES = "(test-case run)"
ANY_DEVICE = "(any)"
COLUMN_OF = {"testing_type": "testing_type", "environment": "environment_title", "language": "report_language"}
PARTS = {part: part for part in DEVICE_PARTS if part not in ("os_version", "device")} | {"device": "devices"}
"""For each part of a device that a test can ask for: the column of its requirements."""

KEYS = ["product_id", "value"]


@documented
def bugs_by_test_kind(mirror: Mirror, *, as_of: AsOf = None, by: By = "testing_type") -> pd.DataFrame:
    """Return the valid bugs and executed tests of each kind of test, one row per product and value, the most bugs first.

    Each bug is of one test and counts in one row: the rows of a product add up to its valid bugs. Bugs of tests that were
    not executed count in `bugs`, and not per test.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        by: ``testing_type``, ``environment`` (its label), ``language`` (that of the test's reports).

    Raises:
        UnknownValueError: there is no such slice.
    """
    if by not in get_args(By):
        raise UnknownValueError("by", by, get_args(By))
    values = _values_of_tests(mirror, by)
    tests, bugs = dated_tests(mirror, as_of=as_of), located_bugs(mirror, as_of=as_of)
    tests = tests[tests["group"] == "executed"].assign(value=looked_up(tests["test_id"], values).astype("str"))
    bugs = bugs[bugs["is_valid"].astype(bool)]
    bugs = bugs.assign(value=looked_up(bugs["test_id"], values).astype("str").fillna(NO_TEST))
    counted = bugs[(bugs["group"] == "executed") & ~bugs["test_id"].isin(unread_tests(mirror, "bugs"))]
    read = tests[~tests["test_id"].isin(unread_tests(mirror, "bugs"))]
    counts = {
        "tests": distinct(tests, "test_id", KEYS),
        "tests_read": distinct(read, "test_id", KEYS),
        "bugs": distinct(bugs, "bug_id", KEYS),
        "critical": distinct(bugs[bugs["severity"] == "critical"], "bug_id", KEYS),
    }
    found = pd.DataFrame(counts).fillna(0).astype("Int64").rename_axis(KEYS).reset_index()
    found = found.astype({"product_id": "Int64", "value": "str"}).join(_per_test(found, read, counted))
    return _of_products(
        mirror, found, ["bugs", "critical", "bugs_per_test", "raw_low", "raw_high"], "bugs_by_test_kind"
    )


def _values_of_tests(mirror: Mirror, by: By) -> pd.Series[str]:
    """Return the value of each test by its id; what it does not say is a value of its own."""
    tests = mirror.active("tests")
    values = tests[COLUMN_OF[by]].astype("str")
    if by == "testing_type":
        # A null says that it is a run of test cases, whose kind the API does not name; a field that is absent says nothing.
        values = values.mask(tests["testing_type"].isna() & ~is_unsaid(tests, "testing_type"), TEST_CASES)
    return values.fillna(NOT_SAID).set_axis(tests["id"].tolist())


def _per_test(found: pd.DataFrame, tests: pd.DataFrame, bugs: pd.DataFrame) -> pd.DataFrame:
    """Return bugs per test of each row with its interval, over the tests whose bugs were read; empty without any.

    How much more tests vary than Poisson counts do is measured once for a product, within its rows.
    """
    of_tests = looked_up(tests["test_id"], bugs.groupby("test_id").size()).fillna(0)
    counts = tests.assign(bugs=of_tests.astype("float64")).groupby(KEYS)["bugs"]
    groups = defaultdict[Any, list[Numbers]](list)
    for (product_id, _), rows in counts:
        groups[product_id].append(rows.to_numpy(dtype=np.float64))
    effects = pd.Series({key: overdispersion(of) for key, of in groups.items()}, dtype="float64")
    sums = counts.agg(["sum", "size"]).reindex(pd.MultiIndex.from_frame(found[KEYS]))
    effect = effects.reindex(found["product_id"]).to_numpy()
    low, high = poisson_interval(sums["sum"].to_numpy(), sums["size"].to_numpy(), effect=effect)
    figures = {"bugs_per_test": (sums["sum"] / sums["size"]).to_numpy(), "raw_low": low, "raw_high": high}
    rates = pd.DataFrame(figures, index=found.index).astype("Float64")
    return rates.mask(rates.isna())


def _of_products(mirror: Mirror, found: pd.DataFrame, of_bugs: list[str], report: str) -> pd.DataFrame:
    """Return the rows of active products with the product's own counts, the most bugs first, and their doubts."""
    rows = product_rows(mirror).merge(found, on="product_id", how="inner", validate="one_to_many")
    unread = rows["product_id"].isin(never_synced_products(mirror, "bugs"))
    rows[of_bugs] = rows[of_bugs].mask(unread)
    order = ["product", "product_id", "bugs", "tests", "value"]
    rows = rows.sort_values(order, ascending=[True, True, False, False, True], na_position="last", ignore_index=True)
    return with_row_doubts(rows, mirror, report)[column_names(report)]


@documented
def coverage_by_device(mirror: Mirror, *, as_of: AsOf = None, by: str = "operating_system") -> pd.DataFrame:
    """Return which devices executed tests asked for, beside those on which valid bugs were seen, per product and value.

    A test that asks for two values counts in both rows, and so does a bug that was seen on two. A test that names no such
    part in a requirement, or has no requirement, allows any; one of which the API does not say what it asks for is not said.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        by: ``category``, ``vendor``, ``operating_system``, ``device``, ``browsers``.

    Raises:
        UnknownValueError: tests cannot ask for such a part.
    """
    if by not in PARTS:
        raise UnknownValueError("by", by, PARTS)
    tests, bugs = dated_tests(mirror, as_of=as_of), located_bugs(mirror, as_of=as_of)
    tests = tests[tests["group"] == "executed"][["test_id", "product_id"]]
    asked = tests.merge(_asked_for(mirror, by), on="test_id", how="left", validate="one_to_many")
    bugs = bugs[bugs["is_valid"].astype(bool)][["bug_id", "test_id", "product_id", "severity"]]
    seen = bugs.merge(_seen_on(mirror, by), on="bug_id", how="left", validate="one_to_many")
    seen["value"] = seen["value"].fillna(NO_DEVICE)
    pairs = pd.MultiIndex.from_frame(asked[["test_id", "value"]])
    is_asked = pd.MultiIndex.from_frame(seen[["test_id", "value"]].astype({"value": "str"})).isin(pairs)
    counts = {
        "tests": distinct(asked, "test_id", KEYS),
        "bugs": distinct(seen, "bug_id", KEYS),
        "critical": distinct(seen[seen["severity"] == "critical"], "bug_id", KEYS),
        "bugs_asked": distinct(seen[is_asked], "bug_id", KEYS),
    }
    found = pd.DataFrame(counts).fillna(0).astype("Int64").rename_axis(KEYS).reset_index()
    found = found.astype({"product_id": "Int64", "value": "str"})
    found["product_tests"] = looked_up(found["product_id"], distinct(tests, "test_id", "product_id"))
    found["product_bugs"] = looked_up(found["product_id"], distinct(bugs, "bug_id", "product_id"))
    for name in ("product_tests", "product_bugs"):
        found[name] = found[name].fillna(0).astype("Int64")
    return _of_products(mirror, found, ["bugs", "critical", "bugs_asked", "product_bugs"], "coverage_by_device")


def _asked_for(mirror: Mirror, by: str) -> pd.DataFrame:
    """Return the values that each test asks for, one row per test and value. Columns: test_id, value."""
    tests, rows = mirror.active("tests"), mirror.active("test_requirements")
    parts = ["category", "vendor", "operating_system", "min_os_version", "max_os_version", "devices", "browsers"]
    is_said = rows[parts].notna().any(axis=1)
    named = pd.DataFrame({"test_id": rows["test_id"], "value": rows[PARTS[by]].astype("str")})
    named = _split(named) if by in ("device", "browsers") else named
    named["value"] = named["value"].fillna(ANY_DEVICE).mask(~is_said.reindex(named.index), NOT_SAID)
    others = tests[~tests["id"].isin(rows["test_id"])]
    said = is_unsaid(others, "requirements").map({True: NOT_SAID, False: ANY_DEVICE}).astype("str")
    rest = pd.DataFrame({"test_id": others["id"], "value": said})
    return pd.concat([named, rest]).drop_duplicates()


def _seen_on(mirror: Mirror, by: str) -> pd.DataFrame:
    rows = mirror.active("bug_devices")
    named = pd.DataFrame({"bug_id": rows["bug_id"], "value": rows[by].astype("str")})
    return (_split(named) if by == "browsers" else named).dropna().drop_duplicates()


def _split(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of several names."""
    return rows.assign(value=rows["value"].astype("str").str.split(", ")).explode("value").astype({"value": "str"})
