"""The demo account as an HTTP API: routes, token, envelopes and faults. What is answered is decided in `answers`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from httpx import RemoteProtocolError
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from testio_analytics.demo.account.model import Account, Cycle, Feature, Product, identity
from testio_analytics.demo.server import responses
from testio_analytics.demo.server.faults import Faults

PREFIX = "/customer/v2"
NO_FAULTS = Faults()
UNAVAILABLE_PAGE = "<!DOCTYPE html><html><body><h1>{title}</h1><p>Please try again later.</p></body></html>"


@dataclass
class RequestLog:
    """What the server was asked: for tests to read.

    Attributes:
        total: requests with the right token.
        refused: requests without it.
        paths: how often each path below the prefix was asked for.
        queries: path and query of each request, in order.
        statuses: how often each status was answered.
        in_flight, max_in_flight: requests at once, now and at most.
    """

    total: int = 0
    refused: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    queries: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    in_flight: int = 0
    max_in_flight: int = 0

    def clear(self) -> None:
        """Forget everything but the requests that are under way; the faults count from 1 again."""
        self.total = self.refused = 0
        self.paths.clear()
        self.queries.clear()
        self.statuses.clear()
        self.max_in_flight = self.in_flight


def create_app(account: Account, *, token: str = "demo", faults: Faults = NO_FAULTS) -> Starlette:  # noqa: S107  a public token
    """Return the API of an account under ``/customer/v2``.

    ``app.state.account`` and ``app.state.faults`` may be changed or exchanged between requests; ``app.state.log`` is
    the `RequestLog`.
    """
    app = Starlette(
        routes=[Mount(PREFIX, routes=ROUTES)],
        middleware=[Middleware(_Gate)],
        exception_handlers={HTTPException: _error_answer},
    )
    app.state.account = account
    app.state.token = token
    app.state.faults = faults
    app.state.log = RequestLog()
    return app


class JsonAnswer(Response):
    """A JSON answer as the API sends it: not cacheable, and any text that JSON can carry."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"cache-control": "no-cache"})

    def render(self, content: Any) -> bytes:
        """Return the JSON bytes; ASCII, so that even half of a surrogate pair gets through."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


def _error(status: int, message: str) -> JsonAnswer:
    return JsonAnswer({"error": message}, status)


async def _error_answer(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _error(error.status_code, error.detail)


# --- the gate: token, log, faults ------------------------------------------------------------------------------


class _Gate:
    """Counts each request, checks its token, and lets the faults act, before and behind the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            await _error(401, "Token is missing, wrong or revoked")(request.scope, receive, send)
            return
        number = _counted(request, log)
        # Even without delay the loop gets a turn, so that requests sent at once are under way at once. One too many is
        # refused at once: it must not keep others out while it waits.
        crowded = bool(faults.concurrent_limit) and log.in_flight > faults.concurrent_limit
        await asyncio.sleep(0.0 if crowded else faults.slow)
        instead = _instead(request, faults, number, crowded)
        wrapped = _corrupt_body(send, faults, number)
        await (instead or self.app)(request.scope, receive, send if instead else wrapped)


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


def _instead(request: Request, faults: Faults, number: int, crowded: bool) -> Response | None:
    """Return the answer that a fault gives instead of the real one, if any."""
    if faults.redirect_to:
        target = f"{faults.redirect_to}{request.url.path}"
        return RedirectResponse(target, status_code=302)
    if crowded:
        return _error(500, "Internal server error")
    if _is_due(number, faults.rate_limit_every, faults.rate_limit_first):
        return _too_many(faults)
    if _is_due(number, faults.error_every, faults.error_first):
        return _error(faults.error_status, "Service unavailable")
    if _is_due(number, faults.html_every):
        return HTMLResponse(UNAVAILABLE_PAGE.format(title="Maintenance"))
    return None


def _too_many(faults: Faults) -> Response:
    answer = _error(429, "Too many requests")
    if faults.retry_after_form == "seconds":
        answer.headers["retry-after"] = str(faults.retry_after)
    elif faults.retry_after_form == "date":
        # HTTP dates have whole seconds: rounded up, or the wait would be shorter than asked for.
        moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=faults.retry_after + 1)
        answer.headers["retry-after"] = format_datetime(moment, usegmt=True)
    return answer


