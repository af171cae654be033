"""A window: a stretch of a chunk that is decoded at once, how it is padded, and the text that was found in it."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.transcript import Word
from sayit.transcriber.engine.language import Candidate

#: Frames of log-mel features per second of audio.
FRAMES_PER_SECOND = 100
#: Frames of a full window, 30 s: what Whisper was trained with, and the most that its encoder takes.
WINDOW_FRAMES = 3_000
#: Lengths that windows are padded to; few, because only windows of one length fit into one call of the decoder.
WINDOW_LENGTHS = (800, 1_200, 1_600, 2_000, 2_400, WINDOW_FRAMES)
#: At least so much silence is behind a window's audio, 5 s. On 60 Korean clips Whisper base had 9.1 % of the characters
#: wrong with it (10.1 % with windows of 30 s), 27.7 % with 2.56 s and 60.8 % with 1 s: loops.
MARGIN_FRAMES = 500


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of the chunk's features to decode at once."""

    #: First frame.
    start_frame: int
    #: Frames of audio, at most WINDOW_FRAMES.
    frames: int
    #: Frames that the encoder gets: the audio, padded at its end.
    padded_frames: int = WINDOW_FRAMES

    @property
    def short(self) -> bool:
        """Whether the encoder gets less than a full window."""
        return self.padded_frames < WINDOW_FRAMES

    @property
    def start_s(self) -> float:
        """Start in seconds from the chunk's start."""
        return self.start_frame / FRAMES_PER_SECOND

    @property
    def audio_s(self) -> float:
        """Seconds of audio."""
        return self.frames / FRAMES_PER_SECOND

    @property
    def end_s(self) -> float:
        """End in seconds from the chunk's start."""
        return self.start_s + self.audio_s


def padded_length(frames: int) -> int:
    """The length that a window with so much audio is padded to."""
    return next((length for length in WINDOW_LENGTHS if length >= frames + MARGIN_FRAMES), WINDOW_FRAMES)


@dataclass(frozen=True, kw_only=True)
class Passage:
    """Text between two timestamps, as the model placed it; seconds from the chunk's start."""

    start_s: float
    end_s: float
    #: Token ids, timestamps included.
    tokens: tuple[int, ...]
    words: tuple[Word, ...] = ()
    #: Its language, where that is not the window's.
    spoken: Candidate | None = None
