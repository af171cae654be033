"""Corrections in a real scheduler: versions, what they merge, how long a corrected job is kept, its deletion."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest

from sayit.chassis import principal
from sayit.chassis.principal import Principal
from sayit.speech import wire
from sayit.speech.errors import ErrorKind
from sayit.speech.transcript import Transcript
from sayit.speech.wire.errors import error_of_call
from sayit.v1 import resources_pb2 as pb
from sayit.v1 import transcription_service_pb2 as service_pb

from .helper import ALICE, SHORT, SWEEPING, Suite, Transcriber, kind_of, suite
from .test_deletion import MARKER, files_with, until_gone


async def heard(s: Suite, text: str = "씨발 ,십이 퍼센트", **options: Any) -> str:
    """A finished job of one segment."""
    worker = Transcriber(s)
    await worker.report()
    job = await s.create(SHORT, language="ko", **options)
    await (await worker.claim(*await worker.take())).finish(text)
    await s.events(job.id)
    return job.id


async def update(s: Suite, job_id: str, expected: int, *, who: Principal = ALICE, **request: Any) -> pb.Corrections:
    """Corrects segment 0, or whatever the request says."""
    with principal.use(who):
        answer: pb.Corrections = await s.jobs.UpdateTranscript(
            service_pb.UpdateTranscriptRequest(job_id=job_id, expected_version=expected, **request)
        )
    return answer


async def transcript(s: Suite, job_id: str, **request: Any) -> Transcript:
    """A version of a transcript."""
    with principal.use(ALICE):
        call = s.jobs.GetTranscript(service_pb.GetTranscriptRequest(job_id=job_id, **request))
        return wire.transcript_of_parts([part async for part in call])


def texts(*lines: str) -> list[pb.SegmentCorrection]:
    """What segment 0 is instead."""
    return [pb.SegmentCorrection(segment=0, text="\n".join(lines))]


@pytest.mark.usefixtures("both_databases")
async def test_a_job_gets_another_name_and_other_labels(tmp_path: Path, redis_url: str) -> None:
    """Also while it runs; what is absent stays, labels are replaced as a whole, and another tenant has no such job."""
    async with suite(tmp_path, redis_url) as s:
        job = await s.create(SHORT, language="ko")

        async def change(who: Principal = ALICE, **request: Any) -> pb.Job:
            with principal.use(who):
                changed: pb.Job = await s.jobs.UpdateJob(service_pb.UpdateJobRequest(job_id=job.id, **request))
            return changed

        named = await change(filename="  면담\t1 ", labels=service_pb.LabelSet(labels={"project": "a", "tags": "b, c"}))
        assert (named.filename, dict(named.labels)) == ("면담 1", {"project": "a", "tags": "b, c"})
        assert dict((await change(filename="2")).labels) == dict(named.labels)
        assert not (await change(labels=service_pb.LabelSet())).labels
        assert (await s.get(job.id)).filename == "2"
        for wrong, kind in [
            ({"filename": "x" * 256}, ErrorKind.INVALID_ARGUMENT),
            ({"labels": service_pb.LabelSet(labels={"Tag": "x"})}, ErrorKind.INVALID_OPTION),
        ]:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await change(**wrong)
            assert kind_of(caught) is kind
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await change(who=Principal(key_id="k9", tenant="other"), filename="mine")
        assert kind_of(caught) is ErrorKind.JOB_NOT_FOUND


@pytest.mark.usefixtures("both_databases")
async def test_a_transcript_has_versions(tmp_path: Path, redis_url: str) -> None:
    """Each correction makes one; all stay readable, the model's own too, and an earlier one can be the newest again."""
    async with suite(tmp_path, redis_url) as s:
        job_id = await heard(s, formatting=True, mask_profanity=True)
        first = await update(s, job_id, 0, segments=texts("씨발 십이", "퍼센트"), names={"0": "김"})
        assert (first.version, first.names) == (1, {"0": "김"})
        assert await update(s, job_id, 0, segments=texts("씨발 십이", "퍼센트")) == first, "it is in force"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await update(s, job_id, 0, segments=texts("x"))
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        error = error_of_call(caught.value)
        assert (error.kind, error.details["version"]) == (ErrorKind.VERSION_CONFLICT, "1")
        second = await update(s, job_id, 1, segments=texts("x"), who=Principal(key_id="k9", tenant=ALICE.tenant))
        assert (second.version, second.segments[0].text, second.names) == (2, "x", {"0": "김"})
        written = [await transcript(s, job_id, version=version) for version in range(3)]
        assert await transcript(s, job_id) == written[2]
        # What a person wrote is neither formatted nor masked; the model's text is, and raw it is not.
        assert [one.text for one in written] == ["씨*, 12%", "씨발 십이 퍼센트", "x"]
        assert (await transcript(s, job_id, version=0, raw=True)).text == "씨발 ,십이 퍼센트"
        assert [[(one.speaker, one.id) for one in each.segments] for each in written[:2]] == [
            [("", 0)],
            [("김", 0), ("김", 0)],
        ]
        third = await update(s, job_id, 2, restored_version=0)
        assert third == pb.Corrections(version=3)
        assert (await update(s, job_id, 3, restored_version=1)).segments == first.segments
        with principal.use(ALICE):
            request = service_pb.ListTranscriptVersionsRequest(job_id=job_id, page_size=3)
            page = (await s.jobs.ListTranscriptVersions(request)).versions
            request.before_version = page[-1].version
            rest = (await s.jobs.ListTranscriptVersions(request)).versions
            earlier = await s.jobs.GetCorrections(service_pb.GetCorrectionsRequest(job_id=job_id, version=1))
        assert earlier == first
        assert [one.version for one in (*page, *rest)] == [4, 3, 2, 1]
        assert [one.key_id for one in (*page, *rest)] == ["k1", "k1", "k9", "k1"]
        assert (list(rest[0].segments), list(rest[0].names)) == ([0], ["0"])
        assert (await s.get(job_id)).transcript_version == 4
        for wrong in ({"restored_version": 9}, {"restored_version": 1, "segments": texts("y")}):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await update(s, job_id, 4, **wrong)
            assert kind_of(caught) is ErrorKind.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await transcript(s, job_id, version=9)
        assert kind_of(caught) is ErrorKind.INVALID_ARGUMENT


