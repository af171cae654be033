"""Ends of speech as Deepgram's clients are told of them: pauses, Finalize, and words that end in noise."""

from __future__ import annotations

from dataclasses import replace

from sayit.bridge.http.deepgram_ends import Ends, Mark, ResultsEnd, Stalled, WordsEnded
from sayit.speech.live import LiveProgress, LiveSpeech, LiveText, UtteranceEnd

from .live_gateway import final

PAUSE, LENGTH, COMMIT = UtteranceEnd.PAUSE, UtteranceEnd.LENGTH, UtteranceEnd.COMMIT


class Told:
    """A session and what is told of it, in order; `END` is a final text's own."""

    def __init__(self, *, pause_s: float | None = 0.5, gap_s: float | None = 1.0) -> None:
        self.ends = Ends(pause_s=pause_s, gap_s=gap_s)
        self.marks: list[Mark | tuple[bool, bool]] = []

    def begins(self, utterance: int, at_s: float) -> None:
        """Speech begins."""
        self.marks += self.ends.speech(LiveSpeech(begins=True, offset_s=at_s, utterance=utterance))

    def ended(self, utterance: int, at_s: float) -> None:
        """Speech ends."""
        self.marks += self.ends.speech(LiveSpeech(begins=False, offset_s=at_s, utterance=utterance))

    def says(self, utterance: int, committed: str, start_s: float, tentative: str = "") -> None:
        """Interim text."""
        self.marks += self.ends.interim(
            LiveText(utterance=utterance, committed=committed, tentative=tentative, start_s=start_s, end_s=start_s)
        )

    def final(self, utterance: int, text: str, start_s: float, end_s: float, by: UtteranceEnd = PAUSE) -> None:
        """An utterance's last text, whose words fill it; `speech_final` and `from_finalize` of it."""
        told = final(utterance, text, start_s, end_s)
        words = [word for segment in told.segments for word in segment.words]
        told = replace(told, end_s=end_s + 0.4, ended_by=by)
        self.marks += self.ends.before(told, words)
        ending = self.ends.final(told, words)
        self.marks.append((ending.speech_final, ending.from_finalize))
        self.marks += self.ends.after()

    def progress(self, committed_s: float, position_s: float, decoded_s: float = 0.0) -> None:
        """How far the session is."""
        lag_s = position_s - committed_s
        self.marks += self.ends.progress(
            LiveProgress(received_samples=0, committed_s=committed_s, lag_s=lag_s, decoded_s=decoded_s)
        )

    def now(self) -> list[Mark | tuple[bool, bool]]:
        """What was told since the last look."""
        marks, self.marks = self.marks, []
        return marks


def test_speech_is_final_where_a_pause_ended_it() -> None:
    """Not where it was divided, committed or finished; nowhere if no pause ends speech."""
    for pause_s, told_of in ((0.5, True), (None, False)):
        told = Told(pause_s=pause_s)
        for number, by in enumerate(UtteranceEnd):
            told.begins(number, 10.0 * number)
            told.begins(number + 1, 10.0 * number + 10)
            told.ended(number, 10.0 * number + 10)
            told.final(number, "", 10.0 * number, 10.0 * number + 10, by)
        assert told.now() == [(told_of and by in {PAUSE, UtteranceEnd.UNSPECIFIED}, False) for by in UtteranceEnd]


def test_divided_speech_is_final_once_its_pause_is_long_enough() -> None:
    """Empty results say so, or the text itself where it comes later; nothing does where the speaker went on."""
    told = Told(gap_s=None)
    told.begins(0, 0.0)
    told.ended(0, 16.0)
    told.final(0, "one", 0.0, 16.0, LENGTH)
    told.progress(16.3, 16.3)
    assert told.now() == [(False, False)]
    told.progress(17.3, 17.3)
    told.progress(18.3, 18.3)
    assert told.now() == [ResultsEnd(at_s=16.0, speech_final=True)]
    told.begins(1, 20.0)
    told.ended(1, 36.0)
    told.begins(2, 36.6)
    told.final(1, "two", 20.0, 36.0, LENGTH)
    assert told.now() == [(True, False)]
    told.ended(2, 52.0)
    told.final(2, "three", 36.6, 52.0, LENGTH)
    told.begins(3, 52.3)
    told.progress(52.3, 60.0)
    assert told.now() == [(False, False)]


def test_finalize_is_answered_by_the_text_that_reaches_it() -> None:
    """By no text of before; also where the service is behind, and knows of no speech yet."""
    told = Told(gap_s=None)
    told.begins(0, 0.0)
    told.ended(0, 2.0)
    told.marks += told.ends.finalize(5.0)
    told.final(0, "one", 0.0, 2.0)
    told.begins(1, 3.0)
    told.progress(3.0, 5.0)
    told.begins(2, 5.1)
    told.final(1, "two", 3.0, 4.97, COMMIT)
    told.final(2, "three", 5.1, 7.0)
    assert told.now() == [(True, False), (False, True), (True, False)]


def test_finalize_after_a_pause_is_answered_by_the_text_that_waits() -> None:
    """Although it ends before: nothing else is to come."""
    told = Told(gap_s=None)
    told.begins(0, 0.0)
    told.ended(0, 2.0)
    told.marks += told.ends.finalize(4.0)
    told.progress(0.0, 4.0)
    told.final(0, "one", 0.0, 2.0)
    told.begins(1, 4.1)
    told.final(1, "two", 4.1, 5.0)
    assert told.now() == [(True, True), (True, False)]


