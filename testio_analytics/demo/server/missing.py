"""Answers without some of their fields, as a server of another version, or the staging host, gives them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.middleware import JsonAnswer

KINDS = {
    "products": "products",
    "product": "products",
    "features": "features",
    "user_stories": "user_stories",
    "exploratory_tests": "tests",
    "exploratory_test": "tests",
    "bugs": "bugs",
    "bug": "bugs",
    "user_story_version_executions": "executions",
}
"""Whose rows stand under which key of an answer."""

Endpoint = Callable[[Request], Awaitable[Response]]


def leaving_out(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint so that its answers lack the fields that the faults name."""

    async def answer(request: Request) -> Response:
        response = await endpoint(request)
        faults: Faults = request.app.state.faults
        if not (faults.missing_fields or faults.null_fields) or not isinstance(response, JsonAnswer):
            return response
        content = json.loads(bytes(response.body))
        if isinstance(content, dict):
            for key, rows in content.items():
                for row in rows if isinstance(rows, list) else [rows]:
                    _leave_out(row, KINDS.get(key, ""), faults)
        return JsonAnswer(content, response.status_code)

    return answer


def _leave_out(row: Any, kind: str, faults: Faults) -> None:
    if not isinstance(row, dict) or (isinstance(row.get("id"), int) and row["id"] % faults.missing_every):
        return
    for fields, is_null in ((faults.missing_fields, False), (faults.null_fields, True)):
        for path in _paths(fields, kind):
            _cut(row, path, is_null=is_null)


def _paths(fields: Collection[str], kind: str) -> list[list[str]]:
    parts = [field.split(".") for field in sorted(fields)]
    return [path for owner, *path in parts if owner == kind]


def _cut(value: Any, path: list[str], *, is_null: bool) -> None:
    """Take the last field of the path out of every object that the path leads to, through lists as well."""
    if isinstance(value, list):
        for entry in value:
            _cut(entry, path, is_null=is_null)
    elif isinstance(value, dict) and path[0] in value:
        if len(path) > 1:
            _cut(value[path[0]], path[1:], is_null=is_null)
        elif is_null:
            value[path[0]] = None
        else:
            del value[path[0]]
