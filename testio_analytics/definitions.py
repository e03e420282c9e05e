"""The definitions that the figures follow, drawn from the docstrings of the functions that compute them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from testio_analytics.catalog import feature_catalog, feature_states
from testio_analytics.completeness import report_instant, stream_doubts
from testio_analytics.coverage import coverage_by_product
from testio_analytics.errors import ReportError
from testio_analytics.executed import feature_scope, status_group
from testio_analytics.instants import checked_days

DEFINING: tuple[Callable[..., Any], ...] = (
    feature_catalog,
    status_group,
    feature_scope,
    feature_states,
    coverage_by_product,
    report_instant,
    stream_doubts,
)
"""The functions whose docstrings define terms, in the order in which the terms are printed."""

_TERM = re.compile(r"^    (?P<term>[a-z][a-z -]*): (?P<meaning>\S.*)$")


def definitions(*, stale_after: float = 180) -> list[tuple[str, str]]:
    """Return each term of the coverage reports with its meaning, the thresholds used filled in.

    Raises:
        ReportError: Python runs without docstrings (-OO), so there is nothing to print.
        UnknownValueError: `stale_after` is not above 0.
    """
    checked_days("stale_after", stale_after)
    values = {"stale_after": f"{stale_after:g}"}
    return [
        (term.capitalize(), meaning.format_map(values))
        for function in DEFINING
        for term, meaning in _defined_by(function)
    ]


def _defined_by(function: Callable[..., Any]) -> list[tuple[str, str]]:
    """Return the terms under "Definitions:" in a docstring; deeper indented lines continue a meaning."""
    text = inspect.getdoc(function)
    if text is None:
        raise ReportError("The definitions are in the docstrings, and Python runs without them. Run it without -OO.")
    found: list[tuple[str, str]] = []
    for line in text.partition("Definitions:\n")[2].splitlines():
        if match := _TERM.match(line):
            found.append((match["term"], match["meaning"]))
        elif line.startswith("        ") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            break
    return found
