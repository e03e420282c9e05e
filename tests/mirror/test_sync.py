"""The sync against the simulator: counts, repeatability, faults, removal, secrets."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncing import NOW, TOKEN, mirror_digest, query, sync_account
from testio_analytics import errors
from testio_analytics.api.client import Client
from testio_analytics.concurrency import run
from testio_analytics.config import ApiSettings
from testio_analytics.demo.account.build import demo_account
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.account.planted import PLANTED_SECRETS
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import Counts, StreamRead
from testio_analytics.mirror.streams.features import read_features
from testio_analytics.mirror.sync import sync_async
from testio_analytics.mirror.worker import RowWorker

PLAIN, SECTIONED, SINGLE = 21362, 18559, 24959
OUTSIDE_SECTIONS = "select count(*) from features where product_id = ? and removed_at is null"


@pytest.fixture(name="account")
def _account(pristine: Account) -> Account:
    """Return a small account that may be changed: the three reference products, with a few tests each."""
    return _small(pristine)


def _small(pristine: Account) -> Account:
    account = Account(pristine.now, [pristine.product(key) for key in (PLAIN, SECTIONED, SINGLE)]).copy()
    for product in account.products:
        del product.cycles[12:]
    return account


@pytest.fixture(scope="module", name="healthy")
def _healthy(pristine: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the digest of what a server without faults gives of the small account."""
    db = tmp_path_factory.mktemp("healthy") / "mirror.db"
    sync_account(_small(pristine), db)
    return mirror_digest(db)


@pytest.fixture(name="db")
def _db(tmp_path: Path) -> Path:
    return tmp_path / "mirror.db"


def _listed(account: Account, product_id: int, section_id: int | None = None) -> set[int]:
    """Return the ids in the simulator's own catalogue: the truth, read without any client."""
    rows = account.product(product_id).features
    return {row.payload["id"] for row in rows if section_id is None or section_id in row.section_ids}


@pytest.mark.parametrize("mode", ["current", "legacy", "legacy-500"])
def test_reference_products_have_their_published_counts(pristine: Account, db: Path, mode: Any) -> None:
    """21362 has 28 features and 54 stories; 18559 each feature of both sections once, with all memberships; 24959 has 9."""
    result = sync_account(pristine, db, faults=Faults(product_features=mode), streams=["features", "tests"]).result

    assert result.outcome == "complete"
    assert query(db, OUTSIDE_SECTIONS, [PLAIN]) == [(28,)]
    assert query(db, "select count(*) from user_stories where product_id = ?", [PLAIN]) == [(54,)]
    assert query(db, OUTSIDE_SECTIONS, [SINGLE]) == [(9,)]
    big, small = _listed(pristine, SECTIONED, 19013), _listed(pristine, SECTIONED, 25618)
    assert (len(big), len(small)) == (288, 21)
    assert len(big & small) > 0
    stored = [row[0] for row in query(db, "select id from features where product_id = ?", [SECTIONED])]
    assert sorted(stored) == sorted(big | small)
    members = query(db, "select feature_id, section_id from feature_sections where product_id = ?", [SECTIONED])
    assert set(members) == {(f, 19013) for f in big} | {(f, 25618) for f in small}
    in_big = "select count(*) from user_stories where feature_id in (select feature_id from feature_sections where section_id = 19013)"
    linked = query(db, in_big)[0][0]
    unlinked = query(db, "select count(*) from user_stories where product_id = ? and feature_id is null", [SECTIONED])[
        0
    ][0]
    assert linked <= 1709 <= linked + unlinked
    if mode == "current":
        assert (linked, unlinked) == (1709, 0)


@pytest.mark.parametrize("variant", ["real", "default"])
@pytest.mark.parametrize("mode", ["current", "legacy"])
def test_the_single_section_product_works_in_both_variants(db: Path, variant: Any, mode: Any) -> None:
    """24959 has 9 features whether 25543 is a section of its own or only the default one."""
    result = sync_account(
        demo_account(variant), db, faults=Faults(product_features=mode), product_ids=[SINGLE], streams=["features"]
    ).result

    assert (result.outcome, result.streams["features"].total) == ("complete", 9)


