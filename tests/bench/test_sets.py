"""Each loader on a small file in the published format, and on the real sets where they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphmem.bench.dataset import UNIT
from graphmem.bench.sets import SETS, load_dataset
from graphmem.errors import UsageError
from tests.bench import files

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_locomo(tmp_path: Path) -> None:
    data = load_dataset("locomo", files.locomo(tmp_path))
    one, two = data.corpora
    assert (one.id, two.id) == ("talk-1", "talk-2")
    assert [len(item["content"]) for item in one.items] == [3, 2]
    assert "a grey cat" in one.items[0]["content"][2]["content"]
    assert one.session_of["D2:1"] == "D2"
    by_text = {question.text: question for question in one.questions}
    both = by_text["What does Ines do with her violin?"]
    assert both.gold == {"D1:1", "D2:2"}
    assert both.gold_sessions == {"D1", "D2"}
    assert both.category == "multi-hop"
    assert by_text["What animal does Ines show?"].gold == {"D1:3"}
    assert by_text["When did Ines sell her violin?"].unanswerable
    assert not by_text["What is lost?"].gold
    assert data.notes == (
        "2 evidence strings name no turn of their conversation; they are left out",
    )


def test_longmemeval(tmp_path: Path) -> None:
    data = load_dataset("longmemeval", files.write(tmp_path, "oracle.json", files.LONGMEMEVAL))
    bike, piano = data.corpora
    (question,) = bike.questions
    assert question.gold == {"S1:1"}
    assert question.gold_sessions == {"s-a"}
    assert question.at == "2023/06/01 (Thu) 10:00"
    assert bike.session_of == {"S1:1": "s-a", "S1:2": "s-a", "S2:1": "s-b"}
    assert str(bike.items[0]["occurred_at"]) == "2023-05-20 12:47:00+00:00"
    (abstains,) = piano.questions
    assert abstains.unanswerable
    assert not abstains.gold_sessions
    assert data.notes == ()


def test_longmemeval_without_gold(tmp_path: Path) -> None:
    row = {
        "id": "x",
        "question_type": "multi-session",
        "conversation": [
            {"role": "user", "content": "I run.", "date": "2023/05/20 (Sat) 12:47"},
            {"role": "user", "content": "I swim.", "date": "2023/05/22 (Mon) 12:47"},
        ],
        "questions": [{"id": "q", "question": "What do I do?", "answer": 2}],
    }
    data = load_dataset("longmemeval", files.write(tmp_path, "sample.json", {"data": [row]}))
    assert len(data.corpora[0].items) == 2
    assert data.corpora[0].questions[0].answer == "2"
    assert data.notes == ("1 questions come without gold: they count for answers only",)


def test_musique_with_given_triples(tmp_path: Path) -> None:
    questions, triples = files.musique(tmp_path)
    data = load_dataset("musique", questions, triples=triples)
    (corpus,) = data.corpora
    assert [item["metadata"][UNIT] for item in corpus.items] == ["0", "1", "2", "3"]
    assert corpus.questions[0].gold == {"0", "1"}
    assert corpus.questions[0].category == "2hop"
    (fact,) = data.given["0"].facts
    assert (fact.subject, fact.type, fact.object) == ("Velmora", "is a port in", "Dorland")
    assert data.notes == (
        "1 given triples have not three parts; they are left out",
        "1 passages with given triples are not in the corpus",
    )


@pytest.mark.parametrize("corpus", [files.HOTPOT_CORPUS, files.PASSAGES], ids=["titles", "list"])
@pytest.mark.parametrize("name", ["hotpotqa", "2wiki"])
def test_supporting_titles(tmp_path: Path, name: str, corpus: object) -> None:
    files.write(tmp_path, "x_corpus.json", corpus)
    data = load_dataset(name, files.write(tmp_path, "x.json", files.HOTPOT))
    assert data.name == name
    assert data.corpora[0].questions[0].gold == {"1", "2"}
    assert data.corpora[0].questions[0].category == "bridge"


def test_beam_as_a_folder_and_as_rows(tmp_path: Path) -> None:
    row = {
        "conversation_id": "7",
        "chat": [part["turns"] for part in files.BEAM_CHAT],
        "probing_questions": repr(files.BEAM_QUESTIONS),
    }
    as_rows = load_dataset("beam", files.write(tmp_path, "rows.jsonl", json.dumps(row)))
    as_folder = load_dataset("beam", files.beam(tmp_path))
    for data in (as_folder, as_rows):
        (corpus,) = data.corpora
        texts = [m["content"] for item in corpus.items for m in item["content"]]
        assert texts[0] == "My thesis is about moss."
        assert len(texts) == 4
        by_text = {question.text: question for question in corpus.questions}
        assert by_text["When is my thesis due?"].gold == {"0", "3"}
        assert by_text["When is my thesis due?"].rivals == {"0"}
        assert not by_text["What is my thesis about?"].rivals
        assert by_text["What is my thesis about?"].rubric == ("It says moss",)
        assert by_text["What did I have for lunch?"].unanswerable
    (corpus,) = as_folder.corpora
    assert corpus.id == "beam-7"
    assert corpus.session_of == {"0": "1", "1": "1", "2": "1", "3": "2"}
    assert str(corpus.items[1]["occurred_at"]) == "2024-04-02 00:00:00+00:00"


def test_beam_with_repeated_ids_names_no_gold(tmp_path: Path) -> None:
    plans = [{"plan-1": files.BEAM_CHAT}, {"plan-2": files.BEAM_CHAT}]
    row = {"chat": plans, "conversation_id": "1", "probing_questions": files.BEAM_QUESTIONS}
    data = load_dataset("beam", files.write(tmp_path, "rows.json", [row]))
    (corpus,) = data.corpora
    assert len(corpus.session_of) == 8
    assert not any(question.gold for question in corpus.questions)
    assert data.notes == ("chat 1: message ids repeat; its questions count for answers only",)


@pytest.mark.parametrize("zipped", [False, True])
def test_lihua(tmp_path: Path, zipped: bool) -> None:
    data = load_dataset("lihua", files.lihua(tmp_path, zipped=zipped))
    (corpus,) = data.corpora
    first, second = corpus.items
    assert first["content"][0]["name"] == "Anouk"
    assert second["content"][0]["content"] == "The lamp\nis broken."
    assert set(corpus.session_of.values()) == {"20260105_14:00", "20260106_09:00"}
    assert [q.gold_sessions for q in corpus.questions] == [{"20260105_14:00"}, {"20260106_09:00"}]
    assert corpus.questions[1].answer == "the lamp, Anouk"
    assert data.notes == (
        "1 text files without a time are left out",
        "1 pieces of evidence name no conversation; they are left out",
    )


BAD: list[tuple[str, object, str]] = [
    ("locomo", {"a": 1}, "expected a list of conversation"),
    ("locomo", [{"sample_id": "a", "conversation": {}}], "'qa' must be list, found nothing"),
    ("longmemeval", [{"id": 3}], "'id' must be str, found int"),
    (
        "longmemeval",
        [{**files.LONGMEMEVAL[0], "haystack_dates": ["yesterday", "today"]}],
        "'yesterday' is not a date",
    ),
    ("longmemeval", [{**files.LONGMEMEVAL[0], "haystack_dates": []}], "as many sessions, dates"),
    ("musique", files.MUSIQUE, "name the passages with --corpus"),
    ("beam", [{"chat": [], "probing_questions": {}}], "no turns in 'chat'"),
    ("beam", [{"chat": [], "probing_questions": "{"}], "cannot be read"),
    ("beam", [{"chat": files.BEAM_CHAT, "probing_questions": {}}], "no question in it"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_bad_files_are_named(tmp_path: Path, name: str, value: object, message: str) -> None:
    path = files.write(tmp_path, "bad.json", value)
    with pytest.raises(UsageError, match=message):
        load_dataset(name, path)


def test_bad_calls_are_named(tmp_path: Path) -> None:
    path = files.locomo(tmp_path)
    with pytest.raises(UsageError, match="known are: locomo, longmemeval"):
        load_dataset("locomoco", path)
    with pytest.raises(UsageError, match="no such file or folder"):
        load_dataset("locomo", tmp_path / "gone.json")
    with pytest.raises(UsageError, match="for sets of passages"):
        load_dataset("locomo", path, triples=path)
    with pytest.raises(UsageError, match="not JSON"):
        load_dataset("locomo", files.write(tmp_path, "cut.json", '[{"sample_id": '))


@pytest.mark.parametrize(
    ("name", "path", "questions", "with_gold"),
    [
        ("locomo", "locomo/locomo5.json", 1020, 1018),
        ("musique", "musique/musique_train.json", 50, 50),
        ("hotpotqa", "hotpotqa/hotpotqa_train.json", 50, 50),
        ("longmemeval", "longmemeval/longmemeval_oracle_sample.json", 16, 0),
    ],
)
def test_the_real_sets(name: str, path: str, questions: int, with_gold: int) -> None:
    if not SHARED.is_dir():
        pytest.skip("the evaluation data is not here")
    data = load_dataset(name, SHARED / path)
    asked = [question for corpus in data.corpora for question in corpus.questions]
    assert len(asked) == questions
    assert sum(bool(question.gold) for question in asked) == with_gold
    assert len({question.id for question in asked}) == questions


def test_every_set_is_tried_here() -> None:
    passages = {"musique", "hotpotqa", "2wiki"}
    assert set(SETS) == {"locomo", "longmemeval", "beam", "lihua", "plain", *passages}


def test_the_plain_form(tmp_path: Path) -> None:
    rows = [
        {"session": "a", "id": "1", "text": "I have a cat.", "at": "2024-05-01T10:00:00Z"},
        {"session": "a", "id": "2", "text": "Lovely!", "role": "assistant"},
        {"session": "b", "id": "3", "text": "Hello there.", "speaker": "Ida"},
        {"session": "b", "id": "4", "text": " "},
    ]
    asked = [
        {"id": "q", "question": "Which pet?", "gold": ["1"], "category": "pets", "answer": "cat"},
        {"id": "r", "question": "Which car?", "gold": []},
    ]
    turns, questions = tmp_path / "turns.jsonl", tmp_path / "questions.jsonl"
    turns.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UsageError, match=r"turns\.jsonl and questions\.jsonl"):
        load_dataset("plain", tmp_path)
    questions.write_text("\n".join(map(json.dumps, asked)))
    data = load_dataset("plain", tmp_path)
    (corpus,) = data.corpora
    assert [len(item["content"]) for item in corpus.items] == [2, 1]
    assert corpus.items[0]["content"][0]["occurred_at"] == "2024-05-01T10:00:00Z"
    assert corpus.items[0]["content"][1]["role"] == "assistant"
    assert corpus.items[1]["content"][0]["name"] == "Ida"
    assert corpus.session_of == {"1": "a", "2": "a", "3": "b"}
    pet, car = corpus.questions
    assert pet.gold == {"1"}
    assert pet.gold_sessions == {"a"}
    assert (pet.category, pet.answer) == ("pets", "cat")
    assert car.unanswerable
    assert not pet.rivals
    questions.write_text(json.dumps({**asked[0], "gold": ["9"]}))
    with pytest.raises(UsageError, match="question 1: 'gold' names no turn: 9"):
        load_dataset("plain", tmp_path)
    turns.write_text("\n".join(map(json.dumps, [rows[0], rows[0]])))
    with pytest.raises(UsageError, match="turn 2: there is a turn '1' before"):
        load_dataset("plain", tmp_path)


def test_the_plain_form_with_users_and_changes(tmp_path: Path) -> None:
    rows = [
        {"user": user, "session": "a", "id": id, "text": f"{user} has {pet}."}
        for user in ("Ida", "Tom")
        for id, pet in (("1", "a cat"), ("2", "two cats"))
    ]
    asked = {"user": "Tom", "id": "q", "question": "How many?", "gold": ["2"], "rivals": ["1"]}
    (tmp_path / "turns.jsonl").write_text("\n".join(map(json.dumps, rows)))
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps(asked))
    ida, tom = load_dataset("plain", tmp_path).corpora
    assert [corpus.id for corpus in (ida, tom)] == ["Ida", "Tom"]
    assert [item["user_id"] for item in tom.items] == ["Tom"]
    assert not ida.questions
    (question,) = tom.questions
    assert question.gold == {"2"}
    assert question.rivals == {"1"}
    for change, problem in (
        ({"rivals": ["3"]}, "'rivals' names no turn: 3"),
        ({"rivals": "1"}, "'rivals' must be list, found str"),
        ({"user": "Eve"}, "no turns of the user 'Eve'"),
    ):
        questions.write_text(json.dumps({**asked, **change}))
        with pytest.raises(UsageError, match=problem):
            load_dataset("plain", tmp_path)


def test_our_own_set_of_changes() -> None:
    folder = Path(__file__).parents[2] / "benchmarks" / "changes"
    asked = [
        question
        for half in ("given", "held_out")
        for corpus in load_dataset("plain", folder / half).corpora
        for question in corpus.questions
    ]
    assert len({question.id for question in asked}) == len(asked)
    changed = [question for question in asked if question.category != "unchanged"]
    assert (len(changed), len(asked) - len(changed)) == (60, 61)
    assert sum(question.category == "before" for question in asked) == 12
    assert all(question.gold for question in asked)
    assert all(bool(question.rivals) == (question in changed) for question in asked)
    assert not any(question.gold & question.rivals for question in asked)
