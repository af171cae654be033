"""The client at the oldest end of the range of versions that it supports; all other tests run at the newest."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from packaging.requirements import Requirement

from sayit.chassis.errors import status_of
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.wire.errors import STATUS_DETAILS_KEY
from sayit.v1 import resources_pb2, transcription_service_pb2_grpc

from .conftest import downloaded
from .environments import ROOT, made

pytestmark = pytest.mark.xdist_group("installation")
FLOOR = ROOT / "requirements" / "floor.txt"

#: Messages, stubs, a call that is answered and one that is refused with our error details.
SCRIPT = """
import json, sys
import google.protobuf, grpc
from sayit.client import Client, SayItError
with Client(sys.argv[1]) as client:
    job = client.get("known")
    try:
        client.get("unknown")
    except SayItError as error:
        kind = error.kind.name
print(json.dumps([grpc.__version__, google.protobuf.__version__, job.id, kind]))
"""


class OneJob(transcription_service_pb2_grpc.TranscriptionServiceServicer):
    """Knows the job `known`."""

    def GetJob(self, request: Any, context: Any) -> resources_pb2.Job:  # noqa: N802 - gRPC's name
        """Answers or refuses."""
        if request.job_id != "known":
            error = SayItError(ErrorKind.JOB_NOT_FOUND, job_id=request.job_id)
            context.set_trailing_metadata(((STATUS_DETAILS_KEY, status_of(error).SerializeToString()),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no such job")
        return resources_pb2.Job(id="known", state=resources_pb2.JOB_STATE_RUNNING)


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server of this process, which runs on the newest versions."""
    running = grpc.server(ThreadPoolExecutor(2))
    transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server(OneJob(), running)
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    yield f"127.0.0.1:{port}"
    running.stop(None).wait()


def floors() -> dict[str, str]:
    """The versions of requirements/floor.txt by name."""
    return dict(re.findall(r"^([a-z-]+)==(\S+)", FLOOR.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_floor_is_what_the_metadata_says() -> None:
    """What sayit-client asks for at least is what requirements/floor.txt pins."""
    project = tomllib.loads((ROOT / "clients" / "python" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = {Requirement(one).name: next(iter(Requirement(one).specifier)).version for one in project["dependencies"]}
    assert {name: version.removesuffix(".0") for name, version in floors().items()} == {
        name: version.removesuffix(".0") for name, version in lowest.items()
    }


def test_the_client_runs_on_the_oldest_versions(wheels: dict[str, Path], server: str, tmp_path: Path) -> None:
    """The SDK, the messages and the stubs import and speak gRPC on the floor, without a warning."""
    old = downloaded(FLOOR, tmp_path / "floor")
    environment = made(tmp_path / "environment", [], [wheels["sayit-client"], *old])
    environment.pip("check")
    done = environment.run("python", "-W", "error", "-c", SCRIPT, server)
    assert done.returncode == 0, done.stderr
    grpc_version, protobuf_version, job, kind = json.loads(done.stdout)
    assert (grpc_version, protobuf_version) == (floors()["grpcio"], floors()["protobuf"])
    assert (job, kind) == ("known", "JOB_NOT_FOUND")
