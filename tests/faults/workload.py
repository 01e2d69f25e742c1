"""A store with a bit of everything, what is done to it, and what can be seen of it: what faults and
kills are tried on. Ids and times of recording are left out, so that two runs can be compared."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphmem import AsyncMemory, Settings, migrate_memory, open_memory
from graphmem.errors import NotFound
from graphmem.model import Entity, Episode, Fact, to_json
from graphmem.ports.llm import Extraction
from graphmem.testing.llm_server import LocalModelServer, Request
from graphmem.testing.replay import replay_differences

ADA: dict[str, Any] = {"user_id": "ada"}
BO: dict[str, Any] = {"user_id": "bo", "project_id": "p"}
TENANTS: tuple[dict[str, Any], ...] = (ADA, BO)
QUESTIONS = ("Where does Bob Stone live?", "chess", "Acme")
DAY = "2024-06-01"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_TOLD = (
    ("Bob Stone works at Acme.", "2024-01-01"),
    ("Bob Stone lives in Oslo.", "2024-01-02"),
    ("Carol Reed lives in Lisbon. Carol Reed is married to Dan Reed.", "2024-01-03"),
    ("Hal Jordan likes chess.", "2024-01-04"),
    ("Fiona Hall likes tea. Fiona Hall knows Carol Reed.", "2024-01-05"),
    ("Carol Reed lives in Rome.", "2024-02-01"),
    ("Erik Moe lives in Bergen.", "2024-02-02"),
    ("Erik Moe works at Acme.", "2024-02-03"),
    ("Erik Moe works at Initech.", "2024-02-04"),
)
_PENDING = "Greta Holm works at Acme."
_BY_MODEL = "Bob moved to Lisbon in May, and he plays chess with Carol."
_READ: dict[str, list[tuple[str, str, str]]] = {
    _BY_MODEL: [("Bob", "lives_in", "Lisbon"), ("Bob", "plays_with", "Carol")],
    _PENDING: [("Greta Holm", "works_at", "Acme")],
}
"""What the model finds in a text: subject, type, object."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is done to a store; with ``model``, by a memory that asks one."""

    name: str
    run: Callable[[AsyncMemory], Awaitable[object]]
    model: bool = False


async def _fact(memory: AsyncMemory, part: str) -> Fact:
    """The present fact that has these words."""
    found = (await memory.get_all(limit=1000, current=False, **ADA)).items
    for fact in found:
        if part in fact.text:
            return fact
    raise NotFound(part)


async def _episode(memory: AsyncMemory, part: str) -> Episode:
    for fact in (await memory.get_all(limit=1000, current=False, **ADA)).items:
        for source in fact.sources:
            episode = await memory.episode(source.episode_id, **ADA)
            if part in episode.content:
                return episode
    raise NotFound(part)


async def _add_many(memory: AsyncMemory) -> object:
    told = [{"content": f"Person{n} lives in Oslo.", "infer": n % 2 == 0} for n in range(4)]
    return await memory.add_many(told, occurred_at=DAY, **ADA)


async def _update(memory: AsyncMemory) -> object:
    fact = await _fact(memory, "Hal Jordan")
    return await memory.update(fact.id, "Hal Jordan likes chess a lot.", tags=["x"], **ADA)


async def _delete(memory: AsyncMemory) -> object:
    return await memory.delete((await _fact(memory, "likes chess")).id, **ADA)


async def _erase_fact(memory: AsyncMemory) -> object:
    fact = await _fact(memory, "likes chess")
    return await memory.delete(fact.id, erase=True, **ADA)


async def _erase_episode(memory: AsyncMemory) -> object:
    return await memory.delete((await _episode(memory, "lives in Rome")).id, **ADA)


async def _undo(memory: AsyncMemory) -> object:
    return await memory.undo((await _episode(memory, "lives in Rome")).id, **ADA)


async def _unmerge(memory: AsyncMemory) -> object:
    """The id of the one that went is in no answer; its own name leads to the one that stayed."""
    gone = await memory._parts.ledger.setting("test_gone")
    return await memory.unmerge(gone or "", **ADA)


async def _reads(memory: AsyncMemory) -> object:
    found = await memory.search(QUESTIONS[0], **ADA)
    return [found, await memory.context(QUESTIONS[1], **ADA), await memory.entities(**ADA)]


