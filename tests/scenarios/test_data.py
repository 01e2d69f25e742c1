"""The scenarios themselves: complete, well formed, and true to their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from graphmem.clock import parse_when
from graphmem.text import words
from tests.scenarios.compare import OBJECT
from tests.scenarios.data import Scenario, Step, load, parse_statement, whole

SCENARIOS = load()


def _named(scenario: Scenario) -> str:
    return scenario.id


class TestTheWhole:
    def test_there_are_enough(self) -> None:
        categories = Counter(scenario.category for scenario in SCENARIOS)
        assert len(SCENARIOS) >= 200
        assert len(categories) >= 20
        assert min(categories.values()) >= 5, categories

    def test_most_can_be_told_in_every_way(self) -> None:
        assert sum(scenario.no_rules is None for scenario in SCENARIOS) >= 150
        assert sum(scenario.no_relate is None for scenario in SCENARIOS) >= 200

    def test_no_name_twice(self) -> None:
        ids = Counter(scenario.id for scenario in SCENARIOS)
        assert [id for id, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=_named)
class TestEach:
    def test_dates_are_dates(self, scenario: Scenario) -> None:
        for step in scenario.told:
            assert step.arrives is None or step.arrives >= step.at
            for said in step.statements:
                since, until, ended = (
                    parse_when(when) if (when := whole(given)) else None
                    for given in (said.since, said.until, said.ended)
                )
                assert since is None or until is None or since < until
                assert ended is None or not said.withdrawn
                ahead = said.modality in {"planned", "hypothetical"}
                assert ahead or since is None or since <= step.at
        for expect in scenario.expect:
            # what was known at a time is asked together with a time in the world
            assert expect.known_at is None or expect.valid_at is not None
            assert expect.known_at is None or not scenario.order_free

    def test_names_are_said(self, scenario: Scenario) -> None:
        """Every name of a statement was said by then, or is a speaker's or another name of one."""
        heard = ""
        for step in scenario.told:
            heard += " ".join(("", *_heard(step, scenario)))
            for said in step.statements:
                for name in said.names:
                    assert f" {' '.join(words(name))} " in f"{heard} ", (name, heard)

    def test_steps_make_sense(self, scenario: Scenario) -> None:
        assert scenario.expect
        times = [step.arrives or step.at for step in scenario.told]
        assert times == sorted(times), "told in the order in which the memory hears it"
        for number, step in enumerate(scenario.told, 1):
            if step.undo is not None:
                assert 0 < step.undo < number
                assert not step.turns
                assert not step.statements
                assert not scenario.order_free
            else:
                assert step.turns
            assert all(said.turn < len(step.turns) for said in step.statements)

    def test_expectations_are_statements(self, scenario: Scenario) -> None:
        for expect in scenario.expect:
            lines = [parse_statement(line) for line in expect.relations]
            assert len(set(expect.relations)) == len(lines)
            assert all(said.object and said.modality == "stated" for said in lines)
            known = set(expect.relations)
            pairs = [line for pair in (*expect.same, *expect.apart) for line in pair]
            assert {line.removeprefix(OBJECT) for line in pairs} <= known
            assert set(expect.sources) <= known


def _heard(step: Step, scenario: Scenario) -> Iterator[str]:
    """The folded words of a step: its texts, who speaks, and other names that they give."""
    aliases = (alias for more in step.aliases.values() for alias in more)
    speakers = (said.by or "" for said in step.turns)
    for text in (scenario.user, *speakers, *(said.text for said in step.turns), *aliases):
        yield " ".join(words(text))
