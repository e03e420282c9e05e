"""Hypothesis strategies for what a hostile or broken API might answer."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SECRET = "s3cret-Pa55word"

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=12),  # lone surrogates included
    st.sampled_from(
        [
            "",
            "\x00",
            "\ud800",
            "a\udfffb",
            "\u202eevil",
            "<script>alert(1)</script>",
            "=cmd|' /C calc'!A0",
            "\x1b[31m",
            "x" * 5000,
            "\U0001f6a2",
            SECRET,
            f"log in with {SECRET} please",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, -1, 2**63 - 1, 2**63, 10**4000]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)

# Keys that scrubbing knows, in odd spellings, among those that it does not.
KEYS = st.one_of(
    st.sampled_from(
        [
            *("id", "title", "url", "name", "path", "feature_id", "user_stories", "features", "sections"),
            *("password", "Password", "USERNAME", "access", "Access", "environment_test_information"),
            *("test_environment", "Test_Environment", "attachments", "connection", "product", "section"),
            *("goal", "instructions", "created_by", "token", "thumbnail_urls", "author"),
        ]
    ),
    st.text(max_size=6),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)

IDS: st.SearchStrategy[Any] = st.one_of(
    st.integers(1, 6),  # few, so that the same one comes again
    st.sampled_from(["3", " 4 ", "007", "12x", "", "9" * 19, "9" * 20, "-5", "\u0663"]),
    st.sampled_from([None, True, False, 0, -3, 1.0, 2.5, float("nan"), 2**63 - 1, 2**63, 10**30, [], {}, [1]]),
)
"""Ids as they should be, and as they should not."""

TIMES = st.one_of(
    st.datetimes().map(lambda instant: instant.isoformat() + "+02:00"),
    st.sampled_from(
        [
            *("2026-06-30T08:00:00+02:00", "2026-06-30T06:00:00.123Z", "2026-06-30T06:00:00", "2026-06-30"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday", "", 1751263200, None),
        ]
    ),
    SCALARS,
)


def deep(levels: int) -> Any:
    """Return an object nested so many levels."""
    value: Any = SECRET
    for _ in range(levels):
        value = {"a": value}
    return value
