"""Choose a product, a section and a feature, and read all about it: widgets for who works in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from testio_analytics.display.about import feature as about_feature
from testio_analytics.display.about import product as about_product
from testio_analytics.display.blocks import one_sentence
from testio_analytics.frames.instants import AsOf
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.features import feature_catalog
from testio_analytics.reports.impact import ImpactSource
from testio_analytics.reports.next_tests import next_tests
from testio_analytics.text import label

if TYPE_CHECKING:
    from ipywidgets import VBox

Options = list[tuple[str, int | None]]

WIDTH = "34rem"
ALL = 0
"""No id of the API; a list shows None as nothing chosen."""
LOOK = ("jp-RenderedHTMLCommon", "testio")
"""Classes by which what is shown looks like the output of any other cell in JupyterLab."""


def explorer(mirror: Mirror, *, as_of: AsOf = None, impact: ImpactSource = None) -> VBox:
    """Return lists to choose a product, a section and a feature from, and below them all about what is chosen.

    It opens with the first of `next_tests`. Without a feature chosen it shows the product. For a running notebook: what
    is chosen is not stored, and does not stand on a page.

    Args:
        mirror: what was read.
        as_of: the report date; default: that of the last sync.
        impact: weights of your own, as for `next_tests`.

    Raises:
        UnknownValueError: `as_of` is no date or time, or there is no such run.
    """
    from ipywidgets import HTML, Dropdown, VBox

    features = feature_catalog(mirror, as_of=as_of)
    product, section, feature = (
        Dropdown(description=what, layout={"width": WIDTH}) for what in ("Product", "Section", "Feature")
    )
    shown = HTML()
    for name in LOOK:
        shown.add_class(name)

    def show(_: Any = None) -> None:
        shown.value = _chosen(mirror, product.value, feature.value, as_of, impact)

    def offer_features(_: Any = None) -> None:
        feature.options = _features(features, mirror.at(as_of), product.value, section.value)
        feature.value = ALL

    def offer_sections(_: Any = None) -> None:
        section.options = _sections(mirror.at(as_of), product.value)
        section.value = ALL
        offer_features()

    product.options = _options(features["product_id"], features["product"])
    offer_sections()
    for widget, react in ((product, offer_sections), (section, offer_features), (product, show), (feature, show)):
        widget.observe(react, "value")
    _open(next_tests(mirror, as_of=as_of, impact=impact), product, feature)
    show()
    return VBox([product, section, feature, shown])


def _open(plan: pd.DataFrame, product: Any, feature: Any) -> None:
    """Choose the feature that stands first in the plan, where there is one."""
    if not plan.empty:
        product.value = int(plan["product_id"].iloc[0])
        feature.value = int(plan["feature_id"].iloc[0])


def _options(keys: pd.Series[int], names: pd.Series[str]) -> Options:
    """Return what a list offers: each name once, by name, with the id, by which equal names differ."""
    pairs = dict(zip(keys.tolist(), names.tolist(), strict=True))
    return sorted(
        ((f"{one_sentence(name)} ({key})", key) for key, name in pairs.items()), key=lambda one: one[0].casefold()
    )


def _sections(mirror: Mirror, product_id: int | None) -> Options:
    own = mirror.active("sections")
    own = own[own["product_id"] == product_id]
    names = [label(name, "Section", key) for key, name in zip(own["id"].tolist(), own["name"].tolist(), strict=True)]
    return [("all sections", ALL), *_options(own["id"], pd.Series(names, dtype="str"))]


def _features(features: pd.DataFrame, mirror: Mirror, product_id: int | None, section_id: int | None) -> Options:
    own = features[features["product_id"] == product_id]
    if section_id:
        pairs = mirror.active("feature_sections")
        own = own[own["feature_id"].isin(pairs[pairs["section_id"] == section_id]["feature_id"])]
    return [("(the product as a whole)", ALL), *_options(own["feature_id"], own["feature"])]


def _chosen(mirror: Mirror, product_id: int | None, feature_id: int | None, as_of: AsOf, impact: ImpactSource) -> str:
    """Return all about the feature, else all about the product, as HTML; nothing where there is neither."""
    if feature_id:
        return about_feature(mirror, feature_id, as_of=as_of, impact=impact).html
    return "" if product_id is None else about_product(mirror, product_id, as_of=as_of, impact=impact).html
