"""What Prometheus is told of jobs. Counters count what this scheduler did; add them up over all schedulers."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from sayit.chassis import telemetry
from sayit.speech.audio import seconds_of
from sayit.speech.jobs import JobState

ACCEPTED = Counter("sayit_jobs_accepted", "Jobs that were accepted, by model.", ["model"])
_ENDED = Counter(
    "sayit_jobs_ended",
    "Jobs that ended, by model and end: completed, cached (answered without the model), failed, cancelled.",
    ["model", "end"],
)
_FAILURES = Counter("sayit_job_failures", "Jobs that failed, by error code.", ["code"])
_AUDIO = Counter(
    "sayit_job_audio_seconds", "Audio of completed jobs by model, those from the cache included.", ["model"]
)
_SECONDS = Histogram(
    "sayit_job_duration_seconds",
    "From acceptance to the transcript by the recording's length, without jobs that the cache answered.",
    ["length"],
    buckets=(0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120),
)
#: Upper bounds of a recording's length in seconds, and the label of what is not longer.
_LENGTHS = ((30.0, "30s"), (120.0, "2m"), (600.0, "10m"), (3600.0, "1h"))


def job_ended(
    state: JobState, *, model: str, seconds: float, samples: int | None, cached: bool, error_code: str = ""
) -> None:
    """Counts a job that ended `seconds` after its acceptance."""
    _ENDED.labels(model, "cached" if cached else state.value).inc()
    if state is JobState.FAILED:
        _FAILURES.labels(error_code).inc()
    if state is not JobState.COMPLETED or samples is None:
        return
    audio_s = seconds_of(samples)
    _AUDIO.labels(model).inc(audio_s)
    if not cached:
        length = next((name for most, name in _LENGTHS if audio_s <= most), "longer")
        _SECONDS.labels(length).observe(seconds, telemetry.exemplar())
