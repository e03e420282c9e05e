"""The house: who may import whom, what the package exports, and how fast the front desk answers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from importlib.metadata import requires
from pathlib import Path

import pytest

import testio_analytics as ta

PACKAGE = Path(ta.__file__).parent

# Data flows one way: a room imports only rooms that stand before it. Corridors come first, the front desk last.
ORDER = (
    "errors",
    "config",
    "running",
    "computing",
    "sections",
    "payloads",
    "tables",
    "rows",
    "rows_of_bugs",
    "rows_of_results",
    "pacing",
    "paging",
    "client",
    "migrations",
    "differences",
    "due",
    "ledger",
    "store",
    "reading",
    "reading_features",
    "reading_tests",
    "reading_bugs",
    "reading_results",
    "sync",
    "benchmark",
    "instants",
    "words",
    "intervals",
    "frames",
    "completeness",
    "executed",
    "reasons",
    "catalog",
    "coverage",
    "summary",
    "trend",
    "shrinkage",
    "bugs",
    "triage",
    "results",
    "stories",
    "trends",
    "impact",
    "planning",
    "backtest",
    "answers",
    "overview",
    "definitions",
    "formats",
    "exports",
    "terminal",
    "render",
    "drawing",
    "plots",
    "plots_of_bugs",
    "notebooks",
    "markup",
    "pages",
    "reports",
    "export",
    "health",
    "demo",
    "cli",
    "__main__",
)
# The package's own __init__ is a list of names, resolved lazily; it stands outside the order.
OUTSIDE = {"__init__"}


def _rooms() -> list[str]:
    files = {path.stem for path in PACKAGE.glob("*.py")} - OUTSIDE
    return sorted(files | {"demo"})


def _imports(path: Path) -> set[str]:
    """Return the rooms of this package that a file imports, wherever in the file, type-only imports left out."""
    found = set()
    tree = ast.parse(path.read_text())
    typing_only = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]
    skipped = {id(inner) for node in typing_only for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "testio_analytics":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == "testio_analytics" and len(parts) > 1}
    return found


def test_every_room_has_its_place_in_the_order() -> None:
    """A new file must be given a place, and a place must not outlive its file."""
    assert sorted(ORDER) == _rooms()


@pytest.mark.parametrize("room", ORDER)
def test_nobody_imports_upwards(room: str) -> None:
    """A room imports only rooms before it in the order."""
    files = sorted((PACKAGE / room).rglob("*.py")) if room == "demo" else [PACKAGE / f"{room}.py"]
    allowed = set(ORDER[: ORDER.index(room)]) | ({"demo"} if room == "demo" else set())

    for file in files:
        assert _imports(file) <= allowed, file


def test_only_the_client_knows_http_and_only_the_store_writes_sql() -> None:
    """HTTP libraries are imported by the client alone (and the demo server), sqlite-utils by the store and migrations."""
    http = {
        p.stem
        for p in PACKAGE.glob("*.py")
        if re.search(r"^\s*(import|from) (httpx|requests|urllib3)", p.read_text(), re.M)
    }
    writers = {p.stem for p in PACKAGE.glob("*.py") if re.search(r"\.upsert_all\(|\.table\(", p.read_text())}

    assert http == {"client"}
    assert writers == {"store", "ledger"}


def test_no_room_is_named_utils() -> None:
    """A file is named by its subject."""
    assert not [path for path in PACKAGE.rglob("*.py") if re.fullmatch(r"utils?|helpers?|misc|common", path.stem)]


def test_exports_are_sorted_and_resolve() -> None:
    """Every public name can be reached, and the list of names is the list of what there is."""
    assert list(ta.__all__) == sorted(set(ta.__all__))
    for name in ta.__all__:
        assert getattr(ta, name) is not None
    assert set(ta.__all__) <= set(dir(ta))


def test_a_function_keeps_its_name_when_its_room_is_imported() -> None:
    """`ta.sync` is the function even after the file of the same name was imported."""
    code = "from testio_analytics.sync import SyncResult; import testio_analytics as ta; assert callable(ta.sync)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors() -> None:
    """A slip of the pen is told as such."""
    with pytest.raises(AttributeError, match="no attribute 'load_feetures'"):
        _ = ta.load_feetures


def test_help_imports_nothing_heavy() -> None:
    """The command line starts without pandas, httpx and friends."""
    code = (
        "import sys; from testio_analytics.cli import cli\n"
        "heavy = {'pandas', 'httpx', 'sqlite_utils', 'matplotlib', 'nbconvert', 'pydantic', 'starlette', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_answers_in_a_fifth_of_a_second() -> None:
    """`--help` takes under 0.2 s: the best of nine, because other work on the machine is not the command's."""
    command = [sys.executable, "-m", "testio_analytics", "--help"]
    subprocess.run(command, check=True, capture_output=True)
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)

    assert min(seconds) < 0.2


def test_every_dependency_says_why_it_is_there() -> None:
    """Each dependency in pyproject has its reason on the same line."""
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("]\n", 1)[0]
    lines = [line for line in block.splitlines() if line.strip()]

    assert len(lines) == len([r for r in requires("testio-analytics") or [] if "extra ==" not in r])
    assert all("#" in line for line in lines)


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers and the names that are resolved lazily are the same."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("testio_analytics.")
        for alias in node.names
    }

    assert imported == set(ta.__all__)
