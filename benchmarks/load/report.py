"""What came of a load: percentiles of times, throughput, what was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.throughput import percentile

SHARES = (50, 90, 95, 99)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one request. Times count from when it was to be sent, whether or not the sender was late."""

    audio_s: float
    #: How late it was sent: a sender that cannot keep up says so.
    late_s: float
    first_text_s: float | None = None
    done_s: float | None = None
    #: Code of the error; empty where all went well.
    error: str = ""
    #: Whether the service declined it (OVERLOADED and the like) rather than fail.
    refused: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """A load's figures."""

    requests: int
    completed: int
    refused: int
    errors: dict[str, int]
    #: From the first arrival to the last end.
    wall_s: float
    #: Audio-seconds of completed requests per second of that time.
    throughput: float
    #: Audio-seconds asked for per second of arrivals.
    offered: float
    #: By percentile: "p50", "p90", "p95", "p99"; empty where nothing completed.
    first_text_s: dict[str, float]
    done_s: dict[str, float]
    latest_send_s: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def report(outcomes: Sequence[Outcome], *, wall_s: float, duration_s: float) -> Report:
    """Adds up.

    Args:
        outcomes: all of them.
        wall_s: from the first arrival to the last end.
        duration_s: how long requests came.
    """
    completed = [each for each in outcomes if each.done_s is not None]
    return Report(
        requests=len(outcomes),
        completed=len(completed),
        refused=sum(each.refused for each in outcomes),
        errors=dict(Counter(each.error for each in outcomes if each.error and not each.refused)),
        wall_s=wall_s,
        throughput=sum(each.audio_s for each in completed) / wall_s if wall_s > 0 else 0.0,
        offered=sum(each.audio_s for each in outcomes) / duration_s,
        first_text_s=percentiles([each.first_text_s for each in completed if each.first_text_s is not None]),
        done_s=percentiles([each.done_s for each in completed if each.done_s is not None]),
        latest_send_s=max((each.late_s for each in outcomes), default=0.0),
    )


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p95, p99; empty for no values."""
    return {f"p{share}": percentile(values, share) for share in SHARES} if values else {}


def text(found: Report) -> str:
    """For people."""
    lines = [
        f"requests {found.requests}, completed {found.completed}, refused {found.refused}, errors {found.errors or 0}",
        f"offered {found.offered:.2f} audio-seconds per second, done {found.throughput:.2f}, in {found.wall_s:.0f} s",
    ]
    for name, values in (("first text", found.first_text_s), ("done", found.done_s)):
        columns = "  ".join(f"{share} {value:7.2f} s" for share, value in values.items())
        lines.append(f"{name:10}  {columns or 'nothing completed'}")
    if found.latest_send_s > 0.1:
        lines.append(f"the sender was up to {found.latest_send_s:.2f} s late; that is part of the times")
    return "\n".join(lines)
