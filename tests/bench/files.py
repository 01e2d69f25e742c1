"""Small data sets in the published formats, with people and things made up for them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

LOCOMO: list[dict[str, Any]] = [
    {
        "sample_id": "talk-1",
        "conversation": {
            "speaker_a": "Ines",
            "speaker_b": "Rafi",
            "session_1_date_time": "9:05 am on 3 March, 2024",
            "session_1": [
                {"speaker": "Ines", "dia_id": "D1:1", "text": "I bought a violin on Friday."},
                {"speaker": "Rafi", "dia_id": "D1:2", "text": "Lovely! My tomatoes are growing."},
                {
                    "speaker": "Ines",
                    "dia_id": "D1:3",
                    "text": "Here is my cat.",
                    "blip_caption": "a grey cat on a windowsill",
                },
            ],
            "session_2_date_time": "7:30 pm on 20 April, 2024",
            "session_2": [
                {"speaker": "Rafi", "dia_id": "D2:1", "text": "I was promoted to head gardener."},
                {"speaker": "Ines", "dia_id": "D2:2", "text": "I play the violin every evening."},
            ],
        },
        "qa": [
            {"question": "Who became head gardener?", "answer": "Rafi", "evidence": ["D2:1"],
             "category": 4},
            {"question": "What does Ines do with her violin?", "answer": "bought it, plays it",
             "evidence": ["D1:1; D2:2"], "category": 1},
            {"question": "What animal does Ines show?", "answer": 1, "evidence": ["D01:03"],
             "category": 3},
            {"question": "When did Ines sell her violin?", "adversarial_answer": "in May",
             "evidence": ["D1:1"], "category": 5},
            {"question": "What is lost?", "answer": "nothing", "evidence": ["D:2:1", "D9:9"],
             "category": 2},
        ],
    },
    {
        "sample_id": "talk-2",
        "conversation": {
            "speaker_a": "Omar",
            "speaker_b": "Lena",
            "session_1_date_time": "1:00 pm on 1 May, 2024",
            "session_1": [
                {"speaker": "Omar", "dia_id": "D1:1", "text": "My boat is called Petrel."},
                {"speaker": "Lena", "dia_id": "D1:2", "text": "I repair old clocks in Bern."},
            ],
        },
        "qa": [
            {"question": "What is Omar's boat called?", "answer": "Petrel", "evidence": ["D1:1"],
             "category": 4},
        ],
    },
]  # fmt: skip

LONGMEMEVAL: list[dict[str, Any]] = [
    {
        "question_id": "q-bike",
        "question_type": "single-session-user",
        "question": "What colour is my bike?",
        "answer": "green",
        "question_date": "2023/06/01 (Thu) 10:00",
        "haystack_session_ids": ["s-a", "s-b"],
        "haystack_dates": ["2023/05/20 (Sat) 12:47", "2023/05/21 (Sun) 08:00"],
        "haystack_sessions": [
            [
                {"role": "user", "content": "My new bike is green.", "has_answer": True},
                {"role": "assistant", "content": "Green is a fine colour for a bike."},
                {"role": "user", "content": " "},
            ],
            [{"role": "user", "content": "Suggest a soup with leeks."}],
        ],
        "answer_session_ids": ["s-a"],
    },
    {
        "question_id": "q-piano_abs",
        "question_type": "single-session-user",
        "question": "What colour is my piano?",
        "answer": "It was never mentioned.",
        "question_date": "2023/06/01 (Thu) 10:00",
        "haystack_session_ids": ["s-c"],
        "haystack_dates": ["2023/05/20 (Sat) 12:47"],
        "haystack_sessions": [[{"role": "user", "content": "I like long walks."}]],
        "answer_session_ids": ["s-c"],
    },
]

PASSAGES = [
    {"title": "Velmora", "text": "Velmora is a port in the west of Dorland."},
    {"title": "Dorland", "text": "Dorland is a country whose queen is Asta Berg."},
    {"title": "Asta Berg", "text": "Asta Berg was born in Lunde."},
    {"title": "Lunde", "text": "Lunde lies on a lake."},
]
MUSIQUE: list[dict[str, Any]] = [
    {
        "id": "2hop__1_2",
        "question": "Who is the queen of the country where Velmora is?",
        "answer": "Asta Berg",
        "answer_aliases": [],
        "paragraphs": [
            {"idx": n, "title": p["title"], "paragraph_text": p["text"], "is_supporting": n < 2}
            for n, p in enumerate(PASSAGES)
        ],
    }
]
OPENIE = {
    "docs": [
        {
            **PASSAGES[0],
            "passage": f"{PASSAGES[0]['title']}\n{PASSAGES[0]['text']}",
            "extracted_entities": ["Velmora", "Dorland"],
            "extracted_triples": [["Velmora", "is a port in", "Dorland"], ["Velmora", "west"]],
        },
        {
            **PASSAGES[1],
            "passage": f"{PASSAGES[1]['title']}\n{PASSAGES[1]['text']}",
            "extracted_entities": ["Dorland", "Asta Berg"],
            "extracted_triples": [["Asta Berg", "is queen of", "Dorland"]],
        },
        {"title": "Elsewhere", "text": "Nothing.", "extracted_triples": []},
    ]
}
HOTPOT: list[dict[str, Any]] = [
    {
        "_id": "h1",
        "type": "bridge",
        "question": "Where was the queen of Dorland born?",
        "answer": "Lunde",
        "supporting_facts": [["Dorland", 0], ["Asta Berg", 0], ["Asta Berg", 1]],
        "context": [[p["title"], [p["text"]]] for p in PASSAGES],
    }
]
HOTPOT_CORPUS = {passage["title"]: [passage["text"]] for passage in PASSAGES}

BEAM_CHAT: list[dict[str, Any]] = [
    {
        "batch_number": 1,
        "turns": [
            [
                {"role": "user", "id": 0, "time_anchor": "March-15-2024",
                 "content": "My thesis is about moss. ->-> 1,1"},
                {"role": "assistant", "id": 1, "content": "Moss it is."},
            ],
            [{"role": "user", "id": 2, "content": "My supervisor is Professor Quill."}],
        ],
    },
    {
        "batch_number": 2,
        "turns": [[{"role": "user", "id": 3, "time_anchor": "April-02-2024",
                    "content": "The thesis is due on 9 June."}]],
    },
]  # fmt: skip
BEAM_QUESTIONS = {
    "information_extraction": [
        {"question": "What is my thesis about?", "answer": "moss", "source_chat_ids": [0],
         "rubric": ["It says moss"]},
    ],
    "knowledge_update": [
        {"question": "When is my thesis due?", "answer": "9 June",
         "source_chat_ids": {"original_info": [0], "updated_info": [3]}, "rubric": ["9 June"]},
    ],
    "abstention": [
        {"question": "What did I have for lunch?", "ideal_response": "Nothing is said.",
         "rubric": ["says that it is not known"]},
    ],
}  # fmt: skip

LIHUA_CHATS = {
    "20260105_14:00.txt": "Time: 20260105_14:00\nAnouk: I arrive at five.\nLiHua: Fine.",
    "week1.txt": "Time: 20260106_09:00\nAnouk: The lamp\nis broken.",
    "notes.txt": "no time in here",
}
LIHUA_CSV = (
    "Question,Gold Answer,Evidence,Type\n"
    "When does Anouk arrive?,five,20260105_14:00,Single\n"
    '"What is broken, and who said so?","the lamp, Anouk",'
    "20260106_09:00<and>20269999_10:00,Multi\n"
)


def write(folder: Path, name: str, value: Any) -> Path:
    """A file with a value as JSON, or with text."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def locomo(folder: Path) -> Path:
    return write(folder, "locomo2.json", LOCOMO)


def musique(folder: Path) -> tuple[Path, Path]:
    """Questions (passages beside them), and triples."""
    write(folder, "musique_corpus.json", PASSAGES)
    return write(folder, "musique.json", MUSIQUE), write(folder, "openie.json", OPENIE)


def beam(folder: Path) -> Path:
    write(folder, "chats/100K/7/chat.json", BEAM_CHAT)
    write(folder, "chats/100K/7/probing_questions/probing_questions.json", BEAM_QUESTIONS)
    return folder / "chats" / "100K"


def lihua(folder: Path, *, zipped: bool) -> Path:
    write(folder, "LiHua/qa/query_set.csv", LIHUA_CSV)
    if zipped:
        (folder / "LiHua" / "data").mkdir()
        with zipfile.ZipFile(folder / "LiHua" / "data" / "LiHuaWorld.zip", "w") as archive:
            for name, text in LIHUA_CHATS.items():
                archive.writestr(f"LiHua-World/{name}", text)
    else:
        for name, text in LIHUA_CHATS.items():
            write(folder, f"LiHua/data/{name}", text)
    return folder / "LiHua"
