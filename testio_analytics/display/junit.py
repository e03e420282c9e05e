"""The verdicts of a gate as JUnit XML, as Jenkins, GitLab and the actions of GitHub read it."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from testio_analytics.reports.doubt_words import sentences
from testio_analytics.reports.gate import VERDICTS, Gate, Verdict
from testio_analytics.text import clean, one_line

SUITE = "testio-analytics gate"
ELEMENTS = {False: "failure", None: "error"}
"""What stands in the case of a rule that does not hold, and of one that cannot be judged."""


def junit_xml(gate: Gate) -> str:
    """Return the verdicts as a document in UTF-8: a case for each rule, in their order.

    Report date and run stand in the properties of the suite, and again in the text of each case that is no pass, for
    readers which show no properties.
    """
    counts = {
        "tests": str(len(gate.verdicts)),
        "failures": str(sum(one.holds is False for one in gate.verdicts)),
        "errors": str(sum(one.holds is None for one in gate.verdicts)),
    }
    suites = Element("testsuites", {"name": SUITE, **counts, "time": "0"})
    when = {} if gate.as_of is None else {"timestamp": gate.as_of.strftime("%Y-%m-%dT%H:%M:%S")}
    suite = SubElement(suites, "testsuite", {"name": SUITE, **counts, "skipped": "0", "time": "0", **when})
    facts = _facts(gate)
    listed = SubElement(suite, "properties")
    for name, value in facts.items():
        SubElement(listed, "property", {"name": name, "value": value})
    for verdict in gate.verdicts:
        _add_case(suite, verdict, facts)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _facts(gate: Gate) -> dict[str, str]:
    return {
        "report_date": "unknown" if gate.as_of is None else gate.as_of.isoformat(),
        "run": "none" if gate.run_id is None else str(gate.run_id),
        "since": "none" if gate.since is None else gate.since.isoformat(),
    }


def _add_case(suite: Element, verdict: Verdict, facts: dict[str, str]) -> None:
    name = one_line(verdict.rule)
    case = SubElement(suite, "testcase", {"name": name, "classname": "testio_analytics.gate", "time": "0"})
    if verdict.holds:
        return
    kind = VERDICTS[verdict.holds]
    told = SubElement(case, ELEMENTS[verdict.holds], {"type": kind, "message": verdict.line})
    details = [verdict.line, *(f"{one}." for one in sentences(verdict.doubts))]
    told.text = clean("\n".join([*details, *(f"{key}: {value}" for key, value in facts.items())]))
