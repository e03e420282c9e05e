"""What changed in the catalogue: products, sections, features and user stories."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT
from testio_analytics.reports import texts
from testio_analytics.reports.change_kinds import Change, state_words
from testio_analytics.reports.change_sides import Compared, Sides
from testio_analytics.reports.doubts import lists_products
from testio_analytics.reports.facts import memberships
from testio_analytics.reports.features import features_with_state
from testio_analytics.text import counted, label, listed

TEXT_WORDS = {"description": "description", "howtofind": "directions"}
COUNTED = (("features", "feature", "features"), ("user_stories", "story", "stories"), ("tests", "test", "tests"))


def catalogue_changes(sides: Sides) -> Iterator[Change]:
    """Yield what was added, removed, revived, renamed, rewritten and moved."""
    yield from _products(sides)
    yield from _sections(sides)
    features = sides.compared("features", "features")
    yield from _features(sides, features)
    yield from _stories(sides, features)


# -- products -------------------------------------------------------------------------------------------------------


def _products(sides: Sides) -> Iterator[Change]:
    """Yield the products that came, went or were renamed. All that a new one holds is part of that, unless it was asked for."""
    then, now = (mirror.active("products").set_index("id")["name"] for mirror in (sides.before, sides.after))
    known_then = {*sides.before.products["id"].tolist()}
    for key in (key for key in now.index.tolist() if key not in then.index):
        if key in sides.known_later:
            sides.now_known[ACCOUNT, "products"].append((1, f"known now: {_name(now[key], key)}"))
            continue
        kind = "back" if key in known_then else "added"
        yield Change("product", kind, key, key, _name(now[key], key), note=_holding(sides.after, key))
    for key in (key for key in then.index.tolist() if key not in now.index):
        if key not in {*sides.after.products["id"].tolist()} and not lists_products(sides.after):
            sides.unknown_now[ACCOUNT, "products"].append((1, f"not known any more: {_name(then[key], key)}"))
            continue
        yield Change("product", "removed", key, key, _name(then[key], key), note=_holding(sides.before, key))
    for key in sorted(sides.products - sides.asked_and_new):
        names = _name(then[key], key), _name(now[key], key)
        if names[0] != names[1]:
            yield Change("product", "renamed", key, key, names[1], *names)


def _name(name: Any, key: int) -> str:
    return label(name, "Product", key)


def _holding(mirror: Mirror, product_id: int) -> str:
    sizes = {table: int((mirror.active(table)["product_id"] == product_id).sum()) for table, _, _ in COUNTED}
    return f"with {listed([counted(sizes[table], one, many) for table, one, many in COUNTED])}"


# -- sections -------------------------------------------------------------------------------------------------------


def _sections(sides: Sides) -> Iterator[Change]:
    found = sides.compared("sections", "products")
    yield from _come_and_gone(found, "section", "name", "Section")
    for row in _differing(found.both, "name"):
        names = _both(row, "name", "Section")
        yield Change("section", "renamed", row["product_id_now"], row["id"], names[1], *names)


def _come_and_gone(found: Compared, what: str, column: str, word: str) -> Iterator[Change]:
    for kind, rows in (("added", found.added), ("back", found.back), ("removed", found.removed)):
        for row in rows[["id", "product_id", column]].to_dict("records"):
            yield Change(what, kind, row["product_id"], row["id"], label(row[column], word, row["id"]))


def _both(row: Mapping[Any, Any], column: str, word: str) -> tuple[str, str]:
    """Return a name as it was and as it is."""
    return label(row[f"{column}_then"], word, row["id"]), label(row[f"{column}_now"], word, row["id"])


def _differing(both: pd.DataFrame, column: str) -> list[dict[Any, Any]]:
    then, now = (both[f"{column}_{side}"].fillna("") for side in ("then", "now"))
    rows: list[dict[Any, Any]] = both[texts.differ(now, then).to_numpy()].to_dict("records")
    return rows


# -- features -------------------------------------------------------------------------------------------------------


def _features(sides: Sides, found: Compared) -> Iterator[Change]:
    states = features_with_state(sides.after, stale_after=180, window=180)
    words = dict(zip(states["feature_id"].tolist(), map(state_words, states["state"]), strict=True))
    for change in _come_and_gone(found, "feature", "title", "Feature"):
        yield change if change.kind == "removed" else change._replace(after=words.get(change.id or 0, ""))
    for row in _differing(found.both, "title"):
        names = _both(row, "title", "Feature")
        yield Change("feature", "renamed", row["product_id_now"], row["id"], names[1], *names)
    rewritten: dict[int, list[str]] = {}
    for text, word in TEXT_WORDS.items():
        for row in _differing(found.both, text):
            rewritten.setdefault(row["id"], []).append(word)
    rows = found.both[found.both["id"].isin([*rewritten])]
    for key, product_id, title in zip(*(rows[c].tolist() for c in ("id", "product_id_now", "title_now")), strict=True):
        name = label(title, "Feature", key)
        yield Change("feature", "rewritten", product_id, key, name, note=listed(rewritten[key]))
    yield from _moved(sides, found.both)


def _moved(sides: Sides, both: pd.DataFrame) -> Iterator[Change]:
    """Yield the features that belong to other sections, or to another product.

    Belonging to one section more is no news where the sections were not all read before, and nothing where the product
    had no sections of its own before, so that nothing was said of them.
    """
    then, now = (_sections_of(mirror) for mirror in (sides.before, sides.after))
    was_divided = dict(zip(sides.before.products["id"].tolist(), sides.before.products["is_sectioned"], strict=True))
    unread = sides.unread("features")
    for row in both[["id", "product_id_then", "product_id_now", "title_now"]].to_dict("records"):
        key, product_id = row["id"], row["product_id_now"]
        change = Change("feature", "moved", product_id, key, label(row["title_now"], "Feature", key))
        if product_id != row["product_id_then"]:
            yield change._replace(
                before=sides.product_name(row["product_id_then"]), after=sides.product_name(product_id)
            )
            continue
        left, come = ({*a.get(key, {})} - {*b.get(key, {})} for a, b in ((then, now), (now, then)))
        if come and not left and product_id in unread:
            sides.now_known[product_id, "features"].append((0, f"sections of {change.name} are known now"))
        elif left or (come and was_divided.get(product_id)):
            names = [listed([*of.get(key, {}).values()], most=9) for of in (then, now)]
            yield change._replace(before=names[0] or "no section", after=names[1] or "no section")


def _sections_of(mirror: Mirror) -> dict[int, dict[int, str]]:
    """Return the sections of each feature, by id and with their names."""
    pairs, found = memberships(mirror), dict[int, dict[int, str]]()
    for key, section_id, name in zip(
        *(pairs[c].tolist() for c in ("feature_id", "section_id", "section")), strict=True
    ):
        found.setdefault(key, {})[section_id] = name
    return found


# -- stories --------------------------------------------------------------------------------------------------------


def _stories(sides: Sides, features: Compared) -> Iterator[Change]:
    """Yield what became of stories. Those of a feature that came or went are part of that change.

    Of a new product that was asked for, every row is listed.
    """
    added = features.added[~features.added["product_id"].isin([*sides.asked_and_new])]
    told = {*added["id"].tolist(), *features.back["id"].tolist(), *features.removed["id"].tolist()}
    found = sides.compared("user_stories", "features")
    added, back, removed = (
        _worded(rows[~rows["feature_id"].fillna(0).isin([*told])]) for rows in (found.added, found.back, found.removed)
    )
    found = Compared(added, back, removed, found.both)
    yield from _come_and_gone(found, "story", "text", "Story")
    both = _worded(_worded(found.both, "_then"), "_now")
    for row in _differing(both, "text"):
        names = _both(row, "text", "Story")
        yield Change("story", "rewritten", row["product_id_now"], row["id"], names[1], *names)
    linked = both.dropna(subset=["feature_id_then", "feature_id_now"])
    titles = {**_titles(sides.before), **_titles(sides.after)}
    for row in linked[(linked["feature_id_then"] != linked["feature_id_now"]).astype(bool)].to_dict("records"):
        keys = (row["feature_id_then"], row["feature_id_now"])
        before, after = (label(titles.get(key), "Feature", key) for key in keys)
        story = label(row["text_now"], "Story", row["id"])
        yield Change("story", "moved", row["product_id_now"], row["id"], story, before, after)


def _worded(rows: pd.DataFrame, side: str = "") -> pd.DataFrame:
    """Add the text of each story: its sentence, else its title."""
    return rows.assign(**{f"text{side}": rows[f"path{side}"].fillna(rows[f"title{side}"])})


def _titles(mirror: Mirror) -> dict[int, Any]:
    return dict(zip(mirror.features["id"].tolist(), mirror.features["title"].tolist(), strict=True))
