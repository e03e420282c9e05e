"""The ledger as a report: what is stored, what is missing, and how old it is."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given

from strategies import Account, a_third, accounts, ago, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import STREAMS
from testio_analytics.reports.doubt_words import sentences, words
from testio_analytics.reports.doubts import doubts, products_in_doubt
from testio_analytics.reports.health import completeness


def mirror_of(account: Account) -> Mirror:
    """Read an account as the reports do."""
    with opened(account) as connection:
        return load_mirror(connection)


def row_of(account: Account, product_id: int, stream: str) -> pd.Series[Any]:
    """Return one row of the ledger."""
    found = completeness(mirror_of(account))
    return found[(found["product_id"] == product_id) & (found["stream"] == stream)].iloc[0]


def test_every_product_and_stream_has_a_row_account_first() -> None:
    """Also those that were never read; removed products have none."""
    account = Account().product(1, "B").product(2, "A").product(3, "Gone", removed_at=ago(1)).synced(1, 3)
    found = completeness(mirror_of(account))

    expected = [(0, "products"), *((product, stream) for product in (2, 1) for stream in STREAMS)]
    assert list(zip(found["product_id"], found["stream"], strict=True)) == expected
    assert found["state"].tolist() == ["complete"] + ["never read"] * len(STREAMS) + ["complete"] * len(STREAMS)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({"rows_expected": 10, "rows_stored": 10}, 0),
        ({"rows_expected": 10, "rows_stored": 7, "rows_rejected": 1}, 3),
        ({"rows_expected": 10, "rows_stored": 12}, 0),  # rows of earlier reads are kept when a read has gaps
        ({"rows_expected": None, "rows_stored": 7}, None),
    ],
)
def test_missing_is_expected_less_stored_and_unknown_without_an_expectation(
    values: dict[str, Any], missing: int | None
) -> None:
    """Never negative, and never 0 for want of knowledge."""
    found = row_of(Account().product(1).synced(1, **values), 1, "tests")["missing"]

    assert pd.isna(found) if missing is None else found == missing


def test_never_read_is_empty_not_zero() -> None:
    """No count, no age, and not complete."""
    row = row_of(Account().product(1).synced(), 1, "tests")

    assert row[["expected", "stored", "missing", "rejected", "age_days", "last_read"]].isna().all()
    assert (row["state"], bool(row["is_complete"]), row["gaps"]) == ("never read", False, 0)


def test_open_gaps_make_a_stream_incomplete_and_are_named_with_their_reason() -> None:
    """Closed ones are history."""
    account = Account().product(1).synced(1).gap(1, "tests", "page 5").gap(1, "tests", "page 9", reason="timeout")
    row = row_of(account.gap(1, "tests", "page 1", closed_at=ago()), 1, "tests")

    assert (row["state"], bool(row["is_complete"]), row["gaps"]) == ("incomplete", False, 2)
    assert row["gap"] == "page 5: server error (500); page 9: timeout"
    assert bool(row_of(account, 1, "features")["is_complete"])


def test_age_is_counted_to_the_instant_of_the_report() -> None:
    """Whole days from the last complete read; never negative."""
    mirror = mirror_of(Account().product(1).synced(1, last_complete_at=ago(3, hours=1)))

    assert completeness(mirror)["age_days"].tolist() == [3] * (1 + len(STREAMS))
    assert completeness(mirror, as_of="2026-07-10")["age_days"].tolist() == [13] * (1 + len(STREAMS))
    assert completeness(mirror, as_of="2026-01-01")["age_days"].tolist() == [0] * (1 + len(STREAMS))


def test_gaps_of_products_that_are_not_stored_have_a_row() -> None:
    """A product that could never be read is not forgotten."""
    row = row_of(Account().product(1).synced(1).gap(7, "features", "all features"), 7, "features")

    assert (row["product"], row["state"]) == ("Product 7", "never read")


@pytest.mark.parametrize(
    ("account", "doubt"),
    [
        (Account().synced(), ()),
        (Account(), ("The products of the account were never read",)),
        (Account().synced(is_complete=0), ("The products of the account were not fully synced",)),
        (
            Account().synced().gap(None, "products", "page 2"),
            ("The products of the account were not fully synced (page 2)",),
        ),
        (
            Account().product(1).synced(1).gap(1, "products", "sections"),
            ("The details of Harbour were not fully synced (sections)",),
        ),
    ],
)
def test_the_list_of_products_has_doubts_of_its_own(account: Account, doubt: tuple[str, ...]) -> None:
    """What is missing of it may hold whole products."""
    assert sentences(doubts(mirror_of(account), ())) == doubt


def test_many_gaps_are_counted_not_listed_without_end() -> None:
    """The first three by name, then how many more."""
    account = Account().product(1).synced(1)
    for page in range(1, 7):
        account.gap(1, "tests", f"page {page}")

    (doubt,) = doubts(mirror_of(account), ("tests",))
    assert doubt.places == tuple(f"page {page}" for page in range(1, 7)) and doubt.count == 6
    assert words(doubt).endswith("(page 1, page 2, page 3 and 3 more)")


@a_third
@given(accounts())
def test_a_product_is_in_doubt_exactly_when_its_row_is_not_complete(account: Account) -> None:
    """The ledger report and the reports that ask it agree, but for gaps of the whole account."""
    mirror = mirror_of(account)
    ledger = completeness(mirror)
    assert not ledger.duplicated(["product_id", "stream"]).any()
    for stream in ("features", "tests"):
        rows = ledger[(ledger["stream"] == stream) & (ledger["product_id"] > 0)]
        assert products_in_doubt(mirror, stream) == {int(key) for key in rows[~rows["is_complete"]]["product_id"]}
