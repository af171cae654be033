"""Vocabularies to and from their public messages."""

from __future__ import annotations

from sayit.speech.vocabularies import Vocabulary
from sayit.speech.wire.times import epoch_s, timestamp_to_proto
from sayit.v1 import vocabulary_service_pb2 as pb


def vocabulary_to_proto(vocabulary: Vocabulary) -> pb.Vocabulary:
    """A vocabulary."""
    return pb.Vocabulary(
        name=vocabulary.name,
        words=vocabulary.words,
        prompt=vocabulary.prompt,
        create_time=timestamp_to_proto(vocabulary.created_at_s),
        update_time=timestamp_to_proto(vocabulary.updated_at_s),
    )


def vocabulary_from_proto(message: pb.Vocabulary) -> Vocabulary:
    """A vocabulary."""
    return Vocabulary(
        name=message.name,
        words=tuple(message.words),
        prompt=message.prompt,
        created_at_s=epoch_s(message.create_time),
        updated_at_s=epoch_s(message.update_time),
    )
