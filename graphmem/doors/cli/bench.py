"""``graphmem bench``: what retrieval finds, on published data sets and on one's own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import Subgroup, cli, options
from graphmem.doors.cli.output import note, progress_bar, show_json
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from graphmem.bench.dataset import Dataset
    from graphmem.bench.measure import Answering, Extract, Measuring, RunPlan
    from graphmem.settings import Settings

_EVERY_S = 10.0
"""Between two lines of progress where nobody watches a bar."""
_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@cli.group("bench", cls=Subgroup, invoke_without_command=True)
@click.option("--on", type=_FOLDER, help="Your own store: questions are made from what it holds.")
@click.option(
    "--probes",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="With --on: how many questions.",
)
@click.option("--tune", type=_FILE, help="With --on: find weights on half of it, and write them.")
@click.pass_context
def bench_command(context: click.Context, on: Path | None, probes: int, tune: Path | None) -> None:
    """Measure what search finds, and what it costs.

    \b
    graphmem bench --on my-memory --user ada
    graphmem bench run locomo PATH/locomo10.json
    graphmem bench run musique PATH/musique.json --triples PATH/openie_musique.json --ablate
    graphmem bench compare bench-locomo other-run

    Data sets are read in their published formats from any path; nothing is downloaded. A run that
    was stopped goes on when the same command is given again.

    With --on, a store of yours is only read: the questions come from its own facts and turns, in
    other words, and nothing is written to it.
    """
    if on is None:
        if context.invoked_subcommand is None:
            click.echo(context.get_help())
        return
    if context.invoked_subcommand is not None:
        raise UsageError("--on measures your own store: give it without a further command")
    _own(on, probes, tune)


def _own(folder: Path, count: int, tune: Path | None) -> None:
    """Recall and latency on a store's own facts."""
    from graphmem.bench.own_store import measure_own
    from graphmem.bench.tables import own_table

    if tune is not None and not tune.parent.is_dir():
        raise UsageError(f"--tune {tune}: there is no folder {tune.parent}")
    shared = options()
    shared.store = str(folder)
    with shared.memory() as memory, progress_shown() as progress:
        found = measure_own(memory, count, tune=tune, progress=progress)
    if not show_json(found):
        click.echo(own_table(found))
        if found.get("tuned", {}).get("written"):
            note(f"written: {tune}; to use it: export GRAPHMEM_SEARCH_WEIGHTS={tune}")


@bench_command.command("run")
@click.argument("name", metavar="DATASET")
@click.argument("path", metavar="PATH", type=_FILE)
@click.option("--corpus", type=_FILE, help="The passages, when not beside the questions.")
@click.option("--triples", type=_FILE, help="What a model extracted from the passages: use that.")
@click.option(
    "--extract",
    type=click.Choice(["rules", "none", "model", "given"]),
    help="What reads the text: the rules (by default), nothing, the set model, or the rules with "
    "the facts that come with the data set (LoCoMo's observations).",
)
@click.option("--out", type=_FOLDER, help="Folder of the run (bench-DATASET unless given).")
@click.option("--without", multiple=True, metavar="ARM", help="Leave out an arm of search.")
@click.option("--ablate", is_flag=True, help="Also ask with each arm left out by itself.")
@click.option(
    "--kinds",
    default="fact,turn",
    show_default=True,
    help="What is searched; a fact counts for the turn that states it.",
)
@click.option("--limit", default=50, show_default=True, help="Hits from which units are ranked.")
@click.option("--first", type=click.IntRange(1), help="Only the first conversations or questions.")
@click.option("--wrong", is_flag=True, help="Also ask a memory that cannot answer.")
@click.option("--against", type=_FOLDER, help="Another run: differences with 95 % intervals.")
@click.option("--answer", is_flag=True, help="Let the set model answer, and judge.")
@click.option("--judge", metavar="MODEL", help="Another model to judge, as openai:MODEL.")
@click.option("--context-tokens", default=2000, show_default=True, help="What it reads to answer.")
def run_command(name: str, path: Path, **given: Any) -> None:
    """Run a data set: locomo, longmemeval, musique, hotpotqa, 2wiki, beam, lihua, or one of yours.

    \b
    locomo       locomo10.json                    longmemeval  longmemeval_s.json, _m, _oracle
    musique, hotpotqa, 2wiki   as HippoRAG packs them: X.json with X_corpus.json beside it
    beam         a folder of chats, or rows as JSON      lihua   its folder
    plain        a folder of yours with turns.jsonl and questions.jsonl (see docs/benchmarks.md)

    Writes into the run's folder: result.json, result.md, quality.svg, latency.svg, and the memory
    itself under store/. The store is always the embedded one.
    """
    from graphmem.bench.measure import Measuring
    from graphmem.bench.plots import plots
    from graphmem.bench.runs import BenchRun
    from graphmem.bench.sets import load_dataset
    from graphmem.bench.summary import compare_results, lines_of, summed_up
    from graphmem.bench.tables import ablation, markdown
    from graphmem.settings import Settings

    data = load_dataset(name, path, corpus=given["corpus"], triples=given["triples"])
    settings = Settings.load()
    plan = _plan(data, path, given, settings)
    other = lines_of(given["against"]) if given["against"] else None
    folder = given["out"] or Path(f"bench-{name}")
    measured = BenchRun(folder)
    if measured.finished:
        note(f"{folder} was finished before; to measure again, remove it or give another --out")
    answering = _answering(settings, given["judge"]) if given["answer"] else None
    with progress_shown() as progress:
        measuring = Measuring(
            data, measured, plan, settings, progress, answering, given["context_tokens"]
        )
        asyncio.run(_whole(measuring, answering))
    result = summed_up(measured)
    if other is not None:
        result["against"] = compare_results(lines_of(folder), other)
        measured.finish(result)
    text = markdown(result)
    if other is not None:
        text += "\n" + ablation({f"against {given['against'].name}": result["against"]}) + "\n"
    (folder / "result.md").write_text(text, encoding="utf-8")
    pictures = plots(result, folder)
    if not pictures:
        note("no plots: pip install 'graphmem[viz]' draws them")
    if not show_json(result):
        click.echo(text)
        names = ("result.json", "result.md", *(picture.name for picture in pictures))
        note(f"written to {folder}: {', '.join(names)}")


