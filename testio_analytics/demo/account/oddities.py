"""The odd data shapes of the real API (testio-api.md, 18.2 point 6), placed into the demo account one by one.

Each lands on one or two rows that were otherwise ordinary, so that the account stays believable.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from testio_analytics.demo.account import bug_oddities, clock, forms
from testio_analytics.demo.account.catalogue import Ids
from testio_analytics.demo.account.model import Account, Cycle, Payload, Product
from testio_analytics.demo.account.planted import PLANTED_SECRETS, PROSE_WITH_LOGIN, attachment, environment

DEMO_POISONED_TEST = 668421
"""The only test that covers four features of product 70340: with it poisoned, they are honestly unknown."""

BROKEN_ROW = 144469
"""The row that broke a page of the real API, between 144523 and 144472 (testio-api.md, 11.3)."""

UNKNOWN_STATUS = "on_hold"
"""A test status that no source names."""

PLATFORM, BOARDS, TRIPS, APP, OFFICE, CARGO = 18559, 21362, 70210, 70340, 70415, 70633


def apply(account: Account, ids: Ids) -> None:
    """Change the account in place."""
    _fixed_ids(account)
    _catalogue(account)
    _environments(account, ids)
    _statuses(account)
    _missing_values(account)
    _test_features(account, ids)
    _times(account)
    _prose(account, ids)
    _scripted_runs(account, ids)
    bug_oddities.apply(account, ids)
    forms.apply(account)


def executed(product: Product) -> list[Cycle]:
    """Return the settled tests of a product, oldest first."""
    rows = [cycle for cycle in product.cycles if cycle.payload["status"] == "archived"]
    return sorted(rows, key=lambda cycle: end_of(cycle))


def end_of(cycle: Cycle) -> datetime:
    """Return when a test with an end ended."""
    return clock.parsed(cycle.payload["end_at"])


def renumber(cycle: Cycle, test_id: int) -> None:
    """Give a test another id, everywhere its id stands."""
    cycle.payload["id"] = test_id
    for bug in cycle.bugs:
        bug.payload["test"]["id"] = test_id
    for run in cycle.executions:
        run.payload["test_cycle"]["id"] = test_id


def _covers(cycle: Cycle, title: str) -> bool:
    return any(row["title"] == title for row in cycle.payload["features"])


def _fixed_ids(account: Account) -> None:
    poisoned = next(cycle for cycle in executed(account.product(APP)) if _covers(cycle, "Gate directions"))
    renumber(poisoned, DEMO_POISONED_TEST)
    ends = {
        144472: "2025-10-24T04:00:00+02:00",
        BROKEN_ROW: "2025-10-26T11:00:00+01:00",
        144523: "2025-10-27T02:00:00+01:00",
    }
    rows = executed(account.product(PLATFORM))
    first = sum(end_of(cycle) < clock.parsed(ends[144472]) for cycle in rows)
    for cycle, (test_id, end) in zip(rows[first : first + 3], ends.items(), strict=True):
        renumber(cycle, test_id)
        _move(cycle, clock.parsed(end))


def _move(cycle: Cycle, end: datetime) -> None:
    # Everything that happened in the test moves with it.
    by = end - end_of(cycle)
    for key in ("start_at", "end_at"):
        cycle.payload[key] = clock.local_text(clock.parsed(cycle.payload[key]) + by)
    for bug in cycle.bugs:
        moment = clock.parsed(bug.payload["reported_at"]) + by
        bug.payload["reported_at"] = clock.local_text(moment, milliseconds=True)
    for run in cycle.executions:
        run.payload["executed_at"] = clock.zulu_text(clock.parsed(run.payload["executed_at"]) + by, milliseconds=True)


def _catalogue(account: Account) -> None:
    silent = [row.payload for row in account.product(PLATFORM).features if not row.payload["user_stories"]]
    silent[0]["user_stories"] = None
    del silent[1]["user_stories"]
    del silent[2]["description"], silent[3]["howtofind"]
    silent[4].update(location=silent[4]["howtofind"], target_idx="SKER-F-5")
    _short_story_titles(account.product(BOARDS))
    listed = next(row.payload for row in account.product(APP).features if row.payload["user_stories"])
    del listed["user_stories"][0]["title"]
    _same_sentence(account.product(TRIPS), ("Trip cart", "Guest booking"))


def _short_story_titles(product: Product) -> None:
    # In the official sample the title is shorter than the sentence; in live data they were equal.
    for row in product.features:
        for story in row.payload["user_stories"]:
            story["title"] = story["path"].split("I can ", 1)[1].capitalize()


def _same_sentence(product: Product, titles: tuple[str, ...]) -> None:
    # Two features with one sentence: by text alone nobody knows whose story it is (testio-api.md, 6.3).
    for row in product.features:
        if row.payload["title"] in titles and row.payload["user_stories"]:
            sentence = "As a day tripper, I can see the price with all fees before I confirm"
            row.payload["user_stories"][0].update(path=sentence, title=sentence)


def _environments(account: Account, ids: Ids) -> None:
    app = account.product(APP)
    upload = environment(next(ids.environment), "App upload", "preview-70340")
    upload.update(url=None, access_type="binary_app", proxy=None, environment_test_information=None)
    upload["binary_app"] = {"id": 77, "filename": "skerry-go-7.ipa", "file_size": 61_230_144}
    app.environments.append(upload)
    bare = {"id": next(ids.environment), "title": None, "url": None, "username": None, "password": None, "access": None}
    account.product(BOARDS).environments.append(bare)
    for cycle in executed(app)[::4]:
        _set_environment(cycle, upload)
    _set_environment(executed(account.product(BOARDS))[3], bare)
    _set_environment(executed(account.product(BOARDS))[4], None)


def _set_environment(cycle: Cycle, value: Payload | None) -> None:
    cycle.payload["test_environment"] = value
    for run in cycle.executions:
        shown = value and {"id": value["id"], "title": value["title"]}
        run.payload["test_cycle"]["test_environment"] = shown


def _statuses(account: Account) -> None:
    executed(account.product(BOARDS))[-2].payload["status"] = "completed"
    _only_about(account, TRIPS, "Bicycle rental", UNKNOWN_STATUS)
    # Submitted, never approved, and its time has passed: it has tested nothing.
    _only_about(account, PLATFORM, "Account deletion", "customer_finalized")
    executed(account.product(TRIPS))[5].payload["review_status"] = None
    del executed(account.product(TRIPS))[6].payload["review_status"]
    drafts = [cycle for cycle in account.product(PLATFORM).cycles if cycle.payload["end_at"] is None]
    drafts[0].payload["review_status"] = "review_failed"
    drafts[1].payload["review_status"] = "review_initialized"
    drafts[2].payload["features"] = None


def _only_about(account: Account, product_id: int, title: str, status: str) -> None:
    """Turn a recent test without bugs into one of that status about a feature that no other test has."""
    product = account.product(product_id)
    cycle = next(cycle for cycle in reversed(executed(product)) if not cycle.bugs)
    feature = next(row.payload for row in product.features if row.payload["title"] == title)
    row = {**cycle.payload["features"][0], "feature_id": feature["id"], "title": title, "user_stories": []}
    row.update(description=feature["description"], howtofind=feature["howtofind"])
    cycle.payload.update(title=f"{title}, first look", test_title=f"{title}, first look", status=status)
    cycle.payload.update(features=[row], review_status="not_finalized", reviews=[])
    cycle.executions = []


def _missing_values(account: Account) -> None:
    """Take values away: null where null was seen, the key itself where it may be absent (testio-api.md, 7.3)."""
    rows = [cycle.payload for cycle in executed(account.product(PLATFORM))]
    del rows[10]["title"]  # test_title is still there
    rows[11]["test_title"] = None
    del rows[12]["test_title"]
    rows[13].update(enable_low=None, enable_high=None, enable_critical=None, allowed_bug_types=None)
    del rows[14]["enable_low"], rows[14]["enable_high"], rows[14]["enable_critical"], rows[14]["allowed_bug_types"]
    rows[15].update(section=None, requirements=None, attachments=None, reviews=None)
    del rows[16]["requirements"], rows[16]["attachments"], rows[16]["reviews"], rows[16]["demo"]
    rows[17].update(created_by=None, submitted_by=None, report_language=None, goal=None, goal_text=None)
    rows[18]["section"] = {"id": 17770, "name": "Old web shop", "connection": None}  # a section deleted since
    rows[19]["demo"] = True
    rows[20]["app_sections"] = rows[20]["features"]
    boards = account.product(BOARDS)
    for cycle in executed(boards)[10:14]:
        cycle.payload["section"] = dict(boards.payload["sections_with_default"][0])


def _test_features(account: Account, ids: Ids) -> None:
    rows = [cycle for cycle in executed(account.product(PLATFORM)) if len(cycle.payload["features"]) > 2]
    # In the product whose tests have a gap anyway: what such an entry covered is not known, whatever it is called.
    nameless = [
        cycle.payload["features"] for cycle in executed(account.product(APP)) if len(cycle.payload["features"]) > 2
    ]
    del nameless[10][0]["feature_id"]
    nameless[11][0]["feature_id"] = None
    rows[32].payload["features"][0]["feature_id"] = 999_999_001  # in no catalogue
    rows[33].payload["features"][0].update(enable_default=None, enable_content=None, enable_visual=None)
    rows[34].payload["features"][0].update(title=None, description=None, howtofind=None)
    rows[35].payload["features"][0]["title"] += " (old design)"  # the catalogue's title has changed since
    rows[36].payload["features"][0].update(location="Menu", target_idx="SKER-F-36")
    again = {**rows[37].payload["features"][0], "id": next(ids.test_feature), "user_stories": []}
    rows[37].payload["features"].append(again)  # the same feature twice in one test
    form = {"id": 12, "title": "Survey", "keys": [{"value": "q1", "label": "Rating"}]}
    rows[38].payload["features"][0]["custom_report_configurations"] = [form]
    bare = [row for cycle in rows for row in cycle.payload["features"] if row["user_stories"] == []]
    bare[0]["user_stories"] = None
    del bare[1]["user_stories"]


def _times(account: Account) -> None:
    """Spell some times in other ways: in UTC, with milliseconds, or not at all."""
    rows = executed(account.product(TRIPS))
    for cycle in rows[::3]:
        for key in ("start_at", "end_at"):
            cycle.payload[key] = clock.zulu_text(clock.parsed(cycle.payload[key]), milliseconds=True)
    for cycle in executed(account.product(OFFICE))[::2]:
        cycle.payload["end_at"] = clock.local_text(end_of(cycle), milliseconds=True)
    draft = next(cycle for cycle in account.product(TRIPS).cycles if cycle.payload["end_at"] is None)
    draft.payload["start_at"] = clock.local_text(account.now + timedelta(days=9))


def _prose(account: Account, ids: Ids) -> None:
    """Write the login into texts, as people do (testio-api.md, 7.4), and attach files with open addresses."""
    for product_id in (PLATFORM, APP, CARGO):
        rows = [cycle.payload for cycle in executed(account.product(product_id))]
        rows[1].update(instructions=f"<p>{PROSE_WITH_LOGIN}</p>", instructions_text=PROSE_WITH_LOGIN)
        rows[2].update(goal=f"<p>Log in. {PROSE_WITH_LOGIN}</p>", goal_text=f"Log in. {PROSE_WITH_LOGIN}")
        rows[3].update(out_of_scope=PROSE_WITH_LOGIN, out_of_scope_text=PROSE_WITH_LOGIN)
        rows[4]["attachments"] = [attachment(next(ids.attachment), "test-data.pdf", "application/pdf")]
        for review in rows[5]["reviews"]:
            review["test_environment_comment"] = f"Access works: {PLANTED_SECRETS['access']}"
        rows[6]["features"][0]["howtofind"] = f"Open the menu. {PROSE_WITH_LOGIN}"


def _scripted_runs(account: Account, ids: Ids) -> None:
    """Turn two tests into test-case runs (testio-api.md, 10.3): null testing type, steps that pass or fail."""
    with_bugs = [cycle for cycle in executed(account.product(APP)) if cycle.bugs]
    for cycle in with_bugs[8:10]:
        cycle.payload["testing_type"] = None
        cases = [_case(number, row) for number, row in enumerate(cycle.payload["features"], start=501)]
        cycle.test_case = {
            "id": cycle.payload["id"],
            "title": cycle.payload["title"],
            "test_cases": cases,
            "test_environment": cycle.payload["test_environment"],
        }
        statuses = ("passed", "passed", "failed")
        cycle.results = [
            {"test_case_id": case["id"], "status": statuses[n % 3], "tester": "quiet_heron", "steps": case["steps"]}
            for n, case in enumerate(cases)
        ]
        for bug in cycle.bugs:
            bug.payload["test_case"] = {"id": cases[0]["id"]}


def _case(number: int, row: Payload) -> Payload:
    steps = [
        {"id": number * 10 + place, "description": text, "test_case_id": number, "target_idx": None}
        for place, text in enumerate(("Open it", "Use it", "Leave it"))
    ]
    return {
        "id": number,
        "title": f"Check {row['title']}",
        "feature_id": row.get("feature_id"),
        "target_idx": None,
        "requirements": [{"type": "category", "value": "smartphones"}],
        "steps": steps,
    }
