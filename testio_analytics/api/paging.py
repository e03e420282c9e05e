"""Read a list of unknown length page by page, around the rows that the server cannot serve.

The list has no total, shifts while it is read, and one broken row makes its whole page fail (testio-api 7.1 and 11.3).
How a page is fetched is the caller's business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from testio_analytics import errors
from testio_analytics.api.values import id_in
from testio_analytics.concurrency import gather

log = logging.getLogger("testio_analytics.api.paging")

PAGE_SIZE = 25
NARROWER = {25: 10, 10: 5, 5: 2, 2: 1}
MOST_FAILING = 5  # failing rows in a row after which a page is given up
PAGES_AT_ONCE = 4
UNPAGED_ROWS = 150  # what a list without paging holds at most (testio-api 7.1)

PAGE_ERRORS = (errors.ServerError, errors.UnreadableAnswerError, errors.ConnectionFailedError)
"""What costs a page, and may not cost a smaller one."""


class Page(Protocol):
    """Fetch page `number` (from 1) of `size` rows, with all tries where nothing smaller can be asked for."""

    async def __call__(self, number: int, size: int, *, is_last_try: bool) -> list[Any]:
        """Return the rows of that page; fewer than `size` of them on the last one."""


class CountedPage(Protocol):
    """Fetch page `number` (from 1) of `size` rows from a list that may count itself."""

    async def __call__(self, number: int, size: int) -> tuple[list[Any], int | None]:
        """Return the rows of that page, and how many rows the list has, None where the answer does not say."""


@dataclass(frozen=True)
class LostRows:
    """Rows of a test list that the server could not serve on any try.

    `position` counts from 1; `count` is None where the number of lost rows is unknown. `after` and `before` are
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
class PagedList:
    """All rows of a list that could be read, and those that could not.

    `is_settled` is false when the list kept changing while it was read, so that a row may have slipped through.
    `total` is the number of rows as the answer itself counts them, None where it does not.
    """

    rows: tuple[Any, ...]
    lost: tuple[LostRows, ...]
    is_settled: bool
    total: int | None = None


async def read_pages(page: Page) -> PagedList:
    """Return all rows of a list that has no total and may change meanwhile, and what is lost of it.

    The first page is read again at the end: where it changed, the whole list is read once more.

    Raises:
        ApiError: whatever costs more than a page, such as a refused token.
    """
    for _ in range(2):
        rows = await _all_rows(lambda number: _whole_page(page, number), at_once=PAGES_AT_ONCE)
        if len(rows) < PAGE_SIZE or await _begins_with(page, rows[:PAGE_SIZE]):
            return _paged_list(rows, is_settled=True)
    return _paged_list(rows, is_settled=False)


async def read_counted_pages(page: CountedPage) -> PagedList:
    """Return all rows of a short list that grows at its end only and may say its total.

    Raises:
        ApiError: a page could not be read.
    """
    total: int | None = None

    async def fetch(number: int) -> list[Any]:
        nonlocal total
        rows, total = await page(number, PAGE_SIZE)
        return rows

    rows = await _all_rows(fetch, at_once=1, is_all=lambda count: total is not None and count >= total)
    return replace(_paged_list(rows, is_settled=True), total=total)


async def _begins_with(page: Page, first: Sequence[Any]) -> bool:
    if any(isinstance(row, LostRows) for row in first):
        return True  # the page that had to be read in pieces cannot be compared as one
    try:
        again = await page(1, PAGE_SIZE, is_last_try=True)
    except PAGE_ERRORS:
        return False
    return same_rows(again[:PAGE_SIZE], first)  # more come where the server ignores paging


async def _all_rows(
    fetch: Callable[[int], Coroutine[Any, Any, list[Any] | LostRows]],
    *,
    at_once: int,
    is_all: Callable[[int], bool] = lambda _: False,
) -> list[Any]:
    """Return the rows in list order, a `LostRows` standing where rows could not be read.

    Pages are read until one is not full, or `is_all` says of the number of rows that it is the whole list. Where
    nothing says how many pages there are, the number asked for at once grows from one.
    """
    rows: list[Any] = []
    number, window = 1, 1
    while True:
        pages = await gather(*(fetch(number + ahead) for ahead in range(window)))
        for page in pages:
            if _is_end(rows, page) or is_all(len(rows)):
                return rows
        number += window
        window = min(window * 2, at_once)


