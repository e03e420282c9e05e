"""Flatteners: every payload row is stored, refused with a reason, or a repetition, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import IDS, JSON, KEYS, SECRET, TEXTS, TIMES, deep
from testio_analytics.api.credentials import Credentials
from testio_analytics.api.scrubbing import scrub
from testio_analytics.api.sections import get_section_ids
from testio_analytics.api.values import as_id, as_json
from testio_analytics.mirror import schema
from testio_analytics.mirror.redaction import cut_rows
from testio_analytics.mirror.rows import Rows, unknown_fields
from testio_analytics.mirror.streams.features import feature_rows, needs_story_list
from testio_analytics.mirror.streams.products import product_rows
from testio_analytics.mirror.streams.tests import test_rows

TOKENS = Credentials(tokens=[SECRET])
FEATURE = {"id": 81001, "title": "Seat map", "description": None, "howtofind": "step 2", "user_stories": []}
TEST = {
    "id": 700,
    "title": "Spring",
    "status": "locked",
    "start_at": "2026-03-01T09:00:00+01:00",
    "end_at": "2026-03-03T09:00:00.500+01:00",
    "section": {"id": 7, "name": "A"},
    "test_environment": {"id": 9, "title": "Staging", "password": "Hunter2!"},
    "features": [{"id": 1, "feature_id": 81001, "title": "Seat map", "enable_default": True, "enable_content": None}],
}


def _ids(found: Rows, table: schema.Table) -> list[Any]:
    return [row["id"] for row in found.of(table)]


def _reasons(found: Rows) -> list[tuple[str, str]]:
    return [(rejected.table, rejected.reason) for rejected in found.rejections]


# -- products and sections -------------------------------------------------------------------------------------------


def test_product_becomes_a_row_and_its_sections() -> None:
    """Both lists are stored once; the default section is marked, listed or not."""
    found = product_rows(
        {
            "id": 70210,
            "name": "Harbour",
            "description": None,
            "type": "website",
            "default_section_id": 70555,
            "sections": [{"id": 70601, "name": "Passenger", "test_templates": {"count": 3}}],
            "sections_with_default": [{"id": 70555, "name": "default-section"}, {"id": 70601, "name": "Passenger"}],
        }
    )
    (product,) = found.of(schema.PRODUCTS)
    assert {name: product[name] for name in schema.PRODUCTS.content_columns if name != "raw_data"} == {
        "id": 70210,
        "name": "Harbour",
        "description": None,
        "type": "website",
        "default_section_id": 70555,
        "is_sectioned": 1,
    }
    sections = {row["id"]: (row["product_id"], row["name"], row["is_default"]) for row in found.of(schema.SECTIONS)}
    assert sections == {70601: (70210, "Passenger", 0), 70555: (70210, "default-section", 1)}
    assert not found.rejections
    assert [row["id"] for row in product_rows({"id": 1, "default_section_id": 5}).of(schema.SECTIONS)] == [5]


@pytest.mark.parametrize(
    ("own", "every", "default", "marked"),
    [
        ([], [{"id": 5}], None, {5}),
        ([{"id": 7}], [{"id": 5}, {"id": 7, "name": "told apart by id, not by its other fields"}], None, {5}),
        ([], [{"id": 5}, {"id": 7}], None, set()),
        ([], [{"id": 5}, {"id": 7}], 7, {7}),
        ([{"id": 7}], [], None, set()),
        ([{"id": 7}], None, "5", {5}),
        (None, None, True, set()),
    ],
)
def test_only_one_section_is_the_default(own: Any, every: Any, default: Any, marked: set[int]) -> None:
    """The product names it, or it is the only one that is not the customer's own; otherwise nobody guesses."""
    found = product_rows({"id": 1, "sections": own, "sections_with_default": every, "default_section_id": default})
    assert {row["id"] for row in found.of(schema.SECTIONS) if row["is_default"]} == marked


def test_bad_sections_are_refused_alone() -> None:
    """Entries without a usable id are named; their neighbours are stored."""
    found = product_rows({"id": 1, "sections": [{"id": None}, None, "x", {"id": 7, "name": ["A"]}, {"id": 8}]})
    assert [(row["id"], row["name"]) for row in found.of(schema.SECTIONS)] == [(7, '["A"]'), (8, None)]
    assert [table for table, _ in _reasons(found)] == ["sections"] * 3


