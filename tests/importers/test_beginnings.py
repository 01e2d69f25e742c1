"""The keys by which a conversation that has grown is known: those that its beginnings had."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from graphmem.importers import Conversation, FileReader, Item
from graphmem.importers.items import LONGEST_EPISODE, MOST_MESSAGES, Position, message_items

AT = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def items(messages: Sequence[Item], at: datetime | None = None) -> list[Item]:
    position = Position("jsonl", conversation="c", session="s")
    return list(message_items(list(messages), at, position, "x.jsonl", tags=["a"]))


def messages(count: int, text: str = "ключ «{}»\n\"'\\", **more: Any) -> list[Item]:
    return [{"role": "user", "content": text.format(n), **more} for n in range(count)]


CASES: dict[str, tuple[list[Item], datetime | None]] = {
    "undated": (messages(5), None),
    "at a time": (messages(5), AT),
    "dated": (
        [{**m, "occurred_at": AT + timedelta(days=n)} for n, m in enumerate(messages(5))],
        None,
    ),
    "undated at first": ([*messages(2), *messages(3, "{}", occurred_at=AT)], None),
    "in another zone": (messages(4, occurred_at=AT.astimezone(timezone(timedelta(hours=2)))), AT),
    "with ids": ([{**m, "id": str(n), "name": "Bo"} for n, m in enumerate(messages(4))], None),
    "with nothing said": ([*messages(2), {"content": " \n"}, *messages(2, "more {}")], None),
    "very long": (messages(3, "x" * (LONGEST_EPISODE // 3 - 10) + "{}"), None),
}


@pytest.mark.parametrize("case", list(CASES))
def test_the_keys_of_beginnings_are_those_of_the_items(case: str) -> None:
    lines, at = CASES[case]
    (whole,) = items(lines, at)
    assert isinstance(whole, Conversation)
    kept = [message for message in lines if message["content"].strip()]
    before = [items(kept[:count], at)[0]["idempotency_key"] for count in range(1, len(kept))]
    assert whole.beginnings() == before
    assert whole["idempotency_key"] not in before
    assert len(set(before)) == len(before)


def test_the_parts_of_a_long_one_keep_their_beginnings() -> None:
    lines = messages(MOST_MESSAGES + 50)
    first, second = items(lines)
    assert isinstance(first, Conversation)
    assert isinstance(second, Conversation)
    assert items(lines[:150])[0]["idempotency_key"] == first.beginnings()[149]
    assert items(lines[:MOST_MESSAGES])[0]["idempotency_key"] == first["idempotency_key"]
    assert items(lines[: MOST_MESSAGES + 7])[1]["idempotency_key"] == second.beginnings()[6]
    cut = items([*messages(1), {"content": "word\n\n" * LONGEST_EPISODE, "id": "m"}])
    assert len(cut) > 2
    assert all(isinstance(item, Conversation) for item in cut)


def test_one_message_has_no_beginning() -> None:
    (item,) = items(messages(1))
    assert isinstance(item, Conversation)
    assert item.beginnings() == []


def test_the_rest_is_the_item_without_what_came_before() -> None:
    lines = [{**m, "occurred_at": AT + timedelta(days=n)} for n, m in enumerate(messages(4))]
    (whole,) = items([*lines, *messages(1, "late {}")])
    assert isinstance(whole, Conversation)
    rest = whole.after(3)
    assert rest == {
        **whole,
        "content": whole["content"][3:],
        "occurred_at": lines[3]["occurred_at"],
    }
    assert whole["occurred_at"] == AT, "the whole stays as it was"
    undated = whole.after(4)
    assert undated == {**whole, "content": whole["content"][4:]}


def _jsonl(count: int) -> str:
    return "".join(
        json.dumps({"content": f"Remark {n}.", "session": "s", "date": f"2024-01-0{n + 1}"}) + "\n"
        for n in range(count)
    )


def _session(count: int) -> str:
    lines = [{"role": "user", "content": f"Remark {n}."} for n in range(count)]
    return json.dumps({"id": "s", "messages": lines, "date": "2024-01-01"})


def _locomo(count: int) -> str:
    turns = [{"speaker": "Bo", "dia_id": f"D1:{n}", "text": f"Remark {n}."} for n in range(count)]
    when = "1:56 pm on 8 May, 2023"
    talk = {"session_1": turns, "session_1_date_time": when}
    return json.dumps([{"sample_id": "conv-1", "conversation": talk}])


def _slack(count: int) -> str:
    return json.dumps(
        [
            {"type": "message", "user": "U1", "text": f"Remark {n}.", "ts": f"172590000{n}.0001"}
            for n in range(count)
        ]
    )


def _chatgpt(count: int) -> str:
    nodes = {
        str(n): {
            "parent": str(n - 1) if n else None,
            "message": {
                "id": f"m{n}",
                "author": {"role": "user"},
                "create_time": 1_700_000_000 + n,
                "content": {"content_type": "text", "parts": [f"Remark {n}."]},
            },
        }
        for n in range(count)
    }
    whole = {"id": "c", "create_time": 1_700_000_000, "mapping": nodes}
    return json.dumps([{**whole, "current_node": str(count - 1)}])


def _whatsapp(count: int) -> str:
    return "".join(f"[13/09/2024, 10:1{n}:01] Carla: Remark {n}.\n" for n in range(count))


def _transcript(count: int) -> str:
    return "".join(f"{'Carla' if n % 2 else 'Bo'}: Remark {n}.\n" for n in range(count))


@pytest.mark.parametrize(
    ("format", "written"),
    [
        ("jsonl", _jsonl),
        ("jsonl", _session),
        ("locomo", _locomo),
        ("slack", _slack),
        ("chatgpt", _chatgpt),
        ("whatsapp", _whatsapp),
        ("transcript", _transcript),
    ],
)
def test_files_of_every_chat_keep_their_beginnings(
    tmp_path: Path, format: str, written: Callable[[int], str]
) -> None:
    def read(count: int) -> Item:
        path = tmp_path / "chat"
        path.write_text(written(count))
        (item,) = FileReader(path, format)
        return item

    whole = read(6)
    assert isinstance(whole, Conversation)
    assert whole.beginnings() == [read(count)["idempotency_key"] for count in range(1, 6)]
