"""The results page: every figure with its command, machine, versions and date."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphmem.bench.plots import line_chart, pictures
from graphmem.bench.runs import BenchRun, read_object
from graphmem.bench.tables import (
    ablation,
    at_a_glance,
    held_out_scores,
    markdown,
    peers_table,
    sweep_table,
)
from graphmem.errors import UsageError

_TITLES = {
    "locomo": "LoCoMo",
    "longmemeval": "LongMemEval",
    "musique": "MuSiQue",
    "hotpotqa": "HotpotQA",
    "2wiki": "2WikiMultihopQA",
    "beam": "BEAM",
    "lihua": "LiHua-World",
    "plain": "Turns and questions in the plain form",
}
_FOLDERS = {"user_turns": "LongMemEval, what users said"}
"""Sets in the plain form; any other goes by its folder."""
_SHORT = {"rules": "", "none": ", as it is", "given": ", with facts given", "model": ", by a model"}
_EXTRACTED = {
    "rules": "entities and facts by the rules, no model",
    "none": "nothing extracted: each text is one fact",
    "given": "the triples that come with the data set as extraction",
    "model": "entities and facts by a model",
}
_PATH = 4
"""Where in the command of a run its data set stands."""
_HEAD = """# Benchmarks
"""
_READING = """## How to read this

Made by `graphmem bench page` from result files; not edited by hand. How to measure these sets is in
`graphmem bench --help`. Your own conversations are measured by `graphmem bench run plain FOLDER`:
`turns.jsonl` has a line a turn (`session`, `id`, `text`; where known `role`, `speaker`, `at`),
`questions.jsonl` one a question (`id`, `question`, `gold`: ids of turns; where known `category`,
`answer`, and `rivals`: ids of turns that hold the answer as it was at another time). A `user` in
both says who remembers it.

