"""One chunk's decoding as a state machine: which window is next, with which prompt, and what is kept of its text.

    while (window := decoding.next_window()) is not None:
        if not decoding.language: decoding.speak(candidate, vocabulary)                  # once
        fallback = decoding.fallback()
        …                                                                                # its steps, see `fallback`
        passages = decoding.judge(fallback.outcome)
        decoding.keep(passages)                                                          # with words, if wanted

It follows openai/whisper `transcribe` as faster-whisper 1.2 has it: windows of 30 s; the next one starts at the last
timestamp, or behind the window where the model said that nothing follows; text of earlier windows is the prompt. Six
things differ. A window with less audio is padded to less than 30 s, see `fallback.DecodePolicy`. It always advances. It
decodes no rest in which hardly anything is heard: there the model says once more what its prompt says. It does not
believe that nothing follows where much is heard. It cuts a loop that a voice cannot say. And asking for words changes
neither the text nor the windows: there, faster-whisper moves on to the last word's end instead of the last timestamp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.options import DecodeOptions, Task
from sayit.speech.transcript import Segment, Suppressed, SuppressionReason
from sayit.transcriber.engine.chinese import ChineseWriting
from sayit.transcriber.engine.fallback import (
    MAX_POSITIONS,
    PLAIN_POLICY,
    DecodePolicy,
    Effort,
    Fallback,
    WindowResult,
)
from sayit.transcriber.engine.language import Candidate
from sayit.transcriber.engine.pace import is_beyond_a_voice, once
from sayit.transcriber.engine.result import DecodedChunk
from sayit.transcriber.engine.window import FRAMES_PER_SECOND, WINDOW_FRAMES, Passage, Window, padded_length

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import WhisperVocabulary

#: Longer audio goes to beam search at once: greedy first, 386 s of Korean talks had 12.3 % of the letters wrong instead
#: of 11.3 % with Whisper base, in 88 % of the time.
GREEDY_S = 11.0
#: Most tokens of context in a prompt: half of the decoder's positions, less the token that announces them.
CONTEXT_TOKENS = MAX_POSITIONS // 2 - 1
#: Text sampled above this temperature is no context for the next window (Whisper's `prompt_reset_on_temperature`).
CONTEXT_TEMPERATURE = 0.5
#: 0.2 s, shorter than a spoken word: an advance below it is none.
MIN_STEP_FRAMES = 20
#: 0.5 s. A rest in which less is loud holds the end of a word, which timestamps come before, and the silence behind it.
MIN_LOUD_FRAMES = 50
#: 2.5 s. Where so much is loud the model is wrong when it says that nothing follows; the rest is a window of its own.
#: At 1.5 s the bundled model wrote a loop of 6 more words in ko-150s (11.0 % of words wrong instead of 8.4).
DISBELIEVED_FRAMES = 250


class ChunkDecoding:
    """The decoding of one chunk, or of a stretch of it in one language.

    Args:
        duration_s: end of the audio in seconds from the chunk's start; no text ends later.
        frames: end of the audio in whole frames of the chunk's features.
        options: how to decode.
        start_frame: where the stretch begins.
        loud: which of the chunk's frames may be speech; all of them where it is left out.
        policy: what an operator decides.
        effort: how much is tried for a window.
    """

    def __init__(
        self,
        *,
        duration_s: float,
        frames: int,
        options: DecodeOptions,
        start_frame: int = 0,
        loud: npt.NDArray[np.bool_] | None = None,
        policy: DecodePolicy = PLAIN_POLICY,
        effort: Effort = Effort.FULL,
    ) -> None:
        #: The language, once it is known.
        self.spoken: Candidate | None = None
        #: End of the last word kept, in seconds; alignment continues from it.
        self.last_word_end_s = start_frame / FRAMES_PER_SECOND
        self._start_frame = start_frame
        self._duration_s = duration_s
        self._frames = frames
        self._options = options
        self._writing = ChineseWriting(options)
        self._policy = policy
        self._effort = effort
        self._loud = np.ones(frames, np.bool_) if loud is None else loud[:frames]
        self._vocabulary: WhisperVocabulary | None = None
        self._hotwords: tuple[int, ...] = ()
        self._context: list[int] = []
        self._next_frame = start_frame
        self._window: Window | None = None
        self._outcome: WindowResult | None = None
        self._doubted = False
        self._segments: list[Segment] = []
        self._suppressed: list[Suppressed] = []
        self._windows = 0

    def next_window(self) -> Window | None:
        """The window to decode now; None at the chunk's end."""
        left = self._frames - self._next_frame
        if left <= 0 or (self._next_frame > self._start_frame and self._heard_from(self._next_frame) < MIN_LOUD_FRAMES):
            self._window = None
        else:
            frames = min(left, WINDOW_FRAMES)
            padded_frames = padded_length(frames) if self._policy.short_windows else WINDOW_FRAMES
            self._window = Window(start_frame=self._next_frame, frames=frames, padded_frames=padded_frames)
        return self._window

    def widen(self) -> Window:
        """The open window again, with 30 s for the encoder."""
        self._window = replace(self._open(), padded_frames=WINDOW_FRAMES)
        return self._window

    @property
    def begun(self) -> bool:
        """Whether a window was judged."""
        return self._windows > 0

    @property
    def language(self) -> str:
        """Its code; empty before it is known."""
        return self.spoken.language if self.spoken else ""

    @property
    def vocabulary(self) -> WhisperVocabulary:
        """The model's tokens in the language."""
        assert self._vocabulary is not None, "the language is not known yet"
        return self._vocabulary

    def speak(self, candidate: Candidate, vocabulary: WhisperVocabulary) -> None:
        """Sets the language, and with it the tokens; another one may be set until the first window is judged."""
        self.spoken, self._vocabulary = candidate, vocabulary
        self._context.clear()
        if self._options.prompt.strip():
            self._context.extend(vocabulary.encode(" " + self._options.prompt.strip()))
        if self._options.hotwords.strip():
            self._hotwords = vocabulary.encode(" " + self._options.hotwords.strip())

    def fallback(self, *, of_several: bool = False) -> Fallback:
        """The fallback of the window, which may be tried in several languages."""
        vocabulary = self.vocabulary
        # Prompt and hotwords each may fill the context; together they must leave half of the positions to the text.
        recent = min(len(self._context), CONTEXT_TOKENS // 2)
        hotwords = self._hotwords[: CONTEXT_TOKENS - recent]
        context = self._context[max(0, len(self._context) + len(hotwords) - CONTEXT_TOKENS) :]
        before = (vocabulary.start_of_previous, *hotwords, *context) if hotwords or context else ()
        written = self.language if self._options.task is Task.TRANSCRIBE else ""
        prompt, window, options = (*before, *vocabulary.start_sequence), self._open(), self._options
        if of_several and self._effort is Effort.QUICK:
            # The slowest of the last texts were waiting for beam searches in two languages.
            options = replace(options, beam_size=1)
        greedy_first = self._policy.greedy_first and window.audio_s <= GREEDY_S
        return Fallback(prompt, options, window, greedy_first=greedy_first, language=written, effort=self._effort)

    def judge(self, outcome: WindowResult) -> tuple[Passage, ...]:
        """What to keep of the window's text; the rest is noted as suppressed. Moves on to the next window's start."""
        window, vocabulary = self._open(), self.vocabulary
        self._outcome = outcome
        self._windows += 1
        if outcome.silent:
            self._doubted = False
            self._suppress(outcome.generated.text, SuppressionReason.NO_SPEECH, window.start_s, window.end_s)
            self._next_frame = window.start_frame + window.frames
            return ()
        passages, next_frame = vocabulary.split(outcome.generated.tokens, window)
        self._doubted = self._is_doubtful(window, passages, next_frame)
        if self._doubted:
            next_frame = round(passages[-1].end_s * FRAMES_PER_SECOND)
        self._next_frame = max(next_frame, window.start_frame + MIN_STEP_FRAMES)
        kept = []
        for passage in passages:
            text = vocabulary.text(passage.tokens).strip()
            if not text:
                continue
            if passage.start_s >= passage.end_s or passage.start_s >= self._duration_s:
                self._suppress(text, SuppressionReason.OUTSIDE_AUDIO, passage.start_s, passage.end_s)
            else:
                kept.append(self._sayable(passage))
        return tuple(kept)

    def _is_doubtful(self, window: Window, passages: Sequence[Passage], next_frame: int) -> bool:
        """Whether the model says that nothing follows, and much follows; the rest is then asked for once."""
        end_frame = window.start_frame + window.frames
        if not passages or next_frame < end_frame or self._doubted:
            return False
        # With a limit of tokens the user wants no more text of the window.
        limited = self._options.max_tokens_per_window > 0
        heard = self._heard_from(round(passages[-1].end_s * FRAMES_PER_SECOND))
        return not limited and heard > DISBELIEVED_FRAMES

    def _heard_from(self, frame: int) -> int:
        """How many frames from here on may be speech."""
        return int(np.count_nonzero(self._loud[frame:]))

    def _sayable(self, passage: Passage) -> Passage:
        """The passage; a loop that a voice cannot say in its time is cut to one round, the rest noted as suppressed."""
        vocabulary = self.vocabulary
        if not is_beyond_a_voice(vocabulary.text(passage.tokens), passage.end_s - passage.start_s):
            return passage
        text = [token for token in passage.tokens if token < vocabulary.end_of_text]
        left = once(text)
        self._suppress(
            vocabulary.text(text[left:]).strip(), SuppressionReason.REPETITION, passage.start_s, passage.end_s
        )
        return replace(passage, tokens=tuple(text[:left])) if left < len(text) else passage

    def keep(self, passages: tuple[Passage, ...]) -> None:
        """Takes the window's passages, with words or without, as segments and as context; the window is done."""
        outcome, vocabulary = self._outcome, self.vocabulary
        assert outcome is not None, "judge the window first"
        # Without context the prompt is all that a window begins with, and it stays.
        carries = self._options.within_chunk_context
        for passage in passages:
            if carries:
                self._context.extend(passage.tokens)
            self._segments.append(self._segment(passage, vocabulary.text(passage.tokens).strip(), outcome))
            if passage.words:
                self.last_word_end_s = passage.words[-1].end_s
        if carries and not outcome.silent and outcome.temperature > CONTEXT_TEMPERATURE:
            self._context.clear()
        self._window = self._outcome = None

    def text(self, compute_s: float) -> DecodedChunk:
        """The text of the windows so far."""
        return DecodedChunk(
            segments=tuple(self._segments),
            language=self.language,
            language_probability=self.spoken.probability if self.spoken else 0.0,
            suppressed=tuple(self._suppressed),
            compute_s=compute_s,
            windows=self._windows,
            decoded_s=min(self._duration_s, self._next_frame / FRAMES_PER_SECOND),
        )

    def _segment(self, passage: Passage, text: str, outcome: WindowResult) -> Segment:
        spoken = passage.spoken or self.spoken
        assert spoken is not None, "text has a language"
        text, words = self._writing.written(text, passage.words, spoken.language)
        return Segment(
            id=len(self._segments),
            start_s=self._clipped(passage.start_s),
            end_s=self._clipped(passage.end_s),
            text=text,
            language=spoken.language,
            language_probability=spoken.probability,
            avg_logprob=outcome.generated.avg_logprob,
            compression_ratio=outcome.compression_ratio,
            no_speech_prob=outcome.generated.no_speech_prob,
            temperature=outcome.temperature,
            words=tuple(
                replace(word, start_s=self._clipped(word.start_s), end_s=self._clipped(word.end_s)) for word in words
            ),
        )

    def _suppress(self, text: str, reason: SuppressionReason, start_s: float, end_s: float) -> None:
        if text:
            self._suppressed.append(
                Suppressed(text=text, reason=reason, start_s=round(start_s, 3), end_s=round(end_s, 3))
            )

    def _clipped(self, seconds: float) -> float:
        return round(min(max(seconds, self._start_frame / FRAMES_PER_SECOND), self._duration_s), 3)

    def _open(self) -> Window:
        assert self._window is not None, "no window is open"
        return self._window
