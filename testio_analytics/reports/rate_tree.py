"""The rates of an account, its products and their groups of features, given what was found in each feature.

The rate of a product is drawn from a log-normal distribution around that of the account, and the rate of a group around
that of its product. Every rate lies on a fixed grid, so that all of it is summed exactly, up the tree and down again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Numbers = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

RATES = np.exp(np.linspace(np.log(0.004), np.log(40.0), 28))
"""Bugs per test of an account, product or group that may be."""

PRODUCT_SPREAD = 0.8
ACCOUNT_SPREAD = 1.5
USUAL_RATE = 0.4


@dataclass(frozen=True, eq=False)
class Grouping:
    """One way in which the features of products may differ.

    Attributes:
        name: of `GROUPS`, or "" where nothing tells features apart.
        group: the place of each feature's group.
        members: which features (columns) each group (rows) has.
        owner: the place of each group's product.
        products: which groups (columns) each product (rows) has.
        spreads: how far groups of a product may lie apart.
        weight: of each spread before anything is known.
        severity: by feature the mean weight of the bugs of the *other* features of its group.
    """

    name: str
    group: Places
    members: sparse.csr_array
    owner: Places
    products: sparse.csr_array
    spreads: tuple[float, ...]
    weight: float
    severity: Numbers


def grouping_of(
    product: Places, name: str, group: Places, spreads: tuple[float, ...], weight: float, severity: Numbers
) -> Grouping:
    """Return one way to group features, from the place of each feature's product and group."""
    owner = np.zeros(int(group.max(initial=-1)) + 1, dtype=np.int64)
    owner[group] = product
    return Grouping(name, group, _members(group), owner, _members(owner), spreads, weight, severity)


def _members(group: Places) -> sparse.csr_array:
    """Return which elements (columns) each group (rows) has."""
    places = np.arange(len(group))
    return sparse.csr_array((np.ones(len(group)), (group, places)), shape=(int(group.max(initial=-1)) + 1, len(group)))


@lru_cache
def _around(spread: float) -> Numbers:
    """Return how likely each rate (columns) is around each wider one (rows), which is its mean; the same one without spread."""
    if not spread:
        return np.eye(len(RATES))
    distance = np.log(RATES)[None, :] - np.log(RATES)[:, None] + spread**2 / 2
    weights = np.exp(-0.5 * (distance / spread) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=float)


def rates_of(of_groups: Numbers, grouping: Grouping, spread: float) -> tuple[float, Numbers, Numbers]:
    """Return the logarithm of how likely all counts are, and how likely each rate of each product and group is then."""
    between, among = _around(spread), _around(PRODUCT_SPREAD)
    to_product = _mixed(of_groups, between)
    of_products = grouping.products @ to_product
    to_account = _mixed(of_products, among)
    account = -0.5 * (np.log(RATES / USUAL_RATE) / ACCOUNT_SPREAD) ** 2
    account = account - log_sum(account) + to_account.sum(axis=0)
    product = _mixed(account - to_account, among.T) + of_products
    group = _mixed(product[grouping.owner] - to_product, between.T) + of_groups
    return float(log_sum(account)), _shares(product), _shares(group)


def log_sum(logs: Numbers) -> Numbers:
    """Return the logarithm of the sum of what these are the logarithms of, along the last axis."""
    highest = logs.max(axis=-1)
    return np.asarray(highest + np.log(np.exp(logs - highest[..., None]).sum(axis=-1)), dtype=float)


def _mixed(logs: Numbers, weights: Numbers) -> Numbers:
    """Return the logarithms of rows of probabilities, given by theirs, after a matrix of weights."""
    highest = logs.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.maximum(np.exp(logs - highest) @ weights.T, 1e-300)) + highest, dtype=float)


def _shares(logs: Numbers) -> Numbers:
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=float)
