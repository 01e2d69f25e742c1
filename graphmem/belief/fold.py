"""What is believed, computed from everything that was said: a fold over statements.

:func:`fold` takes all statements of one *cell* (those that can touch each other, see
:func:`cells`) and gives its beliefs. It is a pure function of the set: the order in which
statements arrive, and how often, changes nothing.

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

Edits by hand are laid over the statements that the edited fact rested on: dates, text and
importance stay as set, and rivals make room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.belief.interval_ends import close
from graphmem.belief.intervals import (
    LONG_AGO,
    Claim,
    Run,
    claim_of,
    marks_for,
    place,
    said,
    said_before,
)
from graphmem.belief.modality import Stand, stand
from graphmem.belief.past_statements import before_their_end, over_by_then
from graphmem.belief.values import (
    Account,
    Belief,
    Edit,
    Folded,
    Statement,
)
from graphmem.model import Source
from graphmem.relation_types.shape import Shape, object_key, sentence_key
from graphmem.text import loose_key, text_key

Cell = tuple[str, ...]
MANY = Shape()

_RANK = {"stated": 0, "planned": 1, "hearsay": 2, "hypothetical": 3, "negated": 4}
_LONGEST_TEXT = 400  # of two wordings the longer tells more, up to here


def cells(statement: Statement, shape: Shape) -> tuple[Cell, ...]:
    """The cells that a statement belongs to. Statements with no cell in common never touch.

    A sentence: its key. A functional relation: ``(type, subject)``, and when it is symmetric the
    same for its other end (read cells until no new one appears: Ada–Bob, Bob–Carol). A many-valued
    relation: ``(type, subject, object)``; an end or withdrawal without an object stands in
    ``(type, subject, "")``, which belongs to every cell of that type and subject.
    """
    if statement.type is None or statement.subject_id is None:
        return (("", sentence_key(statement)),)
    subject, object_ = shape.target(statement)
    if not shape.functional:
        if object_key(statement) is None:
            return ((statement.type, statement.subject_id, ""),)
        return ((statement.type, subject, object_),)
    if shape.symmetric:
        return tuple((statement.type, end) for end in (subject, object_) if end)
    return ((statement.type, statement.subject_id),)


def fold(
    statements: Iterable[Statement], shape: Shape = MANY, *, edits: Iterable[Edit] = ()
) -> Folded:
    """The beliefs that these statements of one relation type (or sentences) come to, by time, and
    what became of each statement. See the module's text for the rules."""
    told = sorted({s.id: s for s in statements}.values(), key=said)
    accounts: dict[str, Account] = {}
    by_statement = _edits(edits)
    live = _not_withdrawn(told, by_statement, shape, accounts)
    plain = [s for s in live if s.kind == "assert" and s.modality == "stated"]
    endings = [s for s in live if _ends(s)]
    claims = [claim_of(s, shape, by_statement.get(s.id)) for s in plain]
    marks = marks_for(endings, claims, shape)
    placed = list(before_their_end(claims, marks))
    placed = list(over_by_then(placed, marks, shape))
    runs, corrected, used = place(placed, marks, shape)
    runs, empty = close(runs, shape)
    unsure = [s for s in live if s.kind == "assert" and s.modality != "stated"]
    stands = stand(unsure, runs, endings, shape, accounts)
    _account(accounts, runs=runs, empty=empty, corrected=corrected, endings=endings, used=used)
    for s in live:
        if s.id not in accounts:
            accounts[s.id] = Account("pending", f"an end that is only {s.modality} ends nothing")
    return Folded(_beliefs(runs, stands, shape, by_statement), accounts)


def _ends(statement: Statement) -> bool:
    if statement.kind == "end":
        return statement.modality in {"stated", "negated"}
    return statement.kind == "assert" and statement.modality == "negated"


def _edits(edits: Iterable[Edit]) -> dict[str, Edit]:
    """For each statement all that was set by hand on what it supports, the last of each field."""
    merged: dict[str, Edit] = {}
    for edit in sorted(edits, key=lambda e: (e.at, e.id)):
        for id in sorted(edit.statement_ids):
            old = merged.get(id, edit)
            merged[id] = Edit(
                edit.id,
                edit.statement_ids,
                edit.at,
                text=edit.text if edit.text is not None else old.text,
                unnamed=edit.unnamed if edit.text is not None else old.unnamed,
                valid_at=edit.valid_at or old.valid_at,
                invalid_at=edit.invalid_at or old.invalid_at,
                importance=edit.importance if edit.importance is not None else old.importance,
                drop=edit.drop or old.drop,
            )
    return merged


def _not_withdrawn(
    told: Sequence[Statement],
    edits: dict[str, Edit],
    shape: Shape,
    accounts: dict[str, Account],
) -> list[Statement]:
    """What still counts, with the rest accounted for."""
    withdrawals = [s for s in told if s.kind == "withdraw"]
    answered: set[str] = set()
    live = []
    for statement in told:
        if statement.kind == "withdraw":
            continue
        by = [
            w
            for w in withdrawals
            if shape.meant(w, shape.target(statement))
            and said_before(statement, w, same_turn=False)
            and not (statement.kind == "assert" and statement.modality == "negated")
        ]
        if statement.id in edits and edits[statement.id].drop:
            accounts[statement.id] = Account("withdrawn", "deleted by hand")
        elif by:
            answered |= {w.id for w in by}
            accounts[statement.id] = Account("withdrawn", "withdrawn by a later statement")
        else:
            live.append(statement)
    for w in withdrawals:
        found = w.id in answered
        accounts[w.id] = (
            Account("withdraws", "takes back what was said before")
            if found
            else Account("pending", "nothing known that it could take back")
        )
    return live


