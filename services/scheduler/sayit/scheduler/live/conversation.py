"""One live session, without input or output: audio goes in, requests for text and text come out.

It knows no clock, no transcriber and no client. The caller carries out what it returns, in order, and tells it what
came of it. Positions are samples at 16 kHz from the session's beginning, times are seconds from there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sayit.scheduler.jobs.records import ChunkOutput, SampleSpan
from sayit.scheduler.live.turns import FRAME, Turn, TurnConfig, TurnKind, Turns, Voices
from sayit.scheduler.live.utterance import Utterance
from sayit.speech.audio import SAMPLE_BYTES, samples_of
from sayit.speech.live import UtteranceEnd
from sayit.speech.transcript import Word

#: Audio kept in front of speech and behind it, as far as there is any.
_PAD = samples_of(0.4)
#: New speech after which interim text is asked for again, and where an utterance has no word yet.
_STEP, _FIRST_STEP = samples_of(0.5), samples_of(0.3)
#: A session settles on a language that was heard for so long, and leans to it before; and this many times as long as
#: any other.
_SETTLED_S, _LEANING_S, _SETTLED_TIMES = 2.0, 1.0, 3.0


@dataclass(frozen=True, kw_only=True)
class SessionState:
    """What a session needs to go on in another process: audio from `start_sample` on is then fed again."""

    #: The utterance that is going on, or the next one.
    utterance: int = 0
    #: Where that began; where nothing of it is committed, behind the one before.
    start_sample: int = 0
    #: Its words that were given out as committed.
    committed: tuple[Word, ...] = ()
    #: The language that the session has settled on; empty before.
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Decode:
    """A stretch is to be decoded, with words; its text goes to `decoded`, or a call of `failed` follows."""

    request_id: int
    start_sample: int
    end_sample: int
    #: Mono 16 kHz s16le of the stretch.
    pcm: bytes
    #: Whether the utterance's last text is wanted: as the job asks; interim text is decoded greedily, once.
    final: bool
    #: Text in front of the stretch; it goes behind the job's prompt.
    prompt: str
    #: The language, where the session has settled on one and the job asks for none; else empty.
    language: str


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """A request's text is no longer wanted; what still comes of it may be passed on, and is ignored."""

    request_id: int


@dataclass(frozen=True, kw_only=True)
class SpeechBegan:
    """An utterance begins."""

    utterance: int
    at_sample: int


@dataclass(frozen=True, kw_only=True)
class SpeechEnded:
    """An utterance is over; its final text follows."""

    utterance: int
    at_sample: int


@dataclass(frozen=True, kw_only=True)
class Text:
    """Text of an utterance that is going on."""

    utterance: int
    start_sample: int
    #: The audio up to here was heard for it.
    end_sample: int
    #: Words that will not change any more, from the utterance's beginning.
    committed: tuple[Word, ...]
    #: Words behind them that may.
    tentative: tuple[Word, ...]
    #: The committed share of all letters, 0 to 1.
    stability: float
    language: str
    #: What must be stored before `committed` is given out.
    state: SessionState


@dataclass(frozen=True, kw_only=True)
class Final:
    """An utterance's last text; finals come in the order of the utterances."""

    utterance: int
    start_sample: int
    end_sample: int
    #: Detected speech in it.
    speech: tuple[SampleSpan, ...]
    #: Mono 16 kHz s16le of `[start_sample, end_sample)`.
    pcm: bytes
    #: Its segments, all with words; no segments where nothing was understood.
    output: ChunkOutput
    #: Why it is over.
    ended_by: UtteranceEnd
    #: What must be stored together with it.
    state: SessionState


Action: TypeAlias = Decode | Cancel | SpeechBegan | SpeechEnded | Text | Final


