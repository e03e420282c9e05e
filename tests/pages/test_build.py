"""Running notebooks, and the pages made of them."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser import notebook_of, output_of, picture_output, sample_notebook
from strategies import Account
from testio_analytics import config
from testio_analytics.display import blocks
from testio_analytics.display.html_table import html_table
from testio_analytics.errors import DatabaseMissingError, ReportError, UnknownValueError
from testio_analytics.pages import build, execution, notebooks, page, sanitize
from testio_analytics.pages.build import html_page, make_pages
from testio_analytics.pages.execution import run_notebook, run_notebooks
from testio_analytics.pages.notebooks import literal, with_parameters
from testio_analytics.text import clean
from waiting import PATIENCE, wait_for

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
PARAMETERS = "db = None\nproduct_id = None\nas_of = None"
REPORT = """from testio_analytics.display.blocks import facts, verdict
verdict("3 of 4 features are untested.")"""

PACKED = """import pandas as pd
from testio_analytics.display.html_table import html_table
html_table(pd.DataFrame({{"a": ["x"] * 200 + [{}]}}), caption="C.", download="a.csv")"""


def code(source: str, *tags: str, number: int = 0) -> Any:
    """Return a code cell that was not run."""
    known = {"id": f"code-{number}", "metadata": {"tags": list(tags)}}
    return nbformat.v4.new_code_cell(source, **known)  # type: ignore[no-untyped-call]


def report_of(*sources: str, title: str = "# Untested features") -> Any:
    """Return a notebook that takes parameters and ends with these cells."""
    cells = [nbformat.v4.new_markdown_cell(title, id="title"), code(PARAMETERS, "parameters", number=99)]  # type: ignore[no-untyped-call]
    cells += [code(source, number=number) for number, source in enumerate(sources)]
    return nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]


def saved(folder: Path, name: str, notebook: Any) -> Path:
    """Write the notebook into the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
    return path


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a folder of this test stand for the checkout that the package lies in; return its notebooks."""
    monkeypatch.setattr(notebooks, "PACKAGE", tmp_path / "checkout" / "package")
    folder = tmp_path / "checkout" / "notebooks"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a small database."""
    path = tmp_path / "mirror.db"
    with closing(sqlite3.connect(path)) as connection:
        Account().product(1).product(2, "Ferry").feature(10).synced(1, 2).write(connection)
    return path


