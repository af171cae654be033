import pytest

from sayit.transcriber.engine.decoding import Passage, Window
from sayit.transcriber.engine.tagging import tagged

WINDOW = Window(start_frame=500, frames=1000)
TEXTS = {(1,): "오늘 날씨", (2,): "monday morning", (3,): "API 서버"}


@pytest.mark.parametrize(
    ("tokens", "korean", "spoken"),
    [((1,), 0.2, None), ((2,), 0.2, ("en", 0.8)), ((2,), 0.7, None), ((3,), 0.2, None)],
    ids=["in the window's script", "another script and sound", "another script alone", "two scripts"],
)
def test_a_passage_needs_script_and_sound_to_be_in_another_language(tokens, korean, spoken):
    """Only what is written in and sounds like another allowed language is tagged with it, and with its probability."""
    asked = []

    def hear(places):
        asked.extend(places)
        return [{"ko": korean, "en": 1 - korean, "de": 0.0}]

    passage = Passage(start_s=6.0, end_s=7.5, tokens=tokens)
    [found] = tagged([passage], WINDOW, "ko", ("ko", "en"), read=lambda ids: TEXTS[tuple(ids)], hear=hear)
    assert found.spoken == (None if spoken is None else (spoken[0], pytest.approx(spoken[1])))
    assert asked in ([], [(100, 150)])
