"""Entities and facts from an episode, by a language model: one structured call per episode.

Only an episode longer than the budget, or one whose answer outgrew the model, is asked about in
chunks, cut between turns. Each answer can be kept as it comes: no chunk is paid for twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.extract.llm.chunks import (
    EPISODE_START,
    Chunk,
    ChunkAnswer,
    TurnOffset,
    find_mentions,
    join_answers,
    kept_answers,
    merge_answers,
    next_chunk,
    parse_for,
)
from graphmem.extract.llm.parse import ParsedAnswer, Speakers
from graphmem.extract.llm.repair import read_off_loop, repeats
from graphmem.extract.llm.request import PromptBuilder, speakers_of, turns_or_content
from graphmem.model import Entity, Episode, Turn
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.llm import LLM, AsksModel, Completion, Extraction, Keep, Prompt

_log = logging.getLogger(__name__)

_BUDGET = 48_000
_SMALLEST_BUDGET = 200
_MOST_CUT = 3  # a cut answer is paid for: asked for in smaller chunks this often
_SMALL_CONTEXT = 8192  # tokens, up to which the prompt is the short one
_CHARACTERS_PER_TOKEN = 3  # fewer than usual, to be safe
_ANSWERS_SHARE = 2  # half of what is left of a context is for the answer
_MOST_CHARACTERS_PER_TOKEN = 10  # no tokenizer makes less of a text than this


@dataclass(slots=True)
class _Cost:
    """What answers have cost, failed ones included."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, cost: Completion | BadModelOutput) -> None:
        self.calls += cost.calls
        self.tokens_in += cost.tokens_in
        self.tokens_out += cost.tokens_out


@dataclass(slots=True)
class _Work:
    """One extraction under way."""

    episode: Episode
    turns: tuple[Turn, ...]
    speakers: Speakers
    asking: PromptBuilder
    hints: list[tuple[str, str]]
    size: int
    done: list[ChunkAnswer] = field(default_factory=list)
    spent: _Cost = field(default_factory=_Cost)
    not_kept: _Cost = field(default_factory=_Cost)
    """Of what was spent, that which no kept answer tells of yet."""

    def chunk(self, size: int | None = None) -> Chunk | None:
        """What to ask about next; None when every turn is answered."""
        at: TurnOffset = self.done[-1].end if self.done else EPISODE_START
        return next_chunk(self.turns, at, self.size if size is None else size)

    def read(self, raw: str) -> ParsedAnswer:
        return parse_for(self.episode, raw, self.speakers)

    def pay(self, cost: Completion | BadModelOutput) -> None:
        self.spent.add(cost)
        self.not_kept.add(cost)

    def add(self, answered: ChunkAnswer) -> None:
        self.done.append(answered)
        self.hints += [(found.name, found.kind) for found in answered.parsed.entities]


