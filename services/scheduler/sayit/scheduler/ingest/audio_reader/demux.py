"""Any allowed media file to 16 kHz s16le, block by block, in memory that does not grow with the file.

Runs in the child process (`child.py`) only and trusts nothing in the file: no declared length,
no timestamp, no reference to anything outside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import av
import av.error
from av.stream import Discard

from sayit.scheduler.ingest.audio_reader import tracks
from sayit.scheduler.ingest.audio_reader.blocks import BLOCK_BYTES, Begin, Blocks, Sink
from sayit.scheduler.ingest.audio_reader.limits import (
    CHANNELS_CHANGED,
    CORRUPT_PACKETS,
    OTHER_TRACK,
    TRACKS_LEFT_OUT,
    TRUNCATED_AUDIO,
    UNREAD_DATA,
    AudioSummary,
    MediaLimits,
)
from sayit.scheduler.ingest.audio_reader.parts import EmptyChunks, FilePart, PartFile, parts_of
from sayit.scheduler.ingest.audio_reader.resampler import Resampler
from sayit.scheduler.ingest.audio_reader.timeline import Timeline
from sayit.scheduler.ingest.audio_reader.truncation import declared_s, is_cut_short
from sayit.speech.errors import ErrorKind, SayItError

#: The demuxers a file may meet. Not in the list and never tried: playlists, SDP, concat scripts, image sequences.
FORMATS = "mp3,flac,wav,w64,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,amr,asf,au,avi,caf,flv,mpeg,mpegts"
#: The decoders a stream may meet, also while the container is probed: a video's pictures are never decoded.
CODECS = (
    "aac,aac_fixed,aac_latm,ac3,adpcm_g722,adpcm_g726,adpcm_g726le,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,alac,"
    "amrnb,amrwb,dca,eac3,flac,g722,g726,g726le,gsm,gsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libvorbis,mlp,"
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s64le,pcm_s8,pcm_u8,speex,"
    "truehd,vorbis,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
_DECODERS = frozenset(CODECS.split(","))
_CONTAINER_OPTIONS = {
    "format_whitelist": FORMATS,
    "codec_whitelist": CODECS,
    "protocol_whitelist": "none",
    "max_streams": "64",
    "probesize": "1048576",  # five times this by default, which a large WAV makes it read for nothing
}
#: Of live audio: only what browsers and phones send is taken.
_LIVE_OPTIONS = {"format_whitelist": "ogg,matroska,webm", "codec_whitelist": "opus,libopus", "probesize": "65536"}
#: How it begins; FFmpeg would wait for more of anything else.
_LIVE_BEGINNINGS = (b"OggS", b"\x1a\x45\xdf\xa3")
#: Bytes that are read of it at once, at most.
_LIVE_BYTES = 4_096
#: How files begin whose container is one of these, whatever is wrong with the rest.
_BEGINNINGS = (
    *(b"riff", b"RF64", b"fLaC", b"OggS", b"ID3", b"\x1a\x45\xdf\xa3", b"caff", b".snd", b"#!AMR"),
    *(b"FLV\x01", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x00\x00\x01\xba"),
)
#: The same for chunked files, by the first and third four bytes; MP4 has it in the second.
_CHUNKED = frozenset({b"RIFFWAVE", b"RIFFAVI ", b"FORMAIFF", b"FORMAIFC"})
#: Containers whose times count from zero, so that sound may begin later than the file. Others count from wherever
#: their recorder was, or from the first thing in them.
_FROM_ZERO = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
#: A WAV can hold AAC as an MP4 does, and says nowhere how long its packets are. AAC with headers (ADTS) is read.
_WITHOUT_LENGTHS = ("wav", "aac")
#: Containers of sound alone, which are read to their end.
_SOUND_ALONE = frozenset({"aiff", "au", "caf", "w64", "wav"})
#: Bytes that such a container may leave unread: tags, padding.
_UNREAD_BYTES = 65_536
#: Read errors in a row after which the rest of a file is given up.
_MAX_READ_ERRORS = 16


def read_audio(
    file: BinaryIO,
    limits: MediaLimits,
    sink: Sink,
    begin: Begin = lambda _declared_s, _channels: None,
    *,
    split: bool = False,
) -> AudioSummary:
    """Decodes an audio track of `file`, the one with speech if there are several, and all containers joined in it.

    Blocks hold one channel, or the channels of the track's beginning side by side (see `Resampler` for what changes
    later) where they are to be split or are two: how these are mixed is up to the caller.

    Args:
        file: a seekable binary file; only its bytes are used, never its name.
        limits: what the file may cost. Time and memory are enforced from outside (`sandbox`, `pool`).
        sink: takes s16le blocks of at most BLOCK_BYTES; an error it raises ends the decoding.
        begin: see `Begin`.
        split: whether more than two channels are kept apart.

    Raises:
        SayItError: INVALID_FORMAT, UNSUPPORTED_CODEC, DAMAGED_FILE, NO_AUDIO_TRACK, UNSUPPORTED_AUDIO, AUDIO_TOO_LONG,
            or DECODING_FAILED (memory).
    """
    reading = _Reading(limits, sink, begin, split=split)
    try:
        for part in parts_of(file):
            try:
                reading.part(file, part)
            except SayItError as error:
                if reading.first is None or error.kind is ErrorKind.AUDIO_TOO_LONG:
                    raise
                reading.warnings.add(UNREAD_DATA)  # what was joined to the file is none, or is broken
                break
    except MemoryError as error:  # Python's and FFmpeg's
        raise SayItError(ErrorKind.DECODING_FAILED, cause="out of memory") from error
    return reading.finish()


def read_live(file: BinaryIO, limits: MediaLimits, sink: Sink, begin: Begin) -> AudioSummary:
    """Decodes Opus in Ogg or WebM as it arrives.

    Args:
        file: a pipe; reading waits for what comes.
        limits: as for `read_audio`.
        sink: takes blocks of a tenth of a second.
        begin: see `Begin`.

    Raises:
        SayItError: as `read_audio`.
    """
    reading = _Reading(limits, sink, begin, split=False, block_bytes=BLOCK_BYTES // 10)
    options = _CONTAINER_OPTIONS | _LIVE_OPTIONS
    head = file.read(4)
    while 0 < len(head) < 4 and (more := file.read(4 - len(head))):
        head += more
    if head not in _LIVE_BEGINNINGS:
        raise SayItError(ErrorKind.INVALID_FORMAT, cause=f"begins with {head!r}")
    try:
        with av.open(
            _Begun(file, head), mode="r", container_options=options, buffer_size=_LIVE_BYTES, io_open=_refuse
        ) as container:
            stream = _usable(container)[0]
            stream.codec_context.thread_count = 1
            reading.frames(container, stream, _Reader(container, stream, limits, None, None), _start_of(container))
    except (av.error.FFmpegError, PermissionError, ValueError) as error:
        raise SayItError(ErrorKind.INVALID_FORMAT, cause=str(error)) from error
    return reading.finish()


class _Begun:
    """A pipe of which the beginning was read."""

    def __init__(self, file: BinaryIO, head: bytes) -> None:
        self._file = file
        self._head = head

    def read(self, size: int) -> bytes:
        """What comes next, at most so much."""
        head, self._head = self._head, b""
        return head or self._file.read(size)


class _Reading:
    """A file that is being decoded, container by container."""

    def __init__(
        self, limits: MediaLimits, sink: Sink, begin: Begin, *, split: bool, block_bytes: int = BLOCK_BYTES
    ) -> None:
        #: The file's own parameters, by its first frame.
        self.first: AudioSummary | None = None
        self.warnings: set[str] = set()
        self._limits = limits
        self._begin = begin
        self._split = split
        self._output = Blocks(limits, sink, block_bytes)
        self._resampler = Resampler()

    def part(self, file: BinaryIO, part: FilePart) -> None:
        """Decodes one container."""
        content = PartFile(file, part)
        with _opened(content) as container:
            usable = _usable(container)
            if len(usable) == 1:
                self._container(container, usable[0], content, part)
                return
            index, others = tracks.chosen(container, usable)
            if others:
                self.warnings.add(TRACKS_LEFT_OUT)
            if index != usable[0].index:
                self.warnings.add(OTHER_TRACK)
        content = PartFile(file, part)
        with _opened(content) as container:
            self._container(container, container.streams[index], content, part)

    def _container(self, container: Any, stream: Any, content: PartFile, part: FilePart) -> None:
        origin_s = _origin_s(container, content)
        stream.codec_context.thread_count = 1
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard["all"]
        empty = EmptyChunks(content, stream.index) if container.format.name == "avi" else None
        reader = _Reader(container, stream, self._limits, self.first, empty)
        end_s = self.frames(container, stream, reader, origin_s)
        if self.first is None and (container.format.name, stream.codec_context.name) == _WITHOUT_LENGTHS:
            raise _unsupported(container, ["raw aac"])
        byte_rate = (stream.codec_context.bit_rate or 0) / 8
        if (part.missing and part.missing > byte_rate / 2) or is_cut_short(
            container, stream, content, end_s=end_s, damaged_end=reader.corrupt_at_end > 0
        ):
            self.warnings.add(TRUNCATED_AUDIO)
        if reader.corrupt:
            self.warnings.add(CORRUPT_PACKETS)
        unread = part.end - part.start - content.furthest
        if part.rest or (container.format.name in _SOUND_ALONE and unread > _UNREAD_BYTES):
            self.warnings.add(UNREAD_DATA)

    def finish(self) -> AudioSummary:
        """What the file was."""
        self._output.audio(self._resampler.flush())
        self._output.finish()
        if self.first is None or self._output.samples == 0:
            raise SayItError(ErrorKind.DAMAGED_FILE, cause="no decodable audio")
        if self._split and self._resampler.changed:
            self.warnings.add(CHANNELS_CHANGED)
        return replace(self.first, samples=self._output.samples, warnings=tuple(sorted(self.warnings)))

    def frames(self, container: Any, stream: Any, reader: _Reader, origin_s: float | None) -> float:
        """Decodes a stream; returns where its audio ends, in seconds from the container's start (`origin_s`)."""
        output, resampler = self._output, self._resampler
        tick_s = float(stream.time_base or 0)
        timeline = Timeline(origin_s)
        for frame, next_frame in _pairs(reader.frames()):
            if self.first is None and reader.first is not None:
                self.first = reader.first
                channels = reader.first.channels if self._split or reader.first.channels == 2 else 1
                resampler.channels = output.channels = channels
                resampler.alike = not self._split
                self._begin(declared_s(container, stream), channels)
            start_s, next_start_s = _start_s(frame, tick_s), _start_s(next_frame, tick_s)
            silence_s = timeline.place(start_s, frame.samples / frame.sample_rate, next_start_s)
            if silence_s:
                output.silence(silence_s)
            output.audio(resampler.convert(frame))
        return timeline.position_s


