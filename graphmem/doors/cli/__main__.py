"""``python -m graphmem.doors.cli``: the same as ``graphmem``."""

from graphmem.doors.cli_entry import main

main()
