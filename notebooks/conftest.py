"""Under pytest the notebooks run on the demo account, which is found as the default database."""

from __future__ import annotations

import os
from typing import Any

import pytest
from nbval.plugin import IPyNbFile

from shared_demo import demo_mirror, share_folder

share_folder()


def pytest_itemcollected(item: pytest.Item) -> None:
    """A notebook starts a kernel, which takes its time."""
    item.add_marker(pytest.mark.slow)


def pytest_collectstart(collector: Any) -> None:
    """Compare no picture: another processor may round a line differently. Its text holds the figures, and is compared."""
    if isinstance(collector, IPyNbFile):
        collector.skip_compare += ("image/svg+xml",)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Name the database before the notebook's kernel starts, which inherits the variable."""
    os.environ["TESTIO_DB_PATH"] = str(demo_mirror())
