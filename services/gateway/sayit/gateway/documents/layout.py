"""What a document shows: a title, facts in a line, and paragraphs with their times and speakers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from types import MappingProxyType
from typing import Self

from sayit.speech.rendering.documents import mark_of, paragraphs_of, with_suppressed
from sayit.speech.rendering.text import clock, line, ms
from sayit.speech.transcript import Segment, Transcript

#: Below this probability of the model's a word is marked, as on the web page.
UNSURE = 0.5
#: A recording of more than so many seconds gets a heading every so many.
_SECTION_S = 600.0
#: Written from right to left.
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ps", "sd", "ur", "yi"})


@dataclass(frozen=True, kw_only=True)
class _Labels:
    """The words that are ours, in one language."""

    title: str
    duration: str
    model: str
    unsure: str
    empty: str


_ENGLISH = _Labels(
    title="Transcript",
    duration="Length",
    model="Model",
    unsure="Underlined words are those that the model was not sure of.",
    empty="Nothing was said.",
)
_LABELS: Mapping[str, _Labels] = MappingProxyType(
    {
        "ko": _Labels(
            title="녹취록",
            duration="길이",
            model="모델",
            unsure="밑줄 친 단어는 모델이 확신하지 못한 단어입니다.",
            empty="말소리가 없습니다.",
        )
    }
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A stretch of text that is shown in one way."""

    text: str
    #: Whether the model was not sure of it.
    unsure: bool = False


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph of one speaker."""

    #: Of its beginning, `00:01:02`.
    time: str
    #: The speaker or channel; empty where there is none to name.
    mark: str
    runs: tuple[Run, ...]
    #: A heading before it, empty for most.
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A document, in words that both forms write."""

    title: str
    facts: str
    paragraphs: tuple[Paragraph, ...]
    #: What stands below; empty where nothing has to be said.
    note: str
    #: BCP-47.
    language: str
    right_to_left: bool
    #: Seconds since the epoch that the file names as the time of its making, so that the same text is the same file.
    time_s: float

    def to_json(self) -> bytes:
        """For the child."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """What `to_json` wrote."""
        value = json.loads(data)
        paragraphs = (one | {"runs": tuple(Run(**run) for run in one["runs"])} for one in value["paragraphs"])
        return cls(**(value | {"paragraphs": tuple(Paragraph(**one) for one in paragraphs)}))


def layout_of(transcript: Transcript, *, filename: str, created_at_s: float, suppressed: bool) -> Layout:
    """The document of a transcript.

    Args:
        transcript: the text.
        filename: the recording's, which is the title.
        created_at_s: when its job was made, in seconds since the epoch.
        suppressed: whether what was removed is shown, where it stood.
    """
    shown = with_suppressed(transcript) if suppressed else transcript
    labels = _LABELS.get(transcript.language, _ENGLISH)
    paragraphs = tuple(_paragraphs(paragraphs_of(shown), sections=transcript.duration_s > _SECTION_S))
    unsure = any(run.unsure for one in paragraphs for run in one.runs)
    created = datetime.fromtimestamp(created_at_s, UTC)
    facts = (
        f"{labels.duration} {_hours(transcript.duration_s)}",
        *([f"{labels.model} {line(transcript.model)}"] if transcript.model else []),
        f"{created:%Y-%m-%d %H:%M} UTC",
    )
    return Layout(
        title=line(filename) or labels.title,
        facts=" · ".join(facts),
        paragraphs=paragraphs,
        note=labels.unsure if unsure else "" if paragraphs else labels.empty,
        language=transcript.language,
        right_to_left=transcript.language in _RIGHT_TO_LEFT,
        time_s=math.floor(created_at_s),
    )


def _paragraphs(found: Sequence[Sequence[Segment]], *, sections: bool) -> Iterator[Paragraph]:
    section = 0
    for segments in found:
        start_s = segments[0].start_s
        begun = int(start_s // _SECTION_S)
        heading = _hours(begun * _SECTION_S) if sections and begun > section else ""
        section = max(section, begun)
        yield Paragraph(
            time=_hours(start_s),
            mark=mark_of(segments[0]).strip().removesuffix(":"),
            runs=_merged(run for segment in segments for run in _runs(segment)),
            heading=heading,
        )


def _runs(segment: Segment) -> Iterator[Run]:
    """The segment's text, with a space before it; word by word where its words say what its text says."""
    text = line(segment.text)
    words = segment.words
    if "".join("".join(word.text.split()) for word in words) != "".join(text.split()):
        yield Run(text=f" {text}")
        return
    for place, word in enumerate(words):
        if place == 0 or word.text[:1].isspace():
            yield Run(text=" ")
        yield Run(text=line(word.text), unsure=word.probability < UNSURE)


def _merged(runs: Iterator[Run]) -> tuple[Run, ...]:
    """Neighbours that are shown alike as one, without the space at the beginning."""
    alike = groupby(runs, key=lambda run: run.unsure)
    merged = [Run(text="".join(run.text for run in group), unsure=unsure) for unsure, group in alike]
    merged[0] = replace(merged[0], text=merged[0].text.lstrip())
    return tuple(run for run in merged if run.text)


def _hours(seconds: float) -> str:
    return clock(ms(seconds), ".").partition(".")[0]
