"""Where doubts come from: the completeness ledger, the dates of the reads, and what tests and bugs do not say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST, ON_REQUEST, STREAMS
from testio_analytics.reports.asked import asked_for, owes_account
from testio_analytics.reports.doubt_words import Doubt, Kind
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
from testio_analytics.reports.registry import FIELDS, FORM_FIELD, STATUSES
from testio_analytics.text import label

ORDER = (*STREAMS, *ON_REQUEST, STATUSES, *FIELDS, FORM_FIELD)
NOT_OWED = ("products", *ON_REQUEST)
"""Streams of a product that need not have been read: its details come with the list, single runs where asked for."""


@once
def all_doubts(mirror: Mirror) -> tuple[Doubt, ...]:
    """Return everything that puts any figure in doubt, the account first, then by product and stream."""
    sources = (
        *(_account_doubts, _stream_doubts, _clock_doubts, _before_the_data, _before_the_history),
        *(_undated, _unread, _unknown_statuses, _missing_fields),
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
    if mirror.product_ids is None and owes_account(mirror):
        yield from list_doubts(mirror)


def list_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say what is missing of the account's list of products, whichever were asked for."""
    states, places = read_states(mirror), _open_gaps(mirror).get((ACCOUNT, "products"), ())
    known = states.get((ACCOUNT, "products"))
    if kind := _kind_of(mirror, known, places):
        yield Doubt("products", kind, None, "the account", len(places), places, since=known and known.until)


def _stream_doubts(mirror: Mirror) -> Iterator[Doubt]:
    """Say which streams of which products are not fully synced; a gap of the whole account concerns each product.

    Gaps of products that are not stored themselves are said as well.
    """
    states, gaps, names = read_states(mirror), _open_gaps(mirror), mirror.product_names
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


def read_states(mirror: Mirror) -> dict[tuple[int, str], _State]:
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

    Before the account's oldest executed test and before the first sync, nothing tells whether there was nothing or
    nothing is left.
    """
    since = mirror.runs.known_since
    if mirror.as_of is not None and since is not None and mirror.as_of < since:
        yield from _everywhere(mirror, Doubt("products", "before the data", None, "the account", since=since))


def _before_the_history(mirror: Mirror) -> Iterator[Doubt]:
    """Say that what is stored is of a later time than the report: no state of that time was recorded.

    Executed tests keep their dates, and bugs the time of their report; which features there were, what they said, and
    what became of tests and bugs, is known of the time after the first recorded run only.
    """
    until, since = mirror.runs.as_of, mirror.runs.known_since
    if mirror.as_of is not None and until is not None and since is not None and since <= mirror.as_of < until:
        first = "" if mirror.runs.recorded is None else str(mirror.runs.recorded)
        found = Doubt("products", "before the history", None, "the account", value=first, since=until)
        yield from _everywhere(mirror, found)


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
    """Say which tests have a status that no definition knows: whether they were executed is not known.

    Bugs of an executed test count from its end on. Those of such a test that is to end later may count or not, so that it
    puts in doubt whatever rests on tests.
    """
    tests, bugs = dated_tests(mirror), located_bugs(mirror)
    tests, silent = tests[tests["group"] == "unknown"].sort_values("test_id"), silent_tests(mirror)["test_id"]
    ends_later = (tests["at"] > mirror.instant()) & tests["test_id"].isin(bugs["test_id"])
    tests = tests.assign(stream=ends_later.map({True: "tests", False: STATUSES}))
    copies = mirror.active("test_features").dropna(subset=["feature_id"])
    for (status, product_id, stream), rows in tests.groupby(["status", "product_id", "stream"]):
        key, titles = int(str(product_id)), tuple(rows["test"].head(3).tolist())
        name = mirror.product_names.get(key) or label(None, "Product", key)
        value = "" if status == NO_STATUS else str(status)
        looked_at = frozenset(copies[copies["test_id"].isin(rows["test_id"])]["feature_id"].tolist())
        scope = None if rows["test_id"].isin(silent).any() else looked_at
        others = looks_beyond(mirror).get(key, frozenset())
        yield Doubt(str(stream), "unknown status", key, name, len(rows), titles, value, scope, others)


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
    | bugs.report: its answers | what bugs say on forms | empty, and a doubt |
    | results: features of a test's detail | results | a gap |
    | results: execution_status of a story | its result | unknown |

    A null means what the API says it does: no description, no stories, no devices, scope of content bugs not said, not
    known before, accepted by a person. A draft without end, and a planned test without features, are not looked at.
    """
    bugs = located_bugs(mirror)
    may_be_valid, stray = bugs["may_be_valid"].astype(bool), stray_bugs(mirror)
    silent, reports = silent_tests(mirror), mirror.active("bug_custom_reports")
    rows: dict[str, pd.DataFrame] = {
        "tests.features": silent[silent["group"] == "executed"],
        "tests.test_cases": test_case_runs(mirror),
        "bugs.status": bugs[bugs["status"] == NO_VALUE],
        "bugs.auto_accepted": bugs[bugs["bucket"] == "accepted_unclear"],
        "bugs.severity": bugs[may_be_valid & (bugs["severity"] == NO_VALUE)],
        "bugs.known": bugs[may_be_valid & is_unsaid(bugs, "known")],
        "bugs.test_feature": bugs[bugs["bug_id"].isin(stray["bug_id"])],
        "bugs.test": bugs[may_be_valid & bugs["test_id"].isna()],
        FORM_FIELD: bugs[bugs["bug_id"].isin(reports["bug_id"][reports["answers"].isna()])],
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
