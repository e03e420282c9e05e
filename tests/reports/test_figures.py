"""Every figure of the reports of bugs, results, stories and triage, computed a second time from the payloads.

The second computation walks the accounts as the server holds them, and shares no code with sync, store or reports.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from generated import SHAPES, account_of
from rates import clustered
from syncing import NOW, sync_account
from testio_analytics.api.vocabulary import WITHOUT_RESULTS
from testio_analytics.demo.account import clock
from testio_analytics.demo.account.model import Account, Cycle
from testio_analytics.demo.server.metrics import with_metrics
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.facts import located_bugs

EXECUTED = {"running", "locked", "archived", "completed"}
KNOWN_STATUSES = EXECUTED | {"initialized", "customer_finalized", "waiting", "cancelled"}
SEVERITIES = ("critical", "high", "low", "visual", "content", "suggestion", "custom")
BUCKETS = ("active_accepted", "auto_accepted", "accepted_unclear", "rejected", "open", "other")
ACCEPTED = BUCKETS[:3]
ACCOUNTS = [*SHAPES, "demo"]


@pytest.fixture(scope="module", name="pair", params=ACCOUNTS)
def _pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pristine: Account, faultless_db_path: Path
) -> tuple[Account, Mirror]:
    if request.param == "demo":
        return pristine, ta.load_mirror(faultless_db_path)
    account = account_of(request.param)
    db = tmp_path_factory.mktemp("figures") / "mirror.db"
    sync_account(_with_all_features(account), db)  # before a feature was removed, so that it is known as such
    result = sync_account(account, db).result
    assert result.outcome == "complete"
    return account, ta.load_mirror(db)


def _with_all_features(account: Account) -> Account:
    earlier = account.copy()
    for product in earlier.products:
        known = {row.payload["id"] for row in product.features}
        for cycle in product.cycles:
            for copy in cycle.payload["features"]:
                if copy["feature_id"] is not None and copy["feature_id"] not in known:
                    known.add(copy["feature_id"])
                    earlier.add_feature(
                        product.id, {"id": copy["feature_id"], "title": copy["title"], "user_stories": []}
                    )
    return earlier


# -- the second computation -----------------------------------------------------------------------------------------


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def placed(cycle: Cycle) -> tuple[bool, Any]:
    """Return whether a test counts as executed, and the instant it belongs to."""
    payload = cycle.payload
    start, end = (clock.parsed(payload[name]) if payload.get(name) else None for name in ("start_at", "end_at"))
    at = end or start
    if payload["status"] == "running":
        return not (start and start > NOW), min(at, NOW) if at else None
    return payload["status"] in EXECUTED and not (at and at > NOW), at


def feature_of(cycle: Cycle, bug: Any) -> int | None:
    """Resolve the feature of a bug as testio-api.md 8.5 says, from the payloads."""
    link = bug.payload.get("test_feature")
    rows = {row["id"]: row.get("feature_id") for row in cycle.payload.get("features") or []}
    if link and rows.get(link["id"]):
        return int(rows[link["id"]])
    if link and (link.get("feature_id") or (link.get("feature") or {}).get("id")):
        return int(link.get("feature_id") or link["feature"]["id"])
    named = {
        row["feature_id"]
        for row in with_metrics(cycle).get("features") or []
        if bug.payload["id"] in (row.get("bug_ids") or []) and row.get("feature_id")
    }
    return named.pop() if len(named) == 1 else None


def bucket_of(payload: Any) -> str:
    """Return the bucket of a bug."""
    status = payload.get("status")
    if status == "accepted":
        if "auto_accepted" not in payload:
            return "accepted_unclear"
        return "auto_accepted" if payload["auto_accepted"] is True else "active_accepted"
    return {"rejected": "rejected", "forwarded": "open"}.get(status, "other")


def is_valid(payload: Any) -> bool:
    """Return whether a bug says that it was not rejected."""
    return payload.get("status") not in (None, "rejected")


def silent_products(account: Account) -> set[int]:
    """Return the products with an executed test that does not say all of the features that it covers."""
    return {
        product.id
        for product in account.products
        for cycle in product.cycles
        if (placed(cycle)[0] or cycle.payload["status"] not in KNOWN_STATUSES)
        and cycle.payload["testing_type"] is not None
        and not all(row.get("feature_id") for row in cycle.payload.get("features") or [{}])
    }


def every_bug(account: Account) -> list[tuple[int, Cycle, Any, int | None]]:
    """Return product, test, bug and feature of every bug."""
    return [
        (product.id, cycle, bug, feature_of(cycle, bug))
        for product in account.products
        for cycle in product.cycles
        for bug in cycle.bugs
    ]


def result_of(story: Any) -> str:
    """Return the API's word for a story, but for one that nobody ran and a bug names: that has no result."""
    by_bug_alone = story["execution_status"] == "failed" and story["bugs_found"] and not story["tested_by_count"]
    return "not_tested" if by_bug_alone else str(story["execution_status"])


