"""Every format, with what real files hold: odd encodings, gaps, edits, bad lines."""

from __future__ import annotations

import json
import os
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem.errors import UsageError
from graphmem.importers import IMPORT_FORMATS, FileReader, Item, detect, walk
from graphmem.importers.items import LONGEST_EPISODE, MOST_MESSAGES


def read(path: Path, text: str | bytes, format: str | None = None, at: Any = None) -> list[Item]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(FileReader(path, format, at))


def texts_of(item: Item) -> list[str]:
    return [message["content"] for message in item["content"]]


def rows(*values: dict[str, Any]) -> str:
    return "\n".join(json.dumps(value) for value in values)


# Plain text and Markdown


def test_a_text_file_is_one_episode(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "note.txt", "Bo works at Acme.\n\nBo likes tea.\n")
    assert item["content"] == "Bo works at Acme.\n\nBo likes tea.\n"
    assert item["metadata"] == {"source": "note.txt", "format": "text"}
    assert "occurred_at" not in item


def test_the_same_text_under_another_name_has_the_same_key(tmp_path: Path) -> None:
    (one,) = read(tmp_path / "a.txt", "Bo works at Acme.")
    (two,) = read(tmp_path / "b.txt", "Bo works at Acme.")
    (three,) = read(tmp_path / "c.txt", "Bo works at Acme!")
    assert one["idempotency_key"] == two["idempotency_key"] != three["idempotency_key"]


def test_when_a_text_happened(tmp_path: Path) -> None:
    at = datetime(2024, 5, 6, tzinfo=UTC)
    (dated,) = read(tmp_path / "2023-05-08 standup.txt", "x", at=at)
    (item,) = read(tmp_path / "n.txt", "x", at=at)
    (odd,) = read(tmp_path / "2023-99-08.txt", "x")
    assert dated["occurred_at"] == datetime(2023, 5, 8, tzinfo=UTC)
    assert item["occurred_at"] == at
    assert "occurred_at" not in odd


def test_the_time_of_the_file_counts_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "n.txt"
    path.write_text("x")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    (item,) = FileReader(path, at="mtime")
    assert item["occurred_at"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_an_empty_text_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "n.txt", " \n\n") == []


def test_a_very_long_text_becomes_several_episodes_and_loses_no_word(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(60_000)]
    text = "\n\n".join(" ".join(words[at : at + 60]) for at in range(0, len(words), 60))
    items = read(tmp_path / "long.txt", text)
    assert [item["metadata"]["part"] for item in items] == [1, 2, 3]
    assert all(len(item["content"]) <= LONGEST_EPISODE * 1.01 for item in items)
    assert " ".join(item["content"] for item in items).split() == words
    assert len({item["idempotency_key"] for item in items}) == 3


def test_front_matter_gives_date_title_and_tags(tmp_path: Path) -> None:
    text = (
        '---\ntitle: "Trip: Rome"\ndate: 2023-05-08\ntags:\n  - travel\n  - "#food"\n---\n\n# Hi\n'
    )
    (item,) = read(tmp_path / "n.md", text)
    assert item["content"] == "# Hi\n"
    assert item["occurred_at"] == datetime(2023, 5, 8, tzinfo=UTC)
    assert item["metadata"]["title"] == "Trip: Rome"
    assert item["tags"] == ["travel", "food"]


@pytest.mark.parametrize(
    ("tags", "expected"), [("[a, 'b c']", ["a", "b c"]), ("a, b", ["a", "b"]), ("", None)]
)
def test_tags_in_every_way_they_are_written(
    tmp_path: Path, tags: str, expected: list[str] | None
) -> None:
    (item,) = read(tmp_path / "n.md", f"---\ntags: {tags}\n---\nHi")
    assert item.get("tags") == expected


def test_a_rule_at_the_start_is_not_front_matter(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "n.md", "---\nno end to this")
    assert item["content"] == "---\nno end to this"


def test_windows_line_ends_in_front_matter(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "n.md", "---\r\ndate: 2023-05-08\r\n---\r\nHi\r\n")
    assert item["content"] == "Hi\r\n"
    assert item["occurred_at"].year == 2023


