"""What the form of OpenAI's audio API means."""

from __future__ import annotations

import pytest

from sayit.bridge.http.openai.form_fields import AudioRequest, ResponseFormat, audio_request
from sayit.bridge.http.openai.models import model_list, parse_aliases, resolve
from sayit.chassis.start import StartError
from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import Options, Task
from sayit.speech.rendering import SubtitleStyle
from sayit.speech.system import Model

MODELS = (Model(name="small", default=True, transcribers=2), Model(name="medium", default=False, transcribers=1))


def asked(**fields: str | list[str]) -> AudioRequest:
    """The request that these fields make; underscores at the end stand for brackets."""
    form = {name.replace("__", "[]"): [value] if isinstance(value, str) else value for name, value in fields.items()}
    return audio_request(form, Task.TRANSCRIBE)


def test_nothing_is_needed_but_the_file() -> None:
    """Without fields the default model detects the language and answers in JSON."""
    assert asked() == AudioRequest(options=Options())


def test_what_the_package_sends_is_understood() -> None:
    """All fields of the `openai` package, spelled as it spells them."""
    request = asked(
        model="whisper-1",
        language="ko",
        prompt="회의",
        temperature="0.2",
        response_format="verbose_json",
        stream="false",
        keywords__=["세이잇", "게이트웨이"],
        timestamp_granularities__=["word", "segment"],
        **{"chunking_strategy[type]": "server_vad", "chunking_strategy[threshold]": "0.4"},
    )
    options = Options(
        language="ko",
        model="whisper-1",
        prompt="회의",
        temperature=0.2,
        hotwords="세이잇, 게이트웨이",
        word_timestamps=True,
    )
    expected = AudioRequest(options=options, response_format=ResponseFormat.VERBOSE_JSON, segments=True, words=True)
    assert request == expected


def test_temperature_0_means_what_nothing_means() -> None:
    """OpenAI's 0 is "begin with 0 and raise it where the result is poor", which is what a preset does."""
    assert asked(temperature="0").options.temperature is None


@pytest.mark.parametrize(
    ("fields", "language", "allowed"),
    [
        ({"languages__": ["ko"]}, "ko", ()),
        ({"languages__": ["ko-KR", "ko"]}, "ko", ()),
        ({"languages__": ["en", "ko-KR"]}, "auto", ("en", "ko")),
        ({"languages__": ["ko", "auto"]}, "auto", ()),
        ({"languages": ["en"]}, "en", ()),
        ({"language": ""}, "auto", ()),
    ],
)
def test_one_possible_language_is_taken_several_are_detected(fields, language: str, allowed: tuple[str, ...]) -> None:
    """`languages` names what is possible; one is taken as it is, several are what may be detected."""
    options = asked(**fields).options
    assert (options.language, options.languages) == (language, allowed)


def test_only_words_leave_the_segments_out() -> None:
    """As OpenAI does: segments come unless only words were asked for."""
    only_words = asked(response_format="verbose_json", timestamp_granularities__=["word"])
    assert (only_words.words, only_words.segments) == (True, False)
    assert asked(response_format="verbose_json").segments


def test_logprobs_need_words() -> None:
    """Log probabilities are made of words, so that words are asked for."""
    request = asked(include__=["logprobs"])
    assert request.logprobs
    assert request.options.word_timestamps
    assert not request.words


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"temperature": "1.5"}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"language": "xx"}, "language"),
        ({"language": "ko", "languages__": ["en"]}, "languages"),
        ({"stream": "perhaps"}, "stream"),
        ({"stream": "true", "response_format": "srt"}, "stream"),
        ({"stream": "true", "response_format": "verbose_json"}, "stream"),
        ({"timestamp_granularities__": ["word"]}, "timestamp_granularities"),
        ({"timestamp_granularities__": ["letter"], "response_format": "verbose_json"}, "timestamp_granularities"),
        ({"include__": ["tokens"]}, "include"),
        ({"include__": ["logprobs"], "response_format": "text"}, "include"),
        ({"known_speaker_names__": ["kim"]}, "known_speaker_names"),
        ({"chunking_strategy": "words"}, "chunking_strategy"),
        ({"chunking_strategy": '{"type": "other"}'}, "chunking_strategy"),
        ({"guard": "perhaps"}, "guard"),
        ({"beam_size": "99"}, "beam_size"),
        ({"model": ["small", "medium"]}, "model"),
        ({"vad_filter": "true"}, "vad_filter"),
    ],
)
def test_what_is_not_possible_is_refused_with_its_field(fields, field: str) -> None:
    """Nothing is dropped in silence: every impossible wish names its field."""
    with pytest.raises(SayItError) as caught:
        asked(**fields)
    assert caught.value.field == field
    assert caught.value.kind in {ErrorKind.INVALID_OPTION, ErrorKind.INVALID_LANGUAGE}


