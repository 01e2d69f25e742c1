"""A model that is asked for so long at most, and another one when it cannot be asked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from graphmem.errors import BadModelOutput, BudgetExceeded, ModelError
from graphmem.ports.llm import LLM, Completion, Prompt

_log = logging.getLogger(__name__)
_RESTS_S = 60.0
"""For so long a model that could not be asked is passed over, where there is another."""


class ChainedLLM:
    """An :class:`~graphmem.ports.llm.LLM` of several: the first that can be asked answers.

    What a model answered wrongly is the asker's to ask again; only one that could not be asked, or
    took longer than ``deadline_s`` with all its attempts, is followed by the next. When none can be
    asked, the :class:`~graphmem.errors.ModelError` names what each said.
    """

    def __init__(
        self,
        models: Sequence[LLM],
        *,
        deadline_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._models: list[LLM] = (
            list(models) if deadline_s is None else [_InTime(one, deadline_s) for one in models]
        )
        self._monotonic = monotonic
        self._resting: dict[int, float] = {}

    @property
    def name(self) -> str:
        """Of the first: what is preferred."""
        return self._models[0].name

    @property
    def names(self) -> list[str]:
        return [one.name for one in self._models]

    def through(self, wrap: Callable[[LLM], LLM]) -> None:
        """Ask each model through ``wrap`` from now on."""
        self._models = [wrap(one) for one in self._models]

    async def complete(self, prompt: Prompt) -> Completion:
        failed: list[ModelError] = []
        for at in self._in_order():
            try:
                found = await self._models[at].complete(prompt)
            except (BadModelOutput, BudgetExceeded):
                raise
            except ModelError as error:
                if error.too_long:
                    raise
                self._resting[at] = self._monotonic() + _RESTS_S
                failed.append(error)
                if len(failed) < len(self._models):
                    _log.warning("the next model is asked instead: %s", error)
            else:
                self._resting.pop(at, None)
                return found
        if len(failed) == 1:
            raise failed[0]
        reasons = "; ".join(str(error) for error in failed)
        raise ModelError(reasons, retryable=any(e.retryable for e in failed)) from failed[0]

    def _in_order(self) -> list[int]:
        """As given, but those that failed a moment ago last."""
        now = self._monotonic()
        return sorted(range(len(self._models)), key=lambda at: self._resting.get(at, 0.0) > now)

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in self._models))


class _InTime:
    """A model that is given up after a while, however often it would have tried."""

    def __init__(self, model: LLM, deadline_s: float) -> None:
        self._model = model
        self._deadline_s = deadline_s

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, prompt: Prompt) -> Completion:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._model.complete(prompt)
        except TimeoutError as error:
            raise ModelError(
                f"{self.name}: no answer within {self._deadline_s:g} s, which is all that a call "
                "may take (GRAPHMEM_LLM_DEADLINE_S)"
            ) from error

    async def close(self) -> None:
        await self._model.close()
