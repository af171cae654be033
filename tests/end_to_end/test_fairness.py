"""Files share the transcribers: shown with a model of Whisper Base's shape, for the bundled one is done too soon."""

from __future__ import annotations

import threading
from pathlib import Path

from benchmarks.small_shaped import Shape, build
from sayit.client import Client
from sayit.speech.options import Options

from .helper import RECORDINGS, repeated, running_suite

#: No words come out of random weights; a few tokens are enough to keep an engine busy.
FEW_TOKENS = Options(language="ko", temperature=0.0, beam_size=1, max_tokens_per_window=4)


def test_a_short_file_does_not_wait_for_a_long_one(tmp_path: Path) -> None:
    """A 10 s file sent while a 10 min file runs is done while the long one has done a few chunks more."""
    model = tmp_path / "base-shaped"
    build(model, Shape(width=512, layers=6, heads=8))
    with running_suite(tmp_path, "--model", str(model), SAYIT_BATCH="2") as suite, Client(suite.address) as client:
        long = client.create_job(repeated("ko-150s", 4), options=FEW_TOKENS)
        second = client.create_job(repeated("en-90s", 3), options=FEW_TOKENS)
        while client.get(long.id).progress.chunks_done < 2:
            threading.Event().wait(0.1)
        before = client.get(long.id).progress.chunks_done + client.get(second.id).progress.chunks_done
        client.transcribe(RECORDINGS / "ko-8s.flac", options=FEW_TOKENS)
        first_after, second_after = client.get(long.id), client.get(second.id)
        between = first_after.progress.chunks_done + second_after.progress.chunks_done - before
        # Two transcribers: each finishes what it has, one takes the short file, the other goes on.
        assert between <= 6
        assert not first_after.state.terminal
        # The second long file shares with the first instead of waiting behind it.
        while client.get(second.id).progress.chunks_done < 1:
            assert not client.get(long.id).state.terminal
            threading.Event().wait(0.1)
        for job in (long, second):
            client.cancel(job.id)
