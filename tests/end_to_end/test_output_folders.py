"""What reports, exports and the demo read and write: one state of the file, and all files or none."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner, Result

from serving import COMMAND, environment, serving
from small_account import small_account
from syncing import NOW, TOKEN, query, sync_account
from testio_analytics import config
from testio_analytics.cli import cli
from testio_analytics.display.folders import WORK_PREFIX, made_in, work_folder
from testio_analytics.pages import notebooks
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow
PARAMETERS = "db = None\nproduct_id = None\nas_of = None"


def call(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


def hidden(*folders: Path) -> list[Path]:
    """Return what is left of making files in these folders."""
    return [path for folder in folders if folder.exists() for path in folder.glob(f"{WORK_PREFIX}*")]


def cleared(output: Path, temporary: Path) -> bool:
    """Begin to make files in both folders, which clears them, and return whether nothing is left."""
    with made_in(output), work_folder(temporary):
        pass
    return hidden(output, temporary) == []


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return the mirror of a small account: eight features, six tests."""
    path = tmp_path / "mirror.db"
    sync_account(small_account(), path)
    return path


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the notebooks of this test ship with the package, and run one after the other; return their folder."""
    monkeypatch.setattr(notebooks, "PACKAGE", tmp_path / "checkout" / "package")
    monkeypatch.setenv("PYTHONPATH", str(Path(config.__file__).parent.parent))
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    return folder


def ship(folder: Path, name: str, source: str) -> None:
    """Write a notebook of one cell that takes parameters."""
    new: Any = nbformat.v4
    tagged = {"id": "parameters", "metadata": {"tags": ["parameters"]}}
    cells = [
        new.new_markdown_cell(f"# {name}", id="title"),
        new.new_code_cell(PARAMETERS, **tagged),
        new.new_code_cell(source, id="code"),
    ]
    nbformat.write(new.new_notebook(cells=cells), folder / f"{name}.ipynb")  # type: ignore[no-untyped-call]


def test_all_pages_of_a_report_are_made_of_one_state(shipped: Path, db: Path, tmp_path: Path) -> None:
    """A sync stores a larger account before each notebook reads: all pages show the account as it was at the start."""
    with serving(small_account(features=5)) as five, serving(small_account(features=6)) as six:
        for number, address in enumerate((five, six)):
            variables = {"TESTIO_CUSTOMER_API_BASE_URL": address, "TESTIO_CUSTOMER_API_TOKEN": TOKEN}
            source = (
                f"import os, testio_analytics as ta; os.environ.update({variables!r})\n"
                f"ta.sync({str(db)!r}, progress=False)\n"
                "print(len(ta.load_features(db)), 'features, run', ta.load_mirror(db).run_id)"
            )
            ship(shipped, f"0{number}_page", source)
        done = call("report", "--db", db, "--output", tmp_path / "out")

    assert done.exit_code == 0, done.output
    pages = [path.read_text() for path in sorted((tmp_path / "out").glob("0*.html"))]
    assert "sync run 1</p>" in (tmp_path / "out" / "explore.html").read_text()
    assert [re.findall(r"\d+ features, run \d+", page) for page in pages] == [["8 features, run 1"]] * 2
    assert all("sync run 1 ·" in page for page in pages)
    assert query(db, "select count(*) from features where removed_at is null") == [(12,)]
    assert query(db, "select max(id) from sync_runs") == [(3,)]


def test_pages_are_made_inside_their_folder_from_a_copy_that_nobody_else_can_read(
    shipped: Path, db: Path, tmp_path: Path
) -> None:
    """Nothing is written beside the output folder, which may be a volume of its own; nothing is left anywhere."""
    output = tmp_path / "web" / "root"
    output.mkdir(parents=True)
    (output / "index.html").write_text("mine")
    source = (
        "import os, stat\n"
        f"inside, beside = os.listdir({str(output)!r}), os.listdir({str(output.parent)!r})\n"
        "print(sum(name.startswith('.') for name in inside), 'inside,', len(beside), 'beside;',\n"
        "      oct(stat.S_IMODE(os.stat(db).st_mode)), os.path.basename(db))\n"
        f"open({str(tmp_path / 'copy')!r}, 'w').write(db)"
    )
    ship(shipped, "00_page", source)
    done = call("report", "--db", db, "--output", output)

    assert done.exit_code == 0, done.output
    assert "1 inside, 1 beside; 0o600 mirror.db" in (output / "00_page.html").read_text()
    assert sorted(path.name for path in output.iterdir()) == ["00_page.html", "explore.html", "index.html"]
    copy = Path((tmp_path / "copy").read_text())
    assert copy != db
    assert not copy.parent.exists()


def test_when_one_page_cannot_be_replaced_all_are_yesterdays(shipped: Path, db: Path, tmp_path: Path) -> None:
    """The last page's place turns into a folder while the notebooks run: exit 1, and the first page is put back."""
    output = tmp_path / "out"
    for number in range(2):
        ship(shipped, f"0{number}_page", "print('as of', as_of)")
    assert call("report", "--db", db, "--output", output, "--as-of", "2026-06-28").exit_code == 3
    yesterday = (output / "00_page.html").read_bytes()
    taken = str(output / "01_page.html")
    ship(shipped, "01_page", f"import os; os.remove({taken!r}); os.mkdir({taken!r})")
    done = call("report", "--db", db, "--output", output, "--as-of", "2026-06-29")

    assert done.exit_code == 1
    assert "01_page.html could not be replaced" in done.stderr
    assert "as it was before" in done.stderr
    assert done.stdout == ""
    assert (output / "00_page.html").read_bytes() == yesterday
    assert hidden(output) == []


