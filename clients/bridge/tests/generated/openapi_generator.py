"""Uses the Python client that openapi-generator made: FOLDER URL SHORT LONG; prints what it saw as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

folder, url, short, long = sys.argv[1:]
sys.path.insert(0, folder)
import generated  # noqa: E402

client = generated.ApiClient(generated.Configuration(host=url))
jobs, uploads = generated.JobsApi(client), generated.UploadsApi(client)
audio = Path(short).read_bytes()
job = jobs.create_job(file=("a.flac", audio), language="en", wait=30)
texts = {one: one for one in ("srt", "vtt", "ass", "ttml", "txt", "md", "tsv")} | {"timed.txt": "timed_txt"}
running = jobs.create_job(file=("a.flac", Path(long).read_bytes()), prompt="openapi-generator")
cancelled = jobs.cancel_job(running.id)


def header(answer, name: str) -> str:
    """A header of an answer, whose names are in lower case."""
    return {key.lower(): value for key, value in answer.headers.items()}[name]


upload = header(uploads.create_upload_with_http_info(upload_length=len(audio)), "location").rpartition("/")[2]
half = len(audio) // 2
for begin, piece in ((0, audio[:half]), (half, audio[half:])):
    uploads.append_upload(upload, upload_offset=begin, body=piece)
    offset = header(uploads.get_upload_with_http_info(upload), "upload-offset")
asked = generated.UploadJobDocument(options=generated.OptionsDocument(language="en"))
resumed = jobs.create_job_from_upload(upload, upload_job_document=asked, wait=30)
sys.stdout.write(
    json.dumps(
        {
            "text": job.transcript.text,
            "json": jobs.get_transcript(job.id).text,
            "formats": {name: getattr(jobs, f"get_transcript_{one}")(job.id) for name, one in texts.items()},
            "documents": [bytes(getattr(jobs, f"get_transcript_{one}")(job.id)[:4]).hex() for one in ("docx", "pdf")],
            "listed": job.id in [one.id for one in jobs.list_jobs(page_size=1000).jobs],
            "cancelled": cancelled.state,
            "offset": int(offset),
            "resumed": resumed.transcript.text,
        }
    )
)
