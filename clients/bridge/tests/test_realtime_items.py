"""Events of a live session as OpenAI's items: each item once, deltas that only grow, in the order of the audio."""

from __future__ import annotations

from typing import Any

from clients.python.tests.story import job
from sayit.bridge.http.openai.realtime_items import Items
from sayit.speech.live import LiveFinished, LiveProgress, LiveSpeech, LiveText

from .live_gateway import final


def short(messages: Any) -> list[str]:
    """Messages by the ends of their names, with their text."""
    return [
        f"{each['type'].rpartition('.')[2]} {each.get('delta', each.get('transcript', ''))}".strip()
        for each in messages or ()
        if not each["type"].startswith("conversation.item.") or "transcription" in each["type"]
    ]


def text(utterance: int, committed: str, start_s: float, end_s: float, tentative: str = "") -> LiveText:
    """Text that may still grow."""
    return LiveText(utterance=utterance, committed=committed, tentative=tentative, start_s=start_s, end_s=end_s)


def progress(committed_s: float, lag_s: float = 0.0) -> LiveProgress:
    """How far the session is."""
    return LiveProgress(received_samples=0, committed_s=committed_s, lag_s=lag_s)


def test_with_turn_detection_every_utterance_is_an_item() -> None:
    """Deltas are what is committed; tentative text is not told; each item follows the one before."""
    items = Items(turns=True, logprobs=False)
    assert short(items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))) == ["speech_started"]
    assert short(items.take(text(0, "one", 0.5, 1.0, " too"))) == ["delta one"]
    assert short(items.take(text(0, "one", 0.5, 1.2, " two"))) == []
    assert short(items.take(text(0, "one two", 0.5, 1.4))) == ["delta  two"]
    ended = items.take(LiveSpeech(begins=False, offset_s=2.0, utterance=0))
    assert short(ended) == ["speech_stopped", "committed"]
    assert ended[0]["audio_end_ms"] == 2000
    done = items.take(final(0, "one two three", 0.5, 2.0))
    assert short(done) == ["delta  three", "completed one two three"]
    assert done[-1]["usage"] == {"type": "duration", "seconds": 1.5}
    items.take(LiveSpeech(begins=True, offset_s=3.0, utterance=1))
    again = items.take(final(1, "four", 3.0, 4.0))
    assert short(again) == ["delta four", "committed", "completed four"]
    assert again[1]["previous_item_id"] == ended[1]["item_id"]


def test_a_final_text_that_is_another_has_no_delta() -> None:
    """What was given out cannot be taken back; the completed text is right, also where the filter left nothing."""
    items = Items(turns=True, logprobs=False)
    items.take(text(0, "thanks for", 0.0, 1.0))
    assert short(items.take(final(0, "", 0.0, 1.0))) == ["committed", "completed"]


def test_without_turn_detection_the_client_s_commits_divide() -> None:
    """An item may be several utterances, as long ones are cut; later text waits for what is before it."""
    items = Items(turns=False, logprobs=True)
    assert short(items.take(LiveSpeech(begins=True, offset_s=0.0, utterance=0))) == []
    assert short(items.take(final(0, "one", 0.0, 15.0))) == ["delta one"]
    assert short(items.take(text(1, "two", 15.0, 17.0))) == ["delta  two"]
    assert short(items.commit(20.0)) == ["committed"]
    assert short(items.take(text(2, "four", 20.0, 21.0))) == ["delta four"]
    assert short(items.commit(22.0)) == ["committed"]
    done = items.take(final(1, "two three", 15.0, 20.0))
    assert short(done) == ["delta  three", "completed one two three"]
    assert "".join(each["token"] for each in done[-1]["logprobs"]) == "one two three"
    assert short(items.take(final(2, "four", 20.0, 22.0))) == ["completed four"]


def test_a_commit_of_silence_is_completed_without_text() -> None:
    """As soon as the session says that no speech is left before it; less than 100 ms is none."""
    items = Items(turns=False, logprobs=False)
    assert items.commit(0.05) is None
    assert short(items.commit(3.0)) == ["committed"]
    assert short(items.take(progress(2.0))) == []
    assert short(items.take(progress(3.0))) == ["completed"]
    assert items.commit(3.05) is None


