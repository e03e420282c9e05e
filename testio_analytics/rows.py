"""Pure flatteners: payloads in, rows of the tables out.

Each row has every column of its table. A payload that cannot be a row is returned as a rejection with its reason;
nothing is dropped silently, and the payloads are left as they came.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from testio_analytics import payloads, tables
from testio_analytics.sections import as_id, has_sections, is_id

Row = dict[str, Any]


@dataclass(frozen=True)
class Rejection:
    """A payload that could not become a row: the table it was meant for, what is wrong, and the scrubbed payload."""

    table: str
    row_id: str | None
    reason: str
    raw_data: str

    @property
    def stream(self) -> str:
        """The stream that brings this table."""
        return tables.TABLES[self.table].stream or ""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of table, reason and payload: the same bad row has the same one on every read."""
        return _digest(f"{self.table}\n{self.reason}\n{self.raw_data}")


@dataclass
class Rows:
    """Rows by table and key, in the order in which they came, and the payloads that could not become rows."""

    by_table: dict[str, dict[tuple[Any, ...], Row]] = field(default_factory=lambda: defaultdict(dict))
    rejections: list[Rejection] = field(default_factory=list)
    unknown: dict[tuple[str, tuple[Any, ...]], set[str]] = field(default_factory=dict)

    def add(self, table: tables.Table, raw: Any, **values: Any) -> None:
        """Add one row; a second one with the same key changes nothing."""
        key = tuple(values[name] for name in table.key)
        if key in self.by_table[table.name]:
            return
        self.by_table[table.name][key] = _row(table, raw, values)
        known = payloads.KNOWN_FIELDS.get(table.name)
        if known is not None and not raw.keys() <= known:
            self.unknown[table.name, key] = raw.keys() - known

    def reject(self, table: tables.Table, raw: Any, reason: str, *, row_id: str | None = None) -> None:
        """Note that the payload cannot be a row of this table."""
        self.rejections.append(Rejection(table.name, row_id or payloads.row_name(raw), reason, payloads.as_json(raw)))

    def of(self, table: tables.Table) -> list[Row]:
        """Return the rows of one table."""
        return list(self.by_table[table.name].values())

    def extend(self, other: Rows) -> None:
        """Take over the rows and rejections of another read; rows that are there already stay."""
        for name, found in other.by_table.items():
            for key, row in found.items():
                self.by_table[name].setdefault(key, row)
        self.rejections.extend(other.rejections)
        self.unknown.update(other.unknown)


def product_rows(product: Any, *, secrets: Collection[str] = ()) -> Rows:
    """Return the rows of one product: ``products`` and ``sections``, the default section included."""
    rows, raw = Rows(), payloads.scrub(product, secrets=secrets)
    read = payloads.read(payloads.Product, raw)
    if isinstance(read, str):
        rows.reject(tables.PRODUCTS, raw, read)
        return rows
    default = as_id(read.default_section_id)
    rows.add(
        tables.PRODUCTS,
        raw,
        id=read.id,
        name=read.name,
        description=read.description,
        type=read.type,
        default_section_id=default,
        is_sectioned=has_sections(raw),
    )
    implicit = _implicit_section(raw, default)
    for entry in _section_entries(raw):
        section = payloads.read(payloads.Section, entry)
        if isinstance(section, str):
            rows.reject(tables.SECTIONS, entry, section)
        else:
            rows.add(
                tables.SECTIONS,
                entry,
                id=section.id,
                product_id=read.id,
                name=payloads.text_of(section.name),
                is_default=section.id == implicit,
            )
    if default is not None:  # every product has one, listed or not
        rows.add(tables.SECTIONS, {"id": default}, id=default, product_id=read.id, name=None, is_default=True)
    return rows


def _section_entries(product: Mapping[str, Any]) -> list[Any]:
    """Return the entries of both section lists, the customer's own first; the second list repeats them."""
    own, every = _list_in(product, "sections"), _list_in(product, "sections_with_default")
    known = {payloads.as_json(entry) for entry in own}  # not `in`: to Python, the ids 1, 1.0 and True are equal
    return own + [entry for entry in every if payloads.as_json(entry) not in known]


def _implicit_section(product: Mapping[str, Any], default: int | None) -> int | None:
    """Return the id of the default section: as the product says, else the only one that is not the customer's own."""
    if default is not None:
        return default
    own, every = (
        dict.fromkeys(_id_in(entry) for entry in _list_in(product, key))
        for key in ("sections", "sections_with_default")
    )
    others = [found for found in every if found is not None and found not in own]
    return others[0] if len(others) == 1 else None


