"""What speaks for a candidate: read from texts, measured row by row, and seen in whole searches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from graphmem import Memory, Settings
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder
from graphmem.errors import UsageError
from graphmem.model import Entity, Fact, Hit, Scope, Turn
from graphmem.retrieve.candidates.gather import Candidate, StoreScores
from graphmem.retrieve.candidates.graph import ReachedFact
from graphmem.retrieve.candidates.text_analysis import AnalysedText, Vocabulary, content_words
from graphmem.retrieve.question.parse import parse_question
from graphmem.retrieve.rank.ranking import Weights, shipped_weights
from graphmem.retrieve.signals.inputs import (
    TEXT_KINDS,
    SignalInputs,
    kind_shares,
    passages_among,
    products,
)
from graphmem.retrieve.signals.registry import (
    ABLATIONS,
    SIGNAL_GROUPS,
    SIGNALS,
    measure_signals,
)
from graphmem.retrieve.signals.texts_and_facts import measure_facts, speakers_named

MAY = datetime(2023, 5, 8, tzinfo=UTC)


class TestParsedQuestion:
    def test_kinds_of_questions(self) -> None:
        assert parse_question("Who gave Ada the lamp?").who_or_where
        assert parse_question("When did she leave?").when
        assert parse_question("How long was the trip?").when
        assert parse_question("How many lamps does Ada have?").how_many
        assert parse_question("Can you summarise what we planned?").overview
        plain = parse_question("What does Ada like?")
        assert not any((plain.who_or_where, plain.when, plain.how_many, plain.overview))
        assert plain.content == ("ada", "like")

    @pytest.mark.parametrize(
        ("text", "months", "years"),
        [
            ("What happened in May 2023?", {5}, {2023}),
            ("May I ask what happened?", set(), set()),
            ("What did they do last summer?", {6, 7, 8}, set()),
            ("Where was Ada in January 2022 and March?", {1, 3}, {2022}),
            ("What is 20231?", set(), set()),
        ],
    )
    def test_dates(self, text: str, months: set[int], years: set[int]) -> None:
        question = parse_question(text)
        assert (set(question.months), set(question.years)) == (months, years)

    @pytest.mark.parametrize(
        ("now", "when", "months", "years"),
        [
            ("2026-11-21", "last summer", {6, 7, 8}, {2026}),
            ("2026-07-04", "last summer", {6, 7, 8}, {2025}),
            ("2026-07-04", "this summer", {6, 7, 8}, {2026}),
            ("2026-07-04", "next summer", {6, 7, 8}, {2027}),
            ("2026-01-15", "last winter", {12, 1, 2}, {2024, 2025}),
            ("2026-01-15", "this winter", {12, 1, 2}, {2025, 2026}),
            ("2026-07-04", "last winter", {12, 1, 2}, {2025, 2026}),
            ("2026-01-15", "last July", {7}, {2025}),
            ("2026-11-21", "next May", {5}, {2027}),
            ("2026-11-21", "last year", set(), {2025}),
            ("2026-11-21", "two years ago", set(), {2024}),
            ("2026-11-21", "a year ago, or 11 years ago", set(), {2025, 2015}),
            ("2026-01-15", "last month", {12}, {2025}),
            ("2026-01-01", "yesterday", {12}, {2025}),
            ("2026-03-03", "last week", {2}, {2026}),
            ("2026-03-03", "at last", set(), set()),
            ("0001-01-01", "yesterday", set(), set()),
        ],
    )
    def test_times_relative_to_now(
        self, now: str, when: str, months: set[int], years: set[int]
    ) -> None:
        question = parse_question(f"What did Ada do {when}?", datetime.fromisoformat(now))
        assert (set(question.months), set(question.years)) == (months, years)

    @pytest.mark.parametrize(
        ("text", "days"),
        [
            ("What happened on 8 May 2023?", {(5, 8)}),
            ("And on the 8th of May, or on June 1st?", {(5, 8), (6, 1)}),
            ("What was said on 2023-05-08?", {(5, 8)}),
            ("What happened in May 2023?", set()),
            ("Was it 99 May?", set()),
            ("What happened at May 8:30?", set()),
        ],
    )
    def test_days(self, text: str, days: set[tuple[int, int]]) -> None:
        assert set(parse_question(text).days) == days

    def test_a_day_is_of_the_year_that_is_named(self) -> None:
        assert parse_question("And on 8 May?").day_of(MAY) == 1
        assert parse_question("And on 8 May 2023?").day_of(MAY) == 1
        assert parse_question("And on 8 May 2022?").day_of(MAY) == 0
        assert parse_question("And on 9 May?").day_of(MAY) == 0
        assert parse_question("And yesterday?", MAY.replace(day=9)).day_of(MAY) == 1
        assert parse_question("And on 8 May?").day_of(None) == 0

    @pytest.mark.parametrize(
        ("text", "event", "side"),
        [
            ("Where did Ada live before the move to Oslo?", {"move", "oslo"}, -1),
            ("What has she played since her wedding?", {"wedding"}, 1),
            ("What did she do after that?", set(), 0),
            ("What did she do before May 2023?", set(), 0),
            ("What does Ada play?", set(), 0),
        ],
    )
    def test_events(self, text: str, event: set[str], side: int) -> None:
        question = parse_question(text)
        assert (set(question.event), question.side) == (event, side)

    def test_a_month_of_another_year_counts_less(self) -> None:
        question = parse_question("What happened in May 2022?")
        assert 0 < question.month_of(MAY) < question.month_of(MAY.replace(year=2022)) == 1
        assert question.month_of(MAY.replace(month=6)) == question.month_of(None) == 0

    def test_speakers_are_named_by_any_word_of_their_name(self) -> None:
        content = parse_question("What did Bob's sister cook?").content
        assert speakers_named(content, {"Bob Stone", "Carol Reed"}) == {"Bob Stone"}


class Measured:
    """Candidates for one question, measured with the built-in word vectors."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary(WordLlamaEmbedder())

    async def turns(self, *sessions: Sequence[tuple[str, str]]) -> list[Candidate]:
        """One session a day, from the eighth of May on."""
        rows = []
        for number, session in enumerate(sessions):
            when = MAY.replace(day=MAY.day + number)
            for ordinal, (speaker, text) in enumerate(session):
                id = f"{number}:{ordinal}"
                turn = Turn(id, f"s{number}", ordinal, text, speaker, occurred_at=when)
                read = await self.read(text, turn)
                rows.append(Candidate(id, read, read))
        return rows

    async def read(self, text: str, turn: Turn | None = None) -> AnalysedText:
        words = content_words(text)
        await self.vocabulary.learn([words])
        return AnalysedText(text, self.vocabulary.rows(words), turn)

    async def ask(
        self, question: str, rows: Sequence[Candidate], scores: StoreScores | None = None
    ) -> dict[str, list[float]]:
        parsed = parse_question(question)
        await self.vocabulary.learn([parsed.sequence])
        inputs = SignalInputs(parsed, rows, self.vocabulary, scores or StoreScores())
        columns = measure_signals(inputs)
        assert list(columns) == list(SIGNALS)
        assert all(len(column) == len(rows) for column in columns.values())
        assert all(np.isfinite(column).all() for column in columns.values())
        return {name: column.tolist() for name, column in columns.items()}


