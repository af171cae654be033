"""Chinese is written in one script."""

import pytest

from sayit.speech.options import Options, Task, resolve
from sayit.speech.transcript import Word
from sayit.transcriber.engine.chinese import ChineseWriting

MIXED = "在自定義语音門户中,可以播放上传的音頻,头发"


def written(language="zh", spoken="zh", **options):
    """The text as it is written where a request has these options."""
    asked = resolve(Options(language=language, **options).normalised())
    return ChineseWriting(asked).written(MIXED, (), spoken)[0]


@pytest.mark.parametrize(
    ("language", "prompt", "spoken", "text"),
    [
        ("zh", "", "zh", "在自定义语音门户中,可以播放上传的音频,头发"),
        ("auto", "", "zh", "在自定义语音门户中,可以播放上传的音频,头发"),
        ("zh-TW", "", "zh", "在自定義語音門戶中,可以播放上傳的音頻,頭髮"),
        ("zh_Hant", "简体", "zh", "在自定義語音門戶中,可以播放上傳的音頻,頭髮"),
        ("zh", "臺灣", "zh", "在自定義語音門戶中,可以播放上傳的音頻,頭髮"),
        ("cmn-Hans", "臺灣", "zh", "在自定义语音门户中,可以播放上传的音频,头发"),
        ("auto", "", "yue", "在自定義語音門戶中,可以播放上傳的音頻,頭髮"),
        ("auto", "", "ja", MIXED),
    ],
)
def test_the_script_is_that_of_the_tag_or_the_prompt(language, prompt, spoken, text):
    """Without either it is simplified, for Cantonese traditional; other languages stay as they are."""
    assert written(language, spoken, prompt=prompt) == text


def test_a_translation_stays_as_it_is():
    """Its text is English whatever was spoken."""
    assert written(task=Task.TRANSLATE) == MIXED


def test_words_are_written_as_their_text_is():
    """A form that hangs on the neighbour is the same in words of one character each."""
    words = tuple(Word(start_s=0.0, end_s=1.0, text=character, probability=0.5) for character in MIXED)
    text, now = ChineseWriting(resolve(Options(language="zh-HK").normalised())).written(MIXED, words, "zh")
    assert "".join(word.text for word in now) == text
    assert text.endswith("頭髮")
