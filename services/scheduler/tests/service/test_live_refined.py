"""Live sessions that are decoded again when they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .helper import Transcriber, suite
from .live_helper import SPEECH, Client, LiveTranscriber
from .test_redecodes import kinds, text_of


async def test_a_finished_session_is_decoded_as_a_recording_is(tmp_path: Path, redis_url: str) -> None:
    """One window has all utterances; results stay as they were given, refinements and the transcript say more.

    The setting that switches off re-decodes that no client asked for has no effect on it.
    """
    async with suite(tmp_path, redis_url, redecode=False) as s, LiveTranscriber(s).serving():
        client = Client(s)
        job_id = (await client.begin(refine=True)).job.id
        watching = asyncio.create_task(s.events(job_id))
        await client.say(SPEECH)
        await client.finish()
        worker = Transcriber(s)
        window = await worker.claim(*await worker.take())
        assert window.assignment.options.word_timestamps
        assert window.assignment.options.language == "en"
        assert 6.0 < len(window.audio) / 32_000 <= 10.0
        first, *others = [text for text in client.texts if text.is_final]
        await window.say(result=text_of(("better", 0.3, first.end_s - first.start_s - 0.4)))
        await window.answer()
        events = await watching
        transcript = await s.transcript(job_id)
    assert others
    assert [
        (list(e.refinement.chunk_indexes), e.refinement.segments[0].text) for e in events if e.HasField("refinement")
    ] == [([0], "better")]
    assert kinds(events)[-2:] == ["refinement", "completed"]
    assert transcript.text.split() == ["better", *" ".join(text.committed for text in others).split()]
