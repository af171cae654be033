"""Flags as users of openai/whisper, whisper-ctranslate2 and whisperX write them, in the words of `sayit transcribe`.

Underscores are dashes everywhere (`application.py`), and what has one meaning here and there is a second name of the
option. Here is the rest: switches that are given a value, decode options, and what has no effect on a suite.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from typer.core import TyperCommand

from sayit.cli.exit_codes import Exit, Failure
from sayit.cli.messages import note
from sayit.cli.overrides import DECODE_READERS

#: Switches, and what they are with the value True and with False.
_SWITCHES: dict[str, tuple[list[str], list[str]]] = {
    "--words": (["--words"], []),
    "--word-timestamps": (["--words"], []),
    "--highlight-words": (["--highlight-words"], []),
    "--vad-filter": ([], ["--voice-threshold", "0"]),
    "--condition-on-previous-text": ([], ["--context", "none"]),
}
_DECODING = {f"--{name.replace('_', '-')}": name for name in DECODE_READERS if name != "temperatures"}
_DEVICE = "the suite's transcribers choose device and precision (SAYIT_COMPUTE_TYPE)"
_SPEECH = "speech is found in every recording before it is decoded"
_FALLBACK = "the language's preset has the temperatures (--decoding temperatures=0,0.4)"
_MODELS = "models are found by name or folder (--model, SAYIT_MODELS_DIR)"
_ALIGNMENT = "words get their times from the model that writes them (--word-timestamps)"
_SPEAKERS = "speakers are not told apart (--channels split: a speaker on each channel)"
_WRITING = "numbers are written as the model writes them"
_PROMPT = "the prompt stands in front of every chunk (--prompt)"
_SHOWN = "what is shown is chosen by --progress"
_NEUTRAL = "it is always neutral"
#: Flags with a value that have no effect, and why.
_WITHOUT_EFFECT = {
    **dict.fromkeys(("--fp16", "--device", "--device-index", "--compute-type", "--batched", "--batch-size"), _DEVICE),
    **dict.fromkeys(("--vad-method", "--vad-offset", "--vad-speech-pad-ms"), _SPEECH),
    **dict.fromkeys(("--vad-min-speech-duration-ms", "--vad-max-speech-duration-s"), _SPEECH),
    **dict.fromkeys(("--chunk-size", "--vad-min-silence-duration-ms", "--hallucination-silence-threshold"), _SPEECH),
    **dict.fromkeys(("--temperature-increment-on-fallback",), _FALLBACK),
    **dict.fromkeys(("--model-dir", "--model-directory", "--model-cache-only", "--local-files-only"), _MODELS),
    **dict.fromkeys(("--align-model", "--interpolate-method", "--prepend-punctuations"), _ALIGNMENT),
    **dict.fromkeys(("--append-punctuations",), _ALIGNMENT),
    **dict.fromkeys(("--hf-token", "--min-speakers", "--max-speakers", "--diarize-model"), _SPEAKERS),
    **dict.fromkeys(("--speaker-name", "--speaker-num"), _SPEAKERS),
    **dict.fromkeys(("--carry-initial-prompt", "--prompt-reset-on-temperature", "--prefix"), _PROMPT),
    **dict.fromkeys(("--verbose", "--print-progress", "--print-colors", "--log-level"), _SHOWN),
    **dict.fromkeys(
        ("--length-penalty", "--repetition-penalty", "--no-repeat-ngram-size", "--suppress-blank"), _NEUTRAL
    ),
    "--multilingual": "with --language auto every chunk's language is detected",
    "--segment-resolution": "subtitles are cut at sentences",
    **dict.fromkeys(("--pretty-json", "-p"), "JSON is one line; any JSON tool indents it"),
}
#: Switches of whisperX, which take no value.
_SWITCHES_WITHOUT_EFFECT = {
    **dict.fromkeys(("--diarize", "--speaker-embeddings"), _SPEAKERS),
    **dict.fromkeys(("--no-align", "--return-char-alignments"), _ALIGNMENT),
    "--suppress-numerals": _WRITING,
}
#: Flags of what another command does here.
_ELSEWHERE = {
    **dict.fromkeys(("--live-transcribe", "--live-volume-threshold", "--live-input-device"), "sayit listen"),
    "--live-input-device-sample-rate": "sayit listen",
    "--version": "sayit --version",
}
#: What openai/whisper and whisper-ctranslate2 write where they leave a value open.
_OPEN = {"--threads": "0"}


class WhisperCommand(TyperCommand):
    """A command that understands these flags."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Translates them first; tells which ones have no effect."""
        return super().parse_args(ctx, list(translated(args)))


def translated(arguments: Sequence[str]) -> Iterator[str]:
    """The arguments in our words; a note for each that has no effect.

    Raises:
        Failure: a switch has a value that is neither true nor false, or another command is for that.
    """
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            yield from [argument, *waiting]
            return
        written, equals, value = argument.partition("=")
        name = written.replace("_", "-") if written.startswith("--") else written
        if name in _SWITCHES:
            given = value if equals else _switch_value(waiting)
            yield from _SWITCHES[name][not _is_true(written, given)]
        elif name in _ELSEWHERE:
            raise Failure(Exit.USAGE, f"{written}: that is `{_ELSEWHERE[name]}` here")
        elif name in _SWITCHES_WITHOUT_EFFECT:
            note(f"sayit: {written} has no effect here: {_SWITCHES_WITHOUT_EFFECT[name]}.")
        elif name in _DECODING or name in _WITHOUT_EFFECT:
            if not equals:
                value = waiting.pop(0) if waiting else ""
            if name in _WITHOUT_EFFECT:
                note(f"sayit: {written} has no effect here: {_WITHOUT_EFFECT[name]}.")
            elif value not in {"None", "-1"}:  # openai/whisper's own defaults
                yield from ("--decoding", f"{_DECODING[name]}={value}")
        elif name.startswith("--") and _left_open(name, value if equals else next(iter(waiting), "")):
            del waiting[: not equals]
        else:
            yield argument


def _left_open(name: str, value: str) -> bool:
    return value in {"None", _OPEN.get(name)}


def _switch_value(waiting: list[str]) -> str:
    return waiting.pop(0) if waiting and waiting[0].lower() in {"true", "false"} else "true"


def _is_true(flag: str, value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise Failure(Exit.USAGE, f"{flag} {value}: write True or False")
    return value.lower() == "true"
