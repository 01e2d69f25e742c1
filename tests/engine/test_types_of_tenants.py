"""Relation types are declared and learned for one user (or agent by itself), and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, restore
from graphmem.errors import UsageError
from graphmem.model import TypeRule
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes
from tests.engine.test_types import ALL_OPEN, ONE_OPEN, believed, cars, hand_over

ADA: Any = {"user_id": "ada"}
BOB: Any = {"user_id": "bob"}


def _opposite(memory: Memory) -> None:
    """Two users of whom each has declared the opposite of the other."""
    for user in (ADA, BOB):
        cars(memory, **user)
        memory.relate("Ada", "steers", "Opel", valid_at="2022-01-01", **user)
    memory.declare_type("drives", single_valued=True, **ADA)
    memory.declare_type("drives", single_valued=False, **BOB)
    memory.declare_type("steers", same_as="drives", **ADA)


OPEL = ("Ada", "steers", "Opel", "2022-01-01", "None")
ADAS = [
    ONE_OPEN[0],
    ("Ada", "drives", "Opel", "2022-01-01", "None"),
    ("Ada", "drives", "Saab", "2021-01-01", "2022-01-01"),
]
BOBS = [*ALL_OPEN, OPEL]


def _check_apart(memory: Memory) -> None:
    assert believed(memory, **ADA) == ADAS
    assert believed(memory, **BOB) == BOBS
    shown = {
        user: {t.type: (t.at_a_time, t.because) for t in memory.relation_types(user_id=user)}
        for user in ("ada", "bob")
    }
    assert shown["ada"] == {"drives": ("one", "declared"), "steers": ("one", "declared")}
    assert shown["bob"] == {"drives": ("many", "declared"), "steers": ("many", "default")}
    assert len(memory.relations(type="drives", current=False, **ADA)) == 3
    assert len(memory.relations(type="drives", current=False, **BOB)) == 2
    assert len(memory.get_all(where="type = drives", current=False, **ADA).items) == 3
    assert len(memory.get_all(where="type = drives", current=False, **BOB).items) == 2
    # What is stated from here on is decided by the same.
    for user, ended in ((ADA, "2023-01-01"), (BOB, "None")):
        with_more = memory.relate("Ada", "drives", "Volvo", valid_at="2023-01-01", **user)
        opel = next(row for row in believed(memory, **user) if row[2] == "Opel")
        assert opel[4] == ended
        memory.undo(with_more.episode_id, **user)
    assert memory.verify().ok


def test_two_users_declare_opposite_things(tmp_path: Path) -> None:
    """And keep each their own through reopening, a rebuild, a backup and exports."""
    with Memory(tmp_path / "m") as memory:
        _opposite(memory)
        _check_apart(memory)
    with Memory(tmp_path / "m") as memory:
        _check_apart(memory)
        assert memory.rebuild().ok
        _check_apart(memory)
        memory.backup(tmp_path / "b")
        for user in ("ada", "bob"):
            memory.export(tmp_path / f"{user}.jsonl", user_id=user)
        memory.export(tmp_path / "all.jsonl", all_scopes=True)
    restore(tmp_path / "b", tmp_path / "again")
    with Memory(tmp_path / "again") as memory:
        _check_apart(memory)
    assert '"same_as":"' in (tmp_path / "ada.jsonl").read_text()
    assert '"same_as":"' not in (tmp_path / "bob.jsonl").read_text(), "a rule of ada's"
    with Memory("memory://") as memory:
        cars(memory, user_id="eve")
        for user in ("ada", "bob"):
            memory.import_(tmp_path / f"{user}.jsonl", user_id=user)
        _check_apart(memory)
        assert believed(memory, user_id="eve") == ALL_OPEN
    with Memory("memory://") as memory:
        memory.import_(tmp_path / "all.jsonl", all_scopes=True)
        _check_apart(memory)


def test_they_go_with_whom_they_are_of(tmp_path: Path) -> None:
    with Memory(tmp_path / "m") as memory:
        _opposite(memory)
        memory.forget(**ADA)
        assert believed(memory, **BOB) == BOBS
        assert memory.declare_type("drives", **BOB).because == "default", "nothing is left of ada's"
        memory.export(tmp_path / "all.jsonl", all_scopes=True)
        assert '"same_as":"' not in (tmp_path / "all.jsonl").read_text()
        cars(memory, **ADA)
        assert believed(memory, **ADA) == ALL_OPEN
        assert memory.verify().ok


def test_what_an_agent_has_declared_goes_with_it() -> None:
    """It keeps its name, so that what was read of its rules before must not stay."""
    bot: Any = {"agent_id": "bot"}
    with Memory("memory://") as memory:
        memory.declare_type("drives", single_valued=True, **bot)
        cars(memory, **bot)
        assert believed(memory, **bot) == ONE_OPEN
        memory.forget(**bot)
        cars(memory, **bot)
        assert believed(memory, **bot) == ALL_OPEN


def test_what_is_of_a_user_goes_before_what_is_of_all() -> None:
    with Memory("memory://") as memory:
        for user in (ADA, BOB):
            cars(memory, **user)
        memory.declare_type("drives", single_valued=False, **ADA)
        memory.declare_type("drives", single_valued=True, all_scopes=True)
        assert believed(memory, **ADA) == ALL_OPEN
        assert believed(memory, **BOB) == ONE_OPEN
        memory.declare_type("drives", **ADA)
        assert believed(memory, **ADA) == ONE_OPEN, "taken back, what is of all holds"
        memory.declare_type("drives", all_scopes=True)
        assert believed(memory, **ADA) == believed(memory, **BOB) == ALL_OPEN
        assert memory.verify().ok


def test_what_all_declare_reaches_what_a_user_reads_as_that() -> None:
    with Memory("memory://") as memory:
        for user in (ADA, BOB):
            memory.relate("Ada", "pilots", "Fiat", valid_at="2020-01-01", **user)
            memory.relate("Ada", "pilots", "Saab", valid_at="2021-01-01", **user)
        memory.declare_type("pilots", same_as="steers", **ADA)
        memory.declare_type("steers", same_as="drives", all_scopes=True)
        memory.declare_type("drives", single_valued=True, all_scopes=True)
        assert [row[4] for row in believed(memory, **ADA)] == ["2021-01-01", "None"]
        assert [row[4] for row in believed(memory, **BOB)] == ["None", "None"]
        memory.declare_type("steers", all_scopes=True)
        assert [row[4] for row in believed(memory, **ADA)] == ["None", "None"]
        assert memory.verify().ok


def test_no_circle_comes_of_both() -> None:
    with Memory("memory://") as memory:
        for user in (ADA, BOB):
            cars(memory, **user)
            memory.relate("Ada", "steers", "Opel", valid_at="2022-01-01", **user)
        memory.declare_type("drives", same_as="steers", **ADA)
        memory.declare_type("steers", same_as="drives", all_scopes=True)
        memory.declare_type("steers", single_valued=True, **ADA)
        assert [row[2] for row in believed(memory, **ADA) if row[4] == "None"] == ["Opel"]
        assert len(memory.relations(type="drives", current=False, **BOB)) == 3
        assert memory.verify().ok
    own = [TypeRule("b", same_as="a")]
    types = RelationTypes.ruled(in_force([TypeRule("a", same_as="b")], own))
    assert types.canonical_form("a") == types.canonical_form("b")


def test_learned_of_one_user() -> None:
    with Memory("memory://") as memory:
        for user in (ADA, BOB):
            hand_over(memory, 25 if user is ADA else 3, **user)
            cars(memory, **user)
        (found,) = memory.learn_types(**ADA)
        assert (found.type, found.because, found.statements) == ("drives", "learned", 52)
        assert believed(memory, "Ada", **ADA) == ONE_OPEN
        assert believed(memory, "Ada", **BOB) == ALL_OPEN
        assert memory.learn_types(**BOB) == []
        assert [one.type for one in memory.learn_types(all_scopes=True)] == ["drives"]
        assert believed(memory, "Ada", **BOB) == ONE_OPEN
        assert memory.verify().ok


def test_everybodys_are_for_administrators() -> None:
    with Memory("memory://", user_id="ada") as memory:
        for call in (memory.learn_types, lambda **how: memory.declare_type("drives", **how)):
            with pytest.raises(UsageError, match="opened for one user"):
                call(all_scopes=True)
    with Memory("memory://") as memory:
        for call in (memory.learn_types, lambda **how: memory.declare_type("drives", **how)):
            with pytest.raises(UsageError, match="say whose"):
                call()
            with pytest.raises(UsageError, match="give no scope with it"):
                call(all_scopes=True, user_id="ada")
            with pytest.raises(UsageError, match="True or False"):
                call(all_scopes="yes")  # type: ignore[arg-type]
        assert memory.relation_types() == []