def test_a_second_sync_changes_nothing(pristine: Account, faultless_db_path: Path, db: Path) -> None:
    """Two syncs of an unchanged account leave every mirrored table byte for byte as it was."""
    shutil.copy(faultless_db_path, db)
    before = mirror_digest(db)
    streams = sync_account(pristine, db, now=NOW + timedelta(days=1)).result.streams

    assert mirror_digest(db) == before
    assert all(
        asdict(counts) == asdict(Counts(unchanged=counts.total, total=counts.total)) for counts in streams.values()
    )
    assert streams["tests"].total == query(db, "select count(*) from tests")[0][0]
    # What can no longer change is not even asked for.
    assert 0 < streams["bugs"].total < query(db, "select count(*) from bugs")[0][0]
    assert query(db, "select count(*) from sync_runs") == [(2,)]


def test_a_second_sync_from_an_older_api_changes_nothing(account: Account, db: Path) -> None:
    """Also where features hold their stories as sentences."""
    faults = Faults(product_features="legacy")
    sync_account(account, db, faults=faults)
    before = mirror_digest(db)
    streams = sync_account(account, db, faults=faults).result.streams

    assert mirror_digest(db) == before
    assert all(
        asdict(counts) == asdict(Counts(unchanged=counts.total, total=counts.total)) for counts in streams.values()
    )


def test_one_renamed_feature_is_exactly_one_update(account: Account, db: Path) -> None:
    """Renaming one feature updates one row, and only that row."""
    sync_account(account, db)
    feature_id = min(_listed(account, SECTIONED, 19013))
    account.rename_feature(feature_id, "A title it never had")
    later = NOW + timedelta(hours=1)
    result = sync_account(account, db, now=later).result

    assert asdict(result.streams["features"]) == asdict(
        Counts(updated=1, unchanged=result.streams["features"].total - 1, total=result.streams["features"].total)
    )
    assert result.streams["tests"].updated == result.streams["products"].updated == 0
    touched = query(db, "select id, title, first_seen from features where last_synced = ?", [later.isoformat()])
    assert touched == [(feature_id, "A title it never had", NOW.isoformat())]


def test_text_linked_stories_are_marked_and_ambiguous_ones_left_alone(account: Account, db: Path) -> None:
    """Where features name stories as sentences, a sentence of two features links to neither."""
    one, two = account.product(PLAIN).features[:2]
    twin = json.loads(json.dumps(one.payload["user_stories"][0])) | {"id": 99_000_001, "feature_id": two.payload["id"]}
    two.payload["user_stories"].append(twin)
    sync_account(account, db, faults=Faults(product_features="legacy"), product_ids=[PLAIN])

    links = dict(query(db, "select feature_link, count(*) from user_stories group by 1"))
    assert links == {"text": 53, "ambiguous": 2}
    assert query(db, "select distinct feature_id from user_stories where feature_link = 'ambiguous'") == [(None,)]


def test_a_server_that_refuses_more_than_three_at_once_loses_nothing(pristine: Account, db: Path) -> None:
    """With 500 for every fourth concurrent request, everything arrives and the outcome is complete."""
    faults = Faults(concurrent_limit=3, slow=0.002)
    synced = sync_account(pristine, db, faults=faults, streams=["features", "tests"])

    assert synced.result.outcome == "complete"
    assert synced.result.gaps == ()
    assert synced.log.statuses[500] > 0, "the server never refused, so nothing was shown"
    expected = sum(len(product.features) for product in pristine.products)
    assert query(db, "select count(*) from features") == [(expected,)]


def test_a_dead_section_costs_itself_and_nothing_else(account: Account, db: Path) -> None:
    """One section that fails for ever is a named gap; all else is stored, and nothing is marked as removed."""
    sync_account(account, db)
    only_small = _listed(account, SECTIONED, 25618) - _listed(account, SECTIONED, 19013)
    account.drop_feature(min(_listed(account, SECTIONED, 19013)))
    result = sync_account(account, db, faults=Faults(failing_sections=frozenset({25618}))).result

    assert result.outcome == "incomplete"
    assert [(gap.product_id, gap.stream) for gap in result.gaps] == [(SECTIONED, "features")]
    assert "25618" in result.gaps[0].where
    assert query(db, "select count(*) from features where removed_at is not null") == [(0,)]
    assert only_small <= {row[0] for row in query(db, "select id from features where removed_at is null")}
    assert query(db, 'select product_id, "where" from sync_gaps where closed_at is null') == [
        (SECTIONED, result.gaps[0].where)
    ]
    states = query(
        db, "select is_complete from stream_states where product_id = ? and stream = 'features'", [SECTIONED]
    )
    assert states == [(0,)]

    healed = sync_account(account, db).result
    assert (healed.outcome, healed.streams["features"].removed) == ("complete", 1)
    assert query(db, "select count(*) from sync_gaps where closed_at is null") == [(0,)]