SECTIONS = st.lists(st.fixed_dictionaries({"id": IDS}, optional={"name": JSON}), max_size=4)


@given(SECTIONS, SECTIONS)
def test_every_section_to_be_read_is_stored(own: list[Any], every: list[Any]) -> None:
    """Memberships point at sections with an enforced key: each section that will be read has a row, and no other is lost."""
    product = {"id": 1, "sections": own, "sections_with_default": every}
    found = product_rows(product)
    assert set(get_section_ids(product)) <= set(_ids(found, schema.SECTIONS))
    refused = [rejected for rejected in found.rejections if rejected.table == "sections"]
    unusable = [entry for entry in own + every if as_id(entry["id"]) is None]
    assert bool(refused) == bool(unusable)


# -- features and stories --------------------------------------------------------------------------------------------


def test_feature_of_two_sections_is_one_row_with_two_memberships() -> None:
    """The first body counts; nothing is refused; both sections are known."""
    other = FEATURE | {"title": "Seat map, seen from the other section"}
    found = feature_rows(1, [(7, [FEATURE]), (8, [other]), (None, [FEATURE])])
    assert [(row["id"], row["title"], row["product_id"]) for row in found.of(schema.FEATURES)] == [
        (81001, "Seat map", 1)
    ]
    memberships = [(row["feature_id"], row["section_id"]) for row in found.of(schema.FEATURE_SECTIONS)]
    assert memberships == [(81001, 7), (81001, 8)]
    assert not found.rejections


def test_stories_as_objects_belong_to_the_feature_that_holds_them() -> None:
    """The link is the API's own word."""
    story = {"id": 9201, "path": "As a passenger, I can sit", "title": None, "feature_id": 81001}
    (row,) = feature_rows(1, [(7, [FEATURE | {"user_stories": [story]}])]).of(schema.USER_STORIES)
    assert (row["id"], row["feature_id"], row["feature_link"], row["path"], row["title"]) == (
        9201,
        81001,
        "id",
        "As a passenger, I can sit",
        None,
    )


def _features(*stories: Any) -> list[dict[str, Any]]:
    return [{"id": number, "user_stories": list(group)} for number, group in enumerate(stories, 1)]


def test_stories_known_as_sentences_are_linked_by_text() -> None:
    """By path, else by title; a sentence of one feature links, one of two features is ambiguous, an unknown one is free."""
    listing = [(7, _features(["I sit", "I stand"], ["I lie", "I stand"])), (8, _features(["I sit"]))]
    story_list = [
        {"id": 1, "path": "I sit", "title": "other words"},
        {"id": 2, "path": "longer", "title": "I lie"},
        {"id": 3, "path": "I stand", "title": "I stand"},
        {"id": 4, "path": "I fly", "title": None},
        {"id": 5, "path": "I sit", "title": "the same sentence again"},
    ]
    assert needs_story_list(listing)
    found = feature_rows(1, listing, story_list)
    links = {row["id"]: (row["feature_id"], row["feature_link"]) for row in found.of(schema.USER_STORIES)}
    assert links == {1: (1, "text"), 2: (2, "text"), 3: (None, "ambiguous"), 4: (None, "none"), 5: (1, "text")}
    assert not found.rejections


def test_link_of_the_api_wins_over_the_story_list() -> None:
    """A story that came as an object is not linked again by its text."""
    listing = [(7, _features([{"id": 1, "path": "I sit"}], ["I sit"]))]
    found = feature_rows(1, listing, [{"id": 1, "path": "I sit"}])
    assert [(row["feature_id"], row["feature_link"]) for row in found.of(schema.USER_STORIES)] == [(1, "id")]
    assert not found.rejections


