"""Plots of what tests found: bugs per feature, stories, triage, the course of time, and what to test next.

Each takes a report frame and an optional `ax`, and returns the `ax`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testio_analytics.display.plots.style import (
    BLUE,
    BUCKET_COLOURS,
    FAINT,
    INK,
    LIGHT_BLUE,
    LONGEST_NAME,
    RED,
    SOFT,
    STORY_COLOURS,
    WHITE,
    colour_key,
    drawable,
    drawing,
    drawn_twice,
    is_narrow,
    places,
    rows_axis,
    stacked_bar,
    written_below,
)
from testio_analytics.reports.backtest import BY_SEVERITY
from testio_analytics.reports.columns import BUCKET_WORDS
from testio_analytics.text import MONTHS, counted, interval_words, listed, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ABOVE, USUAL, LINE = RED, BLUE, SOFT
MOST_ROWS = 15
MOST_LABELS, MOST_NARROW_LABELS = 12, 5


@drawn_twice
def plot_bugs_per_feature(bugs: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the bugs per test of the features that have the most, and return the axes.

    `bugs` is what `bugs_per_feature` returns; its first 15 rows with a rank are drawn. The dot is the adjusted figure,
    the line its 95 % interval, the ring the raw figure, and the small upright stroke the average of the product.
    """
    rows = bugs[bugs["rank"].notna() & bugs["shrunk"].notna()].head(MOST_ROWS)
    names = [
        f"{drawable(row['feature'], LONGEST_NAME)}\n{drawable(row['product'], LONGEST_NAME)}" for row in _each(rows)
    ]
    words = [
        f"{row['feature']} ({row['product']}): {counted(int(row['bugs']), 'bug')} in "
        f"{counted(int(row['tests']), 'test')}, {row['shrunk']:.2f} per test "
        f"({row['shrunk_low']:.2f} to {row['shrunk_high']:.2f}), {row['signal']}"
        for row in _each(rows)
    ]
    alt = f"Bugs per test, the most first. {'; '.join(words) or 'No feature was tested yet'}."
    with drawing(ax, 1.1, alt, row=0.5, names=names) as axes:
        for place, row in zip(places(axes, names), _each(rows), strict=True):
            colour = ABOVE if row["signal"] == "above" else USUAL
            axes.plot([row["shrunk_low"], row["shrunk_high"]], [place, place], color=colour, linewidth=1.4)
            axes.plot(row["prior_mean"], place, marker="|", markersize=14, color=LINE)
            axes.plot(row["bugs_per_test"], place, marker="o", markersize=8, markerfacecolor=WHITE, color=colour)
            axes.plot(row["shrunk"], place, marker="o", markersize=7, color=colour)
        rows_axis(axes, names, [f"{int(row['bugs'])} in {int(row['tests'])}" for row in _each(rows)])
        axes.set_xlim(left=0)
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        written_below(
            axes, "Bugs per test; dot: adjusted, ring: raw, line: 95 % interval, stroke: the product's average"
        )
        colour_key(axes, [("Higher than product average", ABOVE), ("As expected", USUAL)])
    return axes


