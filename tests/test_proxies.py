"""Proxies and certificates that the environment names: none of them sees what stays here, and
those that cannot be are named."""

from __future__ import annotations

import asyncio

import pytest

from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.adapters.vectors.qdrant.server import QdrantServer
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.client import AsyncRemoteMemory
from graphmem.errors import ModelError, UsageError
from graphmem.ports.llm import Prompt
from graphmem.testing.llm_server import LocalModelServer
from tests.doors.http.running import serving


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalModelServer() as proxy, serving() as server:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        with server.memory(user_id="ada") as memory:
            memory.add("Tea")
        # Others' requests may come to a port that was theirs a moment ago.
        assert server.key not in {request.key for request in proxy.requests}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks4://127.0.0.1:9"),
        ("HTTP_PROXY", "ftp://ada:s3cret@127.0.0.1"),
        ("SSL_CERT_FILE", "/dev/null/none"),
    ],
)
@pytest.mark.parametrize("what", ["a server", "a model", "Qdrant"])
async def test_surroundings_that_cannot_be_are_named(
    name: str, value: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises((UsageError, ModelError), match=rf"{name}.*correct|correct.*{name}") as told:
        await _reached(what)
    assert "s3cret" not in str(told.value)


async def _reached(what: str) -> None:
    if what == "a server":
        AsyncRemoteMemory("https://memory.invalid")
    elif what == "Qdrant":
        QdrantServer(QdrantOptions.parse("https://qdrant.invalid"), None, asyncio.sleep)
    else:
        model = OpenAIChat("m", base_url="https://models.invalid/v1", api_key="k")
        await model.complete(Prompt(system="", user="Tea"))
