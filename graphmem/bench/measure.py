"""A run: remember the corpora, ask the questions of each variant, keep every answer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from graphmem.bench.baselines import BASELINES, PlainMethods, plain_methods
from graphmem.bench.dataset import UNIT, Corpus, Dataset, GoldQuestion
from graphmem.bench.given_extractor import GivenExtractor
from graphmem.bench.machine import folder_mib, load_average, machine, peak_memory_mib, versions
from graphmem.bench.metrics import distinct
from graphmem.bench.runs import FULL_SEARCH, BenchRun, Line
from graphmem.bench.wrong import misplaced, wrong_corpora
from graphmem.engine import AsyncMemory
from graphmem.errors import UsageError
from graphmem.model import Hit, HitKind
from graphmem.retrieve.rank.ranking import checked_signals
from graphmem.retrieve.signals.registry import ABLATIONS
from graphmem.settings import Settings
from graphmem.wiring import open_memory

Extract = Literal["rules", "none", "given", "model"]
RunProgress: TypeAlias = Callable[[str, int, int], None]
Answering: TypeAlias = Callable[[str, GoldQuestion], Awaitable[Mapping[str, Any]]]
"""A question and the context for it to an answer, with its ``scores``."""

SHOWN = 10
"""Hits of the search that is timed, and whose tokens are counted."""
_CHARACTERS_PER_TOKEN = 4
_ANSWERS_AT_ONCE = 8
_PLACES = ("ledger", "graph", "vectors")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to measure. ``variants`` are sets of arms to leave out; the empty one comes first."""

    extract: Extract = "rules"
    kinds: tuple[HitKind, ...] = ("fact", "turn")
    limit: int = 50
    """Hits that are asked for; from them, distinct units are ranked."""
    variants: tuple[frozenset[str], ...] = (frozenset(),)
    first: int | None = None
    """Only so many corpora (and, of passages, questions)."""
    wrong: bool = False
    """Whether questions are also asked of a memory that cannot answer them."""
    command: str = ""
    """How to repeat it, with neutral paths."""


