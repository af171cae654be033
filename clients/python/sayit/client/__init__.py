"""SayIt's client for Python: `AsyncClient` for asyncio programs, `Client` for all others.

    from sayit.client import Client

    with Client() as client:
        print(client.transcribe("meeting.m4a").transcript.text)

It needs grpcio, protobuf and googleapis-common-protos, and no code of any server.
"""

from sayit.client.async_client import DEFAULT_ADDRESS, AsyncClient
from sayit.client.audio_sources import Audio
from sayit.client.batches import Outcome
from sayit.client.sync_client import Client
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import (
    ChunkText,
    Completed,
    EventBody,
    Failed,
    Job,
    JobError,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    Refinement,
    Result,
    StateChanged,
)
from sayit.speech.language_names import AUTO
from sayit.speech.options import Channels, Context, DecodingOverrides, Guard, Options, Task
from sayit.speech.rendering import Format, SubtitleStyle, render
from sayit.speech.system import Model, Part, PartState, SystemStatus, TranscriberStatus
from sayit.speech.transcript import Coverage, Segment, Span, Suppressed, SuppressionReason, Transcript, Usage, Word
from sayit.speech.vocabularies import Vocabulary

__all__ = [
    "AUTO",
    "DEFAULT_ADDRESS",
    "AsyncClient",
    "Audio",
    "Channels",
    "ChunkText",
    "Client",
    "Completed",
    "Context",
    "Coverage",
    "DecodingOverrides",
    "ErrorKind",
    "EventBody",
    "Failed",
    "Format",
    "Guard",
    "Job",
    "JobError",
    "JobEvent",
    "JobState",
    "Model",
    "Options",
    "Outcome",
    "Part",
    "PartState",
    "PartialText",
    "Progress",
    "Refinement",
    "Result",
    "SayItError",
    "Segment",
    "Span",
    "StateChanged",
    "SubtitleStyle",
    "Suppressed",
    "SuppressionReason",
    "SystemStatus",
    "Task",
    "TranscriberStatus",
    "Transcript",
    "Usage",
    "Vocabulary",
    "Word",
    "render",
]
