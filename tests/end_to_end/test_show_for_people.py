"""`show` as people use it: in 80 columns, a line a row; rows, columns, order and products chosen; features found by words."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import sqlite3
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from serving import COMMAND, command, environment, serving
from small_account import small_account
from syncing import sync_account
from testio_analytics.cli import cli
from testio_analytics.demo.account.model import Account
from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.search import found_ids, query
from testio_analytics.mirror.database import open_store
from testio_analytics.mirror.schema import FULL_TEXT
from testio_analytics.reports.registry import REPORTS

TITLES = ("Address check", "Größe wählen", "Check-out with \x1b[31mred title", 'Say "hello" OR leave')


def _account() -> Account:
    account = small_account(tests=2)
    for product, name in zip(account.products, ("Harbour Boards", "Island Hopper"), strict=True):
        product.payload["name"] = name
        for feature, title in zip(product.features, TITLES, strict=True):
            feature.payload["title"] = title
    return account


@pytest.fixture(name="db", scope="module")
def _db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("show") / "m.db"
    sync_account(_account(), db)
    return db


@pytest.fixture(name="show")
def _show(db: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(cli, ["show", *words, "--db", str(db)])


def _rows(result: Result) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(result.stdout))]


def _in_terminal(width: int, *words: str, **variables: str) -> tuple[str, str]:
    """Run the command with a terminal of this width as its output, and return what it wrote there and to standard error."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    variables = {"TERM": "xterm", "NO_COLOR": "", "COLUMNS": str(width)} | variables
    env = environment("http://127.0.0.1:9/unused") | variables
    with subprocess.Popen([*COMMAND, *words], stdout=theirs, stderr=subprocess.PIPE, env=env, text=True) as process:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # how Linux tells the end of a terminal
            while part := os.read(ours, 4096):
                written += part
        assert process.stderr is not None
        said = process.stderr.read()
    os.close(ours)
    return written.decode().replace("\r\n", "\n"), said


def test_a_row_is_a_line_in_80_columns(db: Path) -> None:
    """The least important columns are left out, and named; states have a colour, but where nobody wants it or sees it."""
    words = ("show", "untested_features", "--db", str(db))
    written, said = _in_terminal(80, *words)
    plain = re.sub(r"\x1b\[\d+m", "", written)
    assert "\x1b[31muntested\x1b[0m" in written
    assert len(plain.splitlines()) == 4 + 3 and max(map(len, plain.splitlines())) <= 80
    assert plain.split()[:5] == ["state", "feature", "product", "reason", "sections"]
    assert (
        "Not shown, for want of width: executed_tests and stories. Choose with --columns, or use --format csv." in said
    )
    bare, _ = _in_terminal(80, *words, NO_COLOR="1")
    assert bare == plain
    assert "\x1b" not in command(*words).stdout


@pytest.mark.parametrize("name", REPORTS)
def test_what_matters_most_stands_first(name: str) -> None:
    """What a terminal shows is declared, is of the report, and begins with what names the row or is a total."""
    report = REPORTS[name]
    assert {*report.terminal} <= {column.name for column in report.columns}
    assert report.terminal or len(report.columns) <= 12


def test_rows_and_columns_can_be_chosen(show: Callable[..., Result]) -> None:
    """The same choice in a table and in a file; what is left out is said, and the exit code is that of the doubts."""
    words = ("features", "--state", "untested", "--sort", "-feature", "--limit", "3", "--columns", "feature,product")
    shown = show(*words, "--format", "csv")
    assert shown.stdout.splitlines()[0] == "feature,product"
    assert [row["feature"][:3] for row in _rows(shown)] == ["Say", "Say", "Add"]
    assert shown.stderr == "4 rows left out of another state.\n1 row left out by --limit 3.\n" and shown.exit_code == 0
    assert [line[:3] for line in show(*words).stdout.splitlines()[2:5]] == ["Say", "Say", "Add"]
    assert json.loads(show(*words, "--format", "json").stdout)[0].keys() == {"feature", "product"}
    everything = _rows(show("features", "--format", "csv"))
    assert len(everything) == 8 and len(everything[0]) == len(REPORTS["features"].columns)


def test_rows_without_value_stand_last(show: Callable[..., Result]) -> None:
    """In both directions: what is not known is neither the most nor the least."""
    for sort, first in (("last_tested_at", "2026-06-28"), ("-last_tested_at", "2026-06-29")):
        days = [row["last_tested_at"][:10] for row in _rows(show("features", "--sort", sort, "--format", "csv"))]
        assert days[0] == first and days[4:] == [""] * 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["features", "--columns", "feature,size"], "--columns is 'size'; it must be one of: feature_id, feature,"),
        (["features", "--sort", "-size"], "--sort is 'size'; it must be one of: feature_id, feature,"),
        (["features", "--state", "fine"], "it must be one of: untested, scheduled, stale, unknown, tested"),
        (["triage", "--state", "tested"], "does not use state; these do: untested_features,"),
        (["triage", "--stale-after", "9"], "does not use stale_after; these do: untested_features,"),
        (["triage", "--search", "x"], "does not use search; these do: untested_features, feature_catalog, features"),
        (["features", "--search", '"(*)"'], "--search is '\"(*)\"'"),
        (["features", "--product", "Harbour"], "--product is 'Harbour'; it must be one of: 1 (Harbour Boards), 2 (Isl"),
    ],
)
def test_what_is_not_there_is_a_usage_error(show: Callable[..., Result], words: list[str], said: str) -> None:
    """With the right words; nothing is printed."""
    result = show(*words)
    assert (result.exit_code, result.stdout) == (2, "") and said in " ".join(result.stderr.split())


