"""Whether the wall clock may be believed when it says that data are old."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sayit.chassis import telemetry

#: Seconds by which the wall clock may be ahead of the steady one before that counts as a leap.
LEAP_S = 300.0
#: Seconds that an installation may have been off before a wall clock that says so counts as leaping.
ABSENCE_S = 86_400.0
#: Seconds after which a clock that leapt and stayed there is believed: time for NTP or an operator to put it back.
BELIEVED_AFTER_S = 6 * 3600.0


def steady_s() -> float:
    """Seconds that go on while the machine sleeps, as Linux's and macOS's clocks of these names do."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(eq=False)
class RetentionClock:
    """Compares the wall clock with one that cannot be set: a leap forward would make everything look expired at once.

    A leap back deletes nothing, and is believed.
    """

    #: Seconds since the epoch.
    wall_s: Callable[[], float] = time.time
    steady_s: Callable[[], float] = steady_s
    #: What the wall clock is ahead of the steady one; None before the first look.
    _ahead_s: float | None = field(default=None, init=False)
    #: When the present leap is believed, by the steady clock; None while there is none.
    _believed_at_s: float | None = field(default=None, init=False)

    def may_delete(self, last_seen_s: float) -> bool:
        """Whether data may be deleted for their age now.

        Args:
            last_seen_s: the newest time that the database knows, asked for at the first look; 0 for an empty one.
        """
        wall_s, steady_now_s = self.wall_s(), self.steady_s()
        ahead_s = wall_s - steady_now_s
        if self._ahead_s is None:
            absent_s = wall_s - last_seen_s if last_seen_s else 0.0
            # As if the clock had been right when the database was last written.
            self._ahead_s = ahead_s - absent_s if absent_s > ABSENCE_S else ahead_s
        leap_s = ahead_s - self._ahead_s
        if leap_s < LEAP_S or (self._believed_at_s is not None and steady_now_s >= self._believed_at_s):
            if self._believed_at_s is not None:
                telemetry.logger().warning("clock_believed", leap_s=round(leap_s))
            self._ahead_s = ahead_s if abs(leap_s) >= LEAP_S else self._ahead_s
            self._believed_at_s = None
            return True
        if self._believed_at_s is None:
            self._believed_at_s = steady_now_s + BELIEVED_AFTER_S
            telemetry.logger().error("clock_leapt", leap_s=round(leap_s), deletes_nothing_for_s=BELIEVED_AFTER_S)
        return False
