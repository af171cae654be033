"""Several chunks on one engine, with the bundled model: the same text as alone, and nobody disturbs anybody."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from contextlib import contextmanager

import pytest
from prometheus_client import REGISTRY

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO
from sayit.transcriber.engine import PLAIN_POLICY, BatchLimits, DecodePolicy, Engine, EngineCancelled, Lane
from sayit.transcriber.engine.decode_session import DecodeSession
from sayit.transcriber.engine.executor import Executor

from .helper import options, recording

#: (recording, start, end, language): speech in both languages, full and short windows, and one that resumes.
CUTS = [
    ("ko-150s", 0, 28, "ko"),
    ("ko-150s", 28, 56, "ko"),
    ("en-nopause-75s", 0, 25, AUTO),
    ("en-90s", 30, 75, "en"),
    ("ko-8s", 0, 8, AUTO),
    ("en-8s", 0, 8, "en"),
]


class Spied:
    """A model that notes its calls; a test may act when one is made."""

    def __init__(self, whisper, act=lambda call, count: None):
        self._whisper = whisper
        self._act = act
        #: ("encode",) and ("generate", prompt, prompt …) in order.
        self.calls = []

    def __getattr__(self, name):
        return getattr(self._whisper, name)

    def encode(self, padded):
        """As the model's, noted."""
        self._note("encode")
        return self._whisper.encode(padded)

    def generate(self, asked):
        """As the model's, noted."""
        self._note("generate", *(fallback_step.prompt for _, fallback_step in asked))
        return self._whisper.generate(asked)

    def _note(self, *call):
        self.calls.append(call)
        self._act(call, len(self.calls))

    @property
    def batches(self):
        """Windows of each call of the decoder."""
        return [len(call) - 1 for call in self.calls if call[0] == "generate"]


@contextmanager
def engine_of(micro, batch=8, act=lambda call, count: None, policy=PLAIN_POLICY):
    """An engine that has not begun, and the model that it will call."""
    whisper = Spied(micro._whisper, act)
    engine = Engine(whisper, BatchLimits(batch=batch), policy)
    try:
        yield engine, whisper
    finally:
        engine.close()


@pytest.mark.parametrize("beam_size", [1, 5])
def test_tokens_equal_unbatched_tokens(micro, beam_size):
    """At temperature 0 every recording has the same tokens, times and probabilities in a batch as alone."""
    pieces = [(recording(name, start, end), language) for name, start, end, language in CUTS]
    texts = {}
    for batch in (1, 4):
        with engine_of(micro, batch) as (engine, whisper):
            held = [engine.submit(pcm, options(language=language, beam_size=beam_size)) for pcm, language in pieces]
            engine.start()
            texts[batch] = [each.future.result(120).segments for each in held]
            assert max(whisper.batches) == batch
    different = [
        (cut, one.text, other.text)
        for cut, alone, together in zip(CUTS, texts[1], texts[4], strict=True)
        for one, other in zip(alone, together, strict=False)
        if (one.start_s, one.end_s, one.text) != (other.start_s, other.end_s, other.text)
    ]
    counts = [(cut, len(a), len(b)) for cut, a, b in zip(CUTS, texts[1], texts[4], strict=True) if len(a) != len(b)]
    assert sum(map(len, texts[1])) > 10
    assert not different, f"{len(different)} segments differ"
    assert not counts, "numbers of segments differ"
    for alone, together in zip(texts[1], texts[4], strict=True):
        for one, other in zip(alone, together, strict=True):
            assert one.avg_logprob == pytest.approx(other.avg_logprob, abs=1e-3)


def test_chunks_of_all_kinds_share_the_engine(micro):
    """Other languages, prompts, beams, words and temperatures at once: each has the text it has alone."""
    kinds = [
        {"language": "ko"},
        {"language": "en"},
        {"language": AUTO, "word_timestamps": True},
        {"prompt": "여름 커피"},
        {"beam_size": 1},
        {"beam_size": 2, "patience": 2.0},
        {"max_tokens_per_window": 20},
        {"hotwords": "시장", "word_timestamps": True},
    ]
    pcm = recording("ko-150s", 0, 10)
    alone = [micro.submit(pcm, options(**kind)).future.result(60) for kind in kinds]
    with engine_of(micro) as (engine, _):
        held = [engine.submit(pcm, options(**kind)) for kind in kinds]
        sampled = engine.submit(pcm, options(temperatures=(0.0, 0.2), logprob_threshold=1.0, no_speech_threshold=1.0))
        engine.start()
        for kind, each, expected in zip(kinds, held, alone, strict=True):
            assert [s.text for s in each.future.result(60).segments] == [s.text for s in expected.segments], kind
        assert {segment.temperature for segment in sampled.future.result(60).segments} == {0.2}


