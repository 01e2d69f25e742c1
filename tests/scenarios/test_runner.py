"""An expectation that is not met fails, however it is not met."""

from __future__ import annotations

import tomllib

import pytest

from tests.scenarios.data import Scenario, parse_statement, read_scenario
from tests.scenarios.run import Mode, Unlike, check

STORY = """
name = "a story"
user = "Ada"
steps = [
  {at = "2024-01-01", text = "I live in Paris. My sister Zoe likes jazz.", statements = [
    "Ada lives_in Paris", "Zoe sibling_of Ada", "Zoe likes jazz"]},
  {at = "2024-02-01", text = "I live in Paris.", statements = ["Ada lives_in Paris"]},
]
"""
ALL = '"Ada lives_in Paris", "Zoe sibling_of Ada", "Zoe likes jazz"'
MODES: tuple[Mode, ...] = ("rules", "model")


def scenario(expect: str, story: str = STORY) -> Scenario:
    return read_scenario(tomllib.loads(f"{story}\nexpect = [{{{expect}}}]"), "tests")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "expect",
    [
        f"relations = [{ALL}]",
        'relations = ["Ada sibling_of Zoe", "Zoe likes jazz", "Ada lives_in Paris"]',
        'relations = ["Ada lives_in Paris"], about = [["Ada", "lives_in"]]',
        'relations = ["Zoe sibling_of Ada"], about = [["Ada", "sibling_of"]]',
        'relations = [], about = [["Zoe", "lives_in"]]',
        f'relations = [{ALL}], sources = {{"Ada lives_in Paris" = 2, "Zoe likes jazz" = 1}}',
        f'relations = [{ALL}], same = [["Zoe sibling_of Ada", "Zoe likes jazz"]], '
        'apart = [["Zoe likes jazz", "Ada lives_in Paris"]]',
    ],
)
def test_what_is_so_passes(expect: str, mode: Mode) -> None:
    check(scenario(expect), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        ('relations = ["Ada lives_in Paris"]', "not to be believed: Zoe likes jazz"),
        (f'relations = [{ALL}, "Ada lives_in Rome"]', "missing: Ada lives_in Rome"),
        ("relations = []", "not to be believed: Ada lives_in Paris"),
        (f'relations = [{ALL}], sources = {{"Zoe likes jazz" = 2}}', "in 1 episodes, not 2"),
        (
            f'relations = [{ALL}], apart = [["Zoe sibling_of Ada", "Zoe likes jazz"]]',
            "not two entities",
        ),
        (
            f"relations = [{ALL}], "
            'apart = [["object of Zoe sibling_of Ada", "Ada lives_in Paris"]]',
            "not two entities",
        ),
        (
            f'relations = [{ALL}], same = [["Ada lives_in Paris", "Zoe likes jazz"]]',
            "not one entity",
        ),
    ],
)
def test_what_is_not_so_fails(expect: str, problem: str, mode: Mode) -> None:
    with pytest.raises(Unlike, match=problem):
        check(scenario(expect), mode)


@pytest.mark.parametrize(
    "line",
    [
        "Ada",
        "Ada lives_in",
        "Ada lives_in Paris | maybe",
        "Ada lives_in Paris | since",
        "Ada lives_in Paris | withdrawn 2024",
        "lives_in Paris",
    ],
)
def test_a_statement_that_is_none(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a statement|says nothing"):
        parse_statement(line)


def test_an_unknown_key() -> None:
    with pytest.raises(ValueError, match="unknown keys: colour"):
        scenario("relations = []", STORY + '\ncolour = "red"')
    with pytest.raises(ValueError, match="a story"):
        scenario("relation = []")
