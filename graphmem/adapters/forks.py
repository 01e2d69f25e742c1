"""What an engine has open is of the process that opened it. A child after a fork has it too, but
not the engine's threads: destroyed when the child ends, it would wait for them, crash, or write the
parent's files."""

from __future__ import annotations

import ctypes
import os
import weakref

_opened: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()


def keep_in_children(owner: object, name: str) -> None:
    """Destroy nowhere but in this process what ``owner`` has under a name."""
    _opened[owner] = name


def never_destroy(engine: object) -> None:
    """One more reference, so that it is not destroyed when the interpreter exits either."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


def _in_a_child() -> None:
    for owner, name in _opened.items():
        never_destroy(getattr(owner, name))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)
