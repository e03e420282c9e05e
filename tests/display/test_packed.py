"""Text packed into a page, and found there again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.display.packed import packed, unpacked
from testio_analytics.errors import ReportError


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3))
def test_what_is_packed_is_found_again(texts: list[str]) -> None:
    """Every text comes back from the page that holds it, and packing it twice gives the same letters."""
    page = "".join(f'<div data-rows="{packed(text)}"></div>' for text in texts)

    assert list(unpacked(page)) == texts
    assert [packed(text) for text in texts] == [packed(text) for text in texts]


@pytest.mark.parametrize("cut", [8, 30])
def test_what_cannot_be_read_back_is_an_error(cut: int) -> None:
    """Nobody could tell what it holds."""
    with pytest.raises(ReportError, match="cannot be read back"):
        list(unpacked(f'"{packed("x" * 100)[:cut]}"'))
