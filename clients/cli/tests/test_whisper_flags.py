"""Flags of openai/whisper and whisper-ctranslate2 on our command line."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from sayit.cli.application import app
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


#: Every flag of openai/whisper 20250625, whisper-ctranslate2 0.5 and whisperX 3.8, with a value that it may have there.
THEIRS = """
--model turbo|--model_dir x|--device cuda|--output_dir .|-o .|--output_format all|-f json|--verbose False
--task translate|--language Korean|--temperature 0.2|--best_of 5|--best_of None|--beam_size 5|--patience 1.0
--length_penalty 1.0|--suppress_tokens -1|--suppress_tokens 1,2|--initial_prompt x|--carry_initial_prompt True
--condition_on_previous_text False|--fp16 False|--temperature_increment_on_fallback 0.2
--compression_ratio_threshold 2.4|--logprob_threshold -1.0|--no_speech_threshold None|--word_timestamps True
--prepend_punctuations x|--append_punctuations x|--highlight_words True|--max_line_width None|--max_line_width 42
--max_line_count 2|--max_words_per_line 4|--threads 0|--threads 4|--clip_timestamps 0|--clip_timestamps 0,5
--hallucination_silence_threshold 2|--model_directory x|--local_files_only True|--pretty_json True|-p True
--print_colors True|--device_index 0|--compute_type int8|--prompt_reset_on_temperature 0.5|--prefix x
--suppress_blank False|--repetition_penalty 1.0|--no_repeat_ngram_size 0|--hotwords x|--batched True|--batch_size 8
--multilingual True|--vad_filter True|--vad_threshold 0.5|--vad_min_speech_duration_ms 250
--vad_max_speech_duration_s 30|--vad_min_silence_duration_ms 2000|--hf_token x|--speaker_name x|--speaker_num 2
--model_cache_only True|--log-level debug|--align_model x|--interpolate_method nearest|--no_align
--return_char_alignments|--vad_method silero|--vad_onset 0.5|--vad_offset 0.363|--chunk_size 30|--diarize
--min_speakers 1|--max_speakers 2|--diarize_model x|--speaker_embeddings|--suppress_numerals
--segment_resolution sentence|--print_progress True
"""


def test_no_flag_of_theirs_stops_a_call() -> None:
    """Each is taken, or has no effect."""
    root: Any = typer.main.get_command(app)
    parent = root.make_context("sayit", ["transcribe"])
    for flag in (one.strip() for line in THEIRS.split("\n") for one in line.split("|") if one):
        context = root.commands["transcribe"].make_context("transcribe", [*flag.split(), "a.wav"], parent=parent)
        assert context.params["files"] == ["a.wav"], flag


@pytest.mark.parametrize("flag", ["--live_transcribe True", "--live_input_device 1", "--version"])
def test_what_another_command_does_is_named(flag: str) -> None:
    """The line has the command."""
    with pytest.raises(Failure, match=r"that is `sayit (listen|--version)` here"):
        list(translated(flag.split()))
