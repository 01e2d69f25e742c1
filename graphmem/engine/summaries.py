"""The methods that sum up what is known of one thing, and fold it into a fact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

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
_MOST_KEPT = 1_000  # summaries by a model that are kept at hand
_ENOUGH_CHANGED = 0.2
_FOLDED = 12  # sentences of a summary that is kept as a fact


class _Kept(NamedTuple):
    summary: Summary
    made_of: frozenset[tuple[str, int]]


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
        name, facts = await self._summed_up(about, where)
        now, model = self._parts.clock.now(), self._parts.summary_model
        chosen = facts_that_matter(facts, most)
        plain = Summary(name, own_sentences(chosen), "facts", now)
        if model is None or not ask_model or not facts:
            return plain
        key = (where.tenant, where.narrow_agent_id, where.run_id, name, most)
        made_of = frozenset((fact.id, fact.version) for fact in facts)
        kept = self._summaries.get(key)
        if kept is not None and _still_good(kept, made_of):
            return kept.summary
        try:
            title, sentences = await model.sum_up(name, facts, most, tenant=where.tenant)
        except ModelError as error:
            return Summary(name, plain.sentences, "facts", now, reason=str(error))
        made = Summary(name, sentences, model.name, now, title)
        while len(self._summaries) >= _MOST_KEPT:
            del self._summaries[next(iter(self._summaries))]
        self._summaries[key] = _Kept(made, made_of)
        return made

    @property
    def _summaries(self) -> dict[Any, _Kept]:
        """By a model: not asked again until enough has changed. In this process alone, so that
        nothing of it outlives what is erased."""
        if not hasattr(self, "_by_model"):
            self._by_model: dict[Any, _Kept] = {}
        return self._by_model

    async def _summed_up(self, about: str | None, where: Scope) -> tuple[str, list[Fact]]:
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
        given: dict[str, Any] = dict(scope)
        where = await self._scope(scope)
        name, facts = await self._summed_up(entity, where)
        if len(facts) < least:
            raise UsageError(f"{name} has {len(facts):,} facts that hold now: too few to fold")
        made = await self.summary(entity, max_sentences=_FOLDED, **given)
        ids = _cited(made.sentences)
        text = " ".join(one.text for one in made.sentences)
        key = digest("\n".join([text, *ids]))
        return await self.add(
            text if name.lower() in text.lower() else f"{name}: {text}",
            infer=False,
            metadata={CONSOLIDATES: ids},
            idempotency_key=f"{CONSOLIDATES}:{key}",
            **given,
        )


def _cited(sentences: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(id for one in sentences for id in one.fact_ids))


def _still_good(kept: _Kept, made_of: frozenset[tuple[str, int]]) -> bool:
    """Whether all that it cites is believed as it was, and little else has changed."""
    ids = {id for id, _ in made_of & kept.made_of}
    changed = len(made_of ^ kept.made_of)
    return ids >= set(_cited(kept.summary.sentences)) and changed <= max(
        2, _ENOUGH_CHANGED * len(kept.made_of)
    )
