"""Parts of a stream that could not be read: which errors cost only a part, and how it is noted."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from testio_analytics import errors
from testio_analytics.mirror.diff import Gap

Answer = TypeVar("Answer")

# What costs one part of the data. A refused token or a redirect to another host costs everything, and stops the run.
GAP_ERRORS = (
    errors.NotFoundError,
    errors.RequestRefusedError,
    errors.ServerError,
    errors.RateLimitedError,
    errors.ConnectionFailedError,
    errors.UnreadableAnswerError,
)


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
        """Return the answer to a request; None, with the part noted, where the API did not answer usefully."""
        try:
            return await request
        except GAP_ERRORS as error:
            self.note_error(where, error)
            return None

    @property
    def in_order(self) -> tuple[Gap, ...]:
        """The gaps by place: what is read together ends in any order."""
        return tuple(sorted(self.noted, key=lambda gap: gap.where))

    @property
    def missing(self) -> int | None:
        """The number of rows that are missing: 0 without gaps, else unknown."""
        return None if self.noted else 0
