"""What all plots share: the style, and the parts from which they are put together.

Each plot has a text for those who cannot see it, computed from the same numbers (`alt_text`). Names come from the
API and are drawn as they are: no mathematics in them, characters that the font lacks replaced, long ones shortened.
On axes as narrow as a phone the names of rows stand above their bars, and what is written below and above is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial, wraps
from textwrap import fill
from typing import TYPE_CHECKING, Any, ParamSpec
from weakref import WeakKeyDictionary

from testio_analytics.display.cells import is_missing
from testio_analytics.errors import ReportError
from testio_analytics.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, FAINT = "#1b1f24", "#57606a", "#d8dee4"
RED, AMBER, GREEN, BLUE, VIOLET, GREY = "#b3261e", "#8a5a00", "#00694b", "#0b5cad", "#5b4b8a", "#6b7280"
MIDDLE_GREEN, WHITE = "#3b7d69", "#ffffff"
"""The colours of Okabe and Ito, darkened until white text on them is readable, and never the only sign."""

LIGHT_BLUE, LIGHT_GREEN = "#cfe2f3", "#cfe8df"
"""Fillings within an edge of the full colour, which alone stands out from the ground."""

DARK: Mapping[str, str] = {
    WHITE: "#0d1117",
    INK: "#e6edf3",
    SOFT: "#9da7b3",
    FAINT: "#30363d",
    RED: "#ff8a80",
    AMBER: "#e3b341",
    GREEN: "#56d4a9",
    BLUE: "#79b8ff",
    VIOLET: "#c4b5fd",
    GREY: "#aab4c0",
    MIDDLE_GREEN: "#8fc7b4",
    LIGHT_BLUE: "#1c3a57",
    LIGHT_GREEN: "#17402f",
}
"""What stands for each colour on a dark ground: that of a page, whose white text on a colour becomes dark as well."""

STATE_COLOURS: Mapping[str, str] = {
    "untested": RED,
    "planned": BLUE,
    "unknown": VIOLET,
    "stale": AMBER,
    "tested": GREEN,
}
"""One colour per state, in the order of the bars: never tested, then unknown, then tested at some time."""

STORY_COLOURS: Mapping[str, str] = {
    "failed": RED,
    "blocked": AMBER,
    "passed": GREEN,
    "in scope, not run": BLUE,
    "never in scope": GREY,
    "unknown": VIOLET,
}
BUCKET_COLOURS: Mapping[str, str] = {
    "active_accepted": GREEN,
    "auto_accepted": AMBER,
    "accepted_unclear": GREY,
    "rejected": RED,
    "open": BLUE,
    "other": VIOLET,
}
FONT = "DejaVu Sans"
STYLE: Mapping[str, Any] = {
    "font.family": FONT,
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": SOFT,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "figure.facecolor": WHITE,
    "hatch.linewidth": 0.6,
}
WIDTH, NARROW_WIDTH = 7.36, 3.4
"""Inches; at 100 points to the inch as wide as the column of a page, and somewhat less than a phone."""

NARROW_AXES = 4.0
"""Inches; what is drawn on axes narrower than this is drawn as for a phone."""

SCREEN = 100
"""Pixels of a page to the inch."""

NARROW_LINE, MOST_LINE = 0.5, 36
"""How much of a row's height a line of its name takes above it, and the characters of a line, on narrow axes."""

MORE_HEIGHT = 0.4
"""Inches that a narrow plot is higher, for what breaks into several lines."""

_width: ContextVar[float] = ContextVar("width", default=WIDTH)
_again: WeakKeyDictionary[Any, Callable[[], Any]] = WeakKeyDictionary()

Parameters = ParamSpec("Parameters")

LONGEST_NAME = 30
DIGIT, MARGIN = 0.015, 0.008
"""How much of the width a digit takes, and the space around a number: a bar narrower than its number has none."""

LONGEST_KEY, LONGEST_NARROW_KEY, KEY_GAP = 56, 28, 2
"""Characters in one line of a colour key, the gap between two names counted as some of them."""


def alt_text(ax: Axes) -> str:
    """Return what a plot shows, in words.

    Raises:
        ReportError: no plot function drew it.
    """
    text = str(ax.get_label())
    if not text:
        raise ReportError("These axes have no text for those who cannot see them; draw them with a plot_ function.")
    return text


def drawn_twice(plot: Callable[Parameters, Axes]) -> Callable[Parameters, Axes]:
    """Make a plot function one whose plot can be drawn again for a phone, unless it drew on axes of the user."""

    @wraps(plot)
    def drawn(*args: Parameters.args, **options: Parameters.kwargs) -> Axes:
        axes = plot(*args, **options)
        if options.get("ax") is None:
            _again[axes] = partial(plot, *args, **options)
        return axes

    return drawn


def drawn_narrow(ax: Axes) -> Axes | None:
    """Return the same plot on axes as wide as a phone; None for axes of the user."""
    again = _again.get(ax)
    if again is None:
        return None
    token = _width.set(NARROW_WIDTH)
    try:
        return again()  # type: ignore[no-any-return]
    finally:
        _width.reset(token)


