"""The front desk: what each command prints where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from syncing import TOKEN, query
from testio_analytics.cli import cli
from testio_analytics.console import say
from testio_analytics.demo.account.model import Account
from testio_analytics.demo.server.app import create_app
from testio_analytics.demo.server.faults import Faults
from testio_analytics.demo.server.server import running_server
from testio_analytics.mirror.migrations import HEAD
from testio_analytics.mirror.schema import STREAMS
from testio_analytics.reports.registry import REPORTS


def call(*words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, list(words))


def test_help_is_one_screen_and_names_every_command() -> None:
    """`--help` and `-h` show all commands and what to type first."""
    page = call("--help")

    assert page.exit_code == 0
    assert page.output == call("-h").output
    assert all(name in page.output for name in cli.commands)
    assert "testio-analytics demo" in page.output
    assert len(page.output.splitlines()) <= 40


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_show_prints_every_report_in_every_form(demo_db: Path, name: str) -> None:
    """Each report prints, its rows are the same in CSV and JSON, and the demo's gap in the tests makes the exit code 3."""
    table, csv_form, json_form = (call("show", name, "--format", form) for form in ("table", "csv", "json"))

    rests_on_tests = not {*REPORTS[name].streams} <= {"features"}
    for shown in (table, csv_form, json_form):
        assert shown.exit_code == (3 if rests_on_tests else 0)
        assert ("Skerry Go" in shown.stderr) == rests_on_tests
    rows = json.loads(json_form.stdout)
    assert len(list(csv.DictReader(io.StringIO(csv_form.stdout)))) == len(rows)
    count = f"{len(rows):,}" if rows else "no"
    assert table.stdout.endswith(f"({count} row{'' if len(rows) == 1 else 's'})\n")


def test_show_list_names_the_reports(demo_db: Path) -> None:
    """`show list` says which reports there are; hyphens are accepted in their names."""
    assert all(name in call("show", "list").stdout for name in REPORTS)
    assert call("show", "untested-features").stdout == call("show", "untested_features").stdout


def test_show_of_a_complete_product_is_exit_code_0(demo_db: Path) -> None:
    """A report that rests on complete reads alone is complete."""
    shown = call("show", "untested_features", "--product", "21362")

    assert (shown.exit_code, shown.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["show", "no_such_report"], "untested_features", id="report"),
        pytest.param(["show", "untested_features", "--product", "4711"], "21362", id="product"),
        pytest.param(["show", "untested_features", "--as-of", "someday"], "someday", id="date"),
        pytest.param(["show", "triage", "--impact", __file__], "next_tests, packed_tests", id="impact"),
        pytest.param(["show", "list", "--product", "21362"], "--product is not used", id="list"),
        pytest.param(["sync", "--stream", "bugz"], "features, tests", id="stream"),
        pytest.param(["demo-server", "--fault", "fire"], "poisoned-test", id="fault"),
        pytest.param(["migrate", "--to", "99"], "99", id="version"),
    ],
)
def test_wrong_calls_are_exit_code_2_and_name_what_is_allowed(demo_db: Path, words: list[str], expected: str) -> None:
    """A wrong argument gets a message with the allowed ones, and nothing else happens."""
    refused = call(*words)

    assert refused.exit_code == 2
    assert expected in refused.stderr
    assert refused.stdout == ""


def test_as_of_changes_the_report(demo_db: Path) -> None:
    """A report as of an earlier day counts fewer executed tests."""
    now = json.loads(call("show", "coverage_total", "--format", "json").stdout)[0]
    then = json.loads(call("show", "coverage_total", "--format", "json", "--as-of", "2025-01-01").stdout)[0]

    assert then["ever_covered"] < now["ever_covered"]


def test_status_names_the_gap_and_what_to_do(demo_db: Path) -> None:
    """`status` shows every stream, names the gap with its reason, and says what to do next; `--json` as well."""
    shown = call("status")
    assert shown.exit_code == 3
    assert "row 13 of the test list" in shown.stderr
    assert "Next:" in shown.stderr

    said = json.loads(call("status", "--json").stdout)
    assert said["is_complete"] is False
    assert {row["stream"] for row in said["streams"]} == {*STREAMS}


def test_status_is_not_complete_where_it_is_in_doubt(faultless_db_path: Path) -> None:
    """A status of a test that nobody knows ends with exit code 3, and no message says "Complete" beside it."""
    shown = call("status", "--db", str(faultless_db_path))
    assert shown.exit_code == 3
    assert "on_hold" in shown.stderr
    assert "Complete." not in shown.stderr


def test_missing_database_says_what_makes_one() -> None:
    """Without a database every reading command fails with the same advice."""
    for words in (["status"], ["show", "completeness"], ["report"], ["migrate"]):
        failed = call(*words)
        assert failed.exit_code == 1
        assert "testio-analytics sync" in failed.stderr
        assert failed.stdout == ""


def test_sync_without_token_says_where_it_comes_from() -> None:
    """No token: exit 1, the variable and the place in the account are named."""
    failed = call("sync")

    assert failed.exit_code == 1
    assert "TESTIO_CUSTOMER_API_TOKEN" in failed.stderr
    assert "Integrations" in failed.stderr


