"""The features of one product, section by section where it has sections, with their stories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from testio_analytics import errors
from testio_analytics.api import payloads
from testio_analytics.api.client import Client
from testio_analytics.api.scrubbing import scrub, scrub_text
from testio_analytics.api.sections import Sections, sections_of
from testio_analytics.api.values import clean_text, id_in, is_id, list_in, text_of
from testio_analytics.concurrency import gather
from testio_analytics.mirror import schema
from testio_analytics.mirror.diff import StreamRead
from testio_analytics.mirror.rows import Rows
from testio_analytics.mirror.schema import OUTSIDE_SECTIONS, STORY_IDS
from testio_analytics.mirror.streams.gaps import GAP_ERRORS, Gaps
from testio_analytics.mirror.streams.offers import Before, is_missing_list
from testio_analytics.mirror.worker import RowWorker
from testio_analytics.text import one_line, short

NOTHING_FOUND = Before()

Listing = tuple[int | None, Sequence[Any]]
"""The features that one address listed, with the section asked for (None for the product as a whole)."""


async def read_features(
    api: Client, worker: RowWorker, product: Any, before: Before = NOTHING_FOUND
) -> tuple[StreamRead, Any]:
    """Read all features of one product with their sections and stories; what fails becomes a gap.

    `before` is what earlier runs found. Returns the read, and the product as it is now: it is read anew where it turns
    out to be sectioned after all.
    """
    gaps, sections = Gaps("features", int(product["id"])), sections_of(product)
    if sections.is_sectioned:
        listings, offers = await _section_listings(api, sections, sections.ids, gaps, before)
    else:
        product, listings, offers = await _plain_listings(api, product, gaps, before)
    stories: list[Any] = []
    has_lost_ids = False
    if needs_story_list(listings):
        has_lost_ids = bool(before.offers.get(STORY_IDS))
        stories = [] if has_lost_ids else await _story_lists(api, listings, gaps)
    elif any(isinstance(story, Mapping) for story in _stories(listings)):
        offers |= {STORY_IDS: True}
    found = await worker(feature_rows, gaps.product_id, listings, stories)
    if has_lost_ids:
        _leave_out_stories(found, gaps)
    return StreamRead("features", found, tuple(gaps.noted), gaps.missing, offers=offers), product


async def _plain_listings(
    api: Client, product: Any, gaps: Gaps, before: Before
) -> tuple[Any, list[Listing], dict[str, bool]]:
    try:
        return product, [(None, gaps.counted("all features", await api.features(gaps.product_id)))], {}
    except GAP_ERRORS as error:
        if error.status != 422:
            gaps.note_error("all features", error)
            return product, [], {}
    # 422 means sectioned after all: sections may have been switched on since the list of products was read.
    again = await gaps.answer("all features", api.product(gaps.product_id))
    if again is None:
        return product, [], {}
    sections = sections_of(again)
    if not sections.is_sectioned:
        reason = "the API answered 422, as it does for sectioned products, but names no sections beside the default one"
        gaps.note("features of unnamed sections", reason, 1)
    return again, *await _section_listings(api, sections, sections.ids or sections.known_ids, gaps, before)


async def _section_listings(
    api: Client, sections: Sections, ids: Sequence[int], gaps: Gaps, before: Before
) -> tuple[list[Listing], dict[str, bool]]:
    """Read each section, and the product as a whole for features that are in no section, where the API has that.

    Returns the lists, and whether the API offers the one of the whole product, where that is known now.
    """

    async def section(section_id: int) -> Listing | None:
        where = _section_name(api, sections, section_id)
        features = await gaps.answer(where, api.features(gaps.product_id, section_id))
        return None if features is None else (section_id, features)

    async def whole_product() -> Listing | errors.ApiError:
        try:
            return None, gaps.counted("features in no section", await api.features(gaps.product_id))
        except GAP_ERRORS as error:
            return error

    *in_sections, whole = await gather(*(section(section_id) for section_id in ids), whole_product())
    listings = [listing for listing in in_sections if listing is not None]
    if not isinstance(whole, errors.ApiError):
        return [*listings, whole], {OUTSIDE_SECTIONS: True}
    listed = {found for _, features in listings for feature in features if (found := id_in(feature)) is not None}
    is_missing = is_missing_list(whole, before, listed, gaps)
    if is_missing and sections.has_nameless:
        reason = "a section without a usable id cannot be asked for its features, and the API lists them nowhere else"
        gaps.note("features of sections without id", reason)
    return listings, {OUTSIDE_SECTIONS: False} if is_missing else {}


def _section_name(api: Client, sections: Sections, section_id: int) -> str:
    name = short(one_line(scrub_text(sections.names.get(section_id, ""), api.secrets)))
    return f"section {section_id}" + (f" ({name})" if name else "")


async def _story_lists(api: Client, listings: Sequence[Listing], gaps: Gaps) -> list[Any]:
    """Read the story list of the product, or of each of its sections, where features name stories as plain text."""
    sections: list[int | None] = [section_id for section_id, _ in listings if section_id is not None]

    async def stories(section_id: int | None) -> list[Any]:
        where = "user stories" if section_id is None else f"user stories of section {section_id}"
        return await gaps.answer(where, api.user_stories(gaps.product_id, section_id)) or []

    return [story for found in await gather(*(stories(s) for s in sections or [None])) for story in found]


def needs_story_list(listings: Iterable[Listing]) -> bool:
    """Return whether any feature names its stories as plain sentences or not at all, so that their list must be read."""
    return any(story is None or isinstance(story, str) for story in _stories(listings))


def _stories(listings: Iterable[Listing]) -> Iterator[Any]:
    """Yield each story of each feature; None for a feature that does not say which it has."""
    for _, features in listings:
        for feature in features:
            if isinstance(feature, Mapping):
                yield from (None,) if feature.get("user_stories") is None else list_in(feature, "user_stories") or ()


def _leave_out_stories(found: Rows, gaps: Gaps) -> None:
    """Keep the stored stories as they are: by their sentences alone, some could not be told apart any more."""
    reason = (
        "the features name their stories without ids, which they had before; the stored stories are kept as they are"
    )
    gaps.note("user stories of the features", reason)
    found.by_table[schema.USER_STORIES.name].clear()
    found.rejections[:] = [one for one in found.rejections if one.table != schema.USER_STORIES.name]


def feature_rows(
    product_id: int,
    listings: Sequence[Listing],
    story_list: Sequence[Any] = (),
) -> Rows:
    """Return ``features``, ``feature_sections`` and ``user_stories`` of one product.

    A feature listed by several sections is one row with several memberships. Stories that come as objects belong to
    the feature that holds them; those known only from the story list are linked by their sentence where exactly one
    feature has it.
    """
    rows, owners = Rows(), defaultdict[str, set[int]](set)
    parts, listed = _new_and_repeated(listings), list(story_list)
    *scrubbed, listed = scrub([*(new for _, new, _ in parts), listed], rows.credentials)
    for (section_id, _, repeated), new in zip(parts, scrubbed, strict=True):
        for raw in new:
            _add_feature(rows, product_id, section_id, raw, owners)
        for feature_id in repeated:
            if (feature_id,) in rows.by_table[schema.FEATURES.name]:
                _add_membership(rows, product_id, section_id, feature_id)
    for raw in listed:
        _add_listed_story(rows, product_id, raw, owners)
    _reject_unlisted(rows, owners, known={sentence for raw in listed for sentence in _sentences(raw)})
    return rows


def _new_and_repeated(listings: Sequence[Listing]) -> list[tuple[int | None, list[Any], list[int]]]:
    """Return for each listing its features that are new or differ from what another said, and the ids of the others.

    Most of what the product as a whole lists was read from its sections before.
    """
    seen: dict[int, Any] = {}
    parts: list[tuple[int | None, list[Any], list[int]]] = []
    for section_id, features in listings:
        new, repeated = [], []
        for raw in features:
            feature_id = raw.get("id") if isinstance(raw, Mapping) else None
            if is_id(feature_id) and seen.setdefault(feature_id, raw) is not raw and seen[feature_id] == raw:
                repeated.append(feature_id)
            else:
                new.append(raw)
        parts.append((section_id, new, repeated))
    return parts


def _add_feature(rows: Rows, product_id: int, section_id: int | None, raw: Any, owners: dict[str, set[int]]) -> None:
    feature = rows.read(payloads.Feature, schema.FEATURES, raw)
    if feature is None:
        return
    rows.add(schema.FEATURES, raw, product_id=product_id, **feature.model_dump(exclude={"user_stories"}))
    _add_membership(rows, product_id, section_id, feature.id)
    for story in rows.entries(schema.USER_STORIES, feature.user_stories, f"the stories of feature {feature.id}"):
        if isinstance(story, str):
            owners[clean_text(story)].add(feature.id)
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
    return [clean_text(sentence) for sentence in said if isinstance(sentence, str)]


def _reject_unlisted(rows: Rows, owners: Mapping[str, set[int]], known: Collection[str]) -> None:
    """Name the stories that features mention and no list brought: without an id they cannot be stored."""
    stored = {row[name] for row in rows.of(schema.USER_STORIES) for name in ("path", "title")}
    for sentence in (sentence for sentence in owners if sentence not in stored and sentence not in known):
        for feature_id in sorted(owners[sentence]):
            reason = f"feature {feature_id} names it, but no story list has this sentence, so its id is not known"
            rows.reject(schema.USER_STORIES, {"feature_id": feature_id, "path": sentence}, reason)


def _add_story(rows: Rows, product_id: int, raw: Any, feature_id: int | None, link: str) -> None:
    story = rows.read(payloads.Story, schema.USER_STORIES, raw)
    if story is None:
        return
    known = rows.by_table[schema.USER_STORIES.name].get((story.id,))
    if link == "id" and known is not None and known["feature_id"] != feature_id:
        reason = f"in feature {feature_id}: its id already came with feature {known['feature_id']}"
        rows.reject(schema.USER_STORIES, raw, reason)
        return
    values = story.model_dump() | {"requirements": text_of(story.requirements)}
    rows.add(schema.USER_STORIES, raw, product_id=product_id, feature_id=feature_id, feature_link=link, **values)
