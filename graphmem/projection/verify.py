"""Ledger, graph and vectors compared, id by id: the ledger says what should be there."""

from __future__ import annotations

from collections.abc import Iterable

from graphmem.model import Verification
from graphmem.ports.graph import GraphDump, GraphStore
from graphmem.ports.ledger import Ledger
from graphmem.ports.vectors import COLLECTIONS, Collection, VectorStore

_SHOWN = 5
_KINDS: dict[Collection, str] = {
    "facts": "fact",
    "turns": "turn",
    "sessions": "session",
}


async def compare_stores(ledger: Ledger, graph: GraphStore, vectors: VectorStore) -> Verification:
    """What the graph and the vectors hold against what the ledger says they should."""
    expected = {
        "fact": await ledger.present("fact"),
        "turn": await ledger.present("turn"),
        "session": await ledger.present("session"),
        "entity": await ledger.present("entity"),
        "episode": await ledger.present("episode"),
        "mention": await ledger.present("mention"),
    }
    checked: dict[str, int] = {}
    differences: list[str] = []

    def compare(what: str, kind: str, found: set[str]) -> None:
        checked[what] = len(found)
        differences.extend(_differences(what, expected[kind], found))

    in_graph = _graph_ids(await graph.dump())
    for label, kind in (("Fact", "fact"), ("Entity", "entity"), ("Episode", "episode")):
        compare(f"graph {label} nodes", kind, in_graph[label])
    compare("graph MENTIONS edges", "mention", in_graph["MENTIONS"])
    for collection in COLLECTIONS:
        compare(f"vectors {collection}", _KINDS[collection], await vectors.ids(collection))
    return Verification(not differences, checked, tuple(differences))


def _graph_ids(dump: GraphDump) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {"Fact": set(), "Entity": set(), "Episode": set()}
    for label, id, _ in dump.nodes:
        ids[label].add(id)
    ids["MENTIONS"] = {f"{a} {b}" for type, a, b, _ in dump.edges if type == "MENTIONS"}
    return ids


def _differences(what: str, expected: set[str], found: set[str]) -> Iterable[str]:
    for problem, ids in (("missing", expected - found), ("not in the ledger", found - expected)):
        if ids:
            shown = ", ".join(sorted(ids)[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
            yield f"{what}: {len(ids)} {problem}: {shown}"
