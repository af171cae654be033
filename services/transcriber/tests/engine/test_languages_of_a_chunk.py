"""A chunk's languages on the engine: cut where they change, and detected among those that are allowed."""

import itertools

import jiwer
import numpy as np
import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO

from .helper import label, ours, recording, run, words_of


def alternating(pause_s):
    """Korean, English, Korean, English, three labelled segments each with pauses of this length, and the segments."""
    said = label("ko-en-180s")["segments"]
    in_turn = {code: iter([each for each in said if each["language"] == code][4:]) for code in ("ko", "en")}
    noise = np.random.default_rng(0).normal(0, 1e-3, round(pause_s * 16000)).astype(np.float32)
    parts, segments, at_s = [], [], 0.0
    for code in ("ko", "en", "ko", "en"):
        for each in itertools.islice(in_turn[code], 3):
            audio = recording("ko-en-180s", each["start"] - 0.04, each["end"] + 0.04)
            parts += [noise, audio]
            middle_s = at_s + pause_s + len(audio) / 32000
            segments.append((middle_s, code, each["text"]))
            at_s += pause_s + len(audio) / 16000
    return np.concatenate(parts), segments


@pytest.mark.parametrize("pause_s", [0.0, 0.15, 0.6])
def test_a_chunk_is_cut_where_its_language_changes(micro, pause_s):
    """Stretches are decoded by themselves, with pauses and without; every labelled segment's tag is right."""
    pcm, said = alternating(pause_s)
    chunk = run(micro, pcm, language=AUTO, languages=("ko", "en"))
    assert chunk.windows >= 5
    for middle_s, language, _ in said:
        there = min(chunk.segments, key=lambda s: max(s.start_s - middle_s, middle_s - s.end_s))
        assert (there.language, middle_s) == (language, middle_s)
        assert 0 < there.language_probability <= 1
    assert jiwer.wer(" ".join(text for _, _, text in said), " ".join(words_of(chunk))) <= 0.1
    assert [segment.id for segment in chunk.segments] == list(range(len(chunk.segments)))
    starts = [segment.start_s for segment in chunk.segments]
    assert starts == sorted(starts)


def test_words_of_a_cut_chunk_are_in_order(micro):
    """Words of later stretches have times of the chunk, behind those of the stretches before."""
    chunk = run(micro, alternating(0.6)[0], language=AUTO, languages=("ko", "en"), word_timestamps=True)
    times = [time for s in chunk.segments for word in s.words for time in (word.start_s, word.end_s)]
    assert {segment.language for segment in chunk.segments} == {"ko", "en"}
    assert times == sorted(times)


@pytest.mark.parametrize("changes", [{"language": "ko"}, {"language": AUTO, "languages": ("ko",)}])
def test_one_language_is_never_cut(micro, changes):
    """A fixed language, and a list of one, are what every segment is tagged with."""
    chunk = run(micro, alternating(0.15)[0], **changes)
    assert chunk.windows == 1
    assert {(s.language, s.language_probability) for s in chunk.segments} == {("ko", 1.0)}
    assert (chunk.language, chunk.language_probability) == ("ko", 1.0)


def test_the_list_restricts_what_is_detected(micro):
    """Korean speech is English where only English and German may be spoken; what the model thinks is told beside it."""
    korean = run(micro, recording("ko-8s"), language=AUTO, languages=("en", "ko", "ja"))
    assert korean.language == "ko"
    assert korean.language_probability > 0.9
    assert korean.unlisted is None
    other = run(micro, recording("ko-8s"), language=AUTO, languages=("en", "de"))
    assert {segment.language for segment in other.segments} <= {"en", "de"}
    assert other.language_probability < 0.1
    assert other.unlisted is not None
    assert (other.unlisted[0], other.unlisted[1] > 0.9) == ("ko", True)


def test_a_list_of_one_is_checked_against_what_is_heard(micro):
    """A request's own language is not: there the client says what is spoken."""
    listed = run(micro, recording("ko-8s"), language=AUTO, languages=("en",))
    assert (listed.language, listed.language_probability) == ("en", 1.0)
    assert listed.unlisted is not None
    assert (listed.unlisted[0], listed.unlisted[1] > 0.9) == ("ko", True)
    assert run(micro, recording("ko-8s"), language=AUTO, languages=("ko",)).unlisted is None
    assert run(micro, recording("ko-8s"), language="en").unlisted is None


def test_a_list_that_the_model_knows_nothing_of_is_refused(micro):
    """Languages that the model lacks are left out; where none is left the chunk fails with their names."""
    assert run(micro, recording("ko-8s"), language=AUTO, languages=("yue", "ko")).language == "ko"
    with pytest.raises(SayItError) as caught:
        run(micro, recording("ko-8s"), language=AUTO, languages=("yue",))
    assert caught.value.kind is ErrorKind.INVALID_LANGUAGE


@pytest.mark.parametrize("name", ["ko-150s", "en-nopause-75s"])
def test_one_language_costs_no_window(micro, name):
    """Where the language does not change, detection changes neither the windows nor the text."""
    pcm = recording(name, 29, 49)
    fixed = run(micro, pcm, language=name[:2])
    detected = run(micro, pcm, language=AUTO, languages=("ko", "en"))
    assert (detected.windows, ours(detected)) == (fixed.windows, ours(fixed))
