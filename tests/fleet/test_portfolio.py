"""Accounts side by side: rows as the report of each, sums as of the union, and what could not be read by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from small_account import locked_test, small_account
from syncing import query, sync_account
from testio_analytics.accounts import Account
from testio_analytics.cli import cli
from testio_analytics.errors import UnknownValueError
from testio_analytics.fleet.engine import account_columns, run
from testio_analytics.fleet.portfolio import ALL_ACCOUNTS, portfolio_of
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.reports.columns import DTYPES
from testio_analytics.reports.portfolio import SHARES, SUMS, portfolio
from testio_analytics.reports.registry import REPORTS

REPORTS_OF_ALL = [name for name in REPORTS if name != "changes"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, demo_db_path: Path) -> list[Account]:
    """Return four accounts: a small one whole, one with other results, the demo's with its gaps, and none yet."""
    folder = tmp_path_factory.mktemp("accounts")
    sync_account(small_account(), folder / "north.db")
    south = small_account(tests=5, features=9)
    south.product(1).cycles.append(locked_test(1, 200, 9))
    south.product(1).cycles[0].bugs[0].payload |= {"status": "rejected"}
    sync_account(south, folder / "south.db")
    shutil.copy(demo_db_path, folder / "demo.db")
    (folder / "damaged.db").write_bytes(b"no database at all")
    return [Account(name, folder / f"{name}.db") for name in ("north", "demo", "damaged", "south", "none")]


def test_each_row_is_the_report_of_that_account(files: list[Account]) -> None:
    """All figures of a row are those of its own file; files that cannot be read are told by name, not by a row of 0."""
    rows, fleet = portfolio_of(files)

    assert sorted(rows["account"]) == sorted(["north", "demo", "south", ALL_ACCOUNTS])
    for account in files[:2]:
        mine = rows[rows["account"] == account.name].drop(columns="account").reset_index(drop=True)
        expected = portfolio(load_mirror(account.db))
        states = dict.fromkeys(expected.select_dtypes("category"), "str")
        pd.testing.assert_frame_equal(mine.astype(states), expected.astype(states))
    failed = fleet.outcome[fleet.outcome["outcome"] == "failed"].set_index("account")["reason"]
    assert sorted(failed.index) == ["damaged", "none"]
    assert "damaged.db" in failed["damaged"] and "none.db" in failed["none"]


def test_sums_are_those_of_the_union(files: list[Account]) -> None:
    """Counts add up, also as counted on the files themselves; shares come from the sums; what is missing is said."""
    rows, _ = portfolio_of(files)
    total, parts = rows.iloc[-1], rows.iloc[:-1]
    both, _ = portfolio_of([files[0], files[3]])

    for name in SUMS:
        assert pd.isna(total[name]) == parts[name].isna().any()
        assert pd.isna(total[name]) or total[name] == parts[name].sum()
    for name, (part, whole) in SHARES.items():
        assert pd.isna(total[name]) or total[name] == pytest.approx(total[part] / total[whole])
    assert total["gap"] == "without 2 of 5 accounts, which could not be read; 1 account of 5 in doubt, see there"
    assert both.iloc[-1]["is_complete"] and pd.isna(both.iloc[-1]["gap"])
    read = [account.db for account in (files[0], files[3])]
    counted = {
        "active_features": "select count(*) from features",
        "tests": "select count(*) from tests where status = 'locked'",
        "bugs": "select count(*) from bugs where status <> 'rejected'",
        "review_of": "select count(*) from bugs",
    }
    for name, statement in counted.items():
        assert both.iloc[-1][name] == sum(query(db, statement)[0][0] for db in read)


def test_all_engines_give_the_same_tables(files: list[Account]) -> None:
    """Values, missing ones, dtypes and order; an account that fails is an outcome everywhere."""
    small, some = (
        [account for account in files if account.name != "demo"],
        ["portfolio", "feature_catalog", "triage", "bugs"],
    )
    alone, together = run(some, small), run(some, small, engine="pool")

    pd.testing.assert_frame_equal(alone.outcome, together.outcome)
    assert (alone.outcome["outcome"] == "failed").sum() == 2 * len(some)
    for name in some:
        pd.testing.assert_frame_equal(alone.reports[name], together.reports[name])


def test_every_report_goes_through_its_declared_schema(files: list[Account]) -> None:
    """The rows of an account are those of its report, with the dtypes of the kinds of their columns."""
    alone = run(REPORTS_OF_ALL, [files[3], files[2]])

    assert (alone.outcome["outcome"] == "failed").sum() == len(REPORTS_OF_ALL)
    for name in REPORTS_OF_ALL:
        declared = {column.name: DTYPES[column.kind] for column in account_columns(REPORTS[name])}
        assert {key: str(dtype) for key, dtype in alone.reports[name].dtypes.items()} == declared
        own = REPORTS[name].function(load_mirror(files[3].db))
        of_south = alone.reports[name][alone.reports[name]["account"] == "south"]
        assert len(of_south) == len(own)
        for column in own.columns:
            assert (
                of_south[column].astype(object).where(of_south[column].notna(), None).tolist()
                == own[column].astype(object).where(own[column].notna(), None).tolist()
            ), (name, column)


def test_what_there_is_not_is_refused(files: list[Account]) -> None:
    """No report of that name, no engine of that name."""
    with pytest.raises(UnknownValueError, match="portfolio"):
        run("portfolios", files)
    with pytest.raises(UnknownValueError, match="loop, pool"):
        run("portfolio", files, engine="dask")  # type: ignore[arg-type]


def test_the_command_shows_them_with_and_without_names(
    files: list[Account], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lowest recent coverage first, the sums last; a failed account makes the exit code 1; options that do not fit are told."""
    path = tmp_path / "accounts.toml"
    path.write_text("".join(f'[{account.name}]\ndb = "{account.db}"\n' for account in files))
    monkeypatch.setenv("TESTIO_ACCOUNTS", str(path))
    shown = CliRunner().invoke(cli, ["show", "portfolio", "--all-accounts", "--format", "json"])
    hidden = CliRunner().invoke(cli, ["show", "portfolio", "--all-accounts", "--anonymous", "--format", "csv"])
    rows = json.loads(shown.stdout)

    assert shown.exit_code == 1
    assert [row["account"] for row in rows] == [*portfolio_of(files)[0]["account"]]
    assert rows[-1]["account"] == ALL_ACCOUNTS
    assert [row["recent_share"] for row in rows[:-1]] == sorted(row["recent_share"] for row in rows[:-1])
    assert "damaged: " in shown.stderr and "demo is in doubt: " in shown.stderr
    assert not any(f"{name}," in hidden.stdout for name in ("north", "south", "demo"))
    assert "Account 1," in hidden.stdout
    for words in (
        ["triage", "--all-accounts"],
        ["portfolio", "--anonymous"],
        ["portfolio", "--all-accounts", "--by", "month"],
    ):
        assert CliRunner().invoke(cli, ["show", *words]).exit_code == 2, words
