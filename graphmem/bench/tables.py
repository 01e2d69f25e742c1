"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphmem.bench.runs import FULL_SEARCH
from graphmem.bench.summary import NEWER_ABOVE_OLDER, OVERALL
from graphmem.bench.wrong import RENAMED

_UNITS = ("recall@2", "recall@5", "recall@10", "all@10", "ndcg@10", "hit@1")
_SESSIONS = ("hit@1", "recall@5", "recall@10")
_BESIDE = ("recall@5", "recall@10", "hit@1")


def markdown(result: Mapping[str, Any], *, ablated: bool = True) -> str:
    """The whole result of a run; without what leaving out each arm costs, where that is not
    wanted."""
    parts = [beside_plain_methods(result), quality(result)] if result.get("baselines") else []
    parts = parts or [quality(result)]
    if changed := changes(result):
        parts.append(changed)
    if answers := _answers(result):
        parts.append(answers)
    if result.get("scores"):
        parts.append(scores_table(result["scores"]))
    parts.append(costs(result))
    if ablated and result.get("intervals"):
        parts.append(ablation(result["intervals"]))
    notes = result["plan"]["notes"]
    if notes:
        parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def main_variant(result: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The variant with every arm; of a run without it the only one."""
    variants = result["variants"]
    name = FULL_SEARCH if FULL_SEARCH in variants else next(iter(variants))
    return name, variants[name]


def quality(result: Mapping[str, Any]) -> str:
    """Metrics per category, units and sessions side by side."""
    _, found = main_variant(result)
    unit = result["plan"]["unit"]
    names = [OVERALL, *(n for n in found["units"] | found["sessions"] if n != OVERALL)]
    with_units, with_sessions = bool(found["units"]), bool(found["sessions"])
    head = ["category", "questions"]
    head += [f"{unit} {name}" for name in _UNITS] if with_units else []
    head += [f"session {name}" for name in _SESSIONS] if with_sessions else []
    rows = []
    for name in names:
        units, sessions = found["units"].get(name, {}), found["sessions"].get(name, {})
        count = units.get("questions") or sessions.get("questions") or 0
        columns = [name, f"{count:,}"]
        columns += [_share(units.get(metric)) for metric in _UNITS] if with_units else []
        columns += [_share(sessions.get(metric)) for metric in _SESSIONS] if with_sessions else []
        rows.append(columns)
    if not (with_units or with_sessions):
        return f"{found['questions']:,} questions, none with gold to be found."
    return markdown_table(head, rows)


def at_a_glance(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Runs by their names: each beside the plain methods, over all of its questions; and in which
    categories a plain method finds significantly more."""
    rows, losses, compared = [], [], 0
    for title, result in results.items():
        name, found = main_variant(result)
        kind = "units" if found["units"] else "sessions"
        methods = {"search" if name == FULL_SEARCH else f"search {name}": found}
        for method, measured in (methods | result.get("baselines", {})).items():
            row = measured[kind].get(OVERALL)
            if row is None:
                continue
            shares = [_share(row.get(metric)) for metric in _BESIDE]
            if measured is found:
                columns = [title, f"{row['questions']:,}"]
                columns += [f"**{text}**" for text in (method, *shares)]
            else:
                columns = ["", "", method, *shares]
            rows.append(columns)
        if result.get("baselines"):
            compared += len(found[kind])
            losses += [
                f"- {title}, {category}: {loss}"
                for category in found[kind]
                for loss in _losses(result, category, kind)
            ]
    table = markdown_table(["set", "questions", "method", *_BESIDE], rows)
    if not compared:
        return table
    verdict = (
        f"Significantly below a plain method: {len(losses) or 'none'}, in {compared} categories."
    )
    return "\n\n".join([table, verdict, *(["\n".join(losses)] if losses else [])])


def _losses(result: Mapping[str, Any], category: str, kind: str) -> list[str]:
    """Which plain methods find significantly more than the search, and how much."""
    prefix = "" if kind == "units" else "session "
    return [
        f"loss: {name}, {metric} {_difference(interval)}"
        for name, by_category in result["against_baselines"].items()
        for metric in _BESIDE
        if (interval := by_category.get(category, {}).get(prefix + metric))
        and interval["sure"]
        and interval["mean"] < 0
    ]


def beside_plain_methods(result: Mapping[str, Any]) -> str:
    """The full search beside each plain method, per category; where it finds significantly less,
    that is said."""
    _, found = main_variant(result)
    kind = "units" if found["units"] else "sessions"
    methods = {"search": found, **result["baselines"]}
    head = ["category", *(f"{name}: {' / '.join(_BESIDE)}" for name in methods), "below"]
    rows = []
    for category in found[kind]:
        columns = [category]
        for measured in methods.values():
            row = measured[kind].get(category, {})
            columns.append(" / ".join(_share(row.get(metric)) for metric in _BESIDE))
        rows.append([*columns, "; ".join(_losses(result, category, kind)) or "none"])
    return markdown_table(head, rows)


def changes(result: Mapping[str, Any]) -> str:
    """Of questions whose answer changed, how often the newer stands above the older, beside the
    plain methods; nothing where no question says which is which."""
    _, found = main_variant(result)
    methods = {"search": found, **result.get("baselines", {})}
    rows = [
        [
            category,
            f"{row['questions']:,}",
            *(_share(of["changes"][category][NEWER_ABOVE_OLDER]) for of in methods.values()),
        ]
        for category, row in found.get("changes", {}).items()
    ]
    return markdown_table([NEWER_ABOVE_OLDER, "questions", *methods], rows) if rows else ""


def _answers(result: Mapping[str, Any]) -> str:
    scored = result.get("answers") or {}
    names = sorted({metric for row in scored.values() for metric in row})
    rows = [
        [name, *(_score(metric, row.get(metric)) for metric in names)]
        for name, row in scored.items()
    ]
    return markdown_table(["answers", *names], rows) if rows else ""


def scores_table(scores: Mapping[str, Any]) -> str:
    """Whether scores tell questions of this memory from those asked of another."""
    least = f"min_score {scores['min_score']:g}"
    rows = [
        [
            f"asked of another memory{', ' + how if how == RENAMED else ''}",
            f"{found['questions']:,}",
            _share(found["auc"]),
            _share(found["refused"]),
        ]
        for how, found in scores["wrong"].items()
    ]
    errors = ", ".join(f"{of} {r['error']:.3f}" for of, r in scores["reliability"].items())
    kept = f"{_share(scores['recall@10 kept'])} of {_share(scores['recall@10'])}"
    table = markdown_table(["", "questions", "AUC of answerable", f"nothing at {least}"], rows)
    return f"{table}\n\nRecall@10 at {least}: {kept}. Calibration error: {errors}."


def held_out_scores(scored: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """By set what its scores are worth, found on everything else."""
    least = f"{next(iter(scored.values()))['min_score']:g}"
    head = ["set", "asked of", "questions", "AUC", f"nothing at min_score {least}"]
    head += [f"recall@10, and at {least}", "calibration error: answerable, hits"]
    rows = []
    for name, scores in scored.items():
        recall = " → ".join(_share(scores[f"recall@10{of}"]) for of in ("", " kept"))
        errors = ", ".join(_share(of["error"]) for of in scores["reliability"].values())
        for how, found in scores["wrong"].items():
            first = how == next(iter(scores["wrong"]))
            rows.append(
                [
                    titles.get(name, name) if first else "",
                    how,
                    f"{found['questions']:,}",
                    _share(found["auc"]),
                    f"{found['refused']:.0%}",
                    recall if first else "",
                    errors if first else "",
                ]
            )
    return markdown_table(head, rows)


def costs(result: Mapping[str, Any]) -> str:
    """Costs: time, memory, tokens."""
    _, found = main_variant(result)
    ingest = result.get("ingest", {})
    seconds, turns = ingest.get("seconds"), ingest.get("turns", 0)
    peak = result.get("peak_memory_mib")
    rows = [
        [
            "search p50 / p95",
            f"{found['search_ms']['p50']:.1f} / {found['search_ms']['p95']:.1f} ms",
        ],
        ["tokens of ten hits", f"{found['tokens']:.0f}"],
        ["turns, facts, relations, entities", _counts(ingest)],
        [
            "remembered",
            f"{turns / seconds:,.0f} turns/s" if seconds else "stopped and gone on with",
        ],
        [
            "model calls, tokens to remember",
            f"{ingest.get('model_calls', 0):,}, {ingest.get('tokens', 0):,}",
        ],
        ["peak memory", f"{peak:,.0f} MiB" if peak else "unknown"],
        ["store on disk", f"{ingest.get('store_mib', 0):,.0f} MiB"],
        ["load of the machine", str(ingest.get("load_average"))],
    ]
    return markdown_table(["", "measured"], rows)


def _counts(ingest: Mapping[str, Any]) -> str:
    return ", ".join(f"{ingest.get(n, 0):,}" for n in ("turns", "facts", "relations", "entities"))


def ablation(intervals: Mapping[str, Any]) -> str:
    """What changes when an arm is left out, per category, with 95 % intervals. Where nothing
    changes at all, that is said below."""
    names = ("recall@5", "recall@10", "session hit@1")
    rows: list[list[str]] = []
    same = []
    for variant, categories in intervals.items():
        before = len(rows)
        for category, metrics in categories.items():
            if any(_changes(metrics.get(name)) for name in names):
                rows.append([variant, category, *(_difference(metrics.get(n)) for n in names)])
        if len(rows) == before:
            same.append(variant)
    parts = [markdown_table(["", "category", *names], rows)] if rows else []
    if same:
        parts.append(f"No change at all: {'; '.join(same)}.")
    return "\n\n".join(parts)


def _changes(value: Mapping[str, Any] | None) -> bool:
    return value is not None and any(value[end] != 0 for end in ("mean", "low", "high"))


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(columns) + " |" for columns in lines)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _score(metric: str, value: float | None) -> str:
    return _share(value) if value is None or not metric.endswith("tokens") else f"{value:,.0f}"


def _difference(value: Mapping[str, Any] | None) -> str:
    """``−0.021 [−0.034, −0.008]``, in bold when zero lies outside."""
    if value is None:
        return ""
    text = f"{value['mean']:+.3f} [{value['low']:+.3f}, {value['high']:+.3f}]".replace("-", "−")
    return f"**{text}**" if value["sure"] else text


def peers_table(result: Mapping[str, Any]) -> str:
    """Engines side by side at each size."""
    head = ["facts", "engine", "version", "episodes/s", "calls/episode", "tokens/episode"]
    head += ["search p50 / p95 ms", "of it embedding", "recall@10", "peak MiB"]
    rows = []
    for row in sorted(result["peers"], key=lambda row: (row["facts"], row["search_ms"]["p50"])):
        calls, tokens = row["model_calls_per_episode"], row["tokens_per_episode"]
        rows.append(
            [
                f"{row['facts']:,}",
                row["engine"],
                row["version"],
                f"{row['episodes_per_s']:,.1f}",
                f"{calls:.2f}",
                f"{tokens:,.0f}",
                f"{row['search_ms']['p50']:.1f} / {row['search_ms']['p95']:.1f}",
                f"{row['embedding_ms']:.1f}" if "embedding_ms" in row else "",
                _share(row["recall@10"]),
                f"{row['peak_memory_mib']:,.0f}",
            ]
        )
    return markdown_table(head, rows)


def sweep_table(result: Mapping[str, Any]) -> str:
    """One store at each size that it grew through."""
    head = ["items", "facts", "relations", "add_many /s", "CPU µs an item", "peak MiB filling"]
    head += ["peak MiB reading", "open s", "first search s", "add p50 / p95 ms"]
    head += ["search p50 / p95 ms", "answered at 10", "disk MiB", "verify / rebuild s"]
    head += ["search p95 ms before / in rebuild"]
    rows = []
    for row in result["rows"]:
        add, search, repair = row["add"], row["search"], row.get("repair")
        rows.append(
            [
                f"{row['size']:,}",
                f"{row['facts']:,}",
                f"{row['relations']:,}",
                f"{row['add_many_per_s']:,.0f}",
                f"{row['cpu_us_per_item']:,.0f}",
                f"{row['fill_peak_mib']:,.0f}",
                f"{row['read_peak_mib']:,.0f}",
                f"{row['open_s']:.2f}",
                f"{row['first_search_s']:.2f}",
                f"{add['p50_ms']:.2f} / {add['p95_ms']:.2f}",
                f"{search['p50_ms']:.1f} / {search['p95_ms']:.1f}",
                f"{row['answered']:.2f}",
                ", ".join(f"{part} {size:,.0f}" for part, size in row["disk_mib"].items()),
                f"{repair['verify_s']:.1f} / {repair['rebuild_s']:.1f}" if repair else "",
                _p95_before_and_in_rebuild(repair) if repair else "",
            ]
        )
    return markdown_table(head, rows)


def _p95_before_and_in_rebuild(repair: Mapping[str, Any]) -> str:
    before, meanwhile = repair["search_before"], repair["search_meanwhile"]
    return f"{before['p95_ms']:.1f} / {meanwhile['p95_ms']:.1f}"


def own_table(result: Mapping[str, Any]) -> str:
    """How well a store finds its own facts again, and how much of its text became facts."""
    head = ["probes", "questions", "recall@1", "recall@5", "recall@10"]
    rows = [
        [kind, f"{row['questions']:,}", *(_share(row[f"recall@{k}"]) for k in (1, 5, 10))]
        for kind, row in result["probes"].items()
    ]
    ms = result["search_ms"]
    lines = [markdown_table(head, rows), f"search p50 / p95: {ms['p50']:.1f} / {ms['p95']:.1f} ms"]
    lines += [f"for example: {text}" for text in result["examples"]]
    read = result["reading"]
    lines.append(
        "This measures finding what was read, not reading. Of reading: "
        f"{read['turns_with_facts']:,} of {read['turns']:,} turns brought a fact, and of "
        f"{read['names_with_facts']:,} of {read['names']:,} names something was understood."
    )
    if tuned := result.get("tuned"):
        change = _difference(tuned["held_out_recall@5"])
        verdict = "" if tuned["written"] else ": no better, so nothing was written"
        lines.append(f"tuned on one half, recall@5 on the other: {change}{verdict}")
    return "\n\n".join(lines)
