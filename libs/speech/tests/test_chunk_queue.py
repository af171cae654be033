"""The queue's names and messages."""

from __future__ import annotations

import pytest

from sayit.speech.chunk_queue import ChunkMessage, dumps, events_channel, loads, queue_name, wake_up_channel


def test_names_are_apart():
    """Queue, doorbell and events of one name never share a key, and two models never share a queue."""
    names = {
        queue_name("small"),
        wake_up_channel("small"),
        events_channel("small"),
        queue_name("medium"),
        wake_up_channel("medium"),
    }
    assert len(names) == 5


def test_a_second_ring_is_another_arq_job():
    """The arq id holds the dispatch number, so arq's deduplication does not swallow a second dispatch."""
    first, second = (ChunkMessage(chunk_id="c", dispatch=number).arq_job_id for number in (1, 2))
    assert first != second


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
