"""Options and settings by name, from a file of the user's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graphmem import Memory
from graphmem.doors.cli import cli
from graphmem.errors import UsageError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("home", "work"):
        with Memory(tmp_path / name, user_id="ada") as memory:
            memory.add(f"This is the {name} memory.")
    with Memory(tmp_path / "work", user_id="eve") as memory:
        memory.add("This is what Eve has.")
    made = tmp_path / "config.toml"
    made.write_text(
        f"""profile = "home"

[profiles.home]
store = "{tmp_path}/home"
user = "ada"

[profiles.work]
store = "{tmp_path}/work"
user = "eve"

[profiles.work.settings]
llm = "none"
max_lag = 7
count_reads = false
"""
    )
    monkeypatch.setenv("GRAPHMEM_CONFIG", str(made))
    return made


def words(*arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(cli, [*arguments, "--json", "context", "memory"], env=environment)
    assert done.exit_code == 0, done.exception
    return str(json.loads(done.stdout))


def refused(*arguments: str) -> str:
    done: Result = CliRunner().invoke(cli, [*arguments, "facts"])
    assert isinstance(done.exception, UsageError)
    return str(done.exception)


def test_the_usual_profile_and_a_named_one(file: Path) -> None:
    assert "the home memory" in words()
    assert "what Eve has" in words("--profile", "work")
    assert "what Eve has" in words(GRAPHMEM_PROFILE="work")
    done = CliRunner().invoke(cli, ["context", "memory", "--profile", "work"])
    assert "what Eve has" in done.output


def test_what_is_nearer_wins(file: Path, tmp_path: Path) -> None:
    assert "the work memory" in words("--profile", "work", "--user", "ada")
    assert "the work memory" in words(GRAPHMEM_STORE=str(tmp_path / "work"))
    assert "what Eve has" in words("--profile", "work", GRAPHMEM_USER="ada")
    assert "the work memory" in words(GRAPHMEM_PROFILE="work", GRAPHMEM_USER="ada")


def test_settings_count_while_the_command_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(file.read_text().replace("max_lag = 7", 'max_lag = "many"'))
    monkeypatch.setenv("GRAPHMEM_LLM", "openai:other")
    assert "GRAPHMEM_MAX_LAG" in refused("--profile", "work")
    assert os.environ["GRAPHMEM_LLM"] == "openai:other"
    assert "GRAPHMEM_MAX_LAG" not in os.environ


def test_what_is_wrong_in_the_file_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there are: home, work" in refused("--profile", "play")
    for text, word in (
        ("profile = ", "cannot be read"),
        ('profile = "x"', "no [profiles.x]"),
        ("[profiles.home]\nuser = 3", "user is text"),
        ('[profiles.home]\nusers = "ada"', "'users' is not known"),
        ("[profiles.home]\nsettings = 3", "settings are a table"),
        ("[profiles.home.settings]\nllm = []", "the setting llm"),
        ("profiles = 3", "there are: none"),
    ):
        file.write_text(text)
        assert word in refused("--profile", "home") or word in refused()
    file.unlink()
    assert "there is no file" in refused()
    monkeypatch.delenv("GRAPHMEM_CONFIG")
    monkeypatch.setenv("HOME", str(file.parent))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert "there is no store" in refused("--user", "ada")
