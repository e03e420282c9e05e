"""What of an answer may be kept: no credentials, no names of people, no links that open something by themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from testio_analytics.api.credentials import REMOVED, credentials_in, is_name
from testio_analytics.api.payloads import KNOWN_FIELDS
from testio_analytics.api.values import list_in

# Credentials (testio-api 13), links that open something by themselves, prose that is known to hold logins, and the
# names of people. None of them is needed for a number, so none of them is kept.
_DROPPED_KEYS = frozenset(
    "username password access token environment_test_information binary_app thumbnail_urls"
    " goal goal_text instructions instructions_text out_of_scope out_of_scope_text"
    " instruction_comment test_environment_comment feature_comment bug_type_comment comment comments"
    " steps expected_result actual_result content"
    " created_by submitted_by executed_by reported_by author tester".split()
)
_ENVIRONMENT_KEYS = frozenset({"test_environment", "test_environments", "environment"})
_LINKED_KEYS = frozenset({"attachments", "connection", *_ENVIRONMENT_KEYS})
_SECRET_KEYS = frozenset({"username", "password", "access"})
_NOTE_KEYS = frozenset({"environment_test_information", *_ENVIRONMENT_KEYS})
_NOTE_NAMES = frozenset({"url", "page_url", "description", "", *_NOTE_KEYS})
"""What may hold credentials beside other things within an environment; an entry of a list has no name."""
_PARENT_KEYS = frozenset({"product", "section"})
# The API nests about six levels. Far deeper ones are an attack on recursion, here and in whatever reads ``raw_data``.
_DEEPEST = 50
TOO_DEEP = "[nested too deep]"


def scrub(payload: Any, found: set[str] | None = None) -> Any:
    """Return a copy of the payload without credentials, personal names and signed links.

    Environments keep their id and title only, wherever they are embedded. The values of the credentials met on the way
    are added to `found`, because other texts may quote them (see `credentials`). Copies of the product and section are
    reduced to their id: those rows are kept in tables of their own. The copy is always valid JSON: numbers that JSON does
    not have become text, and what is nested deeper than any answer of the API becomes a mark.
    """
    return _kept(payload, _DEEPEST, set() if found is None else found)


def scrub_text(text: str, secrets: Collection[str]) -> str:
    """Return the text with the given secrets cut out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, REMOVED)
    return text


@lru_cache(maxsize=1024)
def _treatment(key: str) -> str:
    """Return what happens to a member of this name: the same few hundred names come again and again."""
    key = key.lower()
    if key in _DROPPED_KEYS:
        return "dropped"
    if key in _ENVIRONMENT_KEYS:
        return "environment"
    if key in _PARENT_KEYS:
        return "parent"
    if key == "report":
        return "report"
    return "linked" if key in _LINKED_KEYS else ""


_PLAIN = frozenset({str, int, bool, type(None)})
"""The types of most members; nothing has to be done about those."""


def _kept(value: Any, depth: int, found: set[str]) -> Any:
    """Return what may be kept of a value, and note the credentials met on the way.

    Every payload of a sync goes through here, so it is walked only once.
    """
    if isinstance(value, dict):
        return _kept_members(value, depth, found)
    if isinstance(value, list):
        return [_kept(item, depth - 1, found) for item in value] if depth else TOO_DEEP
    return _scalar(value)


def _kept_members(value: dict[str, Any], depth: int, found: set[str]) -> Any:
    if depth == 0:
        return TOO_DEEP
    if value.keys() <= _HARMLESS:  # as most are, like {"id": 7, "name": "iOS"}, of which a bug has a dozen
        return {
            key: member if member.__class__ in _PLAIN else _kept(member, depth - 1, found)
            for key, member in value.items()
        }
    kept = {}
    for key, member in value.items():
        if key not in _HARMLESS and (treatment := _treatment(key)):
            if key.lower() in _NOTE_KEYS or member.__class__ is not str or key.lower() in _SECRET_KEYS:
                _note_credentials({key: member}, depth, found)  # other texts are prose
            if treatment == "dropped":
                continue
            if treatment == "report":
                kept[key] = _kept_report(member, depth - 1, found)
                continue
            member = _PARTS[treatment](member)
        kept[key] = member if member.__class__ in _PLAIN else _kept(member, depth - 1, found)
    return kept


def _kept_report(report: Any, depth: int, found: set[str]) -> Any:
    """Keep the answers on a form of the customer's own as well, but those that are a password or a user name."""
    kept = _kept(report, depth, found)
    if isinstance(report, dict) and isinstance(kept, dict) and "content" in report:
        kept["content"] = _kept(report["content"], depth - 1, found)
        for answer in list_in(kept["content"], "data") or []:
            is_answer = isinstance(answer, dict) and answer.get("value") is not None
            if is_answer and any(is_name(answer.get(name)) for name in ("key", "name")):
                _note_credentials({"password": answer["value"]}, depth, found)
                answer["value"] = REMOVED
    return kept


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # 1e999 and NaN are read as numbers, but no other reader of ``raw_data`` would take them back
    return value


def _each(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Apply a change to an object or to each object of a list; anything else under such a key is not kept."""
    if isinstance(value, dict):
        return change(value)
    if isinstance(value, list):
        return [change(item) for item in value if isinstance(item, dict)]
    return None


def _only(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: item[name] for name in names if name in item and not isinstance(item[name], dict | list)}


def _without(item: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name.lower() not in names}


_PARTS: Mapping[str, Callable[[Any], Any]] = {
    "environment": lambda value: _each(value, lambda item: _only(item, "id", "title")),
    "parent": lambda value: _each(value, lambda item: _only(item, "id")),
    "linked": lambda value: _each(value, lambda item: _without(item, "url")),
}


def _note_credentials(value: Any, depth: int, found: set[str], *, in_environment: bool = False) -> None:
    """Note the values of credentials anywhere in a part of a payload, as deep as any answer of the API goes."""
    if depth == 0:
        return
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        name = key.lower() if isinstance(key, str) else ""
        inside = in_environment or name in _NOTE_KEYS
        if name in _SECRET_KEYS:
            found.update(_texts(member, depth - 1))
        elif isinstance(member, str) and inside and name in _NOTE_NAMES:
            found.update(credentials_in(member))
        if isinstance(member, dict | list):
            _note_credentials(member, depth - 1, found, in_environment=inside)


def _texts(value: Any, depth: int) -> set[str]:
    """Collect every text and number in the value of a credential, however it is wrapped, and what each holds of others."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*(_texts(item, depth - 1) for item in value)) if depth > 0 else set()
    return set() if value is None or isinstance(value, bool) else {str(value), *credentials_in(str(value))}


# Names to whose members nothing happens when a payload is scrubbed, as the description spells them.
_HARMLESS = frozenset(name for name in frozenset({"key"}).union(*KNOWN_FIELDS.values()) if not _treatment(name))