@pytest.mark.usefixtures("both_databases")
@pytest.mark.parametrize("both_databases", ["sqlite", "postgresql"], indirect=True)
async def test_of_many_at_once_none_is_lost(tmp_path: Path, redis_url: str) -> None:
    """All who name a speaker of their own get in; of those who correct one segment, one, and the others hear of it."""
    async with suite(tmp_path, redis_url) as s:
        job_id = await heard(s)
        named = await asyncio.gather(*(update(s, job_id, 0, names={str(n): f"name {n}"}) for n in range(8)))
        assert sorted(one.version for one in named) == list(range(1, 9))
        tried = await asyncio.gather(
            *(update(s, job_id, 8, segments=texts(f"text {n}")) for n in range(8)), return_exceptions=True
        )
        done = [one for one in tried if isinstance(one, pb.Corrections)]
        assert [one.version for one in done] == [9]
        assert len(done[0].names) == 8
        for one in tried:
            if isinstance(one, grpc.aio.AioRpcError):
                assert error_of_call(one).kind is ErrorKind.VERSION_CONFLICT


@pytest.mark.usefixtures("both_databases")
async def test_a_corrected_job_is_kept_until_it_is_decided_otherwise(tmp_path: Path, redis_url: str) -> None:
    """It loses its end with its first correction, not with a later one; one that has not ended has none to change."""
    async with suite(tmp_path, redis_url) as s:
        job_id = await heard(s)

        async def keep(*, kept: bool, of: str = job_id) -> pb.Job:
            with principal.use(ALICE):
                job: pb.Job = await s.jobs.UpdateJob(service_pb.UpdateJobRequest(job_id=of, kept=kept))
            return job

        assert (await s.get(job_id)).HasField("expire_time")
        await update(s, job_id, 0, segments=texts("x"))
        assert not (await s.get(job_id)).HasField("expire_time")
        ends = (await keep(kept=False)).expire_time
        assert ends.ToSeconds() > time.time() + 23 * 3600
        await update(s, job_id, 1, segments=texts("y"))
        assert (await s.get(job_id)).expire_time == ends
        assert not (await keep(kept=True)).HasField("expire_time")
        # The same audio again has the model's text, from the cache.
        again = await s.create(SHORT, language="ko")
        assert (await s.until(again.id, pb.JOB_STATE_COMPLETED)).cached
        assert (await s.transcript(again.id)).text == "씨발 ,십이 퍼센트"
        running = await s.create(SHORT, language="en")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await keep(kept=True, of=running.id)
        assert kind_of(caught) is ErrorKind.JOB_NOT_FINISHED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await update(s, running.id, 0, segments=texts("x"))
        assert kind_of(caught) is ErrorKind.JOB_NOT_FINISHED


async def test_a_deleted_job_takes_its_corrections_with_it(tmp_path: Path, redis_url: str) -> None:
    """All versions leave the database and its log."""
    async with suite(tmp_path, redis_url, sweep_s=SWEEPING) as s:
        job_id = await heard(s)
        await update(s, job_id, 0, segments=texts(f"said {MARKER}"), names={"0": MARKER})
        await update(s, job_id, 1, restored_version=0)
        data = s.settings.data_dir
        assert files_with(data, MARKER)
        with principal.use(ALICE):
            await s.jobs.DeleteJob(service_pb.DeleteJobRequest(job_id=job_id))
        await asyncio.wait_for(until_gone(data, MARKER), 30)
