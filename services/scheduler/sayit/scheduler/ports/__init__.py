"""What the use cases ask of the outside; stores, queues, storage and decoding implement it."""

from sayit.scheduler.ports.database import ChunkCacheStore, ChunkStore, FleetStore, JobStore, UploadStore
from sayit.scheduler.ports.decoding import Decoder, DecodeSummary, Decoding
from sayit.scheduler.ports.looks import LookStore
from sayit.scheduler.ports.objects import ObjectStore
from sayit.scheduler.ports.queue import DispatchQueue, EventBus, QueueHealth
from sayit.scheduler.ports.vocabularies import VocabularyStore

__all__ = [
    "ChunkCacheStore",
    "ChunkStore",
    "DecodeSummary",
    "Decoder",
    "Decoding",
    "DispatchQueue",
    "EventBus",
    "FleetStore",
    "JobStore",
    "LookStore",
    "ObjectStore",
    "QueueHealth",
    "UploadStore",
    "VocabularyStore",
]
