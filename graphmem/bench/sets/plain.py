"""A set in the plainest form, to measure one's own conversations and questions.

A folder with two files of JSON Lines. ``turns.jsonl``: ``session``, ``id`` and ``text``, and where
known ``role`` (user, assistant, …), ``speaker`` (a name) and ``at`` (ISO 8601); turns in order,
those of a session together. ``questions.jsonl``: ``id``, ``question`` and ``gold`` (ids of the
turns that hold the answer), and where known ``category`` and ``answer``. All of it is what one user
remembers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion, digest_of, needed, read_json, rows
from graphmem.errors import UsageError

_OWNER = "owner"
_FILES = ("turns.jsonl", "questions.jsonl")


def load_plain(path: Path, **_: Any) -> Dataset:
    """Read a folder with both files."""
    turns_file, questions_file = (path / name for name in _FILES)
    if not (turns_file.is_file() and questions_file.is_file()):
        raise UsageError(f"{path}: expected a folder with {' and '.join(_FILES)}")
    sessions: dict[str, list[dict[str, Any]]] = {}
    session_of: dict[str, str] = {}
    for where, row in rows(read_json(turns_file), turns_file, "turn"):
        session, id = needed(row, "session", str, where), needed(row, "id", str, where)
        if id in session_of:
            raise UsageError(f"{where}: there is a turn {id!r} before")
        text = needed(row, "text", str, where)
        if not text.strip():
            continue
        session_of[id] = session
        sessions.setdefault(session, []).append(_message(row, id, text))
    items = tuple(
        {
            "content": messages,
            "user_id": _OWNER,
            "idempotency_key": f"plain:{session}",
        }
        for session, messages in sessions.items()
    )
    asked = tuple(
        _question(row, where, session_of)
        for where, row in rows(read_json(questions_file), questions_file, "question")
    )
    digest = digest_of([turns_file, questions_file])
    return Dataset("plain", "turn", (Corpus(_OWNER, items, asked, session_of),), (), digest)


def _message(row: Mapping[str, Any], id: str, text: str) -> dict[str, Any]:
    message = {"content": text, "role": str(row.get("role") or "user"), "id": id}
    if row.get("speaker"):
        message["name"] = str(row["speaker"])
    if row.get("at"):
        message["occurred_at"] = str(row["at"])
    return message


def _question(row: Mapping[str, Any], where: str, session_of: Mapping[str, str]) -> GoldQuestion:
    gold = needed(row, "gold", list, where)
    if unknown := sorted({str(id) for id in gold} - session_of.keys()):
        raise UsageError(f"{where}: 'gold' names no turn: {', '.join(unknown)}")
    return GoldQuestion(
        needed(row, "id", str, where),
        needed(row, "question", str, where),
        str(row.get("category") or "all"),
        frozenset(map(str, gold)),
        frozenset(session_of[str(id)] for id in gold),
        None if row.get("answer") is None else str(row["answer"]),
        unanswerable=not gold,
    )
