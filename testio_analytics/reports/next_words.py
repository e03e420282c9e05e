"""What to test next, in words: why a feature has its figure, and which features nothing tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from testio_analytics.text import counted, listed

PART_WORDS: Mapping[str, str] = {
    "product": "product",
    "section": "section",
    "words": "words of the title",
    "stories": "number of stories",
    "own": "own tests",
    "age": "time since tested",
    "changed": "changed texts",
    "failures": "failed stories",
}
"""The parts of the expected bugs, as people read them."""

MATTERS = 0.1
"""A part below this share of the figure is not named among the reasons."""

_IN_REASONS = (
    *("state", "bugs", "tests", "result", "worst_severity", "changed_since_tested", "changed_words"),
    *("days_since_tested", "expected_bugs", "part_product"),
)


def ties(found: pd.DataFrame) -> pd.Series[str]:
    """Return for each feature which group it is in that nothing tells apart, as a sentence without full stop; else nothing."""
    texts = [
        f"{counted(row['alike'], 'feature')} of {row['product']}, {_evidence(row)}, nothing tells them apart"
        if row["alike"] > 1
        else None
        for row in found[["alike", "product", "state", "bugs", "tests"]].to_dict("records")
    ]
    return pd.Series(texts, index=found.index, dtype="str")


def _evidence(row: Mapping[Any, Any]) -> str:
    """Return what was found in how many tests, as far as these were read."""
    if not row["tests"]:
        return "never tested" if row["state"] in ("untested", "planned") else "in no test that was read"
    return f"{counted(int(row['bugs']), 'bug') if row['bugs'] else 'no bug'} in {counted(int(row['tests']), 'test')}"


def whys(found: pd.DataFrame) -> pd.Series[str]:
    """Return what makes each feature's figure: what is known of it, and the parts that move it away from its product's."""
    parts = [name for name in PART_WORDS if name not in ("product", "own")]
    rows = found[[*_IN_REASONS, *(f"part_{name}" for name in parts)]].to_dict("records")
    return pd.Series([_why(row) for row in rows], index=found.index, dtype="str")


def _why(row: Mapping[Any, Any]) -> str:
    said = [*_facts(row)]
    if pd.isna(row["expected_bugs"]):
        return "; ".join([*said, "no test of any feature was read"])
    moved = [
        f"{PART_WORDS[name]} {'adds' if row[f'part_{name}'] > 0 else 'takes'} {abs(row[f'part_{name}']):.2g}"
        for name in ("section", "words", "stories")
        if abs(row[f"part_{name}"]) > MATTERS * row["expected_bugs"]
    ]
    said += [f"its {listed(moved)} bugs per test"] if moved else []
    return "; ".join(said) or "found by its own tests and its product's, no more"


def _facts(row: Mapping[Any, Any]) -> list[str]:
    said = []
    if row["state"] in ("untested", "planned"):
        said.append("never tested" if row["state"] == "untested" else "scheduled, not yet tested")
    if row["tests"]:
        said.append(_evidence(row))
    if row["result"] in ("issues", "failed", "blocked"):
        worst = f" ({row['worst_severity']})" if row["result"] == "issues" and pd.notna(row["worst_severity"]) else ""
        said.append(f"last result: {row['result']}{worst}")
    if pd.notna(row["changed_since_tested"]) and row["changed_since_tested"]:
        said.append(f"changed since tested ({row['changed_words']})")
    is_aged = pd.notna(row["expected_bugs"]) and row["part_age"] > MATTERS * row["expected_bugs"]
    if pd.notna(row["days_since_tested"]) and is_aged:
        said.append(f"last tested {int(row['days_since_tested'])} days ago")
    return said
