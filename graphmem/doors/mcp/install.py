"""The configuration of programs that start MCP servers: where each keeps it, and ours put into it.

What is in a file stays; the file as it was is kept beside it. A file that cannot be read is named
and left alone.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from graphmem.errors import UsageError


@dataclass(frozen=True)
class McpClient:
    """One program: what it is called, where its file is, and under which names servers stand."""

    title: str
    file: str
    servers: str = "mcpServers"
    mac: str | None = None
    windows: str | None = None
    more: tuple[tuple[str, str], ...] = ()
    """What else an entry has there."""

    def path(self, platform: str, environment: Mapping[str, str]) -> Path:
        """Its file, on a platform."""
        home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
        if platform == "darwin" and self.mac is not None:
            return home / "Library" / "Application Support" / self.mac
        if platform == "win32" and self.windows is not None:
            roaming = environment.get("APPDATA")
            return (Path(roaming) if roaming else home / "AppData" / "Roaming") / self.windows
        base = environment.get("XDG_CONFIG_HOME")
        if base and self.file.startswith(".config/"):
            return Path(base) / self.file.removeprefix(".config/")
        return home / self.file


_DESKTOP = "Claude/claude_desktop_config.json"
_CODE = "Code/User/mcp.json"
MCP_CLIENTS: Final[Mapping[str, McpClient]] = {
    "claude-desktop": McpClient(
        "Claude Desktop", f".config/{_DESKTOP}", mac=_DESKTOP, windows=_DESKTOP
    ),
    "claude-code": McpClient("Claude Code", ".claude.json", more=(("type", "stdio"),)),
    "cursor": McpClient("Cursor", ".cursor/mcp.json"),
    "vscode": McpClient(
        "VS Code",
        f".config/{_CODE}",
        servers="servers",
        mac=_CODE,
        windows=_CODE,
        more=(("type", "stdio"),),
    ),
    "windsurf": McpClient("Windsurf", ".codeium/windsurf/mcp_config.json"),
    "gemini": McpClient("Gemini CLI", ".gemini/settings.json"),
    "lmstudio": McpClient("LM Studio", ".lmstudio/mcp.json"),
}
"""The programs that are known, by the name that ``--install`` takes."""


@dataclass(frozen=True)
class Installation:
    """What would be written where: ``before`` is the text of the file now, None where there is
    none, ``after`` the text to be."""

    client: McpClient
    path: Path
    entry: Mapping[str, Any]
    before: str | None
    after: str

    @property
    def done(self) -> bool:
        """Whether it is there already."""
        return self.before == self.after

    def write(self, at: datetime) -> Path | None:
        """Write it, whole or not at all; returns where the file as it was is kept, if there was
        one. UsageError where the file has changed since it was read, or may not be written."""
        if _text(self.path) != self.before:
            raise UsageError(f"{self.path} has changed meanwhile, and was left as it is: try again")
        try:
            return self._written(at)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written: {error}") from error

    def _written(self, at: datetime) -> Path | None:
        target = self.path.resolve()  # a link leads to the file that is meant
        target.parent.mkdir(parents=True, exist_ok=True)
        kept = None
        mode = 0o600
        if self.before is not None:
            mode = target.stat().st_mode & 0o777
            kept = _put(_free(f"{target}.{at:%Y%m%d-%H%M%S}"), self.before, mode)
        part = _put(target.with_name(f"{target.name}.{os.getpid()}.part"), self.after, mode)
        try:
            part.replace(target)
        except OSError:
            part.unlink()
            raise
        return kept


def _free(name: str) -> Path:
    """A name for the copy that no file has yet."""
    files = (
        Path(f"{name}{more and f'-{more}'}.bak")
        for more in itertools.chain([""], itertools.count(2))
    )
    return next(file for file in files if not file.exists())


def _put(file: Path, text: str, mode: int) -> Path:
    """Write a new file; one that is there already is an error, and not touched."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    return file


def planned_installation(
    name: str,
    command: Sequence[str],
    *,
    server: str = "graphmem",
    platform: str = sys.platform,
    environment: Mapping[str, str] = os.environ,
) -> Installation:
    """What to write so that a program starts ``command`` as the server of that name.

    UsageError for a program that is not known, and for a file that is not what it should be.
    """
    client = MCP_CLIENTS.get(name)
    if client is None:
        raise UsageError(f"{name!r} is not known; known are {', '.join(MCP_CLIENTS)}")
    path = client.path(platform, environment)
    entry = {**dict(client.more), "command": command[0], "args": list(command[1:])}
    before = _text(path)
    config = _config(path, before, client, {server: entry})
    found = config.get(client.servers) or {}
    old = found.get(server)
    if isinstance(old, dict):  # what somebody set beside ours (env, disabled) stays
        entry = {**old, **entry}
    if old == entry and before is not None:
        return Installation(client, path, entry, before, before)
    config[client.servers] = {**found, server: entry}
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    return Installation(client, path, entry, before, text)


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read, and was left as it is: {error}") from error


def _config(
    path: Path, text: str | None, client: McpClient, ours: Mapping[str, Any]
) -> dict[str, Any]:
    """What a file says, as far as it has to be understood."""
    if text is None or not text.removeprefix("\ufeff").strip():
        return {}
    try:
        config = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        shown = json.dumps({client.servers: ours}, indent=2, ensure_ascii=False)
        raise UsageError(
            f"{path} is no JSON, and was left as it is: {error}. Mend it (comments and commas at "
            f"the end of a list are no JSON), or add this by hand:\n{shown}"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get(client.servers), dict | None):
        raise UsageError(
            f"{path} was left as it is: it should be an object in which {client.servers!r} is one, "
            "too"
        )
    return config
