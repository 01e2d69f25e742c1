"""What opening a memory gives: something to wait for, and something to be inside of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec

from graphmem.engine import AsyncMemory

_P = ParamSpec("_P")


class Opening(Coroutine[Any, Any, AsyncMemory]):
    """A memory that is being opened: ``await`` it, or ``async with`` it, which closes it again."""

    def __init__(self, opening: Coroutine[Any, Any, AsyncMemory]) -> None:
        self._opening = opening
        self._opened: AsyncMemory | None = None

    def __await__(self) -> Generator[Any, Any, AsyncMemory]:
        return self._opening.__await__()

    async def __aenter__(self) -> AsyncMemory:
        self._opened = await self._opening
        return self._opened

    async def __aexit__(self, *_: object) -> None:
        if self._opened is not None:
            await self._opened.close()

    def send(self, value: Any, /) -> Any:
        return self._opening.send(value)

    def throw(self, *raised: Any) -> Any:
        return self._opening.throw(*raised)

    def close(self) -> None:
        self._opening.close()


def opening(
    function: Callable[_P, Coroutine[Any, Any, AsyncMemory]],
) -> Callable[_P, Opening]:
    """A function that opens a memory, to be awaited or entered."""

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Opening:
        return Opening(function(*args, **kwargs))

    return call
