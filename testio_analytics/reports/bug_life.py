"""From reported to triaged to exported to fixed: when, as far as the API and the history of the mirror tell, and found again."""

from __future__ import annotations

from typing import Any

import pandas as pd

from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.bug_history import seen_changes
from testio_analytics.reports.doubts import with_row_doubts
from testio_analytics.reports.facts import labels, located_bugs, looked_up, possible
from testio_analytics.reports.registry import column_names, documented

STAGES = ("reported", "triaged", "exported", "fixed")
AGAIN = ("after fix", "perhaps after fix", "after export", "known before")
"""How a bug is one that was found before, the strongest first."""

DECIDED = ("accepted", "rejected")


@documented
def bug_life(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return every bug with the times at which it was reported, triaged, exported and fixed, those reported last first.

    The API says when a bug was reported and exported. When it was triaged, and marked as fixed, it does not say: that was
    between two reads of its test, one that did not show it yet and one that did; where no earlier read shows that, after
    the report. A bug was found again where an earlier reported bug of the product has the same key in the customer's
    tracker and was marked as fixed, or exported, before this one was reported; and where the customer marked it as known
    before. Titles are not compared, and the API marks no duplicates.
    """
    bugs = located_bugs(mirror, as_of=as_of)
    stored = mirror.active("bugs").set_index("id")
    found = bugs.assign(
        product=mirror.named(bugs["product_id"]),
        bug=labels(bugs["title"], "Bug", bugs["bug_id"]),
        exported_at=possible(mirror, looked_up(bugs["bug_id"], stored["exported_at"])),
        external_idx=looked_up(bugs["bug_id"], stored["external_idx"]).astype("str"),
    )
    for name, is_reached in (
        ("triaged", lambda row: row["status"] in DECIDED),
        ("fixed", lambda row: row["fixed"] is True),
    ):
        times = seen_changes(mirror, is_reached).reindex(found["bug_id"].tolist())
        for end in ("after", "by"):
            found[f"{name}_{end}"] = times[end].array
        found[f"{name}_after"] = found[f"{name}_after"].fillna(found["reported_at"].where(found[f"{name}_by"].notna()))
    found["stage"] = _stages(found)
    found["days_to_triage"], found["days_to_triage_highest"] = (
        _days(found, f"triaged_{end}") for end in ("after", "by")
    )
    found["days_to_export"] = _days(found, "exported_at")
    found["days_to_fix"], found["days_to_fix_highest"] = (_days(found, f"fixed_{end}") for end in ("after", "by"))
    found = found.join(_found_again(found))
    titles = found.set_index("bug_id")["bug"]
    found["again_bug"] = looked_up(found["again_bug_id"], titles).astype("str")
    found = found[found["product_id"].isin(mirror.active("products")["id"])]
    found = found.sort_values(["reported_at", "bug_id"], ascending=False, na_position="last", ignore_index=True)
    return with_row_doubts(found, mirror, "bug_life")[column_names("bug_life")]


def _stages(found: pd.DataFrame) -> pd.Series[Any]:
    """Return how far each bug has come."""
    stage = pd.Series(STAGES[0], index=found.index, dtype="object")
    for name, column in (("triaged", "triaged_by"), ("exported", "exported_at"), ("fixed", "fixed_by")):
        stage = stage.mask(found[column].notna(), name)
    return pd.Series(pd.Categorical(stage, categories=list(STAGES)), index=found.index)


def _days(found: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return the whole days from the report to a time; empty where either is not known, or the order is impossible."""
    length = found[column] - found["reported_at"]
    return length.dt.days.astype("Int64").mask((length < pd.Timedelta(0)).fillna(False))


def _found_again(found: pd.DataFrame) -> pd.DataFrame:
    """Return how each bug is one that was found before, and the earlier bug. Columns: again, again_bug_id."""
    keys = found["external_idx"].str.strip()
    keys = keys.mask(keys == "")
    again, earlier = dict[Any, str](), dict[Any, int]()
    shared = found[keys.notna() & found["reported_at"].notna()].assign(key=keys).sort_values(["reported_at", "bug_id"])
    shared = shared[shared.duplicated(["product_id", "key"], keep=False)]
    for _, rows in shared.groupby(["product_id", "key"]):
        known = rows.to_dict("records")
        for place, (index, row) in enumerate(zip(rows.index, known, strict=True)):
            ways = [(AGAIN.index(way), one["bug_id"]) for one in reversed(known[:place]) if (way := _way(one, row))]
            if ways:
                strongest, earlier[index] = min(ways, key=lambda pair: pair[0])
                again[index] = AGAIN[strongest]
    said = pd.Series(again, dtype="object").reindex(found.index)
    said = said.mask(said.isna() & found["is_known"].astype(bool), AGAIN[-1])
    ids = pd.Series(earlier, dtype="Int64").reindex(found.index)
    return pd.DataFrame({"again": pd.Categorical(said, categories=list(AGAIN)), "again_bug_id": ids}, index=found.index)


def _way(earlier: Any, bug: Any) -> str:
    """Return how a bug was found again that has the key of an earlier one; empty where that was open all the time."""
    at = bug["reported_at"]
    if not pd.isna(earlier["fixed_by"]) and at >= earlier["fixed_by"]:
        return AGAIN[0]
    if not pd.isna(earlier["fixed_by"]) and at > earlier["fixed_after"]:
        return AGAIN[1]
    return AGAIN[2] if not pd.isna(earlier["exported_at"]) and at > earlier["exported_at"] else ""
