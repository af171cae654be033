"""The suite with the real Whisper base on real speech: sonnets and a speech of 1961.

Bounds are about twice what was measured, because sums of int8 differ between processors.
"""

from __future__ import annotations

import difflib
import io
import json
import re
from pathlib import Path

import numpy as np
import pysubs2
import pytest
import soundfile
import webvtt

from sayit.client import Client
from sayit.speech.jobs import ChunkText, Result
from sayit.speech.options import Options
from sayit.speech.rendering import Format
from tests.end_to_end.helper import RECORDINGS, ROOT, RunningSuite, label, wav, word_error_rate
from tests.end_to_end.test_formats import FORMATS, encoded
from tests.scale import ALL

# The first of them may have to fetch the model.
pytestmark = [pytest.mark.real_weights, pytest.mark.xdist_group("real_weights"), pytest.mark.timeout(900)]

JFK = RECORDINGS / "jfk.flac"
SONNET = RECORDINGS / "sonnet-2.mp3"
#: The text is the same however often a chunk is attempted.
ONE_TEMPERATURE = Options(language="en", temperature=0.0)
#: What many recordings are transcribed with.
QUICK = Options(beam_size=1)
#: Korean speech whose licence does not let it be part of the project.
KOREAN = ROOT.parent / "shared" / "real" / "ko-clips"


def words(text: str) -> str:
    """A text as it is compared: lower case, no punctuation, straight apostrophes."""
    return " ".join(re.findall(r"[\w']+", text.lower().replace("’", "'")))


def wrong(name: str, text: str) -> float:
    """Percent of a recording's words that are wrong in a text."""
    return word_error_rate(words(label(name)["text"]), words(text))


def mono(name: str) -> np.ndarray:
    """A recording as int16, 16 kHz."""
    samples, rate = soundfile.read(RECORDINGS / name, dtype="float32")
    mixed = samples.mean(axis=1)
    times = np.arange(0, len(mixed) / rate, 1 / 16_000)
    return (np.interp(times, np.arange(len(mixed)) / rate, mixed) * 32_000).astype(np.int16)


def test_every_format_is_understood(suite: RunningSuite, tmp_path: Path) -> None:
    """The same words and the detected language, whatever codec the recording is encoded with."""
    # What containers may differ in is decoded to its whole length in tests/end_to_end.
    formats = FORMATS if ALL else FORMATS[1:3]
    codecs = {codec: (name, container, options) for name, container, codec, options in reversed(formats)}
    with Client(suite.address) as client:
        jobs = {
            name: client.create_job(encoded(tmp_path / codec, container, codec, options), options=QUICK).id
            for codec, (name, container, options) in codecs.items()
        }
        for name, job_id in jobs.items():
            for _ in client.watch(job_id):
                pass
            transcript = client.transcript(job_id)
            assert transcript.language == "en", name
            assert wrong("jfk", transcript.text) <= 10, f"{name}: {transcript.text}"


def test_words_are_timed_where_they_are_said(suite: RunningSuite) -> None:
    """The same speech again after 5 s of silence: the same words, as much later."""
    speech = mono("jfk.flac")
    audio = np.concatenate([speech, np.zeros(5 * 16_000, np.int16), speech])
    with Client(suite.address) as client:
        transcript = client.transcribe(wav(audio), options=Options(word_timestamps=True)).transcript
    timed = [(words(word.text), word.start_s, word.end_s) for each in transcript.segments for word in each.words]
    assert timed == sorted(timed, key=lambda each: each[1:])
    first = [each for each in timed if each[2] < 13]
    again = [each for each in timed if each[1] > 13]
    match = difflib.SequenceMatcher(None, [each[0] for each in first], [each[0] for each in again], autojunk=False)
    late = [
        again[block.b + n][1] - first[block.a + n][1]
        for block in match.get_matching_blocks()
        for n in range(block.size)
    ]
    assert len(late) >= 18
    assert np.median(late) == pytest.approx(16, abs=0.2)
    assert np.mean(np.abs(np.array(late) - 16) < 0.5) > 0.8, late


@pytest.fixture(scope="module")
def sonnet(suite: RunningSuite) -> Result:
    """A sonnet that nothing disturbed."""
    with Client(suite.address) as client:
        return client.transcribe(SONNET, options=ONE_TEMPERATURE)


