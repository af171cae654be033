"""How transcripts are written when somebody asks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayit.scheduler.assemble.formatting import formatted
from sayit.scheduler.assemble.formatting.numbers import with_digits
from sayit.scheduler.assemble.formatting.profanity import masked
from sayit.scheduler.assemble.formatting.punctuation import tidy
from sayit.speech.options import Options
from sayit.speech.transcript import Coverage, Segment, Suppressed, SuppressionReason, Transcript, Usage
from sayit.speech.word_times import spread


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("매출이 십이 퍼센트 늘었습니다.", "매출이 12% 늘었습니다."),
        ("모두 백이십삼만 사천 원입니다", "모두 123만 4000원입니다"),
        ("이천이십육년 삼월 십오일에 만나요", "2026년 3월 15일에 만나요"),
        ("유월 육일과 시월 삼일", "6월 6일과 10월 3일"),
        ("오십 명이 삼십 분 동안", "50명이 30분 동안"),
        ("삼억 원", "3억원"),
        ("만 사천 원", "1만 4000원"),
        ("이만 명", "2만명"),
        ("이만 회의 끝", "이만 회의 끝"),
        ("만 원", "만 원"),
        ("이 일을 하는 사람", "이 일을 하는 사람"),
        ("천만에요, 이만 갑니다.", "천만에요, 이만 갑니다."),
        ("구십이 분석 결과", "구십이 분석 결과"),
        ("다섯 개 스무 살", "다섯 개 스무 살"),
        ("일이삼 번", "일이삼 번"),
        ("일월 구십구일", "일월 99일"),
        ("삼 분", "삼 분"),
    ],
)
def test_korean_numbers_become_digits_where_they_count_something(said: str, written: str) -> None:
    """Ten and more in front of a unit, and dates; what may be something else stays."""
    assert with_digits(said, "ko") == written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("I have twenty-five apples and one hundred and two pears.", "I have 25 apples and 102 pears."),
        ("three point five percent", "3.5 percent"),
        ("no one is the first one here", "no one is the first one here"),
        ("call seven four one nine", "call 7 4 1 9"),
        ("two of us", "two of us"),
    ],
)
def test_english_numbers_become_digits(said: str, written: str) -> None:
    """From ten on, and smaller ones in a row."""
    assert with_digits(said, "en") == written
    assert with_digits(said, "fr") == said


@pytest.mark.parametrize(
    ("language", "said", "written"),
    [
        ("ko", "네 ,그렇습니다 .다음은", "네, 그렇습니다. 다음은"),
        ("ko", "끝났습니다.그리고  3.5퍼센트", "끝났습니다. 그리고 3.5퍼센트"),
        (
            "en",
            "Wait.... what !!  See sayit.dev , e.g. 1,000 ( really )",
            "Wait… what! See sayit.dev, e.g. 1,000 (really)",
        ),
        ("en", "“Yes”,he said", '"Yes", he said'),
        ("zh", "你好, 世界! 3,000", "你好，世界！ 3,000"),
        ("en", "use .NET here", "use .NET here"),
        ("ko", "한글", "한글"),
    ],
)
def test_spaces_and_punctuation_are_uniform(language: str, said: str, written: str) -> None:
    """One space after a sign and none before it, each sign once; numbers and addresses stay whole."""
    assert tidy(said, language) == written


@given(st.text(max_size=60), st.sampled_from(["ko", "en", "zh", "fr"]))
def test_tidying_tidies_once(text: str, language: str) -> None:
    """Whatever was said: a tidy text stays as it is, and no letter is lost."""
    once = tidy(text, language)
    assert sum(letter.isalnum() for letter in tidy(once, language)) == sum(letter.isalnum() for letter in once)
    assert "  " not in once
    assert once == once.strip()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("What the fuck, this is SHIT!", "What the f***, this is S***!"),
        ("fucking motherfuckers", "f****** m************"),
        ("아 씨발 진짜, 개새끼들아", "아 씨* 진짜, 개**들아"),
        ("시발점에서 새끼 고양이를", "시발점에서 새끼 고양이를"),
        ("Scunthorpe, Dick, shitake, assess", "Scunthorpe, Dick, shitake, assess"),
        ("", ""),
    ],
)
def test_swear_words_are_masked(said: str, shown: str) -> None:
    """All but the first letter; innocent words that hold or begin like one stay."""
    assert masked(said) == shown


def test_a_transcript_is_written_as_asked() -> None:
    """Each option alone, in text, words and what was removed; without options it is the same object."""
    text = "씨발 ,십이 퍼센트"
    segment = Segment(id=0, start_s=0, end_s=3, text=text, language="ko", words=spread(text, 0, 3))
    raw = Transcript(
        segments=(segment,),
        language="ko",
        language_probability=1,
        duration_s=3,
        coverage=Coverage(speech_detected_s=3, speech_transcribed_s=3),
        usage=Usage(audio_s=3, compute_s=1),
        model="micro",
        preset="ko",
        suppressed=(Suppressed(text="shit", reason=SuppressionReason.NO_SPEECH, start_s=0, end_s=1),),
    )
    assert formatted(raw, Options()) is raw
    tidied = formatted(raw, Options(formatting=True))
    assert (tidied.text, tidied.segments[0].words, tidied.suppressed) == ("씨발, 12%", segment.words, raw.suppressed)
    hidden = formatted(raw, Options(mask_profanity=True))
    assert (hidden.text, hidden.segments[0].words[0].text) == ("씨* ,십이 퍼센트", " 씨*")
    assert hidden.suppressed[0].text == "s***"
    assert formatted(raw, Options(formatting=True, mask_profanity=True)).text == "씨*, 12%"
