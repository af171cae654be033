"""SayIt's own REST API, `/v1`: jobs, their events and transcripts, uploads, vocabularies, the state of the suite."""

from __future__ import annotations

from sayit.bridge.http import create_job, events, jobs, status, uploads_tus, vocabularies

ROUTES = tuple(part.routes for part in (create_job, jobs, events, uploads_tus, vocabularies, status))
