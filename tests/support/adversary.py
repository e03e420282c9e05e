"""A source that cannot be trusted: the demo server's honest answers, changed on their way to the client.

It is written from what is known of the API (rows hidden after paging, lists without totals that move, caches, counts
that lie, fields that are missing, errors that come late), not from what the client does about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import httpx

from small_account import locked_test
from syncing import NOW, TOKEN
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app

TESTS = re.compile(r"/products/(\d+)/exploratory_tests$")
KEYS = ("exploratory_tests", "bugs", "features", "products", "user_stories", "user_story_version_executions")
ALL_ROWS = 100_000


@dataclass(frozen=True)
class Event:
    """Something that happens to product 1 just before the request of this number."""

    request: int
    kind: Literal["end earlier", "end later", "insert", "delete"]
    index: int = 0

    def happen(self, account: Account) -> None:
        """Change the account."""
        cycles = account.product(1).cycles
        if self.kind == "insert":
            cycles.insert(0, locked_test(1, 900 + self.index, end_at=NOW.isoformat()))
        elif cycles and self.kind == "delete":
            del cycles[self.index % len(cycles)]
        elif cycles:
            days = 40 if self.kind == "end earlier" else -40
            moved = cycles[self.index % len(cycles)].payload
            moved["end_at"] = (NOW - timedelta(days=days + self.index)).isoformat()


@dataclass(frozen=True)
class ErrorAt:
    """A status that addresses with this in them answer, `first` times, or always where that is None."""

    part: str
    status: int
    first: int | None = None


@dataclass(frozen=True)
class Conduct:
    """How the source behaves during one sync; by default honestly.

    Attributes:
        hidden: ids that lists leave out, after paging; asked for by its id, a hidden row is there.
        cap: the most rows of a page; whether a capped page begins where the full one would (rows between are lost).
        every_page_is_first: a cache that does not look at the query.
        repeated_page: a page that answers the rows of the one before; once or always.
        event: what happens meanwhile.
        lie: what is added to ``record_count`` of lists with this key.
        cut: lists with this key hold no more than so many rows, while the count says how many there are.
        missing: fields left out of every row, like ``bugs.status`` and ``features.feature_id``.
        errors: refusals and failures.
    """

    hidden: frozenset[int] = frozenset()
    cap: int | None = None
    cap_loses_rows: bool = False
    every_page_is_first: bool = False
    repeated_page: int | None = None
    repeats_once: bool = False
    event: Event | None = None
    lie: tuple[str, int] | None = None
    cut: tuple[str, int] | None = None
    missing: frozenset[str] = frozenset()
    errors: tuple[ErrorAt, ...] = ()


@dataclass
class Source(httpx.AsyncBaseTransport):
    """The transport of one sync: what an account answers, with this conduct."""

    account: Account
    conduct: Conduct
    requests: int = 0
    _repeated: int = 0
    _failed: dict[ErrorAt, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._honest = httpx.ASGITransport(app=create_app(self.account, token=TOKEN))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests += 1
        event = self.conduct.event
        if event is not None and self.requests == event.request:
            event.happen(self.account)
        for error in self.conduct.errors:
            times = self._failed.get(error, 0)
            if error.part in str(request.url) and (error.first is None or times < error.first):
                self._failed[error] = times + 1
                return httpx.Response(error.status, json={"error": "as told"})
        if TESTS.search(request.url.path) and "page" in request.url.params:
            return await self._page(request)
        answer = await self._honest.handle_async_request(request)
        return self._changed(answer.status_code, json.loads(await answer.aread()))

    async def _page(self, request: httpx.Request) -> httpx.Response:
        number, size = int(request.url.params["page"]), int(request.url.params.get("per_page", 25))
        everything = request.url.copy_merge_params({"page": 1, "per_page": ALL_ROWS})
        answer = await self._honest.handle_async_request(httpx.Request("GET", everything, headers=request.headers))
        body = json.loads(await answer.aread())
        if answer.status_code != 200:
            return httpx.Response(answer.status_code, json=body)
        rows = body["exploratory_tests"]
        number = self._page_number(number)
        most = min(size, self.conduct.cap or size)
        start = (number - 1) * (size if self.conduct.cap_loses_rows else most)
        return self._changed(200, {"exploratory_tests": rows[start : start + most]})

    def _page_number(self, number: int) -> int:
        conduct = self.conduct
        if conduct.every_page_is_first:
            return 1
        if number == conduct.repeated_page and not (conduct.repeats_once and self._repeated):
            self._repeated += 1
            return max(1, number - 1)
        return number

    def _changed(self, status: int, body: Any) -> httpx.Response:
        conduct = self.conduct
        for key in KEYS if status == 200 and isinstance(body, dict) else ():
            if not isinstance(body.get(key), list):
                continue
            rows = [row for row in body[key] if row.get("id") not in conduct.hidden]
            counted = len(rows)
            if conduct.cut and conduct.cut[0] == key:
                rows = rows[: conduct.cut[1]]
            told = max(0, counted + conduct.lie[1]) if conduct.lie and conduct.lie[0] == key else counted
            if told == len(rows) < counted:
                told += 1  # a wrong count that agrees with a cut list by chance is an honest answer to any reader
            body[key] = rows
            if "meta" in body or (conduct.cut or conduct.lie or ("",))[0] == key:
                body["meta"] = {**body.get("meta", {}), "record_count": told}
        for name in conduct.missing:
            kind, _, left_out = name.partition(".")
            _leave_out(body, kind, left_out)
        return httpx.Response(status, json=body)


def _leave_out(body: Any, kind: str, name: str) -> None:
    """Delete a field of every object that stands in a list, or under a single name, of this kind."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            if key == kind:
                for row in value if isinstance(value, list) else [value]:
                    if isinstance(row, dict):
                        row.pop(name, None)
            _leave_out(value, kind, name)
    elif isinstance(body, list):
        for row in body:
            _leave_out(row, kind, name)
