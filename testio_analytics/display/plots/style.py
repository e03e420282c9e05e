"""What all plots share: the style, a picture with its text, and the parts from which they are put together.

Each picture has a text for those who cannot see it, computed from the same numbers (`alt_text`). Names come from the
API and are drawn as they are: no mathematics in them, characters that the font lacks replaced, long ones shortened.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from testio_analytics.display.cells import is_missing
from testio_analytics.errors import ReportError
from testio_analytics.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, FAINT = "#1b1f24", "#57606a", "#d8dee4"
RED, AMBER, GREEN, BLUE, VIOLET, GREY = "#b3261e", "#8a5a00", "#00694b", "#0b5cad", "#5b4b8a", "#6b7280"
LIGHT_BLUE, LIGHT_GREEN, MIDDLE_GREEN = "#9cc3e6", "#9ccfbd", "#3b7d69"
"""The colours of Okabe and Ito, darkened until white text on them is readable, and never the only sign."""

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
    "figure.facecolor": "white",
    "hatch.linewidth": 0.6,
}
WIDTH = 7.36
"""Inches; at 100 points to the inch as wide as the column of a page."""

SCREEN, SHARPNESS = 100, 2
"""Pixels of a page to the inch, and pixels of the picture to each of them."""

LONGEST_NAME = 30
DIGIT, MARGIN = 0.015, 0.008
"""How much of the width a digit takes, and the space around a number: a bar narrower than its number has none."""

LONGEST_KEY, KEY_GAP = 56, 2
"""Characters in one line of a colour key, the gap between two names counted as some of them."""


@dataclass(frozen=True)
class Picture:
    """A drawn figure as an image with its text, for a notebook or a page."""

    png: bytes = field(repr=False)
    alt: str
    width: int
    height: int

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        data = {"image/png": b64encode(self.png).decode("ascii"), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "width": self.width, "height": self.height}}


def picture(ax: Axes) -> Picture:
    """Return the figure of a plot as an image, and close it, so that a notebook does not show it a second time.

    The same plot gives the same bytes.

    Raises:
        ReportError: the axes have no text, because no plot function drew them.
    """
    from matplotlib import pyplot as plt
    from matplotlib import style

    alt, figure = alt_text(ax), ax.get_figure(root=True)
    if figure is None:
        raise ReportError("The axes belong to no figure any more; draw the plot again.")
    buffer = BytesIO()
    with style.context(["default", dict(STYLE)]):
        figure.savefig(buffer, format="png", dpi=SCREEN * SHARPNESS, metadata={"Software": None})
    width, height = (round(inches * SCREEN) for inches in figure.get_size_inches())
    plt.close(figure)
    return Picture(buffer.getvalue(), alt, width, height)


def alt_text(ax: Axes) -> str:
    """Return what a plot shows, in words.

    Raises:
        ReportError: no plot function drew it.
    """
    text = str(ax.get_label())
    if not text:
        raise ReportError("These axes have no text for those who cannot see them; draw them with a plot_ function.")
    return text


@contextmanager
def drawing(ax: Axes | None, height: float, alt: str) -> Iterator[Axes]:
    """Give axes to draw on, in our style whatever the user's is, and write the text of the plot to them."""
    from matplotlib import pyplot as plt
    from matplotlib import style

    with style.context(["default", dict(STYLE)]):
        if ax is None:
            _, ax = plt.subplots(figsize=(WIDTH, height), layout="constrained")
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


def rows_axis(axes: Axes, names: Sequence[str], sizes: Sequence[str]) -> None:
    """Write the names of the rows at the left, first row on top, and their sizes at the right."""
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names, parse_math=False, color=INK)
    axes.tick_params(axis="y", length=0)
    for place, size in enumerate(sizes):
        axes.annotate(
            size, (1, place), (6, 0), ("axes fraction", "data"), "offset points", va="center_baseline", color=SOFT
        )


def stacked_bar(axes: Axes, place: int, parts: Mapping[str, Any], colours: Mapping[str, str], empty: str) -> None:
    """Draw one row as shares of its sum, with each number inside where that fits; `empty` is said of a row of none."""
    numbers = {name: 0 if is_missing(n) else int(n) for name, n in parts.items()}
    whole = sum(numbers.values())
    if not whole:
        text = "unknown: not enough was read" if all(map(is_missing, parts.values())) else empty
        axes.text(0.005, place, text, va="center_baseline", color=SOFT)
        return
    left = 0.0
    for name, number in numbers.items():
        share, text = number / whole, f"{number:,}"
        axes.barh(place, share, left=left, height=0.68, color=colours[name], edgecolor="white", linewidth=1)
        if share >= DIGIT * len(text) + MARGIN:
            axes.text(left + share / 2, place, text, ha="center", va="center_baseline", color="white")
        left += share


def colour_key(axes: Axes, entries: Sequence[tuple[str, str]]) -> None:
    """Write the names of the colours in their colours above the plot, in as many lines as they need."""
    from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker

    lines: list[list[Any]] = [[]]
    length = 0
    for text, colour in entries:
        if lines[-1] and length + len(text) > LONGEST_KEY:
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