def test_every_finalize_is_answered() -> None:
    """By empty results where nothing waits for its text: in silence, said twice, at the end."""
    told = Told(gap_s=None)
    told.marks += told.ends.finalize(0.0)
    told.marks += told.ends.finalize(3.0)
    assert told.now() == [ResultsEnd(at_s=0.0, from_finalize=True)]
    told.progress(2.0, 2.0)
    assert told.now() == []
    told.progress(2.98, 2.98)
    told.marks += told.ends.finalize(3.0)
    assert told.now() == [ResultsEnd(at_s=3.0, from_finalize=True)] * 2
    told.marks += told.ends.finalize(9.0)
    told.marks += told.ends.finished(9.0)
    assert told.now() == [ResultsEnd(at_s=9.0, from_finalize=True)]


def test_a_finalize_where_one_waits_has_its_answer() -> None:
    """However often it is said there."""
    told = Told(gap_s=None)
    for _ in range(1000):
        told.marks += told.ends.finalize(3.0)
    told.progress(3.0, 3.0)
    assert told.now() == [ResultsEnd(at_s=3.0, from_finalize=True)]


def test_finalize_of_audio_that_is_still_decoded_waits_for_the_next_progress() -> None:
    """By empty results where nothing was said up to there, else by the text that the commit ends."""
    told = Told(gap_s=None)
    told.progress(1.0, 1.0)
    for _ in range(2):
        told.marks += told.ends.finalize(None)
    assert told.now() == []
    told.progress(3.0, 3.0)
    assert told.now() == [ResultsEnd(at_s=3.0, from_finalize=True)]
    told.marks += told.ends.finalize(None)
    told.begins(0, 3.5)
    told.progress(3.5, 5.0)
    told.final(0, "one", 3.5, 4.6, COMMIT)
    assert told.now() == [(False, True)]
    told.marks += told.ends.finalize(None)
    told.begins(1, 5.5)
    told.final(1, "two", 5.5, 6.0, COMMIT)
    assert told.now() == [(False, True)]
    told.marks += told.ends.finalize(None)
    told.marks += told.ends.finished(9.0)
    assert told.now() == [ResultsEnd(at_s=9.0, from_finalize=True)]


def test_words_that_were_none_do_not_keep_an_end_back() -> None:
    """Empty interim text takes them back."""
    told = Told(pause_s=None)
    told.begins(0, 0.0)
    told.final(0, "one", 0.0, 2.0)
    told.begins(1, 2.5)
    told.says(1, "", 2.5, "noise")
    told.progress(2.5, 4.0, 3.9)
    assert told.now() == [(False, False)]
    told.says(1, "", 2.5)
    told.progress(2.5, 4.0, 3.9)
    assert told.now() == [WordsEnded(last_word_s=2.0)]


def test_words_end_where_none_follows_whatever_is_heard() -> None:
    """Noise is no word, whether its text has come or not; a word within the time is one."""
    told = Told(pause_s=None)
    told.begins(0, 0.0)
    told.final(0, "one", 0.0, 2.0)
    told.begins(1, 2.5)
    told.progress(2.5, 4.0, 2.9)
    assert told.now() == [(False, False)]
    told.progress(2.5, 4.0, 3.5)
    assert told.now() == [WordsEnded(last_word_s=2.0)]
    told.final(1, "", 2.5, 8.0)
    told.progress(9.0, 9.0)
    assert told.now() == [(False, False)]
    told.begins(2, 10.0)
    told.final(2, "two", 10.0, 11.0)
    told.begins(3, 11.5)
    told.says(3, "", 11.5, "three")
    told.progress(11.5, 14.0, 14.0)
    told.final(3, "three", 11.5, 14.0)
    assert told.now() == [(False, False)] * 2
    told.progress(15.1, 15.1)
    assert told.now() == [WordsEnded(last_word_s=14.0)]


def test_words_that_end_within_an_utterance_or_before_the_next_word() -> None:
    """The gap counts within a last text, and up to the next word, before whose text it is told."""
    told = Told(pause_s=None)
    told.begins(0, 0.0)
    told.final(0, "one", 0.0, 2.0)
    told.begins(1, 3.5)
    told.says(1, "", 3.5, "two")
    assert told.now() == [(False, False), WordsEnded(last_word_s=2.0)]
    told.final(1, "two", 3.5, 4.0)
    told.final(2, "three", 5.5, 6.0)
    assert told.now() == [(False, False), WordsEnded(last_word_s=4.0), (False, False)]


def test_an_utterance_that_noise_keeps_open_is_ended() -> None:
    """Once: where all of its words are committed and so much behind them was decoded; its text is no answer."""
    told = Told(pause_s=None)
    told.begins(0, 0.0)
    told.says(0, "one", 0.0, "two")
    told.progress(1.0, 3.0, 2.5)
    told.says(0, "one two", 0.0)
    told.progress(2.0, 3.0, 2.9)
    assert told.now() == []
    told.progress(2.0, 3.5, 3.1)
    told.progress(2.0, 4.5, 4.1)
    assert told.now() == [Stalled()]
    told.marks += told.ends.finalize(9.0)
    told.final(0, "one two", 0.0, 2.0, COMMIT)
    told.progress(4.5, 6.0, 4.5)
    assert told.now() == [(False, False), WordsEnded(last_word_s=2.0)]


def test_an_utterance_that_was_ended_for_its_words_is_final_with_its_pause() -> None:
    """Where a longer pause is asked for than UtteranceEnd waits."""
    told = Told(pause_s=3.0)
    told.begins(0, 0.0)
    told.says(0, "one", 0.0)
    told.progress(2.0, 3.5, 3.5)
    told.ended(0, 2.0)
    told.final(0, "one", 0.0, 2.0, COMMIT)
    told.progress(4.0, 4.0)
    told.progress(5.0, 5.0)
    assert told.now() == [
        Stalled(),
        (False, False),
        WordsEnded(last_word_s=2.0),
        ResultsEnd(at_s=2.0, speech_final=True),
    ]