def _account(
    accounts: dict[str, Account],
    *,
    runs: Sequence[Run],
    empty: Sequence[Run],
    corrected: Sequence[Claim],
    endings: Sequence[Statement],
    used: set[str],
) -> None:
    for run in runs:
        for claim in run.claims:
            accounts[claim.statement.id] = Account("believed", run.why or "holds")
    for run in empty:
        for claim in run.claims:
            gone = Account("corrected", "no time is left for it beside what else is known")
            accounts.setdefault(claim.statement.id, gone)
    for claim in corrected:
        accounts[claim.statement.id] = Account(
            "corrected", "a later statement names another from the same date"
        )
    for s in endings:
        if s.id in used:
            accounts.setdefault(s.id, Account("ends", "ends what was known"))
        else:
            accounts.setdefault(s.id, Account("pending", "nothing known that it could end"))


# -- from runs to beliefs --------------------------------------------------------------------------


def _beliefs(
    runs: Sequence[Run], stands: Sequence[Stand], shape: Shape, edits: dict[str, Edit]
) -> tuple[Belief, ...]:
    drafts: list[tuple[Belief, Run | Stand]] = [(_of_run(run), run) for run in runs]
    drafts += [(_of_stand(held, edits), held) for held in stands]
    drafts.sort(key=lambda d: _order(d[0]))
    at = {id(origin): n for n, (_, origin) in enumerate(drafts)}
    followed: dict[int, int] = {}
    for n, (belief, origin) in enumerate(drafts):
        by = origin.closer
        if by is not None and id(by) in at:
            place = at[id(by)]
            plain = belief.modality == "stated"
            if plain or place not in followed:  # the plain one before it counts for more
                followed[place] = n
    return tuple(
        belief if n not in followed else replace(belief, supersedes=followed[n])
        for n, (belief, _) in enumerate(drafts)
    )


def _order(belief: Belief) -> tuple[object, ...]:
    return (
        belief.since or LONG_AGO,
        belief.invalid_at or datetime.max.replace(tzinfo=LONG_AGO.tzinfo),
        _RANK[belief.modality],
        belief.stated_at,
        text_key(belief.text),
        belief.text,
        belief.statement_ids,
    )


def _of_run(run: Run) -> Belief:
    statements = sorted((c.statement for c in run.claims), key=said)
    first = statements[0]
    edits = {c.edit.id: c.edit for c in run.claims if c.edit}
    hand = sorted(edits.values(), key=lambda e: (e.at, e.id))
    everything = sorted((*statements, *run.support), key=said)
    told = run.dated or run.since != first.stated_at
    belief = Belief(
        text=_text(statements),
        statement_ids=tuple(s.id for s in everything),
        stated_at=first.stated_at,
        since=run.since,
        valid_at=run.since if told else None,
        invalid_at=run.until,
        subject_id=first.subject_id,
        type=first.type,
        object_id=first.object_id,
        entity_ids=_entities(statements),
        importance=next(
            (e.importance for e in reversed(hand) if e.importance is not None),
            max(s.importance for s in statements),
        ),
        sources=_sources(everything),
        reason=run.why,
    )
    return _worded(belief, hand)


def _of_stand(held: Stand, edits: dict[str, Edit]) -> Belief:
    first = held.statements[0]
    own = {e.id: e for s in held.statements if (e := edits.get(s.id))}
    hand = sorted(own.values(), key=lambda e: (e.at, e.id))
    planned = first.modality == "planned"
    belief = Belief(
        text=_text(held.statements),
        statement_ids=tuple(s.id for s in held.statements),
        stated_at=first.stated_at,
        since=held.since,
        valid_at=None if held.since == first.stated_at else held.since,
        invalid_at=held.until,
        subject_id=first.subject_id,
        type=first.type,
        object_id=first.object_id,
        entity_ids=_entities(held.statements),
        modality=first.modality,
        importance=next(
            (e.importance for e in reversed(hand) if e.importance is not None),
            max(s.importance for s in held.statements),
        ),
        sources=_sources(held.statements),
        reason=held.why,
        planned_for=held.planned_for if planned else None,
    )
    return _worded(belief, hand)


def _worded(belief: Belief, hand: Sequence[Edit]) -> Belief:
    """As it was last worded by hand. Words that name an end of the relation no more tell something
    else, which nobody has related yet; until the first is told again."""
    last = next((edit for edit in reversed(hand) if edit.text is not None), None)
    if last is None or last.text is None:
        return belief
    if not last.unnamed:
        return replace(belief, text=last.text)
    if not set(belief.statement_ids) <= set(last.statement_ids):
        return belief
    about = tuple(id for id in belief.entity_ids if id not in last.unnamed)
    return replace(
        belief, text=last.text, subject_id=None, type=None, object_id=None, entity_ids=about
    )


def _text(statements: Sequence[Statement]) -> str:
    """The wording that tells most: the longest of a fair length, then the first said."""
    fair = [s for s in statements if len(s.text) <= _LONGEST_TEXT] or statements
    length = {text: len(loose_key(text)) for text in {s.text for s in fair}}
    return min(fair, key=lambda s: (-length[s.text], s.stated_at, s.turn, s.id)).text


def _entities(statements: Sequence[Statement]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(e for s in statements for e in s.entity_ids))


def _sources(statements: Sequence[Statement]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(source for s in statements for source in s.sources))