def test_sentence_that_no_story_list_has_is_named() -> None:
    """A story whose id nobody tells cannot be stored, and is not lost in silence."""
    found = feature_rows(1, [(None, _features(["I sit", "I stand"], ["I stand"]))], [{"id": 1, "path": "I sit"}])
    assert _ids(found, schema.USER_STORIES) == [1]
    assert [json.loads(rejected.raw_data) for rejected in found.rejections] == [
        {"feature_id": 1, "path": "I stand"},
        {"feature_id": 2, "path": "I stand"},
    ]


def test_story_of_two_features_is_refused_for_the_second() -> None:
    """A story has one feature: where two claim it, no count may depend on who came first without a word."""
    story = {"id": 9, "path": "I sit"}
    found = feature_rows(1, [(7, _features([story], [story])), (8, _features([story]))])
    assert [(row["id"], row["feature_id"]) for row in found.of(schema.USER_STORIES)] == [(9, 1)]
    assert _reasons(found) == [("user_stories", "in feature 2: its id already came with feature 1")]


@pytest.mark.parametrize("stories", [None, [], "missing"])
def test_no_stories_is_no_error(stories: Any) -> None:
    """Null, missing and empty lists of stories are features without stories."""
    feature = {"id": 1} if stories == "missing" else {"id": 1, "user_stories": stories}
    found = feature_rows(1, [(None, [feature])])
    assert (_ids(found, schema.FEATURES), _ids(found, schema.USER_STORIES), found.rejections) == ([1], [], [])


def test_bad_stories_are_refused_and_the_feature_stays() -> None:
    """A list that is none, a null, a number, an object without id: each is named."""
    found = feature_rows(
        1, [(None, [*_features([None, 3, {"path": "no id"}, {"id": 5}]), {"id": 2, "user_stories": "x"}])]
    )
    assert _ids(found, schema.FEATURES) == [1, 2]
    assert _ids(found, schema.USER_STORIES) == [5]
    assert _reasons(found) == [
        ("user_stories", "the row is not an object but null"),
        ("user_stories", "the row is not an object but a number (3)"),
        ("user_stories", "id is missing"),
        ("user_stories", "the stories of feature 2 are not a list but text ('x')"),
    ]


def test_hostile_features_lose_no_valid_row() -> None:
    """The payload of the issue: every row with an id is stored as it came, the others are named."""
    unknown = {"id": 9, "title": "new", "nested": {"new": [1]}}
    listing = [
        {"id": 1, "title": None},
        {"id": 2},
        {"id": "3", "title": "id as text"},
        {"id": None, "title": "no id"},
        {"id": 4, "user_stories": None},
        {"id": 5, "title": "x" * 100_000},
        {"id": 6, "title": "\U0001f6a2 שלום \u202e a\x00b"},
        {"id": 7, "title": "<script>alert(1)</script>"},
        {"id": 8, "title": "=cmd|' /C calc'!A0"},
        unknown,
        {"id": 10, "title": {"en": "wrong kind"}},
    ]
    found = feature_rows(1, [(None, listing)])
    titles = {row["id"]: row["title"] for row in found.of(schema.FEATURES)}
    assert sorted(titles) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert titles[5] == "x" * 100_000
    assert titles[6] == "\U0001f6a2 שלום \u202e a\ufffdb"
    assert titles[7] == "<script>alert(1)</script>"
    assert titles[8] == "=cmd|' /C calc'!A0"
    assert _reasons(found) == [("features", "id is missing"), ("features", "title is not text but an object")]
    assert [rejected.row_id for rejected in found.rejections] == [None, "10"]
    assert unknown_fields(found) == {"features.nested": 1}
    assert json.loads(found.by_table["features"][(9,)]["raw_data"]) == unknown


# -- tests and test features -----------------------------------------------------------------------------------------


def test_test_becomes_a_row_and_its_features() -> None:
    """Times are UTC, flags keep three states, of the environment only id and title are kept."""
    found = test_rows(1, [TEST])
    (row,) = found.of(schema.TESTS)
    assert (row["start_at"], row["end_at"]) == ("2026-03-01T08:00:00+00:00", "2026-03-03T08:00:00.500000+00:00")
    assert (row["section_id"], row["environment_id"], row["environment_title"]) == (7, 9, "Staging")
    (feature,) = found.of(schema.TEST_FEATURES)
    assert (feature["test_id"], feature["product_id"], feature["feature_id"]) == (700, 1, 81001)
    assert (feature["enable_default"], feature["enable_content"], feature["enable_visual"]) == (1, None, None)
    assert "Hunter2!" not in json.dumps([*found.of(schema.TESTS), *found.of(schema.TEST_FEATURES)])


