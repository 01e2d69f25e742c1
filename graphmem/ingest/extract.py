"""Entities and facts from an episode, by a language model: one structured call per episode.

Only an episode longer than the budget, or one whose answer outgrew the model, is asked about in
parts, split between turns. What the turns say is data: every turn is one line of JSON between two
markers that hold a digest of the text itself, which the text therefore cannot contain.
"""

from __future__ import annotations

import bisect
import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphmem.clock import stamp
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.ingest import prompts
from graphmem.ingest.answer import (
    Reading,
    Voices,
    merge_entities,
    merge_facts,
    read_answer,
)
from graphmem.ingest.answer_form import SCHEMA_NAME, schema
from graphmem.model import Entity, Episode, Turn
from graphmem.ports.llm import LLM, CandidateEntity, CandidateFact, Completion, Extraction, Prompt
from graphmem.text import digest, paragraphs, words

_log = logging.getLogger(__name__)

RELATION_TYPES = (
    "works_at", "works_as", "studies_at", "lives_in", "moved_to", "born_in", "comes_from",
    "visited", "married_to", "engaged_to", "dating", "partner_of", "parent_of", "child_of",
    "sibling_of", "friend_of", "colleague_of", "knows", "manages", "founded", "member_of",
    "part_of", "located_in", "owns", "created", "uses", "likes", "dislikes", "interested_in",
    "plays", "speaks", "attended", "plans_to_visit", "teaches", "mentors",
)  # fmt: skip
_PARTS_KEY = "graphmem_parts"
_MOST_HINTS = 100
_SMALLEST_BUDGET = 200
_SMALLEST_HALVED = 400
_MOST_HALVINGS = 3
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class _Line:
    """A turn, or a piece of one that is longer than the budget."""

    turn: Turn
    text: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One answered question."""

    raw: str
    reading: Reading


@dataclass(slots=True)
class _Spent:
    """What an extraction has cost so far, failed answers included."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, cost: Completion | BadModelOutput) -> None:
        self.calls += cost.calls
        self.tokens_in += cost.tokens_in
        self.tokens_out += cost.tokens_out


