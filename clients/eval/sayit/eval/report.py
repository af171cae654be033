"""A run as a report: figures of every recording, kept as JSON, and their sums by group."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sayit.eval.labels import Label
from sayit.eval.measurement import Measured, Reading
from sayit.eval.scores import (
    Normaliser,
    character_errors,
    comparable,
    invented,
    lost_and_doubled,
    normalise,
    spaced_alike,
    word_errors,
)
from sayit.speech.word_times import words_of

#: Of the JSON; another number for another meaning of a key.
_VERSION = 1


class ReportError(Exception):
    """A report cannot be read, or two cannot be compared."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One recording's figures; unknown ones are None."""

    name: str
    #: The languages spoken, joined by "+".
    language: str
    tags: tuple[str, ...]
    duration_s: float
    #: What was said and what was written, as they were compared.
    said: str
    written: str
    words: int
    word_errors: int
    #: With the spaces of what was said, where that is Korean.
    spaced_word_errors: int
    characters: int
    character_errors: int
    #: Seconds from sending it to its transcript; with several at once they wait for one another.
    wall_s: float
    #: Seconds that engines were busy.
    compute_s: float
    #: Neighbouring chunks with text, and words lost and doubled within a second of where they meet.
    boundaries: int | None = None
    lost: int | None = None
    doubled: int | None = None
    #: Seconds without speech, and words invented in them.
    silence_s: float = 0.0
    invented: int | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run."""

    #: Model, language, and other options, for people and for `--compare`.
    configuration: dict[str, str]
    normaliser: Normaliser
    #: Seconds for all recordings, several at once.
    wall_s: float
    recordings: tuple[Scored, ...]
    #: Names of recordings without a transcript, with the error's code.
    failed: dict[str, str]

    def save(self, file: Path) -> None:
        """Writes it as JSON."""
        file.write_text(json.dumps({"version": _VERSION, **asdict(self)}, ensure_ascii=False, indent=1) + "\n")


def load(file: Path) -> Report:
    """A saved report.

    Raises:
        ReportError: it is none.
    """
    try:
        value = json.loads(file.read_text())
        if value.pop("version") != _VERSION:
            raise ReportError(f"{file}: a report of another version of sayit")
        recordings = tuple(Scored(**{**one, "tags": tuple(one["tags"])}) for one in value.pop("recordings"))
        return Report(recordings=recordings, normaliser=Normaliser(value.pop("normaliser")), **value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{file}: no report of sayit eval: {error}") from error


def report(
    labels: Sequence[Label], measured: Measured, normaliser: Normaliser, configuration: dict[str, str]
) -> Report:
    """The figures of a run."""
    pairs = list(zip(labels, measured.readings, strict=True))
    return Report(
        configuration=configuration,
        normaliser=normaliser,
        wall_s=round(measured.wall_s, 3),
        recordings=tuple(
            scored(label, reading, normaliser) for label, reading in pairs if isinstance(reading, Reading)
        ),
        failed={label.name: reading.code for label, reading in pairs if not isinstance(reading, Reading)},
    )


def scored(label: Label, reading: Reading, normaliser: Normaliser) -> Scored:
    """One recording's figures."""
    transcript = reading.transcript
    said = normalise(label.text, label.languages, normaliser)
    written = normalise(transcript.text, label.languages, normaliser)
    respaced = spaced_alike(said, written) if "ko" in label.languages else written
    spoken = comparable(label.words, label.languages)
    heard = comparable([word for one in transcript.segments for word in words_of(one)], label.languages)
    lost = doubled = made_up = None
    if label.timed:
        made_up = invented([word for word, _ in spoken], heard, label.silences(transcript.duration_s))
        if reading.boundaries is not None:
            lost, doubled = lost_and_doubled(spoken, [word for word, _ in heard], reading.boundaries)
    return Scored(
        name=label.name,
        language="+".join(sorted(label.languages)),
        tags=label.tags,
        duration_s=round(transcript.duration_s, 3),
        said=said,
        written=written,
        words=len(said.split()),
        word_errors=word_errors(said, written),
        spaced_word_errors=word_errors(said, respaced),
        characters=len(said.replace(" ", "")),
        character_errors=character_errors(said, written),
        wall_s=round(reading.wall_s, 3),
        compute_s=round(transcript.usage.compute_s, 3),
        boundaries=None if reading.boundaries is None else len(reading.boundaries),
        lost=lost,
        doubled=doubled,
        silence_s=round(sum(span.duration_s for span in label.silences(transcript.duration_s)), 3),
        invented=made_up,
    )


def groups(recordings: Sequence[Scored]) -> dict[str, list[Scored]]:
    """Recordings by what they have in common: all, each language, each length, each tag."""
    return {
        "all": list(recordings),
        **_by(recordings, lambda one: [f"language {one.language}"] if one.language else ["nothing said"]),
        **_by(recordings, lambda one: [_length(one.duration_s)]),
        **_by(recordings, lambda one: [f"tag {tag}" for tag in one.tags]),
    }


def _by(recordings: Sequence[Scored], names: Callable[[Scored], Iterable[str]]) -> dict[str, list[Scored]]:
    found: dict[str, list[Scored]] = {}
    for one in recordings:
        for name in names(one):
            found.setdefault(name, []).append(one)
    return dict(sorted(found.items()))


def _length(duration_s: float) -> str:
    if duration_s <= 30:
        return "length up to 30 s"
    return "length up to 2 min" if duration_s <= 120 else "length over 2 min"
