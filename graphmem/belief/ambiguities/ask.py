"""Asks a model about all ambiguities of one episode in one call, and reads its answer.

Answers are numbers, so a model can only choose among what it was shown. If anything fails (no
answer, an unusable one, a ceiling) the ambiguity stays as it is: structure decides, and the reason
is reported.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel

from graphmem.belief.ambiguities.find import (
    Ambiguities,
    PairAmbiguity,
    Settled,
    Verdicts,
)
from graphmem.budget.governor import Governor
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.extract.llm.repair import json_values, read_off_loop
from graphmem.extract.llm.request import episode_header, json_line, turn_line, turns_or_content
from graphmem.extract.llm.schema import schema, snake_keys
from graphmem.model import Episode, Fact, Turn
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.llm import LLM, CandidateFact, Completion, Extraction, Prompt, PromptFrame
from graphmem.resolve.matching import NameAmbiguity
from graphmem.text import name_key

AmbiguityQuestion: TypeAlias = NameAmbiguity | PairAmbiguity
"""The ambiguity that one question is about."""

_log = logging.getLogger(__name__)

_KEPT = "graphmem_ambiguities"
_SCHEMA_NAME = "ambiguities"
_LONGEST_FACT = 300  # characters shown of a fact, known or extracted
_LONGEST_TURN = 1200
_MOST_SHOWN = 24_000  # characters of all questions and turns
_MOST_ALIASES = 5
_MOST_STATED = 5  # facts of the episode that are shown with a name
_DEEPEST = 4
_WITHOUT = "; what was ambiguous is decided without the model"
_QUESTION_KEYS = ("question", "id", "number", "q", "question_id")
_ANSWER_KEYS = ("answer", "choice", "value", "a", "result")
_PAIR_WORDS = {
    "replaces": 1, "replaced": 1, "replace": 1, "same": 2, "repeats": 2, "beside": 3, "both": 3,
    "different": 3, "none": 3,
}  # fmt: skip
_NAME_WORDS = {"none": 0, "nobody": 0}
_ONE_NUMBER = re.compile(r"[^0-9]*([0-9]{1,4})[^0-9]*")


class _Answered(BaseModel):
    question: int
    answer: int


class _Answers(BaseModel):
    """The whole answer."""

    answers: list[_Answered]


_SCHEMA = schema(_Answers)


@dataclass(frozen=True, slots=True)
class AmbiguityAnswer:
    """The result of asking: the verdicts, what they cost, and why some are missing."""

    verdicts: Verdicts = field(default_factory=Verdicts)
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reason: str | None = None


class AmbiguityModel:
    """Asks one model about the ambiguities of an episode, within the ceilings."""

    def __init__(
        self, llm: LLM, asking: Callable[[ExtractionOptions], PromptFrame], governor: Governor
    ) -> None:
        self._llm = llm
        self._asking = asking
        self._governor = governor

    @property
    def name(self) -> str:
        """The model's name."""
        return self._llm.name

    async def ask(
        self,
        episode: Episode,
        ambiguities: Ambiguities,
        extraction: Extraction,
        options: ExtractionOptions,
    ) -> AmbiguityAnswer:
        """The verdicts on the ambiguities of an episode with this extraction.

        If no verdict can be read from the answer, the model is asked once more and given the
        reason. A model that fails raises nothing: the result says why verdicts are missing.
        """
        shown, questions = _shown(episode, ambiguities, extraction.facts)
        try:
            asking = self._asking(options)
        except UsageError as error:  # a custom prompt that has become invalid since it was set
            return AmbiguityAnswer(reason=f"{error}{_WITHOUT}")
        prompt = asking.framed("ambiguities", shown, _SCHEMA_NAME, _SCHEMA)
        spent = Completion(
            "", self.name, extraction.tokens_in, extraction.tokens_out, extraction.calls
        )
        asked = AmbiguityAnswer()
        with self._governor.call(episode.scope.tenant, spent, actor=episode.actor):
            for retry in (True, False):
                asked, problem = await self._once(asked, prompt, questions)
                if problem is None:
                    return asked
                if not retry or not problem.retryable:
                    return replace(asked, reason=f"{problem}{_WITHOUT}")
                _log.info("%s: asked again about episode %s: %s", self.name, episode.id, problem)
                prompt = asking.retry(prompt, str(problem))
        return asked

    async def _once(
        self, asked: AmbiguityAnswer, prompt: Prompt, questions: Sequence[AmbiguityQuestion]
    ) -> tuple[AmbiguityAnswer, _Problem | None]:
        try:
            answer = await self._llm.complete(prompt)
        except BadModelOutput as error:
            again = error.retryable and not error.too_long
            return with_cost(asked, error), _Problem(str(error), retryable=again)
        except ModelError as error:
            return asked, _Problem(str(error), retryable=False)
        asked = with_cost(asked, answer)
        verdicts = await read_off_loop(lambda raw: read(raw, questions), answer.text)
        if not verdicts:
            why = f"{self.name}: the answer has no number for any of the questions"
            return asked, _Problem(why, retryable=True)
        missing = len(questions) - len(verdicts)
        reason = f"{self.name} left {missing} of {len(questions)} questions open{_WITHOUT}"
        return replace(asked, verdicts=verdicts, reason=reason if missing else None), None


