"""`/asr` and `/detect-language` as whisper-asr-webservice has them, for its clients: Bazarr, Speakr, Home Assistant."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from contextlib import aclosing
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response
from starlette.types import Send

from sayit.bridge.http.dependencies import Caller, Parts
from sayit.bridge.http.documents import Document
from sayit.bridge.http.held_answer import HeldCall, Pieces, compact
from sayit.bridge.http.openai.replies import whisper_segment
from sayit.bridge.http.openapi import form_content, problems
from sayit.bridge.http.problems import problem_response
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.jobs import ChunkText, JobEvent
from sayit.speech.language_names import LANGUAGES, normal_language
from sayit.speech.languages import main_language
from sayit.speech.options import MAX_PROMPT_CHARS, Options, Task
from sayit.speech.rendering import Format, render
from sayit.speech.rendering.documents import suppressed_value
from sayit.speech.transcript import Transcript

_FIELD = "audio_file"
_RATE = 16_000
#: What goes before samples that come without a header (`encode=false`): WAV of a length that is not known.
_UNKNOWN = 0xFFFF_FFFF
_WAV = struct.pack("<4sI4s4sIHHII", b"RIFF", _UNKNOWN, b"WAVE", b"fmt ", 16, 1, 1, _RATE, 2 * _RATE) + struct.pack(
    "<HH4sI", 2, 16, b"data", _UNKNOWN
)
#: Bytes of samples by which a language is detected: Whisper's 30 s.
_DETECTED_BYTES = 30 * 2 * _RATE


class Output(StrEnum):
    """How the transcript is answered."""

    TXT = "txt"
    VTT = "vtt"
    SRT = "srt"
    TSV = "tsv"
    JSON = "json"


class DetectedLanguage(Document):
    """The language of a recording's first speech; empty, with confidence 0, where none was found."""

    detected_language: str
    language_code: str
    confidence: float


_Encode = Annotated[
    bool, Query(description="`false`: the file is 16-bit samples of one channel at 16 kHz, without a header.")
]
_BODY = {"requestBody": {"required": True, "content": form_content({}, _FIELD)}}
_FAILURES = problems(ErrorKind.FILE_REQUIRED, ErrorKind.FILE_TOO_LARGE, ErrorKind.INVALID_FORMAT)

routes = APIRouter(tags=["whisper-asr-webservice"])


@routes.post(
    "/asr",
    response_class=Response,
    responses={200: {"description": "The transcript.", "content": {"text/plain": {}}}, **_FAILURES},
    openapi_extra=_BODY,
)
async def asr(
    request: Request,
    deps: Parts,
    gateway: Caller,
    encode: _Encode = True,
    task: Task = Task.TRANSCRIBE,
    language: Annotated[str, Query(description="Code or English name; empty: detected.")] = "",
    initial_prompt: str = "",
    word_timestamps: bool = False,
    output: Output = Output.TXT,
    vad_filter: Annotated[  # noqa: ARG001  # described here
        bool, Query(description="Taken without effect: silence is always left out.")
    ] = False,
    diarize: Annotated[  # noqa: ARG001  # described here
        bool, Query(description="Taken without effect, as by engines of the service that tell no speakers apart.")
    ] = False,
) -> Response:
    """Transcribes a recording, in the same call however long it is."""
    options = Options(
        task=task,
        language=normal_language(language),
        prompt=initial_prompt[-MAX_PROMPT_CHARS:],
        word_timestamps=word_timestamps,
    ).normalised()
    head = b"" if encode else _WAV
    async with deps.bodies.received(request, gateway, field=_FIELD, head=head) as received:
        job = await gateway.create_job_from_upload(received.upload_id, options=options, filename=received.filename)
    call = HeldCall(deps=deps, gateway=gateway, http=request, job=job, refusal=problem_response)
    name = quote(received.filename or "audio")
    return call.answer(
        _WRITERS[output],
        "text/plain; charset=utf-8",
        padded=output is Output.JSON,
        headers={"Asr-Engine": "faster_whisper", "Content-Disposition": f'attachment; filename="{name}.{output}"'},
    )


@routes.post("/detect-language", response_model=DetectedLanguage, responses=_FAILURES, openapi_extra=_BODY)
async def detect_language(request: Request, deps: Parts, gateway: Caller, encode: _Encode = True) -> Response:
    """The language of a recording's first speech; nothing is kept."""
    head, keep = (b"", None) if encode else (_WAV, _DETECTED_BYTES)
    async with deps.bodies.received(request, gateway, field=_FIELD, head=head, keep=keep) as received:
        job = await gateway.create_job_from_upload(received.upload_id, filename=received.filename)
    call = HeldCall(deps=deps, gateway=gateway, http=request, job=job, refusal=problem_response)

    async def work(send: Send) -> None:
        pieces = Pieces(send, call.headers("application/json"))
        code, confidence = "", 0.0
        try:
            async with aclosing(call.events()) as events:
                async for event in events:
                    code, confidence = _heard(event)
                    if code:
                        break
            await gateway.delete(job.id)
        except SayItError as error:
            await call.refuse(error, send, pieces)
            return
        found = DetectedLanguage(
            detected_language=LANGUAGES.get(code, ""), language_code=code, confidence=round(confidence, 4)
        )
        await pieces.end(found.model_dump_json().encode())

    return call.held(work)


def _heard(event: JobEvent | None) -> tuple[str, float]:
    """The language of a chunk and its probability; "" where the event is no text."""
    return main_language(event.body.segments) if event and isinstance(event.body, ChunkText) else ("", 0.0)


def _json(transcript: Transcript) -> bytes:
    segments: list[Mapping[str, Any]] = [
        {
            **whisper_segment(segment),
            "words": [
                {"word": word.text, "start": word.start_s, "end": word.end_s, "probability": word.probability}
                for word in segment.words
            ],
        }
        for segment in transcript.segments
    ]
    suppressed = suppressed_value(transcript)
    return compact(
        {"text": transcript.text, "segments": segments, "language": transcript.language, "suppressed": suppressed}
    )


_WRITERS: Mapping[Output, Callable[[Transcript], bytes]] = {
    Output.TXT: lambda transcript: "".join(f"{segment.text}\n" for segment in transcript.segments).encode(),
    Output.VTT: lambda transcript: render(transcript, Format.VTT).encode(),
    Output.SRT: lambda transcript: render(transcript, Format.SRT).encode(),
    Output.TSV: lambda transcript: render(transcript, Format.TSV).encode(),
    Output.JSON: _json,
}
