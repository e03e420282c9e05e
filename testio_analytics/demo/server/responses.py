"""What the API answers, as pure functions of the account and the query: no HTTP here.

Where the sources are silent or disagree, the function says which reading it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from testio_analytics.demo.account import clock, wording
from testio_analytics.demo.account.model import Account, Bug, Cycle, Execution, Feature, Payload, Product, identity
from testio_analytics.demo.server.metrics import with_metrics

UNPAGED_ROWS = 150
"""Rows of a test list that was asked for without ``page`` (testio-api.md, 7.1)."""

DEFAULT_PAGE_SIZE = 25


def numbers_in(text: str) -> set[int]:
    """Return the ids of a comma-separated filter; what is no number matches nothing."""
    return {int(part) for part in text.split(",") if part.strip().isdecimal()}


def products(account: Account, wanted: str | None) -> list[Any]:
    """Return the product rows, all of them or those of ``filter[product_ids]``."""
    if not wanted:
        return [product.payload for product in account.products]
    ids = numbers_in(wanted)
    return [product.payload for product in account.products if product.id in ids]


def features(rows: Iterable[Feature], *, expanded: bool) -> list[Any]:
    """Return catalogue rows, their stories as objects or, by default, as sentences (testio-api.md, 5.2)."""
    return [row.payload if expanded else _with_sentences(row.payload) for row in rows]


def features_of_section(product: Product, section_id: int) -> list[Feature]:
    """Return the rows that a section lists.

    The default section of a plain product lists them all; what the real one answers there is unrecorded
    (testio-api.md, 5.4).
    """
    return [row for row in product.features if section_id in row.section_ids]


def stories(rows: Iterable[Feature]) -> list[Any]:
    """Return the story list of these features: without ``feature_id`` (testio-api.md, 6.2), each story once."""
    found: dict[int, Payload] = {}
    for row in rows:
        for story in _story_objects(row.payload):
            found.setdefault(story["id"], story_row(story))
    return sorted(found.values(), key=lambda story: int(story["id"]))


def story(account: Account, story_id: int) -> Payload | None:
    """Return one story by id, or None."""
    for product in account.products:
        for row in product.features:
            for found in _story_objects(row.payload):
                if found["id"] == story_id:
                    return story_row(found)
    return None


def story_row(story: Payload) -> Payload:
    """Return a story as the story endpoints show it: nothing says to which feature it belongs."""
    return {key: story[key] for key in ("id", "path", "title") if key in story}


def _story_objects(payload: Any) -> Iterator[Payload]:
    found = payload.get("user_stories") if isinstance(payload, dict) else None
    yield from (story for story in found or [] if isinstance(story, dict) and isinstance(story.get("id"), int))


def sentences(found: Any) -> Any:
    """Return a list of stories as sentences; null and malformed values stay what they are."""
    if not isinstance(found, list):
        return found
    return [item.get("path") if isinstance(item, dict) else item for item in found]


def _with_sentences(payload: Any) -> Any:
    if not isinstance(payload, dict) or "user_stories" not in payload:
        return payload
    return {**payload, "user_stories": sentences(payload["user_stories"])}


def ordered_tests(product: Product) -> list[Cycle]:
    """Return the tests by ``end_at`` descending (testio-api.md, 7.1), drafts without an end first.

    The place of such drafts is unrecorded; descending order puts nulls first in the database that the vendor's
    framework usually runs on.
    """
    return sorted(product.cycles, key=lambda cycle: _end(cycle.payload), reverse=True)


def _end(payload: Any) -> datetime:
    text = payload.get("end_at") if isinstance(payload, dict) else None
    try:
        return clock.parsed(text) if isinstance(text, str) else datetime.max.replace(tzinfo=UTC)
    except ValueError:  # a malformed row that a test put there
        return datetime.max.replace(tzinfo=UTC)


def window(rows: list[Any], page: str | None, per_page: str | None, *, limit: int = 0) -> list[Any]:
    """Return one page of rows; numbers that make no sense count as the default, a page beyond the end is empty.

    No page has more rows than `limit` (0 for none).
    """
    size = _positive(per_page, DEFAULT_PAGE_SIZE)
    size = min(size, limit) if limit else size
    start = (_positive(page, 1) - 1) * size
    return rows[start : start + size]


def _positive(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


def test_page(
    product: Product, page: str | None, per_page: str | None, *, limit: int = 0, moved: int = 0
) -> list[Cycle]:
    """Return the tests of one answer: a page, or without ``page`` the newest 150, whatever ``per_page`` says.

    So many of the last tests have `moved` to the front.
    """
    rows = ordered_tests(product)
    rows = rows[len(rows) - moved % (len(rows) or 1) :] + rows[: len(rows) - moved % (len(rows) or 1)]
    return rows[:UNPAGED_ROWS] if page is None else window(rows, page, per_page, limit=limit)


def test_row(cycle: Cycle, *, expanded: bool) -> Any:
    """Return a test as the list shows it: without metrics, even with expanded stories.

    The story version is left out as well: it "is only in the test detail" (testio-api.md, 12), the stricter of two
    readings.
    """
    payload = cycle.payload
    if not isinstance(payload, dict) or not isinstance(payload.get("features"), list):
        return payload
    shown = _catalogue_form if expanded else sentences
    return {**payload, "features": [_with_stories(row, shown) for row in payload["features"]]}


def test_detail(cycle: Cycle, *, expanded: bool) -> Any:
    """Return a test as its own address shows it, with metrics (testio-api.md, 7.2)."""
    if not isinstance(cycle.payload, dict):
        return cycle.payload
    payload = with_metrics(cycle)
    if expanded or not isinstance(payload.get("features"), list):
        return payload
    return {**payload, "features": [_with_stories(row, sentences) for row in payload["features"]]}


def _with_stories(row: Any, shown: Any) -> Any:
    if not isinstance(row, dict) or "user_stories" not in row:
        return row
    return {**row, "user_stories": shown(row["user_stories"])}


def _catalogue_form(found: Any) -> Any:
    if not isinstance(found, list):
        return found
    return [_without_version(item) if isinstance(item, dict) else item for item in found]


def _without_version(story: Payload) -> Payload:
    return {key: value for key, value in story.items() if key != "user_story_version_id"}


def bugs(
    account: Account,
    *,
    product_ids: str | None = None,
    section_ids: str | None = None,
    test_ids: str | None = None,
    export_status: str | None = None,
) -> list[Bug]:
    """Return the bugs that all given filters let through (testio-api.md, 8.1); an empty filter filters nothing.

    The order is undocumented; here the bugs of one test stand together.
    """
    found = []
    for product in account.products:
        if not product_ids or product.id in numbers_in(product_ids):
            for cycle in _filtered(product.cycles, section_ids, test_ids):
                found += [bug for bug in cycle.bugs if not export_status or bug.export_status == export_status]
    return found


def _filtered(cycles: list[Cycle], section_ids: str | None, test_ids: str | None) -> Iterator[Cycle]:
    sections = numbers_in(section_ids) if section_ids else None
    tests = numbers_in(test_ids) if test_ids else None
    for cycle in cycles:
        if tests is not None and identity(cycle.payload) not in tests:
            continue
        if sections is not None and _section_id(cycle.payload) not in sections:
            continue
        yield cycle


def _section_id(payload: Any) -> Any:
    return identity(payload.get("section")) if isinstance(payload, dict) else None


def bug_row(bug: Bug, *, staging: bool) -> Payload:
    """Return a bug; on the staging host it lacks ``auto_accepted`` (testio-api.md, 1)."""
    if not staging:
        return bug.payload
    return {key: value for key, value in bug.payload.items() if key != "auto_accepted"}


def reject_reasons() -> list[Payload]:
    """Return the reject reasons with their default comments (testio-api.md, 8.6)."""
    return [{"key": key, "name": name, "default_comment": text} for key, name, text in wording.REJECT_REASONS]


def executions(account: Account, *, story_ids: set[int], version_ids: set[int], newest_first: bool) -> list[Payload]:
    """Return all matching executions by creation time (testio-api.md, 9); empty sets do not filter."""
    found = [run.payload for run in _all_executions(account) if _matches(run, story_ids, version_ids)]
    return sorted(found, key=lambda row: (str(row["executed_at"]), int(row["id"])), reverse=newest_first)


def _all_executions(account: Account) -> Iterator[Execution]:
    for product in account.products:
        for cycle in product.cycles:
            yield from cycle.executions


def _matches(run: Execution, story_ids: set[int], version_ids: set[int]) -> bool:
    return (not story_ids or run.story_id in story_ids) and (not version_ids or run.version_id in version_ids)


def connections(account: Account) -> Iterator[Payload]:
    """Return every bug-tracker connection that a product or section names."""
    for product in account.products:
        payload = product.payload
        if not isinstance(payload, dict):
            continue
        holders = [payload, *(payload.get("sections") or []), *(payload.get("sections_with_default") or [])]
        yield from (row["connection"] for row in holders if isinstance(row, dict) and row.get("connection"))
