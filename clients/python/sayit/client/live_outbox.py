"""What a session of live speech has to send: audio that the server has not stored, and the commits among it."""

from __future__ import annotations

from collections import deque

from sayit.client.audio_sources import BLOCK_BYTES
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import live_service_pb2 as live_pb


class Outbox:
    """What is to be sent: audio that the server has not stored, and the commits among it.

    Places are bytes from the beginning of the session. A commit is sent again until its text is there: it may have been
    lost with a call whose audio was stored.
    """

    def __init__(self, *, keeps: bool) -> None:
        self.keep_alive = self.finished = False
        self._keeps = keeps
        self._start = 0
        self._kept = bytearray()
        self._commits: deque[tuple[int, int]] = deque()
        self._commit = 0

    @property
    def size(self) -> int:
        """Bytes of audio that are kept."""
        return len(self._kept)

    @property
    def _end(self) -> int:
        return self._start + len(self._kept)

    def begin(self, place: int) -> None:
        """The first audio that will be sent is that of this place."""
        self._start = place

    def audio(self, piece: bytes) -> None:
        """Takes audio."""
        if self.finished:
            raise RuntimeError("The session was finished.")
        self._kept += piece

    def commit(self) -> None:
        """Takes a commit; another one of the same audio has no effect."""
        if self._commits and self._commits[-1][1] == self._end:
            return
        self._commit += 1
        self._commits.append((self._commit, self._end))

    def release(self, place: int) -> None:
        """Drops audio that is stored."""
        stored = max(0, min(place, self._end) - self._start)
        del self._kept[:stored]
        self._start += stored

    def confirm(self, place: int) -> None:
        """Drops commits of audio that has its text."""
        while self._commits and self._commits[0][1] <= place:
            self._commits.popleft()

    def resumed_at(self, place: int) -> int:
        """Where sending begins with a new call, whose server has everything before `place`.

        Raises:
            SayItError: INTERNAL, if it lost what it had.
        """
        if place < self._start:
            raise SayItError(ErrorKind.INTERNAL, cause=f"the server has {place} bytes and had {self._start}")
        self.release(place)
        return self._start

    def after(self, place: int, commit: int) -> tuple[live_pb.StreamingRecognizeRequest | None, int, int]:
        """The next message behind a place and a commit, and both behind it; None while there is none."""
        due = next((each for each in self._commits if each[0] > commit), None)
        end = self._end if due is None else due[1]
        if place < end:
            block = bytes(self._kept[place - self._start : min(end - self._start, place - self._start + BLOCK_BYTES)])
            place += len(block)
            if not self._keeps:
                self.release(place)
            return live_pb.StreamingRecognizeRequest(audio=block), place, commit
        if due is not None:
            return live_pb.StreamingRecognizeRequest(command=live_pb.LIVE_COMMAND_COMMIT), place, due[0]
        if self.finished:
            return live_pb.StreamingRecognizeRequest(command=live_pb.LIVE_COMMAND_FINISH), place, commit
        if self.keep_alive:
            self.keep_alive = False
            return live_pb.StreamingRecognizeRequest(command=live_pb.LIVE_COMMAND_KEEP_ALIVE), place, commit
        return None, place, commit
