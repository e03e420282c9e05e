"""Everything about one bug that is stored of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.about import (
    About,
    Part,
    asked_id,
    bug_rows,
    history_part,
    list_part,
    table_part,
)
from testio_analytics.reports.about_test import doubts_of_test
from testio_analytics.reports.columns import BUCKET_WORDS
from testio_analytics.reports.facts import NO_VALUE, bug_buckets, located_bugs
from testio_analytics.text import day_words, label, short

STREAMS = (
    "tests",
    "bugs",
    "bugs.status",
    "bugs.auto_accepted",
    "bugs.severity",
    "bugs.known",
    "bugs.test_feature",
    "bugs.test",
)
NOT_KEPT = (
    "Steps, expected and actual result, comments and the tester's name are not stored: they may hold credentials."
)


def about_bug(mirror: Mirror, bug: int | str, *, as_of: AsOf = None) -> About:
    """Return everything about one bug, removed ones included.

    Raises:
        UnclearNameError: no bug, or more than one, has that id or title.
        UnknownValueError: `as_of` is no date or time.
    """
    mirror = mirror.at(as_of)
    key = asked_id(mirror, "bug", bug)
    stored = mirror.bugs[mirror.bugs["id"] == key]
    row = stored.iloc[0]
    located = located_bugs(mirror)
    located = located[located["bug_id"] == key]
    rows = located if len(located) else _unlocated(mirror, stored)
    facts = _facts(mirror, row, bug_rows(mirror, rows))
    test_id = None if pd.isna(row["test_id"]) else int(row["test_id"])
    gaps = doubts_of_test(mirror, int(row["product_id"]), test_id, located, STREAMS)
    devices = mirror.active("bug_devices")
    devices = devices[devices["bug_id"] == key].sort_values("position")
    parts = (
        list_part("about_bug", "State", facts, notes=[NOT_KEPT]),
        table_part("about_devices", "Devices", devices, "device named"),
        *_answers(mirror, key),
        history_part(mirror, "bugs", key, row["first_seen"]),
    )
    title = label(row["title"], "Bug", key)
    return About("bug", key, title, _sentence(facts.iloc[0]), mirror.instant(), parts, gaps)


def _answers(mirror: Mirror, key: int) -> list[Part]:
    """Return what the bug says on the customer's own form, where it was reported on one."""
    forms, rows = mirror.active("bug_custom_reports"), mirror.active("custom_report_values")
    forms = forms[forms["bug_id"] == key]
    if forms.empty:
        return []
    rows = rows[rows["bug_id"] == key].sort_values("position")
    rows = rows.assign(question=rows["name"].fillna(rows["key"]), answer=rows["value"])
    part = table_part("about_answers", label(forms["title"].iloc[0], "Form", ""), rows, "answer")
    is_unknown = rows.empty and pd.isna(forms["answers"].iloc[0])
    return [replace(part, notes=("What it answers is not known.",))] if is_unknown else [part]


def _unlocated(mirror: Mirror, stored: pd.DataFrame) -> pd.DataFrame:
    """Return the row of a bug that no report counts, because it or its test was removed, as `located_bugs` has it."""
    return stored.rename(columns={"id": "bug_id"}).assign(bucket=bug_buckets(mirror, stored))


def _facts(mirror: Mirror, row: pd.Series[Any], shown: pd.DataFrame) -> pd.DataFrame:
    product = mirror.named(pd.Series([row["product_id"]]))
    more = {name: [row[name]] for name in ("product_id", "language", "first_seen", "last_confirmed", "removed_at")}
    return shown.assign(product=product, feature_how=[row["feature_link"]], **more)


def _sentence(fact: pd.Series[Any]) -> str:
    severity = (
        "of unknown severity"
        if fact["severity"] in (NO_VALUE, None) or pd.isna(fact["severity"])
        else f"of severity {fact['severity']}"
    )
    when = f", reported on {day_words(fact['reported_at'])}" if pd.notna(fact["reported_at"]) else ""
    test = f" in “{short(fact['test'])}”" if isinstance(fact["test"], str) else ", in a test that is not stored"
    if pd.notna(fact["removed_at"]):
        outcome = f"the API does not list it any more since {day_words(fact['removed_at'])}"
    else:
        outcome = BUCKET_WORDS.get(fact["bucket"], str(fact["bucket"]))
        outcome = f"its status is {short(str(fact['status']))}" if outcome == "other" else outcome
    exported = f", exported as {short(fact['external_idx'])}" if isinstance(fact["external_idx"], str) else ""
    fixed = ", marked as fixed" if pd.notna(fact["fixed"]) and fact["fixed"] else ""
    return (
        f"“{short(fact['bug'])}”: a bug {severity} of {short(fact['product'])}{when}{test}; {outcome}{exported}{fixed}."
    )
