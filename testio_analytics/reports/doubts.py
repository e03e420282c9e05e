"""What puts figures in doubt: one kind of data, one rule for whom it touches, one function for the words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST, ON_REQUEST, STREAMS
from testio_analytics.reports.asked import asked_for, owes_account
from testio_analytics.reports.facts import (
    NO_STATUS,
    NO_VALUE,
    dated_tests,
    is_unsaid,
    located_bugs,
    looks_beyond,
    once,
    silent_tests,
    stray_bugs,
    test_case_runs,
    unread_tests,
)
from testio_analytics.reports.registry import FIELDS, REPORTS, STATUSES
from testio_analytics.text import counted, instant_words, label, listed, short

Kind = Literal[
    "never read",
    "incomplete",
    "older than the report",
    "before the data",
    "wrong clock",
    "no date",
    "unread tests",
    "unknown status",
    "unknown results",
    "missing field",
]

ORDER = (*STREAMS, *ON_REQUEST, STATUSES, *FIELDS)
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
}
"""For each field that can be missing: whose it is, and what one, and several, then do not say."""

NOT_OWED = ("products", *ON_REQUEST)
"""Streams of a product that need not have been read: its details come with the list, single runs where asked for."""


@dataclass(frozen=True)
class Doubt:
    """Something that puts figures in doubt.

    Attributes:
        stream: where it is: a stream, or `STATUSES`.
        kind: "never read"; "incomplete" (the last read had gaps, or rejected records); "older than the report" (the
            last complete read was before the report date); "before the data" (the report date is before anything that
            is known); "wrong clock" (the end of a run contradicts those of others); "no date" (executed tests whose end
            is not possible, or which have no date); "unread tests" (executed tests whose bugs or results were not
            read); "unknown status" (tests that may or may not count as executed); "unknown results" (stories whose
            result is missing or no known word); "missing field" (rows in which the API left a field out that figures
            rest on).
        product_id, product: whose; None and "the account" for the account's list of products.
        count: gaps, tests, stories or bugs.
        places: the places that could not be read, like "page 5"; the titles of tests.
        value: the unknown status, "" where it is missing; the number of the run with a wrong clock; the missing field, as in
            `registry.FIELDS`.
        features: the features that it is about; None where it may be about any of the product.
        others: other products that it touches: those at whose features the tests of this product look.
        since: up to when that stream is known, None where it is not known; from when on anything is known; the
            wrong time of a run.
        was_asked: whether a run was ever asked for it; what was not is missing all the same, but is no fault.
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

    @property
    def source(self) -> str:
        """What a report declares that rests on it: the stream, or the field that is missing."""
        return self.value if self.kind == "missing field" else self.stream


def doubts(mirror: Mirror, streams: Collection[str] = ORDER) -> tuple[Doubt, ...]:
    """Return everything that puts figures in doubt which rest on these streams, by product and stream.

    What is missing of the products themselves touches everything. Bugs and results are read test by test: what rests on
    them rests on the tests as well.
    """
    rests_on = {"products", *streams, *(("tests",) if {*streams} & {*BY_TEST} else ())}
    return tuple(doubt for doubt in _all_doubts(mirror) if doubt.source in rests_on)


def doubts_of(mirror: Mirror, report: str) -> tuple[Doubt, ...]:
    """Return everything that puts the figures of a report in doubt."""
    return doubts(mirror, REPORTS[report].streams)


def words(doubt: Doubt, owner: str | None = None) -> str:
    """Return a doubt as a sentence without full stop, like "The tests of Harbour were not fully synced (page 5)"."""
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
        key = (one.since, one.stream == "products") if one.kind == "older than the report" else place
        groups.setdefault(key, []).append(one)
    texts = (words(group[0], owner) if len(group) == 1 else _older(group, owner) for group in groups.values())
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


# -- whom they touch ------------------------------------------------------------------------------------------------


