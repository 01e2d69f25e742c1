"""Documents: texts that are kept elsewhere and change there, such as the files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Unpack

from graphmem.model import Document, DocumentReceipt, Removal
from graphmem.ports.api.arguments import AddArgs, Content, ScopeArgs, WriteArgs


class DocumentsAPI(Protocol):
    """Part of :class:`~graphmem.ports.api.MemoryAPI`: what a document said counts until a newer
    version of it takes its place."""

    async def add_document(
        self,
        document: str,
        contents: str | Iterable[Content | Mapping[str, Any]],
        *,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[AddArgs],
    ) -> DocumentReceipt:
        """Remember a document as it is now: a text, or its parts in order as :meth:`add_many` takes
        them, each an episode.

        ``document`` is its id, for example a path. Parts that are stored under it already, with
        the same time, tags and metadata, are passed over; those that it does not have any more are
        undone, as by :meth:`undo`: what they stated counts no more, and history keeps it. Safe to
        repeat after an interruption. ``progress`` is called with the number of parts done so far.

        Raises :class:`~graphmem.errors.UsageError` on bad input, with nothing changed: for an empty
        document, too, which is what :meth:`remove_document` is for.
        """
        ...

    async def documents(
        self,
        *,
        document: str | None = None,
        under: str | None = None,
        **scope: Unpack[ScopeArgs],
    ) -> list[Document]:
        """The documents of this scope in order of their ids; the one with the id ``document``, if
        it is there, or with ``under`` those whose ids begin with it. The scope is meant exactly,
        agent and run included."""
        ...

    async def remove_document(self, document: str, **scope: Unpack[WriteArgs]) -> Removal:
        """Undo what was read from a document, which is gone: what it stated counts no more, and
        history keeps it. :class:`~graphmem.errors.NotFound` when nothing is stored of it."""
        ...
