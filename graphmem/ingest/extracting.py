"""From an episode to what is decided because of it: its candidates, from what was kept or from a
model; and decisions about a tenant, made one after another, each on what the one before it left."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from graphmem.belief.ambiguities.ask import without_verdicts
from graphmem.belief.load import BeliefReader
from graphmem.belief.pipeline import BeliefPipeline
from graphmem.clock import Clock
from graphmem.errors import BadModelOutput, Conflict, GraphmemError, ModelError, UsageError
from graphmem.extract.llm.as_meant import as_meant
from graphmem.extract.llm.grounding import Implied, grounded
from graphmem.extract.llm.hidden_text import hide_recalled
from graphmem.extract.llm.procedures import as_procedures
from graphmem.extract.llm.repair import read_off_loop
from graphmem.ingest.given import given
from graphmem.model import Entity, Episode, TypeRule
from graphmem.off_loop import off_loop
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import DecisionReads, EntityQuery, FactQuery, Ledger, TenantState
from graphmem.ports.llm import Extraction, Extractor
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes
from graphmem.text import name_keys, name_keys_in

_log = logging.getLogger(__name__)
_KNOWN_NAMES = 200
_KNOWN_FACTS = 200
_LONG = 5000  # characters, from which a text is taken apart off the loop
_QUESTIONS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class ModelShares:
    """How much of a model a tenant may take at a time: one that has asked much, of a model that
    is slow, leaves connections to the others."""

    _shares: weakref.WeakValueDictionary[str, asyncio.Semaphore] = field(
        default_factory=weakref.WeakValueDictionary
    )

    def of(self, tenant: str) -> asyncio.Semaphore:
        """To be held while a model is asked on behalf of a tenant."""
        return self._shares.setdefault(tenant, asyncio.Semaphore(_QUESTIONS_AT_ONCE))


def of_one_episode(error: Exception) -> bool:
    """Whether what failed is what one episode says, or what a model made of it: the others go on.
    A store that is down or busy, and a machine out of memory, are everybody's."""
    if isinstance(error, OSError | MemoryError):
        return False
    return not (isinstance(error, GraphmemError) and error.retryable)


@dataclass(frozen=True, slots=True)
class Extracting:
    """Reads episodes with one extractor. An answer that was kept is not paid for again."""

    _ledger: Ledger
    _extractor: Extractor
    _options: ExtractionOptions
    shares: ModelShares = field(default_factory=ModelShares)

    async def extract(self, episode: Episode) -> Extraction | ModelError:
        """The candidates of an episode, or why there are none yet."""
        try:
            return await self._candidates(episode)
        except ModelError as error:
            return error
        except UsageError as error:  # a prompt of its own that was there when it was told
            return ModelError(str(error), retryable=False)
        except Exception as error:
            if not of_one_episode(error):
                raise
            _log.warning("an episode could not be read: %s", type(error).__name__)
            return BadModelOutput(f"what was answered cannot be read ({type(error).__name__})")

    async def _candidates(self, episode: Episode) -> Extraction:
        if episode.kind == "statements":
            return given(episode)
        episode = hide_recalled(episode)
        kept = await self._ledger.extraction(episode.id)
        begun = None
        if kept and kept.raw is not None:
            raw, _ = without_verdicts(kept.raw)
            found = await read_off_loop(lambda raw: self._extractor.read(raw, episode), raw)
            if found.complete:
                found = replace(found, raw=None, calls=0, tokens_in=0, tokens_out=0)
                return await self._borne_out(found, episode, await self._known(episode))
            begun = kept.raw
        known = await self._known(episode)
        keep = partial(self._ledger.keep_extraction, episode.id)
        async with self.shares.of(episode.scope.tenant):
            found = await self._extractor.extract(
                episode, known, options=self.options_of(episode), begun=begun, keep=keep
            )
        found = await self._borne_out(found, episode, known)
        if episode.memory_type == "procedural" and found.raw is None:
            return as_procedures(episode, found)
        return found

    async def _known(self, episode: Episode) -> list[Entity]:
        """Entities of this tenant that are named in the text."""
        text = " ".join(f"{turn.speaker or ''} {turn.text}" for turn in episode.turns)
        short = len(text) <= _LONG
        keys = name_keys_in(text) if short else await off_loop(partial(name_keys_in, text))
        query = EntityQuery(episode.scope.tenant, keys=tuple(keys), limit=_KNOWN_NAMES)
        return await self._ledger.entities(query)

    async def _borne_out(
        self, found: Extraction, episode: Episode, known: Sequence[Entity]
    ) -> Extraction:
        """Of what a model gave, what the text says, as it is meant there."""
        if not found.by_model:
            return found
        checked = await self._checked(found, episode, known, None)
        if checked.ungrounded:
            implied = await self._implied(found, checked, episode)
            checked = await self._checked(found, episode, known, implied)
        if checked.ungrounded:
            _log.info("%d facts of a model are not in %s", checked.ungrounded, episode.id)
        return checked

    async def _checked(
        self,
        found: Extraction,
        episode: Episode,
        known: Sequence[Entity],
        implied: Implied | None,
    ) -> Extraction:
        reworded = bool(self.options_of(episode).instructions)

        def check() -> Extraction:
            borne_out = grounded(found, episode, known, implied=implied, reworded=reworded)
            return as_meant(borne_out, episode, known)

        return check() if len(episode.content) <= _LONG else await off_loop(check)

    async def _implied(
        self, found: Extraction, checked: Extraction, episode: Episode
    ) -> Implied | None:
        """What is known of the names that the text does not give in full."""
        kept = {fact.text for fact in checked.facts}
        names = [n for f in found.facts if f.text not in kept for n in (f.subject, f.object) if n]
        keys = tuple(sorted({key for name in names for key in name_keys(name)}))[:_KNOWN_NAMES]
        tenant = episode.scope.tenant
        entities = await self._ledger.entities(EntityQuery(tenant, keys=keys, limit=_KNOWN_NAMES))
        if not entities:
            return None
        ids = tuple(entity.id for entity in entities)
        facts = await self._ledger.facts(
            FactQuery(
                tenant, entity_ids=ids, at=episode.occurred_at, stated_only=True,
                relations_only=True, newest_first=True, limit=_KNOWN_FACTS,
            )
        )  # fmt: skip
        return Implied(entities, facts)

    def options_of(self, episode: Episode) -> ExtractionOptions:
        """Those of the call that added the episode, over the store's."""
        if episode.extraction is None:
            return self._options
        return ExtractionOptions.from_json(episode.extraction).over(self._options)

    def nothing(self) -> Extraction:
        """An extraction without candidates."""
        return Extraction((), (), self._extractor.name, self._extractor.version)


