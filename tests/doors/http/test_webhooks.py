"""Webhooks: signed, at least once, through restarts, and to no address inside."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, open_memory
from graphmem.access import Administration
from graphmem.access.webhooks import SIGNATURE, Webhook, is_public, webhook_host
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import SystemClock
from graphmem.doors.http.webhook_delivery import _TIMEOUT_S, Deliverer
from graphmem.errors import UsageError
from graphmem.migration.store import ledger_of
from graphmem.wiring.access import administration_at, administration_of
from graphmem.wiring.places import ServerAt, server_at
from tests.doors.http.running import serving

LOCAL = ("127.0.0.1",)


class Receiver(ThreadingHTTPServer):
    """Takes deliveries, and answers them with the next of ``answers``, else 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.got for event in json.loads(body)["events"]]

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        until = time.monotonic() + 30
        while len(self.events) < number:
            assert time.monotonic() < until, self.events
            time.sleep(0.05)
        return self.events


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.server.got.append((dict(self.headers.items()), body))
        self.server.may_answer.wait(60)
        self.send_response(status)
        self.send_header("location", self.server.url)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


async def _prepare(administration: Administration) -> dict[str, str]:
    keys = {}
    for name in ("acme", "globex"):
        await administration.add_organisation(name)
        keys[name] = (await administration.add_key(name, "o", role="owner")).secret
    return keys


def test_news_is_signed_and_about_the_own_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphmem.doors.http.webhook_delivery._PAUSE_S", 0.05)
    settings = Settings.load({}, webhook_hosts=LOCAL)
    with (
        receiving() as receiver,
        serving(settings=settings, prepare=_prepare) as server,
        server.http(server.prepared["acme"]) as http,
    ):
        made = http.post("/v1/access/webhooks", json={"url": receiver.url}).json()
        assert made["secret"] not in http.get("/v1/access/webhooks").text
        ours = Memory(server.url, api_key=server.prepared["acme"], user_id="ada")
        theirs = Memory(server.url, api_key=server.prepared["globex"], user_id="eve")
        with ours, theirs:
            theirs.add("I live in Oslo.")
            episode = ours.add("I live in Rome.").episode_id
            added = receiver.wait_for(2)
            assert {one["event"] for one in added} == {"added"}
            assert episode in {one["memory_id"] for one in added}
            assert {(one["user_id"], one["project_id"]) for one in added} == {("ada", "default")}
            (fact,) = [one["memory_id"] for one in added if one["kind"] == "fact"]
            ours.update(fact, tags=["home"])
            assert receiver.wait_for(3)[2]["event"] == "changed"
            ours.delete(fact)
            assert receiver.wait_for(4)[3]["event"] == "forgotten"
            receipt = ours.forget(project_id="default")
            gone = [e for e in receiver.wait_for(5) if e["kind"] == "user"]
            assert [one["erasure_id"] for one in gone] == [receipt.id]
        for headers, body in receiver.got:
            at, _, digest = headers[SIGNATURE].partition(",")
            signed = f"{at.removeprefix('t=')}.".encode() + body
            own = hmac.new(made["secret"].encode(), signed, hashlib.sha256).hexdigest()
            assert digest == f"v1={own}"
            assert b"Rome" not in body
            assert b'"eve"' not in body
        assert http.delete(f"/v1/access/webhooks/{made['id']}").is_success
        assert http.delete(f"/v1/access/webhooks/{made['id']}").status_code == 404
        for bad in ("https://2130706433/", "https://0x7f.1/", "https://localhost./"):
            with pytest.raises(UsageError, match="inside"):
                webhook_host(bad)
        for bad in ("http://example.com/", "ftp://127.0.0.1/", "x", "", "http://127.0.0.2/"):
            assert http.post("/v1/access/webhooks", json={"url": bad}).status_code == 400
        with server.http(server.prepared["globex"]) as other:
            assert other.get("/v1/access/webhooks").json() == []


def test_who_answers_slowly_keeps_no_other_organisation_waiting() -> None:
    """Nor goes on being told once it was removed."""
    with (
        receiving() as slow,
        receiving() as receiver,
        serving(settings=Settings.load({}, webhook_hosts=LOCAL), prepare=_prepare) as server,
        server.http(server.prepared["acme"]) as acme,
        server.http(server.prepared["globex"]) as globex,
    ):
        slow.may_answer.clear()
        hook = acme.post("/v1/access/webhooks", json={"url": slow.url}).json()["id"]
        globex.post("/v1/access/webhooks", json={"url": receiver.url})
        add = {"content": "I live in Rome.", "user_id": "ada"}
        acme.post("/v1/add", json=add)
        slow.wait_for(1)
        held_since = time.monotonic()
        globex.post("/v1/add", json=add)
        receiver.wait_for(2)
        assert time.monotonic() - held_since < _TIMEOUT_S - 2, "it waited for acme's to be given up"
        acme.delete(f"/v1/access/webhooks/{hook}")
        globex.post("/v1/add", json={**add, "content": "I work at Acme."})
        receiver.wait_for(4)
        slow.may_answer.set()
        assert len(slow.got) == 1