def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels import the package of this checkout though `PACKAGE` points elsewhere."""
    monkeypatch.setenv("PYTHONPATH", str(Path(config.__file__).parent.parent))


# -- where they are -------------------------------------------------------------------------------------------------


def test_notebooks_are_found_in_reading_order(shipped: Path) -> None:
    """Those of the checkout count; an installed copy goes before them; other files are none."""
    for name in ("02_catalog", "01_health"):
        saved(shipped, name, report_of())
    (shipped / "notes.txt").write_text("x")

    assert list(notebooks.notebook_paths()) == ["01_health", "02_catalog"]
    installed = saved_installed(shipped)
    assert notebooks.notebook_paths() == {"09_installed": installed}


def saved_installed(shipped: Path) -> Path:
    """Write a notebook where an installed package has them."""
    folder = shipped.parent / "package" / "_notebooks"
    folder.mkdir(parents=True)
    return saved(folder, "09_installed", report_of())


def test_no_notebooks_is_an_error(shipped: Path) -> None:
    """A broken installation is told as such."""
    with pytest.raises(ReportError, match="not where they belong"):
        notebooks.notebook_paths()


def test_copies_hold_no_outputs_and_overwrite_nothing(shipped: Path, tmp_path: Path) -> None:
    """The demo's numbers are not handed out as the reader's own, and work that is there is safe."""
    saved(shipped, "01_health", notebook_of("# Health", blocks.verdict("3 of 4")))
    saved(shipped, "02_catalog", report_of())
    target = tmp_path / "deep" / "work"

    copies = build.copy_notebooks(target)

    assert [copy.name for copy in copies] == ["01_health.ipynb", "02_catalog.ipynb"]
    with pytest.raises(ReportError, match="01_health has no parameter db = None"):
        build.copy_notebooks(tmp_path / "other", db=tmp_path / "x.db")
    assert not (tmp_path / "other").exists()
    assert "3 of 4" not in copies[0].read_text()
    copies[1].unlink()
    copies[0].write_text("my work")
    with pytest.raises(ReportError, match=r"already has 01_health\.ipynb; nothing was copied"):
        build.copy_notebooks(target)
    assert copies[0].read_text() == "my work"
    assert not copies[1].exists()


# -- parameters -----------------------------------------------------------------------------------------------------

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), ANY_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ANY_TEXT, inner, max_size=3)),
    max_leaves=6,
)


@given(PLAIN)
def test_a_parameter_arrives_as_it_was(value: Any) -> None:
    """The source written for a plain value is that value again, on one line."""
    source = literal("x", value)

    assert eval(source, {"__builtins__": {}}) == value
    assert len(source.splitlines()) <= 1


class Sly(str):
    """A text whose representation is a program."""

    def __repr__(self) -> str:
        return "__import__('os').system('true')"


@pytest.mark.parametrize(
    "value", [Sly("x"), Path("x"), float("nan"), (1,), {1: 2}, [Sly("x")], {"a": {Sly("x"): 1}}, object()]
)
def test_only_plain_values_become_source(value: object) -> None:
    """What only looks like text, and what has no literal, is refused."""
    with pytest.raises(ReportError, match="must be None, text, a number"):
        literal("x", value)


@pytest.mark.parametrize("name", ["a b", "x = 1; y", "", "1"])
def test_only_names_are_set(name: str) -> None:
    """The name of a parameter cannot be a statement."""
    with pytest.raises(ReportError, match="Python name"):
        literal(name, 1)


def test_parameters_follow_the_defaults() -> None:
    """The injected cell stands right below the tagged one; the notebook given is not changed."""
    notebook = report_of("pass")
    prepared = with_parameters(notebook, {"db": "x.db", "as_of": None}, name="n")

    assert [cell.source for cell in prepared.cells[1:3]] == [PARAMETERS, "db = 'x.db'\nas_of = None"]
    assert len(notebook.cells) == 3
    with pytest.raises(ReportError, match="plain takes no parameters"):
        with_parameters(notebook_of("# Title"), {"db": "x"}, name="plain")


# -- running --------------------------------------------------------------------------------------------------------


def test_a_notebook_runs_with_its_parameters_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This Python runs it, in an empty folder, with the package at hand, and with no token in reach."""
    monkeypatch.setenv(config.TOKEN_VARIABLE, "tok-1234567890")
    monkeypatch.setenv("COPY_OF_IT", "Token tok-1234567890")
    source = (
        "import os, sys, testio_analytics\n"
        "print(db, product_id, sys.executable, os.listdir('.'), [v for v in os.environ.values() if 'tok-1' in v])"
    )
    path = saved(tmp_path, "n", report_of(source))
    before = path.read_bytes()

    executed = run_notebook(path, parameters={"db": "/x/y.db", "product_id": [1]})

    assert executed.cells[-1].outputs[0].text == f"/x/y.db [1] {sys.executable} [] []\n"
    assert path.read_bytes() == before
    assert os.environ[config.TOKEN_VARIABLE] == "tok-1234567890"


def test_a_failing_cell_is_named_without_its_traceback(tmp_path: Path) -> None:
    """The message has notebook, cell as the reader counts it, and the last line, with no terminal codes."""
    path = saved(tmp_path, "03_untested", report_of("x = 1", "raise ValueError('first\\n\\x1b[31mlast <b>')", "x = 2"))

    with pytest.raises(ReportError) as caught:
        run_notebook(path, parameters={"db": "x"})

    assert str(caught.value) == "The notebook 03_untested failed in code cell 3: ValueError: ␛[31mlast <b>"


