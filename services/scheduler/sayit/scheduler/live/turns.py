"""Where utterances begin, pause and end, by voice probabilities and level. Positions are samples at 16 kHz."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.jobs.records import SampleSpan
from sayit.speech.audio import samples_of
from sayit.speech.live import TurnDetection, UtteranceEnd

#: Samples of a frame: 32 ms.
FRAME = 512
#: Voice probabilities `float32[n]` of the next `int16[n * 512]` samples; it carries its state from call to call.
Voices: TypeAlias = Callable[[NDArray[np.int16]], NDArray[np.float32]]

#: A voice that falls below the threshold by so much is quiet (Silero's default).
_HYSTERESIS = 0.15
#: Shorter speech is a click.
_LEAST_SPEECH = samples_of(0.09)
#: Quiet after which an utterance may be over: its last text is asked for ahead.
_PAUSE = samples_of(0.2)
#: Shorter quiet does not divide speech.
_GAP = samples_of(0.3)
#: An utterance of the first length ends at its next pause, one of the second at its next two quiet frames, and one of
#: the third where it was quietest lately.
_LONG, _LONGER, _LONGEST = samples_of(15.0), samples_of(20.0), samples_of(24.0)
_BRIEF_PAUSE = 2 * FRAME
_LATELY = samples_of(4.0)


def quiet_below(threshold: float) -> float:
    """The probability, 0 to 1, that a voice falls below when it is quiet; above 0, or no speech would ever end."""
    return max(threshold - _HYSTERESIS, threshold / 2)


@dataclass(frozen=True, kw_only=True)
class TurnConfig:
    """How utterances are found."""

    #: Only `commit` and `finish` end one, and its length.
    off: bool = False
    #: A frame with this voice probability is speech.
    threshold: float = 0.5
    #: Silence that ends an utterance.
    silence_s: float = 0.5

    @classmethod
    def of(cls, asked: TurnDetection, threshold: float) -> TurnConfig:
        """What a session asks for; the installation's threshold where it does not say."""
        return cls(
            off=asked.off,
            threshold=threshold if asked.threshold is None else asked.threshold,
            silence_s=cls.silence_s if asked.silence_s is None else asked.silence_s,
        )


