"""A client made of gRPC's own parts alone: no SDK, no generated code, only what the server's reflection says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from .helper import RECORDINGS, RunningSuite, repeated

AUDIO = (RECORDINGS / "en-8s.flac").read_bytes()


class PlainClient:
    """Calls any method of a server, with dictionaries for messages."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, method: str, *requests: dict[str, Any]) -> Any:
        """The answer of "Service.Method", or the list of its answers."""
        service, _, name = method.partition(".")
        found = self._pool.FindServiceByName(f"sayit.v1.{service}").FindMethodByName(name)
        sends, answers = GetMessageClass(found.input_type), GetMessageClass(found.output_type)
        shape = "_".join("stream" if many else "unary" for many in (found.client_streaming, found.server_streaming))
        make = getattr(self._channel, shape)
        invoke = make(f"/sayit.v1.{service}/{name}", sends.SerializeToString, answers.FromString)
        messages = [sends(**request) for request in requests]
        answer = invoke(iter(messages) if found.client_streaming else messages[0], timeout=60)
        return [MessageToDict(one) for one in answer] if found.server_streaming else MessageToDict(answer)


@pytest.fixture
def plain(suite: RunningSuite) -> Iterator[PlainClient]:
    """A client of the shared suite."""
    with grpc.insecure_channel(suite.address) as channel:
        yield PlainClient(channel)


def test_recognize_and_labels(plain: PlainClient) -> None:
    """One call gives text and subtitles; the job underneath is found by its label, and by no other value of it."""
    config = {"options": {"language": "en"}, "filename": "plain.wav", "labels": {"run": "plain-A", "who": "나"}}
    # Of its own loudness, so that the answer does not come from the cache, which reads no length.
    audio = repeated("en-8s", 1, gain=0.97)
    answer = plain.call(
        "TranscriptionService.Recognize",
        {"config": config, "audio": audio, "formats": ["TRANSCRIPT_FORMAT_SRT", "TRANSCRIPT_FORMAT_TEXT"]},
    )
    assert answer["job"]["state"] == "JOB_STATE_COMPLETED"
    assert answer["rendered"][0]["content"].startswith("1\n00:00:0")
    assert answer["rendered"][1]["content"].split() == [
        w for s in answer["transcript"]["segments"] for w in s["text"].split()
    ]
    assert float(answer["job"]["progress"]["audioDeclared"].rstrip("s")) == pytest.approx(8, abs=1)

    def found(**labels: str) -> list[str]:
        page = plain.call("TranscriptionService.ListJobs", {"labels": labels, "page_size": 5000})
        return [job["id"] for job in page.get("jobs", [])]

    assert found(run="plain-A", who="나") == [answer["job"]["id"]]
    assert found(run="plain-a") == found(run="plain-A", who="x") == []


def test_audio_and_events_in_one_call(plain: PlainClient) -> None:
    """Events are numbered without gaps and end with the summary."""
    pieces = [{"audio": AUDIO[start : start + 50_000]} for start in range(0, len(AUDIO), 50_000)]
    requests = [{"config": {"options": {"language": "en"}}}, *pieces, {"audio": b""}]
    events = plain.call("TranscriptionService.Transcribe", *requests)
    numbers = [int(event["seq"]) for event in events if "seq" in event]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "completed" in events[-1]


def test_what_is_wrong_is_said_in_googles_terms(plain: PlainClient) -> None:
    """Code, field and both sentences come as google.rpc's messages, which every language has."""
    labels = {"Not A Name": "x"}
    with pytest.raises(grpc.RpcError) as caught:
        plain.call("TranscriptionService.Recognize", {"config": {"labels": labels}, "audio": AUDIO})
    status = status_pb2.Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
    known = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.LocalizedMessage)
    details = {}
    for detail in status.details:
        for kind in known:
            message = kind()
            if detail.Unpack(message):
                details[kind.__name__ + getattr(message, "locale", "")] = message
    assert (details["ErrorInfo"].reason, details["ErrorInfo"].domain) == ("INVALID_OPTION", "sayit.internal")
    assert details["BadRequest"].field_violations[0].field == "labels"
    assert details["LocalizedMessageko"].message.startswith("labels ")