@pytest.fixture(scope="module")
def measured() -> Measured:
    return Measured()


class TestMeasure:
    async def test_nothing_to_measure(self, measured: Measured) -> None:
        assert await measured.ask("What?", []) == {name: [] for name in SIGNALS}

    async def test_a_question_without_a_word_of_meaning(self, measured: Measured) -> None:
        rows = await measured.turns([("Ada", "It is"), ("Bob", "?")])
        signals = await measured.ask("what is it", rows)
        assert signals["meaning_answer"] == signals["focus"] == [0, 0]

    async def test_words_near_in_meaning_count(self, measured: Measured) -> None:
        rows = await measured.turns(
            [("Ada", "The weather is cold")], [("Ada", "We bought an automobile")]
        )
        meaning = (await measured.ask("Which car?", rows))["meaning_answer"]
        assert meaning[1] == 1
        assert meaning[0] < 0.5

    async def test_what_stands_beside_a_turn_counts_and_ends_with_the_session(
        self, measured: Measured
    ) -> None:
        rows = await measured.turns(
            [
                ("Ada", "Which lamp is it?"),
                ("Bob", "The green one"),
                ("Ada", "Fine"),
                ("Bob", "Bye"),
            ],
            [("Ada", "Good morning")],
        )
        signals = await measured.ask("lamp", rows)
        assert signals["meaning_answer"] == [1, 1, 0, 0, 0]
        assert signals["meaning_best"] == [1, 1, 1, 1, 0]
        assert signals["meaning_beyond"][2] == 1
        assert signals["meaning_beyond"][4] == 0
        assert signals["answers"] == [0, 1, 0, 0, 0]
        assert signals["asks"] == [1, 0, 0, 0, 0]

    async def test_an_answer_has_the_words_of_its_question(self, measured: Measured) -> None:
        rows = await measured.turns(
            [("Ada", "Which lamp is it?"), ("Bob", "The green one"), ("Ada", "Fine")],
            [("Ada", "A lamp stood there"), ("Bob", "The green one")],
        )
        signals = await measured.ask("lamp", rows)
        assert signals["meaning_answer"] == [1, 1, 0, 1, 0]

    async def test_the_day_that_is_named(self, measured: Measured) -> None:
        rows = await measured.turns([("Ada", "Good morning")], [("Ada", "Good morning")])
        for question, date in (
            ("What was said on 9 May 2023?", [0.6, 1]),
            ("What was said in May 2023?", [0.6, 0.6]),
            ("What was said in 2023?", [0.1, 0.1]),
            ("What was said on 9 May 2022?", [0.18, 0.18]),
            ("What was said?", [0, 0]),
        ):
            assert (await measured.ask(question, rows))["date"] == pytest.approx(date)

    async def test_before_and_after_what_memory_knows_the_time_of(self, measured: Measured) -> None:
        rows = await measured.turns(
            [("Ada", "I play the flute")],
            [("Ada", "Our wedding was lovely!")],
            [("Ada", "I play the drums")],
        )
        for question, event in (
            ("What did she play before the wedding?", [1, 1, 0]),
            ("What does she play since the wedding?", [0, 1, 1]),
            ("What did she play before the earthquake?", [0, 0, 0]),
            ("What does she play?", [0, 0, 0]),
        ):
            assert (await measured.ask(question, rows))["event"] == event

    async def test_only_the_named_speaker_is_meant(self, measured: Measured) -> None:
        rows = await measured.turns([("Ada", "I like tea"), ("Bob", "I like rum")])
        assert (await measured.ask("What does Ada like?", rows))["speaker"] == [1, 0]
        assert (await measured.ask("What do Ada and Bob like?", rows))["speaker"] == [0, 0]
        assert (await measured.ask("Who likes tea?", rows))["speaker"] == [0, 0]

    async def test_a_fact_stands_where_its_turn_does(self, measured: Measured) -> None:
        rows = await measured.turns([("Ada", "Nice lamp!"), ("Bob", "I moved to Oslo")])
        fact = Candidate("f", await measured.read("Bob lives in Oslo"), rows[1].text)
        own = await measured.read("Nobody lives in Oslo")
        alone = Candidate("g", own, own)
        scores = StoreScores(
            window={"0:1": 4.0, "f": 9.0, "g": 3.0},
            words={"0:1": 2.0, "f": 4.0},
            session={"s0": 2.0},
            dense={"0:0": 0.5, "0:1": 0.7, "f": 0.9, "g": 0.5},
        )
        signals = await measured.ask("Who lives in Oslo?", [*rows, fact, alone], scores)
        assert signals["window"] == [0, 1, 1, 0.75]
        assert signals["words"] == [0, 0.5, 1, 0]
        assert signals["session"] == [pytest.approx(2 / 3)] * 3 + [1]
        assert signals["speaker"][1] == signals["speaker"][2]
        assert signals["dense"][2] == 1 > signals["dense"][1] > signals["dense"][3] == 0
        assert signals["dense_session"] == [1, 1, 1, 0]
        assert signals["meaning_answer"][2] == 1
        assert signals["answers"] == [0, 0, 0, 0]
        assert signals["meaning_beyond"] == [0, 0, 0, 0], "a fact is nobody's neighbour"

    async def test_pairs_of_words(self, measured: Measured) -> None:
        rows = await measured.turns(
            [("Ada", "red lamp"), ("Ada", "lamp red"), ("Bob", "a red, old lamp")]
        )
        assert (await measured.ask("the red lamp", rows))["pairs"] == [1, 0, 0]

    async def test_kinds_of_answers_only_where_they_are_asked_for(self, measured: Measured) -> None:
        rows = await measured.turns([("Ada", "Bob left on Monday, with two bags, for Oslo")])
        for question, fits in (
            ("When did he leave?", 1),
            ("How many bags?", 0.5),
            ("Where did he go?", 0.5),
            ("What did he say?", 0),
        ):
            found = (await measured.ask(question, rows))["fits"][0]
            assert found == pytest.approx(fits) if fits != 0.5 else 0 < found <= 0.5

    async def test_a_long_text_says_less_of_each_thing_in_it(self, measured: Measured) -> None:
        rows = await measured.turns(
            [("Ada", "The lamp broke"), ("Ada", f"The lamp broke {'and rain fell ' * 40}")]
        )
        signals = await measured.ask("lamp", rows)
        assert signals["meaning_answer"] == [1, 1]
        assert signals["focus"][0] == 1 > 2 * signals["focus"][1]
        assert signals["length"][0] < 0 < signals["length"][1] <= 1


