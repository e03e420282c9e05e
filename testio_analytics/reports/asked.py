"""What the runs of a mirror were asked for: what nobody asked for is no gap of what was read."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, ON_REQUEST, STREAMS
from testio_analytics.reports.facts import once
from testio_analytics.text import counted, listed, short


@dataclass(frozen=True)
class Asked:
    """The streams that runs were asked for, whatever became of the runs: of the whole account, and of single products."""

    account: frozenset[str]
    products: Mapping[int, frozenset[str]]

    def covers(self, product_id: int, stream: str) -> bool:
        """Return whether this stream of this product was ever asked for."""
        return stream in self.account or stream in self.products.get(product_id, ())


@once
def asked_for(mirror: Mirror) -> Asked:
    """Return what the runs were asked for. Where no run says it, that is everything: then nothing is excused."""
    account, products = set[str](), defaultdict[int, set[str]](set)
    for streams, product_ids in zip(mirror.sync_runs["streams"], mirror.sync_runs["products"], strict=True):
        wanted = _list(streams) or (*STREAMS, *ON_REQUEST)
        if pd.isna(product_ids):
            account.update(wanted)
        for product_id in _list(product_ids):
            products[product_id].update(wanted)
    if mirror.sync_runs.empty:
        account.update(STREAMS)
    return Asked(frozenset(account), {key: frozenset(streams) for key, streams in products.items()})


def _list(text: object) -> list[Any]:
    found = json.loads(text) if isinstance(text, str) else None
    return found if isinstance(found, list) else []


def owes_account(mirror: Mirror) -> bool:
    """Return whether the account's list of products was asked for, or read: then one without it is not whole."""
    states = mirror.stream_states
    is_read = ((states["product_id"] == ACCOUNT) & (states["stream"] == "products")).any()
    return bool(is_read) or "products" in asked_for(mirror).account


def scope_note(mirror: Mirror) -> str | None:
    """Return which products the reports cover where the account's list of them was never asked for, as a sentence."""
    products = mirror.active("products")
    if owes_account(mirror) or mirror.product_ids is not None or products.empty:
        return None
    names = listed([short(mirror.product_names[key]) for key in products["id"].tolist()])
    return (
        f"This covers {counted(len(products), 'product')} only ({names}): others were never asked for. "
        "`testio-analytics sync` reads the whole account."
    )
