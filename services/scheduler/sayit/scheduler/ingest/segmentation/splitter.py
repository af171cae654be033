"""The splitter: takes audio, returns chunks of at most one window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sayit.scheduler.ingest.segmentation.config import SplitConfig
from sayit.scheduler.ingest.segmentation.pauses import ShortenedPauses, deepest_dip, quiet_runs
from sayit.scheduler.ingest.segmentation.speech_spans import FRAME_SAMPLES, SpeechFinder, VoiceDetector
from sayit.scheduler.jobs.records import ReadyChunk, SampleSpan
from sayit.speech.audio import SAMPLE_BYTES, samples_of, seconds_of

#: Audio is judged in blocks of this many samples (about 1 s), whatever sizes it arrives in: so the chunks never depend
#: on how the bytes were cut into blocks.
_BLOCK = 31 * FRAME_SAMPLES
#: A pause is better the longer it is, up to this length ...
_BEST_PAUSE_S = 0.5
#: ... and this much of its length does not count per second that it lies away from where the cut is wanted.
_DISTANCE_COST = 0.05


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """A decision: the chunk [start, end), and where the next one may begin."""

    start: int
    end: int
    #: Speech before this position is done.
    cursor: int
    #: Where the next chunk begins after a hard cut; None after a soft one.
    resume: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Pause:
    """Where a chunk may end."""

    #: Its centre.
    at: int
    #: How long it is, before it was shortened.
    samples: int
    #: Samples that the chunk holds if it ends there.
    after: int


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Pending speech without a silence that would end the chunk."""

    spans: Sequence[SampleSpan]
    #: Whether its end is final.
    closed: bool