async def test_kinds_of_text(measured: Measured) -> None:
    def shares(rows: Sequence[Candidate]) -> dict[str, float]:
        texts = [row.text for row in rows]
        return dict(kind_shares(texts, passages_among(texts)))

    prose = " ".join(["Bergen lies on the coast of Norway, and rain falls there often."] * 6)
    told = " ".join(["I went to Bergen on the coast, where my sister lives in the rain."] * 4)
    people = await measured.turns([("Ada", "Hi!"), ("Bob", "Hello."), ("Ada", "Bye.")])
    alone = await measured.turns([("Ada", told), ("Ada", told)], [("Ada", "A note.")])
    essay = await measured.turns([("Ada", prose)])
    assert shares(people) == {"conversation": 1, "chat": 0, "passage": 0}
    assert shares(alone) == {"conversation": 0, "chat": 1, "passage": 0}
    assert shares(essay) == {"conversation": 0, "chat": 0, "passage": 1}
    note = await measured.turns([("Ada", "# Bergen\nRain. Coast of Norway.")])
    assert 0 < shares(note)["passage"] < 0.25, "so short a note is hardly prose"
    both = await measured.turns(
        [("Ada", "Hi!"), ("Bob", "Hello."), ("Ada", "Bye.")], [("Ida", prose)]
    )
    assert shares(both) == {"conversation": 0.75, "chat": 0, "passage": 0.25}
    assert shares([]) == {"conversation": 0, "chat": 1, "passage": 0}


