"""How many requests may be under way at once: as many as the server takes without objecting.

Additive increase, multiplicative decrease, as TCP does it (Chiu and Jain, 1989): an objection halves the limit, a
limit's worth of answers raises it by one. Whatever else happens, one request at a time is always allowed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Pacer:
    """A gate for requests whose width follows what the server says. Requests pass in the order in which they came.

    Attributes:
        limit: how many requests may be under way now, between 1 and the ceiling.
        in_flight: how many are.
    """

    def __init__(self, ceiling: int) -> None:
        self._ceiling = float(ceiling)
        self.limit = float(ceiling)
        self.in_flight = 0
        self._is_closed_by_one = False
        self._queue: deque[tuple[asyncio.Future[None], bool]] = deque()
        self._resume_at = 0.0
        self._epoch = 0

    @asynccontextmanager
    async def slot(self, *, alone: bool = False) -> AsyncIterator[int]:
        """Hold a place at the gate; `alone` waits until nothing else is under way and keeps it so.

        Yields the epoch in which the request starts, to be handed to `objected`.
        """
        await self._enter(alone)
        try:
            await self._wait_out_pause()
            yield self._epoch
        finally:
            self._leave(alone)

    async def _enter(self, alone: bool) -> None:
        place = (asyncio.get_running_loop().create_future(), alone)
        self._queue.append(place)
        self._admit()
        try:
            await place[0]
        except asyncio.CancelledError:
            if not place[0].cancelled():  # admitted and cancelled in the same turn of the loop
                self._leave(alone)
            elif place in self._queue:  # else `_admit` has passed it over without counting it
                self._queue.remove(place)
                self._admit()
            raise

    def _admit(self) -> None:
        """Let in those at the head of the queue that fit; nothing here awaits, so no wake-up can be lost."""
        while self._queue and self._has_room(alone=self._queue[0][1]):
            future, alone = self._queue.popleft()
            if future.cancelled():
                continue
            self.in_flight += 1
            self._is_closed_by_one = alone
            future.set_result(None)

    def _has_room(self, *, alone: bool) -> bool:
        if alone:
            return self.in_flight == 0
        return not self._is_closed_by_one and self.in_flight < int(self.limit)

    def _leave(self, alone: bool) -> None:
        self.in_flight -= 1
        if alone:
            self._is_closed_by_one = False
        self._admit()

    async def _wait_out_pause(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._resume_at - loop.time()) > 0:
            await asyncio.sleep(left)

    def answered(self) -> None:
        """Note a useful answer: after as many as the limit, one more request may be under way."""
        self.limit = min(self._ceiling, self.limit + 1 / self.limit)

    def objected(self, epoch: int) -> None:
        """Note that the server objected to a request begun in that epoch: halve the limit, once for all its peers."""
        if epoch == self._epoch:
            self._epoch += 1
            self.limit = max(1.0, self.limit / 2)

    def pause(self, seconds: float) -> None:
        """Begin no request for so many seconds, as the server asked."""
        self._resume_at = max(self._resume_at, asyncio.get_running_loop().time() + seconds)
