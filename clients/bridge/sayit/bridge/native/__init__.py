"""SayIt's own REST API, `/v1`: jobs, their events and transcripts, uploads, vocabularies, the state of the suite."""

from __future__ import annotations

from sayit.bridge.native import creating, events, jobs, status, uploads, vocabularies

ROUTES = tuple(part.routes for part in (creating, jobs, events, uploads, vocabularies, status))
