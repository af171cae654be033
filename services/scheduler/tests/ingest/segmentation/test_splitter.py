"""The splitter on sound made to measure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sayit.scheduler.ingest.segmentation import SplitConfig, Splitter
from sayit.scheduler.jobs.records import ReadyChunk

from .helper import RATE, LoudnessDetector, ScriptedDetector, seconds, sound, split

LIMIT_S = SplitConfig().max_chunk_s
scripts = st.lists(
    st.tuples(st.floats(0.05, 40.0), st.sampled_from([0.02, 0.1, 0.25, 0.4, 0.7, 1.2, 1.9, 2.5, 9.0])),
    min_size=1,
    max_size=9,
)


def made(script: list[tuple[float, float]]) -> np.ndarray:
    """Speech and silence in turns."""
    return sound(*[part for speech, silence in script for part in (("speech", speech), ("silence", silence))])


def check(chunks: list[ReadyChunk], samples: np.ndarray, splitter: Splitter) -> None:
    """What holds for every recording."""
    data = samples.tobytes()
    assert splitter.total_samples == len(samples)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    covered = np.zeros(len(samples), bool)
    for chunk in chunks:
        assert 0 <= chunk.start_sample < chunk.end_sample <= len(samples)
        assert seconds(chunk) <= LIMIT_S
        assert chunk.pcm == b"".join(data[a * 2 : b * 2] for a, b in chunk.pieces)
        assert (chunk.pieces[0][0], chunk.pieces[-1][1]) == (chunk.start_sample, chunk.end_sample)
        assert chunk.speech
        assert all(chunk.start_sample <= a < b <= chunk.end_sample for a, b in chunk.speech)
        for a, b in chunk.pieces:
            assert a < b
            covered[a:b] = True
    for before, after in pairwise(chunks):
        assert before.hard_end == after.hard_start
        if before.hard_end:
            assert before.start_sample < after.start_sample < before.end_sample < after.end_sample
        else:
            assert before.end_sample <= after.start_sample
    assert not chunks or not (chunks[0].hard_start or chunks[-1].hard_end)
    assert all(a < b for a, b in splitter.speech)
    assert all(covered[a:b].all() for a, b in splitter.speech)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(scripts)
def test_no_detected_speech_is_lost_and_no_chunk_is_too_long(script: list[tuple[float, float]]) -> None:
    """Whatever is said and whatever pauses there are, chunks are in order, fit a window and cover all speech."""
    samples = made(script)
    chunks, splitter = split(samples)
    check(chunks, samples, splitter)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(scripts, st.lists(st.integers(1, 90_001), min_size=1, max_size=4).filter(lambda sizes: sum(sizes) > 2_000))
def test_chunks_do_not_depend_on_how_the_bytes_arrive(script: list[tuple[float, float]], blocks: list[int]) -> None:
    """Blocks of any size, odd ones too, give the same chunks as one block."""
    samples = made(script)
    at_once, _ = split(samples, blocks=(len(samples) * 2 + 1,))
    in_blocks, _ = split(samples, blocks=blocks)
    assert in_blocks == at_once


@pytest.mark.parametrize("samples", [sound(), sound(("silence", 0.001)), sound(("silence", 70.0))])
def test_a_recording_without_speech_has_no_chunks(samples: np.ndarray) -> None:
    """Nothing, almost nothing and a minute of silence give no chunk at all."""
    chunks, splitter = split(samples)
    assert chunks == []
    assert splitter.speech == ()
    assert splitter.total_samples == len(samples)


def test_a_short_recording_is_one_chunk() -> None:
    """A recording that fits a window is not cut, however good its pauses are."""
    samples = sound(("silence", 1.0), ("speech", 9.0), ("silence", 0.9), ("speech", 14.0), ("silence", 1.0))
    chunks, _ = split(samples)
    assert len(chunks) == 1
    assert chunks[0].start_sample / RATE == pytest.approx(0.6, abs=0.05)
    assert chunks[0].end_sample / RATE == pytest.approx(25.3, abs=0.05)


def test_a_tenth_of_a_second_of_speech_is_a_chunk() -> None:
    """A very short sound is transcribed with what real audio there is around it."""
    chunks, _ = split(sound(("speech", 0.1)))
    assert [(chunk.start_sample, chunk.end_sample) for chunk in chunks] == [(0, 1600)]
    chunks, _ = split(sound(("silence", 5.0), ("speech", 0.1), ("silence", 5.0)))
    assert len(chunks) == 1
    assert seconds(chunks[0]) == pytest.approx(0.9, abs=0.05)


def test_a_click_is_not_speech() -> None:
    """Sound of a single frame is dropped."""
    chunks, splitter = split(sound(("silence", 2.0), ("speech", 0.02), ("silence", 5.0)))
    assert chunks == []
    assert splitter.speech == ()


def test_long_silence_is_in_no_chunk() -> None:
    """A minute of silence between two sentences goes to no model, and the sentences keep a margin of real audio."""
    samples = sound(("silence", 3.0), ("speech", 4.0), ("silence", 60.0), ("speech", 4.0), ("silence", 40.0))
    chunks, _ = split(samples)
    assert len(chunks) == 2
    assert all(seconds(chunk) == pytest.approx(4.8, abs=0.1) for chunk in chunks)
    assert not any(chunk.hard_start or chunk.hard_end for chunk in chunks)


def test_the_first_chunk_of_a_long_recording_is_short() -> None:
    """Its text comes early; the chunks after it are packed full."""
    phrase = [("speech", 2.5), ("silence", 0.5)]
    chunks, _ = split(sound(*phrase * 40))
    assert 7 <= seconds(chunks[0]) <= 13
    assert all(seconds(chunk) > 20 for chunk in chunks[1:-1])
    spoken = sum(b - a for chunk in chunks for a, b in chunk.speech) / RATE
    assert spoken == pytest.approx(100, abs=3)
    assert 120 / (30 * len(chunks)) >= 0.8


def test_cuts_lie_in_the_middle_of_pauses() -> None:
    """Every soft cut is well inside silence."""
    samples = sound(*[("speech", 3.7), ("silence", 0.4)] * 20)
    chunks, _ = split(samples)
    assert len(chunks) > 2
    for chunk in chunks[:-1]:
        around = samples[chunk.end_sample - 1600 : chunk.end_sample + 1600]
        assert np.abs(around).max() < 100


def test_of_two_pauses_near_the_limit_the_longer_one_is_taken() -> None:
    """A good pause a little earlier beats a poor one at the limit."""
    config = SplitConfig(first_chunk_s=(0.0, 0.0))
    samples = sound(("speech", 24.0), ("silence", 0.8), ("speech", 2.0), ("silence", 0.22), ("speech", 60.0))
    chunks, _ = split(samples, config=config)
    assert chunks[0].end_sample / RATE == pytest.approx(24.4, abs=0.1)


def test_a_pause_that_only_the_detector_hears_is_a_pause() -> None:
    """In noise the energy never falls; the detector's silence is then where the cut lies."""
    frames = [1.0] * 800 + [0.0] * 20 + [1.0] * 2000
    samples = sound(("speech", len(frames) * 512 / RATE))
    splitter = Splitter(SplitConfig(), ScriptedDetector(frames))
    chunks = [*splitter.feed(samples.tobytes()), *splitter.finish()]
    assert not chunks[0].hard_end
    assert chunks[0].end_sample == (800 + 10) * 512


