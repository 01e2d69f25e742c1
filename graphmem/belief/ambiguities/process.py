"""Takes one episode through its ambiguities: they are found, asked about, and settled.

The episode is first decided by structure alone. If something is ambiguous, nothing is written yet:
the model is asked, while other episodes may be decided, and then this one is decided again with the
verdicts. They are stored with the extraction first, so that after a crash, a lost race or a replay
the model is not paid twice and the decision is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphmem.belief.ambiguities.ask import (
    AmbiguityAnswer,
    AmbiguityModel,
    with_cost,
    with_verdicts,
    without_verdicts,
)
from graphmem.belief.ambiguities.find import (
    Ambiguities,
    Verdicts,
    apply_verdicts,
    explain_decisions,
    find_ambiguities,
)
from graphmem.clock import Clock
from graphmem.model import Decision, Episode, Statement
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import DecisionReads, Ledger
from graphmem.ports.llm import Extraction
from graphmem.relation_types.types import RelationTypes
from graphmem.resolve.matching import Resolution


class OpenAmbiguities:
    """The ambiguities of one episode, and the verdicts once there are any."""

    def __init__(
        self,
        ambiguity_model: AmbiguityModel,
        episode: Episode,
        extraction: Extraction,
        *,
        ledger: Ledger,
        clock: Clock,
        options: ExtractionOptions,
    ) -> None:
        self._ambiguity_model = ambiguity_model
        self._episode = episode
        self._extraction = extraction
        self._ledger = ledger
        self._clock = clock
        self._options = options
        self._asked: AmbiguityAnswer | None = None
        self._open = Ambiguities()

    @property
    def open(self) -> bool:
        """Whether there are ambiguities about which the model has not been asked."""
        return self._asked is None and bool(self._open)

    @property
    def names(self) -> Mapping[str, str]:
        """By name key, the id of the entity that a verdict says is meant."""
        return self._verdicts.names

    @property
    def _verdicts(self) -> Verdicts:
        return self._asked.verdicts if self._asked else Verdicts()

    async def settle(
        self,
        resolution: Resolution,
        statements: Sequence[Statement],
        types: RelationTypes,
        ledger: DecisionReads,
    ) -> list[Statement]:
        """The statements with the verdicts applied. Before the model was asked they are returned as
        they are, and the ambiguities are recorded. ``types`` are the relation types of this
        decision, which reads ``ledger``."""
        tenant = self._episode.scope.tenant
        if self._asked is None:
            now = self._clock.now()
            self._open = await find_ambiguities(
                resolution, statements, ledger, tenant=tenant, types=types, now=now
            )
            return list(statements)
        return await apply_verdicts(
            self._verdicts, statements, ledger, tenant=tenant, clock=self._clock
        )

    async def ask(self) -> None:
        """Get verdicts on what is open: those stored with the extraction, else the model's, which
        are then stored."""
        kept = await self._ledger.extraction(self._episode.id)
        raw, verdicts = without_verdicts(kept.raw) if kept and kept.raw else (None, None)
        if verdicts is not None:
            self._asked = AmbiguityAnswer(verdicts)
            return
        self._asked = await self._ambiguity_model.ask(
            self._episode, self._open, self._extraction, self._options
        )
        if not self._asked.calls:
            return
        spent = Extraction(
            (),
            (),
            self._extraction.extractor,
            self._extraction.version,
            raw=None if raw is None else with_verdicts(raw, self._verdicts),
            calls=self._asked.calls,
            tokens_in=self._asked.tokens_in,
            tokens_out=self._asked.tokens_out,
        )
        await self._ledger.keep_extraction(self._episode.id, spent)

    def explained(
        self, decisions: Sequence[Decision], statements: Sequence[Statement], resolution: Resolution
    ) -> tuple[Decision, ...]:
        """The decisions, with the verdicts noted in their reasons."""
        return explain_decisions(decisions, statements, self._verdicts, resolution)

    def counted(self, extraction: Extraction) -> Extraction:
        """The extraction, for the receipt, with the cost of asking about ambiguities added, and why
        verdicts are missing."""
        if self._asked is None:
            return extraction
        reasons = [why for why in (extraction.reason, self._asked.reason) if why]
        return replace(with_cost(extraction, self._asked), reason="; ".join(reasons) or None)
