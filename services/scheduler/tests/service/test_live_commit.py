"""Commits of a live session: they end an utterance, and are answered whatever they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from sayit.scheduler.live import session as live_session
from sayit.speech.live import LiveProgress, LiveText, UtteranceEnd
from sayit.v1 import live_service_pb2 as live_pb

from .helper import suite
from .live_helper import SPEECH, Client, LiveTranscriber, spoken

SECOND = 32_000


async def test_an_utterance_ends_where_the_client_says(tmp_path: Path, redis_url: str) -> None:
    """A commit brings the final text of what was said so far, and the session goes on."""
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin(turn_detection=live_pb.TurnDetection(off=True))).job.id
        await client.say(SPEECH[: 3 * SECOND])
        await client.send(command=live_pb.LIVE_COMMAND_COMMIT)
        final = await client.until(LiveText, is_final=True, utterance=0)
        assert final.committed
        await client.say(SPEECH[3 * SECOND : 5 * SECOND])
        await client.finish()
        await spoken(s, job_id, client)
        finals = [text for text in client.texts if text.is_final]
        assert [text.utterance for text in finals] == [0, 1]
        assert [text.ended_by for text in finals] == [UtteranceEnd.COMMIT, UtteranceEnd.FINISH]


async def test_a_commit_is_answered_whatever_it_ends(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress follows at once and counts the audio before the commit, also where that was silence."""
    monkeypatch.setattr(live_session, "_PROGRESS_S", 1000.0)
    async with suite(tmp_path, redis_url) as s, LiveTranscriber(s).serving():
        client = Client(s)
        await client.begin(turn_detection=live_pb.TurnDetection(off=True))
        await client.say(bytes(2 * SECOND))
        await client.send(command=live_pb.LIVE_COMMAND_COMMIT)
        progress = await client.until(LiveProgress)
        assert 1.9 < progress.committed_s <= progress.decoded_s <= 2
