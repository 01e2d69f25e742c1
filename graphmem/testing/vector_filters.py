"""The contract of a vector store about filters: a part of its contract suite."""

from __future__ import annotations

from random import Random

from graphmem.clock import stamp_or_none
from graphmem.filters import Where, matches
from graphmem.filters.records import fact_record
from graphmem.filters.tree import FALSE, TRUE, known
from graphmem.ports.vectors import Only, Point, VectorQuery, VectorStore
from graphmem.testing import filters
from graphmem.testing.vector_points import OTHER, TENANT, check_hits, expected_scores, put, unit

_POINTS = 50
_FILTERS = 80
_MOMENT = "2024-06-01T00:00:00.000000Z"
_WHEN: tuple[tuple[str | None, bool], ...] = ((None, False), (_MOMENT, False), (_MOMENT, True))


def _where(random: Random) -> Where:
    """What a hit is, the collection says."""
    return known(filters.where(random), kind=("fact",))


def points(random: Random, count: int = _POINTS) -> list[Point]:
    """Sample facts as points, some of them in another tenant."""
    made = []
    for number in range(1, count + 1):
        fact = filters.filterable_fact(random, number)
        made.append(
            Point(
                id=fact.id,
                tenant=TENANT if number % 5 else OTHER,
                text=fact.text,
                dense=unit(number),
                agent_ids=fact.agent_ids,
                run_ids=fact.run_ids,
                invalid_at=stamp_or_none(fact.invalid_at),
                expires_at=stamp_or_none(fact.expires_at),
                archived_at=stamp_or_none(fact.archived_at),
                fields=fact_record(fact, **filters.origins(fact)),
            )
        )
    return made


class VectorFilters:
    """Filters mean what :func:`~graphmem.filters.matches` says, and never widen a scope."""

    async def test_filters_mean_the_same_as_in_python(self, store: VectorStore) -> None:
        random = Random(6)
        stored_points = points(random)
        await store.apply(put(*stored_points), 1)
        for tree in [TRUE, FALSE, *(_where(random) for _ in range(_FILTERS))]:
            only = Only(TENANT, where=tree)
            dense = VectorQuery("facts", only, 5, dense=unit(1000))
            text = VectorQuery("facts", only, 100, text="words")
            found = await store.search([dense, text])
            check_hits(found[0], expected_scores(stored_points, dense), 5)
            passing = {
                p.id for p in stored_points if p.tenant == TENANT and matches(tree, p.fields)
            }
            assert {hit.id for hit in found[1]} == passing, tree

    async def test_filters_narrow_on_top_of_scope_and_ends(self, store: VectorStore) -> None:
        random = Random(7)
        stored_points = points(random)
        await store.apply(put(*stored_points), 1)
        for _ in range(_FILTERS // 4):
            ended_by, past = random.choice(_WHEN)
            only = Only(
                random.choice([TENANT, OTHER]),
                agent_id=random.choice([None, "bot"]),
                run_id=random.choice([None, "run 1"]),
                ended_by=ended_by,
                past=past,
                where=_where(random),
            )
            query = VectorQuery("facts", only, 100, text="words")
            check_hits((await store.search([query]))[0], expected_scores(stored_points, query), 100)
