"""What is around every call of the API: in whose name it is made, and what it returns turned back
into what its caller knows."""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from graphmem.ingest.make_episode import checked_name
from graphmem.model import Receipt
from graphmem.off_loop import off_loop
from graphmem.ports import arguments

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_MANY = 100
"""Decisions of a receipt, from which users are named in it beside the event loop."""
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


def called(method: Callable[_P, Awaitable[_T]], *, named: bool) -> Callable[_P, Awaitable[_T]]:
    """A method as it is called from outside: what it returns names users, and (``named``) what it
    changes is in the name of the ``actor`` that it is given. Another method of the API that calls
    it gets users by pseudonym."""

    @functools.wraps(method)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        around = _actor.get()
        given = kwargs.pop("actor", None) if named else None
        actor = around if given is None else checked_name(given, "actor")
        token = _actor.set(actor or "")
        try:
            found = await method(*args, **kwargs)
        finally:
            _actor.reset(token)
        if around is not None:
            return found
        memory: Any = args[0]
        revealed: Callable[[], _T] = partial(memory._present.revealed, found)
        if isinstance(found, Receipt) and len(found.decisions) > _MANY:
            return await off_loop(revealed)
        return revealed()

    return call


def signed_as(promised: Callable[..., Any]) -> Callable[[_F], _F]:
    """For a method that passes its options on: it shows the signature that the API promises."""

    def sign(method: _F) -> _F:
        method.__signature__ = inspect.signature(promised)  # type: ignore[attr-defined]
        return method

    return sign
