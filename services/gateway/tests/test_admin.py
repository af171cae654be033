"""Administration at a real gateway: who may, and what the gateway adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sayit.gateway.auth.access import check_near
from sayit.gateway.auth.keys import create_key
from sayit.speech.errors import ErrorKind, SayItError
from sayit.v1 import admin_service_pb2 as pb
from sayit.v1 import admin_service_pb2_grpc

from .helper import Suite, failure, suite


def _admin(s: Suite) -> Any:
    return admin_service_pb2_grpc.AdminServiceStub(s.channel)


async def test_only_a_key_with_the_scope_admin_administrates(tmp_path: Path) -> None:
    """Reading is no exception: what an operator reads is other tenants' business."""
    keys = tmp_path / "keys.json"
    _, usual = create_key(keys, tenant="acme")
    stored, operator = create_key(keys, tenant="house", scopes=["admin"])
    async with suite(api_keys_file=keys) as s:
        admin = _admin(s)
        calls = (admin.GetQueue, pb.GetQueueRequest()), (admin.CancelOwnedJob, pb.CancelOwnedJobRequest(job_id="j"))
        for method, request in calls:
            assert (await failure(method(request))).kind is ErrorKind.UNAUTHENTICATED
            refused = await failure(method(request, metadata=[("x-api-key", usual)]))
            assert (refused.kind, refused.details["scope"]) == (ErrorKind.PERMISSION_DENIED, "admin")
            await method(request, metadata=[("x-api-key", operator)])
        done = await admin.CancelOwnedJob(pb.CancelOwnedJobRequest(job_id="j"), metadata=[("x-api-key", operator)])
    assert done.key_id == stored.id


async def test_without_keys_this_machine_may() -> None:
    """As everything else is served on loopback; an id that is left out is refused here already."""
    async with suite() as s:
        assert len((await _admin(s).GetQueue(pb.GetQueueRequest())).jobs) == 1
        assert (await failure(_admin(s).CancelOwnedJob(pb.CancelOwnedJobRequest()))).kind is ErrorKind.INVALID_ARGUMENT


@pytest.mark.parametrize(
    "peer", ["ipv4:127.0.0.1:5", "ipv6:%5B::1%5D:5", "ipv6:[::ffff:127.0.0.1]:5", "unix:/run/s", "unix:"]
)
def test_callers_on_this_machine_are_near(peer: str) -> None:
    """Loopback in every form that gRPC writes it, and Unix sockets."""
    check_near(peer, [])
    check_near(peer, [("x-forwarded-for", "127.0.0.1, ::1")])


@pytest.mark.parametrize(
    "peer", ["ipv4:10.0.0.1:5", "ipv6:%5B2001:db8::1%5D:5", "ipv6:[::ffff:10.0.0.1]:5", "vsock:1:2", ""]
)
def test_without_keys_no_other_machine_may(peer: str) -> None:
    """Also where SAYIT_ALLOW_UNAUTHENTICATED serves every client."""
    with pytest.raises(SayItError) as caught:
        check_near(peer, [])
    assert caught.value.kind is ErrorKind.PERMISSION_DENIED
    assert "관리" in caught.value.message("ko")


@pytest.mark.parametrize("told", ["10.0.0.1", "127.0.0.1, 10.0.0.1", "10.0.0.1, 127.0.0.1", "unknown", ""])
async def test_a_proxy_on_this_machine_is_not_its_client(told: str) -> None:
    """NGINX beside the gateway says for whom it calls; only this machine's own addresses are near."""
    async with suite() as s:
        refused = await failure(_admin(s).GetQueue(pb.GetQueueRequest(), metadata=[("x-forwarded-for", told)]))
        assert refused.kind is ErrorKind.PERMISSION_DENIED
        await _admin(s).GetQueue(pb.GetQueueRequest(), metadata=[("x-forwarded-for", "127.0.0.1")])


async def test_the_gateway_adds_its_bounds_and_its_settings() -> None:
    """In front of the scheduler's; a secret is not told."""
    async with suite(max_uploads=7, internal_secret=SecretStr("hidden")) as s:
        limits = await _admin(s).ListLimits(pb.ListLimitsRequest())
        settings = await _admin(s).ListSettings(pb.ListSettingsRequest())
    assert [(one.name, one.used, one.most) for one in limits.limits][:1] == [("SAYIT_MAX_UPLOADS", 0, 7)]
    assert limits.limits[-1].name == "X"
    values = {one.name: one.value for one in settings.settings if one.process == "gateway"}
    assert values["SAYIT_MAX_UPLOADS"] == "7"
    assert values["SAYIT_INTERNAL_SECRET"] == "***"
    assert "hidden" not in str(settings)
    assert settings.settings[-1].process == "scheduler"
