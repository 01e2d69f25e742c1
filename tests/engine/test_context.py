"""Text for a prompt: what is in it, in which order, how long it is, and where it comes from."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from graphmem import Memory
from graphmem.adapters.models.wordllama.embedder import WordLlamaTokens
from graphmem.errors import NotFound, UsageError
from graphmem.model import Context, to_json
from tests.engine.helpers import add_story

_CITED = re.compile(r"^\[(\d+)\] (\d{4}-\d{2}-\d{2}) (.+)$")


def groups(text: str) -> dict[str, list[str]]:
    """Lines by their heading."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("## "):
            here = found.setdefault(line[3:], [])
        else:
            here.append(line)
    return found


def test_it_is_grouped_dated_and_the_present_comes_first(story: Memory) -> None:
    context = story.context("Where does Ada Lovelace live?")
    believed = groups(context)
    first = next(iter(believed))
    assert first == "Ada Lovelace", "what was asked about comes first"
    assert list(believed)[-1] == "Said"
    ada = believed["Ada Lovelace"]
    assert any(line.endswith("2025-03-01 Ada Lovelace moved to Berlin") for line in ada)
    assert ada[-1].endswith("2024-01-11 Ada Lovelace lives in Paris (until 2025-03-01)")
    for lines in believed.values():
        present = [line for line in lines if "(until" not in line and "(outdated" not in line]
        assert lines[: len(present)] == present
        for part in (present, lines[len(present) :]):
            dates = [line.split()[1] for line in part]
            assert dates == sorted(dates)
    assert context == story.context("Where does Ada Lovelace live?")


def test_every_number_stands_for_what_is_beside_it(story: Memory) -> None:
    context = story.context("Who is Bob Stone, and where does he work?")
    lines = [line for line in context.splitlines() if not line.startswith("## ")]
    assert [citation.number for citation in context.citations] == [*range(1, len(lines) + 1)]
    for line, citation in zip(lines, context.citations, strict=True):
        found = _CITED.match(line)
        assert found is not None
        assert int(found[1]) == citation.number
        assert citation.hit.text in found[3]
        noted = story.explain(context.cited(citation.number))
        assert (noted.kind, noted.id, noted.hit) == (
            citation.hit.kind,
            citation.hit.id,
            citation.hit,
        )
        assert noted.quotes
        assert noted.quotes[0].episode_id == citation.hit.episode_id
        assert story.episode(noted.quotes[0].episode_id).turns[0].text == noted.quotes[0].text
        if noted.fact:
            assert noted.fact == story.get(noted.id)
            assert noted.history == tuple(story.history(noted.id))
            assert {e.id for e in noted.about} == set(noted.fact.entity_ids)
    for number in (0, len(lines) + 1):
        with pytest.raises(UsageError, match=rf"no \[{number}\]"):
            context.cited(number)


def test_what_was_stated_and_found_as_a_fact_stands_once(story: Memory) -> None:
    context = story.context("Where does Carol Reed live?", budget_tokens=500)
    assert context.lower().count("carol reed lives in lisbon") == 1


@pytest.mark.parametrize("budget", [1, 10, 20, 40, 100, 1000])
async def test_the_budget_holds(budget: int) -> None:
    from graphmem import open_memory

    memory = await open_memory("memory://", user_id="ada")
    await memory.add("Ada Lovelace lives in Paris.", occurred_at="2024-01-01")
    await memory.add("日本語のとても長い文章です。絵文字も 😀 あります。", infer=False)
    await memory.add("Ada Lovelace works at Acme with Bob Stone.", occurred_at="2024-01-02")
    context = await memory.context("Ada Lovelace", budget_tokens=budget)
    (counted,) = await WordLlamaTokens().count([context])
    assert counted == context.tokens <= budget
    assert bool(context) == (budget >= 40)
    await memory.close()


def test_a_context_is_text_and_no_more_is_needed(story: Memory) -> None:
    context = story.context("Ada")
    assert isinstance(context, str)
    assert to_json(context) == str(context)
    for other in (copy.copy(context), pickle.loads(pickle.dumps(context))):
        assert other == context
        assert other.citations == context.citations
    empty = Context.of("", (), 0)
    assert (empty, empty.citations) == ("", ())
    assert story.context("Ada", where="type = nothing_at_all") == ""


def test_plans_are_stated_as_plans(plain: Memory) -> None:
    plain.relate("Ada", "lives_in", "Oslo", modality="planned", valid_at="2030-01-01")
    text = plain.context("Where will Ada live?")
    assert "(planned" in text


def test_explaining_what_is_not_there(story: Memory) -> None:
    with pytest.raises(NotFound, match="no fact and no turn 'unknown'"):
        story.explain("unknown")
    with pytest.raises(UsageError, match="cited must be text"):
        story.explain(3)  # type: ignore[arg-type]
    noted = story.explain(story.search("Where does Ada live?", kinds=["turn"])[0].id)
    assert (noted.kind, noted.fact, len(noted.quotes)) == ("turn", None, 1)
    hit = story.search("Where does Ada live?", kinds=["turn"])[0]
    with pytest.raises(NotFound):
        story.explain(hit, user_id="ben")
    with pytest.raises(NotFound):
        story.explain(hit.id, run_id="other")


def test_a_view_writes_and_explains_what_was_known(plain: Memory) -> None:
    add_story(plain)
    view = plain.as_of("2024-06-01")
    context = view.context("Where does Ada Lovelace live?")
    assert "lives in Paris" in context
    assert "Berlin" not in context
    assert view.explain(context.cited(1)).quotes


def test_control_characters_of_what_was_stored_are_made_visible(plain: Memory) -> None:
    plain.add("Zoë lives in \x1b]0;owned\x07 Rome \x9b2J and \u202emoor\u202c.", infer=False)
    text = plain.context("Where does Zoë live?")
    assert "Rome" in text
    assert "\\x1b]0;owned\\x07" in text
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
