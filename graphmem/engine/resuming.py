"""What was cut short goes on by itself: soon after opening, and again from time to time."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from graphmem.engine.writes import Writes
from graphmem.errors import log_failure

_log = logging.getLogger("graphmem")
_FIRST_S = 5.0
"""After opening: a process that is opened for one question is gone by then."""
_AT_ONCE = 100


class Resuming(Writes):
    """Going on with what is pending, of everybody."""

    def _keep_resuming(self) -> None:
        """Go on in the background, once at a time."""
        every = self._parts.settings.resume_every_s
        if every and not self._parts.read_only and self._resuming is None:
            self._resuming = asyncio.create_task(self._resume_now_and_then(every))

    async def _resume_now_and_then(self, every: float) -> None:
        pause = min(_FIRST_S, every)
        while True:
            await asyncio.sleep(pause)
            pause = every
            try:
                await self._resume_everybody(every)
            except Exception as error:  # noqa: BLE001 - nobody is above who could be told
                log_failure(_log, "what is pending could not be gone on with", error)

    async def _resume_everybody(self, every: float) -> None:
        """One try at each episode that is pending. Where others write too, only what has been so
        for long: they may be at it."""
        ledger = self._parts.ledger
        before = self._parts.clock.now() - timedelta(seconds=every) if ledger.shared else None
        after = 0
        while found := await ledger.pending_episodes(after, before, _AT_ONCE):
            after = max(found)
            await self._ingest.finish([found[n] for n in sorted(found)])
            await self._keep_lag_bounded()
