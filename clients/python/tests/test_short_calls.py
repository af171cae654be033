"""Short calls: what they return, and that they survive a gateway that is away for a moment."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from sayit.client import AsyncClient, ErrorKind, Format, JobState, SayItError, SubtitleStyle
from sayit.speech.rendering import render

from .helper import BROKEN, DOCUMENT
from .story import JOB, STATUS, TRANSCRIPT, job

READS = {
    "GetJob": lambda client: client.get(JOB),
    "ListJobs": lambda client: client.list(),
    "CancelJob": lambda client: client.cancel(JOB),
    "DeleteJob": lambda client: client.delete(JOB),
    "GetTranscript": lambda client: client.transcript(JOB),
    "UpdateJob": lambda client: client.update(JOB, filename="x", labels={"a": "b"}),
    "UpdateTranscript": lambda client: client.correct(JOB, expected_version=0, names={"1": "Kim"}),
    "GetCorrections": lambda client: client.corrections(JOB),
    "ListTranscriptVersions": lambda client: client.transcript_versions(JOB),
    "ListModels": lambda client: client.models(),
    "GetStatus": lambda client: client.status(),
}


@pytest.mark.parametrize("method", READS)
async def test_a_short_call_is_tried_again(method, gateway, client):
    """Two broken connections go unnoticed."""
    gateway.script[method] = [BROKEN, BROKEN]
    await READS[method](client)
    assert gateway.calls == [method] * 3


@pytest.mark.parametrize("method", READS)
async def test_what_the_service_decided_is_not_tried_again(method, gateway, client):
    """An error with our details is raised at once."""
    gateway.script[method] = [SayItError(ErrorKind.PERMISSION_DENIED)]
    with pytest.raises(SayItError) as caught:
        await READS[method](client)
    assert caught.value.kind is ErrorKind.PERMISSION_DENIED
    assert gateway.calls == [method]


@pytest.mark.parametrize("method", READS)
async def test_trying_again_ends(method, gateway):
    """After retry_s the error is raised; 0 tries once."""
    gateway.script[method] = [BROKEN] * 100
    async with AsyncClient(gateway.address, retry_s=0) as client:
        with pytest.raises(SayItError) as caught:
            await READS[method](client)
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert gateway.calls == [method]


async def test_the_servers_retry_time_is_kept(gateway, client):
    """RATE_LIMITED with a time is tried again after that time, not before."""
    gateway.script["GetJob"] = [SayItError(ErrorKind.RATE_LIMITED, retry_after_s=0.4)]
    before = time.monotonic()
    await client.get(JOB)
    assert time.monotonic() - before >= 0.4


async def test_a_deadline_is_an_error_of_ours(gateway):
    """A gateway that does not answer in time: DEADLINE_EXCEEDED."""
    gateway.delay_s = 5.0
    async with AsyncClient(gateway.address, timeout_s=0.2) as client:
        with pytest.raises(SayItError) as caught:
            await client.status()
    assert caught.value.kind is ErrorKind.DEADLINE_EXCEEDED


async def test_deleting_twice_by_accident_is_no_error(gateway, client):
    """The first attempt deleted, its answer was lost: JOB_NOT_FOUND on the second means that it worked."""
    gateway.script["DeleteJob"] = [BROKEN, SayItError(ErrorKind.JOB_NOT_FOUND, job_id=JOB)]
    await client.delete(JOB)
    gateway.script["DeleteJob"] = [SayItError(ErrorKind.JOB_NOT_FOUND, job_id=JOB)]
    with pytest.raises(SayItError) as caught:
        await client.delete(JOB)
    assert caught.value.kind is ErrorKind.JOB_NOT_FOUND


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 1), (50, 50), (90, 90), (1000, 100)])
async def test_list_follows_the_pages(limit, count, gateway, client):
    """As many jobs as asked for, over as many pages as it takes."""
    gateway.jobs = [job(f"job-{number}") for number in range(100)]
    assert [found.id for found in await client.list(limit=limit)] == [f"job-{number}" for number in range(count)]


async def test_list_asks_for_states(gateway, client):
    """The filter reaches the server."""
    gateway.jobs = [job("a", JobState.FAILED), job("b", JobState.RUNNING), job("c", JobState.COMPLETED)]
    found = await client.list([JobState.FAILED, JobState.COMPLETED])
    assert [one.id for one in found] == ["a", "c"]


async def test_list_asks_for_labels(gateway, client):
    """Only jobs that have all of them."""
    gateway.jobs = [replace(job("a"), labels={"team": "red", "x": "1"}), replace(job("b"), labels={"team": "blue"})]
    assert [one.id for one in await client.list(labels={"team": "red"})] == ["a"]


async def test_a_transcript_that_breaks_is_read_from_the_beginning(gateway, client):
    """No part is doubled or lost when the connection breaks between two parts."""
    gateway.script["GetTranscript"] = [1]
    assert await client.transcript(JOB) == TRANSCRIPT


@pytest.mark.parametrize("form", [form for form in Format if not form.is_document])
async def test_rendered_forms_come_whole(form, gateway, client):
    """The server's bytes are joined before they are read as text: parts may end inside a letter."""
    gateway.script["GetTranscript"] = [2]
    assert await client.render(JOB, form) == render(TRANSCRIPT, form)
    assert await client.render_bytes(JOB, form) == render(TRANSCRIPT, form).encode()


async def test_documents_are_bytes(gateway, client):
    """Of a job, and beside texts in the answer of Recognize; as text they are refused."""
    assert await client.render_bytes(JOB, Format.DOCX) == DOCUMENT
    with pytest.raises(ValueError, match="render_bytes"):
        await client.render(JOB, Format.PDF)
    result = await client.recognize(b"x" * 1000, formats=[Format.SRT, Format.PDF])
    assert (result.rendered, result.documents) == (
        {Format.SRT: render(TRANSCRIPT, Format.SRT)},
        {Format.PDF: DOCUMENT},
    )


async def test_the_style_of_subtitles_is_sent(gateway, client):
    """The server cuts them."""
    style = SubtitleStyle(max_words_per_line=1, max_line_count=1)
    assert await client.render(JOB, Format.VTT, style=style) == render(TRANSCRIPT, Format.VTT, style)
    assert render(TRANSCRIPT, Format.VTT, style) != render(TRANSCRIPT, Format.VTT)


async def test_models_and_status(client):
    """What the installation is."""
    (model,) = await client.models()
    assert (model.name, model.default, model.transcribers) == ("small", True, 1)
    assert await client.status() == STATUS


async def test_cancel_returns_the_job(client):
    """Cancelling returns the job as it is afterwards."""
    assert (await client.cancel(JOB)).state is JobState.CANCELLED


async def test_unfinished_jobs_have_no_result(gateway, client):
    """The service's JOB_NOT_FINISHED is raised as it is."""
    gateway.script["GetTranscript"] = [SayItError(ErrorKind.JOB_NOT_FINISHED, job_id=JOB)]
    with pytest.raises(SayItError) as caught:
        await client.result(JOB)
    assert caught.value.kind is ErrorKind.JOB_NOT_FINISHED
