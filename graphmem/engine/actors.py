"""Who writes: what a call gives as ``actor``, else what was given on opening."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from graphmem.ingest.make_episode import checked_name
from graphmem.ports import arguments

_P = ParamSpec("_P")
_T = TypeVar("_T")

_actor: contextvars.ContextVar[str | None] = contextvars.ContextVar("graphmem_actor", default=None)


def current_actor(usual: str | None) -> str | None:
    """The actor of the call that is running, else the usual one."""
    return _actor.get() or usual


def takes_actor(promised: Callable[..., Any]) -> bool:
    """Whether a method of the API changes something in somebody's name."""
    options = getattr(promised, "__annotations__", {})
    kinds = (options.get(name, "") for name in ("scope", "options"))
    names = (str(one).removeprefix("Unpack[").removesuffix("]") for one in kinds)
    return any("actor" in getattr(arguments, name, dict).__annotations__ for name in names if name)


def acting(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """A method whose changes are made in the name that its call gives."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        given = kwargs.pop("actor", None)
        if given is None:
            return method(*args, **kwargs)
        return _in_the_name_of(checked_name(given, "actor"), method(*args, **kwargs))

    return call


async def _in_the_name_of(actor: str, made: Awaitable[_T]) -> _T:
    token = _actor.set(actor)
    try:
        return await made
    finally:
        _actor.reset(token)
