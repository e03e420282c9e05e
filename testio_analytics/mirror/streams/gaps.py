"""Parts of a stream that could not be read: which errors cost only a part, and how it is noted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from testio_analytics import errors
from testio_analytics.api.values import Listed
from testio_analytics.concurrency import gather
from testio_analytics.mirror.diff import MOST_REMOVED, REMOVAL, Gap, Vanished
from testio_analytics.text import listed

MOST_ASKED = 50
"""Rows of one product that a normal sync asks for one by one because they no longer come with their list."""

Answer = TypeVar("Answer")
Ask = Callable[[int], Awaitable[Any]]
IsElsewhere = Callable[[Any], bool]

# What costs one part of the data. A refused token or a redirect to another host costs everything, and stops the run.
GAP_ERRORS = (
    errors.NotFoundError,
    errors.RequestRefusedError,
    errors.ServerError,
    errors.RateLimitedError,
    errors.ConnectionFailedError,
    errors.UnreadableAnswerError,
)


def _never(_: Any) -> bool:
    return False


@dataclass
class Gaps:
    """The gaps of one read of one stream of one product."""

    stream: str
    product_id: int
    noted: list[Gap] = field(default_factory=list)

    def note(self, where: str, reason: str, attempts: int = 0) -> None:
        """Note that a part could not be read."""
        self.noted.append(Gap(self.stream, where, reason, attempts, self.product_id))

    def note_error(self, where: str, error: errors.ApiError) -> None:
        """Note the part that an error cost."""
        self.note(where, str(error), error.attempts)

    async def answer(self, where: str, request: Awaitable[Answer]) -> Answer | None:
        """Return the answer to a request; None, with the part noted, where the API did not answer usefully.

        A list that differs from its own count is noted as well.
        """
        try:
            return self.counted(where, await request)
        except GAP_ERRORS as error:
            self.note_error(where, error)
            return None

    def counted(self, where: str, answer: Answer) -> Answer:
        """Return an answer as it is; where it is a list that differs from its own count, that is noted."""
        if isinstance(answer, Listed) and (words := answer.miscount):
            self.note(where, words, 1)
        return answer

    async def still_there(
        self, name: str, gone: Vanished, ask: Ask, *, full: bool, is_elsewhere: IsElsewhere = _never
    ) -> list[Any]:
        """Ask for rows that no longer come by their ids, before they are marked as removed; return those that answer.

        `name` is what they are, in the plural. One that answers is a gap, so that none is marked, unless it
        `is_elsewhere`, where the list need not bring it. Where more than half are gone at once, that holds them back
        anyway; `MOST_ASKED` bounds what a normal sync asks, a `full` one asks for all.
        """
        if not full and len(gone.ids) > min(MOST_ASKED, gone.stored * MOST_REMOVED):
            self._note_unasked(name, gone)
            return []
        answers = await gather(*(self._one(name, row_id, ask, full=full) for row_id in gone.ids))
        pairs = [(row_id, answer) for row_id, answer in zip(gone.ids, answers, strict=True) if answer is not None]
        named = [str(row_id) for row_id, answer in pairs if not is_elsewhere(answer)]
        if named:
            reason = (
                f"{len(named)} of {len(gone.ids)} {name} that no longer came still answer by their ids "
                f"({listed(named, most=10)}), so what came is not whole, and none is marked as removed"
            )
            self.note(f"{name} that no longer come", reason, len(gone.ids))
        return [answer for _, answer in pairs]

    def _note_unasked(self, name: str, gone: Vanished) -> None:
        if len(gone.ids) > gone.stored * MOST_REMOVED or self.noted:
            return  # a gap of its own, or of another kind, holds them back
        reason = (
            f"{len(gone.ids)} of {gone.stored} stored {name} no longer came; more than {MOST_ASKED} are not asked for "
            "one by one, and none is marked as removed, until a sync with --full does so"
        )
        self.note(f"{REMOVAL}{name}", reason)

    async def _one(self, name: str, row_id: int, ask: Ask, *, full: bool) -> Any:
        async def there() -> Any:
            try:
                return await ask(row_id)
            except errors.NotFoundError as error:
                if (
                    error.status != 404 and not full
                ):  # 403 is a matter of rights, as long as nobody says that it is gone
                    raise
                return None

        return await self.answer(f"{name} that no longer come: {row_id}", there())

    @property
    def in_order(self) -> tuple[Gap, ...]:
        """The gaps by place: what is read together ends in any order."""
        return tuple(sorted(self.noted, key=lambda gap: gap.where))

    @property
    def missing(self) -> int | None:
        """The number of rows that are missing: 0 without gaps, else unknown."""
        return None if self.noted else 0
