"""What changed between two states of an account, each change once, and told from what could merely be read or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from testio_analytics.errors import ReportError
from testio_analytics.frames.instants import AsOf, as_run
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.change_kinds import (
    BECAME_READABLE,
    CAUSES,
    DATA_SET,
    FIGURE,
    KIND_NAMES,
    KINDS,
    NOT_KNOWN,
    WHATS,
    Change,
    capitalised,
    counts_in_words,
    is_event,
    line,
)
from testio_analytics.reports.change_sides import Sides
from testio_analytics.reports.changes_bugs import bug_changes
from testio_analytics.reports.changes_catalogue import catalogue_changes
from testio_analytics.reports.changes_completeness import completeness_changes
from testio_analytics.reports.changes_figures import FIGURE_STREAMS, figure_changes
from testio_analytics.reports.changes_states import state_changes
from testio_analytics.reports.doubt_words import Doubt, sentences
from testio_analytics.reports.doubts import doubts, known_later, row_gaps, stating, with_gap
from testio_analytics.reports.registry import column_names, documented
from testio_analytics.text import counted, instant_words, one_line, short


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed between two states.

    Attributes:
        since, until: their report dates; None where nothing was read.
        found: the changes, the most important first, and the headline figures; one row of `table` each.
        sentence: the answer in one line, fit for the subject of a mail.
        lines: the changes in words, one a line, the most important first; figures that changed, and then what could be read
            or not, stand last.
        doubts: what puts either state in doubt; what is about the earlier one says so.
        newcomers: of products asked for that the earlier state did not hold, whether they are new, a sentence each.
        table: the report `changes`.
    """

    since: pd.Timestamp | None
    until: pd.Timestamp | None
    found: tuple[Change, ...]
    doubts: tuple[Doubt, ...]
    table: pd.DataFrame
    newcomers: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed: nothing of the account, no figure, and nothing of what could be read."""
        return all(change.kind == "unchanged" for change in self.found)

    @cached_property
    def counts(self) -> dict[tuple[str, str], int]:
        """How many changes of the account there are, by what changed and how, the most important first."""
        found = Counter((change.what, change.kind) for change in self.found if is_event(change.what))
        return {key: found[key] for key in KINDS if key in found}

    @property
    def counts_by_name(self) -> dict[str, int]:
        """The same by the words that people read."""
        return {capitalised(KINDS[key].many): count for key, count in self.counts.items()}

    @property
    def gaps(self) -> tuple[str, ...]:
        """What puts either state in doubt, a sentence each."""
        return sentences(self.doubts)

    @property
    def sentence(self) -> str:
        """The answer in one line."""
        if self.since is None:
            return "There is no earlier report to compare with."
        when = f"since {instant_words(self.since)}"
        said = f"{counts_in_words(self.counts)} {when}" if self.counts else f"Nothing changed {when}"
        return " ".join([f"{said}{self._unread()}.", *self.newcomers])

    def _unread(self) -> str:
        """Return what could be read then and not now, and the other way round, as a clause."""
        found = Counter(change.kind for change in self.found if change.what == DATA_SET)
        parts = [
            f"{counted(found[kind], 'data set')} {words}"
            for kind, words in ((NOT_KNOWN, "not known any more"), (BECAME_READABLE, "became readable"))
            if found[kind]
        ]
        return "".join(f"; {part}" for part in parts)

    @property
    def lines(self) -> tuple[str, ...]:
        """The changes in words, one a line."""
        return tuple(line(change, self.product_of(change)) for change in self.found if change.kind != "unchanged")

    def product_of(self, change: Change) -> str:
        """Return the name of the product that a change is about, empty for the whole account."""
        return self._products.get(change.product_id, "")

    @cached_property
    def _products(self) -> dict[int | None, str]:
        owned = self.table.dropna(subset=["product_id"])
        return dict(zip(owned["product_id"].tolist(), owned["product"].tolist(), strict=True))


def what_changed(before: Mirror, after: Mirror) -> Changes:
    """Return what changed between two states of one account, the earlier one first.

    Everything is told by its id. What merely became readable, or could not be read this time, is no change of the account:
    it stands apart, by product and data set.
    """
    sides = Sides(before, after)
    found = [*account_changes(sides), *figure_changes(sides)]
    place = {key: number for number, key in enumerate(KINDS)}
    ordered = sorted(enumerate(found), key=lambda one: (place[one[1].what, one[1].kind], *_order(sides, *one)))
    found = [change for _, change in ordered]
    table, either = _table(sides, found), both_doubts(before, after)
    return Changes(before.as_of, after.as_of, tuple(found), either, table, tuple(_newcomers(sides)))


def account_changes(sides: Sides) -> list[Change]:
    """Return what changed of the account, and, last, what could be read or not; in no order."""
    found = [*catalogue_changes(sides), *state_changes(sides), *bug_changes(sides)]
    # Asked last: what could not be called a change is noted in the sides by then.
    return [*found, *completeness_changes(sides)]


def _order(sides: Sides, number: int, change: Change) -> tuple[str, int, str, int]:
    """Return the order within a kind: by product, name and id; figures and data sets stand as they came."""
    if not is_event(change.what):
        return "", 0, "", number
    return sides.product_name(change.product_id), change.product_id or 0, change.name, change.id or 0


def _newcomers(sides: Sides) -> Iterator[str]:
    for key in sorted(sides.asked_and_new):
        name = short(one_line(sides.product_name(key)))
        yield (
            f"Whether {name} is new since then is not known."
            if key in sides.known_later
            else f"{name} is new since then."
        )


def both_doubts(before: Mirror, after: Mirror) -> tuple[Doubt, ...]:
    """Return what puts either of two states in doubt, each once; what is about the earlier one alone says so."""
    now = doubts(after)
    then = (one for one in doubts(before) if one not in now)
    return (*now, *(replace(one, stated_of=before.as_of) for one in then), *known_later(before, after))


def doubts_of_changes(mirror: Mirror) -> tuple[Doubt, ...]:
    """Return what puts the report `changes` in doubt, as it is made without naming an earlier state."""
    earlier = earlier_state(mirror)
    return doubts(mirror) if earlier is None else both_doubts(earlier, mirror)


# -- the report -----------------------------------------------------------------------------------------------------


@documented
def changes(mirror: Mirror, *, as_of: AsOf = None, since: Mirror | AsOf = None) -> pd.DataFrame:
    """Return what changed since an earlier state, one row per change, the most important kinds first.

    Without an earlier state there are no rows.

    Args:
        mirror: what was read.
        as_of: the later state; default: that of the last sync.
        since: the earlier state: a mirror of it, a run, or a date; default: what people were told of last, else the run
            before.

    Raises:
        UnknownValueError: `as_of` or `since` is no date or time, or there is no such run.
        ReportError: the state of `since` was not recorded.
    """
    found = changes_since(mirror, as_of=as_of, since=since)
    return stating(found.table, found.doubts)


def changes_since(mirror: Mirror, *, as_of: AsOf = None, since: Mirror | AsOf = None) -> Changes:
    """Return what changed since an earlier state; see `changes` for which. Without one, nothing can be called a change.

    Raises:
        UnknownValueError: `as_of` or `since` is no date or time, or there is no such run.
        ReportError: the state of `since` was not recorded.
    """
    later = mirror.at(as_of)
    earlier = earlier_state(later, since)
    if earlier is None:
        return Changes(None, later.as_of, (), doubts(later), _table(Sides(later, later), []))
    return what_changed(earlier, later)


def earlier_state(mirror: Mirror, since: Mirror | AsOf = None) -> Mirror | None:
    """Return the state that a report is compared with; None where there is none, or it was not recorded.

    Raises:
        UnknownValueError: `since` is no date or time, or there is no such run.
        ReportError: the state of `since` was not recorded, or is not earlier.
    """
    if isinstance(since, Mirror):
        return since
    if since is None:
        run = _reference_run(mirror)
        return None if run is None or mirror.runs.state_at(run) is None else mirror.at(run)
    if mirror.runs.state_at(since) is None:
        first = mirror.runs.recorded
        begins = "there is no history yet" if first is None else f"the history begins with run {first}"
        if first is not None and (run := as_run(since)) is not None and run < first:
            raise ReportError(f"The state after run {run} is not kept: {begins}. Name a run or date from then on.")
        raise ReportError(
            f"Nothing earlier than run {mirror.run_id} is recorded as of {since}: {begins}. Name a run or date from then on, "
            "before the state to compare with."
        )
    return mirror.at(since)


def state_name(mirror: Mirror) -> str:
    """Return which state a mirror holds, like "run 12 (30 June 2026, 06:00 UTC)"."""
    if mirror.run_id is None or mirror.as_of is None:
        return "an empty database"
    return f"run {mirror.run_id} ({instant_words(mirror.as_of)})"


def _reference_run(mirror: Mirror) -> int | None:
    """Return the run that people were told of last, else the one before; None where there is none."""
    if mirror.run_id is None:
        return None
    told = [run for run in mirror.reported["run_id"].tolist() if run < mirror.run_id]
    before = [run for run in (*mirror.runs.ends, *mirror.runs.wrong) if run < mirror.run_id]
    return max(told or before, default=None)


def _table(sides: Sides, found: list[Change]) -> pd.DataFrame:
    frame = _frame(found)
    frame["product"] = pd.Series([sides.product_name(change.product_id) or None for change in found], dtype="str")
    either, texts = both_doubts(sides.before, sides.after), pd.Series(None, index=frame.index, dtype="str")
    for (what, kind), rows in frame.groupby(["what", "kind"], observed=True):
        texts.loc[rows.index] = _gaps(either, str(what), str(kind), rows)
    return with_gap(frame, texts)[column_names("changes")]


def _gaps(either: Collection[Doubt], what: str, kind: str, rows: pd.DataFrame) -> pd.Series[str]:
    """Return what puts changes of one kind in doubt: what touches their product, or feature, in either state."""
    if what == DATA_SET:
        return pd.Series(rows["after"] if kind == NOT_KNOWN else None, index=rows.index, dtype="str")
    if what == FIGURE:
        texts = ["; ".join(sentences(_about(either, FIGURE_STREAMS[name]))) or None for name in rows["name"]]
        return pd.Series(texts, index=rows.index, dtype="str")
    found = _about(either, KINDS[what, kind].streams)
    return row_gaps(rows.assign(feature_id=rows["id"]) if what == "feature" else rows, found)


def _about(found: Collection[Doubt], streams: Collection[str]) -> list[Doubt]:
    return [one for one in found if one.source in ("products", *streams)]


def _frame(found: list[Change]) -> pd.DataFrame:
    """Return changes as a frame, without the product's name and what is in doubt."""
    columns = list(zip(*found, strict=True)) or [()] * len(Change._fields)
    values = dict(zip(Change._fields, map(list, columns), strict=True))
    dtypes = dict.fromkeys(("product_id", "id"), "Int64") | {"change": "Float64", "change_highest": "Float64"}
    dtypes["beyond_interval"] = "boolean"
    frame = pd.DataFrame({name: pd.Series(of, dtype=dtypes.get(name, "str")) for name, of in values.items()})
    for name in ("name", "before", "after", "note", "cause"):
        frame[name] = frame[name].mask(frame[name] == "")
    for name, words in (("what", WHATS), ("kind", KIND_NAMES), ("cause", CAUSES)):
        frame[name] = pd.Categorical(frame[name], categories=list(words))
    return frame
