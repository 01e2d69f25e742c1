"""graphmem: a graph-plus-vector knowledge memory engine.

>>> from graphmem import Memory
>>> with Memory("my-memory", user_id="ada") as memory:
...     receipt = memory.add("I work at Acme.")
...     [hit.text for hit in memory.search("Where does Ada work?")]

:class:`Memory` is synchronous; :func:`open_memory` gives the asynchronous :class:`AsyncMemory`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphmem.engine import AsyncMemory
    from graphmem.migration.restore import restore, restore_memory
    from graphmem.migration.salvage import salvage, salvage_memory
    from graphmem.migration.store import migrate, migrate_memory
    from graphmem.ports.extraction_options import ExtractionOptions, TypeGuide
    from graphmem.settings import Settings
    from graphmem.sync import Memory
    from graphmem.wiring import open_memory
    from graphmem.wiring.check_settings import test_connection, validate_config

_WHERE = {
    "register_provider": "graphmem.wiring.adapters",
    "AsyncMemory": "graphmem.engine",
    "ExtractionOptions": "graphmem.ports.extraction_options",
    "Memory": "graphmem.sync",
    "Settings": "graphmem.settings",
    "TypeGuide": "graphmem.ports.extraction_options",
    "migrate": "graphmem.migration.store",
    "migrate_memory": "graphmem.migration.store",
    "open_memory": "graphmem.wiring",
    "restore": "graphmem.migration.restore",
    "restore_memory": "graphmem.migration.restore",
    "salvage": "graphmem.migration.salvage",
    "salvage_memory": "graphmem.migration.salvage",
    "test_connection": "graphmem.wiring.check_settings",
    "validate_config": "graphmem.wiring.check_settings",
}

__all__ = [
    "AsyncMemory",
    "ExtractionOptions",
    "Memory",
    "Settings",
    "TypeGuide",
    "__version__",
    "migrate",
    "migrate_memory",
    "open_memory",
    "register_provider",
    "restore",
    "restore_memory",
    "salvage",
    "salvage_memory",
    "test_connection",
    "validate_config",
]


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `import graphmem` stays quick.
    if name not in _WHERE:
        raise AttributeError(f"module 'graphmem' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
