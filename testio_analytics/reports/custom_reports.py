"""What bugs say on the customer's own forms: one row per form, and for one form a row per bug with a column per question.

The reports take a `Mirror` and return a frame. They read and write nothing, and leave their input as it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubts import never_synced_products, with_row_doubts
from testio_analytics.reports.facts import dated_tests, labels, located_bugs, looked_up
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.text import label

NO_FORM = "(no form)"
UNNAMED = "(unnamed)"
NUMBER_TYPES = frozenset({"number", "numeric", "integer", "int", "float", "decimal"})
"""The types of answers, as the API names them, whose values are numbers."""

FORM = ["product_id", "custom_report_id", "form"]
ABOUT = [
    *("bug_id", "bug", "product_id", "product", "test_id", "test", "feature_id", "feature", "severity", "bucket"),
    *("reported_at", "answers"),
]
"""The columns of the frame of one form before its questions."""

_NUMBER = re.compile(r"\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*")


@documented
def custom_reports(mirror: Mirror, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return the customer's own forms, one row per product and form, by product, form and id.

    Forms that tests carry are in, also those that no bug was reported on, and those that only bugs name. Bugs of the
    severity "custom" that come without a form have a row of their own. What a form's bugs say stands in `custom_report`.
    """
    bugs = _bugs_on_forms(mirror, as_of)
    counts = bugs.groupby(FORM, dropna=False).size().rename("bugs").reset_index()
    rows = _carried(mirror).merge(counts, on=FORM, how="outer")
    rows = rows[rows["product_id"].isin(mirror.active("products")["id"])].reset_index(drop=True)
    is_unread = rows["product_id"].isin(never_synced_products(mirror, "bugs"))
    answers = _answers(mirror).merge(bugs[["bug_id", *FORM]], on="bug_id").groupby(FORM, dropna=False)
    of_forms = {_key(form): found for form, found in answers}
    rows["bugs"] = rows["bugs"].fillna(0).astype("Int64").mask(is_unread)
    rows["keys"] = [
        ", ".join(_questions(mirror, form[1], of_forms.get(_key(form))).values()) or None
        for form in rows[FORM].itertuples(index=False, name=None)
    ]
    rows["product"] = mirror.named(rows["product_id"])
    rows = rows.sort_values(["product", "product_id", "form", "custom_report_id"], ignore_index=True)
    rows = rows.astype({"product_id": "Int64", "custom_report_id": "Int64", "form": "str", "keys": "str"})
    found = with_row_doubts(rows, mirror, "custom_reports")
    return found[column_names("custom_reports")]


def custom_report(mirror: Mirror, form: int | str, *, as_of: AsOf = None) -> pd.DataFrame:
    """Return what bugs say on one of the customer's own forms, one row per bug, by id.

    `form` is its id or its title, as in `custom_reports`. Columns: bug_id, bug (its title), product_id, product, test_id,
    test, feature_id, feature, severity, bucket, reported_at, answers (how many came, empty where they are not known), then
    one column per question, under its label. Where a label stands for several questions its key is added. Numbers are
    numbers where the API calls all answers of a question so and all of them are; everything else is text. Several
    answers of a bug to one question are joined with a semicolon.

    Raises:
        UnknownValueError: there is no such form, or several have this title; the message lists the forms.
    """
    mirror = mirror.at(as_of)
    bugs = _bugs_on_forms(mirror, as_of)
    chosen = _chosen(mirror, bugs, form)
    bugs = bugs[chosen(bugs)].reset_index(drop=True)
    tests, features = dated_tests(mirror, as_of=as_of).set_index("test_id")["test"], mirror.features.set_index("id")
    bugs = bugs.assign(
        bug=labels(bugs["title"], "Bug", bugs["bug_id"]),
        product=mirror.named(bugs["product_id"]),
        test=looked_up(bugs["test_id"], tests[~tests.index.duplicated()]),
        feature=looked_up(bugs["feature_id"], features["title"]),
    )[[*ABOUT, "custom_report_id"]]
    answers = _answers(mirror)
    answers = answers[answers["bug_id"].isin(bugs["bug_id"])]
    ids = bugs["custom_report_id"].dropna().unique().tolist()
    questions = _questions(mirror, ids[0] if ids else (form if isinstance(form, int) else None), answers)
    columns = {name: _column(bugs["bug_id"], answers, key) for key, name in _distinct(questions).items()}
    found: pd.DataFrame = pd.concat([bugs[ABOUT], pd.DataFrame(columns, index=bugs.index)], axis=1)
    return found


def _bugs_on_forms(mirror: Mirror, as_of: AsOf) -> pd.DataFrame:
    """Return the bugs that were reported on a form, or should have been, by id: with ``custom_report_id`` and ``form``."""
    bugs = mirror.own(located_bugs(mirror, as_of=as_of))
    reports = mirror.active("bug_custom_reports")[["bug_id", "custom_report_id", "title", "answers"]]
    found = bugs.merge(reports.rename(columns={"title": "form_title"}), on="bug_id", how="left")
    found = found[found["bug_id"].isin(reports["bug_id"]) | (found["severity"] == "custom")]
    titles = _titles(mirror)
    pairs = zip(found["custom_report_id"].tolist(), found["form_title"].tolist(), strict=True)
    names = [_form_name(key, said, titles) for key, said in pairs]
    return found.assign(form=pd.Series(names, index=found.index, dtype="str")).sort_values("bug_id", ignore_index=True)


