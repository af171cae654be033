"""Uploads resume where the server is."""

from __future__ import annotations

import pytest

from sayit.client import AsyncClient, ErrorKind, SayItError

from .helper import BROKEN
from .story import AUDIO, JOB

BLOCKS = [1, 2, 3, 4, 5]  # 1 MiB is four blocks and the empty last message


async def test_an_upload_and_a_job_on_it(gateway, client, tmp_path):
    """The size is announced, the bytes arrive, the job is made with options and a key."""
    path = tmp_path / "a.wav"
    path.write_bytes(AUDIO)
    upload_id = await client.upload(path)
    assert bytes(gateway.stored) == AUDIO
    assert (gateway.upload_request.filename, gateway.upload_request.size_bytes) == ("a.wav", len(AUDIO))
    created = await client.create_job_from_upload(upload_id, filename="b.wav")
    assert created.id == JOB
    assert gateway.configs[0].filename == "b.wav"
    assert gateway.configs[0].idempotency_key


@pytest.mark.parametrize("taken", BLOCKS)
@pytest.mark.parametrize("kind", ["bytes", "path", "file"])
async def test_a_broken_upload_goes_on_where_the_server_is(kind, taken, gateway, client, tmp_path):
    """Whatever was stored before the break is not sent again, and nothing is left out."""
    path = tmp_path / "a.wav"
    path.write_bytes(AUDIO)
    gateway.script["AppendUpload"] = [taken, BROKEN]
    with path.open("rb") as file:
        await client.upload({"bytes": AUDIO, "path": path, "file": file}[kind])
    assert bytes(gateway.stored) == AUDIO


async def test_an_unknown_size_is_not_announced(gateway, client):
    """An iterator's size is unknown; its upload works all the same."""
    await client.upload(iter([AUDIO, b"end"]))
    assert not gateway.upload_request.HasField("size_bytes")
    assert bytes(gateway.stored) == AUDIO + b"end"


async def test_a_container_resumes_inside_its_pieces(gateway, client):
    """A list can be read again: the bytes before the server's offset are skipped."""
    gateway.script["AppendUpload"] = [2]
    await client.upload([AUDIO[:100], AUDIO[100:600_000], AUDIO[600_000:]])
    assert bytes(gateway.stored) == AUDIO


async def test_an_iterator_cannot_resume(gateway, client):
    """What was read and lost cannot be sent again: the break is raised."""
    gateway.script["AppendUpload"] = [2]
    with pytest.raises(SayItError) as caught:
        await client.upload(iter([AUDIO]))
    assert caught.value.kind is ErrorKind.UNAVAILABLE


async def test_bytes_that_arrive_late_are_waited_for(gateway, client):
    """What a broken call had sent may still be on its way into storage when the client asks for the offset."""
    late = []

    def store_more(said):
        if not late:
            late.append(said)
            gateway.stored += AUDIO[said : said + 10]

    gateway.before_get_upload = store_more
    gateway.script["AppendUpload"] = [1]
    await client.upload(AUDIO)
    assert late
    assert bytes(gateway.stored) == AUDIO


async def test_a_foreign_offset_is_an_error(gateway, client):
    """A mismatch without any break is no matter of patience."""
    gateway.script["AppendUpload"] = [SayItError(ErrorKind.UPLOAD_OFFSET_MISMATCH, expected=1, offset=0)]
    with pytest.raises(SayItError) as caught:
        await client.upload(AUDIO)
    assert caught.value.kind is ErrorKind.UPLOAD_OFFSET_MISMATCH


async def test_patience_with_uploads_ends(gateway):
    """Without any progress for reconnect_s the upload gives up."""
    gateway.script["AppendUpload"] = [1] + [BROKEN] * 1000
    async with AsyncClient(gateway.address, reconnect_s=0.4) as client:
        with pytest.raises(SayItError) as caught:
            await client.upload(AUDIO)
    assert caught.value.kind is ErrorKind.UNAVAILABLE


async def test_a_job_on_an_upload_survives_a_lost_answer(gateway, client):
    """The key makes the retry find the job."""
    gateway.script["CreateJob"] = ["lose the answer", BROKEN]
    assert (await client.create_job_from_upload("upload-1")).id == JOB
    assert len({config.idempotency_key for config in gateway.configs}) == 1
