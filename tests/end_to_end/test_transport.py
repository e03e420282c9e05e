"""Between the command and the server: proxies, answers that never end, a server that goes down, and how a run is stopped."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette

from serving import COMMAND, command, environment, serving
from small_account import small_account
from syncing import TOKEN, query, sync_account
from testio_analytics import errors
from testio_analytics.api.client import ATTEMPTS, Client, Waits
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults, parse_faults
from testio_analytics.demo.server.server import running_server
from testio_analytics.mirror.account import Progress
from testio_analytics.mirror.sync import sync_async
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

# -- proxies ---------------------------------------------------------------------------------------------------------


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """Listen on a port as a proxy would; yields the port, and what it was sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)


def test_nothing_for_a_local_server_goes_to_a_proxy(tmp_path: Path) -> None:
    """With every variable naming a proxy and none excepting this machine, the sync is complete and the proxy hears nothing."""
    with serving(small_account()) as address, listening() as (port, heard):
        proxy = f"http://user:se#cr3t@127.0.0.1:{port}"
        variables = {"HTTP_PROXY": f"http://127.0.0.1:{port}", "ALL_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": ""}
        variables |= {name.lower(): value for name, value in variables.items()}
        done = command("sync", "--db", str(tmp_path / "a.db"), address=address, variables=variables)

    assert done.returncode == 0, done.stderr
    assert heard == []


