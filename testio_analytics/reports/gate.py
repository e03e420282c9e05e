"""Rules that a user sets for figures of the totals, and whether they hold: for pipelines that stop on a broken one.

What cannot be known is never a pass: where a doubt or a range leaves both answers open, a rule cannot be judged.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import pandas as pd

from testio_analytics.errors import UnknownValueError
from testio_analytics.frames.mirror import Mirror
from testio_analytics.reports.comparison import comparable
from testio_analytics.reports.doubt_words import Doubt, sentences
from testio_analytics.reports.doubts import doubts_of, known_later
from testio_analytics.reports.totals import TOTALS, Figure, countable, figure_columns, figure_of, members
from testio_analytics.text import EN_DASH, instant_words, listed, one_line

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
EXAMPLES = (
    '"recent_share >= 60 %"',
    '"untested <= 20"',
    '"triage_total.rejection < 0.2"',
    '"new critical_bugs == 0"',
    '"untested does not grow"',
    '"recent_share does not fall"',
)
VERDICTS = {True: "holds", False: "does not hold", None: "cannot be judged"}
ONE_EARLIER = (
    "nothing tells which state to compare with: no report before this run is remembered; name one with --since"
)

Subject = Literal["value", "change", "new"]
Range = tuple[float, float]

_NAME = r"(?P<name>[a-z_]+(?:\.[a-z_]+)?)"
_LIMIT = re.compile(rf"(?P<new>new\s+)?{_NAME}\s*(?P<sign>[<>!=]=|[<>])\s*(?P<limit>-?\d+(?:\.\d+)?)\s*(?P<percent>%)?")
_CHANGE = re.compile(rf"{_NAME}\s+does\s+not\s+(?P<way>grow|fall)")


@dataclass(frozen=True)
class Rule:
    """A rule, read.

    Attributes:
        text: as it was written, on one line.
        report, name: the total, and its figure.
        subject: what is held against the limit: the "value" of the figure, its "change" since the earlier state, or how
            many "new" rows it counts that it did not count then.
        sign: one of `OPERATORS`.
        limit: the number on its right; a share is 0 to 1.
    """

    text: str
    report: str
    name: str
    subject: Subject
    sign: str
    limit: float


@dataclass(frozen=True)
class Verdict:
    """What became of a rule.

    Attributes:
        rule: the rule as it was written.
        holds: whether it holds; None where it cannot be judged.
        figure: the figure in words, with k of n for a share.
        reason: why it cannot be judged, or what besides the figure decided; "" without.
        doubts: what puts it in doubt.
    """

    rule: str
    holds: bool | None
    figure: str
    reason: str = ""
    doubts: tuple[Doubt, ...] = ()

    @property
    def line(self) -> str:
        """All of it as one line, the verdict first."""
        said = f": {self.figure}" if self.figure else ""
        return one_line(f"{VERDICTS[self.holds]}: {self.rule}{said}{f' ({self.reason})' if self.reason else ''}")


@dataclass(frozen=True)
class Gate:
    """What became of all rules.

    Attributes:
        verdicts: one for each rule, in their order.
        as_of, run_id: of when the figures speak, and the number of that sync run; None where nothing was read yet.
        since: the report date of the earlier state that changes are counted from; None without one.
    """

    verdicts: tuple[Verdict, ...]
    as_of: pd.Timestamp | None
    run_id: int | None
    since: pd.Timestamp | None = None

    @property
    def holds(self) -> bool | None:
        """Whether every rule holds; None where one cannot be judged, which is the graver of the two."""
        found = {verdict.holds for verdict in self.verdicts}
        return None if None in found else False not in found

    def as_dict(self) -> dict[str, Any]:
        """Return it as one object for programs."""
        rules = [
            {"rule": one.rule, "verdict": VERDICTS[one.holds], "figure": one.figure, "reason": one.reason}
            for one in self.verdicts
        ]
        dates = {
            name: None if at is None else at.isoformat() for name, at in (("as_of", self.as_of), ("since", self.since))
        }
        return {"verdict": VERDICTS[self.holds], **dates, "run_id": self.run_id, "rules": rules}


def gate(mirror: Mirror, rules: Sequence[str], *, on_interval: bool = False, before: Mirror | None = None) -> Gate:
    """Return which rules hold for the figures of a mirror.

    A rule is "NAME >= LIMIT" with a figure of a total (`coverage_total` and the other reports of one row, see `TOTALS`),
    one of >=, <=, >, <, ==, != and a number, also in per cent; "new NAME <= LIMIT" for the features, stories or bugs
    that it counts and did not count before; "NAME does not grow" or "NAME does not fall".

    Args:
        mirror: what is known.
        rules: at least one.
        on_interval: whether a limit must hold for the whole 95 % interval of a figure that has one.
        before: the earlier state that changes are counted from, like ``mirror.at(12)``.

    Raises:
        UnknownValueError: a rule cannot be read, or names no figure; `before` is not an earlier state.
    """
    if isinstance(rules, str) or not rules:
        raise UnknownValueError("rules", rules, [f"a list of rules like {EXAMPLES[0]}"])
    _check_is_earlier(mirror, before)
    read = [read_rule(text) for text in rules]
    return Gate(
        tuple(_verdict(mirror, before, rule, on_interval) for rule in read),
        mirror.as_of,
        mirror.run_id,
        None if before is None else before.as_of,
    )


def _check_is_earlier(mirror: Mirror, before: Mirror | None) -> None:
    """Refuse a state that is no earlier one: against itself nothing ever changes, and every such rule would hold."""
    if before is not None and mirror.as_of is not None and before.as_of is not None and before.as_of >= mirror.as_of:
        allowed = [f"a run or date before {instant_words(mirror.as_of)}, of which the figures speak"]
        raise UnknownValueError("The earlier state", instant_words(before.as_of), allowed)


# -- reading a rule -------------------------------------------------------------------------------------------------


def read_rule(text: str) -> Rule:
    """Return a rule as it was meant.

    Raises:
        UnknownValueError: it cannot be read, names no figure, or has a limit that the figure cannot have.
    """
    text = one_line(text)
    if found := _CHANGE.fullmatch(text):
        report, name = _figure_named(found["name"])
        return Rule(text, report, name, "change", "<=" if found["way"] == "grow" else ">=", 0.0)
    if not (found := _LIMIT.fullmatch(text)):
        raise UnknownValueError("The rule", text, [f"a rule like {listed(EXAMPLES, most=len(EXAMPLES))}"])
    report, name = _figure_named(found["name"])
    is_new = bool(found["new"])
    if is_new and name not in countable(report):
        names = _names({one: [*countable(one)] for one in TOTALS})
        raise UnknownValueError("The figure of which a rule asks what is new", found["name"], names)
    limit = _limit(text, found, is_share=figure_columns(report)[name].kind == "share")
    return Rule(text, report, name, "new" if is_new else "value", found["sign"], limit)


def _limit(text: str, found: re.Match[str], *, is_share: bool) -> float:
    """Return the limit as a number; one that a figure can never have is a mistake, and the rule would always say the same."""
    limit = float(found["limit"]) / (100 if found["percent"] else 1)
    if found["percent"] and not is_share:
        raise UnknownValueError("The limit in the rule", text, ["a number without %, because the figure is no share"])
    if limit < 0 or (is_share and limit > 1):
        allowed = ["a share from 0 to 1, or from 0 % to 100 %"] if is_share else ["a number from 0 on"]
        raise UnknownValueError("The limit in the rule", text, allowed)
    return limit


def _figure_named(name: str) -> tuple[str, str]:
    """Return the total and the figure of a name like "untested" or "coverage_total.untested"."""
    of = {report: [*figure_columns(report)] for report in TOTALS}
    report, _, column = name.rpartition(".")
    owners = [one for one, names in of.items() if column in names and report in ("", one)]
    if len(owners) == 1:
        return owners[0], column
    if owners:
        raise UnknownValueError(
            "The figure, which stands in several reports,", name, [f"{one}.{column}" for one in owners]
        )
    raise UnknownValueError("The figure", name, of[report] if report in of else _names(of))


def _names(of: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of figures as they are written: with the report where several have one of that name."""
    every = [name for report in TOTALS for name in figure_columns(report)]
    return [
        name if every.count(name) == 1 else f"{report}.{name}" for report, names in of.items() for name in sorted(names)
    ]


