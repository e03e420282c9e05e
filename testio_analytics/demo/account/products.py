"""The nine products of the demo account, described; `catalogue` and `history` build them.

The customer is a fictional ferry company. Products 21362, 18559 and 24959 have the ids, sections and counts of the
reference products (testio-api.md, 16) under names of our own. Between them the payloads show each way in which the
API tells, or fails to tell, about sections (testio-api.md, 4.2).
"""

from __future__ import annotations

from typing import Any, Literal

from testio_analytics.demo.account.blueprints import Blueprint, area
from testio_analytics.demo.account.platform_areas import PLATFORM_AREAS, PRE_RELEASE_AREA, SHARED_WITH_PRE_RELEASE

PhotoSection = Literal["real", "default"]

TRACKER = {"id": 901, "name": "Skerry tracker", "url": "https://tracker.skerry.invalid", "fixed": True}


def section(section_id: int, name: str, *, templates: int = 0) -> dict[str, Any]:
    """Return a section as it appears inside a product (testio-api.md, 3.3)."""
    return {
        "id": section_id,
        "name": name,
        "connection": None,
        "test_templates": {"total": 20, "count": templates},
    }


def default_section(section_id: int) -> dict[str, Any]:
    """Return the implicit section that every product has."""
    return {"id": section_id, "name": "default-section", "connection": None}


def boards() -> Blueprint:
    """Return the plain reference product: 28 features, 54 stories, one default section."""
    return Blueprint(
        id=21362,
        payload={
            "id": 21362,
            "name": "Harbour Boards",
            "description": "Departure screens and public data boards in our ports.",
            "type": "website",
            "default_section_id": 21855,
            "sections": [],
            "sections_with_default": [default_section(21855)],
            "connection": None,
            "remote_device_testing": False,
        },
        sectioned=False,
        section_ids=(21855,),
        areas=(
            area(
                "Screens",
                "port visitor",
                "Departure board; Arrival board; Gate display; Delay banner; Boarding countdown; Vehicle lane display; "
                "Weather panel; Emergency message!",
                attention=2.0,
                trouble=1.4,
            ),
            area(
                "Editor",
                "board editor",
                "Board layout editor; Colour themes; Text slides; Picture slides; Data table import; Chart slides; "
                "Slide order; Board preview; Ticker tape slides-",
                attention=1.6,
            ),
            area(
                "Publishing",
                "board editor",
                "Publishing to one port; Publishing to all ports~; Scheduled publishing; Board versions; Embed code; "
                "Public board link",
                attention=1.0,
                trouble=0.6,
            ),
            area(
                "Administration",
                "board administrator",
                "Screen register; Screen health check; Editor accounts; Language packs?; Data source keys!; "
                "Board archive~",
                attention=0.6,
                trouble=0.5,
            ),
        ),
        stories=54,
        tests=52,
        running=1,
        planned=4,
        drafts=1,
        cancelled=2,
        bugs=210,
        growth=1.1,
        test_ids=(98_000, 158_000),
    )


def platform() -> Blueprint:
    """Return the big reference product: sections of 288 and 21 features, twelve of them shared, 1,709 stories."""
    sections = [
        section(19013, "Web platform", templates=19),
        section(25618, "Mobile pre-release", templates=4),
    ]
    return Blueprint(
        id=18559,
        payload={
            "id": 18559,
            "name": "Skerry Lines Platform",
            "description": "Booking, travel and operations in one web platform.",
            "type": "website",
            "default_section_id": 18990,
            "sections": sections,
            "sections_with_default": [default_section(18990), *sections],
            "connection": dict(TRACKER),
            "remote_device_testing": True,
        },
        sectioned=True,
        section_ids=(19013, 25618, 18990),
        areas=(*PLATFORM_AREAS, PRE_RELEASE_AREA),
        shared=tuple((title, 25618) for title in SHARED_WITH_PRE_RELEASE),
        stories=1709,
        other_stories=38,
        tests=205,
        running=3,
        planned=9,
        drafts=17,
        cancelled=6,
        bugs=1230,
        growth=1.9,
        test_ids=(101_000, 170_000),
    )


