"""The PostgreSQL ledger on a bad wire, and with a server that goes away."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from graphmem.adapters.ledger.postgres import database
from graphmem.adapters.ledger.postgres.ledger import PostgresLedger
from graphmem.errors import Unavailable
from graphmem.model import Decision
from graphmem.ports.ledger import Commit, Erasure, FactQuery
from graphmem.ports.llm import Extraction
from graphmem.testing.ledger import ADA, Draft
from tests.adapters.ledger.conftest import opened
from tests.adapters.ledger.proxy import proxied
from tests.servers import PostgresServer, running


async def test_a_write_costs_a_few_round_trips(schema_url: str) -> None:
    """However many statements: on a slow network that is all that counts."""
    draft = Draft()
    async with proxied(schema_url) as (proxy, url), opened(PostgresLedger(url)) as ledger:
        for number in range(5):
            episodes = [
                draft.episode(
                    f"text {number} {n}" + "\n\nmore" * 20, idempotency_key=f"{number} {n}"
                )
                for n in range(10)
            ]
            proxy.trips = 0
            stored = await ledger.journal(episodes, 0)
            assert proxy.trips <= 3
            commits = []
            for episode in stored:
                about = tuple(draft.entity(f"{number} {n} {episode.id}") for n in range(5))
                facts = [draft.fact(episode, one, text=one.name) for one in about]
                mentions = tuple((turn.id, about[0].id) for turn in episode.turns)
                decisions = tuple(Decision("ADD", "new", after=fact) for fact in facts)
                commits.append(Commit(episode, decisions, about, mentions=mentions))
            proxy.trips = 0
            state = await ledger.tenant_state(ADA.tenant, [episode.id for episode in stored])
            assert proxy.trips == 1
            await ledger.commit(commits, since={ADA.tenant: state.seq})
            assert proxy.trips <= 4
            proxy.trips = 0
            await ledger.facts(FactQuery(ADA.tenant, entity_ids=tuple(e.id for e in about)))
            await ledger.episodes_by_id([episode.id for episode in stored])
            await ledger.head()
            # The third time a statement is prepared, which is one more.
            assert proxy.trips == 3 or number < 4
        proxy.trips = 0
        async with ledger.named_lock("projector") as check:
            await check()
        assert proxy.trips <= 3


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_lost_answer_to_a_commit_is_looked_up(schema_url: str, cut: str) -> None:
    draft = Draft()
    async with proxied(schema_url) as (proxy, url), opened(PostgresLedger(url)) as ledger:

        def cut_now() -> None:
            proxy.hang_up()  # on a new connection nothing is prepared: COMMIT is seen
            proxy.cut = "before" if cut == "before" else "after"

        episode = draft.episode("a\n\nb")
        cut_now()
        (kept,) = await ledger.journal([episode], 0)
        assert proxy.cut is None
        assert kept == episode
        fact = draft.fact(kept)
        cut_now()
        head = await ledger.commit([Commit(kept, (Decision("ADD", "new", after=fact),))])
        assert proxy.cut is None
        assert head == await ledger.head() == 2
        (found,) = await ledger.facts(FactQuery(ADA.tenant))
        assert found.id == fact.id
        raw = Extraction((), (), "m", "1", raw="{}", calls=1, tokens_in=10, tokens_out=2)
        cut_now()
        await ledger.keep_extraction(kept.id, raw)
        assert proxy.cut is None
        assert await ledger.extraction(kept.id) == raw
        cut_now()
        assert await ledger.remember_setting("a", "b", once=True) == "b"
        cut_now()
        removal = await ledger.erase(Erasure(ADA))
        assert proxy.cut is None
        assert (removal.episodes, removal.facts) == (1, 1)
        assert [event.seq for event in await ledger.events(0, 100)] == [1, 2, 3, 4]


async def test_a_read_goes_on_over_a_new_connection(schema_url: str) -> None:
    draft = Draft()
    async with proxied(schema_url) as (proxy, url), opened(PostgresLedger(url)) as ledger:
        (kept,) = await ledger.journal([draft.episode()], 0)
        for _ in range(3):
            await asyncio.gather(*(ledger.head() for _ in range(5)))
            proxy.hang_up()
            assert await ledger.episodes(ADA) == [kept]


async def test_a_lost_hold_is_noticed(schema_url: str) -> None:
    async with proxied(schema_url) as (proxy, url), opened(PostgresLedger(url)) as ledger:
        async with ledger.named_lock("projector") as check:
            await check()
            proxy.hang_up()
            with pytest.raises(Unavailable, match="no longer held"):
                await check()
            with pytest.raises(Unavailable, match="no longer held"):
                await check()
        async with ledger.named_lock("projector") as check:
            await check()


async def test_a_server_that_says_nothing_is_given_up(
    schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_UNDO_S", 0.5)  # of which each of several steps waits as long
    hasty = f"{schema_url}&timeout_s=1&patience_s=0&connect_timeout=2"
    async with proxied(hasty) as (proxy, url), opened(PostgresLedger(url)) as ledger:
        proxy.silent = True
        with pytest.raises(Unavailable):
            await ledger.head()
        proxy.silent = False
        assert await ledger.head() == 0


async def test_a_statement_that_takes_too_long_is_unavailable(schema_url: str) -> None:
    """Another process holds the lock of all writers, and does nothing."""
    address, _, query = schema_url.partition("?")
    schema = query.removeprefix("schema=")
    async with opened(PostgresLedger(f"{schema_url}&timeout_s=1&pool=1")) as ledger:
        with psycopg.connect(address) as idle:
            idle.execute(f"SELECT 1 FROM {schema}.graphmem_ledger FOR UPDATE".encode())
            with pytest.raises(Unavailable, match="timeout"):
                await ledger.journal([Draft().episode()], 0)
            assert await ledger.head() == 0  # reading is not held up
        await ledger.journal([Draft().episode()], 0)
        assert await ledger.head() == 1


async def test_a_killed_server_is_unavailable_and_then_there_again() -> None:
    draft = Draft()
    with running(PostgresServer) as server:
        async with opened(PostgresLedger(f"{server.uri}?patience_s=0&pool=3")) as ledger:
            kept = []
            for round_ in range(2):
                kept += await ledger.journal([draft.episode(f"before {round_}")], 0)
                await asyncio.gather(*(ledger.head() for _ in range(6)))
                server.kill()
                for call in (
                    ledger.journal([draft.episode("never")], 0),
                    ledger.head(),
                    ledger.episodes(ADA),
                    ledger.commit([Commit(kept[-1])]),
                ):
                    with pytest.raises(Unavailable) as caught:
                        await call
                    assert "for-tests-only" not in f"{caught.value!r} {caught.value.__cause__!r}"
                await asyncio.to_thread(server.start)
                assert await ledger.episodes(ADA) == kept
        # One that waits does not even notice.
        async with opened(PostgresLedger(f"{server.uri}?patience_s=60")) as ledger:
            await asyncio.gather(*(ledger.head() for _ in range(4)))
            server.kill()
            waiting = [
                asyncio.create_task(ledger.journal([draft.episode("meanwhile")], 0)),
                asyncio.create_task(ledger.episodes(ADA)),
            ]
            await asyncio.sleep(0)
            await asyncio.to_thread(server.start)
            await asyncio.gather(*waiting)
            assert await ledger.head() == 3
