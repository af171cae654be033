"""`make bench-live`: how far live text is behind the voice, on real speech that is played in real time.

    python -m benchmarks.live                              # about 12 minutes on 2 quiet cores
    python -m benchmarks.live --sets ko-clips --minutes 1 --streams 1,2,4 --small

Recordings are trimmed to where their voice begins and ends by its level, so that these times are known, and joined with
pauses of 1.2 s. Each set is played to a suite of its own in pieces of 100 ms, to as many sessions as `--streams` says,
and is then sent whole as a file; `refined` is the transcript of the session, which is decoded again at its end.
For each utterance that was joined:

* final: from the end of its voice to its last final text.
* first: from the beginning of its voice to its first text, which may still change.
* committed: from the end of each word to the text that holds it and will not change.

The recordings are read at ../shared/real, which is no part of the project; where it is away, a line says so.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from benchmarks import suite
from benchmarks.real_speech import RATE_HZ, REAL, SETS, Recording, Samples
from benchmarks.small_shaped import SMALL, build
from sayit.client import AsyncClient
from sayit.speech.live import LiveEvent, LiveOptions, LiveProgress, LiveText
from sayit.speech.options import Options
from sayit.transcriber import models

PAUSE_S = 1.2
#: What is sent at once.
_PIECE = RATE_HZ // 10
#: A voice is where 20 ms are within so many dB of the recording's loudest.
_QUIET_DB, _STEP = 35.0, RATE_HZ // 50
#: How far a text's time may be from the voice's: the model's times are that coarse.
_COARSE_S = 0.35


@dataclass(frozen=True, kw_only=True)
class Played:
    """Joined recordings."""

    name: str
    language: str
    audio: Samples
    #: Where the voice of each begins and ends, in seconds.
    voices: Sequence[tuple[float, float]]
    recording: Recording


@dataclass(kw_only=True)
class Heard:
    """What a session said, and when: seconds since its first sample was sent."""

    events: list[tuple[float, LiveEvent]] = field(default_factory=list)
    #: The transcript, which was decoded again at the end.
    refined: str = ""

    @property
    def texts(self) -> Iterator[tuple[float, LiveText]]:
        """Texts, in order of arrival."""
        return ((at_s, event) for at_s, event in self.events if isinstance(event, LiveText))

    @property
    def finals(self) -> list[tuple[float, LiveText]]:
        """Final texts."""
        return [(at_s, text) for at_s, text in self.texts if text.is_final]

    @property
    def written(self) -> str:
        """All final text."""
        return " ".join(text.committed.strip() for _, text in self.finals)

    def final_s(self, played: Played) -> list[float]:
        """From the end of each voice to its last final text; 0 where that came before a quiet end."""
        found = (
            (end, [at for at, text in self.finals if start - _COARSE_S < text.end_s and text.start_s < end])
            for start, end in played.voices
        )
        return [max(0.0, max(arrived) - end) for end, arrived in found if arrived]

    def first_s(self, played: Played) -> list[float]:
        """From the beginning of each voice to its first text."""
        found = []
        for start, end in played.voices:
            arrived = [at for at, text in self.texts if start - 1 < text.start_s < end and at > start and _any(text)]
            found += [min(arrived) - start] if arrived else []
        return found

    def committed_s(self) -> list[float]:
        """From the end of each word to the text that holds it for good."""
        lags = []
        for _, final in self.finals:
            grown = [(at, len(text.committed)) for at, text in self.texts if text.utterance == final.utterance]
            length = 0
            for word in (word for segment in final.segments for word in segment.words):
                length += len(word.text)
                lags.append(min(at for at, committed in grown if committed >= min(length, grown[-1][1])) - word.end_s)
        return lags

    def lag_s(self) -> list[float]:
        """How far the suite said that it was behind."""
        return [event.lag_s for _, event in self.events if isinstance(event, LiveProgress)]


def _any(text: LiveText) -> bool:
    return bool((text.committed + text.tentative).strip())


def joined(name: str, recordings: Iterable[Recording], *, minutes: float, pause_s: float = PAUSE_S) -> Played:
    """The first recordings of a set, one after the other."""
    pause = np.random.default_rng(7).normal(0, 1e-4, int(pause_s * RATE_HZ)).astype(np.float32)
    pieces, voices, said, at, language = [pause], [], [], pause_s, ""
    for one in recordings:
        if at > minutes * 60:
            break
        voice = _voice(one.audio)
        pieces += [voice, pause]
        voices.append((at, at + len(voice) / RATE_HZ))
        at = voices[-1][1] + pause_s
        said.append(one.said)
        language = language or one.language
    whole = Recording(name=name, audio=np.concatenate(pieces), said=" ".join(said), language=language)
    return Played(name=name, language=whole.language, audio=whole.audio, voices=voices, recording=whole)


def _voice(audio: Samples) -> Samples:
    steps = audio[: len(audio) // _STEP * _STEP].reshape(-1, _STEP)
    level = 10 * np.log10((steps**2).mean(axis=1) + 1e-10)
    [loud] = np.nonzero(level > level.max() - _QUIET_DB)
    trimmed: Samples = audio[loud[0] * _STEP : (loud[-1] + 1) * _STEP]
    return trimmed


async def played(address: str, sound: Played) -> Heard:
    """Plays it in real time."""
    heard, began_s = Heard(), time.monotonic()

    async def pieces() -> AsyncGenerator[bytes, None]:
        pcm = (np.clip(sound.audio, -1, 1) * 32767).astype("<i2")
        for start in range(0, len(pcm), _PIECE):
            await asyncio.sleep(began_s + min(start + _PIECE, len(pcm)) / RATE_HZ - time.monotonic())
            yield pcm[start : start + _PIECE].tobytes()

    options = Options(language=sound.language or "auto", word_timestamps=True)
    async with (
        AsyncClient(address) as client,
        client.stream_recognize(LiveOptions(interim_results=True, refine=True), options=options) as session,
    ):
        began_s = time.monotonic()
        async for event in session.recognize(pieces()):
            heard.events.append((time.monotonic() - began_s, event))
        heard.refined = (await client.wait(session.job_id)).transcript.text
    return heard


async def whole(address: str, sound: Played) -> str:
    """The same sent as a file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "whole.flac"
        soundfile.write(path, sound.audio, RATE_HZ)
        async with AsyncClient(address) as client:
            result = await client.transcribe(path, options=Options(language=sound.language or "auto"))
        return result.transcript.text


