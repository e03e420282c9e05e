"""The client against servers that misbehave: retries, pacing, paging around broken rows, redirects, and no token anywhere."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asking import BASE, NOW, TOKEN, Handler, ask, failing
from hostile import deep
from testio_analytics import errors
from testio_analytics.api import client as client_module
from testio_analytics.api.client import ATTEMPTS, Client, Waits
from testio_analytics.api.refusals import (
    LONGEST_WAIT_SECONDS,
    PASSING_ERRORS,
    retry_after_seconds,
    retry_delay,
    status_error,
)
from testio_analytics.concurrency import gather
from testio_analytics.config import ApiSettings


def _in_turn(*answers: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """Return a server that gives these answers one after the other, and the list of what it was asked."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)

    return handler, asked


def _products(client: Client) -> Coroutine[Any, Any, list[Any]]:
    return client.products()


def _raw(content: bytes, headers: dict[str, str] | None = None, *, status: int = 200) -> httpx.Response:
    # A stream, so that a wrong content-encoding is met when the answer is read, as it is on a wire.
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(content))


GOOD = _raw(b'{"products": [{"id": 1}]}')

# -- what is sent ----------------------------------------------------------------------------------------------------


def test_every_question_is_a_get_with_the_token() -> None:
    """All questions of the client: GET, `Token` header, brackets and paging spelled as the API wants them."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        lists: dict[str, list[Any]] = {k: [] for k in ("products", "features", "user_stories", "exploratory_tests")}
        return httpx.Response(200, json={**lists, "product": {"id": 1}, "exploratory_test": {"id": 9}})

    async def everything(client: Client) -> None:
        await client.products()
        await client.product(1)
        await client.features(1)
        await client.features(1, 7)
        await client.user_stories(1)
        await client.user_stories(1, 7)
        await client.tests(1)
        await client.test(9)

    ask(handler, everything)
    assert {request.method for request in asked} == {"GET"}
    assert {request.headers["authorization"] for request in asked} == {f"Token {TOKEN}"}
    assert {request.content for request in asked} == {b""}
    assert [str(request.url).removeprefix(BASE).replace("%5B%5D", "[]") for request in asked] == [
        "/products",
        "/products/1",
        "/products/1/features?includes[]=user_stories",
        "/products/1/sections/7/features?includes[]=user_stories",
        "/products/1/user_stories",
        "/products/1/user_stories?section_id=7",
        "/products/1/exploratory_tests?page=1&per_page=25",
        "/products/1/exploratory_tests",
        "/exploratory_tests/9",
    ]


def test_no_other_verb_can_be_produced() -> None:
    """The file names no way to send anything but a GET."""
    text = Path(client_module.__file__).read_text(encoding="utf-8")
    for verb in ("post", "put", "patch", "delete", "request", "send", "stream", "build_request"):
        assert f"._http.{verb}(" not in text
    assert text.count("self._http.get(") == 1


@pytest.mark.parametrize("concurrency", [0, -1, 17])
def test_concurrency_is_bounded(concurrency: int) -> None:
    """More than the pool can serve, or none at all, is refused."""
    with pytest.raises(errors.ConfigError, match=r"between 1 and 16"):
        Client(ApiSettings(BASE, TOKEN), concurrency=concurrency)


@pytest.mark.parametrize("base", ["https://xn--.io/v2", "https://h:port/v2", "https://h\tx/v2", "/v2"])
def test_address_that_the_library_cannot_use_is_a_config_error(base: str) -> None:
    """What settings let through and HTTP cannot use is said by our own error, before anything is sent."""
    with pytest.raises(errors.ConfigError):
        Client(ApiSettings(base, TOKEN))


def test_path_is_told_whatever_the_spelling_of_the_address() -> None:
    """Capitals and the default port do not make the whole address part of a path."""
    handler, asked = _in_turn(httpx.Response(404))
    error = failing(_products, handler, base="https://API.example:443/customer/v2")
    assert error.path == "/products"
    assert str(asked[0].url) == "https://api.example/customer/v2/products"


# -- trying again ----------------------------------------------------------------------------------------------------

PASSING: dict[str, httpx.Response | Exception] = {
    **{str(status): httpx.Response(status) for status in (408, 425, 429, 500, 502, 503, 504, 524, 599)},
    "429 with seconds": httpx.Response(429, headers={"retry-after": "0"}),
    "429 with a date": httpx.Response(429, headers={"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}),
    "429 with nonsense": httpx.Response(429, headers={"retry-after": "soon"}),
    "500 in html": _raw(b"<html>oops", {"content-type": "text/html"}, status=500),
    "read timeout": httpx.ReadTimeout("slow"),
    "connect timeout": httpx.ConnectTimeout("slow"),
    "pool timeout": httpx.PoolTimeout("slow"),
    "no connection": httpx.ConnectError("refused"),
    "dropped": httpx.RemoteProtocolError("Server disconnected without sending a response."),
    "half an answer": httpx.ReadError("reset"),
    "html": _raw(b"<!doctype html><title>Log in</title>", {"content-type": "text/html"}),
    "empty": _raw(b""),
    "truncated": _raw(b'{"products": [{"id": 1}, {"id"'),
    "deeply nested": _raw(b"[" * 100_000),
    "nested objects": _raw(b'{"a":' * 100_000),
    "not unicode": _raw(b'{"products": ["\xff"]}'),
    "huge number": _raw(b'{"products": [' + b"9" * 5000 + b"]}"),
    "not gzip": _raw(b'{"products": []}', {"content-encoding": "gzip"}),
    "not deflate": _raw(b"\x00\x01", {"content-encoding": "deflate"}),
    "brotli": _raw(b"\x1b\x03\x00\xf8", {"content-encoding": "br"}),
    "other envelope": _raw(b'{"product": {}}'),
    "null list": _raw(b'{"products": null}'),
    "object as list": _raw(b'{"products": {"1": {}}}'),
    "bare list": _raw(b"[]"),
    "null": _raw(b"null"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_passing_fault_is_tried_again(fault: str) -> None:
    """Whatever may be gone the next time costs one more request and no data, decoding included."""
    handler, asked = _in_turn(PASSING[fault], GOOD)
    assert ask(handler, _products) == [{"id": 1}]
    assert len(asked) == 2


KINDS = {
    "408": errors.ServerError,
    "425": errors.ServerError,
    "429": errors.RateLimitedError,
    "500": errors.ServerError,
    "524": errors.ServerError,
    "read timeout": errors.ConnectionFailedError,
    "dropped": errors.ConnectionFailedError,
    "not gzip": errors.ConnectionFailedError,
    "html": errors.UnreadableAnswerError,
    "truncated": errors.UnreadableAnswerError,
    "deeply nested": errors.UnreadableAnswerError,
    "other envelope": errors.UnreadableAnswerError,
}


@pytest.mark.parametrize("fault", KINDS)
def test_lasting_fault_ends_after_all_tries_as_its_kind(fault: str) -> None:
    """The number of tries is kept; the message names the path; no error of a library comes out."""
    handler, asked = _in_turn(PASSING[fault])
    error = failing(_products, handler)
    assert type(error) is KINDS[fault]
    assert (error.attempts, len(asked)) == (ATTEMPTS, ATTEMPTS)
    assert "/products" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.RequestRefusedError),
        (401, errors.AuthenticationError),
        (403, errors.NotFoundError),
        (404, errors.NotFoundError),
        (405, errors.RequestRefusedError),
        (410, errors.RequestRefusedError),
        (422, errors.RequestRefusedError),
        (204, errors.RequestRefusedError),
        (304, errors.RequestRefusedError),
    ],
)
def test_refusal_is_not_tried_again(status: int, kind: type[errors.ApiError]) -> None:
    """The same question would get the same answer."""
    handler, asked = _in_turn(httpx.Response(status))
    error = failing(_products, handler)
    assert type(error) is kind
    assert (error.status, error.attempts, len(asked)) == (status, 1, 1)


def test_wrong_token_says_where_it_comes_from() -> None:
    """401 names the place in the account, the variable, and what the server said."""
    handler, _ = _in_turn(httpx.Response(401, json={"error": "Invalid token"}))
    message = str(failing(_products, handler))
    for part in ("401", "Integrations > API", "TESTIO_CUSTOMER_API_TOKEN", '"Invalid token"'):
        assert part in message


def test_single_objects_are_unwrapped_or_refused() -> None:
    """An answer without its envelope is an error, never an empty product."""
    assert ask(lambda _: httpx.Response(200, json={"product": {"id": 1}}), lambda c: c.product(1)) == {"id": 1}
    questions: list[Callable[[Client], Coroutine[Any, Any, Any]]] = [lambda c: c.product(1), lambda c: c.test(1)]
    for question in questions:
        answers: list[Any] = [{"id": 1}, {"product": None, "exploratory_test": []}, [], None]
        for answer in answers:
            handler, _ = _in_turn(httpx.Response(200, json=answer))
            assert isinstance(failing(question, handler), errors.UnreadableAnswerError)


# -- Retry-After -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("86400", LONGEST_WAIT_SECONDS),
        ("9" * 400, LONGEST_WAIT_SECONDS),
        (format_datetime(NOW + timedelta(seconds=12), usegmt=True), 12),
        (format_datetime(NOW - timedelta(days=9), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=9), usegmt=True), LONGEST_WAIT_SECONDS),
        ("Tue, 30 Jun 2026 08:00:12 +0200", 12),
        ("Tue, 30 Jun 2026 06:00:12 -0000", 12),
        *[(odd, None) for odd in (None, "", "soon", "-3", "1.5", "٣", "Tue, 99 Foo", "nan", "inf")],
    ],
)
def test_retry_after_in_both_forms_and_capped(header: str | None, seconds: float | None) -> None:
    """Seconds or a date, in any zone; never longer than the cap, never negative, nonsense is no wait."""
    assert retry_after_seconds(header, now=NOW) == seconds


@given(
    st.one_of(
        st.text(max_size=40),
        st.from_regex(r"(Mon, )?[0-9]{1,3} (Jan|Foo|Dec) [0-9]{1,6} [0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{1,12}|GMT)?"),
    )
)
def test_any_retry_after_is_a_bounded_wait_or_none(header: str) -> None:
    """A header may hold any text."""
    seconds = retry_after_seconds(header, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT_SECONDS


def test_retry_after_is_obeyed_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the server asks of one request holds back the others as well, for as long as the cap at most."""
    pauses: list[float] = []
    slept: list[float] = []
    real_sleep = asyncio.sleep

    async def no_sleep(seconds: float, result: Any = None) -> Any:
        slept.append(seconds)
        return await real_sleep(0, result)

    monkeypatch.setattr(asyncio, "sleep", no_sleep)
    monkeypatch.setattr("testio_analytics.api.pacing.Pacer.pause", lambda self, seconds: pauses.append(seconds))
    handler, asked = _in_turn(
        httpx.Response(429, headers={"retry-after": "17"}), httpx.Response(429, headers={"retry-after": "4000"}), GOOD
    )
    assert ask(handler, _products) == [{"id": 1}]
    assert len(asked) == 3
    assert pauses == [17, LONGEST_WAIT_SECONDS]
    assert [seconds for seconds in slept if seconds > 1] == [17, LONGEST_WAIT_SECONDS]


