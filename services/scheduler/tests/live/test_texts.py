"""What a session tells its client, and what it leaves out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sayit.scheduler.live.conversation import Text
from sayit.scheduler.live.texts import _FEW_UNREAD, Texts
from sayit.speech.live import LiveEvent, LiveProgress
from sayit.speech.options import Options
from sayit.speech.transcript import Word


def texts() -> Texts:
    """Of a new session whose client wants interim text."""
    parts: Any = SimpleNamespace(publish=lambda *_: None)
    record: Any = SimpleNamespace(job=SimpleNamespace(id="job", chunks_done=0, options=Options()), speech=(), state="")
    return Texts(parts, record, "owner", recording=parts, tentative=True)


async def say(session: Texts, utterance: int, tentative: str) -> None:
    """Interim text."""
    words = (Word(text=tentative, start_s=0.0, end_s=1.0, probability=0.5),) if tentative else ()
    text = Text(
        utterance=utterance,
        start_sample=0,
        end_sample=16_000,
        committed=(),
        tentative=words,
        stability=0.0,
        language="en",
        state=session.state,
    )
    await session.interim(text)


async def told(session: Texts) -> list[LiveEvent]:
    """Everything that was told."""
    session.close()
    return [event async for event in session.events()]


async def test_interim_words_that_were_none_are_taken_back_once() -> None:
    """Empty text follows words of the same utterance, and nothing else."""
    session = texts()
    for utterance, words in ((0, ""), (0, " one"), (0, ""), (0, ""), (0, " two"), (1, ""), (1, " three"), (1, "")):
        await say(session, utterance, words)
    found: list[Any] = await told(session)
    assert [text.utterance for text in found] == [0, 0, 0, 1, 1]
    assert [text.tentative for text in found] == ["one", "", "two", "three", ""]


async def test_words_are_taken_back_although_much_is_unread() -> None:
    """No later text repeats it, as one with words does."""
    session = texts()
    await say(session, 0, " one")
    for _ in range(_FEW_UNREAD + 5):
        session.say(LiveProgress(received_samples=0, committed_s=0.0, lag_s=0.0, decoded_s=0.0))
    await say(session, 0, " two")
    await say(session, 0, "")
    found: list[Any] = await told(session)
    assert [event.tentative for event in found if not isinstance(event, LiveProgress)] == ["one", ""]
