"""``python -m graphmem.doors.cli``: the same as ``graphmem``."""

from graphmem.doors.start import main

main()
