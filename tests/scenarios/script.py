"""The scripted model: for each step of a scenario, the answer that a good model would give."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from graphmem.clock import stamp
from graphmem.extract.llm.schema import SCHEMA_NAME
from graphmem.testing.llm_server import Request, ScriptedAnswer, Status
from tests.scenarios.data import Statement, Step

# What the objects of a relation are; its subjects are people. A step's ``kinds`` say otherwise.
_KINDS = {
    "organization": "works_at studies_at member_of founded volunteers_at plays_for",
    "place": "lives_in born_in comes_from visited moved_from grew_up_in",
    "person": "married_to engaged_to dating knows sibling_of parent_of child_of friend_of "
    "colleague_of manages lives_with mentors met cousin_of divorced_from",
    "animal": "has_pet",
    "topic": "works_as speaks learns studies",
}
_KIND_OF_OBJECT = {type: kind for kind, types in _KINDS.items() for type in types.split()}


class Script:
    """Answers a request by the turn that it shows; anything else is refused."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = [step for step in steps if step.turns]

    def __call__(self, request: Request) -> ScriptedAnswer:
        asked = request.json.get("response_format", {}).get("json_schema", {}).get("name")
        text = request.text()
        for step in self._steps:
            if asked == SCHEMA_NAME and all(part in text for part in _shown(step)):
                return answer(step)
            if asked == "ambiguities" and f'"happened_at": "{stamp(step.at)[:19]}Z"' in text:
                return settled(step, text)
        return Status(400, "this scenario has no answer for this request")


def _shown(step: Step) -> list[str]:
    """What a request about a step shows: when it happened, and each of its turns."""
    turns = [json.dumps(turn.text, ensure_ascii=False) for turn in step.turns]
    return [f'"happened_at": "{stamp(step.at)[:19]}Z"', *turns]


def answer(step: Step) -> dict[str, Any]:
    """The answer for one step, in the form that the prompt asks for."""
    kinds: dict[str, str] = {}
    for statement in step.statements:
        kinds.setdefault(statement.subject, "person")
        if statement.object is not None:
            kinds.setdefault(statement.object, _KIND_OF_OBJECT.get(statement.type, "thing"))
    kinds |= step.kinds
    return {
        "entities": [
            {"name": name, "kind": kind, "aliases": list(step.aliases.get(name, ()))}
            for name, kind in kinds.items()
        ],
        "facts": [_fact(statement) for statement in step.statements],
    }


def settled(step: Step, text: str) -> dict[str, Any]:
    """The answer about what is ambiguous about one step; where the step gives none, that
    nobody known is meant and nothing is replaced."""
    lines = [json.loads(line) for line in text.split("\n") if line.startswith('{"question"')]
    return {"answers": [{"question": q["question"], "answer": _choice(step, q)} for q in lines]}


def _choice(step: Step, question: dict[str, Any]) -> int:
    if "name" in question:
        meant = step.means.get(question["name"])
        return next((c["number"] for c in question["choices"] if c["name"] == meant), 0)
    return 1 if question["earlier"]["text"] in step.replaces else 3


def _fact(statement: Statement) -> dict[str, Any]:
    return {
        "text": statement.sentence,
        "subject": statement.subject,
        "type": statement.type,
        "object": statement.object,
        "entities": list(statement.names),
        "valid_at": statement.since,
        "invalid_at": statement.ended or statement.until,
        "importance": 0.5,
        "turns": [statement.turn],
        "retracts": statement.retracts,
        "modality": statement.modality,
    }
