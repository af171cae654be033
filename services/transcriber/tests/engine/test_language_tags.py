import pytest

from sayit.transcriber.engine.language_search import tagged
from sayit.transcriber.engine.window import Passage, Window

WINDOW = Window(start_frame=500, frames=1000)
TEXTS = {(1,): "오늘 날씨", (2,): "monday morning", (3,): "API 서버"}


@pytest.mark.parametrize(
    ("tokens", "korean", "spoken"),
    [((1,), 0.2, None), ((2,), 0.2, ("en", 0.8)), ((2,), 0.7, ("en", 0.3)), ((2,), 0.95, None), ((3,), 0.2, None)],
    ids=[
        "in the window's script",
        "another script and sound",
        "another script and a doubtful sound",
        "another script alone",
        "two scripts",
    ],
)
def test_a_passage_in_another_script_is_in_its_language_unless_it_sounds_otherwise(tokens, korean, spoken):
    """It is tagged with the language and its probability; a foreign name that sounds at home is not."""
    asked = []

    def hear(places):
        asked.extend(places)
        return [{"ko": korean, "en": 1 - korean, "de": 0.0}]

    passage = Passage(start_s=6.0, end_s=7.5, tokens=tokens)
    [found] = tagged([passage], WINDOW, "ko", ("ko", "en"), read=lambda ids: TEXTS[tuple(ids)], hear=hear)
    heard = found.spoken and (found.spoken.language, pytest.approx(found.spoken.probability))
    assert heard == spoken
    assert asked in ([], [(100, 150)])
