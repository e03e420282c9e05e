"""“Run All”: cells that are queued at once all run, in order, although one of them waits in the kernel's own loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from syncing import TOKEN
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.server import running_server
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


def _run_all(cells: list[str], *, interrupt_when: Callable[[], object] | None = None) -> list[dict[str, Any]]:
    """Send all cells before the first has begun, and return the reply and the text of each."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        sent = [client.execute(cell, stop_on_error=False) for cell in cells]
        if interrupt_when is not None:
            wait_for(interrupt_when, "what is to be interrupted")
            manager.interrupt_kernel()
        done: dict[str, dict[str, Any]] = {key: {"text": ""} for key in sent}
        idle: set[str] = set()
        while len(idle) < len(sent):
            message = client.get_iopub_msg(timeout=PATIENCE)
            key = message["parent_header"].get("msg_id")
            if key not in done:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                done[key]["text"] += content["text"]
            elif message["msg_type"] == "error":
                done[key]["error"] = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                idle.add(key)
        return [done[key] for key in sent]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _small(pristine: Account) -> Account:
    return Account(pristine.now, [pristine.product(24959)])


def test_all_queued_cells_run_in_order(pristine: Account, tmp_path: Path) -> None:
    """A plain `ta.sync`, a plain `ta.run`, an `await` and the cells between and after them all print, in order."""
    db = tmp_path / "mirror.db"
    with running_server(create_app(_small(pristine), token=TOKEN, faults=Faults(slow=0.05))) as address:
        cells = [
            f"import os; os.environ.update(TESTIO_CUSTOMER_API_TOKEN={TOKEN!r}, TESTIO_CUSTOMER_API_BASE_URL={address!r})",
            f"import testio_analytics as ta; db = {str(db)!r}",
            "print('one', ta.sync(db, progress=False).outcome)",
            "print('two')",
            "async def go():\n"
            "    async with ta.Client(ta.resolve_api()) as client:\n"
            "        return await ta.sync_features(db, client, 24959)",
            "counts = ta.run(go()); print('three', counts.unchanged)",
            "counts = await go(); print('four', counts.unchanged)",
            "print('five', len(ta.load_features(db)))",
            "print('six', ta.sync(db).streams['features'].unchanged)",
            "print('seven')",
        ]
        replies = _run_all(cells)

    assert [reply.get("error") for reply in replies] == [None] * len(cells)
    said = [line for reply in replies for line in reply["text"].splitlines() if line.split(" ")[0] in WORDS]
    assert said == ["one complete", "two", "three 9", "four 9", "five 9", "six 9", "seven"]


WORDS = {"one", "two", "three", "four", "five", "six", "seven"}


def test_the_stop_button_stops_a_sync_at_once(pristine: Account, tmp_path: Path) -> None:
    """An interrupt ends a sync that waits for an answer, and the kernel goes on with the next cells."""
    db = tmp_path / "mirror.db"
    app = create_app(_small(pristine), token=TOKEN, faults=Faults(slow=2 * PATIENCE))
    with running_server(app) as address:
        cells = [
            f"import os; os.environ.update(TESTIO_CUSTOMER_API_TOKEN={TOKEN!r}, TESTIO_CUSTOMER_API_BASE_URL={address!r})",
            "import testio_analytics as ta; import testio_analytics.api.client",
            f"ta.sync({str(db)!r}, progress=False)",
            "print('after')",
        ]
        replies = _run_all(cells, interrupt_when=lambda: app.state.log.in_flight)

    assert replies[2].get("error") == "KeyboardInterrupt"
    assert "after" in replies[3]["text"]
