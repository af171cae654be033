"""The Prometheus metrics of a transcriber: its work, and its engine."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

#: Chunks by how their attempt ended (`AttemptOutcome`).
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
#: From the arrival of a stretch of live speech to its text.
LIVE_SECONDS = Histogram(
    "sayit_transcriber_live_seconds",
    "From the arrival of a stretch of live speech to its text.",
    ["text"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10),
)
#: Memory in RAM, as `memory_limit` measures it.
RESIDENT = Gauge("sayit_transcriber_resident_bytes", "Memory of this process in RAM.")
#: Which model it holds; its value is 1.
MODEL = Gauge("sayit_transcriber_info", "The model that it holds, and what its text depends on.", ["model", "revision"])

#: Seconds that the engine was busy, by kind of call.
SECONDS = Counter("sayit_transcriber_engine_seconds_total", "Seconds that the engine was busy, by call.", ["call"])
#: Calls of the model by kind.
CALLS = Counter("sayit_transcriber_engine_calls_total", "Calls of the model.", ["call"])
#: Windows encoded.
WINDOWS = Counter("sayit_transcriber_windows_total", "Windows that were encoded, whatever their length.")
#: Windows decoded in one call.
BATCH = Histogram(
    "sayit_transcriber_batch_size",
    "Windows in one call of the decoder.",
    buckets=(1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32),
)
#: Time in which the engine made no call although the process held a chunk.
GAP = Histogram(
    "sayit_transcriber_gap_seconds",
    "From the end of a call to the next one while a chunk was held.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)