# -- judging it -----------------------------------------------------------------------------------------------------


def judged(sign: str, limit: float, ends: Range, *, is_whole: bool) -> bool | None:
    """Return whether a number between two ends is on the right side of a limit; None where it may be on either.

    Args:
        sign: one of `OPERATORS`.
        limit: the number on its right.
        ends: the least and the most that the number can be; infinite where nothing bounds it.
        is_whole: whether it can only be a whole number.
    """
    low, high, bound = (float(one) for one in comparable([*ends, limit]))
    holds = OPERATORS[sign]
    if sign not in ("==", "!="):
        return holds(low, bound) if holds(low, bound) == holds(high, bound) else None
    if low == high:
        return holds(low, bound)
    is_possible = low <= bound <= high and not (is_whole and bound != round(bound))
    return None if is_possible else sign == "!="


def _verdict(mirror: Mirror, before: Mirror | None, rule: Rule, on_interval: bool) -> Verdict:
    if rule.subject == "value":
        return _of_value(figure_of(mirror, rule.report, rule.name), rule, on_interval)
    if before is None:
        return Verdict(rule.text, None, "", ONE_EARLIER)
    return (_of_new if rule.subject == "new" else _of_change)(mirror, before, rule)


def _of_value(figure: Figure, rule: Rule, on_interval: bool) -> Verdict:
    """Judge a figure by all that it can be; with `on_interval` by its whole interval."""
    said, ends = _words(figure), _range(figure)
    if figure.doubts or ends is None:
        return Verdict(rule.text, None, said, _why_unknown(figure.doubts), figure.doubts)
    is_whole = figure.column.kind == "count"
    holds = judged(rule.sign, rule.limit, ends, is_whole=is_whole)
    reason = "its range reaches over the limit" if holds is None else ""
    if not (on_interval and figure.has_interval) or holds is False:
        return Verdict(rule.text, holds, said, reason)
    if figure.bounds is None:
        return Verdict(rule.text, None, said, "its interval is not known")
    interval = f"95 % interval {_span(figure, *figure.bounds)}"
    if judged(rule.sign, rule.limit, figure.bounds, is_whole=False):
        return Verdict(rule.text, True, said, interval)
    # The whole interval was asked for; that of a figure which is itself a range is wider than that of the true one.
    return Verdict(rule.text, False if ends[0] == ends[1] else None, said, f"{interval} reaches over the limit")


