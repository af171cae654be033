"""Corrections of a transcript: what is corrected in a version, and how versions come together. Pure.

A version is what one caller changed. Each change is of one segment of the model's transcript, or of one name, and takes
the place of earlier changes of the same; so all versions together are the last change of each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.transcript import Segment, Transcript

#: Most changes of segments in one version; most characters of a segment's text, of a word's, of a name.
MAX_CHANGES, MAX_TEXT_CHARS, MAX_WORD_CHARS, MAX_NAME_CHARS = 5_000, 5_000, 200, 100
#: Most versions of one transcript.
MAX_VERSIONS = 10_000
#: What names belong to.
_CHANNELS = frozenset(map(str, range(65)))
#: Most segments that an error names.
_NAMED_SEGMENTS = 10


#: In place of a speaker: none, although the channel has a name.
NO_NAME = "-"


@dataclass(frozen=True, kw_only=True)
class SegmentCorrection:
    """What a segment of the model's transcript is instead; by default as the model wrote it."""

    #: The segment's id.
    segment: int
    #: Its whole text, in place of the words; a line break begins another segment, an empty text removes it.
    text: str | None = None
    #: Texts of single words by their place among the model's, which keep their times; line breaks and empty texts as
    #: above.
    words: Mapping[int, str] = field(default_factory=dict)
    #: Whether it continues the segment before it in its channel.
    joined: bool = False
    #: Who speaks, in place of the name that `names` has; a line for each part of a split segment, empty for that name,
    #: "-" for none. The last one is also for the parts after it.
    speaker: str = ""


@dataclass(frozen=True, kw_only=True)
class Corrections:
    """What was corrected: by one version, or by all up to one."""

    #: 0 where nothing was corrected.
    version: int = 0
    segments: tuple[SegmentCorrection, ...] = ()
    #: Names of speakers, by the number of their channel ("0" where channels were mixed); empty for none.
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TranscriptVersion:
    """A version of a transcript that corrections made."""

    version: int
    created_at_s: float
    #: Id of the API key that made it.
    key_id: str
    #: Ids of the segments that it changed.
    segments: tuple[int, ...] = ()
    #: Channels whose names it changed.
    names: tuple[str, ...] = ()


def checked_corrections(asked: Corrections, model: Transcript) -> Corrections:
    """Corrections of this transcript, with plain spaces.

    Raises:
        SayItError: INVALID_ARGUMENT with the field at fault.
    """
    segments = {segment.id: segment for segment in model.segments}
    if len(asked.segments) > MAX_CHANGES:
        raise _invalid("segments", f"more than {MAX_CHANGES}")
    if len({change.segment for change in asked.segments}) < len(asked.segments):
        raise _invalid("segments", "a segment is there twice")
    for channel, name in asked.names.items():
        if channel not in _CHANNELS:
            raise _invalid("names", "a name belongs to the number of a channel")
        _check(name, "names", MAX_NAME_CHARS)
    return replace(
        asked,
        segments=tuple(_checked(change, segments.get(change.segment)) for change in asked.segments),
        names={channel: _plain(name) for channel, name in asked.names.items()},
    )


def _checked(change: SegmentCorrection, segment: Segment | None) -> SegmentCorrection:
    if segment is None:
        raise _invalid("segments", f"there is no segment {change.segment}")
    if change.text is not None and change.words:
        raise _invalid("segments", f"segment {change.segment} has both a text and words")
    if any(not 0 <= place < len(segment.words) for place in change.words):
        raise _invalid("segments", f"segment {change.segment} has {len(segment.words)} words")
    _check(change.text or "", "text", MAX_TEXT_CHARS)
    _check(change.speaker, "speaker", MAX_TEXT_CHARS)
    for name in change.speaker.split("\n"):
        _check(name, "speaker", MAX_NAME_CHARS)
    for word in change.words.values():
        _check(word, "words", MAX_WORD_CHARS)
    return replace(
        change,
        text=None if change.text is None else "\n".join(filter(None, map(_plain, change.text.split("\n")))),
        words={place: "\n".join(map(_plain, text.split("\n"))) for place, text in sorted(change.words.items())},
        speaker="\n".join(map(_plain, change.speaker.split("\n"))) if change.speaker.strip() else "",
    )


def _check(text: str, where: str, most: int) -> None:
    if len(text) > most:
        raise _invalid(where, f"longer than {most} characters")
    if any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in text):
        raise _invalid(where, "control characters")


def _plain(text: str) -> str:
    return " ".join(text.split())


def all_of(versions: Iterable[Corrections]) -> Corrections:
    """What is corrected after these versions, in their order."""
    segments: dict[int, SegmentCorrection] = {}
    names: dict[str, str] = {}
    last = 0
    for version in versions:
        segments.update((change.segment, change) for change in version.segments)
        names.update(version.names)
        last = version.version
    return Corrections(
        version=last,
        segments=tuple(change for number, change in sorted(segments.items()) if change != unchanged(number)),
        names={channel: name for channel, name in sorted(names.items()) if name},
    )


def restoring(now: Corrections, then: Corrections) -> Corrections:
    """The changes that make what was corrected then what is corrected now."""
    wanted = {change.segment: change for change in then.segments}
    return Corrections(
        segments=tuple(
            wanted.get(number, unchanged(number))
            for number in sorted({change.segment for change in (*now.segments, *then.segments)})
        ),
        names={channel: then.names.get(channel, "") for channel in sorted({*now.names, *then.names})},
    )


def unchanged(segment: int) -> SegmentCorrection:
    """A segment as the model wrote it."""
    return SegmentCorrection(segment=segment)


def next_version(
    model: Transcript, versions: Sequence[Corrections], asked: Corrections, expected: int
) -> Corrections | None:
    """The version that changes make which were asked for on `expected`; None where all of them are in force.

    Changes do not touch if they are of different segments and names; one that joins a segment to the one before it
    touches that, too.

    Raises:
        SayItError: VERSION_CONFLICT where they touch what a version after `expected` changed.
    """
    now = all_of(versions)
    in_force = {change.segment: change for change in now.segments}
    changes = Corrections(
        version=now.version + 1,
        segments=tuple(
            change for change in asked.segments if change != in_force.get(change.segment, unchanged(change.segment))
        ),
        names={channel: name for channel, name in asked.names.items() if name != now.names.get(channel, "")},
    )
    if not (changes.segments or changes.names):
        return None
    before = _before(model)
    since = [version for version in versions if version.version > expected]
    both = _touched(changes, before) & set().union(*(_touched(version, before) for version in since))
    if both or expected > now.version:
        raise SayItError(
            ErrorKind.VERSION_CONFLICT,
            version=now.version,
            expected=expected,
            segments=", ".join(sorted(both, key=lambda one: (len(one), one))[:_NAMED_SEGMENTS]),
        )
    return changes


def _touched(changes: Corrections, before: Mapping[int, int]) -> set[str]:
    own = {str(change.segment) for change in changes.segments}
    joined = {str(before[change.segment]) for change in changes.segments if change.joined and change.segment in before}
    return own | joined | {f"name {channel}" for channel in changes.names}


def _before(model: Transcript) -> dict[int, int]:
    """Which segment comes before each in its channel."""
    last: dict[int, int] = {}
    found: dict[int, int] = {}
    for segment in model.segments:
        if segment.channel in last:
            found[segment.id] = last[segment.channel]
        last[segment.channel] = segment.id
    return found


def _invalid(where: str, reason: str) -> SayItError:
    return SayItError(ErrorKind.INVALID_ARGUMENT, field=where, reason=reason)
