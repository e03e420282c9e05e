"""The page in which everything has an address: its data are those of the reports, and tell no more than they may."""

from __future__ import annotations

import base64
import gzip
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from small_account import small_account
from syncing import NOW, sync_account
from testio_analytics import config
from testio_analytics.demo.account.model import Account
from testio_analytics.errors import ReportError, UnknownValueError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.pages.build import make_pages, page_names
from testio_analytics.pages.explore import explore_data, explore_page
from testio_analytics.reports.explore import explored
from testio_analytics.reports.facts import feature_scope, located_bugs, story_results
from testio_analytics.text import without_formatting

Tables = dict[str, list[dict[str, Any]]]
REPORTS = {
    ("products", "product_id"): {
        "coverage": "coverage_by_product",
        "bugs": "bugs_by_product",
        "triage": "triage",
        "stories": "story_coverage_by_product",
    },
    ("sections", "section_id"): {"coverage": "coverage_by_section"},
    ("features", "feature_id"): {
        "catalogue": "feature_catalog",
        "bugs": "bugs_per_feature",
        "results": "feature_results",
        "next": "next_tests",
    },
}


def unpacked(html: str) -> dict[str, Any]:
    """Return the data that a page carries."""
    found = re.search(r'<script type="application/octet-stream" id="data">([A-Za-z0-9+/=]+)</script>', html)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))  # type: ignore[no-any-return]


def rows_of(data: dict[str, Any]) -> Tables:
    """Return the tables as rows of values, as the page's script reads them."""
    return {
        name: [
            dict(zip(table["columns"], values, strict=True))
            for values in zip(*(_values(packed) for packed in table["columns"].values()), strict=True)
        ]
        for name, table in data["tables"].items()
    }


def _values(packed: Any) -> list[Any]:
    if isinstance(packed, list):
        return packed
    words = packed["words"]
    return [
        None if place is None else [words[one] for one in place] if isinstance(place, list) else words[place]
        for place in packed["places"]
    ]


@pytest.fixture(scope="module")
def data(demo_frames: Mirror) -> dict[str, Any]:
    """Return what the page of the demo account carries."""
    page = explore_page(
        explore_data(explored(demo_frames)),
        file="explore.html",
        title="Explore",
        siblings=[("explore.html", "Explore")],
        facts=["x"],
    )
    return unpacked(page)


@pytest.fixture(scope="module")
def rows(data: dict[str, Any]) -> Tables:
    """Return its tables."""
    return rows_of(data)


def same(one: Any, other: Any) -> bool:
    """Return whether a value of the page is that of a report: missing, or equal to six digits."""
    if pd.isna(other):
        return one is None
    if isinstance(other, pd.Timestamp):
        return bool(one == int(other.timestamp()))
    return bool(one == pytest.approx(other, rel=1e-5) if isinstance(other, float) else one == other)


# -- equal to the reports -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "key", "name", "report"),
    [(*table, *pair) for table, pairs in REPORTS.items() for pair in pairs.items()],
)
def test_every_figure_is_that_of_its_report(
    rows: Tables, demo_frames: Mirror, table: str, key: str, name: str, report: str
) -> None:
    """Each column of each report stands on the page, row by row, as the report gives it; missing is missing."""
    frame = getattr(ta, report)(demo_frames)
    frame = frame.dropna(subset=[key])
    shown = {row[key]: row for row in rows[table]}
    columns = [column for column in frame.columns if f"{name}_{column}" in next(iter(shown.values()))]
    ids = [column for column in columns if column.endswith("_id")]
    wrong = [
        (row[key], column)
        for row in frame.to_dict("records")
        for column in columns
        if column not in ids and not same(shown[row[key]][f"{name}_{column}"], row[column])
    ]
    assert len(columns) > 10
    assert not wrong


def test_lists_are_those_of_the_facts(rows: Tables, demo_frames: Mirror) -> None:
    """Tests in scope, bugs with outcome and feature, and results of stories are all there, and lead to their rows."""
    features, tests, bugs = (rows[name] for name in ("features", "tests", "bugs"))
    scope = feature_scope(demo_frames)
    pairs = {
        (tests[row["test_id"]]["test_id"], features[row["feature_id"]]["feature_id"])
        for row in rows["scope"]
        if row["feature_id"] is not None
    }
    assert pairs == {*zip(scope["test_id"].tolist(), scope["feature_id"].tolist(), strict=True)}
    located = located_bugs(demo_frames).set_index("bug_id")
    assert {row["bug_id"] for row in bugs if row["standing"] == "active"} == {*located.index.tolist()}
    for row in bugs:
        then = located.loc[row["bug_id"]]
        assert (row["severity"], row["bucket"], row["title"].split()) == (
            then["severity"],
            then["bucket"],
            then["title"].split(),
        )
        feature = None if row["feature_id"] is None else features[row["feature_id"]]["feature_id"]
        assert same(feature, then["feature_id"])
        assert same(None if row["test_id"] is None else tests[row["test_id"]]["test_id"], then["test_id"])
    results = story_results(demo_frames)
    assert len(rows["runs"]) == len(results)
    assert [row["status"] for row in rows["runs"]] == [None if pd.isna(one) else one for one in results["status"]]


