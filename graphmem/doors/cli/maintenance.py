"""Commands that look after a store: stats, health, verify, rebuild; and prompts, completion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from graphmem.doors.cli.base import cli, exit_unless, next_command, options
from graphmem.doors.cli.output import (
    FIXED,
    RIGHT,
    note,
    print_counts,
    print_table,
    progress_of,
    show,
    show_json,
)
from graphmem.extract.llm.prompts import copy_prompts
from graphmem.model import SetAside, Stats, Verification


@cli.command("stats")
def stats_command() -> None:
    """Count what is stored.

    In your scope when one is given, else in the whole store.
    """
    with options().memory(owned=False) as memory:
        found = memory.stats()
    if not show_json(found):
        show_stats(found)


def show_stats(found: Stats) -> None:
    """Counts as a table."""
    names = (
        *("episodes", "pending", "turns", "facts", "relations", "entities"),
        *("model_calls", "tokens_in", "tokens_out"),
    )
    print_counts("what", {name.replace("_", " "): getattr(found, name) for name in names})
    if found.spend:
        numbers = [(name, RIGHT) for name in ("calls", "in", "out", "cost")]
        rows = [
            (
                s.day,
                s.model,
                f"{s.calls:,}",
                f"{s.tokens_in:,}",
                f"{s.tokens_out:,}",
                f"{s.cost:.4f}",
            )
            for s in found.spend
        ]
        print_table(
            [("day", FIXED), "model", *numbers],
            rows,
            title="what models were asked, by day; costs by the price table",
        )
    if found.pending:
        note("pending episodes can be searched; their facts are still to be found: graphmem resume")


@cli.command("health")
@click.option("--deep", is_flag=True, help="Ask each part something, the model too.")
def health_command(deep: bool) -> None:
    """Check that every part answers.

    The exit code is 1 when one does not, when work waits for a model that does not answer, or when
    something is set aside.
    """
    with options().memory(owned=False) as memory:
        found = memory.health(deep=deep)
    if not show_json(found):
        rows = [
            (name, state, f"{found.lag[name]:,} events" if found.lag.get(name) else "")
            for name, state in found.parts.items()
        ]
        print_table(["part", "state", ("behind", RIGHT)], rows)
        show_set_aside(found.set_aside)
    exit_unless(found.ok)


@cli.command("check-config")
def check_config_command() -> None:
    """Check the settings, without opening or asking anything.

    The exit code is 1 when something is wrong.
    """
    from graphmem import validate_config

    problems = validate_config(options().place)
    if not show_json(problems):
        for problem in problems:
            show(problem)
        if not problems:
            note("nothing is wrong")
    exit_unless(not problems)


@cli.command("test-connection")
def test_connection_command() -> None:
    """Open the store, ask each part something small.

    The model, too, which may cost a call. A store that is not there is made. The exit code is 1
    when something does not answer.
    """
    from graphmem import test_connection

    found = test_connection(options().place)
    if not show_json(found):
        print_table(["part", "state"], list(found.parts.items()))
    exit_unless(found.ok)


@cli.command("verify")
@click.option(
    "--repair", is_flag=True, help="Put right what differs in graph and vectors, no more."
)
@click.option(
    "--part-of",
    type=click.IntRange(1),
    metavar="N",
    help="Only what changed since the last time, and the next of N parts of the rest.",
)
def verify_command(repair: bool, part_of: int | None) -> None:
    """Check the ledger, compare graph and vectors with it.

    The exit code is 1 when they differ, and still do after --repair. A large store can be looked
    at in parts: with --part-of 7 every night, all of it once a week.
    """
    with options().memory(owned=False) as memory:
        found = memory.verify(repair=repair, part_of=part_of)
    if not show_json(found):
        show_verification(found)
    exit_unless(found.ok)


def show_set_aside(found: Sequence[SetAside]) -> None:
    """Print what graph and vectors could not take."""
    for one in found:
        show(f"  set aside, {one}", "red")
    if found:
        note(
            f"{len(found):,} events are set aside and not searched; "
            f"{next_command('rebuild')} tries again"
        )


def show_verification(found: Verification) -> None:
    """Print what was compared, and every difference."""
    print_counts("checked", found.checked)
    for repaired in found.repaired:
        show(f"  put right: {repaired}", "yellow")
    for difference in found.differences:
        show(f"  {difference}", "red")
    show_set_aside(found.set_aside)
    if found.ok:
        where = f" in part {found.part[0]} of {found.part[1]}" if found.part else ""
        show(f"no difference{where}", "green")
    elif any(difference.startswith("ledger") for difference in found.differences):
        note(
            "the ledger is damaged: put back a backup of it, or save what can be had with graphmem "
            "salvage; graph and vectors were not changed"
        )
    elif found.differences:
        note(f"{next_command('verify', '--repair')} puts right what differs in graph and vectors")


@cli.command("rebuild")
def rebuild_command() -> None:
    """Rebuild graph and vectors from the ledger, then verify."""
    with options().memory(owned=False) as memory, progress_of("rebuilding") as progress:
        found = memory.rebuild(progress=progress)
    if not show_json(found):
        show_verification(found)
    exit_unless(found.ok)


@cli.command("prompts")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def prompts_command(folder: Path) -> None:
    """Copy the prompts of models to FOLDER, to change them.

    Name the folder in GRAPHMEM_PROMPTS. Files that are there already are left as they are.
    """
    written = copy_prompts(folder)
    if show_json([str(path) for path in written]):
        return
    for path in written:
        show(str(path))
    note(f"{len(written)} written; use them with GRAPHMEM_PROMPTS={folder}")


@cli.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print what makes a shell complete commands and options.

    \b
    bash   eval "$(graphmem completion bash)"        in ~/.bashrc
    zsh    eval "$(graphmem completion zsh)"         in ~/.zshrc
    fish   graphmem completion fish | source         in ~/.config/fish/config.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - for the type checker: the choice is click's own
    click.echo(made(cli, {}, "graphmem", "_GRAPHMEM_COMPLETE").source())
