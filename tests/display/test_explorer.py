"""Lists to choose from in a notebook: what they offer, and what is shown below them."""

from __future__ import annotations

from typing import Any

import pytest

import testio_analytics as ta
from strategies import Account, opened
from testio_analytics.display.explorer import explorer
from testio_analytics.frames.mirror import Mirror


def parts(mirror: Mirror) -> list[Any]:
    """Return the lists of products, sections and features, and what shows the choice."""
    return list(explorer(mirror).children)


def mirror_of(account: Account) -> Mirror:
    """Return the tables of an account."""
    with opened(account) as connection:
        return ta.load_mirror(connection)


def test_it_opens_with_what_to_test_next_and_follows_the_choice(demo_frames: Mirror) -> None:
    """The feature of the plan; then the product, a section of it, and a feature of that section."""
    product, section, feature, output = parts(demo_frames)
    first = ta.next_tests(demo_frames)["feature_id"].iloc[0]
    assert feature.value == first
    assert output.value == ta.feature(demo_frames, first).html

    cargo = next(key for name, key in product.options if name.startswith("Cargo Portal"))
    product.value = cargo
    assert (section.value, feature.value) == (0, 0)
    assert (section.index, feature.index) == (0, 0)
    assert output.value == ta.product(demo_frames, cargo).html

    catalogue = ta.feature_catalog(demo_frames)
    assert len(feature.options) == 1 + len(catalogue[catalogue["product_id"] == cargo])
    inside = demo_frames.active("feature_sections")
    section.value = section.options[1][1]
    offered = {key for _, key in feature.options} - {0}
    assert offered
    assert offered <= {*inside[inside["section_id"] == section.value]["feature_id"]}
    feature.value = max(offered)
    assert output.value == ta.feature(demo_frames, max(offered)).html


@pytest.mark.parametrize("account", [Account(), Account().product(1, "Empty").synced(1)], ids=["nothing", "no feature"])
def test_an_account_without_features_can_be_opened(account: Account) -> None:
    """There is nothing to choose, and no error."""
    product, _, feature, output = parts(mirror_of(account))
    assert [*product.options] == []
    assert [key for _, key in feature.options] == [0]
    assert output.value == ""


def test_equal_titles_differ_by_their_ids() -> None:
    """Both are offered, and each leads to itself; markup in a title stays text."""
    account = Account().product(1, "Harbour").feature(5, title="<b>Quay</b>").feature(6, title="<b>Quay</b>").synced(1)
    _, _, feature, output = parts(mirror_of(account))
    assert [name for name, _ in feature.options][1:] == ["<b>Quay</b> (5)", "<b>Quay</b> (6)"]
    feature.value = 6
    assert "Feature 6" in output.value
    assert "<b>Quay" not in output.value