class ModelExtractor:
    """An :class:`~graphmem.ports.llm.Extractor` that asks a model.

    ``prompt_version`` names the prompt in the ledger; by default it is derived from the prompt's
    text. ``budget`` is how many characters of turns one call may carry.
    """

    def __init__(
        self, llm: LLM, *, prompt_version: str | None = None, budget: int = 48_000
    ) -> None:
        if budget < _SMALLEST_BUDGET:
            raise UsageError(f"the budget must be at least {_SMALLEST_BUDGET} characters")
        self._llm = llm
        self._version = prompt_version or prompts.version("extract", "extract_again")
        self._budget = budget
        self._schema = schema()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._llm.name

    @property
    def version(self) -> str:
        """The prompt's version."""
        return self._version

    async def close(self) -> None:
        await self._llm.close()

    async def extract(self, episode: Episode, known: Sequence[Entity]) -> Extraction:
        """See :class:`~graphmem.ports.llm.Extractor`.

        An answer that cannot be used is asked for once more, with the reason; the second time it
        is :class:`~graphmem.errors.BadModelOutput`, which then carries what all of it cost.
        """
        spent = _Spent()
        hints = [(entity.name, entity.kind) for entity in known]
        parts: list[_Part] = []
        try:
            for lines in _split(_lines(episode, self._budget), self._budget):
                for part in await self._answers(episode, lines, hints, spent):
                    parts.append(part)
                    hints += [(found.name, found.kind) for found in part.reading.entities]
        except BadModelOutput as error:
            error.calls, error.tokens_in = spent.calls, spent.tokens_in
            error.tokens_out = spent.tokens_out
            raise
        raws = [part.raw for part in parts]
        found = self._extraction(episode, [part.reading for part in parts], _joined(raws))
        return replace(
            found, calls=spent.calls, tokens_in=spent.tokens_in, tokens_out=spent.tokens_out
        )

    def read(self, raw: str, episode: Episode) -> Extraction:
        """See :class:`~graphmem.ports.llm.Extractor`. Costs nothing, and so counts no calls."""
        voices = _voices(episode)
        readings = [read_answer(part, voices) for part in _parts_of(raw)]
        return self._extraction(episode, readings, raw)

    def _extraction(self, episode: Episode, readings: Sequence[Reading], raw: str) -> Extraction:
        entities = merge_entities(e for reading in readings for e in reading.entities)
        facts = merge_facts(f for reading in readings for f in reading.facts)
        dropped = sum(reading.dropped for reading in readings)
        if dropped:
            _log.warning(
                "%s: %d items of the answer for episode %s could not be used, %d could",
                self.name, dropped, episode.id, len(entities) + len(facts),
            )  # fmt: skip
        return Extraction(
            entities=entities,
            facts=facts,
            extractor=self.name,
            version=self.version,
            raw=raw,
            mentions=_mentions(_turns(episode), entities, facts),
        )

    async def _answers(
        self,
        episode: Episode,
        lines: Sequence[_Line],
        hints: Sequence[tuple[str, str]],
        spent: _Spent,
        halvings: int = _MOST_HALVINGS,
    ) -> list[_Part]:
        """The answer for these lines; for each half when the model cannot take or tell it all."""
        try:
            return [await self._answer(episode, lines, hints, spent)]
        except ModelError as error:
            if not error.too_long:
                raise
            halves = _halves(lines) if halvings else None
            if halves is None:
                return [self._salvaged(episode, error)]
        _log.info("%s: episode %s is asked about in parts", self.name, episode.id)
        known = list(hints)
        parts: list[_Part] = []
        for half in halves:
            parts += await self._answers(episode, half, known, spent, halvings - 1)
            known += [(e.name, e.kind) for part in parts for e in part.reading.entities]
        return parts

    def _salvaged(self, episode: Episode, error: ModelError) -> _Part:
        """What a cut-off answer says before the cut, when nothing smaller can be asked."""
        partial = error.partial if isinstance(error, BadModelOutput) else ""
        try:
            reading = read_answer(partial, _voices(episode))
        except BadModelOutput:
            raise error from None
        if not reading.facts:
            raise error
        _log.warning("%s: the answer for episode %s was cut off", self.name, episode.id)
        return _Part(partial, reading)

    async def _answer(
        self,
        episode: Episode,
        lines: Sequence[_Line],
        hints: Sequence[tuple[str, str]],
        spent: _Spent,
    ) -> _Part:
        prompt = self._prompt(episode, lines, hints)
        voices = _voices(episode)
        try:
            return await self._ask(prompt, voices, spent)
        except BadModelOutput as error:
            if not error.retryable:
                raise
            again = prompts.load("extract_again").substitute(problem=error)
            _log.info("%s: episode %s is asked about again: %s", self.name, episode.id, error)
        return await self._ask(replace(prompt, user=f"{prompt.user}\n\n{again}"), voices, spent)

    async def _ask(self, prompt: Prompt, voices: Voices, spent: _Spent) -> _Part:
        try:
            completion = await self._llm.complete(prompt)
        except BadModelOutput as error:
            spent.add(error)
            raise
        spent.add(completion)
        try:
            reading = read_answer(completion.text, voices)
        except BadModelOutput as error:
            raise BadModelOutput(f"{self.name}: {error}", partial=error.partial) from error
        if reading.cut:
            raise BadModelOutput(
                f"{self.name}: the answer was cut off in the middle",
                retryable=False,
                too_long=True,
                partial=completion.text,
            )
        return _Part(completion.text, reading)

    def _prompt(
        self, episode: Episode, lines: Sequence[_Line], hints: Sequence[tuple[str, str]]
    ) -> Prompt:
        shown = list(_data(episode, lines, hints))
        boundary = digest(*shown)[:16]
        system = prompts.load("extract").substitute(
            boundary=boundary, types=", ".join(RELATION_TYPES)
        )
        user = "\n".join((f"BEGIN {boundary}", *shown, f"END {boundary}"))
        return Prompt(system, user, SCHEMA_NAME, self._schema)


# -- what the model is shown -----------------------------------------------------------------------


def _turns(episode: Episode) -> tuple[Turn, ...]:
    if episode.turns:
        return episode.turns
    return (Turn(episode.id, episode.id, 0, episode.content),)


def _speaker(episode: Episode, turn: Turn) -> str:
    """Who says "I" in a turn. Without a speaker it is the scope's user, or its agent."""
    if turn.speaker:
        return turn.speaker
    scope = episode.scope
    if turn.role == "user":
        return scope.user_id or scope.agent_id or turn.role
    return (scope.agent_id if turn.role == "assistant" else None) or turn.role