def with_row_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows that have a product_id: what touches that product.

    Where the rows have a feature_id, what is known to be about some features touches those alone.
    """
    of_product, of_feature, of_others = (defaultdict[int, list[Doubt]](list) for _ in range(3))
    for doubt in doubts_of(mirror, report):
        if doubt.product_id is None:
            continue
        if doubt.features is None or "feature_id" not in rows:
            of_product[doubt.product_id].append(doubt)
            for other in doubt.others:
                of_others[other].append(doubt)
            continue
        for feature_id in doubt.features:
            of_feature[feature_id].append(doubt)
    said = {key: sentences(found, "this product") for key, found in of_product.items()}
    more = {key: sentences(found, "this product") for key, found in of_feature.items()}
    beyond = {key: sentences(found) for key, found in of_others.items()}
    features = rows["feature_id"].tolist() if "feature_id" in rows else [None] * len(rows)
    pairs = zip(rows["product_id"].tolist(), features, strict=True)
    texts = ["; ".join([*said.get(one, ()), *more.get(key, ()), *beyond.get(one, ())]) or None for one, key in pairs]
    return with_gap(rows, pd.Series(texts, index=rows.index, dtype="str"))


def with_doubts(rows: pd.DataFrame, mirror: Mirror, report: str) -> pd.DataFrame:
    """Add the columns is_complete and gap to rows of all products together: what touches any of them."""
    text = "; ".join(sentences(doubts_of(mirror, report))) or None
    return with_gap(rows, pd.Series(text, index=rows.index, dtype="str"))


def with_gap(rows: pd.DataFrame, gap: pd.Series[str]) -> pd.DataFrame:
    """Add the columns is_complete and gap, from the doubts in words; empty where there is none."""
    return rows.assign(is_complete=gap.isna().astype("boolean"), gap=gap)


def missing_of(mirror: Mirror, stream: str) -> dict[int, Doubt]:
    """Return by product why rows of a stream may be missing: not fully synced, or last read before the report date.

    What is missing of a product's tests, bugs or results may be about another product: that is so as soon as a stored
    test of it looks at a feature of the other. A test that does and is missing itself, where none is stored that does,
    is the one case in which the other product does not know of it.
    """
    kinds = ("never read", "incomplete", "older than the report")
    found = [one for one in doubts(mirror, (stream,)) if one.stream == stream and one.kind in kinds]
    of_others = {other: one for one in found for other in one.others}
    return of_others | {one.product_id: one for one in found if one.product_id is not None}


def products_in_doubt(mirror: Mirror, *streams: str) -> frozenset[int]:
    """Return the products of which rows of one of these streams may be missing."""
    return frozenset(key for stream in streams for key in missing_of(mirror, stream))


@once
def never_synced_products(mirror: Mirror, stream: str) -> frozenset[int]:
    """Return the ids of the active products of which nothing is known in this stream: never a complete read, no row."""
    states = mirror.stream_states[mirror.stream_states["stream"] == stream]
    is_known = states["last_complete_at"].notna() | (states["rows_stored"] > 0)
    return frozenset(mirror.active("products")["id"].tolist()) - {*states[is_known]["product_id"].tolist()}


def nothing_read(mirror: Mirror, stream: str) -> bool:
    """Return whether nothing is known of a stream in the whole account: a total of it would be made of nothing.

    An account whose list of products was read and is empty has none, and that is known.
    """
    products = mirror.active("products")
    if products.empty:
        known = _states(mirror).get((ACCOUNT, "products"))
        return known is None or (known.until is None and not known.is_complete)
    return len(never_synced_products(mirror, stream)) == len(products)


# -- where they come from -------------------------------------------------------------------------------------------


@once
def _all_doubts(mirror: Mirror) -> tuple[Doubt, ...]:
    sources = (
        *(_account_doubts, _stream_doubts, _clock_doubts, _before_the_data, _undated, _unread, _unknown_statuses),
        _missing_fields,
    )
    return tuple(sorted((one for source in sources for one in source(mirror)), key=_place))


def _place(doubt: Doubt) -> tuple[bool, str, int, int, str]:
    """Return where a doubt stands among others: the account first, then products by name, inside one by stream."""
    of_product = doubt.product_id is not None
    return of_product, doubt.product, doubt.product_id or ACCOUNT, ORDER.index(doubt.source), doubt.value


def _open_gaps(mirror: Mirror) -> dict[tuple[int, str], tuple[str, ...]]:
    """Return the places that could not be read, by product (0: the whole account) and stream."""
    gaps = mirror.sync_gaps[mirror.sync_gaps["closed_at"].isna()]
    keys = zip(gaps["product_id"].fillna(ACCOUNT).tolist(), gaps["stream"].tolist(), strict=True)
    found: dict[tuple[int, str], tuple[str, ...]] = {}
    for key, where in zip(keys, gaps["where"].tolist(), strict=True):
        found[key] = (*found.get(key, ()), where)
    return found


def _account_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say what is missing of the account's list of products; of no concern to whoever asked for some products."""
    if mirror.product_ids is not None or not owes_account(mirror):
        return
    states, places = _states(mirror), _open_gaps(mirror).get((ACCOUNT, "products"), ())
    known = states.get((ACCOUNT, "products"))
    if kind := _kind_of(mirror, known, places):
        yield Doubt("products", kind, None, "the account", len(places), places, since=known and known.until)


