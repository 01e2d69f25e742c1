"""The folder of embedded vectors: one shard for each collection, and ``checkpoint.json``.

All calls here block. Writes come from one thread and reads from others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from graphmem.adapters.child_process import can_start
from graphmem.adapters.disk_space import need_large_files
from graphmem.adapters.file_checksums import not_a_file, rename_beside
from graphmem.adapters.vectors import validation
from graphmem.adapters.vectors.qdrant_edge import checkpoint as checkpoint_file
from graphmem.adapters.vectors.qdrant_edge import disk_space, sealed_folder
from graphmem.adapters.vectors.qdrant_edge.checkpoint import EdgeCheckpoint
from graphmem.adapters.vectors.qdrant_edge.optimize import Optimizing
from graphmem.adapters.vectors.qdrant_edge.shard import (
    Shard,
    create_shards,
    damaged_vectors,
    in_use,
)
from graphmem.errors import Rejected, UsageError
from graphmem.files import check_open_files, make_folder
from graphmem.ports.graph import Checkpoint
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Point,
    Scored,
    VectorChanges,
    VectorQuery,
)

_FLUSH_AFTER = 5_000
"""Points written between flushes: after a kill, opening replays unflushed ones, 35 µs each."""
_SEEN_WHOLE = 128
_COMPARED = 64
"""Points compared at a time: searches wait for 2 ms."""
_WORTH_OPTIMIZING = 2_000
"""The least number of points written since the last optimizing; fewer are searched as fast without
it."""


def not_open(path: Path) -> UsageError:
    return UsageError(f"the vector store in {path} is not open")


class EdgeFolder:
    """The blocking work of :class:`~graphmem.adapters.vectors.qdrant_edge.store.EdgeVectors`.

    A search sees a write of up to 128 points whole or not at all; a larger one slice by slice, as
    it would keep all searches waiting.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._view = threading.Lock()
        """Held while shards are read, and while they change."""
        self._shards: dict[Collection, Shard] = {}
        self._checkpoint: EdgeCheckpoint | None = None
        self._lock: FileLock | None = None
        self._unflushed = 0
        self._optimizing: Optimizing | None = None
        self.successors: set[Path] = set()
        """Folders inside this one that are being filled, to replace its content."""

    def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        with self._view:
            return self._search(queries)

    def search_if_free(self, queries: Sequence[VectorQuery]) -> list[list[Scored]] | None:
        """The same without waiting; None while something is being written."""
        if not self._view.acquire(blocking=False):
            return None
        try:
            return self._search(queries)
        finally:
            self._view.release()

    def _search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        size = self._opened().size
        for query in queries:
            validation.check_query(query, size)
        of: dict[Collection, list[int]] = {}
        for place, query in enumerate(queries):
            of.setdefault(query.collection, []).append(place)
        found: dict[int, list[Scored]] = {}
        for name, places in of.items():
            hits = self._shards[name].search([queries[place] for place in places])
            found.update(zip(places, hits, strict=True))
        return [found[place] for place in range(len(queries))]

    def ids(self, collection: Collection, tenant: str | None) -> set[str]:
        validation.check_collection(collection)
        if tenant is not None:
            validation.check_scope(tenant)
        with self._view:
            self._opened()
            return self._shards[collection].ids(tenant)

    def differing(self, collection: Collection, points: Sequence[Point]) -> set[str]:
        validation.check_collection(collection)
        found: set[str] = set()
        for start in range(0, len(points), _COMPARED):
            with self._view:
                self._opened()
                some = points[start : start + _COMPARED]
                found |= self._shards[collection].differing(some)
        return found

    def _opened(self) -> EdgeCheckpoint:
        if self._checkpoint is None or not self._shards:
            raise not_open(self._path)
        return self._checkpoint

    def open(self, store_id: str, embedder: str, size: int) -> Checkpoint:
        self.close()
        need_large_files(f"the vector store in {self._path}")
        self._hold()
        try:
            checkpoint_file.erase_successors(self._path, but=self.successors)
            self._open_locked(store_id, embedder, size)
            return Checkpoint(store_id, self._opened().applied_seq)
        except BaseException:
            self._let_go()
            raise

    def _open_locked(self, store_id: str, embedder: str, size: int) -> None:
        checkpoint = sealed_folder.read_checkpoint(self._path)
        same = checkpoint is not None and (checkpoint.embedder, checkpoint.size) == (embedder, size)
        if (
            checkpoint is None
            or checkpoint.store_id != store_id
            or not (same or checkpoint.applied_seq)
        ):
            self._recreate(store_id, embedder, size)
        elif same:
            self._go_on(checkpoint)
        else:
            stored = (checkpoint.embedder, checkpoint.size)
            raise validation.other_embedder(str(self._path), stored, (embedder, size))

    def _hold(self) -> None:
        """Lock the folder for this process: the engine locks only the shards in it."""
        if self._path.is_symlink():
            raise damaged_vectors(self._path, not_a_file(self._path))
        try:
            make_folder(self._path)
            lock = FileLock(self._path / "lock")
            lock.acquire(timeout=0)
        except Timeout as error:
            raise in_use(self._path) from error
        except OSError as error:
            check_open_files(error, f"the vectors in {self._path}")
            raise damaged_vectors(self._path, f"the folder cannot be used: {error}") from error
        self._lock = lock

    def _recreate(self, store_id: str, embedder: str, size: int) -> None:
        disk_space.need_space_for_new_shards(self._path, len(COLLECTIONS))
        checkpoint_file.erase(self._path)
        places = [self._path / checkpoint_file.next_folder(self._path, c) for c in COLLECTIONS]
        shards = dict(zip(COLLECTIONS, create_shards(places, size), strict=True))
        folders = {name: shard.folder.name for name, shard in shards.items()}
        checkpoint = EdgeCheckpoint(
            store_id, embedder, size, folders, boot=checkpoint_file.boot_id()
        )
        checkpoint.write(self._path, durable=True)
        self._shards, self._checkpoint = shards, checkpoint

    def _go_on(self, checkpoint: EdgeCheckpoint) -> None:
        checkpoint_file.erase_but(self._path, set(checkpoint.folders.values()))
        self._load(checkpoint)
        self._checkpoint = dataclasses.replace(
            checkpoint, applied_seq=checkpoint.believed_seq, boot=checkpoint_file.boot_id()
        )

    def apply(self, changes: VectorChanges, applied_seq: int) -> None:
        checkpoint = self._opened()
        validation.check_changes(changes, checkpoint.size)
        changed = dict(checkpoint.changed)
        size = sum(map(len, (*changes.removed.values(), *changes.points.values())))
        free = contextlib.nullcontext()
        whole, slices = (self._view, free) if size <= _SEEN_WHOLE else (free, self._view)
        with whole:
            for name, shard in self._shards.items():
                removed, batch = changes.removed.get(name, ()), changes.points.get(name, ())
                job = self._optimizing
                if job and job.collection == name and not job.note((removed, batch)):
                    self.stop_optimizing()
                with slices:
                    shard.remove(removed)
                for made in shard.made(batch):
                    with slices:
                        shard.put_made(made)
                changed[name] = changed.get(name, 0) + len(removed) + len(batch)
                self._unflushed += len(removed) + len(batch)
        durable_seq = min(checkpoint.durable_seq, applied_seq)
        self._checkpoint = dataclasses.replace(
            checkpoint, applied_seq=applied_seq, durable_seq=durable_seq, changed=changed
        )
        if self._unflushed >= _FLUSH_AFTER:
            self._flush()
        else:
            self._checkpoint.write(self._path, durable=False)

    def _flush(self) -> None:
        """Flush everything applied so far to disk, then record that in the checkpoint."""
        for shard in self._shards.values():
            shard.flush()
        checkpoint = self._opened()
        self._checkpoint = dataclasses.replace(checkpoint, durable_seq=checkpoint.applied_seq)
        self._checkpoint.write(self._path, durable=True)
        self._unflushed = 0

    def begin_optimizing(self, owner: object, name: Collection) -> Optimizing | None:
        """Start optimizing one collection; None when there is nothing to do, or when it was done at
        once because no process can be started."""
        checkpoint = self._opened()
        if self._optimizing is not None or checkpoint.changed.get(name, 0) < _WORTH_OPTIMIZING:
            return None
        shard = self._shards[name]
        disk_space.need_to_optimize(shard.folder)
        if not can_start():
            with self._view:
                shard.optimize()
            self._checkpoint = dataclasses.replace(
                checkpoint, changed={**checkpoint.changed, name: 0}
            )
            self._flush()
            return None
        shard.flush()
        folder = self._path / checkpoint_file.next_folder(self._path, name)
        self._optimizing = Optimizing.start(owner, name, shard.folder, folder)
        return self._optimizing

    def end_optimizing(self, job: Optimizing) -> bool:
        """Switch to the optimized copy, with the writes since applied to it; False when the job was
        abandoned meanwhile."""
        if job.abandoned:
            return False
        if (why := job.failure()) is not None:
            raise Rejected(f"optimizing the vectors in {self._path} failed: {why}")
        disk_space.need_to_load(job.folder)
        checkpoint, name = self._opened(), job.collection
        late = sum(len(removed) + len(batch) for removed, batch in job.delayed)
        checkpoint = dataclasses.replace(
            checkpoint,
            folders={**checkpoint.folders, name: job.folder.name},
            changed={**checkpoint.changed, name: late},
        )
        with self._view:
            # Only one is loaded at a time: a million points take more than a gibibyte.
            old = self._shards[name]
            old.close()
            try:
                with contextlib.ExitStack() as undo:
                    fresh = Shard.load(job.folder)
                    undo.callback(fresh.close)
                    for removed, batch in job.delayed:
                        fresh.remove(removed)
                        fresh.put(batch)
                    fresh.flush()
                    checkpoint.write(self._path, durable=True)
                    undo.pop_all()
            except BaseException:
                self._shards[name] = Shard.load(old.folder)
                raise
            self._shards[name], self._checkpoint = fresh, checkpoint
        self._optimizing = None
        job.errors_file.close()
        checkpoint_file.erase_but(self._path, set(checkpoint.folders.values()))
        return True

    def clear(self) -> None:
        """Empty an open folder; erase a closed one, so that one that cannot be opened can be made
        anew."""
        checkpoint = self._checkpoint
        if checkpoint is not None:
            disk_space.need_space_for_new_shards(self._path, len(COLLECTIONS))
        with self._view:
            if checkpoint is None:
                if self._path.is_symlink() or (self._path.exists() and not self._path.is_dir()):
                    rename_beside(self._path)
                self._hold()
            else:
                self.stop_optimizing()
                self._close_shards()
            try:
                if checkpoint is None:
                    checkpoint_file.erase(self._path)
                else:
                    self._recreate(checkpoint.store_id, checkpoint.embedder, checkpoint.size)
            finally:
                if checkpoint is None or not self._shards:
                    self._let_go()

    def take_over(self, home: Path) -> None:
        """Switch to the shards of a folder inside this one, which was filled and closed. Until the
        checkpoint file is replaced, the old shards are in use, and from then on the new ones; a
        killed process leaves the others to be removed."""
        filled = sealed_folder.closed_whole(home)
        self.stop_optimizing()
        folders: dict[Collection, str] = {}
        for name in COLLECTIONS:
            folders[name] = checkpoint_file.next_folder(self._path, name)
            (home / filled.folders[name]).rename(self._path / folders[name])
        checkpoint = dataclasses.replace(filled, folders=folders)
        with self._view:
            before = self._checkpoint
            if before is None:
                self._hold()
            try:
                if before is not None:
                    self._go_on_with(checkpoint, before)
                sealed_folder.put_in_force(self._path, checkpoint)
            finally:
                if before is None:
                    self._let_go()
        checkpoint_file.erase_but(self._path, set(folders.values()))
        shutil.rmtree(home, ignore_errors=True)

    def _go_on_with(self, checkpoint: EdgeCheckpoint, before: EdgeCheckpoint) -> None:
        """Load the shards of a checkpoint, or again those of ``before`` if that fails. Only one set
        is loaded at a time: a million points take more than a gibibyte."""
        self._close_shards()
        try:
            self._load(checkpoint)
        except BaseException:
            self._close_shards()
            self._load(before)
            raise
        self._checkpoint = checkpoint

    def _load(self, checkpoint: EdgeCheckpoint) -> None:
        for name in COLLECTIONS:
            folder = self._path / checkpoint.folders[name]
            disk_space.need_to_load(folder)
            self._shards[name] = Shard.load(folder)

    def close(self) -> None:
        self.stop_optimizing()
        with self._view:
            whole = False
            try:
                if self._shards and self._unflushed:
                    self._flush()
                whole = bool(self._shards)
            finally:
                self._let_go(seal=whole)

    def stop_optimizing(self, owner: object = None) -> None:
        """Abandon the running job; with ``owner``, only if that call started it."""
        job = self._optimizing
        if job is not None and owner in (None, job.owner):
            self._optimizing = None
            job.abandon()

    def _let_go(self, *, seal: bool = False) -> None:
        self._checkpoint = None
        try:
            self._close_shards()
            if seal:
                sealed_folder.seal_folder(self._path)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.release()

    def _close_shards(self) -> None:
        shards, self._shards, self._unflushed = self._shards, {}, 0
        for shard in shards.values():
            shard.close()
