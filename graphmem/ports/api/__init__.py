"""The API, once: what the engine, its synchronous mirror and every client offer.

Every call takes the scope as keywords: ``user_id``, ``agent_id``, ``run_id``, ``project_id``.
What is not given falls back to what was given on opening. At least one of ``user_id`` and
``agent_id`` is required. (project, owner) is a tenant that no call sees across; agent and run
narrow. Text given as a time is ISO 8601; without a zone it is taken as UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, Unpack

from graphmem.model import (
    Difference,
    Entity,
    ErasureReceipt,
    Fact,
    Metadata,
    Modality,
    Receipt,
    Removal,
    Table,
)
from graphmem.ports.api.arguments import (
    AddArgs,
    AtMoment,
    Content,
    ReadArgs,
    RelateArgs,
    ScopeArgs,
    UpdateArgs,
    When,
    WriteArgs,
)
from graphmem.ports.api.documents import DocumentsAPI
from graphmem.ports.api.lifecycle import LifecycleAPI
from graphmem.ports.api.listings import ListingAPI
from graphmem.ports.api.maintenance import MaintenanceAPI
from graphmem.ports.api.reads import ReadAPI, ViewAPI
from graphmem.ports.api.relation_types import DeclaringAPI
from graphmem.ports.api.retention import RetentionAPI
from graphmem.ports.api.why_not import DiagnosisAPI


class MemoryAPI(
    ReadAPI,
    DiagnosisAPI,
    DocumentsAPI,
    ListingAPI,
    LifecycleAPI,
    DeclaringAPI,
    RetentionAPI,
    MaintenanceAPI,
    Protocol,
):
    """A memory: what changes it and looks after it; the reads are those of
    :class:`~graphmem.ports.api.reads.ReadAPI`."""

    async def add(
        self, content: Content, *, wait: bool = True, **options: Unpack[AddArgs]
    ) -> Receipt:
        """Remember a text, a message or a list of messages as one episode.

        When this returns, the episode is on disk and searchable. With ``infer`` (the default)
        entities, relations and facts are drawn from it by the configured model or the rules; with
        ``infer=False`` the text itself becomes the fact. ``occurred_at`` is when it happened and
        what "yesterday" is counted from; without it, now. ``importance`` is 0 to 1. ``expires_at``
        takes it out of every answer from then on. Adding the same again (same scope, and the same
        ``idempotency_key``, or the same content and time) changes nothing.

        Raises :class:`~graphmem.errors.UsageError` on bad input, with nothing stored. A model
        that fails does not raise: the receipt is ``pending`` and :meth:`resume` goes on.

        With ``wait=False`` it returns as soon as the text is on disk and searchable; what is drawn
        from it comes later, in the background, in order. The receipt is ``pending``; :meth:`flush`
        waits for it, :meth:`episode` shows what became of it. As many as ``GRAPHMEM_MAX_QUEUED``
        may wait for each (project, owner): the next one waits for room, before anything of it is
        stored. What is queued when the memory is closed, or its process dies, stays pending:
        :meth:`resume` goes on.
        """
        ...

    async def add_many(
        self,
        contents: Iterable[Content | Mapping[str, Any]],
        *,
        wait: bool = True,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[AddArgs],
    ) -> int:
        """Remember many, in order, with bounded memory; returns how many were new.

        An item is what :meth:`add` takes, or a mapping with ``content`` being such and any of the
        options of :meth:`add`, which override those given here. ``progress`` is called with the
        number of items done so far, at first after every 64, in a long load with ``infer=False``
        after up to 1,024. ``wait=False`` is as for :meth:`add`. Safe to repeat after an
        interruption: what was already remembered is passed over.
        """
        ...

    async def known_keys(self, keys: Collection[str], **scope: Unpack[ScopeArgs]) -> frozenset[str]:
        """Those of these idempotency keys under which something was added in this scope.

        To :meth:`add` anything under one of them again changes nothing. What was deleted or undone
        is not among them: it can be added again. The scope is meant exactly, agent and run
        included, as when a text repeats.
        """
        ...

    async def relate(
        self,
        subject: str,
        type: str,
        object: str,
        *,
        fact: str | None = None,
        valid_at: When | None = None,
        invalid_at: When | None = None,
        occurred_at: When | None = None,
        modality: Modality = "stated",
        subject_kind: str | None = None,
        object_kind: str | None = None,
        metadata: Metadata | None = None,
        tags: Sequence[str] = (),
        importance: float | None = None,
        idempotency_key: str | None = None,
        **scope: Unpack[WriteArgs],
    ) -> Receipt:
        """Remember one relation that is known already, without a model: an episode like any other.

        It goes the same way as a text: names are resolved, and it is decided against what is
        known, so that it may end, be ended by or corroborate other facts. ``type`` is a
        verb phrase (``works_at``). ``fact`` is the sentence to keep; without it one is made of the
        three. ``valid_at`` and ``invalid_at`` are when it held, as exact as they are given
        (``2024``, ``2024-05``, a ``date``, a ``datetime``); ``occurred_at`` when it was said,
        without it now. ``modality`` is how it is meant; what is not ``stated`` is kept and found as
        a fact, but is no relation. A kind (``person``, ``place``, …) separates homonyms.
        """
        ...

    async def relate_many(
        self,
        rows: Iterable[Mapping[str, Any] | Sequence[Any]],
        *,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[RelateArgs],
    ) -> int:
        """:meth:`relate` for many, in order, with bounded memory; returns how many were new.

        A row is a mapping with ``subject``, ``type``, ``object`` and any of the options of
        :meth:`relate`, which override those given here; or the three by themselves, with
        ``valid_at`` and ``invalid_at`` after them if need be. A table (pandas, polars, Arrow) is
        read row by row. An empty cell, or NaN, is one not given. Safe to repeat after an
        interruption, as :meth:`add_many` is. A bad row is a
        :class:`~graphmem.errors.UsageError` that says which (rows before it may be stored).
        """
        ...

    async def unrelate(
        self,
        subject: str,
        type: str,
        object: str | None = None,
        *,
        invalid_at: When | None = None,
        occurred_at: When | None = None,
        **scope: Unpack[WriteArgs],
    ) -> Receipt:
        """Take a relation back; without ``object`` every one of this subject and type.

        With ``invalid_at`` the world changed: it held until then. Without it belief was wrong: it
        never was so, and what it had closed is open again. An episode like any other, that
        :meth:`undo` undoes. ``occurred_at`` is when this was said, without it now. What is said now
        of a name that nobody has is NotFound, and nothing is stored; what was said at some time may
        be read before what it takes back.
        """
        ...

    async def update(
        self,
        fact_id: str,
        text: str | None = None,
        *,
        merge_metadata: bool = False,
        **options: Unpack[UpdateArgs],
    ) -> Fact:
        """Change a fact; what is not given stays. The version before stays in its history.

        None empties what it is given for: ``expires_at=None`` is for ever, ``tags=None`` without
        tags, a date is no longer known; ``importance`` and ``memory_type`` are as it was stated. An
        end that something else brought stays (UsageError says so): undo that instead.
        ``metadata`` takes the place of what there was, or (``merge_metadata``) is laid over it,
        key by key, None taking a key away.

        A ``text`` that no longer names what the relation is between states something else: the fact
        is a plain sentence then, until ``relate`` says the new relation."""
        ...

    async def delete(
        self,
        id: str,
        *,
        erase: bool = False,
        keep_turn: bool = False,
        **scope: Unpack[WriteArgs],
    ) -> Removal:
        """Forget a fact, or an episode with everything that only it supports.

        A fact is retired: it answers nothing any more but stays in its history. The turns that
        state it are silenced: search and context find them no more, until the deletion is undone;
        with ``keep_turn`` they are found as before; ``silenced`` of what comes back counts them. An
        episode, or anything with ``erase``, is removed for good, from history too; with a fact the
        sentences that state it go from their turns. Files that keep what was erased are made anew
        in the background: :meth:`erasures` says which are still to be.
        """
        ...

    async def delete_all(
        self, *, before: When | None = None, dry_run: bool = False, **scope: Unpack[WriteArgs]
    ) -> Removal:
        """Erase all that this scope holds, for good, from the ledger, the graph and the vectors.

        With ``before`` only the episodes that were stored before that moment, and what nothing but
        they support. ``dry_run`` only counts the episodes, and the facts that would be believed no
        more.
        """
        ...

    async def forget(
        self, *, dry_run: bool = False, wait: bool = False, **scope: Unpack[WriteArgs]
    ) -> ErasureReceipt:
        """Erase a user for good: all that is stored of them in every project, with every agent and
        in every run, and their name; with ``project_id`` in this call, in that project only.
        Without a user, the memory that an agent has of its own.

        What others have told stays, be it word for word the same. Rules of relation types that
        nobody else uses go too. The receipt says what went, by table; ``pending`` which files may
        still hold some of it: they are made anew in the background, where need be after the next
        opening. ``wait`` ends when that is done. ``dry_run`` only counts.
        :class:`~graphmem.errors.NotFound` when nothing is stored of the user.
        """
        ...

    async def erasures(
        self, erasure_id: str | None = None, **scope: Unpack[ScopeArgs]
    ) -> list[ErasureReceipt]:
        """The receipts of what was erased for good, oldest first: of the tenant of the scope given
        here or on opening, else of the whole store; or the one with an id, which is
        :class:`~graphmem.errors.NotFound` when there is none. They say what is still pending."""
        ...

    async def undo(self, id: str | int, **scope: Unpack[WriteArgs]) -> Removal:
        """Undo one episode, or one edit: the state without it.

        ``id`` is an episode's, or the ``seq`` of an edit as :meth:`history` shows it (an
        update, a deletion, a merge). What an episode stated counts no more, unless others state it
        too; what it had ended holds again. It stays in the ledger as ``undone``, and in the
        history; adding the same again takes it up again. Returns what is believed no longer.
        """
        ...

    async def merge(self, entity: str, other: str, **scope: Unpack[WriteArgs]) -> Entity:
        """Say that two entities (by id or name) are one; ``other`` becomes part of ``entity``.

        What is known of both is decided again as of one, and both names lead to it. Nothing is
        lost: :meth:`unmerge` separates them again.
        """
        ...

    async def unmerge(self, entity_id: str, **scope: Unpack[WriteArgs]) -> Entity:
        """Part what :meth:`merge` joined: the entity with this id, which had become part of
        another, stands by itself again, with all that was said of it. Returns it."""
        ...

    async def resume(self, **scope: Unpack[ScopeArgs]) -> list[Receipt]:
        """Go on with what is pending: episodes whose model call failed or never happened."""
        ...

    async def flush(self, **scope: Unpack[ScopeArgs]) -> list[Receipt]:
        """Wait until what was added here with ``wait=False``, before this call, has been worked
        off: of the scope given here or on opening, else of all.

        Returns the receipts of what was not done, since the last flush, of the last 1,000 at most:
        ``pending`` (a model or a store failed; :meth:`resume` goes on) or ``failed``, with the
        reason. An empty list: all is well.
        """
        ...

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> ViewAPI:
        """What held at a moment, as known now or at another moment: a view that can only be read.

        It has every reading method of this one, with the same arguments (``current=False`` brings
        what it knows of other moments too), and is good for as long as this is open. With
        ``valid_at``: what held then in the world (begun, and not ended, expired or archived). With
        ``known_at``: what was believed then; nothing that was recorded later shows, be it an
        episode, a name or an end. With ``known_at`` alone: what the same question would have been
        answered then. At least one must be given.

        ``valid_at`` alone costs what the same read costs now. With ``known_at``, reads by id, name
        and relation ask the ledger for the versions of then; the first ``search``, ``context``,
        ``neighbours``, ``paths`` or ``cypher`` makes graph and vectors of this (project, owner) as
        they were, in memory, once for each view: that takes time and room in proportion to what
        the owner had by then.
        """
        ...

    async def diff(
        self,
        a: When | AtMoment,
        b: When | AtMoment,
        entity: str | None = None,
        *,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Difference]:
        """What is so in state ``b`` and not in ``a``, or the reverse, oldest first, with reasons.

        A moment stands for :meth:`as_of` that moment of the world's time, as known now; pass two
        views to compare what was known. ``entity`` narrows it to what is about it. Only stated
        facts count. What both began and ended in between is in neither state: see
        :meth:`timeline` for that.
        """
        ...

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        all_scopes: bool = False,
        **scope: Unpack[ReadArgs],
    ) -> Table:
        """Read the graph in Cypher: read-only, and only inside this scope's tenant. Of several
        projects (``project_ids``) each answers by itself, and the rows follow one another.

        ``all_scopes=True`` is for administrators: read-only too, but over everyone's graph. No
        scope may be given with it; those given on opening are set aside.
        """
        ...

    async def close(self) -> None:
        """Let the folder go; what graph and vectors still lack, the next opening gives them. Safe
        to call twice."""
        ...
