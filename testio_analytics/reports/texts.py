"""Whether two texts of the API are the same, and which words differ: of a feature or story then and now.

**The rule.** Texts are HTML, Markdown or plain, and nothing says which. What nobody reads is no change:

- white space: how much of it, of which kind, and whether there is any beside punctuation, symbols and tags. Words it
  parts, so that "log in" is not "login";
- invisible characters: marks of reading direction, soft hyphens, zero-width spaces, byte order marks, and the selectors
  that show a sign as text or as emoji (U+FE0E, U+FE0F);
- how a character is spelled: as itself or as an HTML entity; composed or decomposed (Unicode's form NFC);
- in HTML tags: the case of names of elements and attributes, the order of attributes, their quotes, a closing slash;
- null instead of an empty text;
- a credential that was cut out of one of the texts: nobody knows what stood there.

Everything else is a change: a letter or its case, punctuation, another order of sentences, another emoji or skin tone, a
tag added or taken away, the value of an attribute. The signs of Markdown are text. ``<name>`` is a tag only where HTML has
an element of that name.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testio_analytics.api.credentials import REMOVED, is_same_text
from testio_analytics.text import counted, listed, one_line, short

MOST_CHANGES = 2
"""How many changes of a text are shown; of the others, how many there are."""

LONGEST_QUOTE = 40
FEW_WORDS = 10
MOST_PAIRS = 100_000
"""With more pairs of equal words than this, two texts are not compared word by word: the time for it grows with them."""

LEFT_TO_RIGHT = "\N{LEFT-TO-RIGHT MARK}"

_ELEMENTS = frozenset(
    "a abbr acronym address area article aside audio b base bdi bdo big blockquote body br button canvas caption center cite"
    " code col colgroup data datalist dd del details dfn dialog div dl dt em embed fieldset figcaption figure font footer"
    " form h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins kbd label legend li link main map mark menu"
    " meta meter nav noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp script"
    " search section select slot small source span strike strong style sub summary sup svg table tbody td template"
    " textarea tfoot th thead time title tr track tt u ul var video wbr".split()
)
# Without "<" in quoted values, and without going back: hostile text takes no more time than other text.
_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9]*+)((?:[\s/](?:[^<>"']|"[^<"]*+"|'[^<']*+')*+)?)>""")
_TAG_OR_ENTITY = re.compile(rf"{_TAG.pattern}|&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);?")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+))?""")
_UNSEEN = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff]")
_PLAIN_TAG = r"""</?[a-z][a-z0-9]*(?: [^\s"'<>/=]+="[^"<>]*")*>"""
_IDEOGRAPHS = "\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff65\U00020000-\U0003ffff"
_SIGNS = r"!-/:-@\[-^`{-~\u00a1-\u00bf\u00d7\u00f7\u2000-\u2bff\U0001f000-\U0001faff"
_TOKEN = re.compile(rf"{_PLAIN_TAG}|[^\s{_SIGNS}{_IDEOGRAPHS}]+|\S")
# Words as people see them: with the punctuation at their ends. Scripts without blanks are taken sign by sign.
_WORD = re.compile(rf"{_PLAIN_TAG}|[{_IDEOGRAPHS}]|<?[^\s<{_IDEOGRAPHS}]+|<")


class Change(NamedTuple):
    """Words of a text that others stand for now; one of the two is empty where words were added or removed."""

    then: str
    now: str


def differ(now: pd.Series[Any], then: pd.Series[Any]) -> pd.Series[bool]:
    """Return whether two texts differ, row by row, by the rule above; those that are equal as they stand cost nothing."""
    differs = (now != then).to_numpy(dtype=bool, na_value=True, copy=True)
    for place in np.flatnonzero(differs).tolist():
        differs[place] = not is_same(then.iat[place], now.iat[place])
    return pd.Series(differs, index=now.index)


def is_same(then: object, now: object) -> bool:
    """Return whether two texts are the same by the rule above. Anything that is no text counts as an empty one."""
    one, other = _said(then), _said(now)
    parts = _narrowed(one, other)
    # Tokens tell, but lines and words tell sooner where white space is all that differs.
    if any(cut(parts[0]) == cut(parts[1]) for cut in (str.splitlines, str.split, _tokens)):
        return True
    return REMOVED in one + other and (is_same_text(one, other) or not changes(one, other))


def changes(then: object, now: object) -> list[Change]:
    """Return what differs between two texts, in the order of the texts: nothing where they are the same."""
    one, other = map(_spelled, _narrowed(_said(then), _said(now)))
    spans, others = ([match.span() for match in _WORD.finditer(text)] for text in (one, other))
    found = []
    for start, end, other_start, other_end in _blocks(_words(one, spans), _words(other, others)):
        change = Change(_between(one, spans[start:end]), _between(other, others[other_start:other_end]))
        if _TOKEN.findall(change.then) != _TOKEN.findall(change.now) and not is_same_text(*change):
            found.append(change)
    return found


def changed_words(then: object, now: object) -> str:
    """Return what differs between two texts as short plain text, like ``"map" → "plan", added "and pay"``.

    Long ones are cut, with the number of words or changes that are left out. The same texts give "".
    """
    found = changes(then, now)
    taken, put = ({pair[side] for pair in found if not pair[1 - side]} for side in (0, 1))
    moved = taken & put
    phrases = [_phrase(change, moved) for change in found if change.then or change.now not in moved]
    if len(phrases) > MOST_CHANGES:
        phrases[MOST_CHANGES:] = [counted(len(phrases) - MOST_CHANGES, "more change")]
    return listed(phrases, most=MOST_CHANGES + 1)


def _said(text: object) -> str:
    return text if isinstance(text, str) else ""


def _narrowed(one: str, other: str) -> tuple[str, str]:
    """Return two texts without most of what is equal at their ends; no word, tag or entity is parted."""
    # No tag goes on over a "<", nor does a word over a blank; but a tag does over a blank.
    mark = "<" if any(sign in text for sign in "<&" for text in (one, other)) else " "
    start = max(one.rfind(mark, 0, _equal_at_start(one, other)), 0)
    equal = _equal_at_start(one[:start:-1], other[:start:-1])
    end = one.find(mark, len(one) - equal) if equal else -1
    left = len(one) - end if end >= 0 else 0
    one, other = one[start : len(one) - left], other[start : len(other) - left]
    tag = _TAG.match(one)
    return _narrowed(one[tag.end() :], other[tag.end() :]) if tag and other.startswith(tag[0]) else (one, other)


def _equal_at_start(one: str, other: str) -> int:
    """Return how many characters are equal at the beginning of two texts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(_spelled(text))


def _spelled(text: str) -> str:
    """Return the text with each tag and character spelled in one way; white space is left."""
    if "<" in text or "&" in text:
        text = _TAG_OR_ENTITY.sub(lambda match: _tag(match) if match[2] else html.unescape(match[0]), text)
        text = _TAG.sub(_tag, text)  # an entity may have stood for a sign of a tag
    return text if text.isascii() else unicodedata.normalize("NFC", _UNSEEN.sub("", text))


def _tag(match: re.Match[str]) -> str:
    name = match[2].lower()
    if name not in _ELEMENTS:
        return match[0]
    attributes: dict[str, str] = {}
    for key, value in _ATTRIBUTE.findall(match[3]):
        bare = value[1:-1] if value[:1] in {'"', "'"} else value
        attributes.setdefault(key.lower(), html.escape(" ".join(html.unescape(bare).split())))
    said = "".join(f' {key}="{value}"' for key, value in sorted(attributes.items()))
    return f"<{match[1]}{name}{said}>"


def _words(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


def _between(text: str, spans: list[tuple[int, int]]) -> str:
    return text[spans[0][0] : spans[-1][1]] if spans else ""


def _blocks(one: list[str], other: list[str]) -> list[tuple[int, int, int, int]]:
    """Return where two lists of words differ: start and end in each. Those that have little in common differ as a whole."""
    counts, others = Counter(one), Counter(other)
    shorter = min(len(one), len(other))
    is_another = shorter > FEW_WORDS and 2 * (counts & others).total() < shorter
    if is_another or sum(count * others[word] for word, count in counts.items()) > MOST_PAIRS:
        return [(0, len(one), 0, len(other))]
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return [block[1:] for block in matcher.get_opcodes() if block[0] != "equal"]


def _phrase(change: Change, moved: set[str]) -> str:
    if not change.now:
        return f"{'moved' if change.then in moved else 'removed'} {_quoted(change.then)}"
    if not change.then:
        return f"added {_quoted(change.now)}"
    if REMOVED in change.then + change.now:
        # What stands in the other text may be what was cut: side by side they would tell it.
        return f'other words beside "{REMOVED}"'
    # Between two words that are read from right to left, the arrow would be, too, and so say the opposite.
    mark = LEFT_TO_RIGHT if any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in "".join(change)) else ""
    return f"{mark}{_quoted(change.then)}{mark} → {mark}{_quoted(change.now)}"


def _quoted(words: str) -> str:
    """Return the words in quotes, those that are too many left out and counted."""
    words = one_line(words)
    cut = words.rfind(" ", 0, LONGEST_QUOTE + 1) if len(words) > LONGEST_QUOTE else len(words)
    shown = words[:cut] if cut > 0 else words.partition(" ")[0]
    left = words.count(" ", len(shown))
    more = f" and {counted(left, 'more word')}" if left else ""
    return f'"{short(shown, LONGEST_QUOTE)}"{more}'
