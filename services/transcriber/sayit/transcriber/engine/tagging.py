"""Passages in another language than their window's.

A model may change the language by itself, and a word or two are too short to be cut out. Such a passage shows by its
script, and is tagged with that language unless it clearly sounds like another: foreign names are written in their own
script, too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sayit.transcriber.engine.changes import Hear
from sayit.transcriber.engine.decoding import FRAMES_PER_SECOND, MIN_STEP_FRAMES, Passage, Window
from sayit.transcriber.engine.language import shares, written_in

#: Least share of the probability that makes a script credible. Labelled segments of the recordings whose language is
#: detected wrongly in a window of their own have more than this, but for two of 380.
AUDIBLE = 0.1


def tagged(
    passages: Sequence[Passage],
    window: Window,
    language: str,
    languages: Collection[str],
    *,
    read: Callable[[Sequence[int]], str],
    hear: Hear,
) -> tuple[Passage, ...]:
    """The passages, those in another language with it and its probability.

    Args:
        passages: the window's.
        window: where they are.
        language: what the window was decoded in.
        languages: those that are allowed.
        read: the text of tokens.
        hear: detects languages in stretches of the window's encoding.
    """

    def tag(passage: Passage) -> Passage:
        written = written_in(read(passage.tokens), languages)
        first = max(0, round(passage.start_s * FRAMES_PER_SECOND) - window.start_frame)
        frames = min(window.frames, round(passage.end_s * FRAMES_PER_SECOND) - window.start_frame) - first
        if written in {"", language} or frames < MIN_STEP_FRAMES:
            return passage
        [heard] = hear([(first, frames)])
        [spoken] = [each for each in shares([*heard.items()], languages) if each.language == written]
        return replace(passage, spoken=spoken) if spoken.probability >= AUDIBLE else passage

    return tuple(map(tag, passages))
