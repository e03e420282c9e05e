"""What of two states could be read: a change of that is none of the account."""

from __future__ import annotations

from collections.abc import Iterator

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT, BY_TEST, ON_REQUEST, STREAMS
from testio_analytics.reports.change_kinds import BECAME_READABLE, DATA_SET, NOT_KNOWN, Change
from testio_analytics.reports.change_sides import NOT_READ, Sides
from testio_analytics.reports.doubt_words import LONGEST_PLACE
from testio_analytics.reports.doubts import doubts
from testio_analytics.text import listed, short

READ = "complete"
READ_IN_PART = "complete as far as known"
NEVER_READ = "never read"
KINDS_OF_DOUBT = (*NOT_READ, "older than the report", "unread tests")
STATE_OF = {"older than the report": "older", "unread tests": "incomplete"}


def completeness_changes(sides: Sides) -> Iterator[Change]:
    """Yield the data sets that became readable, and those that are not known any more, by product and stream.

    It is asked last: what the other comparisons could not call a change is noted in the sides by then.
    """
    then, now = (_read_states(mirror) for mirror in (sides.before, sides.after))
    order = (*STREAMS, *ON_REQUEST)
    keys = {*then, *now, *sides.now_known, *sides.unknown_now}
    for key in sorted(keys, key=lambda key: (sides.product_name(key[0]), key[0], order.index(key[1]))):
        if key[0] not in sides.products | {ACCOUNT}:
            continue  # the product itself is the change
        came, went = sides.now_known.get(key, []), sides.unknown_now.get(key, [])
        unstated = NEVER_READ if key[0] in sides.known_later else READ_IN_PART if came else READ
        states = then.get(key, (unstated, ())), now.get(key, (READ_IN_PART if went else READ, ()))
        if came or (_is_bad(states[0][0]) and not _is_bad(states[1][0])):
            yield _data_set(key, BECAME_READABLE, states, came)
        if went or (_is_bad(states[1][0]) and not _is_bad(states[0][0])):
            yield _data_set(key, NOT_KNOWN, states, went)


def _is_bad(state: str) -> bool:
    return state in NOT_READ


def _read_states(mirror: Mirror) -> dict[tuple[int, str], tuple[str, tuple[str, ...]]]:
    """Return what is not complete, by product and stream: how it stands and what could not be read."""
    found: dict[tuple[int, str], tuple[str, tuple[str, ...]]] = {}
    for one in doubts(mirror, (*STREAMS, *ON_REQUEST)):
        if one.kind in KINDS_OF_DOUBT and (one.stream not in BY_TEST or one.kind != "unread tests"):
            found[one.product_id or ACCOUNT, one.stream] = (STATE_OF.get(one.kind, one.kind), one.places)
    return found


def _data_set(
    key: tuple[int, str],
    kind: str,
    states: tuple[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]],
    notes: list[tuple[int, str]],
) -> Change:
    return Change(
        DATA_SET,
        kind,
        key[0] or None,
        None,
        key[1],
        _state_words(*states[0]),
        _state_words(*states[1]),
        cause="",
        change=float(sum(count for count, _ in notes)),
        note="; ".join(text for _, text in notes),
    )


def _state_words(state: str, places: tuple[str, ...]) -> str:
    return f"{state} ({listed([short(place, LONGEST_PLACE) for place in places])})" if places else state
