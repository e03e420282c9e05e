"""Which runs people were told of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from syncing import NOW
from testio_analytics.mirror import ledger
from testio_analytics.mirror.database import open_store
from testio_analytics.mirror.reported import last_reported, remember


@pytest.mark.parametrize(
    ("products", "run"),
    [
        pytest.param(None, 1, id="what was about one product says nothing of the account"),
        pytest.param([1], 3, id="about two"),
        pytest.param([2], 2, id="about this product alone"),
        pytest.param([1, 2], 1, id="about one of the two"),
    ],
)
def test_last_reported_is_of_these_products(db_path: Path, products: Sequence[int] | None, run: int) -> None:
    """Of four runs: reports of the account, of one product, of two; then a message that may not have arrived."""
    with open_store(db_path) as db:
        for _ in range(5):
            ledger.begin_run(db, now=NOW, mode="normal", streams=(), products=None, version="1")
    for number, about in enumerate([None, [2], [1, 3]], start=1):
        remember(db_path, kind="report", run_id=number, products=about)
    remember(db_path, kind="notify", run_id=4, state="sending")

    assert last_reported(db_path, before_run=5, products=products) == run
