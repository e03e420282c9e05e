"""Payloads: what is cut out before anything is kept, and how single values are read."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import JSON, KEYS, SCALARS, SECRET, TIMES, deep
from testio_analytics.api import payloads
from testio_analytics.api.credentials import REMOVED, Credentials, is_strong
from testio_analytics.api.payloads import Feature, Payload, TestFeature, read
from testio_analytics.api.scrubbing import TOO_DEEP, scrub
from testio_analytics.api.values import as_json, clean_text, list_in, row_name, shown


def problems(model: type[Payload], payload: Any) -> list[str]:
    """Return what is wrong with a payload, each thing as its sentence; nothing where it can be read."""
    found = read(model, payload)
    return [str(problem) for problem in found] if isinstance(found, tuple) else []


ENVIRONMENT = {
    "id": 5,
    "title": "Staging",
    "url": "https://internal.example/?key=UrlSecret1",
    "username": "UserSecret2",
    "password": "PassSecret3",
    "access": "AccessSecret4: door code",
    "environment_test_information": {"id": 1, "page_url": "https://PageSecret5", "description": "InfoSecret6"},
    "binary_app": {"id": 1, "filename": "FileSecret7.apk"},
    "proxy": True,
    "access_type": "url",
}
SECRETS = re.findall(r"\w+Secret\d", json.dumps(ENVIRONMENT))


def _kept(payload: Any) -> Any:
    """Return what a sync keeps of a payload: nothing in it quotes a credential that it held, or the token."""
    found: set[str] = set()
    kept = scrub(payload, found)
    return Credentials(found, tokens=[SECRET]).cut_within(kept)


def _recased(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {change(key): _recased(member, change) for key, member in value.items()}
    return [_recased(item, change) for item in value] if isinstance(value, list) else value


PLACES = {
    "test": {"id": 1, "test_environment": ENVIRONMENT},
    "bug": {"bug": {"id": 1, "test": {"id": 2, "test_environment": ENVIRONMENT}}},
    "template": {"test_templates": [{"id": 1, "test_environment": ENVIRONMENT, "test_scenario_template": {"x": {}}}]},
    "test case": {"test_case_test": {"steps": [[[{"deep": {"test_environment": ENVIRONMENT}}]]]}},
    "environment list": {"test_environments": [ENVIRONMENT, copy.deepcopy(ENVIRONMENT)]},
    "environment list of odd things": {"test_environment": [ENVIRONMENT, "PassSecret3", None]},
    "environment as text": {"environment": "go to InfoSecret6"},
    "inside a product": {"product": {"id": 3, "x": ENVIRONMENT}, "section": {"id": 4, "y": [ENVIRONMENT]}},
}


@pytest.mark.parametrize("spelling", [str, str.upper, str.title], ids=["lower", "upper", "title"])
@pytest.mark.parametrize("place", PLACES)
def test_no_credential_survives_anywhere(place: str, spelling: Any) -> None:
    """Each secret of testio-api 13 is gone, wherever the environment is embedded and however its keys are spelled."""
    assert len(SECRETS) == 7
    kept = as_json(scrub(_recased(PLACES[place], spelling)))
    assert not [secret for secret in SECRETS if secret in kept]


def test_environment_keeps_id_and_title_only() -> None:
    """The two that a report needs stay."""
    assert scrub({"test_environment": ENVIRONMENT}) == {"test_environment": {"id": 5, "title": "Staging"}}


def test_environment_served_on_its_own_loses_its_logins() -> None:
    """An environment at the top level has no key that names it; its credentials go all the same."""
    kept = as_json(scrub(ENVIRONMENT | {"url": None}))
    assert not [secret for secret in SECRETS if secret in kept]


@pytest.mark.parametrize("password", ["Hunter2!", ["x", "Hunter2!"], {"value": "Hunter2!"}, [{"v": ["Hunter2!"]}]])
def test_secret_quoted_in_prose_is_cut_out(password: Any) -> None:
    """People repeat a password in titles; the value is cut out of every text, however it was wrapped."""
    payload = {
        "title": "log in with Hunter2! (twice: Hunter2!)",
        "nested": [{"x": "Hunter2!"}, "aHunter2!b"],
        "test_environment": {"password": password, "title": "Hunter2!"},
        "section": {"id": "Hunter2!"},
    }
    kept = _kept(payload)
    assert "Hunter2!" not in as_json(kept)
    assert kept["title"] == f"log in with {REMOVED} (twice: {REMOVED})"


def test_number_as_password_is_cut_out_of_prose() -> None:
    """A PIN that is sent as a number is quoted as text."""
    assert _kept({"x": {"password": 98765432}, "title": "PIN 98765432"})["title"] == f"PIN {REMOVED}"


def test_regular_expression_in_a_password_is_taken_literally() -> None:
    """Credentials are text, not patterns; the longer of two that overlap is cut out whole."""
    payload = {"a": {"password": ".*(secret)+", "username": "secret)+extra"}, "title": "all .*(secret)+extra of it"}
    assert _kept(payload)["title"] in {f"all {REMOVED}extra of it", f"all .*({REMOVED} of it"}
    assert _kept({"a": {"password": "......"}, "title": "untouched"})["title"] == "untouched"
    assert _kept({"a": {"access": "ab3!ef7?", "password": "ab3!ef7?gh"}, "t": "ab3!ef7?gh"})["t"] == REMOVED


def test_short_secret_does_not_cut_up_words() -> None:
    """A user name like `app` would make every title unreadable; short ones are only dropped at their own place."""
    assert _kept({"a": {"username": "app"}, "title": "The app maps"}) == {"a": {}, "title": "The app maps"}


def test_echoed_token_is_cut_out() -> None:
    """A server that repeats the token does not get it stored."""
    answer = {"title": "hi tok-12345678", "x": [["tok-12345678"]], "product": {"id": "tok-12345678"}}
    kept = Credentials(tokens=["tok-12345678"]).cut_within(scrub(answer))
    assert "tok-12345678" not in as_json(kept)


def test_people_prose_and_links_are_not_kept() -> None:
    """Names of people, prose that holds logins, signed links: none is needed for a number."""
    payload = {
        **dict.fromkeys(("created_by", "submitted_by", "author", "goal", "instructions", "goal_text"), "Ana Kowalska"),
        "reviews": [{"status": "successful", "instruction_comment": "Ana Kowalska", "feature_comment": "Ana Kowalska"}],
        "attachments": [
            {"id": 1, "url": "https://Ana Kowalska", "thumbnail_urls": {"x": "Ana Kowalska"}},
            "loose text",
        ],
        "connection": {"id": 2, "name": "Jira", "url": "https://Ana Kowalska"},
    }
    assert scrub(payload) == {
        "reviews": [{"status": "successful"}],
        "attachments": [{"id": 1}],
        "connection": {"id": 2, "name": "Jira"},
    }


@given(JSON)
def test_scrub_leaves_its_input_alone(payload: Any) -> None:
    """The caller's payload is what it was, and the copy shares no list or object with it."""
    before = copy.deepcopy(payload)
    kept = scrub(payload)
    assert repr(payload) == repr(before)
    if isinstance(payload, dict | list) and payload:
        assert kept is not payload


