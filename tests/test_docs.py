"""The README says what the code does: commands, tables, reports, definitions, settings."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import notebooks_reference
import testio_analytics as ta
from readme_reference import README, with_parts
from testio_analytics import config
from testio_analytics.cli import cli
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.reports.registry import REPORTS

TEXT = README.read_text()


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_in_the_readme_and_teaches(name: str) -> None:
    """A command has a line in the README, and a help page with a sentence for itself and each option."""
    assert f"`{name}" in TEXT
    command = cli.commands[name]
    page = CliRunner().invoke(cli, [name, "--help"])

    assert page.exit_code == 0
    assert command.help
    assert all(getattr(option, "help", "text") for option in command.params if option.param_type_name == "option")


@pytest.mark.parametrize("table", [table.name for table in ALL_TABLES])
def test_every_table_is_in_the_readme_and_has_a_loader(table: str) -> None:
    """A table is described, and `ta.load_<table>` loads it."""
    assert f"<code>{table}</code>" in TEXT
    assert callable(getattr(ta, f"load_{table}"))


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_every_report_is_a_function_of_its_name(name: str) -> None:
    """A report has the same name in `show` and in Python."""
    assert getattr(ta, name) is REPORTS[name].function


def test_every_setting_is_in_the_readme() -> None:
    """The names of the settings are promises."""
    for name in (config.TOKEN_VARIABLE, config.BASE_URL_VARIABLE, config.DB_PATH_VARIABLE, config.DEFAULT_BASE_URL):
        assert name in TEXT


def test_reference_parts_are_those_of_the_code() -> None:
    """The tables in the README are generated; run `python tests/support/readme_reference.py` to mend."""
    assert with_parts(TEXT) == TEXT


def test_the_reference_of_notebooks_and_reports_is_that_of_the_code() -> None:
    """notebooks/README.md is generated; run `python tests/support/notebooks_reference.py` to mend."""
    assert notebooks_reference.README.read_text(encoding="utf-8") == notebooks_reference.reference()


def test_python_examples_run(demo_db: object) -> None:
    """Each Python block of the README runs on the demo account, top to bottom, as one script."""
    code = "\n".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))
    assert "import testio_analytics as ta" in code
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_exit_codes_are_explained_where_they_are_looked_for() -> None:
    """`--help` and the README name all four."""
    page = CliRunner().invoke(cli, ["--help"]).output
    for code in range(4):
        assert re.search(rf"^\s+{code}  ", page, re.MULTILINE)
        assert re.search(rf"^\| {code} \|", TEXT, re.MULTILINE)


def test_nothing_speaks_of_the_makers_machine() -> None:
    """Tracked files name no path of the machine they were written on."""
    root = README.parent
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {name: (root / name).read_bytes() for name in listed if name and (root / name).is_file()}
    pattern = re.compile("|".join(f"/{folder}/" for folder in ("root", "tmp", "work")).encode())

    assert [name for name, content in texts.items() if pattern.search(content)] == []
