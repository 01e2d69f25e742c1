"""One API (law 8): the protocol, the engine, its mirror, the client, the server, the command line.

``tests/doors/http/test_contract.py`` compares what they answer."""

from __future__ import annotations

import inspect
import typing
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory
from graphmem.client import AsyncRemoteMemory, AsyncRemoteView, RemoteMemory
from graphmem.client.calls import CALLS, FILES, LOCAL
from graphmem.doors.cli import cli
from graphmem.engine.view import AsyncMemoryView
from graphmem.errors import UsageError
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import AddArgs, RelateArgs, ScopeArgs
from graphmem.ports.api.reads import ViewAPI
from graphmem.sync import MemoryView

METHODS = sorted(
    name
    for name, value in inspect.getmembers(MemoryAPI, inspect.iscoroutinefunction)
    if not name.startswith("_")
)
READS = sorted(name for name, _ in inspect.getmembers(ViewAPI, inspect.iscoroutinefunction))
COMMANDS = {
    "add": "add",
    "add_many": "ingest",
    "add_document": "ingest",
    "documents": "documents",
    "remove_document": "remove-document",
    "relate": "relate",
    "relate_many": "ingest",
    "unrelate": "unrelate",
    "update": "update",
    "delete": "delete",
    "delete_all": "delete-all",
    "forget": "forget",
    "erasures": "erasures",
    "retention": "retention",
    "set_retention": "set-retention",
    "apply_retention": "apply-retention",
    "undo": "undo",
    "merge": "merge",
    "unmerge": "unmerge",
    "resume": "resume",
    "search": "search",
    "temporal_search": "search",
    "search_by_tags": "search",
    "search_by_people": "search",
    "context": "context",
    "explain": "explain",
    "get": "get",
    "get_all": "facts",
    "episode": "episode",
    "history": "history",
    "entities": "entities",
    "entity": "entity",
    "relations": "relations",
    "neighbours": "neighbours",
    "paths": "paths",
    "timeline": "timeline",
    "diff": "diff",
    "cypher": "cypher",
    "to_networkx": "graph",
    "relation_types": "types",
    "declare_type": "declare-type",
    "learn_types": "learn-types",
    "why_not": "why-not",
    "archive": "archive",
    "restore": "restore-fact",
    "promote": "promote",
    "sweep": "sweep",
    "projects": "projects",
    "users": "users",
    "agents": "agents",
    "runs": "runs",
    "communities": "communities",
    "summary": "summary",
    "consolidate": "consolidate",
    "update_run": "update-run",
    "stats": "stats",
    "get_user_stats": "stats",
    "health": "health",
    "verify": "verify",
    "rebuild": "rebuild",
    "backup": "backup",
    "export": "export",
    "import_": "import",
}
WITHOUT_COMMAND = {
    "flush": "no command leaves anything in the background; what is pending: resume",
    "close": "each command opens the store, and closes it when it is done",
    "known_keys": "ingest asks for those of a conversation's beginnings",
}


def test_there_is_something_to_compare() -> None:
    assert {"add", "search", "close"} <= set(METHODS)
    assert len(METHODS) >= 32
    assert {"search", "relations", "timeline"} <= set(READS)


@pytest.mark.parametrize("name", METHODS)
def test_the_engine_has_it(name: str) -> None:
    promised, kept = getattr(MemoryAPI, name), getattr(AsyncMemory, name)
    assert inspect.iscoroutinefunction(kept)
    assert kept is not promised, "it is not only inherited"
    assert inspect.signature(kept) == inspect.signature(promised)
    assert inspect.getdoc(kept) == inspect.getdoc(promised)


@pytest.mark.parametrize("name", METHODS)
def test_the_mirror_has_it(name: str) -> None:
    promised, kept = getattr(MemoryAPI, name), getattr(Memory, name)
    assert not inspect.iscoroutinefunction(kept)
    assert inspect.signature(kept) == inspect.signature(promised)
    assert inspect.getdoc(kept) == inspect.getdoc(promised)
    assert kept.__name__ == name


@pytest.mark.parametrize("name", METHODS)
def test_the_command_line_has_it_or_says_why_not(name: str) -> None:
    assert (name in COMMANDS) != (name in WITHOUT_COMMAND)
    if name in COMMANDS:
        command = cli.commands[COMMANDS[name]]
        assert command.help or command.short_help


@pytest.mark.parametrize("name", METHODS)
def test_the_client_has_it(name: str) -> None:
    promised, kept = getattr(MemoryAPI, name), getattr(AsyncRemoteMemory, name)
    assert inspect.iscoroutinefunction(kept)
    assert kept is not promised, "it is not only inherited"
    assert inspect.signature(kept) == inspect.signature(promised)
    if name not in LOCAL:
        assert inspect.getdoc(kept) == inspect.getdoc(promised)


def test_both_clients_are_made_alike() -> None:
    asynchronous, synchronous = map(inspect.signature, (AsyncRemoteMemory, RemoteMemory))
    assert synchronous == asynchronous
    with pytest.raises(UsageError, match="no server's address"):
        RemoteMemory("folder")


@pytest.mark.parametrize("name", READS)
def test_the_view_of_the_client_has_it(name: str) -> None:
    promised, kept = getattr(ViewAPI, name), getattr(AsyncRemoteView, name)
    assert kept is not promised
    assert inspect.signature(kept) == inspect.signature(promised)


@pytest.mark.parametrize("name", METHODS)
def test_the_server_has_it_or_says_why_not(name: str) -> None:
    assert (name in CALLS) != (name in LOCAL)
    if name in CALLS:
        given = dict(inspect.signature(getattr(MemoryAPI, name)).parameters)
        named = {n for n, p in given.items() if p.kind is not inspect.Parameter.VAR_KEYWORD}
        assert named - {"self", "progress", FILES.get(name)} <= set(CALLS[name].hints)