@given(JSON)
def test_scrub_is_idempotent(payload: Any) -> None:
    """What is clean is left as it is."""
    once = _kept(payload)
    assert as_json(_kept(once)) == as_json(once)


@given(JSON)
def test_scrubbed_text_is_valid_json_without_secret_and_bytes(payload: Any) -> None:
    """Any payload becomes UTF-8 text that a strict parser reads, in which neither token nor credential occurs."""

    def strict(constant: str) -> None:
        raise AssertionError(constant)

    text = as_json(_kept(payload))
    assert SECRET not in text
    assert "\x00" not in text
    json.loads(text.encode("utf-8"), parse_constant=strict)


@given(JSON, st.text("QXz7!", min_size=8, max_size=12).filter(is_strong), KEYS)
def test_credential_found_anywhere_is_cut_out_everywhere(payload: Any, password: str, key: str) -> None:
    """A strong password deep inside one part of a payload is not left in another part."""
    kept = _kept({"x": [{"y": {"Password": password}}], "z": {key: [payload, f"- {password} -"], "w": password}})
    assert password not in as_json(kept)


@pytest.mark.parametrize("levels", [60, 400, 900])
def test_nesting_is_cut_off(levels: int) -> None:
    """JSON that is nested to break recursion neither breaks it nor hides a secret below."""
    kept = as_json(scrub({"id": 1, "title": "kept", "x": deep(levels)}))
    assert '"title":"kept"' in kept
    assert SECRET not in kept
    assert TOO_DEEP in kept


