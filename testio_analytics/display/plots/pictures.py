"""A plot as a picture with its text: drawn for the column of a page, and once more for the width of a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testio_analytics.display.plots.style import DARK, SCREEN, STYLE, alt_text, drawn_narrow
from testio_analytics.errors import ReportError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SVG = "image/svg+xml"
"""The kind of our pictures in a notebook."""


@dataclass(frozen=True)
class Drawing:
    """One drawing as SVG, with its size in pixels of a page."""

    svg: str
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """A drawn plot with its text, for a notebook or a page; `narrow` is the same plot drawn for a phone."""

    wide: Drawing
    narrow: Drawing | None
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, str], dict[str, Any]]:
        metadata: dict[str, Any] = {"alt": self.alt, "width": self.wide.width, "height": self.wide.height}
        if self.narrow:
            metadata["narrow"] = dict(vars(self.narrow))
        return {SVG: self.wide.svg, "text/plain": self.alt}, {SVG: metadata}


def picture(ax: Axes) -> Picture:
    """Return the figure of a plot as an image, and close it, so that a notebook does not show it a second time.

    The image is SVG, in colours for a light and for a dark ground. The same plot gives the same text.

    Raises:
        ReportError: the axes have no text, because no plot function drew them.
    """
    alt, figure, narrow = alt_text(ax), ax.get_figure(root=True), drawn_narrow(ax)
    if figure is None:
        raise ReportError("The axes belong to no figure any more; draw the plot again.")
    small = None if narrow is None else narrow.get_figure(root=True)
    return Picture(_drawing(figure), _drawing(small) if small else None, alt)


def _drawing(figure: Figure) -> Drawing:
    from matplotlib import pyplot as plt
    from matplotlib import style

    from testio_analytics.display.plots.svg import svg

    width, height = (round(inches * SCREEN) for inches in figure.get_size_inches())
    with style.context(["default", dict(STYLE)]):
        drawn = svg(figure, width, height, DARK)
    plt.close(figure)
    return Drawing(drawn, width, height)
