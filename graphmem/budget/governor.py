"""Ceilings on calls, tokens and money, kept before a model is asked; and what it cost, noted.

Before a call, what it may cost at most (the prompt, estimated, and the longest answer) is booked in
the ledger, unless that would break a ceiling: then it is
:class:`~graphmem.errors.BudgetExceeded`, and extraction goes on with the rules. After the call the
booking is brought to what it cost. The ceiling of one call is checked here, those of a day and of
the store in the ledger (``adapters/ledger/sql/spend.py``), in the transaction that books. Processes
that share a ledger share its ceilings. What was booked for a call whose process died stays booked.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, TypeVar

from graphmem.budget.prices import Price, Prices
from graphmem.clock import Clock, stamp
from graphmem.errors import BadModelOutput, BudgetExceeded, ModelError, UsageError
from graphmem.model import Entity, Episode, Spend
from graphmem.ports.embedder import Embedder
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.ledger import Ceiling, Charge, SpendBook
from graphmem.ports.llm import LLM, Completion, Extraction, Extractor, Keep, Prompt
from graphmem.ports.vectors import Vector
from graphmem.settings import LONGEST_ANSWER, Settings
from graphmem.text import digest

_T = TypeVar("_T")
_Cost: TypeAlias = tuple[int, int, int]
"""Calls, tokens in, tokens out."""
MICROS = 1_000_000
_CHARACTERS_PER_TOKEN = 3  # fewer than usual, so that a prompt is rather over-estimated
_NAMES = {"calls": "calls", "tokens": "tokens", "micros": "money"}
_SPANS = {"day": "day", "store": "store", "owner": "user and day", "actor": "actor and day"}
_FREE = Price(0.0, 0.0)


def tenant_digest(tenant: str) -> str:
    """How a tenant (or an actor) is named in the book: it outlives what is erased, so it must name
    nobody."""
    return digest(tenant)[:32]


def spend_of(charge: Charge) -> Spend:
    """A line of the book as it is shown."""
    return Spend(
        charge.day,
        charge.model,
        charge.calls,
        charge.tokens_in,
        charge.tokens_out,
        charge.micros / MICROS,
    )


@dataclass(slots=True)
class _Call:
    """What one call of the API has cost so far."""

    tenant: str
    actor: str = ""
    calls: int = 0
    tokens: int = 0
    micros: int = 0

    def add(self, charge: Charge) -> None:
        self.calls += charge.calls
        self.tokens += charge.tokens_in + charge.tokens_out
        self.micros += charge.micros


_current: ContextVar[_Call | None] = ContextVar("graphmem_call", default=None)


class Governor:
    """Says whether a model may be asked, and books what it costs."""

    def __init__(
        self,
        book: SpendBook,
        clock: Clock,
        settings: Settings,
        prices: Prices,
        *,
        paid: Collection[str] = (),
    ) -> None:
        self._book = book
        self._clock = clock
        self._prices = prices
        self._paid = paid
        self._longest = settings.answer_limit or LONGEST_ANSWER
        limits = settings.ceilings
        self._per_call = [one for one in limits if one[0] == "call"]
        self._ceilings = [
            Ceiling(what, per, _most(what, most)) for per, what, most in limits if per != "call"
        ]
        self._money = any(what == "micros" for _, what, _ in limits)

    def check(self, models: Sequence[str]) -> None:
        """With a ceiling on money every model that is asked must have a price that was checked."""
        for model in models if self._money else ():
            price = self._prices.of(model)
            if price is None or not price.checked:
                what = "no price" if price is None else "only an example of a price"
                raise UsageError(
                    f"there is a ceiling on money, but {what} for {model} in "
                    f"{self._prices.source}: copy graphmem/budget/prices.json, put in what you pay "
                    'with "checked": true, and name the file in GRAPHMEM_PRICES'
                )

    def counts(self, model: str) -> bool:
        """Whether asking an embedder may cost money."""
        return model.partition(":")[0] in self._paid or self._prices.of(model) is not None

    @contextlib.contextmanager
    def call(
        self, tenant: str, spent: Completion | None = None, *, actor: str | None = None
    ) -> Iterator[None]:
        """What is asked inside is for one call, for this tenant, and in the name of an actor.
        ``spent`` is what the call has cost so far (its text is not read)."""
        current = _Call(tenant_digest(tenant), tenant_digest(actor) if actor else "")
        if spent is not None:
            current.add(self._charge(spent.model, spent.calls, spent.tokens_in, spent.tokens_out))
        token = _current.set(current)
        try:
            yield
        finally:
            _current.reset(token)

    async def ask(
        self,
        model: str,
        tokens_in: int,
        call: Callable[[], Awaitable[_T]],
        cost: Callable[[_T], _Cost],
        *,
        answered: bool = True,
    ) -> _T:
        """Make one call of a model with a prompt of so many tokens (``answered`` by tokens too).

        It is booked before, and what was booked is brought to the ``cost`` of what came of it
        afterwards. A model that failed cost nothing; one whose answer was no good, what it says.

        :class:`~graphmem.errors.BudgetExceeded` when a ceiling would be broken; nothing is booked
        then, and the model is not asked.
        """
        booked = await self._book_call(model, tokens_in, answered=answered)
        try:
            found = await call()
        except ModelError as error:
            spent = _cost(error) if isinstance(error, BadModelOutput) else (0, 0, 0)
            await self._settle(booked, spent)
            raise
        await self._settle(booked, cost(found))
        return found

    async def _book_call(self, model: str, tokens_in: int, *, answered: bool) -> Charge:
        """What a call may cost at most; in the ledger, where there are ceilings."""
        current = _current.get()
        charge = self._charge(model, 1, tokens_in, self._longest if answered else 0)
        self._check_call(current, charge)
        if self._ceilings:
            broken = await self._book.charge(charge, self._ceilings)
            if broken is not None:
                raise BudgetExceeded(
                    f"the ceiling on {_NAMES[broken.what]} per {_SPANS[broken.per]} "
                    f"({_shown(broken.what, broken.most)}) would be passed by asking {model}"
                )
        if current is not None:
            current.add(charge)
        return charge

    async def _settle(self, booked: Charge, spent: _Cost) -> None:
        """Bring what was booked to what the call cost."""
        cost = replace(self._charge(booked.model, *spent), day=booked.day)
        counts = ("calls", "tokens_in", "tokens_out", "micros")
        more = replace(cost, **{n: getattr(cost, n) - getattr(booked, n) for n in counts})
        if (current := _current.get()) is not None:
            current.add(more)
        await self._book.charge(more if self._ceilings else cost)

    def _charge(self, model: str, calls: int, tokens_in: int, tokens_out: int) -> Charge:
        current = _current.get()
        price = self._prices.of(model) or _FREE
        return Charge(
            day=stamp(self._clock.now())[:10],
            model=model,
            tenant=current.tenant if current else "",
            actor=current.actor if current else "",
            calls=calls,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            micros=price.micros(tokens_in, tokens_out),
        )

    def _check_call(self, current: _Call | None, charge: Charge) -> None:
        if current is None:
            return
        asked = {
            "calls": current.calls + charge.calls,
            "tokens": current.tokens + charge.tokens_in + charge.tokens_out,
            "micros": current.micros + charge.micros,
        }
        for _, what, most in self._per_call:
            if asked[what] > _most(what, most):
                raise BudgetExceeded(
                    f"the ceiling on {_NAMES[what]} per call ({_shown(what, _most(what, most))}) "
                    f"would be passed by asking {charge.model}"
                )


def _cost(found: Completion | Extraction | BadModelOutput) -> _Cost:
    return found.calls, found.tokens_in, found.tokens_out


def _most(what: str, most: float) -> int:
    return round(most * MICROS) if what == "micros" else int(most)


def _shown(what: str, most: int) -> str:
    return f"{most / MICROS:g}" if what == "micros" else f"{most:,}"


class GovernedLLM:
    """An :class:`~graphmem.ports.llm.LLM` that is asked only when the governor lets it be."""

    def __init__(self, llm: LLM, governor: Governor) -> None:
        self._llm = llm
        self._governor = governor

    @property
    def name(self) -> str:
        return self._llm.name

    async def complete(self, prompt: Prompt) -> Completion:
        tokens = _estimate(prompt)
        return await self._governor.ask(
            self.name, tokens, lambda: self._llm.complete(prompt), _cost
        )

    async def close(self) -> None:
        await self._llm.close()


def _estimate(prompt: Prompt) -> int:
    """Tokens of a prompt, rather too many."""
    schema = json.dumps(prompt.schema, ensure_ascii=False)
    text = len(prompt.system) + len(prompt.user) + len(schema)
    return math.ceil(text / _CHARACTERS_PER_TOKEN)


class GovernedEmbedder:
    """An ``Embedder`` that is asked only when the governor lets it be.

    Its cost is estimated: a token is counted as four characters.
    """

    def __init__(self, embedder: Embedder, governor: Governor) -> None:
        self._embedder = embedder
        self._governor = governor

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def kept(self) -> bool:
        return self._embedder.kept

    async def size(self) -> int:
        return await self._embedder.size()

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        tokens = sum(len(text) // 4 + 1 for text in texts)
        return await self._governor.ask(
            self.name,
            tokens,
            lambda: self._embedder.embed(texts, kind),
            lambda _: (1, tokens, 0),
            answered=False,
        )

    async def close(self) -> None:
        await self._embedder.close()


class Governed:
    """An :class:`~graphmem.ports.llm.Extractor` that goes on with the rules at a ceiling.

    ``books`` is for one that asks a model in its own way: it is booked as one call then, and
    settled by what it says that it cost.
    """

    def __init__(
        self, extractor: Extractor, rules: Extractor, governor: Governor, *, books: bool
    ) -> None:
        self._extractor = extractor
        self._rules = rules
        self._governor = governor
        self._books = books

    @property
    def name(self) -> str:
        return self._extractor.name

    @property
    def version(self) -> str:
        return self._extractor.version

    async def extract(
        self,
        episode: Episode,
        known: Sequence[Entity],
        *,
        options: ExtractionOptions | None = None,
        begun: str | None = None,
        keep: Keep | None = None,
    ) -> Extraction:
        def extract() -> Awaitable[Extraction]:
            return self._extractor.extract(episode, known, options=options, begun=begun, keep=keep)

        with self._governor.call(episode.scope.tenant, actor=episode.actor):
            try:
                if not self._books:
                    return await extract()
                tokens = math.ceil(len(episode.content) / _CHARACTERS_PER_TOKEN)
                return await self._governor.ask(self.name, tokens, extract, _cost)
            except BudgetExceeded as error:
                found = await self._rules.extract(episode, known)
                return replace(found, reason=f"{error}; read by the rules instead")

    def read(self, raw: str, episode: Episode) -> Extraction:
        return self._extractor.read(raw, episode)

    async def close(self) -> None:
        await self._extractor.close()
        await self._rules.close()
