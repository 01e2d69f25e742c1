"""``graphmem chat``: a model with a memory, that shows what it recalled and what it stored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from graphmem.doors.cli.base import Options, cli, options, report
from graphmem.doors.cli.output import emit, note
from graphmem.errors import GraphmemError, ModelError, UsageError
from graphmem.text import printable

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.engine.event_loop import LoopThread
    from graphmem.model import Receipt
    from graphmem.ports.llm import LLM

_KEPT = 20
"""Messages of this conversation that the model is shown again."""
_SHOWN = 5
_SYSTEM = """\
You are talking with {owner}. You have a memory of earlier conversations; what of it may matter now
stands below, each line with its number and date. Rely on it where it answers, prefer what is newer,
and do not make up what it does not say. Today is {today}.

{known}"""


@cli.command("chat")
@click.argument("text", required=False)
@click.option("--model", metavar="NAME", help="openai:MODEL or ollama:MODEL (GRAPHMEM_LLM).")
@click.option(
    "--budget",
    type=click.IntRange(min=50),
    default=800,
    show_default=True,
    help="Tokens of what is recalled.",
)
@click.option("--quiet", is_flag=True, help="Show the answers alone.")
def chat_command(text: str | None, *, model: str | None, budget: int, quiet: bool) -> None:
    """Talk with a model that remembers; or ask it TEXT.

    \b
    graphmem --user ada chat
    graphmem --user ada chat --model ollama:llama3.2 "Where does my sister live?"

    Before each answer it is shown what the memory recalls; question and answer are remembered.
    Ctrl-D ends it. The endpoint is that of the settings (OPENAI_BASE_URL, OPENAI_API_KEY).
    """
    from graphmem.engine.event_loop import LoopThread
    from graphmem.settings import NO_MODEL, Settings
    from graphmem.wiring.adapters import make

    settings = Settings.load()
    name = model or settings.model
    if name == NO_MODEL:
        raise UsageError(
            "a chat needs a model: --model openai:MODEL or ollama:MODEL (or GRAPHMEM_LLM), and "
            "OPENAI_API_KEY or OPENAI_BASE_URL"
        )
    llm: LLM = make("chat", name, settings)
    thread = LoopThread()
    try:
        with options().memory(create=True) as memory:
            talk = _Talk(options(), memory, llm, thread, budget, quiet)
            if text is not None:
                talk.exchange(text)
                return
            talk.go_on()
    finally:
        thread.call(llm.close())
        thread.close()


@dataclass
class _Talk:
    """One conversation: a run of its own, unless one was named."""

    shared: Options
    memory: Memory
    llm: LLM
    thread: LoopThread
    budget: int
    quiet: bool
    before: list[dict[str, str]] = field(default_factory=list)
    run: str = field(default_factory=lambda: f"chat-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")

    def go_on(self) -> None:
        """Answer until the input ends; what goes wrong with one question ends nothing."""
        note(f"{self.llm.name}, remembering {self.shared.owner}. Ctrl-D ends it.")
        for text in _lines():
            try:
                self.exchange(text)
            except ModelError as error:
                report(error)
                note("(not remembered: ask again)")
            except GraphmemError as error:
                report(error)

    def exchange(self, text: str) -> None:
        """Recall, answer, remember."""
        from graphmem.ports.llm import Prompt

        known = self.memory.context(text, budget_tokens=self.budget)
        self._show("recalled", [str(one) for one in known.citations])
        system = _SYSTEM.format(
            owner=self.shared.user_name or self.shared.user or "the user",
            today=datetime.now(UTC).date().isoformat(),
            known=str(known) or "(Nothing is remembered yet.)",
        )
        prompt = Prompt(system, text, before=tuple(self.before[-_KEPT:]))
        answer = self.thread.call(self.llm.complete(prompt)).text.strip()
        if not self.shared.json:
            click.echo(printable(answer))
        messages = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        self.before += messages
        receipt = self.memory.add(messages, run_id=self.shared.run or self.run)
        self._show("stored", _stored(receipt))
        if self.shared.json:
            hits = [one.hit for one in known.citations]
            recalled = [{"id": hit.id, "kind": hit.kind, "text": hit.text} for hit in hits]
            emit({"question": text, "answer": answer, "recalled": recalled, "stored": receipt})

    def _show(self, what: str, texts: list[str]) -> None:
        if self.quiet or self.shared.json:
            return
        for text in texts[:_SHOWN]:
            note(f"  {what}: {' '.join(text.split())}")
        if len(texts) > _SHOWN:
            note(f"  {what}: … and {len(texts) - _SHOWN} more")


def _stored(receipt: Receipt) -> list[str]:
    if receipt.status != "done":
        return [f"{receipt.status} · {receipt.reason or 'nothing new'}"]
    changes = [one for one in receipt.decisions if one.action != "NONE"]
    return [str(one) for one in changes] or ["the words, and no new fact"]


def _lines() -> Iterator[str]:
    """What is typed, or piped in, line by line."""
    asks = sys.stdin.isatty()
    while True:
        try:
            line = input("> " if asks else "")
        except EOFError:
            if asks:
                click.echo()
            return
        if line.strip():
            yield line.strip()
