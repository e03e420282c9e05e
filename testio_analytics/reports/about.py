"""What is known of one thing of the account: the parts of which the view of a feature, product, test or bug is made."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

import pandas as pd

from testio_analytics.errors import UnclearNameError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubt_words import Doubt, sentences
from testio_analytics.reports.facts import dated_tests, distinct, located_bugs, looked_up, once, unread_tests
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.reports.registry import PAGE_TABLES, REPORTS, View
from testio_analytics.reports.texts import changed_words
from testio_analytics.text import counted, day_words, instant_words, label, listed, lowered, short

Thing = Literal["feature", "product", "test", "bug"]
MOST_CANDIDATES = 10
KINDS_IN_SCOPE = {"enable_default": "functional", "enable_content": "content", "enable_visual": "visual"}
NOT_SHOWN = ("last_synced", "first_seen", "not_said", "content_hash", "raw_data")
COLUMN_WORDS = {"howtofind": "directions", "removed_at": "removed", "auto_accepted": "auto-accepted"}
BUG_COLUMNS = [column.name for column in PAGE_TABLES["about_bugs"].columns]
TESTIO_KINDS: Mapping[Thing, tuple[str, str, str]] = {
    "feature": ("features", "title", "Feature"),
    "product": ("products", "name", "Product"),
    "test": ("tests", "title", "Test"),
    "bug": ("bugs", "title", "Bug"),
}
"""For each kind of thing: its table, the column with its title, and the word that stands for a missing one."""


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a view.

    Attributes:
        name: the view in `registry.PAGE_TABLES` or report in `registry.REPORTS` that declares its columns.
        title: its heading.
        rows: the rows.
        notes: what the rows leave out or rest on, a sentence each.
        is_list: whether it has one row, whose columns stand below each other.
    """

    name: str
    title: str
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    is_list: bool = False


@dataclass(frozen=True, eq=False)
class About:
    """One thing, whole.

    Attributes:
        kind, id, title: what it is.
        sentence: what is to be known first.
        as_of: the report date.
        parts: what there is to know, in the order of importance.
        doubts: what puts any of it in doubt.
    """

    kind: Thing
    id: int
    title: str
    sentence: str
    as_of: pd.Timestamp
    parts: tuple[Part, ...]
    doubts: tuple[Doubt, ...]

    @property
    def gaps(self) -> tuple[str, ...]:
        """The doubts in words, a sentence each."""
        return tuple(f"{one}." for one in sentences(self.doubts))


# -- finding it -----------------------------------------------------------------------------------------------------


def asked_id(mirror: Mirror, kind: Thing, asked: int | str) -> int:
    """Return the id of what is asked for by its id or title; the case of letters and white space do not matter.

    Of several with one title, the one that is not removed is meant.

    Raises:
        UnclearNameError: nothing has that id or title, or several things have it.
    """
    table, column, word = TESTIO_KINDS[kind]
    rows = getattr(mirror, table)
    rows = rows if kind == "product" else mirror.own(rows)
    ids, number = {*rows["id"].tolist()}, _number(asked)
    if number in ids:
        return number
    titles = pd.Series([label(*pair) for pair in _pairs(rows, column, word)], index=rows.index, dtype="str")
    found = rows[titles.map(_folded) == _folded(str(asked))]
    found = found if (active := found[found["removed_at"].isna()]).empty else active
    if len(found) == 1:
        return int(found["id"].iloc[0])
    near = found if len(found) else rows.loc[_close(titles, str(asked))]
    named = [_candidate(mirror, row, titles, kind) for row in near.head(MOST_CANDIDATES).itertuples()]
    more = [f"and {len(near) - MOST_CANDIDATES:,} more"] if len(near) > MOST_CANDIDATES else []
    raise UnclearNameError(kind, asked, [*named, *more], is_known=len(found) > 1)


def _number(asked: int | str) -> int:
    text = str(asked).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _pairs(rows: pd.DataFrame, column: str, word: str) -> Iterator[tuple[Any, str, int]]:
    return ((title, word, key) for title, key in zip(rows[column].tolist(), rows["id"].tolist(), strict=True))


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())


def _close(titles: pd.Series[str], asked: str) -> list[Any]:
    """Return the rows whose titles hold all words that are asked for, else those that are spelled nearly so."""
    folded = titles.map(_folded)
    words = _folded(asked).split()
    holding = [place for place, title in folded.items() if words and all(word in title for word in words)]
    if holding:
        return holding
    close = get_close_matches(_folded(asked), [*dict.fromkeys(folded)], n=5, cutoff=0.6)
    return [place for title in close for place in folded.index[folded == title]]


