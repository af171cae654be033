"""A client's audio to mono 16 kHz s16le, as it arrives.

How much comes out is an exact function of how much went in, and that is why the resampler is ours: `received_samples`
names a sample of the client's, and audio that is sent again from there on must join what is stored without a gap.
"""

from __future__ import annotations

from functools import cache
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray

from sayit.speech.audio import SAMPLE_RATE_HZ
from sayit.speech.live import LiveEncoding, LiveOptions

#: Zero crossings of the resampling filter on each side, its window's shape, the share of the band that it passes.
_CROSSINGS, _BETA, _PASSED = 16, 8.0, 0.92


class LiveAudio:
    """Converts one call's audio.

    Args:
        options: how the client sends it, checked.
    """

    def __init__(self, options: LiveOptions) -> None:
        self._options = options
        self._rest = b""
        common = gcd(options.rate_hz, SAMPLE_RATE_HZ)
        self._up, self._down = SAMPLE_RATE_HZ // common, options.rate_hz // common
        self._bank = _filter(self._up, self._down)
        #: Input samples on each side that an output sample is made of; before the first there is silence.
        self._beside = self._bank.shape[1] // 2
        self._held = np.zeros(self._beside - 1, np.float32)
        #: The place of the first one held in the input, and samples that came out.
        self._at, self._given = 1 - self._beside, 0

    def convert(self, data: bytes) -> bytes:
        """The next audio; the filter holds back a millisecond, and an incomplete sample waits for its end."""
        data = self._rest + data
        whole = len(data) - len(data) % self._options.frame_bytes
        self._rest = data[whole:]
        samples = self._mono(data[:whole])
        return _s16le(samples if self._up == self._down else self._resampled(samples))

    def flush(self) -> bytes:
        """What the filter held back; nothing may follow."""
        return b"" if self._up == self._down else _s16le(self._resampled(np.zeros(self._beside, np.float32)))

    def _mono(self, data: bytes) -> NDArray[np.float32]:
        if self._options.encoding is not LiveEncoding.LINEAR16:
            return _TABLES[self._options.encoding][np.frombuffer(data, np.uint8)]
        samples = np.frombuffer(data, "<i2").astype(np.float32).reshape(-1, self._options.channels or 1)
        mixed: NDArray[np.float32] = samples.mean(axis=1, dtype=np.float32)
        return mixed

    def _resampled(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self._held = held = np.concatenate([self._held, samples])
        # Output n lies at n * down / up of the input and needs `beside` samples behind it.
        known = self._at + len(held) - self._beside
        last = max(self._given, ceil(known * self._up / self._down))
        if last == self._given:
            return held[:0]
        places = np.arange(self._given, last, dtype=np.int64) * self._down
        windows = np.lib.stride_tricks.sliding_window_view(held, 2 * self._beside)
        begins = places // self._up - (self._beside - 1) - self._at
        found: NDArray[np.float32] = np.einsum("nt,nt->n", windows[begins], self._bank[places % self._up])
        gone = last * self._down // self._up - (self._beside - 1) - self._at
        self._held, self._at, self._given = held[gone:], self._at + gone, last
        return found


def _s16le(samples: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


@cache
def _filter(up: int, down: int) -> NDArray[np.float32]:
    """A windowed sinc for each of the `up` phases: `float32[up, taps]`."""
    cutoff = _PASSED * min(1.0, up / down)
    beside = ceil(_CROSSINGS / cutoff)
    distance = np.arange(1 - beside, beside + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (distance / beside) ** 2, 0, None))) / np.i0(_BETA)
    taps = cutoff * np.sinc(cutoff * distance) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


def _mulaw() -> NDArray[np.float32]:
    code = ~np.arange(256, dtype=np.uint8)
    size = (((code & 15).astype(np.int32) << 3) + 132 << (code >> 4 & 7)) - 132
    return np.where(code & 128, -size, size).astype(np.float32)


def _alaw() -> NDArray[np.float32]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(np.int32), (code & 15).astype(np.int32) << 4
    size = np.where(exponent == 0, mantissa + 8, (mantissa + 264) << np.maximum(exponent - 1, 0))
    return np.where(code & 128, size, -size).astype(np.float32)


#: What each byte of G.711 stands for.
_TABLES = {LiveEncoding.MULAW: _mulaw(), LiveEncoding.ALAW: _alaw()}