Nothing here asks a model while searching. **recall@k** is the mean share of a question's gold
units (turns or passages) among the first k distinct ones; a fact counts for the turn or passage
that states it. **all@k** is the share of questions whose whole gold is there, **hit@1** that whose
first unit is gold, **ndcg@k** has binary gains. A session stands where its best unit stands.
**newer above older** is, of questions whose answer changed, the share for which a turn that holds
it stands above those that it replaced. Intervals are 95 %, by a paired bootstrap over questions; in
bold where zero lies outside. Latency is of one search for ten hits, the embedding of the question
included, one at a time.
"""
_OBSERVED = "the facts that come with the data set, and what the rules find"
_FEW = 0.02
"""Of all that was scored, so little says nothing of one step of the scores."""
_SCORES = """Each question is asked of its own memory and of another of the same set, that cannot
answer it ([scores.md](scores.md)). A set that is one memory is cut in two; where people are named,
each question is also asked with the names of those who talk in the wrong conversation. Each
conversation is measured with numbers found on all others (of a set with one: on four fifths of
its questions, and all other sets). **AUC**: how often `answerable` is higher where the question
belongs. **Calibration error**: how far scores are from what came true, on average over ten steps.
"""
_ALWAYS = (
    "Memory engines mostly publish how many answers of a large model a large model accepts, after "
    "it read what was retrieved. That is another quantity than recall, and moves with the models.",
    "The bootstrap takes questions as independent. Those about one conversation are not quite: the "
    "true intervals are wider.",
    "Latency, rates and memory are of the machine named with them, whose load at that time is "
    "given. Compare ratios inside one run rather than milliseconds between machines.",
    "Tokens are counted as four characters each, not by any model's tokenizer.",
)
_OF_SET = {
    "locomo": (
        "LoCoMo: question category 5 (adversarial) is measured here like the others, by the turn "
        "that it is about; many publications leave it out. A caption is part of its turn. "
        "What fusion weights were fitted on must be known to read a figure: on the conversations "
        "that they came from they flatter.",
    ),
    "longmemeval": (
        "LongMemEval: the published retrieval figures index what the user said only; here both "
        "sides are indexed. Questions that cannot be answered are left out in both.",
    ),
    "musique": (
        "MuSiQue, HotpotQA, 2WikiMultihopQA: HippoRAG's figures are over 1,000 questions and "
        "11,656, 9,811 and 6,119 passages, with a 7-billion-parameter embedder and a model that "
        "filters at query time. A part of a set has fewer passages to confuse, and is easier.",
    ),
    "beam": (
        "BEAM: published scores are of answers against rubrics; here it is whether the messages "
        "named as sources were found.",
    ),
    "plain": (
        "LongMemEval, what users said: in the plain form, from the oracle sessions, all of them as "
        "one owner, and half of the questions.",
        "Sets in the plain form go by their folders; `given`, `held_out`, `mixed_held_out` and "
        "`steady_held_out` are in `benchmarks/changes`.",
    ),
    "lihua": ("LiHua-World: published scores are of answers; here it is the conversations found.",),
    "peers": (
        "The other engines ran with a scripted model (see their table): it extracts what a fixed "
        "script extracts. That makes calls, tokens, rates and latency comparable; what each finds "
        "with a good model is not measured here.",
    ),
}
_OF_SET["hotpotqa"] = _OF_SET["2wiki"] = _OF_SET["musique"]


@dataclass
class _Pictures:
    """The pictures beside a page, named after it and the number of their section."""

    page: Path
    section: int = 0
    written: list[Path] = field(default_factory=list)

    def add(self, name: str, svg: str | None, title: str) -> list[str]:
        """The line of the page that shows it; none for one that could not be drawn."""
        if svg is None:
            return []
        file = self.page.with_name(f"{self.page.stem}-{self.section}-{name}.svg")
        file.write_text(svg, encoding="utf-8")
        self.written.append(file)
        return [f"![{title}]({file.name})\n"]


def write_page(files: Sequence[Path], out: Path) -> list[Path]:
    """Write the page and its pictures beside it; returns the pictures.

    ``files`` are folders of runs and JSON files of other measurements (of peers, of a sweep), in
    the order of the page. :class:`~graphmem.errors.UsageError` names one that is neither.
    """
    results = [_read(file) for file in files]
    sections = [_HEAD]
    runs = {_title(result): result for result in results if "variants" in result}
    if runs:
        named = {_name(run["plan"], _SHORT): run for run in runs.values()}
        sections.append(f"{at_a_glance(named)}\n")
    sections.append(_READING)
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = _Pictures(out)
    for drawn.section, result in enumerate(results, start=1):
        section = _SECTIONS.get(_kind(result), _run)
        sections.append("\n".join(section(result, drawn)))
    sections += _ablations(runs)
    kinds = [_kind(result) for result in results]
    reasons = [*_ALWAYS, *(text for kind in kinds for text in _OF_SET.get(kind, ()))]
    notes = "\n".join(f"- {text}" for text in dict.fromkeys(reasons))
    compared = f"## What is not comparable\n\n{notes}\n"
    out.write_text("\n".join([*sections, compared]), encoding="utf-8")
    return drawn.written


def _ablations(runs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The longest tables, behind all others."""
    tables = [
        f"### {title}\n\n{ablation(result['intervals'])}\n"
        for title, result in runs.items()
        if result.get("intervals")
    ]
    if not tables:
        return []
    head = (
        "## What each part brings\n\n"
        "The search without an arm, or without one signal, against the search with all.\n"
    )
    return [head, *tables]


def _title(result: Mapping[str, Any]) -> str:
    plan = result["plan"]
    extracted = {kind: f": {text}" for kind, text in _EXTRACTED.items()}
    if plan["unit"] == "turn":
        extracted["given"] = f": {_OBSERVED}"
    return _name(plan, extracted)


def _name(plan: Mapping[str, Any], extracted: Mapping[str, str]) -> str:
    """A run by its set, by what was ``extracted``, and by what was left out."""
    left_out = "" if "all" in plan["variants"] else f", {plan['variants'][0]}"
    return f"{_set_name(plan)}{extracted[plan['extract']]}{left_out}"


