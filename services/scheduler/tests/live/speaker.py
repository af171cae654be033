"""A speaker whose words are in the samples, a listener that reads them, and a client that carries actions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.jobs.records import ChunkOutput
from sayit.scheduler.live.conversation import Action, Cancel, Conversation, Decode, Final, SessionState, Text
from sayit.scheduler.live.turns import FRAME, TurnConfig
from sayit.speech.transcript import Segment, Word

RATE_HZ = 16_000
#: Frames of a word: 0.32 s, the last one of them low, as between words.
WORD_FRAMES = 10
_LOUD = 10_000
#: A session at its beginning.
NEW = SessionState()


def spoken(*parts: float) -> NDArray[np.int16]:
    """`n` words for an int, silence of so many seconds for a float."""
    word, pieces = 0, []
    for part in parts:
        if isinstance(part, float):
            pieces.append(np.zeros(round(part * RATE_HZ / FRAME) * FRAME, np.int16))
            continue
        for _ in range(part):
            frames = np.full(WORD_FRAMES * FRAME, _LOUD + word, np.int16)
            # The number is in the samples of the low frame, too.
            frames[-FRAME:] = 1 + word
            pieces.append(frames)
            word += 1
    return np.concatenate(pieces or [np.zeros(0, np.int16)])


def voices(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Sure of itself."""
    return (samples.reshape(-1, FRAME).max(axis=1) > 0).astype(np.float32)


def output(*words: Word, **changes: Any) -> ChunkOutput:
    """A text of one segment."""
    values = {"language": "ko", "language_probability": 1.0, "suppressed": (), "compute_s": 0.5} | changes
    if not words:
        return ChunkOutput(segments=(), **values)
    text = "".join(word.text for word in words).strip()
    return ChunkOutput(
        segments=(
            Segment(id=0, start_s=words[0].start_s, end_s=words[-1].end_s, text=text, language="ko", words=words),
        ),
        **values,
    )


def read(pcm: bytes) -> ChunkOutput:
    """The words of a stretch; one of which half or less is in it is misheard."""
    samples = np.frombuffer(pcm, "<i2")
    number = np.where(samples >= _LOUD, samples - _LOUD, samples.astype(int) - 1)
    words = []
    for value in sorted(set(number[samples > 0].tolist())):
        places = np.flatnonzero((number == value) & (samples > 0))
        share = len(places) / (WORD_FRAMES * FRAME)
        if share >= 0.2:
            text = f" w{value}" if share > 0.5 else f" x{value}"
            start_s, end_s = float(places[0] / RATE_HZ), float((places[-1] + 1) / RATE_HZ)
            words.append(Word(text=text, start_s=start_s, end_s=end_s, probability=0.9))
    return output(*words)


def said(count: int) -> list[str]:
    """So many words."""
    return [f"w{number}" for number in range(count)]


@dataclass
class Client:
    """Carries out what a conversation asks for, and remembers what it says."""

    conversation: Conversation
    finals: list[Final] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    asked: list[Decode] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    waiting: dict[int, Decode] = field(default_factory=dict)
    #: The language that is detected where none is asked for, and its probability.
    heard: tuple[str, float] = ("ko", 1.0)
    #: What was stored last.
    state: SessionState = NEW

    def do(self, actions: Sequence[Action]) -> None:
        """Notes everything; requests wait until `answer`."""
        self.actions += actions
        for action in actions:
            if isinstance(action, Decode):
                self.asked.append(action)
                self.waiting[action.request_id] = action
            elif isinstance(action, Cancel):
                del self.waiting[action.request_id]
            elif isinstance(action, Text):
                self.texts.append(action)
                self.state = action.state
            elif isinstance(action, Final):
                self.finals.append(action)
                self.state = action.state

    def answer(self) -> None:
        """Every request has its text."""
        while self.waiting:
            request_id = min(self.waiting)
            asked = self.waiting.pop(request_id)
            language, probability = (asked.language, 1.0) if asked.language else self.heard
            text = replace(read(asked.pcm), language=language, language_probability=probability)
            self.do(self.conversation.decoded(request_id, text))

    def hear(self, samples: NDArray[np.int16], step: int = 640, *, answer: bool = True) -> None:
        """Feeds audio, answering at once or not at all."""
        for start in range(0, len(samples), step):
            self.do(self.conversation.feed(samples[start : start + step].tobytes()))
            if answer:
                self.answer()

    def end(self) -> None:
        """All audio was fed, and everything is answered."""
        self.do(self.conversation.finish())
        self.answer()

    @property
    def words(self) -> list[str]:
        """All words of all finals."""
        return " ".join(segment.text for final in self.finals for segment in final.output.segments).split()


def client(state: SessionState = NEW, *, interim: bool = True, **config: Any) -> Client:
    """A session at its beginning, or from a state on."""
    return Client(Conversation(voices, TurnConfig(**config), state, interim=interim), state=state)
