"""The demo API on a real port: in the foreground for the command, in a thread for end-to-end tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from testio_analytics.demo.account.build import EARLIER, demo_account
from testio_analytics.demo.account.earlier import account_at
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.middleware import PREFIX

STARTUP_LIMIT = 10.0
"""Seconds within which a server in a thread must listen."""


class DemoServer(uvicorn.Server):
    """A quiet server that calls back once it listens."""

    def __init__(self, app: Starlette, *, host: str, port: int, on_ready: Callable[[str], None]) -> None:
        # Nothing is logged: the demo's dropped connections would print a traceback for each one.
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then give the address under which the API answers."""
        await super().startup(sockets)
        if self.started:
            self.on_ready(self.address())

    def address(self) -> str:
        """Return the base address of the API, with the port that was really taken."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{port}{PREFIX}"


def serve(
    *,
    port: int,
    token: str,
    faults: Faults,
    on_ready: Callable[[str], None],
    host: str = "127.0.0.1",
) -> None:
    """Serve the demo account until interrupted; port 0 takes any free one.

    Raises:
        OSError: the port cannot be used.
    """
    # Ctrl-C is how this ends; uvicorn hands it on after it has closed its connections.
    with _bound(host, port) as taken, suppress(KeyboardInterrupt):
        account = account_at(demo_account(), EARLIER) if faults.is_earlier else demo_account()
        app = create_app(account, token=token, faults=faults)
        DemoServer(app, host=host, port=port, on_ready=on_ready).run([taken])


def _bound(host: str, port: int) -> socket.socket:
    # Bound here rather than by uvicorn, which would end the whole process where the port is taken.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns Nagle's algorithm off only then, which costs a small answer 0.04 s.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


@contextmanager
def running_server(app: Starlette, *, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an app on a free port in a thread and yield the base address of its API.

    Raises:
        TimeoutError: it does not listen within `STARTUP_LIMIT`.
    """
    ready = threading.Event()
    addresses: list[str] = []

    def note(address: str) -> None:
        addresses.append(address)
        ready.set()

    with _bound(host, 0) as taken:
        server = DemoServer(app, host=host, port=0, on_ready=note)
        thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
        thread.start()
        try:
            if not ready.wait(STARTUP_LIMIT):
                raise TimeoutError("The demo server did not start.")
            yield addresses[0]
        finally:
            server.should_exit = True
            thread.join(STARTUP_LIMIT)
