"""A live session: what it asks for and what it says, without a model and without time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sayit.scheduler.live.conversation import Cancel, Final, SpeechBegan, SpeechEnded
from sayit.scheduler.live.utterance import Utterance
from sayit.speech.audio import seconds_of
from sayit.speech.transcript import Word

from .speaker import FRAME, RATE_HZ, WORD_FRAMES, Client, client, output, read, said, spoken, voices

#: The longest stretch.
_MOST = 28 * RATE_HZ


def test_an_utterance_from_its_first_word_to_its_last_text():
    """Speech is told when it begins and ends, words are committed meanwhile, and the last text has all of them."""
    session = client()
    session.hear(spoken(1.0, 12, 1.0))
    assert [type(action) for action in session.actions if isinstance(action, (SpeechBegan, SpeechEnded, Final))] == [
        SpeechBegan,
        SpeechEnded,
        Final,
    ]
    (final,) = session.finals
    assert session.words == said(12)
    assert len([text for text in session.texts if text.committed]) > 2
    assert final.speech == ((round(31 * FRAME), round(31 * FRAME) + 12 * WORD_FRAMES * FRAME),)
    assert final.start_sample == final.speech[0][0] - 6400
    assert len(final.pcm) == 2 * (final.end_sample - final.start_sample)
    assert final.output.segments[0].words[0].start_s == pytest.approx(seconds_of(final.speech[0][0]), abs=0.01)
    assert not session.conversation.busy


def test_the_last_text_is_asked_for_in_the_pause():
    """0.2 s of silence are enough to ask; where no more speech follows that is the last text."""
    session = client(silence_s=0.5)
    session.hear(spoken(5, 0.25))
    assert session.asked[-1].final
    asked = len(session.asked)
    session.hear(spoken(0.5))
    assert len(session.finals) == 1
    assert len(session.asked) == asked


def test_a_pause_that_ends_makes_one_more_hypothesis():
    """The text that was asked for in the pause commits its words, and the utterance goes on."""
    session = client(silence_s=0.6)
    samples = spoken(8, 0.35, 8, 1.0)
    session.hear(samples[: 90 * FRAME])
    assert [word.text.strip() for word in session.texts[-1].committed] == said(8)
    session.hear(samples[90 * FRAME :])
    assert len(session.finals) == 1
    assert session.words == said(16)


def test_interim_text_is_skipped_where_answers_are_late():
    """One is asked for at a time, and the next one has all audio that came meanwhile."""
    session = client()
    session.hear(spoken(20), answer=False)
    assert len(session.asked) == 1
    session.answer()
    assert len(session.asked) == 2
    assert session.asked[1].end_sample - session.asked[0].end_sample > 4 * RATE_HZ


def test_the_first_words_are_asked_for_soon():
    """After 0.3 s of speech, and again while there are none; then every 0.5 s."""
    session = client()
    session.hear(spoken(0.32, 1)[: 20 * FRAME], answer=False)
    assert len(session.asked) == 1
    session.waiting.clear()
    session.do(session.conversation.decoded(session.asked[0].request_id, output()))
    session.hear(spoken(0, 1), answer=False)
    first, again = (decode.end_sample for decode in session.asked)
    assert 0.3 <= seconds_of(again - first) < 0.34
    session.answer()
    session.hear(spoken(0, 3))
    assert 0.5 <= seconds_of(session.asked[2].end_sample - again) < 0.54


def test_no_interim_text_is_begun_where_no_voice_is_heard():
    """The call would have to end before that of the last text begins; where the voice comes back it follows at once."""
    session = client()
    session.hear(spoken(3), answer=False)
    session.hear(spoken(0.15), answer=False)
    session.answer()
    assert len(session.asked) == 1
    session.hear(spoken(1), answer=False)
    assert len(session.asked) == 2


def test_the_last_text_goes_before_an_interim_one():
    """In a pause the interim text that was asked for is cancelled."""
    session = client()
    session.hear(spoken(3, 0.4), answer=False)
    assert [decode.final for decode in session.asked] == [False, True]
    assert [a.request_id for a in session.actions if isinstance(a, Cancel)] == [session.asked[0].request_id]
    assert session.conversation.decoded(session.asked[0].request_id, read(session.asked[0].pcm)) == []


def test_what_was_decoded_is_told_apart_from_what_is_committed():
    """Speech without words holds back what is committed, not what was decoded; a request that waits holds back both."""
    session = client()
    session.hear(spoken(0.5))
    session.hear(spoken(0, 4), answer=False)
    (asked,) = session.asked
    before = session.conversation.decoded_until
    assert before < asked.end_sample
    session.do(session.conversation.decoded(asked.request_id, output()))
    assert session.conversation.decoded_until == asked.end_sample > session.conversation.settled


def test_silence_behind_what_was_decoded_needs_no_decoding():
    """Where a long pause is asked for, it counts as decoded while the utterance is still open."""
    session = client(silence_s=5.0)
    session.hear(spoken(1.0, 8, 3.0))
    assert not session.finals
    assert session.conversation.decoded_until == session.conversation._turns.position
    assert session.conversation.settled < session.conversation.decoded_until - 2 * RATE_HZ


def test_a_final_text_says_what_ended_it():
    """A pause, the length, a commit, or the end of the session."""
    session = client(silence_s=0.5)
    session.hear(spoken(4, 1.0, 4))
    session.do(session.conversation.commit())
    session.answer()
    session.hear(spoken(120))
    session.end()
    ends = [final.ended_by.value for final in session.finals]
    assert ends[:3] == ["pause", "commit", "length"]
    assert ends[-1] == "finish"


def test_nothing_is_decoded_without_speech():
    """Minutes of silence and noise cost nothing, and no audio is kept."""
    session = client()
    noise = np.random.default_rng(0).integers(-50, 0, 120 * RATE_HZ).astype(np.int16)
    session.hear(noise, step=16_001)
    assert not session.actions
    assert session.conversation.settled >= session.conversation.position - FRAME
    assert len(session.conversation._pcm) < 2 * RATE_HZ
    session.end()
    assert not session.actions


def test_speech_without_pauses_is_cut():
    """Minutes without a pause become utterances that are never too long, cut between words; none is lost or doubled."""
    session = client()
    session.hear(spoken(250))
    session.end()
    assert session.words == said(250)
    assert len(session.finals) >= 3
    assert all(len(final.pcm) <= 2 * _MOST for final in session.finals)
    assert all(a.end_sample == b.start_sample for a, b in pairwise(session.finals))
    assert len(session.conversation._pcm) < 2 * _MOST


def test_long_speech_ends_at_a_shorter_pause():
    """Beyond 15 s a pause of 0.2 s ends an utterance although 2 s are asked for."""
    session = client(silence_s=2.0)
    session.hear(spoken(50, 0.25, 20, 0.1, 3))
    session.end()
    assert [final.utterance for final in session.finals] == [0, 1]
    assert session.words == said(73)


def test_commit_and_finish_end_an_utterance():
    """Without turn detection nothing else does."""
    session = client(off=True)
    session.hear(spoken(4, 1.0, 4))
    assert not session.finals
    session.do(session.conversation.commit())
    session.answer()
    assert session.words == said(8)
    assert session.conversation.commit() == []
    session.hear(spoken(1.0))
    session.end()
    assert len(session.finals) == 1


def test_without_interim_text_only_last_texts_are_asked_for():
    """As many as there are pauses."""
    session = client(interim=False)
    session.hear(spoken(10, 0.6, 10, 0.6))
    assert [decode.final for decode in session.asked] == [True, True]
    assert session.words == said(20)


def test_an_engine_that_fails():
    """A last text is asked for again while that is worth it; then the utterance keeps the words that are there."""
    session = client()
    session.hear(spoken(12))
    session.do(session.conversation.commit())
    (request_id,) = session.waiting
    del session.waiting[request_id]
    session.do(session.conversation.failed(request_id, retry=True))
    ((request_id, again),) = session.waiting.items()
    assert again.final
    session.do(session.conversation.failed(request_id, retry=False))
    assert len(session.finals) == 1
    assert session.words[:10] == said(10)
    assert session.conversation.failed(request_id, retry=True) == []
    assert not session.conversation.busy


def test_the_language_settles():
    """Short speech is taken to be in the language that was heard before, until that is what the session settles on."""
    session = client()
    session.heard = ("ko", 0.9)
    for words in (4, 3, 3, 3):
        session.hear(spoken(words, 1.0))
    assert [decode.language for decode in session.asked if decode.final] == ["", "ko", "ko", "ko"]
    assert session.state.language == "ko"
    assert client(session.state).conversation.feed(b"") == []


def test_a_language_in_doubt_does_not_settle():
    """Two languages that are heard alike long are detected further on."""
    session = client()
    for heard in [("ko", 0.5), ("ja", 0.5)] * 3:
        session.heard = heard
        session.hear(spoken(4, 1.0))
    assert session.state.language == ""


def test_the_language_changes_where_that_is_clear():
    """Of an utterance that is long enough it is detected again; what was not clear is written in the old one."""
    session = client()
    session.hear(spoken(20, 1.0))
    session.heard = ("zh", 0.8)
    session.hear(spoken(20, 1.0))
    assert [final.output.language for final in session.finals] == ["ko", "ko"]
    session.heard = ("en", 0.95)
    session.hear(spoken(20, 1.0))
    assert session.finals[2].output.language == session.state.language == "en"
    session.hear(spoken(2, 1.0))
    assert session.asked[-1].language == "en"
    assert session.words == [*said(20)] * 3 + said(2)


def test_words_in_a_language_that_is_not_spoken_are_taken_back():
    """Text that turns out to be in another language than its utterance changes what is told."""
    utterance = Utterance(number=0, start=0, speech_start=0, language="ko")
    heard = output(Word(text=" one", start_s=0.0, end_s=1.0, probability=0.9))
    utterance.ask(0, 2 * RATE_HZ, final=False)
    assert utterance.take(0, replace(heard, language="ko", language_probability=1.0))
    assert utterance.words.tentative
    utterance.ask(1, 4 * RATE_HZ, final=False)
    assert utterance.take(1, replace(heard, language="zh", language_probability=0.8))
    assert not utterance.words.tentative


def test_half_a_sample_is_refused():
    """The half is kept with the bytes until the other half is there."""
    with pytest.raises(ValueError, match="half"):
        client().conversation.feed(b"a")


def test_text_that_repeats_itself_commits_nothing():
    """It is shown, and not kept."""
    session = client()
    for _ in range(6):
        session.hear(spoken(2), answer=False)
        for request_id, decode in list(session.waiting.items()):
            del session.waiting[request_id]
            loop = read(decode.pcm)
            segments = tuple(replace(segment, compression_ratio=9.0) for segment in loop.segments)
            session.do(session.conversation.decoded(request_id, replace(loop, segments=segments)))
    assert len(session.texts) > 2
    assert not any(text.committed for text in session.texts)


_parts = st.lists(st.one_of(st.integers(1, 30), st.floats(0.1, 2.0), st.just(80), st.just(5.0)), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    parts=_parts,
    steps=st.lists(st.integers(300, 20_000), min_size=1, max_size=5),
    silence_s=st.floats(0.2, 3.0),
    late=st.integers(1, 7),
)
def test_every_word_is_in_one_utterance(parts, steps, silence_s, late):
    """However audio comes and answers are late: finals come in order and have each word once; committed text grows."""
    samples = spoken(*parts)
    session = client(silence_s=silence_s)
    at = number = 0
    while at < len(samples):
        step = steps[number % len(steps)]
        session.do(session.conversation.feed(samples[at : at + step].tobytes()))
        at, number = at + step, number + 1
        if number % late == 0:
            session.answer()
    session.end()
    assert session.words == said(sum(part for part in parts if isinstance(part, int)))
    assert [final.utterance for final in session.finals] == list(range(len(session.finals)))
    assert all(a.end_sample <= b.start_sample for a, b in pairwise(session.finals))
    assert all(len(final.pcm) <= 2 * _MOST for final in session.finals)
    assert all(decode.end_sample - decode.start_sample <= _MOST for decode in session.asked)
    voiced = np.repeat(voices(np.pad(samples, (0, -len(samples) % FRAME))), FRAME)[: len(samples)] > 0
    for final in session.finals:
        voiced[final.start_sample : final.end_sample] = False
    assert not voiced.any()
    _check_growth(session)


def _check_growth(session: Client) -> None:
    for final in session.finals:
        grown = [text.committed for text in session.texts if text.utterance == final.utterance]
        words = tuple(word.text for segment in final.output.segments for word in segment.words)
        for before, after in pairwise([*(tuple(word.text for word in one) for one in grown), words]):
            assert after[: len(before)] == before


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(parts=_parts, stops=st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_a_session_resumes_anywhere(parts, stops):
    """Whatever was in flight is lost with the process; from the stored state on the words are the same."""
    samples = spoken(*parts)
    session, finals = client(), []
    for stop in sorted(stops):
        at = round(stop * len(samples))
        begin = session.conversation.position
        session.hear(samples[begin : max(begin, at)], step=3_000)
        finals += session.finals
        session = client(session.state)
    session.hear(samples[session.conversation.position :], step=3_000)
    session.end()
    session.finals = finals + session.finals
    assert session.words == said(sum(part for part in parts if isinstance(part, int)))
    assert [final.utterance for final in session.finals] == list(range(len(session.finals)))
