"""The gate for requests: its width, its order, being alone, and no place lost to cancellation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.api.pacing import Pacer
from waiting import PATIENCE


@dataclass
class Watch:
    """What is under way, and every breach of the rules that was seen."""

    pacer: Pacer
    running: set[int] = field(default_factory=set)
    alone: int | None = None
    breaches: list[str] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)

    def begin(self, number: int, *, alone: bool) -> None:
        """Note that a request passed the gate."""
        if self.alone is not None:
            self.breaches.append(f"{number} entered beside {self.alone}, which was to be alone")
        if alone and self.running:
            self.breaches.append(f"{number} was to be alone and met {self.running}")
        self.running.add(number)
        self.alone = number if alone else None
        if self.pacer.in_flight < len(self.running):  # more are counted while those let in have not woken yet
            self.breaches.append(f"{self.pacer.in_flight} counted, {len(self.running)} under way")

    def end(self, number: int) -> None:
        """Note that it is done."""
        self.running.discard(number)
        self.alone = None if self.alone == number else self.alone
        self.finished.append(number)


@dataclass(frozen=True)
class Job:
    """One request: turns of the loop before it comes and while it is under way, and what happens to it."""

    comes: int
    lasts: int
    alone: bool = False
    objects: bool = False
    cancelled_at: int | None = None


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _simulate(ceiling: int, jobs: Sequence[Job]) -> Watch:
    pacer = Pacer(ceiling)
    watch = Watch(pacer)

    async def one(number: int, job: Job) -> None:
        await _turns(job.comes)
        async with pacer.slot(alone=job.alone) as epoch:
            watch.begin(number, alone=job.alone)
            try:
                await _turns(job.lasts)
            finally:
                watch.end(number)
            if job.objects:
                pacer.objected(epoch)
            else:
                pacer.answered()
            if not 1 <= pacer.limit <= ceiling:
                watch.breaches.append(f"limit {pacer.limit}")

    tasks = [asyncio.create_task(one(number, job)) for number, job in enumerate(jobs)]
    for turn in range(60):
        for task, job in zip(tasks, jobs, strict=True):
            if job.cancelled_at == turn:
                task.cancel()
        await asyncio.sleep(0)
    done, waiting = await asyncio.wait(tasks, timeout=PATIENCE)
    assert not waiting, "requests wait for ever"
    assert not [task for task in done if not task.cancelled() and task.exception()]
    return watch


JOBS = st.builds(
    Job,
    comes=st.integers(0, 6),
    lasts=st.integers(0, 5),
    alone=st.sampled_from([False, False, True]),
    objects=st.sampled_from([False, False, True]),
    cancelled_at=st.one_of(st.none(), st.none(), st.integers(0, 12)),
)


@given(ceiling=st.integers(1, 4), jobs=st.lists(JOBS, min_size=1, max_size=12))
def test_any_schedule_ends_and_keeps_the_rules(ceiling: int, jobs: list[Job]) -> None:
    """Whoever comes, objects or is cancelled when: nobody beside one that is alone, none lost, and all places given back."""
    watch = asyncio.run(_simulate(ceiling, jobs))
    assert not watch.breaches
    assert watch.pacer.in_flight == 0
    uncancelled = {number for number, job in enumerate(jobs) if job.cancelled_at is None}
    assert uncancelled <= set(watch.finished)


@given(ceiling=st.integers(1, 5), lasts=st.lists(st.integers(1, 4), min_size=1, max_size=15), seed=st.integers(0, 99))
def test_never_more_than_the_limit_enter(ceiling: int, lasts: list[int], seed: int) -> None:
    """At the moment of entering, no more are under way than the limit of that moment allows."""

    async def go() -> list[tuple[int, float]]:
        pacer, seen, dice = Pacer(ceiling), [], random.Random(seed)

        async def one(turns: int) -> None:
            async with pacer.slot() as epoch:
                seen.append((pacer.in_flight, pacer.limit))
                await _turns(turns)
                if dice.random() < 0.4:
                    pacer.objected(epoch)
                else:
                    pacer.answered()

        await asyncio.gather(*(one(turns) for turns in lasts))
        return seen

    seen = asyncio.run(go())
    assert len(seen) == len(lasts)
    # those admitted before an objection are still under way after it, so the ceiling is the bound that always holds
    assert all(1 <= in_flight <= ceiling and 1 <= limit <= ceiling for in_flight, limit in seen)


def test_entering_waits_for_the_lowered_limit() -> None:
    """After an objection the next one enters only when fewer than the new limit are under way."""

    async def go() -> list[int]:
        pacer, entered = Pacer(4), []

        async def one() -> None:
            async with pacer.slot():
                entered.append(pacer.in_flight)
                await _turns(3)

        async with pacer.slot() as epoch:
            pacer.objected(epoch)  # 4 -> 2
            await asyncio.gather(*(one() for _ in range(6)))
        return entered

    assert max(asyncio.run(go())) == 2


def test_requests_pass_in_the_order_in_which_they_came() -> None:
    """Nobody is overtaken, not even one that must be alone."""

    async def go() -> list[int]:
        pacer, order = Pacer(2), []

        async def one(number: int) -> None:
            async with pacer.slot(alone=number % 3 == 0):
                order.append(number)
                await _turns(number % 2)

        await asyncio.gather(*(one(number) for number in range(12)))
        return order

    assert asyncio.run(go()) == list(range(12))


def test_objections_of_one_wave_count_once() -> None:
    """Ten requests that fail together halve the limit once, not ten times; the next wave halves it again, down to one."""

    async def go() -> list[float]:
        pacer, limits = Pacer(8), []
        for _ in range(5):
            epochs = []
            for _ in range(3):
                async with pacer.slot() as epoch:
                    epochs.append(epoch)
            for epoch in epochs:
                pacer.objected(epoch)
            limits.append(pacer.limit)
        return limits

    # each wave of three ran in sequence within one epoch
    assert asyncio.run(go()) == [4, 2, 1, 1, 1]


def test_late_objection_of_an_old_wave_is_not_counted() -> None:
    """A request begun before the limit was lowered says nothing about the lower limit."""
    pacer = Pacer(8)
    pacer.objected(0)
    pacer.objected(0)
    assert pacer.limit == 4


def test_limit_grows_back_to_the_ceiling_and_no_further() -> None:
    """A limit's worth of answers raises it by about one."""
    pacer = Pacer(6)
    pacer.objected(0)
    assert pacer.limit == 3
    for _ in range(4):
        pacer.answered()
    assert 4 <= pacer.limit < 5
    for _ in range(100):
        pacer.answered()
    assert pacer.limit == 6


