"""The methods that sum up what is known of one thing, and fold it into a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

from graphmem.engine.checks import checked_flag, checked_limit, checked_text, checked_text_or_none
from graphmem.engine.lifecycle import LifecycleCalls
from graphmem.engine.writes import Writes
from graphmem.errors import ModelError, UsageError
from graphmem.model import Entity, Fact, KeptSummary, Receipt, Scope, Summary
from graphmem.ports.api.arguments import ScopeArgs, WriteArgs
from graphmem.ports.ledger import FactQuery
from graphmem.retrieve.summaries import (
    CONSOLIDATES,
    facts_that_matter,
    is_good,
    is_summary,
    own_sentences,
    versions_of,
)
from graphmem.text import digest

_MOST_FACTS = 1_000  # the newest, of which a summary is made
_GLANCED_AT = 100  # the newest, where nothing is kept that rests on more
_FOLDED = 12  # sentences of a summary that is kept as a fact
_USUAL = 8  # sentences of one, unless told otherwise


class Summarising(LifecycleCalls, Writes):
    """Summaries of an entity, or of a conversation, in a few sentences."""

    async def summary(
        self,
        about: str | None = None,
        *,
        max_sentences: int = _USUAL,
        ask_model: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Summary:
        self._check_open()
        most = checked_limit(max_sentences)
        checked_flag(ask_model, "ask_model")
        checked_text_or_none(about, "about")
        where = await self._scope(scope)
        entity, facts = await self._facts_about(about, where)
        return await self._sum_up(where, entity, facts, most, ask_model=ask_model)

    async def entity(self, name_or_id: str, **scope: Unpack[ScopeArgs]) -> Entity:
        found = await super().entity(name_or_id, **scope)
        where = await self._scope(scope)
        id = _id(where, found, _USUAL)
        kept = (await self._parts.ledger.summaries(where.tenant, [id])).get(id)
        facts = await self._facts_of(where, found, _MOST_FACTS if kept else _GLANCED_AT)
        good = kept is not None and is_good(kept, facts)
        summed_up = kept.summary if kept and good else self._plain(found, facts, _USUAL)
        return replace(found, summary=str(summed_up) or None)

    def _plain(self, entity: Entity | None, facts: Sequence[Fact], most: int) -> Summary:
        """A summary made of the facts' own sentences, without a model."""
        name, now = entity.name if entity else "", self._parts.clock.now()
        return Summary(name, own_sentences(facts_that_matter(facts, most)), "facts", now)

    async def _kept(
        self, where: Scope, entity: Entity | None, facts: Sequence[Fact], most: int
    ) -> Summary | None:
        """The summary that a model wrote before, if its facts have not changed."""
        id = _id(where, entity, most)
        kept = (await self._parts.ledger.summaries(where.tenant, [id])).get(id)
        return kept.summary if kept is not None and is_good(kept, facts) else None

    async def _sum_up(
        self,
        where: Scope,
        entity: Entity | None,
        facts: Sequence[Fact],
        most: int,
        *,
        ask_model: bool = True,
    ) -> Summary:
        model = self._parts.summary_model
        name = entity.name if entity else where.run_id or ""
        plain = replace(self._plain(entity, facts, most), about=name)
        if model is None or not ask_model or not facts:
            return plain
        if kept := await self._kept(where, entity, facts, most):
            return kept
        try:
            title, sentences = await model.sum_up(name, facts, most, tenant=where.tenant)
        except ModelError as error:
            return replace(plain, reason=str(error))
        made = Summary(name, sentences, model.name, plain.made_at, title)
        if not self._parts.read_only:
            id = _id(where, entity, most)
            kept_now = KeptSummary(id, versions_of(facts), model.name, made)
            await self._parts.ledger.keep_summary(where.tenant, kept_now)
        return made

    async def _facts_about(
        self, about: str | None, where: Scope
    ) -> tuple[Entity | None, list[Fact]]:
        """The entity (None for a conversation), and the facts about it that hold now."""
        entity = None if about is None else await self._stores.relate.entity(where, about)
        if entity is None and where.run_id is None:
            raise UsageError("summary of what? give an entity, or the run_id of a conversation")
        return entity, await self._facts_of(where, entity, _MOST_FACTS)

    async def _facts_of(self, where: Scope, entity: Entity | None, most: int) -> list[Fact]:
        query = FactQuery(
            where.tenant,
            entity_ids=None if entity is None else (entity.id,),
            agent_id=where.narrow_agent_id,
            run_id=where.run_id,
            current=self._parts.clock.now(),
            newest_first=True,
            limit=most,
        )
        found = await self._parts.ledger.facts(query)
        return [fact for fact in found if not is_summary(fact)]

    async def consolidate(
        self, entity: str, *, min_facts: int = 5, **scope: Unpack[WriteArgs]
    ) -> Receipt:
        self._check_writable()
        checked_text(entity, "entity")
        least = checked_limit(min_facts)
        where = await self._scope(scope)
        about, facts = await self._facts_about(entity, where)
        name = about.name if about else entity
        if len(facts) < least:
            raise UsageError(f"{name} has {len(facts):,} facts that hold now: too few to fold")
        made = await self._sum_up(where, about, facts, _FOLDED)
        ids = list(made.fact_ids)
        text = " ".join(one.text for one in made.sentences)
        whole = f"{CONSOLIDATES} {_id(where, about, _FOLDED)} "
        ends = [fact.expires_at for fact in facts if fact.id in ids and fact.expires_at]
        receipt = await self.add(
            text if name.lower() in text.lower() else f"{name}: {text}",
            infer=False,
            metadata={CONSOLIDATES: ids},
            expires_at=min(ends, default=None),
            idempotency_key=whole + digest("\n".join([text, *ids])),
            **scope,
        )

        async def replace_former() -> None:
            for one in await self._summing_up(where.tenant):
                former = (one.idempotency_key or "").startswith(whole)
                if former and one.id != receipt.episode_id and one.status == "done":
                    await self._undo_episode(where, one, "summed up again")

        await self._ingest.decide_alone(where.tenant, replace_former)
        return receipt


def _id(where: Scope, entity: Entity | None, most: int) -> str:
    """The id of a summary: what it is of, for which agent and run, and how long."""
    agent, run = where.narrow_agent_id or "", where.run_id or ""
    return digest("summary", agent, run, entity.id if entity else "", str(most))
