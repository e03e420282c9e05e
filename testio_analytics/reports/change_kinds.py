"""What a change between two states is, which kinds there are, and how each is put into words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from testio_analytics.reports.columns import BUCKET_WORDS, STATE_WORDS
from testio_analytics.text import ARROW, listed, one_line, short


class Change(NamedTuple):
    """One change.

    Attributes:
        what, kind: which it is; a key of `KINDS`.
        product_id: whose; None for the whole account.
        id: of the row; None for a figure or a data set.
        name: of the row, the figure or the data set.
        before, after: what it was and what it is, in words; empty where there is nothing.
        cause: "time" where the earlier state alone would have become this by the later date, else "event"; empty for data
            sets, and for figures of which both may be.
        change, change_highest: of a figure, the least and the most it can be; of a data set, how many rows are concerned.
        beyond_interval: of a figure with an interval, whether it changed by more than chance explains.
        note: what else there is to know.
    """

    what: str
    kind: str
    product_id: int | None
    id: int | None
    name: str
    before: str = ""
    after: str = ""
    cause: str = "event"
    change: float | None = None
    change_highest: float | None = None
    beyond_interval: bool | None = None
    note: str = ""


class KindWords(NamedTuple):
    """How one, and how several changes of a kind are called; and the streams and fields that they rest on."""

    one: str
    many: str
    streams: tuple[str, ...]


BECAME_READABLE = "became readable"
NOT_KNOWN = "not known any more"
DATA_SET = "data set"
FIGURE = "figure"

_COVERAGE = ("features", "tests", "statuses", "tests.features")
_STORIES = (*_COVERAGE, "results")
_TESTS = ("tests", "statuses")
_BUGS = ("tests", "bugs", "bugs.status", "bugs.severity", "bugs.auto_accepted")
_CATALOGUE = ("features",)


def _kinds() -> dict[tuple[str, str], KindWords]:
    found = {
        ("bug", "new critical"): KindWords("new critical bug", "new critical bugs", _BUGS),
        ("story", "failed"): KindWords("story failed", "stories failed", _STORIES),
        ("feature", "newly untested"): KindWords("feature newly untested", "features newly untested", _COVERAGE),
        ("feature", "newly stale"): KindWords("feature newly stale", "features newly stale", _COVERAGE),
        ("bug", "severity changed"): KindWords("bug changed severity", "bugs changed severity", _BUGS),
        ("story", "blocked"): KindWords("story blocked", "stories blocked", _STORIES),
        ("story", "without result"): KindWords("story lost its result", "stories lost their result", _STORIES),
        ("test", "cancelled"): KindWords("test cancelled", "tests cancelled", _TESTS),
        ("test", "lapsed"): KindWords("scheduled test lapsed", "scheduled tests lapsed", _TESTS),
        ("bug", "reported"): KindWords("bug reported", "bugs reported", _BUGS),
        ("bug", "reopened"): KindWords("bug reopened", "bugs reopened", _BUGS),
        ("bug", "triaged"): KindWords("bug triaged", "bugs triaged", _BUGS),
        ("bug", "fixed"): KindWords("bug fixed", "bugs fixed", _BUGS),
        ("bug", "not fixed"): KindWords("bug no longer fixed", "bugs no longer fixed", _BUGS),
        ("bug", "exported"): KindWords("bug exported", "bugs exported", _BUGS),
        ("feature", "newly tested"): KindWords("feature newly tested", "features newly tested", _COVERAGE),
        ("feature", "newly scheduled"): KindWords("feature newly scheduled", "features newly scheduled", _COVERAGE),
        ("story", "passed"): KindWords("story passed", "stories passed", _STORIES),
        ("test", "ended"): KindWords("test ended", "tests ended", _TESTS),
        ("test", "started"): KindWords("test started", "tests started", _TESTS),
        ("test", "ordered"): KindWords("test ordered", "tests ordered", _TESTS),
        ("product", "added"): KindWords("product added", "products added", ("products",)),
        ("product", "removed"): KindWords("product removed", "products removed", ("products",)),
        ("product", "back"): KindWords("product is back", "products are back", ("products",)),
        ("product", "renamed"): KindWords("product renamed", "products renamed", ("products",)),
    }
    for what, many in (("section", "sections"), ("feature", "features"), ("story", "stories")):
        for kind in ("added", "removed", "renamed", "rewritten", "moved"):
            found[what, kind] = KindWords(f"{what} {kind}", f"{many} {kind}", _CATALOGUE)
        found[what, "back"] = KindWords(f"{what} is back", f"{many} are back", _CATALOGUE)
    for what, streams in (("test", _TESTS), ("bug", _BUGS)):
        found[what, "removed"] = KindWords(f"{what} removed", f"{what}s removed", streams)
        found[what, "back"] = KindWords(f"{what} is back", f"{what}s are back", streams)
    found[FIGURE, "changed"] = KindWords("figure", "figures", ())
    found[FIGURE, "unchanged"] = KindWords("unchanged figure", "unchanged figures", ())
    found[DATA_SET, NOT_KNOWN] = KindWords("not known any more", "not known any more", ())
    found[DATA_SET, BECAME_READABLE] = KindWords("became readable", "became readable", ())
    return found


KINDS: Mapping[tuple[str, str], KindWords] = _kinds()
"""All kinds of change by what changed and how, the most important first."""

WHATS = tuple(dict.fromkeys(what for what, _ in KINDS))
KIND_NAMES = tuple(dict.fromkeys(kind for _, kind in KINDS))
CAUSES = ("event", "time")

MOST_NAMED = 4
LONGEST_NOTE = 200


def is_event(what: str) -> bool:
    """Return whether a change of this is one of the account: no figure, and not what could be read of it."""
    return what not in (FIGURE, DATA_SET)


def plain(text: str) -> str:
    """Return a text of the API as it stands in a line of plain text."""
    return short(one_line(text), LONGEST_NOTE)


def line(change: Change, product: str) -> str:
    """Return a change as one line of plain text, like "Bug triaged: Crash (Harbour): open → rejected"."""
    heading = KINDS[change.what, change.kind].one
    return f"{capitalised(heading)}: {described(change, product)}"


def described(change: Change, product: str, written: Callable[[str], str] = plain) -> str:
    """Return what a change is about and what it was, like "Crash (Harbour): open → rejected".

    `written` makes the texts of the API safe for where they stand.
    """
    owner = f" ({written(product)})" if product and change.what != "product" else ""
    before, after = written(change.before), written(change.after)
    turn = f"{before} {ARROW} {after}" if before and after else after or before
    by_time = "by time alone" if change.cause == "time" else ""
    parts = ((": ", turn), (", ", by_time), ("; ", written(change.note)))
    return f"{written(change.name)}{owner}" + "".join(f"{sign}{part}" for sign, part in parts if part)


def capitalised(words: str) -> str:
    """Return words with a capital first letter, as they begin a line."""
    return words[:1].upper() + words[1:]


def counts_in_words(counts: Mapping[tuple[str, str], int]) -> str:
    """Return how many changes of each kind there are as a list, the most important kinds first."""
    said = [
        f"{counts[key]:,} {words.one if counts[key] == 1 else words.many}"
        for key, words in KINDS.items()
        if counts.get(key)
    ]
    more = sum([*counts.values()]) - sum([counts[key] for key in KINDS if counts.get(key)][:MOST_NAMED])
    if len(said) <= MOST_NAMED + 1:
        return listed(said, MOST_NAMED + 1)
    return listed([*said[:MOST_NAMED], f"{more:,} more changes"], MOST_NAMED + 1)


def state_words(state: str) -> str:
    """Return a state of a feature as people read it."""
    return STATE_WORDS.get(state, state)


def bucket_words(bucket: str) -> str:
    """Return a triage outcome as people read it."""
    return BUCKET_WORDS.get(bucket, bucket)