def _opened(file: PartFile) -> Any:
    try:
        return av.open(
            file,
            mode="r",
            container_options=_CONTAINER_OPTIONS,
            metadata_errors="replace",
            io_open=_refuse,
        )
    except (av.error.FFmpegError, PermissionError, ValueError) as error:
        # FFmpeg's out-of-memory error too: here it is a header that claims more entries or streams than can be.
        file.seek(0)
        head = file.read(12)
        known = head.startswith(_BEGINNINGS) or head[4:8] == b"ftyp" or head[:4] + head[8:] in _CHUNKED
        raise SayItError(ErrorKind.DAMAGED_FILE if known else ErrorKind.INVALID_FORMAT, cause=str(error)) from error


def _start_of(container: Any) -> float | None:
    """Where a container's time begins, in seconds of its clock."""
    start_s = None if container.start_time is None else float(container.start_time / av.time_base)
    return min(start_s, 0.0) if start_s is not None and container.format.name in _FROM_ZERO else start_s


def _origin_s(container: Any, content: PartFile) -> float | None:
    """The same for a whole file.

    Of ASF with H.264, whose pictures have no times but their order, FFmpeg takes the sound's start for the pictures'.
    """
    start_s = _start_of(container)
    if start_s is None or container.format.name != "asf":
        return start_s
    with _opened(content.again()) as peeked:
        first = next(peeked.demux(), None)
    if first is None or first.dts is None:
        return start_s
    return min(start_s, float(first.dts * first.time_base))


