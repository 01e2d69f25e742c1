"""The way of a write: journal → extract → resolve → belief → commit. Projection follows.

From the journal on an episode is durable; whatever happens to the model afterwards leaves it
pending, never lost and never half written.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.belief.ambiguities.process import OpenAmbiguities
from graphmem.belief.snapshot import Snapshot
from graphmem.belief.statements import statements_of
from graphmem.clock import Clock
from graphmem.errors import BadModelOutput, ModelError, UserRenamed
from graphmem.ingest.background import BackgroundQueue
from graphmem.ingest.extracting import Extracting, TenantDecisions, of_one_episode
from graphmem.ingest.verbatim import verbatim, verbatim_commit
from graphmem.model import Episode, Receipt, Scope, Statement
from graphmem.off_loop import long_work, run_off_loop
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import (
    RESUBMITTED,
    Commit,
    DecisionReads,
    Ledger,
    StatementQuery,
    TenantState,
)
from graphmem.ports.ledger_off_loop import ReadsOffLoop
from graphmem.ports.llm import Extraction, Extractor
from graphmem.resolve.resolver import resolve

_log = logging.getLogger(__name__)
_TRIES = 10  # to store something of a user whom others forget and meet again
_ERASED = "erased before it was finished"
_UNDONE = "undone before it was finished"
_KNOWN = "remembered before"
_QUEUED = "queued"
_MUCH = 60
"""Facts and mentions, from which an episode is decided off the loop: a few milliseconds."""


class Ingest(TenantDecisions):
    """Takes episodes through the stages."""

    def __init__(
        self,
        ledger: Ledger,
        extractor: Extractor,
        clock: Clock,
        *,
        duplicate_window_s: float,
        at_once: int,
        options: ExtractionOptions | None = None,
        ambiguity_model: AmbiguityModel | None = None,
        renamed: Callable[[Scope], Awaitable[Scope]] | None = None,
    ) -> None:
        """``renamed`` gives a scope under the pseudonym that its user has now."""
        super().__init__(ledger, clock)
        self._extracting = Extracting(ledger, extractor, options or ExtractionOptions())
        self._window_s = duplicate_window_s
        self._at_once = at_once
        self._ambiguity_model = ambiguity_model
        self._renamed = renamed or _as_it_is
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def add(
        self, episodes: Sequence[Episode], queue: BackgroundQueue | None = None
    ) -> list[Receipt]:
        """Journal all, then take each through the stages; receipts in order. A text that is kept
        as it is, and says what was never heard, is done with the journal. With a ``queue``, which
        must have room, what is not done with the journal is left to it."""
        for tries_left in reversed(range(_TRIES)):
            short = {e.id: verbatim_commit(e, self._clock) for e in episodes if not e.infer}
            commits = list(short.values())
            try:
                stored = await self._ledger.journal(episodes, self._window_s, commits=commits)
                break
            except UserRenamed:
                if not tries_left:
                    raise
                episodes = [replace(e, scope=await self._renamed(e.scope)) for e in episodes]
        stored = [
            kept if kept.id == asked.id else replace(kept, scope=asked.scope)
            for asked, kept in zip(episodes, stored, strict=True)
        ]
        todo: dict[str, Episode] = {}
        receipts: dict[str, Receipt] = {}
        for asked, kept in zip(episodes, stored, strict=True):
            if asked.id == kept.id and kept.status == "done":
                receipts[kept.id] = Receipt(kept.id, "done", short[kept.id].decisions)
            # A repeated add of what is still pending is taken as a wish to go on with it.
            elif asked.id == kept.id or kept.status == "pending":
                todo.setdefault(kept.id, kept)
        if queue is not None:
            for id, episode in todo.items():
                queue.put(id, episode.scope)
                receipts[id] = Receipt(id, "pending", reason=_QUEUED)
        else:
            receipts |= {receipt.episode_id: receipt for receipt in await self._once(todo)}
        results: list[Receipt] = []
        for kept in stored:
            fresh = receipts.pop(kept.id, None)
            results.append(fresh or Receipt(kept.id, "duplicate", reason=_KNOWN))
        return results

    async def resume(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Take pending episodes on from where they stopped."""
        return await self._once({episode.id: episode for episode in episodes})

    async def finish(self, ids: Sequence[str]) -> list[Receipt]:
        """The same by id, as far as they are still pending."""
        found = await self._ledger.episodes_by_id(ids)
        return await self.resume([episode for episode in found if episode.status == "pending"])

    async def _once(self, episodes: dict[str, Episode]) -> list[Receipt]:
        """Process what no other call is at; wait for what others are at, and say how it ended."""
        others = {id: self._under_way[id] for id in episodes if id in self._under_way}
        mine = {id: episode for id, episode in episodes.items() if id not in others}
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way |= dict.fromkeys(mine, ended)
        try:
            receipts = await self._process(mine) if mine else []
        finally:
            for id in mine:
                del self._under_way[id]
            ended.set_result(None)
        # Only now: nobody waits for what is waiting itself.
        for other in others.values():
            await asyncio.shield(other)
        for episode in await self._ledger.episodes_by_id(list(others)) if others else []:
            if episode.status == "done":
                receipts.append(Receipt(episode.id, "duplicate", reason=_KNOWN))
            elif episode.status == "undone":
                receipts.append(Receipt(episode.id, "failed", reason=_UNDONE))
            else:
                receipts.append(Receipt(episode.id, episode.status, reason=episode.reason))
        return receipts

    async def _process(self, episodes: dict[str, Episode]) -> list[Receipt]:
        """In order; what is stored as it is goes in one transaction as long as it lasts."""
        receipts: list[Receipt] = []
        for infer, own in itertools.groupby(episodes.values(), key=lambda episode: episode.infer):
            process = self._infer if infer else self._commit_verbatim
            receipts += await process(list(own))
        return receipts

    async def _infer(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Extract a few ahead, commit in order: an older statement is decided before a newer."""
        waiting = iter(episodes)
        ahead: deque[tuple[Episode, asyncio.Task[Extraction | ModelError]]] = deque()
        receipts: list[Receipt] = []
        try:
            while True:
                for episode in itertools.islice(waiting, self._at_once - len(ahead)):
                    ahead.append((episode, asyncio.create_task(self._extracting.extract(episode))))
                if not ahead:
                    return receipts
                episode, task = ahead[0]
                receipts.append(await self._finish(episode, await task))
                ahead.popleft()
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)

    async def _finish(self, episode: Episode, extraction: Extraction | ModelError) -> Receipt:
        """Decide an episode, or leave it pending; it does not stop those behind it."""
        try:
            return await self._finished(episode, extraction)
        except Exception as error:
            if isinstance(extraction, ModelError) or not of_one_episode(error):
                raise
            kind = type(error).__name__
            _log.warning("an episode could not be decided: %s", kind)
            reason = f"what it says could not be decided ({kind})"
            await self._ledger.postpone(episode.id, reason)
            return _receipt(episode, "pending", extraction, reason=reason)

    async def _finished(self, episode: Episode, extraction: Extraction | ModelError) -> Receipt:
        tenant = episode.scope.tenant
        open_ambiguities = self._open_ambiguities(episode, extraction)

        async def attempt() -> Receipt | None:
            state = await self.tenant_state(tenant, [episode.id])
            if ended := _ended(episode, state):
                return ended
            if isinstance(extraction, ModelError):
                return await self._postpone(episode, extraction)
            much = _says_much(extraction)
            with long_work() if much else nullcontext():
                # Where it says much, others are served meanwhile.
                decide = self._decide_off_loop if much else self._decide
                commit, _ = await decide(episode, extraction, open_ambiguities=open_ambiguities)
                if open_ambiguities is not None and open_ambiguities.open:
                    return None
                await self._ledger.commit([commit], since={tenant: state.seq})
            spent = open_ambiguities.counted(extraction) if open_ambiguities else extraction
            return _receipt(episode, "done", spent, commit=commit)

        while (receipt := await self.decided(tenant, attempt)) is None:
            if open_ambiguities is not None:  # not while the tenant is held: a model is slow
                async with self._extracting.shares.of(tenant):
                    await open_ambiguities.ask()
        return receipt

    async def _decide_off_loop(
        self,
        episode: Episode,
        extraction: Extraction,
        *,
        open_ambiguities: OpenAmbiguities | None = None,
    ) -> tuple[Commit, Snapshot]:
        beside = ReadsOffLoop(self._ledger)
        decide = partial(self._decide, open_ambiguities=open_ambiguities, ledger=beside)
        return await run_off_loop(partial(decide, episode, extraction))

    async def _decide(
        self,
        episode: Episode,
        extraction: Extraction,
        snapshot: Snapshot | None = None,
        *,
        open_ambiguities: OpenAmbiguities | None = None,
        ledger: DecisionReads | None = None,
    ) -> tuple[Commit, Snapshot]:
        """What an episode changes, and the snapshot as it is after that; ``ledger`` is what is read
        off the loop."""
        chosen = open_ambiguities.names if open_ambiguities else {}
        known = ledger or self._ledger
        resolution = await resolve(extraction, episode, known, self._clock, chosen=chosen)
        statements = statements_of(extraction.facts, resolution, episode, self._types, self._clock)
        if open_ambiguities is not None:
            statements = await open_ambiguities.settle(resolution, statements, self._types, known)
        belief = self.belief(episode.scope.tenant, ledger)
        if episode.reason == RESUBMITTED:
            # With the ids that it had before, so that its facts come back as themselves.
            query = StatementQuery(episode.scope.tenant, episode_ids=(episode.id,), undone_too=True)
            snapshot, undone = await belief.reader.load_undone(query, snapshot)
            ids = {_place(one): one.id for one in undone}
            statements = [replace(one, id=ids.get(_place(one), one.id)) for one in statements]
        new_entities = {entity.id for entity in resolution.new}
        plan = await belief.add_statements(statements, new_entities=new_entities, snapshot=snapshot)
        turns = {turn.ordinal: turn.id for turn in episode.turns}
        mentions = {
            (turns[ordinal], entity.id)
            for ordinal, name in extraction.mentions
            if ordinal in turns and (entity := resolution.entity(name)) is not None
        }
        own = set(turns.values())
        for statement in plan.statements:
            mentions |= _mentions(statement, own)
        used = {id for _, id in mentions}
        used |= {id for statement in plan.statements for id in statement.entity_ids}
        decisions = plan.decisions
        if open_ambiguities is not None:
            decisions = open_ambiguities.explained(decisions, plan.statements, resolution)
        commit = Commit(
            episode=episode,
            decisions=decisions,
            new_entities=tuple(entity for entity in resolution.new if entity.id in used),
            renamed=resolution.changed,
            mentions=tuple(sorted(mentions)),
            reasons={choice.entity_id: choice.reason for choice in resolution.choices},
            statements=plan.statements,
            extraction=extraction,
            at=self._clock.now(),
        )
        return commit, plan.snapshot

    def _open_ambiguities(
        self, episode: Episode, extraction: Extraction | ModelError
    ) -> OpenAmbiguities | None:
        """Only what a model has read is worth asking it about."""
        ambiguity_model = self._ambiguity_model
        if ambiguity_model is None or isinstance(extraction, ModelError):
            return None
        if extraction.extractor != ambiguity_model.name:
            return None
        return OpenAmbiguities(
            ambiguity_model,
            episode,
            extraction,
            ledger=self._ledger,
            clock=self._clock,
            options=self._extracting.options_of(episode),
        )

    async def _postpone(self, episode: Episode, error: ModelError) -> Receipt:
        """Leave it pending, with the reason; what the failed answers cost is kept too."""
        reason = str(error)
        spent = self._extracting.nothing()
        if isinstance(error, BadModelOutput):
            spent = replace(
                spent, calls=error.calls, tokens_in=error.tokens_in, tokens_out=error.tokens_out
            )
        await self._ledger.keep_extraction(episode.id, spent)
        await self._ledger.postpone(episode.id, reason)
        return _receipt(episode, "pending", spent, reason=reason)

    async def _commit_verbatim(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Texts stored as they are: decided tenant by tenant, each sees those before it, and
        written in one transaction."""
        by_tenant: dict[str, list[Episode]] = {}
        for episode in episodes:
            by_tenant.setdefault(episode.scope.tenant, []).append(episode)
        receipts = await self.decided(sorted(by_tenant), partial(self._verbatim_once, by_tenant))
        return [receipts[episode.id] for episode in episodes]

    async def _verbatim_once(
        self, by_tenant: Mapping[str, Sequence[Episode]]
    ) -> dict[str, Receipt]:
        receipts: dict[str, Receipt] = {}
        commits: list[Commit] = []
        since: dict[str, int] = {}
        for tenant, own in by_tenant.items():
            state = await self.tenant_state(tenant, [episode.id for episode in own])
            since[tenant] = state.seq
            texts = [fact.text for episode in own for fact in verbatim(episode).facts]
            snapshot = await self.belief(tenant).reader.load_sentences(texts)
            for episode in own:
                if ended := _ended(episode, state):
                    receipts[episode.id] = ended
                    continue
                extraction = verbatim(episode)
                commit, snapshot = await self._decide(episode, extraction, snapshot)
                commits.append(commit)
                receipts[episode.id] = _receipt(episode, "done", extraction, commit=commit)
        await self._ledger.commit(commits, since=since)
        return receipts


async def _as_it_is(scope: Scope) -> Scope:
    return scope


def _says_much(extraction: Extraction) -> bool:
    return len(extraction.facts) + len(extraction.mentions) > _MUCH


def _ended(episode: Episode, state: TenantState) -> Receipt | None:
    """The receipt of an episode that others erased or finished meanwhile."""
    status = state.statuses.get(episode.id)
    if status is None:
        return Receipt(episode.id, "failed", reason=_ERASED)
    if status == "undone":
        return Receipt(episode.id, "failed", reason=_UNDONE)
    return Receipt(episode.id, "duplicate", reason=_KNOWN) if status == "done" else None


def _place(statement: Statement) -> tuple[object, ...]:
    return statement.turn, statement.ordinal, statement.type, statement.kind, statement.text


def _mentions(statement: Statement, own: Collection[str]) -> set[tuple[str, str]]:
    """A turn that says something names the entities that it is about. ``own`` are the episode's
    turns."""
    stating = [source.turn_id for source in statement.sources if source.turn_id in own]
    return {(turn, entity) for turn in stating if turn for entity in statement.entity_ids}


def _receipt(
    episode: Episode,
    status: Literal["done", "pending"],
    extraction: Extraction,
    *,
    commit: Commit | None = None,
    reason: str | None = None,
) -> Receipt:
    mentions = commit.mentions if commit else ()
    return Receipt(
        episode_id=episode.id,
        status=status,
        decisions=commit.decisions if commit else (),
        entity_ids=tuple(sorted({entity for _, entity in mentions})),
        model_calls=extraction.calls,
        tokens_in=extraction.tokens_in,
        tokens_out=extraction.tokens_out,
        reason=reason or extraction.reason,
        ungrounded=extraction.ungrounded,
    )