class ModelExtractor(AsksModel):
    """An :class:`~graphmem.ports.llm.Extractor` that asks a model.

    ``prompt_version`` names the prompt in the ledger; by default it is derived from the prompts'
    text and the ``options``. ``budget`` is how many characters of turns one call may carry;
    ``context_tokens``, what the model takes in and gives out together, makes it smaller where need
    be, and the prompt a short one. What a server refuses as too long makes it smaller, too, for as
    long as this lives.
    """

    def __init__(
        self,
        llm: LLM,
        *,
        prompt_version: str | None = None,
        budget: int = _BUDGET,
        context_tokens: int | None = None,
        options: ExtractionOptions | None = None,
    ) -> None:
        if budget < _SMALLEST_BUDGET:
            raise UsageError(f"the budget must be at least {_SMALLEST_BUDGET} characters")
        self._llm = llm
        self._options = options or ExtractionOptions()
        self._short = context_tokens is not None and context_tokens <= _SMALL_CONTEXT
        self._asking = PromptBuilder(self._options, short=self._short)
        self._others: dict[ExtractionOptions, PromptBuilder] = {}
        self._version = prompt_version
        self._budget = min(budget, self._budget_within(context_tokens, budget))

    def _budget_within(self, context_tokens: int | None, budget: int) -> int:
        if context_tokens is None:
            return budget
        left = context_tokens * _CHARACTERS_PER_TOKEN - self._asking.size
        if left // _ANSWERS_SHARE < _SMALLEST_BUDGET:
            needed = self._asking.size // _CHARACTERS_PER_TOKEN + 2 * _SMALLEST_BUDGET
            raise UsageError(
                f"a context of {context_tokens} tokens is too small for the prompt; it needs about "
                f"{needed}"
            )
        return left // _ANSWERS_SHARE

    @property
    def llm(self) -> LLM:
        """The model that is asked."""
        return self._llm

    def through(self, wrap: Callable[[LLM], LLM]) -> None:
        """Ask the model through ``wrap`` from now on."""
        self._llm = wrap(self._llm)

    def asking(self, options: ExtractionOptions) -> PromptBuilder:
        """How a call with these options asks; built again only when they have changed."""
        wanted = options.over(self._options)
        if wanted == self._options:
            return self._asking
        if wanted not in self._others:
            self._others = {wanted: PromptBuilder(wanted, short=self._short)}
        return self._others[wanted]

    @property
    def name(self) -> str:
        """The model's name."""
        return self._llm.name

    @property
    def version(self) -> str:
        """The version of prompts and options."""
        return self._version or self._asking.version

    async def extract(
        self,
        episode: Episode,
        known: Sequence[Entity],
        *,
        options: ExtractionOptions | None = None,
        begun: str | None = None,
        keep: Keep | None = None,
    ) -> Extraction:
        """See :class:`~graphmem.ports.llm.Extractor`.

        ``options`` are this call's own and go before those of the extractor. ``begun`` is a raw
        answer kept earlier of which :meth:`read` made something that is not ``complete``: only what
        it lacks is asked. ``keep`` is given every answer as soon as it can be used, with what it
        cost since the last; what is returned counts everything that this call cost.

        An answer that cannot be used is asked for once more, with the reason; the second time it
        is :class:`~graphmem.errors.BadModelOutput`, which then carries what was paid and not kept.
        """
        asking = self._asking if options is None else self.asking(options)
        work = _Work(
            episode=episode,
            turns=turns_or_content(episode),
            speakers=speakers_of(episode),
            asking=asking,
            hints=[(entity.name, entity.kind) for entity in known],
            size=self._budget,
        )
        if begun is not None:
            earlier, _ = await read_off_loop(
                lambda raw: kept_answers(raw, episode, work.speakers), begun
            )
            for answered in earlier:
                work.add(answered)
        try:
            while (chunk := work.chunk()) is not None:
                work.add(await self._answer_chunk(work, chunk))
                if keep is not None:
                    await keep(self._to_keep(work))
        except BadModelOutput as error:
            left = work.not_kept if keep is not None else work.spent
            error.calls, error.tokens_in = left.calls, left.tokens_in
            error.tokens_out = left.tokens_out
            raise
        found = self._extraction(episode, work.done, join_answers(work.done, complete=True))
        return replace(found, version=self._version or asking.version, **asdict(work.spent))

    async def _answer_chunk(self, work: _Work, chunk: Chunk) -> ChunkAnswer:
        """The answer about the chunk; about a smaller one that begins where it does when the model
        cannot take all of it, or its answer outgrows the model."""
        cuts, learnt = 0, False
        while True:
            try:
                answered = await self._ask_with_retry(work, chunk)
            except ModelError as error:
                if not error.too_long:
                    raise
                cuts += isinstance(error, BadModelOutput)
                learnt |= not isinstance(error, BadModelOutput)
                size = chunk.size // 2
                smaller = work.chunk(size)
                if size < _SMALLEST_BUDGET or cuts > _MOST_CUT or smaller is None:
                    return await self._salvaged(work, chunk, error)
                _log.info("%s: episode %s is asked about in chunks", self.name, work.episode.id)
                work.size, chunk = size, smaller
            else:
                if learnt:
                    self._budget = min(self._budget, work.size)
                return answered

    async def _ask_with_retry(self, work: _Work, chunk: Chunk) -> ChunkAnswer:
        prompt = work.asking.prompt(work.episode, chunk, work.hints)
        try:
            return await self._ask_once(work, chunk, prompt)
        except BadModelOutput as error:
            looped = repeats(error.partial)
            if not error.retryable and not looped:
                raise
            problem = "it repeated itself until it was cut off" if looped else str(error)
            _log.info("%s: episode %s is asked about again: %s", self.name, work.episode.id, error)
        try:
            return await self._ask_once(work, chunk, work.asking.retry(prompt, problem))
        except BadModelOutput as error:
            if repeats(error.partial):
                return await self._salvaged(work, chunk, error)
            raise

    async def _ask_once(self, work: _Work, chunk: Chunk, prompt: Prompt) -> ChunkAnswer:
        try:
            completion = await self._llm.complete(prompt)
        except BadModelOutput as error:
            work.pay(error)
            raise
        work.pay(completion)
        try:
            parsed = await read_off_loop(work.read, completion.text)
        except BadModelOutput as error:
            asked = len(prompt.system) + len(prompt.user)
            # Some servers drop what does not fit, the instructions first, and say nothing.
            starved = completion.tokens_in * _MOST_CHARACTERS_PER_TOKEN < asked
            why = f"{self.name}: {error}"
            if starved:
                why += (
                    f"; the server read only {completion.tokens_in} tokens of a prompt of "
                    f"{asked:,} characters: give it a larger context"
                )
            raise BadModelOutput(why, too_long=starved, partial=error.partial) from error
        if parsed.cut:
            raise BadModelOutput(
                f"{self.name}: the answer was cut off in the middle",
                retryable=False,
                too_long=True,
                partial=completion.text,
            )
        return ChunkAnswer(completion.text, parsed, chunk.end, chunk.context_turns)

    async def _salvaged(self, work: _Work, chunk: Chunk, error: ModelError) -> ChunkAnswer:
        """What a cut-off answer says before the cut, when nothing smaller can be asked."""
        partial = error.partial if isinstance(error, BadModelOutput) else ""
        try:
            parsed = await read_off_loop(work.read, partial)
        except BadModelOutput:
            raise error from None
        if not parsed.facts:
            raise error
        _log.warning("%s: the answer for episode %s was cut off", self.name, work.episode.id)
        return ChunkAnswer(partial, parsed, chunk.end, chunk.context_turns)

    def _to_keep(self, work: _Work) -> Extraction:
        complete = work.chunk() is None
        cost, work.not_kept = work.not_kept, _Cost()
        return Extraction(
            (),
            (),
            extractor=self.name,
            version=self._version or work.asking.version,
            raw=join_answers(work.done, complete=complete),
            complete=complete,
            **asdict(cost),
        )

    def read(self, raw: str, episode: Episode) -> Extraction:
        """See :class:`~graphmem.ports.llm.Extractor`. Costs nothing, and so counts no calls."""
        done, complete = kept_answers(raw, episode, speakers_of(episode))
        return replace(self._extraction(episode, done, raw), complete=complete)

    def _extraction(self, episode: Episode, done: Sequence[ChunkAnswer], raw: str) -> Extraction:
        merged = merge_answers(episode, done)
        if merged.dropped:
            _log.warning(
                "%s: %d items of the answer for episode %s could not be used, %d could",
                self.name,
                merged.dropped,
                episode.id,
                len(merged.entities) + len(merged.facts),
            )
        return Extraction(
            entities=merged.entities,
            facts=merged.facts,
            extractor=self.name,
            version=self.version,
            raw=raw,
            mentions=find_mentions(turns_or_content(episode), merged.entities, merged.facts),
            by_model=True,
        )

    async def close(self) -> None:
        await self._llm.close()