def meant(inputs: SignalInputs, *values: float) -> None:
    """As if each candidate meant so much of what is asked."""
    inputs.__dict__["meaning"] = np.array(values, dtype=np.float32)


async def test_being_about_whom_is_asked_counts_as_the_rest_is_meant(measured: Measured) -> None:
    ada = Entity("ada", "default/user:u", "Ada", "person")
    facts = {
        id: Fact(id, Scope(user_id="u"), id, MAY, entity_ids=about, sources=())
        for id, about in (("a", ("ada",)), ("b", ("ada",)), ("c", ()))
    }
    texts = {id: await measured.read(id) for id in facts}
    await measured.read("ada")
    inputs = SignalInputs(
        parse_question("Ada b?"),
        [Candidate(id, text, text) for id, text in texts.items()],
        measured.vocabulary,
        facts=facts,
        seeds=[ada],
        reached=[ReachedFact(id, 0.5, ("ada",)) for id in "ab"],
        replacing=[(facts["b"], 1.0)],
    )
    meant(inputs, 1.0, 0.0, 1.0)
    columns = measure_facts(inputs, {})
    assert columns["about"].tolist() == [1, 0, 0]
    assert columns["graph"].tolist() == [1, 0.25, 0]
    assert columns["present"].tolist() == [0, 1, 0]
    other = replace(inputs, replacing=[(facts["c"], 1.0)])
    meant(other, 0.0, 0.0, 0.0)
    columns = measure_facts(other, {})
    assert columns["present"].max() < 0.5, "it holds now, and is no answer to this"