def test_a_dying_kernel_is_an_error_and_leaves_none_behind(tmp_path: Path) -> None:
    """A killed kernel is told as such, stops the other notebooks, and no process stays."""
    note = tmp_path / "pid"
    died = saved(tmp_path, "died", report_of("import os, time; time.sleep(1); os._exit(9)"))
    slow = saved(
        tmp_path,
        "slow",
        report_of(f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid()))", "time.sleep(60)"),
    )

    with pytest.raises(ReportError, match="The notebook died could not be run"):
        run_notebooks([died, slow], parameters={"db": "x"})

    if note.exists():
        assert_gone(int(note.read_text()))


def assert_gone(pid: int) -> None:
    """Wait for the process to be gone."""
    with pytest.raises(ProcessLookupError):
        wait_for(lambda: os.kill(pid, 0), f"the end of process {pid}")


def test_nothing_of_a_run_reaches_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What kernels and cells write to their streams is not written to ours."""
    run_notebook(
        saved(tmp_path, "n", report_of("import os; os.write(2, b'noise'); print('x')")), parameters={"db": "x"}
    )

    assert capfd.readouterr() == ("", "")


def test_a_kernel_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own last words are in the message."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "ipykernel_launcher.py").write_text("raise SystemExit('no kernel today')")

    with pytest.raises(ReportError, match="its kernel died: no kernel today"):
        run_notebook(saved(tmp_path, "n", report_of("1")), parameters={"db": "x"})


def test_a_cell_that_never_ends_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time is over the cell is an error, and its kernel is gone."""
    monkeypatch.setattr(execution, "CELL_SECONDS", 2)
    note = tmp_path / "pid"
    source = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"

    with pytest.raises(ReportError, match="The notebook n failed"):
        run_notebook(saved(tmp_path, "n", report_of(source)), parameters={"db": "x"})
    assert_gone(int(note.read_text()))


def test_ctrl_c_stops_the_run_and_its_kernel(tmp_path: Path) -> None:
    """An interrupt ends the program at once, and no kernel stays behind."""
    note = tmp_path / "pid"
    source = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    path = saved(tmp_path, "n", report_of(source))
    program = (
        "import pathlib; from testio_analytics.pages.execution import run_notebook;"
        f"run_notebook(pathlib.Path({str(path)!r}), parameters={{'db': 'x'}})"
    )
    root = str(Path(config.__file__).parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.PIPE
    )
    try:
        while not (note.exists() and note.read_text()):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(2)
        _, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()

    assert b"KeyboardInterrupt" in errors
    assert process.returncode != 0
    assert_gone(int(note.read_text()))