def _voices(episode: Episode) -> Voices:
    owner = episode.scope.user_id or episode.scope.agent_id or "user"
    return Voices({t.ordinal: _speaker(episode, t) for t in _turns(episode)}, owner)


def _lines(episode: Episode, budget: int) -> list[_Line]:
    return [
        _Line(turn, text)
        for turn in _turns(episode)
        for text in (
            [turn.text] if len(turn.text) <= budget else paragraphs(turn.text, longest=budget)
        )
        if text.strip()
    ]


def _split(lines: Sequence[_Line], budget: int) -> Iterator[list[_Line]]:
    """Runs of lines of at most ``budget`` characters together; nothing for an empty episode."""
    held: list[_Line] = []
    size = 0
    for line in lines:
        if held and size + len(line.text) > budget:
            yield held
            held, size = [], 0
        held.append(line)
        size += len(line.text)
    if held:
        yield held


def _halves(lines: Sequence[_Line]) -> tuple[list[_Line], list[_Line]] | None:
    """Two runs of about the same length; a single long line is cut. None: as small as can be."""
    if sum(len(line.text) for line in lines) < _SMALLEST_HALVED:
        return None
    if len(lines) == 1:
        turn, text = lines[0].turn, lines[0].text
        pieces = paragraphs(text, longest=max(1, len(text) // 2))
        lines = [_Line(turn, piece) for piece in pieces]
    if len(lines) < 2:
        return None
    sizes = list(itertools.accumulate(len(line.text) for line in lines))
    middle = min(bisect.bisect_left(sizes, sizes[-1] / 2) + 1, len(lines) - 1)
    return list(lines[:middle]), list(lines[middle:])


def _data(
    episode: Episode, lines: Sequence[_Line], hints: Sequence[tuple[str, str]]
) -> Iterator[str]:
    scope = episode.scope
    yield _json({
        "about": {
            "user": scope.user_id,
            "agent": scope.agent_id,
            "happened_at": stamp(episode.occurred_at)[:19] + "Z",
        }
    })  # fmt: skip
    yield _json({"known": list(dict.fromkeys(hints))[-_MOST_HINTS:]})
    for line in lines:
        turn = line.turn
        said_at = turn.occurred_at or episode.occurred_at
        yield _json({
            "turn": turn.ordinal,
            "speaker": _speaker(episode, turn),
            "role": turn.role,
            "said_at": f"{stamp(said_at)[:19]}Z",
            "weekday": _WEEKDAYS[said_at.weekday()],
            "text": line.text,
        })  # fmt: skip


def _json(value: Any) -> str:
    """One line of JSON, without characters that UTF-8 or a line reader would stumble over."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return "".join(f"\\u{ord(c):04x}" if c in "\u0085\u2028\u2029" else c for c in text)


# -- several answers as one ------------------------------------------------------------------------


def _joined(raws: Sequence[str]) -> str:
    """One text for the ledger that :func:`_parts_of` takes apart again."""
    return raws[0] if len(raws) == 1 else json.dumps({_PARTS_KEY: list(raws)}, ensure_ascii=False)


def _parts_of(raw: str) -> list[str]:
    if not raw.startswith(f'{{"{_PARTS_KEY}"'):
        return [raw]
    try:
        parts = json.loads(raw)[_PARTS_KEY]
    except (ValueError, KeyError):
        return [raw]
    return [part for part in parts if isinstance(part, str)]


def _mentions(
    turns: Sequence[Turn], entities: Sequence[CandidateEntity], facts: Sequence[CandidateFact]
) -> tuple[tuple[int, str], ...]:
    """Which turn names which entity: by its name or an alias in the text or as the speaker, or by
    a fact that the turn states about it."""
    found = {(turn, name): None for fact in facts for turn in fact.turns for name in fact.entities}
    for turn in turns:
        text = f" {' '.join(words(turn.text))} . {' '.join(words(turn.speaker or ''))} "
        for entity in entities:
            keys = (" ".join(words(name)) for name in (entity.name, *entity.aliases))
            if any(key and f" {key} " in text for key in keys):
                found[turn.ordinal, entity.name] = None
    return tuple(sorted(found))
