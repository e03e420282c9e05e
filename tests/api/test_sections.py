"""Section detection: the whole truth table, and no payload that makes it stumble."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import JSON
from testio_analytics.api.sections import get_section_ids, has_sections, sections_of
from testio_analytics.api.values import as_id, is_id

MISSING = object()
DEFAULT, FIRST, SECOND = {"id": 100, "name": "default-section"}, {"id": 7, "name": "A"}, {"id": 5, "name": "B"}


def _product(own: Any, every: Any) -> dict[str, Any]:
    lists = {"sections": own, "sections_with_default": every}
    return {"id": 1, "default_section_id": 100, **{key: value for key, value in lists.items() if value is not MISSING}}


# own, with default, sectioned?, ids to read
TRUTH = [
    ([], [], False, []),
    ([], [DEFAULT], False, []),
    ([], [DEFAULT, FIRST], True, [100, 7]),
    ([], [FIRST, DEFAULT, SECOND], True, [7, 100, 5]),
    ([FIRST], [], True, [7]),
    ([FIRST, SECOND], [], True, [7, 5]),
    ([FIRST], [DEFAULT], True, [7]),
    ([FIRST], [DEFAULT, FIRST], True, [7]),
    ([SECOND, FIRST], [DEFAULT, FIRST, SECOND], True, [5, 7]),
    (MISSING, MISSING, False, []),
    (MISSING, [DEFAULT], False, []),
    (MISSING, [DEFAULT, FIRST], True, [100, 7]),
    ([FIRST], MISSING, True, [7]),
    (None, MISSING, False, []),
    (None, [], False, []),
    (None, [DEFAULT], False, []),
    (None, [DEFAULT, FIRST], True, [100, 7]),
    ([], None, False, []),
    (MISSING, None, False, []),
    ([FIRST], None, True, [7]),
    (None, None, False, []),
    ([{"name": "no id"}], [], True, []),
    ([], [{"name": "no id"}], False, []),
    ([], [DEFAULT, {"name": "no id"}], True, [100]),
    ([{"id": None}, FIRST], [DEFAULT], True, [7]),
    ([{"id": None}], None, True, []),
    ([FIRST, FIRST, SECOND, FIRST], None, True, [7, 5]),
    ([None, "x", 3, [FIRST], FIRST], None, True, [7]),
    ([{"id": True}, {"id": 7.0}, {"id": -7}, {"id": 0}, {"id": "x"}, {"id": 2**63}, SECOND], None, True, [5]),
    ("sections", {"id": 7}, False, []),
    (3, True, False, []),
]


@pytest.mark.parametrize(("own", "every", "sectioned", "ids"), TRUTH)
def test_truth_table(own: Any, every: Any, sectioned: bool, ids: list[int]) -> None:
    """Each row of testio-api 4.2, and entries that are not what they should be."""
    product = _product(own, every)
    assert has_sections(product) is sectioned
    assert get_section_ids(product) == ids


def test_reference_products() -> None:
    """21362 is plain although a raw extraction would give its default id; 18559 and both forms of 24959 work."""
    flourish = {"sections": [], "sections_with_default": [{"id": 21855, "name": "default-section"}]}
    canva = {"sections": [{"id": 19013}, {"id": 25618}], "sections_with_default": [{"id": 1}, {"id": 19013}]}
    assert (has_sections(flourish), get_section_ids(flourish)) == (False, [])
    assert (has_sections(canva), get_section_ids(canva)) == (True, [19013, 25618])
    assert get_section_ids({"sections": [{"id": 25543}]}) == [25543]
    assert get_section_ids({"sections": [], "sections_with_default": [{"id": 25543}]}) == []


def test_id_written_as_text_is_visited() -> None:
    """A section that is stored under an id written as text is read as well: else its features are lost in silence."""
    assert get_section_ids({"sections": [{"id": "19013"}, {"id": 19013}, {"id": " 7 "}]}) == [19013, 7]


def test_known_ids_hold_every_section_named_anywhere() -> None:
    """What remains when a plain-looking product answers 422: both lists and the default id, each once."""
    product = _product([FIRST], [DEFAULT, FIRST, {"id": None}])
    assert sections_of(product).known_ids == [7, 100]
    assert sections_of({"default_section_id": 100}).known_ids == [100]
    assert sections_of({"default_section_id": None, "sections": None}).known_ids == []


USABLE: list[tuple[object, int]] = [
    *[(1, 1), ("1", 1), (" 12\n", 12), ("007", 7), (2**63 - 1, 2**63 - 1), (str(2**63 - 1), 2**63 - 1)],
]
UNUSABLE: list[object] = [
    *(0, -1, 2**63, str(2**63), "9" * 20, "0", "-1", "1.0", "1e3", "", " ", "\u0663", "1_0", "0x1"),
    *(None, True, False, 1.0, float("nan"), [], {}, b"1", [1]),
]


@pytest.mark.parametrize(("value", "expected"), [*USABLE, *((value, None) for value in UNUSABLE)])
def test_usable_ids(value: object, expected: int | None) -> None:
    """Positive integers that fit into a key, in digits or not; nothing else, however near."""
    assert as_id(value) == expected
    assert is_id(value) is (expected is not None and isinstance(value, int))


@given(own=st.one_of(JSON, st.lists(JSON)), every=st.one_of(JSON, st.lists(JSON)), default=JSON)
def test_no_payload_makes_it_stumble(own: Any, every: Any, default: Any) -> None:
    """Whatever stands in the lists: ids are usable and unique, and a product that is not sectioned has none."""
    product = {"sections": own, "sections_with_default": every, "default_section_id": default}
    ids = get_section_ids(product)
    assert all(is_id(value) for value in ids)
    assert len(set(ids)) == len(ids)
    assert has_sections(product) or not ids
    assert set(ids) <= set(sections_of(product).known_ids)


def _lists() -> st.SearchStrategy[Any]:
    entries = st.one_of(st.integers(1, 5).map(lambda number: {"id": number}), st.sampled_from([{}, {"id": None}, None]))
    return st.one_of(st.none(), st.just(MISSING), st.lists(entries, max_size=4))


@given(own=_lists(), every=_lists())
def test_rule_holds_for_all_lists(own: Any, every: Any) -> None:
    """Sectioned if and only if at least one own entry or at least two with the default; ids from one list only."""
    s, d = (value if isinstance(value, list) else [] for value in (own, every))
    product = _product(own, every)
    assert has_sections(product) == (len(s) > 0 or len(d) > 1)
    usable = [entry["id"] for entry in (s or d) if entry and entry.get("id")]
    assert get_section_ids(product) == (list(dict.fromkeys(usable)) if has_sections(product) else [])