def test_thirteen_hundred_tests_with_one_poisoned_row(account: Account, db: Path) -> None:
    """1,299 of 1,300 tests are stored and the one that is not is named by its neighbours; nothing stops at page 50."""
    product = account.product(PLAIN)
    template = product.cycles[0].payload
    product.cycles.clear()
    for number in range(1300):
        moment = NOW - timedelta(days=1 + number)
        account.add_test(PLAIN, template | {"id": 700_000 + number, "end_at": moment.isoformat(), "features": []})
    faults = Faults(poisoned_tests=frozenset({700_777}))
    synced = sync_account(account, db, faults=faults, product_ids=[PLAIN], streams=["tests"])

    assert query(db, "select count(*), count(distinct id) from tests") == [(1299, 1299)]
    assert len(synced.result.gaps) == 1
    assert "after test 700776" in synced.result.gaps[0].where
    assert "before test 700778" in synced.result.gaps[0].where
    expected = query(db, "select rows_expected, rows_stored from stream_states where stream = 'tests'")
    assert expected == [(1300, 1299)]


def test_a_dropped_feature_is_removed_and_revived(account: Account, db: Path) -> None:
    """A feature that is gone after a complete read is marked, stays in the table, and comes back with its first day."""
    sync_account(account, db)
    feature_id = account.product(PLAIN).features[0].payload["id"]
    kept = account.feature(feature_id)
    account.drop_feature(feature_id)
    later = NOW + timedelta(days=1)
    gone = sync_account(account, db, now=later).result
    assert gone.streams["features"].removed == 1
    assert query(db, "select removed_at from features where id = ?", [feature_id]) == [(later.isoformat(),)]

    account.product(PLAIN).features.insert(0, kept)
    back = sync_account(account, db, now=later + timedelta(days=1)).result
    assert (back.streams["features"].updated, back.streams["features"].created) == (1, 0)
    assert query(db, "select removed_at, first_seen from features where id = ?", [feature_id]) == [
        (None, NOW.isoformat())
    ]


def test_more_than_half_gone_at_once_is_held_back_until_full(account: Account, db: Path) -> None:
    """An emptied catalogue is a gap first, and a removal only when `full` confirms it."""
    sync_account(account, db)
    for row in account.product(PLAIN).features[:20]:
        account.drop_feature(row.payload["id"])
    held = sync_account(account, db).result
    assert (held.outcome, held.streams["features"].removed) == ("incomplete", 0)
    assert any("--full" in gap.reason for gap in held.gaps)

    confirmed = sync_account(account, db, full=True).result
    assert (confirmed.outcome, confirmed.streams["features"].removed) == ("complete", 20)


def test_a_removed_product_takes_its_rows_with_it(account: Account, db: Path) -> None:
    """When a product is gone from the account, none of its rows stays in the current numbers."""
    sync_account(account, db)
    account.products.remove(account.product(PLAIN))
    result = sync_account(account, db).result

    assert result.streams["products"].removed == 1
    for table in ("features", "user_stories", "tests", "test_features", "sections"):
        assert query(db, f"select count(*) from {table} where product_id = ? and removed_at is null", [PLAIN]) == [(0,)]


def test_a_stored_test_that_is_no_longer_listed_is_looked_up_before_it_is_removed(account: Account, db: Path) -> None:
    """A test that was deleted answers 404 and is removed; one that only slipped out of the list stays."""
    sync_account(account, db, product_ids=[SECTIONED])
    gone = account.product(SECTIONED).cycles[5].payload["id"]
    account.drop_test(gone)
    synced = sync_account(account, db, product_ids=[SECTIONED])

    assert synced.log.paths[f"/exploratory_tests/{gone}"] == 1
    assert synced.result.streams["tests"].removed == 1


