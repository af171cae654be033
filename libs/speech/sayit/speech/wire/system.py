"""Models and the state of an installation."""

from __future__ import annotations

from sayit.speech.system import Model, Part, PartState, SystemStatus, TranscriberStatus
from sayit.speech.wire.times import duration_to_proto, seconds_of_duration
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import system_service_pb2 as system_pb

_PART_STATES = {state: system_pb.PartState.Value(f"PART_STATE_{state.name}") for state in PartState}
_PART_STATES_OF_PROTO = {number: state for state, number in _PART_STATES.items()}


def model_to_proto(model: Model) -> pb.Model:
    """A model."""
    return pb.Model(name=model.name, default=model.default, transcribers=model.transcribers)


def model_from_proto(message: pb.Model) -> Model:
    """A model."""
    return Model(name=message.name, default=message.default, transcribers=message.transcribers)


def status_to_proto(status: SystemStatus) -> system_pb.Status:
    """The whole suite; unknown figures stay absent."""
    return system_pb.Status(
        state=_PART_STATES[status.state],
        parts=[
            system_pb.Part(name=part.name, state=_PART_STATES[part.state], detail=part.detail) for part in status.parts
        ],
        transcribers_online=status.transcribers_online,
        transcribers_expected=status.transcribers_expected,
        transcribers=map(_transcriber_to_proto, status.transcribers),
        uptime=duration_to_proto(status.uptime_s),
        jobs_per_day=status.jobs_per_day,
        success_rate=status.success_rate,
        mean_time=None if status.mean_time_s is None else duration_to_proto(status.mean_time_s),
        version=status.version,
        chunks_waiting=status.chunks_waiting,
    )


def status_from_proto(message: system_pb.Status) -> SystemStatus:
    """The whole suite; absent figures are None, and a part's state that this version does not know counts as DOWN."""
    return SystemStatus(
        state=_part_state(message.state),
        parts=tuple(Part(name=part.name, state=_part_state(part.state), detail=part.detail) for part in message.parts),
        transcribers_online=message.transcribers_online,
        transcribers_expected=message.transcribers_expected,
        transcribers=tuple(map(_transcriber_from_proto, message.transcribers)),
        uptime_s=seconds_of_duration(message.uptime),
        jobs_per_day=message.jobs_per_day,
        success_rate=message.success_rate if message.HasField("success_rate") else None,
        mean_time_s=seconds_of_duration(message.mean_time) if message.HasField("mean_time") else None,
        version=message.version,
        chunks_waiting=message.chunks_waiting,
    )


def _part_state(number: system_pb.PartState.ValueType) -> PartState:
    return _PART_STATES_OF_PROTO.get(number, PartState.DOWN)


def _transcriber_to_proto(transcriber: TranscriberStatus) -> system_pb.TranscriberStatus:
    return system_pb.TranscriberStatus(
        id=transcriber.id,
        model=transcriber.model,
        slots=transcriber.slots,
        busy=transcriber.busy,
        speed=transcriber.speed,
    )


def _transcriber_from_proto(message: system_pb.TranscriberStatus) -> TranscriberStatus:
    return TranscriberStatus(
        id=message.id, model=message.model, slots=message.slots, busy=message.busy, speed=message.speed
    )