@dataclass(frozen=True, slots=True)
class _Problem:
    text: str
    retryable: bool

    def __str__(self) -> str:
        return self.text


_Paid = TypeVar("_Paid", AmbiguityAnswer, Extraction)


def with_cost(paid: _Paid, more: Completion | BadModelOutput | AmbiguityAnswer) -> _Paid:
    """The same, with what another answer has cost."""
    return replace(
        paid,
        calls=paid.calls + more.calls,
        tokens_in=paid.tokens_in + more.tokens_in,
        tokens_out=paid.tokens_out + more.tokens_out,
    )


# -- the prompt ------------------------------------------------------------------------------------


def _shown(
    episode: Episode, ambiguities: Ambiguities, candidates: Sequence[CandidateFact]
) -> tuple[list[str], list[AmbiguityQuestion]]:
    """The lines of the prompt, and the questions in them, in order: as many as fit, each with the
    turns that it comes from."""
    turns = {turn.ordinal: turn for turn in turns_or_content(episode)}
    lines, turn_lines = [], dict[int, str]()
    questions: list[AmbiguityQuestion] = []
    left = _MOST_SHOWN
    everything: tuple[AmbiguityQuestion, ...] = (*ambiguities.names, *ambiguities.pairs)
    for ambiguity in everything:
        number = len(questions) + 1
        uses = _uses(ambiguity, candidates, turns)
        line = json_line(
            _name_asked(number, ambiguity, ambiguities.facts, candidates, uses)
            if isinstance(ambiguity, NameAmbiguity)
            else _pair_asked(number, ambiguity)
        )
        new = {
            n: json_line(turn_line(episode, turns[n], turns[n].text[:_LONGEST_TURN]))
            for n in uses
            if n in turns and n not in turn_lines
        }
        left -= len(line) + sum(map(len, new.values()))
        if left < 0 and questions:
            break
        turn_lines |= new
        lines.append(line)
        questions.append(ambiguity)
    return [
        json_line(episode_header(episode)),
        *(turn_lines[n] for n in sorted(turn_lines)),
        *lines,
    ], questions


def _uses(
    ambiguity: AmbiguityQuestion, candidates: Sequence[CandidateFact], turns: Mapping[int, Turn]
) -> list[int]:
    """The ordinals of a few turns that an ambiguity comes from."""
    if isinstance(ambiguity, PairAmbiguity):
        ordinal = ambiguity.statement.ordinal
        return sorted(candidates[ordinal].turns if ordinal < len(candidates) else ())[:2]
    stated = {turn for fact in _facts_with(ambiguity, candidates) for turn in fact.turns}
    named = (n for n, turn in turns.items() if ambiguity.name.casefold() in turn.text.casefold())
    return sorted(stated or named)[:3]


def _facts_with(
    ambiguity: NameAmbiguity, candidates: Iterable[CandidateFact]
) -> Iterator[CandidateFact]:
    for fact in candidates:
        names = (fact.subject, fact.object, *fact.entities)
        if any(name_key(name) == ambiguity.key for name in names if name):
            yield fact


def _name_asked(
    number: int,
    ambiguity: NameAmbiguity,
    facts: Mapping[str, Sequence[Fact]],
    candidates: Sequence[CandidateFact],
    uses: Sequence[int],
) -> dict[str, Any]:
    with_it = [fact.text[:_LONGEST_FACT] for fact in _facts_with(ambiguity, candidates)]
    return {
        "question": number,
        "name": ambiguity.name,
        "kind": ambiguity.kind,
        "turns": list(uses),
        "said": with_it[:_MOST_STATED],
        "choices": [
            {
                "number": n,
                "name": entity.name,
                "kind": entity.kind,
                "other_names": list(entity.aliases[:_MOST_ALIASES]),
                "facts": [fact.text[:_LONGEST_FACT] for fact in facts.get(entity.id, ())],
            }
            for n, entity in enumerate(ambiguity.entities, start=1)
        ],
    }


