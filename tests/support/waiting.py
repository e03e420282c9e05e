"""How long tests wait for what must happen. It is no bound on speed: a busy machine takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 300.0
"""Seconds after which what has not happened never will."""


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Return as soon as the condition holds; fail, with what did not happen, when patience is over."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)
