"""How long a large account takes: the sync beside what its requests alone must take, its memory, and the pages.

50 products, 3,000 features, 2,200 tests and 28,000 bugs, 0.1 s per answer, 10 requests at once. The server runs in a
process of its own and answers from a cache, so that what is measured is the client. Run it by hand::

    python tests/benchmarks/large_account.py [--pages]

The exit code is 1 when a figure is over its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SLOW, AT_ONCE = 0.1, 10
MOST_TIMES_BOUND, MOST_MEGABYTES, MOST_PAGE_SECONDS = 1.3, 300, 60
STREAMS = ("features", "tests", "bugs")


def serve(ready: Any) -> None:
    """Serve the account for ever: the first answer of an address is computed, all later ones come slowly from a cache."""
    import socket

    import uvicorn

    from testio_analytics.demo.generate import generate_account
    from testio_analytics.demo.server.app import create_app
    from testio_analytics.demo.server.faults import Faults

    account = generate_account(seed=1, products=50, features=3_000, tests=2_200, bugs=28_000)
    app: Any = create_app(account, token="large", faults=Faults())
    cache: dict[tuple[str, bytes], list[Any]] = {}

    async def cached(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        key = (scope["path"], scope["query_string"])
        if key in cache:
            await asyncio.sleep(SLOW)
        else:
            messages: list[Any] = []

            async def keep(message: Any) -> None:
                messages.append(message)

            await app(scope, receive, keep)
            cache[key] = messages
        for message in cache[key]:
            await send(message)

    # With its protocol named, or asyncio leaves Nagle's algorithm on, and small answers take 0.04 s longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    ready.send(listener.getsockname()[1])
    uvicorn.Server(uvicorn.Config(cached, log_level="error", access_log=False)).run(sockets=[listener])


def sync_once(port: int, db: str, report: Any) -> None:
    """Sync into a new database and report requests, seconds, seconds of the processors and bugs."""
    from testio_analytics.api.client import Client
    from testio_analytics.config import ApiSettings
    from testio_analytics.mirror.sync import sync_async

    async def go() -> Any:
        settings = ApiSettings(f"http://127.0.0.1:{port}/customer/v2", "large")
        async with Client(settings, concurrency=AT_ONCE) as client:
            return await sync_async(db, client=client, streams=STREAMS)

    began, worked = time.perf_counter(), time.process_time()
    result = asyncio.run(go())
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    helped = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked += helped.ru_utime + helped.ru_stime
    report.send((result.outcome, result.requests, seconds, worked, result.streams["bugs"].total))


def main() -> int:
    """Measure, print each figure beside its limit, and return the exit code."""
    parser = argparse.ArgumentParser(description="Measure the sync of a large account.")
    parser.add_argument("--pages", action="store_true", help="make all pages as well")
    parser.add_argument("--runs", type=int, default=3, help="how often the sync is timed")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ready, port_end = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(port_end,), daemon=True)
    server.start()
    port = ready.recv()
    print(f"{os.cpu_count()} processors; server and client in processes of their own")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for run in range(options.runs + 1):
            db = str(Path(folder) / f"{run}.db")
            megabytes, (outcome, requests, seconds, worked, bugs) = _apart(context, sync_once, port, db)
            if not run:
                continue  # fills the server's cache
            bound = requests / AT_ONCE * SLOW
            worst = max(worst, seconds / bound)
            print(
                f"run {run}: {outcome}, {bugs:,} bugs, {requests} requests in {seconds:.2f} s; the requests alone "
                f"{bound:.2f} s, ratio {seconds / bound:.2f} (limit {MOST_TIMES_BOUND}); processor {worked:.2f} s; "
                f"{megabytes:.0f} MB (limit {MOST_MEGABYTES})"
            )
        is_fine = worst < MOST_TIMES_BOUND and megabytes < MOST_MEGABYTES
        server.terminate()
        if options.pages:
            from testio_analytics.pages.build import make_pages

            began = time.perf_counter()
            pages = make_pages(Path(db), Path(folder) / "pages")
            seconds = time.perf_counter() - began
            size = sum(page.stat().st_size for page in pages) / 2**20
            print(f"{len(pages)} pages, {size:.0f} MB, in {seconds:.1f} s (limit {MOST_PAGE_SECONDS})")
            is_fine &= seconds < MOST_PAGE_SECONDS
    return 0 if is_fine else 1


def _apart(context: Any, function: Any, *arguments: Any) -> Any:
    """Return the highest memory of a process and its children together, and what the function reports from there."""
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=function, args=(*arguments, sender))
    process.start()
    highest = 0.0
    while not receiver.poll(0.02):
        highest = max(highest, _megabytes(process.pid))
    answer = receiver.recv()
    process.join()
    return highest, answer


def _megabytes(pid: int) -> float:
    """Return the resident memory of a process and its children, as Linux tells it."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        # A child belongs to the thread that started it.
        children = [
            child for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):  # it ended just now
        return 0.0
    return pages * resource.getpagesize() / 2**20 + sum(_megabytes(int(child)) for child in children)


if __name__ == "__main__":
    sys.exit(main())
