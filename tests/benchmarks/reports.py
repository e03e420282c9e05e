"""How long the reports of large accounts take: loading and each report, beside `fetchall` of the same tables.

The demo account's rows are copied 4 and 40 times with shifted ids (×40: 360 products, 18,160 features, 19,960 tests,
100,920 bugs). Each account is loaded and reported in a process of its own, all reports one after the other on one
mirror; what a report computes first, the later ones may use. Run it by hand::

    python tests/benchmarks/reports.py [--copies 4 40 400] [--folder DIR] [--report NAME]

Seconds are those of the processor, so that a busy machine tells the same. With `--folder` the databases are kept there and used again. The exit code is 1 when a figure is over its limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

JUDGED = 40
"""The account for which there are limits; growth is counted from one of a tenth of its rows."""

MOST_LOADING, MOST_REPORTS, MOST_MEGABYTES, MOST_GROWTH = 2.0, 15.0, 450, 11.0


@dataclass(frozen=True)
class Figures:
    """What was measured for one account, in the processor's seconds and megabytes.

    `seconds` are those of the clock for loading and all reports; `megabytes` is the peak of the whole process.
    """

    rows: str
    loading: float
    loaded_megabytes: float
    reports: dict[str, float]
    seconds: float
    megabytes: float
    fetching: dict[str, float]

    @property
    def fetchall(self) -> float:
        """Seconds for `fetchall` of all tables."""
        return sum(self.fetching.values())

    @property
    def total(self) -> float:
        """Seconds for all reports."""
        return sum(self.reports.values())


def build(folder: Path, copies: int) -> Path:
    """Return the database with so many copies of the demo account, made unless it is there already."""
    from copies import copy_rows
    from testio_analytics.demo.run import sync_demo

    origin, target = folder / "demo.db", folder / f"demo-times-{copies}.db"
    if not origin.exists():
        sync_demo(origin)
    if not target.exists():
        unfinished = target.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        copy_rows(origin, unfinished, copies)
        unfinished.rename(target)
    return target


def fetch(db: Path) -> dict[str, float]:
    """Return the seconds that `fetchall` of each table takes, without its payloads."""
    from testio_analytics.mirror.database import connect_read_only
    from testio_analytics.mirror.schema import ALL_TABLES

    seconds = {}
    with closing(connect_read_only(db)) as connection:
        for table in ALL_TABLES:
            names = ", ".join(f'"{name}"' for name in table.column_names if name != "raw_data")
            statement = f'SELECT {names} FROM "{table.name}" ORDER BY {", ".join(table.key)}'
            seconds[table.name], _ = _timed(lambda statement=statement: connection.execute(statement).fetchall())
    return seconds


def report(db: Path, chosen: Collection[str]) -> dict[str, Any]:
    """Load the mirror, make the reports, and return what that took."""
    from testio_analytics.frames.loaders import load_mirror
    from testio_analytics.reports.registry import REPORTS

    began = time.perf_counter()
    loading, mirror = _timed(lambda: load_mirror(db))
    loaded_megabytes = _peak_megabytes()
    counts = (f"{len(getattr(mirror, name)):,} {name}" for name in ("products", "features", "tests", "bugs"))
    reports = {}
    for name, report in REPORTS.items():
        if not chosen or name in chosen:
            reports[name], _ = _timed(partial(report.function, mirror))
    return {
        "rows": ", ".join(counts),
        "loading": loading,
        "loaded_megabytes": loaded_megabytes,
        "reports": reports,
        "seconds": time.perf_counter() - began,
        "megabytes": _peak_megabytes(),
    }


def _timed(function: Callable[..., Any]) -> tuple[float, Any]:
    """Return the processor's seconds, which other processes do not lengthen, and what the function returned."""
    began = time.process_time()
    answer = function()
    return time.process_time() - began, answer


def _peak_megabytes() -> float:
    """Return the highest resident memory of this process so far, as Linux tells it."""
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    return int(peak[1]) / 1024


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process, so that its memory is its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def measure(folder: Path, copies: int, chosen: Collection[str]) -> Figures:
    """Build one account and measure it."""
    db = _alone(build, folder, copies)
    figures = Figures(fetching=_alone(fetch, db), **_alone(report, db, chosen))
    print(
        f"×{copies}: {figures.rows}; {db.stat().st_size / 2**20:,.0f} MB\n"
        f"  loading {figures.loading:.2f} s ({figures.loaded_megabytes:.0f} MB), fetchall {figures.fetchall:.2f} s; "
        f"reports {figures.total:.2f} s; {figures.seconds:.2f} s by the clock; peak {figures.megabytes:.0f} MB",
        flush=True,
    )
    return figures


def _print_reports(measured: dict[int, Figures]) -> None:
    """Print one line per report: seconds in each account, growth from first to last, `fetchall` of its tables."""
    first, last = next(iter(measured.values())), list(measured.values())[-1]
    print(
        f"\n{'report':<30}"
        + "".join(f"{f'×{copies} s':>10}" for copies in measured)
        + f"{'growth':>10}{'fetchall s':>12}"
    )
    for name, seconds in last.reports.items():
        times = "".join(f"{figures.reports[name]:>10.3f}" for figures in measured.values())
        print(f"{name:<30}{times}{seconds / first.reports[name]:>10.1f}{_fetching_of(name, last):>12.3f}")


def _fetching_of(name: str, figures: Figures) -> float:
    """Return the seconds for `fetchall` of the tables of the streams that a report rests on."""
    from testio_analytics.mirror.schema import TABLES
    from testio_analytics.reports.registry import REPORTS

    streams = {"products", *REPORTS[name].streams}
    return sum(seconds for table, seconds in figures.fetching.items() if TABLES[table].stream in streams)


def _judge(small: Figures | None, large: Figures) -> bool:
    """Print the figures that have a limit beside it, and return whether all hold."""
    lines = [
        ("loading, s", large.loading, MOST_LOADING),
        ("all reports, s", large.total, MOST_REPORTS),
        ("peak, MB", large.megabytes, MOST_MEGABYTES),
    ]
    if small is not None:
        lines += [
            ("growth of loading", large.loading / small.loading, MOST_GROWTH),
            ("growth of all reports", large.total / small.total, MOST_GROWTH),
        ]
    print()
    for what, value, limit in lines:
        print(f"{what:<24}{value:>10.2f}  limit {limit:g}{'' if value <= limit else '  OVER'}")
    return all(value <= limit for _, value, limit in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print each figure beside its limit, and return the exit code."""
    parser = argparse.ArgumentParser(description="Measure loading and all reports of large accounts.")
    parser.add_argument("--copies", type=int, nargs="+", default=[JUDGED // 10, JUDGED], help="4 and 40 by default")
    parser.add_argument("--folder", type=Path, help="keep the databases there")
    parser.add_argument("--report", action="append", default=[], help="only this one; may be repeated")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measured = {copies: measure(folder, copies, options.report) for copies in options.copies}
    _print_reports(measured)
    is_fine = JUDGED not in measured or _judge(measured.get(JUDGED // 10), measured[JUDGED])
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
