"""Why a feature has its state, and why a figure is in doubt, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from testio_analytics.reports.completeness import NEVER_READ, NOT_COMPLETE
from testio_analytics.text import age_words, counted, day_words, instant_words, short


def doubt_words(doubt: str, stream: str, owner: str) -> str:
    """Return what is in doubt, like "The tests of Harbour were not completely read (page 5)", without a full stop."""
    if doubt == NEVER_READ:
        return f"The {stream} of {short(owner)} were never read"
    where = "" if doubt == NOT_COMPLETE else f" ({doubt})"
    return f"The {stream} of {short(owner)} were not completely read{where}"


def reason_of(
    fact: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    *,
    gap: str,
    as_of: pd.Timestamp,
    stale_after: float,
) -> str:
    """Return why a feature has its state, as a sentence without full stop.

    Args:
        fact: the feature's row: state, last_tested_at, last_test, days_since_tested, is_running.
        others: the tests that have it in scope and are not executed, as rows of `executed.feature_scope`, in its order.
        gap: what of its product's tests could not be read, empty when nothing.
        as_of: the instant of the report.
        stale_after: the age in days from which on a test is too old.
    """
    match fact["state"]:
        case "tested":
            return _tested(fact)
        case "stale":
            return _stale(fact, gap, stale_after)
        case "unknown":
            return _unknown(_of(others, "unknown"), gap)
        case "planned":
            return _planned(_of(others, "planned"), as_of)
        case _:
            return _untested(_of(others, "later"), as_of)


def _of(tests: Sequence[Mapping[str, Any]], group: str) -> list[Mapping[str, Any]]:
    return [test for test in tests if test["group"] == group]


def _tested(fact: Mapping[str, Any]) -> str:
    if fact["is_running"]:
        return f"Being tested now in {_quoted(fact['last_test'])}"
    return f"Last tested {age_words(fact['days_since_tested'])}"


def _stale(fact: Mapping[str, Any], gap: str, stale_after: float) -> str:
    if pd.isna(fact["last_tested_at"]):
        text = f"Tested in {_quoted(fact['last_test'])}, at an unknown date"
    elif fact["days_since_tested"] <= stale_after:  # by hours only
        text = f"Last tested more than {counted(fact['days_since_tested'], 'day')} ago"
    else:
        text = f"Last tested {age_words(fact['days_since_tested'])}"
    return f"{text}; newer tests may be missing" if gap else text


def _unknown(tests: Sequence[Mapping[str, Any]], gap: str) -> str:
    if tests:
        test = tests[-1]
        return f"In scope of {_quoted(test['test'])}, whose status “{short(test['status'])}” is not known"
    return doubt_words(gap, "tests", "this product")


def _planned(planned: Sequence[Mapping[str, Any]], as_of: pd.Timestamp) -> str:
    upcoming = [test for test in planned if test["start_at"] > as_of]  # never true of a missing start
    test = min(upcoming, key=lambda test: (test["start_at"], test["test_id"])) if upcoming else planned[-1]
    when = f"starts {day_words(test['start_at'])}" if upcoming else f"not started (status {test['status']})"
    more = f", and of {counted(len(planned) - 1, 'more planned test')}" if len(planned) > 1 else ""
    return f"In scope of {_quoted(test['test'])}, {when}{more}"


def _untested(later: Sequence[Mapping[str, Any]], as_of: pd.Timestamp) -> str:
    if later:
        return f"In scope of {_quoted(later[-1]['test'])}, which had not ended by {instant_words(as_of)}"
    return "No executed or planned test has it in scope"


def _quoted(title: str) -> str:
    return f"“{short(title)}”"
