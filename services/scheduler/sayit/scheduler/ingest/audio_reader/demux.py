"""Any allowed media file to 16 kHz s16le, block by block, in memory that does not grow with the file.

Runs in the child process (`child.py`) only and trusts nothing in the file: no declared length,
no timestamp, no reference to anything outside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import av
import av.error
from av.stream import Discard

from sayit.scheduler.ingest.audio_reader.limits import (
    CHANNELS_CHANGED,
    CORRUPT_PACKETS,
    TRUNCATED_AUDIO,
    AudioSummary,
    MediaLimits,
)
from sayit.scheduler.ingest.audio_reader.resampler import Resampler
from sayit.scheduler.ingest.audio_reader.timeline import Timeline
from sayit.scheduler.ingest.audio_reader.truncation import declared_s, is_cut_short
from sayit.speech.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from sayit.speech.errors import ErrorKind, SayItError

#: Bytes of the longest block handed to the sink: one second of one channel.
BLOCK_BYTES = SAMPLE_RATE_HZ * SAMPLE_BYTES

#: The demuxers a file may meet. Not in the list and never tried: playlists, SDP, concat scripts, image sequences.
FORMATS = "mp3,flac,wav,w64,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac"
#: The decoders a stream may meet, also while the container is probed: a video's pictures are never decoded.
CODECS = (
    "aac,aac_fixed,aac_latm,ac3,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,eac3,flac,gsm,gsm_ms,"
    "libopencore_amrnb,libopencore_amrwb,libopus,libvorbis,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,pcm_alaw,"
    "pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s64le,pcm_s8,pcm_u8,speex,vorbis"
)
_CONTAINER_OPTIONS = {
    "format_whitelist": FORMATS,
    "codec_whitelist": CODECS,
    "protocol_whitelist": "none",
    "max_streams": "64",
    "probesize": "1048576",  # five times this by default, which a large WAV makes it read for nothing
}
#: Read errors in a row after which the rest of a file is given up.
_MAX_READ_ERRORS = 16

Sink = Callable[[bytes], None]


def read_audio(
    file: BinaryIO,
    limits: MediaLimits,
    sink: Sink,
    declared: Callable[[float], None] = lambda _: None,
    split: Callable[[int], None] | None = None,
) -> AudioSummary:
    """Decodes the best audio stream of `file`, mixed down to one channel unless it is to be split.

    Args:
        file: a seekable binary file; only its bytes are used, never its name.
        limits: what the file may cost. Time and memory are enforced from outside (`sandbox`, `pool`).
        sink: takes s16le blocks of at most BLOCK_BYTES; an error it raises ends the decoding.
        declared: takes the seconds that the file says it has, before any audio, if it says so.
        split: takes the number of channels, before any audio; blocks hold them interleaved then. It is the number of
            the stream's beginning, see `Resampler` for what changes later.

    Raises:
        SayItError: INVALID_FORMAT, NO_AUDIO_TRACK, UNSUPPORTED_AUDIO, AUDIO_TOO_LONG, or DECODING_FAILED (memory).
    """
    output = _Output(limits, sink)
    try:
        with _opened(file) as container:
            stream = _audio_stream(container)
            seconds = declared_s(container, stream)
            if seconds is not None:
                declared(seconds)
            return _read_stream(container, stream, file, limits, output, split)
    except MemoryError as error:  # Python's and FFmpeg's
        raise SayItError(ErrorKind.DECODING_FAILED, cause="out of memory") from error


def _read_stream(
    container: Any,
    stream: Any,
    file: BinaryIO,
    limits: MediaLimits,
    output: _Output,
    split: Callable[[int], None] | None,
) -> AudioSummary:
    timeline = Timeline(None if container.start_time is None else container.start_time / av.time_base)
    resampler = Resampler()
    reader = _Reader(container, stream, limits)
    tick_s = float(stream.time_base or 0)
    for frame, next_frame in _pairs(reader.frames()):
        if split is not None and reader.first is not None:
            resampler.channels = output.channels = reader.first.channels
            split(output.channels)
            split = None
        start_s, next_start_s = _start_s(frame, tick_s), _start_s(next_frame, tick_s)
        silence_s = timeline.place(start_s, frame.samples / frame.sample_rate, next_start_s)
        if silence_s:
            output.silence(silence_s)
        output.audio(resampler.convert(frame))
    output.audio(resampler.flush())
    output.finish()
    if output.samples == 0 or reader.first is None:
        raise SayItError(ErrorKind.INVALID_FORMAT, cause="no decodable audio")
    warnings = []
    damaged_end = reader.corrupt_at_end > 0
    if is_cut_short(container, stream, file, end_s=timeline.position_s, damaged_end=damaged_end):
        warnings.append(TRUNCATED_AUDIO)
    if reader.corrupt:
        warnings.append(CORRUPT_PACKETS)
    if resampler.changed:
        warnings.append(CHANNELS_CHANGED)
    return replace(reader.first, samples=output.samples, warnings=tuple(warnings))


def _opened(file: BinaryIO) -> Any:
    try:
        return av.open(
            _Nameless(file),
            mode="r",
            container_options=_CONTAINER_OPTIONS,
            metadata_errors="replace",
            io_open=_refuse,
        )
    except (av.error.FFmpegError, PermissionError, ValueError) as error:
        # FFmpeg's out-of-memory error too: here it is a header that claims more entries or streams than can be.
        raise SayItError(ErrorKind.INVALID_FORMAT, cause=str(error)) from error


def _audio_stream(container: Any) -> Any:
    stream = container.streams.best("audio")
    if stream is None:
        # av_find_best_stream passes over streams that it has no decoder or no parameters for.
        if container.streams.audio or not container.streams:
            raise SayItError(ErrorKind.INVALID_FORMAT, cause="no usable stream")
        raise SayItError(ErrorKind.NO_AUDIO_TRACK)
    context = stream.codec_context
    if context is None or context.name not in CODECS.split(","):
        raise SayItError(ErrorKind.INVALID_FORMAT, cause=f"codec {context and context.name}")
    context.thread_count = 1
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard["all"]
    return stream


def _start_s(frame: Any | None, tick_s: float) -> float | None:
    if frame is None or frame.pts is None or not tick_s:
        return None
    return float(frame.pts * tick_s)


def _pairs(frames: Iterator[Any]) -> Iterator[tuple[Any, Any | None]]:
    """Each frame with the one after it."""
    held = next(frames, None)
    while held is not None:
        following = next(frames, None)
        yield held, following
        held = following


def _refuse(url: str, _flags: int, _options: dict[str, str]) -> Any:
    """Takes the place of every open() of a demuxer: nothing outside the file is ever opened."""
    raise PermissionError(f"refused to open {url[:200]!r}")


class _Nameless:
    """A file reduced to its bytes: FFmpeg also judges by names, and PyAV takes a name where it finds one."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell

    def seek(self, offset: int, whence: int) -> int:
        """The new position, or -1 where a damaged file points before its own start."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


class _Reader:
    """Frames of one stream; what cannot be read or decoded is skipped and counted."""

    def __init__(self, container: Any, stream: Any, limits: MediaLimits) -> None:
        #: Packets and frames that were skipped before the last good one.
        self.corrupt = 0
        #: Packets and frames that were skipped since: a cut end, or data that is not audio behind it.
        self.corrupt_at_end = 0
        #: The file's own parameters, by its first frame.
        self.first: AudioSummary | None = None
        self._container = container
        self._stream = stream
        self._limits = limits

    def frames(self) -> Iterator[Any]:
        """Decoded frames whose rate and channels are within the limits."""
        for packet in self._packets():
            try:
                decoded = self._stream.codec_context.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.corrupt_at_end += 1
                continue
            for frame in decoded:
                if frame.samples > 0 and self._supported(frame):
                    yield frame

    def _packets(self) -> Iterator[Any]:
        """Packets, and a last empty one that flushes the decoder."""
        errors = 0
        while errors < _MAX_READ_ERRORS:
            try:
                for packet in self._container.demux(self._stream):
                    errors = 0
                    yield packet
                return
            except (av.error.FFmpegError, PermissionError):
                errors += 1
                self.corrupt_at_end += 1
        yield None

    def _supported(self, frame: Any) -> bool:
        """Whether a frame is within the limits; the first one decides for the file, a later stray is damage."""
        rate, channels = frame.sample_rate, frame.layout.nb_channels
        limits = self._limits
        if limits.min_rate_hz <= rate <= limits.max_rate_hz and 1 <= channels <= limits.max_channels:
            self.corrupt, self.corrupt_at_end = self.corrupt + self.corrupt_at_end, 0
            self.first = self.first or AudioSummary(
                samples=0,
                container=self._container.format.name,
                codec=self._stream.codec_context.name,
                sample_rate_hz=rate,
                channels=channels,
            )
            return True
        if self.first is None:
            raise SayItError(ErrorKind.UNSUPPORTED_AUDIO, cause=f"{rate} Hz, {channels} channels")
        self.corrupt_at_end += 1
        return False


class _Output:
    """Cuts audio into blocks, and ends the decoding where the audio exceeds the limit."""

    def __init__(self, limits: MediaLimits, sink: Sink) -> None:
        #: Samples of each channel taken so far.
        self.samples = 0
        #: Channels in the audio taken; set before any comes.
        self.channels = 1
        self._max_samples = int(limits.max_audio_s * SAMPLE_RATE_HZ)
        self._sink = sink
        self._pending = bytearray()

    def audio(self, pcm: bytes) -> None:
        """Takes s16le audio of any length."""
        self.samples += len(pcm) // (SAMPLE_BYTES * self.channels)
        if self.samples > self._max_samples:
            raise SayItError(ErrorKind.AUDIO_TOO_LONG)
        self._pending += pcm
        whole = BLOCK_BYTES - BLOCK_BYTES % (SAMPLE_BYTES * self.channels)
        while len(self._pending) >= whole:
            self._sink(bytes(self._pending[:whole]))
            del self._pending[:whole]

    def silence(self, seconds: float) -> None:
        """Takes so much silence, a block at a time."""
        left = round(seconds * SAMPLE_RATE_HZ)
        while left > 0:
            count = min(left, SAMPLE_RATE_HZ)
            self.audio(bytes(count * SAMPLE_BYTES * self.channels))
            left -= count

    def finish(self) -> None:
        """Hands over the last, shorter block."""
        if self._pending:
            self._sink(bytes(self._pending))
            self._pending.clear()
