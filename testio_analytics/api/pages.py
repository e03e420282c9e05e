"""One page of a list, read around the rows that the server cannot serve.

One broken row makes its whole page fail (testio-api 11.3): it is read in smaller pieces, down to the row that fails.
How a page is fetched is the caller's business.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Protocol

from testio_analytics import errors
from testio_analytics.api.values import Listed

log = logging.getLogger("testio_analytics.api.pages")

SMALLER = (10, 5, 2, 1)
MOST_FAILING = 5  # failing rows in a row after which a page is given up

PAGE_ERRORS = (errors.ServerError, errors.UnreadableAnswerError, errors.ConnectionFailedError)
"""What costs a page, and may not cost a smaller one."""


class Page(Protocol):
    """Fetch page `number` (from 1) of `size` rows, with all tries where nothing smaller can be asked for.

    Without a number, fetch the list as it comes when no page is asked for.
    """

    async def __call__(self, number: int | None, size: int, *, is_last_try: bool) -> Listed:
        """Return the rows of that page, none beyond the end, and what the answer says of the number of all rows."""


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


def smaller(size: int) -> int:
    """Return the next smaller size of a page."""
    return next((smaller for smaller in SMALLER if smaller < size), 1)


async def whole_page(page: Page, number: int, size: int) -> Listed | LostRows:
    """Return the slots of one page, or one `LostRows` where it cannot be read at all."""
    offset = (number - 1) * size
    try:
        return await page(number, size, is_last_try=True)
    except errors.ConnectionFailedError as error:
        return LostRows(offset + 1, size, str(error), error.attempts)
    except PAGE_ERRORS as error:
        log.info("%s Reading it in smaller pieces.", error)
    slots: dict[int, Any] = {}
    try:
        await _narrow(page, range(offset, offset + size), size, slots)
    except PAGE_ERRORS as error:
        return LostRows(offset + 1, size, str(error), error.attempts)
    return Listed(slots[position] for position in sorted(slots))


async def _narrow(page: Page, wanted: range, size: int, slots: dict[int, Any]) -> None:
    """Fill the slots of the wanted positions from smaller pages, down to the single row that fails.

    Pages of a smaller size begin at multiples of it, so the first may begin before the wanted rows. A run of
    failing rows is no broken row but a failing server: then the error is raised.
    """
    piece = smaller(size)
    for start in range(wanted.start - wanted.start % piece, wanted.stop, piece):
        try:
            # The single row gets all tries: it is given up only when it truly fails.
            rows = await page(start // piece + 1, piece, is_last_try=piece == 1)
        except PAGE_ERRORS as error:
            if piece == 1:
                slots[start] = LostRows(start + 1, 1, str(error), error.attempts)
                run = [slots.get(start - back) for back in range(MOST_FAILING)]
                if all(isinstance(slot, LostRows) for slot in run):
                    raise
                continue
            inside = range(max(start, wanted.start), min(start + piece, wanted.stop))
            await _narrow(page, inside, piece, slots)
            continue
        slots.update((at, row) for at, row in enumerate(rows, start) if at in wanted)
        if not rows:
            return
