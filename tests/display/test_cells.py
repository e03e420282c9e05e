"""How one value reads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from testio_analytics.display import cells
from testio_analytics.errors import ReportError


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"),
        (False, "no"),
        (1709, "1,709"),
        (-1709, "-1,709"),
        (3.14159, "3.14"),
        (2.0, "2"),
        (0.001, "0.001"),
        (1e6 + 0.5, "1,000,000.50"),
        (float("-inf"), "-∞"),
        (datetime(2025, 12, 8, 23, 59, tzinfo=UTC), "8 Dec 2025"),
        (datetime(2025, 12, 9, 0, 59, tzinfo=timezone(timedelta(hours=2))), "8 Dec 2025"),
        (datetime(2025, 12, 8, 23, 59), "8 Dec 2025"),  # noqa: DTZ001  naive is UTC here
        (date(2025, 12, 8), "8 Dec 2025"),
        ("a\x00", "a␀"),
    ],
)
def test_values_read_as_people_write_them(value: object, said: str) -> None:
    """Truth, counts, numbers, days and text each have one form."""
    assert cells.value_words(value) == said


def test_ids_are_not_grouped() -> None:
    """A product number is a name: 21362, not 21,362."""
    assert cells.value_words(21362, column="product_id") == "21362"
    assert cells.value_words(21362, column="tests") == "21,362"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.0001, "<1 %"), (0.26, "26 %"), (0.994, "99 %"), (0.9999, ">99 %"), (1, "100 %")],
)
def test_a_share_is_never_rounded_to_none_or_all(share: float, said: str) -> None:
    """Only nothing reads 0 %, and only everything 100 %."""
    assert cells.share_words(share) == said.replace(" ", "\u00a0")


@pytest.mark.parametrize("share", [-0.1, 1.01, 26.0, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    """26 for 26 % would read 2600 %: it is an error."""
    with pytest.raises(ReportError, match="between 0 and 1"):
        cells.share_words(share)


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        ([1, None], "Int64", "number"),
        ([1.5], "Float64", "number"),
        ([True, None], "boolean", "truth"),
        (["a"], "str", "text"),
        ([pd.Timestamp("2026-01-01", tz="UTC")], "datetime64[us, UTC]", "time"),
        (["a"], "category", "text"),
        ([1, None], object, "number"),
        ([True, None], object, "truth"),
        ([date(2026, 1, 1)], object, "time"),
        ([1, "a"], object, "text"),
        ([None], object, "text"),
    ],
)
def test_the_kind_of_a_column_follows_its_dtype(values: list[Any], dtype: Any, kind: str) -> None:
    """Alignment and sorting go by the dtype, and for plain objects by what is in them."""
    assert cells.kind_of(pd.Series(values, dtype=dtype)) == kind


def test_a_missing_value_is_a_dash_or_unknown_and_never_zero() -> None:
    """Which of the two is said by the column."""
    for missing in (None, pd.NA, pd.NaT, float("nan")):
        assert cells.cell_words(missing, "bugs", shares=(), unknown=()) == "–"
        assert cells.cell_words(missing, "bugs", shares=(), unknown={"bugs"}) == "unknown"


def test_a_named_index_becomes_columns_and_bad_names_are_refused() -> None:
    """No column is lost, none is doubled, and a missing one is named together with those there are."""
    frame = pd.DataFrame({"n": [1]}, index=pd.Index(["a"], name="product"))

    assert list(cells.checked_frame(frame).columns) == ["product", "n"]
    with pytest.raises(ReportError, match="no column state; it has: product, n"):
        cells.checked_frame(frame, ["state"])
    with pytest.raises(ReportError, match="differ"):
        cells.checked_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ReportError, match="text"):
        cells.checked_frame(pd.DataFrame([[1]]))