def test_a_chunk_joins_and_leaves_between_windows(micro):
    """A short chunk that comes while a long one runs is done first, and the compute time is shared out."""
    with engine_of(micro, batch=2) as (engine, whisper):
        joined = []

        def join(_):
            if not joined:
                joined.append(engine.submit(recording("ko-8s"), options()))

        long = engine.submit(recording("ko-150s", 0, 80), options(), on_window=join)
        engine.start()
        text = long.future.result(60)
        assert text.windows > 2
        assert joined[0].future.done()
        assert joined[0].future.result().compute_s > 0
        assert len(whisper.batches) <= text.windows + 1


def test_a_call_that_fails_is_blamed_on_nobody_but_who_fails_alone(micro):
    """When a batch fails every window is tried alone: the neighbours have their text, the cause an error."""

    def fail(call, _):
        japanese = micro._whisper.vocabulary("ja", options().task).start_sequence
        if call[0] == "generate" and japanese in call[1:]:
            raise RuntimeError("poison")

    with engine_of(micro, act=fail) as (engine, whisper):
        languages = ["ko", "en", "ja", "ko"]
        held = [engine.submit(recording("ko-8s"), options(language=language)) for language in languages]
        engine.start()
        wait([each.future for each in held], 60)
        assert whisper.batches == [4, 1, 1, 1, 1]
        for language, each in zip(languages, held, strict=True):
            if language == "ja":
                with pytest.raises(SayItError) as caught:
                    each.future.result()
                assert caught.value.kind is ErrorKind.ENGINE_FAILED
            else:
                assert each.future.result().segments
        assert engine.submit(recording("ko-8s"), options()).future.result(60).segments, "the engine lives"


def test_a_suspect_runs_alone(micro):
    """From the first to the last call of a chunk that must run alone there is no other chunk's call."""
    with engine_of(micro) as (engine, whisper):
        pcm = recording("ko-150s", 0, 40)
        held = [engine.submit(pcm, options(language="ko"))]
        held.append(engine.submit(pcm, options(language="en"), alone=True))
        held.append(engine.submit(pcm, options(language="ko")))
        engine.start()
        wait([each.future for each in held], 60)
        english = micro._whisper.vocabulary("en", options().task).start_sequence[1]
        suspects = [english in call[1] for call in whisper.calls if call[0] == "generate"]
        first, last = suspects.index(True), len(suspects) - suspects[::-1].index(True)
        assert all(suspects[first:last])
        assert sum(suspects) >= 2
        assert set(whisper.batches) == {1}


@pytest.mark.parametrize("allowed", range(1, 7))
def test_cancelled_before_the_next_call_of_the_model(micro, allowed):
    """Whether a window, a fallback or a resumption comes next: after the cancellation no call begins."""
    held = []
    failing = options(beam_size=1, best_of=1, temperatures=(0.0, 0.1), logprob_threshold=1.0, max_tokens_per_window=4)

    def cancel(_, count):
        if count == allowed:
            held[0].cancel()

    with engine_of(micro, act=cancel) as (engine, whisper):
        held.append(engine.submit(recording("ko-150s", 0, 35), failing))
        engine.start()
        with pytest.raises(EngineCancelled):
            held[0].future.result(60)
        assert len(whisper.calls) == allowed
        assert held[0].compute_s > 0


def test_who_waits_leaves_at_once(micro):
    """A chunk that is not in the running call ends when it is cancelled, not when the call does."""
    running, go = threading.Event(), threading.Event()

    def block(*_):
        running.set()
        go.wait(30)

    with engine_of(micro, batch=1, act=block) as (engine, whisper):
        held = [engine.submit(recording("ko-8s"), options()) for _ in range(3)]
        engine.start()
        assert running.wait(30)
        assert engine.busy_for_s > 0
        held[2].cancel()
        held[2].cancel()
        with pytest.raises(EngineCancelled):
            held[2].future.result(5)  # it may be in preparation; the call lasts until `go`
        held[0].cancel()
        assert not held[0].future.done(), "the call is about it"
        go.set()
        with pytest.raises(EngineCancelled):
            held[0].future.result(60)
        assert held[1].future.result(60).segments
        assert len(whisper.calls) == 3


