"""What to do about what was said: ADD, UPDATE, DELETE or NONE, of which fact and why.

Nothing is decided by itself: the statements of every cell that is touched are read, folded into
what is believed (:mod:`graphmem.belief.fold`), and compared with the facts that rest on them
(:mod:`graphmem.belief.compare`). So the order in which statements arrive does not matter, and
to take an episode, an edit or a merge back is to fold without it.

A sentence that is nearly the same as a known one about the same entities corroborates it.

Reasons name facts by id, never by their text: a text may be erased later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphmem.belief.compare import Held, reconcile
from graphmem.belief.facts import action_of, fact_of, held, joined
from graphmem.belief.fold import Cell, cells, fold
from graphmem.belief.sentences import same_sentence
from graphmem.belief.values import Folded
from graphmem.clock import Clock
from graphmem.model import Decision, Edit, Fact, Statement
from graphmem.ports.ledger import FactQuery, LedgerReads, Place, StatementQuery, Told
from graphmem.relation_types.shape import sentence_key
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.merges import with_merges
from graphmem.text import loose_key, text_key

_LOOK_BACK = 32  # newest facts of an entity that a sentence is compared with


@dataclass(frozen=True, slots=True)
class Taken:
    """Statements as they are to be stored, and what is to be done because of them."""

    statements: tuple[Statement, ...]
    decisions: tuple[Decision, ...]


class Believed:
    """What one tenant believes, as far as it was read, as it will be after the decisions so far."""

    def __init__(
        self, ledger: LedgerReads, tenant: str, types: RelationTypes, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._tenant = tenant
        self._types = types
        self._clock = clock
        self._said: dict[str, Statement] = {}
        self._facts: dict[str, Fact] = {}
        """Present and retired, in their last version."""
        self._edits: dict[str, Edit] = {}
        self._merged: dict[str, str] = {}
        self._resolved: dict[str, str | None] = {}
        """Merges that were made, or undone, here."""
        self._read: set[Cell] = set()
        self._seen: dict[str, Statement] = {}
        """Statements as they read with the merges."""
        self._by_cell: dict[Cell, set[str]] = {}
        self._resting: dict[str, set[str]] = {}
        """Statement id -> ids of the facts that rest, or rested, on it."""
        self._loose: dict[Cell, set[str]] = {}
        """Facts that rested on what was dropped from a cell."""

    # What comes and goes

    async def take(self, new: Sequence[Statement], *, fresh: Collection[str] = ()) -> Taken:
        """Take statements in. ``fresh`` are entities that nothing was ever said of."""
        await self.expect(new)
        keyed = [await self._known_sentence(s, fresh) for s in new]
        for statement in keyed:
            self._said[statement.id] = statement
        self._view(keyed)
        return Taken(tuple(keyed), tuple(await self._settle(self._cells(s.id for s in keyed))))

    async def drop(self, ids: Iterable[str]) -> list[Decision]:
        """What is to be done when these statements count no more; they have been read."""
        gone = [id for id in ids if id in self._said]
        touched = self._cells(gone)
        await self._read_cells(touched)
        for id in gone:
            for cell in self._cells([id]):
                self._loose.setdefault(cell, set()).update(self._resting.get(id, ()))
                self._by_cell[cell].discard(id)
            del self._said[id], self._seen[id]
        return await self._settle(touched)

    async def lay(self, edit: Edit) -> list[Decision]:
        """What is to be done about an edit by hand, or another state of it; its statements have
        been read."""
        self._edits[edit.id] = edit
        return await self._settle(self._cells(edit.statement_ids))

    async def lift(self, edit: Edit) -> list[Decision]:
        """What is to be done when an edit counts no more."""
        self._edits.pop(edit.id, None)
        return await self._settle(self._cells(edit.statement_ids))

    async def see(self, merged: Mapping[str, str | None]) -> list[Decision]:
        """What is to be done when these entities stand for those (None: for themselves); what is
        said of any of them has been read."""
        touched = self._cells(self._said)
        for id, into in merged.items():
            self._resolved[id] = into
            self._resolved |= {other: into for other, one in self._merged.items() if one == id}
        self._resolved |= merged
        self._merge({})
        self._view(self._said.values(), anew=True)
        return await self._settle(list(dict.fromkeys([*touched, *self._cells(self._said)])))

    async def anew(self, query: StatementQuery) -> list[Decision]:
        """What is to be done about what a query finds, whose types behave otherwise than before."""
        await self.load(query)
        asked: set[str] = set()
        # A fact may rest on what was one type with theirs before.
        while more := self._unread() - asked:
            asked |= more
            await self.load(StatementQuery(self._tenant, statement_ids=tuple(sorted(more))))
        return await self._settle(self._cells(self._said))

    def _unread(self) -> set[str]:
        """What present facts rest on that was not read."""
        present = [fact for fact in self._facts.values() if fact.retired_at is None]
        return {id for f in present for id in held(f).belief.statement_ids} - set(self._said)

    def _merge(self, told: Mapping[str, str]) -> bool:
        """Learn which entities stand for others, unless that was settled here; whether any do."""
        before = dict(self._merged)
        self._merged = {
            id: into
            for id, into in {**before, **told, **self._resolved}.items()
            if into is not None
        }
        return self._merged != before

    # Reading

    async def load(self, query: StatementQuery) -> list[Statement]:
        """Read what a query finds, and all that can touch it."""
        told = await self._ledger.statements(query)
        self._learn(told)
        await self._read_cells(self._cells(s.id for s in told.statements))
        return list(told.statements)

    async def read_sentences(self, texts: Iterable[str]) -> None:
        """Read, in one go, what these plain sentences are going to touch."""
        await self._read_cells({("", text_key(text)) for text in texts})

    async def recall(self, query: StatementQuery) -> tuple[Statement, ...]:
        """What once counted, with the facts and edits that it had: to be taken in again."""
        told = await self._ledger.statements(query)
        self._learn(replace(told, statements=()))
        return told.statements

    async def expect(self, statements: Iterable[Statement]) -> None:
        """Read, in one go, what these are going to touch."""
        seen = self._types.read(statements)
        wanted = {cell for s in seen for cell in cells(s, self._types.shape(s.type))}
        await self._read_cells(wanted)

    async def _read_cells(self, wanted: Collection[Cell]) -> None:
        """Read these cells; of mutual single-valued relations all that hang together."""
        todo = set(wanted) - self._read
        while todo:
            self._read |= todo
            query = StatementQuery(
                self._tenant,
                places=tuple(sorted({p for c in todo for p in self._places(c)}, key=repr)),
                sentences=tuple(sorted(cell[1] for cell in todo if not cell[0])),
            )
            told = await self._ledger.statements(query)
            self._learn(told)
            linked = (s.id for s in told.statements if self._chained(s.id))
            todo = set(self._cells(linked)) - self._read

    def _chained(self, id: str) -> bool:
        seen = self._seen.get(id)
        shape = self._types.shape(seen.type if seen else None)
        return shape.functional and shape.symmetric

    def _places(self, cell: Cell) -> Iterator[Place]:
        type, *ends = cell
        if not type:
            return
        symmetric = self._types.symmetric(type)
        for form in self._types.forms(type):
            # Turned, one about no object is still about its subject.
            both = symmetric or form.turned
            if len(ends) == 1 or not ends[1]:
                yield form.type, ends[0], None
                if both:
                    yield form.type, None, ends[0]
                continue
            yield form.type, ends[0], ends[1]
            if both:
                yield form.type, ends[1], ends[0]
            if ends[1].startswith("="):
                yield form.type, ends[0], "=" + loose_key(ends[1][1:])  # of an older ledger

    def _learn(self, told: Told) -> None:
        """Take in what was read; what was decided since it was stored stays."""
        self._edits |= {e.id: e for e in told.edits if e.id not in self._edits}
        for fact in told.facts:
            if fact.id not in self._facts:
                self._rest(fact)
        anew = self._merge(told.merged)
        new = [s for s in told.statements if s.id not in self._said]
        self._said |= {s.id: s for s in new}
        self._view(self._said.values() if anew else new, anew=anew)

    def _rest(self, fact: Fact) -> None:
        self._facts[fact.id] = fact
        for id in held(fact).belief.statement_ids:
            self._resting.setdefault(id, set()).add(fact.id)

    def _view(self, statements: Iterable[Statement], *, anew: bool = False) -> None:
        """See statements with the merges and what stands for what, and file them by cell."""
        if anew:
            self._seen.clear()
            self._by_cell.clear()
        for seen in with_merges(self._types.read(statements), self._merged):
            self._seen[seen.id] = seen
            for cell in cells(seen, self._types.shape(seen.type)):
                self._by_cell.setdefault(cell, set()).add(seen.id)

    def _cells(self, ids: Iterable[str]) -> list[Cell]:
        """The cells of these statements, in their order."""
        found = (
            cell
            for id in ids
            if (seen := self._seen.get(id)) is not None
            for cell in cells(seen, self._types.shape(seen.type))
        )
        return list(dict.fromkeys(found))

    # Deciding

    async def _settle(self, touched: Sequence[Cell]) -> list[Decision]:
        """Fold what hangs together with these cells, and say what changes."""
        await self._read_cells(touched)
        groups = self._groups(touched)
        within = {id for group in groups for id in group}
        edits = [e for e in self._edits.values() if not within.isdisjoint(e.statement_ids)]
        folded = joined(self._fold(group, edits) for group in groups)
        facts = self._at_stake(within, touched)
        present = {fact.id: fact for fact in facts if fact.retired_at is None}
        steps = reconcile(
            map(held, present.values()),
            folded,
            self._clock.new_id,
            retired=(held(fact) for fact in facts if fact.retired_at is not None),
            taken=(id for id, fact in self._facts.items() if fact.retired_at is None),
        )
        decisions: list[Decision] = []
        followed = {
            s.after.supersedes_id: s.fact_id for s in steps if s.after and s.after.supersedes_id
        }
        for step in steps:
            before = present.get(step.fact_id) if step.before is not None else None
            after = None if step.after is None else self._fact(step.after, edits)
            reason = step.reason
            if before and after and before.invalid_at != after.invalid_at and after.invalid_at:
                by = followed.get(step.fact_id)
                reason += f"; superseded by {by}" if by else ""
            decisions += self._decided(reason, before, after)
        told = {step.fact_id for step in steps}
        for id, fact in present.items():
            if id not in told and fact.statement_ids:
                decisions += self._decided("set by hand", fact, self._fact(held(fact), edits))
        self._loose.clear()
        return decisions

    def _fold(self, group: Collection[str], edits: Sequence[Edit]) -> Folded:
        own = [self._seen[id] for id in sorted(group)]
        over = [edit for edit in edits if not set(group).isdisjoint(edit.statement_ids)]
        return fold(own, self._types.shape(own[0].type), edits=over)

    def _fact(self, what: Held, edits: Sequence[Edit]) -> Fact:
        said = {id: self._seen[id] for id in what.belief.statement_ids}
        return fact_of(what, said, edits, self._facts.get(what.fact_id), self._clock.now())

    def _decided(self, reason: str, before: Fact | None, after: Fact | None) -> list[Decision]:
        if before == after:
            return []
        if before is not None and after is not None and _longer(before, after):
            reason += "; kept for longer"
        action = action_of(before, after)
        if after is not None and action == "UPDATE":
            after = replace(after, version=after.version + 1)
        if after is not None:
            self._rest(after)
        elif before is not None:
            self._rest(replace(before, retired_at=self._clock.now()))
        return [Decision(action, reason, before, after)]

    def _at_stake(self, within: Collection[str], touched: Sequence[Cell]) -> list[Fact]:
        """Facts, present or retired, that rest on these statements, or rested on what was dropped
        here and rest on nothing else."""
        ids = {fact for id in within for fact in self._resting.get(id, ())}
        loose = {fact for cell in touched for fact in self._loose.get(cell, ())}
        found = []
        for id in sorted(ids | loose):
            own = set(held(self._facts[id]).belief.statement_ids)
            alone = id in loose and own.isdisjoint(self._seen)
            if alone or not own.isdisjoint(within):
                found.append(self._facts[id])
        return found

    def _groups(self, touched: Sequence[Cell]) -> list[set[str]]:
        """The statements by way of these cells, those that can touch each other together."""
        groups: list[set[str]] = []
        for cell in touched:
            if self._joined(cell, groups):
                continue
            group = self._group(cell)
            if not group:
                continue
            for other in [g for g in groups if not g.isdisjoint(group)]:
                groups.remove(other)
                group |= other
            groups.append(group)
        return groups

    def _joined(self, cell: Cell, groups: Sequence[set[str]]) -> bool:
        """Whether a cell of a mutual single-valued relation hangs together with one before it."""
        shape = self._types.shape(cell[0] or None)
        if not (shape.functional and shape.symmetric):
            return False
        own = self._by_cell.get(cell, set())
        return any(own <= group for group in groups)

    def _group(self, cell: Cell) -> set[str]:
        type = cell[0]
        shape = self._types.shape(type or None)
        found = set(self._by_cell.get(cell, ()))
        if type and not shape.functional:
            if not cell[2]:
                return found | self._all_of(type, cell[1])
            for end in cell[1:] if shape.symmetric else cell[1:2]:
                found |= self._by_cell.get((type, end, ""), set())
        elif type and shape.symmetric:
            todo, near, new = {cell}, set[Cell](), set(found)
            while todo:
                near |= todo
                new |= {id for one in todo for id in self._by_cell.get(one, ())} - found
                found |= new
                todo, new = set(self._cells(new)) - near, set()
        return found

    def _all_of(self, type: str, end: str) -> set[str]:
        """Every object of a subject and type, for what speaks of them all."""
        symmetric = self._types.symmetric(type)
        return {
            id
            for cell, ids in self._by_cell.items()
            if cell[0] == type and (cell[1] == end or (symmetric and end in cell[1:]))
            for id in ids
        }

    # Sentences that are nearly the same

    async def _known_sentence(self, said: Statement, fresh: Collection[str]) -> Statement:
        """The statement with the key of the known sentence that it repeats, if it does."""
        if said.type is not None:
            return said
        key = sentence_key(said)
        if self._by_cell.get(("", key)):
            return said
        known = [f for f in self._plain_facts(said) if text_key(f.text) == key]
        known = known or await self._near(said, fresh)
        for fact in known:
            await self._read_cells({("", text_key(fact.text))})
            for id in held(fact).belief.statement_ids:
                if id in self._seen and self._seen[id].type is None:
                    return replace(said, key=sentence_key(self._seen[id]))
        return said

    def _plain_facts(self, said: Statement) -> list[Fact]:
        return [
            fact
            for fact in self._facts.values()
            if fact.type is None and fact.retired_at is None and fact.modality == said.modality
        ]

    async def _near(self, said: Statement, fresh: Collection[str]) -> list[Fact]:
        about = set(said.entity_ids)
        if not about:
            return []
        stored: list[Fact] = []
        if about.isdisjoint(fresh):
            query = FactQuery(
                self._tenant, entity_ids=said.entity_ids, newest_first=True, limit=_LOOK_BACK
            )
            stored = await self._ledger.facts(query)
        here = self._plain_facts(said)
        stored = [f for f in stored if f.id not in self._facts and f.type is None]
        return [
            fact
            for fact in (*here, *stored)
            if set(fact.entity_ids) == about
            and fact.modality == said.modality
            and same_sentence(fact.text, said.text)
        ]


def _longer(before: Fact, after: Fact) -> bool:
    ends = before.expires_at, after.expires_at
    return ends[0] is not None and (ends[1] is None or ends[1] > ends[0])