def test_own_options_are_taken_beside_openais() -> None:
    """As `extra_body` brings them; lists with brackets or commas."""
    options = asked(
        guard="strict",
        hotwords="세이잇",
        keywords__=["게이트웨이"],
        vocabulary="team",
        channels="split",
        languages__=["ko", "en"],
        temperatures="0,0.4",
        word_timestamps="true",
    ).options
    assert (options.guard, options.hotwords, options.vocabulary) == ("strict", "게이트웨이, 세이잇", "team")
    assert (options.channels, options.languages, options.decoding.temperatures) == ("split", ("ko", "en"), (0.0, 0.4))
    assert options.word_timestamps


def test_the_cut_of_subtitles_is_taken_and_checked() -> None:
    """As `extra_body`, too."""
    assert asked(max_line_width="16", highlight_words="true").style == SubtitleStyle(
        max_line_width=16, highlight_words=True
    )
    with pytest.raises(SayItError) as caught:
        asked(max_line_count="0")
    assert caught.value.field == "max_line_count"


def test_a_long_prompt_is_cut_at_its_beginning() -> None:
    """As OpenAI does: the model sees the end."""
    assert asked(prompt="a" * 5000 + " end").options.prompt.endswith("a end")


@pytest.mark.parametrize("name", ["Korean", "kor", "ko-KR"])
def test_languages_have_many_names(name: str) -> None:
    """What clients send that were made for other servers."""
    assert asked(language=name).options.language == "ko"


def test_translations_have_no_speakers() -> None:
    """As at OpenAI."""
    with pytest.raises(SayItError, match="response_format"):
        audio_request({"response_format": ["diarized_json"]}, Task.TRANSLATE)


def test_names_of_openai_stand_for_a_model() -> None:
    """An installation's own names come first; aliases can be added and pointed elsewhere."""
    aliases = parse_aliases("gpt-4o-transcribe=medium, our-best = medium,small=medium")
    found = {name: resolve(name, MODELS, aliases) for name in ("small", "whisper-1", "gpt-4o-transcribe", "our-best")}
    assert found == {"small": "small", "whisper-1": "", "gpt-4o-transcribe": "medium", "our-best": "medium"}
    assert resolve("gpt-4o-transcribe-2027-01-01", MODELS, aliases) == "medium"
    assert resolve("gpt-live-transcribe", MODELS, aliases) == ""
    with pytest.raises(
        SayItError, match=r"'tiny' is not available here; available: small, medium, whisper-1, .*our-best"
    ):
        resolve("tiny", MODELS, aliases)


def test_the_list_of_models_says_what_a_name_stands_for() -> None:
    """Every name that works is listed; a name whose model is not here is left out."""
    listed = model_list(MODELS, {"whisper-1": "", "best": "medium", "huge": "large-v3"})
    assert [(entry["id"], entry["default"], entry.get("stands_for")) for entry in listed] == [
        ("small", True, None),
        ("medium", False, None),
        ("whisper-1", False, "small"),
        ("best", False, "medium"),
    ]


def test_a_setting_that_cannot_be_read_stops_the_start() -> None:
    """SAYIT_OPENAI_MODELS is checked when the bridge starts."""
    with pytest.raises(StartError, match="'whisper-1' is not NAME=MODEL"):
        parse_aliases("whisper-1")
