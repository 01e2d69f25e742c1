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
    VectorChanges,
    VectorQuery,
    VectorStore,
)
from graphmem.testing.vector_filters import VectorFilters
from graphmem.testing.vector_points import (
    OTHER,
    SIZE,
    TENANT,
    check_hits,
    drop,
    expected_scores,
    point,
    put,
    uid,
    unit,
)
from graphmem.testing.vector_searches import VectorSearches

# -- the contract --------------------------------------------------------------------------------


class VectorStoreContract(VectorSearches, VectorFilters, ABC):
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
        checkpoint = await store.open("store-1", "model-a", SIZE)
        assert (checkpoint.store_id, checkpoint.applied_seq) == ("store-1", 0)
        yield store
        await store.close()

    # -- writing and reading back --

    async def test_a_new_store_is_empty(self, store: VectorStore) -> None:
        for collection in COLLECTIONS:
            assert await store.ids(collection) == set()
            query = VectorQuery(collection, Only(TENANT), 5, dense=unit(1))
            assert await store.search([query, replace(query, dense=None, text="word")]) == [[], []]

    async def test_no_queries_give_no_answers(self, store: VectorStore) -> None:
        assert await store.search([]) == []

    async def test_collections_are_apart(self, store: VectorStore) -> None:
        for number, collection in enumerate(COLLECTIONS):
            await store.apply(put(point(number + 1), into=collection), number + 1)
        for number, collection in enumerate(COLLECTIONS):
            assert await store.ids(collection) == {uid(number + 1)}
        queries = [VectorQuery(c, Only(TENANT), 5, text="words") for c in COLLECTIONS]
        answers = await store.search(queries)
        assert [[hit.id for hit in answer] for answer in answers] == [
            [uid(number + 1)] for number in range(len(COLLECTIONS))
        ]

    async def test_a_point_replaces_the_one_with_its_id_whole(self, store: VectorStore) -> None:
        first = point(1, "apples", agent_ids=("a",), run_ids=("r",), invalid_at="2025-01-01")
        await store.apply(put(replace(first, invalid_at="2025-01-01T00:00:00.000000Z")), 1)
        await store.apply(put(point(1, "pears", tenant=OTHER)), 2)
        assert await store.ids("facts") == {uid(1)}
        assert await store.ids("facts", TENANT) == set()
        assert await self.found(store, "apples") == set()
        assert await self.found(store, "pears", tenant=OTHER) == {uid(1)}
        assert await self.found(store, "apples", tenant=OTHER) == set()
        assert await self.found(store, "pears", tenant=OTHER, agent_id="a") == set()
        late = "2026-01-01T00:00:00.000000Z"
        assert await self.found(store, "pears", tenant=OTHER, ended_by=late) == {uid(1)}

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

    async def test_an_empty_batch_moves_the_checkpoint(self, store: VectorStore) -> None:
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
            point(2, tenant="default/user:\ud800"),
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
        query = VectorQuery("facts", Only(TENANT), 5, text=text)
        check_hits((await store.search([query]))[0], expected_scores(points, query), 5)
        assert await store.ids("facts") == {uid(1), uid(2)}
        await store.apply(drop(uid(1)), 2)
        assert await self.found(store, "pebble") == {uid(2)}

    async def test_a_text_of_a_mebibyte(self, store: VectorStore) -> None:
        text = "needle " + "straw hay " * (1024 * 1024 // 10)
        await store.apply(put(point(1, text), point(2, "hay")), 1)
        assert await self.found(store, "needle") == {uid(1)}

    # -- the life of a store --

    async def test_reopening_gives_the_checkpoint_and_every_point(self, store: VectorStore) -> None:
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
        checkpoint = await again.open("store-2", "model-b", SIZE + 1)
        assert (checkpoint.store_id, checkpoint.applied_seq) == ("store-2", 0)
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

    async def test_a_second_close_does_nothing(self, store: VectorStore) -> None:
        await store.close()
        await store.close()
        query = VectorQuery("facts", Only(TENANT), 5, text="words")
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
            query = VectorQuery("facts", Only(TENANT), 1000, text=f"batch{batch}")
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