def catalogue(account: Account) -> dict[int, int]:
    """Return the active features with their products."""
    return {row.payload["id"]: product.id for product in account.products for row in product.features}


def coverage(account: Account) -> dict[int, list[Cycle]]:
    """Return the executed tests that cover each feature, each once, oldest first."""
    found: dict[int, dict[int, Cycle]] = defaultdict(dict)
    for product in account.products:
        for cycle in product.cycles:
            for row in cycle.payload.get("features") or []:
                if placed(cycle)[0] and row.get("feature_id"):
                    found[row["feature_id"]][cycle.payload["id"]] = cycle
    low = pd.Timestamp(0, tz="UTC").to_pydatetime()
    return {
        key: sorted(cycles.values(), key=lambda cycle: (placed(cycle)[1] or low, cycle.payload["id"]))
        for key, cycles in found.items()
    }


# -- the comparisons ------------------------------------------------------------------------------------------------


def test_bugs_per_feature(pair: tuple[Account, Mirror]) -> None:
    """Tests, bugs, buckets, severities and raw rates of every feature."""
    account, mirror = pair
    report = ta.bugs_per_feature(mirror).set_index("feature_id")
    covering = coverage(account)
    found: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for _, cycle, bug, feature in every_bug(account):
        if feature is None or not placed(cycle)[0]:
            continue
        bucket = bucket_of(bug.payload)
        found[feature][bucket] += 1
        if is_valid(bug.payload):
            severity = bug.payload["severity"]
            found[feature]["bugs"] += 1
            found[feature]["known"] += bug.payload.get("known") is True
            found[feature][severity if severity in SEVERITIES else "severity_other"] += 1

    assert {*report.index} == {*catalogue(account)}
    for row in records(report.reset_index()):
        feature = row["feature_id"]
        assert row["tests"] == len(covering.get(feature, [])), feature
        for name in ("bugs", "known", *BUCKETS):
            assert row[name] == found[feature][name], (feature, name)
        for name in (*SEVERITIES, "severity_other"):
            assert row[name] == found[feature][name], (feature, name)
        if row["tests"]:
            assert row["bugs_per_test"] == pytest.approx(found[feature]["bugs"] / row["tests"])
        else:
            assert pd.isna(row["bugs_per_test"]) and pd.isna(row["rank"])
    ranked = report[report["rank"].notna()]
    assert ranked["shrunk"].is_monotonic_decreasing


def test_bugs_by_product_and_device(pair: tuple[Account, Mirror]) -> None:
    """Totals, places and devices: distinct bugs, however many devices each has."""
    account, mirror = pair
    report = ta.bugs_by_product(mirror).set_index("product_id")
    devices = ta.bugs_by_device(mirror)
    current = catalogue(account)
    totals: Counter[int] = Counter()
    to_feature: Counter[int] = Counter()
    nowhere: Counter[int] = Counter()
    systems: dict[tuple[int, str], set[int]] = defaultdict(set)
    for product, _, bug, feature in every_bug(account):
        totals[product] += 1
        to_feature[product] += feature in current
        nowhere[product] += feature is None
        if is_valid(bug.payload):
            named = {(device.get("operating_system") or {}).get("name") for device in bug.payload.get("devices") or []}
            for name in named - {None} or {"(no device named)"}:
                systems[product, str(name)].add(bug.payload["id"])

    for row in records(report.reset_index()):
        key = row["product_id"]
        assert (row["total"], row["to_feature"], row["not_attributable"]) == (
            totals[key],
            to_feature[key],
            nowhere[key],
        )
    shown = {(int(row["product_id"]), row["value"]): row["bugs"] for row in records(devices)}
    assert shown == {key: len(bugs) for key, bugs in systems.items()}
    assert devices["split_bugs"].sum() == pytest.approx(report["bugs"].sum())
    listed = ta.unattributed_bugs(mirror)
    assert len(listed) == sum(totals.values()) - sum(to_feature.values())
    assert listed["bug_id"].is_unique


