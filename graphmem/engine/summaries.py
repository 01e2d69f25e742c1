"""The methods that sum up what is known of one thing, and fold it into a fact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from graphmem.engine.checks import checked_flag, checked_limit, checked_text, checked_text_or_none
from graphmem.engine.lifecycle import Aging
from graphmem.engine.writes import Writes
from graphmem.errors import ModelError, UsageError
from graphmem.model import Fact, Receipt, Scope, Summary
from graphmem.ports.arguments import ScopeArgs, WriteArgs
from graphmem.ports.ledger import FactQuery
from graphmem.retrieve.summaries import CONSOLIDATES, facts_that_matter, is_summary, own_sentences
from graphmem.text import digest

_MOST_FACTS = 1_000  # the newest, of which a summary is made
_FOLDED = 12  # sentences of a summary that is kept as a fact


class Summarising(Aging, Writes):
    """What is known of an entity, or of a conversation, in a few sentences."""

    async def summary(
        self,
        about: str | None = None,
        *,
        max_sentences: int = 8,
        ask_model: bool = True,
        **scope: Unpack[ScopeArgs],
    ) -> Summary:
        self._check_open()
        most = checked_limit(max_sentences)
        checked_flag(ask_model, "ask_model")
        checked_text_or_none(about, "about")
        where = await self._scope(scope)
        name, facts = await self._facts_about(about, where)
        return await self._sum_up(where, name, facts, most, ask_model=ask_model)

    async def _sum_up(
        self, where: Scope, name: str, facts: Sequence[Fact], most: int, *, ask_model: bool = True
    ) -> Summary:
        now, model = self._parts.clock.now(), self._parts.summary_model
        plain = own_sentences(facts_that_matter(facts, most))
        if model is None or not ask_model or not facts:
            return Summary(name, plain, "facts", now)
        key = (where.tenant, where.narrow_agent_id, where.run_id, name, most)
        if kept := model.kept(key, facts):
            return kept
        try:
            title, sentences = await model.sum_up(name, facts, most, tenant=where.tenant)
        except ModelError as error:
            return Summary(name, plain, "facts", now, reason=str(error))
        made = Summary(name, sentences, model.name, now, title)
        model.keep(key, facts, made)
        return made

    async def _facts_about(self, about: str | None, where: Scope) -> tuple[str, list[Fact]]:
        """What it is called, and the facts that hold now."""
        entity = None if about is None else await self._stores.relate.entity(where, about)
        if entity is None and where.run_id is None:
            raise UsageError("summary of what? give an entity, or the run_id of a conversation")
        query = FactQuery(
            where.tenant,
            entity_ids=None if entity is None else (entity.id,),
            agent_id=where.narrow_agent_id,
            run_id=where.run_id,
            current=self._parts.clock.now(),
            newest_first=True,
            limit=_MOST_FACTS,
        )
        found = [fact for fact in await self._parts.ledger.facts(query) if not is_summary(fact)]
        return (entity.name if entity else where.run_id or ""), found

    async def consolidate(
        self, entity: str, *, min_facts: int = 5, **scope: Unpack[WriteArgs]
    ) -> Receipt:
        self._check_writable()
        checked_text(entity, "entity")
        least = checked_limit(min_facts)
        where = await self._scope(scope)
        name, facts = await self._facts_about(entity, where)
        if len(facts) < least:
            raise UsageError(f"{name} has {len(facts):,} facts that hold now: too few to fold")
        made = await self._sum_up(where, name, facts, _FOLDED)
        ids = list(made.fact_ids)
        text = " ".join(one.text for one in made.sentences)
        key = digest("\n".join([text, *ids]))
        return await self.add(
            text if name.lower() in text.lower() else f"{name}: {text}",
            infer=False,
            metadata={CONSOLIDATES: ids},
            idempotency_key=f"{CONSOLIDATES}:{key}",
            **scope,
        )
