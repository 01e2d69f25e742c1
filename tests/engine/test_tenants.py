"""No call in one scope returns, counts, changes or reveals anything of another (law 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from graphmem import AsyncMemory, open_memory
from graphmem.errors import NotFound, UsageError
from graphmem.model import Scope, Table, to_json
from graphmem.ports.api.arguments import ScopeArgs
from tests.faults.sizes import FUZZ, SEED

NASTY = (
    "a", "A", " a", "a ", "a/user:b", "a/agent:b", "user:b", "agent:b", "b", "%2F", "%252F", "%",
    "a%2Fuser:b", "a%25", "/", "//", ":", "default", "default/user:a", "None", "null", "*", "_",
    "'", '"', "\\", "' OR '1'='1", "a}) RETURN n //", "$tenant", "á", "a\u0301", "ａ", "日本",
    "🙂", "a\u200b", "\u00a0a", "-1", "0", "true", "[]", "{}", "a,b", "x" * 256,
)  # fmt: skip
_IDS = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6
).filter(lambda text: bool(text.strip()))
_OWNERS = st.tuples(_IDS, st.sampled_from(["user_id", "agent_id"]), _IDS)
_CANARY = re.compile(r"[Cc]anary([a-z]{2})")


@dataclass(frozen=True)
class Home:
    """One tenant, what it was told, and what it holds."""

    scope: ScopeArgs
    episode: str
    fact: str
    entity: str


def scope_of(owner: tuple[str, str, str]) -> ScopeArgs:
    project, kind, id = owner
    return {"project_id": project, kind: id}  # type: ignore[misc]


def canary(number: int) -> str:
    """A name of its own for each tenant."""
    return f"Canary{chr(97 + number // 26)}{chr(97 + number % 26)}"


def canaries(answer: object) -> set[str]:
    """Whose names an answer shows."""
    shown = json.dumps(to_json(answer), default=str)
    return {f"Canary{letters}" for letters in _CANARY.findall(shown)}


async def settle(memory: AsyncMemory, number: int, scope: ScopeArgs) -> Home:
    """Every tenant is told the same words, but for its own canary."""
    in_run: ScopeArgs = {**scope, "run_id": "the same run"}
    receipt = await memory.add(
        f"Bob {canary(number)} lives in Oslo. Bob {canary(number)} is married to Zoë Lane.",
        occurred_at="2024-01-01",
        idempotency_key="the same key",
        metadata={"of": canary(number)},
        tags=["the same"],
        **in_run,
    )
    title: dict[str, Any] = {"title": f"Of {canary(number)}", "metadata": {"of": canary(number)}}
    await memory.update_run("the same run", **title, **scope)
    assert receipt.status == "done", "no duplicate of another tenant's"
    entity = await memory.entity(f"Bob {canary(number)}", **scope)
    return Home(scope, receipt.episode_id, receipt.fact_ids[0], entity.id)


async def in_cypher(memory: AsyncMemory, scope: ScopeArgs) -> list[Table]:
    """Nodes and edges of every kind."""
    queries = (
        "MATCH (e:Entity) RETURN e.name, e.scope",
        "MATCH (f:Fact)-[:ABOUT]->(e:Entity) RETURN f.text, e.name, f.scope",
        "MATCH (e:Episode) RETURN e.content, e.project_id, e.user_id",
        "MATCH (a:Entity)-[r:RELATES]->(b:Entity) RETURN a.name, r.fact, b.name",
        "MATCH (n) RETURN count(n)",
    )
    return [await memory.cypher(query, **scope) for query in queries]


async def everything(memory: AsyncMemory, scope: ScopeArgs, number: int) -> dict[str, Any]:
    """The answer of every method that reads."""
    name = f"Bob {canary(number)}"
    question = "Where does Bob Canary live? Oslo Zoë Lane"
    in_run: ScopeArgs = {**scope, "run_id": "the same run"}
    graph = await memory.to_networkx(current=False, **scope)
    return {
        "search": await memory.search(question, limit=1000, current=False, **scope),
        "context": await memory.context(question, budget_tokens=10_000, **scope),
        "get_all": await memory.get_all(current=False, limit=1000, **scope),
        "entities": await memory.entities(limit=1000, **scope),
        "by name": await memory.entities("canary", limit=1000, **scope),
        "entity": await memory.entity("Oslo", **scope),
        "relations": await memory.relations(current=False, limit=1000, **scope),
        "of Oslo": await memory.relations("Oslo", current=False, **scope),
        "neighbours": await memory.neighbours("Oslo", hops=5, limit=1000, **scope),
        "paths": await memory.paths("Oslo", "Zoë Lane", limit=100, **scope),
        "timeline": await memory.timeline(limit=1000, **scope),
        "of Zoë": await memory.timeline("Zoë Lane", **scope),
        "networkx": [list(graph.nodes(data=True)), list(graph.edges(data=True))],
        "stats": await memory.stats(**scope),
        "history": [
            await memory.history(fact.id, **scope)
            for fact in (await memory.get_all(current=False, **scope)).items
        ],
        "resume": await memory.resume(**scope),
        "self": await memory.entity(name, **scope),
        "archived": await memory.search(question, include_archived=True, **scope),
        "near": await memory.search(question, threshold=0.01, **scope),
        "why not": await memory.why_not(question, f"Bob {canary(number)} lives in Oslo.", **scope),
        "runs": await memory.runs(**scope),
        "users": await memory.users(**scope),
        "agents": await memory.agents(**scope),
        "projects": await memory.projects(**scope),
        "communities": await memory.communities(min_size=2, **scope),
        "sweep": await memory.sweep(dry_run=True, **scope),
        "summary": await memory.summary("Oslo", **scope),
        "summary of who speaks": await memory.summary(name, **scope),
        "types": await memory.relation_types(**scope),
        "learned": await memory.learn_types(**scope),
        "since": await memory.search(question, where={"occurred_at": "since 1990"}, **scope),
        "summary of the run": await memory.summary(**in_run),
        "by time": await memory.temporal_search(since="2024-01-01", **scope),
        "by people": await memory.search_by_people(["Oslo"], question, **scope),
        "by tags": await memory.search_by_tags(["the same"], **scope),
        "user stats": await memory.get_user_stats(**scope) if "user_id" in scope else None,
        "diff": await memory.diff("2020-01-01", "2030-01-01", **scope),
        "then": await memory.as_of("2030-01-01").search(question, **scope),
        "retention": await memory.retention(**scope),
        "people": await memory.get_all(where={"people": {"any": ["Oslo"]}}, **scope),
        "total": await memory.get_all(count=True, limit=1, **scope),
    }


async def in_several(memory: AsyncMemory, homes: Sequence[Home]) -> None:
    """A read of several projects gives what its owner has in them, and nothing else."""
    question = "Where does Bob Canary live? Oslo Zoë Lane"
    every = list(dict.fromkeys(str(home.scope.get("project_id")) for home in homes))
    for home in homes:
        owner = {name: value for name, value in home.scope.items() if name != "project_id"}
        kind = "user_id" if "user_id" in owner else "agent_id"
        own = {
            canary(number)
            for number, one in enumerate(homes)
            if one.scope.get(kind) == owner[kind] and kind in one.scope
        }
        more: Any = {**owner, "project_ids": every}
        facts = await memory.get_all(current=False, limit=1000, count=True, **more)
        found = await memory.search(question, limit=1000, current=False, **more)
        answers: dict[str, Any] = {
            "search": found,
            "get_all": facts,
            "entities": await memory.entities(limit=1000, **more),
            "relations": await memory.relations(current=False, limit=1000, **more),
            "timeline": await memory.timeline(limit=1000, **more),
            "cypher": await memory.cypher("MATCH (e:Entity) RETURN e.name", **more),
            "networkx": list((await memory.to_networkx(**more)).nodes(data=True)),
            "neighbours": await memory.neighbours("Oslo", hops=5, limit=1000, **more),
            "paths": await memory.paths("Oslo", "Zoë Lane", limit=100, **more),
            "communities": await memory.communities(min_size=2, **more),
            "by people": await memory.search_by_people(["Oslo", "Zoë Lane"], limit=99, **more),
            "since": await memory.temporal_search(question, since="2024", limit=99, **more),
        }
        for method, answer in answers.items():
            assert canaries(answer) == own, f"{method} of {owner} in {every}"
        assert canaries(await memory.context(question, budget_tokens=10_000, **more)) <= own
        assert len(facts.items) == facts.total == 2 * len(own)
        assert len(found) == 3 * len(own)
        assert {hit.project_id for hit in found} <= set(every) | {None}
        for other in homes:
            reads = (memory.get, memory.history, memory.explain)
            for read in reads:
                if {canary(homes.index(other))} <= own:
                    assert canaries(await read(other.fact, **more)) == {canary(homes.index(other))}
                else:
                    with pytest.raises(NotFound):
                        await read(other.fact, **more)


async def check(memory: AsyncMemory, homes: Sequence[Home]) -> None:
    for number, home in enumerate(homes):
        found = await everything(memory, home.scope, number)
        for method, answer in found.items():
            others = canaries(answer) - {canary(number)}
            assert not others, f"{method} of {home.scope} shows {others}"
        stats = found["stats"]
        assert (stats.episodes, stats.turns, stats.facts, stats.entities) == (1, 1, 2, 3)
        assert len(found["entities"]) == 3
        assert len(found["get_all"].items) == len(found["relations"]) == 2
        assert {hit.kind for hit in found["search"]} == {"fact", "turn"}
        assert len(found["search"]) == 3
        assert (found["runs"].total, found["projects"].total, found["total"].total) == (1, 1, 2)
        assert found["users"].total == ("user_id" in home.scope)
        assert found["agents"].total == ("agent_id" in home.scope)
        assert [len(one.entities) for one in found["communities"]] == [3]


async def trespass(memory: AsyncMemory, mine: Home, other: Home) -> None:
    """By another tenant's ids nothing is found, changed or deleted."""
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: memory.get(other.fact, **mine.scope),
        lambda: memory.history(other.fact, **mine.scope),
        lambda: memory.episode(other.episode, **mine.scope),
        lambda: memory.update(other.fact, "changed", **mine.scope),
        lambda: memory.delete(other.fact, **mine.scope),
        lambda: memory.delete(other.fact, erase=True, **mine.scope),
        lambda: memory.delete(other.episode, **mine.scope),
        lambda: memory.delete(other.episode, erase=True, **mine.scope),
        lambda: memory.archive(other.fact, **mine.scope),
        lambda: memory.restore(other.fact, **mine.scope),
        lambda: memory.promote(other.fact, **mine.scope),
        lambda: memory.update(other.fact, expires_at=None, **mine.scope),
        lambda: memory.undo(other.episode, **mine.scope),
        lambda: memory.entity(other.entity, **mine.scope),
        lambda: memory.relations(other.entity, **mine.scope),
        lambda: memory.relations("Oslo", other=other.entity, **mine.scope),
        lambda: memory.neighbours(other.entity, **mine.scope),
        lambda: memory.paths("Oslo", other.entity, **mine.scope),
        lambda: memory.timeline(other.entity, **mine.scope),
        lambda: memory.summary(other.entity, **mine.scope),
        lambda: memory.consolidate(other.entity, min_facts=1, **mine.scope),
        lambda: memory.get_all(where={"about": {"all": [other.entity]}}, **mine.scope),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            await call()
    for missing in (other.fact, other.episode):
        assert (await memory.why_not("Oslo", missing, **mine.scope)).cause == "unknown"
    page = await memory.get_all(after=other.fact, current=False, **mine.scope)
    assert other.fact not in {fact.id for fact in page.items}


