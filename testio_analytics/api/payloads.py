"""What each endpoint returns, read tolerantly, and what of it may be kept.

Missing titles and descriptions are data. A row is refused only when it has no usable id or a value of a kind that
cannot be what its name says; everything that is wrong with it is said at once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from testio_analytics.api.sections import as_id

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
        "comment",
        "comments",
        "steps",
        "expected_result",
        "actual_result",
        "content",
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
    found: set[str] = set()
    kept = _kept(payload, _DEEPEST, found)
    cut = {value for value in (*secrets, *found) if len(value) >= _SHORTEST_SECRET}
    together = as_json(kept) if cut else ""
    if not any(as_json(value)[1:-1] in together for value in cut):  # nearly always, and far faster than text by text
        return kept
    pattern = re.compile("|".join(re.escape(value) for value in sorted(cut, key=len, reverse=True)))
    return _cut_out(kept, pattern)


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
            if member.__class__ is not str or key.lower() in _SECRET_KEYS:  # most of it is prose
                _note_credentials({key: member}, depth, found)
            if treatment == "dropped":
                continue
            member = _PARTS[treatment](member)
        kept[key] = member if member.__class__ in _PLAIN else _kept(member, depth - 1, found)
    return kept


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # 1e999 and NaN are read as numbers, but no other reader of ``raw_data`` would take them back
    return value


def _cut_out(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {pattern.sub(REMOVED, key): _cut_out(member, pattern) for key, member in value.items()}
    if isinstance(value, list):
        return [_cut_out(item, pattern) for item in value]
    return pattern.sub(REMOVED, value) if isinstance(value, str) else value


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


def _note_credentials(value: Any, depth: int, found: set[str]) -> None:
    """Note the values of credentials anywhere in a part of a payload, as deep as any answer of the API goes."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict | list):
                _note_credentials(item, depth - 1, found)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key not in _HARMLESS and (name := key.lower()) in _SECRET_KEYS:
                # A login that is a plain word ("customer") would be cut out of every title, and tells nothing alone.
                values = _texts(member, depth - 1)
                found.update(text for text in values if name != "username" or not text.isalpha())
            if isinstance(member, dict | list):
                _note_credentials(member, depth - 1, found)


def _texts(value: Any, depth: int) -> set[str]:
    """Collect every text and number in the value of a credential, however it is wrapped."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*(_texts(item, depth - 1) for item in value)) if depth > 0 else set()
    return set() if value is None or isinstance(value, bool) else {str(value)}


# Half a surrogate pair is legal in JSON but not in UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def as_json(payload: Any) -> str:
    """Return the payload as JSON text, the same text for the same content whatever the order of its keys."""
    try:
        return orjson.dumps(payload, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # integers beyond 64 bits and broken surrogates, which only the slower encoder takes
        return _SURROGATES.sub("\ufffd", _ENCODER.encode(payload))


def from_json(content: bytes) -> Any:
    """Return what the JSON text says.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested deeper than Python can follow.
    """
    try:
        return orjson.loads(content)
    except ValueError:  # other encodings, NaN and broken surrogates, which only the slower decoder takes
        return json.loads(content)


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


def _read_count(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError(f"is not a count but {shown(value)}")


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
Count = Annotated[int | None, BeforeValidator(_read_count)]
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


class Bug(Payload):
    """A row of ``GET /bugs`` (testio-api 8.2). Its devices, test and feature are read on their own."""

    id: Id
    title: Text = None
    severity: Text = None
    status: Text = None
    auto_accepted: Flag = None
    known: Flag = None
    fixed: Flag = None
    language: Text = None
    reported_at: Time = None
    exported_at: Time = None
    external_idx: Text = None


class FeatureResult(Payload):
    """What the detail of a test says of one of its features (testio-api 7.5)."""

    id: Id
    feature_id: OptionalId = None
    execution_status: Text = None
    tester_count: Count = None
    bugs_found: Count = None


class StoryResult(Payload):
    """What the detail of a test says of one story of a feature (testio-api 7.6)."""

    id: Id
    feature_id: OptionalId = None
    user_story_version_id: OptionalId = None
    execution_status: Text = None
    tested_by_count: Count = None
    bugs_found: Count = None
    path: Text = None
    title: Text = None


class Execution(Payload):
    """A row of ``GET /user_story_version_executions`` (testio-api 9)."""

    id: Id
    status: Text = None
    executed_at: Time = None


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


# Fields of testio-api 3.2, 3.3, 5.2, 6.2, 7.3 to 7.6, 8.2, 8.7 and 9. What scrubbing removes needs no mention.
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
    "bugs": frozenset(
        "id title severity status auto_accepted known fixed language location expected_result actual_result steps"
        " reported_at exported_at external_idx test test_case product section test_feature feature app_section devices"
        " attachments comments reproductions test_environment report".split()
    ),
    "bug_devices": frozenset(
        "id category vendor operating_system operating_system_version device devices browsers".split()
    ),
    "test_user_stories": frozenset(
        "id path title feature_id requirements user_story_version_id execution_status tested_by_count bugs_found"
        " bug_ids".split()
    ),
    "executions": frozenset("id status comment executed_at device_reports test_cycle".split()),
}
"""The fields of each row that the API's description knows. Others are stored as well, and counted."""

# Names to whose members nothing happens when a payload is scrubbed, as the description spells them.
_HARMLESS = frozenset(name for name in frozenset({"key"}).union(*KNOWN_FIELDS.values()) if not _treatment(name))
