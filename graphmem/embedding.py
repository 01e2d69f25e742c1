"""An embedder that never pays for the same text twice: vectors are kept in the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from graphmem.model import Fact, Turn
from graphmem.ports.embedder import Embedder
from graphmem.ports.ledger import EmbeddingCache
from graphmem.ports.vectors import Vector
from graphmem.text import digest

_QUERIES = 512


class CachedEmbedder:
    """Documents are cached in the ledger, queries in memory."""

    def __init__(self, embedder: Embedder, cache: EmbeddingCache) -> None:
        self._embedder = embedder
        self._cache = cache
        self._queries: dict[str, Vector] = {}

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def kept(self) -> bool:
        """Whether the ledger keeps the vectors, because each costs something."""
        return self._embedder.kept

    async def documents(self, texts: Sequence[str]) -> list[Vector]:
        """A vector for each text. What the cache lacks is embedded and cached. An embedder that
        costs next to nothing is asked every time, but only once for a repeated text."""
        if not self._embedder.kept:
            distinct = list(dict.fromkeys(texts))
            made = await self._embedder.embed(distinct, "document")
            if len(distinct) == len(texts):
                return made
            by_text = dict(zip(distinct, made, strict=True))
            return [by_text[text] for text in texts]
        digests = [digest(text) for text in texts]
        vectors = await self._cache.cached(self._embedder.name, list(dict.fromkeys(digests)))
        missing = {d: text for d, text in zip(digests, texts, strict=True) if d not in vectors}
        if missing:
            made = await self._embedder.embed(list(missing.values()), "document")
            new = dict(zip(missing, made, strict=True))
            await self._cache.cache(self._embedder.name, new)
            vectors |= new
        return [vectors[d] for d in digests]

    async def known_documents(self, texts: Sequence[str]) -> list[Vector | None]:
        """The vectors that cost nothing: cached ones, or all when the embedder is as fast as a
        cache."""
        if not self._embedder.kept:
            return list(await self.documents(texts))
        digests = [digest(text) for text in texts]
        found = await self._cache.cached(self._embedder.name, list(dict.fromkeys(digests)))
        return [found.get(one) for one in digests]

    async def query(self, text: str) -> Vector:
        if text not in self._queries:
            if len(self._queries) >= _QUERIES:
                del self._queries[next(iter(self._queries))]
            self._queries[text] = (await self._embedder.embed([text], "query"))[0]
        return self._queries[text]

    def forget(self) -> None:
        """Drop the cached queries: they may name what was erased."""
        self._queries.clear()


def turn_text(turn: Turn) -> str:
    """The text of a turn as it is indexed, with its speaker, who may be asked for."""
    return f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text


def fact_text(fact: Fact) -> str:
    """The text of a fact as it is indexed, with its type, so that "lives in" finds "moved to
    Berlin"."""
    relation = (fact.type or "").replace("_", " ")
    return fact.text if relation in fact.text else f"{fact.text} ({relation})"
