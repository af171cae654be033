"""What the scripted gateway tells: a job, its events, its transcript, the installation's status."""

from __future__ import annotations

from sayit.speech.jobs import (
    ChunkText,
    Completed,
    EventBody,
    Job,
    JobError,
    JobEvent,
    JobState,
    PartialText,
    Progress,
    StateChanged,
)
from sayit.speech.options import Options
from sayit.speech.system import PartState, SystemStatus
from sayit.speech.transcript import Coverage, Segment, Transcript, Usage

JOB = "job-1"
AUDIO = bytes(range(256)) * 4096  # 1 MiB


def segment(index: int) -> Segment:
    """A second of Korean."""
    return Segment(id=index, start_s=float(index), end_s=index + 1.0, text=f"문장 {index}.", language="ko")


#: A job's whole story: durable events and ephemeral ones between them.
STORY: tuple[EventBody, ...] = (
    StateChanged(state=JobState.PREPARING),
    StateChanged(state=JobState.RUNNING),
    Progress(audio_done_s=0.0, audio_total_s=2.0, chunks_total=2),
    ChunkText(chunk_index=1, segments=(segment(1),)),
    PartialText(chunk_index=0, segments=(segment(0),)),
    ChunkText(chunk_index=0, segments=(segment(0),)),
    Completed(language="ko", duration_s=2.0, segment_count=2, cached=False),
)
FAILURE = JobError(code="AUDIO_TOO_LONG", message_en="The audio is longer than 5 minutes.", message_ko="5분 초과.")
TRANSCRIPT = Transcript(
    segments=(segment(0), segment(1)),
    language="ko",
    language_probability=1.0,
    duration_s=2.0,
    coverage=Coverage(speech_detected_s=2.0, speech_transcribed_s=2.0),
    usage=Usage(audio_s=2.0, compute_s=1.0),
    model="small",
    preset="ko",
)
STATUS = SystemStatus(
    state=PartState.OK,
    parts=(),
    transcribers_online=1,
    transcribers_expected=1,
    transcribers=(),
    uptime_s=5.0,
    jobs_per_day=1,
    success_rate=None,
    mean_time_s=None,
    version="1",
    chunks_waiting=0,
)


def numbered(story=STORY, job_id=JOB):
    """The story as events; only durable ones get a number."""
    seq = 0
    events = []
    for body in story:
        durable = not isinstance(body, (Progress, PartialText))
        seq += durable
        events.append(JobEvent(job_id=job_id, time_s=1.5, body=body, seq=seq if durable else 0))
    return events


def durable(events):
    """The numbers of the durable events."""
    return [event.seq for event in events if event.seq]


def job(job_id=JOB, state=JobState.PREPARING, error=None) -> Job:
    """A job."""
    return Job(
        id=job_id,
        state=state,
        options=Options(),
        progress=Progress(),
        filename="a.wav",
        created_at_s=1.5,
        error=error,
        last_seq=5,
    )
