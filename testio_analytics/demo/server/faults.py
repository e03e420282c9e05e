"""The ways in which the simulated server can misbehave, and how they are written on the command line.

Counters drive all of them, so that the same requests in the same order meet the same faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from testio_analytics.errors import UnknownValueError

ProductFeatures = Literal["current", "legacy", "legacy-500"]
RetryAfterForm = Literal["seconds", "date", "none"]


@dataclass(frozen=True)
class Faults:
    """What goes wrong; by default nothing.

    "Every n-th" counts the requests with the right token from 1; 0 means never.

    Attributes:
        product_features: ``current`` answers the features of all sections at the product's address; ``legacy`` (the
            API of November 2025) refuses with 422, ``legacy-500`` with 500, and neither knows ``includes[]``.
        staging: the staging host: bugs without ``auto_accepted``, ``page`` and ``per_page`` ignored.
        stories_without_section: status for the story list of a sectioned product without ``section_id``.
        poisoned_tests: tests that turn every list answer with them into a 500.
        poisoned_detail: whether the detail answer of a poisoned test is a 500 as well.
        failing_sections: sections whose features and stories are always a 500.
        refusals: path below the prefix → status with which each request to it is refused.
        hidden_products: products that the list of products leaves out, though each answers at its own address.
        rate_limit_every, rate_limit_first: 429 on every n-th request, on the first n.
        retry_after: seconds named with a 429; retry_after_form: how they are written.
        error_every, error_first: `error_status` on every n-th request, on the first n.
        bug_ids_limit: 524 with an HTML body for a bug filter with more test ids.
        html_every: status 200 with an HTML page.
        truncated_every: status 200 with half of the JSON.
        dropped_every: the connection ends in the middle of the answer.
        endless_every: the answer comes a blank at a time and never ends.
        down_after: status 200 with an HTML page for every request after the n-th.
        slow: seconds until an answer.
        concurrent_limit: 500 for every request above so many at once.
        missing_fields, null_fields: fields like ``bugs.status`` or ``tests.features.feature_id`` that answers lack, or
            hold null in; missing_every: only in rows whose id it divides.
        revoked_after: 401 on every request after the first n, as if the token were revoked in the middle.
        redirect_to: another host to which every request is sent.
        page_limit: the most rows of a page, whatever ``per_page`` says.
        hidden_tests: tests that are left out of lists after these were cut into pages; their own address answers.
        moving_every: at every n-th page of the tests of a product, its last test slides to the front.
        is_cached: a cache that ignores the query answers each path as it was first asked.
        bugs_limit: the most bugs of an answer; its count tells how many there are.
        miscount: how many more rows than there are products, features, bugs and runs count.
        has_bare_details: the detail of a test does not name its features.
        is_earlier: the account as it stood a month earlier; known to `server.serve`, an app is given its account.
        has_ordinary_credentials: user name, password and access note of every environment are ordinary words.
    """

    product_features: ProductFeatures = "current"
    staging: bool = False
    stories_without_section: Literal[400, 500] = 500
    poisoned_tests: frozenset[int] = frozenset()
    poisoned_detail: bool = False
    failing_sections: frozenset[int] = frozenset()
    refusals: Mapping[str, int] = field(default_factory=dict)
    hidden_products: frozenset[int] = frozenset()
    rate_limit_every: int = 0
    rate_limit_first: int = 0
    retry_after: int = 1
    retry_after_form: RetryAfterForm = "seconds"
    error_every: int = 0
    error_first: int = 0
    error_status: int = 503
    bug_ids_limit: int = 0
    html_every: int = 0
    truncated_every: int = 0
    dropped_every: int = 0
    endless_every: int = 0
    down_after: int = 0
    slow: float = 0.0
    concurrent_limit: int = 0
    missing_fields: frozenset[str] = frozenset()
    null_fields: frozenset[str] = frozenset()
    missing_every: int = 1
    revoked_after: int = 0
    redirect_to: str = ""
    page_limit: int = 0
    hidden_tests: frozenset[int] = frozenset()
    moving_every: int = 0
    is_cached: bool = False
    bugs_limit: int = 0
    miscount: int = 0
    has_bare_details: bool = False
    is_earlier: bool = False
    has_ordinary_credentials: bool = False

    @property
    def is_legacy(self) -> bool:
        """Whether the server is the one of November 2025."""
        return self.product_features != "current"


Change = Callable[[Faults, str], Faults]

FAULT_HELP = """\
legacy                                the API of November 2025: 422 for the features of a sectioned product, no includes[]
legacy-500                            the same with 500 instead of 422
staging                               the staging host: page ignored, bugs without auto_accepted
stories-400                           400 instead of 500 for stories without section_id
poisoned-test=144469                  500 for every list of tests with one of these ids
poisoned-detail                       500 for the detail of a poisoned test as well
failing-section=25618                 always 500 for these sections
refuse=403:/products/18559/features   this status for each request to this path
hidden-product=18559                  the list of products leaves it out, its own address answers
429-every=10                          429 on every n-th request
429-first=3                           429 on the first n requests
retry-after=2                         seconds that a 429 asks to wait (1)
retry-after-date                      Retry-After as an HTTP date
no-retry-after                        429 without Retry-After
error-every=7                         a 5xx on every n-th request
error-first=2                         a 5xx on the first n requests
error-status=502                      which 5xx (503)
bug-ids-limit=15                      524 for a bug filter with more test ids
html-every=9                          an HTML page with status 200 on every n-th request
truncated-every=9                     half of the JSON on every n-th request
dropped-every=9                       a connection closed midway on every n-th request
endless-every=9                       an answer that trickles and never ends on every n-th request
down-after=3                          an HTML page with status 200 on every request after the n-th
slow=0.2                              seconds until each answer
concurrent-limit=3                    500 for every request above so many at once
missing-field=bugs.status             answers without this field (products, features, user_stories, tests, bugs, executions)
null-field=tests.features             null in this field
missing-every=2                       both only in rows whose id it divides
revoked-after=20                      401 on every request after the first n
redirect=https://elsewhere.invalid    every request sent to another host
page-limit=20                         no page with more rows, whatever per_page says
hidden-test=144469                    these tests left out of lists after paging; their own address answers
moving-every=4                        the last test slides to the front at every n-th page of a product's tests
cached                                a cache that ignores the query: each path answers as it was first asked
bugs-limit=25                         no more bugs in one answer, though its count says how many there are
miscount=15                           products, features, bugs and runs count so many more than there are
earlier                               the account as it stood a month earlier: sync it, then today's, then see what changed
bare-details                          the detail of a test does not name its features
ordinary-credentials                  the credentials of every environment are features, password and archived"""
"""One line per fault: an example of how it is written, and what it does."""

_EXAMPLES = {example.partition("=")[0]: example for example in (line.split()[0] for line in FAULT_HELP.splitlines())}


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return the faults that texts of the form ``NAME`` or ``NAME=VALUE`` describe.

    Raises:
        UnknownValueError: a name that is not known, or a value that does not fit; the message lists what would.
    """
    faults = Faults()
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if name not in _CHANGES:
            raise UnknownValueError("A fault", name, _CHANGES)
        if ("=" in _EXAMPLES[name]) != bool(equals and value):
            raise UnknownValueError(f"The fault {name}", text, [_EXAMPLES[name]])
        faults = _CHANGES[name](faults, value)
    return faults


