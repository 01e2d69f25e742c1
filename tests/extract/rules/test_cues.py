"""Each module of rules is asked only where one of its cues stands: without them it finds nothing,
and remembers nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from graphmem.extract.rules.attributes import ATTRIBUTE_CUES, attributes
from graphmem.extract.rules.business import BUSINESS_CUES, business
from graphmem.extract.rules.dates import MAYBE_DATED, find_dates
from graphmem.extract.rules.deaths_and_partings import DEPARTURE_CUES, Departures
from graphmem.extract.rules.favourites import favourites
from graphmem.extract.rules.implied_relations import BIRTH_WORDS, birthdays, proposals
from graphmem.extract.rules.job_titles import JOB_CUES, job_relations, last_days
from graphmem.extract.rules.kin import KIN_WORDS, relatives
from graphmem.extract.rules.named_later import NAMED_LATER_CUES, UNNAMED_WORDS, later_names
from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.people import People
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.switches import SWITCH_CUES, switches
from graphmem.extract.rules.tokenizer import Sentence, split_sentences
from graphmem.model import Date
from tests.extract.rules.helpers import STATED_AT

_NOW = Date(STATED_AT, "instant")
_RULES: dict[
    str,
    tuple[Callable[[Sentence], bool], Callable[[Parse, TurnContext], Any]],
] = {
    "kin": (lambda s: not s.lows.isdisjoint(KIN_WORDS), relatives),
    "departures": (
        lambda s: DEPARTURE_CUES.search(s.text) is not None,
        lambda p, c: Departures().read(p, c, STATED_AT, []),
    ),
    "proposals": (lambda s: "propose" in s.text, lambda p, c: proposals(p, c, STATED_AT)),
    "favourites": (lambda s: "avo" in s.text, favourites),
    "jobs": (
        lambda s: JOB_CUES.search(s.text) is not None,
        lambda p, c: [*job_relations(p, c), *last_days(p, c)],
    ),
    "named later": (
        lambda s: bool(NAMED_LATER_CUES.search(s.text)) or not s.lows.isdisjoint(UNNAMED_WORDS),
        later_names,
    ),
    "switches": (
        lambda s: SWITCH_CUES.search(s.text.lower()) is not None,
        lambda p, c: switches(p, c, STATED_AT),
    ),
    "business": (
        lambda s: BUSINESS_CUES.search(s.text) is not None,
        lambda p, c: business(p, c, _NOW),
    ),
    "birthdays": (
        lambda s: not s.lows.isdisjoint(BIRTH_WORDS),
        lambda p, c: birthdays(p, c, STATED_AT),
    ),
    "attributes": (
        lambda s: ATTRIBUTE_CUES.search(s.text) is not None,
        lambda p, c: attributes(p.sentence.text, c),
    ),
    "dates": (
        lambda s: MAYBE_DATED.search(s.text) is not None,
        lambda p, c: find_dates(p.sentence.text, STATED_AT),
    ),
}


def _sentences() -> Iterator[Sentence]:
    """Those of every text that the rules are tested with, quoted in the tests or by itself."""
    tests = Path(__file__).parents[2]
    texts = [
        *sorted((tests / "plain_words").rglob("*.md")),
        *sorted(tests.glob("scenarios/*.toml")),
    ]
    texts += sorted(Path(__file__).parent.glob("test_*.py"))
    for path in texts:
        for line in path.read_text(encoding="utf-8").splitlines():
            for sentence in split_sentences(line):
                if sentence.whole and sentence.tokens:
                    yield sentence


_SENTENCES = list(_sentences())


@pytest.mark.parametrize("name", _RULES)
def test_without_its_cues_a_rule_finds_nothing(name: str) -> None:
    has_cue, read = _RULES[name]
    asked = 0
    for sentence in _SENTENCES:
        names = NameRegistry()
        for span in sentence.name_spans:
            names.register(span.name)
        context = TurnContext(People(names, frozenset({"Ada"})), "Ada")
        context.unnamed = ("Ada", "sister")
        before = deepcopy(context)
        if not has_cue(sentence):
            dates = find_dates(sentence.text, STATED_AT)
            found = list(read(Parse(sentence, sentence.name_spans, dates), context))
            assert (found, context) == ([], before), sentence.text
            asked += 1
    assert asked > 1000
