"""JSON, numbers and credentials that are well-formed and yet nothing that can be worked with."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from clients.python.tests.story import JOB

from .helper import scripted
from .live_gateway import bridge

HALF = '"\\ud800"'
HUGE = "1" + "0" * 400
MANY = "9" * 5_000


def deep(levels: int) -> str:
    """A list in a list in a list."""
    return "[" * levels + "]" * levels


def _asked(fields: str) -> str:
    return f'{{"type":"session.update","session":{{"audio":{{"input":{{{fields}}}}}}}}}'


MESSAGES = [
    *("null", "[]", "1", '""', "NaN", "{}", '{"type":null}', '{"type":1e999}', f'{{"type":{MANY}}}', "{"),
    *(f'{{"type":{value}}}' for value in (HALF, deep(900), deep(100_000))),
    *(f'{{"type":"x","event_id":{value}}}' for value in (HALF, deep(900), MANY)),
    *(f'{{"type":"session.update","session":{value}}}' for value in ("null", "[]", '{"audio":[]}', deep(300))),
    *(_asked(f'"transcription":{{"{name}":{HALF}}}') for name in ("prompt", "model", "language", "vocabulary")),
    *(_asked(f'"transcription":{{{fields}}}') for fields in (f'"keywords":[{HALF}]', f"{HALF}:1", '"beam_size":1e400')),
    *(_asked(f'"turn_detection":{{"silence_duration_ms":{value}}}') for value in (HUGE, "-1", "NaN", deep(9))),
    *(_asked(f'"turn_detection":{{"threshold":{value}}}') for value in (HUGE, "NaN", '"x"')),
    *(_asked(f'"format":{{"type":"audio/pcm","rate":{value}}}') for value in (HUGE, "-1", "0", "NaN")),
    *(f'{{"type":"input_audio_buffer.append","audio":{value}}}' for value in ('"%%%"', HALF, "{}", "null", deep(300))),
    *('{"type":"input_audio_buffer.commit"}', '{"type":"sayit.finish"}', '{"type":"response.create"}'),
]


async def test_messages_that_are_none_are_told_and_the_session_goes_on() -> None:
    """Each is answered by an error that the client can read; none ends the connection, and nothing was begun."""
    async with bridge() as (url, gateway):
        async with connect(f"{url}/v1/realtime?intent=transcription", proxy=None) as socket:
            await socket.recv()
            for message in MESSAGES:
                await socket.send(message)
                assert json.loads(await socket.recv())["type"] == "error", message[:100]
            await socket.send(b"\xed\xa0\x80")  # the same half of a pair, as bytes
            assert json.loads(await socket.recv())["type"] == "error"
            await socket.send(json.dumps({"type": "x", "event_id": "a" * 512}))
            assert json.loads(await socket.recv())["error"]["event_id"] == "a" * 512
            await socket.send(json.dumps({"type": "x", "event_id": "a" * 1_000_000}))
            assert json.loads(await socket.recv())["error"]["event_id"] is None
        assert gateway.config is None


@pytest.mark.parametrize("query", [f"endpointing={HUGE}", f"endpointing={MANY}", "endpointing=-1", f"channels={HUGE}"])
async def test_numbers_that_are_none_are_refused(query: str) -> None:
    """Before a session begins."""
    async with bridge() as (url, _):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"{url}/v1/listen?encoding=linear16&sample_rate=16000&{query}", proxy=None)
        assert caught.value.response.status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        *(f'{{"upload_id":{HALF}}}', f'{{"upload_id":"x","callback_url":{HALF}}}', deep(30_000)),
        *(f'{{"upload_id":"x","labels":{{{label}}}}}' for label in (f'"a":{HALF}', f'{HALF}:"a"')),
        *(f'{{"upload_id":"x","options":{{"prompt":{HALF}}}}}', f'{{"upload_id":"x","options":{deep(900)}}}'),
        *(f'{{"upload_id":"x","options":{{"beam_size":{number}}}}}' for number in (HUGE, MANY, "NaN")),
    ],
)
async def test_documents_that_cannot_be_passed_on_are_refused(body: str) -> None:
    """As what they are, a wrong request, not as an error of ours."""
    async with scripted() as (client, gateway):
        answer = await client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
        assert "CreateJob" not in gateway.calls
        utf16 = await client.post(
            "/v1/jobs", content="{}".encode("utf-16"), headers={"Content-Type": "application/json"}
        )
        assert utf16.status_code == 400


@pytest.mark.parametrize(
    "sent", [b"Bearer \xff\xfe", b"Bearer " + b"a" * 50_000], ids=["not ASCII", "50,000 characters"]
)
async def test_credentials_that_cannot_be_a_key_are_none(sent: bytes) -> None:
    """The gateway refuses them as an unknown key; a trace that is none is left out."""
    async with scripted() as (client, gateway):
        headers = [(b"Authorization", sent), (b"traceparent", b"\xff" * 10)]
        assert (await client.get(f"/v1/jobs/{JOB}", headers=headers)).status_code == 200
        assert gateway.metadata["authorization"] == "Bearer none"