def _plan(data: Dataset, path: Path, given: dict[str, Any], settings: Settings) -> RunPlan:
    from graphmem.bench.measure import RunPlan, variants

    if given["triples"] and given["extract"]:
        raise UsageError("--triples is the extraction: give it without --extract")
    extract: Extract = "given" if given["triples"] else given["extract"] or "rules"
    if extract == "given" and not data.given:
        raise UsageError(f"{path}: no extraction comes with it")
    if (extract == "model" or given["answer"]) and not settings.has_model:
        raise UsageError("no model is set: GRAPHMEM_LLM=openai:MODEL (see docs/settings.md)")
    kinds = tuple(kind.strip() for kind in given["kinds"].split(","))
    if not set(kinds) <= {"fact", "turn"}:
        raise UsageError(f"--kinds is fact, turn or fact,turn, got {given['kinds']!r}")
    return RunPlan(
        extract=extract,
        kinds=kinds,
        limit=given["limit"],
        variants=variants(given["without"], given["ablate"]),
        first=given["first"],
        wrong=given["wrong"],
        command=_command(data.name, path, given),
    )


def _command(name: str, path: Path, given: dict[str, Any]) -> str:
    """The command that repeats the run, with the names of files but not their folders."""
    from graphmem.bench.measure import neutral

    parts = ["graphmem bench run", name, neutral(path)]
    for flag in ("corpus", "triples"):
        parts += [f"--{flag} {neutral(given[flag])}"] if given[flag] else []
    parts += [f"--extract {given['extract']}"] if given["extract"] else []
    parts += [f"--without {arm}" for arm in given["without"]]
    parts += [f"--{flag}" for flag in ("ablate", "answer", "wrong") if given[flag]]
    parts += [f"--kinds {given['kinds']}"] if given["kinds"] != "fact,turn" else []
    parts += [f"--limit {given['limit']}"] if given["limit"] != 50 else []
    parts += [f"--first {given['first']}"] if given["first"] else []
    return " ".join(parts)


def _answering(settings: Settings, judge: str | None) -> Answering:
    from graphmem.bench.answering import Answers
    from graphmem.wiring.adapters import make

    model = make("chat", settings.model, settings)
    return Answers(model, make("chat", judge, settings) if judge else None)


async def _whole(measuring: Measuring, answering: Any) -> None:
    try:
        await measuring.all()
    finally:
        if answering is not None:
            await answering.close()


@bench_command.command("compare")
@click.argument("ours", metavar="RUN", type=_FOLDER)
@click.argument("theirs", metavar="OTHER", type=_FOLDER)
def compare_command(ours: Path, theirs: Path) -> None:
    """RUN minus OTHER, question by question, with 95 % intervals.

    Paired bootstrap over the questions that both have. In bold: what is not chance.
    """
    from graphmem.bench.summary import compare_results, lines_of
    from graphmem.bench.tables import ablation

    found = compare_results(lines_of(ours), lines_of(theirs))
    if not any(found.values()):
        raise UsageError(f"{ours} and {theirs} have no question in common")
    if not show_json(found):
        click.echo(ablation({f"{ours.name} − {theirs.name}": found}))


@bench_command.command("page")
@click.argument("files", metavar="RESULT...", nargs=-1, required=True, type=_FILE)
@click.option("--out", type=_FILE, default=Path("docs/benchmarks.md"), show_default=True)
def page_command(files: Sequence[Path], out: Path) -> None:
    """Write the results page from runs (folders) and other result files (JSON).

    Each figure comes with its command, machine, versions and date.
    """
    from graphmem.bench.page import write_page

    pictures = write_page(files, out)
    if not show_json({"page": str(out), "pictures": [str(p) for p in pictures]}):
        note(f"written: {out}, with {len(pictures)} pictures beside it")


@contextmanager
def progress_shown() -> Iterator[Callable[[str, int, int], None]]:
    """A bar where there is a terminal; else a line now and then. Both on standard error."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(what: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _EVERY_S or done == total:
                last = time.monotonic()
                note(f"{what}: {done:,} of {total:,}")

        yield line
        return
    from rich.progress import TimeRemainingColumn

    bar = progress_bar(TimeRemainingColumn())
    tasks: dict[str, Any] = {}

    def move(what: str, done: int, total: int) -> None:
        kind = what.partition(" ")[0]
        if kind not in tasks:
            tasks[kind] = bar.add_task(what, total=total)
        bar.update(tasks[kind], description=what, completed=done, total=total)

    with bar:
        yield move
