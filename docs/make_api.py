"""Writes docs/api.md from the docstrings of the API: ``python docs/make_api.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import AddArgs, RelateArgs, ScopeArgs, UpdateArgs

_GROUPS = {
    "Write": "add add_many known_keys relate relate_many unrelate update delete delete_all forget "
    "erasures retention set_retention apply_retention undo merge unmerge resume flush",
    "Documents": "add_document documents remove_document",
    "Read": "search temporal_search search_by_tags search_by_people context explain why_not get "
    "get_all episode history",
    "Relationships": "entities entity relations neighbours paths timeline as_of diff cypher "
    "to_networkx",
    "Life": "archive restore promote sweep summary consolidate",
    "Who and what": "projects users agents runs update_run communities",
    "Care": "relation_types declare_type learn_types stats get_user_stats health verify rebuild "
    "backup export import_ close",
}
_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")


def _plain(text: str) -> str:
    """Docstring markup to Markdown."""
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def _signature(name: str) -> str:
    signature = inspect.signature(getattr(MemoryAPI, name))
    shown = []
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            shown.append("**options" if parameter.name == "options" else "**scope")
        elif parameter.default is parameter.empty:
            shown.append(parameter.name)
        else:
            shown.append(f"{parameter.name}={parameter.default!r}")
    return f"{name}({', '.join(shown)}) → {signature.return_annotation}"


def page() -> str:
    """The whole page."""
    in_scope = ScopeArgs.__annotations__
    scope = ", ".join(f"`{name}`" for name in in_scope)
    options, related, changed = (
        ", ".join(f"`{name}`" for name in args.__annotations__ if name not in in_scope)
        for args in (AddArgs, RelateArgs, UpdateArgs)
    )
    parts = [
        "# The API",
        "`Memory(folder, user_id=…)` has these methods; `await open_memory(folder, user_id=…)` "
        "gives an `AsyncMemory` with the same ones to await. `help(Memory.add)` shows this too.",
        f"`**scope` is any of {scope}; what is not given falls back to what was given on opening. "
        f"`**options` of `add` and `add_many` is that, and any of {options}; of `relate_many` "
        f"{related}; of `update` {changed}.",
        "What comes back are frozen values, described in `graphmem.model`; errors are one tree, "
        "described in `graphmem.errors`.",
    ]
    for group, names in _GROUPS.items():
        parts.append(f"## {group}")
        for name in names.split():
            parts.append(f"### {name}\n\n`{_signature(name)}`")
            parts.append(_plain(inspect.getdoc(getattr(MemoryAPI, name)) or ""))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
