"""What a session of live speech was told and did not give yet, each event once."""

from __future__ import annotations

from collections import deque

from sayit.speech.jobs import ChunkText, JobEvent
from sayit.speech.live import LiveEvent, LiveProgress, LiveSpeech, LiveStarted, LiveText


class Inbox:
    """Events that wait to be read, each once. What a later one replaces does not wait."""

    def __init__(self) -> None:
        self.events: deque[LiveEvent] = deque()
        #: Utterances whose final text was given.
        self.finals: set[int] = set()
        self._committed: dict[int, str] = {}
        self._speech = (-1, False)
        self._begun = False

    def put(self, event: LiveEvent) -> None:
        """Takes an event, unless it says what was given before."""
        if self._is_new(event):
            self.events = deque(each for each in self.events if not _replaces(event, each))
            self.events.append(event)

    def _is_new(self, event: LiveEvent) -> bool:
        match event:
            case LiveStarted():
                new, self._begun = not self._begun, True
                return new
            case LiveSpeech():
                new = (event.utterance, not event.begins) > self._speech
                self._speech = max(self._speech, (event.utterance, not event.begins))
                return new
            case LiveText():
                given = self._committed.get(event.utterance, "")
                if event.utterance in self.finals or not (event.is_final or event.committed.startswith(given)):
                    return False
                if event.is_final:
                    self.finals.add(event.utterance)
                    self._committed.pop(event.utterance, None)
                else:
                    self._committed[event.utterance] = event.committed
        return True


def _replaces(event: LiveEvent, former: LiveEvent) -> bool:
    match event, former:
        case LiveProgress(), LiveProgress():
            return True
        case LiveText(), LiveText(is_final=False):
            return event.utterance == former.utterance
    return False


def final_text(event: JobEvent) -> LiveText:
    """The final text of an utterance, as its job's event has it."""
    assert isinstance(event.body, ChunkText)
    segments = event.body.segments
    return LiveText(
        utterance=event.body.chunk_index,
        committed=" ".join(segment.text for segment in segments if segment.text),
        is_final=True,
        stability=1.0,
        segments=segments,
        language=segments[0].language if segments else "",
        start_s=segments[0].start_s if segments else 0.0,
        end_s=segments[-1].end_s if segments else 0.0,
    )
