"""The only file that knows HTTP: authentication, retries, addresses. Plain dicts come out.

Every request is a GET: there is one place that sends, and it knows no other method. No exception of the HTTP library
leaves this file, and none that does holds the token.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import stamina

from testio_analytics import errors
from testio_analytics.api.pacing import Pacer
from testio_analytics.api.pages import Page
from testio_analytics.api.paging import PagedList, read_counted_pages, read_pages
from testio_analytics.api.scrubbing import scrub_text
from testio_analytics.api.values import Listed, count_in, from_json, id_in, list_in
from testio_analytics.concurrency import gc_paused
from testio_analytics.config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, TOKEN_HELP, ApiSettings
from testio_analytics.text import one_line, short

log = logging.getLogger("testio_analytics.api.client")
# Retries are reported by this module; without a handler of its own, stamina's logger would print them as well.
logging.getLogger("stamina").addHandler(logging.NullHandler())
# httpx reports each address at INFO; a page of tests is nothing a reader of a log asked for.
logging.getLogger("httpx").setLevel(logging.WARNING)

DEFAULT_CONCURRENCY = 10
MAX_CONCURRENCY = 16  # httpx's connection pool slows down above
TIMEOUT_SECONDS = 90.0
ATTEMPTS = 4
FEWER_ATTEMPTS = 2  # where the caller can ask for less
LONGEST_WAIT_SECONDS = 60.0
MAX_REDIRECTS = 3
LONGEST_WORDS = 200  # characters that are kept of what the server says

Query = Sequence[tuple[str, str | int]]
WITH_STORIES: Query = (("includes[]", "user_stories"),)


@dataclass(frozen=True)
class Waits:
    """Seconds between two tries of one request: the first wait, the longest, and the random share added."""

    initial: float = 1.0
    longest: float = 8.0
    jitter: float = 1.0


@dataclass(frozen=True)
class Sent:
    """One request that was sent: its address, and when it began and ended on the clock of the event loop."""

    url: str
    began: float
    ended: float


class Client:
    """Read-only client of one account. Use it in ``async with``.

    Args:
        settings: address and token.
        concurrency: most requests under way at once (1 to 16); fewer as soon as the server objects.
        transport: where requests go instead of the network, for a server in the same process.
        waits: seconds between tries.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        transport: httpx.AsyncBaseTransport | None = None,
        waits: Waits = Waits(),
    ) -> None:
        if not 1 <= concurrency <= MAX_CONCURRENCY:
            raise errors.ConfigError(f"The concurrency is {concurrency}; it must be between 1 and {MAX_CONCURRENCY}.")
        self._settings = settings
        self._base = _normal(settings.base_url)
        self._waits = waits
        self.concurrency = concurrency
        self.pacer = Pacer(concurrency)
        self.sent: list[Sent] = []
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Token {settings.token}", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            follow_redirects=False,
        )

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""
        return len(self.sent)

    def __repr__(self) -> str:
        return f"Client({self._settings.base_url!r}, requests={self.requests})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be stored should an answer repeat it."""
        return (self._settings.token,)

    # -- what the account holds ------------------------------------------------------------------------------------

    async def products(self) -> Listed:
        """Return all products of the account."""
        return await self._list("products", "products")

    async def product(self, product_id: int) -> dict[str, Any]:
        """Return one product."""
        return await self._object(f"products/{product_id}", "product", product_id)

    async def features(self, product_id: int, section_id: int | None = None) -> Listed:
        """Return the features of a product, or of one of its sections, with their stories."""
        section = "" if section_id is None else f"/sections/{section_id}"
        return await self._list(f"products/{product_id}{section}/features", "features", WITH_STORIES)

    async def user_stories(self, product_id: int, section_id: int | None = None) -> Listed:
        """Return the story list of a product, or of one of its sections."""
        query: Query = () if section_id is None else (("section_id", section_id),)
        return await self._list(f"products/{product_id}/user_stories", "user_stories", query)

    async def test(self, test_id: int, *, with_results: bool = False) -> dict[str, Any]:
        """Return one exploratory test, if asked for with what came of its features and stories."""
        return await self._object(
            f"exploratory_tests/{test_id}", "exploratory_test", test_id, WITH_STORIES if with_results else ()
        )

    async def bugs(self, test_ids: Sequence[int], *, is_last_try: bool) -> Listed:
        """Return all bugs of these tests.

        Many tests at once may be more than the server can do in its time (testio-api 8.1), so a caller who can ask
        for fewer does not want all tries.
        """
        query: Query = (("filter_test_cycle_ids", ",".join(map(str, test_ids))),)
        return await self._list("bugs", "bugs", query, attempts=ATTEMPTS if is_last_try else FEWER_ATTEMPTS)

    async def bug(self, bug_id: int) -> dict[str, Any]:
        """Return one bug."""
        return await self._object(f"bugs/{bug_id}", "bug", bug_id)

    async def executions(self, version_id: int) -> PagedList:
        """Return the runs of one version of one story, oldest first, with their number as the API counts them.

        One version at a time: the rows do not name it (testio-api 9).
        """
        path = key = "user_story_version_executions"

        return await read_counted_pages(self._page(path, key, (("user_story_version_ids[]", version_id),)))

    async def tests(self, product_id: int, known: Collection[int] | None = None) -> PagedList:
        """Return all exploratory tests of a product, newest end first.

        `known` are the tests of a complete read before: where they come again, one reading is enough.
        """
        page = self._page(f"products/{product_id}/exploratory_tests", "exploratory_tests")
        return await read_pages(page, known)

    def _page(self, path: str, key: str, query: Query = ()) -> Page:
        async def page(number: int | None, size: int, *, is_last_try: bool) -> Listed:
            paged = query if number is None else (*query, ("page", number), ("per_page", size))
            return await self._list(path, key, paged, attempts=ATTEMPTS if is_last_try else FEWER_ATTEMPTS)

        return page

    # -- one request -----------------------------------------------------------------------------------------------

    async def _list(self, path: str, key: str, query: Query = (), *, attempts: int = ATTEMPTS) -> Listed:
        answer = await self.get(path, query, attempts=attempts, envelope=key)
        return Listed(list_in(answer, key) or (), count_in(answer))

    async def _object(self, path: str, key: str, wanted: int, query: Query = ()) -> dict[str, Any]:
        answer = await self.get(path, query)
        found = answer.get(key) if isinstance(answer, Mapping) else None
        if not isinstance(found, dict):
            raise errors.UnreadableAnswerError(
                f"GET /{path} answered without an object named `{key}`. {_REPORT_IT}", path=path, status=200
            )
        if id_in(found) not in {None, wanted}:
            raise errors.UnreadableAnswerError(
                f"GET /{path} answered with number {id_in(found)} instead. {_REPORT_IT}", path=path, status=200
            )
        return found

    async def get(self, path: str, query: Query = (), *, attempts: int = ATTEMPTS, envelope: str | None = None) -> Any:
        """Return the decoded answer of one GET, tried up to `attempts` times.

        The last try is made while nothing else is under way, so that a server which only refuses parallel requests
        never costs data.

        Raises:
            ApiError: one of its kinds, after the last try, or at once where trying again cannot help.
        """
        url = str(httpx.URL(f"{self._base}/{path.lstrip('/')}", params=[(k, str(v)) for k, v in query]))
        number = 0
        try:
            async for attempt in stamina.retry_context(
                on=_retry_delay,
                attempts=attempts,
                timeout=None,
                wait_initial=self._waits.initial,
                wait_max=self._waits.longest,
                wait_jitter=self._waits.jitter,
            ):
                with attempt:
                    number = attempt.num
                    return await self._try(url, alone=1 < attempts == number, envelope=envelope)
        except errors.ApiError as error:
            error.attempts = number
            raise
        raise AssertionError("unreachable: the retry loop ends with an answer or an error")

    async def _try(self, url: str, *, alone: bool, envelope: str | None) -> Any:
        async with self.pacer.slot(alone=alone) as epoch:
            try:
                answer = await self._send(url)
                if envelope and list_in(answer, envelope) is None:
                    raise errors.UnreadableAnswerError(
                        f"GET {self._shown(url)} answered without a list named `{envelope}`. {_REPORT_IT}",
                        status=200,
                    )
            except (errors.ServerError, errors.RateLimitedError, errors.ConnectionFailedError) as error:
                self.pacer.objected(epoch)
                if error.retry_after:
                    self.pacer.pause(min(error.retry_after, LONGEST_WAIT_SECONDS))
                log.info("%s", error)
                raise
            self.pacer.answered()
            return answer

    async def _send(self, url: str) -> Any:
        for _ in range(MAX_REDIRECTS + 1):
            response = await self.answer(url)
            if not response.has_redirect_location:
                return self._decoded(response, url)
            url = self._redirected(response, url)
        raise errors.RedirectRefusedError(
            f"GET {self._shown(url)} was redirected more than {MAX_REDIRECTS} times.", path=self._shown(url)
        )

    async def answer(self, url: str) -> httpx.Response:
        """Return the answer to one GET as it came; its time is noted in `sent`."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            return await self._http.get(url)
        except (httpx.RequestError, UnicodeError) as error:  # the latter for a redirect to a name that cannot be read
            reason = self._said(str(error)) or type(error).__name__
            raise errors.ConnectionFailedError(
                f"GET {self._shown(url)} got no answer: {reason}. Is the address right and the network up?",
                path=self._shown(url),
            ) from None  # the cause holds the request with its headers
        finally:
            self.sent.append(Sent(url, began, clock()))

    def _redirected(self, response: httpx.Response, url: str) -> str:
        here = httpx.URL(url)
        there = here.join(response.headers["location"])
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise errors.RedirectRefusedError(
                f"GET {self._shown(url)} was redirected to another host ({there.host}); the token is not taken there. "
                "Is TESTIO_CUSTOMER_API_BASE_URL right?",
                path=self._shown(url),
                status=response.status_code,
            )
        return str(there)

    def _decoded(self, response: httpx.Response, url: str) -> Any:
        path, status = self._shown(url), response.status_code
        if status != 200:
            said = self._words(response)
            error = _status_error(response, path, f' It said: "{said}".' if said else "")
            error.said = said
            raise error
        try:
            with gc_paused():
                return from_json(response.content)
        except (ValueError, RecursionError):
            kind = self._said(response.headers.get("content-type", "no content type"))
            raise errors.UnreadableAnswerError(
                f"GET {path} answered with something that is not JSON ({kind}, {len(response.content)} bytes). "
                f"{_REPORT_IT}",
                path=path,
                status=status,
            ) from None  # the cause holds the whole answer

    def _words(self, response: httpx.Response) -> str:
        """Return the server's own words, when it has any, cut short and without the token."""
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):
            return ""
        words = body.get("error") if isinstance(body, Mapping) else None
        return self._said(words) if isinstance(words, str) else ""

    def _said(self, words: str) -> str:
        """Return words of the server as one line that a terminal and a database can hold."""
        return short(one_line(scrub_text(words, self.secrets)), LONGEST_WORDS)

    def _shown(self, url: str) -> str:
        """Return the part of the address below the base, readable."""
        return "/" + url.removeprefix(self._base).lstrip("/").replace("%5B%5D", "[]")


