"""Where a store is: its URLs, and the folder that one process holds at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from graphmem.adapters.file_checksums import replace_file
from graphmem.errors import GraphmemError, LedgerLost, Unavailable, UsageError, shown
from graphmem.files import check_open_files, make_folder, read_file
from graphmem.limits import check_path
from graphmem.settings import Settings, default_urls
from graphmem.text import redacted

MEMORY = "memory://"
SERVER_NOTE = "server.json"
"""Beside the lock: where the server answers that holds the folder, with its key."""
HELD_ELSEWHERE = "is open in another process"
"""In the error of a folder that cannot be had."""
_LOCK = "lock"
_EMBEDDED = frozenset({"sqlite", "kuzu", "ladybug", "qdrant-edge"})


def settings_or_usual(given: Settings | None) -> Settings:
    """Those that were given, else what the environment says."""
    if given is not None and not isinstance(given, Settings):
        raise UsageError(f"settings are what Settings.load gives, got {type(given).__name__}")
    return Settings.load() if given is None else given


def urls_of(folder: str | Path | None, settings: Settings) -> tuple[dict[str, str], Path | None]:
    """Where ledger, graph and vectors are; and the folder, when anything is in it."""
    given = {
        kind: url
        for kind in ("ledger", "graph", "vectors")
        if (url := getattr(settings, kind)) is not None
    }
    _check_folder(folder)
    if str(folder) == MEMORY:
        return {**dict.fromkeys(("ledger", "graph", "vectors"), MEMORY), **given}, None
    missing = [kind for kind in ("ledger", "graph", "vectors") if kind not in given]
    if missing and folder is not None:
        path = usable_path(folder)
        usual = default_urls(path)
        if settings.encryption_key:  # their engines write plain files
            usual |= {"graph": MEMORY, "vectors": MEMORY}
        return {**usual, **given}, path
    if missing:
        raise UsageError(
            "give a folder, as in Memory('my-memory'), or the missing URLs: "
            + ", ".join(f"GRAPHMEM_{kind.upper()}" for kind in missing)
            + "; of a server: GRAPHMEM_URL"
        )
    return given, None


class ServerAt(NamedTuple):
    """Where a server answers that holds a folder, and a key to it."""

    url: str
    key: str | None


def server_at(folder: Path) -> ServerAt | None:
    """The server that says, beside the lock of a folder, that it holds it; None where none does, or
    where this user may not read that."""
    try:
        note = json.loads(read_file(folder / SERVER_NOTE))
        if str(note["pid"]) != read_file(folder / "owner").decode().strip():
            return None  # of a server that was killed
        return ServerAt(str(note["url"]), note["key"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def embedded_parts(urls: Mapping[str, str]) -> list[str]:
    """The parts of a store that only one process at a time can hold."""
    alone = (*(f"{scheme}:" for scheme in _EMBEDDED), MEMORY)
    return [
        f"{kind} ({url.partition(':')[0]})" for kind, url in urls.items() if url.startswith(alone)
    ]


def usable_path(given: str | Path) -> Path:
    """The place that a name means, when every engine can be given it."""
    _check_name(given)
    try:
        path = Path(given).expanduser().absolute()
        path.parent.resolve()
        str(path).encode()
        check_path(path)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{str(given)!a} cannot be used: the name of the place is not UTF-8, which the "
            "graph and the vectors need; rename it, or use another"
        ) from error
    except (RuntimeError, OSError) as error:  # ~somebody who is not there; links in a circle
        raise UsageError(f"{shown(str(given))} cannot be used: {error}") from error
    return path


def _check_name(place: object) -> None:
    if not isinstance(place, str | os.PathLike) or not isinstance(os.fspath(place), str):
        raise UsageError(f"a folder is text or a path, got {type(place).__name__}")
    if "\0" in os.fspath(place):
        raise UsageError("the folder's name has a NUL character")


def _check_folder(folder: object) -> None:
    """That it can name a folder: ``""`` would be where the program happens to run, and a URL a
    folder with a colon in its name."""
    if folder is None:
        return
    _check_name(folder)
    if not isinstance(folder, str):
        return
    if not folder.strip():
        raise UsageError("the folder's name is empty; write . for this one")
    if folder == ":memory:":
        raise UsageError(f"':memory:' is how SQLite calls it; write {MEMORY}")
    if "://" in folder and folder != MEMORY:
        raise UsageError(
            f"{shown(redacted(folder))} is no folder: give one, or {MEMORY}; the URLs of ledger, "
            "graph and vectors are settings (GRAPHMEM_LEDGER, GRAPHMEM_GRAPH, GRAPHMEM_VECTORS)"
        )


def left_of_store(urls: Mapping[str, str]) -> list[Path]:
    """Which files and folders of an embedded store are there and hold something."""
    found: list[Path] = []
    for kind, url in urls.items():
        scheme, _, rest = url.partition(":///")
        if not rest or scheme not in _EMBEDDED:
            continue
        path = Path(rest)
        try:
            if _shards_in(path) if kind == "vectors" else _written(path):
                found.append(path)
        except OSError as error:  # a name too long, a folder that may not be looked into
            check_open_files(error, str(path))
            raise UsageError(f"{path} cannot be used: {error}") from error
    return found


def check_ledger_is_there(urls: Mapping[str, str], *, accept: bool) -> None:
    """:class:`~graphmem.errors.LedgerLost` when a ledger is missing or empty that graph or vectors
    were made from: opened, it would be new, and they would be cleared. Nothing is touched."""
    scheme, _, rest = urls["ledger"].partition(":///")
    if scheme != "sqlite" or accept:
        return
    ledger = Path(rest)
    left = [path for path in left_of_store(urls) if path != ledger]
    sums = Path(f"{ledger}.sums")
    if _written(sums):  # in an encrypted store nothing else tells
        left.append(sums)
    if left and not (ledger.is_file() and ledger.stat().st_size):
        raise ledger_lost(
            f"the ledger {ledger} is {'empty' if ledger.is_file() else 'missing'}", left
        )


def ledger_lost(what: str, left: Sequence[object]) -> LedgerLost:
    """The error for a ledger that is not the one that graph and vectors were made from."""
    return LedgerLost(
        f"{what}, but there is what was made from it: {', '.join(map(str, left))}. Nothing was "
        "changed. Put back a backup of the ledger; without one, `graphmem salvage` makes a new "
        "store of what is left; or open once with GRAPHMEM_ACCEPT_LEDGER=1, which goes on with the "
        "ledger as it is, or a new one, and makes graph and vectors anew"
    )


def _written(path: Path) -> bool:
    """Whether a database's file or its log holds something."""
    files = [path, *(Path(f"{path}{suffix}") for suffix in ("-wal", ".wal"))]
    return any(file.is_file() and file.stat().st_size > 0 for file in files)


