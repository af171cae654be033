"""What Prometheus hears about the work of this process."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

#: Chunks by how their attempt ended (`Outcome`).
CHUNKS = Counter("sayit_transcriber_chunks_total", "Attempts at chunks, by outcome.", ["outcome"])
#: Seconds of audio whose text was committed.
AUDIO_SECONDS = Counter("sayit_transcriber_audio_seconds_total", "Seconds of audio transcribed and committed.")
#: Seconds of audio that attempts which were stopped did not decode; each window counts when it is complete.
SAVED_SECONDS = Counter("sayit_transcriber_saved_audio_seconds_total", "Audio that stopped attempts did not decode.")
#: Chunks held now.
BUSY = Gauge("sayit_transcriber_busy", "Chunks held now, waiting or on the engine.")
#: From opening the call to the assignment.
CLAIM_SECONDS = Histogram(
    "sayit_transcriber_claim_seconds",
    "From opening the call to the assignment.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
)
#: From the assignment to the engine.
WAIT_SECONDS = Histogram(
    "sayit_transcriber_wait_seconds",
    "From the assignment until the engine begins with the chunk.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10, 30, 60),
)
#: Memory in RAM, as it is watched.
RESIDENT_MB = Gauge("sayit_transcriber_resident_megabytes", "Memory of this process in RAM, in MB.")