def test_answers_on_the_customers_own_forms_are_those_of_their_report(rows: Tables, demo_frames: Mirror) -> None:
    """Each answer stands at its bug, with its question."""
    form = rows["answers"][0]["form"]
    frame = ta.custom_report(demo_frames, form)
    told = {
        (rows["bugs"][row["bug_id"]]["bug_id"], row["question"]): row["value"]
        for row in rows["answers"]
        if row["form"] == form
    }
    questions = [column for column in frame.columns if any(question == column for _, question in told)]

    assert questions
    for row in frame.to_dict("records"):
        for question in questions:
            assert pd.isna(row[question]) or str(row[question]) == told[row["bug_id"], question]


def test_each_feature_has_its_doubts(rows: Tables, demo_frames: Mirror) -> None:
    """What touches a feature or its product is said there as on the other pages."""
    told = {row["feature_id"]: row["doubts"] for row in rows["features"] if row["standing"] == "active"}
    gaps = ta.next_tests(demo_frames).set_index("feature_id")["gap"]
    for key, gap in gaps.items():
        assert all(part in told[key] for part in (gap.split("; ") if isinstance(gap, str) else ()) if "(" not in part)
    assert sum(bool(said) for said in told.values()) > 30
    assert not all(told.values())


def test_a_changed_feature_has_both_texts(rows: Tables, demo_frames: Mirror) -> None:
    """The text of now and that of its newest test stand side by side where they differ, and only there."""
    catalogue = ta.feature_catalog(demo_frames)
    changed = {*catalogue[catalogue["changed_since_tested"].fillna(False).astype(bool)]["feature_id"].tolist()}
    texts = ("title", "description", "howtofind")
    told = {row["feature_id"] for row in rows["features"] if any(row[f"then_{text}"] for text in texts)}

    assert told == changed != set()
    assert all(
        any(row[f"then_{text}"] != row["feature" if text == "title" else text] for text in texts)
        for row in rows["features"]
        if row["feature_id"] in told
    )


def test_sections_of_a_plain_product_hold_all_its_features(rows: Tables) -> None:
    """The one section of a product without sections has the features and the figures of its product."""
    product = next(row for row in rows["products"] if row["product_id"] == 21362)
    places = [place for place, row in enumerate(rows["sections"]) if row["section_id"] == 21855]
    members = [row for row in rows["memberships"] if row["section_id"] == places[0]]

    assert (
        len(members) == product["coverage_active_features"] == rows["sections"][places[0]]["coverage_active_features"]
    )


def test_a_report_of_a_product_and_of_a_past_day(tmp_path: Path) -> None:
    """Other products are named and not shown; of an earlier run stands what was known then."""
    account, db = small_account(), tmp_path / "mirror.db"
    sync_account(account, db, now=NOW - timedelta(days=1))
    account.add_feature(1, {"id": 109, "title": "New", "user_stories": []})
    account.products[1].cycles[0].payload["features"][0]["feature_id"] = 102
    sync_account(account, db)
    one = rows_of(json.loads(explore_data(explored(ta.load_mirror(db, product_id=1)))))
    then, now = (rows_of(json.loads(explore_data(explored(ta.load_mirror(db), as_of=run)))) for run in (1, 2))

    assert {row["product_id"]: row["standing"] for row in one["products"]} == {1: "active", 2: "of another product"}
    assert 2001 in [row["test_id"] for row in one["tests"]]
    assert 109 not in [row["feature_id"] for row in then["features"]]
    assert 109 in [row["feature_id"] for row in now["features"]]


# -- odd accounts ---------------------------------------------------------------------------------------------------


def test_an_account_without_anything_still_has_its_page(pristine: Account, tmp_path: Path) -> None:
    """No product at all, and only the features of one."""
    sync_account(Account(pristine.now, []), tmp_path / "empty.db")
    sync_account(Account(pristine.now, [pristine.product(21362)]), tmp_path / "part.db", streams=["features"])
    empty, part = (
        rows_of(json.loads(explore_data(explored(ta.load_mirror(tmp_path / name))))) for name in ("empty.db", "part.db")
    )

    assert not any(empty.values())
    assert {row["catalogue_state"] for row in part["features"]} == {"unknown"}
    assert part["products"][0]["bugs_bugs"] is None
    assert "never" in " ".join(part["products"][0]["doubts"])


def test_ids_of_more_than_fifteen_digits_stay_themselves(tmp_path: Path) -> None:
    """A script would round such a number to its neighbour: it travels as text, and leads to its row."""
    account = small_account()
    product, large = account.products[0], 2**53 + 1
    feature = product.features[0].payload
    for number in (large, large + 1):
        account.add_feature(1, {**feature, "id": number, "title": f"Feature {number}", "user_stories": []})
    product.cycles[0].payload["features"][0]["feature_id"] = large
    sync_account(account, tmp_path / "mirror.db")
    rows = rows_of(json.loads(explore_data(explored(ta.load_mirror(tmp_path / "mirror.db")))))
    keys = [row["feature_id"] for row in rows["features"]]
    reached = {keys[row["feature_id"]] for row in rows["scope"]}

    assert {str(large), str(large + 1)} <= {*keys}
    assert str(large) in reached
    assert str(large + 1) not in reached