def errors(sound: Played, text: str) -> str:
    """Share of the units that are wrong in a text, in %."""
    sound.recording.written["text"] = text
    return f"{100 * sound.recording.errors('text')[0] / len(sound.recording.units(sound.recording.said)):.1f}"


def times(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    return f"{np.median(values):.2f} / {np.percentile(values, 95):.2f}" if values else "none"


async def _measured(address: str, sound: Played, streams: int) -> str:
    heard = await asyncio.gather(*(played(address, sound) for _ in range(streams)))
    lags = [lag for one in heard for lag in one.lag_s()]
    cells = [
        sound.name,
        f"{len(sound.audio) / RATE_HZ:.0f} s",
        str(streams),
        times([value for one in heard for value in one.final_s(sound)]),
        times([value for one in heard for value in one.first_s(sound)]),
        times([value for one in heard for value in one.committed_s()]),
        f"{max(lags, default=0.0):.1f}, {lags[-1] if lags else 0.0:.1f}",
        errors(sound, heard[0].written),
        errors(sound, heard[0].refined),
        errors(sound, await whole(address, sound)),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="ko-clips,en-misc", help="which sets, of `make eval-real`")
    parser.add_argument("--minutes", type=float, default=2.0, help="of audio in each set")
    parser.add_argument("--streams", default="1", help="sessions at once, such as 1,2,4")
    parser.add_argument("--small", action="store_true", help="with random weights in the shape of Whisper Small")
    parser.add_argument("--setting", action="append", default=[], help="NAME=VALUE for the suite")
    given = parser.parse_args()
    if not REAL.is_dir():
        print(f"Skipped: there are no recordings of real speech in {REAL}.")
        return 0
    settings = dict(setting.split("=", 1) for setting in given.setting)
    with TemporaryDirectory() as folder:
        model = Path(folder) / "small"
        if given.small:
            build(model, SMALL)
        else:
            model = models.resolve("base", say=print, progress=lambda _: None).path
        print("Times in seconds: median / 95th percentile. Errors in %. Lag: most, last.\n")
        print("| Set | Audio | Streams | final | first | committed | lag | errors live | refined | errors as a file |")
        print("|" + "---|" * 10)
        for name in given.sets.split(","):
            sound = joined(name, list(SETS[name](1.0)), minutes=given.minutes)
            for streams in map(int, given.streams.split(",")):
                as_installed = {"SAYIT_REDECODE": "1", "SAYIT_SHORT_WINDOWS": "1", **settings}
                with suite.running(model, transcribers=1, threads=2, **as_installed) as running:
                    print(asyncio.run(_measured(running.address, sound, streams)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
