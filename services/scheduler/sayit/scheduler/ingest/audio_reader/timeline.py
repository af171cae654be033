"""Where a decoded frame belongs in time, judged by its presentation time and by what was placed before it."""

from __future__ import annotations

#: Seconds that a timestamp may deviate without meaning anything: rounding, jitter of live recorders, encoder padding.
TOLERANCE_S = 0.1
#: The same for the first frame, before which nothing was rounded: decoders drop what leads in, 0.09 s of it in WMA.
_FIRST_TOLERANCE_S = 0.03
#: The longest pause between two frames that is filled with silence; a longer one is a broken clock.
MAX_GAP_S = 600.0


class Timeline:
    """Keeps output positions equal to presentation times where packets are missing.

    Opus leaves out silence, damaged packets are skipped, a camera's sound starts later than its picture: all of these
    are gaps to fill. A single wrong timestamp is none, so each frame is judged together with the one after it.
    """

    def __init__(self, origin_s: float | None) -> None:
        #: Seconds placed so far, silence included.
        self.position_s = 0.0
        self._clock_s = origin_s

    def place(self, start_s: float | None, duration_s: float, next_start_s: float | None) -> float:
        """Places one frame and returns the seconds of silence that belong before it.

        Args:
            start_s: the frame's presentation time, None if it has none.
            duration_s: what the frame lasts by its samples.
            next_start_s: the following frame's presentation time, None if there is none.
        """
        silence_s = 0.0
        if start_s is not None:
            expected_s = start_s if self._clock_s is None else self._clock_s
            jump_s = start_s - expected_s
            tolerance_s = TOLERANCE_S if self.position_s else _FIRST_TOLERANCE_S
            if abs(jump_s) > tolerance_s and self._believable(jump_s, start_s + duration_s, next_start_s):
                silence_s = jump_s if 0 < jump_s <= MAX_GAP_S else 0.0
                expected_s = start_s
            self._clock_s = expected_s
        if self._clock_s is not None:
            self._clock_s += duration_s
        self.position_s += silence_s + duration_s
        return silence_s

    @staticmethod
    def _believable(jump_s: float, end_s: float, next_start_s: float | None) -> bool:
        """Whether the next frame confirms a jump: time goes on after it, and after a jump back goes on closely."""
        if next_start_s is None:
            return False
        follows_s = next_start_s - end_s
        return follows_s >= -TOLERANCE_S and (jump_s > 0 or follows_s <= TOLERANCE_S)
