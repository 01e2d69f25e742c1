"""The configuration of other programs: shown, asked for, written; never spoilt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from graphmem.doors.cli import cli
from graphmem.doors.mcp.install import MCP_CLIENTS, planned_installation
from graphmem.errors import UsageError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
COMMAND = ("graphmem", "--store", "/m", "--user", "ada", "mcp")


def planned(home: Path, name: str = "cursor", platform: str = "linux", **more: Any) -> Any:
    environment: Mapping[str, str] = {"HOME": str(home)}
    return planned_installation(name, COMMAND, platform=platform, environment=environment, **more)


def invoke(home: Path, *arguments: str, typed: str | None = None) -> Result:
    given = ["--store", str(home / "m"), "--user", "ada", "mcp", "--install", *arguments]
    return CliRunner().invoke(cli, given, input=typed, env={"HOME": str(home)})


@pytest.mark.parametrize("name", MCP_CLIENTS)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_program_has_a_file_of_its_own(name: str, platform: str, tmp_path: Path) -> None:
    made = planned(tmp_path, name, platform)
    assert made.path.is_relative_to(tmp_path)
    assert made.write(NOW) is None
    servers = json.loads(made.path.read_text())[MCP_CLIENTS[name].servers]
    assert servers["graphmem"]["command"] == "graphmem"
    assert servers["graphmem"]["args"] == list(COMMAND[1:])
    assert planned(tmp_path, name, platform).done


def test_what_is_in_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    before = {
        "theme": "dürr",
        "mcpServers": {
            "other": {"command": "x"},
            "graphmem": {"command": "old", "env": {"A": "1"}},
        },
    }
    file.write_text(json.dumps(before, ensure_ascii=False))
    file.chmod(0o640)
    text = file.read_text()
    kept = planned(tmp_path).write(NOW)
    assert kept.read_text() == text
    after = json.loads(file.read_text())
    assert after["theme"] == "dürr"
    assert after["mcpServers"]["other"] == {"command": "x"}
    ours = after["mcpServers"]["graphmem"]
    assert (ours["command"], ours["env"]) == ("graphmem", {"A": "1"})
    assert file.stat().st_mode & 0o777 == 0o640
    planned(tmp_path, server="work").write(NOW)
    assert json.loads(file.read_text())["mcpServers"].keys() == {"other", "graphmem", "work"}


@pytest.mark.parametrize("text", ["{", '{"a": 1,}', "// no\n{}", "[]", '{"mcpServers": []}', "3"])
def test_a_file_that_is_no_json_is_named_and_left_alone(text: str, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(UsageError, match=r"mcp\.json.* left as it is"):
        planned(tmp_path)
    done = invoke(tmp_path, "cursor", "--yes")
    assert done.exit_code != 0
    assert file.read_text() == text
    if not text.startswith(("[", "3", '{"mcp')):
        assert '"--user"' in str(done.exception), "what to add by hand is shown"
    assert [one.name for one in file.parent.iterdir()] == ["mcp.json"]


def test_it_is_shown_and_asked_for_before_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    asked = invoke(tmp_path, "cursor", typed="n\n")
    assert asked.exit_code != 0
    assert '"mcpServers"' in asked.output
    assert not file.exists()
    assert invoke(tmp_path, "cursor", typed="y\n").exit_code == 0
    entry = json.loads(file.read_text())["mcpServers"]["graphmem"]
    assert entry["args"][-5:] == ["--store", str(tmp_path / "m"), "--user", "ada", "mcp"]
    again = invoke(tmp_path, "cursor", "--yes")
    assert "already" in again.output
    assert len(list(file.parent.iterdir())) == 1


def test_an_unknown_program_is_told_which_are_known(tmp_path: Path) -> None:
    done = invoke(tmp_path, "clippy")
    assert isinstance(done.exception, UsageError)
    assert "claude-desktop, claude-code" in str(done.exception)


@pytest.mark.parametrize("text", ["", "  \n", "\ufeff", "\ufeff{}", '{"mcpServers": null}'])
def test_an_empty_file_is_filled(text: str, tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    kept = planned(tmp_path).write(NOW)
    assert kept.read_text(encoding="utf-8") == text
    assert list(json.loads(file.read_text())["mcpServers"]) == ["graphmem"]


def test_a_link_leads_to_the_file_that_is_meant(tmp_path: Path) -> None:
    meant = tmp_path / "dotfiles" / "cursor.json"
    meant.parent.mkdir()
    meant.write_text("{}")
    (tmp_path / ".cursor").mkdir()
    link = tmp_path / ".cursor" / "mcp.json"
    link.symlink_to(meant)
    planned(tmp_path).write(NOW)
    assert link.is_symlink()
    assert "graphmem" in json.loads(meant.read_text())["mcpServers"]


def test_what_the_program_wrote_meanwhile_is_not_lost(tmp_path: Path) -> None:
    """Claude Code writes its file at every turn; somebody may take a minute to say yes."""
    file = tmp_path / ".claude.json"
    file.write_text('{"numStartups": 1}')
    made = planned(tmp_path, "claude-code")
    file.write_text('{"numStartups": 2}')
    with pytest.raises(UsageError, match="changed meanwhile"):
        made.write(NOW)
    assert json.loads(file.read_text()) == {"numStartups": 2}
    assert [one.name for one in tmp_path.iterdir()] == [".claude.json"]


def test_each_copy_of_before_is_kept(tmp_path: Path) -> None:
    file = tmp_path / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"first": true}')
    kept = planned(tmp_path).write(NOW)
    other = planned(tmp_path, server="work").write(NOW)  # within the same second
    assert kept.read_text() == '{"first": true}'
    assert list(json.loads(other.read_text())["mcpServers"]) == ["graphmem"]
    assert list(json.loads(file.read_text())["mcpServers"]) == ["graphmem", "work"]


def test_where_nothing_may_be_written_it_says_so(tmp_path: Path) -> None:
    (tmp_path / ".cursor").write_text("a file where a folder should be")
    with pytest.raises(UsageError, match=r"mcp\.json"):
        planned(tmp_path).write(NOW)
    done = invoke(tmp_path, "cursor", "--yes")
    assert isinstance(done.exception, UsageError)


def test_what_could_not_be_started_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = invoke(tmp_path, "cursor", "--yes")
    assert "graphmem[mcp]" in str(done.exception)
    assert not (tmp_path / ".cursor").exists()
