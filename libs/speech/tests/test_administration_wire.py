"""What an operator sees arrives as it was sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.speech.administration import (
    AuditEntry,
    ErrorCount,
    JobCount,
    LimitUse,
    ModelQueue,
    OwnedJob,
    Queue,
    QueuedChunks,
    SettingInForce,
    UsageGroup,
    UsageReport,
    UsageRow,
    WebhookMessage,
)
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire import administration as wire

from . import values
from .values import counts, seconds, text, times

reals = st.floats(0, 1e9)
perhaps = st.none() | seconds
rows = st.builds(
    UsageRow,
    **dict.fromkeys(("day", "tenant", "key_id", "model"), text),
    **dict.fromkeys(("jobs", "completed", "cached", "failed", "cancelled"), counts),
    audio_s=seconds,
    **dict.fromkeys(("mean_s", "median_s", "p95_s"), perhaps),
)
errors = st.builds(ErrorCount, code=text, jobs=counts)
few = settings(max_examples=30)


def several(one: st.SearchStrategy) -> st.SearchStrategy:
    """Some of them."""
    return st.lists(one, max_size=3).map(tuple)


@few
@given(st.builds(UsageReport, rows=several(rows), errors=several(errors), kept_days=reals))
def test_usage_round_trips(value):
    """Times that are not there stay absent."""
    assert wire.usage_from_proto(wire.usage_to_proto(value)) == value


@few
@given(
    st.builds(
        Queue,
        jobs=several(st.builds(JobCount, model=text, state=text, jobs=counts)),
        chunks=several(st.builds(QueuedChunks, model=text, lane=text, state=text, chunks=counts, audio_s=seconds)),
        models=several(st.builds(ModelQueue, model=text, oldest_s=seconds, uncut_s=seconds)),
    ),
    st.builds(OwnedJob, job=values.jobs, tenant=text, key_id=text),
)
def test_queue_and_jobs_round_trip(queue, job):
    """With their owner."""
    assert wire.queue_from_proto(wire.queue_to_proto(queue)) == queue
    assert wire.owned_job_from_proto(wire.owned_job_to_proto(job)) == job


@few
@given(
    st.builds(LimitUse, name=text, tenant=text, used=reals, most=reals),
    st.builds(SettingInForce, process=text, name=text, value=text, source=text, reloadable=st.booleans()),
    st.builds(
        WebhookMessage,
        **dict.fromkeys(("id", "tenant", "job_id", "url", "state", "detail"), text),
        attempts=counts,
        status=counts,
        created_at_s=times,
        due_at_s=times,
    ),
    st.builds(AuditEntry, at_s=times, **dict.fromkeys(("tenant", "key_id", "action", "subject", "detail"), text)),
)
def test_records_round_trip(limit, setting, message, entry):
    """Limits, settings, webhooks, the audit log."""
    assert wire.limit_from_proto(wire.limit_to_proto(limit)) == limit
    assert wire.setting_from_proto(wire.setting_to_proto(setting)) == setting
    assert wire.webhook_from_proto(wire.webhook_to_proto(message)) == message
    assert wire.audit_entry_from_proto(wire.audit_entry_to_proto(entry)) == entry


def test_groups_have_numbers_and_others_are_unknown():
    """The unspecified one, too."""
    for group in UsageGroup:
        assert wire.usage_group_from_proto(wire.usage_group_to_proto(group)) is group
    for number in (0, 99):
        with pytest.raises(SayItError) as caught:
            wire.usage_group_from_proto(number)
        assert caught.value.kind is ErrorKind.INVALID_ARGUMENT