def test_neither_face_has_more_than_the_protocol() -> None:
    # How an engine is opened, and whether a server takes a key.
    faces: list[tuple[type, set[str]]] = [(AsyncMemory, {"start"}), (AsyncRemoteMemory, {"ping"})]
    for face, more in (*faces, (Memory, set()), (RemoteMemory, set())):
        public = {name for name, _ in inspect.getmembers(face) if not name.startswith("_")}
        assert public == {*METHODS, "as_of", *more}
    for seen in (AsyncMemoryView, MemoryView, AsyncRemoteView):
        public = {name for name, _ in inspect.getmembers(seen) if not name.startswith("_")}
        assert public == {*READS, "valid_at", "known_at"}


def test_a_view_is_had_the_same_way_from_both_faces() -> None:
    promised = inspect.signature(MemoryAPI.as_of)
    for face in (AsyncMemory, Memory):
        kept = inspect.signature(face.as_of)
        assert kept.parameters == promised.parameters
        assert inspect.getdoc(face.as_of) == inspect.getdoc(MemoryAPI.as_of)


@pytest.mark.parametrize("name", READS)
def test_a_view_has_every_read_with_its_arguments(name: str) -> None:
    now = dict(inspect.signature(getattr(MemoryAPI, name)).parameters)
    now.pop("all_scopes", None)
    promised = getattr(ViewAPI, name)
    assert dict(inspect.signature(promised).parameters) == now
    for kept in (getattr(AsyncMemoryView, name), getattr(MemoryView, name)):
        assert inspect.signature(kept) == inspect.signature(promised)
        assert inspect.getdoc(kept) == inspect.getdoc(promised)


def test_only_what_looks_after_the_store_is_no_view() -> None:
    reads = set(METHODS) - set(READS)
    assert reads == {
        "add", "add_many", "known_keys", "relate", "relate_many", "unrelate", "update", "delete",
        "delete_all", "forget", "erasures", "retention", "set_retention", "apply_retention",
        "undo", "merge", "unmerge", "resume", "flush", "diff",
        "relation_types", "declare_type", "learn_types", "why_not", "archive", "restore", "promote",
        "sweep", "projects", "users", "agents", "runs",
        "communities", "summary", "consolidate", "update_run", "stats", "get_user_stats", "health",
        "verify", "rebuild",
        "backup", "export", "import_", "close",
        "add_document", "documents", "remove_document",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted({*READS, "to_networkx"}))
def test_the_command_line_asks_of_another_moment(name: str) -> None:
    flags = {flag for param in cli.commands[COMMANDS[name]].params for flag in param.opts}
    assert {"--as-of", "--known-at"} <= flags


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_documented_and_typed(name: str) -> None:
    method = getattr(MemoryAPI, name)
    assert len(inspect.getdoc(method) or "") > 20
    signature = inspect.signature(method)
    assert signature.return_annotation is not inspect.Signature.empty
    parameters = list(signature.parameters.values())[1:]
    assert all(p.annotation is not inspect.Parameter.empty for p in parameters)
    scoped = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    unscoped = {"health", "verify", "rebuild", "backup", "close"}
    assert scoped == (name not in {*unscoped, "apply_retention"})


def test_options_are_what_the_engine_takes() -> None:
    from graphmem.ingest.make_episode import OPTIONS

    assert frozenset(typing.get_type_hints(AddArgs)) == OPTIONS
    from graphmem.ingest.given_relations import RELATION_OPTIONS as RELATED

    assert frozenset(typing.get_type_hints(RelateArgs)) == RELATED
    assert set(ScopeArgs.__annotations__) == {"user_id", "agent_id", "run_id", "project_id"}


def test_the_package_names_what_it_offers() -> None:
    import graphmem

    for name in graphmem.__all__:
        assert getattr(graphmem, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Mammory'"):
        graphmem.Mammory  # noqa: B018  # type: ignore[attr-defined]


def test_answers_are_frozen_and_become_json() -> None:
    import dataclasses
    import json

    from graphmem.model import results, scope, stored, to_json

    with Memory("memory://", user_id="ada") as memory:
        receipt = memory.add("Bob Stone works at Acme.", occurred_at="2024-01-01", tags=["x"])
        values: list[Any] = [
            receipt,
            memory.search("Acme"),
            memory.get_all(),
            memory.episode(receipt.episode_id),
            memory.history(receipt.fact_ids[0]),
            memory.entities(),
            memory.relations(),
            memory.neighbours("Acme"),
            memory.paths("Bob Stone", "Acme"),
            memory.timeline(),
            memory.relate("Bob Stone", "lives_in", "Oslo", valid_at="2024-05-01"),
            memory.unrelate("Bob Stone", "lives_in", invalid_at="2024-06-01"),
            memory.diff("2023-01-01", "2024-05-15"),
            memory.as_of("2024-05-15").relations(),
            memory.cypher("MATCH (e:Entity) RETURN e.name, e.aliases"),
            memory.declare_type("lives_in", single_valued=True),
            memory.learn_types(),
            memory.relation_types(),
            memory.stats(),
            memory.health(),
            memory.verify(),
            memory.set_retention("90 days", tag="x"),
            memory.retention(),
            memory.apply_retention(dry_run=True),
            memory.delete_all(),
            memory.erasures(),
            memory.forget(),
        ]
    for value in values:
        assert json.loads(json.dumps(to_json(value))) == to_json(value)
    for module in (results, scope, stored):
        for kind in vars(module).values():
            if dataclasses.is_dataclass(kind) and kind.__module__ == module.__name__:
                assert kind.__dataclass_params__.frozen  # type: ignore[union-attr]
