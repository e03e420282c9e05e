"""The documents say what the code does: commands, tables, reports, settings, layers; and what they tell to paste works."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import notebooks_reference
import tables_reference
import testio_analytics as ta
from testio_analytics import config
from testio_analytics.cli import cli
from testio_analytics.mirror.schema import ALL_TABLES
from testio_analytics.reports.columns import KINDS
from testio_analytics.reports.gate import read_rule
from testio_analytics.reports.registry import REPORTS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_is_short() -> None:
    """Whoever looks for something finds it."""
    assert len(TEXT.splitlines()) < 200


@pytest.mark.parametrize(
    "document",
    ["README.md", "data/README.md", "notebooks/README.md", ".github/CONTRIBUTING.md", ".github/CHANGELOG.md"],
)
def test_links_lead_somewhere(document: str) -> None:
    """Each relative link leads to a file, each link inside a page to a heading."""
    text = (ROOT / document).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target


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
def test_every_table_has_a_loader(table: str) -> None:
    """`ta.load_<table>` loads it."""
    assert callable(getattr(ta, f"load_{table}"))


def test_reports_named_in_the_readme_exist() -> None:
    """The index sends nobody to a report that is not there, and a report is a function as well."""
    named = set(re.findall(r"`show ([a-z_]+)", TEXT)) - {*KINDS}  # all about one thing is no report
    assert len(named) >= 10
    assert named <= set(REPORTS)
    assert all(callable(getattr(ta, name)) for name in REPORTS)


def test_every_setting_is_in_the_readme() -> None:
    """The names of the settings are promises."""
    for name in (config.TOKEN_VARIABLE, config.BASE_URL_VARIABLE, config.DB_PATH_VARIABLE, config.DEFAULT_BASE_URL):
        assert name in TEXT


def test_the_reference_of_the_tables_is_that_of_the_schema() -> None:
    """It is generated; run `python tests/support/tables_reference.py` to mend."""
    text = tables_reference.PATH.read_text(encoding="utf-8")
    assert tables_reference.with_reference(text) == text


def test_the_picture_of_the_layers_is_the_contract() -> None:
    """CONTRIBUTING shows the layers in the order that import-linter holds."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    picture = (ROOT / ".github" / "CONTRIBUTING.md").read_text().split("```text\n", 1)[1].split("```", 1)[0]

    assert [line.split()[0] for line in picture.splitlines()] == contracts[0]["layers"]


def test_the_layout_table_names_every_module_once_and_no_other() -> None:
    """Whoever looks for a subject finds its module: each stands in one row of CONTRIBUTING's table, in its folder's."""
    table = (ROOT / ".github" / "CONTRIBUTING.md").read_text().split("| look in |", 1)[1].split("\n\n", 1)[0]
    named = []
    for cell in (row.rsplit(" | ", 1)[1] for row in table.splitlines()[2:]):
        folder = ""
        for name in re.findall(r"`([a-z_/]+)`", cell):
            before, _, module = name.rpartition("/")
            folder = f"{before}/" if before else folder
            named += [f"{folder}{module}"] if module else []
    package = ROOT / "testio_analytics"
    modules = {path.relative_to(package).with_suffix("").as_posix() for path in package.rglob("*.py")}

    assert sorted(named) == sorted(name for name in modules if not name.endswith("__"))


@pytest.mark.parametrize("shell", [["/bin/sh"], ["bash", "-e"]], ids=["sh", "bash -e"])
@pytest.mark.parametrize(
    ("codes", "expected", "ran"),
    [
        ("0 0 0 0", 0, "sync gate report notify"),
        ("3 0 0 0", 3, "sync gate report notify"),
        ("0 4 0 0", 4, "sync gate report notify"),
        ("3 4 3 0", 3, "sync gate report notify"),
        ("0 4 1 3", 1, "sync gate report notify"),
        ("0 0 0 1", 1, "sync gate report notify"),
        ("1 0 0 0", 1, "sync"),
        ("143 0 0 0", 143, "sync"),
    ],
)
def test_the_nightly_script_goes_red_when_it_should(
    tmp_path: Path, shell: list[str], codes: str, expected: int, ran: str
) -> None:
    """It ends with the gravest exit code of its lines; after a failed sync nothing else is said or made.

    What the commands print goes to files: cron would mail it.
    """
    script = re.search(r"<!-- nightly -->\n```sh\n(.*?)```", TEXT, re.DOTALL)
    assert script is not None
    assert re.search(r"^15 4 \* \* \*  /bin/sh /srv/testio/nightly.sh$", TEXT, re.MULTILINE)
    command = tmp_path / ".venv" / "bin" / "testio-analytics"
    command.parent.mkdir(parents=True)
    cases = " ".join(
        f"{name}) exit {code};;" for name, code in zip(("sync", "gate", "report", "notify"), codes.split(), strict=True)
    )
    command.write_text(f"#!/bin/sh\necho $1 | tee -a ran\ncase $1 in {cases} esac\n")
    command.chmod(0o755)
    (tmp_path / "nightly.sh").write_text(script[1].replace("/srv/testio", str(tmp_path)))
    done = subprocess.run([*shell, str(tmp_path / "nightly.sh")], check=False, stdout=subprocess.PIPE)

    assert (done.returncode, done.stdout) == (expected, b"")
    assert (tmp_path / "ran").read_text().split() == ran.split()


def test_the_rules_of_the_nightly_script_can_be_read() -> None:
    """Each `--rule` of the README names a figure that there is."""
    rules = re.findall(r'--rule "([^"]+)"', TEXT)
    assert [read_rule(rule).text for rule in rules if rule != "RULE"]


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_morning_check_says_what_status_says(tmp_path: Path, code: int) -> None:
    """The second crontab entry ends with the exit code of `status`, which it gives an age that exists."""
    entry = re.search(r"^45 6 \* \* \*  (.*)$", TEXT, re.MULTILINE)
    assert entry is not None
    command = tmp_path / ".venv" / "bin" / "testio-analytics"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!/bin/sh\necho $@\nexit {code}\n")
    command.chmod(0o755)
    done = subprocess.run(["/bin/sh", "-c", entry[1].replace("/srv/testio", str(tmp_path))], check=False)

    assert done.returncode == code
    assert CliRunner().invoke(cli, [*(tmp_path / "last-status.txt").read_text().split(), "--help"]).exit_code == 0


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
    """`--help` and the README name all five."""
    page = CliRunner().invoke(cli, ["--help"]).output
    for code in range(5):
        assert re.search(rf"^\s+{code}  ", page, re.MULTILINE)
        assert re.search(rf"^\| {code} \|", TEXT, re.MULTILINE)


def test_nothing_speaks_of_the_makers_machine() -> None:
    """Tracked files name no path of the machine they were written on."""
    root = ROOT
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    texts = {name: (root / name).read_bytes() for name in listed if name and (root / name).is_file()}
    pattern = re.compile("|".join(f"/{folder}/" for folder in ("root", "tmp", "work")).encode())

    assert [name for name, content in texts.items() if pattern.search(content)] == []
