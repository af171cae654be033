"""Options are checked, made plain, and resolved to what the engine needs."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.language_names import AUTO, LANGUAGES, normal_language
from sayit.speech.options import (
    MAX_LANGUAGES,
    MAX_PROMPT_CHARS,
    PRESETS,
    DecodingOverrides,
    Options,
    Task,
    preset_name,
    resolve,
)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("ko", "ko"),
        ("ko-KR", "ko"),
        ("EN_us", "en"),
        (" ja ", "ja"),
        ("", AUTO),
        ("auto", AUTO),
        ("zh-Hant-TW", "zh"),
        ("kor", "ko"),
        ("Korean", "ko"),
        ("nb-NO", "no"),
        ("iw", "he"),
        ("fil", "tl"),
        ("cmn-Hans", "zh"),
        ("zh-yue-HK", "yue"),
        ("jv", "jw"),
        ("ger", "de"),
        ("Haitian  Creole", "ht"),
    ],
)
def test_tags_and_names_become_plain_codes(tag, code):
    """Regions, case and white space do not matter, former and longer codes are known; nothing means auto."""
    assert normal_language(tag) == code


@pytest.mark.parametrize("tag", ["xx", "klingon", "k", "ko,en", "x" * 1000])
def test_unknown_languages_are_refused(tag):
    """What Whisper does not know is INVALID_LANGUAGE, and a long tag does not fill the message."""
    with pytest.raises(SayItError) as caught:
        normal_language(tag)
    assert caught.value.kind is ErrorKind.INVALID_LANGUAGE
    assert caught.value.field == "language"
    assert len(str(caught.value)) < 100


def test_whisper_knows_a_hundred_languages():
    """The list is Whisper's, with Cantonese."""
    assert len(LANGUAGES) == 100


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beam_size", -1),
        ("beam_size", 11),
        ("temperature", -0.1),
        ("temperature", 1.1),
        ("temperature", float("nan")),
        ("max_tokens_per_window", -1),
        ("max_tokens_per_window", 225),
        ("prompt", "x" * (MAX_PROMPT_CHARS + 1)),
        ("hotwords", "x" * (MAX_PROMPT_CHARS + 1)),
    ],
)
def test_options_outside_their_range_name_their_field(field, value):
    """Every range is checked at both ends; the error names the field."""
    with pytest.raises(SayItError) as caught:
        Options(**{field: value}).normalised()
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, field)


def test_limits_themselves_are_valid():
    """The ends of the ranges are inside."""
    options = Options(
        beam_size=10, temperature=1.0, max_tokens_per_window=224, prompt="x" * MAX_PROMPT_CHARS, hotwords="가"
    )
    assert options.normalised() == options
    assert Options(temperature=0.0).normalised().temperature == 0.0


def test_normalising_keeps_every_field():
    """Only the language and white space around texts change; normalising twice changes nothing."""
    options = Options(
        language="ko-KR",
        task=Task.TRANSLATE,
        model=" small ",
        prompt=" a ",
        hotwords=" b ",
        word_timestamps=True,
        beam_size=3,
        temperature=0.5,
        max_tokens_per_window=100,
    )
    expected = Options(
        language="ko",
        task=Task.TRANSLATE,
        model="small",
        prompt="a",
        hotwords="b",
        word_timestamps=True,
        beam_size=3,
        temperature=0.5,
        max_tokens_per_window=100,
    )
    assert options.normalised() == expected
    assert expected.normalised() == expected


@pytest.mark.parametrize("language", ["ko", "en", "ja", "zh", AUTO])
def test_presets_decode_with_beam_search_first_and_their_temperature_as_fallback(language):
    """Temperature 0 comes first, so that beam size and patience apply; the preset's temperature is the fallback."""
    resolved = resolve(Options(language=language))
    assert resolved.temperatures[0] == 0.0 < resolved.temperatures[1]
    taken = {field: getattr(resolved, field) for field in asdict(PRESETS[language])}
    assert taken == asdict(PRESETS[language])