def test_states_are_asked_for_as_they_read(show: Callable[..., Result]) -> None:
    """By the word on the screen, "scheduled", as by that of the data, "planned"."""
    assert {show("features", "--state", word).exit_code for word in ("scheduled", "Planned", "UNTESTED")} == {0}
    both = show("features", "--state", "untested", "--state", "tested", "--format", "csv")
    assert {row["state"] for row in _rows(both)} == {"untested", "tested"}


def test_stale_after_changes_the_states(show: Callable[..., Result]) -> None:
    """After one day, what was tested two days ago is stale."""
    states = [row["state"] for row in _rows(show("features", "--stale-after", "1.5", "--format", "csv"))]
    assert sorted(states) == ["stale"] * 2 + ["tested"] * 2 + ["untested"] * 4


def test_products_by_name_for_every_command(tmp_path: Path) -> None:
    """Over a real port: sync, show, changes and status know a product by its whole name in any case; a shared name does not do."""
    account = _account()
    with serving(account) as address:
        assert command("sync", "--db", "m.db", address=address, cwd=tmp_path).returncode == 0
        account.products[0].features.pop()
        again = command("sync", "--db", "m.db", "--product", "harbour  boards", "--json", address=address, cwd=tmp_path)
    assert json.loads(again.stdout)["streams"]["features"]["removed"] == 1
    assert json.loads(again.stdout)["streams"]["features"]["total"] == 3
    db = tmp_path / "m.db"
    runner = CliRunner()
    shown = runner.invoke(cli, ["show", "products", "--product", "ISLAND HOPPER", "--db", str(db), "--format", "csv"])
    assert [(row["product_id"], row["features"], row["tests"]) for row in _rows(shown)] == [("2", "4", "2")]
    changes = runner.invoke(
        cli, ["changes", "--product", "Harbour Boards", "--from", "1", "--db", str(db), "--format", "json"]
    )
    assert {row["product_id"] for row in json.loads(changes.stdout) if row["product_id"]} == {1}
    account.products[1].payload["name"] = "Harbour boards"
    sync_account(account, db)
    shared = runner.invoke(cli, ["show", "features", "--product", "Harbour Boards", "--db", str(db)])
    assert shared.exit_code == 2 and "1 (Harbour Boards), 2 (Harbour boards)." in " ".join(shared.stderr.split())


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ("address", [0]),
        ("ADDR chec", [0]),
        ("check", [0, 2]),
        ("gross", []),
        ("größe", [1]),
        ("GROẞE wahlen", [1]),
        ("wahlen", [1]),
        ("out check", [2]),
        ("check-out", [2]),
        ('"out check"', []),
        ('hello" OR', [3]),
        ("about feature 101", [0]),
        ("NEAR(a b)", []),
        ("title:address", []),
        ("'; drop table features; --", []),
    ],
)
def test_features_are_found_by_words(db: Path, words: str, places: list[int]) -> None:
    """All words, as beginnings, without case and accents, in title or description; nothing else in them acts."""
    assert sorted(key - 101 for key in found_ids(db, "features", words) if key < 200) == places


def test_show_lists_what_was_found(show: Callable[..., Result]) -> None:
    """The best first; the list of reports itself takes no such option."""
    shown = show("features", "--search", "check", "--product", "Harbour Boards", "--format", "csv")
    assert sorted(row["feature_id"] for row in _rows(shown)) == ["101", "103"] and shown.exit_code == 0
    refused = CliRunner().invoke(cli, ["show", "list", "--limit", "0"])
    assert refused.exit_code == 2 and "--limit is not used" in refused.stderr


@given(st.text(max_size=30))
@settings(max_examples=60)
def test_no_words_are_an_error_of_the_database(words: str) -> None:
    """Whatever is asked for is quoted, or refused for having no word."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create virtual table t using fts5(title)")
        with suppress(UnknownValueError):
            connection.execute("select rowid from t where t match ?", [query(words)]).fetchall()


@pytest.fixture(name="changed")
def _changed(tmp_path: Path) -> Iterator[Path]:
    """A file in which a feature was renamed, and another one was removed, by the second run."""
    db, account = tmp_path / "m.db", _account()
    sync_account(account, db)
    account.products[0].features[0].payload["title"] = "Postal code"
    account.products[0].features.pop(1)
    sync_account(account, db)
    yield db


def test_the_index_follows_every_write(changed: Path) -> None:
    """By triggers: what is renamed is found by its new name alone, also in a file that another program writes."""
    assert (found_ids(changed, "features", "postal"), found_ids(changed, "features", "address")) == ([101], [201])
    with open_store(changed) as db:
        db.execute("update features set title = 'Lighthouse' where id = 101")
        db.conn.commit()
        for name in FULL_TEXT:
            db.execute(f"insert into {name}_fts({name}_fts, rank) values ('integrity-check', 1)")
    assert found_ids(changed, "features", "lighthouse") == [101]


def test_an_earlier_state_is_searched_by_its_own_words(changed: Path) -> None:
    """And what was removed since is found in it."""

    def found(*words: str) -> list[str]:
        result = CliRunner().invoke(
            cli, ["show", "features", "--db", str(changed), "--format", "csv", "--product", "1", "--search", *words]
        )
        return [row["feature_id"] for row in _rows(result)]

    assert (found("address"), found("address", "--as-of", "1")) == ([], ["101"])
    assert (found("wahlen"), found("wahlen", "--as-of", "1"), found("postal", "--as-of", "1")) == ([], ["102"], [])
