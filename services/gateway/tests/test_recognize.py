"""Short audio in one call, transcripts in several forms, requests without ids."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import Any

import docx
import pytest
from google.protobuf.message_factory import GetMessageClass

from sayit.gateway.api.transcription import RECOGNIZE_BYTES
from sayit.speech import wire
from sayit.speech.errors import ErrorKind
from sayit.speech.rendering import Format, SubtitleStyle, render
from sayit.speech.transcript import Suppressed, SuppressionReason
from sayit.v1 import resources_pb2, upload_service_pb2, vocabulary_service_pb2
from sayit.v1 import transcription_service_pb2 as pb

from .helper import config, failure, suite


def request(size: int = 3_000_000, **values: Any) -> pb.RecognizeRequest:
    """So many bytes of audio."""
    return pb.RecognizeRequest(config=config(**values), audio=b"x" * size, formats=[pb.TRANSCRIPT_FORMAT_SRT])


async def test_one_call_from_audio_to_text() -> None:
    """The scheduler gets an upload as any other; the answer has job, transcript and the forms that were asked for."""
    async with suite() as s:
        answer = await s.jobs.Recognize(request())
    assert s.fake.received == [("config", 0), ("audio", 1 << 20), ("audio", 1 << 20), ("audio", 902848), ("audio", 0)]
    assert answer.job.id == "job-1"
    assert wire.transcript_from_proto(answer.transcript) == s.fake.transcript
    assert [(one.format, one.content) for one in answer.rendered] == [
        (pb.TRANSCRIPT_FORMAT_SRT, render(s.fake.transcript, Format.SRT))
    ]


@pytest.mark.parametrize("key", ["", "k"])
async def test_a_call_that_ends_cancels_the_job_unless_it_has_a_key(key: str) -> None:
    """A cancelled call's client would not fetch the text; with an idempotency key it can come back for it."""
    async with suite() as s:
        s.fake.pace = asyncio.Semaphore(1)
        call = s.jobs.Recognize(request(idempotency_key=key))
        while not s.fake.watches:  # noqa: ASYNC110 - the fake only records
            await asyncio.sleep(0.01)
        call.cancel()
        await asyncio.wait_for(s.fake.watch_closed.wait(), 5)
        if not key:
            await asyncio.wait_for(s.fake.cancelled.wait(), 5)
    assert s.fake.cancelled.is_set() is not bool(key)


async def test_a_job_that_failed_fails_the_call() -> None:
    """Its code and sentences are the call's."""
    async with suite() as s:
        s.fake.job.state = resources_pb2.JOB_STATE_FAILED
        s.fake.job.error.MergeFrom(resources_pb2.JobError(code="NO_AUDIO_TRACK", message_en="a", message_ko="b"))
        error = await failure(s.jobs.Recognize(request()))
        assert error.kind is ErrorKind.NO_AUDIO_TRACK
        s.fake.job.state = resources_pb2.JOB_STATE_CANCELLED
        assert (await failure(s.jobs.Recognize(request()))).kind is ErrorKind.JOB_CANCELLED


@pytest.mark.parametrize(
    ("size", "kind"), [(0, ErrorKind.FILE_REQUIRED), (RECOGNIZE_BYTES + 1, ErrorKind.FILE_TOO_LARGE)]
)
async def test_audio_has_bounds(size: int, kind: ErrorKind) -> None:
    """No audio, and more than fits, are refused with our details."""
    async with suite() as s:
        error = await failure(s.jobs.Recognize(request(size)))
    assert (error.kind, error.field) == (kind, "audio")


async def test_several_forms_in_one_answer() -> None:
    """Each part says which form it belongs to; they come in the order that was asked for."""
    async with suite() as s:
        forms = [pb.TRANSCRIPT_FORMAT_VTT, pb.TRANSCRIPT_FORMAT_TEXT]
        texts: dict[int, bytes] = {}
        async for part in s.jobs.GetTranscript(pb.GetTranscriptRequest(job_id="job-1", formats=forms)):
            texts[part.format] = texts.get(part.format, b"") + part.content
        assert list(texts) == forms
        assert texts[pb.TRANSCRIPT_FORMAT_TEXT].decode() == render(s.fake.transcript, Format.TXT)
        unspecified = s.jobs.GetTranscript(
            pb.GetTranscriptRequest(job_id="job-1", formats=[pb.TRANSCRIPT_FORMAT_UNSPECIFIED])
        )
        assert (await failure(unspecified)).field == "formats"


