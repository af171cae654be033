"""Which of a file's audio tracks is transcribed: the one that has speech."""

from __future__ import annotations

import itertools
from array import array
from operator import mul
from typing import Any

import av
import av.error

from sayit.scheduler.ingest.audio_reader.resampler import Resampler
from sayit.speech.audio import SAMPLE_RATE_HZ

#: A track is judged by so many stretches of it, each of so many seconds.
_STRETCHES, _STRETCH_S = 8, 4.0
#: Levels are taken every 20 ms, and compared within a second.
_STEP = SAMPLE_RATE_HZ // 50
_STEPS_PER_S = 50
#: Power of the quietest sound that counts: -55 dB re full scale.
_AUDIBLE = 58.0**2
#: A second sounds like speech if so much of it is below half of its mean power: syllables have gaps, and most music and
#: noise have none (the "low short-time energy ratio" of Lu, Zhang and Jiang, 2002).
_LOW_PART = 0.45
#: A track with this part of the best one's speech is as good.
_AS_GOOD = 0.5


def chosen(container: Any, tracks: list[Any]) -> tuple[int, bool]:
    """The index of the track to transcribe among the container's streams, and whether another one has sound.

    Args:
        container: an opened container, which is not used for anything else: it is left somewhere in the file.
        tracks: its audio streams that can be decoded, the preferred one first; two or more.
    """
    heard = [_heard(container, track) for track in tracks]
    speech_s = [speech for speech, _ in heard]
    sound_s = [sound for _, sound in heard]
    # Without any speech the preferred track with sound is as good as any.
    scores = speech_s if max(speech_s) > 0 else sound_s
    place = next(place for place, score in enumerate(scores) if score >= _AS_GOOD * max(scores))
    others = any(sound > 0 for other, sound in enumerate(sound_s) if other != place)
    return tracks[place].index, others


def _heard(container: Any, track: Any) -> tuple[float, float]:
    """Seconds that sound like speech, and seconds with any sound, in stretches of a track."""
    length_s = float((track.duration or 0) * track.time_base) or float((container.duration or 0) / av.time_base)
    speech_s = sound_s = 0.0
    for stretch in range(_STRETCHES):
        if stretch and length_s <= stretch * _STRETCH_S:
            break
        samples = _samples(container, track, length_s * stretch / _STRETCHES)
        powers = [
            sum(map(mul, frame, frame)) / _STEP
            for frame in (samples[at : at + _STEP] for at in range(0, len(samples) - _STEP, _STEP))
        ]
        for first in range(0, len(powers) - _STEPS_PER_S + 1, _STEPS_PER_S):
            second = powers[first : first + _STEPS_PER_S]
            mean = sum(second) / _STEPS_PER_S
            if mean > _AUDIBLE:
                sound_s += 1
                speech_s += sum(power < mean / 2 for power in second) >= _LOW_PART * _STEPS_PER_S
    return speech_s, sound_s


def _samples(container: Any, track: Any, start_s: float) -> array[int]:
    """A stretch of a track; less of it where it ends or is damaged."""
    pcm = bytearray()
    resampler = Resampler()
    try:
        container.seek(int((container.start_time or 0) + start_s * av.time_base))
        for packet in itertools.islice(container.demux(track), 4_000):
            for frame in track.codec_context.decode(packet):
                pcm += resampler.convert(frame)
            if len(pcm) >= _STRETCH_S * SAMPLE_RATE_HZ * 2:
                break
    except (av.error.FFmpegError, ValueError, OSError):
        pass
    return array("h", bytes(pcm[: len(pcm) // 2 * 2]))
