"""Flags of openai/whisper and whisper-ctranslate2 on our command line."""

from __future__ import annotations

import pytest

from sayit.cli.commands.whisper_flags import translated
from sayit.cli.exit_codes import Failure


@pytest.mark.parametrize(
    ("written", "ours"),
    [
        ("a.wav --word_timestamps True -f srt", "a.wav --words -f srt"),
        ("--word-timestamps a.wav", "--words a.wav"),
        ("--word_timestamps False --highlight_words True", "--highlight-words"),
        ("--condition_on_previous_text False", "--context none"),
        ("--condition_on_previous_text=True", ""),
        ("--best_of 3 --patience=1.5 --suppress_tokens -1", "--decoding best_of=3 --decoding patience=1.5"),
        ("--no_speech_threshold 0.5 --logprob_threshold None", "--decoding no_speech_threshold=0.5"),
        ("--output_format all --initial_prompt x", "--output_format all --initial_prompt x"),
        ("--vad_filter False a.wav --vad_filter=True", "--voice-threshold 0 a.wav"),
        ("-- --fp16 x", "-- --fp16 x"),
    ],
)
def test_flags_are_said_in_our_words(written: str, ours: str) -> None:
    """Switches with a value, decode options; the rest is the parser's."""
    assert list(translated(written.split())) == ours.split()


def test_what_has_no_effect_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, and the call goes on."""
    assert list(translated(["--fp16", "False", "--vad_method=silero", "a.wav"])) == ["a.wav"]
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("sayit: --fp16 has no effect here: ")
    assert second.startswith("sayit: --vad_method has no effect here: ")


def test_whisperx_asks_for_speakers(capsys: pytest.CaptureFixture[str]) -> None:
    """Its switches take no value, its other flags do; what is there instead is named."""
    asked = "--diarize a.wav --hf_token x --min_speakers 2 --suppress_numerals --no_align"
    assert list(translated(asked.split())) == ["a.wav"]
    assert capsys.readouterr().err.count("--channels split") == 3


def test_a_switch_with_another_value_is_refused() -> None:
    """It names the flag."""
    with pytest.raises(Failure, match="--word_timestamps 2: write True or False"):
        list(translated(["--word_timestamps=2"]))
