"""What is taken out before anything is stored, on every way in."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.adapters.redaction.patterns import REDACTABLE
from graphmem.doors.cli import run_cli
from graphmem.errors import UsageError
from graphmem.testing.llm_server import LocalModelServer

ALL = "secret,email,card,iban,phone"
BAD = {
    "secret": (
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "xoxb-1234567890-abcdefghij",
        "sk-proj-" + "Ab1_" * 10,
        "sk_live_" + "0aZ9" * 6,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----",
    ),
    "email": ("ada@example.org", "Ada.L+x@mail.example.co.uk", "zoë@exämple.de"),
    "card": ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005"),
    "iban": ("DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"),
    "phone": ("+49 30 901820", "+1 650-253-0000"),
}
FINE = (
    "I moved to Berlin on 2024-01-15 at 10:50 and paid 1,234.56 for 12 chairs.",
    "Order 4111111111111112 of 20240115103000, build 1.2.3.4, 555-0100.",
    "The password policy is strict; ask for the API key at the desk. skiing-and-swimming-in-winter",
    "@ada said: me@home",
    "DE is a country; IN2024CASEOF12345 is a code.",
)


def memory_of(**settings: Any) -> Memory:
    return Memory("memory://", user_id="u", settings=Settings.load({}, redact=ALL, **settings))


@pytest.mark.parametrize("kind", BAD)
def test_each_kind_is_found_and_nothing_else(kind: str) -> None:
    find = REDACTABLE[kind]()
    for bad in BAD[kind]:
        text = f"Note: {bad} is it."
        assert [text[start:end] for _, start, end in find(text)] == [bad]
    for fine in FINE:
        assert not list(find(fine)), fine


def test_a_secret_that_is_named() -> None:
    find = REDACTABLE["secret"]()
    for text, secret in (
        ("my password is hunter2hunter", "hunter2hunter"),
        ('{"api_key": "abcdef123456"}', "abcdef123456"),
        ("postgresql://ann:s3cr3t@db/x", "s3cr3t"),
    ):
        assert [text[start:end] for _, start, end in find(text)] == [secret]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize(
    "piece", ["a", "1", "1 ", "A", "@a", "a.", "+1 ", "-----BEGIN PRIVATE KEY-----", "eyJ", "sk-"]
)
def test_the_time_grows_with_the_text(kind: str, piece: str) -> None:
    find = REDACTABLE[kind]()

    def took(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            list(find(text))
            best = min(best, time.process_time() - began)
        return best

    assert took(32_000) < 12 * took(4_000) + 0.05


EVERY = " | ".join(bad for kind in BAD.values() for bad in kind)
MARKED = [bad.split("\n")[0] for kind in BAD.values() for bad in kind]


def test_on_every_way_in_and_in_no_byte(tmp_path: Path) -> None:
    """Text, messages, parts, names, metadata, tags, keys, relations, edits, files, the models."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text(f"# Note\n\n{EVERY}\n")
    with LocalModelServer(answer=lambda _: {"entities": [], "facts": []}) as server:
        settings = Settings.load(
            {}, redact=ALL, llm="openai:m", openai_base_url=server.base_url, openai_api_key="k"
        )
        with Memory(tmp_path / "m", user_id="u", settings=settings) as memory:
            receipt = memory.add(EVERY, metadata={MARKED[7]: [EVERY, {"x": EVERY}]}, tags=["t"])
            assert receipt.redacted["email"] >= 3
            assert set(receipt.redacted) == set(BAD)
            assert not any(bad in str(receipt) for bad in MARKED)
            memory.add([{"role": "user", "name": MARKED[7], "content": EVERY}])
            memory.add([{"content": [{"type": "text", "text": EVERY}]}])
            memory.add_many([EVERY + " again", {"content": EVERY, "metadata": {"k": EVERY}}])
            memory.relate(MARKED[7], "knows", "Bob", fact=f"Bob knows {EVERY}")
            memory.relate_many([(MARKED[8], "knows", "Cy")])
            note = memory.add("Bob lives in Rome.", infer=False, idempotency_key=MARKED[0])
            assert memory.known_keys([MARKED[0]])
            fact = note.fact_ids[0] if note.fact_ids else memory.get_all().items[0].id
            memory.update(fact, f"Bob lives in Rome. {EVERY}", metadata={"x": EVERY})
            # In metadata no name is one of graphmem's own.
            memory.add("Tea.", metadata={"id": EVERY, "role": {"type": [EVERY]}}, run_id="r")
            memory.update_run("r", metadata={"actor": EVERY})
        asked = repr(server.requests)
        assert "[redacted email]" in asked
    place = ["--store", str(tmp_path / "m"), "--user", "u"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRAPHMEM_REDACT", ALL)
        assert run_cli([*place, "ingest", str(tmp_path / "notes")]) == 0
        assert run_cli([*place, "add", EVERY]) == 0
    files = [path for path in (tmp_path / "m").rglob("*") if path.is_file()]
    assert len(files) > 3
    stored = b"".join(path.read_bytes() for path in files)
    for bad in MARKED:
        assert bad not in asked, bad
        assert bad.encode() not in stored, bad
    assert b"[redacted email]" in stored


def test_a_duplicate_is_one_of_what_is_stored() -> None:
    with memory_of() as memory:
        first = memory.add("Write to ada@example.org.", infer=False)
        second = memory.add("Write to bob@example.org.", infer=False)
        assert (first.status, second.status) == ("done", "duplicate")
        assert memory.search("Whom to write to?").hits[0].text == "Write to [redacted email]."
        assert not memory.add("Nothing of that kind.").redacted


def test_a_type_is_a_name_and_is_refused() -> None:
    with memory_of() as memory:
        for call in (memory.relate, memory.unrelate):
            with pytest.raises(UsageError, match=r"type holds what is not to be stored \(email\)"):
                call("Ada", "knows at ada@example.org", "Bob")
        with pytest.raises(UsageError, match="row 1: type holds"):
            memory.relate_many([("Ada", "knows at ada@example.org", "Bob")])
        assert memory.stats().episodes == 0


def test_ones_own(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"badge": r"\bB-\d{5}\b"}))
    settings = Settings.load({}, redact_patterns=str(tmp_path / "p.json"))

    def projects(text: str) -> list[tuple[str, int, int]]:
        at = text.find("Manhattan")
        return [("project", at, at + 9)] if at >= 0 else []

    with Memory("memory://", user_id="u", settings=settings, redactors=[projects]) as memory:
        receipt = memory.add("B-12345 works on Manhattan.")
        assert receipt.redacted == {"badge": 1, "project": 1}
        assert "Manhattan" not in memory.episode(receipt.episode_id).content

    def options(text: str) -> list[tuple[str, int, int]]:
        return [("word", 0, len(text))] if text in ("tags", "content", "fact", "name") else []

    with Memory("memory://", user_id="u", redactors=[options]) as memory:
        memory.add([{"content": "Tea.", "name": "Bo"}], tags=["x"], metadata={"name": 1})
        memory.relate("Ada", "likes", "tea", fact="Ada likes tea.")
        assert memory.episode(memory.get_all()[0].sources[0].episode_id).turns
        (found,) = memory.search("Tea", kinds=["turn"], where="tag = x")
        assert memory.episode(found.episode_id or "").metadata == {"[redacted word]": 1}

    def broken(text: str) -> list[tuple[str, int, int]]:
        raise RuntimeError(text)

    with Memory("memory://", user_id="u", redactors=[broken]) as memory:
        with pytest.raises(UsageError, match="a redactor failed") as failed:
            memory.add("a word that is secret")
        assert "secret" not in str(failed.value)
        assert memory.stats().episodes == 0


@pytest.mark.parametrize("found", [(-1, 6), (0, 99), (9, 5), (None, 3)])
def test_what_is_found_outside_of_the_text_stops_the_call(found: tuple[Any, Any]) -> None:
    """As of a function that does not look whether ``find`` found anything."""
    with (
        Memory("memory://", user_id="u", redactors=[lambda _: [("badge", *found)]]) as memory,
        pytest.raises(UsageError, match="a redactor failed"),
    ):
        memory.add("Hello there, badge.", infer=False)


def test_settings_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bad.json").write_text('{"x": "("}')
    for settings, why in (
        ({"redact": "emails"}, "known are secret, email"),
        ({"redact_patterns": str(tmp_path / "none.json")}, "cannot be read"),
        ({"redact_patterns": str(tmp_path / "list.json")}, "are an object"),
        ({"redact_patterns": str(tmp_path / "bad.json")}, "the pattern of x"),
    ):
        with pytest.raises(UsageError, match=why):
            Memory(tmp_path / "m", user_id="u", settings=Settings.load({}, **settings))
    assert not (tmp_path / "m").exists()
    with pytest.raises(UsageError, match="a redactor is a function"):
        Memory("memory://", user_id="u", redactors=["email"])  # type: ignore[list-item]
