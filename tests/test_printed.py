"""What ``print()`` shows of answers: a line each, for people."""

from __future__ import annotations

from graphmem import Memory
from graphmem.clock import ManualClock


def test_every_answer_reads_as_it_is_printed() -> None:
    with Memory("memory://", user_id="Omar", clock=ManualClock("2026-01-01T00:00:00Z")) as memory:
        first = memory.add(
            "I moved to Rotterdam. My wife Leila works at Nokia.", occurred_at="2024-09-02"
        )
        then = memory.add(
            [{"name": "Omar", "content": "I moved to Oslo."}], occurred_at="2025-01-01"
        )
        old = "Omar moved to Rotterdam (since 2024-09-02 until 2025-01-01)"
        new = "Omar moved to Oslo (since 2025-01-01)"

        told = str(then).splitlines()
        assert told[0] == f"done · {then.episode_id}"
        assert told[1].startswith(f"UPDATE · {old} · something else held")
        assert told[2].startswith(f"ADD · {new} · ")
        assert str(first.decisions[0]) == "ADD · Omar moved to Rotterdam (since 2024-09-02) · new"

        assert sorted(map(str, memory.relations(current=False))) == [
            "Leila -married_to→ Omar (said 2024-09-02)",
            "Leila -works_at→ Nokia (said 2024-09-02)",
            "Omar -lives_in→ Oslo (since 2025-01-01)",
            "Omar -lives_in→ Rotterdam (since 2024-09-02 until 2025-01-01)",
        ]
        memory.add("Hello.", run_id="talk", occurred_at="2025-02-01")
        assert str(memory.runs()) == "2025-02-01 · talk · Hello."
        memory.update_run("talk", title="A talk", closed=True)
        assert str(memory.runs()) == "2025-02-01 · talk · A talk · closed"
        found = memory.search("Where do I live?")
        assert str(found[0]) == f"1. fact {found[0].score:.3f} · 2025-01-01 · {new}"
        assert str(found).splitlines() == [str(hit) for hit in found]
        (outdated,) = (hit for hit in found if hit.outdated)
        assert str(outdated).endswith("(outdated: lives_in until 2025-01-01)")

        explained = str(memory.explain(found[0])).splitlines()
        assert explained[:2] == [new, "2025-01-01 · Omar: I moved to Oslo."]
        assert explained[2].startswith(f"2026-01-01 · ADD · {new}")
        assert str(memory.context("Oslo").cited(1)) == f"[1] {new}"
        assert "2025-01-01 · Omar left Rotterdam" in map(str, memory.timeline())
        (path,) = memory.paths("Omar", "Nokia")
        assert str(path) == "Omar ←married_to- Leila -works_at→ Nokia"
        assert list(map(str, path.steps)) == ["Omar ←married_to- Leila", "Leila -works_at→ Nokia"]
        assert str(memory.neighbours("Nokia")).splitlines() == [
            "Nokia (organization)",
            "Leila (person)",
            "Leila -works_at→ Nokia (said 2024-09-02)",
        ]
        assert new in str(memory.get_all()).splitlines()
        gone = memory.diff("2024-12-01", "2025-02-01")[0]
        assert str(gone).startswith("2025-01-01 · Omar left Rotterdam · something else")
        query = "MATCH (e:Entity {name: 'Leila'}) RETURN e.name, e.kind"
        assert str(memory.cypher(query)) == "e.name\te.kind\nLeila\tperson"


def test_nothing_reads_as_nothing() -> None:
    with Memory("memory://", user_id="Omar") as memory:
        assert str(memory.search("Oslo")) == "nothing found"
        assert str(memory.get_all()) == "nothing"


def test_a_plan_ends_on_no_day_that_nobody_told() -> None:
    with Memory("memory://", user_id="Omar", clock=ManualClock("2025-04-11T00:00:00Z")) as memory:
        told = memory.add("I start at Nokia on 3 May.", occurred_at="2025-04-10")
        (plan,) = memory.get_all().items
        assert plan.invalid_at is not None
        assert plan.stated_end is None
        assert str(plan) == "Omar starts working at Nokia on 2025-05-03 (planned)"
        assert str(told.decisions[0]) == f"ADD · {plan} · new, planned"
        context = str(memory.context("Where will I work?"))
        assert "planned for 2025-05-03)" in context
        assert "until" not in context
        changed = memory.add("I start at Nokia on 10 May.", occurred_at="2025-04-20")
        assert any(
            "on 2025-05-03 (planned, until 2025-04-20)" in str(one) for one in changed.decisions
        )
