"""Reading what models send: every way of breaking the form, as data."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem.errors import BadModelOutput
from graphmem.extract.llm.parse import ParsedAnswer, Speakers, parse_answer
from graphmem.extract.llm.repair import read_off_loop
from graphmem.extract.llm.schema import schema
from graphmem.ports.llm import CandidateFact
from graphmem.testing._openai_wire import strict_problems

SPEAKERS = Speakers({0: "Ada", 1: "Ben", 2: "Ada"}, owner="ada")
GOOD: dict[str, Any] = {
    "entities": [
        {"name": "Ada Park", "kind": "person", "aliases": ["Ada"]},
        {"name": "Fjord Labs", "kind": "organization", "aliases": []},
    ],
    "facts": [
        {
            "text": "Ada Park has worked at Fjord Labs since March 2024.",
            "subject": "Ada Park",
            "type": "works_at",
            "object": "Fjord Labs",
            "value": None,
            "entities": ["Ada Park", "Fjord Labs"],
            "valid_at": "2024-03",
            "invalid_at": None,
            "importance": 0.8,
            "turns": [2],
            "retracts": False,
            "modality": "stated",
        }
    ],
}
TEXT = json.dumps(GOOD)


def read(raw: Any, speakers: Speakers = SPEAKERS) -> ParsedAnswer:
    return parse_answer(raw if isinstance(raw, str) else json.dumps(raw), speakers)


def one(speakers: Speakers = SPEAKERS, **fields: Any) -> CandidateFact:
    """The fact read from the good one with these fields instead."""
    (fact,) = read({"entities": [], "facts": [{**GOOD["facts"][0], **fields}]}, speakers).facts
    return fact


EXPECTED = read(TEXT)


def test_a_good_answer() -> None:
    ada, fjord = EXPECTED.entities
    assert (ada.name, ada.kind, ada.aliases) == ("Ada Park", "person", ("Ada",))
    assert (fjord.name, fjord.kind, fjord.aliases) == ("Fjord Labs", "organization", ())
    assert EXPECTED.facts == (
        CandidateFact(
            text="Ada Park has worked at Fjord Labs since March 2024.",
            subject="Ada Park",
            type="works_at",
            object="Fjord Labs",
            entities=("Ada Park", "Fjord Labs"),
            valid_at=datetime(2024, 3, 1, tzinfo=UTC),
            valid_precision="month",
            importance=0.8,
            turns=(2,),
        ),
    )
    assert (EXPECTED.dropped, EXPECTED.cut) == (0, False)


SAME_ANSWER = {
    "fenced": f"```json\n{TEXT}\n```",
    "fenced without a language": f"```\n{TEXT}\n```",
    "fenced with tildes": f"~~~json\n{TEXT}\n~~~",
    "fence never closed": f"```json\n{TEXT}",
    "prefixed": f"Here is the extraction you asked for:\n\n{TEXT}",
    "suffixed": f"{TEXT}\n\nLet me know if you need more!",
    "around": f"Sure! Based on turns [0, 1]:\n```json\n{TEXT}\n```\nHope this helps {{smile}}.",
    "byte order mark": f"\ufeff{TEXT}",
    "thinking aloud": f'<think>Maybe {{"entities": []}} will do? No.</think>\n{TEXT}',
    "thinking without a beginning": f"Let me see {{...}} hmm.\n</think>\n\n{TEXT}",
    "single quotes": str(GOOD),
    "python literals": TEXT.replace("null", "None").replace("false", "False"),
    "trailing commas": TEXT.replace("]", ",]").replace("}", ",}"),
    "doubly encoded": json.dumps(TEXT),
    "triply encoded": json.dumps(json.dumps(TEXT)),
    "lists encoded": json.dumps({key: json.dumps(value) for key, value in GOOD.items()}),
    "echoed schema": json.dumps({"type": "object", "properties": GOOD}),
    "wrapped in result": json.dumps({"result": GOOD}),
    "wrapped twice": json.dumps({"status": "ok", "data": {"output": GOOD}}),
    "wrapped as text": json.dumps({"answer": TEXT}),
    "a tool call": json.dumps({"name": "extraction", "arguments": TEXT}),
    "a list of one": json.dumps([GOOD]),
    "a list of two halves": json.dumps([{"entities": GOOD["entities"]}, {"facts": GOOD["facts"]}]),
    "a flat list": json.dumps([*GOOD["entities"], *GOOD["facts"]]),
    "two objects in a row": "\n".join(json.dumps({key: GOOD[key]}) for key in GOOD),
    "two fences": "\n".join(f"```json\n{json.dumps({k: GOOD[k]})}\n```" for k in GOOD),
    "last bracket missing": TEXT[:-1],
    "last two brackets missing": TEXT[:-2],
    "raw line breaks in strings": TEXT.replace("since March", "since\nMarch"),
    "unquoted keys": TEXT.replace('"entities":', "entities:").replace('"facts":', "facts:"),
    "comments": TEXT.replace('"facts":', '// the facts\n"facts":'),
    "missing comma": TEXT.replace('"kind": "person", ', '"kind": "person" '),
    "curly quotes": TEXT.replace('"entities": [{', "“entities”: [{", 1),
    "repeated": f"{TEXT}\n{TEXT}",
    "capital keys": json.dumps({"Entities": GOOD["entities"], "FACTS": GOOD["facts"]}),
    "numbered": json.dumps({k: {str(n): v for n, v in enumerate(GOOD[k])} for k in GOOD}),
    "single items": json.dumps({"entities": GOOD["entities"], "facts": GOOD["facts"][0]}),
    "more than asked for": json.dumps({"thoughts": "hm", **GOOD, "confidence": 0.9}),
    "other names for the lists": json.dumps({"nodes": GOOD["entities"], "edges": GOOD["facts"]}),
    "answer twice in one": json.dumps(
        {"entities": GOOD["entities"] * 2, "facts": GOOD["facts"] * 3}
    ),
}


@pytest.mark.parametrize("raw", SAME_ANSWER.values(), ids=SAME_ANSWER.keys())
def test_a_broken_form_with_the_same_meaning_reads_the_same(raw: str) -> None:
    assert read(raw) == EXPECTED


NOTHING_TO_REMEMBER = {
    "empty lists": '{"entities": [], "facts": []}',
    "only one list": '{"facts": []}',
    "nulls": '{"entities": null, "facts": null}',
    "an empty list": "[]",
    "fenced": '```json\n{"entities": [], "facts": []}\n```',
    "wrapped": '{"result": {"entities": [], "facts": []}}',
}


@pytest.mark.parametrize("raw", NOTHING_TO_REMEMBER.values(), ids=NOTHING_TO_REMEMBER.keys())
def test_nothing_to_remember_is_an_answer(raw: str) -> None:
    assert read(raw) == ParsedAnswer((), ())


USELESS = {
    "empty": "",
    "blank": " \n",
    "prose": "I could not find any facts in this conversation.",
    "refusal": "I'm sorry, but I can't help with that.",
    "braces in prose": "The set {a, b} is what you mean.",
    "empty object": "{}",
    "another object": '{"weather": "fine", "degrees": 21}',
    "error object": '{"error": "context too long"}',
    "number": "42",
    "null": "null",
    "the schema itself": json.dumps(schema()),
    "the wrapped schema": json.dumps({"extraction": schema()}),
    "no item is one": '{"entities": [1, null, {}], "facts": [[], 3.5, {"importance": 1}]}',
    "lists of numbers": '{"entities": 5, "facts": true}',
    "only thinking": "<think>Ada works at Fjord Labs, I should say so.</think>",
    "half a key": '{"enti',
    "markup": "<html><body>502 Bad Gateway</body></html>",
    "a fact list that was never begun": '{"weather": [{"entit',
    "deep nesting": "[" * 5000,
    "deep objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "a huge number": '{"facts": ' + "9" * 6000 + "}",
}


@pytest.mark.parametrize("raw", USELESS.values(), ids=USELESS.keys())
def test_nothing_usable_is_bad_output(raw: str) -> None:
    with pytest.raises(BadModelOutput):
        read(raw)


# -- cut answers -----------------------------------------------------------------------------------

TWO_FACTS = json.dumps(
    {
        "entities": GOOD["entities"],
        "facts": [*GOOD["facts"], {**GOOD["facts"][0], "text": "Ada Park likes tea."}],
    }
)


@pytest.mark.parametrize("end", range(TWO_FACTS.index("likes"), len(TWO_FACTS), 7))
def test_a_torn_item_is_left_out_and_reported(end: int) -> None:
    reading = read(TWO_FACTS[:end])
    assert reading.facts[0] == EXPECTED.facts[0]
    whole = TWO_FACTS[:end].endswith(("}", "}]"))
    assert reading.cut is not whole
    assert [fact.text for fact in reading.facts[1:]] == ["Ada Park likes tea."] * whole


def test_a_torn_sentence_in_a_list_of_sentences_is_left_out() -> None:
    reading = read('{"facts": ["Ada likes tea.", "Ben dislikes cof')
    assert [fact.text for fact in reading.facts] == ["Ada likes tea."]
    assert reading.cut


FORMS = (
    TWO_FACTS,
    f"Here:\n```json\n{TWO_FACTS}\n```",
    f"[{TWO_FACTS}]",
    json.dumps({"result": json.loads(TWO_FACTS)}, indent=2),
    json.dumps({"entities": [], "facts": json.loads(TWO_FACTS)["facts"]}),
    json.dumps(json.loads(TWO_FACTS)["facts"]),
    json.dumps({"facts": [fact["text"] for fact in json.loads(TWO_FACTS)["facts"]]}),
)


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_cut_anywhere_never_gives_half_a_fact(form: str) -> None:
    whole = {fact.text: fact for fact in read(form).facts}
    assert len(whole) == 2
    for end in range(len(form)):
        try:
            reading = read(form[:end])
        except BadModelOutput:
            continue
        for found in reading.facts:
            assert found == whole[found.text]
        assert len(reading.facts) == 2 or reading.cut or form[:end].rstrip(", \n`").endswith("}")


KEYS = st.sampled_from(["facts", "entities", "name", "text", "turns", "subject", "type", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(st.text() | JSON)
def test_any_nonsense_is_read_or_refused(value: Any) -> None:
    raw = value if isinstance(value, str) else json.dumps(value)
    try:
        reading = read(raw)
    except BadModelOutput:
        return
    for fact in reading.facts:
        assert fact.text.strip()
        assert (fact.subject is None) == (fact.type is None) == (fact.object is None)
        json.dumps(fact.text).encode()


@pytest.mark.parametrize("raw", ['{"entities": [], "facts": []', '{"entities": [],"facts":[],'])
def test_an_empty_answer_without_its_last_bracket_is_whole(raw: str) -> None:
    assert read(raw) == ParsedAnswer((), ())


NOISE = {
    "escaped quotes": '{"facts":[{"text":"' + '\\"' * 95_000,
    "stray quotes": '{"facts":["' + '"a ' * 60_000,
    "curly quotes": '{"facts":[' + "{“text”: “Bob”} " * 10_000,
    "spaces": '{"facts":[{"text":"a"}' + " " * 190_000 + "x",
    "fences": '{"facts":[{"text":"a"}' + "```" * 60_000 + "}",
}
"""Each takes minutes where every quote, fence or space has all that is left looked through."""


@pytest.mark.parametrize("raw", NOISE.values(), ids=NOISE.keys())
def test_noise_is_read_in_one_go(raw: str) -> None:
    try:
        reading = parse_answer(raw, SPEAKERS)
    except BadModelOutput:
        return
    assert all(fact.text in raw for fact in reading.facts)


def test_a_long_answer_is_read_beside_the_loop() -> None:
    async def read_in(raw: str) -> int:
        return await read_off_loop(lambda _: threading.get_ident(), raw)

    assert asyncio.run(read_in("x" * 100)) == threading.get_ident()
    assert asyncio.run(read_in("x" * 10_000)) != threading.get_ident()


def test_an_answer_cut_before_its_facts_is_not_one_without_facts() -> None:
    start = '{"entities": [{"name": "Ada"}], '
    for end in ("", '"fac', '"facts"', '"facts": ', '"facts": ['):
        assert read(start + end).cut or not end


# -- item by item ----------------------------------------------------------------------------------


def test_a_bad_item_costs_only_itself() -> None:
    bad_entities = [None, 7, {"kind": "person"}, {"name": ""}, {"name": "x" * 500}, "they"]
    bad_facts = [None, 7, {"text": None}, {"text": " "}, {"subject": "Ada", "type": "knows"}, {}]
    reading = read(
        {
            "entities": [*bad_entities, *GOOD["entities"]],
            "facts": [*bad_facts, *GOOD["facts"]],
        }
    )
    assert (reading.entities, reading.facts) == (EXPECTED.entities, EXPECTED.facts)
    assert reading.dropped == len(bad_entities) + len(bad_facts)


@pytest.mark.parametrize(
    "given",
    [
        "Works At",
        "WORKS_AT",
        "worksAt",
        "works-at",
        " works at ",
        "WorksAt",
        "works  at.",
        "Wörks at",
    ],
)
def test_types_are_lower_snake_case(given: str) -> None:
    assert one(type=given).type == "works_at"


@pytest.mark.parametrize("given", ["", "!!", None, 5.5j.imag and [], "a b c d e f g h i j", {}])
def test_a_type_that_is_none_leaves_a_fact_without_a_relation(given: Any) -> None:
    fact = one(type=given)
    assert (fact.subject, fact.type, fact.object) == (None, None, None)
    assert fact.entities == ("Ada Park", "Fjord Labs")


@pytest.mark.parametrize(
    "fields",
    [
        {"object": None},
        {"subject": None},
        {"subject": ""},
        {"object": "null"},
        {"object": {"id": 3}},
        {"object": "the Ada Park"},
        {"object": "it"},
    ],
)
def test_half_a_relation_is_a_fact_without_one(fields: dict[str, Any]) -> None:
    fact = one(**fields)
    assert (fact.subject, fact.type, fact.object) == (None, None, None)


def test_a_relation_without_a_sentence_gets_a_plain_one() -> None:
    fact = one(text=None)
    assert fact.text == "Ada Park works at Fjord Labs."
    (triple,) = read({"facts": [["Ada", "Lives In", "Oslo"]]}).facts
    assert (triple.text, triple.type) == ("Ada lives in Oslo.", "lives_in")


def test_other_names_for_fields() -> None:
    item = {"fact": "Ada knows Ben.", "source": "Ada", "predicate": "knows", "target": "Ben"}
    (fact,) = read({"facts": [item]}).facts
    assert (fact.text, fact.subject, fact.type, fact.object) == (
        "Ada knows Ben.", "Ada", "knows", "Ben",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "turns"),
    [
        ([0, 2], (0, 2)),
        ([2, 0, 2], (0, 2)),
        (["1"], (1,)),
        (1, (1,)),
        ("turn 2", (2,)),
        ([1.0, 1.5], (1,)),
        ([-1, 3, 99, 10**30], ()),
        ([True, None, {}, "D1:2"], ()),
        (["9" * 40], ()),
        (None, ()),
    ],
)
def test_ordinals(given: Any, turns: tuple[int, ...]) -> None:
    assert one(turns=given).turns == turns


def test_the_only_turn_there_is_says_it() -> None:
    assert one(Speakers({4: "Ada"}, "ada"), turns=[]).turns == (4,)


@pytest.mark.parametrize(
    ("given", "importance"),
    [
        (0.3, 0.3), (1, 1.0), (0, 0.0), (-2, 0.0), (8, 1.0), ("0.7", 0.7), ("80%", 0.8),
        ("high", 0.8), ("Low", 0.2), ("very", None), (None, None), (True, None), ([], None),
    ],
)  # fmt: skip
def test_importance(given: Any, importance: float | None) -> None:
    assert one(importance=given).importance == importance


def test_importance_that_is_no_number() -> None:
    raw = TEXT.replace("0.8", "NaN")
    assert read(raw).facts[0].importance is None
    assert read(TEXT.replace("0.8", "Infinity")).facts[0].importance == 1.0


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        (2024, datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024/5/7", datetime(2024, 5, 7, tzinfo=UTC)),
        ("2024-05-17", datetime(2024, 5, 17, tzinfo=UTC)),
        ("2024-05-17T18:30:00Z", datetime(2024, 5, 17, 18, 30, tzinfo=UTC)),
        ("2024-05-17T18:30:00+02:00", datetime(2024, 5, 17, 16, 30, tzinfo=UTC)),
        ("2024-05-17 (Friday)", datetime(2024, 5, 17, tzinfo=UTC)),
        ("2024-13-01", None),
        ("0000", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("last spring", None),
        ("unknown", None),
        ("", None),
        (True, None),
        ([], None),
        (1.7e9, None),
    ],
)
def test_dates(given: Any, moment: datetime | None) -> None:
    assert one(valid_at=given).valid_at == moment


def test_a_span_is_never_empty() -> None:
    day, later = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
    assert (one(valid_at="2024-05", invalid_at="2024-06").invalid_at) == later
    event = one(valid_at="2024-05-01", invalid_at="2024-05-01")
    assert (event.valid_at, event.invalid_at) == (day, None)
    ended = one(valid_at="2024-06", invalid_at="2024-05")
    assert (ended.valid_at, ended.invalid_at) == (None, day)


@pytest.mark.parametrize("given", [True, "true", "Yes", 1, "1"])
def test_retractions(given: Any) -> None:
    assert one(retracts=given).retracts
    assert not one(retracts="no").retracts


def test_text_is_cleaned_and_kept_in_bounds() -> None:
    assert one(text="  Ada\u2028likes\x00 tea.\ud800 ").text == "Ada likes tea."
    assert one(text="می‌خواهم 👩‍🔬").text == "می‌خواهم 👩‍🔬"
    long = one(text="word " * 1000).text
    assert 900 < len(long) <= 1000
    assert long.endswith("word")
    assert len(one(text="x" * 5000).text) == 1000


def test_names_are_cleaned() -> None:
    answer = read(
        {"entities": [{"name": ' "Ada  Park" ', "kind": "A Person!", "aliases": "Ada, Addie"}]}
    )
    (entity,) = answer.entities
    assert (entity.name, entity.kind, entity.aliases) == ("Ada Park", "a_person", ("Ada", "Addie"))


def test_entities_given_as_names_only() -> None:
    answer = read({"entities": ["Ada", "Oslo", "🎻"], "facts": ["Ada lives in Oslo."]})
    assert [entity.name for entity in answer.entities] == ["Ada", "Oslo", "🎻"]
    assert [entity.kind for entity in answer.entities] == ["thing"] * 3
    assert [fact.text for fact in answer.facts] == ["Ada lives in Oslo."]


def test_entities_with_one_name_are_merged() -> None:
    (entity,) = read(
        {
            "entities": [
                {"name": "Zoë", "kind": "thing", "aliases": ["Z."]},
                {"name": "ZOE", "kind": "person", "aliases": ["z", "Zoë", "Zozo"]},
            ]
        }
    ).entities
    assert (entity.name, entity.kind) == ("Zoë", "person")
    assert entity.aliases == ("Z.", "Zozo")


def test_facts_with_one_sentence_are_merged() -> None:
    bare = {
        "text": "ada park has worked at Fjord Labs since March 2024",
        "turns": [0],
        "importance": 0.9,
    }
    (fact,) = read({"facts": [bare, GOOD["facts"][0]]}).facts
    assert (fact.type, fact.turns, fact.importance) == ("works_at", (0, 2), 0.9)
    assert fact.valid_at == datetime(2024, 3, 1, tzinfo=UTC)
    assert fact.text == bare["text"]


def test_a_fact_and_its_retraction_are_two() -> None:
    answer = {"facts": [{"text": "Ada smokes."}, {"text": "Ada smokes.", "retracts": True}]}
    assert [fact.retracts for fact in read(answer).facts] == [False, True]


def test_facts_use_the_listed_names() -> None:
    answer = {
        "entities": [{"name": "Ada Park", "aliases": ["Ada"]}, {"name": "Ben", "aliases": ["B"]}],
        "facts": [
            {"text": "x y", "subject": "ada", "type": "knows", "object": "B", "entities": []}
        ],
    }
    (fact,) = read(answer).facts
    assert (fact.subject, fact.object, fact.entities) == ("Ada Park", "Ben", ("Ada Park", "Ben"))


def test_an_alias_of_two_entities_names_neither() -> None:
    answer = {
        "entities": [
            {"name": "Ada Park", "aliases": ["Ada"]},
            {"name": "Ada Moss", "aliases": ["Ada"]},
        ],
        "facts": [{"text": "x y", "entities": ["Ada"]}],
    }
    assert read(answer).facts[0].entities == ("Ada",)


def test_an_entity_and_its_alias_are_not_related_to_each_other() -> None:
    answer = {
        "entities": [{"name": "Ada Park", "aliases": ["Addie"]}],
        "facts": [{"text": "x y", "subject": "Ada Park", "type": "is", "object": "Addie"}],
    }
    assert read(answer).facts[0].type is None


@pytest.mark.parametrize("given_text", ["I", "me", "the user", "User"])
def test_the_speaker_is_called_by_name(given_text: str) -> None:
    assert one(subject=given_text, turns=[1]).subject == "Ben"
    assert one(subject=given_text, turns=[0, 1]).subject == "ada"
    assert one(subject=given_text, turns=[]).subject == "ada"
    assert read({"entities": [{"name": given_text, "kind": "person"}]}).entities[0].name == "ada"


def test_titles_that_look_like_pronouns_are_names() -> None:
    assert [e.name for e in read({"entities": ["It", "Her", "IT", "it"]}).entities] == ["It", "Her"]


def test_absurdly_many_items_are_cut() -> None:
    answer = {"facts": [{"text": f"Fact {n}."} for n in range(3000)]}
    assert len(read(answer).facts) == 1000


# -- the schema ------------------------------------------------------------------------------------


def test_the_schema_is_strict() -> None:
    assert list(strict_problems(schema())) == []
    text = json.dumps(schema())
    for word in ("$ref", "$defs", "default", "title", "format"):
        assert f'"{word}"' not in text


def test_the_schema_asks_for_what_the_prompt_shows() -> None:
    properties = schema()["properties"]
    assert list(properties) == ["entities", "facts"]
    assert list(properties["entities"]["items"]["properties"]) == list(GOOD["entities"][0])
    assert list(properties["facts"]["items"]["properties"]) == list(GOOD["facts"][0])
