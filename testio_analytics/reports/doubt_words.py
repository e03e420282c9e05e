"""What a doubt is, as data, and the one function that puts it into words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from testio_analytics.mirror.schema import STREAMS
from testio_analytics.text import counted, instant_words, listed, lowered, short

Kind = Literal[
    "never read",
    "incomplete",
    "older than the report",
    "before the data",
    "before the history",
    "wrong clock",
    "no date",
    "unread tests",
    "unknown status",
    "unknown results",
    "missing field",
]

LONGEST_PLACE = 100
FIELD_WORDS: Mapping[str, tuple[str, str, str]] = {
    "tests.features": (
        "executed test",
        "does not say which features it covers",
        "do not say which features they cover",
    ),
    "tests.test_cases": ("test-case run", "names its features elsewhere", "name their features elsewhere"),
    "bugs.status": ("bug", "has no status", "have no status"),
    "bugs.auto_accepted": (
        "accepted bug",
        "does not say whether a person or the timer accepted it",
        "do not say whether a person or the timer accepted them",
    ),
    "bugs.severity": ("bug", "has no severity", "have no severity"),
    "bugs.known": ("bug", "does not say whether it was known before", "do not say whether they were known before"),
    "bugs.test_feature": ("bug", "names no feature of its test", "name no feature of their test"),
    "bugs.test": ("bug", "names no test", "name no test"),
    "bugs.report": (
        "filled-in form",
        "came without its answers, or was read by a version that did not keep them",
        "came without their answers, or were read by a version that did not keep them",
    ),
}
"""For each field that can be missing: whose it is, and what one, and several, then do not say."""


@dataclass(frozen=True)
class Doubt:
    """Something that puts figures in doubt.

    Attributes:
        stream: where it is: a stream, or `STATUSES`.
        kind: "never read"; "incomplete" (the last read had gaps, or rejected records); "older than the report" (the
            last complete read was before the report date); "before the data" (the report date is before anything that
            is known); "before the history" (what is stored is of a later time than the report date); "wrong clock" (the end of a run contradicts those of others); "no date" (executed tests whose end
            is not possible, or which have no date); "unread tests" (executed tests whose bugs or results were not
            read); "unknown status" (tests that may or may not count as executed); "unknown results" (stories whose
            result is missing or no known word); "missing field" (rows in which the API left a field out that figures
            rest on).
        product_id, product: whose; None and "the account" for the account's list of products.
        count: gaps, tests, stories or bugs.
        places: the places that could not be read, like "page 5"; the titles of tests.
        value: the unknown status, "" where it is missing; the number of the run with a wrong clock, or of the first
            one of the history; the missing field, as in
            `registry.FIELDS`.
        features: the features that it is about; None where it may be about any of the product.
        others: other products that it touches: those at whose features the tests of this product look.
        since: up to when that stream is known, None where it is not known; from when on anything is known; the
            wrong time of a run.
        was_asked: whether a run was ever asked for it; what was not is missing all the same, but is no fault.
        stated_of: the earlier state that it is about, where two are compared; None for the present one.
    """

    stream: str
    kind: Kind
    product_id: int | None
    product: str
    count: int = 0
    places: tuple[str, ...] = ()
    value: str = ""
    features: frozenset[int] | None = None
    others: frozenset[int] = frozenset()
    since: pd.Timestamp | None = None
    was_asked: bool = True
    stated_of: pd.Timestamp | None = None

    @property
    def source(self) -> str:
        """What a report declares that rests on it: the stream, or the field that is missing."""
        return self.value if self.kind == "missing field" else self.stream


def words(doubt: Doubt, owner: str | None = None) -> str:
    """Return a doubt as a sentence without full stop, like "The tests of Harbour were not fully synced (page 5)"."""
    return _of_its_state(doubt, _words(doubt, owner))


def _of_its_state(doubt: Doubt, sentence: str) -> str:
    """Return the sentence with the earlier state that it is about in front, where it is about one."""
    return sentence if doubt.stated_of is None else f"As of {instant_words(doubt.stated_of)}: {lowered(sentence)}"


def _words(doubt: Doubt, owner: str | None) -> str:
    whose = short(doubt.product if owner is None else owner)
    what = "details" if doubt.stream == "products" and doubt.product_id is not None else doubt.stream
    match doubt.kind:
        case "never read":
            return f"The {what} of {whose} were never {'read' if doubt.was_asked else 'asked for'}"
        case "incomplete":
            return f"The {what} of {whose} were not fully synced{_places(doubt.places)}"
        case "older than the report":
            return _older([doubt], owner)
        case "before the data":
            return (
                f"Nothing is known of the time before {_when(doubt)}, when the oldest test ended or the first sync did"
            )
        case "before the history":
            begins = f"; the history begins with run {doubt.value}" if doubt.value else ""
            said = f"Features, texts and statuses are those of {_when(doubt)}"
            return f"{said}: how they were before was not recorded{begins}"
        case "wrong clock":
            return f"Sync run {doubt.value} ended on {_when(doubt)} by a clock that other runs contradict"
        case "no date":
            which = counted(doubt.count, "executed test")
            return (
                f"{which} of {whose}{_titles(doubt)} {'has' if doubt.count == 1 else 'have'} no date that is possible"
            )
        case "unread tests":
            return f"The {doubt.stream} of {counted(doubt.count, 'executed test')} of {whose} were not read"
        case "unknown status":
            value = f"the status “{short(doubt.value)}”, which is not known" if doubt.value else "an unknown status"
            has = "has" if doubt.count == 1 else "have"
            return f"{counted(doubt.count, 'test')} of {whose}{_titles(doubt)} {has} {value}"
        case "unknown results":
            return f"The result of {counted(doubt.count, 'story', 'stories')} of {whose} is missing or not a known word"
        case "missing field":
            return _missing_words(doubt, whose)


def _missing_words(doubt: Doubt, whose: str) -> str:
    owner, one, several = FIELD_WORDS[doubt.value]
    return f"{counted(doubt.count, owner)} of {whose} {one if doubt.count == 1 else several}"


def sentences(found: Collection[Doubt], owner: str | None = None) -> tuple[str, ...]:
    """Return doubts in words, a sentence without full stop each.

    What was last read at the same time is said together: after a sync of some products that are many.
    """
    groups: dict[object, list[Doubt]] = {}
    for place, one in enumerate(found):
        is_older = one.kind == "older than the report"
        key = (one.since, one.stream == "products", one.stated_of) if is_older else place
        groups.setdefault(key, []).append(one)
    texts = (
        words(group[0], owner) if len(group) == 1 else _of_its_state(group[0], _older(group, owner))
        for group in groups.values()
    )
    return tuple(dict.fromkeys(texts))


def _older(group: list[Doubt], owner: str | None) -> str:
    what = listed([*dict.fromkeys(one.stream for one in group)], most=len(STREAMS))
    whose = listed([*dict.fromkeys(short(one.product if owner is None else owner) for one in group)])
    if group[0].since is None:
        return f"It is not known when the {what} of {whose} were last read, because of a wrong clock"
    return f"The {what} of {whose} were last read on {_when(group[0])}"


def _when(doubt: Doubt) -> str:
    return "an unknown date" if doubt.since is None else instant_words(doubt.since)


def _titles(doubt: Doubt) -> str:
    return f" ({short('; '.join(doubt.places))})" if doubt.places else ""


def _places(places: tuple[str, ...]) -> str:
    """Return places in brackets; what stands in brackets after one follows a comma instead."""
    named = [short(re.sub(r" \((.*)\)$", r", \1", place), LONGEST_PLACE) for place in places]
    return f" ({listed(named)})" if named else ""