def _normal(base_url: str) -> str:
    """Return the address as the HTTP library spells it, so that the part below it can be cut off."""
    try:
        url = httpx.URL(base_url)
        if not url.host:  # decodes international names, which may fail
            raise errors.ConfigError(f"The address {base_url!r} names no host.")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise errors.ConfigError(f"The address of the API cannot be used: {error}. {_ADDRESS_HELP}") from None
    return str(url).rstrip("/")


_ADDRESS_HELP = f"It comes from {BASE_URL_VARIABLE}, or is {DEFAULT_BASE_URL}."
_REPORT_IT = "If it stays so, the API has changed or there is something between you and it (a proxy, a login page)."


def _status_error(response: httpx.Response, path: str, detail: str) -> errors.ApiError:
    """Return the error for a status that is not 200, with what to do about it."""
    status = response.status_code
    if status == 401:
        return errors.AuthenticationError(
            f"The API refused the token (401 at GET {path}).{detail} {TOKEN_HELP}", path=path, status=status
        )
    if status in {403, 404}:
        return errors.NotFoundError(
            f"GET {path} answered {status}: there is no such object, or this token has no right to it.{detail} "
            "`testio-analytics status` lists the products that were synced.",
            path=path,
            status=status,
        )
    if status == 429 or status >= 500:
        error = _passing_error(status, path, detail)
        error.retry_after = retry_after_seconds(response.headers.get("retry-after"), now=datetime.now(UTC))
        return error
    return errors.RequestRefusedError(f"GET {path} answered {status}.{detail} {_REPORT_IT}", path=path, status=status)


def _passing_error(status: int, path: str, detail: str) -> errors.ApiError:
    """Return the error for a status that may pass by itself."""
    if status == 429:
        return errors.RateLimitedError(
            f"GET {path} answered 429: too many requests.{detail} Try again later, or with a smaller --concurrency.",
            path=path,
            status=status,
        )
    return errors.ServerError(
        f"GET {path} answered {status}.{detail} The fault is the server's; try again later.", path=path, status=status
    )


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """Return the wait that a ``Retry-After`` header asks for, in seconds from `now`; None where it asks for none.

    Both forms are read: a number of seconds and an HTTP date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_SECONDS) if len(text) < 10 else LONGEST_WAIT_SECONDS
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WAIT_SECONDS)


def _retry_delay(error: Exception) -> bool | float:
    """Decide whether another try can help, and after how many seconds where the server said so."""
    passing = errors.RateLimitedError | errors.ServerError | errors.ConnectionFailedError | errors.UnreadableAnswerError
    if not isinstance(error, passing):
        return False
    return True if error.retry_after is None else error.retry_after
