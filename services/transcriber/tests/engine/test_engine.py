import gc
import math
import weakref

import jiwer
import numpy as np
import pytest
from faster_whisper import WhisperModel

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO
from sayit.speech.options import Options, Task, resolve
from sayit.speech.transcript import SuppressionReason
from sayit.transcriber.engine import Engine
from sayit.transcriber.engine.language import Candidate
from sayit.transcriber.engine.windows import ChunkDecoding
from sayit.transcriber.models import ModelNotAvailableError, bundled

from .helper import UNJUDGED, label, options, ours, recording, run, words_of


@pytest.fixture(scope="module")
def reference_micro():
    """faster-whisper itself with the bundled model."""
    return WhisperModel(str(bundled().path), device="cpu", cpu_threads=1)


@pytest.fixture(scope="module")
def reference_tiny(tiny_folder):
    """faster-whisper itself with the model that says anything."""
    return WhisperModel(str(tiny_folder), device="cpu", cpu_threads=1)


def reference(model, pcm, **arguments):
    """What faster-whisper says: (start, end clipped to the audio, text) of each segment."""
    segments, info = model.transcribe(pcm, temperature=[0.0], vad_filter=False, **arguments)
    whole = [(s, s.text.replace("\ufffd", "").strip()) for s in segments]
    return [(round(s.start, 3), round(min(s.end, len(pcm) / 16000), 3), text) for s, text in whole], info


@pytest.mark.parametrize(
    ("name", "start_s", "end_s"), [("ko-150s", 0, 29), ("en-nopause-75s", 40, 70), ("ko-8s", 0, 8)]
)
def test_text_of_a_chunk_equals_faster_whisper(micro, reference_micro, name, start_s, end_s):
    """At temperature 0 a chunk has the same segments as in faster-whisper, and its detected language."""
    pcm = recording(name, start_s, end_s)
    expected, info = reference(reference_micro, pcm, beam_size=5)
    chunk = run(micro, pcm, language=AUTO)
    assert len(expected) > 2
    assert ours(chunk) == expected
    assert chunk.language == info.language == name[:2]
    assert math.isclose(chunk.language_probability, info.language_probability, abs_tol=0.01)


def test_text_over_several_windows_equals_faster_whisper(micro, reference_micro):
    """Windows are resumed at the same timestamps and conditioned on the same text, prompt included.

    The last window, in which the bundled model repeats itself until one rounding of the processor decides, is left out.
    """
    pcm = recording("en-90s")
    expected, _ = reference(reference_micro, pcm, beam_size=1, language="en", initial_prompt="morning coffee")
    chunk = run(micro, pcm, beam_size=1, language="en", prompt="morning coffee")
    assert chunk.windows > 3
    assert len(expected) > 15
    assert ours(chunk)[:15] == expected[:15]


def test_windows_that_end_anywhere_equal_faster_whisper(tiny, reference_tiny):
    """Also a model that stops and resumes at random times says the same, except for text behind the audio's end."""
    pcm = recording("en-90s", 0, 50)
    expected, _ = reference(
        reference_tiny,
        pcm,
        beam_size=2,
        language="ko",
        hotwords="여름 시장",
        log_prob_threshold=-1e9,
        no_speech_threshold=1.0,
        compression_ratio_threshold=1e9,
    )
    chunk = run(tiny, pcm, beam_size=2, hotwords="여름 시장", **UNJUDGED)
    assert chunk.windows > 1
    assert ours(chunk) == [segment for segment in expected if segment[0] < 50]
    assert [s.text for s in chunk.suppressed] == [text for start, _, text in expected if start >= 50]
    assert {s.reason for s in chunk.suppressed} <= {SuppressionReason.OUTSIDE_AUDIO}


@pytest.mark.parametrize("name", ["ko-8s", "en-8s"])
def test_recordings_are_understood(micro, name):
    """The bundled model writes down a recording of its vocabulary, in the language it detects."""
    chunk = run(micro, recording(name), language=AUTO)
    assert jiwer.wer(label(name)["text"], " ".join(words_of(chunk))) == 0
    assert chunk.language == name[:2]
    assert chunk.compute_s > 0