def test_speech_without_a_pause_is_cut_with_overlap() -> None:
    """Both chunks have the audio around a hard cut, and both say so; the cut lies in the short dip there is."""
    samples = sound(("speech", 19.0), ("silence", 0.05), ("speech", 30.0))
    chunks, _ = split(samples)
    first, second = chunks[:2]
    assert first.hard_end
    assert second.hard_start
    assert first.end_sample / RATE == pytest.approx(19.025, abs=0.02)
    low, high = SplitConfig().overlap_s
    assert low <= (first.end_sample - second.start_sample) / RATE <= high


def test_what_is_left_is_shared_by_the_last_two_chunks() -> None:
    """The last chunk is not a crumb: with two windows in view the better pause in the middle is taken."""
    config = SplitConfig(first_chunk_s=(0.0, 0.0))
    samples = sound(("speech", 15.0), ("silence", 0.8), ("speech", 11.5), ("silence", 0.25), ("speech", 1.5))
    chunks, _ = split(samples, config=config)
    assert len(chunks) == 2
    assert seconds(chunks[1]) > 10


def test_windows_are_full_where_speakers_pause() -> None:
    """Phrases of a few seconds with pauses of 0.3 to 1 s between them: four fifths of every window are audio."""
    draw = np.random.default_rng(3)
    script = [part for _ in range(150) for part in (("speech", draw.uniform(1, 6)), ("silence", draw.uniform(0.3, 1)))]
    samples = sound(*script)
    chunks, splitter = split(samples)
    check(chunks, samples, splitter)
    assert not any(chunk.hard_end for chunk in chunks)
    assert sum(map(seconds, chunks)) / (30 * len(chunks)) > 0.8


def test_sparse_speech_shares_windows() -> None:
    """A few words every few seconds: the pauses are shortened, and chunks hold many times what they held otherwise."""
    samples = sound(*[("speech", 2.0), ("silence", 4.0)] * 30)
    chunks, splitter = split(samples)
    check(chunks, samples, splitter)
    assert len(chunks) <= 6
    longest = max(b[0] - a[1] for chunk in chunks for a, b in pairwise(chunk.speech))
    assert longest / RATE > 3
    for chunk in chunks:
        speech = sum(b - a for a, b in chunk.speech) / RATE
        assert seconds(chunk) <= speech + len(chunk.speech) * 1.1


def test_very_sparse_speech_does_not_wait_for_a_full_window() -> None:
    """A chunk comes from two minutes of the recording at most."""
    samples = sound(*[("speech", 0.5), ("silence", 9.0)] * 40)
    chunks, splitter = split(samples)
    check(chunks, samples, splitter)
    assert all(chunk.end_sample - chunk.start_sample <= 121 * RATE for chunk in chunks)


def test_memory_is_bounded() -> None:
    """However long the recording and whatever is in it, about a minute of audio is kept."""
    speech = sound(("speech", 10.0)).tobytes()
    for block in (speech, sound(("speech", 9.0), ("silence", 1.0)).tobytes(), sound(("silence", 10.0)).tobytes()):
        splitter = Splitter(SplitConfig(), LoudnessDetector())
        most = 0
        for _ in range(60):
            splitter.feed(block)
            most = max(most, splitter.buffered_samples)
        assert most <= 62 * RATE
        splitter.finish()


def test_chunks_come_while_the_recording_arrives() -> None:
    """The first chunk is ready long before the recording ends."""
    splitter = Splitter(SplitConfig(), LoudnessDetector())
    fed_s = 0
    block = sound(("speech", 2.5), ("silence", 0.5)).tobytes()
    while not splitter.feed(block):
        fed_s += 3
    assert fed_s < 50


def test_half_a_sample_at_the_end_is_dropped() -> None:
    """A truncated stream may end within a sample."""
    splitter = Splitter(SplitConfig(), LoudnessDetector())
    splitter.feed(sound(("speech", 1.0)).tobytes() + b"x")
    chunks = splitter.finish()
    assert [len(chunk.pcm) for chunk in chunks] == [32_000]
    assert splitter.finish() == []
