"""Two clocks: what held at a moment, as known at a moment; and what changed in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, open_memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.model import Moment
from graphmem.sync import MemoryView


class Life:
    """A memory that was told of Ada's life, a piece at a time, and the moments in between."""

    def __init__(self, memory: Memory, clock: ManualClock) -> None:
        self.memory, self.clock = memory, clock
        self.moments: dict[str, datetime] = {}
        self.episodes: dict[str, str] = {}

    def add(self, name: str, text: str, at: str, **options: Any) -> None:
        self.episodes[name] = self.memory.add(text, occurred_at=at, **options).episode_id
        self.mark(name)

    def mark(self, name: str) -> None:
        self.moments[name] = self.clock.now()
        self.clock.advance(days=10)

    def __getitem__(self, name: str) -> datetime:
        return self.moments[name]


@pytest.fixture(params=["memory", "folder"])
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Life]:
    clock = ManualClock("2024-01-01T00:00:00Z")
    place = "memory://" if request.param == "memory" else tmp_path / "store"
    with Memory(place, user_id="ada", clock=clock) as memory:
        story = Life(memory, clock)
        story.mark("nothing")
        story.add("acme", "Ada Lovelace works at Acme.", "2020-01-01")
        story.add("paris", "Ada Lovelace lives in Paris.", "2020-02-01")
        story.add("bob", "Bob Stone works at Acme.", "2021-01-01")
        story.add("berlin", "Ada Lovelace moved to Berlin.", "2022-01-01")
        yield story


def _holding(view: Any, **options: Any) -> set[tuple[str, str, str]]:
    return {(r.subject, r.type, r.object) for r in view.relations(**options)}


ACME = ("Ada Lovelace", "works_at", "Acme")
BOB = ("Bob Stone", "works_at", "Acme")
PARIS = ("Ada Lovelace", "lives_in", "Paris")
BERLIN = ("Ada Lovelace", "lives_in", "Berlin")


def test_what_locked_at_a_moment_as_known_now(life: Life) -> None:
    memory = life.memory
    assert _holding(memory.as_of("2019-01-01")) == set()
    assert _holding(memory.as_of("2020-01-15")) == {ACME}
    assert _holding(memory.as_of("2021-06-01")) == {ACME, PARIS, BOB}
    assert _holding(memory.as_of("2023-01-01")) == {ACME, BOB, BERLIN}
    assert _holding(memory) == {ACME, BOB, BERLIN}


def test_what_was_known_at_a_moment(life: Life) -> None:
    memory = life.memory
    assert _holding(memory.as_of(known_at=life["nothing"])) == set()
    assert _holding(memory.as_of(known_at=life["paris"])) == {ACME, PARIS}
    assert _holding(memory.as_of(known_at=life["bob"])) == {ACME, PARIS, BOB}
    assert _holding(memory.as_of(known_at=life["berlin"])) == {ACME, BOB, BERLIN}


def test_both_clocks_at_once(life: Life) -> None:
    memory = life.memory
    assert _holding(memory.as_of("2023-01-01", life["bob"])) == {ACME, PARIS, BOB}
    assert _holding(memory.as_of("2020-01-15", life["bob"])) == {ACME}
    late = memory.as_of(valid_at="2023-01-01", known_at="2030-01-01")
    assert _holding(late) == {ACME, BOB, BERLIN}


