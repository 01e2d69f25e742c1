"""Resolves candidate entities to known or new ones. Reads the ledger, writes nothing.

A name is known if it, or an alias, is spelled alike up to case, accents, punctuation, a leading
article, a title (``Dr``), a legal form (``GmbH``) or the space in ``Face Book``, and the kinds
agree. Persons are also known by a short form or an initial with the surname (``Bob Stone``,
``J. Smith``), if only one fits; and by a part of the name (``John``), if the context points to one:
who or what else is named with it, now and before. If several fit equally, it becomes an entity of
its own, with the reason (:class:`~graphmem.resolve.matching.Choice`), unless a model was asked
(:class:`~graphmem.resolve.matching.NameAmbiguity`) and knows which. "Another John" is always
another.

The ledger is read by keys and ids only, with a bounded number of rows for so many names: the cost
of a write does not grow with what is stored, nor that of a name with how many its episode has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from graphmem.clock import Clock
from graphmem.model import Entity, Episode
from graphmem.off_loop import stop_if_given_up
from graphmem.ports.ledger import EntityQuery, FactQuery
from graphmem.ports.llm import CandidateEntity, Extraction
from graphmem.resolve.episode_wording import EpisodeWording
from graphmem.resolve.matching import (
    LIKENESS,
    NEVER_NAMED,
    NONE_OF_THEM,
    THE_MODEL_CHOSE,
    VAGUE,
    Choice,
    Match,
    NameAmbiguity,
    Resolution,
    alike,
    is_part,
    kinds_agree,
    likeness,
    may_be_person,
    new_entity,
    new_names,
    personal,
    sought_keys,
    written_as_name,
    written_case,
)
from graphmem.resolve.roles import EntityReads, Roles, owner_and_role
from graphmem.text import core_words, name_hints, name_key, name_keys

_MOST_ALIKE = 50  # entities of a loose key; one with that many is not used
_MOST_READ = 1000
_READ_AT_ONCE = 500  # keys; those of one query share _MOST_READ rows
_MOST_WEIGHED = 8  # entities whose newest facts are read for one name
_LOOK_BACK = 32  # newest facts that show what an entity is named with
_SEVERAL = "several fit equally"
_PART_ONLY = "only a part of the name is the same, and nothing else"
_AMBIGUOUS = frozenset({_SEVERAL, _PART_ONLY})
"""Reasons why a name was resolved to no known entity, about which a model can be asked."""


async def resolve(
    extraction: Extraction,
    episode: Episode,
    ledger: EntityReads,
    clock: Clock,
    *,
    chosen: Mapping[str, str] | None = None,
) -> Resolution:
    """Resolve every name that the extraction uses to a known entity, or make a new one.

    ``chosen``: by name key, the id of the entity that an ambiguous name means (``""``: none of
    those known). Other names ignore it.
    """
    wording = EpisodeWording(episode, extraction)
    candidates = wording.candidates
    then = FactQuery(episode.scope.tenant, current=episode.occurred_at, stated_only=True)
    roles = Roles(ledger, then)
    work = _Resolver(episode, ledger, clock, chosen or {}, wording, roles)
    await work.look_up(candidates)
    # Fuller names first, so that "John" finds the John Smith of the same episode.
    for candidate in sorted(candidates, key=lambda c: -len(core_words(c.name))):
        stop_if_given_up()
        await work.place(candidate)
    return work.result()


@dataclass(slots=True)
class _Resolver:
    episode: Episode
    ledger: EntityReads
    clock: Clock
    chosen: Mapping[str, str]
    wording: EpisodeWording
    roles: Roles
    entities: dict[str, Entity] = field(default_factory=dict)
    """By id: read from the ledger, or new in this episode, in their present state."""
    filed: dict[str, list[str]] = field(default_factory=dict)
    """Ids by name key and hint, the oldest first."""
    new: dict[str, None] = field(default_factory=dict)
    changed: dict[str, None] = field(default_factory=dict)
    placed: dict[str, str] = field(default_factory=dict)
    """Name key -> entity id, for the names of this episode."""
    owners: set[str] = field(default_factory=set)
    """The ids of the speakers, and of the user whose memory it is. They are named with everything,
    so as context they count only where nothing else does."""
    named: set[str] = field(default_factory=set)
    """The ids of the entities that this episode names, as resolved so far."""
    choices: list[Choice] = field(default_factory=list)
    ambiguities: list[NameAmbiguity] = field(default_factory=list)
    surroundings: dict[str, tuple[frozenset[str], datetime]] = field(default_factory=dict)

    async def look_up(self, candidates: Sequence[CandidateEntity]) -> None:
        """Read the entities that the names may mean: by their keys and their hints."""
        names = [n for c in candidates for n in (c.name, *c.aliases)]
        keys = {key for name in names for key in name_keys(name)} | self.wording.owner_keys
        keys.update(self.wording.role_keys)
        hints = {h for c in candidates if may_be_person(c) for h in sought_keys(c.name)}
        wanted = sorted(keys | hints)
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = wanted[start : start + _READ_AT_ONCE]
            if await self._read(some) >= _MOST_READ:  # one hint with many may have used up the rows
                await self._read(keys.intersection(some))
                for hint in sorted(hints.intersection(some)):
                    await self._read({hint}, limit=_MOST_ALIKE)

    async def _read(self, keys: Collection[str], *, limit: int = _MOST_READ) -> int:
        query = EntityQuery(self.episode.scope.tenant, keys=tuple(sorted(keys)), limit=limit)
        found = await self.ledger.entities(query)
        for entity in sorted(found, key=lambda e: e.id):
            if entity.id not in self.entities:
                self._file(entity)
        return len(found)

    def _file(self, entity: Entity) -> None:
        self.entities[entity.id] = entity
        names = (entity.name, *entity.aliases)
        for key in {k for n in names for k in (*name_keys(n), *name_hints(n))}:
            ids = self.filed.setdefault(key, [])
            place = bisect_left(ids, entity.id)
            if place == len(ids) or ids[place] != entity.id:
                ids.insert(place, entity.id)
            if key in self.wording.owner_keys:
                self.owners.add(entity.id)

    async def place(self, candidate: CandidateEntity) -> None:
        """Find or make the entity that the candidate means."""
        key = name_key(candidate.name)
        if key in self.placed:
            self._enrich(self.entities[self.placed[key]], candidate, learn=True)
            return
        if (mine := self._owner_of(candidate)) is not None:
            self.placed[key] = mine.id
            self.named.add(mine.id)
            self._enrich(mine, candidate, learn=True)
            return
        matches = self._matches(candidate)
        chosen, reason = await self._choose(candidate, matches)
        if reason in _AMBIGUOUS:
            chosen, reason = self._settled(candidate, matches, reason)
        others = tuple(m.entity.id for m in matches if m.entity is not chosen)
        learn = True
        if chosen is None and not matches:
            chosen = await self._by_role(candidate)
            reason = "by what they are to somebody" if chosen is not None else ""
        if chosen is None:
            chosen = self._make(candidate, avoid=matches)
        elif not matches:
            self._enrich(chosen, candidate, learn=owner_and_role(candidate.name) is None)
        else:
            like = next(m.like for m in matches if m.entity is chosen)
            # A part of a name is not kept as an alias: the next "John" may be another. A speaker's
            # name is kept: people ask for the speaker by it.
            learn = like != "short" or not is_part(candidate.name) or key in self.wording.owner_keys
            self._enrich(chosen, candidate, learn=learn)
        self.placed[key] = chosen.id
        self.named.add(chosen.id)
        if reason:
            self.choices.append(Choice(candidate.name, chosen.id, reason, others))

    async def _by_role(self, candidate: CandidateEntity) -> Entity | None:
        """The entity that a role name ("Ann's gran") means; for another name, the one entity known
        only by a role name that the episode gives to the bearer of the name."""
        pair = owner_and_role(candidate.name)
        if pair is None:
            before = self._plain(self.wording.called_before(candidate))
            found = [self.entities[id] for id in before if id not in self.named]
            nameless = [one for one in found if owner_and_role(one.name) is not None]
            return nameless[0] if len(nameless) == 1 else None
        owner = self._plain([name_key(pair[0])])
        holder = await self.roles.holder(owner.pop(), pair[1]) if owner else None
        if holder is not None and holder.id not in self.entities:
            self._file(holder)
        return self.entities[holder.id] if holder is not None else None

    def _settled(
        self, candidate: CandidateEntity, matches: list[Match], reason: str
    ) -> tuple[Entity | None, str]:
        """The model's choice for an ambiguous name; without one the ambiguity is recorded."""
        answer = self.chosen.get(name_key(candidate.name))
        if answer == "":
            return None, NONE_OF_THEM
        meant = next((m.entity for m in matches if m.entity.id == answer), None)
        if meant is not None:
            return meant, THE_MODEL_CHOSE
        known = [m for m in matches if m.entity.id not in self.new]
        known.sort(key=lambda m: m.latest, reverse=True)
        known.sort(key=lambda m: (-m.shared, LIKENESS.index(m.like)))
        if known and answer is None:
            entities = tuple(m.entity for m in known[:_MOST_WEIGHED])
            self.ambiguities.append(NameAmbiguity(candidate.name, candidate.kind, entities))
        return None, reason

    def _owner_of(self, candidate: CandidateEntity) -> Entity | None:
        """The user's entity, if known and the candidate has the user's id as name or alias."""
        id = self.wording.owner_id
        if not id or id not in {name_key(name) for name in (candidate.name, *candidate.aliases)}:
            return None
        known = (self.entities[one] for one in self.filed.get(id, ()))
        return next(
            (e for e in known if id in {name_key(name) for name in (e.name, *e.aliases)}), None
        )

    def _only_whole(self, name: str) -> bool:
        """Whether no part of a name means its bearer: a user id or the like, "Zoe's husband"."""
        return name_key(name) in self.wording.own_keys or owner_and_role(name) is not None

    def _matches(self, candidate: CandidateEntity) -> list[Match]:
        """Known entities that the name, an alias or (for persons) a part of the name may mean."""
        ids: dict[str, bool] = {}
        for name in (candidate.name, *candidate.aliases):
            for key in name_keys(name):
                ids |= {id: True for id in self.filed.get(key, ()) if id not in ids}
        if may_be_person(candidate):
            for hint in sought_keys(candidate.name):
                own = self.filed.get(hint, ())
                if len(own) < _MOST_ALIKE:
                    ids |= {id: False for id in own if id not in ids}
        person = written_as_name(candidate.name) and (
            personal(candidate.name, candidate.kind) or self.wording.acts_as_person(candidate)
        )
        related = self.wording.related(candidate, self.placed) if ids else set()
        matches = []
        for id, exact in ids.items():
            entity = self.entities[id]
            if id in related or not kinds_agree(entity.kind, candidate.kind):
                continue
            if exact:
                matches.append(alike(entity, candidate))
            elif any(map(self._only_whole, (entity.name, candidate.name))):
                continue
            elif written_as_name(entity.name) and (personal(entity.name, entity.kind) or person):
                like = likeness(entity.name, candidate.name)
                wording = self.wording
                apart = wording.names_apart(entity, candidate)
                if like != "no" and not (apart or wording.introduces_another(entity, candidate)):
                    matches.append(Match(entity, like, by_alias=False))
        return sorted(matches, key=lambda m: m.entity.id)

    async def _choose(
        self, candidate: CandidateEntity, matches: list[Match]
    ) -> tuple[Entity | None, str]:
        """The entity meant, None if it cannot be told; and the reason where that is not plain."""
        if not matches:
            return None, ""
        if self.wording.calls_another(candidate.name):
            return None, "said to be another of that name"
        same = [m for m in matches if m.like == "same"]
        named = [m for m in same if not m.by_alias]
        full = [m for m in matches if m.like == "full"]
        part = is_part(candidate.name)
        plain = named or same
        if len(plain) == 1 and (not part or len(matches) == 1):
            other = await self._common_noun(candidate, plain[0])
            return (None, "written as a word of its own") if other else (plain[0].entity, "")
        here = [m for m in matches if m.entity.id in self.named]
        if not same and len(here) == 1:
            return here[0].entity, "the only one like it in the same episode"
        if not same and not here and len(full) == 1 and self.wording.acts_as_person(candidate):
            return full[0].entity, "a short form, an initial or a middle name apart"
        return await self._by_context(candidate, matches, named)

    async def _by_context(
        self, candidate: CandidateEntity, matches: list[Match], named: list[Match]
    ) -> tuple[Entity | None, str]:
        """Choose among several, or where only a part of the name is the same: the entity that was
        named with most of what is named here; of those, the one named last."""
        weighed = sorted(matches, key=lambda m: LIKENESS.index(m.like))[:_MOST_WEIGHED]
        for match in weighed:
            await self._weigh(match, candidate)
        best = max(weighed, key=lambda m: (m.shared, m.owner, m.latest))
        rivals = [m for m in weighed if m is not best and m.shared == best.shared]
        if best.shared and all(m.latest < best.latest for m in rivals):
            return best.entity, "named with the same as before"
        if len(named) == 1:
            return named[0].entity, "the only one of just that name"
        if len(weighed) > 1:
            return None, _SEVERAL
        if best.like == "same":
            return best.entity, "the only one like it"
        if is_part(candidate.name) and (best.owner or self.wording.acts_as_person(candidate)):
            return best.entity, "the only one whose name has that part"
        return None, _PART_ONLY

    async def _weigh(self, match: Match, candidate: CandidateEntity) -> None:
        """Count what the entity was named with that the candidate's context has, but for owners."""
        around, match.latest = await self._surroundings(match.entity.id)
        context = self._context(candidate)
        shared = (id for id in around if id in context and id not in self.owners)
        match.shared = sum(id != match.entity.id for id in shared)
        match.owner = not self.owners.isdisjoint(around)

    def _context(self, candidate: CandidateEntity) -> set[str]:
        """Ids of the entities in a fact with the name; if there are none, of all in the episode."""
        return self._plain(self.wording.named_with(candidate)) or self.named

    def _plain(self, keys: Iterable[str]) -> set[str]:
        """Ids of the entities that name keys plainly mean: resolved, or the only one filed."""
        found = set()
        for key in keys:
            ids = self.filed.get(key, [])
            id = self.placed.get(key) or (ids[0] if len(ids) == 1 else None)
            if id is not None:
                found.add(id)
        return found

    async def _surroundings(self, id: str) -> tuple[frozenset[str], datetime]:
        """The ids of what an entity was named with in its newest facts, and when last."""
        if id not in self.surroundings:
            query = FactQuery(
                self.episode.scope.tenant, entity_ids=(id,), newest_first=True, limit=_LOOK_BACK
            )
            facts = await self.ledger.facts(query) if id not in self.new else []
            around = frozenset(e for fact in facts for e in fact.entity_ids if e != id)
            stated = [fact.stated_at or fact.recorded_at for fact in facts]
            self.surroundings[id] = (around, max(stated, default=NEVER_NAMED))
        return self.surroundings[id]

    async def _common_noun(self, candidate: CandidateEntity, match: Match) -> bool:
        """Whether a single word of unknown kind is a common noun and not the known name: it has
        another case (``Buffalo`` and ``buffalo``, ``SAM`` and ``Sam``) in a text that has both
        cases, and nothing named with both suggests that they are one."""
        name, entity = candidate.name.strip("\"'“”‘’"), match.entity
        if {candidate.kind or VAGUE, entity.kind} != {VAGUE} or not is_part(name):
            return False
        if written_case(name) == written_case(entity.name) or entity.id in self.named:
            return False
        if not self.wording.writes(name):
            return False
        await self._weigh(match, candidate)
        return not match.shared and not match.owner

    def _make(self, candidate: CandidateEntity, *, avoid: Sequence[Match]) -> Entity:
        entity = new_entity(candidate, avoid, self.clock, self.episode.scope.tenant)
        self.new[entity.id] = None
        self._file(entity)
        return entity

    def _enrich(self, known: Entity, candidate: CandidateEntity, *, learn: bool) -> None:
        """Add what the candidate says: aliases, a more exact kind, a better spelling."""
        name = " ".join(candidate.name.split())
        named = (name, *candidate.aliases) if learn else candidate.aliases
        aliases = new_names((known.name, *known.aliases), named)
        kind = candidate.kind if known.kind == VAGUE and candidate.kind else known.kind
        # A user id is often in lower case; a speaker's name shows the real spelling.
        better = (
            known.name.islower() and not name.islower() and name_key(name) == name_key(known.name)
        )
        called = name_key(known.name) == self.wording.owner_id != name_key(name)
        nameless = learn and owner_and_role(known.name) and not owner_and_role(name)
        if (called and candidate.kind == "person") or nameless:  # "My name is …"
            better, aliases = True, (*new_names((name,), (known.name,)), *aliases)
            aliases = tuple(one for one in aliases if name_key(one) != name_key(name))
        if aliases or better or kind != known.kind:
            known = replace(
                known,
                name=name if better else known.name,
                aliases=(*known.aliases, *aliases),
                kind=kind,
            )
            if known.id not in self.new:
                self.changed[known.id] = None
            self._file(known)

    def result(self) -> Resolution:
        by_key = {key: self.entities[id] for key, id in self.placed.items()}
        for id in self.placed.values():
            entity = self.entities[id]
            for name in (entity.name, *entity.aliases):
                by_key.setdefault(name_key(name), entity)
        return Resolution(
            by_key,
            tuple(self.entities[id] for id in self.new),
            tuple(self.entities[id] for id in self.changed),
            tuple(self.choices),
            tuple(self.ambiguities),
        )
