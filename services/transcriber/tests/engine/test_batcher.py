"""Which call comes next, who may use the model, and what calls cost: without a model."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sayit.transcriber.engine.admission import EngineSlots
from sayit.transcriber.engine.batcher import BatchLimits, next_call
from sayit.transcriber.engine.cost_model import CostModel
from sayit.transcriber.engine.decode_session import Step
from sayit.transcriber.engine.fallback import FallbackStep
from sayit.transcriber.engine.request import EngineRequest, Lane

BOUNDS = BatchLimits(batch=4, call_s=5.0, bulk_call_s=20.0)


def asked(*, width=1, max_tokens=100, length=3, temperature=0.0, padded_frames=3000):
    """What a window asks of the decoder."""
    return FallbackStep(
        prompt=(1,) * length,
        temperature=temperature,
        beam_size=width,
        patience=1.0,
        best_of=2,
        max_new_tokens=max_tokens,
        padded_frames=padded_frames,
    )


def chunk(step=Step.DECODE, since_s=0.0, *, lane=Lane.BULK, singly=False, alone=False, **asks):
    """A prepared chunk that wants this."""
    fallback_step = asked(**asks)
    return EngineRequest(
        session=SimpleNamespace(step=step, since_s=since_s, fallback_step=fallback_step),
        lane=lane,
        alone=alone,
        on_turn=print,
        on_window=print,
        give_up=print,
        prepared=True,
        singly=singly,
    )


def plan(*table, cost=None, brief=False, bulk_first=False):
    """The next call: its step and the places of its chunks on the table."""
    call = next_call(table, bounds=BOUNDS, cost=cost or CostModel(), brief=brief, bulk_first=bulk_first)
    return call and (call.step, [table.index(each) for each in call.chunks])


def costly(window_s=2.0):
    """A model whose decoder takes so long for each window."""
    cost = CostModel()
    for windows in (1, 2, 4):
        cost.decoded(windows * window_s, asked(), windows=windows, tokens=100)
    return cost


def test_nothing_to_do():
    """Chunks that are ready for nothing ask for no call."""
    assert plan() is None
    assert plan(chunk(step=None)) is None


def test_one_chunk_waits_for_nobody():
    """A chunk alone is encoded, decoded and aligned at once, whatever the batch may hold."""
    for step in Step:
        assert plan(chunk(step)) == (step, [0])


def test_bulk_windows_are_encoded_one_by_one_and_decoded_together():
    """Encoding fills the batch, oldest first; then one call decodes all of it, and no more than it holds."""
    assert plan(chunk(), chunk(Step.ENCODE, 2), chunk(Step.ENCODE, 1)) == (Step.ENCODE, [2])
    assert plan(*[chunk()] * 1, chunk(), chunk(), chunk(), chunk(Step.ENCODE))[0] is Step.DECODE
    step, members = plan(*(chunk(since_s=number) for number in range(6)))
    assert (step, members) == (Step.DECODE, [0, 1, 2, 3])


def test_words_come_before_other_windows():
    """Alignment is short and lets a chunk go."""
    assert plan(chunk(Step.ENCODE), chunk(), chunk(Step.ALIGN, 9)) == (Step.ALIGN, [2])


@pytest.mark.parametrize("other", [{"length": 4}, {"temperature": 0.2}, {"padded_frames": 800}, {"singly": True}])
def test_what_cannot_share_a_call_does_not_block(other):
    """Prompts of another length, samples and suspects are decoded in calls of their own, by age."""
    table = [chunk(since_s=1), chunk(since_s=2, **other), chunk(since_s=3), chunk(since_s=4)]
    assert plan(*table) == (Step.DECODE, [0, 2, 3])
    table[1].session.since_s = 0
    assert plan(*table) == (Step.DECODE, [1])


def test_interactive_goes_first_and_takes_bulk_along():
    """An interactive window is encoded and decoded before any bulk one; bulk ones that are encoded share its call."""
    bulk = [chunk(since_s=0), chunk(Step.ENCODE, 0)]
    assert plan(*bulk, chunk(Step.ENCODE, 9, lane=Lane.INTERACTIVE), brief=True) == (Step.ENCODE, [2])
    assert plan(*bulk, chunk(since_s=9, lane=Lane.INTERACTIVE), brief=True) == (Step.DECODE, [2, 0])


def test_live_speech_goes_first_and_alone():
    """Final text before interim, both before all other work, and no bulk window shares the call."""
    others = [chunk(since_s=0), chunk(since_s=1, lane=Lane.INTERACTIVE)]
    interim, final = chunk(since_s=5, lane=Lane.INTERIM), chunk(Step.ENCODE, 9, lane=Lane.FINAL)
    assert plan(*others, interim, final, bulk_first=True) == (Step.ENCODE, [3])
    assert plan(*others, interim, bulk_first=True) == (Step.DECODE, [2])
    assert plan(*others, interim, chunk(since_s=6, lane=Lane.INTERIM)) == (Step.DECODE, [2, 3])
    assert plan(interim, chunk(Step.ENCODE, 1, lane=Lane.INTERIM)) == (Step.DECODE, [0]), "it waits for no other"


def test_two_interactive_chunks_do_not_wait_for_each_other_but_a_backlog_is_batched():
    """The second one's encoding does not delay the first one's text, unless many wait."""
    first, second, third = (
        chunk(lane=Lane.INTERACTIVE),
        *(chunk(Step.ENCODE, 1, lane=Lane.INTERACTIVE) for _ in range(2)),
    )
    assert plan(first, second) == (Step.DECODE, [0])
    assert plan(first, second, third)[0] is Step.ENCODE


def test_a_call_that_others_wait_for_is_short():
    """At 2 s a window two fit into 5 s; without interactive work about, the whole batch fits into 20 s."""
    table = [chunk(since_s=number) for number in range(4)]
    assert plan(*table, cost=costly(), brief=True) == (Step.DECODE, [0, 1])
    assert plan(*table, cost=costly(), brief=False) == (Step.DECODE, [0, 1, 2, 3])
    table[0].lane = Lane.INTERACTIVE
    assert len(plan(*table, cost=costly())[1]) == 2
    assert len(plan(*table, cost=costly(30.0))[1]) == 1, "one window is decoded however long it takes"


def test_bulk_has_its_turn():
    """Bulk work that was passed over for long leads a call, if it has anything to do."""
    table = [chunk(lane=Lane.INTERACTIVE), chunk(Step.ENCODE, 5)]
    assert plan(*table, bulk_first=True) == (Step.ENCODE, [1])
    assert plan(table[0], bulk_first=True) == (Step.DECODE, [0])


def test_the_cost_model_finds_what_was_measured():
    """Three parts (step, row, window by its length) are told apart; texts are assumed to be as long as seen."""
    cost = CostModel()
    for windows, width, tokens, frames in [
        (1, 1, 10, 3000),
        (8, 5, 40, 3000),
        (4, 5, 100, 1500),
        (8, 1, 100, 3000),
        (2, 3, 20, 1500),
    ]:
        seconds = 0.01 * tokens + 0.001 * tokens * windows * width + 0.3 * windows * frames / 3000
        cost.decoded(seconds, asked(width=width, padded_frames=frames), windows=windows, tokens=tokens)
    expected = 0.01 * 50 + 0.001 * 50 * 6 * 5 + 0.3 * 6
    step = asked(width=5, max_tokens=50)
    assert cost.decode_s(step, windows=6) == pytest.approx(expected, rel=0.05)
    assert cost.decode_s(replace(step, padded_frames=1500), windows=6) == pytest.approx(expected - 0.9, rel=0.05)
    assert cost.most_windows(expected, step, at_most=8) in {5, 6}


def test_the_cost_model_never_promises_negative_time():
    """Contradicting measurements give no negative cost, and a machine that becomes slower is noticed."""
    cost, step = CostModel(), asked(width=5, max_tokens=30)
    assert cost.decode_s(step, windows=8) == 0
    for windows, seconds in [(8, 0.1), (1, 3.0), (4, 0.2), (1, 2.0)]:
        cost.decoded(seconds, step, windows=windows, tokens=30)
        steps = (replace(step, max_new_tokens=tokens) for tokens in (1, 224))
        assert all(cost.decode_s(each, windows=n) >= 0 for each in steps for n in range(1, 9))
    for _ in range(60):
        cost.decoded(8.0, step, windows=8, tokens=30)
    assert cost.decode_s(step, windows=8) == pytest.approx(8.0, rel=0.1)


def _seated(table, *chunks):
    for each in chunks:
        table.arrive(each)
    return table.admit()


def test_places_per_lane():
    """Bulk chunks fill their places in order; interactive ones have places of their own and sit down first."""
    table = EngineSlots(2)
    bulk, interactive = [chunk() for _ in range(3)], chunk(lane=Lane.INTERACTIVE)
    assert _seated(table, *bulk, interactive) == [interactive, *bulk[:2]]
    table.leave(bulk[0])
    assert table.admit() == [bulk[2]]
    assert len(table.held) == 3


def test_who_must_be_alone_is_alone():
    """It sits down when the others have left, nobody joins it, and nobody overtakes it meanwhile."""
    table = EngineSlots(4)
    first, suspect, later = chunk(), chunk(alone=True), chunk()
    assert _seated(table, first, suspect, later) == [first]
    table.leave(first)
    assert table.admit() == [suspect]
    assert _seated(table, chunk(lane=Lane.INTERACTIVE)) == []
    table.leave(suspect)
    assert later in table.admit()


def test_chunks_without_features_do_not_hold_places():
    """Who is not prepared is passed over, and is what is prepared next, interactive ones first."""
    table = EngineSlots(1)
    first, second = chunk(), chunk(lane=Lane.INTERACTIVE)
    first.prepared = second.prepared = False
    third = chunk()
    assert _seated(table, first, second, third) == [third]
    assert table.unprepared() is second
