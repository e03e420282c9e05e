"""Read the features of one product, section by section where it has sections, with their stories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from testio_analytics import errors
from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.sections import (
    get_known_section_ids,
    get_section_ids,
    has_nameless_sections,
    has_sections,
    is_id,
    section_names,
)
from testio_analytics.concurrency import gather
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import Gap, StreamRead
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, gap_of
from testio_analytics.mirror.worker import RowWorker


async def read_features(api: Client, compute: RowWorker, product: Any) -> tuple[StreamRead, Any]:
    """Read all features of one product with their sections and stories; what fails becomes a gap.

    Returns the read, and the product as it is now: it is read anew where it turns out to be sectioned after all.
    """
    product_id = int(product["id"])
    gaps: list[Gap] = []
    if has_sections(product):
        listings = await _section_listings(api, product, get_section_ids(product), gaps)
    else:
        product, listings = await _plain_listings(api, product, gaps)
    stories = await _story_lists(api, product_id, listings, gaps) if needs_story_list(listings) else []
    found = await compute(feature_rows, product_id, listings, stories, secrets=api.secrets)
    return StreamRead("features", found, tuple(gaps), None if gaps else 0), product


async def _plain_listings(api: Client, product: Any, gaps: list[Gap]) -> tuple[Any, list[Listing]]:
    product_id = int(product["id"])
    try:
        return product, [(None, await api.features(product_id))]
    except GAP_ERRORS as error:
        if not isinstance(error, errors.RequestRefusedError) or error.status != 422:
            gaps.append(gap_of("features", "all features", error, product_id))
            return product, []
    # 422 means sectioned after all: sections may have been switched on since the list of products was read.
    try:
        product = await api.product(product_id)
    except GAP_ERRORS as error:
        gaps.append(gap_of("features", "all features", error, product_id))
        return product, []
    if not has_sections(product):
        reason = "the API answered 422, as it does for sectioned products, but names no sections beside the default one"
        gaps.append(Gap("features", "features of unnamed sections", reason, 1, product_id))
    ids = get_section_ids(product) or get_known_section_ids(product)
    return product, await _section_listings(api, product, ids, gaps)


async def _section_listings(api: Client, product: Any, section_ids: Sequence[int], gaps: list[Gap]) -> list[Listing]:
    """Read each section, and the product as a whole for features that are in no section, where the API has that."""
    product_id = int(product["id"])

    async def section(section_id: int) -> Listing | None:
        try:
            return section_id, await api.features(product_id, section_id)
        except GAP_ERRORS as error:
            gaps.append(gap_of("features", _section_name(api, product, section_id), error, product_id))
            return None

    async def outside() -> Listing | None:
        try:
            return None, await api.features(product_id)
        except (errors.RequestRefusedError, errors.NotFoundError):
            return None  # the API of 2025 has no such list for a sectioned product
        except GAP_ERRORS as error:
            if getattr(error, "status", None) != 500:  # which was seen instead of 422
                gaps.append(gap_of("features", "features in no section", error, product_id))
            return None

    found = await gather(*(section(section_id) for section_id in section_ids), outside())
    listings = [listing for listing in found if listing is not None]
    if found[-1] is None and has_nameless_sections(product):
        reason = "a section without a usable id cannot be asked for its features, and the API lists them nowhere else"
        gaps.append(Gap("features", "features of sections without id", reason, 0, product_id))
    return sorted(listings, key=lambda listing: listing[0] is None)


def _section_name(api: Client, product: Any, section_id: int) -> str:
    name = section_names(product).get(section_id, "")
    name = payloads.clean_text(payloads.scrub_text(" ".join(name.split()), api.secrets))[:60]
    return f"section {section_id}" + (f" ({name})" if name else "")


async def _story_lists(api: Client, product_id: int, listings: Sequence[Listing], gaps: list[Gap]) -> list[Any]:
    """Read the story list of the product, or of each of its sections, where features name stories as plain text."""
    sections: list[int | None] = [section_id for section_id, _ in listings if section_id is not None]

    async def stories(section_id: int | None) -> list[Any]:
        try:
            return await api.user_stories(product_id, section_id)
        except GAP_ERRORS as error:
            where = "user stories" if section_id is None else f"user stories of section {section_id}"
            gaps.append(gap_of("features", where, error, product_id))
            return []

    return [story for found in await gather(*(stories(s) for s in sections or [None])) for story in found]


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
            if (feature_id,) in rows.by_table[schema.FEATURES.name]:
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
        rows.reject(schema.FEATURES, raw, feature)
        return
    rows.add(
        schema.FEATURES,
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
        rows.reject(schema.USER_STORIES, feature.user_stories, reason)
    for story in _stories_of(raw):
        if isinstance(story, str):
            owners[payloads.clean_text(story)].add(feature.id)
        else:
            _add_story(rows, product_id, story, feature.id, "id")


def _add_membership(rows: Rows, product_id: int, section_id: int | None, feature_id: int) -> None:
    if section_id is not None:
        membership = {"feature_id": feature_id, "section_id": section_id}
        rows.add(schema.FEATURE_SECTIONS, membership, product_id=product_id, **membership)


def _add_listed_story(rows: Rows, product_id: int, raw: Any, owners: Mapping[str, set[int]]) -> None:
    features = next((owners[sentence] for sentence in _sentences(raw) if sentence in owners), set())
    link = {0: "none", 1: "text"}.get(len(features), "ambiguous")
    _add_story(rows, product_id, raw, next(iter(features)) if link == "text" else None, link)


def _sentences(story: Any) -> list[str]:
    said = (story.get("path"), story.get("title")) if isinstance(story, Mapping) else ()
    return [payloads.clean_text(sentence) for sentence in said if isinstance(sentence, str)]


def _reject_unlisted(rows: Rows, owners: Mapping[str, set[int]], known: Collection[str]) -> None:
    """Name the stories that features mention and no list brought: without an id they cannot be stored."""
    stored = {row[name] for row in rows.of(schema.USER_STORIES) for name in ("path", "title")}
    for sentence in (sentence for sentence in owners if sentence not in stored and sentence not in known):
        for feature_id in sorted(owners[sentence]):
            reason = f"feature {feature_id} names it, but no story list has this sentence, so its id is not known"
            rows.reject(schema.USER_STORIES, {"feature_id": feature_id, "path": sentence}, reason)


def _add_story(rows: Rows, product_id: int, raw: Any, feature_id: int | None, link: str) -> None:
    story = payloads.read(payloads.Story, raw)
    if isinstance(story, str):
        rows.reject(schema.USER_STORIES, raw, story)
        return
    known = rows.by_table[schema.USER_STORIES.name].get((story.id,))
    if link == "id" and known is not None and known["feature_id"] != feature_id:
        rows.reject(
            schema.USER_STORIES, raw, f"in feature {feature_id}: its id already came with feature {known['feature_id']}"
        )
        return
    rows.add(
        schema.USER_STORIES,
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
