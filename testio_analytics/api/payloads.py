"""What each endpoint returns, read tolerantly.

Missing titles and descriptions are data. A row is refused only when it has no usable id or a value of a kind that
cannot be what its name says; everything that is wrong with it is said at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from testio_analytics.api.values import as_id, clean_text, shown


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


class CustomReport(Payload):
    """An entry of ``custom_report_configurations`` of a test feature: a form of the customer's own (testio-api 7.5)."""

    id: Id
    title: Text = None
    keys: Any = None


class BugReport(Payload):
    """The ``report`` of a bug: the form that it was reported on (testio-api 8.2). Its answers are read on their own."""

    custom_report_configuration_id: OptionalId = None
    title: Text = None


class ReportValue(Payload):
    """An entry of ``report.content.data`` of a bug: one answer. Its value may be of any kind."""

    key: Text = None
    name: Text = None
    type: Text = None
    value: Any = None


class Requirement(Payload):
    """An entry of ``requirements`` of a test (testio-api 7.7): the devices that it asks for."""

    id: OptionalId = None
    browser_based: Flag = None
    gaming: Flag = None


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


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a payload: the field (dotted where it is nested) and what is wrong with it."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field} {self.message}"


def read(model: type[P], payload: Any) -> P | tuple[Problem, ...]:
    """Return the payload as the model, or everything that is wrong with it."""
    if not isinstance(payload, Mapping):
        return (Problem("the row", f"is not an object but {shown(payload)}"),)
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        return tuple(
            Problem(".".join(map(str, found["loc"])), _message(found)) for found in error.errors(include_url=False)
        )


def _message(found: Any) -> str:
    return "is missing" if found["type"] == "missing" else str(found["msg"]).removeprefix("Value error, ")


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
    "custom_reports": frozenset("id title keys".split()),
    "bug_custom_reports": frozenset("title content custom_report_configuration_id".split()),
    "custom_report_values": frozenset("key name type value position".split()),
    "test_requirements": frozenset(
        "id category operating_system min_operating_system_version max_operating_system_version vendor devices browsers"
        " input_devices browser_based gaming".split()
    ),
    "test_user_stories": frozenset(
        "id path title feature_id requirements user_story_version_id execution_status tested_by_count bugs_found"
        " bug_ids".split()
    ),
    "executions": frozenset("id status comment executed_at device_reports test_cycle".split()),
}
"""The fields of each row that the API's description knows. Others are stored as well, and counted."""

CAN_BE_UNSAID: Mapping[str, Mapping[str, bool]] = {
    "tests": {"features": True, "testing_type": False, "requirements": True},
    "bugs": {"auto_accepted": False, "known": False},
}
"""By table, the fields that a figure rests on and of which the column alone does not tell whether the API said them;
with each, whether a null says as little as a missing key (otherwise a null has a meaning: testio-api 7.3, 8.2)."""


def not_said(table: str, raw: Mapping[str, Any]) -> str | None:
    """Return those of these fields that a payload does not say, joined with a comma; None where it says them all."""
    silent = (
        name
        for name, needs_value in CAN_BE_UNSAID[table].items()
        if name not in raw or (needs_value and raw[name] is None)
    )
    return ",".join(silent) or None
