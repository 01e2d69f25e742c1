"""What the tests of extraction share: episodes, scripted facts, and what a request shows."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.extract.llm.extractor import ModelExtractor
from graphmem.model import Entity, Episode, Scope, Turn
from graphmem.ports.llm import Extraction
from graphmem.testing.llm_server import LocalModelServer, Request, ScriptedAnswer

WHEN = datetime(2024, 5, 17, 18, 30, tzinfo=UTC)
ADA = Entity(id="e1", tenant="default/user:ada", name="Ada Park", kind="person")
NOTHING: dict[str, Any] = {"entities": [], "facts": []}


def episode(*texts: str, **fields: Any) -> Episode:
    """An episode with one turn a text; ``Ben: hello`` has the speaker Ben."""
    turns = []
    for ordinal, text in enumerate(texts):
        speaker, colon, given_text = text.partition(": ")
        turns.append(
            Turn(
                f"t{ordinal}",
                "ep",
                ordinal,
                given_text if colon else text,
                speaker if colon else None,
            )
        )
    values: dict[str, Any] = {
        "id": "ep",
        "scope": Scope(user_id="ada"),
        "content": "\n".join(texts),
        "kind": "messages",
        "content_hash": "h",
        "occurred_at": WHEN,
        "recorded_at": WHEN,
        "turns": tuple(turns),
    }
    return Episode(**{**values, **fields})


def fact(text: str, turn: int = 0, **fields: Any) -> dict[str, Any]:
    given = {
        "text": text, "subject": None, "type": None, "object": None, "entities": [],
        "valid_at": None, "invalid_at": None, "importance": 0.5, "turns": [turn], "retracts": False,
    }  # fmt: skip
    return {**given, **fields}


async def no_wait(seconds: float) -> None:
    """Waits are not the matter here."""


@asynccontextmanager
async def extractor(server: LocalModelServer, **settings: Any) -> AsyncIterator[ModelExtractor]:
    llm = OpenAIChat("test-model", base_url=server.base_url, sleep=no_wait)
    made = ModelExtractor(llm, **settings)
    try:
        yield made
    finally:
        await made.close()


async def extract(
    server: LocalModelServer, shown: Episode, known: Sequence[Entity] = (), **settings: Any
) -> Extraction:
    async with extractor(server, **settings) as made:
        return await made.extract(shown, known)


def lines(request: Request) -> list[Any]:
    """The JSON lines between the two markers of a request, which must be the same and no more."""
    text = request.text()
    match = re.match(r"BEGIN ([0-9a-f]{16})\n(.*)\nEND \1(?:\n|$)", text, re.DOTALL)
    assert match is not None
    assert match.group(1) in request.text("system")
    assert text.count(match.group(1)) == 2
    return [json.loads(line) for line in match.group(2).split("\n")]


def turns(request: Request) -> list[int]:
    """The turns asked about; not those that are only shown as context."""
    return [line["turn"] for line in lines(request) if "turn" in line and "context" not in line]


def echo(request: Request) -> ScriptedAnswer:
    """One fact and one entity for every turn that is asked about."""
    shown = dict.fromkeys(turns(request))
    return {
        "entities": [{"name": f"Town {n}", "kind": "place", "aliases": []} for n in shown],
        "facts": [fact(f"Ada saw Town {n}.", n, entities=[f"Town {n}"]) for n in shown],
    }
