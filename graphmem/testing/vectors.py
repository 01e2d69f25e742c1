"""The contract of a vector store, as tests: subclass once per store.

::

    class TestMine(VectorStoreContract):
        def make(self, folder: Path) -> VectorStore:
            return MyVectors(folder / "vectors")

Every test gets a fresh folder; ``make`` called twice with one folder must give the same store.
:func:`vector_machine` builds a Hypothesis state machine that compares a store with a dictionary.
Needs ``pytest``, ``pytest-asyncio`` and ``hypothesis``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import pytest_asyncio

from graphmem.errors import UsageError
from graphmem.ports.vectors import (
    COLLECTIONS,
    Only,
    Scored,
    VectorChanges,
    VectorQuery,
    VectorStore,
)
from graphmem.testing.vector_filters import VectorFilters
from graphmem.testing.vector_points import (
    OTHER,
    SIZE,
    WALL,
    check_hits,
    check_same,
    drop,
    expected_scores,
    point,
    put,
    uid,
    unit,
)

# -- the contract --------------------------------------------------------------------------------


class VectorStoreContract(VectorFilters, ABC):
    """What every :class:`~graphmem.ports.vectors.VectorStore` must do."""

    pytestmark: ClassVar[Any] = pytest.mark.asyncio
    folder: Path
    whole_batches: ClassVar[bool] = True
    """Whether a search sees each batch whole or not at all. A server need not promise that."""

    @abstractmethod
    def make(self, folder: Path) -> VectorStore:
        """A store that keeps its content in ``folder``, not opened yet."""

    async def reopen(self, store: VectorStore) -> VectorStore:
        """Close, and open what it kept. Stores that keep nothing on disk return themselves."""
        await store.close()
        again = self.make(self.folder)
        await again.open("store-1", "model-a", SIZE)
        return again

    async def reopen_replacing(self, store: VectorStore) -> VectorStore:
        """Like ``reopen``, as a store that may clear what belongs to another."""
        return await self.reopen(store)

    @pytest_asyncio.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[VectorStore]:
        self.folder = tmp_path
        store = self.make(tmp_path)
        mark = await store.open("store-1", "model-a", SIZE)
        assert (mark.store_id, mark.applied_seq) == ("store-1", 0)
        yield store
        await store.close()

    async def found(self, store: VectorStore, text: str, **only: Any) -> set[str]:
        query = VectorQuery("facts", Only(only.pop("wall", WALL), **only), 100, text=text)
        return {hit.id for hit in (await store.search([query]))[0]}

    async def scores(self, store: VectorStore, text: str, wall: str = WALL) -> list[Scored]:
        return (await store.search([VectorQuery("facts", Only(wall), 100, text=text)]))[0]

    # -- writing and reading back --

    async def test_a_new_store_is_empty(self, store: VectorStore) -> None:
        for collection in COLLECTIONS:
            assert await store.ids(collection) == set()
            query = VectorQuery(collection, Only(WALL), 5, dense=unit(1))
            assert await store.search([query, replace(query, dense=None, text="word")]) == [[], []]

    async def test_no_queries_give_no_answers(self, store: VectorStore) -> None:
        assert await store.search([]) == []

    async def test_collections_are_apart(self, store: VectorStore) -> None:
        for number, collection in enumerate(COLLECTIONS):
            await store.apply(put(point(number + 1), into=collection), number + 1)
        for number, collection in enumerate(COLLECTIONS):
            assert await store.ids(collection) == {uid(number + 1)}
        queries = [VectorQuery(c, Only(WALL), 5, text="words") for c in COLLECTIONS]
        answers = await store.search(queries)
        assert [[hit.id for hit in answer] for answer in answers] == [
            [uid(number + 1)] for number in range(len(COLLECTIONS))
        ]

    async def test_a_point_replaces_the_one_with_its_id_whole(self, store: VectorStore) -> None:
        first = point(1, "apples", agent_ids=("a",), run_ids=("r",), invalid_at="2025-01-01")
        await store.apply(put(replace(first, invalid_at="2025-01-01T00:00:00.000000Z")), 1)
        await store.apply(put(point(1, "pears", wall=OTHER)), 2)
        assert await store.ids("facts") == {uid(1)}
        assert await store.ids("facts", WALL) == set()
        assert await self.found(store, "apples") == set()
        assert await self.found(store, "pears", wall=OTHER) == {uid(1)}
        assert await self.found(store, "apples", wall=OTHER) == set()
        assert await self.found(store, "pears", wall=OTHER, agent_id="a") == set()
        late = "2026-01-01T00:00:00.000000Z"
        assert await self.found(store, "pears", wall=OTHER, ended_by=late) == {uid(1)}

    async def test_the_last_of_two_points_with_one_id_wins(self, store: VectorStore) -> None:
        await store.apply(put(point(1, "apples"), point(1, "pears")), 1)
        assert await self.found(store, "apples") == set()
        assert await self.found(store, "pears") == {uid(1)}

    async def test_removals_come_before_points(self, store: VectorStore) -> None:
        await store.apply(put(point(1), point(2)), 1)
        both = VectorChanges(points={"facts": (point(1),)}, removed={"facts": (uid(1), uid(2))})
        await store.apply(both, 2)
        assert await store.ids("facts") == {uid(1)}

    async def test_removing_twice_or_the_unknown_changes_nothing(self, store: VectorStore) -> None:
        await store.apply(put(point(1), point(2)), 1)
        for seq in (2, 3):
            await store.apply(drop(uid(1), uid(9), uid(9)), seq)
            assert await store.ids("facts") == {uid(2)}

    async def test_applying_twice_is_applying_once(self, store: VectorStore) -> None:
        changes = VectorChanges(
            points={"facts": tuple(point(n, f"tea {n}") for n in range(1, 6))},
            removed={"facts": (uid(7),)},
        )
        await store.apply(changes, 4)
        once = await self.scores(store, "tea")
        await store.apply(changes, 4)
        assert await self.scores(store, "tea") == once

    async def test_an_empty_batch_moves_the_mark(self, store: VectorStore) -> None:
        await store.apply(VectorChanges(), 12)
        await store.apply(VectorChanges(points={"facts": ()}, removed={"turns": ()}), 13)
        again = await self.reopen(store)
        assert (await again.open("store-1", "model-a", SIZE)).applied_seq == 13
        await again.close()

    async def test_a_bad_point_is_refused_and_nothing_of_its_batch_kept(
        self, store: VectorStore
    ) -> None:
        nan = unit(2).copy()
        nan[3] = np.nan
        bad = [
            point(2, dense=unit(2, SIZE + 1)),
            point(2, dense=nan),
            replace(point(2), id="seven"),
            replace(point(2), id=uid(2).upper().replace("0", "A")),
            point(2, wall="default/user:\ud800"),
            point(2, agent_ids=("\udfff",)),
        ]
        for wrong in bad:
            with pytest.raises(UsageError):
                await store.apply(put(point(1), wrong), 1)
        with pytest.raises(UsageError):
            await store.apply(drop("seven"), 1)
        with pytest.raises(UsageError):
            await store.apply(put(point(1), into="places"), 1)  # type: ignore[arg-type]
        assert await store.ids("facts") == set()

    # -- searching --

    async def test_dense_search_is_by_cosine(self, store: VectorStore) -> None:
        points = [point(n) for n in range(1, 40)]
        await store.apply(put(*points), 1)
        for limit in (1, 5, 39, 100):
            query = VectorQuery("facts", Only(WALL), limit, dense=unit(1000 + limit))
            check_hits((await store.search([query]))[0], expected_scores(points, query), limit)

    async def test_vectors_need_not_be_of_length_one(self, store: VectorStore) -> None:
        long = point(1, dense=unit(1) * np.float32(30))
        zero = point(2, dense=np.zeros(SIZE, dtype=np.float32))
        await store.apply(put(long, zero), 1)
        query = VectorQuery("facts", Only(WALL), 5, dense=unit(1) * np.float32(0.01))
        check_hits((await store.search([query]))[0], {uid(1): 1.0, uid(2): 0.0}, 5)

    async def test_bm25_scores_are_qdrants(self, store: VectorStore) -> None:
        texts = ["apple pie", "apple apple tart", "an orchard of apples", "pear", "", "😀 !!!"]
        points = [point(n + 1, text) for n, text in enumerate(texts)]
        await store.apply(put(*points), 1)
        for text in ("apple", "the apple pie", "pear tart orchard", "PEARS"):
            query = VectorQuery("facts", Only(WALL), 10, text=text)
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
        theirs = [point(10 + n, "plums", window="plums", wall=OTHER) for n in range(5)]
        await store.apply(put(*points, *theirs), 1)
        for words in ("pears", "plums and apples", "figs"):
            for around in (False, True):
                query = VectorQuery("facts", Only(WALL), 10, text=words, around=around)
                check_hits((await store.search([query]))[0], expected_scores(points, query), 10)
        await store.apply(put(point(1, "apples", window="figs")), 2)
        await store.apply(drop(uid(2)), 3)
        left = [point(1, "apples", window="figs"), points[2]]
        for words in ("figs", "pears", "plums"):
            query = VectorQuery("facts", Only(WALL), 10, text=words, around=True)
            check_hits((await store.search([query]))[0], expected_scores(left, query), 10)

    async def test_a_point_without_a_vector_is_found_by_words_only(
        self, store: VectorStore
    ) -> None:
        points = [replace(point(1, "tea"), dense=None), point(2, "tea")]
        await store.apply(put(*points), 1)
        assert await self.found(store, "tea") == {uid(1), uid(2)}
        query = VectorQuery("facts", Only(WALL), 10, dense=unit(2))
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
            VectorQuery("facts", Only(WALL), 7, text="tied"),
            VectorQuery("facts", Only(WALL), 7, dense=same),
        ):
            hits = (await store.search([query]))[0]
            assert [hit.id for hit in hits] == [uid(n) for n in range(1, 8)]

    async def test_a_limit_below_one_gives_nothing(self, store: VectorStore) -> None:
        await store.apply(put(point(1)), 1)
        queries = [VectorQuery("facts", Only(WALL), n, text="words") for n in (0, -3)]
        assert await store.search(queries) == [[], []]

    async def test_a_query_is_by_one_thing(self, store: VectorStore) -> None:
        base = VectorQuery("facts", Only(WALL), 5)
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
        queries = [VectorQuery("facts", Only(WALL), 5, text=word) for word in words]
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

    async def test_no_search_crosses_a_wall(self, store: VectorStore) -> None:
        points = [
            point(n + 1, "shared secret words", wall=wall)
            for n, wall in enumerate(self.ADVERSARIAL)
        ]
        await store.apply(put(*points), 1)
        for p in points:
            by_text = VectorQuery("facts", Only(p.wall), 50, text="shared secret")
            by_vector = VectorQuery("facts", Only(p.wall), 50, dense=unit(3))
            for hits in await store.search([by_text, by_vector]):
                assert [hit.id for hit in hits] == [p.id]
            assert await store.ids("facts", p.wall) == {p.id}
        assert await self.found(store, "secret", wall="default/user:nobody") == set()
        assert await store.ids("facts", "default/user:nobody") == set()

    async def test_nothing_in_another_wall_moves_a_score(self, store: VectorStore) -> None:
        mine = [point(n, f"apple {'pear' * (n % 2)} plum{n}") for n in range(1, 20)]
        await store.apply(put(*mine), 1)
        queries = [
            VectorQuery("facts", Only(WALL), 50, text="apple pear plum3"),
            VectorQuery("facts", Only(WALL), 50, dense=unit(77)),
        ]
        before = await store.search(queries)
        theirs = [
            point(100 + n, "apple pear plum3 " * (n % 4), wall=OTHER, dense=unit(77))
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
        await store.apply(put(*points, point(50), point(51, agent_ids=("bot",), wall=OTHER)), 1)
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
        query = VectorQuery("facts", Only(WALL, agent_id="a"), 50, text="tea")
        for hit in (await store.search([query]))[0]:
            assert hit.score == all_scores[hit.id]

    # -- texts --

    @pytest.mark.parametrize(
        "text",
        [
            "", " \n\t", "😀🎉", "?!…", "\x00", "a\x00b\x00", "\ud83d apples", "\udc00\udfff",
            "日本語のテキスト", "naïve café ÅÅÅ", "e\u0301" * 50, "\u202e\u200b", "word " * 300,
            "1" * 5000,
        ],
    )  # fmt: skip
    async def test_any_text_can_be_stored_and_asked(self, store: VectorStore, text: str) -> None:
        points = [point(1, text), point(2, "pebble words")]
        await store.apply(put(*points), 1)
        query = VectorQuery("facts", Only(WALL), 5, text=text)
        check_hits((await store.search([query]))[0], expected_scores(points, query), 5)
        assert await store.ids("facts") == {uid(1), uid(2)}
        await store.apply(drop(uid(1)), 2)
        assert await self.found(store, "pebble") == {uid(2)}

    async def test_a_text_of_a_mebibyte(self, store: VectorStore) -> None:
        text = "needle " + "straw hay " * (1024 * 1024 // 10)
        await store.apply(put(point(1, text), point(2, "hay")), 1)
        assert await self.found(store, "needle") == {uid(1)}

    # -- the life of a store --

    async def test_reopening_gives_the_mark_and_every_point(self, store: VectorStore) -> None:
        points = [point(n, f"tea {n}", agent_ids=(f"a{n % 2}",)) for n in range(1, 30)]
        await store.apply(put(*points), 5)
        await store.apply(drop(uid(3)), 9)
        before = await self.scores(store, "tea")
        again = await self.reopen(store)
        assert (await again.open("store-1", "model-a", SIZE)).applied_seq == 9
        assert await again.ids("facts") == {p.id for p in points} - {uid(3)}
        assert await self.scores(again, "tea") == before
        await again.close()

    async def test_points_of_another_store_are_cleared(self, store: VectorStore) -> None:
        await store.apply(put(point(1)), 5)
        again = await self.reopen_replacing(store)
        mark = await again.open("store-2", "model-b", SIZE + 1)
        assert (mark.store_id, mark.applied_seq) == ("store-2", 0)
        assert await again.ids("facts") == set()
        await again.close()

    async def test_another_embedder_is_a_usage_error_that_names_both(
        self, store: VectorStore
    ) -> None:
        await store.apply(put(point(1)), 5)
        again = await self.reopen(store)
        for embedder, size in (("model-b", SIZE), ("model-a", SIZE + 1)):
            with pytest.raises(UsageError, match=r"model-a.*rebuild") as caught:
                await again.open("store-1", embedder, size)
            assert embedder in str(caught.value)
            assert str(size) in str(caught.value)
        assert (await again.open("store-1", "model-a", SIZE)).applied_seq == 5
        assert await again.ids("facts") == {uid(1)}
        await again.close()

    async def test_clear_removes_everything_and_the_store_stays_open(
        self, store: VectorStore
    ) -> None:
        await store.apply(put(point(1), point(2)), 5)
        await store.clear()
        assert await store.ids("facts") == set()
        assert await self.found(store, "words") == set()
        await store.apply(put(point(3)), 2)
        again = await self.reopen(store)
        assert (await again.open("store-1", "model-a", SIZE)).applied_seq == 2
        assert await again.ids("facts") == {uid(3)}
        await again.close()

    async def test_after_clear_another_embedder_may_come(self, store: VectorStore) -> None:
        await store.apply(put(point(1)), 5)
        await store.clear()
        assert (await store.open("store-1", "model-b", 3)).applied_seq == 0
        await store.apply(put(point(4, dense=unit(4, 3))), 1)
        assert await store.ids("facts") == {uid(4)}

    async def test_closing_twice_is_closing_once(self, store: VectorStore) -> None:
        await store.close()
        await store.close()
        query = VectorQuery("facts", Only(WALL), 5, text="words")
        for call in (
            store.search([query]),
            store.apply(put(point(1)), 1),
            store.ids("facts"),
            store.optimize(),
        ):
            with pytest.raises(UsageError, match="not open"):
                await call

    async def test_optimizing_changes_no_answer(self, store: VectorStore) -> None:
        await store.optimize()
        points = [point(n, f"tea {n % 7}") for n in range(1, 50)]
        await store.apply(put(*points), 1)
        await store.apply(drop(uid(1), uid(2)), 2)
        before = await self.scores(store, "tea 3")
        await store.optimize()
        await store.optimize()
        assert await self.scores(store, "tea 3") == before

    async def test_many_tasks_at_once(self, store: VectorStore) -> None:
        """A search sees each batch whole or not at all, where the store promises that."""

        async def write(batch: int) -> None:
            numbers = range(batch * 100 + 1, batch * 100 + 101)
            await store.apply(put(*(point(n, f"batch{batch}") for n in numbers)), batch + 1)

        async def read(batch: int) -> None:
            query = VectorQuery("facts", Only(WALL), 1000, text=f"batch{batch}")
            seen = 0
            while seen < 100:
                hits = (await store.search([query]))[0]
                assert len(hits) in (0, 100) or not self.whole_batches
                assert len(hits) >= seen
                seen = len(hits)

        await asyncio.gather(*(write(n) for n in range(5)), *(read(n) for n in range(5)))
        assert len(await store.ids("facts")) == 500

    async def test_a_cancelled_write_is_whole_or_absent(self, store: VectorStore) -> None:
        writes = [
            asyncio.ensure_future(
                store.apply(put(*(point(100 * b + n, f"batch{b}") for n in range(1, 80))), b)
            )
            for b in range(1, 6)
        ]
        await asyncio.sleep(0)
        for write in writes[1::2]:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)
        for b, write in enumerate(writes, start=1):
            found = await self.found(store, f"batch{b}")
            assert len(found) in ((0, 79) if write.cancelled() else (79,))


# -- a machine -----------------------------------------------------------------------------------


def vector_machine(make: Callable[[], VectorStore]) -> type[Any]:
    """A Hypothesis state machine: random writes, searches and reopenings against a dictionary.

    ``make`` gives a new, empty store; it is closed at the end of each run. Run it with
    ``hypothesis.stateful.run_state_machine_as_test``.
    """
    from graphmem.testing._vector_machine import VectorMachine

    class Machine(VectorMachine):
        make_store = staticmethod(make)

    return Machine
