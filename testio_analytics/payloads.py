"""What each endpoint returns, read tolerantly, and what of it may be kept.

Missing titles and descriptions are data. A row is refused only when it has no usable id or a value of a kind that
cannot be what its name says; everything that is wrong with it is said at once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from testio_analytics.sections import as_id

REMOVED = "[removed]"

# Credentials (testio-api 13), links that open something by themselves, prose that is known to hold logins, and the
# names of people. None of them is needed for a number, so none of them is kept.
_DROPPED_KEYS = frozenset(
    {
        "username",
        "password",
        "access",
        "environment_test_information",
        "binary_app",
        "token",
        "thumbnail_urls",
        "goal",
        "goal_text",
        "instructions",
        "instructions_text",
        "out_of_scope",
        "out_of_scope_text",
        "instruction_comment",
        "test_environment_comment",
        "feature_comment",
        "bug_type_comment",
        "created_by",
        "submitted_by",
        "executed_by",
        "reported_by",
        "author",
        "tester",
    }
)
_ENVIRONMENT_KEYS = frozenset({"test_environment", "test_environments", "environment"})
_LINKED_KEYS = frozenset({"attachments", "connection", *_ENVIRONMENT_KEYS})
_SECRET_KEYS = frozenset({"username", "password", "access"})
_PARENT_KEYS = frozenset({"product", "section"})
# The commonest keys, which are none of the above: most of a large answer needs no second look.
_PLAIN_KEYS = frozenset({"id", "title", "path", "feature_id", "description", "howtofind", "user_stories", "features"})
# A shorter value would cut up ordinary words wherever it happens to occur.
_SHORTEST_SECRET = 6
# The API nests about six levels. Far deeper ones are an attack on recursion, here and in whatever reads ``raw_data``.
_DEEPEST = 50
TOO_DEEP = "[nested too deep]"


def scrub(payload: Any, *, secrets: Collection[str] = ()) -> Any:
    """Return a copy of the payload without credentials, personal names, signed links and the given secrets.

    Environments keep their id and title only, wherever they are embedded. The values of credentials found inside the
    payload are also cut out of every other text in it, because people quote them in prose. Copies of the product and
    section are reduced to their id: those rows are kept in tables of their own. The copy is always valid JSON: numbers
    that JSON does not have become text, and what is nested deeper than any answer of the API becomes a mark.
    """
    found = set(secrets)
    if not _survey(payload, _DEEPEST, found):
        payload = _bounded(payload, _DEEPEST)
    return _scrubbed(payload, _pattern_of(found, payload))


def _pattern_of(secrets: Collection[str], payload: Any) -> re.Pattern[str] | None:
    """Return what finds the secrets, or None where none of them occurs in the payload, as in nearly all."""
    secrets = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
    text = json.dumps(payload, default=str) if secrets else ""
    present = [secret for secret in secrets if json.dumps(secret)[1:-1] in text]
    if not present:
        return None
    return re.compile("|".join(re.escape(secret) for secret in sorted(present, key=len, reverse=True)))


def scrub_text(text: str, secrets: Collection[str]) -> str:
    """Return the text with the given secrets cut out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, REMOVED)
    return text


def _survey(value: Any, depth: int, credentials: set[str]) -> bool:
    """Collect the values of credentials, and return whether the payload is valid JSON no deeper than `depth`.

    A login that is a plain word ("customer") would be cut out of every title, and tells nothing without the password.
    """
    if isinstance(value, float):
        return math.isfinite(value)
    if not isinstance(value, dict | list):
        return True
    if depth == 0:
        return False
    is_plain = True
    if isinstance(value, dict):
        for key in value.keys() - _PLAIN_KEYS:
            if (name := key.lower()) in _SECRET_KEYS:
                credentials |= {text for text in _texts(value[key]) if name != "username" or not text.isalpha()}
        value = value.values()
    for member in value:
        if not isinstance(member, str):
            is_plain &= _survey(member, depth - 1, credentials)
    return is_plain


