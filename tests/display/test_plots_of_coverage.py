"""The plots: what they show in words, that they draw anything, and always the same way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from strategies import Account, ago, opened
from testio_analytics.display.plots import coverage, style
from testio_analytics.display.plots.pictures import Drawing, picture
from testio_analytics.errors import ReportError
from testio_analytics.frames.loaders import load_mirror
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.coverage import (
    coverage_by_product,
    coverage_by_section,
    coverage_over_time,
    coverage_total,
)
from testio_analytics.reports.features import feature_catalog

mpl.use("agg")

PLOTS: dict[str, Callable[..., Axes]] = {
    "total": lambda mirror, **o: coverage.plot_states(coverage_total(mirror), **o),
    "states": lambda mirror, **o: coverage.plot_states(coverage_by_product(mirror), **o),
    "sections by state": lambda mirror, **o: coverage.plot_states(coverage_by_section(mirror), **o),
    "product": lambda mirror, **o: coverage.plot_coverage_by_product(coverage_by_product(mirror), **o),
    "section": lambda mirror, **o: coverage.plot_coverage_by_section(coverage_by_section(mirror), **o),
    "last tested": lambda mirror, **o: coverage.plot_last_tested(feature_catalog(mirror), **o),
    "trend": lambda mirror, **o: coverage.plot_coverage_over_time(coverage_over_time(mirror), **o),
}


COLOUR = re.compile(r"#[0-9a-f]{6}")


def texts_of(drawing: Drawing) -> list[ElementTree.Element]:
    """Return what is written in a drawing."""
    return ElementTree.fromstring(drawing.svg).findall(".//{http://www.w3.org/2000/svg}text")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Leave no figure open."""
    yield
    plt.close("all")


def mirror_of(account: Account) -> Mirror:
    """Read an account as the reports do."""
    with opened(account) as connection:
        return load_mirror(connection)


def harbour(name: str = "Harbour") -> Account:
    """Return one product with a feature in every state but unknown, and one whose tests were never read."""
    account = Account().product(1, name).product(2, "Ferry").product(3, "Unread").product(4, "Empty").synced(1, 4)
    account.feature(1).feature(2).feature(3).feature(4).feature(5, 2).synced(2, streams=("features",))
    account.test(1, "archived", ago(180)).covers(1, 1).test(2, "archived", ago(900)).covers(2, 2)
    return account.test(3, "waiting").covers(3, 3).gap(1, "tests", closed_at=ago())


HOSTILE = [
    "$x^2$",
    "$",
    "a_b \\frac{1}{2} $",
    "🚢 文字",
    "שלום עולם",
    "<script>",
    "line\nbreak\x00\x1b[31m",
    "x" * 100_000,
    "%d {0}",
]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
@pytest.mark.parametrize(
    "account", [Account(), harbour(), Account().product(1).synced(1)], ids=["nothing", "some", "empty"]
)
def test_every_plot_draws_whatever_there_is_and_says_it(plot: Callable[..., Axes], account: Account) -> None:
    """Nothing, little, gaps: a picture and its words, without a warning."""
    image = picture(plot(mirror_of(account)))

    assert len(image.alt) > 20
    assert image.narrow is not None
    for drawing in (image.wide, image.narrow):
        assert all(float(element.get("font-size", 0)) >= 11 for element in texts_of(drawing))
        assert {*COLOUR.findall(drawing.svg.partition("</style>")[2])} <= {*style.DARK}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("plot", [PLOTS["states"], PLOTS["section"]], ids=["states", "section"])
def test_names_are_drawn_as_they_are(plot: Callable[..., Axes], name: str) -> None:
    """No mathematics, no missing glyph, no line of 100,000 characters."""
    account = harbour(name).add("sections", id=9, product_id=1, name=name)
    account.add("feature_sections", feature_id=1, section_id=9, product_id=1)
    axes = plot(mirror_of(account))
    image = picture(axes)

    assert (image.wide.width, image.narrow and image.narrow.width) == (736, 340)
    assert image.wide.height < 1000
    written = [element.text or "" for element in texts_of(image.wide)]
    assert style.drawable(name, style.LONGEST_NAME) in written
    labels = [label for label in axes.get_yticklabels() if label.get_text()]
    assert not any(label.get_parse_math() for label in labels)
    assert all(len(line) <= style.LONGEST_NAME for label in labels for line in label.get_text().split("\n"))


