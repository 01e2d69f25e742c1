"""The data sets that can be run, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from graphmem.bench.dataset import Dataset
from graphmem.bench.sets import beam, lihua, locomo, longmemeval, passages, plain
from graphmem.errors import UsageError
from graphmem.limits import check_path

SETS: Mapping[str, Callable[..., Dataset]] = {
    "locomo": locomo.load_locomo,
    "longmemeval": longmemeval.load_longmemeval,
    "musique": partial(passages.load_passages, name="musique"),
    "hotpotqa": partial(passages.load_passages, name="hotpotqa"),
    "2wiki": partial(passages.load_passages, name="2wiki"),
    "beam": beam.load_beam,
    "lihua": lihua.load_lihua,
    "plain": plain.load_plain,
}


def load_dataset(
    name: str, path: Path, *, corpus: Path | None = None, triples: Path | None = None
) -> Dataset:
    """Read a data set from a path of the user's.

    ``corpus`` (the passages, when they do not lie beside the questions) and ``triples`` (a model's
    extraction of them) are for the sets of passages. :class:`UsageError` names what cannot be read.
    """
    if name not in SETS:
        raise UsageError(f"unknown data set {name!r}; known are: {', '.join(SETS)}")
    if not check_path(path).exists():
        raise UsageError(f"{path}: no such file or folder")
    for file in (corpus, triples):
        if file is not None and not check_path(file).is_file():
            raise UsageError(f"{file}: no such file")
    if (corpus or triples) and name not in {"musique", "hotpotqa", "2wiki"}:
        raise UsageError(f"--corpus and --triples are for sets of passages, not for {name}")
    found = SETS[name](path, corpus=corpus, triples=triples)
    if not any(corpus.questions for corpus in found.corpora):
        raise UsageError(f"{path}: no question in it")
    return found
