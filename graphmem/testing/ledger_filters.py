"""The contract of a ledger about filters: a part of its contract suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

from graphmem.clock import stamp
from graphmem.filters import Where, matches, parse_filter
from graphmem.filters.records import entity_record, fact_record
from graphmem.filters.tree import FALSE, TRUE, Test
from graphmem.model import Decision, Entity, Episode, Fact, Scope, Turn
from graphmem.ports.ledger import EntityQuery, FactQuery, Ledger
from graphmem.testing import filters
from graphmem.testing.ledger_draft import ADA, BOB, commit_one, new_facts
from graphmem.testing.vector_points import uid

_FACTS = 50
_FILTERS = 100


def _episodes(scope: Scope) -> list[Episode]:
    return [
        Episode(
            id=id,
            scope=scope,
            content=f"content {id}",
            kind=kind,  # type: ignore[arg-type]
            content_hash=id,
            occurred_at=filters.START,
            recorded_at=filters.START,
            turns=(Turn(turn, id, 0, "words", speaker=speaker),),
        )
        for id, turn, kind, speaker in zip(
            filters.EPISODES, filters.TURNS, filters.KINDS, filters.SPEAKERS, strict=True
        )
    ]


async def fill(ledger: Ledger, random: Random, count: int = _FACTS) -> list[Fact]:
    """Store sample facts; every fifth is another owner's. Gives them as they are stored."""
    await ledger.journal(_episodes(ADA), 0.0)
    entities = tuple(Entity(id, ADA.tenant, f"name {id}", "thing") for id in filters.ENTITIES)
    await commit_one(ledger, None, new_entities=entities, tenant=ADA.tenant)
    made = []
    for number in range(1, count + 1):
        fact = filters.filterable_fact(random, number, ADA if number % 5 else BOB)
        of = {"tenant": fact.scope.tenant, "at": fact.recorded_at}
        await commit_one(ledger, None, *new_facts(fact), **of)
        made.append(fact)
    return made


def passing(facts: list[Fact], where: Where, scope: Scope = ADA) -> list[str]:
    """The ids of those that pass, in order, by plain evaluation."""
    return sorted(
        fact.id
        for fact in facts
        if fact.scope.tenant == scope.tenant
        and matches(where, fact_record(fact, **filters.origins(fact)))
    )


