"""LongMemEval (Wu et al. 2024): one question each over its own history of chat sessions.

Published form: a list of questions with ``haystack_sessions``, ``haystack_dates``,
``haystack_session_ids``, ``answer_session_ids``; turns that hold the answer have ``has_answer``. A
form without gold is read too (``conversation`` and ``questions``), for answers only. As published,
questions that cannot be answered (``_abs``) have nothing to be found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion, digest_of, needed, read_json, rows
from graphmem.errors import UsageError

_DATE = re.compile(r"(\d{4})/(\d\d)/(\d\d)\s*(?:\(\w+\))?\s*(\d\d):(\d\d)")


def load_longmemeval(path: Path, **_: Any) -> Dataset:
    """Read ``longmemeval_s``, ``_m`` or ``_oracle``."""
    value = read_json(path)
    if isinstance(value, Mapping) and isinstance(value.get("data"), list):
        value = value["data"]
    corpora = [
        _published(row, where) if "haystack_sessions" in row else _plain(row, where)
        for where, row in rows(value, path, "question")
    ]
    bare = sum(not (q.gold or q.gold_sessions) for c in corpora for q in c.questions)
    abstain = sum(q.unanswerable for c in corpora for q in c.questions)
    notes = (
        (f"{bare - abstain} questions come without gold: they count for answers only",)
        if bare > abstain
        else ()
    )
    return Dataset("longmemeval", "turn", tuple(corpora), notes, digest_of([path]))


def _published(row: Mapping[str, Any], where: str) -> Corpus:
    id = needed(row, "question_id", str, where)
    histories = needed(row, "haystack_sessions", list, where)
    dates = needed(row, "haystack_dates", list, where)
    names = needed(row, "haystack_session_ids", list, where)
    if not len(histories) == len(dates) == len(names):
        raise UsageError(f"{where}: as many sessions, dates and session ids are needed")
    items, sessions, gold = [], {}, set()
    for number, (turns, date, name) in enumerate(zip(histories, dates, names, strict=True)):
        item = _session(turns, date, id, number, where)
        items.append(item)
        for message, turn in zip(item["content"], _with_text(turns), strict=True):
            sessions[message["id"]] = str(name)
            if turn.get("has_answer"):
                gold.add(message["id"])
    abstains = id.endswith("_abs")
    asked = GoldQuestion(
        id,
        needed(row, "question", str, where),
        "abstention" if abstains else str(row.get("question_type")),
        frozenset() if abstains else frozenset(gold),
        frozenset() if abstains else frozenset(map(str, row.get("answer_session_ids", ()))),
        None if row.get("answer") is None else str(row["answer"]),
        unanswerable=abstains,
        at=row.get("question_date"),
    )
    return Corpus(id, tuple(items), (asked,), sessions)


def _plain(row: Mapping[str, Any], where: str) -> Corpus:
    id = needed(row, "id", str, where)
    turns = needed(row, "conversation", list, where)
    by_date: dict[str, list[Mapping[str, Any]]] = {}
    for turn in turns:
        by_date.setdefault(str(turn.get("date", "")), []).append(turn)
    items = tuple(
        _session(turns_of_day, date, id, number, where)
        for number, (date, turns_of_day) in enumerate(by_date.items())
    )
    asked = tuple(
        GoldQuestion(
            f"{id}:{question.get('id', number)}",
            needed(question, "question", str, where),
            str(row.get("question_type")),
            answer=None if question.get("answer") is None else str(question["answer"]),
        )
        for number, question in enumerate(needed(row, "questions", list, where))
    )
    return Corpus(id, items, asked)


def _session(
    turns: Sequence[Mapping[str, Any]], date: object, user: str, number: int, where: str
) -> dict[str, Any]:
    messages = [
        {
            "content": needed(turn, "content", str, where),
            "role": str(turn.get("role", "user")),
            "id": f"S{number + 1}:{at + 1}",
        }
        for at, turn in enumerate(_with_text(turns))
    ]
    return {
        "content": messages,
        "user_id": user,
        "occurred_at": _when(date, where),
        "idempotency_key": f"longmemeval:{user}:{number}",
    }


def _with_text(turns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Turns with something in them: a few of the published ones are empty."""
    return [turn for turn in turns if str(turn.get("content", "")).strip()]


def _when(written: object, where: str) -> datetime:
    match = _DATE.match(str(written))
    if match is None:
        raise UsageError(f"{where}: {written!r} is not a date like '2023/05/30 (Tue) 21:48'")
    return datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