def _unsupported(container: Any, names: list[str]) -> SayItError:
    audio = f"{', '.join(names)} ({container.format.name})"
    return SayItError(ErrorKind.UNSUPPORTED_CODEC, cause=audio, audio=audio)


def _usable(container: Any) -> list[Any]:
    """The audio streams that can be decoded, the one that FFmpeg prefers first; at least one.

    Raises:
        SayItError: NO_AUDIO_TRACK, UNSUPPORTED_CODEC, DAMAGED_FILE.
    """
    audio = list(container.streams.audio)
    usable = [one for one in audio if one.codec_context is not None and one.codec_context.name in _DECODERS]
    if not usable:
        if audio:
            names = [one.codec_context.name if one.codec_context is not None else "unknown" for one in audio]
            raise _unsupported(container, names)
        if not container.streams:
            raise SayItError(ErrorKind.DAMAGED_FILE, cause="no stream")
        raise SayItError(ErrorKind.NO_AUDIO_TRACK)
    best = container.streams.best("audio")
    return sorted(usable, key=lambda one: (best is None or one.index != best.index, one.index))


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


class _Reader:
    """Frames of one stream; what cannot be read or decoded is skipped and counted."""

    def __init__(
        self,
        container: Any,
        stream: Any,
        limits: MediaLimits,
        first: AudioSummary | None,
        empty: EmptyChunks | None,
    ) -> None:
        #: Packets and frames that were skipped before the last good one.
        self.corrupt = 0
        #: Packets and frames that were skipped since: a cut end, or data that is not audio behind it.
        self.corrupt_at_end = 0
        #: The file's own parameters, by its first frame.
        self.first = first
        self._container = container
        self._stream = stream
        self._limits = limits
        #: What an AVI's times do not count.
        self._empty = empty

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
                    if self._empty is not None and packet.pts is not None:
                        packet.pts += self._empty.before(packet.pos)
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