@pytest.mark.parametrize(
    ("payload", "title"),
    [
        ({"title": "A", "test_title": "B"}, "A"),
        ({"test_title": "B"}, "B"),
        ({"title": None, "test_title": "B"}, "B"),
        ({"title": "", "test_title": "B"}, ""),
        ({}, None),
    ],
)
def test_title_falls_back_to_test_title(payload: dict[str, Any], title: str | None) -> None:
    """Official samples have only `test_title`; an empty title is a title."""
    assert test_rows(1, [{"id": 1, **payload}]).of(schema.TESTS)[0]["title"] == title


@pytest.mark.parametrize("odd", [None, [], "text", 3, {"id": "x"}, {"id": None}, {}])
def test_odd_section_and_environment_leave_the_test_alone(odd: Any) -> None:
    """What is embedded may be anything: the test is stored, the link is empty."""
    (row,) = test_rows(1, [{"id": 1, "section": odd, "test_environment": odd}]).of(schema.TESTS)
    assert (row["section_id"], row["environment_id"], row["environment_title"]) == (None, None, None)


def test_test_features_without_or_with_unknown_feature_are_kept() -> None:
    """The link may be missing or dangle; the row is stored with what was said."""
    entries = [{"id": 1}, {"id": 2, "feature_id": None}, {"id": 3, "feature_id": 404}, {"id": 4, "feature_id": "81001"}]
    found = test_rows(1, [TEST | {"features": entries}])
    links = {row["id"]: row["feature_id"] for row in found.of(schema.TEST_FEATURES)}
    assert links == {1: None, 2: None, 3: 404, 4: 81001}
    assert not found.rejections


def test_test_feature_of_two_tests_is_refused_for_the_second() -> None:
    """The id is new for each pair of test and feature: a repetition elsewhere would move coverage in silence."""
    found = test_rows(1, [TEST, TEST | {"id": 701}])
    assert _ids(found, schema.TESTS) == [700, 701]
    assert _reasons(found) == [("test_features", "in test 701: its id already came with test 700")]


def test_repeated_test_is_one_row_with_its_features_once() -> None:
    """The list shifts while it is read; the second copy changes nothing, whatever it holds."""
    found = test_rows(1, [TEST, TEST | {"title": "later", "features": [{"id": 2}]}])
    assert [row["title"] for row in found.of(schema.TESTS)] == ["Spring"]
    assert _ids(found, schema.TEST_FEATURES) == [1]
    assert not found.rejections


def test_bad_test_is_refused_with_its_scrubbed_payload() -> None:
    """The reason names every fault; what is kept of the payload holds no credential."""
    found = test_rows(1, [TEST | {"end_at": "tomorrow", "demo": "no"}, TEST])
    (rejected,) = found.rejections
    assert rejected.reason == "end_at is not an ISO 8601 time but text ('tomorrow'); " + (
        "demo is neither true, false nor null but text ('no')"
    )
    assert (rejected.table, rejected.stream, rejected.row_id) == ("tests", "tests", "700")
    assert "Hunter2!" not in rejected.raw_data
    assert _ids(found, schema.TESTS) == [700]


# -- hashes ----------------------------------------------------------------------------------------------------------


def test_hash_changes_with_content_and_only_with_it() -> None:
    """Key order, credentials and names do not count; every other value does."""

    def digest(**change: Any) -> str:
        return str(test_rows(1, [TEST | change]).of(schema.TESTS)[0]["content_hash"])

    same = dict(reversed(TEST.items())) | {
        "created_by": "Ana",
        "goal": "x",
        "test_environment": {"id": 9, "title": "Staging"},
    }
    assert test_rows(1, [same]).of(schema.TESTS)[0]["content_hash"] == digest()
    changes: list[dict[str, Any]] = [
        {"title": "Autumn"},
        {"status": None},
        {"demo": False},
        {"demo": None},
        {"end_at": "2026-03-03T08:00:01Z"},
        {"unknown": 1},
        {"test_environment": {"id": 10}},
    ]
    assert len({digest(), *(digest(**change) for change in changes)}) == len(changes) + 1
    assert test_rows(2, [TEST]).of(schema.TESTS)[0]["content_hash"] != digest()


