"""What became of bugs: reported, triaged, fixed, exported, of another severity, gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from testio_analytics.api.vocabulary import WITHOUT_RESULTS
from testio_analytics.reports.change_kinds import Change, bucket_words
from testio_analytics.reports.change_sides import Sides
from testio_analytics.reports.facts import NO_VALUE, bug_buckets, unread_tests
from testio_analytics.text import counted, label

ACCEPTED = ("active_accepted", "auto_accepted", "accepted_unclear")
TRIAGED = (*ACCEPTED, "rejected")


def bug_changes(sides: Sides) -> Iterator[Change]:
    """Yield the changes of bugs. One bug may have several: triaged and fixed are two."""
    found = sides.compared("bugs", "bugs", hidden=_hidden(sides))
    buckets = [_buckets(mirror) for mirror in (sides.before, sides.after)]
    for row in _records(found.added):
        bucket, severity = buckets[1][row["id"]], row["severity"]
        kind = "new critical" if severity == "critical" and bucket != "rejected" else "reported"
        yield _change(row, kind, "", bucket_words(bucket), note=severity)
    for kind, rows in (("back", found.back), ("removed", found.removed)):
        for row in _records(rows):
            yield _change(row, kind, "", "", note=row["severity"])
    unsaid, says_fixed = Counter[tuple[int, str]](), bool(sides.before.bugs["fixed"].notna().any())
    for row in _differing(found.both):
        yield from _differences(row, (buckets[0][row["id"]], buckets[1][row["id"]]), says_fixed, unsaid)
    for (product_id, what), count in sorted(unsaid.items()):
        sides.now_known[product_id, "bugs"].append((0, f"the {what} of {counted(count, 'bug')} was not said in both"))


def _hidden(sides: Sides) -> frozenset[int]:
    """Return the bugs that may have been there before without being known: those of their test were not read then.

    In a test that had not begun there were none. Bugs of a test that is itself new are new, where it would have been known.
    """
    tests = sides.before.active("tests")
    statuses = dict(zip(tests["id"].tolist(), tests["status"].tolist(), strict=True))
    unread = {key for key in unread_tests(sides.before, "bugs") if statuses[key] not in WITHOUT_RESULTS}
    bugs, unread_products = sides.after.active("bugs"), sides.unread("bugs")
    rows = zip(*(bugs[name].tolist() for name in ("id", "product_id", "test_id")), strict=True)
    return frozenset(
        key
        for key, product, test in rows
        if (product in unread_products if pd.isna(test) else test in unread or not sides.is_new_test(test))
    )


def _buckets(mirror: Any) -> dict[int, str]:
    bugs = mirror.active("bugs")
    return dict(zip(bugs["id"].tolist(), bug_buckets(mirror, bugs).tolist(), strict=True))


def _records(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    names = ["id", "product_id", "title", "severity"]
    return rows[names].fillna({"severity": NO_VALUE}).to_dict("records")


COMPARED = ("status", "auto_accepted", "severity", "fixed", "exported_at")


def _differing(both: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the bugs of which any compared field is another, as rows."""
    differs = pd.Series(False, index=both.index)
    for name in COMPARED:
        then, now = both[f"{name}_then"], both[f"{name}_now"]
        differs |= (then != now).fillna(True).astype(bool) & ~(then.isna() & now.isna())
    names = [f"{name}_{side}" for name in COMPARED for side in ("then", "now")]
    rows = both[differs][["id", "product_id_now", "title_now", *names]]
    return rows.rename(columns={"product_id_now": "product_id", "title_now": "title"}).to_dict("records")


def _change(row: Mapping[Any, Any], kind: str, before: str, after: str, note: str = "") -> Change:
    name = label(row["title"], "Bug", row["id"])
    return Change("bug", kind, row["product_id"], row["id"], name, before, after, note=note)


def _differences(
    row: Mapping[Any, Any], buckets: tuple[str, str], says_fixed: bool, unsaid: Counter[tuple[int, str]]
) -> Iterator[Change]:
    """Yield what became of one bug; where the API merely began or ceased to say something, that is counted in `unsaid`."""
    is_said = {name: not (pd.isna(row[f"{name}_then"]) or pd.isna(row[f"{name}_now"])) for name in COMPARED}
    if buckets[0] != buckets[1]:
        is_same = {*buckets} <= {*ACCEPTED} and "accepted_unclear" in buckets
        if is_said["status"] and not is_same:
            kind = "triaged" if buckets[1] in TRIAGED else "reopened"
            yield _change(row, kind, bucket_words(buckets[0]), bucket_words(buckets[1]))
        else:
            unsaid[row["product_id"], "triage outcome"] += 1
    if row["severity_then"] != row["severity_now"] and is_said["severity"]:
        yield _change(row, "severity changed", row["severity_then"], row["severity_now"])
    elif pd.isna(row["severity_then"]) != pd.isna(row["severity_now"]):
        unsaid[row["product_id"], "severity"] += 1
    was_fixed, is_fixed = (not pd.isna(value) and bool(value) for value in (row["fixed_then"], row["fixed_now"]))
    if was_fixed != is_fixed:
        # Null means that it is not marked, but in an account that says it of no bug.
        if is_said["fixed"] or (says_fixed and is_fixed):
            yield _change(row, "fixed" if is_fixed else "not fixed", "", "")
        else:
            unsaid[row["product_id"], "mark of being fixed"] += 1
    if pd.isna(row["exported_at_then"]) and not pd.isna(row["exported_at_now"]):
        yield _change(row, "exported", "", "")
