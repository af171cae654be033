"""Live speech, to and from its public protobuf messages; as the package does for everything else."""

from __future__ import annotations

from typing import Any

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.live import LiveEvent, LiveFinished, LiveOptions, LiveProgress, LiveSpeech, LiveStarted, LiveText
from sayit.speech.wire import job_from_proto, job_to_proto
from sayit.speech.wire.codec import Codec
from sayit.v1 import live_service_pb2 as pb

#: The audio and results of a session, in its first message; whose job it is and whether it goes on are other fields.
live_options_to_proto, live_options_from_proto = Codec(
    LiveOptions, pb.LiveConfig, unknown=ErrorKind.INVALID_OPTION
).both_ways

#: What a response can say, by the names of the message's fields; `finished` is a job.
_EVENTS: dict[str, Codec[Any, Any]] = {
    "started": Codec(LiveStarted, pb.LiveStarted),
    "speech": Codec(LiveSpeech, pb.SpeechEvent),
    "result": Codec(LiveText, pb.LiveResult),
    "progress": Codec(LiveProgress, pb.LiveProgress),
}
_NAMES = {codec.value: name for name, codec in _EVENTS.items()}


def live_event_to_proto(event: LiveEvent) -> pb.StreamingRecognizeResponse:
    """An event."""
    if isinstance(event, LiveFinished):
        return pb.StreamingRecognizeResponse(finished=job_to_proto(event.job))
    name = _NAMES[type(event)]
    message = pb.StreamingRecognizeResponse()
    getattr(message, name).CopyFrom(_EVENTS[name].to_proto(event))
    return message


def live_event_from_proto(message: pb.StreamingRecognizeResponse) -> LiveEvent:
    """An event; readers of a newer server skip one that they do not know.

    Raises:
        SayItError: INVALID_ARGUMENT for one of those.
    """
    name = message.WhichOneof("event")
    if name is None:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="event", reason="an event without a known body")
    if name == "finished":
        return LiveFinished(job=job_from_proto(message.finished))
    event: LiveEvent = _EVENTS[name].from_proto(getattr(message, name))
    return event