async def test_documents_come_beside_texts() -> None:
    """Named as the job's file, in the order that was asked for, twice where they are asked for twice."""
    forms = [pb.TRANSCRIPT_FORMAT_DOCX, pb.TRANSCRIPT_FORMAT_TEXT, pb.TRANSCRIPT_FORMAT_PDF]
    async with suite() as s:
        s.fake.job.filename = "meeting.m4a"
        pieces: dict[int, bytes] = {}
        async for part in s.jobs.GetTranscript(pb.GetTranscriptRequest(job_id="job-1", formats=forms)):
            pieces[part.format] = pieces.get(part.format, b"") + part.content
        whole = request()
        whole.formats.extend(forms)
        rendered = (await s.jobs.Recognize(whole)).rendered
    assert list(pieces) == forms
    paragraphs = docx.Document(io.BytesIO(pieces[pb.TRANSCRIPT_FORMAT_DOCX])).paragraphs
    assert paragraphs[0].text == "meeting.m4a"
    assert pieces[pb.TRANSCRIPT_FORMAT_PDF].startswith(b"%PDF-")
    assert [one.format for one in rendered] == [pb.TRANSCRIPT_FORMAT_SRT, *forms]
    for one in rendered:
        assert bool(one.content) is not bool(one.document)
        if one.document:
            assert one.document == pieces[one.format]


async def test_a_form_may_show_what_was_removed() -> None:
    """With `suppressed`, and only then."""
    async with suite() as s:
        gone = Suppressed(text="MBC", reason=SuppressionReason.NO_SPEECH, start_s=0.0, end_s=1.0)
        s.fake.transcript = replace(s.fake.transcript, suppressed=(gone,))
        text = pb.TRANSCRIPT_FORMAT_TEXT
        shown = {
            wanted: b"".join(
                [
                    part.content
                    async for part in s.jobs.GetTranscript(
                        pb.GetTranscriptRequest(job_id="job-1", format=text, suppressed=wanted)
                    )
                ]
            )
            for wanted in (True, False)
        }
    assert b"[no_speech: MBC]" in shown[True]
    assert b"MBC" not in shown[False]


async def test_subtitles_are_cut_as_asked() -> None:
    """In one call and of a finished job; a style that makes no sense is refused before any work."""
    style = SubtitleStyle(max_words_per_line=1, max_line_count=1)
    asked = wire.style_to_proto(style)
    async with suite() as s:
        expected = render(s.fake.transcript, Format.SRT, style)
        whole = request()
        whole.subtitles.CopyFrom(asked)
        assert (await s.jobs.Recognize(whole)).rendered[0].content == expected
        wanted = pb.GetTranscriptRequest(job_id="job-1", format=pb.TRANSCRIPT_FORMAT_SRT, subtitles=asked)
        assert b"".join([part.content async for part in s.jobs.GetTranscript(wanted)]).decode() == expected
        whole.subtitles.max_line_width = 3
        s.fake.received.clear()
        assert (await failure(s.jobs.Recognize(whole))).field == "max_line_width"
        assert not s.fake.received


def methods() -> list[Any]:
    """All methods of the public services whose request names a thing, from the protos."""
    modules: tuple[Any, ...] = (pb, upload_service_pb2, vocabulary_service_pb2)
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    found = [method for service in services for method in service.methods if not method.client_streaming]
    return [m for m in found if {"job_id", "upload_id"} & set(m.input_type.fields_by_name)]


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.name)
async def test_an_empty_id_is_the_callers_mistake(method: Any) -> None:
    """A request that names nothing is INVALID_ARGUMENT and says which field, rather than that nothing is not there."""
    async with suite() as s:
        call: Any = s.channel.unary_stream if method.server_streaming else s.channel.unary_unary
        path = f"/{method.containing_service.full_name}/{method.name}"
        empty = GetMessageClass(method.input_type)()
        error = await failure(call(path, lambda message: message.SerializeToString())(empty))
    assert (error.kind, error.field) == (ErrorKind.INVALID_ARGUMENT, method.input_type.fields[0].name)
