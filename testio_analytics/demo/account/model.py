"""The shape of a simulated account: payloads as the API sends them, and the facts behind them that it does not send.

Every class is a plain, mutable record. A test changes an account between two syncs by changing these lists and
dictionaries, or with the few methods of `Account`; a malformed row is simply another payload in a list.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from testio_analytics.concurrency import gc_paused

Payload: TypeAlias = dict[str, Any]
Row = TypeVar("Row")


@dataclass
class Feature:
    """One catalogue row and the sections that list it.

    `payload` holds the stories as objects (``id, path, title, feature_id``); how they are shown is decided when the
    row is served. It may be anything else, to serve a malformed row.
    """

    payload: Any
    section_ids: list[int]


@dataclass
class Bug:
    """One bug, with what only the test detail tells: the test feature and the stories it really belongs to."""

    payload: Payload
    test_feature_id: int | None = None
    story_ids: list[int] = field(default_factory=list)
    export_status: str = "not_exported"


@dataclass
class Execution:
    """One tester's run of a story version. The row itself names neither the story nor the version."""

    payload: Payload
    story_id: int
    version_id: int


@dataclass
class Cycle:
    """One exploratory test (test cycle) with its bugs and executions.

    `payload` is a list row with expanded stories; metrics are computed when the test is served.
    `test_case` and `results` are filled for scripted runs only.
    """

    payload: Any
    bugs: list[Bug] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    test_case: Payload | None = None
    results: list[Payload] | None = None


@dataclass
class Template:
    """One test template and the section it was saved for."""

    payload: Payload
    section_id: int | None


@dataclass
class Product:
    """One product.

    `is_sectioned` is what the server knows for itself; the payload's section lists are only what it tells.
    `section_ids` are all sections that have an address, the default section included.
    """

    id: int
    payload: Any
    is_sectioned: bool
    section_ids: list[int]
    features: list[Feature] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)
    environments: list[Payload] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)


@dataclass
class Account:
    """A customer account at the instant `now`.

    `bug_rates` is the truth behind a generated account: for each catalogue feature id the expected number of valid
    (not rejected) bugs each time an ended test covers it.
    """

    now: datetime
    products: list[Product] = field(repr=False)
    bug_rates: dict[int, float] = field(default_factory=dict, repr=False)

    def copy(self) -> Account:
        """Return an account that can be changed without changing this one."""
        # Five times faster than copy.deepcopy. Shared parts stay shared: all tests of a product embed one product
        # object, so that a product renamed in the copy is renamed in its tests as well.
        with gc_paused():
            duplicate: Account = pickle.loads(pickle.dumps(self, pickle.HIGHEST_PROTOCOL))  # noqa: S301  our own bytes
        return duplicate

    def product(self, product_id: int) -> Product:
        """Return the product with this id; KeyError when there is none."""
        return _first(product for product in self.products if product.id == product_id)

    def cycle(self, test_id: int) -> Cycle:
        """Return the test with this id; KeyError when there is none."""
        cycles = (cycle for product in self.products for cycle in product.cycles)
        return _first(cycle for cycle in cycles if identity(cycle.payload) == test_id)

    def feature(self, feature_id: int) -> Feature:
        """Return the catalogue row with this id; KeyError when there is none."""
        features = (feature for product in self.products for feature in product.features)
        return _first(feature for feature in features if identity(feature.payload) == feature_id)

    def rename_feature(self, feature_id: int, title: str) -> None:
        """Give one catalogue feature another title; tests keep their snapshots of the old one."""
        self.feature(feature_id).payload["title"] = title

    def drop_feature(self, feature_id: int) -> None:
        """Delete one feature from the catalogue; tests go on naming its id."""
        row = self.feature(feature_id)
        for product in self.products:
            product.features = [feature for feature in product.features if feature is not row]

    def add_feature(self, product_id: int, payload: Any, section_ids: list[int] | None = None) -> Feature:
        """Append a catalogue row, malformed or not, to the given sections (default: the first one of the product)."""
        product = self.product(product_id)
        feature = Feature(payload, product.section_ids[:1] if section_ids is None else section_ids)
        product.features.append(feature)
        return feature

    def add_test(self, product_id: int, payload: Any) -> Cycle:
        """Append a test, malformed or not, to a product."""
        cycle = Cycle(payload)
        self.product(product_id).cycles.append(cycle)
        return cycle

    def drop_test(self, test_id: int) -> None:
        """Delete one test with its bugs and executions."""
        gone = self.cycle(test_id)
        for product in self.products:
            product.cycles = [cycle for cycle in product.cycles if cycle is not gone]


def identity(payload: Any) -> Any:
    """Return the ``id`` of a payload, or None where there is none."""
    return payload.get("id") if isinstance(payload, dict) else None


def _first(rows: Iterable[Row]) -> Row:
    for row in rows:
        return row
    raise KeyError("no row with this id")