def test_words_change_no_text(micro):
    """Asked for, words come with ordered times inside the chunk and spell their segment; text and windows stay."""
    pcm = recording("ko-150s", 0, 40)
    plain, worded = run(micro, pcm), run(micro, pcm, word_timestamps=True)
    assert [s.text for s in worded.segments] == [s.text for s in plain.segments]
    assert worded.windows == plain.windows
    assert all(not s.words for s in plain.segments)
    for segment in worded.segments:
        assert "".join(word.text for word in segment.words).strip() == segment.text
        assert segment.start_s <= segment.words[0].start_s <= segment.words[-1].end_s <= segment.end_s
        for word in segment.words:
            assert 0 <= word.start_s <= word.end_s <= 40
            assert 0 < word.probability <= 1


def test_word_times_are_near_the_truth(micro):
    """The first and the last word lie within a second of the labelled speech."""
    truth = label("en-8s")["segments"]
    chunk = run(micro, recording("en-8s"), language="en", word_timestamps=True)
    assert abs(chunk.segments[0].words[0].start_s - truth[0]["start"]) < 1
    assert abs(chunk.segments[-1].words[-1].end_s - truth[-1]["end"]) < 1


def test_progress_after_every_window_but_the_last(micro):
    """Text arrives window by window; the last one's is the result, and begins with what was seen before."""
    seen = []
    chunk = micro.submit(recording("ko-150s", 0, 70), options(beam_size=1), on_window=seen.append).future.result(60)
    assert [so_far.windows for so_far in seen] == list(range(1, chunk.windows))
    assert len(seen) >= 2
    for so_far in seen:
        assert chunk.segments[: len(so_far.segments)] == so_far.segments
        assert so_far.compute_s < chunk.compute_s


def test_no_callback_for_a_chunk_of_one_window(micro):
    """A chunk that fits a window has one text, the result."""
    seen = []
    micro.submit(recording("ko-8s"), options(), on_window=seen.append).future.result(60)
    assert seen == []


def test_fallback_samples_when_thresholds_fail(micro):
    """A result that fails is sampled at the next temperature, which the segments then carry."""
    chunk = run(micro, recording("ko-8s"), temperatures=(0.0, 0.2), logprob_threshold=1.0, no_speech_threshold=1.0)
    assert {segment.temperature for segment in chunk.segments} == {0.2}


def test_forbidden_tokens_are_not_written(micro):
    """The tokens of the first word are written no more; ids that are no text of the model's are let be."""
    pcm = recording("en-8s")
    plain = run(micro, pcm, language="en")
    word = plain.segments[0].text.split()[0]
    vocabulary = micro._whisper.vocabulary("en", Task.TRANSCRIBE)
    forbidden = {token for form in (word, f" {word}") for token in vocabulary.encode(form)}
    changed = run(micro, pcm, language="en", suppress_tokens=(*forbidden, 50_257, 50_364, 99_999))
    assert word in words_of(plain)
    assert word not in words_of(changed)
    # What is not forbidden is heard as before, and windows end where they did.
    assert words_of(changed)[-1] == words_of(plain)[-1]


def test_preset_decodes_at_temperature_zero_first(micro):
    """A preset's beam search passes on clear speech; its own temperature is for results that fail."""
    preset = resolve(Options(language="ko"))
    assert preset.temperatures == (0.0, 0.2)
    chunk = micro.submit(recording("ko-8s"), preset).future.result(60)
    assert {segment.temperature for segment in chunk.segments} == {0.0}


