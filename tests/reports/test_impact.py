"""Impact weights: what is wrong with a file or a frame is said by line, and nothing of it is swallowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import testio_analytics as ta
from testio_analytics.errors import ReportError

HEADER = "feature_id,impact,owner,note\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a file of weights."""
    return tmp_path / "weights.csv"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'{HEADER}1,0.5,Ole,"not closed\n2,0.6,,\n3,0.7,,\n', r"line 2: no row can be read from here on"),
        (f'{HEADER}1,0.5,Ole,"not closed\n2,0.6,,\n3,0.7,,"closed"\n', r"line 2: no row can be read from here on"),
        (
            f'{HEADER}1,0.5,,\n2,0.5,Ole,"not closed\n3,0.6,,\n4,0.7,,"\n5,1,,\n',
            r"line 3: a text in quotes goes over lines",
        ),
        (f"{HEADER}1,0.5,Ole,{'x' * 131_073}\n", r"line 2: .* field larger than field limit"),
        (f"{HEADER}1,1,,\n2,0.5,Ole,fine, but no quotes\n", r"line 3: 5 cells, and the first line names 4"),
        ("feature_id,impact\n1,0,5\n", r"line 2: 3 cells.*with a point"),
        ("feature_id;impact\n1;0,5\n", r"line 2: impact is '0,5'"),
        ("feature_id,impact,impact\n1,0.1,0.9\n", r"has the column impact twice"),
        ("feature_id , impact,feature_id\n1,0.1,2\n", r"has the column feature_id twice"),
        ("feature_id,weight\n1,0.1\n", r"has the columns feature_id and weight; it needs feature_id and impact"),
        ("feature_id,impact\n1,0_1\n", r"line 2: impact is '0_1'"),
        ("feature_id,impact\n1,-0.1\n", r"line 2: impact is '-0.1'"),
        ("feature_id,impact\n1,\n", r"line 2: impact is ''"),
        ("feature_id,impact\n\n\n1.0,1\n", r"line 4: feature_id is '1.0'"),
        ("feature_id,impact\n9223372036854775808,1\n", r"line 2: feature_id"),
        ("feature_id,impact\n=1+1,1\n", r"line 2: feature_id is '=1\+1'"),
        ("feature_id,impact\n1,1\n\0\n", r"line 3: a NUL byte"),
        (f"{HEADER}1,1,M\xfcller,\n".encode("cp1252"), r"line 2: byte 0xfc is not UTF-8"),
        (HEADER.encode("utf-16"), r"line 1: byte 0xff is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_by_its_line(path: Path, content: str | bytes, said: str) -> None:
    """One message with file, line and value, and what to do."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ReportError, match=rf"^weights\.csv.*{said}") as raised:
        ta.read_impact(path)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_sound_files_are_read_as_they_are(path: Path, end: str, mark: str) -> None:
    """With or without a byte order mark, any line ends, texts in quotes over lines, empty rows, ids above 2^53."""
    big = 2**62 + 1
    text = f'{mark}{HEADER}{big},.5,Müller,"Pays, \n""the"" bills"\n,,,\n\n7, 1e-1 ,,\n'
    path.write_bytes(text.replace("\n", end).encode())
    found = ta.read_impact(path)
    assert found is not None
    assert found.weights["feature_id"].tolist() == [big, 7]
    assert found.weights["impact"].tolist() == [0.5, 0.1]
    assert found.weights["note"].tolist()[0] == 'Pays, "the" bills'


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame([[1, 0.1, 0.9]], columns=["feature_id", "impact", "impact"]), "has the column impact twice"),
        (pd.DataFrame({"feature_id": [1]}), "has the columns feature_id; it needs"),
        (pd.DataFrame({"feature_id": [True], "impact": [1.0]}), "row 1: feature_id is True"),
        (pd.DataFrame({"feature_id": [1], "impact": [True]}), "row 1: impact is True"),
        (pd.DataFrame({"feature_id": [1, 2], "impact": [1.0, None]}), "row 2: impact is nan"),
        (pd.DataFrame({"feature_id": [1, None], "impact": 1.0}), "row 2: feature_id is nan"),
        (pd.DataFrame({"feature_id": [1, 1], "impact": 1.0}), "row 2: feature 1 came before"),
    ],
)
def test_the_same_for_a_frame(frame: pd.DataFrame, said: str) -> None:
    """Its rows count from 1."""
    with pytest.raises(ReportError, match=f"^The DataFrame.*{said}"):
        ta.read_impact(frame)


@pytest.mark.parametrize("ids", [[2**62 + 1, 2**53 + 1], pd.array([2**62 + 1, 2**53 + 1], dtype="Int64")])
def test_ids_of_a_frame_are_exact(ids: Any) -> None:
    """Whole numbers beside decimal ones stay whole."""
    found = ta.read_impact(pd.DataFrame({"feature_id": ids, "impact": [0.5, 1.0]}))
    assert found is not None
    assert found.weights["feature_id"].tolist() == [2**62 + 1, 2**53 + 1]
