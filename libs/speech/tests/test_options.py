"""Options are checked, made plain, and resolved to what the engine needs."""

from __future__ import annotations

import pytest

from sayit.speech.errors import ErrorKind, SayItError
from sayit.speech.options import (
    AUTO,
    LANGUAGES,
    MAX_PROMPT_CHARS,
    PRESETS,
    Options,
    Task,
    normal_language,
    preset_name,
    resolve,
)


@pytest.mark.parametrize(
    ("tag", "code"),
    [("ko", "ko"), ("ko-KR", "ko"), ("EN_us", "en"), (" ja ", "ja"), ("", AUTO), ("auto", AUTO), ("zh-Hant-TW", "zh")],
)
def test_tags_become_plain_codes(tag, code):
    """Regions, case and white space do not matter; nothing means auto."""
    assert normal_language(tag) == code


@pytest.mark.parametrize("tag", ["xx", "korean", "k", "ko,en", "x" * 1000])
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
    preset = PRESETS[language]
    resolved = resolve(Options(language=language))
    assert resolved.temperatures == (0.0, preset.temperature)
    assert (resolved.beam_size, resolved.best_of, resolved.patience) == (
        preset.beam_size,
        preset.best_of,
        preset.patience,
    )


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
