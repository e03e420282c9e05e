"""The words that Test IO uses for states and kinds, and which of them belong together."""

from __future__ import annotations

EXECUTED = ("running", "locked", "archived", "completed")
"""The statuses of a test that testers work on or worked on."""

PLANNED = ("initialized", "customer_finalized", "waiting")
"""The statuses of a test that is yet to begin."""

NEITHER = ("cancelled",)
"""The statuses of a test that never ran and never will."""

WITHOUT_RESULTS = (*PLANNED, *NEITHER)
"""The statuses of a test in which nobody can have run anything yet, or ever."""

IMMUTABLE = ("archived", "cancelled")
"""The statuses in which nothing of a test changes any more."""

FUNCTIONAL_SEVERITIES = ("critical", "high", "low")
BUG_KINDS = ("visual", "content", "suggestion", "custom")
OLDER_BUG_KINDS = ("spelling", "test_case")
SEVERITIES = (*FUNCTIONAL_SEVERITIES, *BUG_KINDS)
"""What stands in the field `severity` of a bug, the most severe first; older accounts know two kinds more."""

BUG_STATUSES = ("accepted", "rejected", "forwarded", "question", "submitted", "manager_approved")

STORY_STATUSES = ("failed", "blocked", "passed", "not_tested")
"""The words for the result of a story in a test, the one that weighs most first."""
