"""A pipeline that holds figures against limits, run as GitHub Actions runs a step: real port, real shell, real files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from click.testing import CliRunner

from serving import environment, serving
from small_account import small_account
from syncing import NOW, TOKEN, sync_account
from testio_analytics.cli import cli
from testio_analytics.demo.server.faults import parse_faults
from testio_analytics.mirror.reported import remember
from waiting import PATIENCE

SCHEMA = Path(__file__).parents[1] / "support" / "junit.xsd"
STEP = f"""\
alias testio-analytics='"{sys.executable}" -m testio_analytics'
shopt -s expand_aliases
testio-analytics sync --db one.db > sync.txt || [ $? -eq 3 ]
testio-analytics gate --db one.db --rule "recent_covered >= 6" --rule "recent_covered >= 8" --junit gate.xml
echo "not reached" > after.txt
"""
GAP = ("refuse=403:/products/2/exploratory_tests",)


@pytest.mark.parametrize(
    ("faults", "code", "outcomes"), [((), 4, [[], ["failure"]]), (GAP, 3, [["error"], ["failure"]])], ids=["", "gap"]
)
def test_a_step_fails_by_the_gravest_verdict(
    tmp_path: Path, faults: tuple[str, ...], code: int, outcomes: list[list[str]]
) -> None:
    """Of eight features six are tested. Without the tests of product 2, it may be three to seven: eight are too many."""
    script = tmp_path / "step.sh"
    # An alias counts from the next line that is read on.
    script.write_text("shopt -s expand_aliases\n" + STEP)
    with serving(small_account(tests=3), parse_faults(faults)) as address:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env=environment(address),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    assert done.returncode == code, done.stderr
    assert not (tmp_path / "after.txt").exists()
    xmlschema.XMLSchema(SCHEMA).validate(str(tmp_path / "gate.xml"))
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot()[0]
    assert [[one.tag for one in case] for case in suite.iter("testcase")] == outcomes
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "does not hold: recent_covered >= 8" in done.stdout
    assert TOKEN not in done.stdout + done.stderr + (tmp_path / "gate.xml").read_text()


def test_changes_are_counted_from_the_last_report(tmp_path: Path) -> None:
    """Without a remembered report nothing is judged; after one, from its run on, or from the one that is named."""
    db = tmp_path / "one.db"
    account = small_account()
    sync_account(account, db)

    def asked(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["gate", "--db", str(db), "--rule", "new critical_bugs == 0", *options])
        return done.exit_code, done.output

    account.products[0].cycles[0].bugs[0].payload["severity"] = "critical"
    sync_account(account, db, now=NOW.replace(hour=7))
    code, said = asked()
    assert (code, "--since" in said) == (3, True)
    assert asked("--since", "1")[0] == 4

    remember(db, kind="report", run_id=1)
    assert asked()[0] == 4
    remember(db, kind="report", run_id=2)
    sync_account(account, db, now=NOW.replace(hour=8))
    assert asked()[0] == 0
    code, said = asked("--since", "3")
    assert (code, "a run or date before" in said) == (2, True)
