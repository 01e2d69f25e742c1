"""``MemoryProvider`` over an engine, over real HTTP against graphmem's own server and against a
service with mem0's addresses, and over several in a chain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Settings
from graphmem.access import Administration, user_signature
from graphmem.errors import GraphmemError, Unauthenticated, Unavailable, UsageError
from graphmem.memory_providers import (
    Mem0Provider,
    MemoryProvider,
    ProviderAnswer,
    ProviderChain,
    open_memory_provider,
)
from tests.doors.http.running import serving
from tests.memory_providers.mem0_service import mem0_service

SECRET = "a secret of some length"
_SIGNED = Settings.load({"GRAPHMEM_SERVER_SIGNATURE_SECRET": SECRET})


async def _organisation(administration: Administration) -> dict[str, str]:
    await administration.add_organisation("acme")
    keys = {}
    for name, more in (("app", {}), ("ada", {"user_id": "ada"})):
        made = await administration.add_key("acme", name, role="writer", **more)  # type: ignore[arg-type]
        keys[name] = made.secret
    return keys


@pytest.fixture(params=["memory", "native", "served", "http, ours", "http, theirs", "chain"])
async def provider(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryProvider]:
    kind = request.param
    if kind in {"memory", "native"}:
        environ = {"MEMORY_PROVIDER": kind, "GRAPHMEM_STORE": str(tmp_path / "store")}
        async with await open_memory_provider(environ=environ) as opened:
            yield opened
    elif kind == "http, theirs":
        with mem0_service() as service:
            environ = {"MEM0_BASE_URL": service.url, "MEM0_API_KEY": "k"}
            async with await open_memory_provider("http", environ) as opened:
                yield opened
    else:
        with serving(settings=_SIGNED, prepare=_organisation) as server:
            key = server.prepared["app"]
            environ = {"MEM0_BASE_URL": server.url, "MEM0_API_KEY": key, "MEM0_HMAC_SECRET": SECRET}
            environ |= {"GRAPHMEM_URL": server.url, "GRAPHMEM_API_KEY": key}
            named = {"served": "native", "chain": " http, MEMORY"}.get(kind, "http")
            async with await open_memory_provider(named, environ) as opened:
                yield opened


async def test_what_is_remembered_is_listed_recalled_and_deleted(provider: MemoryProvider) -> None:
    assert (await provider.health_check()).healthy
    tea = await provider.remember("ada", "I drink green tea every morning", {"mood": "good"})
    for number in range(4):
        await provider.remember("ada", f"Number {number} is on the list")
    other = await provider.remember("bob", "I drink black coffee")
    listed = await provider.list_memories("ada")
    assert len(listed) == 5
    assert {one.user_id for one in listed} == {"ada"}
    first = next(one for one in listed if one.id == tea)
    assert first.content == "I drink green tea every morning"
    assert first.metadata["mood"] == "good"
    assert first.created_at is not None
    assert first.score is None
    part = await provider.list_memories("ada", limit=2, offset=3)
    assert [one.id for one in part] == [one.id for one in listed[3:5]]
    assert len(await provider.list_memories("ada", limit=3, offset=1)) == 3
    assert await provider.list_memories("ada", offset=5) == []
    found = await provider.recall("ada", "green tea", limit=2)
    assert found[0].id == tea
    assert found[0].score is not None
    assert 0 < found[0].score <= 1
    assert len(found) <= 2
    assert not await provider.delete("ada", other)
    assert not await provider.delete("ada", "00000000-0000-0000-0000-000000000000")
    assert await provider.delete("ada", tea)
    assert not await provider.delete("ada", tea)
    assert len(await provider.list_memories("ada")) == 4
    assert [one.id for one in await provider.list_memories("bob")] == [other]
    assert await provider.list_memories("nobody") == []
    for limit in (0, -1):
        with pytest.raises(UsageError):
            await provider.recall("ada", "tea", limit)
        with pytest.raises(UsageError):
            await provider.list_memories("ada", limit)
    with pytest.raises(UsageError):
        await provider.list_memories("ada", offset=-1)
    for wrong in ("", " ", 7):
        with pytest.raises(UsageError):
            await provider.delete("ada", wrong)  # type: ignore[arg-type]
    for path in ("..", "../../v1/memories", "?user_id=bob", "%2e%2e"):
        assert not await provider.delete("ada", path)
    assert len(await provider.list_memories("ada")) == 4
    for wrong in ("", 7):
        with pytest.raises(UsageError):
            await provider.remember(wrong, "Tea")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        await provider.remember("ada", "Tea", {"a": {1, 2}})


@pytest.mark.parametrize("infer", [False, True])
async def test_a_text_that_repeats_can_be_deleted_by_what_was_returned(infer: bool) -> None:
    from graphmem import open_memory
    from graphmem.memory_providers import EngineProvider

    async with EngineProvider(await open_memory("memory://"), infer=infer) as provider:
        first = await provider.remember("ada", "Bob Stone works at Acme.")
        second = await provider.remember("ada", "Bob Stone works at Acme.")
        assert len(await provider.list_memories("ada")) == 1
        assert await provider.delete("ada", first)
        if second != first:
            assert await provider.delete("ada", second)
        assert await provider.list_memories("ada") == []


FAULTS: list[tuple[Any, str]] = [
    ((500, "<html>no</html>"), "answered 500"),
    ((502, "Bad Gateway"), "answered 502"),
    ((429, "slow down"), "429"),
    ((401, '{"detail": "no"}'), "no"),
    ((307, ""), "answered 307"),
    ((200, "<html><body>Sign in</body></html>"), "did not answer with JSON"),
    ((200, "[1, 2]"), "no object"),
    ((200, "null"), "no object"),
    ((200, "[" * 100_000), "did not answer with JSON"),
    ((200, '{"results": {"a": 1}}'), "127.0.0.1"),
    ((200, '{"results": [7]}'), "127.0.0.1"),
    ((200, '{"results": [{"id": 7, "memory": null}]}'), "127.0.0.1"),
    ((200, '{"results": [{"memory": "no id"}]}'), "127.0.0.1"),
    ((200, "\udcff\udcfe"), "did not answer with JSON"),
    (60.0, "cannot be reached"),
]


@pytest.mark.parametrize(("fault", "why"), FAULTS)
async def test_a_service_that_fails_is_passed_over_and_noted(fault: Any, why: str) -> None:
    with mem0_service() as service:
        # Others work on this machine, too: only who is silent is waited for so shortly.
        patience_s = 1.0 if isinstance(fault, float) else 30.0
        http = Mem0Provider(service.url, "k", timeout_s=patience_s, attempts=1)
        async with ProviderChain([http, await open_memory_provider("memory", {})]) as chain:
            service.fault = fault
            with pytest.raises(GraphmemError, match=why) as raised:
                await http.recall("ada", "tea")
            assert not isinstance(raised.value, UsageError)
            id = await chain.remember("ada", "I drink tea")
            assert [one.id for one in await chain.recall("ada", "tea")] == [id]
            assert [one.id for one in await chain.list_memories("ada")] == [id]
            assert {answer.provider for answer in chain.answers} == {"memory"}
            for answer in chain.answers:
                ((failed, reason),) = answer.failed
                assert failed == "http"
                assert why in reason
            service.fault = None
            assert await chain.recall("ada", "tea") == []
            assert chain.answers[-1] == ProviderAnswer("recall", "http")
            assert await chain.delete("ada", id)
            assert chain.answers[-1].provider == "memory"
            assert not await chain.delete("ada", id)
            assert chain.answers[-1].provider is None


async def test_when_nobody_can_the_last_error_is_raised() -> None:
    with mem0_service() as service:
        service.fault = (503, "busy")
        pair = [Mem0Provider(service.url, attempts=1), Mem0Provider("http://127.0.0.1:9")]
        async with ProviderChain(pair) as chain:
            with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
                await chain.remember("ada", "Tea")
            assert chain.answers[-1].provider is None
            assert [name for name, _ in chain.answers[-1].failed] == ["http", "http"]
            with pytest.raises(Unavailable):
                await chain.delete("ada", "x")
            health = await chain.health_check()
            assert not health.healthy
            assert len(health.parts) == 2
            assert "busy" in (health.reason or "")
            service.fault = None
            assert (await chain.health_check()).healthy


async def test_a_service_that_works_later_gives_the_id_of_the_event() -> None:
    with mem0_service(later=True) as service:
        async with Mem0Provider(service.url, "k") as provider:
            assert (await provider.remember("ada", "Tea")).startswith("event ")
        assert service.seen[0]["authorization"] == "Token k"
        assert "x-signature" not in service.seen[0]


async def test_every_request_for_a_user_is_signed() -> None:
    with mem0_service() as service:
        async with Mem0Provider(service.url, "k", SECRET) as provider:
            await provider.remember("ada", "Tea")
            await provider.recall("Zoë", "Tea")
            with pytest.raises(UsageError, match="line ends"):
                await provider.recall("ada\r\nx-admin: 1", "Tea")
        one, two = service.seen
        # As anybody would make it who reads the page about it.
        assert one["x-user-context"] == "ada"
        assert one["x-signature"] == user_signature(SECRET, "ada")
        assert two["x-user-context"].encode("latin-1").decode() == "Zoë"
        assert two["x-signature"] == user_signature(SECRET, "Zoë")


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"MEMORY_PROVIDER": "redis"}, "native, http, memory"),
        ({"MEMORY_PROVIDER": "memory,"}, "is none of"),
        ({"MEMORY_PROVIDER": "http"}, "MEM0_BASE_URL"),
        ({"MEMORY_PROVIDER": "memory,http", "MEM0_BASE_URL": "file:///etc"}, "no address"),
        ({"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": "http://a", "MEM0_API_KEY": "ä"}, "ASCII"),
    ],
)
async def test_what_the_factory_cannot_make_is_refused(environ: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        await open_memory_provider(environ=environ)


def test_a_signature_is_what_it_always_was() -> None:
    # By `printf user:ada | openssl dgst -sha256 -hmac key`.
    expected = "b91a2490a0fd7a75310b0f9e27eb993f7dde34144e3a17549251400c4c8b5f60"
    assert user_signature("key", "ada") == expected


async def test_a_server_holds_a_signed_request_to_its_user() -> None:
    with serving(settings=_SIGNED, prepare=_organisation) as server:
        app, ada = server.prepared["app"], server.prepared["ada"]

        def status(key: str | None, body: dict[str, Any], **headers: str | bytes) -> int:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            with server.http(key) as http:
                return http.post("/v1/get_all", json=body, headers=sent).status_code  # type: ignore[arg-type]

        good = {"x_user_context": "ada", "x_signature": user_signature(SECRET, "ada")}
        assert status(app, {"user_id": "ada"}) == 200
        assert status(app, {"user_id": "bob"}) == 200  # without a signature the key counts
        assert status(app, {"user_id": "ada"}, **good) == 200
        assert status(app, {}, **good) == 200  # whose memory it is, the signature says
        assert status(app, {"user_id": "bob"}, **good) == 404
        assert status(ada, {"user_id": "ada"}, **good) == 200
        assert status(None, {"user_id": "ada"}, **good) == 401  # worth nothing without a key
        assert status("gm_" + "x" * 55, {"user_id": "ada"}, **good) == 401
        zoe: dict[str, Any] = {
            "x_user_context": "Zoë".encode(),
            "x_signature": user_signature(SECRET, "Zoë"),
        }
        assert status(app, {"user_id": "Zoë"}, **zoe) == 200
        bob = {"x_user_context": "bob", "x_signature": user_signature(SECRET, "bob")}
        assert status(ada, {}, **bob) == 401  # the key is limited to another
        bads: list[dict[str, Any]] = [
            {**good, "x_signature": user_signature("another secret here", "ada")},
            {**good, "x_signature": good["x_signature"][:-1]},
            {**good, "x_signature": good["x_signature"].upper()},
            {**good, "x_signature": ""},
            {**good, "x_signature": b"\xff\xfe"},
            {**good, "x_user_context": "bob"},
            {**good, "x_user_context": b"\xff"},
            {"x_user_context": "ada"},
            {"x_signature": good["x_signature"]},
            {"x_user_context": "", "x_signature": user_signature(SECRET, "")},
        ]
        for bad in bads:
            assert status(app, {"user_id": "ada"}, **bad) == 401, bad
        with server.http(app) as http:
            signed = {name.replace("_", "-"): value for name, value in good.items()}
            for path in ("/v1/stats", "/v1/batch", "/v1/memories/search"):
                body = {"user_id": "bob", "query": "x", "calls": []}
                answer = http.post(path, json=body, headers={**signed, "x-signature": "0"})
                assert answer.status_code == 401, path
        # An administrator's key reaches no more than the user either.
        with server.http() as http:
            assert http.post("/v1/health", json={}, headers=signed).status_code in {403, 405}
            assert http.post("/v1/verify", json={}, headers=signed).status_code == 403
            wide = {"query": "MATCH (n) RETURN n", "all_scopes": True}
            assert http.post("/v1/cypher", json=wide, headers=signed).status_code == 403


async def test_what_is_done_once_for_one_user_is_done_for_the_next() -> None:
    with serving(settings=_SIGNED, prepare=_organisation) as server:
        with server.http(server.prepared["app"]) as http:
            replayed = []
            for user in ("ada", "bob", "ada"):
                signed = {"x-user-context": user, "x-signature": user_signature(SECRET, user)}
                once = {**signed, "idempotency-key": "k"}
                added = http.post("/v1/add", json={"content": "I drink tea."}, headers=once)
                replayed.append(added.headers.get("idempotency-replayed"))
                stats = http.post("/v1/stats", json={}, headers=signed).json()
                assert stats["episodes"] == 1, user
        assert replayed == [None, None, "true"]


async def test_a_key_with_a_signature_reaches_nothing_of_the_organisation() -> None:
    async def owners(administration: Administration) -> str:
        await administration.add_organisation("acme")
        return (await administration.add_key("acme", "first", role="owner")).secret

    with serving(settings=_SIGNED, prepare=owners) as server:
        signed = {"x-user-context": "ada", "x-signature": user_signature(SECRET, "ada")}
        for key in (server.prepared, server.key):
            with server.http(key, **signed) as http:
                for method, path, body in (
                    ("GET", "/v1/access/keys", None),
                    ("GET", "/v1/access/usage", None),
                    ("GET", "/v1/access/audit", None),
                    ("GET", "/v1/access/organisations", None),
                    ("POST", "/v1/access/keys", {"name": "mine", "role": "owner"}),
                    ("POST", "/v1/auth/generate-key/", {"name": "mine"}),
                    ("POST", "/v1/backup", {}),
                    ("GET", "/v1/health", None),
                    ("POST", "/v1/export", {"user_id": "bob"}),
                    ("POST", "/v1/forget", {"user_id": "bob"}),
                ):
                    answer = http.request(method, path, json=body)
                    assert answer.status_code in {403, 404, 405}, (path, answer.text)
                assert http.post("/v1/users", json={}).json()["total"] == 0


async def test_a_server_that_was_not_told_knows_no_signatures() -> None:
    with serving(prepare=_organisation) as server:
        headers = {"x-user-context": "ada", "x-signature": user_signature(SECRET, "ada")}
        with server.http(server.prepared["app"], **headers) as http:
            assert http.post("/v1/get_all", json={"user_id": "bob"}).status_code == 200
        with server.http(None, **headers) as http:
            assert http.post("/v1/get_all", json={"user_id": "ada"}).status_code == 401


async def test_a_wrong_secret_is_refused_by_the_server_and_said() -> None:
    with serving(settings=_SIGNED, prepare=_organisation) as server:
        async with Mem0Provider(server.url, server.prepared["app"], "another secret") as provider:
            with pytest.raises(Unauthenticated, match="X-Signature"):
                await provider.recall("ada", "Tea")
