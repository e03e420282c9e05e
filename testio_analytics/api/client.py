"""The only file that knows HTTP: authentication, retries, addresses. Plain dicts come out.

Every request is a GET: there is one place that sends, and it knows no other method. No exception of the HTTP library
leaves this file, and none that does holds the token.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import stamina

from testio_analytics import errors
from testio_analytics.api.pacing import Pacer
from testio_analytics.api.pages import Page
from testio_analytics.api.paging import PagedList, read_counted_pages, read_pages
from testio_analytics.api.refusals import LONGEST_WAIT_SECONDS, PASSING_ERRORS, REPORT_IT, retry_delay, status_error
from testio_analytics.api.route import route_to
from testio_analytics.api.scrubbing import scrub_text
from testio_analytics.api.values import Listed, count_in, from_json, id_in, list_in
from testio_analytics.concurrency import gc_paused
from testio_analytics.config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, ApiSettings
from testio_analytics.text import counted, one_line, short

log = logging.getLogger("testio_analytics.api.client")
# Retries are reported by this module; without a handler of its own, stamina's logger would print them as well.
logging.getLogger("stamina").addHandler(logging.NullHandler())
# httpx reports each address at INFO; a page of tests is nothing a reader of a log asked for.
logging.getLogger("httpx").setLevel(logging.WARNING)

DEFAULT_CONCURRENCY = 10
MAX_CONCURRENCY = 16  # httpx's connection pool slows down above
SILENCE_SECONDS = 90.0  # that an answer may pause; slow lists need it (testio-api 18.1, 1)
CONNECT_SECONDS = 20.0
ATTEMPTS = 4
FEWER_ATTEMPTS = 2  # where the caller can ask for less
MAX_REDIRECTS = 3
LONGEST_WORDS = 200  # characters that are kept of what the server says
MOST_FAILED = 20  # tries in a row after which it is asked whether the server answers at all
MOST_ADDRESSES = 3  # that fail where none ever answered
ATTEMPTS_IN_DOUBT = 6  # so that a short outage is waited out

Query = Sequence[tuple[str, str | int]]
WITH_STORIES: Query = (("includes[]", "user_stories"),)


@dataclass(frozen=True)
class Waits:
    """How long is waited, in seconds.

    Attributes:
        initial, longest, jitter: between two tries of one request: the first wait, the longest, the random share added.
        answer: for one whole answer, whatever trickles in meanwhile.
    """

    initial: float = 1.0
    longest: float = 8.0
    jitter: float = 1.0
    answer: float = 180.0


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
        pacer: the limit that clients of one host share; default: one of its own.
        transport: where requests go instead of the network, for a server in the same process.
        waits: how long is waited for an answer and between tries.

    Attributes:
        on_sent: called after each request, whatever came of it.

    Raises:
        ConfigError: address, proxy or certificates cannot be used; the message names the variable.
    """

    def __init__(
        self,
        settings: ApiSettings,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        pacer: Pacer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        waits: Waits = Waits(),
    ) -> None:
        if not 1 <= concurrency <= MAX_CONCURRENCY:
            raise errors.ConfigError(f"The concurrency is {concurrency}; it must be between 1 and {MAX_CONCURRENCY}.")
        self._settings = settings
        self._base = _normal(settings.base_url)
        route = route_to(httpx.URL(self._base), transport)
        self._peer = route.words
        self._waits = waits
        self.concurrency = concurrency
        self.pacer = pacer or Pacer(concurrency)
        self.sent: list[Sent] = []
        self.on_sent: Callable[[], object] | None = None
        self._failed: list[str] = []  # addresses of the tries in a row that got no useful answer
        self._worked: tuple[str, str | None] | None = None  # the first address that answered, and its envelope
        self._outage: errors.OutageError | None = None
        self._asking_again = asyncio.Lock()
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Token {settings.token}", "Accept": "application/json"},
            timeout=httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS),
            transport=route.transport,
            trust_env=False,
            follow_redirects=False,
        )

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""
        return len(self.sent)

    def __repr__(self) -> str:
        return f"Client({self._peer!r}, requests={self.requests})"

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
                f"GET /{path} answered without an object named `{key}`. {REPORT_IT}", path=path, status=200
            )
        if id_in(found) not in {None, wanted}:
            raise errors.UnreadableAnswerError(
                f"GET /{path} answered with number {id_in(found)} instead. {REPORT_IT}", path=path, status=200
            )
        return found

    async def get(self, path: str, query: Query = (), *, attempts: int = ATTEMPTS, envelope: str | None = None) -> Any:
        """Return the decoded answer of one GET, tried up to `attempts` times.

        The last try is made while nothing else is under way, so that a server which only refuses parallel requests
        never costs data.

        Raises:
            ApiError: one of its kinds, after the last try, or at once where trying again cannot help.
            OutageError: the server answers nothing any more.
        """
        url = str(httpx.URL(f"{self._base}/{path.lstrip('/')}", params=[(k, str(v)) for k, v in query]))
        number, outage = 0, self._outage
        try:
            async for attempt in self._tries(attempts):
                with attempt:
                    number = attempt.num
                    async with self.pacer.slot(alone=1 < attempts == number) as epoch:
                        return await self._try(url, envelope, epoch, outage)
        except errors.ApiError as error:
            error.attempts = number
            raise
        raise AssertionError("unreachable: the retry loop ends with an answer or an error")

    def _tries(self, attempts: int) -> AsyncIterator[stamina.Attempt]:
        return stamina.retry_context(
            on=retry_delay,
            attempts=attempts,
            timeout=None,
            wait_initial=self._waits.initial,
            wait_max=self._waits.longest,
            wait_jitter=self._waits.jitter,
        )

    async def _try(self, url: str, envelope: str | None, epoch: int, outage: errors.OutageError | None) -> Any:
        async with self._asking_again:
            pass  # nothing is sent while it is not known whether the server answers at all
        if self._outage is not None and self._outage is not outage:
            raise self._outage  # found out since this request began
        try:
            answer = await self._useful(url, envelope)
        except PASSING_ERRORS as error:
            self._slow_down(error, epoch)
            await self._note_failure(url, error)
            raise
        except errors.ApiError:
            self._failed.clear()  # refused, and so answered
            raise
        self.pacer.answered()
        self._failed.clear()
        self._worked = self._worked or (url, envelope)
        return answer

    def _slow_down(self, error: errors.ApiError, epoch: int) -> None:
        log.info("%s", error)
        if not isinstance(error, errors.UnreadableAnswerError):
            self.pacer.objected(epoch)
        if error.retry_after:
            self.pacer.pause(min(error.retry_after, LONGEST_WAIT_SECONDS))

    async def _note_failure(self, url: str, error: errors.ApiError) -> None:
        """Note a try without a useful answer; after many in a row, see whether the server answers at all.

        Raises:
            OutageError: it does not.
        """
        self._failed.append(url.partition("?")[0])
        if len(self._failed) < MOST_FAILED:
            return
        async with self._asking_again:
            if len(self._failed) >= MOST_FAILED and not await self._answers_still():
                self._outage = self._outage_after(error)
                self._failed.clear()
                raise self._outage

    async def _answers_still(self) -> bool:
        """Ask again what was answered first: one kind of address can fail for all products while all others work."""
        if self._worked is None:
            return len(set(self._failed)) < MOST_ADDRESSES
        try:
            async for attempt in self._tries(ATTEMPTS_IN_DOUBT):
                with attempt:
                    await self._useful(*self._worked)
        except PASSING_ERRORS:
            return False
        except errors.ApiError:
            pass
        self._failed.clear()
        return True

    def _outage_after(self, error: errors.ApiError) -> errors.OutageError:
        return errors.OutageError(
            f"{counted(len(self._failed), 'request')} in a row got no useful answer from {self._peer}"
            f"{', nor does what worked before' if self._worked else ''}. The last: {error} "
            "Nothing more was asked. What was finished is stored, and the next sync goes on from there.",
            path=error.path,
            status=error.status,
        )

    async def _useful(self, url: str, envelope: str | None) -> Any:
        """Return the decoded answer, which holds a list of that name where one is asked for."""
        answer = await self._send(url)
        if envelope and list_in(answer, envelope) is None:
            raise errors.UnreadableAnswerError(
                f"GET {self._shown(url)} answered without a list named `{envelope}`. {REPORT_IT}", status=200
            )
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
            async with asyncio.timeout(self._waits.answer):
                return await self._http.get(url)
        except TimeoutError:
            raise self._unanswered(url, f"it was not whole after {self._waits.answer:g} seconds") from None
        except (httpx.RequestError, UnicodeError) as error:  # the latter for a redirect to a name that cannot be read
            # Without its cause, which holds the request with its headers.
            raise self._unanswered(url, self._said(str(error)).rstrip(".") or type(error).__name__) from None
        finally:
            self.sent.append(Sent(url, began, clock()))
            if self.on_sent is not None:
                self.on_sent()

    def _unanswered(self, url: str, reason: str) -> errors.ConnectionFailedError:
        is_unknown = "CERTIFICATE_VERIFY_FAILED" in reason
        advice = _CERTIFICATE_HELP if is_unknown else "Is the address right and the network up?"
        return errors.ConnectionFailedError(
            f"GET {self._shown(url)} got no answer from {self._peer}: {reason}. {advice}", path=self._shown(url)
        )

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
            detail = f' It said: "{said}".' if said else ""
            error = status_error(status, path, detail, retry_after=response.headers.get("retry-after"))
            error.said = said
            raise error
        try:
            with gc_paused():
                return from_json(response.content)
        except (ValueError, RecursionError):
            kind = self._said(response.headers.get("content-type", "no content type"))
            raise errors.UnreadableAnswerError(
                f"GET {path} answered with something that is not JSON ({kind}, {len(response.content)} bytes). "
                f"{REPORT_IT}",
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
        if url.host and not url.userinfo:  # the host decodes international names, which may fail
            return str(url).rstrip("/")
    except (httpx.InvalidURL, UnicodeError):
        pass  # its text may quote a login
    raise errors.ConfigError(f"The address of the API cannot be used: it names no host, or a login. {_ADDRESS_HELP}")


_CERTIFICATE_HELP = (
    "Where a proxy of your company signs with a certificate of its own, let SSL_CERT_FILE name that certificate."
)
_ADDRESS_HELP = f"It comes from {BASE_URL_VARIABLE}, or is {DEFAULT_BASE_URL}."
