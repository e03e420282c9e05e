"""A matplotlib figure as compact SVG: text as text, coordinates of one decimal, and the same drawing for a dark ground.

A colour stands in an attribute, as any viewer reads it; where the reader prefers dark, a rule of the drawing's own
replaces it by its partner. Nothing in it runs or asks for anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_hex
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox

from testio_analytics.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONTS = "system-ui,Segoe UI,Roboto,Helvetica Neue,Noto Sans,Liberation Sans,Arial,sans-serif"
"""The fonts of a page. All of them are narrower than the one by which the space was measured."""

HATCH_SIZE = 72
COMMANDS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
ANCHORS = {"center": ("middle", 0.5), "right": ("end", 1.0)}


def svg(figure: Figure, width: int, height: int, dark: Mapping[str, str]) -> str:
    """Return the figure as an SVG document of that many CSS pixels.

    The same figure gives the same text. `dark` holds, by colour, the one that stands for it on a dark ground.
    """
    renderer = _Renderer(*figure.bbox.size, figure.dpi)
    figure.draw(renderer)
    size = f'width="{width}" height="{height}" viewBox="0 0 {_number(renderer.width)} {_number(renderer.height)}"'
    body = "".join(renderer.parts)
    rules = "".join(_rule(colour, partner) for colour, partner in dark.items() if f'"{colour}"' in body)
    style = f"<style>@media (prefers-color-scheme:dark){{{rules}}}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONTS}">{style}{body}</svg>'


def _rule(colour: str, partner: str) -> str:
    return f'[fill="{colour}"]{{fill:{partner}}}[stroke="{colour}"]{{stroke:{partner}}}'


class _Renderer(RendererBase):
    """Writes what matplotlib draws as SVG elements, in the order in which it is drawn."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__()
        self.width, self.height, self.dpi = width, height, dpi
        self.parts: list[str] = []
        self.known: dict[str, str] = {}

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def points_to_pixels(self, points: Any) -> Any:
        return points * self.dpi / 72

    def draw_path(self, gc: Any, path: Any, transform: Any, face: Any = None) -> None:
        placed = path.transformed(transform + self._downwards())
        if len(placed.vertices):
            self._add(f'path d="{_data(placed)}"', gc, face, placed.get_extents())

    def draw_markers(
        self, gc: Any, marker_path: Any, marker_trans: Any, path: Any, trans: Any, face: Any = None
    ) -> None:
        """Draw circles as circles, everything else as paths."""
        mark = marker_path.transformed(marker_trans)
        is_round = mark.codes is not None and {*mark.codes} == {Path.MOVETO, Path.CURVE4, Path.CLOSEPOLY}
        if not is_round:
            super().draw_markers(gc, marker_path, marker_trans, path, trans, face)
            return
        radius = mark.get_extents().width / 2
        for x, y in path.transformed(trans + self._downwards()).vertices:
            place = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
            box = Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)
            self._add(f"circle {place}", gc, face, box, clips=False)

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, ismath: Any = False, mtext: Any = None
    ) -> None:
        """Draw a line of text, fixed at the point by which matplotlib aligned it: a reader's font has other widths."""
        anchor, share = ANCHORS.get(mtext.get_horizontalalignment() if mtext else "", ("", 0.0))
        if angle:
            anchor = ""
        x += self.get_text_width_height_descent(s, prop, ismath)[0] * share if anchor else 0.0
        attributes = f'x="{_number(x)}" y="{_number(y)}" fill="{to_hex(gc.get_rgb())}"'
        attributes += f' font-size="{_number(self.points_to_pixels(prop.get_size_in_points()))}"'
        attributes += ' font-weight="bold"' if prop.get_weight() in ("bold", 700) else ""
        attributes += f' text-anchor="{anchor}"' if anchor else ""
        attributes += f' transform="rotate({_number(-angle)} {_number(x)} {_number(y)})"' if angle else ""
        self.parts.append(f"<text {attributes}>{escape(clean(s))}</text>")

    def _downwards(self) -> Affine2D:
        """Return the transform from matplotlib's upward heights to those of SVG."""
        return Affine2D().scale(1, -1).translate(0, self.height)

    def _add(self, shape: str, gc: Any, face: Any, box: Bbox, *, clips: bool = True) -> None:
        fill = "none" if face is None or (len(face) == 4 and not face[3]) else to_hex(face)
        look = [f'fill="{fill}"', *self._stroke(gc)]
        if clips:
            look += self._clip(gc, box)
        if fill != "none" or len(look) > 1:
            self.parts.append(f"<{shape} {' '.join(look)}/>")
        if gc.get_hatch():
            self.parts.append(f'<{shape} fill="url(#{self._hatch(gc)})"{"".join(f" {one}" for one in look[1:])}/>')

    def _stroke(self, gc: Any) -> list[str]:
        red, green, blue, alpha = gc.get_rgb()
        width = self.points_to_pixels(gc.get_linewidth())
        if not width or not alpha:
            return []
        look = [f'stroke="{to_hex((red, green, blue))}"', f'stroke-width="{_number(width)}"']
        _, dashes = gc.get_dashes()
        if dashes is not None:
            look.append(f'stroke-dasharray="{" ".join(_number(self.points_to_pixels(dash)) for dash in dashes)}"')
        return look

    def _clip(self, gc: Any, box: Bbox) -> list[str]:
        """Return the region outside of which nothing is drawn, for what reaches beyond it."""
        region = gc.get_clip_rectangle()
        if region is None:
            return []
        left, bottom, width, height = region.bounds
        top = self.height - bottom - height
        is_within = (
            left - 1 <= box.x0 and box.x1 <= left + width + 1 and top - 1 <= box.y0 and box.y1 <= top + height + 1
        )
        if is_within:
            return []
        place = " ".join(
            f'{name}="{_number(value)}"'
            for name, value in zip(("x", "y", "width", "height"), (left, top, width, height), strict=True)
        )
        return [f'clip-path="url(#{self._defined("clipPath", "", f"<rect {place}/>")})"']

    def _hatch(self, gc: Any) -> str:
        upright = Affine2D().scale(HATCH_SIZE, -HATCH_SIZE).translate(0, HATCH_SIZE)
        lines = _data(gc.get_hatch_path().transformed(upright))
        look = f'stroke="{to_hex(gc.get_hatch_color())}" stroke-width="{_number(self.points_to_pixels(gc.get_hatch_linewidth()))}"'
        size = f'width="{HATCH_SIZE}" height="{HATCH_SIZE}" patternUnits="userSpaceOnUse"'
        return self._defined("pattern", size, f'<path d="{lines}" fill="none" {look}/>')

    def _defined(self, element: str, attributes: str, content: str) -> str:
        """Define what others refer to, once, and return its id."""
        key = f"{element} {attributes}{content}"
        if key not in self.known:
            self.known[key] = f"d{len(self.known)}"
            head = " ".join(filter(None, (element, f"id={quoteattr(self.known[key])}", attributes)))
            self.parts.append(f"<defs><{head}>{content}</{element}></defs>")
        return self.known[key]


def _data(path: Path) -> str:
    """Return the commands of a path that is placed already."""
    written = []
    for points, code in path.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            written.append("Z")
        elif code != Path.STOP:
            written.append(COMMANDS[code] + " ".join(_number(value) for value in points))
    return "".join(written)


def _number(value: float) -> str:
    """Return a number of at most one decimal, so that it is short and another processor's last digit does not show."""
    return f"{round(float(value), 1) + 0.0:g}" if abs(value) < 100_000 else f"{value:.0f}"
