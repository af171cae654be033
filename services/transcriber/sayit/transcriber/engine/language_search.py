"""Which languages a chunk's windows are decoded in, and which text is kept: by detection, script and probability."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sayit.speech.language_names import AUTO
from sayit.speech.options import DecodeOptions, Task
from sayit.transcriber.engine.fallback import Fallback, FallbackStep, Generated, WindowResult
from sayit.transcriber.engine.language import Candidate, allowed, contenders, is_foreign, is_written_in, shares
from sayit.transcriber.engine.language_segmentation import Hear, LanguageSpan, language_spans
from sayit.transcriber.engine.window import FRAMES_PER_SECOND, Passage, Window
from sayit.transcriber.engine.windows import MIN_STEP_FRAMES, ChunkDecoding

if TYPE_CHECKING:
    from sayit.transcriber.engine.model import Encoding, Whisper

#: Least share of the probability that makes a script credible. Labelled segments of the recordings whose language is
#: detected wrongly in a window of their own have more than this, but for two of 380.
AUDIBLE = 0.1
#: A language that was not heard at all is no less likely than this.
LEAST_SHARE = 1e-4


class LanguageSearch:
    """The languages of one chunk, detected on encodings that the decoding needs anyway.

    Args:
        whisper: the model.
        options: how to decode the chunk.
        usual: the languages that may be detected where the options name none; empty for all.

    Raises:
        SayItError: INVALID_LANGUAGE where the model knows none of the languages.
    """

    def __init__(self, whisper: Whisper, options: DecodeOptions, usual: Sequence[str] = ()) -> None:
        self._whisper = whisper
        #: What the chunk may be in.
        self._allowed = allowed(options, whisper.languages, usual)
        #: Whether that comes from a list, where the request says `auto`.
        self._listed = options.language == AUTO
        #: Whether a text's script tells its language.
        self.by_script = options.task is Task.TRANSCRIBE and len(self._allowed) > 1
        #: The languages that the stretch may be in, while its first window is decoded.
        self._heard: Sequence[Candidate] = ()
        #: The likeliest language that is not allowed, with its probability, where it was likelier than all others.
        self.unlisted: tuple[str, float] | None = None

    @property
    def only(self) -> Candidate | None:
        """The chunk's language where that is fixed."""
        return Candidate(language=self._allowed[0], probability=1.0) if len(self._allowed) == 1 else None

    def stretches(self, encoding: Encoding, features: npt.NDArray[np.float32]) -> tuple[LanguageSpan, ...]:
        """The parts of a window (log-mel float32[bands, n], unpadded) in one language each; usually one."""
        return language_spans(lambda places: self._whisper.languages_within(encoding, places), features, self._allowed)

    def candidates(self, encoding: Encoding, hint: str) -> tuple[Candidate, ...]:
        """The languages to decode a stretch's first window in; see `contenders`."""
        self._heard = shares(self._probabilities(encoding), self._allowed)
        return contenders(self._heard, hint)

    def check(self, encoding: Encoding) -> None:
        """Hears whether another language is likelier than the only one listed; a request's own is not doubted."""
        if self._listed:
            self._probabilities(encoding)

    def _probabilities(self, encoding: Encoding) -> list[tuple[str, float]]:
        probabilities = self._whisper.language_probabilities(encoding)
        likeliest = probabilities[0]
        if likeliest[0] not in self._allowed and (self.unlisted is None or likeliest[1] > self.unlisted[1]):
            self.unlisted = likeliest
        return probabilities

    def rival(self, candidates: LanguageCandidates) -> Candidate | None:
        """The language whose script the text is in though another was detected without doubt."""
        text = candidates.foreign_text
        return next((each for each in self._heard if text and is_written_in(text, each.language)), None)

    def settle(self) -> None:
        """The stretch's language is known: later windows have no rivals."""
        self._heard = ()

    def tagged(
        self, passages: tuple[Passage, ...], window: Window, encoding: Encoding, decoding: ChunkDecoding
    ) -> tuple[Passage, ...]:
        """The window's passages, those in another language than the stretch's with it."""
        if not self.by_script:
            return passages
        return tagged(
            passages,
            window,
            decoding.language,
            self._allowed,
            read=decoding.vocabulary.text,
            hear=lambda places: self._whisper.languages_within(encoding, places),
        )