def _corrupt_body(send: Send, faults: Faults, number: int) -> Send:
    is_dropped = _is_due(number, faults.dropped_every)
    is_truncated = _is_due(number, faults.truncated_every)
    if not (is_dropped or is_truncated):
        return send
    started: list[Message] = []

    async def spoil(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        body = message.get("body", b"")
        half = body[: len(body) // 2]
        if is_dropped:
            await _drop(send, started[0], half)
        await _send_whole(send, started[0], half)

    return spoil


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


# --- the routes ------------------------------------------------------------------------------------------------


def _account(request: Request) -> Account:
    account: Account = request.app.state.account
    return account


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


def _product(request: Request) -> Product:
    try:
        return _account(request).product(request.path_params["product_id"])
    except KeyError as error:
        raise HTTPException(404, "Product not found") from error


def _cycle(request: Request) -> Cycle:
    try:
        return _account(request).cycle(request.path_params["test_id"])
    except KeyError as error:
        raise HTTPException(404, "Exploratory test not found") from error


def _is_expanded(request: Request) -> bool:
    # The API of November 2025 did not know includes[] and ignored it, as it ignores every unknown parameter.
    return "user_stories" in request.query_params.getlist("includes[]") and not _faults(request).is_legacy


async def list_products(request: Request) -> Response:
    """Answer ``GET /products``."""
    return JsonAnswer(
        {"products": responses.products(_account(request), request.query_params.get("filter[product_ids]"))}
    )


async def get_product(request: Request) -> Response:
    """Answer ``GET /products/{pid}``."""
    return JsonAnswer({"product": _product(request).payload})


async def list_features(request: Request) -> Response:
    """Answer ``GET /products/{pid}/features`` (testio-api.md, 5.4: what a sectioned product answers is a switch)."""
    product, faults = _product(request), _faults(request)
    if product.is_sectioned and faults.is_legacy:
        return _error(500 if faults.product_features == "legacy-500" else 422, "Sections are enabled for this product")
    return JsonAnswer({"features": responses.features(product.features, expanded=_is_expanded(request))})


async def list_section_features(request: Request) -> Response:
    """Answer ``GET /products/{pid}/sections/{sid}/features``."""
    rows = _rows_of_section(request, _product(request), request.path_params["section_id"])
    return JsonAnswer({"features": responses.features(rows, expanded=_is_expanded(request))})


def _rows_of_section(request: Request, product: Product, section_id: int) -> list[Feature]:
    if section_id not in product.section_ids:
        raise HTTPException(404, "Section not found")
    if section_id in _faults(request).failing_sections:
        raise HTTPException(500, "Internal server error")
    return responses.features_of_section(product, section_id)


async def list_stories(request: Request) -> Response:
    """Answer ``GET /products/{pid}/user_stories`` (testio-api.md, 6.1: a sectioned product needs ``section_id``)."""
    product = _product(request)
    wanted = request.query_params.get("section_id", "")
    if wanted.isdecimal():
        return JsonAnswer({"user_stories": responses.stories(_rows_of_section(request, product, int(wanted)))})
    if product.is_sectioned:
        return _error(_faults(request).stories_without_section, "section_id is missing")
    return JsonAnswer({"user_stories": responses.stories(product.features)})


async def get_story(request: Request) -> Response:
    """Answer ``GET /user_stories/{id}``: a bare object."""
    found = responses.story(_account(request), request.path_params["story_id"])
    return _error(404, "User story not found") if found is None else JsonAnswer(found)


async def list_tests(request: Request) -> Response:
    """Answer ``GET /products/{pid}/exploratory_tests`` (testio-api.md, 7.1)."""
    faults, query = _faults(request), request.query_params
    page = None if faults.staging else query.get("page")
    rows = responses.test_page(_product(request), page, query.get("per_page"))
    if any(identity(row.payload) in faults.poisoned_tests for row in rows):
        return _error(500, "Internal server error")
    expanded = _is_expanded(request)
    return JsonAnswer({"exploratory_tests": [responses.test_row(row, expanded=expanded) for row in rows]})


async def get_test(request: Request) -> Response:
    """Answer ``GET /exploratory_tests/{id}``, with metrics."""
    cycle, faults = _cycle(request), _faults(request)
    if faults.poisoned_detail and request.path_params["test_id"] in faults.poisoned_tests:
        return _error(500, "Internal server error")
    return JsonAnswer({"exploratory_test": responses.test_detail(cycle, expanded=_is_expanded(request))})


async def list_bugs(request: Request) -> Response:
    """Answer ``GET /bugs`` (testio-api.md, 8.1)."""
    faults, query = _faults(request), request.query_params
    test_ids = query.get("filter_test_cycle_ids")
    if test_ids and faults.bug_ids_limit and len(test_ids.split(",")) > faults.bug_ids_limit:
        return HTMLResponse(UNAVAILABLE_PAGE.format(title="Error 524: a timeout occurred"), 524)
    rows = responses.bugs(
        _account(request),
        product_ids=query.get("filter_product_ids"),
        section_ids=query.get("filter_section_ids"),
        test_ids=test_ids,
        export_status=query.get("export_status"),
    )
    bugs = [responses.bug_row(row, staging=faults.staging) for row in rows]
    return JsonAnswer({"bugs": bugs, "meta": {"record_count": len(bugs)}})


async def get_bug(request: Request) -> Response:
    """Answer ``GET /bugs/{id}``."""
    for bug in responses.bugs(_account(request)):
        if bug.payload["id"] == request.path_params["bug_id"]:
            return JsonAnswer({"bug": responses.bug_row(bug, staging=_faults(request).staging)})
    return _error(404, "Bug not found")


async def list_reject_reasons(request: Request) -> Response:
    """Answer ``GET /bugs/reject_reasons``."""
    return JsonAnswer({"reject_reasons": responses.reject_reasons()})


async def list_executions(request: Request) -> Response:
    """Answer ``GET /user_story_version_executions``: always paged, with the total."""
    query = request.query_params
    rows = responses.executions(
        _account(request),
        story_ids=_numbers(query, "user_story_ids[]"),
        version_ids=_numbers(query, "user_story_version_ids[]"),
        newest_first=query.get("order") == "desc",
    )
    page = responses.window(rows, query.get("page"), query.get("per_page"))
    return JsonAnswer({"meta": {"record_count": len(rows)}, "user_story_version_executions": page})


def _numbers(query: QueryParams, name: str) -> set[int]:
    return {int(text) for text in query.getlist(name) if text.isdecimal()}


async def list_environments(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_environments``, credentials included."""
    return JsonAnswer({"test_environments": _product(request).environments})


async def get_environment(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_environments/{id}``, credentials included."""
    for row in _product(request).environments:
        if row["id"] == request.path_params["environment_id"]:
            return JsonAnswer({"test_environment": row})
    return _error(404, "Test environment not found")


async def list_templates(request: Request) -> Response:
    """Answer ``GET /test_templates``; ``product_id`` is required, ``section_id`` narrows."""
    wanted, section = request.query_params.get("product_id", ""), request.query_params.get("section_id", "")
    if not wanted.isdecimal():
        return _error(400, "product_id is missing")
    try:
        product = _account(request).product(int(wanted))
    except KeyError as error:
        raise HTTPException(404, "Product not found") from error
    rows = [row for row in product.templates if not section or str(row.section_id) == section]
    return JsonAnswer({"test_templates": [row.payload for row in rows]})


async def get_test_case_test(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_case_tests/{tid}``; 404 for any test that is not a scripted run."""
    return JsonAnswer({"test_case_test": _scripted(request).test_case})


async def list_test_case_results(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_case_tests/{tid}/results``: a bare array."""
    return JsonAnswer(_scripted(request).results or [])


def _scripted(request: Request) -> Cycle:
    for cycle in _product(request).cycles:
        if identity(cycle.payload) == request.path_params["test_id"] and cycle.test_case is not None:
            return cycle
    raise HTTPException(404, "Test case test not found")


async def get_connection(request: Request) -> Response:
    """Answer ``GET /connections/{id}``."""
    for row in responses.connections(_account(request)):
        if row["id"] == request.path_params["connection_id"]:
            return JsonAnswer({"connection": row})
    return _error(404, "Connection not found")


def _get(path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> Route:
    return Route(path, endpoint, methods=["GET"])


ROUTES = [
    _get("/products", list_products),
    _get("/products/{product_id:int}", get_product),
    _get("/products/{product_id:int}/features", list_features),
    _get("/products/{product_id:int}/sections/{section_id:int}/features", list_section_features),
    _get("/products/{product_id:int}/user_stories", list_stories),
    _get("/user_stories/{story_id:int}", get_story),
    _get("/products/{product_id:int}/exploratory_tests", list_tests),
    _get("/exploratory_tests/{test_id:int}", get_test),
    _get("/bugs", list_bugs),
    _get("/bugs/reject_reasons", list_reject_reasons),
    _get("/bugs/{bug_id:int}", get_bug),
    _get("/user_story_version_executions", list_executions),
    _get("/products/{product_id:int}/test_environments", list_environments),
    _get("/products/{product_id:int}/test_environments/{environment_id:int}", get_environment),
    _get("/test_templates", list_templates),
    _get("/products/{product_id:int}/test_case_tests/{test_id:int}", get_test_case_test),
    _get("/products/{product_id:int}/test_case_tests/{test_id:int}/results", list_test_case_results),
    _get("/connections/{connection_id:int}", get_connection),
]
