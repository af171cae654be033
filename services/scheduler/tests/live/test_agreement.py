"""What two hypotheses in a row agree on, and which words of a hypothesis are committed already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.live.agreement import Agreement, agreed, said_already
from sayit.speech.transcript import Word


def words(text: str, start_s: float = 0.0, each_s: float = 0.5) -> list[Word]:
    """The words of a text, one after the other."""
    return [
        Word(text=f" {word}", start_s=start_s + n * each_s, end_s=start_s + (n + 1) * each_s, probability=0.9)
        for n, word in enumerate(text.split())
    ]


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ("", "one two", 0),
        ("one two", "one two three", 2),
        ("one two.", "One two, three", 2),
        ("one two", "one too three", 1),
        ("one twofold", "one two fold up", 3),
        ("학교 에서 만난", "학교에서 만났다", 1),
        ("학교", "학교에서 만났다", 0),
        ("학교에서", "학교 에서", 2),
        ("one - two", "one two", 2),
    ],
)
def test_letters_are_compared_and_whole_words_are_agreed_on(before: str, now: str, count: int) -> None:
    """Case, punctuation and spaces inside do not matter; a word that only one of both has ended is not agreed on."""
    assert agreed(words(before), words(now)) == count


@pytest.mark.parametrize(
    ("committed", "start_s", "hypothesis", "rest"),
    [
        ("", 0.0, "a b", "a b"),
        ("one two", 0.0, "one two three", "three"),
        ("one two", 0.0, "won too three", "three"),
        ("one two three four", 1.0, "three four five", "five"),
        ("one two three four", 2.0, "five six", "five six"),
        ("no no no", 0.0, "no no no no no", "no no"),
        ("one two three four five six", 0.0, "one two", ""),
        ("one two", 0.0, "", ""),
    ],
)
def test_the_committed_end_is_found_in_a_hypothesis(committed: str, start_s: float, hypothesis: str, rest: str) -> None:
    """By its letters near its time, also where it was heard differently, in part, or again and again."""
    found = words(hypothesis, start_s)
    assert found[said_already(words(committed), found) :] == found[len(found) - len(rest.split()) :]


def test_words_that_may_be_half_said_are_not_committed() -> None:
    """Those that end near the end of the audio wait for one more hypothesis."""
    found = Agreement()
    found.take(words("one two three"), until_s=1.0)
    assert (found.committed, found.stability) == ((), 0.0)
    found.take(words("one two three four"), until_s=1.0)
    assert [word.text for word in found.committed] == [" one", " two"]
    assert [word.text for word in found.tentative] == [" three", " four"]
    assert 0 < found.stability < 1
    found.take(words("one two three four"), until_s=9.0, commits=False)
    assert len(found.committed) == 2
    found.forget()
    assert found.tentative == ()


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ab", "c"]), max_size=8), max_size=8))
def test_committed_text_only_grows(hypotheses: list[list[str]]) -> None:
    """Whatever is heard."""
    found = Agreement()
    for hypothesis in hypotheses:
        before = found.committed
        found.take(words(" ".join(hypothesis)), until_s=3.0)
        assert found.committed[: len(before)] == before
