"""How a store is made anew while it serves: another is filled beside it, and takes its place."""

from __future__ import annotations

from typing import Protocol


class Successor(Protocol):
    """Room beside a store for the one that is to take its place. What a process that was killed
    left there goes when the store is opened."""

    def begin(self) -> str:
        """The URL of a new store there, of the same kind, to be opened, filled and closed by
        anybody."""
        ...

    async def take_over(self, url: str) -> None:
        """Let what was filled at ``url``, and closed, be this store, and remove what it held.
        Killed at any step, it holds the one or the other. Whoever reads meanwhile waits and then
        reads the new one; how far that got, ``open`` tells. The files of this store need not be
        readable, and one that is closed stays closed.

        :class:`~graphmem.errors.Unavailable` when what is there was not closed whole: then nothing
        was changed.
        """
        ...

    async def drop(self, url: str) -> None:
        """Remove what is at ``url``; it may be there in part, or not at all."""
        ...