@pytest.mark.parametrize("header", ["0", "Mon, 01 Jan 2001 00:00:00 GMT"])
def test_retry_after_of_nothing_means_soon(header: str) -> None:
    """Asked at once again, all tries would be gone within a second: the usual wait is kept."""
    error = errors.RateLimitedError("Too many.")
    error.retry_after = retry_after_seconds(header, now=NOW)
    assert retry_delay(error) is True


# -- an answer that does not end, a server that does not answer ------------------------------------------------------


@pytest.mark.parametrize("failing", [1, 30])
def test_one_kind_of_address_that_fails_is_no_outage(failing: int) -> None:
    """However many sections fail, one after the other, while the product list answers: each fails on its own."""

    def handler(request: httpx.Request) -> httpx.Response:
        is_broken = "/sections/" in request.url.path
        return httpx.Response(500) if is_broken else httpx.Response(200, json={"products": [{"id": 1}]})

    async def many(client: Client) -> list[Any]:
        await client.products()
        sections = (client.features(1, section) for section in range(failing))
        return list(await asyncio.gather(*sections, return_exceptions=True))

    assert {type(answer) for answer in ask(handler, many)} == {errors.ServerError}


@pytest.mark.parametrize("has_worked", [True, False])
@pytest.mark.parametrize("fault", ["503", "html", "no connection", "429"])
def test_server_that_answers_nothing_any_more_is_an_outage_after_few_requests(has_worked: bool, fault: str) -> None:
    """Whatever was asked, and whether it ever answered: the rest is not asked for, and the message says why."""
    asked = 0

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        answer = PASSING[fault]
        await asyncio.sleep(0)  # as on a network, where requests are under way together
        if has_worked and asked == 1:
            return httpx.Response(200, json={"products": []})
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)

    async def many(client: Client) -> None:
        if has_worked:
            await client.products()
        await gather(*(_given_up_or_not(client, number) for number in range(500)))

    error = failing(many, handler)
    assert isinstance(error, errors.OutageError)
    assert "api.example" in str(error)
    assert asked < 80