class LedgerFilters:
    """Filters mean what :func:`~graphmem.filters.matches` says, and never widen a scope."""

    async def test_filters_mean_the_same_as_in_python(self, ledger: Ledger) -> None:
        random = Random(6)
        facts = await fill(ledger, random)
        for tree in [TRUE, FALSE, *(filters.where(random) for _ in range(_FILTERS))]:
            found = await ledger.facts(FactQuery(ADA.tenant, where=tree))
            assert [fact.id for fact in found] == passing(facts, tree), tree
        for tree in (filters.where(random) for _ in range(_FILTERS // 5)):
            found = await ledger.facts(FactQuery(BOB.tenant, where=tree))
            assert [fact.id for fact in found] == passing(facts, tree, BOB), tree

    async def test_filtered_pages_are_whole_and_in_order(self, ledger: Ledger) -> None:
        random = Random(8)
        facts = await fill(ledger, random)
        texts = ["type in (works_at, knows)", f"about = {filters.ENTITIES[0]}", "tag exists",
                 f"episode in ({filters.EPISODES[0]}, {filters.EPISODES[1]})",
                 f"not subject = {filters.ENTITIES[1]}"]  # fmt: skip
        for text in texts:
            where = parse_filter(text)
            assert where is not None
            for newest in (False, True):
                pages: list[str] = []
                while True:
                    after = pages[-1] if pages else None
                    query = FactQuery(
                        ADA.tenant, where=where, after=after, limit=4, newest_first=newest
                    )
                    page = await ledger.facts(query)
                    pages += [fact.id for fact in page]
                    if len(page) < 4:
                        break
                assert pages == sorted(passing(facts, where), reverse=newest)

    async def test_filters_go_with_every_way_in(self, ledger: Ledger) -> None:
        random = Random(9)
        facts = await fill(ledger, random)
        one, two = filters.ENTITIES[:2]
        late = stamp(filters.START + timedelta(days=200))
        where = Test("occurred_at", "lt", (late,))
        ways: list[tuple[FactQuery, Callable[[Fact], object]]] = [
            (FactQuery(ADA.tenant, ids=tuple(f.id for f in facts)), lambda f: True),
            (FactQuery(ADA.tenant, entity_ids=(one, two)), lambda f: {one, two} & {*f.entity_ids}),
            (FactQuery(ADA.tenant, relation=(one, None, None)), lambda f: f.subject_id == one),
            (FactQuery(ADA.tenant, relation=(None, "knows", None)), lambda f: f.type == "knows"),
            (
                FactQuery(ADA.tenant, source_episode=filters.EPISODES[0]),
                lambda f: any(s.episode_id == filters.EPISODES[0] for s in f.sources),
            ),
        ]
        for query, inside in ways:
            found = await ledger.facts(replace(query, where=where))
            expected = passing([fact for fact in facts if inside(fact)], where)
            assert [fact.id for fact in found] == expected
            assert expected

    async def test_a_filter_reads_what_was_believed_then(self, ledger: Ledger) -> None:
        (fact,) = await fill(ledger, Random(10), 1)
        later = fact.recorded_at + timedelta(days=1)
        new = replace(fact, tags=("new",), metadata={"n": 2})
        decision = Decision("UPDATE", "by hand", before=fact, after=new)
        await commit_one(ledger, None, decision, tenant=ADA.tenant, at=later)
        for tree, now, then in (
            (Test("tag", "in", ("new",)), True, False),
            (Test("metadata", "gte", (2,), ("n",)), True, False),
            (Test("recorded_at", "lt", (stamp(later),)), False, True),
        ):
            query = FactQuery(ADA.tenant, where=tree)
            assert bool(await ledger.facts(query)) is now
            old = replace(query, known_at=fact.recorded_at + timedelta(hours=1))
            assert bool(await ledger.facts(old)) is then

    async def test_odd_metadata_is_found(self, ledger: Ledger) -> None:
        odd = {"a'b": "'; --", "%s": "100 %", ":x": "\\", "list": [{"n": 1}, [2], 3], "nul": "a\0b"}
        fact = replace(filters.filterable_fact(Random(11), 1, ADA), metadata=odd)
        await ledger.journal(_episodes(ADA), 0.0)
        await commit_one(ledger, None, *new_facts(fact), tenant=ADA.tenant)
        for key, value, there in (
            ("a'b", "'; --", True), ("%s", "100 %", True), (":x", "\\", True), ("list", 3, True),
            ("list", 2, False), ("n", 1, False),
        ):  # fmt: skip
            tree = Test("metadata", "in", (value,), (key,))
            assert bool(await ledger.facts(FactQuery(ADA.tenant, where=tree))) is there
            assert matches(tree, fact_record(fact)) is there

    async def test_entities_are_filtered_alike(self, ledger: Ledger) -> None:
        entities = [
            Entity(uid(1), ADA.tenant, "Robert Stone", "person", ("Bob",), None,
                   filters.START),
            Entity(uid(2), ADA.tenant, "Acme 100% GmbH", "organization"),
            Entity(uid(3), BOB.tenant, "Bob", "person"),
        ]  # fmt: skip
        for entity in entities:
            await commit_one(ledger, None, new_entities=(entity,), tenant=entity.tenant)
        for text in (
            "name = Bob", 'name contains "st"', "name contains robert", 'name contains "100"',
            'name contains "%"', "kind = person", "not kind = person", "name = acme",
            "recorded_at < 2025", "recorded_at exists or kind in (organization, place)",
        ):  # fmt: skip
            tree = parse_filter(text, "entities")
            assert tree is not None
            found = await ledger.entities(EntityQuery(ADA.tenant, where=tree))
            expected = [e.id for e in entities[:2] if matches(tree, entity_record(e))]
            assert sorted(e.id for e in found) == expected, text