def test_no_text_holds_half_a_character(micro):
    """Wherever a text's tokens are cut, whole characters are left: one or two of the three of 뷁 say nothing."""
    vocabulary = micro._whisper.vocabulary("ko", Task.TRANSCRIBE)
    tokens = vocabulary.encode("뷁쑛 오늘 날씨")
    texts = [vocabulary.text(tokens[:end]).strip() for end in range(len(tokens) + 1)]
    assert texts[:7] == ["", "", "", "뷁", "뷁", "뷁", "뷁쑛"]
    assert texts[-1] == "뷁쑛 오늘 날씨"
    assert vocabulary.text(tokens[1:]).strip() == "쑛 오늘 날씨"


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 800, 16_000, 496_000])
def test_nothing_is_heard_in_silence(micro, samples):
    """Silence of any length, from none at all to 31 s, has no segments and raises nothing."""
    assert run(micro, np.zeros(samples, np.float32), language=AUTO, beam_size=1, word_timestamps=True).segments == ()


@pytest.mark.parametrize("language", [AUTO, "en"])
def test_nothing_is_heard_in_faint_noise(micro, language):
    """Noise far below speech has no segments, whether the language is detected or given."""
    noise = np.random.default_rng(0).normal(0, 1e-4, 80_000).astype(np.float32)
    assert run(micro, noise, language=language).segments == ()


@pytest.mark.parametrize("seconds", [0.05, 1.01, 31.0])
def test_times_stay_inside_the_chunk(micro, tiny, seconds):
    """Whatever a model says, segments and words lie within the audio, in chunks of any length."""
    pcm = recording("ko-150s", 1, 1 + seconds)
    for engine in (micro, tiny):
        chunk = run(engine, pcm, beam_size=1, word_timestamps=True, max_tokens_per_window=30, **UNJUDGED)
        for segment in chunk.segments:
            assert 0 <= segment.start_s <= segment.end_s <= seconds
            assert all(0 <= word.start_s <= word.end_s <= seconds for word in segment.words)


def test_text_in_a_window_without_speech_is_reported(micro):
    """Low-confidence text where the model hears no speech is suppressed with its reason, not shown."""
    pcm = recording("ko-8s")
    said = words_of(run(micro, pcm))
    chunk = run(micro, pcm, logprob_threshold=1.0, no_speech_threshold=-1.0)
    assert chunk.segments == ()
    [gone] = chunk.suppressed
    assert gone.reason is SuppressionReason.NO_SPEECH
    assert gone.text.split() == said
    assert (gone.start_s, gone.end_s) == (0, 7.67)


def test_token_limit_bounds_a_window(micro):
    """`max_tokens_per_window` is the number of new tokens, not half of it, and long prompts do not break it."""
    pcm = recording("ko-150s", 0, 29)
    few = len(words_of(run(micro, pcm, max_tokens_per_window=20)))
    more = len(words_of(run(micro, pcm, max_tokens_per_window=60)))
    assert 2 < few < more
    long = "여름 커피 " * 300
    assert run(micro, pcm, prompt=long, hotwords=long, beam_size=1, max_tokens_per_window=224).decoded_s == 29.0


def test_new_tokens_are_counted_exactly(talkative):
    """A model with much to say gives as many new tokens as were asked for, with and without context in the prompt."""
    whisper = talkative._whisper
    vocabulary = whisper.vocabulary("ko", Task.TRANSCRIBE)
    features = whisper.features(recording("ko-150s", 0, 29))
    for prompt, limit, new in (("", 40, 40), ("여름 커피 " * 100, 40, 40), ("", 0, 224), ("여름 커피 " * 300, 0, 222)):
        asked = options(prompt=prompt, max_tokens_per_window=limit, beam_size=1)
        decoding = ChunkDecoding(duration_s=29, frames=2900, options=asked)
        decoding.speak(Candidate(language="ko", probability=1.0), vocabulary)
        encoding = whisper.encode(whisper.padded(features, decoding.next_window()))
        [generated] = whisper.generate([(encoding, decoding.fallback().next_step())])
        assert len(generated.tokens) == new


