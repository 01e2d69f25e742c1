"""Where candidates stand among each other: neighbours in an episode, stating turns, sessions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.candidates.candidate import Candidate

_FACT = -10
"""The place of a fact in its episode: facts come last, and are nobody's neighbours."""


class Positions:
    """Where each candidate stands; they are turns in order, then facts."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._size = len(candidates)
        turns = [candidate.text.turn for candidate in candidates]
        number: dict[str, int] = {}
        alone = -1
        sessions: list[int] = []
        self.episodes: list[str] = []
        """By candidate the id of its episode, or empty."""
        for candidate in candidates:
            turn = candidate.context.turn
            if turn is None:
                sessions.append(alone)
                alone -= 1
            else:
                sessions.append(number.setdefault(turn.episode_id, len(number)))
            self.episodes.append(turn.episode_id if turn else "")
        # From 0 on, those of their own after all others.
        session = np.array(sessions, dtype=np.intp)
        self.session: NDArray[np.intp] = np.where(session < 0, len(number) - 1 - session, session)
        ordinals = np.array([turn.ordinal if turn else _FACT for turn in turns], dtype=np.intp)
        self._steps = {step: self._further(ordinals, step) for step in (-2, -1, 1, 2)}
        at = {turn.id: n for n, turn in enumerate(turns) if turn is not None}
        self.context = np.arange(self._size)
        """By candidate the place of the turn that it is or that states it."""
        for n, candidate in enumerate(candidates):
            if candidate.stated_in is not None and candidate.stated_in.turn is not None:
                self.context[n] = at.get(candidate.stated_in.turn.id, n)

    def beside(self, values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
        """The values of the candidates so many turns further; 0 where there are none."""
        padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        return padded[..., self._steps[step]]

    def best_of_session(self, values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """For each candidate the sum of the best values in its session, each context once."""
        mine = np.flatnonzero(self.context == np.arange(self._size))
        order = mine[np.lexsort((-values[mine], self.session[mine]))]
        session = self.session[order]
        starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(order) else order
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        kept = place < count
        totals = np.zeros(self._size, dtype=np.float32)
        np.add.at(totals, session[kept], values[order[kept]])
        return totals[self.session]

    def _further(self, ordinals: NDArray[np.intp], step: int) -> NDArray[np.intp]:
        """For each candidate the one so many turns further, -1 where there is none."""
        own = np.arange(self._size)
        there = np.clip(own + step, 0, max(self._size - 1, 0))
        same = (self.session[there] == self.session) & (ordinals[there] == ordinals + step)
        found: NDArray[np.intp] = np.where(same & (ordinals >= 0), there, -1)
        return found
