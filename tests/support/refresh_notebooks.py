"""Run the notebooks on the demo account and store their outputs: `python tests/support/refresh_notebooks.py`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat

from testio_analytics.demo.run import sync_demo
from testio_analytics.pages.notebooks import notebook_paths, read_notebook, without_outputs

KEPT_METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
WIDGET = "application/vnd.jupyter.widget-view+json"


def refresh() -> None:
    """Execute every notebook in place, exactly as committed: no parameters are injected."""
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "demo.db"
        sync_demo(db)
        os.environ["TESTIO_DB_PATH"] = str(db)
        for path in notebook_paths().values():
            notebook = without_outputs(read_notebook(path))
            NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
            for number, cell in enumerate(notebook.cells):
                cell["id"] = f"cell-{number:02}"
                cell.metadata.pop("execution", None)
                if "outputs" in cell:  # widgets live in a running kernel only; elsewhere they read as an error
                    cell.outputs = [one for one in cell.outputs if WIDGET not in one.get("data", {})]
            notebook.metadata = nbformat.from_dict(KEPT_METADATA)  # type: ignore[no-untyped-call]
            nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    refresh()
