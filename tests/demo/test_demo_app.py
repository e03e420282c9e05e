"""The demo API: every read endpoint, envelope and rule of testio-api.md, whose section numbers stand in each test."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from testio_analytics.demo.account import clock
from testio_analytics.demo.account.build import DEMO_POISONED_TEST, PLANTED_SECRETS, demo_account
from testio_analytics.demo.account.model import Account, Bug, Cycle, Execution, Payload, Product
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.metrics import status_of, with_metrics
from testio_analytics.demo.server.server import running_server
from waiting import PATIENCE

BASE = "http://testserver/customer/v2"


@pytest.fixture(scope="module")
def app(pristine: Account) -> Starlette:
    """Return the faultless demo API, to be read only."""
    return create_app(pristine)


def part_of(app: Starlette, *product_ids: int) -> Account:
    """Return an account of its own with copies of these products of the demo account."""
    whole: Account = app.state.account
    return Account(whole.now, [whole.product(product_id) for product_id in product_ids]).copy()


def ask(app: Starlette, path: str, *, method: str = "GET", token: str | None = "Token demo") -> httpx.Response:
    """Return the answer of the app in this process."""

    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            headers = {} if token is None else {"Authorization": token}
            return await client.request(method, BASE + path, headers=headers)

    return asyncio.run(once())


def body(app: Starlette, path: str) -> Any:
    """Return the JSON of a successful answer."""
    answer = ask(app, path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
    return answer.json()


def ids(rows: list[Payload]) -> list[int]:
    """Return the ids of rows."""
    return [row["id"] for row in rows]


# --- transport -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "Token wrong", "demo", "Bearer demo", "Token", ""])
def test_wrong_token_is_401_with_a_json_error(app: Starlette, token: str | None) -> None:
    """18.2 point 1: a missing or wrong token is refused, on known and unknown addresses alike."""
    for path in ("/products", "/products/1", "/nowhere"):
        answer = ask(app, path, token=token)
        assert answer.status_code == 401
        assert isinstance(answer.json()["error"], str)


def test_token_is_the_one_given() -> None:
    """1: one token opens one account."""
    app = create_app(Account(datetime(2026, 1, 1, tzinfo=UTC), []), token="other")
    assert ask(app, "/products").status_code == 401
    assert ask(app, "/products", token="Token other").json() == {"products": []}


def test_answers_are_json_without_etag_or_paging_headers(app: Starlette) -> None:
    """1: no ETag, `cache-control: no-cache`, no Link, X-Total or X-Page."""
    answer = ask(app, "/products/18559/exploratory_tests?page=1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert not {"etag", "link", "x-total", "x-page"} & set(answer.headers)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/products", "/bugs", "/exploratory_tests/1", "/products/21362/features"])
def test_writing_is_impossible(app: Starlette, method: str, path: str) -> None:
    """The simulator has the read side only: any write method is a 405 with a JSON error."""
    answer = ask(app, path, method=method)
    assert answer.status_code == 405
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/features/310001",
        "/exploratory_tests",
        "/exploratory_tests/144469/bugs",
        "/sections/19013",
        "/users",
        "/products/1",
        "/products/abc",
        "/products/1/features",
        "/products/1/user_stories",
        "/products/1/exploratory_tests?page=1",
        "/products/1/test_environments",
        "/products/18559/sections/21855/features",
        "/products/18559/user_stories?section_id=21855",
        "/products/18559/test_environments/1",
        "/products/18559/test_case_tests/144469",
        "/products/18559/test_case_tests/144469/results",
        "/exploratory_tests/1",
        "/user_stories/1",
        "/bugs/1",
        "/connections/1",
        "/test_templates?product_id=1",
    ],
)
def test_unknown_things_are_404_with_a_json_error(app: Starlette, path: str) -> None:
    """2 and 11.1: unknown ids and the addresses that do not exist."""
    answer = ask(app, path)
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/products", "products"),
        ("/products/21362", "product"),
        ("/products/21362/features", "features"),
        ("/products/18559/sections/19013/features", "features"),
        ("/products/21362/user_stories", "user_stories"),
        ("/products/21362/exploratory_tests", "exploratory_tests"),
        ("/exploratory_tests/144469", "exploratory_test"),
        ("/bugs/reject_reasons", "reject_reasons"),
        ("/products/21362/test_environments", "test_environments"),
        ("/test_templates?product_id=18559", "test_templates"),
        ("/connections/901", "connection"),
    ],
)
def test_envelope_has_exactly_one_key(app: Starlette, path: str, key: str) -> None:
    """2: lists and singles are wrapped by their name; test lists have no metadata."""
    assert list(body(app, path)) == [key]


def test_unknown_query_parameters_are_ignored(app: Starlette) -> None:
    """18.2 point 10: as the real server ignores `status` on the test list."""
    plain = body(app, "/products/18559/exploratory_tests?page=2")
    assert body(app, "/products/18559/exploratory_tests?page=2&status=running&sort=id&since=2026-01-01") == plain
    assert body(app, "/products?per_page=1&page=2") == body(app, "/products")


# --- products and sections -------------------------------------------------------------------------------------


def test_single_product_equals_its_list_row(app: Starlette) -> None:
    """3.1: single and list rows have the same fields."""
    for row in body(app, "/products")["products"]:
        assert body(app, f"/products/{row['id']}") == {"product": row}


def test_products_can_be_filtered(app: Starlette) -> None:
    """2: `filter[product_ids]`, and 1: the mis-encoded `filter=product_ids` is no filter at all."""
    assert set(ids(body(app, "/products?filter[product_ids]=21362,24959")["products"])) == {21362, 24959}
    assert ids(body(app, "/products?filter%5Bproduct_ids%5D=18559")["products"]) == [18559]
    assert body(app, "/products?filter[product_ids]=1")["products"] == []
    assert body(app, "/products?filter=product_ids") == body(app, "/products")


def test_products_and_sections_have_no_times(app: Starlette) -> None:
    """3.2: `created_at` and `updated_at` do not exist."""
    text = json.dumps(body(app, "/products"))
    assert "created_at" not in text
    assert "updated_at" not in text


# --- features --------------------------------------------------------------------------------------------------


def test_plain_reference_product_serves_28_features_and_54_stories(app: Starlette) -> None:
    """16: 21362."""
    assert len(body(app, "/products/21362/features")["features"]) == 28
    assert len(body(app, "/products/21362/user_stories")["user_stories"]) == 54


def test_big_reference_product_serves_its_published_counts(app: Starlette) -> None:
    """16: 18559, sections 19013 with 288 features and 1,709 stories, 25618 with 21 features; 297 distinct ones."""
    first = ids(body(app, "/products/18559/sections/19013/features")["features"])
    second = ids(body(app, "/products/18559/sections/25618/features")["features"])
    assert (len(first), len(second), len({*first, *second})) == (288, 21, 297)
    assert len(body(app, "/products/18559/user_stories?section_id=19013")["user_stories"]) == 1709
    assert len(body(app, "/test_templates?product_id=18559")["test_templates"]) == 23


@pytest.mark.parametrize("variant", ["real", "default"])
def test_small_reference_product_serves_nine_features(variant: Any) -> None:
    """16: 24959 answers at its section's address in both variants, with 9 stories."""
    app = create_app(demo_account(variant))
    assert len(body(app, "/products/24959/sections/25543/features")["features"]) == 9
    assert len(body(app, "/products/24959/features")["features"]) == 9
    assert len(body(app, "/products/24959/user_stories?section_id=25543")["user_stories"]) == 9
    assert ask(app, "/products/24959/user_stories").status_code == (500 if variant == "real" else 200)


