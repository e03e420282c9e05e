"""Ids above 2^53, where neighbours become one number as floats: all is as with small ones, and each id is itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import openpyxl
import pandas as pd
import pytest

import testio_analytics as ta
from generated import account_of
from renumbered import ids_of, renumbered, with_ids
from syncing import query, sync_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.faults import Faults
from testio_analytics.display import files, html_cells
from testio_analytics.display.csv_json import csv_text, json_text
from testio_analytics.display.packed import PACKED, unpacked
from testio_analytics.display.report_tables import table
from testio_analytics.display.terminal import formatted
from testio_analytics.errors import ReportError
from testio_analytics.mirror.schema import ACCOUNT, ALL_TABLES, ON_REQUEST, STREAMS
from testio_analytics.mirror.sync import SyncResult
from testio_analytics.reports.registry import REPORTS, Report

TABLES = [spec.name for spec in ALL_TABLES]

LOWER, UPPER = 2**53, 2**62
"""From the one on, floats know every second number; from the other on, every thousandth."""

KINDS = (
    "SELECT id FROM products",
    "SELECT id FROM sections",
    "SELECT id FROM features UNION SELECT feature_id FROM test_features",
    "SELECT id FROM user_stories",
    "SELECT id FROM tests",
    "SELECT id FROM test_features",
    "SELECT id FROM bugs",
    "SELECT id FROM executions",
)
"""The ids of each kind of row."""

RARE_CASES = (
    "UPDATE features SET removed_at = last_synced WHERE id = (SELECT max(id) FROM features)",
    "UPDATE user_stories SET feature_id = NULL, feature_link = 'none' WHERE id IN (SELECT id FROM user_stories ORDER BY id LIMIT 4)",
    "UPDATE tests SET status = 'postponed' WHERE id = (SELECT min(id) FROM tests)",
    "UPDATE test_user_stories SET execution_status = 'skipped' WHERE user_story_id = (SELECT max(user_story_id) FROM test_user_stories)",
)
"""What the server cannot send but the reports must list; each picks the same rows whatever the ids are."""


@dataclass(frozen=True)
class Pair:
    """The same account synced with small ids and with large ones; `small` gives the small id for each large one."""

    plain: ta.Mirror
    large: ta.Mirror
    plain_db: Path
    large_db: Path
    small: Mapping[int, int]
    again: SyncResult

    def same(self, large: str, plain: str) -> bool:
        """Return whether a text of the one is that of the other, each large id replaced."""
        return with_ids(large, self.small) == plain


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return both mirrors of an account of five products, with every trap of joins."""
    folder = tmp_path_factory.mktemp("ids")
    plain_db, large_db = folder / "plain.db", folder / "large.db"
    account = account_of("many products")
    synced_twice(account, plain_db)
    large = large_ids(account, plain_db)
    again = synced_twice(renumbered(account, large), large_db)
    small = {new: old for old, new in large.items()}
    return Pair(ta.load_mirror(plain_db), ta.load_mirror(large_db), plain_db, large_db, small, again)