_TRIES = 100  # each lost one is another process's gain
_MANY_RULING = 1_000  # tenants with rules of their own that are kept at hand
_T = TypeVar("_T")


class TenantDecisions:
    """What decisions rest on, and the order in which they are made."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._rules: Sequence[TypeRule] = ()
        self._types, self._types_seq = RelationTypes(), 0
        self._own: dict[str, tuple[int, int, RelationTypes]] = {}
        self._tenants: weakref.WeakValueDictionary[str, asyncio.Lock] = (
            weakref.WeakValueDictionary()
        )

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        """What is to be decided on from here: how far the tenant is, and how relation types behave.

        Their rules are read only when they have changed. Those may be newer than the state, but
        then what is decided is a :class:`~graphmem.errors.Conflict`.
        """
        state = await self._ledger.tenant_state(tenant, episode_ids)
        if state.types_seq > self._types_seq:
            found = await self._ledger.type_rules()
            if found.seq > self._types_seq:
                self._rules, self._types_seq = found.everybodys, found.seq
                self._types = RelationTypes.ruled(self._rules)
        await self._read_own(tenant, state.own_types_seq)
        return state

    async def _read_own(self, tenant: str, seq: int) -> None:
        """The tenant's own rules, where it has any that were not read yet."""
        known = self._own.get(tenant)
        if not seq:
            self._own.pop(tenant, None)  # they were forgotten, or never were
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
        """How relation types behave in a tenant, as far as :meth:`tenant_state` has read."""
        known = self._own.get(tenant)
        return self._types if known is None else known[2]

    def belief(self, tenant: str, ledger: DecisionReads | None = None) -> BeliefPipeline:
        """What decides what a tenant believes; ``ledger`` is what that reads off the loop."""
        reader = BeliefReader(ledger or self._ledger, tenant, self.types(tenant))
        return BeliefPipeline(reader, self._clock)

    async def decided(
        self, tenants: str | Sequence[str], attempt: Callable[[], Awaitable[_T]]
    ) -> _T:
        """Decide something about a tenant, or change or erase in it by hand: one after another, and
        once more when another process, which shares the ledger, came in between. Several tenants
        are given in the order in which all take them."""
        once_more = AsyncRetrying(
            retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(_TRIES), reraise=True
        )
        async with contextlib.AsyncExitStack() as locks:
            for tenant in [tenants] if isinstance(tenants, str) else tenants:
                await locks.enter_async_context(self._tenants.setdefault(tenant, asyncio.Lock()))
            return await once_more(attempt)