def test_triage(pair: tuple[Account, Mirror]) -> None:
    """Buckets and rates by product and by month, and what is immature."""
    account, mirror = pair
    by_product: defaultdict[int, Counter[str]] = defaultdict(Counter)
    by_month: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    unsaid: Counter[int] = Counter()
    for product, cycle, bug, _ in every_bug(account):
        at = placed(cycle)[1]
        has_test = bug.payload.get("test") is not None or bug.payload.get("test_feature") is not None
        month = at.astimezone(NOW.tzinfo).strftime("%Y-%m") if at and has_test else None
        names = ["total", bucket_of(bug.payload)]
        if at and has_test and (NOW - at).total_seconds() < 10 * 86_400:
            names.append("immature")
        by_product[product].update(names)
        unsaid[product] += bug.payload.get("status") is None
        by_month[month].update(names)

    shown_names = ("total", *BUCKETS, "immature")
    for row in records(ta.triage(mirror)):
        counts = by_product[int(row["product_id"])]
        assert {name: row[name] for name in shown_names} == {name: counts[name] for name in shown_names}
        if not counts["total"]:
            assert pd.isna(row["review"]) and row["review_band"] == "unknown"
            continue
        reviewed, silent = counts["active_accepted"] + counts["rejected"], unsaid[int(row["product_id"])]
        assert row["review_highest"] == pytest.approx(
            (reviewed + counts["accepted_unclear"] + silent) / counts["total"]
        )
        assert row["review"] == pytest.approx(reviewed / counts["total"])
        assert row["rejection"] == pytest.approx(counts["rejected"] / counts["total"])
        accepted = counts["active_accepted"] + counts["auto_accepted"] + counts["accepted_unclear"]
        if accepted and not unsaid[int(row["product_id"])]:
            assert row["auto_acceptance"] == pytest.approx(counts["auto_accepted"] / accepted)
    months = ta.triage(mirror, by="month")
    shown = {None if pd.isna(row["month"]) else row["month"]: row["total"] for row in records(months)}
    assert shown == {month: counts["total"] for month, counts in by_month.items()}
    total = records(ta.triage_total(mirror))[0]
    assert total["total"] == months["total"].sum() == sum(counts["total"] for counts in by_product.values())


def test_stories(pair: tuple[Account, Mirror]) -> None:
    """The state of every story, from the newest executed test that ran it."""
    account, mirror = pair
    covering = coverage(account)
    results: dict[int, list[tuple[Any, int, str]]] = defaultdict(list)
    listed: set[int] = set()
    order = {"failed": 0, "blocked": 1, "passed": 2}
    low = pd.Timestamp(0, tz="UTC").to_pydatetime()
    for product in account.products:
        for cycle in product.cycles:
            if not placed(cycle)[0]:
                continue
            for row in with_metrics(cycle).get("features") or []:
                for story in row.get("user_stories") or []:
                    listed.add(story["id"])
                    if result_of(story) in order:
                        at = placed(cycle)[1] or low
                        results[story["id"]].append((at, cycle.payload["id"], result_of(story)))

    expected, maybe, silent = {}, maybe_covered(account), silent_products(account)
    for product in account.products:
        for feature in product.features:
            for story in feature.payload.get("user_stories") or []:
                if results[story["id"]]:
                    newest = max(result[:2] for result in results[story["id"]])
                    words = [word for *when, word in results[story["id"]] if tuple(when) == newest]
                    state = min(words, key=lambda word: order[word])
                elif feature.payload["id"] in maybe:
                    state = "unknown"
                elif feature.payload["id"] in covering or story["id"] in listed:
                    state = "in scope, not run"
                elif product.id in silent:
                    state = "unknown"
                else:
                    state = "never in scope"
                expected[story["id"]] = state
    report = ta.story_coverage(mirror)
    assert dict(zip(report["story_id"].tolist(), report["state"].astype(str), strict=True)) == expected
    products = ta.story_coverage_by_product(mirror)
    assert products["stories"].sum() == len(expected)
    counts = Counter(expected.values())
    assert products["covered"].sum() <= counts["passed"] + counts["failed"] <= products["covered_highest"].sum()
    assert (products["passed"] + products["failed"]).sum() == counts["passed"] + counts["failed"]
    features = ta.story_coverage_by_feature(mirror)
    assert features["stories"].sum() == len(expected)


