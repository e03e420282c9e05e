"""What the package exports, and how little it needs to start; the layers are a contract of import-linter."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import testio_analytics as ta

PACKAGE = Path(ta.__file__).parent


def test_data_flows_one_way() -> None:
    """The contracts in pyproject hold: a layer imports only the layers below it."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_only_the_client_knows_http_and_only_the_store_writes_sql() -> None:
    """HTTP libraries are imported by the client and its route alone, sqlite-utils writes in a few modules of the mirror alone."""
    texts = {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in PACKAGE.rglob("*.py")}
    texts = {name: text for name, text in texts.items() if not name.startswith("demo/")}

    http = {
        name for name, text in texts.items() if re.search(r"^\s*(import|from) (httpx|requests|urllib3)", text, re.M)
    }
    del texts["frames/search.py"]  # makes an index in memory
    writers = {name for name, text in texts.items() if re.search(r"\.upsert_all\(|\.table\(", text)}
    # Messages go out through apprise; what comes of one is watched in the library that it sends with.
    assert http == {"api/client.py", "api/route.py", "display/exchanges.py"}
    assert writers == {f"mirror/{name}.py" for name in ("store", "ledger", "redaction", "migrations")}


def test_a_module_is_named_by_its_subject() -> None:
    """No drawer for what has no place."""
    assert not [path for path in PACKAGE.rglob("*.py") if re.fullmatch(r"utils?|helpers?|misc|common", path.stem)]


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_a_stage_says_what_goes_in_and_comes_out(folder: str) -> None:
    """The folder's docstring says it, and nothing is exported a second time."""
    text = (PACKAGE / folder / "__init__.py").read_text()

    assert re.search(r" out[.;]", text)
    assert "import" not in text or folder == "fleet"  # `ta.fleet.run` is the promised name of one function


def test_exports_are_sorted_and_resolve() -> None:
    """Every public name can be reached, and the list of names is the list of what there is."""
    assert sorted(ta.__all__) == sorted(set(ta.__all__))
    for name in ta.__all__:
        assert getattr(ta, name) is not None
    assert set(ta.__all__) == set(dir(ta))


def test_unknown_names_are_attribute_errors() -> None:
    """A slip of the pen is told as such."""
    with pytest.raises(AttributeError, match="load_feetures"):
        _ = ta.load_feetures  # type: ignore[attr-defined]


def test_help_imports_nothing_heavy() -> None:
    """The command line starts without pandas, httpx and friends."""
    code = (
        "import sys; from testio_analytics.cli import cli\n"
        "heavy = {'pandas', 'httpx', 'sqlite_utils', 'matplotlib', 'nbconvert', 'pydantic', 'starlette', 'asyncio'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_dependency_says_why_it_is_there() -> None:
    """Each dependency in pyproject has its reason on the same line."""
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    block = text.split("dependencies = [", 1)[1].split("]\n", 1)[0]
    lines = [line for line in block.splitlines() if line.strip()]

    assert len(lines) == len([r for r in requires("testio-analytics") or [] if "extra ==" not in r])
    assert all("#" in line for line in lines)
