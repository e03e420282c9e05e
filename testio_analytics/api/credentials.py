"""Credentials of the account, cut out of every text that quotes one.

**The rule.** A credential is a value of a field that holds one by its name (user name, password, access note, what the
address of an environment carries); `scrubbing` never keeps those fields. Where another text quotes the value, it depends
on what the value could mean there:

- A *strong* value is cut out wherever it stands, inside longer words and escaped for HTML, JSON or an address as well. It
  is long and mixed, so that nobody writes it for another reason: 8 characters of three kinds (small, capital, digit,
  sign), or 10 of two, that are not only words and numbers (``Xk9#mPq2``, ``tok_4f9a8c2e``); words and numbers only from 16
  characters on (``planted-user-41ab``), notes with blanks from 24 on, and those with a digit only; 12 digits, unless they
  begin like a date; a mail address. `is_strong` says which.
- Any other value is *weak*: ``password``, ``admin``, ``Summer2024``, ``1234``. It is cut out only where the text itself
  presents it as a credential: after a word for one, with ``:``, ``=`` or "is" between and the end of the clause behind
  ("pw: summer", "The password is summer."); in quotes, in brackets, or after "with", behind a word for a password, or
  "as" one; behind a short word for one ("PIN 1234"); as one of two known values ("login qa / summer").

Names of fields are never cut, and neither are ids, times and the words of an enumeration: no strong value is one, and
none of them presents a weak one. The value itself is never stored, nor a fingerprint of it: a run knows what its own
answers held, and what it recalls (`recalled`) where a stored text was cut and the same text comes again.

**Limits.** A weak value that is presented in another way, or in another language than English and German, stays. A
password of letters only is weak, however long. A value is sought as it was written (weak ones in any case), not across
markup inside it. A text about a word that is a credential, written like one ("Login: admin" for the page of that name),
loses the word. What is in no credential field of the account is no credential. Products are written as they are read: a
text that quotes a credential of a product read later stands in the file until the end of the run, or of the next one where
it was killed or read only a part of the account. The file's free space is wiped (as soon as nobody reads an older state of
it), but not the disk below it, nor copies made before (``*.backup*``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from testio_analytics.api.values import as_json

REMOVED = "[removed]"

# -- strong or weak -------------------------------------------------------------------------------------------------

_JOINTS = re.compile(r"[\s\-_./:,;]+")
# A word, a word with a number, a number, a number with a word, and short forms like "B2B".
_PLAIN = re.compile(r"[^\W\d_]+\d{0,4}|\d+[^\W\d_]*|.{1,3}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.\w{2,}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def is_strong(value: str) -> bool:
    """Return whether a value is so long and mixed that a text which holds it can only quote it."""
    if _DATE.match(value):
        return False
    has_digit = any(character.isdigit() for character in value)
    # "Welcome!" is a word; the mark at the end of "Summer2024!" is a part of it.
    parts = [part for part in _JOINTS.split(value if has_digit else value.rstrip("!?")) if part]
    if all(part.isdigit() for part in parts):
        return sum(map(len, parts)) >= 12
    if any(character.isspace() for character in value):
        return has_digit and len(value) >= 24
    if _ADDRESS.fullmatch(value):
        return len(value) >= 8
    if all(_PLAIN.fullmatch(part) for part in parts):
        return has_digit and len(value) >= 16
    return len(value) >= (8 if len({*map(_kind, value)} - {"joint"}) >= 3 else 10)


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "capital" if character.isupper() else "small"
    return "joint" if _JOINTS.match(character) else "sign"


# -- what a text presents as a credential -----------------------------------------------------------------------------

_SHORT_WORD = r"pwd?|passwd|pin"
_PASSWORD = (
    rf"{_SHORT_WORD}|pass ?words?|passwort|kennwort|pass ?phrase|pass ?code|pass|access ?(?:code|key)|zugangscode"
    r"|secret|token"
)
_LOGIN = (
    r"log-?in(?: data| details)?|log(?:ged)? in|sign(?:ed)?[ -]in|user ?names?|user|benutzer(?:name)?|accounts?|konto"
    r"|credentials?|zugang(?:sdaten)?|anmelde(?:n|daten)"
)
_WORD = rf"(?<!\w)(?:{_PASSWORD}|{_LOGIN})"
_GAP = r"\s{0,4}"  # bounded, as everything here: texts are hostile, and a pattern must not run for ever on one
_IS = rf"(?:{_GAP}(?:[:=→]|->){_GAP}|\s{{1,4}}(?:is|ist|was|lautet)\s{{1,4}})"
_OPEN = r"(?:<[^<>]{1,40}>|[\"'“„«‘(]){0,4}"
_END = (
    rf"(?!\w)(?={_GAP}(?:$|[\r\n;()\]}}/|\"'”“»’<]|[.,!?](?:\s|$)|[–-]\s"
    rf"|(?:{_PASSWORD}|{_LOGIN}){_GAP}[:=]|(?:and|or|und|oder)\s{{1,4}}(?:the\s{{1,4}})?(?:{_PASSWORD}|{_LOGIN}){_GAP}[:=\s]))"
)
_BETWEEN = rf"{_GAP}\(?(?:(?:{_PASSWORD}|{_LOGIN}){_GAP}[:=]?{_GAP})?"
_FORMS = (
    rf"{_WORD}[\"'”)]?{_IS}{_OPEN}(VALUE){_END}",
    rf"(?<!\w)(?:{_PASSWORD})\s{{1,4}}(?:for|of|für)\s[^.:;\r\n]{{1,40}}\s(?:is|ist|lautet)\s{{1,4}}{_OPEN}(VALUE){_END}",
    rf"(?<!\w)(?:{_PASSWORD})\s{{1,4}}[\"'“„«‘(](VALUE)[\"'”“»’)]",
    rf"(?<!\w)(VALUE)\s{{1,4}}(?:as|als)\s{{1,4}}(?:(?:the|a)\s{{1,4}})?(?:{_PASSWORD})(?!\w)",
    rf"(?<!\w)(?:with|using|use|enter|mit)\s{{1,4}}(?:(?:the|dem|das)\s{{1,4}})?(?:{_PASSWORD})\s{{1,4}}(VALUE){_END}",
    rf"(?<!\w)(?:{_SHORT_WORD})\s{{1,4}}(?:(VALUE){_END}|(MIXED)(?!\w))",
    rf"{_WORD}(?:\s{{1,4}}(?:with|using|mit|are|is|as|als))?{_GAP}[:=]?{_BETWEEN}(VALUE){_GAP}[/:|+]{_BETWEEN}(VALUE)(?!\w)",
    rf"{_WORD}(?:\s{{1,4}}(?:with|using|mit|are))?{_GAP}[:=]?{_BETWEEN}(VALUE){_GAP}(?:,|and\s|und\s){_BETWEEN}(VALUE){_END}",
    r"(?<!\w)(?:(MIXED)\s?[/:]\s?(VALUE)|(VALUE)\s?[/:]\s?(MIXED))(?!\w)",
)
"""How a text presents a value; VALUE stands for any of the known ones, MIXED for those with a digit."""


def _presenting(value: str, mixed: str) -> list[re.Pattern[str]]:
    return [re.compile(form.replace("VALUE", value).replace("MIXED", mixed), re.IGNORECASE) for form in _FORMS]


_ANY = r"[^\s\"'<>()\[\],;/|]{2,80}"
_LONGEST_NOTE = 2000
_PRESENTED = _presenting(_ANY, r"(?!)")
_TWO = re.compile(rf"\s*({_ANY}?)\s*[/:|]\s*({_ANY})\s*")
_URL = re.compile(r"[a-z]{2,20}://\S+", re.IGNORECASE)


@lru_cache(maxsize=1024)  # the same environment comes with every test
def credentials_in(note: str) -> frozenset[str]:
    """Return what a note on how to get in, or the address of an environment, holds of credentials.

    These are the note as a whole, the values that it presents, two words with a slash or colon between, strong words, and
    what an address carries before its host and in its query. An address itself is none.
    """
    note, found = note[:_LONGEST_NOTE], set[str]()
    for address in _URL.findall(note):
        found |= _in_address(address)
    words = _URL.sub(" ", note).strip()
    if words == note.strip():
        found.add(words)
    found |= {bare for word in words.split() if is_strong(bare := word.strip(".,;:()\"'"))}
    found |= {words[start:end] for start, end in _spans(_PRESENTED, words)}
    if two := _TWO.fullmatch(words):
        found |= {*two.groups()}
    return frozenset(found - {""})


def _in_address(address: str) -> set[str]:
    try:
        parts = urlsplit(address)
        login = {unquote(part) for part in (parts.username, parts.password) if part}
    except ValueError:
        return {address}
    return login | {value for _, value in parse_qsl(f"{parts.query}&{parts.fragment}") if is_strong(value)}


def _spans(patterns: Iterable[re.Pattern[str]], text: str) -> Iterator[tuple[int, int]]:
    """Return where in the text the values stand that match the groups of the patterns."""
    for pattern in patterns:
        for match in pattern.finditer(text):
            yield from (span for span in match.regs[1:] if span[0] >= 0)


_NAME = re.compile(
    rf"\W*(?:{_PASSWORD}|user[ _]?names?|log-?in(?:[ _]data)|credentials?|zugangsdaten)\W*", re.IGNORECASE
)


def is_name(text: object) -> bool:
    """Return whether a name, like that of a question, is a word for a credential and nothing else."""
    return isinstance(text, str) and len(text) <= 40 and _NAME.fullmatch(text) is not None


# -- cutting ----------------------------------------------------------------------------------------------------------


class Credentials:
    """The credentials that a run knows, in memory only; cuts them out of texts.

    `tokens` are strong whatever they look like, from 8 characters on.
    """

    def __init__(self, values: Iterable[str] = (), *, tokens: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._tokens = frozenset(token for token in tokens if len(token) >= 8)
        self._traces: set[str] = set()
        self._weak_traces: set[str] = set()
        self._patterns: _Patterns | None = None
        self.add([*values, *tokens])

    def __repr__(self) -> str:
        return f"Credentials({len(self._values)} known)"

    def add(self, values: Iterable[str]) -> None:
        """Know these values as well; a single character is none."""
        new = {text for value in values if len(text := value.strip()) > 1} - self._values
        for value in new:
            if value in self._tokens or is_strong(value):
                self._traces |= _traces(value)
            else:
                self._weak_traces |= {value.lower(), as_json(value)[1:-1].lower()}
        if new:
            self._values |= new
            self._patterns = None

    def may_be_in(self, text: str) -> bool:
        """Return whether a look at the text, or at the JSON text that holds it, is worth its time."""
        if any(trace in text for trace in self._traces):
            return True
        lowered = text.lower()
        return any(trace in lowered for trace in self._weak_traces)

    def cut(self, text: str) -> str:
        """Return the text without the known credentials, by the rule of this module."""
        if not self.may_be_in(text):
            return text
        if self._patterns is None:
            self._patterns = _Patterns.of(self._values, self._tokens)
        pieces, done = [], 0
        for start, end in sorted({*_spans(self._patterns.presented, text)}):
            if start >= done:
                pieces += [text[done:start], REMOVED]
            done = max(done, end)
        return self._patterns.strong.sub(REMOVED, "".join([*pieces, text[done:]]))

    def cut_within(self, value: Any) -> Any:
        """Return a payload with every text in it cut; names of fields stay."""
        if isinstance(value, dict):
            return {key: self.cut_within(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.cut_within(item) for item in value]
        return self.cut(value) if isinstance(value, str) else value


class _Patterns(NamedTuple):
    presented: list[re.Pattern[str]]
    strong: re.Pattern[str]

    @classmethod
    def of(cls, values: Set[str], tokens: Set[str]) -> _Patterns:
        strong = {value for value in values if value in tokens or is_strong(value)}
        mixed = [value for value in values - strong if any(map(str.isdigit, value))]
        forms = {form for value in strong for form in _forms(value)}
        return cls(_presenting(_one_of([*values, REMOVED]), _one_of(mixed)), re.compile(_one_of(forms)))


def _one_of(values: Iterable[str]) -> str:
    """Return a pattern for any of the values, the longest that fits; one that fits nowhere for no values."""
    return "|".join(re.escape(value) for value in sorted(values, key=lambda value: (-len(value), value))) or r"(?!)"


def _traces(value: str) -> set[str]:
    """Return what is in every text that holds the value, however it is escaped: a word of it is enough."""
    longest = max(re.findall(r"[A-Za-z0-9]+", value) or [""], key=len)
    if len(longest) >= 4:
        return {longest}
    return {trace for form in _forms(value) for trace in (form, as_json(form)[1:-1])}


def _forms(value: str) -> set[str]:
    """Return how a value is written in plain text, in HTML, in JSON inside a text and in an address."""
    return {value, escape(value), escape(value, quote=False), as_json(value)[1:-1], quote(value, safe="")}


# -- texts that were cut before ---------------------------------------------------------------------------------------


def is_same_text(one: str, other: str) -> bool:
    """Return whether two texts are the same as far as can be known: where one was cut, the other may hold anything."""
    return one == other or _taken(one, other) is not None or _taken(other, one) is not None


def recalled(stored: Any, came: Any) -> set[str]:
    """Return the credentials that an earlier run cut out of a stored payload, taken from the same texts as they came again.

    Only what would be cut where it stands, were it known, is taken for one: a text that was changed at that very place is
    a new text.
    """
    if isinstance(stored, dict) and isinstance(came, dict):
        return set().union(*(recalled(stored[key], came[key]) for key in stored.keys() & came.keys()))
    if isinstance(stored, list) and isinstance(came, list):
        return set().union(*(recalled(*pair) for pair in zip(stored, came, strict=False)))
    if not isinstance(stored, str) or not isinstance(came, str) or stored == came:
        return set()
    values = {*(_taken(stored, came) or ())}
    if any(" " in value and not is_strong(value) for value in values):  # "pw: see the manual" is a text of another kind
        return set()
    return values if Credentials(values).cut(came) == stored else set()


def _taken(cut: str, whole: str) -> list[str] | None:
    """Return what stood in the whole text where the other was cut; None where they differ elsewhere, or nothing was cut."""
    first, *parts = cut.split(REMOVED)
    if not parts or "" in parts[:-1] or not whole.startswith(first):
        return None
    taken, start = list[str](), len(first)
    for place, part in enumerate(parts, 1):
        end = len(whole) - len(part) if place == len(parts) else whole.find(part, start + 1)
        if end <= start or not whole.startswith(part, end):
            return None
        taken.append(whole[start:end])
        start = end + len(part)
    return taken
