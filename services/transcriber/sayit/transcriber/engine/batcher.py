"""Which call of the model comes next: a pure choice among the admitted chunks.

Encoding a window alone is faster on a CPU than encoding several; decoding several together is faster than each alone.
So windows are encoded one by one until enough of them wait for the decoder, and then decoded in one call. No chunk
waits for one that has not arrived: with a single admitted chunk every call is for that chunk.

Live speech goes before everything else, final text before interim, and a call for it is for live speech alone. Then
come interactive chunks. Bulk chunks get a call of their own now and then, however many interactive ones there are,
and share in every decoding that they fit into. Whatever cannot share a call (other options, another prompt length,
another temperature) forms a group of its own; the group whose member has waited longest is decoded next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sayit.transcriber.engine.cost_model import CostModel
from sayit.transcriber.engine.decode_session import Step
from sayit.transcriber.engine.request import EngineRequest, Lane

#: With so many interactive chunks at once there is a backlog, and they are decoded together, too.
_BACKLOG = 3


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """A call of the model for one or several chunks."""

    step: Step
    chunks: tuple[EngineRequest, ...]


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """How large a call may be."""

    #: Windows in one call of the decoder, at least 1; the gain of more is small and their memory is not.
    batch: int = 8
    #: Longest call with interactive work in it or waiting, as far as that can be known before, in seconds; 0: no limit.
    call_s: float = 5.0
    #: Longest call otherwise, in seconds; 0: no limit.
    bulk_call_s: float = 20.0


def next_call(
    admitted: Sequence[EngineRequest], *, bounds: BatchLimits, cost: CostModel, brief: bool, bulk_first: bool
) -> ModelCall | None:
    """The call to make now; None where no chunk is ready for one.

    Args:
        admitted: the chunks that may use the engine.
        bounds: how large it may be.
        cost: what calls take.
        brief: the engine holds interactive work, so no call should take long.
        bulk_first: it is the bulk chunks' turn.
    """
    ready = sorted(
        (chunk for chunk in admitted if chunk.session.step is not None), key=lambda chunk: chunk.session.since_s
    )
    if not ready:
        return None
    urgent = max(chunk.lane for chunk in ready)
    if urgent >= Lane.INTERIM:
        ready = [chunk for chunk in ready if chunk.lane >= Lane.INTERIM]
    elif bulk_first and any(chunk.lane is Lane.BULK for chunk in ready):
        urgent = Lane.BULK
    lane = [chunk for chunk in ready if chunk.lane is urgent]
    aligning = _first(lane, Step.ALIGN)
    if aligning is not None:  # short, and it finishes a window
        return ModelCall(step=Step.ALIGN, chunks=(aligning,))
    encoding, decoding = _first(lane, Step.ENCODE), _first(lane, Step.DECODE)
    if decoding is None:
        assert encoding is not None, "a chunk that is ready wants something"
        return ModelCall(step=Step.ENCODE, chunks=(encoding,))
    limit_s = bounds.call_s if brief or decoding.interactive else bounds.bulk_call_s
    room = _room(decoding, limit_s, bounds.batch, cost)
    waiting = sum(chunk.session.step is Step.DECODE for chunk in lane)
    backlog = urgent is Lane.BULK or (urgent is Lane.INTERACTIVE and len(lane) >= _BACKLOG)
    gather = waiting < room and backlog
    if encoding is not None and gather:
        return ModelCall(step=Step.ENCODE, chunks=(encoding,))
    return ModelCall(step=Step.DECODE, chunks=_group(decoding, lane, ready, room))


def _first(lane: Sequence[EngineRequest], step: Step) -> EngineRequest | None:
    return next((chunk for chunk in lane if chunk.session.step is step), None)


def _room(leader: EngineRequest, limit_s: float, batch: int, cost: CostModel) -> int:
    """How many windows the leader's call may decode."""
    if leader.singly:
        return 1
    return cost.most_windows(limit_s if limit_s > 0 else math.inf, leader.session.fallback_step, at_most=batch)


def _group(
    leader: EngineRequest, lane: Sequence[EngineRequest], ready: Sequence[EngineRequest], room: int
) -> tuple[EngineRequest, ...]:
    """The leader and those that can be decoded with it, its own lane first, longest waiting first."""
    others = [*lane, *(chunk for chunk in ready if chunk not in lane)]
    fitting = (
        chunk
        for chunk in others
        if chunk is not leader
        and chunk.session.step is Step.DECODE
        and not chunk.singly
        and chunk.session.fallback_step.group == leader.session.fallback_step.group
    )
    return (leader, *(chunk for chunk, _ in zip(fitting, range(room - 1), strict=False)))
