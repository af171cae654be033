"""Transcripts and what they are made of, whole or in parts that no message limit stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.transcript import Coverage, Segment, Span, Suppressed, SuppressionReason, Transcript, Usage, Word
from sayit.speech.wire.times import duration_to_proto, seconds_of_duration, shortest
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

#: Most segments in one part.
PART_SEGMENTS = 200
#: Most bytes of segments in one part, far below gRPC's usual 4 MiB; a single larger segment travels alone.
PART_BYTES = 512 * 1024

_REASONS = {reason.value: reason for reason in SuppressionReason}


def word_to_proto(word: Word) -> pb.Word:
    """A word."""
    return pb.Word(
        text=word.text,
        start=duration_to_proto(word.start_s),
        end=duration_to_proto(word.end_s),
        probability=word.probability,
    )


def word_from_proto(message: pb.Word) -> Word:
    """A word."""
    return Word(
        text=message.text,
        start_s=seconds_of_duration(message.start),
        end_s=seconds_of_duration(message.end),
        probability=shortest(message.probability),
    )


def segment_to_proto(segment: Segment) -> pb.Segment:
    """A segment with its words."""
    return pb.Segment(
        id=segment.id,
        start=duration_to_proto(segment.start_s),
        end=duration_to_proto(segment.end_s),
        text=segment.text,
        language=segment.language,
        speaker=segment.speaker,
        avg_logprob=segment.avg_logprob,
        compression_ratio=segment.compression_ratio,
        no_speech_prob=segment.no_speech_prob,
        words=map(word_to_proto, segment.words),
        temperature=segment.temperature,
        channel=segment.channel,
        language_probability=segment.language_probability,
    )


def segment_from_proto(message: pb.Segment) -> Segment:
    """A segment with its words."""
    return Segment(
        id=message.id,
        start_s=seconds_of_duration(message.start),
        end_s=seconds_of_duration(message.end),
        text=message.text,
        language=message.language,
        speaker=message.speaker,
        avg_logprob=shortest(message.avg_logprob),
        compression_ratio=shortest(message.compression_ratio),
        no_speech_prob=shortest(message.no_speech_prob),
        temperature=shortest(message.temperature),
        channel=message.channel,
        language_probability=shortest(message.language_probability),
        words=tuple(map(word_from_proto, message.words)),
    )


def span_to_proto(span: Span) -> pb.TimeSpan:
    """A stretch of time."""
    return pb.TimeSpan(start=duration_to_proto(span.start_s), end=duration_to_proto(span.end_s), channel=span.channel)


def span_from_proto(message: pb.TimeSpan) -> Span:
    """A stretch of time."""
    return Span(
        start_s=seconds_of_duration(message.start), end_s=seconds_of_duration(message.end), channel=message.channel
    )


def coverage_to_proto(coverage: Coverage) -> pb.Coverage:
    """Detected against transcribed speech."""
    return pb.Coverage(
        speech_detected=duration_to_proto(coverage.speech_detected_s),
        speech_transcribed=duration_to_proto(coverage.speech_transcribed_s),
        gaps=map(span_to_proto, coverage.gaps),
    )


def coverage_from_proto(message: pb.Coverage) -> Coverage:
    """Detected against transcribed speech."""
    return Coverage(
        speech_detected_s=seconds_of_duration(message.speech_detected),
        speech_transcribed_s=seconds_of_duration(message.speech_transcribed),
        gaps=tuple(map(span_from_proto, message.gaps)),
    )


def suppressed_to_proto(suppressed: Suppressed) -> pb.Suppressed:
    """A removed text."""
    return pb.Suppressed(
        text=suppressed.text,
        reason=suppressed.reason.value,
        start=duration_to_proto(suppressed.start_s),
        end=duration_to_proto(suppressed.end_s),
        channel=suppressed.channel,
    )


def suppressed_from_proto(message: pb.Suppressed) -> Suppressed:
    """A removed text; a reason that this version does not know becomes OTHER."""
    return Suppressed(
        text=message.text,
        reason=_REASONS.get(message.reason, SuppressionReason.OTHER),
        start_s=seconds_of_duration(message.start),
        end_s=seconds_of_duration(message.end),
        channel=message.channel,
    )


def usage_to_proto(usage: Usage) -> pb.Usage:
    """What a transcript cost."""
    return pb.Usage(audio=duration_to_proto(usage.audio_s), compute=duration_to_proto(usage.compute_s))


def usage_from_proto(message: pb.Usage) -> Usage:
    """What a transcript cost."""
    return Usage(audio_s=seconds_of_duration(message.audio), compute_s=seconds_of_duration(message.compute))


def transcript_to_proto(transcript: Transcript) -> pb.Transcript:
    """A whole transcript in one message, for storage: it may be too large to send, `transcript_parts` never is."""
    message = _header(transcript)
    message.segments.extend(map(segment_to_proto, transcript.segments))
    return message


def transcript_from_proto(message: pb.Transcript) -> Transcript:
    """A whole transcript."""
    return Transcript(
        segments=tuple(map(segment_from_proto, message.segments)),
        language=message.language,
        language_probability=shortest(message.language_probability),
        duration_s=seconds_of_duration(message.duration),
        coverage=coverage_from_proto(message.coverage),
        usage=usage_from_proto(message.usage),
        model=message.model,
        preset=message.preset,
        suppressed=tuple(map(suppressed_from_proto, message.suppressed)),
    )


def transcript_parts(transcript: Transcript) -> Iterator[service_pb.GetTranscriptResponse]:
    """A transcript as GetTranscript streams it: the header, then the segments in parts of at most PART_SEGMENTS."""
    yield service_pb.GetTranscriptResponse(header=_header(transcript))
    batch: list[pb.Segment] = []
    size = 0
    for segment in map(segment_to_proto, transcript.segments):
        more = segment.ByteSize()
        if batch and (len(batch) == PART_SEGMENTS or size + more > PART_BYTES):
            yield _batch(batch)
            batch, size = [], 0
        batch.append(segment)
        size += more
    if batch:
        yield _batch(batch)


def transcript_of_parts(parts: Iterable[service_pb.GetTranscriptResponse]) -> Transcript:
    """The transcript that came in parts.

    Raises:
        SayItError: INVALID_ARGUMENT if the first part is not the header, or a later one is not segments.
    """
    whole: pb.Transcript | None = None
    for part in parts:
        match part.WhichOneof("part"):
            case "header" if whole is None:
                whole = pb.Transcript()
                whole.CopyFrom(part.header)
            case "segments" if whole is not None:
                whole.segments.extend(part.segments.segments)
            case other:
                raise SayItError(ErrorKind.INVALID_ARGUMENT, reason=f"a transcript part out of order: {other}")
    if whole is None:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, reason="a transcript without its header")
    return transcript_from_proto(whole)


def _header(transcript: Transcript) -> pb.Transcript:
    return pb.Transcript(
        language=transcript.language,
        language_probability=transcript.language_probability,
        duration=duration_to_proto(transcript.duration_s),
        coverage=coverage_to_proto(transcript.coverage),
        suppressed=map(suppressed_to_proto, transcript.suppressed),
        usage=usage_to_proto(transcript.usage),
        model=transcript.model,
        preset=transcript.preset,
    )


def _batch(segments: list[pb.Segment]) -> service_pb.GetTranscriptResponse:
    return service_pb.GetTranscriptResponse(segments=service_pb.SegmentBatch(segments=segments))