def is_narrow(axes: Axes) -> bool:
    """Return whether the axes are too narrow for names beside the rows."""
    return bool(axes.get_window_extent().width / axes.get_figure(root=True).dpi < NARROW_AXES)  # type: ignore[union-attr]


@contextmanager
def drawing(ax: Axes | None, height: float, alt: str, *, row: float = 0.0, names: Sequence[str] = ()) -> Iterator[Axes]:
    """Give axes to draw on, in our style whatever the user's is, and write the text of the plot to them.

    A figure that is made for it is `height` inches high, and `row` more for each name of a row.
    """
    from matplotlib import pyplot as plt
    from matplotlib import style

    with style.context(["default", dict(STYLE)]):
        if ax is None:
            narrow = _width.get() < NARROW_AXES
            height += row * (1 + lines_of(names) * NARROW_LINE * narrow) * max(len(names), 1) + MORE_HEIGHT * narrow
            _, ax = plt.subplots(figsize=(_width.get(), height), layout="constrained")
        yield ax
        ax.set_label(alt)


def drawable(text: str, longest: int | None = None) -> str:
    """Return text on one line, without characters that the font cannot draw, and shortened when it is too long."""
    known = _glyphs()
    line = "".join(char if ord(char) in known else "□" for char in " ".join(str(text).split()))
    return line if longest is None else short(line, longest)


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT)).get_charmap())


def lines_of(names: Sequence[str]) -> int:
    """Return of how many lines the longest of the names is."""
    return max((name.count("\n") + 1 for name in names), default=0)


def places(axes: Axes, names: Sequence[str]) -> list[float]:
    """Return the heights at which rows of these names stand, the first one on top; on narrow axes with room above."""
    step = 1 + (lines_of(names) * NARROW_LINE if is_narrow(axes) else 0)
    return [row * step for row in range(len(names))]


def rows_axis(axes: Axes, names: Sequence[str], sizes: Sequence[str]) -> None:
    """Write the names of the rows at the left, or above on narrow axes, and their sizes at the right."""
    rows = places(axes, names)
    above = lines_of(names) * NARROW_LINE if is_narrow(axes) else 0
    axes.set_ylim((rows or [0])[-1] + 0.5, -0.5 - above)
    axes.set_yticks([] if is_narrow(axes) else rows, [] if is_narrow(axes) else names, parse_math=False, color=INK)
    axes.tick_params(axis="y", length=0)
    for row, name in zip(rows, names if is_narrow(axes) else [], strict=False):
        spot = ((0, row - 0.4), (0, 2), ("axes fraction", "data"), "offset points")
        axes.annotate(name, *spot, va="bottom", color=INK, parse_math=False)
    for row, size in zip(rows, sizes, strict=False):
        axes.annotate(
            size, (1, row), (6, 0), ("axes fraction", "data"), "offset points", va="center_baseline", color=SOFT
        )


def written_below(axes: Axes, text: str) -> None:
    """Write what the axis shows below it, in as many lines as it needs."""
    axes.set_xlabel(fill(text, MOST_LINE) if is_narrow(axes) else text)


def stacked_bar(axes: Axes, place: float, parts: Mapping[str, Any], colours: Mapping[str, str], empty: str) -> None:
    """Draw one row as shares of its sum, with each number inside where that fits; `empty` is said of a row of none."""
    numbers = {name: 0 if is_missing(n) else int(n) for name, n in parts.items()}
    whole = sum(numbers.values())
    if not whole:
        text = "unknown: not enough was read" if all(map(is_missing, parts.values())) else empty
        axes.text(0.005, place, text, va="center_baseline", color=SOFT)
        return
    left, scale = 0.0, WIDTH / NARROW_WIDTH if is_narrow(axes) else 1.0
    for name, number in numbers.items():
        share, text = number / whole, f"{number:,}"
        axes.barh(place, share, left=left, height=0.68, color=colours[name], edgecolor=WHITE, linewidth=1)
        if share >= (DIGIT * len(text) + MARGIN) * scale:
            axes.text(left + share / 2, place, text, ha="center", va="center_baseline", color=WHITE)
        left += share


def colour_key(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Write the names of the colours in their colours above the plot, in as many lines as they need."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker

    lines: list[list[Any]] = [[]]
    length, longest = 0, LONGEST_NARROW_KEY if is_narrow(axes) else LONGEST_KEY
    for name, colour in entries:
        text = fill(name, longest)
        if lines[-1] and length + len(text) > longest:
            lines.append([])
            length = 0
        length += len(text) + KEY_GAP
        style = {"color": colour, "weight": "bold", "size": 10, "parse_math": False}
        lines[-1].append(TextArea(text, textprops=style))
    if entries:
        packed: list[Any] = [HPacker(children=line, pad=0, sep=14) for line in lines]
        place: dict[str, Any] = {"bbox_to_anchor": (0, 1), "bbox_transform": axes.transAxes, "borderpad": 0.3, "pad": 0}
        box = VPacker(children=packed, pad=0, sep=4)
        axes.add_artist(AnchoredOffsetbox("lower left", child=box, frameon=False, **place))
