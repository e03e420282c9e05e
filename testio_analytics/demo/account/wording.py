"""The sentences of the demo account: stories, directions, bug reports, comments, people and devices."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

STORY_WISHES: tuple[str, ...] = (
    "open {x} from the main menu",
    "find {x} without searching for it",
    "use {x} with the keyboard only",
    "use {x} on a small phone",
    "read everything in {x} in English",
    "read everything in {x} in German",
    "leave {x} and come back without losing my entries",
    "see a clear message when {x} cannot be loaded",
    "reload {x} and find it unchanged",
    "understand {x} without reading the help",
    "use {x} with a screen reader",
    "use {x} with text at twice the size",
    "open {x} from a link in an e-mail",
    "see in {x} when its data was last updated",
    "undo my last step in {x}",
    "see at once whether {x} is available to me",
    "use {x} on a slow connection",
    "be asked before {x} deletes anything",
    "see dates and times in {x} in my own format",
    "see the same in {x} on the phone and on the computer",
    "print what {x} shows",
    "use {x} right after signing in",
    "get help from within {x}",
    "see a confirmation after I finish {x}",
    "correct a wrong entry in {x}",
    "use {x} in the dark theme",
    "reach {x} in at most three steps",
    "cancel {x} at any point",
    "see in {x} what is required and what is optional",
    "be sure that {x} shows only my own data",
)

DESCRIPTIONS: tuple[str | None, ...] = (
    "Everything about {x}, from opening it to the confirmation.",
    "Check that {x} works on all supported browsers.",
    "Covers {x} for signed-in customers and for guests.",
    "Please look at **layout** and *behaviour* of {x}.",
    "<p>{X}, part of {Area}.</p>",
    "New since the spring release: {x}.",
    "",
    None,
)

DIRECTIONS: tuple[str | None, ...] = (
    "Menu > {Area} > {X}",
    "Start page, then {Area}, then {X}",
    "Sign in, open {Area} and choose {X}.",
    "Search for '{X}' in the help menu or use the link in the footer.",
    None,
)

SYMPTOMS: dict[str, tuple[str, ...]] = {
    "critical": (
        "{X} crashes as soon as it is opened",
        "{X} cannot be finished: the last button does nothing",
        "{X} carries out everything twice",
        "{X} signs the user out and loses all entries",
        "Blank page instead of {x}",
        "{X} shows the data of another customer",
    ),
    "high": (
        "{X} shows an endless spinner",
        "Entries in {x} are lost after going back",
        "{X} calculates a wrong total",
        "{X} ignores the chosen date",
        "Error 500 after confirming {x}",
        "{X} does not accept valid input with umlauts",
        "{X} cannot be reached from the menu",
        "The confirmation of {x} names the wrong date",
        "{X} keeps the old value after saving",
    ),
    "low": (
        "The cursor jumps to the end while typing in {x}",
        "{X} forgets the sort order",
        "Two clicks are needed to close {x}",
        "{X} scrolls to the top after every change",
        "{X} accepts a date in the past",
        "The back button skips a step in {x}",
        "{X} does not react to the Enter key",
        "The filter in {x} cannot be cleared",
    ),
    "visual": (
        "Text overlaps the button in {x}",
        "{X} is cut off on the right",
        "Icons in {x} are blurred",
        "Grey text on grey ground in {x}",
        "{X} jumps while it loads",
        "Header covers the first line of {x}",
    ),
    "content": (
        "Spelling mistake in {x}",
        "{X} mixes German and English",
        "{X} links to an outdated page",
        "{X} names an office that closed last year",
        "Placeholder text is visible in {x}",
    ),
    "suggestion": (
        "{X} should remember the last choice",
        "{X} would be easier to find in the main menu",
        "A short hint would help in {x}",
    ),
    "custom": ("Survey answer about {x}", "Rating of {x}"),
}

CIRCUMSTANCES: tuple[str, ...] = (
    "",
    "",
    "",
    " on a small screen",
    " after switching to German",
    " in a private window",
    " when the connection is slow",
    " after turning the phone",
    " when signed in",
    " for guests",
    " on the second try",
    " with very long names",
)

EXPECTED: tuple[str, ...] = (
    "The step can be finished and a confirmation is shown.",
    "The page shows the chosen values.",
    "Text and buttons stay readable.",
    "The entries are kept.",
)

ACTUAL: tuple[str, ...] = (
    "Nothing happens; there is no message either.",
    "The page shows something else than was chosen.",
    "See the screenshot: parts are missing.",
    "The entries are gone and have to be made again.",
)

STEPS: tuple[str, ...] = (
    "Open the start page",
    "Sign in",
    "Choose a sailing for two people",
    "Open {x}",
    "Change one value",
    "Go back and forth once",
    "Confirm",
)

REMARKS: tuple[str, ...] = (
    "Also on a tablet.",
    "Could reproduce it three times out of five.",
    "Thank you, we pass this on to the team.",
    "Is this the same with another browser?",
    "Yes, with two other browsers as well.",
)

REJECT_REASONS: tuple[tuple[str, str, str], ...] = (
    ("device_not_relevant", "Device not relevant", "The device used is not relevant for our product."),
    ("ignored_instructions", "Instructions ignored", "The report does not follow the instructions of this test."),
    ("intended_behavior", "Intended behaviour", "The behaviour described is intended."),
    ("irrelevant", "Not relevant", "The report has no relevance for our users."),
    ("known_bug", "Known bug", "We knew about this bug before the test."),
    ("not_reproducible", "Not reproducible", "Our team was not able to reproduce the bug."),
    ("request_timeout", "No answer in time", "The question to the tester was not answered in time."),
)
"""Key, name and default comment of each reject reason (testio-api.md, 8.6); the sentences are our own."""

FREE_REJECTIONS: tuple[str, ...] = ("We will not do this, sorry.", "Closed after a call with the product team.")

TESTERS: tuple[str, ...] = tuple(
    f"{first}_{second}"
    for first in ("quiet", "north", "brass", "amber", "early", "lucky", "tidy", "salt")
    for second in ("heron", "anchor", "lantern", "compass", "otter", "beacon", "gull", "harbor")
)

CUSTOMER_USERS: tuple[str, ...] = ("Maren Sollund", "Jonas Brekke", "Ida Fjellheim", "Tomasz Wrona")

WEB_MISSIONS: tuple[str, ...] = (
    "{Area}, calendar week {week}",
    "{Area}: release {release}",
    "{Area} before the {season} timetable",
    "{Area} after the {month} release",
    "{Area}, second look",
    "{X} and neighbours",
)

QUICK_MISSIONS: tuple[str, ...] = (
    "Quick check: {x}",
    "Hotfix {release}: {x}",
    "Smoke test {Area}, {month}",
    "Two-hour check of {x}",
)

GOALS: tuple[str, ...] = (
    "Find bugs that would keep people from using {Area}.",
    "We changed {Area}. Please try what people would do on a normal day.",
    "Make sure that nothing broke in {Area}.",
)

INSTRUCTIONS: tuple[str | None, ...] = (
    "Use the test cards from the notes. Do not call the hotline.",
    "Please test on a phone and on a computer.",
    "Book with dates at least two weeks ahead.",
    None,
)

CATEGORIES: dict[str, dict[str, Any]] = {
    "phone": {"id": 3, "key": "smartphones", "name": "Smartphones"},
    "tablet": {"id": 4, "key": "tablets", "name": "Tablets"},
    "computer": {"id": 5, "key": "computers", "name": "Computers"},
}

# category, vendor, operating system (id, key, name), versions (id, name), device (id, name), browser (id, key, name)
_HARDWARE: tuple[tuple[str, str, tuple[int, str, str], tuple[int, str], tuple[int, str], tuple[int, str, str]], ...] = (
    ("phone", "Orchard", (7, "ios", "iOS"), (71, "17.4"), (801, "Orchard Phone 14"), (1, "safari", "Safari")),
    ("phone", "Orchard", (7, "ios", "iOS"), (72, "18.1"), (802, "Orchard Phone 15"), (1, "safari", "Safari")),
    ("phone", "Orchard", (7, "ios", "iOS"), (73, "26.0"), (803, "Orchard Phone 16"), (2, "chrome", "Chrome")),
    ("phone", "Gimlet", (8, "android", "Android"), (81, "14"), (811, "Gimlet 7"), (2, "chrome", "Chrome")),
    ("phone", "Gimlet", (8, "android", "Android"), (82, "15"), (812, "Gimlet 9"), (2, "chrome", "Chrome")),
    ("phone", "Samoa", (8, "android", "Android"), (82, "15"), (813, "Samoa S24"), (3, "firefox", "Firefox")),
    ("phone", "Samoa", (8, "android", "Android"), (83, "16"), (814, "Samoa Fold"), (2, "chrome", "Chrome")),
    ("tablet", "Orchard", (7, "ios", "iOS"), (72, "18.1"), (821, "Orchard Pad"), (1, "safari", "Safari")),
    ("tablet", "Samoa", (8, "android", "Android"), (81, "14"), (822, "Samoa Tab"), (2, "chrome", "Chrome")),
    ("computer", "Orchard", (9, "macos", "macOS"), (91, "15"), (831, "Orchard Book"), (1, "safari", "Safari")),
    ("computer", "Orchard", (9, "macos", "macOS"), (91, "15"), (831, "Orchard Book"), (2, "chrome", "Chrome")),
    ("computer", "Larch", (10, "windows", "Windows"), (101, "11"), (841, "Larch Pro"), (2, "chrome", "Chrome")),
    ("computer", "Larch", (10, "windows", "Windows"), (101, "11"), (841, "Larch Pro"), (3, "firefox", "Firefox")),
    ("computer", "Delta", (10, "windows", "Windows"), (102, "10"), (842, "Delta 5"), (4, "edge", "Edge")),
)

VENDORS = {name: number for number, name in enumerate(sorted({row[1] for row in _HARDWARE}), start=1)}


def hardware(number: int) -> dict[str, Any]:
    """Return the description of one tester's device in the form of a device report, without its id."""
    category, vendor, system, version, device, browser = _HARDWARE[number % len(_HARDWARE)]
    return {
        "category": dict(CATEGORIES[category]),
        "vendor": {"id": VENDORS[vendor], "name": vendor},
        "operating_system": {"id": system[0], "key": system[1], "name": system[2]},
        "operating_system_version": {"id": version[0], "name": version[1]},
        "device": {"id": device[0], "name": device[1]},
        "browsers": [{"id": browser[0], "key": browser[1], "name": browser[2]}],
    }


@cache
def in_sentence(title: str) -> str:
    """Return a title as it reads inside a sentence: ``Fare calendar`` becomes ``the fare calendar``."""
    first = title.split(" ", 1)[0]
    is_proper = sum(letter.isupper() for letter in first) != 1 or not title[0].isupper()
    return f"the {title}" if is_proper else f"the {title[0].lower()}{title[1:]}"


def filled(pattern: str, title: str, area: str) -> str:
    """Return a pattern with its ``{x}``, ``{X}`` and ``{Area}`` replaced."""
    if "{" not in pattern:
        return pattern
    return pattern.replace("{x}", in_sentence(title)).replace("{X}", title).replace("{Area}", area)


def story_sentences(rng: Random, *, role: str, title: str, area: str, count: int) -> list[str]:
    """Return that many different story sentences about one feature."""
    wishes = rng.sample(STORY_WISHES, count)
    return [f"As a {role}, I can {filled(wish, title, area)}".replace("As a a", "As an a") for wish in wishes]
