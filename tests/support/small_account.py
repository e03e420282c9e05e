"""A small account, made by hand for tests that serve it, change it, and serve it again: the truth is easy to say.

Product 1 is plain, product 2 is sectioned (sections 201 and 202). Test `t` of product `p` has the id `1000 * p + t`, ended
`t` days before `NOW`, covers feature `100 * p + 1 + t % features`, and has one bug, `10 * its id`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from syncing import NOW
from testio_analytics.demo.account.model import Account, Bug, Cycle, Feature, Product


def small_account(*, tests: int = 3, features: int = 4) -> Account:
    """Return an account of two products with so many tests and features each."""
    return Account(NOW, [small_product(1, [], tests, features), small_product(2, [201, 202], tests, features)])


def small_product(product_id: int, sections: list[int], tests: int, features: int) -> Product:
    """Return one product of such an account; sectioned where sections are named."""
    default: dict[str, Any] = {"id": 10 * product_id, "name": "default-section"}
    named = [{"id": section_id, "name": f"Section {section_id}"} for section_id in sections]
    payload = {
        "id": product_id,
        "name": f"Product {product_id}",
        "type": "website",
        "description": None,
        "default_section_id": default["id"],
        "sections": named,
        "sections_with_default": [default, *named],
    }
    product = Product(product_id, payload, bool(sections), sections or [10 * product_id])
    for number in range(features):
        product.features.append(Feature(feature_payload(100 * product_id + 1 + number), product.section_ids))
    product.cycles.extend(locked_test(product_id, number, features) for number in range(1, tests + 1))
    return product


def feature_payload(feature_id: int) -> dict[str, Any]:
    """Return a catalogue feature with one story, whose id is the feature's times ten."""
    story = {"id": 10 * feature_id, "path": f"Story {feature_id}", "title": f"Story {feature_id}"}
    return {
        "id": feature_id,
        "title": f"Feature {feature_id}",
        "description": f"About feature {feature_id}",
        "howtofind": None,
        "user_stories": [story | {"feature_id": feature_id}],
    }


def locked_test(product_id: int, number: int, features: int = 4, **changes: Any) -> Cycle:
    """Return one locked test with one accepted bug; `changes` replace fields of the test's payload."""
    test_id, feature_id = 1000 * product_id + number, 100 * product_id + 1 + number % features
    end = NOW - timedelta(days=number)
    copy: dict[str, Any] = {
        "id": 10 * test_id,
        "feature_id": feature_id,
        "title": f"Feature {feature_id}",
        "description": f"About feature {feature_id}",
        "howtofind": None,
        "enable_default": True,
        "enable_content": False,
        "enable_visual": False,
        "user_stories": [],
    }
    payload = {
        "id": test_id,
        "title": f"Test {test_id}",
        "test_title": f"Test {test_id}",
        "status": "locked",
        "review_status": "review_successful",
        "testing_type": "coverage",
        "start_at": (end - timedelta(days=1)).isoformat(),
        "end_at": end.isoformat(),
        "product": {"id": product_id, "name": f"Product {product_id}"},
        "section": None,
        "test_environment": None,
        "features": [copy],
    }
    return Cycle(payload | changes, [Bug(_bug(test_id, copy), copy["id"])])


def _bug(test_id: int, copy: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 10 * test_id,
        "title": f"Bug of test {test_id}",
        "severity": "high",
        "status": "accepted",
        "auto_accepted": False,
        "known": False,
        "reported_at": NOW.isoformat(),
        "test": {"id": test_id, "title": f"Test {test_id}"},
        "test_feature": {"id": copy["id"], "feature_id": copy["feature_id"]},
        "devices": [],
        "comments": [],
    }