def test_at_least_once_whatever_is_answered_and_restarted(tmp_path: Path) -> None:
    """Errors and redirects are told again; a restart goes on; what was told is not told again."""

    settings = Settings.load(
        {}, ledger=f"sqlite:///{tmp_path / 'l.sqlite'}", graph="memory://", vectors="memory://"
    )

    async def tell(receiver: Receiver, rounds: int, text: str | None = None) -> None:
        async with open_memory(settings=settings) as memory:
            administration, ledger = administration_of(memory), ledger_of(memory)
            if not await administration.organisations():
                await administration.add_organisation("acme")
                await administration.add_webhook("acme", receiver.url, hosts=LOCAL)
            if text is not None:
                await memory.add(text, user_id="ada", project_id="acme/default", infer=False)
            deliverer = Deliverer(ledger, LOCAL)
            for _ in range(rounds):
                deliverer._pauses = dict.fromkeys(deliverer._pauses, (0.0, 0.0))
                await deliverer.deliver()

    with receiving() as receiver:
        receiver.answers = [500, 302, 404, 200]
        asyncio.run(tell(receiver, 1, "one"))
        assert len(receiver.got) == 1
        asyncio.run(tell(receiver, 2))
        assert len(receiver.got) == 3, "a redirect was followed by nobody"
        asyncio.run(tell(receiver, 3, "two"))
        told = [json.loads(body)["events"] for _, body in receiver.got]
        assert [len(events) for events in told] == [2, 2, 2, 4]
        asyncio.run(tell(receiver, 3))
        assert len(receiver.got) == 4
        asyncio.run(tell(receiver, 1, "three"))
        assert {one["event"] for one in json.loads(receiver.got[-1][1])["events"]} == {"added"}


def test_what_a_killed_server_had_not_told_the_next_one_tells(tmp_path: Path) -> None:
    """Killed after it was acknowledged and refused by the webhook: each episode is told at least
    once, and the first deliveries are not the last."""
    folder = tmp_path / "store"
    command = [sys.executable, "-m", "graphmem.doors.cli", "--store", str(folder)]
    environment = {**os.environ, "GRAPHMEM_WEBHOOK_HOSTS": LOCAL[0]}

    @contextmanager
    def served() -> Iterator[ServerAt]:
        (folder / "server.json").unlink(missing_ok=True)  # of the one that was killed
        program = [*command, "serve", "--port", "0", "--log-level", "debug"]
        with (
            (tmp_path / "log").open("a") as log,
            subprocess.Popen(program, env=environment, stderr=log) as process,
        ):
            try:
                ends = time.monotonic() + 60
                while (found := server_at(folder)) is None:
                    assert process.poll() is None
                    assert time.monotonic() < ends
                    time.sleep(0.05)
                yield found
            finally:
                process.kill()

    async def prepare(url: str) -> str:
        async with administration_at(folder, create=True) as administration:
            await administration.add_organisation("acme")
            await administration.add_webhook("acme", url, hosts=LOCAL)
            return (await administration.add_key("acme", "o", role="owner")).secret

    with receiving() as receiver:
        key = asyncio.run(prepare(receiver.url))
        receiver.answers = [200, 500, 500, 500]
        ids: list[str] = []
        for _ in range(2):
            with served() as server, Memory(server.url, api_key=key, user_id="ada") as memory:
                for n in range(10):
                    ids.append(memory.add(f"Note {len(ids)}.", infer=False).episode_id)
                    if n == 0:
                        receiver.wait_for(len(ids))
        before = len(receiver.got)
        with served():
            until = time.monotonic() + 60
            while len({one["memory_id"] for one in receiver.events} & {*ids}) < len(ids):
                assert time.monotonic() < until
                time.sleep(0.05)
        assert len(receiver.got) > before, "all was told before it was killed"
    written = (tmp_path / "log").read_text()
    assert "POST /v1/add 200" in written
    assert "/hook" not in written, "its address may be a secret"
    assert "Note 1" not in written
    assert key not in written


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1",
        "fc00::1", "::ffff:127.0.0.1", "224.0.0.1", "100.64.0.1", "2002:7f00:1::",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "::ffff:0:127.0.0.1", "::127.0.0.1", "fec0::1",
        "3fff::1",
    ],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_not_called(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert not is_public(address)
    for public in ("93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"):
        assert is_public(public)
    asked: list[str] = []

    async def resolve(host: str, _: int) -> Collection[str]:
        asked.append(host)
        return ["93.184.216.34", address]

    deliverer = Deliverer(SqliteLedger(None), resolve=resolve)
    for url in ("https://innocent.example/token-1", "http://innocent.example/token-2"):
        made = Webhook("w", "acme", url, ("added",), SystemClock().now(), 0, "s")
        assert not await deliverer._sent(Webhook.of(made.grant()), [{"event": "added"}])
    assert asked == ["innocent.example"]
    assert "is told again" in caplog.text
    assert "token" not in caplog.text
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(UsageError):
        webhook_host(f"https://{shown}/")


def test_odd_addresses_are_refused() -> None:
    for url in (
        "https://localhost/", "https://a.internal/", "https://user:pw@example.com/",
        "https://example.com/#x", "http://example.com/", "file:///etc/passwd", "https://",
        "https://example.com:99999/", "https://exa mple.com/", "https://example.com/\n",
        "https://" + "x" * 3000, "https://[::1", "//x",
    ):  # fmt: skip
        with pytest.raises(UsageError):
            webhook_host(url)
    assert webhook_host("https://Example.com:8443/a?b=c") == "example.com"
    with pytest.raises(UsageError, match="none of the hosts"):
        webhook_host("https://example.com/", ["hooks.example.com"])
