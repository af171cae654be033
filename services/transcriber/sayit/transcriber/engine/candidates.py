"""One window decoded in every language that it may be in, usually one; the best is kept."""

from __future__ import annotations

from collections.abc import Sequence

from sayit.transcriber.engine.fallback import Fallback, FallbackStep, Generated, WindowResult
from sayit.transcriber.engine.language import Candidate, is_foreign


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
    text in another one (unless it is a translation), then the mean log probability per token; of equals the first.
    """

    def worth(number: int) -> tuple[bool, bool, bool, float]:
        candidate, outcome = outcomes[number]
        fitting = not (by_script and is_foreign(outcome.generated.text, candidate.language))
        return not outcome.silent, outcome.fluent, fitting, outcome.generated.avg_logprob

    return max(range(len(outcomes)), key=worth)
