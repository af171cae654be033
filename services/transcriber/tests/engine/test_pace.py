import pytest

from sayit.speech.word_times import least_s
from sayit.transcriber.engine.pace import is_beyond_a_voice, is_more_of_the_same, once


def test_what_a_voice_needs_depends_on_the_script():
    """A syllable takes as long as two letters; spaces and punctuation take no time."""
    assert least_s("가나다라마바사아자차카타") == pytest.approx(1.0)
    assert least_s("abcde, fghij. klmno? pqrst! uvwxy") == pytest.approx(1.0)
    assert least_s(" … ") == 0


@pytest.mark.parametrize(
    ("text", "seconds", "beyond"),
    [("이런 식으로 해서", 0.6, False), ("감사합니다 " * 20, 3.0, True), ("감사합니다 " * 20, 15.0, False)],
    ids=["the fastest that was recorded", "a loop", "said again and again"],
)
def test_only_what_no_voice_can_say_is_beyond_it(text, seconds, beyond):
    """Fast speech is not, and a phrase that is really repeated takes its time."""
    assert is_beyond_a_voice(text, seconds) is beyond


def test_more_of_the_same_is_longer_and_says_nothing_else():
    """The same words up to twice as often; neither something else nor one word against forty."""
    assert is_more_of_the_same("하나 둘, 하나 둘, 하나 둘!", "하나 둘 하나 둘")
    assert not is_more_of_the_same("하나 둘 하나 둘", "하나 둘, 하나 둘")
    assert not is_more_of_the_same("하나 둘 하나 둘 하나 둘", "셋 넷 셋 넷")
    assert not is_more_of_the_same("감사합니다 " * 40, "감사합니다")
    assert not is_more_of_the_same("감사합니다", "")


@pytest.mark.parametrize(
    ("tokens", "left"),
    [
        ([7, 1, 1, 1, 1], 2),
        ([7, 1, 2, 1, 2, 1, 2, 1, 2, 1], 3),
        ([1, 2, 3] * 4, 3),
        ([1, 2, 3] * 3, 9),
        ([1, 1, 1, 1, 2], 5),
        ([], 0),
    ],
    ids=["a token", "broken off", "nothing before it", "too few rounds", "not at the end", "nothing"],
)
def test_a_loop_at_the_end_is_found(tokens, left):
    """Four rounds and more of the same tokens, up to the end, are said once."""
    assert once(tokens) == left
