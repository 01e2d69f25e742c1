"""What every command shares: the group, the options of all, opening a memory, errors."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from graphmem import __version__
from graphmem.doors.cli.profiles import use_profile
from graphmem.errors import GraphmemError, NotFound, Unavailable, UsageError
from graphmem.text import printable, printable_json

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.model import Scope

DEFAULT_STORE = "graphmem-store"

EXIT_CODES: dict[type[BaseException], int] = {
    UsageError: 2,
    NotFound: 4,
    Unavailable: 75,  # EX_TEMPFAIL: try again later
    GraphmemError: 1,
    Exception: 1,
}
INTERRUPTED = 130
BROKEN_PIPE = 141

_SCOPE_HINT = "; on the command line: --user ID, or once and for all: export GRAPHMEM_USER=ID"
_KEY = "graphmem.options"
_HOLDS = f"Folder that holds the memory (./{DEFAULT_STORE} unless given)."
_WAIT_S = 5.0
"""How long a command that writes waits for another process that has the store open."""
_GUARD = "\0"  # no argument of a process can hold one
_READS = frozenset(
    {"search", "context", "explain", "facts", "get", "episode", "history", "relations", "entities"}
    | {"entity", "neighbours", "paths", "timeline", "graph", "diff", "types", "stats", "erasures"}
    | {"projects", "users", "agents", "runs", "communities", "summary"}
)
"""Commands that can do without what another process holds."""
_TEXTS = frozenset({"text", "query"})


def exit_code(error: BaseException) -> int:
    """The exit code of an error: that of the nearest class in the table."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def report(
    error: Exception | str, *, arguments: Sequence[str] = (), kind: str | None = None
) -> None:
    """One line on standard error that says what is wrong (a JSON object with ``--json``)."""
    message = _message(error)
    text = printable(message if kind == "Interrupted" else f"error: {message}")
    if "--json" in arguments:
        body = {
            "type": kind or type(error).__name__,
            "message": message,
            "retryable": bool(getattr(error, "retryable", False)),
        }
        text = printable_json(json.dumps({"error": body}, ensure_ascii=False))
    click.echo(text, err=True)


def _message(error: Exception | str) -> str:
    """The message of an error in one line; for a missing setting, with the option that sets it."""
    message = " ".join(str(error).split("\n")).strip()
    if isinstance(error, str):
        return message
    if not isinstance(error, GraphmemError):
        why = f"{type(error).__name__}: {message}" if message else type(error).__name__
        return f"unexpected {why} (GRAPHMEM_DEBUG=1 shows where)"
    if isinstance(error, UsageError) and "a scope needs a user_id" in message:
        return message + _SCOPE_HINT
    return message


@dataclass
class Options:
    """The options that every command takes, wherever they stood on the line."""

    store: str = DEFAULT_STORE
    user: str | None = None
    user_name: str | None = None
    agent: str | None = None
    run: str | None = None
    project: str | None = None
    actor: str | None = None
    profile: str | None = None
    json: bool = False
    sources: dict[str, ParameterSource | None] = field(default_factory=dict)
    """Where those that were given come from."""
    typed: dict[str, str] = field(default_factory=dict)
    """Of these, what stood on the line itself, by flag: a command to try next needs it again."""

    @property
    def place(self) -> str | Path:
        """The store, as an opening takes it."""
        return self.store if "://" in self.store else self.folder

    @property
    def folder(self) -> Path:
        return Path(self.store).expanduser()

    @property
    def server(self) -> str | None:
        """The address of the server to ask: where no folder was named, GRAPHMEM_URL is."""
        named = self.store != DEFAULT_STORE or "GRAPHMEM_LEDGER" in os.environ
        url = self.store if named else os.environ.get("GRAPHMEM_URL", "")
        return url if url.startswith(("http://", "https://")) else None

    @property
    def owner(self) -> str:
        """The scope in words: ``user 'ada', run 'x'``."""
        names = ("user", "agent", "run", "project")
        return ", ".join(f"{name} {value!r}" for name in names if (value := getattr(self, name)))

    def scope(self) -> Scope:
        """The scope that was given; :class:`~graphmem.errors.UsageError` when there is none."""
        from graphmem.model import DEFAULT_PROJECT, Scope

        return Scope(self.project or DEFAULT_PROJECT, self.user, self.agent, self.run)

    @contextmanager
    def memory(self, *, create: bool = False, owned: bool = True) -> Iterator[Memory]:
        """The memory that the options name, opened; closed at the end.

        Only what stores something may ``create`` a folder: a question to a folder that is not
        there is a mistake in its name. With ``owned`` a scope must have been given, which is
        found out before anything is opened.
        """
        if owned:
            self.scope()
        elsewhere = "://" in self.store or "GRAPHMEM_LEDGER" in os.environ or self.server
        if not create and not elsewhere and not holds_store(self.folder):
            raise UsageError(
                f"there is no store in {self.folder}: give its folder with --store (or "
                "GRAPHMEM_STORE), or put something in: graphmem add, graphmem ingest"
            )
        with self._opened() as memory:
            yield memory

    def _opened(self) -> Memory:
        """Held by a server on this machine, it is asked through that; held by another process, it
        is read from its ledger, by what only reads."""
        from graphmem import Memory
        from graphmem.wiring.places import HELD_ELSEWHERE, server_at

        asking = partial(
            Memory,
            user_id=self.user,
            agent_id=self.agent,
            run_id=self.run,
            project_id=self.project,
            actor=self.actor,
        )
        if self.server is not None:
            return asking(self.server)
        opened = partial(asking, self.place, user_name=self.user_name)
        try:
            return opened()
        except Unavailable as error:
            server = server_at(self.folder) if HELD_ELSEWHERE in str(error) else None
            if server is not None:
                note = f"note: {self.folder} is served at {server.url}: asked through it"
                click.echo(note, err=True)
                return asking(server.url, api_key=server.key)
            reads = click.get_current_context().command.name in _READS
            if HELD_ELSEWHERE not in str(error):
                raise
            if not reads:
                return _once_free(opened)
            held, _, _ = str(error).partition(": close")
            click.echo(f"note: {held}: read from its ledger alone", err=True)
            return opened(read_only=True)