async def _graph_reads(memory: AsyncMemory) -> object:
    return [
        await memory.paths("Bob Stone", "Carol Reed", **ADA),
        await memory.cypher("MATCH (e:Entity) RETURN e.name", **ADA),
    ]


async def _then(memory: AsyncMemory) -> object:
    found = await memory.as_of(known_at="2090-01-01").search(QUESTIONS[0], **ADA)
    return [found, await memory.diff("2024-01-15", "2024-05-01", **ADA)]


def _beside(memory: AsyncMemory, name: str) -> Path:
    """A place for a copy, in the store's folder: it goes with it."""
    return Path(memory._parts.ledger._db.path).parent / name  # type: ignore[attr-defined]


async def _backup(memory: AsyncMemory) -> object:
    """Compared row by row in the end; made again, it is gone on with."""
    return await memory.backup(_beside(memory, "backup"))


async def _migrate(memory: AsyncMemory) -> object:
    moved = await migrate_memory(memory, _beside(memory, "moved"))
    assert moved.ok, moved.verification.differences
    return moved


async def _nothing(_: AsyncMemory) -> None:
    """Opened, and closed again."""


OPERATIONS: tuple[Operation, ...] = (
    Operation("open and close", _nothing),
    Operation("add", lambda m: m.add("Ines Roy lives in Porto.", occurred_at=DAY, **ADA)),
    Operation(
        "add, in conflict", lambda m: m.add("Bob Stone lives in Rome.", occurred_at=DAY, **ADA)
    ),
    Operation(
        "add, as it is", lambda m: m.add("A note on tea.", infer=False, occurred_at=DAY, **ADA)
    ),
    Operation("add, by a model", lambda m: m.add(_BY_MODEL, occurred_at=DAY, **ADA), model=True),
    Operation("add_many", _add_many),
    Operation(
        "relate",
        lambda m: m.relate("Ines Roy", "works_at", "Acme", occurred_at=DAY, **ADA),
    ),
    Operation(
        "unrelate",
        lambda m: m.unrelate(
            "Bob Stone", "works_at", "Acme", invalid_at="2024-03-01", occurred_at=DAY, **ADA
        ),
    ),
    Operation("update", _update),
    Operation("delete a fact", _delete),
    Operation("erase a fact", _erase_fact),
    Operation("delete an episode", _erase_episode),
    Operation("delete_all", lambda m: m.delete_all(**ADA)),
    Operation("forget", lambda m: m.forget(wait=True, **ADA)),
    Operation("undo", _undo),
    Operation("merge", lambda m: m.merge("Bob Stone", "Hal Jordan", **ADA)),
    Operation("unmerge", _unmerge),
    Operation("declare_type", lambda m: m.declare_type("works_at", single_valued=False, **ADA)),
    Operation("resume", lambda m: m.resume(**ADA)),
    Operation("resume, by a model", lambda m: m.resume(**ADA), model=True),
    Operation("search, context", _reads),
    Operation("paths, cypher", _graph_reads),
    Operation("as_of, diff", _then),
    Operation("verify", lambda m: m.verify()),
    Operation("rebuild", lambda m: m.rebuild()),
)


MOVES: tuple[Operation, ...] = (
    Operation("backup", _backup),
    Operation("migrate", _migrate),
)
"""What is killed, too, and changes nothing here: what it makes elsewhere must be whole."""


def named(name: str) -> Operation:
    """The operation of this name."""
    (found,) = [one for one in (*OPERATIONS, *MOVES) if one.name == name]
    return found


# -- a store ---------------------------------------------------------------------------------------


def model_server() -> LocalModelServer:
    """A model that finds what the workload says it does."""
    return LocalModelServer(answer=_read_by_model)


def _read_by_model(request: Request) -> dict[str, Any]:
    for text, found in _READ.items():
        if text in request.text():
            names = dict.fromkeys(name for one in found for name in (one[0], one[2]))
            entities = [{"name": name, "kind": "thing", "aliases": []} for name in names]
            return {"entities": entities, "facts": [_candidate(*one) for one in found]}
    return {"entities": [], "facts": []}


def _candidate(subject: str, type: str, object: str) -> dict[str, Any]:
    return {
        "text": f"{subject} {type.replace('_', ' ')} {object}.", "subject": subject, "type": type,
        "object": object, "entities": [subject, object], "valid_at": None, "invalid_at": None,
        "importance": 0.5, "turns": [0], "retracts": False,
    }  # fmt: skip


