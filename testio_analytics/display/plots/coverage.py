"""Report frames to pictures: a frame and an optional `ax` in, the `ax` out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testio_analytics.display.plots.style import (
    FAINT,
    GREEN,
    INK,
    LIGHT_GREEN,
    LONGEST_NAME,
    MIDDLE_GREEN,
    SOFT,
    STATE_COLOURS,
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
from testio_analytics.frames.instants import checked_days
from testio_analytics.reports.columns import STATE_WORDS
from testio_analytics.text import MONTHS, counted, day_words, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# -- plots ----------------------------------------------------------------------------------------------------------


@drawn_twice
def plot_states(coverage: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the states of all active features as one stacked bar per row of a coverage report, and return the axes.

    `coverage` is what `coverage_total`, `coverage_by_product` or `coverage_by_section` returns. Each bar is the whole
    of its row, so that small products can be read, too; the numbers in it are features. Rows with the most features
    that were never tested come first.
    """
    rows = coverage.assign(never=coverage["untested"] + coverage["planned"])
    rows = rows.sort_values(["never", "active_features"], ascending=False, na_position="last", kind="stable")
    names = [_named(row) for _, row in rows.iterrows()]
    alt = f"Active features by state. {'; '.join(_states_words(name, row) for name, row in _zip(names, rows))}."
    with drawing(ax, 0.75, alt, row=0.42, names=names) as axes:
        for place, (_, row) in zip(places(axes, names), rows.iterrows(), strict=True):
            stacked_bar(
                axes, place, {state: row[state] for state in STATE_COLOURS}, STATE_COLOURS, "no active features"
            )
        axes.set_xlim(0, 1)
        sizes = ["" if pd.isna(n) else f"{int(n):,}" for n in rows["active_features"]]
        rows_axis(axes, names, sizes)
        axes.set_xticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        colour_key(axes, _state_key(coverage))
    return axes