def test_languages_without_a_preset_take_autos():
    """Polish decodes with auto's preset, and in Polish."""
    assert preset_name("pl") == AUTO
    assert resolve(Options(language="pl")).language == "pl"
    assert resolve(Options(language="pl")).beam_size == PRESETS[AUTO].beam_size


def test_a_requests_own_values_win():
    """A beam size replaces the preset's; a temperature is the only one tried."""
    resolved = resolve(Options(language="ko", beam_size=1, temperature=0.0, max_tokens_per_window=50, prompt="p"))
    assert (resolved.beam_size, resolved.temperatures, resolved.max_tokens_per_window, resolved.prompt) == (
        1,
        (0.0,),
        50,
        "p",
    )


#: Every override at the end of its range that is further from the preset's.
EXTREME = DecodingOverrides(
    temperatures=(0.0, 1.0) * 4,
    best_of=10,
    patience=4.0,
    compression_ratio_threshold=10.0,
    logprob_threshold=-10.0,
    no_speech_threshold=0.0,
    suppress_tokens=tuple(range(200)),
)


def test_overrides_replace_the_presets_values():
    """Each field that is given wins, zero included; the others stay the preset's."""
    options = Options(language="ko", decoding=EXTREME).normalised()
    resolved = resolve(options)
    assert {field: getattr(resolved, field) for field in asdict(EXTREME)} == asdict(EXTREME)
    assert resolved.beam_size == PRESETS["ko"].beam_size
    one = resolve(Options(language="ko", decoding=DecodingOverrides(no_speech_threshold=0.0)))
    assert one.no_speech_threshold == 0.0
    assert (one.temperatures, one.best_of) == (PRESETS["ko"].temperatures, PRESETS["ko"].best_of)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperatures", (0.0,) * 9),
        ("temperatures", (0.0, -0.1)),
        ("temperatures", (1.1,)),
        ("temperatures", (float("nan"),)),
        ("best_of", 0),
        ("best_of", 11),
        ("patience", 0.0),
        ("patience", float("inf")),
        ("patience", float("nan")),
        ("compression_ratio_threshold", 0.9),
        ("compression_ratio_threshold", float("inf")),
        ("logprob_threshold", 0.1),
        ("logprob_threshold", float("-inf")),
        ("no_speech_threshold", 1.1),
        ("no_speech_threshold", float("nan")),
        ("suppress_tokens", (-1,)),
        ("suppress_tokens", (100_001,)),
        ("suppress_tokens", tuple(range(201))),
    ],
)
def test_overrides_outside_their_limits_name_their_field(field, value):
    """Too little, too much and no number at all are refused, and the error names the field."""
    with pytest.raises(SayItError) as caught:
        Options(decoding=DecodingOverrides(**{field: value})).normalised()
    assert (caught.value.kind, caught.value.field) == (ErrorKind.INVALID_OPTION, f"decoding.{field}")


def test_one_temperature_and_several_contradict_each_other():
    """A fixed temperature has no fallback."""
    with pytest.raises(SayItError) as caught:
        Options(temperature=0.0, decoding=DecodingOverrides(temperatures=(0.0, 0.4))).normalised()
    assert caught.value.field == "decoding.temperatures"


@pytest.mark.parametrize(
    ("given", "plain"),
    [((), ()), (("ko-KR", "EN", "ko"), ("ko", "en")), (("ja", "*"), ("*",))],
)
def test_lists_of_languages_become_plain(given, plain):
    """Codes, each once; the sign for all of them stands alone."""
    assert Options(languages=given).normalised().languages == plain


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"languages": ("xx",)}, "language"),
        ({"languages": ("auto",)}, "languages"),
        ({"languages": ("ko",), "language": "ko"}, "languages"),
        ({"languages": tuple(sorted(LANGUAGES))[: MAX_LANGUAGES + 1]}, "languages"),
    ],
)
def test_lists_of_languages_that_say_nothing_are_refused(changes, field):
    """Unknown ones, too many, and any where the language is fixed."""
    with pytest.raises(SayItError) as caught:
        Options(**changes).normalised()
    assert caught.value.field == field
