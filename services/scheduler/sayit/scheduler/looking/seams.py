"""Seams: where two chunks that were cut inside speech disagree, the place is heard once more."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.scheduler.job.looks import Wanted
from sayit.scheduler.looking.values import Heard
from sayit.scheduler.merging import Merged, TranscribedChunk


class Seams:
    """Hard seams."""

    name = "seam"
    share = 0.25
    least = 2

    def wanted(self, heard: Heard, draft: Merged) -> Sequence[Wanted]:
        """See `Kind`."""
        return ()

    def stands(self, texts: Sequence[TranscribedChunk], heard: Heard) -> Sequence[TranscribedChunk]:
        """See `Kind`."""
        return texts
