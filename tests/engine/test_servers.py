"""The whole engine on real servers: the same answers, many processes, servers that go away."""

from __future__ import annotations

import subprocess
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import AsyncMemory, Memory, Settings
from graphmem.clock import ManualClock
from graphmem.errors import Unavailable
from graphmem.ports.graph import GraphDump
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import STORY, add_story, child, child_environment, facts_of
from tests.engine.remainders import remainders
from tests.servers import Neo4jServer, PostgresServer, Server, running

_WRITER = """
import sys
from graphmem import AsyncMemory, Memory, Settings

folder, ledger, graph, name, count = sys.argv[1:]
settings = Settings.load(ledger=ledger, graph=graph)
with Memory(folder, user_id="ada", settings=settings) as memory:
    print("open", flush=True)
    sys.stdin.readline()
    for number in range(int(count)):
        memory.add(f"Ada moved to City{number}.", occurred_at=f"2024-01-01T00:{number:02}:00Z")
        memory.add(f"{name} knows Person{number}.")
        memory.add(f"Line {number} of {name}.", infer=False)
        if number % 5 == 0:
            hits = memory.search(f"Whom does {name} know?").hits
            assert any(name in hit.text for hit in hits), "it does not see its own writes"
    print("done", flush=True)
"""


@pytest.fixture
def ledger_url(postgres_url: str) -> Iterator[str]:
    """An empty schema of the test's own."""
    psycopg = pytest.importorskip("psycopg")
    schema = f"t_{uuid.uuid4().hex[:12]}"
    yield f"{postgres_url}?schema={schema}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture
def graph_url(neo4j_uri: str) -> str:
    return f"{neo4j_uri}?replace=1"


def anonymous(dump: GraphDump) -> GraphDump:
    """The dump without the ids, which are drawn anew for each store."""
    names = {id: f"{label}:{_words(properties)}" for label, id, properties in dump.nodes}
    hidden = {"entity_ids", "recorded_at", "fact_id", "subject_id", "object_id"}
    hidden |= {"scope", "user_id"}  # a pseudonym

    def seen(properties: tuple[tuple[str, object], ...]) -> tuple[tuple[str, object], ...]:
        return tuple((key, value) for key, value in properties if key not in hidden)

    return GraphDump(
        tuple(sorted((label, names[id], seen(p)) for label, id, p in dump.nodes)),
        tuple(sorted((kind, names[a], names[b], seen(p)) for kind, a, b, p in dump.edges)),
    )


def _words(properties: tuple[tuple[str, object], ...]) -> str:
    known = dict(properties)
    return " ".join(
        str(known.get(key, "")) for key in ("name", "text", "content", "occurred_at", "valid_at")
    )


def dump_of(memory: Memory) -> GraphDump:
    engine = memory._async
    assert isinstance(engine, AsyncMemory)
    return memory._loop_thread.call(engine._parts.graph.dump())


def test_servers_and_the_folder_answer_alike(
    tmp_path: Path, ledger_url: str, graph_url: str
) -> None:
    """The same story into both; the same counts, graph, relations, searches."""
    seen = []
    servers = Settings.load(
        ledger=ledger_url, graph=graph_url, vectors=f"qdrant-edge:///{tmp_path / 'vectors'}"
    )
    for folder, settings in ((tmp_path / "folder", Settings.load()), (None, servers)):
        clock = ManualClock()
        with Memory(folder, user_id="ada", settings=settings, clock=clock) as memory:
            add_story(memory)
            memory.delete(memory.get_all().items[0].id)
            questions = [text for text, _ in STORY] + ["Who moved?", "Where does Bob work?"]
            seen.append(
                (
                    memory.stats(),
                    anonymous(dump_of(memory)),
                    [str(path) for path in memory.paths("Ada Lovelace", "Carol Reed")],
                    [(r.subject, r.type, r.object, r.invalid_at) for r in memory.relations()],
                    facts_of(memory),
                    [[(h.kind, h.text) for h in memory.search(q).hits] for q in questions],
                )
            )
            assert memory.verify().ok
    assert seen[0] == seen[1]