def test_a_preparation_that_stands_counts_as_busy(micro, monkeypatch):
    """Making features ready for the model may hang as well as the model."""
    go = threading.Event()
    prepare = DecodeSession.prepare

    def hang(session):
        go.wait(30)
        prepare(session)

    monkeypatch.setattr(DecodeSession, "prepare", hang)
    with engine_of(micro) as (engine, _):
        held = engine.submit(recording("ko-8s"), options())
        engine.start()
        while not engine.busy_for_s:
            time.sleep(0.01)
        go.set()
        assert held.future.result(60).segments
        assert not engine.broken


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_engine_whose_thread_died_is_broken(micro, monkeypatch):
    """An error outside of any chunk ends a thread: whoever watches can tell."""

    def die(*_):
        raise SystemError

    monkeypatch.setattr(Executor, "make", die)
    with engine_of(micro) as (engine, _):
        assert not engine.broken
        engine.submit(recording("ko-8s"), options())
        engine.start()
        deadline = time.monotonic() + 60
        while not engine.broken:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_no_call_before_it_is_known(micro):
    """A chunk's first call waits until whoever must know has been told; others go on meanwhile."""
    gos = []
    with engine_of(micro) as (engine, whisper):
        told = threading.Event()

        def turn(go):
            gos.append(go)
            told.set()

        slow = engine.submit(recording("ko-8s"), options(), on_turn=turn)
        engine.start()
        assert told.wait(30)
        assert engine.submit(recording("ko-8s"), options()).future.result(60).segments
        assert len(whisper.calls) == 2
        gos[0]()
        assert slow.future.result(60).segments


def test_interactive_overtakes(micro):
    """An interactive chunk that comes last is done first."""
    order = []
    with engine_of(micro, batch=2) as (engine, _):
        held = [engine.submit(recording("ko-150s", 0, 25), options()) for _ in range(4)]
        held.append(engine.submit(recording("ko-8s"), options(), lane=Lane.INTERACTIVE))
        for number, each in enumerate(held):
            each.future.add_done_callback(lambda _, number=number: order.append(number))
        engine.start()
        wait([each.future for each in held], 60)
    assert order[0] == 4


def test_interim_text_is_decoded_once(talkative):
    """Whatever its text is like: no full window, no second language."""
    asks = {"language": AUTO, "languages": ("ko", "en"), "beam_size": 1, "max_tokens_per_window": 20}
    calls = {}
    for lane in (Lane.INTERIM, Lane.FINAL):
        with engine_of(talkative, policy=DecodePolicy()) as (engine, whisper):
            engine.start()
            engine.submit(recording("ko-8s", 0, 4), options(**asks), lane=lane).future.result(60)
            calls[lane] = [call[0] for call in whisper.calls]
    assert calls[Lane.INTERIM] == ["encode", "generate"]
    assert len(calls[Lane.FINAL]) > 2


def test_closing_gives_everything_up(micro):
    """What is held ends with EngineCancelled, and what comes later, too."""
    with engine_of(micro) as (engine, _):
        held = engine.submit(recording("ko-8s"), options())
        engine.close()
        for each in (held, engine.submit(recording("ko-8s"), options())):
            with pytest.raises(EngineCancelled):
                each.future.result(10)


def test_bytes_are_samples(micro):
    """S16le bytes have the same text as the samples they stand for."""
    pcm = recording("ko-8s")
    as_bytes = (pcm * 32768).round().clip(-32768, 32767).astype("<i2").tobytes()
    of_bytes, of_samples = (micro.submit(each, options()).future.result(60) for each in (as_bytes, pcm))
    assert [s.text for s in of_bytes.segments] == [s.text for s in of_samples.segments]


def test_prometheus_hears_of_batches_and_gaps(micro):
    """Windows, sizes of batches, busy seconds and gaps are counted."""

    def value(name, **labels):
        return REGISTRY.get_sample_value(f"sayit_transcriber_{name}", labels) or 0.0

    names = [
        ("windows_total", {}),
        ("batch_size_sum", {}),
        ("gap_seconds_count", {}),
        ("engine_calls_total", {"call": "encode"}),
        ("engine_seconds_total", {"call": "decode"}),
    ]
    before = [value(name, **labels) for name, labels in names]
    with engine_of(micro) as (engine, _):
        held = [engine.submit(recording("ko-8s"), options()) for _ in range(3)]
        engine.start()
        wait([each.future for each in held], 60)
    grown = [value(name, **labels) - was for (name, labels), was in zip(names, before, strict=True)]
    assert grown[:2] == [3, 3]
    assert grown[2] >= 2
    assert grown[3] == 3
    assert grown[4] > 0