def test_product_endpoint_serves_the_union_of_all_sections_once(app: Starlette) -> None:
    """5.4, current mode: all features across all sections, each once."""
    for product, sections in ((18559, (19013, 25618)), (70210, (70601, 70602, 70603)), (70415, (70801, 70802))):
        everything = ids(body(app, f"/products/{product}/features")["features"])
        parts = [ids(body(app, f"/products/{product}/sections/{sid}/features")["features"]) for sid in sections]
        assert len(set(everything)) == len(everything)
        assert set(everything) == {number for part in parts for number in part}
        assert sum(map(len, parts)) > len(everything)


def test_features_of_the_default_section_alone_are_in_the_union_only(app: Starlette) -> None:
    """4.3 trap 4: the default section of a sectioned product may own features that no real section lists."""
    account = part_of(app, 70210)
    account.add_feature(70210, {"id": 399_999, "title": "Hidden", "user_stories": []}, [70210])
    changed = create_app(account)
    assert 399_999 in ids(body(changed, "/products/70210/features")["features"])
    assert 399_999 not in ids(body(changed, "/products/70210/sections/70601/features")["features"])
    assert ids(body(changed, "/products/70210/sections/70210/features")["features"]) == [399_999]


@pytest.mark.parametrize("path", ["/products/21362/features", "/products/18559/sections/25618/features"])
def test_stories_are_sentences_unless_included(app: Starlette, path: str) -> None:
    """5.2 and 18.2 point 7: strings by default, objects with `includes[]=user_stories`, in both spellings."""
    plain = body(app, path)["features"]
    full = body(app, f"{path}?includes[]=user_stories")["features"]
    assert body(app, f"{path}?includes%5B%5D=user_stories")["features"] == full
    assert ids(plain) == ids(full)
    for short, long in zip(plain, full, strict=True):
        stories = long.get("user_stories") or []
        assert (short.get("user_stories") or []) == [story["path"] for story in stories]
        assert {story["feature_id"] for story in stories} <= {long["id"]}
        assert all(set(story) <= {"id", "path", "title", "feature_id"} for story in stories)
    assert sum(len(row.get("user_stories") or []) for row in full) > 50


