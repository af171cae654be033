"""Assignments and outputs, from and to the messages of the private chunk service."""

from __future__ import annotations

from sayit.internal.v1 import chunk_service_pb2 as pb
from sayit.speech.options import AUTO, DecodeOptions, Task
from sayit.speech.wire import duration_to_proto, segment_to_proto, suppressed_to_proto
from sayit.speech.wire.times import shortest
from sayit.transcriber.engine.result import DecodedChunk
from sayit.v1 import resources_pb2


def decode_options_from_proto(message: pb.DecodeOptions) -> DecodeOptions:
    """The options of an assignment; 32-bit floats come back as the decimals they were."""
    return DecodeOptions(
        language=message.language or AUTO,
        task=Task.TRANSLATE if message.task == resources_pb2.TASK_TRANSLATE else Task.TRANSCRIBE,
        prompt=message.prompt,
        hotwords=message.hotwords,
        word_timestamps=message.word_timestamps,
        beam_size=message.beam_size,
        best_of=message.best_of,
        patience=shortest(message.patience),
        temperatures=tuple(shortest(temperature) for temperature in message.temperatures),
        compression_ratio_threshold=shortest(message.compression_ratio_threshold),
        logprob_threshold=shortest(message.logprob_threshold),
        no_speech_threshold=shortest(message.no_speech_threshold),
        max_tokens_per_window=message.max_tokens_per_window,
        languages=tuple(message.languages),
        within_chunk_context=message.within_chunk_context,
        suppress_tokens=tuple(message.suppress_tokens),
    )


def chunk_output_to_proto(text: DecodedChunk) -> pb.ChunkOutput:
    """The engine's text as a message; times stay relative to the chunk."""
    return pb.ChunkOutput(
        segments=[segment_to_proto(segment) for segment in text.segments],
        language=text.language,
        language_probability=text.language_probability,
        suppressed=[suppressed_to_proto(suppressed) for suppressed in text.suppressed],
        compute=duration_to_proto(text.compute_s),
        windows=text.windows,
    )
