"""Options that are text on the command line."""

from __future__ import annotations

import pytest

from sayit.cli.commands.arguments import TextOptions
from sayit.cli.exit_codes import Failure
from sayit.cli.overrides import DECODE_READERS, separated
from sayit.speech.options import DecodingOverrides


def decoding_of(*texts: str) -> DecodingOverrides:
    """What a command makes of these values of `--decoding`."""
    return TextOptions(decoding=list(texts)).options().decoding


def test_lists() -> None:
    """Commas separate; white space and empty parts say nothing."""
    assert separated(" ko, en,,") == ("ko", "en")
    assert separated("") == ()


def test_every_decode_option_can_be_given() -> None:
    """Each key is a field, the last one given wins."""
    assert set(DECODE_READERS) == set(DecodingOverrides.__dataclass_fields__)
    given = decoding_of("temperatures=0,0.4", "best_of=2", "suppress_tokens=7, 8", "patience=1.5", "best_of=3")
    assert given == DecodingOverrides(temperatures=(0.0, 0.4), best_of=3, suppress_tokens=(7, 8), patience=1.5)
    assert decoding_of() == DecodingOverrides()


@pytest.mark.parametrize("text", ["", "best_of", "best_of=", "best_of=2.5", "temperatures=0;1", "beam_size=3", "=1"])
def test_what_is_none_is_refused(text: str) -> None:
    """The error shows what was given, and the keys there are."""
    with pytest.raises(Failure) as caught:
        decoding_of(text)
    assert f"--decoding {text}: write KEY=VALUE" in str(caught.value)
