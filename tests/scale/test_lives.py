"""Made-up lives: the same whatever part is asked for, and like what people tell."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from itertools import pairwise

import pytest

from benchmarks import lives


def test_any_part_is_the_same() -> None:
    whole = list(lives.items(0, 3500))
    assert [item.number for item in whole] == list(range(3500))
    assert list(lives.items(990, 2010)) == whole[990:2010]
    assert list(lives.items(3000, 3001)) == whole[3000:3001]
    assert list(lives.items(7, 7)) == []


def test_seeds_and_users_make_others() -> None:
    one, other = (list(lives.items(0, 500, seed=seed)) for seed in (0, 1))
    assert {item.text for item in one}.isdisjoint(item.text for item in other)
    few = {item.user for item in lives.items(0, 5000, users=3)}
    assert few == {"user-00000", "user-00001", "user-00002"}


def test_time_goes_on_and_sessions_belong_to_one_user() -> None:
    made = list(lives.items(500_000, 503_000))
    starts: dict[str, lives.Item] = {}
    for item in made:
        starts.setdefault(item.session, item)
    assert all(a.occurred_at < b.occurred_at for a, b in pairwise(starts.values()))
    assert all(item.user == starts[item.session].user for item in made)
    sizes = Counter(item.session for item in made)
    assert 2 <= min(sizes.values()) < 6 < max(sizes.values())


def test_few_users_and_few_people_are_in_most_of_it() -> None:
    made = list(lives.items(900_000, 920_000))
    by_user = Counter(item.user for item in made)
    assert len(by_user) > 400
    busiest = [count for _, count in by_user.most_common(len(by_user) // 5)]
    assert sum(busiest) > 0.4 * len(made)
    (user, _), *_ = by_user.most_common(1)
    first = Counter(item.text.split()[0] for item in made if item.user == user)
    assert first.most_common(1)[0][1] > 5 * first.most_common()[len(first) // 2][1]


def test_lives_change_and_repeat_themselves() -> None:
    made = [
        item
        for start in range(0, 1_000_000, 20_000)
        for item in lives.items(start, start + 1000, users=5)
        if item.text.startswith("I live in")
    ]
    homes = [item.text for item in made if item.user == "user-00000"]
    assert len(set(homes)) >= 2, "somebody moved"
    assert len(homes) > len(set(homes)), "and said so more than once"


def test_a_million_takes_as_much_memory_as_one() -> None:
    list(lives.items(0, 2000))
    tracemalloc.start()
    count = sum(1 for _ in lives.items(400_000, 410_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 10_000
    assert peak < 16 << 20


@pytest.mark.parametrize("number", range(20))
def test_a_question_has_its_answer(number: int) -> None:
    user, question, answer = lives.question(number, 5000)
    found = [item for item in lives.items(0, 5000) if item.text == answer]
    assert user in {item.user for item in found}
    assert set(question.removeprefix("What about ").rstrip("?").split()) <= {
        word.strip(".,") for word in answer.split()
    }


def test_related_items_have_a_text_that_states_it() -> None:
    made = [(item, row) for item in lives.items(0, 2000) if (row := item.as_related())]
    assert len(made) > 60
    for item, row in made:
        kin = row["type"].removesuffix("_of")
        assert item.text.startswith(row["subject"])
        assert item.text.endswith(f" is {row['object']}'s {kin}.")
        assert row["user_id"] == item.user