def _list_in(product: Mapping[str, Any], key: str) -> list[Any]:
    value = product.get(key)
    return value if isinstance(value, list) else []


Listing = tuple[int | None, Sequence[Any]]
"""The features that one address listed, with the section asked for (None for the product as a whole)."""


def needs_story_list(listings: Iterable[Listing]) -> bool:
    """Return whether any feature names its stories as plain sentences, so that the story list must be read."""
    return any(
        isinstance(story, str) for _, features in listings for feature in features for story in _stories_of(feature)
    )


def feature_rows(
    product_id: int,
    listings: Sequence[Listing],
    story_list: Sequence[Any] = (),
    *,
    secrets: Collection[str] = (),
) -> Rows:
    """Return ``features``, ``feature_sections`` and ``user_stories`` of one product.

    A feature listed by several sections is one row with several memberships. Stories that come as objects belong to
    the feature that holds them; those known only from the story list are linked by their sentence where exactly one
    feature has it.
    """
    rows, owners = Rows(), defaultdict[str, set[int]](set)
    seen: dict[int, Any] = {}
    for section_id, features in listings:
        new, again = _parted(features, seen)
        for raw in payloads.scrub(new, secrets=secrets):
            _add_feature(rows, product_id, section_id, raw, owners)
        for feature_id in again:
            if (feature_id,) in rows.by_table[tables.FEATURES.name]:
                _add_membership(rows, product_id, section_id, feature_id)
    listed = payloads.scrub(list(story_list), secrets=secrets)
    for raw in listed:
        _add_listed_story(rows, product_id, raw, owners)
    _reject_unlisted(rows, owners, known={sentence for raw in listed for sentence in _sentences(raw)})
    return rows


def _parted(features: Sequence[Any], seen: dict[int, Any]) -> tuple[list[Any], list[int]]:
    """Return the features that are new or differ from what another listing said, and the ids of those said again.

    Most of what the product as a whole lists was read from its sections before.
    """
    new, again = [], []
    for raw in features:
        feature_id = raw.get("id") if isinstance(raw, Mapping) else None
        if is_id(feature_id) and seen.setdefault(feature_id, raw) is not raw and seen[feature_id] == raw:
            again.append(feature_id)
        else:
            new.append(raw)
    return new, again


def _add_feature(rows: Rows, product_id: int, section_id: int | None, raw: Any, owners: dict[str, set[int]]) -> None:
    feature = payloads.read(payloads.Feature, raw)
    if isinstance(feature, str):
        rows.reject(tables.FEATURES, raw, feature)
        return
    rows.add(
        tables.FEATURES,
        raw,
        id=feature.id,
        product_id=product_id,
        title=feature.title,
        description=feature.description,
        howtofind=feature.howtofind,
    )
    _add_membership(rows, product_id, section_id, feature.id)
    if not isinstance(feature.user_stories, list | None):
        reason = f"the stories of feature {feature.id} are not a list but {payloads.shown(feature.user_stories)}"
        rows.reject(tables.USER_STORIES, feature.user_stories, reason)
    for story in _stories_of(raw):
        if isinstance(story, str):
            owners[payloads.clean_text(story)].add(feature.id)
        else:
            _add_story(rows, product_id, story, feature.id, "id")


def _add_membership(rows: Rows, product_id: int, section_id: int | None, feature_id: int) -> None:
    if section_id is not None:
        membership = {"feature_id": feature_id, "section_id": section_id}
        rows.add(tables.FEATURE_SECTIONS, membership, product_id=product_id, **membership)


def _add_listed_story(rows: Rows, product_id: int, raw: Any, owners: Mapping[str, set[int]]) -> None:
    features = next((owners[sentence] for sentence in _sentences(raw) if sentence in owners), set())
    link = {0: "none", 1: "text"}.get(len(features), "ambiguous")
    _add_story(rows, product_id, raw, next(iter(features)) if link == "text" else None, link)


def _sentences(story: Any) -> list[str]:
    said = (story.get("path"), story.get("title")) if isinstance(story, Mapping) else ()
    return [payloads.clean_text(sentence) for sentence in said if isinstance(sentence, str)]


def _reject_unlisted(rows: Rows, owners: Mapping[str, set[int]], known: Collection[str]) -> None:
    """Name the stories that features mention and no list brought: without an id they cannot be stored."""
    stored = {row[name] for row in rows.of(tables.USER_STORIES) for name in ("path", "title")}
    for sentence in (sentence for sentence in owners if sentence not in stored and sentence not in known):
        for feature_id in sorted(owners[sentence]):
            reason = f"feature {feature_id} names it, but no story list has this sentence, so its id is not known"
            rows.reject(tables.USER_STORIES, {"feature_id": feature_id, "path": sentence}, reason)


