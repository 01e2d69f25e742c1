"""What the importance that callers give is worth in ranking, where they give it:

``python -m benchmarks.importance locomo=PATH plain=FOLDER``

Every unit of a set is told as a fact, with an importance drawn about .4, and about so much more
where any question of the set asks for it: ``lead`` 0 is importance that says nothing (what the
signal costs), .1 to .3 what somebody might give who half knows what will be asked. The spread is .2
about both, so that at .1 a unit that is asked for has the lesser importance of two in 36 of 100
cases. Printed is what a search of facts finds, by the weight of the signal.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.fit import named_path
from graphmem import Memory, Settings
from graphmem.bench.dataset import UNIT, Corpus, Dataset
from graphmem.bench.metrics import Scores, distinct, mean, scores
from graphmem.bench.sets import load_dataset
from graphmem.retrieve.rank.ranking import Weights, shipped_weights

LEADS = (0.0, 0.1, 0.2, 0.3)
WEIGHTS = (0.0, 0.02, 0.04, 0.08, 0.16, 0.32)
_USUAL, _SPREAD = 0.4, 0.2
_SHOWN = ("recall@5", "recall@10", "hit@1")


def units(corpus: Corpus) -> Iterator[dict[str, Any]]:
    """What a corpus is told, a unit at a time."""
    for item in corpus.items:
        content, given = item["content"], item.get("metadata") or {}
        more = {"occurred_at": item["occurred_at"]} if item.get("occurred_at") else {}
        if isinstance(content, str):
            yield {"content": content, "metadata": {UNIT: given.get(UNIT)}, **more}
            continue
        for message in content:
            at = {"occurred_at": message["occurred_at"]} if message.get("occurred_at") else more
            text = message["content"]
            if text.strip():
                yield {"content": text, "metadata": {UNIT: str(message.get("id"))}, **at}


def weighed(corpus: Corpus, lead: float, random_: random.Random) -> list[dict[str, Any]]:
    """The same with what each counts."""
    asked_for = {id for question in corpus.questions for id in question.gold}
    found = []
    for unit in units(corpus):
        about = _USUAL + lead * (unit["metadata"][UNIT] in asked_for)
        importance = min(1.0, max(0.0, random_.gauss(about, _SPREAD)))
        found.append({**unit, "importance": round(importance, 3)})
    return found


def told(folder: Path, dataset: Dataset, lead: float) -> None:
    random_ = random.Random(17)
    with Memory(folder) as memory:
        for number, corpus in enumerate(dataset.corpora):
            memory.add_many(weighed(corpus, lead, random_), infer=False, user_id=f"u{number}")


def asked(folder: Path, dataset: Dataset, weights: Path, most: int) -> Scores:
    """What a search finds, on average over at most so many questions of each corpus."""
    rows = []
    settings = Settings.load({}, llm="none", search_weights=str(weights), count_reads=False)
    with Memory(folder, settings=settings) as memory:
        for number, corpus in enumerate(dataset.corpora):
            right = [question for question in corpus.questions if question.gold]
            for question in right[:: max(1, len(right) // most)]:
                hits = memory.search(question.text, kinds=["fact"], user_id=f"u{number}")
                ids = [str(hit.fact.metadata[UNIT]) for hit in hits if hit.fact]
                rows.append(scores(distinct(ids), question.gold))
    return mean(rows)


def with_weight(weight: float, path: Path) -> Path:
    shipped: Mapping[str, Mapping[str, float]] = shipped_weights().kinds
    Weights({kind: {**of, "importance": weight} for kind, of in shipped.items()}).write(path)
    return path


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=named_path, metavar="SET=PATH")
    parser.add_argument("--questions", type=int, default=80, help="of each corpus, at most")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args(given)
    report: dict[str, Any] = {}
    print("| set | lead | " + " | ".join(f"{weight:g}" for weight in WEIGHTS) + " |")
    print("|---|---|" + "---|" * len(WEIGHTS))
    for name, path in options.sets:
        dataset = load_dataset(name, path)
        for lead in LEADS:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                told(place / "m", dataset, lead)
                found = {
                    weight: asked(
                        place / "m", dataset, with_weight(weight, place / "w"), options.questions
                    )
                    for weight in WEIGHTS
                }
            cells = [" / ".join(f"{one[k]:.3f}" for k in _SHOWN) for one in found.values()]
            print(f"| {path.stem} | {lead:g} | " + " | ".join(cells) + " |", flush=True)
            report[f"{path.stem} {lead:g}"] = {str(weight): one for weight, one in found.items()}
    if options.report:
        options.report.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
