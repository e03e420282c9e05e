"""Every figure of the untested-features report on the demo account, computed a second time in plain SQL.

The statements are written from the definitions, and share no code with the reports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import testio_analytics as ta
from syncing import query
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import MAIN_TABLE

AS_OF = "2026-06-30T06:00:00+00:00"

# One row per active feature: what the tests that have it in scope say. strftime gives seconds, so that fractions of a
# day decide at the border as they do in the definitions (at most 180 days is recent).
FACTS = f"""
with judged as (
    select id, product_id, status,
           coalesce(end_at, start_at) as at,
           case
             when status in ('locked', 'archived', 'completed') and not coalesce(coalesce(end_at, start_at) > '{AS_OF}', 0)
               then 'executed'
             when status = 'running' and not coalesce(start_at > '{AS_OF}', 0) then 'executed'
             when status in ('initialized', 'customer_finalized', 'waiting') then 'planned'
             when status in ('locked', 'archived', 'completed', 'running', 'cancelled') then 'neither'
             else 'unknown'
           end as kind
    from tests where removed_at is null
),
scope as (
    select distinct tf.feature_id, t.id as test_id, t.kind, min(t.at, '{AS_OF}') as at
    from test_features tf join judged t on t.id = tf.test_id
    where tf.removed_at is null and tf.feature_id is not null
),
facts as (
    select f.id as feature_id, f.product_id,
           (select count(*) from scope s where s.feature_id = f.id and s.kind = 'executed') as executed,
           (select count(*) from scope s where s.feature_id = f.id and s.kind = 'executed'
              and strftime('%s', '{AS_OF}') - strftime('%s', s.at) <= 180 * 86400) as recent,
           (select count(*) from scope s where s.feature_id = f.id and s.kind = 'planned') as planned,
           (select count(*) from scope s where s.feature_id = f.id and s.kind = 'unknown') as strange,
           (select max(s.at) from scope s where s.feature_id = f.id and s.kind = 'executed') as last_at,
           (select count(*) from user_stories u where u.feature_id = f.id and u.removed_at is null) as stories,
           (select not is_complete from stream_states st where st.product_id = f.product_id and st.stream = 'tests') as gap
    from features f join products p on p.id = f.product_id
    where f.removed_at is null and p.removed_at is null
),
states as (
    select *, case
        when recent > 0 then 'tested'
        when executed > 0 then 'stale'
        when coalesce(gap, 1) or strange > 0 then 'unknown'
        when planned > 0 then 'planned'
        else 'untested' end as state
    from facts
)
"""


@pytest.fixture(name="mirror")
def _mirror(demo_frames: Mirror) -> Mirror:
    return demo_frames


def _values(row: Any, *names: str) -> tuple[Any, ...]:
    return tuple(int(row[name]) for name in names)


def test_every_feature_has_the_state_and_counts_that_sql_gives(mirror: Mirror, demo_db_path: Path) -> None:
    """State, executed tests ever and lately, planned tests, stories and last test, feature by feature."""
    expected = {
        row[0]: row[1:]
        for row in query(
            demo_db_path, FACTS + "select feature_id, state, executed, recent, planned, stories, last_at from states"
        )
    }
    catalog = ta.feature_catalog(mirror)

    assert len(catalog) == len(expected) == 446
    for row in catalog.to_dict("records"):
        state, executed, recent, planned, stories, last_at = expected[row["feature_id"]]
        found = (row["state"], *_values(row, "executed_tests", "executed_tests_in_window", "planned_tests", "stories"))
        assert found == (state, executed, recent, planned, stories), row["feature"]
        last = None if last_at is None else last_at[:19]
        assert (None if executed == 0 else row["last_tested_at"].isoformat()[:19]) == last


def test_every_state_of_the_definitions_is_in_the_demo_account(demo_db_path: Path) -> None:
    """The demo shows all five states, so that a comparison over it compares all of them."""
    states = dict(query(demo_db_path, FACTS + "select state, count(*) from states group by 1"))

    assert sorted(states) == ["planned", "stale", "tested", "unknown", "untested"]
    assert min(states.values()) >= 4


def test_the_list_is_what_is_not_tested_most_alarming_first(mirror: Mirror, demo_db_path: Path) -> None:
    """The report lists exactly the features that SQL does not call tested, by priority."""
    report = ta.untested_features(mirror)
    expected = query(demo_db_path, FACTS + "select feature_id from states where state <> 'tested'")

    assert sorted(report["feature_id"]) == sorted(row[0] for row in expected)
    order = {state: place for place, state in enumerate(("untested", "planned", "stale", "unknown"))}
    places = [order[state] for state in report["state"]]
    assert places == sorted(places)


def test_the_summary_and_its_sentence_are_those_of_sql(mirror: Mirror, demo_db_path: Path) -> None:
    """N of M, the share, and K unknown in the sentence are the figures that SQL gives."""
    states = dict(query(demo_db_path, FACTS + "select state, count(*) from states group by 1"))
    summary = ta.coverage_summary(mirror)
    total, never = sum(states.values()), states["untested"] + states["planned"]

    assert {name: getattr(summary, name) for name in states} == states
    assert (summary.active_features, summary.never_executed, summary.never_executed_highest) == (
        total,
        never,
        never + states["unknown"],
    )
    assert summary.never_share == never / total
    assert summary.sentence.startswith(
        f"{never} of {total} active features ({never / total:.0%}".replace("%", " %")
        + ") were never tested as of 30 June 2026, 06:00 UTC: "
        f"{states['untested']} untested and {states['planned']} scheduled; {states['unknown']} more have unknown status"
    )


@pytest.mark.parametrize("by", ["product", "section"])
def test_coverage_is_that_of_sql(mirror: Mirror, demo_db_path: Path, by: str) -> None:
    """Counts per state and shares of every product and every section."""
    groups = {
        "product": "select product_id, null as section_id, state, count(*) from states group by 1, 3",
        "section": """select s.product_id, m.section_id, s.state, count(*) from states s
                      left join (select * from feature_sections where removed_at is null) m
                        on m.feature_id = s.feature_id group by 1, 2, 3""",
    }
    expected: dict[tuple[int, int | None], dict[str, int]] = {}
    for product_id, section_id, state, count in query(demo_db_path, FACTS + groups[by]):
        expected.setdefault((product_id, section_id), {})[state] = count
    report = ta.coverage_by_product(mirror) if by == "product" else ta.coverage_by_section(mirror)

    found = {}
    for row in report.to_dict("records"):
        section = row.get("section_id")
        key = (
            int(row["product_id"]),
            None if section is None or section is not section or str(section) == "<NA>" else int(section),
        )
        counts = {
            state: int(row[state]) for state in ("untested", "planned", "stale", "unknown", "tested") if row[state]
        }
        if counts:
            found[key] = counts
            n = sum(counts.values())
            ever = counts.get("tested", 0) + counts.get("stale", 0)
            assert (row["ever_share"], row["recent_share"]) == (ever / n, counts.get("tested", 0) / n)
    assert found == expected


def test_the_ledger_is_that_of_sql(mirror: Mirror, demo_db_path: Path) -> None:
    """Expected, stored and missing rows of each stream are those of the tables themselves."""
    ledger = ta.completeness(mirror)
    for row in ledger[ledger["product_id"] != 0].to_dict("records"):
        if row["stream"] == "products":
            continue
        statement = f"select count(*) from {MAIN_TABLE[row['stream']].name} where product_id = ? and removed_at is null"
        assert query(demo_db_path, statement, [int(row["product_id"])]) == [(int(row["stored"]),)]
    missing = ledger[ledger["missing"] > 0]
    assert list(zip(missing["product"], missing["stream"], missing["missing"], strict=True)) == [
        ("Skerry Go", "tests", 1)
    ]


def test_what_stands_apart_is_that_of_sql(mirror: Mirror, demo_db_path: Path) -> None:
    """Removed features, test features without a known feature, and unknown statuses."""
    removed = query(demo_db_path, "select id from features where removed_at is not null order by 1")
    unlinked = query(
        demo_db_path,
        """select tf.id from test_features tf left join features f on f.id = tf.feature_id and f.removed_at is null
           where f.id is null order by 1""",
    )
    unknown_status = query(
        demo_db_path,
        """select status, count(*) from tests where status not in ('running', 'locked', 'archived', 'completed',
           'initialized', 'customer_finalized', 'waiting', 'cancelled') group by 1""",
    )

    assert sorted(ta.removed_features(mirror)["feature_id"]) == [row[0] for row in removed]
    assert sorted(ta.unlinked_test_features(mirror)["test_feature_id"]) == [row[0] for row in unlinked]
    found = ta.unknown_statuses(mirror)
    assert list(zip(found["status"], found["tests"], strict=True)) == unknown_status
