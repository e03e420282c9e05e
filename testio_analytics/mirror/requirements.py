"""What stands inside other payloads and becomes rows of its own: the devices that a test asks for, the bugs of a story.

They are made alike from what a sync reads and, when a file is brought up, from the payloads that it holds (testio-api 7.6, 7.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testio_analytics.api import payloads
from testio_analytics.api.values import as_id, names, text_of
from testio_analytics.mirror import schema
from testio_analytics.mirror.rows import Rows

REQUIREMENTS = "requirements"
STORY_BUGS = "bug_ids"


def add_requirements(rows: Rows, raw: Mapping[str, Any], *, test_id: int, product_id: int) -> None:
    """Add the devices that a test asks for, in its order; an entry that cannot be stored is rejected alone."""
    name = f"the requirements of test {test_id}"
    for position, entry in enumerate(rows.entries(schema.TEST_REQUIREMENTS, raw.get(REQUIREMENTS), name), 1):
        where = f"requirement {position} of test {test_id}: "
        found = rows.read(payloads.Requirement, schema.TEST_REQUIREMENTS, entry, where)
        if found is not None:
            keys = {"test_id": test_id, "position": position, "product_id": product_id, "requirement_id": found.id}
            rows.add(schema.TEST_REQUIREMENTS, entry, **keys, **found.model_dump(exclude={"id"}), **_words(entry))


def _words(raw: Mapping[str, Any]) -> dict[str, str | None]:
    inputs = raw.get("input_devices")
    kinds = (
        [text_of(one.get("input_type")) for one in inputs or () if isinstance(one, Mapping)]
        if isinstance(inputs, list)
        else []
    )
    return {
        "category": names(raw.get("category")),
        "vendor": names(raw.get("vendor")),
        "operating_system": names(raw.get("operating_system")),
        "min_os_version": names(raw.get("min_operating_system_version")),
        "max_os_version": names(raw.get("max_operating_system_version")),
        "devices": names(raw.get("devices")),
        "browsers": names(raw.get("browsers")),
        "input_devices": ", ".join(kind for kind in kinds if kind) or None,
    }


def add_story_bugs(rows: Rows, raw: Mapping[str, Any], **keys: int) -> None:
    """Add the bugs that the result of a story in a test names; `keys` are those of the result, its test and product."""
    name = f"the bugs of story {keys['user_story_id']} in test {keys['test_id']}"
    for entry in rows.entries(schema.STORY_BUGS, raw.get(STORY_BUGS), name, row_id=str(keys["user_story_id"])):
        if bug_id := as_id(entry):
            rows.add(schema.STORY_BUGS, entry, bug_id=bug_id, **keys)
        else:
            rows.reject(schema.STORY_BUGS, entry, f"{name}: one is no id", row_id=str(keys["user_story_id"]))