@pytest.mark.parametrize("query", ["?includes=user_stories", "?includes[]=stories", "?include[]=user_stories"])
def test_other_spellings_of_includes_are_ignored(app: Starlette, query: str) -> None:
    """1: array parameters are written with brackets; anything else is an unknown parameter."""
    assert body(app, f"/products/21362/features{query}") == body(app, "/products/21362/features")


def test_feature_payload_names_neither_section_nor_product(app: Starlette) -> None:
    """5.2: membership is known only from the address that was asked."""
    for row in body(app, "/products/18559/features")["features"]:
        assert not {"section_id", "section_ids", "product_id"} & set(row)


def test_shared_feature_has_the_same_body_in_each_section(app: Starlette) -> None:
    """5.5: nothing says that the body differs between sections."""
    first, second = (
        {row["id"]: row for row in body(app, f"/products/18559/sections/{sid}/features")["features"]}
        for sid in (19013, 25618)
    )
    shared = set(first) & set(second)
    assert len(shared) == 12
    assert all(first[number] == second[number] for number in shared)


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "12", "title": "Id as text", "user_stories": []},
        {"id": None, "title": None},
        {"title": "No id", "user_stories": None},
        {"id": 7, "title": "x" * 100_000, "user_stories": [{"id": None}, "loose sentence", 4]},
        {"id": 8, "title": "NUL \x00, half a pair \ud800, 🧊", "nested": {"new": [1]}},
        "not an object",
        None,
    ],
)
def test_malformed_rows_are_served_as_they_are(app: Starlette, payload: Any) -> None:
    """A test may put any JSON into a list; its neighbours are still served."""
    account = part_of(app, 21362)
    account.add_feature(21362, payload)
    rows = body(create_app(account), "/products/21362/features?includes[]=user_stories")["features"]
    assert rows[-1] == payload
    assert len(rows) == 29
    assert len(body(create_app(account), "/products/21362/features")["features"]) == 29
    assert len(body(create_app(account), "/products/21362/user_stories")["user_stories"]) == 54


@pytest.mark.parametrize(
    "payload",
    [
        {"id": "640031", "title": None, "end_at": "yesterday", "features": []},
        {"id": None, "end_at": 5, "features": "none"},
        {"id": 77, "end_at": "2026-06-29T10:00:00", "features": [None, {"id": 1, "user_stories": "x"}, {"id": 2}]},
        "not an object",
        None,
    ],
)
def test_malformed_tests_are_served_as_they_are(payload: Any) -> None:
    """A test may put any JSON into the test list as well; the whole list is still served, in both forms."""
    account = EMPTY.copy()
    account.add_test(70588, {"id": 1, "end_at": "2026-06-01T00:00:00Z", "features": []})
    account.add_test(70588, payload)
    app = create_app(account)
    for query in ("page=1", "page=1&includes[]=user_stories"):
        rows = body(app, f"/products/70588/exploratory_tests?{query}")["exploratory_tests"]
        assert payload in rows
        assert len(rows) == 2
    assert body(app, "/bugs?filter_section_ids=1")["bugs"] == []


# --- user stories ----------------------------------------------------------------------------------------------


def test_story_list_does_not_say_which_feature(app: Starlette) -> None:
    """6.2: `feature_id`, `section_id` and `product_id` are not in this list."""
    rows = body(app, "/products/21362/user_stories")["user_stories"]
    assert all(set(row) == {"id", "path", "title"} for row in rows)
    assert ids(rows) == sorted(set(ids(rows)))


def test_story_lists_and_included_stories_agree(app: Starlette) -> None:
    """6.3: both routes show the same stories, and shared features repeat theirs over the sections."""
    listed = {
        sid: set(ids(body(app, f"/products/18559/user_stories?section_id={sid}")["user_stories"]))
        for sid in (19013, 25618)
    }
    features = body(app, "/products/18559/features?includes[]=user_stories")["features"]
    included = {story["id"] for row in features for story in row.get("user_stories") or []}
    assert listed[19013] | listed[25618] == included
    assert listed[19013] & listed[25618]


def test_sectioned_product_needs_a_section_for_its_stories(app: Starlette) -> None:
    """6.1: omitted, a 500 was observed."""
    answer = ask(app, "/products/18559/user_stories")
    assert answer.status_code == 500
    assert "error" in answer.json()


def test_single_story_is_a_bare_object(app: Starlette) -> None:
    """2 and 11.5 point 19: no envelope."""
    row = body(app, "/products/21362/user_stories")["user_stories"][0]
    assert body(app, f"/user_stories/{row['id']}") == row


# --- tests -----------------------------------------------------------------------------------------------------


def pages(app: Starlette, product_id: int, per_page: int) -> list[list[Payload]]:
    """Return all pages of a test list, until an empty one."""
    found: list[list[Payload]] = []
    while not found or found[-1]:
        path = f"/products/{product_id}/exploratory_tests?page={len(found) + 1}&per_page={per_page}"
        found.append(body(app, path)["exploratory_tests"])
    return found[:-1]


