"""One utterance: what was asked for it, which language it is in, its words, and its last text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sayit.scheduler.jobs.records import ChunkOutput, SampleSpan
from sayit.scheduler.live.agreement import Agreement, said_already
from sayit.speech.audio import samples_of, seconds_of
from sayit.speech.live import UtteranceEnd
from sayit.speech.transcript import Segment, Word
from sayit.speech.word_times import in_order

#: A language that is detected with this probability on so much audio is the utterance's, where the session has not
#: settled on one ...
_SURE, _SURE_S = 0.8, 2.0
#: ... and with this one on so much, where it has.
_CLEAR, _CLEAR_S = 0.9, 3.0
#: Words are committed from so much audio on: with less the model guesses.
_LEAST_S = 2.0
#: Words that end so short before the end of the audio may be half said.
_UNSURE_S = 0.7
#: A text above this compression ratio or below this mean log probability commits no words (Whisper's thresholds).
_REPETITIVE, _DOUBTFUL = 2.4, -1.0
#: A text of a pause, decoded as the last one is, with at least this mean log probability commits its words alone.
_SURE_LOGPROB = -0.7
#: A stretch longer than the first is decoded from a committed word on, with so much committed speech in front.
_LONG, _KEPT_S = samples_of(10.0), 3.0


class Utterance:
    """An utterance that is going on, or waits for its last text.

    Args:
        number: which one.
        start: where its audio begins.
        speech_start: where its speech does.
        language: what the session has settled on; empty before.
        leaning: what it would settle on now; short speech is taken to be in it.
        committed: its words that were given out.
    """

    def __init__(
        self,
        *,
        number: int,
        start: int,
        speech_start: int,
        language: str,
        leaning: str = "",
        committed: Sequence[Word] = (),
    ) -> None:
        self.number = number
        self.start = start
        self.speech_start = speech_start
        #: Where its audio ends, what of it is speech, and why it is over, once it is.
        self.end = start
        self.speech: tuple[SampleSpan, ...] = ()
        self.ended_by = UtteranceEnd.UNSPECIFIED
        #: Up to here its audio was asked about, and up to here answered.
        self.heard = max(speech_start, samples_of(committed[-1].end_s)) if committed else speech_start
        self.decoded_until = self.heard
        self.words = Agreement(committed)
        self._settled, self._leaning = language, leaning
        #: Its own language, once there was enough of it to detect one.
        self._found = ""
        #: Stretch and language of each request.
        self._asked: dict[int, tuple[int, int, str]] = {}
        #: The request for its last text, and that text, times of the session; void once its speech goes on.
        self._last_id: int | None = None
        self._last: ChunkOutput | None = None
        #: The language that it was asked for in.
        self._last_asked = ""
        self._compute_s = 0.0

    @property
    def language(self) -> str:
        """As far as it is known."""
        return self._found or self._settled

    @property
    def settled(self) -> int:
        """Up to here its words are committed."""
        return max(self.start, samples_of(self.words.committed[-1].end_s)) if self.words.committed else self.start

    @property
    def asked(self) -> bool:
        """Whether a text was asked for and is not there."""
        return bool(self._asked)

    @property
    def awaits_last_text(self) -> bool:
        """Whether its last text was asked for and is not there."""
        return self._last_id in self._asked

    @property
    def has_last_text(self) -> bool:
        """Whether its last text is there."""
        return self._last is not None

    def ask(self, request_id: int, end: int, *, final: bool) -> tuple[int, str, str]:
        """Asks for the text up to a sample; returns where the stretch begins, the text before it, and the language."""
        start, prompt = self._stretch(end)
        language, seconds = self._found, seconds_of(end - start)
        if not language and seconds < _CLEAR_S:
            language = self._settled or (self._leaning if seconds < _SURE_S else "")
        self._asked[request_id] = start, end, language
        self.heard = max(self.heard, end)
        if final:
            self._last_id, self._last = request_id, None
        return start, prompt, language

    def lose(self, request_id: int) -> bool:
        """A request will have no text; whether it was for the last one."""
        self._asked.pop(request_id, None)
        return request_id == self._last_id

    def go_on(self) -> None:
        """Its speech goes on after a pause: what was asked for as its last text is one more hypothesis."""
        self._last_id = self._last = None

    def close(self, end: int, speech: tuple[SampleSpan, ...], by: UtteranceEnd) -> None:
        """It is over."""
        self.end, self.speech, self.ended_by = end, speech, by

    def give_up(self) -> None:
        """It keeps the words that are there."""
        words = (*self.words.committed, *self.words.tentative)
        text = _text(words)
        segment = Segment(
            id=0,
            start_s=words[0].start_s if words else 0.0,
            end_s=words[-1].end_s if words else 0.0,
            text=text,
            language=self.language,
            words=words,
        )
        self._last = ChunkOutput(
            segments=(segment,) if text else (),
            language=self.language,
            language_probability=0.0,
            suppressed=(),
            compute_s=0.0,
        )

    def take(self, request_id: int, output: ChunkOutput) -> bool:
        """Takes a text; whether its words are others now."""
        start, end, asked = self._asked.pop(request_id)
        self._compute_s += output.compute_s
        last = request_id == self._last_id
        before = self.words.committed, self.words.tentative
        if not asked and not self._is_in_its_language(output, seconds_of(end - start)):
            # It was written in a language that is not spoken.
            if last:
                self._last_id = None
            self.words.forget()
            return (self.words.committed, self.words.tentative) != before
        output = _moved(output, seconds_of(start))
        self.decoded_until = max(self.decoded_until, end)
        if last:
            self._last, self._last_asked = output, asked
        least = min((segment.avg_logprob for segment in output.segments), default=0.0)
        fit = least >= _DOUBTFUL and all(segment.compression_ratio <= _REPETITIVE for segment in output.segments)
        self.words.take(
            _words(output),
            until_s=seconds_of(end) - (0.0 if last else _UNSURE_S),
            commits=fit and seconds_of(end - self.start) >= _LEAST_S,
            alone=last and least >= _SURE_LOGPROB,
        )
        return (self.words.committed, self.words.tentative) != before

    def _is_in_its_language(self, output: ChunkOutput, seconds: float) -> bool:
        """Whether a text whose language was detected is in the utterance's, which is known from then on."""
        if not output.segments:
            return True
        if self._settled:
            clear = output.language_probability >= _CLEAR and seconds >= _CLEAR_S
            self._found = output.language if clear else self._settled
        elif output.language_probability >= _SURE and seconds >= _SURE_S:
            self._found = output.language
        return output.language == self.language or not self.language

    def output(self) -> ChunkOutput:
        """Its last text: the committed words, and what the last hypothesis has behind them."""
        assert self._last is not None, "it is there"
        output = replace(self._last, compute_s=self._compute_s)
        committed = self.words.committed
        if not committed:
            return output
        said = said_already(committed, _words(output))
        segments = _with_words(output, committed, said, self.language)
        return replace(output, segments=tuple(replace(s, id=number) for number, s in enumerate(segments)))

    @property
    def changes_language(self) -> bool:
        """Whether it is clearly in another language than what the session has settled on."""
        return bool(self._settled and self._found) and self._found != self._settled

    @property
    def evidence(self) -> tuple[str, float]:
        """Its language, and seconds of speech times its probability: as detected, or half where it was asked for."""
        if self._last is None or not self._last.segments:
            return "", 0.0
        seconds = sum(seconds_of(end - start) for start, end in self.speech)
        probability = 0.5 if self._last_asked else self._last.language_probability
        return self._last.language, probability * seconds

    def _stretch(self, end: int) -> tuple[int, str]:
        """Where to decode from, and the text before that."""
        committed = self.words.committed
        if end - self.start <= _LONG or not committed:
            return self.start, ""
        from_s = committed[-1].end_s - _KEPT_S
        for number, word in enumerate(committed):
            if word.start_s >= from_s and number:
                return max(self.start, samples_of(word.start_s)), _text(committed[:number])
        return self.start, ""


