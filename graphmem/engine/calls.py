"""Wraps every method of the API: sets in whose name the call is made, and puts the names of users
into what it returns."""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable, Sized
from functools import partial
from typing import Any, ParamSpec, TypeVar

from graphmem.errors import GraphmemError, Unavailable, UsageError, among
from graphmem.files import check_failed_call
from graphmem.ingest.make_episode import checked_name
from graphmem.model import Receipt
from graphmem.off_loop import off_loop
from graphmem.ports.api import arguments

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_MANY = 100
"""Hits, or decisions of a receipt, from which users are named in it beside the event loop."""
_actor: contextvars.ContextVar[str | None] = contextvars.ContextVar("graphmem_actor", default=None)
"""In whose name the call is made that runs: "" where it does not say, None where none runs."""


def current_actor(usual: str | None) -> str | None:
    """The actor of the call that is running, else the usual one."""
    return _actor.get() or usual


def takes_actor(promised: Callable[..., Any]) -> bool:
    """Whether a method of the API changes something in somebody's name."""
    options = getattr(promised, "__annotations__", {})
    kinds = (options.get(name, "") for name in ("scope", "options"))
    names = (str(one).removeprefix("Unpack[").removesuffix("]") for one in kinds)
    return any("actor" in getattr(arguments, name, dict).__annotations__ for name in names if name)


def api_method(method: Callable[_P, Awaitable[_T]], *, named: bool) -> Callable[_P, Awaitable[_T]]:
    """Wrap a method of the API for its callers. The result shows users by name, not by pseudonym.
    With ``named``, the ``actor`` argument is taken out of the call and holds for as long as it
    runs.

    A method of the API that is called by another one returns pseudonyms, which that one goes on
    with.
    """

    takes = _arguments_of(method)

    @functools.wraps(method)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if takes and not kwargs.keys() <= takes.keys():
            unknown = sorted(kwargs.keys() - takes.keys())
            raise UsageError(f"{method.__name__}: unknown argument {among(unknown, tuple(takes))}")
        around = _actor.get()
        given = kwargs.pop("actor", None) if named else None
        actor = around if given is None else checked_name(given, "actor")
        token = _actor.set(actor or "")
        try:
            found = await method(*args, **kwargs)
        except (OSError, GraphmemError) as error:
            check_failed_call(error)
            if isinstance(error, Unavailable):
                memory: Any = args[0]  # whose folder is gone has parts that cannot be opened
                memory._current.parts.check_folder()
            raise
        finally:
            _actor.reset(token)
        if around is not None:
            return found
        memory = args[0]
        revealed: Callable[[], _T] = partial(memory._current.revealed, found)
        parts = found.decisions if isinstance(found, Receipt) else found
        if isinstance(parts, Sized) and len(parts) > _MANY:
            return await off_loop(revealed)
        return revealed()

    return call


def _arguments_of(method: Callable[..., Any]) -> dict[str, None]:
    """What a method with a scope can be given by name, in order; empty for any other, which says
    itself what it does not know."""
    parameters = inspect.signature(method).parameters
    if "scope" not in parameters:
        return {}
    rest = str(parameters["scope"].annotation)
    of_scope = getattr(arguments, rest.removeprefix("Unpack[").removesuffix("]"), dict)
    own = [name for name in parameters if name not in ("self", "scope")]
    return dict.fromkeys([*own, *getattr(of_scope, "__annotations__", ())])


def signed_as(promised: Callable[..., Any]) -> Callable[[_F], _F]:
    """A decorator for a method that only passes its options on: it gets the signature that the API
    promises, so that ``help`` lists every argument."""

    def sign(method: _F) -> _F:
        method.__signature__ = inspect.signature(promised)  # type: ignore[attr-defined]
        return method

    return sign