@pytest.mark.parametrize("per_page", [7, 10, 25, 100, 240, 500])
def test_pages_hold_every_test_once(app: Starlette, per_page: int) -> None:
    """7.1: pages of `per_page`, the last one shorter, then empty ones."""
    found = pages(app, 18559, per_page)
    assert [len(page) for page in found[:-1]] == [per_page] * (len(found) - 1)
    everything = [number for page in found for number in ids(page)]
    assert len(everything) == len(set(everything)) == 240


def test_page_size_is_25_and_far_pages_are_empty(app: Starlette) -> None:
    """7.1: `per_page` defaults to 25; a page far past the end is a 200 with an empty list."""
    assert len(body(app, "/products/18559/exploratory_tests?page=1")["exploratory_tests"]) == 25
    assert body(app, "/products/18559/exploratory_tests?page=999") == {"exploratory_tests": []}


def test_without_page_come_150_rows_and_per_page_is_ignored(app: Starlette) -> None:
    """7.1: no `page`, no pagination: the last 150, in the same order."""
    rows = body(app, "/products/18559/exploratory_tests")["exploratory_tests"]
    assert len(rows) == 150
    assert body(app, "/products/18559/exploratory_tests?per_page=5")["exploratory_tests"] == rows
    assert ids(rows) == ids(body(app, "/products/18559/exploratory_tests?page=1&per_page=150")["exploratory_tests"])
    assert len(body(app, "/products/21362/exploratory_tests")["exploratory_tests"]) == 60


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=", "page=1&per_page=0", "page=1&per_page=x"])
def test_senseless_page_numbers_count_as_the_default(app: Starlette, query: str) -> None:
    """7.1 is silent about them; they must at least not break the answer."""
    first = body(app, "/products/18559/exploratory_tests?page=1")
    assert body(app, f"/products/18559/exploratory_tests?{query}") == first


def test_tests_are_ordered_by_end_descending(app: Starlette) -> None:
    """7.1: by instant, not by text (offsets vary); ids and starts are not monotone; drafts without an end first."""
    for product in (18559, 70210):
        rows = [row for page in pages(app, product, 100) for row in page]
        ends = [clock.parsed(row["end_at"]) for row in rows if row["end_at"]]
        assert ends == sorted(ends, reverse=True)
        assert ids(rows) != sorted(ids(rows), reverse=True)
        starts = [clock.parsed(row["start_at"]) for row in rows if row["start_at"] and row["end_at"]]
        assert starts != sorted(starts, reverse=True)
        undated = [place for place, row in enumerate(rows) if row["end_at"] is None]
        assert undated == list(range(len(undated)))


def test_broken_row_stands_between_its_recorded_neighbours(app: Starlette) -> None:
    """11.3: 144469 between 144523 and 144472, with the ends that were recorded."""
    rows = [row for page in pages(app, 18559, 100) for row in page]
    place = ids(rows).index(144469)
    assert ids(rows)[place - 1 : place + 2] == [144523, 144469, 144472]
    assert rows[place - 1]["end_at"] == "2025-10-27T02:00:00+01:00"
    assert rows[place + 1]["end_at"] == "2025-10-24T04:00:00+02:00"


METRIC_KEYS = {"execution_status", "tester_count", "bugs_found", "bug_ids"}


def test_list_rows_have_no_metrics_even_with_stories(app: Starlette) -> None:
    """7.1 and 18.2 point 7: metrics are not available in the list, with `includes[]` neither."""
    for query in ("page=2", "page=2&includes[]=user_stories"):
        for row in body(app, f"/products/18559/exploratory_tests?{query}")["exploratory_tests"]:
            assert "analytics" not in row
            assert not any(METRIC_KEYS & set(feature) for feature in row["features"])


def test_list_expands_stories_on_request(app: Starlette) -> None:
    """7.1: `includes[]=user_stories` gives objects, without metrics and (12) without the version."""
    path = "/products/18559/exploratory_tests?page=2"
    short = body(app, path)["exploratory_tests"]
    long = body(app, f"{path}&includes[]=user_stories")["exploratory_tests"]
    told = 0
    for plain, full in zip(short, long, strict=True):
        for one, other in zip(plain["features"], full["features"], strict=True):
            stories = other.get("user_stories") or []
            assert (one.get("user_stories") or []) == [story["path"] for story in stories]
            assert all(set(story) == {"id", "path", "title", "feature_id"} for story in stories)
            told += len(stories)
    assert told > 50


def test_detail_is_the_list_row_with_metrics(app: Starlette) -> None:
    """7.2: same fields plus the metrics."""
    for row in body(app, "/products/18559/exploratory_tests?page=2")["exploratory_tests"]:
        detail = body(app, f"/exploratory_tests/{row['id']}")["exploratory_test"]
        assert set(detail) - set(row) == {"analytics"}
        for one, other in zip(row["features"], detail["features"], strict=True):
            assert {key: other[key] for key in one} == one
            assert set(other) - set(one) - {"user_stories"} == METRIC_KEYS


