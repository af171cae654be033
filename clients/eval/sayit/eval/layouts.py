"""Labelled folders: SayIt's own layout, LibriSpeech's and FLEURS's, alone or side by side in one folder."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sayit.eval.labels import Label, Phrase

_AUDIO = {".aac", ".flac", ".m4a", ".mp3", ".mp4", ".ogg", ".opus", ".wav", ".webm"}
_HANGUL = re.compile("[가-힣ㄱ-ㆎ]")
#: FLEURS's columns: id, file name, text as written, text without punctuation, letters, samples, gender.
_FLEURS_COLUMNS = 7
#: FLEURS's folder names whose language is not their first part.
_FLEURS_LANGUAGES = {"cmn": "zh", "nb": "no", "fil": "tl", "jv": "jw"}


class LabelError(Exception):
    """A label cannot be understood.

    Args:
        file: where.
        reason: why.
    """

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")


def find(folder: Path) -> tuple[Label, ...]:
    """All labelled recordings below a folder, by name; recordings without a label are left out.

    - SayIt: `NAME.flac` (or another format) beside `NAME.json` (`text`, and if known `language`, `tags` and `segments`
      with `start`, `end` in seconds, `language`, `text`) or `NAME.txt`, the bare text;
    - LibriSpeech: `1089-134686-0000.flac` beside `1089-134686.trans.txt`;
    - FLEURS: `ko_kr/test.tsv` with the recordings in `ko_kr/test/` or `ko_kr/audio/test/`.

    Raises:
        LabelError: a label is malformed, or names a recording that is not there.
    """
    found = {label.audio: label for label in [*_fleurs(folder), *_libri_speech(folder)]}
    for audio in sorted(folder.rglob("*")):
        if audio.suffix.lower() in _AUDIO and audio not in found:
            label = _own(audio, folder)
            if label is not None:
                found[audio] = label
    names = Counter(label.name for label in found.values())
    return tuple(
        # a.wav and a.mp3 with one label are two recordings.
        label if names[label.name] == 1 else replace(label, name=f"{label.name}{label.audio.suffix}")
        for label in sorted(found.values(), key=lambda label: (label.name, label.audio.suffix))
    )


def _own(audio: Path, folder: Path) -> Label | None:
    described, bare = audio.with_suffix(".json"), audio.with_suffix(".txt")
    if described.exists():
        return _described(audio, described, folder)
    if bare.exists():
        text = bare.read_text(encoding="utf-8-sig")
        return Label(audio=audio, name=_name(audio, folder), text=text, languages=_guessed_languages(text))
    return None


def _described(audio: Path, file: Path, folder: Path) -> Label | None:
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
        if "audio" in value and value["audio"] != audio.name:
            return None  # the label of a recording with the same name and another ending
        phrases = tuple(
            Phrase(start_s=float(one["start"]), end_s=float(one["end"]), language=one["language"], text=one["text"])
            for one in value.get("segments", ())
        )
        text = value.get("text") or " ".join(one.text for one in phrases)
        named = tuple(
            dict.fromkeys([value["language"]] if value.get("language") else [one.language for one in phrases])
        )
        return Label(
            audio=audio,
            name=_name(audio, folder),
            text=text,
            languages=named or _guessed_languages(text),
            phrases=phrases,
            tags=tuple(map(str, value.get("tags", ()))),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LabelError(file, f"no label of a recording: {error!r}") from error


def _libri_speech(folder: Path) -> Iterator[Label]:
    for file in sorted(folder.rglob("*.trans.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(" ")
            audio = file.parent / f"{name}.flac"
            if not audio.exists():
                raise LabelError(file, f"there is no {audio.name}")
            yield Label(audio=audio, name=_name(audio, folder), text=text, languages=("en",))


def _fleurs(folder: Path) -> Iterator[Label]:
    for file in sorted(folder.rglob("*.tsv")):
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
        if not rows or any(len(row) < _FLEURS_COLUMNS for row in rows):
            continue  # another table
        code = file.parent.name.split("_")[0]
        places = [file.parent / "audio" / file.stem, file.parent / file.stem, file.parent]
        there = [next((place / row[1] for place in places if (place / row[1]).exists()), None) for row in rows]
        if not any(there):
            continue  # FLEURS's tables come together, its recordings split by split
        for row, audio in zip(rows, there, strict=True):
            if audio is None:
                raise LabelError(file, f"there is no {row[1]}")
            language = _FLEURS_LANGUAGES.get(code, code)
            yield Label(audio=audio, name=_name(audio, folder), text=row[2], languages=(language,))


def _name(audio: Path, folder: Path) -> str:
    return str(audio.relative_to(folder).with_suffix(""))


def _guessed_languages(text: str) -> tuple[str, ...]:
    """By the letters: Korean where there is Hangul, else English; nothing for an empty text."""
    if not text.split():
        return ()
    return ("ko",) if _HANGUL.search(text) else ("en",)
