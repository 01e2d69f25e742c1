"""Relation types: one form, how many objects, and what the data shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.belief.fold import fold_statements
from graphmem.belief.learn_types import Evidence, evidence, learned
from graphmem.relation_types.types import Form, Normal, RelationTypes, normal, snake
from tests.belief.statement_maker import Teller, shown


@pytest.mark.parametrize(
    ("statement", "type"),
    [
        ("resides_in", "lives_in"),
        ("is living in", "lives_in"),
        ("Lives At", "lives_in"),
        ("livesIn", "lives_in"),
        ("currently_lives_in", "lives_in"),
        ("has been employed by", "works_at"),
        ("is_an_employee_of", "works_at"),
        ("WORKS-FOR", "works_at"),
        ("is the wife of", "married_to"),
        ("is_a_member_of", "member_of"),
        ("has_pet", "has_pet"),
        ("has population of", "has_population_of"),
        ("was born in", "born_in"),
        ("brother_of", "sibling_of"),
        ("collects", "collects"),
        ("is", "is"),
    ],
)
def test_one_form(statement: str, type: str) -> None:
    assert normal(statement) == Normal(type)
    assert normal(type) == Normal(type), "the form is its own"


@pytest.mark.parametrize(
    ("statement", "type"),
    [
        ("employs", "works_at"),
        ("child_of", "parent_of"),
        ("is the daughter of", "parent_of"),
        ("was founded by", "founded"),
        ("owned_by", "owns"),
        ("manages", "managed_by"),
    ],
)
def test_the_other_way_round(statement: str, type: str) -> None:
    assert normal(statement) == Normal(type, swapped=True)


@pytest.mark.parametrize(
    "statement", ["lived_in", "used to live in", "formerly_lives_in", "resided_in"]
)
def test_a_form_that_says_it_is_over(statement: str) -> None:
    assert normal(statement) == Normal("lives_in", past=True)


def test_an_event_in_the_past_is_not_over() -> None:
    assert normal("went_to") == Normal("visited")
    assert normal("has been to") == Normal("visited")


def test_what_stands_for_what() -> None:
    own = {
        "pilots": Form("flies"),
        "flown_by": Form("pilots", True),
        "steers": Form("flown_by", True),
    }
    types = RelationTypes(declared={"flies": True}, synonyms=own)
    assert types.canonical_form("pilots") == Form("flies")
    assert types.canonical_form("flown_by") == Form("flies", swapped=True)
    assert types.canonical_form("steers") == Form("flies"), "swapped twice"
    assert types.canonical_form("likes") == Form("likes")
    assert types.count("flown_by") == "one"
    assert set(types.forms("flies")) == {
        Form("flies"), Form("pilots"), Form("flown_by", True), Form("steers"),
    }  # fmt: skip
    assert types.forms("likes") == (Form("likes"),)


def test_statements_are_read_as_what_they_stand_for() -> None:
    t = Teller("flown_by")
    statement = t("Kite", "2024-01-01")
    types = RelationTypes(synonyms={"flown_by": Form("flies", True)})
    (seen,) = types.read([statement])
    assert (seen.subject_id, seen.type, seen.object_id) == ("Kite", "flies", statement.subject_id)
    (plain,) = types.read([replace(statement, object_id=None, value="blue")])
    assert (plain.subject_id, plain.type) == (statement.subject_id, "flies"), (
        "nothing to change with"
    )
    assert RelationTypes().read([statement]) == [statement]


def test_snake() -> None:
    assert [snake(t) for t in ("Works At", "worksAt", "WORKS-AT", " ", "isn't")] == [
        "works_at", "works_at", "works_at", "", "isnt",
    ]  # fmt: skip


def test_how_many_at_a_time() -> None:
    types = RelationTypes(declared={"likes": True, "born_in": False}, learned={"captain_of": True})
    assert types.count("likes") == "one"
    assert types.count("born_in") == "many"
    assert types.count("captain_of") == "usually_one", "what was learned has exceptions"
    assert types.explained("likes") == ("one", "declared")
    assert types.explained("captain_of") == ("usually_one", "learned")
    assert types.explained("married_to") == ("one", "built_in")
    assert types.explained("owns") == ("many", "built_in")
    assert types.explained("juggles") == ("many", "default")
    assert types.count("works_at") == "usually_one"
    assert types.count("knows") == "many"


def test_two_jobs_in_one_breath_are_two_jobs() -> None:
    t, behaviour = Teller("works_at"), RelationTypes().behaviour("works_at")
    both = [t("Acme", "2024-01-01", episode_id="e"), t("Bolt", "2024-01-01", episode_id="e")]
    assert shown(fold_statements(both, behaviour)) == ["Acme 2024-01-01..", "Bolt 2024-01-01.."]
    again = [*both, t("Acme", "2024-02-01")]
    assert shown(fold_statements(again, behaviour)) == ["Acme 2024-01-01..", "Bolt 2024-01-01.."]
    change = [*again, t("Cog", "2024-03-01")]
    assert shown(fold_statements(change, behaviour)) == [
        "Acme 2024-01-01..2024-03-01", "Bolt 2024-01-01..2024-03-01", "Cog 2024-03-01..",
    ]  # fmt: skip


def test_two_jobs_by_their_dates() -> None:
    t, behaviour = Teller("works_at"), RelationTypes().behaviour("works_at")
    stated = [
        t("Acme", "2024-01-01", since="2016-01-01", until="2021-01-01"),
        t("Bolt", "2024-01-02", since="2018-01-01", until="2023-01-01"),
    ]
    assert shown(fold_statements(stated, behaviour)) == [
        "Acme 2016-01-01..2021-01-01", "Bolt 2018-01-01..2023-01-01",
    ]  # fmt: skip
    assert not RelationTypes().behaviour("married_to").may_overlap, (
        "nobody is told to have two of these"
    )


def test_what_ends_what() -> None:
    assert "married_to" in RelationTypes.ends("divorced_from")
    assert RelationTypes.ends("likes") == ()


def test_shapes() -> None:
    types = RelationTypes()
    assert types.behaviour("visited").event
    assert types.behaviour("married_to").symmetric
    assert types.behaviour(None) == types.behaviour("owns")


def test_learning_takes_much_and_clear() -> None:
    counts = {
        "captain_of": Evidence(concurrent=0, successive=20),
        "mayor_of": Evidence(concurrent=0, successive=19),
        "plays": Evidence(concurrent=6, successive=14),
        "sings": Evidence(concurrent=2, successive=18),
    }
    assert learned(counts) == {"captain_of": True, "plays": False}


def test_what_a_subject_shows() -> None:
    t = Teller("captain_of")
    successive = [
        t("Reds", "2020-01-01"),
        t("Reds", "2021-01-01", kind="end"),
        t("Blues", "2021-02-01"),
    ]
    assert evidence(successive) == Evidence(successive=1)
    assert evidence(successive[:1]) == Evidence()
    both = [t("Reds", "2020-01-01", episode_id="e"), t("Blues", "2020-01-01", episode_id="e")]
    assert evidence(both) == Evidence(concurrent=1)
    spans = [
        t("Reds", "2020-01-01", since="2010-01-01", until="2014-01-01"),
        t("Blues", "2020-01-02", since="2012-01-01", until="2015-01-01"),
    ]
    assert evidence(spans) == Evidence(concurrent=1)


@pytest.mark.parametrize(
    ("type", "count"),
    [
        ("phone_number", "usually_one"),
        ("work_email", "usually_one"),
        ("favorite food", "usually_one"),
        ("managed_by", "usually_one"),
        ("built_website", "many"),
        ("visited_website", "many"),
        ("wrote_code", "many"),
        ("sent_email", "many"),
    ],
)
def test_what_has_one_value(type: str, count: str) -> None:
    assert RelationTypes().count(normal(type).type) == count


def test_dates_that_overlap_surely() -> None:
    t = Teller("captain_of")
    until = t("Reds", "2024-01-01", since="2010-01-01", until="2014-01-01")
    assert evidence([until, t("Blues", "2024-01-02", since="2012-01-01")]) == Evidence(concurrent=1)
    vague = t("Blues", "2024-01-02", since="2014")
    assert evidence([until, vague]) == Evidence(successive=1)
    within = t("Reds", "2024-01-01", since="2010-01-01", until="2014-05-10")
    assert evidence([within, vague]) == Evidence(successive=1), "some time in 2014"
    ended = [
        t("Reds", "2024-01-01", since="2010-01-01"),
        t("Reds", "2024-02-01", since="2014-01-01", kind="end"),
    ]
    assert evidence([*ended, t("Blues", "2024-01-02", since="2012-01-01")]) == Evidence(
        concurrent=1
    )
    assert evidence([*ended, vague]) == Evidence(successive=1)


def test_what_the_data_may_not_say() -> None:
    assert not RelationTypes.learnable("born_in", one=False), "it has one by its meaning"
    assert not RelationTypes.learnable("visited", one=True), "it may happen again"
    assert not RelationTypes.learnable("lives_in", one=True), "it is known to, with exceptions"
    assert not RelationTypes.learnable("knows", one=True), "mutual"
    assert RelationTypes.learnable("lives_in", one=False)
    assert RelationTypes.learnable("juggles", one=True)
