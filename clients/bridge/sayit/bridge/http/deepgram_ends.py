"""Where speech ends as Deepgram's clients are told of it. Pure: events of a session go in, marks come out.

Three ends, each of its own: `speech_final` where a pause of the length that was asked for was heard; `from_finalize`
where all is told that was sent before a Finalize; UtteranceEnd where no word follows the last one for a while,
whatever else is heard.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sayit.speech.live import LiveProgress, LiveSpeech, LiveText, UtteranceEnd
from sayit.speech.transcript import Word

#: How far before a Finalize audio may end that reaches it: a commit takes effect at a frame of 32 ms.
_NEAR_S = 0.05


@dataclass(frozen=True, kw_only=True)
class ResultsEnd:
    """What a final text says of its end; by itself empty Results."""

    at_s: float
    speech_final: bool = False
    from_finalize: bool = False


@dataclass(frozen=True, kw_only=True)
class WordsEnded:
    """UtteranceEnd."""

    last_word_s: float


@dataclass(frozen=True)
class Stalled:
    """Noise keeps an utterance open behind its words: it is to be ended, or these would not become final."""


Mark = ResultsEnd | WordsEnded | Stalled


class Ends:
    """The ends of a session. Methods yield what is to be told.

    Args:
        pause_s: the pause that ends speech; None: such ends are not told.
        gap_s: time without a word after which UtteranceEnd is told; None: it is not.
    """

    def __init__(self, *, pause_s: float | None, gap_s: float | None) -> None:
        self._pause_s, self._gap_s = pause_s, gap_s
        #: The audio up to here was heard: of speech that begins before, the session has told.
        self._heard_s = 0.0
        #: Where utterances began whose last text has not come, those of them with a word, and where they ended.
        self._going: dict[int, float] = {}
        self._worded: set[int] = set()
        self._ended: dict[int, float] = {}
        #: The utterance whose words are all committed, as far as it was decoded, and the last one that was ended here.
        self._idle = self._stalled = -1
        #: Where the client said Finalize and was not answered; infinite where that is not known yet.
        self._finalizes: deque[float] = deque()
        #: Where speech was divided at a pause that may become as long as was asked for.
        self._divided_s: float | None = None
        #: The end of the last word of which UtteranceEnd was not told; the audio up to here has no other one.
        self._last_word_s: float | None = None
        self._wordless_s = 0.0

    def finalize(self, at_s: float | None) -> Iterator[Mark]:
        """The client said Finalize here, and what is going on is ended; one that still waits there stands for it too.

        Args:
            at_s: None: as far as the next progress says.
        """
        place_s = math.inf if at_s is None else at_s
        if not self._finalizes or self._finalizes[-1] != place_s:
            self._finalizes.append(place_s)
        yield from self._answers()

    def speech(self, speech: LiveSpeech) -> Iterator[Mark]:
        """Speech begins or ends."""
        if not speech.begins:
            self._ended[speech.utterance] = speech.offset_s
            return
        yield from self._pause(speech.offset_s)
        self._divided_s = None
        self._going[speech.utterance] = speech.offset_s
        self._heard_s = max(self._heard_s, speech.offset_s)
        yield from self._answers()

    def interim(self, text: LiveText) -> Iterator[Mark]:
        """Text that may still change."""
        self._going.setdefault(text.utterance, text.start_s)
        if text.committed or text.tentative:
            self._worded.add(text.utterance)
        else:
            self._worded.discard(text.utterance)
        self._idle = text.utterance if text.committed and not text.tentative else -1
        yield from self._gap()

    def before(self, text: LiveText, words: Sequence[Word]) -> Iterator[Mark]:
        """What goes before an utterance's last text."""
        self._worded.discard(text.utterance)
        yield from self._gap(words[0].start_s if words else None)

    def final(self, text: LiveText, words: Sequence[Word]) -> ResultsEnd:
        """What an utterance's last text says of its end; `after` follows."""
        self._going.pop(text.utterance, None)
        self._wordless_s = max(self._wordless_s, text.end_s)
        if words:
            self._last_word_s = words[-1].end_s
        return ResultsEnd(at_s=text.end_s, speech_final=self._is_pause(text), from_finalize=self._is_answer(text))

    def after(self) -> Iterator[Mark]:
        """What follows an utterance's last text."""
        yield from self._gap()
        yield from self._answers()

    def progress(self, progress: LiveProgress) -> Iterator[Mark]:
        """How far the session is."""
        self._heard_s = max(self._heard_s, progress.committed_s + progress.lag_s)
        self._locate(self._heard_s)
        if not self._worded:
            self._wordless_s = max(self._wordless_s, progress.committed_s, progress.decoded_s)
        yield from self._pause(progress.committed_s)
        yield from self.after()
        wordless_s = progress.decoded_s - progress.committed_s
        if self._gap_s is not None and wordless_s >= self._gap_s and [*self._going] == [self._idle] != [self._stalled]:
            self._stalled = self._idle
            yield Stalled()

    def finished(self, at_s: float) -> Iterator[Mark]:
        """All text was given."""
        self._going.clear()
        self._worded.clear()
        self._locate(at_s)
        self._heard_s, self._wordless_s = math.inf, max(self._wordless_s, at_s)
        yield from self._pause(at_s)
        yield from self.after()

    def _is_pause(self, text: LiveText) -> bool:
        """Whether the pause behind an utterance has the length that was asked for, as far as is known."""
        ended_s = self._ended.pop(text.utterance, text.end_s)
        if self._pause_s is None or text.ended_by in {UtteranceEnd.PAUSE, UtteranceEnd.UNSPECIFIED}:
            return self._pause_s is not None
        if text.ended_by is not UtteranceEnd.LENGTH and text.utterance != self._stalled:
            return False
        if min([self._heard_s, *self._going.values()]) - ended_s >= self._pause_s:
            return True
        self._divided_s = None if self._going else ended_s
        return False

    def _pause(self, until_s: float) -> Iterator[Mark]:
        """The end of speech that was divided, where nothing was said up to here."""
        divided_s = self._divided_s
        if divided_s is not None and self._pause_s is not None and until_s - divided_s >= self._pause_s:
            self._divided_s = None
            yield ResultsEnd(at_s=divided_s, speech_final=True)

    def _is_answer(self, text: LiveText) -> bool:
        """Whether a last text is that of the first Finalize without an answer."""
        if not self._finalizes:
            return False
        at_s = self._finalizes[0] - _NEAR_S
        reaches = text.end_s >= at_s or (text.ended_by is UtteranceEnd.COMMIT and text.utterance != self._stalled)
        if reaches or min([self._heard_s, *self._going.values()]) >= at_s:
            self._finalizes.popleft()
            return True
        return False

    def _locate(self, at_s: float) -> None:
        """What was said where is not known was said here."""
        if self._finalizes and self._finalizes[-1] == math.inf:
            self._finalizes[-1] = at_s

    def _answers(self) -> Iterator[Mark]:
        """To Finalizes before which nothing is left to be told."""
        until_s = min([self._heard_s, *self._going.values()])
        while self._finalizes and self._finalizes[0] - _NEAR_S <= until_s:
            yield ResultsEnd(at_s=self._finalizes.popleft(), from_finalize=True)

    def _gap(self, next_word_s: float | None = None) -> Iterator[Mark]:
        """UtteranceEnd, where the time without a word behind the last one is long enough."""
        last_s, until_s = self._last_word_s, self._wordless_s
        if next_word_s is not None:
            until_s = next_word_s
        elif self._worded:
            until_s = min(self._going[utterance] for utterance in self._worded)
        if last_s is not None and self._gap_s is not None and until_s - last_s >= self._gap_s:
            self._last_word_s = None
            yield WordsEnded(last_word_s=last_s)
