"""A set in the plainest form, to measure one's own conversations and questions.

A folder with two files of JSON Lines. ``turns.jsonl``: ``session``, ``id`` and ``text``, and where
known ``role`` (user, assistant, …), ``speaker`` (a name) and ``at`` (ISO 8601); turns in order,
those of a session together. ``questions.jsonl``: ``id``, ``question`` and ``gold`` (ids of the
turns that hold the answer), and where known ``category``, ``answer`` and ``rivals`` (ids of the
turns that held it at another time, above which the others should stand). Rows of both may name a
``user``, who remembers only those turns; without one, all of it is what one user remembers.
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
    sessions: dict[str, dict[str, list[dict[str, Any]]]] = {}
    session_of: dict[str, dict[str, str]] = {}
    for where, row in rows(read_json(turns_file), turns_file, "turn"):
        session, id = needed(row, "session", str, where), needed(row, "id", str, where)
        user, text = _user(row), needed(row, "text", str, where)
        of_user = session_of.setdefault(user, {})
        if id in of_user:
            raise UsageError(f"{where}: there is a turn {id!r} before")
        if not text.strip():
            continue
        of_user[id] = session
        sessions.setdefault(user, {}).setdefault(session, []).append(_message(row, id, text))
    asked: dict[str, list[GoldQuestion]] = {user: [] for user in session_of}
    for where, row in rows(read_json(questions_file), questions_file, "question"):
        if (user := _user(row)) not in session_of:
            raise UsageError(f"{where}: there are no turns of the user {user!r}")
        asked[user].append(_question(row, where, session_of[user]))
    corpora = tuple(
        Corpus(user, _items(user, of_user), tuple(asked[user]), session_of[user])
        for user, of_user in sessions.items()
    )
    digest = digest_of([turns_file, questions_file])
    return Dataset("plain", "turn", corpora, (), digest)


def _user(row: Mapping[str, Any]) -> str:
    return str(row.get("user") or _OWNER)


def _items(
    user: str, sessions: Mapping[str, list[dict[str, Any]]]
) -> tuple[Mapping[str, Any], ...]:
    """Each session as an episode."""
    return tuple(
        {"content": messages, "user_id": user, "idempotency_key": f"plain:{user}:{session}"}
        for session, messages in sessions.items()
    )


def _message(row: Mapping[str, Any], id: str, text: str) -> dict[str, Any]:
    message = {"content": text, "role": str(row.get("role") or "user"), "id": id}
    if row.get("speaker"):
        message["name"] = str(row["speaker"])
    if row.get("at"):
        message["occurred_at"] = str(row["at"])
    return message


def _question(row: Mapping[str, Any], where: str, session_of: Mapping[str, str]) -> GoldQuestion:
    gold = frozenset(map(str, needed(row, "gold", list, where)))
    rivals = row.get("rivals")
    if rivals is not None and not isinstance(rivals, list):
        raise UsageError(f"{where}: 'rivals' must be list, found {type(rivals).__name__}")
    rivals = frozenset(map(str, rivals or ()))
    for key, ids in (("gold", gold), ("rivals", rivals)):
        if unknown := sorted(ids - session_of.keys()):
            raise UsageError(f"{where}: {key!r} names no turn: {', '.join(unknown)}")
    return GoldQuestion(
        needed(row, "id", str, where),
        needed(row, "question", str, where),
        str(row.get("category") or "all"),
        gold,
        frozenset(session_of[id] for id in gold),
        None if row.get("answer") is None else str(row["answer"]),
        unanswerable=not gold,
        rivals=rivals,
    )