def settings_of(operation: Operation, server_url: str | None) -> Settings:
    if not operation.model or server_url is None:
        return Settings.load({})
    return Settings.load(
        {}, llm="openai:test-model", openai_base_url=server_url, llm_attempts=1, llm_timeout_s=20
    )


async def make_base(folder: Path) -> None:
    """The store that every operation begins with: facts, an end, a merge, a pending episode, two
    tenants. Closed, so that it can be copied."""
    async with await open_memory(folder, settings=Settings.load({})) as memory:
        for text, day in _TOLD:
            await memory.add(text, occurred_at=day, run_id="r1" if "Moe" in text else None, **ADA)
        await memory.add("A note as it is.", infer=False, occurred_at=DAY, **ADA)
        await memory.add("Zoë Lane lives in Oslo.", occurred_at=DAY, **BO)
        other = await memory.entity("Fiona Hall", **ADA)
        await memory.merge("Dan Reed", other.id, **ADA)
        ledger = memory._parts.ledger
        await ledger.remember_setting("test_gone", other.id)
        episode = await memory._episode(_PENDING, {**ADA, "occurred_at": DAY})
        await ledger.journal([episode], 0.0)
        await ledger.postpone(episode.id, "the model is down")
        await ledger.keep_extraction(episode.id, Extraction((), (), "rules", "0"))
        await memory.search("tea", **ADA)


def copy_store(source: Path, target: Path) -> None:
    """With the holes in its files: a copy that fills them takes seconds."""
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


# -- what can be seen of it ------------------------------------------------------------------------


async def state_of(memory: AsyncMemory) -> dict[str, Any]:
    """All that can be asked of it, once it has caught up; and nothing that differs between two runs
    of the same. Raises AssertionError where the stores do not agree."""
    for scope in TENANTS:
        await memory.resume(**scope)
    verified = await memory.verify()
    assert verified.ok, verified.differences
    differences = await replay_differences(memory)
    assert differences == [], differences
    return {
        "types": to_json(await memory.relation_types()),
        **{scope["user_id"]: await _of_tenant(memory, scope) for scope in TENANTS},
    }


async def _of_tenant(memory: AsyncMemory, scope: dict[str, Any]) -> dict[str, Any]:
    facts = (await memory.get_all(limit=1000, current=False, **scope)).items
    entities = await memory.entities(limit=1000, **scope)
    names = {entity.id: entity.name for entity in entities}
    scope_ledger = await memory._scope(scope)
    episodes = await memory._parts.ledger.episodes(scope_ledger)
    contents = {episode.id: episode.content for episode in episodes}
    hits = [await memory.search(question, limit=20, **scope) for question in QUESTIONS]
    relations = await memory.relations(current=False, limit=1000, **scope)
    return {
        "episodes": sorted([e.content, e.status, len(e.turns)] for e in episodes),
        "facts": _sorted([_shown(fact, names, contents) for fact in facts]),
        "history": _sorted([await _history(memory, fact, scope) for fact in facts]),
        "entities": _sorted([_entity(entity) for entity in entities]),
        "relations": _sorted(
            [r.subject, r.type, r.object, str(r.valid_at), str(r.invalid_at)] for r in relations
        ),
        "hits": [sorted([hit.kind, hit.text, round(hit.score, 2)] for hit in one) for one in hits],
        "seeds": [sorted(entity.name for entity in one.seeds) for one in hits],
    }


def _sorted(found: Any) -> list[Any]:
    return sorted(found, key=json.dumps)


def _entity(entity: Entity) -> list[Any]:
    return [entity.name, entity.kind, sorted(entity.aliases)]


def _shown(fact: Fact, names: dict[str, str], contents: dict[str, str]) -> list[Any]:
    return [
        fact.text, fact.type, names.get(fact.subject_id or ""), names.get(fact.object_id or ""),
        str(fact.valid_at), fact.valid_precision, str(fact.invalid_at), fact.invalid_precision,
        fact.modality, fact.importance, list(fact.tags),
        sorted(names[id] for id in fact.entity_ids),
        sorted(contents[source.episode_id] for source in fact.sources),
    ]  # fmt: skip


async def _history(memory: AsyncMemory, fact: Fact, scope: dict[str, Any]) -> Sequence[Any]:
    """What happened to it, in order."""
    changes = await memory.history(fact.id, **scope)
    return [
        fact.text,
        *([c.action, _ID.sub("…", c.reason), c.after.text if c.after else None] for c in changes),
    ]