def test_detail_stories_carry_version_and_metrics(app: Starlette) -> None:
    """7.6: with `includes[]` each story has its version, status, testers and bugs."""
    detail = body(app, "/exploratory_tests/144469?includes[]=user_stories")["exploratory_test"]
    plain = body(app, "/exploratory_tests/144469")["exploratory_test"]
    keys = {"id", "path", "title", "feature_id", "user_story_version_id", "tested_by_count"} | METRIC_KEYS
    stories = [story for row in detail["features"] for story in row["user_stories"]]
    assert all(set(story) == keys - {"tester_count"} for story in stories)
    assert [s["path"] for s in stories] == [path for row in plain["features"] for path in row["user_stories"]]
    assert plain["analytics"] == detail["analytics"]


def test_tests_have_no_creation_times_and_no_template(app: Starlette) -> None:
    """7.3: `created_at`, `updated_at`, `duration`, `starts_at` and a template link are absent."""
    for row in body(app, "/products/18559/exploratory_tests?page=1&per_page=240")["exploratory_tests"]:
        absent = {"created_at", "updated_at", "duration", "starts_at", "test_template_id", "user_stories", "test_type"}
        assert not absent & set(row)


def test_scripted_runs_have_their_own_addresses(app: Starlette) -> None:
    """10.3: null testing type in the list, definition and a bare array of results, credentials in the environment."""
    rows = body(app, "/products/70340/exploratory_tests?page=1&per_page=100")["exploratory_tests"]
    runs = [row for row in rows if row["testing_type"] is None]
    assert len(runs) == 2
    for row in runs:
        definition = body(app, f"/products/70340/test_case_tests/{row['id']}")["test_case_test"]
        results = body(app, f"/products/70340/test_case_tests/{row['id']}/results")
        assert isinstance(results, list)
        assert ids(definition["test_cases"]) == [result["test_case_id"] for result in results]
        assert PLANTED_SECRETS["password"] in json.dumps(definition)
        assert ask(app, f"/products/18559/test_case_tests/{row['id']}").status_code == 404


# --- metrics ---------------------------------------------------------------------------------------------------


def run(status: str, version: int = 55120, by: str = "tester_north", device: int = 1) -> Execution:
    """Return an execution of the one story of the documented example."""
    payload = {"status": status, "executed_by": by, "device_reports": [{"id": device}]}
    return Execution(payload, story_id=9201, version_id=version)


def documented_cycle() -> Cycle:
    """Return the test of section 7.10: one story failed with a bug, one feature without stories."""
    story = {"id": 9201, "path": "p", "title": "p", "feature_id": 81001, "user_story_version_id": 55120}
    features = [{"id": 330701, "user_stories": [story]}, {"id": 330702, "user_stories": []}]
    bug = Bug(
        {"id": 2900417, "author": {"name": "tester_west"}, "devices": [{"id": 3}]},
        test_feature_id=330701,
        story_ids=[9201],
    )
    runs = [run("failed"), run("failed", by="tester_south", device=2), run("pending", by="tester_east", device=9)]
    return Cycle({"id": 640031, "features": features}, [bug], runs)


def test_metrics_of_the_documented_example() -> None:
    """7.10: the numbers of the example follow from its facts."""
    measured = with_metrics(documented_cycle())
    seats, timetable = measured["features"]
    assert (seats["execution_status"], seats["tester_count"], seats["bugs_found"]) == ("failed", 3, 1)
    assert seats["bug_ids"] == seats["user_stories"][0]["bug_ids"] == [2900417]
    assert (seats["user_stories"][0]["execution_status"], seats["user_stories"][0]["tested_by_count"]) == ("failed", 2)
    assert (timetable["execution_status"], timetable["tester_count"], timetable["bug_ids"]) == ("not_tested", 0, [])
    assert measured["analytics"] == {
        "testers_count": 3,
        "devices_count": 3,
        "total_features": 2,
        "tested_features": 1,
        "passed_features": 0,
        "failed_features": 1,
        "total_user_stories": 1,
        "tested_user_stories": 1,
        "passed_user_stories": 0,
        "failed_user_stories": 1,
        "blocked_user_stories": 0,
        "total_bugs": 1,
    }


@pytest.mark.parametrize(
    ("statuses", "has_bug", "expected"),
    [
        ([], False, "not_tested"),
        ([], True, "failed"),
        (["not_tested"], False, "not_tested"),
        (["passed"], False, "passed"),
        (["passed", "not_tested"], False, "passed"),
        (["passed", "passed"], True, "failed"),
        (["passed", "blocked"], False, "blocked"),
        (["blocked"], True, "failed"),
        (["passed", "blocked", "failed"], False, "failed"),
    ],
)
def test_statuses_follow_the_documented_order(statuses: list[str], has_bug: bool, expected: str) -> None:
    """7.8: failed or bug, then blocked, then passed, then not tested, for stories and features alike."""
    assert status_of(statuses, has_bug) == expected


