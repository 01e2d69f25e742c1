"""What a ledger's files hold after a power cut: every write and every flush of a process is
recorded (``strace``), and what was not flushed yet may have reached the disk, in part, or not."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_CALL = re.compile(r"(\d+\.\d+) (\w+)\((.*)\) += (-?\d+)", re.DOTALL)
_FILE = re.compile(r"\d+<([^>]*)>")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_TRACED = "pwrite64,write,ftruncate,fdatasync,fsync,rename,unlink"
WORK = """
import os, sys
from graphmem import Memory, Settings

def noted(line):
    os.write(1, (line + "\\n").encode())

settings = Settings.load(graph="memory://", vectors="memory://")
for life in range(2):
    memory = Memory(sys.argv[1], user_id="ada", settings=settings)
    for n in range(6):
        receipt = memory.add(f"Person{life}{n} Stone lives in Oslo. Bob Reed knows Ann Lane.")
        noted(f"there {receipt.episode_id}")
    memory.add_many([f"Note {life} {n}." for n in range(20)], infer=False)
    taken_back = receipt.episode_id
    receipt = memory.add(f"A passing remark {life}.", infer=False)
    noted(f"there {receipt.episode_id}")
    fact = memory.get_all(limit=1).items[0]
    memory.update(fact.id, "Something else by hand.")
    noted(f"trying {receipt.episode_id}")
    memory.delete(receipt.episode_id)
    noted(f"gone {receipt.episode_id}")
    if life == 0:
        memory.merge("Bob Reed", "Ann Lane")
    else:
        memory.declare_type("knows", single_valued=True)
    memory.add("Eve Frost lives in Rome.", user_id=f"eve{life}")
    memory.forget(user_id=f"eve{life}")
    memory.undo(taken_back)
    memory.verify()
    memory.close()
"""


@dataclass(frozen=True, slots=True)
class _Act:
    """One thing that the process did."""

    what: str
    file: str = ""
    at: int = 0
    data: bytes = b""
    to: str = ""


@dataclass(slots=True)
class _File:
    """A file on the disk: what was flushed, and what was written since."""

    flushed: bytearray = field(default_factory=bytearray)
    since: list[_Act] = field(default_factory=list)

    def flush(self) -> None:
        for act in self.since:
            _write(self.flushed, act)
        self.since.clear()

    def after_cut(self, rng: random.Random) -> bytes:
        """All that was flushed, and of the rest each sector or not."""
        found = bytearray(self.flushed)
        kept = rng.choice([0.0, 0.5, 0.9, 1.0])
        for act in self.since:
            if act.what == "cut" and rng.random() < kept:
                _write(found, act)
            for start in range(0, len(act.data), SECTOR):
                if rng.random() < kept:
                    part = act.data[start : start + SECTOR]
                    _write(found, _Act("write", act.file, act.at + start, part))
        return bytes(found)


def _write(content: bytearray, act: _Act) -> None:
    if act.what == "cut":
        del content[act.at :]
    end = act.at + len(act.data)
    if len(content) < end and act.data:
        content.extend(bytes(end - len(content)))
    content[act.at : end] = act.data


class Recording:
    """The acts of a process that used the store in ``folder``, which are to be played up to any
    of them."""

    def __init__(self, folder: Path, work: str = WORK) -> None:
        self.folder = folder
        traces = folder.with_name(f"{folder.name}-traces")
        traces.mkdir()
        subprocess.run(
            [
                *("strace", "-ff", "-ttt", "-y", "-x", "-s", "10000000", "-e", f"trace={_TRACED}"),
                *("-o", str(traces / "of"), sys.executable, "-W", "ignore", "-c", work),
                str(folder),
            ],
            check=True, timeout=300, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        lines = [
            line for path in traces.iterdir() for line in path.read_text("latin-1").split("\n")
        ]
        shutil.rmtree(traces)
        found = sorted(
            ((float(call[1]), call) for line in lines if (call := _CALL.match(line))),
            key=lambda pair: pair[0],
        )
        self.acts = [act for _, call in found if (act := _act(call)) is not None]
        self.writes = [
            number
            for number, act in enumerate(self.acts)
            if act.what != "noted" and Path(act.file).name.startswith("ledger.sqlite")
        ]

    def cut(self, at: int, rng: random.Random, folder: Path) -> tuple[set[str], set[str]]:
        """The files in a new folder as they may be when the power goes after so many acts. Gives
        the episodes that must be there, and those that may not."""
        acts = self.acts[: at + 1]
        files, removed = self._files(acts)
        there, gone = _promised(acts)
        for name, file in removed.items():
            if rng.random() < 0.5:  # the folder itself may not be flushed yet
                files.setdefault(name, file)
        folder.mkdir()
        for name, file in files.items():
            if Path(name).name.startswith("ledger.sqlite") and Path(name).suffix != ".lock":
                content = file.after_cut(rng)
                if content or name.endswith("ledger.sqlite"):
                    (folder / Path(name).name).write_bytes(content)
        return there, gone

    def _files(self, acts: list[_Act]) -> tuple[dict[str, _File], dict[str, _File]]:
        """The files, and those that were removed and may be there again."""
        files: dict[str, _File] = {}
        removed: dict[str, _File] = {}
        for act in acts:
            file = files.setdefault(act.file, _File())
            match act.what:
                case "write" | "cut":
                    file.since.append(act)
                case "flush" if act.file == str(self.folder):
                    removed.clear()
                case "flush":
                    file.flush()
                case "rename":
                    files[act.to] = files.pop(act.file)
                case "unlink":
                    removed[act.file] = files.pop(act.file)
        return files, removed

    def places(self, count: int, rng: random.Random) -> list[int]:
        """Acts, each within or right after a write of the ledger."""
        chosen = rng.sample(self.writes, min(count, len(self.writes)))
        return sorted(chosen)

    def __str__(self) -> str:
        kinds = Counter(f"{self.acts[n].what} {Path(self.acts[n].file).name}" for n in self.writes)
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _promised(acts: list[_Act]) -> tuple[set[str], set[str]]:
    """The episodes that were acknowledged, and those whose erasure was."""
    there: set[str] = set()
    gone: set[str] = set()
    for act in acts:
        if act.what == "there":
            there.add(act.to)
        elif act.what in {"trying", "gone"}:
            there.discard(act.to)
            if act.what == "gone":
                gone.add(act.to)
    return there, gone


def _act(call: re.Match[str]) -> _Act | None:
    name, given, gave = call[2], call[3], int(call[4])
    strings = [one.encode("latin-1").decode("unicode_escape") for one in _STRING.findall(given)]
    found = _FILE.match(given)
    file = found[1] if found else ""
    act: _Act | None = None
    if gave < 0:
        return None
    if name in {"rename", "unlink"}:
        act = _Act(name, strings[0], to=strings[-1])
    elif name in {"fdatasync", "fsync"}:
        act = _Act("flush", file)
    elif name == "ftruncate":
        act = _Act("cut", file, int(given.rsplit(",", 1)[1]))
    elif name == "pwrite64":
        act = _Act("write", file, int(given.rsplit(",", 1)[1]), strings[0].encode("latin-1"))
    elif file.endswith(".new"):  # whole files, written once from their beginning: the checksums
        act = _Act("write", file, 0, strings[0].encode("latin-1"))
    else:
        what, _, id = strings[0].strip().partition(" ")
        act = _Act(what, to=id) if what in {"there", "trying", "gone"} else None
    return act
