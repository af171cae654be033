"""Live speech's values: what is allowed, and that they arrive as they were sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import (
    LiveEncoding,
    LiveFinished,
    LiveOptions,
    LiveProgress,
    LiveSpeech,
    LiveStarted,
    LiveText,
    TurnDetection,
    UtteranceEnd,
)
from sayit.speech.wire.live import (
    live_event_from_proto,
    live_event_to_proto,
    live_options_from_proto,
    live_options_to_proto,
)
from sayit.v1 import live_service_pb2 as pb

from . import values

_turns = st.builds(
    TurnDetection, off=st.booleans(), silence_s=st.none() | values.seconds, threshold=st.none() | values.figures
)
_options = st.builds(
    LiveOptions,
    encoding=st.sampled_from(LiveEncoding),
    sample_rate_hz=values.counts,
    channels=values.channels,
    interim_results=st.booleans(),
    refine=st.booleans(),
    turn_detection=_turns,
)
_events = (
    st.builds(LiveStarted, job=values.jobs, received_samples=values.counts, next_utterance=values.counts)
    | st.builds(LiveSpeech, begins=st.booleans(), offset_s=values.seconds, utterance=values.counts)
    | st.builds(
        LiveText,
        start_s=values.seconds,
        end_s=values.seconds,
        utterance=values.counts,
        committed=values.text,
        tentative=values.text,
        stability=values.figures,
        is_final=st.booleans(),
        segments=values.several_segments,
        language=values.text,
        ended_by=st.sampled_from(UtteranceEnd),
    )
    | st.builds(
        LiveProgress,
        received_samples=values.counts,
        committed_s=values.seconds,
        lag_s=values.seconds,
        decoded_s=values.seconds,
    )
    | st.builds(LiveFinished, job=values.jobs)
)


@settings(max_examples=50)
@given(_options, _events)
def test_live_values_round_trip(options, event):
    """A session's options and each of its events come back as they were."""
    assert live_options_from_proto(live_options_to_proto(options)) == options
    assert live_event_from_proto(live_event_to_proto(event)) == event


def test_an_event_of_the_future_can_be_skipped():
    """A response without a known body is an INVALID_ARGUMENT."""
    with pytest.raises(SayItError) as caught:
        live_event_from_proto(pb.StreamingRecognizeResponse())
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (LiveOptions(sample_rate_hz=7_999), "sample_rate_hz"),
        (LiveOptions(sample_rate_hz=48_001), "sample_rate_hz"),
        (LiveOptions(channels=3), "channels"),
        (LiveOptions(channels=2, encoding=LiveEncoding.MULAW), "channels"),
        (LiveOptions(turn_detection=TurnDetection(silence_s=0.1)), "turn_detection.silence_s"),
        (LiveOptions(turn_detection=TurnDetection(threshold=1.0)), "turn_detection.threshold"),
    ],
)
def test_what_is_out_of_its_limits_is_refused(options, field):
    """The field is named."""
    with pytest.raises(SayItError) as caught:
        options.checked()
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, field)


@pytest.mark.parametrize(
    ("options", "rate_hz", "frame_bytes"),
    [
        (LiveOptions(), 16_000, 2),
        (LiveOptions(sample_rate_hz=44_100, channels=2), 44_100, 4),
        (LiveOptions(encoding=LiveEncoding.ALAW), 8_000, 1),
        (LiveOptions(encoding=LiveEncoding.WEBM_OPUS), 48_000, 0),
    ],
)
def test_what_is_not_said_is_the_usual(options, rate_hz, frame_bytes):
    """Rate and size of a sample follow from the encoding."""
    assert options.checked() is options
    assert (options.rate_hz, options.frame_bytes) == (rate_hz, frame_bytes)