def test_pending_and_cancelled_executions_do_not_count() -> None:
    """7.8: a simulator may treat them as non-existent."""
    cycle = documented_cycle()
    cycle.bugs, cycle.executions = [], [run("pending"), run("cancelled")]
    measured = with_metrics(cycle)
    assert measured["features"][0]["user_stories"][0]["execution_status"] == "not_tested"
    assert measured["analytics"]["testers_count"] == 0


def test_metrics_agree_with_bugs_and_executions_over_http(app: Starlette) -> None:
    """7.5 to 7.8: what the detail says equals what the bug and execution lists say, test by test."""
    rows = body(app, "/products/18559/exploratory_tests?page=6&per_page=8")["exploratory_tests"]
    seen = 0
    for row in rows:
        detail = body(app, f"/exploratory_tests/{row['id']}?includes[]=user_stories")["exploratory_test"]
        bugs = body(app, f"/bugs?filter_test_cycle_ids={row['id']}")["bugs"]
        assert detail["analytics"]["total_bugs"] == len(bugs)
        assert {number for f in detail["features"] for number in f["bug_ids"]} <= set(ids(bugs))
        for story in [story for feature in detail["features"] for story in feature["user_stories"] or []]:
            path = f"/user_story_version_executions?user_story_version_ids[]={story['user_story_version_id']}"
            runs = body(app, path)["user_story_version_executions"]
            done = [run for run in runs if run["status"] in {"passed", "failed", "blocked"}]
            assert story["tested_by_count"] == len({run["executed_by"] for run in done})
            assert story["execution_status"] == (
                "failed"
                if story["bug_ids"] or any(run["status"] == "failed" for run in done)
                else "blocked"
                if any(run["status"] == "blocked" for run in done)
                else "passed"
                if done
                else "not_tested"
            )
            seen += 1
    assert seen > 50


def test_some_bugs_are_attributable_only_through_the_detail(app: Starlette) -> None:
    """8.5, third way: `bug_ids` of the detail names bugs whose own `test_feature` is null; others stay unlinked."""
    bugs = body(app, "/bugs?filter_product_ids=18559")["bugs"]
    loose = [bug for bug in bugs if bug["test_feature"] is None and bug["test"]]
    named = []
    for bug in loose:
        detail = body(app, f"/exploratory_tests/{bug['test']['id']}")["exploratory_test"]
        named.append(any(bug["id"] in feature["bug_ids"] for feature in detail["features"]))
    assert any(named)
    assert not all(named)


# --- bugs ------------------------------------------------------------------------------------------------------


def test_bug_filters_take_comma_separated_ids(app: Starlette) -> None:
    """8.1: one call for many tests; brackets are not known here and filter nothing."""
    rows = body(app, "/products/21362/exploratory_tests?page=1")["exploratory_tests"]
    some = [row["id"] for row in rows if row["status"] == "archived"][:3]
    alone = [set(ids(body(app, f"/bugs?filter_test_cycle_ids={number}")["bugs"])) for number in some]
    together = body(app, f"/bugs?filter_test_cycle_ids={','.join(map(str, some))}")
    assert set(ids(together["bugs"])) == set().union(*alone)
    assert together["meta"]["record_count"] == len(together["bugs"]) == sum(map(len, alone)) > 0
    unfiltered = body(app, "/bugs")["meta"]["record_count"]
    assert body(app, f"/bugs?filter_test_cycle_ids[]={some[0]}")["meta"]["record_count"] == unfiltered


def test_bugs_without_filter_are_all_of_the_account(app: Starlette) -> None:
    """8.1: documented as allowed; the parts by product add up to it."""
    everything = body(app, "/bugs")["bugs"]
    parts = [body(app, f"/bugs?filter_product_ids={row['id']}")["bugs"] for row in body(app, "/products")["products"]]
    assert sorted(ids(everything)) == sorted(number for part in parts for number in ids(part))


def test_unknown_test_ids_give_an_empty_list(app: Starlette) -> None:
    """8.1: believed to give an empty list rather than a 404."""
    assert body(app, "/bugs?filter_test_cycle_ids=1,2")["bugs"] == []


def test_bug_filters_combine(app: Starlette) -> None:
    """8.1: combinable; section and product, product and export status."""
    section = set(ids(body(app, "/bugs?filter_section_ids=25618")["bugs"]))
    product = set(ids(body(app, "/bugs?filter_product_ids=18559")["bugs"]))
    assert section
    assert section < product
    assert body(app, "/bugs?filter_section_ids=25618&filter_product_ids=21362")["bugs"] == []


def test_export_statuses_split_the_bugs(app: Starlette) -> None:
    """8.1: exported, not exported and requested are exclusive and together all."""
    names = ("exported", "not_exported", "export_requested")
    parts = {name: ids(body(app, f"/bugs?export_status={name}")["bugs"]) for name in names}
    assert all(parts.values())
    assert sorted(number for part in parts.values() for number in part) == sorted(ids(body(app, "/bugs")["bugs"]))


