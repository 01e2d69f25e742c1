"""Chats that people export or write down: whoever speaks is credited, never the store's owner."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem.errors import UsageError
from graphmem.importers import FileReader, Item, Unreadable, detect, walk


def read(path: Path, text: str, format: str | None = None, at: Any = None) -> list[Item]:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(text.encode())
    return list(FileReader(path, format, at))


def speakers_and_texts(items: list[Item]) -> list[tuple[str | None, str]]:
    """Who says what; the owner is None, an assistant ``assistant``."""
    return [
        (m.get("name", None if m["role"] == "user" else m["role"]), m["content"])
        for item in items
        for m in item["content"]
    ]


def times(items: list[Item]) -> list[str]:
    return [f"{m['occurred_at']:%Y-%m-%d %H:%M:%S}" for item in items for m in item["content"]]


# WhatsApp


IPHONE = (
    "[12/09/2024, 10:16:00] Art: \u200eMessages and calls are end-to-end encrypted. No one\r\n"
    "[12/09/2024, 10:16:01] Carla: I love Botticelli\r\n"
    "and: Titian\r\n"
    "\r\n"
    "\u200e[12/09/2024, 10:17:00] Carla: \u200eimage omitted\r\n"
    "[13/09/2024, 00:01:00] ~\u202fMatteo 🌸: I work at Ferrari \u200e<This message was edited>\r\n"
)
ANDROID = (
    "12/09/2024, 10:15 - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
    "12/09/2024, 10:15 - Carla added Matteo\n"
    '12/09/2024, 10:15 - Carla changed the subject to "Trip: Rome"\n'
    "12/09/2024, 10:17 - Matteo: I work at Ferrari\n"
    "12/09/2024, 10:18 - Matteo: <Media omitted>\n"
    "12/09/2024, 10:19 - Matteo: IMG-1.jpg (file attached)\nmy desk\n"
    "13/09/2024, 10:19 - +49 170 1: This message was deleted\n"
)


def test_a_chat_from_an_iphone(tmp_path: Path) -> None:
    items = read(tmp_path / "chat.txt", IPHONE)
    assert speakers_and_texts(items) == [
        ("Carla", "I love Botticelli\nand: Titian"),
        ("Matteo 🌸", "I work at Ferrari"),
    ]
    assert times(items) == ["2024-09-12 10:16:01", "2024-09-13 00:01:00"]
    assert [item["metadata"]["session"] for item in items] == ["2024-09-12", "2024-09-13"]
    assert items[0]["metadata"]["format"] == "whatsapp"


def test_a_chat_from_android(tmp_path: Path) -> None:
    items = read(tmp_path / "chat.txt", "\ufeff" + ANDROID)
    assert speakers_and_texts(items) == [("Matteo", "I work at Ferrari"), ("Matteo", "my desk")]
    assert times(items)[0] == "2024-09-12 10:17:00"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("[13.09.24, 9:16:05\u202fPM] Carla: hi", "2024-09-13 21:16:05"),
        ("[9/13/24, 12:16 AM] Carla: hi", "2024-09-13 00:16:00"),
        ("[2024-09-13, 21:16:05] Carla: hi", "2024-09-13 21:16:05"),
        ("13-09-2024, 9:16 p. m. - Carla: hi", "2024-09-13 21:16:00"),
        ("13.09.24, 21:16 - Carla: hi", "2024-09-13 21:16:00"),
        ("9/13/24, 9:16 AM - Carla: hi", "2024-09-13 09:16:00"),
        ("\u200e[13/09/2024 10:16:01] Carla: hi", "2024-09-13 10:16:01"),
        ("\u200f[13/09/2024, 10:16:01] \u2068Carla\u2069: hi", "2024-09-13 10:16:01"),
    ],
)
def test_every_way_a_line_is_dated(tmp_path: Path, head: str, expected: str) -> None:
    items = read(tmp_path / "chat.txt", head)
    assert (speakers_and_texts(items), times(items)) == ([("Carla", "hi")], [expected])


@pytest.mark.parametrize(
    ("morning", "evening"),
    [
        ("\u200f١٣/٩/٢٠٢٤، ٩:٠٥ ص - ", "\u200f١٣/٩/٢٠٢٤، ١٠:١٥ م - "),
        ("[۱۳/۰۹/۲۰۲۴، ۹:۰۵:۰۰ ق.ظ] ", "[۱۳/۰۹/۲۰۲۴، ۱۰:۱۵:۰۰ ب.ظ] "),
        ("2024/9/13 上午9:05 - ", "2024/9/13 下午10:15 - "),
        ("[2024/09/13 午前9:05:00] ", "[2024/09/13 午後10:15:00] "),
        ("13/9/24, 9:05 π.μ. - ", "13/9/24, 10:15 μ.μ. - "),
        ("१३/९/२०२४, ९:०५ am - ", "१३/९/२०२४, १०:१५ pm - "),
    ],
)
def test_times_as_phones_of_other_languages_write_them(
    tmp_path: Path, morning: str, evening: str
) -> None:
    """Read as a note, it would be the user who lives in Rome."""
    items = read(tmp_path / "c.txt", f"{morning}آنا: I live in Rome\n{evening}بوب: ٥ أطفال\n")
    assert speakers_and_texts(items) == [("آنا", "I live in Rome"), ("بوب", "٥ أطفال")]
    assert times(items) == ["2024-09-13 09:05:00", "2024-09-13 22:15:00"]


@pytest.mark.parametrize(
    ("dates", "expected", "remarked"),
    [
        (("01/02/24", "13/02/24"), "2024-02-01", False),  # a day over 12
        (("01/02/24", "02/13/24"), "2024-01-02", False),
        (("01/09/24", "01/10/24", "02/01/24"), "2024-01-09", False),  # they rise so
        (("09/01/24", "10/01/24", "01/02/24"), "2024-01-09", False),
        (("01/02/24",), "2024-02-01", True),
        (("02/02/24",), "2024-02-02", False),
    ],
)
def test_day_or_month_first(
    tmp_path: Path, dates: tuple[str, ...], expected: str, remarked: bool
) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("".join(f"{date}, 10:00 - Bo: hi\n" for date in dates))
    reader = FileReader(path)
    assert times(list(reader))[0].startswith(expected)
    assert bool(reader.remarks) == remarked
    if remarked:
        assert "day or the month comes first; 1/2/24 is taken as 1 February" in reader.remarks[0]


def test_what_is_quoted_in_a_message_is_part_of_it(tmp_path: Path) -> None:
    text = "13/02/2024, 10:00 - Bo: see\n02/14/2024, 10:00 - Ann: hi\n14/02/2024, 10:00 - Bo: ok\n"
    assert speakers_and_texts(read(tmp_path / "c.txt", text)) == [
        ("Bo", "see\n02/14/2024, 10:00 - Ann: hi"),
        ("Bo", "ok"),
    ]


@pytest.mark.parametrize(
    "head",
    [
        "[32/13/24, 10:00:00] ",
        "[31/02/24, 10:00:00] ",
        "[31/12/24, 24:01:00] ",
        "[31/12/24, 23:60:00] ",
        "[31/12/24, 23:59:61] ",
        "[2024-13-32, 10:00] ",
        "30/02/24, 10:00 - ",
    ],
)
def test_a_line_with_no_such_date_is_not_said_by_the_one_before(tmp_path: Path, head: str) -> None:
    """Bob would live where Ann does."""
    bad = f"{head}Ann: I live in Rome\n"
    path = tmp_path / "chat.txt"
    for text in (f"31/12/24, 10:00 - Bob: hi\n{bad}", f"{bad}31/12/24, 10:00 - Bob: hi\n", bad):
        line = 1 + text.index(bad) // 20
        with pytest.raises(UsageError, match=rf"chat\.txt, line {line}: .* is no date and time"):
            read(path, text)


def test_a_leap_second_is_the_second_after(tmp_path: Path) -> None:
    text = "[31/12/16, 23:59:59] Bob: hi\n[31/12/16, 23:59:60] Ann: I live in Rome\n"
    items = read(tmp_path / "chat.txt", text)
    assert speakers_and_texts(items) == [("Bob", "hi"), ("Ann", "I live in Rome")]
    assert times(items) == ["2016-12-31 23:59:59", "2017-01-01 00:00:00"]


def test_a_note_that_quotes_a_chat_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("Look at this:\n12/09/2024, 10:17 - Matteo: I work\n")
    assert detect(tmp_path / "n.txt") == "text"


# Transcripts


@pytest.mark.parametrize(
    "text",
    [
        "**Anna:** I moved to Oslo.\n\n**Bo:** I work at Acme.\n",
        "**Anna**: I moved to Oslo.\n**Bo**: I work at Acme.\n",
        "Anna: I moved to Oslo.\r\nBo: I work at Acme.\r\n",
        "\ufeff- Anna: I moved to Oslo.\n- Bo: I work at Acme.",
        "[10:16] Anna: I moved to Oslo.\n[10:17] Bo: I work at Acme.\n",
        "Anna (10:16): I moved to Oslo.\nBo (10:17): I work at Acme.\n",
        "**Anna** [00:01:05]: I moved to Oslo.\n**Bo** [75:10]: I work at Acme.\n",
        "# Chat\n\n---\n\nAnna:\nI moved to Oslo.\n\nBo:\nI work at Acme.\n",
    ],
)
def test_a_conversation_written_down(tmp_path: Path, text: str) -> None:
    items = read(tmp_path / "t.md", text)
    assert [one for one in speakers_and_texts(items) if one[0]] == [
        ("Anna", "I moved to Oslo."),
        ("Bo", "I work at Acme."),
    ]
    assert [one for one in speakers_and_texts(items) if not one[0]] in ([], [(None, "# Chat")])
    assert items[0]["metadata"]["format"] == "transcript"


@pytest.mark.parametrize(
    "name",
    ["Zoë Ångström", "Ludwig van Beethoven", "Speaker 2", "O'Neil", "Jean-Luc", "Dr. Wu", "אבי",
     "عمر", "田中", "Иван", "Anna 🌸", "\u200fعمر"],
)  # fmt: skip
def test_names_of_all_kinds(tmp_path: Path, name: str) -> None:
    items = read(tmp_path / "t.txt", f"{name}: I moved to Oslo.\n{name}: I like it.\n")
    assert speakers_and_texts(items)[0] == (name.strip("\u200f"), "I moved to Oslo.")


def test_a_message_goes_on_until_somebody_else_speaks(tmp_path: Path) -> None:
    text = "Anna: I moved\nto Oslo.\nBo: Nice.\nNote: call Anna\nAnna: Yes.\nBo: ok\nAnna: bye\n"
    assert speakers_and_texts(read(tmp_path / "t.txt", text))[:4] == [
        ("Anna", "I moved\nto Oslo."),
        ("Bo", "Nice."),
        (None, "Note: call Anna"),
        ("Anna", "Yes."),
    ]


def test_an_assistant_and_its_user(tmp_path: Path) -> None:
    text = "System: be kind\nUser: I moved to Oslo.\nAssistant: I am glad.\n"
    assert speakers_and_texts(read(tmp_path / "t.txt", text)) == [
        (None, "I moved to Oslo."),
        ("assistant", "I am glad."),
    ]


def test_a_conversation_on_several_days(tmp_path: Path) -> None:
    text = (
        "---\ntags: talk\n---\n## 2024-06-04\nAnna: I moved.\n[10:16] Bo: Nice.\n"
        "## 2024-06-05\n[9:05 pm] Anna: Hi.\n"
    )
    items = read(tmp_path / "t.md", text)
    talk = [one for one in zip(speakers_and_texts(items), times(items), strict=True) if one[0][0]]
    assert talk == [
        (("Anna", "I moved."), "2024-06-04 00:00:00"),
        (("Bo", "Nice."), "2024-06-04 10:16:00"),
        (("Anna", "Hi."), "2024-06-05 21:05:00"),
    ]
    assert [item["tags"] for item in items] == [["talk"], ["talk"]]
    (one,) = read(tmp_path / "u.txt", "2024-10-01 10:16 - Bo: Hi.\n2024-10-01 10:17 - Bo: Ok.\n")
    assert times([one]) == ["2024-10-01 10:16:00", "2024-10-01 10:17:00"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Anna: I moved to Oslo.\n",
        "I met Anna today.\nAnna: I moved.\nThen we ate.\nBo: It rains.\n",
        "Note: I moved to Oslo.\nTODO: call Bo.\nSummary: I like it.\n",
        "Attendees: Anna, Bo\nDate: today\nAction Items: I call Bo\nNext Steps: none\n",
        "Monday: I ran.\nTuesday: I swam.\n",
        "Colour: red\nEngine: petrol\nWheels: four\n",
        "# Flat\n\nSeen it.\n- Rent: 950 a month\n- Landlord: Mr Okoro\n",
        "https://a.org: x\nhttps://b.org: y\n",
        "what he said: no\nwhat she said: yes\n",
        "w" * 1_000_000 + ": x\n" + "W: " * 100_000,
        " " * 200_000 + "x\n" + "A" + " " * 200_000 + "b: x\n" + "*" * 200_000 + "a",
    ],
)
def test_what_is_no_conversation(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.md").write_text(text)
    assert detect(tmp_path / "n.md") == "markdown"


def test_a_format_that_is_named_is_kept_to(tmp_path: Path) -> None:
    (item,) = read(tmp_path / "t.txt", "Anna: I moved.\nBo: I did not.\n", "text")
    assert item["content"].startswith("Anna: ")


# Slack


def message(user: str, text: str, ts: str = "1725900000.000100", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts, **more}


DAY = [
    message("U1", "<@U1> has joined the channel", subtype="channel_join"),
    message("U2", "Hi <@U1>, see <https://a.org|this> &amp; <#C1|general> <!here>"),
    message("U1", "I moved to Kiel", "1725900001.0001", user_profile={"real_name": "Lena"}),
    message("U3", "", "1725900002.0001"),
    {"type": "message", "subtype": "bot_message", "text": "I built it", "ts": "1725990000.1"},
]


def test_a_day_of_a_slack_channel(tmp_path: Path) -> None:
    items = read(tmp_path / "2024-09-09.json", json.dumps(DAY))
    assert speakers_and_texts(items) == [
        ("U2", "Hi Lena, see this & #general @here"),
        ("Lena", "I moved to Kiel"),
        ("assistant", "I built it"),
    ]
    assert times(items)[1] == "2024-09-09 16:40:01"
    assert [item["metadata"]["session"] for item in items] == ["2024-09-09", "2024-09-10"]


def test_the_users_of_an_export_name_its_speakers(tmp_path: Path) -> None:
    users = [{"id": "U2", "name": "matt", "profile": {"real_name": "Matteo"}}, {"id": "U9"}]
    (tmp_path / "users.json").write_text(json.dumps(users))
    (tmp_path / "channels.json").write_text("[]")
    items = read(tmp_path / "general" / "2024-09-09.json", json.dumps(DAY))
    assert speakers_and_texts(items)[0][0] == "Matteo"
    assert [path.name for path, _ in walk([tmp_path])] == ["2024-09-09.json"]


def test_users_that_cannot_be_read_cost_only_the_names(tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text("[{")
    (tmp_path / "d.json").write_text(json.dumps(DAY))
    reader = FileReader(tmp_path / "d.json")
    assert speakers_and_texts(list(reader))[0][0] == "U2"
    assert reader.remarks[0].startswith("d.json: speakers stay without names: users.json, line 1")


# JSON Lines under other names


@pytest.mark.parametrize(
    ("line", "who"),
    [
        ({"user": "Carla", "text": "x"}, "Carla"),
        ({"author": "Carla", "content": "x"}, "Carla"),
        ({"from": "Carla", "body": "x"}, "Carla"),
        ({"sender": "Carla", "message": "x"}, "Carla"),
        ({"from": "Carla", "to": "Bo", "type": "message", "text": "x"}, "Carla"),
        ({"username": "Carla", "text": "x"}, "Carla"),
        ({"sender_name": "Carla", "content": "x", "timestamp_ms": 1725900000000}, "Carla"),
        ({"user": {"id": 3, "name": "Carla"}, "text": "x"}, "Carla"),
        ({"user": 17, "text": "x"}, "17"),
        ({"role": "customer", "content": "x"}, "customer"),
        ({"role": "user", "name": "Carla", "content": "x"}, "Carla"),
        ({"sender": "human", "text": "x"}, None),
        ({"user": "user", "text": "x"}, None),
        ({"user": "", "text": "x"}, None),
        ({"text": "x"}, None),
        ({"from": "assistant", "text": "x"}, "assistant"),
        ({"message": {"role": "assistant", "content": "x"}}, "assistant"),
        ({"from": "Carla", "text": ["x", {"type": "link", "text": ""}]}, "Carla"),
    ],
)
def test_who_says_a_line(tmp_path: Path, line: dict[str, Any], who: str | None) -> None:
    assert speakers_and_texts(read(tmp_path / "c.jsonl", json.dumps(line))) == [(who, "x")]


@pytest.mark.parametrize("key", ["date", "time", "timestamp", "ts", "created_at", "datetime"])
def test_when_a_line_was_written(tmp_path: Path, key: str) -> None:
    (item,) = read(tmp_path / "c.jsonl", json.dumps({"user": "Bo", "text": "x", key: "2024-05-06"}))
    assert item["occurred_at"] == datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [{"title": "Soup", "text": "I like it."}, {"message": "no", "code": 5}, {"a": {}}, 7]
)
def test_json_of_no_known_form_is_refused(tmp_path: Path, value: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(Unreadable, match=r"cannot tell its format.*whatsapp"):
        detect(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["x", '{"content": ', '{"email": "x"}', '\n[1,\n"x'])
def test_lines_of_json_that_begin_badly_are_bad_lines(tmp_path: Path, text: str) -> None:
    assert detect_written(tmp_path / "c.jsonl", text) == "jsonl"
    with pytest.raises(UsageError, match=r"c\.jsonl, line [12]: ") as raised:
        list(FileReader(tmp_path / "c.jsonl"))
    assert not isinstance(raised.value, Unreadable)


def detect_written(path: Path, text: str) -> str:
    path.write_text(text)
    return detect(path)


# Whose words


def test_who_exported_a_chat_is_its_owner(tmp_path: Path) -> None:
    spoken = [(None, "I live in Delft."), ("Wim", "I work at Philips.")]
    signal = "[2024-03-12 09:15] Me: I live in Delft.\n[2024-03-12 09:16] Wim: I work at Philips."
    assert speakers_and_texts(read(tmp_path / "a.md", signal)) == spoken
    lines = (
        '{"sender": "You", "body": "I live in Delft."}\n'
        '{"sender": "Wim", "body": "I work at Philips."}'
    )
    assert speakers_and_texts(read(tmp_path / "a.jsonl", lines)) == spoken


def test_what_somebody_passes_on_is_of_whom_it_came_from(tmp_path: Path) -> None:
    told = {"from": "Joost", "date": "2024-03-02T10:02:00", "forwarded_from": "Karl"}
    text = json.dumps({"messages": [{**told, "text": "I live in Oslo."}]})
    assert speakers_and_texts(read(tmp_path / "result.json", text)) == [("Karl", "I live in Oslo.")]


def test_an_account_of_telegram_has_all_its_chats(tmp_path: Path) -> None:
    chats = [
        {"name": who, "id": number, "messages": [{"from": who, "text": "I moved."}]}
        for number, who in enumerate(("Mira", "Joost"))
    ]
    text = json.dumps(
        {"about": "…", "chats": {"about": "…", "list": [*chats, {"id": 3}]}}, indent=1
    )
    items = read(tmp_path / "result.json", text)
    assert [speakers_and_texts([item]) for item in items] == [
        [("Mira", "I moved.")],
        [("Joost", "I moved.")],
    ]


def test_an_object_may_begin_on_its_first_line_and_go_on_below(tmp_path: Path) -> None:
    text = (
        '{"guild": {"name": "Boats"},\n "messages": [\n'
        '{"content": "I sail.", "author": {"name": "Per"}},\n'
        '{"content": "Reminder", "author": {"name": "Remind", "isBot": true}}]}'
    )
    assert speakers_and_texts(read(tmp_path / "a.json", text)) == [
        ("Per", "I sail."),
        ("Remind", "Reminder"),
    ]
    assert read(tmp_path / "a.json", text)[0]["content"][1]["role"] == "assistant"
    with pytest.raises(UsageError, match="line 2: not JSON"):
        read(tmp_path / "b.jsonl", '{"content": "a"}\n{"content":\n{"content": "b"}')


def test_messages_below_their_time_and_sender(tmp_path: Path) -> None:
    text = (
        "Mar 12, 2024  9:15:22 AM (Read by you after 1 minute)\n+15551234567\n"
        "I moved to Denver last month.\nThe flat is: nice\n\n"
        "Mar 12, 2024 11:16:22 PM\nMe\nI work at Initech.\nTapbacks:\nLoved by Ann\n\n"
        "Mar 13, 2024  9:20:22 AM\nAnn\nLaughed at “I work at Initech.”\n"
    )
    items = read(tmp_path / "chat.txt", text)
    assert speakers_and_texts(items) == [
        ("+15551234567", "I moved to Denver last month.\nThe flat is: nice"),
        (None, "I work at Initech."),
    ]
    assert times(items) == ["2024-03-12 09:15:22", "2024-03-12 23:16:22"]
    assert detect(tmp_path / "chat.txt") == "transcript"
    diary = "Mar 12, 2024  9:15:22 AM\n\nI moved to Denver."
    assert read(tmp_path / "diary.txt", diary)[0]["content"] != []
    assert detect(tmp_path / "diary.txt") != "transcript"
