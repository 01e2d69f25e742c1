"""Statements for tests: written short, and drawn at random."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from graphmem.belief.beliefs import FoldedGroup
from graphmem.clock import Date, parse_date_or_none, parse_when
from graphmem.model import Modality, Statement, StatementKind, valid_from, valid_until

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class Teller:
    """Makes statements with ids in the order made."""

    def __init__(self, type: str | None = "lives_in", subject: str = "ada") -> None:
        self.type = type
        self.subject = subject
        self.made = 0

    def __call__(
        self,
        object: str | None,
        said: str,
        *,
        since: str | None = None,
        until: str | None = None,
        kind: StatementKind = "assert",
        modality: Modality = "stated",
        subject: str | None = None,
        **fields: Any,
    ) -> Statement:
        self.made += 1
        return Statement(
            id=f"s{self.made}",
            **{"episode_id": f"e{self.made}", "text": f"{object} ({kind})", **fields},
            stated_at=parse_when(said),
            subject_id=(subject or self.subject) if self.type else None,
            type=self.type,
            object_id=object if self.type else None,
            **valid_from(parse_date_or_none(since)),
            **valid_until(parse_date_or_none(until)),
            kind=kind,
            modality=modality,
        )


def shown(folded: FoldedGroup, modality: str = "stated") -> list[str]:
    """Beliefs of a modality as ``object from..until``, in order."""
    return [
        f"{b.object_id or b.text} {_day(b.since)}..{_day(b.invalid_at)}"
        for b in folded.beliefs
        if b.modality == modality
    ]


def _day(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return moment.strftime("%Y-%m-%d")


_days = st.integers(0, 30).map(
    lambda n: Date(EPOCH + timedelta(days=n), "day" if n % 3 else "instant")
)
_vague = st.sampled_from(
    [
        Date(EPOCH, "year"),
        Date(EPOCH.replace(month=2), "month"),
        Date(EPOCH, "week"),
        Date(EPOCH.replace(year=2019), "year"),
    ]
)
_kinds: st.SearchStrategy[StatementKind] = st.sampled_from(
    ["assert", "assert", "assert", "assert", "assert", "end", "withdraw"]
)
_modalities: st.SearchStrategy[Modality] = st.sampled_from(
    ["stated", "stated", "stated", "stated", "planned", "hearsay", "hypothetical", "negated"]
)


@st.composite
def statements(
    draw: st.DrawFn, *, plain: bool = False, objects: str = "xyz", most: int = 9
) -> list[Statement]:
    """Up to ``most`` statements of one subject and type, some of the same episode."""
    found = []
    for n in range(draw(st.integers(1, most))):
        kind: StatementKind = "assert" if plain else draw(_kinds)
        named = draw(st.sampled_from(objects)) if kind == "assert" or draw(st.booleans()) else None
        episode = draw(st.integers(0, 5))
        found.append(
            Statement(
                id=f"s{n}",
                episode_id=f"e{episode}",
                text=f"{named} {kind} {n}",
                stated_at=EPOCH + timedelta(days=episode * 5),
                turn=draw(st.integers(0, 2)),
                ordinal=n,
                subject_id="ada",
                type="lives_in",
                object_id=named,
                **valid_from(draw(st.none() | _days | _vague)),
                **valid_until(draw(st.none() | st.none() | _days)),
                kind=kind,
                modality="stated" if plain else draw(_modalities),
            )
        )
    return found
