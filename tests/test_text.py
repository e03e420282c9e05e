"""Text made safe for where it is shown, and shortened."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.errors import UnknownValueError
from testio_analytics.text import clean, for_html, length_of_time, short

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_clean_text_can_be_written_and_obeys_nobody(text: str) -> None:
    """Nothing is left that a terminal, a browser or an encoder would act on; cleaning twice changes nothing."""
    cleaned = clean(text)

    cleaned.encode("utf-8")
    assert not [c for c in cleaned if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"]
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufffe")
    assert clean(cleaned) == cleaned


@given(st.text(st.characters(exclude_categories=("C", "Z")), max_size=60))
def test_clean_leaves_ordinary_text_alone(text: str) -> None:
    """Letters, marks, signs and emoji of any script stay as they are."""
    assert clean(text) == text


def test_control_characters_become_visible() -> None:
    """NUL and escape show as their pictures, and a Windows line end as a line end."""
    assert clean("a\x00b\x1b[31m\r\nc\x7f\x9b") == "a␀b␛[31m\nc␡\ufffd"


@given(ANY_TEXT, st.integers(2, 30))
def test_a_shortened_text_is_never_longer_and_says_that_it_was_cut(text: str, limit: int) -> None:
    """The limit holds, a short text is untouched, and what is cut ends with an ellipsis."""
    cut = short(text, limit)

    assert len(cut) <= limit
    assert cut == text if len(text) <= limit else cut.endswith("…")


CLUSTERS = {"accent": "e\u0301", "joiner": "👩\u200d🚀", "tone": "👍🏽", "vowel": "\u0915\u093f"}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS)
def test_a_text_is_not_cut_inside_a_character(cluster: str) -> None:
    """Whatever the limit, a cluster stands whole or not at all."""
    text = cluster * 10

    for limit in range(len(cluster) + 2, len(text)):
        kept = short(text, limit).removesuffix("…")
        assert kept == cluster * (len(kept) // len(cluster))


def test_text_in_html_is_escaped_and_cleaned() -> None:
    """Markup and quotes become text, and control characters visible."""
    assert for_html('<b a="x">\x1b&') == "&lt;b a=&quot;x&quot;&gt;␛&amp;"


def test_length_of_time() -> None:
    """A number with one of five units; a year has 365 days, and nothing else is understood."""
    lengths = [length_of_time(text) for text in ("90m", "24h", "7d", "2W", " 2y ")]

    assert lengths == [timedelta(minutes=90), *(timedelta(days=days) for days in (1, 7, 14, 730))]
    for nonsense in ("", "2", "0y", "-1d", "1.5d", "2 y", "101y", "2mo"):
        with pytest.raises(UnknownValueError):
            length_of_time(nonsense)