class TurnKind(Enum):
    """What happens."""

    BEGINS = "begins"
    #: It may be over.
    PAUSES = "pauses"
    #: It was not over.
    GOES_ON = "goes on"
    ENDS = "ends"
    #: It ends within speech that goes on; another one begins there.
    IS_CUT = "is cut"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Something happens."""

    kind: TurnKind
    #: Where the speech begins, or where it ended.
    at_sample: int
    #: Of one that ends: why.
    by: UtteranceEnd = UtteranceEnd.UNSPECIFIED


class Turns:
    """Finds utterances, frame by frame.

    Args:
        voices: of this recording alone.
        config: how.
        position: where the audio begins.
        speaking_until: an utterance is going on, at least up to here; None where there is none.
    """

    def __init__(
        self, voices: Voices, config: TurnConfig, position: int = 0, *, speaking_until: int | None = None
    ) -> None:
        self._voices = voices
        self._config = config
        #: Samples judged so far.
        self.position = position
        #: Where the speech began that is going on, long enough to count or not; None in silence.
        self.start: int | None = None if speaking_until is None else position
        self._speaking = speaking_until is not None
        #: An utterance does not end before this: its words are given out up to here.
        self.given_until = speaking_until or 0
        self._quiet_since: int | None = None
        self._paused = False
        self._spans: list[SampleSpan] = []
        self._span_start = position
        self._levels: deque[tuple[float, int]] = deque(maxlen=_LATELY // FRAME)

    @property
    def speaking(self) -> bool:
        """Whether an utterance is going on."""
        return self._speaking

    @property
    def quiet(self) -> bool:
        """Whether no voice is heard just now; an utterance that is going on may be over."""
        return self._quiet_since is not None

    @property
    def speech(self) -> tuple[SampleSpan, ...]:
        """The speech of the utterance that is going on, and after its end until the next one begins."""
        if not self._speaking:
            return tuple(self._spans)
        return (*self._spans, (self._span_start, self._speech_end))

    def silent_until(self, at_sample: int) -> int:
        """Up to here no voice was heard behind this place: the place itself while one is."""
        return self.position if self._quiet_since is not None and at_sample >= self._quiet_since else at_sample

    def feed(self, samples: NDArray[np.int16]) -> Iterator[Turn]:
        """Takes whole frames; yields what happens in them, each when `position` is there."""
        if not len(samples):
            return
        levels = np.sqrt((samples.reshape(-1, FRAME).astype(np.float32) ** 2).mean(axis=1))
        for probability, level in zip(self._voices(samples), levels, strict=True):
            self._levels.append((float(level), self.position))
            voiced = probability >= self._config.threshold
            quiet = probability < quiet_below(self._config.threshold)
            self.position += FRAME
            yield from self._judge(voiced=bool(voiced), quiet=bool(quiet))

    def end(self, by: UtteranceEnd) -> Turn | None:
        """The utterance that is going on ends here."""
        if not self._speaking:
            self.start = None
            return None
        return self._end(self._speech_end, by)

    @property
    def _speech_end(self) -> int:
        return self.position if self._quiet_since is None else self._quiet_since

    def _judge(self, *, voiced: bool, quiet: bool) -> Iterator[Turn]:
        if voiced:
            yield from self._hear()
        elif quiet and self.start is not None and self._quiet_since is None:
            self._quiet_since = self.position - FRAME
        if self.start is None:
            return
        if not self._speaking:
            if self._speech_end - self.start >= _LEAST_SPEECH:
                self._speaking = True
                self._spans, self._span_start = [], self.start
                yield Turn(kind=TurnKind.BEGINS, at_sample=self.start)
            elif self._quiet_since is not None and self.position - self._quiet_since >= _GAP:
                self.start = self._quiet_since = None
        elif self.position > self.given_until:
            yield from self._judge_end()

    def _hear(self) -> Iterator[Turn]:
        """A voice."""
        since, self._quiet_since = self._quiet_since, None
        here = self.position - FRAME
        if self.start is None:
            self.start = here
        if self._speaking and since is not None and here - since >= _GAP:
            self._spans.append((self._span_start, since))
            self._span_start = here
        if self._paused:
            self._paused = False
            yield Turn(kind=TurnKind.GOES_ON, at_sample=here)

    def _judge_end(self) -> Iterator[Turn]:
        assert self.start is not None, "it is going on"
        length, end = self.position - self.start, self._speech_end
        quiet = self.position - end
        silence = least = _LONGEST if self._config.off else samples_of(self._config.silence_s)
        if length >= _LONG:
            least = min(silence, _PAUSE if length < _LONGER else _BRIEF_PAUSE)
        if quiet >= least:
            yield self._end(end, UtteranceEnd.PAUSE if quiet >= silence else UtteranceEnd.LENGTH)
        elif length >= _LONGEST:
            cut = self._quietest()
            self._end(cut, UtteranceEnd.LENGTH)
            yield Turn(kind=TurnKind.IS_CUT, at_sample=cut, by=UtteranceEnd.LENGTH)
            # What is behind the cut is speech that goes on.
            self.start = self._span_start = cut
            self._speaking, self._spans = True, []
            yield Turn(kind=TurnKind.BEGINS, at_sample=cut)
        elif quiet >= _PAUSE and not self._paused:
            self._paused = True
            yield Turn(kind=TurnKind.PAUSES, at_sample=end)

    def _quietest(self) -> int:
        """Where it was quietest lately, the latest of equals, behind what was given out."""
        middles = ((level, -at - FRAME // 2) for level, at in self._levels)
        behind = (each for each in middles if -each[1] >= self.given_until)
        return -min(behind, default=(0.0, -self.position))[1]

    def _end(self, at_sample: int, by: UtteranceEnd) -> Turn:
        self._spans = [*self._spans, (self._span_start, at_sample)]
        self._speaking = self._paused = False
        self.start = self._quiet_since = None
        return Turn(kind=TurnKind.ENDS, at_sample=at_sample, by=by)
