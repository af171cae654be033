"""Live speech of the scripted gateway: every four samples are an utterance, whose text is their digits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sayit.speech.jobs import ChunkText, Job, JobEvent
from sayit.speech.live import LiveFinished, LiveProgress, LiveSpeech, LiveStarted, LiveText
from sayit.speech.transcript import Segment
from sayit.speech.wire.live import live_event_to_proto
from sayit.v1 import live_service_pb2 as live_pb
from sayit.v1 import live_service_pb2_grpc

#: Bytes of an utterance of linear16, and of a part that is stored; the rest of a part is lost with its call.
UTTERANCE_BYTES, PART_BYTES = 8, 4


def digits(audio: bytes) -> str:
    """What the service hears."""
    return audio.hex()


@dataclass
class LiveService(live_service_pb2_grpc.LiveServiceServicer):
    """Sessions whose audio and final texts stay when a call breaks: `spoken`, and ChunkText events in `story`."""

    live_configs: list[live_pb.LiveConfig] = field(default_factory=list)
    spoken: bytearray = field(default_factory=bytearray)
    #: Commands, with the bytes that were stored before.
    commands: list[tuple[int, int]] = field(default_factory=list)
    #: Ends of utterances, in bytes.
    ends: list[int] = field(default_factory=list)
    #: Most bytes of audio that were sent in a call before anything of it was stored.
    stores: bool = True

    async def converse(self, requests, job: Job):
        """One call: its responses, each after what it tells has happened."""
        self.live_configs.append((await anext(requests)).config)
        number = len(self.live_configs)
        if not self.ends:
            self.story = []
        started = LiveStarted(
            job=replace(job, last_seq=len(self.ends)),
            received_samples=len(self.spoken) // 2,
            next_utterance=len(self.ends),
        )
        yield live_event_to_proto(started)
        part = b""
        async for request in requests:
            if number != len(self.live_configs):  # a newer call has the session
                return
            if request.WhichOneof("payload") == "audio":
                part += request.audio
                while len(part) >= PART_BYTES and self.stores:
                    self.spoken += part[:PART_BYTES]
                    part = part[PART_BYTES:]
                    for event in self._heard():
                        yield live_event_to_proto(event)
                continue
            self.commands.append((len(self.spoken), request.command))
            if request.command in {live_pb.LIVE_COMMAND_COMMIT, live_pb.LIVE_COMMAND_FINISH}:
                self.spoken += part
                part = b""
                if len(self.spoken) > self._start:
                    yield live_event_to_proto(self._final())
            if request.command == live_pb.LIVE_COMMAND_FINISH:
                yield live_event_to_proto(LiveFinished(job=job))
                return

    @property
    def _start(self) -> int:
        return self.ends[-1] if self.ends else 0

    def _heard(self):
        utterance = len(self.ends)
        if len(self.spoken) - self._start <= PART_BYTES:
            yield LiveSpeech(begins=True, offset_s=0.0, utterance=utterance)
        if len(self.spoken) - self._start >= UTTERANCE_BYTES:
            yield LiveSpeech(begins=False, offset_s=0.0, utterance=utterance)
            yield self._final()
        else:
            committed = digits(self.spoken[self._start : -1])
            yield LiveText(utterance=utterance, committed=committed, tentative="?", start_s=0.0, end_s=0.0)
        yield LiveProgress(received_samples=len(self.spoken) // 2, committed_s=self._start / 32_000, lag_s=0.0)

    def _final(self) -> LiveText:
        number, start, end = len(self.ends), self._start / 32_000, len(self.spoken) / 32_000
        text = digits(self.spoken[self._start :])
        segments = (Segment(id=0, start_s=start, end_s=end, text=text, language="ko"),)
        self.ends.append(len(self.spoken))
        body = ChunkText(chunk_index=number, segments=segments)
        self.story.append(JobEvent(job_id="job-1", time_s=1.5, body=body, seq=len(self.ends)))
        return LiveText(
            utterance=number,
            committed=text,
            is_final=True,
            stability=1.0,
            segments=segments,
            language="ko",
            start_s=start,
            end_s=end,
        )
