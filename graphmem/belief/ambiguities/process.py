"""The ambiguities of one episode on their way: seen while it is decided, asked about, and settled.

It is decided once as the structure has it. When something stays ambiguous nothing is written yet:
the model is asked, while others may decide, and then it is decided again with the verdicts. They
are kept with the extraction first, so that a crash, a lost race or a replay neither pays twice nor
decides otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from graphmem.belief.ambiguities.ask import (
    AmbiguityAnswer,
    AmbiguityModel,
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
    """What is ambiguous about one episode, and what became of it."""

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
        """Whether something is ambiguous that nobody was asked about."""
        return self._asked is None and bool(self._open)

    @property
    def names(self) -> Mapping[str, str]:
        """What names mean, as far as it is settled."""
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
        """What the episode says, with what is settled; before that, ambiguities are noted.
        ``types`` are as they stand for this decision, which reads ``ledger``."""
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
        """Settle what is open, by the verdicts that were kept or by asking the model."""
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
        """The decisions, with reasons that tell of the model."""
        return explain_decisions(decisions, statements, self._verdicts, resolution)

    def counted(self, extraction: Extraction) -> Extraction:
        """The extraction with what the second question cost and why it settled nothing, for the
        receipt."""
        if self._asked is None:
            return extraction
        reasons = [why for why in (extraction.reason, self._asked.reason) if why]
        return replace(
            extraction,
            calls=extraction.calls + self._asked.calls,
            tokens_in=extraction.tokens_in + self._asked.tokens_in,
            tokens_out=extraction.tokens_out + self._asked.tokens_out,
            reason="; ".join(reasons) or None,
        )
