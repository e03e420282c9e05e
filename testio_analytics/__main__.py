"""Entry of ``python -m testio_analytics`` and of the command ``testio-analytics``."""

from __future__ import annotations

from testio_analytics.cli import cli
from testio_analytics.console import prepare_streams, stop_on_signals


def main() -> None:
    """Run the command line."""
    prepare_streams()
    stop_on_signals()
    cli(prog_name="testio-analytics")


if __name__ == "__main__":
    main()
