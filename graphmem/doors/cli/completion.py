"""``graphmem completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from graphmem.doors.cli.base import command


@command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and options.

    \b
    bash   eval "$(graphmem completion bash)"        in ~/.bashrc
    zsh    eval "$(graphmem completion zsh)"         in ~/.zshrc
    fish   graphmem completion fish | source         in ~/.config/fish/config.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - for the type checker: the choice is click's own
    click.echo(made(context.find_root().command, {}, "graphmem", "_GRAPHMEM_COMPLETE").source())
