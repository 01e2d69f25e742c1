"""A user is forgotten whatever the stores are. The folder of Kuzu, Qdrant Edge and SQLite is in
``test_forget.py``, Neo4j and PostgreSQL in ``test_servers.py``."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from graphmem import AsyncMemory, Settings, open_memory
from graphmem.adapters.vectors.memory import MemoryVectors
from tests.engine.helpers import run_child
from tests.engine.remainders import remainders

USER = "Quuxadalina"
WORDS = (USER, "Zyxquorple", "frobnicates_with")

_FORGOTTEN = """
import sys
from graphmem import Memory, Settings
settings = Settings.load(graph=sys.argv[2])
with Memory(sys.argv[1], user_id="Quuxadalina", settings=settings) as memory:
    memory.add_many([f"Zyxquorple {n}" for n in range(1100)], infer=False)
    memory.add("I moved to Zyxquorple. Bob Stone works at Zyxquorple.")
    memory.relate("Bob Stone", "frobnicates_with", "Zyxquorple")
    assert memory.search("Zyxquorple").hits
    if "forget" in sys.argv:
        assert memory.forget(wait=True).pending == {}
        assert memory.verify().ok
"""


@pytest.mark.skipif(not find_spec("ladybug"), reason="ladybug is not installed")
def test_ladybug(tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for folder, rest in ((kept, []), (gone, ["forget"])):
        url = f"ladybug:///{folder / 'graph.lbug'}"
        done = run_child(_FORGOTTEN, str(folder), url, *rest)
        assert done.returncode == 0, done.stderr
    assert any(one.startswith("graph.lbug") for one in remainders(kept, WORDS))
    assert remainders(gone, WORDS) == []


async def _told(memory: AsyncMemory) -> None:
    await memory.add("I moved to Zyxquorple. Bob Stone works at Zyxquorple.")
    await memory.relate("Bob Stone", "frobnicates_with", "Zyxquorple")
    await memory.add("Carla Smith lives in Rome.", user_id="carla")
    assert (await memory.search("Zyxquorple")).hits


async def _in_ledger_and_graph(memory: AsyncMemory) -> str:
    ledger = memory._parts.ledger
    rows = {name: await ledger.rows(name, None, limit=10_000) for name in ledger.tables}
    return repr(rows) + repr(await memory._parts.graph.dump())


async def test_in_memory() -> None:
    async with await open_memory("memory://", user_id=USER) as memory:
        vectors = memory._parts.vectors
        assert isinstance(vectors, MemoryVectors)

        async def stored() -> str:
            tenants = [one for kind in vectors._tenants.values() for one in kind.values()]
            points = [list(one.points.values()) for one in tenants]
            return await _in_ledger_and_graph(memory) + repr(points)

        await _told(memory)
        before = await stored()
        assert [word for word in WORDS if word not in before] == []
        assert (await memory.forget(wait=True)).pending == {}
        after = (await stored()).casefold()
        assert [word for word in WORDS if word.casefold() in after] == []
        assert (await memory.search("Rome", user_id="carla")).hits
        assert (await memory.verify()).ok


async def test_qdrant_server(tmp_path: Path) -> None:
    """Every payload of every point, and every word that a request brought there before."""
    pytest.importorskip("qdrant_client")
    from tests.adapters.vectors.qdrant_http import QdrantHttp

    async with QdrantHttp() as server:

        async def stored() -> str:
            found = []
            for one in (await server._client.get_collections()).collections:
                points, _ = await server._client.scroll(one.name, limit=10_000, with_vectors=True)
                found += [point.model_dump(mode="json") for point in points]
            return json.dumps(found)

        settings = Settings.load(vectors=server.url)
        async with await open_memory(tmp_path, user_id=USER, settings=settings) as memory:
            await _told(memory)
            before = await stored()
            assert "default/user:" in before
            assert USER not in before
            (pseudonym,) = [one.pseudonym for one in await memory._parts.ledger.users(USER)]
            assert pseudonym in before
            assert (await memory.forget(wait=True)).pending == {}
            after = await stored()
            assert [word for word in (*WORDS, pseudonym) if word in after] == []
            assert (await memory.search("Rome", user_id="carla")).hits
            assert (await memory.verify()).ok
    assert remainders(tmp_path, WORDS) == []
