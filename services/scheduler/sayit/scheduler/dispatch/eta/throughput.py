"""The throughput of transcribers, measured lately, and how far they are with the chunks that they hold.

A transcriber works in rounds: windows that are decoded together are committed together. A round takes

    (round_cost + cost of its chunks) / cost_per_s

seconds: weights are read once however many windows there are, so chunks that are done one by one, as interactive ones
are, take longer each. Without the first part, short files would predict nothing about a backlog. Both are
fitted to commits by least squares with exponential forgetting: `round_cost` for all transcribers together, as it is a
matter of model and processor, `cost_per_s` for each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sayit.scheduler.dispatch.eta.simulation import MOST_DONE, Worker
from sayit.scheduler.dispatch.order import cost
from sayit.scheduler.jobs.transcribers import RunningChunk, TranscriberRecord
from sayit.speech.audio import SAMPLE_RATE_HZ, samples_of
from sayit.speech.chunk_queue import PREFETCHED

#: After so many seconds of engine time a measurement counts half.
_HALF_LIFE_S = 60.0
#: Commits of a transcriber that follow one another more closely than this are of one round, in seconds.
_SAME_ROUND_S = 0.5
#: What a round costs beside its chunks until it was measured: CTranslate2 does half as much again with eight windows of
#: Small as with one.
_ROUND_COST = 0.5 * cost(1, samples_of(26.0))
#: It counts like so many seconds of engine time, and is at most so many times as much.
_PRIOR_S, _MOST = 10.0, 4.0
#: Rounds that are remembered, of each transcriber.
_REMEMBERED = 64
#: Of them, those that tell how many chunks are decoded together.
_LATELY = 4
#: Cost per sample of full chunks, for transcribers whose commits went to other schedulers.
_USUAL_COST = 2.0
#: Engine time that re-decodes take, as a part of their chunks': until it was measured, which counts like so many
#: seconds of chunks; and the engine time after which a measurement counts half.
_REDECODED, _REDECODED_PRIOR_S, _REDECODED_HALF_LIFE_S = 0.25, 30.0, 600.0
#: Work that takes longer than it should says that its transcriber is slower, but so many times at most: one that died
#: holds its chunks, too.
_SLOWEST = 10.0


@dataclass
class _Round:
    """Chunks that a transcriber committed together."""

    ended_s: float
    chunks: int = 0
    cost: float = 0.0
    compute_s: float = 0.0
    interactive: bool = True


@dataclass
class _Seen:
    """The measurements of a transcriber."""

    rounds: list[_Round] = field(default_factory=list)

    def note(self, samples: int, compute_s: float, *, interactive: bool, now_s: float) -> None:
        """Takes a commit in."""
        if not self.rounds or now_s - self.rounds[-1].ended_s > _SAME_ROUND_S:
            self.rounds.append(_Round(ended_s=now_s))
            del self.rounds[:-_REMEMBERED]
        last = self.rounds[-1]
        last.ended_s = now_s
        last.chunks += 1
        last.cost += cost(1, samples)
        last.compute_s += compute_s
        last.interactive = last.interactive and interactive

    def weighed(self) -> Iterable[tuple[float, _Round]]:
        """Its rounds with their weights, newest first."""
        weight = 1.0
        for each in reversed(self.rounds):
            yield weight, each
            weight *= 0.5 ** (each.compute_s / _HALF_LIFE_S)


class Throughput:
    """Measures transcribers by the chunks they commit; where these went to other schedulers, by their reports."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._chunks_s = _REDECODED_PRIOR_S
        self._redecodes_s = _REDECODED * _REDECODED_PRIOR_S

    @property
    def redecoded(self) -> float:
        """Engine time that re-decodes took lately, as a part of their chunks'; live speech has some without chunks."""
        return min(1.0, self._redecodes_s / self._chunks_s)

    def redecoding(self, compute_s: float, *, again: bool) -> None:
        """Takes in what a recording's chunk, or re-decode, took."""
        kept = 0.5 ** (compute_s / _REDECODED_HALF_LIFE_S)
        self._chunks_s = kept * self._chunks_s + (0.0 if again else compute_s)
        self._redecodes_s = kept * self._redecodes_s + (compute_s if again else 0.0)

    def committed(
        self, transcriber_id: str, samples: int, compute_s: float, *, interactive: bool, now_s: float
    ) -> None:
        """Takes a chunk in.

        Args:
            transcriber_id: which transcriber did it.
            samples: its length.
            compute_s: seconds of the engine's time that went into it.
            interactive: its lane.
            now_s: when it was committed, in seconds since the epoch.
        """
        seen = self._seen.setdefault(transcriber_id, _Seen())
        seen.note(samples, compute_s, interactive=interactive, now_s=now_s)

    def workers(
        self,
        online: Sequence[TranscriberRecord],
        known: Iterable[TranscriberRecord],
        running: Sequence[RunningChunk],
        *,
        now_s: float,
    ) -> list[Worker]:
        """Transcribers of one model as the simulation takes them.

        Args:
            online: those that work.
            known: these, and others of the model that are gone: one that is new counts as the mean of all.
            running: what they hold.
            now_s: when that was read.
        """
        around = {each.id: each for each in known}
        round_cost = self._round_cost(around)
        rates = {name: self._speed(each, round_cost) for name, each in around.items()}
        measured = [speed for speed in rates.values() if speed > 0]
        mean = sum(measured) / len(measured) if measured else 0.0
        found = []
        for each in online:
            if each.slots:
                speed = rates.get(each.id) or mean
                held = [one for one in running if one.transcriber_id == each.id]
                worker = Worker(
                    id=each.id,
                    cost_per_s=speed,
                    round_cost=round_cost,
                    batch=self._batch(each),
                    slots=each.slots,
                    done=self._done(each.id, held, speed, round_cost, now_s),
                )
                found.append(_as_late(worker, held))
        return found

    def forget_others(self, ids: Iterable[str]) -> None:
        """Drops the measurements of transcribers that are no longer registered."""
        kept = set(ids)
        self._seen = {name: seen for name, seen in self._seen.items() if name in kept}

    def _round_cost(self, names: Iterable[str]) -> float:
        """The fit over all of them: of compute = a + b · cost, it is a / b."""
        count = cost_ = squares = time_ = products = 0.0
        for name in names:
            for weight, each in self._seen.get(name, _Seen()).weighed():
                count += weight
                cost_ += weight * each.cost
                squares += weight * each.cost**2
                time_ += weight * each.compute_s
                products += weight * each.cost * each.compute_s
        spread = count * squares - cost_**2
        if spread <= 1e-6 * squares or time_ <= 0:
            return _ROUND_COST
        slope = (count * products - cost_ * time_) / spread
        base = (time_ - slope * cost_) / count
        fitted = min(max(base / slope, 0.0), _MOST * _ROUND_COST) if slope > 0 else _MOST * _ROUND_COST
        return (fitted * time_ + _ROUND_COST * _PRIOR_S) / (time_ + _PRIOR_S)

    def _speed(self, transcriber: TranscriberRecord, round_cost: float) -> float:
        done = seconds = 0.0
        for weight, each in self._seen.get(transcriber.id, _Seen()).weighed():
            done += weight * (each.cost + round_cost)
            seconds += weight * each.compute_s
        return done / seconds if seconds > 0 else transcriber.speed * SAMPLE_RATE_HZ * _USUAL_COST

    def _batch(self, transcriber: TranscriberRecord) -> int:
        """Chunks that it decodes together: a slow one's batches are smaller, so that no call takes too long."""
        bulk = [each.chunks for each in self._seen.get(transcriber.id, _Seen()).rounds if not each.interactive]
        return max(bulk[-_LATELY:]) if len(bulk) >= _LATELY else max(1, transcriber.slots - PREFETCHED)

    def _done(self, name: str, held: Sequence[RunningChunk], speed: float, round_cost: float, now_s: float) -> float:
        """Cost that it has done of what it holds: all since the first claim, but for what was committed since."""
        if not held:
            return 0.0
        began_s = min(each.started_s for each in held)
        rounds = [each for each in self._seen.get(name, _Seen()).rounds if each.ended_s > began_s]
        return max(0.0, (now_s - began_s) * speed - sum(each.cost + round_cost for each in rounds))


def _as_late(worker: Worker, held: Sequence[RunningChunk]) -> Worker:
    """A transcriber that should have done all that it holds, as slow as that makes it: work under way is a measurement.

    How much of it is one round is not known; rounds of many chunks are committed at once.
    """
    if not held:
        return worker
    rounds = max(1.0, len(held) / worker.batch)
    most = MOST_DONE * (rounds * worker.round_cost + sum(cost(1, each.samples) for each in held))
    late = min(worker.done / most, _SLOWEST)
    return replace(worker, cost_per_s=worker.cost_per_s / late, done=worker.done / late) if late > 1 else worker