def test_a_run_that_is_stopped_while_its_kernel_starts_leaves_no_socket_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library closes them after an error, and not after a stop."""
    import asyncio

    from jupyter_client.asynchronous.client import AsyncKernelClient

    clients: list[AsyncKernelClient] = []

    async def never_ready(client: AsyncKernelClient, timeout: float | None = None) -> None:
        clients.append(client)
        await asyncio.Event().wait()

    monkeypatch.setattr(AsyncKernelClient, "wait_for_ready", never_ready)
    notebook = with_parameters(report_of("print(1)"), {"db": "x"}, name="n")

    async def go() -> None:
        task = asyncio.create_task(execution._execute("n", notebook))
        while not clients:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    channels = (
        clients[0].shell_channel,
        clients[0].iopub_channel,
        clients[0].stdin_channel,
        clients[0].control_channel,
    )
    assert not any(channel.is_alive() for channel in channels)


def test_a_notebook_can_be_run_from_a_running_loop(tmp_path: Path) -> None:
    """Inside a notebook, where a loop is running, it works as well."""
    import asyncio

    path = saved(tmp_path, "n", report_of("print(6 * 7)"))

    async def cell() -> Any:
        return run_notebook(path, parameters={"db": "x"})

    assert asyncio.run(cell()).cells[-1].outputs[0].text == "42\n"


@pytest.mark.parametrize("content", ["", "{}", '{"cells": []}', "\x00"])
def test_what_is_no_notebook_is_told(tmp_path: Path, content: str) -> None:
    """A broken file names itself."""
    path = tmp_path / "broken.ipynb"
    path.write_text(content)

    with pytest.raises(ReportError, match="broken"):
        run_notebook(path, parameters={"db": "x"})


# -- one page -------------------------------------------------------------------------------------------------------


def test_a_page_shows_outputs_and_prose_and_no_code() -> None:
    """One title, our blocks unchanged, pictures with their texts; no code, prompt or error stream."""
    table = html_table(__import__("pandas").DataFrame({"feature": ["a"]}), caption="Features.")
    warning = nbformat.v4.new_output("stream", name="stderr", text="DeprecationWarning")  # type: ignore[no-untyped-call]
    html = html_page(
        notebook_of("# Untested\n\nProse with *stress*.", table, warning, picture_output("A bar."), "# Second"),
        title="Untested",
    )

    assert table.html.removeprefix("<div") in html
    assert re.findall("<h1 id=.*?>(.*?)</h1>", html) == ["Untested"]
    assert '<h2 id="second">Second</h2>' in html
    assert '<html lang="en">' in html
    assert 'alt="A bar."' in html
    for absent in ("DeprecationWarning", "...</", "In&nbsp;", "prompt", " style=", "<link", 'http-equiv="refresh'):
        assert absent not in html


def test_cells_for_the_notebook_alone_are_left_out() -> None:
    """What is tagged notebook-only does not stand on the page."""
    notebook = notebook_of("# Title", "How to change the parameters.")
    notebook.cells[1].metadata["tags"] = ["notebook-only"]

    assert "change the parameters" not in html_page(notebook, title="Title")


def test_prose_is_cleaned() -> None:
    """Markdown may link and stress; markup, scripts and pictures from elsewhere do not come through."""
    source = (
        "# T\n\n<script>hit()</script>\n\n<b onclick=hit()>b</b> ![pic](https://x.test/p.png)\n\n"
        "an [evil link](javascript:hit())\n\n"
        "[good](https://test.io) [next](02_b.ipynb) [gone](09_x.ipynb)\n\n| a |\n|:-:|\n| 1 |\n"
    )
    html = html_page(notebook_of(source), title="T", siblings=[("02_b.html", "B")])
    body = html.split("<main>")[1].split("</main>")[0]

    assert "<script" not in body
    assert "<b " not in body
    assert "<img" not in body
    assert "javascript" not in body
    assert "style" not in body
    assert '<a href="https://test.io">good</a>' in body
    assert '<a href="02_b.html">next</a>' in body
    assert "gone" in body
    assert "09_x" not in body
    assert "<td>1</td>" in body


def output(kind: str, data: dict[str, Any], **metadata: Any) -> Any:
    """Return an output as a notebook stores it."""
    return nbformat.v4.new_output(kind, data=data, metadata=metadata)  # type: ignore[no-untyped-call]


def test_foreign_html_is_cleaned_and_cannot_pass_as_ours() -> None:
    """A bare DataFrame loses its styles; scripts and handlers go; markup that only looks like ours gets no trust."""
    frame = '<table border="1" class="dataframe"><td onclick=hit()>1</td></table>'
    foreign = f"<style scoped>td {{color:red}}</style>{frame}<script>hit()</script>"
    html = sanitize.output_html(output("execute_result", {"text/html": foreign, "text/plain": "x"}))

    assert "<td>1</td>" in html
    for absent in ("style", "script", "onclick", "hit", "color"):
        assert absent not in html
    ours = output_of(blocks.verdict("3 of 4"))
    assert sanitize.output_html(ours) == blocks.verdict("3 of 4").html
    ours["metadata"] = {"text/html": {"testio_analytics": "blocks"}}
    assert "scroll other" in sanitize.output_html(ours)


def test_text_is_the_last_resort() -> None:
    """Plain text shows where nothing richer is; widgets and scripts show nothing at all."""
    assert sanitize.output_html(output("display_data", {"text/plain": "a <b>"})) == "<pre>a &lt;b&gt;</pre>\n"
    assert (
        sanitize.output_html(
            output("display_data", {"text/plain": "bar", "application/vnd.jupyter.widget-view+json": {}})
        )
        == ""
    )
    assert sanitize.output_html(output("display_data", {"text/plain": "x", "application/javascript": "hit()"})) == ""
    stdout = nbformat.v4.new_output("stream", name="stdout", text="\x1b[31mred\x1b[0m & \x00")  # type: ignore[no-untyped-call]
    assert sanitize.output_html(stdout) == "<pre>red &amp; ␀</pre>\n"


@pytest.mark.parametrize("alt", [None, "", "  "])
def test_a_picture_without_words_is_an_error(alt: str | None) -> None:
    """Who cannot see it must be told what it shows."""
    with pytest.raises(ReportError, match="alt"):
        html_page(notebook_of("# T", picture_output(alt)), title="T")


def test_a_failed_output_makes_no_page() -> None:
    """A notebook that holds an error is no report."""
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=["x"])  # type: ignore[no-untyped-call]

    with pytest.raises(ReportError, match="ValueError"):
        html_page(notebook_of("# T", failed), title="T")


@given(ANY_TEXT, ANY_TEXT)
def test_titles_and_facts_are_text(title: str, fact: str) -> None:
    """Names in the head, the navigation and the footer are escaped."""
    cleaned = clean(title)
    html = html_page(notebook_of("# T"), title=cleaned, siblings=[("a.html", cleaned)], facts=[clean(fact)])

    assert html.count("<script>") == html.count("</script>") == html.count("<style>") == 1
    assert unescape(re.findall("<title>(.*?)</title>", html, re.DOTALL)[0]) == cleaned


def test_the_policy_names_the_style_and_script_that_are_there() -> None:
    """The fingerprints fit, and nothing else is allowed."""
    html = unescape(html_page(sample_notebook(), title="T"))
    policy = re.findall('content="(default-src[^"]*)"', html)[0]

    for kind in ("style", "script"):
        text = re.findall(f"<{kind}>(.*?)</{kind}>", html, re.DOTALL)[0]
        assert text == page.asset("page.css" if kind == "style" else "page.js")
        assert f"{kind}-src '{page._fingerprint(text)}';" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("# Untested *features* & `more`", "Untested features & more"),
        ("Title\n=====", "Title"),
        ("text", None),
        ("", None),
    ],
)
def test_the_title_is_the_heading_that_opens_the_notebook(source: str, title: str | None) -> None:
    """Its text, without marks; a notebook without one is told."""
    notebook = notebook_of(source, "# Other")
    if title is None:
        with pytest.raises(ReportError, match="n must begin with"):
            build.page_title(notebook, "n")
    else:
        assert build.page_title(notebook, "n") == title


# -- all pages ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let two small reports ship."""
    importable(monkeypatch)
    shown = "facts({'Products': product_id, 'As of': as_of, 'Has database': bool(db)})"
    saved(shipped, "01_health", report_of(REPORT, shown, title="# Sync and health"))
    saved(shipped, "02_untested", report_of(REPORT, title="# Untested"))
    return shipped