async def live(memory: AsyncMemory, scopes: Sequence[ScopeArgs]) -> None:
    homes = [await settle(memory, number, scope) for number, scope in enumerate(scopes)]
    await check(memory, homes)
    await in_several(memory, homes)
    for mine, other in zip(homes, [*homes[1:], homes[0]], strict=True):
        await trespass(memory, mine, other)
    await check(memory, homes[:2])
    gone = homes[0]
    await memory.archive(gone.fact, **gone.scope)
    await memory.delete(homes[1].fact, **homes[1].scope)
    await memory.undo((await memory.history(homes[1].fact, **homes[1].scope))[-1].seq,
                      **homes[1].scope)  # fmt: skip
    assert (await memory.delete_all(**gone.scope)).episodes == 1
    assert (await memory.stats(**gone.scope)).episodes == 0
    for number, home in enumerate(homes[1:], start=1):
        assert (await memory.get(home.fact, **home.scope)).text.startswith(f"Bob {canary(number)}")
    assert (await memory.verify()).ok


@seed(SEED)
@given(st.lists(_OWNERS, min_size=2, max_size=4, unique=True))
@pytest.mark.timeout(0)
@settings(
    max_examples=round(12 * FUZZ), deadline=None, derandomize=FUZZ <= 1, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
async def test_any_names(owners: list[tuple[str, str, str]]) -> None:
    async with await open_memory("memory://") as memory:
        await live(memory, [scope_of(owner) for owner in owners])


async def test_nasty_names_in_one_folder(tmp_path: Path) -> None:
    """As projects, as users and as agents; embedded stores."""
    noted = [
        *(("default", "user_id", name) for name in NASTY),
        *(("default", "agent_id", name) for name in NASTY[:12]),
        *((name, "user_id", "b") for name in NASTY[:20]),
    ]
    owners = list(dict.fromkeys(noted))
    async with await open_memory(tmp_path / "store") as memory:
        scopes = [scope_of(owner) for owner in owners]
        homes = [await settle(memory, number, scope) for number, scope in enumerate(scopes)]
        await check_stores(memory, homes, every=3)
        assert (await memory.stats()).episodes == len(owners)
        assert (await memory.rebuild()).ok
        await check_stores(memory, homes, every=10)


async def check_stores(memory: AsyncMemory, homes: Sequence[Home], *, every: int) -> None:
    """The methods that ask the graph and the vectors, which know tenants by themselves."""
    for number, home in list(enumerate(homes))[::every]:
        hits = await memory.search("Bob Oslo", limit=1000, current=False, **home.scope)
        near = await memory.neighbours("Oslo", hops=3, **home.scope)
        tables = await in_cypher(memory, home.scope)
        assert canaries((hits, near, tables)) == {canary(number)}, home.scope
        assert len(hits) == len(tables[0].rows) == 3
        assert tables[-1].rows == ((1 + 2 + 3,),)
        tenant = Scope(**home.scope).tenant  # type: ignore[arg-type]
        assert {row[1] for row in tables[0].rows} == {tenant}
        assert (await memory.stats(**home.scope)).facts == 2


def test_tenants_of_different_owners_are_never_spelled_alike() -> None:
    tenants: dict[str, tuple[str, str, str]] = {}
    for project in NASTY:
        for kind in ("user_id", "agent_id"):
            for owner in NASTY:
                tenant = Scope(**scope_of((project, kind, owner))).tenant  # type: ignore[arg-type]
                assert tenants.setdefault(tenant, (project, kind, owner)) == (project, kind, owner)


@given(_OWNERS, _OWNERS)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_nor_are_any_two(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    same = Scope(**scope_of(one)).tenant == Scope(**scope_of(other)).tenant  # type: ignore[arg-type]
    assert same == (one == other)


async def test_cypher_cannot_reach_over_a_tenant() -> None:
    async with await open_memory("memory://") as memory:
        homes = [await settle(memory, n, {"user_id": f"u{n}"}) for n in range(2)]
        tricks = (
            "MATCH (e:Entity) WHERE e.scope = 'default/user:u1' RETURN e.name",
            "MATCH (e) WHERE e.scope <> 'x' OR true RETURN e.name",
            "MATCH (a:Entity), (b:Entity) RETURN a.name, b.name",
            "MATCH (a:Entity)-[*1..3]-(b) RETURN a.name, b.id",
            "MATCH (e:Entity {scope: 'default/user:u1'}) RETURN e.name",
            "MATCH (e:Entity) RETURN e.name UNION MATCH (f:Entity) RETURN f.name",
            "MATCH (e:Entity) WHERE EXISTS { MATCH (f:Fact) WHERE f.text CONTAINS 'Canaryab' }"
            " RETURN e.name",
            "MATCH (e:Entity) WITH count(e) AS n MATCH (f:Fact) RETURN n, f.text",
            "MATCH ()-[r:RELATES]->() RETURN r.fact",
            "MATCH p = (a)-[:RELATES]->(b) RETURN p",
            "MATCH (e:Entity {id: $id}) RETURN e.name",
            "OPTIONAL MATCH (e:Entity {id: $id}) RETURN e.name",
        )
        for query in tricks:
            parameters = {"id": homes[1].entity} if "$id" in query else None
            try:
                found = await memory.cypher(query, parameters, user_id="u0")
            except UsageError:
                continue
            assert "anaryab" not in json.dumps(to_json(found), default=str), query


async def test_agent_and_run_narrow_inside_a_tenant() -> None:
    async with await open_memory("memory://", user_id="ada") as memory:
        for agent in ("x", "y", None):
            for run in ("1", "2", None):
                await memory.add(
                    f"Note of {agent} in {run}.", infer=False, agent_id=agent, run_id=run
                )

        async def count(**scope: Any) -> int:
            found = len((await memory.get_all(**scope)).items)
            stats = await memory.stats(**scope)
            assert found == stats.facts == stats.episodes
            assert found == len(await memory.search("note", limit=100, **scope))
            return found

        assert await count() == 9
        assert await count(agent_id="x") == 3
        assert await count(run_id="1") == 3
        assert await count(agent_id="x", run_id="1") == 1
        assert await count(agent_id="z") == 0
        assert await count(user_id="x") == 0
        with pytest.raises(UsageError, match="user_id or an agent_id"):
            Scope(run_id="1")
        async with await open_memory("memory://", agent_id="x") as alone:
            await alone.add("Mine.", infer=False, user_id="ada")
            await alone.add("Mine.", infer=False)
            assert (await alone.stats()).facts == 1
            assert (await alone.stats(user_id="ada")).facts == 1