def test_nesting_of_the_api_is_kept() -> None:
    """What real answers nest stays whole."""
    assert scrub({"x": deep(30)}) == {"x": deep(30)}


def test_raw_data_is_canonical() -> None:
    """The order of keys is no difference; the order of a list and every value is."""
    first = {"b": 1, "a": {"y": [1, 2], "x": "é"}}
    assert as_json(first) == as_json({"a": {"x": "é", "y": [1, 2]}, "b": 1}) == '{"a":{"x":"é","y":[1,2]},"b":1}'
    assert (
        len(
            {
                as_json(value)
                for value in (first, {"b": 1}, {"b": 1.5}, {"b": "1"}, {"b": None}, {"b": True}, [1, 2], [2, 1])
            }
        )
        == 8
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("x\udfff\ud83d\udea2y", "x\ufffd\ufffd\ufffdy"),
        ("\U0001f6a2 שלום\u202e <b>=1+1</b>\n", "\U0001f6a2 שלום\u202e <b>=1+1</b>\n"),
        ("", ""),
    ],
)
def test_clean_text_marks_what_cannot_be_stored(text: str, expected: str) -> None:
    """NUL and broken surrogates become the replacement character; everything else is data."""
    assert clean_text(text) == expected


@given(SCALARS.filter(lambda value: isinstance(value, str)))
def test_clean_text_can_be_stored(text: str) -> None:
    """The result encodes, holds no NUL, has the same length and stays as it is."""
    clean = clean_text(text)
    assert clean.encode("utf-8").decode() == clean
    assert len(clean) == len(text)
    assert clean_text(clean) == clean


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-06-30T08:00:00+02:00", datetime(2026, 6, 30, 6, tzinfo=UTC)),
        ("2026-06-30T06:00:00Z", datetime(2026, 6, 30, 6, tzinfo=UTC)),
        ("2026-01-30T07:00:00.123+01:00", datetime(2026, 1, 30, 6, 0, 0, 123000, tzinfo=UTC)),
        ("2026-06-30T00:30:00+05:45", datetime(2026, 6, 29, 18, 45, tzinfo=UTC)),
        ("0001-01-01T00:00:00-01:00", datetime(1, 1, 1, 1, tzinfo=UTC)),
        (None, None),
        ("", None),
    ],
)
def test_times_become_utc(value: Any, expected: datetime | None) -> None:
    """Every offset and fraction that was seen, normalised; nothing is no time."""
    read_test = read(payloads.ExploratoryTest, {"id": 1, "end_at": value})
    assert isinstance(read_test, payloads.ExploratoryTest)
    assert read_test.end_at == expected
    assert expected is None or (read_test.end_at is not None and read_test.end_at.utcoffset() == expected.utcoffset())


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("2026-06-30T06:00:00", "has no UTC offset"),
        ("2026-06-30", "has no UTC offset"),
        ("yesterday", "is not an ISO 8601 time but text"),
        ("2026-13-01T00:00:00Z", "is not an ISO 8601 time"),
        ("2026-06-30T25:00:00Z", "is not an ISO 8601 time"),
        (1751263200, "is not an ISO 8601 time but a number"),
        (True, "is not an ISO 8601 time but a boolean"),
        ({"at": 1}, "is not an ISO 8601 time but an object"),
        ("0001-01-01T00:00:00+14:00", "is outside the calendar"),
        ("9999-12-31T23:59:59-14:00", "is outside the calendar"),
        ("\ud800", "is not an ISO 8601 time"),
    ],
)
def test_what_is_no_instant_is_refused_with_its_reason(value: Any, problem: str) -> None:
    """A time that cannot be placed on the axis is never guessed."""
    (found,) = problems(payloads.ExploratoryTest, {"id": 1, "start_at": value})
    assert found.startswith(f"start_at {problem}")


