"""The customer's own forms (testio-api.md, 7.5 and 8.2): a second one beside the survey, and the odd shapes of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testio_analytics.demo.account.model import Account, Bug, Payload
from testio_analytics.demo.account.planted import PLANTED_SECRETS, PROSE_WITH_LOGIN

SURVEY, ACCESS_CHECK = 12, 27
ACCESS_TITLE = "Access check"
OF_PRODUCT = 70210
"""The product whose testers fill in the second form."""

AIDS = ("none", "screen reader", "keyboard only", "200 % zoom")
BARRIERS = ("contrast", "focus order", "missing label", "small target")
QUESTIONS = (
    ("steps", "Steps that were possible", "number"),
    ("minutes", "Minutes", "number"),
    ("aid", "Aid", "select"),
    ("barriers", "Barriers", "multi_select"),
    ("done", "Reached the end", "boolean"),
    ("remark", "Remark", "text"),
)


def apply(account: Account) -> None:
    """Change the reports of bugs of severity custom in place, and let tests carry the forms."""
    product = account.product(OF_PRODUCT)
    bugs = [bug for cycle in product.cycles for bug in cycle.bugs if bug.payload["severity"] == "custom"]
    for bug in bugs:
        bug.payload["report"] = _access_check(bug)
    for bug, change in zip(bugs[2:], CHANGES, strict=False):
        change(bug.payload["report"]["content"]["data"])
    surveys = [bug for cycle in account.products[0].cycles for bug in cycle.bugs if bug.payload["severity"] == "custom"]
    surveys[2].payload["report"] = None
    surveys[3].payload["report"] = {"title": "Survey", "content": {"data": []}}  # names no form, and nobody answered
    keys = [{"value": key, "label": label} for key, label, _ in QUESTIONS[:-1]]
    carried = {"id": ACCESS_CHECK, "title": ACCESS_TITLE, "keys": [*keys, {"value": "remark", "label": None}]}
    for cycle in (one for one in product.cycles if any(bug in one.bugs for bug in bugs)):
        cycle.payload["features"][0]["custom_report_configurations"] = [carried]


def _access_check(bug: Bug) -> Payload:
    number = bug.payload["id"]
    barriers = [name for place, name in enumerate(BARRIERS) if number >> place & 1]
    values: tuple[Any, ...] = (
        str(number % 7),
        f"{number % 9 + 1}.5",
        AIDS[number % 4],
        barriers,
        number % 3 > 0,
        f"On {bug.payload['title'][0].lower()}{bug.payload['title'][1:]}",
    )
    data = [
        {"key": key, "name": label, "type": kind, "value": value, "position": place}
        for place, ((key, label, kind), value) in enumerate(zip(QUESTIONS, values, strict=True), 1)
    ]
    return {"title": ACCESS_TITLE, "custom_report_configuration_id": ACCESS_CHECK, "content": {"data": data}}


Data = list[Payload]
Change = Callable[[Data], None]


def _set(place: int, **values: Any) -> Change:
    return lambda data: data[place].update(values)


def _without_names(data: Data) -> None:
    del data[2]["name"]
    data[3].update(name=None, type=None)


def _twice(data: Data) -> None:
    data.append({**data[3], "value": "low light", "position": 7})


def _with_login(data: Data) -> None:
    values = {"user name": PLANTED_SECRETS["username"], "password": PLANTED_SECRETS["password"]}
    for place, (key, value) in enumerate(values.items(), 7):
        data.append(
            {"key": key.replace(" ", "_"), "name": key.capitalize(), "type": "text", "value": value, "position": place}
        )


CHANGES: tuple[Change, ...] = (
    _without_names,
    _set(1, value="about ten"),  # a number by its type
    _twice,
    _with_login,
    _set(5, value=PROSE_WITH_LOGIN),
    _set(2, key=None, name=None),
    _set(5, value=None),
    lambda data: data.reverse(),  # in the order of position all the same
)
