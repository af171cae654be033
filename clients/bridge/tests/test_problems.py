"""Errors as HTTP answers."""

from __future__ import annotations

from sayit.bridge.http.problems import fault_of, problem_response
from sayit.speech.errors import ErrorKind, SayItError


def test_a_limit_that_is_used_up_is_told_in_headers() -> None:
    """The IETF's RateLimit headers and OpenAI's say which limit, that nothing is left, and when there is some again."""
    error = SayItError(
        ErrorKind.RATE_LIMITED, retry_after_s=11.2, subject="key:k", limit="600/minute", quota=600, window_s=60
    )
    headers = problem_response(fault_of(error, "en")).headers
    assert headers["RateLimit-Policy"] == '"key";q=600;w=60'
    assert headers["RateLimit"] == '"key";r=0;t=12'
    assert (headers["Retry-After"], headers["x-ratelimit-reset-requests"]) == ("12", "12s")
    other = problem_response(fault_of(SayItError(ErrorKind.OVERLOADED, retry_after_s=3.0), "en")).headers
    assert "RateLimit" not in other
