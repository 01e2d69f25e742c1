"""A store may be anywhere that every engine can be given; elsewhere a clear error, and nothing is
left there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, migrate, restore, salvage, validate_config
from graphmem.errors import NotFound, UsageError
from tests.engine.helpers import child, child_environment

_ODD = 'it\'s "100%25" ?a=b&c#d 日本🦊 a:b; $HOME {x} *\\ \u202e\x01\n\t'


def test_any_name_that_is_text(tmp_path: Path) -> None:
    for name in (_ODD, "x" * 255):
        for _ in range(2):
            with Memory(tmp_path / name, user_id="ada") as memory:
                memory.add("Bob Stone lives in Oslo.", occurred_at="2024-01-01")
                assert memory.search("Oslo")[0].text == "Bob Stone lives in Oslo"
                assert memory.verify().ok
    assert len(os.listdir(tmp_path)) == 2


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (os.fsdecode(b"by\xfftes"), "is not UTF-8"),
        ("x" * 256, "cannot be used"),
        ("/".join(["y" * 200] * 25), "cannot be used"),
        ("file", "file cannot be used as a memory folder: it is a file$"),
        ("file/under", "cannot be used"),
        ("circle", "cannot be used"),
        ("circle/under", "cannot be used"),
        ("dangling", "cannot be used as a memory folder"),
    ],
)
def test_a_place_that_cannot_be_used(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").write_text("a text")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "dangling").symlink_to("nowhere")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(UsageError, match=problem) as told:
        Memory(tmp_path / name, user_id="ada")
    str(told.value).encode()
    assert sorted(os.listdir(tmp_path)) == before


def test_nobody_of_that_name() -> None:
    with pytest.raises(UsageError, match="cannot be used"):
        Memory("~nobody_of_this_name/store", user_id="ada")


@pytest.mark.parametrize("kind", ["ledger", "graph", "vectors"])
def test_in_a_url_too(tmp_path: Path, kind: str) -> None:
    schemes = {"ledger": "sqlite", "graph": "kuzu", "vectors": "qdrant-edge"}
    url = f"{schemes[kind]}:///{tmp_path}/{os.fsdecode(bytes([255]))}"
    with pytest.raises(UsageError, match="is not UTF-8"):
        Memory("memory://", user_id="ada", settings=Settings.load({}, **{kind: url}))
    assert os.listdir(tmp_path) == []


_LIMITED = """
import resource, sys
from graphmem import Memory
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    Memory(sys.argv[1], user_id="ada")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
@pytest.mark.parametrize("limit", [1 << 20, 40 << 20])
def test_where_files_may_not_grow(tmp_path: Path, limit: int) -> None:
    """The engines wait for ever there, or end the process."""
    printed = _printed(_LIMITED, str(tmp_path / "store"), str(limit))
    assert printed.startswith("UsageError the graph "), printed
    assert "(ulimit -f): raise the limit" in printed


def _printed(program: str, *arguments: str) -> str:
    """What a program says that comes to its end, in a process of its own."""
    done = subprocess.run(
        child(program, *arguments),
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_NO_PLACES: tuple[Any, ...] = (
    0,
    1.5,
    b"x",
    [],
    {},
    print,
    "\0",
    "\ud800",
    Path("\0"),
    Path("\ud800"),
)


@pytest.mark.parametrize("place", _NO_PLACES, ids=ascii)
def test_what_names_no_place_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda: Memory(place),
        lambda: restore(place, "to"),
        lambda: migrate(place, "to"),
        lambda: migrate("nowhere", place),
        lambda: salvage(place, "to"),
        lambda: salvage("nowhere", place),
    ):
        with pytest.raises(UsageError):
            call()
    assert validate_config(place)
    assert not list(tmp_path.iterdir())


def test_a_url_in_the_place_of_a_folder_shows_no_password(tmp_path: Path) -> None:
    url = "postgresql://ann:hidden-word@127.0.0.1:1/x"
    for call in (
        lambda: Memory(url),
        lambda: restore(url, tmp_path / "to"),
        lambda: migrate(url, tmp_path / "to"),
        lambda: migrate(tmp_path / "nowhere", url),
        lambda: salvage(url, tmp_path / "to"),
    ):
        with pytest.raises(UsageError, match="postgresql://ann@127") as caught:
            call()
        assert "hidden-word" not in str(caught.value)
    assert "hidden-word" not in str(validate_config(url))


def test_settings_and_redactors_of_another_kind(tmp_path: Path) -> None:
    other: Any = {"llm": "none"}
    for call in (
        lambda: Memory("memory://", settings=other),
        lambda: restore(tmp_path / "nowhere", tmp_path / "to", target_settings=other),
        lambda: migrate(tmp_path / "nowhere", tmp_path / "to", source_settings=other),
        lambda: Memory("memory://", redactors=other["llm"].__len__),
        lambda: Settings.load({}, openai_base_url=[]),
    ):
        with pytest.raises(UsageError):
            call()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no place where no folder can be made")
def test_a_place_where_none_can_be_made() -> None:
    with pytest.raises(UsageError, match="/proc/x cannot be made there"):
        Memory("/proc/x", user_id="ada")


_FEW_FILES = """
import resource, sys
from graphmem import Memory
from graphmem.errors import GraphmemError, Unavailable
place = sys.argv[1]
with Memory(place, user_id="ada") as memory:
    memory.add("Ada lives in Paris.")
usual = resource.getrlimit(resource.RLIMIT_NOFILE)
told = set()
for limit in (*range(9, 15), 16, 20, 24, 26, 30):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, usual[1]))
    try:
        with Memory(place, user_id="ada") as memory:
            for work in (memory.verify, memory.rebuild, lambda: memory.backup(f"{place}-{limit}")):
                try:
                    work()
                except GraphmemError as error:
                    told.add((type(error).__name__, "open" in str(error).lower()))
    except GraphmemError as error:
        told.add((type(error).__name__, "open" in str(error).lower()))
resource.setrlimit(resource.RLIMIT_NOFILE, usual)
with Memory(place, user_id="ada") as memory:
    print(sorted(told), memory.verify().ok, len(memory.relations("Ada")))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_where_no_more_files_may_be_opened(tmp_path: Path) -> None:
    """It is not taken for damage, nor is it an error that is not ours."""
    printed = _printed(_FEW_FILES, str(tmp_path / "store"))
    assert printed.splitlines()[-1] == "[('Unavailable', True)] True 1", printed


def test_a_name_that_says_so_is_no_such_error(tmp_path: Path) -> None:
    with Memory(tmp_path, user_id="ada") as memory, pytest.raises(NotFound):
        memory.get("Too many open files")
