"""The text that corrections give: segments replaced, split, joined and removed, and the times of their words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from sayit.speech.corrections import NO_NAME, Corrections, SegmentCorrection, unchanged
from sayit.speech.transcript import Segment, Transcript, Word
from sayit.speech.word_times import in_order, spread

#: Letters and digits of Latin words, or one character, with the space before it: the words of Chinese, Japanese, Thai.
_LETTERS = re.compile(r"\s*(?:[0-9A-Za-z]+|.)")


def corrected(model: Transcript, corrections: Corrections) -> Transcript:
    """The model's transcript with these corrections; its version is theirs."""
    changes = {change.segment: change for change in corrections.segments}
    found: list[Segment] = []
    last: dict[int, int] = {}
    for segment in model.segments:
        change = changes.get(segment.id, unchanged(segment.id))
        own = change.speaker.split("\n")
        name = corrections.names.get(str(segment.channel), segment.speaker)
        speakers = ["" if one == NO_NAME else one or name for one in own]
        parts = [replace(part, speaker=speakers[min(place, len(own) - 1)]) for place, part in _parts(segment, change)]
        if change.joined and parts and segment.channel in last:
            place = last[segment.channel]
            found[place] = _joined(found[place], parts.pop(0))
        for part in parts:
            last[segment.channel] = len(found)
            found.append(part)
    found.sort(key=lambda segment: (segment.start_s, segment.channel))
    return replace(model, segments=tuple(found), version=corrections.version)


def _parts(segment: Segment, change: SegmentCorrection) -> list[tuple[int, Segment]]:
    """The segments that a segment becomes, each with its place among its parts, of which some may be removed."""
    if change.text is not None:
        lines = change.text.splitlines()
        timed = list(enumerate(_timed(segment, lines)))
    elif change.words:
        timed = [(place, words) for place, words in enumerate(_lines_of(segment, change.words)) if words]
        lines = ["".join(word.text for word in words).strip() for _, words in timed]
    else:
        return [(0, segment)]
    return [
        (
            place,
            replace(
                segment,
                start_s=segment.start_s if number == 0 else words[0].start_s,
                end_s=segment.end_s if number == len(lines) - 1 else words[-1].end_s,
                text=line,
                words=tuple(words) if segment.words else (),
            ),
        )
        for number, (line, (place, words)) in enumerate(zip(lines, timed, strict=True))
    ]


def _lines_of(segment: Segment, texts: Mapping[int, str]) -> Iterator[list[Word]]:
    """The segment's words, some with other texts, in lines; one whose words are all removed is empty."""
    line: list[Word] = []
    begun = False  # whether a word was in this line, removed or not
    for place, word in enumerate(segment.words):
        if place not in texts:
            line.append(word)
            begun = True
            continue
        space = word.text[: len(word.text) - len(word.text.lstrip())]
        parts = texts[place].split("\n")
        letters = sum(map(len, parts)) or 1
        done = 0
        for number, part in enumerate(parts):
            if number and begun:
                yield line
                line, begun = [], False
            begin_s, end_s = (word.start_s + word.duration_s * share / letters for share in (done, done + len(part)))
            if part:
                line.append(Word(text=space + part, start_s=begin_s, end_s=end_s, probability=1.0))
            done += len(part)
            begun = begun or number == len(parts) - 1 or bool(part)
    yield line


def _timed(segment: Segment, lines: Sequence[str]) -> Iterator[list[Word]]:
    """The words of lines that are said in place of a segment, with times."""
    spaced = len(segment.words) < 2 or any(word.text[:1].isspace() for word in segment.words[1:])
    texts = [[f" {word}" for word in line.split()] if spaced else _LETTERS.findall(line) for line in lines]
    old = list(segment.words) if spaced else [letter for word in segment.words for letter in _letters(word)]
    new = [text for line in texts for text in line]
    same = [(word.text.strip(), text.strip()) for word, text in zip(old, new, strict=False)]
    first = len(list(takewhile(lambda pair: pair[0] == pair[1], same)))
    rest = zip(reversed(old[first:]), reversed(new[first:]), strict=False)
    last = len(list(takewhile(lambda pair: pair[0].text.strip() == pair[1].strip(), rest)))
    kept = old[len(old) - last :]
    begin_s = old[first - 1].end_s if first else segment.start_s
    end_s = max(begin_s, kept[0].start_s if kept else segment.end_s)
    middle = new[first : len(new) - last]
    said = spread(" ".join(text.strip() for text in middle), begin_s, end_s)
    between = [replace(word, text=text, probability=1.0) for word, text in zip(said, middle, strict=True)]
    words = iter(in_order([*old[:first], *between, *kept], segment.start_s, max(segment.start_s, segment.end_s)))
    for line in texts:
        yield [replace(next(words), text=text) for text in line]


def _letters(word: Word) -> Iterator[Word]:
    """A word's letters, each with its share of the time."""
    parts = _LETTERS.findall(word.text)
    for number, part in enumerate(parts):
        begin_s, end_s = (word.start_s + word.duration_s * share / len(parts) for share in (number, number + 1))
        yield replace(word, text=part, start_s=begin_s, end_s=end_s)


def _joined(first: Segment, second: Segment) -> Segment:
    spaced = not second.words or second.words[0].text[:1].isspace()
    return replace(
        first,
        text=f"{first.text}{' ' if spaced else ''}{second.text}",
        end_s=max(first.end_s, second.end_s),
        words=(*first.words, *second.words),
    )
