"""Frames of any rate, layout and sample format to 16 kHz s16, mixed down or with their channels side by side."""

from __future__ import annotations

from array import array
from typing import Any

import av
import av.error
import av.filter

from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ


class Resampler:
    """A resampler whose input may change on the way.

    It is the filter chain of PyAV's AudioResampler, bit for bit, without that class's worker threads: they count
    against the child's address space and make it slower.

    Args:
        channels: how many come out, interleaved: those of the input. Input with another number of channels is mixed
            into the first one, and the others are silent for so long. 0 and 1 mix whatever comes into one.
    """

    def __init__(self, channels: int = 0) -> None:
        self.channels = channels
        #: Whether what is mixed goes into all channels, because they will be mixed themselves.
        self.alike = False
        #: Whether input with another number of channels was among it, where they are kept apart.
        self.changed = False
        self._graph: Any = None  # its filters do not keep it alive
        self._input: Any = None
        self._output: Any = None
        self._form: tuple[Any, ...] = ()
        self._kept = False

    def convert(self, frame: Any) -> bytes:
        """The frame's audio, less what the filter holds back."""
        form = (frame.sample_rate, frame.format.name, frame.layout.name)
        tail = b""
        if form != self._form:
            tail = self.flush()
            self._kept = self.channels == frame.layout.nb_channels
            self.changed |= bool(self.channels) and not self._kept
            self._build(*form)
        frame.pts = None  # the timeline has used it; the filter fails on broken ones
        self._input.push(frame)
        return tail + (self._next() or b"")  # never more than one comes out; `flush` takes all

    def flush(self) -> bytes:
        """What the filter held back."""
        if self._input is None:
            return b""
        self._input.push(None)
        rest = b"".join(iter(self._next, None))
        self._graph = self._input = self._output = None
        self._form = ()
        return rest

    def _build(self, rate_hz: int, sample_format: str, layout: str) -> None:
        self._graph = graph = av.filter.Graph()
        graph.threads = 1
        self._input = graph.add(
            "abuffer",
            sample_rate=str(rate_hz),
            sample_fmt=sample_format,
            channel_layout=layout,
            time_base=f"1/{rate_hz}",
        )
        layouts = {} if self._kept else {"channel_layouts": "mono"}
        form = graph.add("aformat", sample_rates=str(SAMPLE_RATE_HZ), sample_fmts="s16", **layouts)
        self._output = graph.add("abuffersink")
        self._input.link_to(form)
        form.link_to(self._output)
        graph.configure()
        self._form = (rate_hz, sample_format, layout)

    def _next(self) -> bytes | None:
        """The samples of the next frame that has come out, without the padding of its plane; None if there is none."""
        try:
            frame = self._output.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return None
        if self._kept:
            return bytes(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES * self.channels])
        mono = bytes(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES])
        return mono if self.channels < 2 else self._spread(mono)

    def _spread(self, mono: bytes) -> bytes:
        """One channel's samples as the first of several, or as all of them."""
        samples = array("h", bytes(len(mono) * self.channels))
        for place in range(self.channels if self.alike else 1):
            samples[place :: self.channels] = array("h", mono)
        return samples.tobytes()
