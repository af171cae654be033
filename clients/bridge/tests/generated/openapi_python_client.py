"""Uses the client that openapi-python-client made: FOLDER URL SHORT LONG; prints what it saw as JSON."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

folder, url, short, long = sys.argv[1:]
sys.path.insert(0, folder)
from generated import Client  # noqa: E402
from generated.api.jobs import (  # noqa: E402
    cancel_job,
    create_job,
    create_job_from_upload,
    get_transcript,
    get_transcript_ass,
    get_transcript_docx,
    get_transcript_md,
    get_transcript_pdf,
    get_transcript_srt,
    get_transcript_timed_txt,
    get_transcript_tsv,
    get_transcript_ttml,
    get_transcript_txt,
    get_transcript_vtt,
    list_jobs,
)
from generated.api.uploads import append_upload, create_upload, get_upload  # noqa: E402
from generated.models import CreateJobBody, OptionsDocument, UploadJobDocument  # noqa: E402
from generated.types import File  # noqa: E402

client = Client(base_url=url, timeout=60)
audio = Path(short).read_bytes()


def sent(path: str, **fields):
    """A job on a file."""
    file = File(payload=io.BytesIO(Path(path).read_bytes()), file_name="a.flac", mime_type="audio/flac")
    return create_job.sync(client=client, body=CreateJobBody(file=file, **fields))


job = sent(short, language="en", wait=30.0)
texts = {"srt": get_transcript_srt, "vtt": get_transcript_vtt, "txt": get_transcript_txt, "tsv": get_transcript_tsv}
texts |= {"ass": get_transcript_ass, "ttml": get_transcript_ttml, "md": get_transcript_md}
texts["timed.txt"] = get_transcript_timed_txt
running = sent(long, prompt="openapi-python-client")
cancelled = cancel_job.sync(running.id, client=client)
location = create_upload.sync_detailed(client=client, upload_length=len(audio)).headers["Location"]
upload = location.rpartition("/")[2]
half = len(audio) // 2
for begin in (0, half):
    piece = File(payload=io.BytesIO(audio[begin : begin + half] if begin == 0 else audio[begin:]))
    append_upload.sync_detailed(upload, client=client, body=piece, upload_offset=begin)
    offset = get_upload.sync_detailed(upload, client=client).headers["Upload-Offset"]
asked = UploadJobDocument(options=OptionsDocument(language="en"))
resumed = create_job_from_upload.sync(upload, client=client, body=asked, wait=30.0)
sys.stdout.write(
    json.dumps(
        {
            "text": job.transcript.text,
            "json": get_transcript.sync(job.id, client=client).text,
            "formats": {name: one.sync(job.id, client=client) for name, one in texts.items()},
            "documents": [
                one.sync(job.id, client=client).payload.read(4).hex()
                for one in (get_transcript_docx, get_transcript_pdf)
            ],
            "listed": job.id in [one.id for one in list_jobs.sync(client=client, page_size=1000).jobs],
            "cancelled": cancelled.state,
            "offset": int(offset),
            "resumed": resumed.transcript.text,
        }
    )
)
