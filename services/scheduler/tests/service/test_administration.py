"""What an operator sees and does at a real scheduler."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from pydantic import SecretStr

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.speech.errors import ErrorKind
from sayit.v1 import admin_service_pb2 as admin_pb
from sayit.v1 import resources_pb2 as pb

from .helper import ALICE, BOB, LONG, SHORT, Transcriber, kind_of, suite

OPERATOR = Principal(key_id="operator", tenant="house")


async def test_jobs_of_all_tenants_are_seen_cancelled_and_done_again(tmp_path: Path, redis_url: str) -> None:
    """With their owner; the new job is the same owner's, and the same call again makes no second one."""
    async with suite(tmp_path, redis_url) as s:
        await Transcriber(s).report()
        mine = await s.create(LONG, who=ALICE, language="en")
        his = await s.create(SHORT, who=BOB, language="ko")
        await s.until(mine.id, pb.JOB_STATE_RUNNING)
        with principal.use(OPERATOR):
            listed = await s.admin.ListOwnedJobs(admin_pb.ListOwnedJobsRequest(page_size=1))
            rest = await s.admin.ListOwnedJobs(admin_pb.ListOwnedJobsRequest(page_token=listed.next_page_token))
            only = await s.admin.ListOwnedJobs(admin_pb.ListOwnedJobsRequest(tenant="bob"))
            with pytest.raises(grpc.aio.AioRpcError) as early:
                await s.admin.RetryOwnedJob(admin_pb.RetryOwnedJobRequest(job_id=mine.id))
            cancelled = await s.admin.CancelOwnedJob(admin_pb.CancelOwnedJobRequest(job_id=mine.id))
            again = await s.admin.RetryOwnedJob(admin_pb.RetryOwnedJobRequest(job_id=mine.id))
            twice = await s.admin.RetryOwnedJob(admin_pb.RetryOwnedJobRequest(job_id=mine.id))
            with pytest.raises(grpc.aio.AioRpcError) as unknown:
                await s.admin.CancelOwnedJob(admin_pb.CancelOwnedJobRequest(job_id="none"))
            log = await s.admin.ListAuditEntries(admin_pb.ListAuditEntriesRequest(tenant="alice"))
        assert [(one.tenant, one.key_id, one.job.id) for one in listed.jobs] == [("bob", "k2", his.id)]
        assert [(one.tenant, one.job.id) for one in rest.jobs] == [("alice", mine.id)]
        assert [one.job.id for one in only.jobs] == [his.id]
        assert kind_of(early) is ErrorKind.JOB_NOT_FINISHED
        assert kind_of(unknown) is ErrorKind.JOB_NOT_FOUND
        assert cancelled.job.state == pb.JOB_STATE_CANCELLED
        assert again.job.id == twice.job.id != mine.id
        assert (again.tenant, again.key_id, again.job.filename) == ("alice", "k1", mine.filename)
        assert again.job.options == mine.options
        assert (await s.until(again.job.id, pb.JOB_STATE_RUNNING)).id == again.job.id
    by_operator = [(one.action, one.subject) for one in log.entries if one.key_id == "operator"]
    assert ("job.cancel", mine.id) in by_operator
    assert ("job.retry", mine.id) in by_operator


async def test_queue_limits_and_usage_follow_a_job(tmp_path: Path, redis_url: str) -> None:
    """What waits is in the queue with its audio and counts for its tenant; once it has ended it is usage."""
    async with suite(tmp_path, redis_url, max_active_jobs=7, usage_days=3, min_free_mb=0) as s:
        await Transcriber(s).report()
        job = await s.create(SHORT, language="ko")
        await s.until(job.id, pb.JOB_STATE_RUNNING)
        with principal.use(OPERATOR):
            queue = await s.admin.GetQueue(admin_pb.GetQueueRequest())
            limits = await s.admin.ListLimits(admin_pb.ListLimitsRequest())
            await s.admin.CancelOwnedJob(admin_pb.CancelOwnedJobRequest(job_id=job.id))
            report = await s.admin.GetUsage(
                admin_pb.GetUsageRequest(groups=[admin_pb.USAGE_GROUP_TENANT, admin_pb.USAGE_GROUP_DAY])
            )
        assert [(one.state, one.jobs) for one in queue.jobs] == [("running", 1)]
        assert sum(one.audio.ToTimedelta().total_seconds() for one in queue.chunks) > 1
        used = {(one.name, one.tenant): (one.used, one.most) for one in limits.limits}
        assert used["SAYIT_MAX_ACTIVE_JOBS", ""] == (1, 7)
        assert used["SAYIT_MAX_ACTIVE_JOBS_PER_TENANT", "alice"] == (1, 5000)
        assert used["SAYIT_MIN_FREE_MB", ""][1] == 0
    [row] = report.rows
    today = {time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago)) for ago in (0, 600)}
    assert (row.tenant, row.jobs, row.cancelled) == ("alice", 1, 1)
    assert row.day in today
    assert report.kept_days == 3


async def test_settings_in_force_hold_no_secret(tmp_path: Path, redis_url: str) -> None:
    """Each with its value; secrets and passwords in addresses are hidden."""
    async with suite(
        tmp_path,
        redis_url,
        webhook_secrets=SecretStr("0123456789abcdef0123456789abcdef"),
        webhook_urls="alice=https://name:hidden@example.com/hook",
    ) as s:
        with principal.use(OPERATOR):
            found = await s.admin.ListSettings(admin_pb.ListSettingsRequest())
            webhooks = await s.admin.ListWebhookMessages(admin_pb.ListWebhookMessagesRequest())
            missing = await s.admin.ReplayWebhookMessage(admin_pb.ReplayWebhookMessageRequest(message_id="msg_none"))
    values = {one.name: one.value for one in found.settings}
    assert values["SAYIT_WEBHOOK_SECRETS"] == "***"
    assert values["SAYIT_REDIS_URL"] == "***"
    assert values["SAYIT_WEBHOOK_URLS"] == "alice=https://***@example.com/hook"
    assert values["SAYIT_MAX_AUDIO_S"] == "14400.0"
    assert "hidden" not in str(found)
    assert {one.process for one in found.settings} == {"scheduler"}
    assert list(webhooks.messages) == []
    assert not missing.found


@pytest.mark.parametrize(
    "request_",
    [
        admin_pb.GetUsageRequest(utc_offset_minutes=1000),
        admin_pb.GetUsageRequest(limit=-1),
        admin_pb.GetUsageRequest(groups=[99]),  # type: ignore[list-item]  # a newer client's
    ],
)
async def test_what_makes_no_sense_is_refused(request_: Any, tmp_path: Path, redis_url: str) -> None:
    """No clock is so far away, nothing is negative, and a group of a newer version is not guessed at."""
    async with suite(tmp_path, redis_url) as s:
        with principal.use(OPERATOR), pytest.raises(grpc.aio.AioRpcError) as caught:
            await s.admin.GetUsage(request_)
    assert kind_of(caught) is ErrorKind.INVALID_ARGUMENT