def _add_story(rows: Rows, product_id: int, raw: Any, feature_id: int | None, link: str) -> None:
    story = payloads.read(payloads.Story, raw)
    if isinstance(story, str):
        rows.reject(tables.USER_STORIES, raw, story)
        return
    known = rows.by_table[tables.USER_STORIES.name].get((story.id,))
    if link == "id" and known is not None and known["feature_id"] != feature_id:
        rows.reject(
            tables.USER_STORIES, raw, f"in feature {feature_id}: its id already came with feature {known['feature_id']}"
        )
        return
    rows.add(
        tables.USER_STORIES,
        raw,
        id=story.id,
        product_id=product_id,
        feature_id=feature_id,
        feature_link=link,
        title=story.title,
        path=story.path,
        requirements=payloads.text_of(story.requirements),
    )


def _stories_of(feature: Any) -> list[Any]:
    stories = feature.get("user_stories") if isinstance(feature, Mapping) else None
    return stories if isinstance(stories, list) else []


def test_rows(product_id: int, tests: Iterable[Any], *, secrets: Collection[str] = ()) -> Rows:
    """Return ``tests`` and ``test_features`` of one product; a test that comes twice is one row."""
    rows = Rows()
    for payload in tests:
        _add_test(rows, product_id, payloads.scrub(payload, secrets=secrets))
    return rows


test_rows.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it for its name


def _add_test(rows: Rows, product_id: int, raw: Any) -> None:
    test = payloads.read(payloads.ExploratoryTest, raw)
    if isinstance(test, str):
        rows.reject(tables.TESTS, raw, test)
        return
    if (test.id,) in rows.by_table[tables.TESTS.name]:
        return
    environment = test.test_environment if isinstance(test.test_environment, Mapping) else {}
    rows.add(
        tables.TESTS,
        raw,
        **test.model_dump(exclude={"test_title", "section", "test_environment", "features", "title"}),
        title=test.test_title if test.title is None else test.title,
        product_id=product_id,
        section_id=_id_in(test.section),
        environment_id=_id_in(environment),
        environment_title=payloads.text_of(environment.get("title")),
    )
    if not isinstance(test.features, list | None):
        reason = f"the features of test {test.id} are not a list but {payloads.shown(test.features)}"
        rows.reject(tables.TEST_FEATURES, test.features, reason)
        return
    for entry in test.features or []:
        _add_test_feature(rows, product_id, test.id, entry)


def _add_test_feature(rows: Rows, product_id: int, test_id: int, raw: Any) -> None:
    feature = payloads.read(payloads.TestFeature, raw)
    if isinstance(feature, str):
        rows.reject(tables.TEST_FEATURES, raw, f"in test {test_id}: {feature}")
        return
    known = rows.by_table[tables.TEST_FEATURES.name].get((feature.id,))
    if known is not None and known["test_id"] != test_id:
        rows.reject(tables.TEST_FEATURES, raw, f"in test {test_id}: its id already came with test {known['test_id']}")
        return
    rows.add(tables.TEST_FEATURES, raw, test_id=test_id, product_id=product_id, **feature.model_dump())


def _id_in(value: Any) -> int | None:
    found = value.get("id") if isinstance(value, Mapping) else None
    return as_id(found)


_PLAIN = frozenset({str, int, type(None)})


def _row(table: tables.Table, raw: Any, values: dict[str, Any]) -> Row:
    values["raw_data"] = payloads.as_json(raw)
    if values.keys() != table.content_set:  # a slip in this package, never in the data
        raise TypeError(
            f"a row of {table.name} differs from its specification in {sorted(table.content_set ^ values.keys())}"
        )
    # Most values are texts, numbers and nulls: no call for those.
    content = [value if value.__class__ in _PLAIN else _stored(value) for value in table.content_of(values)]
    row = dict(zip(table.content_columns, content, strict=True))
    row["content_hash"] = _hash(content)
    return row


def content_hash(table: tables.Table, row: Mapping[str, Any]) -> str:
    """Return the fingerprint of what the API said in this row (BLAKE2b, 128 bits, hexadecimal)."""
    return _hash([*table.content_of(row)])


def _hash(content: list[Any]) -> str:
    return _digest(repr(content))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _stored(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def unknown_fields(rows: Rows) -> Counter[str]:
    """Count the fields that the API's description does not know, as ``table.field``; they stay in ``raw_data``."""
    return Counter(f"{table}.{name}" for (table, _), names in rows.unknown.items() for name in names)
