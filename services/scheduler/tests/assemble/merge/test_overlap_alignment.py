"""Any sequence of words, heard twice around each seam, is written once."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sayit.scheduler.assemble.merge import merge

from .helper import chunk, segment, word

JITTER_S = 0.4


def heard(seed: int, vocabulary: int, *, distinct_within: int) -> tuple[list[str], list[str]]:
    """A random word sequence, and what merging makes of it after cutting it twice with jittered times.

    No word comes again within the next `distinct_within` words.
    """
    rng = random.Random(seed)
    spoken: list[str] = []
    times: list[tuple[float, float]] = []
    at = 0.0
    while at < 84:
        text = rng.choice(
            [f"w{n}" for n in range(vocabulary) if f"w{n}" not in spoken[len(spoken) - distinct_within :]]
        )
        length = rng.uniform(0.2, 0.7)
        spoken.append(text)
        times.append((at, at + length))
        at += length
    bounds = [(0.0, 28.0), (28 - rng.uniform(1.5, 2.5), 56.0), (56 - rng.uniform(1.5, 2.5), 90.0)]
    chunks = []
    for index, (start_s, end_s) in enumerate(bounds):
        words = []
        latest = start_s
        for text, (first, last) in zip(spoken, times, strict=True):
            if first < start_s - 0.01 or last > end_s + 0.01:
                continue
            low = max(latest, first + rng.uniform(-JITTER_S, JITTER_S))
            high = max(low, last + rng.uniform(-JITTER_S, JITTER_S))
            words.append(word(text, low, high))
            latest = low
        cuts = sorted(rng.sample(range(1, len(words)), 6))
        parts = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
        chunks.append(chunk(index, start_s, end_s, [segment(part) for part in parts], hard="startend"))
    result = merge(chunks, speech=(), duration_s=90.0)
    return spoken, " ".join(each.text for each in result.segments).split()


@settings(max_examples=60)
@given(st.integers(0, 1_000_000))
def test_distinct_words_are_neither_lost_nor_doubled(seed: int) -> None:
    """With times off by up to 0.4 s, words that differ from their neighbours come out exactly as they were said."""
    spoken, written = heard(seed, 60, distinct_within=8)
    assert written == spoken


def test_repeated_words_are_almost_never_lost_or_doubled() -> None:
    """With a small vocabulary, where the same words come again within the overlap, nearly all seams are right."""
    wrong = sum(len(set(map(tuple, heard(seed, 12, distinct_within=0)))) > 1 for seed in range(60))
    assert wrong <= 3
