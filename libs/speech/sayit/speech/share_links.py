"""Links that show one recording to people without a key: whose they are, and until when; never their tokens."""

from __future__ import annotations

from dataclasses import dataclass

from sayit.speech.errors import ErrorKind, SayItError

#: What a link's token may do: read what the link shows. No key has this scope.
SHARED = "shared"
#: Most links of a job that have not ended, and most requests with one link.
MAX_LINKS, REQUESTS = 50, "300/minute"
#: For how long a link is valid where nothing else is said, and the longest and shortest time, in seconds.
VALID_S, MAX_VALID_S, MIN_VALID_S = 7 * 86_400.0, 90 * 86_400.0, 1.0


@dataclass(frozen=True, kw_only=True)
class ShareLink:
    """A link, without its token."""

    #: The public part of its token, `sayit_ID_SECRET`.
    id: str
    #: The job that it shows.
    job_id: str
    #: Seconds since the epoch.
    created_at_s: float
    #: When it ends, seconds since the epoch.
    expires_at_s: float
    #: When it was used last, to about a minute, seconds since the epoch; None for one that never was.
    last_used_at_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class NewShareLink:
    """A link that was just made."""

    #: What is stored of it.
    link: ShareLink
    #: What its holder sends; it cannot be asked for again.
    token: str


@dataclass(frozen=True, kw_only=True)
class SharedRecording:
    """What a link shows, besides the transcript."""

    #: The recording's name.
    filename: str
    #: When it was sent, seconds since the epoch.
    created_at_s: float


def checked_valid(seconds: float | None) -> float:
    """For how long a link is valid; a week where nothing is said.

    Raises:
        SayItError: INVALID_ARGUMENT for what is too short or too long.
    """
    if seconds is None:
        return VALID_S
    if not MIN_VALID_S <= seconds <= MAX_VALID_S:
        raise SayItError(ErrorKind.INVALID_ARGUMENT, field="valid_for", reason="a time from a second to 90 days")
    return seconds
