"""Several channels: each is cut as if it were alone, and the numbers of their chunks never change."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sayit.scheduler.ingest.segmentation import ChannelSplitter, SplitConfig, Splitter
from sayit.scheduler.jobs.channels import LEVEL_SAMPLES, ChannelSpeech
from sayit.scheduler.jobs.records import ReadyChunk

from .helper import RATE, LoudnessDetector, ScriptedDetector, sound, split

#: Channels that speak at different times, and one that is silent.
CALL = (
    sound(("speech", 7.0), ("silence", 9.0), ("speech", 70.0), ("silence", 4.0), ("speech", 3.3), seed=1),
    sound(("silence", 8.0), ("speech", 6.0), ("silence", 30.0), ("speech", 40.0), ("silence", 9.3), seed=2),
    sound(("silence", 93.3)),
)


def interleaved(*channels: NDArray[np.int16]) -> bytes:
    """The channels as a file holds them."""
    return np.stack(channels, axis=1).tobytes()


def divided(pcm: bytes, channels: int, blocks: tuple[int, ...]) -> tuple[list[ReadyChunk], ChannelSplitter]:
    """All chunks of a recording that arrives in blocks of these numbers of samples, over and over."""
    splitter = ChannelSplitter(
        lambda: Splitter(SplitConfig(), LoudnessDetector()), channels=channels, numbered=channels > 1
    )
    chunks: list[ReadyChunk] = []
    at, turn = 0, 0
    while at < len(pcm):
        size = blocks[turn % len(blocks)] * 2 * channels
        chunks += splitter.feed(pcm[at : at + size])
        at, turn = at + size, turn + 1
    return chunks + splitter.finish(), splitter


def test_only_clips_are_heard() -> None:
    """Elsewhere is silence, in every channel: no speech, no chunk, no level that would witness it; times stay."""
    pcm = interleaved(CALL[0], CALL[1])
    clips = [(3 * RATE, 5 * RATE), (60 * RATE, None)]
    splitter = ChannelSplitter(
        lambda: Splitter(SplitConfig(), LoudnessDetector()), channels=2, numbered=True, clips=clips
    )
    chunks = [*splitter.feed(pcm), *splitter.finish()]
    assert {
        channel: [(round(a / RATE), round(b / RATE)) for a, b in spans] for channel, spans in splitter.speech.items()
    } == {
        1: [(3, 5), (60, 86), (90, 93)],
        2: [(60, 84)],
    }
    assert all(chunk.start_sample >= 2 * RATE for chunk in chunks)
    assert not any(splitter.levels[2][5 * RATE // LEVEL_SAMPLES : 60 * RATE // LEVEL_SAMPLES])
    assert splitter.total_samples == len(CALL[0])


def test_every_channel_is_cut_as_if_it_were_alone() -> None:
    """The chunks of a channel are those of the same samples as a mono recording; a silent channel has none."""
    chunks, splitter = divided(interleaved(*CALL), 3, (64_000,))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    for number, samples in enumerate(CALL, start=1):
        mine = [chunk for chunk in chunks if chunk.channel == number]
        alone, by_itself = split(samples)
        assert [(c.start_sample, c.end_sample, c.hard_start, c.hard_end, c.first, c.pcm) for c in mine] == [
            (c.start_sample, c.end_sample, c.hard_start, c.hard_end, c.first, c.pcm) for c in alone
        ]
        assert [chunk.first for chunk in mine] == [place == 0 for place in range(len(mine))]
        assert splitter.speech[number] == by_itself.speech
    assert splitter.total_samples == len(CALL[0])
    assert not splitter.speech[3]


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 200_000), min_size=1, max_size=4).filter(lambda sizes: sum(sizes) > 3_000))
def test_numbers_do_not_depend_on_how_the_bytes_arrive(blocks: list[int]) -> None:
    """Whoever prepares the recording again after a crash gives every chunk the number that it had."""
    pcm = interleaved(*(samples[: 50 * RATE] for samples in CALL[:2]))
    at_once, _ = divided(pcm, 2, (len(pcm),))
    in_blocks, _ = divided(pcm, 2, tuple(blocks))
    assert in_blocks == at_once


def test_chunks_are_numbered_about_in_order_of_time() -> None:
    """No channel's chunks wait for the end of another channel: early ones have low numbers in every channel."""
    chunks, _ = divided(interleaved(*CALL[:2]), 2, (64_000,))
    assert [chunk.channel for chunk in chunks[:2]] == [1, 2]
    assert len([channel for channel, _ in groupby(chunk.channel for chunk in chunks)]) > 2


@pytest.mark.parametrize("numbered", [False, True])
def test_a_single_channel_is_what_it_was(numbered: bool) -> None:
    """A mixed recording is channel 0, a mono file that was to be split channel 1."""
    splitter = ChannelSplitter(lambda: Splitter(SplitConfig(), LoudnessDetector()), numbered=numbered)
    chunks = [*splitter.feed(CALL[0].tobytes()), *splitter.finish()]
    alone, _ = split(CALL[0])
    assert [chunk.pcm for chunk in chunks] == [chunk.pcm for chunk in alone]
    assert {chunk.channel for chunk in chunks} == set(splitter.speech) == {int(numbered)}


def test_levels_tell_loud_from_quiet() -> None:
    """Every 0.2 s of every channel has a level in dB; a tenth of the amplitude is 20 dB less."""
    loud = sound(("speech", 2.5))
    _, splitter = divided(interleaved(loud, loud // 10), 2, (5_000,))
    assert {len(levels) for levels in splitter.levels.values()} == {-(-len(loud) // LEVEL_SAMPLES)}
    (ours, theirs) = (np.frombuffer(splitter.levels[channel], np.uint8) for channel in (1, 2))
    assert np.abs(ours[: 2 * RATE // LEVEL_SAMPLES] - theirs[: 2 * RATE // LEVEL_SAMPLES] - 20.0).max() <= 1.0
    assert ours[0] == pytest.approx(20 * np.log10(3000), abs=1)


def test_what_a_deaf_detector_misses_sounds_like_speech() -> None:
    """Levels alone tell speech that was not detected from steady noise and from silence; detected speech is none."""
    phrases = sound(*[("speech", 0.6), ("silence", 0.4)] * 10)
    noise, silence = sound(("speech", 8.0)), sound(("silence", 8.0))
    recording = np.concatenate([silence, phrases, noise])
    splitter = ChannelSplitter(lambda: Splitter(SplitConfig(), ScriptedDetector([])))
    splitter.feed(recording.tobytes())
    splitter.finish()
    deaf = ChannelSpeech(channel=0, spans=(), levels=splitter.levels[0])
    ((start, end),) = deaf.undetected
    assert (start / RATE, end / RATE) == (pytest.approx(8.0, abs=2.0), pytest.approx(18.0, abs=2.0))
    assert replace(deaf, spans=((8 * RATE, 18 * RATE),)).undetected == ()