async def _given_up_or_not(client: Client, number: int) -> None:
    with suppress(*PASSING_ERRORS):  # one part of the data is missing
        await client.features(number)


def test_client_works_again_after_an_outage() -> None:
    """An outage ends one run; the same client can be used for the next one."""
    is_up = False

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"products": [1], "features": []}) if is_up else httpx.Response(503)

    async def twice(client: Client) -> list[Any]:
        nonlocal is_up
        with pytest.raises(errors.OutageError):
            await gather(*(_given_up_or_not(client, number) for number in range(50)))
        is_up = True
        return await client.products()

    assert ask(handler, twice) == [1]


# -- pacing ----------------------------------------------------------------------------------------------------------


class _Busy:
    """A server that refuses when more than so many requests are under way, and counts them."""

    def __init__(self, most: int, *, status: int = 500) -> None:
        self.most, self.status = most, status
        self.now = self.peak = 0
        self.asked: Counter[str] = Counter()
        self.lonely: list[bool] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.now += 1
        self.peak = max(self.peak, self.now)
        self.asked[request.url.path] += 1
        refuse = self.now > self.most
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            self.lonely.append(self.now == 1)
            return (
                httpx.Response(self.status)
                if refuse
                else httpx.Response(200, json={"product": {"id": request.url.path}})
            )
        finally:
            self.now -= 1


