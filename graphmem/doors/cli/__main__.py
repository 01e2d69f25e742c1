"""``python -m graphmem.doors.cli``: the same as ``graphmem``."""

from graphmem.doors.entry import main

main()
