"""The kinds of re-decodes: which are requested, within bounds, and the chunks' texts with their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayit.scheduler.assemble.merge import Merged, TranscribedChunk
from sayit.scheduler.assemble.redecode.gaps import Gaps
from sayit.scheduler.assemble.redecode.languages import Languages
from sayit.scheduler.assemble.redecode.overlaps import Overlaps
from sayit.scheduler.assemble.redecode.pieces import InPieces
from sayit.scheduler.assemble.redecode.punctuation import Punctuation
from sayit.scheduler.assemble.redecode.utterances import LiveUtterances
from sayit.scheduler.assemble.redecode.values import Heard, Kind
from sayit.scheduler.jobs.redecodes import MAX_ROUNDS, RedecodeRequest

#: What sessions of live speech ask for.
REFINING = LiveUtterances()
#: In the order in which they choose and correct.
KINDS: tuple[Kind, ...] = (REFINING, Languages(), Overlaps(), InPieces(), Gaps(), Punctuation())


def redecode_requests(heard: Heard, draft: Merged, *, kinds: Sequence[Kind] = KINDS) -> tuple[RedecodeRequest, ...]:
    """The re-decodes of the next round: none that was done before, and of each kind no more than its share.

    Args:
        heard: a recording whose chunks and re-decodes have all ended.
        draft: its transcript so far.
        kinds: the kinds that may request some.
    """
    if heard.next_round > MAX_ROUNDS:
        return ()
    chosen: list[RedecodeRequest] = []
    for kind in kinds:
        had = {redecode.request for redecode in heard.of_kind(kind.name)}
        room = max(kind.least, int(kind.share * len(heard.chunks))) - len(had)
        asked = [
            replace(redecode, channel=channel)
            for channel in heard.channels
            for redecode in kind.requests(heard.of_channel(channel), _of_channel(draft, channel))
        ]
        new = [redecode for redecode in dict.fromkeys(asked) if redecode not in had]
        chosen += new[: max(0, room)]
        if chosen and kind is REFINING:
            break  # the others judge the texts that come of it
    return tuple(chosen)


def texts_with_redecodes(heard: Heard, *, kinds: Sequence[Kind] = KINDS) -> list[TranscribedChunk]:
    """The chunks' texts, corrected by the re-decodes."""
    texts = heard.texts
    for kind in kinds:
        for channel in heard.channels:
            alone = heard.of_channel(channel)
            if alone.of_kind(kind.name):
                places = [place for place, text in enumerate(texts) if text.channel == channel]
                now = kind.with_redecodes([texts[place] for place in places], alone)
                for place, text in zip(places, now, strict=True):
                    texts[place] = text
    return texts


def _of_channel(draft: Merged, channel: int) -> Merged:
    """The part of a transcript that is of one channel."""
    gaps = tuple(gap for gap in draft.coverage.gaps if gap.channel == channel)
    return replace(
        draft,
        segments=tuple(segment for segment in draft.segments if segment.channel == channel),
        coverage=replace(draft.coverage, gaps=gaps),
    )
