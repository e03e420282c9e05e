"""Read a list of unknown length page by page, and see that it is whole.

The list has no total, moves while it is read, and may hide rows of a page (testio-api 7.1). So only an empty page ends
it, and it is read until two readings agree: a test whose end changes shifts all rows between its old place and its new
one by one, so that for each row that slips through unread another comes twice; a deletion shifts rows as well and shows
only as a difference between two readings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from testio_analytics import errors
from testio_analytics.api.pages import PAGE_ERRORS, LostRows, Page, smaller, whole_page
from testio_analytics.api.values import Listed, as_json, id_in
from testio_analytics.concurrency import gather
from testio_analytics.text import counted, listed

PAGE_SIZE = 25
PAGES_AT_ONCE = 4
MOST_READINGS = 4
LIST_ERRORS = (*PAGE_ERRORS, errors.NotFoundError, errors.RequestRefusedError, errors.RateLimitedError)
UNPAGED_ROWS = 150  # what a list without paging holds at most (testio-api 7.1)


@dataclass(frozen=True)
class PagedList:
    """All rows of a list that could be read, and those that could not.

    `doubt` says why the list may not be whole, in words and numbers; None where two readings agreed, or where one
    agreed with what was known. `hidden` is the number of places on pages before the last one that came without a row.
    `withdrawn` are rows of an earlier reading that the last one no longer had. `total` is the number of rows as the
    answer itself counts them, None where it does not.
    """

    rows: tuple[Any, ...]
    lost: tuple[LostRows, ...] = ()
    doubt: str | None = None
    hidden: int = 0
    withdrawn: tuple[Any, ...] = ()
    total: int | None = None


@dataclass
class _Reading:
    """One pass over a list: its pages in order, an empty one last where the end was found."""

    size: int
    pages: list[Sequence[Any]] = field(default_factory=list)
    total: int | None = None
    repeated: int | None = None
    is_unpaged: bool = False
    is_over: bool = False
    seen: Counter[Hashable] = field(default_factory=Counter)

    @property
    def rows(self) -> list[Any]:
        """Return the rows in list order, a `LostRows` standing where rows could not be read."""
        return [row for page in self.pages for row in page]

    @property
    def ids(self) -> frozenset[Hashable]:
        """Return what tells the rows apart."""
        return frozenset(self.seen)

    @property
    def has_lost(self) -> bool:
        """Return whether rows could not be read."""
        return any(isinstance(row, LostRows) for row in self.rows)

    @property
    def moved(self) -> int:
        """Return how many rows with an id came more than once."""
        return sum(number > 1 for key, number in self.seen.items() if isinstance(key, int))

    @property
    def hidden(self) -> int:
        """Return how many places of pages before the last one came without a row."""
        return sum(max(self.size - held, 0) for held in self._held[:-1])

    @property
    def most(self) -> int:
        """Return how many rows the fullest page held."""
        return max((len(page) for page in self.pages), default=0)

    @property
    def is_capped(self) -> bool:
        """Return whether several pages came and none was full: the server may give smaller ones than asked for."""
        return len(self._held) > 1 and max(self._held) < self.size

    @property
    def _held(self) -> list[int]:
        """Return how many rows each page held, lost ones included, up to the last page that held any."""
        if self.is_unpaged:
            return []
        held = [
            sum((row.count or self.size) if isinstance(row, LostRows) else 1 for row in page) for page in self.pages
        ]
        while held and not held[-1]:
            held.pop()
        return held

    def add(self, page: Listed | LostRows) -> None:
        """Add the next page, and see whether it ends the reading; an empty one does so at the end of its window."""
        before = self.pages[-1][0] if self.pages and self._is_lost(self.pages[-1]) else None
        if isinstance(page, LostRows):
            if before:  # two lost pages, one after the other: the end cannot be found
                self.pages[-1] = [replace(before, count=None)]
                self.is_over = True
                return
            self.pages.append([page])
            return
        self.total = self.total if page.total is None else page.total
        ids = [identity(row) for row in page if not isinstance(row, LostRows)]
        if ids and all(one in self.seen for one in ids):
            # Not the end, and it might go on for ever.
            self.is_unpaged = len(self.pages) == 1 and len(page) != self.size and same_rows(page, self.pages[0])
            self.repeated, self.is_over = (None if self.is_unpaged else len(self.pages) + 1), True
            return
        if not page and before:
            self.pages[-1] = [replace(before, count=None)]  # it was the last one, and maybe not a full one
        self.seen.update(ids)
        self.pages.append(page)

    def _is_lost(self, page: Sequence[Any]) -> bool:
        return len(page) == 1 and isinstance(page[0], LostRows) and page[0].count == self.size

    def next_window(self, window: int, rows_expected: int) -> int:
        """Return how many pages to ask for at once: more each time, but not beyond where the end seems to be."""
        left = -(-rows_expected // self.size) + 1 - len(self.pages)
        if left > 0:
            return min(2 * window, PAGES_AT_ONCE, left)
        return 1 if rows_expected or len(self.pages[-1]) < self.size else min(2 * window, PAGES_AT_ONCE)


async def read_pages(page: Page, known: Collection[int] | None = None) -> PagedList:
    """Return all rows of a list that has no total and may change meanwhile, and what is lost of it.

    It is read until two readings brought the same rows and nothing moved in the second. Where a reading brings exactly
    the rows that are `known` from a complete read before, and no place before the end is empty, it is the second of
    the two. A reading in which no page was full is followed by one in smaller pages, and a list of a single page by
    one of pages of just so many rows: rows that a server cuts off would begin the next page. A list of which no page
    was ever full is asked for without pages as well: on small pages, a few hidden rows make an empty one.

    Raises:
        ApiError: whatever costs more than a page, such as a refused token.
    """
    readings: list[_Reading] = []
    before: frozenset[Hashable] | None = None if known is None else frozenset(known)
    size = PAGE_SIZE
    while len(readings) < MOST_READINGS:
        try:
            reading = await _read_once(page, size, rows_expected=len(before or ()))
        except LIST_ERRORS as error:
            if not readings:
                raise
            return _whole(readings, f"it could not be read a second time: {error}")
        if readings and reading.has_lost and not readings[-1].has_lost:
            (failed, *_) = (row for row in reading.rows if isinstance(row, LostRows))
            return _whole(readings, f"it could not be read a second time: {failed.reason}")
        readings.append(reading)
        agrees = reading.ids == (before or frozenset()) and not reading.moved
        agrees &= not reading.hidden or (len(readings) > 1 and not reading.is_capped)
        if reading.is_unpaged:
            return await _without_pages(page, readings)
        if reading.repeated is None and agrees:
            is_capped = any(one.is_capped for one in readings)
            is_known = known is not None and reading.ids == frozenset(known) and not is_capped
            is_sure = is_known or reading.most >= PAGE_SIZE
            return _whole(readings, None) if is_sure else await _without_pages(page, readings)
        is_same = agrees and len(readings) > 1 and readings[-2].repeated is not None
        if is_same or (reading.has_lost and not reading.is_capped):
            break
        before, size = reading.ids, _next_size(reading)
    return _whole(readings, _doubt(readings))


async def _without_pages(page: Page, readings: Sequence[_Reading]) -> PagedList:
    """Return a list that pages alone do not show to be whole: whole where it comes the same without pages.

    That is so where a server answers the same to every page (so do small pages from a cache), and where no page was
    full, so that an empty page may be one whose few rows are hidden.
    """
    last, everything = readings[-1], _Reading(PAGE_SIZE)
    try:
        everything.add(await page(None, PAGE_SIZE, is_last_try=True))
        if everything.ids == last.ids:
            return _whole(readings, None)
        if not last.is_unpaged and everything.ids < last.ids and len(everything.rows) >= last.most:
            return await _after_the_end(page, readings)
    except LIST_ERRORS as error:
        return _whole(readings, f"it could not be read a second time: {error}")
    came = f"every page brought the same {len(last.ids)}" if last.is_unpaged else f"pages brought {len(last.ids)}"
    words = f"{came} rows, and the list without pages {len(everything.ids)}"
    return _whole([*readings, everything], words)


async def _after_the_end(page: Page, readings: Sequence[_Reading]) -> PagedList:
    """Return a list that is longer than what comes without pages: whole where a full page's places follow it empty."""
    last, after = readings[-1], _Reading(PAGE_SIZE)
    first = len(last.pages) + 1
    for number in range(first, first + PAGE_SIZE // last.most):
        after.pages.append(await page(number, last.size, is_last_try=True))
    if not after.rows:
        return _whole(readings, None)
    words = f"{counted(len(after.rows), 'row')} came after an empty page, which looked like the end of the list"
    return _whole([*readings, after], words)


def _next_size(reading: _Reading) -> int:
    if reading.is_capped:
        return smaller(reading.size)
    held = [len(page) for page in reading.pages if page]
    return held[0] if len(held) == 1 and held[0] < reading.size else reading.size


def _doubt(readings: Sequence[_Reading]) -> str | None:
    """Return in words and numbers why readings do not make a whole list."""
    last = readings[-1]
    if last.repeated:
        return (
            f"page {last.repeated} of {last.size} rows holds only what came on pages before it ({len(last.ids)} rows): "
            "the server, or a cache before it, answers the same to different pages, so the end was not found"
        )
    if last.has_lost and not last.moved:
        return None  # the lost rows say it
    moved = max(reading.moved for reading in readings)
    came = listed([str(len(reading.ids)) for reading in readings], most=MOST_READINGS)
    return (
        f"the list kept changing while it was read: {counted(len(readings), 'reading')} brought {came} rows"
        + (f", {moved} of them twice" if moved else "")
        + "; a row may have slipped through. Sync again"
    )


async def read_counted_pages(page: Page) -> PagedList:
    """Return all rows of a short list that grows at its end only and may say its total.

    It ends with an empty page, or with one that is not full where the answer's own count is reached.

    Raises:
        ApiError: a page could not be read.
    """
    reading = _Reading(PAGE_SIZE)
    while not reading.is_over:
        found = await page(len(reading.pages) + 1, PAGE_SIZE, is_last_try=True)
        reading.add(found)
        is_counted = reading.total is not None and len(reading.ids) >= reading.total
        reading.is_over |= not found or (is_counted and len(found) < PAGE_SIZE)
    is_known = reading.repeated is None or len(reading.ids) == reading.total
    return replace(_whole([reading], None if is_known else _doubt([reading])), total=reading.total)


async def _read_once(page: Page, size: int, *, rows_expected: int) -> _Reading:
    """Return one reading of a list, which goes on until an empty page, or one that brings nothing new."""
    reading, window = _Reading(size), 1
    while not reading.is_over:
        first = len(reading.pages) + 1
        for answer in await gather(*(whole_page(page, first + ahead, size) for ahead in range(window))):
            if not reading.is_over:
                reading.add(answer)
        reading.is_over |= not reading.pages[-1]
        window = reading.next_window(window, rows_expected)
    if reading.is_unpaged and len(reading.rows) >= UNPAGED_ROWS:
        reason = f"The server ignores `page` and answers no more than the last {UNPAGED_ROWS} rows."
        reading.pages.append([LostRows(len(reading.rows) + 1, None, reason, 1)])
    return reading


def same_rows(some: Sequence[Any], others: Sequence[Any]) -> bool:
    """Return whether these are the same rows in the same order, by their ids; no rows are not the same as no rows."""
    return bool(some) and [identity(row) for row in some] == [identity(row) for row in others]


def identity(row: Any) -> Hashable:
    """Return what tells a row from others: its id, or all of it where it has none."""
    return id_in(row) or as_json(row)


def _whole(readings: Sequence[_Reading], doubt: str | None) -> PagedList:
    """Return what readings brought: the last one where it is sound, else every row that any of them had.

    Lost rows are those of the last reading, each with the nearest rows: all that is known of it.
    """
    last, came = readings[-1], dict[Hashable, Any]()
    for reading in readings:
        came |= {identity(row): row for row in reading.rows if not isinstance(row, LostRows)}
    lost = tuple(
        replace(row, after=_nearest_id(reversed(last.rows[:at])), before=_nearest_id(last.rows[at + 1 :]))
        for at, row in enumerate(last.rows)
        if isinstance(row, LostRows)
    )
    if doubt or lost:
        return PagedList(tuple(came.values()), lost, doubt, last.hidden, total=last.total)
    withdrawn = tuple(row for key, row in came.items() if key not in last.seen)
    return PagedList(tuple(last.rows), hidden=last.hidden, withdrawn=withdrawn, total=last.total)


def _nearest_id(rows: Iterable[Any]) -> int | None:
    """Return the first usable id: another one is text of the API, which must not get into the name of a gap."""
    return next((found for row in rows if (found := id_in(row)) is not None), None)