def _of_change(mirror: Mirror, before: Mirror, rule: Rule) -> Verdict:
    """Judge how a figure changed, by all that it can be now and could be then."""
    now, then = (figure_of(one, rule.report, rule.name) for one in (mirror, before))
    said = f"{_words(now)}, before {_words(then)}"
    doubts = _together(now.doubts, then.doubts, known_later(before, mirror))
    ends, earlier = _range(now), _range(then)
    if doubts or ends is None or earlier is None:
        return Verdict(rule.text, None, said, _why_unknown(doubts), doubts)
    change = (ends[0] - earlier[1], ends[1] - earlier[0])
    holds = judged(rule.sign, rule.limit, change, is_whole=now.column.kind == "count")
    return Verdict(rule.text, holds, said, "the ranges leave both open" if holds is None else "")


def _of_new(mirror: Mirror, before: Mirror, rule: Rule) -> Verdict:
    """Judge how many rows a figure counts that it did not count before.

    What was not fully read before may have been there; what is not fully read now may hold more.
    """
    rows = members(mirror, rule.report, rule.name) - members(before, rule.report, rule.name)
    now, then = doubts_of(mirror, rule.report), (*doubts_of(before, rule.report), *known_later(before, mirror))
    is_unread = any(figure_of(one, rule.report, rule.name).value is None for one in (mirror, before))
    ends = (0.0 if then or is_unread else float(len(rows)), inf if now or is_unread else float(len(rows)))
    holds = judged(rule.sign, rule.limit, ends, is_whole=True)
    found = _together(now, then)
    return Verdict(
        rule.text,
        holds,
        f"{len(rows):,} new{' that are known' if found else ''}",
        _why_unknown(found) if holds is None else "",
        found if holds is None else (),
    )


def _range(figure: Figure) -> Range | None:
    return None if figure.value is None or figure.highest is None else (figure.value, figure.highest)


def _together(*found: tuple[Doubt, ...]) -> tuple[Doubt, ...]:
    return tuple(dict.fromkeys(one for some in found for one in some))


# -- words ----------------------------------------------------------------------------------------------------------


def _why_unknown(found: tuple[Doubt, ...]) -> str:
    """Return what puts a figure in doubt, in words; without any doubt there was nothing to make it of."""
    return listed([*sentences(found)]) or "there is nothing to make it of, or no upper end is known"


def _words(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    if figure.highest is None:
        return f"at least {_span(figure, figure.value, figure.value)}"
    k_of_n = f" ({figure.k_of_n[0]:,} of {figure.k_of_n[1]:,})" if figure.k_of_n else ""
    return f"{_span(figure, figure.value, figure.highest)}{k_of_n}"


def _span(figure: Figure, low: float, high: float) -> str:
    """Return a number, or both ends of a range, exact enough to see on which side of a limit it is."""
    is_share = figure.column.kind == "share"
    ends = dict.fromkeys(f"{end * 100:.4g}" if is_share else f"{end:,.6g}" for end in (low, high))
    return EN_DASH.join(ends) + (" %" if is_share else "")
