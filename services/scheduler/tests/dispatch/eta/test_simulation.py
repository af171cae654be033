"""When jobs are going to end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sayit.scheduler.dispatch.eta.simulation import Worker, ends, preparing_s, redecoding_s
from sayit.scheduler.dispatch.order import cost
from sayit.scheduler.jobs.records import JobRecord
from sayit.scheduler.jobs.transcribers import Backlog, RunningChunk, UncutRecording, WaitingChunks
from sayit.speech.jobs import JobState
from sayit.speech.options import Options

#: Samples of a chunk, and what it costs.
CHUNK = 26 * 16_000
COST = cost(1, CHUNK)


def workers(count: int, places: int, *, done: float = 0.0) -> list[Worker]:
    """Transcribers that take 10 s for a chunk; `done` chunks of its round are done by the first of them."""
    return [
        Worker(
            id=f"t{number}",
            cost_per_s=COST / 10,
            batch=places,
            slots=places + 2,
            done=0.0 if number else done * COST,
        )
        for number in range(count)
    ]


def waits(job: str, due: int, *, held: int = 0, tenant: str = "a", interactive: bool = False) -> WaitingChunks:
    """Full chunks of a job."""
    return WaitingChunks(
        tenant=tenant,
        job_id=job,
        interactive=interactive,
        due_chunks=due,
        due_samples=due * CHUNK,
        due_s=1.0 if due else 0.0,
        held_chunks=held,
        held_samples=held * CHUNK,
    )


def runs(job: str, transcriber: str = "t0", *, started_s: float = 0.0, interactive: bool = False) -> RunningChunk:
    """A full chunk that a transcriber holds."""
    return RunningChunk(
        job_id=job, interactive=interactive, samples=CHUNK, transcriber_id=transcriber, started_s=started_s
    )


def forecast(
    able: list[Worker],
    *waiting: WaitingChunks,
    running: tuple[RunningChunk, ...] = (),
    uncut: tuple[UncutRecording, ...] = (),
) -> dict[str, float]:
    """Seconds by job."""
    backlog = Backlog(waiting=waiting, running=running, uncut=uncut)
    found = ends(backlog, able, limit=sum(each.slots for each in able) + 2)
    assert found is not None
    return found


def test_without_a_measured_speed_nothing_is_promised() -> None:
    """No transcriber, or none that ever finished a chunk; an empty backlog is done."""
    backlog = Backlog(waiting=[waits("j", 1)], running=[])
    assert ends(backlog, [], limit=2) is None
    assert ends(backlog, [Worker(id="t", cost_per_s=0.0, batch=1, slots=3)], limit=5) is None
    assert forecast(workers(1, 1)) == {}


def test_transcribers_divide_the_work_in_whole_chunks() -> None:
    """Eight chunks on two transcribers take four rounds; seven take as long, for a chunk is not divided."""
    assert forecast(workers(2, 1), waits("j", 8))["j"] == pytest.approx(40.0)
    assert forecast(workers(2, 1), waits("j", 7))["j"] == pytest.approx(40.0)
    assert forecast(workers(2, 1), waits("j", 1))["j"] == pytest.approx(10.0)


def test_what_is_decoded_together_ends_together() -> None:
    """A job with one chunk in a full round waits for all of it, whoever the others belong to."""
    full = [runs("j"), *(runs("other") for _ in range(7))]
    found = forecast(workers(1, 8), waits("j", 0, held=1), waits("other", 0, held=7), running=tuple(full))
    assert found == {"j": pytest.approx(80.0), "other": pytest.approx(80.0)}


def test_a_round_that_has_begun_is_shorter_but_never_over() -> None:
    """What is done of it counts; however long it takes, something is left of it."""
    full = tuple(runs("j") for _ in range(4))
    assert forecast(workers(1, 4, done=3.0), waits("j", 0, held=4), running=full)["j"] == pytest.approx(10.0)
    late = forecast(workers(1, 4, done=99.0), waits("j", 0, held=4), running=full)["j"]
    assert 0 < late < 10


def test_jobs_and_tenants_share_evenly() -> None:
    """Of two jobs the shorter one ends after twice its own work; another tenant counts as one, whatever it has."""
    found = forecast(workers(1, 1), waits("short", 8), waits("long", 80))
    assert found["short"] == pytest.approx(160.0, abs=30)
    assert found["long"] == pytest.approx(880.0)
    crowd = [waits(f"k{number}", 20, tenant="b") for number in range(5)]
    assert forecast(workers(1, 1), waits("j", 8), *crowd)["j"] == pytest.approx(160.0, abs=30)


def test_interactive_work_goes_first_and_by_itself() -> None:
    """A short file waits for no bulk round, and a long recording waits for all short files."""
    held = tuple(runs("long") for _ in range(4))
    found = forecast(workers(1, 4), waits("long", 0, held=4), waits("short", 1, interactive=True), running=held)
    assert found == {"short": pytest.approx(10.0), "long": pytest.approx(50.0)}


def test_what_is_not_cut_yet_is_work_as_well() -> None:
    """A recording's rest counts for itself and, in its share, for others."""
    rest = UncutRecording(job_id="long", tenant="a", samples=6 * CHUNK)
    found = forecast(workers(1, 1), waits("long", 2), waits("other", 4), uncut=(rest,))
    assert found["long"] == pytest.approx(120.0)
    assert found["other"] == pytest.approx(80.0, abs=25)
    alone = forecast(workers(1, 1), waits("other", 4))["other"]
    assert alone == pytest.approx(40.0)


def test_a_long_backlog_is_played_in_larger_pieces() -> None:
    """Of two thousand jobs with sixty thousand chunks the last ends when all the work is done."""
    many = [waits(f"j{number}", 30, tenant=f"t{number % 7}") for number in range(2000)]
    found = forecast(workers(8, 8), *many)
    assert max(found.values()) == pytest.approx(2000 * 30 * 10 / 8, rel=0.05)


def _job(**fields: Any) -> JobRecord:
    names = {"id": "j", "tenant": "a", "key_id": "k", "upload_id": "u", "filename": "f", "model": "m"}
    return JobRecord(**{**names, "options": Options(), "idempotency_key": "", "created_s": 0.0, **fields})


def test_nothing_ends_before_it_is_decoded() -> None:
    """Half of a recording took a minute since its first chunk, so the other half takes one; with all cut, nothing."""
    job = _job(state=JobState.PREPARING, started_s=40.0, samples_declared=8 * CHUNK, samples_scanned=4 * CHUNK)
    assert preparing_s(job, 100.0) == pytest.approx(60.0)


def test_re_decodes_are_work_before_they_are_chosen() -> None:
    """So that the estimate does not jump when the last chunk is done; a recording of one chunk seldom has any."""
    job = _job(state=JobState.RUNNING, samples_chunked=8 * CHUNK, chunks_total=8)
    assert redecoding_s(job, workers(2, 4), 0.25) == pytest.approx(10.0)
    assert redecoding_s(replace(job, state=JobState.MERGING), workers(2, 4), 0.25) == 0.0
    assert redecoding_s(replace(job, samples_chunked=CHUNK, chunks_total=1), workers(2, 4), 0.25) == 0.0
    assert redecoding_s(job, [], 0.25) == 0.0
