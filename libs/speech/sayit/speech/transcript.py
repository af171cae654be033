"""A transcript and its parts, as plain frozen values. All times are seconds from the start of the recording."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sayit.speech.redaction import RedactedKind


@dataclass(frozen=True, kw_only=True)
class Timed:
    """What has a start and an end, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True)
class Span(Timed):
    """A stretch of time."""

    #: Audio channel, from 1; 0 where channels were mixed.
    channel: int = 0


@dataclass(frozen=True, kw_only=True)
class Word(Timed):
    """One word with its times."""

    #: The word as Whisper wrote it, its leading space included where the language uses one.
    text: str
    #: The model's probability, 0 to 1.
    probability: float


@dataclass(frozen=True, kw_only=True)
class Segment(Span):
    """A stretch of speech with its text: what Whisper emits between two timestamps."""

    #: Position in the model's transcript, from 0, which corrections name; the parts of a split segment share it.
    id: int
    #: The text, stripped.
    text: str
    #: BCP-47 language of this segment.
    language: str
    #: Who speaks, as a correction named them; empty where none did.
    speaker: str = ""
    #: Mean log probability of the tokens of the window it came from.
    avg_logprob: float = 0.0
    #: zlib compression ratio of the window's text; high means repetition.
    compression_ratio: float = 0.0
    #: Probability that the window holds no speech.
    no_speech_prob: float = 0.0
    #: Temperature the window was decoded with.
    temperature: float = 0.0
    #: Probability of the language where it was detected; 1 where it was fixed.
    language_probability: float = 1.0
    #: Words with times; empty unless they were asked for.
    words: tuple[Word, ...] = ()


class SuppressionReason(StrEnum):
    """Why text was removed from the transcript."""

    #: The model said that the window holds no speech, with low confidence in its text.
    NO_SPEECH = "no_speech"
    #: Text was placed where no audio is.
    OUTSIDE_AUDIO = "outside_audio"
    #: Text was placed where no speech was detected, with more evidence against it.
    OUTSIDE_SPEECH = "outside_speech"
    #: One of the phrases that Whisper is known to write where there is no speech, with more evidence against it.
    KNOWN_PHRASE = "known_phrase"
    #: The same again and again; the first time stays.
    REPETITION = "repetition"
    #: The text of another, louder channel at the same time: this channel's microphone picked up that speaker.
    CROSSTALK = "crosstalk"
    #: A reason of a newer server that this version does not know.
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> SuppressionReason:  # noqa: ARG003
        return cls.OTHER


@dataclass(frozen=True, kw_only=True)
class Suppressed(Span):
    """Text that the model produced and SayIt removed, kept for audit."""

    #: What was removed.
    text: str
    #: Why.
    reason: SuppressionReason


@dataclass(frozen=True, kw_only=True)
class Redacted(Span):
    """A stretch of speech whose text was redacted; what it said is nowhere."""

    #: What it was.
    kind: RedactedKind


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Detected speech against transcribed speech; split channels are added up."""

    #: Seconds in which the voice activity detector found speech.
    speech_detected_s: float
    #: Seconds of that which lie inside segments.
    speech_transcribed_s: float
    #: Speech of at least half a second without text.
    gaps: tuple[Span, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What the transcript cost."""

    #: Seconds of audio given.
    audio_s: float
    #: Seconds that engines were busy with it.
    compute_s: float


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """The result of a job."""

    #: Segments in order of start, then of channel; those of one channel never overlap.
    segments: tuple[Segment, ...]
    #: The language of most speech (BCP-47); empty where nothing was said.
    language: str
    #: Mean probability of that language where it was detected; 1 where it was fixed.
    language_probability: float
    #: Seconds of audio.
    duration_s: float
    coverage: Coverage
    usage: Usage
    #: Model name.
    model: str
    #: Preset name: ko, en, ja, zh, auto …
    preset: str
    suppressed: tuple[Suppressed, ...] = ()
    #: What was redacted, in order of time.
    redacted: tuple[Redacted, ...] = ()
    #: 0 for the model's own text, one more with every correction.
    version: int = 0

    @property
    def text(self) -> str:
        """The whole text, segments joined by single spaces."""
        return " ".join(segment.text for segment in self.segments if segment.text)