def test_single_bug_equals_its_list_row(app: Starlette) -> None:
    """8.1: `GET /bugs/{id}` is wrapped in `bug`."""
    row = body(app, "/bugs?filter_product_ids=21362")["bugs"][7]
    assert body(app, f"/bugs/{row['id']}") == {"bug": row}


def test_bugs_have_no_review_times_and_no_reason(app: Starlette) -> None:
    """8.2: `created_at`, `accepted_at`, `rejected_at`, `updated_at`, `rejection_reason` are not in the payload."""
    absent = {"created_at", "accepted_at", "rejected_at", "updated_at", "rejection_reason", "acceptance_state"}
    assert not any(absent & set(bug) for bug in body(app, "/bugs")["bugs"])


def test_reject_reasons_have_key_name_and_sentence(app: Starlette) -> None:
    """8.6: the seven known keys."""
    rows = body(app, "/bugs/reject_reasons")["reject_reasons"]
    assert {row["key"] for row in rows} == {
        "device_not_relevant",
        "ignored_instructions",
        "intended_behavior",
        "irrelevant",
        "known_bug",
        "not_reproducible",
        "request_timeout",
    }
    assert all(set(row) == {"key", "name", "default_comment"} for row in rows)


# --- executions ------------------------------------------------------------------------------------------------


