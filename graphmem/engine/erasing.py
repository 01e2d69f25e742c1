"""Forgetting: facts, episodes, scopes.

What is erased goes from the ledger in one transaction, with its receipt. Files of graph and vectors
that keep what was removed from them are made anew in the background, while they serve; until that
is done, which may be after the next opening, the receipt names them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Unpack

from graphmem.clock import LAST_MOMENT, parse_when_or_none
from graphmem.engine.checks import checked_flag, checked_text, checked_text_or_none
from graphmem.engine.corrections import Corrections, because, deleted
from graphmem.errors import LedgerLost, NotFound, UsageError, logged_failure
from graphmem.ingest.erase_sentences import no_longer_named, without_sentences
from graphmem.model import Episode, Erased, ErasureReceipt, Fact, Removal, Scope, Turn, tenant_scope
from graphmem.ports.api.arguments import ScopeArgs, When, WriteArgs
from graphmem.ports.ledger import (
    EntityQuery,
    Erasure,
    Forgetting,
    LoadedStatements,
    MentionQuery,
    StatementQuery,
)
from graphmem.projection.catch_up import Projection
from graphmem.projection.fill import SOON_RENEWED
from graphmem.retrieve.view import View

_log = logging.getLogger("graphmem")
_NOT_CLEAN = "what was erased is not out of every file yet"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 600.0  # between tries to clean what others hold


class Erasing(Corrections):
    """Deleting, and erasing for good."""

    async def delete(
        self,
        id: str,
        *,
        erase: bool = False,
        keep_turn: bool = False,
        **scope: Unpack[WriteArgs],
    ) -> Removal:
        checked_flag(erase, "erase")
        checked_flag(keep_turn, "keep_turn")
        where = await self._scope_of(checked_text(id, "id"), scope)
        ledger = self._parts.ledger

        async def attempt() -> Removal:
            if await ledger.episodes(where, ids=[id]):
                query = StatementQuery(where.tenant, episode_ids=(id,))
                return await self._erase(Erasure(where, episode_ids=(id,), what="episode"), query)
            facts = await ledger.facts(View().query(where, ids=(id,)))
            if erase and (facts or await self._was_here(where, id)):
                return await self._erase_fact(where, id)
            if not facts:
                raise NotFound(f"no fact or episode {id!r} in this scope")
            silenced = () if keep_turn else await self._stated_by(facts[0])
            await self._edit(facts[0], "deleted by hand", drop=True, silenced=silenced)
            for one in await self._summing_up(where.tenant, {id}):
                if one.status == "done":
                    await self._undo_episode(where, one, "what it sums up was deleted")
            return Removal(facts=1, silenced=len(silenced))

        return await self._ingest.decide_alone(where.tenant, attempt)

    async def _stated_by(self, fact: Fact) -> tuple[str, ...]:
        """The turns that state a fact. A source that is a whole episode counts when it has one
        turn."""
        whole = sorted({s.episode_id for s in fact.sources if s.turn_id is None})
        episodes = await self._parts.ledger.episodes_by_id(whole) if whole else []
        alone = [episode.turns[0].id for episode in episodes if len(episode.turns) == 1]
        named = [source.turn_id for source in fact.sources if source.turn_id]
        return tuple(dict.fromkeys([*named, *alone]))

    async def delete_all(
        self, *, before: When | None = None, dry_run: bool = False, **scope: Unpack[WriteArgs]
    ) -> Removal:
        where = await self._scope(scope)
        checked_flag(dry_run, "dry_run")
        until = parse_when_or_none(before, name="before")
        if until is not None or dry_run:
            old = partial(self._erase_old, where, until or LAST_MOMENT)
            return await self._ingest.decide_alone(where.tenant, partial(old, dry_run=dry_run))
        erasure = Erasure(where, at=self._parts.clock.now())
        if where.narrow_agent_id is None and where.run_id is None:
            # Nothing is left to be believed.
            erase = partial(self._erased, erasure)
        else:
            erase = partial(self._erase, erasure, StatementQuery(where.tenant, scope=where))
        return await self._ingest.decide_alone(where.tenant, erase)

    async def _erase_old(self, where: Scope, before: datetime, *, dry_run: bool) -> Removal:
        ids = tuple(await self._parts.ledger.stored_before(where, before))
        if not ids:
            return Removal()
        return await self._erase_episodes(Erasure(where, episode_ids=ids), dry_run=dry_run)

    async def _erase_episodes(self, erasure: Erasure, *, dry_run: bool) -> Removal:
        """Erase the episodes that it names, or (``dry_run``) count what would go with them."""
        where, ids = erasure.scope, erasure.episode_ids or ()
        query = StatementQuery(where.tenant, episode_ids=ids)
        if not dry_run:
            return await self._erase(erasure, query)
        await self._ingest.tenant_state(where.tenant)
        plan = await self._ingest.belief(where.tenant).remove_statements(query)
        return Removal(len(ids), deleted(plan.decisions))

    async def _erase(self, erasure: Erasure, query: StatementQuery) -> Removal:
        """Erase the statements that a query finds, and believe what the remaining ones say."""
        tenant = erasure.scope.tenant
        state = await self._ingest.tenant_state(tenant)
        plan = await self._ingest.belief(tenant).remove_statements(query)
        gone = {d.before.id for d in plan.decisions if d.before and d.after is None}
        summing_up = await self._summing_up(tenant, gone | set(erasure.fact_ids or ()))
        if ids := tuple(one.id for one in summing_up if not _goes_with(one, erasure)):
            # What repeats it goes first: the rest is then believed without.
            again = Erasure(tenant_scope(tenant), episode_ids=ids, what="episode")
            await self._erase(again, StatementQuery(tenant, episode_ids=ids))
            return await self._erase(erasure, query)
        decisions = because("a source was erased", plan.decisions)
        at = self._parts.clock.now()
        return await self._erased(replace(erasure, decisions=decisions, since=state.seq, at=at))

    async def _erase_fact(self, where: Scope, id: str) -> Removal:
        """Erase a fact, the statements it rests on, and their sentences in the turns."""
        tenant = where.tenant
        loaded = await self._parts.ledger.statements(StatementQuery(tenant, fact_ids=(id,)))
        ids = {s for f in loaded.facts if f.id == id for s in f.support}
        query = StatementQuery(tenant, fact_ids=(id,), statement_ids=tuple(sorted(ids)))
        rewritten, unmentioned = await self._unstated(where, id, loaded)
        erasure = Erasure(
            where, fact_ids=(id,), rewritten=rewritten, unmentioned=unmentioned, what="fact"
        )
        return await self._erase(erasure, query)

    async def _unstated(
        self, where: Scope, fact_id: str, loaded: LoadedStatements
    ) -> tuple[tuple[Episode, ...], tuple[tuple[str, str], ...]]:
        """The episodes that state a fact, rewritten without those sentences; and the mentions
        (turn, entity) that go with them, unless the turn says something else about that entity."""
        ledger, stated = self._parts.ledger, dict[str, dict[str | None, set[str]]]()
        texts = [(one.text, one.sources) for one in loaded.statements]
        texts += [(one.text, one.sources) for one in loaded.facts if one.id == fact_id]
        for text, sources in texts:
            for source in sources:
                by_turn = stated.setdefault(source.episode_id, {})
                by_turn.setdefault(source.turn_id, set()).add(text)
        before = await ledger.episodes_by_id(sorted(stated))
        after = tuple(without_sentences(one, stated[one.id]) for one in before)
        turns = [t for pair in zip(before, after, strict=True) for t in _changed(*pair)]
        mentions = await ledger.mentions(
            MentionQuery(where, turn_ids=tuple(old.id for old, _ in turns))
        )
        ids = {id for found in mentions.entities.values() for id in found}
        entities = {
            one.id: one
            for one in await ledger.entities(EntityQuery(where.tenant, ids=tuple(sorted(ids))))
        }
        gone = {one.id for one in loaded.statements}
        rest = await ledger.statements(
            StatementQuery(where.tenant, episode_ids=tuple(sorted(stated)))
        )
        left = {id for one in rest.statements if one.id not in gone for id in one.entity_ids}
        about = left | {rest.merged.get(id, id) for id in left}
        joined = [
            (merge.kept_id, merge.gone)
            for id in sorted(ids.intersection({**loaded.merged, **rest.merged}.values()))
            for merge in await ledger.merges(where.tenant, id)
            if merge.kept_id == id and merge.gone
        ]
        unmentioned = []
        for old, new in turns:
            here = mentions.entities.get(old.id, ())
            named = [entities[id] for id in here] + [one for id, one in joined if id in here]
            unnamed = no_longer_named(old, new, named)
            unmentioned += [(old.id, one.id) for one in unnamed if one.id not in about]
        return after, tuple(unmentioned)

    async def _erased(self, erasure: Erasure) -> Removal:
        """Erase from the ledger, while nothing of it is on its way to graph or vectors: what is in
        flight would bring there, and into the cache of embeddings, what is gone."""
        self._parts.check_folder()
        pending = {p.name: why for p, why in self._projected() if why}
        async with self._graph.paused(), self._vectors.paused():
            named = replace(erasure, pending=pending, actor=self._actor("user"))
            removal = await self._parts.ledger.erase(named)
        self._retrieve.forget()
        self._embedder.forget()
        if removal.erasure_id is not None:
            self._keep_clean()
        return removal

    async def forget(
        self, *, dry_run: bool = False, wait: bool = False, **scope: Unpack[WriteArgs]
    ) -> ErasureReceipt:
        self._check_writable()
        checked_flag(dry_run, "dry_run")
        checked_flag(wait, "wait")
        name, scopes = await self._forgotten(scope)
        pending = {p.name: why or "it follows with the next read" for p, why in self._projected()}
        what: Erased = "agent" if name is None else "tenant" if "project_id" in scope else "user"
        ledger = self._parts.ledger

        async def attempt() -> ErasureReceipt:
            forgetting = Forgetting(tuple(scopes), what, self._parts.clock.now(), pending)
            if dry_run:
                return await ledger.forget(forgetting, dry_run=True)
            async with self._graph.paused(), self._vectors.paused():
                return await ledger.forget(forgetting)

        tenants = sorted(one.tenant for one in scopes)
        receipt = await self._ingest.decide_alone(tenants, attempt)
        if dry_run:
            return receipt
        if name is not None:
            self._current.forget_user(name)
        self._retrieve.forget()
        self._embedder.forget()
        await (self._finish_erasures() if wait else self._follow_erasures())
        self._keep_clean()
        return (await ledger.erasures(id=receipt.id))[0]

    async def _forgotten(self, given: ScopeArgs) -> tuple[str | None, list[Scope]]:
        """The name of the user to forget (None for an agent), and the scopes of its tenants."""
        wanted = {name: value for name, value in given.items() if value is not None}
        if "run_id" in wanted or {"user_id", "agent_id"} <= wanted.keys():
            raise UsageError(
                "forget takes a whole user, or an agent's own memory: to erase what came from one "
                "agent or run, use delete_all"
            )
        owned: dict[str, Any] = {k: v for k, v in self._defaults.items() if v is not None}
        owned |= wanted
        if "agent_id" in wanted or "user_id" not in owned:
            agent = {k: v for k, v in owned.items() if k in {"agent_id", "project_id"}}
            return None, [self._current.named_scope({**agent, **wanted}, alone=True)]
        named = self._current.named_scope(wanted)
        name = named.user_id or ""
        project = named.project_id if "project_id" in wanted else None
        users = await self._parts.ledger.users(name, project)
        if not users:
            where = f" in the project {project!r}" if project else ""
            raise NotFound(f"nothing is stored of a user {name!r}{where}")
        return name, [Scope(one.project_id, one.pseudonym) for one in users]

    # Files that keep what was removed from them

    async def erasures(
        self, erasure_id: str | None = None, **scope: Unpack[ScopeArgs]
    ) -> list[ErasureReceipt]:
        self._check_open()
        checked_text_or_none(erasure_id, "erasure_id")
        given = self._current.any_given(scope)
        tenant = (await self._scope(scope)).tenant if given and erasure_id is None else None
        found = await self._parts.ledger.erasures(tenant, id=erasure_id)
        if erasure_id is not None and not found:
            raise NotFound(f"no erasure {erasure_id!r}")
        return found

    def _projected(self) -> Sequence[tuple[Projection, str]]:
        """Each projection, and the reason why its files still hold erased data (empty if they do
        not)."""
        why = "its files keep what was erased until they are made anew"
        both = (self._graph, self._vectors)
        return [(one, why if self._rebuilder.beside(one) else "") for one in both]

    def _keep_clean(self) -> None:
        """Start the background task that removes erased data from files."""
        if self._cleaning is None or self._cleaning.done():
            self._cleaning = asyncio.create_task(self._clean())

    async def _clean(self) -> None:
        """Repeat until no erasure is pending. A reader may hold the ledger's log open for a while,
        and further erasures may arrive, which the next round handles together."""
        pause = _FIRST_PAUSE_S
        while True:
            with logged_failure(_log, _NOT_CLEAN):
                if await self._parts.ledger.clean() and not await self._unfinished():
                    return
            # Erasures come in rows; and no more than half of the time goes into this.
            await asyncio.sleep(pause)
            begun = time.monotonic()
            await self._finish_erasures()
            pause = max(min(2 * pause, _LONGEST_PAUSE_S), time.monotonic() - begun)

    async def _unfinished(self, part: str | None = None) -> list[str]:
        """The ids of pending erasures; with ``part``, of those that this part may still hold data
        of."""
        pending = await self._parts.ledger.erasures(pending=True)
        return [one.id for one in pending if part is None or part in one.pending]

    async def _finish_on_closing(self) -> None:
        """Finish the pending erasures of a small store; a large one does so after the next
        opening."""
        if self._rebuilder.opened is not None and await self._parts.ledger.head() <= SOON_RENEWED:
            await self._finish_erasures()

    async def _finish_erasures(self) -> None:
        """Finish the pending erasures as far as possible. Files of the graph and the vectors are
        rebuilt while they serve; the ledger's file is rewritten last, while writers wait."""
        if self._rebuilder.opened is None:  # another process's, or not to be touched
            return
        pending = await self._unfinished()
        await self._follow_erasures()
        async with self._finishing:  # whoever waited finds it done, as far as it was erased before
            for projection, keeps in self._projected():
                # Who knows more than the ledger is kept until somebody decides.
                lost = isinstance(projection.damage, LedgerLost)
                with logged_failure(_log, _NOT_CLEAN):
                    if keeps and not lost and await self._unfinished(projection.name):
                        await self._renew(projection)
            with logged_failure(_log, _NOT_CLEAN):
                # A server's rows are gone already: it is only asked to free them.
                freed = bool(pending) and self._parts.ledger.shared
                if freed or await self._unfinished("ledger"):
                    await self._parts.ledger.clean(remake=True)

    async def _follow_erasures(self) -> None:
        """Apply the erasures to the stores whose files keep nothing, and record that they are
        done."""
        with logged_failure(_log, _NOT_CLEAN):
            for projection, keeps in self._projected():
                ids = await self._unfinished(projection.name)
                if ids and not keeps:
                    await projection.catch_up()
                    await self._parts.ledger.erasures_done(ids, projection.name)


def _goes_with(episode: Episode, erasure: Erasure) -> bool:
    """Whether the erasure covers this whole episode."""
    if erasure.episode_ids is not None:
        return episode.id in erasure.episode_ids
    return erasure.fact_ids is None and erasure.scope.takes_in(episode.scope)


def _changed(before: Episode, after: Episode) -> list[tuple[Turn, Turn]]:
    """The turns whose text has changed, before and after."""
    pairs = zip(before.turns, after.turns, strict=True)
    return [(old, new) for old, new in pairs if old.text != new.text]