def test_every_read_of_a_view_of_the_world(life: Life) -> None:
    view = life.memory.as_of("2021-06-01")
    texts = [hit.text for hit in view.search("Where does Ada live?", kinds=["fact"])]
    assert texts[0] == "Ada Lovelace lives in Paris"
    assert not any("Berlin" in text for text in texts)
    assert not any("Berlin" in hit.text for hit in view.search("Where does Ada live?"))
    assert "Paris" in view.context("Where does Ada live?")
    assert {f.text for f in view.get_all().items} == {
        "Ada Lovelace works at Acme", "Ada Lovelace lives in Paris", "Bob Stone works at Acme",
    }  # fmt: skip
    page = view.get_all(limit=2)
    assert page.next is not None
    assert len(view.get_all(limit=2, after=page.next).items) == 1
    around = view.neighbours("Ada Lovelace")
    assert {e.name for e in around.entities} == {"Ada Lovelace", "Acme", "Paris"}
    (path,) = view.paths("Bob Stone", "Paris")
    assert str(path) == "Bob Stone -works_at→ Acme ←works_at- Ada Lovelace -lives_in→ Paris"
    assert view.paths("Bob Stone", "Berlin") == []
    graph = view.to_networkx()
    assert {data["type"] for _, _, data in graph.edges(data=True)} == {"works_at", "lives_in"}
    assert len(graph.edges) == 3
    assert {m.fact.text for m in view.timeline()} == {
        "Ada Lovelace works at Acme", "Ada Lovelace lives in Paris", "Bob Stone works at Acme",
    }  # fmt: skip
    assert view.entity("Berlin").name == "Berlin"  # known now
    with pytest.raises(UsageError, match=r"holds every date; ask it with memory\.cypher"):
        view.cypher("MATCH (e:Entity) RETURN e.name")


def test_a_view_knows_of_other_moments_too(life: Life) -> None:
    """``current=False`` is what it is for now: all that is known, whenever it holds."""
    memory = life.memory
    assert _holding(memory.as_of("2020-01-15"), current=False) == {ACME, PARIS, BOB, BERLIN}
    assert _holding(memory.as_of(known_at=life["berlin"]), current=False) == _holding(
        memory, current=False
    )
    known = memory.as_of("2020-01-15", life["bob"])
    assert _holding(known, current=False) == {ACME, PARIS, BOB}
    assert len(known.get_all(current=False).items) == 3
    texts = {hit.text for hit in known.search("Where does Ada live?", current=False)}
    assert any("Paris" in text for text in texts)
    assert not any("Berlin" in text for text in texts)


def test_a_view_of_what_was_known_answers_as_the_memory_did(plain: Memory) -> None:
    plain.relate("Ada", "works_at", "Acme", valid_at="2099-01-01")
    plain.relate("Ada", "lives_in", "Paris", valid_at="2020-01-01", invalid_at="2021-01-01")
    then = plain.as_of(known_at="2090-01-01")
    assert _holding(then) == _holding(plain) == set(), "one is to begin, one has ended"
    assert then.context("Where does Ada live?") == plain.context("Where does Ada live?")
    assert "Paris" in then.context("Where does Ada live?"), "what has ended fills the room"


def test_nothing_recorded_later_is_seen(life: Life) -> None:
    memory = life.memory
    view = memory.as_of(known_at=life["paris"])
    assert {e.name for e in view.entities()} == {"Ada Lovelace", "Acme", "Paris"}
    assert [e.name for e in view.entities("berl")] == []
    for ask in (
        lambda: view.entity("Berlin"),
        lambda: view.entity(memory.entity("Berlin").id),
        lambda: view.neighbours("Bob Stone"),
        lambda: view.paths("Ada Lovelace", "Bob Stone"),
        lambda: view.episode(life.episodes["berlin"]),
        lambda: view.get(memory.relations(type="lives_in")[0].fact_id),
        lambda: view.history(memory.relations(type="lives_in")[0].fact_id),
    ):
        with pytest.raises(NotFound):
            ask()
    for question in ("Where does Ada live?", "Bob Stone", "Berlin"):
        found = view.search(question)
        assert not any("Berlin" in hit.text or "Bob" in hit.text for hit in found)
        assert not any(hit.outdated for hit in found)
    assert "Berlin" not in view.context("Where does Ada live?")
    (home,) = view.relations(type="lives_in")
    assert home.invalid_at is None
    assert [m.what for m in view.timeline(since="2020-02-01")] == ["stated"]
    (change,) = view.history(home.fact_id)
    assert change.action == "ADD"
    assert len(memory.history(home.fact_id)) == 2
    assert {e.name for e in view.neighbours("Ada Lovelace").entities} == {
        "Ada Lovelace", "Acme", "Paris",
    }  # fmt: skip
    names = view.cypher("MATCH (e:Entity) RETURN e.name ORDER BY e.name").rows
    assert names == (("Acme",), ("Ada Lovelace",), ("Paris",))
    count = view.cypher("MATCH (e:Episode)-[:MENTIONS]->(:Entity {name: 'Acme'}) RETURN count(*)")
    assert count.rows == ((1,),)


