"""A real JupyterLab with this package's extension in it, in a folder of its own, and its page in a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from waiting import wait_for

ROOT = Path(__file__).parents[2]
PATIENCE = 120_000  # milliseconds until the slowest machine has started it


def install_extension(data: Path) -> None:
    """Copy what an installed wheel has below `share/jupyter` into a data folder of Jupyter."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, place in wheel["shared-data"].items():
        target = data / Path(place).relative_to("share/jupyter")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, target)


@contextmanager
def started_lab(folder: Path, db: Path) -> Iterator[str]:
    """Start a server on a free port over `folder / "work"`, and end it in any case; yield its address."""
    (folder / "work").mkdir()
    install_extension(folder / "data")
    runtime = folder / "runtime"
    settings = {
        name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    }
    settings |= {"JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_RUNTIME_DIR": str(runtime)}
    settings |= {"JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "JUPYTER_NO_CONFIG": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--port=0"]
    command += [
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        f"--ServerApp.root_dir={folder / 'work'}",
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            env={**os.environ, **settings, "TESTIO_DB_PATH": str(db), "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(lambda: server.poll() is not None or any(runtime.glob("jpserver-*.json")), "the start of JupyterLab")
        assert server.poll() is None, (folder / "log").read_text()
        yield json.loads(next(runtime.glob("jpserver-*.json")).read_text())["url"]
    finally:
        server.terminate()
        server.wait()


@contextmanager
def opened_notebook(browser: Browser, address: str, name: str) -> Iterator[tuple[Page, list[str]]]:
    """Open a notebook; yield the page, and what it asks of other hosts and complains about."""
    context = browser.new_context(viewport={"width": 1280, "height": 4000})
    page, complaints = context.new_page(), list[str]()
    own = urlsplit(address).netloc
    page.on("request", lambda one: complaints.append(one.url) if urlsplit(one.url).netloc not in ("", own) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(f"{address}lab/tree/{name}?reset", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)
        page.wait_for_function("window.jupyterapp !== undefined", timeout=PATIENCE)
        yield page, complaints
    finally:
        context.close()
