"""The demo account: the published counts, a believable history, and every odd data shape of testio-api.md 18.2."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.demo.account import clock, wording
from testio_analytics.demo.account.build import DEMO_NOW, DEMO_POISONED_TEST, PLANTED_SECRETS, demo_account
from testio_analytics.demo.account.catalogue import story_numbers
from testio_analytics.demo.account.findings import poisson
from testio_analytics.demo.account.model import Account, Bug, Cycle, Payload, Product, identity
from testio_analytics.demo.generate import generate_account

EXECUTED = {"running", "locked", "archived", "completed"}
PLANNED = {"initialized", "customer_finalized", "waiting"}


@pytest.fixture(scope="module")
def account(pristine: Account) -> Account:
    """Return the demo account, to be read only."""
    return pristine


def cycles(account: Account) -> Iterator[tuple[Product, Cycle]]:
    """Yield every test with its product."""
    for product in account.products:
        for cycle in product.cycles:
            yield product, cycle


def bugs(account: Account) -> list[Bug]:
    """Return every bug."""
    return [bug for _, cycle in cycles(account) for bug in cycle.bugs]


def rows(cycle: Cycle) -> list[Payload]:
    """Return the test features of a test."""
    return cycle.payload["features"] or []


def covering(product: Product, feature_id: int, statuses: set[str]) -> list[Cycle]:
    """Return the tests of these statuses that name a feature."""
    return [
        cycle
        for cycle in product.cycles
        if cycle.payload["status"] in statuses and any(row.get("feature_id") == feature_id for row in rows(cycle))
    ]


def stories(product: Product, section_id: int) -> list[Payload]:
    """Return the stories of the features that a section lists."""
    listed = [row.payload for row in product.features if section_id in row.section_ids]
    return [story for payload in listed for story in payload.get("user_stories") or []]


def test_the_account_is_the_same_every_time(account: Account) -> None:
    """Two builds are equal byte for byte: reports drawn from them can be compared strictly."""
    again = demo_account()
    assert again == account
    assert json.dumps([p.payload for p in again.products]) == json.dumps([p.payload for p in account.products])


def test_plain_reference_product_has_its_published_counts(account: Account) -> None:
    """Section 16: 21362 is plain, one default section 21855, 28 features, 54 stories."""
    product = account.product(21362)
    assert product.payload["sections"] == []
    assert [(row["id"], row["name"]) for row in product.payload["sections_with_default"]] == [
        (21855, "default-section")
    ]
    assert len(product.features) == 28
    assert len(stories(product, 21855)) == 54


def test_big_reference_product_has_its_published_counts(account: Account) -> None:
    """Section 16: 18559 has sections of 288 and 21 features, 1,709 stories in the first, 240 tests, 23 templates."""
    product = account.product(18559)
    first = {row.payload["id"] for row in product.features if 19013 in row.section_ids}
    second = {row.payload["id"] for row in product.features if 25618 in row.section_ids}
    assert [row["id"] for row in product.payload["sections"]] == [19013, 25618]
    assert (len(first), len(second), len(first & second), len(first | second)) == (288, 21, 12, 297)
    assert len(stories(product, 19013)) == 1709
    assert len(product.cycles) == 240
    assert Counter(template.section_id for template in product.templates) == {19013: 19, 25618: 4}


def test_seventeen_drafts_have_no_end_and_no_bugs(account: Account) -> None:
    """Section 7.9: the drafts of the big product have no bugs."""
    drafts = [cycle for cycle in account.product(18559).cycles if cycle.payload["end_at"] is None]
    assert len(drafts) == 17
    assert {cycle.payload["status"] for cycle in drafts} == {"initialized"}
    assert not any(cycle.bugs or cycle.executions for cycle in drafts)


@pytest.mark.parametrize(("variant", "in_sections"), [("real", [25543]), ("default", [])])
def test_small_reference_product_exists_in_both_variants(variant: Any, in_sections: list[int]) -> None:
    """Section 16: no source tells whether 25543 is a real section, so there are both; 9 features, 9 stories."""
    product = demo_account(variant).product(24959)
    assert [row["id"] for row in product.payload["sections"]] == in_sections
    assert 25543 in [row["id"] for row in product.payload["sections_with_default"]]
    assert product.is_sectioned is bool(in_sections)
    assert len(product.features) == 9
    assert len(stories(product, 25543)) == 9
    assert "cancelled" in {cycle.payload["status"] for cycle in product.cycles}


def test_section_lists_come_in_every_documented_form(account: Account) -> None:
    """Section 4.2: empty, filled, null and missing lists, two default entries only, default id = product id."""

    def form(payload: Payload, key: str) -> str:
        found = payload.get(key, "missing")
        return found if isinstance(found, str) else "null" if found is None else str(len(found))

    forms = {(form(p.payload, "sections"), form(p.payload, "sections_with_default")) for p in account.products}
    assert forms >= {("0", "1"), ("2", "3"), ("0", "2"), ("0", "missing"), ("null", "null"), ("missing", "missing")}
    assert ("1", "null") in forms
    assert any(p.payload["default_section_id"] == p.id for p in account.products)


def test_ids_are_unique_within_each_kind(account: Account) -> None:
    """Section 1: ids are unique per resource type across all products."""
    kinds: dict[str, list[Any]] = {
        "feature": [row.payload["id"] for p in account.products for row in p.features],
        "story": [
            s["id"] for p in account.products for row in p.features for s in row.payload.get("user_stories") or []
        ],
        "test": [cycle.payload["id"] for _, cycle in cycles(account)],
        "test feature": [row["id"] for _, cycle in cycles(account) for row in rows(cycle)],
        "bug": [bug.payload["id"] for bug in bugs(account)],
        "execution": [run.payload["id"] for _, cycle in cycles(account) for run in cycle.executions],
    }
    repeated = {kind: [number for number, n in Counter(ids).items() if n > 1] for kind, ids in kinds.items()}
    assert repeated == {kind: [] for kind in kinds}


def test_titles_are_distinct_and_human(account: Account) -> None:
    """People look at the pages: no numbered dummies, no title twice in a product."""
    for product in account.products:
        titles = [row.payload["title"] for row in product.features]
        assert len(set(titles)) == len(titles)
        assert not any(title.lower().startswith("feature") and title[-1].isdigit() for title in titles)


def test_stories_are_sentences_and_distinct_within_a_feature(account: Account) -> None:
    """Section 6.2: a story is one sentence of the form "As a …, I can …"; none is cut or still holds a placeholder."""
    for product in account.products:
        for row in product.features:
            paths = [story["path"] for story in row.payload.get("user_stories") or []]
            assert len(set(paths)) == len(paths)
            assert all(path.startswith("As a") and ", I can " in path and "{" not in path for path in paths)


def test_no_text_still_holds_a_placeholder(account: Account) -> None:
    """Every pattern of the wording is filled: titles of features, tests and bugs have no braces left."""
    titles = [bug.payload["title"] for bug in bugs(account)]
    titles += [str(cycle.payload.get("title")) for _, cycle in cycles(account)]
    titles += [
        str(row.payload.get(key)) for p in account.products for row in p.features for key in ("title", "howtofind")
    ]
    assert not [title for title in titles if "{" in title or "}" in title]


def test_a_catalogue_state_of_every_kind_can_be_seen(account: Account) -> None:
    """Tested, stale, planned only and untested features exist, in numbers worth a report (definitions.md, 3)."""
    found: Counter[str] = Counter()
    for product in account.products:
        for row in product.features:
            ran = covering(product, row.payload["id"], EXECUTED)
            ends = [clock.parsed(cycle.payload["end_at"]) for cycle in ran if cycle.payload["end_at"]]
            if ends:
                found["tested" if DEMO_NOW - max(ends) <= timedelta(days=180) else "stale"] += 1
            else:
                found["planned" if covering(product, row.payload["id"], PLANNED) else "untested"] += 1
    assert found["tested"] > 150
    assert found["stale"] > 50
    assert found["untested"] > 50
    assert found["planned"] >= 8


def test_the_poisoned_test_is_the_only_cover_of_four_features(account: Account) -> None:
    """With this one test unreadable, nothing else shows that its features were looked at."""
    product = account.product(70340)
    poisoned = account.cycle(DEMO_POISONED_TEST)
    assert poisoned in product.cycles
    assert poisoned.payload["status"] in EXECUTED
    ids = [row["feature_id"] for row in rows(poisoned)]
    assert len(ids) == 4
    everything = EXECUTED | PLANNED | {"cancelled"}
    for feature_id in ids:
        assert covering(product, feature_id, everything) == [poisoned]


def test_the_pace_of_testing_grows(account: Account) -> None:
    """There is a trend worth seeing: each half-year of the big product has more tests than the one before."""
    product = account.product(18559)
    ends = [clock.parsed(c.payload["end_at"]) for c in product.cycles if c.payload["status"] in EXECUTED]
    halves = Counter(int((DEMO_NOW - end).days // 183) for end in ends)
    assert halves[3] < halves[2] < halves[1] < halves[0]
    assert sum(halves.values()) == len(ends)


def test_no_ended_test_ends_after_now_and_history_is_two_years(account: Account) -> None:
    """The clock stands at DEMO_NOW: what has ended has ended, what runs is running, two years back and no more."""
    for _, cycle in cycles(account):
        status, end = cycle.payload["status"], cycle.payload["end_at"]
        if status in {"archived", "locked", "completed"}:
            assert DEMO_NOW - timedelta(days=735) < clock.parsed(end) <= DEMO_NOW
        if status == "running":
            assert clock.parsed(cycle.payload["start_at"]) < DEMO_NOW < clock.parsed(end)
        if status == "waiting":
            assert clock.parsed(cycle.payload["start_at"]) > DEMO_NOW


def test_a_test_is_locked_only_with_bugs(account: Account) -> None:
    """Section 7.9: a test without bugs goes from running to archived directly."""
    locked = [cycle for _, cycle in cycles(account) if cycle.payload["status"] == "locked"]
    assert locked
    assert all(cycle.bugs for cycle in locked)


def test_tests_that_did_not_run_have_no_bugs_and_no_executions(account: Account) -> None:
    """Section 7.9: drafts, planned and cancelled tests have found nothing."""
    idle = [cycle for _, cycle in cycles(account) if cycle.payload["status"] in PLANNED | {"cancelled"}]
    assert len(idle) > 40
    assert not any(cycle.bugs or cycle.executions for cycle in idle)


def test_every_status_and_type_occurs(account: Account) -> None:
    """Section 7.9: all statuses, one `completed`, one that no source names, all review statuses and testing types."""
    payloads = [cycle.payload for _, cycle in cycles(account)]
    statuses = Counter(payload["status"] for payload in payloads)
    assert set(statuses) == EXECUTED | PLANNED | {"cancelled", "on_hold"}
    assert (statuses["completed"], statuses["on_hold"]) == (1, 1)
    reviews = {payload.get("review_status", "missing") for payload in payloads}
    assert reviews >= {"not_finalized", "review_initialized", "review_successful", "review_failed", None, "missing"}
    types = {payload["testing_type"] for payload in payloads}
    assert types == {"coverage", "focused", "rapid", "usability", "external", "custom", None}


def test_limits_of_testing_types_are_kept(account: Account) -> None:
    """Section 7.9: focused and rapid tests have up to four features, a rapid one only critical functional bugs."""
    for _, cycle in cycles(account):
        if cycle.payload["testing_type"] == "rapid":
            assert {bug.payload["severity"] for bug in cycle.bugs} <= {"critical"} | {"cosmetic", "spelling", None}
            assert len(rows(cycle)) <= 5  # four, and now and then one that was added late
    rapid = [c.payload for _, c in cycles(account) if c.payload["testing_type"] == "rapid"]
    assert sum(payload["enable_low"] is False and payload["enable_critical"] is True for payload in rapid) > 50


BUG_SHAPES: dict[str, Callable[[Payload], bool]] = {
    "auto_accepted true": lambda bug: bug.get("auto_accepted") is True,
    "auto_accepted false": lambda bug: bug.get("auto_accepted") is False,
    "auto_accepted null, accepted": lambda bug: bug.get("status") == "accepted" and bug.get("auto_accepted", 0) is None,
    "auto_accepted missing": lambda bug: "auto_accepted" not in bug,
    "known null": lambda bug: bug.get("known", 0) is None,
    "known missing": lambda bug: "known" not in bug,
    "known and rejected": lambda bug: bug.get("known") is True and bug.get("status") == "rejected",
    "fixed true": lambda bug: bug.get("fixed") is True,
    "fixed missing": lambda bug: "fixed" not in bug,
    "status null": lambda bug: bug.get("status", 0) is None,
    "status missing": lambda bug: "status" not in bug,
    "status unknown": lambda bug: bug.get("status") == "under_discussion",
    "status forwarded": lambda bug: bug.get("status") == "forwarded",
    "status question": lambda bug: bug.get("status") == "question",
    "severity null": lambda bug: bug["severity"] is None,
    "severity unknown": lambda bug: bug["severity"] == "cosmetic",
    "severity custom with a report": lambda bug: (
        bug["severity"] == "custom" and "report" in bug and bug["steps"] is None
    ),
    "severity visual": lambda bug: bug["severity"] == "visual",
    "severity content": lambda bug: bug["severity"] == "content",
    "severity suggestion": lambda bug: bug["severity"] == "suggestion",
    "steps as text": lambda bug: isinstance(bug["steps"], str),
    "steps as list": lambda bug: isinstance(bug["steps"], list),
    "no author": lambda bug: bug["author"] is None,
    "no time": lambda bug: bug["reported_at"] is None,
    "time in UTC": lambda bug: str(bug["reported_at"]).endswith("Z"),
    "time in winter with milliseconds": lambda bug: (
        str(bug["reported_at"]).endswith("+01:00") and "." in bug["reported_at"]
    ),
    "time in summer": lambda bug: str(bug["reported_at"]).endswith("+02:00"),
    "no test": lambda bug: bug["test"] is None,
    "no test feature": lambda bug: bug["test_feature"] is None,
    "test feature without feature_id": lambda bug: (
        bug["test_feature"] is not None and set(bug["test_feature"]) == {"id"}
    ),
    "test feature with a nested feature": lambda bug: "feature" in (bug["test_feature"] or {}),
    "one id under three names": lambda bug: (
        "app_section" in bug and bug["feature"]["id"] == bug["app_section"]["id"] == bug["test_feature"]["id"]
    ),
    "devices null": lambda bug: bug["devices"] is None and bug["severity"] != "custom",
    "devices empty": lambda bug: bug["devices"] == [],
    "three devices": lambda bug: len(bug["devices"] or []) == 3,
    "device under its old key": lambda bug: any("devices" in device for device in bug["devices"] or []),
    "device without names": lambda bug: any(device.get("vendor", 0) is None for device in bug["devices"] or []),
    "comments null": lambda bug: bug.get("comments", 0) is None,
    "comments missing": lambda bug: "comments" not in bug,
    "attachments null": lambda bug: bug.get("attachments", 0) is None,
    "attachments missing": lambda bug: "attachments" not in bug,
    "exported": lambda bug: bug["exported_at"] is not None and bug["external_idx"] is not None,
    "of a scripted run": lambda bug: "test_case" in bug,
    "with an environment": lambda bug: "test_environment" in bug,
    "with reproductions": lambda bug: "reproductions" in bug,
    "with product and section": lambda bug: "product" in bug and "section" in bug,
}


@pytest.mark.parametrize("shape", BUG_SHAPES)
def test_bug_shape_occurs(account: Account, shape: str) -> None:
    """Section 18.2 point 6: this shape of a bug is in the account."""
    assert any(BUG_SHAPES[shape](bug.payload) for bug in bugs(account))


TEST_SHAPES: dict[str, Callable[[Payload], bool]] = {
    "title missing, test_title present": lambda test: "title" not in test and bool(test["test_title"]),
    "test_title null": lambda test: test.get("test_title", 0) is None,
    "test_title missing": lambda test: "test_title" not in test,
    "severity switches null": lambda test: test.get("enable_low", 0) is None,
    "severity switches missing": lambda test: "enable_low" not in test,
    "section null in a sectioned product": lambda test: test["product"]["id"] == 18559 and test["section"] is None,
    "section deleted since": lambda test: (test["section"] or {}).get("id") == 17770,
    "default section in a plain product": lambda test: (test["section"] or {}).get("id") == 21855,
    "requirements null": lambda test: test.get("requirements", 0) is None,
    "requirements missing": lambda test: "requirements" not in test,
    "attachments with addresses": lambda test: any("url" in file for file in test.get("attachments") or []),
    "reviews missing": lambda test: "reviews" not in test,
    "demo flag": lambda test: test.get("demo") is True,
    "demo missing": lambda test: "demo" not in test,
    "no people": lambda test: test["created_by"] is None,
    "no environment": lambda test: test["test_environment"] is None,
    "legacy name for test features": lambda test: "app_sections" in test,
    "features null": lambda test: test["features"] is None,
    "start without end": lambda test: test["start_at"] is not None and test["end_at"] is None,
    "neither start nor end": lambda test: test["start_at"] is None and test["end_at"] is None,
    "times in UTC with milliseconds": lambda test: str(test["end_at"]).endswith(".000Z"),
    "times in summer": lambda test: str(test["end_at"]).endswith("+02:00"),
    "times in winter": lambda test: str(test["end_at"]).endswith("+01:00"),
    "over the change of clocks": lambda test: (
        str(test["start_at"])[-6:] == "+02:00" and str(test["end_at"])[-6:] == "+01:00"
    ),
    "German": lambda test: test["report_language"] == "de",
}


@pytest.mark.parametrize("shape", TEST_SHAPES)
def test_test_shape_occurs(account: Account, shape: str) -> None:
    """Section 18.2 point 6: this shape of a test is in the account."""
    assert any(TEST_SHAPES[shape](cycle.payload) for _, cycle in cycles(account))


def test_test_feature_shapes_occur(account: Account) -> None:
    """Section 18.2 point 6: test features with missing, null and unknown feature ids, tri-states, null stories."""
    found = [row for _, cycle in cycles(account) for row in rows(cycle)]
    catalogue = {row.payload["id"] for product in account.products for row in product.features}
    assert any("feature_id" not in row for row in found)
    assert any(row.get("feature_id", 0) is None for row in found)
    assert sum(row.get("feature_id", 310_001) not in catalogue for row in found) > 15  # deleted since, and one unknown
    assert {row["enable_content"] for row in found} == {row["enable_visual"] for row in found} == {True, False, None}
    assert {row["enable_default"] for row in found} == {True, None}
    assert any(row.get("user_stories", 0) is None for row in found)
    assert any("user_stories" not in row for row in found)
    assert any(row["title"] is None for row in found)
    assert any("custom_report_configurations" in row for row in found)


def test_one_test_lists_a_feature_twice(account: Account) -> None:
    """A fan-out trap: the same catalogue feature stands twice in one test, under two test-feature ids."""
    twice = [
        cycle
        for _, cycle in cycles(account)
        if max(Counter(row.get("feature_id") for row in rows(cycle)).values(), default=0) > 1
    ]
    assert len(twice) == 1


def test_deleted_features_have_history_and_bugs(account: Account) -> None:
    """Section 12: test features may name a feature that the catalogue no longer has, and bugs hang on them."""
    catalogue = {row.payload["id"] for product in account.products for row in product.features}
    gone = {
        row["id"]
        for _, cycle in cycles(account)
        for row in rows(cycle)
        if row.get("feature_id") and row["feature_id"] not in catalogue
    }
    assert sum(bug.test_feature_id in gone for bug in bugs(account)) > 5


def test_snapshot_titles_may_differ_from_the_catalogue(account: Account) -> None:
    """Section 7.5: a test feature keeps the title of its time."""
    titles = {row.payload["id"]: row.payload["title"] for product in account.products for row in product.features}
    found = [row for _, cycle in cycles(account) for row in rows(cycle) if row.get("feature_id") in titles]
    assert any(row["title"] and row["title"] != titles[row["feature_id"]] for row in found)


def test_catalogue_shapes_occur(account: Account) -> None:
    """Section 5.2: null and missing texts and stories, older twins `location` and `target_idx`, short story titles."""
    payloads = [row.payload for product in account.products for row in product.features]
    told = [story for payload in payloads for story in payload.get("user_stories") or []]
    assert {payload.get("description", "missing") for payload in payloads} >= {None, "", "missing"}
    assert {payload.get("howtofind", "missing") for payload in payloads} >= {None, "missing"}
    assert any(payload.get("user_stories", 0) is None for payload in payloads)
    assert any("user_stories" not in payload for payload in payloads)
    assert any("target_idx" in payload and "location" in payload for payload in payloads)
    assert any(story.get("title") == story["path"] for story in told)
    assert any(story.get("title", story["path"]) != story["path"] for story in told)
    assert any("title" not in story for story in told)


def test_one_sentence_is_the_story_of_two_features(account: Account) -> None:
    """Section 6.3: matched by text alone, such a story is ambiguous."""
    for product in account.products:
        paths = Counter(story["path"] for row in product.features for story in row.payload.get("user_stories") or [])
        assert max(paths.values(), default=0) == (2 if product.id == 70210 else min(1, len(paths)))


def test_hostile_titles_are_few_and_in_one_minor_product(account: Account) -> None:
    """The pages must survive markup, a formula, an emoji and right-to-left text; one product has them, no other."""
    titles = {p.id: [row.payload["title"] for row in p.features] for p in account.products}
    cargo = titles.pop(70633)
    assert any("<script>" in title for title in cargo)
    assert any(title.startswith("=") for title in cargo)
    assert any("🧊" in title for title in cargo)
    assert any("\u0590" <= title[0] <= "\u05ff" for title in cargo)
    assert not [title for others in titles.values() for title in others if not title.isascii() or title[0] in "=<"]


def test_secrets_are_planted_in_every_place(account: Account) -> None:
    """Section 13: environments in tests, bugs, templates and scripted runs, attachments, and prose in many fields."""
    password, texts = PLANTED_SECRETS["password"], json.dumps
    payloads = [cycle.payload for _, cycle in cycles(account)]
    assert all(secret in texts(account.product(18559).environments + payloads) for secret in PLANTED_SECRETS.values())
    for key in ("goal", "goal_text", "instructions", "instructions_text", "out_of_scope", "out_of_scope_text"):
        assert any(password in (payload[key] or "") for payload in payloads)
    assert any(password in texts(payload["features"]) for payload in payloads)
    assert any(PLANTED_SECRETS["access"] in texts(payload.get("reviews")) for payload in payloads)
    assert any(password in texts(t.payload) for p in account.products for t in p.templates)
    assert any(password in texts(cycle.test_case) for _, cycle in cycles(account) if cycle.test_case)
    found = [bug.payload for bug in bugs(account)]
    for key in ("comments", "steps", "actual_result", "test_environment"):
        assert any(password in texts(bug.get(key)) for bug in found)
    assert any(PLANTED_SECRETS["attachment_signature"] in texts(bug.get("attachments")) for bug in found)


def test_rejections_come_with_and_without_a_recognisable_comment(account: Account) -> None:
    """Section 8.6: a default sentence names the reason; a free text or no comment names none."""
    sentences = [text for _, _, text in wording.REJECT_REASONS]
    assert len(sentences) == 7
    rejected = [bug.payload for bug in bugs(account) if bug.payload.get("status") == "rejected"]
    told = [any(text in json.dumps(bug.get("comments")) for text in sentences) for bug in rejected]
    assert 0.5 < sum(told) / len(told) < 1.0
    assert any(not bug.get("comments") for bug in rejected)


def test_bugs_are_many_and_unevenly_spread(account: Account) -> None:
    """Enough bugs for every severity and bucket, with features of many bugs and of none."""
    found = bugs(account)
    assert 2300 < len(found) < 2700
    severities = Counter(bug.payload["severity"] for bug in found)
    assert (
        min(severities[name] for name in ("critical", "high", "low", "visual", "content", "suggestion", "custom")) > 40
    )
    per_row: Counter[Any] = Counter(bug.test_feature_id for bug in found)
    per_feature: Counter[Any] = Counter()
    for _, cycle in cycles(account):
        for row in rows(cycle):
            per_feature[row.get("feature_id")] += per_row[row["id"]]
    assert max(per_feature.values()) > 40
    assert sum(number == 0 for number in per_feature.values()) > 20


def test_bug_facts_agree_with_their_test(account: Account) -> None:
    """Section 8.5: a bug's test feature is one of its test's, its stories are stories of that feature."""
    for _, cycle in cycles(account):
        own = {row["id"]: row for row in rows(cycle)}
        for bug in cycle.bugs:
            assert bug.payload["test"] is None or bug.payload["test"]["id"] == identity(cycle.payload)
            if bug.test_feature_id is not None:
                row = own[bug.test_feature_id]
                assert set(bug.story_ids) <= {story["id"] for story in row.get("user_stories") or []}


def test_executions_agree_with_their_test(account: Account) -> None:
    """Section 9: each execution is of a story version of its test, of every status, and carries no credentials."""
    statuses = Counter()  # type: Counter[str]
    for _, cycle in cycles(account):
        versions = {
            story["user_story_version_id"]: story["id"]
            for row in rows(cycle)
            for story in row.get("user_stories") or []
        }
        for run in cycle.executions:
            assert versions[run.version_id] == run.story_id
            assert run.payload["test_cycle"]["id"] == cycle.payload["id"]
            assert PLANTED_SECRETS["password"] not in json.dumps(run.payload)
            statuses[run.payload["status"]] += 1
    assert set(statuses) == {"passed", "failed", "blocked", "pending", "cancelled"}


def test_a_copy_can_be_changed_alone(account: Account) -> None:
    """Two syncs of one test need an account before and after: a change of the copy leaves the original alone."""
    changed, before = account.copy(), account.copy()
    assert changed == account
    feature_id = changed.product(21362).features[0].payload["id"]
    changed.rename_feature(feature_id, "Renamed")
    changed.drop_feature(changed.product(21362).features[1].payload["id"])
    changed.drop_test(DEMO_POISONED_TEST)
    changed.add_feature(21362, {"id": "12", "title": None})
    changed.add_test(21362, {"id": None})
    assert account == before
    assert changed.feature(feature_id).payload["title"] == "Renamed"
    assert len(changed.product(21362).features) == 28
    with pytest.raises(KeyError):
        changed.cycle(DEMO_POISONED_TEST)


def test_a_product_renamed_in_a_copy_is_renamed_in_its_tests(account: Account) -> None:
    """Tests embed the product (section 7.3): the copy keeps this one object shared."""
    changed = account.copy()
    changed.product(21362).payload["name"] = "New name"
    assert {cycle.payload["product"]["name"] for cycle in changed.product(21362).cycles} == {"New name"}


@given(st.integers(0, 500_000_000_000))
def test_written_times_read_back_as_the_same_instant(milliseconds: int) -> None:
    """Section 1: whatever the offset, a timestamp names one instant."""
    moment = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    assert clock.parsed(clock.local_text(moment, milliseconds=True)) == moment
    assert clock.parsed(clock.zulu_text(moment, milliseconds=True)) == moment


@pytest.mark.parametrize(
    ("utc", "offset"),
    [
        ("2026-03-29T00:59:59+00:00", "+01:00"),
        ("2026-03-29T01:00:00+00:00", "+02:00"),
        ("2025-10-26T00:59:59+00:00", "+02:00"),
        ("2025-10-26T01:00:00+00:00", "+01:00"),
    ],
)
def test_clocks_change_on_the_last_sunday(utc: str, offset: str) -> None:
    """Central Europe changes at 01:00 UTC on the last Sundays of March and October."""
    assert clock.local_text(datetime.fromisoformat(utc)).endswith(offset)


@given(st.integers(1, 60), st.data())
def test_story_numbers_add_up(features: int, data: st.DataObject) -> None:
    """The stories of a product are exactly as many as asked for, and never more than there are sentences."""
    total = data.draw(st.integers(0, features * len(wording.STORY_WISHES)))
    numbers = story_numbers(features, total, Random(1))
    assert sum(numbers) == total
    assert len(numbers) == features
    assert 0 <= min(numbers) <= max(numbers) <= len(wording.STORY_WISHES)


def test_poisson_numbers_have_their_mean_and_variance() -> None:
    """Mean and variance of a Poisson number are equal; both within four standard errors over 20,000 draws."""
    rng, mean, draws = Random(5), 1.7, 20_000
    numbers = [poisson(mean, rng) for _ in range(draws)]
    average = sum(numbers) / draws
    variance = sum((number - average) ** 2 for number in numbers) / (draws - 1)
    assert abs(average - mean) < 4 * math.sqrt(mean / draws)
    assert abs(variance - mean) < 4 * math.sqrt((mean + 2 * mean**2) / draws)


@given(st.integers(1, 6), st.integers(0, 40), st.integers(0, 30), st.integers(0, 200), st.integers(0, 3))
def test_generated_accounts_have_the_asked_size(products: int, more: int, tests: int, bugs_: int, every: int) -> None:
    """Numbers of products, features and tests are exact, whatever the shape."""
    made = generate_account(
        seed=1, products=products, features=products + more, tests=tests, bugs=bugs_, sectioned_every=every
    )
    assert len(made.products) == products
    assert sum(len(product.features) for product in made.products) == products + more
    assert sum(len(product.cycles) for product in made.products) == tests
    assert all(rows(cycle) for _, cycle in cycles(made))


def test_generated_accounts_repeat_with_their_seed() -> None:
    """The same seed gives the same account, another seed another one."""
    assert generate_account(seed=3) == generate_account(seed=3)
    assert generate_account(seed=3) != generate_account(seed=4)


def test_generated_sections_share_features() -> None:
    """A sectioned product of a generated account has features in both of its sections."""
    made = generate_account(seed=2, products=1, features=60, sectioned_every=1)
    assert made.products[0].is_sectioned
    assert sum(len(row.section_ids) == 2 for row in made.products[0].features) >= 3


def test_generated_bugs_follow_the_known_rates() -> None:
    """The valid bugs of each feature are Poisson around rate times tests: standardised, mean 0 and variance 1."""
    made = generate_account(seed=11, products=6, features=300, tests=600, bugs=6000)
    tests: Counter[int] = Counter()
    valid: Counter[int] = Counter()
    for _, cycle in cycles(made):
        feature_of = {row["id"]: row["feature_id"] for row in rows(cycle)}
        tests.update(feature_of.values())
        valid.update(
            feature_of[bug.payload["test_feature"]["id"]] for bug in cycle.bugs if bug.payload["status"] != "rejected"
        )
    expected = {feature: made.bug_rates[feature] * number for feature, number in tests.items()}
    scores = [(valid[feature] - mean) / math.sqrt(mean) for feature, mean in expected.items() if mean > 0.5]
    assert len(scores) > 200
    assert abs(sum(scores) / len(scores)) < 4 / math.sqrt(len(scores))
    assert abs(sum(score**2 for score in scores) / len(scores) - 1) < 0.4
    assert abs(sum(valid.values()) - sum(expected.values())) < 4 * math.sqrt(sum(expected.values()))


def test_generated_tests_are_settled() -> None:
    """All tests have ended long ago, so that every bug had the same chance of a decision."""
    made = generate_account(seed=4)
    assert {cycle.payload["status"] for _, cycle in cycles(made)} == {"archived"}


@pytest.mark.parametrize(
    "wrong", [{"products": 0}, {"products": 5, "features": 4}, {"tests": -1}, {"never_tested": 1.0}]
)
def test_impossible_generated_accounts_are_refused(wrong: dict[str, Any]) -> None:
    """Numbers that do not go together raise instead of giving some other account."""
    with pytest.raises(ValueError, match="at least one product"):
        generate_account(seed=1, **wrong)
