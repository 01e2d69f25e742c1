"""From an episode to its candidates: by rules, by a model, or from a stored answer of a model."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from graphmem.belief.ambiguities.ask import without_verdicts
from graphmem.errors import BadModelOutput, GraphmemError, ModelError, UsageError
from graphmem.extract.llm.as_meant import as_meant
from graphmem.extract.llm.grounding import Implied, grounded
from graphmem.extract.llm.hidden_text import hide_recalled
from graphmem.extract.llm.procedures import as_procedures
from graphmem.extract.llm.repair import read_off_loop
from graphmem.ingest.given_relations import given
from graphmem.model import Entity, Episode
from graphmem.off_loop import off_loop
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import EntityQuery, FactQuery, Ledger
from graphmem.ports.llm import Extraction, Extractor
from graphmem.text import name_keys, name_keys_in

_log = logging.getLogger(__name__)
_KNOWN_NAMES = 200
_KNOWN_FACTS = 200
_LONG = 5000  # characters; a longer text is processed off the event loop
_QUESTIONS_AT_ONCE = 32


def of_one_episode(error: Exception) -> bool:
    """Whether an error is due to this episode, or to what a model made of it, so that others can go
    on. A store that is down, or a machine out of memory, affects them all."""
    if isinstance(error, OSError | MemoryError):
        return False
    return not (isinstance(error, GraphmemError) and error.retryable)


@dataclass(frozen=True, slots=True)
class Extracting:
    """Reads episodes with one extractor. An answer stored in the ledger is used again."""

    _ledger: Ledger
    _extractor: Extractor
    _options: ExtractionOptions
    _shares: weakref.WeakValueDictionary[str, asyncio.Semaphore] = field(
        default_factory=weakref.WeakValueDictionary
    )

    async def extract(self, episode: Episode) -> Extraction | ModelError:
        """The candidates of an episode, or the error that leaves it pending."""
        try:
            return await self._candidates(episode)
        except ModelError as error:
            return error
        except UsageError as error:  # its own prompt file, which existed when it was added
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
                return await self._grounded(found, episode, await self._known(episode))
            begun = kept.raw
        known = await self._known(episode)
        keep = partial(self._ledger.keep_extraction, episode.id)
        async with self.model_slots(episode.scope.tenant):
            found = await self._extractor.extract(
                episode, known, options=self.options_of(episode), begun=begun, keep=keep
            )
        found = await self._grounded(found, episode, known)
        if episode.memory_type == "procedural" and found.raw is None:
            return as_procedures(episode, found)
        return found

    def model_slots(self, tenant: str) -> asyncio.Semaphore:
        """A semaphore to hold while a model is asked for this tenant, so that a tenant with many
        questions does not take all connections."""
        return self._shares.setdefault(tenant, asyncio.Semaphore(_QUESTIONS_AT_ONCE))

    async def _known(self, episode: Episode) -> list[Entity]:
        """The entities of this tenant that the text names."""
        text = " ".join(f"{turn.speaker or ''} {turn.text}" for turn in episode.turns)
        short = len(text) <= _LONG
        keys = name_keys_in(text) if short else await off_loop(partial(name_keys_in, text))
        query = EntityQuery(episode.scope.tenant, keys=tuple(keys), limit=_KNOWN_NAMES)
        return await self._ledger.entities(query)

    async def _grounded(
        self, found: Extraction, episode: Episode, known: Sequence[Entity]
    ) -> Extraction:
        """The candidates of a model that the text supports, corrected by what the text says."""
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
        """The known entities, with their facts, that rejected candidates name: a candidate may give
        a name in full where the text gives only a part."""
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
        """The extraction options of the call that added the episode, with those of the store as
        defaults."""
        if episode.extraction is None:
            return self._options
        return ExtractionOptions.from_json(episode.extraction).over(self._options)

    def nothing(self) -> Extraction:
        """An extraction without candidates."""
        return Extraction((), (), self._extractor.name, self._extractor.version)
