"""Prompts that a person chooses: with what the memory has, put in already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import mcp_types as types

from graphmem.doors.mcp.brief import BriefMoment, fitting
from graphmem.doors.mcp.resources import Ask, entity_text
from graphmem.errors import UsageError


@dataclass(frozen=True)
class MemoryPrompt:
    """One prompt: what it is for, its one argument, and the text that it makes."""

    title: str
    description: str
    argument: str
    meaning: str
    text: Callable[[Ask, str], Awaitable[str]]


async def _recall(ask: Ask, question: str) -> str:
    known = await ask("context", query=question, budget_tokens=1500)
    return (
        f"What is remembered that may matter:\n\n{known}\n\nAnswer from it, and name the numbers "
        f"that you rest on. Say so where it does not answer.\n\n{question}"
    )


async def _brief_me(ask: Ask, name: str) -> str:
    return (
        f"What is remembered of {name}:\n\n{await entity_text(ask, name)}\n\nBrief me in a few "
        "sentences: who or what it is, what matters now, what changed last."
    )


async def _catch_up(ask: Ask, since: str) -> str:
    moments, left_out = fitting(await ask("timeline", since=since, limit=100), BriefMoment.of)
    lines = "\n".join(one.line for one in moments) or "- nothing"
    more = f"\n- … and {left_out} more" if left_out else ""
    return f"What happened since {since}:\n\n{lines}{more}\n\nSum up what matters, by topic."


async def _keep(_: Ask, about: str) -> str:
    return (
        f"Go through our conversation and remember what is worth knowing later about {about}: one "
        "call of remember for each thing, in a whole sentence with names and dates. Search first, "
        "so that nothing is remembered twice; correct what was remembered wrongly."
    )


PROMPTS: Final[Mapping[str, MemoryPrompt]] = {
    "recall": MemoryPrompt(
        title="Answer from memory",
        description="A question, with what is remembered about it.",
        argument="question",
        meaning="What you want to know.",
        text=_recall,
    ),
    "brief_me": MemoryPrompt(
        title="Brief me",
        description="What is known of a person, a place or a thing.",
        argument="name",
        meaning="Whom or what it is about.",
        text=_brief_me,
    ),
    "catch_up": MemoryPrompt(
        title="Catch up",
        description="What happened since a date.",
        argument="since",
        meaning="A date: 2026-11-01.",
        text=_catch_up,
    ),
    "keep": MemoryPrompt(
        title="Keep what matters",
        description="Have this conversation remembered.",
        argument="about",
        meaning="What it is about: everything, my project, Anna.",
        text=_keep,
    ),
}
"""Every prompt by its name."""


def listed_prompts() -> list[types.Prompt]:
    """What there is to choose from."""
    return [
        types.Prompt(
            name=name,
            title=prompt.title,
            description=prompt.description,
            arguments=[
                types.PromptArgument(
                    name=prompt.argument, description=prompt.meaning, required=True
                )
            ],
        )
        for name, prompt in PROMPTS.items()
    ]


async def made_prompt(
    ask: Ask, name: str, given: Mapping[str, str] | None
) -> types.GetPromptResult:
    """A prompt with its argument put in. UsageError for what is not there, or not given."""
    prompt = PROMPTS.get(name)
    if prompt is None:
        raise UsageError(f"there is no prompt {name[:80]!r}; there are: {', '.join(PROMPTS)}")
    value = (given or {}).get(prompt.argument, "")
    if not value.strip():
        raise UsageError(f"the prompt {name} needs {prompt.argument!r}: {prompt.meaning}")
    text = types.TextContent(type="text", text=await prompt.text(ask, value))
    message = types.PromptMessage(role="user", content=text)
    return types.GetPromptResult(description=prompt.description, messages=[message])