def _pair_asked(number: int, ambiguity: PairAmbiguity) -> dict[str, Any]:
    new = {
        "text": ambiguity.statement.text[:_LONGEST_FACT],
        "from": ambiguity.statement.known_date.iso()[:10],
    }
    known = {
        "text": ambiguity.known.text[:_LONGEST_FACT],
        "from": ambiguity.known.known_date.iso()[:10],
    }
    earlier, later = (known, new) if ambiguity.newer else (new, known)
    return {"question": number, "earlier": earlier, "later": later}


# -- the answer ------------------------------------------------------------------------------------


def read(raw: str, questions: Sequence[AmbiguityQuestion]) -> Verdicts:
    """The verdicts in a model's answer. Answers to no question, or outside the choices, are
    dropped."""
    for value, _ in json_values(raw):
        found = _verdicts(_pairs_in(value, _DEEPEST, len(questions)), questions)
        if found:
            return found
    return Verdicts()


def _pairs_in(value: Any, depth: int, asked: int) -> list[tuple[Any, Any]]:
    """Pairs of a question and an answer, however they are nested: objects with both, ``{"1": 2}``,
    or a list of as many bare values as there are questions."""
    if depth == 0:
        return []
    if isinstance(value, list):
        if len(value) == asked and not any(isinstance(item, list | Mapping) for item in value):
            return list(enumerate(value, start=1))
        inner: Iterable[Any] = value
    elif isinstance(value, Mapping):
        item = snake_keys(value)
        question = next((item[key] for key in _QUESTION_KEYS if key in item), None)
        answer = next((item[key] for key in _ANSWER_KEYS if key in item), None)
        if question is not None and not isinstance(answer, list | Mapping | None):
            return [(question, answer)]
        plain = [(key, given) for key, given in item.items() if _number(key) is not None]
        if plain:
            return plain
        inner = item.values()
    else:
        return []
    return [pair for one in inner for pair in _pairs_in(one, depth - 1, asked)]


def _number(value: Any) -> int | None:
    """A whole number, also one that is the only number in a text (``"3"``, ``question 3``)."""
    if isinstance(value, str):
        found = _ONE_NUMBER.fullmatch(value)
        return int(found.group(1)) if found else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _answered_number(value: Any, words: Mapping[str, int]) -> int | None:
    """The number of an answer, given as a number or as the word for it."""
    if not isinstance(value, str):
        return _number(value)
    plain = value.strip(" .\"'").casefold()
    return words.get(plain, int(plain) if re.fullmatch("[0-9]{1,4}", plain) else None)


def _verdicts(
    answers: Iterable[tuple[Any, Any]], questions: Sequence[AmbiguityQuestion]
) -> Verdicts:
    names: dict[str, str] = {}
    pairs: dict[tuple[int, str], Settled] = {}
    for question, answer in answers:
        number = _number(question)
        if number is None or not 0 < number <= len(questions):
            continue
        ambiguity = questions[number - 1]
        if isinstance(ambiguity, NameAmbiguity):
            choice = _answered_number(answer, _NAME_WORDS)
            if choice is not None and 0 <= choice <= len(ambiguity.entities):
                names.setdefault(ambiguity.key, ambiguity.entities[choice - 1].id if choice else "")
            continue
        over: Settled = "replaces" if ambiguity.newer else "replaced"
        settled: Mapping[int | None, Settled] = {1: over, 2: "same", 3: "beside"}
        if (verdict := settled.get(_answered_number(answer, _PAIR_WORDS))) is not None:
            pairs.setdefault(ambiguity.key, verdict)
    return Verdicts(names, pairs)


# -- storing verdicts ------------------------------------------------------------------------------


def with_verdicts(raw: str, verdicts: Verdicts) -> str:
    """One text for the ledger: the raw answer of the extraction, and the verdicts. These were
    answered by number, so the text has no words of other episodes."""
    kept = {
        "names": dict(verdicts.names),
        "pairs": [[*key, verdict] for key, verdict in verdicts.pairs.items()],
    }
    return json.dumps({_KEPT: kept, "answer": raw}, ensure_ascii=False)


def without_verdicts(raw: str) -> tuple[str, Verdicts | None]:
    """Split the text of :func:`with_verdicts` into the raw answer and the verdicts; None if there
    are none."""
    if not raw.startswith(f'{{"{_KEPT}"'):
        return raw, None
    try:
        whole = json.loads(raw)
        kept, answer = whole[_KEPT], whole["answer"]
        names = {str(key): str(id) for key, id in kept["names"].items()}
        pairs = {
            (int(ordinal), str(id)): verdict
            for ordinal, id, verdict in kept["pairs"]
            if verdict in get_args(Settled)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return raw, None
    return (answer, Verdicts(names, pairs)) if isinstance(answer, str) else (raw, None)
