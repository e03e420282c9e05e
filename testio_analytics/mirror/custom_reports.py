"""The customer's own forms: those that tests carry, and what bugs answer on them, as rows (testio-api 7.5 and 8.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.values import as_id, as_json, list_in, text_of
from testio_analytics.mirror import schema
from testio_analytics.mirror.rows import Rows

REPORT = "report"
CONFIGURATIONS = "custom_report_configurations"


def add_forms(rows: Rows, product_id: int, tests: Iterable[tuple[int, str, Any]]) -> None:
    """Add the forms of a product's tests, given as id, end and payload of each.

    Each test carries a copy of its forms. Of several copies of a form, that of the test which ended last counts.
    """
    for test_id, _, raw in sorted(tests, key=lambda test: (test[1], test[0]), reverse=True):
        for feature in list_in(raw, "features") or []:
            carried = feature.get(CONFIGURATIONS) if isinstance(feature, Mapping) else None
            for form in rows.entries(schema.CUSTOM_REPORTS, carried, f"the forms in test {test_id}"):
                _add_form(rows, product_id, form, f"in test {test_id}: ")


def _add_form(rows: Rows, product_id: int, raw: Any, where: str) -> None:
    form = rows.read(payloads.CustomReport, schema.CUSTOM_REPORTS, raw, where)
    if form is None:
        return
    keys = [
        {"key": text_of(key.get("value")), "label": text_of(key.get("label"))}
        for key in rows.entries(schema.CUSTOM_REPORTS, form.keys, f"{where}the keys of form {form.id}")
        if isinstance(key, Mapping)
    ]
    rows.add(schema.CUSTOM_REPORTS, raw, id=form.id, product_id=product_id, title=form.title, keys=as_json(keys))


def add_report(rows: Rows, raw: Mapping[str, Any], *, bug_id: int, product_id: int, test_id: int | None) -> None:
    """Add the form that a bug was reported on, and its answers; what of them cannot be stored is rejected alone.

    The number of answers stays empty where the API does not say them.
    """
    report = raw.get(REPORT)
    if report is None:
        return
    keys = {"bug_id": bug_id, "product_id": product_id, "test_id": test_id}
    head = rows.read(payloads.BugReport, schema.BUG_CUSTOM_REPORTS, report, f"the report of bug {bug_id}: ")
    content = report.get("content") if isinstance(report, Mapping) else None
    data = content.get("data") if isinstance(content, Mapping) else content
    answers = rows.entries(schema.CUSTOM_REPORT_VALUES, data, f"the answers of bug {bug_id}", row_id=str(bug_id))
    form = head.custom_report_configuration_id if head else None
    rows.add(
        schema.BUG_CUSTOM_REPORTS,
        {name: value for name, value in report.items() if name != "content"} if isinstance(report, Mapping) else {},
        **keys,
        custom_report_id=form,
        title=head.title if head else None,
        answers=len(data) if isinstance(data, list) else None,
    )
    for position, answer in enumerate(sorted(answers, key=_place), 1):
        where = f"answer {position} of bug {bug_id}: "
        found = rows.read(payloads.ReportValue, schema.CUSTOM_REPORT_VALUES, answer, where)
        if found is not None:
            said = {**found.model_dump(exclude={"value"}), "value": _value(found.value)}
            rows.add(schema.CUSTOM_REPORT_VALUES, answer, **keys, custom_report_id=form, position=position, **said)


def _place(answer: Any) -> float:
    """Return where an answer stands by its own account; after all others where it does not say."""
    place = as_id(answer.get("position")) if isinstance(answer, Mapping) else None
    return math.inf if place is None else place


def _value(value: Any) -> str | None:
    """Return an answer as text: several choices joined with a comma, an object as JSON."""
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        return ", ".join(text for item in value if (text := text_of(item))) or None
    return text_of(value)
