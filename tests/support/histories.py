"""Accounts that change at random between syncs, and syncs that miss parts, fail or are cut off: what histories are made of."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from adversary import Conduct, ErrorAt, Source
from small_account import feature_payload, locked_test
from syncing import NOW, TOKEN
from testio_analytics.api.client import Client, Waits
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account, Feature
from testio_analytics.errors import TestioError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.mirror.sync import sync_async

EDITS = (
    *("rename feature", "rewrite feature", "drop feature", "add feature", "bring feature back", "move feature"),
    *(
        "start test",
        "cancel test",
        "add test",
        "drop test",
        "bring test back",
        "change bug",
        "drop bug",
        "rename story",
    ),
    *("rename product", "drop product", "bring product back"),
)

HONEST = Conduct()


@dataclass(frozen=True)
class Step:
    """One sync: what happens before it, what it is asked for, and how the source behaves."""

    edits: tuple[tuple[str, int], ...] = ()
    products: tuple[int, ...] | None = None
    streams: tuple[str, ...] | None = None
    full: bool = False
    conduct: Conduct = HONEST
    dies_at: int | None = None
    keep_days: int | None = None


@dataclass
class Past:
    """An account, and what was taken out of it, so that it can come back."""

    account: Account
    gone: dict[str, list[Any]] = field(default_factory=lambda: {"feature": [], "test": [], "product": []})


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Return a sync at random: half of them are plain ones."""
    edits = draw(st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 9)), max_size=3))
    step = Step(tuple(edits), full=draw(st.booleans()))
    match draw(st.sampled_from(["plain", "plain", "plain", "part", "gap", "gap", "dies"])):
        case "part":
            products = draw(st.sampled_from([None, (1,), (2,), (1, 77)]))
            streams = draw(st.sampled_from([None, ("features",), ("tests",), ("tests", "bugs"), ("results",)]))
            return Step(step.edits, products, streams, step.full)
        case "gap":
            part = draw(st.sampled_from(["/products/2/features", "/sections/201/", "/bugs?", "/exploratory_tests"]))
            errors = (ErrorAt(part, draw(st.sampled_from([403, 500]))),)
            return Step(step.edits, full=step.full, conduct=Conduct(errors=errors))
        case "dies":
            return Step(step.edits, full=step.full, dies_at=draw(st.integers(1, 25)))
    return step


def edit(past: Past, kind: str, index: int) -> None:
    """Change the account: something of one of its products, or a product as a whole."""
    products = past.account.products
    if not products:
        products.extend(past.gone["product"])
        past.gone["product"].clear()
        return
    product = products[index % len(products)]
    cycle = product.cycles[index % len(product.cycles)] if product.cycles else None
    feature = product.features[index % len(product.features)] if product.features else None
    match kind:
        case "rename product":
            product.payload["name"] = f"Named {index}"
        case "drop product":
            past.gone["product"].append(product)
            products.remove(product)
        case "bring product back" if past.gone["product"]:
            products.append(past.gone["product"].pop())
        case "add feature":
            key = 100 * product.id + 50 + index
            if all(known.payload["id"] != key for known in product.features):
                product.features.append(Feature(feature_payload(key), list(product.section_ids)))
        case "rename feature" if feature:
            feature.payload["title"] = f"Named {index}"
        case "rewrite feature" if feature:
            feature.payload["description"] = f"Written “{index}” anew,\nover two lines \U0001f6a2"
        case "drop feature" if feature:
            past.gone["feature"].append((product.id, feature))
            product.features.remove(feature)
        case "bring feature back" if past.gone["feature"]:
            owner, back = past.gone["feature"].pop()
            for known in (one for one in products if one.id == owner):
                known.features.append(back)
        case "move feature" if feature and len(product.section_ids) > 1:
            product.features[product.features.index(feature)] = Feature(
                feature.payload, [product.section_ids[index % 2]]
            )
        case "rename story" if feature and feature.payload["user_stories"]:
            feature.payload["user_stories"][0]["title"] = f"Told {index}"
        case "add test":
            key = 1000 * product.id + 100 + index
            if all(known.payload["id"] != key for known in product.cycles):
                product.cycles.append(locked_test(product.id, 100 + index))
        case "start test" if cycle:
            cycle.payload["status"] = "running"
        case "cancel test" if cycle:
            cycle.payload["status"] = "cancelled"
        case "drop test" if cycle:
            past.gone["test"].append((product.id, cycle))
            product.cycles.remove(cycle)
        case "bring test back" if past.gone["test"]:
            owner, back = past.gone["test"].pop()
            for known in (one for one in products if one.id == owner):
                known.cycles.append(back)
        case "change bug" if cycle and cycle.bugs:
            cycle.bugs[0].payload["status"] = ("rejected", "forwarded", "accepted")[index % 3]
        case "drop bug" if cycle and cycle.bugs:
            cycle.bugs.pop()


class _Dying(httpx.AsyncBaseTransport):
    """A source whose requests end the process's sync at a certain one, as a power cut would."""

    def __init__(self, source: Source, dies_at: int) -> None:
        self.source, self.dies_at = source, dies_at

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.source.requests >= self.dies_at:
            raise KeyboardInterrupt
        return await self.source.handle_async_request(request)


def sync_step(past: Past, step: Step, db: Path, number: int) -> None:
    """Change the account and sync it; whether the sync succeeds does not matter."""
    for kind, index in step.edits:
        edit(past, kind, index)
    now: datetime = NOW + timedelta(days=number)
    source: httpx.AsyncBaseTransport = Source(past.account, step.conduct)
    if step.dies_at is not None:
        source = _Dying(Source(past.account, step.conduct), step.dies_at)

    async def go() -> None:
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=source, waits=Waits(0, 0, 0), concurrency=1) as client:
            await sync_async(
                db,
                client=client,
                product_ids=step.products,
                streams=step.streams,
                full=step.full,
                keep_history=None if step.keep_days is None else timedelta(days=step.keep_days),
                clock=lambda: now,
            )

    with suppress(TestioError, KeyboardInterrupt):
        run(go())


def frames(mirror: Mirror) -> dict[str, pd.DataFrame]:
    """Return every table of a mirror, with what is looked up in the whole account."""
    found = {table.name: getattr(mirror, table.name) for table in ALL_TABLES}
    return found | {"catalogue": mirror.catalogue, "account_products": mirror.account_products}


def assert_same(rebuilt: Mirror, then: Mirror) -> None:
    """Check that two mirrors hold the same, in every table and in what is known of the runs."""
    expected = frames(then)
    for name, frame in frames(rebuilt).items():
        assert_frame_equal(frame, expected[name], obj=name)
    assert (rebuilt.runs, rebuilt.as_of, rebuilt.run_id) == (then.runs, then.as_of, then.run_id)
    assert rebuilt.says_auto_accepted == then.says_auto_accepted