def test_rejection_has_the_same_fingerprint_on_every_read() -> None:
    """The same bad row is the same one tomorrow; another one is another."""
    first, second = (feature_rows(1, [(None, [{"title": "x", "id": None}, {"id": None}])]).rejections for _ in range(2))
    assert [rejected.fingerprint for rejected in first] == [rejected.fingerprint for rejected in second]
    assert len({rejected.fingerprint for rejected in first}) == 2


# -- whatever comes --------------------------------------------------------------------------------------------------

STORY = st.one_of(
    st.fixed_dictionaries({}, optional={"id": IDS, "path": TEXTS, "title": TEXTS, "feature_id": IDS}), JSON
)
FEATURES = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"id": IDS},
            optional={
                "title": JSON,
                "description": TEXTS,
                "howtofind": JSON,
                "user_stories": st.one_of(JSON, st.lists(st.one_of(TEXTS, STORY), max_size=3)),
            },
        ),
        JSON,
    ),
    max_size=5,
)
TEST_FEATURE = st.one_of(
    st.fixed_dictionaries({"id": IDS}, optional={"feature_id": IDS, "title": TEXTS, "enable_visual": JSON}), JSON
)
TESTS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"id": IDS},
            optional={
                "title": JSON,
                "test_title": JSON,
                "status": TEXTS,
                "start_at": TIMES,
                "end_at": TIMES,
                "demo": JSON,
                "section": JSON,
                "test_environment": JSON,
                "features": st.one_of(JSON, st.lists(TEST_FEATURE, max_size=4)),
            },
        ),
        st.dictionaries(KEYS, JSON, max_size=4),
        JSON,
    ),
    max_size=5,
)


def _check(found: Rows) -> None:
    """Each row can be stored as its specification says, and nothing kept holds the token."""
    for name, stored in found.by_table.items():
        spec = schema.TABLES[name]
        for key, row in stored.items():
            assert tuple(row[part] for part in spec.key) == key
            assert set(row) == {*spec.content_columns, "content_hash"}
            for column in spec.columns:
                value = row.get(column.name)
                assert value is not None or not column.required or column.name in {"first_seen", "last_synced"}
                kinds: tuple[type, ...] = (int,) if column.kind in {"integer", "boolean"} else (str,)
                assert value is None or type(value) in kinds
                if column.kind == "time" and value is not None:
                    assert str(value).endswith("+00:00")
            json.loads(row["raw_data"])
    everything = json.dumps([found.by_table[name][key] for name in found.by_table for key in found.by_table[name]])
    rejected = "".join(f"{r.row_id}{r.reason}{r.raw_data}{r.fingerprint}{r.stream}" for r in found.rejections)
    assert SECRET not in everything + rejected
    assert rejected.encode("utf-8") is not None
    assert all(r.reason and r.raw_data and r.table in schema.TABLES for r in found.rejections)


@given(st.lists(st.tuples(st.sampled_from([None, 7, 8]), FEATURES), max_size=3), st.lists(STORY, max_size=4))
def test_every_feature_and_story_ends_as_one_of_three(listings: list[Any], story_list: list[Any]) -> None:
    """Stored + refused + repeated = came, for any payload; no exception, no change of the input."""
    before = repr((listings, story_list))
    found = cut_rows(feature_rows(1, listings, story_list), TOKENS)
    assert repr((listings, story_list)) == before
    _check(found)
    came = [feature for _, features in listings for feature in features]
    refused = {rejected.raw_data for rejected in found.rejections if rejected.table == "features"}
    accepted = [as_id(feature["id"]) for feature in came if _is_accepted_feature(feature)]
    assert set(_ids(found, schema.FEATURES)) == set(accepted)
    # The same bad row may come from several sections; it is one bad row.
    together = TOKENS.cut_within(scrub(came))
    bad = [kept for feature, kept in zip(came, together, strict=True) if not _is_accepted_feature(feature)]
    assert {as_json(feature) for feature in bad} == refused
    _every_story_is_somewhere(found, came, story_list)


