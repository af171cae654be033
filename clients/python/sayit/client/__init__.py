"""SayIt's client for Python: `AsyncClient` for asyncio programs, `Client` for all others.

    from sayit.client import Client

    with Client() as client:
        print(client.transcribe("meeting.m4a").transcript.text)

It needs grpcio, protobuf and googleapis-common-protos, and no code of any server.
"""

from sayit.client.async_client import DEFAULT_ADDRESS, AsyncClient
from sayit.client.audio_sources import Audio
from sayit.client.sync_client import Client
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import Job, JobEvent, JobState, Result
from sayit.speech.options import Channels, Context, DecodingOverrides, Guard, Options, Task
from sayit.speech.rendering import Format
from sayit.speech.transcript import Transcript
from sayit.speech.vocabularies import Vocabulary

__all__ = [
    "DEFAULT_ADDRESS",
    "AsyncClient",
    "Audio",
    "Channels",
    "Client",
    "Context",
    "DecodingOverrides",
    "ErrorKind",
    "Format",
    "Guard",
    "Job",
    "JobEvent",
    "JobState",
    "Options",
    "Result",
    "SayItError",
    "Task",
    "Transcript",
    "Vocabulary",
]
