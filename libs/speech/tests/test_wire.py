"""What travels arrives as it was sent."""

from __future__ import annotations

from dataclasses import fields

import pytest
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, LocalizedMessage, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.speech import wire
from sayit.speech.errors import ERROR_DOMAIN, ErrorKind, SayItError
from sayit.speech.jobs import JobState
from sayit.speech.language_names import AUTO
from sayit.speech.options import DECODING, OPTIONS, Options, Task
from sayit.speech.rendering import BROADCASTERS, SUBTITLES, SubtitleStyle
from sayit.speech.system import PartState
from sayit.speech.transcript import Coverage, Segment, SuppressionReason, Transcript, Usage, Word
from sayit.speech.wire import PART_BYTES, PART_SEGMENTS
from sayit.speech.wire.times import shortest
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import system_service_pb2 as system_pb
from sayit.v1 import transcription_service_pb2 as service_pb

from . import values

few = settings(max_examples=50)


@few
@given(values.options)
def test_options_round_trip(value):
    """Options come back as they were, an absent temperature included."""
    assert wire.options_from_proto(wire.options_to_proto(value)) == value


@given(values.styles)
def test_styles_round_trip(value):
    """A style comes back as it was, and what a message does not say is broadcasters'."""
    assert wire.style_from_proto(wire.style_to_proto(value)) == value
    assert wire.style_from_proto(service_pb.SubtitleStyle()) == BROADCASTERS


def test_every_option_has_a_rule_and_a_field_of_the_contract():
    """What is declared is what can be sent, and the other way round."""
    assert {*OPTIONS, "decoding"} == set(pb.TranscriptionOptions.DESCRIPTOR.fields_by_name)
    assert set(DECODING) == set(pb.DecodingOverrides.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(Options)} == {*OPTIONS, "decoding"}
    assert set(SUBTITLES) == set(service_pb.SubtitleStyle.DESCRIPTOR.fields_by_name)
    assert set(SUBTITLES) == {field.name for field in fields(SubtitleStyle)}


@few
@given(values.jobs)
def test_job_round_trips(value):
    """A job comes back as it was."""
    assert wire.job_from_proto(wire.job_to_proto(value)) == value


@settings(max_examples=60)
@given(values.events)
def test_event_round_trips(value):
    """Every kind of event comes back as it was."""
    assert wire.event_from_proto(wire.event_to_proto(value)) == value


@few
@given(values.segments)
def test_segment_round_trips(value):
    """A segment comes back as it was."""
    assert wire.segment_from_proto(wire.segment_to_proto(value)) == value


@few
@given(values.transcripts)
def test_transcript_round_trips_whole_and_in_parts(value):
    """A transcript comes back as it was, in one message and in parts that went through bytes."""
    assert wire.transcript_from_proto(wire.transcript_to_proto(value)) == value
    parts = [service_pb.GetTranscriptResponse.FromString(p.SerializeToString()) for p in wire.transcript_parts(value)]
    assert wire.transcript_of_parts(parts) == value


@few
@given(values.corrections)
def test_corrections_round_trip(value):
    """Corrections come back as they were; a text that is empty is not one that is absent."""
    assert wire.corrections_from_proto(wire.corrections_to_proto(value)) == value


@few
@given(values.models, values.statuses, values.states)
def test_system_and_states_round_trip(model, status, state):
    """Models, the suite's status and states come back as they were."""
    assert wire.model_from_proto(wire.model_to_proto(model)) == model
    assert wire.status_from_proto(wire.status_to_proto(status)) == status
    assert wire.job_state_from_proto(wire.job_state_to_proto(state)) is state


@given(st.floats(-1e8, 1e8))
def test_durations_are_right_to_the_nanosecond(seconds):
    """Any number of seconds, negative too, comes back within half a nanosecond and a rounding."""
    assert wire.seconds_of_duration(wire.duration_to_proto(seconds)) == pytest.approx(seconds, rel=1e-15, abs=5.1e-10)


