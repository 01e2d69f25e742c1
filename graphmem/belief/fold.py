"""What is believed, computed from everything that was stated: a fold over statements.

:func:`fold_statements` takes all statements of one conflict group
(:mod:`graphmem.belief.conflict_groups`) and gives its beliefs. It is a pure function of the set:
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
      was before the end. An end that nothing answers to waits.
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

from collections.abc import Iterable, Mapping, Sequence

from graphmem.belief.beliefs import Account, FoldedGroup, beliefs_of
from graphmem.belief.grouping import Grouped, group
from graphmem.belief.intervals import Interval, stated_before, stated_interval, statement_order
from graphmem.belief.modality import fold_modal
from graphmem.belief.rivals import separate
from graphmem.belief.stated_ends import Targets, ends_by_target, is_end
from graphmem.belief.undated_past import place_undated
from graphmem.model import Edit, Statement, valid_from, valid_until
from graphmem.relation_types.behaviour import Target, TypeBehaviour

MANY = TypeBehaviour()


def fold_statements(
    statements: Iterable[Statement], behaviour: TypeBehaviour = MANY, *, edits: Iterable[Edit] = ()
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
    separated = separate(grouped.intervals, behaviour)
    plain = [one for one in separated if not one.empty]
    modal = fold_modal(
        [s for s in asserted if s.modality != "stated"],
        plain,
        endings,
        behaviour,
        edits=edit_of,
        first_number=1 + max((one.number for one in separated), default=0),
    )

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
) -> dict[str, Account]:
    """An account of every withdrawal, and of what counts no more because of one or of a person's
    deletion."""
    withdrawals = [s for s in ordered if s.kind == "withdraw"]
    by_target: dict[Target, list[Statement]] = {}
    if withdrawals:
        targets = Targets(map(behaviour.target, ordered), behaviour)
        for one in withdrawals:
            for target in targets.meant(one):
                by_target.setdefault(target, []).append(one)
    accounts = {s.id: Account("pending", _NOTHING_TO_WITHDRAW) for s in withdrawals}
    for statement in ordered:
        if statement.kind == "withdraw":
            continue
        if statement.id in edit_of and edit_of[statement.id].drop:
            accounts[statement.id] = Account("withdrawn", "deleted by hand")
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
            accounts[statement.id] = Account("withdrawn", "withdrawn by a later statement")
            accounts |= {w.id: Account("withdraws", "takes back what was said before") for w in by}
    return accounts


_NOTHING_TO_WITHDRAW = "nothing known that it could take back"


def _unanswered(statement: Statement) -> Account:
    if is_end(statement):
        return Account("pending", "nothing known that it could end")
    return Account("pending", f"an end that is only {statement.modality} ends nothing")


def _plain_accounts(
    separated: Sequence[Interval], grouped: Grouped, endings: Sequence[Statement]
) -> dict[str, Account]:
    """An account of all that was stated plainly, and of what ended it."""
    ends = Account("ends", "ends what was known")
    empty = Account("corrected", "no time is left for it beside what else is known")
    corrected = Account("corrected", "a later statement names another from the same date")
    return {
        **{s.id: ends for s in endings if s.id in grouped.ending_ids},
        **{s.statement.id: empty for one in separated if one.empty for s in one.stated},
        **{
            s.statement.id: Account("believed", one.reason or "holds")
            for one in separated
            if not one.empty
            for s in one.stated
        },
        **{s.statement.id: corrected for s in grouped.corrected},
    }
