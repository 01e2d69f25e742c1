"""How long the loops with random input go on: ``make fuzz`` and ``make nightly`` say."""

from __future__ import annotations

import os
import random

FUZZ = float(os.environ.get("GRAPHMEM_FUZZ", "1"))
"""How many times what ``make test`` does of it."""
SEED = int(os.environ.get("GRAPHMEM_SEED") or (0 if FUZZ <= 1 else random.randrange(1 << 32)))
"""Of the random input: the same in ``make test``, another each time where there is more of it."""
