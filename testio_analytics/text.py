"""Text made safe for each place where it is shown, and names, counts, shares and instants in words.

Text of the API is hostile: it may hold terminal escapes, NUL, half characters, and marks that turn the reading
direction of everything after them. There is one function for each target: `clean` for terminals and messages of
commands, `one_line` where a line end would break the layout, `for_html` for pages, `formula_safe` for spreadsheets,
`for_chat` for messages that are sent to people. What the database can hold is decided in `api.values`. Nothing here depends on the machine's locale.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape, unescape
from math import isnan
from typing import Any

from testio_analytics.errors import UnknownValueError

MONTHS = "January February March April May June July August September October November December".split()
LONGEST_NAME = 60
EN_DASH = "\N{EN DASH}"
ARROW = "\N{RIGHTWARDS ARROW}"
ELLIPSIS = "…"
TIME_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
"""The units of a length of time, by the letter that is written."""

VISIBLE_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
LINE_ENDS = {0x2028: "\n", 0x2029: "\n"}
DIRECTION_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
NOT_CHARACTERS = dict.fromkeys(
    (*range(0x80, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF), "\ufffd"
)
CLEANING: dict[int, Any] = {**VISIBLE_CONTROLS, **LINE_ENDS, **DIRECTION_CONTROLS, **NOT_CHARACTERS}

FORMATTING = re.compile(
    r"<(/?)(p|br|div|ul|ol|li|h[1-6]|blockquote|pre|b|strong|i|em|u|span|a|code)(?=[\s/>])[^<>]*>", re.IGNORECASE
)
WITHIN_LINES = frozenset("b strong i em u span a code".split())

CALLS = re.compile(r"[@＠<](?=\S)|\](?=[(\[])")  # noqa: RUF001  Slack reads the wide form as well

FORMULA_STARTS = frozenset("=+-@＝＋－＠")  # noqa: RUF001  the wide forms start a formula too, in some locales


def clean(text: str) -> str:
    """Return the text with nothing left that acts instead of being read.

    Control characters become their pictures (NUL becomes ``␀``, escape ``␛``), C1 controls, half surrogates and
    non-characters the replacement character; marks that override the reading direction are dropped. Line ends
    become ``\\n``; they and tabs stay.
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(CLEANING)


def one_line(text: str) -> str:
    """Return the text, made safe by `clean`, as one line with single spaces."""
    return " ".join(clean(text).split())


def for_html(text: str) -> str:
    """Return the text, made safe by `clean`, as it stands between the tags of a page or in a quoted attribute."""
    return escape(clean(text))


def without_formatting(text: str) -> str:
    """Return text that may be HTML, made safe by `clean`, as plain lines: tags that format it go, anything else stays."""

    def line(tag: re.Match[str]) -> str:
        if tag[2].lower() in WITHIN_LINES:
            return ""
        return "\n• " if tag[2].lower() == "li" and not tag[1] else "\n"

    lines = (one.strip() for one in clean(unescape(FORMATTING.sub(line, text))).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def for_chat(text: str) -> str:
    """Return the text, made safe by `one_line`, so that no chat or mail program does anything but show it.

    A character of no width goes behind what calls people (``@here``, ``<!channel>``, ``<at>``), opens a tag, or hides
    where a link leads (``[text](address)``).
    """
    return CALLS.sub("\\g<0>\N{ZERO WIDTH SPACE}", one_line(text))


def formula_safe(text: str) -> str:
    """Return the text as a spreadsheet shows it instead of running it.

    An apostrophe goes in front where a formula character begins the text, also behind blanks and invisible
    characters, and where a tab or line end does (OWASP, "CSV injection").
    """
    text = clean(text)
    return f"'{text}" if text[:1] in {"\t", "\n"} or _first_visible(text) in FORMULA_STARTS else text


def _first_visible(text: str) -> str:
    return next((c for c in text if not c.isspace() and unicodedata.category(c) not in {"Cf", "Cc"}), "")


def short(text: str, longest: int = LONGEST_NAME) -> str:
    """Return at most that many characters of the text, with … where something was cut.

    What reads as one character (letters with accents, joined emoji) is not cut in two unless it is longer than that.
    """
    if len(text) <= longest:
        return text
    from wcwidth import grapheme_boundary_before  # its tables take longer to read than `--help` to print

    cut = grapheme_boundary_before(text, longest) or longest - 1
    return text[:cut].rstrip() + ELLIPSIS


def day_words(instant: datetime) -> str:
    """Return the day in UTC as readers write it, like "3 Jul 2026"."""
    return f"{instant.day} {MONTHS[instant.month - 1][:3]} {instant.year}"


def instant_words(instant: datetime) -> str:
    """Return the instant in UTC as readers write it, like "30 June 2026, 06:00 UTC"."""
    return f"{instant.day} {MONTHS[instant.month - 1]} {instant.year}, {instant.hour:02}:{instant.minute:02} UTC"


def age_words(days: int) -> str:
    """Return a whole number of days as an age, like "204 days ago"."""
    if days < 1:
        return "less than a day ago"
    return "1 day ago" if days == 1 else f"{days:,} days ago"


def length_of_time(text: str) -> timedelta:
    """Return the length of time that a text like "90m", "24h", "7d", "4w" or "2y" (of 365 days) means.

    Raises:
        UnknownValueError: it is none, or 0, or longer than a hundred years.
    """
    found = re.fullmatch(rf"([0-9]{{1,8}})([{''.join(TIME_UNITS)}])", text.strip().lower())
    length = int(found[1]) * TIME_UNITS[found[2]] if found else timedelta()
    if not timedelta() < length <= timedelta(days=36_525):
        raise UnknownValueError("The age", text, ["a length of time like 90m", "24h", "7d", "4w", "2y"])
    return length


def label(name: object, kind: str, key: object) -> str:
    """Return a name on one line, or kind and id ("Feature 81001") where there is none."""
    text = " ".join(str(name).split()) if isinstance(name, str) else ""
    return text or f"{kind} {key}"


def lowered(sentence: str) -> str:
    """Return a sentence as it stands inside another one: with a small first letter."""
    return sentence[:1].lower() + sentence[1:]


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, like "1 test" or "1,709 stories"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def signed(change: float, decimals: int = 0) -> str:
    """Return a change with its sign, like "+4"; a minus is the typographic one."""
    return f"{change:+,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def listed(items: Sequence[str], most: int = 3) -> str:
    """Return items as a list in words, like "A, B and C", or "A, B, C and 2 more"; no items make no words."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most:,} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def percent(share: object) -> str:
    """Return a share as a whole percentage; only an exact 0 or 1 is called 0 % or 100 %, and none "unknown"."""
    if not isinstance(share, float) or isnan(share):  # pandas.NA is no float
        return "unknown"
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share * 100:.0f} %"


def interval_words(low: float, high: float) -> str:
    """Return the bounds of a share in percent, like "19 to 35 %" with a dash between."""
    return f"{low * 100:.0f}{EN_DASH}{high * 100:.0f} %"


def percent_range(low: float, high: float) -> str:
    """Return a share that lies between two, one percentage where both read the same."""
    return percent(low) if percent(low) == percent(high) else interval_words(low, high)