def maybe_covered(account: Account) -> set[Any]:
    """Return the features that a test of unknown status has in scope."""
    return {
        row.get("feature_id")
        for product in account.products
        for cycle in product.cycles
        if cycle.payload["status"] not in KNOWN_STATUSES
        for row in cycle.payload.get("features") or []
    }


def stray_tests(account: Account) -> set[int]:
    """Return the tests with a bug that may be valid and leads to no feature."""
    found = every_bug(account)
    return {c.payload["id"] for _, c, bug, key in found if key is None and bug.payload.get("status") != "rejected"}


def results_of(account: Account) -> dict[int, str]:
    """Return the result of every feature in its newest executed test, bugs first."""
    covering = coverage(account)
    of_pair: defaultdict[tuple[int, int], list[Any]] = defaultdict(list)
    for _, cycle, bug, feature in every_bug(account):
        if feature is not None and is_valid(bug.payload):
            of_pair[cycle.payload["id"], feature].append(bug.payload)
    found, maybe, silent = {}, maybe_covered(account), silent_products(account)
    strays = stray_tests(account)
    for feature, product_id in catalogue(account).items():
        if feature not in covering:
            found[feature] = "unknown" if feature in maybe or product_id in silent else "none"
            continue
        cycle = covering[feature][-1]
        bugs = of_pair[cycle.payload["id"], feature]
        words = [
            result_of(story)
            for row in with_metrics(cycle)["features"]
            if row.get("feature_id") == feature
            for story in row.get("user_stories") or []
        ]
        if any(bug.get("known") is not True for bug in bugs):
            found[feature] = "issues"
        elif cycle.payload["id"] in strays:
            found[feature] = "unknown"
        elif "failed" in words:
            found[feature] = "failed"
        elif "blocked" in words:
            found[feature] = "blocked"
        elif bugs:
            found[feature] = "known bugs"
        else:
            found[feature] = "passed" if "passed" in words else "no findings"
    return found


def test_feature_results(pair: tuple[Account, Mirror]) -> None:
    """The result of every feature."""
    account, mirror = pair
    report = ta.feature_results(mirror)
    assert dict(zip(report["feature_id"].tolist(), report["result"].astype(str), strict=True)) == results_of(account)


def shrunk_of(counts: dict[int, tuple[int, int]]) -> tuple[dict[int, float], float]:
    """Return the shrunk bugs per test of each tested feature of one product, and their average: (bugs, tests) in."""
    total, tests = (sum(pair[place] for pair in counts.values()) for place in (0, 1))
    mean = total / tests
    excess = sum(n * (x / n - mean) ** 2 for x, n in counts.values()) - (len(counts) - 1) * mean
    variance = excess / (tests - sum(n**2 for _, n in counts.values()) / tests) if len(counts) > 1 else 0
    if len(counts) < 5 or not total or variance <= 0:
        return dict.fromkeys(counts, mean), mean
    shape = mean**2 / variance
    return {key: (x + shape) / (n + shape / mean) for key, (x, n) in counts.items()}, mean