@drawn_twice
def plot_coverage_by_product(coverage: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw what share of each product's features was covered, at any time and recently, and return the axes.

    `coverage` is what `coverage_by_product` returns. The hatched part of a bar is what a gap may hide. Those with the most
    features that are not known to be covered come first: a product is not called badly covered because it has few.
    """
    return _plot_coverage(coverage, ax)


@drawn_twice
def plot_coverage_by_section(coverage: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the same as `plot_coverage_by_product` for what `coverage_by_section` returns, and return the axes."""
    return _plot_coverage(coverage, ax)


@drawn_twice
def plot_last_tested(catalog: pd.DataFrame, *, stale_after: float = 180, ax: Axes | None = None) -> Axes:
    """Draw how many days ago the features were last tested, and return the axes.

    `catalog` is what `feature_catalog` returns; `stale_after` must be the one that it was made with. Features that were
    never tested, or at an unknown date, have no bar: their number is written beside.
    """
    checked_days("stale_after", stale_after)
    dated = catalog[catalog["days_since_tested"].notna()]
    width = stale_after / 6
    # A feature tested exactly `stale_after` days ago is not stale, and must stand on that side of the line.
    days = dated["days_since_tested"].astype(float)
    days = days.where(dated["state"] != "tested", days.clip(upper=np.nextafter(stale_after, 0)))
    days = days.where(dated["state"] == "tested", days.clip(lower=stale_after))
    edges = np.arange(0, max(days.max() if len(days) else 0, stale_after) + 2 * width, width)
    edges = edges[:37]  # six times `stale_after`: what is older stands in the last bar
    fresh, stale = (_histogram(days[dated["state"] == state], edges) for state in ("tested", "stale"))
    with drawing(ax, 3.1, _age_words(catalog, dated, stale_after)) as axes:
        for counts, state in ((fresh, "tested"), (stale, "stale")):
            axes.bar(edges[:-1], counts, width=width, align="edge", color=STATE_COLOURS[state], edgecolor=WHITE)
        top = int(max([*fresh, *stale, 1]))
        _age_labels(axes, edges, fresh + stale, top)
        _age_axis(axes, edges, top, stale_after)
        colour_key(axes, _age_key(catalog, dated))
    return axes


@drawn_twice
def plot_coverage_over_time(trend: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the share of the features active then that was recently covered, at each month end, and return the axes.

    `trend` is what `coverage_over_time` returns. A dotted line above is what gaps may hide. The last point is the report date, not a month end.
    """
    with drawing(ax, 3.1, _trend_words(trend)) as axes:
        known = trend[trend["share"].notna()]
        until = known["until"].dt.tz_localize(None).to_numpy()
        share = known["share"].to_numpy(dtype=float)
        axes.plot(until, share, color=GREEN, linewidth=2, marker="o", markersize=4)
        if (known["covered_highest"] > known["covered"]).any():
            highest = known["covered_highest"] / known["active_features"]
            axes.plot(
                until, highest.to_numpy(dtype=float), color=STATE_COLOURS["unknown"], linewidth=1.2, linestyle=":"
            )
            colour_key(
                axes,
                [("Covered recently", GREEN), ("Dotted: at most, with what gaps may hide", STATE_COLOURS["unknown"])],
            )
        _trend_axis(axes, known)
    return axes


# -- parts of the plots ---------------------------------------------------------------------------------------------


def _zip(names: Sequence[str], rows: pd.DataFrame) -> Iterator[tuple[str, pd.Series[Any]]]:
    yield from zip(names, (row for _, row in rows.iterrows()), strict=True)


def _named(row: pd.Series[Any]) -> str:
    """Return the name of a row: the section with its product, else the product."""
    if "section" not in row:
        return drawable(row["product"], LONGEST_NAME)
    return f"{drawable(row['section'], LONGEST_NAME)}\n{drawable(row['product'], LONGEST_NAME)}"


def _word(state: str) -> str:
    return STATE_WORDS.get(state, state)


def _state_key(coverage: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the states that occur, with their number where no feature can be in two rows."""
    totals = {state: int(coverage[state].sum()) for state in STATE_COLOURS}
    is_distinct = "section" not in coverage
    return [
        (f"{total:,} {_word(state)}" if is_distinct else _word(state), STATE_COLOURS[state])
        for state, total in totals.items()
        if total
    ]


def _plot_coverage(coverage: pd.DataFrame, ax: Axes | None) -> Axes:
    rows = coverage.assign(left=coverage["active_features"] - coverage["ever_covered"].fillna(0))
    rows = rows.sort_values("left", ascending=False, na_position="last", kind="stable")
    names = [_named(row) for _, row in rows.iterrows()]
    alt = f"Coverage, the most features without a test first. {'; '.join(_coverage_words(name, row) for name, row in _zip(names, rows))}."
    with drawing(ax, 1.1, alt, row=0.56, names=names) as axes:
        for place, (_, row) in zip(places(axes, names), rows.iterrows(), strict=True):
            _bar_pair(axes, place, row)
        axes.set_xlim(0, 1)
        rows_axis(axes, names, [])
        _share_axis(axes, "x")
        axes.set_xlabel("Share of the active features")
        has_range = (rows["ever_covered_highest"] > rows["ever_covered"]).any() or (
            rows["recent_covered_highest"] > rows["recent_covered"]
        ).any()
        doubt = [("Hatched: unknown", STATE_COLOURS["unknown"])] if has_range else []
        colour_key(axes, [("Covered, all time", MIDDLE_GREEN), ("Covered recently", GREEN), *doubt])
    return axes


def _is_empty(row: pd.Series[Any]) -> bool:
    """Return whether a row of a coverage report is known to have no features."""
    return bool(pd.notna(row["active_features"]) and row["active_features"] == 0)


def _bar_pair(axes: Axes, place: float, row: pd.Series[Any]) -> None:
    """Draw one row: covered at any time above, recently covered below, each with gap and "k of n"."""
    whole = row["active_features"]
    if pd.isna(row["ever_share"]):
        text = "no active features" if _is_empty(row) else "unknown: not enough was read"
        axes.text(0.005, place, text, va="center_baseline", color=SOFT)
        return
    for kind, colour, edge, shift in (("ever", LIGHT_GREEN, MIDDLE_GREEN, -0.2), ("recent", GREEN, GREEN, 0.2)):
        share = float(row[f"{kind}_share"])
        highest = int(row[f"{kind}_covered_highest"]) / int(whole)
        axes.barh(place + shift, share, height=0.34, color=colour, edgecolor=edge, linewidth=1)
        if highest > share:
            look: dict[str, Any] = {
                "facecolor": "none",
                "edgecolor": STATE_COLOURS["unknown"],
                "hatch": "////",
                "linewidth": 0,
            }
            axes.barh(place + shift, highest - share, left=share, height=0.36, **look)
        text = f"{percent(share)}\N{EN SPACE}{int(row[f'{kind}_covered']):,} of {int(whole):,}"
        spot = ((1, place + shift), (8, 0), ("axes fraction", "data"), "offset points")
        axes.annotate(text, *spot, va="center_baseline", color=INK if kind == "recent" else SOFT, size=9)


def _share_axis(axes: Axes, which: str) -> None:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    labels = [f"{tick * 100:.0f} %" for tick in ticks]
    (axes.set_xticks if which == "x" else axes.set_yticks)(ticks, labels)
    axes.grid(axis=which, color=FAINT, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def _histogram(days: pd.Series[float], edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.histogram(days.clip(upper=edges[-1]), bins=edges)[0]


def _age_labels(axes: Axes, edges: np.ndarray[Any, Any], counts: np.ndarray[Any, Any], top: int) -> None:
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        if count:
            axes.text(
                (left + right) / 2,
                count + top * 0.02,
                f"{count:,}",
                ha="center",
                va="bottom",
                color=SOFT,
                size=9,
                rotation=90 if is_narrow(axes) else 0,
            )


def _age_axis(axes: Axes, edges: np.ndarray[Any, Any], top: int, stale_after: float) -> None:
    axes.axvline(stale_after, color=INK, linewidth=1.2)
    spot = ((stale_after, 1), (5, -2), ("data", "axes fraction"), "offset points")
    axes.annotate(f"stale after {stale_after:g} days", *spot, va="top", color=INK)
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(0, top * 1.22)
    step = (3 if len(edges) < 26 else 6) * (2 if is_narrow(axes) else 1)
    axes.set_xticks(edges[::step], [f"{edge:,.0f}" for edge in edges[::step]])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0)
    written_below(axes, "Days since the last executed test; height: features")


def _age_key(catalog: pd.DataFrame, dated: pd.DataFrame) -> list[tuple[str, str]]:
    entries = [
        (f"{(catalog['state'] == state).sum():,} {state}", STATE_COLOURS[state]) for state in ("tested", "stale")
    ]
    without = len(catalog) - len(dated)
    return [*entries, *([(f"{without:,} without a date, not shown", SOFT)] if without else [])]


def _trend_axis(axes: Axes, known: pd.DataFrame) -> None:
    axes.set_ylim(0, 1)
    _share_axis(axes, "y")
    ticks = known.iloc[:: max(1, -(-len(known) // (4 if is_narrow(axes) else 8)))]["until"]
    # A point at midnight on the first is the end of the month before.
    shown = [tick - pd.Timedelta(seconds=1) for tick in ticks]
    between = "\n" if is_narrow(axes) else " "
    words = [f"{MONTHS[tick.month - 1][:3]}{between}{tick.year}" for tick in shown]
    axes.set_xticks(ticks.dt.tz_localize(None).to_numpy(), words)
    axes.set_ylabel("Share of the features active then")
    if len(known):
        last = known.iloc[-1]
        text = f"{percent(float(last['share']))}\n{int(last['covered']):,} of {int(last['active_features']):,}"
        spot = (last["until"].tz_localize(None).to_numpy(), float(last["share"]))
        axes.annotate(
            text, spot, (8, 0), textcoords="offset points", va="center_baseline", color=GREEN, weight="bold", size=9
        )


# -- the same in words ----------------------------------------------------------------------------------------------


def _states_words(name: str, row: pd.Series[Any]) -> str:
    name = name.replace("\n", ", ")
    if pd.isna(row["active_features"]):
        return f"{name}: features never read"
    parts = [f"{int(row[state]):,} {_word(state)}" for state in STATE_COLOURS if row[state]]
    return f"{name}: {counted(int(row['active_features']), 'feature')}" + (f", {', '.join(parts)}" if parts else "")


def _coverage_words(name: str, row: pd.Series[Any]) -> str:
    name = name.replace("\n", ", ")
    if pd.isna(row["ever_share"]):
        return f"{name}: " + (
            "no active features" if row["active_features"] is not pd.NA and not row["active_features"] else "unknown"
        )
    ever, recent = (_share_words(row, kind) for kind in ("ever", "recent"))
    return f"{name}: all time {ever}, recently {recent}"


def _share_words(row: pd.Series[Any], kind: str) -> str:
    part, whole, highest = (int(row[n]) for n in (f"{kind}_covered", "active_features", f"{kind}_covered_highest"))
    more = f", up to {highest:,} with what gaps may hide" if highest > part else ""
    return f"{part:,} of {whole:,} ({percent(part / whole)}{more})"


def _age_words(catalog: pd.DataFrame, dated: pd.DataFrame, stale_after: float) -> str:
    counts = {state: int((catalog["state"] == state).sum()) for state in ("tested", "stale")}
    text = (
        f"Days since the last executed test: {counted(counts['tested'], 'feature')} tested in the last {stale_after:g} days, "
        f"{counts['stale']:,} longer ago"
    )
    if len(dated):
        days = dated["days_since_tested"]
        text += f"; median {float(days.median()):,.0f} days, at most {int(days.max()):,}"
    without = len(catalog) - len(dated)
    return text + (f"; {counted(without, 'feature')} without a date not shown." if without else ".")


def _trend_words(trend: pd.DataFrame) -> str:
    known = trend[trend["share"].notna()]
    if known.empty:
        return "Recently covered features over time: there are no active features."
    # A month ends where the next one begins, which readers know as its last day.
    days = [row["until"] - pd.Timedelta(microseconds=0 if row["is_partial"] else 1) for _, row in known.iterrows()]
    ends = [f"{_part_words(known.iloc[at])} on {day_words(days[at])}" for at in (0, -1)]
    path = ends[1] if len(known) == 1 else f"from {ends[0]} to {ends[1]}"
    return f"Share of the features active then that was recently covered, at each month end: {path}."


def _part_words(row: pd.Series[Any]) -> str:
    return f"{percent(float(row['share']))}, {int(row['covered']):,} of {int(row['active_features']):,},"