def _number(attribute: str) -> Change:
    def apply(faults: Faults, value: str) -> Faults:
        if not value.isdecimal() or int(value) < 1:
            raise UnknownValueError(
                f"The number for {attribute.replace('_', ' ')}", value, ["a whole number from 1 up"]
            )
        return replace(faults, **{attribute: int(value)})  # type: ignore[arg-type]  # the name is one of ours

    return apply


def _ids(attribute: str) -> Change:
    def apply(faults: Faults, value: str) -> Faults:
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() for part in parts):
            raise UnknownValueError(f"The list for {attribute.replace('_', ' ')}", value, ["ids separated by commas"])
        known: frozenset[int] = getattr(faults, attribute)
        more: Any = known | {int(part) for part in parts}
        return replace(faults, **{attribute: more})

    return apply


def _fields(attribute: str) -> Change:
    def apply(faults: Faults, value: str) -> Faults:
        parts = frozenset(part.strip() for part in value.split(","))
        if not all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", part) for part in parts):
            raise UnknownValueError("A field", value, ["what it is of and its name, such as bugs.status"])
        known: frozenset[str] = getattr(faults, attribute)
        more: Any = known | parts
        return replace(faults, **{attribute: more})

    return apply


def _fixed(**changes: Any) -> Change:
    return lambda faults, _: replace(faults, **changes)