@dataclass(slots=True)
class Measuring:
    """One run over one data set."""

    data: Dataset
    run: BenchRun
    plan: RunPlan
    settings: Settings
    progress: RunProgress
    answering: Answering | None = None
    """Asks a model to answer, and to judge."""
    context_tokens: int = 2000
    """Tokens of context that a model may read to answer."""
    _units: dict[str, str] = field(default_factory=dict)
    """Unit by episode, for units that are whole episodes."""

    async def all(self) -> None:
        """Run what is not done yet. Stopped at any point, the same call resumes."""
        state = self.run.begin(self._described())
        if "ingest" not in state:
            state["ingest"] = await self._remember(bool(state.get("begun")), state)
            self.run.keep(state)
        done = {(line.variant, line.id) for line in self.run.lines()}
        asked = [(corpus, q) for corpus in self._corpora() for q in self._questions(corpus)]
        total = len(asked) * len(self.plan.variants)
        for number, without in enumerate(self.plan.variants):
            left = [(c, q) for c, q in asked if (variant_name(without), q.id) not in done]
            start = number * len(asked) + len(asked) - len(left)
            if left:
                await self._ask(without, left, start, total)
        await self._ask_baselines([(c, q) for c, q in asked if q.gold or q.gold_sessions], done)
        if self.plan.wrong:
            await self._ask_wrong(done)
        if self.answering is not None:
            await self._answer(self.answering, asked)
        state["peak_memory_mib"] = peak_memory_mib()
        self.run.keep(state)

    def _described(self) -> dict[str, Any]:
        """The settings that must be the same for a run to be resumed."""
        return {
            "data": self.data.name,
            "unit": self.data.unit,
            "digest": self.data.digest,
            "notes": list(self.data.notes),
            "extract": self.plan.extract,
            "model": self.settings.model if self.plan.extract == "model" else None,
            "embedder": self.settings.embedder,
            "kinds": list(self.plan.kinds),
            "limit": self.plan.limit,
            "variants": [variant_name(without) for without in self.plan.variants],
            "first": self.plan.first,
            "wrong": self.plan.wrong,
            "answers": self.answering is not None,
            "context_tokens": self.context_tokens if self.answering else None,
            "versions": versions(),
            "machine": machine(),
            "command": self.plan.command,
        }

    def _corpora(self) -> Sequence[Corpus]:
        one = self.data.unit == "passage"
        return self.data.corpora if one else self.data.corpora[: self.plan.first]

    def _questions(self, corpus: Corpus) -> Sequence[GoldQuestion]:
        return corpus.questions[: self.plan.first if self.data.unit == "passage" else None]

    @asynccontextmanager
    async def _memory(self, without: frozenset[str] = frozenset()) -> AsyncIterator[AsyncMemory]:
        """The store of the run: embedded always, whatever places the environment names."""
        nowhere = dict.fromkeys(_PLACES)
        model = self.settings.llm if self.plan.extract == "model" else "none"
        settings = self.settings.model_copy(
            update={**nowhere, "llm": model, "search_without": ",".join(sorted(without))}
        )
        given = GivenExtractor(self.data.given) if self.plan.extract == "given" else None
        memory = await open_memory(self.run.store, settings=settings, extractor=given)
        try:
            yield memory
        finally:
            await memory.close()

    async def _remember(self, again: bool, state: dict[str, Any]) -> dict[str, Any]:
        corpora = self._corpora()
        total = sum(len(corpus.items) for corpus in corpora)
        state["begun"] = True
        self.run.keep(state)
        start, before = time.perf_counter(), 0
        async with self._memory() as memory:
            for corpus in corpora:
                done_before = before

                def show(done: int, done_before: int = done_before) -> None:
                    self.progress("remembering", done_before + done, total)

                await memory.add_many(
                    corpus.items, infer=self.plan.extract != "none", progress=show
                )
                before += len(corpus.items)
            # Graph and vectors are caught up by the first search.
            await memory.search("anything", user_id=corpora[0].id)
            seconds = time.perf_counter() - start
            stats = await memory.stats()
        counts = ("episodes", "turns", "facts", "relations", "entities", "pending")
        return {
            **{name: getattr(stats, name) for name in counts},
            "model_calls": stats.model_calls,
            "tokens": stats.tokens_in + stats.tokens_out,
            # What was stopped midway says nothing of how fast it is.
            "seconds": None if again else round(seconds, 2),
            "store_mib": round(folder_mib(self.run.store), 1),
            "load_average": load_average(),
        }

    async def _ask(
        self,
        without: frozenset[str],
        left: Sequence[tuple[Corpus, GoldQuestion]],
        start: int,
        total: int,
    ) -> None:
        name = variant_name(without)
        warmed: dict[str, int] = {}
        async with self._memory(without) as memory:
            for number, (corpus, asked) in enumerate(left, start=start):
                if corpus.id not in warmed:
                    # The first search of an owner reads what later ones find in memory.
                    await memory.search("anything", user_id=corpus.id, limit=SHOWN)
                    warmed[corpus.id] = (await memory.stats(user_id=corpus.id)).turns
                line = await self._line(memory, name, corpus, asked, warmed[corpus.id])
                self.run.append(line)
                self.progress(f"asking ({name})", number + 1, total)

    async def _ask_baselines(
        self, asked: Sequence[tuple[Corpus, GoldQuestion]], done: Set[tuple[str, str]]
    ) -> None:
        """What the plain methods find, over the same units."""
        left = [(c, q) for c, q in asked if any((name, q.id) not in done for name in BASELINES)]
        if not left:
            return
        methods: dict[str, PlainMethods] = {}
        async with self._memory() as memory:
            embedder = memory._current.embedder
            for number, (corpus, question) in enumerate(left, start=1):
                if corpus.id not in methods:
                    methods = {corpus.id: await plain_methods(corpus, embedder)}
                began = time.perf_counter()
                found = await methods[corpus.id].ranked(question.text)
                ms = (time.perf_counter() - began) * 1000
                for name, units in found.items():
                    if (name, question.id) not in done:
                        ranked = distinct(units)[: self.plan.limit]
                        self.run.append(_as_line(name, corpus, question, ranked, ms=ms))
                self.progress("plain methods", number, len(left))

    async def _ask_wrong(self, done: Set[tuple[str, str]]) -> None:
        """What the search says of questions that have no answer where they are asked."""
        corpora = [replace(c, questions=tuple(self._questions(c))) for c in self._corpora()]
        places = wrong_corpora(corpora)
        left = [one for one in misplaced(places) if (one.how, one.question.id) not in done]
        async with self._memory(self.plan.variants[0]) as memory:
            if len(places) != len(corpora):
                for corpus in places:
                    await memory.add_many(corpus.items, infer=self.plan.extract != "none")
            for number, one in enumerate(left, start=1):
                asked = GoldQuestion(one.question.id, one.question.text, one.question.category)
                self.run.append(await self._line(memory, one.how, one.corpus, asked, 0))
                self.progress("asking the wrong memory", number, len(left))

    async def _line(
        self,
        memory: AsyncMemory,
        variant: str,
        corpus: Corpus,
        asked: GoldQuestion,
        turns: int,
    ) -> Line:
        # Only of the first variant is it said how long a search for ten hits takes.
        timed = variant == variant_name(self.plan.variants[0])
        began = time.perf_counter()
        shown = await memory.search(
            asked.text,
            user_id=corpus.id,
            limit=SHOWN if timed else self.plan.limit,
            kinds=self.plan.kinds,
        )
        ms = (time.perf_counter() - began) * 1000
        found = shown
        if timed and self.plan.limit != SHOWN:
            found = await memory.search(
                asked.text, user_id=corpus.id, limit=self.plan.limit, kinds=self.plan.kinds
            )
        units = [await self._unit(memory, corpus, hit) for hit in found]
        ranked = distinct([unit for unit in units if unit])
        best: dict[str, float] = {}
        for unit, hit in zip(units, found, strict=True):
            best.setdefault(unit or "", round(hit.score, 4))
        characters = sum(len(hit.text) for hit in shown[:SHOWN])
        tokens = math.ceil(characters / _CHARACTERS_PER_TOKEN)
        line = _as_line(variant, corpus, asked, ranked, ms=ms, tokens=tokens, turns=turns)
        scores = tuple(best[unit] for unit in ranked)
        return replace(line, scores=scores, answerable=round(found.answerable, 4))

    async def _answer(
        self, answering: Answering, asked: Sequence[tuple[Corpus, GoldQuestion]]
    ) -> None:
        """Answer the questions that have no answer yet, a few at a time."""
        done = self.run.answers()
        left = [(corpus, q) for corpus, q in asked if q.id not in done and judgeable(q)]
        places = asyncio.Semaphore(_ANSWERS_AT_ONCE)
        count = len(done)

        async def one(memory: AsyncMemory, corpus: Corpus, question: GoldQuestion) -> None:
            nonlocal count
            async with places:
                context = await memory.context(
                    question.text, budget_tokens=self.context_tokens, user_id=corpus.id
                )
                answer = await answering(context, question)
                tokens = math.ceil(len(context) / _CHARACTERS_PER_TOKEN)
                self.run.append_answer({"id": question.id, "context_tokens": tokens, **answer})
                count += 1
                self.progress("answering", count, len(done) + len(left))

        async with self._memory(self.plan.variants[0]) as memory:
            try:
                async with asyncio.TaskGroup() as group:
                    for corpus, question in left:
                        group.create_task(one(memory, corpus, question))
            except ExceptionGroup as several:
                # The first says what is wrong; the others say it again.
                raise several.exceptions[0] from None

    async def _unit(self, memory: AsyncMemory, corpus: Corpus, hit: Hit) -> str | None:
        if self.data.unit == "turn":
            id = hit.source_id
            # A turn that was too long for one is kept in parts: D1:3, D1:3#2.
            return id.partition("#")[0] if id and id not in corpus.session_of else id
        if hit.episode_id is None:
            return None
        if hit.episode_id not in self._units:
            episode = await memory.episode(hit.episode_id, user_id=corpus.id)
            self._units[hit.episode_id] = str(episode.metadata.get(UNIT, ""))
        return self._units[hit.episode_id] or None


