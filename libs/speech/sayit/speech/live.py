"""Live speech, as clients see it: how a session begins, and what it says. Times are seconds from its beginning."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job
from sayit.speech.options import Rule, rules_of
from sayit.speech.transcript import Segment, Timed

#: The rate of telephones, where none is given.
_TELEPHONE_RATE_HZ = 8_000


class LiveEncoding(StrEnum):
    """How live audio is encoded."""

    #: Signed 16-bit samples, little-endian, interleaved where there are two channels.
    LINEAR16 = "linear16"
    #: G.711 µ-law.
    MULAW = "mulaw"
    #: G.711 A-law.
    ALAW = "alaw"
    #: Opus in Ogg, as browsers and phones record.
    OGG_OPUS = "ogg_opus"
    #: Opus in WebM, as browsers record.
    WEBM_OPUS = "webm_opus"

    @property
    def compressed(self) -> bool:
        """Whether it is a file that cannot be entered in the midst; a session of it cannot be resumed."""
        return self in {LiveEncoding.OGG_OPUS, LiveEncoding.WEBM_OPUS}


@dataclass(frozen=True, kw_only=True)
class TurnDetection:
    """How the end of an utterance is found."""

    off: Annotated[bool, Rule("Whether only a commit and the end of the session end an utterance.")] = False
    silence_s: Annotated[
        float | None, Rule("Silence after which an utterance is over; None: the installation's.", limits=(0.2, 5.0))
    ] = None
    threshold: Annotated[
        float | None,
        Rule("Voice probability above which there is speech; None: the installation's.", limits=(0.05, 0.95)),
    ] = None


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """The audio of a session and what it is to say, valid once `checked`; how to transcribe is in `Options`."""

    encoding: Annotated[LiveEncoding, Rule("How the audio is encoded.")] = LiveEncoding.LINEAR16
    sample_rate_hz: Annotated[
        int, Rule("Samples per second; 0: 16000, and 8000 of µ-law and A-law.", limits=(8_000, 48_000))
    ] = 0
    channels: Annotated[int, Rule("Interleaved channels, which are mixed; 0: 1.", limits=(0, 2))] = 0
    interim_results: Annotated[bool, Rule("Whether text that may still change is wanted.")] = False
    turn_detection: TurnDetection = TurnDetection()
    refine: Annotated[bool, Rule("Whether all of it is decoded again, as a recording is, when the session ends.")] = (
        False
    )

    @property
    def rate_hz(self) -> int:
        """Samples per second; for compressed audio, whose header says it, 48000."""
        if self.encoding.compressed:
            return 48_000
        telephone = self.encoding is not LiveEncoding.LINEAR16
        return self.sample_rate_hz or (_TELEPHONE_RATE_HZ if telephone else SAMPLE_RATE_HZ)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels; 0 for compressed audio."""
        if self.encoding.compressed:
            return 0
        return SAMPLE_BYTES * (self.channels or 1) if self.encoding is LiveEncoding.LINEAR16 else 1

    def checked(self) -> LiveOptions:
        """These options.

        Raises:
            SayItError: INVALID_OPTION with the field, if one is out of its limits.
        """
        for name, rule in _OPTIONS.items():
            if name != "sample_rate_hz" or self.sample_rate_hz:
                rule.check(name, getattr(self, name))
        for name, rule in _TURNS.items():
            rule.check(f"turn_detection.{name}", getattr(self.turn_detection, name))
        if self.channels > 1 and self.encoding is not LiveEncoding.LINEAR16:
            raise SayItError(
                ErrorKind.INVALID_OPTION, field="channels", reason="two channels are only possible in linear16"
            )
        return self


_OPTIONS, _TURNS = rules_of(LiveOptions), rules_of(TurnDetection)


@dataclass(frozen=True, kw_only=True)
class LiveStarted:
    """First: the session lives."""

    job: Job
    #: Samples, at the client's rate, that are stored: audio is to be sent from here on.
    received_samples: int = 0
    #: The first utterance whose final text was not given out before.
    next_utterance: int = 0


@dataclass(frozen=True, kw_only=True)
class LiveSpeech:
    """Speech begins or ends."""

    #: Whether it begins.
    begins: bool
    offset_s: float
    #: From 0.
    utterance: int


class UtteranceEnd(StrEnum):
    """Why an utterance is over."""

    #: Not known: of a text that is not final, of a resumed session, of an older server, or for a newer one's reason.
    UNSPECIFIED = "unspecified"
    #: A pause of the length that was asked for.
    PAUSE = "pause"
    #: It grew long: it was divided at a shorter pause or within speech, and the speaker may go on.
    LENGTH = "length"
    #: A commit.
    COMMIT = "commit"
    #: The end of the session.
    FINISH = "finish"

    @classmethod
    def _missing_(cls, value: object) -> UtteranceEnd:  # noqa: ARG003
        return cls.UNSPECIFIED


@dataclass(frozen=True, kw_only=True)
class LiveText(Timed):
    """Text of one utterance; each replaces the one before it of the same utterance.

    One that is not final is empty where the words of the one before were none.
    `start_s` is where the text begins, `end_s` how far the audio is transcribed.
    """

    #: From 0.
    utterance: int
    #: Text that will not change any more, from the utterance's beginning; it only grows.
    committed: str
    #: Text behind it that may change, with its leading space; empty in a final one.
    tentative: str = ""
    #: How much of the text two hypotheses in a row agreed on, 0 to 1; 1 in a final one.
    stability: float = 0.0
    #: Whether it is the utterance's last.
    is_final: bool = False
    #: Of a final one; empty where the hallucination filter left nothing.
    segments: tuple[Segment, ...] = ()
    #: Of the utterance, as far as it is known.
    language: str = ""
    #: Of a final one: why the utterance is over.
    ended_by: UtteranceEnd = UtteranceEnd.UNSPECIFIED


@dataclass(frozen=True, kw_only=True)
class LiveProgress:
    """How far a session is; about once a second, after a commit, and behind the texts that it counts."""

    #: Samples, at the client's rate, that are stored.
    received_samples: int
    #: Audio up to here has its committed text.
    committed_s: float
    #: How far text is behind the audio that arrived.
    lag_s: float
    #: Audio up to here was decoded: a word in it is in a text that was told, if only as tentative; 0 where not known.
    decoded_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class LiveFinished:
    """Last: all text was given; the job is COMPLETED or on its way there."""

    job: Job


LiveEvent = LiveStarted | LiveSpeech | LiveText | LiveProgress | LiveFinished