@pytest.mark.parametrize("status", [500, 429, 503])
@pytest.mark.parametrize("most", [1, 3])
def test_server_that_refuses_parallel_requests_loses_nothing(most: int, status: int) -> None:
    """More than so many at once are answered with an error: every object arrives all the same."""
    server = _Busy(most, status=status)

    async def many(client: Client) -> list[Any]:
        return await gather(*(client.product(number) for number in range(1, 61)))

    products = ask(server, many)
    assert [product["id"] for product in products] == [f"/customer/v2/products/{number}" for number in range(1, 61)]
    assert most < server.peak <= 10


def test_server_that_takes_no_more_than_one_at_once_is_asked_politely_soon() -> None:
    """The limit follows what the server says: refusals stay few, not three for each object."""
    server = _Busy(3)

    async def many(client: Client) -> float:
        await gather(*(client.product(number) for number in range(200)))
        return client.pacer.limit

    assert ask(server, many) < 10
    assert sum(server.asked.values()) < 200 * 1.6


def test_concurrency_is_never_exceeded() -> None:
    """So many at once and no more; with one, one after the other."""
    for concurrency in (1, 2, 16):
        server = _Busy(99)

        async def many(client: Client) -> None:
            await gather(*(client.product(number) for number in range(50)))

        ask(server, many, concurrency=concurrency)
        assert server.peak == concurrency


