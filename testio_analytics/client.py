"""The only file that knows HTTP: authentication, pacing, retries, paging. Plain dicts come out.

Every request is a GET: there is one place that sends, and it knows no other method. No exception of the HTTP library
leaves this file, and none that does holds the token.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
import stamina

from testio_analytics import errors, payloads
from testio_analytics.computing import uncollected
from testio_analytics.config import BASE_URL_VARIABLE, DEFAULT_BASE_URL, TOKEN_HELP, ApiSettings
from testio_analytics.pacing import Pacer
from testio_analytics.sections import as_id

log = logging.getLogger("testio_analytics.client")
# Retries are reported by this module; without a handler of its own, stamina's logger would print them as well.
logging.getLogger("stamina").addHandler(logging.NullHandler())
# httpx reports each address at INFO; a page of tests is nothing a reader of a log asked for.
logging.getLogger("httpx").setLevel(logging.WARNING)

DEFAULT_CONCURRENCY = 10
MAX_CONCURRENCY = 16  # httpx's connection pool slows down above
TIMEOUT_SECONDS = 90.0
ATTEMPTS = 4
LONGEST_WAIT_SECONDS = 60.0
PAGE_SIZE = 25
NARROWER = {25: 10, 10: 5, 5: 2, 2: 1}
HOPELESS_RUN = 5  # failing rows in a row after which a page is given up
LOST_PAGES = 2  # lost pages in a row after which the rest of a list is given up
PAGES_AT_ONCE = 4
UNPAGED_ROWS = 150  # what a list without paging holds at most (testio-api 7.1)
MAX_REDIRECTS = 3

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


@dataclass(frozen=True)
class Hole:
    """Rows of a test list that the server could not serve on any try.

    `position` counts from 1; `count` is None where it cannot be told how many rows are lost. `after` and `before` are
    the ids of the nearest tests that could be read, newer and older.
    """

    position: int
    count: int | None
    reason: str
    attempts: int
    after: int | None = None
    before: int | None = None

    def __str__(self) -> str:
        rows = f"row {self.position}" if self.count == 1 else f"rows from {self.position} on"
        if self.count and self.count > 1:
            rows = f"rows {self.position} to {self.position + self.count - 1}"
        near = [f"{word} test {near}" for word, near in (("after", self.after), ("before", self.before)) if near]
        return f"{rows} of the test list" + (f" ({', '.join(near)})" if near else "")


@dataclass(frozen=True)
class TestList:
    """All tests of a product that could be read, and the rows that could not.

    `is_settled` is false when the list kept changing while it was read, so that a row may have slipped through.
    """

    __test__ = False

    tests: tuple[Any, ...]
    holes: tuple[Hole, ...]
    is_settled: bool


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

    async def products(self) -> list[Any]:
        """Return all products of the account."""
        return await self._list("products", "products")

    async def product(self, product_id: int) -> dict[str, Any]:
        """Return one product."""
        path = f"products/{product_id}"
        answer = await self.get(path)
        product = answer.get("product") if isinstance(answer, Mapping) else None
        if not isinstance(product, dict):
            raise errors.UnreadableAnswerError(
                f"GET /{path} answered without a `product` object. {_REPORT_IT}", path=path, status=200
            )
        return product

    async def features(self, product_id: int, section_id: int | None = None) -> list[Any]:
        """Return the features of a product, or of one of its sections, with their stories."""
        section = "" if section_id is None else f"/sections/{section_id}"
        return await self._list(f"products/{product_id}{section}/features", "features", WITH_STORIES)

    async def user_stories(self, product_id: int, section_id: int | None = None) -> list[Any]:
        """Return the story list of a product, or of one of its sections."""
        query: Query = () if section_id is None else (("section_id", section_id),)
        return await self._list(f"products/{product_id}/user_stories", "user_stories", query)

    async def test(self, test_id: int, *, with_results: bool = False) -> dict[str, Any]:
        """Return one exploratory test, if asked for with what came of its features and stories."""
        path = f"exploratory_tests/{test_id}"
        answer = await self.get(path, WITH_STORIES if with_results else ())
        test = answer.get("exploratory_test") if isinstance(answer, Mapping) else None
        if not isinstance(test, dict):
            raise errors.UnreadableAnswerError(
                f"GET /{path} answered without an `exploratory_test` object. {_REPORT_IT}",
                path=path,
                status=200,
            )
        return test

    async def bugs(self, test_ids: Sequence[int], *, is_last_try: bool) -> list[Any]:
        """Return all bugs of these tests.

        Many tests at once may be more than the server can do in its time (testio-api 8.1), so a caller who can ask
        for fewer does not want the full patience.
        """
        query: Query = (("filter_test_cycle_ids", ",".join(map(str, test_ids))),)
        return await self._list("bugs", "bugs", query, attempts=ATTEMPTS if is_last_try else 2)

    async def executions(self, version_id: int) -> tuple[list[Any], int | None]:
        """Return the runs of one version of one story, oldest first, and how many there are as the API counts them.

        One version at a time: the rows do not name it (testio-api 9).
        """
        runs: list[Any] = []
        path = key = "user_story_version_executions"
        number = 1
        while True:
            query: Query = (("user_story_version_ids[]", version_id), ("page", number), ("per_page", PAGE_SIZE))
            answer = await self.get(path, query, envelope=key)
            page = list(payloads.listed(answer, key) or ())
            meta = answer.get("meta") if isinstance(answer, Mapping) else None
            count = meta.get("record_count") if isinstance(meta, Mapping) else None
            total = count if isinstance(count, int) else None
            if page and _same_rows(page, runs[-len(page) :]):
                return runs, total  # a server that repeats its last page for ever
            runs += page
            if len(page) < PAGE_SIZE or (total is not None and len(runs) >= total):
                return runs, total
            number += 1

    async def tests(self, product_id: int) -> TestList:
        """Return all exploratory tests of a product, newest end first.

        The list has no total and shifts when a test is added, so the first page is read again at the end: where it
        changed, the whole list is read once more.
        """
        for _ in range(2):
            rows = await self._test_rows(product_id)
            if len(rows) < PAGE_SIZE or await self._begins_with(product_id, rows[:PAGE_SIZE]):
                return _test_list(rows, is_settled=True)
        return _test_list(rows, is_settled=False)

    async def _begins_with(self, product_id: int, first: Sequence[Any]) -> bool:
        if any(isinstance(row, Hole) for row in first):
            return True  # the page that had to be read in pieces cannot be compared as one
        try:
            again = await self._test_page(product_id, 1, PAGE_SIZE)
        except _PAGE_ERRORS:
            return False
        return _same_rows(again[:PAGE_SIZE], first)  # more come where the server ignores paging

    async def _test_rows(self, product_id: int) -> list[Any]:
        """Return the rows in list order, a `Hole` standing where rows could not be read.

        Pages are read until one is not full. No total is known, so the number asked for at once grows from one.
        """
        rows: list[Any] = []
        number, window, lost = 1, 1, 0
        while True:
            pages = await gather(*(self._whole_page(product_id, number + ahead) for ahead in range(window)))
            for page in pages:
                number += 1
                lost = lost + 1 if isinstance(page, Hole) else 0
                if isinstance(page, Hole) and lost == LOST_PAGES:
                    return [
                        *rows[: 1 - LOST_PAGES],
                        replace(page, position=page.position - PAGE_SIZE, count=None),
                    ]
                if isinstance(page, list) and (len(page) > PAGE_SIZE or (rows and _same_rows(page, rows[: len(page)]))):
                    return _unpaged(page)
                if isinstance(page, list) and len(page) == PAGE_SIZE and _same_rows(page, rows[-PAGE_SIZE:]):
                    return rows  # a server that repeats its last page for ever
                if page == [] and rows and isinstance(rows[-1], Hole) and rows[-1].count == PAGE_SIZE:
                    rows[-1] = replace(rows[-1], count=None)  # the lost page was the last one, and maybe not a full one
                rows.extend([page] if isinstance(page, Hole) else page)
                if isinstance(page, list) and len(page) < PAGE_SIZE:
                    return rows
            window = min(window * 2, PAGES_AT_ONCE)

    async def _whole_page(self, product_id: int, number: int) -> list[Any] | Hole:
        """Return the slots of one page, or one hole where it cannot be read at all."""
        offset = (number - 1) * PAGE_SIZE
        try:
            return await self._test_page(product_id, number, PAGE_SIZE)
        except errors.ConnectionFailedError as error:
            return Hole(offset + 1, PAGE_SIZE, str(error), error.attempts)
        except _PAGE_ERRORS as error:
            log.info("%s Reading it in smaller pieces.", error)
        slots: dict[int, Any] = {}
        try:
            await self._narrow(product_id, range(offset, offset + PAGE_SIZE), PAGE_SIZE, slots)
        except _PAGE_ERRORS as error:
            return Hole(offset + 1, PAGE_SIZE, str(error), error.attempts)
        return [slots[position] for position in sorted(slots)]

    async def _narrow(self, product_id: int, wanted: range, size: int, slots: dict[int, Any]) -> None:
        """Fill the slots of the wanted positions from smaller pages, down to the single row that fails.

        Pages of a smaller size begin at multiples of it, so the first may begin before the wanted rows. A run of
        failing rows is no broken row but a failing server: then the error is raised.
        """
        smaller = NARROWER[size]
        for start in range(wanted.start - wanted.start % smaller, wanted.stop, smaller):
            # The single row is tried with full patience: it is given up only when it truly fails.
            attempts = ATTEMPTS if smaller == 1 else 2
            try:
                page = await self._test_page(product_id, start // smaller + 1, smaller, attempts=attempts)
            except _PAGE_ERRORS as error:
                if smaller == 1:
                    slots[start] = Hole(start + 1, 1, str(error), error.attempts)
                    run = [slots.get(start - back) for back in range(HOPELESS_RUN)]
                    if all(isinstance(slot, Hole) for slot in run):
                        raise
                    continue
                inside = range(max(start, wanted.start), min(start + smaller, wanted.stop))
                await self._narrow(product_id, inside, smaller, slots)
                continue
            slots.update((at, row) for at, row in enumerate(page, start) if at in wanted)
            if len(page) < smaller:
                return

    async def _test_page(self, product_id: int, number: int, size: int, *, attempts: int = ATTEMPTS) -> list[Any]:
        query: Query = (("page", number), ("per_page", size))
        path = f"products/{product_id}/exploratory_tests"
        return await self._list(path, "exploratory_tests", query, attempts=attempts)

    # -- one request -----------------------------------------------------------------------------------------------

    async def _list(self, path: str, key: str, query: Query = (), *, attempts: int = ATTEMPTS) -> list[Any]:
        answer = await self.get(path, query, attempts=attempts, envelope=key)
        return list(payloads.listed(answer, key) or ())

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
                if envelope and payloads.listed(answer, envelope) is None:
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
            response = await self._answer(url)
            if not response.has_redirect_location:
                return self._decoded(response, url)
            url = self._redirected(response, url)
        raise errors.RedirectRefusedError(
            f"GET {self._shown(url)} was redirected more than {MAX_REDIRECTS} times.", path=self._shown(url)
        )

    async def _answer(self, url: str) -> httpx.Response:
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

    async def repeat(self, urls: Sequence[str]) -> None:
        """Send requests for addresses again, together, and throw the answers away: what the network alone takes."""
        await gather(*(self._answer(url) for url in urls))

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
            raise _status_error(response, path, self._detail(response))
        try:
            with uncollected():
                return payloads.from_json(response.content)
        except (ValueError, RecursionError):
            kind = self._said(response.headers.get("content-type", "no content type"))
            raise errors.UnreadableAnswerError(
                f"GET {path} answered with something that is not JSON ({kind}, {len(response.content)} bytes). "
                f"{_REPORT_IT}",
                path=path,
                status=status,
            ) from None  # the cause holds the whole answer

    def _detail(self, response: httpx.Response) -> str:
        """Return the server's own words, when it has any, cut short and without the token."""
        try:
            body = json.loads(response.content)
        except (ValueError, RecursionError):
            return ""
        words = body.get("error") if isinstance(body, Mapping) else None
        return f' It said: "{self._said(words)}".' if isinstance(words, str) else ""

    def _said(self, words: str) -> str:
        """Return words of the server as one line that a terminal and a database can hold."""
        words = payloads.scrub_text(words, self.secrets)
        return "".join(character if character.isprintable() else " " for character in words)[:200]

    def _shown(self, url: str) -> str:
        """Return the part of the address below the base, readable."""
        return "/" + url.removeprefix(self._base).lstrip("/").replace("%5B%5D", "[]")


