"""What an operator sees, to and from its public protobuf messages."""

from __future__ import annotations

from sayit.speech.administration import (
    AuditEntry,
    LegalHold,
    LimitUse,
    OwnedJob,
    Queue,
    SettingInForce,
    UsageGroup,
    UsageReport,
    WebhookMessage,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.codec import Codec
from sayit.v1 import admin_service_pb2 as pb

usage_to_proto, usage_from_proto = Codec(UsageReport, pb.UsageReport).both_ways
queue_to_proto, queue_from_proto = Codec(Queue, pb.Queue).both_ways
owned_job_to_proto, owned_job_from_proto = Codec(OwnedJob, pb.OwnedJob).both_ways
limit_to_proto, limit_from_proto = Codec(LimitUse, pb.LimitUse).both_ways
setting_to_proto, setting_from_proto = Codec(SettingInForce, pb.SettingInForce).both_ways
webhook_to_proto, webhook_from_proto = Codec(WebhookMessage, pb.WebhookMessage).both_ways
hold_to_proto, hold_from_proto = Codec(LegalHold, pb.LegalHold).both_ways
audit_entry_to_proto, audit_entry_from_proto = Codec(AuditEntry, pb.AuditEntry).both_ways

_NUMBERS = {group: pb.UsageGroup.Value(f"USAGE_GROUP_{group.name}") for group in UsageGroup}
_GROUPS = {number: group for group, number in _NUMBERS.items()}


def usage_group_to_proto(group: UsageGroup) -> pb.UsageGroup.ValueType:
    """A group's number."""
    return _NUMBERS[group]


def usage_group_from_proto(number: pb.UsageGroup.ValueType) -> UsageGroup:
    """A number's group; the unspecified one is unknown, too."""
    if number not in _GROUPS:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="groups", reason=f"there is no group {number}")
    return _GROUPS[number]
