"""Documents: a newer version takes the place of the one before it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

from graphmem.clock import stamp
from graphmem.engine.checks import checked_progress, checked_text, checked_text_or_none
from graphmem.engine.writes import Writes
from graphmem.errors import NotFound, UsageError
from graphmem.ingest import make_episode
from graphmem.limits import check_name
from graphmem.model import Document, DocumentReceipt, Episode, Removal, Scope
from graphmem.ports.api.arguments import AddArgs, Content, ScopeArgs, WriteArgs
from graphmem.ports.ledger import DocumentPart
from graphmem.text import digest

_AT_ONCE = 64  # parts that are journalled in one transaction


class Documents(Writes):
    """Adding, listing and removing documents."""

    async def add_document(
        self,
        document: str,
        contents: str | Iterable[Content | Mapping[str, Any]],
        *,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[AddArgs],
    ) -> DocumentReceipt:
        checked_progress(progress, 1)
        id = _checked_id(document)
        parts = await self._parts_of(id, contents, options)
        where = next(iter(parts.values())).scope
        stored = {part.key: part.episode_id for part in await self._stored(where, id)}
        gone = [episode_id for key, episode_id in stored.items() if key not in parts]
        parts = await self._as_first_stated(where, gone, parts)
        for episode_id in gone:
            await self._undo_part(where, episode_id)
        new = done = 0
        waiting = iter(parts.values())
        while some := list(itertools.islice(waiting, _AT_ONCE)):
            await self._journalled(some, wait=True)
            new += sum(part.idempotency_key not in stored for part in some)
            done += len(some)
            await self._keep_lag_bounded()
            if progress is not None:
                progress(done)
        return DocumentReceipt(id, new, len(parts) - new, len(gone))

    async def _as_first_stated(
        self, where: Scope, gone: Sequence[str], parts: dict[str, Episode]
    ) -> dict[str, Episode]:
        """The parts, in which what stood word for word in a part that goes was said when it stood
        there first: "last month" is not counted from the day on which something else was edited.
        Where a time is given, it counts."""
        since: dict[str, datetime | None] = {}
        if gone and not all(part.time_given for part in parts.values()):
            for episode in await self._parts.ledger.episodes(where, ids=gone, limit=len(gone)):
                for turn in () if episode.time_given else episode.turns:
                    since.setdefault(turn.text, turn.occurred_at)
        return {key: _with_times(part, since) for key, part in parts.items()}

    async def _parts_of(
        self,
        id: str,
        contents: str | Iterable[Content | Mapping[str, Any]],
        options: Mapping[str, Any],
    ) -> dict[str, Episode]:
        """The parts of a document by key, all of them checked before anything is stored."""
        if not isinstance(contents, str) and (
            isinstance(contents, bytes | Mapping) or not isinstance(contents, Iterable)
        ):
            raise UsageError(
                f"contents must be text, or the parts of {id}, got {type(contents).__name__}"
            )
        make_episode.check_options(options)
        parts: dict[str, Episode] = {}
        for number, item in enumerate([contents] if isinstance(contents, str) else contents):
            try:
                content, own = make_episode.split_item(item)
                given = {**options, **own}
                _check_no_key(given)
                both, _ = await self._parts.redaction.apply((content, given))
                part = _part(id, await self._episode(*both))
            except UsageError as error:
                raise UsageError(f"part {number} of {id}: {error}") from error
            parts.setdefault(part.idempotency_key or "", part)
        if not parts:
            raise UsageError(f"{id} is empty: remove_document takes away what is stored of it")
        if len({part.scope for part in parts.values()}) > 1:
            raise UsageError(f"the parts of {id} belong to several scopes: add each by itself")
        return parts

    async def documents(
        self,
        *,
        document: str | None = None,
        under: str | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Document]:
        where = await self._scope(scope)
        prefix = checked_text_or_none(under, "under")
        id = None if document is None else _checked_id(document)
        found = await self._parts.ledger.document_parts(where, id)
        parts = itertools.groupby(
            (part for part in found if prefix is None or part.document.startswith(prefix)),
            lambda part: part.document,
        )
        return [Document(id, tuple(part.episode_id for part in of)) for id, of in parts]

    async def remove_document(self, document: str, **scope: Unpack[WriteArgs]) -> Removal:
        where = await self._scope(scope)
        id = _checked_id(document)
        parts = await self._stored(where, id)
        if not parts:
            raise NotFound(f"nothing is stored of a document {id!r} in this scope")
        removed = Removal()
        for part in parts:
            removed += await self._undo_part(where, part.episode_id)
        return removed

    async def _stored(self, where: Scope, document: str) -> list[DocumentPart]:
        return await self._parts.ledger.document_parts(where, document)

    async def _undo_part(self, where: Scope, episode_id: str) -> Removal:
        """Undo one part, unless another process has done it meanwhile."""

        async def attempt() -> Removal:
            (episode,) = await self._parts.ledger.episodes(where, ids=[episode_id])
            if episode.status == "undone":
                return Removal()
            return await self._undo_episode(where, episode)

        return await self._ingest.decide_alone(where.tenant, attempt)


def _checked_id(document: object) -> str:
    return check_name(checked_text(document, "document"), "document")


def _check_no_key(options: Mapping[str, Any]) -> None:
    if options.get("idempotency_key") is not None:
        raise UsageError("parts of a document have keys of their own: leave out idempotency_key")


def _with_times(part: Episode, since: Mapping[str, datetime | None]) -> Episode:
    if part.time_given or since.keys().isdisjoint(turn.text for turn in part.turns):
        return part
    turns = (
        replace(turn, occurred_at=since.get(turn.text, turn.occurred_at)) for turn in part.turns
    )
    return replace(part, turns=tuple(turns))


def _part(document: str, episode: Episode) -> Episode:
    """The episode of one part. Its key is a hash of its content, so that a changed part is a new
    one."""
    at = stamp(episode.occurred_at) if episode.time_given else ""
    about = json.dumps([episode.metadata, episode.tags], sort_keys=True, ensure_ascii=False)
    key = digest(document, episode.content_hash, at, about, episode.memory_type)
    return replace(episode, document=document, idempotency_key=f"document:{key[:40]}")