def _shards_in(folder: Path) -> bool:
    return folder.is_dir() and any(
        path.name == "checkpoint.json" or (path / "segments").is_dir() for path in folder.iterdir()
    )


def hold(folder: Path) -> Callable[[], None]:
    """Hold the folder for this process, or say who does."""
    try:
        make_folder(folder)
    except OSError as error:
        raise _unusable(folder, error) from error
    lock = FileLock(folder / _LOCK, thread_local=False)
    owner = folder / "owner"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = "unknown"
        with contextlib.suppress(OSError):
            pid = read_file(owner).decode(errors="replace").strip()
        own = pid == str(os.getpid())
        who = "is open in this process itself" if own else f"{HELD_ELSEWHERE} (pid {pid})"
        if (server := server_at(folder)) is not None:
            raise Unavailable(
                f"{folder} {who}, which serves it: go through it, with "
                f"GRAPHMEM_URL={server.url} and a key as GRAPHMEM_API_KEY (one is in "
                f"{folder / SERVER_NOTE}), or as Memory({server.url!r}, api_key=…)"
            ) from None
        raise Unavailable(
            f"{folder} {who}: close that memory first, or use another folder; "
            "one process at a time can hold an embedded store. Others may read it meanwhile: open "
            "it with read_only=True"
        ) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        replace_file(owner, str(os.getpid()).encode())
    except OSError as error:
        lock.release()
        raise _unusable(folder, error) from error
    return lock.release


def check_held(folder: Path) -> None:
    """:class:`~graphmem.errors.Unavailable` where a folder that is held is there no more: what is
    written to open files goes with them, and what is made anew would come to another place."""
    if not (folder / _LOCK).exists():
        raise Unavailable(
            f"{folder} was moved or removed while this memory is open (its {_LOCK} is not there): "
            "close it, and open the folder where it is now"
        )


def _unusable(folder: Path, error: OSError) -> GraphmemError:
    check_open_files(error, str(folder))
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable(f"{folder} cannot be used now, the disk is full: {error}")
    if error.errno == errno.ENOENT and not os.path.lexists(folder):
        return UsageError(f"{folder} cannot be made there: name another place")
    why = "it is a file" if folder.is_file() else error.strerror or error
    return UsageError(f"{folder} cannot be used as a memory folder: {why}")
