"""Merging the texts of chunks into one transcript; pure.

Chunks that were cut in a pause are put one after the other. Where no pause was found, two chunks share a second or two
of audio and both wrote it down: their words are aligned, and the transcript changes from one chunk to the other at a
word that both of them heard.
"""

from sayit.scheduler.assemble.merge.coverage import MIN_GAP_S, coverage_of
from sayit.scheduler.assemble.merge.crosstalk import UNKNOWN, Loudness
from sayit.scheduler.assemble.merge.merger import ChunkRefinement, Merged, TranscribedChunk, merge

__all__ = ["MIN_GAP_S", "UNKNOWN", "ChunkRefinement", "Loudness", "Merged", "TranscribedChunk", "coverage_of", "merge"]
