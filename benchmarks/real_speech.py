"""`make eval-real`: error rates on real speech, beside faster-whisper with the same model in the same run.

    python -m benchmarks.real_speech                       # under 15 minutes on 2 quiet cores
    python -m benchmarks.real_speech --share 0.25 --sets ko-clips,nonspeech --peers sequential

The recordings are read at ../shared/real, which is no part of the project; where it is away, a line says so. SayIt is a
suite as `sayit up` starts it, with its defaults. faster-whisper is run sequentially, without the context of earlier
text, and batched, each with its own voice detection, beam 5. All take the language of the label; for recordings without
speech it is detected. Characters are counted in Korean, Japanese and Chinese, words elsewhere. `p` is that of a
permutation test over recordings, SayIt against the peer with the fewest errors.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jiwer
import numpy as np
import soundfile
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio
from numpy.typing import NDArray

from benchmarks import suite
from sayit.client import Client
from sayit.eval.scores import Normaliser, normalise
from sayit.eval.statistics import difference
from sayit.speech.options import Options
from sayit.transcriber import models

REAL = Path(__file__).parents[2] / "shared" / "real"
RATE_HZ = 16_000
#: Languages whose words are not counted: where a word ends is a choice.
_BY_CHARACTER = {"ko", "ja", "zh"}
SAYIT, PEERS = "sayit", ("sequential", "no context", "batched")

#: What benchmarks with random weights switch off.
_AS_INSTALLED = {"SAYIT_REDECODE": "1", "SAYIT_SHORT_WINDOWS": "1"}

Samples = NDArray[np.float32]


@dataclass(kw_only=True)
class Recording:
    """A recording, and what the systems wrote for it."""

    name: str
    audio: Samples
    #: Empty where nothing is said.
    said: str
    language: str
    written: dict[str, str] = field(default_factory=dict)

    def units(self, text: str) -> list[str]:
        """What is counted of a text: characters or words."""
        normal = normalise(text, (self.language,), Normaliser.STANDARD)
        return list(normal.replace(" ", "")) if self.language in _BY_CHARACTER else normal.split()

    def errors(self, system: str) -> tuple[int, int]:
        """Units that are wrong in a system's text, and those among them that it added."""
        said, written = self.units(self.said), self.units(self.written[system])
        if not said or not written:
            return len(said) + len(written), len(written)
        found = jiwer.process_words(" ".join(said), " ".join(written))
        return found.substitutions + found.deletions + found.insertions, found.insertions


