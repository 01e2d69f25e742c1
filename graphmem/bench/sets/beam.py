"""BEAM (Tavakoli et al. 2025): long chats of one user with an assistant, and probing questions.

Read as the authors' repository keeps it (``chats/SIZE/NUMBER/chat.json`` with
``probing_questions/probing_questions.json`` beside it; a chat's folder or one that holds many), or
as rows of JSON or JSON Lines with ``chat`` and ``probing_questions``, the way the hosted tables
export. A batch of turns is a session. Gold are the messages in ``source_chat_ids``. Where message
ids repeat (the longest chats are made of several plans), they name no one message: such questions
are asked, and count for answers only.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion, digest_of, needed, read_json, rows
from graphmem.errors import UsageError

_LABEL = re.compile(r"\s*->->\s*[\d,\s]*$")  # of the plan that a message was made from
_ANSWERS = ("answer", "ideal_answer", "ideal_response", "ideal_summary", "expected_compliance")
_CHANGED = frozenset({"knowledge_update", "contradiction_resolution"})
"""Abilities whose questions name two groups of messages, of which the newer counts."""
_ANCHOR = "%B-%d-%Y"


def load_beam(path: Path, **_: Any) -> Dataset:
    """Read one chat, a folder of chats, or a file of rows."""
    notes: list[str] = []
    if path.is_dir():
        files = sorted(path.rglob("chat.json"), key=lambda file: (len(file.parts), str(file)))
        pairs = [(f, f.parent / "probing_questions" / "probing_questions.json") for f in files]
        pairs = [(chat, questions) for chat, questions in pairs if questions.is_file()]
        if not pairs:
            raise UsageError(f"{path}: no chat.json with probing_questions in this folder")
        corpora = [
            _corpus(chat.parent.name, read_json(chat), read_json(questions), str(chat), notes)
            for chat, questions in pairs
        ]
        digest = digest_of([file for pair in pairs for file in pair])
    else:
        corpora = [
            _corpus(
                str(row.get("conversation_id", where)),
                row.get("chat"),
                row.get("probing_questions"),
                where,
                notes,
            )
            for where, row in rows(read_json(path), path, "chat")
        ]
        digest = digest_of([path])
    return Dataset("beam", "turn", tuple(corpora), tuple(notes), digest)


def _corpus(id: str, chat: Any, probing: Any, where: str, notes: list[str]) -> Corpus:
    if isinstance(probing, str):
        probing = _literal(probing, where)
    if not isinstance(probing, Mapping):
        raise UsageError(f"{where}: 'probing_questions' must be an object by ability")
    user = f"beam-{id}"
    items, sessions = [], {}
    batches = list(_batches(chat))
    if not batches:
        raise UsageError(f"{where}: no turns in 'chat'")
    seen = Counter(str(message.get("id")) for batch in batches for message in batch)
    repeated = any(count > 1 for count in seen.values())
    for number, batch in enumerate(batches):
        messages = []
        for place, message in enumerate(batch):
            unit = f"{number}:{place}" if repeated else str(message.get("id"))
            text = _LABEL.sub("", needed(message, "content", str, where))
            if text.strip():
                messages.append({"content": text, "role": str(message.get("role")), "id": unit})
                sessions[unit] = str(number + 1)
        items.append(_item(messages, _anchor(batch), user, number))
    asked = tuple(_questions(probing, user, {} if repeated else sessions, where))
    if repeated:
        notes.append(f"chat {id}: message ids repeat; its questions count for answers only")
    return Corpus(user, tuple(item for item in items if item["content"]), asked, sessions)


def _literal(text: str, where: str) -> Any:
    """The hosted tables keep the questions as text: JSON, or a Python literal."""
    try:
        return json.loads(text)
    except ValueError:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise UsageError(f"{where}: 'probing_questions' cannot be read: {error}") from error


def _item(messages: list[Any], at: datetime | None, user: str, number: int) -> dict[str, Any]:
    key = f"beam:{user}:{number}"
    item: dict[str, Any] = {"content": messages, "user_id": user, "idempotency_key": key}
    return item if at is None else {**item, "occurred_at": at}


def _batches(chat: Any) -> Iterator[list[Mapping[str, Any]]]:
    """Batches in order, however deep in plans they stand; turns nested in pairs are flattened."""
    if isinstance(chat, Mapping):
        if isinstance(chat.get("turns"), list):
            yield list(_messages(chat["turns"]))
            return
        for value in chat.values():
            yield from _batches(value)
    elif isinstance(chat, list):
        if chat and all(isinstance(part, Mapping) and "content" in part for part in chat):
            yield list(chat)
            return
        for value in chat:
            yield from _batches(value)


def _messages(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _messages(part)


def _anchor(batch: list[Mapping[str, Any]]) -> datetime | None:
    """``March-15-2024`` of the first message that has one."""
    for message in batch:
        if written := message.get("time_anchor"):
            try:
                return datetime.strptime(str(written), _ANCHOR).replace(tzinfo=UTC)
            except ValueError as error:
                raise UsageError(
                    f"time_anchor {written!r}: not a day like March-15-2024"
                ) from error
    return None


def _questions(
    probing: Mapping[str, Any], user: str, sessions: Mapping[str, str], where: str
) -> Iterator[GoldQuestion]:
    for ability, questions in probing.items():
        for number, row in enumerate(questions):
            sources = row.get("source_chat_ids")
            gold = {id for id in _ids(sources) if id in sessions}
            answer = next((row[key] for key in _ANSWERS if row.get(key)), None)
            yield GoldQuestion(
                f"{user}:{ability}:{number + 1}",
                needed(row, "question", str, f"{where}, {ability} {number + 1}"),
                str(ability),
                frozenset(gold),
                frozenset(sessions[id] for id in gold),
                None if answer is None else str(answer),
                unanswerable=ability == "abstention",
                rubric=tuple(map(str, row.get("rubric", ()))),
                rivals=_older(sources, sessions) if ability in _CHANGED else frozenset(),
            )


def _older(sources: Any, sessions: Mapping[str, str]) -> frozenset[str]:
    """Of two groups of messages the one that ends earlier, without what is in both."""
    if not isinstance(sources, Mapping):
        return frozenset()
    place = {id: at for at, id in enumerate(sessions)}
    groups = [{id for id in _ids(group) if id in place} for group in sources.values()]
    if len(groups) != 2 or not all(groups):
        return frozenset()
    older, newer = sorted(groups, key=lambda group: max(place[id] for id in group))
    return frozenset(older - newer)


def _ids(value: Any) -> Iterator[str]:
    """Message ids, in lists or in objects of lists."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _ids(part)
    elif isinstance(value, list):
        for part in value:
            yield from _ids(part)
    elif value is not None:
        yield str(value)