def test_two_processes_lose_and_double_nothing(
    tmp_path: Path, ledger_url: str, graph_url: str
) -> None:
    """Both write the same user's memory at once, partly the same statements."""
    count = 20
    with Memory(
        tmp_path / "first",
        user_id="ada",
        settings=Settings.load(ledger=ledger_url, graph=graph_url),
    ) as memory:
        memory.add("I am here before.", infer=False)
    shared = graph_url.partition("?")[0]
    writers = [
        subprocess.Popen(
            child(_WRITER, str(tmp_path / name), ledger_url, shared, name, str(count)),
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("Bob", "Carol")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n", writer.communicate()
    stated = [writer.communicate("go\n") for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], stated
    settings = Settings.load(ledger=ledger_url, graph=shared)
    with Memory(tmp_path / "third", user_id="ada", settings=settings) as memory:
        stats = memory.stats()
        # The moves are the same episodes told by both: stored once.
        assert (stats.episodes, stats.pending) == (1 + count + 4 * count, 0)
        names = Counter(entity.name for entity in memory.entities(limit=1000))
        assert max(names.values()) == 1, names.most_common(3)
        texts = Counter(facts_of(memory))
        assert max(texts.values()) == 1, texts.most_common(3)
        homes = [r.object for r in memory.relations("Ada", type="lives_in")]
        assert homes == [f"City{count - 1}"]
        assert memory.verify().ok
        engine = memory._async
        assert isinstance(engine, AsyncMemory)
        assert memory._loop_thread.call(replay_differences(engine)) == []


class Telling(threading.Thread):
    """Adds one after another until told to stop; notes what was acknowledged and what failed."""

    def __init__(self, memory: Memory) -> None:
        super().__init__()
        self.memory = memory
        self.acknowledged: list[str] = []
        self.failures: list[Exception] = []
        self.enough = threading.Event()
        self.progress = threading.Condition()

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            number += 1
            try:
                receipt = self.memory.add(
                    f"Person{number} lives in Oslo.", idempotency_key=f"n{number}"
                )
                if number % 10 == 0:
                    self.memory.search("Oslo")
            except Exception as error:  # noqa: BLE001 - what it was is asserted below
                self.failures.append(error)
            else:
                self.acknowledged.append(receipt.episode_id)
            with self.progress:
                self.progress.notify_all()

    def wait_for(self, count: int) -> None:
        with self.progress:
            assert self.progress.wait_for(
                lambda: len(self.acknowledged) + len(self.failures) >= count, timeout=60
            )


def _survives(server: Server, memory: Memory) -> None:
    """Adds go on while the server is killed and started again; then nothing is amiss."""
    telling = Telling(memory)
    telling.start()
    try:
        telling.wait_for(40)
        server.kill()
        server.start()  # which takes its time; calls fail or wait meanwhile
        telling.wait_for(len(telling.acknowledged) + len(telling.failures) + 40)
    finally:
        telling.enough.set()
        telling.join(90)
    assert not telling.is_alive()
    assert all(isinstance(error, Unavailable) for error in telling.failures), telling.failures
    memory.resume()
    found = memory.verify()
    assert found.ok, found.differences
    for episode_id in telling.acknowledged:
        assert memory.episode(episode_id).status == "done"
    assert memory.stats().pending == 0


@pytest.mark.timeout(900)
def test_neo4j_killed_in_the_middle(tmp_path: Path) -> None:
    with running(Neo4jServer) as server:
        settings = Settings.load(graph=server.uri, max_lag=20)
        with Memory(tmp_path / "m", user_id="ada", settings=settings) as memory:
            _survives(server, memory)
        with Memory(tmp_path / "m", user_id="ada", settings=settings) as memory:
            assert memory.verify().ok


def test_postgres_killed_in_the_middle(tmp_path: Path) -> None:
    with running(PostgresServer) as server:
        settings = Settings.load(ledger=server.uri)
        with Memory(tmp_path / "m", user_id="ada", settings=settings) as memory:
            _survives(server, memory)
        with Memory(tmp_path / "m", user_id="ada", settings=settings) as memory:
            assert memory.verify().ok


def test_opening_without_the_server_says_so(tmp_path: Path) -> None:
    nowhere = "127.0.0.1:9"
    for settings in (
        Settings.load(graph=f"neo4j://neo4j:secret@{nowhere}"),
        Settings.load(ledger=f"postgresql://postgres:secret@{nowhere}/x"),
        Settings.load(vectors=f"http://{nowhere}", vectors_api_key="secret"),
    ):
        with pytest.raises(Unavailable, match=nowhere) as caught:
            Memory(tmp_path / "m", user_id="ada", settings=settings)
        assert "secret" not in str(caught.value)


def test_a_user_is_forgotten_on_servers_too(
    tmp_path: Path, ledger_url: str, graph_url: str, postgres_url: str
) -> None:
    """No row of any table and no property of any node holds a word of it."""
    psycopg = pytest.importorskip("psycopg")
    words = ("Quuxadalina", "Zyxquorple", "frobnicates_with")
    settings = Settings.load(
        ledger=ledger_url, graph=graph_url, vectors=f"qdrant-edge:///{tmp_path / 'vectors'}"
    )
    schema = ledger_url.rpartition("=")[2]

    def stored() -> str:
        with psycopg.connect(postgres_url) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s",
                (schema,),
            ).fetchall()
            rows = [
                connection.execute(f'SELECT * FROM {schema}."{table}"').fetchall()
                for (table,) in tables
            ]
        return repr(rows) + repr(dump_of(memory))

    with Memory(None, user_id="Quuxadalina", settings=settings) as memory:
        memory.add("I moved to Zyxquorple. Bob Stone works at Zyxquorple.")
        memory.relate("Bob Stone", "frobnicates_with", "Zyxquorple", project_id="other")
        memory.declare_type("frobnicates_with", single_valued=True)
        memory.add("Carla Smith lives in Rome.", user_id="carla")
        assert memory.search("Zyxquorple").hits
        assert all(word in stored() for word in words)
        receipt = memory.forget(wait=True)
        assert (receipt.pending, receipt.rows["users"]) == ({}, 2)
        assert [word for word in words if word.casefold() in stored().casefold()] == []
        with psycopg.connect(postgres_url) as connection:
            ((vacuumed,),) = connection.execute(
                "SELECT count(*) FROM pg_stat_all_tables WHERE schemaname = %s "
                "AND relname IN ('events', 'episodes', 'users') AND vacuum_count > 0",
                (schema,),
            ).fetchall()
        assert vacuumed == 3
        assert memory.search("Rome", user_id="carla").hits
        assert memory.verify().ok
        assert memory.search("Zyxquorple").hits == ()
        memory.add("I like tea.")  # met again, under another pseudonym
        assert memory.forget().rows["episodes"] == 1
    assert remainders(tmp_path, words) == []
