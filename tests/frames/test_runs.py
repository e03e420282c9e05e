"""Which run a report speaks of, and whose clock is believed."""

from __future__ import annotations

import pandas as pd
import pytest

from strategies import Account, ago, opened
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror

FUTURE = "2031-01-01T00:00:00+00:00"
PAST = "2020-01-01T00:00:00+00:00"


def _mirror(account: Account, product_id: int | None = None) -> Mirror:
    with opened(account) as connection:
        return load_mirror(connection, product_id=product_id)


def _after(*ends: str) -> Mirror:
    account = Account().product(1)
    for end in ends:
        account.run(finished_at=end)
    return _mirror(account)


@pytest.mark.parametrize(
    ("ends", "as_of", "wrong"),
    [
        ([ago(3), ago(2), ago(1)], ago(1), []),
        ([ago(2), ago(2)], ago(2), []),  # in the same second
        ([FUTURE, ago(1)], ago(1), [1]),  # two cannot tell which is wrong: the later run counts
        ([ago(2), FUTURE, ago(1)], ago(1), [2]),
        ([FUTURE, FUTURE, ago(3), ago(2), ago(1)], ago(1), [1, 2]),
        ([ago(3), ago(2), PAST], ago(2), [3]),
        ([ago(3), ago(2), PAST, ago(1)], ago(1), [3]),
        ([ago(2), ago(1), FUTURE], FUTURE, []),  # nothing contradicts it yet
    ],
)
def test_the_report_date_is_that_of_the_last_run_whose_clock_is_believed(
    ends: list[str], as_of: str, wrong: list[int]
) -> None:
    """By number, not by time; the longest series of runs in order decides."""
    mirror = _after(*ends)

    assert mirror.as_of == pd.Timestamp(as_of)
    assert [*mirror.runs.wrong] == wrong and mirror.run_id == len(ends)


def test_what_a_run_with_a_wrong_clock_read_is_known_up_to_the_run_before_it() -> None:
    """Between the runs around it, the earlier one is certain; without one, nothing is."""
    runs = _after(ago(3), FUTURE, ago(1)).runs

    assert [runs.until(run) for run in (1, 2, 3)] == [pd.Timestamp(end) for end in (ago(3), ago(3), ago(1))]
    assert _after(FUTURE, ago(1)).runs.until(1) is None


def test_the_report_date_is_the_same_whichever_products_are_asked_for() -> None:
    """A run that failed after the second product dates the reports of the first as well."""
    account = Account().product(1).product(2).run(finished_at=ago(9)).run("failed", finished_at=ago(1))
    account.synced(1, last_run_id=1, last_read_at=ago(9))
    account.synced(2, last_run_id=2, last_complete_run_id=2, last_read_at=ago(1), last_complete_at=ago(1))

    assert {_mirror(account, product).as_of for product in (None, 1, 2)} == {pd.Timestamp(ago(1))}


def test_an_account_is_known_from_its_oldest_executed_test_on() -> None:
    """Mistaken dates and tests that were never executed say nothing."""
    account = Account().product(1).run().test(1, "archived", ago(700)).test(2, "waiting", ago(900))
    account.test(3, "archived", "0001-01-01T00:00:00+00:00")

    assert _mirror(account).runs.known_since == pd.Timestamp(ago(700))


def test_a_mirror_as_of_another_date_is_one_object() -> None:
    """So that what was computed once for a date is there for the next report."""
    mirror = _after(ago(1))
    then = mirror.at("2026-01-31")

    assert then is mirror.at("2026-01-31") is then.at("2026-01-31") and then.runs is mirror.runs
    assert then.as_of == pd.Timestamp("2026-01-31T23:59:59.999999+00:00") and mirror.as_of == pd.Timestamp(ago(1))
    assert mirror.at() is mirror is mirror.at(ago(1)[:10])  # of the day of the last sync, that is all that is known
