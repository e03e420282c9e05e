"""Credentials of an account are in no row of the mirror, whatever the order in which they become known."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from small_account import feature_payload, locked_test, small_account
from syncing import mirror_digest, query, sync_account
from testio_analytics.demo.account.model import Account, Feature
from testio_analytics.demo.account.planted import PLANTED_SECRETS, environment
from testio_analytics.demo.server.faults import Faults, parse_faults
from testio_analytics.mirror.packed import unpacked
from testio_analytics.mirror.redaction import LEDGER_TEXTS
from testio_analytics.mirror.schema import ALL_TABLES

PASSWORD = "Xk9#mPq2vL"
OTHER = "7h3Gate!Keeper"


def _environment(**fields: Any) -> dict[str, Any]:
    return {"id": 9, "title": "Staging", "username": None, "password": None, "access": None} | fields


def _with_environment(account: Account, product_id: int, environment: Mapping[str, Any] | None) -> Account:
    for cycle in account.product(product_id).cycles:
        cycle.payload["test_environment"] = None if environment is None else dict(environment)
    return account


def _describe(account: Account, product_id: int, text: str) -> None:
    """Let the first feature of a product, and the copy of it in the newest test, say something."""
    product = account.product(product_id)
    product.features[0].payload["description"] = text
    for cycle in product.cycles:
        for copy in cycle.payload["features"]:
            if copy["feature_id"] == product.features[0].payload["id"]:
                copy["description"] = text


def _content(db: Path) -> bytes:
    return b"".join(path.read_bytes() for path in db.parent.glob(f"{db.name}*"))


def _descriptions(db: Path, product_id: int) -> set[str]:
    """Return what is stored as the description of that feature, in the catalogue and in the tests."""
    key = 100 * product_id + 1
    select = (
        "select description from features where id = ? union select description from test_features where feature_id = ?"
    )
    return {row[0] for row in query(db, select, [key, key])}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a path in a folder of its own."""
    return tmp_path / "mirror" / "m.db"


WORDS = "password archived locked critical high features id title feature status Forgot website 1234 2026 removed"


@pytest.mark.parametrize("field", ["username", "password", "access"])
def test_ordinary_words_change_nothing(db: Path, field: str) -> None:
    """Not a key, a status, a severity, an id, a time or a title is touched by a credential that is an ordinary word."""
    account = small_account(tests=4)
    _describe(account, 1, "Forgot password: critical features are archived, 1234")
    sync_account(_with_environment(account, 1, _environment()), db)
    before = mirror_digest(db)
    for number, cycle in enumerate(account.product(1).cycles):
        cycle.payload["test_environment"] = _environment(**{field: [*WORDS.split()[number::3]]})

    result = sync_account(account, db).result

    assert {stream: counts.updated for stream, counts in result.streams.items()} == dict.fromkeys(result.streams, 0)
    assert mirror_digest(db) == before
    assert not ta.feature_catalog(ta.load_mirror(db))["changed_since_tested"].fillna(False).any()


def test_the_demo_server_can_have_ordinary_words_for_credentials(db: Path) -> None:
    """Its tests say "archived" and "features"; the mirror is the same as with credentials that nobody uses otherwise."""
    account = _with_environment(small_account(tests=4), 1, environment(9, "Staging", "preview"))
    _describe(account, 1, f"Forgot password of {PLANTED_SECRETS['username']}? pw: {PLANTED_SECRETS['password']}")
    sync_account(account, db)
    before = mirror_digest(db)
    sync_account(account, db, faults=parse_faults(["ordinary-credentials"]))

    assert _descriptions(db, 1) == {"Forgot password of features? pw: [removed]"}
    assert query(db, "select distinct status from tests") == [("locked",)]
    unchanged = {"products", "sections", "user_stories", "bugs", "bug_devices", "test_user_stories"}
    assert {name: digest for name, digest in mirror_digest(db).items() if name in unchanged} == {
        name: digest for name, digest in before.items() if name in unchanged
    }


