"""Options that the command line takes as text: lists, and decode options as KEY=VALUE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sayit.cli.exits import Exit, Failure
from sayit.speech.options import DecodingOverrides, Options


def separated(text: str) -> tuple[str, ...]:
    """What commas separate; nothing for an empty text."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(map(float, separated(text)))


def _ints(text: str) -> tuple[int, ...]:
    return tuple(map(int, separated(text)))


#: Decode options, and how the value of each is read.
DECODING: dict[str, Callable[[str], object]] = {
    "temperatures": _floats,
    "best_of": int,
    "patience": float,
    "compression_ratio_threshold": float,
    "logprob_threshold": float,
    "no_speech_threshold": float,
    "suppress_tokens": _ints,
}


def decoding_of(texts: Sequence[str]) -> DecodingOverrides:
    """Decode options that were given as KEY=VALUE.

    Raises:
        Failure: one is not.
    """
    values: dict[str, object] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            values[name] = DECODING[name](value)
        except (KeyError, ValueError):
            possible = ", ".join(DECODING)
            raise Failure(Exit.USAGE, f"--decoding {text}: write KEY=VALUE; keys are {possible}") from None
    return DecodingOverrides(**values)  # type: ignore[arg-type]  # read by key above


def with_decoding(options: Options, values: dict[str, object]) -> Options:
    """Options with these decode options changed."""
    return replace(options, decoding=replace(options.decoding, **values))  # type: ignore[arg-type]  # read by key above