def test_names_and_sources_are_those_of_then() -> None:
    clock = ManualClock("2024-01-01T00:00:00Z")
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        memory.relate("Robert Stone", "works_at", "Acme", valid_at="2020-01-01")
        then = clock.now()
        clock.advance(days=1)
        memory.relate("Robert Stone", "works_at", "Acme", occurred_at="2024-02-01")
        memory.relate("Bob Stone", "likes", "tea")
        merged = {e.name for e in memory.entities()}
        view = memory.as_of(known_at=then)
        (person,) = [e for e in view.entities() if e.kind == "person"]
        assert (person.name, person.aliases) == ("Robert Stone", ())
        with pytest.raises(NotFound):
            view.entity("tea")
        (fact,) = view.get_all().items
        assert len(fact.sources) == 1
        assert len(memory.get(fact.id).sources) == 2
        (hit,) = view.search("Acme", kinds=["fact"])
        assert hit.fact == fact
        assert merged


def test_what_was_withdrawn_since_is_there_still(life: Life) -> None:
    memory = life.memory
    memory.undo(life.episodes["berlin"])
    life.mark("undone")
    assert _holding(memory) == {ACME, BOB, PARIS}
    view = memory.as_of(known_at=life["berlin"])
    assert _holding(view) == {ACME, BOB, BERLIN}
    assert view.entity("Berlin").name == "Berlin"
    assert any("Berlin" in hit.text for hit in view.search("Where does Ada live?"))
    assert {e.name for e in view.neighbours("Berlin").entities} == {"Ada Lovelace", "Berlin"}
    assert _holding(memory.as_of(known_at=life["undone"])) == {ACME, BOB, PARIS}


def test_what_was_erased_is_nowhere(life: Life) -> None:
    memory = life.memory
    memory.delete(life.episodes["bob"])
    view = memory.as_of(known_at=life["berlin"])
    assert _holding(view) == {ACME, BERLIN}
    assert not any("Bob" in hit.text for hit in view.search("Who works at Acme?"))
    assert "Bob Stone" not in {e.name for e in view.entities()}
    assert view.cypher("MATCH (e:Entity {name: 'Bob Stone'}) RETURN e.name").rows == ()


def _shows(view: Any, secret: str) -> bool:
    """Whether any read of a view, by its words, name or in the graph, tells it."""
    asked = (
        [hit.text for hit in view.search(secret)],
        view.context(secret),
        view.entities(),
        view.cypher("MATCH (n) RETURN n.text, n.name").rows,
    )
    try:
        view.entity(secret)
    except NotFound:
        return secret in repr(asked)
    return True


def test_what_is_erased_is_gone_from_a_view_that_is_open(life: Life) -> None:
    memory = life.memory
    view = memory.as_of(known_at=life["berlin"])
    assert _shows(view, "Bob Stone")
    memory.relate("Eve", "likes", "tea")
    assert _shows(view, "Bob Stone")  # nothing was erased
    memory.delete(life.episodes["bob"])
    assert not _shows(view, "Bob Stone")
    assert _shows(view, "Ada Lovelace")
    memory.delete(life.episodes["acme"])
    memory.delete_all()
    assert not _shows(view, "Ada Lovelace")


