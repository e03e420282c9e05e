"""The demo account as an HTTP API: its routes. What is answered is decided in `responses`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from testio_analytics.demo.account.model import Account, Cycle, Feature, Product, identity
from testio_analytics.demo.server import responses
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.middleware import (
    PREFIX,
    UNAVAILABLE_PAGE,
    JsonAnswer,
    RequestChecks,
    RequestLog,
    error_answer,
)
from testio_analytics.demo.server.missing import leaving_out

NO_FAULTS = Faults()


def create_app(account: Account, *, token: str = "demo", faults: Faults = NO_FAULTS) -> Starlette:  # noqa: S107  a public token
    """Return the API of an account under ``/customer/v2``.

    ``app.state.account`` and ``app.state.faults`` may be changed or exchanged between requests; ``app.state.log`` is
    the `RequestLog`.
    """
    routes = [Route(path, leaving_out(endpoint), methods=["GET"]) for path, endpoint in ENDPOINTS.items()]
    app = Starlette(
        routes=[Mount(PREFIX, routes=routes)],
        middleware=[Middleware(RequestChecks)],
        exception_handlers={HTTPException: _refused},
    )
    app.state.account = account
    app.state.token = token
    app.state.faults = faults
    app.state.log = RequestLog()
    return app


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return error_answer(error.status_code, error.detail)


def _account(request: Request) -> Account:
    account: Account = request.app.state.account
    return account


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults


def _product(request: Request, product_id: int | None = None) -> Product:
    try:
        return _account(request).product(product_id or request.path_params["product_id"])
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
    rows = responses.products(_account(request), request.query_params.get("filter[product_ids]"))
    hidden = _faults(request).hidden_products
    return _list(request, "products", [row for row in rows if not hidden or row.get("id") not in hidden])


def _list(request: Request, key: str, rows: list[Any]) -> Response:
    """Return a list that does not count itself, or counts itself wrongly where that is a fault."""
    more = _faults(request).miscount
    return JsonAnswer({key: rows} | ({"meta": {"record_count": len(rows) + more}} if more else {}))


async def get_product(request: Request) -> Response:
    """Answer ``GET /products/{pid}``."""
    return JsonAnswer({"product": _product(request).payload})


async def list_features(request: Request) -> Response:
    """Answer ``GET /products/{pid}/features`` (testio-api.md, 5.4: what a sectioned product answers is a switch)."""
    product, faults = _product(request), _faults(request)
    if product.is_sectioned and faults.is_legacy:
        return error_answer(
            500 if faults.product_features == "legacy-500" else 422, "Sections are enabled for this product"
        )
    return _list(request, "features", responses.features(product.features, expanded=_is_expanded(request)))


async def list_section_features(request: Request) -> Response:
    """Answer ``GET /products/{pid}/sections/{sid}/features``."""
    rows = _rows_of_section(request, _product(request), request.path_params["section_id"])
    return _list(request, "features", responses.features(rows, expanded=_is_expanded(request)))


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
        return error_answer(_faults(request).stories_without_section, "section_id is missing")
    return JsonAnswer({"user_stories": responses.stories(product.features)})


async def get_story(request: Request) -> Response:
    """Answer ``GET /user_stories/{id}``: a bare object."""
    found = responses.story(_account(request), request.path_params["story_id"])
    return error_answer(404, "User story not found") if found is None else JsonAnswer(found)


async def list_tests(request: Request) -> Response:
    """Answer ``GET /products/{pid}/exploratory_tests`` (testio-api.md, 7.1)."""
    faults, query = _faults(request), request.query_params
    page = None if faults.staging else query.get("page")
    asked: int = request.app.state.log.paths[request.url.path.removeprefix(PREFIX)]
    moved = asked // faults.moving_every if faults.moving_every else 0
    rows = responses.test_page(_product(request), page, query.get("per_page"), limit=faults.page_limit, moved=moved)
    if any(identity(row.payload) in faults.poisoned_tests for row in rows):
        return error_answer(500, "Internal server error")
    expanded, shown = _is_expanded(request), (row for row in rows if identity(row.payload) not in faults.hidden_tests)
    return JsonAnswer({"exploratory_tests": [responses.test_row(row, expanded=expanded) for row in shown]})


async def get_test(request: Request) -> Response:
    """Answer ``GET /exploratory_tests/{id}``, with metrics."""
    cycle, faults = _cycle(request), _faults(request)
    if faults.poisoned_detail and request.path_params["test_id"] in faults.poisoned_tests:
        return error_answer(500, "Internal server error")
    detail = responses.test_detail(cycle, expanded=_is_expanded(request))
    return JsonAnswer({"exploratory_test": detail | {"features": None} if faults.has_bare_details else detail})


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
    shown = rows[: faults.bugs_limit] if faults.bugs_limit else rows
    bugs = [responses.bug_row(row, staging=faults.staging) for row in shown]
    return JsonAnswer({"bugs": bugs, "meta": {"record_count": len(rows) + faults.miscount}})


async def get_bug(request: Request) -> Response:
    """Answer ``GET /bugs/{id}``."""
    rows = (responses.bug_row(bug, staging=_faults(request).staging) for bug in responses.bugs(_account(request)))
    return _single("bug", rows, request.path_params["bug_id"], "Bug")


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
    faults = _faults(request)
    page = responses.window(rows, query.get("page"), query.get("per_page"), limit=faults.page_limit)
    count = {"record_count": len(rows) + faults.miscount}
    return JsonAnswer({"meta": count, "user_story_version_executions": page})


def _numbers(query: QueryParams, name: str) -> set[int]:
    return {int(text) for text in query.getlist(name) if text.isdecimal()}


async def list_environments(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_environments``, credentials included."""
    return JsonAnswer({"test_environments": _product(request).environments})