def _stream_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say which streams of which products are not fully synced; a gap of the whole account concerns each product.

    Gaps of products that are not stored themselves are said as well.
    """
    states, gaps, names = _states(mirror), _open_gaps(mirror), mirror.product_names
    current, beyond = {*mirror.active("products")["id"].tolist()}, looks_beyond(mirror)
    for stream in (*STREAMS, *ON_REQUEST):
        of_account = () if stream == "products" else gaps.get((ACCOUNT, stream), ())
        not_stored = {key for key, of in gaps if of == stream and key != ACCOUNT} - {*names}
        looking = {*beyond} if stream in ("tests", *BY_TEST) else set[int]()
        for product_id in sorted(current | not_stored | looking):
            places, known = gaps.get((product_id, stream), ()) + of_account, states.get((product_id, stream))
            if stream in NOT_OWED and not places and (known is None or known.is_complete):
                continue
            if kind := _kind_of(mirror, known, places):
                name = names.get(product_id) or label(None, "Product", product_id)
                others = beyond.get(product_id, frozenset()) & current if product_id in looking else frozenset()
                was_asked = kind != "never read" or asked_for(mirror).covers(product_id, stream)
                found = Doubt(stream, kind, product_id, name, len(places), places, others=others)
                yield replace(found, since=known and known.until, was_asked=was_asked)


class _State(NamedTuple):
    """Whether a stream of a product was complete at its last read, and up to when it is known."""

    is_complete: bool
    until: pd.Timestamp | None


def _kind_of(mirror: Mirror, known: _State | None, places: Collection[str]) -> Kind | None:
    """Return what is wrong with a stream, None where it is complete up to the report date."""
    if places or (known is not None and not known.is_complete):
        return "incomplete"
    if known is None:
        return "never read"
    is_old = known.until is None or (mirror.as_of is not None and known.until < mirror.as_of)
    return "older than the report" if is_old else None


def _states(mirror: Mirror) -> dict[tuple[int, str], _State]:
    """Return the state of each stream of each product. All reads of a run count as of its end."""
    states = mirror.stream_states
    runs = [None if pd.isna(run) else mirror.runs.until(int(run)) for run in states["last_complete_run_id"].tolist()]
    keys = zip(states["product_id"].tolist(), states["stream"].tolist(), strict=True)
    is_complete = states["is_complete"].fillna(False).tolist()
    return {key: _State(*state) for key, state in zip(keys, zip(is_complete, runs, strict=True), strict=True)}


def wrong_clocks(mirror: Mirror) -> tuple[Doubt, ...]:
    """Return the runs whose clock was wrong, the first one first, whether or not that still puts anything in doubt."""
    wrong = mirror.runs.wrong.items()
    return tuple(Doubt("products", "wrong clock", None, "the account", value=str(run), since=end) for run, end in wrong)


def _clock_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say that one of the last two runs has a wrong clock: which of the two it is, only a third can tell."""
    last_two = sorted([*mirror.runs.ends, *mirror.runs.wrong])[-2:]
    for one in wrong_clocks(mirror):
        if int(one.value) in last_two:
            yield from _everywhere(mirror, one)


def _before_the_data(mirror: Mirror) -> Iterator[Doubt]:
    """Say that the report date is before anything that is known of the account.

    A report of a past date is believed from the end of the account's oldest executed test on: tests stay in the list
    and keep their dates, and bugs the time of their report. Before that, and before the first sync, nothing tells
    whether there was nothing or nothing is left. Which features existed is not known of any day before the first sync:
    reports of a past date are about today's catalogue (see the definition of the report date), which is no doubt.
    """
    since = mirror.runs.known_since
    if mirror.as_of is not None and since is not None and mirror.as_of < since:
        yield from _everywhere(mirror, Doubt("products", "before the data", None, "the account", since=since))


def _everywhere(mirror: Mirror, doubt: Doubt) -> Iterator[Doubt]:
    """Return a doubt about the account as one about each of its products as well."""
    yield doubt
    for product_id in mirror.active("products")["id"].tolist():
        yield replace(doubt, product_id=product_id, product=mirror.product_names[product_id])


def _undated(mirror: Mirror) -> Iterator[Doubt]:
    """Say which executed tests have no date that is possible: whether they are recent is not known."""
    tests = dated_tests(mirror)
    tests = tests[(tests["group"] == "executed") & ~tests["is_dated"]].sort_values("test_id")
    copies = mirror.active("test_features").dropna(subset=["feature_id"])
    for product_id, rows in tests.groupby("product_id"):
        key, titles = int(str(product_id)), tuple(rows["test"].head(3).tolist())
        name = mirror.product_names.get(key) or label(None, "Product", key)
        scope = frozenset(copies[copies["test_id"].isin(rows["test_id"])]["feature_id"].tolist())
        yield Doubt("tests", "no date", key, name, len(rows), titles, features=scope)