def test_what_nothing_leads_to_keeps_its_id(tmp_path: Path) -> None:
    """A test's feature that no catalogue has gets a row that says so; a section that is gone is named by its id."""
    account = small_account()
    cycle = account.products[0].cycles[0].payload
    cycle["features"][0] |= {"feature_id": 4_711, "title": "Lost feature"}
    cycle["section"] = {"id": 815, "name": "Gone"}
    sync_account(account, tmp_path / "mirror.db")
    rows = rows_of(json.loads(explore_data(explored(ta.load_mirror(tmp_path / "mirror.db")))))
    lost = next(row for row in rows["features"] if row["feature_id"] == 4_711)

    assert (lost["feature"], lost["standing"], lost["catalogue_state"]) == (
        "Lost feature",
        "not in the catalogue",
        None,
    )
    assert "815" in [row["section_id"] for row in rows["tests"]]


def test_removed_things_are_there_and_count_nowhere(tmp_path: Path) -> None:
    """A feature that is gone keeps its address, with the day; the figures of its product do not have it."""
    account = small_account()
    sync_account(account, tmp_path / "mirror.db")
    account.drop_feature(101)
    sync_account(account, tmp_path / "mirror.db")
    rows = rows_of(json.loads(explore_data(explored(ta.load_mirror(tmp_path / "mirror.db")))))
    gone = next(row for row in rows["features"] if row["feature_id"] == 101)
    product = next(row for row in rows["products"] if row["product_id"] == 1)

    assert (gone["standing"], gone["catalogue_state"], gone["next_rank"]) == ("removed", None, None)
    assert gone["removed_at"] is not None
    assert product["coverage_active_features"] == 3


# -- the file -------------------------------------------------------------------------------------------------------


def test_the_page_stands_among_the_others(pristine: Account, tmp_path: Path) -> None:
    """It is made with the others and by itself, names its origin, is known as ours, and the same twice."""
    db, output = tmp_path / "mirror.db", tmp_path / "pages"
    sync_account(small_account(), db)
    (first,) = make_pages(db, output, notebooks=["explore"])
    before = first.read_bytes()
    make_pages(db, output, notebooks=["explore"])
    both = make_pages(db, tmp_path / "both", notebooks=["03_untested_features", "explore"])

    assert first.name == "explore.html"
    assert before == first.read_bytes()
    assert page_names()[-1] == "explore"
    assert [page.name for page in both] == ["03_untested_features.html", "explore.html"]
    assert all('href="explore.html">Explore</a>' in page.read_text() for page in both)
    assert re.search(r"<footer><p>testio_analytics \S+ · schema \d+ · sync run 1</p></footer>", first.read_text())
    assert not re.search(r"(src|href)=\"(?!\w+\.html)", first.read_text())
    first.write_text("mine")
    with pytest.raises(ReportError, match=r"explore\.html, not made by"):
        make_pages(db, output, notebooks=["explore"])
    assert first.read_text() == "mine"


def test_what_the_page_carries_is_searched_for_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A title with the token in it, or with where the database lies, is found although the data are compressed."""
    db = tmp_path / "mirror.db"
    for secret, what in (
        ('tok-"1234567890"', "a token or another secret"),
        (str(tmp_path / "mirror.db"), "a local path"),
    ):
        account = small_account()
        account.products[0].cycles[0].bugs[0].payload["title"] = f"It says {secret} in red"
        sync_account(account, db)
        monkeypatch.setenv(config.TOKEN_VARIABLE, 'tok-"1234567890"')
        with pytest.raises(ReportError, match=what) as caught:
            make_pages(db, tmp_path / "pages", notebooks=["explore"])
        assert secret not in str(caught.value)
        assert not (tmp_path / "pages").exists()


def test_an_unknown_page_is_told_with_those_there_are(tmp_path: Path) -> None:
    """The list names this page as well."""
    sync_account(small_account(), tmp_path / "mirror.db")
    with pytest.raises(UnknownValueError, match="explore"):
        make_pages(tmp_path / "mirror.db", tmp_path / "pages", notebooks=["none"])


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain & simple", "plain & simple"),
        ("<p>One</p><p>Two<br/>lines &amp; more</p>", "One\n\nTwo\nlines & more"),
        ("<ul><li>a</li><li><B class='x'>b</B></li></ul>", "• a\n\n• b"),
        ("<script>alert(1)</script> <article>", "<script>alert(1)</script> <article>"),
        ("a < b and <player> is <u>x</u>", "a < b and <player> is x"),
    ],
)
def test_a_text_that_is_html_reads_as_text(html: str, text: str) -> None:
    """Tags that format go; what is no such tag stays and is shown."""
    assert without_formatting(html) == text
