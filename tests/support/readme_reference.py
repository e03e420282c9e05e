"""Write the parts of the README that repeat the code: the tables.

Run it after a change (`python tests/support/readme_reference.py`); a test fails while the README says something else.
"""

from __future__ import annotations

import re
from pathlib import Path

from testio_analytics.mirror.schema import ALL_TABLES, BOOKKEEPING, Table

README = Path(__file__).parents[2] / "README.md"


def tables_part() -> str:
    """Return the table reference as Markdown."""
    parts = [_table_part(table) for table in ALL_TABLES]
    shared = next(table for table in ALL_TABLES if table.is_mirrored)
    common = [f"- `{c.name}`: {c.doc}" for c in shared.columns if c.name in {*BOOKKEEPING, "raw_data"}]
    head = "Every mirrored table also has:\n\n" + "\n".join(common)
    return "\n\n".join([head, *parts])


def _table_part(table: Table) -> str:
    hidden = {*BOOKKEEPING, "raw_data"} if table.is_mirrored else set()
    kind = f"mirrored by the stream `{table.stream}`" if table.is_mirrored else "ledger"
    rows = [
        f"| `{column.name}` | {column.kind}{' (key)' if column.name in table.key else ''} | {column.doc} |"
        for column in table.columns
        if column.name not in hidden
    ]
    title = f"<details><summary><code>{table.name}</code>: {table.doc}</summary>\n\n"
    head = f"Key: {', '.join(f'`{name}`' for name in table.key)}; {kind}; loaded by `ta.load_{table.name}`.\n\n"
    return f"{title}{head}| column | kind | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n\n</details>"


PARTS = {"tables": tables_part}


def with_parts(text: str) -> str:
    """Return the README's text with the parts as the code says them."""
    for name, part in PARTS.items():
        pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, found = pattern.subn(lambda match, part=part: f"{match[1]}{part()}{match[2]}", text)  # type: ignore[misc]
        assert found == 1, f"README.md has no part named {name}"
    return text


if __name__ == "__main__":
    README.write_text(with_parts(README.read_text()))
