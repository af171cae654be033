"""What the use cases ask of the outside; stores, queues, storage and decoding implement it."""

from sayit.scheduler.ports.database import ChunkStore, FleetStore, JobStore, UploadStore
from sayit.scheduler.ports.decoding import Decoder, DecodeSummary, Decoding
from sayit.scheduler.ports.objects import ObjectStore
from sayit.scheduler.ports.queue import DispatchQueue, EventBus, QueueHealth
from sayit.scheduler.ports.vocabularies import VocabularyStore

__all__ = [
    "ChunkStore",
    "DecodeSummary",
    "Decoder",
    "Decoding",
    "DispatchQueue",
    "EventBus",
    "FleetStore",
    "JobStore",
    "ObjectStore",
    "QueueHealth",
    "UploadStore",
    "VocabularyStore",
]
