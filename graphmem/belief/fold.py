"""What is believed, computed from everything that was stated: a fold over statements.

:func:`fold_statements` takes all statements of one conflict group
(:mod:`graphmem.belief.snapshot`) and gives its beliefs. It is a pure function of the set:
the order in which statements arrive, and how often, changes nothing.

Plain statements
    * A statement holds from ``valid_at``, else from when it was said; one that only tells an end
      ("until 2019", said later) from nobody knows when.
    * The same target said again is one belief as long as nothing came between: the undated
      corroborates, an earlier date dates it, a finer date within a vague one makes it exact. After
      an end, or after something else held, it is a new belief (Paris, Berlin, Paris).
    * Functional: rivals never overlap. A newer start closes the older, wherever in the order it
      was told; of two rivals from the same date the last said corrects the other. A past without a
      date ("I used to …") was over before what holds began, and closes nothing. A stretch that
      was interrupted by one that ended goes on after it if it was said, with its date, after that.
    * Many-valued: objects are independent. Events (``event``): each date is a belief of its own.
    * An end closes what was open at its date, also when it is told first. Dated ends win over
      undated, later said over earlier, a finer date over the vague one around it. Something said
      without a date after the end begins anew; said without a date *before* the end was told, it
      was before the end. An end that
      matches nothing known stays pending.
    * A withdrawal takes away what was asserted before it was said, about its object or (without
      one) about all; what is asserted later stands. It is not an end: the world did not change.

Others (never plain belief, and they close nothing)
    * A plan stands from when it was made until the fact that fulfils it begins, a later denial, end
      or other plan (of the same time) cancels it, or its date, as vague as it is, has passed.
    * Hearsay and suppositions stand beside the plain; a plain statement that covers hearsay takes
      it in as support, one that begins later, or contradicts it later, supersedes it.
    * A denial ("does not live in Paris") is a belief of its own until the contrary is stated, and
      ends what was open of that target when it begins to hold.

A person's edits apply to the statements that the edited fact rested on: dates, text and importance
stay as set, and rivals make room.
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
from graphmem.belief.rivals import resolve_overlaps
from graphmem.belief.stated_ends import (
    Ends,
    Targets,
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
    """The beliefs that these statements of one relation type (or sentences) come to, by time, and
    what became of each statement. See the module's text for the rules."""
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
    """For each statement all that was edited of what it supports, the last of each field."""
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
"""What a person can set and the fold has to know of."""


def _withdrawals(
    ordered: Sequence[Statement], edit_of: Mapping[str, Edit], behaviour: TypeBehaviour
) -> dict[str, StatementOutcome]:
    """An account of every withdrawal, and of what counts no more because of one or of a person's
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
    """An account of all that was stated plainly, and of what ended it."""
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


# Stated intervals to intervals: what speaks of one and the same stretch of time.


@dataclass(frozen=True, slots=True)
class Grouped:
    """Intervals in order of time; what another of the same date corrects; and the ids of the
    statements that ended anything."""

    intervals: tuple[Interval, ...]
    corrected: tuple[StatedInterval, ...]
    ending_ids: frozenset[str]


def group(stated: Sequence[StatedInterval], ends: Ends, behaviour: TypeBehaviour) -> Grouped:
    """Intervals with the start and end that their own statements give them. Each goes on until
    something ended, or something that excludes it was stated in between. ``stated`` is in the order
    of the statements."""
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
            # The last that began before it, or that it is all that is known of.
            if place := bisect_left(begun, (end.at, True)):
                own_ends.setdefault(own[place - 1], []).append(end)
                ending_ids.add(end.statement.id)
    intervals = (_interval(n, d, own_ends.get(n, ())) for n, d in enumerate(drafts))
    return Grouped(tuple(intervals), tuple(corrected), frozenset(ending_ids))


def _uncorrected(
    stated: Sequence[StatedInterval], behaviour: TypeBehaviour
) -> tuple[list[StatedInterval], list[StatedInterval]]:
    """Of rivals from the very same date the last stated is right; repeats of it stay with it."""
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
    """An interval while what belongs to it is gathered. It notes the dates that it is asked for,
    so that many repeats of one thing cost no more than their number."""

    target: Target
    stated: list[StatedInterval] = field(default_factory=list)
    ends: set[Date] = field(default_factory=set)
    """Of its own, after its beginning."""
    first_end: datetime | None = None
    dates: set[Date] = field(default_factory=set)

    def add(self, one: StatedInterval) -> None:
        """One more, the last of them."""
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
        """Whether what comes after all of this speaks of the same stretch."""
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
            over = open_.pop(target, None)  # of a couple it may be found at both ends
            if over is not None:
                last.remove(over.stated[-1])
        draft.add(one)
        last.add(one)
        open_[one.target] = draft
    return drafts


def _interval(number: int, draft: _Draft, ends: Sequence[StatedEnd]) -> Interval:
    """Its own start and end, before its neighbours are looked at."""
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
    """The first start, and whether it is a stated date. A vague date gives way to a finer one
    within it, unless something undated was said to hold before that."""
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