def test_pages_are_made_for_all_notebooks_and_lead_to_each_other(two: Path, db: Path, tmp_path: Path) -> None:
    """Each notebook gives a page with title, answer, navigation and the origin of its numbers."""
    output = tmp_path / "out" / "reports"
    made = make_pages(db, output, product_ids=[1, 2], as_of="2026-06-30")

    names = ["01_health", "02_untested", "explore"]
    assert made == [output / f"{name}-harbour-ferry.html" for name in names]
    assert sorted(output.iterdir()) == made
    assert list(output.parent.iterdir()) == [output]
    html = made[0].read_text(encoding="utf-8")
    assert "<title>Sync and health · Harbour and Ferry · 30 Jun 2026</title>" in html
    assert '<a aria-current="page" href="01_health-harbour-ferry.html">Sync and health</a>' in html
    assert '<a href="02_untested-harbour-ferry.html">Untested</a>' in html
    assert "<li>Products <strong>[1, 2]</strong></li><li>As of <strong>2026-06-30</strong></li>" in html
    assert re.search(r"<footer>\n?<p>testio_analytics \S.* · schema \d+ · sync run 1 · notebook 01_health</p>", html)
    assert str(tmp_path) not in html


def test_the_same_database_gives_the_same_bytes(two: Path, db: Path, tmp_path: Path) -> None:
    """Made twice, the pages are equal, byte for byte."""
    first = [page.read_bytes() for page in make_pages(db, tmp_path / "a")]
    second = [page.read_bytes() for page in make_pages(db, tmp_path / "b")]

    assert first == second