def test_bad_rows_are_rejected_alone(account: Account, db: Path) -> None:
    """Null and odd titles, ids as text, null stories, giant and hostile texts lose no valid row; bad rows have a reason."""
    before = len(account.product(PLAIN).features)
    good: list[dict[str, Any]] = [
        {"id": 90_001, "title": None, "user_stories": None},
        {"id": 90_002},
        {"id": "90003", "title": "id as text", "user_stories": []},
        {"id": 90_004, "title": "x" * 100_000, "user_stories": []},
        {"id": 90_005, "title": "emoji \U0001f680 rtl \u202eevil \u0634\u0647\u0631", "user_stories": []},
        {"id": 90_006, "title": "nul \x00 inside", "user_stories": []},
        {"id": 90_007, "title": "<script>window.hacked=1</script>", "user_stories": []},
        {"id": 90_008, "title": "=cmd|'/c calc'!A1", "user_stories": []},
        {
            "id": 90_009,
            "title": "new field",
            "user_stories": [],
            "planned_for": {"release": {"name": "X", "n": [1, 2]}},
        },
    ]
    bad: list[Any] = [
        {"id": None, "title": "null id"},
        {"title": "no id"},
        {"id": 90_010, "title": ["a list"]},
        "a string",
        7,
        None,
    ]
    for payload in [*good, *bad]:
        account.add_feature(PLAIN, payload)
    result = sync_account(account, db, product_ids=[PLAIN], streams=["features"]).result

    assert query(db, "select count(*) from features") == [(before + len(good),)]
    assert result.streams["features"].rejected == len(bad)
    assert result.outcome == "incomplete"
    reasons = [reason for (reason,) in query(db, "select reason from rejected_rows order by id")]
    assert len(reasons) == len(bad)
    assert all(reasons)
    assert query(db, "select length(title) from features where id = 90004") == [(100_000,)]
    raw = json.loads(query(db, "select raw_data from features where id = 90009")[0][0])
    assert raw["planned_for"] == {"release": {"name": "X", "n": [1, 2]}}
    assert json.loads(query(db, "select unknown_fields from sync_runs")[0][0])["features.planned_for"] == 1

    again = sync_account(account, db, product_ids=[PLAIN], streams=["features"]).result
    assert again.streams["features"].unchanged == before + len(good)
    assert query(db, "select count(*) from rejected_rows") == [(len(bad),)]


def test_a_dry_run_writes_nothing_and_tells_what_would_change(account: Account, db: Path) -> None:
    """`dry_run` counts the changes and leaves the file as it is, byte for byte."""
    first = sync_account(account, db, dry_run=True).result
    assert (first.run_id, db.exists()) == (None, False)
    real = sync_account(account, db).result
    assert first.streams == real.streams

    account.rename_feature(account.product(PLAIN).features[0].payload["id"], "Other")
    before = db.read_bytes()
    planned = sync_account(account, db, dry_run=True).result
    assert planned.streams["features"].updated == 1
    assert db.read_bytes() == before


def test_a_wrong_token_fails_the_run_and_says_where_the_token_comes_from(pristine: Account, db: Path) -> None:
    """401 is fatal: one request, no data, and a message with the variable's name."""
    app = create_app(pristine, token="another")

    async def go() -> None:
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=httpx.ASGITransport(app=app)) as client:
            await sync_async(db, client=client)

    with pytest.raises(errors.AuthenticationError, match="TESTIO_CUSTOMER_API_TOKEN") as caught:
        run(go())
    assert TOKEN not in str(caught.value)
    assert app.state.log.refused == 1
    assert query(db, "select outcome, requests from sync_runs") == [("failed", 1)]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(Faults(rate_limit_every=9, retry_after=0), id="429 in seconds"),
        pytest.param(Faults(rate_limit_every=9, retry_after=0, retry_after_form="date"), id="429 with a date"),
        pytest.param(Faults(rate_limit_first=3, retry_after_form="none"), id="429 without Retry-After"),
        pytest.param(Faults(error_every=7, error_status=503), id="5xx"),
        pytest.param(Faults(html_every=9), id="HTML"),
        pytest.param(Faults(truncated_every=8), id="truncated"),
        pytest.param(Faults(dropped_every=8), id="dropped"),
    ],
)
def test_passing_faults_cost_nothing(account: Account, healthy: dict[str, str], db: Path, faults: Faults) -> None:
    """Faults that pass on a second try leave a complete mirror, equal to that of a healthy server."""
    synced = sync_account(account, db, faults=faults)

    assert (synced.result.outcome, synced.result.gaps) == ("complete", ())
    assert mirror_digest(db) == healthy