@given(st.floats(1e8, 4e9))
def test_times_of_day_come_back_exactly(moment):
    """What time.time() gives comes back as the same float."""
    assert wire.epoch_s(wire.timestamp_to_proto(moment)) == moment


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_no_duration(seconds):
    """What is not a finite number is refused where it would enter a message."""
    with pytest.raises((ValueError, OverflowError)):
        wire.duration_to_proto(seconds)


@given(st.floats(width=32, allow_nan=False))
def test_shortest_is_the_same_32_bit_float(value):
    """The shortest decimal is the same number to a 32-bit float."""
    assert pb.Word(probability=shortest(value)).probability == value


def test_shortest_says_what_was_written():
    """0.2 stays 0.2 where the wire gives 0.20000000298."""
    assert shortest(pb.Word(probability=0.2).probability) == 0.2


def test_an_empty_request_means_the_defaults():
    """Options without any field are the default options."""
    assert wire.options_from_proto(pb.TranscriptionOptions()) == Options(language=AUTO, task=Task.TRANSCRIBE)


def test_a_task_of_the_future_is_an_invalid_option():
    """A task number that this version does not know is the caller's error and names the field."""
    with pytest.raises(SayItError) as caught:
        wire.options_from_proto(pb.TranscriptionOptions(task=77))
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, "task")


@pytest.mark.parametrize("number", [0, 77])
def test_a_state_nobody_knows_is_an_invalid_argument(number):
    """The unspecified state and unknown ones are refused."""
    with pytest.raises(SayItError) as caught:
        wire.job_state_from_proto(number)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


def test_every_state_has_its_number():
    """States and their numbers map one to one, and no number but the unspecified one is left over."""
    numbers = {wire.job_state_to_proto(state) for state in JobState}
    assert numbers == set(pb.JobState.values()) - {pb.JOB_STATE_UNSPECIFIED}


def test_an_event_of_the_future_is_refused_by_name():
    """An event without a known body is an INVALID_ARGUMENT that a reader can skip."""
    with pytest.raises(SayItError) as caught:
        wire.event_from_proto(pb.JobEvent(job_id="j", seq=3))
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


def test_reasons_and_states_of_the_future_do_not_break_a_reader():
    """A newer server's suppression reason reads as OTHER, its part state as DOWN."""
    assert wire.suppressed_from_proto(pb.Suppressed(reason="boredom")).reason is SuppressionReason.OTHER
    assert wire.status_from_proto(system_pb.Status(state=77)).state is PartState.DOWN


def _transcript(segments):
    return Transcript(
        segments=tuple(segments),
        language="ko",
        language_probability=1.0,
        duration_s=60.0,
        coverage=Coverage(speech_detected_s=50.0, speech_transcribed_s=50.0),
        usage=Usage(audio_s=60.0, compute_s=20.0),
        model="small",
        preset="ko",
    )


def _segment(index, text="안녕하세요", words=()):
    return Segment(id=index, start_s=index, end_s=index + 0.5, text=text, language="ko", words=tuple(words))


def test_parts_hold_at_most_200_segments():
    """450 short segments travel as a header and three parts, in order."""
    transcript = _transcript(_segment(index) for index in range(450))
    parts = list(wire.transcript_parts(transcript))
    assert [len(part.segments.segments) for part in parts[1:]] == [PART_SEGMENTS, PART_SEGMENTS, 50]
    assert parts[0].WhichOneof("part") == "header"
    assert wire.transcript_of_parts(parts) == transcript


def test_parts_stay_small_with_many_words():
    """Segments full of words are cut into parts by their bytes, below gRPC's limits."""
    words = [Word(text=" 단어", start_s=1.5, end_s=1.75, probability=0.5)] * 200
    parts = list(wire.transcript_parts(_transcript(_segment(index, words=words) for index in range(200))))
    assert len(parts) > 2
    assert all(part.ByteSize() <= PART_BYTES + 1024 for part in parts)


def test_an_empty_transcript_is_a_header_alone():
    """Silence travels as a header without segments."""
    transcript = _transcript([])
    parts = list(wire.transcript_parts(transcript))
    assert len(parts) == 1
    assert wire.transcript_of_parts(parts) == transcript


