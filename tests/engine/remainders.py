"""What is left of an erased text, byte by byte, in whatever way a file may write it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_ZEROS = bytes(1 << 14)
"""No form of a word has that many, and they make most of what is to be read."""


def remainders(folder: Path, words: Iterable[str]) -> list[str]:
    """``file: word (how written)`` for every trace of a word under a folder, in names and bytes."""
    forms = [(word, *form) for word in words for form in _forms(word)]
    small = {form.lower() for _, _, form in forms}  # a third as many
    found: list[str] = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        data = _written(path) if path.is_file() else b""
        lowered = data.lower() + name.lower().encode()
        if not any(form in lowered for form in small):
            continue
        found += [
            f"{name}: {word} ({how}) {data.count(form)} times"
            for word, how, form in forms
            if form in data or form in name.encode()
        ]
    return found


def _written(path: Path) -> bytes:
    """Without the holes: the engines set files aside 32 MiB at a time."""
    parts, at = [], 0
    with path.open("rb") as file:
        try:
            while True:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
                at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                file.seek(start)
                for left in range(at - start, 0, -len(_ZEROS)):
                    part = file.read(min(left, len(_ZEROS)))
                    if part != _ZEROS:
                        parts.append(part)
        except OSError:  # no data after this
            return b"".join(parts)


def _forms(word: str) -> Iterator[tuple[str, bytes]]:
    seen: set[bytes] = set()
    for text in (word, word.lower(), word.upper(), word.casefold()):
        for how, form in (
            ("utf-8", text.encode()),
            ("utf-16", text.encode("utf-16-le")),
            ("utf-16 big", text.encode("utf-16-be")),
            ("json", json.dumps(text)[1:-1].encode()),
            ("latin-1", text.encode("latin-1", "replace")),
        ):
            if form not in seen:
                seen.add(form)
                yield how, form