async def get_environment(request: Request) -> Response:
    """Answer ``GET /products/{pid}/test_environments/{id}``, credentials included."""
    rows = _product(request).environments
    return _single("test_environment", rows, request.path_params["environment_id"], "Test environment")


async def list_templates(request: Request) -> Response:
    """Answer ``GET /test_templates``; ``product_id`` is required, ``section_id`` narrows."""
    wanted, section = request.query_params.get("product_id", ""), request.query_params.get("section_id", "")
    if not wanted.isdecimal():
        return error_answer(400, "product_id is missing")
    rows = [row for row in _product(request, int(wanted)).templates if not section or str(row.section_id) == section]
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
    rows = responses.connections(_account(request))
    return _single("connection", rows, request.path_params["connection_id"], "Connection")


def _single(key: str, rows: Iterable[dict[str, Any]], wanted: int, name: str) -> Response:
    found = next((row for row in rows if row["id"] == wanted), None)
    return error_answer(404, f"{name} not found") if found is None else JsonAnswer({key: found})


ENDPOINTS = {
    "/products": list_products,
    "/products/{product_id:int}": get_product,
    "/products/{product_id:int}/features": list_features,
    "/products/{product_id:int}/sections/{section_id:int}/features": list_section_features,
    "/products/{product_id:int}/user_stories": list_stories,
    "/user_stories/{story_id:int}": get_story,
    "/products/{product_id:int}/exploratory_tests": list_tests,
    "/exploratory_tests/{test_id:int}": get_test,
    "/bugs": list_bugs,
    "/bugs/reject_reasons": list_reject_reasons,
    "/bugs/{bug_id:int}": get_bug,
    "/user_story_version_executions": list_executions,
    "/products/{product_id:int}/test_environments": list_environments,
    "/products/{product_id:int}/test_environments/{environment_id:int}": get_environment,
    "/test_templates": list_templates,
    "/products/{product_id:int}/test_case_tests/{test_id:int}": get_test_case_test,
    "/products/{product_id:int}/test_case_tests/{test_id:int}/results": list_test_case_results,
    "/connections/{connection_id:int}": get_connection,
}