def _refusal(faults: Faults, value: str) -> Faults:
    status, _, path = value.partition(":")
    if not (status.isdecimal() and 400 <= int(status) <= 599 and path.startswith("/")):
        raise UnknownValueError("The refusal", value, ["a status from 400 to 599, a colon and a path"])
    return replace(faults, refusals={**faults.refusals, path: int(status)})


def _error_status(faults: Faults, value: str) -> Faults:
    if not value.isdecimal() or not 500 <= int(value) <= 599:
        raise UnknownValueError("The error status", value, ["a status from 500 to 599"])
    return replace(faults, error_status=int(value))


def _slow(faults: Faults, value: str) -> Faults:
    if not value.replace(".", "", 1).isdecimal():
        raise UnknownValueError("The time per answer", value, ["seconds, such as 0.2"])
    return replace(faults, slow=float(value))


def _redirect(faults: Faults, value: str) -> Faults:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise UnknownValueError("The redirect", value, ["an address such as https://elsewhere.invalid"])
    return replace(faults, redirect_to=value.rstrip("/"))


_CHANGES: Mapping[str, Change] = {
    "legacy": _fixed(product_features="legacy"),
    "legacy-500": _fixed(product_features="legacy-500"),
    "staging": _fixed(staging=True),
    "stories-400": _fixed(stories_without_section=400),
    "poisoned-test": _ids("poisoned_tests"),
    "poisoned-detail": _fixed(poisoned_detail=True),
    "failing-section": _ids("failing_sections"),
    "refuse": _refusal,
    "hidden-product": _ids("hidden_products"),
    "429-every": _number("rate_limit_every"),
    "429-first": _number("rate_limit_first"),
    "retry-after": _number("retry_after"),
    "retry-after-date": _fixed(retry_after_form="date"),
    "no-retry-after": _fixed(retry_after_form="none"),
    "error-every": _number("error_every"),
    "error-first": _number("error_first"),
    "error-status": _error_status,
    "bug-ids-limit": _number("bug_ids_limit"),
    "html-every": _number("html_every"),
    "truncated-every": _number("truncated_every"),
    "dropped-every": _number("dropped_every"),
    "endless-every": _number("endless_every"),
    "down-after": _number("down_after"),
    "slow": _slow,
    "concurrent-limit": _number("concurrent_limit"),
    "missing-field": _fields("missing_fields"),
    "null-field": _fields("null_fields"),
    "missing-every": _number("missing_every"),
    "revoked-after": _number("revoked_after"),
    "redirect": _redirect,
    "page-limit": _number("page_limit"),
    "hidden-test": _ids("hidden_tests"),
    "moving-every": _number("moving_every"),
    "cached": _fixed(is_cached=True),
    "bugs-limit": _number("bugs_limit"),
    "miscount": _number("miscount"),
    "bare-details": _fixed(has_bare_details=True),
    "earlier": _fixed(is_earlier=True),
    "ordinary-credentials": _fixed(has_ordinary_credentials=True),
}
