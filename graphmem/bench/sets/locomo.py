"""LoCoMo (Maharana et al. 2024): conversations of two people over many dated sessions.

Gold is a question's ``evidence``: ids of turns, found by ``D<session>:<turn>`` wherever they stand
(some strings hold several, with spaces or semicolons; ``D30:05`` is ``D30:5``). What is not of that
form, and ids of turns that do not exist, are left out and counted in the notes; a question left
without evidence counts for answers only.

``observation`` are sentences that a large model took from each session, with the turns that say
them: they can be given as extraction (``--extract given``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import (
    UNIT,
    Corpus,
    Dataset,
    GoldQuestion,
    digest_of,
    needed,
    read_json,
    rows,
)
from graphmem.importers.locomo import read_locomo
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction

_EVIDENCE = re.compile(r"\bD(\d+):(\d+)")
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}


def load_locomo(path: Path, **_: Any) -> Dataset:
    """Read ``locomo10.json`` or a part of it."""
    malformed: list[str] = []
    samples = read_json(path)
    corpora = []
    given: dict[str, Extraction] = {}
    for where, sample in rows(samples, path, "conversation"):
        name = needed(sample, "sample_id", str, where)
        items = tuple(map(_as_unit, read_locomo(iter([json.dumps([sample])]), path.name, None)))
        observed = list(_observed(sample.get("observation")))
        if observed:
            given |= {item["metadata"][UNIT]: _extraction(item, observed) for item in items}
        turns = [message["id"] for item in items for message in item["content"]]
        asked = tuple(
            _question(row, at, name, set(turns), malformed)
            for at, row in rows(needed(sample, "qa", list, where), path, "question")
        )
        sessions = {turn: turn.partition(":")[0] for turn in turns}
        corpora.append(Corpus(name, items, asked, sessions))
    notes = _notes(malformed)
    return Dataset("locomo", "turn", tuple(corpora), notes, digest_of([path]), given)


def _as_unit(item: Mapping[str, Any]) -> dict[str, Any]:
    """A session under a name by which its extraction is found."""
    name = item["idempotency_key"]
    return {**item, "metadata": {**item.get("metadata", {}), UNIT: name}}


def _observed(value: Any) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Whom each sentence is about, itself, and the turns that say it."""
    for session in value.values() if isinstance(value, Mapping) else ():
        for person, sentences in session.items():
            for text, evidence in (row for row in sentences if len(row) == 2):
                found = _EVIDENCE.findall(str(evidence))
                yield str(person), str(text), frozenset(f"D{int(a)}:{int(b)}" for a, b in found)


def _extraction(
    item: Mapping[str, Any], observed: list[tuple[str, str, frozenset[str]]]
) -> Extraction:
    """What was observed in one session, as facts about whom it names of those who talk."""
    at = {str(message["id"]): place for place, message in enumerate(item["content"])}
    people = list(dict.fromkeys(str(m["name"]) for m in item["content"] if m.get("name")))
    facts = []
    for person, text, evidence in observed:
        turns = tuple(sorted(at[id] for id in evidence if id in at))
        if turns:
            named = [name for name in people if name != person and name in text]
            facts.append(CandidateFact(text, entities=(person, *named), turns=turns))
    entities = tuple(CandidateEntity(name, "person") for name in people)
    return Extraction(entities, tuple(facts), "given", "1", raw="{}")


def _question(
    row: Any, where: str, sample: str, turns: set[str], malformed: list[str]
) -> GoldQuestion:
    number = int(where.rpartition(" ")[2])
    gold = set()
    for text in row.get("evidence") or ():
        ids = [f"D{int(a)}:{int(b)}" for a, b in _EVIDENCE.findall(str(text))]
        gold |= turns.intersection(ids)
        if not ids or not turns.issuperset(ids):
            malformed.append(str(text))
    adversarial = row.get("category") == 5
    answer = row.get("answer")
    return GoldQuestion(
        f"{sample}:{number}",
        needed(row, "question", str, where),
        CATEGORIES.get(row.get("category"), str(row.get("category"))),
        frozenset(gold),
        frozenset(id.partition(":")[0] for id in gold),
        None if adversarial or answer is None else str(answer),
        unanswerable=adversarial,
    )


def _notes(malformed: list[str]) -> tuple[str, ...]:
    if not malformed:
        return ()
    return (
        f"{len(malformed)} evidence strings name no turn of their conversation; they are left out",
    )
