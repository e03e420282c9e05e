"""The headline figures once more, as SQL on the mirror's file: to paste into ``sqlite3`` or Datasette.

The parts below are common table expressions that follow the definitions; a query names the last part that it needs, and
gets those before it. The tests compare what they return with the reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from string import Template

import pandas as pd

from testio_analytics.api.vocabulary import EXECUTED, NEITHER, PLANNED
from testio_analytics.frames.instants import EARLIEST, LONGEST_AHEAD, checked_days
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.facts import LAPSED_AFTER

_PARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "product": (
        (),
        "SELECT id FROM products WHERE removed_at IS NULL$only",
    ),
    "test": (
        (),
        """SELECT id, product_id, status, testing_type, coalesce(not_said, '') AS not_said, end_at AS said_end,
    CASE WHEN start_at BETWEEN '$earliest' AND '$latest' THEN start_at END AS start_at,
    CASE WHEN end_at BETWEEN '$earliest' AND '$latest' THEN end_at END AS end_at
  FROM tests WHERE removed_at IS NULL""",
    ),
    "dated_test": (
        ("test",),
        """SELECT id, product_id, testing_type, not_said,
    status = 'running' AND NOT coalesce(start_at > '$at', 0) AS is_running,
    CASE
      WHEN status = 'running' AND NOT coalesce(start_at > '$at', 0) THEN 'executed'
      WHEN status IN ($executed) THEN iif(coalesce(end_at, start_at) > '$at', 'later', 'executed')
      WHEN status IN ($planned) THEN iif(coalesce(end_at, start_at) < '$lapsed', 'lapsed', 'planned')
      WHEN status IN ($neither) THEN 'neither'
      ELSE 'unknown'
    END AS counts_as,
    iif(status = 'running', min(coalesce(end_at, start_at), '$at'), coalesce(end_at, start_at)) AS at,
    coalesce(end_at, start_at) IS NOT NULL AND (end_at IS NOT NULL OR said_end IS NULL) AS is_dated
  FROM test""",
    ),
    "scope": (
        (),
        """SELECT DISTINCT test_id, feature_id FROM test_features
  WHERE removed_at IS NULL AND feature_id IS NOT NULL""",
    ),
    "silent_test": (
        ("dated_test",),
        """SELECT id, product_id, counts_as, at FROM dated_test t
  WHERE counts_as IN ('executed', 'unknown') AND (testing_type IS NOT NULL OR not_said LIKE '%testing_type%')
    AND (',' || not_said || ',' LIKE '%,features,%' OR EXISTS (
      SELECT 1 FROM test_features f WHERE f.test_id = t.id AND f.removed_at IS NULL AND f.feature_id IS NULL))""",
    ),
    "with_missing_tests": (
        (),
        """SELECT id AS product_id FROM (SELECT id FROM products UNION SELECT product_id FROM test_features) p
  WHERE NOT EXISTS (SELECT 1 FROM stream_states s WHERE s.product_id = p.id AND s.stream = 'tests'
      AND s.is_complete AND s.last_complete_run_id IN ($current_runs))
    OR EXISTS (SELECT 1 FROM sync_gaps g WHERE g.stream = 'tests' AND g.closed_at IS NULL
      AND coalesce(g.product_id, p.id) = p.id)""",
    ),
    "in_doubt": (
        ("with_missing_tests",),
        """SELECT product_id FROM with_missing_tests UNION
  SELECT f.product_id FROM test_features t JOIN features f ON f.id = t.feature_id
  WHERE t.removed_at IS NULL AND t.product_id IN (SELECT product_id FROM with_missing_tests)""",
    ),
    "covering": (
        ("dated_test", "scope"),
        """SELECT s.feature_id,
    sum(t.counts_as = 'executed') AS executed, sum(t.counts_as = 'planned') AS planned,
    sum(t.counts_as = 'unknown') AS of_unknown_status,
    max(iif(t.counts_as = 'executed', t.at, NULL)) AS last_tested_at,
    max(t.counts_as = 'executed' AND NOT t.is_dated) AS is_undated,
    max(t.counts_as = 'unknown' AND NOT coalesce(t.at < '$oldest', 0)) AS may_be_recent
  FROM scope s JOIN dated_test t ON t.id = s.test_id GROUP BY s.feature_id""",
    ),
    "feature_state": (
        ("product", "silent_test", "in_doubt", "covering"),
        """SELECT f.id, f.product_id,
    CASE
      WHEN c.last_tested_at >= '$oldest' THEN 'tested'
      WHEN c.executed > 0 THEN 'stale'
      WHEN c.of_unknown_status > 0 OR f.product_id IN (SELECT product_id FROM in_doubt)
        OR f.product_id IN (SELECT product_id FROM silent_test) THEN 'unknown'
      WHEN c.planned > 0 THEN 'planned'
      ELSE 'untested'
    END AS state,
    NOT coalesce(c.last_tested_at >= '$oldest', 0) AND (coalesce(c.may_be_recent OR c.is_undated, 0)
      OR f.product_id IN (SELECT product_id FROM in_doubt)
      OR f.product_id IN (SELECT product_id FROM silent_test WHERE NOT coalesce(at < '$oldest', 0))) AS may_be_recent
  FROM features f LEFT JOIN covering c ON c.feature_id = f.id
  WHERE f.removed_at IS NULL AND f.product_id IN (SELECT id FROM product)""",
    ),
    "bug": (
        ("product", "dated_test"),
        """SELECT b.id, b.product_id, b.feature_id, b.severity, b.status, t.counts_as, t.is_running,
    iif(t.at > '$at', '$at', t.at) AS at,
    CASE
      WHEN b.status = 'accepted' AND b.auto_accepted IS NULL AND (coalesce(b.not_said, '') LIKE '%auto_accepted%'
        OR NOT EXISTS (SELECT 1 FROM bugs o WHERE o.status = 'accepted' AND o.auto_accepted IS NOT NULL
          AND o.removed_at IS NULL)) THEN 'accepted_unclear'
      WHEN b.status = 'accepted' THEN iif(b.auto_accepted, 'auto_accepted', 'active_accepted')
      WHEN b.status = 'rejected' THEN 'rejected'
      WHEN b.status = 'forwarded' THEN 'open'
      ELSE 'other'
    END AS outcome
  FROM bugs b LEFT JOIN dated_test t ON t.id = b.test_id
  WHERE b.removed_at IS NULL AND b.product_id IN (SELECT id FROM product)
    AND (b.test_id IS NULL OR t.counts_as <> 'later')""",
    ),
    "read_test": (
        ("test",),
        """SELECT r.test_id, r.stream, r.run_id FROM test_reads r JOIN test t ON t.id = r.test_id
  WHERE r.is_complete AND coalesce(r.status, '') = coalesce(t.status, '')""",
    ),
    "run_word": (
        (),
        """SELECT e.test_id, e.user_story_version_id, min(CASE e.status
      WHEN 'failed' THEN 0 WHEN 'blocked' THEN 1 WHEN 'passed' THEN 2 END) AS weight
  FROM executions e WHERE e.removed_at IS NULL AND e.test_id IN (
    SELECT x.test_id FROM test_reads x JOIN test_reads r ON r.test_id = x.test_id AND r.stream = 'results'
    WHERE x.stream = 'executions' AND x.is_complete AND r.is_complete AND x.run_id >= r.run_id)
  GROUP BY e.test_id, e.user_story_version_id""",
    ),
    "with_single_runs": (
        (),
        """SELECT x.test_id FROM test_reads x JOIN test_reads r ON r.test_id = x.test_id AND r.stream = 'results'
  WHERE x.stream = 'executions' AND x.is_complete AND r.is_complete AND x.run_id >= r.run_id""",
    ),
    "story_result": (
        ("dated_test", "run_word", "with_single_runs"),
        """SELECT s.user_story_id, s.test_id, t.at,
    CASE
      WHEN s.test_id IN (SELECT test_id FROM with_single_runs) AND s.user_story_version_id IS NOT NULL
        THEN CASE w.weight WHEN 0 THEN 'failed' WHEN 1 THEN 'blocked' WHEN 2 THEN 'passed' ELSE 'not_tested' END
      WHEN s.execution_status = 'failed' AND s.bugs_found IS NOT 0 AND s.tested_by_count = 0 THEN 'not_tested'
      ELSE coalesce(s.execution_status, '')
    END AS status
  FROM test_user_stories s JOIN dated_test t ON t.id = s.test_id AND t.counts_as = 'executed'
  LEFT JOIN run_word w ON w.test_id = s.test_id AND w.user_story_version_id = s.user_story_version_id
  WHERE s.removed_at IS NULL""",
    ),
    "newest_result": (
        ("story_result",),
        """SELECT user_story_id, status, at FROM (
    SELECT *, row_number() OVER (PARTITION BY user_story_id ORDER BY at IS NULL, at DESC, test_id DESC,
      CASE status WHEN 'failed' THEN 0 WHEN 'blocked' THEN 1 WHEN 'passed' THEN 2 ELSE -1 END) AS place
    FROM story_result WHERE status <> 'not_tested') WHERE place = 1""",
    ),
    "unread_test": (
        ("dated_test", "read_test"),
        """SELECT id, product_id, counts_as, coalesce(at, '$at') AS at FROM dated_test
  WHERE id NOT IN (SELECT test_id FROM read_test WHERE stream = 'results')""",
    ),
    "hiding": (
        ("dated_test", "scope", "unread_test"),
        """SELECT s.feature_id,
    max(iif(u.counts_as = 'executed', u.at, NULL)) AS unread_at,
    max(iif(t.counts_as = 'unknown', coalesce(t.at, '$at'), NULL)) AS unknown_at,
    max(t.counts_as = 'executed') AS is_executed
  FROM scope s JOIN dated_test t ON t.id = s.test_id LEFT JOIN unread_test u ON u.id = t.id GROUP BY s.feature_id""",
    ),
    "silent_product": (
        ("silent_test", "unread_test"),
        """SELECT product_id, max(iif(counts_as = 'unknown' OR id IN (SELECT id FROM unread_test),
      coalesce(at, '$at'), NULL)) AS hidden_at FROM silent_test GROUP BY product_id""",
    ),
    "story": (
        ("product", "in_doubt", "newest_result", "hiding", "silent_product"),
        """SELECT u.id, r.status, r.at, h.unread_at, h.unknown_at, q.hidden_at,
    u.product_id IN (SELECT product_id FROM in_doubt) AS in_doubt,
    u.feature_id IS NULL AND u.product_id IN (
      SELECT product_id FROM unread_test WHERE counts_as = 'executed') AS is_anywhere,
    coalesce(h.is_executed, 0) OR u.id IN (SELECT user_story_id FROM story_result) AS was_in_scope,
    q.product_id IS NOT NULL AS is_of_silent
  FROM user_stories u LEFT JOIN newest_result r ON r.user_story_id = u.id
  LEFT JOIN hiding h ON h.feature_id = u.feature_id LEFT JOIN silent_product q ON q.product_id = u.product_id
  WHERE u.removed_at IS NULL AND u.product_id IN (SELECT id FROM product)""",
    ),
    "story_state": (
        ("story",),
        """SELECT *,
    CASE
      WHEN unread_at IS NOT NULL AND NOT coalesce(at > unread_at, 0) THEN 'unknown'
      WHEN status NOT IN ('failed', 'blocked', 'passed') THEN 'unknown'
      WHEN status IS NULL AND (in_doubt OR unknown_at IS NOT NULL OR is_anywhere
        OR (is_of_silent AND NOT was_in_scope)) THEN 'unknown'
      WHEN status IS NOT NULL THEN status
      WHEN was_in_scope THEN 'in scope, not run'
      ELSE 'never in scope'
    END AS state
  FROM story""",
    ),
    "judged_story": (
        ("story_state",),
        """SELECT state, state = 'unknown' OR in_doubt OR is_anywhere OR (status IS NOT NULL AND at IS NULL)
      OR (unknown_at IS NOT NULL AND NOT coalesce(at > unknown_at, 0))
      OR (hidden_at IS NOT NULL AND NOT coalesce(at > hidden_at, 0)) AS may_differ
  FROM story_state""",
    ),
}
"""Each part with the parts it needs, in an order in which those come first."""


def query(
    mirror: Mirror,
    select: str,
    parts: Iterable[str],
    *,
    stale_after: float = 180,
    matures_after: float = 10,
    more: Mapping[str, str],
) -> str | None:
    """Return the query that gives a figure on the file, with all values written out; None where there is none.

    It holds for the file as it was after the run that it names. There is none for a date between two runs.

    Args:
        mirror: what was read.
        select: the last statement, on the parts.
        parts: the parts that it names.
        stale_after: the threshold of that name, in days.
        matures_after: the same.
        more: other values that the statement names.
    """
    if mirror.as_of is None or mirror.as_of != mirror.runs.as_of:
        return None
    at = mirror.as_of
    only = "" if mirror.product_ids is None else f" AND id IN ({', '.join(map(str, mirror.product_ids))})"
    values = {
        "at": at.isoformat(),
        "only": only,
        "earliest": EARLIEST.isoformat(),
        "latest": (at + LONGEST_AHEAD).isoformat(),
        "lapsed": (at - checked_days("lapsed_after", LAPSED_AFTER)).isoformat(),
        "oldest": (at - checked_days("stale_after", stale_after)).isoformat(),
        "mature": (at - checked_days("matures_after", matures_after)).isoformat(),
        "current_runs": ", ".join(map(str, _current_runs(mirror, at))),
        "executed": _words(EXECUTED),
        "planned": _words(PLANNED),
        "neither": _words(NEITHER),
        **more,
    }
    needed = [name for name in _PARTS if name in _with_needs(parts)]
    text = ",\n".join(f"{name} AS (\n  {_PARTS[name][1]}\n)" for name in needed)
    state = f"-- On the file as it was after sync run {mirror.run_id}.\n"
    return state + Template(f"WITH {text}\n{select};").substitute(values)


def _with_needs(parts: Iterable[str]) -> frozenset[str]:
    found = frozenset(parts)
    more = found.union(*(_PARTS[name][0] for name in found))
    return found if more == found else _with_needs(more)


def _current_runs(mirror: Mirror, at: pd.Timestamp) -> list[int]:
    """Return the runs whose reads reach up to the report date."""
    return [run for run in {*mirror.runs.ends, *mirror.runs.wrong} if mirror.runs.until(run) == at]


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)
