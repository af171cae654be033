"""One call of the audio API from its accepted job to its answer, whole or streamed."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Send

from sayit.bridge.http.held_answer import COMMENT, HeldCall, Pieces, compact
from sayit.bridge.http.openai import errors, replies
from sayit.bridge.http.openai.deltas import Delta, Deltas
from sayit.bridge.http.openai.form_fields import AudioRequest, ResponseFormat
from sayit.bridge.http.problems import fault_for
from sayit.speech.errors import SayItError
from sayit.speech.transcript import Transcript

_TEXTS = {
    ResponseFormat.TEXT: "text/plain; charset=utf-8",
    ResponseFormat.SRT: "text/plain; charset=utf-8",
    ResponseFormat.VTT: "text/vtt; charset=utf-8",
}


def audio_response(call: HeldCall, asked: AudioRequest) -> Response:
    """The answer to a call that asked for this."""
    if asked.stream:
        return call.held(lambda send: _streamed(call, asked, send))

    def content(transcript: Transcript) -> bytes:
        if asked.response_format in _TEXTS:
            return replies.text_reply(transcript, asked).encode()
        return compact(replies.json_reply(transcript, asked))

    media_type = _TEXTS.get(asked.response_format, "application/json")
    return call.answer(content, media_type, padded=asked.response_format not in _TEXTS)


async def _streamed(call: HeldCall, asked: AudioRequest, send: Send) -> None:
    """Server-sent events: text as soon as it follows the text before, then the whole."""
    head = call.headers("text/event-stream; charset=utf-8")
    pieces = Pieces(send, head | {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
    # Segments with speakers, and words with probabilities, are given out once they are final.
    deltas = Deltas(partials=not asked.logprobs and asked.response_format is not ResponseFormat.DIARIZED_JSON)
    try:
        async with aclosing(call.events()) as events:
            async for event in events:
                if event is not None:
                    await _tell(deltas.take(event), asked, pieces)
                if pieces.silent_s >= call.deps.settings.heartbeat_interval_s:
                    await pieces.send(COMMENT)
        transcript = await call.gateway.transcript(call.job.id)
    except SayItError as error:
        if pieces.begun:
            await pieces.event(errors.body(fault_for(error, call.http)))
            await pieces.end()
        else:
            await call.refuse(error, send, pieces)
        return
    rest = deltas.rest(transcript)
    await _tell([rest] if rest else [], asked, pieces)
    await pieces.event(replies.done_event(transcript, asked))
    await pieces.end()


async def _tell(deltas: Sequence[Delta], asked: AudioRequest, pieces: Pieces) -> None:
    for delta in deltas:
        if asked.response_format is ResponseFormat.DIARIZED_JSON:
            for number, segment in enumerate(delta.segments, start=delta.first_number):
                await pieces.event(replies.segment_event(segment, number))
        await pieces.event(replies.delta_event(delta.text, delta.segments, logprobs=asked.logprobs))
