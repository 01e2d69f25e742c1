"""The scenarios themselves: complete, well formed, and true to their texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from graphmem.clock import parse_when
from graphmem.text import words
from tests.scenarios.compare import OBJECT
from tests.scenarios.data import Scenario, Step, load, parse_statement, whole

SCENARIOS = load()


class TestTheWhole:
    def test_there_are_enough(self) -> None:
        categories = Counter(scenario.category for scenario in SCENARIOS)
        assert len(SCENARIOS) >= 200
        assert len(categories) >= 20
        assert min(categories.values()) >= 5, categories

    def test_most_run_in_every_mode(self) -> None:
        assert sum(scenario.no_rules is None for scenario in SCENARIOS) >= 150
        assert sum(scenario.no_relate is None for scenario in SCENARIOS) >= 200

    def test_no_name_twice(self) -> None:
        ids = Counter(scenario.id for scenario in SCENARIOS)
        assert [id for id, count in ids.items() if count > 1] == []


class TestEach:
    """One walk over all scenarios a law: a scenario that breaks it is named."""

    def test_dates_are_dates(self) -> None:
        for scenario in SCENARIOS:
            for step in scenario.steps:
                assert step.arrives is None or step.arrives >= step.at, scenario.id
                for statement in step.statements:
                    since, until, ended = (
                        parse_when(when) if (when := whole(given)) else None
                        for given in (statement.since, statement.until, statement.ended)
                    )
                    assert since is None or until is None or since < until, scenario.id
                    assert ended is None or not statement.withdrawn, scenario.id
                    ahead = statement.modality in {"planned", "hypothetical"}
                    assert ahead or since is None or since <= step.at, scenario.id
            for expect in scenario.expect:
                # what was known at a time is asked together with a time in the world
                assert expect.known_at is None or expect.valid_at is not None, scenario.id
                assert expect.known_at is None or not scenario.order_free, scenario.id

    def test_names_are_in_the_text(self) -> None:
        """Every name of a statement was used by then, or is a speaker's or an alias of one."""
        for scenario in SCENARIOS:
            heard = ""
            for step in scenario.steps:
                heard += " ".join(("", *_heard(step, scenario)))
                for statement in step.statements:
                    for name in statement.names:
                        found = f" {' '.join(words(name))} " in f"{heard} "
                        assert found, (scenario.id, name, heard)

    def test_steps_make_sense(self) -> None:
        for scenario in SCENARIOS:
            assert scenario.expect, scenario.id
            times = [step.arrives or step.at for step in scenario.steps]
            assert times == sorted(times), f"{scenario.id}: in the order in which they arrive"
            for number, step in enumerate(scenario.steps, 1):
                if step.undo is not None:
                    assert 0 < step.undo < number, scenario.id
                    assert not step.turns, scenario.id
                    assert not step.statements, scenario.id
                    assert not scenario.order_free, scenario.id
                else:
                    assert step.turns, scenario.id
                in_range = all(one.turn < len(step.turns) for one in step.statements)
                assert in_range, scenario.id

    def test_expectations_are_statements(self) -> None:
        for scenario in SCENARIOS:
            for expect in scenario.expect:
                lines = [parse_statement(line) for line in expect.relations]
                assert len(set(expect.relations)) == len(lines), scenario.id
                plain = all(one.object and one.modality == "stated" for one in lines)
                assert plain, scenario.id
                known = set(expect.relations)
                pairs = [line for pair in (*expect.same, *expect.apart) for line in pair]
                assert {line.removeprefix(OBJECT) for line in pairs} <= known, scenario.id
                assert set(expect.sources) <= known, scenario.id


def _heard(step: Step, scenario: Scenario) -> Iterator[str]:
    """The folded words of a step: its texts, who speaks, and other names that they give."""
    aliases = (alias for more in step.aliases.values() for alias in more)
    speakers = (turn.by or "" for turn in step.turns)
    for text in (scenario.user, *speakers, *(turn.text for turn in step.turns), *aliases):
        yield " ".join(words(text))
