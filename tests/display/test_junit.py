"""JUnit XML: it follows the schema that its readers share, whatever the texts of the API hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from testio_analytics.display.junit import junit_xml
from testio_analytics.reports.doubt_words import Doubt
from testio_analytics.reports.gate import Gate, Verdict

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "support" / "junit.xsd")
AT = pd.Timestamp("2026-06-30T06:00:00Z")
HOSTILE = "A & B <script>\"'\x1b[31m\x00\x0b￾]]>‮"


def _gate(*verdicts: Verdict) -> Gate:
    return Gate(verdicts, AT, 7)


def test_each_rule_is_a_case_and_its_outcome_an_element() -> None:
    """A failure for one that does not hold, an error for one that cannot be judged, neither for a pass."""
    doubt = Doubt("tests", "incomplete", 1, "Harbour", 1, ("page 5",))
    text = junit_xml(
        _gate(
            Verdict("untested <= 20", True, "3"),
            Verdict("recent_share >= 60 %", False, "50 % (1 of 2)"),
            Verdict("stale == 0", None, "0", "The tests of Harbour were not fully synced", (doubt,)),
        )
    )
    SCHEMA.validate(text)
    suite = ElementTree.fromstring(text)[0]
    outcomes = {case.attrib["name"]: [element.tag for element in case] for case in suite.iter("testcase")}

    assert outcomes == {"untested <= 20": [], "recent_share >= 60 %": ["failure"], "stale == 0": ["error"]}
    assert [suite.attrib[name] for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    properties = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert properties == {"report_date": AT.isoformat(), "run": "7", "since": "none"}
    told = "".join(suite.find("testcase/error").itertext())  # type: ignore[union-attr]  # it is there, as was just asked
    assert "The tests of Harbour were not fully synced (page 5)." in told
    assert "run: 7" in told


def test_a_gate_over_nothing_read_is_valid_as_well() -> None:
    """Without a report date there is no time stamp, and no run."""
    SCHEMA.validate(junit_xml(Gate((Verdict("untested <= 20", None, "unknown"),), None, None)))


@given(st.text(max_size=40) | st.just(HOSTILE), st.sampled_from([False, None]))
def test_no_text_breaks_the_document(text: str, holds: bool | None) -> None:
    """Markup, control characters, half characters and non-characters: it parses, and follows the schema."""
    doubt = Doubt("tests", "incomplete", 1, text, 1, (text,))
    document = junit_xml(_gate(Verdict(text, holds, text, text, (doubt,))))

    assert ElementTree.fromstring(document.encode())[0].attrib["tests"] == "1"
    SCHEMA.validate(document)
