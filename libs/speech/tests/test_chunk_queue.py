"""The queue's names and messages."""

from __future__ import annotations

import pytest

from sayit.speech.chunk_queue import ChunkMessage, dumps, events_channel, loads, queue_name, wake_up_channel


def test_names_are_apart():
    """Queue, doorbell and events of one name never share a key; nor do two models, or two installations."""
    names = {
        queue_name("small"),
        wake_up_channel("small"),
        events_channel("small"),
        queue_name("medium"),
        wake_up_channel("medium"),
        queue_name("small", "other"),
        wake_up_channel("small", "other"),
        events_channel("small", "other"),
    }
    assert len(names) == 8


def test_a_second_ring_is_another_arq_job():
    """The arq id holds the dispatch number, so arq's deduplication does not swallow a second dispatch."""
    first, second = (ChunkMessage(chunk_id="c", dispatch=number).arq_job_id for number in (1, 2))
    assert first != second


def test_only_a_message_has_an_id_that_can_be_read():
    """What was put in comes out; anything else that may lie in the queue is none."""
    message = ChunkMessage(chunk_id="0123abcd-17", dispatch=3)
    assert ChunkMessage.parse(message.arq_job_id.encode()) == message
    for other in (b"", b"c", b"c:", b":1", b"c:-1", b"c:1\n", b"c d:1", b"\xff:1", b"c:9999999999", b"c" * 81 + b":1"):
        assert ChunkMessage.parse(other) is None


def test_messages_are_json_and_come_back():
    """What was put in comes out."""
    message = {"f": "run_chunk", "a": ["chunk", 3], "k": {}, "et": 1700000000000}
    assert loads(dumps(message)) == message
    assert dumps(message).startswith(b"{")


def test_what_json_does_not_know_is_written_as_text():
    """Results and exceptions, which arq serializes too, do not break the worker."""
    assert loads(dumps({"r": ValueError("x")})) == {"r": "x"}


@pytest.mark.parametrize("data", [b"[1]", b"1", b"null", b"\x80\x04.", b""])
def test_anything_else_is_refused(data):
    """A pickle, a bare value or nothing at all is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011  # json's own message, or ours
        loads(data)
