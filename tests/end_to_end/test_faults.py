"""Parts die while a file is transcribed; nothing changes in its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sayit.client import Client
from sayit.speech.jobs import ChunkText, Completed
from sayit.speech.options import Options

from .helper import RunningSuite, repeated, running_suite

pytestmark = pytest.mark.xdist_group("suite")

#: Part to kill, by the number of chunks that are done then.
KILLS = {1: "transcriber-1", 3: "scheduler", 5: "gateway", 7: "valkey"}


def test_killed_parts_change_nothing_in_the_text(suite: RunningSuite, tmp_path: Path) -> None:
    """After kill -9 of each part in the middle of a file the client's watch goes on, gapless, to the same text."""
    audio = repeated("ko-150s", 2)
    options = Options(language="ko", temperature=0.0)
    with Client(suite.address) as client:
        expected = client.transcribe(audio, options=options).transcript.text
    with running_suite(tmp_path) as own, Client(own.address) as client:
        job = client.create_job(audio, options=options)
        seqs: list[int] = []
        chunks: list[int] = []
        to_kill = dict(KILLS)
        for event in client.watch(job.id):
            if event.seq:
                seqs.append(event.seq)
            if isinstance(event.body, ChunkText):
                chunks.append(event.body.chunk_index)
                if len(chunks) in to_kill:
                    own.kill(to_kill.pop(len(chunks)))
            if isinstance(event.body, Completed):
                break
        assert to_kill == {}, "not every fault hit work in progress"
        assert seqs == list(range(1, len(seqs) + 1))
        assert sorted(chunks) == list(range(len(chunks)))
        assert client.transcript(job.id).text == expected
