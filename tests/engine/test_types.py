"""Relation types: declared, learned, taken back, and what that does to what is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.clock import ManualClock
from graphmem.engine import relation_types as declaring
from graphmem.errors import UsageError
from graphmem.model import RelationType

Believed = tuple[str, str, str, str, str]


def believed(memory: Memory, *entity: str, **scope: Any) -> list[Believed]:
    """Relations with the days on which they began and ended, in order."""
    found = memory.relations(*entity, current=False, limit=1000, **scope)
    return sorted(
        (r.subject, r.type, r.object, str(r.valid_at)[:10], str(r.invalid_at)[:10]) for r in found
    )


def cars(memory: Memory, subject: str = "Ada", **scope: Any) -> None:
    memory.relate(subject, "drives", "Fiat", valid_at="2020-01-01", **scope)
    memory.relate(subject, "drives", "Saab", valid_at="2021-01-01", **scope)


ALL_OPEN = [
    ("Ada", "drives", "Fiat", "2020-01-01", "None"),
    ("Ada", "drives", "Saab", "2021-01-01", "None"),
]
ONE_OPEN = [
    ("Ada", "drives", "Fiat", "2020-01-01", "2021-01-01"),
    ("Ada", "drives", "Saab", "2021-01-01", "None"),
]


def test_a_type_is_asked_for_in_any_form(plain: Memory) -> None:
    """As it is written, as what stands for it, as what it stands for; from either side."""
    plain.relate("Ada", "drives", "Fiat", valid_at="2020-01-01")
    plain.relate("Ada", "steers", "Saab", valid_at="2021-01-01")
    plain.relate("Saab", "steered_by", "Bob", valid_at="2022-01-01")
    plain.relate("Ada", "works_at", "Acme")
    plain.declare_type("steers", same_as="drives")
    plain.declare_type("steered_by", inverse_of="steers")
    noted = ["Fiat", "Saab"]
    for type in ("drives", "Drives", "steers", "steered by"):
        found = plain.relations("Ada", type=type)
        assert [relation.object for relation in found] == noted, type
        assert len(plain.relations(type=type)) == 3
        assert len(plain.relations("Saab", type=type)) == 2
        assert len(plain.relations(type=type, limit=2)) == 2
        then = plain.as_of("2020-06-01").relations(type=type)
        assert [relation.object for relation in then] == ["Fiat"]
    assert [r.object for r in plain.relations("Ada", type="employed by")] == ["Acme"]
    assert plain.relations(type="flies") == []


class TestDeclared:
    def test_before_or_after(self, plain: Memory) -> None:
        cars(plain)
        assert believed(plain) == ALL_OPEN
        found = plain.declare_type("drives", single_valued=True)
        assert found == RelationType("drives", "one", "declared", statements=2, subjects=1)
        assert believed(plain) == ONE_OPEN
        plain.relate("Ada", "drives", "Volvo", valid_at="2020-06-01")
        assert believed(plain) == [
            ("Ada", "drives", "Fiat", "2020-01-01", "2020-06-01"),
            ("Ada", "drives", "Saab", "2021-01-01", "None"),
            ("Ada", "drives", "Volvo", "2020-06-01", "2021-01-01"),
        ]
        assert plain.verify().ok

    def test_withdrawn(self, plain: Memory) -> None:
        cars(plain)
        plain.declare_type("drives", single_valued=True)
        assert plain.declare_type("drives").because == "default"
        assert believed(plain) == ALL_OPEN

    def test_a_built_in_one_may_be_declared_otherwise(self, plain: Memory) -> None:
        plain.relate("Ada", "lives_in", "Lyon", valid_at="2020-01-01")
        plain.relate("Ada", "lives_in", "Turin", valid_at="2021-01-01")
        assert [home.object for home in plain.relations()] == ["Turin"]
        found = plain.declare_type("resides in", single_valued=False)
        assert (found.type, found.at_a_time, found.because) == ("lives_in", "many", "declared")
        assert [home.object for home in plain.relations()] == ["Lyon", "Turin"]
        plain.declare_type("lives_in", single_valued=True)
        plain.declare_type("lives_in")
        assert [home.object for home in plain.relations()] == ["Turin"]

    def test_history_says_why_and_the_past_is_as_it_was(self) -> None:
        clock = ManualClock("2024-01-01")
        with Memory("memory://", user_id="ada", clock=clock) as memory:
            cars(memory)
            clock.advance(days=10)
            memory.declare_type("drives", single_valued=True)
            clock.advance(days=10)
            fiat = next(r for r in memory.relations(current=False) if r.object == "Fiat")
            last = memory.history(fiat.fact_id)[-1]
            assert (last.actor, last.episode_id) == ("user", None)
            assert last.reason.startswith("only one at a time since it was declared so: ")
            then = memory.as_of(known_at="2024-01-05").relations()
            assert sorted(r.object for r in then) == ["Fiat", "Saab"]
            now = memory.as_of(valid_at="2022-01-01").relations()
            assert [r.object for r in now] == ["Saab"]
            with pytest.raises(UsageError, match="cannot be undone"):
                memory.undo(str(last.seq))

    def test_what_is_undone_afterwards(self, plain: Memory) -> None:
        cars(plain)
        plain.declare_type("drives", single_valued=True)
        newer = plain.relate("Ada", "drives", "Volvo", valid_at="2022-01-01")
        plain.undo(newer.episode_id)
        assert believed(plain) == ONE_OPEN
        assert plain.verify().ok

    def test_what_was_set_by_hand_stays(self, plain: Memory) -> None:
        cars(plain)
        fiat = next(r for r in plain.relations() if r.object == "Fiat")
        plain.update(fiat.fact_id, "Ada drove the Fiat.", invalid_at="2020-05-01")
        plain.declare_type("drives", single_valued=True)
        assert believed(plain)[0] == ("Ada", "drives", "Fiat", "2020-01-01", "2020-05-01")
        assert plain.get(fiat.fact_id).text == "Ada drove the Fiat."

    def test_for_everybody(self) -> None:
        seen: list[tuple[int, int]] = []
        with Memory("memory://") as memory:
            for user in ("ada", "bob", "eve"):
                cars(memory, user_id=user)
            memory.declare_type(
                "drives",
                single_valued=True,
                all_scopes=True,
                progress=lambda done, total: seen.append((done, total)),
            )
            assert seen == [(3, 3)]
            for user in ("ada", "bob", "eve"):
                assert believed(memory, user_id=user) == ONE_OPEN
            assert memory.verify().ok

    def test_it_survives(self, tmp_path: Path) -> None:
        with Memory(tmp_path, user_id="ada") as memory:
            memory.declare_type("drives", single_valued=True)
            memory.declare_type("steers", same_as="drives")
        with Memory(tmp_path, user_id="ada") as memory:
            cars(memory)
            assert believed(memory) == ONE_OPEN
            assert [one.type for one in memory.relation_types()] == ["drives", "steers"]
            memory.delete_all()
            cars(memory)
            assert believed(memory) == ONE_OPEN, "it is the store's, not the scope's"

    def test_nothing_new_writes_nothing(self, plain: Memory) -> None:
        cars(plain)
        plain.declare_type("drives")
        assert [one.because for one in plain.relation_types()] == ["default"]
        plain.declare_type("drives", single_valued=True)
        seen: list[int] = []
        plain.declare_type(
            "drives", single_valued=True, progress=lambda done, _total: seen.append(done)
        )
        assert seen == []

    @pytest.mark.parametrize(
        ("type", "options", "says"),
        [
            ("!", {}, "is no relation"),
            ("x" * 101, {"single_valued": True}, "is no relation"),
            (7, {}, "is no relation"),
            ("drives", {"single_valued": 1}, "True, False or None"),
            ("drives", {"single_valued": True, "same_as": "owns"}, "one of"),
            ("drives", {"same_as": "owns", "inverse_of": "owns"}, "one of"),
            ("drives", {"same_as": "?"}, "is no relation"),
            ("drives", {"same_as": "drives"}, "are one already"),
            ("employs", {"single_valued": True}, "works_at, the other way round"),
            ("resides in", {"same_as": "stays_in"}, "always kept as lives_in"),
            ("drives", {"same_as": "worked at"}, "is works_at that is over"),
            ("owns", {"same_as": "steers"}, "steers stands for owns"),
            ("steers", {"single_valued": True}, "steers stands for owns"),
        ],
    )
    def test_what_cannot_be(
        self, plain: Memory, type: Any, options: dict[str, Any], says: str
    ) -> None:
        plain.declare_type("steers", same_as="owns")
        with pytest.raises(UsageError, match=says):
            plain.declare_type(type, **options)


class TestSame:
    def test_what_was_stated_is_seen_as_the_other(self, plain: Memory) -> None:
        cars(plain)
        plain.relate("Ada", "steers", "Volvo", valid_at="2022-01-01")
        plain.declare_type("drives", single_valued=True)
        found = plain.declare_type("steers", same_as="drives")
        assert (found.same_as, found.inverse, found.at_a_time) == ("drives", False, "one")
        plain.relate("Ada", "steers", "Saab", valid_at="2023-01-01")
        assert believed(plain) == [
            ("Ada", "drives", "Fiat", "2020-01-01", "2021-01-01"),
            ("Ada", "drives", "Saab", "2021-01-01", "2022-01-01"),
            ("Ada", "drives", "Saab", "2023-01-01", "None"),
            ("Ada", "drives", "Volvo", "2022-01-01", "2023-01-01"),
        ]
        plain.declare_type("steers")
        assert believed(plain) == [
            ("Ada", "drives", "Fiat", "2020-01-01", "2021-01-01"),
            ("Ada", "drives", "Saab", "2021-01-01", "None"),
            ("Ada", "steers", "Saab", "2023-01-01", "None"),
            ("Ada", "steers", "Volvo", "2022-01-01", "None"),
        ]
        assert plain.verify().ok

    def test_one_fact_of_both_words_and_two_again(self, plain: Memory) -> None:
        plain.relate("Ada", "drives", "Fiat", valid_at="2020-01-01")
        plain.relate("Ada", "steers", "Fiat", valid_at="2020-01-01")
        plain.declare_type("steers", same_as="drives")
        (fact,) = plain.get_all().items
        assert len(fact.sources) == 2
        plain.declare_type("steers")
        assert [row[1] for row in believed(plain)] == ["drives", "steers"]
        assert plain.verify().ok

    def test_the_other_way_round(self, plain: Memory) -> None:
        plain.declare_type("drives", single_valued=True)
        plain.relate("Fiat", "driven by", "Ada", valid_at="2020-01-01")
        plain.relate("Ada", "drives", "Saab", valid_at="2021-01-01")
        assert plain.declare_type("driven_by", inverse_of="drives").inverse
        assert believed(plain) == ONE_OPEN
        plain.relate("Fiat", "driven by", "Ada", valid_at="2022-01-01")
        assert believed(plain, "Ada")[1] == ("Ada", "drives", "Fiat", "2022-01-01", "None")
        plain.unrelate("Fiat", "driven by", "Ada", invalid_at="2023-01-01")
        assert believed(plain)[1] == ("Ada", "drives", "Fiat", "2022-01-01", "2023-01-01")
        plain.declare_type("driven_by")
        assert ("Ada", "drives", "Saab", "2021-01-01", "None") in believed(plain)
        assert plain.verify().ok

    def test_a_word_that_is_built_in_the_other_way_round(self, plain: Memory) -> None:
        plain.relate("Acme", "staffs", "Ada", valid_at="2020-01-01")
        plain.declare_type("staffs", same_as="employs")
        assert believed(plain) == [("Ada", "works_at", "Acme", "2020-01-01", "None")]

    def test_in_a_row(self, plain: Memory) -> None:
        """steers is drives, drives is commands: whatever is declared first."""
        cars(plain)
        plain.relate("Ada", "steers", "Volvo", valid_at="2022-01-01")
        plain.declare_type("steers", same_as="drives")
        plain.declare_type("drives", same_as="commands")
        assert {row[1] for row in believed(plain)} == {"commands"}
        plain.declare_type("commands", single_valued=True)
        assert [row[4] for row in believed(plain)] == ["2021-01-01", "2022-01-01", "None"]
        plain.declare_type("drives")
        assert {row[1] for row in believed(plain)} == {"drives"}
        assert [row[4] for row in believed(plain)] == ["None", "None", "None"]

    def test_withdrawn_and_stated_again_is_news(self, plain: Memory) -> None:
        plain.declare_type("driven_by", inverse_of="drives")
        stated: Any = {"valid_at": "2020-01-01"}
        first = plain.relate("Fiat", "driven_by", "Ada", **stated)
        assert plain.relate("Fiat", "driven_by", "Ada", **stated).status == "duplicate"
        plain.unrelate("Fiat", "driven_by", "Ada")
        assert believed(plain) == []
        again = plain.relate("Fiat", "driven_by", "Ada", **stated)
        assert (again.status, again.episode_id != first.episode_id) == ("done", True)
        assert len(believed(plain)) == 1

    def test_a_word_turned_that_is_stated_again_is_a_repeat(self, plain: Memory) -> None:
        stated: Any = {"valid_at": "2020-01-01"}
        plain.relate("Acme", "employs", "Ada", **stated)
        assert plain.relate("Acme", "employs", "Ada", **stated).status == "duplicate"

    def test_with_merged_entities(self, plain: Memory) -> None:
        plain.relate("Ada", "drives", "Fiat", valid_at="2020-01-01")
        plain.relate("Countess", "steers", "Saab", valid_at="2021-01-01")
        plain.merge("Ada", "Countess")
        plain.declare_type("drives", single_valued=True)
        plain.declare_type("steers", same_as="drives")
        assert believed(plain) == ONE_OPEN
        (gone,) = [e for e in plain.entities() if e.name == "Ada"]
        assert gone.aliases == ("Countess",)
        plain.unmerge(gone.id)
        assert [row[4] for row in believed(plain)] == ["None", "None"]
        assert plain.verify().ok


FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def hand_over(memory: Memory, subjects: int, *, at_once: int = 0, **scope: Any) -> None:
    """Subjects that drive one car for a year and then another; of some the years overlap."""
    rows = []
    for number in range(subjects):
        overlap = 400 if number < at_once else 0
        first, second, end = (FIRST + timedelta(days=d) for d in (number, number + 400, 1200))
        until = second + timedelta(days=overlap)
        rows.append((f"Driver{number}", "drives", "Fiat", first, until))
        rows.append((f"Driver{number}", "drives", "Saab", second, end))
    assert memory.relate_many(rows, **scope) == len(rows)


class TestLearned:
    def test_what_is_handed_over_has_one_at_a_time(self, plain: Memory) -> None:
        hand_over(plain, 25)
        cars(plain)
        (found,) = plain.learn_types()
        assert (found.type, found.at_a_time, found.because) == ("drives", "usually_one", "learned")
        assert found.statements == 52
        assert believed(plain, "Ada") == ONE_OPEN
        fiat = next(r for r in plain.relations("Ada", current=False) if r.object == "Fiat")
        last = plain.history(fiat.fact_id)[-1]
        assert last.actor == "graphmem"
        assert last.reason.startswith("only one at a time, as the data shows: ")
        assert plain.learn_types() == []
        assert plain.verify().ok

    def test_what_many_have_at_once_stays_many(self, plain: Memory) -> None:
        hand_over(plain, 25, at_once=10)
        cars(plain)
        before = believed(plain)
        (found,) = plain.learn_types()
        assert (found.at_a_time, found.because) == ("many", "learned")
        assert believed(plain) == before

    def test_too_few_say_nothing(self, plain: Memory) -> None:
        hand_over(plain, 19)
        assert plain.learn_types() == []
        plain.delete_all()
        hand_over(plain, 25, at_once=2)
        assert plain.learn_types() == [], "neither clearly one nor clearly several"

    def test_what_was_declared_goes_first_and_leaves_it_when_it_goes(self, plain: Memory) -> None:
        hand_over(plain, 25)
        cars(plain)
        plain.declare_type("drives", single_valued=False)
        plain.learn_types()
        assert believed(plain, "Ada") == ALL_OPEN
        assert plain.declare_type("drives").because == "learned"
        assert believed(plain, "Ada") == ONE_OPEN

    def test_what_the_data_shows_no_more_is_forgotten(self, plain: Memory) -> None:
        hand_over(plain, 25, run_id="fleet")
        cars(plain)
        plain.learn_types()
        assert believed(plain, "Ada") == ONE_OPEN
        plain.delete_all(run_id="fleet")
        (found,) = plain.learn_types()
        assert (found.type, found.because) == ("drives", "default")
        assert believed(plain, "Ada") == ALL_OPEN

    def test_of_two_words_and_of_merged_subjects(self, plain: Memory) -> None:
        """Half of what each driver did is told of another name, or the other way round."""
        plain.declare_type("driven_by", inverse_of="drives")
        for number in range(24):
            who, other = f"Driver{number}", f"Pilot{number}"
            plain.relate(who, "drives", "Fiat", valid_at="2020-01-01", invalid_at="2021-01-01")
            if number % 2:
                plain.relate("Saab", "driven_by", who, valid_at="2021-01-01")
            else:
                plain.relate(other, "drives", "Saab", valid_at="2021-01-01")
                plain.merge(who, other)
        assert [(one.type, one.at_a_time) for one in plain.learn_types()] == [
            ("drives", "usually_one")
        ]


class TestListed:
    def test_why_and_how_often(self, plain: Memory) -> None:
        cars(plain)
        plain.relate("Ada", "lives_in", "Rome")
        plain.relate("Ada", "knows", "Bob", user_id="other")
        plain.declare_type("sails", single_valued=True)
        assert plain.relation_types() == [
            RelationType("drives", "many", "default", statements=2, subjects=1),
            RelationType("lives_in", "usually_one", "built_in", statements=1, subjects=1),
            RelationType("sails", "one", "declared"),
        ]
        noted = plain.relate("Ada", "hums", "Ode", run_id="r")
        assert [one.type for one in plain.relation_types(run_id="r")] == ["hums", "sails"]
        plain.undo(noted.episode_id)
        assert "hums" not in [one.type for one in plain.relation_types()]

    def test_without_a_scope_it_is_the_whole_store(self) -> None:
        with Memory("memory://") as memory:
            cars(memory, user_id="ada")
            cars(memory, user_id="bob")
            (drives,) = memory.relation_types()
            assert (drives.statements, drives.subjects) == (4, 2)
            assert memory.relation_types(user_id="bob")[0].statements == 2

    def test_what_is_learned_of_others_is_not_listed(self, plain: Memory) -> None:
        hand_over(plain, 25)
        plain.learn_types()
        assert plain.relation_types(user_id="somebody else") == []


class Stopped(Exception):
    """Raised in the midst of it."""


def test_cut_short_it_is_finished_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declaring, "_PAGE", 4)

    def stop(done: int, _total: int) -> None:
        if done >= 8:
            raise Stopped

    with Memory(tmp_path, user_id="ada") as memory:
        for number in range(20):
            cars(memory, f"Driver{number}")
        with pytest.raises(Stopped):
            memory.declare_type("drives", single_valued=True, progress=stop)
        assert len(memory.relations()) == 40 - 8
        assert not memory.relation_types()[0].settled
        assert memory.verify().ok
    with Memory(tmp_path, user_id="ada") as memory:
        memory.relate("Driver19", "drives", "Volvo", valid_at="2022-01-01")
        assert [r.object for r in memory.relations("Driver19")] == ["Volvo"], (
            "what is said is right"
        )
        assert memory.declare_type("drives", single_valued=True).settled
        assert len(memory.relations()) == 20
        assert memory.verify().ok
        with pytest.raises(Stopped):
            memory.declare_type("drives", progress=stop)
        memory.learn_types()
        assert memory.relation_types()[0].settled
        assert len(memory.relations()) == 41


def test_another_process_decides_by_it(tmp_path: Path, postgres_url: str) -> None:
    """Two memories on one ledger: what one declares, the other's next decision goes by."""
    from tests.adapters.ledger.conftest import fresh_schema

    with fresh_schema(postgres_url) as url:
        opened = [
            Memory(
                "memory://",
                user_id="ada",
                settings=Settings.load({}, ledger=url, graph="memory://", vectors="memory://"),
            )
            for _ in range(2)
        ]
        with opened[0] as one, opened[1] as other:
            cars(other)
            one.declare_type("drives", single_valued=True)
            assert believed(other) == ONE_OPEN
            other.relate("Ada", "drives", "Volvo", valid_at="2022-01-01")
            assert [r.object for r in other.relations()] == ["Volvo"]
            assert believed(one) == believed(other)
            one.declare_type("drives")
            other.relate("Ada", "drives", "Opel", valid_at="2023-01-01")
            assert len(one.relations()) == 4
            hand_over(other, 25)
            one.learn_types()
            assert believed(other, "Ada")[:1] == ONE_OPEN[:1]


