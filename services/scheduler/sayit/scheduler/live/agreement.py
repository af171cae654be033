"""LocalAgreement-2: what two hypotheses in a row say alike will not change any more (Macháček et al. 2023).

Letters are compared, not words: whether two Korean words are written apart changes from hypothesis to hypothesis.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from sayit.speech.transcript import Word

#: Letters of the committed text that a hypothesis is searched for.
_TAIL = 40
#: Letters that a second of distance counts for in that search, and how far it goes.
_PER_SECOND, _NEAR_S = 3.0, 1.0


class Agreement:
    """The words of one utterance.

    Args:
        committed: those that were given out.
    """

    def __init__(self, committed: Sequence[Word] = ()) -> None:
        #: They will not change any more.
        self.committed = tuple(committed)
        #: The words behind them in the last hypothesis.
        self.tentative: tuple[Word, ...] = ()

    def take(self, words: Sequence[Word], *, until_s: float, commits: bool = True, alone: bool = False) -> None:
        """Takes a hypothesis.

        Args:
            words: its words, with times of the session.
            until_s: words that end later are not committed: their audio may be incomplete.
            commits: whether it may commit words.
            alone: whether it may without agreeing with the one before.
        """
        rest = tuple(words[said_already(self.committed, words) :])
        if commits:
            count = len(rest) if alone else agreed(self.tentative, rest)
            while count and rest[count - 1].end_s > until_s:
                count -= 1
            self.committed += rest[:count]
            rest = rest[count:]
        self.tentative = rest

    def forget(self) -> None:
        """The last hypothesis does not count."""
        self.tentative = ()

    def last(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """All words, where a hypothesis is the last: the committed ones, and what it has behind them."""
        return (*self.committed, *words[said_already(self.committed, words) :])

    @property
    def stability(self) -> float:
        """The committed share of the letters."""
        committed, tentative = len(_letters(self.committed)), len(_letters(self.tentative))
        return committed / (committed + tentative) if committed + tentative else 0.0


def agreed(before: Sequence[Word], now: Sequence[Word]) -> int:
    """How many of the words, from the first one on, two hypotheses say alike; words of the second are counted."""
    said, says = _letters(before), _letters(now)
    common = next((n for n, (a, b) in enumerate(zip(said, says, strict=False)) if a != b), min(len(said), len(says)))
    ends = set(_ends(before))
    return max((n for n, end in enumerate(_ends(now), 1) if end <= common and end in ends), default=0)


def said_already(committed: Sequence[Word], words: Sequence[Word]) -> int:
    """How many of a hypothesis's words, from the first one on, say what is committed.

    The end of the committed text is searched for in the hypothesis, near its own time; where it stands there more than
    once, or was heard differently, times decide.
    """
    if not committed:
        return 0
    end_s = committed[-1].end_s
    least = sum(word.end_s <= end_s - _NEAR_S for word in words)
    most = sum(word.start_s < end_s + _NEAR_S for word in words)
    tail = _letters([word for word in committed if word.end_s > words[0].start_s])[-_TAIL:] if words else ""
    distances = _distances(tail, _letters(words[:most]))
    places = zip(
        [0, *_ends(words[:most])], [words[0].start_s, *(w.end_s for w in words)] if words else [0], strict=False
    )
    costs = [distances[place] + _PER_SECOND * abs(at_s - end_s) for place, at_s in places]
    return min(range(min(least, most), len(costs)), key=lambda count: (costs[count], count))


def _letters(words: Sequence[Word]) -> str:
    return "".join(letter for word in words for letter in word.text.casefold() if letter.isalnum())


def _ends(words: Sequence[Word]) -> list[int]:
    """Letters up to each word's end."""
    return list(accumulate(len(_letters((word,))) for word in words))


def _distances(text: str, within: str) -> list[int]:
    """For every place in a text: the edit distance between another text and what stands in front of the place.

    How much stands in front is free; at the beginning nothing does.
    """
    row = [0] * (len(within) + 1)
    for number, letter in enumerate(text, 1):
        before, row = row, [number]
        for place, other in enumerate(within, 1):
            row.append(min(before[place - 1] + (letter != other), before[place] + 1, row[-1] + 1))
    return row