def test_a_date_that_is_none_is_refused_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"n\.md, date in its front matter: '{{date}}'"):
        read(tmp_path / "n.md", "---\ndate: {{date}}\n---\nHi")


# JSON Lines


def test_sessions(tmp_path: Path) -> None:
    line = {
        "occurred_at": "2023-05-08T13:56:00",
        "id": "s1",
        "messages": [{"id": "s1:1", "name": "Ada", "content": "I moved."}],
        "user_id": "ada",
        "metadata": {"mood": "good"},
    }
    (item,) = read(tmp_path / "c.jsonl", json.dumps(line))
    assert item["content"] == [{"id": "s1:1", "name": "Ada", "content": "I moved.", "role": "user"}]
    assert item["occurred_at"] == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert item["user_id"] == "ada"
    assert item["metadata"]["session"] == "s1"
    assert item["metadata"]["mood"] == "good"


def test_messages_of_one_session_in_a_row_are_one_episode(tmp_path: Path) -> None:
    items = read(
        tmp_path / "c.jsonl",
        rows(
            {"session": "a", "content": "one"},
            {"session": "a", "content": "two"},
            {"session": "b", "content": "three"},
            {"session": "a", "content": "four"},
        ),
    )
    assert [texts_of(item) for item in items] == [["one", "two"], ["three"], ["four"]]
    assert len({item["idempotency_key"] for item in items}) == 3


def test_messages_without_a_session_are_grouped_by_day(tmp_path: Path) -> None:
    items = read(
        tmp_path / "c.jsonl",
        rows(
            {"content": "one", "timestamp": "2023-05-08T10:00:00Z"},
            {"content": "two"},
            {"content": "three", "timestamp": "2023-05-08T23:00:00Z"},
            {"content": "four", "timestamp": 1683590400},
        ),
    )
    assert [texts_of(item) for item in items] == [["one", "two", "three"], ["four"]]
    assert items[1]["occurred_at"] == datetime(2023, 5, 9, tzinfo=UTC)


def test_messages_of_different_users_are_never_one_episode(tmp_path: Path) -> None:
    items = read(
        tmp_path / "c.jsonl",
        rows({"content": "one", "user_id": "ada"}, {"content": "two", "user_id": "bo"}),
    )
    assert [(item["user_id"], texts_of(item)) for item in items] == [
        ("ada", ["one"]),
        ("bo", ["two"]),
    ]


def test_messages_of_nobody_are_left_out(tmp_path: Path) -> None:
    line = {
        "messages": [
            {"role": "system", "content": "You are helpful."},
            {"role": "human", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]},
            {"role": "tool", "content": "{}"},
            {"role": "assistant", "content": None},
            {"role": "assistant", "content": "Hello"},
        ]
    }
    (item,) = read(tmp_path / "c.jsonl", json.dumps(line))
    assert [(m["role"], m["content"]) for m in item["content"]] == [
        ("user", "Hi\n\n[image]"),
        ("assistant", "Hello"),
    ]


def test_a_json_list_and_a_single_object_are_read_too(tmp_path: Path) -> None:
    one = {"messages": [{"content": "Hi"}]}
    assert len(read(tmp_path / "a.json", json.dumps([one, {"content": "yo"}], indent=2))) == 2
    assert len(read(tmp_path / "b.json", json.dumps(one, indent=2))) == 1
    assert len(read(tmp_path / "c.json", json.dumps(one))) == 1


