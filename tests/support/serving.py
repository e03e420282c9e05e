"""A real port for an account, and the command as people run it against one: processes, exit codes, output."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.applications import Starlette

from syncing import TOKEN
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.server import running_server
from waiting import PATIENCE

COMMAND = [sys.executable, "-m", "testio_analytics"]


@contextmanager
def serving(account: Account | Starlette, faults: Faults | None = None) -> Iterator[str]:
    """Serve an account, or an app of your own, on a real port; yields the address of the API."""
    app = account if isinstance(account, Starlette) else create_app(account, token=TOKEN, faults=faults or Faults())
    with running_server(app) as address:
        yield address


def environment(address: str, token: str = TOKEN) -> dict[str, str]:
    """Return an environment in which the command finds the server."""
    return {
        **os.environ,
        "TESTIO_CUSTOMER_API_BASE_URL": address,
        "TESTIO_CUSTOMER_API_TOKEN": token,
        "NO_PROXY": "127.0.0.1",
    }


def command(
    *words: str,
    address: str = "http://127.0.0.1:9/unused",
    token: str = TOKEN,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command against the server and return what it said."""
    return subprocess.run(
        [*COMMAND, *words],
        env=environment(address, token) | dict(variables or {}),
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE,
    )
