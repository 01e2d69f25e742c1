"""The way of a write: journal → extract → resolve → decide → commit. Projection follows.

From the journal on an episode is durable; whatever happens to the model afterwards leaves it
pending, never lost and never half written.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from graphmem.belief.ambiguities.ask import AmbiguityModel, without_verdicts
from graphmem.belief.ambiguities.process import OpenAmbiguities
from graphmem.belief.load import BeliefReader
from graphmem.belief.pipeline import BeliefPipeline
from graphmem.belief.snapshot import Snapshot
from graphmem.belief.statements import statements_of
from graphmem.clock import Clock
from graphmem.errors import BadModelOutput, Conflict, ModelError, UsageError
from graphmem.extract.llm.procedures import as_procedures
from graphmem.extract.llm.recalled_text import readable
from graphmem.extract.llm.repair import aside
from graphmem.ingest.given import given
from graphmem.ingest.verbatim import as_told, verbatim
from graphmem.model import Episode, Receipt, Statement
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import (
    RESUBMITTED,
    Commit,
    EntityQuery,
    Ledger,
    StatementQuery,
    TenantState,
)
from graphmem.ports.llm import Extraction, Extractor
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.resolver import resolve
from graphmem.text import name_keys_in

_KNOWN_NAMES = 200
_ERASED = "erased before it was finished"
_UNDONE = "undone before it was finished"
_KNOWN = "remembered before"
_TRIES = 100  # each lost one is another process's gain
T = TypeVar("T")


class Ingest:
    """Takes episodes through the stages. Decisions of one tenant are made one after another."""

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
    ) -> None:
        self._ledger = ledger
        self._extractor = extractor
        self._clock = clock
        self._window_s = duplicate_window_s
        self._at_once = at_once
        self._types, self._types_seq = RelationTypes(), 0
        self._options = options or ExtractionOptions()
        self._ambiguity_model = ambiguity_model
        self._tenants: weakref.WeakValueDictionary[str, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )
        self._under_way: dict[str, asyncio.Future[None]] = {}

    async def add(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Journal all, then take each through the stages; receipts in order. A text that is kept
        as it is, and says what was never heard, is done with the journal."""
        told = {e.id: as_told(e, self._clock) for e in episodes if not e.infer}
        stored = await self._ledger.journal(episodes, self._window_s, commits=list(told.values()))
        todo: dict[str, Episode] = {}
        receipts: dict[str, Receipt] = {}
        for asked, kept in zip(episodes, stored, strict=True):
            if asked.id == kept.id and kept.status == "done":
                receipts[kept.id] = Receipt(kept.id, "done", told[kept.id].decisions)
            # A repeated add of what is still pending is taken as a wish to go on with it.
            elif asked.id == kept.id or kept.status == "pending":
                todo.setdefault(kept.id, kept)
        receipts |= {receipt.episode_id: receipt for receipt in await self._once(todo)}
        results: list[Receipt] = []
        for kept in stored:
            fresh = receipts.pop(kept.id, None)
            results.append(fresh or Receipt(kept.id, "duplicate", reason=_KNOWN))
        return results

    async def resume(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Take pending episodes on from where they stopped."""
        return await self._once({episode.id: episode for episode in episodes})

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
        for infer, run in itertools.groupby(episodes.values(), key=lambda episode: episode.infer):
            take = self._infer if infer else self._commit_verbatim
            receipts += await take(list(run))
        return receipts

    async def _infer(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Extract a few ahead, commit in order: an older statement is decided before a newer."""
        waiting = iter(episodes)
        ahead: deque[tuple[Episode, asyncio.Task[Extraction | ModelError]]] = deque()
        receipts: list[Receipt] = []
        try:
            while True:
                for episode in itertools.islice(waiting, self._at_once - len(ahead)):
                    ahead.append((episode, asyncio.create_task(self._extract(episode))))
                if not ahead:
                    return receipts
                episode, task = ahead[0]
                receipts.append(await self._finish(episode, await task))
                ahead.popleft()
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)

    async def _extract(self, episode: Episode) -> Extraction | ModelError:
        try:
            return await self._candidates(episode)
        except ModelError as error:
            return error
        except UsageError as error:  # a prompt of its own that was there when it was told
            return ModelError(str(error), retryable=False)

    async def _candidates(self, episode: Episode) -> Extraction:
        if episode.kind == "statements":
            return given(episode)
        episode = readable(episode)
        kept = await self._ledger.extraction(episode.id)
        begun = None
        if kept and kept.raw is not None:
            raw, _ = without_verdicts(kept.raw)
            found = await aside(lambda raw: self._extractor.read(raw, episode), raw)
            if found.complete:
                return replace(found, raw=None, calls=0, tokens_in=0, tokens_out=0)
            begun = kept.raw
        keys = name_keys_in(" ".join(f"{turn.speaker or ''} {turn.text}" for turn in episode.turns))
        query = EntityQuery(episode.scope.tenant, keys=tuple(keys), limit=_KNOWN_NAMES)
        known = await self._ledger.entities(query)
        keep = partial(self._ledger.keep_extraction, episode.id)
        found = await self._extractor.extract(
            episode, known, options=self._options_of(episode), begun=begun, keep=keep
        )
        if episode.memory_type == "procedural" and found.raw is None:
            return as_procedures(episode, found)
        return found

    def _options_of(self, episode: Episode) -> ExtractionOptions:
        """Those of the call that told it, over the store's."""
        if episode.extraction is None:
            return self._options
        return ExtractionOptions.from_json(episode.extraction).over(self._options)

    async def _finish(self, episode: Episode, extraction: Extraction | ModelError) -> Receipt:
        tenant = episode.scope.tenant
        open_ambiguities = self._open_ambiguities(episode, extraction)

        async def attempt() -> Receipt | None:
            standing = await self.tenant_state(tenant, [episode.id])
            if ended := _ended(episode, standing):
                return ended
            if isinstance(extraction, ModelError):
                return await self._postpone(episode, extraction)
            commit, _ = await self._decide(episode, extraction, open_ambiguities=open_ambiguities)
            if open_ambiguities is not None and open_ambiguities.open:
                return None
            await self._ledger.commit([commit], since={tenant: standing.seq})
            told = extraction if open_ambiguities is None else open_ambiguities.counted(extraction)
            return _receipt(episode, "done", told, commit=commit)

        while (receipt := await self.decided(tenant, attempt)) is None:
            if open_ambiguities is not None:  # not while the tenant is held: a model is slow
                await open_ambiguities.ask()
        return receipt

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
            options=self._options_of(episode),
        )

    async def _postpone(self, episode: Episode, error: ModelError) -> Receipt:
        """Leave it pending, with the reason; what the failed answers cost is kept too."""
        reason = str(error)
        spent = Extraction((), (), self._extractor.name, self._extractor.version)
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
        receipts = await self._decided(sorted(by_tenant), partial(self._verbatim_once, by_tenant))
        return [receipts[episode.id] for episode in episodes]

    async def _verbatim_once(
        self, by_tenant: Mapping[str, Sequence[Episode]]
    ) -> dict[str, Receipt]:
        receipts: dict[str, Receipt] = {}
        commits: list[Commit] = []
        since: dict[str, int] = {}
        for tenant, here in by_tenant.items():
            standing = await self.tenant_state(tenant, [episode.id for episode in here])
            since[tenant] = standing.seq
            texts = [fact.text for episode in here for fact in verbatim(episode).facts]
            snapshot = await self.belief(tenant).reader.load_sentences(texts)
            for episode in here:
                if ended := _ended(episode, standing):
                    receipts[episode.id] = ended
                    continue
                extraction = verbatim(episode)
                commit, snapshot = await self._decide(episode, extraction, snapshot)
                commits.append(commit)
                receipts[episode.id] = _receipt(episode, "done", extraction, commit=commit)
        await self._ledger.commit(commits, since=since)
        return receipts

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        """What is to be decided on from here: how far the tenant is, and how relation types behave.

        Their rules are read only when they have changed. Those may be newer than the standing, but
        then what is decided is a :class:`~graphmem.errors.Conflict`.
        """
        standing = await self._ledger.tenant_state(tenant, episode_ids)
        if standing.types_seq > self._types_seq:
            seq, rules = await self._ledger.type_rules()
            if seq > self._types_seq:
                self._types, self._types_seq = RelationTypes.ruled(rules), seq
        return standing

    @property
    def types(self) -> RelationTypes:
        """How relation types behave, as far as :meth:`tenant_state` has read."""
        return self._types

    def belief(self, tenant: str) -> BeliefPipeline:
        """What decides what a tenant believes."""
        return BeliefPipeline(BeliefReader(self._ledger, tenant, self._types), self._clock)

    async def _decide(
        self,
        episode: Episode,
        extraction: Extraction,
        snapshot: Snapshot | None = None,
        *,
        open_ambiguities: OpenAmbiguities | None = None,
    ) -> tuple[Commit, Snapshot]:
        """What an episode changes, and the snapshot as it is after that."""
        chosen = open_ambiguities.names if open_ambiguities else {}
        resolution = await resolve(extraction, episode, self._ledger, self._clock, chosen=chosen)
        said = statements_of(extraction.facts, resolution, episode, self._types, self._clock)
        if open_ambiguities is not None:
            said = await open_ambiguities.over(resolution, said, self._types)
        belief = self.belief(episode.scope.tenant)
        if episode.reason == RESUBMITTED:
            # With the ids that it had before, so that its facts come back as themselves.
            query = StatementQuery(episode.scope.tenant, episode_ids=(episode.id,), undone_too=True)
            snapshot, undone = await belief.reader.load_undone(query, snapshot)
            ids = {_place(one): one.id for one in undone}
            said = [replace(one, id=ids.get(_place(one), one.id)) for one in said]
        new_entities = {entity.id for entity in resolution.new}
        plan = await belief.add_statements(said, new_entities=new_entities, snapshot=snapshot)
        turns = {turn.ordinal: turn.id for turn in episode.turns}
        mentions = {
            (turns[ordinal], entity.id)
            for ordinal, name in extraction.mentions
            if ordinal in turns and (entity := resolution.entity(name)) is not None
        }
        for statement in plan.statements:
            mentions |= _mentions(statement, episode)
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

    async def decided(self, tenant: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Decide something about a tenant, or change or erase in it by hand: one after another, and
        once more when another process, which shares the ledger, came in between."""
        return await self._decided([tenant], attempt)

    async def _decided(self, tenants: Sequence[str], attempt: Callable[[], Awaitable[T]]) -> T:
        """The same about several tenants, in the order in which all take them."""
        once_more = AsyncRetrying(
            retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(_TRIES), reraise=True
        )
        async with contextlib.AsyncExitStack() as held:
            for tenant in tenants:
                await held.enter_async_context(self._tenants.setdefault(tenant, asyncio.Lock()))
            return await once_more(attempt)


def _ended(episode: Episode, standing: TenantState) -> Receipt | None:
    """The receipt of an episode that others erased or finished meanwhile."""
    status = standing.statuses.get(episode.id)
    if status is None:
        return Receipt(episode.id, "failed", reason=_ERASED)
    if status == "undone":
        return Receipt(episode.id, "failed", reason=_UNDONE)
    return Receipt(episode.id, "duplicate", reason=_KNOWN) if status == "done" else None


def _place(statement: Statement) -> tuple[object, ...]:
    return statement.turn, statement.ordinal, statement.type, statement.kind, statement.text


def _mentions(statement: Statement, episode: Episode) -> set[tuple[str, str]]:
    """A turn that says something names the entities that it is about."""
    own = {turn.id for turn in episode.turns}
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
    )