def test_what_another_process_erases_is_gone_from_a_view_too(
    postgres_url: str, tmp_path: Path
) -> None:
    from graphmem import Settings

    given = Settings.load({}, ledger=f"{postgres_url}?schema=as_of_erased")
    clock = ManualClock("2024-01-01T00:00:00Z")
    with (
        Memory(tmp_path / "one", user_id="ada", settings=given, clock=clock) as memory,
        Memory(tmp_path / "two", user_id="ada", settings=given, clock=clock) as other,
    ):
        memory.relate("Ada", "lives_in", "Paris")
        then = clock.now()
        clock.advance(days=1)
        view = memory.as_of(known_at=then)
        assert _shows(view, "Paris")
        other.delete_all()
        assert not _shows(view, "Paris")


def test_a_view_sees_its_own_scope_only(life: Life) -> None:
    memory = life.memory
    memory.add("Rolf Hahn lives in Rome.", occurred_at="2020-01-01", user_id="eve")
    life.mark("eve")
    for view in (memory.as_of("2021-01-01"), memory.as_of(known_at=life["eve"])):
        assert {r.subject for r in view.relations(user_id="eve")} == {"Rolf Hahn"}
        assert not any("Rolf" in hit.text for hit in view.search("Rolf Hahn"))
        around = view.neighbours("Rolf Hahn", user_id="eve")
        assert {e.name for e in around.entities} == {"Rolf Hahn", "Rome"}
        with pytest.raises(NotFound):
            view.neighbours("Rolf Hahn")
        with pytest.raises(UsageError, match="unknown argument now"):
            view.relations(now=False)  # type: ignore[call-arg]


def test_agent_and_run_narrow_a_view_too(plain: Memory) -> None:
    plain.relate("Ada", "likes", "tea", run_id="one", valid_at="2020-01-01")
    plain.relate("Ada", "likes", "rum", run_id="two", valid_at="2020-01-01")
    for view in (plain.as_of("2021-01-01"), plain.as_of(known_at="2099-01-01")):
        assert {r.object for r in view.relations(run_id="one")} == {"tea"}
        around = view.neighbours("Ada", run_id="one")
        assert {r.object for r in around.relations} == {"tea"}
        found = view.search("Ada", kinds=["fact"], run_id="two")
        assert [hit.text for hit in found] == ["Ada likes rum."]


def test_a_view_of_a_moment_to_come_goes_on(plain: Memory) -> None:
    view = plain.as_of(known_at="2099-01-01")
    assert list(view.search("tea")) == []
    plain.relate("Ada", "likes", "tea")
    assert [hit.kind for hit in view.search("tea", kinds=["fact"])] == ["fact"]


def test_what_is_to_begin_holds_not_yet(plain: Memory) -> None:
    plain.relate("Ada", "works_at", "Acme", valid_at="2031-01-01")
    plain.relate("Ada", "friend_of", "Bob", occurred_at="2031-01-01")
    friend, work = ("Ada", "friend_of", "Bob"), ("Ada", "works_at", "Acme")
    assert _holding(plain) == {friend}  # it was told: only a clock says that it is not true yet
    assert _holding(plain, current=False) == {friend, work}
    assert _holding(plain.as_of("2031-02-01")) == {friend, work}
    assert plain.paths("Ada", "Acme") == [] != plain.paths("Ada", "Acme", current=False)
    around = plain.neighbours("Ada")
    assert {entity.name for entity in around.entities} == {"Ada", "Bob"}
    assert len(around.relations) == plain.to_networkx().number_of_edges() == 1
    assert "Acme" in plain.search("Where does Ada work?").hits[0].text


