"""LiHua-World (Fan et al. 2025, with MiniRAG): a year of one person's chats in text files.

The path is the data set's folder or its ``query_set.csv`` (or ``.json``); the chats are text files
below it, or ``LiHuaWorld.zip``. A file is one conversation, known by when it was
(``20260105_14:00``), which stands in its name or in its first lines. Gold are the conversations in
``Evidence``. A line ``Name: text`` is a message; a line without a name goes on with the one before.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem.bench.dataset import Corpus, Dataset, GoldQuestion, digest_of, needed, read_json, rows
from graphmem.errors import UsageError

_STAMP = re.compile(r"(20\d{6})[_ ]?(\d\d)[:：_-]?(\d\d)(?!\d)")
_LINE = re.compile(r"\s*([^\W\d][\w .'-]{0,40}?)\s*[:：]\s*(.+)")
_OWNER = "LiHua"
_FIRST_LINES = 3


def load_lihua(path: Path, **_: Any) -> Dataset:
    """Read questions and chats."""
    queries = path if path.is_file() else _queries(path)
    root = path if path.is_dir() else path.parent.parent
    texts, files = _texts(root)
    if not texts:
        raise UsageError(f"{root}: no chats: neither text files nor LiHuaWorld.zip below it")
    items: list[dict[str, Any]] = []
    sessions: dict[str, str] = {}
    undated = 0
    for name, text in texts:
        stamp = _stamp(name, text)
        if stamp is None:
            undated += 1
            continue
        number = sum(item["idempotency_key"].startswith(f"lihua:{stamp}#") for item in items)
        messages = list(_messages(text, f"{stamp}#{number}"))
        if messages:
            items.append(_item(messages, stamp, number))
            sessions |= {message["id"]: stamp for message in messages}
    lost: list[str] = []
    asked = tuple(_asked(queries, set(sessions.values()), lost))
    notes = [f"{undated} text files without a time are left out"] if undated else []
    if lost:
        notes.append(f"{len(lost)} pieces of evidence name no conversation; they are left out")
    whole = Corpus(_OWNER, tuple(items), asked, sessions)
    return Dataset("lihua", "turn", (whole,), tuple(notes), digest_of([queries, *files]))


def _queries(folder: Path) -> Path:
    for name in ("query_set.csv", "query_set.json"):
        found = sorted(folder.rglob(name))
        if found:
            return found[0]
    raise UsageError(f"{folder}: no query_set.csv or query_set.json in this folder")


def _texts(root: Path) -> tuple[list[tuple[str, str]], list[Path]]:
    files = sorted(root.rglob("*.txt"))
    if files:
        return [(file.name, file.read_text(encoding="utf-8")) for file in files], files
    archives = sorted(root.rglob("*.zip"))
    texts = []
    for archive in archives:
        try:
            with zipfile.ZipFile(archive) as opened:
                names = sorted(n for n in opened.namelist() if n.endswith(".txt"))
                kept = [n for n in names if not n.startswith("__MACOSX")]
                texts += [(n.rpartition("/")[2], opened.read(n).decode("utf-8")) for n in kept]
        except (zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise UsageError(f"{archive}: {error}") from error
    return texts, archives


def _stamp(name: str, text: str) -> str | None:
    head = "\n".join(text.splitlines()[:_FIRST_LINES])
    match = _STAMP.search(name) or _STAMP.search(head)
    return f"{match[1]}_{match[2]}:{match[3]}" if match else None


def _messages(text: str, conversation: str) -> Iterator[dict[str, str]]:
    message: dict[str, str] | None = None
    number = 0
    for line in text.splitlines():
        if not line.strip() or line.lstrip().lower().startswith("time"):
            continue
        match = _LINE.fullmatch(line)
        if match is None and message is not None:
            message["content"] += "\n" + line.strip()
            continue
        if message:
            yield message
        number += 1
        id = f"{conversation}:{number}"
        message = {"content": line.strip(), "id": id}
        if match:
            message = {"content": match[2].strip(), "name": match[1].strip(), "id": id}
    if message:
        yield message


def _item(messages: list[dict[str, str]], stamp: str, number: int) -> dict[str, Any]:
    return {
        "content": messages,
        "user_id": _OWNER,
        "occurred_at": datetime.strptime(stamp, "%Y%m%d_%H:%M").replace(tzinfo=UTC),
        "idempotency_key": f"lihua:{stamp}#{number}",
    }


def _asked(queries: Path, known: set[str], lost: list[str]) -> Iterator[GoldQuestion]:
    for number, (where, row) in enumerate(_rows(queries), start=1):
        plain = {key.lower().replace("gold answer", "answer"): v for key, v in row.items()}
        gold = set()
        for day, hour, minute in _STAMP.findall(str(plain.get("evidence", ""))):
            stamp = f"{day}_{hour}:{minute}"
            if stamp in known:
                gold.add(stamp)
            else:
                lost.append(stamp)
        yield GoldQuestion(
            str(number),
            needed(plain, "question", str, where),
            str(plain.get("type") or "other").strip(),
            gold_sessions=frozenset(gold),
            answer=str(plain["answer"]) if plain.get("answer") is not None else None,
        )


def _rows(queries: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if queries.suffix == ".csv":
        text = queries.read_text(encoding="utf-8-sig")
        for number, row in enumerate(csv.DictReader(io.StringIO(text)), start=1):
            yield f"{queries.name}, question {number}", row
        return
    value = read_json(queries)
    yield from rows(
        list(value.values()) if isinstance(value, Mapping) else value, queries, "question"
    )
