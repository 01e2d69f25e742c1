"""``python -m graphmem.doors.cli``: the same as ``graphmem``."""

from graphmem.doors.cli import main

main()
