"""Write the reference of reports and definitions into notebooks/README.md: `python tests/support/reports_reference.py`.

Run it after a change; a test fails while the file says something else.
"""

from __future__ import annotations

import re
from pathlib import Path

from testio_analytics.reports.glossary import definitions
from testio_analytics.reports.registry import descriptions

PATH = Path(__file__).parents[2] / "notebooks" / "README.md"


def reports_part() -> str:
    """Return the list of reports as Markdown."""
    rows = [f"| `{name}` | {text} |" for name, text in descriptions().items()]
    return "| report | shows |\n| --- | --- |\n" + "\n".join(rows)


def definitions_part() -> str:
    """Return the definitions as Markdown."""
    return "\n".join(f"- **{term}.** {meaning}" for term, meaning in definitions())


PARTS = {"reports": reports_part, "definitions": definitions_part}


def with_parts(text: str) -> str:
    """Return the text of notebooks/README.md with the parts as the code says them."""
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda match, part=part: f"{match[1]}{part()}{match[2]}", text)  # type: ignore[misc]
        assert found == 1, f"notebooks/README.md has no part named {name}"
    return text


if __name__ == "__main__":
    PATH.write_text(with_parts(PATH.read_text(encoding="utf-8")), encoding="utf-8")
