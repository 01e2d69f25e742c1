"""Searches by time, tags and people: :meth:`search` with the filter that each stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from graphmem.engine.checks import checked_flag, checked_limit, checked_min_score, checked_threshold
from graphmem.engine.reads import ViewReads
from graphmem.errors import UsageError, shown
from graphmem.model import SearchResult
from graphmem.ports.arguments import ScopeArgs, When
from graphmem.retrieve.narrow import facts_in_scope
from graphmem.retrieve.present.hits import unranked_hits


class NarrowedSearches(ViewReads):
    """Each is :meth:`search` with a filter, or without a question the newest that pass it."""

    async def temporal_search(
        self,
        query: str | None = None,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        ends = {"gte": since, "lte": until}
        span = {sign: end for sign, end in ends.items() if end is not None}
        if not span:
            raise UsageError("temporal_search needs since, until or both")
        where = {"occurred_at": span}
        return await self._narrowed(
            query,
            where,
            scope,
            limit=limit,
            current=current,
            min_score=min_score,
            threshold=threshold,
        )

    async def search_by_tags(
        self,
        tags: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        where = {"tag": _any_or_all(tags, "tags", match_all)}
        return await self._narrowed(
            query,
            where,
            scope,
            limit=limit,
            current=current,
            min_score=min_score,
            threshold=threshold,
        )

    async def search_by_people(
        self,
        people: Sequence[str],
        query: str | None = None,
        *,
        match_all: bool = False,
        limit: int = 10,
        current: bool = True,
        min_score: float = 0.0,
        threshold: float = 0.0,
        **scope: Unpack[ScopeArgs],
    ) -> SearchResult:
        where = {"about": _any_or_all(people, "people", match_all)}
        return await self._narrowed(
            query,
            where,
            scope,
            limit=limit,
            current=current,
            min_score=min_score,
            threshold=threshold,
        )

    async def _narrowed(
        self,
        query: str | None,
        where: Mapping[str, Any],
        scope: ScopeArgs,
        *,
        limit: int,
        current: bool,
        min_score: float,
        threshold: float,
    ) -> SearchResult:
        if query is not None:
            return await self.search(
                query,
                limit=limit,
                kinds=("fact",),
                current=current,
                where=where,
                min_score=min_score,
                threshold=threshold,
                **scope,
            )
        checked_min_score(min_score)
        checked_threshold(threshold)
        asked = await self._present.scope(scope)
        seen = self._with_archived(self._view(current), False)
        view = await self._filtered(seen, where, asked)
        newest = view.query(asked, newest_first=True, limit=checked_limit(limit))
        facts = await facts_in_scope(self._stores.ledger, asked, newest)
        return SearchResult("", unranked_hits(facts, asked))


def _any_or_all(words: Sequence[str], name: str, match_all: bool) -> dict[str, list[str]]:
    if (
        isinstance(words, str)
        or not isinstance(words, Sequence)
        or not words
        or not all(isinstance(word, str) for word in words)
    ):
        raise UsageError(f"{name} are a list of words, got {shown(words)}")
    checked_flag(match_all, "match_all")
    return {"all" if match_all else "in": list(words)}