def photo_pass(photo_section: PhotoSection) -> Blueprint:
    """Return the small reference product: section 25543 with nine features, as a real or as the default section."""
    real = photo_section == "real"
    own = section(25543, "Photo pass" if real else "default-section")
    return Blueprint(
        id=24959,
        payload={
            "id": 24959,
            "name": "Photo Pass",
            "description": None,
            "type": "website",
            "default_section_id": 25540 if real else 25543,
            "sections": [own] if real else [],
            "sections_with_default": [default_section(25540), own] if real else [own],
            "connection": None,
            "remote_device_testing": False,
        },
        sectioned=real,
        section_ids=(25543, 25540) if real else (25543,),
        areas=(
            area(
                "Photo pass",
                "passenger",
                "Photo upload; Background removal; Face outline check; Photo crop; Photo print sheet?; "
                "Season ticket photo; Batch upload for groups; Photo rejection reasons; Photo deletion~",
                trouble=1.0,
            ),
        ),
        stories=9,
        tests=13,
        planned=1,
        cancelled=1,
        bugs=62,
        growth=2.2,
        test_ids=(118_000, 162_000),
        refused=0.3,
    )


def day_trips() -> Blueprint:
    """Return a sectioned product where several features belong to two or three sections."""
    sections = [
        section(70601, "Passenger site", templates=3),
        section(70602, "Crew desk"),
        section(70603, "Travel agents"),
    ]
    return Blueprint(
        id=70210,
        payload={
            "id": 70210,
            "name": "Island Hopper",
            "description": "Day trips between the islands.",
            "type": "website",
            "default_section_id": 70210,
            "sections": sections,
            "sections_with_default": [default_section(70210), *sections],
            "connection": None,
            "remote_device_testing": False,
        },
        sectioned=True,
        section_ids=(70601, 70602, 70603, 70210),
        areas=(
            area(
                "Trip finder",
                "day tripper",
                "Island picker; Trip calendar; Trip cards; Trip filters; Picnic basket order; Bicycle rental!; "
                "Trip reviews; Tide notice~",
                attention=2.5,
                trouble=1.1,
            ),
            area(
                "Trip booking",
                "day tripper",
                "Trip cart; Guest booking; Family ticket; Ticket download; Trip voucher; Trip cancellation; "
                "Paper voucher-; "
                "Bad weather refund?; Group ticket",
                attention=3.0,
                trouble=1.9,
            ),
            area(
                "Landing stage",
                "crew member",
                "Ticket scanner; Passenger count; Late arrival list; Walk-on sale; Life jacket check!; "
                "Trip log; Crew message board~",
                attention=1.2,
                sections=(70602,),
            ),
            area(
                "Agency counter",
                "travel agent",
                "Agency booking; Agency invoice; Agency allotment~; Agency price list; Agency cancellation; "
                "Agency booking import?; Agency report",
                attention=0.8,
                quiet_days=160,
                sections=(70603,),
            ),
        ),
        shared=(
            ("Trip calendar", 70602),
            ("Trip calendar", 70603),
            ("Trip cards", 70603),
            ("Passenger count", 70601),
            ("Group ticket", 70603),
            ("Trip cancellation", 70602),
            ("Trip cancellation", 70603),
        ),
        stories=96,
        other_stories=52,
        tests=70,
        running=1,
        planned=4,
        drafts=3,
        cancelled=3,
        bugs=470,
        growth=1.5,
        test_ids=(600_000, 659_000),
        timer=0.15,
    )


def pocket_app() -> Blueprint:
    """Return a plain mobile product without ``sections_with_default``, as the official samples are."""
    return Blueprint(
        id=70340,
        payload={
            "id": 70340,
            "name": "Skerry Go",
            "description": "The company in the pocket: app for both phone systems.",
            "type": "mobile_app_ios",
            "default_section_id": 70340,
            "sections": [],
            "connection": None,
            "remote_device_testing": True,
        },
        sectioned=False,
        section_ids=(70340,),
        areas=(
            area(
                "Getting started",
                "new app user",
                "Welcome tour; App sign-in; Sign-in with a passkey; Permission prompts; Home screen; App settings; "
                "Dark mode",
                attention=1.8,
            ),
            area(
                "On the way",
                "passenger",
                "Live ship position; Departure countdown; Boarding pass in the app; Gate directions^; "
                "Car deck reminder^; Port map^; Delay push message; Travel companion chat^",
                attention=1.6,
                trouble=1.5,
            ),
            area(
                "Buying",
                "passenger",
                "Quick rebooking; Last-minute seats; Fast pay; App-only offers; Seat picker in the app; Snack order; "
                "Printed receipt by post-; "
                "Receipt folder; Gift ticket~",
                attention=2.4,
                trouble=2.0,
            ),
            area(
                "Staying in touch",
                "passenger",
                "Message centre; Feedback form; Help chat in the app; Trip diary~; Photo sharing~; App rating prompt; "
                "Offline mode; Accessibility settings",
                attention=1.1,
                trouble=0.8,
            ),
        ),
        stories=118,
        tests=58,
        running=1,
        planned=3,
        drafts=2,
        cancelled=2,
        bugs=410,
        growth=2.4,
        test_ids=(660_000, 699_000),
        timer=0.46,
        refused=0.12,
    )


