"""Searches by time, tags and people: :meth:`search` with the filter that each stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from graphmem.engine.checks import checked_flag, checked_limit, checked_min_score, checked_threshold
from graphmem.engine.reads import ViewReads
from graphmem.engine.searches import read_each_scope
from graphmem.errors import UsageError, shown
from graphmem.model import Scope, SearchResult
from graphmem.ports.arguments import ReadArgs, When
from graphmem.retrieve.present.hits import merged_newest, unranked_hits
from graphmem.retrieve.view import facts_in_scope


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
        **scope: Unpack[ReadArgs],
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
        **scope: Unpack[ReadArgs],
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
        **scope: Unpack[ReadArgs],
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
        scope: ReadArgs,
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
        scopes, most = await self._present.scopes(scope), checked_limit(limit)
        seen = self._with_archived(self._view(current), False)

        async def newest_of(asked: Scope) -> tuple[str, SearchResult]:
            view = await self._filtered(seen, where, asked)
            newest = view.query(asked, newest_first=True, limit=most)
            facts = await facts_in_scope(self._stores.ledger, asked, newest)
            return asked.project_id, SearchResult("", unranked_hits(facts, asked))

        found = await read_each_scope(scopes, newest_of)
        return found[0][1] if len(found) == 1 else merged_newest(found, most)


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