def large_ids(account: Account, db: Path) -> dict[int, int]:
    """Return a large id for each one of the account; each kind has neighbours at both ends, in the same order."""
    kinds = [sorted(key for (key,) in query(db, statement) if key is not None) for statement in KINDS]
    upper = {key for ids in kinds for key in ids[len(ids) // 2 :]}
    return {key: (UPPER if key in upper else LOWER) + number for number, key in enumerate(ids_of(account))}


def synced_twice(account: Account, db: Path) -> SyncResult:
    """Sync everything but one test that cannot be read, then once more, and return what the second time did."""
    unreadable = Faults(poisoned_tests=frozenset({account.products[-1].cycles[0].payload["id"]}))
    for _ in range(2):
        result = sync_account(account, db, faults=unreadable, streams=STREAMS + ON_REQUEST).result
    with closing(sqlite3.connect(db)) as connection:
        for statement in RARE_CASES:
            assert connection.execute(statement).rowcount > 0
        connection.commit()
    return result


@pytest.fixture(scope="module")
def reports(pair: Pair) -> Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return every report of both mirrors, by name."""
    return {name: (report.function(pair.plain), report.function(pair.large)) for name, report in REPORTS.items()}


def table_text(frame: pd.DataFrame) -> str:
    """Return a table as text, without the hash of the payload, in which the ids stand."""
    return csv_text(without_packed(frame))


def without_packed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table without what ids stand in unseen; the packed history is compared by the tables of what it holds."""
    packed = ["changes", "reads"] if "reads" in frame else []
    return frame.drop(columns=["content_hash", *packed], errors="ignore")


@pytest.mark.parametrize("statement", KINDS)
def test_the_ids_are_those_that_floats_cannot_hold(pair: Pair, statement: str) -> None:
    """Of each kind fewer would be left, at both ends, if they passed through floats."""
    ids = [key for (key,) in query(pair.large_db, statement) if key is not None]
    for part in ([key for key in ids if key < UPPER], [key for key in ids if key >= UPPER]):
        assert len({float(key) for key in part}) < len(part)


def test_a_sync_of_the_same_account_changes_nothing(pair: Pair) -> None:
    """Rows are found again by their ids, and one gap is the same gap."""
    changes = [(counts.created, counts.updated, counts.removed) for counts in pair.again.streams.values()]

    assert changes == [(0, 0, 0)] * len(STREAMS + ON_REQUEST)
    assert len(pair.again.gaps) == 1


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_the_same(pair: Pair, name: str) -> None:
    """All columns but the hash of the payload."""
    assert pair.same(table_text(getattr(pair.large, name)), table_text(getattr(pair.plain, name)))


def test_the_rows_of_one_product_are_the_same(pair: Pair) -> None:
    """A product is chosen by its id, and its neighbour by the id is not chosen with it."""
    chosen = pair.large.products["id"].tolist()[1]
    large = ta.load_mirror(pair.large_db, product_id=chosen)
    plain = ta.load_mirror(pair.plain_db, product_id=pair.small[chosen])

    assert len(large.products) == 1
    for name in TABLES:
        assert pair.same(table_text(getattr(large, name)), table_text(getattr(plain, name))), name


def test_the_features_of_one_section_are_the_same(pair: Pair) -> None:
    """A section is chosen by its id as well."""
    for section in pair.large.sections["id"].tolist():
        large = ta.load_features(pair.large_db, section_id=section)
        assert pair.same(table_text(large), table_text(ta.load_features(pair.plain_db, section_id=pair.small[section])))


def page_table(frame: pd.DataFrame, report: Report) -> str:
    """Return a report as a page shows it, its download included."""
    html = unquote(table(report.name, frame).html)
    return "\n".join([PACKED.sub("", html), *unpacked(html)])


def terminal_table(frame: pd.DataFrame, report: Report) -> str:
    """Return a report as a terminal shows it, however wide its columns are."""
    return re.sub(" {2,}|─+", "  ", formatted(frame, "table", report=report, width=None).text)


FORMS: Mapping[str, Callable[[pd.DataFrame, Report], str]] = {
    "csv": lambda frame, _: csv_text(frame),
    "json": lambda frame, _: json_text(frame),
    "page": page_table,
    "terminal": terminal_table,
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_the_same(
    pair: Pair,
    reports: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows, joins, counts and sentences do not depend on how large an id is, and each id is one of the account."""
    monkeypatch.setattr(html_cells, "SHOWN_TEXT", 10_000)  # a sentence with a longer id would be cut elsewhere
    plain, large = reports[name]
    ids = [column.name for column in REPORTS[name].columns if column.kind == "id"]
    found = {key for column in ids for key in large[column].dropna().tolist()}

    assert len(large)
    assert found <= {ACCOUNT, *pair.small}
    assert found or not ids or name == "changes"  # without an earlier state there is only a row that says so
    for form in FORMS.values():
        assert with_ids(form(large, REPORTS[name]), pair.small) == form(plain, REPORTS[name])


def texts_of_files(paths: Iterable[Path], form: str) -> dict[str, str]:
    """Return what each exported file, or each sheet of the workbook, holds."""
    files = [path for path in paths if path.suffix == f".{form}"]
    if form == "xlsx":
        book = openpyxl.load_workbook(files[0], read_only=True)
        found = {
            sheet.title: "\n".join(map(sheet_line, sheet.iter_rows(values_only=True))) for sheet in book.worksheets
        }
        book.close()
        return found
    if form == "csv":
        return {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in files}
    return {f"{path.parent.name}/{path.name}": csv_text(pd.read_parquet(path)) for path in files}


def sheet_line(row: Sequence[object]) -> str:
    """Return a row of a sheet as text, numbers with six significant digits but whole ones as they are."""
    return "\t".join(f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in row)


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_every_file_is_the_same(
    pair: Pair,
    reports: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    tmp_path: Path,
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tables and reports; a workbook holds large ids as text, since its numbers end at fifteen digits."""
    written = []
    for place, (db, mirror) in enumerate([(pair.plain_db, pair.plain), (pair.large_db, pair.large)]):
        frames = {("tables", name): without_packed(getattr(mirror, name)) for name in TABLES}
        frames |= {("reports", name): both[place] for name, both in reports.items()}
        monkeypatch.setattr(files, "_frames", lambda *_, frames=frames: iter(frames.items()))  # made already
        written.append(texts_of_files(ta.export(db, tmp_path / str(place), form=form), form))
    plain, large = written

    assert len(large) >= len(TABLES) + len(REPORTS)
    assert [*plain] == [*large]
    for name, text in large.items():
        assert with_ids(text, pair.small) == plain[name], name


def test_weights_belong_to_the_feature_that_they_name(pair: Pair, tmp_path: Path) -> None:
    """One of two neighbours has a weight, and the other none."""
    keys = {*pair.large.active("features")["id"].tolist()}
    chosen = next(key for key in sorted(keys) if key % 2 and key - 1 in keys)
    path = tmp_path / "weights.csv"
    path.write_text(f"feature_id,impact\n{chosen},1\n", encoding="utf-8")
    rows = ta.next_tests(pair.large, impact=path)

    assert rows[rows["own_impact"].notna()]["feature_id"].tolist() == [chosen]
    assert ta.unknown_impact_ids(pair.large, path) == []


@pytest.mark.parametrize(("feature_id", "is_exact"), [(2.0**53 - 1, True), (2.0**53, False), (2.0**62, False)])
def test_an_id_that_may_have_been_another_one_is_refused(feature_id: float, is_exact: bool) -> None:
    """A frame of floats, as pandas makes it where a cell is empty, no longer says which of two features is meant."""
    weights = pd.DataFrame({"feature_id": [feature_id], "impact": [1.0]})
    if is_exact:
        found = ta.read_impact(weights)
        assert found is not None
        assert found.weights["feature_id"].tolist() == [int(feature_id)]
    else:
        with pytest.raises(ReportError, match="row 1: feature_id"):
            ta.read_impact(weights)