def _candidate(mirror: Mirror, row: Any, titles: pd.Series[str], kind: Thing) -> str:
    product = "" if kind == "product" else f" ({short(mirror.product_names.get(row.product_id, ''))})"
    gone = ", removed" if pd.notna(row.removed_at) else ""
    return f"{row.id}  {short(titles[row.Index])}{product}{gone}"


def view_of(name: str) -> View:
    """Return what declares the columns of a part."""
    return PAGE_TABLES.get(name) or REPORTS[name]


# -- parts that several views have -----------------------------------------------------------------------------------


def list_part(name: str, title: str, row: pd.DataFrame, *, notes: Sequence[str] = ()) -> Part:
    """Return a part of one row with those columns of its view that the row has, in the order of the view."""
    names = [column.name for column in view_of(name).columns if column.name in row]
    return Part(name, title, row[names].reset_index(drop=True), tuple(notes), is_list=True)


def table_part(name: str, title: str, rows: pd.DataFrame, noun: str, gaps: Collection[Doubt] = ()) -> Part:
    """Return a part of several rows; without any, it says that none is known, and what could hide one."""
    notes = () if len(rows) else (none_known(noun, gaps),)
    names = [column.name for column in view_of(name).columns]
    return Part(name, title, rows[names].reset_index(drop=True), notes)


def none_known(noun: str, gaps: Collection[Doubt]) -> str:
    """Return that there is no such thing, or that none is known and why one may be hidden."""
    said = [lowered(one) for one in sentences(gaps)]
    return f"No {noun} is known: {'; '.join(said)}." if said else f"There is no {noun}."