def test_last_try_is_made_alone() -> None:
    """Before an object is given up, it is asked for while nothing else is under way."""
    together: dict[int, list[int]] = {0: [], 1: []}
    now = 0

    async def handler(request: httpx.Request) -> httpx.Response:
        nonlocal now
        now += 1
        number = int(request.url.path.rpartition("/")[2])
        is_broken = number == 13
        await asyncio.sleep(0)
        together[is_broken].append(now)
        await asyncio.sleep(0)
        now -= 1
        return httpx.Response(500) if is_broken else httpx.Response(200, json={"product": {"id": number}})

    async def many(client: Client) -> list[Any]:
        return list(await asyncio.gather(*(client.product(number) for number in range(40)), return_exceptions=True))

    answers = ask(handler, many)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, Exception)] == [13]
    assert len(together[1]) == ATTEMPTS
    assert together[1][-1] == 1
    assert max(together[0]) > 3


def test_one_error_stops_the_others_and_comes_out_itself() -> None:
    """A wrong token among many requests is one plain error, not a group of them, and no request is left behind."""
    ended: list[str] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        try:
            if request.url.path.endswith("/3"):
                return httpx.Response(401)
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.append(request.url.path)
            raise
        return httpx.Response(500)

    async def many(client: Client) -> int:
        with pytest.raises(errors.AuthenticationError):
            await gather(*(client.product(number) for number in range(8)))
        return client.pacer.in_flight

    assert ask(handler, many) == 0
    assert len(ended) == 7


# -- redirects -------------------------------------------------------------------------------------------------------


def test_redirect_on_the_same_host_is_followed() -> None:
    """With the token, relative or whole, and counted as a request."""

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Token {TOKEN}"
        steps = {"/customer/v2/products": "/moved?x=1", "/moved": f"{BASE}/there"}
        place = steps.get(request.url.path)
        return (
            httpx.Response(302, headers={"location": place}) if place else httpx.Response(200, json={"products": [1]})
        )

    async def count(client: Client) -> tuple[list[Any], int]:
        return await client.products(), client.requests

    assert ask(handler, count) == ([1], 3)


@pytest.mark.parametrize(
    "location",
    [
        *(
            "https://evil.example/",
            "//evil.example/x",
            "http://api.example/customer/v2/products",
            "https://api.example:444/",
        ),
        *("https://api.example.evil.example/", "https://api.example@evil.example/", "https://sub.api.example/"),
        "https://api.example.:443/",
    ],
)
def test_redirect_to_another_host_is_refused_and_the_token_stays(location: str) -> None:
    """Another name, port or scheme: nothing is sent there, and it is not tried again."""
    asked: list[httpx.URL] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(307, headers={"location": location})

    error = failing(_products, handler)
    assert isinstance(error, errors.RedirectRefusedError)
    assert [str(url) for url in asked] == [f"{BASE}/products"]


def test_endless_redirect_ends() -> None:
    """A circle is an error after a few steps."""
    handler, asked = _in_turn(httpx.Response(301, headers={"location": f"{BASE}/products"}))
    assert isinstance(failing(_products, handler), errors.RedirectRefusedError)
    assert len(asked) == client_module.MAX_REDIRECTS + 1


@given(st.one_of(st.text(st.characters(max_codepoint=255), max_size=20), st.text(max_size=12).map("https://".__add__)))
def test_any_location_is_followed_here_or_refused(location: str) -> None:
    """Whatever the header holds, the token goes nowhere else and only our own errors come out."""
    hosts: set[str] = set()

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.add(request.url.host)
        return httpx.Response(302, headers={b"location": location.encode("utf-8", "replace")})

    assert isinstance(failing(_products, handler), errors.ApiError)
    assert hosts == {"api.example"}


def test_location_that_is_no_address_is_our_error() -> None:
    """A name that cannot be decoded, brackets, control characters: said, not thrown by a library."""
    for location in (
        b"https://xn--.io/",
        b"https://[bad",
        b"https://h:port/",
        b"https://h/\x01",
        b"\xff\xfe",
        b"https://",
    ):
        handler, _ = _in_turn(httpx.Response(302, headers={b"location": location}))
        assert isinstance(failing(_products, handler), errors.ApiError), location


# -- the token -------------------------------------------------------------------------------------------------------