class TestRegistry:
    def test_it_agrees_with_the_weights(self) -> None:
        assert list(shipped_weights().kinds) == list(TEXT_KINDS)
        for weights in shipped_weights().kinds.values():
            assert set(weights) == set(SIGNALS)

    def test_each_signal_has_a_sentence_and_what_it_needs_is_measured_before(self) -> None:
        before: set[str] = set()
        for name, signal in SIGNALS.items():
            assert signal.name == name
            assert signal.explanation[0].isupper()
            assert signal.explanation.endswith(".")
            assert set(signal.needs) <= before
            before.add(name)

    def test_what_can_be_left_out(self) -> None:
        for name in (*SIGNAL_GROUPS, *SIGNALS):
            weights = shipped_weights().without({name})
            gone = SIGNAL_GROUPS.get(name, {name})
            assert gone
            for of_kind in weights.kinds.values():
                assert {n for n, w in of_kind.items() if w == 0} >= gone
        assert set(ABLATIONS) <= {*SIGNAL_GROUPS, *SIGNALS}
        assert {group for signal in SIGNALS.values() for group in signal.groups} <= {*SIGNAL_GROUPS}


class TestWeights:
    def test_the_shipped_ones_are_of_one_scale(self) -> None:
        for kind in ("conversation", "chat"):
            weights = shipped_weights().kinds[kind]
            fitted = [weight for name, weight in weights.items() if SIGNALS[name].fitted]
            assert sum(weight for weight in fitted if weight > 0) == pytest.approx(1, abs=0.2)
        against = {n for w in shipped_weights().kinds.values() for n in w if w[n] < 0}
        assert against == {"asks", "answers", "assistant", "length", "outdated"}

    def test_what_is_of_two_kinds_is_weighed_between_both(self) -> None:
        weights = shipped_weights()
        assert weights.blended({"chat": 1.0}) == weights.kinds["chat"]
        both = weights.blended({"conversation": 0.25, "chat": 0.75, "passage": 0.0})
        for name in SIGNALS:
            talk, chat = (weights.kinds[kind][name] for kind in ("conversation", "chat"))
            assert both[name] == pytest.approx(0.25 * talk + 0.75 * chat)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"x": 1}',
            '{"chat": {"words": "much"}}',
            '{"chat": {"words": 1}}',
            "[" * 100_000,
        ],
    )
    def test_a_file_without_them_is_an_error_that_names_it(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "w.json").write_text(text)
        with pytest.raises(UsageError, match=r"w\.json"):
            Weights.read(tmp_path / "w.json")


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=Settings.load({})) as memory:
        yield memory


def say(memory: Memory, when: str, *texts: str) -> None:
    names = ("Ada", "Bob")
    memory.add(
        [{"name": names[n % 2], "content": text} for n, text in enumerate(texts)], occurred_at=when
    )


def place(hits: Sequence[Hit], text: str) -> int:
    return next(n for n, hit in enumerate(hits) if hit.text.startswith(text))