def _once_free(opened: Callable[[], Memory]) -> Memory:
    """Opened as soon as the process that has it lets go: mostly another command, which soon
    ends."""
    from graphmem.wiring.places import HELD_ELSEWHERE

    ends = time.monotonic() + _WAIT_S
    while True:
        try:
            return opened()
        except Unavailable as error:
            if HELD_ELSEWHERE not in str(error) or time.monotonic() > ends:
                raise
        time.sleep(0.1)


def holds_store(folder: Path) -> bool:
    """Whether a folder holds a store, or what is left of one."""
    from graphmem.settings import default_urls
    from graphmem.wiring.places import left_of_store

    return bool(left_of_store(default_urls(folder)))


def options() -> Options:
    """The options of the command that is running."""
    found: Options = click.get_current_context().meta.setdefault(_KEY, Options())
    if "profiles" not in found.sources:
        found.sources["profiles"] = None
        use_profile(found)
    return found


def next_command(*words: str, user: str | None = None) -> str:
    """A command to try next, that finds the same memory (of another user, if one is named)."""
    given = {**options().typed, **({"--user": user} if user else {})}
    flags = [part for flag, value in given.items() for part in (flag, shlex.quote(value))]
    return " ".join(["graphmem", *flags, *words])


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember a shared option; what stands nearer to the command wins."""
    kept = context.meta.setdefault(_KEY, Options())
    if value is not None and value is not False and parameter.name is not None:
        name = parameter.name.removeprefix("shared_")
        setattr(kept, name, value)
        source = kept.sources[name] = context.get_parameter_source(parameter.name)
        if isinstance(value, str) and source is ParameterSource.COMMANDLINE:
            kept.typed[parameter.opts[0]] = value


def _shared(*, top: bool) -> list[click.Option]:
    """The options of every command. The environment is read once, by the group."""

    def option(flag: str, variable: str | None, text: str, **more: Any) -> click.Option:
        return click.Option(
            [flag, f"shared_{flag.lstrip('-').replace('-', '_')}"],
            envvar=variable if top else None,
            show_envvar=top,
            expose_value=False,
            callback=_keep,
            help=text,
            **more,
        )

    return [
        option("--store", "GRAPHMEM_STORE", _HOLDS, metavar="FOLDER"),
        option("--user", "GRAPHMEM_USER", "Whose memory it is.", metavar="ID"),
        option(
            "--user-name", None, "What facts call the user (GRAPHMEM_USER_NAME).", metavar="NAME"
        ),
        option("--agent", "GRAPHMEM_AGENT", "The agent that remembers.", metavar="ID"),
        option("--run", "GRAPHMEM_RUN", "One run, or session, of it.", metavar="ID"),
        option("--project", "GRAPHMEM_PROJECT", "The project it belongs to.", metavar="ID"),
        option("--actor", "GRAPHMEM_ACTOR", "In whose name it writes.", metavar="NAME"),
        option("--profile", "GRAPHMEM_PROFILE", "Options and settings by name.", metavar="NAME"),
        option("--json", None, "Print JSON, and nothing else, on standard output.", is_flag=True),
    ]


class Command(click.Command):
    """A command that takes the shared options too.

    A text that begins with a dash (``"- buy milk"``) is a text, as long as there is a space in it
    and it is no option of this command.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared(top=False))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            rest = super().parse_args(ctx, self._guarded(ctx, args))
        except click.NoSuchOption as error:
            if not any(param.name in _TEXTS for param in self.params):
                raise
            raise click.NoSuchOption(
                error.option_name,
                f"{error.message.rstrip('.')} (a text that begins with a dash goes after --)",
                error.possibilities,
                ctx,
            ) from error
        for name in _TEXTS & ctx.params.keys():
            ctx.params[name] = _unguarded(ctx.params[name])
        return rest

    def _guarded(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with a mark before each text that the parser would take for options."""
        known = {flag: param for param in self.get_params(ctx) for flag in param.opts}
        guarded: list[str] = []
        value_of: click.Parameter | None = None
        for at, arg in enumerate(args):
            if arg == "--":
                return [*guarded, *args[at:]]
            text = value_of is None and arg.startswith("-") and " " in arg
            guarded.append(_GUARD + arg if text and arg.partition("=")[0] not in known else arg)
            found = None if value_of else known.get(arg)
            takes_value = isinstance(found, click.Option) and not (found.is_flag or found.count)
            value_of = found if takes_value else None
        return guarded


def _unguarded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_unguarded, value))
    return value.removeprefix(_GUARD) if isinstance(value, str) else value


class Group(click.Group):
    """The group: its commands in the order in which they were added, with the shared options."""

    command_class = Command
    _top = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_shared(top=self._top))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Subgroup(Group):
    """A group within the group."""

    _top = False


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="graphmem %(version)s")
def cli() -> None:
    """A memory of facts, entities and relations, in one folder.

    \b
    graphmem demo                                   see what it does
    graphmem --user ada add "Anna works at Acme."   add something
    graphmem --user ada search "Where does Anna work?"

    Exit codes: 0 done, 1 failed, 2 wrong call, 4 not found, 75 try again later, 130 interrupted.
    """


def exit_unless(good: bool) -> None:
    """End with exit code 1 where what the command has shown is not good."""
    if not good:
        raise click.exceptions.Exit(1)
