"""Every scenario gives the expected belief in every mode that it can be run in."""

from __future__ import annotations

import pytest

from tests.scenarios.data import Scenario, load
from tests.scenarios.run import check, runs_in

SCENARIOS = load()


def _named(scenario: Scenario) -> str:
    return scenario.id


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if runs_in(one, "rules")], ids=_named
)
def test_rules(scenario: Scenario) -> None:
    """Read from its texts, without a model."""
    check(scenario, "rules")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=_named)
def test_model(scenario: Scenario) -> None:
    """Read by a model that answers with the scenario's statements."""
    check(scenario, "model")


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if runs_in(one, "relate")], ids=_named
)
def test_relate(scenario: Scenario) -> None:
    """Told as structured statements."""
    check(scenario, "relate")
