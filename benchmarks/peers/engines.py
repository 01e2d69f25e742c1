"""Each engine behind the same four calls. Imported in the virtual environment of one of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_DIMENSION = 256


class Engine:
    """An engine over a folder of its own. ``package`` is the one whose version is reported."""

    package: ClassVar[str]

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self.base_url = base_url
        self.added = 0

    def now(self) -> datetime:
        """A minute later at each call."""
        self.added += 1
        return _BEGAN + timedelta(minutes=self.added)

    async def settle(self) -> None:
        """Finish what the last adds have left to do."""


class Graphmem(Engine):
    package = "graphmem"
    model = "openai:scripted"
    embedder = "openai:wordllama"

    async def open(self) -> None:
        from graphmem import Settings, open_memory

        settings = Settings.load(
            {}, llm=self.model, embedder=self.embedder, openai_base_url=self.base_url
        )
        self._memory = await open_memory(self.folder / "memory", settings=settings)

    async def add(self, sentences: list[str], user: str) -> None:
        messages = [{"content": sentence, "name": user} for sentence in sentences]
        await self._memory.add(messages, user_id=user, occurred_at=self.now())

    async def settle(self) -> None:
        await self._memory.search("anything", user_id="user00")  # applies what is not applied yet
        if self._memory._indexing is not None:  # begun in the background, by itself
            await self._memory._indexing

    async def search(self, text: str, user: str, limit: int) -> list[str]:
        return [hit.text for hit in await self._memory.search(text, user_id=user, limit=limit)]

    async def close(self) -> None:
        await self._memory.close()


class GraphmemDefault(Graphmem):
    """As it comes: rules, and the embedder in its own process."""

    model = "none"
    embedder = "wordllama"


class Mem0(Engine):
    package = "mem0ai"

    async def open(self) -> None:
        from mem0 import AsyncMemory

        common = {"api_key": "none", "openai_base_url": self.base_url}
        store = {
            "collection_name": "bench",
            "path": str(self.folder / "qdrant"),
            "embedding_model_dims": _DIMENSION,
            "on_disk": True,
        }
        config: dict[str, Any] = {
            "vector_store": {"provider": "qdrant", "config": store},
            "llm": {"provider": "openai", "config": {"model": "scripted", **common}},
            "embedder": {
                "provider": "openai",
                "config": {"model": "wordllama", "embedding_dims": _DIMENSION, **common},
            },
            "history_db_path": str(self.folder / "history.db"),
        }
        made = AsyncMemory.from_config(config)
        self._memory = await made if asyncio.iscoroutine(made) else made

    async def add(self, sentences: list[str], user: str) -> None:
        messages = [{"role": "user", "content": sentence} for sentence in sentences]
        await self._memory.add(messages, user_id=user)

    async def search(self, text: str, user: str, limit: int) -> list[str]:
        found = await self._memory.search(text, filters={"user_id": user}, top_k=limit)
        return [hit["memory"] for hit in found["results"]]

    async def close(self) -> None:
        closed = self._memory.close()
        if asyncio.iscoroutine(closed):
            await closed


class Graphiti(Engine):
    package = "graphiti-core"

    async def open(self) -> None:
        from graphiti_core import Graphiti as Core
        from graphiti_core.cross_encoder.client import CrossEncoderClient
        from graphiti_core.driver.driver import GraphProvider
        from graphiti_core.driver.kuzu_driver import KuzuDriver
        from graphiti_core.embedder.openai import OpenAIEmbedder, OpenAIEmbedderConfig
        from graphiti_core.graph_queries import get_fulltext_indices
        from graphiti_core.llm_client.config import LLMConfig
        from graphiti_core.llm_client.openai_generic_client import OpenAIGenericClient

        class Mended(KuzuDriver):  # type: ignore[misc] # there is no package here to check
            """This release's driver lacks what its own engine asks of it: the name of a database,
            of which Kuzu has one, and the full-text indices that its search reads."""

            _database = ""

            def clone(self, database: str) -> Any:
                return self

            async def build_indices_and_constraints(self, delete_existing: bool = False) -> None:
                for query in get_fulltext_indices(GraphProvider.KUZU):
                    await self.execute_query(query)

        class Unused(CrossEncoderClient):  # type: ignore[misc] # there is no package here to check
            """The plain hybrid search ranks without one."""

            async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
                return [(passage, 0.0) for passage in passages]

        llm = LLMConfig(
            api_key="none", model="scripted", small_model="scripted", base_url=self.base_url
        )
        embedder = OpenAIEmbedderConfig(
            api_key="none",
            embedding_model="wordllama",
            embedding_dim=_DIMENSION,
            base_url=self.base_url,
        )
        self._graphiti = Core(
            graph_driver=Mended(db=str(self.folder / "graph.kuzu")),
            llm_client=OpenAIGenericClient(config=llm),
            embedder=OpenAIEmbedder(config=embedder),
            cross_encoder=Unused(),
        )
        await self._graphiti.build_indices_and_constraints()

    async def add(self, sentences: list[str], user: str) -> None:
        from graphiti_core.nodes import EpisodeType

        await self._graphiti.add_episode(
            name=f"episode {self.added}",
            episode_body="\n".join(sentences),
            source=EpisodeType.text,
            source_description="note",
            reference_time=self.now(),
            group_id=user,
        )

    async def search(self, text: str, user: str, limit: int) -> list[str]:
        edges = await self._graphiti.search(text, group_ids=[user], num_results=limit)
        return [edge.fact for edge in edges]

    async def close(self) -> None:
        await self._graphiti.close()


ENGINES: dict[str, type[Any]] = {
    "graphmem": Graphmem,
    "graphmem, as it comes": GraphmemDefault,
    "mem0": Mem0,
    "graphiti": Graphiti,
}