def test_staging_that_ignores_paging_is_read_as_far_as_it_goes(pristine: Account, db: Path) -> None:
    """Where `page` is ignored, lists under 150 rows are complete and longer ones a gap; nothing loops."""
    result = sync_account(pristine, db, faults=Faults(staging=True), streams=["tests"]).result

    sizes = {product.id: len(product.cycles) for product in pristine.products}
    stored = dict(query(db, "select product_id, count(*) from tests group by 1"))
    assert {key: min(size, 150) for key, size in sizes.items() if size} == stored
    assert {gap.product_id for gap in result.gaps} == {key for key, size in sizes.items() if size >= 150}


def test_an_empty_account_is_complete(db: Path) -> None:
    """An account without products is a complete mirror of nothing."""
    result = sync_account(Account(NOW, []), db).result

    assert (result.outcome, result.streams["products"].total) == ("complete", 0)


def test_a_feature_of_two_products_is_reported(account: Account, db: Path) -> None:
    """One feature id under two products keeps its first owner; the second is rejected by name."""
    feature = account.product(PLAIN).features[0].payload
    sync_account(account, db, product_ids=[PLAIN])
    account.add_feature(SINGLE, dict(feature))
    result = sync_account(account, db).result

    assert query(db, "select product_id from features where id = ?", [feature["id"]]) == [(PLAIN,)]
    assert {gap.product_id for gap in result.gaps} == {SINGLE}
    assert all(f"already stored for product {PLAIN}" in gap.reason for gap in result.gaps)


def test_planted_secrets_reach_neither_the_file_nor_the_result(
    pristine: Account, db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No credential, access note, signed link or token is in the database's bytes, the logs or the result."""
    caplog.set_level("DEBUG")
    sent = json.dumps([cycle.payload for cycle in pristine.product(SECTIONED).cycles])
    assert [name for name, secret in PLANTED_SECRETS.items() if secret not in sent] == []

    result = sync_account(pristine, db, faults=Faults(error_every=10), product_ids=[SECTIONED]).result
    found = b"".join(path.read_bytes() for path in db.parent.iterdir() if path.is_file())
    said = repr(result) + json.dumps(result.as_dict()) + caplog.text

    for name, secret in {**PLANTED_SECRETS, "token": TOKEN}.items():
        assert secret.encode() not in found, name
        assert secret not in said, name


def test_personal_names_are_not_stored(pristine: Account, faultless_db_path: Path) -> None:
    """Display names of the customer's people stay at the source."""
    names = {cycle.payload.get("created_by") for product in pristine.products for cycle in product.cycles} - {None}
    found = faultless_db_path.read_bytes()

    assert names
    assert [name for name in names if name.encode() in found] == []


def test_unknown_streams_and_products_are_refused(account: Account, db: Path) -> None:
    """A stream or product that does not exist is named, and nothing is written for it."""
    with pytest.raises(errors.UnknownValueError, match="features, tests"):
        sync_account(account, db, streams=["bugz"])
    with pytest.raises(errors.UnknownValueError, match="product_ids is 'Island Hopper'"):
        sync_account(account, db, product_ids="Island Hopper")  # type: ignore[arg-type]
    with pytest.raises(errors.NotFoundError, match="products/4711"):
        sync_account(account, db, product_ids=[4711])


def test_one_stream_of_one_product_leaves_the_rest_unread(pristine: Account, db: Path) -> None:
    """A narrow sync fills what was asked for and claims nothing about the rest."""
    sync_account(pristine, db, product_ids=[PLAIN], streams=["features"])

    assert query(db, "select distinct product_id, stream from stream_states order by 2") == [
        (PLAIN, "features"),
        (PLAIN, "products"),
    ]
    assert query(db, "select count(*) from tests") == [(0,)]


def test_a_product_that_became_sectioned_meanwhile_is_read_by_section(account: Account, db: Path) -> None:
    """A 422 at the product's address means sectioned after all: the product is read anew and its sections are asked."""
    product = account.product(SECTIONED)
    stale = {**product.payload, "sections": None, "sections_with_default": None}
    app = create_app(account, token=TOKEN, faults=Faults(product_features="legacy"))

    async def go() -> StreamRead:
        transport = httpx.ASGITransport(app=app)
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=transport) as client, RowWorker() as compute:
            return (await read_features(client, compute, stale))[0]

    read = run(go())
    assert read.gaps == ()
    assert len(read.rows.of(schema.FEATURES)) == 297