def _unread(mirror: Mirror) -> Iterator[Doubt]:
    """Say how many executed tests of each product were not read in a stream that is complete by its own account."""
    tests = dated_tests(mirror)
    tests, beyond = tests[tests["group"] == "executed"], looks_beyond(mirror)
    current = {*mirror.active("products")["id"].tolist()}
    tests = tests[tests["product_id"].isin([*current, *beyond])]
    incomplete = {(doubt.product_id, doubt.stream) for doubt in _stream_doubts(mirror)}
    for stream in BY_TEST:
        if stream in ON_REQUEST:
            continue  # single runs are read only where they are asked for
        unread = tests[tests["test_id"].isin(unread_tests(mirror, stream))]
        for product_id, count in unread.groupby("product_id")["test_id"].nunique().items():
            key = int(str(product_id))
            if (key, stream) not in incomplete:
                others = beyond.get(key, frozenset()) & current
                yield Doubt(stream, "unread tests", key, mirror.product_names[key], int(count), others=others)


def _unknown_statuses(mirror: Mirror) -> Iterator[Doubt]:
    """Say which tests have a status that no definition knows: whether they were executed is not known."""
    tests = dated_tests(mirror)
    tests, silent = tests[tests["group"] == "unknown"].sort_values("test_id"), silent_tests(mirror)["test_id"]
    copies = mirror.active("test_features").dropna(subset=["feature_id"])
    for (status, product_id), rows in tests.groupby(["status", "product_id"]):
        key, titles = int(str(product_id)), tuple(rows["test"].head(3).tolist())
        name = mirror.product_names.get(key) or label(None, "Product", key)
        value = "" if status == NO_STATUS else str(status)
        looked_at = frozenset(copies[copies["test_id"].isin(rows["test_id"])]["feature_id"].tolist())
        scope = None if rows["test_id"].isin(silent).any() else looked_at
        others = looks_beyond(mirror).get(key, frozenset())
        yield Doubt(STATUSES, "unknown status", key, name, len(rows), titles, value, scope, others)


def _missing_fields(mirror: Mirror) -> Iterator[Doubt]:
    """Say in how many rows the API left out what figures rest on (definitions.md, 1.7).

    | field | figures | what its absence becomes |
    | --- | --- | --- |
    | tests.status | whether a test was executed | an unknown status |
    | tests.features, test_features.feature_id | what was covered | features that no other test covers are unknown |
    | the same of a scripted run | what was covered | a doubt of its product |
    | tests.start_at and end_at | when it was covered | a doubt; the feature is stale, and may be recent |
    | bugs.status | valid, rejected, accepted | in no rate's lowest, in each rate's highest |
    | bugs.auto_accepted (absent) | who accepted it | accepted, unclear by whom: in the highest of both |
    | bugs.severity | critical and other bugs | "other severity", so that the others are the fewest |
    | bugs.known (absent) | issues, known bugs | an issue, with a doubt |
    | bugs.test_feature | bugs of features | in the highest of each feature that it may belong to |
    | bugs.test | bugs of features and months | the same, and in no month |
    | results: features of a test's detail | results | a gap |
    | results: execution_status of a story | its result | unknown |

    A null means what the API says it does: no description, no stories, no devices, scope of content bugs not said, not
    known before, accepted by a person. A draft without end, and a planned test without features, are not looked at.
    """
    bugs = located_bugs(mirror)
    may_be_valid, stray = bugs["may_be_valid"].astype(bool), stray_bugs(mirror)
    silent = silent_tests(mirror)
    rows: dict[str, pd.DataFrame] = {
        "tests.features": silent[silent["group"] == "executed"],
        "tests.test_cases": test_case_runs(mirror),
        "bugs.status": bugs[bugs["status"] == NO_VALUE],
        "bugs.auto_accepted": bugs[bugs["bucket"] == "accepted_unclear"],
        "bugs.severity": bugs[may_be_valid & (bugs["severity"] == NO_VALUE)],
        "bugs.known": bugs[may_be_valid & is_unsaid(bugs, "known")],
        "bugs.test_feature": bugs[bugs["bug_id"].isin(stray["bug_id"])],
        "bugs.test": bugs[may_be_valid & bugs["test_id"].isna()],
    }
    current = mirror.active("products")["id"]
    about: dict[str, Mapping[int, frozenset[int]]] = {
        "bugs.test_feature": _features_of(stray, "bug_id"),
    }
    for field, found in rows.items():
        found = found[found["product_id"].isin(current)]
        for product_id, of_product in found.groupby("product_id"):
            key, stream = int(str(product_id)), field.partition(".")[0]
            keys, features = of_product[KEYS[stream]].tolist(), None
            if field in about:
                features = frozenset[int]().union(*(about[field].get(one, frozenset()) for one in keys))
            name = mirror.product_names[key]
            yield Doubt(stream, "missing field", key, name, len(keys), value=field, features=features)


KEYS = {"tests": "test_id", "bugs": "bug_id"}


def _features_of(pairs: pd.DataFrame, key: str) -> dict[int, frozenset[int]]:
    return {int(str(one)): frozenset(rows.tolist()) for one, rows in pairs.groupby(key)["feature_id"]}
