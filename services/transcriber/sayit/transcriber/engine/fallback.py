"""One window's fallback: temperature after temperature, until a result passes Whisper's thresholds.

The rules are those of openai/whisper `transcribe.decode_with_fallback` as faster-whisper 1.2 has them, so that the text
is the same as theirs; and a text that a voice cannot say in the window's time fails as one that repeats itself does.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from enum import Enum

from sayit.speech.options import DecodeOptions
from sayit.transcriber.engine.language import is_foreign
from sayit.transcriber.engine.pace import ends_twice, is_beyond_a_voice, is_more_of_the_same
from sayit.transcriber.engine.window import WINDOW_FRAMES, Window

#: Positions of Whisper's decoder: prompt and new tokens together.
MAX_POSITIONS = 448
#: Most new tokens where there are at most 3 s of audio: three for each of twelve syllables a second, and timestamps. A
#: loop in a short recording was most of its time: 224 tokens.
_BRIEF_S, _BRIEF_TOKENS = 3.0, 140
#: More tokens than this without a letter are a loop of spaces; to say nothing, a model needs timestamps only. Whisper
#: base wrote 139 spaces for a Korean word of half a second, and was sure of them.
_BLANK_TOKENS = 8
#: A greedy text whose mean log probability is below this is decoded again by beam search.
GREEDY_LOGPROB = -0.5


@dataclass(frozen=True, kw_only=True)
class DecodePolicy:
    """What an operator decides. Where the text of a shortcut is in doubt, the full way follows."""

    #: Windows as long as their audio and 5 s, not 30 s.
    short_windows: bool = True
    #: One row for a window with little audio before the rows of its beam search.
    greedy_first: bool = True
    #: The languages that may be detected where a request names none; empty for all that the model knows.
    languages: tuple[str, ...] = ()


class Effort(Enum):
    """How much is tried for a good text."""

    #: Whatever the options and the policy say.
    FULL = "full"
    #: A reader waits: a short window stays short, unless its text may be a loop. Whisper base on Korean clips played
    #: live: 30 s for each text in doubt too made the slowest twentieth of the last texts come 1.2 s later.
    QUICK = "quick"
    #: Each window is decoded once, in one language, whatever its text is like.
    ONCE = "once"


#: What faster-whisper does.
PLAIN_POLICY = DecodePolicy(short_windows=False, greedy_first=False)


@dataclass(frozen=True, kw_only=True)
class FallbackStep:
    """One call of the decoder for one window."""

    #: Token ids that the output continues: context, start of transcript, language, task.
    prompt: tuple[int, ...]
    #: 0 for beam search, above 0 for sampling.
    temperature: float
    #: Beams; used at temperature 0.
    beam_size: int
    #: Beam search ends after beam_size × patience finished hypotheses.
    patience: float
    #: Samples to choose from; used above temperature 0.
    best_of: int
    #: Most new tokens, 1 to 224.
    max_new_tokens: int
    #: Token ids that are never written, beside those that Whisper never writes; sorted, each once.
    suppress_tokens: tuple[int, ...] = ()
    #: Frames that the window was padded to: the length of its encoding.
    padded_frames: int = WINDOW_FRAMES

    @property
    def width(self) -> int:
        """Rows that the decoder computes for the window: its beams, or its samples."""
        return self.best_of if self.temperature > 0 else self.beam_size

    @property
    def group(self) -> tuple[object, ...]:
        """What steps must share to be decoded in one call.

        CTranslate2 takes one set of options per call, encodings of one length, and prompts of any content whose
        start-of-transcript tokens stand at the same place. Behind it a model's prompts are all equally long.
        """
        search = (0.0, self.patience) if self.temperature == 0 else (self.temperature, 0.0)
        length = (self.padded_frames, len(self.prompt), self.max_new_tokens)
        return (*search, self.width, *length, self.suppress_tokens)


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What the decoder answered to a step."""

    #: New token ids, timestamps included, without the end-of-text token.
    tokens: tuple[int, ...]
    #: The tokens as text, stripped.
    text: str
    #: Sum of the tokens' log probabilities over their number plus one, for the end of text.
    avg_logprob: float
    #: Probability that the window holds no speech.
    no_speech_prob: float


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """The result that a window is left with."""

    generated: Generated
    #: zlib ratio of its text.
    compression_ratio: float
    #: The last temperature tried, which is not the chosen result's own where all failed (as in Whisper).
    temperature: float
    #: Whether it counts as silence: probably no speech, and a text the model is not sure of.
    silent: bool
    #: Whether it does not repeat itself, and is no more than a voice can say in the window.
    fluent: bool

    @property
    def says_again(self) -> bool:
        """Whether it may be a loop: it repeats itself, or says its end twice."""
        return not self.fluent or ends_twice(self.generated.text)