def test_another_host_is_asked_through_the_proxy_which_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy hears where to connect to, and with which login; a message names both hosts, and no login."""
    with listening() as (port, heard):
        monkeypatch.setenv("https_proxy", f"http://user:s%23cr3t@127.0.0.1:{port}")

        async def ask() -> None:
            async with Client(ApiSettings("https://api.invalid/v2", TOKEN), waits=Waits(0, 0, 0)) as client:
                await client.get("products", attempts=1)

        with pytest.raises(errors.ConnectionFailedError) as caught:
            asyncio.run(ask())

    assert heard[0].startswith(b"CONNECT api.invalid:443 ")
    assert b"Proxy-Authorization: Basic" in heard[0]
    assert TOKEN.encode() not in heard[0]
    assert f"api.invalid through the proxy 127.0.0.1:{port} (https_proxy)" in str(caught.value)
    assert "cr3t" not in str(caught.value)


# -- answers that never end ------------------------------------------------------------------------------------------

Talk = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def _nothing(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(PATIENCE)


async def _repeated(writer: asyncio.StreamWriter, first: bytes, more: bytes) -> None:
    writer.write(first)
    while True:
        writer.write(more)
        await writer.drain()
        await asyncio.sleep(0.01)


TALKS: dict[str, Talk] = {
    "silence": _nothing,
    "a body by bytes": lambda writer: _repeated(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{", b" "),
    "a body without end": lambda writer: _repeated(writer, b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "1xx answers": lambda writer: _repeated(writer, b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "many 1xx answers": lambda writer: _repeated(writer, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99),
    "headers": lambda writer: _repeated(writer, b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
    "one header": lambda writer: _repeated(writer, b"HTTP/1.1 200 OK\r\nX-More: ", b"1"),
}


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """Serve a port on which every request gets this talk; yields its address."""
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await talk(writer)
        except (OSError, asyncio.CancelledError):
            pass  # the client has hung up, or the test is over
        finally:
            under_way.discard(task)
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2"
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


@pytest.mark.parametrize("talk", TALKS)
def test_a_request_ends_whatever_trickles_in(talk: str) -> None:
    """After its total time it is tried again, and after all tries it is an error that names the host."""

    async def ask() -> Client:
        waits = Waits(0, 0, 0, answer=0.05)
        async with talking(TALKS[talk]) as address, Client(ApiSettings(address, TOKEN), waits=waits) as client:
            with pytest.raises(errors.ConnectionFailedError, match=r"no answer from 127\.0\.0\.1:\d+: .*0\.05 seconds"):
                await client.products()
            return client

    assert asyncio.run(asyncio.wait_for(ask(), PATIENCE)).requests == ATTEMPTS


def test_an_answer_that_never_ends_is_a_gap_and_costs_nothing_else(tmp_path: Path) -> None:
    """Every tenth answer trickles without end: with tries left everything arrives, without them a gap names the part."""
    app = create_app(small_account(), token=TOKEN, faults=parse_faults(["endless-every=10"]))
    done = _synced(app, tmp_path / "a.db", Waits(0, 0, 0, answer=0.3))

    assert done.finished == 2
    assert query(tmp_path / "a.db", "select outcome from sync_runs") == [("complete",)]
    assert query(tmp_path / "a.db", "select count(*) from bugs") == [(6,)]


def _synced(app: Starlette, db: Path, waits: Waits) -> Progress:
    """Sync from a real port in this process, and return how far it came."""
    progress = Progress()

    async def go(address: str) -> None:
        async with Client(ApiSettings(address, TOKEN), waits=waits) as client:
            await sync_async(db, client=client, progress=progress)

    with running_server(app) as address:
        asyncio.run(go(address))
    return progress


# -- a server that goes down -----------------------------------------------------------------------------------------


def many_products(account: Account, count: int) -> Account:
    """Return the account with its last product so many times, under other ids and with nothing in it."""
    copies = []
    for number in range(count):
        product = account.copy().products[-1]
        product.payload["id"] = product.id = 100 + number
        product.features, product.cycles = [], []
        copies.append(product)
    return Account(account.now, copies)


def test_a_maintenance_page_ends_the_run_after_few_requests(tmp_path: Path) -> None:
    """The list of products comes, then nothing but a page: the run fails, says so, and has not asked for all the rest."""
    app = create_app(many_products(small_account(), 30), token=TOKEN, faults=parse_faults(["down-after=3"]))
    with pytest.raises(errors.OutageError, match="in a row got no useful answer from"):
        _synced(app, tmp_path / "a.db", Waits(0, 0, 0))

    assert app.state.log.total < 60
    assert query(tmp_path / "a.db", "select outcome from sync_runs") == [("failed",)]
    assert "not JSON" in query(tmp_path / "a.db", "select error from sync_runs")[0][0]


def test_sections_that_all_fail_among_working_addresses_are_gaps(tmp_path: Path) -> None:
    """Forty lists of features fail in a row; the tests and bugs of all products are stored."""
    faults = Faults(failing_sections=frozenset({201, 202}))
    done = sync_account(many_products(small_account(), 20), tmp_path / "a.db", faults=faults)

    assert done.result.outcome == "incomplete"
    assert sum("section 20" in gap.where for gap in done.result.gaps) == 40


# -- progress --------------------------------------------------------------------------------------------------------


def test_progress_moves_with_every_request(tmp_path: Path) -> None:
    """It is shown at each request and each product, and ends at what the run reports."""
    seen: list[tuple[int, int, int]] = []
    progress = Progress(lambda now: seen.append((now.requests, now.finished, now.products)))

    async def go(address: str) -> int:
        async with Client(ApiSettings(address, TOKEN), waits=Waits(0, 0, 0)) as client:
            return (await sync_async(tmp_path / "a.db", client=client, progress=progress)).requests

    with serving(small_account()) as address:
        requests = asyncio.run(go(address))

    assert [count for count, _, _ in seen if count] == sorted(count for count, _, _ in seen if count)
    assert {count for count, _, _ in seen} >= set(range(1, requests + 1))
    assert seen[-1] == (requests, 2, 2)


def test_bar_in_a_terminal_counts_requests_and_a_pipe_has_none(tmp_path: Path) -> None:
    """Standard error of a sync: a bar with requests where a person looks at it, nothing of it in a file."""
    with serving(small_account()) as address:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))  # no bar fits into none
        with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123  a descriptor, not a path
            words = [*COMMAND, "sync", "--db", str(tmp_path / "a.db")]
            process = subprocess.Popen(words, env=environment(address), stderr=theirs, stdout=subprocess.DEVNULL)
            os.close(theirs)
            shown = b"".join(iter(lambda: _read(terminal), b""))
            assert process.wait(PATIENCE) == 0
        piped = command("sync", "--db", str(tmp_path / "a.db"), address=address)

    assert b"Products" in shown
    assert b" requests" in shown.split(b"Run 1")[0]
    assert "Products" not in piped.stderr


def _read(terminal: Any) -> bytes:
    try:
        return bytes(terminal.read(65536))
    except OSError:  # the other side is closed
        return b""


# -- stopping --------------------------------------------------------------------------------------------------------


@contextmanager
def holding_back(account: Account, part: str) -> Iterator[tuple[str, threading.Event]]:
    """Serve an account that never answers addresses with this part; yields the address, and what says that one was asked."""
    app, is_asked, is_over = create_app(account, token=TOKEN), threading.Event(), threading.Event()

    async def held(scope: Any, receive: Any, send: Any) -> None:
        while part in scope.get("path", "") and not is_over.is_set():
            is_asked.set()
            await asyncio.sleep(0.02)
        await app(scope, receive, send)

    with running_server(cast("Starlette", held)) as address:
        yield address, is_asked
        is_over.set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_sync_says_what_it_kept(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM: the exit code of the signal, what is stored, the object of --json, and the run's row."""
    db = tmp_path / "mirror.db"
    with holding_back(small_account(), "products/2/") as (address, is_asked):
        process = subprocess.Popen(
            [*COMMAND, "sync", "--json", "--concurrency", "1", "--db", str(db)],
            env=environment(address),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wait_for(is_asked.is_set, "the second product, which is read when the first is stored")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == code, err
    assert err.decode() == "Stopped; 1 of 2 products finished and stored, and the next sync goes on from there.\n"
    said = json.loads(out)
    assert (said["run_id"], said["outcome"]) == (1, "failed")
    assert said["requests"] > 0
    assert query(db, "select outcome from sync_runs") == [("interrupted",)]
    assert not list(tmp_path.glob("*-journal"))


def test_a_terminated_report_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM while notebooks run: exit 143, one line, no folder of its own, no page, no kernel."""
    db, output, place = tmp_path / "mirror.db", tmp_path / "pages", tmp_path / "tmp"
    sync_account(small_account(), db)
    place.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "report", "--db", str(db), "--output", str(output)],
        env=os.environ | {"TMPDIR": str(place)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    wait_for(lambda: process.poll() is not None or list(place.rglob("k.json")), "a kernel")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, out) == (143, b""), err
    assert err == b"Stopped before it was done.\n"
    assert list(place.iterdir()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_dir() and path not in {place, output}] == []
    assert list(output.glob("*")) == [] if output.exists() else True


# -- kernels ---------------------------------------------------------------------------------------------------------


def test_an_old_module_beside_the_package_does_not_reach_the_kernels(tmp_path: Path) -> None:
    """The package lies in a folder with copies of standard modules that cannot be imported, as old backports cannot."""
    package = Path(errors.__file__).parent
    (tmp_path / package.name).symlink_to(package)
    for name in ("enum", "dataclasses", "typing", "asyncio"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('an old copy of a module of the standard library')")
    notebook = tmp_path / "n.ipynb"
    cells = [
        ("markdown", "# T", []),
        ("code", "db = None", ["parameters"]),
        ("code", "import testio_analytics as ta", []),
    ]
    cells.append(("code", "import enum, sys; print(ta.__file__, enum.__file__)", []))
    notebook.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
        {"cell_type": kind, "id": f"c{number}", "metadata": {"tags": tags}, "source": source}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for number, (kind, source, tags) in enumerate(cells)
    ]}))  # fmt: skip
    program = f"""if True:
        import sys, pathlib
        after = next(i for i, place in enumerate(sys.path) if place.endswith('-packages'))
        sys.path.insert(after, {str(tmp_path)!r})
        from testio_analytics.pages.execution import run_notebook
        done = run_notebook(pathlib.Path({str(notebook)!r}), parameters={{'db': 'x'}})
        print(done.cells[-1].outputs[0].text)
    """
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=bare, cwd="/", capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    ours, theirs = done.stdout.split()
    assert ours.startswith(str(tmp_path))
    assert not theirs.startswith(str(tmp_path))