def test_another_assistants_export(tmp_path: Path) -> None:
    conversation = {
        "uuid": "u1",
        "name": "Tea",
        "created_at": "2024-02-03T04:05:06.789Z",
        "chat_messages": [
            {"uuid": "m1", "sender": "human", "text": "Hi", "created_at": "2024-02-03T04:05:07Z"},
            {"uuid": "m2", "sender": "assistant", "text": "Hello"},
        ],
    }
    (item,) = read(tmp_path / "conversations.json", json.dumps([conversation]))
    assert item["metadata"]["title"] == "Tea"
    assert item["metadata"]["session"] == "u1"
    assert [m["role"] for m in item["content"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"content": "x"', r"c\.jsonl, line 3: not JSON: "),
        ("[1, 2]", r"c\.jsonl, line 3: expected an object, got list"),
        ('"text"', r"c\.jsonl, line 3: expected an object, got str"),
        ('{"role": "user"}', r"line 3: neither 'content' .* nor 'messages' .*; it has role"),
        ('{"content": 3}', r"line 3: 'content' must be text, got int"),
        ('{"content": "x", "time": "tomorrow"}', r"line 3: its time: 'tomorrow' is not a date"),
        ('{"content": "x", "time": true}', r"line 3: its time: True is not a time"),
        ('{"content": "x", "time": 1e300}', r"line 3: its time: 1e\+300 is not a time"),
        ('{"messages": {"content": "x"}}', r"line 3: 'messages' must be a list"),
        ('{"messages": ["x"]}', r"line 3, message 1: expected an object"),
        ('{"content": "x", "metadata": 1}', r"line 3: 'metadata' must be an object"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "c.jsonl", '{"content": "fine"}\n\n' + line + "\n")


def test_sessions_of_any_length_are_cut_to_what_an_episode_may_be(tmp_path: Path) -> None:
    line = {
        "id": "s",
        "messages": [{"id": f"m{n}", "content": f"w{n}"} for n in range(MOST_MESSAGES + 1)]
        + [{"id": "big", "content": "word " * 90_000}],
    }
    items = read(tmp_path / "c.jsonl", json.dumps(line))
    assert (
        sum(len(" ".join(texts_of(item)).split()) for item in items) == MOST_MESSAGES + 1 + 90_000
    )
    assert all(sum(map(len, texts_of(item))) <= LONGEST_EPISODE * 1.01 for item in items)
    assert [item["metadata"]["part"] for item in items] == list(range(1, len(items) + 1))
    ids = [message["id"] for item in items for message in item["content"]]
    assert len(ids) == len(set(ids))


# ChatGPT


def node(
    id: str, parent: str | None, role: str | None = None, text: Any = None, **more: Any
) -> dict[str, Any]:
    message = None
    if role is not None:
        content = text if isinstance(text, dict) else {"content_type": "text", "parts": [text]}
        message = {"id": id, "author": {"role": role}, "content": content, **more}
    return {"id": id, "parent": parent, "children": [], "message": message}


def conversation(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    mapping = {n["id"]: n for n in nodes}
    for n in nodes:
        if n["parent"] in mapping:
            mapping[n["parent"]]["children"].append(n["id"])
    return {
        "conversation_id": "c1",
        "title": "Tea",
        "create_time": 1683550000.5,
        "mapping": mapping,
        "current_node": nodes[-1]["id"],
        **more,
    }


def chat(tmp_path: Path, *conversations: dict[str, Any]) -> list[Item]:
    return read(tmp_path / "conversations.json", json.dumps(list(conversations)))


def test_the_current_branch_of_a_conversation(tmp_path: Path) -> None:
    (item,) = chat(
        tmp_path,
        conversation(
            node("root", None),
            node("s", "root", "system", ""),
            node("u", "s", "user", "Hi", create_time=1683550001.0),
            node("a1", "u", "assistant", "first try"),
            node("a2", "u", "assistant", "Hello", create_time=1683550002.0),
        ),
    )
    assert texts_of(item) == ["Hi", "Hello"]
    assert item["metadata"]["conversation"] == "c1"
    assert item["metadata"]["title"] == "Tea"
    assert item["occurred_at"] == datetime.fromtimestamp(1683550001, UTC)
    assert [m["id"] for m in item["content"]] == ["u", "a2"]


def test_without_a_current_node_the_latest_replies_are_followed(tmp_path: Path) -> None:
    nodes = (
        node("root", None),
        node("u", "root", "user", "Hi"),
        node("a1", "u", "assistant", "first"),
        node("a2", "u", "assistant", "second"),
    )
    (item,) = chat(tmp_path, conversation(*nodes, current_node=None))
    assert texts_of(item) == ["Hi", "second"]


def test_hidden_messages_are_left_out(tmp_path: Path) -> None:
    picture = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}
    speech = {"content_type": "audio_transcription", "text": "spoken"}
    (item,) = chat(
        tmp_path,
        conversation(
            node("1", None, "user", {"content_type": "user_editable_context", "parts": ["I"]}),
            node("2", "1", "user", "hidden", metadata={"is_visually_hidden_from_conversation": 1}),
            node("3", "2", "assistant", "search(...)", recipient="browser"),
            node("4", "3", "tool", "result"),
            node("5", "4", "assistant", {"content_type": "thoughts", "thoughts": []}),
            node(
                "6",
                "5",
                "user",
                {"content_type": "multimodal_text", "parts": ["Look", picture, speech, None]},
            ),
            node(
                "7", "6", "assistant", "Nice \ue200cite\ue202turn0search1\ue201indeed【4†source】"
            ),
        ),
    )
    assert texts_of(item) == ["Look\n\n[image]\n\nspoken", "Nice indeed"]


def test_a_long_pause_begins_a_new_sitting(tmp_path: Path) -> None:
    nodes = [
        node("u", None, "user", "one", create_time=1683550000.0),
        node("a", "u", "assistant", "two"),
        node("b", "a", "user", "three", create_time=1683650000.0),
    ]
    first = chat(tmp_path, conversation(*nodes[:2]))
    both = chat(tmp_path, conversation(*nodes))
    assert [texts_of(item) for item in both] == [["one", "two"], ["three"]]
    assert first[0]["idempotency_key"] == both[0]["idempotency_key"]


def test_a_tree_that_runs_in_a_circle_ends(tmp_path: Path) -> None:
    (item,) = chat(
        tmp_path, conversation(node("a", "b", "user", "one"), node("b", "a", "user", "two"))
    )
    assert sorted(texts_of(item)) == ["one", "two"]


def test_marks_of_citations_without_an_end_are_read_in_time(tmp_path: Path) -> None:
    """One message of them took minutes, and a longer one hours."""
    began = time.perf_counter()
    for mark in ("\ue200", "【1", "【" + "1" * 99):
        item, *_ = chat(tmp_path, conversation(node("a", None, "user", f"Hi {mark * 100_000}")))
        assert texts_of(item)[0].startswith("Hi")
    assert time.perf_counter() - began < 20
    cited = "Rome \ue200cite\ue202turn0\ue201is【12†source】 old"
    (item,) = chat(tmp_path, conversation(node("a", None, "user", cited)))
    assert texts_of(item) == ["Rome is old"]


def test_an_export_as_the_zip_file_that_it_comes_in(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    body = json.dumps([conversation(node("u", None, "user", "Hi"))])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", body)
    reader = FileReader(path)
    (item,) = reader
    assert reader.format == "chatgpt"
    assert texts_of(item) == ["Hi"]
    assert reader.bytes_read == reader.bytes_total == len(body)
    (again,) = read(tmp_path / "conversations.json", body)
    assert again["idempotency_key"] == item["idempotency_key"]


def test_what_claude_exports_in_a_zip_file_of_the_same_form(tmp_path: Path) -> None:
    said = [{"sender": "human", "text": "Hi"}, {"sender": "assistant", "text": "Hello"}]
    body = json.dumps([{"uuid": "c1", "name": "Talk", "chat_messages": said}])
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("users.json", "[]")
        archive.writestr("conversations.json", body)
    for one in (FileReader(tmp_path / "export.zip"), read(tmp_path / "conversations.json", body)):
        (item,) = one
        assert texts_of(item) == ["Hi", "Hello"]
        assert item["metadata"]["session"] == "c1"


def test_somebody_without_a_name_is_not_the_owner(tmp_path: Path) -> None:
    """Telegram's exports have null as the name of a deleted account."""
    said = {"type": "message", "from": None, "from_id": "user2", "text": "I live in Rome."}
    (item,) = read(tmp_path / "result.json", json.dumps({"id": 1, "messages": [said]}))
    assert [message["name"] for message in item["content"]] == ["user2"]


def test_a_zip_file_that_is_no_export_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(UsageError, match=r"without conversations\.json: not a ChatGPT export"):
        FileReader(path)


def test_a_conversation_of_another_shape_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"c\.json, line 1: not a ChatGPT conversation"):
        read(tmp_path / "c.json", '[{"title": "x"}]', "chatgpt")


# LoCoMo


def sample(**more: Any) -> dict[str, Any]:
    return {
        "qa": [],
        "conversation": {
            "speaker_a": "Ada",
            "speaker_b": "Bo",
            "session_2_date_time": "12:05 am on 1 February, 2024",
            "session_2": [{"speaker": "Bo", "dia_id": "D2:1", "text": "Later."}],
            "session_10_date_time": "1:00 pm on 3 March, 2024",
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ada", "dia_id": "D1:1", "text": "Look!", "blip_caption": "a dog"}
            ],
            **more,
        },
        "sample_id": "conv-1",
    }


def test_sessions_of_a_locomo_conversation(tmp_path: Path) -> None:
    one, two = read(tmp_path / "l.json", json.dumps([sample()]))
    assert one["content"] == [
        {"content": "Look! [image: a dog]", "role": "user", "name": "Ada", "id": "D1:1"}
    ]
    assert one["occurred_at"] == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert two["occurred_at"] == datetime(2024, 2, 1, 0, 5, tzinfo=UTC)
    assert one["user_id"] == two["user_id"] == "conv-1"
    assert two["metadata"]["session"] == "session_2"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"session_1_date_time": "yesterday"}, "conv-1, session_1: 'yesterday' is not a time"),
        ({"session_1_date_time": "1:00 pm on 31 June, 2023"}, "session_1: .*day"),
        ({"session_1": "x"}, "conv-1, session_1: expected a list of turns"),
        ({"session_1": [{"speaker": "Ada"}]}, "session_1: a turn without 'text'"),
    ],
)
def test_bad_locomo_sessions_are_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path / "l.json", json.dumps([sample(**more)]))