def _form_name(key: Any, said: Any, titles: dict[int, str]) -> str:
    if not pd.isna(key):
        return label(titles.get(key), "Form", key)
    return NO_FORM if pd.isna(said) else str(said)


def _titles(mirror: Mirror) -> dict[int, str]:
    """Return the titles of the forms by id: as the tests carry them, else as the newest bug names them."""
    frames = (
        mirror.active("bug_custom_reports"),
        mirror.active("custom_reports").rename(columns={"id": "custom_report_id"}),
    )
    found: dict[int, str] = {}
    for frame in frames:
        known = frame.dropna(subset=["custom_report_id", "title"])
        found |= dict(zip(known["custom_report_id"].tolist(), known["title"].tolist(), strict=True))
    return found


def _carried(mirror: Mirror) -> pd.DataFrame:
    """Return the forms that the tests carry. Columns: product_id, custom_report_id, form."""
    forms, titles = mirror.own(mirror.active("custom_reports")), _titles(mirror)
    names = [_form_name(key, None, titles) for key in forms["id"].tolist()]
    return pd.DataFrame(
        {
            "product_id": forms["product_id"],
            "custom_report_id": forms["id"],
            "form": pd.Series(names, forms.index, "str"),
        }
    )


def _key(form: Iterable[Any]) -> tuple[Any, ...]:
    """Return product, id and title of a form so that they can be looked up: missing values are equal."""
    return tuple(None if pd.isna(part) else part for part in form)


def _chosen(mirror: Mirror, bugs: pd.DataFrame, form: int | str) -> Any:
    """Return what tells which bugs were reported on the form that is asked for."""
    known = pd.concat([bugs[["custom_report_id", "form"]], _carried(mirror)[["custom_report_id", "form"]]])
    known = known[known["form"] != NO_FORM].drop_duplicates().sort_values(["form", "custom_report_id"])
    ids = {*known["custom_report_id"].dropna().tolist()}
    if not isinstance(form, str):
        if not isinstance(form, bool) and form in ids:
            return lambda rows: (rows["custom_report_id"] == form).fillna(False).astype(bool)
    else:
        named = known[known["form"].str.casefold() == form.strip().casefold()]
        if len(named) and named["custom_report_id"].nunique() <= 1:
            return lambda rows: rows["form"].isin(named["form"])
    raise UnknownValueError("The form", form, _choices(known) or ["nothing yet: no bug was reported on a form"])


def _choices(known: pd.DataFrame) -> list[str]:
    pairs = zip(known["custom_report_id"].tolist(), known["form"].tolist(), strict=True)
    return [repr(name) if pd.isna(key) else f"{key} ({name})" for key, name in pairs]


# -- answers ----------------------------------------------------------------------------------------------------------


def _answers(mirror: Mirror) -> pd.DataFrame:
    """Return the answers by bug and place, with the key of their question: its name where it has none."""
    answers = mirror.active("custom_report_values")[["bug_id", "position", "key", "name", "type", "value"]]
    return answers.assign(key=answers["key"].fillna(answers["name"]).fillna(UNNAMED))


def _questions(mirror: Mirror, form: Any, answers: pd.DataFrame | None) -> dict[str, str]:
    """Return the questions of a form, key → label: those that the tests carry, in that order, then what else was answered."""
    forms = mirror.active("custom_reports")
    carried = forms["keys"][(forms["id"] == form).fillna(False).astype(bool)] if not pd.isna(form) else ()
    found: dict[str, str] = {}
    for one in (one for keys in carried for one in json.loads(keys)):
        if key := one["key"] or one["label"]:
            found.setdefault(key, one["label"] or "")
    if answers is not None:
        for key in answers.sort_values(["position", "key"])["key"].drop_duplicates():
            found.setdefault(key, "")
        names = answers.dropna(subset=["name"]).groupby("key")["name"].agg(_most_common)
        found = {key: words or names.get(key) or key for key, words in found.items()}
    return {key: words or key for key, words in found.items()}


def _most_common(names: pd.Series[str]) -> str:
    counts = Counter(names.tolist())
    return min(counts, key=lambda name: (-counts[name], name))


def _distinct(questions: dict[str, str]) -> dict[str, str]:
    """Return the questions with labels that are distinct and name no other column: where they are not, with the key."""
    counts = Counter(questions.values())
    return {
        key: words if counts[words] == 1 and words not in ABOUT else f"{words} ({key})"
        for key, words in questions.items()
    }


def _column(bugs: pd.Series[int], answers: pd.DataFrame, key: str) -> pd.Series[Any]:
    """Return the answers to one question, in the order of the bugs: numbers where they are said to be and all are."""
    of_key = answers[answers["key"] == key].dropna(subset=["value"])
    texts = looked_up(bugs, of_key.groupby("bug_id")["value"].agg("; ".join)).astype("str")
    kinds, values = {*of_key["type"].str.casefold()}, texts.dropna()
    if not kinds or not kinds <= NUMBER_TYPES or not values.map(lambda text: bool(_NUMBER.fullmatch(text))).all():
        return texts
    is_whole = not values.str.contains(".", regex=False).any()
    return pd.to_numeric(texts).astype("Int64" if is_whole else "Float64")