def _as_line(
    variant: str,
    corpus: Corpus,
    asked: GoldQuestion,
    ranked: Sequence[str],
    *,
    ms: float,
    tokens: int = 0,
    turns: int = 0,
) -> Line:
    sessions = distinct([corpus.session_of[unit] for unit in ranked if unit in corpus.session_of])
    return Line(
        variant,
        asked.id,
        asked.category,
        tuple(ranked),
        tuple(sessions),
        tuple(sorted(asked.gold)),
        tuple(sorted(asked.gold_sessions)),
        round(ms, 3),
        tokens,
        turns,
        tuple(sorted(asked.rivals)),
    )


def judgeable(asked: GoldQuestion) -> bool:
    """Whether an answer can be held against something."""
    return asked.unanswerable or asked.answer is not None or bool(asked.rubric)


def variant_name(without: frozenset[str]) -> str:
    """``all``, or ``without graph``."""
    return f"without {', '.join(sorted(without))}" if without else FULL_SEARCH


def variants(without: Sequence[str], ablate: bool) -> tuple[frozenset[str], ...]:
    """The variants to run: with these arms left out; or with every arm, then without each one."""
    if without and ablate:
        raise UsageError("--ablate leaves out each arm by itself: give it without --without")
    if ablate:
        return (frozenset(), *(frozenset({name}) for name in ABLATIONS))
    return (checked_signals(",".join(without)),)


def neutral(path: Path) -> str:
    """A path as it is shown: its name only."""
    return f"PATH/{path.name}"
