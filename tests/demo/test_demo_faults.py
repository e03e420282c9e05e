"""The faults of the demo API: each misbehaves as described, at the counted requests, and nowhere else."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from testio_analytics.demo.account.build import DEMO_POISONED_TEST, demo_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server import middleware
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import FAULT_HELP, Faults, parse_faults
from testio_analytics.demo.server.server import running_server
from testio_analytics.errors import UnknownValueError
from waiting import PATIENCE

BASE = "http://testserver/customer/v2"
HEADERS = {"Authorization": "Token demo"}
ACCOUNT = demo_account()
"""Read only, for all tests of this file."""


def api(**faults: Any) -> Starlette:
    """Return the demo API with these faults."""
    return create_app(ACCOUNT, faults=Faults(**faults))


def ask(app: Starlette, *paths: str) -> list[httpx.Response]:
    """Return the answers to these paths, asked one after the other in this process."""

    async def one_by_one() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers=HEADERS) as client:
            return [await client.get(BASE + path) for path in paths]

    return asyncio.run(one_by_one())


def statuses(app: Starlette, *paths: str) -> list[int]:
    """Return the statuses of the answers."""
    return [answer.status_code for answer in ask(app, *paths)]


def at_once(app: Starlette, number: int) -> list[int]:
    """Return the statuses of that many requests sent together."""

    async def together() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers=HEADERS) as client:
            return await asyncio.gather(*(client.get(f"{BASE}/products") for _ in range(number)))

    return sorted(answer.status_code for answer in asyncio.run(together()))


def every_path() -> list[str]:
    """Return one path of each kind."""
    return [
        "/products",
        "/products/18559",
        "/products/18559/sections/25618/features",
        "/products/18559/user_stories?section_id=25618",
        "/products/18559/exploratory_tests?page=1",
        "/exploratory_tests/144469",
        "/bugs?filter_test_cycle_ids=144469",
        "/user_story_version_executions",
    ]


def test_nothing_goes_wrong_by_default() -> None:
    """Without faults every read endpoint answers 200, as often as it is asked."""
    assert statuses(create_app(ACCOUNT), *every_path() * 3) == [200] * 24


# --- switches of documented behaviour ---------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "status"), [("legacy", 422), ("legacy-500", 500), ("current", 200)])
def test_features_of_a_sectioned_product_follow_the_mode(mode: Any, status: int) -> None:
    """5.4: 422 in November 2025 ("422 or 500" in some texts), all features since; the others always work."""
    app = api(product_features=mode)
    assert statuses(app, "/products/18559/features", "/products/70415/features") == [status, status]
    others = ["/products/21362/features", "/products/18559/sections/19013/features", "/products/70502/features"]
    assert statuses(app, *others) == [200, 200, 200]


def test_the_default_variant_of_the_small_product_is_plain_in_legacy_mode() -> None:
    """16: with 25543 only in `sections_with_default` the product endpoint answers, with it in `sections` it refuses."""
    for variant, status in (("real", 422), ("default", 200)):
        app = create_app(demo_account(variant), faults=Faults(product_features="legacy"))  # type: ignore[arg-type]
        assert statuses(app, "/products/24959/features") == [status]


@pytest.mark.parametrize("mode", ["legacy", "legacy-500"])
def test_the_old_api_knew_no_includes(mode: Any) -> None:
    """6.3: until February 2026 stories were plain strings, in features and in tests."""
    app = api(product_features=mode)
    features, listed, detail = ask(
        app,
        "/products/18559/sections/19013/features?includes[]=user_stories",
        "/products/18559/exploratory_tests?page=2&includes[]=user_stories",
        "/exploratory_tests/144469?includes[]=user_stories",
    )
    rows = features.json()["features"]
    rows += [row for test in listed.json()["exploratory_tests"] for row in test["features"]]
    rows += detail.json()["exploratory_test"]["features"]
    stories = [story for row in rows for story in row.get("user_stories") or []]
    assert len(stories) > 1709
    assert all(isinstance(story, str) for story in stories)


def test_staging_ignores_pages_and_lacks_auto_accepted() -> None:
    """1: on the staging host `page` and `per_page` are ignored (so the 150-row mode answers), bugs lack a field."""
    first, far, bugs, bug = ask(
        api(staging=True),
        "/products/18559/exploratory_tests?page=1&per_page=25",
        "/products/18559/exploratory_tests?page=9",
        "/bugs?filter_product_ids=18559",
        "/bugs/2900001",
    )
    assert len(first.json()["exploratory_tests"]) == 150
    assert first.json() == far.json()
    assert len(bugs.json()["bugs"]) > 1000
    assert not any("auto_accepted" in row for row in [*bugs.json()["bugs"], bug.json()["bug"]])


@pytest.mark.parametrize("status", [400, 500])
def test_story_list_without_section_answers_as_chosen(status: Any) -> None:
    """6.1: 500 observed, 400 accepted by a contract test; with a section, or for a plain product, it is a 200."""
    app = api(stories_without_section=status)
    paths = [
        "/products/18559/user_stories",
        "/products/18559/user_stories?section_id=25618",
        "/products/21362/user_stories",
    ]
    assert statuses(app, *paths) == [status, 200, 200]


# --- poison ----------------------------------------------------------------------------------------------------


def test_a_poisoned_test_breaks_every_answer_with_it_and_no_other() -> None:
    """11.3: any page containing it, and the 150-row mode, answers 500; at size 1 exactly one page does."""
    app = api(poisoned_tests=frozenset({144469}))
    [whole] = ask(create_app(ACCOUNT), "/products/18559/exploratory_tests?page=1&per_page=240")
    place = [row["id"] for row in whole.json()["exploratory_tests"]].index(144469)
    for size in (25, 10, 5, 2, 1):
        path = "/products/18559/exploratory_tests?page={}&per_page={}"
        number = place // size + 1
        paths = [path.format(page, size) for page in (number - 1, number, number + 1)]
        assert statuses(app, *paths) == [200, 500, 200]
    assert statuses(app, "/products/18559/exploratory_tests", "/products/21362/exploratory_tests") == [500, 200]


@pytest.mark.parametrize(("detail_fails", "status"), [(False, 200), (True, 500)])
def test_detail_of_a_poisoned_test_is_a_switch(detail_fails: bool, status: int) -> None:
    """11.3: whether the detail call of that id works is unrecorded."""
    app = api(poisoned_tests=frozenset({DEMO_POISONED_TEST}), poisoned_detail=detail_fails)
    assert statuses(app, f"/exploratory_tests/{DEMO_POISONED_TEST}", "/exploratory_tests/144469") == [status, 200]


def test_a_failing_section_fails_for_ever_and_alone() -> None:
    """Its features and stories are a 500 however often they are asked; the other section is well."""
    app = api(failing_sections=frozenset({25618}))
    broken = ["/products/18559/sections/25618/features", "/products/18559/user_stories?section_id=25618"]
    assert statuses(app, *broken * 4) == [500] * 8
    assert statuses(app, "/products/18559/sections/19013/features") == [200]


# --- counted faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"rate_limit_every": 3}, [200, 200, 429, 200, 200, 429, 200]),
        ({"rate_limit_first": 2}, [429, 429, 200, 200, 200, 200, 200]),
        ({"error_every": 2}, [200, 503, 200, 503, 200, 503, 200]),
        ({"error_first": 3, "error_status": 502}, [502, 502, 502, 200, 200, 200, 200]),
        ({"error_every": 1, "error_status": 504}, [504] * 7),
        ({"rate_limit_first": 1, "error_every": 3}, [429, 200, 503, 200, 200, 503, 200]),
    ],
)
def test_counted_statuses_come_at_their_turn(faults: dict[str, Any], expected: list[int]) -> None:
    """11.1: 429 and 5xx at the first n or at every n-th request, with a JSON error."""
    answers = ask(api(**faults), *["/products"] * 7)
    assert [answer.status_code for answer in answers] == expected
    assert all("error" in answer.json() for answer in answers if answer.status_code != 200)


def test_requests_without_the_token_do_not_count() -> None:
    """A wrong token is a 401 whatever else is wrong, and does not shift the turns."""
    app = api(error_every=2)

    async def mixed() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
            tokens = ["demo", "wrong", "wrong", "demo", "demo"]
            answers = [
                await client.get(f"{BASE}/products", headers={"Authorization": f"Token {token}"}) for token in tokens
            ]
            return [answer.status_code for answer in answers]

    assert asyncio.run(mixed()) == [200, 401, 401, 503, 200]


def test_retry_after_comes_in_three_forms() -> None:
    """11.1: seconds, an HTTP date at least that far ahead, or nothing."""
    [seconds] = ask(api(rate_limit_first=1, retry_after=7), "/products")
    assert seconds.headers["retry-after"] == "7"
    before = datetime.now(UTC)
    [date] = ask(api(rate_limit_first=1, retry_after=7, retry_after_form="date"), "/products")
    wait = (parsedate_to_datetime(date.headers["retry-after"]) - before).total_seconds()
    assert 7 <= wait <= 10
    [nothing] = ask(api(rate_limit_first=1, retry_after_form="none"), "/products")
    assert (nothing.status_code, "retry-after" in nothing.headers) == (429, False)


def test_html_comes_with_status_200() -> None:
    """A proxy's page instead of JSON, every n-th time."""
    answers = ask(api(html_every=2), *["/products"] * 4)
    kinds = [(answer.status_code, answer.headers["content-type"].split(";")[0]) for answer in answers]
    assert kinds == [(200, "application/json"), (200, "text/html")] * 2
    assert answers[1].text.startswith("<!DOCTYPE html>")


