"""A whole memory under random use: a Hypothesis state machine, and the ledger's own replay.

Give :func:`memory_machine` a way to open a store, and run what it returns::

    def open_store(folder):
        return open_memory(folder, settings=Settings.load(graph="mygraph:///..."), clock=clock)

    run_state_machine_as_test(memory_machine(opener))

After every step the machine holds that ``verify`` finds no difference; that the facts, episodes
and sources are those of a dictionary kept beside the store; that each fact's history folds to its
present; and that replaying the ledger from its first event into an empty graph and empty vectors
gives what the live ones hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graphmem.engine import AsyncMemory
from graphmem.errors import NotFound
from graphmem.model import Fact, Receipt
from graphmem.testing.replay import replay_differences, unfolded

_T = TypeVar("_T")

Opener: TypeAlias = Callable[[], Awaitable[AsyncMemory]]
"""Opens one store; called again after a ``close``, it opens the same one."""

_USERS = ("ada", "bob/x")
_RUNS = (None, "r1", "r%2F")
_SENTENCES = (
    "Bob Stone works at Acme.",
    "Bob Stone works at Initech.",
    "Bob Stone no longer works at Acme.",
    "Bob Stone lives in Oslo.",
    "Bob Stone moved to Lisbon.",
    "Carol Reed lives in Lisbon.",
    "Carol Reed moved to Rome.",
    "Bob Stone is married to Carol Reed.",
    "Dr. Bob Stone knows Carol Reed and Zoë.",
    "I work at Acme. I like tea.",
    "I live in Oslo.\n\nBob Stone lives in Oslo.",
    "Tea at four.",
    "The kettle is blue; the cup holds 12 sips.",
    "The kettle is blue; the cup holds 13 sips.",
)
_TEXTS = st.sampled_from(_SENTENCES)
_TYPES = ("lives_in", "works_at", "likes")
_DAYS = st.integers(1, 28).map(lambda day: f"2024-02-{day:02}")
_WHOSE = st.sampled_from(_USERS)
_RULING = st.sampled_from((*_USERS, None))
_WHERE = st.sampled_from(_RUNS)
_WHICH = st.integers(0, 10_000)


@dataclass(slots=True)
class ExpectedState:
    """What the store should hold, by tenant."""

    places: dict[tuple[str, str | None, str, str], str] = field(default_factory=dict)
    """(user, run, text, day) to the episode that first said it there."""
    facts: dict[str, Fact] = field(default_factory=dict)
    """As decided; times of recording are the store's business."""
    retired: set[str] = field(default_factory=set)
    undone: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Episodes that count no more, and are erased with the rest: user and run by id."""

    def take(self, receipt: Receipt) -> None:
        for decision in receipt.decisions:
            if decision.action == "DELETE":
                del self.facts[decision.fact_id]
            elif decision.after is not None:
                self.facts[decision.fact_id] = decision.after
                self.retired.discard(decision.fact_id)

    def retire(self, id: str) -> None:
        del self.facts[id]
        self.retired.add(id)

    def erase(self, episodes: set[str]) -> None:
        """An episode goes, and every fact whose last source it was."""
        self.places = {place: id for place, id in self.places.items() if id not in episodes}
        self.facts = {
            id: fact
            for id, fact in self.facts.items()
            if any(source.episode_id not in episodes for source in fact.sources)
        }

    def of(self, user: str) -> dict[str, Fact]:
        return {id: fact for id, fact in self.facts.items() if fact.scope.user_id == user}

    def episodes(self, user: str, run: str | None = None) -> set[str]:
        return {
            id
            for (whose, where, *_), id in self.places.items()
            if whose == user and (run is None or where == run)
        }


def essence(fact: Fact) -> tuple[object, ...]:
    """What a decision settles, and erasure of another episode does not change."""
    return fact.text, fact.subject_id, fact.type, fact.object_id, fact.entity_ids, fact.importance


class MemoryMachine(RuleBasedStateMachine):
    """One store, used at random by two users, beside what it should hold."""

    new_opener: ClassVar[Callable[[], Opener]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opener = type(self).new_opener()
        self.memory = self.run(_opened(self.opener))
        self.expected = ExpectedState()

    def run(self, call: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.run(self.memory.close())
        self.runner.close()

    @initialize(text=_TEXTS, day=_DAYS)
    def begin(self, text: str, day: str) -> None:
        self.add(_USERS[0], None, text, day, infer=True)

    # Writes

    @rule(user=_WHOSE, run=_WHERE, text=_TEXTS, day=_DAYS, infer=st.booleans())
    def add(self, user: str, run: str | None, text: str, day: str, infer: bool) -> None:
        receipt = self.run(
            self.memory.add(text, user_id=user, run_id=run, occurred_at=day, infer=infer)
        )
        known = self.expected.places.get((user, run, text, day))
        assert receipt.status == ("done" if known is None else "duplicate")
        assert known in {None, receipt.episode_id}
        self.expected.places[user, run, text, day] = receipt.episode_id
        self.expected.undone.pop(receipt.episode_id, None)
        self.expected.take(receipt)

    @rule(user=_WHOSE, run=_WHERE, texts=st.lists(_TEXTS, max_size=5), day=_DAYS)
    def add_many(self, user: str, run: str | None, texts: list[str], day: str) -> None:
        places = [(user, run, text, day) for text in dict.fromkeys(texts)]
        new = [place for place in places if place not in self.expected.places]
        count = self.run(
            self.memory.add_many(
                texts, user_id=user, run_id=run, occurred_at=day, infer=len(texts) % 2 == 0
            )
        )
        assert count == len(new)
        self.learn(user)

    @precondition(lambda self: bool(self.expected.facts))
    @rule(which=_WHICH, importance=st.sampled_from([0.25, 0.75]), text=st.none() | _TEXTS)
    def update(self, which: int, importance: float, text: str | None) -> None:
        fact = self.pick(which)
        user = str(fact.scope.user_id)
        after = self.run(self.memory.update(fact.id, text, importance=importance, user_id=user))
        assert after.importance == importance
        assert after.text == (fact.text if text is None else text)
        self.expected.facts[fact.id] = after
        self.learn(user)

    @precondition(lambda self: bool(self.expected.facts))
    @rule(which=_WHICH, erase=st.booleans())
    def delete_fact(self, which: int, erase: bool) -> None:
        fact = self.pick(which)
        removal = self.run(self.memory.delete(fact.id, erase=erase, user_id=fact.scope.user_id))
        assert removal.facts == 1
        self.expected.retire(fact.id)
        if erase:
            self.expected.retired.discard(fact.id)
        self.learn(str(fact.scope.user_id))

    @precondition(lambda self: bool(self.expected.places))
    @rule(which=_WHICH)
    def delete_episode(self, which: int) -> None:
        (user, *_), id = sorted(self.expected.places.items(), key=repr)[
            which % len(self.expected.places)
        ]
        assert self.run(self.memory.delete(id, user_id=user)).episodes == 1
        self.expected.erase({id})
        self.learn(user)

    @precondition(lambda self: bool(self.expected.places))
    @rule(which=_WHICH)
    def undo_episode(self, which: int) -> None:
        places = sorted(self.expected.places.items(), key=repr)
        (user, run, *_), id = places[which % len(places)]
        assert self.run(self.memory.undo(id, user_id=user)).episodes == 1
        self.expected.erase({id})
        self.expected.undone[id] = (user, run)
        self.learn(user)

    @precondition(lambda self: bool(self.expected.facts))
    @rule(which=_WHICH)
    def delete_and_undo(self, which: int) -> None:
        fact = self.pick(which)
        user = str(fact.scope.user_id)
        self.run(self.memory.delete(fact.id, user_id=user))
        change = self.run(self.memory.history(fact.id, user_id=user))[-1]
        self.run(self.memory.undo(str(change.seq), user_id=user))
        assert essence(self.run(self.memory.get(fact.id, user_id=user))) == essence(fact)

    @precondition(lambda self: bool(self.expected.facts))
    @rule(which=_WHICH)
    def merge_and_unmerge(self, which: int) -> None:
        user = str(self.pick(which).scope.user_id)
        known = self.run(self.memory.entities(user_id=user))
        if len(known) < 2:
            return
        kept, gone = known[which % len(known)], known[(which + 1) % len(known)]
        self.run(self.memory.merge(kept.id, gone.id, user_id=user))
        assert self.run(replay_differences(self.memory)) == []
        assert self.run(self.memory.unmerge(gone.id, user_id=user)) == gone
        assert self.run(self.memory.entities(user_id=user)) == known

    @rule(whose=_RULING, type=st.sampled_from(_TYPES), one=st.sampled_from((True, False, None)))
    def declare_type(self, whose: str | None, type: str, one: bool | None) -> None:
        self.declare(whose, type, single_valued=one)

    @rule(whose=_RULING, other=st.sampled_from((*_TYPES, None)))
    def declare_the_same(self, whose: str | None, other: str | None) -> None:
        self.declare(whose, "knows", same_as=other)

    def declare(self, whose: str | None, type: str, **how: Any) -> None:
        """For one user (nobody else's facts may change), or for everybody."""
        whom: Any = {"all_scopes": True} if whose is None else {"user_id": whose}
        self.run(self.memory.declare_type(type, **how, **whom))
        for user in _USERS:
            if whose in {None, user}:
                self.learn(user)

    @rule(user=_WHOSE, run=_WHERE)
    def delete_all(self, user: str, run: str | None) -> None:
        undone = {
            id
            for id, (whose, where) in self.expected.undone.items()
            if whose == user and run in {None, where}
        }
        gone = self.expected.episodes(user, run) | undone
        removal = self.run(self.memory.delete_all(user_id=user, run_id=run))
        assert removal.episodes == len(gone)
        self.expected.erase(gone)
        self.expected.undone = {
            id: place for id, place in self.expected.undone.items() if id not in gone
        }
        self.learn(user)

    @rule()
    def reopen(self) -> None:
        self.run(self.memory.close())
        self.memory = self.run(_opened(self.opener))

    @rule()
    def rebuild(self) -> None:
        assert self.run(self.memory.rebuild()).ok

    # Reads

    @rule(user=_WHOSE, run=_WHERE, text=_TEXTS, current=st.booleans())
    def search(self, user: str, run: str | None, text: str, current: bool) -> None:
        found = self.run(
            self.memory.search(text, user_id=user, run_id=run, current=current, limit=50)
        )
        episodes = self.expected.episodes(user, run)
        assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
        for hit in found:
            assert abs(hit.total - sum(signal.share for signal in hit.signals)) < 1e-9
            assert 0 <= hit.score <= found.answerable <= 1
            assert hit.episode_id in episodes
            assert hit.kind == "turn" or hit.id in self.expected.of(user)

    # What always holds

    @invariant()
    def holds_what_was_stated(self) -> None:
        for user in _USERS:
            facts = {fact.id: fact for fact in self.stored(user)}
            expected = self.expected.of(user)
            more = [facts[id] for id in facts.keys() - expected.keys()]
            less = [expected[id] for id in expected.keys() - facts.keys()]
            assert (more, less) == ([], [])
            for id, fact in facts.items():
                assert essence(fact) == essence(expected[id])
            stats = self.run(self.memory.stats(user_id=user))
            assert stats.episodes == len(self.expected.episodes(user))
            assert (stats.facts, stats.pending) == (len(expected), 0)
            assert {s.episode_id for f in facts.values() for s in f.sources} <= (
                self.expected.episodes(user)
            )

    @invariant()
    def stores_agree(self) -> None:
        found = self.run(self.memory.verify())
        assert found.ok, found.differences
        assert self.run(replay_differences(self.memory)) == []

    @invariant()
    def history_folds_to_the_present(self) -> None:
        for user in _USERS:
            assert self.run(unfolded(self.memory, self.stored(user))) == []

    @invariant()
    def what_was_retired_is_not_found(self) -> None:
        for id in sorted(self.expected.retired)[:5]:
            for user in _USERS:
                try:
                    fact = self.run(self.memory.get(id, user_id=user))
                except NotFound:
                    continue
                raise AssertionError(f"{fact.id} was retired, and is believed")

    # Helpers

    def stored(self, user: str) -> tuple[Fact, ...]:
        return self.run(self.memory.get_all(user_id=user, limit=10_000, current=False)).items

    def pick(self, which: int) -> Fact:
        return self.expected.facts[sorted(self.expected.facts)[which % len(self.expected.facts)]]

    def learn(self, user: str) -> None:
        """Take on what receipts did not tell: what ``add_many`` decided, what is believed again, or
        as one, since something else went.

        Only that: what has gone must have been retired, with its reason in its history."""
        facts = {fact.id: fact for fact in self.stored(user)}
        ledger = self.memory._parts.ledger
        scope = self.run(self.memory._scope({"user_id": user}))
        episodes = self.run(ledger.episodes(scope, limit=10_000))
        for episode in episodes:
            if episode.status == "undone":
                continue
            self.expected.undone.pop(episode.id, None)
            day = str(episode.occurred_at.date())
            self.expected.places[user, episode.scope.run_id, episode.content, day] = episode.id
        known = self.expected.of(user)
        for id in known.keys() - facts.keys():
            last = self.run(self.memory.history(id, user_id=user))[-1]
            assert (last.action, bool(last.reason), last.after) == ("DELETE", True, None)
            del self.expected.facts[id]
        assert not (facts.keys() - known.keys()) & self.expected.retired
        self.expected.facts |= facts


async def _opened(opener: Opener) -> AsyncMemory:
    return await opener()


def memory_machine(new_opener: Callable[[], Opener]) -> type[MemoryMachine]:
    """The machine for one kind of store.

    ``new_opener`` is called once an example and names a store that is empty; what it returns opens
    that store, again and again. A store that keeps nothing must hand out the same adapters again.
    """
    return type(
        "MemoryMachineUnderTest",
        (MemoryMachine,),
        {"new_opener": staticmethod(new_opener)},
    )
