"""The nine products of the demo account, described; `catalogue` and `history` build them.

The customer is a fictional ferry company. Products 21362, 18559 and 24959 have the ids, sections and counts of the
reference products (testio-api.md, 16) under names of our own. Between them the payloads show each way in which the
API says, or fails to say, about sections (testio-api.md, 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from testio_analytics.demo.account.areas import AREAS, Area

PhotoSection = Literal["real", "default"]

SHARED_WITH_PRE_RELEASE = (
    "Port search field; Fare calendar; Seat map; Cart overview; Promo code field; Order summary; Card payment; "
    "Booking list; Booking details; Online check-in; Boarding card; Departure reminders"
).split("; ")
"""The twelve features that the web section and the pre-release section of the platform share."""


@dataclass(frozen=True)
class Workload:
    """How much a product is tested.

    Attributes:
        tests: number of tests that have ended; `running`, `planned`, `drafts` and `cancelled` come on top.
        bugs: expected number of bugs.
        growth: 1 is a steady pace, above 1 the pace grows over the two years, below 1 it fades.
        test_ids: first and last id that its tests may take.
    """

    tests: int = 0
    running: int = 0
    planned: int = 0
    drafts: int = 0
    cancelled: int = 0
    bugs: float = 0.0
    growth: float = 1.0
    test_ids: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Blueprint:
    """One product before it is built.

    Attributes:
        payload: the product payload as the API answers it.
        section_ids: every section with an address, in order; an area without section belongs to the first.
        is_sectioned: whether the server treats it as sectioned.
        areas: its features in groups.
        shared: the sections that list a feature besides the one of its area, by title.
        stories: number of user stories that the features of its first section have together.
        other_stories: the same for all other features.
        timer: share of the triaged bugs that were accepted automatically because nobody looked.
        refused: share of the triaged bugs that the customer rejected.
    """

    payload: dict[str, Any]
    section_ids: tuple[int, ...]
    is_sectioned: bool = False
    areas: tuple[Area, ...] = ()
    shared: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    stories: int = 0
    other_stories: int = 0
    workload: Workload = Workload()
    timer: float = 0.2
    refused: float = 0.17

    @property
    def id(self) -> int:
        """The id of the product."""
        product_id: int = self.payload["id"]
        return product_id

    def section_of(self, area: Area) -> int:
        """Return the section that lists the features of an area."""
        return area.section or self.section_ids[0]


def section(section_id: int, name: str, *, templates: int = 0) -> dict[str, Any]:
    """Return a section as it appears inside a product (testio-api.md, 3.3)."""
    counts = {"total": 20, "count": templates}
    return {"id": section_id, "name": name, "connection": None, "test_templates": counts}


def default_section(section_id: int) -> dict[str, Any]:
    """Return the implicit section that every product has."""
    return {"id": section_id, "name": "default-section", "connection": None}


def product_payload(
    product_id: int,
    name: str,
    description: str | None,
    default_section_id: int | None,
    *,
    type_: str = "website",
    remote: bool | None = False,
    connection: dict[str, Any] | None = None,
    **section_lists: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    """Return a product as the API answers it; a section list, or `remote` as None, that is not given is no key of it."""
    payload = {"id": product_id, "name": name, "description": description, "type": type_}
    payload |= {"default_section_id": default_section_id, **section_lists, "connection": connection}
    return payload if remote is None else {**payload, "remote_device_testing": remote}


def blueprints(photo_section: PhotoSection) -> list[Blueprint]:
    """Return all products in the order in which the API lists them."""
    return [
        _platform(),
        _boards(),
        _photo_pass(is_real=photo_section == "real"),
        _day_trips(),
        _pocket_app(),
        _back_office(),
        _onboard_kiosk(),
        _crew_roster(),
        _cargo_portal(),
    ]


def _platform() -> Blueprint:
    """Return the big reference product: sections of 288 and 21 features, twelve of them shared, 1,709 stories."""
    sections = [section(19013, "Web platform", templates=19), section(25618, "Mobile pre-release", templates=4)]
    payload = product_payload(
        *(18559, "Skerry Lines Platform", "Booking, travel and operations in one web platform.", 18990),
        sections=sections,
        sections_with_default=[default_section(18990), *sections],
        connection={"id": 901, "name": "Skerry tracker", "url": "https://tracker.skerry.invalid", "fixed": True},
        remote=True,
    )
    load = Workload(
        205, running=3, planned=9, drafts=17, cancelled=6, bugs=1230, growth=1.9, test_ids=(101_000, 170_000)
    )
    shared = dict.fromkeys(SHARED_WITH_PRE_RELEASE, (25618,))
    return Blueprint(payload, (19013, 25618, 18990), True, AREAS[18559], shared, 1709, 38, load)


def _boards() -> Blueprint:
    """Return the plain reference product: 28 features, 54 stories, one default section."""
    payload = product_payload(
        *(21362, "Harbour Boards", "Departure screens and public data boards in our ports.", 21855),
        sections=[],
        sections_with_default=[default_section(21855)],
    )
    load = Workload(52, running=1, planned=4, drafts=1, cancelled=2, bugs=210, growth=1.1, test_ids=(98_000, 158_000))
    return Blueprint(payload, (21855,), areas=AREAS[21362], stories=54, workload=load)


def _photo_pass(*, is_real: bool) -> Blueprint:
    """Return the small reference product: section 25543 with nine features, as a real or as the default section."""
    own = section(25543, "Photo pass" if is_real else "default-section")
    payload = product_payload(
        *(24959, "Photo Pass", None, 25540 if is_real else 25543),
        sections=[own] if is_real else [],
        sections_with_default=[default_section(25540), own] if is_real else [own],
    )
    load = Workload(13, planned=1, cancelled=1, bugs=62, growth=2.2, test_ids=(118_000, 162_000))
    section_ids = (25543, 25540) if is_real else (25543,)
    return Blueprint(payload, section_ids, is_real, AREAS[24959], stories=9, workload=load, refused=0.3)


def _day_trips() -> Blueprint:
    """Return a sectioned product where several features belong to two or three sections."""
    sections = [
        section(70601, "Passenger site", templates=3),
        section(70602, "Crew desk"),
        section(70603, "Travel agents"),
    ]
    payload = product_payload(
        *(70210, "Island Hopper", "Day trips between the islands.", 70210),
        sections=sections,
        sections_with_default=[default_section(70210), *sections],
    )
    shared = {
        "Trip calendar": (70602, 70603),
        "Trip cards": (70603,),
        "Passenger count": (70601,),
        "Group ticket": (70603,),
        "Trip cancellation": (70602, 70603),
    }
    load = Workload(70, running=1, planned=4, drafts=3, cancelled=3, bugs=470, growth=1.5, test_ids=(600_000, 659_000))
    return Blueprint(payload, (70601, 70602, 70603, 70210), True, AREAS[70210], shared, 96, 52, load, timer=0.15)


def _pocket_app() -> Blueprint:
    """Return a plain mobile product without ``sections_with_default``, as the official samples are."""
    payload = product_payload(
        *(70340, "Skerry Go", "The company in the pocket: app for both phone systems.", 70340),
        type_="mobile_app_ios",
        sections=[],
        remote=True,
    )
    load = Workload(58, running=1, planned=3, drafts=2, cancelled=2, bugs=410, growth=2.4, test_ids=(660_000, 699_000))
    return Blueprint(payload, (70340,), areas=AREAS[70340], stories=118, workload=load, timer=0.46, refused=0.12)


def _back_office() -> Blueprint:
    """Return a product that names its two sections only in ``sections_with_default``, and that testing forgot."""
    payload = product_payload(
        *(70415, "Back Office", "Accounting and master data.", 70801),
        sections=[],
        sections_with_default=[default_section(70801), section(70802, "Accounting", templates=1)],
        remote=None,
    )
    shared = {"Customer file": (70802,), "Contract folder": (70802,)}
    load = Workload(19, planned=1, drafts=1, cancelled=1, bugs=70, growth=0.45, test_ids=(700_000, 709_000))
    return Blueprint(payload, (70801, 70802), True, AREAS[70415], shared, 24, 17, load, timer=0.35, refused=0.28)


def _onboard_kiosk() -> Blueprint:
    """Return a brand-new product: a catalogue, and no test yet."""
    payload = product_payload(
        *(70502, "Onboard Kiosk", "Touch screens on the new ship.", 70777),
        type_="mobile_app_android",
        sections=None,
        sections_with_default=None,
        remote=None,
    )
    return Blueprint(payload, (70777,), areas=AREAS[70502], stories=22)


def _crew_roster() -> Blueprint:
    """Return an empty product that does not mention sections at all."""
    return Blueprint(product_payload(70588, "Crew Roster", "", None, remote=None), ())


def _cargo_portal() -> Blueprint:
    """Return the minor product whose texts try to break out of a page, a table or a terminal."""
    payload = product_payload(
        *(70633, "Cargo Portal & Tools", "Freight for <b>business customers</b>.", 70900),
        sections=[section(70901, "Cargo portal")],
        sections_with_default=None,
        remote=None,
    )
    load = Workload(13, planned=2, cancelled=1, bugs=56, growth=1.0, test_ids=(710_000, 719_000))
    return Blueprint(payload, (70901, 70900), True, AREAS[70633], stories=40, workload=load)
