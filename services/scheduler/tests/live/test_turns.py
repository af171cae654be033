"""Where utterances begin, pause and end."""

from __future__ import annotations

import numpy as np
import pytest

from sayit.scheduler.live.turns import FRAME, TurnConfig, TurnKind, Turns
from sayit.speech.live import UtteranceEnd

BEGINS, PAUSES, GOES_ON = TurnKind.BEGINS, TurnKind.PAUSES, TurnKind.GOES_ON
ENDS, IS_CUT = TurnKind.ENDS, TurnKind.IS_CUT


def heard(*stretches: tuple[float, int], given_until: int = 0, **config: float) -> list[tuple[TurnKind, int]]:
    """What happens in stretches of a probability and a number of frames; where, in frames."""
    probabilities = np.concatenate([np.full(count, p, np.float32) for p, count in stretches])
    turns = Turns(lambda samples: probabilities[: len(samples) // FRAME], TurnConfig(**config))  # type: ignore[arg-type]
    turns.given_until = given_until
    levels = np.repeat((probabilities * 1000).astype(np.int16), FRAME)
    return [(turn.kind, turn.at_sample // FRAME) for turn in turns.feed(levels)]


def test_speech_begins_pauses_goes_on_and_ends() -> None:
    """0.2 s of silence are a pause, and `silence_s` the end, which is where the voice fell silent."""
    found = heard((0, 10), (1, 20), (0, 8), (1, 20), (0, 20), silence_s=0.5)
    assert found == [(BEGINS, 10), (PAUSES, 30), (GOES_ON, 38), (PAUSES, 58), (ENDS, 58)]


def test_clicks_and_doubtful_frames_are_nothing() -> None:
    """Under 0.09 s of voice there is no speech; a probability between both thresholds neither begins nor ends it."""
    assert heard((0, 10), (1, 2), (0, 30)) == []
    assert heard((0.4, 30)) == []
    assert heard((1, 10), (0.4, 60)) == [(BEGINS, 0)]


def test_the_threshold_is_the_client_s() -> None:
    """Noise of a probability below it is none."""
    assert heard((0.6, 30), threshold=0.7) == []
    assert heard((0.2, 30), threshold=0.1) == [(BEGINS, 0)]


@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.2])
def test_an_utterance_ends_whatever_the_threshold(threshold: float) -> None:
    """A low one leaves room below it for silence."""
    assert heard((0.5, 30), (0.01, 40), threshold=threshold, silence_s=0.5)[-1] == (ENDS, 30)


@pytest.mark.parametrize(("frames", "ends"), [(460, []), (470, [(ENDS, 470)])])
def test_a_long_utterance_ends_at_a_pause(frames: int, ends: list[tuple[TurnKind, int]]) -> None:
    """From 15 s on 0.2 s are enough, whatever silence is asked for."""
    found = heard((1, frames), (0, 7), (1, 5), silence_s=3.0)
    assert [turn for turn in found if turn[0] is ENDS] == ends


def test_an_end_says_whether_it_was_the_pause_that_was_asked_for() -> None:
    """One that ends at a shorter pause, or within speech, grew long; a commit says so itself."""

    def ends(*stretches: tuple[float, int], **config: float) -> list[UtteranceEnd]:
        probabilities = np.concatenate([np.full(count, p, np.float32) for p, count in stretches])
        turns = Turns(lambda samples: probabilities[: len(samples) // FRAME], TurnConfig(**config))  # type: ignore[arg-type]
        found = [*turns.feed(np.zeros(len(probabilities) * FRAME, np.int16)), turns.end(UtteranceEnd.COMMIT)]
        return [turn.by for turn in found if turn is not None and turn.kind in {ENDS, IS_CUT}]

    pause, length, commit = UtteranceEnd.PAUSE, UtteranceEnd.LENGTH, UtteranceEnd.COMMIT
    assert ends((1, 20), (0, 20), (1, 20), silence_s=0.5) == [pause, commit]
    assert ends((1, 480), (0, 20), silence_s=0.5) == [length]
    assert ends((1, 480), (0, 20), silence_s=0.2) == [pause]
    assert ends((1, 800), silence_s=0.5) == [length, commit]
    assert ends((1, 480), (0, 20), off=True) == [length]


def test_a_longer_one_at_two_quiet_frames() -> None:
    """From 20 s on."""
    assert (ENDS, 640) in heard((1, 640), (0, 2), (1, 5), silence_s=3.0)


def test_the_longest_is_cut_where_it_is_quietest() -> None:
    """At 24 s, within the last four, and behind what was given out; the next one begins there."""
    quiet = ((1, 660), (0.5, 1), (1, 60), (0.6, 1), (1, 60))
    assert heard(*quiet)[1:3] == [(IS_CUT, 660), (BEGINS, 660)]
    assert heard(*quiet, given_until=700 * FRAME)[1:3] == [(IS_CUT, 721), (BEGINS, 721)]
    assert heard((1, 760), given_until=740 * FRAME)[1:3] == [(IS_CUT, 749), (BEGINS, 749)]


def test_without_turn_detection_pauses_end_nothing() -> None:
    """But those of a long utterance."""
    found = heard((1, 20), (0, 60), (1, 20), (0, 700), off=True)
    assert [kind for kind, _ in found] == [BEGINS, PAUSES, GOES_ON, PAUSES, ENDS]
