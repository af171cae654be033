"""How strict the hallucination filter is: the thresholds of each level."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.options import Guard


@dataclass(frozen=True, kw_only=True)
class Strictness:
    """Thresholds."""

    #: Below this mean log probability the model was unsure; whisper's own threshold is -1.
    unsure_logprob: float
    #: Above this probability the model itself detected no speech; whisper's own is 0.6.
    no_speech_prob: float
    #: Above this zlib ratio the window's text repeats itself; whisper's own is 2.4.
    compression_ratio: float
    #: A segment of which less than this part lies in detected speech is outside of it.
    least_in_speech: float
    #: The same for known phrases, together with the next two: a little doubt.
    some_in_speech: float
    some_logprob: float
    some_no_speech_prob: float
    #: Whether text outside of speech stays as long as the model is sure of it: voice activity detection misses some.
    trusts_sure_text: bool
    #: Repetitions in a row that are a loop: of a word, of several, of a whole segment.
    word_repeats: int
    phrase_repeats: int
    segment_repeats: int


#: By the request's option; OFF has none.
LEVELS = {
    Guard.STANDARD: Strictness(
        unsure_logprob=-1.0,
        no_speech_prob=0.6,
        compression_ratio=2.4,
        least_in_speech=0.1,
        some_in_speech=0.5,
        some_logprob=-0.6,
        some_no_speech_prob=0.3,
        trusts_sure_text=True,
        word_repeats=6,
        phrase_repeats=4,
        segment_repeats=4,
    ),
    Guard.STRICT: Strictness(
        unsure_logprob=-0.7,
        no_speech_prob=0.4,
        compression_ratio=2.0,
        least_in_speech=0.3,
        some_in_speech=0.8,
        some_logprob=-0.3,
        some_no_speech_prob=0.1,
        trusts_sure_text=False,
        word_repeats=4,
        phrase_repeats=3,
        segment_repeats=3,
    ),
}
