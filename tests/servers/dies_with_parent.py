"""Becomes a program that dies with the process that started this one, however that dies.

``python dies_with_parent.py PARENT SIGNAL USER COMMAND…``: ``USER`` is the number of who is to run
it, or ``-``. Where the system cannot do that (it is Linux's ``prctl``), it just becomes it.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signal, user, *command = sys.argv[1:]
    if user != "-":
        os.setuid(int(user))  # first: it would take back what is asked for below
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None and prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0) != 0:
        sys.exit("the system refused to end this with its parent")
    if os.getppid() != int(parent):
        sys.exit("its parent is gone already")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