@pytest.mark.parametrize(
    ("first", "then", "type"),
    [
        ("Me and Jo are engaged.", "Me and Jo are no longer together.", "engaged_to"),
        ("I am dating Jo Reed.", "Me and Jo are no longer together.", "dating"),
        ("Bob and I got engaged in May.", "Bob and I broke up last week.", "engaged_to"),
        ("I am a member of Acme Labs.", "I left Acme Labs last month.", "member_of"),
        ("I work at Norlys as a tester.", "I left Norlys.", "works_as"),
        ("I'm a nurse at Norlys.", "I quit my job at Norlys.", "works_as"),
        ("Maya is a graphic designer at Papercrane.", "Maya left Papercrane.", "works_as"),
    ],
)
def test_what_goes_with_an_end_ends_too(first: str, then: str, type: str) -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.add(first, occurred_at="2026-01-05")
        (held,) = memory.relations(type=type)
        assert held.invalid_at is None
        memory.add(then, occurred_at="2026-06-20")
        assert memory.relations(type=type) == []
        (over,) = memory.relations(type=type, current=False)
        assert over.invalid_at is not None


def test_a_profession_outlives_the_job() -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.add("I am a nurse. I work at Norlys.", occurred_at="2026-01-05")
        memory.add("I left Norlys.", occurred_at="2026-06-20")
        assert [r.object for r in memory.relations(type="works_as")] == ["nurse"]
        assert memory.relations(type="works_at") == []