ECHO: dict[str, httpx.Response | Exception] = {
    "401 that repeats it": httpx.Response(401, json={"error": f"token {TOKEN} is revoked"}),
    "422 that repeats it": httpx.Response(422, json={"error": "x" * 190 + TOKEN}),
    "500 that repeats it": httpx.Response(500, json={"error": f"{TOKEN}{TOKEN}"}),
    "html that repeats it": _raw(f"<html>{TOKEN}</html>".encode(), {"content-type": f"text/html; x={TOKEN}"}),
    "truncated": _raw(f'{{"products": ["{TOKEN}'.encode()),
    "not unicode": _raw(f"{TOKEN}\xff".encode("latin-1")),
    "redirect": httpx.Response(302, headers={"location": f"https://evil.example/?token={TOKEN}"}),
    "dropped": httpx.ReadError(f"while sending {TOKEN}"),
    "invalid header": httpx.LocalProtocolError(f"Illegal header value b'Token {TOKEN}'"),
    "rate limited": httpx.Response(429, json={"error": TOKEN}, headers={"retry-after": "0"}),
    "no object": httpx.Response(200, json={"product": TOKEN}),
}


@pytest.mark.parametrize("fault", ECHO)
def test_token_is_in_no_error_no_traceback_and_no_log(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """Text, repr, the whole chain of the traceback, and every logger at its most talkative."""
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore", "stamina", "testio_analytics", "asyncio"):
            caplog.set_level(logging.DEBUG, logger=name)
        handler, _ = _in_turn(ECHO[fault])
        error = failing(_products, handler)
    told = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    seen: BaseException | None = error
    while seen is not None:
        told += f"{seen!r}{seen}{seen.args}"
        seen = seen.__cause__
    assert TOKEN not in told
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(str(record.__dict__) for record in caplog.records)


def test_token_is_in_no_representation() -> None:
    """Neither the client nor its settings nor the secrets' owner shows it."""
    client = Client(ApiSettings(BASE, TOKEN))
    assert TOKEN not in f"{client!r} {client} {ApiSettings(BASE, TOKEN)!r} {client.pacer!r}"
    assert client.secrets == (TOKEN,)


def test_token_is_in_no_log_over_a_real_socket(caplog: pytest.LogCaptureFixture) -> None:
    """The lower layers of the HTTP library log what they send: not this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert f"Authorization: Token {TOKEN}".encode() in head
        body = b'{"products": [{"id": 1}]}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def go() -> list[Any]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            async with Client(ApiSettings(f"http://127.0.0.1:{port}", TOKEN), waits=Waits(0, 0, 0)) as client:
                return await client.products()

    for name in ("", "httpx", "httpcore", "stamina"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    assert asyncio.run(go()) == [{"id": 1}]
    assert "httpcore" in {record.name.split(".")[0] for record in caplog.records}
    assert TOKEN not in caplog.text + "".join(str(record.__dict__) for record in caplog.records)


def test_words_of_the_server_are_one_harmless_line() -> None:
    """Escape sequences, line ends, half characters and endless texts do not get into a message."""
    words = "\x1b[31mred\r\nFAKE LINE \ud800\x00\u202e" + "x" * 9000
    handler, _ = _in_turn(httpx.Response(400, content=json.dumps({"error": words})))
    message = str(failing(_products, handler))
    assert message.isprintable()
    assert message.encode("utf-8")
    assert len(message) < 600
    assert "FAKE LINE" in message


def test_body_of_a_failed_answer_is_not_kept_by_the_error() -> None:
    """An answer may hold credentials even when it cannot be read: the cause that quotes it is not attached."""
    handler, _ = _in_turn(_raw(b'{"products": [{"password": "Hunter2!"'))
    error = failing(_products, handler)
    assert error.__cause__ is None
    assert "Hunter2!" not in "".join(traceback.format_exception(error))


def test_nesting_that_can_be_decoded_is_data() -> None:
    """Objects nested deeper than the API ever nests them reach the flattener, which cuts them off."""
    answer = json.dumps({"products": [{"id": 1, "x": deep(100)}]})
    (product,) = ask(lambda _: httpx.Response(200, content=answer), _products)
    assert product["id"] == 1


def test_retry_after_of_a_503_is_obeyed_as_well() -> None:
    """A server in maintenance that says how long is not asked again before."""
    error = status_error(503, "/products", "", retry_after="17")

    assert (type(error), error.retry_after, retry_delay(error)) == (errors.ServerError, 17.0, 17.0)