@given(TIMES)
def test_any_time_is_utc_or_refused(value: Any) -> None:
    """Whatever stands in a time field: an instant in UTC, nothing, or a reason."""
    found = read(payloads.ExploratoryTest, {"id": 1, "end_at": value})
    if isinstance(found, tuple):
        assert [problem.field for problem in found] == ["end_at"]
    elif found.end_at is not None:
        assert found.end_at.tzinfo is UTC
        assert found.end_at == datetime.fromisoformat(value)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "id is missing"),
        (True, "id is not a positive integer but a boolean (True)"),
        (1.0, "id is not a positive integer but a number (1.0)"),
        (-1, "id is not a positive integer but a number (-1)"),
        (0, "id is not a positive integer but a number (0)"),
        (2**63, "id is not a positive integer but a number (9223372036854775808)"),
        ("9" * 20, "id is not a positive integer but text ('99999999999999999999')"),
        ("abc", "id is not a positive integer but text ('abc')"),
        ([1], "id is not a positive integer but a list"),
        ({"id": 1}, "id is not a positive integer but an object"),
    ],
)
def test_unusable_id_is_refused_with_its_reason(value: Any, problem: str) -> None:
    """A row without a usable id cannot be stored; the reason says what came instead."""
    assert problems(Feature, {"id": value}) == [problem]
    assert problems(Feature, {}) == ["id is missing"]


def test_id_as_text_is_the_same_id() -> None:
    """An id in digits is read, with blanks and leading zeros."""
    assert [getattr(read(Feature, {"id": value}), "id", None) for value in ("12", " 12 ", "012", 12)] == [12] * 4


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """Three bad values, each named."""
    assert problems(TestFeature, {"id": 1, "feature_id": "x", "title": ["t"], "enable_visual": "yes"}) == [
        "feature_id is not a positive integer but text ('x')",
        "title is not text but a list",
        "enable_visual is neither true, false nor null but text ('yes')",
    ]


@pytest.mark.parametrize("payload", [None, "text", 3, [], True, [{"id": 1}]])
def test_row_that_is_no_object_is_refused(payload: Any) -> None:
    """A list of something else than objects is answered with reasons, not with a crash."""
    (problem,) = problems(Feature, payload)
    assert problem.startswith("the row is not an object but ")


def test_missing_and_odd_texts_are_data() -> None:
    """Null, missing, empty, very long, hostile and numeric titles are titles."""
    for title in (None, "", "x" * 100_000, "<script>", "=cmd", "\u202e"):
        assert getattr(read(Feature, {"id": 1, "title": title}), "title", "refused") == title
    assert getattr(read(Feature, {"id": 1}), "title", "refused") is None
    assert getattr(read(Feature, {"id": 1, "title": 404}), "title", None) == "404"
    assert problems(Feature, {"id": 1, "title": True}) == ["title is not text but a boolean (True)"]


@pytest.mark.parametrize("value", [None, True, False])
def test_tri_state_stays_three_states(value: bool | None) -> None:
    """Null is not false."""
    assert getattr(read(TestFeature, {"id": 1, "enable_content": value}), "enable_content", "refused") is value


@pytest.mark.parametrize("value", [0, 1, "true", "", [], 1.0])
def test_what_is_no_truth_value_is_refused(value: Any) -> None:
    """No guess what a number or a word means."""
    (problem,) = problems(TestFeature, {"id": 1, "enable_content": value})
    assert "neither true, false nor null" in problem


@given(JSON)
def test_shown_value_is_short_and_storable(value: Any) -> None:
    """A reason quotes little of a wrong value, on one line, and can be stored."""
    text = shown(value)
    assert len(text) < 600
    assert text.isprintable()
    assert text.encode("utf-8")
    assert len((row_name({"id": value}) or "").encode("utf-8")) <= 320


def test_listed_finds_only_lists_under_the_key() -> None:
    """An envelope without its list is not an empty list."""
    assert list_in({"features": []}, "features") == []
    answers: list[Any] = [None, [], "features", {"features": None}, {"features": {}}, {"feature": []}, {}]
    for answer in answers:
        assert list_in(answer, "features") is None
