"""The methods that list who and what a store holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from graphmem.engine.checks import checked_flag, checked_limit, checked_offset, checked_text
from graphmem.engine.core import Core
from graphmem.engine.searches import read_each_scope
from graphmem.errors import NotFound, UsageError
from graphmem.ingest.make_episode import checked_name
from graphmem.limits import checked_metadata
from graphmem.model import Community, ConversationState, Listing, Metadata, Scope, ScopeCount
from graphmem.off_loop import off_loop
from graphmem.ports.api.arguments import ReadArgs, ScopeArgs, WriteArgs
from graphmem.ports.ledger import EntityQuery
from graphmem.retrieve.present.hits import merged_lists


class Listings(Core):
    """Lists of projects, users, agents, conversations and communities, with counts."""

    async def projects(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        return await self._counted("projects", scope, limit, offset)

    async def users(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        return await self._counted("users", scope, limit, offset)

    async def agents(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ScopeCount]:
        return await self._counted("agents", scope, limit, offset)

    async def runs(
        self, *, limit: int = 100, offset: int = 0, **scope: Unpack[ScopeArgs]
    ) -> Listing[ConversationState]:
        most, first = checked_limit(limit), checked_offset(offset)
        project, where = await self._listed(scope)
        return await self._parts.ledger.conversations(project, where, most, first)

    async def communities(
        self,
        *,
        limit: int = 20,
        offset: int = 0,
        min_size: int = 3,
        **scope: Unpack[ReadArgs],
    ) -> Listing[Community]:

        most, first = checked_limit(limit), checked_offset(offset)
        least = checked_limit(min_size)
        scopes = await self._current.scopes(scope)

        async def groups_of(asked: Scope) -> tuple[list[Community], int]:
            return await self._communities_of(asked, least, first + most)

        found = await read_each_scope(scopes, groups_of)
        largest = merged_lists(
            [some for some, _ in found], lambda one: -len(one.entities), limit=most, offset=first
        )
        return Listing(tuple(largest), sum(number for _, number in found), first)

    async def _communities_of(
        self, asked: Scope, least: int, most: int
    ) -> tuple[list[Community], int]:
        """The largest communities of one scope, and how many there are."""
        from graphmem.retrieve.relationships.communities import community_name, find_communities

        graph = await self._relate.to_networkx(asked, self._view(current=True, begun=True))
        found = await off_loop(partial(find_communities, graph, least))
        shown = []
        for ids in found[:most]:
            query = EntityQuery(asked.tenant, ids=tuple(map(str, ids)), limit=len(ids))
            known = {entity.id: entity for entity in await self._parts.ledger.entities(query)}
            entities = tuple(known[str(id)] for id in ids if str(id) in known)
            name = community_name([entity.name for entity in entities])
            shown.append(Community(name, entities, graph.subgraph(ids).number_of_edges()))
        return shown, len(found)

    async def update_run(
        self,
        run: str,
        *,
        title: str | None = None,
        closed: bool | None = None,
        metadata: Metadata | None = None,
        merge_metadata: bool = False,
        **scope: Unpack[WriteArgs],
    ) -> ConversationState:
        self._check_writable()
        if title is None and closed is None and metadata is None:
            raise UsageError("update_run was given nothing to change")
        if closed is not None:
            checked_flag(closed, "closed")
        checked_flag(merge_metadata, "merge_metadata")
        (title, own), _ = await self._parts.redaction.apply((title, {"metadata": metadata}))
        metadata = own["metadata"]
        where = await self._scope({**scope, "run_id": checked_text(run, "run")})
        found = (await self._parts.ledger.conversations(where.project_id, where, 1, 0)).items
        if not found:
            raise NotFound(f"no conversation {run!r} in this scope")
        new = found[0]
        if title is not None:
            new = replace(new, title=checked_name(title, "title"), titled=True)
        if closed is not None:
            ended = new.closed_at or self._parts.clock.now()
            new = replace(new, closed_at=ended if closed else None)
        if metadata is not None:
            given = checked_metadata(metadata)
            if merge_metadata:
                laid = {**new.metadata, **given}.items()
                given = {key: value for key, value in laid if value is not None}
            new = replace(new, metadata=given)
        await self._parts.ledger.put_conversation(where, new)
        return new

    async def _counted(
        self, what: str, given: Mapping[str, Any], limit: int, offset: int
    ) -> Listing[ScopeCount]:
        most, first = checked_limit(limit), checked_offset(offset)
        project, where = await self._listed(given)
        everywhere = what == "projects" and where is None
        return await self._parts.ledger.counted(
            what, None if everywhere else project, where, most, first
        )

    async def _listed(self, given: Mapping[str, Any]) -> tuple[str, Scope | None]:
        """The project of a list, and the scope it is narrowed to, if any."""
        if self._current.of_project(given):
            project = self._current.project(given)
            self._current.note_wide(f"everybody's in the project {project}")
            return project, None
        where = await self._scope(given)
        return where.project_id, where
