"""The kinds of looks: who wants some, within bounds, and what the chunks say by them."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.scheduler.job.looks import MAX_ROUNDS, Wanted
from sayit.scheduler.looking.gaps import Gaps
from sayit.scheduler.looking.languages import Languages
from sayit.scheduler.looking.seams import Seams
from sayit.scheduler.looking.values import Heard, Kind
from sayit.scheduler.merging import Merged, TranscribedChunk

#: In the order in which they choose and judge.
KINDS: tuple[Kind, ...] = (Languages(), Seams(), Gaps())


def wanted(heard: Heard, draft: Merged, *, kinds: Sequence[Kind] = KINDS) -> tuple[Wanted, ...]:
    """The looks of the next round: none that was had, and of each kind no more than its share.

    Args:
        heard: a recording whose chunks and looks all have an end.
        draft: its transcript so far.
        kinds: who is asked.
    """
    if heard.next_round > MAX_ROUNDS:
        return ()
    chosen: list[Wanted] = []
    for kind in kinds:
        had = {look.wanted for look in heard.of_kind(kind.name)}
        room = max(kind.least, int(kind.share * len(heard.chunks))) - len(had)
        new = [look for look in dict.fromkeys(kind.wanted(heard, draft)) if look not in had]
        chosen += new[: max(0, room)]
    return tuple(chosen)


def stands(heard: Heard, *, kinds: Sequence[Kind] = KINDS) -> list[TranscribedChunk]:
    """What the chunks say, looks considered."""
    texts: Sequence[TranscribedChunk] = heard.texts
    for kind in kinds:
        if heard.of_kind(kind.name):
            texts = kind.stands(texts, heard)
    return list(texts)
