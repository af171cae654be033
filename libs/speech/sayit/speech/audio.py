"""The one form of audio inside SayIt: mono, 16 kHz, signed 16-bit little-endian PCM ("s16le")."""

from __future__ import annotations

#: Samples per second of everything behind the decoder; what Whisper and Silero were trained on.
SAMPLE_RATE_HZ = 16_000
#: Bytes of one s16le sample.
SAMPLE_BYTES = 2
#: The longest chunk, in seconds: Whisper's window.
MAX_CHUNK_S = 30.0
#: Audio of at most this length is interactive: it is dispatched first and answered in the same call.
INTERACTIVE_S = 30.0


def seconds_of(samples: int) -> float:
    """Seconds that `samples` at 16 kHz last."""
    return samples / SAMPLE_RATE_HZ


def samples_of(seconds: float) -> int:
    """Samples at 16 kHz in `seconds`, rounded to the nearest."""
    return round(seconds * SAMPLE_RATE_HZ)