# Finding out, and folders


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.TXT", "[1]", "text"),
        ("a.markdown", "x", "markdown"),
        ("a.json", json.dumps([sample()]), "locomo"),
        ("a.json", json.dumps(sample()), "locomo"),
        ("a.json", '[{"mapping": {}}]', "chatgpt"),
        ("a.json", '{"messages": []}', "jsonl"),
        ("a.ndjson", '{"content": "x"}\n{"content": "y"}', "jsonl"),
        ("a", '\ufeff \n{"content": "x"}', "jsonl"),
    ],
)
def test_the_format_is_found_out(tmp_path: Path, name: str, text: str, format: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert detect(tmp_path / name) == format


@pytest.mark.parametrize("text", ["", "plain words", "[]", '[{"email": "x"}]', "[1]"])
def test_an_undetectable_format_lists_the_known_ones(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UsageError, match="cannot tell its format.*" + ", ".join(IMPORT_FORMATS)):
        detect(tmp_path / "a.json")


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown format 'csv'; known: text, markdown"):
        FileReader(tmp_path / "a", "csv")


def test_folders_are_walked_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", ".hidden.md", "c.pdf", "c.png", "sub/d.jsonl", ".git/e.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [(str(p.relative_to(tmp_path)), named) for p, named in walk([tmp_path])]
    assert found == [
        ("a.txt", False), ("b.md", False), ("c.pdf", False), ("sub/d.jsonl", False)
    ]  # fmt: skip
    assert list(walk([tmp_path / "c.png"])) == [(tmp_path / "c.png", True)]


def test_paths_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        list(walk([tmp_path / "missing"]))
    with pytest.raises(UsageError, match="no file to ingest in this folder"):
        list(walk([tmp_path]))
    with pytest.raises(UsageError, match="no such file"):
        FileReader(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    "wrong",
    [
        {"current_node": {"a": 1}},
        {"parent": ["a"]},
        {"children": 5},
        {"children": [["a"], {"b": 1}, "b"]},
        {"content_type": ["text"]},
    ],
)
def test_a_conversation_with_odd_links_is_read_as_far_as_it_goes(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    content = {"content_type": wrong.get("content_type", "text"), "parts": ["I live in Rome."]}
    message = {"author": {"role": "user"}, "content": content}
    node = {"parent": wrong.get("parent"), "children": wrong.get("children"), "message": message}
    conversation = {"mapping": {"b": node}, "current_node": wrong.get("current_node")}
    items = read(tmp_path / "c.json", json.dumps([conversation]), "chatgpt")
    assert len(items) == ("content_type" not in wrong)