def _bounded(value: Any, depth: int) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # 1e999 and NaN are read as numbers, but no other reader of ``raw_data`` would take them back
    if not isinstance(value, dict | list):
        return value
    if depth == 0:
        return TOO_DEEP
    if isinstance(value, list):
        return [_bounded(item, depth - 1) for item in value]
    return {key: _bounded(member, depth - 1) for key, member in value.items()}


def _scrubbed(value: Any, pattern: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return pattern.sub(REMOVED, value) if pattern else value
    if isinstance(value, dict):
        kept = {}
        for key, member in value.items():
            if key in _PLAIN_KEYS:
                kept[key] = _scrubbed(member, pattern)
            elif key.lower() not in _DROPPED_KEYS:
                kept[_scrubbed(key, pattern)] = _scrubbed_member(key, member, pattern)
        return kept
    if isinstance(value, list):
        return [_scrubbed(item, pattern) for item in value]
    return value


def _scrubbed_member(key: str, value: Any, pattern: re.Pattern[str] | None) -> Any:
    key = key.lower()
    if key in _ENVIRONMENT_KEYS:
        return _each(value, lambda item: _scrubbed(_only(item, "id", "title"), pattern))
    if key in _PARENT_KEYS:
        return _each(value, lambda item: _scrubbed(_only(item, "id"), pattern))
    if key in _LINKED_KEYS:
        return _each(value, lambda item: _scrubbed(_without(item, "url"), pattern))
    return _scrubbed(value, pattern)


def _each(value: Any, change: Any) -> Any:
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


def _texts(value: Any) -> set[str]:
    """Collect every text and number in the value of a credential, however it is wrapped."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*(_texts(item) for item in value))
    return set() if value is None or isinstance(value, bool) else {str(value)}


# Half a surrogate pair is legal in JSON but not in UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def as_json(payload: Any) -> str:
    """Return the payload as JSON text, the same text for the same content whatever the order of its keys."""
    text = _ENCODER.encode(payload)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def clean_text(text: str) -> str:
    """Return the text as a database and a page can hold it: NUL and broken surrogates become U+FFFD."""
    text = text.replace("\x00", "\ufffd")
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _read_id(value: Any) -> Any:
    if value is None:
        raise ValueError("is missing")
    found = as_id(value)
    if found is None:
        raise ValueError(f"is not a positive integer but {shown(value)}")
    return found


def _read_text(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"is not text but {shown(value)}")
    return clean_text(str(value))


def _read_boolean(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"is neither true, false nor null but {shown(value)}")


def _read_time(value: Any) -> Any:
    if value is None or value == "":
        return None
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"is not an ISO 8601 time but {shown(value)}") from None
    if instant.tzinfo is None:
        raise ValueError(f"has no UTC offset: {shown(value)}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"is outside the calendar: {shown(value)}") from None


def shown(value: Any) -> str:
    """Name a wrong value without quoting more of it than its kind and a short beginning."""
    kind = {bool: "a boolean", dict: "an object", list: "a list", str: "text", type(None): "null"}.get(
        type(value), "a number"
    )
    if isinstance(value, dict | list | type(None)):
        return kind
    return f"{kind} ({str(value)[:40]!r})" if isinstance(value, str) else f"{kind} ({str(value)[:40]})"


P = TypeVar("P", bound="Payload")

Id = Annotated[int, BeforeValidator(_read_id)]
OptionalId = Annotated[int | None, BeforeValidator(lambda value: None if value is None else _read_id(value))]
Text = Annotated[str | None, BeforeValidator(_read_text)]
Flag = Annotated[bool | None, BeforeValidator(_read_boolean)]
Time = Annotated[datetime | None, BeforeValidator(_read_time)]


class Payload(BaseModel):
    """One row of an answer. Fields that it does not name are left to ``raw_data``."""

    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class Product(Payload):
    """A row of ``GET /products`` (testio-api 3.2). Its sections are read on their own."""

    id: Id
    name: Text = None
    description: Text = None
    type: Text = None
    default_section_id: Any = None


class Section(Payload):
    """An entry of ``sections`` or ``sections_with_default`` (testio-api 3.3).

    Only the id can make it unusable: a section that is read for its features must have a row that they point at.
    """

    id: Id
    name: Any = None


class Feature(Payload):
    """A row of a feature list (testio-api 5.2). Stories are sentences, or objects with ``includes[]``."""

    id: Id
    title: Text = None
    description: Text = None
    howtofind: Text = None
    user_stories: Any = None


class Story(Payload):
    """A user story (testio-api 5.2 and 6.2)."""

    id: Id
    path: Text = None
    title: Text = None
    requirements: Any = None


class ExploratoryTest(Payload):
    """A row of the test list (testio-api 7.3)."""

    __test__ = False

    id: Id
    title: Text = None
    test_title: Text = None
    status: Text = None
    review_status: Text = None
    testing_type: Text = None
    start_at: Time = None
    end_at: Time = None
    report_language: Text = None
    demo: Flag = None
    enable_low: Flag = None
    enable_high: Flag = None
    enable_critical: Flag = None
    section: Any = None
    test_environment: Any = None
    features: Any = None


class TestFeature(Payload):
    """An entry of ``features`` inside a test (testio-api 7.5)."""

    __test__ = False

    id: Id
    feature_id: OptionalId = None
    title: Text = None
    description: Text = None
    howtofind: Text = None
    enable_default: Flag = None
    enable_content: Flag = None
    enable_visual: Flag = None


def read(model: type[P], payload: Any) -> P | str:
    """Return the payload as the model, or everything that is wrong with it as one sentence."""
    if not isinstance(payload, Mapping):
        return f"the row is not an object but {shown(payload)}"
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))} {_problem(problem)}" for problem in error.errors(include_url=False)
        )
        return "; ".join(problems)


def _problem(problem: Any) -> str:
    return "is missing" if problem["type"] == "missing" else str(problem["msg"]).removeprefix("Value error, ")


def text_of(value: Any) -> str | None:
    """Return any value as text: itself when it is text, JSON otherwise, None for null."""
    if value is None or isinstance(value, str):
        return None if value is None else clean_text(value)
    return as_json(value)


def row_name(payload: Any) -> str | None:
    """Return the id that a refused row carries, as text, however odd it is."""
    value = payload.get("id") if isinstance(payload, Mapping) else None
    return None if value is None else clean_text(str(value))[:80]


def listed(answer: Any, key: str) -> Sequence[Any] | None:
    """Return the list under the key of an envelope, or None where the answer has no such list."""
    value = answer.get(key) if isinstance(answer, Mapping) else None
    return value if isinstance(value, list) else None


# Fields of testio-api 3.2, 3.3, 5.2, 6.2, 7.3 and 7.5. What scrubbing removes needs no mention.
_FEATURE_FIELDS = {"id", "title", "description", "howtofind", "location", "target_idx", "user_stories"}
KNOWN_FIELDS: Mapping[str, frozenset[str]] = {
    "products": frozenset(
        "id name description type default_section_id sections sections_with_default connection"
        " remote_device_testing".split()
    ),
    "sections": frozenset("id name connection test_templates features_amount user_stories_amount".split()),
    "features": frozenset(_FEATURE_FIELDS),
    "user_stories": frozenset("id path title feature_id requirements".split()),
    "tests": frozenset(
        "id title test_title status review_status testing_type start_at end_at report_language demo enable_low"
        " enable_high enable_critical allowed_bug_types allow_device_clouds_test_scenario product section features"
        " test_environment requirements attachments reviews app_sections analytics".split()
    ),
    "test_features": frozenset(
        {
            *_FEATURE_FIELDS,
            *"feature_id enable_default enable_content enable_visual custom_report_configurations execution_status"
            " tester_count bugs_found bug_ids".split(),
        }
    ),
}
"""The fields of each row that the API's description knows. Others are stored as well, and counted."""
