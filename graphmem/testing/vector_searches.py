"""The contract of a vector store about searches and tenants: a part of its contract suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from graphmem.errors import UsageError
from graphmem.ports.vectors import (
    Only,
    Scored,
    VectorQuery,
    VectorStore,
)
from graphmem.testing.vector_points import (
    OTHER,
    SIZE,
    TENANT,
    check_hits,
    check_same,
    drop,
    expected_scores,
    point,
    put,
    uid,
    unit,
)


class VectorSearches(ABC):
    """What is found, in which order, with which score; and by whom."""

    @abstractmethod
    async def reopen(self, store: VectorStore) -> VectorStore:
        """Close, and open what it kept."""

    async def found(self, store: VectorStore, text: str, **only: Any) -> set[str]:
        query = VectorQuery("facts", Only(only.pop("tenant", TENANT), **only), 100, text=text)
        return {hit.id for hit in (await store.search([query]))[0]}

    async def scores(self, store: VectorStore, text: str, tenant: str = TENANT) -> list[Scored]:
        return (await store.search([VectorQuery("facts", Only(tenant), 100, text=text)]))[0]

    async def test_dense_search_is_by_cosine(self, store: VectorStore) -> None:
        points = [point(n) for n in range(1, 40)]
        await store.apply(put(*points), 1)
        for limit in (1, 5, 39, 100):
            query = VectorQuery("facts", Only(TENANT), limit, dense=unit(1000 + limit))
            check_hits((await store.search([query]))[0], expected_scores(points, query), limit)

    async def test_vectors_need_not_be_of_length_one(self, store: VectorStore) -> None:
        long = point(1, dense=unit(1) * np.float32(30))
        zero = point(2, dense=np.zeros(SIZE, dtype=np.float32))
        await store.apply(put(long, zero), 1)
        query = VectorQuery("facts", Only(TENANT), 5, dense=unit(1) * np.float32(0.01))
        check_hits((await store.search([query]))[0], {uid(1): 1.0, uid(2): 0.0}, 5)

    async def test_bm25_scores_are_qdrants(self, store: VectorStore) -> None:
        texts = ["apple pie", "apple apple tart", "an orchard of apples", "pear", "", "😀 !!!"]
        points = [point(n + 1, text) for n, text in enumerate(texts)]
        await store.apply(put(*points), 1)
        for text in ("apple", "the apple pie", "pear tart orchard", "PEARS"):
            query = VectorQuery("facts", Only(TENANT), 10, text=text)
            check_hits((await store.search([query]))[0], expected_scores(points, query), 10)

    async def test_a_query_without_a_known_word_finds_nothing(self, store: VectorStore) -> None:
        await store.apply(put(point(1, "apples"), point(2, "😀"), point(3, "")), 1)
        for text in ("", "   ", "😀", "?!", "the of a", "zyxxy", "\x00"):
            assert await self.found(store, text) == set()

    async def test_windows_are_found_apart_from_texts(self, store: VectorStore) -> None:
        points = [
            point(1, "apples", window="apples and pears"),
            point(2, "pears", window="apples and pears pears plums"),
            point(3, "plums"),
        ]
        theirs = [point(10 + n, "plums", window="plums", tenant=OTHER) for n in range(5)]
        await store.apply(put(*points, *theirs), 1)
        for words in ("pears", "plums and apples", "figs"):
            for around in (False, True):
                query = VectorQuery("facts", Only(TENANT), 10, text=words, around=around)
                check_hits((await store.search([query]))[0], expected_scores(points, query), 10)
        await store.apply(put(point(1, "apples", window="figs")), 2)
        await store.apply(drop(uid(2)), 3)
        left = [point(1, "apples", window="figs"), points[2]]
        for words in ("figs", "pears", "plums"):
            query = VectorQuery("facts", Only(TENANT), 10, text=words, around=True)
            check_hits((await store.search([query]))[0], expected_scores(left, query), 10)

    async def test_a_point_without_a_vector_is_found_by_words_only(
        self, store: VectorStore
    ) -> None:
        points = [replace(point(1, "tea"), dense=None), point(2, "tea")]
        await store.apply(put(*points), 1)
        assert await self.found(store, "tea") == {uid(1), uid(2)}
        query = VectorQuery("facts", Only(TENANT), 10, dense=unit(2))
        check_hits((await store.search([query]))[0], {uid(2): 1.0}, 10)
        await store.apply(put(replace(point(2, "tea"), dense=None)), 2)
        assert await store.search([query]) == [[]]
        again = await self.reopen(store)
        assert await again.ids("facts") == {uid(1), uid(2)}
        await again.close()

    async def test_ties_are_in_order_of_id_and_cut_there(self, store: VectorStore) -> None:
        same = unit(5)
        points = [point(n, "tied words", dense=same) for n in range(1, 61)]
        await store.apply(put(*reversed(points)), 1)
        for query in (
            VectorQuery("facts", Only(TENANT), 7, text="tied"),
            VectorQuery("facts", Only(TENANT), 7, dense=same),
        ):
            hits = (await store.search([query]))[0]
            assert [hit.id for hit in hits] == [uid(n) for n in range(1, 8)]

    async def test_a_limit_below_one_gives_nothing(self, store: VectorStore) -> None:
        await store.apply(put(point(1)), 1)
        queries = [VectorQuery("facts", Only(TENANT), n, text="words") for n in (0, -3)]
        assert await store.search(queries) == [[], []]

    async def test_a_query_is_by_one_thing(self, store: VectorStore) -> None:
        base = VectorQuery("facts", Only(TENANT), 5)
        for wrong in (
            base,
            replace(base, text="a", dense=unit(1)),
            replace(base, dense=unit(1), around=True),
            replace(base, dense=unit(1, SIZE - 1)),
            replace(base, text="a", collection="places"),  # type: ignore[arg-type]
        ):
            with pytest.raises(UsageError):
                await store.search([wrong])

    async def test_answers_come_in_the_order_of_the_queries(self, store: VectorStore) -> None:
        await store.apply(put(point(1, "apples"), point(2, "pears")), 1)
        words = ["pears", "apples", "plums", "apples"]
        queries = [VectorQuery("facts", Only(TENANT), 5, text=word) for word in words]
        answers = await store.search(queries)
        assert [[h.id for h in a] for a in answers] == [[uid(2)], [uid(1)], [], [uid(1)]]

    @pytest.mark.parametrize("field", ["invalid_at", "expires_at", "archived_at"])
    async def test_what_ended_is_left_out_to_the_microsecond(
        self, store: VectorStore, field: str
    ) -> None:
        ends = [
            "0001-01-01T00:00:00.000000Z",
            "2026-11-21T10:49:59.999999Z",
            "2026-11-21T10:50:00.000000Z",
            "2026-11-21T10:50:00.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ]
        points = [point(n + 1, **{field: end}) for n, end in enumerate(ends)] + [point(9)]
        await store.apply(put(*points), 1)
        for moment in ends:
            left = {p.id for p, end in zip(points, ends, strict=False) if end > moment} | {uid(9)}
            assert await self.found(store, "words", ended_by=moment) == left
            gone = {p.id for p in points} - left
            assert await self.found(store, "words", ended_by=moment, past=True) == gone
        assert len(await self.found(store, "words")) == 6

    async def test_the_first_of_several_ends_counts(self, store: VectorStore) -> None:
        ends = {
            "invalid_at": "2026-03-01T00:00:00.000000Z",
            "expires_at": "2026-01-01T00:00:00.000000Z",
            "archived_at": "2026-02-01T00:00:00.000000Z",
        }
        await store.apply(put(point(1, **ends)), 1)
        before, at = "2025-12-31T23:59:59.999999Z", "2026-01-01T00:00:00.000000Z"
        for end, there in ((before, {uid(1)}), (at, set())):
            assert await self.found(store, "words", ended_by=end) == there
            assert await self.found(store, "words", ended_by=end, past=True) == {uid(1)} - there

    # -- scope --

    ADVERSARIAL: ClassVar[tuple[str, ...]] = (
        "default/user:ada",
        "default/user:ada ",
        "default/user:ADA",
        "default/agent:ada",
        "default/user:ad",
        "default/user:ada/user:ada",
        "default/user:*",
        "default/user:%",
        "default/user:ada\x00",
        "default/user:ada' OR '1'='1",
        'default/user:{"match":"any"}',
        "default/user:é",
        "default/user:e\u0301",
        "default/user:null",
        "default/user:" + "x" * 800,
        "default/user:" + "x" * 801,
        "default/user:00000000-0000-0000-0000-000000000001",
        "default/user:\u202eada",
        "d/user:\U0001f600",
    )

    async def test_no_search_crosses_a_tenant(self, store: VectorStore) -> None:
        points = [
            point(n + 1, "shared secret words", tenant=tenant)
            for n, tenant in enumerate(self.ADVERSARIAL)
        ]
        await store.apply(put(*points), 1)
        for p in points:
            by_text = VectorQuery("facts", Only(p.tenant), 50, text="shared secret")
            by_vector = VectorQuery("facts", Only(p.tenant), 50, dense=unit(3))
            for hits in await store.search([by_text, by_vector]):
                assert [hit.id for hit in hits] == [p.id]
            assert await store.ids("facts", p.tenant) == {p.id}
        assert await self.found(store, "secret", tenant="default/user:nobody") == set()
        assert await store.ids("facts", "default/user:nobody") == set()

    async def test_nothing_in_another_tenant_moves_a_score(self, store: VectorStore) -> None:
        mine = [point(n, f"apple {'pear' * (n % 2)} plum{n}") for n in range(1, 20)]
        await store.apply(put(*mine), 1)
        queries = [
            VectorQuery("facts", Only(TENANT), 50, text="apple pear plum3"),
            VectorQuery("facts", Only(TENANT), 50, dense=unit(77)),
        ]
        before = await store.search(queries)
        theirs = [
            point(100 + n, "apple pear plum3 " * (n % 4), tenant=OTHER, dense=unit(77))
            for n in range(200)
        ]
        await store.apply(put(*theirs), 2)
        check_same(await store.search(queries), before)
        await store.apply(drop(*(p.id for p in theirs[::2])), 3)
        await store.optimize()
        check_same(await store.search(queries), before)

    async def test_agent_and_run_narrow(self, store: VectorStore) -> None:
        names = ("bot", "bot ", "BOT", "bo", "bot,", "*", "")
        points = [
            point(n + 1, agent_ids=(name, "common"), run_ids=("r",) if n % 2 else ("s", "t"))
            for n, name in enumerate(names)
        ]
        await store.apply(put(*points, point(50), point(51, agent_ids=("bot",), tenant=OTHER)), 1)
        for p, name in zip(points, names, strict=True):
            assert await self.found(store, "words", agent_id=name) == {p.id}
            assert await self.found(store, "words", agent_id=name, run_id="r") == (
                {p.id} if "r" in p.run_ids else set()
            )
        assert await self.found(store, "words", agent_id="common") == {p.id for p in points}
        assert await self.found(store, "words", run_id="t") == {p.id for p in points[::2]}
        assert await self.found(store, "words", run_id="common") == set()
        assert len(await self.found(store, "words")) == len(points) + 1

    async def test_narrowing_moves_no_score(self, store: VectorStore) -> None:
        await store.apply(
            put(*(point(n, f"tea {n}", agent_ids=("a",) if n < 4 else ()) for n in range(1, 9))), 1
        )
        all_scores = {hit.id: hit.score for hit in await self.scores(store, "tea")}
        query = VectorQuery("facts", Only(TENANT, agent_id="a"), 50, text="tea")
        for hit in (await store.search([query]))[0]:
            assert hit.score == all_scores[hit.id]
