"""Answers of a model from the retrieved context, and their scores.

``f1`` is LoCoMo's token F1 (Maharana et al. 2024, and the evaluation code published with it): words
in lower case without punctuation and articles, stemmed by Porter's algorithm; for multi-hop
questions each part of the answer between commas against its best match. ``judge`` is a model's
verdict, 0 or 1, or the share of a rubric's points that are met. Of a question that cannot be
answered, both say whether the answer declines.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from graphmem.bench.dataset import GoldQuestion
from graphmem.errors import BadModelOutput, UsageError
from graphmem.ports.llm import LLM, Completion, Prompt

NO_ANSWER = "No information available"
_DECLINES = re.compile(
    r"no information|not (?:mentioned|stated|specified|known)|unknown|"
    r"cannot (?:be )?answer|don't know"
)
_SKIPPED = frozenset({"a", "an", "the", "and"})
_ANSWER = (
    "You answer questions about people from notes of what they said. Use the notes only. Answer in "
    "as few words as possible: a name, a date, a short phrase or a list with commas. Work out "
    "dates from the date of the note. When the notes do not say, answer exactly: "
    f"{NO_ANSWER}."
)
_JUDGE = (
    "You mark answers. You are given a question, the right answer and the answer of a candidate. "
    "The candidate is correct when it gives the same facts, however worded; more detail is no "
    "fault, a date that names the same day, week or month in another way is the same."
)
_RUBRIC = (
    "You mark answers against a list of points. For each point, in order, say whether the "
    "candidate's answer meets it."
)


class Answers:
    """Answers with one model, and lets a model (the same, unless another is given) judge."""

    def __init__(self, model: LLM, judge: LLM | None = None) -> None:
        self._model = model
        self._judge = judge or model

    async def __call__(self, context: str, asked: GoldQuestion) -> dict[str, Any]:
        """The answer with its scores and what both calls cost. An answer that cannot be used counts
        as empty, with the reason; a model that cannot be asked raises ModelError."""
        user = f"Notes:\n{context}\n\n"
        user += f"Asked on {asked.at}.\n" if asked.at else ""
        answer_json, spent = await _ask(
            self._model, _ANSWER, f"{user}Question: {asked.text}", "answer", {"type": "string"}
        )
        answer = str(answer_json.get("answer", ""))
        verdict, more, unjudged = await self._judged(asked, answer)
        scores = {"judge": verdict} if verdict is not None else {}
        if asked.unanswerable or asked.answer is not None:
            scores["f1"] = token_f1(answer, asked)
        reason = answer_json.get("reason") or unjudged
        cost = {key: spent[key] + more[key] for key in spent}
        return {
            "answer": answer,
            "scores": scores,
            **cost,
            **({"reason": reason} if reason else {}),
        }

    async def close(self) -> None:
        await self._model.close()
        if self._judge is not self._model:
            await self._judge.close()

    async def _judged(
        self, asked: GoldQuestion, answer: str
    ) -> tuple[float | None, Counter[str], str | None]:
        """The verdict, what it cost, and why there is none that can be used, if so: that counts as
        wrong."""
        if asked.rubric:
            points = "\n".join(f"{n}. {text}" for n, text in enumerate(asked.rubric, start=1))
            kind = {"type": "array", "items": {"type": "boolean"}}
            text = f"Question: {asked.text}\nCandidate: {answer}\nPoints:\n{points}"
            answer_json, spent = await _ask(self._judge, _RUBRIC, text, "met", kind)
            met = answer_json.get("met")
            share = [bool(point) for point in met] if isinstance(met, list) else []
            why = None if isinstance(met, list) else _no_verdict(answer_json)
            return sum(share[: len(asked.rubric)]) / len(asked.rubric), spent, why
        if asked.unanswerable:
            return float(declines(answer)), Counter(), None
        if asked.answer is None:
            return None, Counter(), None
        text = f"Question: {asked.text}\nRight answer: {asked.answer}\nCandidate: {answer}"
        answer_json, spent = await _ask(self._judge, _JUDGE, text, "correct", {"type": "boolean"})
        why = None if isinstance(answer_json.get("correct"), bool) else _no_verdict(answer_json)
        return float(answer_json.get("correct") is True), spent, why


def _no_verdict(answer_json: Mapping[str, Any]) -> str:
    return f"no verdict: {answer_json.get('reason', 'the judge gave none')}"


async def _ask(
    model: LLM, system: str, user: str, key: str, kind: Mapping[str, Any]
) -> tuple[dict[str, Any], Counter[str]]:
    """Ask a model for one value; returns it with its cost, or ``reason`` when there is none."""
    schema = {
        "type": "object",
        "properties": {key: kind},
        "required": [key],
        "additionalProperties": False,
    }
    try:
        completion = await model.complete(Prompt(system, user, key, schema))
    except BadModelOutput as error:
        return {"reason": str(error)}, _cost(error)
    try:
        value = json.loads(completion.text)
    except ValueError:
        return {"reason": "the answer was not JSON"}, _cost(completion)
    found = value if isinstance(value, dict) else {"reason": "the answer was no JSON object"}
    return found, _cost(completion)


def _cost(of: Completion | BadModelOutput) -> Counter[str]:
    return Counter(model_calls=of.calls, tokens_in=of.tokens_in, tokens_out=of.tokens_out)


def declines(answer: str) -> bool:
    """Whether an answer says that there is none."""
    return not answer.strip() or bool(_DECLINES.search(answer.lower()))


def token_f1(answer: str, asked: GoldQuestion) -> float:
    """LoCoMo's F1 of an answer."""
    if asked.unanswerable or asked.answer is None:
        return float(declines(answer))
    if asked.category == "multi-hop":
        parts = [part.strip() for part in asked.answer.split(",")]
        given = [part.strip() for part in answer.split(",")]
        return sum(max(_f1(one, part) for one in given) for part in parts) / len(parts)
    # Open questions have the reasons of an answer after a semicolon.
    gold = asked.answer.partition(";")[0] if asked.category == "open-domain" else asked.answer
    return _f1(answer, gold)


def _f1(answer: str, gold: str) -> float:
    given, wanted = _tokens(answer), _tokens(gold)
    shared = sum((Counter(given) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def _tokens(text: str) -> Sequence[str]:
    words = re.sub(r"[^\w\s]", "", text.lower()).split()
    return [_stem(word) for word in words if word not in _SKIPPED]


@cache
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    try:
        import snowballstemmer
    except ModuleNotFoundError as error:
        raise UsageError(
            "--answer needs one more package: pip install 'graphmem[bench]'"
        ) from error
    return snowballstemmer.stemmer("porter")
