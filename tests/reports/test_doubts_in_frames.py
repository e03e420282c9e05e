"""A report's frame carries what puts its figures in doubt, through copies and files."""

from __future__ import annotations

import pickle
from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import testio_analytics as ta
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.doubts import doubts_of
from testio_analytics.reports.registry import REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_carries_its_own_doubts(name: str, demo_frames: Mirror) -> None:
    """Not those of the report that it is made from; the changes carry those of both states."""
    frame = REPORTS[name].function(demo_frames)
    found = ta.changes_since(demo_frames).doubts if name == "changes" else doubts_of(demo_frames, name)

    assert frame.attrs == {"doubts": [f"{sentence}." for sentence in sentences(found)]}


def test_doubts_are_those_of_the_report_date(demo_frames: Mirror) -> None:
    """A past date brings doubts of its own."""
    now, past = ta.feature_catalog(demo_frames), ta.feature_catalog(demo_frames, as_of="2025-01-31")

    assert now.attrs["doubts"]
    assert now.attrs != past.attrs


def test_doubts_survive_what_people_do_with_a_frame(demo_frames: Mirror, tmp_path: Path) -> None:
    """Copies, selections, pickles and Parquet keep them; who changes them changes a copy only."""
    frame = ta.untested_features(demo_frames)
    said = deepcopy(frame.attrs)
    frame.to_parquet(tmp_path / "report.parquet")
    taken = [
        frame.copy(),
        frame[frame["stories"] > 0],
        frame[["product", "feature"]].sort_values("feature"),
        frame.assign(more=1),
        frame.merge(ta.feature_catalog(demo_frames)[["feature_id", "first_seen"]], on="feature_id"),
        pickle.loads(pickle.dumps(frame)),  # our own frame
        pd.read_parquet(tmp_path / "report.parquet"),
    ]
    for one in taken:
        assert one.attrs == said
        one.attrs["doubts"].append("mine")
    assert frame.attrs == said
    assert ta.untested_features(demo_frames).attrs == said


def test_frames_with_different_doubts_are_compared_and_joined(demo_frames: Mirror) -> None:
    """Doubts are no part of equality; where two frames differ in them, pandas keeps neither, and the rows keep theirs."""
    one, other = ta.coverage_by_product(demo_frames), ta.bugs_by_product(demo_frames)
    assert one.attrs != other.attrs
    bare = one.copy()
    bare.attrs = {}

    assert_frame_equal(one, bare)
    assert one.equals(bare)
    joined = one.merge(other[["product_id", "bugs"]], on="product_id")
    assert joined.attrs == {}
    assert joined["gap"].notna().any()
