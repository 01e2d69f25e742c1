"""An encrypted store: no text in any file, nothing opened or changed without its key."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
from pathlib import Path

import pytest

from graphmem import Memory, Settings, migrate, restore
from graphmem.doors.cli import run_cli
from graphmem.errors import Damaged, LedgerLost, UsageError
from tests.engine.helpers import child, child_environment
from tests.engine.remainders import remainders

pytest.importorskip("sqlcipher3")
WORDS = ("Zyxquorple", "Ümlautgnarf", "frobnicates_with", "Quibblewick")
_KILLED = """
import os, sys
from graphmem import Memory
memory = Memory(sys.argv[1], user_id="Quibblewick")
memory.add("Bob Stone lives in Oslo.")
print("stored", flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(secrets.token_hex(32) + "\n")
    return file


@pytest.fixture
def settings(key_file: Path) -> Settings:
    return Settings.load({"GRAPHMEM_KEY_FILE": str(key_file)})


def _fill(memory: Memory) -> None:
    memory.add("Ümlautgnarf Smith works at Zyxquorple Limited.", tags=["Zyxquorple"])
    memory.relate("Ümlautgnarf Smith", "frobnicates_with", "Zyxquorple Limited")
    memory.add_many([f"Note {n}: Zyxquorple hid key {n}." for n in range(60)], infer=False)
    assert memory.search("Who works at Zyxquorple?").hits


def _bytes(folder: Path) -> dict[str, str]:
    """What the store's files hold; locks and who held them aside."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"lock", "owner", "ledger.sqlite.lock"}
    }


def test_no_byte_of_it_can_be_read(tmp_path: Path, settings: Settings) -> None:
    store = tmp_path / "store"
    with Memory(store, user_id="Quibblewick", settings=settings) as memory:
        _fill(memory)
        assert remainders(store, WORDS) == [], "while it is open, with its log"
        memory.backup(tmp_path / "backup")
    assert remainders(store, WORDS) == []
    assert remainders(tmp_path / "backup", WORDS) == []
    assert not (store / "graph.kuzu").exists()
    assert not (store / "vectors").exists()
    with Memory(store, user_id="Quibblewick", settings=settings) as memory:
        assert memory.search("Who works at Zyxquorple?").hits[0].text.startswith("Ümlautgnarf")
        assert [one.object for one in memory.relations("Ümlautgnarf Smith")] == [
            "Zyxquorple Limited"
        ] * 2
        assert memory.verify().ok
        memory.forget(wait=True)
        assert memory.verify().ok


def test_a_byte_that_changed_is_found(tmp_path: Path, settings: Settings) -> None:
    with Memory(tmp_path / "store", user_id="ada", settings=settings) as memory:
        _fill(memory)
    ledger = tmp_path / "store" / "ledger.sqlite"
    data = bytearray(ledger.read_bytes())
    assert len(data) % 8192 == 0
    data[len(data) // 2] ^= 1
    ledger.write_bytes(data)
    assert "ledger" in _told_of_damage(tmp_path / "store", settings)


def _told_of_damage(store: Path, settings: Settings) -> str:
    try:
        with Memory(store, user_id="ada", settings=settings) as memory:
            return "; ".join(memory.verify().differences)
    except Damaged as error:
        return str(error)


@pytest.mark.parametrize("emptied", [True, False])
def test_a_ledger_that_is_empty_or_gone_is_told(
    tmp_path: Path, settings: Settings, emptied: bool
) -> None:
    """Graph and vectors, which tell it of other stores, are in memory here."""
    store = tmp_path / "store"
    with Memory(store, user_id="ada", settings=settings) as memory:
        memory.add("Bob Stone lives in Oslo.")
    ledger = store / "ledger.sqlite"
    ledger.write_bytes(b"") if emptied else ledger.unlink()
    before = _bytes(store)
    with pytest.raises(LedgerLost, match="empty" if emptied else "missing"):
        Memory(store, user_id="ada", settings=settings)
    assert _bytes(store) == before
    accepting = settings.model_copy(update={"accept_ledger": True})
    with Memory(store, user_id="ada", settings=accepting) as memory:
        memory.add("Bob Stone lives in Rome.")
    with Memory(store, user_id="ada", settings=settings) as memory:
        assert len(memory.get_all().items) == 1
        assert memory.verify().ok


def test_without_its_key_nothing_is_opened_or_changed(
    tmp_path: Path, key_file: Path, settings: Settings
) -> None:
    store = tmp_path / "store"
    with Memory(store, user_id="ada", settings=settings) as memory:
        _fill(memory)
    before, key = _bytes(store), key_file.read_text()
    for read_only in (False, True):
        with pytest.raises(Damaged, match=r"encrypted.*GRAPHMEM_KEY_FILE"):
            Memory(store, user_id="ada", settings=Settings.load({}), read_only=read_only)
        key_file.write_text(secrets.token_hex(32))
        with pytest.raises(UsageError, match="the key does not open the ledger") as error:
            Memory(store, user_id="ada", settings=settings, read_only=read_only)
        assert key_file.read_text() not in str(error.value)
        key_file.write_text(key)
    assert _bytes(store) == before
    for text in ("", "secret", key[:-3], key + key, "\udcff"):
        key_file.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(UsageError, match=r"64 hexadecimal|no text of digits") as error:
            Memory(store, user_id="ada", settings=settings)
        assert not text or text not in str(error.value)
    key_file.unlink()
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Memory(store, user_id="ada", settings=settings)
    assert _bytes(store) == before


def test_a_plain_store_is_not_opened_with_a_key_but_copied(
    tmp_path: Path, settings: Settings
) -> None:
    plain = tmp_path / "plain"
    with Memory(plain, user_id="ada", settings=Settings.load({})) as memory:
        _fill(memory)
        facts = {fact.text for fact in memory.get_all(limit=1000).items}
        memory.backup(tmp_path / "backup")
    before = _bytes(plain)
    with pytest.raises(UsageError, match=r"is not encrypted.*migrate"):
        Memory(plain, user_id="ada", settings=settings)
    assert _bytes(plain) == before
    migrate(plain, tmp_path / "copy", source_settings=Settings.load({}), target_settings=settings)
    restore(tmp_path / "backup", tmp_path / "restored", target_settings=settings)
    for made in (tmp_path / "copy", tmp_path / "restored"):
        assert remainders(made, WORDS) == []
        with Memory(made, user_id="ada", settings=settings) as memory:
            assert {fact.text for fact in memory.get_all(limit=1000).items} == facts
    back = tmp_path / "back"
    migrate(tmp_path / "copy", back, source_settings=settings, target_settings=Settings.load({}))
    with Memory(back, user_id="ada", settings=Settings.load({})) as memory:
        assert {fact.text for fact in memory.get_all(limit=1000).items} == facts


def test_backups_exports_and_readers(tmp_path: Path, settings: Settings) -> None:
    store = tmp_path / "store"
    with Memory(store, user_id="ada", settings=settings) as memory:
        _fill(memory)
        memory.backup(tmp_path / "backup")
        memory.export(tmp_path / "ada.jsonl")
        with Memory(store, user_id="ada", settings=settings, read_only=True) as reader:
            assert reader.search("Who works at Zyxquorple?").hits
        facts = {fact.text for fact in memory.get_all(limit=1000).items}
    restore(tmp_path / "backup", tmp_path / "restored", target_settings=settings)
    with Memory(tmp_path / "restored", user_id="ada", settings=settings) as memory:
        assert {fact.text for fact in memory.get_all(limit=1000).items} == facts
        memory.delete_all()
    with Memory(tmp_path / "imported", user_id="ada", settings=settings) as memory:
        memory.import_(tmp_path / "ada.jsonl")
        assert {fact.text for fact in memory.get_all(limit=1000).items} == facts
    with pytest.raises(Damaged, match="GRAPHMEM_KEY_FILE"):
        restore(tmp_path / "backup", tmp_path / "other", target_settings=Settings.load({}))


def test_a_killed_process_leaves_it_whole(tmp_path: Path, key_file: Path) -> None:
    environment = {**child_environment(), "GRAPHMEM_KEY_FILE": str(key_file)}
    store = tmp_path / "store"
    done = subprocess.run(
        child(_KILLED, str(store)), env=environment, capture_output=True, text=True
    )
    assert done.stdout == "stored\n", done.stderr
    assert remainders(store, ("Oslo", "Quibblewick")) == []
    settings = Settings.load({"GRAPHMEM_KEY_FILE": str(key_file)})
    with Memory(store, user_id="Quibblewick", settings=settings) as memory:
        assert [fact.text for fact in memory.get_all().items] == ["Bob Stone lives in Oslo"]
        assert memory.verify().ok


def test_the_command_line(
    tmp_path: Path,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    store = str(tmp_path / "store")
    monkeypatch.setenv("GRAPHMEM_KEY_FILE", str(key_file))
    assert run_cli(["--store", store, "--user", "ada", "add", "I work at Zyxquorple."]) == 0
    capfd.readouterr()
    assert run_cli(["--store", store, "--user", "ada", "--json", "facts"]) == 0
    assert "Zyxquorple" in json.loads(capfd.readouterr().out)["items"][0]["text"]
    monkeypatch.delenv("GRAPHMEM_KEY_FILE")
    assert run_cli(["--store", store, "--user", "ada", "facts"]) == 1
    assert "GRAPHMEM_KEY_FILE" in capfd.readouterr().err


def test_a_server_is_not_what_a_key_is_for(settings: Settings) -> None:
    given = settings.model_copy(update={"ledger": "postgresql://localhost:1/none"})
    with pytest.raises(UsageError, match="server stores its disk"):
        Memory("memory://", user_id="ada", settings=given)