@drawn_twice
def plot_stories(stories: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the states of all active stories as one stacked bar per product, and return the axes.

    `stories` is what `story_coverage_by_product` returns. Each bar is the whole of its row; the numbers in it are
    stories. The products with the most stories that failed or never were in scope come first.
    """
    columns = {state: state.replace(", ", "_").replace(" ", "_") for state in STORY_COLOURS}
    rows = stories.sort_values(["failed", "stories"], ascending=False, kind="stable")
    names = [drawable(row["product"], LONGEST_NAME) for row in _each(rows)]
    parts = [{state: row[column] for state, column in columns.items()} for row in _each(rows)]
    words = [f"{row['product']}: {_parts_words(part)}" for row, part in zip(_each(rows), parts, strict=True)]
    alt = f"Active stories by state. {'; '.join(words)}."
    with drawing(ax, 0.75, alt, row=0.42, names=names) as axes:
        for place, part in zip(places(axes, names), parts, strict=True):
            stacked_bar(axes, place, part, STORY_COLOURS, "no active stories")
        axes.set_xlim(0, 1)
        rows_axis(axes, names, ["" if pd.isna(n) else f"{int(n):,}" for n in rows["stories"]])
        axes.set_xticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        totals = {state: sum(0 if pd.isna(part[state]) else int(part[state]) for part in parts) for state in columns}
        colour_key(axes, [(state.capitalize(), STORY_COLOURS[state]) for state, total in totals.items() if total])
    return axes


@drawn_twice
def plot_triage(triage: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the triage outcomes of the bugs of each month, as shares of all of them, and return the axes.

    `triage` is what `triage(mirror, by="month")` returns. Hatched months are provisional: their results are not
    final. The number on top counts the bugs.
    """
    rows = triage[triage["month"].notna() & (triage["total"].fillna(0) > 0)]
    words = [
        f"{row['month']}: {_parts_words({BUCKET_WORDS[b]: row[b] for b in BUCKET_COLOURS})}"
        + (" (provisional)" if row["is_provisional"] else "")
        for row in _each(rows)
    ]
    with drawing(ax, 3.2, f"Triage by month of the test. {'; '.join(words) or 'No bugs'}.") as axes:
        for place, row in enumerate(_each(rows)):
            bottom = 0.0
            for bucket, colour in BUCKET_COLOURS.items():
                share = int(row[bucket]) / int(row["total"])
                hatch = "////" if row["is_provisional"] else None
                axes.bar(place, share, bottom=bottom, width=0.82, color=colour, edgecolor=WHITE, hatch=hatch)
                bottom += share
            if not is_narrow(axes) or place in _labelled(axes, len(rows)):
                axes.text(place, 1.01, f"{int(row['total'])}", ha="center", va="bottom", color=SOFT, fontsize=9)
        axes.set_ylim(0, 1.08)
        axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        _month_axis(axes, [str(month) for month in rows["month"]])
        shown = [bucket for bucket in BUCKET_COLOURS if rows[bucket].sum()]
        colour_key(axes, [(BUCKET_WORDS[bucket].capitalize(), BUCKET_COLOURS[bucket]) for bucket in shown])
    return axes


@drawn_twice
def plot_trends(trends: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw executed tests and valid bugs over time, and return the axes.

    `trends` is what `trends(mirror)` returns. Bars are valid bugs, the line is executed tests; hatched bars are
    bins that are not over, or whose bugs may still change.
    """
    words = [
        f"{row['label']}: {'unknown' if pd.isna(row['bugs']) else counted(int(row['bugs']), 'bug')} in "
        f"{'unknown tests' if pd.isna(row['tests']) else counted(int(row['tests']), 'test')}"
        for row in _each(trends)
    ]
    with drawing(ax, 3.2, f"Bugs and tests over time. {'; '.join(words) or 'Nothing was tested yet'}.") as axes:
        for place, row in enumerate(_each(trends)):
            is_open = bool(row["is_partial"]) or bool(row["is_provisional"])
            if pd.notna(row["bugs"]):
                hatch = "////" if is_open else None
                axes.bar(place, float(row["bugs"]), width=0.82, color=LIGHT_BLUE, edgecolor=BLUE, hatch=hatch)
        bins = np.arange(len(trends))
        tests = trends["tests"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        axes.plot(bins, tests, color=ABOVE, linewidth=1.8, marker="o", markersize=4)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        _month_axis(axes, [str(label) for label in trends["label"]])
        colour_key(axes, [("Valid bugs", BLUE), ("Executed tests", ABOVE)])
    return axes


@drawn_twice
def plot_next_tests(ranking: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the bugs that a test of the first features would find, with their interval, and return the axes.

    `ranking` is what `next_tests` returns; its first 15 rows are drawn. The bar is the expected number, the upright stroke
    what the product's rate alone would give, the line the 95 % interval of what the next test finds.
    """
    rows = ranking[ranking["expected_bugs"].notna()].head(MOST_ROWS)
    names = [
        f"{drawable(row['feature'], LONGEST_NAME)}\n{drawable(row['product'], LONGEST_NAME)}" for row in _each(rows)
    ]
    words = [
        f"{int(row['rank'])}. {row['feature']} ({row['product']}): {row['expected_bugs']:.2f} bugs "
        f"({row['expected_low']:.0f} to {row['expected_high']:.0f}), by severity {row['expected_weighted']:.2f}"
        for row in _each(rows)
    ]
    alt = f"Bugs that a test would find now, the most first. {'; '.join(words) or 'No test was read yet'}."
    with drawing(ax, 1.1, alt, row=0.5, names=names) as axes:
        for place, row in zip(places(axes, names), _each(rows), strict=True):
            axes.barh(place, row["expected_bugs"], height=0.62, color=LIGHT_BLUE)
            axes.plot([row["expected_low"], row["expected_high"]], [place, place], color=USUAL, linewidth=1.6)
            axes.plot([row["part_product"]] * 2, [place - 0.31, place + 0.31], color=INK, linewidth=2)
        axes.set_xlim(left=0)
        rows_axis(axes, names, [f"{row['expected_weighted']:.2f}" for row in _each(rows)])
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        written_below(axes, "Bugs of a test now; line: 95 % of next tests; at the right: by severity")
        colour_key(axes, [("Expected bugs", LIGHT_BLUE), ("Product's rate alone", INK)])
    return axes


@drawn_twice
def plot_backtest(summary: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how large a share of a month's bugs each list would have had among its first features, and return the axes.

    `summary` is what `backtest_summary` returns; its rows with the most features, by severity, are drawn. The line is the
    95 % interval.
    """
    summary = summary[summary["found"].notna()]
    summary = summary[(summary["top"] == summary["top"].max()) & (summary["counted"] == BY_SEVERITY)]
    names = [drawable(row["ranking"], LONGEST_NAME) for row in _each(summary)]
    words = [
        f"{row['ranking']}: {percent(float(row['found']))}"
        + ("" if pd.isna(row["low"]) else f" ({interval_words(row['low'], row['high'])})")
        for row in _each(summary)
    ]
    alt = f"Share of a month's bugs by severity that each list had. {'; '.join(words) or 'No past month to use'}."
    with drawing(ax, 0.9, alt, row=0.42, names=names) as axes:
        for place, row in zip(places(axes, names), _each(summary), strict=True):
            colour = USUAL if place == 0 else LINE
            if pd.notna(row["low"]):
                axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.6)
            axes.plot(row["found"], place, marker="o", markersize=8, color=colour)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.grid(axis="x", color=FAINT, linewidth=0.6)
        rows_axis(axes, names, [percent(float(row["found"])) for row in _each(summary)])
    return axes


# -- parts of the plots ---------------------------------------------------------------------------------------------


def _each(rows: pd.DataFrame) -> list[Any]:
    return [row for _, row in rows.iterrows()]


def _parts_words(parts: Mapping[str, Any]) -> str:
    return listed([f"{int(n):,} {name}" for name, n in parts.items() if pd.notna(n) and n], most=9) or "none"


def _month_axis(axes: Axes, labels: Sequence[str]) -> None:
    """Write the bins below the plot, with as many labels as fit; the last one always has its own."""
    shown = _labelled(axes, len(labels))
    axes.set_xticks(shown, [_bin_words(labels[place]) for place in shown])
    axes.set_xlim(-0.6, max(len(labels), 1) - 0.4)
    axes.tick_params(axis="x", length=0)


def _labelled(axes: Axes, bins: int) -> list[int]:
    """Return the bins that have a label, as many as fit, the last one among them."""
    step = -(-bins // (MOST_NARROW_LABELS if is_narrow(axes) else MOST_LABELS)) or 1
    return [place for place in range(bins) if (bins - 1 - place) % step == 0]


def _bin_words(label: str) -> str:
    year, _, part = label.partition("-")
    return f"{MONTHS[int(part) - 1][:3]}\n{year}" if part.isdigit() else f"{part}\n{year}"