def tagged(
    passages: Sequence[Passage],
    window: Window,
    language: str,
    languages: Collection[str],
    *,
    read: Callable[[Sequence[int]], str],
    hear: Hear,
) -> tuple[Passage, ...]:
    """The passages, those in another language with it and its probability.

    A model may change the language by itself, and a word or two are too short to be cut out. Such a passage shows by
    its script, and is tagged with that language unless it clearly sounds like another: foreign names are written in
    their own script, too.

    Args:
        passages: the window's.
        window: where they are.
        language: what the window was decoded in.
        languages: those that are allowed.
        read: the text of tokens.
        hear: detects languages in stretches of the window's encoding.
    """

    def tag(passage: Passage) -> Passage:
        text = read(passage.tokens)
        first = max(0, round(passage.start_s * FRAMES_PER_SECOND) - window.start_frame)
        frames = min(window.frames, round(passage.end_s * FRAMES_PER_SECOND) - window.start_frame) - first
        if not is_foreign(text, language) or frames < MIN_STEP_FRAMES:
            return passage
        [heard] = hear([(first, frames)])
        written = (each for each in shares([*heard.items()], languages) if is_written_in(text, each.language))
        spoken = next(written, None)
        return replace(passage, spoken=spoken) if spoken and spoken.share >= AUDIBLE else passage

    return tuple(map(tag, passages))


class LanguageCandidates:
    """One window's decodings: while `next_step` gives one, `take` the model's answer; then read `verdict`.

    All of them use one encoding, one after the other: a chunk never has two rows in one call, so that its doubtful
    language delays no other chunk's window.

    Args:
        fallbacks: the fallback steps in each language, the likelier language first, at least one.
        by_script: whether a text's script tells its language; not so where it is a translation.
    """

    def __init__(
        self,
        fallbacks: Sequence[tuple[Candidate, Fallback]],
        *,
        by_script: bool,
    ) -> None:
        self._fallbacks = list(fallbacks)
        self._by_script = by_script
        self._current: Fallback | None = None

    def next_step(self) -> FallbackStep | None:
        """What to try next; None once there is a verdict."""
        for _, fallback in self._fallbacks:
            fallback_step = fallback.next_step()
            if fallback_step is not None:
                self._current = fallback
                return fallback_step
        return None

    def take(self, generated: Generated) -> None:
        """Takes the answer to the last step."""
        assert self._current is not None, "ask for a step first"
        self._current.take(generated)

    @property
    def needs_full_window(self) -> bool:
        """Whether a text failed that may be better with 30 s for the encoder."""
        return any(fallback.needs_full_window for _, fallback in self._fallbacks)

    @property
    def verdict(self) -> tuple[Candidate, WindowResult]:
        """The language that was chosen for the window, and its text."""
        outcomes = [(candidate, fallback.outcome) for candidate, fallback in self._fallbacks]
        return outcomes[better(outcomes, by_script=self._by_script)]

    @property
    def foreign_text(self) -> str:
        """The text if its script shows that it is in another language than the one it was decoded in; empty if not.

        Only where one language was tried: `better` compares scripts where several were.
        """
        if len(self._fallbacks) > 1 or not self._by_script:
            return ""
        [(candidate, fallback)] = self._fallbacks
        text = fallback.outcome.generated.text
        return text if is_foreign(text, candidate.language) else ""

    def add(self, candidate: Candidate, fallback: Fallback) -> None:
        """One more language to try."""
        self._fallbacks.append((candidate, fallback))


def better(outcomes: Sequence[tuple[Candidate, WindowResult]], *, by_script: bool) -> int:
    """Which of a window's decodings in several languages to keep.

    Speech before silence, text that is fluent before text that is not, text in its language's own script before
    text in another one (unless it is a translation), then what is likelier given the audio: the language's share times
    the text's probability in it (Bayes), as if all texts were as long as they are on average. The text alone is no
    evidence where it is short: a Korean greeting that was detected as Korean with 0.74 and as Japanese with 0.12 was as
    likely (-0.95 and -0.98 a token) as a Japanese text that was not said. Of equals the first.
    """
    length = sum(len(outcome.generated.tokens) + 1 for _, outcome in outcomes) / len(outcomes)

    def worth(number: int) -> tuple[bool, bool, bool, float]:
        candidate, outcome = outcomes[number]
        fitting = not (by_script and is_foreign(outcome.generated.text, candidate.language))
        likelihood = math.log(max(candidate.share, LEAST_SHARE)) / length + outcome.generated.avg_logprob
        return not outcome.silent, outcome.fluent, fitting, likelihood

    return max(range(len(outcomes)), key=worth)
