"""Settings tried before anything depends on them: by themselves, and with what they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from graphmem.budget.prices import load_prices
from graphmem.clock import SystemClock
from graphmem.engine.event_loop import LoopThread
from graphmem.errors import GraphmemError, UsageError
from graphmem.model import Health
from graphmem.settings import Settings
from graphmem.wiring import open_memory
from graphmem.wiring.adapters import make, redactors_of
from graphmem.wiring.models import (
    govern_embedder,
    govern_extractor,
    governor_of,
    model_of,
    reranker_of,
)
from graphmem.wiring.places import MEMORY, urls_of

_F = TypeVar("_F")


def validate_config(
    folder: str | Path | None = MEMORY, *, settings: Settings | None = None, **given: Any
) -> list[str]:
    """What is wrong with settings (those of the environment, with what is given), each with its
    remedy; nothing when a memory could be opened with them, as far as can be known without opening
    or asking anything.

    >>> validate_config(llm="openai:gpt-5-mini", max_money_per_day=2)
    ['openai:gpt-5-mini needs OPENAI_API_KEY, …']
    """
    problems: list[str] = []
    if settings is None:
        try:
            settings = Settings.load(**given)
        except UsageError as error:
            return [str(error)]
    loaded = settings
    made: dict[str, Any] = {}

    def tried(what: str, make_it: Any) -> None:
        try:
            made[what] = make_it()
        except GraphmemError as error:
            if str(error) not in problems:
                problems.append(str(error))

    tried("urls", lambda: urls_of(folder, loaded)[0])
    for kind, url in made.get("urls", {}).items():
        tried(kind, lambda kind=kind, url=url: make(kind, url, loaded))
    tried("llm", lambda: model_of(loaded))
    tried("embedder", lambda: make("embedder", loaded.embedder, loaded))
    tried("redaction", lambda: redactors_of(loaded))
    tried("prices", lambda: load_prices(loaded.prices))
    if "prices" in made:
        governor = governor_of(make("ledger", MEMORY, loaded), SystemClock(), loaded)
        rules = make("llm", "none", loaded)
        tried("reranker", lambda: reranker_of(governor, loaded))
        if "llm" in made:
            tried("governed", lambda: govern_extractor(made["llm"], rules, governor))
        if "embedder" in made:
            tried("governed", lambda: govern_embedder(made["embedder"], governor))
    return problems


def _uncollected(function: _F) -> _F:
    """Its name is what it does, and no test's."""
    function.__test__ = False  # type: ignore[attr-defined]
    return function


@_uncollected
def test_connection(
    folder: str | Path | None = MEMORY,  # noqa: PT028
    *,
    settings: Settings | None = None,  # noqa: PT028
    **given: Any,
) -> Health:
    """Open what settings name, as any opening would, and ask each part something small: the model
    and the embedder too, which may cost a call. What fails is in ``parts``, and raises nothing.

    A store that is not there yet is made.
    """
    problems = validate_config(folder, settings=settings, **given)
    if problems:
        return Health(False, {"settings": "; ".join(problems)}, {})
    thread = LoopThread()
    try:
        return thread.call(_asked(folder, settings or Settings.load(**given)))
    finally:
        thread.close()


async def _asked(folder: str | Path | None, settings: Settings) -> Health:
    try:
        async with open_memory(folder, settings=settings) as memory:
            return await memory.health(deep=True)
    except GraphmemError as error:
        return Health(False, {"opening": str(error)}, {})