def test_a_failed_run_leaves_yesterdays_pages(two: Path, db: Path, tmp_path: Path) -> None:
    """When one notebook fails, no page changes, and nothing is left lying about."""
    output = tmp_path / "reports"
    output.mkdir()
    yesterday = "<footer><p>testio_analytics 0.1.0</p></footer>"
    (output / "01_health.html").write_text(yesterday)
    saved(two, "02_untested", report_of("1 / 0"))

    with pytest.raises(ReportError, match="02_untested failed in code cell 2: ZeroDivisionError"):
        make_pages(db, output)

    assert (output / "01_health.html").read_text() == yesterday
    assert [path.name for path in output.iterdir()] == ["01_health.html"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_only_the_notebooks_named_are_run(two: Path, db: Path, tmp_path: Path) -> None:
    """A subset gives its pages, and an unknown name is told with those there are."""
    assert [page.name for page in make_pages(db, tmp_path / "out", notebooks=["02_untested"])] == ["02_untested.html"]
    with pytest.raises(UnknownValueError, match="01_health, 02_untested"):
        make_pages(db, tmp_path / "out", notebooks=["03_none"])


def test_wrong_arguments_are_told_before_anything_runs(two: Path, db: Path, tmp_path: Path) -> None:
    """A database that is not there, a product and a date that are none."""
    with pytest.raises(DatabaseMissingError):
        make_pages(tmp_path / "no.db", tmp_path / "out")
    with pytest.raises(UnknownValueError, match="Ferry"):
        make_pages(db, tmp_path / "out", product_ids=[77])
    with pytest.raises(UnknownValueError, match=r"product_id is 'Ferry'; it must be one of: .*2 \(Ferry\)"):
        make_pages(db, tmp_path / "out", product_ids="Ferry")  # type: ignore[arg-type]
    with pytest.raises(UnknownValueError, match="as_of"):
        make_pages(db, tmp_path / "out", as_of="yesterday")

    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "no.db").exists()


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("print(db)", "a local path"),
        ("print('tok-' + '1234567890')", "a token or another secret"),
        (PACKED.format("'tok-' + '1234567890'"), "a token or another secret"),
        (PACKED.format("db"), "a local path"),
    ],
)
def test_a_page_that_would_tell_too_much_is_not_written(
    two: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, what: str
) -> None:
    """Neither the token nor where the database lies gets on a page; the message repeats neither."""
    monkeypatch.setenv(config.TOKEN_VARIABLE, "tok-1234567890")
    saved(two, "02_untested", report_of(source))

    with pytest.raises(ReportError, match=what) as caught:
        make_pages(db, tmp_path / "out", notebooks=["02_untested"])

    assert str(db) not in str(caught.value)
    assert "tok-" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told(two: Path, db: Path, tmp_path: Path) -> None:
    """A file where the folder should be is an error of this package."""
    (tmp_path / "out").write_text("a file")

    with pytest.raises(ReportError, match="cannot be written to"):
        make_pages(db, tmp_path / "out", notebooks=["02_untested"])
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".out-")]


def test_no_thread_is_left_behind(tmp_path: Path) -> None:
    """After a run there are as many threads as before."""
    before = threading.active_count()
    run_notebook(saved(tmp_path, "n", report_of("1")), parameters={"db": "x"})

    assert threading.active_count() <= before
