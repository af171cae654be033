"""Which language a text is in as a whole."""

from __future__ import annotations

from collections.abc import Iterable

from sayit.speech.transcript import Segment

#: Seconds that a segment counts at least: a text without length has a language, too.
_LEAST_S = 0.001


def main_language(segments: Iterable[Segment]) -> tuple[str, float]:
    """The language of most of the segments' seconds, and the mean of its probability over them; "" and 0 for none."""
    seconds: dict[str, float] = {}
    weighted: dict[str, float] = {}
    for segment in segments:
        length_s = max(segment.end_s - segment.start_s, _LEAST_S)
        seconds[segment.language] = seconds.get(segment.language, 0.0) + length_s
        weighted[segment.language] = weighted.get(segment.language, 0.0) + length_s * segment.language_probability
    if not seconds:
        return "", 0.0
    language = max(seconds, key=lambda code: seconds[code])
    return language, weighted[language] / seconds[language]