def test_a_sectioned_product_that_names_no_section_is_a_gap(account: Account, db: Path) -> None:
    """Where the API refuses the product's address and names no section, what is missing is said."""
    product = account.product(SECTIONED)
    product.payload = {**product.payload, "sections": None, "sections_with_default": None}
    faults = Faults(product_features="legacy")
    result = sync_account(account, db, faults=faults, product_ids=[SECTIONED], streams=["features"]).result

    assert [gap.where for gap in result.gaps] == ["features of unnamed sections"]


def test_faults_can_be_combined(account: Account, healthy: dict[str, str], db: Path) -> None:
    """A busy, flaky and narrow server costs time and no data: what is stored is what a sound server gives.

    All tries of one request can meet a fault. Then that is a gap, and another sync reads just what is missing.
    """
    faults = Faults(concurrent_limit=4, error_every=41, truncated_every=43, slow=0.001)
    outcomes: list[str] = []
    while "complete" not in outcomes and len(outcomes) < 8:
        result = sync_account(account, db, faults=faults).result
        assert (result.outcome == "complete") == (result.gaps == ())
        outcomes.append(result.outcome)
    assert outcomes[-1] == "complete", [(gap.where, gap.reason) for gap in result.gaps]
    assert mirror_digest(db) == healthy


def test_a_section_that_is_new_since_the_list_was_read_is_stored_with_its_features(account: Account, db: Path) -> None:
    """The list of products still shows a plain product; the detail read after the 422 brings its new section."""
    product = account.product(SECTIONED)
    whole = dict(product.payload)
    plain = whole | {"sections": [], "sections_with_default": []}
    app = create_app(account, token=TOKEN, faults=Faults(product_features="legacy"))

    class ListedBefore(httpx.ASGITransport):
        """Answer the list of products as it was before the sections were made."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            product.payload = plain if request.url.path.endswith("/products") else whole
            return await super().handle_async_request(request)

    async def go() -> Any:
        settings = ApiSettings("http://testserver/customer/v2", TOKEN)
        async with Client(settings, transport=ListedBefore(app=app)) as client:
            return await sync_async(db, client=client, streams=["features"], clock=lambda: NOW)

    result = run(go())
    assert result.outcome == "complete"
    assert query(db, OUTSIDE_SECTIONS, [SECTIONED]) == [(297,)]
    assert query(db, "select is_sectioned from products where id = ?", [SECTIONED]) == [(1,)]


def test_a_section_without_id_leaves_the_features_incomplete(account: Account, db: Path) -> None:
    """What only a nameless section lists cannot be read, and is not called complete."""
    product = account.product(SECTIONED)
    product.payload = product.payload | {"sections": [{"id": None, "name": "?"}, {"id": 19013, "name": "Web"}]}
    faults = Faults(product_features="legacy")
    result = sync_account(account, db, faults=faults, product_ids=[SECTIONED], streams=["features"]).result

    assert "features of sections without id" in {gap.where for gap in result.gaps if gap.stream == "features"}
    assert query(db, "select is_complete from stream_states where stream = 'features'") == [(0,)]


def test_hostile_section_names_do_not_stop_the_sync(account: Account, db: Path) -> None:
    """A broken surrogate, an escape or an echoed token in a section's name reaches neither crash nor ledger."""
    product = account.product(SECTIONED)
    product.payload = product.payload | {
        "sections": [{"id": 19013, "name": "Web"}, {"id": 25618, "name": f"bad \ud800 {TOKEN} " + "x" * 500}]
    }
    faults = Faults(failing_sections=frozenset({25618}))
    result = sync_account(account, db, faults=faults, product_ids=[SECTIONED], streams=["features"]).result

    assert [gap.where[:13] for gap in result.gaps] == ["section 25618"]
    assert TOKEN not in result.gaps[0].where
    assert len(result.gaps[0].where) < 100