class Splitter:
    """Finds speech in a recording while it arrives and packs it into chunks.

    Neighbouring speech goes into one chunk up to its limit; the pauses between are shortened, so that windows are full
    of speech. A long silence ends a chunk and is in none. Speech that goes on beyond the limit is cut at the best pause
    before it; where there is no pause, in a short dip, and both chunks have the audio around it. At most about a minute
    of audio without its pauses is kept, however long the recording is.
    """

    def __init__(self, config: SplitConfig, detector: VoiceDetector) -> None:
        self._config = config
        self._detector = detector
        self._finder = SpeechFinder(
            threshold=config.threshold,
            neg_threshold=config.neg_threshold,
            min_speech_samples=samples_of(config.min_speech_s),
            min_silence_samples=samples_of(config.min_silence_s),
        )
        self._pad = samples_of(config.pad_s)
        self._kept_pause = samples_of(config.kept_pause_s)
        self._shortened = ShortenedPauses()
        #: Stretches of speech whose pause in front was handled.
        self._examined = 0
        self._limit = samples_of(config.max_chunk_s)
        self._pcm = bytearray()
        #: Position of the first sample in `_pcm`.
        self._base = 0
        self._speech: list[SampleSpan] = []
        #: Speech that is not in a chunk yet begins here or later in `_speech`.
        self._next_span = 0
        self._cursor = 0
        self._resume: int | None = None
        self._count = 0
        self._finished = False

    @property
    def speech(self) -> tuple[SampleSpan, ...]:
        """All speech whose end is known, without padding; complete after `finish`."""
        return tuple(self._speech)

    @property
    def total_samples(self) -> int:
        """Samples fed."""
        return self._base + len(self._pcm) // SAMPLE_BYTES

    @property
    def buffered_samples(self) -> int:
        """Samples kept now."""
        return len(self._pcm) // SAMPLE_BYTES

    def feed(self, pcm: bytes) -> list[ReadyChunk]:
        """Takes the next bytes (mono 16 kHz s16le, blocks of any size) and returns the chunks that became final."""
        ready: list[ReadyChunk] = []
        step = _BLOCK * SAMPLE_BYTES
        for offset in range(0, len(pcm), step):
            self._pcm += pcm[offset : offset + step]
            while self.total_samples - self._finder.position >= _BLOCK:
                self._judge(_BLOCK)
                ready += self._take_chunks(final=False)
        return ready

    def finish(self) -> list[ReadyChunk]:
        """The recording ended: returns the remaining chunks. Half a sample at the end is dropped."""
        if self._finished:
            return []
        self._finished = True
        self._judge(self.total_samples - self._finder.position)
        self._speech += self._finder.finish(self.total_samples)
        return self._take_chunks(final=True)

    def _judge(self, count: int) -> None:
        """Runs the detector over the next `count` samples, filled up with silence to whole frames."""
        samples = self._samples(self._finder.position, self._finder.position + count)
        padded = np.pad(samples, (0, -count % FRAME_SAMPLES))
        if len(padded):
            probabilities = self._detector.probabilities(padded)
            if not self._config.threshold:  # all audio is speech, but for silence that no microphone makes
                probabilities[~padded.reshape(-1, FRAME_SAMPLES).any(axis=1)] = -1
            self._speech += self._finder.push(probabilities.tolist())
        self._shorten_pauses()

    def _shorten_pauses(self) -> None:
        """Leaves out the middle of each pause whose end is known, if the speech before it is still to be cut."""
        known = self._speech[max(self._examined - 1, 0) :]
        if (going_on := self._finder.open_span) is not None:
            known.append(going_on)
        for before, after in pairwise(known):
            margin = self._kept_pause // 2
            if before[1] > self._cursor and after[0] - before[1] > self._kept_pause:
                self._shortened.leave_out(before[1] + margin, after[0] - margin)
        self._examined = len(self._speech) + (going_on is not None)

    def _samples(self, start: int, end: int) -> NDArray[np.int16]:
        return np.frombuffer(self._bytes(start, end), dtype="<i2")

    def _bytes(self, start: int, end: int) -> bytes:
        return bytes(self._pcm[(start - self._base) * SAMPLE_BYTES : (end - self._base) * SAMPLE_BYTES])

    def _take_chunks(self, *, final: bool) -> list[ReadyChunk]:
        ready: list[ReadyChunk] = []
        while (cut := self._next_cut(final=final)) is not None:
            ready.append(self._chunk(cut))
            self._cursor, self._resume = cut.cursor, cut.resume
            self._count += 1
        self._forget()
        return ready

    def _pending(self) -> list[SampleSpan]:
        """Speech after the cursor, with the speech that is going on."""
        while self._next_span < len(self._speech) and self._speech[self._next_span][1] <= self._cursor:
            self._next_span += 1
        spans = self._speech[self._next_span :]
        if (going_on := self._finder.open_span) is not None:
            spans.append(going_on)
        return [(max(start, self._cursor), end) for start, end in spans if end > self._cursor]

    def _group(self, pending: list[SampleSpan], *, final: bool) -> _Group:
        """The pending speech up to the first silence that ends a chunk."""
        config = self._config
        longest = samples_of(config.max_first_pause_s if self._count == 0 else config.max_pause_s)
        latest = pending[0][0] + samples_of(config.max_span_s)
        for count, (before, after) in enumerate(pairwise(pending), start=1):
            if after[0] - before[1] >= longest or after[1] > latest:
                return _Group(spans=pending[:count], closed=True)
        going_on = self._finder.possible_start
        silent_until = self._finder.position if going_on is None else going_on
        return _Group(spans=pending, closed=final or silent_until - pending[-1][1] >= longest)

    def _next_cut(self, *, final: bool) -> _Cut | None:
        """The next chunk, or None while more audio may change it."""
        pending = self._pending()
        if not pending:
            return None
        group = self._group(pending, final=final)
        if self._resume is not None and pending[0][0] - self._cursor > self._pad:
            self._resume = None
        start = self._resume if self._resume is not None else max(self._cursor, pending[0][0] - self._pad)
        end = group.spans[-1][1]
        if group.closed and self._shortened.length(start, end) <= self._limit:
            end = min(end + self._pad, self._shortened.after(start, self._limit), self.total_samples)
            return _Cut(start=start, end=end, cursor=end)
        config = self._config
        lookahead = samples_of(config.first_lookahead_s if self._count == 0 else config.lookahead_s)
        if not group.closed and self._shortened.length(start, self._finder.position) < lookahead:
            return None
        rest = self._shortened.length(start, min(end + self._pad, self.total_samples)) if group.closed else None
        pauses = self._pauses(start, group)
        for low, high, aim in self._ranges(rest):
            at = self._best_pause(pauses, low=samples_of(low), high=samples_of(high), aim=samples_of(aim))
            if at is not None:
                before = max((span[1] for span in group.spans if span[0] < at), default=at)
                return _Cut(start=start, end=min(at, before + self._pad), cursor=at)
        return self._hard_cut(start)

    def _ranges(self, rest: int | None) -> list[tuple[float, float, float]]:
        """Where a cut may lie and where it best would, in seconds from the chunk's start; by preference.

        `rest` are the samples that are left, if known: what fits two chunks is shared by them, for a full window is the
        hardest to transcribe, and a very short one the second hardest.
        """
        config, limit = self._config, self._config.max_chunk_s
        ranges: list[tuple[float, float, float]] = []
        least = 0.0 if rest is None else seconds_of(rest) - limit
        if self._count == 0:
            low, high = config.first_chunk_s
            low = max(low, least) if least < high else low
            ranges.append((low, high, high))
        if rest is not None and least < limit:
            ranges.append(
                (max(least, config.search_s), min(limit, seconds_of(rest) - config.search_s), seconds_of(rest) / 2)
            )
        ranges.append((limit - config.search_s, limit, limit))
        ranges.append((limit - config.wide_search_s, limit, limit))
        ranges.append((config.min_chunk_s, limit - config.wide_search_s, limit))
        return [(low, high, aim) for low, high, aim in ranges if low < high]

    def _pauses(self, start: int, group: _Group) -> list[_Pause]:
        """Pauses after `start`: quiet stretches, and the detector's silences, for noise that never is quiet."""
        shortened, shortest = self._shortened, samples_of(self._config.min_pause_s)
        held = shortened.pieces(start, self._limit_of(start))
        audio = np.concatenate([self._samples(first, last) for first, last in held])
        pauses = [
            _Pause(at=shortened.after(start, (low + high) // 2), samples=high - low, after=(low + high) // 2)
            for low, high in quiet_runs(audio, depth_db=self._config.pause_depth_db)
            if high - low >= shortest
        ]
        for (_, first), (last, _) in pairwise(group.spans):
            at = (first + last) // 2
            after = shortened.length(start, min(at, first + self._pad))
            pauses.append(_Pause(at=at, samples=last - first, after=after))
        return pauses

    def _limit_of(self, start: int) -> int:
        """Where a chunk that begins at `start` ends at the latest."""
        return min(self._shortened.after(start, self._limit), self.total_samples)

    @staticmethod
    def _best_pause(pauses: list[_Pause], *, low: int, high: int, aim: int) -> int | None:
        """The centre of the best pause, `low` to `high` samples into the chunk: long, of similar ones the nearest."""
        best, best_value = None, 0.0
        for pause in pauses:
            value = min(seconds_of(pause.samples), _BEST_PAUSE_S)
            value -= _DISTANCE_COST * seconds_of(abs(aim - pause.after))
            if low <= pause.after <= high and (best is None or value > best_value):
                best, best_value = pause.at, value
        return best

    def _hard_cut(self, start: int) -> _Cut:
        """Ends the chunk in the quietest dip before its limit, and begins the next one in a dip before that."""
        limit = self._shortened.after(start, samples_of(self._config.hard_chunk_s))
        low = limit - samples_of(self._config.hard_search_s)
        end = low + deepest_dip(self._samples(low, limit))
        least, most = (samples_of(seconds) for seconds in self._config.overlap_s)
        resume = end - most + deepest_dip(self._samples(end - most, end - least))
        return _Cut(start=start, end=end, cursor=end, resume=resume)

    def _chunk(self, cut: _Cut) -> ReadyChunk:
        first = max(bisect_left(self._speech, (cut.start, 0)) - 1, 0)
        spans = self._speech[first:]
        if self._finder.open_span is not None:
            spans.append(self._finder.open_span)
        inside = tuple((max(a, cut.start), min(b, cut.end)) for a, b in spans if a < cut.end and b > cut.start)
        pieces = self._shortened.pieces(cut.start, cut.end)
        return ReadyChunk(
            index=self._count,
            start_sample=cut.start,
            end_sample=cut.end,
            hard_start=self._resume is not None,
            hard_end=cut.resume is not None,
            speech=inside,
            pieces=pieces,
            pcm=b"".join(self._bytes(start, end) for start, end in pieces),
            first=self._count == 0,
        )

    def _forget(self) -> None:
        """Drops the audio that no coming chunk can have."""
        starts = [start for start, _ in self._pending()[:1]]
        if self._finder.possible_start is not None:
            starts.append(self._finder.possible_start)
        keep = max(self._cursor, min(starts, default=self._finder.position) - self._pad)
        if self._resume is not None:
            keep = min(keep, self._resume)
        if (gone := keep - self._base) > 0:
            del self._pcm[: gone * SAMPLE_BYTES]
            self._base += gone
            self._shortened.forget(self._base)
