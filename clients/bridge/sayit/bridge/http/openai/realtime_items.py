"""The utterances of a live session as items of OpenAI's Realtime API. Pure: events go in, server events come out."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sayit.bridge.http.openai.replies import word_logprobs
from sayit.speech.live import LiveEvent, LiveFinished, LiveProgress, LiveSpeech, LiveText
from sayit.speech.rendering.documents import seconds
from sayit.speech.transcript import Segment

#: OpenAI's least length of what is committed.
_LEAST_COMMIT_S = 0.1
#: How far before a commit the last text may end that belongs to it: positions are rounded on their way.
_NEAR_S = 0.05
_TRANSCRIPTION = "conversation.item.input_audio_transcription"

Messages = list[dict[str, Any]]


@dataclass(kw_only=True)
class _Item:
    """A stretch of audio and its text."""

    id: str = field(default_factory=lambda: f"item_{uuid.uuid4().hex[:24]}")
    start_s: float
    #: Where it was ended; None while it goes on.
    end_s: float | None = None
    #: Whether the client was told of the end.
    committed: bool = False
    #: Cleared: it is kept apart, and nothing is told of it.
    dropped: bool = False
    #: Text by utterance; with turn detection there is one.
    texts: dict[int, str] = field(default_factory=dict)
    segments: dict[int, tuple[Segment, ...]] = field(default_factory=dict)
    #: Utterances whose text may still grow.
    unfinished: set[int] = field(default_factory=set)
    #: What the deltas were, put together.
    told: str = ""

    @property
    def text(self) -> str:
        return " ".join(self.texts[number] for number in sorted(self.texts) if self.texts[number])


class Items:
    """The items of a session.

    With turn detection every utterance is one. Without it an item is what lies between two commits of the client, which
    may be several utterances, as long ones are cut, or none.

    Args:
        turns: whether turn detection is on.
        logprobs: whether completed items tell the probabilities of their words.
        at_s: where the audio begins, in seconds of the session: 0 but for one that goes on.
    """

    def __init__(self, *, turns: bool, logprobs: bool, at_s: float = 0.0) -> None:
        self._turns = turns
        self._logprobs = logprobs
        self._items: list[_Item] = []
        self._by_utterance: dict[int, _Item] = {}
        #: Where the client committed or cleared last.
        self._cut_s = at_s
        #: Audio up to here was heard: of speech that begins before, the session has told.
        self._heard_s = at_s
        #: Where the utterances began whose last text has not come.
        self._begun: dict[int, float] = {}
        self._previous: str | None = None

    def take(self, event: LiveEvent) -> Messages:
        """What an event of the session means to the client."""
        match event:
            case LiveSpeech():
                return self._speech(event)
            case LiveText():
                return [*self._text(event), *self._completed()]
            case LiveProgress():
                self._heard_s = max(self._heard_s, event.committed_s + event.lag_s)
                return self._completed()
            case LiveFinished():
                return self._finished()
            case _:
                return []

    def commit(self, at_s: float) -> Messages | None:
        """The client ends the item here; None if there is less audio since the last cut than OpenAI takes."""
        if at_s - self._cut_s < _LEAST_COMMIT_S:
            return None
        item = self._cut(at_s)
        return [*self._committed(item), *self._completed()]

    def clear(self, at_s: float) -> Messages:
        """The client drops the audio that it has not committed: its text is not told."""
        self._cut(at_s).dropped = True
        return [{"type": "input_audio_buffer.cleared"}]

    def failed(self, error: dict[str, Any]) -> Messages:
        """No more text comes: what is not completed has failed."""
        items, self._items = self._items, []
        return [_about(item, "failed", error=error) for item in items if not item.dropped]

    @property
    def _settled_s(self) -> float:
        """Audio up to here has all its text, whatever is said behind it."""
        return min(self._heard_s, *self._begun.values()) if self._begun else self._heard_s

    def _finished(self) -> Messages:
        """All text was given. What was said since the last commit ends with the session."""
        self._items = [item for item in self._items if item.end_s is not None or item.texts]
        for item in self._items:
            item.end_s = self._heard_s if item.end_s is None else item.end_s
            item.unfinished.clear()
        self._begun.clear()
        self._heard_s = math.inf
        return self._completed()

    def _cut(self, at_s: float) -> _Item:
        item = next((each for each in self._items if each.end_s is None), None) or self._new(self._cut_s)
        item.end_s = self._cut_s = at_s
        return item

    def _new(self, start_s: float) -> _Item:
        item = _Item(start_s=start_s)
        self._items.append(item)
        return item

    def _item_of(self, utterance: int, start_s: float) -> _Item:
        if utterance not in self._by_utterance:
            going = [item for item in self._items if item.end_s is None or item.end_s > start_s + _NEAR_S]
            if self._turns:  # the client may have cut before it was told of the utterance
                going = [item for item in going if not (item.texts or item.unfinished)]
            began_s = start_s if self._turns else self._cut_s
            self._by_utterance[utterance] = going[0] if going else self._new(began_s)
        return self._by_utterance[utterance]

    def _speech(self, speech: LiveSpeech) -> Messages:
        item = self._item_of(speech.utterance, speech.offset_s)
        known = speech.utterance in item.unfinished
        item.unfinished.add(speech.utterance)
        self._begun.setdefault(speech.utterance, speech.offset_s)
        if not self._turns or item.dropped or item.committed or known == speech.begins:
            return []
        at_ms = round(speech.offset_s * 1000)
        if speech.begins:
            return [{"type": "input_audio_buffer.speech_started", "audio_start_ms": at_ms, "item_id": item.id}]
        item.end_s = speech.offset_s
        stopped = {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": at_ms, "item_id": item.id}
        return [stopped, *self._committed(item)]

    def _text(self, text: LiveText) -> Messages:
        item = self._item_of(text.utterance, text.start_s)
        item.texts[text.utterance] = text.committed
        item.unfinished.add(text.utterance)
        self._begun.setdefault(text.utterance, text.start_s)
        if text.is_final:
            item.unfinished.remove(text.utterance)
            item.segments[text.utterance] = text.segments
            self._heard_s = max(self._heard_s, text.end_s)
            del self._begun[text.utterance]
            del self._by_utterance[text.utterance]
            if self._turns and item.end_s is None:
                item.end_s = text.end_s
        if item.dropped or not item.text.startswith(item.told) or item.text == item.told:
            return []  # text that was given out is not taken back: the completed one is right
        delta, item.told = item.text[len(item.told) :], item.text
        return [_about(item, "delta", delta=delta)]

    def _committed(self, item: _Item) -> Messages:
        item.committed = True
        previous, self._previous = self._previous, item.id
        content = [{"type": "input_audio", "transcript": None}]
        value = {"id": item.id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        names = ("input_audio_buffer.committed", "conversation.item.added", "conversation.item.done")
        said: Messages = [{"type": names[0], "item_id": item.id, "previous_item_id": previous}]
        for name in (*names[1:], "conversation.item.created"):  # the last one is the older schema's
            said.append({"type": name, "previous_item_id": previous, "item": value | {"content": content}})
        return said

    def _completed(self) -> Messages:
        """Items that are over, in their order, as far as all before them are."""
        said: Messages = []
        while self._items and self._is_over(self._items[0]):
            item = self._items.pop(0)
            if item.dropped:
                continue
            if not item.committed:
                said += self._committed(item)
            usage = {"type": "duration", "seconds": seconds((item.end_s or 0.0) - item.start_s)}
            logprobs = {"logprobs": word_logprobs(_in_order(item))} if self._logprobs else {}
            # SayIt's own: where another connection would go on.
            after = {"next_utterance": max(item.texts) + 1} if item.texts else {}
            said.append(_about(item, "completed", transcript=item.text, usage=usage, **logprobs, **after))
        return said

    def _is_over(self, item: _Item) -> bool:
        if item.end_s is None or item.unfinished:
            return False
        return bool(self._turns and item.texts) or self._settled_s >= item.end_s - _NEAR_S


def _in_order(item: _Item) -> Iterable[Segment]:
    return (segment for number in sorted(item.segments) for segment in item.segments[number])


def _about(item: _Item, what: str, **more: Any) -> dict[str, Any]:
    return {"type": f"{_TRANSCRIPTION}.{what}", "item_id": item.id, "content_index": 0, **more}