def bug_rows(mirror: Mirror, bugs: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `facts.located_bugs` as people see them, those reported last first."""
    keys = bugs["bug_id"]
    stored = mirror.bugs[mirror.bugs["id"].isin(keys)].set_index("id")
    tests = mirror.tests.set_index("id")["title"]
    features = mirror.features.set_index("id")["title"]
    found = bugs.assign(
        bug=[label(title, "Bug", key) for title, key in zip(bugs["title"].tolist(), keys.tolist(), strict=True)],
        is_known=looked_up(keys, stored["known"]),
        devices=looked_up(keys, device_words(mirror, keys)).astype("str"),
        **{name: looked_up(keys, stored[name]) for name in ("fixed", "external_idx", "exported_at")},
        test=looked_up(bugs["test_id"], tests).astype("str"),
        feature=looked_up(bugs["feature_id"], features).astype("str"),
    )
    found = found.astype({"bug": "str", "external_idx": "str"})
    return found.sort_values(["reported_at", "bug_id"], ascending=False, ignore_index=True)[BUG_COLUMNS]


def device_words(mirror: Mirror, bug_ids: pd.Series[int]) -> pd.Series[str]:
    """Return the devices of each of these bugs in words, by bug; those without are left out."""
    rows = mirror.active("bug_devices")
    rows = rows[rows["bug_id"].isin(bug_ids)]
    said: dict[int, list[str]] = {}
    names = ("bug_id", "device", "category", "operating_system", "os_version", "browsers")
    for key, device, category, system, version, browsers in zip(*(rows[name].tolist() for name in names), strict=True):
        parts = [device if isinstance(device, str) else category, _joined(" ", system, version), browsers]
        said.setdefault(key, []).append(_joined(", ", *parts))
    return pd.Series({key: "; ".join(filter(None, dict.fromkeys(of))) for key, of in said.items()}, dtype="str")


def _joined(sign: str, *parts: Any) -> str:
    return sign.join(part for part in parts if isinstance(part, str) and part)


def unread_note(mirror: Mirror, test_ids: Collection[int], stream: str) -> tuple[str, ...]:
    """Return which of the tests that were, or may have been, executed have bugs or results (`stream`) that were not fully synced, as a sentence."""
    tests = dated_tests(mirror)
    tests = tests[tests["test_id"].isin([*test_ids]) & tests["test_id"].isin(unread_tests(mirror, stream))]
    tests = tests[tests["group"].isin(["executed", "unknown"])]
    titles = [f"“{short(title)}”" for title in tests["test"].tolist()]
    return (f"The {stream} of {listed(titles)} were not fully read: there may be more.",) if titles else ()


def history_part(mirror: Mirror, table: str, key: int, since: pd.Timestamp | None) -> Part:
    """Return what syncs saw change of one row, the newest first: of a text, only the words that differ."""
    stored = getattr(mirror, table)
    now = {name: _plain(value) for name, value in stored[stored["id"] == key].iloc[0].items()}
    rows: list[tuple[pd.Timestamp | None, str, str, str]] = []
    for run, before in _changes(mirror, table, key):
        for name in (name for name in before if name not in NOT_SHOWN):
            rows.append((mirror.runs.until(run), *_change(table, name, before[name], now.get(name))))
        now |= before
    frame = pd.DataFrame(rows, columns=["at", "what", "before", "after"])
    frame = frame.astype({"at": "datetime64[us, UTC]"} | dict.fromkeys(("what", "before", "after"), "str"))
    seen = "" if since is None or pd.isna(since) else f" since {day_words(since)}, when it was first seen"
    notes = () if rows else (f"No sync saw anything change of it{seen}.",)
    return Part("about_history", "What changed", frame, notes)


def _changes(mirror: Mirror, table: str, key: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return the values before of the changes of one row, the newest first."""
    changes = mirror.row_changes
    changes = changes[(changes["table"] == table) & changes["changed"].fillna("").str.contains(f'"{key}"', regex=False)]
    for run, changed in zip(changes["run_id"].tolist()[::-1], changes["changed"].tolist()[::-1], strict=True):
        if before := json.loads(changed).get(str(key)):
            yield run, before


def _change(table: str, name: str, before: Any, after: Any) -> tuple[str, str, str]:
    what = COLUMN_WORDS.get(name, name.replace("_", " "))
    if name == "removed_at":
        return ("came back" if before is not None else "removed"), "", ""
    if table == "features" and (words := changed_words(before, after)):
        return f"{what}: {words}", "", ""
    return what, _said(before), _said(after)


def _plain(value: Any) -> Any:
    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _said(value: Any) -> str:
    if isinstance(value, pd.Timestamp):
        return instant_words(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else short(str(value))


def bug_counts(bugs: pd.DataFrame) -> str:
    """Return how many bugs there are in a list of `located_bugs`, by outcome, as a clause."""
    valid = int(bugs["is_valid"].astype(bool).sum())
    is_open = int((bugs["bucket"] == "open").sum())
    return f"{counted(valid, 'valid bug')}, {is_open:,} of them open" if is_open else counted(valid, "valid bug")


def bugs_where(mirror: Mirror, column: str, key: int) -> pd.DataFrame:
    """Return the rows of `facts.located_bugs` with this id in that column."""
    bugs = located_bugs(mirror)
    return bugs[(bugs[column] == key).fillna(False)]


def in_scope(copies: pd.DataFrame) -> pd.Series[str]:
    """Return which kinds of bugs were in scope of each test feature, in words; empty where nothing says so."""
    flags = {words: copies[name].fillna(False).astype(bool).to_numpy() for name, words in KINDS_IN_SCOPE.items()}
    said = [", ".join(words for words in flags if flags[words][place]) or None for place in range(len(copies))]
    return pd.Series(said, index=copies.index, dtype="str")


def valid_bugs(mirror: Mirror, rows: pd.DataFrame, bugs: pd.DataFrame) -> pd.Series[Any]:
    """Return how many of the bugs are valid ones of each row's test; empty where its bugs were not read.

    A test that is yet to begin has found nothing, and its bugs need not have been read.
    """
    counts = distinct(bugs[bugs["is_valid"].astype(bool)], "bug_id", "test_id")
    found = looked_up(rows["test_id"], counts).astype("Int64").fillna(0)
    is_unread = rows["test_id"].isin(unread_tests(mirror, "bugs"))
    return found.mask(is_unread & ~rows["group"].isin(["planned", "lapsed"]))


def api_words(mirror: Mirror, test_feature_ids: pd.Series[int]) -> pd.Series[str]:
    """Return the API's own word for each test feature; empty where it says none."""
    said = mirror.active("test_feature_results").set_index("test_feature_id")["execution_status"]
    return looked_up(test_feature_ids, said).astype("str")


def ranking_of(mirror: Mirror, impact: ImpactSource) -> pd.DataFrame:
    """Return the report `next_tests`; without weights of the user it is made once per mirror."""
    return _ranking(mirror) if impact is None else next_tests(mirror, impact=impact)


@once
def _ranking(mirror: Mirror) -> pd.DataFrame:
    return next_tests(mirror)