def _with_words(output: ChunkOutput, committed: Sequence[Word], said: int, language: str) -> list[Segment]:
    """The segments, the first so many of their words replaced by the committed ones."""
    kept: list[Segment] = []
    open_words = list(committed)
    for segment in output.segments:
        skipped = min(said, len(segment.words))
        said -= skipped
        rest = segment.words[skipped:]
        if not skipped and not open_words:
            kept.append(segment)
            continue
        # Committed words stand in the segment in which a hypothesis has them again; the last of these takes all.
        until = len(open_words) if rest or not said else _within(open_words, segment.end_s)
        words = (*open_words[:until], *rest)
        del open_words[:until]
        if words:
            kept.append(_segment(segment, words, kept[-1].end_s if kept else words[0].start_s))
    if open_words:
        template = Segment(id=0, start_s=0.0, end_s=0.0, text="", language=language)
        kept.append(_segment(template, tuple(open_words), kept[-1].end_s if kept else open_words[0].start_s))
    return kept


def _within(words: Sequence[Word], end_s: float) -> int:
    """How many words, from the first one on, were said before a time."""
    return next((n for n, word in enumerate(words) if (word.start_s + word.end_s) / 2 > end_s), len(words))


def _segment(template: Segment, words: tuple[Word, ...], after_s: float) -> Segment:
    start_s = max(after_s, words[0].start_s)
    end_s = max(start_s, words[-1].end_s)
    placed = in_order(words, start_s, end_s)
    return replace(template, start_s=start_s, end_s=end_s, text=_text(words), words=placed)


def _moved(output: ChunkOutput, by_s: float) -> ChunkOutput:
    """The output with times of the session."""

    def at(seconds: float) -> float:
        return round(seconds + by_s, 3)

    return replace(
        output,
        segments=tuple(
            replace(
                s,
                start_s=at(s.start_s),
                end_s=at(s.end_s),
                words=tuple(replace(w, start_s=at(w.start_s), end_s=at(w.end_s)) for w in s.words),
            )
            for s in output.segments
        ),
        suppressed=tuple(replace(s, start_s=at(s.start_s), end_s=at(s.end_s)) for s in output.suppressed),
    )


def _words(output: ChunkOutput) -> list[Word]:
    return [word for segment in output.segments for word in segment.words]


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()
