"""``graphmem demo``: remembers a conversation and asks it things, with the command for each."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphmem.doors.cli.base import DEFAULT_STORE, cli, options
from graphmem.doors.cli.cypher import show_rows
from graphmem.doors.cli.graph import (
    draw,
    picture_summary,
    show_paths,
    show_relations,
    show_timeline,
)
from graphmem.doors.cli.maintenance import show_stats
from graphmem.doors.cli.output import counted, emit, show
from graphmem.doors.cli.search import show_hits
from graphmem.errors import UsageError
from graphmem.importers import FileReader

if TYPE_CHECKING:
    from graphmem import Memory

FOLDER = "demo-memory"
USER = "demo"
_MARK = "this-is-a-demo"
_CYPHER = (
    "MATCH (p:Entity)-[r:RELATES]->(o:Entity) WHERE r.type = 'works_at' "
    "RETURN p.name AS who, o.name AS company, left(r.valid_at, 10) AS since, "
    "left(r.invalid_at, 10) AS until ORDER BY company, who"
)


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One question: what it shows, the command that asks it, and how to ask and to show it."""

    title: str
    command: str
    ask: Callable[[Memory], Any]
    show: Callable[[Any], None]


STEPS = (
    DemoStep(
        "Who is Maya connected to, now?",
        "relations Maya",
        lambda memory: memory.relations("Maya"),
        show_relations,
    ),
    DemoStep(
        "How do Maya and Duarte, who never met, connect?",
        "paths Maya Duarte --max-hops 5 --limit 2",
        lambda memory: memory.paths("Maya", "Duarte", max_hops=5, limit=2),
        lambda found: show_paths(found, 5),
    ),
    DemoStep(
        "What changed for Tom? Nothing is overwritten: what has ended stays, with its dates.",
        "timeline Tom",
        lambda memory: memory.timeline("Tom"),
        show_timeline,
    ),
    DemoStep(
        "A question in plain words, and why each answer ranks where it does",
        'search "Who is Tom married to?" --limit 3 --explain',
        lambda memory: memory.search("Who is Tom married to?", limit=3),
        lambda found: show_hits(found, explain=True),
    ),
    DemoStep(
        "The graph itself, in Cypher",
        f'cypher "{_CYPHER}"',
        lambda memory: memory.cypher(_CYPHER),
        show_rows,
    ),
    DemoStep("What is stored", "stats", lambda memory: memory.stats(), show_stats),
)


@cli.command("demo")
def demo_command() -> None:
    """See it work: a year of talk, remembered and asked about.

    Needs no key, no server and no network. Writes into ./demo-memory (or --store), which it makes
    again each time; a folder that is not a demo's is never touched.
    """
    shared = options()
    folder = Path(FOLDER) if shared.store == DEFAULT_STORE else shared.folder
    conversation = _conversation()
    _empty_folder(folder)
    results: list[dict[str, Any]] = []
    with _memory(folder) as memory:
        sessions = list(FileReader(conversation, "jsonl"))
        memory.add_many(sessions)
        if not shared.json:
            _show_start(folder, sessions)
        for number, step in enumerate(STEPS, start=1):
            found = step.ask(memory)
            results.append({"command": f"graphmem {step.command}", "result": found})
            if not shared.json:
                _show_heading(f"{number}. {step.title}", step.command)
                step.show(found)
        whole = memory.to_networkx(current=False)
        pictures = [
            draw(whole, folder / name, title="Maya and Tom", limit=80)
            for name in ("graph.html", "graph.svg")
        ]
    if shared.json:
        emit({"store": str(folder), "user": USER, "steps": results, "pictures": pictures})
        return
    _show_heading(f"{len(STEPS) + 1}. The picture", f"graph --out {folder / 'graph.html'}")
    for picture in pictures:
        show(f"  {picture_summary(picture)}")
    show(f"\nOpen {folder / 'graph.html'} in a browser: drag, zoom, point at things.")


def _conversation() -> Path:
    """The example: beside the package when installed, beside the sources in a checkout."""
    beside = [Path(str(files("graphmem"))) / "examples", Path(__file__).parents[3] / "examples"]
    for folder in beside:
        if (folder / "conversation.jsonl").is_file():
            return folder / "conversation.jsonl"
    raise UsageError("the example conversation is missing from this installation")


def _empty_folder(folder: Path) -> None:
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / _MARK).is_file()):
            raise UsageError(
                f"{folder} holds something that is not a demo; give another folder: "
                f"graphmem --store {FOLDER} demo"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _MARK).write_text("Made by `graphmem demo`, which deletes and makes it again.\n")


def _memory(folder: Path) -> Memory:
    """Embedded and without a model, whatever the environment says."""
    from graphmem import Memory, Settings

    return Memory(folder, user_id=USER, settings=Settings.load({}, llm="none"))


def _show_start(folder: Path, sessions: list[dict[str, Any]]) -> None:
    turns = sum(len(session["content"]) for session in sessions)
    speakers = sorted({turn["name"] for session in sessions for turn in session["content"]})
    first, last = (sessions[at]["occurred_at"].strftime("%B %Y") for at in (0, -1))
    show(
        f"{' and '.join(speakers)} talked {counted(len(sessions), 'time')} between {first} and "
        f"{last}: {counted(turns, 'turn')}, remembered in {folder}/",
        "bold",
    )
    show("No model, no server, no network. To ask it yourself:")
    for line in _preparation(folder):
        show(f"  {line}", "cyan")


def _preparation(folder: Path) -> Iterator[str]:
    """The shell commands to type before the commands shown can be repeated."""
    scripts = Path(sys.prefix, "bin")
    activate = scripts / "activate"
    if sys.prefix != sys.base_prefix and not _on_path(scripts) and activate.is_file():
        here = Path.cwd()
        near = activate.relative_to(here) if activate.is_relative_to(here) else activate
        yield f". {shlex.quote(str(near))}"
    yield f"export GRAPHMEM_STORE={shlex.quote(str(folder))} GRAPHMEM_USER={USER}"


def _on_path(scripts: Path) -> bool:
    """Whether typing ``graphmem`` runs the one in this folder (a link to it counts too)."""
    found = shutil.which("graphmem")
    return found is not None and Path(found).resolve() == (scripts / "graphmem").resolve()


def _show_heading(title: str, text: str) -> None:
    show(f"\n{title}", "bold")
    show(f"$ graphmem {text}\n", "cyan")
