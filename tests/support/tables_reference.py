"""Write the tables' reference into data/README.md: `python tests/support/tables_reference.py`.

Run it after a change of the schema; a test fails while the file says something else.
"""

from __future__ import annotations

from pathlib import Path

from testio_analytics.mirror.schema import ALL_TABLES, BOOKKEEPING, Table

PATH = Path(__file__).parents[2] / "data" / "README.md"
START = "<!-- What follows is written by tests/support/tables_reference.py. -->\n"


def reference() -> str:
    """Return the reference of all tables as Markdown: how they hang together, then one part for each."""
    shared = next(table for table in ALL_TABLES if table.is_mirrored)
    common = [f"| `{c.name}` | {c.kind} | {c.doc} |" for c in shared.columns if c.name in {*BOOKKEEPING, "raw_data"}]
    head = "Every mirrored table also has:\n\n| column | kind | meaning |\n| --- | --- | --- |\n" + "\n".join(common)
    return "\n\n".join([_contents(), head, *map(_part, ALL_TABLES)]) + "\n"


def _contents() -> str:
    rows = [f"| [`{t.name}`](#{t.name}) | {t.doc} | {_stream(t)} |" for t in ALL_TABLES]
    return "| table | holds | stream |\n| --- | --- | --- |\n" + "\n".join(rows)


def _stream(table: Table) -> str:
    return f"`{table.stream}`" if table.is_mirrored else "none: the sync's own records"


def _part(table: Table) -> str:
    hidden = {*BOOKKEEPING, "raw_data"} if table.is_mirrored else set()
    rows = [
        f"| `{column.name}` | {column.kind} | {column.doc} | {_link(table, column.name)} |"
        for column in table.columns
        if column.name not in hidden
    ]
    head = f"### {table.name}\n\n{table.doc} Loaded by `ta.load_{table.name}`.\n\n"
    return f"{head}| column | kind | meaning | key, link |\n| --- | --- | --- | --- |\n" + "\n".join(rows)


def _link(table: Table, name: str) -> str:
    column = next(column for column in table.columns if column.name == name)
    parts = ["key"] if name in table.key else []
    parts += [f"→ [`{column.references}`](#{column.references})"] if column.references else []
    return ", ".join(parts)


def with_reference(text: str) -> str:
    """Return the text of data/README.md with the reference as the schema says it."""
    before, found, _ = text.partition(START)
    assert found, "data/README.md does not say where the reference begins"
    return f"{before}{START}\n{reference()}"


if __name__ == "__main__":
    PATH.write_text(with_reference(PATH.read_text(encoding="utf-8")), encoding="utf-8")
