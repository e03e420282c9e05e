"""How the tests ask a fake server one question, through the real client and without waiting between tries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import pytest

from testio_analytics import errors
from testio_analytics.api.client import Client, Waits
from testio_analytics.config import ApiSettings
from waiting import PATIENCE

TOKEN = "tok-17cd-planted"
BASE = "https://api.example/customer/v2"
NOW = datetime(2026, 6, 30, 6, tzinfo=UTC)
Handler = Callable[[httpx.Request], Any]
Answer = TypeVar("Answer")


def ask(
    handler: Handler,
    question: Callable[[Client], Coroutine[Any, Any, Answer]],
    *,
    base: str = BASE,
    concurrency: int = 10,
) -> Answer:
    """Ask a fake server one question; no answer is a failure, not a hang."""

    async def go() -> Answer:
        transport = httpx.MockTransport(handler)
        async with Client(
            ApiSettings(base, TOKEN), transport=transport, waits=Waits(0, 0, 0), concurrency=concurrency
        ) as client:
            async with asyncio.timeout(PATIENCE):
                return await question(client)

    return asyncio.run(go())


def failing(
    question: Callable[[Client], Coroutine[Any, Any, Any]], handler: Handler, **options: Any
) -> errors.ApiError:
    """Ask a question that fails, and return its error."""
    with pytest.raises(errors.ApiError) as caught:
        ask(handler, question, **options)
    return caught.value
