"""Write notebooks/README.md: the notebooks, the reports with their columns, and the definitions, as the code declares them.

Run it after a change (`python tests/support/notebooks_reference.py`); a test fails while the file says something else.
"""

from __future__ import annotations

import re
from pathlib import Path

from testio_analytics.pages.notebooks import read_notebook
from testio_analytics.reports.columns import Column, filled
from testio_analytics.reports.glossary import DEFINITIONS, band_definitions, definitions
from testio_analytics.reports.registry import QUESTIONS, REPORTS, Report

FOLDER = Path(__file__).parents[2] / "notebooks"
README = FOLDER / "README.md"
SUBJECTS = {
    "coverage": "Coverage",
    "bugs": "Bugs",
    "results": "Results of features",
    "stories": "Stories",
    "triage": "Triage",
    "planning": "The next tests",
    "changes": "Changes",
    "data": "Data",
}
HEAD = """# Notebooks, reports and definitions

The notebooks of this folder answer one question each, with the reports below; the [definitions](#definitions) say what
their figures mean. To try them: `testio-analytics notebooks work`, then `jupyter lab work`. They read your database
(`data/testio.db`, or `TESTIO_DB_PATH`); the outputs stored here are those of the fictional demo account. Thresholds, like
the 180 days after which a feature is stale, are the defaults; each notebook's parameters cell changes them.

Written by `tests/support/notebooks_reference.py` from the declarations in `testio_analytics/reports`: change those, not
this file.
"""
INTRO = """
Each is a command (`testio-analytics show NAME`), a function (`ta.NAME(mirror)`) and a file of `export`, with the same
rows; the terminal shows the columns that matter most, `--format csv` and `json` all of them. "Rests on" names the data
sets that a report is computed from: a gap in one of them is a gap of the report (`statuses` is whether every test's
status is known). Where there is a gap, a message names it and a count is the lowest possible one; a column "at most"
holds the highest, where the report has one.

| kind | values | dtype |
| --- | --- | --- |
| id | a number that names something | `Int64` |
| text | text for people | `str` |
| state | one of a few words | `category`, or `str` where the words come from the API |
| count | a whole number; empty means unknown, except for ranks and proposed tests | `Int64` |
| days | whole days | `Int64` |
| share | a part of a whole, 0 to 1; shown as per cent | `Float64` |
| rate | another number | `Float64` |
| time | a time in UTC | `datetime64[us, UTC]` |
| flag | true, false, or empty where neither is known | `boolean` |
"""


def reference() -> str:
    """Return the whole file."""
    parts = [
        HEAD,
        "## Notebooks\n",
        *map(_notebook, sorted(FOLDER.glob("*.ipynb"))),
        "\n## Reports",
        INTRO.rstrip("\n"),
    ]
    parts += [_question(question) for question in QUESTIONS]
    return "\n".join([*parts, *_definitions()]).rstrip("\n") + "\n"


def _notebook(path: Path) -> str:
    first = next(cell.source for cell in read_notebook(path).cells if cell.cell_type == "markdown")
    title, question = re.fullmatch(r"# (.+)\n> (.+)", first.strip()).groups()  # type: ignore[union-attr]
    return f"- [{title}]({path.name}): {question}"


def _question(question: str) -> str:
    reports = [report for report in REPORTS.values() if report.question == question]
    return "\n".join([f"\n### {question}\n", *map(_report, reports)])


def _report(report: Report) -> str:
    rows = "\n".join(map(_column, report.columns))
    return (
        f"<details><summary><code>{report.name}</code>: {report.title}</summary>\n\n{report.grain} "
        f"Rests on: {', '.join(report.streams)}.\n\n| column | label | kind | meaning |\n| --- | --- | --- | --- |\n{rows}\n\n"
        "</details>\n"
    )


def _column(column: Column) -> str:
    kind = f"{column.kind}, {column.unit}" if column.unit not in ("", column.kind) else column.kind
    return f"| `{column.name}` | {filled(column.label)} | {kind} | {filled(column.meaning)} |"


def _definitions() -> list[str]:
    parts = ["\n## Definitions"]
    for subject in DEFINITIONS:
        parts.append(f"\n### {SUBJECTS[subject]}\n")
        parts += [f"- **{term}.** {meaning}" for term, meaning in definitions(subject)]
        if subject == "triage":
            parts += [f"- **{rate}, band.** {words[0].upper()}{words[1:]}." for rate, words in band_definitions()]
    return parts


if __name__ == "__main__":
    README.write_text(reference(), encoding="utf-8")