def test_token_from_a_dot_env_file_is_used_and_the_environment_wins(
    pristine: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` in the current folder gives the token; a variable of the environment is stronger."""
    with running_server(create_app(pristine, token=TOKEN)) as address:
        Path(".env").write_text(f"TESTIO_CUSTOMER_API_TOKEN={TOKEN}\nTESTIO_CUSTOMER_API_BASE_URL={address}\n")
        done = call("sync", "--product", "24959", "--stream", "features", "--db", "a.db")
        monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", "another-token")
        refused = call("sync", "--product", "24959", "--db", "b.db")

    assert done.exit_code == 0, done.stderr
    assert refused.exit_code == 1
    assert "another-token" not in refused.output


def test_sync_prints_counts_and_names_gaps(pristine: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync prints its counts on standard output and its gaps on standard error."""
    app = create_app(pristine, token=TOKEN, faults=Faults(failing_sections=frozenset({25618})))
    with running_server(app) as address:
        monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", TOKEN)
        monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", address)
        done = call("sync", "--product", "18559", "--stream", "features", "--db", "a.db")
        planned = call("sync", "--product", "24959", "--dry-run", "--db", "b.db")

    assert done.exit_code == 3
    assert "297" in done.stdout
    assert "section 25618" in done.stderr
    assert planned.exit_code == 0
    assert "nothing written" in planned.stderr
    assert not Path("b.db").exists()


def test_migrate_goes_down_and_up_after_a_backup(demo_db: Path) -> None:
    """`migrate` shows the version; down drops what came later, up brings it back, and the backup has everything."""
    db = Path("mine.db")
    shutil.copy(demo_db, db)
    tests = query(db, "select count(*) from tests")
    assert f"schema version {HEAD}" in call("migrate", "--db", str(db)).stdout
    assert call("migrate", "--db", str(db), "--to", "1").exit_code == 0
    assert "migrate" in call("show", "completeness", "--db", str(db)).stderr
    assert call("migrate", "--db", str(db)).exit_code == 0

    assert query(db, "select count(*) from tests") == [(0,)]
    backups = sorted(Path().glob(f"mine.schema{HEAD}.*.backup.db"))
    assert len(backups) == 1
    assert query(backups[0], "select count(*) from tests") == tests


def test_after_going_down_and_up_nothing_is_called_tested(demo_db: Path) -> None:
    """A stream whose rows a migration dropped is not read any more: its features are unknown, never untested."""
    db = Path("mine.db")
    shutil.copy(demo_db, db)
    call("migrate", "--db", str(db), "--to", "1")
    call("migrate", "--db", str(db))
    total = json.loads(call("show", "coverage_total", "--db", str(db), "--format", "json").stdout)[0]

    assert total["untested"] == total["planned"] == 0
    assert total["unknown"] == total["active_features"]


def test_benchmark_prints_each_run_its_bound_and_the_summary(
    pristine: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run stands beside the bound of its requests; the exit code follows the threshold."""
    with running_server(create_app(pristine, token=TOKEN, faults=Faults(slow=0.02))) as address:
        monkeypatch.setenv("TESTIO_CUSTOMER_API_TOKEN", TOKEN)
        monkeypatch.setenv("TESTIO_CUSTOMER_API_BASE_URL", address)
        good = call("benchmark", "--product-id", "18559", "--iterations", "2")
        bad = call("benchmark", "--product-id", "24959", "--iterations", "1", "--threshold", "0.01")

    assert good.exit_code == 0, good.output
    assert good.stdout.count("the requests alone") == 3
    assert "297 features" in good.stdout
    assert (bad.exit_code, "OVER" in bad.stdout) == (1, True)


def test_notebooks_are_copied_and_never_overwritten() -> None:
    """`notebooks DIR` copies all of them; a second call refuses and names what is there."""
    copied = call("notebooks", "mine")
    assert copied.exit_code == 0
    assert {path.name for path in Path("mine").iterdir()} >= {"03_untested_features.ipynb"}
    again = call("notebooks", "mine")
    assert again.exit_code == 1
    assert "03_untested_features.ipynb" in again.stderr


def test_copied_notebooks_find_the_database_from_their_own_folder(demo_db: Path) -> None:
    """A copy runs as it is, in its own folder, without any variable set: its parameters, and nothing else, name the database."""
    Path("data").mkdir()
    shutil.copy(demo_db, "data/testio.db")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("TESTIO_")}
    copied = subprocess.run([sys.executable, "-m", "testio_analytics", "notebooks", "mine"], env=bare, check=False)
    assert copied.returncode == 0
    notebook = nbformat.read("mine/01_sync_and_health.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert re.findall("^db = .*?(?= *#)", code, re.MULTILINE) == [f"db = {str(Path('data/testio.db').absolute())!r}"]
    ran = subprocess.run([sys.executable, "-c", code], cwd="mine", env=bare, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr


def test_terminal_escapes_of_the_api_are_made_visible(capsys: pytest.CaptureFixture[str]) -> None:
    """Text of the API cannot move the cursor, change colours, ring the bell or turn the reading direction."""
    say("a\x1b[2Jb\x07\u202ec")
    assert capsys.readouterr().err == "a␛[2Jb␇c\n"


def test_fault_list_is_help() -> None:
    """`demo-server --fault list` names the faults and serves nothing."""
    assert "poisoned-test" in call("demo-server", "--fault", "list").stdout
