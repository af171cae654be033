"""What Prometheus hears about the engine."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

#: Seconds that the engine was busy, by kind of call.
SECONDS = Counter("sayit_transcriber_engine_seconds_total", "Seconds that the engine was busy, by call.", ["call"])
#: Calls of the model by kind.
CALLS = Counter("sayit_transcriber_engine_calls_total", "Calls of the model.", ["call"])
#: Windows encoded.
WINDOWS = Counter("sayit_transcriber_windows_total", "Windows of 30 s that were encoded.")
#: Windows decoded in one call.
BATCH = Histogram(
    "sayit_transcriber_batch_size",
    "Windows in one call of the decoder.",
    buckets=(1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32),
)
#: Time in which the engine stood still although the process held a chunk.
GAP = Histogram(
    "sayit_transcriber_gap_seconds",
    "From the end of a call to the next one while a chunk was held.",
    buckets=(0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2),
)