def test_what_has_no_date_counts_from_when_it_was_stated(plain: Memory) -> None:
    plain.relate("Ada", "likes", "tea", occurred_at="2022-01-01")
    plain.relate("Bob", "likes", "tea", occurred_at="2022-01-01", invalid_at="2020-01-01")
    assert _holding(plain.as_of("2021-01-01")) == set()
    assert _holding(plain.as_of("2023-01-01")) == {("Ada", "likes", "tea")}
    assert _holding(plain.as_of("2019-01-01")) == {("Bob", "likes", "tea")}
    assert {r.object for r in plain.as_of("2019-01-01").neighbours("Bob").relations} == {"tea"}


def test_a_view_needs_a_moment_and_a_memory_that_is_open() -> None:
    memory = Memory("memory://", user_id="ada")
    with pytest.raises(UsageError, match="valid_at, known_at or both"):
        memory.as_of()
    with pytest.raises(UsageError, match="valid_at: 'soon'"):
        memory.as_of("soon")
    view = memory.as_of("2024-01-01")
    assert (view.known_at, str(view.valid_at)) == (None, "2024-01-01 00:00:00+00:00")
    assert repr(view) == "View(valid_at=2024-01-01T00:00:00.000000Z)"
    memory.close()
    with pytest.raises(UsageError, match="closed"):
        view.relations()
    with pytest.raises(UsageError, match="closed"):
        memory.as_of("2024-01-01")


def test_what_began_and_ended_between_two_moments(life: Life) -> None:
    found = life.memory.diff("2021-06-01", "2023-01-01")
    assert [(d.what, str(d.at)[:10], d.fact.text) for d in found] == [
        ("ended", "2022-01-01", "Ada Lovelace lives in Paris"),
        ("began", "2022-01-01", "Ada Lovelace moved to Berlin"),
    ]
    assert all(d.reason for d in found)
    assert {d.episode_id for d in found} == {life.episodes["berlin"]}
    back = life.memory.diff("2023-01-01", "2021-06-01")
    assert {(d.what, d.fact.text) for d in back} == {
        ("began", "Ada Lovelace lives in Paris"),
        ("ended", "Ada Lovelace moved to Berlin"),
    }
    assert life.memory.diff("2021-06-01", "2021-06-02") == []


def test_what_was_learned_and_withdrawn_between_two_moments(life: Life) -> None:
    memory = life.memory
    memory.unrelate("Bob Stone", "works_at", "Acme")
    life.mark("withdrawn")

    def known(name: str) -> MemoryView:
        return memory.as_of("2023-01-01", life[name])

    found = memory.diff(known("paris"), known("bob"))
    assert [(d.what, d.fact.text) for d in found] == [("learned", "Bob Stone works at Acme")]
    (gone,) = memory.diff(known("berlin"), known("withdrawn"))
    assert (gone.what, gone.fact.text) == ("withdrawn", "Bob Stone works at Acme")
    assert life["berlin"] < (gone.at or life["nothing"]) < life["withdrawn"]
    assert gone.episode_id not in {None, life.episodes["bob"]}
    all_of_it = memory.diff(known("nothing"), known("withdrawn"))
    assert {d.what for d in all_of_it} == {"learned"}
    about = memory.diff(known("nothing"), known("withdrawn"), "Acme")
    assert {d.fact.text for d in about} == {"Ada Lovelace works at Acme"}
    assert len(memory.diff(known("nothing"), known("withdrawn"), limit=1)) == 1


def test_diff_refuses_what_is_no_moment(plain: Memory) -> None:
    with pytest.raises(UsageError, match="b: 'soon'"):
        plain.diff("2024-01-01", "soon")
    with pytest.raises(UsageError, match="a must be a moment or a view"):
        plain.diff(7, "2024-01-01")  # type: ignore[arg-type]
    assert plain.diff("2024-01-01", "2024-02-01", "Nobody") == []


