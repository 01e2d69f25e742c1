"""MuSiQue, HotpotQA and 2WikiMultihopQA as HippoRAG packs them (Gutiérrez et al. 2024, 2025).

A file of questions, and beside it one of passages: ``musique.json`` and ``musique_corpus.json``.
All passages are one corpus, and every question is asked over all of them. Gold are the passages
that a question needs: MuSiQue's ``is_supporting`` paragraphs (by title and text), the others'
titles in ``supporting_facts``. A file of triples that a model extracted from the passages
(HippoRAG's ``openie_…json``) can be given as extraction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
from graphmem.errors import UsageError
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction

_ONE_OWNER = "passages"
_PARTS = 3


def load_passages(
    path: Path, *, name: str, corpus: Path | None = None, triples: Path | None = None, **_: Any
) -> Dataset:
    """Read questions and passages; ``corpus`` is found beside the questions when not given."""
    beside = corpus or path.with_name(f"{path.stem}_corpus.json")
    if not beside.is_file():
        raise UsageError(f"{beside}: no such file; name the passages with --corpus")
    passages = _passages(read_json(beside), beside)
    by_text = {text: id for id, text in passages.items()}
    by_title: dict[str, list[str]] = {}
    for id, (title, _text) in passages.items():
        by_title.setdefault(title, []).append(id)
    lost: list[str] = []
    asked = tuple(
        _question(row, where, by_text, by_title, lost)
        for where, row in rows(read_json(path), path, "question")
    )
    notes = [f"{len(lost)} gold passages are not in the corpus"] if lost else []
    given: Mapping[str, Extraction] = {}
    if triples is not None:
        given, more = _given(triples, by_text)
        notes += more
    files = [path, beside, *([triples] if triples else [])]
    items = tuple(_item(id, *passage, name) for id, passage in passages.items())
    whole = Corpus(_ONE_OWNER, items, asked)
    return Dataset(name, "passage", (whole,), tuple(notes), digest_of(files), given)


def _passages(value: Any, path: Path) -> dict[str, tuple[str, str]]:
    """Id to title and text: a list of both, or sentences by title."""
    if isinstance(value, Mapping):
        value = [{"title": title, "text": "".join(text)} for title, text in value.items()]
    found = {}
    for number, (where, row) in enumerate(rows(value, path, "passage")):
        text = needed(row, "text", str, where)
        found[str(number)] = (needed(row, "title", str, where), text)
    return found


def _item(id: str, title: str, text: str, name: str) -> dict[str, Any]:
    # One paragraph, so that a passage is one turn.
    return {
        "content": f"{title}\n{' '.join(text.split())}",
        "user_id": _ONE_OWNER,
        "metadata": {UNIT: id},
        "idempotency_key": f"{name}:{id}",
    }


def _question(
    row: Mapping[str, Any],
    where: str,
    by_text: Mapping[tuple[str, str], str],
    by_title: Mapping[str, Sequence[str]],
    lost: list[str],
) -> GoldQuestion:
    gold: set[str] = set()
    for title, text in _needed(row, where):
        ids = _ids(title, text, by_text, by_title)
        gold.update(ids)
        if not ids:
            lost.append(title)
    beside = {id for part in _all(row) for id in _ids(*part, by_text, by_title)}
    id = str(row.get("_id") or row.get("id") or where)
    answer = row.get("answer")
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    return GoldQuestion(
        id,
        needed(row, "question", str, where),
        str(row.get("type") or id.partition("__")[0]),
        frozenset(gold),
        answer=None if answer is None else str(answer),
        beside=frozenset(beside - gold),
    )


def _ids(
    title: str,
    text: str,
    by_text: Mapping[tuple[str, str], str],
    by_title: Mapping[str, Sequence[str]],
) -> Sequence[str]:
    """The passages of that title and text; where the text is written otherwise, of that title."""
    return [by_text[title, text]] if (title, text) in by_text else by_title.get(title, ())


def _all(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Title and text of every passage that comes with a question, needed or not."""
    paragraphs = [(p["title"], _text(p)) for p in row.get("paragraphs", ())]
    return paragraphs or [(title, "".join(text)) for title, text in row.get("context", ())]


def _text(paragraph: Mapping[str, Any]) -> str:
    return str(paragraph.get("paragraph_text", paragraph.get("text", "")))


def _needed(row: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Title and text of the passages that a question needs."""
    if "paragraphs" in row:
        return [(p["title"], _text(p)) for p in row["paragraphs"] if p.get("is_supporting")]
    titles = dict.fromkeys(title for title, _ in needed(row, "supporting_facts", list, where))
    text = {title: "".join(sentences) for title, sentences in row.get("context", ())}
    return [(title, text.get(title, "")) for title in titles]


def _given(
    path: Path, by_text: Mapping[tuple[str, str], str]
) -> tuple[dict[str, Extraction], list[str]]:
    value = read_json(path)
    docs = value.get("docs") if isinstance(value, Mapping) else None
    given, strangers, broken = {}, 0, 0
    for _, doc in rows(docs, path, "passage"):
        title, text = doc.get("title", ""), doc.get("text", "")
        passage = str(doc.get("passage", ""))
        if not title:
            title, _, text = passage.partition("\n")
        id = by_text.get((title, text))
        if id is None:
            strangers += 1
            continue
        given[id], bad = _extraction(doc)
        broken += bad
    notes = []
    if broken:
        notes.append(f"{broken} given triples have not three parts; they are left out")
    if strangers:
        notes.append(f"{strangers} passages with given triples are not in the corpus")
    return given, notes


def _extraction(doc: Mapping[str, Any]) -> tuple[Extraction, int]:
    facts, broken = [], 0
    for triple in doc.get("extracted_triples", ()):
        parts = [str(part).strip() for part in triple]
        if len(parts) != _PARTS or not all(parts):
            broken += 1
            continue
        subject, type, object = parts
        facts.append(
            CandidateFact(
                f"{subject} {type} {object}",
                subject=subject,
                type=type,
                object=object,
                entities=(subject, object),
                turns=(0,),
            )
        )
    names = [str(name) for name in doc.get("extracted_entities", ()) if str(name).strip()]
    entities = tuple(CandidateEntity(name) for name in dict.fromkeys(names))
    mentions = tuple((0, entity.name) for entity in entities)
    raw = json.dumps({k: doc.get(k) for k in ("extracted_entities", "extracted_triples")})
    return Extraction(entities, tuple(facts), "given", "1", raw=raw, mentions=mentions), broken