@pytest.mark.parametrize("alone", [False, True])
def test_cancelled_before_its_turn_and_passed_over_leaves_no_trace(alone: bool) -> None:
    """One that is cancelled in the very turn in which a place becomes free must not give back a place it never had."""

    async def go() -> Pacer:
        pacer = Pacer(1)

        async def wait() -> None:
            async with pacer.slot(alone=alone):
                raise AssertionError("it was cancelled")

        async with pacer.slot():
            task = asyncio.create_task(wait())
            await _turns(2)
            task.cancel()
        # the place was given back before the task could see its cancellation
        with suppress(asyncio.CancelledError):
            await task
        return pacer

    assert asyncio.run(go()).in_flight == 0


def test_cancelled_in_the_turn_of_its_admission_gives_the_place_back() -> None:
    """Admitted and cancelled at once: the next in the queue gets the place."""

    async def go() -> tuple[int, bool]:
        pacer, reached = Pacer(1), asyncio.Event()

        async def wait() -> None:
            async with pacer.slot():
                raise AssertionError("it was cancelled")

        async def other() -> None:
            async with pacer.slot():
                reached.set()

        async with pacer.slot():
            task, later = asyncio.create_task(wait()), asyncio.create_task(other())
            await _turns(2)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.wait_for(later, 1)
        return pacer.in_flight, reached.is_set()

    assert asyncio.run(go()) == (0, True)


def test_error_inside_gives_the_place_back() -> None:
    """A request that fails frees its place, and being alone ends with it."""

    async def go() -> int:
        pacer = Pacer(1)
        for alone in (True, False):
            with suppress(KeyError):
                async with pacer.slot(alone=alone):
                    raise KeyError
        async with asyncio.timeout(1), pacer.slot():
            return pacer.in_flight

    assert asyncio.run(go()) == 1


def test_pause_holds_back_new_requests_and_the_longest_counts() -> None:
    """Nobody begins before the pause is over; a shorter one asked for later does not shorten it."""

    async def go() -> float:
        loop, pacer = asyncio.get_running_loop(), Pacer(4)
        start = loop.time()
        pacer.pause(0.05)
        pacer.pause(0.01)
        async with pacer.slot():
            return loop.time() - start

    assert asyncio.run(go()) >= 0.05
