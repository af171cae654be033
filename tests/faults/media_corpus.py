"""Files made to hurt: references to other files and hosts, sizes that lie, little data that claims to be much."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import av

from sayit.speech.errors import ErrorKind

from .media_seeds import media, seeds

_BAD = frozenset({ErrorKind.INVALID_FORMAT, ErrorKind.UNSUPPORTED_CODEC, ErrorKind.DAMAGED_FILE})
_BAD_RATE = _BAD | {ErrorKind.UNSUPPORTED_AUDIO}
#: Decoding what is there is right as well.
_ANYTHING = None


@dataclass(frozen=True, kw_only=True)
class BadFile:
    """One file of the corpus."""

    #: What it tries.
    name: str
    #: Its content.
    content: bytes
    #: The errors it may earn; None if it may also be decoded.
    errors: frozenset[ErrorKind] | None


def corpus(*, canary_file: str, canary_url: str, silence_hours: float) -> Iterator[BadFile]:
    """All files; those that refer to something refer to the canaries, which nobody may touch.

    `silence_hours` is the length of the silent bombs, longer than the length limit they are to be stopped by.
    """
    for name, content in _references(canary_file, canary_url):
        yield BadFile(name=f"refers:{name}", content=content, errors=_BAD)
    for name, content in _no_media():
        yield BadFile(name=f"no-media:{name}", content=content, errors=_BAD)
    for name, content in _movies_that_point_outside(canary_file, canary_url):
        yield BadFile(name=f"points:{name}", content=content, errors=_BAD | {ErrorKind.NO_AUDIO_TRACK})
    for name, content in _lying_wavs():
        yield BadFile(name=f"wav:{name}", content=content, errors=_ANYTHING)
    for name, content in _unsupported():
        yield BadFile(name=f"unsupported:{name}", content=content, errors=_BAD_RATE)
    for name, content in _lying_boxes():
        yield BadFile(name=f"mp4:{name}", content=content, errors=_ANYTHING)
    for name, content in _lying_tags():
        yield BadFile(name=f"tags:{name}", content=content, errors=_ANYTHING)
    silent = media().Recipe(format="mp4", codec="", video="libx264", sound=False)
    yield BadFile(
        name="silent-video", content=media().encode(silent, 0.5), errors=frozenset({ErrorKind.NO_AUDIO_TRACK})
    )
    too_long = frozenset({ErrorKind.AUDIO_TOO_LONG})
    yield BadFile(name="bomb:flac-silence", content=silent_flac(silence_hours), errors=too_long)
    yield BadFile(name="bomb:timestamps", content=leaping_webm(), errors=too_long)
    for name, content in seeds().items():
        for part in range(1, 12):
            yield BadFile(name=f"cut:{name}:{part}/12", content=content[: len(content) * part // 12], errors=_ANYTHING)


def _references(file: str, url: str) -> Iterator[tuple[str, bytes]]:
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n"
    for name, target in (("file", file), ("file-url", f"file://{file}"), ("http", f"{url}/a.wav")):
        yield f"hls-{name}", f"{head}#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n".encode()
        yield f"hls-master-{name}", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n".encode()
        yield f"hls-map-{name}", f'{head}#EXT-X-MAP:URI="{target}"\n#EXTINF:1,\n{target}\n'.encode()
        yield f"concat-{name}", f"ffconcat version 1.0\nfile '{target}'\n".encode()
        yield f"m3u-{name}", f"#EXTM3U\n#EXTINF:1,x\n{target}\n".encode()
        yield f"pls-{name}", f"[playlist]\nFile1={target}\nNumberOfEntries=1\n".encode()
        yield f"asx-{name}", f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'.encode()
        yield f"dash-{name}", _dash(target).encode()
    for protocol in ("concat:", "subfile,,start,0,end,0,,:", "crypto:", "async:", "cache:", "hls+file://"):
        yield f"hls-{protocol[:6]}", f"{head}#EXTINF:10,\n{protocol}{file}\n#EXT-X-ENDLIST\n".encode()
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{url}/key"\n'
    yield "hls-key", f"{head}{key}#EXTINF:10,\n{file}\n#EXT-X-ENDLIST\n".encode()
    host, port = url.removeprefix("http://").split(":")
    sdp = f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    yield "sdp", sdp.encode()
    yield "rtsp", f"RTSP/1.0 302 Found\r\nLocation: rtsp://{host}:{port}/a\r\n\r\n".encode()
    yield "url", f"{url}/a.wav".encode()
    yield "path", file.encode()
    yield "lavfi", f"amovie={file}".encode()
    yield "svg", f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}/x.png"/></svg>'.encode()
    yield "xml-entity", f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file://{file}">]><MPD>&y;</MPD>'.encode()
    yield "imf", f'<AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM">{file}</AssetMap>'.encode()


def _dash(target: str) -> str:
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
        f'contentType="audio"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL><SegmentList>'
        f'<SegmentURL media="{target}"/></SegmentList></Representation></AdaptationSet></Period></MPD>'
    )


def _no_media() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one-byte", b"\0"
    yield "zeros", bytes(200_000)
    yield "ones", b"\xff" * 200_000
    yield "text", b"This is a letter, not a recording.\n" * 2_000
    yield "korean-text", "이것은 녹음이 아니라 편지입니다.\n".encode() * 2_000
    yield "html", b"<!doctype html><html><body>404</body></html>"
    yield "pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(5_000)
    yield "zip", b"PK\x03\x04" + bytes(5_000)
    yield "gzip-bomb", zlib.compress(bytes(10_000_000), 9)
    yield "png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0" + bytes(2_000)
    yield "jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(2_000)
    yield "elf", b"\x7fELF\x02\x01\x01" + bytes(2_000)
    yield "midi", b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x04\0\xff\x2f\0"
    yield "mp3-headers-only", b"\xff\xfb\x90\x64" * 50_000
    yield "wav-without-samples", media().wav(b"")
    yield "wav-header-half", media().wav(b"")[:20]
    yield "flac-marker", b"fLaC"
    yield "ogg-marker", b"OggS" * 10_000
    yield "ftyp-only", _box(b"ftyp", b"M4A \0\0\0\0M4A mp42")
    yield "ebml-only", b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff"


def _movies_that_point_outside(file: str, url: str) -> Iterator[tuple[str, bytes]]:
    """MP4s whose samples lie in another file: by URL, by Macintosh alias, as a reference movie."""
    name = file.encode()
    alias = b"alis" + struct.pack(">I", 0) + _alias(name)
    for kind, entry in (
        ("url-file", b"url " + struct.pack(">I", 0) + b"file://" + name + b"\0"),
        ("url-http", b"url " + struct.pack(">I", 0) + url.encode() + b"/a.wav\0"),
        ("alias", alias),
    ):
        dref = _box(b"dref", struct.pack(">II", 0, 1) + struct.pack(">I", len(entry) + 4) + entry)
        # Only the index: its own samples are gone, the other file alone could supply any.
        index_first = media().Recipe(format="mp4", codec="aac", options={"movflags": "faststart"})
        content = media().encode(index_first, 0.5)
        moov, start = _moov_of(content)
        yield kind, content[:start] + _with_dref(moov, dref)
    for kind, target in (("file", name), ("http", url.encode() + b"/a.mov")):
        rdrf = _box(b"rdrf", struct.pack(">I4sI", 0, b"url ", len(target) + 1) + target + b"\0")
        moov = _box(b"moov", _box(b"rmra", _box(b"rmda", rdrf)))
        yield f"reference-movie-{kind}", _box(b"ftyp", b"qt  \0\0\0\0qt  ") + moov


def _alias(path: bytes) -> bytes:
    """A Macintosh alias record that names `path`, in the form libavformat reads."""
    tail = struct.pack(">HH", 2, len(path)) + path + bytes(len(path) % 2) + struct.pack(">HH", 0xFFFF, 0)
    fixed = bytes(10) + bytes([min(27, len(path))]) + path[:27].ljust(27, b"\0") + bytes(12)
    name = path.rsplit(b"/", 1)[-1][:63]
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    return struct.pack(">H", len(fixed) + len(tail)) + fixed + tail


def _moov_of(content: bytes) -> tuple[bytes, int]:
    """The index box and where it begins."""
    position = 0
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"moov":
            return content[position : position + size], position
        position += size
    raise AssertionError("no moov")


def _with_dref(moov: bytes, dref: bytes) -> bytes:
    """The index with another data reference, all sizes around it corrected."""
    at = moov.index(b"dref") - 4
    old = struct.unpack_from(">I", moov, at)[0]
    grown = bytearray(moov[:at] + dref + moov[at + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        box = moov.index(kind) - 4
        struct.pack_into(">I", grown, box, struct.unpack_from(">I", moov, box)[0] + len(dref) - old)
    return bytes(grown)


def _lying_wavs() -> Iterator[tuple[str, bytes]]:
    wav = media().wav
    samples = bytes(16_000)
    for declared in (1, 15_999, 16_002, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        yield f"declares-{declared}", wav(samples, declared=declared)
    plain = bytearray(wav(samples))
    for offset, size, name in ((16, 4, "fmt-size"), (20, 2, "codec"), (32, 2, "block"), (34, 2, "bits")):
        for value in (0, 1, 3, 0x7FFF, 2 ** (8 * size) - 1):
            lying = plain.copy()
            lying[offset : offset + size] = value.to_bytes(size, "little")
            yield f"{name}-{value}", bytes(lying)
    yield "riffs-in-riffs", wav(wav(wav(samples)))


def _unsupported() -> Iterator[tuple[str, bytes]]:
    wav = media().wav
    for rate in (0, 1, 100, 7_999, 192_001, 2_000_000_000, 0xFFFF_FFFF):
        yield f"{rate}-Hz", wav(bytes(100_000), rate=rate)
    for channels in (0, 9, 64, 65_535):
        yield f"{channels}-channels", wav(bytes(262_140), channels=channels)


def _lying_boxes() -> Iterator[tuple[str, bytes]]:
    """MP4s whose tables claim billions of entries, and boxes inside boxes inside boxes."""
    content = seeds()["m4a"]
    for table, offset in ((b"stsz", 12), (b"stts", 8), (b"stsc", 8), (b"stco", 8), (b"elst", 8), (b"dref", 8)):
        at = content.find(table)
        if at < 0:
            continue
        for value in (0, 1_000_000, 0x0FFF_FFFF, 0xFFFF_FFFF):
            lying = bytearray(content)
            struct.pack_into(">I", lying, at + offset, value)
            yield f"{table.decode()}-{value}", bytes(lying)
    nested = b""
    for _ in range(5_000):
        nested = _box(b"moov", nested)
    yield "nested", _box(b"ftyp", b"isom\0\0\0\0isom") + nested
    zipped = zlib.compress(bytes(50_000_000), 9)
    dcom = _box(b"dcom", b"zlib")
    for claim in (50_000_000, 0x7FFF_FFFF, 0xFFFF_FFF0):
        cmov = _box(b"cmov", dcom + _box(b"cmvd", struct.pack(">I", claim) + zipped))
        yield f"zipped-index-{claim}", _box(b"ftyp", b"qt  \0\0\0\0qt  ") + _box(b"moov", cmov)
    yield "huge-box", _box(b"ftyp", b"isom\0\0\0\0isom") + struct.pack(">I4sQ", 1, b"mdat", 2**62) + bytes(1_000)
    tracks = b"".join(_box(b"trak", _box(b"tkhd", bytes(84))) for _ in range(20_000))
    yield "20000-tracks", _box(b"ftyp", b"isom\0\0\0\0isom") + _box(b"moov", tracks)


def _lying_tags() -> Iterator[tuple[str, bytes]]:
    """Sizes in tags, and pages of a thousand streams."""
    mp3, flac, ogg = seeds()["mp3"], seeds()["flac"], seeds()["ogg-opus"]
    for version in (2, 3, 4):
        yield f"id3v2.{version}-256-MB", b"ID3" + bytes([version, 0, 0]) + b"\x7f\x7f\x7f\x7f" + mp3
        frame = b"APIC" + b"\x7f\x7f\x7f\x7f" + bytes(2) + bytes(100)
        yield f"id3v2.{version}-picture", b"ID3" + bytes([version, 0, 0]) + b"\0\x7f\x7f\x7f" + frame + mp3
    for kind in range(1, 7):
        yield f"flac-block-{kind}-16-MB", flac[:42] + bytes([kind]) + b"\xff\xff\xff" + flac[42:]
    page = bytearray(ogg[: ogg.index(b"OggS", 4)])
    pages = b""
    for serial in range(1_000):
        struct.pack_into("<I", page, 14, serial)
        pages += _with_ogg_checksum(page)
    yield "1000-ogg-streams", pages + ogg
    size_claims = bytearray(ogg)
    at = size_claims.index(b"OpusTags") + 8
    struct.pack_into("<I", size_claims, at, 0xFFFF_FFFF)
    yield "opus-tags-4-GB", bytes(size_claims)


def _with_ogg_checksum(page: bytearray) -> bytes:
    struct.pack_into("<I", page, 22, 0)
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFF_FFFF) ^ _ogg_table()[checksum >> 24 ^ byte]
    struct.pack_into("<I", page, 22, checksum)
    return bytes(page)


@cache
def _ogg_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        remainder = value << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C1_1DB7 if remainder & 0x8000_0000 else 0)) & 0xFFFF_FFFF
        table.append(remainder)
    return tuple(table)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


@cache
def silent_flac(hours: float) -> bytes:
    """Hours of silence in a few hundred kilobytes."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream: Any = container.add_stream("flac", rate=8_000, layout="mono")
        stream.codec_context.format = "s16"
        stream.codec_context.open()
        size = stream.codec_context.frame_size
        frame = av.AudioFrame(format="s16", layout="mono", samples=size)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.time_base = 8_000, Fraction(1, 8_000)
        for index in range(round(hours * 3_600 * 8_000 / size)):
            frame.pts = index * size
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


@cache
def leaping_webm() -> bytes:
    """A second of Opus whose packets lie nine minutes apart: hours of gaps to fill in a few kilobytes."""
    out = io.BytesIO()
    source: Any
    with av.open(io.BytesIO(seeds()["webm-opus"])) as source, av.open(out, "w", format="webm") as target:
        copy = target.add_stream_from_template(source.streams.audio[0])
        for index, packet in enumerate(source.demux(audio=0)):
            if packet.dts is not None:
                packet.stream = copy
                packet.time_base = Fraction(1, 1_000)
                packet.pts = packet.dts = index * 540_000
                target.mux(packet)
    return out.getvalue()
