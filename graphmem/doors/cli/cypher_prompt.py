"""The prompt of ``graphmem cypher``: queries over several lines, commands, a history."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.adapters.graph.cypher_files import statements
from graphmem.adapters.graph.cypher_guard.lexer import tokenize
from graphmem.doors.cli.base import options, report
from graphmem.doors.cli.cypher import OUTPUT_FORMATS, print_result
from graphmem.doors.cli.output import note, print_table
from graphmem.doors.cli.tour import listing, named, now, values
from graphmem.errors import GraphmemError, UsageError

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.sync import MemoryView

HELP = """\
A query ends with ; or an empty line. It only reads. Ctrl-C drops it, Ctrl-D leaves.
:queries            the tour: queries that have a name
:run NAME           run one of them; :NAME is the same
:params             the parameters; :params {"name": "Ada"} sets them
:param KEY=VALUE    set one; :param KEY takes it away
:format NAME        table, csv or json
:help  :quit"""

_HISTORY = 1000
_FIRST, _MORE = "graphmem> ", "     ...> "


@dataclass
class CypherPrompt:
    """Reads queries, runs and prints them until ``:quit``. After an error it goes on."""

    memory: Memory | MemoryView
    limits: Mapping[str, Any]
    format: str
    parameters: dict[str, Any]

    def run(self) -> None:
        """Read and answer until ``:quit`` or the end of the input."""
        note("Cypher, read-only. :help says what can be done here, :queries lists a tour.")
        with _history():
            for text in _texts():
                try:
                    if text.startswith(":"):
                        if self._command(text) is False:
                            return
                    else:
                        self._ask(text, self._used(text))
                except GraphmemError as error:
                    report(error)
                except KeyboardInterrupt:
                    note("interrupted")

    def _ask(self, text: str, parameters: Mapping[str, Any]) -> None:
        print_result(self.memory.cypher(text, parameters, **self.limits), self.format)

    def _used(self, text: str) -> dict[str, Any]:
        """The set parameters that the query names."""
        _, tokens = tokenize(text)
        names = {token.value for token in tokens if token.kind == "parameter"}
        return {name: value for name, value in self.parameters.items() if name in names}

    def _command(self, line: str) -> bool:
        """Do what a line that begins with a colon says; False is the end."""
        word, _, rest = line.removesuffix(";").strip().partition(" ")
        rest = rest.strip()
        if word in (":quit", ":exit", ":q"):
            return False
        if word == ":help":
            click.echo(HELP)
        elif word == ":queries":
            print_table(("name", "what it answers", "parameters"), list(listing()))
        elif word == ":params":
            self._set_all(rest)
        elif word == ":param":
            self._set_one(rest)
        elif word == ":format":
            if rest not in OUTPUT_FORMATS:
                raise UsageError(f":format takes {', '.join(OUTPUT_FORMATS)}")
            self.format = rest
        elif word == ":run" or word[1:] in statements("inspect.cypher"):
            self._run(rest if word == ":run" else word[1:])
        else:
            raise UsageError(f"there is no command {word}; :help lists them")
        return True

    def _run(self, name: str) -> None:
        query = named(name)
        given = {
            p.name: self.parameters[p.name] for p in query.parameters if p.name in self.parameters
        }
        try:
            parameters = values(query, given, now=now())
        except UsageError as error:
            raise UsageError(str(error).replace("with --param", "with :param KEY=VALUE")) from error
        self._ask(query.text, parameters)

    def _set_all(self, text: str) -> None:
        if text:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UsageError(f":params takes a JSON object: {error}") from error
            if not isinstance(found, dict):
                raise UsageError(':params takes a JSON object: {"name": "Ada"}')
            self.parameters = found
        click.echo(json.dumps(self.parameters, ensure_ascii=False))

    def _set_one(self, text: str) -> None:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not key.isidentifier():
            raise UsageError(":param takes KEY=VALUE")
        if not equals:
            self.parameters.pop(key, None)
            return
        try:
            self.parameters[key] = json.loads(value)
        except (ValueError, RecursionError):
            self.parameters[key] = value


def _texts() -> Iterator[str]:
    """Whole queries, and lines that begin with a colon."""
    lines: list[str] = []
    while True:
        try:
            line = input(_MORE if lines else _FIRST)
        except EOFError:
            click.echo()
            return
        except KeyboardInterrupt:
            click.echo()
            lines = []
            continue
        if not lines and line.startswith(":"):
            yield line
            continue
        lines.append(line)
        if not line.strip() or line.rstrip().endswith(";"):
            text, lines = "\n".join(lines).strip(), []
            if text:
                yield text


@contextlib.contextmanager
def _history() -> Iterator[None]:
    """Load the input history from the memory's folder, and save it there at the end.

    It may hold names and words of what is stored: only its owner can read it. Where it cannot be
    read or written, or Python has no readline, there is none.
    """
    try:
        import readline
    except ImportError:  # Windows
        yield
        return
    if not sys.stdin.isatty():
        yield
        return
    file = _history_file()
    readline.clear_history()
    with contextlib.suppress(OSError):
        readline.read_history_file(file)
    try:
        yield
    finally:
        readline.set_history_length(_HISTORY)
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
            readline.write_history_file(file)


def _history_file() -> Path:
    folder = options().folder
    if folder.is_dir():
        return folder / "cypher_history"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "graphmem" / "cypher_history"