def test_next_tests(pair: tuple[Account, Mirror]) -> None:
    """What the list rests on is that of the payloads: bugs and tests of each feature, and its parts add up."""
    account, mirror = pair
    covering = coverage(account)
    number: Counter[int] = Counter()
    for _, cycle, bug, feature in every_bug(account):
        if feature is not None and placed(cycle)[0] and is_valid(bug.payload):
            number[feature] += 1
    past = ta.exposures(mirror)
    tests, bugs = (past.groupby("feature_id")[name].agg(how) for name, how in (("test_id", "nunique"), ("bugs", "sum")))
    for row in records(ta.next_tests(mirror)):
        key = int(row["feature_id"])
        own = [cycle for cycle in covering.get(key, ()) if placed(cycle)[1] is not None]
        assert tests.get(key, 0) == len(own)
        if len(own) == len(covering.get(key, ())):
            assert bugs.get(key, 0) == number[key], key
        parts = [row[name] for name in row if str(name).startswith("part_")]
        assert sum(parts) == pytest.approx(row["expected_bugs"])
        assert own or row["part_own"] == pytest.approx(0, abs=1e-9)


def test_rates_of_triage_and_their_intervals(pair: tuple[Account, Mirror]) -> None:
    """Each share is k / n, and each interval that of the definition, computed test by test."""
    _, mirror = pair
    rates = {
        "active_acceptance": (("active_accepted",), ("total",)),
        "auto_acceptance": (("auto_accepted",), ACCEPTED),
        "overall_acceptance": (ACCEPTED, ("total",)),
        "rejection": (("rejected",), ("total",)),
        "review": (("active_accepted", "rejected"), ("total",)),
    }
    tests: dict[int, dict[Any, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for bug in located_bugs(mirror).to_dict("records"):
        test = None if pd.isna(bug["test_id"]) else bug["test_id"]
        tests[bug["product_id"]][test].update(["total", bug["bucket"]])
    for row in records(ta.triage(mirror)):
        for name, (parts, wholes) in rates.items():
            if pd.isna(row[name]) or row[name] != row[f"{name}_highest"]:
                continue  # a range: its ends are looked at in the tests of missing fields
            k, n = sum(row[part] for part in parts), sum(row[whole] for whole in wholes)
            shown = tuple(row[column] for column in (name, f"{name}_low", f"{name}_high"))
            if pd.isna(k) or not n:
                assert all(pd.isna(value) for value in shown)
                continue
            counts = [
                [sum(test[part] for part in names) for names in (parts, wholes)]
                for test in tests[row["product_id"]].values()
            ]
            assert shown == pytest.approx(
                (k / n, *clustered([hits for hits, _ in counts], [bugs for _, bugs in counts])), abs=1e-9
            )


def test_shares_of_complete_counts_stand_alone(pair: tuple[Account, Mirror]) -> None:
    """Stories and evidence are counted, not estimated: k / n and no interval."""
    _, mirror = pair
    for report, part, whole in (
        (ta.story_coverage_by_feature(mirror), "covered", "stories"),
        (ta.evidence_by_product(mirror), "exercised", "active_features"),
    ):
        assert {"low", "high"}.isdisjoint(report.columns)
        for row in records(report):
            if pd.isna(row[part]) or not row[whole]:
                assert pd.isna(row["share"])
            else:
                assert row["share"] == row[part] / row[whole]


def test_trends(pair: tuple[Account, Mirror]) -> None:
    """Tests and valid bugs of each month."""
    account, mirror = pair
    tests: Counter[str] = Counter()
    bugs: Counter[str] = Counter()
    for product in account.products:
        for cycle in product.cycles:
            executed, at = placed(cycle)
            if not executed or at is None:
                continue
            month = at.astimezone(NOW.tzinfo).strftime("%Y-%m")
            tests[month] += 1
            bugs[month] += sum(
                is_valid(bug.payload) and bug.payload.get("test") is not None for bug in cycle.bugs
            ) + sum(
                is_valid(bug.payload) and bug.payload.get("test") is None and bool(bug.payload.get("test_feature"))
                for bug in cycle.bugs
            )
    report = ta.trends(mirror)
    assert {row["label"]: row["tests"] for row in records(report) if row["tests"]} == dict(tests)
    assert {row["label"]: row["bugs"] for row in records(report)} == {label: bugs[label] for label in report["label"]}
    # A feature that was removed since was covered while it was there.
    known = {*catalogue(account), *mirror.features["id"].tolist()}
    assert report["first_covered"].sum() == len({*coverage(account)} & known)
    products = ta.trends_by_product(mirror)
    assert products.groupby("label")[["tests", "bugs"]].sum().sum().tolist() == report[["tests", "bugs"]].sum().tolist()


@pytest.mark.parametrize("shape", SHAPES)
def test_results_of_stories_are_those_of_the_runs_where_they_were_read(shape: str, tmp_path: Path) -> None:
    """Failed before blocked before passed, whatever bugs name the story; without the runs, what may be a bug is marked."""
    account = account_of(shape)
    statuses: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
    stories: dict[tuple[int, int], Any] = {}
    for product in account.products:
        for cycle in product.cycles:
            if cycle.payload["status"] in WITHOUT_RESULTS:
                continue  # nobody can have run anything, so nobody is asked
            for run in cycle.executions:
                statuses[cycle.payload["id"], run.version_id].add(run.payload["status"])
            for row in with_metrics(cycle).get("features") or []:
                for story in row.get("user_stories") or []:
                    stories[row["id"], story["id"]] = (cycle.payload["id"], story)

    sync_account(account, tmp_path / "mirror.db")
    derived = ta.story_results(ta.load_mirror(tmp_path / "mirror.db"))
    sync_account(account, tmp_path / "mirror.db", streams=["executions"])
    exact = ta.story_results(ta.load_mirror(tmp_path / "mirror.db"))

    assert {*zip(exact["test_feature_id"], exact["user_story_id"], strict=True)} == {*stories}
    for row, before in zip(records(exact), records(derived), strict=True):
        test_id, story = stories[row["test_feature_id"], row["user_story_id"]]
        runs = statuses[test_id, story["user_story_version_id"]]
        truth = next((word for word in ("failed", "blocked", "passed") if word in runs), "not_tested")
        assert (row["status"], row["is_by_bug"]) == (truth, False)
        assert before["status"] == result_of(story) and before["api_status"] == story["execution_status"]
        # What is not marked is true without the runs as well.
        assert before["status"] == truth or before["is_by_bug"]
    assert derived["is_by_bug"].any()

    # Results that were read again after the runs may name stories that were not asked for then.
    sync_account(account, tmp_path / "mirror.db", streams=["tests", "results"], full=True)
    again = ta.story_results(ta.load_mirror(tmp_path / "mirror.db"))
    pd.testing.assert_frame_equal(again, derived)


def test_a_verdict_names_the_rates_outside_their_bands(pair: tuple[Account, Mirror]) -> None:
    """The critical ones first; no bugs are neither good nor bad."""
    _, mirror = pair
    for row in records(ta.triage(mirror)):
        said = {part.partition(": ")[0]: part.partition(": ")[2] for part in str(row["verdict"]).split("; ")}
        bands = {rate: row[f"{rate}_band"] for rate in ("rejection", "auto_acceptance", "active_acceptance", "review")}
        for name in ("critical", "warning"):
            named = {rate for rate in bands if rate.replace("_", " ") in said.get(name, "")}
            assert named == {rate for rate, found in bands.items() if found == name}
        if not {*bands.values()} & {"critical", "warning"}:
            assert row["verdict"] == ("ok" if "ok" in bands.values() else "unknown")


def test_without_any_bug_read_figures_are_unknown(tmp_path: Path) -> None:
    """With no bugs stream synced, bug figures are unknown and not 0, and the page's sentence says so."""
    db = tmp_path / "mirror.db"
    sync_account(account_of("small"), db, streams=["features", "tests"])
    mirror = ta.load_mirror(db)

    report = ta.bugs_per_feature(mirror)
    assert report["bugs"].isna().all() and report["shrunk"].isna().all() and report["rank"].isna().all()
    assert not report["is_complete"].any() and report["gap"].notna().all()
    assert ta.bugs_by_product(mirror)["total"].isna().all()
    assert ta.triage(mirror)["total"].isna().all()
    assert (ta.triage(mirror)["review_band"] == "unknown").all()
    assert ta.trends(mirror)["bugs"].isna().all()
    assert "never read" in ta.bugs_answer(mirror).sentence
    assert "unknown" in ta.triage_answer(mirror).sentence
    assert "unknown" in ta.stories_answer(mirror).sentence
    assert ta.overview(mirror).figures["Valid bugs last month"].value == "unknown"
    results = ta.feature_results(mirror)
    assert {*results["result"].astype(str)} <= {"unknown", "none"}
