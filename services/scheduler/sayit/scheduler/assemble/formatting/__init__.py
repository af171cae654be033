"""How a transcript is written, apart from what was heard: numbers, spaces, punctuation, swear words.

The stored transcript is raw, and stays so; what a job's options ask for is done whenever it is fetched. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from sayit.scheduler.assemble.formatting.numbers import with_digits
from sayit.scheduler.assemble.formatting.profanity import masked
from sayit.scheduler.assemble.formatting.punctuation import tidy
from sayit.speech.options import Options
from sayit.speech.transcript import Segment, Suppressed, Transcript


def formatted(transcript: Transcript, options: Options) -> Transcript:
    """The transcript as the options want it written; words keep their own text, but for what is masked."""
    if not (options.formatting or options.mask_profanity):
        return transcript
    return replace(
        transcript,
        segments=tuple(_segment(one, options) for one in transcript.segments),
        suppressed=tuple(_suppressed(one, options) for one in transcript.suppressed),
    )


def _segment(segment: Segment, options: Options) -> Segment:
    text = segment.text
    if options.formatting:
        text = tidy(with_digits(tidy(text, segment.language), segment.language), segment.language)
    if not options.mask_profanity:
        return replace(segment, text=text)
    words = tuple(replace(word, text=masked(word.text)) for word in segment.words)
    return replace(segment, text=masked(text), words=words)


def _suppressed(suppressed: Suppressed, options: Options) -> Suppressed:
    return replace(suppressed, text=masked(suppressed.text)) if options.mask_profanity else suppressed
