"""A server with two organisations, one of which has something of everything, and calls that name
it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from graphmem.access import Administration, Role
from graphmem.client.calls import CALLS
from tests.doors.http.running import RunningServer, serving

SECRET: Final = "Zanzibar"
ROLES: Final[tuple[Role, ...]] = ("reader", "writer", "owner")


@dataclass
class Theirs:
    """What another organisation has, and all of it as its owner sees it."""

    server: RunningServer
    ids: dict[str, Any]

    def everything(self) -> list[Any]:
        with self.server.http(self.server.prepared["globex owner"]) as http:
            read = {"user_id": "eve"}
            stored = [
                http.post(f"/v1/{name}", json=read).json()
                for name in ("get_all", "entities", "stats", "runs", "retention", "documents")
            ]
            names = ("members", "projects", "webhooks")
            kept = [http.get(f"/v1/access/{name}").json() for name in names]
            keys = http.get("/v1/access/keys").json()
            return [*stored, *kept, [(one["id"], one["role"], one["revoked_at"]) for one in keys]]


async def _prepare(administration: Administration) -> dict[str, str]:
    keys = {}
    for name in ("acme", "globex"):
        await administration.add_organisation(name)
        await administration.add_project(name, "lab")
        for role in ROLES:
            made = await administration.add_key(name, role, role=role)
            keys[f"{name} {role}"] = made.secret
    await administration.add_project("globex", "theirs")
    limited = await administration.add_key("acme", "own", role="owner", user_id="ada")
    for name in ("Zoe", "Zuleika"):
        await administration.add_member("globex", name, "owner")
    hook = await administration.add_webhook("globex", "http://127.0.0.1:9/", hosts=["127.0.0.1"])
    keys["globex hook"] = hook.id
    keys["globex key"] = (await administration.add_key("globex", "spare", role="owner")).key.id
    keys["acme ada"] = limited.secret
    return keys


@contextmanager
def two_organisations() -> Iterator[Theirs]:
    """Acme, which has nothing, and Globex, whose Eve has one of each thing."""
    with serving(prepare=_prepare) as server:
        with server.memory(api_key=server.prepared["globex owner"], user_id="eve") as memory:
            added = memory.add(f"I work at {SECRET}.", run_id="talk")
            fact = memory.get_all().items[0]
            entity = memory.entities()[0]
            memory.add_document("secret.md", "We meet in Zanzibar on Monday.")
            gone = memory.add("I live in Rome.").episode_id
            erasure = memory.delete(gone).erasure_id
        yield Theirs(
            server,
            {
                "fact_id": fact.id,
                "episode_id": added.episode_id,
                "id": fact.id,
                "cited": fact.id,
                "entity": entity.id,
                "entity_id": entity.id,
                "name_or_id": entity.id,
                "other": entity.id,
                "source": entity.id,
                "target": entity.id,
                "run": "talk",
                "document": "secret.md",
                "erasure_id": erasure,
                "missing": fact.id,
            },
        )


def arguments_of(name: str, ids: dict[str, Any]) -> dict[str, Any]:
    """What a method needs, out of what is theirs."""
    usual: dict[str, Any] = {
        "query": "MATCH (n) RETURN n" if name == "cypher" else "Where do I work?",
        "content": "x",
        "contents": ["x"],
        "rows": [["a", "knows", "b"]],
        "keys": ["k"],
        "subject": "a",
        "type": "knows",
        "object": "b",
        "keep": "900d",
        "tags": ["work"],
        "people": ["Ada"],
        "since": "2020",
        "a": "2020-01-01",
        "b": "2030-01-01",
        "title": "Mine now",
        "text": "Mine now",
        "dry_run": name == "forget",  # which would revoke the key of a user who is forgotten
    }
    hints = CALLS[name].hints
    return {one: value for one, value in {**usual, **ids}.items() if one in hints}
