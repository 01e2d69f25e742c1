"""Values of the API as JSON and back: the arguments of a call, and what it returns."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from graphmem.client.calls import FILES, Call, Nodes, PromptText
from graphmem.client.problems import reading_answer
from graphmem.clock import parse_when_or_none, stamp_or_none
from graphmem.errors import GraphmemError, UsageError, among, shown
from graphmem.model import Citation, Context, Explanation, Hit, to_json
from graphmem.ports.extraction_options import ExtractionOptions

if TYPE_CHECKING:
    import networkx as nx

CallBody: TypeAlias = dict[str, Any]
_DEEPEST = 200
_EXPECTED = re.compile(r"Expected `(?P<kinds>.+)`, got `(?P<got>.+)` - at `\$\.(?P<name>.+)`")
_JSON_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
}
_AS_GIVEN = frozenset({"metadata", "parameters"})
"""Arguments that are data: what is no JSON in them is refused, not made text."""


class ViewMoments:
    """The moments of a view that is somewhere else."""

    def __init__(self, valid_at: datetime | None, known_at: datetime | None) -> None:
        self.valid_at = valid_at
        self.known_at = known_at


def arguments(call: Call, args: tuple[Any, ...], given: Mapping[str, Any]) -> CallBody:
    """What a method was called with, as JSON has it; what was not given is not there.

    ``TypeError`` for arguments that the method does not have, as from the engine's own; UsageError
    for a value that cannot be sent.
    """
    bound = call.signature.bind(None, *args, **given).arguments
    body: CallBody = {}
    for name, value in list(bound.items())[1:]:
        if call.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            unknown = sorted(value.keys() - call.hints.keys())
            if unknown:
                raise UsageError(f"unknown option {among(unknown[:1], sorted(call.hints))}")
            body |= {option: plain_json(one, option) for option, one in value.items()}
        elif name != "progress" and FILES.get(call.name) != name:
            body[name] = plain_json(value, name)
    return body


def plain_json(value: Any, name: str, depth: int = 0) -> Any:
    """A value of an argument as plain JSON data."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if depth > _DEEPEST:
        raise UsageError(f"{name} is nested more than {_DEEPEST} deep: flatten it")
    if isinstance(value, Mapping):
        return dict(_pairs(value, name, depth))
    data = name in _AS_GIVEN
    if isinstance(value, list | tuple) or (isinstance(value, Collection) and not _is_bytes(value)):
        if data and not isinstance(value, list | tuple):
            raise UsageError(f"{name} is not JSON: it holds a {type(value).__name__}")
        return [plain_json(item, name, depth + 1) for item in value]
    if not data and (text := _as_text(value)) is not None:
        return text
    kind = type(value).__name__
    raise UsageError(f"{name} is not JSON: a value of type {kind} cannot be sent ({shown(value)})")


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes | bytearray | memoryview)


def _pairs(value: Mapping[Any, Any], name: str, depth: int) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        if not isinstance(key, str):
            raise UsageError(f"{name} keys must be text, got {shown(key)}")
        yield key, plain_json(item, key if key in _AS_GIVEN else name, depth + 1)


def _as_text(value: Any) -> Any:
    """A time, a place, a hit, a view: what stands for it on the wire; None for anything else."""
    write = next((write for kind, write in _WRITERS if isinstance(value, kind)), None)
    if write is not None:
        return write(value)
    if hasattr(value, "valid_at") and hasattr(value, "known_at"):
        return {name: stamp_or_none(getattr(value, name)) for name in ("valid_at", "known_at")}
    if hasattr(value, "item") and not hasattr(value, "__len__"):  # a number of numpy
        return value.item()
    return None


_WRITERS: Sequence[tuple[Any, Callable[[Any], Any]]] = (
    (datetime | date, lambda moment: moment.isoformat()),
    (timedelta, lambda time: time.total_seconds()),
    (Hit, lambda hit: hit.id),
    (Citation, lambda citation: citation.hit.id),
    (PurePath, str),
    (ExtractionOptions, lambda options: options.to_json()),
)