def test_subtitles_are_read_by_others(suite: RunningSuite, sonnet: Result) -> None:
    """A sonnet as SRT and WebVTT: cues in order, inside the recording, that say the text."""
    with Client(suite.address) as client:
        cues = pysubs2.SSAFile.from_string(client.render(sonnet.job.id, Format.SRT), format_="srt")
        captions = list(webvtt.from_buffer(io.StringIO(client.render(sonnet.job.id, Format.VTT))))
    assert len(cues) == len(captions) > 8
    times = [at / 1000 for cue in cues for at in (cue.start, cue.end)]
    assert times == sorted(times)
    assert times[-1] <= sonnet.transcript.duration_s + 0.001  # rounded
    assert words(" ".join(cue.plaintext for cue in cues)) == words(sonnet.transcript.text)
    assert words(" ".join(caption.text for caption in captions)) == words(sonnet.transcript.text)


def test_forced_cuts_cost_few_words(suite: RunningSuite) -> None:
    """A sonnet without its pauses is cut while it is spoken; hardly a word is lost or doubled there."""
    speech = mono("sonnet-3.mp3")
    frames = speech[: len(speech) // 320 * 320].reshape(-1, 320)
    loudness = np.sqrt((frames.astype(float) ** 2).mean(axis=1))
    quiet = loudness < np.percentile(loudness, 95) / 15
    # At most 0.1 s of quiet stays together.
    kept = [index for index in range(len(frames)) if index < 5 or not quiet[index - 5 : index + 1].all()]
    with Client(suite.address) as client:
        result = client.transcribe(wav(frames[kept].ravel()), options=Options(language="en"))
        chunks = client.get(result.job.id).progress.chunks_total
    assert chunks is not None
    assert chunks >= 3
    assert wrong("sonnet-3", result.transcript.text) <= 25


@pytest.mark.thorough("with the bundled model in test_killed_parts_change_nothing_in_the_text and test_random_kills")
def test_killed_transcribers_change_no_word(suite: RunningSuite, sonnet: Result) -> None:
    """All of them are killed (-9) in the middle of a recording: the text is that of a run without."""
    with Client(suite.address) as client:
        job = client.create_job(SONNET, options=ONE_TEMPERATURE)
        ended = 0
        for event in client.watch(job.id):
            if isinstance(event.body, ChunkText):
                ended += 1
                if ended == 1:
                    suite.kill("transcriber-1")
                    suite.kill("transcriber-2")
        assert ended > 1
        assert client.transcript(job.id).text == sonnet.transcript.text
    assert wrong("sonnet-2", sonnet.transcript.text) <= 20


def test_openais_package_gets_text_and_words(suite: RunningSuite) -> None:
    """The official client, unchanged: verbose JSON with words, and a stream."""
    import openai  # noqa: PLC0415 - takes a second, in each process that reads the tests

    with openai.OpenAI(api_key="any", base_url=f"{suite.rest}/v1", max_retries=0) as client:
        answer = client.audio.transcriptions.create(
            file=JFK, model="whisper-1", response_format="verbose_json", timestamp_granularities=["word"]
        )
        stream = client.audio.transcriptions.create(file=JFK, model="whisper-1", stream=True)
        *deltas, done = list(stream)
    assert answer.language == "english"
    assert wrong("jfk", answer.text) <= 10
    assert " ".join(word.word for word in answer.words or ()) == answer.text
    assert "".join(event.delta for event in deltas) == done.text == answer.text


def test_korean_is_detected_and_understood(suite: RunningSuite) -> None:
    """A few short clips of several speakers: the language, and most of the letters."""
    clips = sorted(KOREAN.glob("00[0-3].flac"))
    if not clips:
        pytest.skip(f"no recordings of other people here: {KOREAN}")
    said, heard = [], []
    with Client(suite.address) as client:
        for clip, job in [(clip, client.create_job(clip, options=QUICK)) for clip in clips]:
            for _ in client.watch(job.id):
                pass
            transcript = client.transcript(job.id)
            assert transcript.language == "ko", clip
            said += [re.sub(r"\W", "", json.loads(clip.with_suffix(".json").read_text())["text"])]
            heard += [re.sub(r"\W", "", transcript.text)]
    letters = word_error_rate(" ".join("".join(said)), " ".join("".join(heard)))
    assert letters <= 45, heard


@pytest.mark.parametrize("options", [Options(language="ko"), Options(language="ko", beam_size=1), Options()])
def test_a_second_of_speech_has_text(suite: RunningSuite, options: Options) -> None:
    """A clip of 1.1 s, half of it voice: a word, however it is decoded, and nothing of it removed."""
    clip = KOREAN / "060.flac"
    if not clip.exists():
        pytest.skip(f"no recordings of other people here: {KOREAN}")
    with Client(suite.address) as client:
        transcript = client.transcribe(clip, options=options).transcript
    assert transcript.text
    assert (transcript.suppressed, transcript.coverage.gaps) == ((), ())
