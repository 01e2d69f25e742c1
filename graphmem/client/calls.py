"""Every method of the API as it goes over HTTP, made from the protocol's own signatures: what is
added there can be called here, too."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, reduce
from operator import or_
from pathlib import Path
from typing import (
    Any,
    Final,
    TypeAlias,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import msgspec

from graphmem.model import Citation, Hit
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import AtMoment
from graphmem.ports.api.reads import ViewAPI
from graphmem.ports.extraction_options import ExtractionOptions

_Hint: TypeAlias = Any
_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")
_MOMENT: dict[str, _Hint] = {"valid_at": str, "known_at": str}

LOCAL: Final[Mapping[str, str]] = {"close": "it closes the client, not the server's memory"}
"""Methods that are no call."""
FILES: Final[Mapping[str, str]] = {"export": "file", "import_": "file", "backup": "folder"}
"""Calls that write or read a file of whoever calls, by the argument that names it."""
REPEATABLE: Final = frozenset(
    {"add", "add_many", "relate", "relate_many", "unrelate", "add_document", "delete_all"}
    | {"known_keys", "erasures", "retention", "set_retention", "apply_retention", "diff"}
    | {"relation_types", "declare_type", "learn_types", "why_not", "documents", "resume", "flush"}
    | {"projects", "users", "agents", "runs", "communities", "stats", "health", "verify", "export"}
    | {"rebuild", "summary", "consolidate", "get_user_stats"}
)
"""Calls beside the reads that may be made again when it is not known whether they were answered:
the second time changes nothing."""
_LONG = frozenset({"verify", "resume", "flush", "apply_retention", "sweep", "delete_all", "forget"})


class Nodes(msgspec.Struct):
    """A graph of NetworkX: its nodes and edges, each with its data."""

    nodes: list[tuple[str, dict[str, Any]]]
    edges: list[tuple[str, str, str, dict[str, Any]]]


class PromptText(msgspec.Struct):
    """A context, with what its citations stand for."""

    text: str
    tokens: int
    citations: list[Citation]


def plain_doc(doc: str) -> str:
    """A docstring as Markdown."""
    return _ROLE.sub(r"`\1`", doc).replace("``", "`")


@dataclass(frozen=True)
class Call:
    """One method: its name, what it promises, and whether a view of another moment has it too."""

    name: str
    promised: Callable[..., Any]
    read: bool

    @property
    def path(self) -> str:
        """Where a server has it, behind ``/v1/``."""
        return self.name.rstrip("_")

    @cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.promised)

    @cached_property
    def _hints(self) -> dict[str, _Hint]:
        graphs = types.SimpleNamespace(MultiDiGraph=dict)
        return get_type_hints(self.promised, localns={"nx": graphs})

    @property
    def result(self) -> _Hint:
        """What the method returns; of a context and a graph, their shape on the wire."""
        special = {"context": PromptText, "to_networkx": Nodes}
        return special.get(self.name) or self._hints["return"]

    @property
    def repeatable(self) -> bool:
        """Whether it may be made again when it is not known whether it was answered."""
        return self.read or self.name in REPEATABLE

    @property
    def reports(self) -> bool:
        """Whether it can tell how it gets on."""
        return "progress" in self.signature.parameters

    @property
    def long(self) -> bool:
        """Whether it may take longer than a request should: whoever waits is kept in touch."""
        return self.reports or self.name in _LONG

    @cached_property
    def hints(self) -> Mapping[str, _Hint]:
        """The arguments by name, as they are on the wire; those of ``**scope`` among them."""
        found: dict[str, _Hint] = {}
        for name, parameter in list(self.signature.parameters.items())[1:]:
            hint = self._hints[name]
            if name == "progress" or FILES.get(self.name) == name:
                continue
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                for option, its in get_type_hints(_unpacked(hint)).items():
                    found[option] = _on_wire(its)
            else:
                found[name] = _on_wire(hint)
        return found | (_MOMENT if self.read else {})

    @property
    def required(self) -> frozenset[str]:
        """The arguments that must be given."""
        given = self.signature.parameters
        return frozenset(
            name
            for name in self.hints
            if name in given and given[name].default is inspect.Parameter.empty
        )

    @cached_property
    def request(self) -> type[msgspec.Struct]:
        """The body of a request. What is null is None, what is missing was not given."""
        needed: list[Any] = []
        rest: list[Any] = []
        for name, hint in self.hints.items():
            if name in self.required:
                needed.append((name, hint))
            else:
                rest.append((name, _union(hint, None, msgspec.UnsetType), msgspec.UNSET))
        title = "".join(part.title() for part in self.path.split("_"))
        return msgspec.defstruct(
            f"{title}Request", [*needed, *rest], kw_only=True, forbid_unknown_fields=True
        )


def _unpacked(hint: _Hint) -> _Hint:
    """The ``TypedDict`` of ``**options: Unpack[…]``."""
    origin: Any = get_origin(hint)
    if origin is Unpack:
        (hint,) = get_args(hint)
    if not is_typeddict(hint):
        raise TypeError(f"{hint} is not known on the wire")
    return hint


def _union(*hints: _Hint) -> _Hint:
    return reduce(or_, dict.fromkeys(hints))


_AS: Mapping[_Hint, _Hint] = {
    datetime: str,
    date: str,
    timedelta: float,
    Path: str,
    AtMoment: dict[str, str | None],
    ExtractionOptions: dict[str, Any],
    Hit: str,
    Citation: str,
}


def _on_wire(hint: _Hint) -> _Hint:
    """A type as JSON has it: a time is text, a hit its id, what can be walked through a list."""
    if hint in _AS:
        return _AS[hint]
    origin: Any = get_origin(hint)
    inner = get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(*(_on_wire(one) for one in inner))
    if origin in (Iterable, Sequence, Collection):
        return list[_on_wire(inner[0])]  # type: ignore[misc]
    if origin is Mapping:
        return dict[str, Any]
    return hint


def _calls() -> dict[str, Call]:
    found = {}
    for name, promised in inspect.getmembers(MemoryAPI, inspect.iscoroutinefunction):
        if name.startswith("_") or name in LOCAL:
            continue
        found[name] = Call(name, promised, read=hasattr(ViewAPI, name))
    return found


CALLS: Final[Mapping[str, Call]] = _calls()
"""Every method that a server offers, by name."""
