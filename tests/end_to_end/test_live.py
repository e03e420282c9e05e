"""The real API, read-only: `pytest -m live` with a token in TESTIO_CUSTOMER_API_TOKEN. What it finds is the truth."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import testio_analytics as ta
from syncing import query
from testio_analytics.api.client import Client
from testio_analytics.config import ApiSettings, resolve_api

ENVIRONMENT = {name: value for name, value in os.environ.items() if name.startswith("TESTIO_")}

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        "TESTIO_CUSTOMER_API_TOKEN" not in ENVIRONMENT,
        reason="asks the real API: needs TESTIO_CUSTOMER_API_TOKEN, and -m live",
    ),
]


@pytest.fixture(name="api")
def _api() -> ApiSettings:
    return resolve_api(env=ENVIRONMENT)


def test_products_have_the_documented_shape(api: ApiSettings) -> None:
    """Each product of the account has an id, and says whether it is sectioned."""

    async def go() -> list[dict[str, object]]:
        async with Client(api) as client:
            return await client.products()

    products = ta.run(go())
    assert products
    assert all(isinstance(product["id"], int) for product in products)
    assert all(isinstance(ta.has_sections(product), bool) for product in products)


def test_one_product_can_be_synced_twice_without_a_change(api: ApiSettings, tmp_path: Path) -> None:
    """The features of the first product are stored, none of them twice, and a second sync updates nothing."""
    db = tmp_path / "live.db"

    async def go() -> tuple[ta.FeatureCounts, ta.FeatureCounts]:
        async with Client(api) as client:
            product_id = (await client.products())[0]["id"]
            return await ta.sync_features(db, client, product_id), await ta.sync_features(db, client, product_id)

    first, second = ta.run(go())
    assert query(db, "select count(*) from features") == [(first.total,)]
    assert (second.created, second.updated, second.unchanged) == (0, 0, first.total)


def test_a_wrong_token_is_refused(api: ApiSettings) -> None:
    """A token that is none answers 401, which is told with the variable's name."""

    async def go() -> None:
        async with Client(ApiSettings(api.base_url, "not-a-token-0000")) as client:
            await client.products()

    with pytest.raises(ta.AuthenticationError, match="TESTIO_CUSTOMER_API_TOKEN"):
        ta.run(go())
