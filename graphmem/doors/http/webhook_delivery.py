"""Webhooks delivered: from the ledger's own events, each at least once, whatever is restarted.

How far a webhook has come is noted in the ledger after each delivery; what was not answered with
2xx is sent again, ever more rarely. A redirect is not followed, and the address that a name leads
to is looked at before it is called, and is the one that is called."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from graphmem.access.webhooks import (
    SIGNATURE,
    Webhook,
    is_public,
    news_of,
    signature,
    webhook_host,
)
from graphmem.errors import UsageError, logged_failure
from graphmem.ports.ledger import Event, Ledger
from graphmem.ports.ledger.values import kept_numbers

_log = logging.getLogger("graphmem")
_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 3600.0
_TIMEOUT_S: Final = 10.0
_EVENTS_AT_ONCE = 500
Resolve = Callable[[str, int], Awaitable[Collection[str]]]


async def addresses_of(host: str, port: int) -> Collection[str]:
    """The addresses that a name leads to."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


class Deliverer:
    """Tells webhooks what happens, in the background: of all processes of a store one at a time."""

    def __init__(
        self, ledger: Ledger, hosts: Collection[str] = (), *, resolve: Resolve = addresses_of
    ) -> None:
        self._ledger = ledger
        self._hosts = frozenset(hosts)
        self._resolve = resolve
        self._pauses: dict[str, tuple[float, float]] = {}
        """By webhook how long it waits after a delivery that failed, and until when."""
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """By webhook, what it is being told: whoever answers slowly keeps no other waiting."""
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._work = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What is under way is cut off, and sent again later."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with logged_failure(_log, "webhooks cannot be told"):
                await self._deliver_while_held()
            await asyncio.sleep(_PAUSE_S)

    async def _deliver_while_held(self) -> None:
        async with self._ledger.named_lock("webhooks") as held:
            try:
                while True:
                    await held()
                    await self.begin()
                    await asyncio.sleep(_PAUSE_S)
            finally:  # another process tells them now, or nobody
                for one in self._under_way.values():
                    one.cancel()
                await self.finish()

    async def deliver(self) -> None:
        """Tell each webhook once what it has not been told yet, if its time has come."""
        await self.begin()
        await self.finish()

    async def finish(self) -> None:
        """Wait until every delivery that was begun has ended."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def begin(self) -> None:
        """Begin to tell each webhook, whose time has come, what it has not been told yet."""
        grants = await self._ledger.grants("webhook")
        hooks = [Webhook.of(one) for one in grants]
        known = {one.id for one in hooks}
        self._pauses = {id: pause for id, pause in self._pauses.items() if id in known}
        for id, telling in self._under_way.items():
            if id not in known:  # removed meanwhile: whoever is behind it is told no more
                telling.cancel()
        now = time.monotonic()
        for hook in hooks:
            if hook.id not in self._under_way and self._pauses.get(hook.id, (0, 0))[1] <= now:
                telling = asyncio.create_task(self._notified(hook))
                self._under_way[hook.id] = telling
                telling.add_done_callback(partial(self._ended, hook.id))

    def _ended(self, hook: str, telling: asyncio.Task[None]) -> None:
        del self._under_way[hook]

    async def _notified(self, hook: Webhook) -> None:
        with logged_failure(_log, f"webhook {hook.id} cannot be told"):
            await self._notify(hook)

    async def _notify(self, hook: Webhook) -> None:
        place = f"webhook {hook.id}"
        whole = True
        while whole:
            (after,) = kept_numbers(await self._ledger.setting(place)) or (hook.seq,)
            events = await self._ledger.events(after, _EVENTS_AT_ONCE)
            whole = len(events) == _EVENTS_AT_ONCE
            news = [one for one in await self._news(hook, events) if one["event"] in hook.news]
            if news and not await self._sent(hook, news):
                return
            if events:
                await self._ledger.remember_setting(place, str(events[-1].seq))
        # Of users who were forgotten: of them the events say no more whose they were.
        ours = hook.organisation
        notices = await self._ledger.grants("notice", organisation=ours, about=hook.id)
        news = [{"id": one.id, "event": "forgotten", "kind": "user", **one.body} for one in notices]
        if news and "forgotten" in hook.news and not await self._sent(hook, news):
            return
        for one in notices:
            await self._ledger.drop_grant(one)

    async def _news(self, hook: Webhook, events: Sequence[Event]) -> list[dict[str, Any]]:
        if not events:
            return []
        projects = {
            one.about or "": one.id
            for one in await self._ledger.grants("project", organisation=hook.organisation)
        }
        news = [one for event in events if (one := news_of(event, projects))]
        await self._name_users(news)
        return news

    async def _name_users(self, news: list[dict[str, Any]]) -> None:
        pseudonyms = {one["user_id"] for one in news if one["user_id"]}
        names = await self._ledger.names_of_users(pseudonyms) if pseudonyms else {}
        for one in news:
            one["user_id"] = names.get(one["user_id"], one["user_id"])

    async def _sent(self, hook: Webhook, news: list[dict[str, Any]]) -> bool:
        body = json.dumps({"webhook": hook.id, "events": news}).encode()
        try:
            status = await self._post(hook, body)
            why = None if 200 <= status < 300 else f"it answered {status}"
        except UsageError:  # which names the address: there may be a secret in it
            why = "its address is none that may be called"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            why = f"{type(error).__name__}: {error}"
        if why is None:
            self._pauses.pop(hook.id, None)
            return True
        pause = min(2 * self._pauses.get(hook.id, (_PAUSE_S / 2, 0))[0], _LONGEST_PAUSE_S)
        self._pauses[hook.id] = pause, time.monotonic() + pause
        _log.warning("webhook %s is told again in %.0f s: %s", hook.id, pause, why)
        return False

    async def _post(self, hook: Webhook, body: bytes) -> int:
        host = webhook_host(hook.url, self._hosts)
        parts = urlsplit(hook.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = await self._resolve(host, port)
        if not addresses or (not self._hosts and not all(map(is_public, addresses))):
            raise UsageError(f"{host} leads inside, or nowhere")
        address = next(iter(addresses))
        at = int(time.time())
        headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            "user-agent": "graphmem",
            SIGNATURE: signature(hook.secret, at, body),
        }
        url = httpx.URL(hook.url).copy_with(host=address)
        # No proxy and no key of this machine goes along.
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=_TIMEOUT_S
        ) as client:
            # The certificate is to be the name's, though its address is called.
            extensions = {"sni_hostname": host}
            request = client.build_request(
                "POST", url, content=body, headers=headers, extensions=extensions
            )
            async with asyncio.timeout(2 * _TIMEOUT_S):
                answer = await client.send(request, stream=True)  # what it says is not read
            with contextlib.suppress(httpx.HTTPError):
                await answer.aclose()
            return answer.status_code
