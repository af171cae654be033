"""Two channels to one, in the parent: the child holds no NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy is loaded by the first recording
    import numpy as np
    from numpy.typing import NDArray

#: Channels with a correlation below this cancel in their mean; then the louder one is used. Where each of two speakers
#: has a channel it is about 0.
_OPPOSED = -0.3
#: A channel with less than this part of the other's power is noise beside it, whatever its correlation.
_BOTH = 0.05
#: Power of what can be heard: -60 dB re full scale.
_AUDIBLE = 32.8**2


class Mixer:
    """Mixes stereo down, a block at a time.

    The mean of both channels, except in blocks where they oppose each other: a cable or a plug with reversed polarity
    leaves nothing of their sum.
    """

    def __init__(self) -> None:
        #: Whether one channel stood for both in a block that can be heard.
        self.cancelled = False

    def mixed(self, pcm: bytes) -> bytes:
        """One channel's s16le samples for two interleaved ones'."""
        import numpy as np  # noqa: PLC0415 - see above

        stereo = np.frombuffer(pcm, "<i2").reshape(-1, 2)
        if (place := _instead(stereo.astype(np.float64))) is not None:
            self.cancelled = True
            return stereo[:, place].tobytes()
        mean: NDArray[np.float32] = stereo.mean(axis=1, dtype=np.float32)
        return np.rint(mean).astype("<i2").tobytes()


def _instead(stereo: NDArray[np.float64]) -> int | None:
    """The channel to use instead of both; None where they can be mixed."""
    left, right = stereo.T
    powers = (float(left @ left), float(right @ right))
    opposed = float(left @ right) < _OPPOSED * (powers[0] * powers[1]) ** 0.5
    if opposed and min(powers) > _BOTH * max(powers) and max(powers) > _AUDIBLE * len(stereo):
        return powers.index(max(powers))
    return None
