import numpy as np
import pytest

from sayit.transcriber.engine.language_segmentation import language_spans

LANGUAGES = ("ko", "en", "ja")


def features(seconds, pauses=()):
    """Log-mel features as loud as speech, quiet in the pauses (start, end in seconds)."""
    made = np.full((80, round(seconds * 100)), 0.5, np.float32)
    made += np.random.default_rng(0).normal(0, 0.05, made.shape).astype(np.float32)
    for start_s, end_s in pauses:
        made[:, round(start_s * 100) : round(end_s * 100)] = -0.5
    return made


class Speech:
    """What is heard: languages with their ends in seconds, each with a certainty; a stretch is heard as a mixture."""

    def __init__(self, *parts, certainty=0.9):
        self.frames = [language for language, start_s, end_s in parts for _ in range(round((end_s - start_s) * 100))]
        self.certainty = certainty
        self.calls = 0

    def __call__(self, places):
        """The languages of these stretches, all of one length."""
        self.calls += 1
        assert len({frames for _, frames in places}) == 1
        return [self._heard(self.frames[first : first + frames]) for first, frames in places]

    def _heard(self, languages):
        rest = (1 - self.certainty) / 2
        share = {code: languages.count(code) / len(languages) for code in LANGUAGES}
        return {code: rest + (self.certainty - rest) * share[code] for code in LANGUAGES}


def cut(speech, heard, languages=LANGUAGES):
    """The stretches as (language, end in seconds)."""
    found = language_spans(heard, speech, languages)
    assert found[0].start_frame == 0
    assert found[-1].end_frame == speech.shape[1]
    assert [each.end_frame for each in found[:-1]] == [each.start_frame for each in found[1:]]
    return [(each.language, each.end_frame / 100) for each in found]


def test_one_language_is_one_stretch():
    """A window without a change is not cut, and is heard in a single call."""
    heard = Speech(("ko", 0, 28))
    assert cut(features(28, [(4, 4.5), (9, 9.3)]), heard) == [("ko", 28)]
    assert heard.calls == 1


def test_a_change_is_cut_in_the_pause_beside_it():
    """The cut lies in the pause, wherever the seconds' borders are."""
    [first, second] = cut(features(20, [(3, 3.4), (9.3, 9.9)]), Speech(("ko", 0, 9.6), ("en", 9.6, 20)))
    assert (first[0], second) == ("ko", ("en", 20))
    assert 9.3 <= first[1] <= 9.9


def test_several_changes():
    """Korean, English, Korean, a few seconds each."""
    heard = Speech(("ko", 0, 5.2), ("en", 5.2, 10.1), ("ko", 10.1, 15))
    found = cut(features(15, [(5, 5.4), (7, 7.3), (9.9, 10.3)]), heard)
    assert [language for language, _ in found] == ["ko", "en", "ko"]
    assert found[0][1] == pytest.approx(5.2, abs=0.3)
    assert found[1][1] == pytest.approx(10.1, abs=0.3)


def test_a_change_without_a_pause_is_cut_near_it():
    """Where nobody pauses, the sides' languages say where."""
    [first, _] = cut(features(20), Speech(("ko", 0, 9.6), ("en", 9.6, 20)))
    assert first[1] == pytest.approx(9.6, abs=0.6)


def test_a_doubtful_second_is_no_change():
    """A second that sounds a little like another language costs more as a change than it gains."""
    heard = Speech(("ko", 0, 9), ("en", 9, 10), ("ko", 10, 20), certainty=0.6)
    assert cut(features(20), heard) == [("ko", 20)]


def test_silence_is_no_language():
    """Seconds in which nothing is loud are not listened to."""
    heard = Speech(("ko", 0, 10), ("en", 10, 20))
    assert cut(features(20, [(9.5, 20)]), heard) == [("ko", 20)]


@pytest.mark.parametrize("seconds", [0, 0.05, 0.99, 5.9])
def test_too_short_to_tell(seconds):
    """Less than six seconds are one stretch, whose language the usual detection tells."""
    assert cut(features(seconds), Speech(("ko", 0, 2), ("en", 2, 6))) == [("", seconds)]


def test_only_allowed_languages_are_found():
    """What is not on the list is not heard."""
    found = cut(features(20), Speech(("ja", 0, 10), ("en", 10, 20)), languages=("ko", "en"))
    assert {language for language, _ in found} <= {"ko", "en"}
