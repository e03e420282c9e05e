"""What stands before the routes of the demo API: the log of requests, the token, and the faults."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from httpx import RemoteProtocolError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testio_analytics.demo.account.planted import PLANTED_SECRETS
from testio_analytics.demo.server.faults import Faults

PREFIX = "/customer/v2"
UNAVAILABLE_PAGE = "<!DOCTYPE html><html><body><h1>{title}</h1><p>Please try again later.</p></body></html>"

ORDINARY_WORDS = {"username": b"features", "password": b"password", "access": b"archived"}
"""Credentials as people choose them; each is a word that answers hold for other reasons."""


@dataclass
class RequestLog:
    """What the server was asked: for tests to read.

    Attributes:
        total: requests with the right token.
        refused: requests without it.
        paths: how often each path below the prefix was asked for.
        queries: path and query of each request, in order.
        first_queries: the query with which each path was first asked for, where a cache ignores it.
        statuses: how often each status was answered.
        in_flight, max_in_flight: requests at once, now and at most.
    """

    total: int = 0
    refused: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    first_queries: dict[str, bytes] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0

    def clear(self) -> None:
        """Forget everything but the requests that are under way; the faults count from 1 again."""
        self.total = self.refused = 0
        self.paths.clear()
        self.queries.clear()
        self.first_queries.clear()
        self.statuses.clear()
        self.max_in_flight = self.in_flight


class JsonAnswer(Response):
    """A JSON answer as the API sends it: not cacheable, and any text that JSON can carry."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"cache-control": "no-cache"})

    def render(self, content: Any) -> bytes:
        """Return the JSON bytes; ASCII, so that even half of a surrogate pair gets through."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def error_answer(status: int, message: str) -> JsonAnswer:
    """Return an error as the API words it."""
    return JsonAnswer({"error": message}, status)


class RequestChecks:
    """Counts each request, checks its token, and lets the faults act, before and behind the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on to the routes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        log: RequestLog = request.app.state.log
        log.in_flight += 1
        log.max_in_flight = max(log.max_in_flight, log.in_flight)
        try:
            await self._answer(request, log, receive, _counting(send, log))
        finally:
            log.in_flight -= 1

    async def _answer(self, request: Request, log: RequestLog, receive: Receive, send: Send) -> None:
        faults: Faults = request.app.state.faults
        if request.headers.get("authorization") != f"Token {request.app.state.token}":
            log.refused += 1
            await error_answer(401, "Token is missing, wrong or revoked")(request.scope, receive, send)
            return
        number = _counted(request, log)
        if faults.is_cached:
            first = log.first_queries.setdefault(request.url.path, request.scope["query_string"])
            request.scope["query_string"] = first
        # Even without delay the loop gets a turn, so that requests sent at once are under way at once. One too many is
        # refused at once: while it waited it would count against others.
        is_too_many = bool(faults.concurrent_limit) and log.in_flight > faults.concurrent_limit
        await asyncio.sleep(0.0 if is_too_many else faults.slow)
        fault = _fault_answer(request, faults, number, is_too_many)
        corrupted = _corrupt_body(
            _with_ordinary_words(send) if faults.has_ordinary_credentials else send, faults, number
        )
        await (fault or self.app)(request.scope, receive, send if fault else corrupted)


def _counted(request: Request, log: RequestLog) -> int:
    path = request.url.path.removeprefix(PREFIX)
    log.total += 1
    log.paths[path] += 1
    log.queries.append(f"{path}?{request.url.query}" if request.url.query else path)
    return log.total


def _counting(send: Send, log: RequestLog) -> Send:
    async def counted(message: Message) -> None:
        if message["type"] == "http.response.start":
            log.statuses[message["status"]] += 1
        await send(message)

    return counted


def _is_due(number: int, every: int, first: int = 0) -> bool:
    return number <= first or (every > 0 and number % every == 0)


def _fault_answer(request: Request, faults: Faults, number: int, is_too_many: bool) -> Response | None:
    """Return the answer that a fault gives instead of the real one, if any."""
    if faults.redirect_to:
        target = f"{faults.redirect_to}{request.url.path}"
        return RedirectResponse(target, status_code=302)
    if faults.revoked_after and number > faults.revoked_after:
        return error_answer(401, "Token is missing, wrong or revoked")
    if is_too_many:
        return error_answer(500, "Internal server error")
    if status := faults.refusals.get(request.url.path.removeprefix(PREFIX)):
        return error_answer(status, "Refused")
    if _is_due(number, faults.rate_limit_every, faults.rate_limit_first):
        return _too_many(faults)
    if _is_due(number, faults.error_every, faults.error_first):
        return error_answer(faults.error_status, "Service unavailable")
    if _is_due(number, faults.html_every) or 0 < faults.down_after < number:
        return HTMLResponse(UNAVAILABLE_PAGE.format(title="Maintenance"))
    if _is_due(number, faults.endless_every):
        return StreamingResponse(_blanks(), media_type="application/json")
    return None


async def _blanks() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.02)


def _too_many(faults: Faults) -> Response:
    answer = error_answer(429, "Too many requests")
    if faults.retry_after_form == "seconds":
        answer.headers["retry-after"] = str(faults.retry_after)
    elif faults.retry_after_form == "date":
        # HTTP dates have whole seconds: rounded up, or the wait would be shorter than asked for.
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=faults.retry_after + 1)
        answer.headers["retry-after"] = format_datetime(moment, usegmt=True)
    return answer


def _with_ordinary_words(send: Send) -> Send:
    """Say ordinary words where the planted credentials stand; every answer of the account is one message."""
    started: list[Message] = []

    async def renamed(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        body = message.get("body", b"")
        for name, word in ORDINARY_WORDS.items():
            body = body.replace(PLANTED_SECRETS[name].encode(), word)
        await _send_whole(send, started[0], body)

    return renamed


def _corrupt_body(send: Send, faults: Faults, number: int) -> Send:
    is_dropped = _is_due(number, faults.dropped_every)
    is_truncated = _is_due(number, faults.truncated_every)
    if not (is_dropped or is_truncated):
        return send
    started: list[Message] = []

    async def corrupt(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        body = message.get("body", b"")
        half = body[: len(body) // 2]
        if is_dropped:
            await _drop(send, started[0], half)
        await _send_whole(send, started[0], half)

    return corrupt


async def _send_whole(send: Send, start: Message, body: bytes) -> None:
    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    length = (b"content-length", str(len(body)).encode("ascii"))
    await send({**start, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _drop(send: Send, start: Message, body: bytes) -> None:
    # The promised length stays, half of the body goes out, and then the server gives up: uvicorn closes the socket,
    # and in-process the transport raises this very error, which is what a client sees over a socket.
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": True})
    raise RemoteProtocolError("peer closed connection without sending complete message body")