class Conversation:
    """One session.

    At most one interim text is asked for at a time, and none while an utterance waits for its last text: where the
    machine is late, interim texts become fewer and longer, and the last ones come all the same.

    Args:
        voices: of this session alone.
        config: how utterances are found.
        state: where to go on; the next audio fed is that from `state.start_sample` on.
        interim: whether text is wanted before an utterance is over.
    """

    def __init__(self, voices: Voices, config: TurnConfig, state: SessionState, *, interim: bool = True) -> None:
        self._interim = interim
        self._number = state.utterance
        self._language = state.language
        #: Seconds of speech in each language, weighted with its probability, until the session settles on one.
        self._heard: dict[str, float] = {}
        #: Where the last utterance ended.
        self._end = state.start_sample
        #: Audio that is still needed, and where it begins.
        self._pcm, self._pcm_start = bytearray(), state.start_sample
        #: The utterance that is going on, and those that wait for their last text.
        self._open: Utterance | None = None
        self._closed: deque[Utterance] = deque()
        self._requests: dict[int, Utterance] = {}
        self._last_request = 0
        speaking_until = samples_of(state.committed[-1].end_s) if state.committed else None
        self._turns = Turns(voices, config, state.start_sample, speaking_until=speaking_until)
        if speaking_until is not None:
            self._open = Utterance(
                number=state.utterance,
                start=state.start_sample,
                speech_start=state.start_sample,
                language=state.language,
                committed=state.committed,
            )

    @property
    def position(self) -> int:
        """Samples fed, those before the state's among them."""
        return self._pcm_start + len(self._pcm) // SAMPLE_BYTES

    @property
    def settled(self) -> int:
        """Up to here all speech has its committed text; silence needs none."""
        first = self._closed[0] if self._closed else self._open
        if first is not None:
            return first.settled
        return self._turns.position if self._turns.start is None else self._turns.start

    @property
    def decoded_until(self) -> int:
        """Up to here all speech was decoded: its words are in a text that was returned, if only as tentative."""
        first = self._closed[0] if self._closed else self._open
        if first is None:
            return self.settled
        at = max(first.settled, first.decoded_until)
        return at if self._closed else self._turns.silent_until(at)

    @property
    def busy(self) -> bool:
        """Whether an utterance is going on or waits for its final text."""
        return self._open is not None or bool(self._closed)

    def feed(self, pcm: bytes) -> list[Action]:
        """Takes the next audio: mono 16 kHz s16le, whole samples, of any length.

        Raises:
            ValueError: half a sample.
        """
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError("half a sample")
        self._pcm += pcm
        whole = (self.position - self._turns.position) // FRAME * FRAME
        actions = self._listen(self._audio(self._turns.position, self._turns.position + whole))
        actions += self._ask_interim()
        self._forget_audio()
        return actions

    def decoded(self, request_id: int, output: ChunkOutput) -> list[Action]:
        """Takes the text of a request; times in `output` are seconds from the beginning of its stretch.

        A text that was not asked for, was cancelled or came before is ignored.
        """
        utterance = self._requests.pop(request_id, None)
        if utterance is None:
            return []
        changed = utterance.take(request_id, output)
        if utterance is self._open:
            self._turns.given_until = utterance.settled
        if utterance is not self._open:
            if not utterance.asked and not utterance.has_last_text:
                return [self._ask(utterance, utterance.end, final=True)]
            return self._give_finals()
        return [*([self._text(utterance)] if changed else []), *self._ask_interim()]

    def failed(self, request_id: int, *, retry: bool) -> list[Action]:
        """A request has no text: the engine reported an error. Lost transcribers need no call: ask another one.

        Args:
            request_id: as in `Decode`.
            retry: whether another attempt is worth it; else the utterance keeps the words that are there.
        """
        utterance = self._requests.pop(request_id, None)
        if utterance is None:
            return []
        last = utterance.lose(request_id)
        if utterance is self._open or not last:
            return self._ask_interim()
        if retry:
            return [self._ask(utterance, utterance.end, final=True)]
        utterance.give_up()
        return self._give_finals()

    def commit(self, by: UtteranceEnd = UtteranceEnd.COMMIT) -> list[Action]:
        """The utterance that is going on ends here."""
        turn = self._turns.end(by)
        return [] if turn is None else self._turn(turn)

    def finish(self) -> list[Action]:
        """All audio was fed: what is going on ends here."""
        rest = self._audio(self._turns.position, self.position)
        actions = self._listen(rest + bytes(-len(rest) % (FRAME * SAMPLE_BYTES)))
        return actions + self.commit(UtteranceEnd.FINISH)

    def _audio(self, start: int, end: int) -> bytes:
        return bytes(self._pcm[(start - self._pcm_start) * SAMPLE_BYTES : (end - self._pcm_start) * SAMPLE_BYTES])

    def _forget_audio(self) -> None:
        """Drops what nothing will be asked of any more."""
        first = self._closed[0] if self._closed else self._open
        if first is not None:
            needed = first.start
        else:
            heard = self._turns.position if self._turns.start is None else self._turns.start
            needed = max(self._end, heard - _PAD)
        drop = max(0, needed - self._pcm_start)
        del self._pcm[: drop * SAMPLE_BYTES]
        self._pcm_start += drop

    def _listen(self, pcm: bytes) -> list[Action]:
        """Hears whole frames."""
        turns = self._turns.feed(np.frombuffer(pcm, "<i2"))
        return [action for turn in turns for action in self._turn(turn)]

    def _turn(self, turn: Turn) -> list[Action]:
        if turn.kind is TurnKind.BEGINS:
            start = max(self._end, turn.at_sample - _PAD)
            self._open = Utterance(
                number=self._number,
                start=start,
                speech_start=turn.at_sample,
                language=self._language,
                leaning=self._heard_for(_LEANING_S),
            )
            return [SpeechBegan(utterance=self._number, at_sample=turn.at_sample)]
        utterance = self._open
        assert utterance is not None, "it is going on"
        if turn.kind is TurnKind.GOES_ON:
            utterance.go_on()
            return []
        if turn.kind is TurnKind.PAUSES:
            return [*self._cancel(utterance), self._ask(utterance, self._turns.position, final=True)]
        return self._close(utterance, turn)

    def _close(self, utterance: Utterance, turn: Turn) -> list[Action]:
        """The utterance is over; its last text was asked for in its pause, or is asked for now."""
        behind = 0 if turn.kind is TurnKind.IS_CUT else _PAD
        end = min(turn.at_sample + behind, self._turns.position, self.position)
        utterance.close(end, self._turns.speech, turn.by)
        self._open, self._end, self._number = None, utterance.end, self._number + 1
        self._closed.append(utterance)
        ended = SpeechEnded(utterance=utterance.number, at_sample=turn.at_sample)
        if utterance.has_last_text:
            return [ended, *self._give_finals()]
        if utterance.awaits_last_text:
            return [ended]
        return [ended, *self._cancel(utterance), self._ask(utterance, utterance.end, final=True)]

    def _ask_interim(self) -> list[Action]:
        """Asks for interim text once there is enough new speech for it."""
        utterance = self._open
        if utterance is None or not self._interim or self._closed or utterance.asked:
            return []
        if self._turns.quiet:
            return []  # it would keep the last text waiting, for the model is not interrupted
        step = _STEP if utterance.words.committed or utterance.words.tentative else _FIRST_STEP
        if self._turns.position - max(utterance.heard, utterance.speech_start) < step:
            return []
        return [self._ask(utterance, self._turns.position, final=False)]

    def _ask(self, utterance: Utterance, end: int, *, final: bool) -> Decode:
        self._last_request += 1
        self._requests[self._last_request] = utterance
        start, prompt, language = utterance.ask(self._last_request, end, final=final)
        return Decode(
            request_id=self._last_request,
            start_sample=start,
            end_sample=end,
            pcm=self._audio(start, end),
            final=final,
            prompt=prompt,
            language=language,
        )

    def _cancel(self, utterance: Utterance) -> list[Action]:
        """What was asked for the utterance is no longer wanted."""
        ids = [request_id for request_id, of in self._requests.items() if of is utterance]
        for request_id in ids:
            del self._requests[request_id]
            utterance.lose(request_id)
        return [Cancel(request_id=request_id) for request_id in ids]

    def _text(self, utterance: Utterance) -> Text:
        words = utterance.words
        return Text(
            utterance=utterance.number,
            start_sample=utterance.start,
            end_sample=utterance.heard,
            committed=words.committed,
            tentative=words.tentative,
            stability=words.stability,
            language=utterance.language,
            state=SessionState(
                utterance=utterance.number,
                start_sample=utterance.start,
                committed=words.committed,
                language=self._language,
            ),
        )

    def _give_finals(self) -> list[Action]:
        """Last texts that are there, in order; behind them the next utterance's interim text may be asked for."""
        actions: list[Action] = []
        while self._closed and self._closed[0].has_last_text:
            utterance = self._closed.popleft()
            output = utterance.output()
            self._settle(utterance)
            actions.append(
                Final(
                    utterance=utterance.number,
                    start_sample=utterance.start,
                    end_sample=utterance.end,
                    speech=utterance.speech,
                    pcm=self._audio(utterance.start, utterance.end),
                    output=output,
                    ended_by=utterance.ended_by,
                    state=SessionState(
                        utterance=utterance.number + 1, start_sample=utterance.end, language=self._language
                    ),
                )
            )
        return actions + self._ask_interim()

    def _settle(self, utterance: Utterance) -> None:
        """What an utterance says of the session's language."""
        language, seconds = utterance.evidence
        if utterance.changes_language:
            self._language = language
        elif language and not self._language:
            self._heard[language] = self._heard.get(language, 0.0) + seconds
            self._language = self._heard_for(_SETTLED_S)

    def _heard_for(self, least_s: float) -> str:
        """The language that was heard for so long, and clearly longer than any other; empty where there is none."""
        next_s, longest_s = sorted([0.0, 0.0, *self._heard.values()])[-2:]
        clear = longest_s >= max(least_s, _SETTLED_TIMES * next_s)
        return max(self._heard, key=self._heard.__getitem__) if clear else ""