@pytest.mark.parametrize("owner", [1, 2])
def test_a_credential_of_one_product_is_in_no_text_of_another(db: Path, owner: int) -> None:
    """Whichever product is written first; the next sync finds nothing to change, and neither does one of a part."""
    account = _with_environment(small_account(tests=4), owner, _environment(password=PASSWORD, access=f"door {OTHER}"))
    for product_id in (1, 2):
        _describe(account, product_id, f"Use {PASSWORD}, or {OTHER}")
    sync_account(account, db)

    assert PASSWORD.encode() not in _content(db) and OTHER.encode() not in _content(db)
    assert _descriptions(db, 1) == _descriptions(db, 2) == {"Use [removed], or [removed]"}
    before = mirror_digest(db)
    for part in ({}, {"product_ids": [1]}, {"product_ids": [2]}, {"streams": ["features"]}, {"full": True}):
        result = sync_account(account, db, **part).result
        assert {stream: counts.updated for stream, counts in result.streams.items()} == dict.fromkeys(result.streams, 0)
        assert mirror_digest(db) == before
        assert PASSWORD.encode() not in _content(db)


def _packed_history(db: Path) -> str:
    """Return what the history of all runs says of earlier values."""
    return str([unpacked(text) for (text,) in query(db, "select changes from packed_runs where changes is not null")])


def test_a_credential_that_becomes_known_is_cut_out_of_all_earlier_rows(db: Path) -> None:
    """Of those that are not read this time, and those that are gone from the source, as well; no byte is left of it."""
    account = small_account(tests=4)
    for product_id in (1, 2):
        _describe(account, product_id, f"Use {PASSWORD}")
        account.product(product_id).features.append(
            Feature(feature_payload(product_id) | {"title": f"{PASSWORD} {'long ' * 900}"}, [])
        )
    account.product(1).features[1].payload["id"] = f"bad {PASSWORD}"  # a rejected row
    sync_account(account, db)
    for product_id in (1, 2):
        account.product(product_id).features.pop()
    account.product(2).payload["name"] = f"Shop {PASSWORD}"
    _describe(account, 2, "Use another one")
    sync_account(account, db)
    assert _content(db).count(PASSWORD.encode()) > 5 and PASSWORD in _packed_history(db)

    _with_environment(account, 1, _environment(username=PASSWORD))
    sync_account(account, db, product_ids=[1], streams=["tests"])

    assert PASSWORD.encode() not in _content(db)
    assert "Use [removed]" in _packed_history(db) and PASSWORD not in _packed_history(db)
    assert query(db, "select count(*) from features where removed_at is not null and raw_data like '%[removed]%'") != []
    assert query(db, "select row_id from rejected_rows") == [("bad [removed]",)]
    assert query(db, "pragma integrity_check") == [("ok",)]
    result = sync_account(account, db).result
    assert {stream: counts.updated for stream, counts in result.streams.items()} == dict.fromkeys(result.streams, 0)
    assert query(db, "select count(*) from rejected_rows") == [(1,)]


@pytest.mark.parametrize(
    "text", ["pw: summer", f"Use {PASSWORD} here", "login qa / summer", f"pin {PASSWORD}, pw: summer."]
)
def test_what_was_cut_stays_cut_when_the_environment_is_gone(db: Path, text: str) -> None:
    """A password that was changed is quoted on; a new test that copies the text does not bring it in either."""
    account = small_account(tests=4)
    _describe(account, 1, text)
    _with_environment(account, 1, _environment(username="qa", password="summer", access=PASSWORD))
    sync_account(account, db)
    (cut,) = _descriptions(db, 1)
    assert "summer" not in cut and PASSWORD not in cut

    _with_environment(account, 1, None)
    account.product(1).cycles.append(locked_test(1, 8))  # covers the first feature
    _describe(account, 1, text)
    result = sync_account(account, db).result

    assert _descriptions(db, 1) == {cut}
    assert result.streams["features"].updated == 0
    assert not ta.feature_catalog(ta.load_mirror(db))["changed_since_tested"].fillna(False).any()