def test_truncated_json_is_a_complete_answer_with_half_a_body() -> None:
    """Status 200 and the right length, but the JSON ends in the middle."""
    [whole] = ask(create_app(ACCOUNT), "/products")
    answers = ask(api(truncated_every=2), *["/products"] * 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert answers[0].content == answers[2].content == whole.content
    assert answers[1].content == answers[3].content == whole.content[: len(whole.content) // 2]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answers[1].json()


def test_dropped_connection_fails_the_transport_in_process() -> None:
    """What a client sees in this process is the error that it would see over a socket; the next request is fine."""
    app = api(dropped_every=2)
    assert statuses(app, "/products") == [200]
    with pytest.raises(httpx.RemoteProtocolError):
        ask(app, "/products")
    assert statuses(app, "/products") == [200]
    assert app.state.log.in_flight == 0


def test_dropped_connection_closes_a_real_socket_midway(capfd: pytest.CaptureFixture[str]) -> None:
    """Over a port the same: the promised length never comes, the server stays up and prints nothing."""
    with running_server(api(dropped_every=2)) as address, httpx.Client(headers=HEADERS) as client:
        assert client.get(f"{address}/products").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
            client.get(f"{address}/products")
        assert client.get(f"{address}/products").status_code == 200
    assert capfd.readouterr() == ("", "")


def test_long_bug_filter_is_a_524_with_html() -> None:
    """8.1 and 11.1: a gateway timeout when a bug filter has more than n ids; n of them are fine."""
    app = api(bug_ids_limit=15)
    paths = [f"/bugs?filter_test_cycle_ids={','.join(map(str, range(1, n + 1)))}" for n in (1, 15, 16, 200)]
    answers = ask(app, *paths, "/bugs?filter_product_ids=21362")
    assert [answer.status_code for answer in answers] == [200, 200, 524, 524, 200]
    assert answers[2].headers["content-type"].startswith("text/html")


def test_slow_answers_take_their_time_and_wait_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer waits that long; five at once are all under way together."""
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(middleware, "asyncio", SimpleNamespace(sleep=noted))
    app = api(slow=30)
    assert at_once(app, 5) == [200] * 5
    assert waits == [30] * 5
    assert app.state.log.max_in_flight == 5


@pytest.mark.parametrize("slow", [0.0, 0.02])
def test_requests_above_the_cap_are_refused(slow: float) -> None:
    """More than the cap at once: exactly the surplus is a 500; one after the other all are fine."""
    app = api(concurrent_limit=3, slow=slow)
    assert at_once(app, 8) == [200] * 3 + [500] * 5
    assert at_once(app, 3) == [200] * 3
    assert statuses(app, *["/products"] * 5) == [200] * 5
    assert app.state.log.max_in_flight == 8


def test_redirect_points_at_the_other_host() -> None:
    """Every request is sent away; the token must not follow."""
    [answer] = ask(api(redirect_to="https://elsewhere.invalid"), "/products")
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://elsewhere.invalid/customer/v2/products"


def test_faults_can_be_exchanged_between_requests() -> None:
    """A test lets the server recover; the counters start again when the log is cleared."""
    app = api(error_every=1)
    assert statuses(app, "/products") == [503]
    app.state.faults = Faults(error_every=2)
    app.state.log.clear()
    assert statuses(app, "/products", "/products") == [200, 503]


def test_the_same_requests_meet_the_same_faults() -> None:
    """Counters, no chance: two servers asked alike fail alike."""
    faults = {"error_every": 5, "rate_limit_every": 7, "html_every": 3, "truncated_every": 4}
    runs = [ask(api(**faults), *every_path() * 4) for _ in range(2)]
    first, second = ([(answer.status_code, answer.content) for answer in run] for run in runs)
    assert first == second
    assert len({status for status, _ in first}) == 3


# --- the command line's way to say it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], Faults()),
        (["legacy"], Faults(product_features="legacy")),
        (["legacy-500"], Faults(product_features="legacy-500")),
        (["staging"], Faults(staging=True)),
        (["stories-400"], Faults(stories_without_section=400)),
        (["poisoned-test=5,6", "poisoned-test=7"], Faults(poisoned_tests=frozenset({5, 6, 7}))),
        (["poisoned-detail"], Faults(poisoned_detail=True)),
        (["failing-section=25618"], Faults(failing_sections=frozenset({25618}))),
        (["429-every=10", "retry-after=2"], Faults(rate_limit_every=10, retry_after=2)),
        (["429-first=3", "retry-after-date"], Faults(rate_limit_first=3, retry_after_form="date")),
        (["429-first=1", "no-retry-after"], Faults(rate_limit_first=1, retry_after_form="none")),
        (["error-every=7", "error-status=502"], Faults(error_every=7, error_status=502)),
        (["error-first=2"], Faults(error_first=2)),
        (["bug-ids-limit=15"], Faults(bug_ids_limit=15)),
        (["html-every=9"], Faults(html_every=9)),
        (["truncated-every=9"], Faults(truncated_every=9)),
        (["dropped-every=9"], Faults(dropped_every=9)),
        (["slow=0.2"], Faults(slow=0.2)),
        (["concurrent-limit=3"], Faults(concurrent_limit=3)),
        (["redirect=https://elsewhere.invalid/"], Faults(redirect_to="https://elsewhere.invalid")),
    ],
    ids=str,
)
def test_texts_become_faults(texts: list[str], expected: Faults) -> None:
    """Each `NAME[=VALUE]` sets its own switch and nothing else."""
    assert parse_faults(texts) == expected


def test_one_address_is_refused_and_one_product_hidden() -> None:
    """Each fault meets what it names, and nothing else."""
    products = [product.id for product in ACCOUNT.products]
    app = api(refusals={f"/products/{products[0]}/features": 403}, hidden_products=frozenset(products[1:2]))
    paths = [f"/products/{products[0]}/features", f"/products/{products[0]}", f"/products/{products[1]}", "/products"]

    assert statuses(app, *paths) == [403, 200, 200, 200]
    assert [row["id"] for row in ask(app, "/products")[0].json()["products"]] == [products[0], *products[2:]]


def test_every_fault_can_be_said_on_the_command_line() -> None:
    """No attribute of `Faults` is out of reach: the examples of the help together change every one."""
    examples = [line.split()[0] for line in FAULT_HELP.splitlines()]
    changed = {
        spec.name
        for example in examples
        for spec in fields(Faults)
        if getattr(parse_faults([example]), spec.name) != getattr(Faults(), spec.name)
    }
    unchanged_by_example = {spec.name for spec in fields(Faults)} - changed
    assert unchanged_by_example == set()


@pytest.mark.parametrize("text", ["poison", "", "=3", "429", "Legacy", "slow =0.2x="])
def test_unknown_names_are_refused_with_the_list(text: str) -> None:
    """A misspelt fault must not leave a server that is silently well."""
    if text.startswith("slow"):
        with pytest.raises(UnknownValueError, match="seconds, such as"):
            parse_faults([text])
        return
    with pytest.raises(UnknownValueError) as caught:
        parse_faults([text])
    assert "poisoned-test" in str(caught.value)
    assert "429-every" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "legacy=1",
        "poisoned-test",
        "poisoned-test=",
        "poisoned-test=a",
        "429-every",
        "429-every=0",
        "429-every=-1",
        "429-every=2.5",
        "error-status=404",
        "error-status=x",
        "slow=fast",
        "slow=-1",
        "slow=1.2.3",
        "slow=nan",
        "redirect=elsewhere",
        "redirect=ftp://elsewhere.invalid",
    ],
)
def test_values_that_do_not_fit_are_refused(text: str) -> None:
    """A missing, superfluous or senseless value raises and says what would do."""
    with pytest.raises(UnknownValueError, match="must be one of"):
        parse_faults([text])


@given(st.integers(1, 10_000))
def test_numbers_are_taken_as_they_are(number: int) -> None:
    """Any whole number from 1 up is a turn."""
    assert parse_faults([f"error-every={number}"]) == replace(Faults(), error_every=number)


# --- the server in a process of its own ---------------------------------------------------------------------------

SERVE = """
from testio_analytics.demo.server.faults import parse_faults
from testio_analytics.demo.server.server import serve
serve(port=0, token="secret", faults=parse_faults(["429-first=1"]), on_ready=lambda address: print(address, flush=True))
"""


def test_serve_tells_its_address_serves_and_ends_on_interrupt() -> None:
    """Port 0 takes a free one, the callback tells it, the token and faults hold, Ctrl-C is a clean and silent end."""
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        headers = {"Authorization": "Token secret"}
        answers = [httpx.get(f"{address}/products", headers=headers).status_code for _ in range(2)]
        assert answers == [429, 200]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_is_an_error_not_an_exit() -> None:
    """The command must be able to say it in its own words."""
    from testio_analytics.demo.server.server import serve

    ready: Callable[[str], None] = pytest.fail
    with running_server(create_app(Account(datetime(2026, 1, 1, tzinfo=UTC), []))) as address:
        port = httpx.URL(address).port
        assert port is not None
        with pytest.raises(OSError, match="in use"):
            serve(port=port, token="demo", faults=Faults(), on_ready=ready)


def test_the_account_of_a_month_earlier_is_a_switch() -> None:
    """Among the faults, so that a sync of it, one of today's account, and `changes` can be tried by hand."""
    assert parse_faults(["earlier"]) == Faults(is_earlier=True)