def _is_end(rows: list[Any], page: list[Any] | LostRows) -> bool:
    """Add one page to the rows, and return whether the list ends with it."""
    before = rows[-1] if rows and isinstance(rows[-1], LostRows) and rows[-1].count == PAGE_SIZE else None
    if isinstance(page, LostRows):
        if before:  # two lost pages, one after the other: the end cannot be found
            rows[-1] = replace(page, position=before.position, count=None)
            return True
        rows.append(page)
        return False
    if len(page) > PAGE_SIZE or (rows and same_rows(page, rows[: len(page)])):
        rows[:] = _unpaged(page)
        return True
    if len(page) == PAGE_SIZE and same_rows(page, rows[-PAGE_SIZE:]):
        return True  # a server that repeats its last page without end
    if page == [] and before:
        rows[-1] = replace(before, count=None)  # the lost page was the last one, and maybe not a full one
    rows.extend(page)
    return len(page) < PAGE_SIZE


async def _whole_page(page: Page, number: int) -> list[Any] | LostRows:
    """Return the slots of one page, or one `LostRows` where it cannot be read at all."""
    offset = (number - 1) * PAGE_SIZE
    try:
        return await page(number, PAGE_SIZE, is_last_try=True)
    except errors.ConnectionFailedError as error:
        return LostRows(offset + 1, PAGE_SIZE, str(error), error.attempts)
    except PAGE_ERRORS as error:
        log.info("%s Reading it in smaller pieces.", error)
    slots: dict[int, Any] = {}
    try:
        await _narrow(page, range(offset, offset + PAGE_SIZE), PAGE_SIZE, slots)
    except PAGE_ERRORS as error:
        return LostRows(offset + 1, PAGE_SIZE, str(error), error.attempts)
    return [slots[position] for position in sorted(slots)]


async def _narrow(page: Page, wanted: range, size: int, slots: dict[int, Any]) -> None:
    """Fill the slots of the wanted positions from smaller pages, down to the single row that fails.

    Pages of a smaller size begin at multiples of it, so the first may begin before the wanted rows. A run of
    failing rows is no broken row but a failing server: then the error is raised.
    """
    smaller = NARROWER[size]
    for start in range(wanted.start - wanted.start % smaller, wanted.stop, smaller):
        try:
            # The single row gets all tries: it is given up only when it truly fails.
            rows = await page(start // smaller + 1, smaller, is_last_try=smaller == 1)
        except PAGE_ERRORS as error:
            if smaller == 1:
                slots[start] = LostRows(start + 1, 1, str(error), error.attempts)
                run = [slots.get(start - back) for back in range(MOST_FAILING)]
                if all(isinstance(slot, LostRows) for slot in run):
                    raise
                continue
            inside = range(max(start, wanted.start), min(start + smaller, wanted.stop))
            await _narrow(page, inside, smaller, slots)
            continue
        slots.update((at, row) for at, row in enumerate(rows, start) if at in wanted)
        if len(rows) < smaller:
            return


def same_rows(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Return whether these are the same rows in the same order, by their ids; no rows are not the same as no rows."""
    return bool(some) and [_identity(row) for row in some] == [_identity(row) for row in others]


def _identity(row: Any) -> Any:
    """Return what tells a row from others: its id, or all of it where it has none."""
    found = row.get("id") if isinstance(row, Mapping) else None
    return row if found is None else found


def _unpaged(rows: Sequence[Any]) -> list[Any]:
    """Return the rows of a server that ignores `page`, as the staging host does: it answers the last 150 at most."""
    if len(rows) < UNPAGED_ROWS:
        return list(rows)
    reason = f"The server ignores `page` and answers no more than the last {UNPAGED_ROWS} rows."
    return [*rows, LostRows(len(rows) + 1, None, reason, 1)]


def _paged_list(rows: Sequence[Any], *, is_settled: bool) -> PagedList:
    """Separate rows and lost ones, and name the nearest rows of each: all that is known of it."""
    lost = tuple(
        replace(row, after=_nearest_id(reversed(rows[:at])), before=_nearest_id(rows[at + 1 :]))
        for at, row in enumerate(rows)
        if isinstance(row, LostRows)
    )
    return PagedList(tuple(row for row in rows if not isinstance(row, LostRows)), lost, is_settled)


def _nearest_id(rows: Iterable[Any]) -> int | None:
    """Return the first usable id: another one is text of the API, which must not get into the name of a gap."""
    return next((found for row in rows if (found := id_in(row)) is not None), None)