def to_bytes(body: Any) -> bytes:
    """JSON as bytes; UsageError for what has no JSON: NaN, half of a surrogate pair."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"a text has a lone surrogate, which is no UTF-8: {error}") from None
    except ValueError as error:
        raise UsageError(f"NaN and infinity are no JSON numbers: {error}") from None


def json_body(raw: bytes | str) -> Any:
    """A body of JSON as Python has it; of an empty one an empty object. UsageError for what is no
    JSON, and for a name that an object has twice: who checks a request on its way may go by the
    one, and who answers it by the other."""
    try:
        msgspec.json.decode(raw or b"{}")  # stricter: no NaN, no bytes that are no UTF-8
        return json.loads(raw or b"{}", object_pairs_hook=_object)
    except UsageError:
        raise
    except (ValueError, msgspec.MsgspecError) as error:
        raise UsageError(f"the body is no JSON: {error}") from None
    except RecursionError:
        raise UsageError("the JSON is nested too deep: flatten it") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UsageError(f"{shown(name)} is given twice")
        found[name] = value
    return found


def read_request(call: Call, raw: bytes) -> CallBody:
    """The arguments of a call out of the body of a request, checked, as the engine takes them.
    UsageError says what is wrong, and where."""
    try:
        data = json_body(raw)
        found = msgspec.convert(data, call.request)
    except UsageError as error:
        raise UsageError(f"{call.path}: {error}") from None
    except msgspec.MsgspecError as error:
        takes = ""
        if "unknown field" in str(error):
            takes = f"; its arguments are {', '.join(call.request.__struct_fields__)}"
        raise UsageError(f"{call.path}: {_plainly(str(error))}{takes}") from None
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    return as_engine_takes({n: v for n, v in values.items() if v is not msgspec.UNSET}, call)


def _plainly(error: str) -> str:
    """What msgspec says of a value of a wrong type, as the engine would."""
    found = _EXPECTED.fullmatch(error)
    if found is None:
        return error
    kinds = [kind for kind in found["kinds"].split(" | ") if kind != "null"]
    wanted = " or ".join(_JSON_KINDS.get(kind, kind) for kind in kinds)
    return f"{found['name']} must be {wanted}, got {_JSON_KINDS.get(found['got'], found['got'])}"


def as_engine_takes(values: CallBody, call: Call) -> CallBody:
    """Arguments as the engine takes them, where JSON has no type of its own for one."""
    if "extraction" in values:
        values["extraction"] = _extraction(values["extraction"])
    if isinstance(values.get("keep"), float | int):
        try:
            values["keep"] = timedelta(seconds=values["keep"])
        except (OverflowError, ValueError):
            raise UsageError(f"keep is a length of time, got {shown(values['keep'])}") from None
    if call.name == "diff":
        for name in ("a", "b"):
            values[name] = _moment(values[name], name)
    for name in ("contents", "rows"):
        for item in _mappings(values.get(name)):
            if "extraction" in item:
                item["extraction"] = _extraction(item["extraction"])
    return values


def _mappings(items: object) -> Iterator[CallBody]:
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))


def _moment(given: Any, name: str) -> Any:
    if not isinstance(given, dict):
        return given
    unknown = given.keys() - {"valid_at", "known_at"}
    if unknown:
        raise UsageError(f"{name}: a state has valid_at and known_at, not {min(unknown)}")
    moments = (parse_when_or_none(given.get(n), name=n) for n in ("valid_at", "known_at"))
    return ViewMoments(*moments)


def _extraction(given: Any) -> ExtractionOptions | None:
    """What a caller says about extraction. Prompts are files of the server: it names them."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise UsageError(f"extraction is an object, got {shown(given)}")
    if given.get("prompts") is not None:
        raise UsageError("extraction.prompts is a folder of the server: it is set there")
    unknown = given.keys() - {"instructions", "entity_types", "relation_types", "prompts"}
    if unknown:
        raise UsageError(f"extraction has no {min(unknown)}")
    types = {name: _types(given.get(name) or ()) for name in ("entity_types", "relation_types")}
    try:
        return ExtractionOptions.from_json({**given, **types})
    except GraphmemError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"extraction cannot be read: {error!r}") from None


def _types(given: Any) -> list[Any]:
    if not isinstance(given, list | tuple):
        raise UsageError(f"types are a list of names or of objects with a name, got {shown(given)}")
    return [{"name": one} if isinstance(one, str) else one for one in given]


def write_result(found: Any) -> Any:
    """What a method returned, as plain JSON data."""
    if isinstance(found, Context):
        return to_json({"text": str(found), "tokens": found.tokens, "citations": found.citations})
    if isinstance(found, frozenset | set):
        return sorted(found)
    if type(found).__module__.partition(".")[0] == "networkx":
        return {
            "nodes": [[node, data] for node, data in found.nodes(data=True)],
            "edges": [list(edge) for edge in found.edges(keys=True, data=True)],
        }
    return to_json(found)


def read_result(call: Call, data: Any, asked: tuple[Any, ...] = ()) -> Any:
    """What :func:`write_result` wrote, as the method returns it. ``asked`` is what was given."""
    with reading_answer():
        found: Any = msgspec.convert(data, call.result)
        if isinstance(found, PromptText):
            return Context.of(found.text, tuple(found.citations), found.tokens)
        if isinstance(found, Nodes):
            return _graph(found)
    cited = asked[0] if asked else None
    hit = cited.hit if isinstance(cited, Citation) else cited
    if isinstance(found, Explanation) and isinstance(hit, Hit):
        return replace(found, hit=hit)
    return found


def _graph(found: Nodes) -> nx.MultiDiGraph[str]:
    import networkx

    graph: nx.MultiDiGraph[str] = networkx.MultiDiGraph()
    for node, data in found.nodes:
        graph.add_node(node, **data)
    for source, target, key, data in found.edges:
        graph.add_edge(source, target, key=key, **data)
    return graph