def test_executions_are_always_paged_with_a_total(app: Starlette) -> None:
    """9: 25 per page without being asked, `meta.record_count` before paging, every row once."""
    first = body(app, "/user_story_version_executions")
    total = first["meta"]["record_count"]
    assert len(first["user_story_version_executions"]) == 25 < total
    found: list[int] = []
    for page in range(1, total // 1000 + 2):
        path = f"/user_story_version_executions?page={page}&per_page=1000"
        found += ids(body(app, path)["user_story_version_executions"])
    assert len(found) == len(set(found)) == total
    assert body(app, "/user_story_version_executions?page=99999")["user_story_version_executions"] == []


def test_executions_are_oldest_first_unless_asked(app: Starlette) -> None:
    """9: `order` is by creation time, `asc` by default, `desc` the reverse."""
    path = "/user_story_version_executions?per_page=100000"
    rising = body(app, path)["user_story_version_executions"]
    times = [row["executed_at"] for row in rising]
    assert times == sorted(times)
    assert ids(body(app, f"{path}&order=asc")["user_story_version_executions"]) == ids(rising)
    assert ids(body(app, f"{path}&order=desc")["user_story_version_executions"]) == ids(rising)[::-1]


def test_execution_rows_do_not_say_what_they_are_of(app: Starlette) -> None:
    """9: neither story nor version nor feature, and no credentials in the environment."""
    for row in body(app, "/user_story_version_executions?per_page=300")["user_story_version_executions"]:
        keys = {"id", "status", "comment", "executed_by", "executed_at", "device_reports", "test_cycle"}
        assert set(row) == keys
        assert set(row["test_cycle"]["test_environment"] or {"id": 0, "title": ""}) == {"id", "title"}


def test_executions_are_filtered_by_repeated_brackets(app: Starlette) -> None:
    """9: story ids and version ids, each repeatable; both together narrow."""
    path = "/user_story_version_executions?per_page=1000"
    detail = body(app, f"/exploratory_tests/{DEMO_POISONED_TEST}?includes[]=user_stories")["exploratory_test"]
    stories = [story for row in detail["features"] for story in row["user_stories"]][:2]
    one, two = (
        ids(body(app, f"{path}&user_story_version_ids[]={s['user_story_version_id']}")["user_story_version_executions"])
        for s in stories
    )
    query = "".join(f"&user_story_version_ids[]={story['user_story_version_id']}" for story in stories)
    both = body(app, path + query)
    assert sorted(ids(both["user_story_version_executions"])) == sorted(one + two)
    assert both["meta"]["record_count"] == len(one) + len(two) > 0
    of_story = body(app, f"{path}&user_story_ids[]={stories[0]['id']}")["user_story_version_executions"]
    assert set(one) <= set(ids(of_story))
    crossed = (
        f"{path}&user_story_ids[]={stories[0]['id']}&user_story_version_ids[]={stories[1]['user_story_version_id']}"
    )
    assert body(app, crossed)["meta"]["record_count"] == 0


# --- ancillary -------------------------------------------------------------------------------------------------


def test_environments_come_with_their_secrets(app: Starlette) -> None:
    """10.1: list and single; a scrubber has something to catch."""
    rows = body(app, "/products/18559/test_environments")["test_environments"]
    text = json.dumps(rows)
    assert all(PLANTED_SECRETS[name] in text for name in ("username", "password", "access", "url_token", "information"))
    assert body(app, f"/products/18559/test_environments/{rows[0]['id']}") == {"test_environment": rows[0]}


def test_templates_need_a_product_and_come_per_section(app: Starlette) -> None:
    """10.2: `product_id` is required; kind as text or as an object with credentials inside."""
    assert ask(app, "/test_templates").status_code == 400
    parts = [
        body(app, f"/test_templates?product_id=18559&section_id={sid}")["test_templates"] for sid in (19013, 25618)
    ]
    assert [len(part) for part in parts] == [19, 4]
    forms = {type(row["test_scenario_template"]) for part in parts for row in part}
    assert forms == {str, dict}
    assert PLANTED_SECRETS["password"] in json.dumps(parts)


# --- the account behind it --------------------------------------------------------------------------------------


def test_changes_of_the_account_show_in_the_next_answer(app: Starlette) -> None:
    """Between two syncs a test renames a feature, drops one, adds a test: the server serves what is there now."""
    account = part_of(app, 21362)
    app = create_app(account)
    first, second = ids(body(app, "/products/21362/features")["features"])[:2]
    account.rename_feature(first, "Renamed")
    account.drop_feature(second)
    account.add_test(21362, {"id": 5, "title": "New", "end_at": "2026-06-29T00:00:00Z", "features": []})
    rows = body(app, "/products/21362/features")["features"]
    assert rows[0]["title"] == "Renamed"
    assert second not in ids(rows)
    assert 5 in ids(body(app, "/products/21362/exploratory_tests?page=1")["exploratory_tests"])
    assert body(app, "/exploratory_tests/5")["exploratory_test"]["analytics"]["total_bugs"] == 0


def test_the_account_can_be_exchanged() -> None:
    """A test may put a changed copy in its place."""
    app = create_app(EMPTY)
    app.state.account = Account(datetime(2026, 1, 1, tzinfo=UTC), [])
    assert body(app, "/products") == {"products": []}


def test_answers_do_not_change_the_account(app: Starlette) -> None:
    """Serving is reading: after all of these answers the account is still the demo account."""
    for path in ("/products/18559/features", "/products/18559/exploratory_tests", "/exploratory_tests/144469"):
        body(app, path)
    assert app.state.account == demo_account()


def test_the_log_counts_what_was_asked() -> None:
    """Tests read totals, paths, queries and statuses; requests without the token count apart."""
    app = create_app(EMPTY)
    body(app, "/products")
    body(app, "/products/70588/exploratory_tests?page=1")
    ask(app, "/nowhere")
    ask(app, "/products", token=None)
    log = app.state.log
    assert (log.total, log.refused, log.max_in_flight, log.in_flight) == (3, 1, 1, 0)
    assert log.paths == {"/products": 1, "/products/70588/exploratory_tests": 1, "/nowhere": 1}
    assert log.queries == ["/products", "/products/70588/exploratory_tests?page=1", "/nowhere"]
    assert log.statuses == {200: 2, 404: 1, 401: 1}
    log.clear()
    assert (log.total, log.paths, log.queries, log.statuses) == (0, {}, [], {})


# The order of tests may not depend on how a time is written.
OFFSETS = st.sampled_from(["Z", "+02:00", "+01:00", "-05:00"])


@given(st.lists(st.tuples(st.integers(0, 5000), OFFSETS), min_size=1, max_size=12))
def test_order_is_by_instant_whatever_the_offset(ends: list[tuple[int, str]]) -> None:
    """1: string comparison of timestamps with varying offsets is wrong."""
    account = EMPTY.copy()
    for number, (minutes, offset) in enumerate(ends, start=1):
        local = clock.parsed(f"2026-01-01T00:00:00{offset}") + timedelta(minutes=minutes)
        text = local.isoformat().replace("+00:00", "Z")
        account.add_test(70588, {"id": number, "end_at": text, "features": []})
    rows = body(create_app(account), "/products/70588/exploratory_tests?page=1")["exploratory_tests"]
    moments = [clock.parsed(row["end_at"]) for row in rows]
    assert moments == sorted(moments, reverse=True)


EMPTY = Account(datetime(2026, 1, 1, tzinfo=UTC), [Product(70588, {"id": 70588}, False, [])])
"""One product without anything, to be read only."""


def test_a_real_port_answers_like_the_app_in_process(app: Starlette) -> None:
    """The published counts over a real socket, and 401 without the token."""
    with running_server(app) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert address.startswith("http://127.0.0.1:")
        assert address.endswith("/customer/v2")
        assert client.get("/products").status_code == 401
        client.headers["Authorization"] = "Token demo"
        assert client.get("/products").json() == body(app, "/products")
        rows = client.get("/products/18559/sections/19013/features").json()["features"]
        assert len(rows) == 288
        assert client.get("/products/18559/features?includes[]=user_stories").json() == body(
            app, "/products/18559/features?includes[]=user_stories"
        )


def test_two_servers_run_side_by_side() -> None:
    """Each takes a free port and keeps its own account and token."""
    empty = Account(datetime(2026, 1, 1, tzinfo=UTC), [])
    one, two = create_app(empty, token="one"), create_app(empty, token="two", faults=Faults(staging=True))
    with running_server(one) as first, running_server(two) as second:
        assert first != second
        assert httpx.get(f"{first}/products", headers={"Authorization": "Token one"}).status_code == 200
        assert httpx.get(f"{second}/products", headers={"Authorization": "Token one"}).status_code == 401