def test_a_timeline_shows_plans_and_ends(plain: Memory) -> None:
    plain.relate("Ada", "lives_in", "Rome", valid_at="2020-01-01", invalid_at="2021-01-01")
    plain.relate(
        "Ada", "lives_in", "Oslo", modality="planned", valid_at="2030-01-01",
        occurred_at="2024-01-01",
    )  # fmt: skip

    def lines(moments: list[Moment]) -> list[tuple[str, str]]:
        return [(str(m.at)[:4], m.what) for m in moments]

    assert lines(plain.timeline()) == [("2020", "began"), ("2021", "ended"), ("2030", "planned")]
    assert lines(plain.as_of("2020-06-01").timeline()) == [("2020", "began")]
    then = plain.as_of("2021-01-15")
    assert lines(then.timeline(since="last month", until="this month")) == [("2021", "ended")]
    assert lines(then.timeline(until="last year")) == [("2020", "began")]
    with pytest.raises(UsageError, match="since: 'some day' is not a date"):
        plain.timeline(since="some day")
    with pytest.raises(UsageError, match=r"since \(2024-06\) is after until \(2024-05\)"):
        plain.timeline(since="2024-06", until="2024-05")


async def test_one_view_for_many_at_once() -> None:
    memory = await open_memory("memory://", user_id="ada")
    await memory.relate("Ada", "likes", "tea")
    view = memory.as_of(known_at="2099-01-01")
    found = await asyncio.gather(*(view.search("tea", kinds=["fact"]) for _ in range(8)))
    assert {len(result) for result in found} == {1}
    assert (await view.neighbours("Ada")).relations
    assert await memory.diff(view, memory.as_of("1999-01-01")) != []
    await memory.close()


def test_on_postgres_and_kuzu(postgres_url: str, tmp_path: Path) -> None:
    """The same through another ledger."""
    from graphmem import Settings

    clock = ManualClock("2024-01-01T00:00:00Z")
    given = Settings.load({}, ledger=f"{postgres_url}?schema=as_of")
    with Memory(tmp_path / "s", user_id="ada", settings=given, clock=clock) as memory:
        memory.relate("Ada", "lives_in", "Paris", valid_at="2020-01-01")
        then = clock.now()
        clock.advance(days=1)
        memory.relate("Ada", "lives_in", "Rome", valid_at="2022-01-01")
        assert {r.object for r in memory.as_of("2021-01-01").relations()} == {"Paris"}
        view = memory.as_of("2023-01-01", then)
        assert {r.object for r in view.relations()} == {"Paris"}
        assert {e.name for e in view.entities()} == {"Ada", "Paris"}
        assert view.entity("ada").name == "Ada"
        assert {e.name for e in view.neighbours("Ada").entities} == {"Ada", "Paris"}
        assert [d.what for d in memory.diff("2021-01-01", "2023-01-01")] == ["ended", "began"]
        assert [d.what for d in memory.diff(view, memory.as_of("2023-01-01"))] == [
            "ended", "learned",
        ]  # fmt: skip


def test_what_was_merged_since_is_apart_then() -> None:
    clock = ManualClock("2024-01-01T00:00:00Z")
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        memory.relate("Bob Stone", "works_at", "Acme", valid_at="2020-01-01")
        memory.relate("Rob Steen", "likes", "tea", valid_at="2020-01-01")
        rob = memory.entity("Rob Steen").id
        before = clock.now()
        clock.advance(days=1)
        memory.merge("Bob Stone", "Rob Steen")
        merged = clock.now()
        clock.advance(days=1)
        apart, one = memory.as_of(known_at=before), memory.as_of(known_at=merged)
        assert [e.aliases for e in apart.entities("stone")] == [()]
        assert {r.subject for r in apart.relations()} == {"Bob Stone", "Rob Steen"}
        assert {r.object for r in apart.neighbours("Rob Steen").relations} == {"tea"}
        memory.unmerge(rob)
        assert {r.subject for r in one.relations()} == {"Bob Stone"}
        assert {r.object for r in one.neighbours("Rob Steen").relations} == {"Acme", "tea"}
        with pytest.raises(NotFound):
            one.entity(rob)
