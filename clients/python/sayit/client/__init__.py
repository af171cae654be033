"""SayIt's client for Python: `AsyncClient` for asyncio programs, `Client` for all others.

    from sayit.client import Client

    with Client() as client:
        print(client.transcribe("meeting.m4a").transcript.text)

It needs grpcio, protobuf and googleapis-common-protos, and no code of any server.
"""

from sayit.client.async_client import DEFAULT_ADDRESS as DEFAULT_ADDRESS
from sayit.client.async_client import AsyncClient as AsyncClient
from sayit.client.audio_sources import Audio as Audio
from sayit.client.batches import Outcome as Outcome
from sayit.client.live_session import LiveSession as LiveSession
from sayit.client.sync_client import Client as Client
from sayit.speech.api_keys import ApiKey as ApiKey
from sayit.speech.api_keys import NewApiKey as NewApiKey
from sayit.speech.corrections import Corrections as Corrections
from sayit.speech.corrections import SegmentCorrection as SegmentCorrection
from sayit.speech.corrections import TranscriptVersion as TranscriptVersion
from sayit.speech.errors import ErrorKind as ErrorKind
from sayit.speech.errors import SayItError as SayItError
from sayit.speech.jobs import ChunkText as ChunkText
from sayit.speech.jobs import Completed as Completed
from sayit.speech.jobs import EventBody as EventBody
from sayit.speech.jobs import Failed as Failed
from sayit.speech.jobs import Job as Job
from sayit.speech.jobs import JobError as JobError
from sayit.speech.jobs import JobEvent as JobEvent
from sayit.speech.jobs import JobState as JobState
from sayit.speech.jobs import PartialText as PartialText
from sayit.speech.jobs import Progress as Progress
from sayit.speech.jobs import Refinement as Refinement
from sayit.speech.jobs import Result as Result
from sayit.speech.jobs import StateChanged as StateChanged
from sayit.speech.language_names import AUTO as AUTO
from sayit.speech.live import LiveEncoding as LiveEncoding
from sayit.speech.live import LiveEvent as LiveEvent
from sayit.speech.live import LiveFinished as LiveFinished
from sayit.speech.live import LiveOptions as LiveOptions
from sayit.speech.live import LiveProgress as LiveProgress
from sayit.speech.live import LiveSpeech as LiveSpeech
from sayit.speech.live import LiveStarted as LiveStarted
from sayit.speech.live import LiveText as LiveText
from sayit.speech.live import TurnDetection as TurnDetection
from sayit.speech.live import UtteranceEnd as UtteranceEnd
from sayit.speech.options import Channels as Channels
from sayit.speech.options import Context as Context
from sayit.speech.options import DecodingOverrides as DecodingOverrides
from sayit.speech.options import Guard as Guard
from sayit.speech.options import Options as Options
from sayit.speech.options import Task as Task
from sayit.speech.rendering import Format as Format
from sayit.speech.rendering import SubtitleStyle as SubtitleStyle
from sayit.speech.rendering import render as render
from sayit.speech.share_links import NewShareLink as NewShareLink
from sayit.speech.share_links import ShareLink as ShareLink
from sayit.speech.system import Model as Model
from sayit.speech.system import Part as Part
from sayit.speech.system import PartState as PartState
from sayit.speech.system import SystemStatus as SystemStatus
from sayit.speech.system import TranscriberStatus as TranscriberStatus
from sayit.speech.transcript import Coverage as Coverage
from sayit.speech.transcript import Segment as Segment
from sayit.speech.transcript import Span as Span
from sayit.speech.transcript import Suppressed as Suppressed
from sayit.speech.transcript import SuppressionReason as SuppressionReason
from sayit.speech.transcript import Transcript as Transcript
from sayit.speech.transcript import Usage as Usage
from sayit.speech.transcript import Word as Word
from sayit.speech.vocabularies import Vocabulary as Vocabulary