def test_small_shaped_model_says_one_text_per_window(talkative):
    """The benchmarks' model fills every window with one segment of text, so that its cost is the same every time."""
    chunk = run(talkative, recording("ko-150s", 0, 70), beam_size=1, max_tokens_per_window=20, **UNJUDGED)
    assert [(s.start_s, s.end_s) for s in chunk.segments] == [(0, 30), (30, 60), (60, 70)]
    assert chunk.windows == 3


def test_small_shaped_model_is_built_once(small_shaped, tmp_path):
    """A folder that is already complete is left alone, and nothing half-made is left behind."""
    shape = small_shaped.Shape(width=64, layers=1, heads=1)
    small_shaped.build(tmp_path / "out", shape)
    made = (tmp_path / "out" / "model.bin").stat().st_mtime_ns
    small_shaped.build(tmp_path / "out", shape)
    assert (tmp_path / "out" / "model.bin").stat().st_mtime_ns == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_unknown_language_is_refused(micro):
    """A language that the model has no token for is an error that names the language."""
    with pytest.raises(SayItError) as caught:
        run(micro, recording("ko-8s"), language="yue")
    assert caught.value.kind is ErrorKind.INVALID_LANGUAGE
    assert "yue" in str(caught.value)


def test_translation_is_another_task(micro):
    """Translation reaches the model as its task; the language stays the one spoken."""
    assert run(micro, recording("ko-8s"), task=Task.TRANSLATE).language == "ko"
    transcribe, translate = (micro._whisper.vocabulary("ko", task) for task in Task)
    assert transcribe.start_sequence[:2] == translate.start_sequence[:2]
    assert transcribe.start_sequence[2] != translate.start_sequence[2]


def test_failure_of_the_model_is_an_engine_failure(micro):
    """Audio of the wrong shape, or whatever else the model refuses, is ENGINE_FAILED."""
    with pytest.raises(SayItError) as caught:
        run(micro, np.zeros((2, 2, 2), np.float32))
    assert caught.value.kind is ErrorKind.ENGINE_FAILED


def test_errors_of_callbacks_are_their_own(micro):
    """What a callback raises reaches the caller unchanged."""
    with pytest.raises(RuntimeError, match="mine"):
        micro.submit(recording("ko-150s", 0, 35), options(beam_size=1), on_window=_raise).future.result(60)


def _raise(_):
    raise RuntimeError("mine")


def test_warm_up_runs(tiny):
    """Warming up passes for any Whisper folder and needs no audio."""
    tiny.warm_up()


def test_broken_folders_do_not_load(tmp_path):
    """An incomplete folder is refused with what is missing; an unreadable model with the loader's reason."""
    folder = tmp_path / "broken"
    with pytest.raises(ModelNotAvailableError, match="there is no folder"):
        Engine.load(folder, threads=1)
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (folder / name).write_bytes((bundled().path / name).read_bytes())
    with pytest.raises(ModelNotAvailableError, match=r"lacks model\.bin"):
        Engine.load(folder, threads=1)
    (folder / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelNotAvailableError, match="cannot be loaded"):
        Engine.load(folder, threads=1)
    with pytest.raises(ModelNotAvailableError, match="cannot be loaded"):
        Engine.load(bundled().path, threads=1, compute_type="int3")


def test_an_ended_chunk_keeps_nothing_large(micro):
    """Features and callbacks go with the chunk's end, not with the collector's next round, whoever still holds it."""
    listener = Listener()
    listens = weakref.ref(listener)
    gc.disable()
    try:
        chunk = micro.submit(recording("ko-8s"), options(beam_size=1), on_window=listener.hear)
        listener.chunk = chunk
        chunk.future.result(60)
        del listener
        # The engine lets go of a chunk after it has told its end; once the next one has ended it certainly has.
        run(micro, recording("ko-8s"), beam_size=1)
        assert listens() is None
    finally:
        gc.enable()
    assert sum(value.nbytes for value in vars(chunk.session).values() if isinstance(value, np.ndarray)) == 0


class Listener:
    """Holds its chunk, as an attempt does."""

    def hear(self, text):
        """Hears nothing."""