def test_a_folder_that_cannot_be_written_is_found_before_the_work(shipped: Path, db: Path, tmp_path: Path) -> None:
    """No notebook runs, for pages as for exports, and what somebody else made is not replaced."""
    note = tmp_path / "note"
    ship(shipped, "00_page", f"open({str(note)!r}, 'w')")
    (tmp_path / "theirs" / "reports").mkdir(parents=True)
    (tmp_path / "theirs" / "00_page.html").write_text("<h1>Mine</h1>")
    (tmp_path / "theirs" / "reports" / "triage.csv").write_text("mine")
    (tmp_path / "theirs" / "testio.xlsx").write_text("mine")

    refused = [call(name, "--db", db, "--output", "/dev/null/x") for name in ("report", "export")]
    refused += [call(name, "--db", db, "--output", tmp_path / "theirs") for name in ("report", "export")]
    refused += [call("export", "--db", db, "--output", tmp_path / "theirs", "--format", "xlsx")]

    assert [done.exit_code for done in refused] == [1] * 5
    assert all("/dev/null/x cannot be written to" in done.stderr for done in refused[:2])
    assert "00_page.html, not made by" in refused[2].stderr
    assert "triage.csv, not made by" in refused[3].stderr
    assert "testio.xlsx, not made by" in refused[4].stderr
    assert not note.exists()
    assert sorted(path.name for path in (tmp_path / "theirs").rglob("*")) == [
        "00_page.html",
        "reports",
        "testio.xlsx",
        "triage.csv",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_stopped_report_leaves_nothing_and_a_killed_one_what_the_next_clears(
    db: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """Neither in the output folder nor among the temporary files: the pages' folder, the copy, the kernels' folders."""
    output, temporary = tmp_path / "out", tmp_path / "t"
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "report", "--db", str(db), "--output", str(output)],
        env={**environment("http://127.0.0.1:9/unused"), "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: list(temporary.glob("*/k.json")), "the start of a kernel")
        process.send_signal(number)
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()

    assert process.returncode != 0
    if number is signal.SIGKILL:
        assert hidden(output)
        assert list(temporary.glob("*/mirror.db"))
        # Its kernels look once a second whether they are orphans, and may write into their folders until then.
        wait_for(lambda: cleared(output, temporary), "the end of the kernels, and the clearing after it")
    assert hidden(output, temporary) == []
    assert [path.name for path in temporary.iterdir() if path.name.startswith((WORK_PREFIX, "testio"))] == []
    assert not output.exists() or not list(output.iterdir())


def test_when_one_file_of_an_export_cannot_be_replaced_all_are_yesterdays(db: Path, tmp_path: Path) -> None:
    """A folder stands where a report belongs: exit 1, and every other file is that of the last export."""
    assert call("export", "--db", db, "--output", tmp_path / "out", "--as-of", "2026-06-28").exit_code == 3
    taken = tmp_path / "out" / "reports" / "triage.csv"
    taken.unlink()
    taken.mkdir()
    yesterday = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    done = call("export", "--db", db, "--output", tmp_path / "out", "--as-of", "2026-06-29")

    assert done.exit_code == 1
    assert "triage.csv could not be replaced" in done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == yesterday
    assert json.loads((tmp_path / "out" / "about.json").read_text())["as_of"].startswith("2026-06-28")


@pytest.mark.parametrize("theirs", ["an account", "no database"])
def test_the_demo_replaces_no_database_that_it_did_not_make(tmp_path: Path, theirs: str) -> None:
    """Exit code 1 and a reason; the file, what lies beside it and the folder stay as they are."""
    db = tmp_path / "demo.db"
    if theirs == "an account":
        sync_account(small_account(), db, now=NOW.replace(second=1))
    else:
        db.write_text("mine")
    (tmp_path / "demo.db.backup").write_text("mine as well")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = call("demo", "--output", tmp_path)

    assert done.exit_code == 1
    assert "demo.db, not made by the demo" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert hidden(tmp_path) == []
