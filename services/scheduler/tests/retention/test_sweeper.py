"""When data are deleted: not while the clock is wrong, and early where room is scarce."""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from sayit.scheduler.db.objects import Objects
from sayit.scheduler.db.stores import Stores, opened
from sayit.scheduler.db.transactions import Rules
from sayit.scheduler.dispatch.order import choose
from sayit.scheduler.jobs.records import UploadRecord
from sayit.scheduler.jobs.transcribers import TranscriberRecord
from sayit.scheduler.retention.clock import ABSENCE_S, BELIEVED_AFTER_S, LEAP_S, RetentionClock
from sayit.scheduler.retention.sweeper import Sweeper
from sayit.scheduler.rules import limits_of
from sayit.scheduler.settings import SchedulerSettings
from sayit.speech.errors import SayItError
from sayit.speech.options import LANGUAGES
from sayit.speech.presets import load_presets

DAY_S = 86_400.0


class Clocks:
    """A wall clock and a steady one."""

    def __init__(self) -> None:
        self.wall_s = time.time()
        self.steady_s = 1_000.0

    def go_on(self, seconds: float) -> None:
        """Both go on."""
        self.wall_s += seconds
        self.steady_s += seconds

    def made(self) -> RetentionClock:
        """What compares them."""
        return RetentionClock(wall_s=lambda: self.wall_s, steady_s=lambda: self.steady_s)


def test_a_leap_forward_waits_until_the_clock_is_back_or_has_stayed_for_long() -> None:
    """Nothing is deleted meanwhile; a clock that is put back, or is right after all, deletes again."""
    clocks = Clocks()
    clock = clocks.made()
    assert clock.may_delete(clocks.wall_s)
    clocks.go_on(10 * DAY_S)  # a machine that slept
    assert clock.may_delete(0.0)
    clocks.wall_s += 2 * DAY_S
    with capture_logs() as lines:
        assert not clock.may_delete(0.0)
        clocks.go_on(BELIEVED_AFTER_S / 2)
        assert not clock.may_delete(0.0)
        clocks.wall_s -= 2 * DAY_S
        assert clock.may_delete(0.0)
        clocks.wall_s += 30 * DAY_S
        assert not clock.may_delete(0.0)
        clocks.go_on(BELIEVED_AFTER_S)
        assert clock.may_delete(0.0)
        clocks.go_on(60.0)
        assert clock.may_delete(0.0)
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["clock_leapt", "clock_leapt"]


def test_small_corrections_and_leaps_back_are_no_leaps() -> None:
    """What NTP does, and a clock that was ahead and is put right, delete as before; the way there again is a leap."""
    clocks = Clocks()
    clock = clocks.made()
    assert clock.may_delete(clocks.wall_s)
    clocks.wall_s += LEAP_S / 2
    assert clock.may_delete(0.0)
    clocks.wall_s -= 2 * DAY_S
    assert clock.may_delete(0.0)
    clocks.wall_s += 2 * DAY_S
    assert not clock.may_delete(0.0)


def test_a_start_with_a_wrong_clock_is_a_leap() -> None:
    """After a long absence, as the database sees it, the clock gets time to be put right; after a night it does not."""
    clocks = Clocks()
    assert clocks.made().may_delete(clocks.wall_s - ABSENCE_S / 2)
    assert clocks.made().may_delete(0.0)  # a new database
    late = clocks.made()
    assert not late.may_delete(clocks.wall_s - 365 * DAY_S)
    clocks.wall_s -= 365 * DAY_S
    assert late.may_delete(0.0)


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[Stores]:
    """An empty database."""
    async with opened(database_url, Rules(result_ttl_s=60.0, choose=choose)) as made:
        yield made


async def nothing(*_: object) -> None:
    """What is not looked at here."""


def sweeping(stores: Stores, folder: Path, clocks: Clocks) -> Sweeper:
    """A sweeper with these clocks."""
    return Sweeper(
        stores=stores,
        objects=Objects(f"file://{folder}", scratch=folder),
        limits=limits_of(SchedulerSettings(), load_presets(LANGUAGES, None), 1.0),
        free_claims=nothing,
        give_up_redecodes=nothing,
        stop=lambda _: None,
        clock=clocks.made(),
    )


async def upload(stores: Stores, name: str, created_s: float) -> None:
    """An upload without a job, which expires after a day."""
    await stores.uploads.create_upload(
        UploadRecord(
            id=name,
            tenant="t",
            key_id="k",
            filename="f",
            size=None,
            received=0,
            created_s=created_s,
            expires_s=created_s + DAY_S,
        )
    )


async def test_nothing_expires_while_the_clock_is_wrong(stores: Stores, tmp_path: Path) -> None:
    """What looks expired to a clock that leapt stays; when the clock is right again, what is expired goes."""
    clocks = Clocks()
    sweeper = sweeping(stores, tmp_path, clocks)
    await upload(stores, "u", clocks.wall_s)
    seen = {"seen_s": clocks.wall_s, "audio_s": 0.0, "compute_s": 0.0}
    await stores.transcribers.report(TranscriberRecord(id="t1", model="m", slots=1, busy=0, draining=False, **seen))
    await sweeper.expire()
    clocks.wall_s += 30 * DAY_S
    await sweeper.expire()
    assert await stores.uploads.get_upload("t", "u")
    clocks.wall_s -= 30 * DAY_S
    clocks.go_on(2 * DAY_S)
    await sweeper.expire()
    with pytest.raises(SayItError):
        await stores.uploads.get_upload("t", "u")


async def test_where_room_is_scarce_uploads_without_a_job_go_early(
    stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything has to be refused; an upload that may still be arriving stays."""
    clocks = Clocks()
    sweeper = sweeping(stores, tmp_path, clocks)
    await upload(stores, "old", clocks.wall_s - 7200)
    await upload(stores, "young", clocks.wall_s - 600)
    for free_mb, left in ((401, 2), (399, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free_mb=free_mb: SimpleNamespace(free=free_mb * 10**6))
        await sweeper.make_room()
        assert await stores.uploads.unused("t") == left
    assert (await stores.uploads.get_upload("t", "young")).id == "young"
