"""What runs were asked for, read from their rows in the ledger."""

from __future__ import annotations

import pytest

from strategies import Account, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.asked import asked_for, owes_account, scope_note
from testio_analytics.reports.doubts import doubts


@pytest.mark.parametrize(
    ("runs", "covered", "owes"),
    [
        ([], {(1, "tests"), (2, "tests"), (1, "features")}, True),
        ([("{}", None)], {(1, "tests"), (2, "tests"), (1, "features")}, True),  # it does not say: nothing is excused
        ([('["products", "tests"]', None)], {(1, "tests"), (2, "tests")}, True),
        ([('["products", "tests"]', "[1]")], {(1, "tests")}, False),
        (
            [('["products", "tests"]', "[1]"), ('["products", "features"]', "[1, 2]")],
            {(1, "tests"), (1, "features")},
            False,
        ),
    ],
)
def test_what_was_asked_for_adds_up_over_all_runs(
    runs: list[tuple[str, str | None]], covered: set[tuple[int, str]], owes: bool
) -> None:
    """Whatever became of them; the account's list is owed as soon as one run asked for the whole account."""
    account = Account()
    for streams, products in runs:
        account.run("failed", streams=streams, products=products)
    with opened(account) as connection:
        mirror = load_mirror(connection)

    pairs = [(1, "tests"), (2, "tests"), (1, "features")]
    assert {pair for pair in pairs if asked_for(mirror).covers(*pair)} == covered
    assert owes_account(mirror) is owes


def test_a_list_that_was_read_is_owed_from_then_on() -> None:
    """Also where the runs that are left speak of one product only."""
    account = Account().run(streams='["products"]', products="[1]").product(1)
    with opened(account) as connection:
        note, found = scope_note(load_mirror(connection)), doubts(load_mirror(connection), ("products",))
    with opened(account.synced(is_complete=0)) as connection:
        read = load_mirror(connection)

    assert note is not None and "(Harbour)" in note and found == ()
    assert scope_note(read) is None
    assert [(one.kind, one.product) for one in doubts(read, ("products",))] == [("incomplete", "the account")]
