"""Decides what a tenant believes, one decision at a time, each based on the result of the last.

Everything that changes beliefs goes through :meth:`Deciding.decide_alone`: an episode, a change by
hand, an erasure. An episode's decision is made here: resolve → belief → commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal, TypeVar

from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.belief.ambiguities.process import OpenAmbiguities
from graphmem.belief.load import BeliefReader
from graphmem.belief.pipeline import BeliefPipeline
from graphmem.belief.snapshot import Snapshot
from graphmem.belief.statements import statements_of
from graphmem.clock import Clock
from graphmem.errors import BadModelOutput, Conflict, ModelError
from graphmem.ingest.extracting import Extracting, of_one_episode
from graphmem.ingest.verbatim import verbatim
from graphmem.model import Episode, Receipt, Statement
from graphmem.off_loop import long_work, run_off_loop
from graphmem.ports.ledger import (
    RESUBMITTED,
    Commit,
    DecisionReads,
    Ledger,
    StatementQuery,
    TenantState,
)
from graphmem.ports.ledger.off_loop import ReadsOffLoop
from graphmem.ports.llm import Extraction
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.resolver import resolve

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_TRIES = 100  # an attempt fails only when another process's succeeds
_MANY_RULING = 1_000  # tenants whose own rules of relation types are cached
_MUCH = 60
"""An episode with more facts and mentions is decided off the event loop: it takes milliseconds."""
_ERASED = "erased before it was finished"
UNDONE = "undone before it was finished"
KNOWN = "remembered before"


class Deciding:
    """Decides for one tenant at a time, and commits what was decided."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        extracting: Extracting,
        ambiguity_model: AmbiguityModel | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._extracting = extracting
        self._ambiguity_model = ambiguity_model
        self._types, self._types_seq = RelationTypes(), 0
        self._own: dict[str, tuple[int, int, RelationTypes]] = {}
        self._tenants: weakref.WeakValueDictionary[str, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        """The state that the next decision starts from: the tenant's last event, and the statuses
        of these episodes.

        The rules of relation types are read again when they have changed. If they are newer than
        the state, the commit fails with a :class:`~graphmem.errors.Conflict`.
        """
        state = await self._ledger.tenant_state(tenant, episode_ids)
        if state.types_seq > self._types_seq:
            found = await self._ledger.type_rules()
            if found.seq > self._types_seq:
                self._types, self._types_seq = RelationTypes.ruled(found.everybodys), found.seq
        await self._read_own(tenant, state.own_types_seq)
        return state

    async def _read_own(self, tenant: str, seq: int) -> None:
        """Read the tenant's own rules of relation types, if there are any newer ones."""
        known = self._own.get(tenant)
        if not seq:
            self._own.pop(tenant, None)  # the rules were forgotten, or there never were any
        elif known is None or known[0] < self._types_seq or known[1] < seq:
            found = await self._ledger.type_rules(tenant)
            types = RelationTypes.ruled(in_force(found.everybodys, found.own))
            while len(self._own) >= _MANY_RULING:
                idle = next((one for one in self._own if one not in self._tenants), None)
                if idle is None:
                    break
                del self._own[idle]
            self._own[tenant] = found.seq, found.seq, types

    def types(self, tenant: str) -> RelationTypes:
        """The relation types of a tenant, as of the last :meth:`tenant_state`."""
        known = self._own.get(tenant)
        return self._types if known is None else known[2]

    def belief(self, tenant: str, ledger: DecisionReads | None = None) -> BeliefPipeline:
        """The pipeline that decides what a tenant believes. Off the event loop it reads
        ``ledger``."""
        reader = BeliefReader(ledger or self._ledger, tenant, self.types(tenant))
        return BeliefPipeline(reader, self._clock)

    async def decide_alone(
        self, tenants: str | Sequence[str], attempt: Callable[[], Awaitable[_T]]
    ) -> _T:
        """Run ``attempt`` while no other decision is made for these tenants, and again after a
        conflict with another process on the same ledger. Several tenants are given in sorted order,
        so that no two calls wait for each other."""
        async with contextlib.AsyncExitStack() as locks:
            for tenant in [tenants] if isinstance(tenants, str) else tenants:
                await locks.enter_async_context(self._tenants.setdefault(tenant, asyncio.Lock()))
            for _ in range(_TRIES - 1):
                with contextlib.suppress(Conflict):
                    return await attempt()
            return await attempt()

    # Episodes

    async def decide_extracted(
        self, episode: Episode, extraction: Extraction | ModelError
    ) -> Receipt:
        """Decide an episode with its candidates. On an error that is due to the episode, it is left
        pending and those after it go on."""
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
            decide = partial(self._decide, episode, extraction, open_ambiguities=open_ambiguities)
            much = len(extraction.facts) + len(extraction.mentions) > _MUCH
            with long_work() if much else nullcontext():
                if much:  # the event loop serves other calls meanwhile
                    beside = ReadsOffLoop(self._ledger)
                    commit, _ = await run_off_loop(partial(decide, ledger=beside))
                else:
                    commit, _ = await decide()
                if open_ambiguities is not None and open_ambiguities.open:
                    return None
                await self._ledger.commit([commit], since={tenant: state.seq})
            spent = open_ambiguities.counted(extraction) if open_ambiguities else extraction
            return _receipt(episode, "done", spent, commit=commit)

        while (receipt := await self.decide_alone(tenant, attempt)) is None:
            if open_ambiguities is not None:  # without the tenant's lock: a model is slow
                async with self._extracting.model_slots(tenant):
                    await open_ambiguities.ask()
        return receipt

    async def _decide(
        self,
        episode: Episode,
        extraction: Extraction,
        snapshot: Snapshot | None = None,
        *,
        open_ambiguities: OpenAmbiguities | None = None,
        ledger: DecisionReads | None = None,
    ) -> tuple[Commit, Snapshot]:
        """The commit of an episode, and the snapshot of beliefs after it. ``ledger`` is read
        instead of the own one, off the event loop."""
        chosen = open_ambiguities.names if open_ambiguities else {}
        known = ledger or self._ledger
        resolution = await resolve(extraction, episode, known, self._clock, chosen=chosen)
        statements = statements_of(extraction.facts, resolution, episode, self._types, self._clock)
        if open_ambiguities is not None:
            statements = await open_ambiguities.settle(resolution, statements, self._types, known)
        belief = self.belief(episode.scope.tenant, ledger)
        if episode.reason == RESUBMITTED:
            # Statements get the ids that they had before, so that facts come back with theirs.
            query = StatementQuery(episode.scope.tenant, episode_ids=(episode.id,), undone_too=True)
            snapshot, undone = await belief.reader.load_undone(query, snapshot)
            ids = {_place(one): one.id for one in undone}
            statements = [replace(one, id=ids.get(_place(one), one.id)) for one in statements]
        new_entities = {entity.id: entity.name for entity in resolution.new}
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
        """The ambiguities to ask a model about; None unless that model extracted the episode."""
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
        """Leave the episode pending; keep the reason, and the cost of the failed answers."""
        reason = str(error)
        spent = self._extracting.nothing()
        if isinstance(error, BadModelOutput):
            spent = replace(
                spent, calls=error.calls, tokens_in=error.tokens_in, tokens_out=error.tokens_out
            )
        await self._ledger.keep_extraction(episode.id, spent)
        await self._ledger.postpone(episode.id, reason)
        return _receipt(episode, "pending", spent, reason=reason)

    async def decide_verbatim(self, episodes: Sequence[Episode]) -> list[Receipt]:
        """Decide ``infer=False`` texts. Each decision is based on the result of those before it;
        all are written in one transaction."""
        by_tenant: dict[str, list[Episode]] = {}
        for episode in episodes:
            by_tenant.setdefault(episode.scope.tenant, []).append(episode)
        receipts = await self.decide_alone(
            sorted(by_tenant), partial(self._verbatim_once, by_tenant)
        )
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


def _ended(episode: Episode, state: TenantState) -> Receipt | None:
    """The receipt of an episode that was finished, undone or erased meanwhile; None if it was
    not."""
    status = state.statuses.get(episode.id)
    if status is None:
        return Receipt(episode.id, "failed", reason=_ERASED)
    if status == "undone":
        return Receipt(episode.id, "failed", reason=UNDONE)
    return Receipt(episode.id, "duplicate", reason=KNOWN) if status == "done" else None


def _place(statement: Statement) -> tuple[object, ...]:
    return statement.turn, statement.ordinal, statement.type, statement.kind, statement.text


def _mentions(statement: Statement, own: Collection[str]) -> set[tuple[str, str]]:
    """The (turn, entity) pairs of a statement: a turn mentions the entities that its statement is
    about. ``own`` are the episode's turns."""
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
