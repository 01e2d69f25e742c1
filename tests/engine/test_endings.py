"""What has ended, in plain sentences."""

from __future__ import annotations

import pytest

from graphmem import Memory
from graphmem.model.printing import no_longer


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("Ada lives in Rome", "Ada no longer lives in Rome"),
        ("Zoe is Ada's sister", "Zoe is no longer Ada's sister"),
        ("Ada moved to Berlin in February 2025", "Ada left Berlin"),
        ("Ada's mum is now a nurse at Acme", "Ada's mum is no longer a nurse at Acme"),
        ("Bob got a job at Acme", "Bob no longer works at Acme"),
        ("Ada bought a Fiesta", "Ada no longer has a Fiesta"),
        ("Leila got engaged to Tom on 2025-03-28", "Leila is no longer engaged to Tom"),
        ("Leila got married to Tom", "Leila is no longer married to Tom"),
        ("Kim had a cat named Mo", "Kim had a cat named Mo"),
        ("Ada sold her car", "Ada sold her car"),
        ("Ada and Bob row", "no longer: Ada and Bob row"),
    ],
)
def test_an_ended_fact_in_plain_words(text: str, ended: str) -> None:
    assert no_longer(text) == ended


def test_a_trip_happened_and_what_was_over_when_told_only_ended() -> None:
    with Memory("memory://", user_id="Ada") as memory:
        memory.add("I work at Acme. I went to Rome in May 2024.", occurred_at="2024-06-01")
        memory.add("I left Acme. Kim's cat Mo died.", occurred_at="2024-07-01")
        told = [(one.what, str(one)) for one in memory.timeline()]
        assert ("happened", "May 2024 · Ada went to Rome in May 2024") in told
        assert ("ended", "2024-07-01 · Ada no longer works at Acme") in told
        assert [what for what, line in told if "cat named Mo" in line] == ["ended"]
        changes = [str(one) for one in memory.diff("2024-04-01", "2024-08-01")]
        assert "2024-07-01 · Ada no longer works at Acme" not in changes  # not yet begun in April
        changes = [str(one) for one in memory.diff("2024-06-15", "2024-08-01")]
        assert "2024-07-01 · Ada no longer works at Acme" in changes


def test_what_was_bought_is_owned_until_it_is_sold() -> None:
    with Memory("memory://", user_id="Ada") as memory:
        memory.add("I bought a Vespa.", occurred_at="2024-01-10")
        assert [str(r.object) for r in memory.relations(type="owns")] == ["Vespa"]
        memory.add("Sold the Vespa.", occurred_at="2024-03-10")
        assert not memory.relations(type="owns")


def test_who_died_holds_no_post() -> None:
    with Memory("memory://", user_id="Ada") as memory:
        memory.add("Petrok Nance is the treasurer of Roskear Guild.", occurred_at="2024-01-10")
        assert memory.relations("Petrok Nance", type="works_as")
        memory.add("Petrok Nance died on 3 September.", occurred_at="2024-09-10")
        assert not memory.relations("Petrok Nance", type="works_as")