def test_progress_does_not_end_an_item_whose_text_is_to_come() -> None:
    """All words may be committed before the final text is there."""
    items = Items(turns=False, logprobs=False)
    items.take(text(0, "one", 0.0, 1.0))
    items.commit(2.0)
    assert short(items.take(progress(2.0))) == []
    assert short(items.take(final(0, "one two", 0.0, 2.0))) == ["delta  two", "completed one two"]


def test_a_commit_that_ends_in_silence_is_completed_before_what_follows() -> None:
    """Its last text ends before it; what is said after it does not hold it back, nor does the text of that."""
    items = Items(turns=False, logprobs=False)
    items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))
    items.commit(5.0)
    items.take(LiveSpeech(begins=False, offset_s=2.0, utterance=0))
    assert short(items.take(progress(0.5, lag_s=4.5))) == []
    items.take(LiveSpeech(begins=True, offset_s=5.1, utterance=1))
    assert short(items.take(final(0, "one", 0.2, 2.4))) == ["delta one", "completed one"]
    assert short(items.take(text(1, "two", 4.7, 5.5))) == ["delta two"]
    assert short(items.commit(6.0)) == ["committed"]
    assert short(items.take(final(1, "two", 4.7, 6.0))) == ["completed two"]


def test_every_commit_is_completed_once_and_in_order_whatever_follows() -> None:
    """Several commits in a row, a clear between them, speech behind them, and the end of the session."""
    items = Items(turns=False, logprobs=False)
    items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))
    committed = [items.commit(at_s) or [] for at_s in (2.0, 3.0)]
    items.clear(4.0)
    committed.append(items.commit(5.0) or [])
    items.take(LiveSpeech(begins=True, offset_s=5.2, utterance=1))
    items.take(progress(0.5, lag_s=5.0))
    first = items.take(final(0, "one", 0.2, 1.4))
    assert short(first) == ["delta one", "completed one", "completed", "completed"]
    assert [each["item_id"] for each in first[1:]] == [each[0]["item_id"] for each in committed]
    items.commit(7.0)
    assert short(items.take(final(1, "two", 5.0, 6.6))) == ["delta two"]
    assert short(items.take(LiveFinished(job=job()))) == ["completed two"]
    assert items.failed({}) == []


def test_what_was_not_committed_ends_with_the_session() -> None:
    """Its text was told in deltas; it is committed and completed as well."""
    items = Items(turns=False, logprobs=False)
    items.take(final(0, "one", 0.5, 2.0))
    assert short(items.take(LiveFinished(job=job()))) == ["committed", "completed one"]


def test_cleared_audio_is_not_told() -> None:
    """With and without turn detection, also where its speech is noticed after the clear."""
    for turns in (True, False):
        items = Items(turns=turns, logprobs=False)
        items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))
        assert short(items.clear(1.0)) == ["cleared"]
        assert short(items.take(LiveSpeech(begins=False, offset_s=1.0, utterance=0))) == []
        assert short(items.take(final(0, "one", 0.5, 1.0))) == []
        assert short(items.clear(2.0)) == ["cleared"]
        assert short(items.take(final(1, "two", 1.5, 2.0))) == []
        three = short(items.take(final(2, "three", 2.5, 3.0)))
        assert three == (["delta three", "committed", "completed three"] if turns else ["delta three"])
        assert short(items.commit(3.0)) == ["committed", "completed" if turns else "completed three"]


def test_a_commit_ends_the_utterance_that_is_going_on() -> None:
    """With turn detection it is the same item, and is not committed twice."""
    items = Items(turns=True, logprobs=False)
    items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))
    assert short(items.commit(1.0)) == ["committed"]
    assert short(items.take(LiveSpeech(begins=False, offset_s=1.0, utterance=0))) == []
    assert short(items.take(final(0, "one", 0.5, 1.0))) == ["delta one", "completed one"]


def test_what_waits_when_the_session_breaks_has_failed() -> None:
    """Each with the error."""
    items = Items(turns=True, logprobs=False)
    items.take(LiveSpeech(begins=True, offset_s=0.5, utterance=0))
    failed = items.failed({"code": "UNAVAILABLE"})
    assert [(each["type"], each["error"]) for each in failed] == [
        ("conversation.item.input_audio_transcription.failed", {"code": "UNAVAILABLE"})
    ]
    assert items.failed({}) == []
