"""What is believed, computed from everything that was stated: a fold over statements.

:func:`fold_statements` takes all statements of one conflict group
(:mod:`graphmem.belief.snapshot`) and gives its beliefs. It is a pure function of the set:
the order in which statements arrive, and how often, changes nothing.

Plain statements
    * A statement holds from ``valid_at``, else from when it was stated; one that gives only a past
      end ("until 2019") has an unknown start.
    * Repeated statements of one target are one belief as long as nothing came between: an undated
      one adds support, an earlier date moves the start, a finer date within a vague one makes it
      exact. After an end, or after a conflicting target held, it is a new belief (Paris, Berlin,
      Paris).
    * Single-valued types: conflicting intervals never overlap. A newer start ends the older
      interval, in whatever order they were stated; of two with the same start date the one stated
      last corrects the other. A vague start lies after what was still said to hold within it. An
      undated past ("I used to …") ended before the current interval began, and ends nothing. An
      interrupted interval resumes after the interruption if a dated statement made after that says
      so.
    * Many-valued types: objects are independent. Events (``event``): a belief for each date.
    * An end closes the interval open at its date, also when stated first. Dated ends win over
      undated, later stated over earlier, a finer date over the vague one around it. An undated
      statement made after the end begins a new interval; made *before* the end was stated, it
      belongs before the end. An end that matches nothing known stays pending.
    * A withdrawal removes what was stated before it, about its object or (without one) about all;
      later statements stand. It is not an end: the world did not change.

Other modalities (never plain beliefs, and except for denials they end nothing)
    * A plan holds from when it was made until the fact that fulfils it begins, a later denial, end
      or other plan (for the same time) cancels it, or its (vague) date has passed.
    * Hearsay and suppositions exist beside plain beliefs. A plain belief that covers hearsay takes
      it as support; one that begins later, or contradicts it later, supersedes it.
    * A denial ("does not live in Paris") is a belief of its own until the contrary is stated, and
      ends the open interval of that target when it begins to hold.

A person's edits apply to the statements that support the edited fact: dates, text and importance
stay as set, and conflicting intervals give way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import attrgetter

from graphmem.belief.beliefs import FoldedGroup, StatementOutcome, beliefs_of
from graphmem.belief.intervals import (
    Exclusion,
    Interval,
    StatedEnd,
    StatedInterval,
    own_end,
    stated_before,
    stated_interval,
    statement_order,
)
from graphmem.belief.modality import NOT_MODAL, fold_modal
from graphmem.belief.overlaps import resolve_overlaps
from graphmem.belief.stated_ends import (
    Ends,
    Targets,
    begin_after_rivals,
    chosen_end,
    ends_by_target,
    is_end,
    place_undated,
)
from graphmem.clock import Date, refines, same_date
from graphmem.model import Edit, Statement, valid_from, valid_until
from graphmem.relation_types.types import Target, TypeBehaviour

MANY_VALUED = TypeBehaviour()


def fold_statements(
    statements: Iterable[Statement],
    behaviour: TypeBehaviour = MANY_VALUED,
    *,
    edits: Iterable[Edit] = (),
) -> FoldedGroup:
    """Fold statements of one relation type (or plain sentences) into beliefs, in order of time,
    with the outcome of each statement. The module docstring gives the rules."""
    ordered = sorted({s.id: s for s in statements}.values(), key=statement_order)
    edit_of = _edits_by_statement(edits)
    withdrawn = _withdrawals(ordered, edit_of, behaviour)
    live = [s for s in ordered if s.id not in withdrawn]
    asserted = [s for s in live if s.kind == "assert"]
    endings = [s for s in live if is_end(s)]

    stated = [
        stated_interval(s, behaviour, edit_of.get(s.id)) for s in asserted if s.modality == "stated"
    ]
    ends = ends_by_target(endings, stated, behaviour)
    stated = begin_after_rivals(stated, behaviour)
    grouped = group(place_undated(stated, ends, behaviour), ends, behaviour)
    separated = resolve_overlaps(grouped.intervals, behaviour)
    plain = [one for one in separated if not one.empty]
    modal = NOT_MODAL
    if others := [s for s in asserted if s.modality != "stated"]:
        first = 1 + max((one.number for one in separated), default=0)
        modal = fold_modal(others, plain, endings, behaviour, edits=edit_of, first_number=first)

    accounts = {
        **{s.id: _unanswered(s) for s in live},
        **_plain_accounts(separated, grouped, endings),
        **modal.accounts,
        **withdrawn,
    }
    return FoldedGroup(beliefs_of([*plain, *modal.intervals], modal.support), accounts)


def _edits_by_statement(edits: Iterable[Edit]) -> dict[str, Edit]:
    """For each statement id, all edits of it as one: the last edit of each field wins."""
    merged: dict[str, Edit] = {}
    for edit in sorted(edits, key=lambda e: (e.at, e.id)):
        for id in sorted(edit.statement_ids):
            old = merged.get(id, edit)
            last = {name: edit if edit.sets(name) else old for name in _FOLDED}
            merged[id] = Edit(
                edit.id,
                edit.statement_ids,
                edit.at,
                text=last["text"].text,
                unnamed=last["text"].unnamed,
                **valid_from(last["valid_at"].valid_date),
                **valid_until(last["invalid_at"].invalid_date),
                importance=last["importance"].importance,
                cleared=tuple(name for name, by in last.items() if name in by.cleared),
                drop=edit.drop or old.drop,
            )
    return merged


_FOLDED = ("text", "valid_at", "invalid_at", "importance")
"""The editable fields that affect the fold."""


def _withdrawals(
    ordered: Sequence[Statement], edit_of: Mapping[str, Edit], behaviour: TypeBehaviour
) -> dict[str, StatementOutcome]:
    """The outcome of every withdrawal, and of every statement removed by one or by a person's
    deletion."""
    withdrawals = [s for s in ordered if s.kind == "withdraw"]
    by_target: dict[Target, list[Statement]] = {}
    if withdrawals:
        targets = Targets(map(behaviour.target, ordered), behaviour)
        for one in withdrawals:
            for target in targets.of_statement(one):
                by_target.setdefault(target, []).append(one)
    accounts = {s.id: StatementOutcome("pending", _NOTHING_TO_WITHDRAW) for s in withdrawals}
    for statement in ordered:
        if statement.kind == "withdraw":
            continue
        if statement.id in edit_of and edit_of[statement.id].drop:
            accounts[statement.id] = StatementOutcome("withdrawn", "deleted by hand")
            continue
        denial = statement.kind == "assert" and statement.modality == "negated"
        if denial or not withdrawals:
            continue
        by = [
            w
            for w in by_target.get(behaviour.target(statement), ())
            if stated_before(statement, w, same_turn=False)
        ]
        if by:
            accounts[statement.id] = StatementOutcome("withdrawn", "withdrawn by a later statement")
            accounts |= {
                w.id: StatementOutcome("withdraws", "takes back what was said before") for w in by
            }
    return accounts


_NOTHING_TO_WITHDRAW = "nothing known that it could take back"


def _unanswered(statement: Statement) -> StatementOutcome:
    if is_end(statement):
        return StatementOutcome("pending", "nothing known that it could end")
    return StatementOutcome("pending", f"an end that is only {statement.modality} ends nothing")


def _plain_accounts(
    separated: Sequence[Interval], grouped: Grouped, endings: Sequence[Statement]
) -> dict[str, StatementOutcome]:
    """The outcomes of all plain statements and of the ends that closed them."""
    ends = StatementOutcome("ends", "ends what was known")
    empty = StatementOutcome("corrected", "no time is left for it beside what else is known")
    corrected = StatementOutcome("corrected", "a later statement names another from the same date")
    return {
        **{s.id: ends for s in endings if s.id in grouped.ending_ids},
        **{s.statement.id: empty for one in separated if one.empty for s in one.stated},
        **{
            s.statement.id: StatementOutcome("believed", one.reason or "holds")
            for one in separated
            if not one.empty
            for s in one.stated
        },
        **{s.statement.id: corrected for s in grouped.corrected},
    }


# Grouping stated intervals that describe the same stretch of time into intervals.


@dataclass(frozen=True, slots=True)
class Grouped:
    """Intervals in order of time; the stated intervals that another of the same date corrected;
    and the ids of the statements that ended an interval."""

    intervals: tuple[Interval, ...]
    corrected: tuple[StatedInterval, ...]
    ending_ids: frozenset[str]


def group(stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour) -> Grouped:
    """Group stated intervals (in the order of their statements) into intervals with the start and
    end that their own statements give. A group ends at an end of its target, or where a conflicting
    interval was stated in between."""
    kept, corrected = _uncorrected(stated, behaviour)
    drafts = _drafts(kept, ends, behaviour)
    own_ends: dict[int, list[StatedEnd]] = {}
    ending_ids = set()
    places: dict[Target, list[int]] = {}
    for number, draft in enumerate(drafts):
        if draft.target in ends:
            places.setdefault(draft.target, []).append(number)
    for target, own in places.items():
        begun = [drafts[number].stated[0].key for number in own]
        for end in ends[target]:
            # It ends the last interval that began before it (or, without a start, at its date).
            if place := bisect_left(begun, (end.at, True)):
                own_ends.setdefault(own[place - 1], []).append(end)
                ending_ids.add(end.statement.id)
    intervals = (_interval(n, d, own_ends.get(n, ())) for n, d in enumerate(drafts))
    return Grouped(tuple(intervals), tuple(corrected), frozenset(ending_ids))


def _uncorrected(
    stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> tuple[list[StatedInterval], list[StatedInterval]]:
    """Split into kept and corrected: of conflicting ones with one date the last stated is kept."""
    if not behaviour.single_valued:
        return list(stated), []
    kept: list[StatedInterval] = []
    corrected: list[StatedInterval] = []
    by_key: dict[tuple[datetime, bool], Exclusion] = {}
    for one in reversed(stated):
        of_that_date = by_key.setdefault(one.key, Exclusion(behaviour))
        if next(of_that_date.excluded(one), None) is not None:
            corrected.append(one)
        else:
            of_that_date.add(one)
            kept.append(one)
    return kept[::-1], corrected


@dataclass(slots=True)
class _Draft:
    """An interval whose statements are still being collected. It keeps sets of the dates seen, so
    that the cost of many repeats stays linear."""

    target: Target
    stated: list[StatedInterval] = field(default_factory=list)
    ends: set[Date] = field(default_factory=set)
    """Stated by its own statements, after its start."""
    first_end: datetime | None = None
    dates: set[Date] = field(default_factory=set)

    def add(self, one: StatedInterval) -> None:
        """Append a stated interval."""
        self.stated.append(one)
        if one.end_date is not None and self._ended_by(one.end_date.at):
            self.ends.add(one.end_date)
            self.first_end = min(one.end_date.at, self.first_end or one.end_date.at)
        if one.dated:
            self.dates.add(one.anchor_date)

    def _ended_by(self, moment: datetime) -> bool:
        first = self.stated[0]
        return first.start is None or moment > first.anchor

    def goes_on(
        self, one: StatedInterval, ends: Sequence[StatedEnd], behaviour: TypeBehaviour
    ) -> bool:
        """Whether the next stated interval belongs to this one."""
        if behaviour.event and one.dated and not self._has_date(one.anchor_date):
            return False
        known = (end.date for end in ends if self._ended_by(end.at))
        if one.start is None:
            return self.stated[0].start is None or not any(
                date.at < one.anchor and not refines(one.anchor_date, date)
                for date in chain(self.ends, known)
            )
        ended = self.first_end is not None and self.first_end <= one.start
        return not ended and not any(date.at <= one.start for date in known)

    def _has_date(self, date: Date) -> bool:
        return date in self.dates or any(same_date(date, other) for other in self.dates)


def _drafts(stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour) -> list[_Draft]:
    drafts: list[_Draft] = []
    open_: dict[Target, _Draft] = {}
    last = Exclusion(behaviour)
    for one in sorted(stated, key=attrgetter("key")):
        draft = open_.get(one.target)
        if draft is None or not draft.goes_on(one, ends.get(one.target, ()), behaviour):
            draft = _Draft(one.target)
            drafts.append(draft)
        before = open_.pop(one.target, None)
        if before is not None:
            last.remove(before.stated[-1])
        for target in list(last.excluded(one)):
            over = open_.pop(target, None)  # a pair may be found at both endpoints
            if over is not None:
                last.remove(over.stated[-1])
        draft.add(one)
        last.add(one)
        open_[one.target] = draft
    return drafts


def _interval(number: int, draft: _Draft, ends: Sequence[StatedEnd]) -> Interval:
    """The interval with its own start and end, before conflicts are resolved."""
    edits = [s.edit for s in draft.stated if s.edit and s.edit.valid_at]
    starts = [s for s in draft.stated if s.start is not None]
    since, dated = None, True
    if edits:
        since = max(edits, key=lambda e: (e.at, e.id)).valid_date
    elif starts:
        since, dated = _earliest(starts)
    known = [*ends, *(end for s in draft.stated if (end := own_end(s)))]
    end = chosen_end(known) if known else None
    return Interval(
        number,
        draft.target,
        tuple(draft.stated),
        tuple(ends),
        since,
        end.date if end else None,
        dated,
        ("set by hand" if end.by_edit else "said to have ended") if end else None,
    )


def _earliest(stated: Sequence[StatedInterval]) -> tuple[Date, bool]:
    """The earliest start, and whether it is a stated date. A finer date within a vague one replaces
    it, unless an undated statement was made before the finer date."""
    first = min(stated, key=lambda s: (s.anchor, not s.dated))
    if not first.dated:
        return first.anchor_date, False
    known = min((s.anchor for s in stated if not s.dated), default=None)
    start = first.anchor_date
    for date in sorted(
        {s.anchor_date for s in stated if s.dated and (known is None or s.anchor <= known)}
    ):
        if refines(date, start):
            start = date
    return start, True