class Fallback:
    """One window's steps: while `next_step` gives one, `take` the model's answer; then read `outcome`.

    Args:
        prompt: what the output continues.
        options: how to decode.
        window: what is decoded.
        greedy_first: whether a greedy text is tried before a beam search.
        language: whose script the text should be in; empty for a translation.
        effort: whether a window with less than 30 s for the encoder may need them.
    """

    def __init__(
        self,
        prompt: tuple[int, ...],
        options: DecodeOptions,
        window: Window,
        *,
        greedy_first: bool = False,
        language: str = "",
        effort: Effort = Effort.FULL,
    ) -> None:
        self._prompt = prompt
        self._window = window
        self._options = options
        self._language = language
        self._effort = effort
        self._suppress_tokens = tuple(sorted(set(options.suppress_tokens)))
        self._left = list(options.temperatures) or [0.0]
        self._greedy = greedy_first and self._left[0] == 0 and options.beam_size > 1
        #: The greedy text, once it is there.
        self._first: WindowResult | None = None
        self._again = False
        self._failed: list[WindowResult] = []
        self._outcome: WindowResult | None = None

    def next_step(self) -> FallbackStep | None:
        """What to try next; None once there is an outcome."""
        if self._outcome is not None:
            return None
        options = self._options
        # The prompt's last token yields the first new one.
        room = min(MAX_POSITIONS // 2, MAX_POSITIONS + 1 - len(self._prompt))
        if self._window.audio_s <= _BRIEF_S:
            room = min(room, _BRIEF_TOKENS)
        return FallbackStep(
            prompt=self._prompt,
            temperature=self._left[0],
            beam_size=1 if self._greedy else options.beam_size,
            patience=1.0 if self._greedy else options.patience,
            best_of=options.best_of,
            max_new_tokens=min(room, options.max_tokens_per_window or room),
            suppress_tokens=self._suppress_tokens,
            padded_frames=self._window.padded_frames,
        )

    @property
    def needs_full_window(self) -> bool:
        """Whether a short window's text fails or says something again: perhaps for lack of silence behind the audio."""
        if self._effort is Effort.ONCE or not self._window.short:
            return False
        return self._again or (self._effort is Effort.FULL and bool(self._failed))

    def take(self, generated: Generated) -> None:
        """Judges the answer to the last step: it is the outcome, or one more failure."""
        if self._greedy:
            self._greedy, self._first = False, self._judged(generated, 0.0)
            self._again = self._first.says_again
            sure = generated.avg_logprob >= max(GREEDY_LOGPROB, self._options.logprob_threshold)
            if sure and self._first.fluent and not is_foreign(generated.text, self._language):
                self._outcome = self._first
            return
        outcome = self._judged(generated, self._left.pop(0))
        first = self._first
        if first is not None and first.fluent and outcome.says_again and not first.says_again:
            # Beam search prefers a long text, and so it says the end of a short recording twice.
            outcome = first
        self._again = outcome.says_again
        unsure = outcome.generated.avg_logprob < self._options.logprob_threshold
        if outcome.silent or (outcome.fluent and not unsure):
            self._outcome = self._or_repeated(outcome)
            return
        self._failed.append(outcome)
        if not self._left:
            readable = [each for each in self._failed if each.fluent]
            written = [each for each in self._failed if each.generated.text]
            best = max(readable or written or self._failed, key=lambda each: each.generated.avg_logprob)
            self._outcome = replace(self._or_repeated(best), temperature=outcome.temperature)

    @property
    def outcome(self) -> WindowResult:
        """The window's result; only once `next_step` returned None."""
        assert self._outcome is not None, "the window still has a step to make"
        return self._outcome

    def _or_repeated(self, outcome: WindowResult) -> WindowResult:
        """The outcome, or the text that failed because it repeats itself, where this one only repeats it less often.

        Then the phrase was really said again and again: a model that wrote a loop writes other text when it samples.
        """
        text = outcome.generated.text
        repeated = [
            each
            for each in self._failed
            if not is_beyond_a_voice(each.generated.text, self._window.audio_s)
            and each.generated.avg_logprob >= self._options.logprob_threshold
            and is_more_of_the_same(each.generated.text, text)
        ]
        return max(repeated, key=lambda each: each.generated.avg_logprob, default=outcome)

    def _judged(self, generated: Generated, temperature: float) -> WindowResult:
        options = self._options
        ratio = compression_ratio(generated.text)
        blank = not generated.text and len(generated.tokens) > _BLANK_TOKENS
        sayable = not blank and not is_beyond_a_voice(generated.text, self._window.audio_s)
        confident = generated.avg_logprob > options.logprob_threshold
        return WindowResult(
            generated=generated,
            compression_ratio=ratio,
            temperature=temperature,
            silent=generated.no_speech_prob > options.no_speech_threshold and not confident,
            fluent=sayable and ratio <= options.compression_ratio_threshold,
        )


def compression_ratio(text: str) -> float:
    """UTF-8 bytes of the text over its zlib size; repetition compresses well. 0 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))
