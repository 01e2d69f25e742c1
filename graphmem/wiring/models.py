"""The model that reads, and the governor put before it, the embedder and the reranker."""

from __future__ import annotations

from functools import partial

from graphmem.adapters.models.chain import ChainedLLM
from graphmem.belief.ambiguities.ask import AmbiguityModel
from graphmem.budget.governor import Governed, GovernedEmbedder, GovernedLLM, Governor
from graphmem.budget.prices import load_prices
from graphmem.clock import Clock
from graphmem.errors import UsageError
from graphmem.ports.embedder import Embedder
from graphmem.ports.ledger import Ledger
from graphmem.ports.llm import LLM, AsksModel, Extractor
from graphmem.ports.reranker import Reranker
from graphmem.retrieve.rank.ranking import ModelReranker
from graphmem.retrieve.summaries import SummaryModel
from graphmem.settings import Settings
from graphmem.wiring.adapters import CHATS, PAID_PROVIDERS, make


def governor_of(ledger: Ledger, clock: Clock, settings: Settings) -> Governor:
    """By the ceilings of the settings, on the book of the ledger."""
    return Governor(ledger, clock, settings, load_prices(settings.prices), paid=PAID_PROVIDERS)


def model_of(settings: Settings) -> Extractor:
    """What reads: the model that the settings name, or the rules."""
    if settings.llm_fallback is not None and not settings.has_model:
        raise UsageError("GRAPHMEM_LLM_FALLBACK is for a model that fails: set GRAPHMEM_LLM too")
    if settings.embedder_dimensions and settings.embedder.partition(":")[0] not in CHATS:
        raise UsageError(
            f"GRAPHMEM_EMBEDDER_DIMENSIONS is for openai: and ollama:, not for {settings.embedder}"
        )
    found: Extractor = make("llm", settings.model, settings)
    return found


def govern_extractor(extractor: Extractor, rules: Extractor, governor: Governor) -> Extractor:
    """Asked within the ceilings; the rules, which cost nothing, take over at one. With a ceiling
    on money, a model without a checked price is :class:`~graphmem.errors.UsageError`."""
    if extractor.name == rules.name:
        return extractor
    asks = isinstance(extractor, AsksModel)
    chain = extractor.llm if isinstance(extractor, AsksModel) else None
    governor.check(chain.names if isinstance(chain, ChainedLLM) else [extractor.name])
    if isinstance(chain, ChainedLLM):  # each is booked as what it is
        chain.through(partial(GovernedLLM, governor=governor))
    elif isinstance(extractor, AsksModel):
        extractor.through(partial(GovernedLLM, governor=governor))
    return Governed(extractor, rules, governor, books=not asks)


def ambiguity_model_of(
    extractor: Extractor, governor: Governor, settings: Settings
) -> AmbiguityModel | None:
    """Asks the model of the extractor about what stays ambiguous, if it has one to be asked and the
    settings want it. ``extractor`` is the one that was given to :func:`govern_extractor`."""
    if not settings.ask_ambiguities or not isinstance(extractor, AsksModel):
        return None
    return AmbiguityModel(extractor.llm, extractor.asking, governor)


def summary_model_of(extractor: Extractor, governor: Governor) -> SummaryModel | None:
    """Words summaries with the model of the extractor, if it has one to be asked. ``extractor`` is
    the one that was given to :func:`govern_extractor`."""
    if not isinstance(extractor, AsksModel):
        return None
    return SummaryModel(extractor.llm, governor.call)


def reranker_of(governor: Governor, settings: Settings) -> Reranker | None:
    """The reranker that the settings name, None when they name none; a chat model is asked within
    the ceilings."""
    found: Reranker | LLM | None = make("reranker", settings.reranker, settings)
    if isinstance(found, LLM):
        governor.check([found.name])
        return ModelReranker(GovernedLLM(found, governor), governor.call)
    return found


def govern_embedder(embedder: Embedder, governor: Governor) -> Embedder:
    """Asked within the ceilings, too, unless it runs here and costs nothing."""
    if not governor.counts(embedder.name):
        return embedder
    governor.check([embedder.name])
    return GovernedEmbedder(embedder, governor)
