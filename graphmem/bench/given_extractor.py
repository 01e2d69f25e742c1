"""An extractor that gives what a data set's own model had extracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphmem.bench.dataset import UNIT
from graphmem.extract.rules.extractor import RulesExtractor
from graphmem.model import Entity, Episode
from graphmem.ports.llm import Extraction


class GivenExtractor:
    """Answers with the extraction of the unit that an episode is; nothing where none is given.

    Of a conversation the rules read the names and the relations: sentences that a model took from
    it say whom they are about, and nothing more.
    """

    name = "given"
    version = "1"

    def __init__(self, given: Mapping[str, Extraction]) -> None:
        self._given = given
        self._rules = RulesExtractor()

    async def extract(self, episode: Episode, known: Sequence[Entity], **_: Any) -> Extraction:
        given = self._of(episode)
        return given if _whole(episode) else _both(given, await self._rules.extract(episode, known))

    def read(self, raw: str, episode: Episode) -> Extraction:
        given = self._of(episode)
        return given if _whole(episode) else _both(given, self._rules.read(raw, episode))

    async def close(self) -> None:
        """Nothing is held."""

    def _of(self, episode: Episode) -> Extraction:
        unit = str(episode.metadata.get(UNIT, ""))
        return self._given.get(unit) or Extraction((), (), self.name, self.version, raw="{}")


def _whole(episode: Episode) -> bool:
    """Whether a model's extraction is all that there is: of a text that is one unit."""
    return episode.kind == "text"


def _both(given: Extraction, ruled: Extraction) -> Extraction:
    """What is given, with what the rules found, whose names the given sentences hold too."""
    names = [entity.name for entity in ruled.entities]
    facts = [
        replace(fact, entities=tuple(dict.fromkeys([*fact.entities, *_named(names, fact.text)])))
        for fact in given.facts
    ]
    entities = {entity.name: entity for entity in (*given.entities, *ruled.entities)}
    return replace(
        given,
        entities=tuple(entities.values()),
        facts=(*facts, *ruled.facts),
        mentions=ruled.mentions,
    )


def _named(names: Sequence[str], text: str) -> list[str]:
    padded = f" {text.rstrip('.')} "
    return [name for name in names if f" {name} " in padded or f" {name}'" in padded]