def test_parts_out_of_order_are_refused():
    """Segments without a header, two headers, rendered content, and nothing at all are no transcript."""
    header, segments = wire.transcript_parts(_transcript([_segment(0)]))
    content = service_pb.GetTranscriptResponse(content=b"text")
    for parts in ([], [segments], [segments, header], [header, header], [header, content]):
        with pytest.raises(SayItError) as caught:
            wire.transcript_of_parts(parts)
        assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


def _status(code, *details, message="for the log"):
    status = Status(code=code, message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status.SerializeToString()


def test_an_error_comes_back_with_all_it_carried():
    """Kind, details, field and retry time survive the way through google.rpc.Status."""
    retry = RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    error = wire.error_of_status(
        _status(
            code_pb2.INVALID_ARGUMENT,
            ErrorInfo(
                reason="INVALID_OPTION", domain=ERROR_DOMAIN, metadata={"field": "beam_size", "reason": "too wide"}
            ),
            LocalizedMessage(locale="ko", message="…"),
            BadRequest(field_violations=[BadRequest.FieldViolation(field="beam_size", description="too wide")]),
            retry,
        )
    )
    assert error.kind is ErrorKind.INVALID_OPTION
    assert error.field == "beam_size"
    assert error.retry_after_s == 1.5
    assert error.message("en") == "The option beam_size is not valid: too wide"
    assert error.message("ko") == "beam_size 옵션이 올바르지 않습니다: too wide"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (code_pb2.UNAVAILABLE, ErrorKind.UNAVAILABLE),
        (code_pb2.DEADLINE_EXCEEDED, ErrorKind.DEADLINE_EXCEEDED),
        (code_pb2.UNAUTHENTICATED, ErrorKind.UNAUTHENTICATED),
        (code_pb2.DATA_LOSS, ErrorKind.INTERNAL),
    ],
)
def test_a_status_without_our_details_maps_by_its_code(code, kind):
    """A proxy's bare status, or another domain's ErrorInfo, still becomes the closest kind."""
    assert wire.error_of_status(_status(code)).kind is kind
    foreign = ErrorInfo(reason="FILE_TOO_LARGE", domain="example.com")
    assert wire.error_of_status(_status(code, foreign)).kind is kind


def test_a_code_of_the_future_is_internal_and_keeps_its_words_for_the_log():
    """An unknown code of our domain becomes INTERNAL; the text goes to the cause only."""
    error = wire.error_of_status(_status(code_pb2.INTERNAL, ErrorInfo(reason="BRAND_NEW", domain=ERROR_DOMAIN)))
    assert error.kind is ErrorKind.INTERNAL
    assert error.cause == "BRAND_NEW: for the log"
    assert "for the log" not in error.message("en")


def test_a_code_of_the_future_speaks_for_itself():
    """The sentences that came with an unknown code are what people read."""
    texts = {"en": "The moon is full.", "ko": "보름달입니다."}
    localized = [LocalizedMessage(locale=locale, message=text) for locale, text in texts.items()]
    info = ErrorInfo(reason="BRAND_NEW", domain=ERROR_DOMAIN)
    error = wire.error_of_status(_status(code_pb2.INTERNAL, info, *localized))
    assert {language: error.message(language) for language in texts} == texts
    assert str(error) == texts["en"]


def test_details_cannot_overwrite_the_errors_own_arguments():
    """Metadata named like SayItError's arguments does no harm."""
    metadata = {"kind": "x", "cause": "x", "retry_after_s": "x", "sentences": "x", "limit_mb": "100"}
    error = wire.error_of_status(_status(3, ErrorInfo(reason="FILE_TOO_LARGE", domain=ERROR_DOMAIN, metadata=metadata)))
    assert error.message("en") == "The file is larger than 100 MB."


def test_garbage_is_an_internal_error():
    """Bytes that are no Status become INTERNAL instead of an exception of protobuf's."""
    assert wire.error_of_status(b"\xff\xff\xff").kind is ErrorKind.INTERNAL
