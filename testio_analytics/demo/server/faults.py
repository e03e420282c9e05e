"""The ways in which the simulated server can misbehave, and how they are written on the command line.

Counters drive all of them, so that the same requests in the same order meet the same faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
        failing_sections: sections whose features and stories are a 500 for ever.
        rate_limit_every, rate_limit_first: 429 on every n-th request, on the first n.
        retry_after: seconds named with a 429; retry_after_form: how they are written.
        error_every, error_first: `error_status` on every n-th request, on the first n.
        bug_ids_limit: 524 with an HTML body for a bug filter with more test ids.
        html_every: status 200 with an HTML page.
        truncated_every: status 200 with half of the JSON.
        dropped_every: the connection ends in the middle of the answer.
        slow: seconds until an answer.
        concurrent_limit: 500 for every request above so many at once.
        redirect_to: another host to which every request is sent.
    """

    product_features: ProductFeatures = "current"
    staging: bool = False
    stories_without_section: Literal[400, 500] = 500
    poisoned_tests: frozenset[int] = frozenset()
    poisoned_detail: bool = False
    failing_sections: frozenset[int] = frozenset()
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
    slow: float = 0.0
    concurrent_limit: int = 0
    redirect_to: str = ""

    @property
    def is_legacy(self) -> bool:
        """Whether the server is the one of November 2025."""
        return self.product_features != "current"


@dataclass(frozen=True)
class _Switch:
    example: str
    help: str
    apply: Callable[[Faults, str], Faults]
    needs_value: bool = True


def parse_faults(texts: Iterable[str]) -> Faults:
    """Return the faults that texts of the form ``NAME`` or ``NAME=VALUE`` describe.

    Raises:
        UnknownValueError: a name that is not known, or a value that does not fit; the message lists what would.
    """
    faults = Faults()
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if name not in _SWITCHES:
            raise UnknownValueError("A fault", name, _SWITCHES)
        switch = _SWITCHES[name]
        if switch.needs_value != bool(equals and value):
            raise UnknownValueError(f"The fault {name}", text, [switch.example])
        faults = switch.apply(faults, value)
    return faults


def _number(attribute: str) -> Callable[[Faults, str], Faults]:
    def apply(faults: Faults, value: str) -> Faults:
        if not value.isdecimal() or int(value) < 1:
            raise UnknownValueError(
                f"The number for {attribute.replace('_', ' ')}", value, ["a whole number from 1 up"]
            )
        return replace(faults, **{attribute: int(value)})  # type: ignore[arg-type]  # the name is one of ours

    return apply


def _ids(attribute: str) -> Callable[[Faults, str], Faults]:
    def apply(faults: Faults, value: str) -> Faults:
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() for part in parts):
            raise UnknownValueError(f"The list for {attribute.replace('_', ' ')}", value, ["ids separated by commas"])
        known: frozenset[int] = getattr(faults, attribute)
        more: Any = known | {int(part) for part in parts}
        return replace(faults, **{attribute: more})

    return apply


def _fixed(**changes: Any) -> Callable[[Faults, str], Faults]:
    return lambda faults, _: replace(faults, **changes)


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


_SWITCHES: dict[str, _Switch] = {
    "legacy": _Switch(
        "legacy",
        "the API of November 2025: 422 for the features of a sectioned product, no includes[]",
        _fixed(product_features="legacy"),
        needs_value=False,
    ),
    "legacy-500": _Switch(
        "legacy-500", "the same with 500 instead of 422", _fixed(product_features="legacy-500"), needs_value=False
    ),
    "staging": _Switch(
        "staging", "the staging host: page ignored, bugs without auto_accepted", _fixed(staging=True), needs_value=False
    ),
    "stories-400": _Switch(
        "stories-400",
        "400 instead of 500 for stories without section_id",
        _fixed(stories_without_section=400),
        needs_value=False,
    ),
    "poisoned-test": _Switch(
        "poisoned-test=144469", "500 for every list of tests with one of these ids", _ids("poisoned_tests")
    ),
    "poisoned-detail": _Switch(
        "poisoned-detail",
        "500 for the detail of a poisoned test as well",
        _fixed(poisoned_detail=True),
        needs_value=False,
    ),
    "failing-section": _Switch("failing-section=25618", "500 for ever for these sections", _ids("failing_sections")),
    "429-every": _Switch("429-every=10", "429 on every n-th request", _number("rate_limit_every")),
    "429-first": _Switch("429-first=3", "429 on the first n requests", _number("rate_limit_first")),
    "retry-after": _Switch("retry-after=2", "seconds that a 429 asks to wait (1)", _number("retry_after")),
    "retry-after-date": _Switch(
        "retry-after-date", "Retry-After as an HTTP date", _fixed(retry_after_form="date"), needs_value=False
    ),
    "no-retry-after": _Switch(
        "no-retry-after", "429 without Retry-After", _fixed(retry_after_form="none"), needs_value=False
    ),
    "error-every": _Switch("error-every=7", "a 5xx on every n-th request", _number("error_every")),
    "error-first": _Switch("error-first=2", "a 5xx on the first n requests", _number("error_first")),
    "error-status": _Switch("error-status=502", "which 5xx (503)", _error_status),
    "bug-ids-limit": _Switch("bug-ids-limit=15", "524 for a bug filter with more test ids", _number("bug_ids_limit")),
    "html-every": _Switch("html-every=9", "an HTML page with status 200 on every n-th request", _number("html_every")),
    "truncated-every": _Switch(
        "truncated-every=9", "half of the JSON on every n-th request", _number("truncated_every")
    ),
    "dropped-every": _Switch(
        "dropped-every=9", "a connection closed midway on every n-th request", _number("dropped_every")
    ),
    "slow": _Switch("slow=0.2", "seconds until each answer", _slow),
    "concurrent-limit": _Switch(
        "concurrent-limit=3", "500 for every request above so many at once", _number("concurrent_limit")
    ),
    "redirect": _Switch("redirect=https://elsewhere.invalid", "every request sent to another host", _redirect),
}

FAULT_HELP = "\n".join(f"{switch.example:<38}{switch.help}" for switch in _SWITCHES.values())
"""One line per fault: an example of how it is written, and what it does."""
