"""What people meet while typing in a notebook: the names that a Tab offers, and what a question mark says."""

from __future__ import annotations

import subprocess
import sys
from inspect import getdoc
from pathlib import Path
from typing import Any

import jedi
import pytest

import testio_analytics as ta
from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ALL_TABLES, Table
from testio_analytics.reports.columns import filled
from testio_analytics.reports.registry import REPORTS

COMPLETE = """
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
import testio_analytics as ta
ta.untested_features, ta.plot_states, ta.make_pages  # what was used has loaded its modules
shell = InteractiveShell(user_ns={"ta": ta})
for shell.Completer.use_jedi in (True, False):
    with provisionalcompleter():
        print(*sorted(one.text.removeprefix(".") for one in shell.Completer.completions("ta.", 3)))
"""


@pytest.mark.slow
def test_a_tab_offers_the_public_names_and_nothing_else(tmp_path: Path) -> None:
    """Neither modules nor imports, with both ways in which IPython completes, also after modules were loaded."""
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(Path(ta.__file__).parents[1])},
    )

    assert [line.split() for line in done.stdout.splitlines()] == [sorted(ta.__all__)] * 2


def test_an_editor_offers_the_public_names_and_the_modules() -> None:
    """Without running anything; the modules of a package are always among them, and nothing that it imports."""
    offered = {one.name for one in jedi.Script("import testio_analytics as ta\nta.").complete()}
    modules = {path.stem for path in Path(ta.__file__).parent.iterdir()}

    assert {*ta.__all__} <= offered
    assert {name for name in offered - {*ta.__all__} - modules if not name.startswith("_")} == set()


def test_a_tab_on_a_mirror_offers_what_it_documents(demo_frames: Mirror) -> None:
    """Tables and methods, also after reports were made of it."""
    ta.untested_features(demo_frames, as_of="2026-05-31")
    shown = {name for name in dir(demo_frames) if not name.startswith("_")}

    assert {table.name for table in ALL_TABLES} <= shown
    assert shown == {name for name in dir(Mirror) if not name.startswith("_")} | {*Mirror.__dataclass_fields__}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_its_rows_and_columns(name: str) -> None:
    """Each column with its label, kind and meaning, as declared."""
    text = getdoc(REPORTS[name].function) or ""

    assert f"Rows: {REPORTS[name].grain}" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for column in REPORTS[name].columns:
        assert f"{column.name} {filled(column.label)} ({column.kind}): {filled(column.meaning)}" in lines


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_a_loader_says_its_columns(table: Table, demo_db_path: Any) -> None:
    """All that its frame has, in its order."""
    load = getattr(ta, f"load_{table.name}")
    listed = (getdoc(load) or "").split("Columns:\n", 1)[1].split("\n\n", 1)[0]

    assert [line.split()[0] for line in listed.splitlines()] == [*load(demo_db_path).columns]