def over_the_phone(audio: Samples) -> Samples:
    """As a phone call carries it: 8 kHz, 8 bits by the µ-law."""
    narrow = np.convolve(audio, [0.5, 0.5], "same")[::2]
    steps = np.round(np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    return np.interp(np.arange(len(audio)) / 2, np.arange(len(heard)), heard).astype(np.float32)


def noisy(audio: Samples) -> Samples:
    """With white noise 10 dB below it."""
    noise = np.random.default_rng(0).normal(0, 1, len(audio))
    mixed: Samples = (audio + noise * np.sqrt((audio**2).mean()) * 10 ** (-10 / 20)).astype(np.float32)
    return mixed


def files(share: float, pattern: str, *, most: int) -> Iterator[Recording]:
    """Up to `most` labelled recordings of a folder, spread over it."""
    found = [
        path for path in sorted(REAL.glob(pattern)) if path.with_suffix(".json").exists() and path.suffix != ".json"
    ]
    for path in found[:: max(1, round(len(found) / max(1, most * share)))]:
        label = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        yield Recording(
            name=str(path.relative_to(REAL)),
            audio=decode_audio(str(path)),
            said=label["text"],
            language=label.get("language") or "",
        )


def _talk(share: float, number: int, *, pause_s: tuple[float, float] = (0.25, 0.9)) -> Recording:
    """The beginning of a talk whose fragments are joined with such pauses."""
    random, pieces, said = np.random.default_rng(7), [], []
    for part in files(1.0, f"ko-talks/{number}/*", most=1000):
        if sum(map(len, pieces)) > 240 * share * RATE_HZ:
            break
        pause = random.normal(0, 1e-4, int(RATE_HZ * random.uniform(*pause_s))).astype(np.float32)
        pieces += [part.audio, pause]
        said.append(part.said)
    return Recording(name=f"ko-talks/{number}", audio=np.concatenate(pieces), said=" ".join(said), language="ko")


def _changed(change: Callable[[Samples], Samples], recordings: Iterator[Recording]) -> Iterator[Recording]:
    for one in recordings:
        one.audio = change(one.audio)
        yield one


#: The sets of the table; the argument is the share of them that is measured.
SETS: dict[str, Callable[[float], Iterator[Recording]]] = {
    "ko-talks": lambda share: (_talk(share, number) for number in (1, 3)),
    "ko-no-pauses": lambda share: iter([_talk(share, 5, pause_s=(0.0, 0.05))]),
    "ko-clips": lambda share: files(share, "ko-clips/*", most=40),
    "ko-rooms": lambda share: files(share, "ko-rooms/*", most=30),
    "ko-phone": lambda share: _changed(over_the_phone, files(share, "ko-clips/*", most=27)),
    "ko-noise": lambda share: _changed(noisy, files(share, "ko-clips/*", most=20)),
    "en-learners": lambda share: files(share, "en-learners/*", most=20),
    "en-misc": lambda share: files(share, "en-misc/*", most=20),
    "zh": lambda share: (one for one in files(max(share, 0.5), "ja-zh/*", most=8) if one.language == "zh"),
    "ja": lambda share: (one for one in files(max(share, 0.5), "ja-zh/*", most=8) if one.language == "ja"),
    "nonspeech": lambda share: files(share, "nonspeech/*/*", most=24),
}


def write_sayit(
    model: Path, recordings: Sequence[Recording], *, transcribers: int, threads: int, settings: dict[str, str]
) -> float:
    """Transcribes all recordings on a suite of its own, all at once; returns the seconds it took."""
    with (
        suite.running(model, transcribers=transcribers, threads=threads, **{**_AS_INSTALLED, **settings}) as running,
        tempfile.TemporaryDirectory() as folder,
        Client(running.address) as client,
    ):
        began_s = time.monotonic()
        jobs = []
        for number, one in enumerate(recordings):
            path = Path(folder) / f"{number}.wav"
            soundfile.write(path, one.audio, RATE_HZ, subtype="FLOAT")
            options = Options(language=one.language) if one.language else Options()
            jobs.append(client.create_job(path, options=options).id)
        for one, job_id in zip(recordings, jobs, strict=True):
            for _ in client.watch(job_id):
                pass
            one.written[SAYIT] = client.transcript(job_id).text
        return time.monotonic() - began_s


def write_peer(model: WhisperModel, peer: str, recordings: Sequence[Recording]) -> float:
    """Transcribes all recordings with faster-whisper, one after the other; returns the seconds it took."""
    began_s = time.monotonic()
    batched = BatchedInferencePipeline(model)
    for one in recordings:
        language = one.language or None
        if peer == "batched":
            segments, _ = batched.transcribe(one.audio, language=language, beam_size=5, batch_size=8)
        else:
            segments, _ = model.transcribe(
                one.audio,
                language=language,
                beam_size=5,
                vad_filter=True,
                condition_on_previous_text=peer != "no context",
            )
        one.written[peer] = " ".join(segment.text.strip() for segment in segments)
    return time.monotonic() - began_s


def rows(recordings: dict[str, Sequence[Recording]], systems: Sequence[str]) -> Iterator[str]:
    """The table, in Markdown: errors in % (of them added) by set and system; for silence, words added per hour."""
    yield "| Set | Recordings | Audio | " + " | ".join(systems) + " | p |"
    yield "|" + "---|" * (len(systems) + 4)
    for name, members in recordings.items():
        audio_s = sum(len(one.audio) for one in members) / RATE_HZ
        said = [len(one.units(one.said)) for one in members]
        found = {system: [one.errors(system) for one in members] for system in systems}
        cells, p = [], ""
        for errors in found.values():
            wrong, added = sum(each[0] for each in errors), sum(each[1] for each in errors)
            if sum(said):
                cells.append(f"{100 * wrong / sum(said):.1f} ({100 * added / sum(said):.1f})")
            else:
                cells.append(f"{3600 * added / audio_s:.0f} words/h")
        if sum(said) and len(systems) > 1:
            peer = min(systems[1:], key=lambda system: sum(each[0] for each in found[system]))
            first, second = ([each[0] for each in found[system]] for system in (systems[0], peer))
            p = f"{difference(first, second, said).p:.2f}"
        yield f"| {name} | {len(members)} | {audio_s:.0f} s | {' | '.join(cells)} | {p} |"


def main() -> int:
    """Runs everything and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the recordings, 0 to 1")
    parser.add_argument("--sets", default=",".join(SETS), help="which sets")
    parser.add_argument("--peers", default=",".join(PEERS), help="which ways of faster-whisper")
    parser.add_argument("--transcribers", type=int, default=2, help="of the suite")
    parser.add_argument("--threads", type=int, default=1, help="of each transcriber; faster-whisper takes all of them")
    parser.add_argument("--setting", action="append", default=[], help="NAME=VALUE for the suite")
    parser.add_argument("--texts", type=Path, help="file for all texts, as JSON")
    given = parser.parse_args()
    if not REAL.is_dir():
        print(f"Skipped: there are no recordings of real speech in {REAL}.")
        return 0
    model = models.resolve("base", say=print, progress=lambda _: None).path
    sets: dict[str, Sequence[Recording]] = {name: list(SETS[name](given.share)) for name in given.sets.split(",")}
    recordings = [one for members in sets.values() for one in members]
    settings = dict(setting.split("=", 1) for setting in given.setting)
    seconds = {
        SAYIT: write_sayit(
            model, recordings, transcribers=given.transcribers, threads=given.threads, settings=settings
        ),
    }
    whisper = WhisperModel(
        str(model), device="cpu", compute_type="int8", cpu_threads=given.transcribers * given.threads
    )
    for peer in filter(None, given.peers.split(",")):
        seconds[peer] = write_peer(whisper, peer, recordings)
    print("\n".join(rows(sets, list(seconds))))
    audio_s = sum(len(one.audio) for one in recordings) / RATE_HZ
    print("\nTimes real time: " + ", ".join(f"{name} {audio_s / taken_s:.1f}" for name, taken_s in seconds.items()))
    if given.texts:
        texts = [{"name": one.name, "said": one.said, **one.written} for one in recordings]
        given.texts.write_text(json.dumps(texts, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