def _set_name(plan: Mapping[str, Any]) -> str:
    if plan["data"] != "plain":
        return _TITLES.get(plan["data"], str(plan["data"]))
    folder = Path(shlex.split(plan["command"])[_PATH]).name
    return _FOLDERS.get(folder, folder)


def _read(file: Path) -> dict[str, Any]:
    if file.is_dir():
        return BenchRun(file).result()
    found = read_object(file)
    if not {"variants", "peers", "rows", "scored"} & set(found):
        raise UsageError(
            f"{file}: neither a run's result, nor one of peers, of a sweep, or of scores"
        )
    return found


def _kind(result: Mapping[str, Any]) -> str:
    for kind in ("peers", "rows", "scored"):
        if kind in result:
            return kind
    return str(result["plan"]["data"])


def _run(result: Mapping[str, Any], drawn: _Pictures) -> list[str]:
    plan = result["plan"]
    parts = [
        f"## {_title(result)}\n",
        _measured(plan["command"], plan, result["date"]),
        markdown(result, ablated=False),
    ]
    for name, picture in pictures(result).items():
        parts += drawn.add(name, picture, f"{_set_name(plan)}: {name}")
    return parts


def _measured(command: str, plan: Mapping[str, Any], date: str) -> str:
    machine = plan["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in plan["versions"].items())
    return (
        f"`{command}`\n\n"
        f"{date}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}; {versions}; "
        f"embedder {plan.get('embedder', 'wordllama')}.\n"
    )


def _scores(result: Mapping[str, Any], drawn: _Pictures) -> list[str]:
    parts = [
        "## What a score means: questions asked of the wrong memory\n",
        _measured(result["command"], result, result["date"]),
        _SCORES,
        held_out_scores(result["scored"], _TITLES),
        "",
        "The same where nothing is known of the embedder, so that its cosine does not count:\n",
        held_out_scores(result["without near"], _TITLES),
        "",
    ]
    for what, text in (("answerable", "answerable"), ("hits", "score of a hit")):
        series = {
            _TITLES.get(name, name): [
                (point["predicted"], point["came true"])
                for point in scores["reliability"][what]["points"]
                if point["share"] >= _FEW
            ]
            for name, scores in result["scored"].items()
        }
        series["as it should be"] = [(0.0, 0.0), (1.0, 1.0)]
        chart = line_chart(series, text, "share that came true")
        parts += drawn.add(what, chart, f"Reliability: {text}")
    return parts


def _peers(result: Mapping[str, Any], drawn: _Pictures) -> list[str]:
    series: dict[str, list[tuple[float, float]]] = {}
    for row in result["peers"]:
        series.setdefault(row["engine"], []).append((row["facts"], row["search_ms"]["p50"]))
    chart = line_chart(series, "facts", "search p50, ms", logarithmic=True)
    return [
        "## Other engines in the same run\n",
        _measured(result["command"], result, result["date"]),
        peers_table(result),
        "\n".join(f"- {note}" for note in result.get("notes", ())) + "\n",
        *drawn.add("latency", chart, "Latency against size"),
    ]


def _sweep(result: Mapping[str, Any], drawn: _Pictures) -> list[str]:
    plan = result["plan"]
    users = f"{plan['users']} users" if plan["users"] else "more and more users"
    who = "who say about as much" if plan["alike"] else "of whom some say very much"
    series = {
        f"{call} {cut}": [(row["facts"], row[call][f"{cut}_ms"]) for row in result["rows"]]
        for call in ("search", "add")
        for cut in ("p50", "p95")
    }
    chart = line_chart(series, "facts", "ms", logarithmic=True)
    return [
        f"## One store as it grows: {users}, {who}\n",
        _measured(result["command"], result, result["date"]),
        sweep_table(result),
        "Made-up lives (`benchmarks/lives.py`), added with `infer=False`; single calls one at a "
        "time, in a process that has just opened the store. `answered` is the share of questions "
        "whose fact is among ten hits.\n",
        *drawn.add("latency", chart, "Latency against size"),
    ]


_SECTIONS = {"scored": _scores, "peers": _peers, "rows": _sweep}
"""How what is no run of a data set is shown."""
