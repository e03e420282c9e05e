"""Entry of ``python -m testio_analytics`` and of the command ``testio-analytics``."""

from __future__ import annotations

from testio_analytics.cli import cli


def main() -> None:
    """Run the command line."""
    cli(prog_name="testio-analytics")


if __name__ == "__main__":
    main()
