"""One folder for several programs at a time: the first has it and serves it on loopback, the others
go through the first, and one of them takes over when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from graphmem.client import AsyncRemoteMemory
from graphmem.client.calls import CALLS
from graphmem.clock import parse_when_or_none
from graphmem.errors import Unavailable
from graphmem.ports.api import MemoryAPI
from graphmem.settings import Settings

if TYPE_CHECKING:  # what they bring takes a second to load: that is done beside the event loop
    from graphmem.doors.http.serve import ServedHere

WAIT_S: Final = 20.0
"""How long a folder may be between two holders, or held by a program that does not serve it."""
_READ_AFTER_S = 2.0
_DRAIN_S = 1.0
_ATTEMPTS = 4
_KEYS = 64


@dataclass
class _Caller:
    """The memory as whoever has one key may use it, and how many calls of theirs are under way."""

    memory: AsyncRemoteMemory
    calls: int = 0


class SharedMemory:
    """The memory behind a door that any number of processes may open on the same folder.

    ``place`` is a folder, the URL of a server, or None where the settings name databases; ``ids``
    go with every call. ``report`` is told what a person may want to know.
    """

    def __init__(
        self,
        place: str | Path | None,
        settings: Settings,
        ids: Mapping[str, str],
        report: Callable[[str], None],
    ) -> None:
        self._place = place
        self._settings = settings
        self._ids = dict(ids)
        self._report = report
        self._memory: MemoryAPI | None = None
        self._here: ServedHere | None = None
        self._url = ""
        self._callers: OrderedDict[str, _Caller] = OrderedDict()
        self._past: list[MemoryAPI] = []
        self._reader: MemoryAPI | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def call(
        self,
        method: str,
        given: Mapping[str, Any],
        *,
        actor: str | None = None,
        key: str | None = None,
    ) -> Any:
        """Call a method of the API in the scope of the ids, with arguments as they come in JSON. A
        holder that ends meanwhile is replaced, and the call made again where that is safe. With a
        ``key`` it is made by whom that stands for, as far as they may."""
        call = CALLS[method]
        arguments = {**given, **self._ids} if "user_id" in call.hints else dict(given)
        if actor is not None and "actor" in call.hints:
            arguments["actor"] = actor
        at = {name: arguments.pop(name, None) for name in ("valid_at", "known_at") if call.read}
        for attempt in range(1, _ATTEMPTS + 1):
            memory = await self._connected(reads=call.read)
            try:
                async with self._asked(memory, key) as asked:
                    return await getattr(_at_moment(asked, at), method)(**arguments)
            except Unavailable as error:
                if not isinstance(memory, AsyncRemoteMemory) or attempt == _ATTEMPTS:
                    raise
                await self._let_go(memory)
                if error.lost and not call.repeatable:
                    raise Unavailable(
                        "the program that had the memory ended before it answered: whether "
                        f"{method} was done is not known. Look first (search, explain), then do it "
                        "again if need be"
                    ) from error
        raise AssertionError("there is at least one attempt")

    @contextlib.asynccontextmanager
    async def _asked(self, memory: MemoryAPI, key: str | None) -> AsyncIterator[MemoryAPI]:
        """The memory as the holder of this key may use it: a client of the server, which checks
        what they may do. Without a key, the memory itself."""
        if key is None:
            yield memory
            return
        caller = self._callers.get(key) or await self._admitted(key)
        self._callers.move_to_end(key)
        caller.calls += 1
        try:
            yield caller.memory
        finally:
            caller.calls -= 1

    async def check_key(self, key: str) -> None:
        """:class:`~graphmem.errors.Unauthenticated` for a key that is not good at this moment."""
        memory = await self._connected(reads=True)
        async with self._asked(memory, key) as asked:
            if isinstance(asked, AsyncRemoteMemory):
                await asked.ping()

    async def _admitted(self, key: str) -> _Caller:
        """Check a key, and keep a client for it; where there are too many, close those that have
        been unused for the longest time."""
        asked = AsyncRemoteMemory(self._url, api_key=key)
        try:
            await asked.ping()
        except BaseException:
            await asked.close()
            raise
        idle = [name for name, one in self._callers.items() if not one.calls]
        for name in idle[: max(0, 1 + len(self._callers) - _KEYS)]:
            gone = self._callers.pop(name, None)
            if gone is not None:
                await gone.memory.close()
        if key in self._callers:  # it came twice at a time
            await asked.close()
        return self._callers.setdefault(key, _Caller(asked))

    @property
    def has_keys(self) -> bool:
        """Whether it can be asked by whoever has a key: it is in a folder, or behind a server."""
        return bool(self._url)

    async def open(self) -> None:
        """Open it now, rather than with the first call."""
        await self._connected(reads=True)

    async def close(self) -> None:
        """Finish what is under way for others, and release the folder."""
        self._closed = True
        async with self._connecting:
            memory, self._memory = self._memory, None
            self._dismiss()
            for one in self._past:
                await one.close()
            if self._reader is not None:
                await self._reader.close()
            if self._here is not None:
                await self._here.stop(drain_s=_DRAIN_S)
            elif memory is not None:
                await memory.close()

    async def _connected(self, *, reads: bool) -> MemoryAPI:
        """The memory, waited for where it is between two holders; meanwhile others are answered."""
        began = time.monotonic()
        while True:
            async with self._connecting:
                found = await self._found(reads=reads, waited_s=time.monotonic() - began)
            if found is not None:
                return found
            await asyncio.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - no secret

    async def _found(self, *, reads: bool, waited_s: float) -> MemoryAPI | None:
        """The folder itself, or whoever has it; None where nobody can be asked yet."""
        if self._closed:
            raise Unavailable("this server is about to end: start it again")
        if self._memory is not None:
            return self._memory
        if isinstance(self._place, str) and self._place.startswith(("http://", "https://")):
            key = self._settings.api_key
            secret = key.get_secret_value() if key is not None else None
            self._url = self._place
            self._memory = AsyncRemoteMemory(self._place, api_key=secret)
            return self._memory
        await asyncio.to_thread(importlib.import_module, "graphmem.doors.http.serve")
        from graphmem.wiring import open_memory
        from graphmem.wiring.places import urls_of

        folder = None if self._place is None else urls_of(self._place, self._settings)[1]
        if folder is None:
            self._memory = await open_memory(self._place, settings=self._settings)
            return self._memory
        return await self._held_or_served(folder, reads=reads, waited_s=waited_s)

    async def _held_or_served(
        self, folder: Path, *, reads: bool, waited_s: float
    ) -> MemoryAPI | None:
        """A folder that one process holds at a time."""
        from graphmem.doors.http.serve import ServedHere
        from graphmem.wiring.places import HELD_ELSEWHERE, server_at

        here = ServedHere(folder, self._settings, self._report)
        try:
            self._memory = await here.start()
        except Unavailable as error:
            held, found, _ = str(error).partition(HELD_ELSEWHERE)
            if not found:
                raise
            if (server := server_at(folder)) is not None:
                self._report(
                    f"the folder is open in another program: going through it, at {server.url}"
                )
                self._url = server.url
                self._memory = AsyncRemoteMemory(server.url, api_key=server.key, attempts=2)
                return self._memory
            if reads and waited_s > _READ_AFTER_S:
                return await self._read_only(folder)
            if waited_s > WAIT_S:
                raise Unavailable(
                    f"{held}{found}, which serves it to nobody: end that program, or let it use "
                    "what is served here. Until then it can only be read"
                ) from error
            return None
        self._here, self._url = here, here.url
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.close()
        return self._memory

    async def _read_only(self, folder: Path) -> MemoryAPI:
        """What another program holds that serves nobody can be read all the same."""
        from graphmem.wiring import open_memory

        if self._reader is None:
            self._report("the folder is open in a program that does not serve it: only read here")
            self._reader = await open_memory(folder, settings=self._settings, read_only=True)
        return self._reader

    async def _let_go(self, memory: MemoryAPI) -> None:
        """Forget a holder that does not answer, unless somebody else did already. What asks it is
        closed with all of this: other calls by it may still be under way."""
        async with self._connecting:
            if self._memory is memory:
                self._memory = None
                self._past.append(memory)
                self._dismiss()

    def _dismiss(self) -> None:
        """Let go of the clients of single keys: the next holder checks the keys anew."""
        self._past += [caller.memory for caller in self._callers.values()]
        self._callers.clear()


def _at_moment(memory: MemoryAPI, at: Mapping[str, Any]) -> Any:
    moments = {name: parse_when_or_none(value, name=name) for name, value in at.items()}
    if any(moments.values()):
        return memory.as_of(**moments)
    return memory