def _normal(base_url: str) -> str:
    """Return the address as the HTTP library spells it, so that the part below it can be told from it."""
    try:
        url = httpx.URL(base_url)
        if not url.host:  # decodes international names, which may fail
            raise errors.ConfigError(f"The address {base_url!r} names no host.")
    except (httpx.InvalidURL, UnicodeError) as error:
        raise errors.ConfigError(f"The address of the API cannot be used: {error}. {_ADDRESS_HELP}") from None
    return str(url).rstrip("/")


_ADDRESS_HELP = f"It comes from {BASE_URL_VARIABLE}, or is {DEFAULT_BASE_URL}."
_REPORT_IT = "If it stays so, the API has changed or something stands between you and it (a proxy, a login page)."


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


_PAGE_ERRORS = (errors.ServerError, errors.UnreadableAnswerError, errors.ConnectionFailedError)


def _same_rows(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return bool(some) and [_identity(row) for row in some] == [_identity(row) for row in others]


def _identity(row: Any) -> Any:
    """Return what tells a row from others: its id, or all of it where it has none."""
    found = _id_of(row)
    return row if found is None else found


def _unpaged(rows: Sequence[Any]) -> list[Any]:
    """Return the rows of a server that ignores `page`, as the staging host does: it answers the last 150 at most."""
    if len(rows) < UNPAGED_ROWS:
        return list(rows)
    reason = f"The server ignores `page` and answers no more than the last {UNPAGED_ROWS} tests."
    return [*rows, Hole(len(rows) + 1, None, reason, 1)]


def _test_list(rows: Sequence[Any], *, is_settled: bool) -> TestList:
    """Separate rows and holes, and name the neighbours of each hole: all that is known of it."""
    holes = []
    for at, hole in enumerate(rows):
        if isinstance(hole, Hole):
            holes.append(replace(hole, after=_nearest_id(reversed(rows[:at])), before=_nearest_id(rows[at + 1 :])))
    return TestList(tuple(row for row in rows if not isinstance(row, Hole)), tuple(holes), is_settled)


def _nearest_id(rows: Iterable[Any]) -> int | None:
    """Return the first usable id: an odd one is text of the API, which has no place in the name of a gap."""
    return next((found for row in rows if (found := as_id(_id_of(row))) is not None), None)


def _id_of(row: Any) -> Any:
    return row.get("id") if isinstance(row, Mapping) else None


async def gather(*coroutines: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run coroutines together and return their results in order; when one fails, the others are stopped first.

    A stop from outside always comes out as a stop. `asyncio.TaskGroup` would raise the error of a request that breaks
    off because of the stop instead, and that error would be taken for one of the server's.
    """
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    if not tasks:
        return []
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    failed = [task for task in tasks if task in ended and not task.cancelled() and task.exception()]
    return [task.result() for task in failed or tasks]