def _is_accepted_feature(feature: Any) -> bool:
    """Say independently of the package which features are rows: an object, a usable id, texts that are texts."""
    if not isinstance(feature, dict) or as_id(feature.get("id")) is None:
        return False
    texts = (feature.get(name) for name in ("title", "description", "howtofind"))
    return all(text is None or type(text) in {str, int, float} for text in texts)


def _every_story_is_somewhere(found: Rows, came: list[Any], story_list: list[Any]) -> None:
    held = [
        story
        for feature in came
        if _is_accepted_feature(feature) and isinstance(feature.get("user_stories"), list)
        for story in feature["user_stories"]
    ]
    stored = {str(story_id) for story_id in _ids(found, schema.USER_STORIES)}
    refused = [rejected for rejected in found.rejections if rejected.table == "user_stories"]
    for story in [*(story for story in held if not isinstance(story, str)), *story_list]:
        usable = as_id(story.get("id")) if isinstance(story, dict) else None
        assert str(usable) in stored or refused
    sentences = {story for story in held if isinstance(story, str)}
    kept = {row[name] for row in found.of(schema.USER_STORIES) for name in ("path", "title")}
    assert sentences <= kept or refused


@given(TESTS)
def test_every_test_ends_as_one_of_three(tests: list[Any]) -> None:
    """The same for tests and test features: no hostile payload costs a neighbour or raises."""
    before = copy.deepcopy(tests)
    found = cut_rows(test_rows(1, tests), TOKENS)
    assert repr(tests) == repr(before)
    _check(found)
    refused = sum(rejected.table == "tests" for rejected in found.rejections)
    stored = _ids(found, schema.TESTS)
    with_usable_id = [
        as_id(test["id"]) for test in tests if isinstance(test, dict) and as_id(test.get("id")) is not None
    ]
    repeated = len(with_usable_id) - len(set(with_usable_id))
    assert set(stored) <= set(with_usable_id)
    assert len(stored) + refused <= len(tests) <= len(stored) + refused + repeated
    assert {row["test_id"] for row in found.of(schema.TEST_FEATURES)} <= set(stored)


@given(
    st.one_of(
        st.fixed_dictionaries(
            {"id": IDS},
            optional={"name": JSON, "sections": JSON, "sections_with_default": JSON, "default_section_id": JSON},
        ),
        JSON,
    )
)
def test_every_product_is_stored_or_refused(product: Any) -> None:
    """One payload, one row or one reason."""
    found = cut_rows(product_rows(product), TOKENS)
    _check(found)
    refused = [rejected for rejected in found.rejections if rejected.table == "products"]
    assert len(found.of(schema.PRODUCTS)) + len(refused) == 1
    assert not (refused and found.of(schema.SECTIONS))


@pytest.mark.parametrize("levels", [60, 900])
def test_deeply_nested_row_is_stored(levels: int) -> None:
    """Nesting meant to break recursion costs neither its row nor its neighbours."""
    hostile = {"id": 1, "title": "kept", "user_stories": [{"id": 5, "requirements": deep(levels)}], "x": deep(levels)}
    assert _ids(feature_rows(1, [(None, [hostile, FEATURE])]), schema.FEATURES) == [1, 81001]
    assert _ids(test_rows(1, [hostile | {"section": deep(levels)}, TEST]), schema.TESTS) == [1, 700]
    assert _ids(product_rows(hostile | {"sections": [deep(levels), {"id": 2}]}), schema.SECTIONS) == [2]


def test_later_reads_do_not_replace_rows() -> None:
    """Rows looked up one by one are added to those of the list, which stay."""
    found = test_rows(1, [TEST])
    found.extend(test_rows(1, [TEST | {"title": "later"}, {"id": 701}, {"id": None}]))
    assert [(row["id"], row["title"]) for row in found.of(schema.TESTS)] == [(700, "Spring"), (701, None)]
    assert len(found.rejections) == 1
