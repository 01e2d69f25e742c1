"""LoCoMo (Maharana et al. 2024): conversations of two people over many dated sessions.

Gold is a question's ``evidence``: ids of turns, found by ``D<session>:<turn>`` wherever they stand
(some strings hold several, with spaces or semicolons; ``D30:05`` is ``D30:5``). What is not of that
form, and ids of turns that do not exist, are left out and counted in the notes; a question left
without evidence counts for answers only.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion, digest_of, needed, read_json, rows
from graphmem.importers.locomo import read_locomo

_EVIDENCE = re.compile(r"\bD(\d+):(\d+)")
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}


def load_locomo(path: Path, **_: Any) -> Dataset:
    """Read ``locomo10.json`` or a part of it."""
    malformed: list[str] = []
    samples = read_json(path)
    corpora = []
    for where, sample in rows(samples, path, "conversation"):
        name = needed(sample, "sample_id", str, where)
        items = tuple(read_locomo(iter([json.dumps([sample])]), path.name, None))
        turns = [message["id"] for item in items for message in item["content"]]
        asked = tuple(
            _question(row, at, name, set(turns), malformed)
            for at, row in rows(needed(sample, "qa", list, where), path, "question")
        )
        sessions = {turn: turn.partition(":")[0] for turn in turns}
        corpora.append(Corpus(name, items, asked, sessions))
    return Dataset("locomo", "turn", tuple(corpora), _notes(malformed), digest_of([path]))


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