@pytest.mark.parametrize("plot", [PLOTS[name] for name in ("sections by state", "last tested", "trend")])
def test_the_same_report_gives_the_same_bytes(plot: Callable[..., Axes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the user's own style is another."""
    mirror = mirror_of(harbour())
    first = picture(plot(mirror))
    with mpl.rc_context(
        {"font.size": 30, "axes.facecolor": "black", "savefig.facecolor": "red", "font.family": "serif"}
    ):
        second = picture(plot(mirror))

    assert first == second


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
def test_plots_draw_on_the_axes_given_and_leave_the_report_alone(plot: Callable[..., Axes]) -> None:
    """The `ax` comes back, and no figure is made."""
    _, axes = plt.subplots()
    mirror = mirror_of(harbour())
    before = {name: frame.copy() for name, frame in vars(mirror).items() if isinstance(frame, pd.DataFrame)}

    assert plot(mirror, ax=axes) is axes
    assert len(plt.get_fignums()) == 1
    assert all(before[name].equals(getattr(mirror, name)) for name in before)


def test_states_are_said_in_numbers() -> None:
    """The text holds every count that the picture holds."""
    axes = PLOTS["states"](mirror_of(harbour()))

    assert style.alt_text(axes) == (
        "Active features by state. Harbour: 4 features, 1 untested, 1 scheduled, 1 stale, 1 tested; Ferry: 1 feature, "
        "1 unknown; Empty: 0 features; Unread: features never read."
    )


def test_bars_are_as_long_as_the_counts() -> None:
    """The parts of a bar are shares of its row, in the order of the colours."""
    axes = PLOTS["states"](mirror_of(harbour()))
    widths = [round(bar.get_width(), 6) for container in axes.containers for bar in container]

    assert widths == [0.25, 0.25, 0, 0.25, 0.25, 0, 0, 1, 0, 0]


def test_coverage_is_said_with_counts_and_ranges() -> None:
    """K of n and the share; unknown is called unknown."""
    text = style.alt_text(PLOTS["product"](mirror_of(harbour().gap(1, "tests"))))

    assert "Harbour: all time 2 of 4 (50 %, up to 4 with what gaps may hide)" in text
    assert "Ferry: unknown" in text
    assert "Empty: no active features" in text


def test_last_tested_puts_the_threshold_between_tested_and_stale() -> None:
    """A feature tested exactly 180 days ago is not stale, and stands left of the line."""
    axes = PLOTS["last tested"](mirror_of(harbour()))
    bars = [(bar.get_x(), bar.get_height()) for container in axes.containers for bar in container if bar.get_height()]

    assert bars == [(150, 1), (900, 1)]
    assert style.alt_text(axes) == (
        "Days since the last executed test: 1 feature tested in the last 180 days, 1 longer ago; median 540 days, at most "
        "900; 3 features without a date not shown."
    )


def test_last_tested_gathers_very_old_tests_in_the_last_bar() -> None:
    """A test of ten years ago is counted, and the axis stays readable."""
    account = Account().product(1).feature(1).synced(1).test(1, "archived", ago(3650)).covers(1, 1)
    axes = PLOTS["last tested"](mirror_of(account))

    assert sum(bar.get_height() for container in axes.containers for bar in container) == 1
    assert axes.get_xlim()[1] <= 1080


def test_colours_are_readable_on_either_ground_and_the_ground_on_them() -> None:
    """A contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3) for all in which anything is written, or that is told apart."""
    written = {*style.DARK} - {style.WHITE, style.FAINT, style.LIGHT_BLUE, style.LIGHT_GREEN}
    for colour in written:
        assert contrast(colour, style.WHITE) >= 4.5, colour
        assert contrast(style.DARK[colour], style.DARK[style.WHITE]) >= 4.5, colour


def test_axes_of_the_user_are_drawn_as_they_are() -> None:
    """Only a plot that made its own figure is drawn again for a phone: the other may hold more than this plot."""
    _, axes = plt.subplots()

    assert picture(PLOTS["product"](mirror_of(harbour()), ax=axes)).narrow is None


def test_a_line_that_reaches_beyond_the_axes_ends_there() -> None:
    """What the limits of an axis leave out is not drawn over its labels."""
    axes = PLOTS["trend"](mirror_of(harbour()))
    axes.plot(axes.get_xlim(), [-5, 5], color=style.RED)

    svg = picture(axes).wide.svg
    assert svg.count("<clipPath ") == 1
    assert f'stroke="{style.RED}"' in svg.partition("clip-path=")[0].rpartition("<path ")[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2.2 defines it."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_picture_goes_into_a_notebook_with_its_words_and_size() -> None:
    """SVG, the text as alternative, and the figure closed so that it is not shown twice."""
    image = picture(PLOTS["total"](mirror_of(harbour())))
    data, metadata = image._repr_mimebundle_()
    about = metadata["image/svg+xml"]

    assert plt.get_fignums() == []
    assert data["text/plain"] == repr(image) == about["alt"]
    for text, size in ((data["image/svg+xml"], about), (about["narrow"]["svg"], about["narrow"])):
        drawn = ElementTree.fromstring(text)
        assert (drawn.get("width"), drawn.get("height")) == (str(size["width"]), str(size["height"]))
    assert about["narrow"]["width"] < 360 < about["width"]


def test_axes_of_others_have_no_words_and_make_no_picture() -> None:
    """Better an error than a picture that says nothing."""
    _, axes = plt.subplots()
    with pytest.raises(ReportError, match="plot_ function"):
        picture(axes)


def test_impossible_threshold_is_refused() -> None:
    """As everywhere."""
    options: dict[str, Any] = {"stale_after": 0}
    with pytest.raises(ValueError, match="number of days"):
        coverage.plot_last_tested(feature_catalog(mirror_of(harbour())), **options)