def test_a_text_that_changed_where_it_was_cut_is_a_new_text(db: Path) -> None:
    """What stands there now and is no credential is stored."""
    account = _with_environment(small_account(tests=4), 1, _environment(password=PASSWORD))
    _describe(account, 1, f"Log in with {PASSWORD}")
    sync_account(account, db)
    _describe(account, 1, "Log in with Google")
    assert sync_account(account, db).result.streams["features"].updated == 1
    assert "Log in with Google" in _descriptions(db, 1)


def test_texts_that_were_cut_on_one_side_only_are_the_same(db: Path) -> None:
    """As in a file of an earlier version, whose catalogue kept what the tests' copies lost."""
    account = small_account(tests=4)
    _describe(account, 1, "Forgot password?")
    sync_account(account, db)
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.execute("update test_features set description = 'Forgot [removed]?'")
    found = ta.feature_catalog(ta.load_mirror(db)).set_index("feature_id")["changed_since_tested"]
    assert not found[101]  # the texts agree but for what was cut
    assert found[102]  # whose text is another one


def test_every_column_that_may_repeat_the_api_is_cut() -> None:
    """Beside the rows themselves: each text of the ledger is cut, or is one of our own words, hashes and ids."""
    own = {
        "sync_runs": {"outcome", "mode", "streams", "products", "package_version", "counts", "unknown_fields", "owner"},
        "stream_states": {"stream"},
        "sync_gaps": {"stream"},
        "rejected_rows": {"stream", "table", "fingerprint"},
        "test_reads": {"stream", "status"},
        "endpoint_findings": {"endpoint"},
        "row_changes": {"table", "created"},
        "stream_reads": {"complete", "incomplete"},
        "packed_runs": {"changes", "reads"},  # cut after unpacking
        "reported": {"kind", "products", "state", "fingerprint"},
    }
    ledger = [table for table in ALL_TABLES if not table.is_mirrored]
    texts = {
        table.name: {column.name for column in table.columns if column.kind in ("text", "json")} for table in ledger
    }
    assert texts == {name: words | {*LEDGER_TEXTS.get(name, ())} for name, words in own.items()}


def test_a_run_that_breaks_off_leaves_no_credential(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one product quotes is cut out at the end of the run, also where that is a failure."""
    account = _with_environment(small_account(tests=4), 2, _environment(password=PASSWORD))
    _describe(account, 1, f"Use {PASSWORD}")

    def stop(*_: Any) -> Any:
        raise RuntimeError("stopped")

    monkeypatch.setattr("testio_analytics.mirror.account._of_account", stop)  # when all products are written
    with pytest.raises(RuntimeError, match="stopped"):
        sync_account(account, db)
    assert _descriptions(db, 1) == {"Use [removed]"}
    assert PASSWORD.encode() not in _content(db)


def test_gaps_hold_no_credential(db: Path) -> None:
    """A section that cannot be read is named in a gap; the next run knows the gap again."""
    account = _with_environment(small_account(tests=4), 2, _environment(password=PASSWORD))
    sections = [*account.product(2).payload["sections"], *account.product(2).payload["sections_with_default"]]
    for section in sections:
        section["name"] = f"Gate {PASSWORD}"
    for _ in range(2):
        result = sync_account(account, db, faults=Faults(failing_sections=frozenset({201}))).result
        assert [gap.where for gap in result.gaps if gap.stream == "features"] == ["section 201 (Gate [removed])"]
    assert query(db, "select count(*) from sync_gaps where stream = 'features'") == [(1,)]
    assert query(db, "select name from sections where id = 201") == [("Gate [removed]",)]
    assert PASSWORD.encode() not in _content(db)


def test_the_reason_of_a_rejection_quotes_no_part_of_a_credential(db: Path) -> None:
    """A wrong value is quoted by its first forty characters, which may end within one."""
    account = _with_environment(small_account(tests=4), 1, _environment(password=PASSWORD))
    account.product(2).cycles[0].payload["demo"] = f"{'x' * 35}{PASSWORD}"
    sync_account(account, db)
    ((reason,),) = query(db, "select reason from rejected_rows")
    assert reason == "demo is neither true, false nor null but text ([removed])"
    assert PASSWORD[:5].encode() not in _content(db)
