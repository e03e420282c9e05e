"""The two states that are compared: which rows are new, gone or changed, and what was not known of either."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from testio_analytics.frames.mirror import Mirror
from testio_analytics.mirror.schema import ACCOUNT
from testio_analytics.reports.doubts import doubts, known_later
from testio_analytics.text import counted, label

NOT_READ = ("never read", "incomplete")
"""The kinds of doubt with which rows may have been there and were not known."""

NOUNS = {
    "sections": ("section", "sections"),
    "features": ("feature", "features"),
    "user_stories": ("story", "stories"),
    "tests": ("test", "tests"),
    "bugs": ("bug", "bugs"),
}


@dataclass(frozen=True, eq=False)
class Compared:
    """One table of two states, in which every row is told by its id.

    Attributes:
        added: rows (of the later state) that are there now and were not then, and that could have been known then.
        back: those that had been removed by then.
        removed: rows (of the earlier state) that a complete read no longer found.
        both: rows that are there in both, their columns ending in ``_then`` and ``_now``.
    """

    added: pd.DataFrame
    back: pd.DataFrame
    removed: pd.DataFrame
    both: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Sides:
    """Two states of one account, and what of either was not known.

    Attributes:
        before, after: the earlier and the later state.
        now_known, unknown_now: by product (0: the account) and stream, what is known now and was not, and what is not known
            any more, in words, each with how many rows that are. They are filled by who compares.
    """

    before: Mirror
    after: Mirror
    now_known: dict[tuple[int, str], list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    unknown_now: dict[tuple[int, str], list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    @cached_property
    def aged(self) -> Mirror:
        """The earlier state under the later one's clock, as if it had been read once more and nothing had changed."""
        before, instant = self.before, self.after.as_of
        if instant is None or before.as_of is None:
            return before
        if before.runs.as_of is None or instant <= before.runs.as_of:
            return before.moved_to(instant)
        ends = dict(before.runs.ends)
        ends[max(ends)] = instant
        return replace(before, as_of=instant, runs=replace(before.runs, ends=ends))

    @cached_property
    def products(self) -> frozenset[int]:
        """The products whose rows are compared: those that are there in both states, and new ones that were asked for.

        Of others, the product itself is the change.
        """
        then, now = ({*mirror.active("products")["id"].tolist()} for mirror in (self.before, self.after))
        return frozenset(then & now) | self.asked_and_new

    @cached_property
    def asked_and_new(self) -> frozenset[int]:
        """The products asked for of which the earlier state knows nothing."""
        now, known_then = self.after.active("products")["id"].tolist(), self.before.products["id"].tolist()
        return frozenset({*(self.after.product_ids or ())} & {*now} - {*known_then})

    @cached_property
    def known_later(self) -> frozenset[int]:
        """The products that may have been there in the earlier state without being known."""
        return frozenset(one.product_id for one in known_later(self.before, self.after) if one.product_id is not None)

    def unread(self, stream: str) -> frozenset[int]:
        """Return the products of which rows of a stream may have been there in the earlier state without being known."""
        return _unread(self.before, stream) | self.known_later

    def unread_now(self, stream: str) -> frozenset[int]:
        """Return the same of the later state."""
        return _unread(self.after, stream)

    def compared(self, table: str, stream: str, *, hidden: Collection[int] | None = None) -> Compared:
        """Compare a table whose key is ``id``, over the products that are there in both states.

        Rows that merely became readable are in none of the frames: they are noted in `now_known`. These are the ones of
        `hidden`, where that is given, else those of which the stream of their product was not whole before.
        """
        then, now = (self._rows(mirror, table) for mirror in (self.before, self.after))
        ids_then, ids_now = {*then["id"].tolist()}, {*now["id"].tolist()}
        new = now[~now["id"].isin([*ids_then])]
        gone_then = {*getattr(self.before, table)["id"].tolist()} - ids_then
        is_back = new["id"].isin([*gone_then])
        is_hidden = new["product_id"].isin([*self.unread(stream)]) if hidden is None else new["id"].isin([*hidden])
        may_be_old = is_hidden & ~is_back
        self._note(self.now_known, new[may_be_old], (table, stream), "known now; whether new is not known")
        gone = then[~then["id"].isin([*ids_now])]
        is_marked = gone["id"].isin(getattr(self.after, table)["id"].tolist())
        is_lost = ~is_marked & gone["product_id"].isin([*self.unread_now(stream)])
        self._note(self.unknown_now, gone[is_lost], (table, stream), "not known now; whether gone is not known")
        return Compared(
            added=new[~may_be_old & ~is_back],
            back=new[is_back],
            removed=gone[~is_lost],
            both=then.merge(now, on="id", suffixes=("_then", "_now"), validate="one_to_one"),
        )

    def _rows(self, mirror: Mirror, table: str) -> pd.DataFrame:
        rows = mirror.own(mirror.active(table))
        return rows[rows["product_id"].isin([*self.products])]

    def _note(self, where: dict[Any, Any], rows: pd.DataFrame, of: tuple[str, str], words: str) -> None:
        table, stream = of
        for product_id, of_product in rows.groupby("product_id"):
            count = len(of_product)
            where[int(str(product_id)), stream].append((count, f"{counted(count, *NOUNS[table])} {words}"))

    def is_new_test(self, test_id: int) -> bool:
        """Return whether what a test says now is news: it was known before, or would have been."""
        return test_id not in self._readable_tests

    @cached_property
    def _readable_tests(self) -> frozenset[int]:
        """The tests that merely became readable."""
        then = {*self.before.active("tests")["id"].tolist()}
        now = self.after.active("tests")
        hidden = now[now["product_id"].isin([*self.unread("tests")]) & ~now["id"].isin([*then])]
        return frozenset(hidden["id"].tolist())

    def product_name(self, product_id: int | None) -> str:
        """Return the name of a product as it is now, else as it was; empty for the whole account."""
        if product_id is None or product_id == ACCOUNT:
            return ""
        names = {**self.before.product_names, **self.after.product_names}
        return names.get(product_id) or label(None, "Product", product_id)


def _unread(mirror: Mirror, stream: str) -> frozenset[int]:
    found = (one for one in doubts(mirror, (stream,)) if one.stream == stream and one.kind in NOT_READ)
    return frozenset(one.product_id for one in found if one.product_id is not None)