class TestSearch:
    def test_an_answer_that_has_none_of_the_words(self, memory: Memory) -> None:
        say(
            memory,
            "2023-05-08",
            "How was the pottery class?",
            "Great, I made a blue bowl.",
            "Nice.",
        )
        say(memory, "2023-06-08", "I am reading a novel.", "Which one?", "An old one.")
        say(memory, "2023-07-08", "The garden is full of bees.", "Lovely!", "It is.")
        hits = memory.search("What came out of the pottery class?", kinds=["turn"])
        assert place(hits, "Great, I made") <= 1
        assert {"session", "meaning_answer", "answers"} <= {
            signal.name for signal in hits[place(hits, "Great, I made")].signals
        }

    def test_the_year_that_is_relative_to_now(self, memory: Memory) -> None:
        for year in (2021, 2022, 2023):
            say(memory, f"{year}-06-10", f"I went hiking again, tour {year}.", "Good for you.")
        then = memory.as_of(valid_at="2023-12-01")
        for when, year in (("this year", 2023), ("last year", 2022), ("two years ago", 2021)):
            hits = then.search(f"Where did Ada go hiking {when}?", kinds=["turn"])
            assert place(hits, "I went hiking") == place(hits, f"I went hiking again, tour {year}")

    def test_the_month_that_is_asked_for(self, memory: Memory) -> None:
        for month in ("03", "04", "05"):
            say(memory, f"2023-{month}-10", f"I went hiking again, tour {month}.", "Good for you.")
        hits = memory.search("Where did Ada go hiking in April?", kinds=["turn"])
        assert hits[0].text.startswith("I went hiking again, tour 04")

    def test_runs_and_expiry_hold_for_what_stands_beside(self, memory: Memory) -> None:
        memory.add(
            [{"name": "Ada", "content": "The lamp."}, {"name": "Bob", "content": "Secret reply."}],
            run_id="one",
        )
        memory.add([{"name": "Ada", "content": "The lamp."}], run_id="two")
        memory.add(
            [{"name": "Ada", "content": "The lamp."}, {"name": "Bob", "content": "Old reply."}],
            occurred_at="2020-01-01",
            expires_at="2020-02-01",
        )
        texts = {hit.text for hit in memory.search("lamp", limit=50, run_id="two")}
        assert texts == {"The lamp."}
        assert "Old reply." not in {hit.text for hit in memory.search("lamp", limit=50)}

    def test_what_was_erased_is_forgotten(self, memory: Memory) -> None:
        gone = memory.add(
            [{"name": "Ada", "content": "The lamp."}, {"name": "Bob", "content": "Ok."}]
        )
        say(memory, "2023-05-08", "A lamp again.", "Yes.")
        assert "Ok." in {hit.text for hit in memory.search("lamp", limit=50)}
        memory.delete(gone.episode_id, erase=True)
        found = {hit.text for hit in memory.search("lamp", limit=50)}
        assert found == {"A lamp again.", "Yes."}


async def test_texts_are_read_once_and_a_full_analyser_is_replaced(tmp_path: Path) -> None:
    from graphmem.retrieve.candidates.text_analysis import TextAnalyser

    ledger = SqliteLedger(tmp_path / "ledger.db")
    await ledger.open()
    texts = TextAnalyser(ledger, WordLlamaEmbedder())
    assert await texts.turns("default/user:ada", ["unknown"]) == []
    assert not texts.full
    await ledger.close()


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 200])
@pytest.mark.parametrize("columns", [0, 1, 700])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_products_in_blocks_are_those_of_the_whole(
    rows: int, columns: int, kind: type[np.float32]
) -> None:
    random = np.random.default_rng(1)
    left = random.standard_normal((rows, 256)).astype(kind)
    right = random.standard_normal((columns, 256)).astype(kind)
    found = products(left, right)
    assert found.dtype == kind
    assert found.shape == (rows, columns)
    assert np.allclose(found, left @ right.T, atol=1e-4)
