"""Whole syncs from sources that hide, cap, repeat, move, miscount, leave out and fail, first and later ones.

Whatever the source does, one of two things holds: the mirror is the truth, or every figure that differs from the truth
is in doubt. And no row that the source still has is ever marked as removed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st

from adversary import Conduct, ErrorAt, Event, Source
from small_account import feature_payload, locked_test, small_account
from syncing import NOW, TOKEN, query
from testio_analytics.api import paging
from testio_analytics.api.client import Client, Waits
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.model import Account, identity
from testio_analytics.errors import TestioError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.mirror.sync import sync_async
from testio_analytics.reports.doubts import doubts_of
from truths import assert_true_or_in_doubt, begin

TABLES = ("products", "sections", "features", "user_stories", "tests", "test_features", "bugs")

# -- histories ------------------------------------------------------------------------------------------------------

PAGE = 5
"""Rows of a page in these histories: what goes wrong at the end of a page does so after five rows as after 25."""
MOST, FEW = 12, 3
SIZES = st.sampled_from([0, 3, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE - 1, 2 * PAGE, MOST])
PARTS = ("/products/2/features", "/sections/201/features", "/sections/202/features", "/products/1/features")
errors_at = st.builds(
    ErrorAt,
    part=st.sampled_from([*PARTS, "/exploratory_tests?page=2", "/bugs?", "/exploratory_tests/1001", "/products/2?"]),
    status=st.sampled_from([400, 403, 404, 408, 422, 429, 500, 503]),
    first=st.sampled_from([None, 1, 2, 5]),
)
events = st.builds(
    Event,
    request=st.integers(2, 12),
    kind=st.sampled_from(["end earlier", "end later", "insert", "delete"]),
    index=st.integers(0, MOST),
)
LEFT_OUT = (
    "bugs.status",
    "bugs.auto_accepted",
    "bugs.severity",
    "bugs.test_feature",
    "exploratory_tests.features",
    "exploratory_tests.status",
    "features.feature_id",
)
"""What the source leaves out. Not the end of a test: without it a test belongs to its start, by definition."""
hidden_ids = st.one_of(
    st.integers(1001, 1000 + MOST),  # tests
    st.integers(1001, 1000 + MOST).map(lambda test_id: 10 * test_id),  # their bugs
    st.just(2),  # a product
)


@st.composite
def conducts(draw: st.DrawFn) -> Conduct:
    """Return a conduct that combines up to three misbehaviours."""
    choices: dict[str, st.SearchStrategy[Any]] = {
        "hidden": st.frozensets(hidden_ids, min_size=1, max_size=3),
        "cap": st.integers(1, PAGE - 1),
        "every_page_is_first": st.just(True),
        "repeated_page": st.integers(2, 4),
        "event": events,
        "lie": st.tuples(st.sampled_from(["bugs", "features", "products"]), st.sampled_from([-3, -1, 1, 7])),
        "cut": st.tuples(st.sampled_from(["bugs", "features", "products"]), st.sampled_from([0, 1, 3, 20])),
        "missing": st.frozensets(
            st.sampled_from(LEFT_OUT),
            min_size=1,
            max_size=2,
        ),
        "errors": st.tuples(errors_at),
    }
    wanted = draw(st.lists(st.sampled_from(sorted(choices)), max_size=3, unique=True))
    conduct = Conduct(**{name: draw(choices[name]) for name in wanted})
    return replace(conduct, cap_loses_rows=draw(st.booleans()), repeats_once=draw(st.booleans()))


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[str, int]]:
    """Return what happens to product 1 between two syncs."""
    kinds = st.sampled_from(["add test", "drop test", "add feature", "drop feature", "rename feature", "change bug"])
    return draw(st.lists(st.tuples(kinds, st.integers(0, MOST - 1)), max_size=3))


def edit(account: Account, kind: str, index: int) -> None:
    """Change product 1 of the account; what is to be added and is there already is not added a second time."""
    product, ids = account.product(1), _ids(account)
    match kind:
        case "add test" if 1300 + index not in ids["tests"]:
            product.cycles.append(locked_test(1, 300 + index))
        case "add feature" if 110 + index not in ids["features"]:
            account.add_feature(1, feature_payload(110 + index))
        case "drop test" if product.cycles:
            del product.cycles[index % len(product.cycles)]
        case "drop feature" if product.features:
            del product.features[index % len(product.features)]
        case "rename feature" if product.features:
            product.features[index % len(product.features)].payload["title"] = f"Renamed {index}"
        case "change bug" if product.cycles:
            for bug in product.cycles[index % len(product.cycles)].bugs:
                bug.payload["status"] = "rejected"


# -- one history ----------------------------------------------------------------------------------------------------


@given(st.data(), SIZES)
def test_the_mirror_is_the_truth_or_says_what_may_differ(data: st.DataObject, size: int) -> None:
    """Up to three syncs, the account edited between them."""
    account = small_account(tests=size)
    del account.product(2).cycles[FEW:]  # one long list is enough
    with _folder() as folder, mock.patch.object(paging, "PAGE_SIZE", PAGE):
        db = folder / "mirror.db"
        for number in range(data.draw(st.integers(1, 3), "syncs")):
            if number:
                for kind, index in data.draw(edits(), "edits"):
                    edit(account, kind, index)
            conduct = data.draw(conducts(), "conduct")
            now = NOW + timedelta(hours=number)
            before, stored = account.copy(), _stored_ids(db)
            outcome = _sync(account, conduct, db, now)
            note(f"sync {number + 1}: {outcome}")
            event(outcome)
            if outcome == "failed":
                continue
            truths = [
                _visible(truth, conduct, stored) for truth in ((before, account) if conduct.event else (account,))
            ]
            _assert_nothing_removed_that_exists(db, before, account)
            assert_true_or_in_doubt(db, truths, now)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="testio-adversary-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _sync(account: Account, conduct: Conduct, db: Path, now: datetime) -> str:
    async def go() -> str:
        source = Source(account, conduct)
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=source, waits=Waits(0, 0, 0)) as client:
            return (await sync_async(db, client=client, clock=lambda: now)).outcome

    begin(db)
    try:
        return run(go())
    except TestioError as error:
        note(str(error))
        return "failed"


def _stored_ids(db: Path) -> dict[str, set[int]]:
    begin(db)
    return {table: {key for (key,) in query(db, f"select id from {table}")} for table in TABLES}


def _visible(account: Account, conduct: Conduct, stored: dict[str, set[int]]) -> Account:
    """Return the account without what is hidden and was never seen: nobody could know of it."""
    truth = account.copy()
    unknown = {table: conduct.hidden - stored[table] for table in TABLES}
    truth.products = [product for product in truth.products if product.id not in unknown["products"]]
    for product in truth.products:
        product.cycles = [cycle for cycle in product.cycles if identity(cycle.payload) not in unknown["tests"]]
        for cycle in product.cycles:
            cycle.bugs = [bug for bug in cycle.bugs if identity(bug.payload) not in unknown["bugs"]]
    return truth


def _assert_nothing_removed_that_exists(db: Path, before: Account, after: Account) -> None:
    existing = [_ids(account) for account in (before, after)]
    for table in ("products", "features", "tests", "bugs"):
        removed = {key for (key,) in query(db, f"select id from {table} where removed_at is not null")}
        assert not removed & existing[0][table] & existing[1][table], f"{table} that exist are marked as removed"


def _ids(account: Account) -> dict[str, set[int]]:
    cycles = [cycle for product in account.products for cycle in product.cycles]
    return {
        "products": {product.id for product in account.products},
        "features": {identity(row.payload) for product in account.products for row in product.features},
        "tests": {identity(cycle.payload) for cycle in cycles},
        "bugs": {identity(bug.payload) for cycle in cycles for bug in cycle.bugs},
    }


# -- the source itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 25, 60])
def test_an_honest_source_is_read_completely(size: int, tmp_path: Path) -> None:
    """Without misbehaviour the mirror is the truth, and nothing is in doubt."""
    account = small_account(tests=size)

    assert _sync(account, Conduct(), tmp_path / "mirror.db", NOW) == "complete"
    assert not doubts_of(load_mirror(tmp_path / "mirror.db"), "feature_results")
    assert_true_or_in_doubt(tmp_path / "mirror.db", [account], NOW)
