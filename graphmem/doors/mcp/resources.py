"""What a person may hand to a model: entities, episodes and conversations, each at an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

import mcp_types as types

from graphmem.doors.mcp.brief import BriefEntity, BriefMoment, BriefRelation, clipped, fitting
from graphmem.errors import NotFound, UsageError
from graphmem.model import ConversationState, Entity
from graphmem.model.printing import day, dotted

Ask = Callable[..., Awaitable[Any]]
"""``ask(method, **arguments)``: a call of the API, for whoever asks."""

_PAGE: Final = 50
_EPISODE_CHARACTERS: Final = 100_000
_MARKDOWN: Final = "text/markdown"
_SCHEME: Final = "graphmem://"
TEMPLATES: Final[Mapping[str, tuple[str, str]]] = {
    "entity": ("name", "What is known of somebody or something, by name or id, with its dates."),
    "episode": ("id", "What was remembered at one time, word for word."),
    "conversation": ("id", "What was said in one conversation, in a few sentences."),
}
"""Kinds of resources: the variable in the address, and what they are."""


def templates() -> list[types.ResourceTemplate]:
    """The addresses that there are."""
    return [
        types.ResourceTemplate(
            name=kind,
            uri_template=f"{_SCHEME}{kind}/{{{variable}}}",
            description=about,
            mime_type=_MARKDOWN,
        )
        for kind, (variable, about) in TEMPLATES.items()
    ]


async def listed_resources(ask: Ask, cursor: str | None) -> types.ListResourcesResult:
    """The conversations, the newest first, then who and what is known, by name; in pages."""
    kind, offset = _place_of(cursor)
    found = await ask("runs" if kind == "conversation" else "entities", limit=_PAGE, offset=offset)
    listed = [_listed(one) for one in found]
    following = f"{kind}:{offset + _PAGE}" if len(listed) == _PAGE else None
    if following is None and kind == "conversation":  # the entities begin on the same page
        more = await listed_resources(ask, "entity:0")
        listed, following = [*listed, *more.resources], more.next_cursor
    return types.ListResourcesResult(resources=listed, next_cursor=following)


def _listed(one: ConversationState | Entity) -> types.Resource:
    if isinstance(one, Entity):
        kind, name, about = "entity", one.name, one.kind
    else:
        kind, name = "conversation", one.title
        about = f"conversation, {day(one.first_at)} to {day(one.last_at)}"
    uri = f"{_SCHEME}{kind}/{quote(one.id, safe='')}"
    return types.Resource(uri=uri, name=clipped(name, 100), description=about, mime_type=_MARKDOWN)


def _place_of(cursor: str | None) -> tuple[str, int]:
    """Where a page begins: of what kind, and how many before it."""
    kind, _, offset = (cursor or "conversation:0").partition(":")
    fit = offset.isascii() and offset.isdigit() and len(offset) <= 9
    if kind not in {"conversation", "entity"} or not fit:
        raise UsageError(f"{str(cursor)[:80]!r} is no place in this list: begin again without one")
    return kind, int(offset)


async def read_resource(ask: Ask, uri: str) -> types.ReadResourceResult:
    """The text at an address. :class:`~graphmem.errors.NotFound` where there is none."""
    kind, stroke, id = uri.removeprefix(_SCHEME).partition("/")
    if not uri.startswith(_SCHEME) or kind not in _READERS or not stroke or not id:
        known = ", ".join(one.uri_template for one in templates())
        raise NotFound(f"there is nothing at {uri[:200]!r}; there are {known}")
    text = await _READERS[kind](ask, unquote(id))
    contents = types.TextResourceContents(uri=uri, mime_type=_MARKDOWN, text=text)
    return types.ReadResourceResult(contents=[contents])


async def entity_text(ask: Ask, name: str) -> str:
    """What is known of an entity, as one text."""
    entity: Entity = await ask("entity", name_or_id=name)
    relations, more = fitting(
        await ask("relations", entity=entity.id, limit=_PAGE, current=False), BriefRelation.of
    )
    moments, fewer = fitting(await ask("timeline", entity=entity.id, limit=_PAGE), BriefMoment.of)
    lines = [f"# {entity.name}", BriefEntity.of(entity).line]
    for title, part, left_out in (("Relations", relations, more), ("Timeline", moments, fewer)):
        lines += ["", f"## {title}", *(one.line for one in part)] if part else []
        lines += [f"- … and {left_out} more"] if left_out else []
    return "\n".join(lines)


async def _episode_text(ask: Ask, id: str) -> str:
    episode = await ask("episode", episode_id=id)
    head = dotted(f"# Episode {episode.id}", day(episode.occurred_at), episode.document or "")
    text = "\n\n".join(
        f"**{turn.speaker}**: {turn.text}" if turn.speaker else turn.text for turn in episode.turns
    )
    return f"{head}\n\n{clipped(text or episode.content, _EPISODE_CHARACTERS)}"


async def _conversation_text(ask: Ask, id: str) -> str:
    runs = await ask("runs", run_id=id)
    run = next((one for one in runs.items if one.id == id), None)
    if run is None:
        raise NotFound(f"there is no conversation {id[:200]!r} here")
    summary = await ask("summary", run_id=id, max_sentences=20, ask_model=False)
    facts = [f"- {dotted(day(one.at), one.text)}" for one in summary.sentences]
    counts = f"{run.turns:,} turns, {run.facts:,} facts, {day(run.first_at)} to {day(run.last_at)}"
    return "\n".join([f"# {run.title}", counts, "", *facts])


_READERS: Final[Mapping[str, Callable[[Ask, str], Awaitable[str]]]] = {
    "entity": entity_text,
    "episode": _episode_text,
    "conversation": _conversation_text,
}


async def completions(ask: Ask, params: types.CompleteRequestParams) -> types.CompleteResult:
    """What may follow what was typed: names of entities, ids of conversations."""
    name, typed = params.argument.name, params.argument.value
    about = getattr(params.ref, "uri", "")
    values: list[str] = []
    if name == "name":
        given = {"name": typed} if typed.strip() else {}
        values = [one.name for one in await ask("entities", limit=20, **given)]
    elif name == "id" and "conversation" in about:
        values = [one.id for one in await ask("runs", limit=100) if one.id.startswith(typed)][:20]
    return types.CompleteResult(completion=types.Completion(values=values))
