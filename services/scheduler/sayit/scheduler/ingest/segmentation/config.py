"""How recordings are split."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SplitConfig:
    """Thresholds and lengths of the splitter; the defaults were measured with `benchmarks/overlap_alignment.py`."""

    #: A frame with this voice probability begins speech (Silero's default).
    threshold: float = 0.5
    #: A frame below this probability may end speech (Silero's default: threshold - 0.15).
    neg_threshold: float = 0.35
    #: Shorter speech is taken for a click and dropped.
    min_speech_s: float = 0.09
    #: Shorter silence does not end speech.
    min_silence_s: float = 0.3
    #: Real audio kept before and after speech, as far as there is any (faster-whisper's default).
    pad_s: float = 0.4
    #: A pause between speech inside a chunk is shortened to this length.
    kept_pause_s: float = 1.0
    #: A silence of at least this length ends the chunk; it is not sent to the model.
    max_pause_s: float = 10.0
    #: The same for the first chunk, so that its text comes early.
    max_first_pause_s: float = 2.0
    #: The longest stretch of the recording that a chunk may come from.
    max_span_s: float = 120.0
    #: The longest chunk. Whisper's window is 30 s, and it is at a full window's end that models lose words.
    max_chunk_s: float = 29.0
    #: Where the first chunk of a longer stretch of speech may end, so that its text comes early.
    first_chunk_s: tuple[float, float] = (8.0, 13.0)
    #: Quiet of at least this length is a pause; shorter quiet also occurs inside words (the closure of a stop).
    min_pause_s: float = 0.2
    #: A pause is quieter than loud speech by at least this much.
    pause_depth_db: float = 25.0
    #: A full chunk is cut at the best pause in this much audio before its limit ...
    search_s: float = 5.0
    #: ... or, where there is none, in this much, and then anywhere that leaves a chunk this long.
    wide_search_s: float = 12.0
    min_chunk_s: float = 8.0
    #: Audio that must have been seen beyond a chunk's start before the first chunk is cut.
    first_lookahead_s: float = 45.0
    #: The same for later chunks: with two windows in view, the last two chunks share what is left.
    lookahead_s: float = 60.0
    #: The longest chunk where no pause was found: speech without pauses is dense, and models skip words in a
    #: window full of it (micro model: 8 % of words wrong at 29 s, 6.5 % at 20 s).
    hard_chunk_s: float = 20.0
    #: Least and most audio that two chunks share where no pause was found.
    overlap_s: tuple[float, float] = (2.0, 3.0)
    #: A cut without a pause falls into the quietest dip of this much audio before the limit.
    hard_search_s: float = 2.0