def back_office() -> Blueprint:
    """Return a product that names its two sections only in ``sections_with_default``, and that testing forgot."""
    return Blueprint(
        id=70415,
        payload={
            "id": 70415,
            "name": "Back Office",
            "description": "Accounting and master data.",
            "type": "website",
            "default_section_id": 70801,
            "sections": [],
            "sections_with_default": [default_section(70801), section(70802, "Accounting", templates=1)],
            "connection": None,
        },
        sectioned=True,
        section_ids=(70801, 70802),
        areas=(
            area(
                "Master data",
                "clerk",
                "Customer file; Supplier file; Port fee table; Price list import; Duplicate finder!; Address check!; "
                "Tax code table; Opening hours table; Contract folder; Approval inbox!",
                attention=1.4,
                trouble=0.7,
            ),
            area(
                "Accounting",
                "accountant",
                "Invoice run; Dunning letters; Payment matching; Cash desk closing; Refund approval; "
                "Ledger export; Cost centre report!; Year-end closing!; Currency gains; Travel expense claims!; "
                "Audit folder!",
                attention=1.0,
                sections=(70802,),
            ),
        ),
        shared=(("Customer file", 70802), ("Contract folder", 70802)),
        stories=24,
        other_stories=17,
        tests=19,
        planned=1,
        drafts=1,
        cancelled=1,
        bugs=70,
        growth=0.45,
        test_ids=(700_000, 709_000),
        timer=0.35,
        refused=0.28,
    )


def onboard_kiosk() -> Blueprint:
    """Return a brand-new product: a catalogue, and no test yet."""
    return Blueprint(
        id=70502,
        payload={
            "id": 70502,
            "name": "Onboard Kiosk",
            "description": "Touch screens on the new ship.",
            "type": "mobile_app_android",
            "default_section_id": 70777,
            "sections": None,
            "sections_with_default": None,
            "connection": None,
        },
        sectioned=False,
        section_ids=(70777,),
        areas=(
            area(
                "Kiosk",
                "passenger",
                "Kiosk start screen; Cabin key printing; Deck finder; Restaurant booking at the kiosk; "
                "Shop voucher printing; Kiosk language choice; Loyalty card scan",
            ),
            area(
                "Kiosk care",
                "crew member",
                "Kiosk sign-in for crew; Paper level warning; Kiosk restart; Price update; Screen cleaning mode; "
                "Kiosk status overview; Remote lock",
            ),
        ),
        stories=22,
    )


def crew_roster() -> Blueprint:
    """Return an empty product that does not mention sections at all."""
    return Blueprint(
        id=70588,
        payload={
            "id": 70588,
            "name": "Crew Roster",
            "description": "",
            "type": "website",
            "default_section_id": None,
            "connection": None,
        },
        sectioned=False,
        section_ids=(),
    )


def cargo_portal() -> Blueprint:
    """Return the minor product whose texts try to break out of a page, a table or a terminal."""
    own = section(70901, "Cargo portal")
    return Blueprint(
        id=70633,
        payload={
            "id": 70633,
            "name": "Cargo Portal & Tools",
            "description": "Freight for <b>business customers</b>.",
            "type": "website",
            "default_section_id": 70900,
            "sections": [own],
            "sections_with_default": None,
            "connection": None,
        },
        sectioned=True,
        section_ids=(70901, 70900),
        areas=(
            area(
                "Orders",
                "dispatcher",
                "Order form; Order list; Order copy; Weight calculator; Pallet labels; Pick-up window~; "
                '<script>alert(\'cargo\')</script> import!; =HYPERLINK("https://evil.invalid","Price list")',
                attention=1.5,
            ),
            area(
                "Tracking",
                "dispatcher",
                "Container tracking; Arrival forecast; Temperature log 🧊; תעודת משלוח; Damage report!; "
                "Signature on glass; Freight documents; Customs status?",
                trouble=0.8,
            ),
        ),
        stories=40,
        tests=13,
        planned=2,
        cancelled=1,
        bugs=56,
        growth=1.0,
        test_ids=(710_000, 719_000),
    )


def blueprints(photo_section: PhotoSection) -> list[Blueprint]:
    """Return all products in the order in which the API lists them."""
    return [
        platform(),
        boards(),
        photo_pass(photo_section),
        day_trips(),
        pocket_app(),
        back_office(),
        onboard_kiosk(),
        crew_roster(),
        cargo_portal(),
    ]
