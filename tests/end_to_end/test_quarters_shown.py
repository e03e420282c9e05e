"""Quarters as people ask for them: in the terminal, of an account read over a real port."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path

import testio_analytics as ta
from serving import command, serving
from small_account import small_account


def test_reports_are_shown_by_quarter(tmp_path: Path) -> None:
    """The rows are whole quarters, with all tests and all bugs."""
    with serving(small_account()) as address:
        assert command("sync", "--db", "m.db", address=address, cwd=tmp_path).returncode == 0
    for report, name, count in (("trends", "label", "tests"), ("triage_by_month", "month", "total")):
        shown = command("show", report, "--by", "quarter", "--db", "m.db", "--format", "csv", cwd=tmp_path)
        rows = [*csv.DictReader(StringIO(shown.stdout.lstrip("\ufeff")))]
        months = getattr(ta, report)(ta.load_mirror(tmp_path / "m.db"))

        assert rows and all(re.fullmatch(r"\d{4}-Q[1-4]", row[name]) for row in rows), shown.stderr
        assert sum(int(row[count]) for row in rows) == months[count].sum() > 0
