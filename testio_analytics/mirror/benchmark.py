"""How long the feature sync of one product takes, beside what its requests alone take."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testio_analytics.api.client import Client, Sent
from testio_analytics.concurrency import gather, run
from testio_analytics.config import ApiSettings, resolve_api
from testio_analytics.errors import ReportError
from testio_analytics.mirror.sync import sync_features


@dataclass(frozen=True)
class Timing:
    """Seconds that one feature sync took, seconds that the same requests took alone, and the rows stored."""

    seconds: float
    bound: float
    requests: int
    features: int


def run_benchmark(product_id: int, *, iterations: int, threshold: float, write: Callable[[str], object]) -> bool:
    """Time the feature sync into new databases, write each run and the summary, and say whether the median is in bounds.

    Raises:
        ReportError: a run could not read everything; its time would mean nothing.
    """
    settings = resolve_api()
    timings = []
    for number in range(1, iterations + 1):
        timing = run(measure(settings, product_id))
        timings.append(timing)
        write(
            f"run {number}: {timing.seconds:.3f} s for {timing.features} features in {timing.requests} requests; "
            f"the requests alone {timing.bound:.3f} s, ratio {timing.seconds / timing.bound:.2f}"
        )
    return _summarise(timings, threshold, write)


async def measure(settings: ApiSettings, product_id: int) -> Timing:
    """Sync the features of one product into a new database, then send the same chain of requests alone."""
    with tempfile.TemporaryDirectory() as folder:
        async with Client(settings) as client:
            began = time.perf_counter()
            counts = await sync_features(Path(folder) / "benchmark.db", client, product_id)
            seconds = time.perf_counter() - began
        if counts.gaps:
            gap = counts.gaps[0]
            raise ReportError(f"The feature sync of product {product_id} was incomplete ({gap.where}): {gap.reason}")
    chain = waves(client.sent)
    async with Client(settings) as bare:
        began = time.perf_counter()
        for urls in chain:
            await gather(*(bare.answer(url) for url in urls))
        bound = time.perf_counter() - began
    return Timing(seconds, bound, client.requests, counts.total)


def waves(sent: Sequence[Sent]) -> list[list[str]]:
    """Group requests into waves: one begins a new wave when all of the wave before had ended."""
    grouped: list[list[str]] = []
    until = float("-inf")
    for request in sorted(sent, key=lambda request: request.began):
        if request.began >= until:
            grouped.append([])
        grouped[-1].append(request.url)
        until = max(until, request.ended)
    return grouped


def _summarise(timings: Sequence[Timing], threshold: float, write: Callable[[str], object]) -> bool:
    seconds = [timing.seconds for timing in timings]
    median = statistics.median(seconds)
    write(
        f"min {min(seconds):.3f} s, median {median:.3f} s, mean {statistics.fmean(seconds):.3f} s, max {max(seconds):.3f} s"
    )
    ratio = statistics.median(timing.seconds / timing.bound for timing in timings)
    write(f"median ratio to the requests alone: {ratio:.2f}")
    is_fast = median <= threshold
    write(f"{'within' if is_fast else 'OVER'} the threshold of {threshold:g} s (median)")
    return is_fast
